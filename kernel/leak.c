// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that have users outside of the tree.
 *
 * Refused in a container, which would not come back as it was; in a subtree the
 * log tells them, and a restart makes one of its own.  Each kind of object
 * counts its users where it is saved, when all tasks have been collected; open
 * files do so here.
 *
 * A reader of /proc may hold an object for a moment: one that looks shared is
 * looked at again before it counts as that.
 *
 * Locking: none; counts are compared while the tasks hold still.
 */
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/sched.h>
#include "compat/file.h"
#include "obj_file.h"
#include "tree.h"

#define LOOKS 5
#define LOOK_PAUSE_US 50
#define WHAT_LEN 128

/**
 * ckpt_leak() - an object has users outside of the tree
 * @ctx: checkpoint
 * @what: the object, for people
 * @inside: uses within the tree
 * @users: uses in all
 *
 * Return: 0 in a subtree, else -EBUSY, which has been reported.
 */
int ckpt_leak(struct ckpt_ctx *ctx, const char *what, unsigned int inside,
	      unsigned int users)
{
	if (!(ctx->flags & CHECKPOINT_SUBTREE))
		return ckpt_fail(ctx, -EBUSY, "leak",
				 "%s has %u users, only %u of them in the container",
				 what, users, inside);
	ckpt_log(ctx,
		 "pid %d: %s is shared with tasks outside of the tree (%u users, %u inside): a restart makes one of its own",
		 task_pid_vnr(ctx->task), what, users, inside);
	return 0;
}

/**
 * ckpt_file_users() - descriptors and mappings of an open file, of all tasks
 * @ctx: checkpoint
 * @file: collected
 *
 * Return: how many there are, our own references left out.
 */
unsigned int ckpt_file_users(struct ckpt_ctx *ctx, struct file *file)
{
	long own = 1 /* the objhash */ + (file == ctx->out.file) +
		   (file == ctx->logfile) + (file == ctx->dev_file);

	return max(file_count(file) - own, 0L);
}

static bool file_shared(struct ckpt_ctx *ctx, struct file *file)
{
	int look, looks = ctx->flags & CHECKPOINT_SUBTREE ? 1 : LOOKS;

	for (look = 0; look < looks; look++) {
		if (look)
			usleep_range(LOOK_PAUSE_US, 2 * LOOK_PAUSE_US);
		if (ckpt_file_users(ctx, file) <= ckpt_obj_users(ctx, file))
			return false;
	}
	return true;
}

/**
 * ckpt_file_check_shared() - whether an open file has users outside of the tree
 * @ctx: checkpoint, all tasks collected
 * @file: open file that a descriptor leads to, or shared memory
 * @who: "fd 3", for messages
 *
 * Looks at each file once.  Pipes are left to obj_pipe.c.  What is outside of
 * a subtree altogether, as a terminal, is nothing that it shares.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_file_check_shared(struct ckpt_ctx *ctx, struct file *file,
			   const char *who)
{
	char what[WHAT_LEN], text[WHAT_LEN - CKPT_WHO_LEN - 8];
	int kind;

	if (S_ISFIFO(file_inode(file)->i_mode) || !ckpt_obj_mark(ctx, file) ||
	    !file_shared(ctx, file))
		return 0;
	kind = ckpt_file_kind(ctx, file, who);
	if (kind < 0)
		return kind;
	if (kind == CKPT_FILE_EXTERNAL && ctx->flags & CHECKPOINT_SUBTREE)
		return 0;
	ckpt_path_text(ckpt_file_path(file), text, sizeof(text));
	snprintf(what, sizeof(what), "%s (%s)", who, text);
	return ckpt_leak(ctx, what, ckpt_obj_users(ctx, file),
			 ckpt_file_users(ctx, file));
}
