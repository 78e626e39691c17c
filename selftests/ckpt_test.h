/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ckpt: what the tests share: run a function in a process of its own, bring it
 * to a labelled step, checkpoint it, restart it, see how it ends.
 *
 * Tester and program talk through struct ct_shared, a shared mapping of a
 * regular file, so that it outlives checkpoint and restart.  The program
 * verifies itself from inside with CT_CHECK() and friends.
 *
 *	static int keeps_it(struct ct_shared *s, void *arg)
 *	{
 *		int fd = open(...);
 *
 *		ct_step(s, 1);			checkpointed here
 *		CT_EQ(s, 7, lseek(fd, 0, SEEK_CUR));
 *		return 0;
 *	}
 *
 *	CT_FIXTURE(file)
 *	TEST_F(file, keeps_position)
 *	{
 *		ASSERT_EQ(0, ct_round_trip(&self->ct, keeps_it, NULL));
 *	}
 *
 * With CT_SKIP_CHECKPOINT in the environment nothing is checkpointed or
 * restarted, and the program runs through: to try the programs themselves,
 * without the module too.
 *
 * The tester is a subreaper; what the program leaves behind is killed in the
 * end.
 *
 * Unless said otherwise a function returns 0, or -1 after it has printed what
 * is wrong.  Everything is bounded in time; nothing outlives ct_end().
 */
#ifndef _CKPT_TEST_H
#define _CKPT_TEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#define CT_TIMEOUT_MS 120000
#define CT_MS 1000000LL
#define CT_SEC 1000000000LL

/**
 * struct ct_shared - what tester and program tell each other
 * @ready: program: the step it has reached
 * @go: tester: the step it may leave
 * @restarted: tester: how many times the program was restarted so far
 * @failed: program: a check has failed; @text says which
 * @data: free for the test
 */
struct ct_shared {
	volatile int ready;
	volatile int go;
	volatile int restarted;
	volatile int failed;
	char text[512];
	volatile int64_t data[64];
};

typedef int (*ct_fn)(struct ct_shared *s, void *arg);

/**
 * struct ct - a program under test
 * @s: shared with it
 * @pid: of the program, before and after a restart
 * @tool: pid of the restart tool, or 0
 * @alive: the program is our child, and not reaped
 * @dir: directory of this test
 * @img: where the image goes: @dir/img
 * @out: the program's stdout and stderr: @dir/out
 * @err: what the last tool wrote to its stderr
 */
struct ct {
	struct ct_shared *s;
	pid_t pid;
	pid_t tool;
	bool alive;
	char dir[64];
	char img[PATH_MAX];
	char out[PATH_MAX];
	char err[4096];
};

/* ---- in the tester --------------------------------------------------------- */

/* Makes the directory and the shared file. */
int ct_setup(struct ct *ct);
/* Kills what is left of the test, removes the directory. */
void ct_end(struct ct *ct);
/* True when the module is there, or not needed; else a test is skipped. */
bool ct_have_ckpt(void);

/* For FIXTURE_SETUP. */
#define CT_SETUP(ct)                                  \
	do {                                          \
		if (!ct_have_ckpt())                  \
			SKIP(return, "no /dev/ckpt"); \
		ASSERT_EQ(0, ct_setup(ct));           \
	} while (0)

/* A fixture with nothing but a struct ct. */
#define CT_FIXTURE(name)             \
	FIXTURE(name)                \
	{                            \
		struct ct ct;        \
	};                           \
	FIXTURE_SETUP(name)          \
	{                            \
		CT_SETUP(&self->ct); \
	}                            \
	FIXTURE_TEARDOWN(name)       \
	{                            \
		ct_end(&self->ct);   \
	}

/* A test that is one round trip of the function of its name. */
#define CT_ROUND_TRIP(fixture, fn)                                \
	TEST_F(fixture, fn)                                       \
	{                                                         \
		ASSERT_EQ(0, ct_round_trip(&self->ct, fn, NULL)); \
	}

/*
 * Runs @fn in a child with stdin from /dev/null, stdout and stderr in ct->out,
 * and nothing else open or shared; its result is the exit status.
 */
int ct_start(struct ct *ct, ct_fn fn, void *arg);
/* Runs a command instead, found in PATH; a NULL-terminated argv. */
int ct_start_command(struct ct *ct, char *const argv[]);
/* Waits until the program is at @step. */
int ct_reach(struct ct *ct, int step);
/* Waits until it sleeps in system call @nr. */
int ct_in_syscall(struct ct *ct, long nr);
/* Lets it go on behind @step. */
void ct_go(struct ct *ct, int step);

/*
 * Runs an installed tool with a NULL-terminated list of arguments; its stderr
 * goes to ct->err, its stdout nowhere.  Returns the exit status, 128 + signal,
 * or -1.
 */
int ct_tool(struct ct *ct, const char *tool, ...);

/* The program ends by SIGKILL; its pid is free again afterwards. */
#define CT_KILL 1

/*
 * Runs `checkpoint -o img`, with --kill for CT_KILL, and `-z $CT_COMPRESS` if that
 * is in the environment: to try any test with it.  Returns its exit status
 * (0), with ct->err; a failure is printed.
 */
int ct_checkpoint(struct ct *ct, int flags);
/* The same into another file. */
int ct_checkpoint_to(struct ct *ct, const char *img, int flags);

/* Runs `restart -i img`, in the background; more options, NULL-terminated. */
int ct_restart_from(struct ct *ct, const char *img, ...);
#define ct_restart(ct, ...) ct_restart_from(ct, (ct)->img, ##__VA_ARGS__, NULL)

/* Waits for the restart tool: the program's exit status as the tool has it. */
int ct_join(struct ct *ct);
/* Waits for the program that was not killed: exit status, or 128 + signal. */
int ct_finish(struct ct *ct);
/* Kills the program and reaps it. */
void ct_kill(struct ct *ct);

/* Checkpoint at step 1, kill, restart, go on; the program must end with 0. */
int ct_round_trip(struct ct *ct, ct_fn fn, void *arg);
/* The same for a program that says ready = 1 and then sleeps in call @nr. */
int ct_round_trip_in(struct ct *ct, ct_fn fn, void *arg, long nr);

/*
 * The program is at @step: checkpoint must fail, with all @words (separated by
 * '|') in its message; the program must run on and end with 0.
 */
int ct_refused(struct ct *ct, const char *words);
/* Starts @fn, reaches step 1, ct_refused(). */
int ct_refuses(struct ct *ct, ct_fn fn, void *arg, const char *words);

/* 16 MiB of swap, in the current directory until ct_swap_off(). */
int ct_swap_on(void);
int ct_swap_off(void);

/* Prints a line of diagnostics; always -1. */
__attribute__((format(printf, 1, 2))) int ct_say(const char *fmt, ...);

/* CLOCK_MONOTONIC, in ns. */
int64_t ct_now(void);
void ct_sleep_ms(int ms);

/* ---- in the program ---------------------------------------------------------- */

/* "Here I am at step @n": waits until the tester lets it go. */
void ct_step(struct ct_shared *s, int n);
/* The same, without a system call. */
void ct_spin(struct ct_shared *s, int n);

/* Note the first failed check; returns 1, an exit status. */
__attribute__((format(printf, 4, 5))) int
ct_fail(struct ct_shared *s, const char *file, int line, const char *fmt, ...);

#define CT_CHECK(s, cond)                                                \
	do {                                                             \
		if (!(cond))                                             \
			return ct_fail(s, __FILE__, __LINE__, "%s (%m)", \
				       #cond);                           \
	} while (0)

#define CT_EQ(s, want, have)                                                \
	do {                                                                \
		long long want_ = (long long)(want);                        \
		long long have_ = (long long)(have);                        \
		if (want_ != have_)                                         \
			return ct_fail(s, __FILE__, __LINE__,               \
				       "%s is %lld (%#llx), not %lld (%m)", \
				       #have, have_, have_, want_);         \
	} while (0)

/* @lo <= @have <= @hi */
#define CT_IN(s, lo, hi, have)                                                 \
	do {                                                                   \
		long long lo_ = (long long)(lo), hi_ = (long long)(hi);        \
		long long have_ = (long long)(have);                           \
		if (have_ < lo_ || have_ > hi_)                                \
			return ct_fail(s, __FILE__, __LINE__,                  \
				       "%s is %lld, not in %lld..%lld", #have, \
				       have_, lo_, hi_);                       \
	} while (0)

/* For helper functions that return nonzero after ct_fail(). */
#define CT_DO(call)                  \
	do {                         \
		int ret_ = (call);   \
		if (ret_)            \
			return ret_; \
	} while (0)

/* A whole file, NUL terminated, malloc'ed; NULL on failure. */
char *ct_read_file(const char *path);
int ct_write_file(const char *path, const char *text);

#endif /* _CKPT_TEST_H */
