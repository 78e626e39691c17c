// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: family CHILDREN THREADS
 *
 * A tree of processes for the tests of the tools: says "ready" when it stands;
 * on SIGTERM the root looks whether all of its family is there, ends it, and
 * exits with status 5, or with 1 and a line on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX 2000

static volatile sig_atomic_t asked;
static pid_t child[MAX], zombie;
static int nr_children, nr_threads;
static volatile int threads_there;
static int there[2]; /* a byte from each child that has forked its own */

static void on_term(int sig)
{
	asked = sig;
}

static void *wait_for_ever(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&threads_there, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

/* SIGTERM is for the root's first thread alone. */
static int make_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t term;
	int i;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (i = 0; i < nr_threads; i++)
		if (pthread_create(&thread, &attr, wait_for_ever, NULL))
			return -1;
	while (threads_there < nr_threads)
		usleep(1000);
	return 0;
}

/* Every tenth leads a session and has a child of its own. */
static void child_main(int i)
{
	bool tells = true;

	signal(SIGTERM, SIG_DFL);
	if (i % 10 == 1) {
		setsid();
		tells = fork();
	}
	if (tells && write(there[1], "", 1) != 1)
		_exit(1);
	close(there[0]);
	close(there[1]);
	for (;;)
		pause();
}

static int write_file(const char *name, int number)
{
	FILE *f = fopen(name, "w");

	if (!f)
		return -1;
	fprintf(f, "%d\n", number);
	return fclose(f);
}

/* Return: 0 when all children are there. */
static int make_children(void)
{
	char byte;
	int i;

	if (pipe(there))
		return -1;
	for (i = 0; i < nr_children; i++) {
		child[i] = fork();
		if (!child[i])
			child_main(i);
		if (child[i] < 0)
			return -1;
	}
	close(there[1]);
	for (i = 0; i < nr_children; i++)
		if (read(there[0], &byte, 1) != 1)
			return -1;
	return close(there[0]);
}

static int begin(void)
{
	siginfo_t info;

	signal(SIGTERM, on_term);
	zombie = fork();
	if (!zombie)
		_exit(7);
	if (make_children())
		return -1;
	if (zombie < 0 || waitid(P_PID, zombie, &info, WEXITED | WNOWAIT))
		return -1;
	if (make_threads() || write_file("pid", getpid()))
		return -1;
	return write_file("ready", 1);
}

/* What the tools know as the family by these numbers, we do too. */
static int look(void)
{
	int i, status, bad = 0;

	if (waitpid(zombie, &status, 0) != zombie || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 7) {
		fprintf(stderr, "the zombie %d is not there\n", zombie);
		bad++;
	}
	for (i = 0; i < nr_children; i++) {
		if (!waitpid(child[i], &status, WNOHANG)) {
			if (i % 10 == 1)
				kill(-child[i], SIGKILL);
			kill(child[i], SIGKILL);
			waitpid(child[i], &status, 0);
			continue;
		}
		fprintf(stderr, "child %d is not there\n", child[i]);
		bad++;
	}
	return bad;
}

int main(int argc, char **argv)
{
	sigset_t none;

	nr_children = argc > 1 ? atoi(argv[1]) : 0;
	nr_threads = argc > 2 ? atoi(argv[2]) : 0;
	if (nr_children < 0 || nr_children > MAX || nr_threads < 0)
		return 2;
	if (begin()) {
		perror("family");
		return 1;
	}
	sigemptyset(&none);
	while (!asked)
		sigsuspend(&none);
	return look() ? 1 : 5;
}
