// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freezing a process with the cgroup v2 freezer.
 *
 * The process is moved into a group of its own below its cgroup, so that
 * nothing else is frozen and every limit stays in force.  The kernel holds a
 * lease on the group from before it is frozen: if the tool dies, it is thawed.
 * The group of a tool that has died is found by its name and by the lock that
 * nobody holds on it any more; the next tool removes it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib.h"

#define FREEZE_SECONDS 10
#define GROUP_PREFIX "ckpt."

struct ckpt_freeze {
	int dev;
	pid_t pid;
	int lock;
	bool own; /* the group is ours: made, and to be removed */
	bool here; /* the group was there, and we have frozen it */
	char dir[4096];
};

static void freeze_undo(struct ckpt_freeze *fz)
{
	if (fz->own)
		ckpt_cgroup_dissolve(fz->dir);
	else if (fz->here)
		ckpt_cgroup_write(fz->dir, "cgroup.freeze", "0");
	if (fz->dev >= 0 && (fz->own || fz->here))
		ckpt_ioctl_lease(fz->dev, -1);
	if (fz->lock >= 0)
		close(fz->lock);
	free(fz);
}

/* The kernel thaws the group when the session ends. */
static int take_lease(struct ckpt_freeze *fz)
{
	int fd, err;

	if (fz->dev < 0)
		return 0;
	fd = ckpt_cgroup_open(fz->dir, "cgroup.freeze", O_WRONLY);
	if (fd < 0)
		return ckpt_set_error(fd, "%s/cgroup.freeze: %s", fz->dir,
				      strerror(-fd));
	err = ckpt_ioctl_lease(fz->dev, fd);
	close(fd);
	return err;
}

static int cannot_move(struct ckpt_freeze *fz, const char *parent, int err)
{
	return ckpt_set_error(err,
			      "pid %d: cannot move it to a freezer group below %s (%s): run as root, or freeze that group yourself: echo 1 > %s/cgroup.freeze",
			      fz->pid, parent, strerror(-err), parent);
}

/* A group of its own; or, where that may not be, the one it is alone in. */
static int choose_group(struct ckpt_freeze *fz, const char *parent)
{
	char name[32];
	int err;

	snprintf(name, sizeof(name), GROUP_PREFIX "%d", getpid());
	err = ckpt_cgroup_make(parent, name, fz->dir, sizeof(fz->dir),
			       &fz->lock);
	if (!err) {
		fz->own = true;
		err = take_lease(fz);
		if (err)
			return err;
		err = ckpt_cgroup_move(fz->dir, fz->pid);
		if (!err)
			return 0;
		if (err == -ESRCH)
			return ckpt_set_error(err, "pid %d: no such process",
					      fz->pid);
		ckpt_cgroup_dissolve(fz->dir);
		fz->own = false;
	}
	if (!ckpt_cgroup_only_holds(parent, fz->pid) ||
	    ckpt_cgroup_frozen(parent) < 0)
		return cannot_move(fz, parent, err);
	snprintf(fz->dir, sizeof(fz->dir), "%s", parent);
	fz->here = true;
	err = take_lease(fz);
	if (err)
		fz->here = false;
	return err;
}

static int freeze_now(struct ckpt_freeze *fz)
{
	int err = ckpt_cgroup_write(fz->dir, "cgroup.freeze", "1");

	if (!err)
		err = ckpt_cgroup_wait_frozen(fz->dir, FREEZE_SECONDS);
	if (!err)
		return 0;
	if (err == -ETIMEDOUT)
		return ckpt_set_error(err,
				      "pid %d: it does not freeze within %d s (is it waiting in the kernel, or for a vfork child?)",
				      fz->pid, FREEZE_SECONDS);
	if (err == -EINTR)
		return ckpt_set_error(err, "interrupted");
	return ckpt_set_error(err, "%s: cannot freeze: %s", fz->dir,
			      strerror(-err));
}

int ckpt_freeze(int dev, pid_t pid, unsigned int flags,
		struct ckpt_freeze **out)
{
	struct ckpt_freeze *fz = calloc(1, sizeof(*fz));
	char parent[4000];
	int err;

	(void)flags;
	if (!fz)
		return ckpt_set_error(-ENOMEM, "out of memory");
	fz->dev = dev;
	fz->pid = pid;
	fz->lock = -1;
	err = ckpt_cgroup_of(pid, parent, sizeof(parent));
	if (err)
		goto err_undo;
	if (ckpt_cgroup_freezing(parent)) {
		/* frozen by someone else, and left so */
		snprintf(fz->dir, sizeof(fz->dir), "%s", parent);
		err = ckpt_cgroup_wait_frozen(parent, FREEZE_SECONDS);
		if (err)
			err = ckpt_set_error(err, "%s: it does not freeze",
					     parent);
	} else {
		err = choose_group(fz, parent);
		if (!err)
			err = freeze_now(fz);
	}
	if (err)
		goto err_undo;
	*out = fz;
	return 0;

err_undo:
	freeze_undo(fz);
	return err;
}

int ckpt_freeze_keep(struct ckpt_freeze *fz, char *path, size_t size)
{
	int err = 0;

	snprintf(path, size, "%s/cgroup.freeze", fz->dir);
	if (fz->dev >= 0 && (fz->own || fz->here))
		err = ckpt_ioctl_lease(fz->dev, -1);
	/* not ours any more, and not stale: a name that no sweep looks for */
	if (fz->lock >= 0)
		close(fz->lock);
	free(fz);
	return err;
}

int ckpt_thaw(struct ckpt_freeze *fz)
{
	if (fz)
		freeze_undo(fz);
	return 0;
}

/* Groups that are frozen on purpose are somebody's wish, not stale. */
static void sweep_group(const char *dir)
{
	char text[16];
	int lock = ckpt_cgroup_stale(dir);

	if (lock < 0)
		return;
	if (ckpt_cgroup_read(dir, "cgroup.freeze", text, sizeof(text)) > 0 &&
	    text[0] == '0')
		ckpt_cgroup_dissolve(dir);
	close(lock);
}

static void sweep_below(const char *dir, int depth)
{
	char path[4352];
	struct dirent *e;
	DIR *d;

	d = depth ? opendir(dir) : NULL;
	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >=
		    (int)sizeof(path))
			continue;
		if (!strncmp(e->d_name, GROUP_PREFIX, strlen(GROUP_PREFIX)))
			sweep_group(path);
		else
			sweep_below(path, depth - 1);
	}
	closedir(d);
}

void ckpt_sweep(void)
{
	char root[4096];

	if (!ckpt_cgroup_root(root, sizeof(root)))
		sweep_below(root, 32);
}
