/* SPDX-License-Identifier: GPL-2.0-only */
/* asm/processor.h, asm/desc.h: what only newer kernels know of a thread. */
#ifndef _CKPT_COMPAT_CPU_H
#define _CKPT_COMPAT_CPU_H

#include <linux/sched.h>
#include <asm/prctl.h>

static inline bool ckpt_shadow_stack(struct task_struct *t)
{
#ifdef CONFIG_X86_USER_SHADOW_STACK
	return t->thread.features & ARCH_SHSTK_SHSTK;
#else
	return false;
#endif
}

#endif /* _CKPT_COMPAT_CPU_H */
