// SPDX-License-Identifier: GPL-2.0-only
/* restart(1): the command line of ckpt_restart(). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ckpt.h>
#include "tool.h"

enum {
	OPT_PIDS = 256,
	OPT_NO_PIDS,
	OPT_INSPECT,
	OPT_SHOW_STATUS,
	OPT_FROZEN,
	OPT_SELF,
	OPT_INHERIT,
	OPT_WORKERS,
	OPT_FILES,
	OPT_FORCE_FILES,
	OPT_COPY_STATUS,
	OPT_PROGRESS,
	OPT_NO_PROGRESS,
	OPT_NO_CGROUP,
	OPT_VERIFY,
	OPT_STATS,
	OPT_VERSION
};

static const struct option options[] = {
	{ "input", required_argument, NULL, 'i' },
	{ "log", required_argument, NULL, 'l' },
	{ "inspect", no_argument, NULL, OPT_INSPECT },
	{ "pids", no_argument, NULL, OPT_PIDS },
	{ "no-pids", no_argument, NULL, OPT_NO_PIDS },
	{ "frozen", no_argument, NULL, OPT_FROZEN },
	{ "wait", no_argument, NULL, 'w' },
	{ "no-wait", no_argument, NULL, 'W' },
	{ "copy-status", no_argument, NULL, OPT_COPY_STATUS },
	{ "show-status", no_argument, NULL, OPT_SHOW_STATUS },
	{ "self", no_argument, NULL, OPT_SELF },
	{ "inherit-fd", required_argument, NULL, OPT_INHERIT },
	{ "root", required_argument, NULL, 'r' },
	{ "force-files", no_argument, NULL, OPT_FORCE_FILES },
	{ "files", required_argument, NULL, OPT_FILES },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "progress", no_argument, NULL, OPT_PROGRESS },
	{ "no-progress", no_argument, NULL, OPT_NO_PROGRESS },
	{ "no-cgroup", no_argument, NULL, OPT_NO_CGROUP },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "stats", optional_argument, NULL, OPT_STATS },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"usage: restart [options] < IMAGE\n"
	"Bring back the program whose state checkpoint(1) has written to an image.\n"
	"\n"
	"  -i, --input=FILE   read the image from FILE\n"
	"  -l, --log=FILE     append the kernel's messages to FILE\n"
	"      --inspect      first look through all of FILE for damage, and for the\n"
	"                     error of a checkpoint that failed\n"
	"      --pids         every task gets its old pid (the default)\n"
	"      --no-pids      any pids will do\n"
	"      --frozen       leave the program frozen\n"
	"  -w, --wait         wait for the program, exit as it does (the default)\n"
	"      --no-cgroup    leave it in your cgroup, not where it was\n"
	"      --copy-status  killed by a signal, if one has killed the program;\n"
	"                     without, the status is then 128 and its number\n"
	"      --show-status  say how the program has ended\n"
	"  -W, --no-wait      exit as soon as the program runs\n"
	"      --self         become the program\n"
	"      --inherit-fd=FD[=HERE]\n"
	"                     descriptor FD of the program is HERE (FD) of restart\n"
	"  -r, --root=DIR     DIR becomes the program's root directory: the files of\n"
	"                     the image are looked for below it\n"
	"      --force-files  take executables, libraries and other files as they\n"
	"                     are now, though changed or shorter\n"
	"      --files=WHAT   files that grew since the checkpoint: keep (the\n"
	"                     default), truncate, or fail\n"
	"      --workers=N    CPUs to use for the contents of memory (default: as many\n"
	"                     as there are, 8 at most)\n"
	"      --progress     show bytes, rate and time left, after a second; on a\n"
	"                     terminal the default (--no-progress)\n"
	"      --verify       do not let it run: checkpoint it again, and print what\n"
	"                     differs between the two images; the status is 0 only\n"
	"                     if nothing does\n"
	"      --stats[=FILE] append a line of figures, as JSON, to FILE, or write it\n"
	"                     to standard error, once the program runs\n"
	"  -v, --verbose      say what was done\n"
	"  -h, --help         this text\n"
	"      --version      version\n";

struct command {
	struct ckpt_restart_opts opts;
	struct ckpt_inherit inherit[CKPT_INHERIT_MAX];
	const char *input;
	bool copy_status;
	bool show_status;
	bool inspect;
	bool verify;
	bool stats;
	const char *stats_path; /* NULL: standard error */
	enum progress_option progress;
};

static struct command cmd;

static int usage_error(const char *what)
{
	return tool_usage("restart", "%s", what);
}

static int parse_fd(const char *text, char **end, int *fd)
{
	long n;

	errno = 0;
	n = strtol(text, end, 10);
	*fd = n;
	return errno || *end == text || n < 0 || n > INT_MAX ? -1 : 0;
}

static int parse_inherit(const char *text)
{
	struct ckpt_inherit *in = &cmd.inherit[cmd.opts.nr_inherit];
	char *end;

	if (cmd.opts.nr_inherit == CKPT_INHERIT_MAX)
		return usage_error("too many of --inherit-fd");
	if (parse_fd(text, &end, &in->image_fd))
		return usage_error("--inherit-fd takes FD or FD=HERE");
	in->fd = in->image_fd;
	if (*end == '=' && parse_fd(end + 1, &end, &in->fd))
		return usage_error("--inherit-fd takes FD or FD=HERE");
	if (*end)
		return usage_error("--inherit-fd takes FD or FD=HERE");
	if (!fd_is_open(in->fd))
		return tool_usage("restart", "--inherit-fd: %d is not open",
				  in->fd);
	cmd.opts.nr_inherit++;
	return 0;
}

static int parse_files(const char *text)
{
	cmd.opts.kernel_flags &= ~(RESTART_FILES_TRUNCATE | RESTART_FILES_FAIL);
	if (!strcmp(text, "truncate"))
		cmd.opts.kernel_flags |= RESTART_FILES_TRUNCATE;
	else if (!strcmp(text, "fail"))
		cmd.opts.kernel_flags |= RESTART_FILES_FAIL;
	else if (strcmp(text, "keep"))
		return usage_error("--files takes keep, truncate or fail");
	return 0;
}

/* Return: 0, or 1 and the exit status. */
static int parse_option(int c, char **argv, int *status)
{
	*status = 0;
	switch (c) {
	case 'i':
		cmd.input = optarg;
		return 0;
	case 'l':
		cmd.opts.log = optarg;
		return 0;
	case OPT_INSPECT:
		cmd.inspect = true;
		return 0;
	case OPT_PIDS:
		cmd.opts.flags &= ~CKPT_RESTART_PIDS_FRESH;
		return 0;
	case OPT_NO_PIDS:
		cmd.opts.flags |= CKPT_RESTART_PIDS_FRESH;
		return 0;
	case OPT_FROZEN:
		cmd.opts.flags |= CKPT_RESTART_LEAVE_FROZEN;
		return 0;
	case 'w':
		cmd.opts.flags &= ~CKPT_RESTART_NO_WAIT;
		return 0;
	case 'W':
		cmd.opts.flags |= CKPT_RESTART_NO_WAIT;
		return 0;
	case OPT_COPY_STATUS:
		cmd.copy_status = true;
		return 0;
	case OPT_SHOW_STATUS:
		cmd.show_status = true;
		return 0;
	case OPT_NO_CGROUP:
		cmd.opts.flags |= CKPT_RESTART_NO_CGROUP;
		return 0;
	case OPT_VERIFY:
		cmd.verify = true;
		return 0;
	case OPT_STATS:
		cmd.stats = true;
		cmd.stats_path = optarg;
		return 0;
	case OPT_SELF:
		cmd.opts.flags |= CKPT_RESTART_IN_PLACE;
		return 0;
	case OPT_INHERIT:
		*status = parse_inherit(optarg);
		return *status;
	case 'r':
		cmd.opts.root = optarg;
		return 0;
	case OPT_FORCE_FILES:
		cmd.opts.kernel_flags |= RESTART_FORCE_FILES;
		return 0;
	case OPT_FILES:
		*status = parse_files(optarg);
		return *status;
	case OPT_WORKERS:
		*status = tool_workers("restart", optarg, &cmd.opts.workers);
		return *status;
	case OPT_PROGRESS:
		cmd.progress = PROGRESS_ON;
		return 0;
	case OPT_NO_PROGRESS:
		cmd.progress = PROGRESS_OFF;
		return 0;
	case 'v':
		cmd.opts.verbose = stderr;
		return 0;
	case 'h':
		fputs(usage_text, stdout);
		return 1;
	case OPT_VERSION:
		puts("restart (ckpt) " CKPT_VERSION);
		return 1;
	default:
		*status = tool_bad_option("restart", c, argv, options);
		return 1;
	}
}

static bool is_directory(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

static int open_input(void)
{
	int fd = STDIN_FILENO;

	if (cmd.input) {
		fd = open(cmd.input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0) {
			fprintf(stderr, "restart: %s: %s\n", cmd.input,
				errno == ENXIO ? "it is a socket" :
						 strerror(errno));
			return 1;
		}
		if (isatty(fd))
			return usage_error("a terminal has no image");
	} else if (isatty(fd) || !fd_is_open(fd)) {
		return usage_error("no image: use -i FILE, or < FILE");
	}
	if (is_directory(fd)) {
		fprintf(stderr, "restart: %s: it is a directory\n",
			cmd.input ?: "standard input");
		return 1;
	}
	cmd.opts.fd = fd;
	return 0;
}

/* By the same signal; the core, if any, was the program's. */
static void die_by(int sig)
{
	const struct rlimit none = { 0, 0 };
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0); /* a core_pattern with a pipe has no limit */
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void show_status(int status)
{
	int sig = WTERMSIG(status);

	if (!WIFSIGNALED(status))
		fprintf(stderr, "restart: exited with status %d\n",
			WEXITSTATUS(status));
	else
		fprintf(stderr, "restart: killed by signal %d (%s)%s\n", sig,
			strsignal(sig),
			WCOREDUMP(status) ? ", core dumped" : "");
}

static int exit_status(int status)
{
	if (cmd.show_status)
		show_status(status);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (cmd.copy_status)
		die_by(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

/* Options that exclude each other. */
static int check_options(void)
{
	unsigned int flags = cmd.opts.flags;

	if (flags & CKPT_RESTART_IN_PLACE && flags & CKPT_RESTART_LEAVE_FROZEN)
		return usage_error("--self and --frozen exclude each other");
	if (cmd.copy_status &&
	    flags & (CKPT_RESTART_IN_PLACE | CKPT_RESTART_NO_WAIT))
		return usage_error("--copy-status is for a restart that waits");
	if (cmd.show_status &&
	    flags & (CKPT_RESTART_IN_PLACE | CKPT_RESTART_NO_WAIT))
		return usage_error("--show-status is for a restart that waits");
	if (cmd.verify &&
	    (cmd.copy_status || cmd.show_status ||
	     flags & (CKPT_RESTART_IN_PLACE | CKPT_RESTART_NO_WAIT |
		      CKPT_RESTART_LEAVE_FROZEN)))
		return usage_error(
			"--verify excludes --self, --frozen, --no-wait, --copy-status and --show-status");
	if (cmd.stats && (cmd.verify || flags & CKPT_RESTART_IN_PLACE))
		return usage_error("--stats excludes --self and --verify");
	/* it is to change nothing, whatever the image says of files */
	if (cmd.verify && cmd.opts.kernel_flags & RESTART_FILES_TRUNCATE)
		return usage_error("--verify excludes --files=truncate");
	return 0;
}

static int run_verify(void)
{
	long n = ckpt_verify(&cmd.opts, stdout);

	if (n < 0)
		fprintf(stderr, "restart: %s\n", ckpt_error());
	else if (n)
		fprintf(stderr, "restart: --verify: %ld difference%s\n", n,
			n == 1 ? "" : "s");
	else if (cmd.opts.verbose)
		fputs("verified: the same in all its records\n", stderr);
	if (fflush(stdout)) {
		fprintf(stderr, "restart: standard output: %s\n",
			strerror(errno));
		return 1;
	}
	return n != 0;
}

/* The program runs, whatever becomes of its figures. */
static void write_stats(void *to, const struct ckpt_restart_stats *stats)
{
	if (tool_stats_restart(to, stats))
		fputs("restart: the figures cannot be written\n", stderr);
}

static int open_stats(void)
{
	if (!cmd.stats)
		return 0;
	cmd.opts.running = write_stats;
	cmd.opts.arg = tool_stats_open("restart", cmd.stats_path);
	return !cmd.opts.arg;
}

int main(int argc, char **argv)
{
	int c, status = 0;

	cmd.opts.notes = stderr;
	cmd.opts.inherit = cmd.inherit;
	while ((c = getopt_long(argc, argv, ":i:l:wWr:vh", options, NULL)) !=
	       -1)
		if (parse_option(c, argv, &status))
			return status;
	if (argc != optind)
		return usage_error("the image comes from -i FILE, or < FILE");
	c = check_options();
	if (c)
		return c;
	c = open_input();
	if (c)
		return c;
	fill_standard_fds();
	if (open_stats())
		return 1;
	cmd.opts.progress = progress_stream(cmd.progress);
	if (!(cmd.opts.flags & CKPT_RESTART_IN_PLACE))
		ckpt_stop_catch();
	if (cmd.inspect && ckpt_image_inspect(cmd.opts.fd)) {
		fprintf(stderr, "restart: %s\n", ckpt_error());
		return 1;
	}
	if (cmd.verify)
		return run_verify();
	if (ckpt_restart(&cmd.opts, &status) < 0) {
		fprintf(stderr, "restart: %s\n", ckpt_error());
		return 1;
	}
	if (cmd.opts.flags & CKPT_RESTART_NO_WAIT)
		return 0;
	return exit_status(status);
}
