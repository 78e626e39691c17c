// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image file that appears whole or not at all: written beside its place,
 * synced, renamed.  What is not a regular file (a fifo, a device) is written
 * in place.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>
#include "lib.h"

#define NAMES_TRIED 100

static int output_given(struct ckpt_output *out, int fd)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return ckpt_set_error(-errno,
				      "standard output is closed: use -o FILE");
	if ((mode & O_ACCMODE) == O_RDONLY)
		return ckpt_set_error(
			-EBADF,
			"standard output is open for reading only: use -o FILE");
	if (isatty(fd))
		return ckpt_set_error(
			-ENOTTY,
			"an image does not belong on a terminal: use -o FILE, or > FILE");
	out->fd = fd;
	return 0;
}

/**
 * ckpt_unfit() - what is wrong with a descriptor for an image or a log
 * @fd: descriptor
 *
 * Return: "a terminal", "a directory"...; NULL: it is a file, a pipe or a
 * device that takes everything (/dev/null).
 */
const char *ckpt_unfit(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return "not open";
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFSOCK:
		return "a socket";
	case S_IFBLK:
		return "a block device";
	case S_IFCHR:
		if (isatty(fd))
			return "a terminal";
		if (st.st_rdev == makedev(1, 3) || st.st_rdev == makedev(1, 7))
			return NULL; /* null, full */
		return "a device";
	default:
		return NULL;
	}
}

/* The directory of a path; the caller frees it. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : slash - path);
}

static int output_failed(struct ckpt_output *out, int err)
{
	return ckpt_set_error(err, "%s: cannot create: %s", out->path,
			      strerror(-err));
}

/* The name beside @path until the image is complete; NULL: out of memory. */
static char *temporary_name(const char *path, int nr)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? slash + 1 - path : 0;
	char *name;

	if (asprintf(&name, "%.*s.%s.%d%s%.0d.ckpt-tmp", dir_len, path,
		     path + dir_len, getpid(), nr ? "." : "", nr) < 0)
		return NULL;
	return name;
}

/*
 * One with a name.  What has that already was left by a process with our
 * number that the machine has not survived, or is of another machine's.
 */
static int output_named(struct ckpt_output *out)
{
	int nr = 0;

	do {
		free(out->tmp);
		out->tmp = temporary_name(out->path, nr);
		if (!out->tmp)
			return output_failed(out, -ENOMEM);
		out->fd = open(out->tmp,
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (out->fd < 0 && errno == EEXIST && ++nr < NAMES_TRIED);
	if (out->fd < 0)
		return output_failed(out, -errno);
	out->named = true;
	return 0;
}

/*
 * A file without a name is gone when this process is, whatever ends it; where
 * the file system has none, one with a name beside its place.
 */
static int output_temporary(struct ckpt_output *out)
{
	char *dir = dir_of(out->path);

	out->tmp = temporary_name(out->path, 0);
	if (!dir || !out->tmp) {
		free(dir);
		return output_failed(out, -ENOMEM);
	}
	out->fd = open(dir, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	free(dir);
	return out->fd >= 0 ? 0 : output_named(out);
}

/*
 * The name of what @fd is, where a link leads to it: so it is the link's target
 * that is replaced, think of /dev/stdout.  Asked of the kernel and not read from
 * the link, which somebody could exchange meanwhile for one that the kernel
 * would not have followed (fs.protected_symlinks).
 */
static char *output_target(int fd, const struct stat *want)
{
	char fd_path[64], name[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	n = readlink(fd_path, name, sizeof(name) - 1);
	if (n < 0)
		return NULL;
	name[n] = 0;
	if (lstat(name, &st))
		return NULL;
	if (st.st_dev == want->st_dev && st.st_ino == want->st_ino)
		return strdup(name);
	errno = ESTALE;
	return NULL;
}

/* Whoever has made a FIFO reads what is written there. */
static bool fifo_of_another(int fd, const struct stat *st)
{
	struct statfs fs;

	if (!S_ISFIFO(st->st_mode) || !st->st_uid || st->st_uid == geteuid())
		return false;
	return fstatfs(fd, &fs) || fs.f_type != PIPEFS_MAGIC;
}

/* By way of @fd, so that it is what has been looked at. */
static int output_in_place(struct ckpt_output *out, int fd,
			   const struct stat *st)
{
	const char *unfit;
	char fd_path[64];

	if (fifo_of_another(fd, st))
		return ckpt_set_error(-EPERM,
				      "%s: it is a FIFO of another user, who would read the image",
				      out->path);
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	out->fd = open(fd_path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (out->fd < 0)
		return ckpt_set_error(-errno, "%s: cannot open: %s", out->path,
				      errno == ENXIO ? "it is a socket" :
						       strerror(errno));
	unfit = ckpt_unfit(out->fd);
	if (!unfit)
		return 0;
	return ckpt_set_error(-EINVAL, "%s: it is %s, an image goes to a file",
			      out->path, unfit);
}

static bool is_link(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISLNK(st.st_mode);
}

/* @fd: what is at the place, opened with O_PATH; or negative: nothing. */
static int output_place(struct ckpt_output *out, const char *path, int fd)
{
	bool link = is_link(path);
	struct stat st;

	if (fd < 0 && link)
		return ckpt_set_error(-errno, "%s: cannot follow the link: %s",
				      path, strerror(errno));
	if (fd >= 0 && fstat(fd, &st))
		return ckpt_set_error(-errno, "%s: %s", path, strerror(errno));
	if (link && S_ISREG(st.st_mode))
		out->path = output_target(fd, &st);
	else
		out->path = strdup(path);
	if (!out->path)
		return ckpt_set_error(-errno, "%s: cannot follow the link: %s",
				      path, strerror(errno));
	if (fd < 0 || S_ISREG(st.st_mode))
		return output_temporary(out);
	return output_in_place(out, fd, &st);
}

/**
 * ckpt_output_open() - open the place for an image
 * @out: filled in; ckpt_output_commit() or ckpt_output_abort() end it, also
 *	after a failure
 * @path: file or a link to one, or NULL
 * @fd: descriptor, without a path; borrowed
 *
 * Return: 0 or a negative errno; -ENOTTY: a terminal.
 */
int ckpt_output_open(struct ckpt_output *out, const char *path, int fd)
{
	int err;

	*out = (struct ckpt_output){ .fd = -1 };
	if (!path)
		return output_given(out, fd);
	out->own_fd = true;
	fd = open(path, O_PATH | O_CLOEXEC);
	err = output_place(out, path, fd);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Pipes and the like cannot be synced, and need not. */
static int sync_fd(int fd)
{
	if (!fsync(fd)) { /* nobody reads it soon */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		return 0;
	}
	if (errno == EINVAL)
		return 0;
	return -errno;
}

/* @file: in it, for a directory that may be written and not read. */
static int sync_dir_of(const char *path, int file)
{
	char *dir = dir_of(path);
	int fd, err;

	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return errno != EACCES || syncfs(file) ? -errno : 0;
	err = sync_fd(fd);
	close(fd);
	return err;
}

static int output_name(struct ckpt_output *out)
{
	char fd_path[64];
	int nr;

	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", out->fd);
	for (nr = 0; !out->named && nr < NAMES_TRIED; nr++) {
		free(out->tmp);
		out->tmp = temporary_name(out->path, nr);
		if (!out->tmp)
			return -ENOMEM;
		out->named = !linkat(AT_FDCWD, fd_path, AT_FDCWD, out->tmp,
				     AT_SYMLINK_FOLLOW);
		if (!out->named && errno != EEXIST)
			return -errno;
	}
	return out->named ? 0 : -EEXIST;
}

static int output_publish(struct ckpt_output *out, bool sync)
{
	int err = sync ? sync_fd(out->fd) : 0;

	if (err || !out->tmp)
		return err;
	err = output_name(out);
	if (err)
		return err;
	if (rename(out->tmp, out->path))
		return -errno;
	out->named = false;
	return sync ? sync_dir_of(out->path, out->fd) : 0;
}

/**
 * ckpt_output_commit() - make a complete image safe and visible
 * @out: output; freed, whatever happens
 * @sync: wait until it is on the disk
 *
 * Return: 0 or a negative errno; then there is no file.
 */
int ckpt_output_commit(struct ckpt_output *out, bool sync)
{
	int err = output_publish(out, sync);

	if (err)
		ckpt_set_error(err, "%s: cannot save the image: %s",
			       out->path ?: "standard output", strerror(-err));
	ckpt_output_abort(out);
	return err;
}

/**
 * ckpt_output_abort() - give up an output
 * @out: output; freed
 */
void ckpt_output_abort(struct ckpt_output *out)
{
	if (out->named)
		unlink(out->tmp);
	if (out->own_fd && out->fd >= 0)
		close(out->fd);
	free(out->tmp);
	free(out->path);
	*out = (struct ckpt_output){ .fd = -1 };
}
