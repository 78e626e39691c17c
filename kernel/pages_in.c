// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents of memory, on their way in: the pages of a run are made where they
 * belong (pages_make.c), filled straight from the stream, and checksummed where
 * they lie.  Packed ones are read as they are, verified, and unpacked into the
 * pages.
 *
 * From a file that can be read anywhere, the caller only takes the records of the
 * runs: making the pages, reading and verifying is the work of whoever of the crew
 * comes first.  From anything else he makes and reads, and the crew verifies.
 *
 * No lock is held while the stream is read.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>
#include "ckpt.h"
#include "compress.h"
#include "pages.h"
#include "run.h"

#define FILL_PAGES 128U /* read, then hashed while the CPU's cache has them */

/* What kinds of pages have contents: CKPT_KIND_*, or both, or none. */
static unsigned int kinds_of(const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	unsigned int kinds = 0;

	for (r = rec->range; r < rec->range + rec->nr_ranges; r++)
		if (!(r->flags & CKPT_PAGES_ZERO))
			kinds |= ckpt_kind_of(r);
	return kinds;
}

/* Bytes of them in the image. */
static size_t contents_len(const struct ckpt_hdr_pgarr *rec)
{
	return rec->compress ? ALIGN(rec->packed_len, 8) :
			       rec->nr_pages * PAGE_SIZE;
}

/* The pages of part of a run, as a destination. */
static void part_iter(struct ckpt_run *run, unsigned int from, unsigned int end,
		      struct iov_iter *iter)
{
	unsigned int i;

	run->vecs = 0;
	for (i = from; i < end; i++)
		ckpt_run_vec_add(run, run->page[i]);
	iov_iter_bvec(iter, ITER_DEST, run->vec, run->vecs,
		      (end - from) * PAGE_SIZE);
}

static void part_hash(struct ckpt_run *run, unsigned int from, unsigned int end)
{
	unsigned int i;

	for (i = from; i < end; i++)
		run->hash[i] = ckpt_page_hash(run->page[i]);
}

/* ---- a run at work ---- */

static int run_fail(struct ckpt_run *run, int err, const char *why)
{
	run->why = why;
	return err;
}

/* From the run's own place in the file. */
static int run_read_iter(struct ckpt_run *run, struct iov_iter *iter)
{
	struct iov_iter part;
	ssize_t n;

	while (iov_iter_count(iter)) {
		part = *iter;
		n = vfs_iter_read(run->file, &part, &run->pos, 0);
		if (n == -EAGAIN && !schedule_timeout_killable(1) &&
		    !fatal_signal_pending(current))
			continue;
		if (n == -EINTR || n == -ERESTARTSYS || n == -ERESTARTNOINTR ||
		    fatal_signal_pending(current))
			return run_fail(run, -EINTR, "interrupted");
		if (n == 0)
			return run_fail(run, -EINVAL,
					"truncated: it ends in a run of pages");
		if (n < 0)
			return run_fail(run, n, "cannot read a run of pages");
		iov_iter_advance(iter, n);
	}
	return 0;
}

/*
 * The contents, from the stream or (without @ctx) from the run's own place.  Pages are
 * hashed while the CPU's cache has them, but by the crew if there is one.
 */
static int run_read(struct ckpt_run *run, struct ckpt_ctx *ctx)
{
	struct kvec vec = { .iov_base = run->packed, .iov_len = run->len };
	unsigned int from, end;
	struct iov_iter iter;
	int err = 0;

	if (run->rec.h.compress) {
		iov_iter_kvec(&iter, ITER_DEST, &vec, 1, run->len);
		return ctx ? ckpt_in_iter(ctx, &iter) :
			     run_read_iter(run, &iter);
	}
	run->hashed = !ctx || !ctx->pages->crew;
	for (from = 0; !err && from < run->nr; from = end) {
		end = min(from + FILL_PAGES, run->nr);
		part_iter(run, from, end, &iter);
		err = ctx ? ckpt_in_iter(ctx, &iter) :
			    run_read_iter(run, &iter);
		if (!err && run->hashed)
			part_hash(run, from, end);
	}
	return err;
}

static bool padding_is_zero(const struct ckpt_run *run)
{
	u32 len = run->rec.h.packed_len;

	return !memchr_inv(run->packed + len, 0, run->len - len);
}

/* Into the pages themselves, where they lie one behind the other. */
static int run_unpack(struct ckpt_run *run, struct ckpt_packer *packer)
{
	const struct ckpt_hdr_pgarr *h = &run->rec.h;
	size_t len = run->nr * PAGE_SIZE, off = 0;
	const struct bio_vec *v;
	unsigned int i;
	void *to;
	int err;

	run->vecs = 0;
	for (i = 0; i < run->nr; i++)
		ckpt_run_vec_add(run, run->page[i]);
	to = run->vecs == 1 ? page_address(run->page[0]) : packer->flat;
	err = ckpt_unpack(packer, h->compress, run->packed, h->packed_len, to,
			  len);
	if (err || run->vecs == 1)
		return err;
	for (v = run->vec; v < run->vec + run->vecs; v++) {
		memcpy(page_address(v->bv_page), packer->flat + off, v->bv_len);
		off += v->bv_len;
	}
	return 0;
}

/* The library gets to see what has been verified, and nothing else. */
static int run_verify(struct ckpt_run *run, struct ckpt_packer *packer)
{
	if (run->rec.h.compress) {
		xxh64_update(&run->sum, run->packed, run->len);
	} else {
		if (!run->hashed)
			part_hash(run, 0, run->nr);
		xxh64_update(&run->sum, run->hash,
			     run->nr * sizeof(run->hash[0]));
	}
	if (xxh64_digest(&run->sum) != run->rec.h.csum)
		return run_fail(run, -EBADMSG,
				"damaged: wrong checksum of a run of pages");
	if (!run->rec.h.compress)
		return 0;
	if (!padding_is_zero(run))
		return run_fail(run, -EINVAL,
				"not valid: pgarr: padding not zero");
	run->why =
		"not valid: pgarr: packed contents are not those of its pages";
	return run_unpack(run, packer);
}

static void run_work(struct ckpt_work *work, struct ckpt_packer *packer)
{
	struct ckpt_run *run = container_of(work, struct ckpt_run, work);

	run->err = 0;
	if (run->mm)
		run->err = ckpt_run_make(run, run->mm, &run->rec.h);
	if (!run->err && run->file)
		run->err = run_read(run, NULL);
	if (!run->err)
		run->err = run_verify(run, packer);
}

/* ---- the caller's part ---- */

static bool has_mempolicy(void)
{
#ifdef CONFIG_NUMA
	return current->mempolicy;
#else
	return false;
#endif
}

static int make_failed(struct ckpt_ctx *ctx, const struct ckpt_run *run,
		       int err)
{
	return ckpt_fail(ctx, err, "memory", "cannot make the page at %#lx",
			 run->bad_addr);
}

/* What the oldest run in flight has turned out to be, at its own place. */
static int fill_end(struct ckpt_ctx *ctx)
{
	struct ckpt_run *run = ckpt_run_finish(ctx->pages);
	u64 pos = ctx->op->in.rec_pos;

	ckpt_run_put_dirty(run);
	if (!run->err)
		return 0;
	ctx->op->in.rec_pos = run->rec_pos;
	if (run->why)
		ckpt_fail(ctx, run->err, "image", "%s", run->why);
	else
		make_failed(ctx, run, run->err);
	ctx->op->in.rec_pos = pos;
	return run->err;
}

/* A run to begin with, for the pages of @rec. */
static struct ckpt_run *fill_begin(struct ckpt_ctx *ctx,
				   const struct ckpt_hdr_pgarr *rec)
{
	struct ckpt_pages *pages = ckpt_pages_get(ctx);
	struct ckpt_run *run;
	int err;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	if (rec->nr_pages == CKPT_RUN_PAGES)
		ckpt_pages_hire(ctx, run_work);
	run = ckpt_run_free(pages);
	if (!run) {
		err = fill_end(ctx);
		if (err)
			return ERR_PTR(err);
		run = ckpt_run_free(pages);
	}
	run->rec.h = *rec;
	memcpy(run->rec.range, rec->range,
	       rec->nr_ranges * sizeof(*rec->range));
	run->rec_pos = ctx->op->in.rec_pos;
	run->len = contents_len(rec);
	run->why = NULL;
	if (run->len && ctx->op->in.head_pos < ctx->op->in.head_len)
		return ERR_PTR(ckpt_fail(ctx, -EINVAL, "image",
					 "the caller has read too far"));
	run->file = NULL;
	if (run->len && pages->crew)
		run->file = ckpt_in_apart(ctx, run->len, &run->pos);
	return run;
}

/* Its contents are read, and verified in a while. */
static int fill_start(struct ckpt_ctx *ctx, struct ckpt_run *run, int err)
{
	if (!err && run->rec.h.compress)
		err = ckpt_pages_prepare(ctx, run, CKPT_COMPRESS_NONE);
	if (!err && run->len && !run->file)
		err = run_read(run, ctx);
	if (err) {
		ckpt_run_put_dirty(run);
		return err;
	}
	ckpt_in_pages_count(ctx, &run->sum);
	ctx->op->in.pages += run->rec.h.nr_pages;
	ckpt_run_start(ctx->pages, run, run_work);
	return 0;
}

/* Wait for all runs in flight: their pages are made and filled. */
static int fill_drain(struct ckpt_ctx *ctx)
{
	int err = 0;

	while (!err && ctx->pages && ctx->pages->flying)
		err = fill_end(ctx);
	return err;
}

/**
 * ckpt_pages_fill_end() - the contents of an area or of shared memory are over
 * @ctx: restart; nothing but the checksum of a run has been believed so far
 *
 * Return: 0: all are verified, and where they belong; or a negative errno that
 * has been reported.
 */
int ckpt_pages_fill_end(struct ckpt_ctx *ctx)
{
	if (ctx->pages)
		ctx->pages->kind = 0;
	return fill_drain(ctx);
}

/*
 * Make the pages of a run that have contents, or leave it to the crew.  The area
 * says what a fault gives: that is changed while nobody makes pages in it.  Who
 * has a policy for memory (of NUMA nodes) makes them himself, since the policy
 * is of a task.
 */
static int fill_make(struct ckpt_ctx *ctx, struct mm_struct *mm,
		     struct ckpt_run *run)
{
	unsigned int kinds = kinds_of(&run->rec.h);
	int err = 0;

	if (!kinds)
		return 0;
	if (kinds != ctx->pages->kind)
		err = fill_drain(ctx);
	if (err)
		return err;
	if (kinds == (CKPT_KIND_SMALL | CKPT_KIND_HUGE)) {
		ctx->pages->kind = 0;
		err = ckpt_run_make_mixed(run, mm, &run->rec.h);
	} else {
		if (kinds != ctx->pages->kind)
			ckpt_area_want(mm, run->rec.h.range[0].start, kinds);
		ctx->pages->kind = kinds;
		if (run->file && !has_mempolicy()) {
			mmget(mm);
			run->mm = mm;
			return 0;
		}
		err = ckpt_run_make(run, mm, &run->rec.h);
	}
	return err ? make_failed(ctx, run, err) : 0;
}

/**
 * ckpt_pages_fill() - read the pages of a run into an address space
 * @ctx: restart; ckpt_pages_fill_end() must be called before they are used
 * @mm: new address space, seen by nobody else
 * @rec: the run, its ranges verified to lie in one private area
 *
 * The area's VM_HUGEPAGE and VM_NOHUGEPAGE are left undefined.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_fill(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    const struct ckpt_hdr_pgarr *rec)
{
	struct ckpt_run *run = fill_begin(ctx, rec);
	int err;

	if (IS_ERR(run))
		return PTR_ERR(run);
	err = ckpt_run_make_zero(run, mm, &run->rec.h);
	if (err)
		make_failed(ctx, run, err);
	else
		err = fill_make(ctx, mm, run);
	return fill_start(ctx, run, err);
}

/**
 * ckpt_pages_fill_shmem() - read the pages of a run into shared memory
 * @ctx: restart; ckpt_pages_fill_end() must be called before they are used
 * @mapping: its page cache, new and seen by nobody else
 * @rec: the run, its ranges verified to lie within it, none with flags
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_fill_shmem(struct ckpt_ctx *ctx, struct address_space *mapping,
			  const struct ckpt_hdr_pgarr *rec)
{
	struct ckpt_run *run = fill_begin(ctx, rec);
	int err;

	if (IS_ERR(run))
		return PTR_ERR(run);
	err = ckpt_run_make_shmem(run, mapping, &run->rec.h);
	if (err)
		ckpt_fail(ctx, err, "shared memory",
			  "cannot make the page at offset %#lx", run->bad_addr);
	return fill_start(ctx, run, err);
}
