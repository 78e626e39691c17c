/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that the image refers to, brought to disk. */
#ifndef _CKPT_SYNC_H
#define _CKPT_SYNC_H

#include <linux/types.h>

struct ckpt_ctx;
struct file;

int ckpt_sync_file(struct ckpt_ctx *ctx, struct file *file);
int ckpt_sync_contents(struct ckpt_ctx *ctx, struct file *file, loff_t from,
		       loff_t size);
int ckpt_sync_run(struct ckpt_ctx *ctx);
void ckpt_sync_free(struct ckpt_ctx *ctx);

#endif /* _CKPT_SYNC_H */
