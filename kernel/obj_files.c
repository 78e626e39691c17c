// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of file descriptors.
 *
 * Captured: which descriptors are open, on which FILE, with close-on-exec.
 * A table that a task outside of the tree shares is a leak (tree.c).  Nothing but the
 * tasks that share a table holds it for longer than a moment (procfs looks
 * into tables without holding them), so a count that is too high is looked at
 * again a few times and is then taken for a sharer.
 *
 * At restart a descriptor that the caller inherits to the task takes the place
 * of what the image has under its number.  Sizes of files are compared here,
 * for files with descriptors; mappings have a stricter test (obj_file.c).
 *
 * Locking: files->file_lock, taken alone, while the table is walked;
 * task_lock() to raise the limit during the commit.
 */
#include <linux/delay.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/unistd.h>
#include <linux/close_range.h>
#include "ksym.h"
#include "obj_file.h"
#include "tree.h"
#include "tree_restart.h"

#define LOOKS 5 /* before a table counts as shared with the outside */
#define LOOK_PAUSE_US 1000
#define FIRST_ROOM 64U /* descriptors of a restart */

/**
 * struct staged_fd - one descriptor of a restart
 * @fd: its number
 * @flags: CKPT_FD_*
 * @file: held
 * @sf: its FILE, borrowed from the objhash; NULL for an inherited one
 */
struct staged_fd {
	int fd;
	u32 flags;
	struct file *file;
	struct ckpt_staged_file *sf;
};

struct staged_files {
	struct files_struct *live; /* held: the owner's, for those who share it */
	u32 nr;
	u32 room; /* for so many in @fds */
	struct staged_fd *fds;
};

/* ---- save ------------------------------------------------------------------ */

static void files_grab(void *ptr)
{
	struct files_struct *files = ptr;

	atomic_inc(&files->count);
}

static void files_drop(void *ptr)
{
	K(put_files_struct)(ptr);
}

/*
 * The next open descriptor from *@fd on: its file, with a reference, or NULL
 * when there is none.
 */
static struct file *files_next(struct files_struct *files, unsigned int *fd,
			       u32 *flags)
{
	struct file *file = NULL;
	struct fdtable *fdt;

	spin_lock(&files->file_lock);
	fdt = files_fdtable(files);
	for (; *fd < fdt->max_fds; ++*fd) {
		file = rcu_dereference_check_fdtable(files, fdt->fd[*fd]);
		if (!file)
			continue;
		*flags = test_bit(*fd, fdt->close_on_exec) ? CKPT_FD_CLOEXEC :
							     0;
		get_file(file);
		break;
	}
	spin_unlock(&files->file_lock);
	return file;
}

static int files_collect(struct ckpt_ctx *ctx, void *ptr)
{
	char who[CKPT_WHO_LEN];
	unsigned int fd;
	struct file *file;
	u32 flags;
	int ref;

	for (fd = 0; (file = files_next(ptr, &fd, &flags)); fd++) {
		ctx->fd = fd;
		ref = ckpt_obj_collect(ctx, file, CKPT_OBJ_FILE);
		/* another table may have had it before */
		snprintf(who, sizeof(who), "fd %u", fd);
		if (ref >= 0)
			ref = ckpt_file_check_locks(ctx, file, ptr, who);
		fput(file);
		if (ref < 0)
			return ref;
		if (fatal_signal_pending(current))
			return ckpt_fail(ctx, -EINTR, "files", "interrupted");
		cond_resched();
	}
	return 0;
}

static int files_check_shared(struct ckpt_ctx *ctx, struct files_struct *files)
{
	unsigned int expected = ckpt_obj_users(ctx, files) + 1;
	int look;

	for (look = 0; look < LOOKS; look++) {
		if (look)
			usleep_range(LOOK_PAUSE_US, 2 * LOOK_PAUSE_US);
		if (atomic_read(&files->count) <= expected)
			return 0;
	}
	return ckpt_leak(ctx, "a file table", expected - 1,
			 atomic_read(&files->count) - 1);
}

/* The FILEs stand before the table: save them, and count. */
static int files_save_children(struct ckpt_ctx *ctx, struct files_struct *files)
{
	char who[CKPT_WHO_LEN];
	int ref, err, nr = 0;
	struct file *file;
	unsigned int fd;
	u32 flags;

	for (fd = 0; (file = files_next(files, &fd, &flags)); fd++) {
		ctx->fd = fd;
		/* the objhash has its own: pipes count who holds their ends */
		fput(file);
		ref = ckpt_obj_save(ctx, file, CKPT_OBJ_FILE);
		if (ref < 0)
			return ref;
		snprintf(who, sizeof(who), "fd %u", fd);
		err = ckpt_file_check_shared(ctx, file, who);
		if (err)
			return err;
		if (++nr > CKPT_FDS_MAX)
			return ckpt_refuse(ctx, "files",
					   "a table of more than %u descriptors",
					   CKPT_FDS_MAX);
		cond_resched();
	}
	return nr;
}

static int files_save_fds(struct ckpt_ctx *ctx, struct files_struct *files,
			  int nr)
{
	struct ckpt_hdr_fd *rec;
	struct file *file;
	unsigned int fd;
	u32 flags;

	for (fd = 0; (file = files_next(files, &fd, &flags)); fd++) {
		rec = ckpt_out_rec(ctx, CKPT_HDR_FD, sizeof(*rec));
		if (IS_ERR(rec)) {
			fput(file);
			return PTR_ERR(rec);
		}
		rec->fd = fd;
		rec->file_objref = ckpt_obj_ref(ctx, file);
		rec->flags = flags;
		fput(file);
		nr--;
		cond_resched();
	}
	if (nr)
		return ckpt_fail(ctx, -EBUSY, "files",
				 "the table changed: is the task frozen?");
	return 0;
}

static int files_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct ckpt_hdr_files *rec;
	int nr, err;

	err = files_check_shared(ctx, ptr);
	if (err)
		return err;
	nr = files_save_children(ctx, ptr);
	if (nr < 0)
		return nr;
	rec = ckpt_out_rec(ctx, CKPT_HDR_FILES, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->nr_fds = nr;
	return files_save_fds(ctx, ptr, nr);
}

/* ---- restore --------------------------------------------------------------- */

static void files_unstage(void *ptr)
{
	struct staged_files *st = ptr;
	u32 i;

	for (i = 0; i < st->nr; i++)
		fput(st->fds[i].file);
	if (st->live)
		K(put_files_struct)(st->live);
	kvfree(st->fds);
	kfree(st);
}

/* Descriptors below this number the caller could open himself. */
static unsigned int fd_limit(void)
{
	unsigned int nr_open = READ_ONCE(*KDATA(sysctl_nr_open));
	unsigned long max = rlimit_max(RLIMIT_NOFILE);

	if (max >= nr_open || capable(CAP_SYS_RESOURCE))
		return nr_open;
	return max;
}

static int fd_check_limit(struct ckpt_ctx *ctx, int fd, unsigned int limit)
{
	if (fd >= 0 && fd < limit)
		return 0;
	return ckpt_fail(ctx, -EMFILE, "files",
			 "fd %d is above the caller's limit of %u descriptors: raise it with ulimit -Hn",
			 fd, limit);
}

static int fd_check_size(struct ckpt_ctx *ctx, int fd,
			 struct ckpt_staged_file *sf)
{
	bool writable = sf->rec.f_mode & CKPT_FMODE_WRITE;
	u64 was = sf->rec.size, now = sf->now_size;

	if (sf->rec.kind != CKPT_FILE_REG || now == was)
		return 0;
	if (now < was && ckpt_file_forced(ctx, sf, "is shorter than at"))
		return 0;
	if (now < was)
		return ckpt_fail(ctx, -ESTALE, "files",
				 "fd %d: %s is shorter than at the checkpoint: %llu bytes, not %llu: put it back, or use --force-files",
				 fd, sf->path, now, was);
	if (ctx->flags & RESTART_FILES_FAIL)
		return ckpt_fail(ctx, -ESTALE, "files",
				 "fd %d: %s is longer than at the checkpoint: %llu bytes, not %llu",
				 fd, sf->path, now, was);
	if (ctx->flags & RESTART_FILES_TRUNCATE && writable)
		sf->truncate = true;
	else if (writable && sf->rec.f_flags & O_APPEND)
		ckpt_log(ctx,
			 "fd %d: %s grew from %llu to %llu bytes since the checkpoint, and is open for appending",
			 fd, sf->path, was, now);
	return 0;
}

/* Without effect on the image that is being read: it may be one of the files. */
static void fd_check_image(struct ckpt_ctx *ctx, int fd,
			   struct ckpt_staged_file *sf)
{
	if (!sf->truncate || !ctx->op->in.file ||
	    file_inode(sf->file) != file_inode(ctx->op->in.file))
		return;
	sf->truncate = false;
	ckpt_log(ctx, "fd %d: %s is the image, and is not cut", fd, sf->path);
}

/*
 * The caller means descriptors of the root task, and whoever shares its open
 * files; of other tasks, those that the image does not have.
 */
static struct file *fd_inherited(struct ckpt_ctx *ctx, int fd,
				 struct ckpt_staged_file *sf)
{
	struct file *file;

	if (sf->inherited)
		return sf->inherited;
	if (ctx->restart->task != ctx->op->restart->tree &&
	    sf->rec.kind != CKPT_FILE_EXTERNAL)
		return NULL;
	file = ckpt_restart_inherited(ctx, fd);
	sf->inherited = file; /* the operation holds it */
	return file;
}

static int fd_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr_fd *rec,
		      struct staged_fd *sfd)
{
	struct ckpt_staged_file *sf;
	char who[CKPT_WHO_LEN];
	struct file *file;
	int err;

	sf = ckpt_obj_fetch(ctx, rec->file_objref, CKPT_OBJ_FILE);
	if (IS_ERR(sf))
		return PTR_ERR(sf);
	file = fd_inherited(ctx, rec->fd, sf);
	if (file) {
		sf = NULL;
	} else {
		snprintf(who, sizeof(who), "fd %d", rec->fd);
		sf = ckpt_file_stage(ctx, rec->file_objref, who);
		if (IS_ERR(sf))
			return PTR_ERR(sf);
		err = ckpt_shmem_check_handle(ctx, sf, who);
		if (!err)
			err = fd_check_size(ctx, rec->fd, sf);
		if (err)
			return err;
		fd_check_image(ctx, rec->fd, sf);
		file = sf->file;
	}
	sfd->fd = rec->fd;
	sfd->flags = rec->flags;
	sfd->file = get_file(file);
	sfd->sf = sf;
	return 0;
}

/* With what has come, not with what is announced. */
static int fds_room(struct ckpt_ctx *ctx, struct staged_files *st, u32 nr)
{
	u32 room = min(nr, max(st->room * 2, FIRST_ROOM));
	struct staged_fd *fds;

	if (st->nr < st->room)
		return 0;
	fds = kvmalloc_array(room, sizeof(*fds), GFP_KERNEL_ACCOUNT);
	if (!fds)
		return ckpt_fail(ctx, -ENOMEM, "files", "out of memory");
	if (st->nr)
		memcpy(fds, st->fds, st->nr * sizeof(*fds));
	kvfree(st->fds);
	st->fds = fds;
	st->room = room;
	return 0;
}

static int files_restore_fds(struct ckpt_ctx *ctx, struct staged_files *st,
			     u32 nr, unsigned int limit)
{
	const struct ckpt_hdr_fd *rec;
	const struct ckpt_hdr *h;
	int err, last = -1;

	while (st->nr < nr) {
		h = ckpt_in_expect(ctx, CKPT_HDR_FD);
		if (IS_ERR(h))
			return PTR_ERR(h);
		rec = (const void *)h;
		if (rec->fd <= last)
			return ckpt_fail(ctx, -EINVAL, "files",
					 "fd %d stands behind fd %d", rec->fd,
					 last);
		last = rec->fd;
		err = fd_check_limit(ctx, rec->fd, limit);
		if (!err)
			err = fds_room(ctx, st, nr);
		if (!err)
			err = fd_restore(ctx, rec, &st->fds[st->nr]);
		if (err)
			return err;
		st->nr++;
		cond_resched();
	}
	return 0;
}

static int files_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_files *rec = (const void *)h;
	unsigned int limit = fd_limit();
	int err, objref = rec->objref;
	u32 nr = rec->nr_fds;
	struct staged_files *st;

	if (nr > CKPT_FDS_MAX)
		return ckpt_fail(ctx, -EINVAL, "files", "%u descriptors", nr);
	/* they have different numbers */
	err = nr ? fd_check_limit(ctx, nr - 1, limit) : 0;
	if (err)
		return err;
	st = kzalloc(sizeof(*st), GFP_KERNEL_ACCOUNT);
	if (!st)
		return ckpt_fail(ctx, -ENOMEM, "files", "out of memory");
	err = files_restore_fds(ctx, st, nr, limit);
	if (!err)
		err = ckpt_obj_insert(ctx, objref, CKPT_OBJ_FILES, st);
	if (err)
		files_unstage(st);
	return err;
}

/* ---- commit ---------------------------------------------------------------- */

/* The limits of the image are put in place after the descriptors. */
static void raise_soft_limit(unsigned int nr)
{
	struct rlimit *lim = &current->signal->rlim[RLIMIT_NOFILE];

	task_lock(current->group_leader);
	if (lim->rlim_cur < nr)
		lim->rlim_cur = nr;
	task_unlock(current->group_leader);
}

static int files_install(struct ckpt_ctx *ctx, struct staged_files *st)
{
	struct staged_fd *sfd;
	u32 i;
	int err;

	if (st->nr)
		raise_soft_limit(st->fds[st->nr - 1].fd + 1);
	/* the highest first: so the table grows once */
	for (i = st->nr; i-- > 0;) {
		sfd = &st->fds[i];
		err = K(replace_fd)(sfd->fd, sfd->file,
				    sfd->flags & CKPT_FD_CLOEXEC ? O_CLOEXEC :
								   0);
		if (err < 0)
			return ckpt_fail(ctx, err, "files",
					 "fd %d cannot be installed", sfd->fd);
		cond_resched();
	}
	return 0;
}

/*
 * What needs a descriptor, once for a FILE.  Tasks with different tables may
 * meet here; nobody goes on before the last one is through with its table.
 */
static int fd_finish(struct ckpt_ctx *ctx, const struct staged_fd *sfd)
{
	struct ckpt_staged_file *sf = sfd->sf;
	long ret;

	if (!sf || atomic_xchg(&sf->committed, 1))
		return 0;
	if (sf->rec.kind == CKPT_FILE_FIFO) {
		ret = ckpt_fifo_commit(ctx, sf);
		if (ret)
			return ret;
	}
	if (sf->truncate) {
		ret = ckpt_syscall(__NR_ftruncate, sfd->fd, sf->rec.size, 0, 0,
				   0, 0);
		if (ret)
			return ckpt_fail(ctx, ret, "files",
					 "fd %d: %s cannot be cut to %llu bytes",
					 sfd->fd, sf->path, sf->rec.size);
	}
	if (sf->rec.f_flags & FASYNC) {
		ret = ckpt_syscall(__NR_fcntl, sfd->fd, F_SETFL,
				   sf->rec.f_flags, 0, 0, 0);
		if (ret)
			return ckpt_fail(ctx, ret, "files",
					 "fd %d: O_ASYNC cannot be set",
					 sfd->fd);
	}
	return 0;
}

/**
 * ckpt_files_commit() - give the current task its descriptors
 * @ctx: restart, past the point of no return
 * @staged: staged table
 *
 * Closes everything that the task has open; the operation must hold the files
 * that it needs.
 *
 * Context: in the restarting task with the caller's credentials.
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_files_commit(struct ckpt_ctx *ctx, void *staged)
{
	struct staged_files *st = staged;
	long ret;
	int err;
	u32 i;

	ret = ckpt_syscall(__NR_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE, 0, 0,
			   0);
	if (ret)
		return ckpt_fail(ctx, ret, "files",
				 "the old descriptors cannot be closed");
	err = files_install(ctx, st);
	for (i = 0; !err && i < st->nr; i++)
		err = fd_finish(ctx, &st->fds[i]);
	if (!err) {
		st->live = current->files;
		atomic_inc(&st->live->count);
	}
	return err;
}

/**
 * ckpt_files_adopt() - share the owner's table
 * @ctx: restart, past the point of no return; the owner has committed it
 * @staged: staged table
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_files_adopt(struct ckpt_ctx *ctx, void *staged)
{
	struct files_struct *files = ((struct staged_files *)staged)->live;

	if (!files)
		return ckpt_fail(ctx, -EINVAL, "files", "nobody owns them");
	atomic_inc(&files->count);
	task_lock(current);
	swap(current->files, files);
	task_unlock(current);
	K(put_files_struct)(files);
	return 0;
}

const struct ckpt_obj_ops ckpt_files_ops = {
	.name = "files",
	.grab = files_grab,
	.drop = files_drop,
	.collect = files_collect,
	.save = files_save,
	.restore = files_restore,
	.unstage = files_unstage,
};
