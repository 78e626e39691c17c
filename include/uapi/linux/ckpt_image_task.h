/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* ckpt: records of a task itself.  Part of ckpt_image.h. */
#ifndef _UAPI_LINUX_CKPT_IMAGE_TASK_H
#define _UAPI_LINUX_CKPT_IMAGE_TASK_H

#ifndef _UAPI_LINUX_CKPT_IMAGE_H
#error "include <linux/ckpt_image.h>"
#endif

/* ckpt_hdr_task.flags */
#define CKPT_TASK_NO_NEW_PRIVS (1U << 0)
#define CKPT_TASK_RESTORE_SIGMASK (1U << 1) /* saved_sigmask is pending */
#define CKPT_TASK_RESET_ON_FORK (1U << 2) /* SCHED_RESET_ON_FORK */
#define CKPT_TASK_AFFINITY (1U << 3) /* cpus[] restricts the task */
#define CKPT_TASK_DEAD (1U << 4) /* it has exited: TASK stands alone */
#define CKPT_TASK_FORKNOEXEC (1U << 5) /* it has not executed a program */
#define CKPT_TASK_FLAGS ((1U << 6) - 1)

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

#endif /* _UAPI_LINUX_CKPT_IMAGE_TASK_H */
