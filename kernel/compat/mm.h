/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/mm.h, linux/uio.h: memory of a task, and vectored I/O. */
#ifndef _CKPT_COMPAT_MM_H
#define _CKPT_COMPAT_MM_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <asm/mmu_context.h>
#include "../ksym.h"

/* 6.5: get_user_pages_remote() lost its vmas, walks say how they lock */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define CKPT_WALK_LOCK .walk_lock = PGWALK_RDLOCK,
static inline long ckpt_get_pages(struct mm_struct *mm, unsigned long start,
				  unsigned long nr, unsigned int flags,
				  struct page **pages, int *locked)
{
	return get_user_pages_remote(mm, start, nr, flags, pages, locked);
}
#else
#define CKPT_WALK_LOCK
static inline long ckpt_get_pages(struct mm_struct *mm, unsigned long start,
				  unsigned long nr, unsigned int flags,
				  struct page **pages, int *locked)
{
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL, locked);
}
#endif

/* 6.3: flags of an area are changed through functions */
static inline void ckpt_vma_flags_mod(struct vm_area_struct *vma,
				      unsigned long set, unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags |= set;
	vma->vm_flags &= ~clear;
#endif
}

/* 6.7: vfs_iter_write() protects against a frozen file system itself */
static inline ssize_t ckpt_iter_write(struct file *file, struct iov_iter *iter,
				      loff_t *pos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return vfs_iter_write(file, iter, pos, 0);
#else
	ssize_t n;

	file_start_write(file);
	n = vfs_iter_write(file, iter, pos, 0);
	file_end_write(file);
	return n;
#endif
}

/* 6.10: the direction of mmap()'s search is a flag, not a function */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
static inline bool ckpt_mm_topdown(const struct mm_struct *mm)
{
	return test_bit(MMF_TOPDOWN, &mm->flags);
}

static inline void ckpt_mm_set_topdown(struct mm_struct *mm, bool topdown)
{
	if (topdown)
		set_bit(MMF_TOPDOWN, &mm->flags);
	else
		clear_bit(MMF_TOPDOWN, &mm->flags);
}
#else
static inline bool ckpt_mm_topdown(const struct mm_struct *mm)
{
	return (void *)mm->get_unmapped_area ==
	       (void *)KDATA(arch_get_unmapped_area_topdown);
}

static inline void ckpt_mm_set_topdown(struct mm_struct *mm, bool topdown)
{
	mm->get_unmapped_area =
		topdown ? (void *)KDATA(arch_get_unmapped_area_topdown) :
			  (void *)KDATA(arch_get_unmapped_area);
}
#endif

/* How often a page is mapped. */
static inline int ckpt_page_mapcount(struct page *page)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	/* 6.9: a matter of folios; 6.12: page_mapcount() is gone */
	struct folio *folio = page_folio(page);

	if (!folio_test_large(folio))
		return folio_mapcount(folio);
	return atomic_read(&page->_mapcount) + 1 + folio_entire_mapcount(folio);
#else
	return page_mapcount(page);
#endif
}

/* As every program of 64 bits has it, where the kernel offers the vsyscall page. */
static inline void ckpt_mm_set_vsyscall(struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	__set_bit(MM_CONTEXT_HAS_VSYSCALL, &mm->context.flags);
#else
	mm->context.flags |= MM_CONTEXT_HAS_VSYSCALL;
#endif
}

/*
 * Make @mm the address space of current instead of @old.  @fresh: it has never
 * run.  The caller keeps one user reference on whichever is not in use.
 */
static inline void ckpt_mm_switch(struct mm_struct *old, struct mm_struct *mm,
				  bool fresh)
{
	struct task_struct *t = current;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	K(sched_mm_cid_before_execve)(t);
	if (fresh)
		mm_init_cid(mm);
#else
	K(sync_mm_rss)(old);
#endif
	task_lock(t);
	if (fresh)
		K(membarrier_exec_mmap)(mm);
	local_irq_disable();
	t->active_mm = mm;
	t->mm = mm;
	if (!fresh)
		K(membarrier_update_current_mm)(mm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	if (fresh)
		paravirt_enter_mmap(mm);
#else
	if (fresh)
		paravirt_activate_mm(old, mm);
#endif
	K(switch_mm_irqs_off)(old, mm, t);
	local_irq_enable();
#ifdef CONFIG_LRU_GEN
	if (fresh)
		K(lru_gen_add_mm)(mm);
#endif
	task_unlock(t);
	lru_gen_use_mm(mm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	K(sched_mm_cid_after_execve)(t);
#endif
}

/* Flags that a new address space inherits, and that the image had refused. */
#ifdef MMF_VM_MERGE_ANY_MASK
/* 6.4: new */
#define CKPT_MMF_NOT_KEPT (MMF_DISABLE_THP_MASK | MMF_VM_MERGE_ANY_MASK)
#else
#define CKPT_MMF_NOT_KEPT MMF_DISABLE_THP_MASK
#endif

/* Flags of areas and of address spaces that only newer kernels have. */
#ifndef VM_DROPPABLE
#define VM_DROPPABLE 0
#endif
#ifndef VM_SEALED
#define VM_SEALED 0
#endif

/*
 * Pages of a kind (MM_ANONPAGES, ...), within 64 for each thread.
 * 6.2: per-CPU counters, whose cheap value is off by more with each CPU.
 */
static inline long ckpt_mm_counter(struct mm_struct *mm, int kind)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	return percpu_counter_sum_positive(&mm->rss_stat[kind]);
#else
	return get_mm_counter(mm, kind);
#endif
}

/* Whether those that come of it may not have writable code (6.3: new). */
static inline bool ckpt_mm_hands_on_mdwe(const struct mm_struct *mm)
{
#ifdef MMF_HAS_MDWE_NO_INHERIT
	if (test_bit(MMF_HAS_MDWE_NO_INHERIT, &mm->flags))
		return false;
#endif
#ifdef MMF_HAS_MDWE
	return test_bit(MMF_HAS_MDWE, &mm->flags);
#else
	return false;
#endif
}

/* Why an address space cannot be saved because of something new; or NULL. */
static inline const char *ckpt_mm_new_state(const struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	if (test_bit(MMF_HAS_MDWE, &mm->flags))
		return "memory-deny-write-execute (PR_SET_MDWE)";
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	if (test_bit(MMF_VM_MERGE_ANY, &mm->flags))
		return "merging of all pages (PR_SET_MEMORY_MERGE)";
#endif
#ifdef CONFIG_ADDRESS_MASKING
	if (mm->context.lam_cr3_mask)
		return "linear address masking";
#endif
	return NULL;
}

#endif /* _CKPT_COMPAT_MM_H */
