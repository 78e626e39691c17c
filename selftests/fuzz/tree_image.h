/* SPDX-License-Identifier: GPL-2.0-only */
/* The tasks of an image, for those who change them. */
#ifndef _FUZZ_TREE_IMAGE_H
#define _FUZZ_TREE_IMAGE_H

#include "mutate.h"

#define FT_NOBODY 4000000 /* a pid that no task has */

/* What a task names, in TREE_TASK and TASK. */
enum ft_ref {
	FT_MM,
	FT_FILES,
	FT_FS,
	FT_SIGHAND,
	FT_SIGNAL,
	FT_NSPROXY,
	FT_CRED,
	FT_NR_REFS
};

/* Index of the first row; img->nr: there is none. */
int ft_first(const struct fz_image *img);
/* Valid until a record is added or removed. */
struct ckpt_hdr_tree_task *ft_row(const struct fz_image *img, int i);
/* NULL: there is none. */
struct ckpt_hdr_tree *ft_tree(const struct fz_image *img);
/* Index of the TASK behind record @n; -1: there is none. */
int ft_next_state(const struct fz_image *img, int n);
/* Index of the TASK of a pid; -1: there is none. */
int ft_state_index(const struct fz_image *img, __s32 pid);
/* That of a row, or NULL. */
struct ckpt_hdr_task *ft_state(const struct fz_image *img, int i);
bool ft_is_thread(const struct ckpt_hdr_tree_task *r);

__s32 *ft_row_ref(struct ckpt_hdr_tree_task *r, enum ft_ref ref);
__s32 *ft_state_ref(struct ckpt_hdr_task *t, enum ft_ref ref);
void ft_set_pid(struct ckpt_hdr_tree_task *r, __s32 pid);
void ft_set_parent(struct ckpt_hdr_tree_task *r,
		   const struct ckpt_hdr_tree_task *parent);
/* What one has that has exited. */
void ft_row_dies(struct ckpt_hdr_tree_task *r, __u32 code);
void ft_state_dies(struct fz_image *img, int n);

/* The records that follow record @n as its parts. */
void ft_remove_parts(struct fz_image *img, int n);
/* An object that no row names any more. */
void ft_remove_unused(struct fz_image *img, enum ft_ref ref, __s32 objref);
void ft_swap_rows(struct fz_image *img, int a, int b);
/*
 * A row once more behind itself, its state behind its own: a thread of the same
 * process, or another one with a SIGNAL of its own.
 */
bool ft_copy_task(struct fz_image *img, int i, __s32 pid, bool is_process);

#endif /* _FUZZ_TREE_IMAGE_H */
