// SPDX-License-Identifier: GPL-2.0-only
/*
 * What belongs to one task alone: saving it and reading it back.  What is
 * refused stands in task_refuse.c; task_commit.c checks the caller's rights and
 * puts the state in place; CPU state is in arch/x86/.
 *
 * Captured: comm, scheduling policy, nice and real-time priority, the affinity
 * if it is narrower than the task's cpuset, I/O priority, timer slack,
 * personality, parent-death and exit signal, no_new_privs, the user addresses
 * that the kernel has (clear_child_tid, robust list, rseq), signal masks,
 * alternate signal stack, signals pending for the task alone, what it has used
 * (rusage.c), seccomp (seccomp.c).
 *
 * Locking: task_lock for comm and the I/O context; the rest is read of a task
 * that is frozen, or of current.
 */
#include <linux/cpumask.h>
#include <linux/iocontext.h>
#include <linux/ioprio.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include "compat/task.h"
#include "ckpt.h"
#include "io_context.h"
#include "ksym.h"
#include "open_call.h"
#include "rusage.h"
#include "seccomp.h"
#include "tree.h"
#include "tree_restart.h"

static_assert(sizeof_field(struct ckpt_hdr_task, comm) == TASK_COMM_LEN);

/* ---- checkpoint ---- */

static void task_save_objects(struct ckpt_ctx *ctx, struct task_struct *t,
			      struct ckpt_hdr_task *rec)
{
	/* another thread's, perhaps, which are the same */
	rec->cred_objref = ckpt_obj_ref(ctx, ctx->at->objs[CKPT_OBJ_CRED]);
	scoped_guard(rcu)
		rec->sighand_objref = ckpt_obj_ref(ctx,
						   rcu_dereference(t->sighand));
	task_lock(t);
	rec->nsproxy_objref = ckpt_obj_ref(ctx, t->nsproxy);
	rec->files_objref = ckpt_obj_ref(ctx, t->files);
	rec->fs_objref = ckpt_obj_ref(ctx, t->fs);
	rec->mm_objref = ckpt_obj_ref(ctx, t->mm);
	rec->ioprio = t->io_context ? t->io_context->ioprio : 0;
	strscpy(rec->comm, t->comm, sizeof(rec->comm));
	task_unlock(t);
	rec->signal_objref = ckpt_obj_ref(ctx, t->signal);
}

static void task_save_sched(struct task_struct *t, struct ckpt_hdr_task *rec)
{
	rec->policy = t->policy;
	rec->nice = task_nice(t);
	rec->rt_priority = t->rt_priority;
	if (t->sched_reset_on_fork)
		rec->flags |= CKPT_TASK_RESET_ON_FORK;
	rec->timer_slack = t->timer_slack_ns;
	rec->default_timer_slack = t->default_timer_slack_ns;
}

static void task_save_signals(struct task_struct *t, struct ckpt_hdr_task *rec)
{
	rec->pdeath_signal = t->pdeath_signal;
	rec->exit_signal = ckpt_tree_exit_signal(t);
	rec->blocked = ckpt_call_blocked(t)->sig[0];
	if (test_tsk_restore_sigmask(t)) {
		rec->flags |= CKPT_TASK_RESTORE_SIGMASK;
		rec->saved_sigmask = t->saved_sigmask.sig[0];
	}
	rec->sas_ss_sp = t->sas_ss_sp;
	rec->sas_ss_size = t->sas_ss_size;
	rec->sas_ss_flags = t->sas_ss_flags;
}

static void task_save_misc(struct task_struct *t, struct ckpt_hdr_task *rec)
{
	rec->pid = task_pid_nr_ns(t, task_active_pid_ns(t));
	rec->personality = t->personality;
	if (task_no_new_privs(t))
		rec->flags |= CKPT_TASK_NO_NEW_PRIVS;
	if (t->flags & PF_FORKNOEXEC) /* setpgid(2) asks */
		rec->flags |= CKPT_TASK_FORKNOEXEC;
	rec->clear_child_tid = (unsigned long)t->clear_child_tid;
#ifdef CONFIG_FUTEX
	rec->robust_list = (unsigned long)t->robust_list;
#endif
#ifdef CONFIG_RSEQ
	rec->rseq = (unsigned long)t->rseq;
	rec->rseq_len = ckpt_rseq_len(t);
	rec->rseq_sig = t->rseq_sig;
#endif
}

/* Bits of cpus[] that the record needs: 0 if all of the cpuset is allowed. */
static unsigned int task_nr_cpus(struct task_struct *t, struct cpumask *tmp)
{
	K(cpuset_cpus_allowed)(t, tmp);
	return cpumask_subset(tmp, &t->cpus_mask) ? 0 : nr_cpu_ids;
}

static void task_save_cpus(struct task_struct *t, struct ckpt_hdr_task *rec,
			   unsigned int nr)
{
	unsigned int cpu;

	rec->nr_cpus = nr;
	if (!nr)
		return;
	rec->flags |= CKPT_TASK_AFFINITY;
	for_each_cpu(cpu, &t->cpus_mask)
		rec->cpus[cpu / 64] |= BIT_ULL(cpu % 64);
}

static struct ckpt_hdr_task *task_rec(struct ckpt_ctx *ctx,
				      struct task_struct *t)
{
	struct ckpt_hdr_task *rec;
	cpumask_var_t tmp;
	unsigned int nr;

	if (!zalloc_cpumask_var(&tmp, GFP_KERNEL_ACCOUNT))
		return ERR_PTR(
			ckpt_fail(ctx, -ENOMEM, "task", "out of memory"));
	nr = task_nr_cpus(t, tmp);
	free_cpumask_var(tmp);
	rec = ckpt_out_rec(ctx, CKPT_HDR_TASK,
			   struct_size(rec, cpus, DIV_ROUND_UP(nr, 64)));
	if (!IS_ERR(rec))
		task_save_cpus(t, rec, nr);
	return rec;
}

static int task_write(struct ckpt_ctx *ctx, struct task_struct *t,
		      const struct ckpt_filters *filters)
{
	struct ckpt_hdr_task *rec;
	int err, nr;

	nr = ckpt_sigpending_count(ctx, t, &t->pending);
	if (nr < 0)
		return nr;
	rec = task_rec(ctx, t);
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	task_save_objects(ctx, t, rec);
	err = ckpt_io_save(ctx, t, rec);
	if (err)
		return err;
	task_save_sched(t, rec);
	task_save_signals(t, rec);
	task_save_misc(t, rec);
	rec->nr_siginfo = nr;
	rec->seccomp = t->seccomp.mode;
	rec->nr_seccomp = filters->nr;
	err = ckpt_rusage_save_task(ctx, t, rec);
	if (!err)
		err = ckpt_cpu_save(ctx, t);
	if (!err)
		err = ckpt_restart_block_save(ctx, t);
	if (!err)
		err = ckpt_sigpending_save(ctx, t, &t->pending, nr);
	return err ?: ckpt_seccomp_save(ctx, filters);
}

/* What is left of a task that has exited. */
static int task_write_dead(struct ckpt_ctx *ctx, struct task_struct *t)
{
	struct ckpt_hdr_task *rec;

	rec = ckpt_out_rec(ctx, CKPT_HDR_TASK, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->pid = task_pid_nr_ns(t, ctx->pid_ns);
	rec->flags = CKPT_TASK_DEAD;
	rec->exit_signal = ckpt_tree_exit_signal(t);
	get_task_comm(rec->comm, t);
	rec->signal_objref = ckpt_obj_ref(ctx, t->signal);
	rec->cred_objref = ckpt_obj_ref(ctx, ctx->at->objs[CKPT_OBJ_CRED]);
	return ckpt_rusage_save_task(ctx, t, rec);
}

/**
 * ckpt_task_save() - write the records of a task
 * @ctx: checkpoint; the task's objects have been saved
 * @e: the task, frozen or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_task_save(struct ckpt_ctx *ctx, const struct ckpt_tree_entry *e)
{
	struct ckpt_filters filters = {};
	struct task_struct *t = e->task;
	int err;

	if (e->dead)
		return task_write_dead(ctx, t);
	if (rcu_access_pointer(t->cred) != rcu_access_pointer(t->real_cred))
		return ckpt_fail(ctx, -EBUSY, "task",
				 "its credentials are overridden");
	err = ckpt_seccomp_gather(ctx, t, &filters);
	if (!err)
		err = task_write(ctx, t, &filters);
	ckpt_filters_free(&filters);
	return err;
}

/* ---- restart ---- */

/**
 * ckpt_task_image_free() - free what ckpt_task_restore() read
 * @img: it, or NULL
 */
void ckpt_task_image_free(struct ckpt_task_image *img)
{
	if (!img)
		return;
	kvfree(img->task);
	kvfree(img->xstate);
	kvfree(img->siginfo);
	ckpt_filters_free(&img->filters);
	kfree(img);
}

static void *rec_dup(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	void *dup = kvmalloc(rec->len, GFP_KERNEL_ACCOUNT);

	if (!dup)
		return ERR_PTR(
			ckpt_fail(ctx, -ENOMEM, "task", "out of memory"));
	return memcpy(dup, rec, rec->len);
}

/* Next record, which must be of @type; its copy is the caller's. */
static void *rec_read_dup(struct ckpt_ctx *ctx, enum ckpt_hdr_type type)
{
	const struct ckpt_hdr *rec = ckpt_in_expect(ctx, type);

	return IS_ERR(rec) ? ERR_CAST(rec) : rec_dup(ctx, rec);
}

/* The same for a record without a tail, into @to. */
static int rec_read(struct ckpt_ctx *ctx, enum ckpt_hdr_type type, void *to,
		    size_t len)
{
	const struct ckpt_hdr *rec = ckpt_in_expect(ctx, type);

	if (IS_ERR(rec))
		return PTR_ERR(rec);
	memcpy(to, rec, len);
	return 0;
}

static int task_check_tree(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_task *rec)
{
	const struct ckpt_hdr_tree_task *tree = &ctx->restart->task->rec;

	if (rec->pid != tree->pid)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "task %d stands where task %d belongs",
				 rec->pid, tree->pid);
	if (!(rec->flags & CKPT_TASK_DEAD) != !tree->exit_state)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "whether task %d is dead is not clear",
				 rec->pid);
	if (rec->exit_signal != tree->exit_signal)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "the tree gives task %d another exit signal",
				 rec->pid);
	if (rec->mm_objref != tree->mm_objref ||
	    rec->files_objref != tree->files_objref ||
	    rec->fs_objref != tree->fs_objref ||
	    rec->sighand_objref != tree->sighand_objref ||
	    rec->signal_objref != tree->signal_objref ||
	    rec->nsproxy_objref != tree->nsproxy_objref ||
	    rec->cred_objref != tree->cred_objref)
		return ckpt_fail(ctx, -EINVAL, "task",
				 "the tree gives task %d other objects",
				 rec->pid);
	return 0;
}

static int task_read_rest(struct ckpt_ctx *ctx, struct ckpt_task_image *img)
{
	int err;

	err = rec_read(ctx, CKPT_HDR_CPU, &img->cpu, sizeof(img->cpu));
	if (err)
		return err;
	img->xstate = rec_read_dup(ctx, CKPT_HDR_XSTATE);
	if (IS_ERR(img->xstate)) {
		err = PTR_ERR(img->xstate);
		img->xstate = NULL;
		return err;
	}
	err = rec_read(ctx, CKPT_HDR_RESTART_BLOCK, &img->rb, sizeof(img->rb));
	if (err)
		return err;
	err = ckpt_sigpending_restore(ctx, img->task->nr_siginfo,
				      &img->siginfo);
	if (err)
		return err;
	return ckpt_seccomp_restore(ctx, img->task, &img->filters);
}

/**
 * ckpt_task_restore() - read the records of a task
 * @ctx: restart
 * @h: its TASK record
 *
 * Return: 0 and the copies in ctx->restart->task_image, which restart.c frees,
 * or a negative errno that has been reported.
 */
int ckpt_task_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_task *rec = (const void *)h;
	struct ckpt_task_image *img;
	int err;

	err = task_check_tree(ctx, rec);
	if (err)
		return err;
	img = kzalloc(sizeof(*img), GFP_KERNEL_ACCOUNT);
	if (!img)
		return ckpt_fail(ctx, -ENOMEM, "task", "out of memory");
	img->task = rec_dup(ctx, h);
	if (IS_ERR(img->task)) {
		err = PTR_ERR(img->task);
		img->task = NULL;
	} else if (!(img->task->flags & CKPT_TASK_DEAD)) {
		err = task_read_rest(ctx, img);
	}
	if (err)
		ckpt_task_image_free(img);
	else
		ctx->restart->task_image = img;
	return err;
}
