// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of the stream: which record may follow which.
 *
 *	image	: HEADER HEADER_ARCH CONTAINER TREE TREE_TASK+ state* TRAILER
 *	state	: object | TASK | TASK CPU XSTATE RESTART_BLOCK SIGINFO* SECCOMP*
 *	object	: NSPROXY NS* | CRED | PIPE PIPE_BUF* | FILE | FILES FD* | FS |
 *		  SIGHAND | SIGNAL SIGINFO* TIMER* | MM (VMA PGARR*)+ |
 *		  SHMEM PGARR* | EVENTFD
 *
 * Counts in the leading records say how many follow; a TASK that has exited
 * stands alone.  There is a TASK for each TREE_TASK, and nothing but the trailer
 * behind the last one.  An ERR record may take any place behind the header and
 * ends the image.
 */
#include "ckpt_field.h"

enum seq_state {
	SEQ_HEADER,
	SEQ_HEADER_ARCH,
	SEQ_CONTAINER,
	SEQ_TREE,
	SEQ_TREE_TASK,
	SEQ_STATE, /* an object, a task or the trailer */
	SEQ_NS,
	SEQ_PIPE_BUF,
	SEQ_FD,
	SEQ_SHARED_SIGINFO,
	SEQ_TIMER,
	SEQ_VMA, /* or pages of the current area, or shared memory */
	SEQ_CPU,
	SEQ_XSTATE,
	SEQ_RESTART_BLOCK,
	SEQ_SIGINFO,
	SEQ_SECCOMP,
	SEQ_END,
	SEQ_STATES
};

/* The only type that may come in a state; 0: see below. */
static const __s32 seq_wants[SEQ_STATES] = {
	[SEQ_HEADER] = CKPT_HDR_HEADER,
	[SEQ_HEADER_ARCH] = CKPT_HDR_HEADER_ARCH,
	[SEQ_CONTAINER] = CKPT_HDR_CONTAINER,
	[SEQ_TREE] = CKPT_HDR_TREE,
	[SEQ_TREE_TASK] = CKPT_HDR_TREE_TASK,
	[SEQ_NS] = CKPT_HDR_NS,
	[SEQ_PIPE_BUF] = CKPT_HDR_PIPE_BUF,
	[SEQ_FD] = CKPT_HDR_FD,
	[SEQ_SHARED_SIGINFO] = CKPT_HDR_SIGINFO,
	[SEQ_TIMER] = CKPT_HDR_TIMER,
	[SEQ_VMA] = CKPT_HDR_VMA,
	[SEQ_CPU] = CKPT_HDR_CPU,
	[SEQ_XSTATE] = CKPT_HDR_XSTATE,
	[SEQ_RESTART_BLOCK] = CKPT_HDR_RESTART_BLOCK,
	[SEQ_SIGINFO] = CKPT_HDR_SIGINFO,
	[SEQ_SECCOMP] = CKPT_HDR_SECCOMP,
};

static const char *seq_group(struct ckpt_seq *seq, enum seq_state state,
			     __u32 left)
{
	seq->left = left;
	seq->state = left ? state : SEQ_STATE;
	return NULL;
}

/* One record of a group has come: where does the next one belong? */
static const char *seq_counted(struct ckpt_seq *seq)
{
	if (--seq->left)
		return NULL;
	if (seq->state == SEQ_SHARED_SIGINFO)
		return seq_group(seq, SEQ_TIMER, seq->then);
	if (seq->state == SEQ_SIGINFO)
		return seq_group(seq, SEQ_SECCOMP, seq->then);
	seq->state = SEQ_STATE;
	return NULL;
}

static const char *seq_signal(struct ckpt_seq *seq,
			      const struct ckpt_hdr_signal *r)
{
	if (!ckpt_cpu_sum_add(&seq->cpu, &r->exited))
		return "signal: too much CPU time in all";
	seq->then = r->nr_timers;
	if (!r->nr_siginfo)
		return seq_group(seq, SEQ_TIMER, r->nr_timers);
	return seq_group(seq, SEQ_SHARED_SIGINFO, r->nr_siginfo);
}

static const char *seq_mm(struct ckpt_seq *seq, const struct ckpt_hdr_mm *r)
{
	seq->mm_objref = r->objref;
	seq->vma_end = 0;
	seq->vma_open = 0;
	seq->shmem = 0;
	return seq_group(seq, SEQ_VMA, r->nr_vmas);
}

/* As an area whose pages may follow, and no other area. */
static const char *seq_shmem(struct ckpt_seq *seq,
			     const struct ckpt_hdr_shmem *r)
{
	seq->mm_objref = r->objref;
	seq->page_min = 0;
	seq->vma_end = (r->size + CKPT_PAGE_MASK) & ~CKPT_PAGE_MASK;
	seq->vma_open = 1;
	seq->shmem = 1;
	seq->left = 0;
	seq->state = SEQ_VMA;
	return NULL;
}

static const char *seq_task(struct ckpt_seq *seq, const struct ckpt_hdr_task *r)
{
	if (!ckpt_cpu_sum_add(&seq->cpu, &r->rusage))
		return "task: too much CPU time in all";
	seq->tasks_left--;
	seq->left = r->nr_siginfo;
	seq->then = r->nr_seccomp;
	seq->state = r->flags & CKPT_TASK_DEAD ? SEQ_STATE : SEQ_CPU;
	return NULL;
}

static const char *seq_trailer(struct ckpt_seq *seq,
			       const struct ckpt_hdr_trailer *r)
{
	if (seq->tasks_left)
		return "order: trailer before the last task";
	if (r->nr_records != seq->nr_records)
		return "trailer: wrong number of records";
	seq->state = SEQ_END;
	return NULL;
}

/* SEQ_STATE: the first record of an object or a task, or the trailer. */
static const char *seq_begin(struct ckpt_seq *seq, const struct ckpt_hdr *rec)
{
	const void *r = rec;

	if (rec->type == CKPT_HDR_TRAILER)
		return seq_trailer(seq, r);
	if (!seq->tasks_left)
		return "order: record behind the last task";
	if (rec->type == CKPT_HDR_TASK)
		return seq_task(seq, r);
	if (seq->nr_objs++ >= CKPT_OBJS_MAX)
		return "order: too many shared objects";
	switch (rec->type) {
	case CKPT_HDR_CRED:
	case CKPT_HDR_EVENTFD:
	case CKPT_HDR_FILE:
	case CKPT_HDR_FS:
	case CKPT_HDR_SIGHAND:
		return NULL;
	case CKPT_HDR_NSPROXY:
		return seq_group(seq, SEQ_NS,
				 ((const struct ckpt_hdr_nsproxy *)r)->nr_ns);
	case CKPT_HDR_PIPE:
		return seq_group(seq, SEQ_PIPE_BUF,
				 ((const struct ckpt_hdr_pipe *)r)->nr_bufs);
	case CKPT_HDR_FILES:
		seq->last_fd = -1;
		return seq_group(seq, SEQ_FD,
				 ((const struct ckpt_hdr_files *)r)->nr_fds);
	case CKPT_HDR_SIGNAL:
		return seq_signal(seq, r);
	case CKPT_HDR_MM:
		return seq_mm(seq, r);
	case CKPT_HDR_SHMEM:
		return seq_shmem(seq, r);
	default:
		return "order: record where an object or a task belongs";
	}
}

static const char *seq_fd(struct ckpt_seq *seq, const struct ckpt_hdr_fd *r)
{
	if (r->fd <= seq->last_fd)
		return "fd: descriptors do not rise";
	seq->last_fd = r->fd;
	return seq_counted(seq);
}

static const char *seq_vma(struct ckpt_seq *seq, const struct ckpt_hdr_vma *r)
{
	if (r->start < seq->vma_end)
		return "vma: areas overlap or do not rise";
	seq->vma_end = r->end;
	seq->page_min = r->start;
	seq->vma_open = 1;
	seq->left--;
	return NULL;
}

static const char *seq_pgarr(struct ckpt_seq *seq,
			     const struct ckpt_hdr_pgarr *r)
{
	const struct ckpt_page_range *last = &r->range[r->nr_ranges - 1];
	__u64 end = last->start + (__u64)last->nr_pages * CKPT_PAGE_SIZE;
	__u32 i;

	if (!seq->vma_open)
		return "order: pages before the first area";
	if (r->mm_objref != seq->mm_objref)
		return "pgarr: of another address space";
	if (r->range[0].start < seq->page_min)
		return "pgarr: not above the pages before";
	if (end > seq->vma_end)
		return "pgarr: beyond its area";
	for (i = 0; seq->shmem && i < r->nr_ranges; i++)
		if (r->range[i].flags)
			return "pgarr: flags in shared memory";
	seq->page_min = end;
	return NULL;
}

static const char *seq_tree(struct ckpt_seq *seq, const struct ckpt_hdr_tree *r)
{
	seq->nr_tasks = r->nr_tasks;
	seq->tasks_left = r->nr_tasks;
	seq->left = r->nr_tasks;
	seq->state = SEQ_TREE_TASK;
	return NULL;
}

/* A record of the type that its state wants. */
static const char *seq_wanted(struct ckpt_seq *seq, const struct ckpt_hdr *rec)
{
	const void *r = rec;

	switch (seq->state) {
	case SEQ_TREE:
		return seq_tree(seq, r);
	case SEQ_FD:
		return seq_fd(seq, r);
	case SEQ_VMA:
		return seq_vma(seq, r);
	case SEQ_HEADER:
	case SEQ_HEADER_ARCH:
	case SEQ_CONTAINER:
	case SEQ_CPU:
	case SEQ_XSTATE:
		seq->state++;
		return NULL;
	case SEQ_RESTART_BLOCK:
		if (!seq->left)
			return seq_group(seq, SEQ_SECCOMP, seq->then);
		return seq_group(seq, SEQ_SIGINFO, seq->left);
	default:
		return seq_counted(seq);
	}
}

static const char *seq_step(struct ckpt_seq *seq, const struct ckpt_hdr *rec)
{
	if (seq->state == SEQ_END)
		return "order: record behind the end";
	if (rec->type == CKPT_HDR_ERR && seq->state != SEQ_HEADER) {
		seq->state = SEQ_END;
		return NULL;
	}
	if (seq->state == SEQ_VMA) {
		if (rec->type == CKPT_HDR_PGARR)
			return seq_pgarr(seq, (const void *)rec);
		if (!seq->left)
			seq->state = SEQ_STATE;
	}
	if (seq->state == SEQ_STATE)
		return seq_begin(seq, rec);
	if (rec->type != seq_wants[seq->state])
		return "order: unexpected type of record";
	return seq_wanted(seq, rec);
}

/**
 * ckpt_cpu_sum_add() - add the CPU time of a task, or of those that have exited
 * @sum: sum of an image
 * @r: with anything in it
 *
 * Return: 1, or 0 if that is too much; then the sum is what it was.
 */
int ckpt_cpu_sum_add(struct ckpt_cpu_sum *sum, const struct ckpt_rusage *r)
{
	if (!ckpt_rusage_ok(r) ||
	    r->utime + r->stime > CKPT_CPU_SUM_MAX - sum->used ||
	    r->runtime > CKPT_CPU_SUM_MAX - sum->ran)
		return 0;
	sum->used += r->utime + r->stime;
	sum->ran += r->runtime;
	return 1;
}

/**
 * ckpt_seq_init() - at the beginning of an image
 * @seq: position
 */
void ckpt_seq_init(struct ckpt_seq *seq)
{
	*seq = (struct ckpt_seq){ .state = SEQ_HEADER };
}

/**
 * ckpt_seq_next() - step over the next record of an image
 * @seq: position
 * @rec: record that ckpt_check_rec() has accepted, of a PGARR all but its pages
 *
 * That objrefs are unique and exist is for the reader's objhash to say.  After
 * a refusal the position is of no more use.
 *
 * Return: NULL, or why the record may not stand here.
 */
const char *ckpt_seq_next(struct ckpt_seq *seq, const struct ckpt_hdr *rec)
{
	const char *why = seq_step(seq, rec);

	if (!why)
		seq->nr_records++;
	return why;
}

/**
 * ckpt_seq_at_end() - whether the image is over
 * @seq: position
 *
 * Return: 1 behind the trailer or an error record, else 0.
 */
int ckpt_seq_at_end(const struct ckpt_seq *seq)
{
	return seq->state == SEQ_END;
}

/**
 * ckpt_seq_head_done() - whether the head of the image is over
 * @seq: position
 *
 * Return: 1 behind the last TREE_TASK record, else 0.
 */
int ckpt_seq_head_done(const struct ckpt_seq *seq)
{
	return seq->state >= SEQ_STATE;
}
