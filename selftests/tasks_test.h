/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ckpt: what the tests of trees share.  The tasks of a program count themselves
 * when they are where a checkpoint is to find them; the root waits for that
 * before it says that it is at step 1.
 *
 * s->data[63] is the count; the other slots are free for the test.
 */
#ifndef _TASKS_TEST_H
#define _TASKS_TEST_H

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "ckpt_test.h"

#define TASKS_COUNT 63
#define TASKS_TRIES 12000

/* "I am where I should be found." */
static inline void tasks_here(struct ct_shared *s)
{
	__atomic_add_fetch(&s->data[TASKS_COUNT], 1, __ATOMIC_SEQ_CST);
}

/* Waits until @nr tasks are there: 0, or 1 after ct_fail(). */
static inline int tasks_wait(struct ct_shared *s, int nr)
{
	int i;

	for (i = 0; s->data[TASKS_COUNT] < nr; i++) {
		if (i > TASKS_TRIES || s->failed)
			return ct_fail(s, __FILE__, __LINE__,
				       "%lld of %d tasks are there",
				       (long long)s->data[TASKS_COUNT], nr);
		ct_sleep_ms(2);
	}
	return 0;
}

/* Short, and longer the more tasks do it: a slow machine is not kept busy. */
static inline void tasks_pause(struct ct_shared *s)
{
	ct_sleep_ms(5 + 2 * s->data[TASKS_COUNT]);
}

/* A child counts itself and waits until the tester lets step @step go. */
static inline void tasks_stay(struct ct_shared *s, int step)
{
	tasks_here(s);
	while (s->go < step)
		tasks_pause(s);
}

/* Of this process, before the checkpoint. */
static struct {
	pid_t pid, ppid, pgid, sid;
} tasks_was;

static inline void tasks_note_ids(void)
{
	tasks_was.pid = getpid();
	tasks_was.ppid = getppid();
	tasks_was.pgid = getpgrp();
	tasks_was.sid = getsid(0);
}

static inline int tasks_check_ids(struct ct_shared *s)
{
	CT_EQ(s, tasks_was.pid, getpid());
	CT_EQ(s, tasks_was.ppid, getppid());
	CT_EQ(s, tasks_was.pgid, getpgrp());
	CT_EQ(s, tasks_was.sid, getsid(0));
	return 0;
}

/* A child that is to stay as it is. */
static inline int tasks_stay_same(struct ct_shared *s, void *arg)
{
	(void)arg;
	tasks_note_ids();
	tasks_stay(s, 1);
	return tasks_check_ids(s);
}

/* Waits until slot @slot of the data is at least @want. */
static inline int tasks_slot(struct ct_shared *s, int slot, int64_t want)
{
	int i;

	for (i = 0; s->data[slot] < want; i++) {
		if (i > TASKS_TRIES || s->failed)
			return ct_fail(s, __FILE__, __LINE__,
				       "slot %d is %lld, not %lld", slot,
				       (long long)s->data[slot],
				       (long long)want);
		ct_sleep_ms(2);
	}
	return 0;
}

/* Forks a child that ends with the result of @fn. */
static inline pid_t tasks_fork(struct ct_shared *s, ct_fn fn, void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		ct_fail(s, __FILE__, __LINE__, "fork (%m)");
	if (!pid)
		_exit(fn(s, arg));
	return pid;
}

/*
 * Reaps the child @pid, which must end with status 0: 0, or 1 after ct_fail().
 * A check of its own that has failed is the one that is told.
 */
static inline int tasks_reap(struct ct_shared *s, pid_t pid)
{
	int status = -1;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	if (got != pid || status)
		return ct_fail(s, __FILE__, __LINE__,
			       "waitpid(%d) is %d, status %#x (%m)", pid, got,
			       status);
	return 0;
}

/* A field of /proc/PID/task/TID/status as text in @value; "" when missing. */
static inline void tasks_field(pid_t pid, pid_t tid, const char *field,
			       char value[64])
{
	char name[64], *text, *at;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/status", pid, tid);
	text = ct_read_file(name);
	at = text ? strstr(text, field) : NULL;
	value[0] = 0;
	if (at)
		sscanf(at + strlen(field), "%63s", value);
	free(text);
}

/* One letter of ps: R, S, T, Z ...; 0 when it is gone. */
static inline char tasks_state(pid_t pid, pid_t tid)
{
	char value[64];

	tasks_field(pid, tid, "\nState:", value);
	return value[0];
}

static inline int tasks_until_state(struct ct_shared *s, pid_t pid, pid_t tid,
				    char state)
{
	int i;

	for (i = 0; tasks_state(pid, tid) != state; i++) {
		if (i > TASKS_TRIES || s->failed)
			return ct_fail(s, __FILE__, __LINE__,
				       "task %d is %c, not %c", tid,
				       tasks_state(pid, tid) ?: '-', state);
		ct_sleep_ms(2);
	}
	return 0;
}

/* The number of the system call it sleeps in, or -1. */
static inline long tasks_syscall(pid_t pid, pid_t tid)
{
	char name[64], *text;
	long nr = -1;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/syscall", pid, tid);
	text = ct_read_file(name);
	if (text && *text >= '0' && *text <= '9')
		nr = strtol(text, NULL, 10);
	free(text);
	return nr;
}

/* Waits until a task sleeps in system call @nr. */
static inline int tasks_in_syscall(struct ct_shared *s, pid_t pid, pid_t tid,
				   long nr)
{
	int i;

	for (i = 0; tasks_syscall(pid, tid) != nr; i++) {
		if (i > TASKS_TRIES || s->failed)
			return ct_fail(s, __FILE__, __LINE__,
				       "task %d is in call %ld, not %ld", tid,
				       tasks_syscall(pid, tid), nr);
		ct_sleep_ms(2);
	}
	return 0;
}

/* clone() as the kernel has it: 0 in the child, which shares no stack. */
static inline pid_t tasks_clone(unsigned long flags)
{
	return syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
}

#endif /* _TASKS_TEST_H */
