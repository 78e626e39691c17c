/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command lines of the tools share. */
#ifndef _CKPT_TOOL_H
#define _CKPT_TOOL_H

#include <fcntl.h>
#include <stdbool.h>
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

#endif /* _CKPT_TOOL_H */
