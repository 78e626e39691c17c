// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every write and every read of the image fails in turn: the other end of a
 * pipe or socket goes away, the file system is full, a limit is reached, the
 * image ends, at each boundary between records and one byte beside it, and
 * within runs of pages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "fault.h"

#define PAGE 4096ULL
#define PIPE_SIZE 4096
#define POINTS_MAX (5 * REC_MAX)
#define SOCKET_BYTES (8 << 20)

static __u64 point[POINTS_MAX];
static unsigned int nr_points;

/* ---- where it fails ------------------------------------------------------ */

static void point_add(__u64 at, __u64 end)
{
	if (at < end && nr_points < POINTS_MAX &&
	    (!nr_points || point[nr_points - 1] < at))
		point[nr_points++] = at;
}

/* From the records themselves, so that new ones are met by themselves. */
static void points_make(const struct image *img)
{
	unsigned int i;

	nr_points = 0;
	point_add(0, img->size);
	point_add(1, img->size);
	for (i = 0; i < img->nr; i++) {
		__u64 at = img->offset[i], len = img->len[i];

		point_add(at - 1, img->size);
		point_add(at, img->size);
		point_add(at + 1, img->size);
		if (img->type[i] == CKPT_HDR_PGARR && len > 2 * PAGE) {
			point_add(at + len / 2, img->size);
			point_add(at + len - PAGE, img->size);
		}
	}
	point_add(img->size - 1, img->size);
}

/* ---- checkpoints --------------------------------------------------------- */

/*
 * What a checkpoint into @fd gave, while the program was frozen.  It must have
 * failed with one of two errors and say so, or be whole.
 */
struct written {
	int ret;
	__u64 bytes;
};

static int write_image(struct fault *f, int fd, struct written *w)
{
	if (program_freeze(f))
		return -1;
	w->ret = checkpoint_now(f, fd, f->logfd, &w->bytes);
	log_drain(f);
	return program_thaw(f);
}

static int write_failed(struct fault *f, const struct written *w, int err,
			int err2)
{
	char want[32];

	f->tally.injected++;
	f->tally.refused++;
	if (w->ret != -err && w->ret != -err2)
		return ct_say("it returns %d (%s) after %llu bytes, not %d: %s",
			      w->ret, strerror(w->ret < 0 ? -w->ret : 0),
			      (unsigned long long)w->bytes, -err, f->text);
	snprintf(want, sizeof(want), "errno %d)", -w->ret);
	if (!strstr(f->text, want))
		return ct_say("it says '%s'", f->text);
	return program_runs(f, f->program.who);
}

/* A file of a failed checkpoint is never taken for an image. */
static int not_an_image(const char *path)
{
	static struct image img;

	return image_scan(path, &img) ? 0 : ct_say("it wrote a whole image");
}

static int limit_size(rlim_t max)
{
	struct rlimit lim = { max, RLIM_INFINITY };

	return setrlimit(RLIMIT_FSIZE, &lim) ? ct_say("setrlimit: %m") : 0;
}

static int write_to_limit(struct fault *f, __u64 at)
{
	int fd = open(f->img, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct written w;
	int err;

	limit_size(at);
	err = write_image(f, fd, &w);
	limit_size(RLIM_INFINITY);
	close(fd);
	if (err || write_failed(f, &w, EFBIG, EFBIG))
		return -1;
	if (w.bytes != at)
		return ct_say("it wrote %llu bytes",
			      (unsigned long long)w.bytes);
	return not_an_image(f->img);
}

static int write_to_full(struct fault *f, __u64 at)
{
	static __u64 last;
	__u64 pages = at / PAGE;
	char dir[80], path[96], size[32];
	struct written w;
	int fd, err;

	if (!pages || pages == last)
		return 0;
	last = pages;
	snprintf(dir, sizeof(dir), "%s/small", f->ct.dir);
	snprintf(path, sizeof(path), "%s/img", dir);
	snprintf(size, sizeof(size), "size=%llu", pages * PAGE);
	mkdir(dir, 0700);
	if (mount("none", dir, "tmpfs", 0, size))
		return ct_say("tmpfs: %m");
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	err = write_image(f, fd, &w);
	close(fd);
	if (!err)
		err = write_failed(f, &w, ENOSPC, ENOSPC);
	if (!err && w.bytes != pages * PAGE)
		err = ct_say("it wrote %llu bytes",
			     (unsigned long long)w.bytes);
	if (!err)
		err = not_an_image(path);
	if (umount(dir))
		return ct_say("umount: %m");
	return err;
}

/* A child that reads @count bytes of @fd, then closes it or, told to, stays. */
static pid_t reader(const int fds[2], __u64 count, int stay)
{
	static char buf[4096];
	pid_t pid = fork();
	ssize_t n;

	if (pid)
		return pid;
	close(fds[1]);
	while (count) {
		n = read(fds[0], buf,
			 count < sizeof(buf) ? count : sizeof(buf));
		if (n <= 0)
			_exit(1);
		count -= n;
	}
	if (stay) {
		ct_sleep_ms(20); /* let it run into the full pipe */
		while (getppid() != 1 && !kill(getppid(), stay))
			ct_sleep_ms(200); /* it could have come too early */
	}
	_exit(0);
}

static int write_to(struct fault *f, int fds[2], __u64 at, int stay,
		    struct written *w)
{
	pid_t pid = reader(fds, at, stay);
	int err;

	close(fds[0]);
	err = write_image(f, fds[1], w);
	close(fds[1]);
	kill(pid, SIGKILL);
	return child_ends(pid) == -1 ? -1 : err;
}

/* What has fitted into the pipe by then need not fail. */
static int write_to_pipe(struct fault *f, __u64 at)
{
	struct written w;
	int fds[2];

	if (at + 2 * PIPE_SIZE > f->now->img.size)
		return 0;
	if (pipe2(fds, O_CLOEXEC) || fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) < 0)
		return ct_say("pipe: %m");
	if (write_to(f, fds, at, 0, &w) || write_failed(f, &w, EPIPE, EPIPE))
		return -1;
	if (w.bytes >= at && w.bytes <= at + PIPE_SIZE)
		return 0;
	return ct_say("it wrote %llu bytes", (unsigned long long)w.bytes);
}

static int write_to_socket(struct fault *f, __u64 at)
{
	int fds[2], size = PIPE_SIZE;
	struct written w;

	if (at + 8 * PIPE_SIZE > f->now->img.size)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)))
		return ct_say("socketpair: %m");
	if (write_to(f, fds, at, 0, &w))
		return -1;
	return write_failed(f, &w, EPIPE, ECONNRESET);
}

static void on_signal(int sig)
{
}

/* A reader that stops reading: a signal ends the call. */
static int write_to_stuck(struct fault *f, __u64 at)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct written w;
	int fds[2], err;

	if (at + 2 * PIPE_SIZE > f->now->img.size)
		return 0;
	if (pipe2(fds, O_CLOEXEC | (at % 2 ? O_NONBLOCK : 0)) ||
	    fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) < 0 ||
	    fcntl(fds[0], F_SETFL, 0))
		return ct_say("pipe: %m");
	sigaction(SIGUSR1, &sa, NULL);
	err = write_to(f, fds, at, SIGUSR1, &w);
	signal(SIGUSR1, SIG_IGN);
	return err ? err : write_failed(f, &w, EINTR, EINTR);
}

/* ---- a checkpoint into a pipe that does not block ------------------------ */

/* Takes what comes, slowly, in pieces of @piece bytes. */
static pid_t collector(struct fault *f, const int fds[2], size_t piece)
{
	char *buf = malloc(piece);
	pid_t pid = fork();
	int img;
	ssize_t n;

	if (pid) {
		free(buf);
		return pid;
	}
	close(fds[1]);
	img = open(f->img, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	while ((n = read(fds[0], buf, piece)) > 0) {
		if (write(img, buf, n) != n)
			_exit(1);
		sched_yield();
	}
	_exit(n < 0);
}

static int write_again(struct fault *f, __u64 at)
{
	struct written w;
	int fds[2], err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) ||
	    fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) < 0 ||
	    fcntl(fds[1], F_SETFL, O_NONBLOCK))
		return ct_say("pipe: %m");
	pid = collector(f, fds, 1500 + at % 4000);
	close(fds[0]);
	err = write_image(f, fds[1], &w);
	close(fds[1]);
	if (child_ends(pid) || err)
		return ct_say("the reader failed");
	if (w.ret <= 0)
		return ct_say("it returns %d: %s", w.ret, f->text);
	f->tally.injected++;
	f->tally.harmless++;
	if (image_same(&f->now->img, f->now->path, f->img))
		return -1;
	return program_runs(f, f->program.who);
}

/* ---- restarts ------------------------------------------------------------ */

/* A file that is the first @at bytes of the good image. */
static int cut_image(struct fault *f, __u64 at)
{
	char buf[4096];
	int from = open(f->now->path, O_RDONLY | O_CLOEXEC);
	int to = open(f->img, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = 0;
	__u64 left;

	for (left = at; left; left -= n) {
		n = read(from, buf, left < sizeof(buf) ? left : sizeof(buf));
		if (n <= 0 || write(to, buf, n) != n)
			break;
	}
	close(from);
	lseek(to, 0, SEEK_SET);
	if (!left)
		return to;
	close(to);
	return ct_say("cannot cut the image");
}

static int read_failed(struct fault *f, int ret, int err)
{
	char want[32];

	f->tally.injected++;
	f->tally.refused++;
	snprintf(want, sizeof(want), "errno %d)", err);
	if (ret == -err && strstr(f->text, want))
		return 0;
	return ct_say("it returns %d, not %d, and says '%s'", ret, -err,
		      f->text);
}

static int read_by_coordinator(struct fault *f, int fd, int err)
{
	pid_t pid;
	int ret;

	if (fd < 0)
		return -1;
	ret = restart_now(f, fd, f->logfd, 0, &pid);
	close(fd);
	log_drain(f);
	if (!ret) {
		kill(pid, SIGKILL);
		child_ends(pid);
		return ct_say("the restart succeeded");
	}
	if (child_ends(pid) == -1)
		return -1;
	return read_failed(f, ret, err);
}

static int read_to_end(struct fault *f, __u64 at)
{
	return read_by_coordinator(f, cut_image(f, at), EINVAL);
}

/* Within the head, tasks are not even made. */
static int read_by_tree(struct fault *f, __u64 at)
{
	int fd, ret;
	bool begun;

	if (at < f->now->img.head)
		return 0;
	fd = cut_image(f, at);
	if (fd < 0)
		return -1;
	f->which = -1;
	ret = tree_restart(f, fd, &begun);
	close(fd);
	log_drain(f);
	if (!ret) {
		tree_end(f);
		return ct_say("the restart succeeded");
	}
	return ret > 0 ? -1 : read_failed(f, ret, EINVAL);
}

/* The peer closes with unread data: the reader gets ECONNRESET behind it. */
static int reset_socket(struct fault *f, __u64 at)
{
	static char buf[4096];
	int fds[2], size = SOCKET_BYTES, from = cut_image(f, at);
	ssize_t n;

	if (from < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
	    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		return ct_say("socketpair: %m");
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(fds[0], buf, n) != n)
			n = ct_say("socket: %m");
	close(from);
	if (write(fds[1], "unread", 6) != 6)
		ct_say("socket: %m");
	close(fds[0]);
	return fds[1];
}

static int read_to_reset(struct fault *f, __u64 at)
{
	return read_by_coordinator(f, reset_socket(f, at), ECONNRESET);
}

/* The caller of a self restart goes on as what it was, whatever was read. */
static int read_by_self(struct fault *f, __u64 at)
{
	volatile int64_t *data = f->ct.s->data;
	char path[128], log[128];
	int fd = cut_image(f, at);

	close(fd);
	if (fd < 0 || (!f->ct.alive && program_start(f, WHO_SELF)))
		return -1;
	snprintf(path, sizeof(path), "%s/image", f->program.dir);
	snprintf(log, sizeof(log), "%s/log", f->program.dir);
	unlink(path);
	if (symlink(f->img, path))
		return ct_say("%s: %m", path);
	data[SLOT_DONE] = 0;
	data[SLOT_CMD] = CMD_RESTART;
	data[SLOT_ARM] = 1;
	if (wait_slot(f, SLOT_DONE, 1))
		return ct_say("the program has died of a bad image");
	data[SLOT_CMD] = CMD_NONE;
	log_drain_file(f, log);
	if (read_failed(f, data[SLOT_RET] < 0 ? -data[SLOT_ERRNO] : 0, EINVAL))
		return -1;
	return program_runs(f, WHO_SELF);
}

/* ---- all of them --------------------------------------------------------- */

static const struct way {
	const char *name;
	enum who who;
	int (*attempt)(struct fault *f, __u64 at);
	unsigned int coarse; /* it takes long: so many times fewer */
	bool tree; /* of the tree's image */
} ways[] = {
	{ "checkpoint: at a limit of the file's size", WHO_TARGET,
	  write_to_limit, 1 },
	{ "checkpoint: into a full file system", WHO_TARGET, write_to_full, 1 },
	{ "checkpoint: the pipe's reader goes away", WHO_TARGET, write_to_pipe,
	  1 },
	{ "checkpoint: the socket's reader goes away", WHO_TARGET,
	  write_to_socket, 1 },
	{ "checkpoint: the reader is stuck, a signal comes", WHO_TARGET,
	  write_to_stuck, 10 },
	{ "checkpoint: into a pipe that does not block", WHO_TARGET,
	  write_again, 50 },
	{ "restart: the image ends", WHO_NONE, read_to_end, 1 },
	{ "restart: the socket is reset", WHO_NONE, read_to_reset, 1 },
	{ "self restart: the image ends", WHO_SELF, read_by_self, 1 },
	{ "checkpoint of a tree: at a limit of the file's size", WHO_GROVE,
	  write_to_limit, 2, true },
	{ "restart of a tree: the image ends", WHO_NONE, read_by_tree, 4,
	  true },
};

static int series(struct fault *f, const struct way *way)
{
	unsigned int i, step = f->step * way->coarse;

	if (program_end(f))
		return -1;
	f->now = way->tree ? &f->grove : &f->single;
	points_make(&f->now->img);
	f->arm = 0;
	f->untouched = true;
	if (way->who != WHO_NONE && program_start(f, way->who))
		return -1;
	for (i = (f->phase - 1) % step; i < nr_points; i += step)
		if (way->attempt(f, point[i]) || world_same(f))
			return ct_say("%s: byte %llu of %llu", way->name,
				      (unsigned long long)point[i],
				      (unsigned long long)f->now->img.size);
	return f->tally.injected ? 0 : ct_say("nothing was tried");
}

/**
 * stream_series() - the faults of all reads and writes, a result for each
 * @f: tester
 */
void stream_series(struct fault *f)
{
	const struct way *way;
	int err;

	for (way = ways; way < ways + ARRAY_SIZE(ways); way++) {
		if (!strstr(way->name, f->only))
			continue;
		memset(&f->tally, 0, sizeof(f->tally));
		err = series(f, way);
		result(f, way->name, err);
	}
}
