// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel threads that help an operation with its runs of pages: at a checkpoint
 * they look for zeros, checksum and pack while the caller walks page tables and
 * writes; at a restart they make pages, read, verify and unpack.  Who waits for a
 * run that nobody has begun does it himself, so that as many CPUs are busy as there
 * are workers, the caller among them.
 *
 * Helpers run with the caller's nice value, I/O priority, credentials, memory nodes,
 * and memory and I/O cgroups, and on his CPUs, of which there are never fewer than
 * workers.  Memory and I/O are charged to him.  Their time is not: to the cpu
 * controller of version 2 they are the kernel's own.
 *
 * A piece of work is short, but may sleep for memory or for a file.  When the caller
 * is killed while he waits for one, the kernel's SIGKILL (nobody else's gets through)
 * wakes the helpers from all that a task could be killed in; they live on.
 *
 * Locking: the crew's lock protects its list and @done of each work.
 */
#include <linux/cgroup.h>
#include <linux/cpumask.h>
#include <linux/cpuset.h>
#include <linux/cred.h>
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
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
 * struct caller - as who helpers work; held, and put on by each of them
 * @cred: his credentials
 * @memcg: his memory cgroup, or NULL
 * @blkcg: his I/O cgroup, or NULL
 * @mems: nodes that he may have memory of
 * @ioprio: his I/O priority, or 0: none was set
 */
struct caller {
	const struct cred *cred;
	struct mem_cgroup *memcg;
	struct cgroup_subsys_state *blkcg;
	nodemask_t mems;
	int ioprio;
};

/**
 * struct ckpt_crew - the helpers of an operation
 * @lock: of @todo
 * @todo: work that nobody has begun
 * @more: helpers wait for work
 * @over: the caller waits for the end of a work
 * @fn: does it
 * @caller: whose they are
 * @nr: helpers
 * @helper: them
 */
struct ckpt_crew {
	spinlock_t lock; /* of @todo */
	struct list_head todo;
	wait_queue_head_t more, over;
	ckpt_work_fn fn;
	struct caller caller;
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

static void caller_get(struct caller *caller)
{
	caller->cred = get_current_cred();
	caller->memcg = get_mem_cgroup_from_mm(current->mm);
#ifdef CONFIG_BLK_CGROUP
	caller->blkcg = task_get_css(current, io_cgrp_id);
#endif
	caller->mems = cpuset_current_mems_allowed;
	if (current->io_context)
		caller->ioprio = current->io_context->ioprio;
}

static void caller_put(struct caller *caller)
{
	if (caller->blkcg)
		css_put(caller->blkcg);
	mem_cgroup_put(caller->memcg);
	put_cred(caller->cred);
}

static int helper_main(void *arg)
{
	struct helper *helper = arg;
	struct ckpt_crew *crew = helper->crew;
	struct caller *caller = &crew->caller;
	struct mem_cgroup *memcg;
	const struct cred *cred;
	struct ckpt_work *work;

	allow_kernel_signal(SIGKILL);
	set_mems_allowed(caller->mems);
	if (caller->ioprio)
		set_task_ioprio(current, caller->ioprio);
	if (caller->blkcg)
		kthread_associate_blkcg(caller->blkcg);
	memcg = set_active_memcg(caller->memcg);
	cred = override_creds(caller->cred);
	while (!kthread_should_stop()) {
		wait_event_idle(crew->more, is_wanted(crew));
		work = take(crew);
		if (work)
			work_on(crew, work, helper->packer);
		cond_resched();
	}
	revert_creds(cred);
	set_active_memcg(memcg);
	kthread_associate_blkcg(NULL);
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
	caller_put(&crew->caller);
	kfree(crew);
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
	caller_get(&crew->caller);
	while (crew->nr < workers - 1 &&
	       helper_start(crew, &crew->helper[crew->nr]))
		crew->nr++;
	if (crew->nr)
		return crew;
	ckpt_crew_stop(crew);
	return NULL;
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

/*
 * The caller has been killed.  A helper that has not been told yet that it may get
 * a signal loses it: the next one comes soon.
 */
static void hurry(struct ckpt_crew *crew, const struct ckpt_work *work)
{
	unsigned int i;

	for (i = 0; i < crew->nr; i++)
		send_sig(SIGKILL, crew->helper[i].task, 1);
	wait_event_timeout(crew->over, is_done(work), HZ / 10);
}

/**
 * ckpt_crew_await() - wait until a work is over; help meanwhile
 * @crew: crew
 * @work: which
 * @packer: of the caller
 *
 * When the caller is killed, the work ends early, with an error; it is over
 * nevertheless.
 */
void ckpt_crew_await(struct ckpt_crew *crew, struct ckpt_work *work,
		     struct ckpt_packer *packer)
{
	struct ckpt_work *other;

	while (!is_done(work)) {
		other = take(crew);
		if (other)
			work_on(crew, other, packer);
		else if (wait_event_killable(crew->over, is_done(work)))
			hurry(crew, work);
		cond_resched();
	}
}
