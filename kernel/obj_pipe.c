// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes, anonymous ones and FIFOs.
 *
 * Captured: the unread data, buffer by buffer with the boundaries of packets
 * (O_DIRECT), data spliced from files included; the capacity; which of the two
 * ends are open.  The ends themselves are FILEs.
 *
 * A pipe is in the image only when nobody outside of the tasks has a part in
 * it: every open file of the pipe has been collected, and none of them is held
 * by anyone else.  Else its ends are CKPT_FILE_EXTERNAL and its data stays
 * where it is.  That is known when all tasks have been collected, so it is
 * decided when the first end is saved, once for both.  A reader of /proc may
 * hold an open file for a moment: a pipe that looks shared is looked at again
 * a few times before it counts as external.
 *
 * An end may have been opened more than once: a FIFO by its path, an anonymous
 * pipe through /proc/PID/fd.  At restart the first FILE of an end takes the one
 * that came with the pipe, others open it again.
 *
 * A FIFO is opened by its path with the caller's rights; meanwhile an open file
 * of the operation's own keeps it from waiting for a partner.  What was in it
 * waits in a pipe until the commit, and is put back once.
 *
 * Refused: notification pipes; buffers larger than a page; at restart, a
 * capacity that the caller may not have, a FIFO that someone else has written
 * to, contents of one that the caller may not write to.
 * Not kept: owner, mode and times of the pipe's inode.
 *
 * Locking: pipe->mutex is taken alone, or i_lock; pipes_lock protects the table of pipes
 * and nests outside of nothing.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/namei.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>
#include "compat/file.h"
#include "ksym.h"
#include "obj_file.h"
#include "tree.h"

#define LOOKS 5 /* before a pipe counts as shared with the outside */
#define LOOK_PAUSE_US 50

enum pipe_verdict { PIPE_UNDECIDED, PIPE_INSIDE, PIPE_OUTSIDE };

/*
 * A pipe during a checkpoint, the PIPE object of the objhash.
 * @file: its open files that were collected, held by the objhash
 */
struct live_pipe {
	struct hlist_node node;
	refcount_t refs;
	struct ckpt_ctx *ctx;
	struct inode *inode; /* held */
	enum pipe_verdict verdict;
	unsigned int nr_files;
	struct file **file;
};

/*
 * A pipe during a restart.
 * @end: [0] is read from, [1] written to
 * @taken: a FILE has it
 * @fifo: the FIFO that it stands for, open for both; then @end are nobody's
 * @capacity: bytes
 * @moved: a task has put, or puts, its contents into the FIFO
 */
struct staged_pipe {
	struct file *end[2];
	bool taken[2];
	struct file *fifo;
	u32 capacity;
	atomic_t moved;
};

static DEFINE_MUTEX(pipes_lock); /* protects pipes */
static DEFINE_HASHTABLE(pipes, 8); /* of all operations, by inode */

/* ---- which pipes are inside ----------------------------------------------- */

static void live_pipe_get(void *ptr)
{
	struct live_pipe *lp = ptr;

	refcount_inc(&lp->refs);
}

static void live_pipe_put(void *ptr)
{
	struct live_pipe *lp = ptr;

	if (!refcount_dec_and_mutex_lock(&lp->refs, &pipes_lock))
		return;
	hash_del(&lp->node);
	mutex_unlock(&pipes_lock);
	iput(lp->inode);
	kvfree(lp->file);
	kfree(lp);
}

static struct live_pipe *live_pipe_find(struct ckpt_ctx *ctx,
					struct inode *inode)
{
	struct live_pipe *lp;

	guard(mutex)(&pipes_lock);
	hash_for_each_possible(pipes, lp, node, (unsigned long)inode) {
		if (lp->ctx == ctx && lp->inode == inode) {
			refcount_inc(&lp->refs);
			return lp;
		}
	}
	return NULL;
}

static struct live_pipe *live_pipe_new(struct ckpt_ctx *ctx,
				       struct inode *inode)
{
	struct live_pipe *lp = kzalloc(sizeof(*lp), GFP_KERNEL_ACCOUNT);

	if (!lp)
		return NULL;
	refcount_set(&lp->refs, 1);
	lp->ctx = ctx;
	ihold(inode);
	lp->inode = inode;
	guard(mutex)(&pipes_lock);
	hash_add(pipes, &lp->node, (unsigned long)inode);
	return lp;
}

static int live_pipe_add_file(struct ckpt_ctx *ctx, struct live_pipe *lp,
			      struct file *file)
{
	struct file **grown;

	/* room for a power of two of them */
	if (!lp->nr_files || is_power_of_2(lp->nr_files)) {
		grown = kvcalloc(lp->nr_files ? lp->nr_files * 2 : 2,
				 sizeof(*grown), GFP_KERNEL_ACCOUNT);
		if (!grown)
			return ckpt_fail(ctx, -ENOMEM, "pipe", "out of memory");
		if (lp->nr_files)
			memcpy(grown, lp->file, lp->nr_files * sizeof(*grown));
		kvfree(lp->file);
		lp->file = grown;
	}
	lp->file[lp->nr_files++] = file;
	return 0;
}

/**
 * ckpt_pipe_collect_end() - note an open file of an anonymous pipe
 * @ctx: checkpoint
 * @file: open file, called for once; the objhash holds it
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_pipe_collect_end(struct ckpt_ctx *ctx, struct file *file)
{
	struct inode *inode = file_inode(file);
	struct live_pipe *lp = live_pipe_find(ctx, inode);
	int err;

	if (!lp)
		lp = live_pipe_new(ctx, inode);
	if (!lp)
		return ckpt_fail(ctx, -ENOMEM, "pipe", "out of memory");
	err = live_pipe_add_file(ctx, lp, file);
	if (!err)
		err = ckpt_obj_collect(ctx, lp, CKPT_OBJ_PIPE);
	live_pipe_put(lp);
	return err < 0 ? err : 0;
}

static bool looks_inside(struct ckpt_ctx *ctx, struct live_pipe *lp)
{
	unsigned int i, files;

	spin_lock(&lp->inode->i_lock);
	files = lp->inode->i_pipe->files;
	spin_unlock(&lp->inode->i_lock);
	if (files != lp->nr_files)
		return false;
	for (i = 0; i < lp->nr_files; i++)
		if (ckpt_file_users(ctx, lp->file[i]) >
		    ckpt_obj_users(ctx, lp->file[i]))
			return false;
	return true;
}

static enum pipe_verdict pipe_decide(struct ckpt_ctx *ctx, struct live_pipe *lp)
{
	int look;

	if (lp->verdict)
		return lp->verdict;
	lp->verdict = PIPE_OUTSIDE;
	for (look = 0; look < LOOKS; look++) {
		if (look)
			usleep_range(LOOK_PAUSE_US, 2 * LOOK_PAUSE_US);
		if (looks_inside(ctx, lp)) {
			lp->verdict = PIPE_INSIDE;
			break;
		}
	}
	return lp->verdict;
}

/* In a container no pipe may lead outside; a subtree's are external then. */
static int pipe_leak(struct ckpt_ctx *ctx, struct live_pipe *lp,
		     const char *who)
{
	unsigned int i, inside = 0, users = 0;
	char what[64];

	if (ctx->flags & CHECKPOINT_SUBTREE)
		return 0;
	users = READ_ONCE(lp->inode->i_pipe->files) - lp->nr_files;
	for (i = 0; i < lp->nr_files; i++) {
		inside += ckpt_obj_users(ctx, lp->file[i]);
		users += ckpt_file_users(ctx, lp->file[i]);
	}
	snprintf(what, sizeof(what), "%s (pipe:[%lu])", who, lp->inode->i_ino);
	return ckpt_leak(ctx, what, inside, users);
}

/**
 * ckpt_pipe_save_end() - save the pipe of one of its ends
 * @ctx: checkpoint
 * @file: collected open file of the pipe
 * @who: "fd 3", for messages
 *
 * Return: objref of the pipe, 0 if the pipe is not the tasks' alone, or a
 * negative errno that has been reported.
 */
int ckpt_pipe_save_end(struct ckpt_ctx *ctx, struct file *file, const char *who)
{
	struct live_pipe *lp = live_pipe_find(ctx, file_inode(file));
	int ret = 0;

	if (!lp)
		return ckpt_fail(ctx, -EBUSY, who,
				 "the pipe was opened during the checkpoint");
	if (pipe_decide(ctx, lp) == PIPE_INSIDE)
		ret = ckpt_obj_save(ctx, lp, CKPT_OBJ_PIPE);
	else
		ret = pipe_leak(ctx, lp, who);
	live_pipe_put(lp);
	return ret;
}

/* ---- save ------------------------------------------------------------------ */

static int pipe_collect(struct ckpt_ctx *ctx, void *ptr)
{
	struct live_pipe *lp = ptr;

	if (pipe_has_watch_queue(lp->inode->i_pipe))
		return ckpt_refuse(ctx, "pipe", "notification pipe:[%lu]",
				   lp->inode->i_ino);
	return 0;
}

static struct pipe_buffer *pipe_slot(struct pipe_inode_info *pipe,
				     unsigned int slot)
{
	return &pipe->bufs[slot & (pipe->ring_size - 1)];
}

static int buf_save(struct ckpt_ctx *ctx, struct pipe_inode_info *pipe,
		    struct pipe_buffer *buf)
{
	struct ckpt_hdr_pipe_buf *rec;
	int err;

	if (buf->offset > PAGE_SIZE || buf->len > PAGE_SIZE - buf->offset)
		return ckpt_refuse(ctx, "pipe", "a buffer larger than a page");
	err = pipe_buf_confirm(pipe, buf);
	if (err)
		return ckpt_fail(ctx, err, "pipe",
				 "spliced data cannot be read");
	rec = ckpt_out_rec(ctx, CKPT_HDR_PIPE_BUF,
			   sizeof(*rec) + ALIGN(buf->len, 8));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->len = buf->len;
	if (buf->flags & PIPE_BUF_FLAG_PACKET)
		rec->flags |= CKPT_PIPE_BUF_PACKET;
	memcpy_from_page((char *)rec->data, buf->page, buf->offset, buf->len);
	return 0;
}

static int pipe_save_locked(struct ckpt_ctx *ctx, struct pipe_inode_info *pipe,
			    int objref)
{
	struct ckpt_hdr_pipe *rec;
	unsigned int slot;
	u32 nr = 0;
	int err;

	/* a write that faulted can leave an empty buffer behind */
	for (slot = pipe->tail; slot != pipe->head; slot++)
		nr += pipe_slot(pipe, slot)->len != 0;
	rec = ckpt_out_rec(ctx, CKPT_HDR_PIPE, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->capacity = pipe->max_usage * PAGE_SIZE;
	rec->nr_bufs = nr;
	for (slot = pipe->tail; slot != pipe->head; slot++) {
		if (!pipe_slot(pipe, slot)->len)
			continue;
		err = buf_save(ctx, pipe, pipe_slot(pipe, slot));
		if (err)
			return err;
	}
	return 0;
}

static int pipe_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct live_pipe *lp = ptr;
	struct pipe_inode_info *pipe = lp->inode->i_pipe;
	struct file *logfile = ctx->logfile;
	int err;

	/* who writes to it may take as long as a page fault of his does */
	if (mutex_lock_killable_nested(&pipe->mutex, I_MUTEX_PARENT))
		return ckpt_fail(ctx, -EINTR, "pipe", "interrupted");
	/* the log may be this very pipe: tell it when the lock is free */
	ctx->logfile = NULL;
	err = pipe_save_locked(ctx, pipe, objref);
	pipe_unlock(pipe);
	ctx->logfile = logfile;
	if (err)
		ckpt_log(ctx, "%s", ctx->errmsg);
	return err;
}

/* ---- restore --------------------------------------------------------------- */

static void pipe_unstage(void *ptr)
{
	struct staged_pipe *sp = ptr;

	int i;

	for (i = 0; i < ARRAY_SIZE(sp->end); i++)
		fput(sp->end[i]);
	if (sp->fifo)
		fput(sp->fifo);
	kfree(sp);
}

static void write_end_set_packets(struct file *file, bool packets)
{
	spin_lock(&file->f_lock);
	if (packets)
		file->f_flags |= O_DIRECT;
	else
		file->f_flags &= ~O_DIRECT;
	spin_unlock(&file->f_lock);
}

/* What is written next is not to be merged into the last buffer. */
static void pipe_seal(struct file *file)
{
	struct pipe_inode_info *pipe = file_inode(file)->i_pipe;

	pipe_lock(pipe);
	if (pipe->head != pipe->tail)
		pipe_slot(pipe, pipe->head - 1)->flags &=
			~PIPE_BUF_FLAG_CAN_MERGE;
	pipe_unlock(pipe);
}

/* Does not wait: the file is O_NONBLOCK. */
static int buf_write(struct ckpt_ctx *ctx, struct file *file, const void *data,
		     u32 len, bool packet)
{
	ssize_t n;

	if (packet)
		pipe_seal(file);
	write_end_set_packets(file, packet);
	n = kernel_write(file, data, len, NULL);
	if (n == len)
		return 0;
	return ckpt_fail(ctx, n < 0 ? n : -ENOSPC, "pipe",
			 "%u bytes cannot be put back", len);
}

static int buf_restore(struct ckpt_ctx *ctx, struct file *file)
{
	const struct ckpt_hdr_pipe_buf *rec;
	const struct ckpt_hdr *h;

	h = ckpt_in_expect(ctx, CKPT_HDR_PIPE_BUF);
	if (IS_ERR(h))
		return PTR_ERR(h);
	rec = (const void *)h;
	if (!rec->len || rec->len > PAGE_SIZE ||
	    rec->len > h->len - sizeof(*rec))
		return ckpt_fail(ctx, -EINVAL, "pipe", "bad buffer length %u",
				 rec->len);
	return buf_write(ctx, file, rec->data, rec->len,
			 rec->flags & CKPT_PIPE_BUF_PACKET);
}

static int pipe_set_capacity(struct ckpt_ctx *ctx, struct file *file,
			     u32 capacity)
{
	long ret = K(pipe_fcntl)(file, F_GETPIPE_SZ, 0);

	if (ret == capacity)
		return 0;
	ret = K(pipe_fcntl)(file, F_SETPIPE_SZ, capacity);
	if (ret == capacity)
		return 0;
	if (ret == -EPERM)
		return ckpt_fail(ctx, -EPERM, "pipe",
				 "a capacity of %u bytes is more than the caller may have (see /proc/sys/fs/pipe-max-size, pipe-user-pages-soft)",
				 capacity);
	return ckpt_fail(ctx, ret < 0 ? ret : -EINVAL, "pipe",
			 "the capacity cannot be set to %u bytes", capacity);
}

static int pipe_fill(struct ckpt_ctx *ctx, struct staged_pipe *sp, u32 capacity,
		     u32 nr_bufs)
{
	int err = pipe_set_capacity(ctx, sp->end[1], capacity);

	while (!err && nr_bufs--) {
		err = buf_restore(ctx, sp->end[1]);
		cond_resched();
	}
	return err;
}

static int pipe_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_pipe *rec = (const void *)h;
	u32 capacity = rec->capacity, nr_bufs = rec->nr_bufs;
	int err, objref = rec->objref;
	struct staged_pipe *sp;

	if (!is_power_of_2(capacity) || capacity < PAGE_SIZE ||
	    nr_bufs > capacity / PAGE_SIZE)
		return ckpt_fail(ctx, -EINVAL, "pipe",
				 "%u buffers in a capacity of %u bytes",
				 nr_bufs, capacity);
	sp = kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT);
	if (!sp)
		return ckpt_fail(ctx, -ENOMEM, "pipe", "out of memory");
	err = K(create_pipe_files)(sp->end, O_NONBLOCK);
	if (err) {
		kfree(sp);
		return ckpt_fail(ctx, err, "pipe", "cannot make a pipe");
	}
	sp->capacity = capacity;
	err = pipe_fill(ctx, sp, capacity, nr_bufs);
	if (!err)
		err = ckpt_obj_insert(ctx, objref, CKPT_OBJ_PIPE, sp);
	if (err)
		pipe_unstage(sp);
	return err;
}

/* Which end is meant, -1: both. */
static int end_of_mode(u32 f_mode)
{
	switch (f_mode & (CKPT_FMODE_READ | CKPT_FMODE_WRITE)) {
	case CKPT_FMODE_READ:
		return 0;
	case CKPT_FMODE_WRITE:
		return 1;
	default:
		return -1;
	}
}

/**
 * ckpt_pipe_take_end() - one end of a staged pipe, for its FILE
 * @ctx: restart
 * @rec: record of the FILE, its objref not trusted
 * @who: "fd 3", for messages
 *
 * An end that no FILE takes is closed when the restart ends.
 *
 * Return: open file, the caller's from now on, or an ERR_PTR() of an
 * error that has been reported.
 */
struct file *ckpt_pipe_take_end(struct ckpt_ctx *ctx,
				const struct ckpt_hdr_file *rec,
				const char *who)
{
	struct staged_pipe *sp;
	int end = end_of_mode(rec->f_mode);
	struct file *file;

	sp = ckpt_obj_fetch(ctx, rec->obj_objref, CKPT_OBJ_PIPE);
	if (IS_ERR(sp))
		return ERR_CAST(sp);
	if (sp->fifo)
		return ERR_PTR(ckpt_fail(ctx, -EINVAL, who,
					 "pipe %d is a FIFO's",
					 rec->obj_objref));
	/* what open() gives has O_LARGEFILE */
	if (end >= 0 && !sp->taken[end] && !(rec->f_flags & O_LARGEFILE)) {
		sp->taken[end] = true;
		return get_file(sp->end[end]);
	}
	/* never again a FIFO's: @end are known outside now */
	sp->taken[0] = true;
	file = dentry_open(&sp->end[0]->f_path,
			   rec->f_flags &
				   (O_ACCMODE | O_NONBLOCK | O_LARGEFILE),
			   current_cred());
	if (!IS_ERR(file))
		return file;
	return ERR_PTR(ckpt_fail(ctx, PTR_ERR(file), who,
				 "the pipe cannot be opened again"));
}

/* ---- FIFOs ----------------------------------------------------------------- */

/**
 * ckpt_fifo_reader_alone() - has a FIFO's reader met no writer yet?
 * @file: open file of a FIFO
 *
 * poll() does not tell it of an end that it has never seen begin.
 *
 * Return: true if it is open for reading alone, and none came since.
 */
bool ckpt_fifo_reader_alone(struct file *file)
{
	struct pipe_inode_info *pipe = file_inode(file)->i_pipe;

	if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != FMODE_READ)
		return false;
	return *ckpt_file_writers_met(file) == READ_ONCE(pipe->w_counter);
}

static bool file_pipe_empty(const struct file *file)
{
	struct pipe_inode_info *pipe = file_inode(file)->i_pipe;

	return pipe_empty(READ_ONCE(pipe->head), READ_ONCE(pipe->tail));
}

static int fifo_check(struct ckpt_ctx *ctx, const struct staged_pipe *sp,
		      struct file *fifo, const char *path, const char *who)
{
	if (file_pipe_empty(sp->end[0]))
		return 0;
	if (ckpt_path_permission(&fifo->f_path, MAY_WRITE))
		return ckpt_fail(ctx, -EACCES, who,
				 "what was in FIFO %s cannot be put back: you may not write to it",
				 path);
	if (!file_pipe_empty(fifo))
		return ckpt_fail(ctx, -EBUSY, who,
				 "FIFO %s is in use: someone else has written to it",
				 path);
	return 0;
}

/*
 * Nobody gets this open file, but others see that the ends are open: it has those
 * that the caller may open.
 */
static int fifo_flags(const struct path *path)
{
	if (ckpt_path_permission(path, MAY_WRITE))
		return O_RDONLY | O_NONBLOCK;
	if (ckpt_path_permission(path, MAY_READ))
		return O_WRONLY | O_NONBLOCK;
	return O_RDWR | O_NONBLOCK;
}

/*
 * Have it open for both ends, so that each of the image can be opened; or for the
 * one that is wanted, which for writing takes somebody who reads.
 */
static int fifo_keep(struct ckpt_ctx *ctx, struct staged_pipe *sp,
		     const struct ckpt_staged_file *sf, const char *who)
{
	const char *name = sf->path;
	int err, mask = 0;
	struct file *fifo;
	struct path path;

	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		return ckpt_fail(ctx, err, who, "%s cannot be looked up", name);
	if (sf->rec.f_mode & CKPT_FMODE_READ)
		mask |= MAY_READ;
	if (sf->rec.f_mode & CKPT_FMODE_WRITE)
		mask |= MAY_WRITE;
	if (!S_ISFIFO(d_inode(path.dentry)->i_mode))
		err = -EINVAL;
	else
		err = ckpt_path_permission(&path, mask);
	fifo = ERR_PTR(err);
	if (!err)
		fifo = dentry_open(&path, fifo_flags(&path), current_cred());
	path_put(&path);
	if (IS_ERR(fifo))
		return ckpt_fail(ctx, PTR_ERR(fifo), who,
				 "FIFO %s cannot be opened", name);
	err = fifo_check(ctx, sp, fifo, name, who);
	if (!err)
		err = pipe_set_capacity(ctx, fifo, sp->capacity);
	if (err)
		fput(fifo);
	else
		sp->fifo = fifo;
	return err;
}

/**
 * ckpt_fifo_open() - open a FIFO of the image
 * @ctx: restart
 * @sf: its staged FILE, whose path leads to a FIFO
 * @flags: to open it with
 * @who: "fd 3", for messages
 *
 * Return: open file, not blocking, the caller's from now on; or an ERR_PTR()
 * of an error that has been reported.
 */
struct file *ckpt_fifo_open(struct ckpt_ctx *ctx,
			    const struct ckpt_staged_file *sf, u32 flags,
			    const char *who)
{
	struct staged_pipe *sp;
	struct file *file;
	int err = 0;

	sp = ckpt_obj_fetch(ctx, sf->rec.obj_objref, CKPT_OBJ_PIPE);
	if (IS_ERR(sp))
		return ERR_CAST(sp);
	if (sp->taken[0] || sp->taken[1])
		err = ckpt_fail(ctx, -EINVAL, who, "pipe %d is no FIFO's",
				sf->rec.obj_objref);
	else if (!sp->fifo)
		err = fifo_keep(ctx, sp, sf, who);
	if (err)
		return ERR_PTR(err);
	file = filp_open(sf->path, (flags & ~O_DIRECT) | O_NONBLOCK, 0);
	if (IS_ERR(file)) {
		err = ckpt_fail(ctx, PTR_ERR(file), who,
				"FIFO %s cannot be opened for %s", sf->path,
				flags & O_ACCMODE ? "writing" : "reading");
		return ERR_PTR(err);
	}
	if (file_inode(file) == file_inode(sp->fifo))
		return file;
	fput(file);
	err = ckpt_fail(ctx, -ESTALE, who,
			"%s is not the FIFO that it was under another name",
			sf->path);
	return ERR_PTR(err);
}

/* Nobody but the operation has the pipe that they are in. */
static int fifo_move(struct ckpt_ctx *ctx, struct staged_pipe *sp)
{
	struct pipe_inode_info *pipe = file_inode(sp->end[0])->i_pipe;
	struct pipe_buffer *buf;
	unsigned int slot;
	int err = 0;

	for (slot = pipe->tail; !err && slot != pipe->head; slot++) {
		buf = pipe_slot(pipe, slot);
		err = buf_write(ctx, sp->fifo,
				page_address(buf->page) + buf->offset, buf->len,
				buf->flags & PIPE_BUF_FLAG_PACKET);
	}
	return err;
}

/**
 * ckpt_fifo_commit() - give a FIFO its contents back
 * @ctx: restart, past the point of no return
 * @sf: staged FILE of it, open
 *
 * Once for each FILE, maybe in several tasks at once; the first one puts back
 * what was in the FIFO.
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_fifo_commit(struct ckpt_ctx *ctx, const struct ckpt_staged_file *sf)
{
	struct staged_pipe *sp;
	struct pipe_inode_info *pipe = file_inode(sf->file)->i_pipe;
	int err = 0;

	sp = ckpt_obj_fetch(ctx, sf->rec.obj_objref, CKPT_OBJ_PIPE);
	if (IS_ERR(sp))
		return PTR_ERR(sp);
	if (!atomic_xchg(&sp->moved, 1))
		err = fifo_move(ctx, sp);
	if (sf->rec.f_mode & CKPT_FMODE_ALONE)
		*ckpt_file_writers_met(sf->file) = READ_ONCE(pipe->w_counter);
	return err;
}

const struct ckpt_obj_ops ckpt_pipe_ops = {
	.name = "pipe",
	.grab = live_pipe_get,
	.drop = live_pipe_put,
	.collect = pipe_collect,
	.save = pipe_save,
	.restore = pipe_restore,
	.unstage = pipe_unstage,
};
