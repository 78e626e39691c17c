// SPDX-License-Identifier: GPL-2.0-only
/*
 * FIFOs, and pipes whose ends were opened more than once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

#define LARGE 0100000 /* O_LARGEFILE, which fcntl.h has as 0 */

CT_FIXTURE(fifo)

static char name[PATH_MAX];

/* In the directory of the test, which the program finds by its image's name. */
static int make(struct ct_shared *s, void *arg)
{
	snprintf(name, sizeof(name), "%s/fifo", (const char *)arg);
	CT_EQ(s, 0, mkfifo(name, 0600));
	return 0;
}

#define ROUND_TRIP(fn)                                                    \
	TEST_F(fifo, fn)                                                  \
	{                                                                 \
		ASSERT_EQ(0, ct_round_trip(&self->ct, fn, self->ct.dir)); \
	}

static int again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

static int poll_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

/* Nothing of it comes twice, whatever is open. */
static int ends_and_contents(struct ct_shared *s, void *arg)
{
	static char big[100000], got[200000];
	int rd, wr, both;

	CT_DO(make(s, arg));
	rd = open(name, O_RDONLY | O_NONBLOCK);
	wr = open(name, O_WRONLY | O_APPEND);
	both = open(name, O_RDWR);
	CT_CHECK(s, rd >= 0 && wr >= 0 && both >= 0);
	CT_EQ(s, 1 << 18, fcntl(wr, F_SETPIPE_SZ, 1 << 18));
	memset(big, 'b', sizeof(big));
	CT_EQ(s, 5, write(both, "hello", 5));
	CT_EQ(s, sizeof(big), write(wr, big, sizeof(big)));
	ct_step(s, 1);
	CT_EQ(s, 1 << 18, fcntl(rd, F_GETPIPE_SZ));
	CT_EQ(s, O_RDONLY | O_NONBLOCK | LARGE, fcntl(rd, F_GETFL));
	CT_EQ(s, O_WRONLY | O_APPEND | LARGE, fcntl(wr, F_GETFL));
	CT_EQ(s, O_RDWR | LARGE, fcntl(both, F_GETFL));
	CT_EQ(s, sizeof(big) + 5, read(rd, got, sizeof(got)));
	CT_CHECK(s, !memcmp(got, "hellobbb", 8));
	CT_CHECK(s, !memcmp(got + 5, big, sizeof(big)));
	CT_EQ(s, -1, read(rd, got, 1));
	CT_EQ(s, EAGAIN, errno);
	CT_EQ(s, 2, write(wr, "on", 2));
	CT_EQ(s, 2, read(both, got, 10));
	return 0;
}

ROUND_TRIP(ends_and_contents)

/* poll() tells the end of what had begun only. */
static int reader_that_met_no_writer(struct ct_shared *s, void *arg)
{
	int rd, met, wr;

	CT_DO(make(s, arg));
	met = open(name, O_RDONLY | O_NONBLOCK);
	close(open(name, O_WRONLY));
	rd = open(name, O_RDONLY | O_NONBLOCK);
	CT_EQ(s, 0, poll_of(rd));
	CT_EQ(s, POLLHUP, poll_of(met));
	ct_step(s, 1);
	ct_sleep_ms(200); /* the restart is through with it */
	CT_EQ(s, 0, poll_of(rd));
	CT_EQ(s, POLLHUP, poll_of(met));
	wr = open(name, O_WRONLY | O_NONBLOCK);
	CT_CHECK(s, wr >= 0);
	close(wr);
	CT_EQ(s, POLLHUP, poll_of(rd));
	return 0;
}

ROUND_TRIP(reader_that_met_no_writer)

static int writer_without_a_reader(struct ct_shared *s, void *arg)
{
	int rd, wr;

	CT_DO(make(s, arg));
	rd = open(name, O_RDONLY | O_NONBLOCK);
	wr = open(name, O_WRONLY);
	CT_CHECK(s, wr >= 0);
	close(rd);
	signal(SIGPIPE, SIG_IGN);
	ct_step(s, 1);
	ct_sleep_ms(200);
	CT_EQ(s, -1, write(wr, "x", 1));
	CT_EQ(s, EPIPE, errno);
	return 0;
}

ROUND_TRIP(writer_without_a_reader)

static int packets(struct ct_shared *s, void *arg)
{
	char buf[16];
	int rd, wr;

	CT_DO(make(s, arg));
	rd = open(name, O_RDONLY | O_NONBLOCK);
	wr = open(name, O_WRONLY);
	CT_EQ(s, 0, fcntl(wr, F_SETFL, O_DIRECT));
	CT_EQ(s, 3, write(wr, "one", 3));
	CT_EQ(s, 3, write(wr, "two", 3));
	CT_EQ(s, 0, fcntl(wr, F_SETFL, 0));
	CT_EQ(s, 4, write(wr, "text", 4));
	CT_EQ(s, 0, fcntl(wr, F_SETFL, O_DIRECT));
	ct_step(s, 1);
	CT_EQ(s, O_WRONLY | O_DIRECT | LARGE, fcntl(wr, F_GETFL));
	CT_EQ(s, 3, read(rd, buf, sizeof(buf)));
	CT_EQ(s, 3, read(rd, buf, sizeof(buf)));
	CT_CHECK(s, !memcmp(buf, "two", 3));
	CT_EQ(s, 4, read(rd, buf, sizeof(buf)));
	CT_CHECK(s, !memcmp(buf, "text", 4));
	CT_EQ(s, 2, write(wr, "on", 2));
	CT_EQ(s, 3, write(wr, "off", 3));
	CT_EQ(s, 2, read(rd, buf, sizeof(buf)));
	return 0;
}

ROUND_TRIP(packets)

static int two_names(struct ct_shared *s, void *arg)
{
	char other[PATH_MAX + 8], buf[16];
	int rd, wr;

	CT_DO(make(s, arg));
	snprintf(other, sizeof(other), "%s.2", name);
	CT_EQ(s, 0, link(name, other));
	rd = open(name, O_RDONLY | O_NONBLOCK);
	wr = open(other, O_WRONLY);
	CT_EQ(s, 3, write(wr, "abc", 3));
	ct_step(s, 1);
	CT_EQ(s, 3, read(rd, buf, sizeof(buf)));
	CT_EQ(s, 2, write(wr, "de", 2));
	CT_EQ(s, 2, read(rd, buf, sizeof(buf)));
	return 0;
}

ROUND_TRIP(two_names)

/*
 * Who puts the contents back?  All tasks come to their FIFOs at once: those who
 * have the same open files, and those who have opened them themselves.
 */
#define CROWD 12
#define FIFOS 12
#define FIFO_ROOM (1 << 20)

static struct {
	char name[PATH_MAX + 8];
	int rd, wr;
} fifos[FIFOS];

static int make_fifos(struct ct_shared *s, const char *dir)
{
	int i;

	for (i = 0; i < FIFOS; i++) {
		snprintf(fifos[i].name, sizeof(fifos[i].name), "%s/fifo%d", dir,
			 i);
		CT_EQ(s, 0, mkfifo(fifos[i].name, 0600));
		fifos[i].rd = open(fifos[i].name, O_RDONLY | O_NONBLOCK);
		fifos[i].wr = open(fifos[i].name, O_WRONLY);
		CT_EQ(s, FIFO_ROOM,
		      fcntl(fifos[i].wr, F_SETPIPE_SZ, FIFO_ROOM));
	}
	return 0;
}

static int has_fifos(struct ct_shared *s, void *arg)
{
	int i, nr = (int)(long)arg;

	for (i = 0; i < FIFOS && nr % 2; i++)
		CT_EQ(s, fifos[i].rd,
		      dup2(open(fifos[i].name, O_RDONLY | O_NONBLOCK),
			   fifos[i].rd));
	tasks_stay(s, 1);
	return 0;
}

static int contents_come_once(struct ct_shared *s, void *arg)
{
	static char big[FIFO_ROOM / 2], got[FIFO_ROOM];
	pid_t child[CROWD];
	long i;

	CT_DO(make_fifos(s, arg));
	for (i = 0; i < CROWD; i++)
		child[i] = tasks_fork(s, has_fifos, (void *)i);
	CT_DO(tasks_wait(s, CROWD));
	memset(big, 'b', sizeof(big));
	for (i = 0; i < FIFOS; i++)
		CT_EQ(s, sizeof(big), write(fifos[i].wr, big, sizeof(big)));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	for (i = 0; i < FIFOS; i++) {
		CT_EQ(s, sizeof(big), read(fifos[i].rd, got, sizeof(got)));
		CT_CHECK(s, !memcmp(got, big, sizeof(big)));
	}
	for (i = 0; i < CROWD; i++)
		CT_DO(tasks_reap(s, child[i]));
	return 0;
}

ROUND_TRIP(contents_come_once)

/* Interrupted in read(): SIGALRM comes later, its handler writes. */
static int wake_fd;

static void wake(int sig)
{
	if (write(wake_fd, "w", 1) != 1)
		_exit(1);
}

static int read_goes_on(struct ct_shared *s, void *arg)
{
	struct sigaction act = { .sa_handler = wake, .sa_flags = SA_RESTART };
	char c;

	CT_DO(make(s, arg));
	wake_fd = open(name, O_RDWR);
	CT_EQ(s, 0, sigaction(SIGALRM, &act, NULL));
	alarm(8);
	s->ready = 1;
	CT_EQ(s, 1, read(wake_fd, &c, 1));
	CT_EQ(s, 'w', c);
	CT_CHECK(s, s->restarted);
	return 0;
}

TEST_F(fifo, read_goes_on)
{
	ASSERT_EQ(0, ct_round_trip_in(&self->ct, read_goes_on, self->ct.dir,
				      SYS_read));
}

/* ---- pipes ---- */

static int pipe_opened_again(struct ct_shared *s, void *arg)
{
	int fds[2], rd, wr, both;
	char buf[32];

	CT_EQ(s, 0, pipe(fds));
	rd = again(fds[0], O_RDONLY | O_NONBLOCK);
	wr = again(fds[0], O_WRONLY);
	both = again(fds[1], O_RDWR);
	CT_CHECK(s, rd >= 0 && wr >= 0 && both >= 0);
	CT_EQ(s, 5, write(fds[1], "first", 5));
	CT_EQ(s, 6, write(wr, "second", 6));
	close(fds[1]);
	ct_step(s, 1);
	CT_EQ(s, O_RDONLY, fcntl(fds[0], F_GETFL));
	CT_EQ(s, O_RDONLY | O_NONBLOCK | LARGE, fcntl(rd, F_GETFL));
	CT_EQ(s, O_WRONLY | LARGE, fcntl(wr, F_GETFL));
	CT_EQ(s, O_RDWR | LARGE, fcntl(both, F_GETFL));
	CT_EQ(s, 11, read(fds[0], buf, sizeof(buf)));
	CT_CHECK(s, !memcmp(buf, "firstsecond", 11));
	CT_EQ(s, 2, write(both, "no", 2));
	CT_EQ(s, 2, read(rd, buf, sizeof(buf)));
	close(both);
	close(wr);
	ct_sleep_ms(200);
	CT_EQ(s, 0, read(fds[0], buf, sizeof(buf)));
	return 0;
}

ROUND_TRIP(pipe_opened_again)

/* ---- the outside, and what is refused ---- */

static int reader_with_contents(struct ct_shared *s, void *arg)
{
	char buf[8];
	int fd;

	CT_DO(make(s, arg));
	fd = open(name, O_RDWR);
	CT_EQ(s, 3, write(fd, "abc", 3));
	ct_step(s, 1);
	CT_EQ(s, 3, read(fd, buf, sizeof(buf)));
	CT_CHECK(s, !memcmp(buf, "abc", 3));
	return 0;
}

static int checkpointed(struct ct *ct)
{
	if (ct_start(ct, reader_with_contents, ct->dir) || ct_reach(ct, 1) ||
	    ct_checkpoint(ct, CT_KILL))
		return -1;
	snprintf(name, sizeof(name), "%s/fifo", ct->dir);
	ct_go(ct, 1);
	return 0;
}

/* A restart fails with all of these words, and leaves nothing behind. */
static int fails(struct ct *ct, const char *words)
{
	if (ct_tool(ct, "restart", "-i", ct->img, NULL) != 1)
		return ct_say("restart did not fail");
	if (!strstr(ct->err, words))
		return ct_say("restart says: %s", ct->err);
	return 0;
}

TEST_F(fifo, someone_elses_data_is_not_mixed_with_its_own)
{
	struct ct *ct = &self->ct;
	char buf[8];
	int fd;

	ASSERT_EQ(0, checkpointed(ct));
	fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ASSERT_EQ(3, write(fd, "xyz", 3));
	ASSERT_EQ(0, fails(ct, "is in use"));
	ASSERT_EQ(3, read(fd, buf, sizeof(buf)));
	ASSERT_EQ(0, memcmp(buf, "xyz", 3));
	/* an idle one does not matter */
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
	close(fd);
}

TEST_F(fifo, that_is_gone_or_another_thing)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, checkpointed(ct));
	ASSERT_EQ(0, unlink(name));
	ASSERT_EQ(0, fails(ct, "is gone"));
	ASSERT_EQ(0, ct_write_file(name, "text"));
	ASSERT_EQ(0, fails(ct, "was a FIFO at the checkpoint"));
	ASSERT_EQ(0, unlink(name));
	ASSERT_EQ(0, mkfifo(name, 0600));
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
}

/* Failed, the restart has put nothing into it. */
TEST_F(fifo, failed_restart_leaves_it_empty)
{
	struct ct *ct = &self->ct;
	char buf[8];
	int fd;

	ASSERT_EQ(0, checkpointed(ct));
	fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ASSERT_EQ(0, truncate(ct->img, 20000));
	ASSERT_EQ(0, fails(ct, "truncated"));
	ASSERT_EQ(-1, read(fd, buf, sizeof(buf)));
	ASSERT_EQ(EAGAIN, errno);
	close(fd);
}

static int idle(struct ct_shared *s, void *arg)
{
	int fd;

	CT_DO(make(s, arg));
	fd = open(name, O_RDWR);
	ct_step(s, 1);
	CT_EQ(s, 1, write(fd, "x", 1));
	return 0;
}

/* As a pipe that leads outside: the caller has to give it. */
TEST_F(fifo, open_outside_is_asked_for)
{
	char buf[8], command[2 * PATH_MAX + 64];
	struct ct *ct = &self->ct;
	int fd;

	ASSERT_EQ(0, ct_start(ct, idle, ct->dir));
	ASSERT_EQ(0, ct_reach(ct, 1));
	snprintf(name, sizeof(name), "%s/fifo", ct->dir);
	fd = open(name, O_RDWR | O_NONBLOCK);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, fails(ct, "give it with --inherit-fd 3"));
	ct_go(ct, 1);
	snprintf(command, sizeof(command), "restart --inherit-fd 3 -i %s 3<>%s",
		 ct->img, name);
	ASSERT_EQ(0, system(command));
	ASSERT_EQ(1, read(fd, buf, sizeof(buf)));
}

static int unlinked(struct ct_shared *s, void *arg)
{
	CT_DO(make(s, arg));
	CT_CHECK(s, open(name, O_RDWR) >= 0);
	CT_EQ(s, 0, unlink(name));
	ct_step(s, 1);
	return 0;
}

TEST_F(fifo, unlinked_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, unlinked, self->ct.dir,
				"unlinked|fifo"));
}

/* Root who may not do what the owner has not allowed. */
static int reader_without_rights(struct ct_shared *s, void *arg)
{
	const cap_value_t dac[] = { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH };
	struct pollfd pfd = { .events = POLLIN };
	cap_t set = cap_get_proc();

	snprintf(name, sizeof(name), "%s/fifo", (const char *)arg);
	CT_EQ(s, 0, prctl(PR_CAPBSET_DROP, dac[0]));
	CT_EQ(s, 0, prctl(PR_CAPBSET_DROP, dac[1]));
	CT_EQ(s, 0, cap_set_flag(set, CAP_PERMITTED, 2, dac, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_flag(set, CAP_EFFECTIVE, 2, dac, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_flag(set, CAP_INHERITABLE, 2, dac, CAP_CLEAR));
	CT_EQ(s, 0, cap_set_proc(set));
	CT_EQ(s, -1, open(name, O_RDWR));
	pfd.fd = open(name, O_RDONLY | O_NONBLOCK);
	CT_CHECK(s, pfd.fd >= 0);
	ct_step(s, 1);
	CT_EQ(s, 0, poll(&pfd, 1, 0));
	return 0;
}

/* Other readers do not see a writer come and go, who could not have come. */
TEST_F(fifo, who_may_only_read_is_no_writer)
{
	struct ct *ct = &self->ct;
	struct pollfd pfd = { .events = POLLIN };

	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	snprintf(name, sizeof(name), "%s/fifo", ct->dir);
	ASSERT_EQ(0, mkfifo(name, 0600));
	ASSERT_EQ(0, chmod(name, 0644));
	ASSERT_EQ(0, chown(name, 1000, 1000));
	ASSERT_EQ(0, ct_start(ct, reader_without_rights, ct->dir));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	pfd.fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, pfd.fd);
	ASSERT_EQ(0, poll(&pfd, 1, 0));
	ct_go(ct, 1);
	ct->s->restarted++;
	EXPECT_EQ(0, ct_tool(ct, "setpriv", "--bounding-set",
			     "-dac_override,-dac_read_search", "restart", "-i",
			     ct->img, NULL));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	close(pfd.fd);
}

TEST_HARNESS_MAIN
