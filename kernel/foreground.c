// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process group in the foreground of a terminal.
 *
 * A terminal is no part of an image; which group stood in the foreground of its
 * controlling terminal is.  At the restart it gets that place of the
 * coordinator's own group, where that has it: what tcsetpgrp(3) would let the
 * coordinator do, but before the program runs and may read.
 *
 * Locking: siglock for a task's terminal; tasklist_lock for groups and sessions,
 * tty->ctrl.lock within it.
 */
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include "ckpt.h"
#include "sighand.h"
#include "tree.h"
#include "tree_restart.h"

/**
 * ckpt_foreground() - is a process in the foreground of its terminal?
 * @t: a thread of it
 *
 * Return: yes or no; no if there is no terminal.
 */
bool ckpt_foreground(struct task_struct *t)
{
	struct tty_struct *tty;
	struct sighand_struct *sighand;
	struct pid *pgrp = NULL;
	unsigned long flags;
	bool same = false;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return false;
	tty = tty_kref_get(t->signal->tty);
	spin_unlock_irqrestore(&sighand->siglock, flags);
	if (tty)
		pgrp = tty_get_pgrp(tty);
	if (pgrp) {
		rcu_read_lock();
		same = task_pgrp(t) == pgrp;
		rcu_read_unlock();
	}
	put_pid(pgrp);
	tty_kref_put(tty);
	return same;
}

/* One whose group was in the foreground, or else the root. */
static const struct ckpt_tree_task *chosen(const struct ckpt_ctx *ctx)
{
	const struct ckpt_tree_task *tree = ctx->restart->tree;
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++)
		if (tree[i].rec.flags & CKPT_TREE_FOREGROUND)
			return &tree[i];
	return tree;
}

/* Under tasklist_lock. */
static struct pid *hand_over(struct tty_struct *tty, struct task_struct *t)
{
	struct pid *session = task_session(current), *old = NULL;

	if (!pid_alive(t) || task_session(t) != session)
		return NULL;
	spin_lock_irq(&tty->ctrl.lock);
	if (tty->ctrl.session == session &&
	    tty->ctrl.pgrp == task_pgrp(current)) {
		old = tty->ctrl.pgrp;
		tty->ctrl.pgrp = get_pid(task_pgrp(t));
	}
	spin_unlock_irq(&tty->ctrl.lock);
	return old;
}

/**
 * ckpt_foreground_commit() - let a group of the tree have the terminal
 * @ctx: restart, whose tasks are in their groups; they do not run yet
 *
 * With RESTART_FOREGROUND only: the coordinator takes it back when all is over.
 */
void ckpt_foreground_commit(struct ckpt_ctx *ctx)
{
	struct tty_struct *tty;
	struct pid *old;

	if (!(ctx->flags & RESTART_FOREGROUND))
		return;
	tty = get_current_tty();
	if (!tty)
		return;
	read_lock(KDATA(tasklist_lock));
	old = hand_over(tty, chosen(ctx)->task);
	read_unlock(KDATA(tasklist_lock));
	put_pid(old);
	tty_kref_put(tty);
}
