/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs of pages: what pages.c, pages_out.c and pages_in.c know of each other. */
#ifndef _CKPT_RUN_H
#define _CKPT_RUN_H

#include <linux/bvec.h>
#include <linux/mm.h>
#include <linux/types.h>
#include <linux/xxhash.h>
#include <linux/ckpt_image.h>
#include "crew.h"

struct address_space;
struct ckpt_ctx;
struct ckpt_packer;
struct file;
struct mm_struct;

#define CKPT_RUN_BYTES (CKPT_RUN_PAGES * PAGE_SIZE)
#define CKPT_COPY_PAGES 32U /* of shared memory that are copied at a time */

/**
 * struct ckpt_run - one run on its way out or in; used again and again
 * @work: for the crew; who has it is the only one to touch the rest meanwhile
 * @pack: it is to be packed
 * @keep_zero: as its job's
 * @hashed: in: @hash is there
 * @err: in: what the work has found: 0 or a negative errno
 * @why: in: its text; NULL: the page at @bad_addr cannot be made
 * @rec_pos: in: where its record begins in the image
 * @mm: in: address space that its pages are still to be made in, held; or NULL
 * @file: in: the operation's file, if the contents are still to be read; or NULL
 * @pos: in: from here
 * @bad_addr: in: address or offset of a page that could not be made
 * @sum: in: checksum of the record up to the contents
 * @page: its pages, NULL for one that is not there
 * @held: those of which it has a reference, which for a huge page is one
 * @addr: address of each page, or offset
 * @huge: it lies within a huge one
 * @vec: memory of the pages with contents
 * @hash: of each page with contents
 * @nr: entries of @page
 * @nr_held: entries of @held
 * @vecs: entries of @vec
 * @nr_zero: pages of zeros among them
 * @next: walk on from here
 * @copy: copies of shared memory, as far as needed
 * @len: bytes that go out behind its record
 * @packed: room for packed contents, CKPT_RUN_BYTES; NULL: not needed so far
 * @rec: its record
 */
struct ckpt_run {
	struct ckpt_work work;
	bool pack, keep_zero, hashed;
	int err;
	const char *why;
	u64 rec_pos;
	struct mm_struct *mm;
	struct file *file;
	loff_t pos;
	unsigned long bad_addr;
	struct xxh64_state sum;
	struct page *page[CKPT_RUN_PAGES];
	struct page *held[CKPT_RUN_PAGES];
	unsigned long addr[CKPT_RUN_PAGES];
	bool huge[CKPT_RUN_PAGES];
	struct bio_vec vec[CKPT_RUN_PAGES];
	u64 hash[CKPT_RUN_PAGES];
	unsigned int nr, nr_held, vecs, nr_zero;
	unsigned long next;
	struct page *copy[CKPT_COPY_PAGES];
	size_t len;
	u8 *packed;
	struct {
		struct ckpt_hdr_pgarr h;
		struct ckpt_page_range range[CKPT_RUN_PAGES];
	} rec;
};

/**
 * struct ckpt_pages - what an operation needs for pages
 * @run: a ring of them
 * @nr: how many there are
 * @first: the oldest one in flight
 * @flying: how many are, one behind the other
 * @packer: of the caller, or NULL
 * @crew: who helps him, or NULL
 * @alone: nobody is to help
 * @kind: in: CKPT_KIND_* that a fault gives in the area at hand; 0: nobody has said
 */
struct ckpt_pages {
	struct ckpt_run *run[CKPT_WORKERS_MAX + 2];
	unsigned int nr, first, flying;
	struct ckpt_packer *packer;
	struct ckpt_crew *crew;
	bool alone;
	unsigned int kind;
};

struct ckpt_pages *ckpt_pages_get(struct ckpt_ctx *ctx);
int ckpt_pages_prepare(struct ckpt_ctx *ctx, struct ckpt_run *run,
		       u32 compress);
void ckpt_pages_hire(struct ckpt_ctx *ctx, ckpt_work_fn fn);
struct ckpt_run *ckpt_run_free(struct ckpt_pages *pages);
void ckpt_run_start(struct ckpt_pages *pages, struct ckpt_run *run,
		    ckpt_work_fn fn);
struct ckpt_run *ckpt_run_finish(struct ckpt_pages *pages);
void ckpt_run_put(struct ckpt_run *run);
void ckpt_run_put_dirty(struct ckpt_run *run);

/* pages_make.c */
#define CKPT_KIND_SMALL 1U /* pages */
#define CKPT_KIND_HUGE 2U

static inline unsigned int ckpt_kind_of(const struct ckpt_page_range *r)
{
	return r->flags & CKPT_PAGES_HUGE ? CKPT_KIND_HUGE : CKPT_KIND_SMALL;
}

void ckpt_area_want(struct mm_struct *mm, unsigned long addr,
		    unsigned int kind);
int ckpt_run_make(struct ckpt_run *run, struct mm_struct *mm,
		  const struct ckpt_hdr_pgarr *rec);
int ckpt_run_make_mixed(struct ckpt_run *run, struct mm_struct *mm,
			const struct ckpt_hdr_pgarr *rec);
int ckpt_run_make_zero(struct ckpt_run *run, struct mm_struct *mm,
		       const struct ckpt_hdr_pgarr *rec);
int ckpt_run_make_shmem(struct ckpt_run *run, struct address_space *mapping,
			const struct ckpt_hdr_pgarr *rec);

/* A reference that the run gives back; one holds all of a huge page. */
static inline void ckpt_run_hold(struct ckpt_run *run, struct page *page)
{
	run->held[run->nr_held++] = page;
}

/* A page that joins the one before in memory joins it in the vector too. */
static inline void ckpt_run_vec_add(struct ckpt_run *run, struct page *page)
{
	struct bio_vec *vec = &run->vec[run->vecs];

	if (run->vecs && page_address(vec[-1].bv_page) + vec[-1].bv_len ==
				 page_address(page)) {
		vec[-1].bv_len += PAGE_SIZE;
		return;
	}
	vec->bv_page = page;
	vec->bv_offset = 0;
	vec->bv_len = PAGE_SIZE;
	run->vecs++;
}

static inline u64 ckpt_page_hash(struct page *page)
{
	return xxh64(page_address(page), PAGE_SIZE, 0);
}

#endif /* _CKPT_RUN_H */
