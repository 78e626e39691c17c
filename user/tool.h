/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command lines of the tools share. */
#ifndef _CKPT_TOOL_H
#define _CKPT_TOOL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

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

#endif /* _CKPT_TOOL_H */
