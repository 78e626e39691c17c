// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree of tasks at a checkpoint: what each of them has, and the image's
 * section that tells the restart how to make them.
 *
 * All tasks are in the namespaces of the root; others are refused.  Of a task
 * that has exited the image has what its parent can learn: exit code,
 * credentials, what it has used.
 */
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/time_namespace.h>
#include "ckpt.h"
#include "ksym.h"
#include "ns.h"
#include "session.h"
#include "sighand.h"
#include "tree.h"

/**
 * ckpt_tree_first_of() - whether a task stands for its process
 * @ctx: checkpoint
 * @i: index of the task
 *
 * The threads of a process stand side by side.
 *
 * Return: true for the first of a process that has not exited.
 */
bool ckpt_tree_first_of(const struct ckpt_ctx *ctx, u32 i)
{
	const struct ckpt_tree_entry *e = &ctx->tree[i];

	if (e->dead)
		return false;
	while (i-- && ctx->tree[i].task->signal == e->task->signal)
		if (!ctx->tree[i].dead)
			return false;
	return true;
}

/* ---- what a task has ---- */

/* What a task shares, or could; the address space last, it is the largest. */
static const enum ckpt_obj_type task_objs[] = {
	CKPT_OBJ_NSPROXY, CKPT_OBJ_CRED,   CKPT_OBJ_FILES, CKPT_OBJ_FS,
	CKPT_OBJ_SIGHAND, CKPT_OBJ_SIGNAL, CKPT_OBJ_MM,
};

/* Of one that has exited. */
static bool dead_has(enum ckpt_obj_type type)
{
	return type == CKPT_OBJ_CRED || type == CKPT_OBJ_SIGNAL;
}

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

static void grab_dead(struct task_struct *t, void **objs)
{
	objs[CKPT_OBJ_CRED] = (void *)get_task_cred(t);
	grab(objs, CKPT_OBJ_SIGNAL, t->signal);
}

/*
 * A task may have executed a set-user-ID program since the caller's right to
 * see it was checked: check it once more, with execve() locked out.  One that
 * comes later leaves these objects alone, and the change of registers shows it
 * before anything is written.
 */
static int task_objs_get(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	struct task_struct *t = e->task;
	bool may;

	if (ctx->self) {
		grab_all(t, e->objs);
		return 0;
	}
	if (down_read_killable(&t->signal->exec_update_lock))
		return ckpt_fail(ctx, -EINTR, "task", "interrupted");
	may = K(ptrace_may_access)(t, PTRACE_MODE_ATTACH_FSCREDS);
	if (may && e->dead)
		grab_dead(t, e->objs);
	else if (may)
		grab_all(t, e->objs);
	up_read(&t->signal->exec_update_lock);
	return may ? 0 :
		     ckpt_fail(ctx, -EPERM, "task",
			       "process %d is not yours to checkpoint",
			       task_tgid_vnr(t));
}

static void task_objs_put(void **objs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++)
		if (objs[task_objs[i]])
			ckpt_obj_ops_of(task_objs[i])->drop(objs[task_objs[i]]);
}

static int collect_objects(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++) {
		void *obj = e->objs[task_objs[i]];

		if (!obj && e->dead && !dead_has(task_objs[i]))
			continue;
		if (!obj)
			return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
		err = ckpt_obj_collect(ctx, obj, task_objs[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/*
 * Threads begin with one set of credentials for all, a restart gives each its
 * own: one record does for those that are the same.
 */
static void share_cred(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	const struct ckpt_tree_entry *before = e - 1;

	if (e == ctx->tree || before->task->signal != e->task->signal)
		return;
	if (ckpt_cred_same(before->objs[CKPT_OBJ_CRED], e->objs[CKPT_OBJ_CRED]))
		e->objs[CKPT_OBJ_CRED] = before->objs[CKPT_OBJ_CRED];
}

/* From here on the objhash holds them. */
static int collect_objs(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	int err;

	err = task_objs_get(ctx, e);
	if (err)
		return err;
	err = collect_objects(ctx, e);
	task_objs_put(e->objs);
	if (!err)
		share_cred(ctx, e);
	return err;
}

/* The root may have exited, and its threads not. */
static const struct ckpt_tree_entry *first_alive(struct ckpt_ctx *ctx)
{
	u32 i = 0;

	while (i < ctx->nr_tasks && ctx->tree[i].dead)
		i++;
	return i < ctx->nr_tasks ? &ctx->tree[i] : NULL;
}

/**
 * ckpt_tree_timens() - the clocks that the tasks see
 * @ctx: checkpoint, tasks collected
 *
 * Return: their offsets to the host's.
 */
const struct timens_offsets *ckpt_tree_timens(struct ckpt_ctx *ctx)
{
	const struct nsproxy *nsproxy = first_alive(ctx)->objs[CKPT_OBJ_NSPROXY];

	return &nsproxy->time_ns->offsets;
}

/* One set of namespaces for all, until the image can hold more. */
static int check_namespaces(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	struct ns_common *own[CKPT_NS_KINDS], *root[CKPT_NS_KINDS];
	const struct ckpt_tree_entry *first;
	int kind;

	if (e->dead)
		return 0;
	ckpt_ns_of(e->task, e->objs[CKPT_OBJ_NSPROXY], own);
	first = first_alive(ctx);
	ckpt_ns_of(first->task, first->objs[CKPT_OBJ_NSPROXY], root);
	for (kind = 1; kind < CKPT_NS_KINDS; kind++)
		if (own[kind] != root[kind])
			return ckpt_refuse(ctx, "namespaces", "%s",
					   "a tree whose tasks are in different namespaces");
	return 0;
}

/* A self checkpoint leaves out relatives, but cannot leave out threads. */
static int check_self(struct ckpt_ctx *ctx)
{
	if (!ctx->self || get_nr_threads(current) == 1)
		return 0;
	return ckpt_refuse(ctx, "task",
			   "a self checkpoint of a process of %d threads",
			   get_nr_threads(current));
}

/*
 * The kernel does not let an init end while a pid of its namespace is in use, and
 * its own group uses its leader's.
 */
static int check_init(struct ckpt_ctx *ctx)
{
	struct task_struct *init = ctx->root;
	struct pid *own, *group, *session;
	bool endless;

	if (!ctx->init)
		return 0;
	rcu_read_lock();
	own = task_pid(init);
	group = task_pgrp(init);
	session = task_session(init);
	endless = (group != own && pid_nr_ns(group, ctx->pid_ns)) ||
		  (session != own && pid_nr_ns(session, ctx->pid_ns));
	rcu_read_unlock();
	if (!endless)
		return 0;
	return ckpt_refuse(ctx, "process group", "%s",
			   "the init of a pid namespace in the group of another process there, which keeps it from ever ending,");
}

static int collect_task(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	struct task_struct *t = e->task;
	int err = 0;

	if (!e->dead)
		err = ckpt_cpu_collect(ctx, t);
	if (!err && !e->dead)
		err = ckpt_restart_block_collect(ctx, t);
	if (!err && !e->dead)
		err = ckpt_task_collect(ctx, t);
	if (!err)
		err = collect_objs(ctx, e);
	return err ?: check_namespaces(ctx, e);
}

/**
 * ckpt_tree_collect() - walk all that the tasks have, meet every refusal
 * @ctx: checkpoint, its tasks frozen or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_collect(struct ckpt_ctx *ctx)
{
	int err = check_self(ctx) ?: check_init(ctx);
	u32 i;

	if (!err && !first_alive(ctx))
		err = ckpt_fail(ctx, -ESRCH, "task", "it has exited");
	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		err = collect_task(ctx, ckpt_tree_at(ctx, i));
		if (!err && fatal_signal_pending(current))
			err = ckpt_fail(ctx, -EINTR, "task", "interrupted");
		cond_resched();
	}
	return err ?: ckpt_sighand_collect_shared(ctx);
}

/* ---- the tree section ---- */

static int save_tree(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_tree *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_TREE, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->nr_tasks = ctx->nr_tasks;
	return 0;
}

/**
 * ckpt_tree_exit_signal() - what a task's parent is sent when it ends
 * @t: task of a checkpoint
 *
 * Where one of them has called execve() since the task was made, the kernel
 * sends SIGCHLD whatever was asked for; a restart does not bring that back.
 *
 * Return: signal, 0 for none, -1 for a thread.
 */
int ckpt_tree_exit_signal(struct task_struct *t)
{
	int sig = t->exit_signal;

	if (sig < 0)
		return sig;
	scoped_guard(rcu)
		if (pid_alive(t) &&
		    t->parent_exec_id !=
			    READ_ONCE(rcu_dereference(t->real_parent)
					      ->self_exec_id))
			sig = SIGCHLD;
	return sig;
}

static void save_ids(struct ckpt_ctx *ctx, struct ckpt_hdr_tree_task *h,
		     struct task_struct *t)
{
	struct pid_namespace *ns = ctx->pid_ns;
	struct task_struct *parent;

	rcu_read_lock();
	h->pid = task_pid_nr_ns(t, ns);
	h->tgid = task_tgid_nr_ns(t, ns);
	if (pid_alive(t)) { /* else its parent may be gone */
		parent = rcu_dereference(t->real_parent);
		h->ppid = task_tgid_nr_ns(parent, ns);
		h->parent_tid = task_pid_nr_ns(parent, ns);
	}
	h->pgid = task_pgrp_nr_ns(t, ns);
	h->sid = task_session_nr_ns(t, ns);
	rcu_read_unlock();
	if (ckpt_tree_group_outside(ctx, t, PIDTYPE_PGID))
		h->flags |= CKPT_TREE_PGID_OUTSIDE;
	if (ckpt_tree_group_outside(ctx, t, PIDTYPE_SID))
		h->flags |= CKPT_TREE_SID_OUTSIDE;
	if (ckpt_foreground(t))
		h->flags |= CKPT_TREE_FOREGROUND;
	h->exit_signal = ckpt_tree_exit_signal(t);
	h->nr_levels = 1;
	h->pids[0] = h->pid;
}

static u64 timens_add(u64 ns, const struct timespec64 *offset)
{
	return ns + timespec64_to_ns(offset);
}

static void save_refs(struct ckpt_ctx *ctx, struct ckpt_hdr_tree_task *h,
		      void **objs)
{
	h->mm_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_MM]);
	h->files_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_FILES]);
	h->fs_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_FS]);
	h->sighand_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_SIGHAND]);
	h->signal_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_SIGNAL]);
	h->nsproxy_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_NSPROXY]);
	h->cred_objref = ckpt_obj_ref(ctx, objs[CKPT_OBJ_CRED]);
}

static int tree_task_write(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e,
			   const char *cgroup)
{
	const struct timens_offsets *off = ckpt_tree_timens(ctx);
	size_t cgroup_len = strlen(cgroup) + 1;
	struct ckpt_hdr_tree_task *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_TREE_TASK,
			 struct_size(h, pids, 1) + cgroup_len);
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->cgroup_len = cgroup_len;
	memcpy(&h->pids[1], cgroup, cgroup_len);
	save_ids(ctx, h, e->task);
	save_refs(ctx, h, e->objs);
	if (e->dead) {
		h->exit_state = 1;
		h->exit_code = e->task->exit_code;
		if (e->task->signal->flags & SIGNAL_GROUP_EXIT)
			h->exit_code = e->task->signal->group_exit_code;
	}
	h->time_mono = timens_add(ctx->time_mono, &off->monotonic);
	h->time_boot = timens_add(ctx->time_boot, &off->boottime);
	get_task_comm(h->comm, e->task);
	return 0;
}

static int save_tree_task(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	char *cgroup = ckpt_cgroup_path(ctx, e->task);
	int err;

	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	err = tree_task_write(ctx, e, cgroup);
	kfree(cgroup);
	return err;
}

/* ---- the state ---- */

static int save_objects(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(task_objs); i++) {
		if (!e->objs[task_objs[i]])
			continue;
		err = ckpt_obj_save(ctx, e->objs[task_objs[i]], task_objs[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

/* What the image will have: nearly all of it is memory that is not a file's. */
static u64 expected_bytes(struct ckpt_ctx *ctx)
{
	struct mm_struct *mm;
	u64 pages = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++) {
		mm = ctx->tree[i].objs[CKPT_OBJ_MM];
		if (mm && ctx->tree[i].mm_copy)
			pages += get_mm_counter(mm, MM_ANONPAGES) +
				 get_mm_counter(mm, MM_SWAPENTS);
	}
	return pages << PAGE_SHIFT;
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
	u32 i;

	for (i = 0; i < ctx->nr_tasks && !err; i++)
		err = save_tree_task(ctx, ckpt_tree_at(ctx, i));
	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		err = save_objects(ctx, ckpt_tree_at(ctx, i));
		if (!err)
			err = ckpt_task_save(ctx, ctx->at);
		if (!err && fatal_signal_pending(current))
			err = ckpt_fail(ctx, -EINTR, "task", "interrupted");
		cond_resched();
	}
	if (!err)
		ckpt_progress_phase(ctx, CKPT_PROGRESS_WRITE,
				    expected_bytes(ctx));
	return err;
}
