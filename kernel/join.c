// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restart: the tasks that take part in it.
 *
 * Each comes by the ioctl, and waits for the steps that the coordinator
 * (coordinate.c) gives it.  It leaves the session before it leaves the ioctl;
 * what the session knows of it is on its stack.
 *
 * Lock order: session->lock, nothing inside.
 */
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/wait.h>
#include "ckpt.h"
#include "session.h"
#include "tree_restart.h"

#define LOOK_AGAIN (HZ / 100)

/* One that is dead has its pid until it is waited for. */
static bool owner_lives(struct ckpt_session *session)
{
	struct task_struct *t;
	bool lives;

	rcu_read_lock();
	t = pid_task(session->owner, PIDTYPE_TGID);
	lives = t && !(READ_ONCE(t->exit_state) && thread_group_empty(t));
	rcu_read_unlock();
	return lives;
}

/* Wait until the freezer reaches us: not a step in user space before. */
static void await_freeze(struct ckpt_session *session)
{
	while (!(READ_ONCE(current->jobctl) & JOBCTL_TRAP_FREEZE) &&
	       !fatal_signal_pending(current)) {
		if (!owner_lives(session))
			send_sig(SIGKILL, current, 1);
		schedule_timeout_killable(LOOK_AGAIN);
	}
}

static int join(struct ckpt_session *session, struct ckpt_joined *j)
{
	bool late;

	init_completion(&j->go);
	mutex_lock(&session->lock);
	late = session->abandoned;
	if (!late) {
		list_add_tail(&j->list, &session->joined);
		WRITE_ONCE(session->nr_joined, session->nr_joined + 1);
	}
	mutex_unlock(&session->lock);
	if (late) {
		send_sig(SIGKILL, current, 1);
		return -EINTR;
	}
	wake_up_all(&session->wait);
	return 0;
}

/* Under session->lock: the coordinator knows of it no more. */
static void leave(struct ckpt_session *session, struct ckpt_joined *j)
{
	list_del(&j->list);
	WRITE_ONCE(session->nr_joined, session->nr_joined - 1);
	if (j->row)
		j->row->joined = NULL;
}

/* One that fails may take its threads along: what it has found tells more. */
static void come_back(struct ckpt_session *session, struct ckpt_joined *j,
		      int err, bool killed, bool last)
{
	mutex_lock(&session->lock);
	if (err && (!session->error || (session->killed && !killed))) {
		session->error = err;
		session->killed = killed ? j->row : NULL;
	}
	j->busy = false;
	WRITE_ONCE(session->pending, session->pending - 1);
	if (last)
		leave(session, j);
	mutex_unlock(&session->lock);
	wake_up_all(&session->wait);
}

/*
 * Wait for the next step.  One that is killed, or whose coordinator has gone,
 * gives up what it has; if it was given a step meanwhile, that step has failed.
 */
static int await_step(struct ckpt_session *session, struct ckpt_joined *j)
{
	struct ckpt_ctx *view;
	long left;
	bool busy;

	do
		left = wait_for_completion_killable_timeout(&j->go, HZ);
	while (!left && owner_lives(session));
	if (left > 0)
		return 0;
	mutex_lock(&session->lock);
	busy = j->busy;
	view = j->row ? j->row->view : NULL;
	mutex_unlock(&session->lock);
	/* the coordinator frees the view when we have left */
	if (view)
		ckpt_restart_undo(view, -EINTR);
	if (!busy) {
		mutex_lock(&session->lock);
		busy = j->busy;
		if (!busy)
			leave(session, j);
		mutex_unlock(&session->lock);
	}
	if (busy)
		come_back(session, j, -EINTR, true, true);
	else
		wake_up_all(&session->wait);
	return -EINTR;
}

static int take_part(struct ckpt_session *session, struct ckpt_joined *j,
		     long *ret)
{
	struct ckpt_ctx *view;
	bool freeze, last;
	int err;

	for (;;) {
		err = await_step(session, j);
		if (err)
			return err;
		view = j->ghost ? NULL : j->row->view;
		freeze = view && view->flags & RESTART_FROZEN;
		err = view ? ckpt_restart_step(view, j->step, ret) : 0;
		last = err || j->ghost || j->step == CKPT_STEP_GO ||
		       j->step == CKPT_STEP_EXIT;
		come_back(session, j, err, err && view->restart->killed, last);
		if (!last)
			continue;
		if (!err && freeze && j->step == CKPT_STEP_GO)
			await_freeze(session);
		return err;
	}
}

/**
 * ckpt_restart_join() - CKPT_IOC_RESTART of a task of the tree
 * @session: session
 * @arg: argument: which task it is to become
 *
 * Return: what the task's own interrupted call returns; 0 for a ghost whose
 * time is over, and for a leader that is to exit before its threads; or a
 * negative errno.
 */
long ckpt_restart_join(struct ckpt_session *session,
		       const struct ckpt_ioc_restart *arg)
{
	struct ckpt_joined j = {
		.task = current,
		.image_pid = arg->task ?: task_pid_vnr(current),
		.ghost = arg->flags & RESTART_GHOST,
	};
	int pdeath_signal = current->pdeath_signal;
	long ret = 0;
	int err;

	if (task_tgid(current) == session->owner)
		return -EINVAL;
	/* the death of who made us must not leave us here */
	current->pdeath_signal = SIGKILL;
	err = join(session, &j);
	if (!err)
		err = take_part(session, &j, &ret);
	if (!err)
		return ret;
	current->pdeath_signal = pdeath_signal;
	return err;
}
