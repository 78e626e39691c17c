/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ckpt: what the pieces of the module know of each other.
 *
 * A checkpoint goes through separate steps:
 *	collect	walk all the state, number the shared objects, meet every
 *		reason for refusal; nothing is written
 *	save	turn kernel objects into records, in memory
 *	snapshot take hold of the address spaces
 *	stream	write the records and, between them, the pages
 * and a restart through
 *	restore	read, verify and check every record; make new objects beside
 *		the task's own ("staged"); all of it can be undone
 *	commit	when the trailer has verified: put the staged objects in
 *		place; what fails here kills the task
 *
 * Each resource has one file obj_<resource>.c with all of its steps.
 */
#ifndef _CKPT_H
#define _CKPT_H

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/rhashtable-types.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/xxhash.h>
#include <linux/ckpt.h>
#include <linux/ckpt_image.h>
#include "ckpt_check.h"

struct ckpt_ctx;
struct ckpt_pages;
struct ckpt_pages_job;
struct ckpt_restart;
struct ckpt_snapshot;
struct ckpt_tree_task;

/* ---- objhash.c: shared objects --------------------------------------------- */

/**
 * struct ckpt_obj_ops - what the objhash and the steps need of one type
 * @name: as messages call it
 * @grab: checkpoint: take a reference on a live object
 * @drop: checkpoint: give it back
 * @collect: checkpoint: collect the objects that this one uses, refuse what
 *	is not supported (by ckpt_fail()); called once for an object
 * @save: checkpoint: save the objects it uses (ckpt_obj_save()), then its own
 *	records; called once for an object
 * @restore: restart: make the staged object of the record @rec, read the
 *	records that belong to it, and hand it to ckpt_obj_insert(); @rec is
 *	valid until the next record is read
 * @settle: restart: what comes last of all, when each task has what it is to
 *	have; NULL: nothing
 * @unstage: restart: free a staged object (its reference for shared ones)
 * @lasting: restart: a staged object is needed to the end, and holds nothing
 *	that a program could notice
 */
struct ckpt_obj_ops {
	const char *name;
	void (*grab)(void *ptr);
	void (*drop)(void *ptr);
	int (*collect)(struct ckpt_ctx *ctx, void *ptr);
	int (*save)(struct ckpt_ctx *ctx, void *ptr, int objref);
	int (*restore)(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec);
	void (*settle)(void *ptr);
	void (*unstage)(void *ptr);
	bool lasting;
};

#define CKPT_X(NAME, res) extern const struct ckpt_obj_ops ckpt_##res##_ops;
CKPT_OBJ_TYPES(CKPT_X)
#undef CKPT_X

struct ckpt_objhash {
	struct rhashtable by_key; /* checkpoint: address; restart: objref */
	struct list_head list; /* in order of appearance */
	int next_ref;
	bool ready;
};

int ckpt_objhash_init(struct ckpt_ctx *ctx);
void ckpt_objhash_settle(struct ckpt_ctx *ctx);
void ckpt_objhash_free(struct ckpt_ctx *ctx);
int ckpt_obj_collect(struct ckpt_ctx *ctx, void *ptr, enum ckpt_obj_type type);
int ckpt_obj_save(struct ckpt_ctx *ctx, void *ptr, enum ckpt_obj_type type);
bool ckpt_obj_saved(struct ckpt_ctx *ctx, const void *ptr);
int ckpt_obj_ref(struct ckpt_ctx *ctx, const void *ptr);
unsigned int ckpt_obj_users(struct ckpt_ctx *ctx, const void *ptr);
bool ckpt_obj_mark(struct ckpt_ctx *ctx, const void *ptr);
int ckpt_obj_insert(struct ckpt_ctx *ctx, int objref, enum ckpt_obj_type type,
		    void *ptr);
void *ckpt_obj_fetch(struct ckpt_ctx *ctx, int objref, enum ckpt_obj_type type);
const struct ckpt_obj_ops *ckpt_obj_ops_of(enum ckpt_obj_type type);

/* ---- io.c: records out and in ---------------------------------------------- */

struct ckpt_chunk;

struct ckpt_out {
	struct list_head chunks; /* of records, in order */
	size_t bytes; /* held in memory */
	struct file *file;
	bool broken; /* it takes no more */
	u64 written; /* bytes given to file */
	loff_t flushed, dropped; /* of file, up to there; behind.c */
	u64 nr_records;
	u64 digest;
	u64 pages;
	u64 zero_pages;
	u64 shared_pages; /* those of pages that are of shared memory */
};

struct ckpt_in {
	struct file *file;
	const u8 *head; /* read by the caller already, kernel memory */
	size_t head_len, head_pos;
	u64 pos; /* offset in the image */
	u64 rec_pos; /* of the current record */
	u64 pages; /* whose contents have been read */
	u64 digest;
	struct ckpt_seq seq;
	struct ckpt_hdr peeked;
	u64 peeked_csum;
	bool have_peeked;
	struct ckpt_hdr *rec; /* current record */
	size_t rec_size; /* allocated for it */
	struct xxh64_state hash; /* of a run of pages being read */
};

void *ckpt_out_rec(struct ckpt_ctx *ctx, enum ckpt_hdr_type type, size_t len);
int ckpt_out_pages(struct ckpt_ctx *ctx, const struct ckpt_hdr_vma *vma,
		   int mm_objref, struct mm_struct *mm);
int ckpt_out_shmem(struct ckpt_ctx *ctx, struct address_space *mapping,
		   u64 size, int objref);
struct ckpt_hdr_header *ckpt_out_header(struct ckpt_ctx *ctx);
int ckpt_out_jobs(struct ckpt_ctx *ctx,
		  int (*fn)(struct ckpt_ctx *ctx, struct ckpt_pages_job *job));
int ckpt_out_stream(struct ckpt_ctx *ctx);
int ckpt_out_trailer(struct ckpt_ctx *ctx);
int ckpt_out_head_and_error(struct ckpt_ctx *ctx);
void ckpt_out_free(struct ckpt_ctx *ctx);
int ckpt_out_write(struct ckpt_ctx *ctx, const void *buf, size_t len);

int ckpt_in_peek(struct ckpt_ctx *ctx);
const struct ckpt_hdr *ckpt_in_rec(struct ckpt_ctx *ctx);
const struct ckpt_hdr *ckpt_in_expect(struct ckpt_ctx *ctx,
				      enum ckpt_hdr_type type);
int ckpt_in_read(struct ckpt_ctx *ctx, void *buf, size_t len);
void ckpt_in_free(struct ckpt_ctx *ctx);

/* ---- err.c: errors and the log --------------------------------------------- */

/*
 * ckpt_fail() - report a failure, once, where it is detected
 * @ctx: operation
 * @err: negative errno, which it returns
 * @obj: what failed: "fd 3", "area", "task"...; a constant string
 * The first failure becomes the image's error record.  The message gets the
 * task's pid and comm (checkpoint) or the image offset (restart) added.
 */
__printf(4, 5) int ckpt_fail(struct ckpt_ctx *ctx, int err, const char *obj,
			     const char *fmt, ...);
__printf(2, 3) void ckpt_log(struct ckpt_ctx *ctx, const char *fmt, ...);

/* Refuse a kind of state that is not supported (-EOPNOTSUPP). */
#define ckpt_refuse(ctx, obj, fmt, ...) \
	ckpt_fail(ctx, -EOPNOTSUPP, obj, fmt " is not supported", ##__VA_ARGS__)

/**
 * struct ckpt_tree_entry - a task of the tree at a checkpoint
 * @task: held
 * @stack_held: and its stack, where its registers lie: a task that is killed
 *	gives it up at once
 * @dead: a zombie, or a leader that has exited before its threads
 * @nvcsw: context switches when the checkpoint began
 * @nivcsw: involuntary ones
 * @regs: copy of its registers then, or NULL
 * @objs: what it uses, by type; the objhash holds it
 * @mm_copy: list of the areas of its address space, at the first task that
 *	uses it
 * @nr_shared_filters: how many of its oldest seccomp filters all threads of
 *	its process have; seccomp.c
 */
struct ckpt_tree_entry {
	struct task_struct *task;
	bool stack_held;
	bool dead;
	unsigned long nvcsw, nivcsw;
	struct pt_regs *regs;
	void *objs[CKPT_OBJ_MAX];
	struct ckpt_mm_copy *mm_copy;
	u32 nr_shared_filters;
};

/* ---- ctx.c: an operation --------------------------------------------------- */

/**
 * struct ckpt_ctx - one checkpoint or restart, or one task's view of a restart
 * @op: the operation: itself, or that of which this is a view; what stands
 *	below under "shared" is the operation's
 * @restarting: it is a restart
 * @self: of the calling task itself
 * @flags: CHECKPOINT_* or RESTART_*
 * @ckptid: positive number of the checkpoint
 * @task: the task being worked on; the operation holds a reference
 * @dev_file: the session
 * @objhash: shared objects
 * @out: checkpoint: the stream out
 * @in: restart: the stream in
 * @logfile: messages for the caller, or NULL
 * @err_lock: protects @err, @errmsg and the order of lines in the log
 * @err: first error
 * @errmsg: its text
 * @compress: checkpoint: CKPT_COMPRESS_* for the contents of pages
 * @workers: how many work on pages, the caller among them; shared
 * @pages: what is needed for pages, or NULL; pages.c
 * @running: its place among the checkpoints that are going on
 * @time_real: ns, CLOCK_REALTIME at the checkpoint
 * @time_mono: ns, the host's CLOCK_MONOTONIC then
 * @time_boot: ns, the host's CLOCK_BOOTTIME then
 * @root: the root of the tree, held
 * @pid_ns: its pid namespace, held: that of all ids in the image
 * @init: it is the init of that, and the namespace comes along
 * @tree: the tasks, the root first
 * @nr_tasks: how many; of a restart, too
 * @at: the one being worked on, whose task is @task
 * @groups: process groups and sessions of the tree; tree_walk.c
 * @nr_groups: how many
 * @fd: descriptor of the FILE at hand, for messages
 * @cpu_sum: CPU time of the tasks saved
 * @syncs: files that are to be synced; sync.c
 * @snapshot: of all memory, or NULL; snapshot.c
 * @restart: what only a restart has
 */
struct ckpt_ctx {
	struct ckpt_ctx *op;
	bool restarting;
	bool self;
	u64 flags;
	int ckptid;
	struct task_struct *task;
	struct file *dev_file; /* the session */
	u32 compress;
	u32 workers;
	struct ckpt_pages *pages;

	/* shared */
	struct ckpt_objhash objhash;
	struct ckpt_out out;
	struct ckpt_in in;
	struct file *logfile;
	struct mutex err_lock; /* protects err, errmsg, err_text */
	int err;
	char errmsg[CKPT_ERR_MAX];

	/* checkpoint */
	struct list_head running; /* in the list of checkpoint.c */
	u64 time_real, time_mono, time_boot;
	struct task_struct *root;
	struct pid_namespace *pid_ns;
	bool init;
	struct ckpt_tree_entry *tree;
	u32 nr_tasks;
	struct ckpt_tree_entry *at;
	struct ckpt_group *groups;
	u32 nr_groups;
	unsigned int fd; /* of the FILE at hand, for messages */
	struct ckpt_cpu_sum cpu_sum;
	struct list_head syncs;
	struct ckpt_snapshot *snapshot;

	/* restart */
	struct ckpt_restart *restart;
};

/* ---- restart.c: the state of a restart that resources share ----------------- */

struct ckpt_inherited {
	int image_fd;
	struct file *file;
};

/**
 * struct ckpt_restart - what a restart has and a checkpoint has not
 *
 * Of the operation:
 * @header: copy of the image's HEADER
 * @arch: copy of its HEADER_ARCH
 * @pid_ns: the root is to be the init of a pid namespace of their own
 * @last_pid: pid that was given last in it
 * @tree: the tasks, ctx->nr_tasks of them
 * @by_pid: the same, by rising pid
 * @ghosts: dead leaders of groups and sessions, by rising pid
 * @nr_ghosts: how many
 * @nr_recs: objects read so far, by type of record
 * @nr_siginfos: pending signals read so far
 * @nr_inherited: entries of @inherited
 * @inherited: descriptors that the caller gives
 *
 * Of a task's view, which in a restart in place is the operation itself:
 * @task: its row of the tree
 * @staged: the staged objects that it is to have, by type
 * @parent: whom the end of its process is told, and who may be told as the
 *	image has it (a reference)
 * @cred: the credentials that were made for it, until they are committed
 * @committing: the point of no return has been passed
 * @killed: somebody killed the task before the step that has failed was over
 * @old_mm: the task's own address space, while the new one is in its place
 * @old_pkru: what the task could do with its protection keys before
 * @scratch: during the commit CKPT_SCRATCH_SIZE bytes of the new address
 *	space: code that has to hand a user pointer to a system call's entry
 *	puts its data there
 * @task_image: what was read of the task
 */
struct ckpt_restart {
	struct ckpt_hdr_header header;
	struct ckpt_hdr_header_arch arch;
	bool pid_ns;
	s32 last_pid;
	struct ckpt_tree_task *tree;
	struct ckpt_tree_task **by_pid;
	struct ckpt_ghost *ghosts;
	u32 nr_ghosts;
	u32 nr_recs[CKPT_HDR_MAX];
	u64 nr_siginfos;
	int nr_inherited;
	struct ckpt_inherited *inherited;

	struct ckpt_tree_task *task;
	void *staged[CKPT_OBJ_MAX];
	struct task_struct *parent;
	struct cred *cred;
	bool committing;
	bool killed;
	struct mm_struct *old_mm;
	u32 old_pkru;
	void __user *scratch;
	struct ckpt_task_image *task_image;
};

#define CKPT_SCRATCH_SIZE (64U << 10)

/*
 * ckpt_syscall() - run a system call's own code with the caller's rights
 * Goes through the entry that user space goes through, so that every check is
 * the kernel's own.  User pointers must point into the scratch area
 * (ckpt_scratch_put()).
 */
long ckpt_syscall(unsigned int nr, unsigned long a0, unsigned long a1,
		  unsigned long a2, unsigned long a3, unsigned long a4,
		  unsigned long a5);
/*
 * Copy @len bytes to offset @off of the scratch area; their user address, or one
 * that fails with EFAULT.
 */
void __user *ckpt_scratch_put(struct ckpt_ctx *ctx, size_t off, const void *buf,
			      size_t len);
int ckpt_scratch_get(struct ckpt_ctx *ctx, size_t off, void *buf, size_t len);

/* File that the caller of restart gave for @image_fd, or NULL (borrowed). */
struct file *ckpt_restart_inherited(struct ckpt_ctx *ctx, int image_fd);

/* ---- the resources --------------------------------------------------------- */

/*
 * Commit steps, called by restart.c once the trailer has verified, in the
 * context of the task; @staged is what @restore inserted.  _commit() is called
 * by the owner of a shared object, _adopt() by the others, later.
 */
int ckpt_fs_commit(struct ckpt_ctx *ctx, void *staged);
int ckpt_fs_check(struct ckpt_ctx *ctx, const void *staged);
int ckpt_fs_adopt(struct ckpt_ctx *ctx, void *staged);
int ckpt_files_commit(struct ckpt_ctx *ctx, void *staged);
int ckpt_files_adopt(struct ckpt_ctx *ctx, void *staged);
int ckpt_sighand_commit(struct ckpt_ctx *ctx, void *staged);
int ckpt_sighand_adopt(struct ckpt_ctx *ctx, void *staged);
int ckpt_signal_commit_early(struct ckpt_ctx *ctx, void *staged);
int ckpt_signal_commit(struct ckpt_ctx *ctx, void *staged);
void ckpt_signal_commit_stop(struct ckpt_ctx *ctx, void *staged);
void ckpt_signal_stop(const void *staged);
bool ckpt_signal_staged_stopped(const void *staged);
const struct ckpt_hdr_signal *ckpt_signal_staged_rec(const void *staged);
void ckpt_signal_forget_children(struct ckpt_ctx *ctx);
bool ckpt_cred_same(const struct cred *a, const struct cred *b);
const struct cred *ckpt_cred_prepare(struct ckpt_ctx *ctx);
void ckpt_cred_forget(struct ckpt_ctx *ctx);
int ckpt_cred_commit(struct ckpt_ctx *ctx);

/* obj_signal.c: pending queues, for the task's private one too. */
struct sigpending;
/* number of entries to save, or -errno */
int ckpt_sigpending_count(struct ckpt_ctx *ctx, struct task_struct *t,
			  struct sigpending *pending);
/* writes exactly @nr SIGINFO records */
int ckpt_sigpending_save(struct ckpt_ctx *ctx, struct task_struct *t,
			 struct sigpending *pending, int nr);
/* reads @nr SIGINFO records into a kvmalloc'ed array (NULL when nr is 0) */
int ckpt_sigpending_restore(struct ckpt_ctx *ctx, u32 nr,
			    struct ckpt_hdr_siginfo **infos);
/* queues them to current; every signal must be blocked by then */
int ckpt_sigpending_limit(struct ckpt_ctx *ctx, u32 nr);
int ckpt_sigpending_commit(struct ckpt_ctx *ctx,
			   const struct ckpt_hdr_siginfo *infos, u32 nr,
			   bool shared);

/*
 * task.c: what belongs to one task alone, but for CPU state: comm, scheduling,
 * affinity, ids of user memory (robust list, rseq), signal mask, flags.
 */
struct ckpt_filter {
	u32 flags; /* CKPT_SECCOMP_* */
	u32 nr_insns;
	struct ckpt_seccomp_insn *insn; /* in ckpt_filters.insn */
};

/* seccomp filters, the oldest one first; those that are shared stand first */
struct ckpt_filters {
	u32 nr;
	u32 nr_shared;
	struct ckpt_filter *filter;
	struct ckpt_seccomp_insn *insn;
};

struct ckpt_task_image {
	struct ckpt_hdr_task *task; /* with its cpus[] */
	struct ckpt_hdr_cpu cpu;
	struct ckpt_hdr_xstate *xstate;
	struct ckpt_hdr_restart_block rb;
	struct ckpt_hdr_siginfo *siginfo;
	struct ckpt_filters filters;
};

int ckpt_task_collect(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_task_check_restarter(struct ckpt_ctx *ctx);
int ckpt_task_save(struct ckpt_ctx *ctx, const struct ckpt_tree_entry *e);
int ckpt_task_restore(struct ckpt_ctx *ctx, const struct ckpt_hdr *rec);
void ckpt_task_image_free(struct ckpt_task_image *img);
/* check, before anything is changed, that the caller may become this task */
int ckpt_task_check(struct ckpt_ctx *ctx, const struct ckpt_task_image *img);
int ckpt_task_check_signals(struct ckpt_ctx *ctx,
			    const struct ckpt_hdr_task *rec);
void ckpt_task_commit_mask(const struct ckpt_task_image *img);
/* while the caller's credentials still hold: scheduling, personality, ... */
int ckpt_task_commit_early(struct ckpt_ctx *ctx,
			   const struct ckpt_task_image *img);
/* of a zombie: its name, and how it exits */
void ckpt_task_commit_dead(struct ckpt_ctx *ctx,
			   const struct ckpt_task_image *img);
/* after the new credentials: name, pdeath_signal, mask, rseq, ... */
int ckpt_task_commit_late(struct ckpt_ctx *ctx,
			  const struct ckpt_task_image *img);

/* arch/x86/cpu.c */
int ckpt_cpu_collect(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_cpu_check_restarter(struct ckpt_ctx *ctx);
int ckpt_cpu_save(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_cpu_check(struct ckpt_ctx *ctx, const struct ckpt_task_image *img);
int ckpt_cpu_commit(struct ckpt_ctx *ctx, const struct ckpt_task_image *img,
		    long *ret);
void ckpt_arch_header(struct ckpt_hdr_header_arch *h);
/* an image of that machine can go on here, or why not */
int ckpt_arch_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_header *header,
		    const struct ckpt_hdr_header_arch *h);

/* arch/x86/restart_block.c */
int ckpt_restart_block_collect(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_restart_block_save(struct ckpt_ctx *ctx, struct task_struct *t);
int ckpt_restart_block_check(struct ckpt_ctx *ctx,
			     const struct ckpt_hdr_restart_block *rb);
int ckpt_restart_block_commit(struct ckpt_ctx *ctx,
			      const struct ckpt_hdr_restart_block *rb);

/* obj_mm.c */
struct ckpt_mm_copy;
void ckpt_mm_copy_free(struct ckpt_mm_copy *copy);
int ckpt_mm_enter(struct ckpt_ctx *ctx, void *staged);
int ckpt_mm_commit(struct ckpt_ctx *ctx, void *staged);
void ckpt_mm_rollback(struct ckpt_ctx *ctx);
int ckpt_mm_commit_flags(struct ckpt_ctx *ctx, void *staged);

/* ctx.c */
struct ckpt_ctx *ckpt_ctx_alloc(struct file *dev_file, int logfd);
int ckpt_ctx_open_log(struct ckpt_ctx *ctx, int fd);
void ckpt_ctx_close(struct ckpt_ctx *ctx);
void ckpt_ctx_free(struct ckpt_ctx *ctx);

/* tree_walk.c */
void ckpt_tree_free(struct ckpt_ctx *ctx);

/**
 * ckpt_lap() - measure one step after the other
 * @last: when the last one ended; then, now
 *
 * Return: nanoseconds between them.
 */
static inline u64 ckpt_lap(u64 *last)
{
	u64 now = ktime_get_ns(), took = now - *last;

	*last = now;
	return took;
}

/* checkpoint.c, restart.c: the ioctls */
struct ckpt_session;
long ckpt_checkpoint(struct file *dev_file, struct ckpt_ioc_checkpoint *arg);
long ckpt_checkpoint_stream(struct ckpt_session *session,
			    struct ckpt_ioc_stream *arg);
void ckpt_checkpoint_abandon(struct ckpt_session *session);
long ckpt_restart_coordinate(struct file *dev_file,
			     struct ckpt_session *session,
			     struct ckpt_ioc_restart *arg);
long ckpt_restart_join(struct ckpt_session *session,
		       const struct ckpt_ioc_restart *arg);
long ckpt_restart_self(struct file *dev_file,
		       const struct ckpt_ioc_restart *arg);
/* the part of a restart that each task does itself; restart.c says more */
enum ckpt_step {
	CKPT_STEP_RESTORE, /* one task after the other, as the stream goes */
	CKPT_STEP_CHECK,
	CKPT_STEP_EXIT, /* those that have exited, instead of all that follow */
	CKPT_STEP_OWN,
	CKPT_STEP_ADOPT,
	CKPT_STEP_FINISH,
	CKPT_STEP_GO, /* back to user space */
};

int ckpt_restart_step(struct ckpt_ctx *ctx, enum ckpt_step step, long *ret);
void ckpt_restart_undo(struct ckpt_ctx *ctx, int err);
int ckpt_restart_head(struct ckpt_ctx *ctx);

/* cgroup.c */
/* Path of the cgroup of @t, to be freed with kfree(). */
char *ckpt_cgroup_path(struct ckpt_ctx *ctx, struct task_struct *t);

/* obj_file.c */
/* Path of @path as the caller sees it, checked to lead there; kfree(). */
char *ckpt_path_save(struct ckpt_ctx *ctx, const struct path *path,
		     const char *what);

#endif /* _CKPT_H */
