// SPDX-License-Identifier: GPL-2.0-only
/* /dev/ckpt: sessions, ioctls, and who may use them. */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "ckpt.h"
#include "dev.h"
#include "session.h"

int ckpt_unpriv_allowed = 1;

static int session_open(struct inode *inode, struct file *file)
{
	struct ckpt_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	INIT_LIST_HEAD(&session->leases);
	init_waitqueue_head(&session->wait);
	INIT_LIST_HEAD(&session->joined);
	session->owner = get_pid(task_tgid(current));
	file->private_data = session;
	return stream_open(inode, file);
}

static int session_release(struct inode *inode, struct file *file)
{
	struct ckpt_session *session = file->private_data;

	ckpt_leases_end(session);
	ckpt_checkpoint_abandon(session);
	put_pid(session->owner);
	kfree(session);
	return 0;
}

/* ---- progress ---- */

static void progress_begin(struct file *file, u32 phase)
{
	struct ckpt_session *session = file->private_data;

	atomic64_set(&session->progress.done, 0);
	atomic64_set(&session->progress.expected, 0);
	atomic_set(&session->progress.phase, phase);
}

/**
 * ckpt_progress_phase() - the operation begins something else
 * @ctx: operation
 * @phase: CKPT_PROGRESS_*
 * @expected: bytes of the image, estimated; 0: not known
 */
void ckpt_progress_phase(struct ckpt_ctx *ctx, u32 phase, u64 expected)
{
	struct ckpt_session *session = ctx->dev_file->private_data;

	atomic64_set(&session->progress.expected, expected);
	atomic_set(&session->progress.phase, phase);
}

/**
 * ckpt_progress_done() - the operation has come further
 * @ctx: operation
 * @bytes: of the image, written or read so far
 */
void ckpt_progress_done(struct ckpt_ctx *ctx, u64 bytes)
{
	struct ckpt_session *session = ctx->dev_file->private_data;

	atomic64_set(&session->progress.done, bytes);
}

static long ioctl_progress(struct ckpt_session *session, void __user *uarg,
			   u32 size)
{
	struct ckpt_ioc_progress arg;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	arg.phase = atomic_read(&session->progress.phase);
	arg.done = atomic64_read(&session->progress.done);
	arg.expected = atomic64_read(&session->progress.expected);
	return copy_to_user(uarg, &arg, min_t(size_t, size, sizeof(arg))) ?
		       -EFAULT :
		       0;
}

/* ---- operations ---- */

static long ioctl_checkpoint(struct file *file, void __user *uarg, u32 size)
{
	struct ckpt_session *session = file->private_data;
	struct ckpt_ioc_checkpoint arg;
	long ret;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	if ((arg.flags & ~CHECKPOINT_FLAGS) || arg.stop_ns)
		return -EINVAL;
	if (arg.max_extra && !(arg.flags & CHECKPOINT_SNAPSHOT))
		return -EINVAL;
	if (arg.compress >= CKPT_COMPRESS_KINDS ||
	    arg.workers > CKPT_WORKERS_MAX)
		return -EINVAL;
	/* all behind it only comes out; what is not reached takes no time */
	memset_startat(&arg, 0, shared_pages);
	progress_begin(file, CKPT_PROGRESS_COLLECT);
	ret = ckpt_checkpoint(file, &arg);
	atomic_set(&session->progress.phase, CKPT_PROGRESS_IDLE);
	if (copy_to_user(uarg, &arg, min_t(size_t, size, sizeof(arg))))
		return ret < 0 ? ret : -EFAULT;
	return ret;
}

static long ioctl_stream(struct ckpt_session *session, void __user *uarg,
			 u32 size)
{
	struct ckpt_ioc_stream arg;
	long ret;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	if (arg.pad)
		return -EINVAL;
	/* what is expected was told when it was saved */
	atomic64_set(&session->progress.done, 0);
	atomic_set(&session->progress.phase, CKPT_PROGRESS_WRITE);
	ret = ckpt_checkpoint_stream(session, &arg);
	atomic_set(&session->progress.phase, CKPT_PROGRESS_IDLE);
	if (copy_to_user(uarg, &arg, min_t(size_t, size, sizeof(arg))))
		return ret < 0 ? ret : -EFAULT;
	return ret;
}

static long ioctl_restart(struct file *file, void __user *uarg, u32 size)
{
	struct ckpt_session *session = file->private_data;
	struct ckpt_ioc_restart arg;
	long ret;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	if ((arg.flags & ~RESTART_FLAGS) || arg.pid < 0)
		return -EINVAL;
	if (arg.workers > CKPT_WORKERS_MAX || arg.task < 0)
		return -EINVAL;
	if ((arg.flags & RESTART_FILES_TRUNCATE) &&
	    (arg.flags & RESTART_FILES_FAIL))
		return -EINVAL;
	if (!arg.pid && !(arg.flags & RESTART_TASKSELF))
		return ckpt_restart_join(session, &arg);
	memset_startat(&arg, 0, pages); /* which only comes out */
	progress_begin(file, CKPT_PROGRESS_READ);
	if (arg.flags & RESTART_TASKSELF)
		ret = ckpt_restart_self(file, &arg);
	else
		ret = ckpt_restart_coordinate(file, session, &arg);
	atomic_set(&session->progress.phase, CKPT_PROGRESS_IDLE);
	if (arg.flags & RESTART_TASKSELF || ret)
		return ret;
	/* the tasks run: that they are not told of is no failure */
	if (copy_to_user(uarg, &arg, min_t(size_t, size, sizeof(arg))))
		pr_debug("restart: bad address of the figures\n");
	return 0;
}

/* Without the size of the structure, which grows and tells its own. */
#define COMMAND(cmd) ((cmd) & ~IOCSIZE_MASK)

static long session_ioctl_cmd(struct file *file, unsigned int cmd,
			      void __user *uarg)
{
	u32 size;

	if (_IOC_TYPE(cmd) != CKPT_IOC_MAGIC)
		return -ENOTTY;
	if (!READ_ONCE(ckpt_unpriv_allowed) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size < sizeof(u32) * 2 || size > PAGE_SIZE)
		return -EINVAL;
	switch (COMMAND(cmd)) {
	case COMMAND(CKPT_IOC_CHECKPOINT):
		return ioctl_checkpoint(file, uarg, size);
	case COMMAND(CKPT_IOC_RESTART):
		return ioctl_restart(file, uarg, size);
	case COMMAND(CKPT_IOC_LEASE):
		return ckpt_lease_ioctl(file->private_data, uarg, size);
	case COMMAND(CKPT_IOC_PROGRESS):
		return ioctl_progress(file->private_data, uarg, size);
	case COMMAND(CKPT_IOC_STREAM):
		return ioctl_stream(file->private_data, uarg, size);
	default:
		return -ENOTTY;
	}
}

/*
 * A restart closes the descriptor it was called through: the session must
 * live until the call is over.
 */
static long session_ioctl(struct file *file, unsigned int cmd,
			  unsigned long uarg)
{
	long ret;

	get_file(file);
	ret = session_ioctl_cmd(file, cmd, (void __user *)uarg);
	fput(file);
	return ret;
}

#ifdef CONFIG_COMPAT
static long session_compat_ioctl(struct file *file, unsigned int cmd,
				 unsigned long uarg)
{
	return session_ioctl(file, cmd, (unsigned long)compat_ptr(uarg));
}
#endif

static const struct file_operations session_fops = {
	.owner = THIS_MODULE,
	.open = session_open,
	.release = session_release,
	.unlocked_ioctl = session_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = session_compat_ioctl,
#endif
};

static struct miscdevice ckpt_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ckpt",
	.fops = &session_fops,
	.mode = 0666,
};

/**
 * ckpt_dev_init() - make /dev/ckpt
 *
 * Return: 0 or a negative errno.
 */
int ckpt_dev_init(void)
{
	return misc_register(&ckpt_misc);
}

/**
 * ckpt_dev_exit() - remove /dev/ckpt
 *
 * No session is open: each holds the module.
 */
void ckpt_dev_exit(void)
{
	misc_deregister(&ckpt_misc);
}
