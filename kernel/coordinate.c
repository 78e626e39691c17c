// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restart: who does what.
 *
 * The coordinator (the tool) has made the task, which joins the session and
 * waits.  The coordinator reads the head of the image, hands the operation
 * over, and waits in turn until the task has become what the image says, or
 * not.  Should the coordinator be killed, the task is; should the task die,
 * the coordinator is told.  In a self restart one task does it all.
 *
 * The operation belongs to the coordinator; between the hand-over and @done
 * only the task touches it.
 *
 * Lock order: session->lock, nothing inside.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "ckpt.h"
#include "ksym.h"
#include "session.h"

#define JOIN_TIMEOUT (10 * HZ)
#define LOOK_AGAIN (HZ / 10)

/* ---- what the caller hands in ---- */

static int open_image(struct ckpt_ctx *ctx, int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ckpt_fail(ctx, -EBADF, "image", "%d is not open", fd);
	ctx->in.file = file;
	if (!(file->f_mode & FMODE_READ) || !file->f_op->read_iter ||
	    file->f_op == ctx->dev_file->f_op)
		return ckpt_fail(ctx, -EBADF, "image",
				 "descriptor %d cannot be read", fd);
	return 0;
}

static int copy_head(struct ckpt_ctx *ctx, const struct ckpt_ioc_restart *arg)
{
	void *head;

	if (!arg->head_len)
		return 0;
	if (arg->head_len > CKPT_HEAD_MAX)
		return ckpt_fail(ctx, -EINVAL, "image", "a head of %u bytes",
				 arg->head_len);
	head = kvmalloc(arg->head_len, GFP_KERNEL_ACCOUNT);
	if (!head)
		return ckpt_fail(ctx, -ENOMEM, "image",
				 "out of memory for its head");
	ctx->in.head = head;
	if (copy_from_user(head, u64_to_user_ptr(arg->head), arg->head_len))
		return ckpt_fail(ctx, -EFAULT, "image", "bad address of head");
	ctx->in.head_len = arg->head_len;
	return 0;
}

static int take_inherited(struct ckpt_ctx *ctx,
			  const struct ckpt_ioc_restart *arg)
{
	struct ckpt_inherit __user *from = u64_to_user_ptr(arg->inherit);
	struct ckpt_restart *r = ctx->restart;
	struct ckpt_inherit one;
	unsigned int i;

	if (arg->nr_inherit > CKPT_INHERIT_MAX)
		return ckpt_fail(ctx, -EINVAL, "inherit-fd", "too many");
	r->inherited = kcalloc(arg->nr_inherit, sizeof(*r->inherited),
			       GFP_KERNEL_ACCOUNT);
	if (arg->nr_inherit && !r->inherited)
		return ckpt_fail(ctx, -ENOMEM, "inherit-fd", "out of memory");
	for (i = 0; i < arg->nr_inherit; i++) {
		if (copy_from_user(&one, from + i, sizeof(one)))
			return ckpt_fail(ctx, -EFAULT, "inherit-fd",
					 "bad address");
		r->inherited[i].image_fd = one.image_fd;
		r->inherited[i].file = fget(one.fd);
		if (!r->inherited[i].file)
			return ckpt_fail(ctx, -EBADF, "inherit-fd",
					 "descriptor %d is not open", one.fd);
		r->nr_inherited++;
	}
	return 0;
}

static void restart_free(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->restart;
	int i;

	if (r) {
		for (i = 0; i < r->nr_inherited; i++)
			fput(r->inherited[i].file);
		kfree(r->inherited);
		if (r->task_image)
			ckpt_task_image_free(r->task_image);
	}
	ckpt_ctx_free(ctx);
	kfree(r);
}

static struct ckpt_ctx *restart_alloc(struct file *dev_file,
				      const struct ckpt_ioc_restart *arg)
{
	struct ckpt_ctx *ctx = ckpt_ctx_alloc(dev_file, arg->logfd);
	int err;

	if (IS_ERR(ctx))
		return ctx;
	ctx->restarting = true;
	ctx->flags = arg->flags;
	ctx->restart = kzalloc(sizeof(*ctx->restart), GFP_KERNEL_ACCOUNT);
	err = ctx->restart ? open_image(ctx, arg->fd) : -ENOMEM;
	if (!err)
		err = copy_head(ctx, arg);
	if (!err)
		err = take_inherited(ctx, arg);
	if (!err)
		return ctx;
	restart_free(ctx);
	return ERR_PTR(err);
}

/* ---- the task ---- */

/* Wait until the freezer reaches us: not a step in user space before. */
static void await_freeze(struct ckpt_session *session)
{
	while (!(READ_ONCE(current->jobctl) & JOBCTL_TRAP_FREEZE) &&
	       !fatal_signal_pending(current)) {
		rcu_read_lock();
		if (!pid_task(session->owner, PIDTYPE_TGID))
			send_sig(SIGKILL, current, 1);
		rcu_read_unlock();
		schedule_timeout_killable(LOOK_AGAIN / 10);
	}
}

static bool owner_is_parent(struct ckpt_session *session)
{
	bool yes;

	rcu_read_lock();
	yes = task_tgid(rcu_dereference(current->real_parent)) ==
	      session->owner;
	rcu_read_unlock();
	return yes;
}

static int join(struct ckpt_session *session)
{
	int pdeath_signal = current->pdeath_signal;

	/* the coordinator's death must not leave us here */
	current->pdeath_signal = SIGKILL;
	if (!owner_is_parent(session)) {
		current->pdeath_signal = pdeath_signal;
		return -ESRCH;
	}
	mutex_lock(&session->lock);
	if (session->joined) {
		mutex_unlock(&session->lock);
		current->pdeath_signal = pdeath_signal;
		return -EBUSY;
	}
	session->joined = get_task_struct(current);
	mutex_unlock(&session->lock);
	wake_up_all(&session->wait);
	return 0;
}

/* Withdraw, unless the operation has been handed over already. */
static struct ckpt_ctx *take_over(struct ckpt_session *session)
{
	struct ckpt_ctx *ctx;

	mutex_lock(&session->lock);
	ctx = session->ctx;
	if (!ctx) {
		session->joined = NULL;
		put_task_struct(current);
	}
	mutex_unlock(&session->lock);
	return ctx;
}

/**
 * ckpt_restart_join() - CKPT_IOC_RESTART of a task of the tree
 * @dev_file: the session's open file
 * @session: session
 *
 * Return: what the task's own interrupted call returns, or a negative errno.
 */
long ckpt_restart_join(struct file *dev_file, struct ckpt_session *session)
{
	struct ckpt_ctx *ctx;
	bool freeze;
	long ret = 0;
	int err;

	err = join(session);
	if (err)
		return err;
	wait_event_killable(session->wait, READ_ONCE(session->ctx));
	ctx = take_over(session);
	if (!ctx)
		return -EINTR;
	freeze = ctx->flags & RESTART_FROZEN;
	err = ckpt_restart_task(ctx, &ret);
	session->result = err;
	complete(&session->done); /* ctx is the coordinator's again */
	if (err)
		return err;
	if (freeze)
		await_freeze(session);
	return ret;
}

/* ---- the coordinator ---- */

static int find_child(struct ckpt_ctx *ctx, pid_t pid)
{
	struct task_struct *t = K(find_get_task_by_vpid)(pid);
	bool mine;

	if (!t)
		return ckpt_fail(ctx, -ESRCH, "pid", "there is no process %d",
				 pid);
	rcu_read_lock();
	mine = pid_alive(t) &&
	       same_thread_group(rcu_dereference(t->real_parent), current);
	rcu_read_unlock();
	if (!mine) {
		put_task_struct(t);
		return ckpt_fail(ctx, -ECHILD, "pid",
				 "process %d is not your child", pid);
	}
	ctx->task = t;
	return 0;
}

static int await_join(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	unsigned long limit = jiffies + JOIN_TIMEOUT;
	long left;

	while (READ_ONCE(session->joined) != ctx->task) {
		if (ctx->task->exit_state || (ctx->task->flags & PF_EXITING))
			return ckpt_fail(ctx, -ECHILD, "task",
					 "it died before it could be restarted");
		if (time_after(jiffies, limit))
			return ckpt_fail(ctx, -ETIMEDOUT, "task",
					 "it does not join the restart");
		left = wait_event_killable_timeout(session->wait,
						   READ_ONCE(session->joined) ==
							   ctx->task,
						   LOOK_AGAIN);
		if (left < 0)
			return ckpt_fail(ctx, -EINTR, "restart", "interrupted");
	}
	return 0;
}

static int hand_over(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	int err = 0;

	mutex_lock(&session->lock);
	if (session->joined == ctx->task) {
		reinit_completion(&session->done);
		session->ctx = ctx;
	} else {
		err = -ECHILD;
	}
	mutex_unlock(&session->lock);
	if (err)
		return ckpt_fail(ctx, err, "task", "it has died");
	wake_up_all(&session->wait);
	if (wait_for_completion_killable(&session->done)) {
		send_sig(SIGKILL, ctx->task, 1);
		wait_for_completion(&session->done);
	}
	mutex_lock(&session->lock);
	session->ctx = NULL;
	put_task_struct(session->joined);
	session->joined = NULL;
	mutex_unlock(&session->lock);
	return session->result;
}

static int coordinate(struct ckpt_ctx *ctx, struct ckpt_session *session,
		      pid_t pid)
{
	int err;

	err = find_child(ctx, pid);
	if (err)
		return err;
	err = ckpt_restart_head(ctx);
	if (!err)
		err = await_join(ctx, session);
	if (!err)
		err = hand_over(ctx, session);
	if (err)
		send_sig(SIGKILL, ctx->task, 1);
	return err;
}

/**
 * ckpt_restart_coordinate() - CKPT_IOC_RESTART of the coordinator
 * @dev_file: the session's open file
 * @session: session
 * @arg: argument, checked for unknown flags
 *
 * Return: 0, or a negative errno; then the task has been killed.
 */
long ckpt_restart_coordinate(struct file *dev_file,
			     struct ckpt_session *session,
			     const struct ckpt_ioc_restart *arg)
{
	struct ckpt_ctx *ctx;
	long ret = 0;

	if (task_tgid(current) != session->owner)
		return -EPERM;
	mutex_lock(&session->lock);
	if (session->coordinating)
		ret = -EBUSY;
	else
		session->coordinating = true;
	mutex_unlock(&session->lock);
	if (ret)
		return ret;
	ctx = restart_alloc(dev_file, arg);
	if (IS_ERR(ctx)) {
		ret = PTR_ERR(ctx);
	} else {
		ret = coordinate(ctx, session, arg->pid);
		restart_free(ctx);
	}
	mutex_lock(&session->lock);
	session->coordinating = false;
	mutex_unlock(&session->lock);
	return ret;
}

/**
 * ckpt_restart_self() - CKPT_IOC_RESTART with RESTART_TASKSELF
 * @dev_file: the session's open file
 * @arg: argument, checked for unknown flags
 *
 * Return: what the task's own interrupted call returns, or a negative errno.
 */
long ckpt_restart_self(struct file *dev_file,
		       const struct ckpt_ioc_restart *arg)
{
	struct ckpt_ctx *ctx = restart_alloc(dev_file, arg);
	long ret = 0;
	int err;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	ctx->self = true;
	ctx->task = get_task_struct(current);
	err = ckpt_restart_head(ctx);
	if (!err)
		err = ckpt_restart_task(ctx, &ret);
	restart_free(ctx);
	return err ?: ret;
}
