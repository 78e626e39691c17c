// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that a checkpoint finds in the middle: each goes on after the
 * restart with the time that was left, and ends with the result that it would
 * have had.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

/* A wait of 4 s, stopped after 2 s, and 1 s of not being there at all. */
#define WAIT_NS (4 * CT_SEC)
#define BEFORE_NS (2 * CT_SEC)
#define AWAY_MS 1000
#define EARLY_NS (20 * CT_MS)
/* The virtual machine is slow, and shares its host. */
#define LATE_NS (1500 * CT_MS)

CT_FIXTURE(syscall)

/* What a program says in data[]. */
enum { D_START, D_RETURNED, D_ERRNO };

static void begin(struct ct_shared *s)
{
	s->data[D_START] = ct_now();
	s->ready = 1;
	errno = 0;
}

/* The wait is over: not too early on the program's own clock. */
static int end_wait(struct ct_shared *s, long ret, long want, int want_errno)
{
	int err = errno;
	int64_t took = ct_now() - s->data[D_START];

	CT_EQ(s, want, ret);
	if (ret < 0)
		CT_EQ(s, want_errno, err);
	CT_IN(s, WAIT_NS - EARLY_NS, WAIT_NS + LATE_NS, took);
	s->ready = 2;
	return 0;
}

static struct timespec span(int64_t ns)
{
	return (struct timespec){ ns / CT_SEC, ns % CT_SEC };
}

static struct timespec deadline(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return span(ts.tv_sec * CT_SEC + ts.tv_nsec + WAIT_NS);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * CT_SEC + ts.tv_nsec;
}

/*
 * Brings @fn into call @nr, and out of the world for a second; the wait must
 * then last as long as it had left, as the tester's clock has it.
 */
static int goes_on(struct ct *ct, ct_fn fn, long nr)
{
	int64_t start, before, after, restarted, took;

	if (ct_start(ct, fn, NULL) || ct_reach(ct, 1))
		return -1;
	start = ct_now();
	if (ct_in_syscall(ct, nr))
		return -1;
	ct_sleep_ms((start + BEFORE_NS - ct_now()) / CT_MS);
	before = ct_now();
	if (ct_checkpoint(ct, CT_KILL))
		return -1;
	after = ct_now();
	ct_sleep_ms(AWAY_MS);
	restarted = ct_now();
	if (ct_restart(ct) || ct_reach(ct, 2))
		return -1;
	took = ct_now() - restarted;
	if (ct_join(ct))
		return -1;
	if (took < WAIT_NS - (after - start) - EARLY_NS ||
	    took > WAIT_NS - (before - start) + LATE_NS)
		return ct_say("%lld ms after the restart, %lld were left",
			      (long long)(took / CT_MS),
			      (long long)(WAIT_NS - (before - start)) / CT_MS);
	return 0;
}

#define GOES_ON(name, nr)                                   \
	TEST_F(syscall, name)                               \
	{                                                   \
		ASSERT_EQ(0, goes_on(&self->ct, name, nr)); \
	}

/* ---- sleeping ---------------------------------------------------- */

static int nanosleep_goes_on(struct ct_shared *s, void *arg)
{
	struct timespec ts = span(WAIT_NS), left = { 77, 77 };
	int ret;

	begin(s);
	ret = syscall(SYS_nanosleep, &ts, &left);
	CT_DO(end_wait(s, ret, 0, 0));
	return 0;
}

GOES_ON(nanosleep_goes_on, SYS_nanosleep)

static int sleep_on(struct ct_shared *s, clockid_t clock, int flags)
{
	struct timespec ts = flags ? deadline(clock) : span(WAIT_NS);
	int ret;

	begin(s);
	ret = syscall(SYS_clock_nanosleep, clock, flags, &ts, NULL);
	return end_wait(s, ret, 0, 0);
}

#define SLEEPS(name, clock, flags)                      \
	static int name(struct ct_shared *s, void *arg) \
	{                                               \
		return sleep_on(s, clock, flags);       \
	}                                               \
	GOES_ON(name, SYS_clock_nanosleep)

SLEEPS(monotonic_sleep, CLOCK_MONOTONIC, 0)
SLEEPS(realtime_sleep, CLOCK_REALTIME, 0)
SLEEPS(boottime_sleep, CLOCK_BOOTTIME, 0)
SLEEPS(monotonic_deadline, CLOCK_MONOTONIC, TIMER_ABSTIME)
SLEEPS(boottime_deadline, CLOCK_BOOTTIME, TIMER_ABSTIME)

/* These would wake a suspended machine. */
SLEEPS(boottime_alarm, CLOCK_BOOTTIME_ALARM, 0)
SLEEPS(realtime_alarm, CLOCK_REALTIME_ALARM, 0)

/* A deadline on the wall clock is the same one after a restart. */
static int realtime_deadline(struct ct_shared *s, void *arg)
{
	int64_t late;
	struct timespec ts = deadline(CLOCK_REALTIME);

	begin(s);
	CT_EQ(s, 0,
	      syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts,
		      NULL));
	late = clock_ns(CLOCK_REALTIME) - (ts.tv_sec * CT_SEC + ts.tv_nsec);
	CT_IN(s, 0, LATE_NS, late);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, realtime_deadline)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, realtime_deadline, NULL,
				      SYS_clock_nanosleep));
}

static int sleeps_over_two_restarts(struct ct_shared *s, void *arg)
{
	return nanosleep_goes_on(s, arg);
}

TEST_F(syscall, sleeps_over_two_restarts)
{
	struct ct *ct = &self->ct;
	int i;

	ASSERT_EQ(0, ct_start(ct, sleeps_over_two_restarts, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ct_in_syscall(ct, i ? SYS_restart_syscall :
						   SYS_nanosleep));
		ct_sleep_ms(700);
		ASSERT_EQ(1, ct->s->ready);
		ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
		ct_sleep_ms(AWAY_MS);
		ASSERT_EQ(0, ct_restart(ct));
	}
	ASSERT_EQ(0, ct_join(ct));
	ASSERT_EQ(2, ct->s->ready);
}

/* A checkpoint that does not kill neither ends nor prolongs the sleep. */
TEST_F(syscall, sleep_is_not_disturbed_by_a_checkpoint)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, nanosleep_goes_on, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_in_syscall(ct, SYS_nanosleep));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ASSERT_EQ(0, ct_finish(ct));
	ASSERT_EQ(2, ct->s->ready);
}

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	handled++;
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(sig, &sa, NULL);
}

/* After the restart a signal ends the sleep, and the rest is right. */
static int interrupted_sleep_tells_the_rest(struct ct_shared *s, void *arg)
{
	struct timespec ts = { 100, 0 }, left = { 0, 0 };

	handle(SIGUSR1, SA_RESTART);
	s->ready = 1;
	CT_EQ(s, -1, syscall(SYS_nanosleep, &ts, &left));
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, handled);
	CT_EQ(s, 1, s->restarted);
	CT_IN(s, 90, 99, left.tv_sec);
	return 0;
}

static int signal_after_restart(struct ct *ct, ct_fn fn, long nr, int again)
{
	if (ct_start(ct, fn, NULL) || ct_reach(ct, 1) || ct_in_syscall(ct, nr))
		return -1;
	if (ct_checkpoint(ct, CT_KILL) || ct_restart(ct))
		return -1;
	if (ct_in_syscall(ct, again))
		return -1;
	if (kill(ct->pid, SIGUSR1))
		return ct_say("kill: %m");
	return ct_join(ct);
}

TEST_F(syscall, interrupted_sleep_tells_the_rest)
{
	ASSERT_EQ(0, signal_after_restart(&self->ct,
					  interrupted_sleep_tells_the_rest,
					  SYS_nanosleep, SYS_restart_syscall));
}

/* ---- waiting for files ------------------------------------------- */

static int poll_goes_on(struct ct_shared *s, void *arg)
{
	int fds[2];
	struct pollfd pfd = { .events = POLLIN };

	CT_EQ(s, 0, pipe(fds));
	pfd.fd = fds[0];
	begin(s);
	return end_wait(s, syscall(SYS_poll, &pfd, 1, WAIT_NS / CT_MS), 0, 0);
}

GOES_ON(poll_goes_on, SYS_poll)

static int ppoll_goes_on(struct ct_shared *s, void *arg)
{
	int fds[2];
	struct pollfd pfd = { .events = POLLIN };
	struct timespec ts = span(WAIT_NS);

	CT_EQ(s, 0, pipe(fds));
	pfd.fd = fds[0];
	begin(s);
	return end_wait(s, syscall(SYS_ppoll, &pfd, 1, &ts, NULL, 8), 0, 0);
}

GOES_ON(ppoll_goes_on, SYS_ppoll)

static int select_goes_on(struct ct_shared *s, void *arg)
{
	struct timeval tv = { WAIT_NS / CT_SEC, 0 };
	int fds[2];
	fd_set set;

	CT_EQ(s, 0, pipe(fds));
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	begin(s);
	return end_wait(s,
			syscall(SYS_select, fds[0] + 1, &set, NULL, NULL, &tv),
			0, 0);
}

GOES_ON(select_goes_on, SYS_select)

static int pselect_goes_on(struct ct_shared *s, void *arg)
{
	struct timespec ts = span(WAIT_NS);
	int fds[2];
	fd_set set;

	CT_EQ(s, 0, pipe(fds));
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	begin(s);
	return end_wait(s,
			syscall(SYS_pselect6, fds[0] + 1, &set, NULL, NULL, &ts,
				NULL),
			0, 0);
}

GOES_ON(pselect_goes_on, SYS_pselect6)

static int alarm_fd;

static void write_to_pipe(int sig)
{
	handled++;
	if (write(alarm_fd, "hello", 5) != 5)
		_exit(99);
}

/* The alarm, too, goes on; its handler feeds the pipe being read or polled. */
static int feed_after_wait(struct ct_shared *s, int fds[2])
{
	struct sigaction sa = { .sa_handler = write_to_pipe,
				.sa_flags = SA_RESTART };

	CT_EQ(s, 0, pipe(fds));
	alarm_fd = fds[1];
	CT_EQ(s, 0, sigaction(SIGALRM, &sa, NULL));
	alarm(WAIT_NS / CT_SEC);
	return 0;
}

static int read_goes_on(struct ct_shared *s, void *arg)
{
	char buf[16];
	long ret;
	int fds[2];

	CT_DO(feed_after_wait(s, fds));
	begin(s);
	ret = read(fds[0], buf, sizeof(buf));
	CT_EQ(s, 1, handled);
	CT_DO(end_wait(s, ret, 5, 0));
	CT_EQ(s, 0, memcmp(buf, "hello", 5));
	return 0;
}

GOES_ON(read_goes_on, SYS_read)

static int endless_poll_ends_by_a_signal(struct ct_shared *s, void *arg)
{
	struct pollfd pfd = { .events = POLLIN };
	int fds[2], ret;

	CT_DO(feed_after_wait(s, fds));
	pfd.fd = fds[0];
	begin(s);
	ret = syscall(SYS_poll, &pfd, 1, -1);
	CT_EQ(s, 1, handled);
	return end_wait(s, ret, -1, EINTR);
}

GOES_ON(endless_poll_ends_by_a_signal, SYS_poll)

/* Without SA_RESTART the read ends. */
static int read_ends_with_eintr(struct ct_shared *s, void *arg)
{
	char c;
	int fds[2];

	CT_EQ(s, 0, pipe(fds));
	handle(SIGUSR1, 0);
	s->ready = 1;
	CT_EQ(s, -1, read(fds[0], &c, 1));
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, handled);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, read_ends_with_eintr)
{
	ASSERT_EQ(0, signal_after_restart(&self->ct, read_ends_with_eintr,
					  SYS_read, SYS_read));
}

/*
 * A freeze ends a write after what has gone in, as a signal would: the count
 * is right, and what has gone in is still there after the restart.
 */
static int partial_write_is_kept(struct ct_shared *s, void *arg)
{
	static char out[3 * 65536], in[3 * 65536];
	size_t got = 0, i;
	ssize_t n, r;
	int fds[2];

	for (i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / 4096;
	CT_EQ(s, 0, pipe(fds));
	s->ready = 1;
	n = write(fds[1], out, sizeof(out));
	CT_EQ(s, 65536, n);
	ct_step(s, 2);
	CT_EQ(s, 1, s->restarted);
	while (got < (size_t)n) {
		r = read(fds[0], in + got, n - got);
		CT_CHECK(s, r > 0);
		got += r;
	}
	CT_EQ(s, 0, memcmp(in, out, n));
	return 0;
}

TEST_F(syscall, partial_write_is_kept)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, partial_write_is_kept, NULL,
				      SYS_write));
}

/* ---- waiting for signals ----------------------------------------- */

static int pause_goes_on(struct ct_shared *s, void *arg)
{
	handle(SIGUSR1, SA_RESTART);
	s->ready = 1;
	CT_EQ(s, -1, pause());
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, handled);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, pause_goes_on)
{
	ASSERT_EQ(0, signal_after_restart(&self->ct, pause_goes_on, SYS_pause,
					  SYS_pause));
}

/* Inside the signal is open, behind it the old mask is back. */
static int sigsuspend_goes_on(struct ct_shared *s, void *arg)
{
	sigset_t usr1, usr2, now;

	handle(SIGUSR1, SA_RESTART);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, &usr1, NULL));
	s->ready = 1;
	CT_EQ(s, -1, sigsuspend(&usr2));
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, handled);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &now));
	CT_CHECK(s, sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
	return 0;
}

TEST_F(syscall, sigsuspend_goes_on)
{
	ASSERT_EQ(0,
		  signal_after_restart(&self->ct, sigsuspend_goes_on,
				       SYS_rt_sigsuspend, SYS_rt_sigsuspend));
}

/*
 * A freeze ends sigtimedwait() with EINTR; a restart begins it again.  It is
 * not the time that is left then, but never less.
 */
static int sigtimedwait_begins_again(struct ct_shared *s, void *arg)
{
	struct timespec ts = { 1, 500 * CT_MS };
	int64_t took;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &set, NULL));
	begin(s);
	CT_EQ(s, -1, sigtimedwait(&set, NULL, &ts));
	CT_EQ(s, EAGAIN, errno);
	took = ct_now() - s->data[D_START];
	CT_IN(s, 1500 * CT_MS - EARLY_NS, 3000 * CT_MS + LATE_NS, took);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, sigtimedwait_begins_again)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, sigtimedwait_begins_again,
				      NULL, SYS_rt_sigtimedwait));
}

/* The signal came when it was frozen: its handler runs, and the call has ended. */
static int sigwaitinfo_ends_with_a_handler(struct ct_shared *s, void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &set, NULL));
	handle(SIGUSR1, SA_RESTART);
	s->ready = 1;
	CT_EQ(s, -1, sigwaitinfo(&set, NULL));
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, handled);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

#define GROUP "/sys/fs/cgroup/ckpt-syscall-test"

static int stop_in_group(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	if (mkdir(GROUP, 0755) || ct_write_file(GROUP "/cgroup.procs", text) ||
	    ct_write_file(GROUP "/cgroup.freeze", "1"))
		return ct_say(GROUP ": %m");
	while (1) {
		char *events = ct_read_file(GROUP "/cgroup.events");
		bool frozen = events && strstr(events, "frozen 1");

		free(events);
		if (frozen)
			return 0;
		ct_sleep_ms(1);
	}
}

static int signal_when_frozen(struct ct *ct)
{
	if (ct_start(ct, sigwaitinfo_ends_with_a_handler, NULL) ||
	    ct_reach(ct, 1) || ct_in_syscall(ct, SYS_rt_sigtimedwait) ||
	    stop_in_group(ct->pid))
		return -1;
	if (kill(ct->pid, SIGUSR1))
		return ct_say("kill: %m");
	if (ct_checkpoint(ct, CT_KILL))
		return -1;
	if (ct_write_file(GROUP "/cgroup.freeze", "0") || rmdir(GROUP))
		return ct_say(GROUP ": %m");
	return ct_restart(ct) ? -1 : ct_join(ct);
}

TEST_F(syscall, sigwaitinfo_ends_with_a_handler)
{
	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	EXPECT_EQ(0, signal_when_frozen(&self->ct));
	ct_write_file(GROUP "/cgroup.freeze", "0");
	ct_kill(&self->ct);
	rmdir(GROUP);
}

static int sigwaitinfo_takes_the_signal(struct ct_shared *s, void *arg)
{
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &set, NULL));
	s->ready = 1;
	CT_EQ(s, SIGUSR1, sigwaitinfo(&set, &si));
	CT_EQ(s, SI_USER, si.si_code);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, sigwaitinfo_takes_the_signal)
{
	ASSERT_EQ(0,
		  signal_after_restart(&self->ct, sigwaitinfo_takes_the_signal,
				       SYS_rt_sigtimedwait,
				       SYS_rt_sigtimedwait));
}

/* ---- futexes ----------------------------------------------------- */

static int futex_word = 5;

static int futex_goes_on(struct ct_shared *s, void *arg)
{
	struct timespec ts = span(WAIT_NS);

	begin(s);
	return end_wait(s,
			syscall(SYS_futex, &futex_word,
				FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 5, &ts, NULL,
				0),
			-1, ETIMEDOUT);
}

GOES_ON(futex_goes_on, SYS_futex)

static int futex_deadline(struct ct_shared *s, void *arg)
{
	struct timespec ts = deadline(CLOCK_MONOTONIC);

	begin(s);
	return end_wait(s,
			syscall(SYS_futex, &futex_word,
				FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 5, &ts,
				NULL, FUTEX_BITSET_MATCH_ANY),
			-1, ETIMEDOUT);
}

GOES_ON(futex_deadline, SYS_futex)

static int futex_realtime_deadline(struct ct_shared *s, void *arg)
{
	struct timespec ts = deadline(CLOCK_REALTIME);
	int64_t late;

	begin(s);
	CT_EQ(s, -1,
	      syscall(SYS_futex, &futex_word,
		      FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG |
			      FUTEX_CLOCK_REALTIME,
		      5, &ts, NULL, FUTEX_BITSET_MATCH_ANY));
	CT_EQ(s, ETIMEDOUT, errno);
	late = clock_ns(CLOCK_REALTIME) - (ts.tv_sec * CT_SEC + ts.tv_nsec);
	CT_IN(s, 0, LATE_NS, late);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, futex_realtime_deadline)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, futex_realtime_deadline, NULL,
				      SYS_futex));
}

/* The word has changed meanwhile: the wait must see it. */
static int futex_in_a_file_sees_a_change(struct ct_shared *s, void *arg)
{
	int *word = (int *)&s->data[8];

	*word = 5;
	s->ready = 1;
	CT_EQ(s, -1, syscall(SYS_futex, word, FUTEX_WAIT, 5, NULL, NULL, 0));
	CT_EQ(s, EAGAIN, errno);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(syscall, futex_in_a_file_sees_a_change)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, futex_in_a_file_sees_a_change, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_in_syscall(ct, SYS_futex));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ct->s->data[8] = 6;
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
}

/* ---- the clocks -------------------------------------------------- */

static int clocks_go_on(struct ct_shared *s, void *arg)
{
	int64_t mono = clock_ns(CLOCK_MONOTONIC);
	int64_t boot = clock_ns(CLOCK_BOOTTIME);
	int64_t real = clock_ns(CLOCK_REALTIME);

	ct_step(s, 1);
	mono = clock_ns(CLOCK_MONOTONIC) - mono;
	boot = clock_ns(CLOCK_BOOTTIME) - boot;
	real = clock_ns(CLOCK_REALTIME) - real;
	CT_IN(s, 0, real - AWAY_MS * CT_MS, mono);
	CT_IN(s, 0, real - AWAY_MS * CT_MS, boot);
	return 0;
}

/* The time away is none on the clocks that count what has passed. */
TEST_F(syscall, clocks_do_not_count_the_time_away)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, clocks_go_on, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ct_sleep_ms(AWAY_MS);
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_join(ct));
}

/* ---- what is refused ----------------------------------------------- */

/* nanosleep() by the entry of 32-bit programs, where its number is 162. */
static int sleeps_as_32_bits(struct ct_shared *s, void *arg)
{
	int *span; /* seconds, nanoseconds */
	long ret = 162;

	span = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CT_CHECK(s, span != MAP_FAILED);
	span[0] = 3;
	s->ready = 1;
	asm volatile("int $0x80"
		     : "+a"(ret)
		     : "b"(span), "c"(0L)
		     : "r8", "r9", "r10", "r11", "memory");
	CT_EQ(s, 0, (int)ret);
	return 0;
}

TEST_F(syscall, sleep_by_the_entry_of_32_bits_is_refused)
{
	ASSERT_EQ(0, ct_start(&self->ct, sleeps_as_32_bits, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ct_sleep_ms(500);
	ASSERT_EQ(0, ct_refused(&self->ct, "32-bit system call|not supported"));
}

TEST_HARNESS_MAIN
