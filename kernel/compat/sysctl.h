/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/sysctl.h: tables used to end with an empty entry. */
#ifndef _CKPT_COMPAT_SYSCTL_H
#define _CKPT_COMPAT_SYSCTL_H

#include <linux/sysctl.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
/* 6.6: the size is told */
#define ckpt_register_sysctl(path, table, nr) \
	register_sysctl_sz(path, table, nr)
#else
#define ckpt_register_sysctl(path, table, nr) register_sysctl(path, table)
#endif

#endif /* _CKPT_COMPAT_SYSCTL_H */
