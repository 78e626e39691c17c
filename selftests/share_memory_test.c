// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that processes share: anonymous, memfd, on tmpfs, a file; the locks
 * that live in it; and what is not shared, though it looks alike.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(memory)

#define PAGE 4096
#define PAGES 64
#define ENOUGH 60 /* slots of the data */
#define TURN 1

enum kind { ANONYMOUS, MEMFD, TMPFS, REGULAR };

static char tmpfs_path[64];

/* A new area of PAGES pages; its descriptor, where it has one, is kept. */
static int make_area(struct ct_shared *s, enum kind kind, char **area, int *fd)
{
	char path[PATH_MAX], dir[PATH_MAX - 16] = "";
	int flags = MAP_SHARED;

	*fd = -1;
	switch (kind) {
	case ANONYMOUS:
		flags |= MAP_ANONYMOUS;
		break;
	case MEMFD:
		*fd = memfd_create("shared", 0);
		break;
	case TMPFS:
		snprintf(tmpfs_path, sizeof(tmpfs_path),
			 "/dev/shm/ckpt-test-%d", getpid());
		*fd = open(tmpfs_path, O_RDWR | O_CREAT | O_EXCL, 0600);
		break;
	case REGULAR:
		CT_CHECK(s,
			 readlink("/proc/self/fd/1", dir, sizeof(dir) - 1) > 0);
		snprintf(path, sizeof(path), "%s.area", dir);
		*fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
		break;
	}
	if (kind != ANONYMOUS) {
		CT_CHECK(s, *fd >= 0);
		CT_EQ(s, 0, ftruncate(*fd, PAGES * PAGE));
	}
	*area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, *fd, 0);
	CT_CHECK(s, *area != MAP_FAILED);
	return 0;
}

static char *area;
static int area_fd;

/* Every other page is written; the others are holes. */
static void fill(char *at, int seed)
{
	int i;

	for (i = 0; i < PAGES; i += 2)
		memset(at + i * PAGE, seed + i, PAGE);
}

static int check(struct ct_shared *s, const char *at, int seed)
{
	int i;

	for (i = 0; i < PAGES; i++) {
		CT_EQ(s, i & 1 ? 0 : (char)(seed + i), at[i * PAGE]);
		CT_EQ(s, 0, memcmp(at + i * PAGE, at + i * PAGE + 1, PAGE - 1));
	}
	return 0;
}

/* Sees what the other one writes, and the other way round. */
static int sees_and_writes(struct ct_shared *s, void *arg)
{
	int nr = (long)arg;

	tasks_stay(s, 1);
	CT_DO(tasks_slot(s, TURN, nr));
	CT_DO(check(s, area, nr));
	fill(area, nr + 1);
	s->data[TURN] = nr + 1;
	return 0;
}

static int shared_by_three(struct ct_shared *s, void *arg)
{
	enum kind kind = (enum kind)(long)arg;
	pid_t child[2];
	struct stat st;

	CT_DO(make_area(s, kind, &area, &area_fd));
	fill(area, 0);
	child[0] = tasks_fork(s, sees_and_writes, (void *)1L);
	child[1] = tasks_fork(s, sees_and_writes, (void *)2L);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check(s, area, 0));
	fill(area, 1);
	s->data[TURN] = 1;
	CT_DO(tasks_reap(s, child[0]));
	CT_DO(tasks_reap(s, child[1]));
	CT_DO(check(s, area, 3));
	if (kind == ANONYMOUS)
		return 0;
	/* and by way of the file */
	CT_EQ(s, 1, pwrite(area_fd, "!", 1, PAGE));
	CT_EQ(s, '!', area[PAGE]);
	CT_EQ(s, 0, fstat(area_fd, &st));
	CT_EQ(s, PAGES * PAGE, st.st_size);
	if (kind == TMPFS)
		CT_EQ(s, 0, unlink(tmpfs_path));
	return 0;
}

TEST_F(memory, anonymous)
{
	ASSERT_EQ(0,
		  ct_round_trip(&self->ct, shared_by_three, (void *)ANONYMOUS));
}

TEST_F(memory, memfd)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, shared_by_three, (void *)MEMFD));
}

TEST_F(memory, file_on_tmpfs)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, shared_by_three, (void *)TMPFS));
}

TEST_F(memory, regular_file)
{
	ASSERT_EQ(0,
		  ct_round_trip(&self->ct, shared_by_three, (void *)REGULAR));
}

/* Parts of it at other places, moved, with other rights, twice. */
static int has_it_elsewhere(struct ct_shared *s, void *arg)
{
	char *moved, *again;

	moved = mremap(area, PAGES * PAGE, PAGES * PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED,
		       mmap(NULL, PAGES * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CT_CHECK(s, moved != MAP_FAILED && moved != area);
	/* a size of zero makes a second mapping of the same memory */
	again = mremap(moved + 8 * PAGE, 0, 8 * PAGE, MREMAP_MAYMOVE);
	CT_CHECK(s, again != MAP_FAILED);
	CT_EQ(s, 0, munmap(moved + 20 * PAGE, 4 * PAGE));
	CT_EQ(s, 0, mprotect(moved + 30 * PAGE, PAGE, PROT_READ));
	tasks_stay(s, 1);
	CT_DO(tasks_slot(s, TURN, 1));
	CT_EQ(s, 'r', moved[9 * PAGE]);
	CT_EQ(s, 'r', again[PAGE]);
	again[2 * PAGE] = 'c';
	CT_EQ(s, 'c', moved[10 * PAGE]);
	return 0;
}

static int mapped_in_many_ways(struct ct_shared *s, void *arg)
{
	pid_t child;

	CT_DO(make_area(s, ANONYMOUS, &area, &area_fd));
	fill(area, 5);
	child = tasks_fork(s, has_it_elsewhere, NULL);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(check(s, area, 5));
	area[9 * PAGE] = 'r';
	s->data[TURN] = 1;
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 'c', area[10 * PAGE]);
	return 0;
}

CT_ROUND_TRIP(memory, mapped_in_many_ways)

/* Two of the same size and contents are two. */
static int writes_first(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 1);
	memset(arg, 'x', PAGE);
	return 0;
}

static int twins_stay_apart(struct ct_shared *s, void *arg)
{
	char *one, *two, *private;
	pid_t child;
	int fd;

	CT_DO(make_area(s, ANONYMOUS, &one, &fd));
	CT_DO(make_area(s, ANONYMOUS, &two, &fd));
	private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(private, 'p', PAGE);
	child = tasks_fork(s, writes_first, one);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 'x', one[0]);
	CT_EQ(s, 0, two[0]);
	CT_EQ(s, 'p', private[0]);
	return 0;
}

CT_ROUND_TRIP(memory, twins_stay_apart)

/* Only tasks that the root has no part in share it. */
static int has_area(struct ct_shared *s, void *arg)
{
	pid_t child;

	CT_DO(make_area(s, (enum kind)(long)arg, &area, &area_fd));
	fill(area, 1);
	child = tasks_fork(s, sees_and_writes, (void *)1L);
	tasks_stay(s, 1);
	s->data[TURN] = 1;
	CT_DO(tasks_reap(s, child));
	return check(s, area, 2);
}

static int shared_below_the_root(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, has_area, (void *)ANONYMOUS);

	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(memory, shared_below_the_root)

/* ---- locks in it ------------------------------------------------- */

struct locks {
	pthread_mutex_t robust;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_barrier_t barrier;
	int64_t value, other;
	bool closed, last;
};

static struct locks *locks;

static int make_locks(struct ct_shared *s, enum kind kind, int meeting)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	pthread_barrierattr_t barrier;

	CT_DO(make_area(s, kind, &area, &area_fd));
	locks = (struct locks *)area;
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	CT_EQ(s, 0, pthread_mutex_init(&locks->mutex, &mutex));
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	CT_EQ(s, 0, pthread_mutex_init(&locks->robust, &mutex));
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	CT_EQ(s, 0, pthread_cond_init(&locks->changed, &cond));
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	CT_EQ(s, 0, pthread_barrier_init(&locks->barrier, &barrier, meeting));
	return 0;
}

static int dies_with_lock(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, pthread_mutex_lock(&locks->robust));
	tasks_stay(s, 1);
	while (!s->data[ENOUGH])
		tasks_pause(s);
	return 0;
}

static int inherits_lock(struct ct_shared *s, void *arg)
{
	tasks_here(s);
	CT_EQ(s, EOWNERDEAD, pthread_mutex_lock(&locks->robust));
	CT_EQ(s, 1, s->data[ENOUGH]);
	return 0;
}

static int robust_lock(struct ct_shared *s, void *arg)
{
	pid_t owner, heir;

	CT_DO(make_locks(s, (enum kind)(long)arg, 1));
	owner = tasks_fork(s, dies_with_lock, NULL);
	CT_DO(tasks_wait(s, 1));
	heir = tasks_fork(s, inherits_lock, NULL);
	CT_DO(tasks_in_syscall(s, heir, heir, SYS_futex));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, EBUSY, pthread_mutex_trylock(&locks->robust));
	s->data[ENOUGH] = 1;
	CT_DO(tasks_reap(s, owner));
	return tasks_reap(s, heir);
}

/* In a file that stays, the death of the checkpointed owner would be marked. */
TEST_F(memory, robust_lock_in_a_memfd)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, robust_lock, (void *)MEMFD));
}

TEST_F(memory, robust_lock_in_anonymous_memory)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, robust_lock, (void *)ANONYMOUS));
}

#define WORKERS 3
#define ROUNDS 100

/*
 * Each adds to both values under the lock; all meet after each round, and the
 * first decides whether it was the last one.
 */
static int adds(struct ct_shared *s, void *arg)
{
	bool last;

	do {
		CT_EQ(s, 0, pthread_mutex_lock(&locks->mutex));
		CT_EQ(s, locks->value, locks->other);
		locks->value++;
		if (locks->value % 8 == 0)
			sched_yield();
		locks->other++;
		pthread_cond_broadcast(&locks->changed);
		CT_EQ(s, 0, pthread_mutex_unlock(&locks->mutex));
		pthread_barrier_wait(&locks->barrier);
		if (!arg)
			locks->last = locks->closed;
		pthread_barrier_wait(&locks->barrier);
		last = locks->last;
	} while (!last);
	return 0;
}

static int64_t until_value(int64_t value)
{
	pthread_mutex_lock(&locks->mutex);
	while (locks->value < value)
		pthread_cond_wait(&locks->changed, &locks->mutex);
	value = locks->value;
	pthread_mutex_unlock(&locks->mutex);
	return value;
}

static int locks_in_motion(struct ct_shared *s, void *arg)
{
	pid_t child[WORKERS];
	int64_t was;
	long i;

	CT_DO(make_locks(s, (enum kind)(long)arg, WORKERS));
	for (i = 0; i < WORKERS; i++)
		child[i] = tasks_fork(s, adds, (void *)i);
	was = until_value(ROUNDS);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	until_value(was + ROUNDS);
	locks->closed = true;
	for (i = 0; i < WORKERS; i++)
		CT_DO(tasks_reap(s, child[i]));
	CT_EQ(s, 0, locks->value % WORKERS);
	CT_EQ(s, locks->value, locks->other);
	return 0;
}

TEST_F(memory, locks_in_motion_in_a_file)
{
	ASSERT_EQ(0,
		  ct_round_trip(&self->ct, locks_in_motion, (void *)REGULAR));
}

TEST_F(memory, locks_in_motion_in_anonymous_memory)
{
	ASSERT_EQ(0,
		  ct_round_trip(&self->ct, locks_in_motion, (void *)ANONYMOUS));
}

TEST_HARNESS_MAIN
