/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ckpt: checkpoint and restart of running programs.
 *
 * The protocol.  A program opens /dev/ckpt.  The open file is a session: it
 * owns at most one freeze lease and at most one restart.
 *
 * Checkpoint.  Freeze the tasks (cgroup freezer), tell the kernel with
 * CKPT_IOC_LEASE which freezer file thaws them, then call
 * CKPT_IOC_CHECKPOINT.  The image is written to @fd as a stream; nothing ever
 * seeks.  Should the session's last descriptor be closed while the lease is
 * held (the tool was killed), the kernel thaws the tasks itself.  A task may
 * also checkpoint itself: then no freezer is involved, the call returns a
 * positive id, and 0 when the task comes back through a restart.
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
 * be zero (else E2BIG).
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

/* Flags of CKPT_IOC_CHECKPOINT. */
#define CHECKPOINT_SUBTREE (1ULL << 0) /* @pid need not be a container's init */
#define CHECKPOINT_SYNC_FILES \
	(1ULL << 1) /* fsync files open for writing first */
#define CHECKPOINT_FLAGS (CHECKPOINT_SUBTREE | CHECKPOINT_SYNC_FILES)

/* Flags of CKPT_IOC_RESTART. */
#define RESTART_TASKSELF (1ULL << 0) /* restart the calling task in place */
#define RESTART_FROZEN (1ULL << 1) /* hold the tasks until they are frozen */
#define RESTART_GHOST (1ULL << 2) /* the caller only holds a pid (not yet) */
#define RESTART_FILES_TRUNCATE (1ULL << 3) /* cut files that grew since */
#define RESTART_FILES_FAIL (1ULL << 4) /* refuse files that grew since */
#define RESTART_NO_TIMENS (1ULL << 5) /* no time namespace: say so in the log */
#define RESTART_FRESH_PIDS (1ULL << 6) /* pids differ from the image's */
#define RESTART_FORCE_FILES (1ULL << 7) /* take files that changed since */
#define RESTART_FLAGS                                                      \
	(RESTART_TASKSELF | RESTART_FROZEN | RESTART_GHOST |               \
	 RESTART_FILES_TRUNCATE | RESTART_FILES_FAIL | RESTART_NO_TIMENS | \
	 RESTART_FRESH_PIDS | RESTART_FORCE_FILES)

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
 * @stop_ns: reserved, zero
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
 *
 * For the coordinator the ioctl returns 0 once the tasks run (or, with
 * RESTART_FROZEN, wait to be frozen).  For a task it does not return on
 * success: the task goes on where the image says.  On failure -1 and errno;
 * tasks that cannot go back are killed.
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
};

/**
 * struct ckpt_ioc_lease - argument of CKPT_IOC_LEASE
 * @size: sizeof this structure
 * @fd: "cgroup.freeze" of a cgroup v2 directory, or "freezer.state" of a
 *      cgroup v1 one, open for writing: the kernel writes "0" or "THAWED" to
 *      it when the session is released; -1 gives a lease back without thawing
 */
struct ckpt_ioc_lease {
	__u32 size;
	__s32 fd;
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

#endif /* _UAPI_LINUX_CKPT_H */
