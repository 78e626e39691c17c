// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that is killed, or thawed and killed, and waited for at random moments
 * of its checkpoint: an image or an errno comes of it, and a sound kernel (the
 * machine's runner fails a test when the kernel complains).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define GROUP "/sys/fs/cgroup/ckpt-kill-test"
#define ROUNDS 90
#define UNDISTURBED_US 2000000 /* after so long a checkpoint is over */

/* The killer waits for so long at the most: twice the time of a checkpoint. */
static unsigned int latest_us;

struct kill {
	pid_t pid;
	unsigned int after_us;
	bool thaw;
};

static void *killer(void *arg)
{
	const struct kill *k = arg;
	struct timespec ts = { .tv_sec = k->after_us / 1000000,
			       .tv_nsec = k->after_us % 1000000 * 1000L };

	nanosleep(&ts, NULL);
	if (k->thaw)
		ct_write_file(GROUP "/cgroup.freeze", "0");
	kill(k->pid, SIGKILL);
	waitpid(k->pid, NULL, 0);
	return NULL;
}

/* sleep(1), frozen: the memory that the harness shares would be refused. */
static pid_t frozen_child(void)
{
	int64_t limit = ct_now() + CT_TIMEOUT_MS * CT_MS;
	int executed[2];
	char text[32];
	pid_t pid;

	if (pipe2(executed, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		execlp("sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	close(executed[1]);
	/* ends when execve() has closed the other end */
	if (read(executed[0], text, 1))
		return -1;
	close(executed[0]);
	snprintf(text, sizeof(text), "%d", pid);
	if (pid < 0 || ct_write_file(GROUP "/cgroup.procs", text) ||
	    ct_write_file(GROUP "/cgroup.freeze", "1"))
		return -1;
	while (ct_now() < limit) {
		char *events = ct_read_file(GROUP "/cgroup.events");
		bool frozen = events && strstr(events, "frozen 1");

		free(events);
		if (frozen)
			return pid;
		ct_sleep_ms(1);
	}
	return -1;
}

/*
 * errno of the checkpoint, 0 when there was an image, -1 for our own trouble;
 * what it has said goes to @log
 */
static int round_of(unsigned int nr, int null, int log)
{
	struct kill k = { .after_us = latest_us ? rand() % latest_us :
						  UNDISTURBED_US,
			  .thaw = nr % 3 == 0 };
	struct ckpt_ioc_checkpoint arg = { .size = sizeof(arg),
					   .fd = null,
					   .logfd = log };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	pthread_t thread;
	int64_t before;
	int err;

	k.pid = frozen_child();
	arg.pid = k.pid;
	arg.flags = nr % 5 ? CHECKPOINT_SUBTREE : 0;
	if (dev < 0 || k.pid < 0 || pthread_create(&thread, NULL, killer, &k))
		return -1;
	before = ct_now();
	err = ioctl(dev, CKPT_IOC_CHECKPOINT, &arg) > 0 ? 0 : errno;
	if (!latest_us)
		latest_us = 1 + 2 * (ct_now() - before) / 1000;
	pthread_join(thread, NULL);
	ct_write_file(GROUP "/cgroup.freeze", "0");
	close(dev);
	return err;
}

FIXTURE(killed)
{
	int null, log;
};

FIXTURE_SETUP(killed)
{
	if (!ct_have_ckpt())
		SKIP(return, "no /dev/ckpt");
	self->null = open("/dev/null", O_WRONLY);
	self->log = memfd_create("log", MFD_CLOEXEC);
	ASSERT_LE(0, self->null);
	ASSERT_LE(0, self->log);
	ASSERT_TRUE(!mkdir(GROUP, 0755) || errno == EEXIST);
}

FIXTURE_TEARDOWN(killed)
{
	ct_write_file(GROUP "/cgroup.freeze", "0");
	close(self->null);
	close(self->log);
	rmdir(GROUP);
}

TEST_F_TIMEOUT(killed, task_of_a_checkpoint_at_random_moments, 120)
{
	unsigned int i, images = 0, gone = 0;

	srand(time(NULL));
	ASSERT_EQ(0, round_of(1, self->null, self->log));
	for (i = 0; i < ROUNDS; i++) {
		char text[512] = "";
		int err;

		ASSERT_EQ(0, ftruncate(self->log, 0));
		lseek(self->log, 0, SEEK_SET);
		err = round_of(i, self->null, self->log);
		ASSERT_LE(0, pread(self->log, text, sizeof(text) - 1, 0));
		/* not a container's init, as every fifth claims */
		if (i % 5 == 0 && err == EINVAL)
			continue;
		ASSERT_TRUE(!err || err == ESRCH || err == EBUSY)
		TH_LOG("round %u: %s: %s", i, strerror(err), text);
		if (err)
			gone++;
		else
			images++;
	}
	/* both ends of the race have been seen */
	EXPECT_LT(0, gone);
	EXPECT_LT(0, images);
}

TEST_HARNESS_MAIN
