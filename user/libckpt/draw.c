// SPDX-License-Identifier: GPL-2.0-only
/* Trees on a terminal: lines lead from each to those below it. */
#include <stdlib.h>
#include <string.h>
#include "draw.h"

#define DEPTH_MAX 40 /* what is deeper is drawn there */

/* One of the tree; others are named by their index, -1 is none. */
struct branch {
	int parent, first, last, next, depth;
};

static struct branch *branches(int nr, const int *parent)
{
	struct branch *b = calloc(nr + 1, sizeof(*b));
	int i, p;

	for (i = 0; b && i < nr; i++) {
		p = parent[i] < i ? parent[i] : -1;
		b[i] = (struct branch){ p, -1, -1, -1, 0 };
		if (p < 0)
			continue;
		b[i].depth = b[p].depth + 1;
		if (b[p].last >= 0)
			b[b[p].last].next = i;
		else
			b[p].first = i;
		b[p].last = i;
	}
	return b;
}

static void draw_one(const struct branch *b, int i, ckpt_draw_fn print,
		     void *arg)
{
	int at = i, depth = b[i].depth;
	char line[2 * DEPTH_MAX + 1];
	const char *part;

	memset(line, ' ', sizeof(line));
	line[2 * (depth < DEPTH_MAX ? depth : DEPTH_MAX)] = 0;
	for (; depth > 0; at = b[at].parent, depth--) {
		part = b[at].next >= 0 ? "|-" : "`-";
		if (at != i)
			part = b[at].next >= 0 ? "| " : "  ";
		if (depth <= DEPTH_MAX)
			memcpy(line + 2 * depth - 2, part, 2);
	}
	print(arg, i, line);
}

/* Each before those below it; without recursion, whatever the depth. */
static void draw_below(const struct branch *b, int at, ckpt_draw_fn print,
		       void *arg)
{
	while (at >= 0) {
		draw_one(b, at, print, arg);
		if (b[at].first >= 0) {
			at = b[at].first;
			continue;
		}
		while (at >= 0 && b[at].next < 0)
			at = b[at].parent;
		if (at >= 0)
			at = b[at].next;
	}
}

/**
 * ckpt_draw() - print a tree, or several
 * @nr: how many there are
 * @parent: for each of them an index below its own, or -1
 * @print: prints one
 * @arg: its argument
 */
void ckpt_draw(int nr, const int *parent, ckpt_draw_fn print, void *arg)
{
	struct branch *b = branches(nr, parent);
	int i;

	for (i = 0; b && i < nr; i++)
		if (b[i].parent < 0)
			draw_below(b, i, print, arg);
	free(b);
}
