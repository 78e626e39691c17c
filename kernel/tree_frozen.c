// SPDX-License-Identifier: GPL-2.0-only
/*
 * That the tasks of a checkpoint hold still.
 *
 * A task that the cgroup v2 freezer holds sits in its signal path
 * (JOBCTL_TRAP_FREEZE), a stopped one where it was stopped; cgroup v1
 * (TASK_FROZEN) also holds some where they sleep, see arch/x86/open_call.c.
 * Whether a task has run meanwhile is told by its count of context switches,
 * or, as a signal wakes a frozen task for a moment, by its registers.
 *
 * Locking: none; a task's flags are its own, and are looked at until they
 * stand still.
 */
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "tree.h"

static bool is_frozen(struct task_struct *t)
{
	if (t->frozen && (READ_ONCE(t->jobctl) & JOBCTL_TRAP_FREEZE))
		return true;
	return READ_ONCE(t->__state) & TASK_FROZEN;
}

/*
 * It says that it is frozen just before it leaves its CPU.  False: it has been
 * thawed and may never leave it.
 */
static bool wait_off_cpu(struct task_struct *t)
{
	/* pairs with the release in finish_task(): its registers are saved */
	while (smp_load_acquire(&t->on_cpu)) {
		if (!is_frozen(t) || fatal_signal_pending(current))
			return false;
		cpu_relax();
		cond_resched();
	}
	return true;
}

/* The root is what the caller has named: "it"; others by their pids. */
static int not_frozen(struct ckpt_ctx *ctx, const struct ckpt_tree_entry *e)
{
	if (e == ctx->tree)
		return ckpt_fail(ctx, -EBUSY, "task",
				 "it is not frozen: use checkpoint(1), or write 1 to cgroup.freeze of its cgroup");
	return ckpt_fail(ctx, -EBUSY, "tree",
			 "task %d of it is not frozen: use checkpoint(1), or freeze all of the tree",
			 task_pid_vnr(e->task));
}

static int entry_check_frozen(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	struct task_struct *t = e->task;

	if (e->dead) {
		if (thread_group_leader(t))
			return 0;
		return ckpt_fail(ctx, -EAGAIN, "tree",
				 "thread %d is exiting: try again",
				 task_pid_vnr(t));
	}
	if (t->exit_state || (t->flags & PF_EXITING))
		return ckpt_fail(ctx, e == ctx->tree ? -ESRCH : -EAGAIN, "task",
				 "it has exited");
	if (t->ptrace)
		return ckpt_refuse(ctx, "task", "%s", "a traced task");
	if (!is_frozen(t))
		return not_frozen(ctx, e);
	if (!wait_off_cpu(t))
		return ckpt_fail(ctx, -EBUSY, "task", "someone thawed it");
	e->nvcsw = t->nvcsw;
	e->nivcsw = t->nivcsw;
	e->regs = kmemdup(task_pt_regs(t), sizeof(struct pt_regs),
			  GFP_KERNEL_ACCOUNT);
	if (!e->regs)
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	return 0;
}

/**
 * ckpt_tree_check_frozen() - the tasks must be frozen when the checkpoint begins
 * @ctx: checkpoint of other tasks
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_check_frozen(struct ckpt_ctx *ctx)
{
	int err = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks && !err; i++)
		err = entry_check_frozen(ctx, ckpt_tree_at(ctx, i));
	return err;
}

static int entry_still_frozen(struct ckpt_ctx *ctx,
			      const struct ckpt_tree_entry *e)
{
	struct task_struct *t = e->task;

	if (e->dead)
		return 0;
	if ((t->flags & PF_EXITING) || !t->mm)
		return ckpt_fail(ctx, -ESRCH, "task",
				 "it was killed during the checkpoint");
	if (is_frozen(t) && wait_off_cpu(t)) {
		if (t->nvcsw == e->nvcsw && t->nivcsw == e->nivcsw)
			return 0;
		if (!memcmp(e->regs, task_pt_regs(t), sizeof(struct pt_regs)))
			return 0;
	}
	return ckpt_fail(ctx, -EBUSY, "task",
			 "someone thawed it during the checkpoint");
}

/**
 * ckpt_tree_still_frozen() - the tasks must not have run meanwhile
 * @ctx: checkpoint
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_still_frozen(struct ckpt_ctx *ctx)
{
	int err = 0;
	u32 i;

	if (ctx->self)
		return 0;
	for (i = 0; i < ctx->nr_tasks && !err; i++)
		err = entry_still_frozen(ctx, ckpt_tree_at(ctx, i));
	return err ?: ckpt_tree_unchanged(ctx);
}
