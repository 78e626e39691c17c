// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interval timers and POSIX timers: what is left of them, their intervals,
 * their ids, how they notify, and what they have missed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(timer)

/* What may pass between setting a timer and asking what is left. */
#define SLACK_NS (5 * CT_SEC)
#define AWAY_MS 1500

static volatile int fired;
static volatile siginfo_t last;

static void note(int sig, siginfo_t *si, void *context)
{
	memcpy((void *)&last, si, sizeof(*si));
	fired++;
}

static int handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	return sigaction(sig, &sa, NULL);
}

static struct timespec span(int64_t ns)
{
	return (struct timespec){ ns / CT_SEC, ns % CT_SEC };
}

static int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * CT_SEC + ts.tv_nsec;
}

static int64_t ns_of_tv(struct timeval tv)
{
	return tv.tv_sec * CT_SEC + tv.tv_usec * 1000LL;
}

/* The kernel's own ids, not glibc's. */
static int create(clockid_t clock, int notify, int sig, int value)
{
	struct sigevent ev = { .sigev_notify = notify,
			       .sigev_signo = sig,
			       .sigev_value.sival_int = value };
	int id = -1;

	ev._sigev_un._tid = getpid();
	if (syscall(SYS_timer_create, clock, &ev, &id))
		return -1;
	return id;
}

static int set(int id, int flags, int64_t value, int64_t interval)
{
	struct itimerspec its = { span(interval), span(value) };

	return syscall(SYS_timer_settime, id, flags, &its, NULL);
}

static struct itimerspec get(int id)
{
	struct itimerspec its = { { -1, -1 }, { -1, -1 } };

	syscall(SYS_timer_gettime, id, &its);
	return its;
}

/* Runs the program with some time away. */
static int round_trip(struct ct *ct, ct_fn fn)
{
	if (ct_start(ct, fn, NULL) || ct_reach(ct, 1) ||
	    ct_checkpoint(ct, CT_KILL))
		return -1;
	ct_sleep_ms(AWAY_MS);
	if (ct_restart(ct))
		return -1;
	ct_go(ct, INT_MAX);
	return ct_join(ct);
}

/* ---- interval timers --------------------------------------------- */

/* Each has its own value and interval; none of them is another one's. */
static int interval_timers_are_kept(struct ct_shared *s, void *arg)
{
	static const int which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	struct itimerval it;
	int64_t left[3];
	int i;

	for (i = 0; i < 3; i++) {
		it = (struct itimerval){ { 1000 * (i + 1), 250000 },
					 { 100 * (i + 1), 500000 } };
		CT_EQ(s, 0, setitimer(which[i], &it, NULL));
	}
	for (i = 0; i < 3; i++) {
		CT_EQ(s, 0, getitimer(which[i], &it));
		left[i] = ns_of_tv(it.it_value);
	}
	ct_step(s, 1);
	for (i = 0; i < 3; i++) {
		CT_EQ(s, 0, getitimer(which[i], &it));
		CT_IN(s, left[i] - SLACK_NS, left[i] + 10 * CT_MS,
		      ns_of_tv(it.it_value));
		CT_EQ(s, 1000 * (i + 1), it.it_interval.tv_sec);
		CT_EQ(s, 250000, it.it_interval.tv_usec);
	}
	return 0;
}

CT_ROUND_TRIP(timer, interval_timers_are_kept)

static int unused_timers_stay_unused(struct ct_shared *s, void *arg)
{
	struct itimerval it;
	int i;

	ct_step(s, 1);
	for (i = 0; i < 3; i++) {
		CT_EQ(s, 0, getitimer(i, &it));
		CT_EQ(s, 0, ns_of_tv(it.it_value) + ns_of_tv(it.it_interval));
	}
	return 0;
}

CT_ROUND_TRIP(timer, unused_timers_stay_unused)

/* It rings after the time that was left, the time away not counted. */
static int alarm_rings_in_time(struct ct_shared *s, void *arg)
{
	int64_t start = ct_now(), took;

	CT_EQ(s, 0, handle(SIGALRM));
	alarm(3);
	ct_sleep_ms(1500);
	s->ready = 1;
	while (!fired)
		pause();
	took = ct_now() - start;
	CT_EQ(s, 1, s->restarted);
	CT_IN(s, 3 * CT_SEC - 20 * CT_MS, 4500 * CT_MS, took);
	return 0;
}

TEST_F(timer, alarm_rings_in_time)
{
	ASSERT_EQ(0, round_trip(&self->ct, alarm_rings_in_time));
}

/* A timer of processor time counts what the program has used, and will use. */
static int virtual_timer_rings(struct ct_shared *s, void *arg)
{
	struct itimerval it = { { 0, 0 }, { 0, 300000 } };
	volatile unsigned long x = 0;
	int64_t end = ct_now() + 15 * CT_SEC;

	CT_EQ(s, 0, handle(SIGVTALRM));
	CT_EQ(s, 0, setitimer(ITIMER_VIRTUAL, &it, NULL));
	ct_step(s, 1);
	CT_EQ(s, 0, fired);
	while (!fired && (x++ % 1000000 || ct_now() < end))
		;
	CT_EQ(s, 1, fired);
	return 0;
}

CT_ROUND_TRIP(timer, virtual_timer_rings)

static int interval_goes_on(struct ct_shared *s, void *arg)
{
	struct itimerval it = { { 0, 100000 }, { 0, 100000 } };
	int before;

	CT_EQ(s, 0, handle(SIGALRM));
	CT_EQ(s, 0, setitimer(ITIMER_REAL, &it, NULL));
	ct_step(s, 1);
	before = fired;
	ct_sleep_ms(1000);
	CT_CHECK(s, fired >= before + 3);
	return 0;
}

CT_ROUND_TRIP(timer, interval_goes_on)

/* ---- POSIX timers ------------------------------------------------ */

#define NR_TIMERS 5

/* Ids with holes; what is left, intervals; the next id. */
static int ids_and_values_are_kept(struct ct_shared *s, void *arg)
{
	int id[NR_TIMERS], i, next;
	struct itimerspec its;
	int64_t left;

	for (i = 0; i < NR_TIMERS; i++) {
		id[i] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, i);
		CT_CHECK(s, id[i] >= 0);
		CT_EQ(s, 0,
		      set(id[i], 0, (1000 + i) * CT_SEC, (i + 1) * CT_SEC));
	}
	CT_EQ(s, 0, syscall(SYS_timer_delete, id[1]));
	CT_EQ(s, 0, syscall(SYS_timer_delete, id[3]));
	ct_step(s, 1);
	for (i = 0; i < NR_TIMERS; i++) {
		its = get(id[i]);
		if (i & 1) {
			CT_EQ(s, -1, its.it_value.tv_sec);
			continue;
		}
		left = ns_of(its.it_value);
		CT_IN(s, (1000 + i) * CT_SEC - SLACK_NS, (1000 + i) * CT_SEC,
		      left);
		CT_EQ(s, (i + 1) * CT_SEC, ns_of(its.it_interval));
	}
	next = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	CT_EQ(s, id[NR_TIMERS - 1] + 1, next);
	return 0;
}

CT_ROUND_TRIP(timer, ids_and_values_are_kept)

static int disarmed_timer_stays_disarmed(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 1);
	struct itimerspec its;

	CT_CHECK(s, id >= 0);
	CT_EQ(s, 0, handle(SIGUSR1));
	ct_step(s, 1);
	its = get(id);
	CT_EQ(s, 0, ns_of(its.it_value));
	CT_EQ(s, 0, ns_of(its.it_interval));
	CT_EQ(s, 0, set(id, 0, 20 * CT_MS, 0));
	ct_sleep_ms(500);
	CT_EQ(s, 1, fired);
	return 0;
}

CT_ROUND_TRIP(timer, disarmed_timer_stays_disarmed)

/* It rings with its value, after the time that was left. */
static int rings_on(struct ct_shared *s, clockid_t clock, int notify)
{
	int id = create(clock, notify, SIGRTMIN + 3, 4712);
	int64_t start = ct_now(), took;

	CT_CHECK(s, id >= 0);
	CT_EQ(s, 0, handle(SIGRTMIN + 3));
	CT_EQ(s, 0, set(id, 0, 3 * CT_SEC, 0));
	ct_sleep_ms(1500);
	s->ready = 1;
	while (!fired)
		pause();
	took = ct_now() - start;
	CT_EQ(s, 1, s->restarted);
	CT_IN(s, 3 * CT_SEC - 20 * CT_MS, 4500 * CT_MS, took);
	CT_EQ(s, SI_TIMER, last.si_code);
	CT_EQ(s, id, last.si_timerid);
	CT_EQ(s, 4712, last.si_value.sival_int);
	CT_EQ(s, 0, ns_of(get(id).it_value));
	return 0;
}

static int monotonic_timer_rings(struct ct_shared *s, void *arg)
{
	return rings_on(s, CLOCK_MONOTONIC, SIGEV_SIGNAL);
}

TEST_F(timer, monotonic_timer_rings)
{
	ASSERT_EQ(0, round_trip(&self->ct, monotonic_timer_rings));
}

static int realtime_timer_rings(struct ct_shared *s, void *arg)
{
	return rings_on(s, CLOCK_REALTIME, SIGEV_SIGNAL);
}

TEST_F(timer, realtime_timer_rings)
{
	ASSERT_EQ(0, round_trip(&self->ct, realtime_timer_rings));
}

static int boottime_timer_notifies_a_thread(struct ct_shared *s, void *arg)
{
	return rings_on(s, CLOCK_BOOTTIME, SIGEV_THREAD_ID);
}

TEST_F(timer, boottime_timer_notifies_a_thread)
{
	ASSERT_EQ(0, round_trip(&self->ct, boottime_timer_notifies_a_thread));
}

/* An absolute time on the wall clock is the same one, even if it has passed. */
static int absolute_realtime_is_kept(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 0);
	struct timespec now;
	int64_t at;

	CT_CHECK(s, id >= 0);
	CT_EQ(s, 0, handle(SIGUSR1));
	clock_gettime(CLOCK_REALTIME, &now);
	at = ns_of(now) + 1200 * CT_MS;
	CT_EQ(s, 0, set(id, TIMER_ABSTIME, at, 0));
	s->ready = 1;
	while (!fired)
		pause();
	CT_EQ(s, 1, s->restarted);
	clock_gettime(CLOCK_REALTIME, &now);
	/* The time away is longer than what was left. */
	CT_IN(s, at, at + AWAY_MS * CT_MS + 1500 * CT_MS, ns_of(now));
	return 0;
}

TEST_F(timer, absolute_realtime_is_kept)
{
	ASSERT_EQ(0, round_trip(&self->ct, absolute_realtime_is_kept));
}

static int silent_timer_is_kept(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	int64_t left;

	CT_CHECK(s, id >= 0);
	CT_EQ(s, 0, set(id, 0, 500 * CT_SEC, 0));
	ct_step(s, 1);
	left = ns_of(get(id).it_value);
	CT_IN(s, 500 * CT_SEC - SLACK_NS, 500 * CT_SEC, left);
	return 0;
}

CT_ROUND_TRIP(timer, silent_timer_is_kept)

/* While its signal is blocked it rings in vain, and counts. */
static int overrun_is_counted(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 9), before;
	siginfo_t si;
	sigset_t usr1;

	CT_CHECK(s, id >= 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &usr1, NULL));
	CT_EQ(s, 0, set(id, 0, 10 * CT_MS, 10 * CT_MS));
	ct_sleep_ms(300);
	CT_EQ(s, SIGUSR1, sigwaitinfo(&usr1, &si));
	before = syscall(SYS_timer_getoverrun, id);
	CT_CHECK(s, before >= 10);
	ct_step(s, 1);
	CT_EQ(s, before, syscall(SYS_timer_getoverrun, id));
	return 0;
}

CT_ROUND_TRIP(timer, overrun_is_counted)

/* A periodic timer whose signal was pending goes on afterwards. */
static int pending_timer_signal(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 9);
	sigset_t usr1;

	CT_CHECK(s, id >= 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CT_EQ(s, 0, handle(SIGUSR1));
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &usr1, NULL));
	CT_EQ(s, 0, set(id, 0, 50 * CT_MS, 50 * CT_MS));
	ct_sleep_ms(200);
	ct_step(s, 1);
	CT_EQ(s, 0, fired);
	CT_EQ(s, 0, sigprocmask(SIG_UNBLOCK, &usr1, NULL));
	CT_CHECK(s, fired >= 1);
	CT_EQ(s, SI_TIMER, last.si_code);
	CT_EQ(s, 9, last.si_value.sival_int);
	ct_sleep_ms(500);
	CT_CHECK(s, fired >= 3);
	return 0;
}

CT_ROUND_TRIP(timer, pending_timer_signal)

/* Timers of processor time. */
static int process_clock_timer_rings(struct ct_shared *s, void *arg)
{
	int id = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 3);
	volatile unsigned long x = 0;
	int64_t end = ct_now() + 15 * CT_SEC;

	CT_CHECK(s, id >= 0);
	CT_EQ(s, 0, handle(SIGUSR1));
	CT_EQ(s, 0, set(id, 0, 300 * CT_MS, 0));
	ct_step(s, 1);
	CT_EQ(s, 0, fired);
	CT_IN(s, 1, 300 * CT_MS, ns_of(get(id).it_value));
	while (!fired && (x++ % 1000000 || ct_now() < end))
		;
	CT_EQ(s, 1, fired);
	CT_EQ(s, 3, last.si_value.sival_int);
	return 0;
}

CT_ROUND_TRIP(timer, process_clock_timer_rings)

/* ---- limits ---- */

#define MANY 200

static int many(struct ct_shared *s, void *arg)
{
	int i;

	for (i = 0; i < MANY; i++)
		CT_CHECK(s, create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0) >= 0);
	ct_step(s, 1);
	return 0;
}

/* The signal of a timer counts from the beginning: asked for before the commit. */
TEST_F(timer, are_within_the_callers_limit)
{
	struct ct *ct = &self->ct;

	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	ASSERT_EQ(0, ct_start(ct, many, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	EXPECT_EQ(1, ct_tool(ct, "prlimit", "--sigpending=100", "restart", "-i",
			     ct->img, NULL));
	EXPECT_NE(NULL, strstr(ct->err, "RLIMIT_SIGPENDING of 100"));
	ct_go(ct, 1);
	EXPECT_EQ(0, ct_restart(ct));
	EXPECT_EQ(0, ct_join(ct));
}

TEST_HARNESS_MAIN
