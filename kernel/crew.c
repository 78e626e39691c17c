// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel threads that help an operation with its runs of pages: they look for
 * zeros, checksum, pack and unpack while the caller walks page tables, reads and
 * writes.  Who waits for a run that nobody has begun does it himself, so that
 * as many CPUs are busy as there are workers, the caller among them.
 *
 * Helpers run with the caller's nice value and on his CPUs, of which there are
 * never fewer than workers.  They allocate nothing: what they need is the
 * caller's, charged to his cgroup.  Their time is not: to the cpu controller of
 * version 2 they are the kernel's own.
 *
 * A piece of work is short, and nothing in it sleeps: who waits for one cannot be
 * killed meanwhile, and need not be.
 *
 * Locking: the crew's lock protects its list and @done of each work.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "compress.h"
#include "crew.h"

/**
 * struct helper - a thread of the crew
 * @crew: that crew
 * @task: held
 * @packer: its own, or NULL
 */
struct helper {
	struct ckpt_crew *crew;
	struct task_struct *task;
	struct ckpt_packer *packer;
};

/**
 * struct ckpt_crew - the helpers of an operation
 * @lock: of @todo
 * @todo: work that nobody has begun
 * @more: helpers wait for work
 * @over: the caller waits for the end of a work
 * @fn: does it
 * @nr: helpers
 * @helper: them
 */
struct ckpt_crew {
	spinlock_t lock; /* of @todo */
	struct list_head todo;
	wait_queue_head_t more, over;
	ckpt_work_fn fn;
	unsigned int nr;
	struct helper helper[];
};

/**
 * ckpt_workers() - how many are to work for the caller
 * @asked: how many he wants, himself among them; 0: as many as is usual
 *
 * Return: 1 or more, not more than the CPUs that he may run on.
 */
unsigned int ckpt_workers(unsigned int asked)
{
	unsigned int cpus = 0, cpu;

	for_each_cpu_and(cpu, current->cpus_ptr, cpu_online_mask) cpus++;
	cpus = clamp(cpus, 1U, (unsigned int)CKPT_WORKERS_MAX);
	return min(asked ?: CKPT_WORKERS_USUAL, cpus);
}

static struct ckpt_work *take(struct ckpt_crew *crew)
{
	struct ckpt_work *work;

	spin_lock(&crew->lock);
	work = list_first_entry_or_null(&crew->todo, struct ckpt_work, list);
	if (work)
		list_del_init(&work->list);
	spin_unlock(&crew->lock);
	return work;
}

static void work_on(struct ckpt_crew *crew, struct ckpt_work *work,
		    struct ckpt_packer *packer)
{
	crew->fn(work, packer);
	/* with all that was made of it, for ckpt_crew_await() */
	smp_store_release(&work->done, true);
	wake_up(&crew->over);
}

static bool is_wanted(const struct ckpt_crew *crew)
{
	return !list_empty_careful(&crew->todo) || kthread_should_stop();
}

static int helper_main(void *arg)
{
	struct helper *helper = arg;
	struct ckpt_crew *crew = helper->crew;
	struct ckpt_work *work;

	while (!kthread_should_stop()) {
		wait_event_idle(crew->more, is_wanted(crew));
		work = take(crew);
		if (work)
			work_on(crew, work, helper->packer);
		cond_resched();
	}
	return 0;
}

static bool helper_start(struct ckpt_crew *crew, struct helper *helper)
{
	struct task_struct *task;

	helper->crew = crew;
	task = kthread_create(helper_main, helper, "ckpt_worker");
	if (IS_ERR(task))
		return false;
	set_user_nice(task, task_nice(current));
	set_cpus_allowed_ptr(task, current->cpus_ptr);
	helper->task = get_task_struct(task);
	wake_up_process(task);
	return true;
}

/**
 * ckpt_crew_start() - get helpers
 * @workers: how many are to work, the caller among them
 * @fn: what to do with a work; any of them calls it
 *
 * Return: the crew, for ckpt_crew_stop(); with fewer helpers if the kernel has no
 * room for more.  NULL: with none.
 */
struct ckpt_crew *ckpt_crew_start(unsigned int workers, ckpt_work_fn fn)
{
	struct ckpt_crew *crew;

	if (workers < 2)
		return NULL;
	crew = kzalloc(struct_size(crew, helper, workers - 1),
		       GFP_KERNEL_ACCOUNT);
	if (!crew)
		return NULL;
	spin_lock_init(&crew->lock);
	INIT_LIST_HEAD(&crew->todo);
	init_waitqueue_head(&crew->more);
	init_waitqueue_head(&crew->over);
	crew->fn = fn;
	while (crew->nr < workers - 1 &&
	       helper_start(crew, &crew->helper[crew->nr]))
		crew->nr++;
	if (crew->nr)
		return crew;
	kfree(crew);
	return NULL;
}

/**
 * ckpt_crew_stop() - send the helpers away
 * @crew: crew that has nothing to do, or NULL
 */
void ckpt_crew_stop(struct ckpt_crew *crew)
{
	unsigned int i;

	if (!crew)
		return;
	for (i = 0; i < crew->nr; i++) {
		kthread_stop(crew->helper[i].task);
		put_task_struct(crew->helper[i].task);
		ckpt_packer_free(crew->helper[i].packer);
	}
	kfree(crew);
}

/**
 * ckpt_crew_pack() - have the helpers get ready to pack or to unpack
 * @crew: crew that has nothing to do
 * @compress: as for ckpt_packer_alloc()
 *
 * Return: whether they are.
 */
bool ckpt_crew_pack(struct ckpt_crew *crew, u32 compress)
{
	unsigned int i;

	for (i = 0; i < crew->nr; i++) {
		if (!crew->helper[i].packer)
			crew->helper[i].packer = ckpt_packer_alloc(compress);
		if (!crew->helper[i].packer)
			return false;
	}
	return true;
}

/**
 * ckpt_crew_give() - give something to do
 * @crew: crew
 * @work: work; ckpt_crew_await() must be called for it
 */
void ckpt_crew_give(struct ckpt_crew *crew, struct ckpt_work *work)
{
	work->done = false;
	spin_lock(&crew->lock);
	list_add_tail(&work->list, &crew->todo);
	spin_unlock(&crew->lock);
	wake_up(&crew->more);
}

static bool is_done(const struct ckpt_work *work)
{
	/* what was made of it is there, too: see work_on() */
	return smp_load_acquire(&work->done);
}

/**
 * ckpt_crew_await() - wait until a work is over; help meanwhile
 * @crew: crew
 * @work: which
 * @packer: of the caller
 */
void ckpt_crew_await(struct ckpt_crew *crew, struct ckpt_work *work,
		     struct ckpt_packer *packer)
{
	struct ckpt_work *other;

	while (!is_done(work)) {
		other = take(crew);
		if (other)
			work_on(crew, other, packer);
		else
			wait_event(crew->over, is_done(work));
		cond_resched();
	}
}
