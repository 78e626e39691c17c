// SPDX-License-Identifier: GPL-2.0-only
/* A checkpoint of another process, from its freezing to its thaw. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "lib.h"

struct operation {
	const struct ckpt_checkpoint_opts *opts;
	struct ckpt_output out;
	struct ckpt_log log;
	struct ckpt_freeze *fz;
	int dev;
	int pidfd;
	int id;
};

/* What the kernel has said is better than what its errno says. */
static int say_why(struct operation *op, int err)
{
	char line[1024];

	if (ckpt_log_error(&op->log, line, sizeof(line)))
		return ckpt_set_error(err, "%s", line);
	return err;
}

static int write_image(struct operation *op)
{
	struct ckpt_ioc_checkpoint arg = {
		.pid = op->opts->pid,
		.fd = op->out.fd,
		.logfd = op->log.fd,
		.flags = (op->opts->container ? 0 : CHECKPOINT_SUBTREE) |
			 (op->opts->out ? CHECKPOINT_SYNC_FILES : 0),
	};
	int id = ckpt_ioctl_checkpoint(op->dev, &arg);

	if (id < 0)
		return say_why(op, id);
	op->id = id;
	if (op->opts->verbose)
		fprintf(op->opts->verbose,
			"checkpoint %d: %llu bytes, %llu pages stored, %llu pages of zeros\n",
			id, (unsigned long long)arg.bytes,
			(unsigned long long)arg.pages,
			(unsigned long long)arg.zero_pages);
	return 0;
}

/* The program stays frozen, or is killed, or goes on. */
static int let_go(struct operation *op)
{
	char path[4352];
	int err;

	if (op->opts->kill) {
		err = ckpt_pidfd_kill(op->pidfd, SIGKILL);
		if (err && err != -ESRCH)
			return ckpt_set_error(err, "pid %d: cannot kill it: %s",
					      op->opts->pid, strerror(-err));
	}
	if (!op->opts->frozen)
		return 0;
	err = ckpt_freeze_keep(op->fz, path, sizeof(path));
	op->fz = NULL;
	if (!err && op->opts->verbose)
		fprintf(op->opts->verbose, "frozen; echo 0 > %s thaws it\n",
			path);
	return err;
}

static int run(struct operation *op)
{
	const struct ckpt_checkpoint_opts *opts = op->opts;
	int err;

	op->pidfd = ckpt_pidfd_open(opts->pid);
	if (op->pidfd < 0)
		return ckpt_set_error(op->pidfd, "pid %d: no such process",
				      opts->pid);
	err = ckpt_freeze(op->dev, opts->pid,
			  opts->frozen ? CKPT_FREEZE_KEEP : 0, &op->fz);
	if (!err)
		err = write_image(op);
	if (err)
		return err;
	if (!opts->kill && !opts->frozen) {
		ckpt_thaw(op->fz);
		op->fz = NULL;
	}
	err = ckpt_output_commit(&op->out, opts->out != NULL);
	return err ? err : let_go(op);
}

static int prepare(struct operation *op)
{
	int err;

	err = ckpt_process_check(op->opts->pid);
	if (!err)
		err = ckpt_output_open(&op->out, op->opts->out,
				       op->opts->out_fd);
	if (!err)
		err = ckpt_log_open(&op->log, op->opts->log);
	if (err)
		return err;
	op->dev = ckpt_open();
	if (op->dev < 0)
		return op->dev;
	ckpt_sweep();
	return 0;
}

int ckpt_checkpoint(const struct ckpt_checkpoint_opts *opts)
{
	struct operation op = {
		.opts = opts,
		.out.fd = -1,
		.log.fd = -1,
		.dev = -1,
		.pidfd = -1,
	};
	int err = prepare(&op);

	if (!err)
		err = run(&op);
	ckpt_thaw(op.fz);
	ckpt_output_abort(&op.out);
	ckpt_log_close(&op.log);
	if (op.pidfd >= 0)
		close(op.pidfd);
	if (op.dev >= 0)
		close(op.dev);
	return err ? err : op.id;
}
