// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks between threads: held, waited for, and left behind by owners that die;
 * robust and PI futexes; programs that lock and wait without end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(sync)

#define WAITERS 3

static struct ct_shared *shared;
static pthread_mutex_t mutex;
static volatile bool let_go;
static volatile int inside, passed;
static pid_t tids[WAITERS];

/* ---- held across ------------------------------------------------- */

enum how { UNLOCKS, DIES };

static int make_mutex(struct ct_shared *s, int protocol, int robust)
{
	pthread_mutexattr_t attr;

	shared = s;
	pthread_mutexattr_init(&attr);
	CT_EQ(s, 0, pthread_mutexattr_setprotocol(&attr, protocol));
	CT_EQ(s, 0, pthread_mutexattr_setrobust(&attr, robust));
	CT_EQ(s, 0, pthread_mutex_init(&mutex, &attr));
	return 0;
}

static void *owns(void *arg)
{
	if (pthread_mutex_lock(&mutex))
		return (void *)1L;
	tasks_here(shared);
	while (!let_go)
		tasks_pause(shared);
	return (enum how)(long)arg == DIES ?
		       NULL :
		       (void *)(long)pthread_mutex_unlock(&mutex);
}

/* Nobody else is inside at the same time. */
static void *waits(void *arg)
{
	long nr = (long)arg;
	int ret;

	tids[nr] = gettid();
	tasks_here(shared);
	ret = pthread_mutex_lock(&mutex);
	if (__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) != 1)
		return (void *)-1L;
	if (ret == EOWNERDEAD && pthread_mutex_consistent(&mutex))
		return (void *)-2L;
	ct_sleep_ms(5);
	passed++;
	__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	if (pthread_mutex_unlock(&mutex))
		return (void *)-3L;
	return (void *)(long)ret;
}

/* One holds it, three wait in the kernel; @how tells what the owner does. */
static int held_across(struct ct_shared *s, enum how how)
{
	pthread_t owner, waiter[WAITERS];
	int dead = 0;
	void *result;
	long i;

	CT_EQ(s, 0, pthread_create(&owner, NULL, owns, (void *)(long)how));
	CT_DO(tasks_wait(s, 1));
	for (i = 0; i < WAITERS; i++)
		CT_EQ(s, 0, pthread_create(&waiter[i], NULL, waits, (void *)i));
	CT_DO(tasks_wait(s, 1 + WAITERS));
	for (i = 0; i < WAITERS; i++)
		CT_DO(tasks_in_syscall(s, getpid(), tids[i], SYS_futex));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, EBUSY, pthread_mutex_trylock(&mutex));
	ct_sleep_ms(50);
	CT_EQ(s, 0, passed);
	let_go = true;
	CT_EQ(s, 0, pthread_join(owner, &result));
	CT_EQ(s, 0, (long)result);
	for (i = 0; i < WAITERS; i++) {
		CT_EQ(s, 0, pthread_join(waiter[i], &result));
		if ((long)result == EOWNERDEAD)
			dead++;
		else
			CT_EQ(s, 0, (long)result);
	}
	CT_EQ(s, how == DIES, dead);
	CT_EQ(s, WAITERS, passed);
	CT_EQ(s, 0, pthread_mutex_trylock(&mutex));
	return 0;
}

#define HELD(name, protocol, robust, how)                    \
	static int name(struct ct_shared *s, void *arg)      \
	{                                                    \
		CT_DO(make_mutex(s, PTHREAD_PRIO_##protocol, \
				 PTHREAD_MUTEX_##robust));   \
		return held_across(s, how);                  \
	}                                                    \
	CT_ROUND_TRIP(sync, name)

HELD(mutex_is_unlocked, NONE, STALLED, UNLOCKS)
HELD(robust_mutex_is_unlocked, NONE, ROBUST, UNLOCKS)
HELD(robust_mutex_of_a_dead_owner, NONE, ROBUST, DIES)
HELD(pi_mutex_is_unlocked, INHERIT, STALLED, UNLOCKS)
HELD(robust_pi_mutex_is_unlocked, INHERIT, ROBUST, UNLOCKS)
HELD(robust_pi_mutex_of_a_dead_owner, INHERIT, ROBUST, DIES)

/* The owner has died before, and nobody has noticed. */
static int owner_died_before(struct ct_shared *s, void *arg)
{
	pthread_t owner;
	void *result;

	CT_DO(make_mutex(s, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST));
	let_go = true;
	CT_EQ(s, 0, pthread_create(&owner, NULL, owns, (void *)DIES));
	CT_EQ(s, 0, pthread_join(owner, &result));
	ct_step(s, 1);
	CT_EQ(s, EOWNERDEAD, pthread_mutex_lock(&mutex));
	CT_EQ(s, 0, pthread_mutex_consistent(&mutex));
	CT_EQ(s, 0, pthread_mutex_unlock(&mutex));
	return 0;
}

CT_ROUND_TRIP(sync, owner_died_before)

/* ---- in motion --------------------------------------------------- */

#define WORKERS 4
#define MIN_ROUNDS 300

static volatile bool enough;
static int64_t rounds[WORKERS];

/* Waits until it is in full motion, is checkpointed, and moves on as much. */
static int in_motion(struct ct_shared *s, void *(*work)(void *), int workers)
{
	pthread_t thread[WORKERS];
	int64_t was;
	void *result;
	long i;

	shared = s;
	for (i = 0; i < workers; i++)
		CT_EQ(s, 0, pthread_create(&thread[i], NULL, work, (void *)i));
	for (i = 0; i < workers; i++)
		while (*(volatile int64_t *)&rounds[i] < MIN_ROUNDS)
			ct_sleep_ms(1);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < workers; i++) {
		was = rounds[i];
		while (*(volatile int64_t *)&rounds[i] < was + MIN_ROUNDS)
			ct_sleep_ms(1);
	}
	enough = true;
	for (i = 0; i < workers; i++) {
		CT_EQ(s, 0, pthread_join(thread[i], &result));
		CT_EQ(s, 0, (long)result);
	}
	return 0;
}

static int64_t sum;

static void *adds(void *arg)
{
	long nr = (long)arg;

	while (!enough) {
		int64_t was;

		if (pthread_mutex_lock(&mutex))
			return (void *)1L;
		was = sum;
		if (rounds[nr] % 16 == 0)
			sched_yield();
		sum = was + 1;
		rounds[nr]++;
		if (pthread_mutex_unlock(&mutex))
			return (void *)2L;
	}
	return NULL;
}

static int check_sum(struct ct_shared *s)
{
	int64_t all = 0;
	int i;

	for (i = 0; i < WORKERS; i++)
		all += rounds[i];
	CT_EQ(s, all, sum);
	return 0;
}

static int mutex_in_motion(struct ct_shared *s, void *arg)
{
	CT_DO(make_mutex(s, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED));
	CT_DO(in_motion(s, adds, WORKERS));
	return check_sum(s);
}

CT_ROUND_TRIP(sync, mutex_in_motion)

static int pi_mutex_in_motion(struct ct_shared *s, void *arg)
{
	CT_DO(make_mutex(s, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST));
	CT_DO(in_motion(s, adds, WORKERS));
	return check_sum(s);
}

CT_ROUND_TRIP(sync, pi_mutex_in_motion)

static pthread_barrier_t barrier;
static volatile bool last_round;

/* All are in the same round between two barriers. */
static void *meets(void *arg)
{
	long nr = (long)arg;
	bool last = false;
	int i;

	while (!last) {
		rounds[nr]++;
		pthread_barrier_wait(&barrier);
		for (i = 0; i < WORKERS; i++)
			if (rounds[i] != rounds[nr])
				return (void *)1L;
		if (!nr)
			last_round = enough;
		pthread_barrier_wait(&barrier);
		last = last_round;
	}
	return NULL;
}

static int barriers_in_motion(struct ct_shared *s, void *arg)
{
	pthread_barrier_init(&barrier, NULL, WORKERS);
	return in_motion(s, meets, WORKERS);
}

CT_ROUND_TRIP(sync, barriers_in_motion)

#define QUEUE 4

static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static int64_t queue[QUEUE], in, out, taken_sum;
static bool closed;

static void *gives(void)
{
	while (!enough) {
		pthread_mutex_lock(&mutex);
		while (in - out == QUEUE)
			pthread_cond_wait(&not_full, &mutex);
		queue[in % QUEUE] = in;
		in++;
		rounds[0] = in;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&mutex);
	}
	pthread_mutex_lock(&mutex);
	closed = true;
	pthread_cond_broadcast(&not_empty);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *takes(long nr)
{
	pthread_mutex_lock(&mutex);
	for (;;) {
		while (in == out && !closed)
			pthread_cond_wait(&not_empty, &mutex);
		if (in == out)
			break;
		if (queue[out % QUEUE] != out) {
			pthread_mutex_unlock(&mutex);
			return (void *)1L;
		}
		taken_sum += out++;
		rounds[nr]++;
		pthread_cond_signal(&not_full);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *gives_or_takes(void *arg)
{
	return (long)arg ? takes((long)arg) : gives();
}

/* Every number that was put in is taken out once. */
static int condition_variables_in_motion(struct ct_shared *s, void *arg)
{
	CT_DO(make_mutex(s, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED));
	CT_DO(in_motion(s, gives_or_takes, 3));
	CT_EQ(s, in, out);
	CT_EQ(s, in * (in - 1) / 2, taken_sum);
	return 0;
}

CT_ROUND_TRIP(sync, condition_variables_in_motion)

static sem_t ping, pong;

static void *plays(void *arg)
{
	long nr = (long)arg;
	sem_t *mine = nr ? &pong : &ping, *other = nr ? &ping : &pong;

	while (!enough) {
		if (sem_wait(mine))
			return (void *)1L;
		if (rounds[nr] != rounds[!nr] - nr && !enough)
			return (void *)2L;
		rounds[nr]++;
		sem_post(other);
	}
	sem_post(other);
	return NULL;
}

static int semaphores_in_motion(struct ct_shared *s, void *arg)
{
	sem_init(&ping, 0, 1);
	sem_init(&pong, 0, 0);
	return in_motion(s, plays, 2);
}

CT_ROUND_TRIP(sync, semaphores_in_motion)

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile int64_t left, right;

/* The first two write, the others read. */
static void *reads_and_writes(void *arg)
{
	long nr = (long)arg;

	while (!enough) {
		if (nr < 2) {
			pthread_rwlock_wrlock(&rwlock);
			left++;
			sched_yield();
			right++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (left != right)
				return (void *)1L;
		}
		pthread_rwlock_unlock(&rwlock);
		rounds[nr]++;
		sched_yield();
	}
	return NULL;
}

static int rwlocks_in_motion(struct ct_shared *s, void *arg)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr,
				      PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&rwlock, &attr);
	return in_motion(s, reads_and_writes, WORKERS);
}

CT_ROUND_TRIP(sync, rwlocks_in_motion)

TEST_HARNESS_MAIN
