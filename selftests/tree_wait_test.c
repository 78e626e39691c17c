// SPDX-License-Identifier: GPL-2.0-only
/*
 * What parents are told of their children: zombies with status and usage,
 * children that are stopped or go on, exit signals, calls of wait().
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
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(wait)

/* waitid() with what the child has used. */
static int wait_with_usage(int kind, pid_t id, siginfo_t *si, int options,
			   struct rusage *usage)
{
	memset(si, 0, sizeof(*si));
	return syscall(SYS_waitid, kind, id, si, options, usage);
}

#define ENOUGH 60 /* a slot of the data */

/* A child that runs until there is enough; @arg is a slot it counts in. */
static int counts(struct ct_shared *s, void *arg)
{
	int slot = (long)arg;

	tasks_here(s);
	while (!s->data[ENOUGH]) {
		s->data[slot]++;
		ct_sleep_ms(1);
	}
	return 0;
}

/* ---- zombies ----------------------------------------------------- */

static void burn(int ms)
{
	struct timespec ts;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	} while (ts.tv_sec * 1000 + ts.tv_nsec / CT_MS < ms);
}

/* Ends in one of many ways. */
static int ends(struct ct_shared *s, void *arg)
{
	static const struct rlimit none;
	long way = (long)arg;

	setrlimit(RLIMIT_CORE, &none);
	burn(10 * way);
	if (way >= 4)
		signal(way == 4 ? SIGTERM : SIGKILL, SIG_DFL);
	switch (way) {
	case 4:
		raise(SIGTERM);
		break;
	case 5:
		raise(SIGKILL);
		break;
	case 6:
		raise(SIGSEGV);
		break;
	case 7:
		raise(SIGRTMIN + 3);
		break;
	}
	return way == 3 ? 255 : way;
}

#define ENDS 8
static const int end_code[ENDS] = { CLD_EXITED, CLD_EXITED, CLD_EXITED,
				    CLD_EXITED, CLD_KILLED, CLD_KILLED,
				    CLD_KILLED, CLD_KILLED };

static int end_status(int way)
{
	const int status[ENDS] = { 0,	    1,	     2,	      255,
				   SIGTERM, SIGKILL, SIGSEGV, SIGRTMIN + 3 };

	return status[way];
}

static int check_zombie(struct ct_shared *s, pid_t pid, int way)
{
	siginfo_t si;

	CT_EQ(s, 'Z', tasks_state(pid, pid));
	CT_EQ(s, 0, wait_with_usage(P_PID, pid, &si, WEXITED | WNOWAIT, NULL));
	CT_EQ(s, SIGCHLD, si.si_signo);
	CT_EQ(s, pid, si.si_pid);
	CT_EQ(s, getuid(), si.si_uid);
	CT_EQ(s, end_code[way], si.si_code);
	CT_EQ(s, end_status(way), si.si_status);
	return 0;
}

static int zombies_keep_their_status(struct ct_shared *s, void *arg)
{
	pid_t pid[ENDS];
	int way, status;

	for (way = 0; way < ENDS; way++)
		pid[way] = tasks_fork(s, ends, (void *)(long)way);
	for (way = 0; way < ENDS; way++) {
		CT_DO(tasks_until_state(s, pid[way], pid[way], 'Z'));
		CT_DO(check_zombie(s, pid[way], way));
	}
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (way = 0; way < ENDS; way++) {
		CT_DO(check_zombie(s, pid[way], way));
		CT_EQ(s, pid[way], waitpid(pid[way], &status, 0));
		CT_EQ(s,
		      end_code[way] == CLD_EXITED ? end_status(way) << 8 :
						    end_status(way),
		      status);
	}
	CT_EQ(s, -1, waitpid(-1, &status, 0));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

CT_ROUND_TRIP(wait, zombies_keep_their_status)

static long micro(struct timeval t)
{
	return t.tv_sec * 1000000L + t.tv_usec;
}

/* What a zombie has used is told as before, and then added to its parent's. */
static int zombies_keep_their_usage(struct ct_shared *s, void *arg)
{
	struct rusage was, now, sum;
	siginfo_t si;
	pid_t pid = tasks_fork(s, ends, (void *)7L);

	CT_DO(tasks_until_state(s, pid, pid, 'Z'));
	CT_EQ(s, 0, wait_with_usage(P_PID, pid, &si, WEXITED | WNOWAIT, &was));
	CT_CHECK(s, micro(was.ru_utime) + micro(was.ru_stime) >= 60000);
	CT_CHECK(s, was.ru_maxrss > 0 && was.ru_minflt > 0);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, getrusage(RUSAGE_CHILDREN, &sum));
	CT_EQ(s, 0, micro(sum.ru_utime));
	CT_EQ(s, 0, wait_with_usage(P_PID, pid, &si, WEXITED, &now));
	CT_EQ(s, micro(was.ru_utime), micro(now.ru_utime));
	CT_EQ(s, micro(was.ru_stime), micro(now.ru_stime));
	CT_EQ(s, was.ru_maxrss, now.ru_maxrss);
	CT_EQ(s, was.ru_minflt, now.ru_minflt);
	CT_EQ(s, was.ru_nvcsw, now.ru_nvcsw);
	CT_EQ(s, 0, getrusage(RUSAGE_CHILDREN, &sum));
	CT_EQ(s, micro(was.ru_utime), micro(sum.ru_utime));
	CT_EQ(s, micro(was.ru_stime), micro(sum.ru_stime));
	CT_EQ(s, was.ru_maxrss, sum.ru_maxrss);
	return 0;
}

CT_ROUND_TRIP(wait, zombies_keep_their_usage)

/* Another user's, in another group, with another name. */
static int odd_zombie(struct ct_shared *s, void *arg)
{
	prctl(PR_SET_NAME, "odd one");
	setpgid(0, 0);
	CT_EQ(s, 0, setresuid(1000, 1000, 1000));
	return 5;
}

static int zombies_keep_who_they_were(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, odd_zombie, NULL);
	char name[64];
	siginfo_t si;

	CT_DO(tasks_until_state(s, pid, pid, 'Z'));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, pid, getpgid(pid));
	tasks_field(pid, pid, "Name:", name);
	CT_EQ(s, 0, strcmp(name, "odd"));
	CT_EQ(s, 0, wait_with_usage(P_PGID, pid, &si, WEXITED, NULL));
	CT_EQ(s, pid, si.si_pid);
	CT_EQ(s, 1000, si.si_uid);
	CT_EQ(s, 5, si.si_status);
	return 0;
}

CT_ROUND_TRIP(wait, zombies_keep_who_they_were)

/* A hundred of them, reaped in the order of their pids by other means. */
static int hundred_zombies(struct ct_shared *s, void *arg)
{
	int seen = 0, i, status;
	pid_t last = 0;

	for (i = 0; i < 100; i++) {
		last = fork();
		CT_CHECK(s, last >= 0);
		if (!last)
			_exit(i);
	}
	CT_DO(tasks_until_state(s, last, last, 'Z'));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < 100; i++) {
		CT_CHECK(s, waitpid(-1, &status, 0) > 0);
		CT_CHECK(s, WIFEXITED(status));
		seen += WEXITSTATUS(status);
	}
	CT_EQ(s, 99 * 100 / 2, seen);
	CT_EQ(s, -1, waitpid(-1, &status, 0));
	return 0;
}

CT_ROUND_TRIP(wait, hundred_zombies)

/* ---- stopped children -------------------------------------------- */

/* What each counter was when all that counts had been stopped. */
static int64_t counted[3];

static int until_stopped(struct ct_shared *s, pid_t pid)
{
	int i;

	CT_DO(tasks_until_state(s, pid, pid, 'T'));
	ct_sleep_ms(20); /* a thread may have to be woken for it first */
	for (i = 0; i < 3; i++)
		counted[i] = s->data[i];
	return 0;
}

/* While it is stopped, and on the way there, it does not count. */
static int check_stopped(struct ct_shared *s, pid_t pid, int slot)
{
	CT_DO(tasks_until_state(s, pid, pid, 'T'));
	ct_sleep_ms(150);
	CT_EQ(s, 'T', tasks_state(pid, pid));
	CT_EQ(s, counted[slot], s->data[slot]);
	return 0;
}

static int check_goes_on(struct ct_shared *s, pid_t pid, int slot)
{
	int64_t was = s->data[slot];

	CT_EQ(s, 0, kill(pid, SIGCONT));
	CT_DO(tasks_slot(s, slot, was + 3));
	s->data[ENOUGH] = 1;
	return tasks_reap(s, pid);
}

static int stopped_and_told(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);
	int status;

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_EQ(s, pid, waitpid(pid, &status, WUNTRACED));
	CT_EQ(s, SIGSTOP, WSTOPSIG(status));
	CT_DO(until_stopped(s, pid));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check_stopped(s, pid, 0));
	CT_EQ(s, 0, waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG));
	return check_goes_on(s, pid, 0);
}

CT_ROUND_TRIP(wait, stopped_and_told)

/* Also by which signal. */
static int stopped_and_not_told(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);
	int status;

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, setpgid(pid, pid));
	CT_EQ(s, 0, kill(pid, SIGTTIN));
	CT_DO(until_stopped(s, pid));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check_stopped(s, pid, 0));
	CT_EQ(s, pid, waitpid(pid, &status, WUNTRACED | WNOHANG));
	CT_CHECK(s, WIFSTOPPED(status));
	CT_EQ(s, SIGTTIN, WSTOPSIG(status));
	CT_EQ(s, 0, waitpid(pid, &status, WUNTRACED | WNOHANG));
	return check_goes_on(s, pid, 0);
}

CT_ROUND_TRIP(wait, stopped_and_not_told)

/* It goes on again, and its parent has not heard of it. */
static int continued_and_not_told(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);
	int status;

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_EQ(s, pid, waitpid(pid, &status, WUNTRACED));
	CT_EQ(s, 0, kill(pid, SIGCONT));
	CT_DO(tasks_slot(s, 0, s->data[0] + 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, pid, waitpid(pid, &status, WCONTINUED | WNOHANG));
	CT_CHECK(s, WIFCONTINUED(status));
	CT_EQ(s, 0, waitpid(pid, &status, WCONTINUED | WNOHANG));
	s->data[ENOUGH] = 1;
	return tasks_reap(s, pid);
}

CT_ROUND_TRIP(wait, continued_and_not_told)

static int continued_and_told(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);
	int status;

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_EQ(s, pid, waitpid(pid, &status, WUNTRACED));
	CT_EQ(s, 0, kill(pid, SIGCONT));
	CT_EQ(s, pid, waitpid(pid, &status, WCONTINUED));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, waitpid(pid, &status, WCONTINUED | WUNTRACED | WNOHANG));
	s->data[ENOUGH] = 1;
	return tasks_reap(s, pid);
}

CT_ROUND_TRIP(wait, continued_and_told)

static struct ct_shared *shared;

static void *counts_too(void *arg)
{
	counts(shared, arg);
	return NULL;
}

static int has_threads(struct ct_shared *s, void *arg)
{
	pthread_t thread[2];
	long i;

	shared = s;
	for (i = 0; i < 2; i++)
		CT_EQ(s, 0,
		      pthread_create(&thread[i], NULL, counts_too,
				     (void *)(i + 1)));
	return counts(s, (void *)0L);
}

/* All threads stand still, and go on. */
static int stopped_with_threads(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, has_threads, NULL);
	int status, i;
	int64_t was;

	CT_DO(tasks_wait(s, 3));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_EQ(s, pid, waitpid(pid, &status, WUNTRACED));
	CT_DO(until_stopped(s, pid));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < 3; i++)
		CT_DO(check_stopped(s, pid, i));
	was = s->data[1];
	CT_EQ(s, 0, kill(pid, SIGCONT));
	CT_DO(tasks_slot(s, 1, was + 3));
	return check_goes_on(s, pid, 2);
}

CT_ROUND_TRIP(wait, stopped_with_threads)

static volatile sig_atomic_t got;
static volatile pid_t got_pid;
static volatile int got_code, got_status;

static void note(int sig, siginfo_t *si, void *context)
{
	got_pid = si->si_pid;
	got_code = si->si_code;
	got_status = si->si_status;
	got++;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
}

static int counts_and_handles(struct ct_shared *s, void *arg)
{
	handle(SIGUSR1);
	counts(s, arg);
	return got == 1 ? 0 : 20 + got;
}

/* What was sent to a stopped task comes when it goes on. */
static int stopped_with_a_signal_pending(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts_and_handles, (void *)0L);
	char pending[64];

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_DO(until_stopped(s, pid));
	CT_EQ(s, 0, kill(pid, SIGUSR1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check_stopped(s, pid, 0));
	tasks_field(pid, pid, "\nShdPnd:", pending);
	CT_EQ(s, 1 << (SIGUSR1 - 1), strtoull(pending, NULL, 16));
	return check_goes_on(s, pid, 0);
}

CT_ROUND_TRIP(wait, stopped_with_a_signal_pending)

static int stopped_and_killed(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);
	int status;

	CT_DO(tasks_wait(s, 1));
	CT_EQ(s, 0, kill(pid, SIGSTOP));
	CT_DO(tasks_until_state(s, pid, pid, 'T'));
	ct_step(s, 1);
	CT_EQ(s, 0, kill(pid, SIGKILL));
	CT_EQ(s, pid, waitpid(pid, &status, 0));
	CT_CHECK(s, WIFSIGNALED(status));
	CT_EQ(s, SIGKILL, WTERMSIG(status));
	return 0;
}

CT_ROUND_TRIP(wait, stopped_and_killed)

/* The root itself: it waits for SIGCONT after the restart. */
static int stops_itself(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, counts, (void *)0L);

	CT_DO(tasks_wait(s, 1));
	s->ready = 1;
	raise(SIGSTOP);
	s->ready = 2;
	s->data[ENOUGH] = 1;
	return tasks_reap(s, pid);
}

static bool is_stopped(pid_t pid)
{
	int i;

	for (i = 0; i < 1000 && tasks_state(pid, pid) != 'T'; i++)
		ct_sleep_ms(5);
	return i < 1000;
}

TEST_F(wait, stopped_root)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, stops_itself, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_TRUE(is_stopped(ct->pid));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_TRUE(is_stopped(ct->pid));
	ct_sleep_ms(100);
	ASSERT_EQ(1, ct->s->ready);
	ASSERT_EQ(0, kill(ct->pid, SIGCONT));
	ASSERT_EQ(0, ct_join(ct));
	ASSERT_EQ(2, ct->s->ready);
}

/* Not killed, a stopped child stays as it is, and its parent hears nothing. */
TEST_F(wait, stopped_child_is_not_disturbed)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, stopped_and_told, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ct->s->restarted = 1;
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

/* ---- exit signals ------------------------------------------------ */

static int until_told(struct ct_shared *s, int times)
{
	int i;

	for (i = 0; got < times; i++) {
		CT_CHECK(s, i < TASKS_TRIES);
		ct_sleep_ms(2);
	}
	return 0;
}

static pid_t clone_counting(struct ct_shared *s, unsigned long flags)
{
	pid_t pid = tasks_clone(flags);

	if (!pid)
		_exit(counts(s, (void *)0L));
	return pid;
}

/* Its end is told by SIGUSR1; only __WCLONE waits for it. */
static int other_exit_signal(struct ct_shared *s, void *arg)
{
	pid_t pid = clone_counting(s, SIGUSR1);
	int status;

	handle(SIGUSR1);
	handle(SIGCHLD);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, waitpid(pid, &status, WNOHANG));
	CT_EQ(s, ECHILD, errno);
	s->data[ENOUGH] = 1;
	CT_DO(until_told(s, 1));
	CT_EQ(s, pid, got_pid);
	CT_EQ(s, CLD_EXITED, got_code);
	CT_EQ(s, pid, waitpid(pid, &status, __WCLONE));
	CT_EQ(s, 0, status);
	CT_EQ(s, 1, got);
	return 0;
}

CT_ROUND_TRIP(wait, other_exit_signal)

/* Its end is told by nothing. */
static int no_exit_signal(struct ct_shared *s, void *arg)
{
	pid_t pid = clone_counting(s, 0);
	int status;

	handle(SIGCHLD);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	s->data[ENOUGH] = 1;
	CT_DO(tasks_until_state(s, pid, pid, 'Z'));
	CT_EQ(s, -1, waitpid(pid, &status, WNOHANG));
	CT_EQ(s, pid, waitpid(pid, &status, __WCLONE));
	CT_EQ(s, 0, status);
	CT_EQ(s, 0, got);
	return 0;
}

CT_ROUND_TRIP(wait, no_exit_signal)

/* A zombie whose end was told by another signal. */
static int zombie_with_other_exit_signal(struct ct_shared *s, void *arg)
{
	pid_t pid;
	int status;

	handle(SIGUSR2);
	pid = tasks_clone(SIGUSR2);
	if (!pid)
		_exit(6);
	CT_DO(until_told(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, waitpid(pid, &status, 0));
	CT_EQ(s, pid, waitpid(pid, &status, __WCLONE));
	CT_EQ(s, 6, WEXITSTATUS(status));
	CT_EQ(s, 1, got);
	return 0;
}

CT_ROUND_TRIP(wait, zombie_with_other_exit_signal)

/* ---- SIGCHLD ----------------------------------------------------- */

static int fails_later(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 1);
	return 17;
}

/* A handler from before hears of an end that comes after. */
static int told_after_the_restart(struct ct_shared *s, void *arg)
{
	pid_t pid;

	handle(SIGCHLD);
	pid = tasks_fork(s, fails_later, NULL);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(until_told(s, 1));
	CT_EQ(s, pid, got_pid);
	CT_EQ(s, CLD_EXITED, got_code);
	CT_EQ(s, 17, got_status);
	ct_sleep_ms(20);
	CT_EQ(s, 1, got);
	CT_EQ(s, pid, waitpid(pid, NULL, 0));
	return 0;
}

CT_ROUND_TRIP(wait, told_after_the_restart)

/* The end came before, the signal was blocked; it comes once. */
static int told_by_a_pending_signal(struct ct_shared *s, void *arg)
{
	sigset_t set;
	pid_t pid;

	handle(SIGCHLD);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = tasks_fork(s, ends, (void *)2L);
	CT_DO(tasks_until_state(s, pid, pid, 'Z'));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, got);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CT_EQ(s, 1, got);
	CT_EQ(s, pid, got_pid);
	CT_EQ(s, 2, got_status);
	CT_EQ(s, pid, waitpid(pid, NULL, 0));
	return 0;
}

CT_ROUND_TRIP(wait, told_by_a_pending_signal)

/* Who ignores SIGCHLD has no zombies; before or after. */
static int ignored_ends_leave_no_zombie(struct ct_shared *s, void *arg)
{
	pid_t pid;
	int i;

	signal(SIGCHLD, SIG_IGN);
	pid = tasks_fork(s, fails_later, NULL);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, waitpid(pid, NULL, 0));
	CT_EQ(s, ECHILD, errno);
	/* wait() passes over it a moment before it is gone */
	for (i = 0; i < 1000 && !kill(pid, 0); i++)
		ct_sleep_ms(1);
	CT_EQ(s, -1, kill(pid, 0));
	return 0;
}

CT_ROUND_TRIP(wait, ignored_ends_leave_no_zombie)

/* ---- inside wait() ----------------------------------------------- */

static int inside_wait4(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, fails_later, NULL);
	int status;

	CT_DO(tasks_wait(s, 1));
	s->ready = 1;
	CT_EQ(s, pid, waitpid(-1, &status, 0));
	CT_EQ(s, 17, WEXITSTATUS(status));
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(wait, inside_wait4)
{
	ASSERT_EQ(0,
		  ct_round_trip_in(&self->ct, inside_wait4, NULL, SYS_wait4));
}

static int inside_waitid(struct ct_shared *s, void *arg)
{
	pid_t pid = tasks_fork(s, fails_later, NULL);
	struct rusage usage;
	siginfo_t si;

	CT_EQ(s, 0, setpgid(pid, pid));
	CT_DO(tasks_wait(s, 1));
	s->ready = 1;
	CT_EQ(s, 0, wait_with_usage(P_PGID, pid, &si, WEXITED, &usage));
	CT_EQ(s, pid, si.si_pid);
	CT_EQ(s, 17, si.si_status);
	CT_EQ(s, 1, s->restarted);
	return 0;
}

TEST_F(wait, inside_waitid)
{
	ASSERT_EQ(0,
		  ct_round_trip_in(&self->ct, inside_waitid, NULL, SYS_waitid));
}

TEST_HARNESS_MAIN
