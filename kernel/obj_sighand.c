// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signal handlers.
 *
 * Captured: the 64 actions: handler, flags, restorer, mask.
 * Refused: flags of an action that the table of known ones lacks; handlers that
 * two processes of several threads share.  Handlers shared with a task outside
 * of the tree are a leak (tree.c).
 *
 * At the commit the actions are written under siglock, as sigaction() does.
 * Nothing of the image is pending yet then, so that there is nothing to flush
 * for a signal that becomes ignored.  Signals that the caller had pending stay
 * pending, as over an execve().
 *
 * Locking: siglock, alone or within tasklist_lock.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include "ckpt.h"
#include "ksym.h"
#include "sighand.h"
#include "tree.h"

static_assert(_NSIG == CKPT_NSIG);

/* What restore makes; @live: held, the owner's, for those who share them. */
struct staged_sighand {
	struct sighand_struct *live;
	struct ckpt_hdr_sighand rec;
};

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

/**
 * ckpt_sighand_collect_shared() - refuse to share what could not be shared again
 * @ctx: checkpoint whose tasks have been collected
 *
 * A task can change its handlers for others only when it is alone in its
 * process (unshare() demands the same).
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sighand_collect_shared(struct ckpt_ctx *ctx)
{
	u32 i, next, nr = ctx->nr_tasks;
	struct xarray seen;
	int ref, err = 0;

	xa_init(&seen);
	for (i = 0; i < nr && !err; i = next) {
		next = i + 1;
		while (next < nr && ctx->tree[next].task->signal ==
					    ctx->tree[i].task->signal)
			next++;
		if (next == i + 1)
			continue;
		/* the last one is no leader that has exited */
		ref = ckpt_obj_ref(ctx,
				   ctx->tree[next - 1].objs[CKPT_OBJ_SIGHAND]);
		err = xa_insert(&seen, ref, xa_mk_value(1), GFP_KERNEL_ACCOUNT);
		if (err == -EBUSY) {
			ckpt_tree_at(ctx, i);
			err = ckpt_refuse(ctx, "signal handlers", "%s",
					  CKPT_SIGHAND_SHARED);
		} else if (err) {
			err = ckpt_fail(ctx, err, "signal handlers",
					"out of memory");
		}
		cond_resched();
	}
	xa_destroy(&seen);
	return err;
}

/* One that has exited keeps it until it is waited for. */
static unsigned int dead_users(struct ckpt_ctx *ctx, const void *sighand)
{
	unsigned int nr = 0;
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++)
		if (ctx->tree[i].dead &&
		    rcu_access_pointer(ctx->tree[i].task->sighand) == sighand)
			nr++;
	return nr;
}

static int sighand_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	unsigned int inside = ckpt_obj_users(ctx, ptr);
	struct sighand_struct *sighand = ptr;
	unsigned int users = refcount_read(&sighand->count) - 1; /* objhash */
	struct ckpt_hdr_sighand *rec;
	int i, err;

	if (users > inside)
		inside += dead_users(ctx, ptr);
	if (users > inside) {
		err = ckpt_leak(ctx, "signal handlers (CLONE_SIGHAND)", inside,
				users);
		if (err)
			return err;
	}
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
	struct staged_sighand *staged;
	int err;

	err = sighand_check(ctx, rec);
	if (err)
		return err;
	staged = kzalloc(sizeof(*staged), GFP_KERNEL_ACCOUNT);
	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "signal handlers",
				 "out of memory");
	staged->rec = *rec;
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
	struct staged_sighand *st = staged;
	const struct ckpt_hdr_sighand *rec = &st->rec;
	struct sighand_struct *sighand = ckpt_own_sighand();
	int i;

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
	sighand_grab(sighand);
	st->live = sighand;
	return 0;
}

/**
 * ckpt_sighand_adopt() - share the owner's handlers
 * @ctx: restart, past the point of no return; the owner has committed them
 * @staged: what the restore step made
 *
 * Threads of one process do so already.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sighand_adopt(struct ckpt_ctx *ctx, void *staged)
{
	struct sighand_struct *live = ((struct staged_sighand *)staged)->live;
	struct sighand_struct *old = ckpt_own_sighand();

	if (live == old)
		return 0;
	/* the tree has been checked for both */
	if (!live || get_nr_threads(current) != 1)
		return ckpt_fail(ctx, -EINVAL, "signal handlers",
				 "nobody owns them");
	sighand_grab(live);
	write_lock_irq(KDATA(tasklist_lock));
	spin_lock(&old->siglock);
	rcu_assign_pointer(current->sighand, live);
	spin_unlock(&old->siglock);
	write_unlock_irq(KDATA(tasklist_lock));
	sighand_drop(old);
	return 0;
}

static void sighand_unstage(void *ptr)
{
	struct staged_sighand *st = ptr;

	if (st->live)
		sighand_drop(st->live);
	kfree(st);
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
