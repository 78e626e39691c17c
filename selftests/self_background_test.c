// SPDX-License-Identifier: GPL-2.0-only
/*
 * ckpt_self_begin(): a program saves itself and goes on meanwhile.
 *
 * The images of the program that runs on go into a pipe that nobody reads at
 * first: what has been changed before the first byte is read cannot be in it
 * unless the snapshot is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ckpt.h>
#include "ckpt_test.h"
#include "kselftest_harness.h"

#define BYTES (24 << 20)
#define FIRST_LIFE 21
#define SECOND_LIFE 43

CT_FIXTURE(self_background);

static char *area_new(void)
{
	return mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static bool area_is(const char *area, char byte)
{
	return area[0] == byte && !memcmp(area, area + 1, BYTES - 1);
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static int image_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* Takes the image out of a pipe. */
static int drain(struct ct_shared *s, int from, const char *path)
{
	static char buf[1 << 16];
	int to = image_file(path);
	ssize_t n;

	CT_CHECK(s, to >= 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		CT_EQ(s, n, write(to, buf, n));
	CT_EQ(s, 0, n);
	close(to);
	return 0;
}

/* ---- it goes on ---- */

static int goes_on(struct ct_shared *s, void *arg)
{
	char *area = area_new();
	int done, ret, end[2];

	CT_CHECK(s, area != MAP_FAILED);
	memset(area, 'a', BYTES);
	CT_EQ(s, 0, pipe2(end, O_CLOEXEC));
	ret = ckpt_self_begin(end[1], 0, &done);
	CT_CHECK(s, ret >= 0);
	close(end[1]); /* nobody else holds it: the reader sees the end */
	CT_CHECK(s, area_is(area, 'a'));
	if (!ret)
		return SECOND_LIFE;
	CT_CHECK(s, !is_readable(done, 0));
	memset(area, 'b', BYTES);
	CT_DO(drain(s, end[0], arg));
	CT_CHECK(s, is_readable(done, CT_TIMEOUT_MS));
	CT_EQ(s, 0, ckpt_self_end(done));
	CT_CHECK(s, area_is(area, 'b'));
	return FIRST_LIFE;
}

TEST_F(self_background, goes_on)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, goes_on, ct->img));
	ASSERT_EQ(FIRST_LIFE, ct_finish(ct));
	ASSERT_EQ(SECOND_LIFE,
		  ct_tool(ct, "restart", "--self", "-i", ct->img, NULL))
	{
		TH_LOG("it says: %s %s", ct->err, ct->s->text);
	}
}

/* Time and again, in both lives. */
static int again(struct ct_shared *s, void *arg)
{
	int i, fd, done, ret, lives = 0;

	for (i = 0; i < 5; i++) {
		fd = image_file(arg);
		CT_CHECK(s, fd >= 0);
		ret = ckpt_self_begin(fd, CHECKPOINT_SYNC_FILES, &done);
		CT_CHECK(s, ret >= 0);
		close(fd);
		if (ret)
			CT_EQ(s, 0, ckpt_self_end(done));
		else
			lives++;
	}
	return lives ? SECOND_LIFE : FIRST_LIFE;
}

TEST_F(self_background, again_and_again)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, again, ct->img));
	ASSERT_EQ(FIRST_LIFE, ct_finish(ct));
	ASSERT_EQ(0, ct_tool(ct, "cp", ct->img, ct->out, NULL));
	ASSERT_EQ(SECOND_LIFE,
		  ct_tool(ct, "restart", "--self", "-i", ct->out, NULL))
	{
		TH_LOG("it says: %s %s", ct->err, ct->s->text);
	}
}

/* ---- the helper ---- */

static volatile int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static int is_alone(struct ct_shared *s, void *arg)
{
	int done, end[2], other;

	(void)arg;
	setpgid(0, 0);
	signal(SIGUSR1, on_signal);
	CT_EQ(s, 0, pipe2(end, O_CLOEXEC));
	CT_CHECK(s, ckpt_self_begin(end[1], 0, &done) > 0);
	CT_EQ(s, -1, waitpid(-1, NULL, WNOHANG));
	CT_EQ(s, ECHILD, errno);
	CT_EQ(s, 0, kill(0, SIGUSR1));
	ct_sleep_ms(50);
	CT_EQ(s, 1, signals);
	CT_EQ(s, -1, ckpt_self_begin(end[1], 0, &other));
	CT_EQ(s, EBUSY, errno);
	close(end[0]);
	close(end[1]);
	CT_EQ(s, -1, ckpt_self_end(done));
	CT_EQ(s, EPIPE, errno);
	CT_EQ(s, -1, waitpid(-1, NULL, WNOHANG | __WALL));
	CT_EQ(s, ECHILD, errno);
	return 0;
}

TEST_F(self_background, is_not_noticed)
{
	ASSERT_EQ(0, ct_start(&self->ct, is_alone, NULL));
	ASSERT_EQ(0, ct_finish(&self->ct))
	{
		TH_LOG("it says: %s", self->ct.s->text);
	}
}

/* The end of the program is not the end of the image. */
static int ends_at_once(struct ct_shared *s, void *arg)
{
	char *area = area_new();
	int fd = image_file(arg), done, ret;

	CT_CHECK(s, area != MAP_FAILED && fd >= 0);
	memset(area, 'c', BYTES);
	ret = ckpt_self_begin(fd, 0, &done);
	CT_CHECK(s, ret >= 0);
	if (!ret)
		return area_is(area, 'c') ? SECOND_LIFE : 1;
	memset(area, 'd', BYTES);
	raise(SIGKILL);
	return 1;
}

TEST_F(self_background, outlives_the_program)
{
	struct ct *ct = &self->ct;
	int i;

	ASSERT_EQ(0, ct_start(ct, ends_at_once, ct->img));
	ASSERT_EQ(128 + SIGKILL, ct_finish(ct));
	for (i = 0;
	     i < 300 && ct_tool(ct, "ckptinfo", "--check", ct->img, NULL); i++)
		ct_sleep_ms(100);
	ASSERT_EQ(SECOND_LIFE,
		  ct_tool(ct, "restart", "--self", "-i", ct->img, NULL))
	{
		TH_LOG("it says: %s %s", ct->err, ct->s->text);
	}
}

/* ---- what goes wrong ---- */

static int goes_wrong(struct ct_shared *s, void *arg)
{
	const struct rlimit limit = { 40000, 40000 };
	int full = image_file(arg), done;

	CT_EQ(s, 0, setrlimit(RLIMIT_FSIZE, &limit));
	CT_CHECK(s, ckpt_self_begin(full, 0, &done) > 0);
	CT_EQ(s, -1, ckpt_self_end(done));
	CT_EQ(s, EFBIG, errno);
	CT_EQ(s, -1, ckpt_self_begin(-1, 0, &done));
	CT_EQ(s, EBADF, errno);
	CT_EQ(s, -1, ckpt_self_end(full)); /* none of ours */
	CT_CHECK(s, ckpt_self_begin(full, 0, &done) > 0); /* and as before */
	CT_EQ(s, -1, ckpt_self_end(done));
	CT_EQ(s, EFBIG, errno);
	return 0;
}

TEST_F(self_background, tells_what_went_wrong)
{
	ASSERT_EQ(0, ct_start(&self->ct, goes_wrong, self->ct.img));
	ASSERT_EQ(0, ct_finish(&self->ct))
	{
		TH_LOG("it says: %s", self->ct.s->text);
	}
}

TEST_HARNESS_MAIN
