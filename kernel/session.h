/* SPDX-License-Identifier: GPL-2.0-only */
/* An open /dev/ckpt. */
#ifndef _CKPT_SESSION_H
#define _CKPT_SESSION_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/wait.h>

struct ckpt_ctx;
struct file;
struct pid;
struct task_struct;

/**
 * struct ckpt_session - an open /dev/ckpt
 * @lock: protects all that follows
 * @lease: "cgroup.freeze" of the group to thaw when the session ends, or NULL
 * @owner: process that opened it: the coordinator of a restart
 * @coordinating: a coordinator is at work
 * @joined: task that waits for the coordinator, with a reference
 * @ctx: the restart, once the coordinator hands it over to the task
 * @wait: the task waits for @ctx, the coordinator for @joined
 * @done: the task is through with @ctx
 * @result: how it went: 0 or a negative errno
 */
struct ckpt_session {
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

#endif /* _CKPT_SESSION_H */
