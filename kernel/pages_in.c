// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents of memory, on their way in: the pages of a run are made in the new
 * address space and pinned, filled straight from the stream, and checksummed
 * where they lie.  Packed ones are read as they are, verified, and unpacked into
 * the pages.
 *
 * Lock order: mmap_lock.  No lock is held while the stream is read.
 */
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "compress.h"
#include "pages.h"
#include "run.h"

#define FILL_PAGES 128U /* read, then hashed while the CPU's cache has them */

/* Make the faults that come give huge pages, or small ones. */
static void want_huge(struct mm_struct *mm, unsigned long addr, bool huge)
{
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr) {
		if (huge)
			ckpt_vma_flags_mod(vma, VM_HUGEPAGE, VM_NOHUGEPAGE);
		else
			ckpt_vma_flags_mod(vma, VM_NOHUGEPAGE, VM_HUGEPAGE);
	}
	mmap_write_unlock(mm);
}

/* Make @nr pages or fewer; how many they are now, or a negative errno. */
static long pages_make(struct mm_struct *mm, struct ckpt_run *run,
		       unsigned long addr, unsigned int nr)
{
	int locked = 1;
	long n, i;

	mmap_read_lock(mm);
	n = ckpt_get_pages(mm, addr, nr, FOLL_WRITE | FOLL_FORCE,
			   run->page + run->nr, &locked);
	if (locked)
		mmap_read_unlock(mm);
	for (i = 0; i < n; i++)
		ckpt_run_hold(run, run->page[run->nr++]);
	return n ?: -ENOMEM;
}

/*
 * The pages behind the run's last one that lie in the same huge page, at most
 * @nr: they are mapped one behind the other, as nobody has changed that since
 * the fault, and the reference to the first one holds them all.
 */
static unsigned int pages_follow(struct ckpt_run *run, unsigned int nr)
{
	struct page *page = run->page[run->nr - 1];
	struct page *head = compound_head(page);
	unsigned int i, left = compound_nr(head) - 1 - (page - head);

	nr = min(nr, left);
	for (i = 1; i <= nr; i++)
		run->page[run->nr++] = page + i;
	return nr;
}

/* Make and take the pages of a range; up to the run's end. */
static int range_pin(struct ckpt_ctx *ctx, struct mm_struct *mm,
		     struct ckpt_run *run, const struct ckpt_page_range *r)
{
	unsigned int got = 0,
		     want = r->flags & CKPT_PAGES_HUGE ? 1 : CKPT_RUN_PAGES;
	long n;

	while (got < r->nr_pages) {
		n = pages_make(mm, run, r->start + got * PAGE_SIZE,
			       min(want, r->nr_pages - got));
		if (n < 0 || fatal_signal_pending(current))
			return ckpt_fail(ctx, n < 0 ? n : -EINTR, "memory",
					 "cannot make the page at %#lx",
					 (unsigned long)r->start +
						 got * PAGE_SIZE);
		got += n;
		if (PageCompound(run->page[run->nr - 1]))
			got += pages_follow(run, r->nr_pages - got);
		else
			want = CKPT_RUN_PAGES; /* no huge ones to be had */
	}
	return 0;
}

static void run_done(struct ckpt_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_held; i++)
		set_page_dirty(run->held[i]);
	ckpt_run_put(run);
}

static int fill_zero(struct ckpt_ctx *ctx, struct mm_struct *mm,
		     struct ckpt_run *run, const struct ckpt_page_range *r)
{
	struct ckpt_page_range part = *r;
	unsigned int left = r->nr_pages, i;
	int err;

	while (left) {
		part.nr_pages = min_t(u32, left, CKPT_RUN_PAGES);
		err = range_pin(ctx, mm, run, &part);
		for (i = 0; !err && i < run->nr; i++)
			clear_highpage(run->page[i]);
		run_done(run);
		if (err)
			return err;
		part.start += (u64)part.nr_pages * PAGE_SIZE;
		left -= part.nr_pages;
	}
	return 0;
}

/* Pin the pages that have contents; @run keeps them. */
static int fill_pin(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    struct ckpt_run *run, const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	int err, huge = -1;

	for (r = rec->range; r < rec->range + rec->nr_ranges; r++) {
		if (r->flags & CKPT_PAGES_ZERO)
			continue;
		if (huge != !!(r->flags & CKPT_PAGES_HUGE)) {
			huge = !!(r->flags & CKPT_PAGES_HUGE);
			want_huge(mm, r->start, huge);
		}
		if (WARN_ON_ONCE(run->nr + r->nr_pages > CKPT_RUN_PAGES))
			return -EINVAL;
		err = range_pin(ctx, mm, run, r);
		if (err)
			return err;
	}
	return 0;
}

/* Of a few pages, read, then hashed while the CPU's cache has them. */
static int fill_some(struct ckpt_ctx *ctx, struct ckpt_run *run,
		     unsigned int from, unsigned int end)
{
	struct iov_iter iter;
	unsigned int i;
	int err;

	run->vecs = 0;
	for (i = from; i < end; i++)
		ckpt_run_vec_add(run, run->page[i]);
	iov_iter_bvec(&iter, ITER_DEST, run->vec, run->vecs,
		      (end - from) * PAGE_SIZE);
	err = ckpt_in_iter(ctx, &iter);
	for (i = from; !err && !ctx->pages->crew && i < end; i++)
		run->hash[i] = ckpt_page_hash(run->page[i]);
	run->hashed = !ctx->pages->crew;
	return err;
}

static int fill_plain(struct ckpt_ctx *ctx, struct ckpt_run *run)
{
	unsigned int from;
	int err = 0;

	for (from = 0; !err && from < run->nr; from += FILL_PAGES)
		err = fill_some(ctx, run, from,
				min(from + FILL_PAGES, run->nr));
	return err;
}

/* What is packed goes beside the pages. */
static int fill_packed(struct ckpt_ctx *ctx, struct ckpt_run *run)
{
	int err = ckpt_pages_prepare(ctx, run, CKPT_COMPRESS_NONE);

	run->len = ALIGN(run->rec.h.packed_len, 8);
	return err ?: ckpt_in_read(ctx, run->packed, run->len);
}

static int fill_read(struct ckpt_ctx *ctx, struct ckpt_run *run)
{
	if (!run->nr)
		return 0;
	if (ctx->op->in.head_pos < ctx->op->in.head_len)
		return ckpt_fail(ctx, -EINVAL, "image",
				 "the caller has read too far");
	return run->rec.h.compress ? fill_packed(ctx, run) :
				     fill_plain(ctx, run);
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
static void run_verify(struct ckpt_work *work, struct ckpt_packer *packer)
{
	struct ckpt_run *run = container_of(work, struct ckpt_run, work);
	unsigned int i;

	if (run->rec.h.compress) {
		xxh64_update(&run->sum, run->packed, run->len);
	} else {
		for (i = 0; !run->hashed && i < run->nr; i++)
			run->hash[i] = ckpt_page_hash(run->page[i]);
		xxh64_update(&run->sum, run->hash,
			     run->nr * sizeof(run->hash[0]));
	}
	run->err = 0;
	if (xxh64_digest(&run->sum) != run->rec.h.csum) {
		run->err = -EBADMSG;
		run->why = "damaged: wrong checksum of a run of pages";
	} else if (run->rec.h.compress && !padding_is_zero(run)) {
		run->err = -EINVAL;
		run->why = "not valid: pgarr: padding not zero";
	} else if (run->rec.h.compress) {
		run->err = run_unpack(run, packer);
		run->why =
			"not valid: pgarr: packed contents are not those of its pages";
	}
}

/* What the oldest run in flight has turned out to be, at its own place. */
static int fill_end(struct ckpt_ctx *ctx)
{
	struct ckpt_run *run = ckpt_run_finish(ctx->pages);
	u64 pos = ctx->op->in.rec_pos;

	run_done(run);
	if (!run->err)
		return 0;
	ctx->op->in.rec_pos = run->rec_pos;
	ckpt_fail(ctx, run->err, "image", "%s", run->why);
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
		ckpt_pages_hire(ctx, run_verify);
	run = ckpt_run_free(pages);
	if (!run) {
		err = fill_end(ctx);
		if (err)
			return ERR_PTR(err);
		run = ckpt_run_free(pages);
	}
	run->rec.h = *rec;
	run->rec_pos = ctx->op->in.rec_pos;
	return run;
}

/* Its contents are read, and verified in a while. */
static int fill_start(struct ckpt_ctx *ctx, struct ckpt_run *run, int err)
{
	if (!err)
		err = fill_read(ctx, run);
	if (err) {
		run_done(run);
		return err;
	}
	ckpt_in_pages_count(ctx, &run->sum);
	ctx->op->in.pages += run->nr;
	ckpt_run_start(ctx->pages, run, run_verify);
	return 0;
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
	int err = 0;

	while (!err && ctx->pages && ctx->pages->flying)
		err = fill_end(ctx);
	return err;
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
	const struct ckpt_page_range *r;
	int err = 0;

	if (IS_ERR(run))
		return PTR_ERR(run);
	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++)
		if (r->flags & CKPT_PAGES_ZERO)
			err = fill_zero(ctx, mm, run, r);
	if (!err)
		err = fill_pin(ctx, mm, run, rec);
	return fill_start(ctx, run, err);
}

/* Make and take the pages of shared memory that have contents. */
static int fill_take_shmem(struct ckpt_ctx *ctx, struct address_space *mapping,
			   struct ckpt_run *run,
			   const struct ckpt_page_range *r)
{
	pgoff_t index = r->start >> PAGE_SHIFT;
	struct page *page;
	u32 i;

	for (i = 0; i < r->nr_pages; i++) {
		page = fatal_signal_pending(current) ?
			       ERR_PTR(-EINTR) :
			       shmem_read_mapping_page(mapping, index + i);
		if (IS_ERR(page))
			return ckpt_fail(ctx, PTR_ERR(page), "shared memory",
					 "cannot make the page at offset %#llx",
					 r->start + (u64)i * PAGE_SIZE);
		run->page[run->nr++] = page;
		ckpt_run_hold(run, page);
	}
	return 0;
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
	const struct ckpt_page_range *r;
	int err = 0;

	if (IS_ERR(run))
		return PTR_ERR(run);
	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++) {
		if (WARN_ON_ONCE(run->nr + r->nr_pages > CKPT_RUN_PAGES))
			err = -EINVAL;
		else
			err = fill_take_shmem(ctx, mapping, run, r);
	}
	return fill_start(ctx, run, err);
}
