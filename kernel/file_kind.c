// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which open files an image can hold, and as what.
 *
 * Supported: regular files, directories and FIFOs that have a name, on local file
 * systems; memfds and other shared memory without a name (obj_shmem.c); the
 * memory devices null, zero, full, random and urandom; the
 * module's own device; anonymous pipes; eventfds; terminals, as ends outside the image.
 * Everything else is refused by name: this is a whitelist.  So are files that
 * hold locks or leases, that signal another process (F_SETOWN), that were
 * opened with O_PATH or for ioctl() only, and directories with a change
 * notification (F_NOTIFY), which shows as an owner.
 *
 * Locking: flc_lock and fown_struct.lock are taken each on its own; nothing
 * else is held.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/string.h>
#include <net/sock.h>
#include "compat/file.h"
#include "compat/filelock.h"
#include "compat/fown.h"
#include "ksym.h"
#include "obj_file.h"
#include "session.h"
#include "tree.h"

#define TEXT_LEN 128 /* of a path in a message */

/**
 * ckpt_file_is_mem_dev() - is this character device one without state?
 * @rdev: its number
 *
 * Return: true for null, zero, full, random and urandom.
 */
bool ckpt_file_is_mem_dev(dev_t rdev)
{
	if (MAJOR(rdev) != MEM_MAJOR)
		return false;
	switch (MINOR(rdev)) {
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return true;
	}
	return false;
}

static bool fs_is_local(const struct super_block *sb)
{
	static const char *const without_device[] = {
		"tmpfs",
		"ramfs",
		"overlay",
		"rootfs",
	};
	const char *name = sb->s_type->name;
	unsigned int i;

	if (strstarts(name, "fuse"))
		return false;
	if (sb->s_type->fs_flags & FS_REQUIRES_DEV)
		return true;
	for (i = 0; i < ARRAY_SIZE(without_device); i++)
		if (!strcmp(name, without_device[i]))
			return true;
	return false;
}

static int kind_named(struct ckpt_ctx *ctx, struct file *file, const char *who,
		      int kind)
{
	const struct path *path = ckpt_file_path(file);
	const struct super_block *sb = path->dentry->d_sb;
	char text[TEXT_LEN];

	if (ckpt_file_is_shmem(file))
		return CKPT_FILE_SHMEM;
	if (fs_is_local(sb) && !ckpt_path_unlinked(path))
		return kind;
	ckpt_path_text(path, text, sizeof(text));
	if (!fs_is_local(sb))
		return ckpt_refuse(ctx, who, "%s on a file system of type %s",
				   text, sb->s_type->name);
	return ckpt_refuse(ctx, who, "unlinked %s %s",
			   kind == CKPT_FILE_DIR ? "directory" : "file", text);
}

static int kind_socket(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	struct socket *sock = sock_from_file(file);

	if (!sock || !sock->sk)
		return ckpt_refuse(ctx, who, "a socket");
	return ckpt_refuse(ctx, who, "a socket (family %d, type %d)",
			   sock->sk->sk_family, sock->type);
}

/* What is outside of the image keeps its state there. */
static bool is_terminal(const struct file *file)
{
	/* all of the terminals' operations, hung up ones included, share it */
	return S_ISCHR(file_inode(file)->i_mode) &&
	       (const void *)file->f_op->release == KDATA(tty_release);
}

/*
 * The module's own device, open.  A new session has nothing to do; who wants to
 * stream a snapshot that he does not have any more is told so.
 */
static int kind_session(struct ckpt_ctx *ctx, struct file *file,
			const char *who)
{
	const struct ckpt_session *session = file->private_data;

	if (READ_ONCE(session->nr_leases))
		return ckpt_refuse(ctx, who, "a session with leases (%s)",
				   CKPT_DEVICE);
	return CKPT_FILE_DEV;
}

static int kind_char_dev(struct ckpt_ctx *ctx, struct file *file,
			 const char *who)
{
	dev_t rdev = file_inode(file)->i_rdev;
	char text[TEXT_LEN];

	if (file->f_op == ctx->dev_file->f_op)
		return kind_session(ctx, file, who);
	if (ckpt_file_is_mem_dev(rdev))
		return CKPT_FILE_DEV;
	if (is_terminal(file))
		return CKPT_FILE_EXTERNAL;
	ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
	return ckpt_refuse(ctx, who, "character device %u:%u (%s)", MAJOR(rdev),
			   MINOR(rdev), text);
}

static int kind_fifo(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	char text[TEXT_LEN];

	if (file->f_op == KDATA(pipefifo_fops))
		return file_inode(file)->i_sb->s_magic == PIPEFS_MAGIC ?
			       CKPT_FILE_PIPE :
			       kind_named(ctx, file, who, CKPT_FILE_FIFO);
	ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
	return ckpt_refuse(ctx, who, "a FIFO (%s)", text);
}

static int kind_other(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	struct inode *inode = file_inode(file);
	char text[TEXT_LEN];

	if (ckpt_file_is_eventfd(file))
		return CKPT_FILE_EVENTFD;
	ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
	if (S_ISBLK(inode->i_mode))
		return ckpt_refuse(ctx, who, "block device %u:%u (%s)",
				   imajor(inode), iminor(inode), text);
	return ckpt_refuse(ctx, who, "%s", text);
}

static int kind_by_type(struct ckpt_ctx *ctx, struct file *file,
			const char *who)
{
	switch (file_inode(file)->i_mode & S_IFMT) {
	case S_IFREG:
		return kind_named(ctx, file, who, CKPT_FILE_REG);
	case S_IFDIR:
		return kind_named(ctx, file, who, CKPT_FILE_DIR);
	case S_IFCHR:
		return kind_char_dev(ctx, file, who);
	case S_IFIFO:
		return kind_fifo(ctx, file, who);
	case S_IFSOCK:
		return kind_socket(ctx, file, who);
	}
	return kind_other(ctx, file, who);
}

/* A task of the tree, or a group that one leads. */
static bool fown_in_tree(struct ckpt_ctx *ctx, const struct ckpt_fown *fown)
{
	struct task_struct *t = ctx->task;
	u32 i;

	if (fown->type == PIDTYPE_PGID && fown->pid == task_pgrp(t) &&
	    ckpt_tree_group_outside(ctx, t, PIDTYPE_PGID))
		return true; /* it will be the restarter's */
	for (i = 0; i < ctx->nr_tasks; i++) {
		t = ctx->tree[i].task;
		if (fown->pid != task_pid(t))
			continue;
		switch (fown->type) {
		case PIDTYPE_PID:
			return true;
		case PIDTYPE_TGID:
			return thread_group_leader(t);
		case PIDTYPE_PGID:
			return thread_group_leader(t) &&
			       !ckpt_tree_group_outside(ctx, t, PIDTYPE_PGID);
		default:
			return false;
		}
	}
	return false;
}

static int check_owner(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	struct ckpt_fown fown = ckpt_fown_get(file);
	bool own;
	pid_t nr;

	if (!fown.pid)
		return 0;
	rcu_read_lock();
	own = fown_in_tree(ctx, &fown);
	rcu_read_unlock();
	nr = pid_vnr(fown.pid);
	put_pid(fown.pid);
	if (S_ISDIR(file_inode(file)->i_mode))
		return ckpt_refuse(ctx, who,
				   "a directory with an owner or F_NOTIFY");
	if (!own)
		return ckpt_refuse(ctx, who,
				   "signalling another process (F_SETOWN %d)",
				   nr);
	return 0;
}

/**
 * ckpt_file_check_locks() - refuse an open file with locks or leases
 * @ctx: checkpoint
 * @file: open file
 * @files: table of descriptors that has it, only compared: record locks are a
 *	table's, so that each that has the file is to be asked for
 * @who: "fd 3", for messages
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_file_check_locks(struct ckpt_ctx *ctx, struct file *file,
			  const struct files_struct *files, const char *who)
{
	const char *lock;
	char text[TEXT_LEN];

	if (is_terminal(file))
		return 0;
	lock = ckpt_filelock_held(file, files);
	if (!lock)
		return 0;
	ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
	return ckpt_refuse(ctx, who, "%s on %s", lock, text);
}

static int check_state(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	int err;

	if (is_terminal(file))
		return 0;
	err = ckpt_file_check_locks(ctx, file, READ_ONCE(ctx->task->files),
				    who);
	return err ?: check_owner(ctx, file, who);
}

/**
 * ckpt_file_kind() - as which kind of file the image can hold an open file
 * @ctx: checkpoint
 * @file: open file of ctx->task, or one that it has mapped
 * @who: "fd 3", for messages
 *
 * An anonymous pipe is CKPT_FILE_PIPE here, a FIFO CKPT_FILE_FIFO; whether it
 * lies within the tasks is known when all of them have been collected (ckpt_pipe_save_end()).
 *
 * Return: a CKPT_FILE_*, or a negative errno that has been reported.
 */
int ckpt_file_kind(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	char text[TEXT_LEN];
	int kind, err;

	if (!(file->f_mode & (FMODE_READ | FMODE_WRITE))) {
		ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
		return ckpt_refuse(ctx, who, "%s opened %s", text,
				   file->f_mode & FMODE_PATH ?
					   "with O_PATH" :
					   "for ioctl() only");
	}
	kind = kind_by_type(ctx, file, who);
	if (kind < 0)
		return kind;
	err = check_state(ctx, file, who);
	return err ? err : kind;
}
