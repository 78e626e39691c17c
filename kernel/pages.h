/* SPDX-License-Identifier: GPL-2.0-only */
/* Contents of memory: the stream's pages, out and in. */
#ifndef _CKPT_PAGES_H
#define _CKPT_PAGES_H

#include <linux/types.h>

struct ckpt_ctx;
struct ckpt_hdr_pgarr;
struct iov_iter;
struct mm_struct;
struct vm_area_struct;

/**
 * struct ckpt_pages_job - pages of one area to be streamed
 * @mm: address space, held by the objhash
 * @start: first address
 * @end: behind the last
 * @mm_objref: objref of @mm
 * @keep_zero: a page of zeros hides something else (a file's page): tell it
 */
struct ckpt_pages_job {
	struct mm_struct *mm;
	unsigned long start, end;
	int mm_objref;
	bool keep_zero;
};

int ckpt_pages_stream(struct ckpt_ctx *ctx, const struct ckpt_pages_job *job);
void ckpt_pages_free(struct ckpt_ctx *ctx);
int ckpt_pages_fill(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    const struct ckpt_hdr_pgarr *rec);

/* io.c, for pages.c alone */
int ckpt_out_iter(struct ckpt_ctx *ctx, struct iov_iter *iter);
void ckpt_out_count(struct ckpt_ctx *ctx, u64 csum);
int ckpt_in_iter(struct ckpt_ctx *ctx, struct iov_iter *iter);
int ckpt_in_pages_verify(struct ckpt_ctx *ctx);

#endif /* _CKPT_PAGES_H */
