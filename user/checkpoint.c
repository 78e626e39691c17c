// SPDX-License-Identifier: GPL-2.0-only
/* checkpoint(1): the command line of ckpt_checkpoint(). */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <ckpt.h>
#include "tool.h"

enum { OPT_KILL = 256, OPT_FROZEN, OPT_PROGRESS, OPT_NO_PROGRESS, OPT_VERSION };

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "log", required_argument, NULL, 'l' },
	{ "kill", no_argument, NULL, OPT_KILL },
	{ "frozen", no_argument, NULL, OPT_FROZEN },
	{ "container", no_argument, NULL, 'c' },
	{ "progress", no_argument, NULL, OPT_PROGRESS },
	{ "no-progress", no_argument, NULL, OPT_NO_PROGRESS },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"usage: checkpoint [options] PID > IMAGE\n"
	"Write the state of a running process to an image; restart(1) brings it back.\n"
	"\n"
	"  -o, --output=FILE  write FILE, which appears only when it is complete;\n"
	"                     files that the process writes are synced first\n"
	"  -l, --log=FILE     append the kernel's messages to FILE\n"
	"      --kill         kill the process once the image is safe\n"
	"      --frozen       leave the process frozen\n"
	"  -c, --container    PID is the init of a container: all of it\n"
	"      --progress     show bytes, rate and time left, after a second; on a\n"
	"                     terminal the default (--no-progress)\n"
	"  -v, --verbose      say what was done\n"
	"  -h, --help         this text\n"
	"      --version      version\n";

static int usage_error(void)
{
	fputs("checkpoint: see checkpoint --help\n", stderr);
	return 2;
}

static int parse_pid(const char *text, pid_t *pid)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 1 || n > INT_MAX) {
		fprintf(stderr, "checkpoint: %s: not a pid\n", text);
		return -1;
	}
	*pid = n;
	return 0;
}

static enum progress_option progress;

/* Return: 0, or 1 and the exit status. */
static int parse_option(int c, struct ckpt_checkpoint_opts *opts, int *status)
{
	*status = 0;
	switch (c) {
	case 'o':
		opts->out = optarg;
		return 0;
	case 'l':
		opts->log = optarg;
		return 0;
	case OPT_KILL:
		opts->kill = 1;
		return 0;
	case OPT_FROZEN:
		opts->frozen = 1;
		return 0;
	case 'c':
		opts->container = 1;
		return 0;
	case OPT_PROGRESS:
		progress = PROGRESS_ON;
		return 0;
	case OPT_NO_PROGRESS:
		progress = PROGRESS_OFF;
		return 0;
	case 'v':
		opts->verbose = stderr;
		return 0;
	case 'h':
		fputs(usage_text, stdout);
		return 1;
	case OPT_VERSION:
		puts("checkpoint (ckpt) " CKPT_VERSION);
		return 1;
	default:
		*status = usage_error();
		return 1;
	}
}

int main(int argc, char **argv)
{
	struct ckpt_checkpoint_opts opts = {
		.out_fd = STDOUT_FILENO,
		.notes = stderr,
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "o:l:cvh", options, NULL)) != -1)
		if (parse_option(c, &opts, &status))
			return status;
	if (argc - optind != 1)
		return usage_error();
	if (parse_pid(argv[optind], &opts.pid))
		return 2;
	if (opts.kill && opts.frozen) {
		fputs("checkpoint: --kill and --frozen exclude each other\n",
		      stderr);
		return 2;
	}
	if (!opts.out && !fd_is_open(opts.out_fd)) {
		fputs("checkpoint: standard output is closed: use -o FILE\n",
		      stderr);
		return 1;
	}
	if (!opts.out && isatty(opts.out_fd)) {
		fputs("checkpoint: no image on a terminal: use -o FILE, or > FILE\n",
		      stderr);
		return 2;
	}
	fill_standard_fds();
	opts.progress = progress_stream(progress);
	ckpt_stop_catch();
	if (ckpt_checkpoint(&opts) < 0) {
		fprintf(stderr, "checkpoint: %s\n", ckpt_error());
		return 1;
	}
	return 0;
}
