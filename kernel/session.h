/* SPDX-License-Identifier: GPL-2.0-only */
/* An open /dev/ckpt. */
#ifndef _CKPT_SESSION_H
#define _CKPT_SESSION_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/wait.h>

struct ckpt_ctx;
struct file;
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
 * @lease: freezer file of the group to thaw when the session ends, or NULL
 * @owner: process that opened it: the coordinator of a restart
 * @coordinating: a coordinator is at work
 * @joined: task that waits for the coordinator, with a reference
 * @ctx: the restart, once the coordinator hands it over to the task
 * @wait: the task waits for @ctx, the coordinator for @joined
 * @done: the task is through with @ctx
 * @result: how it went: 0 or a negative errno
 */
struct ckpt_session {
	struct ckpt_progress progress;
	struct mutex lock; /* of all the rest */
	struct file *lease;
	struct pid *owner;
	bool coordinating;
	struct task_struct *joined;
	struct ckpt_ctx *ctx;
	wait_queue_head_t wait;
	struct completion done;
	int result;
};

/* dev.c: for the operation, which owns the numbers while it runs */
void ckpt_progress_phase(struct ckpt_ctx *ctx, u32 phase, u64 expected);
void ckpt_progress_done(struct ckpt_ctx *ctx, u64 bytes);

#endif /* _CKPT_SESSION_H */
