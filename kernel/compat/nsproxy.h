/* SPDX-License-Identifier: GPL-2.0-only */
/* linux/nsproxy.h: the count of an nsproxy. */
#ifndef _CKPT_COMPAT_NSPROXY_H
#define _CKPT_COMPAT_NSPROXY_H

#include <linux/nsproxy.h>
#include <linux/version.h>

/* Drop a reference; true when it was the last one. */
static inline bool ckpt_nsproxy_drop(struct nsproxy *ns)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	/* 6.6: a refcount_t */
	return refcount_dec_and_test(&ns->count);
#else
	return atomic_dec_and_test(&ns->count);
#endif
}

#endif /* _CKPT_COMPAT_NSPROXY_H */
