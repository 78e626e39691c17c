// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restart: what each task does to itself, step by step.
 *
 * restore: in its turn, every record up to the task's own is read, verified and
 * checked against the caller's rights, and new objects are staged, while the
 * task could still go back.  check: when the trailer has verified, each task
 * looks whether it may become what its records say.  The commit, from then on,
 * puts the staged objects in place in three steps, between which all tasks wait
 * for each other: the owner of a shared object puts it in place in its own
 * name; the others adopt it; last come the credentials and what depends on
 * them.  When all are through, what is still held or missing of the staged
 * objects is settled (objhash.c).  What fails kills the tasks.  Nothing of the
 * image runs before.
 */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include "ckpt.h"
#include "io_context.h"
#include "ksym.h"
#include "mm.h"
#include "ns.h"
#include "pages.h"
#include "rusage.h"
#include "seccomp.h"
#include "sighand.h"
#include "tree_restart.h"

#define MAPPED_FILES_MAX 65536U /* besides those with descriptors */

/**
 * ckpt_syscall() - run a system call's own code with the caller's rights
 * @nr: its number
 * @a0: arguments, as user space would give them
 * @a1: ...
 * @a2: ...
 * @a3: ...
 * @a4: ...
 * @a5: ...
 *
 * Goes through the entry that user space goes through, so that every check is
 * the kernel's own.  User pointers must point into the scratch area.
 *
 * Return: what the call returns.
 */
long ckpt_syscall(unsigned int nr, unsigned long a0, unsigned long a1,
		  unsigned long a2, unsigned long a3, unsigned long a4,
		  unsigned long a5)
{
	struct pt_regs regs = {
		.di = a0,
		.si = a1,
		.dx = a2,
		.r10 = a3,
		.r8 = a4,
		.r9 = a5,
		.orig_ax = nr,
		.ax = -ENOSYS,
		.cs = __USER_CS,
		.ss = __USER_DS,
	};

	return K(x64_sys_call)(&regs, nr);
}

/**
 * ckpt_scratch_put() - put something where a system call can read it
 * @ctx: restart, committing
 * @off: offset in the scratch area
 * @buf: bytes
 * @len: how many
 *
 * Return: their user address.  If they could not be put there, an address that
 * every system call fails at with EFAULT: NULL stands for "none" in some, which
 * then do something else and succeed.
 */
void __user *ckpt_scratch_put(struct ckpt_ctx *ctx, size_t off, const void *buf,
			      size_t len)
{
	void __user *to = ctx->restart->scratch + off;
	void __user *nowhere = (__force void __user *)ERR_PTR(-EFAULT);

	if (WARN_ON_ONCE(!ctx->restart->scratch ||
			 off + len > CKPT_SCRATCH_SIZE))
		return nowhere;
	return copy_to_user(to, buf, len) ? nowhere : to;
}

/**
 * ckpt_scratch_get() - read what a system call has put there
 * @ctx: restart, committing
 * @off: offset in the scratch area
 * @buf: where to
 * @len: how many bytes
 *
 * Return: 0 or -EFAULT.
 */
int ckpt_scratch_get(struct ckpt_ctx *ctx, size_t off, void *buf, size_t len)
{
	if (WARN_ON_ONCE(!ctx->restart->scratch ||
			 off + len > CKPT_SCRATCH_SIZE))
		return -EFAULT;
	return copy_from_user(buf, ctx->restart->scratch + off, len) ? -EFAULT :
								       0;
}

/**
 * ckpt_restart_inherited() - descriptor that the caller gives
 * @ctx: restart
 * @image_fd: its number in the image
 *
 * Return: file, borrowed, or NULL.
 */
struct file *ckpt_restart_inherited(struct ckpt_ctx *ctx, int image_fd)
{
	const struct ckpt_restart *r = ctx->op->restart;
	int i;

	for (i = 0; i < r->nr_inherited; i++)
		if (r->inherited[i].image_fd == image_fd)
			return r->inherited[i].file;
	return NULL;
}

/* ---- the head ---- */

/**
 * ckpt_restart_head() - read the head of the image
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_head(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr *rec;
	int err;

	rec = ckpt_in_expect(ctx, CKPT_HDR_HEADER);
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	ctx->restart->header = *(const struct ckpt_hdr_header *)rec;
	rec = ckpt_in_expect(ctx, CKPT_HDR_HEADER_ARCH);
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	ctx->restart->arch = *(const struct ckpt_hdr_header_arch *)rec;
	err = ckpt_arch_check(ctx, &ctx->restart->header, &ctx->restart->arch);
	if (err)
		return err;
	rec = ckpt_in_expect(ctx, CKPT_HDR_CONTAINER);
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	ctx->restart->pid_ns = ((const struct ckpt_hdr_container *)rec)->pid_ns;
	ctx->restart->last_pid =
		((const struct ckpt_hdr_container *)rec)->last_pid;
	return ckpt_tree_read(ctx);
}

/* ---- restore ---- */

static int check_caller(struct ckpt_ctx *ctx)
{
	int err;

	if (current->seccomp.mode)
		return ckpt_fail(ctx, -EPERM, "caller",
				 "it is under seccomp, which a restart would step around");
	if (in_compat_syscall() || test_thread_flag(TIF_ADDR32))
		return ckpt_fail(ctx, -EINVAL, "caller",
				 "a 32-bit program cannot become a 64-bit one");
	if (current->personality & READ_IMPLIES_EXEC)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "what it may read would be executable: READ_IMPLIES_EXEC (personality)");
	err = ckpt_task_check_restarter(ctx);
	if (!err)
		err = ckpt_mm_check_restarter(ctx);
	if (!err)
		err = ckpt_nsproxy_check_restarter(ctx);
	if (!err)
		err = ckpt_cpu_check_restarter(ctx);
	return err ?: ckpt_io_check_restarter(ctx);
}

/* What it shares by being a process, and nothing else. */
static int check_alone(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr_tree_task *rec = &ctx->restart->task->rec;
	const struct ckpt_tree_task *leader = ckpt_tree_lookup(ctx, rec->tgid);

	if (get_nr_threads(current) > 1 && leader->nr_threads == 1)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it has %d threads; only one may restart",
				 get_nr_threads(current));
	if (get_nr_threads(current) != leader->nr_threads)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it has %d threads, and should have %u",
				 get_nr_threads(current), leader->nr_threads);
	if (refcount_read(&ckpt_own_sighand()->count) != leader->nr_threads)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it shares its signal handlers");
	return 0;
}

/*
 * How many objects of a type the tasks can have a use for: memory for more is
 * not to be had, however long the image.
 */
static u64 objs_max(struct ckpt_ctx *ctx, s32 type)
{
	u64 fds = CKPT_FDS_MAX, nr = ctx->op->nr_tasks;

	if (!capable(CAP_SYS_RESOURCE))
		fds = min_t(unsigned long, fds, rlimit_max(RLIMIT_NOFILE));
	switch (type) {
	case CKPT_HDR_PIPE:
	case CKPT_HDR_EVENTFD:
		return fds * nr;
	case CKPT_HDR_FILE:
	case CKPT_HDR_SHMEM:
		return (fds + MAPPED_FILES_MAX) * nr;
	default:
		return nr;
	}
}

static int count_record(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	u32 *nr = &ctx->op->restart->nr_recs[rec->type];

	if (*nr >= objs_max(ctx, rec->type))
		return ckpt_fail(ctx, -E2BIG, "image",
				 "more than %u %s records for %u tasks", *nr,
				 ckpt_rec_name(rec->type), ctx->op->nr_tasks);
	++*nr;
	return 0;
}

/* An object of which a task has one stands before the first who has it. */
static int check_owner(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_tree_task *t = &ctx->restart->task->rec;
	s32 want;

	switch (rec->type) {
	case CKPT_HDR_FILES:
		want = t->files_objref;
		break;
	case CKPT_HDR_FS:
		want = t->fs_objref;
		break;
	case CKPT_HDR_SIGHAND:
		want = t->sighand_objref;
		break;
	case CKPT_HDR_SIGNAL:
		want = t->signal_objref;
		break;
	case CKPT_HDR_MM:
		want = t->mm_objref;
		break;
	default:
		return 0;
	}
	/* in all of them the objref is the first field */
	if (((const struct ckpt_hdr_fs *)rec)->objref == want)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "image",
			 "a %s record that is not task %d's",
			 ckpt_rec_name(rec->type), t->pid);
}

static_assert(offsetof(struct ckpt_hdr_files, objref) ==
	      offsetof(struct ckpt_hdr_fs, objref));
static_assert(offsetof(struct ckpt_hdr_sighand, objref) ==
	      offsetof(struct ckpt_hdr_fs, objref));
static_assert(offsetof(struct ckpt_hdr_signal, objref) ==
	      offsetof(struct ckpt_hdr_fs, objref));
static_assert(offsetof(struct ckpt_hdr_mm, objref) ==
	      offsetof(struct ckpt_hdr_fs, objref));

static int restore_record(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	int err = count_record(ctx, rec);

	if (!err)
		err = check_owner(ctx, rec);
	if (err)
		return err;
	switch (rec->type) {
#define CKPT_X(NAME, res)     \
	case CKPT_HDR_##NAME: \
		return ckpt_##res##_ops.restore(ctx, rec);
		CKPT_OBJ_TYPES(CKPT_X)
#undef CKPT_X
	case CKPT_HDR_TASK:
		return ckpt_task_restore(ctx, rec);
	case CKPT_HDR_TRAILER:
		return ckpt_fail(ctx, -EINVAL, "image",
				 "the task of the tree is missing");
	default:
		return ckpt_fail(ctx, -EINVAL, "image",
				 "a %s record on its own",
				 ckpt_rec_name(rec->type));
	}
}

/* All that stands before the next task's. */
static int restore_records(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr *rec;
	int err;

	while (!ctx->restart->task_image) {
		rec = ckpt_in_rec(ctx);
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		err = restore_record(ctx, rec);
		if (err)
			return err;
	}
	return 0;
}

static int fetch(struct ckpt_ctx *ctx, enum ckpt_obj_type type, int objref)
{
	void *staged = ckpt_obj_fetch(ctx, objref, type);

	if (IS_ERR(staged))
		return PTR_ERR(staged);
	ctx->restart->staged[type] = staged;
	return 0;
}

static int find_staged(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr_task *t = ctx->restart->task_image->task;
	int err;

	err = fetch(ctx, CKPT_OBJ_SIGNAL, t->signal_objref);
	if (err || ctx->restart->task->rec.exit_state)
		return err;
	err = fetch(ctx, CKPT_OBJ_FILES, t->files_objref);
	if (!err)
		err = fetch(ctx, CKPT_OBJ_FS, t->fs_objref);
	if (!err)
		err = fetch(ctx, CKPT_OBJ_SIGHAND, t->sighand_objref);
	return err ?: fetch(ctx, CKPT_OBJ_MM, t->mm_objref);
}

/*
 * The last task reads to the end.  The coordinator would wait for it in vain if
 * the tasks died.
 */
static int restore_trailer(struct ckpt_ctx *ctx)
{
	const struct ckpt_restart *r = ctx->op->restart;
	const struct ckpt_hdr *rec;

	if (ctx->restart->task != &r->tree[ctx->op->nr_tasks - 1])
		return 0;
	rec = ckpt_in_expect(ctx, CKPT_HDR_TRAILER);
	return IS_ERR(rec) ? PTR_ERR(rec) : 0;
}

static int step_restore(struct ckpt_ctx *ctx)
{
	int err;

	err = check_caller(ctx);
	if (!err)
		err = check_alone(ctx);
	if (!err)
		err = restore_records(ctx);
	if (!err)
		err = find_staged(ctx);
	if (!err)
		err = PTR_ERR_OR_ZERO(ckpt_cred_prepare(ctx));
	if (!err && !ctx->restart->task->rec.exit_state)
		err = ckpt_mm_enter(ctx, ctx->restart->staged[CKPT_OBJ_MM]);
	if (!err)
		err = restore_trailer(ctx);
	ckpt_pages_free(ctx);
	return err;
}

/* ---- check ---- */

/*
 * A robust futex that the task holds names it by its id.  The list is in the
 * task's memory, which is in place by now.
 */
static bool holds_robust_futex(const struct ckpt_hdr_task *t)
{
	struct robust_list_head __user *head = u64_to_user_ptr(t->robust_list);
	struct robust_list __user *next;

	return t->robust_list && !get_user(next, &head->list.next) &&
	       next != &head->list;
}

static int check_pid(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *t)
{
	if (task_pid_vnr(current) == t->pid)
		return 0;
	if (!(ctx->flags & (RESTART_TASKSELF | RESTART_FRESH_PIDS)))
		return ckpt_fail(ctx, -EINVAL, "task", "it is %d and not %d",
				 task_pid_vnr(current), t->pid);
	if (holds_robust_futex(t))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "it holds robust futexes, which name it: restart it with its own pid %d",
				 t->pid);
	return 0;
}

static int step_check(struct ckpt_ctx *ctx)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	int err;

	err = ckpt_task_check_signals(ctx, img->task);
	if (err || ctx->restart->task->rec.exit_state)
		return err;
	err = check_pid(ctx, img->task);
	if (!err)
		err = ckpt_task_check(ctx, img);
	if (!err)
		err = ckpt_io_check(ctx, img->task);
	if (!err)
		err = ckpt_seccomp_check(ctx, &img->filters);
	if (!err)
		err = ckpt_cpu_check(ctx, img);
	if (!err)
		err = ckpt_restart_block_check(ctx, &img->rb);
	if (!err && !ckpt_tree_owns(ctx, CKPT_OBJ_FS))
		err = ckpt_fs_check(ctx, ctx->restart->staged[CKPT_OBJ_FS]);
	return err;
}

/* ---- commit ---- */

/*
 * Never a huge page: those of many threads lie side by side, and beside areas of
 * the program, whose untouched pages it would fill.
 */
static int scratch_map(struct ckpt_ctx *ctx)
{
	unsigned long addr;

	addr = vm_mmap(NULL, 0, CKPT_SCRATCH_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return ckpt_fail(ctx, (long)addr, "memory",
				 "no room for a scratch area");
	/* where there are no huge pages, that is an error, and all is well */
	K(do_madvise)(current->mm, addr, CKPT_SCRATCH_SIZE, MADV_NOHUGEPAGE);
	ctx->restart->scratch = (void __user *)addr;
	return 0;
}

/* Among those of other threads, it takes one more area to take it out. */
static int scratch_unmap(struct ckpt_ctx *ctx)
{
	int err = vm_munmap((unsigned long)ctx->restart->scratch,
			    CKPT_SCRATCH_SIZE);

	ctx->restart->scratch = NULL;
	return err ? ckpt_fail(ctx, err, "memory",
			       "cannot unmap what the restart has used") :
		     0;
}

/* All but those that can't be: here sigprocmask() would block SIGKILL, too. */
static void block_signals(void)
{
	sigset_t all;

	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all, NULL);
}

/*
 * What the parent of a zombie is told of it.  It gets its credentials and
 * exits on its way out of the ioctl; what it has used comes when it is dead.
 */
static int step_exit(struct ckpt_ctx *ctx)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	int err;

	ctx->restart->committing = true;
	block_signals();
	ckpt_rusage_commit_task(ctx, img->task);
	err = ckpt_cred_commit(ctx);
	if (!err)
		ckpt_task_commit_dead(ctx, img);
	return err;
}

/* The memory, and each shared object with its owner. */
static int step_own(struct ckpt_ctx *ctx)
{
	void **staged = ctx->restart->staged;
	int err;

	err = scratch_map(ctx);
	if (!err)
		err = ckpt_mm_commit(ctx, staged[CKPT_OBJ_MM]);
	if (err)
		return err;
	ctx->restart->committing = true;
	block_signals();
	ckpt_signal_forget_children(ctx);
	if (ckpt_tree_owns(ctx, CKPT_OBJ_SIGHAND))
		err = ckpt_sighand_commit(ctx, staged[CKPT_OBJ_SIGHAND]);
	if (!err && ckpt_tree_owns(ctx, CKPT_OBJ_SIGNAL))
		err = ckpt_signal_commit_early(ctx, staged[CKPT_OBJ_SIGNAL]);
	if (!err && ckpt_tree_owns(ctx, CKPT_OBJ_FILES))
		err = ckpt_files_commit(ctx, staged[CKPT_OBJ_FILES]);
	if (!err && ckpt_tree_owns(ctx, CKPT_OBJ_FS))
		err = ckpt_fs_commit(ctx, staged[CKPT_OBJ_FS]);
	return err   ?:
		       ckpt_seccomp_commit_shared(ctx, &ctx->restart->task_image
								->filters);
}

/* What others own; and what needs the caller's credentials. */
static int step_adopt(struct ckpt_ctx *ctx)
{
	void **staged = ctx->restart->staged;
	int err = 0;

	if (!ckpt_tree_owns(ctx, CKPT_OBJ_SIGHAND))
		err = ckpt_sighand_adopt(ctx, staged[CKPT_OBJ_SIGHAND]);
	if (!err && !ckpt_tree_owns(ctx, CKPT_OBJ_FILES))
		err = ckpt_files_adopt(ctx, staged[CKPT_OBJ_FILES]);
	if (!err && !ckpt_tree_owns(ctx, CKPT_OBJ_FS))
		err = ckpt_fs_adopt(ctx, staged[CKPT_OBJ_FS]);
	return err ?: ckpt_task_commit_early(ctx, ctx->restart->task_image);
}

/* When all tasks are through with what their process' limits could forbid. */
static int step_finish(struct ckpt_ctx *ctx, long *ret)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	void **staged = ctx->restart->staged;
	int err = 0;

	if (ckpt_tree_owns(ctx, CKPT_OBJ_SIGNAL))
		err = ckpt_signal_commit(ctx, staged[CKPT_OBJ_SIGNAL]);
	if (!err)
		err = ckpt_io_commit(ctx, img->task);
	if (!err)
		err = ckpt_cred_commit(ctx);
	if (!err)
		err = ckpt_task_commit_late(ctx, img);
	if (!err)
		err = scratch_unmap(ctx);
	if (!err && ckpt_tree_owns(ctx, CKPT_OBJ_MM))
		err = ckpt_mm_commit_flags(ctx, staged[CKPT_OBJ_MM]);
	if (!err)
		err = ckpt_restart_block_commit(ctx, &img->rb);
	if (!err)
		err = ckpt_cpu_commit(ctx, img, ret);
	if (!err && ckpt_tree_owns(ctx, CKPT_OBJ_SIGNAL))
		ckpt_signal_commit_stop(ctx, staged[CKPT_OBJ_SIGNAL]);
	return err;
}

/*
 * Which can't fail, for others may run by now.  Until here all signals are
 * blocked: what its own timers send does not end it half made.
 */
static int step_go(struct ckpt_ctx *ctx)
{
	ckpt_task_commit_mask(ctx->restart->task_image);
	ckpt_signal_stop(ctx->restart->staged[CKPT_OBJ_SIGNAL]);
	return 0;
}

/**
 * ckpt_restart_step() - the next step of current's way into the image
 * @ctx: restart, or current's view of it
 * @step: step, in the order of the enum
 * @ret: filled by the last one: what current's system call must return
 *
 * On failure current is what it was, or, past the point of no return, about to
 * be killed.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_step(struct ckpt_ctx *ctx, enum ckpt_step step, long *ret)
{
	int err = -EINVAL;

	switch (step) {
	case CKPT_STEP_RESTORE:
		err = step_restore(ctx);
		break;
	case CKPT_STEP_CHECK:
		err = step_check(ctx);
		break;
	case CKPT_STEP_EXIT:
		err = step_exit(ctx);
		break;
	case CKPT_STEP_OWN:
		err = step_own(ctx);
		break;
	case CKPT_STEP_ADOPT:
		err = step_adopt(ctx);
		break;
	case CKPT_STEP_FINISH:
		err = step_finish(ctx, ret);
		break;
	case CKPT_STEP_GO:
		err = step_go(ctx);
		break;
	}
	if (err) {
		ctx->restart->killed = fatal_signal_pending(current);
		ckpt_restart_undo(ctx, err);
	}
	return err;
}

/**
 * ckpt_restart_undo() - give current back what it was, or end it
 * @ctx: restart, or current's view of it
 * @err: why
 */
void ckpt_restart_undo(struct ckpt_ctx *ctx, int err)
{
	if (!ctx->restart->committing) {
		ckpt_mm_rollback(ctx);
		return;
	}
	pr_warn_ratelimited("restart of pid %d failed past the point of no return (%d): killed\n",
			    task_pid_nr(current), err);
	send_sig(SIGKILL, current, 1);
}
