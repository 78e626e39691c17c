// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every single flipped bit of an image is found by the check of the whole of
 * it, as `ckptinfo --check` does it: each bit of each byte in turn, of an image
 * with every type of record, and of one that ends with an error.
 *
 * A program of its own, beside image_test: it takes some seconds.
 */
#include <errno.h>
#include "image_build.h"
#include "tap.h"

/* To the end and not a byte further, in pieces that are no power of two. */
static int check_whole(const struct ib *ib)
{
	struct ib_reader r = { .buf = ib->buf, .len = ib->len, .chunk = 9973 };
	struct ckpt_image *img = ckpt_image_open_fn(ib_read, &r);
	const struct ckpt_hdr *rec;
	int ret;

	while ((ret = ckpt_image_next(img, &rec)) > 0)
		;
	if (!ret)
		ret = ckpt_image_finish(img);
	ckpt_image_close(img);
	return ret;
}

static void flip_all(struct ib *ib, const char *what)
{
	size_t at, missed = 0;
	int bit;

	tap_ok(!check_whole(ib), "%s: taken as it is", what);
	for (at = 0; at < ib->len; at++) {
		for (bit = 0; bit < 8; bit++) {
			ib->buf[at] ^= 1 << bit;
			if (check_whole(ib) >= 0 && !missed++)
				tap_note("byte %zu bit %d: taken", at, bit);
			ib->buf[at] ^= 1 << bit;
		}
	}
	tap_ok(!missed, "%s: each of %zu flipped bits is found", what,
	       8 * ib->len);
	tap_ok(!check_whole(ib), "%s: taken with all flipped back", what);
}

int main(void)
{
	struct ib ib;

	ib_good(&ib);
	flip_all(&ib, "an image");
	ib_free(&ib);

	ib_init(&ib);
	ib_add_head(&ib);
	ib_add_err(&ib, "fd 3: a socket is not supported");
	ib_seal(&ib);
	flip_all(&ib, "the image of a failed checkpoint");
	ib_free(&ib);
	return tap_end();
}
