// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases: files of cgroups that a session holds, and what the kernel writes to
 * them when the session ends, however it ends.  A tool that is killed leaves no
 * frozen program behind: one that was frozen for a checkpoint is thawed, one
 * that a restart has not finished is killed.
 *
 * The caller could write the same himself: the file must be open for writing,
 * and it is written to with the credentials that it was opened with.
 *
 * Lock order: session->lock, nothing inside.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/ckpt.h>
#include "session.h"

#define WRITE_TRIES 50 /* ten a second */

/**
 * struct lease_kind - a kind of file, and what is written to it
 * @magic: of the file system
 * @name: of the file
 * @text: what is written
 */
struct lease_kind {
	unsigned long magic;
	const char *name;
	const char *text;
};

/* In this order: what is to be killed must not run before. */
static const struct lease_kind kinds[] = {
	{ CGROUP2_SUPER_MAGIC, "cgroup.kill", "1" },
	{ CGROUP2_SUPER_MAGIC, "cgroup.freeze", "0" },
	{ CGROUP_SUPER_MAGIC, "freezer.state", "THAWED" },
};

/**
 * struct lease - a file that a session holds
 * @list: in the session's @leases
 * @file: file, with a reference
 * @kind: which kind it is of
 */
struct lease {
	struct list_head list;
	struct file *file;
	const struct lease_kind *kind;
};

static const struct lease_kind *kind_of(struct file *file)
{
	unsigned int i;

	if (!(file->f_mode & FMODE_WRITE))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (file_inode(file)->i_sb->s_magic == kinds[i].magic &&
		    !strcmp(file_dentry(file)->d_name.name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

static struct lease *lease_find(struct ckpt_session *session,
				const struct file *file)
{
	struct lease *lease;

	list_for_each_entry(lease, &session->leases, list)
		if (file_inode(lease->file) == file_inode(file))
			return lease;
	return NULL;
}

static void lease_free(struct lease *lease)
{
	list_del(&lease->list);
	fput(lease->file);
	kfree(lease);
}

static void leases_free(struct ckpt_session *session)
{
	struct lease *lease, *next;

	list_for_each_entry_safe(lease, next, &session->leases, list)
		lease_free(lease);
	session->nr_leases = 0;
}

/* Takes over the reference to @file, unless it fails. */
static int lease_add(struct ckpt_session *session, struct file *file,
		     const struct lease_kind *kind)
{
	struct lease *lease;

	if (lease_find(session, file)) {
		fput(file);
		return 0;
	}
	if (session->nr_leases == CKPT_LEASES_MAX)
		return -ENOSPC;
	lease = kmalloc(sizeof(*lease), GFP_KERNEL_ACCOUNT);
	if (!lease)
		return -ENOMEM;
	lease->file = file;
	lease->kind = kind;
	list_add_tail(&lease->list, &session->leases);
	session->nr_leases++;
	return 0;
}

static int lease_return(struct ckpt_session *session, const struct file *file)
{
	struct lease *lease = lease_find(session, file);

	if (!lease)
		return -ENOENT;
	lease_free(lease);
	session->nr_leases--;
	return 0;
}

static int lease_change(struct ckpt_session *session,
			const struct ckpt_ioc_lease *arg)
{
	const struct lease_kind *kind;
	struct file *file = fget(arg->fd);
	int err;

	if (!file)
		return -EBADF;
	kind = kind_of(file);
	if (!kind) {
		fput(file);
		return -EINVAL;
	}
	mutex_lock(&session->lock);
	if (arg->flags & CKPT_LEASE_RETURN)
		err = lease_return(session, file);
	else
		err = lease_add(session, file, kind);
	mutex_unlock(&session->lock);
	if (err || arg->flags & CKPT_LEASE_RETURN)
		fput(file);
	return err;
}

/**
 * ckpt_lease_ioctl() - CKPT_IOC_LEASE
 * @session: session
 * @uarg: user's struct ckpt_ioc_lease
 * @size: its length in bytes
 *
 * Return: 0 or a negative errno.
 */
long ckpt_lease_ioctl(struct ckpt_session *session, void __user *uarg, u32 size)
{
	struct ckpt_ioc_lease arg;
	int err;

	err = copy_struct_from_user(&arg, sizeof(arg), uarg, size);
	if (err)
		return err;
	if (arg.flags & ~CKPT_LEASE_FLAGS)
		return -EINVAL;
	if (arg.fd >= 0)
		return lease_change(session, &arg);
	if (arg.fd != -1)
		return -EBADF;
	mutex_lock(&session->lock);
	leases_free(session);
	mutex_unlock(&session->lock);
	return 0;
}

/*
 * A tool may have been killed because memory was short: the tasks must not stay
 * frozen because there is none to thaw them with.
 */
static void lease_write(const struct lease *lease)
{
	const struct cred *old = override_creds(lease->file->f_cred);
	const char *text = lease->kind->text;
	int tries = WRITE_TRIES;
	ssize_t n;

	do {
		loff_t pos = 0;

		n = kernel_write(lease->file, text, strlen(text), &pos);
		if (n == -ENOMEM)
			schedule_timeout_uninterruptible(HZ / 10);
	} while (n == -ENOMEM && --tries);
	revert_creds(old);
}

/**
 * ckpt_leases_end() - the session ends: write what its leases are for
 * @session: session, which nobody else uses any more
 */
void ckpt_leases_end(struct ckpt_session *session)
{
	struct lease *lease;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		list_for_each_entry(lease, &session->leases, list)
			if (lease->kind == &kinds[i])
				lease_write(lease);
	leases_free(session);
}
