// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents of memory, on their way out.
 *
 * An area's page tables are walked in steps of at most a run (CKPT_RUN_PAGES).
 * Private pages that are present are taken by reference, huge ones without being
 * split; swapped ones are brought in.  Pages of zeros are left out.  What is left
 * is checksummed where it lies and goes out as one vector;
 * or it is packed, and goes out so if that makes it smaller.
 *
 * Shared memory: its page cache is read, swapped pages too.  Whoever has it
 * mapped may not be frozen: pages are copied, then checksummed, lest a page
 * change between the two.  Pages of zeros are left out, and holes.
 *
 * It takes an address space, not a task, so that a snapshot of one will do.
 *
 * What a snapshot does not have in a copy of an address space it keeps here, page
 * by page: copies, and references to private pages of files.
 *
 * Lock order: mmap_lock (read), then page table locks.  The snapshot's kept_lock
 * stands alone.  No lock is held while the stream is written.
 */
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "compress.h"
#include "pages.h"
#include "run.h"
#include "snapshot.h"

/* So much is left of an area. */
#define CREW_WORTH (4 * CKPT_RUN_BYTES)
/* Packed is smaller by this part at least, or it stays plain. */
#define WORTH 16

static void run_add(struct ckpt_run *run, unsigned long addr, struct page *page,
		    bool huge)
{
	run->page[run->nr] = page;
	run->addr[run->nr] = addr;
	run->huge[run->nr] = huge;
	run->nr++;
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

	/* pages that are not for the image do not end the walk */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
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
			ckpt_run_hold(run, page);
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
		ckpt_run_hold(run, page);
		run_add(run, addr, page, false);
	}
	return 0;
}

static const struct mm_walk_ops walk_ops = { .pmd_entry = walk_huge,
					     .pte_entry = walk_pte,
					     CKPT_WALK_LOCK };

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
		if (mmap_read_lock_killable(mm))
			return ckpt_fail(ctx, -EINTR, "memory", "interrupted");
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
		ckpt_run_hold(run, run->page[i]);
		if (!PageAnon(run->page[i]))
			run->page[i] = NULL;
	}
	return 0;
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

/* Sort the pages of a run into ranges. */
static void run_sort(struct ckpt_run *run, bool keep_zero, bool hash)
{
	struct ckpt_hdr_pgarr *h = &run->rec.h;
	unsigned int i;

	h->nr_ranges = 0;
	h->nr_pages = 0;
	run->vecs = 0;
	run->nr_zero = 0;
	for (i = 0; i < run->nr; i++) {
		if (!run->page[i])
			continue;
		if (page_is_zero(run->page[i])) {
			run->nr_zero++;
			if (keep_zero)
				range_add(h, run->rec.range, run->addr[i],
					  CKPT_PAGES_ZERO);
			continue;
		}
		range_add(h, run->rec.range, run->addr[i],
			  run->huge[i] ? CKPT_PAGES_HUGE : 0);
		ckpt_run_vec_add(run, run->page[i]);
		if (hash) /* while the CPU's cache has it */
			run->hash[h->nr_pages] = ckpt_page_hash(run->page[i]);
		h->nr_pages++;
	}
}

/* Pack what is in a run; whether that was worth it. */
static bool run_pack(struct ckpt_run *run, struct ckpt_packer *packer)
{
	size_t len = run->rec.h.nr_pages * PAGE_SIZE, off = 0;
	const struct bio_vec *v;

	for (v = run->vec; v < run->vec + run->vecs; v++) {
		memcpy(packer->flat + off, page_address(v->bv_page), v->bv_len);
		off += v->bv_len;
	}
	run->rec.h.packed_len = ckpt_pack(packer, len, run->packed,
					  len - len / WORTH);
	return run->rec.h.packed_len;
}

/* It stays plain. */
static void run_hash(struct ckpt_run *run)
{
	const struct bio_vec *v;
	unsigned int off, nr = 0;

	for (v = run->vec; v < run->vec + run->vecs; v++)
		for (off = 0; off < v->bv_len; off += PAGE_SIZE)
			run->hash[nr++] = xxh64(page_address(v->bv_page) + off,
						PAGE_SIZE, 0);
}

/* Close the record: what goes out behind it is run->len bytes. */
static void run_seal(struct ckpt_run *run)
{
	struct ckpt_hdr_pgarr *h = &run->rec.h;
	size_t head = struct_size(h, range, h->nr_ranges);
	struct xxh64_state hash;

	if (h->compress) {
		run->len = ALIGN(h->packed_len, 8);
		memset(run->packed + h->packed_len, 0,
		       run->len - h->packed_len);
	} else {
		run->len = h->nr_pages * PAGE_SIZE;
	}
	h->h.type = CKPT_HDR_PGARR;
	h->h.len = head + run->len;
	xxh64_reset(&hash, ckpt_hdr_seed(&h->h));
	xxh64_update(&hash, &h->mm_objref,
		     head - offsetof(struct ckpt_hdr_pgarr, mm_objref));
	if (h->compress)
		xxh64_update(&hash, run->packed, run->len);
	else
		xxh64_update(&hash, run->hash,
			     h->nr_pages * sizeof(run->hash[0]));
	h->csum = xxh64_digest(&hash);
}

/* All that takes the CPU's time: find zeros, pack, checksum. */
static void run_work(struct ckpt_work *work, struct ckpt_packer *packer)
{
	struct ckpt_run *run = container_of(work, struct ckpt_run, work);
	struct ckpt_hdr_pgarr *h = &run->rec.h;

	run_sort(run, run->keep_zero, !run->pack);
	h->compress = CKPT_COMPRESS_NONE;
	h->packed_len = 0;
	if (run->pack && h->nr_pages) {
		if (run_pack(run, packer))
			h->compress = packer->compress;
		else
			run_hash(run);
	}
	if (h->nr_ranges)
		run_seal(run);
}

static int run_write(struct ckpt_ctx *ctx, struct ckpt_run *run)
{
	struct ckpt_hdr_pgarr *h = &run->rec.h;
	struct iov_iter iter;
	int err;

	ctx->out.pages += h->nr_pages;
	ctx->out.zero_pages += run->nr_zero;
	if (!h->nr_ranges)
		return 0;
	ckpt_out_count(ctx, h->csum);
	err = ckpt_out_write(ctx, h, h->h.len - run->len);
	if (err || !run->len)
		return err;
	if (h->compress)
		return ckpt_out_write(ctx, run->packed, run->len);
	iov_iter_bvec(&iter, ITER_SOURCE, run->vec, run->vecs, run->len);
	return ckpt_out_iter(ctx, &iter);
}

static int run_gather(struct ckpt_ctx *ctx, const struct ckpt_pages_job *job,
		      struct ckpt_run *run)
{
	unsigned long from = run->next;
	int full;

	if (mmap_read_lock_killable(job->mm))
		return ckpt_fail(ctx, -EINTR, "memory", "interrupted");
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

static void run_gather_kept(struct ckpt_pages_job *job, struct ckpt_run *run)
{
	unsigned long from = run->next, i;
	struct page *page;

	run->next = job->end;
	mutex_lock(&job->kept->kept_lock);
	xa_for_each_range(&job->pages, i, page, from >> PAGE_SHIFT,
			  (job->end - 1) >> PAGE_SHIFT) {
		if (run_full(run)) {
			run->next = i << PAGE_SHIFT;
			break;
		}
		get_page(page);
		ckpt_run_hold(run, page);
		run_add(run, i << PAGE_SHIFT, page, false);
	}
	mutex_unlock(&job->kept->kept_lock);
}

/* Who is short of memory is told, nobody is killed. */
static struct page *copy_alloc(struct ckpt_ctx *ctx, const char *of)
{
	struct page *copy = alloc_page(GFP_KERNEL_ACCOUNT |
				       __GFP_RETRY_MAYFAIL);

	if (!copy)
		ckpt_fail(ctx, -ENOMEM, of,
			  "out of memory for a copy of its pages");
	return copy;
}

static int copy_add(struct ckpt_ctx *ctx, struct address_space *mapping,
		    struct ckpt_run *run)
{
	struct page **copy = &run->copy[run->nr], *page;

	if (!*copy)
		*copy = copy_alloc(ctx, "shared memory");
	if (!*copy)
		return -ENOMEM;
	page = shmem_read_mapping_page(mapping, run->next >> PAGE_SHIFT);
	if (IS_ERR(page))
		return ckpt_fail(ctx, PTR_ERR(page), "shared memory",
				 "cannot read the page at offset %#lx",
				 run->next);
	copy_highpage(*copy, page);
	put_page(page);
	run_add(run, run->next, *copy, false);
	return 0;
}

/* Pages that are there, or swapped out, not those that were never written. */
static int run_gather_shmem(struct ckpt_ctx *ctx,
			    const struct ckpt_pages_job *job,
			    struct ckpt_run *run)
{
	loff_t from, end = 0;
	int err = 0;

	while (!err && run->nr < CKPT_COPY_PAGES && run->next < job->end) {
		if (run->next >= end) {
			from = K(mapping_seek_hole_data)(job->mapping,
							 run->next, job->end,
							 SEEK_DATA);
			if (from < 0) {
				run->next = job->end;
				break;
			}
			run->next = from & PAGE_MASK;
			end = K(mapping_seek_hole_data)(job->mapping, from,
							job->end, SEEK_HOLE);
		}
		err = copy_add(ctx, job->mapping, run);
		run->next += PAGE_SIZE;
	}
	return err;
}

static int run_gather_any(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
			  struct ckpt_run *run)
{
	int err = 0;

	if (job->kept)
		run_gather_kept(job, run);
	else if (job->mapping)
		err = run_gather_shmem(ctx, job, run);
	else
		err = run_gather(ctx, job, run);
	/* asked afterwards: what is given up loses its pages then */
	return err ?: ckpt_snapshot_check(ctx);
}

/* Each page goes to the job: a copy of its own, or a reference. */
static int keep_page(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		     unsigned long addr, struct page *page)
{
	int err;

	if (job->copy) {
		struct page *copy = copy_alloc(ctx, "memory");

		if (!copy)
			return -ENOMEM;
		copy_highpage(copy, page);
		page = copy;
	} else {
		get_page(page);
	}
	err = xa_err(xa_store(&job->pages, addr >> PAGE_SHIFT, page,
			      GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL));
	if (!err)
		return 0;
	put_page(page);
	return ckpt_fail(ctx, err, "snapshot",
			 "out of memory for a list of pages");
}

static int keep_run(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		    struct ckpt_run *run)
{
	int err = 0;
	unsigned int i;

	for (i = 0; i < run->nr && !err; i++) {
		struct page *page = run->page[i];

		if (!page)
			continue;
		if (!job->keep_zero && page_is_zero(page)) {
			ctx->out.zero_pages++;
			continue;
		}
		err = keep_page(ctx, job, run->addr[i], page);
		if (job->mapping && !err) { /* it is a copy already */
			put_page(page);
			run->copy[i] = NULL;
		}
	}
	return err;
}

/**
 * ckpt_pages_keep() - take hold of the pages of an area, or copy shared memory
 * @ctx: checkpoint with a snapshot, tasks frozen
 * @job: which; it has no use for its address space or page cache any more;
 *	ckpt_pages_unkeep() lets go
 * @memcg: cgroup that pays for copies; or NULL
 *
 * For an area: right after a copy-on-write copy of the address space was made,
 * from there.  A page that more than its one mapping refers to is not changed
 * by whoever has it mapped, but copied first.  Or, without such a copy, with
 * @job->copy set: from the program's own.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_keep(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		    struct mem_cgroup *memcg)
{
	struct ckpt_pages *pages = ckpt_pages_get(ctx);
	struct ckpt_run *run;
	struct mem_cgroup *old;
	int err = 0;

	if (!pages)
		return -ENOMEM;
	run = ckpt_run_free(pages); /* none is in flight */
	old = set_active_memcg(memcg);
	xa_init_flags(&job->pages, XA_FLAGS_ACCOUNT);
	job->kept = ctx->snapshot;
	list_add_tail(&job->list, &job->kept->kept_jobs); /* not watched yet */
	run->next = job->start;
	while (!err && run->next < job->end) {
		err = job->mapping ? run_gather_shmem(ctx, job, run) :
				     run_gather(ctx, job, run);
		if (!err)
			err = keep_run(ctx, job, run);
		ckpt_run_put(run);
		if (!err && fatal_signal_pending(current))
			err = ckpt_fail(ctx, -EINTR, "image", "interrupted");
		cond_resched();
	}
	set_active_memcg(old);
	return err;
}

static void job_lose(struct ckpt_pages_job *job)
{
	unsigned long index;
	struct page *page;

	xa_for_each(&job->pages, index, page) {
		put_page(page);
		if (!(index % CKPT_RUN_PAGES))
			cond_resched();
	}
	xa_destroy(&job->pages);
}

/**
 * ckpt_pages_unkeep() - let go of what is left of the pages of a job
 * @job: job; its snapshot is there still
 */
void ckpt_pages_unkeep(struct ckpt_pages_job *job)
{
	struct ckpt_snapshot *snap = job->kept;

	if (!snap)
		return;
	mutex_lock(&snap->kept_lock);
	list_del(&job->list);
	job_lose(job);
	mutex_unlock(&snap->kept_lock);
	job->kept = NULL;
}

/**
 * ckpt_pages_lose() - free the pages that the jobs of a snapshot keep
 * @snap: snapshot, which is marked as lost; those that are being written right
 *	now are freed by who writes them
 */
void ckpt_pages_lose(struct ckpt_snapshot *snap)
{
	struct ckpt_pages_job *job;

	mutex_lock(&snap->kept_lock);
	list_for_each_entry(job, &snap->kept_jobs, list)
		job_lose(job);
	mutex_unlock(&snap->kept_lock);
}

static void drop_kept(struct ckpt_pages_job *job, const struct ckpt_run *run)
{
	struct page *page;
	unsigned int i;

	mutex_lock(&job->kept->kept_lock);
	for (i = 0; i < run->nr; i++) {
		page = xa_erase(&job->pages, run->addr[i] >> PAGE_SHIFT);
		if (page)
			put_page(page);
	}
	mutex_unlock(&job->kept->kept_lock);
}

/* What is out is not needed any more; huge pages go as a whole. */
static unsigned long drop_done(struct ckpt_pages_job *job, struct ckpt_run *run,
			       unsigned long from)
{
	unsigned long end = run->next;

	if (job->kept)
		drop_kept(job, run);
	if (!job->drop)
		return end;
	if (end != job->end)
		end &= PMD_MASK;
	if (end <= from)
		return from;
	K(do_madvise)(job->mm, from, end - from, MADV_DONTNEED);
	return end;
}

/* The next run of a job is on its way; *@next is where the one behind begins. */
static int stream_begin(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
			struct ckpt_run *run, unsigned long *next)
{
	struct ckpt_pages *pages = ctx->pages;
	int err;

	run->next = *next;
	run->keep_zero = job->keep_zero;
	run->pack = ctx->compress;
	run->rec.h.mm_objref = job->mm_objref;
	err = run_gather_any(ctx, job, run);
	if (!err && job->end - run->next >= CREW_WORTH &&
	    run->nr >= CKPT_COPY_PAGES)
		ckpt_pages_hire(ctx, run_work);
	if (!err && run->pack)
		err = ckpt_pages_prepare(ctx, run, ctx->compress);
	if (err) {
		ckpt_run_put(run);
		return err;
	}
	*next = run->next;
	ckpt_run_start(pages, run, run_work);
	return 0;
}

/* The oldest one goes out. */
static int stream_end(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		      unsigned long *dropped)
{
	struct ckpt_run *run = ckpt_run_finish(ctx->pages);
	int err = run_write(ctx, run);

	if (job->shared)
		ctx->out.shared_pages += run->rec.h.nr_pages;
	if (!err)
		*dropped = drop_done(job, run, *dropped);
	ckpt_run_put(run);
	if (!err && fatal_signal_pending(current))
		err = ckpt_fail(ctx, -EINTR, "image", "interrupted");
	cond_resched();
	return err;
}

/**
 * ckpt_pages_stream() - write the pages of an area
 * @ctx: checkpoint
 * @job: which; pages of a snapshot are given back as they are out
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_stream(struct ckpt_ctx *ctx, struct ckpt_pages_job *job)
{
	unsigned long next = job->start, dropped = job->start;
	struct ckpt_pages *pages = ckpt_pages_get(ctx);
	struct ckpt_run *run;
	int err = 0;

	if (!pages)
		return -ENOMEM;
	while (!err && (next < job->end || pages->flying)) {
		run = next < job->end ? ckpt_run_free(pages) : NULL;
		err = run ? stream_begin(ctx, job, run, &next) :
			    stream_end(ctx, job, &dropped);
	}
	while (pages->flying)
		ckpt_run_put(ckpt_run_finish(pages));
	return err;
}
