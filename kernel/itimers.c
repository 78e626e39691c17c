// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three itimers of a process: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF.
 *
 * Captured: the time that is left (wall time for ITIMER_REAL, CPU time of the
 * process for the others) and the interval.  The kernel rearms a periodic
 * ITIMER_REAL only when its SIGALRM is taken; one that waits for that comes
 * back armed for its next period, besides the pending signal.
 *
 * At the commit setitimer() itself sets them, which counts in microseconds:
 * what is left is rounded up, so that no timer gets lost.  setitimer() adds a
 * tick to CPU timers; the tick is taken off before, or every checkpoint would
 * lengthen the time by one.
 *
 * Locking: siglock.
 */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include "ksym.h"
#include "sighand.h"
#include "timers.h"

static_assert(ITIMER_PROF + 1 == CKPT_NITIMERS);

/* ns until ITIMER_REAL fires, 0 if it is not armed; under siglock. */
static u64 itimer_real_left(struct signal_struct *sig)
{
	struct hrtimer *timer = &sig->real_timer;
	s64 left = ktime_to_ns(hrtimer_get_remaining(timer));
	s64 incr = ktime_to_ns(sig->it_real_incr);

	if (hrtimer_active(timer))
		return max_t(s64, left, 1);
	if (!incr)
		return 0;
	/* Its signal is pending: the period it will be rearmed for. */
	if (left > 0)
		return left;
	return incr - (u64)-left % (u64)incr;
}

/* The same for the others; @samples are the CPU times of the process. */
static u64 itimer_cpu_left(const struct cpu_itimer *it, u64 sample)
{
	if (!it->expires)
		return 0;
	return it->expires > sample ? it->expires - sample : TICK_NSEC;
}

/**
 * ckpt_itimers_save() - read the itimers
 * @ctx: checkpoint
 * @t: a task of the process, frozen or current
 * @it: out: CKPT_NITIMERS of them
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_itimers_save(struct ckpt_ctx *ctx, struct task_struct *t,
		      struct ckpt_itimer *it)
{
	struct signal_struct *sig = t->signal;
	u64 samples[CPUCLOCK_MAX];
	struct sighand_struct *sighand;
	unsigned long flags;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	it[ITIMER_REAL].value = itimer_real_left(sig);
	it[ITIMER_REAL].interval = ktime_to_ns(sig->it_real_incr);
	if (sig->it[CPUCLOCK_PROF].expires || sig->it[CPUCLOCK_VIRT].expires) {
		const struct cpu_itimer *prof = &sig->it[CPUCLOCK_PROF];
		const struct cpu_itimer *virt = &sig->it[CPUCLOCK_VIRT];

		K(thread_group_sample_cputime)(t, samples);
		it[ITIMER_VIRTUAL].value =
			itimer_cpu_left(virt, samples[CPUCLOCK_VIRT]);
		it[ITIMER_PROF].value = itimer_cpu_left(prof,
							samples[CPUCLOCK_PROF]);
		it[ITIMER_VIRTUAL].interval = virt->incr;
		it[ITIMER_PROF].interval = prof->incr;
	}
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return 0;
}

/**
 * ckpt_itimers_check() - check itimers of an image
 * @ctx: restart
 * @it: CKPT_NITIMERS of them
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_itimers_check(struct ckpt_ctx *ctx, const struct ckpt_itimer *it)
{
	int i;

	for (i = 0; i < CKPT_NITIMERS; i++)
		if (it[i].value > KTIME_MAX || it[i].interval > KTIME_MAX)
			return ckpt_fail(ctx, -EINVAL, "itimer",
					 "bad times of itimer %d", i);
	return 0;
}

static struct __kernel_old_timeval ns_to_old_timeval(u64 ns)
{
	struct __kernel_old_timeval tv;
	u64 us = DIV_ROUND_UP_ULL(ns, NSEC_PER_USEC);
	u32 rest;

	tv.tv_sec = div_u64_rem(us, USEC_PER_SEC, &rest);
	tv.tv_usec = rest;
	return tv;
}

/**
 * ckpt_itimers_commit() - set current's itimers
 * @ctx: restart, committing
 * @it: CKPT_NITIMERS of them
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_itimers_commit(struct ckpt_ctx *ctx, const struct ckpt_itimer *it)
{
	int i, err;

	for (i = 0; i < CKPT_NITIMERS; i++) {
		struct __kernel_old_itimerval val;
		u64 value = it[i].value;
		void __user *uval;

		if (i != ITIMER_REAL && value)
			value = value > TICK_NSEC ? value - TICK_NSEC : 1;
		val.it_value = ns_to_old_timeval(value);
		val.it_interval = ns_to_old_timeval(it[i].interval);
		uval = ckpt_scratch_put(ctx, 0, &val, sizeof(val));
		err = ckpt_syscall(__NR_setitimer, i, (unsigned long)uval, 0, 0,
				   0, 0);
		if (err)
			return ckpt_fail(ctx, err, "itimer",
					 "itimer %d could not be set", i);
	}
	return 0;
}
