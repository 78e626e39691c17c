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

/* ---- files --------------------------------------------------------------- */

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

/* ---- signals --------------------------------------------------------------- */

#define CKPT_NSIG 64

struct ckpt_sigaction {
	__u64 handler;
	__u64 flags;
	__u64 restorer;
	__u64 mask;
};

struct ckpt_hdr_sighand {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 pad;
	struct ckpt_sigaction action[CKPT_NSIG]; /* of signal 1, 2, ... */
};

#define CKPT_NLIMITS 16
#define CKPT_NITIMERS 3 /* REAL, VIRTUAL, PROF */

struct ckpt_rlimit {
	__u64 cur, max; /* ~0: unlimited */
};

struct ckpt_itimer {
	__u64 value; /* ns that are left; 0: not armed */
	__u64 interval; /* ns */
};

/* What tasks have used, as getrusage() and /proc/PID/io count it. */
struct ckpt_rusage {
	__u64 utime, stime; /* ns, as ticks have counted them */
	__u64 runtime; /* ns, as the CPU clocks count; 0 of children */
	__u64 seen_utime, seen_stime; /* ns, last told anyone; children: 0 */
	__u64 nvcsw, nivcsw; /* context switches */
	__u64 minflt, majflt; /* page faults */
	__u64 inblock, oublock; /* blocks of 512 bytes */
	__u64 rchar, wchar, syscr, syscw;
	__u64 read_bytes, write_bytes, cancelled_write_bytes;
};

/* ckpt_hdr_signal.flags */
#define CKPT_SIGNAL_STOPPED (1U << 0) /* all threads, by stop_signal */
#define CKPT_SIGNAL_CONTINUED \
	(1U << 1) /* and not waited for (WCONTINUED) yet */
#define CKPT_SIGNAL_FLAGS ((1U << 2) - 1)

struct ckpt_hdr_signal {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 flags; /* CKPT_SIGNAL_* */
	__s32 stop_signal; /* STOPPED: signal that stopped it, else 0 */
	__s32 stop_untold; /* STOPPED: what wait(WUNTRACED) will tell; 0: it has */
	__s32 oom_score_adj;
	__u32 child_subreaper; /* 0 or 1 */
	__s32 next_timer_id; /* what the next timer_create() would try */
	__u32 nr_siginfo; /* SIGINFO records that follow: shared pending */
	__u32 nr_timers; /* TIMER records that follow those */
	__u32 pad;
	struct ckpt_rlimit rlim[CKPT_NLIMITS]; /* by RLIMIT_* */
	struct ckpt_itimer itimer[CKPT_NITIMERS]; /* by ITIMER_* */
	struct ckpt_rusage exited; /* threads that have exited */
	struct ckpt_rusage children; /* children that were waited for */
	__u64 maxrss; /* pages, of the process so far */
	__u64 children_maxrss; /* pages, of the largest child */
};

struct ckpt_hdr_siginfo {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 signo;
	__u32 has_info; /* 0: the kernel had dropped the siginfo */
	__u8 info[128]; /* siginfo_t of x86-64 */
};

#define CKPT_TIMER_ABS (1U << 0) /* value is an absolute CLOCK_REALTIME time */

struct ckpt_hdr_timer {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 id; /* timer_t */
	__s32 clockid;
	__s32 notify; /* SIGEV_* */
	__s32 signo;
	__u64 sigval;
	__s32 target_tid; /* SIGEV_THREAD_ID: the thread */
	__u32 flags; /* CKPT_TIMER_* */
	__s64 value; /* ns left, or absolute; 0: not armed */
	__s64 interval; /* ns */
	__s64 overrun; /* of the last delivery, as timer_getoverrun() */
	__s32 clock_tid; /* the thread whose CPU clock it is on; 0: no thread's */
	__u32 pad;
};

/* ---- memory ---------------------------------------------------------------- */

/* ckpt_hdr_mm.flags */
#define CKPT_MM_DUMPABLE_MASK 3U /* 0 no, 1 user, 2 root */
#define CKPT_MM_THP_DISABLE (1U << 2) /* PR_SET_THP_DISABLE */
#define CKPT_MM_LOCK_FUTURE (1U << 3) /* mlockall(MCL_FUTURE) */
#define CKPT_MM_LOCK_ONFAULT (1U << 4) /* ... | MCL_ONFAULT */
#define CKPT_MM_TOPDOWN (1U << 5) /* mmap() searches downwards */
#define CKPT_MM_MDWE (1U << 6) /* PR_SET_MDWE, refused for now */
/* registered with membarrier(2) for MEMBARRIER_CMD_... */
#define CKPT_MM_MEMBARRIER_GLOBAL (1U << 7) /* GLOBAL_EXPEDITED */
#define CKPT_MM_MEMBARRIER_PRIVATE (1U << 8) /* PRIVATE_EXPEDITED */
#define CKPT_MM_MEMBARRIER_SYNC_CORE (1U << 9) /* ..._SYNC_CORE */
#define CKPT_MM_MEMBARRIER_RSEQ (1U << 10) /* ..._RSEQ */

#define CKPT_AUXV_MAX 64

struct ckpt_hdr_mm {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 flags; /* CKPT_MM_* */
	__u32 nr_vmas; /* VMA records that follow, each with its PGARRs */
	__s32 exe_objref; /* the exe link's FILE */
	__u64 start_code, end_code, start_data, end_data;
	__u64 start_brk, brk, start_stack;
	__u64 arg_start, arg_end, env_start, env_end;
	__u64 mmap_base, mmap_legacy_base;
	__u64 vdso; /* address of the vdso's text, 0 if unmapped */
	__u64 hiwater_rss, hiwater_vm; /* pages: VmHWM, VmPeak */
	__u32 pkeys; /* bit n: protection key n is allocated; 0 always is */
	__s32 exec_pkey; /* key of areas with PROT_EXEC alone; -1: none yet */
	__u32 dump_filter; /* coredump_filter */
	__u32 nr_auxv; /* 64-bit words of auxv[] */
	__u64 auxv[];
};

enum ckpt_vma_kind {
	CKPT_VMA_ANON = 1, /* private anonymous */
	CKPT_VMA_FILE, /* private mapping of file_objref */
	CKPT_VMA_SHARED_FILE, /* shared mapping: contents stay in the file */
	CKPT_VMA_VDSO, /* the vdso's text */
	CKPT_VMA_VVAR, /* its data pages (several areas on some kernels) */
	CKPT_VMA_KINDS
};

/* ckpt_hdr_vma.prot: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */

/* ckpt_hdr_vma.flags: neutral names of what the kernels number differently */
#define CKPT_VMA_GROWSDOWN (1U << 0)
#define CKPT_VMA_NORESERVE (1U << 1)
#define CKPT_VMA_LOCKED (1U << 2)
#define CKPT_VMA_LOCKONFAULT (1U << 3)
#define CKPT_VMA_SEQ_READ (1U << 4)
#define CKPT_VMA_RAND_READ (1U << 5)
#define CKPT_VMA_DONTFORK (1U << 6)
#define CKPT_VMA_WIPEONFORK (1U << 7)
#define CKPT_VMA_DONTDUMP (1U << 8)
#define CKPT_VMA_HUGEPAGE (1U << 9)
#define CKPT_VMA_NOHUGEPAGE (1U << 10)
#define CKPT_VMA_MERGEABLE (1U << 11)
#define CKPT_VMA_MAYWRITE (1U << 12) /* shared: the file was open for writing */
#define CKPT_VMA_FLAGS ((1U << 13) - 1)

struct ckpt_hdr_vma {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 start, end; /* page aligned */
	__u64 pgoff; /* page offset in the file */
	__u32 kind; /* ckpt_vma_kind */
	__u32 prot;
	__u32 flags; /* CKPT_VMA_* */
	__s32 file_objref;
	__u32 pkey; /* protection key */
	__u32 pad;
	char name[80]; /* PR_SET_VMA_ANON_NAME, NUL padded */
};

/* ckpt_page_range.flags */
#define CKPT_PAGES_ZERO (1U << 0) /* all zero: no contents follow */
#define CKPT_PAGES_HUGE (1U << 1) /* lay within huge pages */

struct ckpt_page_range {
	__u64 start; /* page aligned: an address, in a SHMEM an offset */
	__u32 nr_pages;
	__u32 flags; /* CKPT_PAGES_* */
};

/*
 * Memory that has no name in a file system, or none any more.  Pages follow in
 * PGARR records, by their offset; what is left out are zeros.
 */
enum ckpt_shmem_kind {
	CKPT_SHMEM_ANON = 1, /* MAP_SHARED | MAP_ANONYMOUS, or of /dev/zero */
	CKPT_SHMEM_MEMFD, /* memfd_create() */
	CKPT_SHMEM_KINDS
};

/* ckpt_hdr_shmem.flags */
#define CKPT_SHMEM_NORESERVE (1U << 0) /* pages are accounted for one by one */

#define CKPT_SHMEM_SEALS 0x3fU /* F_SEAL_* */
#define CKPT_SHMEM_NAME_MAX 250 /* bytes of a memfd's name, with its NUL */

struct ckpt_hdr_shmem {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 objref;
	__u32 kind; /* ckpt_shmem_kind */
	__u64 size; /* bytes */
	__u32 flags; /* CKPT_SHMEM_* */
	__u32 seals; /* as F_GET_SEALS says */
	__u32 i_mode; /* st_mode */
	__u32 uid, gid; /* owner, as the checkpointer saw it */
	__u32 name_len; /* bytes of name[], with its NUL */
	char name[]; /* of a memfd; padded to 8 */
};

/* ckpt_hdr_pgarr.compress */
enum ckpt_compress {
	CKPT_COMPRESS_NONE,
	CKPT_COMPRESS_LZ4, /* one block */
	CKPT_COMPRESS_ZSTD, /* one frame */
	CKPT_COMPRESS_KINDS
};

/*
 * A run of pages: @nr_ranges ranges by rising address, then, back to back,
 * the contents of every page of those that are not CKPT_PAGES_ZERO: as they are,
 * or all together packed into @packed_len bytes, fewer than they are, and padded
 * with zeros to 8.
 */
struct ckpt_hdr_pgarr {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 mm_objref; /* of the MM or the SHMEM whose they are */
	__u32 nr_ranges;
	__u32 nr_pages; /* pages with contents */
	__u32 compress; /* ckpt_compress */
	__u32 packed_len; /* bytes; 0 of CKPT_COMPRESS_NONE */
	__u32 pad;
	struct ckpt_page_range range[];
};

/* ---- tasks ----------------------------------------------------------------- */

/* ckpt_hdr_task.flags */
#define CKPT_TASK_NO_NEW_PRIVS (1U << 0)
#define CKPT_TASK_RESTORE_SIGMASK (1U << 1) /* saved_sigmask is pending */
#define CKPT_TASK_RESET_ON_FORK (1U << 2) /* SCHED_RESET_ON_FORK */
#define CKPT_TASK_AFFINITY (1U << 3) /* cpus[] restricts the task */
#define CKPT_TASK_DEAD (1U << 4) /* it has exited: TASK stands alone */
#define CKPT_TASK_FLAGS ((1U << 5) - 1)

struct ckpt_hdr_task {
	struct ckpt_hdr h;
	__u64 csum;
	__s32 pid; /* names the TREE_TASK this is the state of */
	__u32 flags; /* CKPT_TASK_* */
	__s32 nsproxy_objref;
	__s32 cred_objref;
	__s32 files_objref;
	__s32 fs_objref;
	__s32 sighand_objref;
	__s32 signal_objref;
	__s32 mm_objref;
	__u32 personality;
	char comm[16];
	__u32 policy; /* SCHED_* */
	__s32 nice;
	__u32 rt_priority;
	__u32 ioprio; /* as ioprio_get() says */
	__u64 timer_slack; /* ns */
	__u64 default_timer_slack; /* ns */
	__s32 pdeath_signal;
	__s32 exit_signal;
	__u64 clear_child_tid; /* user address or 0 */
	__u64 robust_list;
	__u64 rseq;
	__u32 rseq_len;
	__u32 rseq_sig;
	__u64 blocked;
	__u64 saved_sigmask;
	__u64 sas_ss_sp;
	__u64 sas_ss_size;
	__u32 sas_ss_flags;
	__u32 nr_siginfo; /* SIGINFO records after RESTART_BLOCK: private ones */
	__u32 nr_cpus; /* bits of cpus[] */
	__u32 seccomp; /* CKPT_SECCOMP_* */
	__u32 nr_seccomp; /* SECCOMP records, last of the task's */
	__s32 io_with; /* the earlier task whose I/O context it shares; 0: none */
	__s64 start_mono; /* ns, CLOCK_MONOTONIC of its start, as it sees it */
	__s64 start_boot; /* ns, CLOCK_BOOTTIME of its start, as it sees it */
	struct ckpt_rusage rusage;
	__u64 cpus[]; /* bit n: CPU n allowed */
};

/* Follows TASK: registers, by their names in struct pt_regs. */
struct ckpt_hdr_cpu {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	__u64 ax, cx, dx, si, di, orig_ax;
	__u64 ip, cs, flags, sp, ss;
	__u64 fs_base, gs_base;
	__u32 ds, es, fs, gs;
};

struct ckpt_xcomp {
	__u32 nr; /* xfeature number */
	__u32 size; /* bytes, a multiple of 8 */
};

/*
 * Follows CPU.  data[]: for each of @nr components a struct ckpt_xcomp and its
 * bytes, by rising number, as in the standard (not compacted) format of XSAVE.
 * "Component" 0 is the 512-byte legacy area (x87 and SSE together), always there;
 * another one is left out in its initial state.
 */
struct ckpt_hdr_xstate {
	struct ckpt_hdr h;
	__u64 csum;
	__u64 xfeatures; /* XSTATE_BV: not in their initial state */
	__u32 nr;
	__u32 pad;
	__u8 data[];
};

enum ckpt_restart_kind {
	CKPT_RESTART_NONE, /* do_no_restart_syscall */
	CKPT_RESTART_NANOSLEEP,
	CKPT_RESTART_POLL,
	CKPT_RESTART_FUTEX,
	CKPT_RESTART_CPU_NANOSLEEP,
	CKPT_RESTART_ALARM_NANOSLEEP,
	CKPT_RESTART_KINDS
};

/* futex flags, neutral: the kernels have renumbered theirs */
#define CKPT_FUTEX_SHARED (1U << 0)
#define CKPT_FUTEX_CLOCKRT (1U << 1)
#define CKPT_FUTEX_TIMEOUT (1U << 2)

/* Follows XSTATE: how an interrupted call goes on (-ERESTART_RESTARTBLOCK). */
struct ckpt_hdr_restart_block {
	struct ckpt_hdr h;
	__u64 csum;
	__u32 kind; /* ckpt_restart_kind */
	__s32 clockid; /* nanosleep */
	__u64 expires; /* ns, absolute on the call's clock (host's view) */
	__u64 now; /* ns, that clock at the checkpoint */
	__u64 uaddr; /* rmtp, pollfds or futex word */
	__u32 has_timeout; /* poll, futex */
	__u32 type; /* nanosleep: TT_* (1 native, 2 compat, 0 none) */
	__u32 nfds; /* poll */
	__u32 val; /* futex */
	__u32 flags; /* CKPT_FUTEX_* */
	__u32 bitset; /* futex */
};

/* ckpt_hdr_task.seccomp, as seccomp(2) numbers the modes */
enum ckpt_seccomp_mode {
	CKPT_SECCOMP_NONE,
	CKPT_SECCOMP_STRICT,
	CKPT_SECCOMP_FILTER,
	CKPT_SECCOMP_MODES
};

/* ckpt_hdr_seccomp.flags */
#define CKPT_SECCOMP_LOG (1U << 0) /* SECCOMP_FILTER_FLAG_LOG */
#define CKPT_SECCOMP_SHARED (1U << 1) /* all threads have this very one */

struct ckpt_seccomp_insn { /* struct sock_filter */
	__u16 code;
	__u8 jt, jf;
	__u32 k;
};

/* Last of a task: its seccomp filters, the oldest one first. */
struct ckpt_hdr_seccomp {
	struct ckpt_hdr h;
	__u64 csum;
	__u32 flags; /* CKPT_SECCOMP_LOG ... */
	__u32 nr_insns;
	struct ckpt_seccomp_insn insn[];
};

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
