// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an address space is registered for with membarrier(2).
 *
 * Locking: none; the state is atomic, and set by membarrier() itself.
 */
#include <linux/membarrier.h>
#include <linux/sched/mm.h>
#include <linux/syscalls.h>
#include "ckpt.h"
#include "mm.h"

static const struct {
	u32 image;
	int state; /* of the mm_struct */
	int cmd; /* that registers */
} registrations[] = {
	{ CKPT_MM_MEMBARRIER_GLOBAL, MEMBARRIER_STATE_GLOBAL_EXPEDITED,
	  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED },
	{ CKPT_MM_MEMBARRIER_PRIVATE, MEMBARRIER_STATE_PRIVATE_EXPEDITED,
	  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED },
	{ CKPT_MM_MEMBARRIER_SYNC_CORE,
	  MEMBARRIER_STATE_PRIVATE_EXPEDITED_SYNC_CORE,
	  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE },
	{ CKPT_MM_MEMBARRIER_RSEQ, MEMBARRIER_STATE_PRIVATE_EXPEDITED_RSEQ,
	  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ },
};

/**
 * ckpt_membarrier_save() - registrations of an address space
 * @mm: address space
 *
 * Return: CKPT_MM_MEMBARRIER_*.
 */
u32 ckpt_membarrier_save(const struct mm_struct *mm)
{
	int state = atomic_read(&mm->membarrier_state);
	u32 flags = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(registrations); i++)
		if (state & registrations[i].state)
			flags |= registrations[i].image;
	return flags;
}

/**
 * ckpt_membarrier_commit() - register current's address space
 * @ctx: restart, committing; the address space stays
 * @flags: CKPT_MM_MEMBARRIER_*
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_membarrier_commit(struct ckpt_ctx *ctx, u32 flags)
{
	long err;
	int i;

	for (i = 0; i < ARRAY_SIZE(registrations); i++) {
		if (!(flags & registrations[i].image))
			continue;
		err = ckpt_syscall(__NR_membarrier, registrations[i].cmd, 0, 0,
				   0, 0, 0);
		if (err)
			return ckpt_fail(ctx, err, "memory",
					 "membarrier() takes no registration %d",
					 registrations[i].cmd);
	}
	return 0;
}
