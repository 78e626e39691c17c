// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that a freezer stops in the middle.
 *
 * A task that cgroup v2 freezes has left its call with a result, which says
 * how the call goes on.  cgroup v1 wakes most sleepers, too, but leaves those
 * where they are that wait in the state TASK_FREEZABLE: in nanosleep and
 * clock_nanosleep, futex waits, rt_sigtimedwait, wait4 and waitid, and vfork
 * (that one with cgroup v2, too).  Their call has no result yet.
 *
 * Those whose arguments alone say what they wait for are saved with the result
 * that a signal would have given them, and begin again at the restart.  The
 * others are refused: how long they have waited is told nowhere.
 *
 * Locking: none; the task is frozen.
 */
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <uapi/linux/futex.h>
#include <asm/unistd.h>
#include "../../open_call.h"

/* clock_nanosleep(clock, flags, ...) until a time of the clock */
static bool sleeps_until(const struct pt_regs *regs)
{
	return regs->si & TIMER_ABSTIME;
}

/* futex(uaddr, op, val, timeout) without a timeout */
static bool waits_for_futex(const struct pt_regs *regs)
{
	unsigned int cmd = regs->si & FUTEX_CMD_MASK;

	return (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET) && !regs->r10;
}

/* rt_sigtimedwait(set, info, timeout) without a timeout */
static bool waits_for_signal(const struct pt_regs *regs)
{
	return !regs->dx;
}

static const struct {
	unsigned long nr;
	bool (*again)(const struct pt_regs *regs);
	long result; /* of the call when a signal interrupts it */
} open_calls[] = {
	{ __NR_clock_nanosleep, sleeps_until, -ERESTARTNOHAND },
	{ __NR_futex, waits_for_futex, -ERESTARTSYS },
	{ __NR_rt_sigtimedwait, waits_for_signal, -EINTR },
};

/**
 * ckpt_call_result() - what a frozen task's call has returned, or will
 * @t: frozen task
 * @ax: filled with the register to save
 *
 * Return: false if it is inside a call that cannot begin again.
 */
bool ckpt_call_result(struct task_struct *t, unsigned long *ax)
{
	const struct pt_regs *regs = task_pt_regs(t);
	int i;

	*ax = regs->ax;
	if ((long)regs->orig_ax < 0 || (long)regs->ax != -ENOSYS)
		return true;
	for (i = 0; i < ARRAY_SIZE(open_calls); i++) {
		if (regs->orig_ax != open_calls[i].nr)
			continue;
		*ax = open_calls[i].result;
		return open_calls[i].again(regs);
	}
	return false;
}

/**
 * ckpt_call_is_vfork() - whether a task waits for its child of vfork()
 * @t: frozen task
 *
 * Both freezers leave it where it is.
 *
 * Return: true inside vfork(), and clone() that waits as that does.
 */
bool ckpt_call_is_vfork(struct task_struct *t)
{
	const struct pt_regs *regs = task_pt_regs(t);

	if ((long)regs->ax != -ENOSYS)
		return false;
	switch (regs->orig_ax) {
	case __NR_vfork:
	case __NR_clone3: /* nothing else in it waits */
		return true;
	case __NR_clone:
		return regs->di & CLONE_VFORK;
	}
	return false;
}

/**
 * ckpt_call_blocked() - signals that a task blocks
 * @t: frozen task, or current
 *
 * rt_sigtimedwait lets the signals through that it waits for, and keeps the
 * task's own mask meanwhile.
 *
 * Return: the mask.
 */
const sigset_t *ckpt_call_blocked(struct task_struct *t)
{
	return sigisemptyset(&t->real_blocked) ? &t->blocked : &t->real_blocked;
}
