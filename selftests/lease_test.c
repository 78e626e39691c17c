// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a session writes to files of cgroups when it ends: frozen groups are
 * thawed, groups that are to be killed die, and neither happens to a group
 * whose lease was given back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define PARENT "/sys/fs/cgroup/ckpt-lease"
#define GROUPS 3
#define QUIET_MS 300 /* long enough to see that nothing happens */

FIXTURE(lease)
{
	int dev;
	pid_t pid[GROUPS]; /* one in each, which counts */
	volatile int *count; /* of each */
};

static const char *path(int group, const char *file)
{
	static char text[2][128];
	static int which;

	which = !which;
	snprintf(text[which], sizeof(text[which]), PARENT "/%d/%s", group,
		 file);
	return text[which];
}

static int group_open(int group, const char *file)
{
	return open(path(group, file), O_WRONLY | O_CLOEXEC);
}

static pid_t counter(volatile int *count)
{
	pid_t pid = fork();

	if (!pid)
		for (;;) {
			++*count;
			ct_sleep_ms(5);
		}
	return pid;
}

FIXTURE_SETUP(lease)
{
	char text[16];
	int i;

	if (!ct_have_ckpt())
		SKIP(return, "no /dev/ckpt");
	self->count = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->count);
	ASSERT_EQ(0, mkdir(PARENT, 0755));
	for (i = 0; i < GROUPS; i++) {
		ASSERT_EQ(0, mkdir(path(i, ""), 0755));
		self->pid[i] = counter(&self->count[i]);
		snprintf(text, sizeof(text), "%d", self->pid[i]);
		ASSERT_EQ(0, ct_write_file(path(i, "cgroup.procs"), text));
	}
	self->dev = ckpt_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(lease)
{
	int i;

	for (i = 0; i < GROUPS; i++) {
		kill(self->pid[i], SIGKILL);
		waitpid(self->pid[i], NULL, 0);
		rmdir(path(i, ""));
	}
	EXPECT_EQ(0, rmdir(PARENT));
}

static int is_frozen(int group)
{
	char *text = ct_read_file(path(group, "cgroup.events"));
	int yes = text && strstr(text, "frozen 1");

	free(text);
	return yes;
}

static int freeze_group(int group)
{
	int tries;

	if (ct_write_file(path(group, "cgroup.freeze"), "1"))
		return -1;
	for (tries = 0; tries < 1000 && !is_frozen(group); tries++)
		ct_sleep_ms(10);
	return is_frozen(group) ? 0 : -1;
}

/* It counts on. */
static bool runs(FIXTURE_DATA(lease) * self, int i)
{
	int before = self->count[i], tries;

	for (tries = 0; tries < 1000 && self->count[i] == before; tries++)
		ct_sleep_ms(10);
	return self->count[i] != before;
}

/* Nor did it, since it was @before. */
static bool rests(FIXTURE_DATA(lease) * self, int i, int before)
{
	ct_sleep_ms(QUIET_MS);
	return self->count[i] == before && is_frozen(i);
}

/* Killed, not having run since it was @before. */
static bool died(FIXTURE_DATA(lease) * self, int i, int before)
{
	int status = 0, tries;

	for (tries = 0; tries < 1000; tries++) {
		if (waitpid(self->pid[i], &status, WNOHANG) == self->pid[i])
			break;
		ct_sleep_ms(10);
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	       self->count[i] == before;
}

static int lease(FIXTURE_DATA(lease) * self, int group, const char *file)
{
	int fd = group_open(group, file);
	int err = ckpt_ioctl_lease(self->dev, fd);

	close(fd);
	return err;
}

static int give_back(FIXTURE_DATA(lease) * self, int group, const char *file)
{
	int fd = group_open(group, file);
	int err = ckpt_ioctl_lease_return(self->dev, fd);

	close(fd);
	return err;
}

TEST_F(lease, each_group_is_thawed)
{
	int i;

	for (i = 0; i < GROUPS; i++) {
		ASSERT_EQ(0, lease(self, i, "cgroup.freeze"));
		ASSERT_EQ(0, freeze_group(i));
	}
	close(self->dev);
	for (i = 0; i < GROUPS; i++)
		EXPECT_TRUE(runs(self, i));
}

TEST_F(lease, one_that_is_given_back_is_not_written)
{
	int before;

	ASSERT_EQ(0, lease(self, 0, "cgroup.freeze"));
	ASSERT_EQ(0, lease(self, 1, "cgroup.freeze"));
	ASSERT_EQ(0, lease(self, 2, "cgroup.kill"));
	ASSERT_EQ(0, freeze_group(0));
	ASSERT_EQ(0, freeze_group(1));
	before = self->count[1];
	EXPECT_EQ(0, give_back(self, 1, "cgroup.freeze"));
	EXPECT_EQ(0, give_back(self, 2, "cgroup.kill"));
	EXPECT_EQ(-ENOENT, give_back(self, 2, "cgroup.kill"));
	close(self->dev);
	EXPECT_TRUE(runs(self, 0));
	EXPECT_TRUE(rests(self, 1, before));
	EXPECT_TRUE(runs(self, 2));
}

TEST_F(lease, all_are_given_back)
{
	int before;

	ASSERT_EQ(0, lease(self, 0, "cgroup.freeze"));
	ASSERT_EQ(0, lease(self, 1, "cgroup.kill"));
	ASSERT_EQ(0, freeze_group(0));
	before = self->count[0];
	EXPECT_EQ(0, ckpt_ioctl_lease(self->dev, -1));
	EXPECT_EQ(-ENOENT, give_back(self, 1, "cgroup.kill"));
	close(self->dev);
	EXPECT_TRUE(rests(self, 0, before));
	EXPECT_TRUE(runs(self, 1));
}

TEST_F(lease, the_same_file_twice_is_one)
{
	int before;

	ASSERT_EQ(0, lease(self, 0, "cgroup.freeze"));
	ASSERT_EQ(0, lease(self, 0, "cgroup.freeze"));
	ASSERT_EQ(0, freeze_group(0));
	before = self->count[0];
	EXPECT_EQ(0, give_back(self, 0, "cgroup.freeze"));
	close(self->dev);
	EXPECT_TRUE(rests(self, 0, before));
}

/* Frozen or not, and whatever is below it; nothing else. */
TEST_F(lease, a_group_is_killed)
{
	int before[GROUPS], i;

	ASSERT_EQ(0, lease(self, 0, "cgroup.kill"));
	ASSERT_EQ(0, freeze_group(0));
	ASSERT_EQ(0, freeze_group(1));
	for (i = 0; i < GROUPS; i++)
		before[i] = self->count[i];
	close(self->dev);
	EXPECT_TRUE(died(self, 0, before[0]));
	EXPECT_TRUE(rests(self, 1, before[1]));
	EXPECT_TRUE(runs(self, 2));
}

/* In whatever order they were leased: it does not take a step. */
TEST_F(lease, it_is_killed_before_it_is_thawed)
{
	int before;

	ASSERT_EQ(0, lease(self, 0, "cgroup.freeze"));
	ASSERT_EQ(0, lease(self, 0, "cgroup.kill"));
	ASSERT_EQ(0, freeze_group(0));
	before = self->count[0];
	close(self->dev);
	EXPECT_TRUE(died(self, 0, before));
}

TEST_F(lease, of_a_process_that_is_killed)
{
	int before, ready[2];
	pid_t holder;
	char c;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, freeze_group(0));
	ASSERT_EQ(0, freeze_group(1));
	before = self->count[0];
	holder = fork();
	if (!holder) {
		c = lease(self, 0, "cgroup.kill") ||
				    lease(self, 1, "cgroup.freeze") ?
			    '-' :
			    '+';
		if (write(ready[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ('+', c);
	close(self->dev);
	EXPECT_TRUE(rests(self, 0, before));
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	EXPECT_TRUE(died(self, 0, before));
	EXPECT_TRUE(runs(self, 1));
}

/* The field and the number of the call as they were before there were flags. */
TEST_F(lease, of_a_caller_that_knows_no_flags)
{
	struct {
		__u32 size;
		__s32 fd;
	} arg = { .size = sizeof(arg) };
	const unsigned long call = _IOW(CKPT_IOC_MAGIC, 3, __u64);

	arg.fd = group_open(0, "cgroup.freeze");
	ASSERT_EQ(0, ioctl(self->dev, call, &arg));
	ASSERT_EQ(0, freeze_group(0));
	close(self->dev);
	EXPECT_TRUE(runs(self, 0));
}

TEST_F(lease, other_files_are_refused)
{
	struct ckpt_ioc_lease arg = { .size = sizeof(arg), .flags = 2 };
	int fd = open(path(0, "cgroup.kill"), O_RDONLY | O_CLOEXEC);
	int other = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	EXPECT_EQ(-EINVAL, ckpt_ioctl_lease(self->dev, fd)); /* to read */
	EXPECT_EQ(-EINVAL, ckpt_ioctl_lease(self->dev, other));
	EXPECT_EQ(-EINVAL, lease(self, 0, "cgroup.procs"));
	EXPECT_EQ(-EINVAL, lease(self, 0, "cgroup.max.depth"));
	EXPECT_EQ(-EBADF, ckpt_ioctl_lease(self->dev, 999));
	EXPECT_EQ(-EBADF, ckpt_ioctl_lease(self->dev, -2));
	EXPECT_EQ(-ENOENT, give_back(self, 0, "cgroup.kill"));
	arg.fd = -1;
	EXPECT_EQ(-1, ioctl(self->dev, CKPT_IOC_LEASE, &arg));
	EXPECT_EQ(EINVAL, errno);
	close(self->dev);
	EXPECT_TRUE(runs(self, 0));
}

/* Half of them are of groups that are gone when the session ends. */
TEST_F(lease, there_is_a_limit)
{
	char dir[128], file[160];
	int i, fd, err = 0;

	for (i = 0; !err && i <= CKPT_LEASES_MAX; i++) {
		snprintf(dir, sizeof(dir), PARENT "/many%d", i);
		snprintf(file, sizeof(file), "%s/cgroup.%s", dir,
			 i % 2 ? "kill" : "freeze");
		ASSERT_EQ(0, mkdir(dir, 0755));
		fd = open(file, O_WRONLY | O_CLOEXEC);
		err = ckpt_ioctl_lease(self->dev, fd);
		close(fd);
		if (i % 2 || err)
			ASSERT_EQ(0, rmdir(dir));
	}
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_EQ(CKPT_LEASES_MAX + 1, i);
	close(self->dev);
	for (i = 0; i < CKPT_LEASES_MAX; i += 2) {
		snprintf(dir, sizeof(dir), PARENT "/many%d", i);
		ASSERT_EQ(0, rmdir(dir));
	}
}

TEST_HARNESS_MAIN
