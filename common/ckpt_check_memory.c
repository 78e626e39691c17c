// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of records of memory: address spaces, areas, runs of pages.
 */
#include "ckpt_field.h"

#define MM_FLAGS_KNOWN                                                       \
	(CKPT_MM_DUMPABLE_MASK | CKPT_MM_THP_DISABLE | CKPT_MM_LOCK_FUTURE | \
	 CKPT_MM_LOCK_ONFAULT | CKPT_MM_TOPDOWN | CKPT_MM_MDWE |             \
	 CKPT_MM_MEMBARRIER_GLOBAL | CKPT_MM_MEMBARRIER_PRIVATE |            \
	 CKPT_MM_MEMBARRIER_SYNC_CORE | CKPT_MM_MEMBARRIER_RSEQ)
#define DUMP_FILTER_KNOWN 0x1ffU /* core(5), nine bits */
#define PROT_KNOWN 7U
#define SEAL_SEAL 1U /* F_SEAL_SEAL: what has no seals cannot get any */

static int range_bad(__u64 start, __u64 end)
{
	return start > end || end > CKPT_ADDR_END;
}

static const char *mm_addresses(const struct ckpt_hdr_mm *r)
{
	if (range_bad(r->start_code, r->end_code) ||
	    range_bad(r->start_data, r->end_data))
		return "mm: bad range of code or data";
	if (range_bad(r->start_brk, r->brk))
		return "mm: bad brk";
	if (range_bad(r->arg_start, r->arg_end) ||
	    range_bad(r->env_start, r->env_end))
		return "mm: bad range of arguments or environment";
	if (r->start_stack > CKPT_ADDR_END || r->mmap_base > CKPT_ADDR_END ||
	    r->mmap_legacy_base > CKPT_ADDR_END)
		return "mm: address beyond user space";
	if ((r->mmap_base | r->mmap_legacy_base) & CKPT_PAGE_MASK)
		return "mm: base of mappings not page aligned";
	if (r->vdso & CKPT_PAGE_MASK || r->vdso >= CKPT_ADDR_END)
		return "mm: bad address of the vdso";
	return NULL;
}

static const char *check_mm(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_mm *r = (const void *)h;

	if (r->objref < 1)
		return "mm: objref not positive";
	if (r->flags & ~MM_FLAGS_KNOWN)
		return "mm: unknown flags";
	if ((r->flags & CKPT_MM_DUMPABLE_MASK) == CKPT_MM_DUMPABLE_MASK)
		return "mm: dumpable out of range";
	if (r->nr_vmas < 1 || r->nr_vmas > CKPT_VMAS_MAX)
		return "mm: bad number of areas";
	if (r->exe_objref < 0)
		return "mm: negative objref of the exe link";
	if (r->dump_filter & ~DUMP_FILTER_KNOWN)
		return "mm: unknown bits in dump_filter";
	if (r->nr_auxv > CKPT_AUXV_MAX)
		return "mm: too many auxv words";
	if (!(r->pkeys & 1) || r->pkeys >> CKPT_PKEYS)
		return "mm: bad map of protection keys";
	if (r->exec_pkey != -1 &&
	    (r->exec_pkey < 1 || r->exec_pkey >= CKPT_PKEYS ||
	     !(r->pkeys >> r->exec_pkey & 1)))
		return "mm: bad protection key of executable areas";
	if (!ckpt_tail_ok(h, sizeof(*r), r->nr_auxv * sizeof(__u64)))
		return "mm: length does not match";
	return mm_addresses(r);
}

static const char *vma_flags(const struct ckpt_hdr_vma *r)
{
	const __u32 huge = CKPT_VMA_HUGEPAGE | CKPT_VMA_NOHUGEPAGE;
	const __u32 advice = CKPT_VMA_SEQ_READ | CKPT_VMA_RAND_READ;

	if (r->prot & ~PROT_KNOWN)
		return "vma: unknown protection";
	if (r->flags & ~CKPT_VMA_FLAGS)
		return "vma: unknown flags";
	if ((r->flags & huge) == huge || (r->flags & advice) == advice)
		return "vma: flags contradict each other";
	return NULL;
}

static const char *check_vma(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_vma *r = (const void *)h;
	int of_file;

	if ((r->start | r->end) & CKPT_PAGE_MASK)
		return "vma: address not page aligned";
	if (r->start >= r->end)
		return "vma: end not above start";
	if (r->end > CKPT_ADDR_END)
		return "vma: beyond user space";
	if (r->kind < 1 || r->kind >= CKPT_VMA_KINDS)
		return "vma: unknown kind";
	of_file = r->kind == CKPT_VMA_FILE || r->kind == CKPT_VMA_SHARED_FILE;
	if (of_file ? r->file_objref < 1 : r->file_objref != 0)
		return "vma: bad objref of a file";
	if (r->pkey >= CKPT_PKEYS)
		return "vma: protection key out of range";
	if (r->pad)
		return "vma: padding not zero";
	if (r->pgoff >= 1ULL << 52)
		return "vma: page offset out of range";
	if (!ckpt_padded_ok(r->name, sizeof(r->name)))
		return "vma: name not padded with zeros";
	if (r->name[0] && r->kind != CKPT_VMA_ANON)
		return "vma: name of an area that is not anonymous";
	return vma_flags(r);
}

static const char *check_shmem(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_shmem *r = (const void *)h;

	if (r->objref < 1)
		return "shmem: objref not positive";
	if (r->kind < 1 || r->kind >= CKPT_SHMEM_KINDS)
		return "shmem: unknown kind";
	if (r->size > CKPT_ADDR_END)
		return "shmem: size out of range";
	if (r->flags & ~CKPT_SHMEM_NORESERVE)
		return "shmem: unknown flags";
	if (r->seals & ~CKPT_SHMEM_SEALS)
		return "shmem: unknown seals";
	if (r->i_mode >> 12 != 010)
		return "shmem: not the mode of a regular file";
	if (r->name_len < 1 || r->name_len > CKPT_SHMEM_NAME_MAX)
		return "shmem: bad length of its name";
	if (!ckpt_tail_ok(h, sizeof(*r), r->name_len))
		return "shmem: length does not match";
	if (!ckpt_string_ok(r->name, r->name_len))
		return "shmem: name not terminated at its end";
	if (r->kind == CKPT_SHMEM_MEMFD)
		return r->flags ? NULL : "shmem: a memfd reserves nothing";
	if (r->seals != SEAL_SEAL || r->name[0])
		return "shmem: seals or a name of anonymous memory";
	return NULL;
}

static const char *check_pgarr(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_pgarr *r = (const void *)h;
	const struct ckpt_page_range *g;
	const char *why = ckpt_check_pgarr_head(r);
	__u64 min = 0, pages = 0;
	__u32 i;

	if (why)
		return why;
	for (i = 0; i < r->nr_ranges; i++) {
		g = &r->range[i];
		if (g->start & CKPT_PAGE_MASK)
			return "pgarr: address not page aligned";
		if (g->flags & ~(CKPT_PAGES_ZERO | CKPT_PAGES_HUGE))
			return "pgarr: unknown flags";
		if (!g->nr_pages)
			return "pgarr: empty range";
		if (g->start < min)
			return "pgarr: ranges overlap or do not rise";
		if (g->start > CKPT_ADDR_END)
			return "pgarr: range beyond user space";
		min = g->start + (__u64)g->nr_pages * CKPT_PAGE_SIZE;
		if (min > CKPT_ADDR_END)
			return "pgarr: range beyond user space";
		if (!(g->flags & CKPT_PAGES_ZERO))
			pages += g->nr_pages;
	}
	return pages == r->nr_pages ? NULL :
				      "pgarr: pages do not match its ranges";
}

/**
 * ckpt_check_memory() - check MM, VMA, PGARR, SHMEM
 * @h: record, of a PGARR all but its pages; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_memory(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_MM:
		return check_mm(h);
	case CKPT_HDR_VMA:
		return check_vma(h);
	case CKPT_HDR_SHMEM:
		return check_shmem(h);
	default:
		return check_pgarr(h);
	}
}
