// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX timers of a process.
 *
 * Captured: id, clock, notification, time left and interval, the overrun count
 * of the last delivery, the id that the next timer_create() will try.  Absolute
 * timers on CLOCK_REALTIME stay absolute; every other timer goes on with the
 * time that was left, also absolute ones: a clock that has no time namespace
 * or was restarted by a reboot can't mean the same moment again.  A timer whose
 * signal is pending comes back as it would be after the delivery of that
 * signal, which is in the image as a plain SI_TIMER one.
 *
 * Refused: alarm clocks (they wake a suspended machine), CPU clocks of another
 * process, clocks of devices.  CPU clocks of the process itself or its thread
 * lose the pid in their number: 0 means the same and needs no translation.
 *
 * At the commit timers are made by timer_create() and timer_settime()
 * themselves; signal->next_posix_timer_id makes timer_create() choose the id.
 *
 * Locking: siglock to walk the list, then, without it, the it_lock of one
 * timer after the other (the kernel nests siglock inside of it_lock).  A timer
 * that its process deletes in between, since it is being killed, is kept
 * readable by RCU, and so is the struct pid of a thread that was there; that of
 * one which has exited is not, and such a timer is not read.
 */
#include <linux/hrtimer.h>
#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/syscalls.h>
#include "compat/posix_timers.h"
#include "ksym.h"
#include "sighand.h"
#include "timers.h"
#include "tree_restart.h"

/* Where things stand in the scratch page. */
#define SCRATCH_EVENT 0
#define SCRATCH_ID 256
#define SCRATCH_SPEC 512

/* One live timer while it is being read. */
struct timer_slot {
	struct k_itimer *timer;
	struct ckpt_hdr_timer rec;
	bool foreign; /* a CPU clock of another process */
};

static unsigned int timers_count(struct task_struct *t)
{
	struct k_itimer *timer;
	struct sighand_struct *sighand;
	unsigned long flags;
	unsigned int n = 0;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return 0;
	ckpt_for_each_posix_timer(timer, t->signal)
		n++;
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return n;
}

static clockid_t cpu_clock_self(clockid_t clock)
{
	return CPUCLOCK_PERTHREAD(clock) ?
		       make_thread_cpuclock(0, CPUCLOCK_WHICH(clock)) :
		       make_process_cpuclock(0, CPUCLOCK_WHICH(clock));
}

/* Under RCU. */
static void slot_note_cpu_clock(struct timer_slot *slot, struct task_struct *t)
{
	clockid_t clock = slot->timer->it_clock;
	struct pid *pid = slot->timer->it.cpu.pid;
	struct task_struct *thread;

	slot->rec.clockid = cpu_clock_self(clock);
	if (!CPUCLOCK_PERTHREAD(clock)) {
		slot->foreign = pid != task_tgid(t);
		return;
	}
	thread = pid_task(pid, PIDTYPE_PID);
	slot->foreign = !thread || !same_thread_group(thread, t);
	slot->rec.clock_tid = pid_nr_ns(pid, task_active_pid_ns(t));
}

/* Under RCU.  One whose thread has exited tells nobody any more. */
static void slot_note_target(struct timer_slot *slot, struct task_struct *t)
{
	struct ckpt_hdr_timer *rec = &slot->rec;
	struct pid *pid = slot->timer->it_pid;

	if (pid_task(pid, PIDTYPE_PID)) {
		rec->target_tid = pid_nr_ns(pid, task_active_pid_ns(t));
	} else {
		rec->notify = SIGEV_NONE;
		rec->signo = 0;
	}
}

/* What doesn't change during a timer's life; under siglock. */
static void slot_note(struct timer_slot *slot, struct k_itimer *timer,
		      struct task_struct *t)
{
	struct ckpt_hdr_timer *rec = &slot->rec;
	kernel_siginfo_t *info = &timer->sigq->info;

	slot->timer = timer;
	rec->id = timer->it_id;
	rec->clockid = timer->it_clock;
	rec->notify = timer->it_sigev_notify;
	rec->sigval = (unsigned long)info->si_value.sival_ptr;
	if (rec->notify != SIGEV_NONE)
		rec->signo = info->si_signo;
	if (rec->notify & SIGEV_THREAD_ID)
		slot_note_target(slot, t);
	if (timer->it_clock < 0)
		slot_note_cpu_clock(slot, t);
}

/* Number of timers noted, at most @max. */
static unsigned int slots_note(struct timer_slot *slots, unsigned int max,
			       struct task_struct *t)
{
	struct k_itimer *timer;
	struct sighand_struct *sighand;
	unsigned long flags;
	unsigned int n = 0;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return 0;
	ckpt_for_each_posix_timer(timer, t->signal) {
		if (n == max)
			break;
		slot_note(&slots[n++], timer, t);
	}
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return n;
}

static bool timer_is_absolute(struct k_itimer *timer)
{
	return timer->it_clock == CLOCK_REALTIME &&
	       timer->it.real.timer.base->clockid == CLOCK_REALTIME;
}

/* What is left; the timer is kept readable by RCU. */
static void slot_read(struct timer_slot *slot)
{
	struct k_itimer *timer = slot->timer;
	struct ckpt_hdr_timer *rec = &slot->rec;
	struct itimerspec64 left = {};
	unsigned long flags;

	spin_lock_irqsave(&timer->it_lock, flags);
	if (timer->it_clock < 0)
		K(posix_cpu_timer_get)(timer, &left);
	else
		K(common_timer_get)(timer, &left);
	rec->value = timespec64_to_ns(&left.it_value);
	rec->interval = timespec64_to_ns(&left.it_interval);
	rec->overrun = clamp_t(s64, timer->it_overrun_last, 0, INT_MAX);
	if (rec->value && timer_is_absolute(timer)) {
		rec->flags |= CKPT_TIMER_ABS;
		rec->value = ktime_to_ns(
			hrtimer_get_expires(&timer->it.real.timer));
	}
	spin_unlock_irqrestore(&timer->it_lock, flags);
}

static bool timer_clock_ok(clockid_t clock)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return true;
	}
	return clock < 0 && CPUCLOCK_PID(clock) == 0 &&
	       CPUCLOCK_WHICH(clock) < CPUCLOCK_MAX;
}

static int slots_refuse(struct ckpt_ctx *ctx, const struct timer_slot *slots,
			unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct ckpt_hdr_timer *rec = &slots[i].rec;

		if (slots[i].foreign)
			return ckpt_refuse(ctx, "POSIX timer",
					   "timer %d on another process's CPU clock",
					   rec->id);
		if (!timer_clock_ok(rec->clockid))
			return ckpt_refuse(ctx, "POSIX timer",
					   "timer %d on clock %d", rec->id,
					   rec->clockid);
	}
	return 0;
}

static int timer_cmp(const void *a, const void *b)
{
	const struct ckpt_hdr_timer *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int list_from_slots(struct ckpt_timer_list *list,
			   const struct timer_slot *slots, unsigned int nr)
{
	unsigned int i;

	list->timer = kvmalloc_array(nr, sizeof(*list->timer),
				     GFP_KERNEL_ACCOUNT);
	if (!list->timer)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		list->timer[i] = slots[i].rec;
	list->nr = nr;
	sort(list->timer, nr, sizeof(*list->timer), timer_cmp, NULL);
	return 0;
}

/**
 * ckpt_timers_gather() - read the POSIX timers of a process
 * @ctx: checkpoint
 * @t: a task of the process, frozen or current
 * @list: out: the timers; the caller frees @list->timer
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_timers_gather(struct ckpt_ctx *ctx, struct task_struct *t,
		       struct ckpt_timer_list *list)
{
	unsigned int i, nr = timers_count(t);
	struct timer_slot *slots;
	int err;

	*list = (struct ckpt_timer_list){};
	if (!nr)
		return 0;
	if (nr > CKPT_TIMERS_MAX)
		return ckpt_refuse(ctx, "POSIX timer", "more than %d of them",
				   CKPT_TIMERS_MAX);
	slots = kvcalloc(nr, sizeof(*slots), GFP_KERNEL_ACCOUNT);
	if (!slots)
		return ckpt_fail(ctx, -ENOMEM, "POSIX timer", "out of memory");
	scoped_guard(rcu) {
		nr = slots_note(slots, nr, t);
		for (i = 0; i < nr; i++)
			if (!slots[i].foreign)
				slot_read(&slots[i]);
	}
	err = slots_refuse(ctx, slots, nr);
	if (!err && nr) {
		err = list_from_slots(list, slots, nr);
		if (err)
			ckpt_fail(ctx, err, "POSIX timer", "out of memory");
	}
	kvfree(slots);
	return err;
}

/**
 * ckpt_timers_save() - write TIMER records
 * @ctx: checkpoint
 * @list: timers
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_timers_save(struct ckpt_ctx *ctx, const struct ckpt_timer_list *list)
{
	u32 i;

	for (i = 0; i < list->nr; i++) {
		struct ckpt_hdr_timer *rec;
		struct ckpt_hdr h;

		rec = ckpt_out_rec(ctx, CKPT_HDR_TIMER, sizeof(*rec));
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		h = rec->h;
		*rec = list->timer[i];
		rec->h = h;
	}
	return 0;
}

static bool timer_times_ok(const struct ckpt_hdr_timer *rec)
{
	if (rec->value < 0 || rec->interval < 0)
		return false;
	if (rec->flags & ~CKPT_TIMER_ABS)
		return false;
	if ((rec->flags & CKPT_TIMER_ABS) && rec->clockid != CLOCK_REALTIME)
		return false;
	return rec->overrun >= 0 && rec->overrun <= INT_MAX;
}

/* A thread of the image's process; NULL if it has none of that pid. */
static const struct ckpt_tree_task *own_thread(struct ckpt_ctx *ctx, s32 tid)
{
	const struct ckpt_tree_task *t = ckpt_tree_lookup(ctx, tid);

	return t && t->rec.tgid == ctx->restart->task->rec.tgid ? t : NULL;
}

static bool timer_notify_ok(struct ckpt_ctx *ctx,
			    const struct ckpt_hdr_timer *rec)
{
	switch (rec->notify) {
	case SIGEV_THREAD_ID:
		if (!own_thread(ctx, rec->target_tid))
			return false;
		fallthrough;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		return rec->signo > 0 && rec->signo <= _NSIG;
	case SIGEV_NONE:
		return true;
	}
	return false;
}

static bool timer_thread_ok(struct ckpt_ctx *ctx,
			    const struct ckpt_hdr_timer *rec)
{
	bool thread = rec->clockid < 0 && CPUCLOCK_PERTHREAD(rec->clockid);

	return thread ? !!own_thread(ctx, rec->clock_tid) : !rec->clock_tid;
}

static int timer_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_timer *rec,
		       s32 last_id)
{
	if (rec->id <= last_id)
		return ckpt_fail(ctx, -EINVAL, "POSIX timer",
				 "id %d is out of order", rec->id);
	if (!timer_clock_ok(rec->clockid))
		return ckpt_refuse(ctx, "POSIX timer", "timer %d on clock %d",
				   rec->id, rec->clockid);
	if (!timer_thread_ok(ctx, rec))
		return ckpt_fail(ctx, -EINVAL, "POSIX timer",
				 "timer %d on the clock of thread %d", rec->id,
				 rec->clock_tid);
	if (!timer_notify_ok(ctx, rec))
		return ckpt_fail(ctx, -EINVAL, "POSIX timer",
				 "bad notification of timer %d", rec->id);
	if (!timer_times_ok(rec))
		return ckpt_fail(ctx, -EINVAL, "POSIX timer",
				 "bad times of timer %d", rec->id);
	return 0;
}

/**
 * ckpt_timers_restore() - read and check TIMER records
 * @ctx: restart
 * @nr: how many follow
 * @list: out: the timers; the caller frees @list->timer, also on failure
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_timers_restore(struct ckpt_ctx *ctx, u32 nr,
			struct ckpt_timer_list *list)
{
	s32 last_id = -1;
	int err;

	*list = (struct ckpt_timer_list){};
	if (!nr)
		return 0;
	if (nr > CKPT_TIMERS_MAX)
		return ckpt_fail(ctx, -EINVAL, "POSIX timer",
				 "%u of them are too many", nr);
	err = ckpt_sigpending_limit(ctx, nr);
	if (err)
		return err;
	list->timer = kvmalloc_array(nr, sizeof(*list->timer),
				     GFP_KERNEL_ACCOUNT);
	if (!list->timer)
		return ckpt_fail(ctx, -ENOMEM, "POSIX timer", "out of memory");
	while (list->nr < nr) {
		const struct ckpt_hdr *h = ckpt_in_expect(ctx, CKPT_HDR_TIMER);
		const struct ckpt_hdr_timer *rec = (const void *)h;

		if (IS_ERR(h))
			return PTR_ERR(h);
		err = timer_check(ctx, rec, last_id);
		if (err)
			return err;
		last_id = rec->id;
		list->timer[list->nr++] = *rec;
	}
	return 0;
}

static int timer_create_id(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_timer *rec)
{
	struct sigevent event = {
		.sigev_value.sival_ptr = (void __user *)(unsigned long)
						 rec->sigval,
		.sigev_signo = rec->signo,
		.sigev_notify = rec->notify,
	};
	clockid_t clock = rec->clockid;
	void __user *uevent, *uid;
	int id = -1, err;

	if (rec->clock_tid)
		clock = make_thread_cpuclock(task_pid_vnr(
						     own_thread(ctx,
								rec->clock_tid)
							     ->task),
					     CPUCLOCK_WHICH(clock));

	if (rec->notify == SIGEV_THREAD_ID)
		event.sigev_notify_thread_id = task_pid_vnr(
			own_thread(ctx, rec->target_tid)->task);
	uevent = ckpt_scratch_put(ctx, SCRATCH_EVENT, &event, sizeof(event));
	uid = ckpt_scratch_put(ctx, SCRATCH_ID, &id, sizeof(id));
	current->signal->next_posix_timer_id = rec->id;
	err = ckpt_syscall(__NR_timer_create, clock, (unsigned long)uevent,
			   (unsigned long)uid, 0, 0, 0);
	if (!err)
		err = ckpt_scratch_get(ctx, SCRATCH_ID, &id, sizeof(id));
	if (!err && id != rec->id)
		err = -EBUSY;
	return err;
}

static int timer_arm(struct ckpt_ctx *ctx, const struct ckpt_hdr_timer *rec)
{
	struct timespec64 value = ns_to_timespec64(rec->value);
	struct timespec64 interval = ns_to_timespec64(rec->interval);
	struct __kernel_itimerspec spec = {
		.it_value = { .tv_sec = value.tv_sec,
			      .tv_nsec = value.tv_nsec },
		.it_interval = { .tv_sec = interval.tv_sec,
				 .tv_nsec = interval.tv_nsec },
	};
	int flags = rec->flags & CKPT_TIMER_ABS ? TIMER_ABSTIME : 0;
	void __user *uspec;

	if (!rec->value && !rec->interval)
		return 0;
	uspec = ckpt_scratch_put(ctx, SCRATCH_SPEC, &spec, sizeof(spec));
	return ckpt_syscall(__NR_timer_settime, rec->id, flags,
			    (unsigned long)uspec, 0, 0, 0);
}

/* timer_settime() has made it 0.  Nobody but current deletes the timer. */
static void timer_set_overrun(const struct ckpt_hdr_timer *rec)
{
	struct k_itimer *timer, *found = NULL;

	spin_lock_irq(&ckpt_own_sighand()->siglock);
	ckpt_for_each_posix_timer(timer, current->signal) {
		if (timer->it_id != rec->id)
			continue;
		found = timer;
		break;
	}
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
	if (WARN_ON_ONCE(!found))
		return;
	spin_lock_irq(&found->it_lock);
	found->it_overrun_last = rec->overrun;
	spin_unlock_irq(&found->it_lock);
}

/**
 * ckpt_timers_clear() - end the timers of the program that current ran
 * @ctx: restart, committing
 *
 * POSIX timers go, with their pending signals, and the itimers stop, as over
 * an execve() (which leaves the itimers).
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_timers_clear(struct ckpt_ctx *ctx)
{
	static const struct ckpt_itimer none[CKPT_NITIMERS];

	K(exit_itimers)(current);
	K(flush_itimer_signals)();
	return ckpt_itimers_commit(ctx, none);
}

/**
 * ckpt_timers_commit() - make the POSIX timers of the image
 * @ctx: restart, committing; current has no timers
 * @list: timers
 * @next_id: what the next timer_create() is to try
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_timers_commit(struct ckpt_ctx *ctx, const struct ckpt_timer_list *list,
		       s32 next_id)
{
	u32 i;

	for (i = 0; i < list->nr; i++) {
		const struct ckpt_hdr_timer *rec = &list->timer[i];
		int err = timer_create_id(ctx, rec);

		if (!err)
			err = timer_arm(ctx, rec);
		if (err)
			return ckpt_fail(ctx, err, "POSIX timer",
					 "timer %d could not be made", rec->id);
		timer_set_overrun(rec);
	}
	current->signal->next_posix_timer_id = next_id & INT_MAX;
	return 0;
}
