// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory protection keys: which ones an address space has allocated, the one of
 * areas that may be executed and nothing else, and the key of each area.  What
 * a task may do with each key is a register of its own, PKRU (cpu.c).
 *
 * Refused, at the restart: keys on a processor without them.
 *
 * Locking: mmap_lock.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pkeys.h>
#include <linux/syscalls.h>
#include <asm/mmu_context.h>
#include "../../ckpt.h"
#include "../../mm.h"

#define KEY_0_ONLY 1U
#define NO_KEY (-1)

/**
 * ckpt_pkeys_save() - the keys of an address space
 * @h: record to fill in
 * @mm: its address space
 */
void ckpt_pkeys_save(struct ckpt_hdr_mm *h, const struct mm_struct *mm)
{
	h->pkeys = KEY_0_ONLY;
	h->exec_pkey = NO_KEY;
#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
	if (!cpu_feature_enabled(X86_FEATURE_OSPKE))
		return;
	h->pkeys = mm->context.pkey_allocation_map;
	h->exec_pkey = mm->context.execute_only_pkey;
#endif
}

/**
 * ckpt_pkeys_of_flags() - the key of an area
 * @vm_flags: VM_*
 *
 * Return: its number.
 */
u32 ckpt_pkeys_of_flags(unsigned long vm_flags)
{
#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
	return (vm_flags & ARCH_VM_PKEY_FLAGS) >> VM_PKEY_SHIFT;
#else
	return 0;
#endif
}

/**
 * ckpt_pkeys_rights() - what current may do with each key
 *
 * Return: its PKRU.
 */
u32 ckpt_pkeys_rights(void)
{
	return arch_pkeys_enabled() ? rdpkru() : 0;
}

/**
 * ckpt_pkeys_set_rights() - give current back what it may do
 * @pkru: of ckpt_pkeys_rights()
 *
 * To map an area that may only be executed closes its key to the task.
 */
void ckpt_pkeys_set_rights(u32 pkru)
{
	/* thread.pkru is only written when the task leaves its CPU */
	if (arch_pkeys_enabled())
		wrpkru(pkru);
}

/**
 * ckpt_pkeys_check() - whether this processor has the keys that are wanted
 * @ctx: restart
 * @h: record of the address space
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pkeys_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_mm *h)
{
	if (h->pkeys == KEY_0_ONLY || arch_pkeys_enabled())
		return 0;
	return ckpt_fail(ctx, -EOPNOTSUPP, "memory",
			 "this processor has no protection keys, which the program uses");
}

/**
 * ckpt_pkeys_set() - allocate the keys of the image in an address space
 * @mm: new address space
 * @h: its record
 *
 * Before the areas are mapped, and once more behind: to map an executable area
 * can allocate a key.
 */
void ckpt_pkeys_set(struct mm_struct *mm, const struct ckpt_hdr_mm *h)
{
#ifdef CONFIG_X86_INTEL_MEMORY_PROTECTION_KEYS
	if (!cpu_feature_enabled(X86_FEATURE_OSPKE))
		return;
	mmap_write_lock(mm);
	mm->context.pkey_allocation_map = h->pkeys;
	mm->context.execute_only_pkey = h->exec_pkey;
	mmap_write_unlock(mm);
#endif
}

/**
 * ckpt_pkeys_area() - give an area its key
 * @ctx: restart, its new address space in use
 * @mm: that address space
 * @v: record of the area, which is mapped
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_pkeys_area(struct ckpt_ctx *ctx, struct mm_struct *mm,
		    const struct ckpt_hdr_vma *v)
{
	struct vm_area_struct *vma;
	u32 have = v->pkey;
	long err;

	if (!arch_pkeys_enabled())
		return v->pkey ?
			       ckpt_fail(ctx, -EINVAL, "area",
					 "%llx-%llx: a protection key that is not allocated",
					 v->start, v->end) :
			       0;
	mmap_read_lock(mm);
	vma = find_vma(mm, v->start);
	if (vma && vma->vm_start <= v->start)
		have = ckpt_pkeys_of_flags(vma->vm_flags);
	mmap_read_unlock(mm);
	if (have == v->pkey)
		return 0;
	err = ckpt_syscall(__NR_pkey_mprotect, v->start, v->end - v->start,
			   v->prot, v->pkey, 0, 0);
	if (err)
		return ckpt_fail(ctx, err, "area",
				 "%llx-%llx: cannot have protection key %u",
				 v->start, v->end, v->pkey);
	return 0;
}
