// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents of memory.
 *
 * Out: an area's page tables are walked in steps of at most a run
 * (CKPT_RUN_PAGES).  Private pages that are present are taken by reference,
 * huge ones without being split; swapped ones are brought in.  Pages of zeros
 * are left out.  What is left is checksummed where it lies and goes out as one
 * vector, never copied by us.
 *
 * In: the pages of a run are made in the new address space and pinned, filled
 * straight from the stream, and checksummed where they lie.
 *
 * It takes an address space, not a task, so that a snapshot of one will do.
 *
 * Lock order: mmap_lock (read), then page table locks.  No lock is held while
 * the stream is read or written.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "pages.h"

#define FILL_PAGES 128U /* read, then hashed while the CPU's cache has them */

/* One run on its way out or in; an operation has one, used again and again. */
struct ckpt_run {
	struct page *page[CKPT_RUN_PAGES];
	struct page *held[CKPT_RUN_PAGES]; /* one reference for each */
	unsigned long addr[CKPT_RUN_PAGES];
	bool huge[CKPT_RUN_PAGES];
	struct bio_vec vec[CKPT_RUN_PAGES];
	u64 hash[CKPT_RUN_PAGES]; /* of each page with contents */
	unsigned int nr, nr_held;
	unsigned long next; /* walk on from here */
	struct {
		struct ckpt_hdr_pgarr h;
		struct ckpt_page_range range[CKPT_RUN_PAGES];
	} rec;
};

static void run_add(struct ckpt_run *run, unsigned long addr, struct page *page,
		    bool huge)
{
	run->page[run->nr] = page;
	run->addr[run->nr] = addr;
	run->huge[run->nr] = huge;
	run->nr++;
}

/* A reference that the run gives back; one holds all of a huge page. */
static void run_hold(struct ckpt_run *run, struct page *page)
{
	run->held[run->nr_held++] = page;
}

static bool run_full(const struct ckpt_run *run)
{
	return run->nr == CKPT_RUN_PAGES;
}

static int walk_huge(pmd_t *pmd, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	struct ckpt_run *run = walk->private;
	struct page *page;
	spinlock_t *ptl; /* of the page table */

	if (!pmd_trans_huge(READ_ONCE(*pmd)))
		return 0;
	ptl = pmd_lock(walk->mm, pmd);
	if (!pmd_trans_huge(*pmd)) {
		spin_unlock(ptl);
		walk->action = ACTION_AGAIN;
		return 0;
	}
	page = pmd_page(*pmd) + ((addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT);
	if (PageAnon(page)) {
		if (!run_full(run)) {
			get_page(page);
			run_hold(run, page);
		}
		for (; addr < next && !run_full(run); addr += PAGE_SIZE)
			run_add(run, addr, page++, true);
	} else {
		addr = next; /* the huge page of zeros, or the file's own */
	}
	spin_unlock(ptl);
	run->next = addr;
	walk->action = ACTION_CONTINUE;
	return addr < next;
}

/* The page table lock is held. */
static int walk_pte(pte_t *pte, unsigned long addr, unsigned long next,
		    struct mm_walk *walk)
{
	struct ckpt_run *run = walk->private;
	pte_t entry = *pte;
	struct page *page;

	if (run_full(run)) {
		run->next = addr;
		return 1;
	}
	run->next = next;
	if (pte_none(entry))
		return 0;
	if (!pte_present(entry)) {
		run_add(run, addr, NULL, false);
		return 0;
	}
	/* Only now: in a swap entry the bit is one of the offset's. */
	if (pte_special(entry))
		return 0;
	page = pte_page(entry);
	if (PageAnon(page)) {
		get_page(page);
		run_hold(run, page);
		run_add(run, addr, page, false);
	}
	return 0;
}

static const struct mm_walk_ops walk_ops = { .pmd_entry = walk_huge,
					     .pte_entry = walk_pte,
					     CKPT_WALK_LOCK };

static void run_put(struct ckpt_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_held; i++)
		put_page(run->held[i]);
	run->nr_held = 0;
	run->nr = 0;
}

/**
 * ckpt_pages_free() - free what an operation needs for pages
 * @ctx: operation
 */
void ckpt_pages_free(struct ckpt_ctx *ctx)
{
	kvfree(ctx->run);
	ctx->run = NULL;
}

static struct ckpt_run *run_get(struct ckpt_ctx *ctx)
{
	if (!ctx->run)
		ctx->run = kvzalloc(sizeof(*ctx->run), GFP_KERNEL_ACCOUNT);
	if (!ctx->run)
		ckpt_fail(ctx, -ENOMEM, "memory",
			  "out of memory for a run of pages");
	return ctx->run;
}

/* Bring in what is swapped out; an entry that leads to a file's page is not. */
static int run_swap_in(struct ckpt_ctx *ctx, struct mm_struct *mm,
		       struct ckpt_run *run)
{
	unsigned int i;
	int locked;
	long n;

	for (i = 0; i < run->nr; i++) {
		if (run->page[i])
			continue;
		locked = 1;
		mmap_read_lock(mm);
		n = ckpt_get_pages(mm, run->addr[i], 1, FOLL_FORCE,
				   &run->page[i], &locked);
		if (locked)
			mmap_read_unlock(mm);
		if (n != 1) {
			run->page[i] = NULL;
			return ckpt_fail(ctx, n < 0 ? n : -EFAULT, "memory",
					 "cannot read the page at %#lx",
					 run->addr[i]);
		}
		run_hold(run, run->page[i]);
		if (!PageAnon(run->page[i]))
			run->page[i] = NULL;
	}
	return 0;
}

static u64 page_hash(struct page *page)
{
	return xxh64(page_address(page), PAGE_SIZE, 0);
}

static bool page_is_zero(struct page *page)
{
	return !memchr_inv(page_address(page), 0, PAGE_SIZE);
}

/* Add a page to the record's ranges, growing the last one if it fits. */
static void range_add(struct ckpt_hdr_pgarr *h, struct ckpt_page_range *range,
		      unsigned long addr, u32 flags)
{
	struct ckpt_page_range *last = range + h->nr_ranges - 1;

	if (h->nr_ranges && last->flags == flags &&
	    last->start + (u64)last->nr_pages * PAGE_SIZE == addr) {
		last->nr_pages++;
		return;
	}
	range[h->nr_ranges++] = (struct ckpt_page_range){ .start = addr,
							  .nr_pages = 1,
							  .flags = flags };
}

/* A page that joins the one before in memory joins it in the vector too. */
static unsigned int vec_add(struct bio_vec *vec, unsigned int nr,
			    struct page *page)
{
	if (nr && page_address(vec[nr - 1].bv_page) + vec[nr - 1].bv_len ==
			  page_address(page)) {
		vec[nr - 1].bv_len += PAGE_SIZE;
		return nr;
	}
	vec[nr].bv_page = page;
	vec[nr].bv_offset = 0;
	vec[nr].bv_len = PAGE_SIZE;
	return nr + 1;
}

/* Sort the pages of a run into ranges; returns the entries of its vector. */
static unsigned int run_sort(struct ckpt_ctx *ctx, struct ckpt_run *run,
			     bool keep_zero)
{
	struct ckpt_hdr_pgarr *h = &run->rec.h;
	unsigned int i, vecs = 0;
	u32 flags;

	h->nr_ranges = 0;
	h->nr_pages = 0;
	for (i = 0; i < run->nr; i++) {
		if (!run->page[i])
			continue;
		flags = run->huge[i] ? CKPT_PAGES_HUGE : 0;
		if (page_is_zero(run->page[i])) {
			ctx->out.zero_pages++;
			if (keep_zero)
				range_add(h, run->rec.range, run->addr[i],
					  CKPT_PAGES_ZERO);
			continue;
		}
		range_add(h, run->rec.range, run->addr[i], flags);
		vecs = vec_add(run->vec, vecs, run->page[i]);
		run->hash[h->nr_pages++] = page_hash(run->page[i]);
	}
	ctx->out.pages += h->nr_pages;
	return vecs;
}

static int run_write(struct ckpt_ctx *ctx, struct ckpt_run *run,
		     unsigned int vecs)
{
	struct ckpt_hdr_pgarr *h = &run->rec.h;
	size_t head = struct_size(h, range, h->nr_ranges);
	struct xxh64_state hash;
	struct iov_iter iter;
	int err;

	h->h.type = CKPT_HDR_PGARR;
	h->h.len = head + h->nr_pages * PAGE_SIZE;
	xxh64_reset(&hash, ckpt_hdr_seed(&h->h));
	xxh64_update(&hash, &h->mm_objref,
		     head - offsetof(struct ckpt_hdr_pgarr, mm_objref));
	xxh64_update(&hash, run->hash, h->nr_pages * sizeof(run->hash[0]));
	h->csum = xxh64_digest(&hash);
	ckpt_out_count(ctx, h->csum);
	err = ckpt_out_write(ctx, h, head);
	if (err || !vecs)
		return err;
	iov_iter_bvec(&iter, ITER_SOURCE, run->vec, vecs,
		      h->nr_pages * PAGE_SIZE);
	return ckpt_out_iter(ctx, &iter);
}

static int run_gather(struct ckpt_ctx *ctx, const struct ckpt_pages_job *job,
		      struct ckpt_run *run)
{
	unsigned long from = run->next;
	int full;

	mmap_read_lock(job->mm);
	full = K(walk_page_range)(job->mm, from, job->end, &walk_ops, run);
	mmap_read_unlock(job->mm);
	if (full < 0)
		return ckpt_fail(ctx, full, "memory",
				 "cannot walk the area %#lx-%#lx", job->start,
				 job->end);
	if (!full)
		run->next = job->end;
	return run_swap_in(ctx, job->mm, run);
}

/**
 * ckpt_pages_stream() - write the pages of an area
 * @ctx: checkpoint
 * @job: which
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_stream(struct ckpt_ctx *ctx, const struct ckpt_pages_job *job)
{
	struct ckpt_run *run = run_get(ctx);
	unsigned int vecs;
	int err = 0;

	if (!run)
		return -ENOMEM;
	run->rec.h.mm_objref = job->mm_objref;
	run->next = job->start;
	while (!err && run->next < job->end) {
		err = run_gather(ctx, job, run);
		if (!err) {
			vecs = run_sort(ctx, run, job->keep_zero);
			if (run->rec.h.nr_ranges)
				err = run_write(ctx, run, vecs);
		}
		run_put(run);
		if (!err && fatal_signal_pending(current))
			err = ckpt_fail(ctx, -EINTR, "image", "interrupted");
		cond_resched();
	}
	return err;
}

/* ---- in ---- */

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
		run_hold(run, run->page[run->nr++]);
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
	run_put(run);
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

/* A few pages, hashed while they are in the CPU's cache. */
static int fill_some(struct ckpt_ctx *ctx, struct ckpt_run *run,
		     unsigned int from, unsigned int end)
{
	unsigned int i, vecs = 0;
	struct iov_iter iter;
	int err;

	for (i = from; i < end; i++)
		vecs = vec_add(run->vec, vecs, run->page[i]);
	iov_iter_bvec(&iter, ITER_DEST, run->vec, vecs,
		      (end - from) * PAGE_SIZE);
	err = ckpt_in_iter(ctx, &iter);
	for (i = from; !err && i < end; i++)
		run->hash[i] = page_hash(run->page[i]);
	return err;
}

static int fill_read(struct ckpt_ctx *ctx, struct ckpt_run *run)
{
	unsigned int from;
	int err;

	if (!run->nr)
		return 0;
	if (ctx->in.head_pos < ctx->in.head_len)
		return ckpt_fail(ctx, -EINVAL, "image",
				 "the caller has read too far");
	for (from = 0; from < run->nr; from += FILL_PAGES) {
		err = fill_some(ctx, run, from,
				min(from + FILL_PAGES, run->nr));
		if (err)
			return err;
	}
	xxh64_update(&ctx->in.hash, run->hash, run->nr * sizeof(run->hash[0]));
	return 0;
}

/**
 * ckpt_pages_fill() - read the pages of a run into an address space
 * @ctx: restart
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
	struct ckpt_run *run = run_get(ctx);
	const struct ckpt_page_range *r;
	int err;

	if (!run)
		return -ENOMEM;
	err = fill_pin(ctx, mm, run, rec);
	if (!err)
		err = fill_read(ctx, run);
	run_done(run);
	if (!err)
		err = ckpt_in_pages_verify(ctx);
	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++)
		if (r->flags & CKPT_PAGES_ZERO)
			err = fill_zero(ctx, mm, run, r);
	return err;
}
