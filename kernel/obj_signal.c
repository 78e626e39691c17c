// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the threads of a process share in their signal_struct.
 *
 * Captured: resource limits, itimers, POSIX timers, signals pending for the
 * process, oom_score_adj, the child-subreaper mark, CPU times and the other
 * counters (rusage.c).
 * Captured, too: that it is stopped, or was continued, and what its parent has
 * not been told of that.  Of a process that has exited: what it has used.
 * Refused: a process that exits, executes a program, dumps core, or is just
 * being stopped; a namespace's init, unless it is the root of the tree.  That it
 * is one is not in the image: no signal of its own namespace ends a process that
 * was made as an init.
 * Not kept, the restarted process has its own: the controlling terminal (it
 * belongs to the session), autogroup, audit state.
 *
 * Rights: raising a hard limit and lowering oom_score_adj below what the
 * caller's own process may have both need CAP_SYS_RESOURCE, as for prlimit()
 * and /proc/PID/oom_score_adj.  Checked when the record is read, enforced once
 * more by prlimit() itself.
 *
 * The commit sets the limits last, but for RLIMIT_CPU: until then the caller's
 * apply.
 *
 * Locking: siglock, task_lock for limits, oom_adj_mutex; never one within the
 * other.
 */
#include <linux/mutex.h>
#include <linux/oom.h>
#include <linux/prctl.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include "ckpt.h"
#include "compat/signal.h"
#include "ksym.h"
#include "rusage.h"
#include "sighand.h"
#include "timers.h"
#include "tree_restart.h"

static_assert(RLIM_NLIMITS == CKPT_NLIMITS);

/* What restore makes. */
struct staged_signal {
	struct ckpt_hdr_signal rec;
	struct ckpt_hdr_siginfo *infos;
	struct ckpt_timer_list timers;
};

static const char *const limit_names[CKPT_NLIMITS] = {
	[RLIMIT_CPU] = "RLIMIT_CPU",
	[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_DATA] = "RLIMIT_DATA",
	[RLIMIT_STACK] = "RLIMIT_STACK",
	[RLIMIT_CORE] = "RLIMIT_CORE",
	[RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",
	[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
	[RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
	[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
	[RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
	[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

/* A task, which the operation holds, holds its signal_struct to its end. */
static void signal_grab(void *ptr)
{
}

static void signal_drop(void *ptr)
{
}

/* Threads of a process in the tree, from its first one at @e on. */
static int threads_in_tree(struct ckpt_ctx *ctx,
			   const struct ckpt_tree_entry *e)
{
	const struct ckpt_tree_entry *end = ctx->tree + ctx->nr_tasks;
	const struct signal_struct *sig = e->task->signal;
	int nr = 0;

	for (; e < end && e->task->signal == sig; e++)
		nr++;
	return nr;
}

/* All of its threads: the leader waits for the others to exit. */
static bool process_dead(struct ckpt_ctx *ctx, const struct ckpt_tree_entry *e)
{
	return e->dead && threads_in_tree(ctx, e) == 1;
}

static int collect_alive(struct ckpt_ctx *ctx, struct signal_struct *sig)
{
	unsigned int flags = READ_ONCE(sig->flags);

	if ((flags & SIGNAL_GROUP_EXIT) || READ_ONCE(sig->core_state))
		return ckpt_fail(ctx, -ESRCH, "process", "it is exiting");
	if (READ_ONCE(sig->group_exec_task))
		return ckpt_fail(ctx, -EAGAIN, "process",
				 "it is executing a program");
	if ((flags & SIGNAL_CLD_MASK) || READ_ONCE(sig->group_stop_count))
		return ckpt_fail(ctx, -EAGAIN, "process",
				 "it is just being stopped or continued: try again");
	if (flags & SIGNAL_UNKILLABLE) {
		if (!ctx->init || sig != ctx->root->signal)
			return ckpt_refuse(ctx, "process",
					   "the init of a namespace");
		flags &= ~SIGNAL_UNKILLABLE; /* made as an init it will have it */
	}
	if (flags & ~(SIGNAL_STOP_CONTINUED | SIGNAL_STOP_STOPPED))
		return ckpt_refuse(ctx, "process", "signal state %#x", flags);
	return 0;
}

static int signal_collect(struct ckpt_ctx *ctx, void *ptr)
{
	int err, threads = READ_ONCE(((struct signal_struct *)ptr)->nr_threads);

	if (process_dead(ctx, ctx->at))
		return 0;
	err = collect_alive(ctx, ptr);
	if (err)
		return err;
	if (!threads)
		return ckpt_fail(ctx, -ESRCH, "process", "it has exited");
	if (!ctx->self && threads != threads_in_tree(ctx, ctx->at))
		return ckpt_fail(ctx, -EAGAIN, "process",
				 "its threads come and go: try again");
	return 0;
}

static void stop_save(struct ckpt_hdr_signal *rec, struct task_struct *t)
{
	const struct signal_struct *sig = t->signal;

	if (sig->flags & SIGNAL_STOP_CONTINUED)
		rec->flags |= CKPT_SIGNAL_CONTINUED;
	if (!(sig->flags & SIGNAL_STOP_STOPPED))
		return;
	rec->flags = CKPT_SIGNAL_STOPPED;
	rec->stop_signal = t->jobctl & JOBCTL_STOP_SIGMASK;
	rec->stop_untold = sig->group_exit_code;
	if (!rec->stop_signal)
		rec->stop_signal = rec->stop_untold ?: SIGSTOP;
}

static void limits_save(struct ckpt_hdr_signal *rec, struct task_struct *t)
{
	const struct rlimit *rlim = t->signal->rlim;
	int i;

	task_lock(t->group_leader);
	for (i = 0; i < CKPT_NLIMITS; i++) {
		rec->rlim[i].cur = rlim[i].rlim_cur;
		rec->rlim[i].max = rlim[i].rlim_max;
	}
	task_unlock(t->group_leader);
}

static int signal_write(struct ckpt_ctx *ctx, struct signal_struct *sig,
			int objref, const struct ckpt_timer_list *timers)
{
	struct task_struct *t = ctx->task;
	bool dead = process_dead(ctx, ctx->at);
	struct ckpt_hdr_signal *rec;
	int nr = 0, err;

	if (!dead)
		nr = ckpt_sigpending_count(ctx, t, &sig->shared_pending);
	if (nr < 0)
		return nr;
	rec = ckpt_out_rec(ctx, CKPT_HDR_SIGNAL, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->oom_score_adj = READ_ONCE(sig->oom_score_adj);
	rec->child_subreaper = sig->is_child_subreaper;
	rec->next_timer_id = READ_ONCE(sig->next_posix_timer_id) & INT_MAX;
	rec->nr_siginfo = nr;
	rec->nr_timers = timers->nr;
	limits_save(rec, t);
	err = ckpt_rusage_save_process(ctx, sig, rec);
	if (err || dead)
		return err;
	stop_save(rec, t);
	err = ckpt_itimers_save(ctx, t, rec->itimer);
	if (!err)
		err = ckpt_sigpending_save(ctx, t, &sig->shared_pending, nr);
	return err ?: ckpt_timers_save(ctx, timers);
}

static int signal_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct ckpt_timer_list timers = {};
	int err = 0;

	if (!process_dead(ctx, ctx->at))
		err = ckpt_timers_gather(ctx, ctx->task, &timers);
	if (err)
		return err;
	err = signal_write(ctx, ptr, objref, &timers);
	kvfree(timers.timer);
	return err;
}

static bool limit_same(const struct ckpt_rlimit *want,
		       const struct rlimit *have)
{
	return want->cur == have->rlim_cur && want->max == have->rlim_max;
}

static int limit_check(struct ckpt_ctx *ctx, int i,
		       const struct ckpt_rlimit *want)
{
	const struct rlimit *have = &current->signal->rlim[i];
	struct rlimit rlim = { .rlim_cur = want->cur, .rlim_max = want->max };
	const char *name = limit_names[i];

	if (want->cur > want->max)
		return ckpt_fail(ctx, -EINVAL, "limit",
				 "%s: soft limit %llu above the hard limit %llu",
				 name, want->cur, want->max);
	if (limit_same(want, have))
		return 0;
	if (i == RLIMIT_NOFILE && want->max > *KDATA(sysctl_nr_open))
		return ckpt_fail(ctx, -EPERM, "limit",
				 "%s: hard limit %llu above fs.nr_open", name,
				 want->max);
	if (want->max > have->rlim_max && !capable(CAP_SYS_RESOURCE))
		return ckpt_fail(ctx, -EPERM, "limit",
				 "%s: hard limit %llu above the caller's %lu",
				 name, want->max, have->rlim_max);
	if (K(security_task_setrlimit)(current, i, &rlim))
		return ckpt_fail(ctx, -EPERM, "limit",
				 "%s: the security module forbids to set it",
				 name);
	return 0;
}

static int signal_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_signal *rec)
{
	int adj = rec->oom_score_adj;
	int i, err;

	for (i = 0; i < CKPT_NLIMITS; i++) {
		err = limit_check(ctx, i, &rec->rlim[i]);
		if (err)
			return err;
	}
	if (adj < OOM_SCORE_ADJ_MIN || adj > OOM_SCORE_ADJ_MAX)
		return ckpt_fail(ctx, -EINVAL, "process",
				 "oom_score_adj %d is out of range", adj);
	if (adj < READ_ONCE(current->signal->oom_score_adj_min) &&
	    !capable(CAP_SYS_RESOURCE))
		return ckpt_fail(ctx, -EPERM, "process",
				 "oom_score_adj %d needs CAP_SYS_RESOURCE",
				 adj);
	if (rec->child_subreaper > 1)
		return ckpt_fail(ctx, -EINVAL, "process",
				 "bad child-subreaper mark");
	return ckpt_itimers_check(ctx, rec->itimer);
}

static void signal_unstage(void *ptr)
{
	struct staged_signal *staged = ptr;

	kvfree(staged->infos);
	kvfree(staged->timers.timer);
	kfree(staged);
}

static int signal_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	struct staged_signal *staged;
	int err;

	staged = kzalloc(sizeof(*staged), GFP_KERNEL_ACCOUNT);
	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "process", "out of memory");
	staged->rec = *(const struct ckpt_hdr_signal *)h;
	err = signal_check(ctx, &staged->rec);
	if (!err)
		err = ckpt_sigpending_restore(ctx, staged->rec.nr_siginfo,
					      &staged->infos);
	if (!err)
		err = ckpt_timers_restore(ctx, staged->rec.nr_timers,
					  &staged->timers);
	if (!err)
		err = ckpt_obj_insert(ctx, staged->rec.objref, CKPT_OBJ_SIGNAL,
				      staged);
	if (err)
		signal_unstage(staged);
	return err;
}

/* As a write to /proc/PID/oom_score_adj does it. */
static int oom_score_adj_commit(struct ckpt_ctx *ctx, short adj)
{
	struct signal_struct *sig = current->signal;
	bool able = has_capability_noaudit(current, CAP_SYS_RESOURCE);

	guard(mutex)(KDATA(oom_adj_mutex));
	if (sig->oom_score_adj == adj)
		return 0;
	if (adj < sig->oom_score_adj_min && !able)
		return ckpt_fail(ctx, -EPERM, "process",
				 "oom_score_adj %d needs CAP_SYS_RESOURCE",
				 adj);
	sig->oom_score_adj = adj;
	if (able)
		sig->oom_score_adj_min = adj;
	return 0;
}

static int limit_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_signal *rec,
			int i)
{
	struct rlimit64 rlim = { .rlim_cur = rec->rlim[i].cur,
				 .rlim_max = rec->rlim[i].max };
	void __user *urlim;
	int err;

	if (limit_same(&rec->rlim[i], &current->signal->rlim[i]))
		return 0;
	urlim = ckpt_scratch_put(ctx, 0, &rlim, sizeof(rlim));
	err = ckpt_syscall(__NR_prlimit64, 0, i, (unsigned long)urlim, 0, 0, 0);
	if (err)
		return ckpt_fail(ctx, err, "limit", "%s could not be set",
				 limit_names[i]);
	return 0;
}

static int limits_commit(struct ckpt_ctx *ctx,
			 const struct ckpt_hdr_signal *rec)
{
	int i, err = 0;

	for (i = 0; i < CKPT_NLIMITS && !err; i++)
		err = limit_commit(ctx, rec, i);
	return err;
}

/**
 * ckpt_signal_commit_early() - what comes before the CPU times
 * @ctx: restart, committing
 * @staged: what the restore step made
 *
 * The caller's timers end.  Its RLIMIT_CPU is not for the program's times.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_signal_commit_early(struct ckpt_ctx *ctx, void *staged)
{
	const struct staged_signal *s = staged;
	int err = ckpt_timers_clear(ctx);

	return err ?: limit_commit(ctx, &s->rec, RLIMIT_CPU);
}

/**
 * ckpt_signal_commit() - give current's process what the image says
 * @ctx: restart, committing; every signal is blocked, the caller's
 *	credentials hold, current has no timers
 * @staged: what the restore step made
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_signal_commit(struct ckpt_ctx *ctx, void *staged)
{
	const struct staged_signal *s = staged;
	const struct ckpt_hdr_signal *rec = &s->rec;
	int err;

	ckpt_rusage_commit_process(ctx, rec);
	err = oom_score_adj_commit(ctx, rec->oom_score_adj);
	if (err)
		return err;
	err = ckpt_syscall(__NR_prctl, PR_SET_CHILD_SUBREAPER,
			   rec->child_subreaper, 0, 0, 0, 0);
	if (err)
		return ckpt_fail(ctx, err, "process",
				 "the child-subreaper mark could not be set");
	err = ckpt_sigpending_commit(ctx, s->infos, rec->nr_siginfo, true);
	if (err)
		return err;
	err = ckpt_itimers_commit(ctx, rec->itimer);
	if (err)
		return err;
	err = ckpt_timers_commit(ctx, &s->timers, rec->next_timer_id);
	if (err)
		return err;
	return limits_commit(ctx, rec);
}

/**
 * ckpt_signal_staged_rec() - what the image says of a process
 * @staged: what the restore step made
 *
 * Return: its record, which lives as long as @staged.
 */
const struct ckpt_hdr_signal *ckpt_signal_staged_rec(const void *staged)
{
	return &((const struct staged_signal *)staged)->rec;
}

/**
 * ckpt_signal_commit_stop() - let current's process count as stopped, or as one
 * that was continued, if it did
 * @ctx: restart, in its last steps
 * @staged: what the restore step made
 */
void ckpt_signal_commit_stop(struct ckpt_ctx *ctx, void *staged)
{
	const struct ckpt_hdr_signal *rec =
		&((struct staged_signal *)staged)->rec;
	struct signal_struct *sig = current->signal;
	struct task_struct *t;

	if (!rec->flags)
		return;
	spin_lock_irq(&ckpt_own_sighand()->siglock);
	if (sig->flags & SIGNAL_GROUP_EXIT) {
		/* it is being killed */
	} else if (rec->flags & CKPT_SIGNAL_CONTINUED) {
		signal_set_stop_flags(sig, SIGNAL_STOP_CONTINUED);
	} else {
		signal_set_stop_flags(sig, SIGNAL_STOP_STOPPED);
		/* of a stop that has begun, which this is the end of */
		sig->group_stop_count = 0;
		for_each_thread(current, t)
			t->jobctl &= ~JOBCTL_STOP_CONSUME;
		sig->group_exit_code = rec->stop_untold;
	}
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

/**
 * ckpt_signal_stop() - stop current, if its process was
 * @staged: what the restore step made
 *
 * Each thread stops on its way to user space.  As the process counts as stopped
 * by then, nobody is told of it once more.  It does not, if somebody has
 * continued it meanwhile.
 */
void ckpt_signal_stop(const void *staged)
{
	const struct ckpt_hdr_signal *rec = ckpt_signal_staged_rec(staged);

	if (!(rec->flags & CKPT_SIGNAL_STOPPED))
		return;
	spin_lock_irq(&ckpt_own_sighand()->siglock);
	if (current->signal->flags & SIGNAL_STOP_STOPPED) {
		current->jobctl &= ~JOBCTL_STOP_SIGMASK;
		current->jobctl |= JOBCTL_STOP_PENDING | rec->stop_signal;
		set_thread_flag(TIF_SIGPENDING);
	}
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

/**
 * ckpt_signal_staged_stopped() - whether a process of the image is stopped
 * @staged: what the restore step made
 *
 * Return: true if it is.
 */
bool ckpt_signal_staged_stopped(const void *staged)
{
	return ckpt_signal_staged_rec(staged)->flags & CKPT_SIGNAL_STOPPED;
}

/**
 * ckpt_signal_forget_children() - drop the news that zombies were made
 * @ctx: restart, committing; every signal is blocked
 *
 * The image has what of it is still pending.
 */
void ckpt_signal_forget_children(struct ckpt_ctx *ctx)
{
	const struct ckpt_tree_task *process =
		ckpt_tree_lookup(ctx, ctx->restart->task->rec.tgid);
	sigset_t others = { .sig = { ~process->dead_signals } };

	sigaddset(&others, SIGKILL);
	ckpt_signal_drop(&others);
}

const struct ckpt_obj_ops ckpt_signal_ops = {
	.name = "process",
	.grab = signal_grab,
	.drop = signal_drop,
	.collect = signal_collect,
	.save = signal_save,
	.restore = signal_restore,
	.unstage = signal_unstage,
	.lasting = true,
};
