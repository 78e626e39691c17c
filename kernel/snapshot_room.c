// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory a snapshot may take, and how much it takes.
 *
 * A page that the program writes to while a snapshot has it is copied first.
 * The copy is the program's: its cgroup is charged, and at its limit the
 * program would be killed.  What is left below the limits is looked at before a
 * snapshot is taken and while there is one.
 *
 * Locking: the page tables are walked under the mmap_lock, for reading.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/page_counter.h>
#include <linux/pagewalk.h>
#include "compat/mm.h"
#include "ksym.h"
#include "snapshot.h"

#define RESERVE (16ULL << 20)

/**
 * ckpt_room_reserve() - what a snapshot leaves to others, in bytes
 *
 * Enough for what programs write between two looks.
 *
 * Return: bytes.
 */
u64 ckpt_room_reserve(void)
{
	return RESERVE;
}

#ifdef CONFIG_MEMCG
/* Pages of files, which the kernel takes back before it kills. */
static unsigned long memcg_file_pages(struct mem_cgroup *memcg)
{
	return K(memcg_page_state)(memcg, NR_INACTIVE_FILE) +
	       K(memcg_page_state)(memcg, NR_ACTIVE_FILE);
}

static unsigned long memcg_room(struct mem_cgroup *memcg, bool high)
{
	unsigned long room = ULONG_MAX, used, max;
	struct page_counter *counter;

	if (!memcg || mem_cgroup_disabled())
		return room;
	for (counter = &memcg->memory; counter; counter = counter->parent) {
		max = READ_ONCE(counter->max);
		if (high)
			max = min(max, READ_ONCE(counter->high));
		if (max == PAGE_COUNTER_MAX)
			continue;
		used = page_counter_read(counter);
		used -= min(used,
			    memcg_file_pages(container_of(counter,
							  struct mem_cgroup,
							  memory)));
		room = min(room, max - min(max, used));
	}
	return room;
}
#else
static unsigned long memcg_room(struct mem_cgroup *memcg, bool high)
{
	return ULONG_MAX;
}
#endif

/**
 * ckpt_room() - memory that is left, of the system and below a cgroup's limits
 * @memcg: cgroup, held; or NULL
 * @high: below memory.high, too: beyond it who takes more is held up
 *
 * Return: bytes.
 */
u64 ckpt_room(struct mem_cgroup *memcg, bool high)
{
	unsigned long system = max(si_mem_available(), 0L);

	return (u64)min(system, memcg_room(memcg, high)) << PAGE_SHIFT;
}

/* ---- what it takes ---- */

static int extra_huge(pmd_t *pmd, unsigned long addr, unsigned long next,
		      struct mm_walk *walk)
{
	u64 *extra = walk->private;
	struct page *page;
	spinlock_t *ptl; /* of the page table */

	cond_resched();
	if (!pmd_trans_huge(READ_ONCE(*pmd)))
		return 0;
	ptl = pmd_lock(walk->mm, pmd);
	if (pmd_trans_huge(*pmd)) {
		page = pmd_page(*pmd) +
		       ((addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT);
		for (; PageAnon(page) && addr < next; addr += PAGE_SIZE)
			if (ckpt_page_mapcount(page++) == 1)
				*extra += PAGE_SIZE;
		walk->action = ACTION_CONTINUE;
	} else {
		walk->action = ACTION_AGAIN;
	}
	spin_unlock(ptl);
	return 0;
}

/* The page table lock is held. */
static int extra_pte(pte_t *pte, unsigned long addr, unsigned long next,
		     struct mm_walk *walk)
{
	u64 *extra = walk->private;
	pte_t entry = *pte;

	if (pte_present(entry) && !pte_special(entry) &&
	    PageAnon(pte_page(entry)) &&
	    ckpt_page_mapcount(pte_page(entry)) == 1)
		*extra += PAGE_SIZE;
	return 0;
}

static const struct mm_walk_ops extra_ops = { .pmd_entry = extra_huge,
					      .pte_entry = extra_pte,
					      CKPT_WALK_LOCK };

/**
 * ckpt_room_extra() - memory that only a snapshot has
 * @mm: its address space
 *
 * Pages that the program has changed since, and those that it has given back.
 *
 * Return: bytes.
 */
u64 ckpt_room_extra(struct mm_struct *mm)
{
	u64 extra = 0;

	mmap_read_lock(mm);
	K(walk_page_range)(mm, 0, TASK_SIZE_MAX, &extra_ops, &extra);
	mmap_read_unlock(mm);
	return extra;
}
