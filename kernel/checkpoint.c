// SPDX-License-Identifier: GPL-2.0-only
/*
 * A checkpoint, step by step.
 *
 * Collect, save, snapshot, stream: see ckpt.h.  With CHECKPOINT_SNAPSHOT the
 * tasks run on while the stream goes out, and nothing of theirs is held any
 * more: an open file, a pipe's end or a directory that is held could be
 * noticed.  Without it the tasks' own address spaces are streamed, and hold
 * still until that is over.
 */
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/sched/task.h>
#include <linux/utsname.h>
#include "ckpt.h"
#include "crew.h"
#include "ksym.h"
#include "session.h"
#include "snapshot.h"
#include "sync.h"
#include "tree.h"

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
		ctx->root = get_task_struct(current);
		ctx->task = ctx->root;
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
	ctx->root = t;
	ctx->task = t;
	if (t->flags & PF_KTHREAD)
		return ckpt_fail(ctx, -EINVAL, "task", "it is a kernel thread");
	if (!thread_group_leader(t))
		return ckpt_fail(ctx, -EINVAL, "task",
				 "it is a thread: give the process %d",
				 task_tgid_vnr(t));
	return 0;
}

static bool tree_has(const struct ckpt_ctx *ctx, struct task_struct *t)
{
	u32 i;

	for (i = 0; i < ctx->nr_tasks; i++)
		if (ctx->tree[i].task == t)
			return true;
	return false;
}

/*
 * One checkpoint of a task at a time: the references that another one takes
 * would count as sharers, and it thaws the tasks when it is over.  Two trees
 * that meet: the root of one is in the other.
 */
static int enter_running(struct ckpt_ctx *ctx)
{
	const struct ckpt_ctx *other;
	bool taken = false;

	scoped_guard(mutex, &running_lock) {
		list_for_each_entry(other, &running, running)
			taken |= tree_has(other, ctx->root) ||
				 tree_has(ctx, other->root);
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

/*
 * The ids in the image are those of the root's pid namespace.  It comes along
 * if the root is its init; the caller's own does not.
 */
static int take_pid_ns(struct ckpt_ctx *ctx)
{
	struct pid_namespace *callers = task_active_pid_ns(current);
	struct pid *pid;

	rcu_read_lock();
	pid = task_pid(ctx->root); /* NULL once it has been waited for */
	if (pid) {
		ctx->pid_ns = get_pid_ns(ns_of_pid(pid));
		ctx->init = is_child_reaper(pid) && ctx->pid_ns != callers;
	}
	rcu_read_unlock();
	if (!ctx->pid_ns)
		return ckpt_fail(ctx, -ESRCH, "task", "it has exited");
	if (ctx->init || ctx->flags & CHECKPOINT_SUBTREE)
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
	c->pid_ns = ctx->init;
	if (ctx->init) /* the next one that is looked at is one more */
		c->last_pid = clamp_t(int, idr_get_cursor(&ctx->pid_ns->idr), 1,
				      CKPT_PID_MAX) -
			      1;
	c->lsm_len = 1; /* security labels are refused: none to tell */
	return 0;
}

static void note_self(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_header *h = ckpt_out_header(ctx);

	h->self = ctx->self;
}

/* The state that an image needs is in memory, but for the pages. */
static int run_save(struct ckpt_ctx *ctx, struct ckpt_ioc_checkpoint *arg)
{
	u64 time = ktime_get_ns();
	int err;

	err = find_task(ctx, arg->pid);
	if (err)
		return err;
	note_self(ctx);
	err = take_pid_ns(ctx);
	if (!err)
		err = ckpt_tree_find(ctx);
	if (!err)
		err = enter_running(ctx);
	if (!err && !ctx->self)
		err = ckpt_tree_check_frozen(ctx);
	if (!err)
		err = ckpt_tree_groups(ctx);
	if (!err)
		err = ckpt_tree_collect(ctx);
	arg->collect_ns = ckpt_lap(&time);
	if (!err)
		err = save_head(ctx);
	if (!err)
		err = ckpt_tree_save(ctx);
	arg->save_ns = ckpt_lap(&time);
	return err;
}

static int run(struct ckpt_ctx *ctx, struct ckpt_ioc_checkpoint *arg)
{
	int err = run_save(ctx, arg);
	u64 time = ktime_get_ns();

	if (!err)
		err = ckpt_tree_still_frozen(ctx);
	if (!err)
		err = ckpt_out_stream(ctx);
	if (!err)
		err = ckpt_tree_still_frozen(ctx);
	if (!err)
		err = ckpt_out_trailer(ctx);
	arg->stream_ns = ckpt_lap(&time);
	return err;
}

/* Up to where the tasks may run on. */
static int run_snapshot(struct ckpt_ctx *ctx, struct ckpt_ioc_checkpoint *arg)
{
	int err = run_save(ctx, arg);
	u64 time = ktime_get_ns();

	if (!err)
		err = ckpt_snapshot_take(ctx, arg->max_extra);
	if (!err)
		err = ckpt_tree_still_frozen(ctx);
	arg->snapshot_ns = ckpt_lap(&time);
	return err;
}

/* All that is the tasks', and not the image's. */
static void let_go(struct ckpt_ctx *ctx)
{
	leave_running(ctx);
	ckpt_objhash_free(ctx);
	ctx->task = NULL;
	ckpt_tree_free(ctx);
}

static int open_image(struct ckpt_ctx *ctx, int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ckpt_fail(ctx, -EBADF, "image", "%d is not open", fd);
	ctx->out.file = file;
	ctx->out.flushed = file->f_pos;
	ctx->out.dropped = file->f_pos;
	if (!(file->f_mode & FMODE_WRITE) || !file->f_op->write_iter ||
	    file->f_op == ctx->dev_file->f_op) {
		fput(file);
		ctx->out.file = NULL;
		return ckpt_fail(ctx, -EBADF, "image",
				 "descriptor %d cannot be written", fd);
	}
	return 0;
}

/* A task was on its way out of a state that no image can hold. */
static bool will_try_again(const struct ckpt_ctx *ctx, long err)
{
	return err == -EAGAIN && (ctx->flags & CHECKPOINT_TRY) &&
	       !ctx->out.written;
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

static int checkpoint_begin(struct ckpt_ctx *ctx,
			    const struct ckpt_ioc_checkpoint *arg)
{
	int err;

	begin(ctx, arg->flags);
	ctx->compress = arg->compress;
	ctx->workers = ckpt_workers(arg->workers);
	err = open_image(ctx, arg->fd);
	return err ?: save_header(ctx);
}

/* The failure's own error record, unless nobody is to hear of it. */
static void tell_failure(struct ckpt_ctx *ctx, int err)
{
	if (!will_try_again(ctx, err) && !fatal_signal_pending(current))
		ckpt_out_head_and_error(ctx);
}

/* The session has room for one. */
static int session_keep(struct ckpt_session *session, struct ckpt_ctx *ctx)
{
	guard(mutex)(&session->lock);
	if (session->snapshot)
		return -EBUSY;
	session->snapshot = ctx;
	return 0;
}

static struct ckpt_ctx *session_take(struct ckpt_session *session)
{
	struct ckpt_ctx *ctx;

	guard(mutex)(&session->lock);
	ctx = session->snapshot;
	session->snapshot = NULL;
	return ctx;
}

/*
 * What the session keeps holds no file: one may be a socket through which the
 * session is on its way to another process, and neither would ever be freed.
 */
static long checkpoint_snapshot(struct ckpt_ctx *ctx,
				struct ckpt_ioc_checkpoint *arg)
{
	struct ckpt_session *session = ctx->dev_file->private_data;
	u64 start = ktime_get_ns();
	int err, ckptid;

	if (READ_ONCE(
		    session->snapshot)) { /* session_keep() says so for sure */
		ckpt_ctx_free(ctx);
		return -EBUSY;
	}
	err = checkpoint_begin(ctx, arg);
	ckptid = ctx->ckptid;
	if (!err) {
		err = run_snapshot(ctx, arg);
		if (err)
			tell_failure(ctx, err);
	}
	let_go(ctx);
	arg->stop_ns = ktime_get_ns() - start;
	ckpt_ctx_close(ctx);
	if (!err)
		err = session_keep(session, ctx);
	if (err)
		ckpt_ctx_free(ctx);
	return err ?: ckptid;
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
	if (arg->flags & CHECKPOINT_SNAPSHOT)
		return checkpoint_snapshot(ctx, arg);
	ret = checkpoint_begin(ctx, arg);
	if (!ret) {
		ret = run(ctx, arg);
		if (ret)
			tell_failure(ctx, ret);
	}
	if (!ret)
		ret = ctx->ckptid;
	arg->bytes = ctx->out.written;
	arg->pages = ctx->out.pages;
	arg->zero_pages = ctx->out.zero_pages;
	arg->shared_pages = ctx->out.shared_pages;
	leave_running(ctx);
	ckpt_ctx_free(ctx);
	return ret;
}

/**
 * ckpt_checkpoint_stream() - CKPT_IOC_STREAM
 * @session: session
 * @arg: the results are put there
 *
 * Return: positive ckptid or a negative errno.
 */
long ckpt_checkpoint_stream(struct ckpt_session *session,
			    struct ckpt_ioc_stream *arg)
{
	struct ckpt_ctx *ctx = session_take(session);
	u64 time = ktime_get_ns();
	long ret;

	if (!ctx)
		return -ENOENT;
	ret = ckpt_ctx_open_log(ctx, arg->logfd);
	if (!ret)
		ret = open_image(ctx, arg->fd);
	if (ret) {
		ckpt_ctx_free(ctx);
		return ret;
	}
	ret = ckpt_sync_run(ctx);
	arg->sync_ns = ckpt_lap(&time);
	if (!ret)
		ret = ckpt_out_stream(ctx);
	if (!ret)
		ret = ckpt_out_trailer(ctx);
	arg->stream_ns = ckpt_lap(&time);
	if (ret)
		tell_failure(ctx, ret);
	else
		ret = ctx->ckptid;
	arg->bytes = ctx->out.written;
	arg->pages = ctx->out.pages;
	arg->zero_pages = ctx->out.zero_pages;
	arg->shared_pages = ctx->out.shared_pages;
	ckpt_ctx_free(ctx);
	return ret;
}

/**
 * ckpt_checkpoint_abandon() - the session ends: free its snapshot
 * @session: session, which nobody else uses any more
 */
void ckpt_checkpoint_abandon(struct ckpt_session *session)
{
	struct ckpt_ctx *ctx = session_take(session);

	if (ctx)
		ckpt_ctx_free(ctx);
}
