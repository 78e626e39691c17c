// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree of tasks: which they are, that they hold still, and the image's
 * section that tells the restart how to make them.
 *
 * For now the tree has one task; more are refused.
 *
 * A task that the cgroup v2 freezer holds sits in its signal path
 * (JOBCTL_TRAP_FREEZE); cgroup v1 (TASK_FROZEN) also holds some where they
 * sleep, see arch/x86/open_call.c.  Whether it has run meanwhile is told by its count of
 * context switches, or, as a signal wakes a frozen task for a moment, by its
 * registers.
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include "ckpt.h"
#include "ksym.h"
#include "session.h"
#include "sighand.h"

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
		if (!is_frozen(t))
			return false;
		cpu_relax();
		cond_resched();
	}
	return true;
}

/**
 * ckpt_tree_check_frozen() - the tasks must be frozen when the checkpoint begins
 * @ctx: external checkpoint
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_check_frozen(struct ckpt_ctx *ctx)
{
	struct task_struct *t = ctx->task;

	if (t->exit_state || (t->flags & PF_EXITING))
		return ckpt_fail(ctx, -ESRCH, "task", "it has exited");
	if (READ_ONCE(t->__state) & __TASK_STOPPED)
		return ckpt_refuse(ctx, "task", "%s",
				   "a stopped task (SIGSTOP)");
	if (t->ptrace)
		return ckpt_refuse(ctx, "task", "%s", "a traced task");
	if (!is_frozen(t))
		return ckpt_fail(ctx, -EBUSY, "task",
				 "it is not frozen: use checkpoint(1), or write 1 to cgroup.freeze of its cgroup");
	if (!wait_off_cpu(t))
		return ckpt_fail(ctx, -EBUSY, "task", "someone thawed it");
	ctx->nvcsw = t->nvcsw;
	ctx->nivcsw = t->nivcsw;
	ctx->frozen_regs = kmemdup(task_pt_regs(t), sizeof(struct pt_regs),
				   GFP_KERNEL);
	if (!ctx->frozen_regs)
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	return 0;
}

/**
 * ckpt_tree_still_frozen() - the tasks must not have run meanwhile
 * @ctx: checkpoint
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_still_frozen(struct ckpt_ctx *ctx)
{
	struct task_struct *t = ctx->task;

	if (ctx->self)
		return 0;
	if ((t->flags & PF_EXITING) || !t->mm)
		return ckpt_fail(ctx, -ESRCH, "task",
				 "it was killed during the checkpoint");
	if (is_frozen(t) && wait_off_cpu(t)) {
		if (t->nvcsw == ctx->nvcsw && t->nivcsw == ctx->nivcsw)
			return 0;
		if (!memcmp(ctx->frozen_regs, task_pt_regs(t),
			    sizeof(struct pt_regs)))
			return 0;
	}
	return ckpt_fail(ctx, -EBUSY, "task",
			 "someone thawed it during the checkpoint");
}

/* Which tasks there are.  A self checkpoint leaves out relatives. */
static int check_alone(struct ckpt_ctx *ctx)
{
	struct task_struct *t = ctx->task;

	if (get_nr_threads(t) > 1)
		return ckpt_refuse(ctx, "task", "a process of %d threads",
				   get_nr_threads(t));
	if (ctx->self)
		return 0;
	/* no walk: children that exit take themselves off it, not by RCU */
	if (!list_empty_careful(&t->children))
		return ckpt_refuse(ctx, "task", "%s",
				   "a tree of processes (it has children)");
	return 0;
}

/* What a task shares, or could; the address space last, it is the largest. */
static const enum ckpt_obj_type task_objs[] = {
	CKPT_OBJ_NSPROXY, CKPT_OBJ_CRED,   CKPT_OBJ_FILES, CKPT_OBJ_FS,
	CKPT_OBJ_SIGHAND, CKPT_OBJ_SIGNAL, CKPT_OBJ_MM,
};

static void grab(void **objs, enum ckpt_obj_type type, void *ptr)
{
	if (ptr)
		ckpt_obj_ops_of(type)->grab(ptr);
	objs[type] = ptr;
}

/*
 * Even a frozen task can be killed, and let go of all this at any moment: take
 * references first, under the locks that its exit takes too.
 */
static void grab_all(struct task_struct *t, void **objs)
{
	struct sighand_struct *sighand;
	unsigned long flags;

	task_lock(t);
	grab(objs, CKPT_OBJ_NSPROXY, t->nsproxy);
	grab(objs, CKPT_OBJ_FILES, t->files);
	grab(objs, CKPT_OBJ_FS, t->fs);
	grab(objs, CKPT_OBJ_MM, t->mm);
	task_unlock(t);
	objs[CKPT_OBJ_CRED] = (void *)get_task_cred(t);
	sighand = ckpt_lock_sighand(t, &flags);
	if (sighand) {
		grab(objs, CKPT_OBJ_SIGHAND, sighand);
		spin_unlock_irqrestore(&sighand->siglock, flags);
	}
	grab(objs, CKPT_OBJ_SIGNAL, t->signal);
}

/*
 * The task may have executed a set-user-ID program since the caller's right to
 * see it was checked: check it once more, with execve() locked out.  One that
 * comes later leaves these objects alone, and the change of registers shows it
 * before anything is written.
 */
static int task_objs_get(struct ckpt_ctx *ctx, struct task_struct *t,
			 void **objs)
{
	bool may;

	if (ctx->self) {
		grab_all(t, objs);
		return 0;
	}
	if (down_read_killable(&t->signal->exec_update_lock))
		return ckpt_fail(ctx, -EINTR, "task", "interrupted");
	may = K(ptrace_may_access)(t, PTRACE_MODE_ATTACH_FSCREDS);
	if (may)
		grab_all(t, objs);
	up_read(&t->signal->exec_update_lock);
	return may ? 0 :
		     ckpt_fail(ctx, -EPERM, "task",
			       "it is not yours to checkpoint any more");
}

static void task_objs_put(void **objs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++)
		if (objs[task_objs[i]])
			ckpt_obj_ops_of(task_objs[i])->drop(objs[task_objs[i]]);
}

static int collect_objects(struct ckpt_ctx *ctx, void **objs)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++) {
		if (!objs[task_objs[i]])
			return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
		err = ckpt_obj_collect(ctx, objs[task_objs[i]], task_objs[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/* From here on the objhash holds them. */
static int collect_task(struct ckpt_ctx *ctx)
{
	int err;

	err = task_objs_get(ctx, ctx->task, ctx->objs);
	if (err)
		return err;
	err = collect_objects(ctx, ctx->objs);
	task_objs_put(ctx->objs);
	return err;
}

static int save_objects(struct ckpt_ctx *ctx)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++) {
		err = ckpt_obj_save(ctx, ctx->objs[task_objs[i]], task_objs[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/**
 * ckpt_tree_collect() - walk all that the tasks have, meet every refusal
 * @ctx: checkpoint, its task frozen or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_collect(struct ckpt_ctx *ctx)
{
	int err = check_alone(ctx);

	if (!err)
		err = ckpt_cpu_collect(ctx, ctx->task);
	if (!err)
		err = ckpt_restart_block_collect(ctx, ctx->task);
	if (!err)
		err = ckpt_task_collect(ctx, ctx->task);
	if (!err)
		err = collect_task(ctx);
	return err;
}

static int save_tree(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_tree *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_TREE, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->nr_tasks = 1;
	return 0;
}

static void save_ids(struct ckpt_hdr_tree_task *h, struct task_struct *t)
{
	struct pid *sid, *pgid;

	rcu_read_lock();
	h->pid = task_pid_vnr(t);
	h->tgid = task_tgid_vnr(t);
	if (pid_alive(t)) /* else its parent may be gone */
		h->ppid = task_tgid_vnr(rcu_dereference(t->real_parent));
	h->pgid = task_pgrp_vnr(t);
	h->sid = task_session_vnr(t);
	pgid = task_pgrp(t);
	sid = task_session(t);
	if (pgid != task_tgid(t))
		h->flags |= CKPT_TREE_PGID_OUTSIDE;
	if (sid != task_tgid(t))
		h->flags |= CKPT_TREE_SID_OUTSIDE;
	rcu_read_unlock();
	h->exit_signal = t->exit_signal;
	h->nr_levels = 1;
	h->pids[0] = h->pid;
}

static u64 timens_add(u64 ns, const struct timespec64 *offset)
{
	return ns + timespec64_to_ns(offset);
}

static int tree_task_write(struct ckpt_ctx *ctx, struct task_struct *t,
			   const char *cgroup)
{
	const struct nsproxy *nsproxy = ctx->objs[CKPT_OBJ_NSPROXY];
	struct time_namespace *tns = nsproxy->time_ns;
	size_t cgroup_len = strlen(cgroup) + 1;
	struct ckpt_hdr_tree_task *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_TREE_TASK,
			 struct_size(h, pids, 1) + cgroup_len);
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->cgroup_len = cgroup_len;
	memcpy(&h->pids[1], cgroup, cgroup_len);
	save_ids(h, t);
	h->mm_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_MM]);
	h->files_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_FILES]);
	h->fs_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_FS]);
	h->sighand_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_SIGHAND]);
	h->signal_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_SIGNAL]);
	h->nsproxy_objref = ckpt_obj_ref(ctx, nsproxy);
	h->cred_objref = ckpt_obj_ref(ctx, ctx->objs[CKPT_OBJ_CRED]);
	h->time_mono = timens_add(ctx->time_mono, &tns->offsets.monotonic);
	h->time_boot = timens_add(ctx->time_boot, &tns->offsets.boottime);
	get_task_comm(h->comm, t);
	return 0;
}

static int save_tree_task(struct ckpt_ctx *ctx, struct task_struct *t)
{
	char *cgroup = ckpt_cgroup_path(ctx, t);
	int err;

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	err = tree_task_write(ctx, t, cgroup);
	kfree(cgroup);
	return err;
}

/* What the image will have: nearly all of it is memory that is not a file's. */
static u64 expected_bytes(struct ckpt_ctx *ctx)
{
	struct mm_struct *mm = ctx->objs[CKPT_OBJ_MM];

	return (u64)(get_mm_counter(mm, MM_ANONPAGES) +
		     get_mm_counter(mm, MM_SWAPENTS))
	       << PAGE_SHIFT;
}

/**
 * ckpt_tree_save() - save the tree section and the state of its tasks
 * @ctx: checkpoint, collect step over
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_save(struct ckpt_ctx *ctx)
{
	int err = save_tree(ctx);

	if (!err)
		err = save_tree_task(ctx, ctx->task);
	if (!err)
		err = save_objects(ctx);
	if (!err)
		err = ckpt_task_save(ctx, ctx->task);
	if (!err)
		ckpt_progress_phase(ctx, CKPT_PROGRESS_WRITE,
				    expected_bytes(ctx));
	return err;
}
