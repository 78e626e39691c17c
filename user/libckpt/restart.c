// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole of a restart.
 *
 * The head of the image says which task to make.  It is made with its old pid
 * (clone3 with set_tid), joins the session and waits; this process then
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
#include "lib.h"

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
	pid_t child;
	int status_fd; /* the helper tells the program's wait status there */
	int group_lock; /* of group, or -1 */
	char group[PATH_MAX]; /* the child's, to be left frozen */
};

static const struct ckpt_hdr_tree_task *root_task(const struct restart_run *run)
{
	return run->head.task[0];
}

static void note(const struct restart_run *run, const char *text)
{
	if (run->opts->notes)
		fprintf(run->opts->notes, "%s\n", text);
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

static const char *root_why(int err)
{
	return err == -EPERM ? "that takes CAP_SYS_CHROOT" : strerror(-err);
}

/* ---- the task ---- */

/* The child's whole life, until the kernel makes another program of it. */
static void __attribute__((noreturn)) task_main(struct restart_run *run)
{
	const struct ckpt_hdr_tree_task *t = root_task(run);
	struct ckpt_ioc_restart arg = {
		.fd = run->opts->fd,
		.logfd = run->log.fd,
		.flags = run->flags,
	};

	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	err = root_enter(run);
	if (err) { /* where the coordinator looks for what went wrong */
		dprintf(run->log.fd, "--root %s: %s (errno %d)\n",
			run->opts->root, root_why(err), -err);
		_exit(127);
	}
	if (t->sid == t->pid)
		setsid();
	else if (t->pgid == t->pid)
		setpgid(0, 0);
	ckpt_ioctl_restart(run->dev, &arg);
	_exit(127);
}

static void task_kill(struct restart_run *run)
{
	int status;

	if (run->child > 0) {
		kill(run->child, SIGKILL);
		while (waitpid(run->child, &status, __WALL) < 0 &&
		       errno == EINTR)
			;
	}
	run->child = 0;
}

static int spawn_failed(struct restart_run *run, int err)
{
	pid_t pid = root_task(run)->pid;

	if (err == -EEXIST)
		return ckpt_set_error(err,
				      "pid %d is taken: use --no-pids, or end the process that has it",
				      pid);
	if (err == -EINVAL && pid > 1)
		return ckpt_set_error(err,
				      "pid %d is beyond kernel.pid_max here: raise that, or use --no-pids",
				      pid);
	return ckpt_set_error(err, "cannot make process %d: %s", pid,
			      strerror(-err));
}

/* Return: 0; -EPERM (without text): the caller may not choose pids. */
static int task_spawn(struct restart_run *run)
{
	const struct ckpt_hdr_tree_task *t = root_task(run);
	int sig = t->exit_signal > 0 ? t->exit_signal : SIGCHLD;
	pid_t pid;

	fflush(NULL);
	pid = ckpt_spawn(run->flags & RESTART_FRESH_PIDS ? 0 : t->pid, sig);
	if (!pid)
		task_main(run);
	if (pid == -EPERM)
		return -EPERM;
	if (pid < 0)
		return spawn_failed(run, pid);
	run->child = pid;
	return 0;
}

/* ---- left frozen ---- */

static int group_make(struct restart_run *run)
{
	char home[PATH_MAX], name[32];
	int err;

	err = ckpt_cgroup_of(run->child, home, sizeof(home));
	if (err)
		return err;
	snprintf(name, sizeof(name), "ckpt-frozen.%d", run->child);
	err = ckpt_cgroup_make(home, name, run->group, sizeof(run->group),
			       &run->group_lock);
	if (!err)
		err = ckpt_cgroup_move(run->group, run->child);
	if (!err)
		return 0;
	return ckpt_set_error(err, "--frozen: no cgroup below %s: %s", home,
			      strerror(-err));
}

static int group_freeze(struct restart_run *run)
{
	int err;

	err = ckpt_cgroup_write(run->group, "cgroup.freeze", "1");
	if (!err)
		err = ckpt_cgroup_wait_frozen(run->group, FREEZE_SECONDS);
	if (err)
		return ckpt_set_error(err, "--frozen: cannot freeze %s: %s",
				      run->group, strerror(-err));
	if (run->opts->notes && !(run->opts->flags & CKPT_RESTART_VERIFY))
		fprintf(run->opts->notes,
			"pid %d is frozen; to thaw it: echo 0 > %s/cgroup.freeze\n",
			run->child, run->group);
	return 0;
}

static void group_drop(struct restart_run *run, bool remove)
{
	if (run->group_lock < 0)
		return;
	if (remove)
		rmdir(run->group);
	close(run->group_lock);
	run->group_lock = -1;
}

/* ---- the coordinator ---- */

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
	};
	struct ckpt_progress *progress;
	int err;

	progress = ckpt_progress_start(opts->progress, "restart", run->dev,
				       run->total, true);
	ckpt_stop_kills(run->child);
	err = ckpt_ioctl_restart(run->dev, &arg);
	ckpt_stop_kills(0);
	ckpt_progress_stop(progress);
	return err ? kernel_failed(run, err) : 0;
}

/* Where it was: before it has memory, which is then counted there. */
static void join_cgroup(struct restart_run *run)
{
	const struct ckpt_hdr_tree_task *t = root_task(run);
	const char *path = (const char *)&t->pids[t->nr_levels];
	int err;

	if (t->cgroup_len <= 1 || run->opts->flags & CKPT_RESTART_NO_CGROUP)
		return;
	err = ckpt_cgroup_join(run->child, path);
	if (err && run->opts->notes)
		fprintf(run->opts->notes,
			"it was in the cgroup %s and cannot go back there (%s): it is in yours; --no-cgroup to leave it so\n",
			path, strerror(-err));
}

/* The child is there: make the program of it. */
static int coordinate(struct restart_run *run)
{
	int err = 0;

	join_cgroup(run);
	if (run->flags & RESTART_FROZEN)
		err = group_make(run);
	if (!err)
		err = coordinate_kernel(run);
	if (!err && run->flags & RESTART_FROZEN)
		err = group_freeze(run);
	if (err)
		task_kill(run);
	group_drop(run, err);
	if (!err)
		ckpt_log_notes(&run->log, run->opts->notes);
	if (!err && run->opts->verbose)
		fprintf(run->opts->verbose, "restarted as pid %d\n",
			run->child);
	return err;
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
	pid_t pid;
	char text[1024];
};

/* Nobody waits: neither the terminal nor a pipe is to know of the helper. */
static void helper_detach(void)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
}

/*
 * The init of the new pid namespace: coordinates, and waits for the rest.  No
 * signal of its own namespace can kill an init, so that the program's status
 * goes through the pipe, too.
 */
static void __attribute__((noreturn))
helper_main(struct restart_run *run, int report_fd)
{
	struct helper_report report = { 0 };
	int status = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(run->dev); /* the session is that of who opened it */
	run->dev = ckpt_open();
	report.err = run->dev < 0 ? run->dev : task_spawn(run);
	if (report.err == -EPERM)
		ckpt_set_error(-EPERM, "cannot choose the pid: use --no-pids");
	if (!report.err)
		report.err = coordinate(run);
	report.pid = run->child;
	snprintf(report.text, sizeof(report.text), "%s", ckpt_error());
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(report_fd, &report, sizeof(report)) != sizeof(report) ||
	    report.err)
		_exit(1);
	close(run->dev);
	close(run->opts->fd);
	if (run->opts->flags & CKPT_RESTART_NO_WAIT)
		helper_detach();
	if (ckpt_wait_passing(run->child, &status))
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	if (write(report_fd, &status, sizeof(status)) < 0)
		_exit(1);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				    WEXITSTATUS(status));
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
		helper_main(run, fds[1]);
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
		.inherit = (uintptr_t)opts->inherit,
		.nr_inherit = opts->nr_inherit,
	};
	int err = root_enter(run);

	if (err)
		return ckpt_set_error(err, "--root %s: %s", opts->root,
				      root_why(err));
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
	if (run->head.nr_tasks > 1)
		return ckpt_set_error(-EOPNOTSUPP,
				      "image: a tree of %u tasks is not supported",
				      run->head.nr_tasks);
	return 0;
}

static int restart_tree(struct restart_run *run)
{
	int err;

	ckpt_sweep();
	err = read_head(run);
	if (err)
		return err;
	run->flags = run->opts->kernel_flags;
	if (run->opts->flags & CKPT_RESTART_PIDS_FRESH)
		run->flags |= RESTART_FRESH_PIDS;
	if (run->opts->flags & CKPT_RESTART_LEAVE_FROZEN)
		run->flags |= RESTART_FROZEN;
	set_time(run);
	err = task_spawn(run);
	if (err == -EPERM)
		return restart_in_namespace(run);
	if (err)
		return err;
	ckpt_timens_leave();
	warn_time(run);
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

/* The child may be the helper, whose own status tells less. */
static int wait_for_end(struct restart_run *run, int *status)
{
	int told, err = ckpt_wait_passing(run->child, status);

	if (!err && run->status_fd >= 0 &&
	    read(run->status_fd, &told, sizeof(told)) == sizeof(told))
		*status = told;
	return err;
}

int ckpt_restart(const struct ckpt_restart_opts *opts, int *status)
{
	struct restart_run run = {
		.opts = opts,
		.dev = -1,
		.log.fd = -1,
		.root_fd = -1,
		.status_fd = -1,
		.group_lock = -1,
	};
	int err;

	err = restart_begin(&run);
	ckpt_log_close(&run.log);
	ckpt_head_free(&run.head);
	ckpt_image_close(run.img);
	if (run.dev >= 0)
		close(run.dev);
	if (!err && !(opts->flags & CKPT_RESTART_NO_WAIT))
		err = wait_for_end(&run, status);
	if (run.root_fd >= 0)
		close(run.root_fd);
	if (run.status_fd >= 0)
		close(run.status_fd);
	return err ?: run.child;
}
