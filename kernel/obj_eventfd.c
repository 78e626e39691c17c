// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds: the counter, and whether it is a semaphore.  Flags and sharing are
 * those of the FILE.  Who waits for it waits again: the call is restarted.
 *
 * Refused: an eventfd that something in the kernel signals (KVM, vhost, AIO, a
 * control group): that would not find the new one.  At restart, when the
 * caller's table of descriptors has no room for one more: it is made by
 * eventfd2(), through a descriptor that is closed at once.
 *
 * Locking: the lock of the eventfd's wait queue, alone.
 */
#include <linux/eventfd.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/wait.h>
#include "ksym.h"
#include "obj_file.h"

#define MEMBER(eventfd, type, member) \
	((type *)((char *)(eventfd) + BTF_OFFSET(eventfd_ctx, member)))

/* ---- checkpoint: the live object is the eventfd_ctx of one open file ---- */

/* The file that it belongs to is in the objhash before it, and longer. */
static void eventfd_hold(void *ptr)
{
}

static int eventfd_collect(struct ckpt_ctx *ctx, void *ptr)
{
	if (kref_read(MEMBER(ptr, struct kref, kref)) > 1)
		return ckpt_refuse(ctx, "eventfd", "%s",
				   "one that the kernel itself signals (KVM, vhost, AIO)");
	return 0;
}

static int eventfd_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	wait_queue_head_t *wqh = MEMBER(ptr, wait_queue_head_t, wqh);
	struct ckpt_hdr_eventfd *h;

	h = ckpt_out_rec(ctx, CKPT_HDR_EVENTFD, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->objref = objref;
	spin_lock_irq(&wqh->lock);
	h->count = *MEMBER(ptr, u64, count);
	if (*MEMBER(ptr, unsigned int, flags) & EFD_SEMAPHORE)
		h->flags = CKPT_EVENTFD_SEMAPHORE;
	spin_unlock_irq(&wqh->lock);
	return 0;
}

/**
 * ckpt_file_is_eventfd() - is this an eventfd?
 * @file: open file
 *
 * Return: true if it is.
 */
bool ckpt_file_is_eventfd(const struct file *file)
{
	return file->f_op == KDATA(eventfd_fops);
}

/**
 * ckpt_eventfd_collect_file() - note the open file of an eventfd
 * @ctx: checkpoint
 * @file: ckpt_file_is_eventfd() holds
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_eventfd_collect_file(struct ckpt_ctx *ctx, struct file *file)
{
	int ret = ckpt_obj_collect(ctx, file->private_data, CKPT_OBJ_EVENTFD);

	return ret < 0 ? ret : 0;
}

/**
 * ckpt_eventfd_save_file() - save the eventfd behind an open file
 * @ctx: checkpoint
 * @file: collected
 *
 * Return: its objref, or a negative errno that has been reported.
 */
int ckpt_eventfd_save_file(struct ckpt_ctx *ctx, struct file *file)
{
	return ckpt_obj_save(ctx, file->private_data, CKPT_OBJ_EVENTFD);
}

/* ---- restart ---- */

struct staged_eventfd {
	struct file *file; /* NULL when its FILE has taken it */
};

static void eventfd_unstage(void *ptr)
{
	struct staged_eventfd *se = ptr;

	if (se->file)
		fput(se->file);
	kfree(se);
}

static struct file *eventfd_make(u32 flags)
{
	struct file *file;
	long fd;

	fd = ckpt_syscall(__NR_eventfd2, 0,
			  O_CLOEXEC | (flags & CKPT_EVENTFD_SEMAPHORE ?
					       EFD_SEMAPHORE :
					       0),
			  0, 0, 0, 0);
	if (fd < 0)
		return ERR_PTR(fd);
	file = fget(fd);
	close_fd(fd);
	/* a thread that shares the table may have been quicker */
	if (file && ckpt_file_is_eventfd(file))
		return file;
	if (file)
		fput(file);
	return ERR_PTR(-EBADF);
}

static int eventfd_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_eventfd *h = (const void *)rec;
	struct staged_eventfd *se;
	wait_queue_head_t *wqh;
	void *eventfd;
	int err;

	se = kzalloc(sizeof(*se), GFP_KERNEL_ACCOUNT);
	if (!se)
		return ckpt_fail(ctx, -ENOMEM, "eventfd", "out of memory");
	se->file = eventfd_make(h->flags);
	if (IS_ERR(se->file)) {
		err = ckpt_fail(ctx, PTR_ERR(se->file), "eventfd",
				"cannot make one");
		kfree(se);
		return err;
	}
	eventfd = se->file->private_data;
	wqh = MEMBER(eventfd, wait_queue_head_t, wqh);
	spin_lock_irq(&wqh->lock);
	*MEMBER(eventfd, u64, count) = h->count;
	spin_unlock_irq(&wqh->lock);
	err = ckpt_obj_insert(ctx, h->objref, CKPT_OBJ_EVENTFD, se);
	if (err)
		eventfd_unstage(se);
	return err;
}

/**
 * ckpt_eventfd_take() - the open file of a staged eventfd, for its FILE
 * @ctx: restart
 * @objref: of the EVENTFD, not trusted
 * @who: "fd 3", for messages
 *
 * Return: open file, the caller's from now on, or an ERR_PTR() of an error
 * that has been reported.
 */
struct file *ckpt_eventfd_take(struct ckpt_ctx *ctx, int objref,
			       const char *who)
{
	struct staged_eventfd *se;
	struct file *file;

	se = ckpt_obj_fetch(ctx, objref, CKPT_OBJ_EVENTFD);
	if (IS_ERR(se))
		return ERR_CAST(se);
	file = se->file;
	se->file = NULL;
	if (file)
		return file;
	return ERR_PTR(ckpt_fail(ctx, -EINVAL, who,
				 "two open files for eventfd %d", objref));
}

const struct ckpt_obj_ops ckpt_eventfd_ops = {
	.name = "eventfd",
	.grab = eventfd_hold,
	.drop = eventfd_hold,
	.collect = eventfd_collect,
	.save = eventfd_save,
	.restore = eventfd_restore,
	.unstage = eventfd_unstage,
};
