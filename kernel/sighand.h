/* SPDX-License-Identifier: GPL-2.0-only */
/* Locking the signals of a task that may be killed any moment. */
#ifndef _CKPT_SIGHAND_H
#define _CKPT_SIGHAND_H

#include <linux/sched/signal.h>
#include "ksym.h"

struct ckpt_ctx;

/* What neither a checkpoint nor a restart takes. */
#define CKPT_SIGHAND_SHARED \
	"sharing them between two processes of several threads"

int ckpt_sighand_collect_shared(struct ckpt_ctx *ctx);

/**
 * ckpt_lock_sighand() - take a task's siglock
 * @t: task
 * @flags: interrupt state, for spin_unlock_irqrestore()
 *
 * Return: its handlers, locked, or NULL when the task is gone.
 */
static inline struct sighand_struct *ckpt_lock_sighand(struct task_struct *t,
						       unsigned long *flags)
{
	struct sighand_struct *sighand = K(__lock_task_sighand)(t, flags);

	(void)__cond_lock(&sighand->siglock, sighand);
	return sighand;
}

/* Current's own, which nobody can take away. */
static inline struct sighand_struct *ckpt_own_sighand(void)
{
	return rcu_dereference_protected(current->sighand, true);
}

#endif /* _CKPT_SIGHAND_H */
