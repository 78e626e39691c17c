/* SPDX-License-Identifier: GPL-2.0-only */
/* Snapshots of memory: what snapshot*.c offer, and what they share. */
#ifndef _CKPT_SNAPSHOT_H
#define _CKPT_SNAPSHOT_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct ckpt_ctx;
struct ckpt_mm_copy;
struct mem_cgroup;
struct mm_struct;
struct task_struct;

/**
 * struct ckpt_space - the copy of one address space
 * @areas: list of its areas, and the program's address space; only while the
 *	snapshot is taken
 * @pages: so many are copied at once instead, @mm stays NULL; or 0
 * @mm: the copy, or NULL
 * @memcg: cgroup that pays for the program's memory, held; or NULL
 * @born: the child has handed over @mm
 */
struct ckpt_space {
	const struct ckpt_mm_copy *areas;
	unsigned int pages;
	struct mm_struct *mm;
	struct mem_cgroup *memcg;
	struct completion born;
};

/**
 * struct ckpt_snapshot - all memory of a tree
 * @list: in the list of those that are watched
 * @uid: user that has it
 * @complete: the copies are made
 * @next_walk: when its pages are counted again, in ns
 * @worker: kernel thread, held; NULL once the copies are made, and when
 *	everything is copied at once
 * @taken: it has made the copies, or @err says why not
 * @kept: the caller has what it needs of files' areas, or has given up
 * @strip: they are to leave the copies
 * @stripped: they have
 * @killed: nobody wants the copies any more
 * @err: 0 or a negative errno
 * @copied: bytes of shared memory, which are copied at once
 * @kept_lock: protects @kept_jobs and the pages of those
 * @kept_jobs: jobs whose pages do not come from a copy of an address space
 * @max_extra: give up beyond that, in bytes; 0: no limit
 * @lost: 0, or why it was given up
 * @nr: copies
 * @space: the copies, by address of the program's own address space
 */
struct ckpt_snapshot {
	struct list_head list;
	kuid_t uid;
	bool complete;
	u64 next_walk;
	struct task_struct *worker;
	struct completion taken, kept, stripped;
	bool strip, killed;
	int err;
	u64 copied, max_extra;
	struct mutex kept_lock; /* of @kept_jobs, and their pages */
	struct list_head kept_jobs;
	atomic_t lost;
	u32 nr;
	struct ckpt_space space[];
};

/* snapshot.c */
int ckpt_snapshot_take(struct ckpt_ctx *ctx, u64 max_extra);
void ckpt_snapshot_free(struct ckpt_ctx *ctx);

/* snapshot_watch.c */
int ckpt_snapshot_count(struct ckpt_ctx *ctx);
void ckpt_snapshot_watch(struct ckpt_snapshot *snap);
void ckpt_snapshot_unwatch(struct ckpt_snapshot *snap);
int ckpt_snapshot_check(struct ckpt_ctx *ctx);
void ckpt_snapshot_exit(void);

/* snapshot_room.c */
u64 ckpt_room(struct mem_cgroup *memcg, bool high);
u64 ckpt_room_reserve(void);
u64 ckpt_room_extra(struct mm_struct *mm);

#endif /* _CKPT_SNAPSHOT_H */
