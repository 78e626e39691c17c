/* SPDX-License-Identifier: GPL-2.0-only */
/* For <linux/fs.h>: paths and permissions of open files. */
#ifndef _CKPT_COMPAT_FILE_H
#define _CKPT_COMPAT_FILE_H

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/version.h>

/* Path by which user space opened @file. */
static inline const struct path *ckpt_file_path(const struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	/* 6.7: f_path of a file mapped through overlayfs is the lower one */
	return file_user_path(file);
#else
	return &file->f_path;
#endif
}

/* What the path walk of a system call would check at the end of @path. */
static inline int ckpt_path_permission(const struct path *path, int mask)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	/* 6.3: struct mnt_idmap */
	return inode_permission(mnt_idmap(path->mnt), d_inode(path->dentry),
				mask);
#else
	return inode_permission(mnt_user_ns(path->mnt), d_inode(path->dentry),
				mask);
#endif
}

/* How many writers of its FIFO a reader had met when it was opened. */
static inline u64 *ckpt_file_writers_met(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	/* 6.12: f_version, which others used for other ends, is gone */
	return &file->f_pipe;
#else
	return &file->f_version;
#endif
}

#endif /* _CKPT_COMPAT_FILE_H */
