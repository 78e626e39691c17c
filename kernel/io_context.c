// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O contexts, which tasks share by CLONE_IO.
 *
 * Captured: which tasks of the tree share one; its priority is in the TASK
 * record of each (task.c).  A task names the first one that it shares with.
 * Sharing it with a task outside is a leak (tree.c).
 * Not kept: what I/O schedulers have learnt of it.
 *
 * Locking: task_lock, one at a time.
 */
#include <linux/blkdev.h>
#include <linux/iocontext.h>
#include <linux/sched/task.h>
#include "ckpt.h"
#include "io_context.h"
#include "ksym.h"
#include "tree.h"
#include "tree_restart.h"

/* Only to compare with: a frozen task keeps it. */
static const struct io_context *io_of(struct task_struct *t)
{
	return READ_ONCE(t->io_context);
}

/**
 * ckpt_io_save() - with whom a task shares its I/O context
 * @ctx: checkpoint
 * @t: task, frozen or current
 * @rec: its record, filled in
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_io_save(struct ckpt_ctx *ctx, struct task_struct *t,
		 struct ckpt_hdr_task *rec)
{
#ifdef CONFIG_BLOCK
	struct task_struct *first = NULL;
	int users = 0, inside = 0;
	u32 i;

	task_lock(t);
	if (t->io_context)
		users = atomic_read(&t->io_context->active_ref);
	task_unlock(t);
	if (users < 2)
		return 0;
	for (i = 0; i < ctx->nr_tasks; i++) {
		if (io_of(ctx->tree[i].task) != io_of(t))
			continue;
		inside++;
		if (!first)
			first = ctx->tree[i].task;
	}
	if (first && first != t)
		rec->io_with = task_pid_nr_ns(first, ctx->pid_ns);
	if (users > inside && first == t)
		return ckpt_leak(ctx, "an I/O context (CLONE_IO)", inside,
				 users);
#endif
	return 0;
}

/**
 * ckpt_io_check_restarter() - refuse a restarter that shares its I/O context
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_io_check_restarter(struct ckpt_ctx *ctx)
{
#ifdef CONFIG_BLOCK
	if (current->io_context &&
	    atomic_read(&current->io_context->active_ref) > 1)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it shares its I/O context (CLONE_IO)");
#endif
	return 0;
}

/**
 * ckpt_io_check() - may a task share that I/O context?
 * @ctx: restart, nothing committed yet, the records of all tasks read
 * @rec: image of the task
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_io_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	const struct ckpt_tree_task *with;

	if (!rec->io_with)
		return 0;
	with = ckpt_tree_lookup(ctx, rec->io_with);
	if (with && with < ctx->restart->task && !with->rec.exit_state &&
	    !with->view->restart->task_image->task->io_with)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "task",
			 "its I/O context is shared with %d, which is no earlier task with one of its own",
			 rec->io_with);
}

/**
 * ckpt_io_commit() - share an I/O context again
 * @ctx: restart, committing; all tasks have one of their own
 * @rec: image of the task, checked
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_io_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
#ifdef CONFIG_BLOCK
	const struct ckpt_tree_task *with;
	struct io_context *ioc;

	if (!rec->io_with)
		return 0;
	with = ckpt_tree_lookup(ctx, rec->io_with);
	task_lock(with->task);
	ioc = with->task->io_context;
	if (ioc)
		atomic_inc(&ioc->active_ref);
	task_unlock(with->task);
	if (!ioc)
		return ckpt_fail(ctx, -ESRCH, "task",
				 "task %d, whose I/O context it shares, has none",
				 rec->io_with);
	K(exit_io_context)(current);
	task_lock(current);
	current->io_context = ioc;
	task_unlock(current);
#endif
	return 0;
}
