// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program rich in state that verifies all of it again and again: files,
 * pipes with contents, timers, pending signals, seccomp filters, areas of
 * memory of many kinds, extended registers, attributes of the task.  Each turn
 * of its loop is one full check.  The tester can also have it checkpoint or
 * restart itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include "fault.h"

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define MUCH (12UL << 20) /* more than a crew is worth */
#define NR_AREAS 24
#define PIPE_BYTES 10000
#define HOUR 3600
#define NR_QUEUED 3
#define SLACK_NS 70000

struct state {
	int file, dup, append, dir;
	int pipe[2], packets[2];
	timer_t timer[2];
	unsigned char *area[NR_AREAS];
	unsigned char *huge, *much, *private_file, *shared_file;
	char altstack[16384];
};

static struct state st;

/*
 * What had been sent to a process stays with it through a self restart: the two
 * programs that meet there each have a signal of their own.
 */
static int queued;
static unsigned char buf[PIPE_BYTES + 1];

static void on_signal(int sig)
{
}

/* ---- making it ----------------------------------------------------------- */

static int files_make(struct ct_shared *s)
{
	CT_CHECK(s, ct_write_file("file", "0123456789abcdef") == 0);
	st.file = open("file", O_RDWR);
	st.append = open("append", O_WRONLY | O_CREAT | O_APPEND, 0600);
	st.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CT_CHECK(s, st.file >= 0 && st.append >= 0 && st.dir >= 0);
	CT_EQ(s, 7, lseek(st.file, 7, SEEK_SET));
	st.dup = dup2(st.file, FD_FAR);
	CT_EQ(s, FD_FAR, st.dup);
	return 0;
}

static int pipes_make(struct ct_shared *s)
{
	int i;

	for (i = 0; i < PIPE_BYTES; i++)
		buf[i] = i % 251;
	CT_EQ(s, 0, pipe2(st.pipe, O_NONBLOCK));
	CT_EQ(s, PIPE_BYTES, write(st.pipe[1], buf, PIPE_BYTES));
	CT_EQ(s, 0, pipe2(st.packets, O_NONBLOCK | O_DIRECT | O_CLOEXEC));
	CT_EQ(s, 3, write(st.packets[1], "one", 3));
	CT_EQ(s, 5, write(st.packets[1], "three", 5));
	return 0;
}

static int timers_make(struct ct_shared *s)
{
	struct itimerspec its = { .it_value.tv_sec = HOUR };
	struct itimerval itv = { .it_value.tv_sec = HOUR };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN + 2 };

	CT_EQ(s, 0, timer_create(CLOCK_MONOTONIC, &ev, &st.timer[0]));
	CT_EQ(s, 0, timer_create(CLOCK_BOOTTIME, NULL, &st.timer[1]));
	CT_EQ(s, 0, timer_settime(st.timer[0], 0, &its, NULL));
	CT_EQ(s, 0, timer_settime(st.timer[1], 0, &its, NULL));
	CT_EQ(s, 0, setitimer(ITIMER_REAL, &itv, NULL));
	CT_EQ(s, 0, setitimer(ITIMER_PROF, &itv, NULL));
	return 0;
}

static int signals_queue(struct ct_shared *s)
{
	union sigval value;
	int i;

	for (i = 0; i < NR_QUEUED; i++) {
		value.sival_int = 100 + i;
		CT_EQ(s, 0, sigqueue(getpid(), queued, value));
	}
	return 0;
}

static int signals_make(struct ct_shared *s)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART | SA_ONSTACK };
	stack_t alt = { .ss_sp = st.altstack, .ss_size = sizeof(st.altstack) };
	sigset_t set;

	CT_EQ(s, 0, sigaltstack(&alt, NULL));
	CT_EQ(s, 0, sigaction(SIGUSR2, &sa, NULL));
	CT_CHECK(s, signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 3);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, &set, NULL));
	CT_EQ(s, 0, raise(SIGUSR1));
	return signals_queue(s);
}

/* Areas that do not merge: rights alternate, advice differs. */
static int areas_make(struct ct_shared *s, const struct program *prog)
{
	unsigned char *p;
	unsigned long off;
	int i;

	for (i = 0; i < NR_AREAS; i++) {
		p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CT_CHECK(s, p != MAP_FAILED);
		st.area[i] = p;
		memset(p, 0x40 + i, PAGE);
		if (i % 5 == 1) /* zeros, not stored */
			memset(p + PAGE, 0, PAGE);
		if (i % 4 == 2)
			CT_EQ(s, 0, madvise(p, 3 * PAGE, MADV_DONTFORK));
		if (i % 7 == 3)
			CT_EQ(s, 0, mlock(p, 3 * PAGE));
		if (i % 2)
			CT_EQ(s, 0, mprotect(p, 3 * PAGE, PROT_READ));
	}
	if (prog->who == WHO_SMALL)
		return 0;
	p = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CT_CHECK(s, p != MAP_FAILED);
	st.huge = (void *)(((uintptr_t)p + HUGE - 1) & -HUGE);
	madvise(st.huge, HUGE, MADV_HUGEPAGE);
	memset(st.huge + 5 * PAGE, 0x77, 2 * PAGE);
	if (prog->who != WHO_LARGE)
		return 0;
	p = mmap(NULL, MUCH, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CT_CHECK(s, p != MAP_FAILED);
	madvise(p, MUCH, MADV_NOHUGEPAGE);
	memset(p, 0x55, MUCH);
	for (off = 0; off < MUCH; off += PAGE)
		*(unsigned long *)(p + off) = off;
	st.much = p;
	return 0;
}

/* A file that is there stays as it is: images know its time. */
static int file_area_make(struct ct_shared *s, const char *name, int flags,
			  unsigned char **area)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	if (lseek(fd, 0, SEEK_END) == 0)
		CT_EQ(s, 0, ftruncate(fd, 4 * PAGE));
	*area = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, flags, fd, PAGE);
	CT_CHECK(s, *area != MAP_FAILED);
	CT_EQ(s, 0, close(fd));
	return 0;
}

static int file_areas_make(struct ct_shared *s)
{
	CT_DO(file_area_make(s, "private", MAP_PRIVATE, &st.private_file));
	CT_DO(file_area_make(s, "shared", MAP_SHARED, &st.shared_file));
	memset(st.private_file, 0x31, PAGE);
	memset(st.shared_file, 0x32, PAGE);
	return 0;
}

static int attributes_make(struct ct_shared *s)
{
	struct rlimit lim = { 512, 1024 };

	umask(027);
	CT_EQ(s, 0, setpriority(PRIO_PROCESS, 0, 3));
	CT_EQ(s, 0, prctl(PR_SET_TIMERSLACK, SLACK_NS));
	CT_EQ(s, 0, prctl(PR_SET_NAME, "fault-program"));
	CT_EQ(s, 0, setrlimit(RLIMIT_NOFILE, &lim));
	return 0;
}

static bool is_filtered(enum who who)
{
	return who == WHO_TARGET || who == WHO_SMALL || who == WHO_LARGE;
}

/* getuid() and getgid() give an error of ours. */
static int filter_make(struct ct_shared *s, int nr, int err)
{
	struct sock_filter insn[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = insn };

	CT_EQ(s, 0, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
	return 0;
}

static int make(struct ct_shared *s, const struct program *p)
{
	queued = p->who == WHO_SELF ? SIGRTMIN + 3 : SIGRTMIN + 1;
	CT_EQ(s, 0, chdir(p->dir));
	CT_DO(files_make(s));
	CT_DO(pipes_make(s));
	CT_DO(timers_make(s));
	CT_DO(areas_make(s, p));
	CT_DO(file_areas_make(s));
	CT_DO(attributes_make(s));
	CT_DO(signals_make(s));
	if (p->who == WHO_ODD)
		CT_CHECK(s, socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	if (p->who == WHO_GROVE)
		return grove_make(s);
	if (!is_filtered(p->who))
		return 0;
	CT_DO(filter_make(s, SYS_getuid, 11));
	return filter_make(s, SYS_getgid, 12);
}

/* ---- checking it --------------------------------------------------------- */

static int files_check(struct ct_shared *s)
{
	CT_EQ(s, 7, lseek(st.dup, 0, SEEK_CUR));
	CT_EQ(s, 2, read(st.file, buf, 2));
	CT_EQ(s, 0, memcmp(buf, "78", 2));
	CT_EQ(s, 9, lseek(st.dup, 0, SEEK_CUR)); /* one offset for both */
	CT_EQ(s, 7, lseek(st.file, 7, SEEK_SET));
	CT_EQ(s, O_WRONLY | O_APPEND,
	      fcntl(st.append, F_GETFL) & (O_ACCMODE | O_APPEND));
	CT_EQ(s, FD_CLOEXEC, fcntl(st.dir, F_GETFD));
	CT_EQ(s, 0, fcntl(st.file, F_GETFD));
	return 0;
}

static int pipes_check(struct ct_shared *s)
{
	int i;

	CT_EQ(s, PIPE_BYTES, read(st.pipe[0], buf, sizeof(buf)));
	for (i = 0; i < PIPE_BYTES; i++)
		if (buf[i] != i % 251)
			CT_EQ(s, i % 251, buf[i]);
	CT_EQ(s, PIPE_BYTES, write(st.pipe[1], buf, PIPE_BYTES));
	CT_EQ(s, 3, read(st.packets[0], buf, sizeof(buf)));
	CT_EQ(s, 5, read(st.packets[0], buf, sizeof(buf)));
	CT_EQ(s, 0, memcmp(buf, "three", 5));
	CT_EQ(s, -1, read(st.packets[0], buf, sizeof(buf)));
	CT_EQ(s, EAGAIN, errno);
	CT_EQ(s, 3, write(st.packets[1], "one", 3));
	CT_EQ(s, 5, write(st.packets[1], "three", 5));
	return 0;
}

/* The first one was made with a signal of its own, the other without an event. */
static int timer_signals_check(struct ct_shared *s)
{
	char *text = ct_read_file("/proc/self/timers");
	const int sig[2] = { SIGRTMIN + 2, SIGALRM };
	char want[64];
	int i;

	CT_CHECK(s, text);
	for (i = 0; i < 2; i++) {
		snprintf(want, sizeof(want), "ID: %d\nsignal: %d/",
			 (int)(long)st.timer[i], sig[i]);
		CT_CHECK(s, strstr(text, want));
	}
	free(text);
	return 0;
}

static int timers_check(struct ct_shared *s)
{
	struct itimerspec its;
	struct itimerval itv;
	int i;

	CT_DO(timer_signals_check(s));
	for (i = 0; i < 2; i++) {
		CT_EQ(s, 0, timer_gettime(st.timer[i], &its));
		CT_IN(s, 1, HOUR, its.it_value.tv_sec);
	}
	CT_EQ(s, 0, getitimer(ITIMER_REAL, &itv));
	CT_IN(s, 1, HOUR, itv.it_value.tv_sec);
	CT_EQ(s, 0, getitimer(ITIMER_PROF, &itv));
	CT_IN(s, 1, HOUR, itv.it_value.tv_sec);
	return 0;
}

static int signals_check(struct ct_shared *s)
{
	struct timespec none = { 0, 0 };
	struct sigaction sa;
	siginfo_t info;
	sigset_t set;
	stack_t alt;
	int i;

	CT_EQ(s, 0, sigaltstack(NULL, &alt));
	CT_CHECK(s, alt.ss_sp == st.altstack);
	CT_EQ(s, 0, sigaction(SIGUSR2, NULL, &sa));
	CT_CHECK(s, sa.sa_handler == on_signal);
	CT_EQ(s, 0, sigpending(&set));
	CT_EQ(s, 1, sigismember(&set, SIGUSR1));
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &set));
	CT_EQ(s, 1, sigismember(&set, SIGUSR1));
	sigemptyset(&set);
	sigaddset(&set, queued);
	for (i = 0; i < NR_QUEUED; i++) {
		CT_EQ(s, queued, sigtimedwait(&set, &info, &none));
		CT_EQ(s, 100 + i, info.si_int);
	}
	CT_EQ(s, -1, sigtimedwait(&set, &info, &none));
	return signals_queue(s);
}

static int bytes_check(struct ct_shared *s, const unsigned char *p, size_t nr,
		       int byte)
{
	CT_EQ(s, byte, p[0]);
	CT_EQ(s, 0, memcmp(p, p + 1, nr - 1));
	return 0;
}

static int area_check(struct ct_shared *s, const unsigned char *p, int byte)
{
	return bytes_check(s, p, PAGE, byte);
}

static int areas_check(struct ct_shared *s)
{
	unsigned long off;
	int i;

	for (i = 0; i < NR_AREAS; i++) {
		CT_DO(area_check(s, st.area[i], 0x40 + i));
		CT_EQ(s, 0, st.area[i][2 * PAGE]);
	}
	if (st.huge) {
		CT_DO(area_check(s, st.huge + 5 * PAGE, 0x77));
		CT_EQ(s, 0, st.huge[8 * PAGE]);
	}
	for (off = 0; st.much && off < MUCH; off += PAGE) {
		CT_EQ(s, off, *(unsigned long *)(st.much + off));
		CT_DO(bytes_check(s, st.much + off + 8, PAGE - 8, 0x55));
	}
	CT_DO(area_check(s, st.private_file, 0x31));
	CT_DO(area_check(s, st.shared_file, 0x32));
	/* a write to memory that is read-only must still be refused */
	CT_EQ(s, -1, read(st.file, st.area[1], 1));
	CT_EQ(s, EFAULT, errno);
	CT_EQ(s, 7, lseek(st.file, 7, SEEK_SET));
	return 0;
}

static int attributes_check(struct ct_shared *s, const struct program *p)
{
	struct rlimit lim;
	char name[16];

	CT_EQ(s, 027, umask(027));
	CT_EQ(s, 3, getpriority(PRIO_PROCESS, 0));
	CT_EQ(s, SLACK_NS, prctl(PR_GET_TIMERSLACK));
	CT_EQ(s, 0, prctl(PR_GET_NAME, name));
	CT_EQ(s, 0, strcmp(name, "fault-program"));
	CT_EQ(s, 0, getrlimit(RLIMIT_NOFILE, &lim));
	CT_EQ(s, 512, lim.rlim_cur);
	if (!is_filtered(p->who)) {
		CT_EQ(s, 0, syscall(SYS_getuid));
		return 0;
	}
	CT_EQ(s, -1, syscall(SYS_getuid));
	CT_EQ(s, 11, errno);
	CT_EQ(s, -1, syscall(SYS_getgid));
	CT_EQ(s, 12, errno);
	return 0;
}

static int check(struct ct_shared *s, const struct program *p)
{
	CT_DO(files_check(s));
	CT_DO(pipes_check(s));
	CT_DO(timers_check(s));
	CT_DO(signals_check(s));
	CT_DO(areas_check(s));
	if (p->who == WHO_GROVE)
		CT_DO(grove_check(s));
	return attributes_check(s, p);
}

/* Where a checkpoint mostly finds it: asleep, with something in a register. */
static int nap(struct ct_shared *s)
{
	static const unsigned char in[32] = "32 bytes in a vector register..";
	struct timespec ts = { 0, CT_MS };
	unsigned char out[32];
	long ret = SYS_nanosleep;

	if (!__builtin_cpu_supports("avx")) {
		nanosleep(&ts, NULL);
		return 0;
	}
	asm volatile("vmovdqu %[in], %%ymm8\n\t"
		     "syscall\n\t"
		     "vmovdqu %%ymm8, %[out]\n\t"
		     : "+a"(ret), [out] "=m"(out)
		     : "D"(&ts), "S"(0), [in] "m"(in)
		     : "rcx", "r11", "xmm8", "memory");
	CT_EQ(s, 0, memcmp(in, out, sizeof(in)));
	return 0;
}

/* ---- doing it to oneself ------------------------------------------------- */

static long self_checkpoint(int dev, int img, int log)
{
	struct ckpt_ioc_checkpoint arg = {
		.size = sizeof(arg),
		.fd = img,
		.logfd = log,
		.flags = CHECKPOINT_SUBTREE | CHECKPOINT_SYNC_FILES,
		.workers = 1,
	};

	return ioctl(dev, CKPT_IOC_CHECKPOINT, &arg);
}

static long self_restart(int dev, int img, int log)
{
	struct ckpt_ioc_restart arg = {
		.size = sizeof(arg),
		.fd = img,
		.logfd = log,
		.flags = RESTART_TASKSELF | RESTART_FRESH_PIDS |
			 RESTART_NO_TIMENS,
		.workers = 1,
	};

	return ioctl(dev, CKPT_IOC_RESTART, &arg);
}

/* The tester arms the fault when all is open, and disarms it behind. */
static int command(struct ct_shared *s)
{
	bool save = s->data[SLOT_CMD] == CMD_CHECKPOINT;
	int dev = open(CKPT_DEVICE, O_RDWR);
	int img = save ? open("saved", O_RDWR | O_CREAT | O_TRUNC, 0600) :
			 open("image", O_RDONLY);
	int log = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	long ret;

	CT_CHECK(s, dev >= 0 && img >= 0 && log >= 0);
	s->data[SLOT_READY] = 1;
	while (!s->data[SLOT_ARM])
		sched_yield();
	ret = save ? self_checkpoint(dev, img, log) :
		     self_restart(dev, img, log);
	s->data[SLOT_RET] = ret;
	s->data[SLOT_ERRNO] = errno;
	s->data[SLOT_DONE] = 1;
	while (s->data[SLOT_CMD] != CMD_NONE)
		sched_yield();
	close(dev);
	close(img);
	close(log);
	return 0;
}

static int hold(struct ct_shared *s, const struct program *p)
{
	while (s->data[SLOT_HOLD] != HOLD_NOT) {
		s->data[SLOT_WHO] = p->who;
		s->data[SLOT_HELD] = 1;
		if (p->who == WHO_TARGET) /* a self restart went well */
			s->data[SLOT_DONE] = 1;
		if (s->data[SLOT_HOLD] == HOLD_ASLEEP)
			CT_DO(nap(s));
		else
			sched_yield();
	}
	return 0;
}

/**
 * fault_program() - the program
 * @s: shared with the tester
 * @arg: struct program
 *
 * Return: its exit status.
 */
int fault_program(struct ct_shared *s, void *arg)
{
	const struct program p = *(const struct program *)arg;

	CT_DO(make(s, &p));
	s->ready = 1;
	while (!s->go) {
		CT_DO(check(s, &p));
		s->data[SLOT_WHO] = p.who;
		s->data[SLOT_COUNT]++;
		if (p.who == WHO_SELF && s->data[SLOT_CMD] != CMD_NONE)
			CT_DO(command(s));
		CT_DO(nap(s));
		CT_DO(hold(s, &p));
	}
	return 0;
}
