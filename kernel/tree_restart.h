/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree of tasks at a restart: what the image says of it. */
#ifndef _CKPT_TREE_RESTART_H
#define _CKPT_TREE_RESTART_H

#include <linux/bits.h>
#include <linux/ckpt_image.h>
#include "ckpt.h"

struct ckpt_joined;

/**
 * struct ckpt_tree_task - a row of the tree
 * @rec: its record, without pids[]
 * @owns: BIT(CKPT_OBJ_*): the objects that it is the first living user of, and
 *	which it puts in place
 * @nr_threads: of its process, in the tree; at the process' first row
 * @process_dead: a zombie, and not only the leader of living threads
 * @dead_signals: the signals that those of its children sent it when they
 *	ended; at the process' first row
 * @task: the task, held, once it has joined
 * @joined: its entry in the session, while it takes part; session->lock
 * @view: its view of the operation
 */
struct ckpt_tree_task {
	struct ckpt_hdr_tree_task rec;
	unsigned long owns;
	u32 nr_threads;
	bool process_dead;
	u64 dead_signals;
	struct task_struct *task;
	struct ckpt_joined *joined;
	struct ckpt_ctx *view;
};

/**
 * struct ckpt_ghost - a leader of a group or session that is dead
 * @pid: in the image
 * @task: the task that holds the pid meanwhile, held, once it has joined
 */
struct ckpt_ghost {
	s32 pid;
	struct task_struct *task;
};

int ckpt_tree_read(struct ckpt_ctx *ctx);
void ckpt_tree_forget(struct ckpt_ctx *ctx);
struct ckpt_tree_task *ckpt_tree_lookup(struct ckpt_ctx *ctx, s32 pid);
struct ckpt_ghost *ckpt_tree_ghost(struct ckpt_ctx *ctx, s32 pid);
u32 ckpt_tree_nr_ghosts(const struct ckpt_ctx *ctx);
int ckpt_tree_check_made(struct ckpt_ctx *ctx);
void ckpt_tree_commit_last_pid(struct ckpt_ctx *ctx);
int ckpt_tree_commit_groups(struct ckpt_ctx *ctx);

/* foreground.c */
void ckpt_foreground_commit(struct ckpt_ctx *ctx);

/* The first living thread of a living process, of which @leader is the row. */
static inline struct ckpt_tree_task *
ckpt_tree_first_thread(struct ckpt_tree_task *leader)
{
	/* it can be the leader alone that has exited */
	return leader->rec.exit_state ? leader + 1 : leader;
}

static inline bool ckpt_tree_owns(const struct ckpt_ctx *ctx,
				  enum ckpt_obj_type type)
{
	return ctx->restart->task->owns & BIT(type);
}

#endif /* _CKPT_TREE_RESTART_H */
