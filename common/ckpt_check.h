/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Validation of image records: pure functions of bytes, shared by the module,
 * libckpt and the fuzzer.  No function allocates, blocks or keeps a pointer to
 * what it was given.
 *
 * The way of a record through a reader:
 *
 *	ckpt_check_hdr()	the pre-header: is the length plausible?
 *	ckpt_check_pgarr_head()	a PGARR: the structure before its ranges
 *	ckpt_check_rec()	every field, the record complete in memory
 *	ckpt_seq_next()		its place in the stream
 *
 * Each gives NULL, or a static string ("vma: end not above start").  What
 * needs the whole image or the running kernel (objrefs that exist, paths that
 * resolve, registers that user space may have) is the reader's to check.
 */
#ifndef _CKPT_CHECK_H
#define _CKPT_CHECK_H

#include <linux/types.h>
#include <linux/ckpt_image.h>
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

/* Behind the last address of user space, with 4-level page tables. */
#define CKPT_ADDR_END 0x7ffffffff000ULL

/* Shared objects of one image: an endless stream of them has an end. */
#define CKPT_OBJS_MAX (8U << 20)

/* Bits of ckpt_hdr_task.cpus[]. */
#define CKPT_CPUS_MAX 65536

/*
 * ns of CPU time of all tasks of an image, and of what threads that have exited
 * had used: the kernel adds those of a process, user and system time, and divides
 * by the sum, which must not overflow, nor in the time to come.
 */
#define CKPT_CPU_SUM_MAX 0x8000000000000000ULL

/**
 * struct ckpt_cpu_sum - CPU time so far, ns
 * @used: user and system time
 * @ran: as the scheduler has counted it
 */
struct ckpt_cpu_sum {
	__u64 used;
	__u64 ran;
};

/* What every record begins with. */
struct ckpt_rec_front {
	struct ckpt_hdr h;
	__u64 csum;
};

/**
 * struct ckpt_seq - position in the grammar of the stream
 * @nr_records: records accepted so far
 * @page_min: no page range of the current area may begin below this
 * @vma_end: end of the current area
 * @state: what may come next (private to ckpt_seq.c)
 * @left: records that the current group still lacks
 * @then: records of the part of the group behind that
 * @nr_tasks: TREE_TASK records announced by TREE
 * @tasks_left: TASK records still to come
 * @nr_objs: shared objects seen
 * @mm_objref: address space of the current area
 * @last_fd: last descriptor of the current table
 * @vma_open: an area has begun, its pages may follow
 * @shmem: it is a SHMEM, not an area
 * @cpu: CPU time of the tasks seen
 */
struct ckpt_seq {
	__u64 nr_records;
	__u64 page_min;
	__u64 vma_end;
	__u32 state;
	__u32 left;
	__u32 then;
	__u32 nr_tasks;
	__u32 tasks_left;
	__u32 nr_objs;
	__s32 mm_objref;
	__s32 last_fd;
	__u32 vma_open;
	__u32 shmem;
	struct ckpt_cpu_sum cpu;
};

const char *ckpt_rec_name(__s32 type);
const char *ckpt_check_hdr(const struct ckpt_hdr *h);
const char *ckpt_check_pgarr_head(const struct ckpt_hdr_pgarr *p);
const char *ckpt_check_rec(const struct ckpt_hdr *rec);
int ckpt_cpu_sum_add(struct ckpt_cpu_sum *sum, const struct ckpt_rusage *r);

void ckpt_seq_init(struct ckpt_seq *seq);
const char *ckpt_seq_next(struct ckpt_seq *seq, const struct ckpt_hdr *rec);
int ckpt_seq_at_end(const struct ckpt_seq *seq);
int ckpt_seq_head_done(const struct ckpt_seq *seq);

#endif /* _CKPT_CHECK_H */
