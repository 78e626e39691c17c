// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checkpoints that let the program run on: the image shows one instant of all
 * memory, whatever happens between the snapshot and the end of its stream, and
 * nothing of the program is held meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <linux/capability.h>
#include <fcntl.h>
#include <poll.h>
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
#include "tasks_test.h"

#define PAGE 4096
#define PAGES 2048
#define ROUNDS 0 /* slots of the data: how often all pages were written */
#define TURN 1
#define MARK 2

CT_FIXTURE(snapshot)

/* ---- taking a snapshot and streaming it, one after the other ---- */

static char images[64][PATH_MAX]; /* where that of a session goes */

/* Return: the session, which has a snapshot of the program; or -1. */
static int take_for(struct ct *ct, int fd, __u64 max_extra)
{
	struct ckpt_ioc_checkpoint arg = {
		.pid = ct->pid,
		.fd = fd,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE | CHECKPOINT_SNAPSHOT,
		.max_extra = max_extra,
	};
	struct ckpt_freeze *fz = NULL;
	int dev = ckpt_open(), ret;

	if (dev < 0)
		return ct_say("%s", ckpt_error());
	ret = ckpt_freeze(dev, ct->pid, 0, &fz);
	if (!ret)
		ret = ckpt_ioctl_checkpoint(dev, &arg);
	if (ret < 0)
		ct_say("snapshot: %s", ckpt_error());
	if (ckpt_thaw(fz))
		ct_say("thaw: %s", ckpt_error());
	if (ret > 0 && arg.stop_ns)
		return dev;
	close(dev);
	return -1;
}

static int take(struct ct *ct, const char *img, __u64 max_extra)
{
	int fd = open(img, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), dev;

	if (fd < 0)
		return ct_say("cannot open %s: %m", img);
	dev = take_for(ct, fd, max_extra);
	close(fd);
	if (dev >= 64)
		return ct_say("session %d", dev);
	if (dev >= 0)
		snprintf(images[dev], sizeof(images[dev]), "%s", img);
	return dev;
}

/* Return: 0 or a negative errno; the session is closed. */
static int stream(int dev)
{
	struct ckpt_ioc_stream arg = {
		.fd = open(images[dev], O_WRONLY | O_CLOEXEC),
		.logfd = CHECKPOINT_FD_NONE,
	};
	int ret = ckpt_ioctl_stream(dev, &arg);

	close(arg.fd);
	close(dev);
	return ret < 0 ? ret : 0;
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

/* The program goes away, comes back from @img, and ends. */
static int back_from(struct ct *ct, const char *img)
{
	if (ct->alive)
		ct_kill(ct);
	if (ct_restart_from(ct, img, NULL))
		return -1;
	ct_go(ct, 2);
	return ct_join(ct);
}

/* ---- programs ---- */

/* Writes all the time; each page is one ahead of those behind it. */
struct writer {
	volatile int64_t page[PAGES][PAGE / 8];
	volatile int64_t round; /* that is being written */
	volatile int at; /* next page */
};

/* A small process is copied, a larger one gets a child. */
#define FEW 16
static int nr_pages = PAGES; /* of writers */

static int writer_check(struct ct_shared *s, const struct writer *w)
{
	int i;

	for (i = 0; i < w->at; i++)
		CT_EQ(s, w->round, w->page[i][7]);
	/* the next one may be written, and not noted yet */
	for (i = w->at + 1; i < nr_pages; i++)
		CT_EQ(s, w->round - 1, w->page[i][7]);
	return 0;
}

static int writer_run(struct ct_shared *s, struct writer *w, int advice)
{
	int seen = s->restarted;

	CT_EQ(s, 0, advice ? madvise(w, sizeof(*w), advice) : 0);
	while (s->go < 2 && !s->failed) {
		w->round++;
		for (w->at = 0; w->at < nr_pages; w->at++) {
			w->page[w->at][7] = w->round;
			if (s->restarted == seen)
				continue;
			CT_DO(writer_check(s, w));
			seen = s->restarted;
		}
		s->data[ROUNDS]++;
		if (s->data[ROUNDS] == 2)
			s->ready = 1;
	}
	return 0;
}

static void *area_of(size_t size, int flags)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags,
		    -1, 0);
}

static int writes_all_the_time(struct ct_shared *s, void *arg)
{
	struct writer *w = area_of(sizeof(*w), MAP_PRIVATE);

	CT_CHECK(s, w != MAP_FAILED);
	CT_DO(writer_run(s, w, (long)arg));
	return s->restarted ? writer_check(s, w) : 0;
}

static int writes_shared(struct ct_shared *s, void *arg)
{
	struct writer *w = area_of(sizeof(*w), MAP_SHARED);

	(void)arg;
	CT_CHECK(s, w != MAP_FAILED);
	CT_DO(writer_run(s, w, 0));
	return 0;
}

/* Private pages of a file, too. */
static int writes_file(struct ct_shared *s, void *arg)
{
	char path[] = "/tmp/ckpt-snapshot.XXXXXX";
	int fd = mkstemp(path);
	struct writer *w;

	(void)arg;
	CT_CHECK(s, fd >= 0);
	CT_EQ(s, 0, ftruncate(fd, sizeof(*w)));
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CT_CHECK(s, w != MAP_FAILED);
	close(fd);
	CT_DO(writer_run(s, w, 0));
	unlink(path);
	return 0;
}

/* What a fork() would not give its child is in the image, and stays so. */
static int child_dies(struct ct_shared *s, struct writer *w)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		_exit(w->round == 0);
	}
	CT_EQ(s, pid, waitpid(pid, &status, 0));
	CT_CHECK(s, WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	return 0;
}

static int writes_dontfork(struct ct_shared *s, void *arg)
{
	struct writer *w = area_of(sizeof(*w), MAP_PRIVATE);

	(void)arg;
	CT_CHECK(s, w != MAP_FAILED);
	CT_DO(writer_run(s, w, MADV_DONTFORK));
	return child_dies(s, w);
}

static int writes_wipeonfork(struct ct_shared *s, void *arg)
{
	struct writer *w = area_of(sizeof(*w), MAP_PRIVATE);
	pid_t pid;

	(void)arg;
	CT_CHECK(s, w != MAP_FAILED);
	CT_DO(writer_run(s, w, MADV_WIPEONFORK));
	pid = fork();
	if (!pid)
		_exit(w->round != 0);
	return tasks_reap(s, pid);
}

TEST_F(snapshot, of_a_program_that_writes)
{
	int i, dev;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	for (i = 0; i < 3; i++) {
		dev = take(&self->ct, self->ct.img, 0);
		ASSERT_LE(0, dev);
		EXPECT_EQ(0, stream(dev));
	}
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

TEST_F(snapshot, by_the_tool)
{
	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, 0));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

/* Runs on for a while between snapshot and stream, and overwrites all of it. */
static int long_after(struct ct *ct, ct_fn fn, void *arg)
{
	int64_t rounds;
	int dev, i;

	if (ct_start(ct, fn, arg) || ct_reach(ct, 1))
		return -1;
	dev = take(ct, ct->img, 0);
	if (dev < 0)
		return -1;
	if (size_of(ct->img))
		return ct_say("something was written before the stream");
	rounds = ct->s->data[ROUNDS];
	for (i = 0; i < 5000 && ct->s->data[ROUNDS] < rounds + 3; i++)
		ct_sleep_ms(10);
	if (ct->s->data[ROUNDS] < rounds + 3)
		return ct_say("it does not run on");
	if (stream(dev))
		return ct_say("stream: %s", ckpt_error());
	return back_from(ct, ct->img);
}

TEST_F(snapshot, private_memory)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_all_the_time, NULL));
}

TEST_F(snapshot, huge_pages)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_all_the_time,
				(void *)MADV_HUGEPAGE));
}

TEST_F(snapshot, shared_memory)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_shared, NULL));
}

TEST_F(snapshot, private_pages_of_a_file)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_file, NULL));
}

TEST_F(snapshot, dontfork)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_dontfork, NULL));
}

TEST_F(snapshot, wipeonfork)
{
	ASSERT_EQ(0, long_after(&self->ct, writes_wipeonfork, NULL));
}

TEST_F(snapshot, small_private_memory)
{
	nr_pages = FEW;
	ASSERT_EQ(0, long_after(&self->ct, writes_all_the_time, NULL));
}

TEST_F(snapshot, small_private_pages_of_a_file)
{
	nr_pages = FEW;
	ASSERT_EQ(0, long_after(&self->ct, writes_file, NULL));
}

TEST_F(snapshot, small_dontfork)
{
	nr_pages = FEW;
	ASSERT_EQ(0, long_after(&self->ct, writes_dontfork, NULL));
}

TEST_F(snapshot, small_wipeonfork)
{
	nr_pages = FEW;
	ASSERT_EQ(0, long_after(&self->ct, writes_wipeonfork, NULL));
}

/* Of our memory, in swap. */
static long swapped_kb(void)
{
	char *status = ct_read_file("/proc/self/status");
	char *at = status ? strstr(status, "VmSwap:") : NULL;
	long kb = at ? atol(at + strlen("VmSwap:")) : -1;

	free(status);
	return kb;
}

/* A small process, but its pages are not where they could be copied. */
static int swapped_out(struct ct_shared *s, void *arg)
{
	char *p = area_of(FEW * PAGE, MAP_PRIVATE);
	int i;

	(void)arg;
	CT_CHECK(s, p != MAP_FAILED);
	memset(p, 'a', FEW * PAGE);
	CT_EQ(s, 0, madvise(p, FEW * PAGE, MADV_PAGEOUT));
	CT_IN(s, 4, FEW * PAGE / 1024, swapped_kb());
	ct_step(s, 1);
	for (i = 0; i < FEW * PAGE; i++)
		CT_EQ(s, 'a', p[i]);
	memset(p, 'b', FEW * PAGE);
	ct_step(s, 2);
	return 0;
}

static int before_it_writes(struct ct *ct, ct_fn fn)
{
	int dev;

	if (ct_start(ct, fn, NULL) || ct_reach(ct, 1))
		return -1;
	dev = take(ct, ct->img, 0);
	if (dev < 0)
		return -1;
	ct_go(ct, 1);
	if (ct_reach(ct, 2) || stream(dev))
		return ct_say("stream: %s", ckpt_error());
	return back_from(ct, ct->img);
}

TEST_F(snapshot, small_swapped_out)
{
	int ret;

	ASSERT_EQ(0, ct_swap_on());
	ret = before_it_writes(&self->ct, swapped_out);
	ASSERT_EQ(0, ct_swap_off());
	ASSERT_EQ(0, ret);
}

/* A process outside of the tree, in the memory of one inside. */
struct outsider {
	struct ct_shared *s;
	struct writer *w;
};

static int outsider_main(void *arg)
{
	struct outsider *o = arg;
	struct writer *w = o->w;

	while (o->s->go < 2 && !o->s->failed) {
		w->round++;
		for (w->at = 0; w->at < nr_pages; w->at++)
			w->page[w->at][7] = w->round;
		o->s->data[ROUNDS]++;
	}
	return 0;
}

static int has_an_outsider(struct ct_shared *s, void *arg)
{
	struct outsider o = { .s = s };
	char *stack = area_of(16 * PAGE, MAP_PRIVATE);
	int i;

	(void)arg;
	o.w = area_of(sizeof(*o.w), MAP_PRIVATE);
	CT_CHECK(s, stack != MAP_FAILED && o.w != MAP_FAILED);
	s->data[TURN] = clone(outsider_main, stack + 16 * PAGE,
			      CLONE_VM | CLONE_PARENT | SIGCHLD, &o);
	CT_CHECK(s, s->data[TURN] > 0);
	while (s->data[ROUNDS] < 2)
		ct_sleep_ms(1);
	s->ready = 1;
	while (s->go < 2 && !s->restarted)
		ct_sleep_ms(1);
	CT_CHECK(s, s->restarted);
	CT_CHECK(s, o.w->page[0][7] > 1);
	CT_IN(s, o.w->page[0][7] - 1, o.w->page[0][7],
	      o.w->page[nr_pages - 1][7]);
	for (i = 1; i < nr_pages; i++)
		CT_CHECK(s, o.w->page[i][7] <= o.w->page[i - 1][7]);
	return 0;
}

TEST_F(snapshot, small_shared_with_an_outsider)
{
	pid_t pid;
	int i;

	nr_pages = FEW;
	for (i = 0; i < 5; i++) {
		memset((void *)self->ct.s, 0, sizeof(*self->ct.s));
		ASSERT_EQ(0, long_after(&self->ct, has_an_outsider, NULL));
		pid = self->ct.s->data[TURN];
		while (tasks_state(pid, pid) == 'R')
			ct_sleep_ms(1);
	}
}

/* And the program that was saved is as it was. */
static int unchanged(struct ct *ct, ct_fn fn)
{
	int dev;

	if (ct_start(ct, fn, NULL) || ct_reach(ct, 1))
		return -1;
	dev = take(ct, ct->img, 0);
	if (dev < 0 || stream(dev))
		return -1;
	ct_go(ct, 2);
	return ct_finish(ct);
}

TEST_F(snapshot, leaves_dontfork)
{
	ASSERT_EQ(0, unchanged(&self->ct, writes_dontfork));
}

TEST_F(snapshot, leaves_wipeonfork)
{
	ASSERT_EQ(0, unchanged(&self->ct, writes_wipeonfork));
}

/* ---- one instant ---- */

#define PLAYERS 4
#define BALLAST (512 * PAGE) /* makes a process a large one */

static unsigned int large; /* a bit for each player */

struct seat {
	volatile int64_t *turn;
	int me;
};

/* Of all numbers below the turn that are a player's, the last one. */
static int64_t last_of(int64_t turn, int me)
{
	return turn - 1 - ((turn - 1 - me) % PLAYERS + PLAYERS) % PLAYERS;
}

/* A number goes round; each keeps the last one that it has seen, privately. */
static int player(struct ct_shared *s, void *arg)
{
	const struct seat *seat = arg;
	volatile int64_t *turn = seat->turn;
	int me = seat->me;
	volatile int64_t *own = area_of(BALLAST, MAP_PRIVATE);
	int seen = s->restarted;
	int64_t t;

	CT_CHECK(s, own != MAP_FAILED);
	if (large & 1U << me)
		memset((void *)own, 'b', BALLAST);
	*own = me - PLAYERS;
	while (s->go < 2 && !s->failed) {
		t = *turn;
		if (s->restarted != seen) {
			CT_EQ(s, last_of(t, me), *own);
			seen = s->restarted;
		}
		if (t % PLAYERS != me) {
			sched_yield();
			continue;
		}
		*own = t;
		*turn = t + 1;
		s->data[ROUNDS] = t;
	}
	return 0;
}

static int game(struct ct_shared *s, void *arg)
{
	struct seat table[PLAYERS];
	pid_t pid[PLAYERS];
	int i;

	(void)arg;
	for (i = 0; i < PLAYERS; i++) {
		table[i].turn = i ? table[0].turn : area_of(PAGE, MAP_SHARED);
		CT_CHECK(s, table[i].turn != MAP_FAILED);
		table[i].me = i;
	}
	for (i = 1; i < PLAYERS; i++)
		pid[i] = tasks_fork(s, player, &table[i]);
	s->ready = 1;
	CT_DO(player(s, &table[0]));
	for (i = 1; i < PLAYERS; i++)
		CT_DO(tasks_reap(s, pid[i]));
	return 0;
}

static int instant_of_a_game(struct ct *ct, unsigned int large_ones)
{
	int dev;

	large = large_ones;
	if (ct_start(ct, game, NULL) || ct_reach(ct, 1))
		return -1;
	while (ct->s->data[ROUNDS] < 100 && !ct->s->failed)
		ct_sleep_ms(2);
	dev = take(ct, ct->img, 0);
	if (dev < 0)
		return -1;
	ct_sleep_ms(100);
	if (stream(dev))
		return ct_say("stream: %s", ckpt_error());
	return back_from(ct, ct->img);
}

TEST_F(snapshot, one_instant_of_small_processes)
{
	ASSERT_EQ(0, instant_of_a_game(&self->ct, 0));
}

TEST_F(snapshot, one_instant_of_large_processes)
{
	ASSERT_EQ(0, instant_of_a_game(&self->ct, 0xf));
}

TEST_F(snapshot, one_instant_of_both)
{
	ASSERT_EQ(0, instant_of_a_game(&self->ct, 0x5));
}

/* ---- nothing is held ---- */

/* Between snapshot and stream: what a reference of ours would spoil. */
static int gives_all_up(struct ct_shared *s, void *arg)
{
	int memfd = memfd_create("sealed", MFD_ALLOW_SEALING), end[2];
	struct pollfd hup = { .events = POLLIN };
	char *map;

	(void)arg;
	CT_EQ(s, 0, pipe(end));
	CT_CHECK(s, memfd >= 0);
	CT_EQ(s, 0, ftruncate(memfd, PAGE));
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	CT_CHECK(s, map != MAP_FAILED);
	*map = 'a';
	ct_step(s, 1);
	*map = 'b';
	if (!s->restarted) {
		CT_EQ(s, 0, munmap(map, PAGE));
		CT_EQ(s, 0, fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE));
		close(end[1]);
		hup.fd = end[0];
		CT_EQ(s, 1, poll(&hup, 1, 20000));
		CT_CHECK(s, hup.revents & POLLHUP);
	}
	s->data[MARK] = 1;
	ct_step(s, 2);
	return 0;
}

TEST_F(snapshot, holds_nothing_of_the_program)
{
	int dev, i;

	ASSERT_EQ(0, ct_start(&self->ct, gives_all_up, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, 0);
	ASSERT_LE(0, dev);
	ct_go(&self->ct, 1);
	for (i = 0; i < 3000 && !self->ct.s->data[MARK]; i++)
		ct_sleep_ms(10);
	EXPECT_EQ(1, self->ct.s->data[MARK]);
	EXPECT_STREQ("", self->ct.s->text);
	EXPECT_EQ(0, stream(dev));
	ct_kill(&self->ct);
	ASSERT_EQ(0, ct_restart_from(&self->ct, self->ct.img, NULL));
	ct_go(&self->ct, 2);
	EXPECT_EQ(0, ct_join(&self->ct));
}

TEST_F(snapshot, outlives_the_program)
{
	int dev;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, 0);
	ASSERT_LE(0, dev);
	ct_kill(&self->ct);
	EXPECT_EQ(0, stream(dev));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

TEST_F(snapshot, several_of_one_program)
{
	char second[PATH_MAX + 8];
	int dev[2];

	snprintf(second, sizeof(second), "%s.2", self->ct.img);
	ASSERT_EQ(0, ct_start(&self->ct, writes_shared, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev[0] = take(&self->ct, self->ct.img, 0);
	ASSERT_LE(0, dev[0]);
	ct_sleep_ms(50);
	dev[1] = take(&self->ct, second, 0);
	ASSERT_LE(0, dev[1]);
	EXPECT_EQ(0, stream(dev[0]));
	ct_sleep_ms(50);
	EXPECT_EQ(0, stream(dev[1]));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
	ASSERT_EQ(0, ct_start(&self->ct, writes_shared, NULL));
	ct_kill(&self->ct);
}

/* ---- giving up ---- */

/* Kernel threads of snapshots: one lives as long as its snapshot. */
static int workers(void)
{
	FILE *f =
		popen("grep -lx ckpt_snapshot /proc/[0-9]*/comm 2>/dev/null | wc -l",
		      "r");
	int nr = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &nr) != 1)
		nr = -1;
	pclose(f);
	return nr;
}

static int module_users(void)
{
	char *text = ct_read_file("/sys/module/ckpt/refcnt");
	int nr = text ? atoi(text) : -1;

	free(text);
	return nr;
}

/* A snapshot of the caller. */
static int take_self(int dev, int fd)
{
	struct ckpt_ioc_checkpoint arg = {
		.fd = fd,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE | CHECKPOINT_SNAPSHOT,
	};

	return ckpt_ioctl_checkpoint(dev, &arg);
}

static int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = "", byte = 0;
	struct iovec vec = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &vec,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -1;
}

static int has_many(struct ct_shared *s, void *arg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[2];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), i, ret = 1;

	(void)arg;
	CT_EQ(s, 0, syscall(SYS_capget, &head, caps));
	caps[0].effective &= ~(1U << CAP_SYS_RESOURCE);
	CT_EQ(s, 0, syscall(SYS_capset, &head, caps));
	for (i = 0; i < 100 && ret > 0; i++)
		ret = take_self(ckpt_open(), null);
	CT_EQ(s, -EBUSY, ret);
	CT_EQ(s, 65, i);
	caps[0].effective |= 1U << CAP_SYS_RESOURCE;
	CT_EQ(s, 0, syscall(SYS_capset, &head, caps));
	CT_CHECK(s, take_self(ckpt_open(), null) > 0);
	return 0;
}

/* It is in the queue of the socket that it is to write to. */
TEST_F(snapshot, is_not_held_by_its_own_image)
{
	int end[2], dev, i;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end));
	dev = take_for(&self->ct, end[1], 0);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, send_fd(end[0], dev));
	close(dev);
	close(end[0]);
	EXPECT_EQ(1, module_users());
	close(end[1]);
	for (i = 0; i < 100 && module_users(); i++)
		ct_sleep_ms(50);
	EXPECT_EQ(0, module_users());
	ct_go(&self->ct, 2);
	EXPECT_EQ(0, ct_finish(&self->ct));
}

TEST_F(snapshot, are_not_too_many_of_one_user)
{
	ASSERT_EQ(0, ct_start(&self->ct, has_many, NULL));
	EXPECT_EQ(0, ct_finish(&self->ct))
	{
		TH_LOG("it says: %s", self->ct.s->text);
	}
	EXPECT_EQ(0, module_users());
}

TEST_F(snapshot, is_freed_with_its_session)
{
	struct ckpt_ioc_stream arg = { .logfd = CHECKPOINT_FD_NONE };
	int dev, none;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, 0);
	ASSERT_LE(0, dev);
	EXPECT_EQ(0, workers());
	EXPECT_EQ(1, module_users());
	close(dev);
	EXPECT_EQ(0, module_users());
	EXPECT_EQ(0, size_of(self->ct.img));
	none = ckpt_open();
	ASSERT_LE(0, none);
	EXPECT_EQ(-ENOENT, ckpt_ioctl_stream(none, &arg));
	close(none);
	ct_go(&self->ct, 2);
	EXPECT_EQ(0, ct_finish(&self->ct));
}

TEST_F(snapshot, is_one_at_a_time_in_a_session)
{
	struct ckpt_ioc_checkpoint arg = {
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE | CHECKPOINT_SNAPSHOT,
	};
	struct ckpt_freeze *fz = NULL;
	int dev;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, 0);
	ASSERT_LE(0, dev);
	arg.pid = self->ct.pid;
	arg.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ASSERT_EQ(0, ckpt_freeze(dev, self->ct.pid, 0, &fz));
	EXPECT_EQ(-EBUSY, ckpt_ioctl_checkpoint(dev, &arg));
	EXPECT_EQ(0, ckpt_thaw(fz));
	close(arg.fd);
	EXPECT_EQ(0, stream(dev));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

TEST_F(snapshot, limit_is_of_snapshots)
{
	struct ckpt_ioc_checkpoint arg = {
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE,
		.fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
		.max_extra = 1,
	};
	int dev = ckpt_open();

	ASSERT_LE(0, dev);
	EXPECT_EQ(-EINVAL, ckpt_ioctl_checkpoint(dev, &arg));
	close(arg.fd);
	close(dev);
}

TEST_F(snapshot, is_given_up_when_it_takes_too_much)
{
	int64_t rounds;
	int dev, i;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, PAGES / 2 * PAGE);
	ASSERT_LE(0, dev);
	rounds = self->ct.s->data[ROUNDS];
	for (i = 0; i < 500 && self->ct.s->data[ROUNDS] < rounds + 3; i++)
		ct_sleep_ms(10);
	ct_sleep_ms(3000); /* it looks now and then, a slow kernel seldom */
	EXPECT_EQ(-ENOMEM, stream(dev));
	ct_go(&self->ct, 2);
	EXPECT_EQ(0, ct_finish(&self->ct));
}

/* Fits: nearly all of it is written, but only once. */
TEST_F(snapshot, may_take_what_it_was_given)
{
	int dev;

	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	dev = take(&self->ct, self->ct.img, 4 * PAGES * PAGE);
	ASSERT_LE(0, dev);
	ct_sleep_ms(500);
	EXPECT_EQ(0, stream(dev));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

/* ---- the tool is killed ---- */

#define KILLS 12

/* A tool whose image goes to a reader that is slow, or reads nothing at all. */
static pid_t tool_start(struct ct *ct, int *reader)
{
	char pid[16];
	int end[2];
	pid_t tool;

	if (pipe2(end, O_CLOEXEC))
		return -1;
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	tool = fork();
	if (!tool) {
		dup2(end[1], 1);
		execlp("checkpoint", "checkpoint", "--no-progress", pid, NULL);
		_exit(127);
	}
	close(end[1]);
	*reader = end[0];
	return tool;
}

TEST_F(snapshot, tool_is_killed)
{
	char buf[65536];
	int64_t rounds;
	int i, reader, tries;
	pid_t tool;

	srand(getpid());
	ASSERT_EQ(0, ct_start(&self->ct, writes_all_the_time, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	for (i = 0; i < KILLS; i++) {
		tool = tool_start(&self->ct, &reader);
		ASSERT_LT(0, tool);
		/* odd: while it streams; even: whenever it happens to be */
		if (i & 1)
			ASSERT_LT(0,
				  read(reader, buf, 1 + rand() % sizeof(buf)));
		ct_sleep_ms(rand() % 60);
		kill(tool, SIGKILL);
		ASSERT_EQ(tool, waitpid(tool, NULL, 0));
		close(reader);
		EXPECT_EQ(0, workers());
		rounds = self->ct.s->data[ROUNDS];
		for (tries = 0;
		     tries < 2000 && self->ct.s->data[ROUNDS] < rounds + 2;
		     tries++)
			ct_sleep_ms(10);
		ASSERT_LE(rounds + 2, self->ct.s->data[ROUNDS]);
	}
	ASSERT_EQ(0, ct_checkpoint(&self->ct, 0));
	EXPECT_EQ(0, back_from(&self->ct, self->ct.img));
}

TEST_HARNESS_MAIN
