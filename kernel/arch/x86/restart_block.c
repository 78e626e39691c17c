// SPDX-License-Identifier: GPL-2.0-only
/*
 * How an interrupted system call goes on.
 *
 * Calls whose remaining time does not lie in user memory keep it in the task's
 * restart block: relative sleeps, poll() and futex waits.  The block holds a
 * deadline on a clock of this host; the image holds it with that clock's
 * reading, and the restart gives the call the time that was left.
 *
 * Refused: blocks of other functions, sleeps on another process' CPU clock.
 */
#include <linux/alarmtimer.h>
#include <linux/compat.h>
#include <linux/futex.h>
#include <linux/pid_namespace.h>
#include <linux/restart_block.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>
#include <linux/timekeeping.h>
#include "../../ckpt.h"
#include "../../compat/futex.h"
#include "../../ksym.h"

#define CLOCK_PROCESS_SELF ((clockid_t)-6) /* ~0 << 3 | CPUCLOCK_SCHED */

static const void *restart_fn(u32 kind)
{
	switch (kind) {
	case CKPT_RESTART_NANOSLEEP:
		return KDATA(hrtimer_nanosleep_restart);
	case CKPT_RESTART_POLL:
		return KDATA(do_restart_poll);
	case CKPT_RESTART_FUTEX:
		return KDATA(futex_wait_restart);
	case CKPT_RESTART_CPU_NANOSLEEP:
		return KDATA(posix_cpu_nsleep_restart);
	case CKPT_RESTART_ALARM_NANOSLEEP:
		return KDATA(alarm_timer_nsleep_restart);
	default:
		return NULL;
	}
}

static u32 restart_kind(struct task_struct *t)
{
	const void *fn = t->restart_block.fn;
	u32 kind;

	if ((long)task_pt_regs(t)->ax != -ERESTART_RESTARTBLOCK)
		return CKPT_RESTART_NONE;
	for (kind = CKPT_RESTART_NANOSLEEP; kind < CKPT_RESTART_KINDS; kind++)
		if (fn == restart_fn(kind))
			return kind;
	return CKPT_RESTART_KINDS;
}

/* Bits 0-1 select the clock, bit 2 a thread's, the rest is the inverted pid. */
static bool own_process_clock(struct task_struct *t, clockid_t clock)
{
	pid_t pid = ~(clock >> 3);

	return (clock & 7) == 2 &&
	       (!pid || pid == task_tgid_nr_ns(t, task_active_pid_ns(t)));
}

/**
 * ckpt_restart_block_collect() - refuse a call that could not go on
 * @ctx: checkpoint
 * @t: frozen task; nothing is refused for current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_block_collect(struct ckpt_ctx *ctx, struct task_struct *t)
{
	const struct restart_block *rb = &t->restart_block;
	u32 kind;

	if (t == current)
		return 0;
	kind = restart_kind(t);
	if (kind == CKPT_RESTART_KINDS)
		return ckpt_refuse(ctx, "task",
				   "an interrupted call of the kind %ps",
				   rb->fn);
	if (kind == CKPT_RESTART_CPU_NANOSLEEP &&
	    !own_process_clock(t, rb->nanosleep.clockid))
		return ckpt_refuse(ctx, "task", "%s",
				   "sleeping on another process' CPU clock");
	if ((kind == CKPT_RESTART_NANOSLEEP ||
	     kind == CKPT_RESTART_CPU_NANOSLEEP ||
	     kind == CKPT_RESTART_ALARM_NANOSLEEP) &&
	    rb->nanosleep.type == TT_COMPAT)
		return ckpt_refuse(ctx, "task", "%s", "a 32-bit sleep");
	if (kind == CKPT_RESTART_FUTEX &&
	    (rb->futex.flags & ~CKPT_K_FUTEX_KNOWN))
		return ckpt_refuse(ctx, "task", "a futex wait with flags %#x",
				   rb->futex.flags);
	return 0;
}

/* Now, on the clock that a block's deadline is on. */
static u64 clock_now(struct task_struct *t, u32 kind, clockid_t clock)
{
	if (kind == CKPT_RESTART_CPU_NANOSLEEP)
		return t->signal->sum_sched_runtime + t->se.sum_exec_runtime;
	if (kind == CKPT_RESTART_ALARM_NANOSLEEP)
		return clock == ALARM_BOOTTIME ? ktime_get_boottime_ns() :
						 ktime_get_real_ns();
	switch (clock) {
	case CLOCK_BOOTTIME:
		return ktime_get_boottime_ns();
	case CLOCK_REALTIME:
		return ktime_get_real_ns();
	case CLOCK_TAI:
		return ktime_get_clocktai_ns();
	default:
		return ktime_get_ns();
	}
}

static void sleep_save(struct ckpt_hdr_restart_block *h,
		       const struct restart_block *rb)
{
	h->clockid = rb->nanosleep.clockid;
	if (h->kind == CKPT_RESTART_CPU_NANOSLEEP)
		h->clockid = CLOCK_PROCESS_SELF;
	h->expires = rb->nanosleep.expires;
	h->type = rb->nanosleep.type;
	if (h->type == TT_NATIVE)
		h->uaddr = (unsigned long)rb->nanosleep.rmtp;
}

static void poll_save(struct ckpt_hdr_restart_block *h,
		      const struct restart_block *rb)
{
	h->clockid = CLOCK_MONOTONIC;
	h->uaddr = (unsigned long)rb->poll.ufds;
	h->nfds = rb->poll.nfds;
	h->has_timeout = rb->poll.has_timeout;
	if (h->has_timeout)
		h->expires = rb->poll.tv_sec * NSEC_PER_SEC + rb->poll.tv_nsec;
}

static void futex_save(struct ckpt_hdr_restart_block *h,
		       const struct restart_block *rb)
{
	h->flags = ckpt_futex_flags_save(rb->futex.flags);
	h->clockid = h->flags & CKPT_FUTEX_CLOCKRT ? CLOCK_REALTIME :
						     CLOCK_MONOTONIC;
	h->uaddr = (unsigned long)rb->futex.uaddr;
	h->val = rb->futex.val;
	h->bitset = rb->futex.bitset;
	h->has_timeout = !!(h->flags & CKPT_FUTEX_TIMEOUT);
	if (h->has_timeout)
		h->expires = rb->futex.time;
}

/**
 * ckpt_restart_block_save() - write the RESTART_BLOCK record
 * @ctx: checkpoint
 * @t: frozen task, or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_block_save(struct ckpt_ctx *ctx, struct task_struct *t)
{
	struct ckpt_hdr_restart_block *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_RESTART_BLOCK, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->kind = t == current ? CKPT_RESTART_NONE : restart_kind(t);
	switch (h->kind) {
	case CKPT_RESTART_NANOSLEEP:
	case CKPT_RESTART_CPU_NANOSLEEP:
	case CKPT_RESTART_ALARM_NANOSLEEP:
		sleep_save(h, &t->restart_block);
		break;
	case CKPT_RESTART_POLL:
		poll_save(h, &t->restart_block);
		break;
	case CKPT_RESTART_FUTEX:
		futex_save(h, &t->restart_block);
		break;
	default:
		return 0;
	}
	h->now = clock_now(t, h->kind, h->clockid);
	return 0;
}

/*
 * Whether the clock goes on where it was: a wall clock, and the process' own,
 * which another thread may be about to set (rusage.c).
 */
static bool clock_stays(const struct ckpt_ctx *ctx,
			const struct ckpt_hdr_restart_block *h)
{
	if (h->kind == CKPT_RESTART_CPU_NANOSLEEP)
		return !(ctx->flags & RESTART_TASKSELF);
	return h->kind == CKPT_RESTART_FUTEX && (h->flags & CKPT_FUTEX_CLOCKRT);
}

/* The deadline with the same time left. */
static u64 rebased(const struct ckpt_ctx *ctx,
		   const struct ckpt_hdr_restart_block *h)
{
	u64 now = clock_now(current, h->kind, h->clockid);

	if (clock_stays(ctx, h))
		return h->expires;
	if (h->expires <= h->now)
		return max_t(u64, now, 1);
	if (h->expires - h->now > KTIME_MAX - now)
		return KTIME_MAX;
	return now + (h->expires - h->now);
}

/**
 * ckpt_restart_block_check() - check a record before it is used
 * @ctx: restart
 * @h: record
 *
 * What the kernel's function would take from user space it checks itself; the
 * clock it has checked before and trusts.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_block_check(struct ckpt_ctx *ctx,
			     const struct ckpt_hdr_restart_block *h)
{
	bool ok = true;

	switch (h->kind) {
	case CKPT_RESTART_NANOSLEEP:
		ok = h->clockid == CLOCK_REALTIME ||
		     h->clockid == CLOCK_MONOTONIC ||
		     h->clockid == CLOCK_BOOTTIME || h->clockid == CLOCK_TAI;
		break;
	case CKPT_RESTART_CPU_NANOSLEEP:
		ok = h->clockid == CLOCK_PROCESS_SELF;
		break;
	case CKPT_RESTART_ALARM_NANOSLEEP:
		ok = h->clockid == ALARM_REALTIME ||
		     h->clockid == ALARM_BOOTTIME;
		if (ok &&
		    (!capable(CAP_WAKE_ALARM) || !alarmtimer_get_rtcdev()))
			return ckpt_fail(ctx, -EPERM, "task",
					 "a sleep on an alarm clock needs a real-time clock and CAP_WAKE_ALARM");
		break;
	default:
		break;
	}
	if (!ok)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "an interrupted sleep on a bad clock %d",
				 h->clockid);
	return 0;
}

/**
 * ckpt_restart_block_commit() - let current's interrupted call go on
 * @ctx: restart
 * @h: record
 *
 * Return: 0.
 */
int ckpt_restart_block_commit(struct ckpt_ctx *ctx,
			      const struct ckpt_hdr_restart_block *h)
{
	struct restart_block *rb = &current->restart_block;
	u64 at = rebased(ctx, h);

	set_restart_fn(rb, (void *)KDATA(do_no_restart_syscall));
	switch (h->kind) {
	case CKPT_RESTART_NANOSLEEP:
	case CKPT_RESTART_CPU_NANOSLEEP:
	case CKPT_RESTART_ALARM_NANOSLEEP:
		rb->nanosleep.clockid = h->clockid;
		rb->nanosleep.type = h->type == TT_NATIVE ? TT_NATIVE : TT_NONE;
		rb->nanosleep.rmtp = (void __user *)h->uaddr;
		rb->nanosleep.expires = at;
		break;
	case CKPT_RESTART_POLL:
		rb->poll.ufds = (void __user *)h->uaddr;
		rb->poll.nfds = h->nfds;
		rb->poll.has_timeout = h->has_timeout;
		rb->poll.tv_sec = div_u64(at, NSEC_PER_SEC);
		rb->poll.tv_nsec = at - rb->poll.tv_sec * NSEC_PER_SEC;
		break;
	case CKPT_RESTART_FUTEX:
		rb->futex.uaddr = (void __user *)h->uaddr;
		rb->futex.val = h->val;
		rb->futex.flags = ckpt_futex_flags_restore(h->flags);
		rb->futex.bitset = h->bitset;
		rb->futex.time = at;
		rb->futex.uaddr2 = NULL;
		break;
	default:
		return 0;
	}
	set_restart_fn(rb, (void *)restart_fn(h->kind));
	return 0;
}
