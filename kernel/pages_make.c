// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of a run on its way in: made where they belong, in a new address
 * space or in shared memory, and pinned by the run.
 *
 * An error is a negative errno, with the address (or offset) of the page in the
 * run's @bad_addr; it is the caller's to report.
 *
 * Locking: mmap_lock, taken here.  Several threads may make pages in an area at
 * the same time, but not while ckpt_area_want() changes what a fault gives there.
 */
#include <linux/highmem.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include "compat/mm.h"
#include "run.h"

/**
 * ckpt_area_want() - say whether faults give huge pages, or small ones
 * @mm: address space
 * @addr: address in the area
 * @kind: CKPT_KIND_*
 *
 * The area's VM_HUGEPAGE and VM_NOHUGEPAGE are overwritten.
 */
void ckpt_area_want(struct mm_struct *mm, unsigned long addr, unsigned int kind)
{
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	vma = find_vma(mm, addr);
	if (vma && vma->vm_start <= addr) {
		if (kind == CKPT_KIND_HUGE)
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

	if (mmap_read_lock_killable(mm))
		return -EINTR;
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

static int bad_page(struct ckpt_run *run, u64 addr, int err)
{
	run->bad_addr = addr;
	return err;
}

/* Make and take the pages of a range; up to the run's end. */
static int range_make(struct ckpt_run *run, struct mm_struct *mm,
		      const struct ckpt_page_range *r)
{
	unsigned int got = 0, want = CKPT_RUN_PAGES;
	u64 addr;
	long n;

	if (WARN_ON_ONCE(run->nr + r->nr_pages > CKPT_RUN_PAGES))
		return bad_page(run, r->start, -EINVAL);
	if (ckpt_kind_of(r) == CKPT_KIND_HUGE)
		want = 1;
	while (got < r->nr_pages) {
		addr = r->start + (u64)got * PAGE_SIZE;
		n = pages_make(mm, run, addr, min(want, r->nr_pages - got));
		if (n < 0 || fatal_signal_pending(current))
			return bad_page(run, addr, n < 0 ? n : -EINTR);
		got += n;
		if (PageCompound(run->page[run->nr - 1]))
			got += pages_follow(run, r->nr_pages - got);
		else
			want = CKPT_RUN_PAGES; /* no huge ones to be had */
	}
	return 0;
}

/**
 * ckpt_run_make() - make the pages of a run that have contents
 * @run: keeps them, in order
 * @mm: new address space
 * @rec: the run's record
 *
 * All of them are of the kind that their area gives.
 *
 * Context: any thread; @mm is held by the caller.
 * Return: 0 or a negative errno.
 */
int ckpt_run_make(struct ckpt_run *run, struct mm_struct *mm,
		  const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	int err = 0;

	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++)
		if (!(r->flags & CKPT_PAGES_ZERO))
			err = range_make(run, mm, r);
	return err;
}

/**
 * ckpt_run_make_mixed() - the same, of a run with huge and small pages
 * @run: keeps them, in order
 * @mm: new address space, in which nobody else makes pages
 * @rec: the run's record
 *
 * Return: 0 or a negative errno.
 */
int ckpt_run_make_mixed(struct ckpt_run *run, struct mm_struct *mm,
			const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	unsigned int kind = 0;
	int err = 0;

	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++) {
		if (r->flags & CKPT_PAGES_ZERO)
			continue;
		if (kind != ckpt_kind_of(r)) {
			kind = ckpt_kind_of(r);
			ckpt_area_want(mm, r->start, kind);
		}
		err = range_make(run, mm, r);
	}
	return err;
}

static int zero_some(struct ckpt_run *run, struct mm_struct *mm,
		     const struct ckpt_page_range *part)
{
	int err = range_make(run, mm, part);
	unsigned int i;

	for (i = 0; !err && i < run->nr; i++)
		clear_highpage(run->page[i]);
	ckpt_run_put_dirty(run);
	return err;
}

/**
 * ckpt_run_make_zero() - make the pages of a run that are zeros
 * @run: empty run, and empty again then
 * @mm: new address space
 * @rec: the run's record
 *
 * Return: 0 or a negative errno.
 */
int ckpt_run_make_zero(struct ckpt_run *run, struct mm_struct *mm,
		       const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	struct ckpt_page_range part;
	unsigned int done;
	int err;

	for (r = rec->range; r < rec->range + rec->nr_ranges; r++) {
		if (!(r->flags & CKPT_PAGES_ZERO))
			continue;
		part = *r;
		for (done = 0; done < r->nr_pages; done += part.nr_pages) {
			part.start = r->start + (u64)done * PAGE_SIZE;
			part.nr_pages = min_t(u32, r->nr_pages - done,
					      CKPT_RUN_PAGES);
			err = zero_some(run, mm, &part);
			if (err)
				return err;
		}
	}
	return 0;
}

static int range_make_shmem(struct ckpt_run *run, struct address_space *mapping,
			    const struct ckpt_page_range *r)
{
	struct page *page;
	u64 off;
	u32 i;

	if (WARN_ON_ONCE(run->nr + r->nr_pages > CKPT_RUN_PAGES))
		return bad_page(run, r->start, -EINVAL);
	for (i = 0; i < r->nr_pages; i++) {
		off = r->start + (u64)i * PAGE_SIZE;
		page = fatal_signal_pending(current) ?
			       ERR_PTR(-EINTR) :
			       shmem_read_mapping_page(mapping,
						       off >> PAGE_SHIFT);
		if (IS_ERR(page))
			return bad_page(run, off, PTR_ERR(page));
		run->page[run->nr++] = page;
		ckpt_run_hold(run, page);
	}
	return 0;
}

/**
 * ckpt_run_make_shmem() - make the pages of a run of shared memory
 * @run: keeps them, in order
 * @mapping: page cache, new and seen by nobody else
 * @rec: the run's record, none of its ranges with flags
 *
 * Context: the restarting task, whose cgroup pays.
 * Return: 0 or a negative errno.
 */
int ckpt_run_make_shmem(struct ckpt_run *run, struct address_space *mapping,
			const struct ckpt_hdr_pgarr *rec)
{
	const struct ckpt_page_range *r;
	int err = 0;

	for (r = rec->range; !err && r < rec->range + rec->nr_ranges; r++)
		err = range_make_shmem(run, mapping, r);
	return err;
}
