// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of one record: its length, and which family checks its fields.
 */
#include "ckpt_field.h"

struct rec_row {
	const char *name;
	__u32 size; /* of the structure */
	__u32 tail; /* variable data follows */
};

static const struct rec_row rec_rows[CKPT_HDR_MAX] = {
#define CKPT_X(NAME, num, st, var) \
	[num] = { .name = #NAME, .size = sizeof(struct st), .tail = var },
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
};

static const struct rec_row *rec_row(__s32 type)
{
	if (type <= 0 || type >= CKPT_HDR_MAX || !rec_rows[type].name)
		return NULL;
	return &rec_rows[type];
}

/**
 * ckpt_rec_name() - name of a record type
 * @type: CKPT_HDR_*
 *
 * Return: "VMA" for CKPT_HDR_VMA; "?" for a type that does not exist.
 */
const char *ckpt_rec_name(__s32 type)
{
	const struct rec_row *row = rec_row(type);

	return row ? row->name : "?";
}

/* The most that may follow a structure, where it is less than a record. */
static __u32 tail_max(__s32 type)
{
	switch (type) {
	case CKPT_HDR_CONTAINER:
	case CKPT_HDR_FILE:
		return CKPT_PATH_MAX;
	case CKPT_HDR_TREE_TASK:
		return CKPT_PID_LEVELS_MAX * sizeof(__s32) + CKPT_PATH_MAX;
	case CKPT_HDR_CRED:
		return CKPT_GROUPS_MAX * sizeof(__u32);
	case CKPT_HDR_PIPE_BUF:
		return CKPT_PAGE_SIZE;
	case CKPT_HDR_FS:
		return 2 * CKPT_PATH_MAX;
	case CKPT_HDR_MM:
		return CKPT_AUXV_MAX * sizeof(__u64);
	case CKPT_HDR_PGARR:
		return CKPT_RUN_PAGES *
		       (sizeof(struct ckpt_page_range) + CKPT_PAGE_SIZE);
	case CKPT_HDR_SHMEM:
		return CKPT_SHMEM_NAME_MAX + 7;
	case CKPT_HDR_TASK:
		return CKPT_CPUS_MAX / 8;
	case CKPT_HDR_SECCOMP:
		return CKPT_SECCOMP_INSNS_MAX *
		       sizeof(struct ckpt_seccomp_insn);
	case CKPT_HDR_ERR:
		return CKPT_ERR_MAX;
	default:
		return CKPT_REC_MAX - CKPT_PAGE_SIZE;
	}
}

/**
 * ckpt_check_hdr() - whether a pre-header alone is plausible
 * @h: pre-header
 *
 * What it accepts bounds the memory that a reader needs for the record: at
 * most CKPT_REC_MAX, pages not counted.
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_hdr(const struct ckpt_hdr *h)
{
	const struct rec_row *row = rec_row(h->type);
	__u32 len = h->len;

	if (!row)
		return "record: unknown type";
	if (h->len < 0 || len & 7)
		return "record: length not a multiple of 8";
	if (len < row->size)
		return "record: shorter than its structure";
	if (len > row->size + (row->tail ? tail_max(h->type) : 0))
		return "record: longer than its type allows";
	return NULL;
}

/**
 * ckpt_check_pgarr_head() - check a run of pages before its ranges are read
 * @p: the structure, without range[]; ckpt_check_hdr() has accepted it
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_pgarr_head(const struct ckpt_hdr_pgarr *p)
{
	__u64 plain = (__u64)p->nr_pages * CKPT_PAGE_SIZE, len;

	if (p->nr_ranges < 1 || p->nr_ranges > CKPT_RUN_PAGES)
		return "pgarr: bad number of ranges";
	if (p->nr_pages > CKPT_RUN_PAGES)
		return "pgarr: too many pages";
	if (p->pad)
		return "pgarr: padding not zero";
	if (p->mm_objref < 1)
		return "pgarr: no address space";
	if (p->compress >= CKPT_COMPRESS_KINDS)
		return "pgarr: unknown compression";
	if (p->compress ? !p->packed_len || p->packed_len >= plain :
			  p->packed_len)
		return "pgarr: bad length of packed contents";
	len = sizeof(*p) + p->nr_ranges * sizeof(struct ckpt_page_range) +
	      (p->compress ? ckpt_pad8(p->packed_len) : plain);
	if ((__u64)p->h.len != len)
		return "pgarr: length does not match its counts";
	return NULL;
}

static const char *check_err(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_err *e = (const void *)h;
	__u32 i, len = h->len - sizeof(*e);

	if (!len || e->text[0])
		return "err: does not begin with a null character";
	for (i = 1; i < len && !e->text[i]; i++)
		;
	if (i == len)
		return "err: no text";
	for (; i < len; i++)
		if (!e->text[i])
			return "err: null character within its text";
	return NULL;
}

static const char *check_trailer(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_trailer *t = (const void *)h;

	return t->magic == CKPT_MAGIC_TRAILER ? NULL : "trailer: wrong magic";
}

/**
 * ckpt_check_rec() - check every field of a record
 * @rec: record, complete in memory, of a PGARR all but its pages; its
 *	checksum has been verified, its fields can be anything
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_rec(const struct ckpt_hdr *rec)
{
	const char *why = ckpt_check_hdr(rec);

	if (why)
		return why;
	switch (rec->type) {
	case CKPT_HDR_HEADER ... CKPT_HDR_TREE_TASK:
		return ckpt_check_head(rec);
	case CKPT_HDR_NSPROXY ... CKPT_HDR_CRED:
		return ckpt_check_object(rec);
	case CKPT_HDR_PIPE ... CKPT_HDR_FS:
	case CKPT_HDR_EVENTFD:
		return ckpt_check_files(rec);
	case CKPT_HDR_SIGHAND ... CKPT_HDR_TIMER:
		return ckpt_check_signals(rec);
	case CKPT_HDR_MM ... CKPT_HDR_SHMEM:
		return ckpt_check_memory(rec);
	case CKPT_HDR_TASK ... CKPT_HDR_SECCOMP:
		return ckpt_check_task(rec);
	case CKPT_HDR_ERR:
		return check_err(rec);
	case CKPT_HDR_TRAILER:
		return check_trailer(rec);
	default:
		return "record: unknown type";
	}
}
