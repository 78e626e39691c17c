/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers of a process: POSIX timers and the three itimers. */
#ifndef _CKPT_TIMERS_H
#define _CKPT_TIMERS_H

#include "ckpt.h"

struct ckpt_timer_list {
	u32 nr;
	struct ckpt_hdr_timer *timer; /* by rising id; kvmalloc */
};

int ckpt_timers_gather(struct ckpt_ctx *ctx, struct task_struct *t,
		       struct ckpt_timer_list *list);
int ckpt_timers_save(struct ckpt_ctx *ctx, const struct ckpt_timer_list *list);
int ckpt_timers_restore(struct ckpt_ctx *ctx, u32 nr,
			struct ckpt_timer_list *list);
int ckpt_timers_clear(struct ckpt_ctx *ctx);
int ckpt_timers_commit(struct ckpt_ctx *ctx, const struct ckpt_timer_list *list,
		       s32 next_id);

int ckpt_itimers_save(struct ckpt_ctx *ctx, struct task_struct *t,
		      struct ckpt_itimer *it);
int ckpt_itimers_check(struct ckpt_ctx *ctx, const struct ckpt_itimer *it);
int ckpt_itimers_commit(struct ckpt_ctx *ctx, const struct ckpt_itimer *it);

#endif /* _CKPT_TIMERS_H */
