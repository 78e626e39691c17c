// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a tree while its image is written to the disk, before --kill
 * ends it: libckpt, with an fsync() of our own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define GENERATIONS 3
#define FAT (64 << 20) /* bytes, to die of slowly */

struct family {
	bool fat;
	volatile int ready;
	volatile pid_t pid[GENERATIONS];
};

static struct family *family;
static pid_t victim; /* dies in fsync(), and is reaped */
static pid_t stray; /* leaves the frozen group in fsync() */
static int alarms; /* from fsync() on, every so many us */
static int sync_error;

static void take_out(pid_t pid)
{
	int fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%d", pid) < 0)
		ct_say("cannot take out pid %d", pid);
	close(fd);
}

int fsync(int fd)
{
	const struct itimerval often = { { 0, alarms }, { 0, alarms } };

	if (victim) {
		kill(victim, SIGKILL);
		/* its parent is frozen: it stays a zombie */
		ct_sleep_ms(200);
		victim = 0;
	}
	if (alarms)
		setitimer(ITIMER_REAL, &often, NULL);
	if (stray)
		take_out(stray);
	stray = 0;
	if (sync_error) {
		errno = sync_error;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

static void live(void)
{
	int i;

	for (i = 0; i < GENERATIONS; i++) {
		family->pid[i] = getpid();
		if (i + 1 == GENERATIONS || fork())
			break;
	}
	if (family->fat)
		mmap(NULL, FAT, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	__atomic_add_fetch(&family->ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

CT_FIXTURE(commit)

static int begin(struct ct *ct, bool fat)
{
	int tries;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	victim = 0;
	stray = 0;
	alarms = 0;
	sync_error = 0;
	family = mmap(NULL, sizeof(*family), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (family == MAP_FAILED)
		return -1;
	family->fat = fat;
	if (!fork()) {
		setsid();
		close_range(0, ~0U, 0);
		open("/dev/null", O_RDWR);
		open("/dev/null", O_RDWR);
		open("/dev/null", O_RDWR);
		live();
	}
	for (tries = 0; family->ready < GENERATIONS; tries++) {
		if (tries > 1000)
			return ct_say("the tree does not start");
		ct_sleep_ms(10);
	}
	return 0;
}

static int save(struct ct *ct, unsigned int kill, unsigned int frozen)
{
	struct ckpt_checkpoint_opts opts = {
		.pid = family->pid[0],
		.out = ct->img,
		.kill = kill,
		.frozen = frozen,
	};
	int ret = ckpt_checkpoint(&opts);

	if (ret < 0)
		ct_say("%s", ckpt_error());
	return ret;
}

/* How many of the tree live; they come to us when their parents end. */
static int living(void)
{
	int i, n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	for (i = 0; i < GENERATIONS; i++)
		n += !kill(family->pid[i], 0);
	return n;
}

static bool is_frozen(pid_t pid)
{
	char path[64], *text;
	bool frozen;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	text = ct_read_file(path);
	frozen = text && strstr(text, "ckpt");
	free(text);
	return frozen;
}

static void end(void)
{
	int i;

	for (i = 0; i < GENERATIONS; i++)
		kill(family->pid[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	munmap(family, sizeof(*family));
}

TEST_F(commit, who_has_lost_its_parent_dies_too)
{
	ASSERT_EQ(0, begin(&self->ct, false));
	victim = family->pid[1];
	EXPECT_LT(0, save(&self->ct, 1, 0));
	EXPECT_EQ(0, living());
	end();
}

TEST_F(commit, the_others_die_if_the_first_has)
{
	ASSERT_EQ(0, begin(&self->ct, false));
	victim = family->pid[0];
	EXPECT_LT(0, save(&self->ct, 1, 0));
	EXPECT_EQ(0, living());
	end();
}

/* It runs; that it does is told. */
TEST_F(commit, who_has_left_the_frozen_group_is_named)
{
	char name[32];

	ASSERT_EQ(0, begin(&self->ct, false));
	stray = family->pid[GENERATIONS - 1];
	snprintf(name, sizeof(name), "pid %d: ", stray);
	EXPECT_EQ(-EXDEV, save(&self->ct, 1, 0));
	EXPECT_NE(NULL, strstr(ckpt_error(), name));
	EXPECT_EQ(1, living());
	EXPECT_EQ(0, kill(family->pid[GENERATIONS - 1], 0));
	end();
}

static void alarmed(int sig)
{
	(void)sig;
}

/* Signals that have a handler are the caller's, not ours. */
TEST_F(commit, a_caller_with_a_timer_sees_them_end)
{
	struct sigaction act = { .sa_handler = alarmed };

	ASSERT_EQ(0, begin(&self->ct, true));
	sigaction(SIGALRM, &act, NULL);
	alarms = 200;
	EXPECT_LT(0, save(&self->ct, 1, 0));
	alarms = 0;
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	EXPECT_EQ(0, living());
	end();
}

/* No image: nobody dies, and nobody stays frozen. */
static void fails(struct __test_metadata *_metadata, struct ct *ct, int error,
		  unsigned int kill)
{
	ASSERT_EQ(0, begin(ct, false));
	sync_error = error;
	EXPECT_EQ(-error, save(ct, kill, !kill));
	sync_error = 0;
	EXPECT_EQ(GENERATIONS, living());
	EXPECT_FALSE(is_frozen(family->pid[0]));
	EXPECT_EQ(-1, access(ct->img, F_OK));
	end();
}

TEST_F(commit, an_image_that_fails_kills_nobody)
{
	fails(_metadata, &self->ct, EIO, 1);
}

TEST_F(commit, a_disk_that_has_become_read_only_fails)
{
	fails(_metadata, &self->ct, EROFS, 1);
}

TEST_F(commit, an_image_that_fails_leaves_nobody_frozen)
{
	fails(_metadata, &self->ct, EIO, 0);
}

TEST_HARNESS_MAIN
