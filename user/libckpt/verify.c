// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a restart brings everything back: the program is restarted frozen,
 * checkpointed again without having run, and killed.  The second image goes
 * through a pipe to a thread that compares it with the first one as it comes.
 * Should this process be killed the kernel kills the program.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "compare.h"
#include "descendants.h"

#define NS_PER_SEC 1000000000LL
#define DIE_MS 10000

struct verify_run {
	const struct ckpt_restart_opts *opts;
	struct ckpt_compare compare;
	pid_t pid;
	bool container; /* the first checkpoint was of a whole one */
	int dev; /* session that kills it, should we be killed */
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
		.container = run->container,
		.out_fd = run->pipe[1],
		.stop_copy = 1, /* it stays frozen */
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

/* The groups that were made to freeze it in are empty now. */
static void remove_groups(char **group, size_t nr)
{
	while (nr--) {
		if (group[nr])
			rmdir(group[nr]);
		free(group[nr]);
	}
	free(group);
}

/* None of it ever runs again. */
static void end_program(struct verify_run *run)
{
	struct ckpt_freeze *fz = NULL;
	struct ckpt_pids tree = { 0 };
	char **group, dir[PATH_MAX];
	size_t i, nr = 0;
	int status;

	ckpt_descendants(run->pid, &tree);
	group = calloc(tree.nr + 1, sizeof(*group));
	for (i = 0; group && i < tree.nr; i++) {
		if (ckpt_cgroup_of(tree.pid[i], dir, sizeof(dir)) ||
		    !strstr(dir, "/ckpt-frozen.") ||
		    (nr && !strcmp(group[nr - 1], dir)))
			continue;
		group[nr] = strdup(dir);
		nr += !!group[nr];
	}
	if (!ckpt_freeze(-1, run->pid, 0, &fz))
		ckpt_freeze_kill(fz, DIE_MS);
	kill(run->pid, SIGKILL);
	while (waitpid(run->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	ckpt_thaw(fz);
	remove_groups(group, group ? nr : 0);
	ckpt_pids_free(&tree);
	close(run->dev);
}

static int read_container(struct verify_run *run)
{
	struct verify_run look = *run;
	struct ckpt_image *img = ckpt_image_open_fn(read_first, &look);
	struct ckpt_head head;
	int err = img ? ckpt_head_read(img, &head) :
			ckpt_set_error(-ENOMEM, "out of memory");

	if (!err) {
		run->container = !head.container->subtree;
		ckpt_head_free(&head);
	}
	ckpt_image_close(img);
	return err;
}

static int verify_begin(struct verify_run *run)
{
	struct ckpt_restart_opts opts = *run->opts;
	struct timespec ts;
	struct stat st;
	int err;

	run->pos = lseek(opts.fd, 0, SEEK_CUR);
	if (run->pos < 0 || fstat(opts.fd, &st) || !S_ISREG(st.st_mode))
		return ckpt_set_error(-ESPIPE,
				      "--verify reads the image twice: it must be in a file");
	err = read_container(run);
	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	run->compare.started = ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
	run->compare.fresh_pids = opts.flags & CKPT_RESTART_PIDS_FRESH;
	opts.flags |= CKPT_RESTART_LEAVE_FROZEN | CKPT_RESTART_NO_WAIT |
		      CKPT_RESTART_VERIFY;
	run->pid = ckpt_restart_leased(&opts, &run->dev);
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
