// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cgroup v2 hierarchy: finding, making, freezing and removing groups.
 *
 * A group "ckpt.PID" belongs to the tool that holds a flock() on its
 * directory.  The kernel drops the lock with the tool, however that ends, so
 * that an unlocked one is stale.  Groups "ckpt-frozen.PID" hold programs left
 * frozen on demand; they are only removed when empty.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define SWEEP_MS 2000

struct cgroup_mount {
	char root[PATH_MAX]; /* path of what is mounted, in the hierarchy */
	char dir[PATH_MAX]; /* where */
};

/* mountinfo writes blanks and the like as \040. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] &&
		    s[3]) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 |
				(s[3] - '0');
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

static bool mountinfo_line(char *line, struct cgroup_mount *m)
{
	char *type = strstr(line, " - ");

	if (!type || strncmp(type + 3, "cgroup2 ", 8))
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", m->root, m->dir) != 2)
		return false;
	unescape(m->root);
	unescape(m->dir);
	return true;
}

static int find_mount(struct cgroup_mount *m)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!f)
		return ckpt_set_error(-errno, "/proc/self/mountinfo: %s",
				      strerror(errno));
	while (!found && getline(&line, &size, f) > 0)
		found = mountinfo_line(line, m);
	free(line);
	fclose(f);
	if (found)
		return 0;
	return ckpt_set_error(-ENOENT,
			      "no cgroup v2 hierarchy: mount -t cgroup2 none /sys/fs/cgroup");
}

/**
 * ckpt_cgroup_root() - where the cgroup v2 hierarchy is mounted
 * @dir: filled with the path
 * @size: of @dir
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_root(char *dir, size_t size)
{
	struct cgroup_mount m;
	int err = find_mount(&m);

	if (!err)
		snprintf(dir, size, "%s", m.dir);
	return err;
}

/**
 * ckpt_cgroup_path() - what the kernel calls the group of a process
 * @pid: process
 * @path: filled with the path in the "0::" line of /proc/PID/cgroup
 * @size: of @path
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_path(pid_t pid, char *path, size_t size)
{
	char name[64], *line = NULL;
	int err = -ENOENT;
	size_t n = 0;
	ssize_t len;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	f = fopen(name, "re");
	if (!f)
		return ckpt_set_error(-errno, "pid %d: %s", pid,
				      errno == ENOENT ? "no such process" :
							strerror(errno));
	while (err && (len = getline(&line, &n, f)) > 0) {
		if (strncmp(line, "0::/", 4))
			continue;
		if (line[len - 1] == '\n')
			line[len - 1] = 0;
		err = (size_t)snprintf(path, size, "%s", line + 3) < size ?
			      0 :
			      -ENAMETOOLONG;
	}
	free(line);
	fclose(f);
	if (err)
		ckpt_set_error(err, "pid %d: it has no cgroup v2", pid);
	return err;
}

/* Directory of the group that the kernel calls @path. */
static int cgroup_dir(const struct cgroup_mount *m, const char *path, char *dir,
		      size_t size)
{
	size_t n = strlen(m->root);
	const char *p = path;

	if (n > 1 && !strncmp(path, m->root, n) && (!path[n] || path[n] == '/'))
		p = path + n;
	else if (n > 1 || !strncmp(path, "/..", 3))
		return -ENOENT;
	if (!strcmp(p, "/"))
		p = "";
	return (size_t)snprintf(dir, size, "%s%s", m->dir, p) < size ?
		       0 :
		       -ENAMETOOLONG;
}

/**
 * ckpt_cgroup_of() - directory of a process's cgroup
 * @pid: process; 0: the caller
 * @dir: filled with the path
 * @size: of @dir
 *
 * Return: 0 or a negative errno.
 */
int ckpt_cgroup_of(pid_t pid, char *dir, size_t size)
{
	char path[PATH_MAX];
	struct cgroup_mount m;
	int err;

	err = find_mount(&m);
	if (!err)
		err = ckpt_cgroup_path(pid ?: getpid(), path, sizeof(path));
	if (err)
		return err;
	err = cgroup_dir(&m, path, dir, size);
	if (err == -ENOENT)
		ckpt_set_error(err,
			       "pid %d: its cgroup %s is not to be seen from here: run outside of this container",
			       pid, path);
	else if (err)
		ckpt_set_error(err, "pid %d: path of its cgroup is too long",
			       pid);
	return err;
}

/**
 * ckpt_cgroup_dir() - directory of the group of a path
 * @path: as the kernel calls the group
 * @dir: filled with the path of the directory, which may not be there
 * @size: of @dir
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_dir(const char *path, char *dir, size_t size)
{
	struct cgroup_mount m;
	int err = find_mount(&m);

	return err ? err : cgroup_dir(&m, path, dir, size);
}

/* ---- files of a group ---- */

/**
 * ckpt_cgroup_open() - open a file of a group
 * @dir: group
 * @file: name
 * @flags: of open(2); O_CLOEXEC is added
 *
 * Return: a descriptor or a negative errno (without text).
 */
int ckpt_cgroup_open(const char *dir, const char *file, int flags)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/**
 * ckpt_cgroup_read() - read a file of a group
 * @dir: group
 * @file: name
 * @buf: filled, terminated
 * @size: of @buf; what is longer is cut off
 *
 * Return: length or a negative errno (without text).
 */
int ckpt_cgroup_read(const char *dir, const char *file, char *buf, size_t size)
{
	int fd = ckpt_cgroup_open(dir, file, O_RDONLY);
	ssize_t n;

	buf[0] = 0;
	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return n;
}

/**
 * ckpt_cgroup_write() - write to a file of a group
 * @dir: group
 * @file: name
 * @text: what
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_write(const char *dir, const char *file, const char *text)
{
	int fd = ckpt_cgroup_open(dir, file, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, text, strlen(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? n : 0;
}

/**
 * ckpt_cgroup_move() - move a process into a group
 * @dir: group
 * @pid: process, all of its threads
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_move(const char *dir, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return ckpt_cgroup_write(dir, "cgroup.procs", text);
}

/**
 * ckpt_cgroup_freezable() - whether a group can be frozen by the caller
 * @dir: group
 * @file: name of the freezer's file, which a root group lacks
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_freezable(const char *dir, const char *file)
{
	int fd = ckpt_cgroup_open(dir, file, O_WRONLY);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- freezing ---- */

static int events_frozen(int fd)
{
	char text[256];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = 0;
	return !!strstr(text, "frozen 1");
}

/**
 * ckpt_cgroup_frozen() - whether a group is frozen
 * @dir: group
 *
 * Return: 1 frozen, 0 not or not entirely, or a negative errno (without text).
 */
int ckpt_cgroup_frozen(const char *dir)
{
	int fd = ckpt_cgroup_open(dir, "cgroup.events", O_RDONLY);
	int ret;

	if (fd == -ENOENT) /* the root can't be frozen */
		return 0;
	if (fd < 0)
		return fd;
	ret = events_frozen(fd);
	close(fd);
	return ret;
}

/**
 * ckpt_cgroup_freezing() - whether a group, or one above it, is to be frozen
 * @dir: group
 *
 * Return: true if so.
 */
bool ckpt_cgroup_freezing(const char *dir)
{
	char path[PATH_MAX], text[16], *slash;

	snprintf(path, sizeof(path), "%s", dir);
	while (ckpt_cgroup_read(path, "cgroup.freeze", text, sizeof(text)) >
	       0) {
		if (text[0] == '1')
			return true;
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			break;
		*slash = 0;
	}
	return false;
}

/**
 * ckpt_cgroup_wait_frozen() - wait until a group is frozen
 * @dir: group
 * @seconds: at most so long
 *
 * The kernel tells a change of cgroup.events that follows another one within
 * 10 ms later than it happens, as here after the move into the group: so we
 * also look ourselves, ever more seldom.
 *
 * Return: 0; -ETIMEDOUT; -EINTR: a signal has asked to stop; or another
 * negative errno (without text).
 */
int ckpt_cgroup_wait_frozen(const char *dir, int seconds)
{
	int fd = ckpt_cgroup_open(dir, "cgroup.events", O_RDONLY);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	long end = ckpt_now_ms() + seconds * 1000L, left = 0, look = 1;
	int ret;

	if (fd < 0)
		return fd;
	for (;;) {
		ret = events_frozen(fd);
		left = end - ckpt_now_ms();
		if (!ret && ckpt_stop_requested())
			ret = -EINTR;
		else if (!ret && left <= 0)
			ret = -ETIMEDOUT;
		if (ret)
			break;
		poll(&p, 1, look < left ? look : left);
		look *= 2;
	}
	close(fd);
	return ret < 0 ? ret : 0;
}

/* ---- making and removing ---- */

static int lock_group(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int err;

	if (fd < 0)
		return -errno;
	err = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
	if (!err && stat(dir, &st)) /* removed between open and lock */
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/**
 * ckpt_cgroup_make() - make a group and own it
 * @parent: group above it
 * @name: its name
 * @dir: filled with its path
 * @size: of @dir
 * @lock: filled with the descriptor whose lock says that it is in use
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_make(const char *parent, const char *name, char *dir,
		     size_t size, int *lock)
{
	int tries, fd = -EAGAIN;

	if ((size_t)snprintf(dir, size, "%s/%s", parent, name) >= size)
		return -ENAMETOOLONG;
	/* another tool may take it for stale before the lock is held */
	for (tries = 0; tries < 100; tries++) {
		rmdir(dir); /* an empty one of a former life */
		if (mkdir(dir, 0755))
			return -errno;
		fd = lock_group(dir);
		if (fd >= 0)
			break;
	}
	if (fd < 0)
		return fd;
	*lock = fd;
	return 0;
}

/* Return: how many were moved, or a negative errno. */
static int move_all(const char *dir, const char *file, const char *parent)
{
	int fd = ckpt_cgroup_open(dir, file, O_RDONLY);
	int moved = 0, err = 0, pid;
	FILE *f;

	if (fd < 0)
		return fd;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	while (!err && fscanf(f, "%d", &pid) == 1) {
		err = pid ? ckpt_cgroup_move(parent, pid) : -EPERM;
		if (err == -ESRCH)
			err = 0;
		moved++;
	}
	fclose(f);
	return err ?: moved;
}

/**
 * ckpt_cgroup_empty_into() - move all processes of a group into another
 * @dir: group
 * @parent: the other
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_cgroup_empty_into(const char *dir, const char *parent)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int tries, ret = 0;

	/* what forks meanwhile comes with the next round, what dies goes */
	for (tries = 0; tries < 1000; tries++) {
		if (tries > 4)
			nanosleep(&pause, NULL);
		ret = move_all(dir, "cgroup.procs", parent);
		/* a process whose leader is dead is not listed there */
		if (!ret)
			ret = move_all(dir, "cgroup.threads", parent);
		if (ret == -ENOENT) /* version 1 */
			ret = move_all(dir, "tasks", parent);
		if (ret <= 0)
			break;
	}
	return ret > 0 ? -EBUSY : ret;
}

/**
 * ckpt_cgroup_stale() - whether a group was left behind by a tool that died
 * @dir: group
 *
 * Return: a descriptor that locks it, to be closed, or a negative errno.
 */
int ckpt_cgroup_stale(const char *dir)
{
	const char *name = strrchr(dir, '/');
	int n = 0, pid;

	if (!name || sscanf(name, "/ckpt.%d%n", &pid, &n) != 1 || name[n])
		return -EINVAL;
	return lock_group(dir);
}

/**
 * ckpt_cgroup_dissolve() - thaw and empty a group into its parent, remove it
 * @dir: group
 */
void ckpt_cgroup_dissolve(const char *dir)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash)
		return;
	*slash = 0;
	ckpt_cgroup_empty_into(dir, parent);
	ckpt_cgroup_write(dir, "cgroup.freeze", "0");
	ckpt_cgroup_write(dir, "freezer.state", "THAWED"); /* version 1 */
	rmdir(dir);
}

static void sweep_one(const char *dir)
{
	int lock = ckpt_cgroup_stale(dir);

	if (lock >= 0) {
		ckpt_cgroup_dissolve(dir);
		close(lock);
		return;
	}
	if (strncmp(strrchr(dir, '/'), "/ckpt-frozen.", 13))
		return;
	lock = lock_group(dir);
	if (lock >= 0) {
		rmdir(dir); /* only if it is empty */
		close(lock);
	}
}

static void sweep_below(const char *dir, int depth, long until)
{
	DIR *d = depth ? opendir(dir) : NULL;
	char path[PATH_MAX];
	struct dirent *e;

	if (!d)
		return;
	while (ckpt_now_ms() < until && !ckpt_stop_requested() &&
	       (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir,
				     e->d_name) >= sizeof(path))
			continue;
		sweep_below(path, depth - 1, until);
		if (!strncmp(e->d_name, "ckpt", 4))
			sweep_one(path);
	}
	closedir(d);
}

/* Others may make groups, of any number: no checkpoint waits long for them. */
void ckpt_sweep(void)
{
	long until = ckpt_now_ms() + SWEEP_MS;
	char root[PATH_MAX];

	if (!ckpt_cgroup_root(root, sizeof(root)))
		sweep_below(root, 32, until);
	if (!ckpt_freezer1_root(root, sizeof(root)))
		sweep_below(root, 32, until);
}
