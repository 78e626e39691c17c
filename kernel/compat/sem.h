/* SPDX-License-Identifier: GPL-2.0-only */
/* System V semaphores: a structure that ipc/sem.c keeps to itself. */
#ifndef _CKPT_COMPAT_SEM_H
#define _CKPT_COMPAT_SEM_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>

/* The same since 2.6.27; every process with threads has one. */
struct ckpt_sem_undo_list {
	refcount_t refcnt;
	spinlock_t lock; /* of the list */
	struct list_head list_proc;
};

/* Whether a frozen task has semaphore operations to undo when it exits. */
static inline bool ckpt_sem_has_undo(struct task_struct *t)
{
#ifdef CONFIG_SYSVIPC
	struct ckpt_sem_undo_list *undo = (void *)t->sysvsem.undo_list;

	return undo && !list_empty(&undo->list_proc);
#else
	return false;
#endif
}

#endif /* _CKPT_COMPAT_SEM_H */
