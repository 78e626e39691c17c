// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tasks have used so far: CPU time, context switches, page faults, I/O;
 * and when they started.
 *
 * Captured: the counters of a task, of the threads of its process that have
 * exited, and of the children that were waited for; the largest resident set.
 * CPU clocks, getrusage(), times(), /proc/PID/stat and /proc/PID/io go on from
 * there.  The start comes back as the program saw it: in its time namespace,
 * so that (pid, start) still names it.  What the restart itself has used is
 * forgotten with the restarter.  With another pid, or for a restarter who may
 * not choose pids on the whole machine, the start is that of the restart.
 *
 * Not captured: taskstats' delays and memory integrals, schedstat.
 *
 * A restart in place (RESTART_TASKSELF) goes on with the caller's own: it is
 * the caller who becomes another program, as with execve().
 *
 * Locking: a task's counters are written by the task itself, with interrupts
 * off (the tick adds to them); its runtime under its run queue's lock, as a
 * reader on another CPU may bring it up to date; prev_cputime has a lock of its
 * own; the process' counters are under siglock and stats_lock.
 */
#include <linux/capability.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/task_io_accounting_ops.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include "ckpt.h"
#include "ksym.h"
#include "rusage.h"
#include "sighand.h"
#include "tree.h"

static void io_save(struct ckpt_rusage *to, const struct task_io_accounting *io)
{
#if defined(CONFIG_TASK_XACCT) && defined(CONFIG_TASK_IO_ACCOUNTING)
	to->rchar = io->rchar;
	to->wchar = io->wchar;
	to->syscr = io->syscr;
	to->syscw = io->syscw;
	to->read_bytes = io->read_bytes;
	to->write_bytes = io->write_bytes;
	to->cancelled_write_bytes = io->cancelled_write_bytes;
#endif
}

static void io_commit(struct task_io_accounting *io,
		      const struct ckpt_rusage *from)
{
#if defined(CONFIG_TASK_XACCT) && defined(CONFIG_TASK_IO_ACCOUNTING)
	io->rchar = from->rchar;
	io->wchar = from->wchar;
	io->syscr = from->syscr;
	io->syscw = from->syscw;
	io->read_bytes = from->read_bytes;
	io->write_bytes = from->write_bytes;
	io->cancelled_write_bytes = from->cancelled_write_bytes;
#endif
}

static void seen_save(struct ckpt_rusage *to, struct prev_cputime *prev)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&prev->lock, flags);
	to->seen_utime = prev->utime;
	to->seen_stime = prev->stime;
	raw_spin_unlock_irqrestore(&prev->lock, flags);
}

static void seen_commit(struct prev_cputime *prev,
			const struct ckpt_rusage *from)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&prev->lock, flags);
	prev->utime = from->seen_utime;
	prev->stime = from->seen_stime;
	raw_spin_unlock_irqrestore(&prev->lock, flags);
}

/* ---- checkpoint ---- */

/* A restart would not take it: see CKPT_CPU_SUM_MAX. */
static int sum_add(struct ckpt_ctx *ctx, const struct ckpt_rusage *r)
{
	if (ckpt_cpu_sum_add(&ctx->cpu_sum, r))
		return 0;
	return ckpt_refuse(ctx, "task", "%s",
			   "a tree that has used centuries of CPU time");
}

/**
 * ckpt_rusage_save_task() - what a task has used, and when it started
 * @ctx: checkpoint
 * @t: task, frozen or current
 * @rec: filled in
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_rusage_save_task(struct ckpt_ctx *ctx, struct task_struct *t,
			  struct ckpt_hdr_task *rec)
{
	const struct timens_offsets *off = ckpt_tree_timens(ctx);
	struct ckpt_rusage *r = &rec->rusage;

	rec->start_mono = t->start_time + timespec64_to_ns(&off->monotonic);
	rec->start_boot = t->start_boottime + timespec64_to_ns(&off->boottime);
	r->utime = t->utime;
	r->stime = t->stime;
	r->runtime = t->se.sum_exec_runtime;
	seen_save(r, &t->prev_cputime);
	r->nvcsw = t->nvcsw;
	r->nivcsw = t->nivcsw;
	r->minflt = t->min_flt;
	r->majflt = t->maj_flt;
	r->inblock = task_io_get_inblock(t);
	r->oublock = task_io_get_oublock(t);
	io_save(r, &t->ioac);
	return sum_add(ctx, r);
}

/**
 * ckpt_rusage_save_process() - what gone threads and children have used
 * @ctx: checkpoint
 * @sig: process, its tasks frozen or current
 * @rec: filled in
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_rusage_save_process(struct ckpt_ctx *ctx, struct signal_struct *sig,
			     struct ckpt_hdr_signal *rec)
{
	struct ckpt_rusage *r = &rec->exited;

	r->utime = sig->utime;
	r->stime = sig->stime;
	r->runtime = sig->sum_sched_runtime;
	seen_save(r, &sig->prev_cputime);
	r->nvcsw = sig->nvcsw;
	r->nivcsw = sig->nivcsw;
	r->minflt = sig->min_flt;
	r->majflt = sig->maj_flt;
	r->inblock = sig->inblock;
	r->oublock = sig->oublock;
	io_save(r, &sig->ioac);
	r = &rec->children;
	r->utime = sig->cutime;
	r->stime = sig->cstime;
	r->nvcsw = sig->cnvcsw;
	r->nivcsw = sig->cnivcsw;
	r->minflt = sig->cmin_flt;
	r->majflt = sig->cmaj_flt;
	r->inblock = sig->cinblock;
	r->oublock = sig->coublock;
	rec->maxrss = sig->maxrss;
	rec->children_maxrss = sig->cmaxrss;
	return sum_add(ctx, &rec->exited);
}

/* ---- restart ---- */

/* A start later than now would be one of a clock that was not kept. */
static u64 start_here(s64 seen, const struct timespec64 *offset, u64 now)
{
	s64 start = seen - timespec64_to_ns(offset);

	return start > (s64)now ? now : start;
}

/*
 * A pid with its start names a process (sudo and polkit go by that): only who
 * may choose pids may choose starts, and everywhere, since processes outside of
 * the namespace look at the same start.
 */
static bool start_may(void)
{
	return checkpoint_restore_ns_capable(&init_user_ns);
}

static void start_commit(const struct ckpt_hdr_task *rec)
{
	const struct timens_offsets *off = &current->nsproxy->time_ns->offsets;

	current->start_time = start_here(rec->start_mono, &off->monotonic,
					 ktime_get_ns());
	current->start_boottime = start_here(rec->start_boot, &off->boottime,
					     ktime_get_boottime_ns());
}

/* The scheduler looks at differences, which stay. */
static void runtime_commit(u64 runtime)
{
	struct sched_entity *se = &current->se;
	u64 more;
	struct rq *rq;

	local_irq_disable();
	rq = (struct rq *)this_cpu_ptr(
		(char __percpu __force *)KDATA(runqueues));
	K(raw_spin_rq_lock_nested)(rq, 0);
	more = runtime - se->sum_exec_runtime;
	se->sum_exec_runtime = runtime;
	se->prev_sum_exec_runtime += more;
#ifdef CONFIG_NUMA_BALANCING
	current->last_sum_exec_runtime += more;
	current->node_stamp += more;
#endif
	K(raw_spin_rq_unlock)(rq);
	local_irq_enable();
}

static void counts_commit(struct task_struct *t, const struct ckpt_rusage *r)
{
	t->utime = r->utime;
	t->stime = r->stime;
	t->nvcsw = r->nvcsw;
	t->nivcsw = r->nivcsw;
	t->min_flt = r->minflt;
	t->maj_flt = r->majflt;
	io_commit(&t->ioac, r);
}

/**
 * ckpt_rusage_commit_task() - let current count on from there
 * @ctx: restart, committing; no CPU timer is armed yet
 * @rec: image of the task
 */
void ckpt_rusage_commit_task(struct ckpt_ctx *ctx,
			     const struct ckpt_hdr_task *rec)
{
	const struct ckpt_rusage *r = &rec->rusage;
	struct task_struct *t = current;

	if (ctx->flags & RESTART_TASKSELF)
		return;
	if (!(ctx->flags & RESTART_FRESH_PIDS) && start_may())
		start_commit(rec);
	runtime_commit(r->runtime);
	seen_commit(&t->prev_cputime, r);
	local_irq_disable();
	counts_commit(t, r);
	local_irq_enable();
}

static void exited_commit(struct signal_struct *sig,
			  const struct ckpt_rusage *r)
{
	sig->utime = r->utime;
	sig->stime = r->stime;
	sig->sum_sched_runtime = r->runtime;
	sig->nvcsw = r->nvcsw;
	sig->nivcsw = r->nivcsw;
	sig->min_flt = r->minflt;
	sig->maj_flt = r->majflt;
	sig->inblock = r->inblock;
	sig->oublock = r->oublock;
	io_commit(&sig->ioac, r);
}

static void children_commit(struct signal_struct *sig,
			    const struct ckpt_rusage *r)
{
	sig->cutime = r->utime;
	sig->cstime = r->stime;
	sig->cnvcsw = r->nvcsw;
	sig->cnivcsw = r->nivcsw;
	sig->cmin_flt = r->minflt;
	sig->cmaj_flt = r->majflt;
	sig->cinblock = r->inblock;
	sig->coublock = r->oublock;
}

/* The sums that CPU timers of the process go by, once one has been armed. */
static void cputimer_commit(struct signal_struct *sig)
{
	struct task_cputime_atomic *sum = &sig->cputimer.cputime_atomic;
	u64 utime = sig->utime, stime = sig->stime;
	u64 runtime = sig->sum_sched_runtime;
	struct task_struct *t;

	for_each_thread(current, t) {
		utime += t->utime;
		stime += t->stime;
		runtime += t->se.sum_exec_runtime;
	}
	atomic64_set(&sum->utime, utime);
	atomic64_set(&sum->stime, stime);
	atomic64_set(&sum->sum_exec_runtime, runtime);
}

/**
 * ckpt_rusage_commit_process() - the same for current's process
 * @ctx: restart, committing; no CPU timer is armed yet
 * @rec: image of the process
 */
void ckpt_rusage_commit_process(struct ckpt_ctx *ctx,
				const struct ckpt_hdr_signal *rec)
{
	struct signal_struct *sig = current->signal;

	if (ctx->flags & RESTART_TASKSELF)
		return;
	seen_commit(&sig->prev_cputime, &rec->exited);
	spin_lock_irq(&ckpt_own_sighand()->siglock);
	write_seqlock(&sig->stats_lock);
	exited_commit(sig, &rec->exited);
	children_commit(sig, &rec->children);
	sig->maxrss = rec->maxrss;
	sig->cmaxrss = rec->children_maxrss;
	cputimer_commit(sig); /* siglock keeps the threads on their list */
	write_sequnlock(&sig->stats_lock);
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

/**
 * ckpt_rusage_commit_dead() - what a zombie has used
 * @t: its task, which has exited and left its CPU; its parent waits elsewhere
 * @rec: image of the task
 * @sig_rec: image of its process
 */
void ckpt_rusage_commit_dead(struct task_struct *t,
			     const struct ckpt_hdr_task *rec,
			     const struct ckpt_hdr_signal *sig_rec)
{
	struct signal_struct *sig = t->signal;

	t->se.sum_exec_runtime = rec->rusage.runtime;
	seen_commit(&t->prev_cputime, &rec->rusage);
	seen_commit(&sig->prev_cputime, &sig_rec->exited);
	counts_commit(t, &rec->rusage);
	write_seqlock_irq(&sig->stats_lock);
	exited_commit(sig, &sig_rec->exited);
	children_commit(sig, &sig_rec->children);
	sig->maxrss = sig_rec->maxrss;
	sig->cmaxrss = sig_rec->children_maxrss;
	write_sequnlock_irq(&sig->stats_lock);
}
