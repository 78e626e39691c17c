// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ckpt: sessions, ioctls, the freeze lease, and who may use them.
 *
 * The lease: a session may hold the freezer file of the tasks that it has
 * frozen.  When the session ends, however it ends, the tasks are thawed.
 */
#include <linux/cgroup.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "ckpt.h"
#include "dev.h"
#include "session.h"

#define THAW_TRIES 50 /* ten a second */

int ckpt_unpriv_allowed = 1;

static int session_open(struct inode *inode, struct file *file)
{
	struct ckpt_session *session;

	session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	if (!session)
		return -ENOMEM;
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	init_completion(&session->done);
	session->owner = get_pid(task_tgid(current));
	file->private_data = session;
	return stream_open(inode, file);
}

static bool is_freezer_v1(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == CGROUP_SUPER_MAGIC &&
	       !strcmp(file_dentry(file)->d_name.name, "freezer.state");
}

static bool is_freezer_v2(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == CGROUP2_SUPER_MAGIC &&
	       !strcmp(file_dentry(file)->d_name.name, "cgroup.freeze");
}

/*
 * A tool may have been killed because memory was short: the tasks must not stay
 * frozen because there is none to thaw them with.
 */
static void lease_thaw(struct file *lease)
{
	const struct cred *old = override_creds(lease->f_cred);
	const char *text = is_freezer_v1(lease) ? "THAWED" : "0";
	int tries = THAW_TRIES;
	ssize_t n;

	do {
		loff_t pos = 0;

		n = kernel_write(lease, text, strlen(text), &pos);
		if (n == -ENOMEM)
			schedule_timeout_uninterruptible(HZ / 10);
	} while (n == -ENOMEM && --tries);
	revert_creds(old);
}

static int session_release(struct inode *inode, struct file *file)
{
	struct ckpt_session *session = file->private_data;

	if (session->lease) {
		lease_thaw(session->lease);
		fput(session->lease);
	}
	put_pid(session->owner);
	kfree(session);
	return 0;
}

static long ioctl_lease(struct ckpt_session *session, void __user *uarg,
			u32 size)
{
	struct ckpt_ioc_lease arg;
	struct file *file = NULL;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	if (arg.fd >= 0) {
		file = fget(arg.fd);
		if (!file)
			return -EBADF;
		if (!(file->f_mode & FMODE_WRITE) ||
		    (!is_freezer_v1(file) && !is_freezer_v2(file))) {
			fput(file);
			return -EINVAL;
		}
	} else if (arg.fd != -1) {
		return -EBADF;
	}
	mutex_lock(&session->lock);
	swap(session->lease, file);
	mutex_unlock(&session->lock);
	if (file)
		fput(file);
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
	progress_begin(file, CKPT_PROGRESS_COLLECT);
	ret = ckpt_checkpoint(file, &arg);
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
	if (arg.flags & RESTART_GHOST)
		return -EOPNOTSUPP;
	if ((arg.flags & RESTART_FILES_TRUNCATE) &&
	    (arg.flags & RESTART_FILES_FAIL))
		return -EINVAL;
	if (!arg.pid && !(arg.flags & RESTART_TASKSELF))
		return ckpt_restart_join(file, session);
	progress_begin(file, CKPT_PROGRESS_READ);
	if (arg.flags & RESTART_TASKSELF)
		ret = ckpt_restart_self(file, &arg);
	else
		ret = ckpt_restart_coordinate(file, session, &arg);
	atomic_set(&session->progress.phase, CKPT_PROGRESS_IDLE);
	return ret;
}

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
	switch (cmd) {
	case CKPT_IOC_CHECKPOINT:
		return ioctl_checkpoint(file, uarg, size);
	case CKPT_IOC_RESTART:
		return ioctl_restart(file, uarg, size);
	case CKPT_IOC_LEASE:
		return ioctl_lease(file->private_data, uarg, size);
	case CKPT_IOC_PROGRESS:
		return ioctl_progress(file->private_data, uarg, size);
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
