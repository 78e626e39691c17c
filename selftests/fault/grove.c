// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else belongs to a program that is a tree: a thread, a child in the group
 * of a dead leader, a process that shares its memory and files, one that has
 * stopped, and a zombie.  Those that run check in each turn what they have; the
 * root looks whether all of them do, and at those that don't run.  None of them
 * goes by a pid: a restart may have given it another.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fault.h"

#define STACK 65536
#define ZOMBIE_CODE 7

static int common; /* open file that all of them have */
static volatile int shared_word; /* of those that share the memory */
static struct ct_shared *shared;

/*
 * Between two turns: half as long as the program's own nap, and for as long as
 * it is held.  A beat is counted all the while, or the program, which waits for
 * one, would not come to where it is held.
 */
static void rest(enum kin kin)
{
	struct timespec ts = { 0, CT_MS };

	do {
		shared->data[SLOT_KIN_BEATS + kin]++;
		shared->data[SLOT_KIN_HELD + kin] = 1;
		if (shared->data[SLOT_HOLD] == HOLD_AWAKE)
			sched_yield();
		else
			nanosleep(&ts, NULL);
	} while (shared->data[SLOT_HOLD] != HOLD_NOT);
}

/* ---- what each of them has ---- */

static int thread_check(void)
{
	char name[16] = "";
	sigset_t set;

	CT_EQ(shared, 0, pthread_sigmask(SIG_SETMASK, NULL, &set));
	CT_EQ(shared, 1, sigismember(&set, SIGRTMIN + 5));
	CT_EQ(shared, 0, prctl(PR_GET_NAME, name));
	CT_EQ(shared, 0, strcmp(name, "fault-thread"));
	CT_EQ(shared, 0x1234, shared_word);
	return 0;
}

static void *thread_main(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_NAME, "fault-thread");
	while (!thread_check())
		rest(KIN_THREAD);
	return NULL;
}

static int child_check(void)
{
	CT_CHECK(shared, getpgrp() != getpid());
	CT_CHECK(shared, getpgrp() != getpgid(getppid()));
	CT_CHECK(shared, kill(getpgrp(), 0) && errno == ESRCH);
	CT_EQ(shared, 5, lseek(common, 0, SEEK_CUR));
	return 0;
}

static void __attribute__((noreturn)) child_main(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!child_check())
		rest(KIN_CHILD);
	_exit(1);
}

static int sharer_main(void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (shared_word == 0x1234)
		rest(KIN_SHARER);
	_exit(1);
}

/* ---- making them ---- */

/* A leader that has ended leaves the child its group. */
static int child_make(struct ct_shared *s)
{
	int ends[2], status;
	pid_t leader, child = 0;

	CT_EQ(s, 0, pipe(ends));
	leader = fork();
	if (!leader) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	CT_CHECK(s, leader > 0);
	setpgid(leader, leader);
	child = fork();
	if (!child) {
		setpgid(0, leader);
		close(ends[0]);
		close(ends[1]);
		while (!kill(leader, 0))
			sched_yield();
		child_main();
	}
	CT_CHECK(s, child > 0);
	CT_CHECK(s, !setpgid(child, leader));
	CT_EQ(s, 0, kill(leader, SIGKILL));
	CT_EQ(s, leader, waitpid(leader, &status, 0));
	close(ends[0]);
	close(ends[1]);
	s->data[SLOT_KIN_PIDS + 0] = child;
	return 0;
}

static int still_ones_make(struct ct_shared *s)
{
	pid_t zombie, stopped;
	siginfo_t info;

	zombie = fork();
	if (!zombie)
		_exit(ZOMBIE_CODE);
	CT_EQ(s, 0, waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	stopped = fork();
	if (!stopped) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		s->data[SLOT_KIN_PIDS + 1] = getpid();
		for (;;)
			pause();
	}
	while (s->data[SLOT_KIN_PIDS + 1] != stopped)
		sched_yield();
	CT_EQ(s, 0, kill(stopped, SIGSTOP));
	CT_EQ(s, 0, waitid(P_PID, stopped, &info, WSTOPPED | WNOWAIT));
	return 0;
}

/**
 * grove_make() - the rest of the tree
 * @s: shared with the tester
 *
 * Return: 0 or 1.
 */
int grove_make(struct ct_shared *s)
{
	static char stack[STACK] __attribute__((aligned(16)));
	pthread_t thread;
	pid_t pid;

	shared = s;
	shared_word = 0x1234;
	common = open("file", O_RDONLY);
	CT_EQ(s, 5, lseek(common, 5, SEEK_SET));
	CT_DO(child_make(s));
	CT_DO(still_ones_make(s));
	pid = clone(sharer_main, stack + sizeof(stack),
		    CLONE_VM | CLONE_FILES | SIGUSR2, NULL);
	CT_CHECK(s, pid > 0);
	s->data[SLOT_KIN_PIDS + 2] = pid;
	CT_EQ(s, 0, pthread_create(&thread, NULL, thread_main, NULL));
	return 0;
}

/**
 * grove_check() - all of them are there, and have made a turn
 * @s: shared with the tester
 *
 * Return: 0 or 1.
 */
int grove_check(struct ct_shared *s)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS, before[NR_KIN];
	siginfo_t info = { 0 };
	int i;

	CT_EQ(s, 0, waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG));
	CT_EQ(s, CLD_EXITED, info.si_code);
	CT_EQ(s, ZOMBIE_CODE, info.si_status);
	CT_EQ(s, 0, waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT | WNOHANG));
	CT_EQ(s, CLD_STOPPED, info.si_code);
	CT_EQ(s, SIGSTOP, info.si_status);
	for (i = 0; i < NR_KIN; i++)
		before[i] = s->data[SLOT_KIN_BEATS + i];
	for (i = 0; i < NR_KIN; i++)
		while (s->data[SLOT_KIN_BEATS + i] < before[i] + 2) {
			CT_CHECK(s, ct_now() < end && !s->failed);
			sched_yield();
		}
	return 0;
}
