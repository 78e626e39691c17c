// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hash of shared objects.
 *
 * At a checkpoint it maps the address of a kernel object to its objref, given
 * in order of appearance by the collect step; at a restart it maps an objref
 * to the staged object.  It holds a reference to every object from the moment
 * the object is added until the operation ends, or a restart lets its tasks go,
 * and nothing is removed before: whoever finds an object in it may use it
 * without a reference of his own.
 *
 * Locking: one task works on an operation at a time (its turn), so there is
 * none.
 */
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include "ckpt.h"
#include "ksym.h"

struct ckpt_obj {
	struct rhash_head node;
	struct list_head list;
	unsigned long key; /* checkpoint: address; restart: objref */
	void *ptr;
	enum ckpt_obj_type type;
	int objref;
	unsigned int users;
	bool saved;
	bool marked;
};

static const struct rhashtable_params obj_params = {
	.key_len = sizeof(unsigned long),
	.key_offset = offsetof(struct ckpt_obj, key),
	.head_offset = offsetof(struct ckpt_obj, node),
	.automatic_shrinking = false,
};

static const struct ckpt_obj_ops *const obj_ops[CKPT_OBJ_MAX] = {
#define CKPT_X(NAME, res) [CKPT_OBJ_##NAME] = &ckpt_##res##_ops,
	CKPT_OBJ_TYPES(CKPT_X)
#undef CKPT_X
};

/**
 * ckpt_obj_ops_of() - operations of a type of object
 * @type: type, from the table
 *
 * Return: never NULL for a type of CKPT_OBJ_TYPES.
 */
const struct ckpt_obj_ops *ckpt_obj_ops_of(enum ckpt_obj_type type)
{
	return obj_ops[type];
}

/**
 * ckpt_objhash_init() - make an empty hash
 * @ctx: operation; ckpt_objhash_free() ends its hash
 *
 * Return: 0 or -ENOMEM.
 */
int ckpt_objhash_init(struct ckpt_ctx *ctx)
{
	int err;

	INIT_LIST_HEAD(&ctx->op->objhash.list);
	ctx->op->objhash.next_ref = 1;
	err = rhashtable_init(&ctx->op->objhash.by_key, &obj_params);
	ctx->op->objhash.ready = !err;
	return err;
}

/**
 * ckpt_objhash_settle() - all tasks have what was staged for them
 * @ctx: restart; no task has returned to user space yet
 *
 * A reference that is ours is one that a program could notice: it cannot
 * execute a file that someone else can write to, a set-user-ID program gives
 * it nothing while others seem to share its directories, a pipe has another
 * end.  Files are really closed by the work that current has for its way to user
 * space; that is done here.
 */
void ckpt_objhash_settle(struct ckpt_ctx *ctx)
{
	struct ckpt_obj *obj, *tmp;

	list_for_each_entry(obj, &ctx->op->objhash.list, list)
		if (obj_ops[obj->type]->settle)
			obj_ops[obj->type]->settle(obj->ptr);
	list_for_each_entry_safe_reverse(obj, tmp, &ctx->op->objhash.list,
					 list) {
		if (obj_ops[obj->type]->lasting)
			continue;
		rhashtable_remove_fast(&ctx->op->objhash.by_key, &obj->node,
				       obj_params);
		list_del(&obj->list);
		obj_ops[obj->type]->unstage(obj->ptr);
		kfree(obj);
		cond_resched();
	}
	K(task_work_run)();
}

/**
 * ckpt_objhash_free() - end the hash, and drop every object, last first
 * @ctx: operation
 */
void ckpt_objhash_free(struct ckpt_ctx *ctx)
{
	struct ckpt_obj *obj, *tmp;

	if (!ctx->op->objhash.ready)
		return;
	/* first, as the table may just be growing, which looks at all of them */
	rhashtable_destroy(&ctx->op->objhash.by_key);
	list_for_each_entry_safe_reverse(obj, tmp, &ctx->op->objhash.list,
					 list) {
		if (ctx->restarting)
			obj_ops[obj->type]->unstage(obj->ptr);
		else
			obj_ops[obj->type]->drop(obj->ptr);
		kfree(obj);
		cond_resched();
	}
	ctx->op->objhash.ready = false;
}

static struct ckpt_obj *obj_find(struct ckpt_ctx *ctx, unsigned long key)
{
	return rhashtable_lookup_fast(&ctx->op->objhash.by_key, &key,
				      obj_params);
}

static struct ckpt_obj *obj_add(struct ckpt_ctx *ctx, unsigned long key,
				void *ptr, enum ckpt_obj_type type, int objref)
{
	struct ckpt_obj *obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	int err;

	if (!obj)
		return ERR_PTR(-ENOMEM);
	obj->key = key;
	obj->ptr = ptr;
	obj->type = type;
	obj->objref = objref;
	err = rhashtable_lookup_insert_fast(&ctx->op->objhash.by_key,
					    &obj->node, obj_params);
	if (err) {
		kfree(obj);
		return ERR_PTR(err);
	}
	list_add_tail(&obj->list, &ctx->op->objhash.list);
	return obj;
}

/**
 * ckpt_obj_collect() - note a use of a live object
 * @ctx: checkpoint
 * @ptr: kernel object; a reference is taken when it is met first
 * @type: its type
 *
 * The first meeting numbers the object and runs its @collect, which notes what
 * it uses in turn.
 *
 * Return: objref, or a negative errno that has been reported.
 */
int ckpt_obj_collect(struct ckpt_ctx *ctx, void *ptr, enum ckpt_obj_type type)
{
	const struct ckpt_obj_ops *ops = obj_ops[type];
	struct ckpt_obj *obj = obj_find(ctx, (unsigned long)ptr);
	int err;

	if (obj) {
		if (WARN_ON_ONCE(obj->type != type))
			return ckpt_fail(ctx, -EINVAL, ops->name,
					 "the object has two types");
		obj->users++;
		return obj->objref;
	}
	if (ctx->op->objhash.next_ref == INT_MAX)
		return ckpt_fail(ctx, -E2BIG, ops->name, "too many objects");
	obj = obj_add(ctx, (unsigned long)ptr, ptr, type,
		      ctx->op->objhash.next_ref);
	if (IS_ERR(obj))
		return ckpt_fail(ctx, PTR_ERR(obj), ops->name,
				 "out of memory for the object hash");
	ctx->op->objhash.next_ref++;
	ops->grab(ptr);
	obj->users = 1;
	err = ops->collect ? ops->collect(ctx, ptr) : 0;
	return err < 0 ? err : obj->objref;
}

/**
 * ckpt_obj_save() - make sure that an object is in the image
 * @ctx: checkpoint, collect step over
 * @ptr: kernel object that has been collected
 * @type: its type
 *
 * Return: objref, or a negative errno that has been reported.
 */
int ckpt_obj_save(struct ckpt_ctx *ctx, void *ptr, enum ckpt_obj_type type)
{
	const struct ckpt_obj_ops *ops = obj_ops[type];
	struct ckpt_obj *obj = obj_find(ctx, (unsigned long)ptr);
	int err;

	if (!obj || obj->type != type)
		return ckpt_fail(ctx, -EBUSY, ops->name,
				 "it came into use during the checkpoint: is the task frozen?");
	if (obj->saved)
		return obj->objref;
	obj->saved = true;
	err = ops->save(ctx, ptr, obj->objref);
	return err < 0 ? err : obj->objref;
}

/**
 * ckpt_obj_saved() - whether an object is in the image already
 * @ctx: checkpoint
 * @ptr: kernel object
 *
 * Return: true once ckpt_obj_save() has been called for it.
 */
bool ckpt_obj_saved(struct ckpt_ctx *ctx, const void *ptr)
{
	struct ckpt_obj *obj = obj_find(ctx, (unsigned long)ptr);

	return obj && obj->saved;
}

/**
 * ckpt_obj_ref() - objref of a collected object
 * @ctx: checkpoint
 * @ptr: kernel object or NULL
 *
 * Return: objref, 0 for NULL and for an object that has not been collected.
 */
int ckpt_obj_ref(struct ckpt_ctx *ctx, const void *ptr)
{
	struct ckpt_obj *obj = ptr ? obj_find(ctx, (unsigned long)ptr) : NULL;

	return obj ? obj->objref : 0;
}

/**
 * ckpt_obj_users() - how many uses of an object have been collected
 * @ctx: checkpoint
 * @ptr: kernel object
 *
 * Return: number of uses inside the set of tasks, 0 if it was never met.
 */
unsigned int ckpt_obj_users(struct ckpt_ctx *ctx, const void *ptr)
{
	struct ckpt_obj *obj = obj_find(ctx, (unsigned long)ptr);

	return obj ? obj->users : 0;
}

/**
 * ckpt_obj_mark() - for what is to be done once for an object
 * @ctx: checkpoint
 * @ptr: kernel object
 *
 * Return: true when it is called for it for the first time.
 */
bool ckpt_obj_mark(struct ckpt_ctx *ctx, const void *ptr)
{
	struct ckpt_obj *obj = obj_find(ctx, (unsigned long)ptr);
	bool first = obj && !obj->marked;

	if (obj)
		obj->marked = true;
	return first;
}

/**
 * ckpt_obj_insert() - add a staged object
 * @ctx: restart
 * @objref: its number in the image
 * @type: its type
 * @ptr: staged object; on success the hash owns it and will unstage it
 *
 * Return: 0, or a negative errno that has been reported; then the caller still
 * owns @ptr.
 */
int ckpt_obj_insert(struct ckpt_ctx *ctx, int objref, enum ckpt_obj_type type,
		    void *ptr)
{
	const struct ckpt_obj_ops *ops = obj_ops[type];
	struct ckpt_obj *obj;

	if (objref <= 0)
		return ckpt_fail(ctx, -EINVAL, ops->name, "bad objref %d",
				 objref);
	obj = obj_add(ctx, objref, ptr, type, objref);
	if (!IS_ERR(obj))
		return 0;
	if (PTR_ERR(obj) == -EEXIST)
		return ckpt_fail(ctx, -EINVAL, ops->name,
				 "objref %d stands for two objects", objref);
	return ckpt_fail(ctx, PTR_ERR(obj), ops->name,
			 "out of memory for the object hash");
}

/**
 * ckpt_obj_fetch() - staged object of an objref
 * @ctx: restart
 * @objref: number from the image, not trusted
 * @type: type it must have
 *
 * Return: the staged object, borrowed from the hash, or an ERR_PTR() of an
 * error that has been reported.
 */
void *ckpt_obj_fetch(struct ckpt_ctx *ctx, int objref, enum ckpt_obj_type type)
{
	struct ckpt_obj *obj = objref > 0 ? obj_find(ctx, objref) : NULL;

	if (obj && obj->type == type)
		return obj->ptr;
	return ERR_PTR(ckpt_fail(ctx, -EINVAL, obj_ops[type]->name,
				 "objref %d names no such object", objref));
}
