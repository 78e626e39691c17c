/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* ckpt: records of signals, and of what all threads share. Part of ckpt_image.h. */
#ifndef _UAPI_LINUX_CKPT_IMAGE_SIGNALS_H
#define _UAPI_LINUX_CKPT_IMAGE_SIGNALS_H

#ifndef _UAPI_LINUX_CKPT_IMAGE_H
#error "include <linux/ckpt_image.h>"
#endif

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

#endif /* _UAPI_LINUX_CKPT_IMAGE_SIGNALS_H */
