// SPDX-License-Identifier: GPL-2.0-only
/*
 * A checkpoint, step by step.
 *
 * Collect, save, snapshot, stream: see ckpt.h.  The snapshot is for now the
 * task's own address space, so the task holds still until the stream is out.
 */
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/utsname.h>
#include "ckpt.h"
#include "ksym.h"

static atomic_t last_ckptid = ATOMIC_INIT(0);
static LIST_HEAD(running); /* checkpoints that are going on */
static DEFINE_MUTEX(running_lock); /* protects it */

/*
 * The caller reads all of the task's state, so it must be allowed to attach to
 * it with ptrace().  FSCREDS: what it does with files it does with its file
 * system credentials, as every access to /proc/PID/mem does.
 */
static int find_task(struct ckpt_ctx *ctx, pid_t pid)
{
	struct task_struct *t;

	if (!pid || pid == task_pid_vnr(current)) {
		ctx->self = true;
		ctx->task = get_task_struct(current);
		return 0;
	}
	if (pid < 0)
		return ckpt_fail(ctx, -EINVAL, "pid", "%d is not a pid", pid);
	t = K(find_get_task_by_vpid)(pid);
	if (!t)
		return ckpt_fail(ctx, -ESRCH, "pid", "there is no process %d",
				 pid);
	if (!K(ptrace_may_access)(t, PTRACE_MODE_ATTACH_FSCREDS)) {
		put_task_struct(t);
		return ckpt_fail(ctx, -EPERM, "pid",
				 "process %d is not yours to checkpoint", pid);
	}
	ctx->task = t;
	if (t->flags & PF_KTHREAD)
		return ckpt_fail(ctx, -EINVAL, "task", "it is a kernel thread");
	if (!thread_group_leader(t))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "it is a thread: give the process %d",
				 task_tgid_vnr(t));
	ctx->stack_held = try_get_task_stack(t);
	if (!ctx->stack_held)
		return ckpt_fail(ctx, -ESRCH, "task", "it has exited");
	return 0;
}

/*
 * One checkpoint of a process at a time: the references that another one takes
 * would count as sharers, and it thaws the process when it is over.
 */
static int enter_running(struct ckpt_ctx *ctx)
{
	const struct ckpt_ctx *other;
	bool taken = false;

	scoped_guard(mutex, &running_lock) {
		list_for_each_entry(other, &running, running)
			taken |= other->task == ctx->task;
		if (!taken)
			list_add(&ctx->running, &running);
	}
	if (!taken)
		return 0;
	return ckpt_fail(ctx, -EBUSY, "task",
			 "another checkpoint of it is going on");
}

static void leave_running(struct ckpt_ctx *ctx)
{
	guard(mutex)(&running_lock);
	list_del_init(&ctx->running);
}

static int check_root(struct ckpt_ctx *ctx)
{
	struct pid *pid;
	bool is_init;

	if (ctx->flags & CHECKPOINT_SUBTREE)
		return 0;
	rcu_read_lock();
	pid = task_pid(ctx->task); /* NULL once it has been waited for */
	is_init = pid && is_child_reaper(pid);
	rcu_read_unlock();
	if (is_init)
		return 0;
	return ckpt_fail(ctx, -EINVAL, "task",
			 "it is not the init of a container");
}

static void copy_uts(struct ckpt_hdr_header *h)
{
	const struct new_utsname *u = utsname();

	strscpy(h->sysname, u->sysname, sizeof(h->sysname));
	strscpy(h->nodename, u->nodename, sizeof(h->nodename));
	strscpy(h->release, u->release, sizeof(h->release));
	strscpy(h->version, u->version, sizeof(h->version));
	strscpy(h->machine, u->machine, sizeof(h->machine));
	strscpy(h->domainname, u->domainname, sizeof(h->domainname));
}

/* The header, first of all, so that a failed image has one too. */
static int save_header(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_header *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_HEADER, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->magic = CKPT_MAGIC_HEADER;
	h->rev = CKPT_REVISION;
	h->arch = CKPT_ARCH_X86_64;
	h->flags = ctx->flags;
	h->ckptid = ctx->ckptid;
	h->page_size = PAGE_SIZE;
	h->time_real = ctx->time_real;
	h->time_mono = ctx->time_mono;
	h->time_boot = ctx->time_boot;
	h->owner_uid = from_kuid_munged(current_user_ns(), current_uid());
	h->owner_gid = from_kgid_munged(current_user_ns(), current_gid());
	copy_uts(h);
	return 0;
}

static int save_head(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_header_arch *a;
	struct ckpt_hdr_container *c;

	a = ckpt_out_rec(ctx, CKPT_HDR_HEADER_ARCH, sizeof(*a));
	if (IS_ERR(a))
		return PTR_ERR(a);
	ckpt_arch_header(a);
	c = ckpt_out_rec(ctx, CKPT_HDR_CONTAINER, sizeof(*c) + 8);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->subtree = !!(ctx->flags & CHECKPOINT_SUBTREE);
	c->lsm_len = 1; /* security labels are refused: none to tell */
	return 0;
}

static void note_self(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_header *h = ckpt_out_header(ctx);

	h->self = ctx->self;
}

static int run(struct ckpt_ctx *ctx, pid_t pid)
{
	int err;

	err = find_task(ctx, pid);
	if (err)
		return err;
	note_self(ctx);
	err = enter_running(ctx);
	if (!err)
		err = check_root(ctx);
	if (!err && !ctx->self)
		err = ckpt_tree_check_frozen(ctx);
	if (!err)
		err = ckpt_tree_collect(ctx);
	if (!err)
		err = save_head(ctx);
	if (!err)
		err = ckpt_tree_save(ctx);
	if (!err)
		err = ckpt_tree_still_frozen(ctx);
	if (!err)
		err = ckpt_out_stream(ctx);
	if (!err)
		err = ckpt_tree_still_frozen(ctx);
	if (!err)
		err = ckpt_out_trailer(ctx);
	return err;
}

static int open_image(struct ckpt_ctx *ctx, int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ckpt_fail(ctx, -EBADF, "image", "%d is not open", fd);
	ctx->out.file = file;
	if (!(file->f_mode & FMODE_WRITE) || !file->f_op->write_iter ||
	    file->f_op == ctx->dev_file->f_op) {
		fput(file);
		ctx->out.file = NULL;
		return ckpt_fail(ctx, -EBADF, "image",
				 "descriptor %d cannot be written", fd);
	}
	return 0;
}

static void begin(struct ckpt_ctx *ctx, u64 flags)
{
	INIT_LIST_HEAD(&ctx->running);
	ctx->flags = flags;
	ctx->time_real = ktime_get_real_ns();
	ctx->time_mono = ktime_get_ns();
	ctx->time_boot = ktime_get_boottime_ns();
	do {
		ctx->ckptid = atomic_inc_return(&last_ckptid) & INT_MAX;
	} while (!ctx->ckptid);
}

/**
 * ckpt_checkpoint() - CKPT_IOC_CHECKPOINT
 * @dev_file: the session's open file
 * @arg: argument, checked for unknown flags; the results are put there
 *
 * Return: positive ckptid or a negative errno.
 */
long ckpt_checkpoint(struct file *dev_file, struct ckpt_ioc_checkpoint *arg)
{
	struct ckpt_ctx *ctx = ckpt_ctx_alloc(dev_file, arg->logfd);
	long ret;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	begin(ctx, arg->flags);
	ret = open_image(ctx, arg->fd);
	if (!ret)
		ret = save_header(ctx);
	if (!ret) {
		ret = run(ctx, arg->pid);
		if (ret && !fatal_signal_pending(current))
			ckpt_out_head_and_error(ctx);
	}
	if (!ret)
		ret = ctx->ckptid;
	arg->bytes = ctx->out.written;
	arg->pages = ctx->out.pages;
	arg->zero_pages = ctx->out.zero_pages;
	leave_running(ctx);
	ckpt_ctx_free(ctx);
	return ret;
}
