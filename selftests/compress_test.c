// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images whose pages are packed: all kinds of memory come back, and what is
 * packed wrongly is refused before the program runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "image_edit.h"
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define PAGE 4096UL
#define HUGE_PAGE (512 * PAGE)

/* What a page holds. */
enum { TEXT, NOISE, ZEROS, KINDS };

static uint32_t noise(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 24; /* the low bits repeat soon */
}

/* Page @nr of an area: nothing of it is the same in another one. */
static void make_page(uint8_t *to, int kind, uint32_t nr)
{
	uint32_t state = nr * 2654435761U + 1;
	unsigned int i;

	memset(to, 0, PAGE);
	for (i = 0; kind == TEXT && i < PAGE; i += 16) {
		memcpy(to + i, "text of a page: ", 16);
		memcpy(to + i + i / 256 % 12, &nr, sizeof(nr));
	}
	for (i = 0; kind == NOISE && i < PAGE; i += 2) {
		to[i] = noise(&state);
		to[i + 1] = noise(&state);
	}
}

struct area {
	const char *name;
	uint8_t *at;
	size_t pages;
	int flags; /* of mmap() */
	int advice;
	int kind; /* of all pages; -1: they take turns */
};

static struct area areas[] = {
	{ "huge pages of text", NULL, 1500, 0, MADV_HUGEPAGE, TEXT },
	{ "huge pages of noise", NULL, 1200, 0, MADV_HUGEPAGE, NOISE },
	{ "zeros", NULL, 700, 0, MADV_NORMAL, ZEROS },
	{ "small pages, mixed", NULL, 1300, 0, MADV_NOHUGEPAGE, -1 },
	{ "shared memory", NULL, 600, MAP_SHARED, MADV_NORMAL, -1 },
	{ "one page of text", NULL, 1, 0, MADV_NOHUGEPAGE, TEXT },
	{ "one page of noise", NULL, 1, 0, MADV_NOHUGEPAGE, NOISE },
};

#define NR_AREAS (sizeof(areas) / sizeof(areas[0]))

static int kind_of(const struct area *a, uint32_t nr)
{
	return a->kind < 0 ? (int)(nr / 3 % KINDS) : a->kind;
}

static int fill(struct ct_shared *s)
{
	struct area *a;
	uint32_t i;

	for (a = areas; a < areas + NR_AREAS; a++) {
		/* aligned, with an area between it and the next one */
		a->at = mmap(NULL, a->pages * PAGE + 2 * HUGE_PAGE,
			     PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | (a->flags ?: MAP_PRIVATE), -1, 0);
		CT_CHECK(s, a->at != MAP_FAILED);
		a->at += HUGE_PAGE - (uintptr_t)a->at % HUGE_PAGE;
		madvise(a->at, a->pages * PAGE, a->advice);
		mprotect(a->at - PAGE, PAGE, PROT_NONE);
		for (i = 0; i < a->pages; i++)
			make_page(a->at + i * PAGE, kind_of(a, i), i);
	}
	return 0;
}

static int verify(struct ct_shared *s)
{
	const struct area *a;
	uint8_t page[PAGE];
	uint32_t i;

	for (a = areas; a < areas + NR_AREAS; a++)
		for (i = 0; i < a->pages; i++) {
			make_page(page, kind_of(a, i), i);
			if (memcmp(page, a->at + i * PAGE, PAGE))
				return ct_fail(s, __FILE__, __LINE__,
					       "%s: page %u differs", a->name,
					       i);
		}
	return 0;
}

static int has_all_kinds(struct ct_shared *s, void *arg)
{
	if (fill(s))
		return 1;
	ct_step(s, 1);
	return verify(s);
}

FIXTURE(packed)
{
	struct ct ct;
};

FIXTURE_VARIANT(packed)
{
	const char *name;
	__u32 compress;
};

FIXTURE_VARIANT_ADD(packed, lz4){
	.name = "lz4",
	.compress = CKPT_COMPRESS_LZ4,
};

FIXTURE_VARIANT_ADD(packed, zstd){
	.name = "zstd",
	.compress = CKPT_COMPRESS_ZSTD,
};

FIXTURE_SETUP(packed)
{
	CT_SETUP(&self->ct);
	setenv("CT_COMPRESS", variant->name, 1);
}

FIXTURE_TEARDOWN(packed)
{
	ct_end(&self->ct);
}

/* Pages that are packed, those that are not, and bytes the former take. */
struct sums {
	unsigned long packed, plain, bytes, other;
};

static int count(const char *path, __u32 compress, struct sums *sums)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct ckpt_image *img = ckpt_image_open(fd);
	const struct ckpt_hdr_pgarr *p;
	const struct ckpt_hdr *rec;

	memset(sums, 0, sizeof(*sums));
	while ((ret = ckpt_image_next(img, &rec)) > 0) {
		p = (const void *)rec;
		if (rec->type != CKPT_HDR_PGARR)
			continue;
		if (p->compress == compress) {
			sums->packed += p->nr_pages;
			sums->bytes += p->packed_len;
		} else if (p->compress) {
			sums->other++;
		} else {
			sums->plain += p->nr_pages;
		}
	}
	if (ret)
		ct_say("%s", ckpt_error());
	ckpt_image_close(img);
	close(fd);
	return ret;
}

TEST_F(packed, all_kinds_of_memory_come_back)
{
	struct ct *ct = &self->ct;
	struct sums sums;

	ASSERT_EQ(0, ct_start(ct, has_all_kinds, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, count(ct->img, variant->compress, &sums));
	ct_say("%lu pages packed into %lu KiB, %lu not, %lu otherwise",
	       sums.packed, sums.bytes / 1024, sums.plain, sums.other);
	/* text: all of it, to a quarter at least; noise: none */
	EXPECT_GT(sums.packed, 1500);
	EXPECT_LT(sums.bytes, sums.packed * PAGE);
	EXPECT_GT(sums.plain, 1200);
	EXPECT_EQ(0, sums.other);
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_join(ct));
}

/* The program and, later, its copy. */
static int both_ways(struct ct *ct)
{
	int ret;

	ct_go(ct, 1);
	ret = ct_finish(ct);
	if (ret)
		return ret;
	ct->s->ready = 0;
	ret = ct_restart(ct);
	return ret ?: ct_join(ct);
}

TEST_F(packed, the_program_runs_on)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, has_all_kinds, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ASSERT_EQ(0, both_ways(ct));
}

TEST_F(packed, the_program_stands_still)
{
	struct ct *ct = &self->ct;
	char pid[16];

	ASSERT_EQ(0, ct_start(ct, has_all_kinds, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	ASSERT_EQ(0, ct_tool(ct, "checkpoint", "--stop-copy", "-z",
			     variant->name, "-o", ct->img, pid, NULL));
	ASSERT_EQ(0, both_ways(ct));
}

/* Kernel's and library's readers agree: pages are the same in both images. */
TEST_F(packed, verify_finds_nothing)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, has_all_kinds, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_tool(ct, "restart", "--verify", "-i", ct->img, NULL))
	TH_LOG("%s", ct->err);
}

/* A checkpoint of itself: what it returns stands in s->data[]. */
static int saves_itself(struct ct_shared *s, void *arg)
{
	struct ckpt_ioc_checkpoint call = {
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE,
		.compress = *(const __u32 *)arg,
	};
	int dev;

	if (fill(s))
		return 1;
	call.fd = open("/dev/shm/ckpt-self-image",
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dev = ckpt_open();
	CT_CHECK(s, call.fd >= 0 && dev >= 0);
	s->data[0] = ckpt_ioctl_checkpoint(dev, &call) + 1;
	close(dev);
	close(call.fd);
	return verify(s);
}

TEST_F(packed, a_program_that_saves_itself)
{
	__u32 compress = variant->compress;
	struct ct *ct = &self->ct;
	struct sums sums;

	ASSERT_EQ(0, ct_start(ct, saves_itself, &compress));
	ASSERT_EQ(0, ct_finish(ct));
	ASSERT_LT(1, ct->s->data[0]);
	ASSERT_EQ(0, count("/dev/shm/ckpt-self-image", compress, &sums));
	EXPECT_GT(sums.packed, 1500);
	ASSERT_EQ(0, ct_restart_from(ct, "/dev/shm/ckpt-self-image", NULL));
	ASSERT_EQ(0, ct_join(ct));
	EXPECT_EQ(1, ct->s->data[0]);
	unlink("/dev/shm/ckpt-self-image");
}

/* ---- what is wrong in packed contents ---- */

/* The packed run that has the most pages. */
static struct ckpt_hdr_pgarr *largest(struct ib *ib, int *n)
{
	struct ckpt_hdr_pgarr *p, *best = NULL;
	int i;

	for (i = 0; i < ib->nr; i++) {
		p = ib_at(ib, i);
		if (p->h.type != CKPT_HDR_PGARR || !p->compress)
			continue;
		if (best && best->nr_pages >= p->nr_pages)
			continue;
		best = p;
		*n = i;
	}
	return best;
}

static void set_len(struct ib *ib, int n, int len)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);
	int was = p->packed_len;

	if (len < was)
		memset((__u8 *)ib_packed(p) + len, 0, was - len);
	ib_resize(ib, n, ((len + 7) & ~7) - ((was + 7) & ~7));
	p->packed_len = len;
}

static void cut_short(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	set_len(ib, n, p->packed_len - 100);
}

static void bytes_behind(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	set_len(ib, n, p->packed_len + 100);
}

static void too_few_pages(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	p->range[p->nr_ranges - 1].nr_pages--;
	p->nr_pages--;
}

/* What is packed is right, but for its last page, which is not there. */
static void a_page_less(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);
	size_t len = p->nr_pages * PAGE;
	char *plain = malloc(len), *packed = malloc(len);
	int size;

	if (p->compress == CKPT_COMPRESS_LZ4) {
		LZ4_decompress_safe(ib_packed(p), plain, p->packed_len, len);
		size = LZ4_compress_default(plain, packed, len - PAGE, len);
	} else {
		ZSTD_decompress(plain, len, ib_packed(p), p->packed_len);
		size = ZSTD_compress(packed, len, plain, len - PAGE, 1);
	}
	set_len(ib, n, size);
	memcpy(ib_packed(ib_at(ib, n)), packed, size);
	free(packed);
	free(plain);
}

static void other_way(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	p->compress = p->compress == CKPT_COMPRESS_LZ4 ? CKPT_COMPRESS_ZSTD :
							 CKPT_COMPRESS_LZ4;
}

static void garbage(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);
	uint32_t state = 7, i;

	for (i = 0; i < p->packed_len; i++)
		((__u8 *)ib_packed(p))[i] = noise(&state);
}

static void padding(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	set_len(ib, n, (p->packed_len & ~7U) - 7);
	((__u8 *)p)[p->h.len - 1] = 1;
}

static void no_length(struct ib *ib, int n)
{
	set_len(ib, n, 0);
}

static void huge_length(struct ib *ib, int n)
{
	struct ckpt_hdr_pgarr *p = ib_at(ib, n);

	p->packed_len = 0xfffffff8;
}

static const struct lie {
	const char *name;
	void (*tell)(struct ib *ib, int n);
	const char *words;
} lies[] = {
	{ "cut short", cut_short, "packed contents are not those of" },
	{ "bytes behind", bytes_behind, "packed contents are not those of" },
	{ "too few pages", too_few_pages, "packed contents are not those of" },
	{ "a page less", a_page_less, "packed contents are not those of" },
	{ "the other way", other_way, "packed contents are not those of" },
	{ "garbage", garbage, "packed contents are not those of" },
	{ "padding", padding, "padding not zero" },
	{ "no length", no_length, "pgarr: bad length of packed contents" },
	{ "huge length", huge_length, "pgarr: bad length of packed contents" },
};

/* Restarted it must fail with @words, and nothing of it has run. */
static int refused(struct ct *ct, const char *img, const char *words)
{
	int status;

	ct->s->data[1] = 0;
	status = ct_tool(ct, "restart", "-i", img, NULL);
	if (status != 1 || !strstr(ct->err, words))
		return ct_say("restart: status %d, not '%s': %s", status, words,
			      ct->err);
	if (ct->s->data[1])
		return ct_say("the program has run");
	status = ct_tool(ct, "ckptinfo", "--check", img, NULL);
	if (status != 1 || !strstr(ct->err, words))
		return ct_say("ckptinfo: status %d, not '%s': %s", status,
			      words, ct->err);
	return 0;
}

static int tell_lies(struct ct *ct)
{
	const struct lie *lie;
	char img[PATH_MAX];
	struct ib ib;
	int n, ret = 0;

	snprintf(img, sizeof(img), "%s/lie", ct->dir);
	for (lie = lies; lie < lies + sizeof(lies) / sizeof(lies[0]); lie++) {
		if (ie_load(&ib, ct->img) || !largest(&ib, &n))
			return ct_say("no packed run");
		lie->tell(&ib, n);
		ret |= ie_store(&ib, img);
		ib_free(&ib);
		if (refused(ct, img, lie->words))
			ret = ct_say("it was: %s", lie->name);
	}
	return ret;
}

/* A bit of packed bytes is the other way round; @at: -1 or 1, first or last. */
static int flip(struct ct *ct, const char *img, int last)
{
	struct ckpt_hdr_pgarr *p;
	struct ib ib;
	int n, fd, ret;

	if (ie_load(&ib, ct->img))
		return -1;
	p = largest(&ib, &n);
	((__u8 *)ib_packed(p))[last ? p->packed_len - 1 : 0] ^= 1;
	fd = open(img, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ret = write(fd, ib.buf, ib.len) == (ssize_t)ib.len ? 0 : -1;
	close(fd);
	ib_free(&ib);
	return ret ?: refused(ct, img, "wrong checksum");
}

/* It notes that it runs, all the time. */
static int beats(struct ct_shared *s, void *arg)
{
	if (fill(s))
		return 1;
	s->ready = 1;
	while (s->go < 1)
		s->data[1]++;
	return verify(s);
}

TEST_F(packed, what_is_wrong_is_refused_before_anything_runs)
{
	struct ct *ct = &self->ct;
	char img[PATH_MAX];

	snprintf(img, sizeof(img), "%s/flipped", ct->dir);
	ASSERT_EQ(0, ct_start(ct, beats, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, tell_lies(ct));
	ASSERT_EQ(0, flip(ct, img, 0));
	ASSERT_EQ(0, flip(ct, img, 1));
	/* as it was, it runs */
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
}

/* Cut in the middle of a packed run. */
TEST_F(packed, a_truncated_image_is_refused)
{
	struct ct *ct = &self->ct;
	struct ib ib;
	off_t end;
	int n;

	ASSERT_EQ(0, ct_start(ct, beats, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ie_load(&ib, ct->img));
	ASSERT_NE(NULL, largest(&ib, &n));
	end = ib.off[n] + ((struct ckpt_hdr *)ib_at(&ib, n))->len - 64;
	ib_free(&ib);
	ASSERT_EQ(0, truncate(ct->img, end));
	ASSERT_EQ(0, refused(ct, ct->img, "truncated"));
}

TEST(unknown_compression_is_refused)
{
	struct ckpt_ioc_checkpoint arg = {
		.fd = 1,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE,
		.compress = CKPT_COMPRESS_KINDS,
	};
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);

	if (dev < 0)
		SKIP(return, "no /dev/ckpt");
	EXPECT_EQ(-EINVAL, ckpt_ioctl_checkpoint(dev, &arg));
	arg.compress = CKPT_COMPRESS_NONE;
	arg.workers = CKPT_WORKERS_MAX + 1;
	EXPECT_EQ(-EINVAL, ckpt_ioctl_checkpoint(dev, &arg));
	close(dev);
}

TEST_HARNESS_MAIN
