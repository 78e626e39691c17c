// SPDX-License-Identifier: GPL-2.0-only
/* A checkpoint of another process, from its freezing to its thaw. */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define DIE_MS 10000 /* a killed process is gone by then */
#define TRIES 10 /* to meet the tasks where they can be saved */
#define FIRST_PAUSE_NS 500000 /* between them, doubled each time */

struct checkpoint_run {
	const struct ckpt_checkpoint_opts *opts;
	int dev;
	int pidfd;
	bool own_pidfd;
	struct ckpt_output out;
	struct ckpt_log log;
	struct ckpt_freeze *fz;
	struct ckpt_ioc_checkpoint arg;
	struct ckpt_ioc_stream done;
	struct ckpt_stats stats;
	unsigned long long start, frozen; /* since when */
	bool told; /* progress was shown */
};

/* Whether the processes run on while the image is written. */
static bool takes_snapshot(const struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;

	return !opts->kill && !opts->frozen && !opts->stop_copy;
}

static int open_pidfd(struct checkpoint_run *run)
{
	pid_t pid = run->opts->pid;

	if (run->pidfd >= 0)
		return 0;
	run->pidfd = ckpt_pidfd_open(pid);
	run->own_pidfd = run->pidfd >= 0;
	if (run->own_pidfd)
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

/* What an ioctl of the checkpoint has returned, with the kernel's own words. */
static int checkpoint_result(struct checkpoint_run *run, int ret)
{
	char line[CKPT_ERR_MAX];

	if (ckpt_stop_requested())
		return ckpt_set_error(-EINTR, "interrupted");
	if (ret < 0 && ckpt_log_error(&run->log, line, sizeof(line)))
		return ckpt_set_error(ret, "%s", line);
	return ret;
}

/* The image, written while the tasks are frozen, or the snapshot for it. */
static int checkpoint_write(struct checkpoint_run *run, bool last_try)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	struct ckpt_progress *progress;
	int ret;

	run->arg = (struct ckpt_ioc_checkpoint){
		.pid = opts->pid,
		.fd = run->out.fd,
		.logfd = run->log.fd,
		.flags = (opts->container ? 0 : CHECKPOINT_SUBTREE) |
			 (opts->out ? CHECKPOINT_SYNC_FILES : 0) |
			 (takes_snapshot(run) ? CHECKPOINT_SNAPSHOT : 0) |
			 (last_try ? 0 : CHECKPOINT_TRY),
		.max_extra = takes_snapshot(run) ? opts->max_extra : 0,
		.compress = opts->compress,
		.workers = opts->workers,
	};
	progress = ckpt_progress_start(opts->progress, "checkpoint", run->dev,
				       0, false);
	ret = ckpt_ioctl_checkpoint(run->dev, &run->arg);
	run->told |= ckpt_progress_stop(progress);
	run->done.bytes = run->arg.bytes;
	run->done.pages = run->arg.pages;
	run->done.zero_pages = run->arg.zero_pages;
	run->done.shared_pages = run->arg.shared_pages;
	run->done.stream_ns = run->arg.stream_ns;
	return checkpoint_result(run, ret);
}

/* The image, written while the tasks run. */
static int checkpoint_stream(struct checkpoint_run *run)
{
	struct ckpt_progress *progress;
	int ret;

	progress = ckpt_progress_start(run->opts->progress, "checkpoint",
				       run->dev, 0, false);
	run->done = (struct ckpt_ioc_stream){
		.fd = run->arg.fd,
		.logfd = run->log.fd,
	};
	ret = ckpt_ioctl_stream(run->dev, &run->done);
	run->told |= ckpt_progress_stop(progress);
	ret = checkpoint_result(run, ret);
	return ret < 0 ? ret : 0;
}

static bool has_ended(int pidfd)
{
	return pidfd >= 0 && ckpt_pidfd_wait(pidfd, 0) > 0;
}

/*
 * A task that was frozen on its way through something that no image can hold
 * (a child of vfork() that has not executed its program, a thread that exits)
 * is let run on for a moment.
 */
static int checkpoint_try(struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	struct timespec pause = { .tv_nsec = FIRST_PAUSE_NS };
	int id, try;

	for (try = 1;; try++) {
		run->stats.tries = try;
		run->frozen = ckpt_now_ns();
		id = ckpt_freeze(run->dev, opts->pid,
				 opts->frozen ? CKPT_FREEZE_KEEP : 0, &run->fz);
		if (id)
			return id;
		run->stats.freeze_ns = ckpt_now_ns() - run->frozen;
		/* the number could have gone to another process meanwhile */
		if (has_ended(run->pidfd))
			return ckpt_set_error(-ESRCH, "pid %d: it has exited",
					      opts->pid);
		id = checkpoint_write(run, try == TRIES);
		if (id != -EAGAIN || try == TRIES)
			return id;
		id = ckpt_thaw(run->fz);
		run->fz = NULL;
		if (id)
			return id;
		nanosleep(&pause, NULL);
		pause.tv_nsec *= 2;
	}
}

static int checkpoint_leave(struct checkpoint_run *run)
{
	unsigned long long start = ckpt_now_ns();
	struct ckpt_stats *stats = &run->stats;
	struct ckpt_freeze *fz = run->fz;
	char path[16 * PATH_MAX];
	bool v1;
	int err;

	run->fz = NULL;
	if (!run->opts->frozen) {
		err = ckpt_freeze_end(fz, &stats->stop_ns);
		stats->thaw_ns = ckpt_now_ns() - start;
		stats->stopped = !run->opts->kill;
		return err;
	}
	err = ckpt_freeze_keep(fz, path, sizeof(path));
	v1 = strstr(path, "/freezer.state");
	if (!err && run->opts->notes)
		ckpt_put(run->opts->notes,
			 "pid %d is frozen; to thaw it: echo %s %s %s\n",
			 run->opts->pid, v1 ? "THAWED" : "0",
			 strchr(path, ' ') ? "| tee" : ">", path);
	return err;
}

static int checkpoint_commit(struct checkpoint_run *run)
{
	bool sync = run->opts->kill || run->opts->out;
	unsigned long long start = ckpt_now_ns();
	int err = ckpt_output_commit(&run->out, sync);

	run->stats.commit_ns = ckpt_now_ns() - start;
	return err;
}

/*
 * The process may run on while the image is written from a snapshot, and while
 * it is synced; it may only be killed once that has succeeded.
 */
static int checkpoint_finish(struct checkpoint_run *run)
{
	int err;

	/* if there is no image in the end, it runs on */
	if (run->opts->kill || run->opts->frozen) {
		err = checkpoint_commit(run);
		if (!err && run->opts->kill)
			err = ckpt_freeze_kill(run->fz, DIE_MS);
		return err ? err : checkpoint_leave(run);
	}
	err = checkpoint_leave(run);
	if (!err && takes_snapshot(run))
		err = checkpoint_stream(run);
	return err ? err : checkpoint_commit(run);
}

static void checkpoint_stats(struct checkpoint_run *run, int id)
{
	struct ckpt_stats *stats = &run->stats;

	stats->id = id;
	stats->total_ns = ckpt_now_ns() - run->start;
	stats->collect_ns = run->arg.collect_ns;
	stats->save_ns = run->arg.save_ns;
	stats->snapshot_ns = run->arg.snapshot_ns;
	stats->sync_ns = run->done.sync_ns;
	stats->stream_ns = run->done.stream_ns;
	stats->bytes = run->done.bytes;
	stats->pages = run->done.pages;
	stats->zero_pages = run->done.zero_pages;
	stats->shared_pages = run->done.shared_pages;
}

static void checkpoint_tell(const struct checkpoint_run *run)
{
	const struct ckpt_checkpoint_opts *opts = run->opts;
	const struct ckpt_stats *stats = &run->stats;

	if (opts->stats)
		*opts->stats = *stats;
	if (opts->progress && run->told && !opts->verbose)
		ckpt_progress_sum(opts->progress, "checkpoint", stats);
	if (!opts->verbose)
		return;
	fprintf(opts->verbose,
		"checkpoint %d: %llu bytes, %llu pages stored, %llu pages of zeros\n",
		stats->id, stats->bytes, stats->pages, stats->zero_pages);
	if (stats->stopped)
		fprintf(opts->verbose,
			"checkpoint %d: the processes were stopped for %.1f ms\n",
			stats->id, stats->stop_ns / 1e6);
}

static int checkpoint_run(struct checkpoint_run *run)
{
	int id, err;

	run->start = ckpt_now_ns();
	err = checkpoint_prepare(run);
	if (err)
		return err;
	ckpt_sweep();
	id = checkpoint_try(run);
	if (id < 0)
		return id;
	err = checkpoint_finish(run);
	if (err)
		return err;
	checkpoint_stats(run, id);
	checkpoint_tell(run);
	return id;
}

/**
 * ckpt_checkpoint_held() - checkpoint a process that is held by a pidfd
 * @opts: as for ckpt_checkpoint()
 * @pidfd: of the process, borrowed; or -1
 *
 * Return: as ckpt_checkpoint(); -ESRCH: it has exited, whoever has its pid now.
 */
int ckpt_checkpoint_held(const struct ckpt_checkpoint_opts *opts, int pidfd)
{
	struct checkpoint_run run = {
		.opts = opts,
		.dev = -1,
		.pidfd = pidfd,
		.out.fd = -1,
		.log.fd = -1,
	};
	char why[1024];
	int id;

	if (has_ended(pidfd))
		return ckpt_set_error(-ESRCH, "pid %d: it has exited",
				      opts->pid);
	id = checkpoint_run(&run);
	snprintf(why, sizeof(why), "%s", ckpt_error());
	ckpt_thaw(run.fz);
	ckpt_output_abort(&run.out);
	ckpt_log_close(&run.log);
	if (run.own_pidfd)
		close(run.pidfd);
	if (run.dev >= 0)
		close(run.dev);
	return id < 0 ? ckpt_set_error(id, "%s", why) : id;
}

int ckpt_checkpoint(const struct ckpt_checkpoint_opts *opts)
{
	return ckpt_checkpoint_held(opts, -1);
}
