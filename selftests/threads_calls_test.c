// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread inside each kind of system call that may wait for long: after the
 * restart it still waits, and it gets what ends it then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/futex.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(calls)

#define LONG_S 1000

struct caller {
	struct ct_shared *s;
	const struct call *call;
	pthread_t thread;
	pid_t tid;
	pid_t child;
	int fds[2];
	volatile uint32_t word; /* for futex() */
	volatile bool over;
};

/*
 * @nr: number of the call
 * @enter: waits in it, and looks at its result: 0, or 1 after ct_fail()
 * @end: ends the wait; NULL: a signal does, and the call is interrupted
 */
struct call {
	const char *name;
	long nr;
	int (*enter)(struct caller *c);
	int (*end)(struct caller *c);
	bool freezer_ends; /* any freeze ends it with EINTR, where it goes on */
};

static int write_one(struct caller *c)
{
	CT_EQ(c->s, 1, write(c->fds[1], "w", 1));
	return 0;
}

/* ---- pipes ------------------------------------------------------- */

static int enter_read(struct caller *c)
{
	char byte = 0;

	CT_EQ(c->s, 1, read(c->fds[0], &byte, 1));
	CT_EQ(c->s, 'w', byte);
	return 0;
}

static int enter_readv(struct caller *c)
{
	char bytes[2] = "";
	struct iovec io[2] = { { bytes, 1 }, { bytes + 1, 1 } };

	CT_EQ(c->s, 1, syscall(SYS_readv, c->fds[0], io, 2));
	CT_EQ(c->s, 'w', bytes[0]);
	return 0;
}

static int enter_write(struct caller *c)
{
	static const char buf[8192];
	int room = fcntl(c->fds[1], F_SETPIPE_SZ, 4096);

	CT_EQ(c->s, 4096, room);
	CT_EQ(c->s, room, write(c->fds[1], buf, room));
	CT_EQ(c->s, 10, write(c->fds[1], "0123456789", 10));
	return 0;
}

static int end_write(struct caller *c)
{
	char buf[4096];

	CT_EQ(c->s, 4096, read(c->fds[0], buf, 4096));
	CT_EQ(c->s, 10, read(c->fds[0], buf, 10));
	CT_EQ(c->s, 0, memcmp(buf, "0123456789", 10));
	return 0;
}

static int enter_splice(struct caller *c)
{
	int out[2];
	char byte = 0;

	CT_EQ(c->s, 0, pipe(out));
	CT_EQ(c->s, 1, splice(c->fds[0], NULL, out[1], NULL, 1, 0));
	CT_EQ(c->s, 1, read(out[0], &byte, 1));
	CT_EQ(c->s, 'w', byte);
	close(out[0]);
	close(out[1]);
	return 0;
}

static int enter_tee(struct caller *c)
{
	int out[2];
	char byte = 0;

	CT_EQ(c->s, 0, pipe(out));
	CT_EQ(c->s, 1, tee(c->fds[0], out[1], 1, 0));
	CT_EQ(c->s, 1, read(out[0], &byte, 1));
	CT_EQ(c->s, 'w', byte);
	close(out[0]);
	close(out[1]);
	return 0;
}

/* ---- poll and select --------------------------------------------- */

static int enter_poll(struct caller *c)
{
	struct pollfd p = { c->fds[0], POLLIN };

	CT_EQ(c->s, 1, syscall(SYS_poll, &p, 1, -1));
	CT_EQ(c->s, POLLIN, p.revents);
	return 0;
}

static int enter_poll_with_limit(struct caller *c)
{
	struct pollfd p = { c->fds[0], POLLIN };

	CT_EQ(c->s, 1, syscall(SYS_poll, &p, 1, LONG_S * 1000));
	CT_EQ(c->s, POLLIN, p.revents);
	return 0;
}

static int enter_ppoll(struct caller *c)
{
	struct pollfd p = { c->fds[0], POLLIN };
	struct timespec limit = { LONG_S };
	sigset_t mask;

	sigfillset(&mask);
	CT_EQ(c->s, 1, ppoll(&p, 1, &limit, &mask));
	CT_EQ(c->s, POLLIN, p.revents);
	return 0;
}

static int enter_select(struct caller *c)
{
	struct timeval limit = { LONG_S };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(c->fds[0], &set);
	CT_EQ(c->s, 1,
	      syscall(SYS_select, c->fds[0] + 1, &set, NULL, NULL, &limit));
	CT_CHECK(c->s, FD_ISSET(c->fds[0], &set));
	CT_IN(c->s, LONG_S / 2, LONG_S, limit.tv_sec);
	return 0;
}

static int enter_pselect(struct caller *c)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(c->fds[0], &set);
	CT_EQ(c->s, 1, pselect(c->fds[0] + 1, &set, NULL, NULL, NULL, NULL));
	CT_CHECK(c->s, FD_ISSET(c->fds[0], &set));
	return 0;
}

/* ---- futex ------------------------------------------------------- */

static int end_futex(struct caller *c)
{
	c->word = 1;
	CT_EQ(c->s, 1, syscall(SYS_futex, &c->word, FUTEX_WAKE_PRIVATE, 1));
	return 0;
}

static int enter_futex(struct caller *c)
{
	CT_EQ(c->s, 0,
	      syscall(SYS_futex, &c->word, FUTEX_WAIT_PRIVATE, 0, NULL));
	CT_EQ(c->s, 1, c->word);
	return 0;
}

static int enter_futex_with_limit(struct caller *c)
{
	struct timespec limit = { LONG_S };

	CT_EQ(c->s, 0,
	      syscall(SYS_futex, &c->word, FUTEX_WAIT_PRIVATE, 0, &limit));
	CT_EQ(c->s, 1, c->word);
	return 0;
}

static int enter_futex_bitset(struct caller *c)
{
	struct timespec limit;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += LONG_S;
	CT_EQ(c->s, 0,
	      syscall(SYS_futex, &c->word, FUTEX_WAIT_BITSET_PRIVATE, 0, &limit,
		      NULL, 4));
	CT_EQ(c->s, 1, c->word);
	return 0;
}

/* Only who has the bit is woken. */
static int end_futex_bitset(struct caller *c)
{
	CT_EQ(c->s, 0,
	      syscall(SYS_futex, &c->word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL,
		      NULL, 2));
	c->word = 1;
	CT_EQ(c->s, 1,
	      syscall(SYS_futex, &c->word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL,
		      NULL, 4));
	return 0;
}

static int enter_futex_waitv(struct caller *c)
{
	uint32_t other = 5;
	struct futex_waitv wait[2] = {
		{ .val = 5,
		  .uaddr = (uintptr_t)&other,
		  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		{ .val = 0,
		  .uaddr = (uintptr_t)&c->word,
		  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};

	CT_EQ(c->s, 1, syscall(SYS_futex_waitv, wait, 2, 0, NULL, 0));
	CT_EQ(c->s, 1, c->word);
	return 0;
}

/* ---- sleeps ------------------------------------------------------ */

static int enter_nanosleep(struct caller *c)
{
	struct timespec limit = { LONG_S }, rest = { 0 };

	CT_EQ(c->s, -1, syscall(SYS_nanosleep, &limit, &rest));
	CT_EQ(c->s, EINTR, errno);
	CT_IN(c->s, LONG_S / 2, LONG_S, rest.tv_sec);
	return 0;
}

static int enter_clock_nanosleep(struct caller *c)
{
	struct timespec limit;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += LONG_S;
	CT_EQ(c->s, -1,
	      syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME,
		      &limit, NULL));
	CT_EQ(c->s, EINTR, errno);
	return 0;
}

/* ---- signals ----------------------------------------------------- */

static int enter_pause(struct caller *c)
{
	CT_EQ(c->s, -1, syscall(SYS_pause));
	CT_EQ(c->s, EINTR, errno);
	return 0;
}

/* Open for SIGUSR1 only while it waits. */
static int enter_sigsuspend(struct caller *c)
{
	sigset_t mask, none;

	sigemptyset(&mask);
	sigemptyset(&none);
	sigaddset(&mask, SIGUSR1);
	CT_EQ(c->s, 0, pthread_sigmask(SIG_BLOCK, &mask, NULL));
	CT_EQ(c->s, -1, sigsuspend(&none));
	CT_EQ(c->s, EINTR, errno);
	CT_EQ(c->s, 0, pthread_sigmask(SIG_BLOCK, NULL, &mask));
	CT_EQ(c->s, 1, sigismember(&mask, SIGUSR1));
	return 0;
}

static int enter_sigtimedwait(struct caller *c)
{
	struct timespec limit = { LONG_S };
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	CT_EQ(c->s, SIGRTMIN + 4, sigtimedwait(&set, &si, &limit));
	CT_EQ(c->s, 1234, si.si_value.sival_int);
	return 0;
}

static int end_sigtimedwait(struct caller *c)
{
	union sigval value = { .sival_int = 1234 };

	CT_EQ(c->s, 0, pthread_sigqueue(c->thread, SIGRTMIN + 4, value));
	return 0;
}

/* ---- children ---------------------------------------------------- */

static int make_child(struct caller *c)
{
	c->child = fork();
	if (c->child)
		return 0;
	close_range(0, ~0U, 0); /* whatever other threads had open just then */
	while (1)
		pause();
}

static int end_child(struct caller *c)
{
	CT_EQ(c->s, 0, kill(c->child, SIGKILL));
	return 0;
}

static int enter_wait4(struct caller *c)
{
	int status = 0;

	make_child(c);
	CT_EQ(c->s, c->child, waitpid(c->child, &status, 0));
	CT_EQ(c->s, SIGKILL, status);
	return 0;
}

static int enter_waitid(struct caller *c)
{
	siginfo_t si = { 0 };

	make_child(c);
	CT_EQ(c->s, 0, waitid(P_PID, c->child, &si, WEXITED));
	CT_EQ(c->s, CLD_KILLED, si.si_code);
	return 0;
}

/* ---- all of them ------------------------------------------------- */

static const struct call calls[] = {
	{ "read", SYS_read, enter_read, write_one },
	{ "readv", SYS_readv, enter_readv, write_one },
	{ "write", SYS_write, enter_write, end_write },
	{ "splice", SYS_splice, enter_splice, write_one },
	{ "tee", SYS_tee, enter_tee, write_one },
	{ "poll", SYS_poll, enter_poll, write_one },
	{ "poll_with_limit", SYS_poll, enter_poll_with_limit, write_one },
	{ "ppoll", SYS_ppoll, enter_ppoll, write_one },
	{ "select", SYS_select, enter_select, write_one },
	{ "pselect", SYS_pselect6, enter_pselect, write_one },
	{ "futex", SYS_futex, enter_futex, end_futex },
	{ "futex_with_limit", SYS_futex, enter_futex_with_limit, end_futex },
	{ "futex_bitset", SYS_futex, enter_futex_bitset, end_futex_bitset },
	{ "futex_waitv", SYS_futex_waitv, enter_futex_waitv, end_futex },
	{ "nanosleep", SYS_nanosleep, enter_nanosleep },
	{ "clock_nanosleep", SYS_clock_nanosleep, enter_clock_nanosleep },
	{ "pause", SYS_pause, enter_pause },
	{ "sigsuspend", SYS_rt_sigsuspend, enter_sigsuspend },
	{ "sigtimedwait", SYS_rt_sigtimedwait, enter_sigtimedwait,
	  end_sigtimedwait, true },
	{ "wait4", SYS_wait4, enter_wait4, end_child },
	{ "waitid", SYS_waitid, enter_waitid, end_child },
};

#define CALLS ((int)(sizeof(calls) / sizeof(calls[0])))

static void on_signal(int sig)
{
}

static void *run_caller(void *arg)
{
	struct caller *c = arg;
	sigset_t set;
	long ret;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	c->tid = gettid();
	tasks_here(c->s);
	ret = c->call->enter(c);
	c->over = true;
	return (void *)ret;
}

static int start_caller(struct ct_shared *s, struct caller *c,
			const struct call *call)
{
	int here = s->data[TASKS_COUNT];

	c->s = s;
	c->call = call;
	CT_EQ(s, 0, pipe(c->fds));
	CT_EQ(s, 0, pthread_create(&c->thread, NULL, run_caller, c));
	CT_DO(tasks_wait(s, here + 1));
	return tasks_in_syscall(s, getpid(), c->tid, call->nr);
}

/* In the call again, or in the one that goes on with it. */
static int check_inside(struct caller *c)
{
	long nr = -1;
	int i;

	for (i = 0; i < TASKS_TRIES && nr != c->call->nr; i++) {
		nr = tasks_syscall(getpid(), c->tid);
		if (nr == SYS_restart_syscall)
			break;
		if (c->over)
			return ct_fail(c->s, __FILE__, __LINE__,
				       "%s has ended by itself", c->call->name);
		ct_sleep_ms(2);
	}
	CT_CHECK(c->s, i < TASKS_TRIES);
	return 0;
}

static int end_caller(struct caller *c)
{
	void *result;

	if (c->over)
		return ct_fail(c->s, __FILE__, __LINE__,
			       "%s has ended by itself", c->call->name);
	if (c->call->end)
		CT_DO(c->call->end(c));
	else
		CT_EQ(c->s, 0, pthread_kill(c->thread, SIGUSR1));
	CT_EQ(c->s, 0, pthread_join(c->thread, &result));
	CT_EQ(c->s, 0, (long)result);
	return 0;
}

static void handle_usr1(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
}

/* @arg: it is not restarted, but goes on. */
static int inside_all_at_once(struct ct_shared *s, void *arg)
{
	static struct caller callers[CALLS];
	int i, nr = 0;

	handle_usr1();
	for (i = 0; i < CALLS; i++)
		if (!arg || !calls[i].freezer_ends)
			CT_DO(start_caller(s, &callers[nr++], &calls[i]));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < nr; i++)
		CT_DO(check_inside(&callers[i]));
	ct_sleep_ms(100);
	for (i = 0; i < nr; i++)
		CT_DO(end_caller(&callers[i]));
	return 0;
}

CT_ROUND_TRIP(calls, inside_all_at_once)

static int inside_one(struct ct_shared *s, void *arg)
{
	static struct caller caller;

	handle_usr1();
	CT_DO(start_caller(s, &caller, arg));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check_inside(&caller));
	ct_sleep_ms(20);
	return end_caller(&caller);
}

/* Each alone, so that those that do not work are named. */
TEST_F_TIMEOUT(calls, inside_each_alone, 170)
{
	struct ct *ct = &self->ct;
	int i, failed = 0;

	for (i = 0; i < CALLS; i++) {
		if (!ct_round_trip(ct, inside_one, (void *)&calls[i]))
			continue;
		ct_say("inside %s: failed", calls[i].name);
		ct_end(ct);
		ASSERT_EQ(0, ct_setup(ct));
		failed++;
	}
	ASSERT_EQ(0, failed);
}

/* Two checkpoints that kill nothing: nobody notices. */
TEST_F(calls, nobody_notices_a_checkpoint)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, inside_all_at_once, (void *)1L));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ct->s->restarted = 1;
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

/* open() of a FIFO waits for the other end. */
static char fifo[PATH_MAX];

static void *opens_fifo(void *arg)
{
	struct caller *c = arg;
	long fd;

	c->tid = gettid();
	tasks_here(c->s);
	fd = open(fifo, O_RDONLY);
	return (void *)fd;
}

static int inside_open_of_a_fifo(struct ct_shared *s, void *arg)
{
	struct caller c = { .s = s };
	char dir[PATH_MAX - 8] = "";
	void *result;

	CT_CHECK(s, readlink("/proc/self/fd/1", dir, sizeof(dir) - 1) > 0);
	*strrchr(dir, '/') = 0;
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	CT_EQ(s, 0, mkfifo(fifo, 0666));
	CT_EQ(s, 0, pthread_create(&c.thread, NULL, opens_fifo, &c));
	CT_DO(tasks_wait(s, 1));
	CT_DO(tasks_in_syscall(s, getpid(), c.tid, SYS_openat));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_in_syscall(s, getpid(), c.tid, SYS_openat));
	CT_CHECK(s, open(fifo, O_WRONLY) >= 0);
	CT_EQ(s, 0, pthread_join(c.thread, &result));
	CT_CHECK(s, (long)result >= 0);
	return 0;
}

CT_ROUND_TRIP(calls, inside_open_of_a_fifo)

TEST_HARNESS_MAIN
