// SPDX-License-Identifier: GPL-2.0-only
/* One operation: what it holds from its first step to its last. */
#include <linux/file.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "pages.h"
#include "ksym.h"
#include "obj_file.h"

static int ctx_open_log(struct ckpt_ctx *ctx, int fd)
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
	mutex_init(&ctx->err_lock);
	INIT_LIST_HEAD(&ctx->out.chunks);
	ctx->dev_file = dev_file;
	ckpt_seq_init(&ctx->in.seq);
	err = ckpt_objhash_init(ctx);
	if (!err)
		err = ctx_open_log(ctx, logfd);
	if (!err)
		return ctx;
	ckpt_ctx_free(ctx);
	return ERR_PTR(err);
}

/**
 * ckpt_ctx_free() - end an operation, drop all that it holds
 * @ctx: operation
 */
void ckpt_ctx_free(struct ckpt_ctx *ctx)
{
	ckpt_mm_copy_free(ctx->mm_copy);
	ckpt_objhash_free(ctx);
	ckpt_out_free(ctx);
	ckpt_in_free(ctx);
	ckpt_pages_free(ctx);
	if (ctx->out.file)
		fput(ctx->out.file);
	if (ctx->in.file)
		fput(ctx->in.file);
	if (ctx->logfile)
		fput(ctx->logfile);
	if (ctx->stack_held)
		K(put_task_stack)(ctx->task);
	if (ctx->task)
		put_task_struct(ctx->task);
	kvfree(ctx->in.head);
	kfree(ctx->frozen_regs);
	kfree(ctx);
}
