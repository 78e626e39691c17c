/* SPDX-License-Identifier: GPL-2.0-only */
/* Address spaces: what obj_mm.c, mm_area.c and mm_check.c know of each other. */
#ifndef _CKPT_MM_H
#define _CKPT_MM_H

#include <linux/types.h>

struct ckpt_ctx;
struct file;
struct mm_struct;
struct vm_area_struct;

/**
 * struct ckpt_mm_area - copy of an area, taken under the mmap_lock
 * @start: first address
 * @end: behind the last
 * @flags: VM_*
 * @pgoff: offset in the file, in pages
 * @file: mapped file, or NULL
 * @held: with a reference: the objhash has none yet
 * @ops: it has operations (a driver's or a file system's)
 * @special: it is one of the kernel's own (vdso, vvar)
 * @policy: it has a NUMA policy
 * @written: it has private pages
 * @kind: enum ckpt_vma_kind, when it has been checked
 */
struct ckpt_mm_area {
	unsigned long start, end, flags, pgoff;
	struct file *file;
	bool held, ops, special, policy, written;
	int kind;
};

/**
 * struct ckpt_mm_copy - copy of the list of an address space's areas
 * @mm: address space, which the objhash holds
 * @nr: how many
 * @area: by rising address
 */
struct ckpt_mm_copy {
	struct mm_struct *mm;
	unsigned int nr;
	struct ckpt_mm_area area[];
};

struct ckpt_hdr_mm;
struct ckpt_hdr_vma;

/* obj_mm.c */
bool ckpt_mm_shared(struct ckpt_ctx *ctx, const struct mm_struct *mm);

/* arch/x86/pkeys.c */
void ckpt_pkeys_save(struct ckpt_hdr_mm *h, const struct mm_struct *mm);
u32 ckpt_pkeys_rights(void);
void ckpt_pkeys_set_rights(u32 pkru);
u32 ckpt_pkeys_of_flags(unsigned long vm_flags);
int ckpt_pkeys_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_mm *h);
void ckpt_pkeys_set(struct mm_struct *mm, const struct ckpt_hdr_mm *h);
int ckpt_pkeys_area(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    const struct ckpt_hdr_vma *v);

/* mm_area.c */
void ckpt_area_copy(struct ckpt_mm_area *area, struct vm_area_struct *vma);
int ckpt_area_save(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area,
		   struct mm_struct *mm, int objref);
int ckpt_area_write_back(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area);
int ckpt_area_restore(struct ckpt_ctx *ctx, struct mm_struct *mm,
		      const struct ckpt_hdr_mm *h);

/* membarrier.c */
u32 ckpt_membarrier_save(const struct mm_struct *mm);
int ckpt_membarrier_commit(struct ckpt_ctx *ctx, u32 flags);

/* mm_check.c */
int ckpt_mm_check_restarter(struct ckpt_ctx *ctx);
int ckpt_mm_check(struct ckpt_ctx *ctx, struct mm_struct *mm);
int ckpt_area_kind(struct ckpt_ctx *ctx, const struct mm_struct *mm,
		   const struct ckpt_mm_area *area);

#endif /* _CKPT_MM_H */
