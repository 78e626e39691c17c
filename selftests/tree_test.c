// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes: who is whose parent, groups and sessions and their dead leaders,
 * orphans, siblings, and children of threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(tree)

/* ---- hierarchies ------------------------------------------------- */

#define DEPTH 3
#define WIDTH 4

/*
 * Of each four the first stays in its parent's group, the second begins a
 * group, the third joins that, the last begins a session.
 */
static void choose_group(int i, pid_t group)
{
	if (i == 1)
		setpgid(0, 0);
	else if (i == 2)
		setpgid(0, group);
	else if (i == 3)
		setsid();
}

static int grow(struct ct_shared *s, int depth)
{
	pid_t child[WIDTH];
	int i;

	for (i = 0; depth && i < WIDTH; i++) {
		int64_t there = s->data[TASKS_COUNT];

		child[i] = fork();
		CT_CHECK(s, child[i] >= 0);
		if (!child[i]) {
			choose_group(i, child[1]);
			_exit(grow(s, depth - 1));
		}
		/* the group must be there for the next one */
		CT_DO(tasks_wait(s, there + 1));
	}
	tasks_note_ids();
	if (depth == DEPTH)
		ct_step(s, 1);
	else
		tasks_stay(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_check_ids(s));
	for (i = 0; depth && i < WIDTH; i++)
		CT_DO(tasks_reap(s, child[i]));
	CT_EQ(s, -1, waitpid(-1, NULL, __WALL));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

/* 85 processes below the root, which is another one's child later. */
static int hierarchy_is_kept(struct ct_shared *s, void *arg)
{
	pid_t child;

	setsid();
	child = fork();
	if (!child)
		_exit(grow(s, DEPTH));
	while (!s->ready && !s->failed)
		ct_sleep_ms(2);
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, hierarchy_is_kept)

static int link_of_chain(struct ct_shared *s, int rest)
{
	pid_t child = 0;

	if (rest) {
		child = fork();
		CT_CHECK(s, child >= 0);
		if (!child)
			_exit(link_of_chain(s, rest - 1));
	}
	tasks_note_ids();
	tasks_stay(s, 1);
	CT_DO(tasks_check_ids(s));
	return rest ? tasks_reap(s, child) : 0;
}

static int chain_of_forty(struct ct_shared *s, void *arg)
{
	pid_t child;

	setsid();
	child = fork();
	if (!child)
		_exit(link_of_chain(s, 39));
	CT_DO(tasks_wait(s, 40));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, chain_of_forty)

static int hundred_siblings(struct ct_shared *s, void *arg)
{
	pid_t child[100];
	int i;

	setsid();
	for (i = 0; i < 100; i++)
		child[i] = tasks_fork(s, tasks_stay_same, NULL);
	CT_DO(tasks_wait(s, 100));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 99; i >= 0; i--)
		CT_DO(tasks_reap(s, child[i]));
	return 0;
}

CT_ROUND_TRIP(tree, hundred_siblings)

/* ---- groups outside ---------------------------------------------- */

/* All are in a group and a session that began outside: the restarter's then. */
static int in_its_parents_group(struct ct_shared *s, void *arg)
{
	pid_t outer = getpgrp(), session = getsid(0), root = getppid();

	tasks_stay(s, 1);
	CT_CHECK(s, outer != root && session != root);
	CT_EQ(s, root, getppid());
	CT_EQ(s, getpgid(root), getpgrp());
	CT_EQ(s, getsid(root), getsid(0));
	return 0;
}

static int outer_group_is_the_restarters(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, in_its_parents_group, NULL);

	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, getpgid(getppid()), getpgrp());
	CT_EQ(s, getsid(getppid()), getsid(0));
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, outer_group_is_the_restarters)

/* ---- dead leaders ------------------------------------------------ */

static volatile sig_atomic_t got;

static void count(int sig)
{
	got++;
}

/* Its group and session are those of a process that is gone. */
static int survives_its_leader(struct ct_shared *s, void *arg)
{
	int i;

	signal(SIGUSR1, count);
	while (getppid() == getsid(0)) /* until the leader is gone */
		ct_sleep_ms(1);
	tasks_note_ids();
	tasks_here(s);
	while (s->go < 1)
		ct_sleep_ms(5);
	CT_DO(tasks_check_ids(s));
	for (i = 0; !got; i++) {
		CT_CHECK(s, i < TASKS_TRIES);
		ct_sleep_ms(2);
	}
	return 0;
}

static int leads_a_session(struct ct_shared *s, void *arg)
{
	setsid();
	s->data[1] = tasks_fork(s, survives_its_leader, NULL);
	s->data[2] = tasks_fork(s, survives_its_leader, NULL);
	s->data[0] = getpid();
	return 0;
}

static int dead_session_leader(struct ct_shared *s, void *arg)
{
	pid_t leader;
	int i;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leader = tasks_fork(s, leads_a_session, NULL);
	CT_DO(tasks_reap(s, leader));
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, leader, getsid(s->data[1]));
	CT_EQ(s, leader, getpgid(s->data[2]));
	/* who kept the number for us is gone, and nobody else has it */
	for (i = 0; i < 1000 && !kill(leader, 0); i++)
		ct_sleep_ms(2);
	CT_EQ(s, -1, kill(leader, 0));
	CT_EQ(s, ESRCH, errno);
	CT_EQ(s, 0, kill(-leader, SIGUSR1));
	CT_DO(tasks_reap(s, s->data[1]));
	CT_DO(tasks_reap(s, s->data[2]));
	CT_EQ(s, -1, kill(-leader, SIGUSR1));
	CT_EQ(s, -1, waitpid(-1, NULL, __WALL));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

CT_ROUND_TRIP(tree, dead_session_leader)

static int leads_a_group(struct ct_shared *s, void *arg)
{
	setpgid(0, 0);
	s->data[0] = 1;
	CT_DO(tasks_slot(s, 1, 1));
	return 0;
}

static int joins_group(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, setpgid(0, (long)arg));
	return tasks_stay_same(s, NULL);
}

/* The session is the tree's, the group's leader has ended, the members live. */
static int dead_group_leader(struct ct_shared *s, void *arg)
{
	pid_t leader, member[2], first;
	int i;

	setsid();
	leader = tasks_fork(s, leads_a_group, NULL);
	CT_DO(tasks_slot(s, 0, 1));
	for (i = 0; i < 2; i++)
		member[i] = tasks_fork(s, joins_group, (void *)(long)leader);
	CT_DO(tasks_wait(s, 2));
	s->data[1] = 1;
	CT_DO(tasks_reap(s, leader));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, leader, getpgid(member[0]));
	CT_EQ(s, getpid(), getsid(member[1]));
	/* in any order */
	first = waitpid(-leader, &i, 0);
	CT_CHECK(s, first == member[0] || first == member[1]);
	CT_EQ(s, 0, i);
	CT_EQ(s, member[0] + member[1] - first, waitpid(-leader, &i, 0));
	CT_EQ(s, 0, i);
	CT_EQ(s, -1, waitpid(-leader, &i, 0));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

CT_ROUND_TRIP(tree, dead_group_leader)

/* The leader is a zombie: its number is its own still. */
static int leader_is_a_zombie(struct ct_shared *s, void *arg)
{
	pid_t leader, member;

	setsid();
	leader = tasks_fork(s, leads_a_group, NULL);
	CT_DO(tasks_slot(s, 0, 1));
	member = tasks_fork(s, joins_group, (void *)(long)leader);
	CT_DO(tasks_wait(s, 1));
	s->data[1] = 1;
	CT_DO(tasks_until_state(s, leader, leader, 'Z'));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 'Z', tasks_state(leader, leader));
	CT_EQ(s, leader, getpgid(leader));
	CT_EQ(s, leader, getpgid(member));
	CT_DO(tasks_reap(s, member));
	return tasks_reap(s, leader);
}

CT_ROUND_TRIP(tree, leader_is_a_zombie)

/* ---- orphans ----------------------------------------------------- */

static int orphan(struct ct_shared *s, void *arg)
{
	pid_t adopter = (long)arg;
	int i;

	for (i = 0; getppid() != adopter; i++) {
		CT_CHECK(s, i < TASKS_TRIES);
		ct_sleep_ms(2);
	}
	return tasks_stay_same(s, NULL);
}

static int leaves_orphan(struct ct_shared *s, void *arg)
{
	s->data[3] = tasks_fork(s, orphan, (void *)(long)getppid());
	return 0;
}

/* Its child is adopted by the subreaper, after the restart too. */
static int begets(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 1);
	return leaves_orphan(s, NULL);
}

static int adopts(struct ct_shared *s, void *arg)
{
	pid_t child, other;
	int marked = 0;

	CT_EQ(s, 0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = tasks_fork(s, leaves_orphan, NULL);
	other = tasks_fork(s, begets, NULL);
	CT_DO(tasks_reap(s, child));
	child = s->data[3];
	tasks_stay(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_CHILD_SUBREAPER, &marked));
	CT_EQ(s, 1, marked);
	CT_DO(tasks_reap(s, child));
	CT_DO(tasks_reap(s, other));
	return tasks_reap(s, s->data[3]);
}

static int orphans_of_a_subreaper(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, adopts, NULL);

	CT_DO(tasks_wait(s, 3));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, orphans_of_a_subreaper)

/* ---- siblings and threads ---------------------------------------- */

/* Its child is its sibling. */
static int makes_sibling(struct ct_shared *s, void *arg)
{
	pid_t sibling = tasks_clone(CLONE_PARENT | SIGCHLD);

	if (!sibling)
		_exit(tasks_stay_same(s, NULL));
	s->data[0] = sibling;
	CT_DO(tasks_stay_same(s, NULL));
	CT_EQ(s, -1, waitpid(sibling, NULL, WNOHANG));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

static int siblings_by_clone(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, makes_sibling, NULL);

	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_reap(s, s->data[0]));
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, siblings_by_clone)

static struct ct_shared *shared;
static pthread_barrier_t together;

/* The child is this thread's: nobody else has it for __WNOTHREAD. */
static void *has_child(void *arg)
{
	pid_t child = tasks_fork(shared, tasks_stay_same, NULL);
	int status = -1;

	shared->data[0] = child;
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	if (waitpid(child, &status, __WNOTHREAD) != child)
		status = ct_fail(shared, __FILE__, __LINE__,
				 "the thread has no child (%m)");
	return (void *)(long)status;
}

static int children_of_threads(struct ct_shared *s, void *arg)
{
	pthread_t thread;
	void *result;

	shared = s;
	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0, pthread_create(&thread, NULL, has_child, NULL));
	pthread_barrier_wait(&together);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, waitpid(-1, NULL, __WNOTHREAD | WNOHANG));
	CT_EQ(s, ECHILD, errno);
	pthread_barrier_wait(&together);
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_EQ(s, 0, (long)result);
	return 0;
}

CT_ROUND_TRIP(tree, children_of_threads)

/* A process of threads below a process of threads. */
static void *stays_here(void *arg)
{
	return (void *)(long)tasks_stay_same(shared, NULL);
}

static int has_threads(struct ct_shared *s, void *arg)
{
	long nr = (long)arg;
	pthread_t thread[3];
	void *result;
	pid_t child = 0;
	int i;

	shared = s;
	for (i = 0; i < 3; i++)
		CT_EQ(s, 0, pthread_create(&thread[i], NULL, stays_here, NULL));
	if (nr)
		child = tasks_fork(s, has_threads, (void *)(nr - 1));
	tasks_stay(s, 1);
	for (i = 0; i < 3; i++) {
		CT_EQ(s, 0, pthread_join(thread[i], &result));
		CT_EQ(s, 0, (long)result);
	}
	return child ? tasks_reap(s, child) : 0;
}

static int threads_all_the_way_down(struct ct_shared *s, void *arg)
{
	pid_t child;

	setsid();
	child = tasks_fork(s, has_threads, (void *)4L);
	CT_DO(tasks_wait(s, 20));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(tree, threads_all_the_way_down)

/* ---- parent-death signals ---------------------------------------- */

static int mourns(struct ct_shared *s, void *arg)
{
	int i, sig = 0;

	signal(SIGUSR1, count);
	CT_EQ(s, 0, prctl(PR_SET_PDEATHSIG, SIGUSR1));
	tasks_stay(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_PDEATHSIG, &sig));
	CT_EQ(s, SIGUSR1, sig);
	for (i = 0; !got; i++) {
		CT_CHECK(s, i < TASKS_TRIES);
		ct_sleep_ms(2);
	}
	return 0;
}

static int dies_first(struct ct_shared *s, void *arg)
{
	s->data[0] = tasks_fork(s, mourns, NULL);
	tasks_stay(s, 2);
	return 0;
}

static int told_of_its_parents_death(struct ct_shared *s, void *arg)
{
	pid_t parent;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	parent = tasks_fork(s, dies_first, NULL);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_reap(s, parent));
	return tasks_reap(s, s->data[0]);
}

CT_ROUND_TRIP(tree, told_of_its_parents_death)

/* The parent is a thread; when it ends, the process lives on. */
static void *has_mourner(void *arg)
{
	shared->data[0] = tasks_fork(shared, mourns, NULL);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	return NULL;
}

static int told_of_its_parent_threads_death(struct ct_shared *s, void *arg)
{
	pthread_t thread;

	shared = s;
	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0, pthread_create(&thread, NULL, has_mourner, NULL));
	pthread_barrier_wait(&together);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	pthread_barrier_wait(&together);
	CT_EQ(s, 0, pthread_join(thread, NULL));
	return tasks_reap(s, s->data[0]);
}

CT_ROUND_TRIP(tree, told_of_its_parent_threads_death)

TEST_HARNESS_MAIN
