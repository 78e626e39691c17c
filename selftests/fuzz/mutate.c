// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to images: the table of fields that fz_mutate() goes by is made from
 * ckpt_image.h by `fields`, so that no record is forgotten.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "ckpt_check.h"
#include "mutate.h"

enum fz_kind {
	FZ_PLAIN,
	FZ_REF, /* objref */
	FZ_COUNT, /* records, entries */
	FZ_LEN, /* bytes */
	FZ_PID,
	FZ_ID, /* user or group */
	FZ_FD,
	FZ_FLAGS,
	FZ_POINTER,
	FZ_TEXT,
};

struct fz_field {
	__s32 type; /* of the record */
	__u32 member; /* offset of what it is part of */
	__u32 off;
	__u32 width; /* bytes of one element */
	__u32 stride;
	__u32 count; /* 0: to the end of the record */
	enum fz_kind kind;
};

static const struct fz_field fields[] = {
#define FZ_FIELD(name, st, whole, element, first, number, what) \
	{                                                       \
		.type = CKPT_HDR_##name,                        \
		.member = offsetof(struct st, whole),           \
		.off = offsetof(struct st, first),              \
		.width = sizeof(((struct st *)NULL)->first),    \
		.stride = sizeof(((struct st *)NULL)->element), \
		.count = (number),                              \
		.kind = FZ_##what,                              \
	},
#include "fuzz_fields.h"
#undef FZ_FIELD
};

#define LEADERS_MAX 3 /* records with counts that fz_repair() looks back at */
#define NR_FIELDS (sizeof(fields) / sizeof(fields[0]))

static const __u32 struct_size[CKPT_HDR_MAX] = {
#define CKPT_X(NAME, num, st, ...) [num] = sizeof(struct st),
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
};

/* ---- chance ---- */

__u64 fz_rand(struct fz_rng *rng)
{
	__u64 z = rng->state += 0x9e3779b97f4a7c15ULL; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

__u32 fz_below(struct fz_rng *rng, __u32 n)
{
	return (fz_rand(rng) >> 32) % n;
}

bool fz_one_in(struct fz_rng *rng, __u32 n)
{
	return !fz_below(rng, n) && !rng->plain;
}

/* ---- images ---- */

struct fz_image *fz_alloc(void)
{
	struct fz_image *img = malloc(sizeof(*img));

	if (!img)
		return NULL;
	img->buf = malloc(FZ_BYTES_MAX);
	img->len = 0;
	img->nr = 0;
	if (img->buf)
		return img;
	free(img);
	return NULL;
}

void fz_free(struct fz_image *img)
{
	if (img)
		free(img->buf);
	free(img);
}

void *fz_at(const struct fz_image *img, int n)
{
	return img->buf + img->rec[n].off;
}

void fz_load(struct fz_image *img, const void *buf, size_t len)
{
	size_t off = 0, left;
	struct ckpt_hdr h;

	if (len > FZ_BYTES_MAX)
		len = FZ_BYTES_MAX;
	memcpy(img->buf, buf, len);
	img->len = len;
	img->nr = 0;
	while (off < len && img->nr < FZ_RECORDS_MAX) {
		left = len - off;
		memset(&h, 0, sizeof(h));
		if (left >= sizeof(struct ckpt_rec_front))
			memcpy(&h, img->buf + off, sizeof(h));
		if (h.len >= (int)sizeof(struct ckpt_rec_front) &&
		    h.len % 8 == 0 && (size_t)h.len <= left &&
		    img->nr < FZ_RECORDS_MAX - 1)
			left = h.len;
		img->rec[img->nr++] = (struct fz_rec){ off, left };
		off += left;
	}
}

void fz_copy(struct fz_image *to, const struct fz_image *from)
{
	memcpy(to->buf, from->buf, from->len);
	memcpy(to->rec, from->rec, from->nr * sizeof(to->rec[0]));
	to->len = from->len;
	to->nr = from->nr;
}

/* Whether the record is all there, so that its fields may be looked at. */
static bool is_record(const struct fz_image *img, int n)
{
	const struct ckpt_hdr *h = fz_at(img, n);
	size_t len = img->rec[n].len;

	return len >= sizeof(struct ckpt_rec_front) && len % 8 == 0 &&
	       h->type > 0 && h->type < CKPT_HDR_MAX && struct_size[h->type] &&
	       len >= struct_size[h->type];
}

static __s32 type_of(const struct fz_image *img, int n)
{
	return ((const struct ckpt_hdr *)fz_at(img, n))->type;
}

static void move_offsets(struct fz_image *img, int from, long by)
{
	for (; from < img->nr; from++)
		img->rec[from].off += by;
}

/* Put @len bytes in at record @n, as a record of their own. */
bool fz_rec_insert(struct fz_image *img, int n, const void *rec, size_t len)
{
	size_t at = n < img->nr ? img->rec[n].off : img->len;

	if (img->nr == FZ_RECORDS_MAX || img->len + len > FZ_BYTES_MAX ||
	    at % 8 || (len % 8 && n < img->nr))
		return false;
	memmove(img->buf + at + len, img->buf + at, img->len - at);
	memcpy(img->buf + at, rec, len);
	memmove(&img->rec[n + 1], &img->rec[n],
		(img->nr - n) * sizeof(img->rec[0]));
	img->rec[n] = (struct fz_rec){ at, len };
	img->len += len;
	img->nr++;
	move_offsets(img, n + 1, len);
	return true;
}

void fz_rec_remove(struct fz_image *img, int n)
{
	struct fz_rec r = img->rec[n];

	memmove(img->buf + r.off, img->buf + r.off + r.len,
		img->len - r.off - r.len);
	img->nr--;
	memmove(&img->rec[n], &img->rec[n + 1],
		(img->nr - n) * sizeof(img->rec[0]));
	img->len -= r.len;
	move_offsets(img, n, -(long)r.len);
}

/* Make a record longer or shorter at its end; its header says so. */
static void record_resize(struct fz_image *img, int n, long grow)
{
	struct fz_rec *r = &img->rec[n];
	struct ckpt_hdr *h = fz_at(img, n);
	size_t end = r->off + r->len;

	if (img->len + grow > FZ_BYTES_MAX ||
	    (long)r->len + grow < (long)sizeof(struct ckpt_rec_front))
		return;
	memmove(img->buf + end + grow, img->buf + end, img->len - end);
	if (grow > 0)
		memset(img->buf + end, 0, grow);
	r->len += grow;
	img->len += grow;
	h->len = r->len;
	move_offsets(img, n + 1, grow);
}

/* ---- checksums ---- */

static __u64 hash_u64(__u64 value, __u64 seed)
{
	return XXH64(&value, sizeof(value), seed);
}

/* Of a PGARR: every page counts by its own hash. */
static __u64 csum_pgarr(const struct ckpt_rec_front *f, size_t len)
{
	size_t pages = (len - sizeof(struct ckpt_hdr_pgarr)) / CKPT_PAGE_SIZE;
	size_t head = len - pages * CKPT_PAGE_SIZE, i;
	const __u8 *page = (const __u8 *)f + head;
	XXH64_state_t *hash = XXH64_createState();
	__u64 one;

	if (((const struct ckpt_hdr_pgarr *)f)->compress) {
		pages = 0;
		head = len;
	}
	XXH64_reset(hash, ckpt_hdr_seed(&f->h));
	XXH64_update(hash, f + 1, head - sizeof(*f));
	for (i = 0; i < pages; i++, page += CKPT_PAGE_SIZE) {
		one = XXH64(page, CKPT_PAGE_SIZE, 0);
		XXH64_update(hash, &one, sizeof(one));
	}
	one = XXH64_digest(hash);
	XXH64_freeState(hash);
	return one;
}

void fz_seal(struct fz_image *img)
{
	struct ckpt_hdr_trailer *t;
	struct ckpt_rec_front *f;
	__u64 digest = 0;
	size_t len;
	int n;

	for (n = 0; n < img->nr; n++) {
		f = fz_at(img, n);
		len = img->rec[n].len;
		if (len < sizeof(*f) || len % 8)
			continue;
		if (f->h.type == CKPT_HDR_TRAILER && len >= sizeof(*t)) {
			t = (void *)f;
			t->nr_records = n;
			t->digest = digest;
		}
		f->csum = f->h.type == CKPT_HDR_PGARR &&
					  len >= sizeof(struct ckpt_hdr_pgarr) ?
				  csum_pgarr(f, len) :
				  XXH64(f + 1, len - sizeof(*f),
					ckpt_hdr_seed(&f->h));
		digest = hash_u64(f->csum, digest);
	}
}

/* ---- what the validation says ---- */

/* The first record that is refused, or img->nr. */
static int first_refused(const struct fz_image *img, const char **why)
{
	const struct ckpt_hdr *h;
	struct ckpt_seq seq;
	int n;

	ckpt_seq_init(&seq);
	for (n = 0; n < img->nr; n++) {
		h = fz_at(img, n);
		*why = "record: cut short";
		if (!is_record(img, n) || (size_t)h->len != img->rec[n].len)
			return n;
		if (h->type == CKPT_HDR_PGARR) {
			*why = ckpt_check_pgarr_head((const void *)h);
			if (*why)
				return n;
		}
		*why = ckpt_check_rec(h);
		if (!*why)
			*why = ckpt_seq_next(&seq, h);
		if (*why)
			return n;
	}
	*why = ckpt_seq_at_end(&seq) ? NULL : "image: no end";
	return n;
}

const char *fz_refusal(const struct fz_image *img)
{
	const char *why;

	first_refused(img, &why);
	return why;
}

static __u32 *count_at(const struct fz_image *img, int n,
		       const struct fz_field *f)
{
	return (void *)((__u8 *)fz_at(img, n) + f->off);
}

/* A count of record @n that, changed by one, gets the validation past @bad. */
static bool repair_at(struct fz_image *img, int n, int bad)
{
	const struct ckpt_hdr *h = fz_at(img, n);
	const char *why;
	__u32 was, *at;
	size_t i;
	int by;

	for (i = 0; i < NR_FIELDS; i++) {
		if (fields[i].type != h->type || fields[i].kind != FZ_COUNT ||
		    fields[i].width != sizeof(*at))
			continue;
		at = count_at(img, n, &fields[i]);
		was = *at;
		for (by = -1; by <= 1; by += 2) {
			*at = was + by;
			if (first_refused(img, &why) > bad)
				return true;
		}
		*at = was;
	}
	return false;
}

/* Whether the record says how many others follow. */
static bool has_count(const struct fz_image *img, int n)
{
	const struct fz_field *f;

	for (f = fields; f < fields + NR_FIELDS; f++)
		if (f->type == type_of(img, n) && f->kind == FZ_COUNT)
			return true;
	return false;
}

void fz_repair(struct fz_image *img)
{
	const char *why;
	int tries, bad, n, leaders;

	for (tries = 0; tries < 8; tries++) {
		bad = first_refused(img, &why);
		if (!why)
			return;
		leaders = 0;
		for (n = bad < img->nr ? bad : img->nr - 1; n >= 0; n--) {
			if (!is_record(img, n) || !has_count(img, n))
				continue;
			if (repair_at(img, n, bad))
				break;
			if (++leaders == LEADERS_MAX)
				return;
		}
		if (n < 0)
			return;
	}
}

/* ---- values ---- */

static const __u64 odd_values[] = {
	0,
	1,
	2,
	7,
	8,
	0x7f,
	0x80,
	0xff,
	0xfff,
	0x1000,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x100000000,
	0x7ffffffff000, /* behind user space */
	0x7fffffffefff,
	0x800000000000, /* not canonical */
	0xffff800000000000,
	0xffff888000000000, /* all of memory */
	0xffffffff81000000, /* the kernel's text */
	0xffffffffff600000, /* vsyscall */
	0x7fffffffffffffff,
	0x8000000000000000,
	0xffffffffffffffff,
};

static __u64 field_get(const void *at, __u32 width)
{
	__u64 v = 0;

	memcpy(&v, at, width < sizeof(v) ? width : sizeof(v));
	return v;
}

static void field_put(void *at, __u32 width, __u64 v)
{
	memcpy(at, &v, width < sizeof(v) ? width : sizeof(v));
}

static __u32 field_count(const struct fz_image *img, int n,
			 const struct fz_field *f)
{
	if (f->count)
		return f->count;
	if (img->rec[n].len < f->off + f->width)
		return 0;
	return (img->rec[n].len - f->off - f->width) / f->stride + 1;
}

static void *field_at(const struct fz_image *img, int n,
		      const struct fz_field *f, __u32 i)
{
	return (__u8 *)fz_at(img, n) + f->off + i * f->stride;
}

/* A record of @type, all the same chance; -1: there is none. */
static int pick_of_type(const struct fz_image *img, struct fz_rng *rng,
			__s32 type)
{
	int nr = 0, n;

	for (n = 0; n < img->nr; n++)
		nr += is_record(img, n) && type_of(img, n) == type;
	if (!nr)
		return -1;
	nr = fz_below(rng, nr);
	for (n = 0; n < img->nr; n++)
		if (is_record(img, n) && type_of(img, n) == type && !nr--)
			return n;
	return -1;
}

/*
 * A field of record @n, of @kind (-1: of any); NULL: it has none.  Each member
 * has the same chance, however many fields it has.
 */
static const struct fz_field *pick_field(const struct fz_image *img,
					 struct fz_rng *rng, int n, int kind)
{
	const struct fz_field *f, *last = NULL, *found = NULL;
	__u32 nr = 0, members = 0;
	bool chosen = false;

	for (f = fields; f < fields + NR_FIELDS; f++) {
		if (f->type != type_of(img, n) || !field_count(img, n, f) ||
		    (kind >= 0 && f->kind != (enum fz_kind)kind))
			continue;
		if (!last || last->member != f->member) {
			chosen = fz_one_in(rng, ++members);
			nr = 0;
		}
		last = f;
		if (chosen && fz_one_in(rng, ++nr))
			found = f;
	}
	return found;
}

/* Every type that is there has the same chance; the head a small one. */
static int pick_record(const struct fz_image *img, struct fz_rng *rng)
{
	bool head = fz_one_in(rng, 24);
	__s32 type, chosen = 0;
	__u64 there = 0;
	__u32 nr = 0;
	int n;

	for (n = 0; n < img->nr; n++)
		if (is_record(img, n))
			there |= 1ULL << type_of(img, n);
	for (type = 1; type < CKPT_HDR_MAX; type++)
		if (there >> type & 1 && head == (type <= CKPT_HDR_TREE_TASK) &&
		    fz_one_in(rng, ++nr))
			chosen = type;
	n = pick_of_type(img, rng, chosen);
	return n < 0 ? (int)fz_below(rng, img->nr) : n;
}

/* A field of @kind in any record; *@n says which. */
static const struct fz_field *pick_kind(const struct fz_image *img,
					struct fz_rng *rng, int kind, int *n)
{
	const struct fz_field *f;
	int tries;

	for (tries = 0; tries < 16; tries++) {
		*n = pick_record(img, rng);
		f = is_record(img, *n) ? pick_field(img, rng, *n, kind) : NULL;
		if (f)
			return f;
	}
	return NULL;
}

/* What another field of its kind says. */
static __u64 borrowed(const struct fz_image *img, struct fz_rng *rng, int kind)
{
	const struct fz_field *f;
	int n;

	f = img->nr ? pick_kind(img, rng, kind, &n) : NULL;
	if (!f)
		return fz_rand(rng);
	return field_get(field_at(img, n, f,
				  fz_below(rng, field_count(img, n, f))),
			 f->width);
}

static __u64 new_value(const struct fz_image *img, struct fz_rng *rng,
		       __u64 old, int kind)
{
	if (kind == FZ_REF && !fz_one_in(rng, 4))
		return borrowed(img, rng, kind);
	if ((kind == FZ_COUNT || kind == FZ_LEN) && fz_one_in(rng, 2))
		return old + fz_below(rng, 9) - 4;
	if ((kind == FZ_PID || kind == FZ_ID) && fz_one_in(rng, 2))
		return fz_below(rng, 400);
	switch (fz_below(rng, 9)) {
	case 0:
	case 1:
		return old ^ (1ULL << fz_below(rng, 64));
	case 8: /* a better priority, say */
		return -(__u64)fz_below(rng, 1 << fz_below(rng, 11));
	case 2:
		return old ^ (1ULL << fz_below(rng, 10));
	case 3:
		return old + fz_below(rng, 33) - 16;
	case 4:
		return borrowed(img, rng, fz_one_in(rng, 2) ? kind : -1);
	case 5:
		return old + CKPT_PAGE_SIZE * (fz_below(rng, 9) - 4ULL);
	case 6:
		return fz_rand(rng) >> fz_below(rng, 64);
	default:
		return odd_values[fz_below(rng, sizeof(odd_values) /
							sizeof(odd_values[0]))] +
		       (fz_one_in(rng, 4) ? fz_below(rng, 3) - 1ULL : 0);
	}
}

/* ---- changes ---- */

static void change_field(struct fz_image *img, struct fz_rng *rng)
{
	const struct fz_field *f;
	void *at;
	int n;

	f = pick_kind(img, rng, -1, &n);
	if (!f || (f->off < sizeof(struct ckpt_hdr) && !fz_one_in(rng, 8)))
		return;
	at = field_at(img, n, f, fz_below(rng, field_count(img, n, f)));
	field_put(at, f->width,
		  new_value(img, rng, field_get(at, f->width), f->kind));
}

/* One objref is another's, wherever it stands: cycles and wrong types. */
static void change_ref(struct fz_image *img, struct fz_rng *rng)
{
	const struct fz_field *f;
	int n;

	f = pick_kind(img, rng, FZ_REF, &n);
	if (f)
		field_put(field_at(img, n, f,
				   fz_below(rng, field_count(img, n, f))),
			  f->width, borrowed(img, rng, FZ_REF));
}

static void change_bytes(struct fz_image *img, struct fz_rng *rng)
{
	struct fz_rec *r = &img->rec[pick_record(img, rng)];
	size_t front = sizeof(struct ckpt_rec_front), i;

	if (r->len <= front)
		return;
	for (i = fz_below(rng, 4) + 1; i; i--)
		img->buf[r->off + front + fz_below(rng, r->len - front)] =
			fz_rand(rng);
}

static void swap_records(struct fz_image *img, struct fz_rng *rng)
{
	int n = pick_record(img, rng);
	int to = fz_one_in(rng, 2) ? n + 1 : pick_record(img, rng);
	struct fz_rec r = img->rec[n];
	void *copy = malloc(r.len);

	if (copy && to < img->nr) {
		memcpy(copy, img->buf + r.off, r.len);
		fz_rec_remove(img, n);
		fz_rec_insert(img, to < img->nr ? to : img->nr, copy, r.len);
	}
	free(copy);
}

/* One or a few records in a row again, there or elsewhere. */
static void splice_records(struct fz_image *img, const struct fz_image *from,
			   struct fz_rng *rng)
{
	int nr = fz_one_in(rng, 3) ? fz_below(rng, 12) + 1 : 1;
	int n = pick_record(from, rng), to;
	struct fz_rec r;
	void *copy;

	to = from == img && fz_one_in(rng, 2) ? n : pick_record(img, rng);
	for (; nr && n < from->nr; nr--, n++, to++) {
		r = from->rec[n];
		copy = malloc(r.len);
		if (!copy)
			return;
		memcpy(copy, from->buf + r.off, r.len);
		fz_rec_insert(img, to, copy, r.len);
		if (from == img && n >= to)
			n++;
		free(copy);
	}
}

/* A record for one of the same type. */
static void replace_record(struct fz_image *img, const struct fz_image *from,
			   struct fz_rng *rng)
{
	int n = pick_record(img, rng), other;

	if (from == img || !is_record(img, n))
		return;
	other = pick_of_type(from, rng, type_of(img, n));
	if (other < 0)
		return;
	fz_rec_remove(img, n);
	fz_rec_insert(img, n, fz_at(from, other), from->rec[other].len);
}

static const char *const texts[] = {
	"/",
	"/etc/passwd",
	"/etc/shadow",
	"/dev/mem",
	"/dev/ckpt",
	"/dev/zero",
	"/dev/null",
	"/dev/tty",
	"/dev/ptmx",
	"/dev/urandom",
	"/dev/loop-control",
	"/dev/shm",
	"/proc/self/mem",
	"/proc/self/exe",
	"/proc/self/fd/0",
	"/proc/1/environ",
	"/proc/kcore",
	"/sys/kernel/notes",
	"/tmp",
	"/usr/bin/passwd",
	"/usr/bin/true",
	"/root",
	"/nowhere",
	"/tmp/../etc/../etc/shadow",
	"//",
	".",
	"",
};

/* The string that a record ends with, by the last of its lengths. */
static void change_text(struct fz_image *img, struct fz_rng *rng)
{
	const char *text =
		texts[fz_below(rng, sizeof(texts) / sizeof(texts[0]))];
	const struct fz_field *f, *last = NULL;
	int n = pick_record(img, rng);
	size_t len = strlen(text) + 1, old, at, pad;
	__s32 type;

	if (!is_record(img, n))
		return;
	type = type_of(img, n);
	for (f = fields; f < fields + NR_FIELDS; f++)
		if (f->type == type && f->kind == FZ_LEN && f->width == 4 &&
		    f->off >= sizeof(struct ckpt_rec_front))
			last = f;
	if (!last || img->rec[n].len < struct_size[type] + 8)
		return;
	old = *count_at(img, n, last);
	for (pad = 0; pad < 7; pad++)
		if (((__u8 *)fz_at(img, n))[img->rec[n].len - pad - 1] == 0 &&
		    ((__u8 *)fz_at(img, n))[img->rec[n].len - pad - 2] != 0)
			break;
	if (old + pad + struct_size[type] > img->rec[n].len)
		return;
	at = img->rec[n].len - pad - old;
	record_resize(img, n,
		      (long)((at + len + 7) & ~7UL) - (long)img->rec[n].len);
	if (img->rec[n].len < at + len)
		return;
	memset((__u8 *)fz_at(img, n) + at, 0, img->rec[n].len - at);
	memcpy((__u8 *)fz_at(img, n) + at, text, len);
	*count_at(img, n, last) = len;
}

static void resize_record(struct fz_image *img, struct fz_rng *rng)
{
	int n = pick_record(img, rng);
	long by = 8L * (fz_below(rng, 16) + 1);

	if (is_record(img, n))
		record_resize(img, n, fz_one_in(rng, 2) ? by : -by);
}

static void cut_image(struct fz_image *img, struct fz_rng *rng)
{
	struct fz_rec *r;

	img->nr = fz_below(rng, img->nr) + 1;
	r = &img->rec[img->nr - 1];
	if (fz_one_in(rng, 2))
		r->len = fz_below(rng, r->len) + 1;
	img->len = r->off + r->len;
}

void fz_mutate(struct fz_image *img, const struct fz_image *donor,
	       struct fz_rng *rng)
{
	__u32 what = fz_below(rng, 100);

	if (!img->nr || !donor->nr)
		return;
	if (what < 12 && fz_tree_rows(img))
		fz_tree_mutate(img, rng);
	else if (what < 55)
		change_field(img, rng);
	else if (what < 63)
		change_ref(img, rng);
	else if (what < 70)
		change_text(img, rng);
	else if (what < 75)
		change_bytes(img, rng);
	else if (what < 79)
		swap_records(img, rng);
	else if (what < 83)
		splice_records(img, img, rng);
	else if (what < 88)
		splice_records(img, donor, rng);
	else if (what < 93)
		replace_record(img, donor, rng);
	else if (what < 97)
		fz_rec_remove(img, pick_record(img, rng));
	else if (what < 99)
		resize_record(img, rng);
	else
		cut_image(img, rng);
}
