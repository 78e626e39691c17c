// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of pending signals: a task's own and its process's.
 *
 * Captured: every queued siginfo, in order, and signals that are pending
 * without one, since the kernel found no memory for it.  A POSIX timer's signal
 * loses its tie to the timer and comes back as a plain SI_TIMER one.  The ids
 * in a siginfo are data, they are not translated.
 * Refused: a pending SIGSTOP; SIGKILL means that the task is gone.
 *
 * At the commit the task sends itself the signals, through the entries of
 * rt_sigqueueinfo() and rt_tgsigqueueinfo(): what an image can put into a
 * siginfo is what any program can put there for itself, and the user's
 * RLIMIT_SIGPENDING counts.  All signals are blocked then, so that none is
 * dropped as ignored and none is delivered early.
 *
 * Locking: siglock.
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/user_namespace.h>
#include "ckpt.h"
#include "ksym.h"
#include "sighand.h"

#define INFO_LEN sizeof_field(struct ckpt_hdr_siginfo, info)

static_assert(sizeof(siginfo_t) == INFO_LEN);
static_assert(sizeof(sigset_t) == sizeof(u64));

/*
 * Entries that a queue needs; @bare: out: signals without a siginfo.  Under
 * siglock.
 */
static int sigpending_measure(const struct sigpending *pending, sigset_t *bare)
{
	const struct sigqueue *q;
	int sig, n = 0;

	*bare = pending->signal;
	list_for_each_entry(q, &pending->list, list) {
		sigdelset(bare, q->info.si_signo);
		n++;
	}
	for (sig = 1; sig <= _NSIG; sig++)
		n += sigismember(bare, sig);
	return n;
}

/**
 * ckpt_sigpending_count() - measure a queue of pending signals
 * @ctx: checkpoint
 * @t: task, frozen or current
 * @pending: its queue or its process's
 *
 * Return: number of entries to save, or a negative errno that has been
 * reported.
 */
int ckpt_sigpending_count(struct ckpt_ctx *ctx, struct task_struct *t,
			  struct sigpending *pending)
{
	struct sighand_struct *sighand;
	unsigned long flags;
	bool kill, stop;
	sigset_t bare;
	int n;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	n = sigpending_measure(pending, &bare);
	kill = sigismember(&pending->signal, SIGKILL);
	stop = sigismember(&pending->signal, SIGSTOP);
	spin_unlock_irqrestore(&sighand->siglock, flags);
	if (kill)
		return ckpt_fail(ctx, -ESRCH, "task", "it is being killed");
	if (stop)
		return ckpt_refuse(ctx, "task", "a pending SIGSTOP");
	if (n > CKPT_SIGINFOS_MAX)
		return ckpt_refuse(ctx, "task", "more than %d pending signals",
				   CKPT_SIGINFOS_MAX);
	return n;
}

static void siginfo_fill(struct ckpt_hdr_siginfo *rec, const struct sigqueue *q)
{
	siginfo_t *info = (siginfo_t *)rec->info;

	rec->signo = q->info.si_signo;
	rec->has_info = 1;
	copy_siginfo_to_external(info, &q->info);
	/* The kernel's own note on a timer's signal; never shown to a user. */
	if (q->flags & SIGQUEUE_PREALLOC)
		info->si_sys_private = 0;
}

/*
 * Copy a queue into @max entries, under siglock.  Signals that came since the
 * queue was measured stay behind: they came after the checkpoint.
 */
static int sigpending_fill(const struct sigpending *pending,
			   struct ckpt_hdr_siginfo *out, int max)
{
	const struct sigqueue *q;
	sigset_t bare;
	int sig, n = 0;
	int nr_info = sigpending_measure(pending, &bare);

	for (sig = 1; sig <= _NSIG; sig++)
		nr_info -= sigismember(&bare, sig);
	nr_info = min(nr_info, max);
	list_for_each_entry(q, &pending->list, list) {
		if (n == nr_info)
			break;
		siginfo_fill(&out[n++], q);
	}
	for (sig = 1; sig <= _NSIG && n < max; sig++)
		if (sigismember(&bare, sig))
			out[n++].signo = sig;
	return n;
}

static int siginfos_write(struct ckpt_ctx *ctx,
			  const struct ckpt_hdr_siginfo *infos, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		struct ckpt_hdr_siginfo *rec;

		rec = ckpt_out_rec(ctx, CKPT_HDR_SIGINFO, sizeof(*rec));
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		rec->signo = infos[i].signo;
		rec->has_info = infos[i].has_info;
		memcpy(rec->info, infos[i].info, INFO_LEN);
	}
	return 0;
}

/**
 * ckpt_sigpending_save() - write a queue of pending signals
 * @ctx: checkpoint
 * @t: task, frozen or current
 * @pending: its queue or its process's
 * @nr: what ckpt_sigpending_count() said
 *
 * Return: 0 and exactly @nr SIGINFO records, or a negative errno that has been
 * reported.
 */
int ckpt_sigpending_save(struct ckpt_ctx *ctx, struct task_struct *t,
			 struct sigpending *pending, int nr)
{
	struct ckpt_hdr_siginfo *infos;
	struct sighand_struct *sighand;
	unsigned long flags;
	int err, n;

	if (!nr)
		return 0;
	infos = kvcalloc(nr, sizeof(*infos), GFP_KERNEL_ACCOUNT);
	if (!infos)
		return ckpt_fail(ctx, -ENOMEM, "task",
				 "out of memory for its pending signals");
	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand) {
		err = ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	} else {
		n = sigpending_fill(pending, infos, nr);
		spin_unlock_irqrestore(&sighand->siglock, flags);
		err = n == nr ? siginfos_write(ctx, infos, nr) :
				ckpt_fail(ctx, -EAGAIN, "task",
					  "its pending signals changed");
	}
	kvfree(infos);
	return err;
}

static int siginfo_check(struct ckpt_ctx *ctx,
			 const struct ckpt_hdr_siginfo *rec)
{
	const siginfo_t *info = (const siginfo_t *)rec->info;

	if (rec->signo < 1 || rec->signo > _NSIG || rec->has_info > 1)
		return ckpt_fail(ctx, -EINVAL, "pending signal",
				 "bad signal %d", rec->signo);
	if (sig_kernel_only(rec->signo))
		return ckpt_fail(ctx, -EINVAL, "pending signal",
				 "signal %d can't be pending", rec->signo);
	if (rec->has_info && info->si_signo != rec->signo)
		return ckpt_fail(ctx, -EINVAL, "pending signal",
				 "signal %d with the siginfo of another one",
				 rec->signo);
	return 0;
}

/**
 * ckpt_sigpending_limit() - note that so many signals are going to be queued
 * @ctx: restart
 * @nr: how many; each POSIX timer has one, too
 *
 * Those of all tasks count against the user's limit.  Asked for in time, since
 * the commit can't fail halfway without ending the task.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sigpending_limit(struct ckpt_ctx *ctx, u32 nr)
{
	unsigned long limit = rlimit(RLIMIT_SIGPENDING);
	unsigned long used = get_rlimit_value(current_ucounts(),
					      UCOUNT_RLIMIT_SIGPENDING);
	u64 *all = &ctx->op->restart->nr_siginfos;

	*all += nr;
	if (limit == RLIM_INFINITY || (used <= limit && *all <= limit - used))
		return 0;
	return ckpt_fail(ctx, -EAGAIN, "pending signal",
			 "%llu signals (and timers) besides the user's %lu are above the caller's RLIMIT_SIGPENDING of %lu",
			 *all, used, limit);
}

/**
 * ckpt_sigpending_restore() - read and check SIGINFO records
 * @ctx: restart
 * @nr: how many follow
 * @infos: out: kvmalloc'ed array of them, NULL when @nr is 0 or on failure
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sigpending_restore(struct ckpt_ctx *ctx, u32 nr,
			    struct ckpt_hdr_siginfo **infos)
{
	struct ckpt_hdr_siginfo *array;
	int err;
	u32 i;

	*infos = NULL;
	if (!nr)
		return 0;
	if (nr > CKPT_SIGINFOS_MAX)
		return ckpt_fail(ctx, -EINVAL, "pending signal",
				 "%u of them are too many", nr);
	err = ckpt_sigpending_limit(ctx, nr);
	if (err)
		return err;
	array = kvmalloc_array(nr, sizeof(*array), GFP_KERNEL_ACCOUNT);
	if (!array)
		return ckpt_fail(ctx, -ENOMEM, "pending signal",
				 "out of memory");
	for (i = 0; i < nr; i++) {
		const struct ckpt_hdr *h = ckpt_in_expect(ctx,
							  CKPT_HDR_SIGINFO);

		err = IS_ERR(h) ? PTR_ERR(h) :
				  siginfo_check(ctx, (const void *)h);
		if (err)
			break;
		array[i] = *(const struct ckpt_hdr_siginfo *)h;
	}
	if (err)
		kvfree(array);
	else
		*infos = array;
	return err;
}

static void signal_set_bare(int sig, bool shared)
{
	struct sigpending *pending = shared ? &current->signal->shared_pending :
					      &current->pending;

	spin_lock_irq(&ckpt_own_sighand()->siglock);
	sigaddset(&pending->signal, sig);
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

/* Out of memory the kernel makes most signals pending without their siginfo. */
static bool signal_has_info(int sig, bool shared)
{
	const struct sigpending *pending =
		shared ? &current->signal->shared_pending : &current->pending;
	const struct sigqueue *q;
	bool found = false;

	spin_lock_irq(&ckpt_own_sighand()->siglock);
	list_for_each_entry_reverse(q, &pending->list, list) {
		found = q->info.si_signo == sig;
		if (found)
			break;
	}
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
	return found;
}

static int signal_queue(struct ckpt_ctx *ctx,
			const struct ckpt_hdr_siginfo *rec, bool shared)
{
	void __user *info = ckpt_scratch_put(ctx, 0, rec->info, INFO_LEN);
	pid_t tid = task_pid_vnr(current), tgid = task_tgid_vnr(current);
	int err;

	if (shared)
		err = ckpt_syscall(__NR_rt_sigqueueinfo, tid, rec->signo,
				   (unsigned long)info, 0, 0, 0);
	else
		err = ckpt_syscall(__NR_rt_tgsigqueueinfo, tgid, tid,
				   rec->signo, (unsigned long)info, 0, 0);
	if (!err && !signal_has_info(rec->signo, shared))
		err = -EAGAIN;
	return err;
}

/**
 * ckpt_sigpending_commit() - make the signals of the image pending for current
 * @ctx: restart, committing; every signal is blocked
 * @infos: the signals
 * @nr: how many
 * @shared: for the process, not for the task alone
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sigpending_commit(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_siginfo *infos, u32 nr,
			   bool shared)
{
	int err;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!infos[i].has_info) {
			signal_set_bare(infos[i].signo, shared);
			continue;
		}
		err = signal_queue(ctx, &infos[i], shared);
		if (err)
			return ckpt_fail(ctx, err, "pending signal",
					 "signal %d could not be queued",
					 infos[i].signo);
	}
	return 0;
}
