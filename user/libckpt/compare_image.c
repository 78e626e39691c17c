// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two images, from streams, side by side.  Records are compared in their order.
 * Where the same state may be written down in more than one way it is made
 * alike first:
 *
 * areas	neighbours that differ in nothing but their addresses are one: a
 *		kernel that maps them anew merges them
 * pages	each counts by its address and the hash of its contents, however
 *		the runs are cut; in an anonymous area a page of zeros is as
 *		good as none
 * signals	a timer that has expired meanwhile has left one more
 *
 * Held in memory: 24 bytes for each page of one area, or of one shared memory,
 * in which a page of zeros is as good as none, too.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "compare.h"

#define SI_TIMER_CODE (-2)
#define SI_KERNEL_CODE 0x80

/* Pages of the same contents: one, or any number of zeros. */
struct page {
	__u64 addr;
	__u64 hash; /* 0: zeros */
	__u64 nr;
};

struct side {
	struct ckpt_image *img;
	struct ckpt_hdr *rec; /* a copy; NULL at the end */
	size_t room;
	struct ckpt_hdr_vma area; /* what was merged */
	struct page *page; /* of it */
	size_t nr, nr_room;
};

static int out_of_memory(void)
{
	return ckpt_set_error(-ENOMEM, "out of memory");
}

static int page_add(struct side *s, __u64 addr, __u64 hash, __u64 nr)
{
	struct page *more;

	if (s->nr == s->nr_room) {
		s->nr_room = 2 * s->nr_room + 512;
		more = reallocarray(s->page, s->nr_room, sizeof(*more));
		if (!more)
			return out_of_memory();
		s->page = more;
	}
	s->page[s->nr++] = (struct page){ addr, hash, nr };
	return 0;
}

/* A hash that happens to be 0 is made another one. */
static __u64 page_hash(const char *data)
{
	static const char zeros[CKPT_PAGE_SIZE];

	if (!memcmp(data, zeros, CKPT_PAGE_SIZE))
		return 0;
	return XXH64(data, CKPT_PAGE_SIZE, 0) ?: 1;
}

static int take_pages(void *arg, __u64 addr, const void *data, size_t len)
{
	const char *p = data;
	int err = 0;

	for (; len && !err; len -= CKPT_PAGE_SIZE) {
		err = page_add(arg, addr, page_hash(p), 1);
		addr += CKPT_PAGE_SIZE;
		p += CKPT_PAGE_SIZE;
	}
	return err;
}

static int take_zeros(struct side *s, const struct ckpt_hdr_pgarr *p)
{
	__u32 i;
	int err = 0;

	for (i = 0; i < p->nr_ranges && !err; i++)
		if (p->range[i].flags & CKPT_PAGES_ZERO)
			err = page_add(s, p->range[i].start, 0,
				       p->range[i].nr_pages);
	return err;
}

static int keep(struct side *s, const struct ckpt_hdr *rec)
{
	struct ckpt_hdr *copy;

	if ((size_t)rec->len > s->room || !s->rec) {
		copy = realloc(s->rec, rec->len);
		if (!copy)
			return out_of_memory();
		s->rec = copy;
		s->room = rec->len;
	}
	memcpy(s->rec, rec, rec->len);
	return 0;
}

/* The next record that is not pages; those are taken. */
static int side_next(struct side *s)
{
	const struct ckpt_hdr *rec;
	int ret;

	while ((ret = ckpt_image_next(s->img, &rec)) > 0) {
		if (rec->type != CKPT_HDR_PGARR)
			return keep(s, rec);
		ret = take_zeros(s, (const void *)rec);
		if (ret)
			return ret;
	}
	free(s->rec);
	s->rec = NULL;
	return ret;
}

/* ---- areas ---- */

static bool continues(const struct ckpt_hdr_vma *a,
		      const struct ckpt_hdr_vma *b)
{
	bool anon = a->kind == CKPT_VMA_ANON;

	if (a->end != b->start || a->kind != b->kind || a->prot != b->prot ||
	    a->flags != b->flags || a->file_objref != b->file_objref ||
	    a->pkey != b->pkey || memcmp(a->name, b->name, sizeof(a->name)) ||
	    a->flags & CKPT_VMA_GROWSDOWN)
		return false;
	if (a->kind == CKPT_VMA_VDSO || a->kind == CKPT_VMA_VVAR)
		return false;
	return anon ||
	       b->pgoff == a->pgoff + (a->end - a->start) / CKPT_PAGE_SIZE;
}

static int page_order(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* By address, zeros joined, and none in an anonymous area. */
static void tidy(struct side *s)
{
	size_t from, to = 0;
	struct page *p, *last;

	if (s->nr)
		qsort(s->page, s->nr, sizeof(*s->page), page_order);
	for (from = 0; from < s->nr; from++) {
		p = &s->page[from];
		last = to ? &s->page[to - 1] : NULL;
		if (!p->hash && s->area.kind == CKPT_VMA_ANON)
			continue;
		if (!p->hash && last && !last->hash &&
		    last->addr + last->nr * CKPT_PAGE_SIZE == p->addr)
			last->nr += p->nr;
		else
			s->page[to++] = *p;
	}
	s->nr = to;
}

/* An area with its pages, and those that continue it. */
static int side_area(struct side *s)
{
	int err;

	s->area = *(const struct ckpt_hdr_vma *)s->rec;
	s->nr = 0;
	for (;;) {
		err = side_next(s);
		if (err)
			return err;
		if (!s->rec || s->rec->type != CKPT_HDR_VMA ||
		    !continues(&s->area, (const void *)s->rec))
			break;
		s->area.end = ((const struct ckpt_hdr_vma *)s->rec)->end;
	}
	tidy(s);
	return 0;
}

static void pages_differ(struct ckpt_compare *c, __u64 from, __u64 to)
{
	if (from == to)
		return;
	c->differences++;
	fprintf(c->to, "PGARR %#llx-%#llx: contents of %llu pages differ\n",
		(unsigned long long)from, (unsigned long long)to,
		(unsigned long long)(to - from) / CKPT_PAGE_SIZE);
}

/* Neighbours among those that differ are one line. */
static void compare_pages(struct ckpt_compare *c, const struct side *a,
			  const struct side *b)
{
	const struct page *p = a->page, *q = b->page;
	const struct page *p_end = p + a->nr, *q_end = q + b->nr, *odd;
	__u64 from = 0, to = 0;

	while (p < p_end || q < q_end) {
		if (p < p_end && q < q_end && !memcmp(p, q, sizeof(*p))) {
			p++;
			q++;
			continue;
		}
		odd = q == q_end || (p < p_end && p->addr <= q->addr) ? p : q;
		if (odd->addr > to) {
			pages_differ(c, from, to);
			from = odd->addr;
		}
		if (odd->addr + odd->nr * CKPT_PAGE_SIZE > to)
			to = odd->addr + odd->nr * CKPT_PAGE_SIZE;
		if (odd == p)
			p++;
		else
			q++;
	}
	pages_differ(c, from, to);
}

static int compare_areas(struct ckpt_compare *c, struct side *a, struct side *b)
{
	int err = side_area(a) ?: side_area(b);

	if (err)
		return err;
	ckpt_compare_records(c, &a->area.h, &b->area.h);
	compare_pages(c, a, b);
	return 0;
}

/* Shared memory and its pages; the records differ in nothing else. */
static int compare_shmem(struct ckpt_compare *c, struct side *a, struct side *b)
{
	int err;

	ckpt_compare_records(c, a->rec, b->rec);
	a->nr = 0;
	b->nr = 0;
	a->area.kind = CKPT_VMA_ANON;
	b->area.kind = CKPT_VMA_ANON;
	err = side_next(a) ?: side_next(b);
	if (err)
		return err;
	tidy(a);
	tidy(b);
	compare_pages(c, a, b);
	return 0;
}

/* ---- signals ---- */

static void note_timers(struct ckpt_compare *c, const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_signal *s = (const void *)rec;
	int i;

	for (i = 0; i < CKPT_NITIMERS; i++)
		c->itimer[i] |= !!s->itimer[i].value;
}

/* Whether a pending signal may be from a timer that has just expired. */
static bool from_timer(const struct ckpt_compare *c, const struct ckpt_hdr *rec)
{
	static const int itimer_signal[] = { SIGALRM, SIGVTALRM, SIGPROF };
	const struct ckpt_hdr_siginfo *s = (const void *)rec;
	int i, code;

	memcpy(&code, s->info + 8, sizeof(code)); /* si_code */
	if (code == SI_TIMER_CODE && s->has_info)
		return true;
	for (i = 0; i < CKPT_NITIMERS; i++)
		if (c->itimer[i] && s->signo == itimer_signal[i] &&
		    (!s->has_info || code == SI_KERNEL_CODE))
			return true;
	return false;
}

/* Leave out what the second image has more. */
static int skip_expired(struct ckpt_compare *c, const struct side *a,
			struct side *b)
{
	int err = 0;

	while (!err && b->rec && b->rec->type == CKPT_HDR_SIGINFO &&
	       from_timer(c, b->rec) &&
	       (a->rec->type != CKPT_HDR_SIGINFO ||
		memcmp(a->rec, b->rec, a->rec->len)))
		err = side_next(b);
	return err;
}

/* ---- images ---- */

/* Behind this nothing stands where its like does. */
static void out_of_step(struct ckpt_compare *c, const struct side *a,
			const struct side *b)
{
	c->differences++;
	fprintf(c->to, "%s at byte %llu: %s is there instead\n",
		a->rec ? ckpt_rec_name(a->rec->type) : "the end",
		(unsigned long long)ckpt_image_offset(a->img),
		b->rec ? ckpt_rec_name(b->rec->type) : "the end");
}

static int compare_next(struct ckpt_compare *c, struct side *a, struct side *b)
{
	if (a->rec->type == CKPT_HDR_VMA)
		return compare_areas(c, a, b);
	if (a->rec->type == CKPT_HDR_SHMEM)
		return compare_shmem(c, a, b);
	if (a->rec->type == CKPT_HDR_ERR)
		return ckpt_set_error(-ENODATA,
				      "image: its checkpoint had failed");
	if (a->rec->type == CKPT_HDR_SIGNAL)
		note_timers(c, a->rec);
	ckpt_compare_records(c, a->rec, b->rec);
	return side_next(a) ?: side_next(b);
}

static int compare_sides(struct ckpt_compare *c, struct side *a, struct side *b)
{
	int err = side_next(a) ?: side_next(b);

	while (!err && a->rec) {
		err = skip_expired(c, a, b);
		if (err)
			return err;
		if (!b->rec || a->rec->type != b->rec->type)
			break;
		err = compare_next(c, a, b);
	}
	if (!err && (a->rec || b->rec))
		out_of_step(c, a, b);
	return err;
}

/**
 * ckpt_compare_images() - compare two images to their ends
 * @c: comparison; to be ended with ckpt_compare_end()
 * @a: first image, at its beginning
 * @b: second image, made of the program restarted from the first one
 *
 * Return: 0, with the differences counted; or a negative errno.
 */
int ckpt_compare_images(struct ckpt_compare *c, struct ckpt_image *a,
			struct ckpt_image *b)
{
	struct side first = { .img = a }, second = { .img = b };
	int err;

	ckpt_image_set_pages(a, take_pages, &first);
	ckpt_image_set_pages(b, take_pages, &second);
	err = compare_sides(c, &first, &second);
	free(first.rec);
	free(first.page);
	free(second.rec);
	free(second.page);
	return err;
}
