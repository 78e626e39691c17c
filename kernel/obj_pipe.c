// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous pipes.
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
 * Refused: notification pipes; a pipe with more than one open file for one of
 * its ends (opened again through /proc/PID/fd), unless it is external; buffers
 * larger than a page; at restart, a capacity that the caller may not have.
 * Not kept: owner, mode and times of the pipe's inode.
 *
 * Locking: pipe_lock() is taken alone; pipes_lock protects the table of pipes
 * and nests outside of nothing.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>
#include "ksym.h"
#include "obj_file.h"

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
 * A pipe during a restart: [0] is read from, [1] written to; NULL when its
 * FILE has taken it.
 */
struct staged_pipe {
	struct file *end[2];
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

/* References to @file that are not descriptors of the tasks. */
static unsigned int own_refs(struct ckpt_ctx *ctx, struct file *file)
{
	return 1 /* the objhash */ + (file == ctx->out.file) +
	       (file == ctx->logfile);
}

static bool looks_inside(struct ckpt_ctx *ctx, struct live_pipe *lp)
{
	struct pipe_inode_info *pipe = lp->inode->i_pipe;
	unsigned int i, files, held;

	pipe_lock(pipe);
	files = pipe->files;
	pipe_unlock(pipe);
	if (files != lp->nr_files)
		return false;
	for (i = 0; i < lp->nr_files; i++) {
		held = ckpt_obj_users(ctx, lp->file[i]) +
		       own_refs(ctx, lp->file[i]);
		if (file_count(lp->file[i]) > held)
			return false;
	}
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

static int check_one_file_per_end(struct ckpt_ctx *ctx, struct live_pipe *lp,
				  const char *who)
{
	fmode_t seen = 0, mode;
	unsigned int i;

	for (i = 0; i < lp->nr_files; i++) {
		mode = lp->file[i]->f_mode & (FMODE_READ | FMODE_WRITE);
		if (mode & seen || mode == (FMODE_READ | FMODE_WRITE))
			return ckpt_refuse(ctx, who,
					   "pipe:[%lu], an end of which was opened again,",
					   lp->inode->i_ino);
		seen |= mode;
	}
	return 0;
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
	if (pipe_decide(ctx, lp) == PIPE_INSIDE) {
		ret = check_one_file_per_end(ctx, lp, who);
		if (!ret)
			ret = ckpt_obj_save(ctx, lp, CKPT_OBJ_PIPE);
	}
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
	struct file *logfile = ctx->logfile;
	int err;

	/* the log may be this very pipe: tell it when the lock is free */
	ctx->logfile = NULL;
	pipe_lock(lp->inode->i_pipe);
	err = pipe_save_locked(ctx, lp->inode->i_pipe, objref);
	pipe_unlock(lp->inode->i_pipe);
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
		if (sp->end[i])
			fput(sp->end[i]);
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

static int buf_restore(struct ckpt_ctx *ctx, struct file *file)
{
	const struct ckpt_hdr_pipe_buf *rec;
	const struct ckpt_hdr *h;
	ssize_t n;

	h = ckpt_in_expect(ctx, CKPT_HDR_PIPE_BUF);
	if (IS_ERR(h))
		return PTR_ERR(h);
	rec = (const void *)h;
	if (!rec->len || rec->len > PAGE_SIZE ||
	    rec->len > h->len - sizeof(*rec))
		return ckpt_fail(ctx, -EINVAL, "pipe", "bad buffer length %u",
				 rec->len);
	if (rec->flags & CKPT_PIPE_BUF_PACKET)
		pipe_seal(file);
	write_end_set_packets(file, rec->flags & CKPT_PIPE_BUF_PACKET);
	/* does not wait: the file is O_NONBLOCK */
	n = kernel_write(file, rec->data, rec->len, NULL);
	if (n != rec->len)
		return ckpt_fail(ctx, n < 0 ? n : -ENOSPC, "pipe",
				 "%u bytes cannot be put back", rec->len);
	return 0;
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
	err = pipe_fill(ctx, sp, capacity, nr_bufs);
	if (!err)
		err = ckpt_obj_insert(ctx, objref, CKPT_OBJ_PIPE, sp);
	if (err)
		pipe_unstage(sp);
	return err;
}

/**
 * ckpt_pipe_take_end() - one end of a staged pipe, for its FILE
 * @ctx: restart
 * @objref: of the pipe
 * @write: the end that is written to
 * @who: "fd 3", for messages
 *
 * An end that no FILE takes is closed when the restart ends.
 *
 * Return: open file, the caller's from now on, or an ERR_PTR() of an
 * error that has been reported.
 */
struct file *ckpt_pipe_take_end(struct ckpt_ctx *ctx, int objref, bool write,
				const char *who)
{
	struct staged_pipe *sp = ckpt_obj_fetch(ctx, objref, CKPT_OBJ_PIPE);
	struct file *file;
	int err;

	if (IS_ERR(sp))
		return ERR_CAST(sp);
	file = sp->end[write];
	if (!file) {
		err = ckpt_fail(ctx, -EINVAL, who,
				"two open files for one end of pipe %d",
				objref);
		return ERR_PTR(err);
	}
	sp->end[write] = NULL;
	return file;
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
