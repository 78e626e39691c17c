/* SPDX-License-Identifier: GPL-2.0-only */
/* Two images of one program, record by record. */
#ifndef _LIBCKPT_COMPARE_H
#define _LIBCKPT_COMPARE_H

#include <stdio.h>
#include "ckpt_varying.h"
#include "lib.h"

/* How a field may differ: CKPT_VARYING. */
enum ckpt_vary {
	CKPT_VARY_NOT,
	CKPT_VARY_ANY,
	CKPT_VARY_RISES,
	CKPT_VARY_START,
	CKPT_VARY_COUNT,
	CKPT_VARY_LEFT,
	CKPT_VARY_DEADLINE,
	CKPT_VARY_PID,
	CKPT_VARY_LEVELS,
	CKPT_VARY_TIMENS,
	CKPT_VARY_PIPE,
	CKPT_VARY_NODE,
	CKPT_VARY_ANON,
	CKPT_VARY_CALL,
	CKPT_VARY_PAGES,
};

/**
 * struct ckpt_field - a member of a structure of the image
 * @st: name of the structure
 * @name: its own
 * @off: where it begins
 * @size: bytes; 0: it reaches to the end of the record
 * @elem: bytes of one element
 * @kind: "number", "char", or the name of the structure of its elements
 */
struct ckpt_field {
	const char *st;
	const char *name;
	size_t off;
	size_t size;
	size_t elem;
	const char *kind;
};

/**
 * struct ckpt_compare - a comparison
 * @to: stream for the differences, one line each
 * @fresh_pids: the second one's pids may be others
 * @no_timens: its clocks may be others
 * @started: when the restart began, ns of CLOCK_MONOTONIC
 * @differences: how many there are so far
 * @refs: objrefs of either image, and what they are in the other
 * @pids: pids, the same
 * @rec: records that are being compared
 * @itimer: which interval timers were running in the first image, in any task
 */
struct ckpt_compare {
	FILE *to;
	bool fresh_pids;
	bool no_timens;
	__s64 started;
	unsigned long differences;
	void *refs[2];
	void *pids[2];
	const struct ckpt_hdr *rec[2];
	bool itimer[CKPT_NITIMERS];
};

const struct ckpt_field *ckpt_field_next(const struct ckpt_field *f,
					 const char *st);
const char *ckpt_record_struct(__s32 type);
enum ckpt_vary ckpt_field_varies(const char *st, const char *name);
void ckpt_compare_records(struct ckpt_compare *c, const struct ckpt_hdr *a,
			  const struct ckpt_hdr *b);
int ckpt_compare_images(struct ckpt_compare *c, struct ckpt_image *a,
			struct ckpt_image *b);
void ckpt_compare_end(struct ckpt_compare *c);

#endif /* _LIBCKPT_COMPARE_H */
