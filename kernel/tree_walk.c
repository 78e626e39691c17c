// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which tasks are in the tree of a checkpoint: the root process, all that
 * descend from it, and all of their threads.
 *
 * The tasks are listed by generation: a parent stands before its children, the
 * leader of a process before its other threads, the root first of all.  The
 * list is made under tasklist_lock and holds a reference to each task.  When
 * the checkpoint is through, it is made once more and must be the same: a tree
 * that forks or loses tasks meanwhile was not frozen.
 *
 * A process group or session counts as "outside" when it has members that are
 * not in the tree, or no number in the root's pid namespace.
 *
 * Who was put into the pid namespace of an init without being its descendant is
 * a user of it outside of the tree.
 *
 * Locking: tasklist_lock is taken alone, for reading; nothing is allocated
 * under it.
 */
#include <linux/bsearch.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "ckpt.h"
#include "ksym.h"
#include "tree.h"

#define WALK_TRIES 5
#define WALK_SLACK 16U /* tasks that may come while memory is taken */

/**
 * struct ckpt_group - a process group or session that the tree has a part in
 * @pid: of its leader
 * @type: PIDTYPE_PGID or PIDTYPE_SID
 * @outside: it has members outside
 */
struct ckpt_group {
	struct pid *pid;
	enum pid_type type;
	bool outside;
};

/* ---- the tasks ---- */

/* A list being made: counts on when there is no more room. */
struct walk {
	struct task_struct **task;
	u32 nr, room;
};

static void walk_add(struct walk *w, struct task_struct *t)
{
	if (w->nr < w->room)
		w->task[w->nr] = get_task_struct(t);
	w->nr++;
}

static void walk_add_process(struct walk *w, struct task_struct *leader)
{
	struct task_struct *t;

	walk_add(w, leader);
	for_each_thread(leader, t)
		if (t != leader)
			walk_add(w, t);
}

/* Those that are being released are no longer anyone's child. */
static void walk_add_children(struct walk *w, struct task_struct *t)
{
	struct task_struct *child;

	list_for_each_entry(child, &t->children, sibling)
		if (child->exit_state != EXIT_DEAD)
			walk_add_process(w, child);
}

static void walk_drop(struct walk *w)
{
	u32 i;

	for (i = 0; i < min(w->nr, w->room); i++)
		put_task_struct(w->task[i]);
	kvfree(w->task);
	w->task = NULL;
}

/* With room for all of them the list is complete; else @w->nr is a guess. */
static void walk_fill(struct walk *w, struct task_struct *root)
{
	u32 i;

	w->nr = 0;
	read_lock(KDATA(tasklist_lock));
	walk_add_process(w, root);
	for (i = 0; i < min(w->nr, w->room); i++)
		walk_add_children(w, w->task[i]);
	read_unlock(KDATA(tasklist_lock));
}

static int walk(struct ckpt_ctx *ctx, struct task_struct *root, struct walk *w)
{
	int tries = 0;

	*w = (struct walk){ .room = WALK_SLACK };
	for (;;) {
		w->task = kvmalloc_array(w->room, sizeof(*w->task),
					 GFP_KERNEL_ACCOUNT);
		if (!w->task)
			return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
		walk_fill(w, root);
		if (w->nr <= w->room)
			return 0;
		walk_drop(w);
		if (w->nr > CKPT_TASKS_MAX)
			return ckpt_refuse(ctx, "tree",
					   "a tree of more than %d tasks",
					   CKPT_TASKS_MAX);
		if (fatal_signal_pending(current))
			return ckpt_fail(ctx, -EINTR, "tree", "interrupted");
		if (++tries > WALK_TRIES && w->nr < w->room + WALK_SLACK)
			return ckpt_fail(ctx, -EBUSY, "tree",
					 "it grows: is it frozen?");
		w->room = max(w->nr + WALK_SLACK, w->room * 2);
	}
}

/* ---- groups and sessions ---- */

static int group_cmp(const void *va, const void *vb)
{
	const struct ckpt_group *a = va, *b = vb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return 0;
}

/* Under tasklist_lock: processes in a group or session, zombies included. */
static u32 group_members(const struct ckpt_group *g)
{
	struct task_struct *t;
	u32 nr = 0;

	/* clang-format off */
	do_each_pid_task(g->pid, g->type, t) {
		nr++;
	} while_each_pid_task(g->pid, g->type, t);
	/* clang-format on */
	return nr;
}

static void groups_put(struct ckpt_group *g, u32 nr)
{
	while (nr--)
		put_pid(g[nr].pid);
}

/* One of each kind stays, with the verdict. */
static u32 groups_judge(struct ckpt_group *g, u32 nr)
{
	u32 i, same, kept = 0;

	read_lock(KDATA(tasklist_lock));
	for (i = 0; i < nr; i += same) {
		for (same = 1; i + same < nr; same++)
			if (group_cmp(&g[i], &g[i + same]))
				break;
		g[kept] = g[i];
		g[kept].outside = group_members(&g[i]) > same;
		groups_put(&g[i + 1], same - 1);
		kept++;
	}
	read_unlock(KDATA(tasklist_lock));
	return kept;
}

/* One that has been waited for is in none. */
static void group_add(struct ckpt_group *g, u32 *nr, struct pid *pid,
		      enum pid_type type)
{
	if (pid)
		g[(*nr)++] = (struct ckpt_group){ get_pid(pid), type };
}

/**
 * ckpt_tree_groups() - look which groups and sessions have members outside
 * @ctx: checkpoint, its tasks frozen, which do not leave them then, or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_groups(struct ckpt_ctx *ctx)
{
	struct ckpt_group *g;
	u32 i, nr = 0;

	g = kvcalloc(ctx->nr_tasks, 2 * sizeof(*g), GFP_KERNEL_ACCOUNT);
	if (!g)
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	ctx->groups = g;
	rcu_read_lock();
	for (i = 0; i < ctx->nr_tasks; i++) {
		struct task_struct *t = ctx->tree[i].task;

		if (!thread_group_leader(t))
			continue;
		group_add(g, &nr, task_pgrp(t), PIDTYPE_PGID);
		group_add(g, &nr, task_session(t), PIDTYPE_SID);
	}
	rcu_read_unlock();
	sort(g, nr, sizeof(*g), group_cmp, NULL);
	ctx->nr_groups = groups_judge(g, nr);
	return 0;
}

/**
 * ckpt_tree_group_outside() - whether a task's group has members outside
 * @ctx: checkpoint
 * @t: task of the tree
 * @type: PIDTYPE_PGID, or PIDTYPE_SID for its session
 *
 * Return: true if it has, if it has no number in the image, or if the task is
 * in it since a moment ago.
 */
bool ckpt_tree_group_outside(struct ckpt_ctx *ctx, struct task_struct *t,
			     enum pid_type type)
{
	struct ckpt_group key = { .type = type }, *g;
	bool numbered;

	rcu_read_lock();
	key.pid = type == PIDTYPE_SID ? task_session(t) : task_pgrp(t);
	numbered = pid_nr_ns(key.pid, ctx->pid_ns);
	g = bsearch(&key, ctx->groups, ctx->nr_groups, sizeof(key), group_cmp);
	rcu_read_unlock();
	return !numbered || !g || g->outside;
}

/* ---- the pid namespace ---- */

static bool is_in(struct task_struct *t, const struct pid_namespace *ns)
{
	struct pid *pid = task_pid(t);

	return pid && ns_of_pid(pid) == ns;
}

/* Processes in the namespace; @strays: those whose parent is not, but the init. */
static u32 ns_processes(struct ckpt_ctx *ctx, u32 *strays)
{
	struct task_struct *t, *parent;
	u32 nr = 0;

	*strays = 0;
	read_lock(KDATA(tasklist_lock));
	for_each_process(t) {
		if (!is_in(t, ctx->pid_ns))
			continue;
		nr++;
		parent = rcu_dereference_protected(t->real_parent, true);
		if (t != ctx->root && !is_in(parent, ctx->pid_ns))
			++*strays;
	}
	read_unlock(KDATA(tasklist_lock));
	return nr;
}

static int check_strays(struct ckpt_ctx *ctx)
{
	u32 strays, users;

	if (!ctx->init)
		return 0;
	users = ns_processes(ctx, &strays);
	if (!strays)
		return 0;
	return ckpt_leak(ctx, "its pid namespace", users - strays, users);
}

/* ---- the tree ---- */

static int entry_fill(struct ckpt_ctx *ctx, struct ckpt_tree_entry *e,
		      struct task_struct *t)
{
	e->task = t;
	e->dead = READ_ONCE(t->exit_state);
	if (e->dead || t == current)
		return 0;
	e->stack_held = try_get_task_stack(t);
	if (e->stack_held)
		return 0;
	return ckpt_fail(ctx, -ESRCH, "tree",
			 "process %d is exiting: try again", task_pid_vnr(t));
}

static int tree_take(struct ckpt_ctx *ctx, struct walk *w)
{
	int err = 0;
	u32 i;

	ctx->tree = kvcalloc(w->nr, sizeof(*ctx->tree), GFP_KERNEL_ACCOUNT);
	if (!ctx->tree) {
		walk_drop(w);
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	}
	ctx->nr_tasks = w->nr;
	for (i = 0; i < w->nr; i++) { /* all of them: their references */
		int one = entry_fill(ctx, &ctx->tree[i], w->task[i]);

		err = err ?: one;
	}
	kvfree(w->task);
	return err;
}

/**
 * ckpt_tree_find() - list the tasks of a checkpoint
 * @ctx: checkpoint with its root
 *
 * A self checkpoint is of the calling task alone: its relatives run.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_find(struct ckpt_ctx *ctx)
{
	struct walk w;
	int err;

	if (ctx->self) {
		w = (struct walk){ .nr = 1, .room = 1 };
		w.task = kvmalloc(sizeof(*w.task), GFP_KERNEL_ACCOUNT);
		if (!w.task)
			return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
		w.task[0] = get_task_struct(current);
	} else {
		err = walk(ctx, ctx->root, &w);
		if (err)
			return err;
	}
	err = tree_take(ctx, &w);
	return err ?: check_strays(ctx);
}

/**
 * ckpt_tree_unchanged() - whether the tree still has the same tasks
 * @ctx: checkpoint of other tasks
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_unchanged(struct ckpt_ctx *ctx)
{
	struct walk w;
	bool same;
	int err;
	u32 i;

	err = walk(ctx, ctx->root, &w);
	if (err)
		return err;
	same = w.nr == ctx->nr_tasks;
	for (i = 0; same && i < w.nr; i++)
		same = w.task[i] == ctx->tree[i].task &&
		       !!READ_ONCE(w.task[i]->exit_state) == ctx->tree[i].dead;
	walk_drop(&w);
	if (same)
		return 0;
	return ckpt_fail(ctx, -EBUSY, "tree",
			 "tasks came or went during the checkpoint: was all of it frozen?");
}

/**
 * ckpt_tree_at() - work on a task of the tree from now on
 * @ctx: checkpoint
 * @i: its index
 *
 * Return: its entry.
 */
struct ckpt_tree_entry *ckpt_tree_at(struct ckpt_ctx *ctx, u32 i)
{
	ctx->at = &ctx->tree[i];
	ctx->task = ctx->at->task;
	return ctx->at;
}

/**
 * ckpt_tree_free() - let the tasks go
 * @ctx: checkpoint that is over
 */
void ckpt_tree_free(struct ckpt_ctx *ctx)
{
	u32 i;

	for (i = 0; ctx->tree && i < ctx->nr_tasks; i++) {
		struct ckpt_tree_entry *e = &ctx->tree[i];

		ckpt_mm_copy_free(e->mm_copy);
		kfree(e->regs);
		if (e->stack_held)
			K(put_task_stack)(e->task);
		put_task_struct(e->task);
	}
	kvfree(ctx->tree);
	groups_put(ctx->groups, ctx->nr_groups);
	kvfree(ctx->groups);
	if (ctx->root)
		put_task_struct(ctx->root);
	if (ctx->pid_ns)
		put_pid_ns(ctx->pid_ns);
	ctx->tree = NULL;
	ctx->groups = NULL;
	ctx->nr_groups = 0;
	ctx->root = NULL;
	ctx->pid_ns = NULL;
	ctx->at = NULL;
}
