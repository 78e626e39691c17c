// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restart: who does what.
 *
 * The coordinator (the tool) has made the tasks.  Each of them joins the session
 * and waits.  The coordinator reads the head of the image, waits until all that
 * it names are there, gives each its view of the operation, and then leads
 * them through the steps of restart.c: in the first, one task after the other;
 * in the others, all at once, and each step begins when the last task is
 * through with the one before.  Should a task fail or die, or the coordinator
 * be killed, all of them are.  In a self restart one task does it all.
 *
 * The operation and the views belong to the coordinator.  Between the moment
 * when it is given a step and that when it comes back, a task works with its
 * view; what views share is read only, but for the stream and the objhash in
 * the first step, and what has locks of its own.
 *
 * Lock order: session->lock, nothing inside.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/oom.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <uapi/linux/wait.h>
#include "ckpt.h"
#include "crew.h"
#include "ksym.h"
#include "pages.h"
#include "rusage.h"
#include "session.h"
#include "tree_restart.h"

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

static void parent_forget(struct ckpt_restart *r)
{
	if (r->parent)
		put_task_struct(r->parent);
}

static void view_free(struct ckpt_ctx *view)
{
	if (!view)
		return;
	ckpt_pages_free(view);
	ckpt_cred_forget(view);
	parent_forget(view->restart);
	ckpt_task_image_free(view->restart->task_image);
	kfree(view->restart);
	kfree(view);
}

/* No task works with it any more. */
static void restart_free(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->restart;
	u32 i;

	if (r) {
		for (i = 0; r->tree && i < ctx->nr_tasks; i++)
			if (r->tree[i].view != ctx)
				view_free(r->tree[i].view);
		for (i = 0; i < r->nr_inherited; i++)
			fput(r->inherited[i].file);
		kfree(r->inherited);
		ckpt_cred_forget(ctx);
		parent_forget(r);
		ckpt_task_image_free(r->task_image);
		ckpt_tree_forget(ctx);
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
	ctx->workers = ckpt_workers(arg->workers);
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

/* ---- the coordinator: who is there ---- */

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
	ctx->root = t;
	return 0;
}

static struct ckpt_ctx *view_make(struct ckpt_ctx *ctx,
				  struct ckpt_tree_task *row)
{
	struct ckpt_ctx *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);

	if (!view)
		return NULL;
	view->restart = kzalloc(sizeof(*view->restart), GFP_KERNEL_ACCOUNT);
	if (!view->restart) {
		kfree(view);
		return NULL;
	}
	view->op = ctx;
	view->restarting = true;
	view->flags = ctx->flags;
	view->dev_file = ctx->dev_file;
	view->restart->task = row;
	return view;
}

static int make_views(struct ckpt_ctx *ctx)
{
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++) {
		struct ckpt_tree_task *row = &ctx->restart->tree[i];

		row->view = view_make(ctx, row);
		if (!row->view)
			return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	}
	return 0;
}

static const char *match_ghost(struct ckpt_ctx *ctx, struct ckpt_joined *j)
{
	struct ckpt_ghost *ghost = ckpt_tree_ghost(ctx, j->image_pid);

	if (!ghost)
		return "has no need of a ghost";
	if (ghost->task)
		return "another ghost is";
	ghost->task = get_task_struct(j->task);
	return NULL;
}

/* Under session->lock: which row of the tree a task is; NULL, or what is wrong. */
static const char *match_one(struct ckpt_ctx *ctx, struct ckpt_joined *j)
{
	struct ckpt_tree_task *row;

	if (j->ghost)
		return match_ghost(ctx, j);
	row = ckpt_tree_lookup(ctx, j->image_pid);
	if (!row)
		return "is not in it";
	if (row->joined)
		return "another one is";
	row->task = get_task_struct(j->task);
	row->view->task = row->task;
	row->joined = j;
	j->row = row;
	return NULL;
}

static int match_all(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	const char *wrong = NULL;
	struct ckpt_joined *j;
	s32 pid = 0;

	mutex_lock(&session->lock);
	list_for_each_entry(j, &session->joined, list) {
		pid = j->image_pid;
		wrong = match_one(ctx, j);
		if (wrong)
			break;
	}
	mutex_unlock(&session->lock);
	if (!wrong)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "tree", "a task joins as %d, which %s",
			 pid, wrong);
}

static int root_died(struct ckpt_ctx *ctx)
{
	return ckpt_fail(ctx, -ECHILD, "task",
			 "it died before it could be restarted");
}

/* A task that comes is a sign of life of the tool. */
static int await_all(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	unsigned int want = ctx->nr_tasks + ckpt_tree_nr_ghosts(ctx), have = 0;
	unsigned long limit = jiffies + JOIN_TIMEOUT;
	long left;
	int err;

	while (READ_ONCE(session->nr_joined) != want) {
		if (ctx->root->exit_state || (ctx->root->flags & PF_EXITING))
			return root_died(ctx);
		if (READ_ONCE(session->nr_joined) != have) {
			have = READ_ONCE(session->nr_joined);
			limit = jiffies + JOIN_TIMEOUT;
		}
		if (time_after(jiffies, limit) && want == 1)
			return ckpt_fail(ctx, -ETIMEDOUT, "task",
					 "it does not join the restart");
		if (time_after(jiffies, limit))
			return ckpt_fail(ctx, -ETIMEDOUT, "tree",
					 "%u of %u tasks join the restart",
					 have, want);
		left = wait_event_killable_timeout(session->wait,
						   READ_ONCE(
							   session->nr_joined) ==
							   want,
						   LOOK_AGAIN);
		if (left < 0)
			return ckpt_fail(ctx, -EINTR, "restart", "interrupted");
	}
	err = make_views(ctx);
	return err ?: match_all(ctx, session);
}

static int check_made(struct ckpt_ctx *ctx)
{
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++)
		if (!ctx->restart->tree[i].task)
			return ckpt_fail(ctx, -ECHILD, "tree",
					 "task %d of it is missing",
					 ctx->restart->tree[i].rec.pid);
	if (ctx->restart->tree[0].task != ctx->root)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "its root is another task");
	return ckpt_tree_check_made(ctx);
}

/* ---- the coordinator: step by step ---- */

/* Under session->lock. */
static void give(struct ckpt_session *session, struct ckpt_joined *j,
		 enum ckpt_step step)
{
	j->step = step;
	j->busy = true;
	WRITE_ONCE(session->pending, session->pending + 1);
	complete(&j->go);
}

/* By whom, only the kernel's own killer leaves a trace of. */
static int died(struct ckpt_ctx *ctx, const struct ckpt_tree_task *row)
{
	bool oom = tsk_is_oom_victim(row->task);
	const char *why =
		oom ? ", out of memory: see memory.max of its cgroup" : "";
	int err = oom ? -ENOMEM : -ECHILD;

	if (ctx->nr_tasks == 1)
		return ckpt_fail(ctx, err, "task", "it was killed%s", why);
	return ckpt_fail(ctx, err, "tree", "task %d of it was killed%s",
			 row->rec.pid, why);
}

/*
 * The counts of a session are looked at without its lock: who counts down last
 * may still hold it, and work with its row of the tree.
 */
static void await_unlock(struct ckpt_session *session)
{
	mutex_lock(&session->lock);
	mutex_unlock(&session->lock);
}

/* Until all that were given a step are back. */
static int await_back(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	if (wait_event_killable(session->wait, !READ_ONCE(session->pending)))
		return ckpt_fail(ctx, -EINTR, "restart", "interrupted");
	await_unlock(session);
	return session->killed ? died(ctx, session->killed) : session->error;
}

static int give_row(struct ckpt_ctx *ctx, struct ckpt_session *session,
		    struct ckpt_tree_task *row, enum ckpt_step step)
{
	bool there;

	mutex_lock(&session->lock);
	there = row->joined;
	if (there)
		give(session, row->joined, step);
	mutex_unlock(&session->lock);
	return there ? 0 : died(ctx, row);
}

static bool is_dead(const struct ckpt_tree_task *row)
{
	return row->rec.exit_state;
}

static bool is_alive(const struct ckpt_tree_task *row)
{
	return !row->rec.exit_state;
}

static bool is_any(const struct ckpt_tree_task *row)
{
	return true;
}

static bool is_stopped(const struct ckpt_tree_task *row)
{
	return is_alive(row) &&
	       ckpt_signal_staged_stopped(
		       row->view->restart->staged[CKPT_OBJ_SIGNAL]);
}

static bool is_running(const struct ckpt_tree_task *row)
{
	return is_alive(row) && !is_stopped(row);
}

/* All of a kind at once, or none of them. */
static int give_all(struct ckpt_ctx *ctx, struct ckpt_session *session,
		    enum ckpt_step step,
		    bool (*kind)(const struct ckpt_tree_task *row))
{
	struct ckpt_tree_task *row, *missing = NULL;
	u32 i;

	mutex_lock(&session->lock);
	for (i = 0; i < ctx->nr_tasks && !missing; i++) {
		row = &ctx->restart->tree[i];
		if (kind(row) && !row->joined)
			missing = row;
	}
	for (i = 0; i < ctx->nr_tasks && !missing; i++) {
		row = &ctx->restart->tree[i];
		if (kind(row))
			give(session, row->joined, step);
	}
	mutex_unlock(&session->lock);
	return missing ? died(ctx, missing) : 0;
}

static int step_all(struct ckpt_ctx *ctx, struct ckpt_session *session,
		    enum ckpt_step step,
		    bool (*kind)(const struct ckpt_tree_task *row))
{
	int err = give_all(ctx, session, step, kind);

	return err ?: await_back(ctx, session);
}

/* The stream goes from task to task. */
static int step_turns(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	int err = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		err = give_row(ctx, session, &ctx->restart->tree[i],
			       CKPT_STEP_RESTORE);
		if (!err)
			err = await_back(ctx, session);
	}
	return err;
}

static bool has_exited(struct task_struct *t)
{
	return READ_ONCE(t->exit_state) && !READ_ONCE(t->on_cpu);
}

/* Or somebody has continued it. */
static bool has_stopped(struct task_struct *t)
{
	return (READ_ONCE(t->__state) & __TASK_STOPPED) ||
	       READ_ONCE(t->exit_state) ||
	       !(READ_ONCE(t->signal->flags) & SIGNAL_STOP_STOPPED);
}

static int await_task(struct ckpt_ctx *ctx, struct task_struct *t, s32 pid,
		      bool (*rests)(struct task_struct *t))
{
	unsigned long limit = jiffies + JOIN_TIMEOUT;

	while (!rests(t)) {
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return ckpt_fail(ctx, -EINTR, "restart", "interrupted");
		if (time_after(jiffies, limit))
			return ckpt_fail(ctx, -ETIMEDOUT, "tree",
					 "task %d does not come to rest", pid);
	}
	return 0;
}

/* Until all of a kind have come to rest. */
static int await_rest(struct ckpt_ctx *ctx,
		      bool (*kind)(const struct ckpt_tree_task *row),
		      bool (*rests)(struct task_struct *t))
{
	int err = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		struct ckpt_tree_task *row = &ctx->restart->tree[i];

		if (kind(row))
			err = await_task(ctx, row->task, row->rec.pid, rests);
	}
	return err;
}

static int commit_dead(struct ckpt_ctx *ctx, struct ckpt_tree_task *row)
{
	const struct ckpt_restart *view = row->view->restart;

	if (READ_ONCE(row->task->exit_state) != EXIT_ZOMBIE)
		return ckpt_fail(ctx, -ECHILD, "tree",
				 "zombie %d is gone: SIGCHLD must not be ignored",
				 row->rec.pid);
	ckpt_rusage_commit_dead(row->task, view->task_image->task,
				ckpt_signal_staged_rec(
					view->staged[CKPT_OBJ_SIGNAL]));
	return 0;
}

/*
 * Before their parents have the handlers of the image.  Leaders that exit before
 * their threads have been in user space for that: nothing must have changed.
 */
static int end_dead(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	int err;
	u32 i;

	err = step_all(ctx, session, CKPT_STEP_EXIT, is_dead);
	if (!err)
		err = await_rest(ctx, is_dead, has_exited);
	for (i = 0; i < ctx->nr_tasks && !err; i++)
		if (ctx->restart->tree[i].process_dead)
			err = commit_dead(ctx, &ctx->restart->tree[i]);
	return err ?: ckpt_tree_check_made(ctx);
}

/*
 * From here on they run, and each may kill another.  All of them have got their
 * go, and come back with it, which takes no more than that they are scheduled.
 */
static int let_run(struct ckpt_ctx *ctx, struct ckpt_session *session,
		   bool (*kind)(const struct ckpt_tree_task *row))
{
	int err = give_all(ctx, session, CKPT_STEP_GO, kind);

	if (err)
		return err;
	wait_event(session->wait, !READ_ONCE(session->pending));
	await_unlock(session);
	return 0;
}

/*
 * The stopped ones first, for who runs may look at them.  Where they are to be
 * left frozen, all of them wait for the freezer.
 */
static int let_go(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	int err;

	if (ctx->flags & RESTART_FROZEN)
		return let_run(ctx, session, is_alive);
	err = step_all(ctx, session, CKPT_STEP_GO, is_stopped);
	if (!err)
		err = await_rest(ctx, is_stopped, has_stopped);
	return err ?: let_run(ctx, session, is_running);
}

/*
 * Their pids are to be nobody's when the tasks run.  They are our children; one
 * that is another's is reaped by that one.
 */
static int end_ghosts(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->restart;
	int err = 0;
	pid_t pid;
	u32 i;

	for (i = 0; i < r->nr_ghosts; i++)
		send_sig(SIGKILL, r->ghosts[i].task, 1);
	for (i = 0; i < r->nr_ghosts && !err; i++) {
		err = await_task(ctx, r->ghosts[i].task, r->ghosts[i].pid,
				 has_exited);
		pid = err ? 0 : task_pid_vnr(r->ghosts[i].task);
		if (pid > 0)
			K(kernel_wait4)(pid, NULL, __WALL | WNOHANG, NULL);
	}
	return err;
}

/* All that is read becomes true, from the last look to the first step. */
static int commit(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	int err;

	err = step_all(ctx, session, CKPT_STEP_CHECK, is_any);
	if (!err)
		err = end_dead(ctx, session);
	if (!err)
		err = step_all(ctx, session, CKPT_STEP_OWN, is_alive);
	if (!err)
		err = step_all(ctx, session, CKPT_STEP_ADOPT, is_alive);
	if (!err)
		err = step_all(ctx, session, CKPT_STEP_FINISH, is_alive);
	if (!err)
		err = ckpt_tree_commit_groups(ctx);
	if (!err)
		ckpt_tree_commit_last_pid(ctx);
	if (!err)
		err = end_ghosts(ctx);
	if (err)
		return err;
	ckpt_objhash_settle(ctx);
	ckpt_foreground_commit(ctx);
	return let_go(ctx, session);
}

static void kill_joined(struct ckpt_session *session)
{
	struct ckpt_joined *j;

	mutex_lock(&session->lock);
	list_for_each_entry(j, &session->joined, list)
		send_sig(SIGKILL, j->task, 1);
	mutex_unlock(&session->lock);
}

/*
 * For one that has not joined, and may be whatever the caller has made, or has
 * got its go, and may have executed a set-user-ID program: this takes the
 * caller's own right to kill it.
 */
static void kill_as_caller(struct task_struct *t)
{
	struct pid *pid = get_task_pid(t, PIDTYPE_PID);

	kill_pid(pid, SIGKILL, 0);
	put_pid(pid);
}

static void set_abandoned(struct ckpt_session *session, bool abandoned)
{
	mutex_lock(&session->lock);
	session->abandoned = abandoned;
	mutex_unlock(&session->lock);
}

/* All must have left before the operation ends; latecomers die as they come. */
static void abandon(struct ckpt_ctx *ctx, struct ckpt_session *session)
{
	u32 i;

	set_abandoned(session, true);
	for (i = 0; i < ctx->nr_tasks; i++)
		if (ctx->restart->tree[i].task)
			kill_as_caller(ctx->restart->tree[i].task);
	kill_as_caller(ctx->root);
	do
		kill_joined(session);
	while (!wait_event_timeout(session->wait,
				   !READ_ONCE(session->nr_joined), LOOK_AGAIN));
	set_abandoned(session, false);
	await_unlock(session);
}

static int coordinate(struct ckpt_ctx *ctx, struct ckpt_session *session,
		      struct ckpt_ioc_restart *arg)
{
	u64 time = ktime_get_ns();
	int err;

	session->error = 0;
	session->killed = NULL;
	err = find_child(ctx, arg->pid);
	if (err)
		return err;
	err = ckpt_restart_head(ctx);
	if (!err)
		err = await_all(ctx, session);
	if (!err)
		err = check_made(ctx);
	if (!err)
		err = step_turns(ctx, session);
	arg->restore_ns = ckpt_lap(&time);
	arg->pages = ctx->in.pages;
	if (!err)
		err = commit(ctx, session);
	arg->commit_ns = ckpt_lap(&time);
	if (err)
		abandon(ctx, session);
	return err;
}

/**
 * ckpt_restart_coordinate() - CKPT_IOC_RESTART of the coordinator
 * @dev_file: the session's open file
 * @session: session
 * @arg: argument, checked for unknown flags; what comes out is filled in
 *
 * Return: 0, or a negative errno; then the tasks have been killed, or, where the
 * root has not been found, wait on.
 */
long ckpt_restart_coordinate(struct file *dev_file,
			     struct ckpt_session *session,
			     struct ckpt_ioc_restart *arg)
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
		ret = coordinate(ctx, session, arg);
		restart_free(ctx);
	}
	mutex_lock(&session->lock);
	session->coordinating = false;
	mutex_unlock(&session->lock);
	return ret;
}

/* ---- a task on its own ---- */

static int restart_alone(struct ckpt_ctx *ctx, long *ret)
{
	int err;

	if (ctx->restart->pid_ns)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "the init of a pid namespace cannot be restarted in place");
	if (ctx->nr_tasks != 1)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "one of %u tasks cannot be restarted in place",
				 ctx->nr_tasks);
	ctx->restart->task = ctx->restart->tree;
	ctx->restart->tree[0].task = get_task_struct(current);
	ctx->restart->tree[0].view = ctx;
	err = ckpt_restart_step(ctx, CKPT_STEP_RESTORE, ret);
	if (!err)
		err = ckpt_restart_step(ctx, CKPT_STEP_CHECK, ret);
	if (!err)
		err = ckpt_restart_step(ctx, CKPT_STEP_OWN, ret);
	if (!err)
		err = ckpt_restart_step(ctx, CKPT_STEP_ADOPT, ret);
	if (!err)
		err = ckpt_restart_step(ctx, CKPT_STEP_FINISH, ret);
	if (err)
		return err;
	ckpt_objhash_settle(ctx);
	return ckpt_restart_step(ctx, CKPT_STEP_GO, ret);
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
	ctx->root = get_task_struct(current);
	ctx->task = current;
	err = ckpt_restart_head(ctx);
	if (!err)
		err = restart_alone(ctx, &ret);
	restart_free(ctx);
	return err ?: ret;
}
