// SPDX-License-Identifier: GPL-2.0-only
/* A checkpoint of another process, from its freezing to its thaw. */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "lib.h"

#define DIE_MS 10000 /* a killed process is gone by then */

struct checkpoint_run {
	const struct ckpt_checkpoint_opts *opts;
	int dev;
	int pidfd;
	struct ckpt_output out;
	struct ckpt_log log;
	struct ckpt_freeze *fz;
	struct ckpt_ioc_checkpoint arg;
};

static int open_pidfd(struct checkpoint_run *run)
{
	pid_t pid = run->opts->pid;

	run->pidfd = ckpt_pidfd_open(pid);
	if (run->pidfd >= 0)
		return 0;
	if (run->pidfd == -ESRCH)
		return ckpt_set_error(-ESRCH, "pid %d: no such process", pid);
	return ckpt_set_error(run->pidfd, "pid %d: %s", pid,
			      strerror(-run->pidfd));
}

static int checkpoint_prepare(struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	int err;

	err = ckpt_process_check(opts->pid);
	if (!err) /* before anything takes the number of a closed one */
		err = ckpt_output_open(&run->out, opts->out, opts->out_fd);
	if (!err)
		err = open_pidfd(run);
	if (!err)
		err = ckpt_log_open(&run->log, opts->log);
	if (err)
		return err;
	run->dev = ckpt_open();
	return run->dev < 0 ? run->dev : 0;
}

/* The image, written while the process is frozen. */
static int checkpoint_write(struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	struct ckpt_progress *progress;
	char line[CKPT_ERR_MAX];
	int ret;

	run->arg = (struct ckpt_ioc_checkpoint){
		.pid = opts->pid,
		.fd = run->out.fd,
		.logfd = run->log.fd,
		.flags = (opts->container ? 0 : CHECKPOINT_SUBTREE) |
			 (opts->out ? CHECKPOINT_SYNC_FILES : 0),
	};
	progress = ckpt_progress_start(opts->progress, "checkpoint", run->dev,
				       0, false);
	ret = ckpt_ioctl_checkpoint(run->dev, &run->arg);
	ckpt_progress_stop(progress);
	if (ckpt_stop_requested())
		return ckpt_set_error(-EINTR, "interrupted");
	if (ret < 0 && ckpt_log_error(&run->log, line, sizeof(line)))
		return ckpt_set_error(ret, "%s", line);
	return ret;
}

static int checkpoint_kill(struct checkpoint_run *run)
{
	int err = ckpt_pidfd_kill(run->pidfd, SIGKILL);

	if (err && err != -ESRCH)
		return ckpt_set_error(err, "pid %d: cannot kill it: %s",
				      run->opts->pid, strerror(-err));
	ckpt_freeze_let_die(run->fz);
	ckpt_pidfd_wait(run->pidfd, DIE_MS);
	return 0;
}

static int checkpoint_leave(struct checkpoint_run *run)
{
	struct ckpt_freeze *fz = run->fz;
	char path[PATH_MAX + 32];
	int err;

	run->fz = NULL;
	if (!run->opts->frozen)
		return ckpt_thaw(fz);
	err = ckpt_freeze_keep(fz, path, sizeof(path));
	if (!err && run->opts->notes)
		fprintf(run->opts->notes,
			"pid %d is frozen; to thaw it: echo %s > %s\n",
			run->opts->pid,
			strstr(path, "/freezer.state") ? "THAWED" : "0", path);
	return err;
}

/*
 * The process may run on while the image is synced; it may only be killed once
 * that has succeeded.
 */
static int checkpoint_finish(struct checkpoint_run *run)
{
	int err;

	if (run->opts->kill) {
		err = ckpt_output_commit(&run->out, true);
		if (!err)
			err = checkpoint_kill(run);
		return err ? err : checkpoint_leave(run);
	}
	err = checkpoint_leave(run);
	return err ? err : ckpt_output_commit(&run->out, run->opts->out);
}

static int checkpoint_run(struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	int id, err;

	err = checkpoint_prepare(run);
	if (err)
		return err;
	ckpt_sweep();
	err = ckpt_freeze(run->dev, opts->pid,
			  opts->frozen ? CKPT_FREEZE_KEEP : 0, &run->fz);
	if (err)
		return err;
	/* the number could have gone to another process meanwhile */
	if (ckpt_pidfd_wait(run->pidfd, 0))
		return ckpt_set_error(-ESRCH, "pid %d: it has exited",
				      opts->pid);
	id = checkpoint_write(run);
	if (id < 0)
		return id;
	err = checkpoint_finish(run);
	if (err)
		return err;
	if (opts->verbose)
		fprintf(opts->verbose,
			"checkpoint %d: %llu bytes, %llu pages stored, %llu pages of zeros\n",
			id, (unsigned long long)run->arg.bytes,
			(unsigned long long)run->arg.pages,
			(unsigned long long)run->arg.zero_pages);
	return id;
}

int ckpt_checkpoint(const struct ckpt_checkpoint_opts *opts)
{
	struct checkpoint_run run = {
		.opts = opts,
		.dev = -1,
		.pidfd = -1,
		.out.fd = -1,
		.log.fd = -1,
	};
	char why[1024];
	int id;

	id = checkpoint_run(&run);
	snprintf(why, sizeof(why), "%s", ckpt_error());
	ckpt_thaw(run.fz);
	ckpt_output_abort(&run.out);
	ckpt_log_close(&run.log);
	if (run.pidfd >= 0)
		close(run.pidfd);
	if (run.dev >= 0)
		close(run.dev);
	return id < 0 ? ckpt_set_error(id, "%s", why) : id;
}
