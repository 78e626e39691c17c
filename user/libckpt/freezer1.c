// SPDX-License-Identifier: GPL-2.0-only
/*
 * The freezer of cgroup v1, for systems that have no other: freezer.state of a
 * group takes FROZEN and THAWED, and says FREEZING on the way.
 */
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

/**
 * ckpt_freezer1_root() - where the freezer hierarchy of cgroup v1 is mounted
 * @dir: filled with the path
 * @size: of @dir
 *
 * Return: 0, or -ENOENT (without text).
 */
int ckpt_freezer1_root(char *dir, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	int err = -ENOENT;
	struct mntent *m;

	if (!f)
		return err;
	while (err && (m = getmntent(f))) {
		if (strcmp(m->mnt_type, "cgroup") || !hasmntopt(m, "freezer"))
			continue;
		snprintf(dir, size, "%s", m->mnt_dir);
		err = 0;
	}
	endmntent(f);
	return err;
}

/* The path in a line "4:cpu,freezer:/path" of /proc/PID/cgroup, or NULL. */
static char *line_path(char *line)
{
	char *names = strchr(line, ':'), *path, *name, *save = NULL;

	path = names ? strchr(names + 1, ':') : NULL;
	if (!path)
		return NULL;
	*path++ = 0;
	path[strcspn(path, "\n")] = 0;
	for (name = strtok_r(names + 1, ",", &save); name;
	     name = strtok_r(NULL, ",", &save))
		if (!strcmp(name, "freezer"))
			return strcmp(path, "/") ? path : path + 1;
	return NULL;
}

/**
 * ckpt_freezer1_of() - directory of a process's freezer group
 * @pid: process
 * @dir: filled with the path
 * @size: of @dir
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_freezer1_of(pid_t pid, char *dir, size_t size)
{
	char name[64], *line = NULL, *path;
	int err = ckpt_freezer1_root(dir, size);
	size_t n = 0, used = err ? 0 : strlen(dir);
	FILE *f;

	if (err)
		return err;
	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	f = fopen(name, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	err = -ENOENT;
	while (err && getline(&line, &n, f) > 0) {
		path = line_path(line);
		if (!path)
			continue;
		err = (size_t)snprintf(dir + used, size - used, "%s", path) <
				      size - used ?
			      0 :
			      -ENAMETOOLONG;
	}
	free(line);
	fclose(f);
	return err;
}

/**
 * ckpt_freezer1_freezing() - whether a group, or one above it, is to be frozen
 * @dir: group
 *
 * Return: true if so.
 */
bool ckpt_freezer1_freezing(const char *dir)
{
	char text[16];

	return ckpt_cgroup_read(dir, "freezer.state", text, sizeof(text)) > 0 &&
	       !strncmp(text, "FR", 2); /* the root has no such file */
}

/**
 * ckpt_freezer1_wait() - wait until a group is frozen
 * @dir: group
 * @seconds: at most so long
 *
 * Return: 0, or as ckpt_cgroup_wait_frozen().
 */
int ckpt_freezer1_wait(const char *dir, int seconds)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	time_t end = time(NULL) + seconds + 1;
	char text[16];
	int n;

	for (;;) {
		n = ckpt_cgroup_read(dir, "freezer.state", text, sizeof(text));
		if (n < 0)
			return n;
		if (!strncmp(text, "FROZEN", 6))
			return 0;
		if (ckpt_stop_requested())
			return -EINTR;
		if (time(NULL) > end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}
