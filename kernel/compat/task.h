/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/sched.h: members of task_struct that not every kernel has. */
#ifndef _CKPT_COMPAT_TASK_H
#define _CKPT_COMPAT_TASK_H

#include <linux/sched.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
/* 6.9: moved out of linux/sched.h */
#include <linux/rseq.h>
#endif

#define CKPT_RSEQ_LEN 32 /* of the first version, and of all before 6.3 */

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
/* 6.3: the registered length is kept, and may be larger */
static inline u32 ckpt_rseq_len(const struct task_struct *t)
{
	return t->rseq_len;
}

static inline void ckpt_rseq_set_len(struct task_struct *t, u32 len)
{
	t->rseq_len = len;
}

static inline bool ckpt_rseq_len_ok(u32 len)
{
	return len == CKPT_RSEQ_LEN ||
	       (len >= offsetof(struct rseq, end) && len <= PAGE_SIZE);
}
#else
static inline u32 ckpt_rseq_len(const struct task_struct *t)
{
	return t->rseq ? CKPT_RSEQ_LEN : 0;
}

static inline void ckpt_rseq_set_len(struct task_struct *t, u32 len)
{
}

static inline bool ckpt_rseq_len_ok(u32 len)
{
	return len == CKPT_RSEQ_LEN;
}
#endif

/* A time slice of the task's own (sched_setattr(), fair policies). */
static inline bool ckpt_task_custom_slice(const struct task_struct *t)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	/* 6.12: new */
	return t->se.custom_slice;
#else
	return false;
#endif
}

/* Flags of a thread that the kernel itself runs for the process. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
/* 6.4: PF_USER_WORKER; io_uring's workers have it too */
#define CKPT_PF_WORKER (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)
#else
#define CKPT_PF_WORKER (PF_KTHREAD | PF_IO_WORKER)
#endif

/* Whether sched_setaffinity() keeps @t from some of the @allowed CPUs. */
static inline bool ckpt_task_is_bound(const struct task_struct *t,
				      const struct cpumask *allowed)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	/* 6.2: what it was given is kept, beside what comes of it */
	return READ_ONCE(t->user_cpus_ptr);
#else
	return !cpumask_subset(allowed, &t->cpus_mask);
#endif
}

#endif /* _CKPT_COMPAT_TASK_H */
