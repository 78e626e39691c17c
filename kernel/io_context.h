/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O contexts, which tasks share by CLONE_IO. */
#ifndef _CKPT_IO_CONTEXT_H
#define _CKPT_IO_CONTEXT_H

struct ckpt_ctx;
struct ckpt_hdr_task;
struct task_struct;

int ckpt_io_save(struct ckpt_ctx *ctx, struct task_struct *t,
		 struct ckpt_hdr_task *rec);
int ckpt_io_check_restarter(struct ckpt_ctx *ctx);
int ckpt_io_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec);
int ckpt_io_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_task *rec);

#endif /* _CKPT_IO_CONTEXT_H */
