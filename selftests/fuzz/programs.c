// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs whose images are changed: small ones, which between them have
 * every kind of state that an image can hold; those of several tasks are in
 * trees.c.  A step that the machine does not know (protection keys, say) is left
 * out.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "hostile.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define PAGE 4096UL

int hostile_drop(void)
{
	const gid_t group = HOSTILE_UID;

	return setgroups(1, &group) ||
			       setresgid(HOSTILE_UID, HOSTILE_UID,
					 HOSTILE_UID) ||
			       setresuid(HOSTILE_UID, HOSTILE_UID,
					 HOSTILE_UID) ?
		       -1 :
		       0;
}

static void say_ready(int ready)
{
	if (write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
}

static void become_idle(void)
{
}

static void become_files(void)
{
	struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getpid() };
	int fd = open("data", O_RDWR | O_CREAT, 0600);

	if (fd < 0 || write(fd, "some bytes", 10) != 10)
		_exit(1);
	lseek(fd, 3, SEEK_SET);
	dup2(fd, 20);
	fcntl(20, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETSIG, SIGRTMIN);
	fcntl(fd, F_SETOWN_EX, &owner);
	open("data", O_RDONLY | O_NONBLOCK);
	open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	open(".", O_RDONLY | O_DIRECTORY);
	open("/dev/zero", O_RDWR);
	open("/dev/full", O_WRONLY);
	open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	open("/etc/passwd", O_RDONLY);
	umask(027);
	if (chdir("/usr"))
		_exit(1);
}

static void become_pipes(void)
{
	int a[2], b[2], c[2];
	char data[6000] = "x";

	if (pipe(a) || pipe2(b, O_DIRECT | O_NONBLOCK) || pipe2(c, O_CLOEXEC) ||
	    write(a[1], data, sizeof(data)) < 0 || write(b[1], "one", 3) < 0 ||
	    write(b[1], "two", 3) < 0)
		_exit(1);
	fcntl(c[1], F_SETPIPE_SZ, 8192);
	close(c[0]); /* a writer alone */
	dup(a[1]);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void become_timers(void)
{
	struct itimerval it = { .it_value.tv_sec = 1000,
				.it_interval.tv_sec = 3 };
	struct itimerspec in = { .it_value.tv_sec = 2000,
				 .it_interval.tv_nsec = 5000000 };
	struct itimerspec at = { .it_value.tv_sec = 4000000000 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN,
			       .sigev_value.sival_int = 77 };
	timer_t t;

	signal(SIGRTMIN, on_signal);
	setitimer(ITIMER_REAL, &it, NULL);
	setitimer(ITIMER_VIRTUAL, &it, NULL);
	setitimer(ITIMER_PROF, &it, NULL);
	if (!timer_create(CLOCK_MONOTONIC, &ev, &t))
		timer_settime(t, 0, &in, NULL);
	if (!timer_create(CLOCK_REALTIME, &ev, &t))
		timer_settime(t, TIMER_ABSTIME, &at, NULL);
	ev.sigev_notify = SIGEV_NONE;
	if (!timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &t))
		timer_settime(t, 0, &in, NULL);
	timer_create(CLOCK_BOOTTIME, &ev, &t);
}

static void become_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART | SA_ONSTACK };
	stack_t stack = { .ss_size = 16 * PAGE };
	union sigval value = { .sival_int = 5 };
	sigset_t all;
	int i;

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGRTMAX, &sa, NULL);
	signal(SIGHUP, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 1, value);
	kill(getpid(), SIGUSR1);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
	syscall(SYS_tgkill, getpid(), getpid(), SIGRTMAX);
}

/* Areas that differ side by side, some with contents. */
static void become_memory(void)
{
	int fd = open("map", O_RDWR | O_CREAT, 0600),
	    rw = PROT_READ | PROT_WRITE;
	int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	char *p;

	if (fd < 0 || ftruncate(fd, 8 * PAGE))
		_exit(1);
	p = mmap(NULL, 32 * PAGE, rw, anon | MAP_NORESERVE, -1, 0);
	memset(p, 0x11, PAGE);
	memset(p + 9 * PAGE, 0x99, PAGE);
	p[12 * PAGE] = 0; /* a page of zeros */
	mprotect(p, PAGE, PROT_NONE);
	mprotect(p + 4 * PAGE, PAGE, PROT_READ);
	madvise(p + 8 * PAGE, PAGE, MADV_DONTFORK);
	madvise(p + 10 * PAGE, PAGE, MADV_DONTDUMP);
	madvise(p + 14 * PAGE, PAGE, MADV_SEQUENTIAL);
	madvise(p + 16 * PAGE, PAGE, MADV_WIPEONFORK);
	madvise(p + 18 * PAGE, PAGE, MADV_MERGEABLE);
	mlock(p + 20 * PAGE, PAGE);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p + 22 * PAGE, PAGE, "named");
	pkey_mprotect(p + 24 * PAGE, PAGE, rw, pkey_alloc(0, 0));
	p = mmap(NULL, 4 * PAGE, rw, MAP_PRIVATE, fd, PAGE);
	*p = 1; /* a copy */
	mmap(NULL, 4 * PAGE, rw, MAP_SHARED, fd, 0);
	mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
	mmap(NULL, 4 * PAGE, rw, anon | MAP_GROWSDOWN, -1, 0);
	close(fd);
	p = mmap(NULL, 1024 * PAGE, rw, anon, -1, 0);
	madvise(p, 1024 * PAGE, MADV_HUGEPAGE);
	p = (char *)(((uintptr_t)p + 512 * PAGE) & ~(512 * PAGE - 1));
	p[0] = 1;
	sbrk(3 * PAGE);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
		0);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

static void become_filtered(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_acct, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = insns };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG,
		&prog);
}

static void become_task(void)
{
	struct rlimit files = { 64, 512 }, none = { 0, 0 };
	struct sched_param param = { 0 };
	cpu_set_t one;
	int fd;

	prctl(PR_SET_NAME, "an odd (name)");
	nice(5);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param);
	syscall(SYS_ioprio_set, 1, 0, 3 << 13 | 2);
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_KEEPCAPS, 1);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &none);
	personality(ADDR_NO_RANDOMIZE | STICKY_TIMEOUTS);
	fd = open("/proc/self/oom_score_adj", O_WRONLY);
	if (write(fd, "300", 3) != 3)
		_exit(1);
	close(fd);
}

/* ---- and what they wait in ---- */

static void wait_pause(void)
{
	for (;;)
		pause();
}

static void wait_sleep(void)
{
	struct timespec left = { .tv_sec = 100000 };

	nanosleep(&left, &left);
}

static void wait_poll(void)
{
	poll(NULL, 0, 100000000);
}

static void wait_futex(void)
{
	static uint32_t word;
	struct timespec left = { .tv_sec = 100000 };

	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &left);
}

static void wait_cpu_clock(void)
{
	struct timespec left = { .tv_sec = 100000 };

	clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &left, &left);
}

static void wait_strict(void)
{
	char c;
	int ends[2];

	if (pipe(ends) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(1);
	while (syscall(SYS_read, ends[0], &c, 1) < 0)
		;
}

/* In user space, the vector registers full. */
static void wait_spin(void)
{
	__asm__ volatile("vpcmpeqd %%ymm1, %%ymm1, %%ymm1\n"
			 "fldpi\n"
			 "1: pause\n"
			 "jmp 1b" ::
				 : "xmm1", "memory");
}

static const struct {
	const char *name;
	void (*become)(void);
	void (*wait)(void);
	unsigned long flags; /* of clone() */
	bool tree; /* it has other tasks */
} programs[] = {
	{ "idle", become_idle, wait_pause, 0, false },
	{ "files", become_files, wait_pause, 0, false },
	{ "pipes", become_pipes, wait_poll, 0, false },
	{ "timers", become_timers, wait_sleep, 0, false },
	{ "signals", become_signals, wait_futex, 0, false },
	{ "memory", become_memory, wait_pause, 0, false },
	{ "filtered", become_filtered, wait_sleep, 0, false },
	{ "strict", become_idle, wait_strict, 0, false },
	{ "task", become_task, wait_cpu_clock, 0, false },
	{ "spin", become_pipes, wait_spin, 0, false },
	{ "threads", hostile_threads, wait_futex, 0, true },
	{ "leaderless", hostile_leaderless, hostile_wait_exited, 0, true },
	{ "family", hostile_family, wait_pause, 0, true },
	{ "zombies", hostile_zombies, wait_sleep, 0, true },
	{ "sharing", hostile_sharing, wait_poll, 0, true },
	{ "container", hostile_init, wait_pause, CLONE_NEWPID, true },
};

const char *hostile_program(int n)
{
	return (size_t)n < sizeof(programs) / sizeof(programs[0]) ?
		       programs[n].name :
		       NULL;
}

unsigned long hostile_clone_flags(int n)
{
	return programs[n].flags;
}

void hostile_become(int n, int ready)
{
	if (programs[n].tree)
		hostile_tree_begin(ready);
	programs[n].become();
	say_ready(ready);
	programs[n].wait();
	_exit(0);
}
