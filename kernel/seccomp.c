// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp: strict mode, and filters as their programs were given to seccomp(2).
 *
 * Captured: the mode, every filter from the oldest to the newest one, and
 * whether it logs.  To read filters takes what PTRACE_SECCOMP_GET_FILTER takes:
 * CAP_SYS_ADMIN, and not to be under seccomp oneself.
 *
 * Refused: a filter with a listener (SECCOMP_RET_USER_NOTIF), whose other end
 * is a file of another program.
 *
 * At the commit seccomp(2) itself installs them, with the caller's
 * credentials: without no_new_privs, that is for CAP_SYS_ADMIN only.  Filters
 * bind the entry from user space, not what the commit still has to do.
 *
 * A filter can be given to all threads of a process (SECCOMP_FILTER_FLAG_TSYNC)
 * only if each thread's are those of the caller, not others of the same text.
 * So the oldest filters, as many as all threads have in common, are installed
 * in this way, by one thread for all; each installs those that it has besides.
 * What only some of the threads have in common comes back as separate ones.
 *
 * struct seccomp_filter is the kernel's own; where its members are comes from
 * BTF.
 *
 * Locking: siglock; a task that is killed gives its filters up under it, or
 * after it has lost its handlers.
 */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include "ckpt.h"
#include "ksym.h"
#include "seccomp.h"
#include "sighand.h"
#include "tree.h"
#include "tree_restart.h"

static_assert(sizeof(struct ckpt_seccomp_insn) == sizeof(struct sock_filter));
static_assert(CKPT_SECCOMP_INSNS_MAX == BPF_MAXINSNS);
static_assert((int)CKPT_SECCOMP_FILTER == SECCOMP_MODE_FILTER);
static_assert((int)CKPT_SECCOMP_STRICT == SECCOMP_MODE_STRICT);

/* What the kernel allows for one task, each filter counting four more. */
#define INSNS_OF_TASK_MAX 32768
#define INSNS_OF_FILTER 4

/* Where things stand in the scratch area. */
#define SCRATCH_PROG 0
#define SCRATCH_INSNS 64

/* ---- checkpoint ---- */

#define FILTER_MEMBER(filter, type, member) \
	(*(type *)((const char *)(filter) + BTF_OFFSET(seccomp_filter, member)))

static const struct seccomp_filter *filter_prev(const struct seccomp_filter *f)
{
	return FILTER_MEMBER(f, const struct seccomp_filter *const, prev);
}

static const struct sock_fprog_kern *filter_prog(const struct seccomp_filter *f)
{
	return FILTER_MEMBER(f, const struct bpf_prog *const, prog)->orig_prog;
}

/* How much there is; under siglock. */
static const char *filters_measure(struct task_struct *t, u32 *nr, u32 *insns)
{
	const struct seccomp_filter *f;

	*nr = 0;
	*insns = 0;
	for (f = t->seccomp.filter; f; f = filter_prev(f)) {
		if (FILTER_MEMBER(f, void *const, notif))
			return "a seccomp filter with a listener";
		if (!filter_prog(f))
			return "a seccomp filter whose program was not kept";
		*insns += filter_prog(f)->len;
		++*nr;
	}
	return NULL;
}

/**
 * ckpt_seccomp_collect() - refuse what cannot be carried over
 * @ctx: checkpoint
 * @t: task, frozen or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_collect(struct ckpt_ctx *ctx, struct task_struct *t)
{
	struct sighand_struct *sighand;
	const char *why = NULL;
	unsigned long flags;
	u32 nr, insns;

	if (t->seccomp.mode > SECCOMP_MODE_FILTER)
		return ckpt_fail(ctx, -ESRCH, "task", "seccomp has killed it");
	if (t->seccomp.mode != SECCOMP_MODE_FILTER)
		return 0;
	if (current->seccomp.mode)
		return ckpt_fail(ctx, -EPERM, "task",
				 "seccomp filters are not for a caller under seccomp to read");
	if (!capable(CAP_SYS_ADMIN))
		return ckpt_fail(ctx, -EPERM, "task",
				 "it has seccomp filters, and to read them takes CAP_SYS_ADMIN");
	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	why = filters_measure(t, &nr, &insns);
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return why ? ckpt_refuse(ctx, "task", "%s", why) : 0;
}

/* How many of the @nr filters in @chain, the oldest first, a task has, too. */
static u32 filters_in_common(struct task_struct *t, void *const *chain, u32 nr)
{
	const struct seccomp_filter *f;
	struct sighand_struct *sighand;
	unsigned long flags;
	u32 have, insns;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return 0;
	filters_measure(t, &have, &insns);
	/* of a filter that both have, both have all older ones */
	for (f = t->seccomp.filter; have; f = filter_prev(f), have--)
		if (have <= nr && f == chain[have - 1])
			break;
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return have;
}

static void filters_chain(struct task_struct *t, void **chain, u32 nr)
{
	const struct seccomp_filter *f;
	struct sighand_struct *sighand;
	unsigned long flags;

	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return;
	for (f = t->seccomp.filter; f && nr; f = filter_prev(f))
		chain[--nr] = (void *)f;
	spin_unlock_irqrestore(&sighand->siglock, flags);
}

/*
 * For all threads of a process, at its first one, which has @nr filters.  The
 * addresses are only compared: a task that is killed meanwhile, and with it the
 * checkpoint, does no harm.
 */
static int filters_compare(struct ckpt_ctx *ctx, u32 nr)
{
	struct ckpt_tree_entry *end = ctx->tree + ctx->nr_tasks, *e;
	const struct signal_struct *sig = ctx->at->task->signal;
	void **chain;

	if (ctx->at + 1 == end || ctx->at[1].task->signal != sig)
		return 0;
	chain = kvcalloc(nr, sizeof(*chain), GFP_KERNEL_ACCOUNT);
	if (!chain)
		return ckpt_fail(ctx, -ENOMEM, "task",
				 "out of memory for its seccomp filters");
	filters_chain(ctx->at->task, chain, nr);
	for (e = ctx->at + 1; nr && e < end && e->task->signal == sig; e++)
		nr = filters_in_common(e->task, chain, nr);
	kvfree(chain);
	for (e = ctx->at; e < end && e->task->signal == sig; e++)
		e->nr_shared_filters = nr;
	return 0;
}

/* Under siglock; the newest filter comes first in the kernel, last in ours. */
static void filters_copy(struct task_struct *t, struct ckpt_filters *fs)
{
	const struct seccomp_filter *f = t->seccomp.filter;
	struct ckpt_seccomp_insn *to = fs->insn;
	const struct sock_fprog_kern *prog;
	u32 i;

	for (i = fs->nr; i--; f = filter_prev(f)) {
		prog = filter_prog(f);
		fs->filter[i].insn = to;
		fs->filter[i].nr_insns = prog->len;
		if (FILTER_MEMBER(f, const bool, log))
			fs->filter[i].flags |= CKPT_SECCOMP_LOG;
		if (i < fs->nr_shared)
			fs->filter[i].flags |= CKPT_SECCOMP_SHARED;
		memcpy(to, prog->filter, prog->len * sizeof(*to));
		to += prog->len;
	}
}

static int filters_alloc(struct ckpt_filters *fs, u32 nr, u32 insns)
{
	fs->filter = kvcalloc(nr, sizeof(*fs->filter), GFP_KERNEL_ACCOUNT);
	fs->insn = kvcalloc(insns, sizeof(*fs->insn), GFP_KERNEL_ACCOUNT);
	fs->nr = nr;
	return fs->filter && fs->insn ? 0 : -ENOMEM;
}

/**
 * ckpt_filters_free() - free a list of filters
 * @fs: list, or zeros
 */
void ckpt_filters_free(struct ckpt_filters *fs)
{
	kvfree(fs->filter);
	kvfree(fs->insn);
	*fs = (struct ckpt_filters){};
}

/**
 * ckpt_seccomp_gather() - copy the filters of a task
 * @ctx: checkpoint, at the task
 * @t: task, frozen or current
 * @fs: filled in; to be freed with ckpt_filters_free(), whatever is returned
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_gather(struct ckpt_ctx *ctx, struct task_struct *t,
			struct ckpt_filters *fs)
{
	struct sighand_struct *sighand;
	u32 nr, insns, nr2, insns2;
	unsigned long flags;
	bool same;
	int err;

	if (t->seccomp.mode != SECCOMP_MODE_FILTER)
		return 0;
	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	filters_measure(t, &nr, &insns);
	spin_unlock_irqrestore(&sighand->siglock, flags);
	if (filters_alloc(fs, nr, insns))
		return ckpt_fail(ctx, -ENOMEM, "task",
				 "out of memory for its seccomp filters");
	err = ckpt_tree_first_of(ctx, ctx->at - ctx->tree) ?
		      filters_compare(ctx, nr) :
		      0;
	if (err)
		return err;
	fs->nr_shared = ctx->at->nr_shared_filters;
	sighand = ckpt_lock_sighand(t, &flags);
	if (!sighand)
		return ckpt_fail(ctx, -ESRCH, "task", "it is exiting");
	same = !filters_measure(t, &nr2, &insns2) && nr == nr2 &&
	       insns == insns2;
	if (same)
		filters_copy(t, fs);
	spin_unlock_irqrestore(&sighand->siglock, flags);
	return same ? 0 :
		      ckpt_fail(ctx, -EBUSY, "task",
				"its seccomp filters change");
}

/**
 * ckpt_seccomp_save() - write the SECCOMP records of a task
 * @ctx: checkpoint
 * @fs: its filters
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_save(struct ckpt_ctx *ctx, const struct ckpt_filters *fs)
{
	struct ckpt_hdr_seccomp *rec;
	u32 i;

	for (i = 0; i < fs->nr; i++) {
		const struct ckpt_filter *f = &fs->filter[i];

		rec = ckpt_out_rec(ctx, CKPT_HDR_SECCOMP,
				   struct_size(rec, insn, f->nr_insns));
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		rec->flags = f->flags;
		rec->nr_insns = f->nr_insns;
		memcpy(rec->insn, f->insn, f->nr_insns * sizeof(*f->insn));
	}
	return 0;
}

/* ---- restart ---- */

/*
 * May the caller install such filters?  As seccomp(2) asks; what else it
 * checks, it checks when it does it.
 */
static int seccomp_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec)
{
	if (rec->seccomp != CKPT_SECCOMP_FILTER ||
	    (rec->flags & CKPT_TASK_NO_NEW_PRIVS) ||
	    task_no_new_privs(current) ||
	    ns_capable_noaudit(current_user_ns(), CAP_SYS_ADMIN))
		return 0;
	return ckpt_fail(ctx, -EPERM, "task",
			 "seccomp filters without no_new_privs need CAP_SYS_ADMIN");
}

/*
 * Found out now, not when the task cannot go back any more.  The kernel's own
 * check rewrites the instructions, so it gets a copy.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
static int program_check(const struct ckpt_filter *f)
{
	size_t size = f->nr_insns * sizeof(*f->insn);
	struct sock_fprog_kern prog = { .len = f->nr_insns };
	struct bpf_prog *made;
	int err;

	prog.filter = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!prog.filter)
		return -ENOMEM;
	memcpy(prog.filter, f->insn, size);
	err = bpf_prog_create(&made, &prog);
	if (!err) {
		bpf_prog_destroy(made);
		err = K(seccomp_check_filter)(prog.filter, f->nr_insns);
	}
	kvfree(prog.filter);
	return err;
}

static int filter_restore(struct ckpt_ctx *ctx, struct ckpt_filters *fs, u32 i,
			  u32 *used)
{
	const struct ckpt_hdr *h = ckpt_in_expect(ctx, CKPT_HDR_SECCOMP);
	const struct ckpt_hdr_seccomp *rec = (const void *)h;
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	if (*used + rec->nr_insns + fs->nr * INSNS_OF_FILTER >
	    INSNS_OF_TASK_MAX)
		return ckpt_fail(ctx, -E2BIG, "task",
				 "more seccomp instructions than a task may have");
	if (rec->flags & CKPT_SECCOMP_SHARED && i != fs->nr_shared++)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "a seccomp filter is shared, an older one is not");
	fs->filter[i].flags = rec->flags;
	fs->filter[i].nr_insns = rec->nr_insns;
	fs->filter[i].insn = fs->insn + *used;
	memcpy(fs->filter[i].insn, rec->insn,
	       rec->nr_insns * sizeof(*rec->insn));
	*used += rec->nr_insns;
	err = program_check(&fs->filter[i]);
	if (err)
		return ckpt_fail(ctx, err, "task",
				 err == -ENOMEM ?
					 "out of memory for seccomp filter %u" :
					 "seccomp filter %u is no valid program",
				 i);
	return 0;
}

/**
 * ckpt_seccomp_restore() - read the SECCOMP records of a task
 * @ctx: restart
 * @rec: its TASK record
 * @fs: filled in; the task image frees it, whatever is returned
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec,
			 struct ckpt_filters *fs)
{
	u32 i, used = 0;
	int err;

	err = seccomp_check(ctx, rec);
	if (err || !rec->nr_seccomp)
		return err;
	if (filters_alloc(fs, rec->nr_seccomp, INSNS_OF_TASK_MAX))
		return ckpt_fail(ctx, -ENOMEM, "task",
				 "out of memory for its seccomp filters");
	for (i = 0; i < fs->nr; i++) {
		err = filter_restore(ctx, fs, i, &used);
		if (err)
			return err;
	}
	return 0;
}

static bool filter_same(const struct ckpt_filter *a,
			const struct ckpt_filter *b)
{
	return a->flags == b->flags && a->nr_insns == b->nr_insns &&
	       !memcmp(a->insn, b->insn, a->nr_insns * sizeof(*a->insn));
}

/* The thread that installs what all threads of current's process share. */
static const struct ckpt_tree_task *installer(struct ckpt_ctx *ctx)
{
	return ckpt_tree_first_thread(
		ckpt_tree_lookup(ctx, ctx->restart->task->rec.tgid));
}

/**
 * ckpt_seccomp_check() - are shared filters those of all threads?
 * @ctx: restart, nothing committed yet, the records of all tasks read
 * @fs: filters of the task
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_check(struct ckpt_ctx *ctx, const struct ckpt_filters *fs)
{
	const struct ckpt_filters *its =
		&installer(ctx)->view->restart->task_image->filters;
	u32 i;

	for (i = 0; i < fs->nr_shared && i < its->nr_shared; i++)
		if (!filter_same(&fs->filter[i], &its->filter[i]))
			break;
	if (i == fs->nr_shared && i == its->nr_shared)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "task",
			 "shared seccomp filter %u is not that of all threads",
			 i);
}

static int filter_commit(struct ckpt_ctx *ctx, const struct ckpt_filter *f)
{
	struct sock_fprog prog = { .len = f->nr_insns };
	unsigned long flags = 0;
	void __user *uprog;
	long err;

	prog.filter = ckpt_scratch_put(ctx, SCRATCH_INSNS, f->insn,
				       f->nr_insns * sizeof(*f->insn));
	uprog = ckpt_scratch_put(ctx, SCRATCH_PROG, &prog, sizeof(prog));
	if (f->flags & CKPT_SECCOMP_LOG)
		flags |= SECCOMP_FILTER_FLAG_LOG;
	if (f->flags & CKPT_SECCOMP_SHARED)
		flags |= SECCOMP_FILTER_FLAG_TSYNC |
			 SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	err = ckpt_syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			   (unsigned long)uprog, 0, 0, 0);
	if (err)
		return ckpt_fail(ctx, err, "task",
				 "a seccomp filter could not be set");
	return 0;
}

/**
 * ckpt_seccomp_commit_shared() - install what all threads of a process have
 * @ctx: restart, committing; the caller's credentials hold
 * @fs: filters of the task
 *
 * Before any of the threads installs its own.  A caller who may do so without
 * no_new_privs does, as that would come to all threads; for another one the
 * image must have it in all of them.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_commit_shared(struct ckpt_ctx *ctx,
			       const struct ckpt_filters *fs)
{
	long err = 0;
	u32 i;

	if (!fs->nr_shared || installer(ctx) != ctx->restart->task)
		return 0;
	if (!ns_capable_noaudit(current_user_ns(), CAP_SYS_ADMIN))
		err = ckpt_syscall(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0,
				   0);
	if (err)
		return ckpt_fail(ctx, err, "task",
				 "no_new_privs could not be set");
	for (i = 0; i < fs->nr_shared && !err; i++)
		err = filter_commit(ctx, &fs->filter[i]);
	return err;
}

/**
 * ckpt_seccomp_commit() - put current under the seccomp of the image
 * @ctx: restart, committing; the caller's credentials hold, no_new_privs and
 *	the filters that it shares are set
 * @rec: image of the task
 * @fs: its filters
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_seccomp_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec,
			const struct ckpt_filters *fs)
{
	long err = 0;
	u32 i;

	if (rec->seccomp == CKPT_SECCOMP_STRICT)
		err = ckpt_syscall(__NR_prctl, PR_SET_SECCOMP,
				   SECCOMP_MODE_STRICT, 0, 0, 0, 0);
	if (err)
		return ckpt_fail(ctx, err, "task",
				 "strict seccomp could not be set");
	for (i = fs->nr_shared; i < fs->nr && !err; i++)
		err = filter_commit(ctx, &fs->filter[i]);
	return err;
}
