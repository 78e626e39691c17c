// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that the image refers to, brought to disk.
 *
 * What the program has written to its files before the checkpoint is to be
 * there when the image is, even after a crash.  That takes as long as the disk
 * likes: a checkpoint whose tasks run on does it when they do.  Until then only
 * the files' places are held, which only umount() notices: an open file is, by
 * execve() as a writer, and as a lock's owner.
 *
 * Locking: none; the operation's own list.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/pagemap.h>
#include <linux/path.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "compat/file.h"
#include "obj_file.h"
#include "sync.h"

/**
 * struct sync - a file that is to be synced
 * @list: in ctx->syncs
 * @path: of the file, held
 * @fsync: as fsync() does; else its contents alone
 */
struct sync {
	struct list_head list;
	struct path path;
	bool fsync;
};

static int sync_failed(struct ckpt_ctx *ctx, int err, const struct path *path)
{
	char text[64];

	ckpt_path_text(path, text, sizeof(text));
	return ckpt_fail(ctx, err, "file", "%s cannot be written to disk",
			 text);
}

/*
 * As the kernel: it only is to be written back, and who holds a file may have
 * rights to nothing but writing.  Of an overlay only its own fsync leads to the
 * file where the pages are.  Not by the program's own file, whose fsync() is to
 * tell of an error once.  Who watches the file, and may be frozen, is not asked.
 */
static int sync_now(const struct path *path, bool fsync)
{
	struct cred *cred = prepare_kernel_cred(&init_task);
	struct file *file;
	int err;

	if (!cred)
		return -ENOMEM;
	file = dentry_open(path, O_RDONLY | O_LARGEFILE | __FMODE_NONOTIFY,
			   cred);
	put_cred(cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (file->f_op->fsync)
		err = vfs_fsync(file, !fsync);
	else
		err = filemap_write_and_wait(file->f_mapping);
	fput(file);
	return err;
}

/* An error that the program's fsync() is yet to tell of goes with the program. */
static int sync_untold(const struct file *file)
{
	return filemap_check_wb_err(file->f_mapping, READ_ONCE(file->f_wb_err));
}

static int sync_later(struct ckpt_ctx *ctx, struct file *file, bool fsync)
{
	const struct path *path = ckpt_file_path(file);
	struct sync *sync;

	if (!list_empty(&ctx->syncs)) {
		sync = list_last_entry(&ctx->syncs, struct sync, list);
		if (path_equal(&sync->path, path) && sync->fsync >= fsync)
			return 0;
	}
	sync = kmalloc(sizeof(*sync), GFP_KERNEL_ACCOUNT);
	if (!sync)
		return ckpt_fail(ctx, -ENOMEM, "file", "out of memory");
	sync->path = *path;
	path_get(&sync->path);
	sync->fsync = fsync;
	list_add_tail(&sync->list, &ctx->syncs);
	return 0;
}

/**
 * ckpt_sync_file() - bring a file to disk, its metadata too
 * @ctx: checkpoint
 * @file: regular file, open
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sync_file(struct ckpt_ctx *ctx, struct file *file)
{
	const struct path *path = ckpt_file_path(file);
	int err;

	if (ctx->flags & CHECKPOINT_SNAPSHOT)
		return sync_later(ctx, file, true);
	err = sync_now(path, true) ?: sync_untold(file);
	return err ? sync_failed(ctx, err, path) : 0;
}

/**
 * ckpt_sync_contents() - bring what was written to a part of a file there
 * @ctx: checkpoint
 * @file: mapped file
 * @from: offset of the part
 * @size: bytes of it
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sync_contents(struct ckpt_ctx *ctx, struct file *file, loff_t from,
		       loff_t size)
{
	int err;

	if (shmem_mapping(file->f_mapping))
		return 0;
	if (ctx->flags & CHECKPOINT_SNAPSHOT)
		return sync_later(ctx, file, false);
	err = filemap_write_and_wait_range(file->f_mapping, from,
					   from + size - 1);
	return err ? sync_failed(ctx, err, ckpt_file_path(file)) : 0;
}

static void sync_drop(struct sync *sync)
{
	list_del(&sync->list);
	path_put(&sync->path);
	kfree(sync);
}

/**
 * ckpt_sync_run() - sync what was put off
 * @ctx: checkpoint whose tasks run
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_sync_run(struct ckpt_ctx *ctx)
{
	struct sync *sync, *next;
	int err = 0;

	list_for_each_entry_safe(sync, next, &ctx->syncs, list) {
		err = sync_now(&sync->path, sync->fsync);
		if (err)
			return sync_failed(ctx, err, &sync->path);
		sync_drop(sync);
		if (fatal_signal_pending(current))
			return ckpt_fail(ctx, -EINTR, "image", "interrupted");
	}
	return 0;
}

/**
 * ckpt_sync_free() - let go of the files that were not synced
 * @ctx: operation
 */
void ckpt_sync_free(struct ckpt_ctx *ctx)
{
	struct sync *sync, *next;

	list_for_each_entry_safe(sync, next, &ctx->syncs, list)
		sync_drop(sync);
}
