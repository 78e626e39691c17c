// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records out and in.
 *
 * Out: the save step builds records in memory, in chunks; between them stand
 * marks that say which pages come there.  The stream step then gives every
 * record its checksum, follows the marks (pages.c) and closes the image with
 * the trailer.  So everything that can be refused has been refused before the
 * first byte is written, and the tasks could be thawed in between.
 *
 * In: one record at a time is read, verified (checksum, fields, order) and
 * handed out.  Its memory is used again for the next one.
 *
 * Both ways the stream is only ever read or written forwards; short reads and
 * writes are continued, a signal ends the operation.
 */
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "behind.h"
#include "ckpt.h"
#include "compat/mm.h"
#include "pages.h"
#include "session.h"

#define CHUNK_SIZE (64U << 10)
#define OUT_MAX (256U << 20) /* records of one checkpoint, in memory */
#define MARK_TYPE (-1) /* a mark in a chunk, never in an image */

struct ckpt_chunk {
	struct list_head list;
	size_t used, size;
	u8 data[] __aligned(8);
};

struct out_mark {
	struct ckpt_hdr h;
	struct ckpt_pages_job job;
};

/* ---- out ---- */

static struct ckpt_chunk *chunk_for(struct ckpt_ctx *ctx, size_t len)
{
	struct ckpt_out *out = &ctx->out;
	struct ckpt_chunk *chunk;
	size_t size = max_t(size_t, len, CHUNK_SIZE - sizeof(*chunk));

	if (!list_empty(&out->chunks)) {
		chunk = list_last_entry(&out->chunks, struct ckpt_chunk, list);
		if (chunk->size - chunk->used >= len)
			return chunk;
	}
	if (out->bytes + size > OUT_MAX)
		return NULL;
	chunk = kvzalloc(sizeof(*chunk) + size, GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;
	chunk->size = size;
	out->bytes += size;
	list_add_tail(&chunk->list, &out->chunks);
	return chunk;
}

static void *out_reserve(struct ckpt_ctx *ctx, s32 type, size_t len)
{
	struct ckpt_chunk *chunk;
	struct ckpt_hdr *h;

	len = ALIGN(len, 8);
	if (WARN_ON_ONCE(len > CKPT_REC_MAX))
		return ERR_PTR(ckpt_fail(ctx, -E2BIG, "record",
					 "type %d has %zu bytes", type, len));
	chunk = chunk_for(ctx, len);
	if (!chunk)
		return ERR_PTR(ckpt_fail(ctx, -ENOMEM, "record",
					 "out of memory for the records"));
	h = (struct ckpt_hdr *)(chunk->data + chunk->used);
	chunk->used += len;
	h->type = type;
	h->len = len;
	return h;
}

/**
 * ckpt_out_rec() - begin the next record of the image
 * @ctx: checkpoint
 * @type: type of the record
 * @len: length of its structure and tail in bytes; rounded up to 8
 *
 * Return: the record, zero but for its header, to be filled in; it belongs to
 * the operation.  Or an ERR_PTR() of an error that has been reported.
 */
void *ckpt_out_rec(struct ckpt_ctx *ctx, enum ckpt_hdr_type type, size_t len)
{
	return out_reserve(ctx, type, len);
}

/**
 * ckpt_out_header() - the image's header record
 * @ctx: checkpoint that has begun with it
 *
 * Return: the record, in memory, not written yet.
 */
struct ckpt_hdr_header *ckpt_out_header(struct ckpt_ctx *ctx)
{
	struct ckpt_chunk *chunk = list_first_entry(&ctx->out.chunks,
						    struct ckpt_chunk, list);

	return (struct ckpt_hdr_header *)chunk->data;
}

/**
 * ckpt_out_pages() - the pages of an area come here
 * @ctx: checkpoint
 * @vma: record of the area
 * @mm_objref: objref of its address space
 * @mm: address space to take them from; the objhash holds it
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_pages(struct ckpt_ctx *ctx, const struct ckpt_hdr_vma *vma,
		   int mm_objref, struct mm_struct *mm)
{
	struct out_mark *mark = out_reserve(ctx, MARK_TYPE, sizeof(*mark));

	if (IS_ERR(mark))
		return PTR_ERR(mark);
	mark->job.mm = mm;
	mark->job.mm_objref = mm_objref;
	mark->job.start = vma->start;
	mark->job.end = vma->end;
	mark->job.keep_zero = vma->kind == CKPT_VMA_FILE;
	return 0;
}

/**
 * ckpt_out_shmem() - the pages of shared memory come here
 * @ctx: checkpoint
 * @mapping: its page cache; the objhash holds its owner
 * @size: bytes of it
 * @objref: of the SHMEM
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_shmem(struct ckpt_ctx *ctx, struct address_space *mapping,
		   u64 size, int objref)
{
	struct out_mark *mark = out_reserve(ctx, MARK_TYPE, sizeof(*mark));

	if (IS_ERR(mark))
		return PTR_ERR(mark);
	mark->job.mapping = mapping;
	mark->job.shared = true;
	mark->job.mm_objref = objref;
	mark->job.end = PAGE_ALIGN(size);
	return 0;
}

/**
 * ckpt_out_jobs() - visit the marks of all pages that are to come
 * @ctx: checkpoint, save step over
 * @fn: called for each, in order; may change it; not 0 ends the visit
 *
 * Return: what @fn returned last, or 0.
 */
int ckpt_out_jobs(struct ckpt_ctx *ctx,
		  int (*fn)(struct ckpt_ctx *ctx, struct ckpt_pages_job *job))
{
	struct ckpt_chunk *chunk;
	struct out_mark *mark;
	size_t pos;
	int ret = 0;

	list_for_each_entry(chunk, &ctx->out.chunks, list)
		for (pos = 0; pos < chunk->used && !ret; pos += mark->h.len) {
			mark = (struct out_mark *)(chunk->data + pos);
			if (mark->h.type == MARK_TYPE)
				ret = fn(ctx, &mark->job);
		}
	return ret;
}

/* An error of the image's file, told once. */
static int out_error(struct ckpt_ctx *ctx, ssize_t err)
{
	ctx->out.broken = true;
	switch (err) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -EINTR:
		return ckpt_fail(ctx, -EINTR, "image", "interrupted");
	case -ENOSPC:
	case -EDQUOT:
		return ckpt_fail(ctx, err, "image",
				 "no space left after %llu bytes",
				 ctx->out.written);
	case -EPIPE:
		return ckpt_fail(ctx, err, "image",
				 "the reader has closed the pipe");
	case -EFBIG:
		return ckpt_fail(ctx, err, "image",
				 "larger than a file may be (ulimit -f, the file system) after %llu bytes",
				 ctx->out.written);
	default:
		return ckpt_fail(ctx, err ?: -EIO, "image",
				 "write failed after %llu bytes",
				 ctx->out.written);
	}
}

/*
 * Whether to go on after a write or read gave @n.  A descriptor that doesn't
 * block is waited for in small steps: the caller asked for an image, not for
 * EAGAIN.
 */
static bool io_again(ssize_t n)
{
	if (n != -EAGAIN)
		return false;
	schedule_timeout_interruptible(1);
	return !signal_pending(current);
}

/**
 * ckpt_out_iter() - write what an iterator holds to the image
 * @ctx: checkpoint
 * @iter: source; used up on success
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_iter(struct ckpt_ctx *ctx, struct iov_iter *iter)
{
	struct file *file = ctx->out.file;
	struct iov_iter part;
	ssize_t n;

	while (iov_iter_count(iter)) {
		part = *iter; /* some shorten it, some leave it as it is */
		n = ckpt_iter_write(file, &part, &file->f_pos);
		if (n <= 0) {
			if (io_again(n))
				continue;
			return out_error(ctx, n == -EAGAIN ? -EINTR : n);
		}
		iov_iter_advance(iter, n);
		ctx->out.written += n;
		ckpt_out_behind(ctx);
		ckpt_progress_done(ctx, ctx->out.written);
		if (fatal_signal_pending(current) ||
		    (!ctx->self && signal_pending(current)))
			return out_error(ctx, -EINTR);
	}
	return 0;
}

/**
 * ckpt_out_write() - write bytes to the image
 * @ctx: checkpoint
 * @buf: bytes
 * @len: how many
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_write(struct ckpt_ctx *ctx, const void *buf, size_t len)
{
	struct kvec vec = { .iov_base = (void *)buf, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, len);
	return ckpt_out_iter(ctx, &iter);
}

/**
 * ckpt_out_count() - note a record that is being written
 * @ctx: checkpoint
 * @csum: the record's checksum
 */
void ckpt_out_count(struct ckpt_ctx *ctx, u64 csum)
{
	__le64 le = cpu_to_le64(csum);

	ctx->out.digest = xxh64(&le, sizeof(le), ctx->out.digest);
	ctx->out.nr_records++;
}

static void rec_seal(struct ckpt_ctx *ctx, struct ckpt_hdr *h)
{
	struct ckpt_rec_front *front = (struct ckpt_rec_front *)h;

	front->csum = xxh64(front + 1, h->len - sizeof(*front),
			    ckpt_hdr_seed(h));
	ckpt_out_count(ctx, front->csum);
}

static int stream_chunk(struct ckpt_ctx *ctx, struct ckpt_chunk *chunk)
{
	size_t from = 0, pos = 0;
	int err;

	while (pos < chunk->used) {
		struct ckpt_hdr *h = (struct ckpt_hdr *)(chunk->data + pos);
		struct out_mark *mark = (struct out_mark *)h;

		if (h->type != MARK_TYPE) {
			rec_seal(ctx, h);
			pos += h->len;
			continue;
		}
		err = ckpt_out_write(ctx, chunk->data + from, pos - from);
		if (!err)
			err = ckpt_pages_stream(ctx, &mark->job);
		if (err)
			return err;
		pos += h->len;
		from = pos;
	}
	return ckpt_out_write(ctx, chunk->data + from, pos - from);
}

/**
 * ckpt_out_stream() - write all that was saved, and the pages, to the file
 * @ctx: checkpoint, save step over
 *
 * The trailer is not written: see ckpt_out_trailer().
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_stream(struct ckpt_ctx *ctx)
{
	struct ckpt_chunk *chunk;
	int err;

	list_for_each_entry(chunk, &ctx->out.chunks, list) {
		err = stream_chunk(ctx, chunk);
		if (err)
			return err;
	}
	return 0;
}

/**
 * ckpt_out_trailer() - close a complete image
 * @ctx: checkpoint, everything streamed
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_out_trailer(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr_trailer t = {
		.h = { .type = CKPT_HDR_TRAILER, .len = sizeof(t) },
		.magic = CKPT_MAGIC_TRAILER,
		.nr_records = ctx->out.nr_records,
		.digest = ctx->out.digest,
	};

	rec_seal(ctx, &t.h);
	return ckpt_out_write(ctx, &t, sizeof(t));
}

/**
 * ckpt_out_head_and_error() - close an image that failed with its error record
 * @ctx: checkpoint that has failed; its error stays what it was
 *
 * Before streaming that is the header and the error, nothing else.  The text
 * stands at the very end, behind null characters.
 *
 * Return: 0 or a negative errno.
 */
int ckpt_out_head_and_error(struct ckpt_ctx *ctx)
{
	size_t text = strlen(ctx->errmsg);
	size_t len = ALIGN(sizeof(struct ckpt_hdr_err) + 1 + text, 8);
	struct ckpt_hdr_err *e;
	int err = 0;

	if (ctx->out.broken)
		return 0;
	if (!ctx->out.written && !list_empty(&ctx->out.chunks)) {
		struct ckpt_hdr *h = &ckpt_out_header(ctx)->h;

		rec_seal(ctx, h);
		err = ckpt_out_write(ctx, h, h->len);
		if (err)
			return err;
	}
	e = kzalloc(len, GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	e->h.type = CKPT_HDR_ERR;
	e->h.len = len;
	memcpy((u8 *)e + len - text, ctx->errmsg, text);
	rec_seal(ctx, &e->h);
	err = ckpt_out_write(ctx, e, len);
	kfree(e);
	return err;
}

static int job_free(struct ckpt_ctx *ctx, struct ckpt_pages_job *job)
{
	ckpt_pages_unkeep(job);
	return 0;
}

/**
 * ckpt_out_free() - free the records in memory
 * @ctx: checkpoint
 */
void ckpt_out_free(struct ckpt_ctx *ctx)
{
	struct ckpt_chunk *chunk, *tmp;

	ckpt_out_jobs(ctx, job_free);
	list_for_each_entry_safe(chunk, tmp, &ctx->out.chunks, list)
		kvfree(chunk);
	INIT_LIST_HEAD(&ctx->out.chunks);
	ctx->out.bytes = 0;
}

/* ---- in ---- */

static int in_error(struct ckpt_ctx *ctx, ssize_t err)
{
	switch (err) {
	case 0:
		return ckpt_fail(ctx, -EINVAL, "image",
				 "truncated: it ends at byte %llu",
				 ctx->op->in.pos);
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -EINTR:
		return ckpt_fail(ctx, -EINTR, "image", "interrupted");
	default:
		return ckpt_fail(ctx, err, "image", "read failed at byte %llu",
				 ctx->op->in.pos);
	}
}

/**
 * ckpt_in_iter() - read from the image into what an iterator describes
 * @ctx: restart; the bytes that the caller had read already are used up
 * @iter: destination; filled on success
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_in_iter(struct ckpt_ctx *ctx, struct iov_iter *iter)
{
	struct file *file = ctx->op->in.file;
	struct iov_iter part;
	ssize_t n;

	while (iov_iter_count(iter)) {
		part = *iter;
		n = vfs_iter_read(file, &part, &file->f_pos, 0);
		if (n <= 0) {
			if (io_again(n))
				continue;
			return in_error(ctx, n == -EAGAIN ? -EINTR : n);
		}
		iov_iter_advance(iter, n);
		ctx->op->in.pos += n;
		ckpt_progress_done(ctx, ctx->op->in.pos);
		if (fatal_signal_pending(current))
			return in_error(ctx, -EINTR);
	}
	return 0;
}

/**
 * ckpt_in_apart() - have others read a part of the image, and go on behind it
 * @ctx: restart; the bytes that the caller had read already are used up
 * @len: bytes of the part
 * @pos: set to where it begins in the file
 *
 * Return: the file, the operation's, if it can be read anywhere and has the whole
 * part at the moment.  NULL: the part is to be read here, in order.
 */
struct file *ckpt_in_apart(struct ckpt_ctx *ctx, size_t len, loff_t *pos)
{
	struct file *file = ctx->op->in.file;
	umode_t mode = file_inode(file)->i_mode;
	loff_t size = i_size_read(file->f_mapping->host);
	loff_t from = READ_ONCE(file->f_pos); /* others may seek there */

	if (!(S_ISREG(mode) || S_ISBLK(mode)) ||
	    !(file->f_mode & FMODE_PREAD) || from < 0 || from > size ||
	    size - from < len)
		return NULL;
	*pos = from;
	file->f_pos = from + len;
	ctx->op->in.pos += len;
	ckpt_progress_done(ctx, ctx->op->in.pos);
	return file;
}

/**
 * ckpt_in_read() - read bytes of the image
 * @ctx: restart
 * @buf: where to
 * @len: how many
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_in_read(struct ckpt_ctx *ctx, void *buf, size_t len)
{
	struct ckpt_in *in = &ctx->op->in;
	struct iov_iter iter;
	struct kvec vec;
	size_t n;

	n = min(len, in->head_len - in->head_pos);
	if (n) {
		memcpy(buf, in->head + in->head_pos, n);
		in->head_pos += n;
		in->pos += n;
	}
	vec.iov_base = buf + n;
	vec.iov_len = len - n;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len - n);
	return ckpt_in_iter(ctx, &iter);
}

/**
 * ckpt_in_peek() - type of the next record
 * @ctx: restart
 *
 * Return: CKPT_HDR_*, or a negative errno that has been reported.
 */
int ckpt_in_peek(struct ckpt_ctx *ctx)
{
	struct ckpt_in *in = &ctx->op->in;
	struct ckpt_rec_front front;
	const char *why;
	u64 pos = in->pos;
	int err;

	if (in->have_peeked)
		return in->peeked.type;
	in->rec_pos = pos;
	err = ckpt_in_read(ctx, &front, sizeof(front));
	if (err)
		return err;
	why = ckpt_check_hdr(&front.h);
	if (!pos && (why || front.h.type != CKPT_HDR_HEADER))
		return ckpt_fail(ctx, -EINVAL, "image",
				 "this is not a checkpoint image");
	if (why)
		return ckpt_fail(ctx, -EINVAL, "image", "not valid: %s", why);
	in->peeked = front.h;
	in->peeked_csum = front.csum;
	in->have_peeked = true;
	return front.h.type;
}

static int in_room(struct ckpt_ctx *ctx, size_t len)
{
	struct ckpt_in *in = &ctx->op->in;
	size_t size = max_t(size_t, roundup_pow_of_two(len), PAGE_SIZE);

	if (in->rec_size >= len)
		return 0;
	kvfree(in->rec);
	in->rec_size = 0;
	in->rec = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!in->rec)
		return ckpt_fail(ctx, -ENOMEM, "image",
				 "out of memory for a record of %zu bytes",
				 len);
	in->rec_size = size;
	return 0;
}

static int in_checked(struct ckpt_ctx *ctx)
{
	struct ckpt_hdr *rec = ctx->op->in.rec;
	const char *why;

	why = ckpt_check_rec(rec);
	if (!why)
		why = ckpt_seq_next(&ctx->op->in.seq, rec);
	if (why)
		return ckpt_fail(ctx, -EINVAL, "image", "not valid: %s", why);
	return 0;
}

static void in_digest(struct ckpt_in *in, u64 csum)
{
	__le64 le = cpu_to_le64(csum);

	in->digest = xxh64(&le, sizeof(le), in->digest);
}

/*
 * Pages do not fit into memory: read the ranges, leave the rest to pages.c,
 * which ends with ckpt_in_pages_count().
 */
static int in_pgarr(struct ckpt_ctx *ctx)
{
	struct ckpt_in *in = &ctx->op->in;
	struct ckpt_hdr_pgarr *p = (struct ckpt_hdr_pgarr *)in->rec;
	/* with its first range, mostly its only one */
	size_t fixed = struct_size(p, range, 1) - sizeof(struct ckpt_rec_front);
	const char *why;
	int err;

	err = in_room(ctx, struct_size(p, range, CKPT_RUN_PAGES));
	if (err)
		return err;
	p = (struct ckpt_hdr_pgarr *)in->rec;
	p->h = in->peeked;
	p->csum = in->peeked_csum;
	err = ckpt_in_read(ctx, &p->mm_objref, fixed);
	if (err)
		return err;
	why = ckpt_check_pgarr_head(p);
	if (why)
		return ckpt_fail(ctx, -EINVAL, "image", "not valid: %s", why);
	err = ckpt_in_read(ctx, p->range + 1,
			   (p->nr_ranges - 1) * sizeof(*p->range));
	if (err)
		return err;
	xxh64_reset(&in->hash, ckpt_hdr_seed(&p->h));
	xxh64_update(&in->hash, &p->mm_objref,
		     fixed + (p->nr_ranges - 1) * sizeof(*p->range));
	return in_checked(ctx);
}

/**
 * ckpt_in_pages_count() - the contents of a run of pages have been read
 * @ctx: restart
 * @sum: set to the checksum of the record up to them
 *
 * The caller verifies the record, sooner or later.
 */
void ckpt_in_pages_count(struct ckpt_ctx *ctx, struct xxh64_state *sum)
{
	struct ckpt_rec_front *front = (struct ckpt_rec_front *)ctx->op->in.rec;

	*sum = ctx->op->in.hash;
	in_digest(&ctx->op->in, front->csum);
}

static int in_plain(struct ckpt_ctx *ctx)
{
	struct ckpt_in *in = &ctx->op->in;
	struct ckpt_rec_front *front;
	size_t len = in->peeked.len - sizeof(*front);
	int err;

	err = in_room(ctx, in->peeked.len);
	if (err)
		return err;
	front = (struct ckpt_rec_front *)in->rec;
	front->h = in->peeked;
	front->csum = in->peeked_csum;
	err = ckpt_in_read(ctx, front + 1, len);
	if (err)
		return err;
	if (xxh64(front + 1, len, ckpt_hdr_seed(&front->h)) != front->csum)
		return ckpt_fail(ctx, -EBADMSG, "image",
				 "damaged: wrong checksum of a %s record",
				 ckpt_rec_name(front->h.type));
	err = in_checked(ctx);
	if (err)
		return err;
	if (front->h.type != CKPT_HDR_TRAILER)
		in_digest(in, front->csum);
	return 0;
}

static int in_trailer(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr_trailer *t = (void *)ctx->op->in.rec;

	if (t->digest == ctx->op->in.digest)
		return 0;
	return ckpt_fail(ctx, -EBADMSG, "image",
			 "damaged: records are missing or moved");
}

/**
 * ckpt_in_rec() - next record, verified
 * @ctx: restart
 *
 * Of a CKPT_HDR_PGARR only the ranges; its pages are read next.
 *
 * Return: the record, valid until the next one is read, or an ERR_PTR() of an
 * error that has been reported.  An error record of the image is an error.
 */
const struct ckpt_hdr *ckpt_in_rec(struct ckpt_ctx *ctx)
{
	struct ckpt_in *in = &ctx->op->in;
	int type, err;

	if (fatal_signal_pending(current))
		return ERR_PTR(in_error(ctx, -EINTR));
	type = ckpt_in_peek(ctx);
	if (type < 0)
		return ERR_PTR(type);
	err = type == CKPT_HDR_PGARR ? in_pgarr(ctx) : in_plain(ctx);
	if (err)
		return ERR_PTR(err);
	in->have_peeked = false;
	if (type == CKPT_HDR_TRAILER) {
		err = in_trailer(ctx);
		if (err)
			return ERR_PTR(err);
	}
	if (type == CKPT_HDR_ERR) {
		const struct ckpt_hdr_err *e = (void *)in->rec;
		int len = in->rec->len - sizeof(*e);
		int nul = strnlen(e->text, len);

		while (nul < len && !e->text[nul])
			nul++;
		return ERR_PTR(ckpt_fail(ctx, -ENODATA, "image",
					 "the checkpoint had failed: %.*s",
					 len - nul, e->text + nul));
	}
	return in->rec;
}

/**
 * ckpt_in_expect() - next record, which must be of one type
 * @ctx: restart
 * @type: CKPT_HDR_*
 *
 * Return: as ckpt_in_rec().
 */
const struct ckpt_hdr *ckpt_in_expect(struct ckpt_ctx *ctx,
				      enum ckpt_hdr_type type)
{
	const struct ckpt_hdr *rec = ckpt_in_rec(ctx);

	if (IS_ERR(rec) || rec->type == type)
		return rec;
	return ERR_PTR(ckpt_fail(ctx, -EINVAL, "image",
				 "a %s record where a %s record belongs",
				 ckpt_rec_name(rec->type),
				 ckpt_rec_name(type)));
}

/**
 * ckpt_in_free() - free the reader's memory
 * @ctx: restart
 */
void ckpt_in_free(struct ckpt_ctx *ctx)
{
	kvfree(ctx->op->in.rec);
	ctx->op->in.rec = NULL;
	ctx->op->in.rec_size = 0;
}
