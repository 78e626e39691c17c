// SPDX-License-Identifier: GPL-2.0-only
/* The cgroup v2 hierarchy: files of groups, and moving processes. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

/**
 * ckpt_cgroup_root() - where cgroup v2 is mounted
 * @dir: filled in
 * @size: of @dir, in bytes
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_root(char *dir, size_t size)
{
	char *line = NULL, where[4096];
	size_t room = 0;
	int err = -ENOENT;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return ckpt_set_error(-errno,
				      "/proc/self/mountinfo: %s (is /proc mounted?)",
				      strerror(errno));
	while (err && getline(&line, &room, f) > 0) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", where) != 1)
			continue;
		snprintf(dir, size, "%s", where);
		err = 0;
	}
	free(line);
	fclose(f);
	if (err)
		return ckpt_set_error(-ENOENT,
				      "no cgroup v2 hierarchy to freeze with: mount -t cgroup2 none /sys/fs/cgroup");
	return 0;
}

/**
 * ckpt_cgroup_of() - group of a process
 * @pid: process
 * @dir: filled with its directory
 * @size: of @dir, in bytes
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_of(pid_t pid, char *dir, size_t size)
{
	char path[64], root[4096], *line = NULL;
	size_t room = 0;
	int err;
	FILE *f;

	err = ckpt_cgroup_root(root, sizeof(root));
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	if (!f)
		return ckpt_set_error(errno == ENOENT ? -ESRCH : -errno,
				      "pid %d: no such process", pid);
	err = -ENOENT;
	while (err && getline(&line, &room, f) > 0) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(dir, size, "%s%s", root,
			 strcmp(line + 3, "/") ? line + 3 : "");
		err = 0;
	}
	free(line);
	fclose(f);
	if (err)
		return ckpt_set_error(err, "pid %d: not in a cgroup v2 group",
				      pid);
	return 0;
}

/**
 * ckpt_cgroup_open() - open a file of a group
 * @dir: the group's directory
 * @file: its name
 * @flags: of open(2)
 *
 * Return: a descriptor, close-on-exec, or a negative errno.
 */
int ckpt_cgroup_open(const char *dir, const char *file, int flags)
{
	char path[4352];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/**
 * ckpt_cgroup_read() - read a file of a group
 * @dir: the group's directory
 * @file: its name
 * @buf: filled with its text
 * @size: of @buf, in bytes
 *
 * Return: length of the text, or a negative errno.
 */
int ckpt_cgroup_read(const char *dir, const char *file, char *buf, size_t size)
{
	int fd = ckpt_cgroup_open(dir, file, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

/**
 * ckpt_cgroup_write() - write a file of a group
 * @dir: the group's directory
 * @file: its name
 * @text: what to write
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_write(const char *dir, const char *file, const char *text)
{
	int fd = ckpt_cgroup_open(dir, file, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/**
 * ckpt_cgroup_make() - make a group, marked as in use
 * @parent: directory of the group above
 * @name: its name
 * @dir: filled with its directory
 * @size: of @dir, in bytes
 * @lock: filled with a descriptor; while it is open the group is not stale
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_make(const char *parent, const char *name, char *dir,
		     size_t size, int *lock)
{
	snprintf(dir, size, "%s/%s", parent, name);
	if (mkdir(dir, 0755))
		return -errno;
	*lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock >= 0 && !flock(*lock, LOCK_EX | LOCK_NB))
		return 0;
	if (*lock >= 0)
		close(*lock);
	*lock = -1;
	rmdir(dir);
	return -EBUSY;
}

/**
 * ckpt_cgroup_move() - move a process into a group
 * @dir: the group's directory
 * @pid: process
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_move(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return ckpt_cgroup_write(dir, "cgroup.procs", text);
}

/**
 * ckpt_cgroup_empty_into() - move all processes of a group into another
 * @dir: the group's directory
 * @parent: directory of the other
 *
 * Return: 0 or the first negative errno.
 */
int ckpt_cgroup_empty_into(const char *dir, const char *parent)
{
	char text[4096], *line, *save;
	int n, round, err = 0;

	for (round = 0; round < 100; round++) {
		n = ckpt_cgroup_read(dir, "cgroup.procs", text, sizeof(text));
		if (n <= 0)
			return n;
		err = 0;
		save = NULL;
		for (line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			err = ckpt_cgroup_move(parent, atoi(line));
			if (err == -ESRCH)
				err = 0;
		}
	}
	return err;
}

/* frozen in cgroup.events: 1, 0 or a negative errno. */
static int events_frozen(int fd)
{
	char text[256], *p;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = 0;
	p = strstr(text, "frozen ");
	return p && p[7] == '1';
}

/**
 * ckpt_cgroup_frozen() - whether a group is frozen
 * @dir: the group's directory
 *
 * Return: 1, 0 or a negative errno.
 */
int ckpt_cgroup_frozen(const char *dir)
{
	int fd = ckpt_cgroup_open(dir, "cgroup.events", O_RDONLY);
	int ret;

	if (fd < 0)
		return fd;
	ret = events_frozen(fd);
	close(fd);
	return ret;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/**
 * ckpt_cgroup_wait_frozen() - wait until a group is frozen
 * @dir: the group's directory
 * @seconds: at most so long
 *
 * The kernel tells when the file changes; nothing is polled by time.
 *
 * Return: 0, -ETIMEDOUT, -EINTR (ckpt_stop_requested()) or another errno.
 */
int ckpt_cgroup_wait_frozen(const char *dir, int seconds)
{
	long long end = now_ms() + seconds * 1000LL, left;
	struct pollfd p = { .events = POLLPRI };
	int frozen;

	p.fd = ckpt_cgroup_open(dir, "cgroup.events", O_RDONLY);
	if (p.fd < 0)
		return p.fd;
	for (;;) {
		frozen = events_frozen(p.fd);
		left = end - now_ms();
		if (frozen || left <= 0 || ckpt_stop_requested())
			break;
		poll(&p, 1, left);
	}
	close(p.fd);
	if (frozen < 0)
		return frozen;
	if (frozen)
		return 0;
	return ckpt_stop_requested() ? -EINTR : -ETIMEDOUT;
}

/**
 * ckpt_cgroup_freezing() - whether a group or one above it is told to freeze
 * @dir: the group's directory
 *
 * Return: true or false.
 */
bool ckpt_cgroup_freezing(const char *dir)
{
	char path[4096], text[16], *slash;

	snprintf(path, sizeof(path), "%s", dir);
	while (ckpt_cgroup_read(path, "cgroup.freeze", text, sizeof(text)) >
	       0) {
		if (text[0] == '1')
			return true;
		slash = strrchr(path, '/');
		if (!slash)
			break;
		*slash = 0;
	}
	return false;
}

/**
 * ckpt_cgroup_only_holds() - whether a group has one process and no more
 * @dir: the group's directory
 * @pid: process
 *
 * Return: true or false.
 */
bool ckpt_cgroup_only_holds(const char *dir, pid_t pid)
{
	char text[64], want[16];

	snprintf(want, sizeof(want), "%d\n", pid);
	return ckpt_cgroup_read(dir, "cgroup.procs", text, sizeof(text)) > 0 &&
	       !strcmp(text, want);
}

/**
 * ckpt_cgroup_stale() - whether a group's tool has died
 * @dir: directory of a group that ckpt_cgroup_make() has made
 *
 * Return: a descriptor that holds the group's mark, to be closed, or -1.
 */
int ckpt_cgroup_stale(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return -1;
}

/**
 * ckpt_cgroup_dissolve() - thaw a group, move its processes up, remove it
 * @dir: the group's directory
 */
void ckpt_cgroup_dissolve(const char *dir)
{
	char parent[4096], *slash;
	int tries;

	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash)
		return;
	*slash = 0;
	ckpt_cgroup_write(dir, "cgroup.freeze", "0");
	ckpt_cgroup_empty_into(dir, parent);
	/* a process that is being killed keeps the group until it is gone */
	for (tries = 0; tries < 100 && rmdir(dir) && errno == EBUSY; tries++)
		poll(NULL, 0, 10);
}
