// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds: their counters, and who waits for them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(eventfd)

static int counters_and_flags(struct ct_shared *s, void *arg)
{
	int a = eventfd(5, 0), b = eventfd(0, EFD_NONBLOCK), c, d;
	uint64_t n = 0xfffffffffffffffd;

	c = eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC);
	d = dup(a);
	CT_CHECK(s, a >= 0 && b >= 0 && c >= 0 && d >= 0);
	CT_EQ(s, 8, write(b, &n, 8));
	ct_step(s, 1);
	n = 1;
	CT_EQ(s, 8, write(b, &n, 8));
	CT_EQ(s, -1, write(b, &n, 8));
	CT_EQ(s, EAGAIN, errno);
	CT_EQ(s, 8, read(b, &n, 8));
	CT_CHECK(s, n == 0xfffffffffffffffe);
	n = 2;
	CT_EQ(s, 8, write(d, &n, 8));
	CT_EQ(s, 8, read(a, &n, 8));
	CT_EQ(s, 7, n);
	CT_EQ(s, 8, read(c, &n, 8));
	CT_EQ(s, 1, n);
	CT_EQ(s, 8, read(c, &n, 8));
	CT_EQ(s, 1, n);
	CT_EQ(s, FD_CLOEXEC, fcntl(c, F_GETFD));
	CT_EQ(s, O_RDWR | O_NONBLOCK, fcntl(b, F_GETFL));
	CT_EQ(s, O_RDWR, fcntl(a, F_GETFL));
	CT_EQ(s, -1, read(b, &n, 8));
	CT_EQ(s, EAGAIN, errno);
	return 0;
}

CT_ROUND_TRIP(eventfd, counters_and_flags)

/* The child of the second half says that the two are one. */
static int wakes_who_waits(struct ct_shared *s, void *arg)
{
	int fd = eventfd(0, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n = 9;

	s->data[0] = fd;
	ct_step(s, 1);
	CT_EQ(s, 0, poll(&p, 1, 0));
	if (!fork()) {
		ct_sleep_ms(200);
		_exit(write(fd, &n, 8) != 8);
	}
	n = 0;
	CT_EQ(s, 8, read(fd, &n, 8));
	CT_EQ(s, 9, n);
	return 0;
}

CT_ROUND_TRIP(eventfd, wakes_who_waits)

/* Interrupted in read(): SIGALRM comes later, its handler writes. */
static int wake_fd;

static void wake(int sig)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, 8) != 8)
		_exit(1);
}

static int read_goes_on(struct ct_shared *s, void *arg)
{
	struct sigaction act = { .sa_handler = wake, .sa_flags = SA_RESTART };
	uint64_t n;

	wake_fd = eventfd(0, 0);
	CT_EQ(s, 0, sigaction(SIGALRM, &act, NULL));
	alarm(8);
	s->ready = 1;
	CT_EQ(s, 8, read(wake_fd, &n, 8));
	CT_EQ(s, 1, n);
	CT_EQ(s, 1, s->restarted ? 1 : 0);
	return 0;
}

TEST_F(eventfd, read_goes_on)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, read_goes_on, NULL, SYS_read));
}

static int full_table(struct ct_shared *s, void *arg)
{
	struct rlimit lim = { 4, 1000 };
	uint64_t n;
	int fd = eventfd(4, 0);

	CT_EQ(s, 3, fd);
	CT_EQ(s, 0, setrlimit(RLIMIT_NOFILE, &lim));
	ct_step(s, 1);
	CT_EQ(s, -1, dup(fd));
	CT_EQ(s, 8, read(fd, &n, 8));
	CT_EQ(s, 4, n);
	return 0;
}

CT_ROUND_TRIP(eventfd, full_table)

static int one(struct ct_shared *s, void *arg)
{
	s->data[0] = eventfd(0, 0);
	ct_step(s, 1);
	return 0;
}

/* An AIO request of the tester's that would signal the program's eventfd. */
TEST_F(eventfd, signalled_by_the_kernel_is_refused)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL,
			   .aio_buf = POLLIN,
			   .aio_flags = IOCB_FLAG_RESFD },
		    *cbs[] = { &cb };
	struct ct *ct = &self->ct;
	aio_context_t aio = 0;
	int pidfd, never[2];

	ASSERT_EQ(0, ct_start(ct, one, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	pidfd = syscall(SYS_pidfd_open, ct->pid, 0);
	cb.aio_resfd = syscall(SYS_pidfd_getfd, pidfd, ct->s->data[0], 0);
	ASSERT_LE(0, (int)cb.aio_resfd);
	ASSERT_EQ(0, pipe(never));
	cb.aio_fildes = never[0];
	ASSERT_EQ(0, syscall(SYS_io_setup, 4, &aio));
	ASSERT_EQ(1, syscall(SYS_io_submit, aio, 1, cbs));
	ASSERT_EQ(0, ct_refused(ct, "eventfd|the kernel itself signals"));
}

TEST_HARNESS_MAIN
