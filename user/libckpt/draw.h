/* SPDX-License-Identifier: GPL-2.0-only */
/* Trees on a terminal. */
#ifndef _LIBCKPT_DRAW_H
#define _LIBCKPT_DRAW_H

/**
 * typedef ckpt_draw_fn - prints a line
 * @arg: as given
 * @i: which one
 * @line: what leads to it, to be printed before its name
 */
typedef void (*ckpt_draw_fn)(void *arg, int i, const char *line);

void ckpt_draw(int nr, const int *parent, ckpt_draw_fn print, void *arg);

#endif /* _LIBCKPT_DRAW_H */
