// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first moment after a restart: nothing that it has needed itself is in the
 * program's way, and nothing is missing that it does last.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(settled)

#define USER 1000
#define CROWD 100 /* the more tasks, the longer a restart lasts */

static char program[PATH_MAX];

/* A copy of id(1); not in /tmp, where set-user-ID may count for nothing. */
static int copy_id(mode_t mode)
{
	char command[PATH_MAX + 64];

	snprintf(program, sizeof(program), "/var/tmp/ckpt-settled-%d",
		 getpid());
	snprintf(command, sizeof(command), "cp /usr/bin/id %s", program);
	if (system(command) || chmod(program, mode))
		return ct_say("id cannot be copied: %m");
	return 0;
}

static int stays(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 2);
	return 0;
}

static int begin_crowd(struct ct_shared *s)
{
	int i;

	for (i = 0; i < CROWD; i++)
		CT_CHECK(s, tasks_fork(s, stays, NULL) > 0);
	return tasks_wait(s, CROWD);
}

static int runs_id(struct ct_shared *s)
{
	execl(program, "id", "-u", NULL);
	return ct_fail(s, __FILE__, __LINE__, "execl (%m)");
}

/* The first thing that it does is to run the program: what does that say? */
static int says_at_once(struct ct *ct, ct_fn fn, const char *want)
{
	char *text;
	int ret;

	ret = ct_start(ct, fn, NULL) || ct_reach(ct, 1) ||
	      ct_checkpoint(ct, CT_KILL);
	ct_go(ct, 1);
	ret = ret || ct_restart(ct) || ct_join(ct);
	unlink(program);
	if (ret)
		return -1;
	text = ct_read_file(ct->out);
	ret = text && !strcmp(text, want);
	if (!ret)
		ct_say("id says: %s", text ?: "nothing");
	free(text);
	return ret ? 0 : -1;
}

static int runs_set_user_id_program(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, setgroups(0, NULL));
	CT_EQ(s, 0, setresgid(USER, USER, USER));
	CT_EQ(s, 0, setresuid(USER, USER, USER));
	CT_DO(begin_crowd(s));
	ct_spin(s, 1);
	return runs_id(s);
}

/* To one that seems to share its directories execve() gives no rights. */
TEST_F(settled, set_user_id_program_gets_its_rights)
{
	ASSERT_EQ(0, copy_id(04755));
	ASSERT_EQ(0, says_at_once(&self->ct, runs_set_user_id_program, "0\n"));
}

static int runs_what_it_has_written(struct ct_shared *s, void *arg)
{
	int fd;

	CT_DO(begin_crowd(s));
	fd = open(program, O_WRONLY | O_CLOEXEC);
	CT_CHECK(s, fd >= 0);
	ct_spin(s, 1);
	CT_EQ(s, 0, close(fd));
	return runs_id(s);
}

TEST_F(settled, program_that_it_has_written_is_not_busy)
{
	ASSERT_EQ(0, copy_id(0755));
	ASSERT_EQ(0, says_at_once(&self->ct, runs_what_it_has_written, "0\n"));
}

/* ---- dumpable ---------------------------------------------------- */

#define OTHERS 12
#define TIMERS 200
#define STACK_SIZE 65536

static struct ct_shared *shared;

/* Its timers keep it busy while the restart of its parent is through. */
static int changes_user(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	int i, id;

	for (i = 0; i < TIMERS; i++)
		CT_EQ(shared, 0,
		      syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
	CT_EQ(shared, 0, syscall(SYS_setresuid, USER, USER, USER));
	tasks_stay(shared, 1);
	return 0;
}

/*
 * Who changes his credentials takes the mark away from the memory that he
 * shares: nobody may do so after the mark has been set.
 */
static int dumpable_is(struct ct_shared *s, int dumpable)
{
	pid_t other[OTHERS];
	char *stack;
	int i;

	shared = s;
	for (i = 0; i < OTHERS; i++) {
		stack = malloc(STACK_SIZE);
		CT_CHECK(s, stack);
		other[i] = clone(changes_user, stack + STACK_SIZE,
				 CLONE_VM | SIGCHLD, NULL);
		CT_CHECK(s, other[i] > 0);
	}
	CT_DO(tasks_wait(s, OTHERS));
	CT_EQ(s, 0, prctl(PR_SET_DUMPABLE, dumpable));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, dumpable, prctl(PR_GET_DUMPABLE));
	for (i = 0; i < OTHERS; i++)
		CT_DO(tasks_reap(s, other[i]));
	return 0;
}

static int dumpable_whatever_others_become(struct ct_shared *s, void *arg)
{
	return dumpable_is(s, 1);
}

CT_ROUND_TRIP(settled, dumpable_whatever_others_become)

static int undumpable_whatever_others_become(struct ct_shared *s, void *arg)
{
	return dumpable_is(s, 0);
}

CT_ROUND_TRIP(settled, undumpable_whatever_others_become)

TEST_HARNESS_MAIN
