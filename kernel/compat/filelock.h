/* SPDX-License-Identifier: GPL-2.0-only */
/* For struct file_lock of <linux/filelock.h>: locks and leases of a file. */
#ifndef _CKPT_COMPAT_FILELOCK_H
#define _CKPT_COMPAT_FILELOCK_H

#include <linux/fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
/* 6.9: what locks and leases share is struct file_lock_core */
#include <linux/filelock.h>
#define ckpt_lock file_lock_core
#define ckpt_lock_list flc_list
#define ckpt_lock_owner flc_owner
#define ckpt_lock_file flc_file
#else
#define ckpt_lock file_lock
#define ckpt_lock_list fl_list
#define ckpt_lock_owner fl_owner
#define ckpt_lock_file fl_file
#endif

static inline const char *ckpt_filelock_find(struct file_lock_context *flc,
					     struct file *file,
					     const void *files)
{
	struct ckpt_lock *lock;

	list_for_each_entry(lock, &flc->flc_flock, ckpt_lock_list)
		if (lock->ckpt_lock_file == file)
			return "a flock() lock";
	list_for_each_entry(lock, &flc->flc_posix, ckpt_lock_list) {
		if (lock->ckpt_lock_owner == (fl_owner_t)files)
			return "a POSIX record lock";
		if (lock->ckpt_lock_owner == (fl_owner_t)file)
			return "an open file description lock";
	}
	list_for_each_entry(lock, &flc->flc_lease, ckpt_lock_list)
		if (lock->ckpt_lock_file == file)
			return "a lease";
	return NULL;
}

/*
 * The kind of a lock that is held through @file, or by the owner @files (its
 * table of descriptors) on @file's inode; NULL: none.
 */
static inline const char *ckpt_filelock_held(struct file *file,
					     const void *files)
{
	struct file_lock_context *flc = locks_inode_context(file_inode(file));
	const char *kind;

	if (!flc)
		return NULL;
	spin_lock(&flc->flc_lock);
	kind = ckpt_filelock_find(flc, file, files);
	spin_unlock(&flc->flc_lock);
	return kind;
}

#endif /* _CKPT_COMPAT_FILELOCK_H */
