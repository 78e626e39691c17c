// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files, whoever refers to them: descriptors, mappings, the exe link.
 *
 * Captured: the path, access mode and F_GETFL flags, offset, owner of SIGIO
 * (F_SETOWN, F_SETSIG, O_ASYNC), and, to compare at restart, type, size, inode
 * and modification time.  Contents stay in the file system; with
 * CHECKPOINT_SYNC_FILES files that are open for writing are flushed first.
 *
 * Refused: see file_kind.c; at restart a file that is gone, has another type,
 * is another device, is shorter than it was (an offset would lie behind its
 * end) or, with RESTART_FILES_FAIL, longer; a mapped file or executable that
 * was changed in any way.  RESTART_FORCE_FILES takes files as they are, though
 * shorter or changed, and says so in the log; type and device it does not
 * force.
 *
 * At restart files are opened by path with the caller's credentials, when they
 * are first needed.  What changes the file system (RESTART_FILES_TRUNCATE)
 * waits for the commit.
 *
 * Locking: file->f_lock for the flags of a file that nobody else has yet.
 */
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/namei.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include "compat/file.h"
#include "compat/fown.h"
#include "obj_file.h"
#include "sync.h"
#include "tree_restart.h"

/* F_GETFL flags that are kept; the others have done their work at open. */
#define FILE_FLAGS                                                         \
	(O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | __O_SYNC | FASYNC | \
	 O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME)
/* Those that fcntl() can change on an open file, but for FASYNC. */
#define FILE_SETFL (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

#define TERMINAL "terminal "

/* ---- collect --------------------------------------------------------------- */

/*
 * How messages call @file: by a descriptor of the task, if it has one.  The
 * walk over a table has left it in ctx->fd.
 */
static void file_who(struct ckpt_ctx *ctx, struct file *file, char *who)
{
	struct task_struct *t = ctx->task;
	struct fdtable *fdt;
	bool found = false;

	task_lock(t);
	rcu_read_lock();
	if (t->files) {
		fdt = rcu_dereference(t->files->fdt);
		found = ctx->fd < fdt->max_fds &&
			rcu_access_pointer(fdt->fd[ctx->fd]) == file;
	}
	rcu_read_unlock();
	task_unlock(t);
	if (found)
		snprintf(who, CKPT_WHO_LEN, "fd %u", ctx->fd);
	else
		strscpy(who, "mapped file", CKPT_WHO_LEN);
}

static int file_sync(struct ckpt_ctx *ctx, struct file *file)
{
	if (!(ctx->flags & CHECKPOINT_SYNC_FILES) ||
	    !(file->f_mode & FMODE_WRITE) || !file->f_op->fsync)
		return 0;
	return ckpt_sync_file(ctx, file);
}

static int file_collect(struct ckpt_ctx *ctx, void *ptr)
{
	struct file *file = ptr;
	char who[CKPT_WHO_LEN];
	int kind;

	file_who(ctx, file, who);
	kind = ckpt_file_kind(ctx, file, who);
	if (kind < 0)
		return kind;
	switch (kind) {
	case CKPT_FILE_PIPE:
	case CKPT_FILE_FIFO:
		return ckpt_pipe_collect_end(ctx, file);
	case CKPT_FILE_SHMEM:
		return ckpt_shmem_collect_file(ctx, file);
	case CKPT_FILE_EVENTFD:
		return ckpt_eventfd_collect_file(ctx, file);
	case CKPT_FILE_REG:
		return file_sync(ctx, file);
	}
	return 0;
}

static void file_grab(void *ptr)
{
	get_file((struct file *)ptr);
}

static void file_drop(void *ptr)
{
	fput(ptr);
}

/* ---- save ------------------------------------------------------------------ */

static bool kind_has_offset(u32 kind)
{
	return kind < CKPT_FILE_PIPE || kind == CKPT_FILE_SHMEM;
}

/* As ckpt_path_text(), but not to be had is an error: the image keeps it. */
static char *external_text(struct ckpt_ctx *ctx, struct file *file, int kind)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL), *text, *ret = NULL;

	if (page) {
		text = d_path(ckpt_file_path(file), page, PATH_MAX);
		if (IS_ERR(text))
			text = "(unknown path)";
		if (kind == CKPT_FILE_SHMEM || kind == CKPT_FILE_EVENTFD)
			ret = kstrdup(text, GFP_KERNEL_ACCOUNT);
		else if (S_ISFIFO(file_inode(file)->i_mode))
			ret = kasprintf(GFP_KERNEL_ACCOUNT, "%.255s, %s end",
					text,
					file->f_mode & FMODE_WRITE ? "write" :
								     "read");
		else
			ret = kasprintf(GFP_KERNEL_ACCOUNT, TERMINAL "%.255s",
					text);
	}
	kfree(page);
	if (ret)
		return ret;
	return ERR_PTR(ckpt_fail(ctx, -ENOMEM, "file", "out of memory"));
}

static char *file_text(struct ckpt_ctx *ctx, struct file *file, int kind,
		       const char *who)
{
	if (kind >= CKPT_FILE_PIPE && kind != CKPT_FILE_FIFO)
		return external_text(ctx, file, kind);
	return ckpt_path_save(ctx, ckpt_file_path(file), who);
}

static void file_save_owner(struct ckpt_ctx *ctx, struct ckpt_hdr_file *rec,
			    struct file *file)
{
	struct ckpt_fown fown = ckpt_fown_get(file);

	rec->owner_type = -1;
	rec->owner_sig = fown.signum;
	if (!fown.pid)
		return;
	rec->owner_pid = pid_nr_ns(fown.pid, ctx->pid_ns);
	if (fown.type == PIDTYPE_PID)
		rec->owner_type = F_OWNER_TID;
	else if (fown.type == PIDTYPE_TGID)
		rec->owner_type = F_OWNER_PID;
	else
		rec->owner_type = F_OWNER_PGRP;
	put_pid(fown.pid);
}

static void file_save_stat(struct ckpt_hdr_file *rec, const struct kstat *st)
{
	rec->i_mode = st->mode;
	rec->size = st->size;
	rec->mtime_sec = st->mtime.tv_sec;
	rec->mtime_nsec = st->mtime.tv_nsec;
	rec->rdev = new_encode_dev(st->rdev);
	rec->ino = st->ino;
	rec->dev = new_encode_dev(st->dev);
}

static int file_save_rec(struct ckpt_ctx *ctx, struct file *file, int objref,
			 const struct kstat *st, const char *text, int kind,
			 int obj_objref)
{
	size_t len = strlen(text) + 1;
	struct ckpt_hdr_file *rec;

	rec = ckpt_out_rec(ctx, CKPT_HDR_FILE, sizeof(*rec) + ALIGN(len, 8));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->kind = kind;
	rec->f_flags = file->f_flags & FILE_FLAGS;
	/* overlayfs opens the file below it, which mappings use, with it */
	if (file_inode(file) != d_inode(ckpt_file_path(file)->dentry))
		rec->f_flags &= ~O_NOATIME;
	if (file->f_mode & FMODE_READ)
		rec->f_mode |= CKPT_FMODE_READ;
	if (file->f_mode & FMODE_WRITE)
		rec->f_mode |= CKPT_FMODE_WRITE;
	/* opened by nobody, it does not count as a writer */
	if (kind == CKPT_FILE_SHMEM && file->f_mode & FMODE_WRITE &&
	    !(file->f_mode & FMODE_WRITER))
		rec->f_mode |= CKPT_FMODE_MADE;
	if (kind == CKPT_FILE_FIFO && ckpt_fifo_reader_alone(file))
		rec->f_mode |= CKPT_FMODE_ALONE;
	rec->obj_objref = obj_objref;
	rec->owner_type = -1;
	if (kind != CKPT_FILE_EXTERNAL)
		file_save_owner(ctx, rec, file);
	if (kind_has_offset(kind))
		rec->pos = file->f_pos;
	file_save_stat(rec, st);
	rec->path_len = len;
	memcpy(rec->path, text, len);
	return 0;
}

/* The object of its own that the file's state is; a pipe's may be elsewhere. */
static int file_save_object(struct ckpt_ctx *ctx, struct file *file, int *kind,
			    const char *who)
{
	int objref;

	switch (*kind) {
	case CKPT_FILE_PIPE:
	case CKPT_FILE_FIFO:
		objref = ckpt_pipe_save_end(ctx, file, who);
		if (!objref)
			*kind = CKPT_FILE_EXTERNAL;
		return objref;
	case CKPT_FILE_SHMEM:
		return ckpt_shmem_save_file(ctx, file);
	case CKPT_FILE_EVENTFD:
		return ckpt_eventfd_save_file(ctx, file);
	}
	return 0;
}

static int file_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	int kind, err, obj_objref;
	struct file *file = ptr;
	char who[CKPT_WHO_LEN];
	struct kstat st;
	char *text;

	file_who(ctx, file, who);
	kind = ckpt_file_kind(ctx, file, who);
	if (kind < 0)
		return kind;
	obj_objref = file_save_object(ctx, file, &kind, who);
	if (obj_objref < 0)
		return obj_objref;
	err = vfs_getattr_nosec(ckpt_file_path(file), &st, STATX_BASIC_STATS,
				AT_STATX_SYNC_AS_STAT);
	if (err)
		return ckpt_fail(ctx, err, who,
				 "its attributes cannot be read");
	text = file_text(ctx, file, kind, who);
	if (IS_ERR(text))
		return PTR_ERR(text);
	err = file_save_rec(ctx, file, objref, &st, text, kind, obj_objref);
	kfree(text);
	return err;
}

/* ---- restore: the record --------------------------------------------------- */

static void file_unstage(void *ptr)
{
	struct ckpt_staged_file *sf = ptr;

	if (sf->file)
		fput(sf->file);
	kfree(sf->path);
	kfree(sf);
}

static int file_check_rec(struct ckpt_ctx *ctx, const struct ckpt_hdr_file *rec)
{
	const u32 special = CKPT_FMODE_MADE | CKPT_FMODE_ALONE;
	u32 acc = rec->f_flags & O_ACCMODE, mode = 0;

	if (acc != O_WRONLY)
		mode |= CKPT_FMODE_READ;
	if (acc != O_RDONLY)
		mode |= CKPT_FMODE_WRITE;
	if (acc == O_ACCMODE || mode != (rec->f_mode & ~special))
		return ckpt_fail(ctx, -EINVAL, "file",
				 "flags %#o do not fit access mode %u",
				 rec->f_flags, rec->f_mode);
	if (rec->owner_sig < 0 || rec->owner_sig > CKPT_NSIG)
		return ckpt_fail(ctx, -EINVAL, "file", "bad signal %d",
				 rec->owner_sig);
	if ((s64)rec->pos < 0)
		return ckpt_fail(ctx, -EINVAL, "file", "bad offset %lld",
				 (s64)rec->pos);
	if (!rec->path_len || rec->path_len > CKPT_PATH_MAX ||
	    rec->path_len > rec->h.len - sizeof(*rec) ||
	    strnlen(rec->path, rec->path_len) != rec->path_len - 1)
		return ckpt_fail(ctx, -EINVAL, "file", "bad path");
	return 0;
}

static int file_check_object(struct ckpt_ctx *ctx,
			     const struct ckpt_hdr_file *rec)
{
	static const enum ckpt_obj_type types[CKPT_FILE_KINDS] = {
		[CKPT_FILE_PIPE] = CKPT_OBJ_PIPE,
		[CKPT_FILE_SHMEM] = CKPT_OBJ_SHMEM,
		[CKPT_FILE_EVENTFD] = CKPT_OBJ_EVENTFD,
		[CKPT_FILE_FIFO] = CKPT_OBJ_PIPE,
	};
	void *obj = NULL;

	if (types[rec->kind])
		obj = ckpt_obj_fetch(ctx, rec->obj_objref, types[rec->kind]);
	return PTR_ERR_OR_ZERO(obj);
}

static int file_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_file *rec = (const void *)h;
	struct ckpt_staged_file *sf;
	int err;

	err = file_check_rec(ctx, rec);
	if (err)
		return err;
	err = file_check_object(ctx, rec);
	if (err)
		return err;
	sf = kzalloc(sizeof(*sf), GFP_KERNEL_ACCOUNT);
	if (!sf)
		return ckpt_fail(ctx, -ENOMEM, "file", "out of memory");
	sf->rec = *rec;
	sf->path = kmemdup_nul(rec->path, rec->path_len - 1,
			       GFP_KERNEL_ACCOUNT);
	if (sf->path)
		err = ckpt_obj_insert(ctx, rec->objref, CKPT_OBJ_FILE, sf);
	else
		err = ckpt_fail(ctx, -ENOMEM, "file", "out of memory");
	if (err)
		file_unstage(sf);
	return err;
}

/* ---- restore: the file ----------------------------------------------------- */

static const char *type_name(umode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	}
	return "something else";
}

/* Which device a FILE of kind DEV must be: one of the two harmless kinds. */
static bool dev_fits(struct ckpt_ctx *ctx, const struct ckpt_staged_file *sf,
		     dev_t rdev)
{
	dev_t saved = new_decode_dev(sf->rec.rdev);

	if (ckpt_file_is_mem_dev(saved))
		return rdev == saved;
	/* /dev/ckpt: its number may change from boot to boot */
	return rdev == file_inode(ctx->dev_file)->i_rdev;
}

static int staged_check_type(struct ckpt_ctx *ctx,
			     const struct ckpt_staged_file *sf,
			     const struct kstat *st, const char *who)
{
	static const umode_t kind_type[CKPT_FILE_KINDS] = {
		[CKPT_FILE_REG] = S_IFREG,
		[CKPT_FILE_DIR] = S_IFDIR,
		[CKPT_FILE_DEV] = S_IFCHR,
		[CKPT_FILE_FIFO] = S_IFIFO,
	};
	umode_t want = kind_type[sf->rec.kind];

	if ((st->mode & S_IFMT) != want)
		return ckpt_fail(ctx, -EINVAL, who,
				 "%s was %s at the checkpoint and is %s now",
				 sf->path, type_name(want),
				 type_name(st->mode));
	if (want == S_IFCHR && !dev_fits(ctx, sf, st->rdev))
		return ckpt_fail(ctx, -ENODEV, who,
				 "%s is another device (%u:%u) than at the checkpoint",
				 sf->path, MAJOR(st->rdev), MINOR(st->rdev));
	return 0;
}

/* Before it is opened: to open a device or a FIFO can have effects. */
static int staged_check_path(struct ckpt_ctx *ctx,
			     const struct ckpt_staged_file *sf, const char *who)
{
	struct path path;
	struct kstat st;
	int err;

	err = kern_path(sf->path, LOOKUP_FOLLOW, &path);
	if (err == -ENOENT || err == -ENOTDIR)
		return ckpt_fail(ctx, err, who, "file %s is gone", sf->path);
	if (err)
		return ckpt_fail(ctx, err, who, "%s cannot be looked up",
				 sf->path);
	err = vfs_getattr(&path, &st, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	if (err)
		err = ckpt_fail(ctx, err, who,
				"the attributes of %s cannot be read",
				sf->path);
	else
		err = staged_check_type(ctx, sf, &st, who);
	path_put(&path);
	return err;
}

static int open_flags(const struct ckpt_staged_file *sf)
{
	return (sf->rec.f_flags & FILE_FLAGS & ~FASYNC) | O_NOCTTY |
	       O_LARGEFILE;
}

static struct file *staged_open(struct ckpt_ctx *ctx,
				struct ckpt_staged_file *sf, const char *who)
{
	int err, flags = open_flags(sf);
	struct file *file;
	struct kstat st;

	err = staged_check_path(ctx, sf, who);
	if (err)
		return ERR_PTR(err);
	file = filp_open(sf->path, flags, 0);
	if (IS_ERR(file)) {
		err = ckpt_fail(ctx, PTR_ERR(file), who,
				"%s cannot be opened for %s", sf->path,
				flags & O_ACCMODE ? "writing" : "reading");
		return ERR_PTR(err);
	}
	err = vfs_getattr(&file->f_path, &st, STATX_BASIC_STATS,
			  AT_STATX_SYNC_AS_STAT);
	if (err)
		err = ckpt_fail(ctx, err, who,
				"the attributes of %s cannot be read",
				sf->path);
	else
		err = staged_check_type(ctx, sf, &st, who);
	if (!err && sf->rec.kind == CKPT_FILE_DEV &&
	    !ckpt_file_is_mem_dev(st.rdev) && file->f_op != ctx->dev_file->f_op)
		err = ckpt_fail(ctx, -ENODEV, who, "%s is another device",
				sf->path);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	sf->now_size = st.size;
	sf->now_mtime = st.mtime;
	return file;
}

static int staged_set_pos(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
			  const char *who)
{
	loff_t pos = sf->rec.pos;

	if (sf->rec.kind == CKPT_FILE_DEV) {
		sf->file->f_pos = pos;
		return 0;
	}
	if (!pos || vfs_llseek(sf->file, pos, SEEK_SET) == pos)
		return 0;
	return ckpt_fail(ctx, -EINVAL, who, "%s takes no offset %lld", sf->path,
			 pos);
}

/* What was made, not opened, has flags of its own. */
static int staged_set_flags(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
			    const char *who)
{
	struct file *file = sf->file;

	/* a pipe's is about packets; else there must be code for it */
	if (sf->rec.f_flags & O_DIRECT && !S_ISFIFO(sf->rec.i_mode) &&
	    !(file->f_mode & FMODE_CAN_ODIRECT))
		return ckpt_fail(ctx, -EINVAL, who, "%s takes no O_DIRECT",
				 sf->path);

	spin_lock(&file->f_lock);
	file->f_flags = (file->f_flags & ~FILE_SETFL) |
			(sf->rec.f_flags & FILE_SETFL);
	file->f_iocb_flags = iocb_flags(file);
	spin_unlock(&file->f_lock);
	return 0;
}

/* Who gets a file's signals, by a pid of the image; with a reference. */
static struct pid *owner_pid(struct ckpt_ctx *ctx, s32 pid, enum pid_type type)
{
	const struct ckpt_hdr_tree_task *own = &ctx->restart->task->rec;
	const struct ckpt_tree_task *owner = ckpt_tree_lookup(ctx, pid);

	if (type == PIDTYPE_PGID && pid == own->pgid &&
	    (own->flags & CKPT_TREE_PGID_OUTSIDE))
		return get_task_pid(current, PIDTYPE_PGID);
	if (!owner ||
	    (type != PIDTYPE_PID && owner->rec.pid != owner->rec.tgid))
		return NULL;
	return get_task_pid(owner->task, PIDTYPE_PID);
}

/*
 * The owner was a task of the tree or a group that one leads, else the
 * checkpoint would have been refused; its number may differ now.  SIGIO is sent with the rights of
 * who set the owner: that is the task of the image, not the caller, who may
 * have more.
 */
static int staged_set_owner(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
			    const char *who)
{
	static const enum pid_type types[] = {
		[F_OWNER_TID] = PIDTYPE_PID,
		[F_OWNER_PID] = PIDTYPE_TGID,
		[F_OWNER_PGRP] = PIDTYPE_PGID,
	};
	struct ckpt_fown fown = { .signum = sf->rec.owner_sig };
	const struct cred *cred, *old;
	int err;

	if (sf->rec.owner_type < 0 && !fown.signum)
		return 0;
	cred = ckpt_cred_prepare(ctx);
	if (IS_ERR(cred))
		return PTR_ERR(cred);

	if (sf->rec.owner_type >= (int)ARRAY_SIZE(types))
		return ckpt_fail(ctx, -EINVAL, who, "bad owner type %d",
				 sf->rec.owner_type);
	if (sf->rec.owner_type >= 0) {
		fown.type = types[sf->rec.owner_type];
		fown.pid = owner_pid(ctx, sf->rec.owner_pid, fown.type);
		if (!fown.pid)
			return ckpt_fail(ctx, -EINVAL, who,
					 "its owner %d is not in the tree",
					 sf->rec.owner_pid);
	}
	old = override_creds(cred);
	err = ckpt_fown_set(sf->file, &fown);
	revert_creds(old);
	put_pid(fown.pid);
	if (err)
		return ckpt_fail(ctx, err, who, "its owner cannot be set");
	return 0;
}

static struct file *staged_open_fifo(struct ckpt_ctx *ctx,
				     struct ckpt_staged_file *sf,
				     const char *who)
{
	int err = staged_check_path(ctx, sf, who);

	if (err)
		return ERR_PTR(err);
	return ckpt_fifo_open(ctx, sf, open_flags(sf), who);
}

static struct file *staged_get_file(struct ckpt_ctx *ctx,
				    struct ckpt_staged_file *sf,
				    const char *who)
{
	switch (sf->rec.kind) {
	case CKPT_FILE_REG:
	case CKPT_FILE_DIR:
	case CKPT_FILE_DEV:
		return staged_open(ctx, sf, who);
	case CKPT_FILE_PIPE:
		return ckpt_pipe_take_end(ctx, &sf->rec, who);
	case CKPT_FILE_FIFO:
		return staged_open_fifo(ctx, sf, who);
	case CKPT_FILE_SHMEM:
		return ckpt_shmem_open(ctx, sf->rec.obj_objref, open_flags(sf),
				       sf->rec.f_mode & CKPT_FMODE_MADE, who);
	case CKPT_FILE_EVENTFD:
		return ckpt_eventfd_take(ctx, sf->rec.obj_objref, who);
	case CKPT_FILE_EXTERNAL:
		return NULL;
	}
	return ERR_PTR(ckpt_fail(ctx, -EINVAL, who, "unknown kind of file %u",
				 sf->rec.kind));
}

static int staged_setup(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
			const char *who)
{
	int err;

	err = sf->rec.kind >= CKPT_FILE_PIPE ? staged_set_flags(ctx, sf, who) :
					       0;
	if (!err && kind_has_offset(sf->rec.kind))
		err = staged_set_pos(ctx, sf, who);
	if (err)
		return err;
	return staged_set_owner(ctx, sf, who);
}

static int refuse_external(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
			   const char *who)
{
	bool tty = S_ISCHR(sf->rec.i_mode);
	const char *what = sf->path;
	unsigned int fd;

	if (tty && strstarts(what, TERMINAL))
		what += strlen(TERMINAL);
	if (sscanf(who, "fd %u", &fd) != 1)
		return ckpt_fail(ctx, -EINVAL, who, "it was a %s (%s)",
				 tty ? "terminal" : "pipe", what);
	return ckpt_fail(ctx, -EBADF, "files",
			 "fd %u was a %s (%s): give it with --inherit-fd %u",
			 fd, tty ? "terminal" : "pipe", what, fd);
}

/**
 * ckpt_file_stage() - the open file of a FILE of the image
 * @ctx: restart
 * @objref: of the FILE, not trusted
 * @who: what it is for, in messages: "fd 3", "mapped file"
 *
 * Context: in the restarting task with the caller's credentials.
 * Return: the staged FILE, its @file open, borrowed from the objhash; or an
 * ERR_PTR() of an error that has been reported.
 */
struct ckpt_staged_file *ckpt_file_stage(struct ckpt_ctx *ctx, int objref,
					 const char *who)
{
	struct ckpt_staged_file *sf;
	struct file *file;
	int err;

	sf = ckpt_obj_fetch(ctx, objref, CKPT_OBJ_FILE);
	if (IS_ERR(sf) || sf->file)
		return sf;
	file = staged_get_file(ctx, sf, who);
	if (IS_ERR(file))
		return ERR_CAST(file);
	if (!file)
		return ERR_PTR(refuse_external(ctx, sf, who));
	sf->file = file;
	err = staged_setup(ctx, sf, who);
	return err ? ERR_PTR(err) : sf;
}

/**
 * ckpt_file_forced() - whether a file that differs is to be taken as it is
 * @ctx: restart
 * @sf: staged FILE
 * @how: what differs, for the log: "is shorter than at"
 *
 * Return: true with RESTART_FORCE_FILES; each file is noted in the log once.
 */
bool ckpt_file_forced(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
		      const char *how)
{
	if (!(ctx->flags & RESTART_FORCE_FILES))
		return false;
	if (!sf->forced)
		ckpt_log(ctx,
			 "note: %s %s the checkpoint: taken as it is (--force-files)",
			 sf->path, how);
	sf->forced = true;
	return true;
}

/**
 * ckpt_file_check_unchanged() - refuse a changed executable or library
 * @ctx: restart
 * @objref: FILE of a private mapping or of the exe link
 *
 * Only changed pages of such mappings are in the image; the others are read
 * from the file again.
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_file_check_unchanged(struct ckpt_ctx *ctx, int objref)
{
	struct ckpt_staged_file *sf;

	sf = ckpt_file_stage(ctx, objref, "mapped file");
	if (IS_ERR(sf))
		return PTR_ERR(sf);
	if (sf->rec.kind != CKPT_FILE_REG)
		return 0;
	if (sf->now_size == sf->rec.size &&
	    sf->now_mtime.tv_sec == sf->rec.mtime_sec &&
	    sf->now_mtime.tv_nsec == sf->rec.mtime_nsec)
		return 0;
	if (ckpt_file_forced(ctx, sf, "has changed since"))
		return 0;
	return ckpt_fail(ctx, -ESTALE, "mapped file",
			 "executable or library %s changed since the checkpoint: put the old one there, or use --force-files",
			 sf->path);
}

const struct ckpt_obj_ops ckpt_file_ops = {
	.name = "file",
	.grab = file_grab,
	.drop = file_drop,
	.collect = file_collect,
	.save = file_save,
	.restore = file_restore,
	.unstage = file_unstage,
};
