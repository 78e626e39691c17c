// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees that fork, exit and lose their parents all the time are frozen: nobody
 * of them takes another step, whoever is not of them runs on, and in the end
 * everybody is in the cgroup that he was in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "descendants.h"
#include "lib.h"
#include "tap.h"

#define ROUNDS 30

static char top[PATH_MAX - 32]; /* group of this test */
static unsigned long *steps; /* shared: taken by all of a tree */

/* ---- trees ---- */

static void step(void)
{
	__atomic_add_fetch(steps, 1, __ATOMIC_RELAXED);
}

static void *stepper(void *arg)
{
	(void)arg;
	for (;;) {
		step();
		usleep(20000);
	}
	return NULL;
}

/* Children come and go; some leave orphans behind. */
static void __attribute__((noreturn)) restless(int level)
{
	for (;;) {
		step();
		if (level < 3 && random() & 1 && !fork()) {
			if (random() & 1)
				restless(level + 1);
			usleep(random() % 3000);
			if (random() & 1)
				_exit(0);
			if (!fork()) {
				step();
				usleep(random() % 3000);
			}
			_exit(0);
		}
		if (level && !(random() % 8))
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(3000);
	}
}

/* The leader is dead, a thread is not. */
static void headless(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stepper, NULL);
	pthread_exit(NULL);
}

enum kind { RESTLESS, QUIET, HEADLESS };

static pid_t tree_start(enum kind kind, int wide, const char *group)
{
	pid_t pid = fork();
	char text[16];

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, kind == RESTLESS);
	signal(SIGUSR1, SIG_IGN);
	snprintf(text, sizeof(text), "%d", getpid());
	if (group && ckpt_cgroup_write(group, "cgroup.procs", text))
		_exit(1);
	srandom(getpid());
	while (wide-- > 0)
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			stepper(NULL);
		}
	if (kind == HEADLESS && !fork())
		headless();
	if (kind == RESTLESS)
		restless(0);
	stepper(NULL);
	_exit(0);
}

static void tree_end(pid_t pid)
{
	struct ckpt_freeze *fz = NULL;

	if (!ckpt_freeze(-1, pid, 0, &fz)) {
		ckpt_freeze_kill(fz, 5000);
		ckpt_thaw(fz);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static unsigned long steps_within(int ms)
{
	unsigned long before = __atomic_load_n(steps, __ATOMIC_RELAXED);

	usleep(ms * 1000);
	return __atomic_load_n(steps, __ATOMIC_RELAXED) - before;
}

/* How many groups of the tools there are below ours. */
static int nr_groups(const char *dir)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);
	int nr = 0;

	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		nr += !strncmp(e->d_name, "ckpt.", 5);
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) <
		    (int)sizeof(path))
			nr += nr_groups(path);
	}
	if (d)
		closedir(d);
	return nr;
}

static int in_group(pid_t pid, const char *group)
{
	char dir[PATH_MAX];

	return !ckpt_cgroup_of(pid, dir, sizeof(dir)) && !strcmp(dir, group);
}

static long us_since(const struct timespec *a)
{
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a->tv_sec) * 1000000L +
	       (b.tv_nsec - a->tv_nsec) / 1000;
}

/* ---- tests ---- */

static void test_restless(void)
{
	pid_t stranger = tree_start(QUIET, 0, top);
	pid_t pid = tree_start(RESTLESS, 3, top);
	unsigned long moved = 0, ran = 0;
	struct ckpt_freeze *fz;
	int i, err = 0, failed = 0, strangers = 0;

	usleep(100000);
	for (i = 0; i < ROUNDS; i++) {
		err = ckpt_freeze(-1, pid, 0, &fz);
		if (err) {
			failed++;
			tap_note("%s", ckpt_error());
			continue;
		}
		strangers += !in_group(stranger, top);
		kill(stranger, SIGSTOP);
		usleep(2000);
		moved += steps_within(25);
		kill(stranger, SIGCONT);
		if (ckpt_thaw(fz))
			tap_note("%s", ckpt_error());
		ran += steps_within(50) > 0;
	}
	tap_ok(!failed, "a restless tree is frozen, %d times", ROUNDS);
	tap_ok(!moved, "nobody of it takes a step while it is frozen");
	tap_ok(ran == ROUNDS, "and it runs on");
	tap_ok(!strangers, "others in its cgroup stay where they are");
	tap_ok(!nr_groups(top), "no group is left");
	tap_ok(in_group(pid, top), "it is in its cgroup again");
	tree_end(pid);
	kill(stranger, SIGKILL);
	waitpid(stranger, NULL, 0);
	tap_ok(!steps_within(60), "all of it can be killed");
}

static void test_wide(const char *what, bool alone)
{
	pid_t stranger = tree_start(QUIET, 0, alone ? NULL : top);
	char group[PATH_MAX];
	struct ckpt_pids tree = { 0 };
	struct ckpt_freeze *fz;
	struct timespec a;
	size_t i, home = 0;
	long us;
	pid_t pid;
	int err;

	snprintf(group, sizeof(group), "%s/wide", top);
	mkdir(group, 0755);
	pid = tree_start(QUIET, 400, alone ? group : top);
	while (!ckpt_descendants(pid, &tree) && tree.nr < 401)
		usleep(10000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	err = ckpt_freeze(-1, pid, 0, &fz);
	us = us_since(&a);
	tap_ok(!err, "%s: frozen", what);
	tap_note("401 processes in %ld us", us);
	if (err) {
		tap_note("%s", ckpt_error());
	} else {
		kill(stranger, SIGKILL);
		usleep(10000);
		tap_ok(!steps_within(100), "%s: all of it", what);
		tap_ok(nr_groups(top) == !alone, "%s: by the cheapest way",
		       what);
		clock_gettime(CLOCK_MONOTONIC, &a);
		ckpt_thaw(fz);
		tap_note("thawed in %ld us", us_since(&a));
	}
	ckpt_descendants(pid, &tree);
	for (i = 0; i < tree.nr; i++)
		home += in_group(tree.pid[i], alone ? group : top);
	tap_ok(home == 401, "%s: all are back", what);
	tree_end(pid);
	waitpid(stranger, NULL, 0);
	rmdir(group);
	ckpt_pids_free(&tree);
}

/* Part of the tree lives below, part elsewhere. */
static void test_groups(void)
{
	struct ckpt_pids tree = { 0 };
	char group[2][PATH_MAX], text[16];
	struct ckpt_freeze *fz;
	int i, err, home = 0;
	pid_t pid;

	pid = tree_start(QUIET, 4, top);
	while (!ckpt_descendants(pid, &tree) && tree.nr < 5)
		usleep(10000);
	for (i = 0; i < 2; i++) {
		snprintf(group[i], sizeof(group[i]), "%s/part%d", top, i);
		mkdir(group[i], 0755);
		snprintf(text, sizeof(text), "%d", tree.pid[1 + i]);
		ckpt_cgroup_write(group[i], "cgroup.procs", text);
	}
	err = ckpt_freeze(-1, pid, 0, &fz);
	tap_ok(!err, "a tree in several cgroups is frozen");
	if (!err) {
		tap_ok(!steps_within(60), "nobody of it takes a step");
		ckpt_thaw(fz);
	} else {
		tap_note("%s", ckpt_error());
	}
	for (i = 0; i < 5; i++)
		home += in_group(tree.pid[i], i == 1 ? group[0] :
					      i == 2 ? group[1] :
						       top);
	tap_ok(home == 5 && !nr_groups(top), "each goes back to its own");
	tap_ok(steps_within(60) > 0, "and runs");
	tree_end(pid);
	for (i = 0; i < 2; i++)
		rmdir(group[i]);
	ckpt_pids_free(&tree);
}

static void test_headless(void)
{
	pid_t pid = tree_start(HEADLESS, 0, top);
	struct ckpt_freeze *fz;
	int err;

	usleep(50000);
	kill(pid, SIGSTOP); /* what goes on is the thread without a leader */
	usleep(20000);
	err = ckpt_freeze(-1, pid, 0, &fz);
	tap_ok(!err, "a process whose leader is dead is frozen");
	if (!err) {
		tap_ok(!steps_within(60), "its thread takes no step");
		ckpt_thaw(fz);
	} else {
		tap_note("%s", ckpt_error());
	}
	tap_ok(steps_within(100) > 0 && !nr_groups(top), "and it goes back");
	kill(pid, SIGCONT);
	tree_end(pid);
}

static void test_self(void)
{
	struct ckpt_freeze *fz;
	int err = ckpt_freeze(-1, getppid(), 0, &fz);

	tap_ok(err == -EINVAL && strstr(ckpt_error(), "is below it"),
	       "what the tool itself is below of is refused");
}

static int run_tests(void)
{
	char own[PATH_MAX], name[32];
	pid_t self;
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(name, sizeof(name), "unit-freezer.%d", getpid());
	if (ckpt_cgroup_of(0, own, sizeof(own)) ||
	    snprintf(top, sizeof(top), "%s/%s", own, name) >=
		    (int)sizeof(top) ||
	    mkdir(top, 0755)) {
		printf("1..0 # SKIP no right to make cgroups\n");
		return 4;
	}
	steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_wide("alone in its cgroup", true);
	test_wide("with others in its cgroup", false);
	test_groups();
	test_headless();
	test_restless();
	fflush(stdout);
	self = fork();
	if (!self) {
		test_self();
		fflush(stdout);
		_exit(tap_failed);
	}
	waitpid(self, &status, 0);
	tap_number++;
	tap_failed += !!status;
	rmdir(top);
	return tap_end();
}

int main(void)
{
	int status = run_tests();

	fflush(stdout);
	_exit(status); /* the leak checker is not for the children */
}
