/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ckpt: format of a checkpoint image.
 *
 * An image is a stream of records.  Every record begins with struct ckpt_hdr
 * and a checksum; its length is a multiple of 8 and covers everything, for a
 * CKPT_HDR_PGARR the pages too.  All fields are little endian, of fixed width
 * and naturally aligned; there are no kernel pointers.
 *
 *	HEADER HEADER_ARCH CONTAINER TREE TREE_TASK...	the head
 *	objects and TASK groups				the state
 *	TRAILER						the end
 *
 * A shared object carries an objref, a positive number that is unique in the
 * image, and stands before the first record that names it, except a compound
 * object (the namespaces of an NSPROXY), whose parent comes first.
 * Objref 0 means "none".
 *
 * An image that could not be completed ends with an ERR record.
 *
 * csum: XXH64 of the bytes from behind the csum field to the end of the
 * record, seeded with ckpt_hdr_seed() (type and length), so that no part of a
 * record is unprotected.  In its place each page of a CKPT_HDR_PGARR counts by
 * its own XXH64 (seed 0, 8 little-endian bytes), so that pages can be hashed
 * one by one, in any order; packed ones (CKPT_COMPRESS_*) count as they are
 * stored, so that nothing is unpacked unverified.  The trailer holds the number
 * of records before it and a running digest over their checksums, so that no
 * record can be dropped, added or moved.
 */
#ifndef _UAPI_LINUX_CKPT_IMAGE_H
#define _UAPI_LINUX_CKPT_IMAGE_H

#include <linux/types.h>

#define CKPT_MAGIC_HEADER 0x31474d4954504b43ULL /* "CKPTIMG1" */
#define CKPT_MAGIC_TRAILER 0x31444e4554504b43ULL /* "CKPTEND1" */
#define CKPT_REVISION 4
#define CKPT_ARCH_X86_64 62 /* EM_X86_64 */
#define CKPT_PAGE_SIZE 4096

/* Limits, so that whatever an image says, memory stays bounded. */
#define CKPT_REC_MAX (1U << 20) /* bytes of a record, pages not counted */
#define CKPT_RUN_PAGES 512 /* pages and ranges of one CKPT_HDR_PGARR */
#define CKPT_TASKS_MAX 32768
#define CKPT_PID_LEVELS_MAX 32
#define CKPT_PID_MAX (1 << 22)
#define CKPT_PATH_MAX 4096
#define CKPT_VMAS_MAX (1U << 20)
#define CKPT_FDS_MAX (1U << 20)
#define CKPT_SIGINFOS_MAX 65536
#define CKPT_TIMERS_MAX 65536
#define CKPT_GROUPS_MAX 65536
#define CKPT_SECCOMP_MAX 8192 /* filters of a task */
#define CKPT_SECCOMP_INSNS_MAX 4096 /* instructions of one */
#define CKPT_PKEYS 16
#define CKPT_ERR_MAX 512

struct ckpt_hdr {
	__s32 type;
	__s32 len;
};

/*
 * The table of records: X(name, number, structure, tail).
 *
 * tail: what follows the structure: 0 nothing, 1 variable data.  A number is
 * never used again.  The table generates the enum, the name table, the length
 * checks and the documentation's test.  Names are the ancestor's
 * (CKPT_HDR_<NAME>) where it had them.
 */
#define CKPT_RECORDS(X)                                 \
	X(HEADER, 1, ckpt_hdr_header, 0)                \
	X(HEADER_ARCH, 2, ckpt_hdr_header_arch, 0)      \
	X(CONTAINER, 3, ckpt_hdr_container, 1)          \
	X(TREE, 4, ckpt_hdr_tree, 0)                    \
	X(TREE_TASK, 5, ckpt_hdr_tree_task, 1)          \
	X(NSPROXY, 16, ckpt_hdr_nsproxy, 0)             \
	X(NS, 17, ckpt_hdr_ns, 0)                       \
	X(CRED, 18, ckpt_hdr_cred, 1)                   \
	X(PIPE, 19, ckpt_hdr_pipe, 0)                   \
	X(PIPE_BUF, 20, ckpt_hdr_pipe_buf, 1)           \
	X(FILE, 21, ckpt_hdr_file, 1)                   \
	X(FILES, 22, ckpt_hdr_files, 0)                 \
	X(FD, 23, ckpt_hdr_fd, 0)                       \
	X(FS, 24, ckpt_hdr_fs, 1)                       \
	X(SIGHAND, 25, ckpt_hdr_sighand, 0)             \
	X(SIGNAL, 26, ckpt_hdr_signal, 0)               \
	X(SIGINFO, 27, ckpt_hdr_siginfo, 0)             \
	X(TIMER, 28, ckpt_hdr_timer, 0)                 \
	X(MM, 29, ckpt_hdr_mm, 1)                       \
	X(VMA, 30, ckpt_hdr_vma, 0)                     \
	X(PGARR, 31, ckpt_hdr_pgarr, 1)                 \
	X(SHMEM, 32, ckpt_hdr_shmem, 1)                 \
	X(EVENTFD, 33, ckpt_hdr_eventfd, 0)             \
	X(TASK, 40, ckpt_hdr_task, 1)                   \
	X(CPU, 41, ckpt_hdr_cpu, 0)                     \
	X(XSTATE, 42, ckpt_hdr_xstate, 1)               \
	X(RESTART_BLOCK, 43, ckpt_hdr_restart_block, 0) \
	X(SECCOMP, 44, ckpt_hdr_seccomp, 1)             \
	X(ERR, 62, ckpt_hdr_err, 1)                     \
	X(TRAILER, 63, ckpt_hdr_trailer, 0)

enum ckpt_hdr_type {
#define CKPT_X(name, num, st, tail) CKPT_HDR_##name = num,
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
		CKPT_HDR_MAX = 64
};

/*
 * The table of shared objects: X(name, resource).  The kernel's table of
 * operations is generated from it: row FILE needs ckpt_file_ops, in
 * kernel/obj_file.c.
 */
#define CKPT_OBJ_TYPES(X)   \
	X(NSPROXY, nsproxy) \
	X(NS, ns)           \
	X(CRED, cred)       \
	X(PIPE, pipe)       \
	X(SHMEM, shmem)     \
	X(EVENTFD, eventfd) \
	X(FILE, file)       \
	X(FILES, files)     \
	X(FS, fs)           \
	X(SIGHAND, sighand) \
	X(SIGNAL, signal)   \
	X(MM, mm)

enum ckpt_obj_type {
	CKPT_OBJ_NONE,
#define CKPT_X(name, res) CKPT_OBJ_##name,
	CKPT_OBJ_TYPES(CKPT_X)
#undef CKPT_X
		CKPT_OBJ_MAX
};

/*
 * ckpt_hdr_seed() - seed of a record's checksum.
 * ckpt_hdr_digest_seed: the running digest begins with 0; every record's
 * checksum c makes it XXH64(c as 8 little-endian bytes, seed = old digest).
 */
static inline __u64 ckpt_hdr_seed(const struct ckpt_hdr *h)
{
	return (__u64)(__u32)h->len << 32 | (__u32)h->type;
}

/* ---- the head ---------------------------------------------------------- */

#define CKPT_UTS_LEN 65

struct ckpt_hdr_header {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 magic; /* CKPT_MAGIC_HEADER */
	__u32 rev; /* CKPT_REVISION */
	__u32 arch; /* CKPT_ARCH_X86_64 */
	__u64 flags; /* CHECKPOINT_* of the call */
	__s32 ckptid; /* positive */
	__u32 page_size; /* CKPT_PAGE_SIZE */
	__u64 time_real; /* ns, CLOCK_REALTIME at the checkpoint */
	__u64 time_mono; /* ns, the host's CLOCK_MONOTONIC */
	__u64 time_boot; /* ns, the host's CLOCK_BOOTTIME */
	__u32 self; /* 1: a self checkpoint, 0: external */
	__u32 owner_uid; /* of the caller, in its user namespace */
	__u32 owner_gid;
	__u32 pad;
	char sysname[CKPT_UTS_LEN];
	char nodename[CKPT_UTS_LEN];
	char release[CKPT_UTS_LEN];
	char version[CKPT_UTS_LEN];
	char machine[CKPT_UTS_LEN];
	char domainname[CKPT_UTS_LEN];
	__u8 pad2[2];
};

/* Indices into ckpt_hdr_header_arch.cpuid. */
enum {
	CKPT_CPUID_1_ECX,
	CKPT_CPUID_1_EDX,
	CKPT_CPUID_7_EBX,
	CKPT_CPUID_7_ECX,
	CKPT_CPUID_7_EDX,
	CKPT_CPUID_80000001_ECX,
	CKPT_CPUID_80000001_EDX,
	CKPT_CPUID_D1_EAX,
	CKPT_CPUID_N = 16
};

struct ckpt_hdr_header_arch {
	struct ckpt_hdr h;
	__u64 csum;
	char vendor[16]; /* x86: CPU vendor, NUL padded */
	__u32 family;
	__u32 model;
	__u64 xfeatures; /* user xfeatures that tasks may have in use */
	__u32 cpuid[CKPT_CPUID_N];
	__u64 vdso_size; /* bytes of the 64-bit vdso's text */
	__u64 vdso_hash; /* XXH64 of it, seed 0 */
};

struct ckpt_hdr_container {
	struct ckpt_hdr h;
	__u64 csum;
	__u32 subtree; /* 1: a subtree; 0: a whole container */
	__u32 pid_ns; /* 1: the root is the init of a pid namespace of their own */
	__s32 last_pid; /* given last in that, or 0 */
	__u32 lsm_len; /* bytes of lsm[], with its NUL */
	char lsm[]; /* active security modules, comma separated */
};

struct ckpt_hdr_tree {
	struct ckpt_hdr h;
	__u64 csum;
	__u32 nr_tasks; /* TREE_TASK records that follow */
	__u32 pad;
};

/* ckpt_hdr_tree_task.flags */
#define CKPT_TREE_SID_OUTSIDE (1U << 0) /* its session has members outside */
#define CKPT_TREE_PGID_OUTSIDE (1U << 1) /* its process group has */
#define CKPT_TREE_FOREGROUND (1U << 2) /* the group has its terminal */
#define CKPT_TREE_FLAGS ((1U << 3) - 1)

struct ckpt_hdr_tree_task {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 pid; /* all ids as the root's pid namespace has them */
	__s32 tgid;
	__s32 ppid; /* of the real parent; 0: outside of the namespace */
	__s32 parent_tid; /* the parent's thread that it is a child of */
	__s32 pgid;
	__s32 sid;
	__s32 exit_signal; /* sent to the parent; -1: a thread, not the leader */
	__u32 exit_state; /* 0 alive, 1 a zombie: all its objrefs but cred, signal are 0 */
	__u32 exit_code; /* of a zombie, as wait(2) tells it */
	__u32 flags; /* CKPT_TREE_* */
	__s32 mm_objref;
	__s32 files_objref;
	__s32 fs_objref;
	__s32 sighand_objref;
	__s32 signal_objref;
	__s32 nsproxy_objref;
	__s32 cred_objref;
	__u32 pad;
	__u64 time_mono; /* ns, CLOCK_MONOTONIC as the task saw it */
	__u64 time_boot; /* ns, CLOCK_BOOTTIME as the task saw it */
	char comm[16];
	__u32 nr_levels; /* entries of pids[] */
	__u32 cgroup_len; /* bytes of the cgroup's path with its NUL; 1: none */
	/*
	 * From the root's level inwards; behind them the path of the
	 * task's cgroup (version 2) in the checkpointer's cgroup namespace, that
	 * of the tools' freezer left out; padded to 8.
	 */
	__s32 pids[];
};

/* ---- namespaces and credentials ---------------------------------------- */

enum ckpt_ns_kind {
	CKPT_NS_UTS = 1,
	CKPT_NS_IPC,
	CKPT_NS_MNT,
	CKPT_NS_PID,
	CKPT_NS_NET,
	CKPT_NS_TIME,
	CKPT_NS_CGROUP,
	CKPT_NS_USER,
	CKPT_NS_KINDS
};

struct ckpt_hdr_nsproxy {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__s32 ns_objref[CKPT_NS_KINDS]; /* by ckpt_ns_kind; [0] unused, 0 */
	__u32 nr_ns; /* NS records that follow */
	__u32 pad;
};

struct ckpt_hdr_ns {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 kind; /* ckpt_ns_kind */
	__u32 inum; /* as readlink /proc/PID/ns/... shows */
	__u32 callers; /* 1: it was the checkpointer's own */
};

struct ckpt_hdr_cred {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 uid, euid, suid, fsuid; /* in the task's user namespace */
	__u32 gid, egid, sgid, fsgid;
	__u32 securebits;
	__u32 nr_groups; /* entries of groups[] */
	__u32 pad;
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u64 cap_bset;
	__u64 cap_ambient;
	__u32 groups[]; /* padded to 8 */
};

/* ---- the other families ------------------------------------------------ */

#include <linux/ckpt_image_files.h>
#include <linux/ckpt_image_signals.h>
#include <linux/ckpt_image_memory.h>
#include <linux/ckpt_image_task.h>

/* ---- the end --------------------------------------------------------------- */

/*
 * The last record of an image that could not be completed.  The checksum
 * covers text[].  text[] is one or more null characters, then the message,
 * without one at its end: a reader may seek back from the end of the image to
 * the last null character.
 */
struct ckpt_hdr_err {
	struct ckpt_hdr h;
	__u64 csum;
	char text[];
};

struct ckpt_hdr_trailer {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 magic; /* CKPT_MAGIC_TRAILER */
	__u64 nr_records; /* before this one */
	__u64 digest; /* over their checksums */
};

#endif /* _UAPI_LINUX_CKPT_IMAGE_H */
