// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signal handlers.
 *
 * Captured: the 64 actions: handler, flags, restorer, mask.
 * Refused: handlers shared with a task that is not checkpointed, flags of an
 * action that the table of known ones lacks.
 *
 * At the commit the actions are written under siglock, as sigaction() does.
 * Nothing of the image is pending yet then, so that there is nothing to flush
 * for a signal that becomes ignored.  Signals that the caller had pending stay
 * pending, as over an execve().  The caller's timers end here, since this is
 * the first step of the commit that concerns signals.
 *
 * Locking: siglock, alone.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "ksym.h"
#include "sighand.h"
#include "timers.h"

static_assert(_NSIG == CKPT_NSIG);

static void sighand_grab(void *ptr)
{
	struct sighand_struct *sighand = ptr;

	refcount_inc(&sighand->count);
}

static void sighand_drop(void *ptr)
{
	K(__cleanup_sighand)(ptr);
}

/* First signal whose action has flags that are not in the image's table. */
static int sighand_odd_flags(struct sighand_struct *sighand, unsigned long *odd)
{
	int i, sig = 0;

	spin_lock_irq(&sighand->siglock);
	for (i = 0; i < _NSIG && !sig; i++) {
		*odd = sighand->action[i].sa.sa_flags & ~UAPI_SA_FLAGS;
		if (*odd)
			sig = i + 1;
	}
	spin_unlock_irq(&sighand->siglock);
	return sig;
}

static int sighand_collect(struct ckpt_ctx *ctx, void *ptr)
{
	unsigned long odd;
	int sig = sighand_odd_flags(ptr, &odd);

	if (sig)
		return ckpt_refuse(ctx, "signal handlers",
				   "flags %#lx of signal %d", odd, sig);
	return 0;
}

static int sighand_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct sighand_struct *sighand = ptr;
	struct ckpt_hdr_sighand *rec;
	int i;

	/* One reference is the objhash's. */
	if (refcount_read(&sighand->count) > ckpt_obj_users(ctx, ptr) + 1)
		return ckpt_refuse(ctx, "signal handlers",
				   "sharing them with a task outside");
	rec = ckpt_out_rec(ctx, CKPT_HDR_SIGHAND, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	spin_lock_irq(&sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		const struct sigaction *sa = &sighand->action[i].sa;

		rec->action[i] = (struct ckpt_sigaction){
			.handler = (unsigned long)sa->sa_handler,
			.flags = sa->sa_flags,
			.restorer = (unsigned long)sa->sa_restorer,
			.mask = sa->sa_mask.sig[0],
		};
	}
	spin_unlock_irq(&sighand->siglock);
	return 0;
}

static int sighand_check(struct ckpt_ctx *ctx,
			 const struct ckpt_hdr_sighand *rec)
{
	int i;

	for (i = 0; i < CKPT_NSIG; i++) {
		const struct ckpt_sigaction *a = &rec->action[i];
		int sig = i + 1;

		if (a->handler >= TASK_SIZE_MAX || a->restorer >= TASK_SIZE_MAX)
			return ckpt_fail(ctx, -EINVAL, "signal handlers",
					 "bad address for signal %d", sig);
		if (a->flags & ~(u64)UAPI_SA_FLAGS)
			return ckpt_fail(ctx, -EINVAL, "signal handlers",
					 "unknown flags %#llx of signal %d",
					 a->flags, sig);
		if (sig_kernel_only(sig) && (a->handler || a->flags))
			return ckpt_fail(ctx, -EINVAL, "signal handlers",
					 "a handler for signal %d", sig);
	}
	return 0;
}

static int sighand_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_sighand *rec = (const void *)h;
	struct ckpt_hdr_sighand *staged;
	int err;

	err = sighand_check(ctx, rec);
	if (err)
		return err;
	if (refcount_read(&ckpt_own_sighand()->count) > 1)
		return ckpt_fail(ctx, -EBUSY, "signal handlers",
				 "the restarting task shares its own with another one");
	staged = kmemdup(rec, sizeof(*rec), GFP_KERNEL_ACCOUNT);
	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "signal handlers",
				 "out of memory");
	err = ckpt_obj_insert(ctx, rec->objref, CKPT_OBJ_SIGHAND, staged);
	if (err)
		kfree(staged);
	return err;
}

/**
 * ckpt_sighand_commit() - give current the handlers of the image
 * @ctx: restart, committing; every signal is blocked
 * @staged: what the restore step made
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sighand_commit(struct ckpt_ctx *ctx, void *staged)
{
	const struct ckpt_hdr_sighand *rec = staged;
	struct sighand_struct *sighand = ckpt_own_sighand();
	int err, i;

	err = ckpt_timers_clear(ctx);
	if (err)
		return err;
	spin_lock_irq(&sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		const struct ckpt_sigaction *a = &rec->action[i];
		struct sigaction *sa = &sighand->action[i].sa;

		sa->sa_handler = (__sighandler_t)(unsigned long)a->handler;
		sa->sa_flags = a->flags;
		sa->sa_restorer = (__sigrestore_t)(unsigned long)a->restorer;
		sa->sa_mask.sig[0] = a->mask;
		sigdelsetmask(&sa->sa_mask,
			      sigmask(SIGKILL) | sigmask(SIGSTOP));
	}
	spin_unlock_irq(&sighand->siglock);
	return 0;
}

static void sighand_unstage(void *ptr)
{
	kfree(ptr);
}

const struct ckpt_obj_ops ckpt_sighand_ops = {
	.name = "signal handlers",
	.grab = sighand_grab,
	.drop = sighand_drop,
	.collect = sighand_collect,
	.save = sighand_save,
	.restore = sighand_restore,
	.unstage = sighand_unstage,
};
