/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command lines of the tools share. */
#ifndef _CKPT_TOOL_H
#define _CKPT_TOOL_H

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/ckpt.h>

/* One line that says what is wrong; the exit status. */
__attribute__((format(printf, 2, 3))) static inline int
tool_usage(const char *tool, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", tool);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "; see %s --help\n", tool);
	return 2;
}

/*
 * What getopt_long() finds wrong, which says nothing itself: @c is ':' when a
 * value is missing, and '?'.  All short options are in @options, too.
 */
static inline int tool_bad_option(const char *tool, int c, char **argv,
				  const struct option *options)
{
	const char *arg = argv[optind - 1];

	if (c == ':')
		return tool_usage(tool, "%s needs a value", arg);
	if (!optopt)
		return tool_usage(tool, "%s: no such option", arg);
	for (; options->name; options++)
		if (options->val == optopt)
			return tool_usage(tool, "%s: it takes no value", arg);
	return tool_usage(tool, "-%c: no such option", optopt);
}

/* --workers; 0, or the exit status. */
static inline int tool_workers(const char *tool, const char *text,
			       __u32 *workers)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > CKPT_WORKERS_MAX)
		return tool_usage(tool, "--workers takes a number from 1 to %d",
				  CKPT_WORKERS_MAX);
	*workers = n;
	return 0;
}

static inline bool fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/*
 * A descriptor below 3 that is closed would go to the next file opened, and
 * messages into an image.
 */
static inline void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* --progress and --no-progress; by default a terminal gets it. */
enum progress_option { PROGRESS_DEFAULT, PROGRESS_ON, PROGRESS_OFF };

static inline FILE *progress_stream(enum progress_option option)
{
	if (option == PROGRESS_DEFAULT)
		return isatty(STDERR_FILENO) ? stderr : NULL;
	return option == PROGRESS_ON ? stderr : NULL;
}

/* ---- tool_stats.c ---- */

struct ckpt_restart_stats;
struct ckpt_stats;

/**
 * tool_stats_open() - where the figures go
 * @tool: its name, for a message
 * @path: file to append to; NULL: standard error
 *
 * Return: stream, or NULL: it cannot be opened, which has been told.
 */
FILE *tool_stats_open(const char *tool, const char *path);

/**
 * tool_stats_checkpoint() - write the figures of a checkpoint, a line of JSON
 * @to: stream; flushed
 * @image: of a series: its name there; or NULL
 * @stats: figures
 *
 * Return: 0, or -EIO: they cannot be written.
 */
int tool_stats_checkpoint(FILE *to, const char *image,
			  const struct ckpt_stats *stats);

/**
 * tool_stats_restart() - write the figures of a restart, a line of JSON
 * @to: stream; flushed
 * @stats: figures
 *
 * Return: 0, or -EIO: they cannot be written.
 */
int tool_stats_restart(FILE *to, const struct ckpt_restart_stats *stats);

#endif /* _CKPT_TOOL_H */
