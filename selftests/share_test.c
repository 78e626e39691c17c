// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tasks share, and what they do not: memory, descriptors, directories,
 * handlers, I/O contexts, in all mixes that clone() and unshare() allow.
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
#include <linux/ioprio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(share)

#define STACK_SIZE 65536
#define TURN 0 /* slots of the data */
#define DONE 1
#define ENOUGH 60

static struct ct_shared *shared;

/* ---- mixes of clone() -------------------------------------------- */

#define SHARES (CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND)
#define FIRST_FD 200
#define MIXES_MAX 12

static volatile long changed[MIXES_MAX];
static int numbers[MIXES_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static void handler(int sig)
{
}

static int wait_for_turn(struct ct_shared *s, int nr)
{
	tasks_here(s);
	while (s->data[TURN] < nr)
		tasks_pause(s);
	return 0;
}

/* Changes all that may be shared, says so, stays until all have done so. */
static int change_all(void *arg)
{
	struct ct_shared *s = shared;
	int nr = *(int *)arg;
	struct sigaction sa = { .sa_handler = handler };

	wait_for_turn(s, nr + 1);
	changed[nr] = 1;
	dup2(0, FIRST_FD + nr);
	if (chdir("/usr"))
		return 1;
	umask(0123);
	sigaction(SIGUSR2, &sa, NULL);
	s->data[DONE] = nr + 1;
	while (!s->data[ENOUGH])
		tasks_pause(s);
	return 0;
}

/* Which of the shares has child @nr changed, by what we see of it? */
static int seen_changes(struct ct_shared *s, int nr, unsigned long *flags)
{
	struct sigaction deflt = { .sa_handler = SIG_DFL }, sa;
	char dir[PATH_MAX];
	unsigned int mask = umask(022);

	*flags = 0;
	if (changed[nr])
		*flags |= CLONE_VM;
	if (fcntl(FIRST_FD + nr, F_GETFD) >= 0)
		*flags |= CLONE_FILES;
	CT_CHECK(s, getcwd(dir, sizeof(dir)));
	CT_EQ(s, mask == 0123, !strcmp(dir, "/usr"));
	if (mask == 0123)
		*flags |= CLONE_FS;
	CT_EQ(s, 0, chdir("/"));
	CT_EQ(s, 0, sigaction(SIGUSR2, &deflt, &sa));
	if (sa.sa_handler == handler)
		*flags |= CLONE_SIGHAND;
	return 0;
}

static const unsigned long mixes[] = {
	0,
	CLONE_VM,
	CLONE_FILES,
	CLONE_FS,
	CLONE_FILES | CLONE_FS,
	CLONE_VM | CLONE_SIGHAND,
	CLONE_VM | CLONE_FILES,
	CLONE_VM | CLONE_FS,
	CLONE_VM | CLONE_SIGHAND | CLONE_FS,
	SHARES,
};

#define MIXES ((int)(sizeof(mixes) / sizeof(mixes[0])))

static int start_mix(struct ct_shared *s, int nr, unsigned long flags)
{
	char *stack = malloc(STACK_SIZE);
	pid_t pid;

	CT_CHECK(s, stack);
	pid = clone(change_all, stack + STACK_SIZE, flags | SIGCHLD,
		    &numbers[nr]);
	CT_CHECK(s, pid > 0);
	s->data[10 + nr] = pid;
	return 0;
}

static int check_mix(struct ct_shared *s, int nr, unsigned long want)
{
	unsigned long flags;

	s->data[TURN] = nr + 1;
	CT_DO(tasks_slot(s, DONE, nr + 1));
	CT_DO(seen_changes(s, nr, &flags));
	if (flags != want)
		return ct_fail(s, __FILE__, __LINE__,
			       "child %d shares %#lx, not %#lx", nr, flags,
			       want);
	return 0;
}

static int prepare_mixes(struct ct_shared *s)
{
	shared = s;
	umask(022);
	CT_EQ(s, 0, chdir("/"));
	return 0;
}

static int end_mixes(struct ct_shared *s, int nr)
{
	int i;

	s->data[ENOUGH] = 1;
	for (i = 0; i < nr; i++)
		CT_DO(tasks_reap(s, s->data[10 + i]));
	return 0;
}

/* Exactly what each child has shared with the root is shared again. */
static int every_mix(struct ct_shared *s, void *arg)
{
	int i;

	CT_DO(prepare_mixes(s));
	for (i = 0; i < MIXES; i++)
		CT_DO(start_mix(s, i, mixes[i]));
	CT_DO(tasks_wait(s, MIXES));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < MIXES; i++)
		CT_DO(check_mix(s, i, mixes[i]));
	return end_mixes(s, MIXES);
}

CT_ROUND_TRIP(share, every_mix)

/* One of them alone, so that one that fails has a name. */
static int one_mix(struct ct_shared *s, void *arg)
{
	unsigned long flags = (unsigned long)arg;

	CT_DO(prepare_mixes(s));
	CT_DO(start_mix(s, 0, flags));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check_mix(s, 0, flags));
	return end_mixes(s, 1);
}

#define ONE_MIX(name, flags)                                        \
	TEST_F(share, name)                                         \
	{                                                           \
		ASSERT_EQ(0, ct_round_trip(&self->ct, one_mix,      \
					   (void *)(long)(flags))); \
	}

ONE_MIX(nothing, 0)
ONE_MIX(memory, CLONE_VM)
ONE_MIX(descriptors, CLONE_FILES)
ONE_MIX(directories, CLONE_FS)
ONE_MIX(memory_and_handlers, CLONE_VM | CLONE_SIGHAND)
ONE_MIX(all_but_the_thread_group, SHARES)

/* The one that shared with the root has children that share with it. */
static int makes_mixes(void *arg)
{
	struct ct_shared *s = shared;

	CT_DO(start_mix(s, 0, CLONE_FILES | CLONE_FS));
	CT_DO(start_mix(s, 1, 0));
	s->data[20] = 1;
	while (!s->data[21]) /* the root has left the common descriptors */
		tasks_pause(s);
	tasks_here(s);
	while (!s->restarted)
		tasks_pause(s);
	CT_DO(check_mix(s, 0, CLONE_FILES | CLONE_FS));
	CT_DO(check_mix(s, 1, 0));
	return end_mixes(s, 2);
}

static int shared_without_the_root(struct ct_shared *s, void *arg)
{
	char *stack = malloc(STACK_SIZE), dir[PATH_MAX];
	pid_t pid;

	CT_DO(prepare_mixes(s));
	pid = clone(makes_mixes, stack + STACK_SIZE,
		    CLONE_FILES | CLONE_FS | SIGCHLD, NULL);
	CT_CHECK(s, pid > 0);
	CT_DO(tasks_slot(s, 20, 1));
	CT_EQ(s, 0, unshare(CLONE_FILES | CLONE_FS));
	CT_EQ(s, 0, chdir("/tmp"));
	s->data[21] = 1;
	CT_DO(tasks_wait(s, 3));
	ct_step(s, 1);
	CT_DO(tasks_reap(s, pid));
	CT_EQ(s, -1, fcntl(FIRST_FD, F_GETFD));
	CT_CHECK(s, getcwd(dir, sizeof(dir)));
	CT_EQ(s, 0, strcmp(dir, "/tmp"));
	return 0;
}

CT_ROUND_TRIP(share, shared_without_the_root)

/* Who made the sharing is gone; two that it left behind share still. */
static int leaves_two(struct ct_shared *s, void *arg)
{
	CT_DO(start_mix(s, 0, CLONE_FILES));
	CT_DO(start_mix(s, 1, CLONE_FILES));
	CT_DO(tasks_wait(s, 2));
	return 0;
}

static int shared_by_orphans(struct ct_shared *s, void *arg)
{
	char name[64];

	CT_DO(prepare_mixes(s));
	CT_EQ(s, 0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	CT_DO(tasks_reap(s, tasks_fork(s, leaves_two, NULL)));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	s->data[TURN] = 1;
	CT_DO(tasks_slot(s, DONE, 1));
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)s->data[11],
		 FIRST_FD);
	CT_EQ(s, 0, access(name, F_OK));
	CT_EQ(s, -1, fcntl(FIRST_FD, F_GETFD));
	s->data[TURN] = 2;
	return end_mixes(s, 2);
}

CT_ROUND_TRIP(share, shared_by_orphans)

/* ---- handlers and threads ---------------------------------------- */

#define THREAD_FLAGS                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SYSVSEM)

static int stays_as_thread(void *arg)
{
	tasks_stay(shared, 1);
	while (!shared->data[ENOUGH])
		tasks_pause(shared);
	return 0;
}

/* A thread of the current process, which need not have a libc of its own. */
static int start_thread(struct ct_shared *s)
{
	char *stack = malloc(STACK_SIZE);

	CT_CHECK(s, stack);
	CT_CHECK(s, clone(stays_as_thread, stack + STACK_SIZE, THREAD_FLAGS,
			  NULL) > 0);
	return 0;
}

/* With threads; changes a handler when it is its turn. */
static int is_threaded(void *arg)
{
	struct ct_shared *s = shared;
	struct sigaction sa = { .sa_handler = handler };
	int i;

	for (i = 0; i < 3; i++)
		CT_DO(start_thread(s));
	wait_for_turn(s, 1);
	CT_EQ(s, 0, sigaction(SIGUSR2, &sa, NULL));
	s->data[DONE] = 1;
	while (!s->data[ENOUGH])
		tasks_pause(s);
	return 0;
}

static int begin_threaded(struct ct_shared *s, unsigned long flags)
{
	char *stack = malloc(STACK_SIZE);
	pid_t pid;

	shared = s;
	CT_CHECK(s, stack);
	pid = clone(is_threaded, stack + STACK_SIZE, flags | SIGCHLD, NULL);
	CT_CHECK(s, pid > 0);
	s->data[2] = pid;
	return tasks_wait(s, 4);
}

/* The process of one thread stands first, and takes the other one's. */
static int handlers_of_a_threaded_process(struct ct_shared *s, void *arg)
{
	struct sigaction sa;

	CT_DO(begin_threaded(s, CLONE_VM | CLONE_SIGHAND));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, sigaction(SIGUSR2, NULL, &sa));
	CT_CHECK(s, sa.sa_handler == SIG_DFL);
	s->data[TURN] = 1;
	CT_DO(tasks_slot(s, DONE, 1));
	CT_EQ(s, 0, sigaction(SIGUSR2, NULL, &sa));
	CT_CHECK(s, sa.sa_handler == handler);
	s->data[ENOUGH] = 1;
	return tasks_reap(s, s->data[2]);
}

CT_ROUND_TRIP(share, handlers_of_a_threaded_process)

static int both_are_threaded(struct ct_shared *s, void *arg)
{
	CT_DO(begin_threaded(s, CLONE_VM | CLONE_SIGHAND));
	CT_DO(start_thread(s));
	CT_DO(tasks_wait(s, 5));
	ct_step(s, 1);
	s->data[TURN] = 1;
	s->data[ENOUGH] = 1;
	return tasks_reap(s, s->data[2]);
}

TEST_F(share, handlers_of_two_threaded_processes_are_refused)
{
	ASSERT_EQ(0,
		  ct_refuses(&self->ct, both_are_threaded, NULL,
			     "signal handlers|two processes of several threads|not supported"));
}

/* ---- threads that have left -------------------------------------- */

static pthread_barrier_t together;

/* A thread with descriptors and directories of its own. */
static void *has_left(void *arg)
{
	struct ct_shared *s = shared;
	long fd = -1;
	char dir[PATH_MAX];

	if (unshare(CLONE_FILES | CLONE_FS) || chdir("/usr") ||
	    dup2(0, FIRST_FD) < 0)
		return (void *)1L;
	umask(077);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	fd = fcntl(FIRST_FD, F_GETFD);
	if (fd || fcntl(FIRST_FD + 1, F_GETFD) != -1 || umask(0) != 077 ||
	    !getcwd(dir, sizeof(dir)) || strcmp(dir, "/usr"))
		return (void *)(long)ct_fail(s, __FILE__, __LINE__,
					     "the thread is not on its own");
	return NULL;
}

static int thread_that_has_left(struct ct_shared *s, void *arg)
{
	char dir[PATH_MAX];
	pthread_t thread;
	void *result;

	CT_DO(prepare_mixes(s));
	pthread_barrier_init(&together, NULL, 2);
	CT_EQ(s, 0, pthread_create(&thread, NULL, has_left, NULL));
	pthread_barrier_wait(&together);
	CT_EQ(s, FIRST_FD + 1, dup2(0, FIRST_FD + 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, fcntl(FIRST_FD, F_GETFD));
	CT_EQ(s, 0, fcntl(FIRST_FD + 1, F_GETFD));
	CT_CHECK(s, getcwd(dir, sizeof(dir)));
	CT_EQ(s, 0, strcmp(dir, "/"));
	CT_EQ(s, 022, umask(022));
	pthread_barrier_wait(&together);
	CT_EQ(s, 0, pthread_join(thread, &result));
	CT_EQ(s, 0, (long)result);
	return 0;
}

CT_ROUND_TRIP(share, thread_that_has_left)

/* ---- I/O contexts ------------------------------------------------ */

static int prio_of(int level)
{
	return IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, level);
}

static int has_io_priority(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 1);
	while (!s->data[ENOUGH])
		tasks_pause(s);
	return 0;
}

/* A priority that one of them gets is the other's, too. */
static int io_context(struct ct_shared *s, void *arg)
{
	pid_t together_pid, apart;

	CT_EQ(s, 0, syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, prio_of(2)));
	together_pid = tasks_clone(CLONE_IO | SIGCHLD);
	if (!together_pid)
		_exit(has_io_priority(s, NULL));
	apart = tasks_fork(s, has_io_priority, NULL);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, prio_of(6)));
	CT_EQ(s, prio_of(6),
	      syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, together_pid));
	CT_EQ(s, prio_of(2),
	      syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, apart));
	s->data[ENOUGH] = 1;
	CT_DO(tasks_reap(s, apart));
	return tasks_reap(s, together_pid);
}

CT_ROUND_TRIP(share, io_context)

/* ---- each for itself --------------------------------------------- */

#define OWN_PAGES 64

static unsigned char own[OWN_PAGES][4096];

/* Values that follow from the number of the process. */
static int has_its_own(struct ct_shared *s, void *arg)
{
	long nr = (long)arg;
	struct rlimit limit = { 100 + nr, 200 + nr };
	char name[32];
	int i;

	for (i = 0; i < OWN_PAGES; i += 1 + nr % 3)
		memset(own[i], nr, sizeof(own[i]));
	snprintf(name, sizeof(name), "number-%ld", nr);
	CT_EQ(s, 0, prctl(PR_SET_NAME, name));
	CT_EQ(s, 0, setrlimit(RLIMIT_NOFILE, &limit));
	CT_EQ(s, 0, setpriority(PRIO_PROCESS, 0, nr));
	CT_EQ(s, 0, setgid(3000 + nr));
	CT_EQ(s, 0, setuid(1000 + nr));
	tasks_stay(s, 1);
	for (i = 0; i < OWN_PAGES; i++) {
		CT_EQ(s, i % (1 + nr % 3) ? 99 : nr, own[i][0]);
		CT_EQ(s, 0, memcmp(own[i], own[i] + 1, 4095));
	}
	CT_EQ(s, 1000 + nr, getuid());
	CT_EQ(s, 3000 + nr, getegid());
	CT_EQ(s, nr, getpriority(PRIO_PROCESS, 0));
	CT_EQ(s, 0, getrlimit(RLIMIT_NOFILE, &limit));
	CT_EQ(s, 100 + nr, limit.rlim_cur);
	CT_EQ(s, 200 + nr, limit.rlim_max);
	return 0;
}

static int processes_keep_their_own(struct ct_shared *s, void *arg)
{
	pid_t child[8];
	long i;

	memset(own, 99, sizeof(own));
	for (i = 0; i < 8; i++)
		child[i] = tasks_fork(s, has_its_own, (void *)i);
	CT_DO(tasks_wait(s, 8));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < 8; i++)
		CT_DO(tasks_reap(s, child[i]));
	for (i = 0; i < OWN_PAGES; i++)
		CT_EQ(s, 99, own[i][7]);
	return 0;
}

CT_ROUND_TRIP(share, processes_keep_their_own)

TEST_HARNESS_MAIN
