// SPDX-License-Identifier: GPL-2.0-only
/*
 * Namespaces, one object each.
 *
 * Captured: kind, the number that /proc/PID/ns shows, whether it is the
 * checkpointer's own.
 * Refused: a namespace other than the checkpointer's, except a time namespace,
 * which a restart rebuilds from the clocks in the head of the image, and the
 * pid namespace of which the root of the tree is the init.
 *
 * At a restart nothing is made: the task is in the restarter's namespaces, and
 * its time and pid namespace have been made by the tool.
 *
 * Locking: none; current's nsproxy is its own, other tasks' namespaces are held
 * by the objhash.
 */
#include <linux/cgroup.h>
#include <linux/ipc_namespace.h>
#include <linux/ns_common.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/proc_ns.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>
#include "ksym.h"
#include "ns.h"

static const struct {
	int clone_flag;
	const char *name;
} ns_kinds[CKPT_NS_KINDS] = {
	[CKPT_NS_UTS] = { CLONE_NEWUTS, "UTS" },
	[CKPT_NS_IPC] = { CLONE_NEWIPC, "IPC" },
	[CKPT_NS_MNT] = { CLONE_NEWNS, "mount" },
	[CKPT_NS_PID] = { CLONE_NEWPID, "pid" },
	[CKPT_NS_NET] = { CLONE_NEWNET, "network" },
	[CKPT_NS_TIME] = { CLONE_NEWTIME, "time" },
	[CKPT_NS_CGROUP] = { CLONE_NEWCGROUP, "cgroup" },
	[CKPT_NS_USER] = { CLONE_NEWUSER, "user" },
};

static enum ckpt_ns_kind ns_kind(const struct ns_common *ns)
{
	int kind;

	for (kind = 1; kind < CKPT_NS_KINDS; kind++)
		if (ns->ops->type == ns_kinds[kind].clone_flag)
			return kind;
	return 0;
}

/**
 * ckpt_ns_of() - the namespaces of a task
 * @t: task
 * @nsproxy: its nsproxy, held
 * @ns: out: by ckpt_ns_kind; borrowed; [0] is NULL
 */
void ckpt_ns_of(struct task_struct *t, const struct nsproxy *nsproxy,
		struct ns_common *ns[CKPT_NS_KINDS])
{
	ns[0] = NULL;
	ns[CKPT_NS_UTS] = &nsproxy->uts_ns->ns;
	ns[CKPT_NS_IPC] = &nsproxy->ipc_ns->ns;
	ns[CKPT_NS_MNT] = K(from_mnt_ns)(nsproxy->mnt_ns);
	ns[CKPT_NS_PID] = &nsproxy->pid_ns_for_children->ns;
	ns[CKPT_NS_NET] = &nsproxy->net_ns->ns;
	ns[CKPT_NS_TIME] = &nsproxy->time_ns->ns;
	ns[CKPT_NS_CGROUP] = &nsproxy->cgroup_ns->ns;
	/* A task that is checkpointed keeps its credentials meanwhile. */
	scoped_guard(rcu)
		ns[CKPT_NS_USER] = &__task_cred(t)->user_ns->ns;
}

/* Every kind of namespace is counted there. */
static void ns_grab(void *ptr)
{
	struct ns_common *ns = ptr;

	refcount_inc(&ns->count);
}

static void ns_drop(void *ptr)
{
	struct ns_common *ns = ptr;

	ns->ops->put(ns);
}

static bool ns_callers(struct ns_common *ns)
{
	struct ns_common *own[CKPT_NS_KINDS];

	ckpt_ns_of(current, current->nsproxy, own);
	if (ns_kind(ns) == CKPT_NS_PID)
		return ns == &task_active_pid_ns(current)->ns;
	return ns == own[ns_kind(ns)];
}

static int ns_collect(struct ckpt_ctx *ctx, void *ptr)
{
	enum ckpt_ns_kind kind = ns_kind(ptr);

	if (!kind)
		return ckpt_refuse(ctx, "namespaces",
				   "a namespace of an unknown kind");
	if (kind == CKPT_NS_TIME || ns_callers(ptr))
		return 0;
	if (kind == CKPT_NS_PID && ptr == &ctx->pid_ns->ns) {
		if (ctx->init)
			return 0;
		return ckpt_refuse(ctx, "namespaces",
				   "a pid namespace without its init");
	}
	if (kind == CKPT_NS_PID)
		return ckpt_refuse(ctx, "namespaces",
				   "a pid namespace below that of the tree's root");
	return ckpt_refuse(ctx, "namespaces",
			   "a %s namespace other than the checkpointer's",
			   ns_kinds[kind].name);
}

static int ns_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct ns_common *ns = ptr;
	struct ckpt_hdr_ns *rec;

	rec = ckpt_out_rec(ctx, CKPT_HDR_NS, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->kind = ns_kind(ns);
	rec->inum = ns->inum;
	rec->callers = ns_callers(ns);
	return 0;
}

static bool restart_has_pid_ns(const struct ckpt_ctx *ctx)
{
	return ctx->op->restart->pid_ns;
}

static int ns_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_ns *rec = (const void *)h;
	struct ckpt_hdr_ns *staged;
	int err;

	if (!rec->kind || rec->kind >= CKPT_NS_KINDS)
		return ckpt_fail(ctx, -EINVAL, "namespaces", "bad kind %u",
				 rec->kind);
	if (rec->kind == CKPT_NS_PID && rec->callers == restart_has_pid_ns(ctx))
		return ckpt_fail(ctx, -EINVAL, "namespaces",
				 "it is not clear whose pid namespace it is");
	if (!rec->callers && rec->kind != CKPT_NS_TIME &&
	    rec->kind != CKPT_NS_PID)
		return ckpt_refuse(ctx, "namespaces",
				   "a %s namespace other than the checkpointer's",
				   ns_kinds[rec->kind].name);
	staged = kmemdup(rec, sizeof(*rec), GFP_KERNEL_ACCOUNT);
	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "namespaces", "out of memory");
	err = ckpt_obj_insert(ctx, rec->objref, CKPT_OBJ_NS, staged);
	if (err)
		kfree(staged);
	return err;
}

static void ns_unstage(void *ptr)
{
	kfree(ptr);
}

const struct ckpt_obj_ops ckpt_ns_ops = {
	.name = "namespaces",
	.grab = ns_grab,
	.drop = ns_drop,
	.collect = ns_collect,
	.save = ns_save,
	.restore = ns_restore,
	.unstage = ns_unstage,
};
