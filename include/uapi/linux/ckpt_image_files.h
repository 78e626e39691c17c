/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* ckpt: records of open files.  Part of ckpt_image.h. */
#ifndef _UAPI_LINUX_CKPT_IMAGE_FILES_H
#define _UAPI_LINUX_CKPT_IMAGE_FILES_H

#ifndef _UAPI_LINUX_CKPT_IMAGE_H
#error "include <linux/ckpt_image.h>"
#endif

struct ckpt_hdr_pipe {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 capacity; /* bytes, as F_GETPIPE_SZ says */
	__u32 nr_bufs; /* PIPE_BUF records that follow */
	__u32 pad;
};

#define CKPT_PIPE_BUF_PACKET (1U << 0) /* a packet boundary behind it */

struct ckpt_hdr_pipe_buf {
	struct ckpt_hdr h;
	__u64 csum;
	__u32 len; /* bytes of data[], at most CKPT_PAGE_SIZE */
	__u32 flags; /* CKPT_PIPE_BUF_* */
	__u8 data[]; /* padded to 8 */
};

/* ckpt_hdr_eventfd.flags */
#define CKPT_EVENTFD_SEMAPHORE (1U << 0) /* EFD_SEMAPHORE */

struct ckpt_hdr_eventfd {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 flags; /* CKPT_EVENTFD_* */
	__u64 count;
};

enum ckpt_file_kind {
	CKPT_FILE_REG = 1, /* regular file, by path */
	CKPT_FILE_DIR, /* directory, by path */
	CKPT_FILE_DEV, /* a stateless device node, by path */
	CKPT_FILE_PIPE, /* an end of the pipe obj_objref */
	CKPT_FILE_EXTERNAL, /* an end the image does not have: --inherit-fd */
	CKPT_FILE_SHMEM, /* the shared memory obj_objref: a memfd */
	CKPT_FILE_EVENTFD, /* the eventfd obj_objref */
	CKPT_FILE_FIFO, /* a FIFO, by path; its contents are the pipe obj_objref */
	CKPT_FILE_KINDS
};

/* ckpt_hdr_file.f_mode: how it was opened */
#define CKPT_FMODE_READ (1U << 0)
#define CKPT_FMODE_WRITE (1U << 1)
#define CKPT_FMODE_MADE (1U << 2) /* SHMEM: the one that came with it */
#define CKPT_FMODE_ALONE \
	(1U << 3) /* FIFO: a reader that no writer has met yet */

struct ckpt_hdr_file {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 kind; /* ckpt_file_kind */
	__u32 f_flags; /* as F_GETFL says (O_* of x86-64) */
	__u32 f_mode; /* CKPT_FMODE_* */
	__u64 pos;
	__s32 obj_objref; /* the PIPE, SHMEM, EVENTFD of its kind */
	__u32 i_mode; /* st_mode */
	__u64 size; /* st_size */
	__s64 mtime_sec;
	__u32 mtime_nsec;
	__u32 rdev; /* CKPT_FILE_DEV: st_rdev, as new_encode_dev() */
	__u64 ino;
	__u64 dev; /* st_dev, as new_encode_dev() */
	__s32 owner_type; /* F_SETOWN_EX: -1 none, else F_OWNER_* */
	__s32 owner_pid; /* its id, as the checkpointer saw it */
	__s32 owner_sig; /* F_SETSIG */
	__u32 path_len; /* bytes of path[], with its NUL; 1 at least */
	char path[]; /* or, for EXTERNAL, what it was; padded to 8 */
};

struct ckpt_hdr_files {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 nr_fds; /* FD records that follow, by rising fd */
};

#define CKPT_FD_CLOEXEC (1U << 0)

struct ckpt_hdr_fd {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 fd;
	__s32 file_objref;
	__u32 flags; /* CKPT_FD_* */
	__u32 pad;
};

struct ckpt_hdr_fs {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 umask;
	__u32 root_len; /* bytes of the root's path with NUL, first in paths[] */
	__u32 pwd_len; /* bytes of the working directory's, second */
	char paths[]; /* padded to 8 */
};

#endif /* _UAPI_LINUX_CKPT_IMAGE_FILES_H */
