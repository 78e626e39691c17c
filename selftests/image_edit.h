/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A real image, changed in one place and sealed again with the right checksums:
 * what somebody would write who wants more than he may have.
 *
 * What changes images made in memory (unit/image_build.h) changes these too:
 * ib_find(), ib_resize(), ib_remove(), ib_swap().
 */
#ifndef _IMAGE_EDIT_H
#define _IMAGE_EDIT_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define IB_BYTES (64U << 20)
#define IB_RECORDS 8192
#include "unit/image_build.h"

/* type_of_ckpt_hdr_task... of the structure's name */
enum {
#define CKPT_X(name, num, st, tail) type_of_##st = num,
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
};

/* The @nth (from 0) record of the image whose structure is ckpt_hdr_@st. */
#define IE_REC(ib, st, nth) \
	((struct ckpt_hdr_##st *)ib_find(ib, type_of_ckpt_hdr_##st, nth))

/* Find the records of the image in ib->buf: 0, or -1 when it is not one. */
static inline int ie_index(struct ib *ib)
{
	const struct ckpt_hdr *h;
	size_t pos = 0;

	for (ib->nr = 0; pos + sizeof(*h) <= ib->len; pos += h->len) {
		h = (const void *)(ib->buf + pos);
		if (ib->nr == IB_RECORDS || h->len < (int)sizeof(*h) ||
		    (size_t)h->len > ib->len - pos)
			return -1;
		ib->off[ib->nr++] = pos;
	}
	return pos == ib->len && ib->nr ? 0 : -1;
}

/* Read an image: 0 and @ib for ib_free(), or -1. */
static inline int ie_load(struct ib *ib, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	ib_init(ib);
	while (fd >= 0 && ib->buf && ib->len < IB_BYTES &&
	       (n = read(fd, ib->buf + ib->len, IB_BYTES - ib->len)) > 0)
		ib->len += n;
	if (fd >= 0)
		close(fd);
	if (!n && !ie_index(ib))
		return 0;
	ib_free(ib);
	return -1;
}

/* Seal it and write it where anyone may read it: 0 or -1. */
static inline int ie_store(struct ib *ib, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	ib_seal(ib);
	fchmod(fd, 0644);
	while (done < ib->len &&
	       (n = write(fd, ib->buf + done, ib->len - done)) > 0)
		done += n;
	close(fd);
	return done == ib->len ? 0 : -1;
}

/* A new record before record @n, zero but for its header. */
static inline void *ie_insert(struct ib *ib, int n, int type, size_t len)
{
	struct ckpt_hdr *h;
	int i;

	len = (len + 7) & ~7UL;
	memmove(ib->buf + ib->off[n] + len, ib->buf + ib->off[n],
		ib->len - ib->off[n]);
	for (i = ib->nr++; i > n; i--)
		ib->off[i] = ib->off[i - 1] + len;
	ib->len += len;
	h = ib_at(ib, n);
	memset(h, 0, len);
	h->type = type;
	h->len = len;
	return h;
}

/* The FILE record of a path with this ending. */
static inline struct ckpt_hdr_file *ie_file(struct ib *ib, const char *ending)
{
	struct ckpt_hdr_file *f;
	size_t n = strlen(ending);
	int i;

	for (i = 0;; i++) {
		f = IE_REC(ib, file, i);
		if (f->path_len > n &&
		    !memcmp(f->path + f->path_len - 1 - n, ending, n))
			return f;
	}
}

/* The first area of that file. */
static inline struct ckpt_hdr_vma *ie_area_of(struct ib *ib, const char *ending)
{
	int objref = ie_file(ib, ending)->objref, i;
	struct ckpt_hdr_vma *v;

	for (i = 0;; i++) {
		v = IE_REC(ib, vma, i);
		if (v->file_objref == objref)
			return v;
	}
}

/* The area at that address. */
static inline struct ckpt_hdr_vma *ie_area_at(struct ib *ib, __u64 start)
{
	struct ckpt_hdr_vma *v;
	int i;

	for (i = 0;; i++) {
		v = IE_REC(ib, vma, i);
		if (v->start == start)
			return v;
	}
}

#endif /* _IMAGE_EDIT_H */
