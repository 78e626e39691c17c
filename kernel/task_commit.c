// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving a task what its record says (see task.c): may the caller have it, and
 * putting it in place.
 *
 * Rights: each check is the rule of the system call that sets the state
 * (setpriority, sched_setattr, ioprio_set, prctl, clone); ckpt_task_check()
 * asks them all before anything is changed and refuses by name.  Most of the
 * state is then set by the system call itself, which asks once more.
 *
 * An exit signal other than SIGCHLD would let the caller send a signal to its
 * parent; it has it already, or could send one by kill().  A parent that ends
 * before the commit takes that with it.
 *
 * rseq is registered by hand: the system call would clear the note of a
 * critical section that was interrupted.  The task then returns to user space
 * as after a preemption, which aborts the section.
 *
 * Locking: siglock for the signal mask and stack, RCU for the parent,
 * tasklist_lock for its being the parent still.
 */
#include <linux/cpumask.h>
#include <linux/ioprio.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/syscalls.h>
#include <uapi/linux/futex.h>
#include <uapi/linux/sched/types.h>
#include "compat/task.h"
#include "ckpt.h"
#include "ksym.h"
#include "rusage.h"
#include "seccomp.h"
#include "sighand.h"
#include "tree_restart.h"

#define SIGS_UNBLOCKABLE (sigmask(SIGKILL) | sigmask(SIGSTOP))

/* ---- checks ---- */

static bool policy_is_rt(u32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool policy_known(u32 policy)
{
	return policy_is_rt(policy) || policy == SCHED_NORMAL ||
	       policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* sched_setattr() without CAP_SYS_NICE; nice is asked for apart */
static bool sched_may_unprivileged(const struct ckpt_hdr_task *rec)
{
	unsigned long limit = rlimit(RLIMIT_RTPRIO);

	if (policy_is_rt(rec->policy)) {
		if (rec->policy != current->policy && !limit)
			return false;
		if (rec->rt_priority > current->rt_priority &&
		    rec->rt_priority > limit)
			return false;
	}
	if (current->policy == SCHED_IDLE && rec->policy != SCHED_IDLE &&
	    !can_nice(current, task_nice(current)))
		return false;
	return !current->sched_reset_on_fork ||
	       (rec->flags & CKPT_TASK_RESET_ON_FORK);
}

static int sched_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	bool rt = policy_is_rt(rec->policy);

	if (!policy_known(rec->policy))
		return ckpt_refuse(ctx, "task", "scheduling policy %u",
				   rec->policy);
	if (rec->nice < MIN_NICE || rec->nice > MAX_NICE ||
	    rec->rt_priority >= MAX_RT_PRIO || rt != !!rec->rt_priority)
		return ckpt_fail(ctx, -EINVAL, "task", "bad priority");
	if (rec->nice < task_nice(current) && !can_nice(current, rec->nice))
		return ckpt_fail(ctx, -EPERM, "task",
				 "nice %d is below the caller's %d and needs CAP_SYS_NICE or RLIMIT_NICE",
				 rec->nice, task_nice(current));
	if (!sched_may_unprivileged(rec) && !capable(CAP_SYS_NICE))
		return ckpt_fail(ctx, -EPERM, "task",
				 "its scheduling policy needs CAP_SYS_NICE or RLIMIT_RTPRIO");
	return 0;
}

static void task_cpus(const struct ckpt_hdr_task *rec, struct cpumask *mask)
{
	unsigned int cpu, nr = min(rec->nr_cpus, nr_cpu_ids);

	cpumask_clear(mask);
	for (cpu = 0; cpu < nr; cpu++)
		if (rec->cpus[cpu / 64] & BIT_ULL(cpu % 64))
			cpumask_set_cpu(cpu, mask);
}

static int affinity_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	cpumask_var_t want, have;
	bool some;

	if (!(rec->flags & CKPT_TASK_AFFINITY))
		return 0;
	if (rec->nr_cpus > (rec->h.len - sizeof(*rec)) * 8)
		return ckpt_fail(ctx, -EINVAL, "task", "bad affinity");
	if (!zalloc_cpumask_var(&want, GFP_KERNEL_ACCOUNT))
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	if (!zalloc_cpumask_var(&have, GFP_KERNEL_ACCOUNT)) {
		free_cpumask_var(want);
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	}
	task_cpus(rec, want);
	K(cpuset_cpus_allowed)(current, have);
	cpumask_and(have, have, cpu_active_mask);
	some = cpumask_intersects(want, have);
	free_cpumask_var(have);
	free_cpumask_var(want);
	if (!some)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "none of the CPUs it is bound to is here for the caller");
	return 0;
}

/* ioprio_set() */
static int ioprio_check(struct ckpt_ctx *ctx, u32 ioprio)
{
	int class = IOPRIO_PRIO_CLASS(ioprio);

	if (ioprio > U16_MAX || class > IOPRIO_CLASS_IDLE ||
	    (class == IOPRIO_CLASS_NONE && ioprio))
		return ckpt_fail(ctx, -EINVAL, "task", "bad I/O priority %#x",
				 ioprio);
	if (class == IOPRIO_CLASS_RT && !capable(CAP_SYS_ADMIN) &&
	    !capable(CAP_SYS_NICE))
		return ckpt_fail(ctx, -EPERM, "task",
				 "its real-time I/O priority needs CAP_SYS_NICE");
	return 0;
}

/* kill(), to the parent */
static bool may_signal(struct task_struct *parent_task)
{
	const struct cred *cred = current_cred(), *parent;
	bool may;

	rcu_read_lock();
	parent = __task_cred(parent_task);
	may = uid_eq(cred->euid, parent->suid) ||
	      uid_eq(cred->euid, parent->uid) ||
	      uid_eq(cred->uid, parent->suid) ||
	      uid_eq(cred->uid, parent->uid) ||
	      ns_capable(parent->user_ns, CAP_KILL);
	rcu_read_unlock();
	return may;
}

/**
 * ckpt_task_check_signals() - whether current may send its parent what it is to
 * @ctx: restart, nothing committed yet
 * @rec: the task's record; the task may be a dead one
 *
 * The parent is kept in ctx->restart->parent.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_check_signals(struct ckpt_ctx *ctx,
			    const struct ckpt_hdr_task *rec)
{
	int exit = rec->exit_signal;
	bool leader = exit >= 0;
	struct task_struct *parent;

	rcu_read_lock();
	parent = rcu_dereference(current->real_parent);
	ctx->restart->parent = get_task_struct(parent);
	rcu_read_unlock();
	if (rec->pdeath_signal < 0 || !valid_signal(rec->pdeath_signal) ||
	    exit < -1 || (leader && !valid_signal(exit)) ||
	    leader != thread_group_leader(current))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "bad parent-death or exit signal");
	if (exit > 0 && exit != SIGCHLD && exit != current->exit_signal &&
	    !may_signal(parent))
		return ckpt_fail(ctx, -EPERM, "task",
				 "exit signal %d: the caller may not signal its parent",
				 exit);
	return 0;
}

static bool user_range(u64 start, u64 len)
{
	return start < TASK_SIZE_MAX && len <= TASK_SIZE_MAX - start;
}

static bool sigaltstack_ok(const struct ckpt_hdr_task *rec)
{
	u32 mode = rec->sas_ss_flags & ~SS_FLAG_BITS;

	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode)
		return false;
	if (!rec->sas_ss_size)
		return !rec->sas_ss_sp || user_range(rec->sas_ss_sp, 0);
	return mode != SS_DISABLE && rec->sas_ss_size >= MINSIGSTKSZ &&
	       user_range(rec->sas_ss_sp, rec->sas_ss_size);
}

/* rseq() */
static bool rseq_ok(const struct ckpt_hdr_task *rec)
{
	if (!rec->rseq)
		return !rec->rseq_len && !rec->rseq_sig;
	if (!IS_ENABLED(CONFIG_RSEQ))
		return false;
	return ckpt_rseq_len_ok(rec->rseq_len) &&
	       IS_ALIGNED(rec->rseq, CKPT_RSEQ_LEN) &&
	       user_range(rec->rseq, rec->rseq_len);
}

static int addresses_check(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_task *rec)
{
	if (!user_range(rec->clear_child_tid, sizeof(int)) ||
	    !user_range(rec->robust_list, sizeof(struct robust_list_head)))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "bad clear_child_tid or robust list");
	if (!sigaltstack_ok(rec))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "bad alternate signal stack");
	if (!rseq_ok(rec))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "bad rseq area (%u bytes), or one that this kernel has no support for",
				 rec->rseq_len);
	return 0;
}

/**
 * ckpt_task_check() - whether the caller may become this task
 * @ctx: restart, nothing committed yet
 * @img: the task's records
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_check(struct ckpt_ctx *ctx, const struct ckpt_task_image *img)
{
	const struct ckpt_hdr_task *rec = img->task;
	int err;

	err = sched_check(ctx, rec);
	if (!err)
		err = affinity_check(ctx, rec);
	if (!err)
		err = ioprio_check(ctx, rec->ioprio);
	if (!err)
		err = addresses_check(ctx, rec);
	if (err)
		return err;
	if (rec->personality == U32_MAX)
		return ckpt_fail(ctx, -EINVAL, "task", "bad personality");
	if (task_no_new_privs(current) &&
	    !(rec->flags & CKPT_TASK_NO_NEW_PRIVS))
		return ckpt_fail(ctx, -EPERM, "task",
				 "the caller has no_new_privs, the task had not");
	return 0;
}

/* ---- commit ---- */

static int task_call(struct ckpt_ctx *ctx, const char *what, unsigned int nr,
		     unsigned long a0, unsigned long a1, unsigned long a2)
{
	long err = ckpt_syscall(nr, a0, a1, a2, 0, 0, 0);

	if (err < 0)
		return ckpt_fail(ctx, err, "task", "its %s could not be set",
				 what);
	return 0;
}

static int sched_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = rec->policy,
		.sched_nice = rec->nice,
		.sched_priority = rec->rt_priority,
	};
	void __user *uattr;
	int err;

	if (rec->flags & CKPT_TASK_RESET_ON_FORK)
		attr.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	err = task_call(ctx, "nice value", __NR_setpriority, PRIO_PROCESS, 0,
			rec->nice);
	if (err)
		return err;
	uattr = ckpt_scratch_put(ctx, 0, &attr, sizeof(attr));
	err = task_call(ctx, "scheduling policy", __NR_sched_setattr, 0,
			(unsigned long)uattr, 0);
	if (err)
		return err;
	current->default_timer_slack_ns = rec->default_timer_slack;
	current->timer_slack_ns = rec->timer_slack;
	return 0;
}

/* The restarter's own is not the program's. */
static int affinity_clear(struct ckpt_ctx *ctx)
{
	cpumask_var_t have;
	void __user *umask;
	bool bound;

	if (!zalloc_cpumask_var(&have, GFP_KERNEL_ACCOUNT))
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	K(cpuset_cpus_allowed)(current, have);
	bound = ckpt_task_is_bound(current, have);
	free_cpumask_var(have);
	if (!bound)
		return 0;
	umask = ckpt_scratch_put(ctx, 0, cpumask_bits(cpu_possible_mask),
				 cpumask_size());
	return task_call(ctx, "CPU affinity", __NR_sched_setaffinity, 0,
			 cpumask_size(), (unsigned long)umask);
}

static int affinity_commit(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_task *rec)
{
	size_t len = DIV_ROUND_UP(rec->nr_cpus, 64) * sizeof(u64);
	void __user *umask;

	if (!(rec->flags & CKPT_TASK_AFFINITY))
		return affinity_clear(ctx);
	len = min_t(size_t, len, PAGE_SIZE);
	umask = ckpt_scratch_put(ctx, 0, rec->cpus, len);
	return task_call(ctx, "CPU affinity", __NR_sched_setaffinity, 0, len,
			 (unsigned long)umask);
}

/**
 * ckpt_task_commit_early() - what needs the caller's credentials
 * @ctx: restart, committing; every signal is blocked
 * @img: the task's records, checked
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_commit_early(struct ckpt_ctx *ctx,
			   const struct ckpt_task_image *img)
{
	const struct ckpt_hdr_task *rec = img->task;
	int err;

	ckpt_rusage_commit_task(ctx, rec);
	err = ckpt_sigpending_commit(ctx, img->siginfo, rec->nr_siginfo, false);
	if (!err)
		err = sched_commit(ctx, rec);
	if (!err)
		err = affinity_commit(ctx, rec);
	if (!err)
		err = task_call(ctx, "I/O priority", __NR_ioprio_set,
				IOPRIO_WHO_PROCESS, 0, rec->ioprio);
	if (!err)
		err = task_call(ctx, "personality", __NR_personality,
				rec->personality, 0, 0);
	if (!err && (rec->flags & CKPT_TASK_NO_NEW_PRIVS))
		err = task_call(ctx, "no_new_privs", __NR_prctl,
				PR_SET_NO_NEW_PRIVS, 1, 0);
	return err ?: ckpt_seccomp_commit(ctx, rec, &img->filters);
}

static int prctl_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	char comm[TASK_COMM_LEN];
	void __user *ucomm;
	int err;

	strscpy(comm, rec->comm, sizeof(comm));
	if (rec->flags & CKPT_TASK_FORKNOEXEC)
		current->flags |= PF_FORKNOEXEC;
	else
		current->flags &= ~PF_FORKNOEXEC;
	ucomm = ckpt_scratch_put(ctx, 0, comm, sizeof(comm));
	err = task_call(ctx, "name", __NR_prctl, PR_SET_NAME,
			(unsigned long)ucomm, 0);
	if (!err)
		err = task_call(ctx, "parent-death signal", __NR_prctl,
				PR_SET_PDEATHSIG, rec->pdeath_signal, 0);
	return err;
}

static int addresses_commit(struct ckpt_ctx *ctx,
			    const struct ckpt_hdr_task *rec)
{
	int err;

	/* It returns the thread id. */
	err = task_call(ctx, "clear_child_tid", __NR_set_tid_address,
			rec->clear_child_tid, 0, 0);
	if (!err)
		err = task_call(ctx, "robust list", __NR_set_robust_list,
				rec->robust_list,
				sizeof(struct robust_list_head), 0);
	return err;
}

static void rseq_commit(const struct ckpt_hdr_task *rec)
{
#ifdef CONFIG_RSEQ
	preempt_disable();
	current->rseq = (struct rseq __user *)(unsigned long)rec->rseq;
	current->rseq_sig = rec->rseq_sig;
	ckpt_rseq_set_len(current, rec->rseq_len);
	rseq_preempt(current);
	preempt_enable();
#endif
}

static void sigaltstack_commit(const struct ckpt_hdr_task *rec)
{
	current->sas_ss_sp = rec->sas_ss_sp;
	current->sas_ss_size = rec->sas_ss_size;
	current->sas_ss_flags = rec->sas_ss_flags;
}

/**
 * ckpt_task_commit_mask() - let signals through again, as the task did
 * @img: the task's records
 */
void ckpt_task_commit_mask(const struct ckpt_task_image *img)
{
	const struct ckpt_hdr_task *rec = img->task;
	sigset_t blocked = { .sig = { rec->blocked } };
	bool look; /* an interrupted call is restarted on the way of signals */

	sigdelsetmask(&blocked, SIGS_UNBLOCKABLE);
	spin_lock_irq(&ckpt_own_sighand()->siglock);
	clear_restore_sigmask();
	if (rec->flags & CKPT_TASK_RESTORE_SIGMASK) {
		current->saved_sigmask.sig[0] = rec->saved_sigmask;
		sigdelsetmask(&current->saved_sigmask, SIGS_UNBLOCKABLE);
		set_restore_sigmask();
	}
	look = test_thread_flag(TIF_SIGPENDING);
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	if (look)
		set_thread_flag(TIF_SIGPENDING);
}

/*
 * Who has taken the process over since the check was not asked, and gets the
 * SIGCHLD that the kernel has set.
 */
static void exit_signal_commit(struct ckpt_ctx *ctx,
			       const struct ckpt_hdr_task *rec)
{
	struct task_struct *parent;

	if (!thread_group_leader(current))
		return;
	read_lock(KDATA(tasklist_lock));
	parent = rcu_dereference_protected(current->real_parent, true);
	if (same_thread_group(parent, ctx->restart->parent))
		WRITE_ONCE(current->exit_signal, rec->exit_signal);
	read_unlock(KDATA(tasklist_lock));
}

/**
 * ckpt_task_commit_dead() - the name of a zombie, and how it exits
 * @ctx: restart, committing
 * @img: the task's records
 *
 * A process exits on its way to user space, with the code of the image.  A
 * leader whose threads live returns to the tool, which ends it alone.
 */
void ckpt_task_commit_dead(struct ckpt_ctx *ctx,
			   const struct ckpt_task_image *img)
{
	const struct ckpt_tree_task *t = ctx->restart->task;
	struct signal_struct *sig = current->signal;

	task_lock(current);
	strscpy(current->comm, img->task->comm, sizeof(current->comm));
	task_unlock(current);
	current->pdeath_signal = 0;
	exit_signal_commit(ctx, img->task);
	if (!t->process_dead)
		return;
	spin_lock_irq(&ckpt_own_sighand()->siglock);
	if (!(sig->flags & SIGNAL_GROUP_EXIT)) {
		sig->flags = SIGNAL_GROUP_EXIT;
		sig->group_exit_code = t->rec.exit_code;
	}
	set_thread_flag(TIF_SIGPENDING);
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

/**
 * ckpt_task_commit_late() - what the new credentials would have undone, and
 * what must come last
 * @ctx: restart, committing; the scratch page is still there
 * @img: the task's records, checked
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_commit_late(struct ckpt_ctx *ctx,
			  const struct ckpt_task_image *img)
{
	const struct ckpt_hdr_task *rec = img->task;
	int err;

	err = prctl_commit(ctx, rec);
	if (!err)
		err = addresses_commit(ctx, rec);
	if (err)
		return err;
	rseq_commit(rec);
	exit_signal_commit(ctx, rec);
	sigaltstack_commit(rec);
	return 0;
}
