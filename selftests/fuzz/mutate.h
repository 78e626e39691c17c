/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images changed by what is known of their structure: the bytes that are wrong
 * are in the fields, in the order of records and in the objrefs, while lengths,
 * checksums and digest can be made right again, so that the change gets to the
 * code behind them.
 *
 * All is chosen by a struct fz_rng: the same seed, the same image.
 */
#ifndef _FUZZ_MUTATE_H
#define _FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/ckpt_image.h>

#define FZ_RECORDS_MAX 4096
#define FZ_BYTES_MAX (4U << 20)

/**
 * struct fz_rng - source of random numbers
 * @state: the seed, and what has become of it
 * @plain: what happens once in a while does not happen: fz_one_in() is false
 */
struct fz_rng {
	__u64 state;
	bool plain;
};

/**
 * struct fz_rec - where a record lies
 * @off: in the image
 * @len: bytes, whatever its own header says
 */
struct fz_rec {
	size_t off;
	size_t len;
};

/**
 * struct fz_image - an image in memory, cut into records
 * @buf: the bytes, with room for FZ_BYTES_MAX
 * @len: how many
 * @nr: entries of @rec
 * @rec: the records, back to back
 */
struct fz_image {
	__u8 *buf;
	size_t len;
	int nr;
	struct fz_rec rec[FZ_RECORDS_MAX];
};

__u64 fz_rand(struct fz_rng *rng);
/* A number below @n, which is not 0. */
__u32 fz_below(struct fz_rng *rng, __u32 n);
/* True once in @n times. */
bool fz_one_in(struct fz_rng *rng, __u32 n);

/* A new image for fz_free(); NULL without memory. */
struct fz_image *fz_alloc(void);
void fz_free(struct fz_image *img);
/* Take bytes in: anything, the last record is what cannot be cut. */
void fz_load(struct fz_image *img, const void *buf, size_t len);
void fz_copy(struct fz_image *to, const struct fz_image *from);
void *fz_at(const struct fz_image *img, int n);

/*
 * Put @len bytes in as record @n (false: there is no room), or take it out; no
 * other record changes.
 */
bool fz_rec_insert(struct fz_image *img, int n, const void *rec, size_t len);
void fz_rec_remove(struct fz_image *img, int n);

/* Right checksums, digest and number of records. */
void fz_seal(struct fz_image *img);
/* What the validation without machine says of it: NULL, or why not. */
const char *fz_refusal(const struct fz_image *img);
/* Have counts agree with the records that are there, as far as that helps. */
void fz_repair(struct fz_image *img);
/* One random change; @donor may lend records.  Neither sealed nor repaired. */
void fz_mutate(struct fz_image *img, const struct fz_image *donor,
	       struct fz_rng *rng);

/* mutate_tree.c: what tasks are to each other.  How many rows are there? */
int fz_tree_rows(const struct fz_image *img);
/* Name of the @n-th kind of change; NULL: there are no more. */
const char *fz_tree_name(int n);
/* Whether what comes of it must not come to life. */
bool fz_tree_fatal(int n);
/* Whether both say the same of their tasks. */
bool fz_tree_same(const struct fz_image *a, const struct fz_image *b);
/* Make it; false: the image has not what it takes, or is another one now. */
bool fz_tree_change(struct fz_image *img, int n, struct fz_rng *rng);
/* A thread, a child in groups of the dead and a zombie for the root. */
bool fz_tree_grow(struct fz_image *img);
/* A random one; its number, or -1. */
int fz_tree_mutate(struct fz_image *img, struct fz_rng *rng);

#endif /* _FUZZ_MUTATE_H */
