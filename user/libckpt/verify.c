// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a restart brings everything back: the program is restarted frozen,
 * checkpointed again without having run, and killed.  The second image goes
 * through a pipe to a thread that compares it with the first one as it comes.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "compare.h"

#define NS_PER_SEC 1000000000LL

struct verify_run {
	const struct ckpt_restart_opts *opts;
	struct ckpt_compare compare;
	pid_t pid;
	off_t pos; /* of what is read next of the first image */
	int pipe[2];
	int err; /* of the comparison */
	char why[1024];
};

/* The first image, whatever the descriptor's own position is. */
static ssize_t read_first(void *arg, void *buf, size_t len)
{
	struct verify_run *run = arg;
	ssize_t n = pread(run->opts->fd, buf, len, run->pos);

	if (n < 0)
		return -errno;
	run->pos += n;
	return n;
}

/* The kernel may still be writing: it is to find a reader. */
static void drain(int fd)
{
	char buf[4096];
	ssize_t n;

	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n < 0 && errno == EINTR));
}

static void *compare_main(void *arg)
{
	struct verify_run *run = arg;
	struct ckpt_image *a = ckpt_image_open_fn(read_first, run);
	struct ckpt_image *b = ckpt_image_open(run->pipe[0]);

	run->err = -ENOMEM;
	if (a && b)
		run->err = ckpt_compare_images(&run->compare, a, b);
	if (run->err)
		snprintf(run->why, sizeof(run->why), "%s", ckpt_error());
	drain(run->pipe[0]);
	ckpt_image_close(a);
	ckpt_image_close(b);
	return NULL;
}

/* Signals that stop the tool are for the thread that waits for the kernel. */
static int compare_start(struct verify_run *run, pthread_t *thread)
{
	sigset_t set = ckpt_stop_signals(), old;
	int err;

	pthread_sigmask(SIG_BLOCK, &set, &old);
	err = pthread_create(thread, NULL, compare_main, run);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? ckpt_set_error(-err, "no thread: %s", strerror(err)) : 0;
}

/* The same call as that of the first image. */
static int checkpoint_again(struct verify_run *run)
{
	const struct ckpt_restart_opts *opts = run->opts;
	struct ckpt_checkpoint_opts again = {
		.pid = run->pid,
		.out_fd = run->pipe[1],
		.log = opts->log,
		.progress = opts->progress,
	};
	int ret = ckpt_checkpoint(&again);

	return ret < 0 ? ret : 0;
}

static int compare_with_next(struct verify_run *run)
{
	pthread_t thread;
	int err;

	if (pipe2(run->pipe, O_CLOEXEC))
		return ckpt_set_error(-errno, "pipe: %s", strerror(errno));
	err = compare_start(run, &thread);
	if (err) {
		close(run->pipe[1]);
	} else {
		err = checkpoint_again(run);
		close(run->pipe[1]); /* the end, for the thread */
		pthread_join(thread, NULL);
	}
	close(run->pipe[0]);
	if (err || !run->err)
		return err;
	return ckpt_set_error(run->err, "%s", run->why);
}

/* Its clocks are ours: it could not be given others. */
static bool shares_time(pid_t pid)
{
	struct stat own, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/time", pid);
	return !stat(path, &its) && !stat("/proc/self/ns/time", &own) &&
	       own.st_ino == its.st_ino;
}

/* It never runs again. */
static void end_program(struct verify_run *run)
{
	char group[PATH_MAX];
	int in_group = ckpt_cgroup_of(run->pid, group, sizeof(group));
	int status;

	kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	if (!in_group && strstr(group, "/ckpt-frozen."))
		rmdir(group);
}

static int verify_begin(struct verify_run *run)
{
	struct ckpt_restart_opts opts = *run->opts;
	struct timespec ts;
	struct stat st;

	run->pos = lseek(opts.fd, 0, SEEK_CUR);
	if (run->pos < 0 || fstat(opts.fd, &st) || !S_ISREG(st.st_mode))
		return ckpt_set_error(-ESPIPE,
				      "--verify reads the image twice: it must be in a file");
	clock_gettime(CLOCK_MONOTONIC, &ts);
	run->compare.started = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	run->compare.fresh_pids = opts.flags & CKPT_RESTART_PIDS_FRESH;
	opts.flags |= CKPT_RESTART_LEAVE_FROZEN | CKPT_RESTART_NO_WAIT |
		      CKPT_RESTART_VERIFY;
	run->pid = ckpt_restart(&opts, NULL);
	if (run->pid < 0)
		return run->pid;
	run->compare.no_timens = shares_time(run->pid);
	return 0;
}

long ckpt_verify(const struct ckpt_restart_opts *opts, FILE *to)
{
	struct verify_run run = { .opts = opts, .compare.to = to };
	char why[1024];
	int err = verify_begin(&run);

	if (err)
		return err;
	err = compare_with_next(&run);
	snprintf(why, sizeof(why), "%s", ckpt_error());
	end_program(&run);
	ckpt_compare_end(&run.compare);
	if (err)
		return ckpt_set_error(err, "--verify: %s", why);
	return run.compare.differences;
}
