/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals, on the kernels that the module is built for. */
#ifndef _CKPT_COMPAT_SIGNAL_H
#define _CKPT_COMPAT_SIGNAL_H

#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/version.h>
#include "../sighand.h"

/* Take what is pending for current, its process included, but for @keep. */
static inline void ckpt_signal_drop(sigset_t *keep)
{
	kernel_siginfo_t info;
	enum pid_type type;

	spin_lock_irq(&ckpt_own_sighand()->siglock);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	while (dequeue_signal(keep, &info, &type))
		;
#else
	while (dequeue_signal(current, keep, &info, &type))
		;
#endif
	spin_unlock_irq(&ckpt_own_sighand()->siglock);
}

#endif /* _CKPT_COMPAT_SIGNAL_H */
