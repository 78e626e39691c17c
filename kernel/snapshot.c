// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots of memory: what a checkpoint streams while the program runs on.
 *
 * The address spaces of the tree are copied as fork() copies them, copy-on-write,
 * while all tasks are frozen: they show one instant.  A kernel thread, the
 * worker, works in each of them for a moment and makes a child, which exits at
 * once; what stays is its address space, ours alone.  So RLIMIT_NPROC and the
 * cgroups of caller and program don't count the child, its parent is not told of
 * its end, and no signal reaches it; who watches all processes (the process
 * connector, accounting) sees one of root's.  Page tables are charged to the
 * program's own cgroup.
 *
 * What a child would not inherit (MADV_DONTFORK, MADV_WIPEONFORK) it does here:
 * the marks are off meanwhile.
 *
 * A mapped file that is held could be noticed: as one more user by the next
 * checkpoint, by who seals a memfd or unmounts a file system.  Areas of files
 * leave the copy at once: a reference is taken to each of their private pages.
 * Shared memory is copied.  So is what little a small process has: that takes
 * less time than a child, and what it writes to afterwards is not copied then.
 *
 * The worker ends when the copies are made; snapshot_watch.c then watches how
 * much memory is left.
 *
 * Locking: mmap_lock, of one address space at a time.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_context.h>
#include <linux/oom.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <uapi/linux/wait.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "ksym.h"
#include "mm.h"
#include "pages.h"
#include "snapshot.h"

#define NOT_FORKED (VM_DONTCOPY | VM_WIPEONFORK)
/* To copy so many takes no longer than a child. */
#define SMALL_PAGES 256
/* 6.1 has not counted up to 64 pages of each thread yet. */
#define SMALL_USERS 8

/* ---- the worker ---- */

static int child_main(void *arg)
{
	struct ckpt_space *space = arg;
	struct mm_struct *mm = current->mm;

	mmget(mm);
#ifdef CONFIG_MEMCG
	/* or its exit would look for a heir among all processes */
	task_lock(current);
	WRITE_ONCE(mm->owner, NULL);
	task_unlock(current);
#endif
	space->mm = mm;
	complete(&space->born);
	K(do_exit)(0);
	return 0;
}

/* Have a child inherit what it would not, or no longer. */
static void set_inherit(const struct ckpt_mm_copy *areas, bool inherit)
{
	struct mm_struct *mm = areas->mm;
	struct vm_area_struct *vma;
	unsigned int i;

	mmap_write_lock(mm);
	for (i = 0; i < areas->nr; i++) {
		const struct ckpt_mm_area *area = &areas->area[i];
		unsigned long marks = area->flags & NOT_FORKED;

		if (!marks || area->special || area->flags & VM_MAYSHARE)
			continue;
		vma = find_vma(mm, area->start);
		if (!vma || vma->vm_start != area->start ||
		    vma->vm_end != area->end)
			continue;
		ckpt_vma_flags_mod(vma, inherit ? 0 : marks,
				   inherit ? marks : 0);
	}
	mmap_write_unlock(mm);
}

static bool any_not_forked(const struct ckpt_mm_copy *areas)
{
	unsigned int i;

	for (i = 0; i < areas->nr; i++)
		if (areas->area[i].flags & NOT_FORKED)
			return true;
	return false;
}

/* Fork in the program's address space. */
static int space_take(struct ckpt_space *space)
{
	struct kernel_clone_args args = {
		.flags = CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
		.exit_signal = SIGCHLD, /* which we ignore: it is gone at once */
		.fn = child_main,
		.fn_arg = space,
	};
	bool marked = any_not_forked(space->areas);
	struct mem_cgroup *old;
	pid_t pid;

	if (marked)
		set_inherit(space->areas, true);
	kthread_use_mm(space->areas->mm);
	old = set_active_memcg(space->memcg);
	pid = K(kernel_clone)(&args);
	set_active_memcg(old);
	kthread_unuse_mm(space->areas->mm);
	if (marked)
		set_inherit(space->areas, false);
	return pid < 0 ? pid : 0;
}

static int take_all(struct ckpt_snapshot *snap)
{
	int err = 0;
	u32 i, done;

	/* the child shares its pages with others: to kill it frees nothing */
	current->signal->oom_score_adj = OOM_SCORE_ADJ_MIN;
	for (done = 0; done < snap->nr; done++) {
		if (snap->space[done].pages)
			continue;
		err = READ_ONCE(snap->killed) ? -EINTR :
						space_take(&snap->space[done]);
		if (err)
			break;
	}
	for (i = 0; i < done; i++)
		if (!snap->space[i].pages)
			wait_for_completion(&snap->space[i].born);
	/* the children are released as they exit: until there are none */
	do {
		flush_signals(current);
	} while (K(kernel_wait4)(-1, NULL, __WALL, NULL) == -ERESTARTSYS);
	return err;
}

/* What the stream does not need, and others would notice. */
static void space_strip(struct ckpt_space *space)
{
	const struct ckpt_mm_copy *areas = space->areas;
	unsigned int i;

	K(set_mm_exe_file)(space->mm, NULL);
	set_bit(MMF_DISABLE_THP, &space->mm->flags);
	kthread_use_mm(space->mm);
	for (i = 0; i < areas->nr; i++)
		if (areas->area[i].file || areas->area[i].special)
			vm_munmap(areas->area[i].start,
				  areas->area[i].end - areas->area[i].start);
	kthread_unuse_mm(space->mm);
	space->areas = NULL;
}

static int worker_main(void *arg)
{
	struct ckpt_snapshot *snap = arg;
	u32 i;

	allow_kernel_signal(SIGKILL); /* of who no longer waits for us */
	snap->err = take_all(snap);
	complete(&snap->taken);
	while (wait_for_completion_interruptible(&snap->kept))
		flush_signals(current);
	for (i = 0; snap->strip && i < snap->nr; i++)
		if (snap->space[i].mm)
			space_strip(&snap->space[i]);
	complete(&snap->stripped);
	return 0;
}

/* ---- taking it ---- */

static u32 nr_spaces(const struct ckpt_ctx *ctx)
{
	u32 i, nr = 0;

	for (i = 0; i < ctx->nr_tasks; i++)
		nr += !!ctx->tree[i].mm_copy;
	return nr;
}

/*
 * How many pages of it are to be copied; 0: it is to have a child, which does not
 * wait for swap, and is a single instant even where others write to the memory.
 */
static unsigned int pages_to_copy(struct ckpt_ctx *ctx, struct mm_struct *mm)
{
	long pages = ckpt_mm_counter(mm, MM_ANONPAGES);

	if (pages > SMALL_PAGES || ckpt_mm_counter(mm, MM_SWAPENTS) ||
	    atomic_read(&mm->mm_users) > SMALL_USERS || ckpt_mm_shared(ctx, mm))
		return 0;
	return max(pages, 1L);
}

static struct ckpt_snapshot *snapshot_alloc(struct ckpt_ctx *ctx, u64 max_extra)
{
	struct ckpt_snapshot *snap;
	u32 i;

	snap = kvzalloc(struct_size(snap, space, nr_spaces(ctx)),
			GFP_KERNEL_ACCOUNT);
	if (!snap)
		return NULL;
	snap->max_extra = max_extra;
	INIT_LIST_HEAD(&snap->list);
	mutex_init(&snap->kept_lock);
	INIT_LIST_HEAD(&snap->kept_jobs);
	init_completion(&snap->taken);
	init_completion(&snap->kept);
	init_completion(&snap->stripped);
	for (i = 0; i < ctx->nr_tasks; i++) {
		struct ckpt_space *space = &snap->space[snap->nr];

		if (!ctx->tree[i].mm_copy)
			continue;
		space->areas = ctx->tree[i].mm_copy;
		space->memcg = get_mem_cgroup_from_mm(space->areas->mm);
		if (!max_extra)
			space->pages = pages_to_copy(ctx, space->areas->mm);
		init_completion(&space->born);
		snap->nr++;
	}
	return snap;
}

/* Page tables, and what else of the kernel a copy takes. */
static u64 child_needs(const struct ckpt_space *space)
{
	return mm_pgtables_bytes(space->areas->mm) + space->areas->nr * 512;
}

static u64 space_needs(const struct ckpt_space *space)
{
	return space->pages ? (u64)space->pages << PAGE_SHIFT :
			      child_needs(space);
}

static u64 snapshot_needs(const struct ckpt_snapshot *snap)
{
	u64 need = ckpt_room_reserve() + snap->copied;
	u32 i;

	for (i = 0; i < snap->nr; i++)
		need += space_needs(&snap->space[i]);
	return need;
}

static u64 snapshot_room(const struct ckpt_snapshot *snap)
{
	u64 room = U64_MAX;
	u32 i;

	for (i = 0; i < snap->nr; i++)
		if (!i || snap->space[i].memcg != snap->space[i - 1].memcg)
			room = min(room, ckpt_room(snap->space[i].memcg, true));
	return room;
}

static int count_shared(struct ckpt_ctx *ctx, struct ckpt_pages_job *job)
{
	if (job->mapping)
		ctx->snapshot->copied += (u64)job->mapping->nrpages
					 << PAGE_SHIFT;
	return 0;
}

static int check_room(struct ckpt_ctx *ctx, struct ckpt_snapshot *snap)
{
	u64 need, room;
	u32 i;

	ckpt_out_jobs(ctx, count_shared);
	if (snap->max_extra && snap->copied > snap->max_extra)
		return ckpt_fail(ctx, -ENOMEM, "snapshot",
				 "%llu KiB of shared memory have to be copied, more than --max-extra: raise it, or use --stop-copy",
				 snap->copied >> 10);
	room = snapshot_room(snap);
	need = snapshot_needs(snap);
	for (i = 0; room < need && i < snap->nr; i++) {
		u64 now = space_needs(&snap->space[i]);
		u64 child = child_needs(&snap->space[i]);

		if (child >= now)
			continue;
		snap->space[i].pages = 0;
		need -= now - child;
	}
	if (room >= need)
		return 0;
	return ckpt_fail(ctx, -ENOMEM, "snapshot",
			 "%llu KiB of memory are left to the program, to run on it needs %llu KiB: raise its cgroup's memory.max, or use --stop-copy",
			 room >> 10, need >> 10);
}

/*
 * A process outside of the tree may fork just when it would inherit what it
 * should not.
 */
static int check_marks(struct ckpt_ctx *ctx, const struct ckpt_snapshot *snap)
{
	u32 i;

	for (i = 0; i < snap->nr; i++) {
		const struct ckpt_mm_copy *areas = snap->space[i].areas;

		if (any_not_forked(areas) && ckpt_mm_shared(ctx, areas->mm))
			return ckpt_fail(ctx, -EBUSY, "snapshot",
					 "memory that is not for children (MADV_DONTFORK) is shared with a process outside of the tree: use --stop-copy");
	}
	return 0;
}

static struct ckpt_space *space_of(struct ckpt_snapshot *snap,
				   const struct mm_struct *mm)
{
	u32 i;

	for (i = 0; i < snap->nr; i++)
		if (snap->space[i].areas->mm == mm)
			return &snap->space[i];
	return NULL;
}

static const struct ckpt_mm_area *area_of(const struct ckpt_mm_copy *areas,
					  unsigned long start)
{
	unsigned int low = 0, high = areas->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (areas->area[mid].start == start)
			return &areas->area[mid];
		if (areas->area[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* Its pages are taken hold of; where they came from is not needed any more. */
static int job_keep(struct ckpt_ctx *ctx, struct ckpt_pages_job *job,
		    struct mem_cgroup *memcg)
{
	int err = ckpt_pages_keep(ctx, job, memcg);

	job->mapping = NULL;
	job->mm = NULL;
	return err;
}

/* From where the pages will come. */
static int job_move(struct ckpt_ctx *ctx, struct ckpt_pages_job *job)
{
	const struct ckpt_mm_area *area;
	struct ckpt_space *space;

	if (job->mapping)
		return job_keep(ctx, job, ctx->snapshot->space[0].memcg);
	space = space_of(ctx->snapshot, job->mm);
	if (WARN_ON_ONCE(!space))
		return -EINVAL;
	if (space->pages) {
		job->copy = true;
		return job_keep(ctx, job, space->memcg);
	}
	area = area_of(space->areas, job->start);
	if (WARN_ON_ONCE(!area))
		return -EINVAL;
	job->mm = space->mm;
	if (area->file)
		return job_keep(ctx, job, space->memcg);
	job->drop = true;
	return 0;
}

static int fork_failed(struct ckpt_ctx *ctx, int err)
{
	if (err == -ENOMEM)
		return ckpt_fail(ctx, err, "snapshot",
				 "out of memory for a copy-on-write copy of the program's memory: use --stop-copy");
	return ckpt_fail(ctx, err, "snapshot",
			 "cannot make a copy-on-write copy of the program's memory");
}

static bool has_children(const struct ckpt_snapshot *snap)
{
	u32 i;

	for (i = 0; i < snap->nr; i++)
		if (!snap->space[i].pages)
			return true;
	return false;
}

static int run_worker(struct ckpt_ctx *ctx, struct ckpt_snapshot *snap)
{
	struct task_struct *worker;

	if (!has_children(snap))
		return 0;
	worker = kthread_create(worker_main, snap, "ckpt_snapshot");
	if (IS_ERR(worker))
		return fork_failed(ctx, PTR_ERR(worker));
	snap->worker = get_task_struct(worker);
	wake_up_process(worker);
	if (wait_for_completion_killable(&snap->taken)) {
		WRITE_ONCE(snap->killed, true);
		send_sig(SIGKILL, worker, 1); /* dup_mmap() looks for it */
		wait_for_completion(&snap->taken);
		return ckpt_fail(ctx, -EINTR, "snapshot", "interrupted");
	}
	return snap->err ? fork_failed(ctx, snap->err) : 0;
}

static void worker_end(struct ckpt_snapshot *snap)
{
	if (!snap->worker)
		return;
	complete(&snap->kept);
	wait_for_completion(&snap->stripped);
	kthread_stop(snap->worker); /* it runs no code of ours any more */
	put_task_struct(snap->worker);
	snap->worker = NULL;
}

/**
 * ckpt_snapshot_take() - take hold of all memory that the image needs
 * @ctx: checkpoint of frozen tasks, save step over; ckpt_snapshot_free() ends it
 * @max_extra: give it up when it takes more memory than that, in bytes; 0: no
 *	such limit
 *
 * The marks of the stream lead to the snapshot then, and the objects of the
 * tasks are not needed any more.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_snapshot_take(struct ckpt_ctx *ctx, u64 max_extra)
{
	struct ckpt_snapshot *snap = snapshot_alloc(ctx, max_extra);
	int err;

	if (!snap)
		return ckpt_fail(ctx, -ENOMEM, "snapshot", "out of memory");
	ctx->snapshot = snap;
	err = ckpt_snapshot_count(ctx);
	if (!err)
		err = check_room(ctx, snap);
	if (!err)
		err = check_marks(ctx, snap);
	if (!err)
		err = run_worker(ctx, snap);
	if (!err)
		err = ckpt_out_jobs(ctx, job_move);
	if (err)
		return err;
	snap->strip = true;
	worker_end(snap);
	ckpt_snapshot_watch(snap);
	return ckpt_snapshot_check(ctx);
}

/**
 * ckpt_snapshot_free() - free the snapshot
 * @ctx: checkpoint; its records in memory are freed already
 */
void ckpt_snapshot_free(struct ckpt_ctx *ctx)
{
	struct ckpt_snapshot *snap = ctx->snapshot;
	u32 i;

	if (!snap)
		return;
	ckpt_snapshot_unwatch(snap);
	worker_end(snap);
	for (i = 0; i < snap->nr; i++) {
		if (snap->space[i].mm)
			mmput(snap->space[i].mm);
		mem_cgroup_put(snap->space[i].memcg);
	}
	kvfree(snap);
	ctx->snapshot = NULL;
}
