// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of records of files: pipes, open files, tables, directories.
 */
#include "ckpt_field.h"

#define OPEN_FLAGS_KNOWN 0x7fffffU /* O_* of x86-64, octal 37777777 */
#define PIPE_MAX 0x80000000U /* F_SETPIPE_SZ goes no further */
#define OWNER_PGRP 2 /* F_OWNER_PGRP, the highest */

static const char *check_pipe(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_pipe *r = (const void *)h;

	if (r->objref < 1)
		return "pipe: objref not positive";
	if (!r->capacity || r->capacity & CKPT_PAGE_MASK ||
	    r->capacity > PIPE_MAX)
		return "pipe: bad capacity";
	if (r->nr_bufs > r->capacity / CKPT_PAGE_SIZE)
		return "pipe: more buffers than it can hold";
	return r->pad ? "pipe: padding not zero" : NULL;
}

static const char *check_pipe_buf(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_pipe_buf *r = (const void *)h;

	if (r->len < 1 || r->len > CKPT_PAGE_SIZE)
		return "pipe_buf: bad length of its data";
	if (r->flags & ~CKPT_PIPE_BUF_PACKET)
		return "pipe_buf: unknown flags";
	if (!ckpt_tail_ok(h, sizeof(*r), r->len))
		return "pipe_buf: length does not match";
	return NULL;
}

static const char *check_eventfd(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_eventfd *r = (const void *)h;

	if (r->objref < 1)
		return "eventfd: objref not positive";
	if (r->flags & ~CKPT_EVENTFD_SEMAPHORE)
		return "eventfd: unknown flags";
	return NULL;
}

/* Whether the state of such a file is an object of its own. */
static int kind_has_object(__u32 kind)
{
	return kind == CKPT_FILE_PIPE || kind == CKPT_FILE_SHMEM ||
	       kind == CKPT_FILE_EVENTFD || kind == CKPT_FILE_FIFO;
}

/* The type of inode (S_IFMT) that goes with a kind; 0: any. */
static __u32 kind_format(__u32 kind)
{
	switch (kind) {
	case CKPT_FILE_REG:
		return 0100000;
	case CKPT_FILE_DIR:
		return 0040000;
	case CKPT_FILE_DEV:
		return 0020000;
	case CKPT_FILE_PIPE:
	case CKPT_FILE_FIFO:
		return 0010000;
	case CKPT_FILE_SHMEM:
		return 0100000;
	default:
		return 0;
	}
}

static const char *file_path(const struct ckpt_hdr_file *r)
{
	if (r->path_len < 1 || r->path_len > CKPT_PATH_MAX)
		return "file: bad length of its path";
	if (!ckpt_tail_ok(&r->h, sizeof(*r), r->path_len))
		return "file: length does not match";
	if (!ckpt_string_ok(r->path, r->path_len))
		return "file: path not terminated at its end";
	if ((r->kind <= CKPT_FILE_DEV || r->kind == CKPT_FILE_FIFO) &&
	    r->path[0] != '/')
		return "file: path not absolute";
	return NULL;
}

static const char *file_owner(const struct ckpt_hdr_file *r)
{
	if (r->owner_type < -1 || r->owner_type > OWNER_PGRP)
		return "file: unknown type of owner";
	if (r->owner_pid < 0 || (r->owner_type == -1 && r->owner_pid))
		return "file: bad owner";
	if (r->owner_sig < 0 || r->owner_sig > CKPT_NSIG)
		return "file: bad owner signal";
	return NULL;
}

static const char *file_inode(const struct ckpt_hdr_file *r)
{
	__u32 format = kind_format(r->kind);

	if (r->i_mode > 0xffff || (format && (r->i_mode & 0170000) != format))
		return "file: mode does not go with its kind";
	if (r->size > CKPT_TIME_MAX || r->pos > CKPT_TIME_MAX)
		return "file: size or position out of range";
	if (r->mtime_nsec >= 1000000000)
		return "file: bad time";
	if (r->kind == CKPT_FILE_DEV && !r->rdev)
		return "file: device without a number";
	return r->dev >> 32 ? "file: bad device number" : NULL;
}

static const char *file_mode(const struct ckpt_hdr_file *r)
{
	const __u32 both = CKPT_FMODE_READ | CKPT_FMODE_WRITE;
	__u32 how = r->f_mode & both;

	if (r->f_mode & ~(both | CKPT_FMODE_MADE | CKPT_FMODE_ALONE))
		return "file: unknown open mode";
	if ((r->f_mode & CKPT_FMODE_MADE &&
	     (r->kind != CKPT_FILE_SHMEM || how != both)) ||
	    (r->f_mode & CKPT_FMODE_ALONE &&
	     (r->kind != CKPT_FILE_FIFO || how != CKPT_FMODE_READ)))
		return "file: open mode does not go with its kind";
	return NULL;
}

static const char *check_file(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_file *r = (const void *)h;
	const char *why;

	if (r->objref < 1)
		return "file: objref not positive";
	if (r->kind < 1 || r->kind >= CKPT_FILE_KINDS)
		return "file: unknown kind";
	if (r->f_flags & ~OPEN_FLAGS_KNOWN)
		return "file: unknown open flags";
	why = file_mode(r);
	if (why)
		return why;
	if (kind_has_object(r->kind) ? r->obj_objref < 1 : r->obj_objref != 0)
		return "file: bad objref of its object";
	why = file_inode(r);
	if (!why)
		why = file_owner(r);
	return why ? why : file_path(r);
}

static const char *check_files(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_files *r = (const void *)h;

	if (r->objref < 1)
		return "files: objref not positive";
	return r->nr_fds > CKPT_FDS_MAX ? "files: too many descriptors" : NULL;
}

static const char *check_fd(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_fd *r = (const void *)h;

	if (r->fd < 0)
		return "fd: negative";
	if (r->file_objref < 1)
		return "fd: objref not positive";
	if (r->flags & ~CKPT_FD_CLOEXEC)
		return "fd: unknown flags";
	return r->pad ? "fd: padding not zero" : NULL;
}

static const char *check_fs(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_fs *r = (const void *)h;

	if (r->objref < 1)
		return "fs: objref not positive";
	if (r->umask & ~0777U)
		return "fs: bad umask";
	if (r->root_len < 2 || r->root_len > CKPT_PATH_MAX || r->pwd_len < 2 ||
	    r->pwd_len > CKPT_PATH_MAX)
		return "fs: bad length of a path";
	if (!ckpt_tail_ok(h, sizeof(*r), (__u64)r->root_len + r->pwd_len))
		return "fs: length does not match";
	if (!ckpt_string_ok(r->paths, r->root_len) ||
	    !ckpt_string_ok(r->paths + r->root_len, r->pwd_len))
		return "fs: path not terminated at its end";
	if (r->paths[0] != '/' || r->paths[r->root_len] != '/')
		return "fs: path not absolute";
	return NULL;
}

/**
 * ckpt_check_files() - check PIPE, PIPE_BUF, EVENTFD, FILE, FILES, FD, FS
 * @h: record; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_files(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_PIPE:
		return check_pipe(h);
	case CKPT_HDR_PIPE_BUF:
		return check_pipe_buf(h);
	case CKPT_HDR_EVENTFD:
		return check_eventfd(h);
	case CKPT_HDR_FILE:
		return check_file(h);
	case CKPT_HDR_FILES:
		return check_files(h);
	case CKPT_HDR_FD:
		return check_fd(h);
	default:
		return check_fs(h);
	}
}
