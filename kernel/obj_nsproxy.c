// SPDX-License-Identifier: GPL-2.0-only
/*
 * The set of namespaces that a task is in.
 *
 * Captured: the objrefs of its namespaces; the NS records of those that the
 * image has not had yet follow.  The user namespace belongs to the credentials
 * but stands here, so that an image has all namespaces in one place.
 * Refused: a pid or time namespace for children that is not the task's own.
 *
 * Locking: none; the objhash holds the nsproxy, which never changes.
 */
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include "compat/nsproxy.h"
#include "ksym.h"
#include "ns.h"

static void nsproxy_grab(void *ptr)
{
	get_nsproxy(ptr);
}

static void nsproxy_drop(void *ptr)
{
	if (ckpt_nsproxy_drop(ptr))
		K(free_nsproxy)(ptr);
}

/**
 * ckpt_nsproxy_check_restarter() - refuse a restarter whose children would be
 * elsewhere
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_nsproxy_check_restarter(struct ckpt_ctx *ctx)
{
	struct nsproxy *nsproxy = current->nsproxy;

	if (nsproxy->pid_ns_for_children == task_active_pid_ns(current) &&
	    nsproxy->time_ns == nsproxy->time_ns_for_children)
		return 0;
	return ckpt_fail(ctx, -EBUSY, "caller",
			 "it has set a namespace aside for its children (unshare --fork)");
}

static int nsproxy_collect(struct ckpt_ctx *ctx, void *ptr)
{
	struct nsproxy *nsproxy = ptr;
	struct ns_common *ns[CKPT_NS_KINDS];
	int kind, err;

	if (nsproxy->pid_ns_for_children != task_active_pid_ns(ctx->task))
		return ckpt_refuse(ctx, "namespaces",
				   "a pid namespace set aside for children");
	if (nsproxy->time_ns != nsproxy->time_ns_for_children)
		return ckpt_refuse(ctx, "namespaces",
				   "a time namespace set aside for children");
	ckpt_ns_of(ctx->task, nsproxy, ns);
	for (kind = 1; kind < CKPT_NS_KINDS; kind++) {
		err = ckpt_obj_collect(ctx, ns[kind], CKPT_OBJ_NS);
		if (err < 0)
			return err;
	}
	return 0;
}

static int nsproxy_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct ns_common *ns[CKPT_NS_KINDS];
	struct ckpt_hdr_nsproxy *rec;
	int kind, ref;

	rec = ckpt_out_rec(ctx, CKPT_HDR_NSPROXY, sizeof(*rec));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	ckpt_ns_of(ctx->task, ptr, ns);
	for (kind = 1; kind < CKPT_NS_KINDS; kind++) {
		rec->nr_ns += !ckpt_obj_saved(ctx, ns[kind]);
		ref = ckpt_obj_save(ctx, ns[kind], CKPT_OBJ_NS);
		if (ref < 0)
			return ref;
		rec->ns_objref[kind] = ref;
	}
	return 0;
}

/* Read the NS records that follow. */
static int nsproxy_read_ns(struct ckpt_ctx *ctx, u32 nr)
{
	int err;

	if (nr >= CKPT_NS_KINDS)
		return ckpt_fail(ctx, -EINVAL, "namespaces",
				 "%u of them are too many", nr);
	while (nr--) {
		const struct ckpt_hdr *h = ckpt_in_expect(ctx, CKPT_HDR_NS);

		if (IS_ERR(h))
			return PTR_ERR(h);
		err = ckpt_ns_ops.restore(ctx, h);
		if (err)
			return err;
	}
	return 0;
}

static int nsproxy_check(struct ckpt_ctx *ctx,
			 const struct ckpt_hdr_nsproxy *rec)
{
	int kind;

	for (kind = 1; kind < CKPT_NS_KINDS; kind++) {
		const struct ckpt_hdr_ns *ns;

		ns = ckpt_obj_fetch(ctx, rec->ns_objref[kind], CKPT_OBJ_NS);
		if (IS_ERR(ns))
			return PTR_ERR(ns);
		if (ns->kind != kind)
			return ckpt_fail(ctx, -EINVAL, "namespaces",
					 "objref %d is of another kind",
					 rec->ns_objref[kind]);
	}
	return 0;
}

static int nsproxy_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	struct ckpt_hdr_nsproxy *staged;
	int err;

	staged = kmemdup(h, sizeof(*staged), GFP_KERNEL_ACCOUNT);
	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "namespaces", "out of memory");
	err = nsproxy_read_ns(ctx, staged->nr_ns);
	if (!err)
		err = nsproxy_check(ctx, staged);
	if (!err)
		err = ckpt_obj_insert(ctx, staged->objref, CKPT_OBJ_NSPROXY,
				      staged);
	if (err)
		kfree(staged);
	return err;
}

static void nsproxy_unstage(void *ptr)
{
	kfree(ptr);
}

const struct ckpt_obj_ops ckpt_nsproxy_ops = {
	.name = "namespaces",
	.grab = nsproxy_grab,
	.drop = nsproxy_drop,
	.collect = nsproxy_collect,
	.save = nsproxy_save,
	.restore = nsproxy_restore,
	.unstage = nsproxy_unstage,
};
