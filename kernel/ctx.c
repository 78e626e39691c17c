// SPDX-License-Identifier: GPL-2.0-only
/* One operation: what it holds from its first step to its last. */
#include <linux/file.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "pages.h"
#include "obj_file.h"
#include "snapshot.h"
#include "sync.h"

/**
 * ckpt_ctx_open_log() - have an operation tell its messages
 * @ctx: operation without a log
 * @fd: descriptor of the caller, or CHECKPOINT_FD_NONE
 *
 * Return: 0 or -EBADF.
 */
int ckpt_ctx_open_log(struct ckpt_ctx *ctx, int fd)
{
	struct file *file;

	if (fd == CHECKPOINT_FD_NONE)
		return 0;
	file = fget(fd);
	if (!file)
		return -EBADF;
	if (!(file->f_mode & FMODE_WRITE) || !file->f_op->write_iter ||
	    file->f_op == ctx->dev_file->f_op) {
		fput(file);
		return -EBADF;
	}
	ctx->logfile = file;
	return 0;
}

/**
 * ckpt_ctx_alloc() - begin an operation
 * @dev_file: the session's open file, which must outlive the operation
 * @logfd: descriptor of the caller for messages, or CHECKPOINT_FD_NONE
 *
 * Return: the operation, for ckpt_ctx_free(), or an ERR_PTR().
 */
struct ckpt_ctx *ckpt_ctx_alloc(struct file *dev_file, int logfd)
{
	struct ckpt_ctx *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	int err;

	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->op = ctx;
	mutex_init(&ctx->err_lock);
	INIT_LIST_HEAD(&ctx->out.chunks);
	INIT_LIST_HEAD(&ctx->syncs);
	ctx->dev_file = dev_file;
	ckpt_seq_init(&ctx->in.seq);
	err = ckpt_objhash_init(ctx);
	if (!err)
		err = ckpt_ctx_open_log(ctx, logfd);
	if (!err)
		return ctx;
	ckpt_ctx_free(ctx);
	return ERR_PTR(err);
}

/**
 * ckpt_ctx_close() - let go of what the operation writes to
 * @ctx: operation
 */
void ckpt_ctx_close(struct ckpt_ctx *ctx)
{
	if (ctx->out.file)
		fput(ctx->out.file);
	if (ctx->logfile)
		fput(ctx->logfile);
	ctx->out.file = NULL;
	ctx->logfile = NULL;
}

/**
 * ckpt_ctx_free() - end an operation, drop all that it holds
 * @ctx: operation
 */
void ckpt_ctx_free(struct ckpt_ctx *ctx)
{
	ckpt_objhash_free(ctx);
	ckpt_out_free(ctx);
	ckpt_snapshot_free(ctx);
	ckpt_sync_free(ctx);
	ckpt_in_free(ctx);
	ckpt_pages_free(ctx);
	ckpt_ctx_close(ctx);
	if (ctx->in.file)
		fput(ctx->in.file);
	ckpt_tree_free(ctx);
	kvfree(ctx->in.head);
	kfree(ctx);
}
