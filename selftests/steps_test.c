// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program of labelled steps that is checkpointed at each of them: once in one
 * life, which is killed and restarted at every step, and once for each step
 * from the beginning.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(steps)

#define BEAT 0 /* slots of the data */
#define QUIT 1
#define SON 2
#define THREAD 3

/* What the program has by and by. */
static struct ct_shared *shared;
static pthread_t thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int orders;
static int fds[2];
static pid_t child, leader, zombie;
static char *memory;

/* ---- who else is there ------------------------------------------- */

/* A child that counts, until it is told to end. */
static int beats(struct ct_shared *s, void *arg)
{
	close(fds[1]);
	while (!s->data[QUIT]) {
		s->data[BEAT]++;
		ct_sleep_ms(1);
	}
	return 23;
}

static int until_it_beats(void)
{
	return tasks_slot(shared, BEAT, shared->data[BEAT] + 2);
}

static void *obeys(void *arg)
{
	int done = 0;

	shared->data[THREAD] = gettid();
	pthread_mutex_lock(&mutex);
	while (orders >= 0) {
		if (orders == done) {
			pthread_cond_wait(&cond, &mutex);
			continue;
		}
		done = orders;
		shared->data[4] = done;
	}
	pthread_mutex_unlock(&mutex);
	return (void *)77L;
}

static int give_order(int order)
{
	pthread_mutex_lock(&mutex);
	orders = order;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	return 0;
}

static int leads(struct ct_shared *s, void *arg)
{
	setsid();
	s->data[SON] = tasks_fork(s, beats, NULL);
	return 0;
}

/* ---- the steps --------------------------------------------------- */

static int begin(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int write_memory(void)
{
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 'm', 1 << 19);
	return 0;
}

static int unmap_half(void)
{
	CT_EQ(shared, 'm', memory[(1 << 19) - 1]);
	CT_EQ(shared, 0, memory[1 << 19]);
	return munmap(memory, 1 << 18);
}

static int make_pipe(void)
{
	CT_EQ(shared, 'm', memory[1 << 18]);
	return pipe(fds);
}

static int write_pipe(void)
{
	CT_EQ(shared, 5, write(fds[1], "bytes", 5));
	return 0;
}

static int make_child(void)
{
	child = tasks_fork(shared, beats, NULL);
	return until_it_beats();
}

static int read_pipe(void)
{
	char buf[8];

	CT_DO(until_it_beats());
	CT_EQ(shared, 3, read(fds[0], buf, 3));
	CT_EQ(shared, 0, memcmp(buf, "byt", 3));
	return 0;
}

static int make_thread(void)
{
	CT_EQ(shared, 0, pthread_create(&thread, NULL, obeys, NULL));
	return tasks_slot(shared, THREAD, 1);
}

static int order_one(void)
{
	give_order(1);
	return tasks_slot(shared, 4, 1);
}

static int stop_child(void)
{
	CT_DO(until_it_beats());
	CT_EQ(shared, 0, kill(child, SIGSTOP));
	return tasks_until_state(shared, child, child, 'T');
}

static int hear_of_stop(void)
{
	int status;

	CT_EQ(shared, child, waitpid(child, &status, WUNTRACED));
	CT_EQ(shared, SIGSTOP, WSTOPSIG(status));
	return 0;
}

static int continue_child(void)
{
	CT_EQ(shared, 'T', tasks_state(child, child));
	CT_EQ(shared, 0, kill(child, SIGCONT));
	return until_it_beats();
}

static int hear_of_continue(void)
{
	int status;

	CT_EQ(shared, child, waitpid(child, &status, WCONTINUED));
	CT_CHECK(shared, WIFCONTINUED(status));
	return 0;
}

static int order_two(void)
{
	give_order(2);
	CT_DO(tasks_slot(shared, 4, 2));
	return tasks_until_state(shared, getpid(), shared->data[THREAD], 'S');
}

static int make_zombie(void)
{
	zombie = fork();
	if (!zombie)
		_exit(99);
	return tasks_until_state(shared, zombie, zombie, 'Z');
}

static int make_orphan(void)
{
	leader = tasks_fork(shared, leads, NULL);
	return tasks_reap(shared, leader);
}

static int look_at_orphan(void)
{
	pid_t son = shared->data[SON];

	CT_EQ(shared, leader, getsid(son));
	CT_EQ(shared, leader, getpgid(son));
	return until_it_beats();
}

static int kill_orphan(void)
{
	int status;

	CT_EQ(shared, 0, kill(-leader, SIGTERM));
	CT_EQ(shared, shared->data[SON],
	      waitpid(shared->data[SON], &status, 0));
	CT_EQ(shared, SIGTERM, status);
	return 0;
}

static int reap_zombie(void)
{
	int status;

	CT_EQ(shared, zombie, waitpid(zombie, &status, 0));
	CT_EQ(shared, 99, WEXITSTATUS(status));
	return 0;
}

static int end_child(void)
{
	CT_DO(until_it_beats());
	shared->data[QUIT] = 1;
	return tasks_until_state(shared, child, child, 'Z');
}

static int reap_child(void)
{
	int status;

	CT_EQ(shared, child, waitpid(child, &status, 0));
	CT_EQ(shared, 23, WEXITSTATUS(status));
	CT_EQ(shared, -1, waitpid(-1, &status, 0));
	return 0;
}

static int end_thread(void)
{
	void *result;

	give_order(-1);
	CT_EQ(shared, 0, pthread_join(thread, &result));
	CT_EQ(shared, 77, (long)result);
	return 0;
}

static int drain_pipe(void)
{
	char buf[8];

	close(fds[1]);
	CT_EQ(shared, 2, read(fds[0], buf, 8));
	CT_EQ(shared, 0, memcmp(buf, "es", 2));
	CT_EQ(shared, 0, read(fds[0], buf, 8));
	return 0;
}

/* Step n, from 1, is what is there after the first n of them. */
static int (*const steps[])(void) = {
	begin,
	write_memory,
	unmap_half,
	make_pipe,
	write_pipe,
	make_child,
	read_pipe,
	make_thread,
	order_one,
	stop_child,
	hear_of_stop,
	continue_child,
	hear_of_continue,
	order_two,
	make_zombie,
	make_orphan,
	look_at_orphan,
	kill_orphan,
	reap_zombie,
	end_child,
	reap_child,
	end_thread,
	drain_pipe,
};

#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

static int in_steps(struct ct_shared *s, void *arg)
{
	int i;

	shared = s;
	for (i = 0; i < STEPS; i++) {
		CT_EQ(s, 0, steps[i]());
		ct_step(s, i + 1);
	}
	return 0;
}

/* ---- checkpointed at each ---------------------------------------- */

TEST_F_TIMEOUT(steps, one_life_killed_at_every_step, 170)
{
	struct ct *ct = &self->ct;
	int i;

	ASSERT_EQ(0, ct_start(ct, in_steps, NULL));
	for (i = 1; i <= STEPS; i++) {
		ASSERT_EQ(0, ct_reach(ct, i));
		ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL))
		TH_LOG("at step %d", i);
		ASSERT_EQ(0, ct_restart(ct));
		ct_go(ct, i);
	}
	ASSERT_EQ(0, ct_join(ct));
	ASSERT_EQ(STEPS, ct->s->restarted);
}

/* The program runs on, the image of each step is good later. */
TEST_F_TIMEOUT(steps, an_image_of_every_step, 170)
{
	struct ct_shared kept[STEPS + 1];
	struct ct *ct = &self->ct;
	char img[PATH_MAX];
	int i;

	ASSERT_EQ(0, ct_start(ct, in_steps, NULL));
	for (i = 1; i <= STEPS; i++) {
		ASSERT_EQ(0, ct_reach(ct, i));
		snprintf(img, sizeof(img), "%s/img.%d", ct->dir, i);
		ASSERT_EQ(0, ct_checkpoint_to(ct, img, 0))
		TH_LOG("at step %d", i);
		kept[i] = *ct->s;
		ct_go(ct, i);
	}
	ASSERT_EQ(0, ct_finish(ct));
	if (getenv("CT_SKIP_CHECKPOINT"))
		return;
	for (i = 1; i <= STEPS; i++) {
		/* what is shared with us is as it was then */
		*ct->s = kept[i];
		snprintf(img, sizeof(img), "%s/img.%d", ct->dir, i);
		ASSERT_EQ(0, ct_restart_from(ct, img, NULL));
		ct_go(ct, INT_MAX);
		ASSERT_EQ(0, ct_join(ct))
		TH_LOG("from step %d", i);
	}
}

TEST_HARNESS_MAIN
