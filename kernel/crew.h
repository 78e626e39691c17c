/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel threads that help an operation with its runs of pages. */
#ifndef _CKPT_CREW_H
#define _CKPT_CREW_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/ckpt.h>

struct ckpt_crew;
struct ckpt_packer;

#define CKPT_WORKERS_USUAL 8U /* if the caller does not say how many */

/**
 * struct ckpt_work - something to be done by whoever comes first
 * @list: in the list of what nobody has begun
 * @done: it is over
 */
struct ckpt_work {
	struct list_head list;
	bool done;
};

typedef void (*ckpt_work_fn)(struct ckpt_work *work,
			     struct ckpt_packer *packer);

unsigned int ckpt_workers(unsigned int asked);
struct ckpt_crew *ckpt_crew_start(unsigned int workers, ckpt_work_fn fn);
void ckpt_crew_stop(struct ckpt_crew *crew);
bool ckpt_crew_pack(struct ckpt_crew *crew, u32 compress);
void ckpt_crew_give(struct ckpt_crew *crew, struct ckpt_work *work);
void ckpt_crew_await(struct ckpt_crew *crew, struct ckpt_work *work,
		     struct ckpt_packer *packer);

#endif /* _CKPT_CREW_H */
