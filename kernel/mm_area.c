// SPDX-License-Identifier: GPL-2.0-only
/*
 * Areas of memory.
 *
 * Captured: addresses, protection, protection key, mapped file and offset in it,
 * what madvise() and mlock() have set; the pages are pages.c's.
 * Restored by what mmap(), madvise() and mlock() use, with the caller's rights
 * and limits, while the new address space is current's.
 *
 * Locking: the mmap_lock for what no call does.
 */
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/syscalls.h>
#include <asm/vdso.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "ksym.h"
#include "mm.h"
#include "obj_file.h"
#include "pages.h"
#include "sync.h"

/* Flags that have the same meaning here and in the image. */
static const struct {
	unsigned long vm;
	u32 image;
	int advice; /* what madvise() sets it; 0: something else does */
} area_flags[] = {
	{ VM_GROWSDOWN, CKPT_VMA_GROWSDOWN, 0 },
	{ VM_NORESERVE, CKPT_VMA_NORESERVE, 0 },
	{ VM_LOCKED, CKPT_VMA_LOCKED, 0 },
	{ VM_LOCKONFAULT, CKPT_VMA_LOCKONFAULT, 0 },
	{ VM_SEQ_READ, CKPT_VMA_SEQ_READ, MADV_SEQUENTIAL },
	{ VM_RAND_READ, CKPT_VMA_RAND_READ, MADV_RANDOM },
	{ VM_DONTCOPY, CKPT_VMA_DONTFORK, MADV_DONTFORK },
	{ VM_WIPEONFORK, CKPT_VMA_WIPEONFORK, MADV_WIPEONFORK },
	{ VM_DONTDUMP, CKPT_VMA_DONTDUMP, MADV_DONTDUMP },
	{ VM_HUGEPAGE, CKPT_VMA_HUGEPAGE, MADV_HUGEPAGE },
	{ VM_NOHUGEPAGE, CKPT_VMA_NOHUGEPAGE, MADV_NOHUGEPAGE },
	{ VM_MERGEABLE, CKPT_VMA_MERGEABLE, MADV_MERGEABLE },
};

/* ---- checkpoint ---- */

/**
 * ckpt_area_copy() - note what an area is
 * @area: out: with a reference to its file
 * @vma: area, under its mmap_lock
 */
void ckpt_area_copy(struct ckpt_mm_area *area, struct vm_area_struct *vma)
{
	area->start = vma->vm_start;
	area->end = vma->vm_end;
	area->flags = vma->vm_flags;
	area->pgoff = vma->vm_pgoff;
	area->file = vma->vm_file ? get_file(vma->vm_file) : NULL;
	area->held = area->file;
	area->special = vma->vm_ops == KDATA(special_mapping_vmops);
	area->ops = vma->vm_ops;
	area->written = vma->anon_vma;
#ifdef CONFIG_NUMA
	area->policy = vma->vm_policy;
#endif
}

/**
 * ckpt_area_save() - write the records of an area
 * @ctx: checkpoint
 * @area: area, checked, its file saved
 * @mm: its address space
 * @objref: that one's number
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_area_save(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area,
		   struct mm_struct *mm, int objref)
{
	struct ckpt_hdr_vma *h;
	int i;

	h = ckpt_out_rec(ctx, CKPT_HDR_VMA, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->start = area->start;
	h->end = area->end;
	h->kind = area->kind;
	if (area->flags & VM_READ)
		h->prot |= PROT_READ;
	if (area->flags & VM_WRITE)
		h->prot |= PROT_WRITE;
	if (area->flags & VM_EXEC)
		h->prot |= PROT_EXEC;
	if (area->special)
		return 0;
	h->pkey = ckpt_pkeys_of_flags(area->flags);
	for (i = 0; i < ARRAY_SIZE(area_flags); i++)
		if (area->flags & area_flags[i].vm)
			h->flags |= area_flags[i].image;
	if (area->file) {
		h->pgoff = area->pgoff;
		h->file_objref = ckpt_obj_ref(ctx, area->file);
	}
	if (area->kind != CKPT_VMA_SHARED_FILE)
		return ckpt_out_pages(ctx, h, objref, mm);
	if (area->flags & VM_MAYWRITE)
		h->flags |= CKPT_VMA_MAYWRITE;
	return 0;
}

/**
 * ckpt_area_write_back() - bring what is dirty in a shared mapping to its file
 * @ctx: checkpoint
 * @area: area
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_area_write_back(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area)
{
	if (area->kind != CKPT_VMA_SHARED_FILE || !(area->flags & VM_MAYWRITE))
		return 0;
	return ckpt_sync_contents(ctx, area->file,
				  (loff_t)area->pgoff << PAGE_SHIFT,
				  area->end - area->start);
}

/* ---- restart ---- */

/* Where the vdso's pieces stand; it is mapped at its first one. */
static int vdso_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr_vma *v,
			const struct ckpt_hdr_mm *h)
{
	const struct vdso_image *image = KDATA(vdso_image_64);
	int err;

	if (v->start >= h->vdso + image->sym_vvar_start &&
	    v->end <= h->vdso + image->size && current->mm->context.vdso)
		return 0; /* another piece of it */
	if (v->start != h->vdso + image->sym_vvar_start)
		return ckpt_fail(ctx, -EINVAL, "area",
				 "the vdso is not where the image says");
	err = K(map_vdso_once)(image, v->start);
	if (err)
		return ckpt_fail(ctx, err, "area",
				 "cannot map the vdso at %#llx", v->start);
	if ((unsigned long)current->mm->context.vdso != h->vdso)
		return ckpt_fail(ctx, -EINVAL, "area",
				 "the vdso did not land at %#llx", h->vdso);
	return 0;
}

static struct ckpt_staged_file *area_file(struct ckpt_ctx *ctx,
					  const struct ckpt_hdr_vma *v)
{
	struct ckpt_staged_file *sf;
	int err;

	if (v->kind == CKPT_VMA_ANON)
		return NULL;
	sf = ckpt_file_stage(ctx, v->file_objref, "mapped file");
	if (IS_ERR(sf))
		return sf;
	if (v->kind == CKPT_VMA_FILE) {
		err = ckpt_file_check_unchanged(ctx, v->file_objref);
		if (err)
			return ERR_PTR(err);
	}
	return sf;
}

static int area_map(struct ckpt_ctx *ctx, const struct ckpt_hdr_vma *v)
{
	unsigned long flags = MAP_FIXED_NOREPLACE | MAP_FIXED, addr;
	struct ckpt_staged_file *sf = area_file(ctx, v);
	struct file *file;
	unsigned int seals;

	if (IS_ERR(sf))
		return PTR_ERR(sf);
	file = sf ? sf->file : NULL;
	if (file && file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC)
		return ckpt_refuse(ctx, "area", "%llx-%llx: %s", v->start,
				   v->end, "a hugetlb mapping");
	flags |= v->kind == CKPT_VMA_SHARED_FILE ? MAP_SHARED : MAP_PRIVATE;
	if (!file)
		flags |= MAP_ANONYMOUS;
	if (v->flags & CKPT_VMA_GROWSDOWN)
		flags |= MAP_GROWSDOWN;
	if (v->flags & CKPT_VMA_NORESERVE)
		flags |= MAP_NORESERVE;
	seals = ckpt_shmem_map_begin(sf, v->flags & CKPT_VMA_MAYWRITE);
	addr = vm_mmap(file, v->start, v->end - v->start, v->prot, flags,
		       file ? v->pgoff << PAGE_SHIFT : 0);
	ckpt_shmem_map_end(sf, seals);
	if (addr == v->start)
		return 0;
	if (IS_ERR_VALUE(addr))
		return ckpt_fail(ctx, (long)addr, "area",
				 "%llx-%llx: cannot map %s", v->start, v->end,
				 file ? "the file" : "memory");
	vm_munmap(addr, v->end - v->start);
	return ckpt_fail(ctx, -EINVAL, "area", "%llx-%llx: it landed elsewhere",
			 v->start, v->end);
}

/*
 * As mlockall() does it, which does not mind pages that cannot be had: those
 * behind the end of a file, or of PROT_NONE.
 */
static int area_lock(struct ckpt_ctx *ctx, struct mm_struct *mm,
		     const struct ckpt_hdr_vma *v)
{
	int onfault = v->flags & CKPT_VMA_LOCKONFAULT ? MLOCK_ONFAULT : 0;
	struct vm_area_struct *vma;
	bool locked;
	int err;

	err = ckpt_syscall(__NR_mlock2, v->start, v->end - v->start, onfault, 0,
			   0, 0);
	if (err == -ENOMEM) {
		mmap_read_lock(mm);
		vma = find_vma(mm, v->start);
		locked = vma && vma->vm_start <= v->start &&
			 vma->vm_end >= v->end && (vma->vm_flags & VM_LOCKED);
		mmap_read_unlock(mm);
		if (locked)
			return 0;
	}
	if (err)
		return ckpt_fail(ctx, err, "area",
				 "%llx-%llx: cannot lock it in memory (RLIMIT_MEMLOCK)",
				 v->start, v->end);
	return 0;
}

/* Fixed while the areas were filled: what madvise() and mlock() had set. */
static int area_advise(struct ckpt_ctx *ctx, struct mm_struct *mm,
		       const struct ckpt_hdr_vma *v)
{
	unsigned long len = v->end - v->start;
	struct vm_area_struct *vma;
	int i, err;

	mmap_write_lock(mm);
	vma = find_vma(mm, v->start);
	if (vma && vma->vm_start <= v->start)
		ckpt_vma_flags_mod(vma, 0, VM_HUGEPAGE | VM_NOHUGEPAGE);
	mmap_write_unlock(mm);
	for (i = 0; i < ARRAY_SIZE(area_flags); i++) {
		if (!area_flags[i].advice || !(v->flags & area_flags[i].image))
			continue;
		err = K(do_madvise)(mm, v->start, len, area_flags[i].advice);
		if (err)
			return ckpt_fail(ctx, err, "area",
					 "%llx-%llx: madvise(%d) failed",
					 v->start, v->end,
					 area_flags[i].advice);
	}
	return v->flags & CKPT_VMA_LOCKED ? area_lock(ctx, mm, v) : 0;
}

/**
 * ckpt_area_restore() - read an area and map it
 * @ctx: restart, at its VMA record
 * @mm: address space, current's for the time of the restore
 * @h: its record
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_area_restore(struct ckpt_ctx *ctx, struct mm_struct *mm,
		      const struct ckpt_hdr_mm *h)
{
	const struct ckpt_hdr *rec = ckpt_in_expect(ctx, CKPT_HDR_VMA);
	struct ckpt_hdr_vma v;
	int err;

	if (IS_ERR(rec))
		return PTR_ERR(rec);
	v = *(const struct ckpt_hdr_vma *)rec;
	if (v.kind == CKPT_VMA_VDSO || v.kind == CKPT_VMA_VVAR)
		return vdso_restore(ctx, &v, h);
	err = area_map(ctx, &v);
	if (err)
		return err;
	while ((err = ckpt_in_peek(ctx)) == CKPT_HDR_PGARR) {
		rec = ckpt_in_rec(ctx);
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		if (v.kind == CKPT_VMA_SHARED_FILE)
			return ckpt_fail(ctx, -EINVAL, "area",
					 "%llx-%llx: pages for a shared file",
					 v.start, v.end);
		err = ckpt_pages_fill(ctx, mm,
				      (const struct ckpt_hdr_pgarr *)rec);
		if (err)
			return err;
		cond_resched();
	}
	if (err >= 0)
		err = ckpt_pages_fill_end(ctx);
	if (!err)
		err = area_advise(ctx, mm, &v);
	return err ?: ckpt_pkeys_area(ctx, mm, &v);
}
