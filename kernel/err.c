// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors and the log.
 *
 * The function that meets a failure reports it here, once; its callers only
 * hand the errno on.  The first failure of an operation is kept: it becomes
 * the image's error record and what the tool prints.  Every report is also a
 * line in the caller's log file.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "ckpt.h"
#include "compat/mm.h"

/* Names of files and tasks are anyone's choice: no terminal must obey them. */
static void no_controls(char *text, int len)
{
	int i;

	for (i = 0; i < len; i++)
		if ((u8)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

/* As the image is written: kernel_write() takes fewer kinds of files. */
static void log_write(struct ckpt_ctx *ctx, const char *text, size_t len)
{
	struct kvec vec = { .iov_base = (void *)text, .iov_len = len };
	struct iov_iter iter;

	if (!ctx->logfile)
		return;
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, len);
	ckpt_iter_write(ctx->logfile, &iter, &ctx->logfile->f_pos);
}

/**
 * ckpt_log() - write a line to the caller's log
 * @ctx: operation
 * @fmt: format, without a newline
 */
void ckpt_log(struct ckpt_ctx *ctx, const char *fmt, ...)
{
	char *line;
	va_list args;
	int len;

	if (!ctx->logfile)
		return;
	line = kmalloc(CKPT_ERR_MAX, GFP_KERNEL);
	if (!line)
		return;
	va_start(args, fmt);
	len = vscnprintf(line, CKPT_ERR_MAX - 1, fmt, args);
	va_end(args);
	no_controls(line, len);
	line[len++] = '\n';
	mutex_lock(&ctx->err_lock);
	log_write(ctx, line, len);
	mutex_unlock(&ctx->err_lock);
	kfree(line);
}

/**
 * ckpt_fail() - report a failure where it is detected
 * @ctx: operation
 * @err: negative errno
 * @obj: what failed, a constant string ("fd", "area", "task")
 * @fmt: what is wrong with it, and what to do
 *
 * Adds the task (checkpoint) or the offset in the image (restart).  The first
 * report of an operation is kept for the error record.
 *
 * Context: may sleep.
 * Return: @err.
 */
int ckpt_fail(struct ckpt_ctx *ctx, int err, const char *obj, const char *fmt,
	      ...)
{
	char *line = kmalloc(CKPT_ERR_MAX, GFP_KERNEL);
	va_list args;
	int len;

	mutex_lock(&ctx->err_lock);
	if (!line) {
		if (!ctx->err)
			ctx->err = err;
		goto out;
	}
	len = scnprintf(line, CKPT_ERR_MAX - 1, "%s: ", obj);
	va_start(args, fmt);
	len += vscnprintf(line + len, CKPT_ERR_MAX - 1 - len, fmt, args);
	va_end(args);
	if (ctx->restarting)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (image offset %llu, errno %d)",
				 ctx->in.rec_pos, -err);
	else if (ctx->task)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (pid %d, %s, errno %d)",
				 task_pid_vnr(ctx->task), ctx->task->comm,
				 -err);
	no_controls(line, len);
	if (!ctx->err) {
		ctx->err = err;
		memcpy(ctx->errmsg, line, len + 1);
	}
	line[len++] = '\n';
	log_write(ctx, line, len);
out:
	mutex_unlock(&ctx->err_lock);
	kfree(line);
	return err;
}
