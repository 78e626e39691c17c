/* SPDX-License-Identifier: GPL-2.0-only */
/* An open /dev/ckpt. */
#ifndef _CKPT_SESSION_H
#define _CKPT_SESSION_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include "ckpt.h"

struct ckpt_ctx;
struct pid;
struct task_struct;

/**
 * struct ckpt_progress - how far the operation of a session has come
 * @phase: CKPT_PROGRESS_*
 * @done: bytes of the image written or read
 * @expected: about how many it will be, or 0
 */
struct ckpt_progress {
	atomic_t phase;
	atomic64_t done;
	atomic64_t expected;
};

/**
 * struct ckpt_session - an open /dev/ckpt
 * @progress: of the operation; the only part that is read without @lock
 * @lock: protects all that follows
 * @leases: what is written to files of cgroups when the session ends
 * @nr_leases: how many
 * @owner: process that opened it: the coordinator of a restart
 * @coordinating: a coordinator is at work
 * @abandoned: and has given up: who comes now is killed
 * @joined: tasks that take part in its restart, or wait for it
 * @nr_joined: how many
 * @pending: tasks that have not come back from the step they were given
 * @error: the first failure of a step: 0 or a negative errno
 * @killed: the task that failed first, if that was for being killed
 * @wait: the coordinator waits for @joined and @pending
 * @snapshot: checkpoint that is to be streamed, or NULL
 */
struct ckpt_session {
	struct ckpt_progress progress;
	struct mutex lock; /* of all the rest */
	struct list_head leases;
	unsigned int nr_leases;
	struct pid *owner;
	bool coordinating;
	bool abandoned;
	struct list_head joined;
	unsigned int nr_joined;
	unsigned int pending;
	int error;
	struct ckpt_tree_task *killed;
	wait_queue_head_t wait;
	struct ckpt_ctx *snapshot;
};

/**
 * struct ckpt_joined - a task that takes part in a restart
 * @list: in session->joined
 * @task: the task; it leaves the list before it leaves the ioctl
 * @image_pid: which task of the image it is to become
 * @ghost: it only holds that pid
 * @row: its row of the tree, once the coordinator has found it
 * @step: step that it was given
 * @busy: and from which it has not come back
 * @go: it has been given a step
 *
 * On the task's stack; session->lock protects all but @go.
 */
struct ckpt_joined {
	struct list_head list;
	struct task_struct *task;
	s32 image_pid;
	bool ghost;
	struct ckpt_tree_task *row;
	enum ckpt_step step;
	bool busy;
	struct completion go;
};

/* lease.c */
long ckpt_lease_ioctl(struct ckpt_session *session, void __user *uarg,
		      u32 size);
void ckpt_leases_end(struct ckpt_session *session);

/* dev.c: for the operation, which owns the numbers while it runs */
void ckpt_progress_phase(struct ckpt_ctx *ctx, u32 phase, u64 expected);
void ckpt_progress_done(struct ckpt_ctx *ctx, u64 bytes);

#endif /* _CKPT_SESSION_H */
