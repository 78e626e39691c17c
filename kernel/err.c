// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors and the log.
 *
 * The function that meets a failure reports it here, once; its callers only
 * hand the errno on.  The first failure of an operation is kept: it becomes
 * the image's error record and what the tool prints.  Every report is also a
 * line in the caller's log file.
 *
 * A task that is killed while it is restored fails wherever it happens to be:
 * that is not reported; the coordinator tells that it was killed.
 *
 * To write to the log can take as long as its reader likes: who is killed does
 * not wait for another one who does.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "ckpt.h"
#include "compat/mm.h"
#include "tree_restart.h"

/* Names of files and tasks are anyone's choice: no terminal must obey them. */
static void no_controls(char *text, int len)
{
	int i;

	for (i = 0; i < len; i++) {
		if ((u8)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
		/* U+0080 to U+009F, as UTF-8 */
		if (i && (u8)text[i - 1] == 0xc2 && (u8)text[i] < 0xa0)
			text[i] = '?';
	}
}

/* As the image is written: kernel_write() takes fewer kinds of files. */
static void log_write(struct ckpt_ctx *ctx, const char *text, size_t len)
{
	struct kvec vec = { .iov_base = (void *)text, .iov_len = len };
	struct iov_iter iter;

	if (!ctx->op->logfile)
		return;
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, len);
	ckpt_iter_write(ctx->op->logfile, &iter, &ctx->op->logfile->f_pos);
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
	struct ckpt_ctx *op = ctx->op;
	int len;

	if (!op->logfile)
		return;
	line = kmalloc(CKPT_ERR_MAX, GFP_KERNEL);
	if (!line)
		return;
	va_start(args, fmt);
	len = vscnprintf(line, CKPT_ERR_MAX - 1, fmt, args);
	va_end(args);
	no_controls(line, len);
	line[len++] = '\n';
	if (!mutex_lock_killable(&op->err_lock)) {
		log_write(ctx, line, len);
		mutex_unlock(&op->err_lock);
	}
	kfree(line);
}

/*
 * What is found in a program that is being killed is no state of its own: its
 * pid is gone, its memory empty.  Neither is its refusal.
 */
static bool is_going(const struct ckpt_ctx *ctx, int err)
{
	struct task_struct *t = ctx->task;

	if (ctx->restarting || !t || t == current)
		return false;
	if (err != -EOPNOTSUPP && err != -EINVAL && err != -ENOMEM)
		return false;
	return (READ_ONCE(t->flags) & PF_EXITING) ||
	       (READ_ONCE(t->signal->flags) & SIGNAL_GROUP_EXIT);
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
 * Return: @err, or -ESRCH when a program that cannot be saved is being killed.
 */
int ckpt_fail(struct ckpt_ctx *ctx, int err, const char *obj, const char *fmt,
	      ...)
{
	struct ckpt_ctx *op = ctx->op;
	bool going = is_going(ctx, err);
	va_list args;
	char *line;
	int len;

	if (ctx->restarting && current == ctx->task &&
	    fatal_signal_pending(current))
		return err;
	if (going)
		err = -ESRCH;
	line = kmalloc(CKPT_ERR_MAX, GFP_KERNEL);
	if (mutex_lock_killable(&op->err_lock)) {
		kfree(line);
		return err;
	}
	if (!line) {
		if (!op->err)
			op->err = err;
		goto out;
	}
	len = scnprintf(line, CKPT_ERR_MAX - 1, "%s%s: ",
			going ? "it was killed during the checkpoint; " : "",
			obj);
	va_start(args, fmt);
	len += vscnprintf(line + len, CKPT_ERR_MAX - 1 - len, fmt, args);
	va_end(args);
	if (ctx->restarting && ctx != op && op->nr_tasks > 1)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (task %d, image offset %llu, errno %d)",
				 ctx->restart->task->rec.pid, op->in.rec_pos,
				 -err);
	else if (ctx->restarting)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (image offset %llu, errno %d)",
				 op->in.rec_pos, -err);
	else if (ctx->task)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (pid %d, %s, errno %d)",
				 task_pid_vnr(ctx->task), ctx->task->comm,
				 -err);
	else if (ctx->snapshot)
		len += scnprintf(line + len, CKPT_ERR_MAX - 1 - len,
				 " (errno %d)", -err);
	no_controls(line, len);
	if (!op->err) {
		op->err = err;
		memcpy(op->errmsg, line, len + 1);
	}
	line[len++] = '\n';
	/* one that will be tried again is nobody's news */
	if (err != -EAGAIN || !(ctx->flags & CHECKPOINT_TRY) || op->restarting)
		log_write(ctx, line, len);
out:
	mutex_unlock(&op->err_lock);
	kfree(line);
	return err;
}
