/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree of tasks, at a checkpoint: what its pieces know of each other. */
#ifndef _CKPT_TREE_H
#define _CKPT_TREE_H

#include <linux/pid.h>
#include <linux/types.h>

struct ckpt_ctx;
struct ckpt_tree_entry;
struct task_struct;
struct timens_offsets;

/* tree_walk.c */
int ckpt_tree_find(struct ckpt_ctx *ctx);
int ckpt_tree_groups(struct ckpt_ctx *ctx);
int ckpt_tree_unchanged(struct ckpt_ctx *ctx);
bool ckpt_tree_group_outside(struct ckpt_ctx *ctx, struct task_struct *t,
			     enum pid_type type);
struct ckpt_tree_entry *ckpt_tree_at(struct ckpt_ctx *ctx, u32 i);

/* tree_frozen.c */
int ckpt_tree_check_frozen(struct ckpt_ctx *ctx);
int ckpt_tree_still_frozen(struct ckpt_ctx *ctx);

/* tree.c */
int ckpt_tree_collect(struct ckpt_ctx *ctx);
int ckpt_tree_save(struct ckpt_ctx *ctx);
bool ckpt_tree_first_of(const struct ckpt_ctx *ctx, u32 i);
int ckpt_tree_exit_signal(struct task_struct *t);
const struct timens_offsets *ckpt_tree_timens(struct ckpt_ctx *ctx);

/* foreground.c */
bool ckpt_foreground(struct task_struct *t);

/* leak.c */
int ckpt_leak(struct ckpt_ctx *ctx, const char *what, unsigned int inside,
	      unsigned int users);

#endif /* _CKPT_TREE_H */
