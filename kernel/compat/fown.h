/* SPDX-License-Identifier: GPL-2.0-only */
/* For struct fown_struct of <linux/fs.h>: who gets a file's SIGIO. */
#ifndef _CKPT_COMPAT_FOWN_H
#define _CKPT_COMPAT_FOWN_H

#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/version.h>

/**
 * struct ckpt_fown - owner of a file
 * @pid: process, thread or group; NULL for none; ckpt_fown_get() takes a
 *	reference
 * @type: what @pid is
 * @signum: F_SETSIG
 */
struct ckpt_fown {
	struct pid *pid;
	enum pid_type type;
	int signum;
};

static inline struct fown_struct *ckpt_fown_of(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	/* 6.12: allocated when there is an owner */
	return file_f_owner(file);
#else
	return &file->f_owner;
#endif
}

static inline struct ckpt_fown ckpt_fown_get(struct file *file)
{
	struct fown_struct *owner = ckpt_fown_of(file);
	struct ckpt_fown fown = {};

	if (!owner)
		return fown;
	read_lock_irq(&owner->lock);
	fown.type = owner->pid_type;
	fown.signum = owner->signum;
	/* as F_GETOWN: one that is gone does not count */
	rcu_read_lock();
	if (owner->pid && pid_task(owner->pid, fown.type))
		fown.pid = get_pid(owner->pid);
	rcu_read_unlock();
	read_unlock_irq(&owner->lock);
	return fown;
}

/* For a file that nobody else knows yet; @fown->pid keeps its reference. */
static inline int ckpt_fown_set(struct file *file, const struct ckpt_fown *fown)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	int err = file_f_owner_allocate(file);

	if (err)
		return err;
#endif
	__f_setown(file, fown->pid, fown->type, 1);
	ckpt_fown_of(file)->signum = fown->signum;
	return 0;
}

#endif /* _CKPT_COMPAT_FOWN_H */
