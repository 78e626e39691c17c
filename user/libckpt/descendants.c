// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of processes, and the tree below one.
 *
 * A tree is read from /proc/PID/task/TID/children.  While it runs it changes
 * under our eyes: what is found may have gone, and something may be missed,
 * which a later look finds.  Once all that was found is frozen a look is exact:
 * the lists of a frozen process change only by what others do, and those that
 * are not frozen are found through their frozen ancestors.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "descendants.h"
#include "lib.h"

#define FIRST_SLOTS 64

/* ---- sets ---- */

static size_t slot_of(const struct ckpt_pids *set, pid_t pid)
{
	size_t at = (unsigned int)pid * 2654435761U & (set->slots - 1);

	while (set->slot[at] && set->pid[set->slot[at] - 1] != pid)
		at = (at + 1) & (set->slots - 1);
	return at;
}

/* At most half of the slots are in use. */
static int set_grow(struct ckpt_pids *set)
{
	size_t slots = set->slots ? 2 * set->slots : FIRST_SLOTS, i;
	pid_t *pid = reallocarray(set->pid, slots / 2, sizeof(*pid));
	unsigned int *slot = calloc(slots, sizeof(*slot));

	if (pid)
		set->pid = pid;
	if (!pid || !slot) {
		free(slot);
		return ckpt_set_error(-ENOMEM, "out of memory");
	}
	free(set->slot);
	set->slot = slot;
	set->slots = slots;
	set->room = slots / 2;
	for (i = 0; i < set->nr; i++)
		slot[slot_of(set, set->pid[i])] = i + 1;
	return 0;
}

/**
 * ckpt_pids_add() - add a pid
 * @set: set, zeros at first
 * @pid: pid
 *
 * Return: 1; 0: it was there; or -ENOMEM.
 */
int ckpt_pids_add(struct ckpt_pids *set, pid_t pid)
{
	size_t at;
	int err;

	if (set->nr == set->room) {
		err = set_grow(set);
		if (err)
			return err;
	}
	at = slot_of(set, pid);
	if (set->slot[at])
		return 0;
	set->pid[set->nr++] = pid;
	set->slot[at] = set->nr;
	return 1;
}

/**
 * ckpt_pids_have() - whether a pid is in a set
 * @set: set
 * @pid: pid
 *
 * Return: true if so.
 */
bool ckpt_pids_have(const struct ckpt_pids *set, pid_t pid)
{
	return set->nr && set->slot[slot_of(set, pid)];
}

/**
 * ckpt_pids_clear() - make a set empty
 * @set: set
 */
void ckpt_pids_clear(struct ckpt_pids *set)
{
	set->nr = 0;
	if (set->slot)
		memset(set->slot, 0, set->slots * sizeof(*set->slot));
}

/**
 * ckpt_pids_free() - free what a set holds
 * @set: set, empty afterwards
 */
void ckpt_pids_free(struct ckpt_pids *set)
{
	free(set->pid);
	free(set->slot);
	memset(set, 0, sizeof(*set));
}

/* ---- the tree ---- */

/* All numbers of a file, which may be of any length. */
static int add_numbers(const char *path, struct ckpt_pids *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	bool number = false;
	char text[4096];
	ssize_t n, i;
	pid_t pid = 0;

	if (fd < 0)
		return -errno;
	while (err >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		for (i = 0; i < n && err >= 0; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = 10 * pid + text[i] - '0';
				number = true;
				continue;
			}
			if (number)
				err = ckpt_pids_add(out, pid);
			pid = 0;
			number = false;
		}
	if (n < 0 && err >= 0)
		err = -errno;
	close(fd);
	return err < 0 ? err : 0;
}

/**
 * ckpt_threads() - all threads of a process
 * @pid: process
 * @out: they are added
 *
 * Return: 0, also if it has gone; or a negative errno.
 */
int ckpt_threads(pid_t pid, struct ckpt_pids *out)
{
	struct dirent *e;
	char path[64];
	int err = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	while (err >= 0 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			err = ckpt_pids_add(out, atoi(e->d_name));
	closedir(d);
	return err < 0 ? err : 0;
}

/* Most have one thread: there are two links more than that to its directory. */
static bool has_one_thread(pid_t pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return !stat(path, &st) && st.st_nlink <= 3;
}

static int children_of(pid_t pid, pid_t tid, struct ckpt_pids *out)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	err = add_numbers(path, out);
	return err == -ENOENT || err == -ESRCH ? 0 : err;
}

static int all_children(pid_t pid, struct ckpt_pids *threads,
			struct ckpt_pids *out)
{
	size_t i;
	int err;

	if (has_one_thread(pid))
		return children_of(pid, pid, out);
	ckpt_pids_clear(threads);
	err = ckpt_threads(pid, threads);
	for (i = 0; i < threads->nr && !err; i++)
		err = children_of(pid, threads->pid[i], out);
	return err;
}

/**
 * ckpt_descendants() - a process, its children, theirs, and so on
 * @root: process
 * @out: emptied, then filled; parents stand before their children
 *
 * Return: 0 or a negative errno.
 */
int ckpt_descendants(pid_t root, struct ckpt_pids *out)
{
	struct ckpt_pids threads = { 0 };
	size_t i;
	int err;

	ckpt_pids_clear(out);
	err = ckpt_pids_add(out, root);
	for (i = 0; err >= 0 && i < out->nr; i++)
		err = all_children(out->pid[i], &threads, out);
	ckpt_pids_free(&threads);
	if (err >= 0)
		return 0;
	return ckpt_set_error(err, "pid %d: cannot see its children: %s", root,
			      strerror(-err));
}

/**
 * ckpt_group_processes() - the processes of a cgroup
 * @dir: its directory
 * @below: also those of the groups so many levels below it
 * @out: they are added; 0 stands for those outside the caller's pid namespace
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_group_processes(const char *dir, int below, struct ckpt_pids *out)
{
	char path[PATH_MAX];
	struct dirent *e;
	int err;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	err = add_numbers(path, out);
	if (err || !below)
		return err;
	d = opendir(dir);
	if (!d)
		return -errno;
	while (!err && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir,
				     e->d_name) >= sizeof(path))
			err = -ENAMETOOLONG;
		else
			err = ckpt_group_processes(path, below - 1, out);
	}
	closedir(d);
	return err;
}
