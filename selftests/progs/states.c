// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: states sleep|poll|pause|spin|signals
 *
 * A program with some of everything that an image can hold, in a call that
 * sleeps, or in none.  Runs in an empty directory; writes its pid to "pid" and
 * then makes "ready".  With "signals" fast timers send it signals all the time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

static volatile sig_atomic_t nr_signals;
static volatile unsigned long spins;

static void on_signal(int sig)
{
	nr_signals += sig;
}

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void open_files(void)
{
	int fds[2], fd, i;

	fd = open("data", O_RDWR | O_CREAT | O_APPEND, 0644);
	need(write(fd, "0123456789", 10) == 10, "data");
	need(lseek(fd, 3, SEEK_SET) == 3, "lseek");
	need(dup(fd) > fd, "dup");
	need(!fcntl(fd, F_SETOWN, getpid()), "F_SETOWN");
	need(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) > fd, ".");
	for (i = 0; i < 3; i++) {
		need(!pipe2(fds, i ? O_DIRECT | O_NONBLOCK : 0), "pipe");
		need(write(fds[1], "unread", 6 - i) > 0, "write");
		need(write(fds[1], "and more of it", 14) > 0, "write");
		need(read(fds[0], &fd, 2) == 2, "read");
	}
	need(fcntl(fds[1], F_SETPIPE_SZ, 1 << 17) > 0, "F_SETPIPE_SZ");
}

/* Areas that a kernel would merge if it made them anew, and some flags. */
static void map_memory(void)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     *q;

	need(p != MAP_FAILED, "mmap");
	memset(p, 1, 32 * PAGE);
	memset(p + 8 * PAGE, 0, 4 * PAGE);
	need(!mprotect(p + 16 * PAGE, PAGE, PROT_READ), "mprotect");
	need(!mprotect(p + 40 * PAGE, 2 * PAGE, PROT_NONE), "mprotect");
	need(!madvise(p + 20 * PAGE, PAGE, MADV_DONTFORK), "madvise");
	need(!munmap(p + 50 * PAGE, PAGE), "munmap");
	q = mremap(p + 4 * PAGE, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	need(q != MAP_FAILED, "mremap");
	q[7 * PAGE] = 1;
	q = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(q != MAP_FAILED && !madvise(q, 4 << 20, MADV_HUGEPAGE), "mmap");
	memset(q, 2, 4 << 20);
	need(!mlock(p, 2 * PAGE), "mlock");
}

static void handle_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_ONSTACK | SA_RESTART };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	union sigval value = { .sival_int = 7 };
	sigset_t set;

	need(!sigaltstack(&ss, NULL), "sigaltstack");
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGUSR2);
	need(!sigaction(SIGALRM, &sa, NULL), "sigaction");
	need(!sigaction(SIGPROF, &sa, NULL), "sigaction");
	need(!sigaction(SIGRTMIN + 1, &sa, NULL), "sigaction");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	need(!sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
	raise(SIGUSR1);
	need(!sigqueue(getpid(), SIGRTMIN, value), "sigqueue");
	need(!sigqueue(getpid(), SIGRTMIN, value), "sigqueue");
}

static void timer(clockid_t clock, int sig, long first_ms, long interval_ms)
{
	struct sigevent event = { .sigev_notify = sig ? SIGEV_SIGNAL :
							SIGEV_NONE,
				  .sigev_signo = sig };
	struct itimerspec its = {
		.it_value = { first_ms / 1000, first_ms % 1000 * 1000000 },
		.it_interval = { interval_ms / 1000,
				 interval_ms % 1000 * 1000000 },
	};
	timer_t id;

	need(!timer_create(clock, &event, &id), "timer_create");
	need(!timer_settime(id, 0, &its, NULL), "timer_settime");
}

static void set_timers(int fast)
{
	struct itimerval real = { { 100, 0 }, { 100, 0 } };
	struct itimerval prof = { { 1000, 0 }, { 1000, 0 } };

	if (fast) {
		real = (struct itimerval){ { 0, 7000 }, { 0, 5000 } };
		prof = (struct itimerval){ { 0, 9000 }, { 0, 9000 } };
		timer(CLOCK_MONOTONIC, SIGRTMIN + 1, 3, 11);
		timer(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN + 1, 5, 5);
	}
	timer(CLOCK_MONOTONIC, SIGRTMIN + 1, 100000, 0);
	timer(CLOCK_BOOTTIME, 0, 100000, 1000);
	timer(CLOCK_REALTIME, SIGRTMIN + 1, 0, 0);
	need(!setitimer(ITIMER_REAL, &real, NULL), "setitimer");
	need(!setitimer(ITIMER_PROF, &prof, NULL), "setitimer");
}

static void set_limits(void)
{
	struct rlimit lim = { 100, 1000 };

	need(!setrlimit(RLIMIT_NOFILE, &lim), "setrlimit");
	need(!setpriority(PRIO_PROCESS, 0, 5), "setpriority");
	umask(027);
}

static void wait_forever(const char *how)
{
	struct timespec year = { 365 * 86400, 0 };
	int fds[2];
	struct pollfd pollfd = { .events = POLLIN };

	need(!pipe(fds), "pipe");
	pollfd.fd = fds[0];
	for (;;) {
		if (!strcmp(how, "sleep"))
			nanosleep(&year, NULL);
		else if (!strcmp(how, "poll"))
			poll(&pollfd, 1, 1000000000);
		else if (!strcmp(how, "pause"))
			pause();
		else
			spins++;
	}
}

int main(int argc, char **argv)
{
	FILE *f = fopen("pid", "w");

	need(f && argc == 2, "states");
	fprintf(f, "%d\n", getpid());
	fclose(f);
	open_files();
	map_memory();
	handle_signals();
	set_timers(!strcmp(argv[1], "signals"));
	set_limits();
	close(open("ready", O_WRONLY | O_CREAT, 0644));
	wait_forever(argv[1]);
}
