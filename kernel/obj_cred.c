// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials.
 *
 * Captured: real, effective, saved and file-system user and group ids, the
 * supplementary groups, the five capability sets, securebits; ids as numbers of
 * the task's user namespace, which is the checkpointer's.
 * Refused: keyrings of the task's own (of the thread, of the process, a session
 * keyring that is not the checkpointer's, a default one for new keys), a
 * label of a security module that is not the checkpointer's, a Landlock domain,
 * ids that the namespace doesn't know, credentials overridden by the kernel.
 * A restarted task has the session keyring and the label of its restarter.
 *
 * Rights: cred_may() holds every rule.  The restarting task gets what it could
 * give itself by setresuid(), setresgid(), setgroups(), capset() and prctl(),
 * one after the other, and nothing else; what it may not have is refused by
 * name.  The security modules are asked as those calls ask them.
 *
 * Each task makes its own before the commit, complete, so that this can't fail;
 * those of one task would be of no use to another, whose namespaces, keyrings
 * and labels may differ.  The commit makes the task undumpable and clears
 * pdeath_signal where ids change, as always; both are restored after it.
 *
 * Locking: none; credentials don't change once they are in use, and another
 * task's are reached by RCU and held by a reference.
 */
#include <linux/cred.h>
#include <linux/lsm_hooks.h>
#include <linux/sched/user.h>
#include <linux/securebits.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include "compat/cred.h"
#include "ckpt.h"
#include "ksym.h"
#include "tree_restart.h"

#define CAPS_KNOWN (BIT_ULL(CAP_LAST_CAP + 1) - 1)
#define ID_NONE ((u32)-1)
#define SECURE_KNOWN (SECURE_ALL_BITS | SECURE_ALL_LOCKS)

static void cred_grab(void *ptr)
{
	get_cred(ptr);
}

static void cred_drop(void *ptr)
{
	put_cred(ptr);
}

/* ---- checkpoint ---- */

static int cred_refuse_keys(struct ckpt_ctx *ctx, const struct cred *cred)
{
#ifdef CONFIG_KEYS
	if (cred->thread_keyring || cred->process_keyring)
		return ckpt_refuse(ctx, "credentials",
				   "a keyring of the thread or process");
	if (cred->session_keyring &&
	    cred->session_keyring != current_cred()->session_keyring)
		return ckpt_refuse(ctx, "credentials",
				   "a session keyring other than the checkpointer's");
	if (cred->request_key_auth)
		return ckpt_refuse(ctx, "credentials",
				   "an authority to make a requested key");
	if (cred->jit_keyring)
		return ckpt_refuse(ctx, "credentials",
				   "a default keyring for requested keys");
#endif
	return 0;
}

/* They would stay with the program. */
static int cred_check_restarter(struct ckpt_ctx *ctx)
{
#ifdef CONFIG_KEYS
	const struct cred *cred = current_cred();

	if (cred->thread_keyring || cred->process_keyring ||
	    cred->request_key_auth || cred->jit_keyring)
		return ckpt_fail(ctx, -EBUSY, "caller",
				 "it has keys of its own: a keyring of the thread or process, an authority or a default for requested keys");
#endif
	return 0;
}

static bool cred_landlocked(const struct cred *cred)
{
#ifdef CONFIG_SECURITY_LANDLOCK
	/* The domain is all that Landlock keeps in a cred. */
	if (*KDATA(landlock_initialized))
		return *(void **)(cred->security +
				  KDATA(landlock_blob_sizes)->lbs_cred);
#endif
	return false;
}

static int cred_refuse_labels(struct ckpt_ctx *ctx, const struct cred *cred)
{
	u32 label, own;

	if (cred_landlocked(cred))
		return ckpt_refuse(ctx, "credentials", "a Landlock domain");
	security_task_getsecid_obj(ctx->task, &label);
	security_task_getsecid_obj(current, &own);
	if (label != own)
		return ckpt_refuse(ctx, "credentials",
				   "a security label other than the checkpointer's");
	return 0;
}

static int cred_collect(struct ckpt_ctx *ctx, void *ptr)
{
	const struct cred *cred = ptr;
	int err;

	err = cred_refuse_keys(ctx, cred);
	if (!err)
		err = cred_refuse_labels(ctx, cred);
	if (err)
		return err;
	if (cred->group_info->ngroups > CKPT_GROUPS_MAX)
		return ckpt_refuse(ctx, "credentials", "more than %d groups",
				   CKPT_GROUPS_MAX);
	err = ckpt_obj_collect(ctx, &cred->user_ns->ns, CKPT_OBJ_NS);
	return err < 0 ? err : 0;
}

/**
 * ckpt_cred_same() - whether an image has the same of two tasks' credentials
 * @a: collected, so it has nothing that is refused
 * @b: the same
 *
 * Return: true if so.
 */
bool ckpt_cred_same(const struct cred *a, const struct cred *b)
{
	const struct group_info *ga = a->group_info, *gb = b->group_info;
	int i;

	if (a == b)
		return true;
	if (a->user_ns != b->user_ns || a->securebits != b->securebits ||
	    ga->ngroups != gb->ngroups)
		return false;
	for (i = 0; i < ga->ngroups; i++)
		if (!gid_eq(ga->gid[i], gb->gid[i]))
			return false;
	return uid_eq(a->uid, b->uid) && uid_eq(a->euid, b->euid) &&
	       uid_eq(a->suid, b->suid) && uid_eq(a->fsuid, b->fsuid) &&
	       gid_eq(a->gid, b->gid) && gid_eq(a->egid, b->egid) &&
	       gid_eq(a->sgid, b->sgid) && gid_eq(a->fsgid, b->fsgid) &&
	       !memcmp(&a->cap_inheritable, &b->cap_inheritable,
		       sizeof(kernel_cap_t)) &&
	       !memcmp(&a->cap_permitted, &b->cap_permitted,
		       sizeof(kernel_cap_t)) &&
	       !memcmp(&a->cap_effective, &b->cap_effective,
		       sizeof(kernel_cap_t)) &&
	       !memcmp(&a->cap_bset, &b->cap_bset, sizeof(kernel_cap_t)) &&
	       !memcmp(&a->cap_ambient, &b->cap_ambient, sizeof(kernel_cap_t));
}

/* False if an id has no number in the task's user namespace. */
static bool cred_ids_save(struct ckpt_hdr_cred *rec, const struct cred *cred)
{
	struct user_namespace *ns = cred->user_ns;
	u32 i;

	rec->uid = from_kuid(ns, cred->uid);
	rec->euid = from_kuid(ns, cred->euid);
	rec->suid = from_kuid(ns, cred->suid);
	rec->fsuid = from_kuid(ns, cred->fsuid);
	rec->gid = from_kgid(ns, cred->gid);
	rec->egid = from_kgid(ns, cred->egid);
	rec->sgid = from_kgid(ns, cred->sgid);
	rec->fsgid = from_kgid(ns, cred->fsgid);
	for (i = 0; i < rec->nr_groups; i++) {
		rec->groups[i] = from_kgid(ns, cred->group_info->gid[i]);
		if (rec->groups[i] == ID_NONE)
			return false;
	}
	return rec->uid != ID_NONE && rec->euid != ID_NONE &&
	       rec->suid != ID_NONE && rec->fsuid != ID_NONE &&
	       rec->gid != ID_NONE && rec->egid != ID_NONE &&
	       rec->sgid != ID_NONE && rec->fsgid != ID_NONE;
}

static u64 cap_save(kernel_cap_t cap)
{
	return ckpt_cap_to_u64(cap) & CAPS_KNOWN;
}

static int cred_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	const struct cred *cred = ptr;
	u32 nr = cred->group_info->ngroups;
	struct ckpt_hdr_cred *rec;

	rec = ckpt_out_rec(ctx, CKPT_HDR_CRED, struct_size(rec, groups, nr));
	if (IS_ERR(rec))
		return PTR_ERR(rec);
	rec->objref = objref;
	rec->nr_groups = nr;
	rec->securebits = cred->securebits;
	rec->cap_inheritable = cap_save(cred->cap_inheritable);
	rec->cap_permitted = cap_save(cred->cap_permitted);
	rec->cap_effective = cap_save(cred->cap_effective);
	rec->cap_bset = cap_save(cred->cap_bset);
	rec->cap_ambient = cap_save(cred->cap_ambient);
	if (!cred_ids_save(rec, cred))
		return ckpt_refuse(ctx, "credentials",
				   "an id that its user namespace doesn't map");
	return 0;
}

/* ---- restart: may the caller have these? ---- */

static bool uid_among(kuid_t id, const struct cred *old)
{
	return uid_eq(id, old->uid) || uid_eq(id, old->euid) ||
	       uid_eq(id, old->suid);
}

static bool gid_among(kgid_t id, const struct cred *old)
{
	return gid_eq(id, old->gid) || gid_eq(id, old->egid) ||
	       gid_eq(id, old->sgid);
}

/* setresuid(), setfsuid() */
static bool uids_may(const struct cred *old, const struct cred *new)
{
	if (uid_among(new->uid, old) && uid_among(new->euid, old) &&
	    uid_among(new->suid, old) &&
	    (uid_among(new->fsuid, old) || uid_eq(new->fsuid, old->fsuid)))
		return true;
	return ns_capable_setid(old->user_ns, CAP_SETUID);
}

/* setresgid(), setfsgid() */
static bool gids_may(const struct cred *old, const struct cred *new)
{
	if (gid_among(new->gid, old) && gid_among(new->egid, old) &&
	    gid_among(new->sgid, old) &&
	    (gid_among(new->fsgid, old) || gid_eq(new->fsgid, old->fsgid)))
		return true;
	return ns_capable_setid(old->user_ns, CAP_SETGID);
}

/* setgroups(); both lists are sorted */
static bool groups_may(const struct cred *old, const struct cred *new)
{
	const struct group_info *a = old->group_info, *b = new->group_info;
	int i;

	if (a->ngroups != b->ngroups)
		return K(may_setgroups)();
	for (i = 0; i < a->ngroups; i++)
		if (!gid_eq(a->gid[i], b->gid[i]))
			return K(may_setgroups)();
	return true;
}

/* prctl(PR_SET_SECUREBITS), prctl(PR_SET_KEEPCAPS) */
static bool securebits_may(const struct cred *old, unsigned int bits)
{
	unsigned int changed = old->securebits ^ bits;
	unsigned int locks = old->securebits & SECURE_ALL_LOCKS;

	if (!changed)
		return true;
	if ((bits & ~SECURE_KNOWN) || (changed & (locks >> 1)) ||
	    (locks & ~bits))
		return false;
	return !(changed & ~issecure_mask(SECURE_KEEP_CAPS)) ||
	       ns_capable(old->user_ns, CAP_SETPCAP);
}

static bool has_root(const struct cred *cred)
{
	kuid_t root = make_kuid(cred->user_ns, 0);

	return uid_eq(cred->uid, root) || uid_eq(cred->euid, root) ||
	       uid_eq(cred->suid, root);
}

/* Whether the caller can turn on what @bit stands for. */
static bool securebit_can(const struct cred *old, unsigned int bit, bool free)
{
	if (old->securebits & issecure_mask(bit))
		return true;
	return !(old->securebits & issecure_mask(bit + 1)) &&
	       (free || ns_capable(old->user_ns, CAP_SETPCAP));
}

/*
 * setresuid(): capabilities are lost with user 0, unless the caller keeps them, or
 * has switched that off.  Ambient ones are lost in any case but the latter, and
 * can be raised again.
 */
static bool root_leave_may(const struct cred *old, const struct cred *new,
			   const struct ckpt_hdr_cred *rec)
{
	if (!has_root(old) || has_root(new) ||
	    securebit_can(old, SECURE_NO_SETUID_FIXUP, false))
		return true;
	if (rec->cap_permitted && !securebit_can(old, SECURE_KEEP_CAPS, true))
		return false;
	return !rec->cap_ambient ||
	       !(old->securebits & issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE));
}

/* prctl(PR_CAPBSET_DROP) */
static bool bset_may(const struct cred *old, u64 bset)
{
	u64 have = cap_save(old->cap_bset);

	if (bset & ~have)
		return false;
	return bset == have || ns_capable(old->user_ns, CAP_SETPCAP);
}

/* capset(): the bounding set that counts is the caller's */
static bool inheritable_may(const struct cred *old, u64 inh)
{
	u64 have = cap_save(old->cap_inheritable);

	if (inh & ~(have | cap_save(old->cap_bset)))
		return false;
	return !(inh & ~(have | cap_save(old->cap_permitted))) ||
	       ns_capable(old->user_ns, CAP_SETPCAP);
}

/* prctl(PR_CAP_AMBIENT) */
static bool ambient_may(const struct cred *old, const struct ckpt_hdr_cred *rec)
{
	u64 raised = rec->cap_ambient & ~cap_save(old->cap_ambient);

	if (rec->cap_ambient & ~(rec->cap_permitted & rec->cap_inheritable))
		return false;
	return !raised ||
	       !(old->securebits & issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE));
}

/*
 * Whether the caller could give itself the credentials @rec, whose ids and
 * groups are in @new already.  NULL, or the name of what it may not have.
 */
static const char *cred_may(const struct cred *old, const struct cred *new,
			    const struct ckpt_hdr_cred *rec)
{
	if (!uids_may(old, new))
		return "its user ids need CAP_SETUID";
	if (!gids_may(old, new))
		return "its group ids need CAP_SETGID";
	if (!groups_may(old, new))
		return "its supplementary groups need CAP_SETGID";
	if (!securebits_may(old, rec->securebits))
		return "its securebits are not open to the caller";
	if (!bset_may(old, rec->cap_bset))
		return "its capability bounding set is not open to the caller";
	if (!inheritable_may(old, rec->cap_inheritable))
		return "its inheritable capabilities are not open to the caller";
	if (rec->cap_permitted & ~cap_save(old->cap_permitted))
		return "it has permitted capabilities that the caller lacks";
	if (!root_leave_may(old, new, rec))
		return "its capabilities are lost with user 0, by the caller's securebits";
	if (rec->cap_effective & ~rec->cap_permitted)
		return "its effective capabilities are not all permitted ones";
	if (!ambient_may(old, rec))
		return "its ambient capabilities are not open to the caller";
	return NULL;
}

/* ---- restart: making them ---- */

static bool cred_ids_fill(struct cred *new, const struct ckpt_hdr_cred *rec)
{
	struct user_namespace *ns = new->user_ns;

	new->uid = make_kuid(ns, rec->uid);
	new->euid = make_kuid(ns, rec->euid);
	new->suid = make_kuid(ns, rec->suid);
	new->fsuid = make_kuid(ns, rec->fsuid);
	new->gid = make_kgid(ns, rec->gid);
	new->egid = make_kgid(ns, rec->egid);
	new->sgid = make_kgid(ns, rec->sgid);
	new->fsgid = make_kgid(ns, rec->fsgid);
	return uid_valid(new->uid) && uid_valid(new->euid) &&
	       uid_valid(new->suid) && uid_valid(new->fsuid) &&
	       gid_valid(new->gid) && gid_valid(new->egid) &&
	       gid_valid(new->sgid) && gid_valid(new->fsgid);
}

static int cred_groups_fill(struct ckpt_ctx *ctx, struct cred *new,
			    const struct ckpt_hdr_cred *rec)
{
	struct group_info *groups;
	u32 i;

	if (rec->nr_groups > NGROUPS_MAX ||
	    struct_size(rec, groups, rec->nr_groups) > rec->h.len)
		return ckpt_fail(ctx, -EINVAL, "credentials",
				 "%u groups are too many", rec->nr_groups);
	groups = groups_alloc(rec->nr_groups);
	if (!groups)
		return ckpt_fail(ctx, -ENOMEM, "credentials", "out of memory");
	for (i = 0; i < rec->nr_groups; i++) {
		groups->gid[i] = make_kgid(new->user_ns, rec->groups[i]);
		if (!gid_valid(groups->gid[i])) {
			put_group_info(groups);
			return ckpt_fail(ctx, -EINVAL, "credentials",
					 "group %u is not in the caller's user namespace",
					 rec->groups[i]);
		}
	}
	groups_sort(groups);
	set_groups(new, groups);
	put_group_info(groups);
	return 0;
}

/*
 * What setresuid() does beyond the ids; the security modules are asked before
 * the capabilities are filled in, since they change them with the ids.
 */
static int cred_account(struct cred *new, const struct cred *old)
{
	struct user_struct *user;
	int err;

	if (!uid_eq(new->uid, old->uid)) {
		user = K(alloc_uid)(new->uid);
		if (!user)
			return -EAGAIN;
		free_uid(new->user);
		new->user = user;
	}
	err = K(set_cred_ucounts)(new);
	if (!err)
		err = K(security_task_fix_setuid)(new, old, LSM_SETID_RES);
	if (!err)
		err = K(security_task_fix_setgid)(new, old, LSM_SETID_RES);
	if (!err)
		err = K(security_task_fix_setgroups)(new, old);
	return err;
}

static int cred_caps_fill(struct cred *new, const struct cred *old,
			  const struct ckpt_hdr_cred *rec)
{
	kernel_cap_t eff = ckpt_cap_from_u64(rec->cap_effective);
	kernel_cap_t inh = ckpt_cap_from_u64(rec->cap_inheritable);
	kernel_cap_t per = ckpt_cap_from_u64(rec->cap_permitted);
	int err;

	err = K(security_capset)(new, old, &eff, &inh, &per);
	if (err)
		return err;
	new->cap_bset = ckpt_cap_from_u64(rec->cap_bset);
	new->cap_ambient = ckpt_cap_from_u64(rec->cap_ambient);
	new->securebits = rec->securebits;
	return 0;
}

static int cred_fill(struct ckpt_ctx *ctx, struct cred *new,
		     const struct ckpt_hdr_cred *rec)
{
	const struct cred *old = current_cred();
	const char *why;
	int err;

	if ((rec->cap_inheritable | rec->cap_permitted | rec->cap_effective |
	     rec->cap_bset | rec->cap_ambient) &
	    ~CAPS_KNOWN)
		return ckpt_fail(ctx, -EINVAL, "credentials",
				 "capabilities that this kernel doesn't know");
	if (!cred_ids_fill(new, rec))
		return ckpt_fail(ctx, -EINVAL, "credentials",
				 "an id is not in the caller's user namespace");
	err = cred_groups_fill(ctx, new, rec);
	if (err)
		return err;
	why = cred_may(old, new, rec);
	if (why)
		return ckpt_fail(ctx, -EPERM, "credentials", "%s", why);
	err = cred_account(new, old);
	if (err)
		return ckpt_fail(ctx, err, "credentials",
				 "user %u is refused to the caller", rec->uid);
	err = cred_caps_fill(new, old, rec);
	if (err)
		return ckpt_fail(ctx, err, "credentials",
				 "its capabilities are refused to the caller");
	return 0;
}

/* What is staged is the record: each task asks for itself, in its own name. */
static int cred_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_cred *rec = (const void *)h;
	void *staged = kvmalloc(rec->h.len, GFP_KERNEL_ACCOUNT);
	int err;

	if (!staged)
		return ckpt_fail(ctx, -ENOMEM, "credentials", "out of memory");
	memcpy(staged, rec, rec->h.len);
	err = ckpt_obj_insert(ctx, rec->objref, CKPT_OBJ_CRED, staged);
	if (err)
		kvfree(staged);
	return err;
}

static void cred_unstage(void *ptr)
{
	kvfree(ptr);
}

/**
 * ckpt_cred_prepare() - the credentials that current is to have
 * @ctx: restart, or current's view of it; nothing committed yet
 *
 * They are made when they are first asked for.  Tasks that shared one in the image
 * have one each.
 *
 * Return: them, borrowed from the view, which has them until they are committed;
 * or an error that has been reported.
 */
const struct cred *ckpt_cred_prepare(struct ckpt_ctx *ctx)
{
	const struct ckpt_hdr_cred *rec;
	struct cred *new;
	int err;

	if (ctx->restart->cred)
		return ctx->restart->cred;
	rec = ckpt_obj_fetch(ctx, ctx->restart->task->rec.cred_objref,
			     CKPT_OBJ_CRED);
	if (IS_ERR(rec))
		return ERR_CAST(rec);
	if (current_cred() != current_real_cred())
		return ERR_PTR(ckpt_fail(ctx, -EBUSY, "credentials",
					 "the caller's are overridden"));
	err = cred_check_restarter(ctx);
	if (err)
		return ERR_PTR(err);
	new = prepare_creds();
	if (!new)
		return ERR_PTR(ckpt_fail(ctx, -ENOMEM, "credentials",
					 "out of memory"));
	err = cred_fill(ctx, new, rec);
	if (err) {
		abort_creds(new);
		return ERR_PTR(err);
	}
	ctx->restart->cred = new;
	return new;
}

/**
 * ckpt_cred_forget() - free credentials that were not committed
 * @ctx: restart, or a view of it
 */
void ckpt_cred_forget(struct ckpt_ctx *ctx)
{
	if (ctx->restart->cred)
		abort_creds(ctx->restart->cred);
	ctx->restart->cred = NULL;
}

/**
 * ckpt_cred_commit() - give current the credentials that were made for it
 * @ctx: restart, or current's view of it, committing
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cred_commit(struct ckpt_ctx *ctx)
{
	struct cred *new = ctx->restart->cred;

	if (WARN_ON_ONCE(current_cred() != current_real_cred() ||
			 new->user_ns != current_user_ns()))
		return ckpt_fail(ctx, -EBUSY, "credentials",
				 "the caller's have changed");
	ctx->restart->cred = NULL;
	return commit_creds(new);
}

const struct ckpt_obj_ops ckpt_cred_ops = {
	.name = "credentials",
	.grab = cred_grab,
	.drop = cred_drop,
	.collect = cred_collect,
	.save = cred_save,
	.restore = cred_restore,
	.unstage = cred_unstage,
};
