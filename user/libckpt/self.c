// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that checkpoints itself.
 *
 * In the background: the program takes a snapshot of itself, and a child that
 * shares its memory, clone(CLONE_VM), has the kernel write it.  That one runs
 * in our memory, with our thread's errno, and next to all that we do: it makes
 * a few system calls, by itself, has all signals blocked, a stack of its own,
 * and no other descriptors than it needs, so that the end of a pipe is not held
 * by it.  What is polled is its pidfd, what came of it its exit status.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib.h"

#define STACK_BYTES 16384
#define STATUS_MAX 255 /* an exit status has no room for more */

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static struct {
	atomic_int busy; /* pid whose it is: a child that was forked has none */
	int dev, image;
	struct ckpt_ioc_stream arg;
	char stack[STACK_BYTES] __attribute__((aligned(16)));
} helper;

static int set_errno(int err)
{
	errno = -err;
	return -1;
}

/*
 * The restarted process has the device open under the same number, so that
 * the close is right on both ways out of the ioctl.
 */
static int self_checkpoint(int dev, int fd, unsigned long flags)
{
	struct ckpt_ioc_checkpoint arg = {
		.fd = fd,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = flags | CHECKPOINT_SUBTREE,
	};

	return ckpt_ioctl_checkpoint(dev, &arg);
}

int ckpt_self(int fd, unsigned long flags)
{
	int dev = ckpt_open(), ret;

	if (dev < 0)
		return set_errno(dev);
	ret = self_checkpoint(dev, fd, flags);
	close(dev);
	return ret < 0 ? set_errno(ret) : ret;
}

/* ---- in the background ---- */

/* syscall(2) without errno. */
static long raw_call(long nr, long a, long b, long c)
{
	long ret = nr;

	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static void close_others(int a, int b)
{
	unsigned int low = a < b ? a : b, high = a < b ? b : a;

	if (low)
		raw_call(SYS_close_range, 0, low - 1, 0);
	if (low + 1 < high)
		raw_call(SYS_close_range, low + 1, high - 1, 0);
	raw_call(SYS_close_range, high + 1, ~0U, 0);
}

static int helper_main(void *unused)
{
	long ret;

	(void)unused;
	close_others(helper.dev, helper.image);
	raw_call(SYS_chdir, (long)"/", 0, 0);
	ret = raw_call(SYS_ioctl, helper.dev, CKPT_IOC_STREAM,
		       (long)&helper.arg);
	if (ret >= 0) {
		ret = raw_call(SYS_fsync, helper.image, 0, 0);
		if (ret == -EINVAL)
			ret = 0; /* a pipe */
	}
	if (ret < -STATUS_MAX)
		ret = -EIO;
	raw_call(SYS_exit_group, ret < 0 ? -ret : 0, 0, 0);
	return 0;
}

/* Return: its pidfd, or a negative errno. */
static int helper_start(void)
{
	sigset_t all, old;
	int pidfd = -1, pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(helper_main, helper.stack + STACK_BYTES,
		    CLONE_VM | CLONE_PIDFD | CLONE_UNTRACED, NULL, &pidfd);
	pid = pid < 0 ? -errno : pid;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return ckpt_set_error(pid, "no helper can be started: %s",
				      strerror(-pid));
	return pidfd;
}

/* Return: as ckpt_self_begin(), or a negative errno. */
static int begin(int fd, unsigned long flags, int *done)
{
	int dev = ckpt_open(), ret;

	if (dev < 0)
		return dev;
	helper.dev = dev;
	helper.image = fd;
	helper.arg = (struct ckpt_ioc_stream){
		.size = sizeof(helper.arg),
		.fd = fd,
		.logfd = CHECKPOINT_FD_NONE,
	};
	ret = self_checkpoint(dev, fd, flags | CHECKPOINT_SNAPSHOT);
	if (ret > 0)
		*done = helper_start();
	close(dev); /* the helper has its own */
	return ret > 0 && *done < 0 ? *done : ret;
}

int ckpt_self_begin(int fd, unsigned long flags, int *done)
{
	int ret;

	if (atomic_exchange(&helper.busy, getpid()) == getpid()) {
		ckpt_set_error(-EBUSY,
			       "a checkpoint in the background is not ended yet");
		return set_errno(-EBUSY);
	}
	ret = begin(fd, flags, done);
	if (ret <= 0) /* a restarted program has none, either */
		atomic_store(&helper.busy, 0);
	return ret < 0 ? set_errno(ret) : ret;
}

int ckpt_self_end(int done)
{
	siginfo_t info;
	int ret, err;

	do {
		ret = waitid(P_PIDFD, done, &info, WEXITED | __WALL);
	} while (ret && errno == EINTR);
	if (ret) {
		err = ckpt_set_error(-errno, "not from ckpt_self_begin(): %s",
				     strerror(errno));
		return set_errno(err);
	}
	close(done);
	atomic_store(&helper.busy, 0);
	err = info.si_code == CLD_EXITED ? -info.si_status : -EINTR;
	if (!err)
		return 0;
	ckpt_set_error(err, "checkpoint: %s", strerror(-err));
	return set_errno(err);
}
