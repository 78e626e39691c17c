// SPDX-License-Identifier: GPL-2.0-only
/*
 * State of a task that a checkpoint can't carry yet: the table of refusals.
 *
 * Every member of task_struct that user space can give a value other than the
 * default stands here, is captured by task.c, arch/x86/ or the resource it
 * belongs to, or is one of these that a restarted task has from its restarter:
 * cgroups, cpuset, audit ids, autogroup, resctrl group, perf events that others
 * count it with, BPF task storage, NUMA statistics, delay accounting; and how it
 * runs here: its NUMA memory policy, utilization clamping, core-scheduling cookie,
 * and speculation controls.  Yama's exceptions are lost.
 *
 * A restart would leave the rest with the program, which had it not: so a
 * restarter that has it is refused by the same table.
 *
 * Locking: task_lock for the I/O context; the rest is read of a task that is
 * frozen, or of current.
 */
#include <linux/iocontext.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/seccomp.h>
#include <linux/thread_info.h>
#include "compat/sem.h"
#include "compat/task.h"
#include "ckpt.h"
#include "seccomp.h"

static bool is_traced(struct task_struct *t)
{
	return t->ptrace;
}

static bool is_tracing(struct task_struct *t)
{
	return !list_empty(&t->ptraced);
}

/*
 * A stop that is over is the process' (obj_signal.c).  A tracer that took a stop
 * signal away has left JOBCTL_STOP_DEQUEUED behind.
 */
static bool is_stopping(struct task_struct *t)
{
	unsigned long fine = JOBCTL_TRAP_FREEZE | JOBCTL_STOP_SIGMASK |
			     JOBCTL_STOP_DEQUEUED;

	if (t->signal->flags & SIGNAL_STOP_STOPPED)
		fine |= JOBCTL_STOPPED;
	return t->jobctl & ~fine;
}

static bool is_32bit(struct task_struct *t)
{
	return test_tsk_thread_flag(t, TIF_ADDR32) ||
	       task_pt_regs(t)->cs != __USER_CS;
}

/* Its number is another table's.  The entry's mark stays until it returns. */
static bool is_in_32bit_call(struct task_struct *t)
{
	return t != current && t->thread_info.status & TS_COMPAT;
}

static bool is_vfork_child(struct task_struct *t)
{
	return READ_ONCE(t->vfork_done);
}

static bool has_user_dispatch(struct task_struct *t)
{
	return test_task_syscall_work(t, SYSCALL_USER_DISPATCH);
}

static bool has_io_uring(struct task_struct *t)
{
#ifdef CONFIG_IO_URING
	return t->io_uring;
#else
	return false;
#endif
}

static bool has_odd_policy(struct task_struct *t)
{
	switch (t->policy) {
	case SCHED_NORMAL:
	case SCHED_FIFO:
	case SCHED_RR:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return false;
	}
	return true;
}

static bool has_custom_slice(struct task_struct *t)
{
	return ckpt_task_custom_slice(t);
}

static bool has_uclamp(struct task_struct *t)
{
#ifdef CONFIG_UCLAMP_TASK
	return t->uclamp_req[UCLAMP_MIN].user_defined ||
	       t->uclamp_req[UCLAMP_MAX].user_defined;
#else
	return false;
#endif
}

static bool has_core_cookie(struct task_struct *t)
{
#ifdef CONFIG_SCHED_CORE
	return t->core_cookie;
#else
	return false;
#endif
}

static bool has_mempolicy(struct task_struct *t)
{
#ifdef CONFIG_NUMA
	return t->mempolicy;
#else
	return false;
#endif
}

static bool has_spec_control(struct task_struct *t)
{
	return task_spec_ssb_disable(t) || task_spec_ssb_noexec(t) ||
	       task_spec_ssb_force_disable(t) || task_spec_ib_disable(t) ||
	       task_spec_ib_force_disable(t) ||
	       test_tsk_thread_flag(t, TIF_SPEC_L1D_FLUSH);
}

/* Strict seccomp takes it away, too, and does so again. */
static bool has_no_tsc(struct task_struct *t)
{
	return test_tsk_thread_flag(t, TIF_NOTSC) &&
	       t->seccomp.mode != SECCOMP_MODE_STRICT;
}

static bool has_no_cpuid(struct task_struct *t)
{
	return test_tsk_thread_flag(t, TIF_NOCPUID);
}

static bool has_io_flusher(struct task_struct *t)
{
	return t->flags & PF_LOCAL_THROTTLE;
}

static bool has_mce_policy(struct task_struct *t)
{
	return t->flags & (PF_MCE_PROCESS | PF_MCE_EARLY);
}

static bool has_uprobe(struct task_struct *t)
{
#ifdef CONFIG_UPROBES
	return t->utask;
#else
	return false;
#endif
}

static bool has_kcov(struct task_struct *t)
{
#ifdef CONFIG_KCOV
	return t->kcov;
#else
	return false;
#endif
}

static bool has_user_events(struct task_struct *t)
{
#ifdef CONFIG_USER_EVENTS
	return t->user_event_mm;
#else
	return false;
#endif
}

static bool has_pi_futex(struct task_struct *t)
{
#ifdef CONFIG_FUTEX
	return !list_empty(&t->pi_state_list);
#else
	return false;
#endif
}

static bool has_compat_robust_list(struct task_struct *t)
{
#if defined(CONFIG_FUTEX) && defined(CONFIG_COMPAT)
	return t->compat_robust_list;
#else
	return false;
#endif
}

enum { RESTARTER = 1 }; /* one that has it may not become a task either */

static const struct {
	bool (*is)(struct task_struct *t);
	const char *what;
	unsigned int flags;
} refusals[] = {
	{ is_traced, "a traced task (ptrace)", RESTARTER },
	{ is_tracing, "a task that traces another one (ptrace)", RESTARTER },
	{ is_32bit, "a 32-bit task" },
	{ is_in_32bit_call, "a 32-bit system call (int $0x80)" },
	{ has_user_dispatch, "syscall user dispatch", RESTARTER },
	{ has_io_uring, "io_uring", RESTARTER },
	{ ckpt_sem_has_undo, "a System V semaphore undo list", RESTARTER },
	{ has_odd_policy, "its scheduling policy (deadline, sched_ext)" },
	{ has_custom_slice, "a scheduling slice of its own" },
	{ has_uclamp, "utilization clamping" },
	{ has_core_cookie, "a core-scheduling cookie" },
	{ has_mempolicy, "a NUMA memory policy" },
	{ has_spec_control, "a speculation control (PR_SET_SPECULATION_CTRL)" },
	{ has_no_tsc, "a disabled time-stamp counter (PR_SET_TSC)", RESTARTER },
	{ has_no_cpuid, "CPUID faulting (ARCH_SET_CPUID)", RESTARTER },
	{ has_io_flusher, "the I/O flusher state (PR_SET_IO_FLUSHER)",
	  RESTARTER },
	{ has_mce_policy, "a machine-check policy (PR_MCE_KILL)", RESTARTER },
	{ has_uprobe, "a task with uprobes" },
	{ has_kcov, "coverage collection (kcov)" },
	{ has_user_events, "user events", RESTARTER },
	{ has_pi_futex, "a priority-inheriting futex with waiters", RESTARTER },
	{ has_compat_robust_list, "a 32-bit robust list", RESTARTER },
};

/**
 * ckpt_task_collect() - refuse a task with state that is not supported
 * @ctx: checkpoint
 * @t: task, frozen or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_collect(struct ckpt_ctx *ctx, struct task_struct *t)
{
	unsigned int flags = READ_ONCE(t->flags);
	int i;

	if ((flags & CKPT_PF_WORKER) || !READ_ONCE(t->mm))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "it is a thread of the kernel, or exiting");
	if (READ_ONCE(t->exit_state) ||
	    (flags & (PF_EXITING | PF_SIGNALED | PF_DUMPCORE)))
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	if (is_stopping(t))
		return ckpt_fail(ctx, -EAGAIN, "task",
				 "it is just being stopped: try again");
	if (is_vfork_child(t))
		return ckpt_fail(ctx, -EAGAIN, "task",
				 "a child of vfork() that has not executed a program yet: try again");
	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].is(t))
			return ckpt_refuse(ctx, "task", "%s", refusals[i].what);
	return ckpt_seccomp_collect(ctx, t);
}

/**
 * ckpt_task_check_restarter() - refuse a restarter whose state would stay with
 * the program
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_check_restarter(struct ckpt_ctx *ctx)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		if (refusals[i].flags & RESTARTER && refusals[i].is(current))
			return ckpt_fail(ctx, -EBUSY, "caller",
					 "the program could not be rid of what it has: %s",
					 refusals[i].what);
	return 0;
}
