// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's target: all that reads an image without a kernel.  The records
 * one by one as the validation sees them, the whole stream through libckpt's
 * reader, the head as restart(1) reads it and the plan of the tasks to make,
 * and, when the image is good, the core that is made of it.
 *
 * What the fuzzer hands in is mostly made by fz_mutate(): the checksums are
 * right, so that it is the checks that decide.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hierarchy.h"
#include "image_build.h"
#include "mutate.h"

#define CORE "fuzz.core"

int fsync(int fd);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
				 const uint8_t *data2, size_t size2,
				 uint8_t *out, size_t max_out,
				 unsigned int seed);

#define RULES_MAX 4096

static struct fz_image *work, *other, *good, *grove, *failed;

/* ---- which rules have been met ---- */

static char *rules[RULES_MAX];
static size_t nr_rules;
static FILE *rules_file;

/* For ./run, which knows how many there are: one a line. */
static void rule_met(const char *why)
{
	size_t i;

	for (i = 0; i < nr_rules; i++)
		if (!strcmp(rules[i], why))
			return;
	if (nr_rules == RULES_MAX || !rules_file)
		return;
	rules[nr_rules++] = strdup(why);
	fprintf(rules_file, "%s\n", why);
	fflush(rules_file);
}

/* ---- what is tried ---- */

static int pages_seen(void *arg, __u64 addr, const void *data, size_t len)
{
	__u64 *sum = arg;

	*sum ^= XXH64(data, len, addr);
	return 0;
}

/* Each record by itself, its memory as long as it says, and no longer. */
static void check_records(const uint8_t *data, size_t size)
{
	struct ckpt_hdr h;
	size_t off = 0, len;
	const char *why;
	void *rec;

	for (; size - off >= sizeof(struct ckpt_rec_front); off += h.len) {
		memcpy(&h, data + off, sizeof(h));
		if (ckpt_check_hdr(&h) || (size_t)h.len > size - off)
			return;
		len = h.len;
		rec = malloc(len);
		memcpy(rec, data + off, len);
		why = h.type == CKPT_HDR_PGARR ? ckpt_check_pgarr_head(rec) :
						 NULL;
		if (!why)
			why = ckpt_check_rec(rec);
		if (why)
			rule_met(why);
		free(rec);
	}
}

static int read_stream(const uint8_t *data, size_t size, size_t chunk)
{
	struct ib_reader r = { .buf = data, .len = size, .chunk = chunk };
	struct ckpt_image *img = ckpt_image_open_fn(ib_read, &r);
	const struct ckpt_hdr *rec;
	size_t len;
	__u64 sum = 0;
	int ret;

	ckpt_image_set_pages(img, pages_seen, &sum);
	while ((ret = ckpt_image_next(img, &rec)) > 0)
		if (rec->type == CKPT_HDR_ERR)
			ckpt_err_text((const void *)rec, &len);
	if (!ret)
		ret = ckpt_image_finish(img);
	if (ret && !*ckpt_error())
		abort(); /* a failure without a word */
	if (ret)
		rule_met(ckpt_error());
	ckpt_image_close(img);
	return ret;
}

/*
 * Each task of a plan is made exactly once: by its leader if it is a thread, else
 * by a parent that is there before it.
 */
static void check_plan(const struct ckpt_hierarchy *h)
{
	__u32 i, next, nr = 1;
	__u8 *made = calloc(1, h->nr);

	made[0] = 1;
	for (i = 0; i < h->nr; i++) {
		if (!made[i])
			abort();
		for (next = h->node[i].thread; next; next = h->node[next].next)
			nr += !made[next]++ && h->node[next].leader == i;
		for (next = h->node[i].child; next; next = h->node[next].next)
			nr += !made[next]++ && h->node[next].leader == next;
	}
	for (i = 0; i < h->nr; i++)
		if (made[i] != 1)
			abort();
	if (nr != h->nr || h->nr_ghosts > 2 * h->nr)
		abort();
	for (i = 0; i < h->nr_ghosts; i++)
		if (h->ghost[i] < 1 || (i && h->ghost[i] <= h->ghost[i - 1]))
			abort();
	free(made);
}

static void make_plan(const struct ckpt_head *head)
{
	struct ckpt_hierarchy *h = NULL;

	if (!ckpt_hierarchy_plan(head, &h))
		check_plan(h);
	else if (!*ckpt_error())
		abort();
	ckpt_hierarchy_free(h);
}

static void read_head(const uint8_t *data, size_t size)
{
	struct ib_reader r = { .buf = data, .len = size };
	struct ckpt_image *img = ckpt_image_open_fn(ib_read, &r);
	struct ckpt_head head;

	if (!ckpt_head_read(img, &head)) {
		if (r.pos != head.raw_len || !head.header || !head.nr_tasks)
			abort(); /* read ahead, or the index is wrong */
		make_plan(&head);
		ckpt_head_free(&head);
	}
	ckpt_image_close(img);
}

/* The library's: what is written here need not last. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

static void make_core(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	ckpt_core_write(fd, CORE, NULL);
	unlink(CORE);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_records(data, size);
	read_head(data, size);
	if (!read_stream(data, size, size % 7 ? 0 : 61))
		make_core(data, size);
	return 0;
}

/*
 * Of the good image: with a thread, a child in a group and a session of the dead,
 * and a zombie.
 */
static void make_grove(void)
{
	fz_copy(grove, good);
	if (!fz_tree_grow(grove) || fz_tree_rows(grove) != 4)
		abort();
	fz_seal(grove);
	if (fz_refusal(grove))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct ib ib;

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_RULES"))
		rules_file = fopen(getenv("FUZZ_RULES"), "w");
	work = fz_alloc();
	other = fz_alloc();
	good = fz_alloc();
	grove = fz_alloc();
	failed = fz_alloc();
	if (!work || !other || !good || !grove || !failed)
		abort();
	ib_good(&ib);
	fz_load(good, ib.buf, ib.len);
	ib_free(&ib);
	make_grove();
	ib_init(&ib);
	ib_add_head(&ib);
	ib_add_err(&ib, "fd 3: a socket");
	fz_load(failed, ib.buf, ib.len);
	ib_free(&ib);
	return 0;
}

static size_t store(struct fz_image *img, uint8_t *to, size_t max)
{
	size_t len = img->len < max ? img->len : max;

	memcpy(to, img->buf, len);
	return len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	struct fz_rng rng = { .state = seed };
	int nr;

	fz_load(work, data, size);
	if (work->nr < 2 || fz_one_in(&rng, 2))
		fz_copy(work, fz_one_in(&rng, 2) ? good : grove);
	if (fz_one_in(&rng, 50)) /* what nobody has thought of */
		return LLVMFuzzerMutate(data, size, max_size);
	for (nr = 1 + fz_below(&rng, 3); nr; nr--)
		fz_mutate(work, fz_one_in(&rng, 9) ? failed : good, &rng);
	if (!fz_one_in(&rng, 4))
		fz_repair(work);
	if (!fz_one_in(&rng, 30))
		fz_seal(work);
	return store(work, data, max_size);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
				 const uint8_t *data2, size_t size2,
				 uint8_t *out, size_t max_out,
				 unsigned int seed)
{
	struct fz_rng rng = { .state = seed };

	fz_load(work, data1, size1);
	fz_load(other, data2, size2);
	if (!work->nr || !other->nr)
		return 0;
	fz_mutate(work, other, &rng);
	fz_repair(work);
	fz_seal(work);
	return store(work, out, max_out);
}
