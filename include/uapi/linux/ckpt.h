/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ckpt: checkpoint and restart of running programs.
 *
 * The protocol.  A program opens /dev/ckpt.  The open file is a session: it
 * owns at most one restart, at most one snapshot, and leases on files of
 * cgroups: what the kernel writes there when the session ends.
 *
 * Checkpoint.  Tell the kernel with CKPT_IOC_LEASE which freezer files thaw the
 * tasks, freeze them (cgroup freezer), then call CKPT_IOC_CHECKPOINT.  The
 * image is written to @fd as a stream; nothing ever seeks.  Should the
 * session's last descriptor be closed while the leases are held (the tool was
 * killed), the kernel thaws the tasks itself.  A task may also checkpoint
 * itself: then no freezer is involved, the call returns a positive id, and 0
 * when the task comes back through a restart.
 *
 * With CHECKPOINT_SNAPSHOT the call returns as soon as the state is in memory,
 * that of the tasks' memory copy-on-write (where there is little of it, and of
 * shared memory, as a copy), and nothing is written yet: the
 * caller thaws the tasks, which run on, and then calls CKPT_IOC_STREAM.  The
 * session holds the snapshot until then; closing it frees all.
 *
 * Restart.  The tool reads the head of the stream (everything up to and
 * including the last CKPT_HDR_TREE_TASK record), creates the tasks, and each of
 * them calls CKPT_IOC_RESTART with pid 0 on the inherited session file, where
 * it waits.  The tool then calls CKPT_IOC_RESTART with the pid of the root
 * task, hands over the bytes it has read (@head), and the tasks restore
 * themselves from the rest of the stream.  With RESTART_TASKSELF one task does
 * all of it to itself, as execve() would.
 *
 * All structures have a fixed layout that is the same for 32-bit and 64-bit
 * callers, and begin with their size, so that they can grow.  Fields that a
 * shorter structure lacks are zero; fields that the kernel does not know must
 * be zero (else E2BIG).  The size that is part of an ioctl's number does not
 * count.
 */
#ifndef _UAPI_LINUX_CKPT_H
#define _UAPI_LINUX_CKPT_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Of module, library and tools; `make install` writes it wherever it is shown. */
#define CKPT_VERSION "0.1"

#define CKPT_DEVICE "/dev/ckpt"

/* "No descriptor", for @logfd. */
#define CHECKPOINT_FD_NONE (-1)

#define CKPT_WORKERS_MAX 64

/* Flags of CKPT_IOC_CHECKPOINT. */
#define CHECKPOINT_SUBTREE (1ULL << 0) /* @pid need not be a container's init */
#define CHECKPOINT_SYNC_FILES \
	(1ULL << 1) /* fsync files open for writing first */
#define CHECKPOINT_TRY \
	(1ULL << 2) /* EAGAIN: nothing is written, the caller tries again */
#define CHECKPOINT_SNAPSHOT \
	(1ULL << 3) /* memory copy-on-write; CKPT_IOC_STREAM writes the image */
#define CHECKPOINT_FLAGS                                               \
	(CHECKPOINT_SUBTREE | CHECKPOINT_SYNC_FILES | CHECKPOINT_TRY | \
	 CHECKPOINT_SNAPSHOT)

/* Flags of CKPT_IOC_RESTART. */
#define RESTART_TASKSELF (1ULL << 0) /* restart the calling task in place */
#define RESTART_FROZEN (1ULL << 1) /* hold the tasks until they are frozen */
#define RESTART_GHOST (1ULL << 2) /* a task that joins: it only holds a pid */
#define RESTART_FILES_TRUNCATE (1ULL << 3) /* cut files that grew since */
#define RESTART_FILES_FAIL (1ULL << 4) /* refuse files that grew since */
#define RESTART_NO_TIMENS (1ULL << 5) /* no time namespace: say so in the log */
#define RESTART_FRESH_PIDS (1ULL << 6) /* pids differ from the image's */
#define RESTART_FORCE_FILES (1ULL << 7) /* take files that changed since */
#define RESTART_FOREGROUND (1ULL << 8) /* the tree may have our terminal */
#define RESTART_FLAGS                                                      \
	(RESTART_TASKSELF | RESTART_FROZEN | RESTART_GHOST |               \
	 RESTART_FILES_TRUNCATE | RESTART_FILES_FAIL | RESTART_NO_TIMENS | \
	 RESTART_FRESH_PIDS | RESTART_FORCE_FILES | RESTART_FOREGROUND)

/**
 * struct ckpt_ioc_checkpoint - argument of CKPT_IOC_CHECKPOINT
 * @size: sizeof this structure
 * @pid: root task, in the caller's pid namespace; 0 or the caller's own pid:
 *       the calling task itself
 * @fd: open for writing; the image goes there
 * @logfd: open for writing, or CHECKPOINT_FD_NONE; messages go there as text
 * @flags: CHECKPOINT_*
 * @bytes: out: length of the image in bytes
 * @pages: out: pages whose contents are in the image
 * @zero_pages: out: pages found to hold only zeros, and not stored
 * @stop_ns: zero; out: how long the tasks had to hold still, in nanoseconds,
 *	    with CHECKPOINT_SNAPSHOT
 * @max_extra: with CHECKPOINT_SNAPSHOT: give the snapshot up when it takes more
 *	      memory than this, in bytes; 0: no such limit
 * @compress: CKPT_COMPRESS_* (linux/ckpt_image.h), for the contents of pages
 * @workers: CPUs to use for the contents of pages, at most CKPT_WORKERS_MAX, and
 *	    never more than the caller may run on; 1: his own; 0: the kernel's choice
 * @shared_pages: out: those of @pages that are of shared memory
 * @collect_ns: out: looking at the tasks, and what can be refused, took
 *	       so long, in nanoseconds
 * @save_ns: out: making the records of them did
 * @snapshot_ns: out: taking the snapshot did
 * @stream_ns: out: writing the image did, without CHECKPOINT_SNAPSHOT
 *
 * The ioctl returns the positive ckptid, 0 when it returns through a restart,
 * or -1 and errno.
 */
struct ckpt_ioc_checkpoint {
	__u32 size;
	__s32 pid;
	__s32 fd;
	__s32 logfd;
	__aligned_u64 flags;
	__aligned_u64 bytes;
	__aligned_u64 pages;
	__aligned_u64 zero_pages;
	__aligned_u64 stop_ns;
	__aligned_u64 max_extra;
	__u32 compress;
	__u32 workers;
	__aligned_u64 shared_pages;
	__aligned_u64 collect_ns;
	__aligned_u64 save_ns;
	__aligned_u64 snapshot_ns;
	__aligned_u64 stream_ns;
};

/**
 * struct ckpt_ioc_stream - argument of CKPT_IOC_STREAM
 * @size: sizeof this structure
 * @fd: open for writing; the image goes there
 * @logfd: descriptor for messages, or CHECKPOINT_FD_NONE
 * @pad: zero
 * @bytes: out: length of the image in bytes
 * @pages: out: pages whose contents are in the image
 * @zero_pages: out: pages found to hold only zeros, and not stored
 * @shared_pages: out: those of @pages that are of shared memory
 * @sync_ns: out: syncing the files took so long, in nanoseconds
 * @stream_ns: out: writing the image did
 *
 * Writes the session's snapshot, and frees it, whatever happens.  It does not
 * look at the tasks any more.
 *
 * The ioctl returns the positive ckptid, or -1 and errno; ENOENT: the session
 * has no snapshot.
 */
struct ckpt_ioc_stream {
	__u32 size;
	__s32 fd;
	__s32 logfd;
	__u32 pad;
	__aligned_u64 bytes;
	__aligned_u64 pages;
	__aligned_u64 zero_pages;
	__aligned_u64 shared_pages;
	__aligned_u64 sync_ns;
	__aligned_u64 stream_ns;
};

/**
 * struct ckpt_inherit - one descriptor of the caller given to the tasks
 * @image_fd: number of the descriptor in the image
 * @fd: descriptor of the calling task to put there
 */
struct ckpt_inherit {
	__s32 image_fd;
	__s32 fd;
};

#define CKPT_INHERIT_MAX 1024
#define CKPT_HEAD_MAX (16U << 20)

/**
 * struct ckpt_ioc_restart - argument of CKPT_IOC_RESTART
 * @size: sizeof this structure
 * @pid: coordinator: the root task, a child of the caller; 0: the caller is
 *       one of the tasks and waits for the coordinator (or, with
 *       RESTART_TASKSELF, restarts itself)
 * @fd: open for reading; the image (after @head) comes from there
 * @logfd: open for writing, or CHECKPOINT_FD_NONE
 * @flags: RESTART_*
 * @head: user pointer: bytes of the image that were read from @fd already
 * @inherit: user pointer: array of struct ckpt_inherit
 * @head_len: length of @head in bytes, at most CKPT_HEAD_MAX
 * @nr_inherit: entries in @inherit, at most CKPT_INHERIT_MAX
 * @task: a task that joins: the pid that it has in the image; 0: its own
 * @workers: as in struct ckpt_ioc_checkpoint; not of a task that joins
 * @pages: out: pages whose contents were in the image
 * @restore_ns: out: reading the image, and the memory of the tasks, took so
 *	       long, in nanoseconds
 * @commit_ns: out: making them what the image says, until they ran, did
 *
 * For the coordinator the ioctl returns 0 once the tasks run (or, with
 * RESTART_FROZEN, wait to be frozen), and the out fields are filled in.  For a
 * task it does not return on success: the task goes on where the image says.
 * On failure -1 and errno; tasks that cannot go back are killed.
 */
struct ckpt_ioc_restart {
	__u32 size;
	__s32 pid;
	__s32 fd;
	__s32 logfd;
	__aligned_u64 flags;
	__aligned_u64 head;
	__aligned_u64 inherit;
	__u32 head_len;
	__u32 nr_inherit;
	__s32 task;
	__u32 workers;
	__aligned_u64 pages;
	__aligned_u64 restore_ns;
	__aligned_u64 commit_ns;
};

/* Flags of CKPT_IOC_LEASE. */
#define CKPT_LEASE_RETURN (1ULL << 0) /* give @fd's file back, write nothing */
#define CKPT_LEASE_FLAGS CKPT_LEASE_RETURN

#define CKPT_LEASES_MAX 1024 /* that a session holds */

/**
 * struct ckpt_ioc_lease - argument of CKPT_IOC_LEASE
 * @size: sizeof this structure
 * @fd: file of a cgroup, open for writing, that the session is to hold; or -1:
 *      give all leases back, and write nothing
 * @flags: CKPT_LEASE_*; a caller that knows none may leave the field out
 *
 * When the session is released the kernel writes "1" to each "cgroup.kill" of a
 * version 2 group, and then "0" to each "cgroup.freeze" (version 2) and
 * "THAWED" to each "freezer.state" (version 1).  A file that is leased already
 * stays leased once.
 */
struct ckpt_ioc_lease {
	__u32 size;
	__s32 fd;
	__aligned_u64 flags;
};

/* What an operation of a session is doing. */
#define CKPT_PROGRESS_IDLE 0 /* none is under way */
#define CKPT_PROGRESS_COLLECT 1 /* looking at the tasks, nothing written yet */
#define CKPT_PROGRESS_WRITE 2 /* writing the image */
#define CKPT_PROGRESS_READ 3 /* reading the image */

/**
 * struct ckpt_ioc_progress - argument of CKPT_IOC_PROGRESS
 * @size: sizeof this structure
 * @phase: out: CKPT_PROGRESS_*
 * @done: out: bytes of the image written or read so far, by the operation
 *	under way or by the last one
 * @expected: out: about how many it will be; 0: not known
 *
 * For another thread of the caller, while one is in CKPT_IOC_CHECKPOINT or
 * CKPT_IOC_RESTART of the same session.
 */
struct ckpt_ioc_progress {
	__u32 size;
	__u32 phase;
	__aligned_u64 done;
	__aligned_u64 expected;
};

#define CKPT_IOC_MAGIC 0xb7
#define CKPT_IOC_CHECKPOINT _IOWR(CKPT_IOC_MAGIC, 1, struct ckpt_ioc_checkpoint)
#define CKPT_IOC_RESTART _IOWR(CKPT_IOC_MAGIC, 2, struct ckpt_ioc_restart)
#define CKPT_IOC_LEASE _IOW(CKPT_IOC_MAGIC, 3, struct ckpt_ioc_lease)
#define CKPT_IOC_PROGRESS _IOWR(CKPT_IOC_MAGIC, 4, struct ckpt_ioc_progress)
#define CKPT_IOC_STREAM _IOWR(CKPT_IOC_MAGIC, 5, struct ckpt_ioc_stream)

#endif /* _UAPI_LINUX_CKPT_H */
