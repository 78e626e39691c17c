// SPDX-License-Identifier: GPL-2.0-only
/*
 * Becomes the program in the image on standard input, much as execve() would:
 *
 *	self_restart < self.image
 */
#include <stdio.h>
#include <unistd.h>
#include <ckpt.h>

int main(void)
{
	const struct ckpt_restart_opts opts = {
		.fd = STDIN_FILENO,
		.flags = CKPT_RESTART_IN_PLACE,
	};
	int status;

	ckpt_restart(&opts, &status);
	fprintf(stderr, "self_restart: %s\n", ckpt_error());
	return 1;
}
