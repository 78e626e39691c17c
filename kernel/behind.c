// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing behind: an image does not fill the page cache.
 *
 * Nobody reads an image soon; in the page cache it would only push out what
 * somebody needs, and the disk would stand idle until the end.  So the disk is
 * given each piece of the file once it is complete, and pieces that it has
 * written leave the cache.  A few pieces are on their way at any time; beyond
 * that the writer waits for the disk.
 *
 * All of it goes by the page cache's own functions, whatever the file system and
 * the caller's alignment; a file system without a disk (tmpfs) is left alone.
 * Errors of the disk stay with the file, for fsync().
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include "behind.h"
#include "ckpt.h"

#define PIECE (8LL << 20)
#define ON_THE_WAY (4 * PIECE)

static bool has_disk(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) && !(file->f_flags & O_DIRECT) &&
	       inode->i_sb->s_bdi->capabilities & BDI_CAP_WRITEBACK;
}

/**
 * ckpt_out_behind() - bytes have been written: keep the page cache small
 * @ctx: checkpoint
 */
void ckpt_out_behind(struct ckpt_ctx *ctx)
{
	struct ckpt_out *out = &ctx->out;
	struct address_space *mapping = out->file->f_mapping;
	loff_t pos = out->file->f_pos, end;

	if (pos - out->flushed < PIECE || !has_disk(out->file))
		return;
	end = round_down(pos, PIECE);
	filemap_fdatawrite_range(mapping, out->flushed, end - 1);
	out->flushed = end;
	end -= ON_THE_WAY;
	if (end <= out->dropped)
		return;
	filemap_fdatawait_range_keep_errors(mapping, out->dropped, end - 1);
	invalidate_mapping_pages(mapping, out->dropped >> PAGE_SHIFT,
				 (end - 1) >> PAGE_SHIFT);
	out->dropped = end;
}
