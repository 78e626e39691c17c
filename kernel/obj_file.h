/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Open files: what the pieces that handle them know of each other.
 */
#ifndef _CKPT_OBJ_FILE_H
#define _CKPT_OBJ_FILE_H

#include <linux/atomic.h>
#include "ckpt.h"

#define CKPT_WHO_LEN 24 /* "fd 1048576" */

/**
 * struct ckpt_staged_file - a FILE of the image during a restart
 * @file: the open file, or NULL: not needed yet, or CKPT_FILE_EXTERNAL
 * @inherited: what the caller gave for it, borrowed, or NULL
 * @path: its path, or what it was; NUL-terminated
 * @now_size: size when it was opened
 * @now_mtime: modification time when it was opened
 * @truncate: the commit cuts it to the size of the record
 * @committed: a task is, or was, through with it: it is one's business, and
 *	several that have it commit at once
 * @forced: it has changed, and the log says so
 * @rec: copy of the record
 *
 * A file is opened when it is first needed, so that one whose descriptors are
 * all inherited need not exist.
 */
struct ckpt_staged_file {
	struct file *file;
	struct file *inherited;
	char *path;
	u64 now_size;
	struct timespec64 now_mtime;
	bool truncate;
	bool forced;
	atomic_t committed;
	struct ckpt_hdr_file rec; /* without its path[] */
};

/*
 * The staged FILE @objref, opened.  @who: what it is for, in messages: "fd 3",
 * "mapped file".  Borrowed from the objhash; an ERR_PTR() has been reported.
 */
struct ckpt_staged_file *ckpt_file_stage(struct ckpt_ctx *ctx, int objref,
					 const char *who);
/* The caller takes it as it is, though it differs (@how). */
bool ckpt_file_forced(struct ckpt_ctx *ctx, struct ckpt_staged_file *sf,
		      const char *how);
/* The file of a mapping or of the exe link must be as it was. */
int ckpt_file_check_unchanged(struct ckpt_ctx *ctx, int objref);

/* file_kind.c: which kind of file the image can hold @file as, or refuse. */
int ckpt_file_kind(struct ckpt_ctx *ctx, struct file *file, const char *who);
int ckpt_file_check_locks(struct ckpt_ctx *ctx, struct file *file,
			  const struct files_struct *files, const char *who);
bool ckpt_file_is_mem_dev(dev_t rdev);

/* leak.c */
unsigned int ckpt_file_users(struct ckpt_ctx *ctx, struct file *file);
int ckpt_file_check_shared(struct ckpt_ctx *ctx, struct file *file,
			   const char *who);

/* file_path.c */
bool ckpt_path_unlinked(const struct path *path);
/* text for people; never fails, may be cut */
void ckpt_path_text(const struct path *path, char *buf, size_t len);

/* obj_pipe.c */
int ckpt_pipe_collect_end(struct ckpt_ctx *ctx, struct file *file);
int ckpt_pipe_save_end(struct ckpt_ctx *ctx, struct file *file,
		       const char *who);
struct file *ckpt_pipe_take_end(struct ckpt_ctx *ctx,
				const struct ckpt_hdr_file *rec,
				const char *who);
bool ckpt_fifo_reader_alone(struct file *file);
struct file *ckpt_fifo_open(struct ckpt_ctx *ctx,
			    const struct ckpt_staged_file *sf, u32 flags,
			    const char *who);
int ckpt_fifo_commit(struct ckpt_ctx *ctx, const struct ckpt_staged_file *sf);

/* obj_shmem.c */
bool ckpt_file_is_shmem(const struct file *file);
int ckpt_shmem_collect_file(struct ckpt_ctx *ctx, struct file *file);
int ckpt_shmem_save_file(struct ckpt_ctx *ctx, struct file *file);
struct file *ckpt_shmem_open(struct ckpt_ctx *ctx, int objref, u32 flags,
			     bool made, const char *who);
int ckpt_shmem_check_handle(struct ckpt_ctx *ctx,
			    const struct ckpt_staged_file *sf, const char *who);
unsigned int ckpt_shmem_map_begin(const struct ckpt_staged_file *sf,
				  bool writable);
void ckpt_shmem_map_end(const struct ckpt_staged_file *sf, unsigned int seals);

/* obj_eventfd.c */
bool ckpt_file_is_eventfd(const struct file *file);
int ckpt_eventfd_collect_file(struct ckpt_ctx *ctx, struct file *file);
int ckpt_eventfd_save_file(struct ckpt_ctx *ctx, struct file *file);
struct file *ckpt_eventfd_take(struct ckpt_ctx *ctx, int objref,
			       const char *who);

#endif /* _CKPT_OBJ_FILE_H */
