// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that begin and end around a checkpoint: leaders that have exited,
 * joins, threads made after the restart, exec, a thousand of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(life)

/* ---- the leader has exited --------------------------------------- */

static struct ct_shared *shared;

static int without_leader(struct ct_shared *s)
{
	pid_t tgid = getpid();
	char value[64];

	CT_DO(tasks_until_state(s, tgid, tgid, 'Z'));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, tgid, getpid());
	CT_CHECK(s, tgid != gettid());
	CT_EQ(s, 'Z', tasks_state(tgid, tgid));
	tasks_field(tgid, gettid(), "\nThreads:", value);
	CT_EQ(s, 2, atoi(value));
	return 0;
}

static void *outlives_leader(void *arg)
{
	exit(without_leader(shared));
}

static int leader_has_exited(struct ct_shared *s, void *arg)
{
	pthread_t thread;

	shared = s;
	CT_EQ(s, 0, pthread_create(&thread, NULL, outlives_leader, NULL));
	pthread_exit(NULL);
}

CT_ROUND_TRIP(life, leader_has_exited)

/* The status of the process is what its last thread has left. */
static void *ends_alone(void *arg)
{
	if (without_leader(shared))
		exit(1);
	syscall(SYS_exit, 3);
	return NULL;
}

static int exit_code_of_the_last(struct ct_shared *s, void *arg)
{
	pthread_t thread;

	shared = s;
	CT_EQ(s, 0, pthread_create(&thread, NULL, ends_alone, NULL));
	syscall(SYS_exit, 7);
	return 1;
}

TEST_F(life, exit_code_of_the_last)
{
	ASSERT_EQ(3, ct_round_trip(&self->ct, exit_code_of_the_last, NULL));
}

/* In a child: its parent is told when the last thread goes, not before. */
static int child_without_leader(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, exit_code_of_the_last, NULL);
	int status;

	CT_DO(tasks_until_state(s, child, child, 'Z'));
	CT_EQ(s, 0, waitpid(child, &status, WNOHANG));
	while (!s->restarted)
		tasks_pause(s);
	CT_EQ(s, child, waitpid(child, &status, 0));
	CT_EQ(s, 3, WEXITSTATUS(status));
	return 0;
}

CT_ROUND_TRIP(life, child_without_leader)

/* ---- ends -------------------------------------------------------- */

static pthread_barrier_t together;

static void *returns_its_number(void *arg)
{
	tasks_here(shared);
	pthread_barrier_wait(&together);
	return (void *)((long)arg * 11);
}

static void *has_returned(void *arg)
{
	return (void *)((long)arg * 13);
}

/* Some are joined before, some are over and not joined, some still run. */
static int joins_work(struct ct_shared *s, void *arg)
{
	pthread_t running[4], over[4];
	void *result;
	long i;

	shared = s;
	pthread_barrier_init(&together, NULL, 5);
	for (i = 0; i < 4; i++) {
		CT_EQ(s, 0,
		      pthread_create(&over[i], NULL, has_returned, (void *)i));
		CT_EQ(s, 0,
		      pthread_create(&running[i], NULL, returns_its_number,
				     (void *)i));
	}
	CT_EQ(s, 0, pthread_join(over[0], NULL));
	CT_DO(tasks_wait(s, 4));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	pthread_barrier_wait(&together);
	for (i = 0; i < 4; i++) {
		CT_EQ(s, 0, pthread_join(running[i], &result));
		CT_EQ(s, i * 11, (long)result);
		if (!i)
			continue;
		CT_EQ(s, 0, pthread_join(over[i], &result));
		CT_EQ(s, i * 13, (long)result);
	}
	return 0;
}

CT_ROUND_TRIP(life, joins_work)

/* A timer stays where its thread has exited: it signals nobody any more. */
static void *sets_a_timer(void *arg)
{
	struct itimerspec its = { .it_value.tv_sec = 1000 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = SIGUSR1 };

	ev._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &ev, arg) ||
	    timer_settime(*(timer_t *)arg, 0, &its, NULL))
		return NULL;
	return arg;
}

static int leaves_a_timer(struct ct_shared *s, void *arg)
{
	struct itimerspec its;
	pthread_t thread;
	timer_t timer;
	void *result;

	CT_EQ(s, 0, pthread_create(&thread, NULL, sets_a_timer, &timer));
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_CHECK(s, result == &timer);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, timer_gettime(timer, &its));
	CT_IN(s, 500, 999, its.it_value.tv_sec);
	CT_EQ(s, 0, timer_delete(timer));
	return 0;
}

CT_ROUND_TRIP(life, leaves_a_timer)

static void *joins(void *arg)
{
	void *result;

	if (pthread_join(*(pthread_t *)arg, &result))
		return (void *)-1L;
	return (void *)((long)result + 1);
}

/* Each is inside pthread_join() for the one before. */
static int joins_in_progress(struct ct_shared *s, void *arg)
{
	pthread_t chain[4];
	void *result;
	int i;

	shared = s;
	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0,
	      pthread_create(&chain[0], NULL, returns_its_number, (void *)3L));
	for (i = 1; i < 4; i++)
		CT_EQ(s, 0,
		      pthread_create(&chain[i], NULL, joins, &chain[i - 1]));
	CT_DO(tasks_wait(s, 1));
	ct_sleep_ms(50);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	pthread_barrier_wait(&together);
	CT_EQ(s, 0, pthread_join(chain[3], &result));
	CT_EQ(s, 36, (long)result);
	return 0;
}

CT_ROUND_TRIP(life, joins_in_progress)

static void *stays_forever(void *arg)
{
	tasks_here(shared);
	while (pause())
		;
	return NULL;
}

/* exit_group() ends those that sleep. */
static int exit_ends_all(struct ct_shared *s, void *arg)
{
	pthread_t thread;
	int i;

	shared = s;
	for (i = 0; i < 3; i++)
		CT_EQ(s, 0, pthread_create(&thread, NULL, stays_forever, NULL));
	CT_DO(tasks_wait(s, 3));
	ct_step(s, 1);
	exit(42);
}

TEST_F(life, exit_ends_all)
{
	ASSERT_EQ(42, ct_round_trip(&self->ct, exit_ends_all, NULL));
}

static int cancels(struct ct_shared *s, void *arg)
{
	pthread_t thread;
	void *result;

	shared = s;
	CT_EQ(s, 0, pthread_create(&thread, NULL, stays_forever, NULL));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 0, pthread_cancel(thread));
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_CHECK(s, result == PTHREAD_CANCELED);
	return 0;
}

CT_ROUND_TRIP(life, cancels)

/* A thread that is not the leader becomes another program. */
static void *executes(void *arg)
{
	pthread_barrier_wait(&together);
	execlp("sh", "sh", "-c", "exit 9", NULL);
	return NULL;
}

static int thread_executes(struct ct_shared *s, void *arg)
{
	pthread_t thread;

	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0, pthread_create(&thread, NULL, executes, NULL));
	ct_step(s, 1);
	pthread_barrier_wait(&together);
	pthread_join(thread, NULL);
	return 1;
}

TEST_F(life, thread_executes)
{
	ASSERT_EQ(9, ct_round_trip(&self->ct, thread_executes, NULL));
}

/* ---- beginnings -------------------------------------------------- */

static void *forks(void *arg)
{
	return (void *)(long)tasks_reap(shared, tasks_fork(shared, arg, NULL));
}

static int ends_well(struct ct_shared *s, void *arg)
{
	return 0;
}

/* New threads and children of old and new threads, after the restart. */
static void *makes_more(void *arg)
{
	pthread_t thread;
	void *result;

	pthread_barrier_wait(&together);
	if (pthread_create(&thread, NULL, forks, ends_well) ||
	    pthread_join(thread, &result))
		return (void *)1L;
	return (long)result ? result : forks(ends_well);
}

static int new_threads(struct ct_shared *s, void *arg)
{
	pthread_t thread;
	void *result;

	shared = s;
	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0, pthread_create(&thread, NULL, makes_more, NULL));
	ct_step(s, 1);
	pthread_barrier_wait(&together);
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_EQ(s, 0, (long)result);
	CT_EQ(s, 0, pthread_create(&thread, NULL, forks, ends_well));
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_EQ(s, 0, (long)result);
	return 0;
}

CT_ROUND_TRIP(life, new_threads)

/* Threads that come and go all the time while it is frozen. */
static volatile bool enough;
static int64_t made, ended;

static void *ends_at_once(void *arg)
{
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *makes_threads(void *arg)
{
	pthread_t thread;

	while (!enough) {
		if (pthread_create(&thread, NULL, ends_at_once, NULL))
			return (void *)1L;
		__atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST);
		if (pthread_join(thread, NULL))
			return (void *)2L;
	}
	return NULL;
}

static int threads_come_and_go(struct ct_shared *s, void *arg)
{
	pthread_t makers[3];
	void *result;
	int64_t before;
	int i;

	for (i = 0; i < 3; i++)
		CT_EQ(s, 0,
		      pthread_create(&makers[i], NULL, makes_threads, NULL));
	while (made < 100)
		ct_sleep_ms(1);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	before = made;
	while (made < before + 100)
		ct_sleep_ms(1);
	enough = true;
	for (i = 0; i < 3; i++) {
		CT_EQ(s, 0, pthread_join(makers[i], &result));
		CT_EQ(s, 0, (long)result);
	}
	CT_EQ(s, made, ended);
	return 0;
}

CT_ROUND_TRIP(life, threads_come_and_go)

/* ---- a thousand -------------------------------------------------- */

#define MANY 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t open_gate = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static __thread long my_number;
static pid_t tids[MANY];

static void *one_of_many(void *arg)
{
	my_number = (long)arg;
	pthread_mutex_lock(&lock);
	tids[my_number] = gettid();
	tasks_here(shared);
	while (!gate_is_open)
		pthread_cond_wait(&open_gate, &lock);
	pthread_mutex_unlock(&lock);
	return (void *)(tids[(long)arg] == gettid() ? my_number + 1 : 0);
}

static int thousand_threads(struct ct_shared *s, void *arg)
{
	static pthread_t threads[MANY];
	pthread_attr_t attr;
	void *result;
	long i, sum = 0;

	shared = s;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	for (i = 0; i < MANY; i++)
		CT_EQ(s, 0,
		      pthread_create(&threads[i], &attr, one_of_many,
				     (void *)i));
	CT_DO(tasks_wait(s, MANY));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	pthread_mutex_lock(&lock);
	gate_is_open = true;
	pthread_cond_broadcast(&open_gate);
	pthread_mutex_unlock(&lock);
	for (i = 0; i < MANY; i++) {
		CT_EQ(s, 0, pthread_join(threads[i], &result));
		CT_EQ(s, i + 1, (long)result);
		sum += (long)result;
	}
	CT_EQ(s, MANY * (MANY + 1) / 2, sum);
	return 0;
}

TEST_F_TIMEOUT(life, thousand_threads, 400)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, thousand_threads, NULL));
}

TEST_HARNESS_MAIN
