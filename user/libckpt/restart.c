// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole of a restart.
 *
 * The head of the image says which tasks to make.  They are made with their old
 * pids (clone3 with set_tid), join the session and wait; this process then
 * coordinates.  A caller that may not choose pids gets a user and a pid
 * namespace of its own: a helper, its init, coordinates there, and this
 * process stands in for it.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hierarchy.h"

#define FREEZE_SECONDS 10

struct restart_run {
	const struct ckpt_restart_opts *opts;
	int dev;
	struct ckpt_log log;
	struct ckpt_image *img;
	struct ckpt_head head;
	int root_fd; /* of opts->root */
	__u64 total; /* bytes of the image, or 0 */
	__u64 flags; /* RESTART_* */
	struct ckpt_hierarchy *tree;
	pid_t child;
	int status_fd; /* the helper tells the program's wait status there */
	struct ckpt_restart_stats stats;
	unsigned long long start, lap; /* when it began, and its current step */
};

static const struct ckpt_hdr_tree_task *root_task(const struct restart_run *run)
{
	return run->head.task[0];
}

static void note(const struct restart_run *run, const char *text)
{
	if (run->opts->notes)
		ckpt_put(run->opts->notes, "%s\n", text);
}

/* The kernel's own words, where it has said something. */
static int kernel_failed(struct restart_run *run, int err)
{
	char line[512];

	if (ckpt_stop_requested())
		return ckpt_set_error(-EINTR, "interrupted");
	if (ckpt_log_error(&run->log, line, sizeof(line)))
		return ckpt_set_error(err, "%s", line);
	return err;
}

/* ---- another root directory ---- */

static int root_open(struct restart_run *run)
{
	const char *root = run->opts->root;

	if (!root)
		return 0;
	run->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->root_fd >= 0)
		return 0;
	return ckpt_set_error(-errno, "--root %s: %s", root, strerror(errno));
}

/* Return: 0 or a negative errno (without text). */
static int root_enter(const struct restart_run *run)
{
	if (!run->opts->root)
		return 0;
	return fchdir(run->root_fd) || chroot(".") ? -errno : 0;
}

/* ---- the tasks ---- */

/* All that they need: they get it with the coordinator's memory. */
static int tree_prepare(struct restart_run *run)
{
	struct ckpt_hierarchy *h = run->tree;
	bool frozen = run->flags & RESTART_FROZEN;
	bool fresh = run->flags & RESTART_FRESH_PIDS;

	h->root_fd = run->root_fd;
	h->root = run->opts->root;
	h->arg = (struct ckpt_ioc_restart){
		.size = sizeof(h->arg),
		.fd = run->opts->fd,
		.logfd = run->log.fd,
		.flags = run->flags,
	};
	return ckpt_places_find(h, run->opts->flags & CKPT_RESTART_NO_CGROUP,
				frozen,
				fresh || h->pid_ns ? getpid() :
						     root_task(run)->pid);
}

static void tree_kill(struct restart_run *run)
{
	if (run->child > 0)
		ckpt_birth_undo(run->tree);
	run->child = 0;
}

/* Return: 0; -EPERM (without text): the caller may not choose pids. */
static int tree_spawn(struct restart_run *run)
{
	pid_t pid;

	run->tree->dev = run->dev;
	run->tree->arg.flags = run->flags;
	pid = ckpt_birth_root(run->tree);
	if (pid == -EPERM)
		return -EPERM;
	if (pid < 0)
		return ckpt_birth_error(root_task(run)->pid, pid);
	run->child = pid;
	return 0;
}

/* ---- left frozen ---- */

static int tree_freeze(struct restart_run *run)
{
	struct ckpt_hierarchy *h = run->tree;
	FILE *to = run->opts->notes;
	char file[PATH_MAX], word[2 * PATH_MAX];
	__u32 i, nr = 0;
	int err = ckpt_places_freeze(h, FREEZE_SECONDS);

	if (err || !to || run->opts->flags & CKPT_RESTART_VERIFY)
		return err;
	for (i = 0; i < h->nr_places; i++)
		nr += !!h->place[i].group;
	fprintf(to, "pid %d is frozen; to thaw it: echo 0 %s", run->child,
		nr > 1 ? "| tee" : ">");
	for (i = 0; i < h->nr_places; i++) {
		if (!h->place[i].group)
			continue;
		snprintf(file, sizeof(file), "%s/cgroup.freeze",
			 h->place[i].group);
		ckpt_put(to, " %s", ckpt_shell_word(file, word, sizeof(word)));
	}
	putc('\n', to);
	return 0;
}

/* ---- the coordinator ---- */

/* What the kernel tells of a restart that has succeeded. */
static void take_figures(struct restart_run *run,
			 const struct ckpt_ioc_restart *arg)
{
	struct ckpt_restart_stats *stats = &run->stats;
	struct ckpt_ioc_progress at;

	stats->restore_ns = arg->restore_ns;
	stats->commit_ns = arg->commit_ns;
	stats->pages = arg->pages;
	if (!ckpt_ioctl_progress(run->dev, &at))
		stats->bytes = at.done;
}

static int coordinate_kernel(struct restart_run *run)
{
	const struct ckpt_restart_opts *opts = run->opts;
	struct ckpt_ioc_restart arg = {
		.pid = run->child,
		.fd = opts->fd,
		.logfd = run->log.fd,
		.flags = run->flags,
		.head = (uintptr_t)run->head.raw,
		.head_len = run->head.raw_len,
		.inherit = (uintptr_t)opts->inherit,
		.nr_inherit = opts->nr_inherit,
		.workers = opts->workers,
	};
	struct ckpt_progress *progress;
	int err;

	progress = ckpt_progress_start(opts->progress, "restart", run->dev,
				       run->total, true);
	ckpt_stop_kills(run->child);
	err = ckpt_ioctl_restart(run->dev, &arg);
	ckpt_stop_kills(0);
	ckpt_progress_stop(progress);
	if (!err) {
		take_figures(run, &arg);
		return 0;
	}
	/* a task that never got to the kernel knows why that has failed */
	return ckpt_birth_failed(run->tree, CKPT_STAGE_MAKE) ?:
		       kernel_failed(run, err);
}

/* The tasks are there, or soon: make the program of them. */
static int coordinate_tree(struct restart_run *run)
{
	int err;

	ckpt_stop_kills(run->child);
	err = ckpt_places_lease(run->tree, run->dev);
	if (!err)
		err = ckpt_birth_ghosts(run->tree);
	if (!err)
		err = ckpt_birth_wait(run->tree);
	ckpt_stop_kills(0);
	run->stats.make_ns = ckpt_lap_ns(&run->lap);
	if (!err)
		err = coordinate_kernel(run);
	if (!err)
		ckpt_birth_ghosts_reap(run->tree);
	ckpt_lap_ns(&run->lap);
	if (!err && run->flags & RESTART_FROZEN) {
		err = tree_freeze(run);
		run->stats.freeze_ns = ckpt_lap_ns(&run->lap);
	}
	/* they are there to stay, unless the caller goes on holding the session */
	if (!err && !(run->opts->flags & CKPT_RESTART_VERIFY))
		err = ckpt_places_keep(run->tree, run->dev);
	return err;
}

static int coordinate(struct restart_run *run)
{
	char why[1024];
	int err = coordinate_tree(run);

	if (run->flags & RESTART_FOREGROUND)
		ckpt_terminal_lent();
	if (err) {
		snprintf(why, sizeof(why), "%s", ckpt_error());
		tree_kill(run);
		ckpt_terminal_return();
		return ckpt_set_error(err, "%s", why);
	}
	ckpt_places_note(run->tree, run->opts->notes);
	ckpt_log_notes(&run->log, run->opts->notes);
	if (run->opts->verbose && run->tree->nr > 1)
		fprintf(run->opts->verbose, "restarted as pid %d, %u tasks\n",
			run->child, run->tree->nr);
	else if (run->opts->verbose)
		fprintf(run->opts->verbose, "restarted as pid %d\n",
			run->child);
	return 0;
}

static void set_time(struct restart_run *run)
{
	int err = ckpt_timens_enter(root_task(run));

	if (err)
		run->flags |= RESTART_NO_TIMENS;
	else
		run->flags &= ~RESTART_NO_TIMENS;
}

static void warn_time(struct restart_run *run)
{
	if (run->flags & RESTART_NO_TIMENS)
		note(run,
		     "no time namespace (that takes CAP_SYS_ADMIN): CLOCK_MONOTONIC jumps for the program, absolute sleeps may end early or late");
}

/* ---- in a namespace of its own ---- */

struct helper_report {
	int err; /* 0 or a negative errno */
	struct ckpt_restart_stats stats;
	char text[1024];
};

/* Nobody waits: neither the terminal nor a pipe or file is to know of the helper. */
static void helper_detach(int report_fd)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (report_fd > fd)
		close_range(fd, report_fd - 1, 0);
	if (report_fd >= fd)
		fd = report_fd + 1;
	close_range(fd, ~0U, 0);
}

static bool has_children(void)
{
	siginfo_t info;

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
}

/* The root has ended, the rest of the tree has not: with its init it would. */
static void helper_stay(int report_fd)
{
	helper_detach(report_fd);
	close(report_fd);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

/*
 * The init of the new pid namespace: coordinates, and waits for the rest.  No
 * signal of its own namespace can kill an init, so that the program's status
 * goes through the pipe, too.
 */
static void __attribute__((noreturn))
helper_main(struct restart_run *run, const int *fds)
{
	int report_fd = fds[1];
	struct helper_report report = { 0 };
	int status[2] = { 0, 0 }; /* the root's; whether there are others */

	close(fds[0]);
	run->lap = ckpt_now_ns(); /* of this time namespace */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(run->dev); /* the session is that of who opened it */
	run->dev = ckpt_open();
	report.err = run->dev < 0 ? run->dev : tree_spawn(run);
	if (report.err == -EPERM)
		ckpt_set_error(-EPERM, "cannot choose the pid: use --no-pids");
	if (!report.err)
		report.err = coordinate(run);
	report.stats = run->stats;
	snprintf(report.text, sizeof(report.text), "%s", ckpt_error());
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(report_fd, &report, sizeof(report)) != sizeof(report) ||
	    report.err)
		_exit(1);
	close(run->dev);
	close(run->opts->fd);
	if (run->opts->flags & CKPT_RESTART_NO_WAIT)
		helper_detach(report_fd);
	if (ckpt_wait_passing(run->child, &status[0]))
		_exit(1);
	status[1] = has_children();
	signal(SIGPIPE, SIG_IGN);
	/* with nobody left who asks, those of the tree that are left live on */
	if (write(report_fd, status, sizeof(status)) < 0 && !status[1])
		_exit(1);
	if (status[1])
		helper_stay(report_fd);
	_exit(WIFSIGNALED(status[0]) ? 128 + WTERMSIG(status[0]) :
				       WEXITSTATUS(status[0]));
}

static int helper_start(struct restart_run *run)
{
	struct helper_report report = { .err = -EIO };
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return ckpt_set_error(-errno, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (!pid)
		helper_main(run, fds);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return ckpt_set_error(-EAGAIN, "fork failed");
	}
	ckpt_stop_kills(pid);
	do
		n = read(fds[0], &report, sizeof(report));
	while (n < 0 && errno == EINTR);
	ckpt_stop_kills(0);
	if (n == sizeof(report) && !report.err) {
		report.stats.head_ns = run->stats.head_ns;
		run->stats = report.stats;
		run->child = pid;
		run->status_fd = fds[0];
		return 0;
	}
	close(fds[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (ckpt_stop_requested())
		return ckpt_set_error(-EINTR, "interrupted");
	if (n != sizeof(report))
		return ckpt_set_error(-EIO, "the restart's helper has died");
	return ckpt_set_error(report.err, "%s", report.text);
}

static int restart_in_namespace(struct restart_run *run)
{
	pid_t pid = root_task(run)->pid;
	int err;

	if (run->tree->pid_ns)
		return ckpt_set_error(
			-EPERM,
			"the image has a pid namespace of its own, which takes CAP_SYS_ADMIN: run as root");
	if (pid == 1)
		return ckpt_set_error(-EPERM,
				      "cannot choose pid 1: use --no-pids");
	if (run->opts->flags & CKPT_RESTART_VERIFY)
		return ckpt_set_error(-EPERM,
				      "pid %d cannot be chosen without CAP_CHECKPOINT_RESTORE: use --no-pids",
				      pid);
	err = ckpt_userns_enter();
	if (err)
		return ckpt_set_error(-EPERM,
				      "pid %d cannot be chosen without CAP_CHECKPOINT_RESTORE, nor in a user namespace (%s): use --no-pids",
				      pid, strerror(-err));
	note(run,
	     "no right to choose pids (CAP_CHECKPOINT_RESTORE): restarting in a user and pid namespace of its own");
	set_time(run);
	warn_time(run);
	return helper_start(run);
}

/* ---- altogether ---- */

static int restart_in_place(struct restart_run *run)
{
	const struct ckpt_restart_opts *opts = run->opts;
	struct ckpt_ioc_restart arg = {
		.fd = opts->fd,
		.logfd = run->log.fd,
		.flags = opts->kernel_flags | RESTART_TASKSELF |
			 RESTART_NO_TIMENS | RESTART_FRESH_PIDS,
		.workers = opts->workers,
		.inherit = (uintptr_t)opts->inherit,
		.nr_inherit = opts->nr_inherit,
	};
	int err = root_enter(run);

	if (err)
		return ckpt_root_error(opts->root, err);
	err = ckpt_ioctl_restart(run->dev, &arg);
	return kernel_failed(run, err < 0 ? err : -EIO);
}

/* Bytes of the image, from here to the end of its file; 0: not known. */
static __u64 image_size(int fd)
{
	off_t pos = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (pos < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    pos >= st.st_size)
		return 0;
	return st.st_size - pos;
}

static int read_head(struct restart_run *run)
{
	int err;

	run->total = image_size(run->opts->fd);
	run->img = ckpt_image_open(run->opts->fd);
	if (!run->img)
		return -ENOMEM;
	err = ckpt_head_read(run->img, &run->head);
	if (err)
		return err;
	return ckpt_hierarchy_plan(&run->head, &run->tree);
}

/* For a program that runs until we return. */
static bool stands_in(const struct restart_run *run)
{
	return !(run->opts->flags &
		 (CKPT_RESTART_NO_WAIT | CKPT_RESTART_LEAVE_FROZEN));
}

static int restart_tree(struct restart_run *run)
{
	int err;

	ckpt_sweep();
	err = read_head(run);
	if (err)
		return err;
	run->flags = run->opts->kernel_flags;
	/* in a new pid namespace all numbers are free */
	if (run->opts->flags & CKPT_RESTART_PIDS_FRESH && !run->tree->pid_ns)
		run->flags |= RESTART_FRESH_PIDS;
	if (run->opts->flags & CKPT_RESTART_LEAVE_FROZEN)
		run->flags |= RESTART_FROZEN;
	err = tree_prepare(run);
	if (err)
		return err;
	run->stats.tasks = run->tree->nr;
	run->stats.head_ns = ckpt_lap_ns(&run->lap);
	set_time(run);
	err = tree_spawn(run);
	if (err == -EPERM)
		return restart_in_namespace(run);
	if (err)
		return err;
	ckpt_timens_leave();
	warn_time(run);
	if (stands_in(run) && ckpt_terminal_open())
		run->flags |= RESTART_FOREGROUND;
	return coordinate(run);
}

static int restart_begin(struct restart_run *run)
{
	int err = ckpt_log_open(&run->log, run->opts->log);

	if (!err)
		err = root_open(run);
	if (err)
		return err;
	run->dev = ckpt_open();
	if (run->dev < 0)
		return run->dev;
	if (run->opts->flags & CKPT_RESTART_IN_PLACE)
		return restart_in_place(run);
	return restart_tree(run);
}

static void tell_figures(struct restart_run *run)
{
	run->stats.pid = run->child;
	run->stats.total_ns = ckpt_now_ns() - run->start;
	if (run->opts->running)
		run->opts->running(run->opts->arg, &run->stats);
}

/* The child may be the helper, which tells and may have others to wait for. */
static int wait_for_end(struct restart_run *run, int *status)
{
	int told[2];
	ssize_t n;

	if (run->status_fd < 0)
		return ckpt_wait_passing(run->child, status);
	ckpt_wait_pass_on(run->child);
	do
		n = read(run->status_fd, told, sizeof(told));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(told) && told[1]) {
		*status = told[0];
		return 0;
	}
	n = n == sizeof(told);
	if (ckpt_wait_passing(run->child, status))
		return -ECHILD;
	if (n)
		*status = told[0];
	return 0;
}

static int restart(const struct ckpt_restart_opts *opts, int *status, int *dev)
{
	struct restart_run run = {
		.opts = opts,
		.dev = -1,
		.log.fd = -1,
		.root_fd = -1,
		.status_fd = -1,
		.start = ckpt_now_ns(),
	};
	int err;

	run.lap = run.start;
	err = restart_begin(&run);
	if (!err)
		tell_figures(&run);
	ckpt_log_close(&run.log);
	ckpt_hierarchy_free(run.tree);
	ckpt_head_free(&run.head);
	ckpt_image_close(run.img);
	if (dev && !err)
		*dev = run.dev;
	else if (run.dev >= 0)
		close(run.dev);
	if (!err && !(opts->flags & CKPT_RESTART_NO_WAIT))
		err = wait_for_end(&run, status);
	if (run.root_fd >= 0)
		close(run.root_fd);
	if (run.status_fd >= 0)
		close(run.status_fd);
	return err ?: run.child;
}

int ckpt_restart(const struct ckpt_restart_opts *opts, int *status)
{
	return restart(opts, status, NULL);
}

/**
 * ckpt_restart_leased() - bring a program back, frozen, for as long as we live
 * @opts: what to do, with CKPT_RESTART_VERIFY, _LEAVE_FROZEN and _NO_WAIT
 * @dev: the session; when it ends, the program, if there is one yet, is killed
 *
 * Return: the program's pid, or a negative errno.
 */
int ckpt_restart_leased(const struct ckpt_restart_opts *opts, int *dev)
{
	return restart(opts, NULL, dev);
}
