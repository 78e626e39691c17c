// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs of pages: what an operation needs for them, on their way out
 * (pages_out.c) and in (pages_in.c, pages_make.c).  All of it is taken when it
 * is first needed, used for each run, and given back at the end.
 *
 * The caller begins with a run, hands it over (to a crew, once there is so much
 * that it is worth one, or to himself), and takes the oldest one back when it is
 * done: the order of the stream is his.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "compress.h"
#include "pages.h"
#include "run.h"

/* No other memory, and nobody's life, is worth it. */
#define GFP_EXTRA (GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

static struct ckpt_run *run_alloc(gfp_t gfp)
{
	return kvzalloc(sizeof(struct ckpt_run), gfp);
}

static void run_free(struct ckpt_run *run)
{
	unsigned int i;

	ckpt_run_put(run);
	for (i = 0; i < CKPT_COPY_PAGES; i++)
		if (run->copy[i])
			__free_page(run->copy[i]);
	kvfree(run->packed);
	kvfree(run);
}

/**
 * ckpt_pages_get() - what an operation needs for pages
 * @ctx: operation
 *
 * Return: with one run at least, until ckpt_pages_free(); or NULL: that has been
 * reported.
 */
struct ckpt_pages *ckpt_pages_get(struct ckpt_ctx *ctx)
{
	struct ckpt_pages *pages = ctx->pages;

	if (pages)
		return pages;
	pages = kzalloc(sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (pages)
		pages->run[0] = run_alloc(GFP_KERNEL_ACCOUNT);
	if (!pages || !pages->run[0]) {
		kfree(pages);
		ckpt_fail(ctx, -ENOMEM, "memory",
			  "out of memory for a run of pages");
		return NULL;
	}
	pages->nr = 1;
	ctx->pages = pages;
	return pages;
}

/**
 * ckpt_pages_prepare() - get ready for packed contents
 * @ctx: operation
 * @run: run that will hold them
 * @compress: CKPT_COMPRESS_* to pack with; CKPT_COMPRESS_NONE: to unpack; for an
 *	operation always the same
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pages_prepare(struct ckpt_ctx *ctx, struct ckpt_run *run, u32 compress)
{
	struct ckpt_pages *pages = ctx->pages;

	if (!run->packed)
		run->packed = kvmalloc(CKPT_RUN_BYTES, GFP_KERNEL_ACCOUNT);
	if (!pages->packer)
		pages->packer = ckpt_packer_alloc(compress);
	if (run->packed && pages->packer &&
	    (!pages->crew || ckpt_crew_pack(pages->crew, compress)))
		return 0;
	return ckpt_fail(ctx, -ENOMEM, "memory",
			 "out of memory for compression (%u workers)",
			 ctx->op->workers);
}

/**
 * ckpt_pages_hire() - there is much to do: get a crew, if the caller wants one
 * @ctx: operation, no run in flight
 * @fn: what to do with a run
 */
void ckpt_pages_hire(struct ckpt_ctx *ctx, ckpt_work_fn fn)
{
	struct ckpt_pages *pages = ctx->pages;
	unsigned int want = ctx->op->workers + 2;

	if (pages->alone || pages->crew || pages->flying)
		return;
	pages->crew = ckpt_crew_start(ctx->op->workers, fn);
	pages->alone = !pages->crew;
	pages->first = 0;
	while (pages->crew && pages->nr < want) {
		pages->run[pages->nr] = run_alloc(GFP_EXTRA);
		if (!pages->run[pages->nr])
			break;
		pages->nr++;
	}
}

/**
 * ckpt_run_free() - a run to begin with
 * @pages: of the operation
 *
 * Return: the run, or NULL: all are in flight.
 */
struct ckpt_run *ckpt_run_free(struct ckpt_pages *pages)
{
	if (pages->flying == pages->nr)
		return NULL;
	return pages->run[(pages->first + pages->flying) % pages->nr];
}

/**
 * ckpt_run_start() - have a run worked on
 * @pages: of the operation
 * @run: that of ckpt_run_free()
 * @fn: that of ckpt_pages_hire()
 */
void ckpt_run_start(struct ckpt_pages *pages, struct ckpt_run *run,
		    ckpt_work_fn fn)
{
	pages->flying++;
	if (pages->crew)
		ckpt_crew_give(pages->crew, &run->work);
	else
		fn(&run->work, pages->packer);
}

/**
 * ckpt_run_finish() - wait until the oldest run in flight is done
 * @pages: of the operation, a run in flight
 *
 * Return: the run, which is free from now on: done with before the next one is
 * begun.
 */
struct ckpt_run *ckpt_run_finish(struct ckpt_pages *pages)
{
	struct ckpt_run *run = pages->run[pages->first];

	if (pages->crew)
		ckpt_crew_await(pages->crew, &run->work, pages->packer);
	pages->first = (pages->first + 1) % pages->nr;
	pages->flying--;
	return run;
}

/**
 * ckpt_run_put() - give back the pages of a run, and their address space
 * @run: run, which is empty then
 */
void ckpt_run_put(struct ckpt_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_held; i++)
		put_page(run->held[i]);
	run->nr_held = 0;
	run->nr = 0;
	if (run->mm)
		mmput(run->mm);
	run->mm = NULL;
}

/**
 * ckpt_run_put_dirty() - the same, of pages that have been written to
 * @run: run, which is empty then
 */
void ckpt_run_put_dirty(struct ckpt_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nr_held; i++)
		set_page_dirty(run->held[i]);
	ckpt_run_put(run);
}

/**
 * ckpt_pages_free() - free what an operation needs for pages
 * @ctx: operation
 */
void ckpt_pages_free(struct ckpt_ctx *ctx)
{
	struct ckpt_pages *pages = ctx->pages;
	unsigned int i;

	if (!pages)
		return;
	while (pages->flying)
		ckpt_run_finish(pages);
	ckpt_crew_stop(pages->crew);
	ckpt_packer_free(pages->packer);
	for (i = 0; i < pages->nr; i++)
		run_free(pages->run[i]);
	kfree(pages);
	ctx->pages = NULL;
}
