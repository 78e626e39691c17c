// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of the head of an image, and of namespaces and credentials.
 */
#include <linux/ckpt.h>
#include "ckpt_field.h"

#define CAPS_KNOWN ((1ULL << 41) - 1)
#define SECUREBITS_KNOWN 0xffU /* capabilities(7), each with its lock */

static const char *check_header(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_header *r = (const void *)h;

	if (r->magic != CKPT_MAGIC_HEADER)
		return "header: wrong magic, not an image";
	if (r->rev != CKPT_REVISION)
		return r->rev > CKPT_REVISION ?
			       "header: newer format revision" :
			       "header: format revision not known";
	if (r->arch != CKPT_ARCH_X86_64)
		return "header: image of another architecture";
	if (r->flags & ~CHECKPOINT_FLAGS)
		return "header: unknown flags";
	if (r->ckptid < 1)
		return "header: checkpoint id not positive";
	if (r->page_size != CKPT_PAGE_SIZE)
		return "header: wrong page size";
	if (r->time_real > CKPT_TIME_MAX || r->time_mono > CKPT_TIME_MAX ||
	    r->time_boot > CKPT_TIME_MAX)
		return "header: time out of range";
	if (r->self > 1)
		return "header: self neither 0 nor 1";
	if (r->pad || r->pad2[0] || r->pad2[1])
		return "header: padding not zero";
	if (!ckpt_terminated(r->sysname, CKPT_UTS_LEN) ||
	    !ckpt_terminated(r->nodename, CKPT_UTS_LEN) ||
	    !ckpt_terminated(r->release, CKPT_UTS_LEN) ||
	    !ckpt_terminated(r->version, CKPT_UTS_LEN) ||
	    !ckpt_terminated(r->machine, CKPT_UTS_LEN) ||
	    !ckpt_terminated(r->domainname, CKPT_UTS_LEN))
		return "header: name of the system not terminated";
	return NULL;
}

static const char *check_header_arch(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_header_arch *r = (const void *)h;

	if (!ckpt_padded_ok(r->vendor, sizeof(r->vendor)))
		return "header_arch: vendor not padded with zeros";
	if (r->vdso_size > CKPT_REC_MAX)
		return "header_arch: absurd size of the vdso";
	return NULL;
}

static const char *check_container(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_container *r = (const void *)h;

	if (r->subtree > 1)
		return "container: subtree neither 0 nor 1";
	if (r->pid_ns > 1 || (!r->subtree && !r->pid_ns))
		return "container: pid_ns does not fit";
	if (r->last_pid < 0 || r->last_pid > CKPT_PID_MAX ||
	    (r->last_pid && !r->pid_ns))
		return "container: bad last pid";
	if (r->lsm_len < 1 || r->lsm_len > CKPT_PATH_MAX)
		return "container: bad length of lsm";
	if (!ckpt_tail_ok(h, sizeof(*r), r->lsm_len))
		return "container: length does not match";
	if (!ckpt_string_ok(r->lsm, r->lsm_len))
		return "container: lsm not terminated at its end";
	return NULL;
}

static const char *check_tree(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_tree *r = (const void *)h;

	if (r->nr_tasks < 1 || r->nr_tasks > CKPT_TASKS_MAX)
		return "tree: bad number of tasks";
	return r->pad ? "tree: padding not zero" : NULL;
}

static const char *tree_task_ids(const struct ckpt_hdr_tree_task *r)
{
	__u32 i;

	if (r->pid < 1 || r->tgid < 1)
		return "tree_task: pid not positive";
	if (r->ppid < 0 || r->parent_tid < 0 || r->pgid < 0 || r->sid < 0)
		return "tree_task: negative id";
	if (r->exit_signal < -1 || r->exit_signal > CKPT_NSIG)
		return "tree_task: bad exit signal";
	if (r->pid != r->tgid && r->exit_signal != -1)
		return "tree_task: thread with an exit signal";
	if (r->pid == r->tgid && r->exit_signal < 0)
		return "tree_task: process without an exit signal";
	if (r->nr_levels < 1 || r->nr_levels > CKPT_PID_LEVELS_MAX)
		return "tree_task: bad number of pid levels";
	if (r->cgroup_len < 1 || r->cgroup_len > CKPT_PATH_MAX)
		return "tree_task: bad length of its cgroup's path";
	if (!ckpt_tail_ok(&r->h, sizeof(*r),
			  r->nr_levels * sizeof(__s32) + r->cgroup_len))
		return "tree_task: length does not match";
	for (i = 0; i < r->nr_levels; i++)
		if (r->pids[i] < 1)
			return "tree_task: pid of a level not positive";
	return r->pids[0] == r->pid ? NULL :
				      "tree_task: first level's pid differs";
}

/* "..": the path is looked up below a mount, and is to stay there. */
static int leads_up(const char *path)
{
	for (; *path; path++)
		if (path[0] == '/' && path[1] == '.' && path[2] == '.' &&
		    (!path[3] || path[3] == '/'))
			return 1;
	return 0;
}

static const char *tree_task_cgroup(const struct ckpt_hdr_tree_task *r)
{
	const char *path = (const char *)&r->pids[r->nr_levels];

	if (!ckpt_string_ok(path, r->cgroup_len))
		return "tree_task: cgroup's path not terminated at its end";
	if (r->cgroup_len > 1 && path[0] != '/')
		return "tree_task: cgroup's path not absolute";
	if (leads_up(path))
		return "tree_task: cgroup's path leads up";
	return NULL;
}

/* A task that has exited keeps what its parent can learn. */
static const char *tree_task_objrefs(const struct ckpt_hdr_tree_task *r)
{
	if (r->signal_objref < 1 || r->cred_objref < 1)
		return "tree_task: objref not positive";
	if (r->exit_state)
		return r->mm_objref || r->files_objref || r->fs_objref ||
				       r->sighand_objref || r->nsproxy_objref ?
			       "tree_task: a zombie with more than it has" :
			       NULL;
	return r->mm_objref < 1 || r->files_objref < 1 || r->fs_objref < 1 ||
			       r->sighand_objref < 1 || r->nsproxy_objref < 1 ?
		       "tree_task: objref not positive" :
		       NULL;
}

static const char *check_tree_task(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_tree_task *r = (const void *)h;
	const char *why = tree_task_ids(r);

	if (why)
		return why;
	if (r->exit_state > 1)
		return "tree_task: unknown exit state";
	if (r->exit_state && r->pid != r->tgid)
		return "tree_task: a thread that is a zombie";
	if (r->exit_code > 0xffff || (r->exit_code && !r->exit_state))
		return "tree_task: bad exit code";
	if (r->flags & ~CKPT_TREE_FLAGS)
		return "tree_task: unknown flags";
	if (r->pad)
		return "tree_task: padding not zero";
	why = tree_task_objrefs(r);
	if (why)
		return why;
	if (r->time_mono > CKPT_TIME_MAX || r->time_boot > CKPT_TIME_MAX)
		return "tree_task: time out of range";
	if (!ckpt_terminated(r->comm, sizeof(r->comm)))
		return "tree_task: comm not terminated";
	return tree_task_cgroup(r);
}

/**
 * ckpt_check_head() - check HEADER, HEADER_ARCH, CONTAINER, TREE, TREE_TASK
 * @h: record; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_head(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_HEADER:
		return check_header(h);
	case CKPT_HDR_HEADER_ARCH:
		return check_header_arch(h);
	case CKPT_HDR_CONTAINER:
		return check_container(h);
	case CKPT_HDR_TREE:
		return check_tree(h);
	default:
		return check_tree_task(h);
	}
}

static const char *check_nsproxy(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_nsproxy *r = (const void *)h;
	int i;

	if (r->objref < 1)
		return "nsproxy: objref not positive";
	if (r->ns_objref[0])
		return "nsproxy: unused slot not zero";
	for (i = 1; i < CKPT_NS_KINDS; i++)
		if (r->ns_objref[i] < 1)
			return "nsproxy: a namespace is missing";
	if (r->nr_ns >= CKPT_NS_KINDS)
		return "nsproxy: too many namespaces";
	return r->pad ? "nsproxy: padding not zero" : NULL;
}

static const char *check_ns(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_ns *r = (const void *)h;

	if (r->objref < 1)
		return "ns: objref not positive";
	if (r->kind < 1 || r->kind >= CKPT_NS_KINDS)
		return "ns: unknown kind";
	if (!r->inum)
		return "ns: no inode number";
	return r->callers > 1 ? "ns: callers neither 0 nor 1" : NULL;
}

static const char *cred_caps(const struct ckpt_hdr_cred *r)
{
	__u64 all = r->cap_inheritable | r->cap_permitted | r->cap_effective |
		    r->cap_bset | r->cap_ambient;

	if (all & ~CAPS_KNOWN)
		return "cred: unknown capabilities";
	if (r->cap_effective & ~r->cap_permitted)
		return "cred: effective capabilities beyond the permitted";
	if (r->cap_ambient & ~(r->cap_permitted & r->cap_inheritable))
		return "cred: ambient capabilities beyond the others";
	return NULL;
}

static int cred_id_missing(const struct ckpt_hdr_cred *r)
{
	const __u32 none = -1;

	return r->uid == none || r->euid == none || r->suid == none ||
	       r->fsuid == none || r->gid == none || r->egid == none ||
	       r->sgid == none || r->fsgid == none;
}

static const char *check_cred(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_cred *r = (const void *)h;
	__u32 i;

	if (r->objref < 1)
		return "cred: objref not positive";
	if (cred_id_missing(r))
		return "cred: invalid id";
	if (r->securebits & ~SECUREBITS_KNOWN)
		return "cred: unknown securebits";
	if (r->pad)
		return "cred: padding not zero";
	if (r->nr_groups > CKPT_GROUPS_MAX)
		return "cred: too many groups";
	if (!ckpt_tail_ok(h, sizeof(*r), r->nr_groups * sizeof(__u32)))
		return "cred: length does not match";
	for (i = 0; i < r->nr_groups; i++)
		if (r->groups[i] == (__u32)-1)
			return "cred: invalid group";
	return cred_caps(r);
}

/**
 * ckpt_check_object() - check NSPROXY, NS, CRED
 * @h: record; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_object(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_NSPROXY:
		return check_nsproxy(h);
	case CKPT_HDR_NS:
		return check_ns(h);
	default:
		return check_cred(h);
	}
}
