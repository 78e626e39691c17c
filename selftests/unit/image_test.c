// SPDX-License-Identifier: GPL-2.0-only
/* The reader of images: takes the good ones, and nothing else. */
#include <errno.h>
#include "image_build.h"
#include "tap.h"

/* Whether an image is refused, with a text that has @why in it. */
static int refused(const struct ib *ib, int err, const char *why)
{
	int ret = ib_parse(ib->buf, ib->len);

	if (ret == err && strstr(ckpt_error(), why))
		return 1;
	tap_note("expected %d '%s', got %d '%s'", err, why, ret,
		 ret ? ckpt_error() : "");
	return 0;
}

static void test_good(void)
{
	struct ib_reader r;
	struct ib ib;
	int records;

	ib_good(&ib);
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len };
	tap_ok(!ib_parse_reader(&r, &records) && records == ib.nr,
	       "takes a good image");
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len, .chunk = 1 };
	tap_ok(!ib_parse_reader(&r, &records) && records == ib.nr,
	       "takes it byte by byte");
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len, .chunk = 4093 };
	tap_ok(!ib_parse_reader(&r, &records) && records == ib.nr,
	       "takes it in odd pieces");
	ib_free(&ib);
}

/* Every record of the table stands in the good image: all rules are met. */
static void test_complete(void)
{
	int seen[CKPT_HDR_MAX] = { 0 }, missing = 0, i;
	struct ib ib;

	ib_good(&ib);
	for (i = 0; i < ib.nr; i++)
		seen[((struct ckpt_hdr *)ib_at(&ib, i))->type] = 1;
	seen[CKPT_HDR_ERR] = 1; /* has images of its own */
	for (i = 0; i < CKPT_HDR_MAX; i++)
		missing += !seen[i] && strcmp(ckpt_rec_name(i), "?");
	tap_ok(!missing, "the good image has every type of record");
	ib_free(&ib);
}

static void test_truncated(void)
{
	size_t len, bad = 0;
	struct ib ib;
	int ret;

	ib_good(&ib);
	for (len = 0; len < ib.len; len++) {
		ret = ib_parse(ib.buf, len);
		if (ret == -EINVAL &&
		    (strstr(ckpt_error(), "truncated") || !len))
			continue;
		if (!bad++)
			tap_note("at %zu: %d %s", len, ret, ckpt_error());
	}
	tap_ok(!bad, "refuses it truncated at each of %zu bytes", ib.len);
	ib.len = 0;
	tap_ok(refused(&ib, -EINVAL, "empty"),
	       "says that an empty one is empty");
	ib_free(&ib);
}

/* Bits of pages are all alike: there, one of each byte will do. */
static int bits_to_flip(const struct ib *ib, size_t at)
{
	int i;

	for (i = 0; i + 1 < ib->nr && ib->off[i + 1] <= at; i++)
		;
	return ((struct ckpt_hdr *)ib_at(ib, i))->type == CKPT_HDR_PGARR ? 1 :
									   8;
}

static void test_flipped(void)
{
	size_t at, bad = 0, tried = 0;
	struct ib ib;
	int bit;

	ib_good(&ib);
	for (at = 0; at < ib.len; at++) {
		for (bit = bits_to_flip(&ib, at); bit--; tried++) {
			ib.buf[at] ^= 1 << bit;
			if (!ib_parse(ib.buf, ib.len) && !bad++)
				tap_note("byte %zu bit %d: taken", at, bit);
			ib.buf[at] ^= 1 << bit;
		}
	}
	tap_ok(!bad, "refuses it with any of %zu bits flipped", tried);
	tap_ok(!ib_parse(ib.buf, ib.len), "takes it with all flipped back");
	ib_free(&ib);
}

static void test_header(void)
{
	struct ckpt_hdr_header *h;
	struct ib ib;

	ib_good(&ib);
	h = ib_at(&ib, 0);
	h->magic ^= 1;
	ib_seal(&ib);
	tap_ok(refused(&ib, -EINVAL, "not a checkpoint image"),
	       "refuses a wrong magic");
	h->magic ^= 1;
	h->rev++;
	tap_ok(refused(&ib, -EINVAL, "newer than"),
	       "refuses a newer revision, whatever its checksum");
	h->h.len += 8;
	tap_ok(refused(&ib, -EINVAL, "newer than"), "and whatever its length");
	h->h.len -= 8;
	h->rev = CKPT_REVISION - 1;
	ib_seal(&ib);
	tap_ok(refused(&ib, -EINVAL, "revision not known"),
	       "refuses revision 0");
	h->rev = CKPT_REVISION;
	h->arch = 183;
	ib_seal(&ib);
	tap_ok(refused(&ib, -EINVAL, "another architecture"),
	       "refuses another architecture");
	ib_free(&ib);
}

static void test_nonsense(void)
{
	size_t len = 1 << 20;
	char *buf = calloc(1, len);
	struct ib ib = { .buf = (void *)buf, .len = len };

	tap_ok(refused(&ib, -EINVAL, "not a checkpoint image"),
	       "refuses zeros");
	memset(buf, 0xff, len);
	tap_ok(ib_parse(buf, len) == -EINVAL, "refuses ones");
	ib_text(memset(buf, 0, len), "#!/bin/sh\n");
	tap_ok(refused(&ib, -EINVAL, "not a checkpoint image"),
	       "refuses a script");
	free(buf);
}

static void test_lengths(void)
{
	static const __s32 lens[] = { 0,	  8,	       -8,     15,
				      0x7ffffff8, -0x7fffffff, 1 << 20 };
	struct ckpt_hdr *h;
	size_t i, n, bad = 0;
	struct ib ib;
	__s32 old;

	ib_good(&ib);
	for (n = 0; n < (size_t)ib.nr; n++) {
		h = ib_at(&ib, n);
		old = h->len;
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			h->len = lens[i];
			if (ib_parse(ib.buf, ib.len) >= 0 && !bad++)
				tap_note("record %zu, length %d", n, lens[i]);
		}
		h->len = old;
	}
	tap_ok(!bad, "refuses absurd lengths of every record");
	ib_free(&ib);
}

/* With right checksums: only the order is wrong. */
/* An object of one record: nothing in the grammar needs it. */
static int stands_alone(int type)
{
	return type == CKPT_HDR_CRED || type == CKPT_HDR_FILE ||
	       type == CKPT_HDR_FS || type == CKPT_HDR_SIGHAND ||
	       type == CKPT_HDR_EVENTFD;
}

static void test_order(void)
{
	int n, bad = 0, same = 0;
	struct ckpt_hdr *a, *b;
	struct ib ib;

	ib_good(&ib);
	for (n = 0; n + 1 < ib.nr; n++) {
		a = ib_at(&ib, n);
		b = ib_at(&ib, n + 1);
		if (a->type == b->type && a->type != CKPT_HDR_FD &&
		    a->type != CKPT_HDR_PGARR) {
			same++; /* no order among these */
			continue;
		}
		/* objects that do not need each other, the grammar lets pass */
		if (stands_alone(a->type) && stands_alone(b->type))
			continue;
		ib_swap(&ib, n);
		ib_seal(&ib);
		if (ib_parse(ib.buf, ib.len) != -EINVAL && !bad++)
			tap_note("records %d and %d", n, n + 1);
		ib_free(&ib);
		ib_good(&ib);
	}
	tap_ok(!bad && same < 20, "refuses adjacent records in wrong order");
	ib_free(&ib);
}

static void test_missing(void)
{
	int n, bad = 0, lost_objects = 0, type;
	struct ib ib;

	ib_good(&ib);
	for (n = 0; n < ib.nr; n++) {
		type = ((struct ckpt_hdr *)ib_at(&ib, n))->type;
		ib_remove(&ib, n);
		if (ib_parse(ib.buf, ib.len) >= 0 && !bad++)
			tap_note("record %d", n);
		ib_seal(&ib);
		if (ib_parse(ib.buf, ib.len) >= 0) {
			/* a whole object, or a run of pages of zeros */
			if (!stands_alone(type) && type != CKPT_HDR_PGARR &&
			    !bad++)
				tap_note("record %d, sealed", n);
			lost_objects++;
		}
		ib_free(&ib);
		ib_good(&ib);
	}
	tap_ok(!bad && lost_objects < 20, "refuses it with any record missing");
	ib_free(&ib);
}

/* The digest holds against records exchanged with their checksums. */
static void test_digest(void)
{
	struct ib ib;
	int n;

	ib_good(&ib);
	n = ib_index(&ib, CKPT_HDR_CRED, 0);
	ib_swap(&ib, n);
	tap_ok(refused(&ib, -EBADMSG, "missing or moved"),
	       "refuses records that were moved");
	ib_free(&ib);

	ib_good(&ib);
	ib_remove(&ib, ib_index(&ib, CKPT_HDR_CRED, 0));
	tap_ok(refused(&ib, -EINVAL, "wrong number of records"),
	       "refuses an image that lacks a record");
	ib_free(&ib);
}

struct endless {
	struct ib ib;
	size_t pos, from; /* repeat what stands at from..end */
	unsigned long long given;
};

static ssize_t endless_read(void *arg, void *buf, size_t len)
{
	struct endless *e = arg;

	if (e->pos == e->ib.len)
		e->pos = e->from;
	if (len > e->ib.len - e->pos)
		len = e->ib.len - e->pos;
	memcpy(buf, e->ib.buf + e->pos, len);
	e->pos += len;
	e->given += len;
	return len;
}

/* A good beginning, and its last record for ever. */
static int endless_refused(int records, unsigned long long limit)
{
	struct endless e = { 0 };
	const struct ckpt_hdr *rec;
	struct ckpt_image *img;
	int ret;

	ib_good(&e.ib);
	e.ib.len = e.ib.off[records];
	e.from = e.ib.off[records - 1];
	img = ckpt_image_open_fn(endless_read, &e);
	while ((ret = ckpt_image_next(img, &rec)) > 0 && e.given < limit)
		;
	ckpt_image_close(img);
	ib_free(&e.ib);
	return ret < 0;
}

static void test_endless(void)
{
	int n, type, bad = 0, bounded = 1;
	struct ib ib;

	ib_good(&ib);
	for (n = 1; n < ib.nr; n++) {
		type = ((struct ckpt_hdr *)ib_at(&ib, n - 1))->type;
		if (type == CKPT_HDR_FS) /* objects end by their number only */
			bounded = endless_refused(n, 1ULL << 30);
		else if (!stands_alone(type) && type != CKPT_HDR_SHMEM &&
			 !endless_refused(n, 1 << 20) && !bad++)
			tap_note("record %d", n - 1);
	}
	tap_ok(!bad, "refuses an endless stream of each record");
	tap_ok(bounded, "refuses an endless stream of objects");
	ib_free(&ib);
}

static void test_more(void)
{
	struct ib_reader r;
	const struct ckpt_hdr *rec;
	struct ckpt_image *img;
	struct ib ib;

	ib_good(&ib);
	memset(ib.buf + ib.len, 0, 8);
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len + 1 };
	img = ckpt_image_open_fn(ib_read, &r);
	while (ckpt_image_next(img, &rec) > 0)
		;
	tap_ok(r.pos == ib.len, "reads not a byte behind the trailer");
	tap_ok(ckpt_image_finish(img) == -EINVAL,
	       "tells of bytes behind the trailer");
	tap_ok(ckpt_image_finish(img) == 0, "and that there are no more");
	ckpt_image_close(img);
	ib_free(&ib);
}

static void test_error_record(void)
{
	const char *text = "fd: socket is not supported";
	struct ib_reader r;
	struct ckpt_head head;
	struct ckpt_image *img;
	struct ib ib;
	size_t len, pos;
	int good;

	ib_good(&ib);
	pos = ib.off[1];
	ib.len = pos;
	ib.nr = 1;
	ib_add_err(&ib, text);
	ib_seal(&ib);
	tap_ok(!ib_parse(ib.buf, ib.len), "takes a header and an error record");
	for (len = strlen(text); ib.buf[ib.len - len - 1]; len++)
		;
	tap_ok(len == strlen(text) && !memcmp(ib.buf + ib.len - len, text, len),
	       "its text is found by seeking back from the end");
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len };
	img = ckpt_image_open_fn(ib_read, &r);
	good = ckpt_head_read(img, &head) == -ENODATA &&
	       strstr(ckpt_error(), text);
	tap_ok(good, "a restart is told that text");
	ckpt_image_close(img);
	ib_free(&ib);

	ib_init(&ib);
	ib_add_err(&ib, text);
	ib_seal(&ib);
	tap_ok(ib_parse(ib.buf, ib.len) == -EINVAL,
	       "refuses an error record without a header");
	ib_free(&ib);
}

static void test_head(void)
{
	struct ib_reader r;
	struct ckpt_head head;
	struct ckpt_image *img;
	struct ib ib;
	size_t want;
	int good;

	ib_good(&ib);
	want = ib.off[ib_index(&ib, CKPT_HDR_NSPROXY, 0)];
	r = (struct ib_reader){ .buf = ib.buf, .len = ib.len };
	img = ckpt_image_open_fn(ib_read, &r);
	tap_ok(!ckpt_head_read(img, &head), "reads the head");
	good = r.pos == want && head.raw_len == want &&
	       !memcmp(head.raw, ib.buf, want);
	tap_ok(good, "and not a byte more");
	good = head.nr_tasks == 1 && head.task[0]->pid == IB_PID &&
	       head.header->ckptid == 7 && head.container->subtree == 1;
	tap_ok(good, "finds the records in it");
	ckpt_image_close(img);
	ckpt_head_free(&head);
	ib_free(&ib);
}

struct pages_seen {
	size_t bytes, wrong, packed;
	__u64 first, before, last;
	__u8 byte; /* of which they are made */
};

static int see_pages(void *arg, __u64 addr, const void *data, size_t len)
{
	struct pages_seen *seen = arg;
	__u8 text[2 * CKPT_PAGE_SIZE];
	const __u8 *p = data;
	size_t i;

	if (addr - IB_PACKED < 4 * CKPT_PAGE_SIZE) {
		ib_text_pages(text);
		seen->packed += len;
		seen->wrong += len != sizeof(text) || memcmp(p, text, len);
		return 0;
	}
	if (!seen->bytes)
		seen->first = addr;
	seen->before = seen->last;
	seen->last = addr;
	seen->bytes += len;
	if (addr < IB_CODE) /* of shared memory */
		seen->byte = 0x77;
	for (i = 0; i < len; i++)
		seen->wrong += p[i] != seen->byte;
	return 0;
}

static int refuse_pages(void *arg, __u64 addr, const void *data, size_t len)
{
	(void)arg;
	(void)addr;
	(void)data;
	(void)len;
	return -ENOSPC;
}

static int parse_pages(const struct ib *ib, ckpt_pages_fn fn, void *arg)
{
	struct ib_reader r = { .buf = ib->buf, .len = ib->len };
	struct ckpt_image *img = ckpt_image_open_fn(ib_read, &r);
	const struct ckpt_hdr *rec;
	int ret;

	ckpt_image_set_pages(img, fn, arg);
	while ((ret = ckpt_image_next(img, &rec)) > 0)
		;
	ckpt_image_close(img);
	return ret;
}

static void test_pages(void)
{
	struct pages_seen seen = { .byte = 0x5a };
	struct ib ib;
	int good;

	ib_good(&ib);
	good = !parse_pages(&ib, see_pages, &seen) && !seen.wrong &&
	       seen.bytes == 3 * CKPT_PAGE_SIZE &&
	       seen.first == IB_HEAP + 3 * CKPT_PAGE_SIZE &&
	       seen.before == IB_HEAP + 7 * CKPT_PAGE_SIZE &&
	       seen.last == 2 * CKPT_PAGE_SIZE &&
	       seen.packed == 4 * CKPT_PAGE_SIZE;
	tap_ok(good, "hands out the pages with their addresses");
	tap_ok(parse_pages(&ib, refuse_pages, NULL) == -ENOSPC,
	       "stops when its caller can't take them");
	ib_free(&ib);
}

/* Whether a packed run @nth with its last @cut bytes cut off is refused. */
static int refused_cut(int nth, int cut)
{
	struct ckpt_hdr_pgarr *p;
	struct ib ib;
	int ret, len;

	ib_good(&ib);
	p = ib_find(&ib, CKPT_HDR_PGARR, nth);
	len = p->packed_len - cut;
	memset((__u8 *)ib_packed(p) + len, 0, cut);
	ib_resize(&ib, ib_index(&ib, CKPT_HDR_PGARR, nth),
		  ((len + 7) & ~7) - (int)((p->packed_len + 7) & ~7U));
	p->packed_len = len;
	ib_seal(&ib);
	ret = refused(&ib, -EINVAL, "packed contents are not those");
	ib_free(&ib);
	return ret;
}

/* What is packed has right checksums, and is not what its record says. */
#define PACKED(nth, change)                                                    \
	do {                                                                   \
		ib_good(&ib);                                                  \
		p = ib_find(&ib, CKPT_HDR_PGARR, nth);                         \
		change;                                                        \
		ib_seal(&ib);                                                  \
		tap_ok(refused(&ib, -EINVAL, "packed contents are not those"), \
		       "refuses a packed run: " #nth ": " #change);            \
		ib_free(&ib);                                                  \
	} while (0)

static void test_packed(void)
{
	static const int runs[] = { NTH_RUN_LZ4, NTH_RUN_ZSTD };
	struct ckpt_hdr_pgarr *p;
	struct ib ib;
	__u8 *bytes;
	int i, n;

	for (i = 0; i < 2; i++) {
		n = runs[i];
		tap_ok(refused_cut(n, 1) && refused_cut(n, 9),
		       "refuses packed contents that end early: %d", n);
		PACKED(n, p->range[0].nr_pages = p->nr_pages = 1);
		ib_good(&ib);
		p = ib_find(&ib, CKPT_HDR_PGARR, n);
		bytes = ib_packed(p);
		bytes[p->packed_len / 2] ^= 1;
		tap_ok(refused(&ib, -EBADMSG, "damaged"),
		       "sees a flipped bit before it unpacks: %d", n);
		ib_free(&ib);
	}
	PACKED(NTH_RUN_LZ4, p->compress = CKPT_COMPRESS_ZSTD);
	PACKED(NTH_RUN_ZSTD, p->compress = CKPT_COMPRESS_LZ4);
	PACKED(NTH_RUN_LZ4, memset(ib_packed(p), 0xff, p->packed_len));
	PACKED(NTH_RUN_ZSTD, memset(ib_packed(p), 0, p->packed_len));
	ib_good(&ib);
	p = ib_find(&ib, CKPT_HDR_PGARR, NTH_RUN_LZ4);
	((__u8 *)p)[p->h.len - 1] = 1;
	ib_seal(&ib);
	tap_ok(p->packed_len % 8 && refused(&ib, -EINVAL, "padding not zero"),
	       "refuses what stands behind packed contents");
	ib_free(&ib);
	/* a frame of the user's own, which is no contents */
	PACKED(NTH_RUN_ZSTD, memcpy(ib_packed(p), "\x50\x2a\x4d\x18", 4));
}

/* An image in a file, for tests of the tools: the good one, or a failed one. */
static int write_image(const char *path, int failed)
{
	FILE *f = fopen(path, "w");
	struct ib ib;
	size_t n;

	if (!f)
		return 1;
	if (failed) {
		ib_init(&ib);
		ib_add_head(&ib);
		ib_add_err(&ib, "file 3 is of no known kind");
		ib_seal(&ib);
	} else {
		ib_good(&ib);
	}
	n = fwrite(ib.buf, ib.len, 1, f);
	fclose(f);
	ib_free(&ib);
	return n != 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strncmp(argv[1], "write", 5))
		return write_image(argv[2], !strcmp(argv[1], "write-failed"));
	test_good();
	test_complete();
	test_truncated();
	test_flipped();
	test_header();
	test_nonsense();
	test_lengths();
	test_order();
	test_missing();
	test_digest();
	test_endless();
	test_more();
	test_error_record();
	test_head();
	test_pages();
	test_packed();
	return tap_end();
}
