/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls that a freezer stops in the middle. */
#ifndef _CKPT_OPEN_CALL_H
#define _CKPT_OPEN_CALL_H

#include <linux/signal_types.h>

struct task_struct;

/* The result register to save of a frozen task; false: its call is open. */
bool ckpt_call_result(struct task_struct *t, unsigned long *ax);
/* It waits for its child of vfork(). */
bool ckpt_call_is_vfork(struct task_struct *t);
/* The signals that it blocks, whatever its call has done to them. */
const sigset_t *ckpt_call_blocked(struct task_struct *t);

#endif /* _CKPT_OPEN_CALL_H */
