/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of fields that several records share, and the checks of one family
 * of records in each ckpt_check_*.c.  Private to common/.
 */
#ifndef _CKPT_FIELD_H
#define _CKPT_FIELD_H

#include "ckpt_check.h"

#define CKPT_TIME_MAX 0x7fffffffffffffffULL /* ns, as the kernel's ktime_t */

/* SIGKILL and SIGSTOP: never blocked, never pending in an image. */
#define CKPT_SIGS_UNBLOCKABLE (1ULL << (9 - 1) | 1ULL << (19 - 1))

#define CKPT_CPU_TIME_MAX 0x4000000000000000ULL /* ns, in one field */

#define CKPT_PAGE_MASK (CKPT_PAGE_SIZE - 1ULL)

static inline __u64 ckpt_pad8(__u64 len)
{
	return (len + 7) & ~7ULL;
}

/* Whether @len bytes are all zero. */
static inline int ckpt_all_zero(const void *buf, __u64 len)
{
	const __u8 *p = buf;

	while (len--)
		if (*p++)
			return 0;
	return 1;
}

/*
 * Whether the record is its structure, @used bytes and zeros up to the next
 * multiple of 8, and nothing else.
 */
static inline int ckpt_tail_ok(const struct ckpt_hdr *h, __u64 head, __u64 used)
{
	return (__u64)h->len == ckpt_pad8(head + used) &&
	       ckpt_all_zero((const __u8 *)h + head + used,
			     h->len - head - used);
}

/* Whether @len bytes are a string with its only NUL at the end. */
static inline int ckpt_string_ok(const char *s, __u64 len)
{
	while (len > 1 && *s) {
		s++;
		len--;
	}
	return len == 1 && !*s;
}

/* Whether there is a NUL within @size bytes. */
static inline int ckpt_terminated(const char *s, __u64 size)
{
	while (size--)
		if (!*s++)
			return 1;
	return 0;
}

/* Whether a NUL padded field is: nothing behind its first NUL. */
static inline int ckpt_padded_ok(const char *s, __u64 size)
{
	while (size && *s) {
		s++;
		size--;
	}
	return size && ckpt_all_zero(s, size);
}

/* Whether the kernel can count on from there. */
static inline int ckpt_rusage_ok(const struct ckpt_rusage *r)
{
	return r->utime <= CKPT_CPU_TIME_MAX && r->stime <= CKPT_CPU_TIME_MAX &&
	       r->runtime <= CKPT_CPU_TIME_MAX &&
	       r->seen_utime <= CKPT_CPU_TIME_MAX &&
	       r->seen_stime <= CKPT_CPU_TIME_MAX;
}

const char *ckpt_check_head(const struct ckpt_hdr *h);
const char *ckpt_check_object(const struct ckpt_hdr *h);
const char *ckpt_check_files(const struct ckpt_hdr *h);
const char *ckpt_check_signals(const struct ckpt_hdr *h);
const char *ckpt_check_memory(const struct ckpt_hdr *h);
const char *ckpt_check_task(const struct ckpt_hdr *h);

#endif /* _CKPT_FIELD_H */
