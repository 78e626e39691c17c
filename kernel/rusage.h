/* SPDX-License-Identifier: GPL-2.0-only */
/* What tasks have used so far, and when they started. */
#ifndef _CKPT_RUSAGE_H
#define _CKPT_RUSAGE_H

#include "ckpt.h"

int ckpt_rusage_save_task(struct ckpt_ctx *ctx, struct task_struct *t,
			  struct ckpt_hdr_task *rec);
int ckpt_rusage_save_process(struct ckpt_ctx *ctx, struct signal_struct *sig,
			     struct ckpt_hdr_signal *rec);
void ckpt_rusage_commit_task(struct ckpt_ctx *ctx,
			     const struct ckpt_hdr_task *rec);
void ckpt_rusage_commit_process(struct ckpt_ctx *ctx,
				const struct ckpt_hdr_signal *rec);

void ckpt_rusage_commit_dead(struct task_struct *t,
			     const struct ckpt_hdr_task *rec,
			     const struct ckpt_hdr_signal *sig_rec);

#endif /* _CKPT_RUSAGE_H */
