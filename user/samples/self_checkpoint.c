// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that checkpoints itself to standard output when it has counted to
 * two, and says in its own file which side of the checkpoint it is on:
 *
 *	self_checkpoint > self.image &
 *	self_restart < self.image
 *
 * It closes the terminal's descriptors first, since an image can hold files,
 * not terminals.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ckpt.h>

#define OUTPUT "/tmp/cr-self.out"
#define CHECKPOINT_AT 2
#define COUNT_END 1000

/* Line by line: what is in a buffer would be written twice. */
static FILE *open_output(void)
{
	FILE *out;

	unlink(OUTPUT);
	out = fopen(OUTPUT, "w+");
	if (out)
		setlinebuf(out);
	return out;
}

int main(void)
{
	FILE *out;
	int i, ret;

	close(STDIN_FILENO);
	close(STDERR_FILENO);
	out = open_output();
	if (!out)
		return 1;
	fprintf(out, "hello, world!\n");
	for (i = 0; i < COUNT_END; i++) {
		sleep(1);
		fprintf(out, "count %d\n", i);
		if (i != CHECKPOINT_AT)
			continue;
		ret = ckpt_self(STDOUT_FILENO, CHECKPOINT_SUBTREE);
		if (ret < 0) {
			fprintf(out, "checkpoint: %s\n", strerror(errno));
			return 2;
		}
		fprintf(out, "checkpoint ret: %d\n", ret);
	}
	return 0;
}
