// SPDX-License-Identifier: GPL-2.0-only
/*
 * A restart: what the task does to itself.
 *
 * Every record is read, verified and checked against the caller's rights, and
 * new objects are staged, while the task could still go back.  When the
 * trailer has verified, the commit puts them in place.  What fails then kills
 * the task.  Nothing of the image runs before.
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
#include "ksym.h"
#include "sighand.h"

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
 * Return: their user address, or NULL if they could not be put there.
 */
void __user *ckpt_scratch_put(struct ckpt_ctx *ctx, size_t off, const void *buf,
			      size_t len)
{
	void __user *to = ctx->restart->scratch + off;

	if (WARN_ON_ONCE(!ctx->restart->scratch ||
			 off + len > CKPT_SCRATCH_SIZE))
		return NULL;
	return copy_to_user(to, buf, len) ? NULL : to;
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
	int i;

	for (i = 0; i < ctx->restart->nr_inherited; i++)
		if (ctx->restart->inherited[i].image_fd == image_fd)
			return ctx->restart->inherited[i].file;
	return NULL;
}

/* ---- the head ---- */

static int head_tree(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr *rec = ckpt_in_expect(ctx, CKPT_HDR_TREE);
	u32 nr;

	if (IS_ERR(rec))
		return PTR_ERR(rec);
	nr = ((const struct ckpt_hdr_tree *)rec)->nr_tasks;
	if (nr != 1)
		return ckpt_refuse(ctx, "image", "a tree of %u tasks", nr);
	rec = ckpt_in_expect(ctx, CKPT_HDR_TREE_TASK);
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	memcpy(&ctx->restart->tree_task, rec, sizeof(ctx->restart->tree_task));
	return 0;
}

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
	return IS_ERR(rec) ? PTR_ERR(rec) : head_tree(ctx);
}

/* ---- restore ---- */

static int check_caller(struct ckpt_ctx *ctx)
{
	if (get_nr_threads(current) != 1)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it has %d threads; only one may restart",
				 get_nr_threads(current));
	if (refcount_read(&ckpt_own_sighand()->count) != 1)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it shares its signal handlers");
	if (current->seccomp.mode)
		return ckpt_fail(ctx, -EPERM, "caller",
				 "it is under seccomp, which a restart would step around");
	if (current->ptrace)
		return ckpt_fail(ctx, -EBUSY, "caller", "it is being traced");
	if (test_task_syscall_work(current, SYSCALL_USER_DISPATCH))
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it uses syscall user dispatch");
#ifdef CONFIG_IO_URING
	/* its requests would complete into another program's memory */
	if (current->io_uring)
		return ckpt_fail(ctx, -EBUSY, "caller", "it uses io_uring");
#endif
	if (in_compat_syscall() || test_thread_flag(TIF_ADDR32))
		return ckpt_fail(ctx, -EINVAL, "caller",
				 "a 32-bit program cannot become a 64-bit one");
	return 0;
}

/*
 * How many objects of a type one task can have a use for: memory for more is
 * not to be had, however long the image.
 */
static u32 objs_max(s32 type)
{
	u32 fds = CKPT_FDS_MAX;

	if (!capable(CAP_SYS_RESOURCE))
		fds = min_t(unsigned long, fds, rlimit_max(RLIMIT_NOFILE));
	switch (type) {
	case CKPT_HDR_PIPE:
		return fds;
	case CKPT_HDR_FILE:
		return fds + MAPPED_FILES_MAX;
	default:
		return 1;
	}
}

static int count_record(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	u32 *nr = &ctx->restart->nr_recs[rec->type];

	if (*nr >= objs_max(rec->type))
		return ckpt_fail(ctx, -E2BIG, "image",
				 "more than %u %s records for one task", *nr,
				 ckpt_rec_name(rec->type));
	++*nr;
	return 0;
}

static int restore_record(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	int err = count_record(ctx, rec);

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
	default:
		return ckpt_fail(ctx, -EINVAL, "image",
				 "a %s record on its own",
				 ckpt_rec_name(rec->type));
	}
}

static int restore_all(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr *rec;
	int err;

	for (;;) {
		rec = ckpt_in_rec(ctx);
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		if (rec->type == CKPT_HDR_TRAILER)
			return 0;
		err = restore_record(ctx, rec);
		if (err)
			return err;
	}
}

/* The staged objects of the task, by its objrefs. */
struct staged {
	void *cred, *files, *fs, *sighand, *signal, *mm;
};

static int find_staged(struct ckpt_ctx *ctx, struct staged *s)
{
	const struct ckpt_hdr_task *t = ctx->restart->task_image->task;

#define FETCH(res, TYPE)                                      \
	do {                                                  \
		s->res = ckpt_obj_fetch(ctx, t->res##_objref, \
					CKPT_OBJ_##TYPE);     \
		if (IS_ERR(s->res))                           \
			return PTR_ERR(s->res);               \
	} while (0)
	FETCH(cred, CRED);
	FETCH(files, FILES);
	FETCH(fs, FS);
	FETCH(sighand, SIGHAND);
	FETCH(signal, SIGNAL);
	FETCH(mm, MM);
#undef FETCH
	return 0;
}

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

static int check_all(struct ckpt_ctx *ctx, struct staged *s)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	int err;

	if (!img || img->task->pid != ctx->restart->tree_task.pid)
		return ckpt_fail(ctx, -EINVAL, "image",
				 "the task of the tree is missing");
	err = find_staged(ctx, s);
	if (!err)
		err = check_pid(ctx, img->task);
	if (!err)
		err = ckpt_task_check(ctx, img);
	if (!err)
		err = ckpt_cpu_check(ctx, img);
	if (!err)
		err = ckpt_restart_block_check(ctx, &img->rb);
	return err;
}

/* ---- commit ---- */

static int scratch_map(struct ckpt_ctx *ctx)
{
	unsigned long addr;

	addr = vm_mmap(NULL, 0, CKPT_SCRATCH_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return ckpt_fail(ctx, (long)addr, "memory",
				 "no room for a scratch area");
	ctx->restart->scratch = (void __user *)addr;
	return 0;
}

static void scratch_unmap(struct ckpt_ctx *ctx)
{
	vm_munmap((unsigned long)ctx->restart->scratch, CKPT_SCRATCH_SIZE);
	ctx->restart->scratch = NULL;
}

/* All but those that can't be: here sigprocmask() would block SIGKILL, too. */
static void block_signals(void)
{
	sigset_t all;

	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(SIGSTOP));
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static int commit_objects(struct ckpt_ctx *ctx, const struct staged *s)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	int err;

	block_signals();
	err = ckpt_sighand_commit(ctx, s->sighand);
	if (!err)
		err = ckpt_signal_commit_early(ctx, s->signal);
	if (!err)
		err = ckpt_task_commit_early(ctx, img);
	if (!err)
		err = ckpt_files_commit(ctx, s->files);
	if (!err)
		err = ckpt_fs_commit(ctx, s->fs);
	if (!err)
		err = ckpt_signal_commit(ctx, s->signal);
	if (!err)
		err = ckpt_cred_commit(ctx, s->cred);
	if (!err)
		err = ckpt_task_commit_late(ctx, img);
	return err;
}

static int commit(struct ckpt_ctx *ctx, const struct staged *s, long *ret)
{
	const struct ckpt_task_image *img = ctx->restart->task_image;
	int err;

	err = scratch_map(ctx);
	if (err)
		return err;
	err = ckpt_mm_commit(ctx, s->mm);
	if (err)
		return err;
	ctx->restart->committing = true;
	err = commit_objects(ctx, s);
	scratch_unmap(ctx);
	if (!err)
		err = ckpt_mm_commit_flags(ctx, s->mm);
	if (!err)
		err = ckpt_restart_block_commit(ctx, &img->rb);
	if (!err)
		err = ckpt_cpu_commit(ctx, img, ret);
	return err;
}

/**
 * ckpt_restart_task() - turn current into the task of the image
 * @ctx: restart whose head has been read
 * @ret: what current's system call must return on success
 *
 * On failure current is what it was, or, past the point of no return, about to
 * be killed.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_restart_task(struct ckpt_ctx *ctx, long *ret)
{
	struct staged s;
	int err;

	err = check_caller(ctx);
	if (!err)
		err = restore_all(ctx);
	if (!err)
		err = check_all(ctx, &s);
	if (!err)
		err = commit(ctx, &s, ret);
	if (!err)
		return 0;
	if (!ctx->restart->committing) {
		ckpt_mm_rollback(ctx);
		return err;
	}
	pr_warn("restart of pid %d failed past the point of no return (%d): killed\n",
		task_pid_nr(current), err);
	send_sig(SIGKILL, current, 1);
	return err;
}
