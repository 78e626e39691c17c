// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots while their programs run on: how many there are, and how much
 * memory is left.
 *
 * One piece of work looks at all of them, every LOOK_MS.  A snapshot that takes
 * too much is given up: it loses its pages at once, the stream then fails.
 *
 * Locking: watched_lock is held while the list is looked through, mmap_lock or a
 * snapshot's kept_lock inside.  @lost is set before pages are freed: who has
 * walked a copy and then finds @lost clear has seen all of them.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/oom.h>
#include <linux/workqueue.h>
#include "ckpt.h"
#include "ksym.h"
#include "pages.h"
#include "snapshot.h"

#define LOOK_MS 10 /* at the memory that is left */
#define WALK_SHARE 20 /* of the time, at most, for counting pages: 1/20 */
#define OF_ONE_USER 64 /* snapshots at a time; CAP_SYS_RESOURCE: any number */

/* Why a snapshot was given up. */
enum { LOST_NOT, LOST_ROOM, LOST_EXTRA, LOST_KILLED };

static LIST_HEAD(watched);
static DEFINE_MUTEX(watched_lock); /* protects it */
static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(looking, look);

static void space_lose(const struct ckpt_space *space)
{
	if (space->mm)
		K(do_madvise)(space->mm, 0, TASK_SIZE_MAX, MADV_DONTNEED);
}

/* Free the pages; the copies themselves are the session's. */
static void give_up(struct ckpt_snapshot *snap, int why)
{
	u32 i;

	if (atomic_cmpxchg(&snap->lost, LOST_NOT, why) != LOST_NOT)
		return;
	for (i = 0; i < snap->nr; i++)
		space_lose(&snap->space[i]);
	ckpt_pages_lose(snap);
}

static bool room_left(const struct ckpt_snapshot *snap)
{
	const struct mem_cgroup *last = NULL;
	u32 i;

	for (i = 0; i < snap->nr; i++) {
		struct mem_cgroup *memcg = snap->space[i].memcg;

		if (i && memcg == last)
			continue;
		if (ckpt_room(memcg, false) < ckpt_room_reserve())
			return false;
		last = memcg;
	}
	return true;
}

static bool extra_too_much(const struct ckpt_snapshot *snap)
{
	u64 extra = snap->copied;
	u32 i;

	for (i = 0; i < snap->nr && extra <= snap->max_extra; i++)
		if (snap->space[i].mm)
			extra += ckpt_room_extra(snap->space[i].mm);
	return extra > snap->max_extra;
}

static void look_at(struct ckpt_snapshot *snap)
{
	u64 now = ktime_get_ns();

	if (atomic_read(&snap->lost))
		return;
	if (!room_left(snap))
		give_up(snap, LOST_ROOM);
	if (!snap->max_extra || now < snap->next_walk)
		return;
	if (extra_too_much(snap))
		give_up(snap, LOST_EXTRA);
	snap->next_walk = ktime_get_ns();
	snap->next_walk += WALK_SHARE * (snap->next_walk - now);
}

static void look(struct work_struct *work)
{
	struct ckpt_snapshot *snap;

	mutex_lock(&watched_lock);
	list_for_each_entry(snap, &watched, list)
		if (snap->complete)
			look_at(snap);
	if (!list_empty(&watched))
		queue_delayed_work(system_unbound_wq, &looking,
				   msecs_to_jiffies(LOOK_MS));
	mutex_unlock(&watched_lock);
}

/**
 * ckpt_snapshot_count() - whether the caller may have one more snapshot
 * @ctx: checkpoint; its snapshot counts from now on, until
 *	ckpt_snapshot_unwatch()
 *
 * The kernel's memory and time that each one takes are not all charged to him.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_snapshot_count(struct ckpt_ctx *ctx)
{
	struct ckpt_snapshot *snap = ctx->snapshot, *other;
	unsigned int nr = 0;

	snap->uid = current_uid();
	mutex_lock(&watched_lock);
	list_for_each_entry(other, &watched, list)
		nr += uid_eq(other->uid, snap->uid);
	if (nr < OF_ONE_USER || capable(CAP_SYS_RESOURCE))
		list_add(&snap->list, &watched);
	mutex_unlock(&watched_lock);
	if (!list_empty(&snap->list))
		return 0;
	return ckpt_fail(ctx, -EBUSY, "snapshot",
			 "%u checkpoints of yours are being written already: wait for one, or use --stop-copy",
			 nr);
}

/**
 * ckpt_snapshot_watch() - watch the memory of a snapshot that is complete
 * @snap: counted; its worker has ended
 */
void ckpt_snapshot_watch(struct ckpt_snapshot *snap)
{
	mutex_lock(&watched_lock);
	snap->complete = true;
	queue_delayed_work(system_unbound_wq, &looking,
			   msecs_to_jiffies(LOOK_MS));
	mutex_unlock(&watched_lock);
}

/**
 * ckpt_snapshot_unwatch() - neither watch nor count it any more
 * @snap: snapshot; nobody looks at it when this returns
 */
void ckpt_snapshot_unwatch(struct ckpt_snapshot *snap)
{
	mutex_lock(&watched_lock);
	list_del_init(&snap->list);
	mutex_unlock(&watched_lock);
}

/**
 * ckpt_snapshot_exit() - the module ends, and there are no snapshots
 */
void ckpt_snapshot_exit(void)
{
	cancel_delayed_work_sync(&looking);
}

static bool was_reaped(const struct ckpt_snapshot *snap)
{
	u32 i;

	for (i = 0; i < snap->nr; i++)
		if (snap->space[i].mm &&
		    test_bit(MMF_UNSTABLE, &snap->space[i].mm->flags))
			return true;
	return false;
}

/**
 * ckpt_snapshot_check() - whether what was just read from the snapshot is right
 * @ctx: checkpoint
 *
 * Return: 0, or a negative errno that has been reported: it was given up.
 */
int ckpt_snapshot_check(struct ckpt_ctx *ctx)
{
	struct ckpt_snapshot *snap = ctx->snapshot;
	int lost;

	if (!snap)
		return 0;
	lost = atomic_read(&snap->lost);
	if (!lost && was_reaped(snap))
		lost = LOST_KILLED;
	switch (lost) {
	case LOST_NOT:
		return 0;
	case LOST_EXTRA:
		return ckpt_fail(ctx, -ENOMEM, "snapshot",
				 "given up: it took more than %llu KiB (--max-extra); the program runs on",
				 snap->max_extra >> 10);
	default:
		return ckpt_fail(ctx, -ENOMEM, "snapshot",
				 "given up: memory ran short (see memory.max of the program's cgroup); the program runs on");
	}
}
