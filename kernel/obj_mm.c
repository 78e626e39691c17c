// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces.
 *
 * Checkpoint: a copy of the list of areas is taken under the mmap_lock at
 * collect; all else works on the copy.  The contents of private areas follow
 * each area's record (pages.c); those of shared mappings of files are written
 * back and stay in the file.
 *
 * Restart: a new address space is made beside the task's own and put in its
 * place for the time of the restore, so that areas are mapped and filled by
 * what mmap() and page faults use, with the caller's rights and limits.  If
 * the restore fails the old one goes back as if nothing had been; it is given
 * up by the commit.
 *
 * The areas are in mm_area.c; what is refused, in mm_check.c.
 *
 * Lock order: mmap_lock; no file is looked at under it.
 */
#include <linux/binfmts.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <asm/vdso.h>
#include "ckpt.h"
#include "compat/file.h"
#include "compat/mm.h"
#include "ksym.h"
#include "mm.h"
#include "obj_file.h"
#include "pages.h"
#include "tree.h"
#include "tree_restart.h"

/* ---- checkpoint ---- */

/* Fields of a mm_struct that the image has under the same names. */
/* clang-format off */
#define MM_FIELDS(M) \
	M(start_code) M(end_code) M(start_data) M(end_data) \
	M(start_brk) M(brk) M(start_stack) M(arg_start) M(arg_end) \
	M(env_start) M(env_end) M(mmap_base) M(mmap_legacy_base)
/* clang-format on */

static void mm_grab(void *ptr)
{
	mmget(ptr);
}

static void mm_drop(void *ptr)
{
	mmput(ptr);
}

/**
 * ckpt_mm_copy_free() - free the copy of a list of areas
 * @copy: copy, or NULL
 */
void ckpt_mm_copy_free(struct ckpt_mm_copy *copy)
{
	unsigned int i;

	if (!copy)
		return;
	for (i = 0; i < copy->nr; i++)
		if (copy->area[i].held)
			fput(copy->area[i].file);
	kvfree(copy);
}

/* -EBUSY: areas are added meanwhile. */
static struct ckpt_mm_copy *mm_copy(struct mm_struct *mm)
{
	unsigned int max = READ_ONCE(mm->map_count);
	struct vm_area_struct *vma;
	struct ckpt_mm_copy *copy;
	bool more = false;

	copy = kvzalloc(struct_size(copy, area, max), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	copy->mm = mm;
	if (mmap_read_lock_killable(mm)) {
		kvfree(copy);
		return ERR_PTR(-EINTR);
	}
	{
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			more = copy->nr == max;
			if (more)
				break;
			ckpt_area_copy(&copy->area[copy->nr++], vma);
		}
	}
	mmap_read_unlock(mm);
	if (!more)
		return copy;
	ckpt_mm_copy_free(copy);
	return ERR_PTR(-EBUSY);
}

static int copy_failed(struct ckpt_ctx *ctx, int err)
{
	switch (err) {
	case -EBUSY:
		return ckpt_fail(ctx, err, "memory",
				 "someone thawed the task: it maps memory");
	case -EINTR:
		return ckpt_fail(ctx, err, "memory", "interrupted");
	default:
		return ckpt_fail(ctx, err, "memory",
				 "out of memory for the list of areas");
	}
}

/* The vdso must stand as one piece, the data in front of the text. */
static int check_vdso(struct ckpt_ctx *ctx, struct ckpt_mm_copy *copy)
{
	unsigned long size = 0, want;
	unsigned int i;

	for (i = 0; i < copy->nr; i++)
		if (copy->area[i].kind == CKPT_VMA_VDSO ||
		    copy->area[i].kind == CKPT_VMA_VVAR)
			size += copy->area[i].end - copy->area[i].start;
	want = KDATA(vdso_image_64)->size -
	       KDATA(vdso_image_64)->sym_vvar_start;
	if (size && size != want)
		return ckpt_refuse(ctx, "memory", "%s",
				   "a vdso that is not in one piece");
	return 0;
}

static int mm_collect(struct ckpt_ctx *ctx, void *ptr)
{
	struct mm_struct *mm = ptr;
	struct ckpt_mm_copy *copy;
	struct file *exe;
	unsigned int i;
	int err;

	err = ckpt_mm_check(ctx, mm);
	if (err)
		return err;
	copy = mm_copy(mm);
	if (IS_ERR(copy))
		return copy_failed(ctx, PTR_ERR(copy));
	ctx->at->mm_copy = copy;
	for (i = 0; i < copy->nr; i++) {
		struct ckpt_mm_area *area = &copy->area[i];

		err = ckpt_area_kind(ctx, mm, area);
		if (err < 0)
			return err;
		area->kind = err;
		if (!area->file || area->special)
			continue;
		err = ckpt_obj_collect(ctx, area->file, CKPT_OBJ_FILE);
		if (err < 0)
			return err;
		fput(area->file); /* it would count as one more user */
		area->held = false;
	}
	exe = K(get_mm_exe_file)(mm);
	if (!exe)
		return ckpt_refuse(ctx, "memory", "%s", "a missing exe link");
	err = ckpt_obj_collect(ctx, exe, CKPT_OBJ_FILE);
	fput(exe);
	return err < 0 ? err : check_vdso(ctx, copy);
}

static u32 mm_flags_save(const struct mm_struct *mm)
{
	u32 flags = mm->flags & MMF_DUMPABLE_MASK;

	if (test_bit(MMF_DISABLE_THP, &mm->flags))
		flags |= CKPT_MM_THP_DISABLE;
	if (mm->def_flags & VM_LOCKED)
		flags |= CKPT_MM_LOCK_FUTURE;
	if (mm->def_flags & VM_LOCKONFAULT)
		flags |= CKPT_MM_LOCK_ONFAULT;
	if (ckpt_mm_topdown(mm))
		flags |= CKPT_MM_TOPDOWN;
	return flags | ckpt_membarrier_save(mm);
}

static unsigned int auxv_words(const struct mm_struct *mm)
{
	unsigned int n = 0;

	while (n + 2 <= ARRAY_SIZE(mm->saved_auxv) && mm->saved_auxv[n])
		n += 2;
	return n;
}

static void mm_fields_save(struct ckpt_hdr_mm *h, struct mm_struct *mm)
{
	unsigned int i;

#define M(field) h->field = mm->field;
	MM_FIELDS(M)
#undef M
	h->vdso = (unsigned long)mm->context.vdso;
	h->hiwater_rss = get_mm_hiwater_rss(mm);
	h->hiwater_vm = get_mm_hiwater_vm(mm);
	ckpt_pkeys_save(h, mm);
	h->dump_filter = (mm->flags & MMF_DUMP_FILTER_MASK) >>
			 MMF_DUMP_FILTER_SHIFT;
	for (i = 0; i < h->nr_auxv; i++)
		h->auxv[i] = mm->saved_auxv[i];
}

static int mm_files_save(struct ckpt_ctx *ctx, struct ckpt_mm_copy *copy,
			 struct file *exe)
{
	unsigned int i;
	int err;

	for (i = 0; i < copy->nr; i++) {
		struct ckpt_mm_area *area = &copy->area[i];

		if (!area->file || area->special)
			continue;
		err = ckpt_obj_save(ctx, area->file, CKPT_OBJ_FILE);
		if (err >= 0 && ckpt_file_is_shmem(area->file))
			err = ckpt_file_check_shared(ctx, area->file,
						     "mapped memory");
		if (err < 0)
			return err;
		err = ckpt_area_write_back(ctx, area);
		if (err)
			return err;
	}
	return ckpt_obj_save(ctx, exe, CKPT_OBJ_FILE);
}

/* Processes that work in an address space. */
static unsigned int mm_processes(const struct mm_struct *mm)
{
	struct task_struct *p, *t;
	unsigned int nr = 0;

	rcu_read_lock();
	for_each_process(p) {
		if (p->flags & PF_KTHREAD)
			continue;
		for_each_thread(p, t) {
			if (!READ_ONCE(t->mm))
				continue; /* it has exited */
			nr += READ_ONCE(t->mm) == mm;
			break;
		}
	}
	rcu_read_unlock();
	return nr;
}

/* Readers of /proc hold it for a moment: only processes count. */
static bool mm_is_shared(struct ckpt_ctx *ctx, const struct mm_struct *mm,
			 unsigned int *inside, unsigned int *users)
{
	u32 i;

	*inside = 0;
	if (atomic_read(&mm->mm_users) <= (int)ckpt_obj_users(ctx, mm) + 1)
		return false;
	*users = mm_processes(mm);
	for (i = 0; i < ctx->nr_tasks; i++) {
		const struct ckpt_tree_entry *e = &ctx->tree[i];

		/* one of its threads that live is the first */
		if (e->objs[CKPT_OBJ_MM] == mm && ckpt_tree_first_of(ctx, i))
			++*inside;
	}
	return *users > *inside;
}

/**
 * ckpt_mm_shared() - whether processes outside of the tree work in it, too
 * @ctx: checkpoint, all tasks collected
 * @mm: address space of the tree
 *
 * Return: true if there are any.
 */
bool ckpt_mm_shared(struct ckpt_ctx *ctx, const struct mm_struct *mm)
{
	unsigned int inside, users;

	return mm_is_shared(ctx, mm, &inside, &users);
}

static int mm_check_shared(struct ckpt_ctx *ctx, struct mm_struct *mm)
{
	unsigned int inside, users;

	if (!mm_is_shared(ctx, mm, &inside, &users))
		return 0;
	return ckpt_leak(ctx, "memory (CLONE_VM)", inside, users);
}

static int mm_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct ckpt_mm_copy *copy = ctx->at->mm_copy;
	struct mm_struct *mm = ptr;
	struct ckpt_hdr_mm *h;
	unsigned int i, nr_auxv = auxv_words(mm);
	struct file *exe;
	int err, exe_objref;

	if (WARN_ON_ONCE(!copy || copy->mm != mm))
		return -EINVAL;
	err = mm_check_shared(ctx, mm);
	if (err)
		return err;
	exe = K(get_mm_exe_file)(mm);
	if (!exe)
		return ckpt_fail(ctx, -EBUSY, "memory", "the exe link is gone");
	err = mm_files_save(ctx, copy, exe);
	fput(exe);
	if (err < 0)
		return err;
	exe_objref = err;
	h = ckpt_out_rec(ctx, CKPT_HDR_MM, struct_size(h, auxv, nr_auxv));
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->objref = objref;
	h->flags = mm_flags_save(mm);
	h->nr_vmas = copy->nr;
	h->exe_objref = exe_objref;
	h->nr_auxv = nr_auxv;
	mm_fields_save(h, mm);
	for (i = 0; i < copy->nr; i++) {
		err = ckpt_area_save(ctx, &copy->area[i], mm, objref);
		if (err)
			return err;
	}
	return 0;
}

/* ---- restart ---- */

/* A new address space, held, and what is set in it last. */
struct staged_mm {
	struct mm_struct *mm;
	u32 flags;
	u32 dump_filter;
};

static void mm_unstage(void *ptr)
{
	struct staged_mm *staged = ptr;

	if (staged->mm)
		mmput(staged->mm);
	kfree(staged);
}

static int exe_restore(struct ckpt_ctx *ctx, struct mm_struct *mm, int objref)
{
	struct ckpt_staged_file *sf;
	struct file *exe;
	int err;

	sf = ckpt_file_stage(ctx, objref, "executable");
	if (IS_ERR(sf))
		return PTR_ERR(sf);
	exe = sf->file;
	err = ckpt_shmem_check_handle(ctx, sf, "executable");
	if (!err)
		err = ckpt_file_check_unchanged(ctx, objref);
	if (err)
		return err;
	if (!S_ISREG(file_inode(exe)->i_mode) ||
	    (exe->f_path.mnt->mnt_flags & MNT_NOEXEC) ||
	    (exe->f_path.mnt->mnt_sb->s_iflags & SB_I_NOEXEC) ||
	    ckpt_path_permission(&exe->f_path, MAY_EXEC))
		return ckpt_fail(ctx, -EACCES, "executable",
				 "you may not execute the program's file");
	err = K(replace_mm_exe_file)(mm, exe);
	if (err)
		return ckpt_fail(ctx, err, "executable",
				 "it is open for writing");
	return 0;
}

static int mm_fields_restore(struct ckpt_ctx *ctx, struct mm_struct *mm,
			     const struct ckpt_hdr_mm *h)
{
	unsigned int i, max = ARRAY_SIZE(mm->saved_auxv) - 2;

	for (i = max; i < h->nr_auxv; i++)
		if (h->auxv[i])
			return ckpt_fail(ctx, -EINVAL, "memory",
					 "an auxiliary vector of %u words",
					 h->nr_auxv);
	mmap_write_lock(mm);
	spin_lock(&mm->arg_lock);
#define M(field) mm->field = h->field;
	MM_FIELDS(M)
#undef M
	spin_unlock(&mm->arg_lock);
	for (i = 0; i < h->nr_auxv && i < max; i++)
		mm->saved_auxv[i] = h->auxv[i];
	mm->hiwater_rss = h->hiwater_rss;
	mm->hiwater_vm = h->hiwater_vm;
	ckpt_mm_set_topdown(mm, h->flags & CKPT_MM_TOPDOWN);
	mmap_write_unlock(mm);
	return 0;
}

/*
 * A new, empty address space becomes current's; the old one is kept aside.
 * Who can see current's memory could now watch the program's come in: it is
 * undumpable from the start if the program was.
 */
static struct mm_struct *mm_begin(struct ckpt_ctx *ctx, u32 flags)
{
	struct mm_struct *mm = K(mm_alloc)();
	struct rlimit stack;

	if (!mm)
		return NULL;
	mm->def_flags = 0;
	mm->flags &= ~CKPT_MMF_NOT_KEPT;
	/* who writes its cores: both are 64-bit programs */
	mm->binfmt = current->mm->binfmt;
	if (mm->binfmt)
		__module_get(mm->binfmt->module);
	if ((flags & CKPT_MM_DUMPABLE_MASK) != SUID_DUMP_USER)
		mm->flags &= ~MMF_DUMPABLE_MASK;
	mm->task_size = TASK_SIZE;
	ckpt_mm_set_vsyscall(mm);
	task_lock(current->group_leader);
	stack = current->signal->rlim[RLIMIT_STACK];
	task_unlock(current->group_leader);
	K(arch_pick_mmap_layout)(mm, &stack);
	ctx->restart->old_mm = current->mm;
	ctx->restart->old_pkru = ckpt_pkeys_rights();
	mmget(mm); /* current's own; the other is the staged object's */
	ckpt_mm_switch(ctx->restart->old_mm, mm, true);
	return mm;
}

/**
 * ckpt_mm_rollback() - give current its old address space back
 * @ctx: restart that has failed
 *
 * Context: the restarting task; does nothing if it has its own already.
 */
void ckpt_mm_rollback(struct ckpt_ctx *ctx)
{
	struct mm_struct *mm = current->mm, *old = ctx->restart->old_mm;

	if (!old)
		return;
	ckpt_mm_switch(mm, old, false);
	ckpt_pkeys_set_rights(ctx->restart->old_pkru);
	ctx->restart->old_mm = NULL;
	/* the operation keeps it for a while, maybe for longer than we live */
	K(mm_update_next_owner)(mm);
	mmput(mm);
}

static int mm_fill(struct ckpt_ctx *ctx, struct mm_struct *mm,
		   const struct ckpt_hdr_mm *h)
{
	unsigned int i;
	int err;

	ckpt_pkeys_set(mm, h);
	for (i = 0; i < h->nr_vmas; i++) {
		err = ckpt_area_restore(ctx, mm, h);
		if (err)
			return err;
	}
	ckpt_pkeys_set(mm, h);
	err = exe_restore(ctx, mm, h->exe_objref);
	if (err)
		return err;
	return mm_fields_restore(ctx, mm, h);
}

/* What the caller could not give itself by mlockall() and prctl(). */
static int mm_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_mm *h)
{
	u32 flags = h->flags, dumpable = flags & CKPT_MM_DUMPABLE_MASK;

	if ((flags & CKPT_MM_LOCK_FUTURE) && !can_do_mlock())
		return ckpt_fail(ctx, -EPERM, "memory",
				 "mlockall(MCL_FUTURE) needs RLIMIT_MEMLOCK or CAP_IPC_LOCK");
	if (flags & CKPT_MM_MDWE)
		return ckpt_refuse(ctx, "memory", "%s",
				   "memory-deny-write-execute (PR_SET_MDWE)");
	/* prctl() does not take it: it makes core dumps that root writes */
	if (dumpable == SUID_DUMP_ROOT &&
	    get_dumpable(current->mm) != SUID_DUMP_ROOT &&
	    !capable(CAP_SYS_ADMIN))
		return ckpt_fail(ctx, -EPERM, "memory",
				 "core dumps for root alone (dumpable 2) need CAP_SYS_ADMIN");
	return ckpt_pkeys_check(ctx, h);
}

static int mm_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	struct staged_mm *staged;
	struct ckpt_hdr_mm *h;
	int err;

	if (ctx->restart->old_mm)
		return ckpt_fail(ctx, -EINVAL, "memory",
				 "a second address space");
	if (!ckpt_tree_owns(ctx, CKPT_OBJ_MM))
		return ckpt_fail(ctx, -EINVAL, "memory",
				 "one that an earlier task has");
	err = mm_check(ctx, (const struct ckpt_hdr_mm *)rec);
	if (err)
		return err;
	h = kmemdup(rec, rec->len, GFP_KERNEL);
	staged = kzalloc(sizeof(*staged), GFP_KERNEL);
	if (!h || !staged) {
		err = ckpt_fail(ctx, -ENOMEM, "memory", "out of memory");
		goto out;
	}
	staged->flags = h->flags;
	staged->dump_filter = h->dump_filter;
	staged->mm = mm_begin(ctx, h->flags);
	if (!staged->mm) {
		err = ckpt_fail(ctx, -ENOMEM, "memory",
				"out of memory for an address space");
		goto out;
	}
	err = ckpt_obj_insert(ctx, h->objref, CKPT_OBJ_MM, staged);
	if (err) {
		mmput(staged->mm);
		goto out;
	}
	err = mm_fill(ctx, staged->mm, h);
	staged = NULL;
out:
	kfree(staged);
	kfree(h);
	return err;
}

/**
 * ckpt_mm_enter() - work in a staged address space
 * @ctx: restart, the task's records read
 * @ptr: staged address space
 *
 * Its owner does so since it has made it.  ckpt_mm_rollback() leads back.
 *
 * Context: the restarting task.
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_mm_enter(struct ckpt_ctx *ctx, void *ptr)
{
	struct mm_struct *mm = ((struct staged_mm *)ptr)->mm;

	if (current->mm == mm)
		return 0;
	if (ctx->restart->old_mm)
		return ckpt_fail(ctx, -EINVAL, "memory",
				 "a second address space");
	mmget(mm);
	ctx->restart->old_mm = current->mm;
	ctx->restart->old_pkru = ckpt_pkeys_rights();
	ckpt_mm_switch(ctx->restart->old_mm, mm, false);
	return 0;
}

/**
 * ckpt_mm_commit() - give up the task's old address space
 * @ctx: restart
 * @staged: the new one, which is in use already
 *
 * The point of no return.  What user space knows of the task by address (robust
 * list, the tid to clear, rseq) lay in the old one and is forgotten.
 *
 * No lock is held meanwhile, as in execve(): to write to the old memory can
 * take as long as its owner (FUSE, userfaultfd) likes.  exec_update_lock has
 * nothing to protect: the credentials do not change with the address space.
 *
 * Return: 0, or -EINTR that has been reported; then nothing has changed.
 */
int ckpt_mm_commit(struct ckpt_ctx *ctx, void *staged)
{
	struct mm_struct *mm = current->mm, *old = ctx->restart->old_mm;
	struct task_struct *t = current;

	if (!old || mm != ((struct staged_mm *)staged)->mm)
		return ckpt_fail(ctx, -EINVAL, "memory", "no address space");
	if (fatal_signal_pending(t))
		return ckpt_fail(ctx, -EINTR, "memory", "interrupted");
	/* the old memory's last rites happen in the old memory */
	ckpt_mm_switch(mm, old, false);
	K(exec_mm_release)(t, old);
	t->rseq = NULL;
	t->rseq_sig = 0;
	t->rseq_event_mask = 0;
	ckpt_mm_switch(old, mm, false);
	ctx->restart->old_mm = NULL;
	setmax_mm_hiwater_rss(&t->signal->maxrss, old);
	K(mm_update_next_owner)(old);
	mmput(old);
	return 0;
}

/**
 * ckpt_mm_commit_flags() - set what would have been in the way until now
 * @ctx: restart, in its last steps
 * @ptr: staged address space
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_mm_commit_flags(struct ckpt_ctx *ctx, void *ptr)
{
	return ckpt_membarrier_commit(ctx, ((struct staged_mm *)ptr)->flags);
}

/*
 * When all who work in it have the credentials of the image: a task whose
 * credentials change makes its address space undumpable.
 */
static void mm_settle(void *ptr)
{
	const struct staged_mm *staged = ptr;
	struct mm_struct *mm = staged->mm;
	unsigned long def = 0;

	if (staged->flags & CKPT_MM_LOCK_FUTURE)
		def |= VM_LOCKED;
	if (staged->flags & CKPT_MM_LOCK_ONFAULT)
		def |= VM_LOCKONFAULT;
	mmap_write_lock(mm);
	mm->def_flags = def;
	mmap_write_unlock(mm);
	if (staged->flags & CKPT_MM_THP_DISABLE)
		set_bit(MMF_DISABLE_THP, &mm->flags);
	set_mask_bits(&mm->flags, MMF_DUMPABLE_MASK | MMF_DUMP_FILTER_MASK,
		      (staged->flags & CKPT_MM_DUMPABLE_MASK) |
			      ((unsigned long)staged->dump_filter
				       << MMF_DUMP_FILTER_SHIFT &
			       MMF_DUMP_FILTER_MASK));
}

const struct ckpt_obj_ops ckpt_mm_ops = {
	.name = "memory",
	.grab = mm_grab,
	.drop = mm_drop,
	.collect = mm_collect,
	.save = mm_save,
	.restore = mm_restore,
	.settle = mm_settle,
	.unstage = mm_unstage,
};
