// SPDX-License-Identifier: GPL-2.0-only
/*
 * A busy program that is checkpointed, killed and restarted in its old place,
 * again and again; nothing may grow.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "stress.h"

#define WARM_UP 10

/* One cycle; @restart is the tool that has the program now, if any. */
static bool cycle(struct target *t, struct tool *restart)
{
	char pid[16];
	const char *const save[] = { "checkpoint", "--kill", "-o",
				     "image",	   pid,	     NULL };
	const char *const back[] = { "restart", "-i", "image", NULL };

	snprintf(pid, sizeof(pid), "%d", t->pid);
	if (run(save)) {
		char text[256];

		read_text("quiet.msg", text, sizeof(text));
		wrong("a checkpoint fails: %s", text);
		return false;
	}
	if (t->alive) {
		target_kill(t);
	} else {
		tool_wait(restart);
		if (restart->status != 128 + 9)
			wrong("status %d of a killed program", restart->status);
	}
	tool_start(restart, "message", back);
	if (beats(60))
		return true;
	stuck("a program restarted in its place");
	return false;
}

/* The last one ends it: it has verified itself all the while. */
static void finish(struct target *t, struct tool *restart)
{
	close(open("end", O_WRONLY | O_CREAT, 0600));
	if (restart->pid) {
		tool_wait(restart);
		if (restart->status)
			wrong("the program ends with %d", restart->status);
	}
	target_kill(t);
}

void cycles(const char *const argv[], unsigned int nr)
{
	struct target t = { .argv = argv };
	struct tool restart = { 0 };
	unsigned int i, step = nr / 4 > 100 ? nr / 4 : nr;
	bool good;

	target_start(&t);
	good = beats(20);
	if (!good)
		stuck("the program");
	for (i = 0; good && i < WARM_UP; i++)
		good = cycle(&t, &restart);
	growth_begin();
	for (i = 1; good && i <= nr; i++) {
		good = cycle(&t, &restart);
		if (good && (i % step == 0 || i == nr))
			growth_end("cycles", i);
	}
	finish(&t, &restart);
}
