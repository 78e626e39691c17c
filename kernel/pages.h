/* SPDX-License-Identifier: GPL-2.0-only */
/* Contents of memory: the stream's pages, out and in. */
#ifndef _CKPT_PAGES_H
#define _CKPT_PAGES_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct address_space;
struct ckpt_ctx;
struct ckpt_hdr_pgarr;
struct ckpt_snapshot;
struct file;
struct iov_iter;
struct mem_cgroup;
struct mm_struct;
struct vm_area_struct;
struct xxh64_state;

/**
 * struct ckpt_pages_job - pages of one area, or of shared memory, to be streamed
 * @mm: address space, held by the objhash; or NULL
 * @mapping: page cache of shared memory, likewise
 * @start: first address, or offset
 * @end: behind the last
 * @mm_objref: objref of the object that they belong to
 * @shared: they are of shared memory
 * @keep_zero: a page of zeros hides something else (a file's page): tell it
 * @drop: @mm is a copy of the program's: give its pages back as they are out
 * @copy: the program changes its pages soon: keep copies of them
 * @kept: snapshot that has the pages in @pages, whatever becomes of @mm and
 *	@mapping; or NULL
 * @list: in the snapshot's list of such jobs
 * @pages: by address or offset in pages, each with a reference
 */
struct ckpt_pages_job {
	struct mm_struct *mm;
	struct address_space *mapping;
	unsigned long start, end;
	int mm_objref;
	bool shared;
	bool keep_zero;
	bool drop;
	bool copy;
	struct ckpt_snapshot *kept;
	struct list_head list;
	struct xarray pages;
};

int ckpt_pages_keep(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		    struct mem_cgroup *memcg);
void ckpt_pages_unkeep(struct ckpt_pages_job *job);
void ckpt_pages_lose(struct ckpt_snapshot *snap);
int ckpt_pages_stream(struct ckpt_ctx *ctx, struct ckpt_pages_job *job);
void ckpt_pages_free(struct ckpt_ctx *ctx);
int ckpt_pages_fill(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    const struct ckpt_hdr_pgarr *rec);
int ckpt_pages_fill_end(struct ckpt_ctx *ctx);
int ckpt_pages_fill_shmem(struct ckpt_ctx *ctx, struct address_space *mapping,
			  const struct ckpt_hdr_pgarr *rec);

/* io.c, for pages.c alone */
int ckpt_out_iter(struct ckpt_ctx *ctx, struct iov_iter *iter);
void ckpt_out_count(struct ckpt_ctx *ctx, u64 csum);
int ckpt_in_iter(struct ckpt_ctx *ctx, struct iov_iter *iter);
struct file *ckpt_in_apart(struct ckpt_ctx *ctx, size_t len, loff_t *pos);
void ckpt_in_pages_count(struct ckpt_ctx *ctx, struct xxh64_state *sum);

#endif /* _CKPT_PAGES_H */
