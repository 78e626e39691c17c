// SPDX-License-Identifier: GPL-2.0-only
/*
 * Root directory, working directory and umask.
 *
 * Captured: the umask and both directories by path, as the checkpointer sees
 * them.  Refused: directories that are removed, hidden or out of reach.  A
 * structure that a task outside of the tree shares is a leak (tree.c).  At restart the caller
 * must be able to enter the directories, and to chroot() if the root is not
 * its own.
 *
 * Locking: fs->lock, taken alone.
 */
#include <linux/capability.h>
#include <linux/fs_struct.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include "compat/file.h"
#include "ksym.h"
#include "obj_file.h"
#include "tree.h"

struct staged_fs {
	struct fs_struct *live; /* held: the owner's, for those who share it */
	struct path root, pwd;
	u32 umask;
};

/* ---- save ------------------------------------------------------------------ */

static void fs_grab(void *ptr)
{
	struct fs_struct *fs = ptr;

	spin_lock(&fs->lock);
	fs->users++;
	spin_unlock(&fs->lock);
}

static void fs_drop(void *ptr)
{
	struct fs_struct *fs = ptr;
	bool last;

	spin_lock(&fs->lock);
	last = !--fs->users;
	spin_unlock(&fs->lock);
	if (last)
		K(free_fs_struct)(fs);
}

static int fs_check_shared(struct ckpt_ctx *ctx, struct fs_struct *fs)
{
	int users, inside = ckpt_obj_users(ctx, fs);

	spin_lock(&fs->lock);
	users = fs->users - 1; /* one is the objhash's */
	spin_unlock(&fs->lock);
	if (users <= inside)
		return 0;
	return ckpt_leak(ctx, "a working directory (CLONE_FS)", inside, users);
}

static int fs_save_rec(struct ckpt_ctx *ctx, int objref, u32 umask,
		       const char *root, const char *pwd)
{
	size_t root_len = strlen(root) + 1, pwd_len = strlen(pwd) + 1;
	struct ckpt_hdr_fs *rec;

	rec = ckpt_out_rec(ctx, CKPT_HDR_FS,
			   sizeof(*rec) + ALIGN(root_len + pwd_len, 8));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->umask = umask;
	rec->root_len = root_len;
	rec->pwd_len = pwd_len;
	memcpy(rec->paths, root, root_len);
	memcpy(rec->paths + root_len, pwd, pwd_len);
	return 0;
}

static char *fs_save_path(struct ckpt_ctx *ctx, struct path *path,
			  const char *what)
{
	char *text = ckpt_path_save(ctx, path, what);

	path_put(path);
	return text;
}

static int fs_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct fs_struct *fs = ptr;
	struct path path;
	char *root, *pwd;
	int err;

	err = fs_check_shared(ctx, fs);
	if (err)
		return err;
	get_fs_root(fs, &path);
	root = fs_save_path(ctx, &path, "root directory");
	if (IS_ERR(root))
		return PTR_ERR(root);
	get_fs_pwd(fs, &path);
	pwd = fs_save_path(ctx, &path, "working directory");
	if (IS_ERR(pwd)) {
		err = PTR_ERR(pwd);
	} else {
		err = fs_save_rec(ctx, objref, READ_ONCE(fs->umask), root, pwd);
		kfree(pwd);
	}
	kfree(root);
	return err;
}

/* ---- restore --------------------------------------------------------------- */

static void fs_unstage(void *ptr)
{
	struct staged_fs *st = ptr;

	if (st->live)
		fs_drop(st->live);
	path_put(&st->root);
	path_put(&st->pwd);
	kfree(st);
}

static int fs_stage_path(struct ckpt_ctx *ctx, const char *text,
			 struct path *path, const char *what)
{
	int err;

	err = kern_path(text, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, path);
	if (err == -ENOENT || err == -ENOTDIR)
		return ckpt_fail(ctx, err, what, "%s is gone", text);
	if (err)
		return ckpt_fail(ctx, err, what, "%s cannot be looked up",
				 text);
	err = ckpt_path_permission(path, MAY_EXEC | MAY_CHDIR);
	if (!err)
		return 0;
	path_put(path);
	*path = (struct path){};
	return ckpt_fail(ctx, err, what, "the caller may not enter %s", text);
}

static int fs_check_root(struct ckpt_ctx *ctx, const struct path *path,
			 const char *text)
{
	struct path own;
	bool same;

	get_fs_root(current->fs, &own);
	same = path_equal(&own, path);
	path_put(&own);
	if (same)
		return 0;
	if (!ns_capable(current_user_ns(), CAP_SYS_CHROOT))
		return ckpt_fail(ctx, -EPERM, "root directory",
				 "to make %s the root takes CAP_SYS_CHROOT",
				 text);
#ifdef CONFIG_SECURITY_PATH
	if (K(security_path_chroot)(path))
		return ckpt_fail(ctx, -EPERM, "root directory",
				 "the security module forbids to make %s the root",
				 text);
#endif
	return 0;
}

static int fs_check_rec(struct ckpt_ctx *ctx, const struct ckpt_hdr_fs *rec)
{
	size_t room = rec->h.len - sizeof(*rec);

	if (!rec->root_len || rec->root_len > CKPT_PATH_MAX || !rec->pwd_len ||
	    rec->pwd_len > CKPT_PATH_MAX ||
	    rec->root_len + rec->pwd_len > room ||
	    strnlen(rec->paths, rec->root_len) != rec->root_len - 1 ||
	    strnlen(rec->paths + rec->root_len, rec->pwd_len) !=
		    rec->pwd_len - 1)
		return ckpt_fail(ctx, -EINVAL, "fs", "bad paths");
	if (rec->umask & ~0777)
		return ckpt_fail(ctx, -EINVAL, "fs", "bad umask %#o",
				 rec->umask);
	return 0;
}

static int fs_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_fs *rec = (const void *)h;
	struct staged_fs *st;
	int err;

	err = fs_check_rec(ctx, rec);
	if (err)
		return err;
	st = kzalloc(sizeof(*st), GFP_KERNEL_ACCOUNT);
	if (!st)
		return ckpt_fail(ctx, -ENOMEM, "fs", "out of memory");
	st->umask = rec->umask;
	err = fs_stage_path(ctx, rec->paths, &st->root, "root directory");
	if (!err)
		err = fs_check_root(ctx, &st->root, rec->paths);
	if (!err)
		err = fs_stage_path(ctx, rec->paths + rec->root_len, &st->pwd,
				    "working directory");
	if (!err)
		err = ckpt_obj_insert(ctx, rec->objref, CKPT_OBJ_FS, st);
	if (err)
		fs_unstage(st);
	return err;
}

/**
 * ckpt_fs_commit() - put the current task into its directories
 * @ctx: restart, past the point of no return
 * @staged: staged object
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_fs_commit(struct ckpt_ctx *ctx, void *staged)
{
	struct staged_fs *st = staged;
	int err;

	if (READ_ONCE(current->fs->users) > 1) {
		err = unshare_fs_struct();
		if (err)
			return ckpt_fail(ctx, err, "fs", "out of memory");
	}
	K(set_fs_root)(current->fs, &st->root);
	K(set_fs_pwd)(current->fs, &st->pwd);
	WRITE_ONCE(current->fs->umask, st->umask);
	fs_grab(current->fs);
	st->live = current->fs;
	return 0;
}

/**
 * ckpt_fs_check() - whether current, too, may go where the owner goes
 * @ctx: restart, nothing committed yet
 * @staged: staged object
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_fs_check(struct ckpt_ctx *ctx, const void *staged)
{
	const struct staged_fs *st = staged;
	int err;

	err = fs_check_root(ctx, &st->root, "a shared directory");
	if (!err)
		err = ckpt_path_permission(&st->root, MAY_EXEC | MAY_CHDIR);
	if (!err)
		err = ckpt_path_permission(&st->pwd, MAY_EXEC | MAY_CHDIR);
	return err ? ckpt_fail(ctx, err, "fs",
			       "the caller may not enter a shared directory") :
		     0;
}

/**
 * ckpt_fs_adopt() - share the owner's directories
 * @ctx: restart, past the point of no return; the owner has committed them
 * @staged: staged object
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_fs_adopt(struct ckpt_ctx *ctx, void *staged)
{
	struct fs_struct *fs = ((struct staged_fs *)staged)->live;

	if (!fs)
		return ckpt_fail(ctx, -EINVAL, "fs", "nobody owns them");
	fs_grab(fs);
	task_lock(current);
	swap(current->fs, fs);
	task_unlock(current);
	fs_drop(fs);
	return 0;
}

const struct ckpt_obj_ops ckpt_fs_ops = {
	.name = "fs",
	.grab = fs_grab,
	.drop = fs_drop,
	.save = fs_save,
	.restore = fs_restore,
	.unstage = fs_unstage,
};
