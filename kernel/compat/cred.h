/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/capability.h: capability sets as one number. */
#ifndef _CKPT_COMPAT_CRED_H
#define _CKPT_COMPAT_CRED_H

#include <linux/capability.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
/* 6.3: kernel_cap_t is a u64 */
static inline u64 ckpt_cap_to_u64(kernel_cap_t cap)
{
	return cap.val;
}

static inline kernel_cap_t ckpt_cap_from_u64(u64 val)
{
	return (kernel_cap_t){ .val = val };
}
#else
static inline u64 ckpt_cap_to_u64(kernel_cap_t cap)
{
	return (u64)cap.cap[1] << 32 | cap.cap[0];
}

static inline kernel_cap_t ckpt_cap_from_u64(u64 val)
{
	return (kernel_cap_t){ .cap = { (u32)val, (u32)(val >> 32) } };
}
#endif

#endif /* _CKPT_COMPAT_CRED_H */
