// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree of tasks at a restart: reading it, finding a task in it, comparing
 * it with the tasks that the tool has made, and giving these their process
 * groups and sessions.
 *
 * In the image a parent stands before its children, and the threads of a
 * process side by side, the leader first.  Of an object that tasks share, the
 * first of them that is alive is the owner; but of signal handlers, a process
 * of several threads is: who adopts others must be alone in his process.
 *
 * A group or session that has members outside of the tree is the restarter's,
 * which the tasks are born into.  The leader of another one is a task of the
 * tree or, where it is dead, a ghost.
 *
 * Locking: tasklist_lock for what tasks are to each other, siglock within it
 * for the terminal.
 */
#include <linux/bsearch.h>
#include <linux/capability.h>
#include <linux/idr.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/tty.h>
#include <linux/xarray.h>
#include "ksym.h"
#include "ns.h"
#include "sighand.h"
#include "tree_restart.h"

#define FIRST_ROOM 16U

/* ---- reading ---- */

static struct ckpt_tree_task *tree_of(const struct ckpt_ctx *ctx)
{
	return ctx->op->restart->tree;
}

static int tree_room(struct ckpt_ctx *ctx, u32 have, u32 *room, u32 nr)
{
	struct ckpt_restart *r = ctx->restart;
	struct ckpt_tree_task *tree;

	if (have < *room)
		return 0;
	*room = min(nr, max(*room * 2, FIRST_ROOM));
	tree = kvcalloc(*room, sizeof(*tree), GFP_KERNEL_ACCOUNT);
	if (!tree)
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	if (have)
		memcpy(tree, r->tree, have * sizeof(*tree));
	kvfree(r->tree);
	r->tree = tree;
	return 0;
}

/* With memory for what has come, not for what is announced. */
static int tree_read_tasks(struct ckpt_ctx *ctx, u32 nr)
{
	const struct ckpt_hdr *rec;
	u32 room = 0;
	int err;

	while (ctx->nr_tasks < nr) {
		rec = ckpt_in_expect(ctx, CKPT_HDR_TREE_TASK);
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		err = tree_room(ctx, ctx->nr_tasks, &room, nr);
		if (err)
			return err;
		memcpy(&ctx->restart->tree[ctx->nr_tasks++].rec, rec,
		       sizeof(struct ckpt_hdr_tree_task));
	}
	return 0;
}

static int index_cmp(const void *a, const void *b)
{
	const struct ckpt_tree_task *const *x = a, *const *y = b;
	s32 p = (*x)->rec.pid, q = (*y)->rec.pid;

	return p < q ? -1 : p > q;
}

static int tree_index(struct ckpt_ctx *ctx)
{
	struct ckpt_tree_task **by_pid;
	u32 i, nr = ctx->nr_tasks;

	by_pid = kvmalloc_array(nr, sizeof(*by_pid), GFP_KERNEL_ACCOUNT);
	if (!by_pid)
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	ctx->restart->by_pid = by_pid;
	for (i = 0; i < nr; i++)
		by_pid[i] = &ctx->restart->tree[i];
	sort(by_pid, nr, sizeof(*by_pid), index_cmp, NULL);
	for (i = 1; i < nr; i++)
		if (by_pid[i]->rec.pid == by_pid[i - 1]->rec.pid)
			return ckpt_fail(ctx, -EINVAL, "tree",
					 "two tasks with pid %d",
					 by_pid[i]->rec.pid);
	return 0;
}

/**
 * ckpt_tree_lookup() - find a task of the tree
 * @ctx: restart, or a view of it
 * @pid: its pid in the image
 *
 * Return: its row, or NULL.
 */
struct ckpt_tree_task *ckpt_tree_lookup(struct ckpt_ctx *ctx, s32 pid)
{
	struct ckpt_tree_task key = { .rec.pid = pid }, *pkey = &key, **found;

	found = bsearch(&pkey, ctx->op->restart->by_pid, ctx->op->nr_tasks,
			sizeof(*found), index_cmp);
	return found ? *found : NULL;
}

/*
 * What is the same for all in a group.  Who was in the foreground is each one's own:
 * one may have given up the terminal, and the shell may change it at any time.
 */
static u32 group_flags(const struct ckpt_hdr_tree_task *r)
{
	return r->flags & ~CKPT_TREE_FOREGROUND;
}

static int check_thread(struct ckpt_ctx *ctx, const struct ckpt_tree_task *t)
{
	const struct ckpt_hdr_tree_task *r = &t->rec, *l;
	const struct ckpt_tree_task *leader = ckpt_tree_lookup(ctx, r->tgid);

	l = &leader->rec; /* the row before is of its process */
	if (r->signal_objref != l->signal_objref || r->pgid != l->pgid ||
	    r->sid != l->sid || group_flags(r) != group_flags(l) ||
	    r->ppid != l->ppid || r->parent_tid != l->parent_tid)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "thread %d differs from its process", r->pid);
	if (t - tree_of(ctx) > 1 && !t[-1].rec.exit_state)
		l = &t[-1].rec;
	if (!l->exit_state && (r->mm_objref != l->mm_objref ||
			       r->sighand_objref != l->sighand_objref))
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "thread %d has another address space or other signal handlers than its process",
				 r->pid);
	return 0;
}

/*
 * A group or session has a process' pid, which leads the session for life; a
 * group that has members elsewhere has its session there, too.
 */
static bool ids_ok(struct ckpt_ctx *ctx, const struct ckpt_hdr_tree_task *r)
{
	const struct ckpt_tree_task *t;

	if (r->flags & CKPT_TREE_PGID_OUTSIDE &&
	    !(r->flags & CKPT_TREE_SID_OUTSIDE))
		return false;
	t = r->flags & CKPT_TREE_PGID_OUTSIDE ? NULL :
						ckpt_tree_lookup(ctx, r->pgid);
	if (t && t->rec.pid != t->rec.tgid)
		return false;
	t = r->flags & CKPT_TREE_SID_OUTSIDE ? NULL :
					       ckpt_tree_lookup(ctx, r->sid);
	return !t || (t->rec.pid == t->rec.tgid && t->rec.sid == t->rec.pid);
}

static int check_leader(struct ckpt_ctx *ctx, const struct ckpt_tree_task *t)
{
	const struct ckpt_hdr_tree_task *r = &t->rec;
	const struct ckpt_tree_task *parent;

	if (r->sid == r->pid && r->pgid != r->pid)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "process %d leads a session in another group",
				 r->pid);
	if (!ids_ok(ctx, r))
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "process %d is in group %d of session %d, which cannot be",
				 r->pid, r->pgid, r->sid);
	if (t == tree_of(ctx))
		return 0;
	parent = ckpt_tree_lookup(ctx, r->parent_tid);
	if (!parent || parent >= t || parent->rec.tgid != r->ppid ||
	    parent->rec.exit_state)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "process %d has no parent in it", r->pid);
	return 0;
}

static int check_dead(struct ckpt_ctx *ctx)
{
	struct ckpt_tree_task *tree = tree_of(ctx);
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++) {
		struct ckpt_tree_task *t = &tree[i];

		t->process_dead = t->rec.exit_state && t->nr_threads == 1;
		if (!t->process_dead)
			continue;
		if (!i)
			return ckpt_fail(ctx, -EINVAL, "tree",
					 "its root is dead");
		if (t->rec.exit_signal > 0)
			ckpt_tree_lookup(ctx, t->rec.ppid)->dead_signals |=
				sigmask(t->rec.exit_signal);
	}
	return 0;
}

/*
 * An init ends when no pid of its namespace is in use but its own: one in the group
 * of another process there could never end.
 */
static int check_init(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr_tree_task *r = &tree_of(ctx)->rec;

	if (!ctx->restart->pid_ns)
		return 0;
	if (r->pid != 1)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "%d is the init of a pid namespace", r->pid);
	if ((r->pgid == r->pid || r->flags & CKPT_TREE_PGID_OUTSIDE) &&
	    (r->sid == r->pid || r->flags & CKPT_TREE_SID_OUTSIDE))
		return 0;
	return ckpt_fail(ctx, -EINVAL, "tree",
			 "an init in group %d and session %d of its namespace could never end",
			 r->pgid, r->sid);
}

static int check_rows(struct ckpt_ctx *ctx)
{
	struct ckpt_tree_task *tree = tree_of(ctx), *first = tree;
	int err = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		struct ckpt_hdr_tree_task *r = &tree[i].rec;

		if (r->pid == r->tgid) {
			first = &tree[i];
			err = check_leader(ctx, first);
		} else if (!i || r->tgid != first->rec.pid) {
			err = ckpt_fail(ctx, -EINVAL, "tree",
					"thread %d stands apart from its process",
					r->pid);
		} else {
			err = check_thread(ctx, &tree[i]);
		}
		first->nr_threads++;
	}
	return err ?: check_init(ctx) ?: check_dead(ctx);
}

/* ---- who owns what ---- */

/*
 * The rules of clone(): who shares signal handlers shares the memory, and only
 * the threads of a process share what belongs to it.
 */
static bool may_share(const struct ckpt_hdr_tree_task *a,
		      const struct ckpt_hdr_tree_task *b,
		      enum ckpt_obj_type type)
{
	switch (type) {
	case CKPT_OBJ_SIGHAND:
		return a->mm_objref == b->mm_objref;
	case CKPT_OBJ_SIGNAL:
		return a->tgid == b->tgid;
	default:
		return true;
	}
}

static int own(struct ckpt_ctx *ctx, struct xarray *seen,
	       struct ckpt_tree_task *t, enum ckpt_obj_type type, s32 objref)
{
	const struct ckpt_tree_task *owner;
	int err;

	err = xa_insert(seen, objref, t, GFP_KERNEL_ACCOUNT);
	if (!err) {
		t->owns |= BIT(type);
		return 0;
	}
	if (err != -EBUSY)
		return ckpt_fail(ctx, err, "tree", "out of memory");
	owner = xa_load(seen, objref);
	if (owner->owns & BIT(type) && may_share(&owner->rec, &t->rec, type))
		return 0;
	return ckpt_fail(ctx, -EINVAL, "tree",
			 "tasks %d and %d cannot share object %d",
			 owner->rec.pid, t->rec.pid, objref);
}

/* Which processes of several threads own their handlers; one for each. */
static int sighand_owners(struct ckpt_ctx *ctx, struct xarray *seen)
{
	struct ckpt_tree_task *t = tree_of(ctx), *end = t + ctx->nr_tasks;
	struct ckpt_tree_task *first;
	int err = 0;

	for (; t < end && !err; t += t->nr_threads) {
		if (t->nr_threads == 1)
			continue;
		first = ckpt_tree_first_thread(t);
		err = xa_insert(seen, first->rec.sighand_objref, first,
				GFP_KERNEL_ACCOUNT);
		if (err == -EBUSY)
			return ckpt_refuse(ctx, "signal handlers", "%s",
					   CKPT_SIGHAND_SHARED);
		first->owns |= BIT(CKPT_OBJ_SIGHAND);
	}
	return err ? ckpt_fail(ctx, err, "tree", "out of memory") : 0;
}

static int owners_find(struct ckpt_ctx *ctx)
{
	struct xarray seen;
	int err;
	u32 i;

	xa_init(&seen);
	err = sighand_owners(ctx, &seen);
	for (i = 0; i < ctx->nr_tasks && !err; i++) {
		struct ckpt_tree_task *t = &tree_of(ctx)[i];

		if (t->rec.exit_state) {
			if (t->process_dead)
				err = own(ctx, &seen, t, CKPT_OBJ_SIGNAL,
					  t->rec.signal_objref);
			continue;
		}
		err = own(ctx, &seen, t, CKPT_OBJ_MM, t->rec.mm_objref);
		if (!err)
			err = own(ctx, &seen, t, CKPT_OBJ_FILES,
				  t->rec.files_objref);
		if (!err)
			err = own(ctx, &seen, t, CKPT_OBJ_FS, t->rec.fs_objref);
		if (!err)
			err = own(ctx, &seen, t, CKPT_OBJ_SIGHAND,
				  t->rec.sighand_objref);
		if (!err)
			err = own(ctx, &seen, t, CKPT_OBJ_SIGNAL,
				  t->rec.signal_objref);
	}
	xa_destroy(&seen);
	return err;
}

/* ---- ghosts ---- */

static int ghost_cmp(const void *a, const void *b)
{
	s32 p = ((const struct ckpt_ghost *)a)->pid;
	s32 q = ((const struct ckpt_ghost *)b)->pid;

	return p < q ? -1 : p > q;
}

static void ghost_add(struct ckpt_ctx *ctx, s32 pid, bool outside)
{
	struct ckpt_restart *r = ctx->restart;

	if (outside || ckpt_tree_lookup(ctx, pid))
		return;
	r->ghosts[r->nr_ghosts++].pid = pid;
}

/* Leaders of groups and sessions that are not in the tree, each of them once. */
static int ghosts_find(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->restart;
	u32 i, kept = 0;

	r->ghosts = kvcalloc(ctx->nr_tasks, 2 * sizeof(*r->ghosts),
			     GFP_KERNEL_ACCOUNT);
	if (!r->ghosts)
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	for (i = 0; i < ctx->nr_tasks; i++) {
		const struct ckpt_hdr_tree_task *t = &r->tree[i].rec;

		if (t->pid != t->tgid)
			continue;
		ghost_add(ctx, t->pgid, t->flags & CKPT_TREE_PGID_OUTSIDE);
		ghost_add(ctx, t->sid, t->flags & CKPT_TREE_SID_OUTSIDE);
	}
	sort(r->ghosts, r->nr_ghosts, sizeof(*r->ghosts), ghost_cmp, NULL);
	for (i = 0; i < r->nr_ghosts; i++)
		if (!i || r->ghosts[i].pid != r->ghosts[i - 1].pid)
			r->ghosts[kept++] = r->ghosts[i];
	r->nr_ghosts = kept;
	if (kept && r->ghosts[0].pid < 1)
		return ckpt_fail(ctx, -EINVAL, "tree",
				 "a process group or session without a number");
	return 0;
}

/**
 * ckpt_tree_ghost() - find a dead leader
 * @ctx: restart
 * @pid: its pid in the image
 *
 * Return: it, or NULL.
 */
struct ckpt_ghost *ckpt_tree_ghost(struct ckpt_ctx *ctx, s32 pid)
{
	const struct ckpt_restart *r = ctx->op->restart;
	struct ckpt_ghost key = { .pid = pid };

	return bsearch(&key, r->ghosts, r->nr_ghosts, sizeof(key), ghost_cmp);
}

/**
 * ckpt_tree_nr_ghosts() - how many ghosts there must be
 * @ctx: restart
 *
 * Return: their number.
 */
u32 ckpt_tree_nr_ghosts(const struct ckpt_ctx *ctx)
{
	return ctx->op->restart->nr_ghosts;
}

/* The members of a process group are in one session. */
static int pgid_cmp(const void *a, const void *b)
{
	const struct ckpt_tree_task *const *x = a, *const *y = b;
	s32 p = (*x)->rec.pgid, q = (*y)->rec.pgid;

	return p < q ? -1 : p > q;
}

static int groups_check(struct ckpt_ctx *ctx)
{
	struct ckpt_tree_task **by_pgid;
	int err = 0;
	u32 i, nr = ctx->nr_tasks;

	by_pgid = kvmalloc_array(nr, sizeof(*by_pgid), GFP_KERNEL_ACCOUNT);
	if (!by_pgid)
		return ckpt_fail(ctx, -ENOMEM, "tree", "out of memory");
	for (i = 0; i < nr; i++)
		by_pgid[i] = &ctx->restart->tree[i];
	sort(by_pgid, nr, sizeof(*by_pgid), pgid_cmp, NULL);
	for (i = 1; i < nr && !err; i++) {
		const struct ckpt_hdr_tree_task *a = &by_pgid[i - 1]->rec;
		const struct ckpt_hdr_tree_task *b = &by_pgid[i]->rec;

		if (a->pgid == b->pgid &&
		    (a->sid != b->sid || group_flags(a) != group_flags(b)))
			err = ckpt_fail(ctx, -EINVAL, "tree",
					"process group %d is in two sessions",
					a->pgid);
	}
	kvfree(by_pgid);
	return err;
}

/**
 * ckpt_tree_read() - read and check the tree section
 * @ctx: restart, at its TREE record
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_read(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr *rec = ckpt_in_expect(ctx, CKPT_HDR_TREE);
	int err;

	if (IS_ERR(rec))
		return PTR_ERR(rec);
	err = tree_read_tasks(ctx,
			      ((const struct ckpt_hdr_tree *)rec)->nr_tasks);
	if (!err)
		err = tree_index(ctx);
	if (!err)
		err = check_rows(ctx);
	if (!err)
		err = owners_find(ctx);
	if (!err)
		err = ghosts_find(ctx);
	return err ?: groups_check(ctx);
}

/**
 * ckpt_tree_forget() - free what ckpt_tree_read() has made
 * @ctx: restart; its tasks have left it
 */
void ckpt_tree_forget(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->restart;
	u32 i;

	for (i = 0; r->tree && i < ctx->nr_tasks; i++)
		if (r->tree[i].task)
			put_task_struct(r->tree[i].task);
	for (i = 0; i < r->nr_ghosts; i++)
		if (r->ghosts[i].task)
			put_task_struct(r->ghosts[i].task);
	kvfree(r->tree);
	kvfree(r->by_pid);
	kvfree(r->ghosts);
}

/* ---- the tasks that were made ---- */

/* To be compared only.  False: it is exiting. */
static bool namespaces(struct task_struct *t,
		       struct ns_common *of[CKPT_NS_KINDS])
{
	bool has;

	task_lock(t);
	has = t->nsproxy;
	if (has)
		ckpt_ns_of(t, t->nsproxy, of);
	task_unlock(t);
	return has;
}

/*
 * What one task stages another one commits: they are in the same namespaces,
 * which is how no task gets from another what it could not get itself.
 */
static bool same_namespaces(struct task_struct *a, struct task_struct *b)
{
	struct ns_common *of_a[CKPT_NS_KINDS], *of_b[CKPT_NS_KINDS];

	return namespaces(a, of_a) && namespaces(b, of_b) &&
	       !memcmp(of_a, of_b, sizeof(of_a)) &&
	       task_active_pid_ns(a) == task_active_pid_ns(b);
}

/* All others are to be where it is; the root may have exited. */
static struct task_struct *first_alive(struct ckpt_ctx *ctx)
{
	const struct ckpt_tree_task *t = tree_of(ctx);

	while (t->rec.exit_state)
		t++;
	return t->task;
}

/* Under tasklist_lock.  A ghost is a process, and in no one's way. */
static const char *ghost_wrong(struct ckpt_ctx *ctx, struct task_struct *t)
{
	if (!t)
		return "is missing";
	if (!pid_alive(t) || t->exit_state)
		return "has died";
	if (!thread_group_leader(t))
		return "is a thread";
	return task_active_pid_ns(t) == task_active_pid_ns(first_alive(ctx)) ?
		       NULL :
		       "is in another pid namespace";
}

/* Under tasklist_lock. */
static const char *made_wrong(struct ckpt_ctx *ctx,
			      const struct ckpt_tree_task *t)
{
	const struct ckpt_tree_task *leader, *parent;
	struct task_struct *real_parent;

	leader = ckpt_tree_lookup(ctx, t->rec.tgid);
	if (!pid_alive(t->task))
		return "has died";
	if (t->task->group_leader != leader->task)
		return "is in another thread group";
	if (!t->task->exit_state && !same_namespaces(t->task, first_alive(ctx)))
		return "is in other namespaces than the others";
	if (t != leader)
		return NULL;
	if (get_nr_threads(t->task) != t->nr_threads)
		return "has another number of threads";
	if (t->task->signal->leader)
		return "leads a session";
	real_parent = rcu_dereference_protected(t->task->real_parent, true);
	if (t == tree_of(ctx))
		return same_thread_group(real_parent, current) ?
			       NULL :
			       "is not the caller's child";
	parent = ckpt_tree_lookup(ctx, t->rec.parent_tid);
	return real_parent == parent->task ? NULL : "has another parent";
}

/*
 * What an init has beyond others it has by being made as one, with the right to
 * do that: nothing of it comes from the image.
 */
static const char *pid_ns_wrong(struct ckpt_ctx *ctx)
{
	struct pid *root = task_pid(tree_of(ctx)->task);
	bool callers = root && ns_of_pid(root) == task_active_pid_ns(current);

	if (!ctx->restart->pid_ns)
		return callers ? NULL : "is in another pid namespace";
	return callers || !root || !is_child_reaper(root) ?
		       "is not the init of a new pid namespace" :
		       NULL;
}

/**
 * ckpt_tree_check_made() - compare the joined tasks with the tree
 * @ctx: restart whose tasks have all joined
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_check_made(struct ckpt_ctx *ctx)
{
	struct ckpt_restart *r = ctx->op->restart;
	const char *wrong;
	s32 pid = tree_of(ctx)->rec.pid;
	u32 i;

	read_lock(KDATA(tasklist_lock));
	wrong = pid_ns_wrong(ctx);
	for (i = 0; i < ctx->nr_tasks && !wrong; i++) {
		wrong = made_wrong(ctx, &r->tree[i]);
		pid = r->tree[i].rec.pid;
	}
	for (i = 0; i < r->nr_ghosts && !wrong; i++) {
		wrong = ghost_wrong(ctx, r->ghosts[i].task);
		pid = r->ghosts[i].pid;
	}
	read_unlock(KDATA(tasklist_lock));
	if (!wrong)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "tree", "the task made for %d %s", pid,
			 wrong);
}

/* ---- process groups and sessions ---- */

/* A task whose pid names a group or session; NULL: there is none. */
static struct task_struct *namesake(struct ckpt_ctx *ctx, s32 pid)
{
	const struct ckpt_tree_task *t = ckpt_tree_lookup(ctx, pid);

	return t ? t->task : ckpt_tree_ghost(ctx, pid)->task;
}

/* Under tasklist_lock, where it keeps its pid as long as it is not reaped. */
static struct pid *pid_of(struct task_struct *t)
{
	return pid_alive(t) ? task_pid(t) : NULL;
}

/* Under tasklist_lock.  A new session has no terminal. */
static struct tty_struct *session_enter(struct task_struct *t, struct pid *sid,
					bool leader)
{
	struct tty_struct *tty = NULL;
	struct sighand_struct *sighand;

	sighand = rcu_dereference_protected(t->sighand, true);
	if (task_session(t) != sid) {
		K(change_pid)(t, PIDTYPE_SID, sid);
		spin_lock(&sighand->siglock);
		swap(tty, t->signal->tty);
		spin_unlock(&sighand->siglock);
	}
	t->signal->leader = leader;
	return tty;
}

/* @pgrp, @session: tasks that name them; NULL: they stay the restarter's. */
static int task_commit_groups(struct ckpt_tree_task *t,
			      struct task_struct *pgrp,
			      struct task_struct *session)
{
	struct pid *pgid = NULL, *sid = NULL;
	struct tty_struct *tty = NULL;
	int err = -ESRCH;

	write_lock_irq(KDATA(tasklist_lock));
	if (pgrp)
		pgid = pid_of(pgrp);
	if (session)
		sid = pid_of(session);
	if (pid_alive(t->task) && !pgrp == !pgid && !session == !sid) {
		if (sid)
			tty = session_enter(t->task, sid,
					    t->rec.sid == t->rec.pid);
		if (pgid && task_pgrp(t->task) != pgid)
			K(change_pid)(t->task, PIDTYPE_PGID, pgid);
		err = 0;
	}
	write_unlock_irq(KDATA(tasklist_lock));
	tty_kref_put(tty);
	return err;
}

/**
 * ckpt_tree_commit_last_pid() - which pid a new pid namespace gives next
 * @ctx: restart, whose tasks were found to be in one
 *
 * A number that was just somebody's is not to be another one's at once.  Who may
 * choose pids may choose this, as by kernel.ns_last_pid.
 */
void ckpt_tree_commit_last_pid(struct ckpt_ctx *ctx)
{
	struct pid_namespace *ns;

	if (!ctx->restart->pid_ns)
		return;
	rcu_read_lock();
	ns = task_active_pid_ns(tree_of(ctx)->task);
	if (ns && checkpoint_restore_ns_capable(ns->user_ns))
		idr_set_cursor(&ns->idr, ctx->restart->last_pid + 1);
	rcu_read_unlock();
}

/**
 * ckpt_tree_commit_groups() - put the processes into their groups and sessions
 * @ctx: restart; no task has returned to user space yet
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_tree_commit_groups(struct ckpt_ctx *ctx)
{
	struct task_struct *pgrp, *session;
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++) {
		struct ckpt_tree_task *t = &tree_of(ctx)[i];

		if (t->rec.pid != t->rec.tgid)
			continue;
		pgrp = t->rec.flags & CKPT_TREE_PGID_OUTSIDE ?
			       NULL :
			       namesake(ctx, t->rec.pgid);
		session = t->rec.flags & CKPT_TREE_SID_OUTSIDE ?
				  NULL :
				  namesake(ctx, t->rec.sid);
		if (task_commit_groups(t, pgrp, session))
			return ckpt_fail(ctx, -ESRCH, "tree",
					 "process %d, or a leader of it, has died",
					 t->rec.pid);
	}
	return 0;
}
