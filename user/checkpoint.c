// SPDX-License-Identifier: GPL-2.0-only
/* checkpoint(1): the command line of ckpt_checkpoint() and ckpt_series(). */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ckpt.h>
#include "tool.h"

#define KEEP_LAST 5 /* images of a series */

enum {
	OPT_KILL = 256,
	OPT_FROZEN,
	OPT_STOP_COPY,
	OPT_MAX_EXTRA,
	OPT_EVERY,
	OPT_KEEP_LAST,
	OPT_STATS,
	OPT_WORKERS,
	OPT_PROGRESS,
	OPT_NO_PROGRESS,
	OPT_VERSION
};

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "log", required_argument, NULL, 'l' },
	{ "kill", no_argument, NULL, OPT_KILL },
	{ "frozen", no_argument, NULL, OPT_FROZEN },
	{ "container", no_argument, NULL, 'c' },
	{ "stop-copy", no_argument, NULL, OPT_STOP_COPY },
	{ "max-extra", required_argument, NULL, OPT_MAX_EXTRA },
	{ "every", required_argument, NULL, OPT_EVERY },
	{ "keep-last", required_argument, NULL, OPT_KEEP_LAST },
	{ "stats", optional_argument, NULL, OPT_STATS },
	{ "compress", required_argument, NULL, 'z' },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "progress", no_argument, NULL, OPT_PROGRESS },
	{ "no-progress", no_argument, NULL, OPT_NO_PROGRESS },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"usage: checkpoint [options] PID > IMAGE\n"
	"       checkpoint --every=INTERVAL [options] -o DIR PID\n"
	"Write the state of a process and of all below it to an image; restart(1)\n"
	"brings them back.\n"
	"\n"
	"  -o, --output=FILE  write FILE, which appears only when it is complete;\n"
	"                     files that they write are synced first\n"
	"  -l, --log=FILE     append the kernel's messages to FILE\n"
	"      --kill         kill the processes once the image is safe\n"
	"      --frozen       leave the processes frozen\n"
	"  -c, --container    PID is the init of a pid namespace: all of it, or\n"
	"                     nothing that is shared with the outside\n"
	"      --stop-copy    hold the processes still until all is written; they\n"
	"                     otherwise run on while their memory, copy-on-write,\n"
	"                     is being written\n"
	"      --max-extra=BYTES\n"
	"                     give up when the copies made by this take more memory;\n"
	"                     K, M, G may follow\n"
	"  -z, --compress=ALG pack the contents of memory by lz4 or zstd\n"
	"      --workers=N    CPUs to use for the contents of memory (default: as many\n"
	"                     as there are, 8 at most; with --every: 1)\n"
	"      --progress     show bytes, rate and time left, after a second; on a\n"
	"                     terminal the default (--no-progress)\n"
	"      --every=INTERVAL\n"
	"                     an image in each interval, until the process ends, into\n"
	"                     the directory of -o, where \"latest\" leads to the last\n"
	"                     one; ms, s (the default), m, h may follow the number\n"
	"      --keep-last=N  with --every: remove all but the last N images (5)\n"
	"      --stats[=FILE] append a line of figures, as JSON, to FILE, or write it\n"
	"                     to standard error\n"
	"  -v, --verbose      say what was done\n"
	"  -h, --help         this text\n"
	"      --version      version\n";

static int parse_pid(const char *text, pid_t *pid)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || *end || end == text || n < 1 || n > INT_MAX)
		return tool_usage("checkpoint", "%s: not a pid", text);
	*pid = n;
	return 0;
}

/* Return: 0, or the exit status. */
static int parse_compress(const char *name, __u32 *compress)
{
	int n = ckpt_compress_number(name);

	if (n < 0)
		return tool_usage("checkpoint", "%s", ckpt_error());
	*compress = n;
	return 0;
}

/* Return: 0, or the exit status. */
static int parse_bytes(const char *text, unsigned long long *bytes)
{
	static const char units[] = "KMG";
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	*bytes = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (errno || *end || !isdigit((unsigned char)*text) || !*bytes ||
	    *bytes > ULLONG_MAX >> shift)
		return tool_usage("checkpoint", "%s: not a number of bytes",
				  text);
	*bytes <<= shift;
	return 0;
}

/* Return: 0, or the exit status. */
static int parse_interval(const char *text, unsigned long long *ns)
{
	static const struct {
		const char *name;
		unsigned long long ns;
	} units[] = {
		{ "", 1000000000 },
		{ "s", 1000000000 },
		{ "ms", 1000000 },
		{ "m", 60 * 1000000000ULL },
		{ "h", 3600 * 1000000000ULL },
	};
	unsigned long long n;
	char *end;
	size_t i;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		*ns = n * units[i].ns;
		if (isdigit((unsigned char)*text) && n && !errno &&
		    n <= LLONG_MAX / units[i].ns)
			return 0;
	}
	return tool_usage("checkpoint",
			  "%s: not an interval: 500ms, 10s, 1m, 2h", text);
}

static int parse_count(const char *text, unsigned int *count)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || !isdigit((unsigned char)*text) || !n ||
	    n > UINT_MAX)
		return tool_usage("checkpoint", "%s: not a number of images",
				  text);
	*count = n;
	return 0;
}

static struct ckpt_series_opts series = { .keep = KEEP_LAST };
static bool keep_given;
static enum progress_option progress;
static bool want_stats;
static const char *stats_path; /* NULL: standard error */
static FILE *stats_file; /* for the figures, or NULL */
static bool stats_failed; /* they could not be written */

/* Return: 0, or 1 and the exit status. */
static int parse_option(int c, char **argv, struct ckpt_checkpoint_opts *opts,
			int *status)
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
	case OPT_STOP_COPY:
		opts->stop_copy = 1;
		return 0;
	case OPT_MAX_EXTRA:
		*status = parse_bytes(optarg, &opts->max_extra);
		return !!*status;
	case OPT_EVERY:
		*status = parse_interval(optarg, &series.interval_ns);
		return !!*status;
	case OPT_KEEP_LAST:
		keep_given = true;
		*status = parse_count(optarg, &series.keep);
		return !!*status;
	case OPT_STATS:
		want_stats = true;
		stats_path = optarg;
		return 0;
	case 'z':
		*status = parse_compress(optarg, &opts->compress);
		return !!*status;
	case OPT_WORKERS:
		*status = tool_workers("checkpoint", optarg, &opts->workers);
		return !!*status;
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
		*status = tool_bad_option("checkpoint", c, argv, options);
		return 1;
	}
}

/* Return: 0, or the exit status. */
static int check_options(const struct ckpt_checkpoint_opts *opts)
{
	if (opts->kill && opts->frozen)
		return tool_usage("checkpoint",
				  "--kill and --frozen exclude each other");
	if (opts->max_extra && (opts->kill || opts->frozen || opts->stop_copy))
		return tool_usage("checkpoint",
				  "--max-extra is for processes that run on: not with --kill, --frozen or --stop-copy");
	if (series.interval_ns && (opts->kill || opts->frozen))
		return tool_usage("checkpoint",
				  "--every is for processes that run on: not with --kill or --frozen");
	if (series.interval_ns && !opts->out)
		return tool_usage("checkpoint",
				  "--every needs a directory: -o DIR");
	if (keep_given && !series.interval_ns)
		return tool_usage("checkpoint", "--keep-last is for --every");
	if (!opts->out && !fd_is_open(opts->out_fd)) {
		fputs("checkpoint: standard output is closed: use -o FILE\n",
		      stderr);
		return 1;
	}
	if (!opts->out && isatty(opts->out_fd))
		return tool_usage("checkpoint",
				  "no image on a terminal: use -o FILE, or > FILE");
	return 0;
}

static int write_stats(void *unused, const char *image,
		       const struct ckpt_stats *stats)
{
	int err = 0;

	(void)unused;
	if (stats_file)
		err = tool_stats_checkpoint(stats_file, image, stats);
	stats_failed = err;
	return err;
}

static int run_once(struct ckpt_checkpoint_opts *opts)
{
	struct ckpt_stats stats;
	int ret;

	opts->stats = &stats;
	ret = ckpt_checkpoint(opts);
	return ret < 0 ? ret : write_stats(NULL, NULL, &stats);
}

/* Time and again beside a program that works: the other CPUs are its own. */
static int run_series(struct ckpt_checkpoint_opts *opts)
{
	if (!opts->workers)
		opts->workers = 1;
	series.checkpoint = opts;
	series.done = write_stats;
	return ckpt_series(&series);
}

int main(int argc, char **argv)
{
	struct ckpt_checkpoint_opts opts = {
		.out_fd = STDOUT_FILENO,
		.notes = stderr,
	};
	int c, status;

	while ((c = getopt_long(argc, argv, ":o:l:cz:vh", options, NULL)) != -1)
		if (parse_option(c, argv, &opts, &status))
			return status;
	if (argc - optind != 1)
		return tool_usage("checkpoint", "it takes one PID");
	if (parse_pid(argv[optind], &opts.pid))
		return 2;
	status = check_options(&opts);
	if (status)
		return status;
	fill_standard_fds();
	if (want_stats) {
		stats_file = tool_stats_open("checkpoint", stats_path);
		if (!stats_file)
			return 1;
	}
	opts.progress = progress_stream(progress);
	ckpt_stop_catch();
	if ((series.interval_ns ? run_series(&opts) : run_once(&opts)) >= 0)
		return 0;
	fprintf(stderr, "checkpoint: %s\n",
		stats_failed ? "the figures cannot be written" : ckpt_error());
	return 1;
}
