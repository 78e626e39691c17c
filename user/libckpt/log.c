// SPDX-License-Identifier: GPL-2.0-only
/* Where the kernel's messages go, and the one that matters out of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "lib.h"

#define NOTE "note: " /* what is for the user begins so */
#define LOG_MAX 65536 /* bytes searched for the first error */

/* With O_NONBLOCK: to open a FIFO that nobody reads must not wait. */
static int log_file(const char *path)
{
	const char *unfit;
	int fd, err;

	fd = open(path,
		  O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY |
			  O_NONBLOCK,
		  0600);
	if (fd < 0)
		return ckpt_set_error(-errno, "%s: cannot open the log: %s",
				      path,
				      errno == ENXIO ? "it is a socket" :
						       strerror(errno));
	unfit = ckpt_unfit(fd);
	if (!unfit)
		return fd;
	err = ckpt_set_error(-EINVAL, "%s: it is %s, a log is a file", path,
			     unfit);
	close(fd);
	return err;
}

int ckpt_log_open(struct ckpt_log *log, const char *path)
{
	log->start = 0;
	if (!path) {
		log->fd = memfd_create("ckpt-log", MFD_CLOEXEC);
		if (log->fd < 0)
			return ckpt_set_error(-errno, "log: %s",
					      strerror(errno));
		return 0;
	}
	log->fd = log_file(path);
	if (log->fd < 0)
		return log->fd;
	log->start = lseek(log->fd, 0, SEEK_END);
	return 0;
}

/* They end in "errno N)", whatever name they quote; remarks don't. */
static bool is_error(const char *line)
{
	const char *p = NULL, *next = line;
	int n = 0, nr;

	while ((next = strstr(next, "errno ")))
		p = next++;
	return p && strncmp(line, NOTE, strlen(NOTE)) &&
	       sscanf(p, "errno %d)%n", &nr, &n) == 1 && n && !p[n];
}

static char *first_error(char *text)
{
	char *line, *save = NULL, *first = NULL;

	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (is_error(line))
			return line;
		if (!first)
			first = line;
	}
	return first;
}

static char *log_text(const struct ckpt_log *log)
{
	char *text;
	ssize_t n;

	if (log->fd < 0 || log->start < 0)
		return NULL;
	text = malloc(LOG_MAX + 1);
	if (!text)
		return NULL;
	n = pread(log->fd, text, LOG_MAX, log->start);
	text[n > 0 ? n : 0] = 0;
	return text;
}

/**
 * ckpt_log_notes() - show what the kernel has noted for the user
 * @log: log
 * @to: stream, or NULL
 */
void ckpt_log_notes(const struct ckpt_log *log, FILE *to)
{
	char *text = to ? log_text(log) : NULL;
	char *line, *save = NULL;

	if (!text)
		return;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, NOTE, strlen(NOTE)))
			ckpt_put(to, "%s\n", line + strlen(NOTE));
	free(text);
}

int ckpt_log_error(const struct ckpt_log *log, char *buf, size_t size)
{
	char *text = log_text(log), *line;

	if (!text)
		return 0;
	line = first_error(text);
	if (line)
		snprintf(buf, size, "%s", line);
	free(text);
	return !!line;
}

void ckpt_log_close(struct ckpt_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}
