// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reader of images, from a stream: never seeks, never reads ahead (what
 * follows the head is the kernel's to read), holds one record at a time and
 * of a run of pages only a piece.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include "lib.h"

#define PIECE (64U * CKPT_PAGE_SIZE) /* of a run of pages */
#define RUN ((size_t)CKPT_RUN_PAGES * CKPT_PAGE_SIZE)

struct ckpt_image {
	ckpt_read_fn read;
	void *read_arg;
	int fd;
	ckpt_pages_fn pages;
	void *pages_arg;
	struct ckpt_seq seq;
	__u64 digest;
	__u64 offset; /* of the current record */
	__u64 pos; /* bytes read */
	void *rec;
	size_t rec_size;
	__u8 *piece;
	__u8 *packed; /* of a run, then its contents; NULL: none so far */
	int failed; /* errno: nothing more can be read */
	bool keep; /* add what is read to head */
	struct ckpt_head head;
};

static ssize_t read_fd(void *arg, void *buf, size_t len)
{
	ssize_t n = read(*(int *)arg, buf, len);

	return n < 0 ? -errno : n;
}

struct ckpt_image *ckpt_image_open_fn(ckpt_read_fn read, void *arg)
{
	struct ckpt_image *img = calloc(1, sizeof(*img));

	if (!img) {
		ckpt_set_error(-ENOMEM, "out of memory");
		return NULL;
	}
	img->read = read;
	img->read_arg = arg;
	ckpt_seq_init(&img->seq);
	return img;
}

struct ckpt_image *ckpt_image_open(int fd)
{
	struct ckpt_image *img = ckpt_image_open_fn(read_fd, NULL);

	if (img) {
		img->fd = fd;
		img->read_arg = &img->fd;
	}
	return img;
}

void ckpt_image_close(struct ckpt_image *img)
{
	if (!img)
		return;
	ckpt_head_free(&img->head);
	free(img->packed);
	free(img->piece);
	free(img->rec);
	free(img);
}

void ckpt_image_set_pages(struct ckpt_image *img, ckpt_pages_fn pages,
			  void *arg)
{
	img->pages = pages;
	img->pages_arg = arg;
}

__u64 ckpt_image_offset(const struct ckpt_image *img)
{
	return img->offset;
}

/* ---- bytes ---- */

static int head_add(struct ckpt_head *head, const void *buf, size_t len)
{
	void *raw;

	if (head->raw_len + len > CKPT_HEAD_MAX)
		return ckpt_set_error(-E2BIG, "image: its head is too long");
	raw = realloc(head->raw, head->raw_len + len);
	if (!raw)
		return ckpt_set_error(-ENOMEM, "out of memory");
	memcpy((char *)raw + head->raw_len, buf, len);
	head->raw = raw;
	head->raw_len += len;
	return 0;
}

static int image_truncated(struct ckpt_image *img)
{
	if (!img->pos)
		return ckpt_set_error(-EINVAL, "image: empty");
	return ckpt_set_error(-EINVAL, "image: truncated: it ends at byte %llu",
			      (unsigned long long)img->pos);
}

static int image_read(struct ckpt_image *img, void *buf, size_t len)
{
	char *p = buf;
	size_t left = len;
	ssize_t n;

	while (left) {
		n = img->read(img->read_arg, p, left);
		if (n == -EINTR && !ckpt_stop_requested())
			continue;
		if (n < 0)
			return ckpt_set_error(n, "image: cannot read: %s",
					      strerror(-n));
		if (!n)
			return image_truncated(img);
		p += n;
		left -= n;
		img->pos += n;
	}
	return img->keep ? head_add(&img->head, buf, len) : 0;
}

static int image_invalid(struct ckpt_image *img, const char *why)
{
	return ckpt_set_error(-EINVAL, "image: %s (byte %llu)", why,
			      (unsigned long long)img->offset);
}

static int image_room(struct ckpt_image *img, size_t len)
{
	void *rec;

	if (len <= img->rec_size)
		return 0;
	rec = realloc(img->rec, len);
	if (!rec)
		return ckpt_set_error(-ENOMEM, "out of memory");
	img->rec = rec;
	img->rec_size = len;
	return 0;
}

/* ---- records ---- */

static __u64 xxh64_le(__u64 value, __u64 seed)
{
	__u8 bytes[8];
	int i;

	for (i = 0; i < 8; i++)
		bytes[i] = value >> (8 * i);
	return XXH64(bytes, sizeof(bytes), seed);
}

/* A page counts by its own hash. */
static void hash_pages(XXH64_state_t *hash, const __u8 *pages, size_t len)
{
	__u64 one;

	for (; len; pages += CKPT_PAGE_SIZE, len -= CKPT_PAGE_SIZE) {
		one = htole64(XXH64(pages, CKPT_PAGE_SIZE, 0));
		XXH64_update(hash, &one, sizeof(one));
	}
}

static int image_checked(struct ckpt_image *img, const struct ckpt_hdr *rec)
{
	const char *why = ckpt_check_rec(rec);

	if (!why)
		why = ckpt_seq_next(&img->seq, rec);
	return why ? image_invalid(img, why) : 0;
}

static int image_damaged(struct ckpt_image *img, const struct ckpt_hdr *rec)
{
	return ckpt_set_error(-EBADMSG,
			      "image: damaged: wrong checksum of a %s record (byte %llu)",
			      ckpt_rec_name(rec->type),
			      (unsigned long long)img->offset);
}

/* The next piece of a run: from the stream, or of what has been unpacked. */
static int next_piece(struct ckpt_image *img, XXH64_state_t *hash,
		      const __u8 **plain, size_t n)
{
	int err;

	if (*plain) {
		*plain += n;
		return 0;
	}
	err = image_read(img, img->piece, n);
	if (!err)
		hash_pages(hash, img->piece, n);
	return err;
}

/* Hand out the pages of one run, piece by piece, and hash them. */
static int pgarr_pages(struct ckpt_image *img, XXH64_state_t *hash,
		       const __u8 *plain)
{
	const struct ckpt_hdr_pgarr *p = img->rec;
	const struct ckpt_page_range *g;
	const __u8 *piece;
	__u64 addr, left;
	size_t n;
	__u32 i;
	int err;

	for (i = 0; i < p->nr_ranges; i++) {
		g = &p->range[i];
		if (g->flags & CKPT_PAGES_ZERO)
			continue;
		addr = g->start;
		left = (__u64)g->nr_pages * CKPT_PAGE_SIZE;
		for (; left; left -= n, addr += n) {
			n = left < PIECE ? left : PIECE;
			piece = plain ? plain : img->piece;
			err = next_piece(img, hash, &plain, n);
			if (!err && img->pages)
				err = img->pages(img->pages_arg, addr, piece,
						 n);
			if (err)
				return err;
		}
	}
	return 0;
}

static int all_zero(const __u8 *p, size_t len)
{
	while (len--)
		if (*p++)
			return 0;
	return 1;
}

/* Packed contents are verified, then unpacked; *@plain is where they are. */
static int pgarr_unpack(struct ckpt_image *img, XXH64_state_t *hash,
			const __u8 **plain)
{
	const struct ckpt_hdr_pgarr *p = img->rec;
	size_t len = (p->packed_len + 7) & ~7UL;
	int err;

	if (!img->packed)
		img->packed = calloc(2, RUN);
	if (!img->packed)
		return ckpt_set_error(-ENOMEM, "out of memory");
	err = image_read(img, img->packed, len);
	if (err)
		return err;
	XXH64_update(hash, img->packed, len);
	if (XXH64_digest(hash) != p->csum)
		return image_damaged(img, &p->h);
	if (!all_zero(img->packed + p->packed_len, len - p->packed_len))
		return image_invalid(img, "pgarr: padding not zero");
	*plain = img->packed + RUN;
	if (ckpt_unpack(p->compress, img->packed, p->packed_len,
			img->packed + RUN,
			(size_t)p->nr_pages * CKPT_PAGE_SIZE))
		return image_invalid(img,
				     "pgarr: packed contents are not those of its pages");
	return 0;
}

static int pgarr_hashed(struct ckpt_image *img, XXH64_state_t *hash,
			size_t in_memory)
{
	const struct ckpt_hdr_pgarr *p = img->rec;
	const __u8 *plain = NULL;
	int err;

	if (!img->piece)
		img->piece = malloc(PIECE);
	if (!img->piece || !hash)
		return ckpt_set_error(-ENOMEM, "out of memory");
	XXH64_reset(hash, ckpt_hdr_seed(&p->h));
	XXH64_update(hash, (const struct ckpt_rec_front *)p + 1,
		     in_memory - sizeof(struct ckpt_rec_front));
	if (p->compress) {
		err = pgarr_unpack(img, hash, &plain);
		if (err)
			return err;
	}
	err = pgarr_pages(img, hash, plain);
	if (!err && XXH64_digest(hash) != p->csum)
		err = image_damaged(img, &p->h);
	return err;
}

/* The front is in img->rec: read structure, ranges and pages. */
static int read_pgarr(struct ckpt_image *img)
{
	struct ckpt_hdr_pgarr *p;
	XXH64_state_t *hash;
	size_t ranges, at;
	const char *why;
	int err;

	err = image_room(img,
			 sizeof(*p) + CKPT_RUN_PAGES * sizeof(p->range[0]));
	if (err)
		return err;
	p = img->rec;
	at = sizeof(struct ckpt_rec_front);
	err = image_read(img, (char *)p + at, sizeof(*p) - at);
	if (err)
		return err;
	why = ckpt_check_pgarr_head(p);
	if (why)
		return image_invalid(img, why);
	ranges = p->nr_ranges * sizeof(p->range[0]);
	err = image_read(img, p->range, ranges);
	if (!err)
		err = image_checked(img, &p->h);
	if (err)
		return err;
	hash = XXH64_createState();
	err = pgarr_hashed(img, hash, sizeof(*p) + ranges);
	XXH64_freeState(hash);
	return err;
}

/* The front is in img->rec: read the rest, and verify before believing it. */
static int read_plain(struct ckpt_image *img)
{
	struct ckpt_rec_front *front = img->rec;
	size_t len = front->h.len - sizeof(*front);
	int err;

	err = image_room(img, front->h.len);
	if (err)
		return err;
	front = img->rec;
	err = image_read(img, front + 1, len);
	if (err)
		return err;
	if (XXH64(front + 1, len, ckpt_hdr_seed(&front->h)) != front->csum)
		return image_damaged(img, &front->h);
	return image_checked(img, &front->h);
}

/*
 * The first record: say that it is something else altogether, or newer, before
 * its length or checksum has anyone believe that it is damaged.
 */
static int read_header(struct ckpt_image *img)
{
	struct ckpt_hdr_header *r = img->rec;
	size_t at = sizeof(struct ckpt_rec_front), fixed;
	int err;

	fixed = offsetof(struct ckpt_hdr_header, flags);
	err = image_read(img, (char *)r + at, fixed - at);
	if (err)
		return err;
	if (r->magic != CKPT_MAGIC_HEADER)
		return ckpt_set_error(-EINVAL, "image: not a checkpoint image");
	if (r->rev > CKPT_REVISION)
		return ckpt_set_error(-EINVAL,
				      "image: format revision %u is newer than %u: use newer tools",
				      r->rev, CKPT_REVISION);
	if (r->h.type != CKPT_HDR_HEADER || r->h.len != sizeof(*r))
		return image_invalid(img, "not a header record");
	err = image_read(img, &r->flags, sizeof(*r) - fixed);
	if (err)
		return err;
	if (XXH64(&r->magic, sizeof(*r) - at, ckpt_hdr_seed(&r->h)) != r->csum)
		return image_damaged(img, &r->h);
	return image_checked(img, &r->h);
}

static int read_record(struct ckpt_image *img)
{
	struct ckpt_rec_front *front;
	const char *why;
	int err;

	err = image_room(img, sizeof(struct ckpt_hdr_header));
	if (err)
		return err;
	front = img->rec;
	err = image_read(img, front, sizeof(*front));
	if (err)
		return err;
	if (!img->offset)
		return read_header(img);
	why = ckpt_check_hdr(&front->h);
	if (why)
		return image_invalid(img, why);
	return front->h.type == CKPT_HDR_PGARR ? read_pgarr(img) :
						 read_plain(img);
}

static int check_digest(struct ckpt_image *img)
{
	const struct ckpt_hdr_trailer *t = img->rec;

	if (t->h.type != CKPT_HDR_TRAILER || t->digest == img->digest)
		return 0;
	return ckpt_set_error(-EBADMSG,
			      "image: damaged: records are missing or moved");
}

int ckpt_image_next(struct ckpt_image *img, const struct ckpt_hdr **rec)
{
	const struct ckpt_rec_front *front;
	int err;

	if (img->failed)
		return img->failed;
	if (ckpt_seq_at_end(&img->seq))
		return 0;
	img->offset = img->pos;
	err = read_record(img);
	if (!err)
		err = check_digest(img);
	if (err) {
		img->failed = err;
		return err;
	}
	front = img->rec;
	img->digest = xxh64_le(front->csum, img->digest);
	*rec = &front->h;
	return 1;
}

int ckpt_image_finish(struct ckpt_image *img)
{
	ssize_t n;
	char c;

	do
		n = img->read(img->read_arg, &c, 1);
	while (n == -EINTR && !ckpt_stop_requested());
	if (n < 0)
		return ckpt_set_error(n, "image: cannot read: %s",
				      strerror(-n));
	if (n)
		return ckpt_set_error(-EINVAL,
				      "image: more bytes behind its end (byte %llu)",
				      (unsigned long long)img->pos);
	return 0;
}

/* ---- looking through all of it ---- */

const char *ckpt_err_text(const struct ckpt_hdr_err *err, size_t *len)
{
	size_t n = err->h.len - sizeof(*err);
	const char *text = err->text;

	while (n && !*text) {
		text++;
		n--;
	}
	*len = n;
	return text;
}

static int checkpoint_failed(const struct ckpt_hdr *rec)
{
	size_t len;
	const char *text = ckpt_err_text((const void *)rec, &len);

	return ckpt_set_error(-ENODATA,
			      "image: its checkpoint had failed: %.*s",
			      (int)len, text);
}

struct look {
	int fd;
	off_t pos;
};

/* The descriptor's own position stays. */
static ssize_t look_read(void *arg, void *buf, size_t len)
{
	struct look *look = arg;
	ssize_t n = pread(look->fd, buf, len, look->pos);

	if (n < 0)
		return -errno;
	look->pos += n;
	return n;
}

int ckpt_image_inspect(int fd)
{
	struct look look = { fd, lseek(fd, 0, SEEK_CUR) };
	const struct ckpt_hdr *rec;
	struct ckpt_image *img;
	int ret;

	if (look.pos < 0)
		return ckpt_set_error(
			-ESPIPE,
			"--inspect reads the image twice: it must be in a file");
	img = ckpt_image_open_fn(look_read, &look);
	if (!img)
		return ckpt_set_error(-ENOMEM, "out of memory");
	while ((ret = ckpt_image_next(img, &rec)) > 0) {
		if (rec->type == CKPT_HDR_ERR)
			ret = checkpoint_failed(rec);
		if (ckpt_stop_requested())
			ret = ckpt_set_error(-EINTR, "interrupted");
		if (ret < 0)
			break;
	}
	ckpt_image_close(img);
	return ret;
}

/* ---- the head ---- */

void ckpt_head_free(struct ckpt_head *head)
{
	free(head->task);
	free(head->raw);
	memset(head, 0, sizeof(*head));
}

/* All records are in memory and checked: find them. */
static int head_index(struct ckpt_head *head)
{
	const char *p = head->raw, *end = p + head->raw_len;
	const struct ckpt_hdr *h;
	const void *r;

	for (; p < end; p += h->len) {
		r = p;
		h = r;
		if (h->type == CKPT_HDR_HEADER)
			head->header = r;
		else if (h->type == CKPT_HDR_CONTAINER)
			head->container = r;
		else if (h->type == CKPT_HDR_TREE)
			head->task = calloc(((const struct ckpt_hdr_tree *)r)
						    ->nr_tasks,
					    sizeof(*head->task));
		else if (h->type == CKPT_HDR_TREE_TASK && head->task)
			head->task[head->nr_tasks++] = r;
	}
	return head->task ? 0 : ckpt_set_error(-ENOMEM, "out of memory");
}

int ckpt_head_read(struct ckpt_image *img, struct ckpt_head *head)
{
	const struct ckpt_hdr *rec;
	int ret;

	memset(head, 0, sizeof(*head));
	img->keep = true;
	while (!ckpt_seq_head_done(&img->seq)) {
		ret = ckpt_image_next(img, &rec);
		if (ret < 0)
			return ret;
		if (rec->type == CKPT_HDR_ERR)
			return checkpoint_failed(rec);
	}
	img->keep = false;
	ret = head_index(&img->head);
	if (ret)
		return ret;
	*head = img->head;
	memset(&img->head, 0, sizeof(img->head));
	return 0;
}
