/* SPDX-License-Identifier: GPL-2.0-only */
/* Seccomp filters of a task, in memory. */
#ifndef _CKPT_SECCOMP_H
#define _CKPT_SECCOMP_H

#include "ckpt.h"

int ckpt_seccomp_collect(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_seccomp_gather(struct ckpt_ctx *ctx, struct task_struct *t,
			struct ckpt_filters *fs);
int ckpt_seccomp_save(struct ckpt_ctx *ctx, const struct ckpt_filters *fs);
int ckpt_seccomp_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec,
			 struct ckpt_filters *fs);
int ckpt_seccomp_check(struct ckpt_ctx *ctx, const struct ckpt_filters *fs);
int ckpt_seccomp_commit_shared(struct ckpt_ctx *ctx,
			       const struct ckpt_filters *fs);
int ckpt_seccomp_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec,
			const struct ckpt_filters *fs);
void ckpt_filters_free(struct ckpt_filters *fs);

#endif /* _CKPT_SECCOMP_H */
