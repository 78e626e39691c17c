// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory without a name: what MAP_SHARED | MAP_ANONYMOUS makes (or
 * MAP_SHARED of /dev/zero), and memfds.
 *
 * Captured: size, contents, seals, owner and mode, the memfd's name, whether
 * its pages were reserved.  The open files and the mappings are FILEs and areas
 * as those of any file; all of them name the one SHMEM.  Its contents are
 * copied while the tasks are frozen; who has it open outside of them goes on
 * with the old one.
 *
 * Not kept: its inode number and times; whether a page of zeros was a hole
 * (all of them are holes afterwards), or lay in a huge page.
 *
 * Refused: SysV shared memory and drivers' objects, which also live there;
 * extended attributes, inode flags, NUMA policies, pages that are locked
 * (SHM_LOCK); at restart, a size beyond RLIMIT_FSIZE, an executable memfd
 * where vm.memfd_noexec forbids them.
 *
 * Locking: none of its own.  Seals of a staged object change without a lock:
 * nobody else has it.
 */
#include <linux/dcache.h>
#include <linux/delay.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mman.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include "compat/file.h"
#include "compat/shmem.h"
#include "ksym.h"
#include "obj_file.h"
#include "pages.h"
#include "tree.h"

#define LOOKS 5 /* before it counts as opened outside */
#define LOOK_PAUSE_US 50
#define MEMFD "memfd:"
#define ZERO "dev/zero"

/* ---- checkpoint ---- */

/* The live object is the dentry, which all open files of it share. */
static int shmem_kind(const struct dentry *dentry)
{
	const struct inode *inode = d_inode(dentry);
	const char *name = dentry->d_name.name;

	if (!(inode->i_sb->s_flags & SB_KERNMOUNT) ||
	    inode->i_sb->s_magic != TMPFS_MAGIC || inode->i_nlink)
		return 0;
	if (strstarts(name, MEMFD))
		return CKPT_SHMEM_MEMFD;
	if (!strcmp(name, ZERO) && IS_PRIVATE(inode))
		return CKPT_SHMEM_ANON;
	return 0;
}

/**
 * ckpt_file_is_shmem() - is this shared memory that an image can hold?
 * @file: open or mapped file
 *
 * Return: true for a memfd and for shared anonymous memory.
 */
bool ckpt_file_is_shmem(const struct file *file)
{
	return file->f_op == KDATA(shmem_file_operations) &&
	       shmem_kind(ckpt_file_path(file)->dentry);
}

static void shmem_grab(void *ptr)
{
	dget(ptr);
}

static void shmem_drop(void *ptr)
{
	dput(ptr);
}

/* What is odd about it, or NULL. */
static const char *shmem_odd(struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);
	const struct shmem_inode_info *info = SHMEM_I(inode);

	if (i_size_read(inode) > CKPT_ADDR_END)
		return "larger than an address space";
	if (info->flags & ~VM_NORESERVE)
		return "locked in memory";
	if (info->fsflags)
		return "with inode flags (chattr)";
#ifdef CONFIG_NUMA
	if (!RB_EMPTY_ROOT(&info->policy.root))
		return "with a NUMA policy";
#endif
	if (inode->i_op->listxattr &&
	    inode->i_op->listxattr(dentry, NULL, 0) > 0)
		return "with extended attributes";
	return NULL;
}

static int shmem_collect(struct ckpt_ctx *ctx, void *ptr)
{
	struct dentry *dentry = ptr;
	const char *odd = shmem_odd(dentry);

	if (odd)
		return ckpt_refuse(ctx, "shared memory", "/%s, %s,",
				   dentry->d_name.name, odd);
	return 0;
}

/* Who has opened it once more: the open files themselves are leak.c's. */
static int shmem_check_shared(struct ckpt_ctx *ctx, struct dentry *dentry)
{
	unsigned int inside = ckpt_obj_users(ctx, dentry), users;
	char what[64];
	int look;

	for (look = 0; look < LOOKS; look++) {
		if (look)
			usleep_range(LOOK_PAUSE_US, 2 * LOOK_PAUSE_US);
		users = d_count(dentry) - 1; /* one is the objhash's */
		if (users <= inside)
			return 0;
	}
	snprintf(what, sizeof(what), "shared memory (/%.32s)",
		 dentry->d_name.name);
	return ckpt_leak(ctx, what, inside, users);
}

static int shmem_save(struct ckpt_ctx *ctx, void *ptr, int objref)
{
	struct dentry *dentry = ptr;
	const struct inode *inode = d_inode(dentry);
	const struct shmem_inode_info *info = SHMEM_I(d_inode(dentry));
	struct user_namespace *ns = current_user_ns();
	int kind = shmem_kind(dentry);
	struct ckpt_hdr_shmem *h;
	const char *name = "";
	int err = shmem_check_shared(ctx, dentry);

	if (err)
		return err;
	if (kind == CKPT_SHMEM_MEMFD)
		name = dentry->d_name.name + strlen(MEMFD);
	h = ckpt_out_rec(ctx, CKPT_HDR_SHMEM, sizeof(*h) + strlen(name) + 1);
	if (IS_ERR(h))
		return PTR_ERR(h);
	h->objref = objref;
	h->kind = kind;
	h->size = i_size_read(inode);
	if (info->flags & VM_NORESERVE)
		h->flags = CKPT_SHMEM_NORESERVE;
	h->seals = info->seals;
	h->i_mode = inode->i_mode;
	h->uid = from_kuid_munged(ns, inode->i_uid);
	h->gid = from_kgid_munged(ns, inode->i_gid);
	h->name_len = strlen(name) + 1;
	memcpy(h->name, name, h->name_len);
	return ckpt_out_shmem(ctx, inode->i_mapping, h->size, objref);
}

/**
 * ckpt_shmem_collect_file() - note an open or mapped file of shared memory
 * @ctx: checkpoint
 * @file: ckpt_file_is_shmem() holds
 *
 * Return: 0 or a negative errno that has been reported.
 */
int ckpt_shmem_collect_file(struct ckpt_ctx *ctx, struct file *file)
{
	int ret = ckpt_obj_collect(ctx, ckpt_file_path(file)->dentry,
				   CKPT_OBJ_SHMEM);

	return ret < 0 ? ret : 0;
}

/**
 * ckpt_shmem_save_file() - save the shared memory behind a file
 * @ctx: checkpoint
 * @file: collected
 *
 * Return: its objref, or a negative errno that has been reported.
 */
int ckpt_shmem_save_file(struct ckpt_ctx *ctx, struct file *file)
{
	return ckpt_obj_save(ctx, ckpt_file_path(file)->dentry, CKPT_OBJ_SHMEM);
}

/* ---- restart ---- */

/*
 * @file: that came with it; only this one does not count as a writer, so that
 *	execve() takes a memfd
 * @taken: a FILE has it
 * @anon: it is no memfd
 */
struct staged_shmem {
	struct file *file;
	bool anon;
	bool taken;
	u32 seals;
};

static void shmem_unstage(void *ptr)
{
	struct staged_shmem *ss = ptr;

	if (ss->file)
		fput(ss->file);
	kfree(ss);
}

/* What the caller could not make himself. */
static int shmem_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_shmem *h)
{
	if (h->kind != CKPT_SHMEM_MEMFD)
		return 0;
	if (h->size > rlimit(RLIMIT_FSIZE))
		return ckpt_fail(ctx, -EFBIG, "shared memory",
				 "memfd %s: %llu bytes are more than the caller's files may have (ulimit -f)",
				 h->name, h->size);
	if ((!(h->seals & F_SEAL_EXEC) || (h->i_mode & 0111)) &&
	    !ckpt_memfd_may_exec())
		return ckpt_fail(ctx, -EACCES, "shared memory",
				 "memfd %s can be executed, which vm.memfd_noexec forbids",
				 h->name);
	return 0;
}

static struct file *shmem_make(const struct ckpt_hdr_shmem *h)
{
	unsigned long flags = h->flags & CKPT_SHMEM_NORESERVE ? VM_NORESERVE :
								0;
	char name[sizeof(MEMFD) + CKPT_SHMEM_NAME_MAX];
	struct file *file;

	if (h->kind == CKPT_SHMEM_ANON)
		return K(shmem_kernel_file_setup)(ZERO, h->size, flags);
	snprintf(name, sizeof(name), MEMFD "%s", h->name);
	file = shmem_file_setup(name, h->size, VM_NORESERVE);
	if (IS_ERR(file))
		return file;
	/* as memfd_create() does */
	file->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= O_LARGEFILE;
	return file;
}

static int shmem_fill(struct ckpt_ctx *ctx, struct file *file)
{
	const struct ckpt_hdr *rec;
	int ret;

	while ((ret = ckpt_in_peek(ctx)) == CKPT_HDR_PGARR) {
		rec = ckpt_in_rec(ctx);
		if (IS_ERR(rec))
			return PTR_ERR(rec);
		ret = ckpt_pages_fill_shmem(ctx, file->f_mapping,
					    (const void *)rec);
		if (ret)
			return ret;
		cond_resched();
	}
	return ret < 0 ? ret : ckpt_pages_fill_end(ctx);
}

static int shmem_set_owner(struct ckpt_ctx *ctx, struct file *file, u32 uid,
			   u32 gid, u32 mode)
{
	const struct inode *inode = file_inode(file);
	struct user_namespace *ns = current_user_ns();
	int err = 0;

	if (uid != from_kuid_munged(ns, inode->i_uid) ||
	    gid != from_kgid_munged(ns, inode->i_gid))
		err = K(vfs_fchown)(file, uid, gid);
	if (!err && mode != inode->i_mode)
		err = K(vfs_fchmod)(file, mode & S_IALLUGO);
	if (!err)
		return 0;
	return ckpt_fail(ctx, err, "shared memory",
			 "you may not give it to user %u, group %u (mode %o)",
			 uid, gid, mode & S_IALLUGO);
}

/* With what the kernel asks for when it adds seals; most of them hold at once. */
static int shmem_seal(struct ckpt_ctx *ctx, const struct staged_shmem *ss)
{
	long err;

	if (ss->seals == F_SEAL_SEAL)
		return 0;
	SHMEM_I(file_inode(ss->file))->seals = 0;
	err = K(memfd_fcntl)(ss->file, F_ADD_SEALS, ss->seals);
	if (err)
		return ckpt_fail(ctx, err, "shared memory",
				 "this kernel cannot give it the seals %#x",
				 ss->seals);
	if (SHMEM_I(file_inode(ss->file))->seals != ss->seals)
		return ckpt_fail(ctx, -EINVAL, "shared memory",
				 "seals %#x without those that they imply",
				 ss->seals);
	return 0;
}

static int shmem_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_shmem *h = (const void *)rec;
	u32 uid = h->uid, gid = h->gid, mode = h->i_mode;
	int objref = h->objref, err;
	struct staged_shmem *ss;

	err = shmem_check(ctx, h);
	if (err)
		return err;
	ss = kzalloc(sizeof(*ss), GFP_KERNEL_ACCOUNT);
	if (!ss)
		return ckpt_fail(ctx, -ENOMEM, "shared memory",
				 "out of memory");
	ss->seals = h->seals;
	ss->anon = h->kind == CKPT_SHMEM_ANON;
	ss->file = shmem_make(h);
	if (IS_ERR(ss->file)) {
		err = ckpt_fail(ctx, PTR_ERR(ss->file), "shared memory",
				"cannot make %llu bytes of it", h->size);
		ss->file = NULL;
	}
	if (!err)
		err = shmem_fill(ctx, ss->file);
	if (!err)
		err = shmem_set_owner(ctx, ss->file, uid, gid, mode);
	if (!err)
		err = shmem_seal(ctx, ss);
	if (!err)
		err = ckpt_obj_insert(ctx, objref, CKPT_OBJ_SHMEM, ss);
	if (err)
		shmem_unstage(ss);
	return err;
}

static int shmem_take_made(struct ckpt_ctx *ctx, struct staged_shmem *ss,
			   const char *who)
{
	if (ss->taken)
		return ckpt_fail(ctx, -EINVAL, who,
				 "two files that came with one memfd");
	ss->taken = true;
	return 0;
}

/**
 * ckpt_shmem_open() - an open file of staged shared memory, for its FILE
 * @ctx: restart
 * @objref: of the SHMEM, not trusted
 * @flags: to open it with
 * @made: it is the one that came with the memory
 * @who: "fd 3", for messages
 *
 * Return: open file, the caller's from now on, or an ERR_PTR() of an error
 * that has been reported.
 */
struct file *ckpt_shmem_open(struct ckpt_ctx *ctx, int objref, u32 flags,
			     bool made, const char *who)
{
	struct staged_shmem *ss = ckpt_obj_fetch(ctx, objref, CKPT_OBJ_SHMEM);
	struct file *file;
	int err;

	if (IS_ERR(ss))
		return ERR_CAST(ss);
	if (made) {
		err = shmem_take_made(ctx, ss, who);
		return err ? ERR_PTR(err) : get_file(ss->file);
	}
	file = dentry_open(&ss->file->f_path, flags, current_cred());
	if (!IS_ERR(file))
		return file;
	return ERR_PTR(ckpt_fail(ctx, PTR_ERR(file), who,
				 "shared memory cannot be opened again"));
}

/**
 * ckpt_shmem_check_handle() - may the caller have it by more than an area?
 * @ctx: restart
 * @sf: staged FILE of any kind, for a descriptor or the exe link
 * @who: "fd 3", for messages
 *
 * Shared anonymous memory has no descriptor but what /proc/PID/map_files gives,
 * which asks for this; by one it could be executed, whatever vm.memfd_noexec says.
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_shmem_check_handle(struct ckpt_ctx *ctx,
			    const struct ckpt_staged_file *sf, const char *who)
{
	const struct staged_shmem *ss;

	if (sf->rec.kind != CKPT_FILE_SHMEM)
		return 0;
	ss = ckpt_obj_fetch(ctx, sf->rec.obj_objref, CKPT_OBJ_SHMEM);
	if (IS_ERR(ss))
		return PTR_ERR(ss);
	if (!ss->anon || checkpoint_restore_ns_capable(&init_user_ns))
		return 0;
	return ckpt_fail(ctx, -EPERM, who,
			 "shared anonymous memory that is open needs CAP_CHECKPOINT_RESTORE");
}

/**
 * ckpt_shmem_map_begin() - before an area of a FILE is mapped
 * @sf: staged FILE of any kind, or NULL
 * @writable: the area may become writable
 *
 * An area that was mapped before F_SEAL_FUTURE_WRITE came keeps its rights.
 * Only staged memory is meant: a file that was opened by path can be a memfd of
 * someone else's.
 *
 * Return: the seals, for ckpt_shmem_map_end().
 */
unsigned int ckpt_shmem_map_begin(const struct ckpt_staged_file *sf,
				  bool writable)
{
	struct shmem_inode_info *info;
	unsigned int seals;

	if (!sf || sf->rec.kind != CKPT_FILE_SHMEM)
		return 0;
	info = SHMEM_I(file_inode(sf->file));
	seals = info->seals;
	if (writable)
		info->seals &= ~F_SEAL_FUTURE_WRITE;
	return seals;
}

/**
 * ckpt_shmem_map_end() - put the seals back
 * @sf: as before
 * @seals: what ckpt_shmem_map_begin() has given
 */
void ckpt_shmem_map_end(const struct ckpt_staged_file *sf, unsigned int seals)
{
	if (sf && sf->rec.kind == CKPT_FILE_SHMEM)
		SHMEM_I(file_inode(sf->file))->seals = seals;
}

const struct ckpt_obj_ops ckpt_shmem_ops = {
	.name = "shared memory",
	.grab = shmem_grab,
	.drop = shmem_drop,
	.collect = shmem_collect,
	.save = shmem_save,
	.restore = shmem_restore,
	.unstage = shmem_unstage,
};
