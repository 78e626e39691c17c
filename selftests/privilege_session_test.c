// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a caller hands to the kernel: a session that another has opened,
 * descriptors that are no place for an image or a log, a reader who never
 * reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define USER 1000

FIXTURE(session)
{
	int dev;
	pid_t target; /* root's; does nothing */
};

/* Does nothing, and ends with its parent. */
static pid_t fork_target(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

FIXTURE_SETUP(session)
{
	if (!ct_have_ckpt())
		SKIP(return, "no /dev/ckpt");
	self->dev = ckpt_open();
	ASSERT_LE(0, self->dev);
	self->target = fork_target();
}

FIXTURE_TEARDOWN(session)
{
	EXPECT_EQ(0, waitpid(self->target, NULL, WNOHANG));
	kill(self->target, SIGKILL);
	waitpid(self->target, NULL, 0);
	close(self->dev);
}

static int checkpoint_to(FIXTURE_DATA(session) * self, int fd, int log)
{
	struct ckpt_ioc_checkpoint arg = {
		.pid = self->target,
		.fd = fd,
		.logfd = log,
		.flags = CHECKPOINT_SUBTREE,
	};

	return ckpt_ioctl_checkpoint(self->dev, &arg);
}

static int restart_from(FIXTURE_DATA(session) * self, int fd, int log,
			pid_t pid, __u64 flags)
{
	struct ckpt_ioc_restart arg = {
		.pid = pid,
		.fd = fd,
		.logfd = log,
		.flags = flags,
	};

	return ckpt_ioctl_restart(self->dev, &arg);
}

/* What a user gets who was given root's session. */
#define AS_USER(call)                                                        \
	({                                                                   \
		pid_t pid_ = fork();                                         \
		int status_;                                                 \
		if (!pid_)                                                   \
			_exit(setgroups(0, NULL) ||                          \
					      setresgid(USER, USER, USER) || \
					      setresuid(USER, USER, USER) ?  \
				      250 :                                  \
				      -(call));                              \
		waitpid(pid_, &status_, 0);                                  \
		WIFEXITED(status_) ? -WEXITSTATUS(status_) : -251;           \
	})

TEST_F(session, of_another_gives_none_of_his_rights)
{
	int null = open("/dev/null", O_RDWR);
	int zero = open("/dev/zero", O_RDONLY);

	EXPECT_EQ(-EPERM, AS_USER(checkpoint_to(self, null, -1)));
	/* A restart belongs to who has opened the session, and his children. */
	EXPECT_EQ(-EPERM,
		  AS_USER(restart_from(self, zero, -1, self->target, 0)));
	/* Root, and owner. */
	EXPECT_EQ(-EBUSY, checkpoint_to(self, null, -1));
	EXPECT_EQ(-EINVAL, restart_from(self, zero, -1, self->target, 0));
	self->target = fork_target();
}

TEST_F(session, restarts_nobody_elses_child)
{
	int zero = open("/dev/zero", O_RDONLY);

	EXPECT_EQ(-ECHILD, restart_from(self, zero, -1, getppid(), 0));
	EXPECT_EQ(-ECHILD, restart_from(self, zero, -1, 1, 0));
	EXPECT_EQ(-ESRCH, restart_from(self, zero, -1, 4194303, 0));
}

/* Who joins waits for the coordinator, here for good, but can be killed. */
TEST_F(session, keeps_nobody_who_is_killed)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(-restart_from(self, -1, -1, 0, 0));
	ct_sleep_ms(300);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGKILL, status);
}

/* Descriptors that are no place for an image; none is a regular file. */
static const struct {
	const char *path;
	int flags;
} unfit[] = {
	{ "/tmp", O_RDONLY | O_DIRECTORY },
	{ "/dev/mem", O_RDWR },
	{ "/dev/ckpt", O_RDWR },
	{ "/etc/passwd", O_PATH },
};

TEST_F(session, takes_no_unfit_descriptor_for_an_image)
{
	int null = open("/dev/null", O_RDONLY), fd;
	unsigned int i;

	for (i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		fd = open(unfit[i].path, unfit[i].flags);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EBADF, checkpoint_to(self, fd, -1))
		{
			TH_LOG("%s", unfit[i].path);
		}
		EXPECT_GT(0, restart_from(self, fd, -1, 0, RESTART_TASKSELF))
		{
			TH_LOG("%s", unfit[i].path);
		}
		close(fd);
	}
	EXPECT_EQ(-EBADF, checkpoint_to(self, null, -1));
	EXPECT_EQ(-EBADF, checkpoint_to(self, self->dev, -1));
	EXPECT_EQ(-EBADF,
		  restart_from(self, self->dev, -1, 0, RESTART_TASKSELF));
	EXPECT_EQ(-EBADF, checkpoint_to(self, -1, -1));
	EXPECT_EQ(-EBUSY, checkpoint_to(self, memfd_create("image", 0), -1));
}

TEST_F(session, takes_no_unfit_descriptor_for_a_log)
{
	int image = memfd_create("image", 0), fd;
	unsigned int i;

	for (i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		fd = open(unfit[i].path, unfit[i].flags);
		EXPECT_EQ(-EBADF, checkpoint_to(self, image, fd))
		{
			TH_LOG("%s", unfit[i].path);
		}
		EXPECT_EQ(-EBADF,
			  restart_from(self, image, fd, 0, RESTART_TASKSELF))
		{
			TH_LOG("%s", unfit[i].path);
		}
		close(fd);
	}
	EXPECT_EQ(-EBADF, checkpoint_to(self, image, self->dev));
	EXPECT_EQ(0, lseek(image, 0, SEEK_END));
	EXPECT_EQ(-EBUSY, checkpoint_to(self, image, memfd_create("log", 0)));
}

/* A socket with no room, whose other end @ends[0] nobody reads. */
static int full_socket(int ends[2])
{
	static const char some[4096];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	while (send(ends[1], some, sizeof(some), MSG_DONTWAIT) > 0)
		;
	while (send(ends[1], some, 1, MSG_DONTWAIT) > 0)
		;
	return ends[1];
}

/* The caller waits for the reader, and ends when it is told to. */
static void ends_by(struct __test_metadata *_metadata,
		    FIXTURE_DATA(session) * self, bool image, int sig)
{
	int ends[2], status = 0, full = full_socket(ends);
	int file = memfd_create("file", 0);
	int64_t before;
	pid_t pid;

	ASSERT_LE(0, full);
	pid = fork();
	if (!pid) {
		signal(sig, SIG_DFL);
		_exit(-checkpoint_to(self, image ? full : file,
				     image ? file : full));
	}
	ct_sleep_ms(300);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG))
	{
		TH_LOG("it did not wait: %d", WEXITSTATUS(status));
	}
	before = ct_now();
	kill(pid, sig);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_GT(3 * CT_SEC, ct_now() - before); /* a debug kernel is slow */
	close(ends[0]);
	close(ends[1]);
	close(file);
}

TEST_F(session, ends_though_nobody_reads_the_log)
{
	ends_by(_metadata, self, false, SIGKILL);
	ends_by(_metadata, self, false, SIGTERM);
}

TEST_F(session, ends_though_nobody_reads_the_image)
{
	ends_by(_metadata, self, true, SIGKILL);
	ends_by(_metadata, self, true, SIGTERM);
}

TEST_HARNESS_MAIN
