// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of an address space the image can hold: the whitelist.
 *
 * Refused: areas of drivers, hugetlb, userfaultfd, shadow stacks, sealed or
 * droppable areas, NUMA policies, a vdso that was moved apart or written to;
 * LDT, uprobes, an address space shared with another process.
 */
#include <linux/hugetlb_inline.h>
#include <linux/ksm.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/pkeys.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/uprobes.h>
#include <linux/userfaultfd_k.h>
#include <asm/vdso.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "ksym.h"
#include "mm.h"
#include "obj_file.h"

#define VM_KNOWN                                                               \
	(VM_READ | VM_WRITE | VM_EXEC | VM_SHARED | VM_MAYREAD | VM_MAYWRITE | \
	 VM_MAYEXEC | VM_MAYSHARE | VM_GROWSDOWN | VM_LOCKED |                 \
	 VM_LOCKONFAULT | VM_SEQ_READ | VM_RAND_READ | VM_DONTCOPY |           \
	 VM_ACCOUNT | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP |             \
	 VM_SOFTDIRTY | VM_HUGEPAGE | VM_NOHUGEPAGE | VM_MERGEABLE |           \
	 ARCH_VM_PKEY_FLAGS)

static const struct {
	unsigned long flag;
	const char *name;
} vm_names[] = {
	{ VM_HUGETLB, "a hugetlb mapping" },
	{ VM_PFNMAP | VM_IO | VM_MIXEDMAP, "a mapping of a device" },
	{ VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR, "userfaultfd" },
	{ VM_SEALED, "a sealed area" },
	{ VM_DROPPABLE, "a droppable area" },
	{ VM_DONTEXPAND, "a mapping that a driver made" },
};

static int refuse_flags(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area,
			unsigned long odd)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(vm_names); i++)
		if (odd & vm_names[i].flag)
			return ckpt_refuse(ctx, "area", "%lx-%lx: %s",
					   area->start, area->end,
					   vm_names[i].name);
	return ckpt_refuse(ctx, "area", "%lx-%lx: the flag %#lx", area->start,
			   area->end, odd);
}

/* The kernel's own areas: vdso and vvar. */
static int check_special(struct ckpt_ctx *ctx, const struct ckpt_mm_area *area,
			 const struct mm_struct *mm)
{
	unsigned long text = (unsigned long)mm->context.vdso;

	if (mm->context.vdso_image != KDATA(vdso_image_64))
		return ckpt_refuse(ctx, "area",
				   "%lx-%lx: a vdso of 32-bit or x32",
				   area->start, area->end);
	if (area->written)
		return ckpt_refuse(ctx, "area", "%lx-%lx: a written vdso",
				   area->start, area->end);
	if (area->start == text &&
	    area->end == text + KDATA(vdso_image_64)->size)
		return CKPT_VMA_VDSO;
	if (area->end <= text &&
	    area->start >= text + KDATA(vdso_image_64)->sym_vvar_start)
		return CKPT_VMA_VVAR;
	return ckpt_refuse(ctx, "area", "%lx-%lx: %s, moved or uprobes' own",
			   area->start, area->end, "a special mapping");
}

/**
 * ckpt_area_kind() - which kind of area the image can hold this one as
 * @ctx: checkpoint
 * @mm: its address space
 * @area: copy of the area
 *
 * Return: enum ckpt_vma_kind, or a negative errno that has been reported.
 */
int ckpt_area_kind(struct ckpt_ctx *ctx, const struct mm_struct *mm,
		   const struct ckpt_mm_area *area)
{
	unsigned long odd = area->flags & ~VM_KNOWN;

	if (area->special)
		return check_special(ctx, area, mm);
	if (odd)
		return refuse_flags(ctx, area, odd);
	if (area->policy)
		return ckpt_refuse(ctx, "area", "%lx-%lx: a NUMA policy",
				   area->start, area->end);
	if (!area->file)
		return area->ops ? ckpt_refuse(ctx, "area",
					       "%lx-%lx: a special mapping",
					       area->start, area->end) :
				   CKPT_VMA_ANON;
	/* VM_SHARED is absent where the file was not open for writing. */
	if (!(area->flags & VM_MAYSHARE))
		return CKPT_VMA_FILE;
	if (shmem_mapping(area->file->f_mapping) &&
	    !file_inode(area->file)->i_nlink && !ckpt_file_is_shmem(area->file))
		return ckpt_refuse(ctx, "area", "%lx-%lx: %s", area->start,
				   area->end,
				   "SysV shared memory, or an unlinked file on tmpfs, or memory of a driver");
	return CKPT_VMA_SHARED_FILE;
}

/**
 * ckpt_mm_check() - refuse an address space that the image cannot hold
 * @ctx: checkpoint
 * @mm: the task's address space
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_mm_check(struct ckpt_ctx *ctx, struct mm_struct *mm)
{
	const char *odd = ckpt_mm_new_state(mm);

	if (odd)
		return ckpt_refuse(ctx, "memory", "%s", odd);
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	if (mm->context.ldt)
		return ckpt_refuse(ctx, "memory", "%s", "an LDT");
#endif
	if (test_bit(MMF_HAS_UPROBES, &mm->flags))
		return ckpt_refuse(ctx, "memory", "%s", "a uprobe");
	if (mm->def_flags & ~(VM_LOCKED | VM_LOCKONFAULT | VM_NOHUGEPAGE))
		return ckpt_refuse(ctx, "memory", "default area flags %#lx",
				   mm->def_flags);
	return 0;
}

/**
 * ckpt_mm_check_restarter() - refuse a restarter whose address space hands on
 * what the program's had not
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_mm_check_restarter(struct ckpt_ctx *ctx)
{
	if (!ckpt_mm_hands_on_mdwe(current->mm))
		return 0;
	return ckpt_fail(ctx, -EBUSY, "caller",
			 "the program could not be rid of what it has: memory-deny-write-execute (PR_SET_MDWE, MemoryDenyWriteExecute=)");
}
