/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel/futex/futex.h: flags in a restart block, which the kernel numbers. */
#ifndef _CKPT_COMPAT_FUTEX_H
#define _CKPT_COMPAT_FUTEX_H

#include <linux/ckpt_image.h>
#include <linux/types.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
/* 6.7: the low bits are the word's size */
#define CKPT_K_FUTEX_SIZE 0x02
#define CKPT_K_FUTEX_SHARED 0x10
#define CKPT_K_FUTEX_CLOCKRT 0x20
#define CKPT_K_FUTEX_TIMEOUT 0x40
#else
#define CKPT_K_FUTEX_SIZE 0x00
#define CKPT_K_FUTEX_SHARED 0x01
#define CKPT_K_FUTEX_CLOCKRT 0x02
#define CKPT_K_FUTEX_TIMEOUT 0x04
#endif

#define CKPT_K_FUTEX_KNOWN                                                \
	(CKPT_K_FUTEX_SIZE | CKPT_K_FUTEX_SHARED | CKPT_K_FUTEX_CLOCKRT | \
	 CKPT_K_FUTEX_TIMEOUT)

static inline u32 ckpt_futex_flags_save(u32 flags)
{
	return (flags & CKPT_K_FUTEX_SHARED ? CKPT_FUTEX_SHARED : 0) |
	       (flags & CKPT_K_FUTEX_CLOCKRT ? CKPT_FUTEX_CLOCKRT : 0) |
	       (flags & CKPT_K_FUTEX_TIMEOUT ? CKPT_FUTEX_TIMEOUT : 0);
}

static inline u32 ckpt_futex_flags_restore(u32 flags)
{
	return CKPT_K_FUTEX_SIZE |
	       (flags & CKPT_FUTEX_SHARED ? CKPT_K_FUTEX_SHARED : 0) |
	       (flags & CKPT_FUTEX_CLOCKRT ? CKPT_K_FUTEX_CLOCKRT : 0) |
	       (flags & CKPT_FUTEX_TIMEOUT ? CKPT_K_FUTEX_TIMEOUT : 0);
}

#endif /* _CKPT_COMPAT_FUTEX_H */
