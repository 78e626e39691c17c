// SPDX-License-Identifier: GPL-2.0-only
/* The tasks of an image: their rows in the head, and their states. */
#include <string.h>
#include "tree_image.h"

#define NEW_OBJREF 16000000 /* and the pid; there are not so many objects */

/* ---- rows and states ---- */

static __s32 type_of(const struct fz_image *img, int n)
{
	return ((const struct ckpt_hdr *)fz_at(img, n))->type;
}

static bool is_whole(const struct fz_image *img, int n, __s32 type, size_t size)
{
	return n < img->nr && img->rec[n].len >= size &&
	       img->rec[n].len % 8 == 0 && type_of(img, n) == type;
}

/* Index of the first row; img->nr: there is none. */
int ft_first(const struct fz_image *img)
{
	int n = 0;

	while (n < img->nr && !is_whole(img, n, CKPT_HDR_TREE_TASK,
					sizeof(struct ckpt_hdr_tree_task) + 4))
		n++;
	return n;
}

int fz_tree_rows(const struct fz_image *img)
{
	int first = ft_first(img), n = first;

	while (is_whole(img, n, CKPT_HDR_TREE_TASK,
			sizeof(struct ckpt_hdr_tree_task) + 4))
		n++;
	return n - first;
}

struct ckpt_hdr_tree_task *ft_row(const struct fz_image *img, int i)
{
	return fz_at(img, ft_first(img) + i);
}

int ft_next_state(const struct fz_image *img, int n)
{
	while (++n < img->nr)
		if (is_whole(img, n, CKPT_HDR_TASK,
			     sizeof(struct ckpt_hdr_task)))
			return n;
	return -1;
}

int ft_state_index(const struct fz_image *img, __s32 pid)
{
	int n = -1;

	do {
		n = ft_next_state(img, n);
	} while (n >= 0 &&
		 ((const struct ckpt_hdr_task *)fz_at(img, n))->pid != pid);
	return n;
}

struct ckpt_hdr_task *ft_state(const struct fz_image *img, int i)
{
	int n = ft_state_index(img, ft_row(img, i)->pid);

	return n < 0 ? NULL : fz_at(img, n);
}

bool ft_is_thread(const struct ckpt_hdr_tree_task *r)
{
	return r->pid != r->tgid;
}

/* Where they stand in a row, and in a state. */
#define PLACE(name)                                                    \
	{                                                              \
		offsetof(struct ckpt_hdr_tree_task, name##_objref),    \
			offsetof(struct ckpt_hdr_task, name##_objref), \
	}

static const struct {
	size_t row, state;
} places[FT_NR_REFS] = {
	[FT_MM] = PLACE(mm),	     [FT_FILES] = PLACE(files),
	[FT_FS] = PLACE(fs),	     [FT_SIGHAND] = PLACE(sighand),
	[FT_SIGNAL] = PLACE(signal), [FT_NSPROXY] = PLACE(nsproxy),
	[FT_CRED] = PLACE(cred),
};

__s32 *ft_row_ref(struct ckpt_hdr_tree_task *r, enum ft_ref ref)
{
	return (void *)((__u8 *)r + places[ref].row);
}

__s32 *ft_state_ref(struct ckpt_hdr_task *t, enum ft_ref ref)
{
	return (void *)((__u8 *)t + places[ref].state);
}

void ft_set_pid(struct ckpt_hdr_tree_task *r, __s32 pid)
{
	r->pid = pid;
	r->pids[0] = pid;
}

void ft_set_parent(struct ckpt_hdr_tree_task *r,
		   const struct ckpt_hdr_tree_task *parent)
{
	r->ppid = parent->tgid;
	r->parent_tid = parent->pid;
}

struct ckpt_hdr_tree *ft_tree(const struct fz_image *img)
{
	int n = ft_first(img) - 1;

	return n < 0 || !is_whole(img, n, CKPT_HDR_TREE,
				  sizeof(struct ckpt_hdr_tree)) ?
		       NULL :
		       fz_at(img, n);
}

/* ---- what belongs together ---- */

static bool is_state_part(__s32 type)
{
	return type == CKPT_HDR_CPU || type == CKPT_HDR_XSTATE ||
	       type == CKPT_HDR_RESTART_BLOCK || type == CKPT_HDR_SIGINFO ||
	       type == CKPT_HDR_SECCOMP;
}

/* Records that belong to record @n, which they follow. */
static bool is_part(const struct fz_image *img, int n, int of)
{
	__s32 type = type_of(img, n);

	switch (type_of(img, of)) {
	case CKPT_HDR_TASK:
		return is_state_part(type);
	case CKPT_HDR_FILES:
		return type == CKPT_HDR_FD;
	case CKPT_HDR_SIGNAL:
		return type == CKPT_HDR_SIGINFO || type == CKPT_HDR_TIMER;
	case CKPT_HDR_MM:
		return type == CKPT_HDR_VMA || type == CKPT_HDR_PGARR;
	default:
		return false;
	}
}

void ft_remove_parts(struct fz_image *img, int n)
{
	while (n + 1 < img->nr && is_part(img, n + 1, n))
		fz_rec_remove(img, n + 1);
}

/* The object that a reference of a task names; -1: it is not there. */
static int object_of(const struct fz_image *img, enum ft_ref ref, __s32 objref)
{
	static const __s32 types[FT_NR_REFS] = {
		[FT_MM] = CKPT_HDR_MM,	       [FT_FILES] = CKPT_HDR_FILES,
		[FT_FS] = CKPT_HDR_FS,	       [FT_SIGHAND] = CKPT_HDR_SIGHAND,
		[FT_SIGNAL] = CKPT_HDR_SIGNAL,
	};
	int n;

	/* in all of them the objref is the first field */
	for (n = 0; n < img->nr; n++)
		if (is_whole(img, n, types[ref], sizeof(struct ckpt_hdr_fs)) &&
		    ((const struct ckpt_hdr_fs *)fz_at(img, n))->objref ==
			    objref)
			return n;
	return -1;
}

/* Objects that nobody names any more have no place in an image. */
void ft_remove_unused(struct fz_image *img, enum ft_ref ref, __s32 objref)
{
	int rows = fz_tree_rows(img), n, i;

	for (i = 0; i < rows; i++)
		if (*ft_row_ref(ft_row(img, i), ref) == objref)
			return;
	n = object_of(img, ref, objref);
	if (n < 0)
		return;
	ft_remove_parts(img, n);
	fz_rec_remove(img, n);
}

/* Its TASK alone, which then has next to nothing. */
void ft_state_dies(struct fz_image *img, int n)
{
	const struct ckpt_hdr_task *was = fz_at(img, n);
	struct ckpt_hdr_task t = {
		.h = { CKPT_HDR_TASK, sizeof(t) },
		.pid = was->pid,
		.flags = CKPT_TASK_DEAD,
		.cred_objref = was->cred_objref,
		.signal_objref = was->signal_objref,
		.exit_signal = was->exit_signal,
		.rusage = was->rusage,
	};

	memcpy(t.comm, was->comm, sizeof(t.comm));
	ft_remove_parts(img, n);
	fz_rec_remove(img, n);
	fz_rec_insert(img, n, &t, sizeof(t));
}

void ft_row_dies(struct ckpt_hdr_tree_task *r, __u32 code)
{
	enum ft_ref ref;

	for (ref = 0; ref < FT_NR_REFS; ref++)
		if (ref != FT_SIGNAL && ref != FT_CRED)
			*ft_row_ref(r, ref) = 0;
	r->exit_state = 1;
	r->exit_code = code;
}

/* ---- other rows ---- */

void ft_swap_rows(struct fz_image *img, int a, int b)
{
	static __u8 copy[2][sizeof(struct ckpt_hdr_tree_task) + 4 * 32 + 4096];
	size_t len[2] = { ft_row(img, a)->h.len, ft_row(img, b)->h.len };
	int first = ft_first(img);

	if (len[0] > sizeof(copy[0]) || len[1] > sizeof(copy[0]))
		return;
	memcpy(copy[0], ft_row(img, a), len[0]);
	memcpy(copy[1], ft_row(img, b), len[1]);
	fz_rec_remove(img, first + a);
	fz_rec_insert(img, first + a, copy[1], len[1]);
	fz_rec_remove(img, first + b);
	fz_rec_insert(img, first + b, copy[0], len[0]);
}

/* A record and its parts once more, as record @to behind them. */
static bool copy_group(struct fz_image *img, int from, int to)
{
	static __u8 rec[CKPT_REC_MAX];
	int nr = 1, k;

	while (from + nr < img->nr && is_part(img, from + nr, from))
		nr++;
	for (k = 0; k < nr; k++) {
		size_t len = img->rec[from + k].len;

		if (len > sizeof(rec))
			return false;
		memcpy(rec, fz_at(img, from + k), len);
		if (!fz_rec_insert(img, to + k, rec, len))
			return false;
	}
	return true;
}

static int behind_group(const struct fz_image *img, int n)
{
	int to = n + 1;

	while (to < img->nr && is_part(img, to, n))
		to++;
	return to;
}

/*
 * Its row behind itself once more, its state behind its own; a process has a
 * SIGNAL of its own.  Row @i + 1 is the new one.
 */
bool ft_copy_task(struct fz_image *img, int i, __s32 pid, bool is_process)
{
	struct ckpt_hdr_tree *tree = ft_tree(img);
	__s32 was = ft_row(img, i)->pid, objref = ft_row(img, i)->signal_objref;
	int signal = object_of(img, FT_SIGNAL, objref), n, to;
	__s32 own;

	if (ft_state_index(img, was) < 0 || signal < 0 || !tree)
		return false;
	tree->nr_tasks++;
	if (!copy_group(img, ft_first(img) + i, ft_first(img) + i + 1))
		return false;
	ft_set_pid(ft_row(img, i + 1), pid);
	n = ft_state_index(img, was);
	to = behind_group(img, n);
	if (!copy_group(img, n, to))
		return false;
	((struct ckpt_hdr_task *)fz_at(img, to))->pid = pid;
	if (!is_process) {
		ft_row(img, i + 1)->exit_signal = -1;
		((struct ckpt_hdr_task *)fz_at(img, to))->exit_signal = -1;
		return true;
	}
	ft_row(img, i + 1)->tgid = pid;
	own = NEW_OBJREF + (__u32)pid;
	ft_row(img, i + 1)->signal_objref = own;
	((struct ckpt_hdr_task *)fz_at(img, to))->signal_objref = own;
	if (!copy_group(img, object_of(img, FT_SIGNAL, objref), to))
		return false;
	((struct ckpt_hdr_signal *)fz_at(img, to))->objref = own;
	return true;
}

bool fz_tree_grow(struct fz_image *img)
{
	__u32 root; /* an image may say anything: it wraps */

	if (ft_first(img) == img->nr)
		return false;
	root = ft_row(img, 0)->pid;
	/* each comes to stand before the one before */
	if (!ft_copy_task(img, 0, root + 3, true))
		return false;
	ft_set_parent(ft_row(img, 1), ft_row(img, 0));
	ft_row_dies(ft_row(img, 1), 3 << 8);
	ft_state_dies(img, ft_state_index(img, root + 3));
	if (!ft_copy_task(img, 0, root + 2, true))
		return false;
	ft_set_parent(ft_row(img, 1), ft_row(img, 0));
	ft_row(img, 1)->pgid = FT_NOBODY;
	ft_row(img, 1)->sid = FT_NOBODY + 1;
	ft_row(img, 1)->flags = 0;
	return ft_copy_task(img, 0, root + 1, false);
}
