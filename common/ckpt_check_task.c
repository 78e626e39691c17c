// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of records of a task.  Which registers user space may have is
 * left to the kernel's own register sets.
 */
#include "ckpt_field.h"

#define POLICIES_KNOWN 0x6fU /* SCHED_NORMAL ... SCHED_DEADLINE, not 4 */
#define SS_FLAGS_KNOWN 0x80000003U /* SS_ONSTACK, _DISABLE, _AUTODISARM */
#define LEGACY_SIZE 512 /* of the x87 and SSE area */
#define RSEQ_ALIGN 32 /* and least size, of struct rseq */
#define CLOCK_HIGHEST 11 /* CLOCK_TAI */

static const char *task_sched(const struct ckpt_hdr_task *r)
{
	int rt = r->policy == 1 || r->policy == 2; /* SCHED_FIFO, SCHED_RR */

	if (r->policy > 6 || !(POLICIES_KNOWN >> r->policy & 1))
		return "task: unknown scheduling policy";
	if (r->nice < -20 || r->nice > 19)
		return "task: nice out of range";
	if (rt ? r->rt_priority < 1 || r->rt_priority > 99 : r->rt_priority)
		return "task: bad real-time priority";
	return r->ioprio >> 13 > 3 ? "task: unknown class of I/O priority" :
				     NULL;
}

static const char *task_signals(const struct ckpt_hdr_task *r)
{
	if (r->pdeath_signal < 0 || r->pdeath_signal > CKPT_NSIG)
		return "task: bad parent-death signal";
	if (r->exit_signal < -1 || r->exit_signal > CKPT_NSIG)
		return "task: bad exit signal";
	if ((r->blocked | r->saved_sigmask) & CKPT_SIGS_UNBLOCKABLE)
		return "task: SIGKILL or SIGSTOP blocked";
	if (r->sas_ss_flags & ~SS_FLAGS_KNOWN)
		return "task: unknown flags of its signal stack";
	return r->nr_siginfo > CKPT_SIGINFOS_MAX ?
		       "task: too many pending signals" :
		       NULL;
}

static const char *task_seccomp(const struct ckpt_hdr_task *r)
{
	if (r->seccomp >= CKPT_SECCOMP_MODES)
		return "task: unknown mode of seccomp";
	if (r->nr_seccomp > CKPT_SECCOMP_MAX)
		return "task: too many seccomp filters";
	if (r->nr_seccomp ? r->seccomp != CKPT_SECCOMP_FILTER :
			    r->seccomp == CKPT_SECCOMP_FILTER)
		return "task: seccomp filters do not go with its mode";
	return NULL;
}

static const char *task_cpus(const struct ckpt_hdr_task *r)
{
	__u32 words = (r->nr_cpus + 63) / 64, rest = r->nr_cpus % 64;

	if (r->nr_cpus > CKPT_CPUS_MAX)
		return "task: too many CPUs";
	if ((__u64)r->h.len != sizeof(*r) + words * sizeof(__u64))
		return "task: length does not match";
	if (rest && r->cpus[words - 1] >> rest)
		return "task: CPU beyond the last";
	if (r->flags & CKPT_TASK_AFFINITY &&
	    ckpt_all_zero(r->cpus, words * sizeof(__u64)))
		return "task: no CPU allowed";
	return NULL;
}

/* What has exited has no more than a name, what it used, and who it was. */
static const char *task_dead(const struct ckpt_hdr_task *r)
{
	if (r->flags != CKPT_TASK_DEAD || r->nsproxy_objref ||
	    r->files_objref || r->fs_objref || r->sighand_objref ||
	    r->mm_objref || r->nr_siginfo || r->seccomp || r->nr_seccomp ||
	    r->nr_cpus || r->io_with)
		return "task: a zombie with more than it has";
	if (r->cred_objref < 1 || r->signal_objref < 1)
		return "task: objref not positive";
	return NULL;
}

static const char *task_objrefs(const struct ckpt_hdr_task *r)
{
	if (r->flags & CKPT_TASK_DEAD)
		return task_dead(r);
	if (r->nsproxy_objref < 1 || r->cred_objref < 1 ||
	    r->files_objref < 1 || r->fs_objref < 1 || r->sighand_objref < 1 ||
	    r->signal_objref < 1 || r->mm_objref < 1)
		return "task: objref not positive";
	return NULL;
}

static const char *check_task(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_task *r = (const void *)h;
	const char *why;

	if (r->pid < 1)
		return "task: pid not positive";
	if (r->flags & ~CKPT_TASK_FLAGS)
		return "task: unknown flags";
	why = task_objrefs(r);
	if (why)
		return why;
	if (!ckpt_terminated(r->comm, sizeof(r->comm)))
		return "task: comm not terminated";
	if (r->io_with < 0 || r->io_with == r->pid)
		return "task: bad sharer of its I/O context";
	if (!ckpt_rusage_ok(&r->rusage))
		return "task: CPU time out of range";
	if (r->rseq &&
	    (r->rseq % RSEQ_ALIGN || r->rseq >= CKPT_ADDR_END ||
	     r->rseq_len < RSEQ_ALIGN || r->rseq_len > CKPT_PAGE_SIZE))
		return "task: bad rseq area";
	why = task_sched(r);
	if (!why)
		why = task_signals(r);
	if (!why)
		why = task_seccomp(r);
	return why ? why : task_cpus(r);
}

static const char *check_cpu(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_cpu *r = (const void *)h;

	if ((r->cs | r->ss) >> 16 || (r->ds | r->es | r->fs | r->gs) >> 16)
		return "cpu: selector out of range";
	if (r->fs_base >= CKPT_ADDR_END || r->gs_base >= CKPT_ADDR_END)
		return "cpu: segment base beyond user space";
	return NULL;
}

/*
 * One component at @pos of data[]: by rising number, inside the record, and
 * one of @r->xfeatures.  The legacy area, 0, is always there, as XSAVE always
 * writes MXCSR; component 1 (SSE) is stored as part of it.
 */
static const char *xcomp_check(const struct ckpt_hdr_xstate *r, __u32 pos,
			       __s64 last)
{
	const struct ckpt_xcomp *c = (const void *)(r->data + pos);
	__u32 room = r->h.len - sizeof(*r) - pos;

	if (room < sizeof(*c) || c->size > room - sizeof(*c))
		return "xstate: component beyond the record";
	if (last < 0 && c->nr)
		return "xstate: legacy area is missing";
	if (c->nr > 62 || c->nr == 1 || (__s64)c->nr <= last)
		return "xstate: components do not rise";
	if (!c->size || c->size & 7 || (!c->nr && c->size != LEGACY_SIZE))
		return "xstate: bad size of a component";
	if (c->nr && !(r->xfeatures >> c->nr & 1))
		return "xstate: component without its bit";
	return NULL;
}

static const char *check_xstate(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_xstate *r = (const void *)h;
	const struct ckpt_xcomp *c;
	const char *why;
	__u64 found = 0;
	__s64 last = -1;
	__u32 i, pos = 0;

	if (r->pad)
		return "xstate: padding not zero";
	if (r->nr < 1 || r->nr > 64)
		return "xstate: bad number of components";
	for (i = 0; i < r->nr; i++) {
		why = xcomp_check(r, pos, last);
		if (why)
			return why;
		c = (const void *)(r->data + pos);
		last = c->nr;
		found |= c->nr ? 1ULL << c->nr : 3;
		pos += sizeof(*c) + c->size;
	}
	if (pos != h->len - sizeof(*r))
		return "xstate: length does not match";
	return r->xfeatures & ~found ? "xstate: a component is missing" : NULL;
}

static const char *check_restart_block(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_restart_block *r = (const void *)h;

	if (r->kind >= CKPT_RESTART_KINDS)
		return "restart_block: unknown kind";
	if (r->clockid > CLOCK_HIGHEST)
		return "restart_block: unknown clock";
	if (r->expires > CKPT_TIME_MAX || r->now > CKPT_TIME_MAX)
		return "restart_block: time out of range";
	if (r->has_timeout > 1)
		return "restart_block: has_timeout neither 0 nor 1";
	if (r->type > 2)
		return "restart_block: unknown type of result";
	if (r->nfds > CKPT_FDS_MAX)
		return "restart_block: too many descriptors";
	if (r->flags &
	    ~(CKPT_FUTEX_SHARED | CKPT_FUTEX_CLOCKRT | CKPT_FUTEX_TIMEOUT))
		return "restart_block: unknown flags";
	return NULL;
}

/* The instructions are for the kernel to check. */
static const char *check_seccomp(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_seccomp *r = (const void *)h;

	if (r->flags & ~(CKPT_SECCOMP_LOG | CKPT_SECCOMP_SHARED))
		return "seccomp: unknown flags";
	if (r->nr_insns < 1 || r->nr_insns > CKPT_SECCOMP_INSNS_MAX)
		return "seccomp: bad number of instructions";
	if ((__u64)h->len != sizeof(*r) + r->nr_insns * sizeof(r->insn[0]))
		return "seccomp: length does not match";
	return NULL;
}

/**
 * ckpt_check_task() - check TASK, CPU, XSTATE, RESTART_BLOCK, SECCOMP
 * @h: record; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_task(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_TASK:
		return check_task(h);
	case CKPT_HDR_CPU:
		return check_cpu(h);
	case CKPT_HDR_XSTATE:
		return check_xstate(h);
	case CKPT_HDR_RESTART_BLOCK:
		return check_restart_block(h);
	default:
		return check_seccomp(h);
	}
}
