/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/posix-timers.h: the list of a process's timers. */
#ifndef _CKPT_COMPAT_POSIX_TIMERS_H
#define _CKPT_COMPAT_POSIX_TIMERS_H

#include <linux/posix-timers.h>
#include <linux/sched/signal.h>
#include <linux/version.h>

/* Under siglock. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
/* 6.12: an hlist */
#define ckpt_for_each_posix_timer(pos, sig) \
	hlist_for_each_entry(pos, &(sig)->posix_timers, list)
#else
#define ckpt_for_each_posix_timer(pos, sig) \
	list_for_each_entry(pos, &(sig)->posix_timers, list)
#endif

#endif /* _CKPT_COMPAT_POSIX_TIMERS_H */
