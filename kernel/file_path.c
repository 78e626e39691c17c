// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paths of the image.
 *
 * A path is saved as the caller of the checkpoint sees it, from its root
 * directory, and only if walking it leads back to the same object: a path that
 * is unlinked, hidden below another mount, outside of the caller's root or in
 * a detached mount is refused, since a restart would open something else.
 *
 * Locking: none of its own; the path walk sleeps.
 */
#include <linux/dcache.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include "obj_file.h"

/**
 * ckpt_path_text() - a path as text for a message
 * @path: path
 * @buf: for the text, always terminated; cut if it does not fit
 * @len: bytes of @buf
 */
void ckpt_path_text(const struct path *path, char *buf, size_t len)
{
	char *page = kmalloc(PATH_MAX, GFP_KERNEL);
	char *text = page ? d_path(path, page, PATH_MAX) : ERR_PTR(-ENOMEM);

	strscpy(buf, IS_ERR(text) ? "(unknown path)" : text, len);
	kfree(page);
}

/**
 * ckpt_path_unlinked() - does the object at @path have no name any more?
 * @path: path of an open file or a directory
 *
 * Return: true if it was removed, or never had a name (a memfd).
 */
bool ckpt_path_unlinked(const struct path *path)
{
	return d_unlinked(path->dentry) || !d_inode(path->dentry)->i_nlink;
}

static int path_leads_back(struct ckpt_ctx *ctx, const struct path *path,
			   const char *text, const char *what)
{
	struct path found;
	int err;

	err = kern_path(text, 0, &found);
	if (err == -ENOENT || err == -ENOTDIR)
		return ckpt_refuse(ctx, what,
				   "path %s leads nowhere (mounted over?), which",
				   text);
	if (err)
		return ckpt_fail(ctx, err, what,
				 "%s cannot be looked up by the checkpointer",
				 text);
	if (d_inode(found.dentry) != d_inode(path->dentry))
		err = ckpt_refuse(ctx, what,
				  "path %s leads elsewhere (mounted over?), which",
				  text);
	path_put(&found);
	return err;
}

/**
 * ckpt_path_save() - path of an object as the caller sees it
 * @ctx: checkpoint
 * @path: of a file or directory
 * @what: what it belongs to, in messages
 *
 * Context: may sleep; called by the checkpointer, whose root counts.
 * Return: string, to be freed by kfree(), shorter than CKPT_PATH_MAX; or an
 * ERR_PTR() of an error that has been reported.
 */
char *ckpt_path_save(struct ckpt_ctx *ctx, const struct path *path,
		     const char *what)
{
	char *page, *text, *ret;
	int err;

	page = kmalloc(CKPT_PATH_MAX, GFP_KERNEL);
	if (!page)
		return ERR_PTR(ckpt_fail(ctx, -ENOMEM, what, "out of memory"));
	text = d_path(path, page, CKPT_PATH_MAX);
	if (IS_ERR(text))
		err = ckpt_fail(ctx, PTR_ERR(text), what,
				"its path is longer than %d bytes",
				CKPT_PATH_MAX - 1);
	else if (ckpt_path_unlinked(path))
		err = ckpt_refuse(ctx, what, "unlinked path %s", text);
	else if (text[0] != '/')
		err = ckpt_refuse(ctx, what, "%s, which has no path,", text);
	else
		err = path_leads_back(ctx, path, text, what);
	ret = err ? NULL : kstrdup(text, GFP_KERNEL_ACCOUNT);
	if (!err && !ret)
		err = ckpt_fail(ctx, -ENOMEM, what, "out of memory");
	kfree(page);
	return err ? ERR_PTR(err) : ret;
}
