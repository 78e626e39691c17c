// SPDX-License-Identifier: GPL-2.0-only
/* Trees as ckptinfo draws them. */
#include <stdio.h>
#include <string.h>
#include "draw.h"
#include "tap.h"

struct text {
	char at[4096];
	size_t len;
	int lines;
};

static void add(void *arg, int i, const char *line)
{
	struct text *t = arg;

	t->lines++;
	if (t->len < sizeof(t->at) - 256)
		t->len += sprintf(t->at + t->len, "%s%d\n", line, i);
}

static void draws(const char *what, int nr, const int *parent, const char *want)
{
	struct text t = { .len = 0 };

	ckpt_draw(nr, parent, add, &t);
	tap_ok(!strcmp(t.at, want), "%s", what);
	if (strcmp(t.at, want))
		tap_note("%s", t.at);
}

/* However deep, every one is there once. */
static void test_deep(void)
{
	static int parent[32768];
	struct text t = { .len = 0 };
	int i;

	for (i = 0; i < 32768; i++)
		parent[i] = i - 1;
	ckpt_draw(32768, parent, add, &t);
	tap_ok(t.lines == 32768, "a chain of 32768");
}

int main(void)
{
	static const int one[] = { -1 }, tree[] = { -1, 0, 1, 0, 1, 3 },
			 two[] = { -1, 0, -1, 2 }, bad[] = { -1, 1, 5, 0 };

	draws("nobody", 0, NULL, "");
	draws("one", 1, one, "0\n");
	draws("a tree", 6, tree, "0\n|-1\n| |-2\n| `-4\n`-3\n  `-5\n");
	draws("two trees", 4, two, "0\n`-1\n2\n`-3\n");
	draws("parents that come later are none", 4, bad, "0\n`-3\n1\n2\n");
	test_deep();
	return tap_end();
}
