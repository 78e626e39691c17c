// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files and pipes that tasks share: positions and flags, contents, ends,
 * who waits, and what one sees when another one goes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(share)

#define ENOUGH 60 /* slots of the data */
#define DONE 1

static int until_enough(struct ct_shared *s, int nr)
{
	return tasks_slot(s, ENOUGH, nr);
}

/* A file in the test's directory, where its output goes. */
static void path_of(char *path, const char *name)
{
	char dir[PATH_MAX - 32] = "";

	if (readlink("/proc/self/fd/1", dir, sizeof(dir) - 1) > 0)
		*strrchr(dir, '/') = 0;
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static int open_data(int flags)
{
	char path[PATH_MAX];

	path_of(path, "data");
	return open(path, O_RDWR | O_CREAT | flags, 0666);
}

/* A descriptor of another process, the very same open file. */
static int take_fd(struct ct_shared *s, pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), got;

	got = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (got < 0)
		ct_fail(s, __FILE__, __LINE__, "pidfd_getfd (%m)");
	close(pidfd);
	return got;
}

/* ---- locks --------------------------------------------------------- */

static int child_locks(struct ct_shared *s, void *arg)
{
	struct flock lock = { .l_type = F_WRLCK };

	CT_EQ(s, 0, fcntl(*(int *)arg, F_SETLK, &lock));
	tasks_stay(s, 1);
	return 0;
}

/* It is the child's table of descriptors that has the lock, on the parent's file. */
static int childs_record_lock(struct ct_shared *s, void *arg)
{
	int fd = open_data(0);
	pid_t child;

	CT_CHECK(s, fd >= 0);
	child = tasks_fork(s, child_locks, &fd);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_DO(tasks_reap(s, child));
	return 0;
}

TEST_F(share, childs_record_lock_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, childs_record_lock, NULL,
				"a POSIX record lock|data"));
}

/* ---- positions and flags ----------------------------------------- */

struct files {
	int fork_fd, dup_fd, other_fd;
};

static int child_moves(struct ct_shared *s, void *arg)
{
	struct files *f = arg;

	tasks_stay(s, 1);
	CT_EQ(s, 10, lseek(f->fork_fd, 0, SEEK_CUR));
	CT_EQ(s, 40, lseek(f->dup_fd, 30, SEEK_CUR));
	CT_EQ(s, 0, fcntl(f->fork_fd, F_SETFL, O_APPEND));
	CT_EQ(s, 0, fcntl(f->dup_fd, F_SETFD, 0));
	return 0;
}

static int shared_by_fork_and_dup(struct ct_shared *s, void *arg)
{
	struct files f = { open_data(0) };
	pid_t child;

	CT_CHECK(s, f.fork_fd >= 0);
	f.dup_fd = fcntl(f.fork_fd, F_DUPFD_CLOEXEC, 50);
	f.other_fd = open_data(0);
	CT_EQ(s, 10, lseek(f.fork_fd, 10, SEEK_SET));
	child = tasks_fork(s, child_moves, &f);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 40, lseek(f.fork_fd, 0, SEEK_CUR));
	CT_EQ(s, 40, lseek(f.dup_fd, 0, SEEK_CUR));
	CT_EQ(s, 0, lseek(f.other_fd, 0, SEEK_CUR));
	CT_CHECK(s, fcntl(f.dup_fd, F_GETFL) & O_APPEND);
	CT_CHECK(s, !(fcntl(f.other_fd, F_GETFL) & O_APPEND));
	/* the mark is the descriptor's own */
	CT_EQ(s, FD_CLOEXEC, fcntl(f.dup_fd, F_GETFD));
	CT_EQ(s, 0, fcntl(f.fork_fd, F_GETFD));
	return 0;
}

CT_ROUND_TRIP(share, shared_by_fork_and_dup)

static int opens_file(struct ct_shared *s, void *arg)
{
	int fd = open_data(0);

	CT_CHECK(s, fd >= 0);
	s->data[2] = fd;
	tasks_here(s);
	CT_DO(until_enough(s, 1));
	CT_EQ(s, 5, write(fd, "first", 5));
	s->data[DONE] = 1;
	return 0;
}

static int takes_file(struct ct_shared *s, void *arg)
{
	int fd = take_fd(s, (long)arg, s->data[2]);

	CT_CHECK(s, fd >= 0);
	tasks_here(s);
	CT_DO(tasks_slot(s, DONE, 1));
	CT_EQ(s, 5, lseek(fd, 0, SEEK_CUR));
	CT_EQ(s, 6, write(fd, "second", 6));
	return 0;
}

/* Neither of the two, nor anybody above, has it by fork(). */
static int shared_across_branches(struct ct_shared *s, void *arg)
{
	pid_t one = tasks_fork(s, opens_file, NULL), other;
	char *text, path[PATH_MAX];

	CT_DO(tasks_wait(s, 1));
	other = tasks_fork(s, takes_file, (void *)(long)one);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	s->data[ENOUGH] = 1;
	CT_DO(tasks_reap(s, one));
	CT_DO(tasks_reap(s, other));
	path_of(path, "data");
	text = ct_read_file(path);
	CT_EQ(s, 0, strcmp(text, "firstsecond"));
	return 0;
}

CT_ROUND_TRIP(share, shared_across_branches)

/* ---- contents of pipes ------------------------------------------- */

#define BYTES 10000

static void fill(char *buf, int seed)
{
	int i;

	for (i = 0; i < BYTES; i++)
		buf[i] = (i * 7 + i / 256 + seed) & 0xff;
}

/* Reads exactly @len bytes, then compares. */
static int expect(struct ct_shared *s, int fd, const char *want, int len)
{
	char buf[BYTES];
	int done = 0, n;

	while (done < len) {
		n = read(fd, buf + done, len - done);
		CT_CHECK(s, n > 0);
		done += n;
	}
	CT_EQ(s, 0, memcmp(want, buf, len));
	return 0;
}

static int writes_and_stays(struct ct_shared *s, void *arg)
{
	int *fds = arg;
	char buf[BYTES];

	close(fds[0]);
	fill(buf, 1);
	CT_EQ(s, BYTES, write(fds[1], buf, BYTES));
	tasks_stay(s, 1);
	CT_EQ(s, 4, write(fds[1], "more", 4));
	return 0;
}

/* Bytes partly read, written by another one, which writes more and ends. */
static int pipe_keeps_contents(struct ct_shared *s, void *arg)
{
	char want[BYTES], c;
	int fds[2];
	pid_t child;

	CT_EQ(s, 0, pipe(fds));
	child = tasks_fork(s, writes_and_stays, fds);
	close(fds[1]);
	CT_DO(tasks_wait(s, 1));
	fill(want, 1);
	CT_DO(expect(s, fds[0], want, 100));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(expect(s, fds[0], want + 100, BYTES - 100));
	CT_DO(expect(s, fds[0], "more", 4));
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 0, read(fds[0], &c, 1));
	return 0;
}

CT_ROUND_TRIP(share, pipe_keeps_contents)

/* All writers are gone before the checkpoint. */
static int pipe_without_writer(struct ct_shared *s, void *arg)
{
	char buf[BYTES];
	int fds[2];

	CT_EQ(s, 0, pipe(fds));
	fill(buf, 2);
	CT_EQ(s, BYTES, write(fds[1], buf, BYTES));
	close(fds[1]);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(expect(s, fds[0], buf, BYTES));
	CT_EQ(s, 0, read(fds[0], buf, 1));
	return 0;
}

CT_ROUND_TRIP(share, pipe_without_writer)

/* All readers are gone. */
static int pipe_without_reader(struct ct_shared *s, void *arg)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CT_EQ(s, 0, pipe(fds));
	CT_EQ(s, 3, write(fds[1], "abc", 3));
	close(fds[0]);
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, write(fds[1], "x", 1));
	CT_EQ(s, EPIPE, errno);
	return 0;
}

CT_ROUND_TRIP(share, pipe_without_reader)

/* ---- the last one to go ------------------------------------------ */

static int pipe_ends[2];

static int reads_to_the_end(struct ct_shared *s, void *arg)
{
	char c;

	close(pipe_ends[1]);
	tasks_here(s);
	CT_EQ(s, 0, read(pipe_ends[0], &c, 1));
	s->data[DONE] = 1;
	return 0;
}

static int holds_writer(struct ct_shared *s, void *arg)
{
	close(pipe_ends[0]);
	tasks_here(s);
	return until_enough(s, (long)arg);
}

/* The reader waits until the second of two writers goes, and not less. */
static int end_of_the_last_writer(struct ct_shared *s, void *arg)
{
	pid_t reader, writer[2];

	CT_EQ(s, 0, pipe(pipe_ends));
	writer[0] = tasks_fork(s, holds_writer, (void *)1L);
	writer[1] = tasks_fork(s, holds_writer, (void *)2L);
	reader = tasks_fork(s, reads_to_the_end, NULL);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	CT_DO(tasks_wait(s, 3));
	CT_DO(tasks_in_syscall(s, reader, reader, SYS_read));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	s->data[ENOUGH] = 1;
	CT_DO(tasks_reap(s, writer[0]));
	ct_sleep_ms(100);
	CT_EQ(s, 0, s->data[DONE]);
	CT_EQ(s, SYS_read, tasks_syscall(reader, reader));
	s->data[ENOUGH] = 2;
	CT_DO(tasks_reap(s, writer[1]));
	return tasks_reap(s, reader);
}

CT_ROUND_TRIP(share, end_of_the_last_writer)

static int holds_reader(struct ct_shared *s, void *arg)
{
	close(pipe_ends[1]);
	tasks_here(s);
	return until_enough(s, (long)arg);
}

static int end_of_the_last_reader(struct ct_shared *s, void *arg)
{
	pid_t reader[2];

	signal(SIGPIPE, SIG_IGN);
	CT_EQ(s, 0, pipe(pipe_ends));
	reader[0] = tasks_fork(s, holds_reader, (void *)1L);
	reader[1] = tasks_fork(s, holds_reader, (void *)2L);
	close(pipe_ends[0]);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	s->data[ENOUGH] = 1;
	CT_DO(tasks_reap(s, reader[0]));
	CT_EQ(s, 1, write(pipe_ends[1], "x", 1));
	s->data[ENOUGH] = 2;
	CT_DO(tasks_reap(s, reader[1]));
	CT_EQ(s, -1, write(pipe_ends[1], "x", 1));
	CT_EQ(s, EPIPE, errno);
	return 0;
}

CT_ROUND_TRIP(share, end_of_the_last_reader)

/* ---- who waits --------------------------------------------------- */

static int reads_one(struct ct_shared *s, void *arg)
{
	char c;

	tasks_here(s);
	CT_EQ(s, 1, read(pipe_ends[0], &c, 1));
	__atomic_add_fetch(&s->data[DONE], c, __ATOMIC_SEQ_CST);
	return 0;
}

static int polls_one(struct ct_shared *s, void *arg)
{
	struct pollfd p = { pipe_ends[0], POLLIN };

	tasks_here(s);
	CT_EQ(s, 1, poll(&p, 1, -1));
	CT_EQ(s, POLLIN, p.revents);
	return 0;
}

static int readers_that_wait(struct ct_shared *s, void *arg)
{
	pid_t reader[3], poller;
	int i;

	CT_EQ(s, 0, pipe(pipe_ends));
	for (i = 0; i < 3; i++)
		reader[i] = tasks_fork(s, reads_one, NULL);
	poller = tasks_fork(s, polls_one, NULL);
	CT_DO(tasks_wait(s, 4));
	for (i = 0; i < 3; i++)
		CT_DO(tasks_in_syscall(s, reader[i], reader[i], SYS_read));
	CT_DO(tasks_in_syscall(s, poller, poller, SYS_poll));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < 3; i++)
		CT_DO(tasks_in_syscall(s, reader[i], reader[i], SYS_read));
	CT_EQ(s, 3, write(pipe_ends[1], "\1\2\4", 3));
	for (i = 0; i < 3; i++)
		CT_DO(tasks_reap(s, reader[i]));
	CT_EQ(s, 7, s->data[DONE]);
	CT_EQ(s, 1, write(pipe_ends[1], "x", 1));
	return tasks_reap(s, poller);
}

CT_ROUND_TRIP(share, readers_that_wait)

#define TOO_MUCH (3 * 4096)

static int writes_too_much(struct ct_shared *s, void *arg)
{
	char buf[TOO_MUCH];
	int done = 0, i, n;

	for (i = 0; i < TOO_MUCH; i++)
		buf[i] = i % 251;
	tasks_here(s);
	while (done < TOO_MUCH) { /* a freeze ends a write that has begun */
		n = write(pipe_ends[1], buf + done, TOO_MUCH - done);
		CT_CHECK(s, n > 0);
		done += n;
	}
	return 0;
}

/* The pipe holds a page; the writer waits for room. */
static int writer_that_waits(struct ct_shared *s, void *arg)
{
	unsigned char c;
	pid_t writer;
	int i;

	CT_EQ(s, 0, pipe(pipe_ends));
	CT_EQ(s, 4096, fcntl(pipe_ends[1], F_SETPIPE_SZ, 4096));
	writer = tasks_fork(s, writes_too_much, NULL);
	close(pipe_ends[1]);
	CT_DO(tasks_wait(s, 1));
	CT_DO(tasks_in_syscall(s, writer, writer, SYS_write));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 4096, fcntl(pipe_ends[0], F_GETPIPE_SZ));
	for (i = 0; i < TOO_MUCH; i++) {
		CT_EQ(s, 1, read(pipe_ends[0], &c, 1));
		CT_EQ(s, i % 251, c);
	}
	CT_EQ(s, 0, read(pipe_ends[0], &c, 1));
	return tasks_reap(s, writer);
}

CT_ROUND_TRIP(share, writer_that_waits)

/* ---- modes ------------------------------------------------------- */

static int pipe_keeps_packets(struct ct_shared *s, void *arg)
{
	static const int len[] = { 3, 500, 1, 4096, 17 };
	char buf[BYTES] = { 0 };
	pid_t child;
	int i;

	CT_EQ(s, 0, pipe2(pipe_ends, O_DIRECT));
	child = tasks_fork(s, holds_writer, (void *)1L);
	for (i = 0; i < 5; i++)
		CT_EQ(s, len[i], write(pipe_ends[1], buf, len[i]));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < 5; i++)
		CT_EQ(s, len[i], read(pipe_ends[0], buf, sizeof(buf)));
	CT_CHECK(s, fcntl(pipe_ends[1], F_GETFL) & O_DIRECT);
	s->data[ENOUGH] = 1;
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(share, pipe_keeps_packets)

/* Flags are the end's, whoever has it; the capacity is the pipe's. */
static int pipe_keeps_flags(struct ct_shared *s, void *arg)
{
	pid_t child;
	char c;

	CT_EQ(s, 0, pipe(pipe_ends));
	CT_EQ(s, 0, fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK));
	CT_EQ(s, 1 << 18, fcntl(pipe_ends[0], F_SETPIPE_SZ, 1 << 18));
	child = tasks_fork(s, holds_writer, (void *)1L);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, -1, read(pipe_ends[0], &c, 1));
	CT_EQ(s, EAGAIN, errno);
	CT_CHECK(s, !(fcntl(pipe_ends[1], F_GETFL) & O_NONBLOCK));
	CT_EQ(s, 1 << 18, fcntl(pipe_ends[1], F_GETPIPE_SZ));
	s->data[ENOUGH] = 1;
	return tasks_reap(s, child);
}

CT_ROUND_TRIP(share, pipe_keeps_flags)

static volatile sig_atomic_t got;

static void count(int sig)
{
	got++;
}

/* SIGIO goes to a process that is not the one that reads or writes. */
static int gets_sigio(struct ct_shared *s, void *arg)
{
	signal(SIGIO, count);
	tasks_here(s);
	CT_DO(until_enough(s, 1));
	CT_EQ(s, 1, got);
	return 0;
}

static int owner_of_a_pipe(struct ct_shared *s, void *arg)
{
	pid_t owner = tasks_fork(s, gets_sigio, NULL);

	CT_EQ(s, 0, pipe(pipe_ends));
	CT_EQ(s, 0, fcntl(pipe_ends[0], F_SETOWN, owner));
	CT_EQ(s, 0, fcntl(pipe_ends[0], F_SETFL, O_ASYNC));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, owner, fcntl(pipe_ends[0], F_GETOWN));
	CT_EQ(s, 1, write(pipe_ends[1], "x", 1));
	ct_sleep_ms(100);
	s->data[ENOUGH] = 1;
	return tasks_reap(s, owner);
}

CT_ROUND_TRIP(share, owner_of_a_pipe)

/* ---- a ring that runs -------------------------------------------- */

#define RING 5
#define ROUNDS 200

static int ring[RING][2];

/* Passes on what it gets, one more each time; the root counts the rounds. */
static int passes_on(struct ct_shared *s, void *arg)
{
	long nr = (long)arg;
	int64_t token, last = -1;
	int i;

	for (i = 0; i < RING; i++) {
		if (i != nr)
			close(ring[i][0]);
		if (i != (nr + 1) % RING)
			close(ring[i][1]);
	}
	while (read(ring[nr][0], &token, sizeof(token)) == sizeof(token)) {
		CT_CHECK(s, last < 0 || token == last + RING);
		last = token++;
		if (!nr)
			s->data[DONE]++;
		if (!nr && s->data[ENOUGH])
			break;
		CT_EQ(s, sizeof(token),
		      write(ring[(nr + 1) % RING][1], &token, sizeof(token)));
	}
	return 0;
}

/* Nobody waits for anybody while it is checkpointed: at any point of it. */
static int ring_of_processes(struct ct_shared *s, void *arg)
{
	pid_t child[RING];
	int64_t token = 1, was;
	long i;

	for (i = 0; i < RING; i++)
		CT_EQ(s, 0, pipe(ring[i]));
	for (i = 0; i < RING; i++)
		child[i] = tasks_fork(s, passes_on, (void *)i);
	CT_EQ(s, 8, write(ring[0][1], &token, 8));
	for (i = 0; i < RING; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
	CT_DO(tasks_slot(s, DONE, ROUNDS));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	was = s->data[DONE];
	CT_DO(tasks_slot(s, DONE, was + ROUNDS));
	s->data[ENOUGH] = 1;
	for (i = 0; i < RING; i++)
		CT_DO(tasks_reap(s, child[i]));
	return 0;
}

CT_ROUND_TRIP(share, ring_of_processes)

/* ---- FIFOs and eventfd ------------------------------------------- */

static int writes_to_fifo(struct ct_shared *s, void *arg)
{
	char path[PATH_MAX];
	int fd;

	path_of(path, "fifo");
	fd = open(path, O_WRONLY);
	CT_CHECK(s, fd >= 0);
	CT_EQ(s, 5, write(fd, "hello", 5));
	tasks_stay(s, 1);
	CT_EQ(s, 5, write(fd, "again", 5));
	return 0;
}

static int fifo_between_processes(struct ct_shared *s, void *arg)
{
	char path[PATH_MAX], c;
	pid_t child;
	int fd;

	path_of(path, "fifo");
	CT_EQ(s, 0, mkfifo(path, 0666));
	child = tasks_fork(s, writes_to_fifo, NULL);
	fd = open(path, O_RDONLY);
	CT_CHECK(s, fd >= 0);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(expect(s, fd, "helloagain", 10));
	CT_EQ(s, 0, read(fd, &c, 1));
	CT_DO(tasks_reap(s, child));
	return 0;
}

CT_ROUND_TRIP(share, fifo_between_processes)

static int waits_for_event(struct ct_shared *s, void *arg)
{
	uint64_t value;

	tasks_here(s);
	CT_EQ(s, 8, read((long)arg, &value, 8));
	CT_EQ(s, 1, value); /* a semaphore gives one at a time */
	return 0;
}

static int eventfd_is_shared(struct ct_shared *s, void *arg)
{
	long fd = eventfd(0, EFD_SEMAPHORE), other = eventfd(77, EFD_NONBLOCK);
	uint64_t value = 3;
	pid_t child = tasks_fork(s, waits_for_event, (void *)fd);

	CT_DO(tasks_wait(s, 1));
	CT_DO(tasks_in_syscall(s, child, child, SYS_read));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 8, read(other, &value, 8));
	CT_EQ(s, 77, value);
	CT_EQ(s, -1, read(other, &value, 8));
	value = 3;
	CT_EQ(s, 8, write(fd, &value, 8));
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 8, read(fd, &value, 8));
	CT_EQ(s, 1, value);
	return 0;
}

CT_ROUND_TRIP(share, eventfd_is_shared)

TEST_HARNESS_MAIN
