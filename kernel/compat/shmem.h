/* SPDX-License-Identifier: GPL-2.0-only */
/* For <linux/shmem_fs.h>: rules for memfds. */
#ifndef _CKPT_COMPAT_SHMEM_H
#define _CKPT_COMPAT_SHMEM_H

#include <linux/memfd.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/version.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20 /* 6.3: new */
#endif

/* May current make memfds that can be executed (vm.memfd_noexec)? */
static inline bool ckpt_memfd_may_exec(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	/* 6.3: the sysctl; 6.6: of every pid namespace above, too */
	return pidns_memfd_noexec_scope(task_active_pid_ns(current)) <
	       MEMFD_NOEXEC_SCOPE_NOEXEC_ENFORCED;
#else
	return true;
#endif
}

#endif /* _CKPT_COMPAT_SHMEM_H */
