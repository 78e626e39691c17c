// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freezing a process and putting everything back.
 *
 * Three ways, by what the caller may do:
 *	own	a group made for it below its cgroup; it is moved in
 *	direct	its cgroup as it is, if that holds nothing else
 *	as is	somebody has frozen it already
 * by the freezer of cgroup v2, or where there is none by that of v1.
 * The lease is taken before the group is frozen: from then on the kernel thaws
 * it should this process die.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define FREEZE_SECONDS 10

/* The two freezers. */
struct freezer {
	const char *file, *freeze, *thaw; /* what is written where */
	bool (*freezing)(const char *dir);
	bool (*only_holds)(const char *dir, pid_t pid);
	int (*wait)(const char *dir, int seconds);
};

static const struct freezer freezer2 = {
	.file = "cgroup.freeze",
	.freeze = "1",
	.thaw = "0",
	.freezing = ckpt_cgroup_freezing,
	.only_holds = ckpt_cgroup_only_holds,
	.wait = ckpt_cgroup_wait_frozen,
};

static const struct freezer freezer1 = {
	.file = "freezer.state",
	.freeze = "FROZEN",
	.thaw = "THAWED",
	.freezing = ckpt_freezer1_freezing,
	.only_holds = ckpt_freezer1_only_holds,
	.wait = ckpt_freezer1_wait,
};

enum freeze_way { FREEZE_AS_IS, FREEZE_DIRECT, FREEZE_OWN };

struct ckpt_freeze {
	const struct freezer *freezer;
	enum freeze_way way;
	int dev;
	bool leased;
	pid_t pid;
	int lock;
	int spare[2]; /* descriptors that are there when it is thawed */
	char dir[PATH_MAX]; /* group that is frozen */
	char home[PATH_MAX]; /* group that the process came from */
};

static int freeze_lease(struct ckpt_freeze *fz)
{
	int fd, err;

	if (fz->dev < 0)
		return 0;
	fd = ckpt_cgroup_open(fz->dir, fz->freezer->file, O_WRONLY);
	if (fd < 0)
		return ckpt_set_error(fd, "%s/%s: %s", fz->dir,
				      fz->freezer->file, strerror(-fd));
	err = ckpt_ioctl_lease(fz->dev, fd);
	close(fd);
	fz->leased = !err;
	return err;
}

static int freeze_failed(struct ckpt_freeze *fz, int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return ckpt_set_error(err,
				      "pid %d: it did not freeze within %d seconds: it waits in the kernel (state D in ps?); try again",
				      fz->pid, FREEZE_SECONDS);
	case -EINTR:
		return ckpt_set_error(err, "interrupted");
	default:
		return ckpt_set_error(err, "pid %d: cannot freeze %s: %s",
				      fz->pid, fz->dir, strerror(-err));
	}
}

static int freeze_now(struct ckpt_freeze *fz)
{
	int err = freeze_lease(fz);

	if (err)
		return err;
	err = ckpt_cgroup_write(fz->dir, fz->freezer->file,
				fz->freezer->freeze);
	if (!err)
		err = fz->freezer->wait(fz->dir, FREEZE_SECONDS);
	return err ? freeze_failed(fz, err) : 0;
}

static int no_right(struct ckpt_freeze *fz, int err)
{
	if (err == -EOPNOTSUPP)
		return ckpt_set_error(err,
				      "pid %d: its cgroup %s is a threaded one: move it to a domain group first",
				      fz->pid, fz->home);
	if (err == -ESRCH)
		return ckpt_set_error(err, "pid %d: no such process", fz->pid);
	if (err != -EACCES && err != -EPERM && err != -EROFS)
		return ckpt_set_error(err,
				      "pid %d: no group of its own below %s: %s",
				      fz->pid, fz->home, strerror(-err));
	return ckpt_set_error(err,
			      "pid %d: you may not move it within its cgroup %s: run as root, or start it by: systemd-run --user --scope COMMAND",
			      fz->pid, fz->home);
}

/* A group of its own; the errno is not reported yet. */
static int enter_own_group(struct ckpt_freeze *fz, unsigned int flags)
{
	char name[32];
	int err;

	if (flags & CKPT_FREEZE_KEEP)
		snprintf(name, sizeof(name), "ckpt-frozen.%d", fz->pid);
	else
		snprintf(name, sizeof(name), "ckpt.%d", getpid());
	err = ckpt_cgroup_make(fz->home, name, fz->dir, sizeof(fz->dir),
			       &fz->lock);
	if (err)
		return err;
	err = ckpt_cgroup_move(fz->dir, fz->pid);
	if (!err) {
		fz->way = FREEZE_OWN;
		return 0;
	}
	rmdir(fz->dir);
	close(fz->lock);
	fz->lock = -1;
	return err;
}

/*
 * Which freezer: that of version 1 if it has frozen the process already, or if
 * there is no other.
 */
static int freeze_find(struct ckpt_freeze *fz)
{
	char root[PATH_MAX];
	int err;

	fz->freezer = &freezer1;
	err = ckpt_freezer1_of(fz->pid, fz->home, sizeof(fz->home));
	if (!err && (ckpt_freezer1_freezing(fz->home) ||
		     ckpt_cgroup_root(root, sizeof(root))))
		return 0;
	fz->freezer = &freezer2;
	return ckpt_cgroup_of(fz->pid, fz->home, sizeof(fz->home));
}

/* The group that it is in may be that of a tool at work, which will go. */
static int freeze_taken(struct ckpt_freeze *fz)
{
	int lock = ckpt_cgroup_stale(fz->home);

	if (lock >= 0)
		close(lock);
	if (lock != -EWOULDBLOCK)
		return 0;
	return ckpt_set_error(-EBUSY,
			      "pid %d: another checkpoint of it is going on",
			      fz->pid);
}

static int freeze_choose(struct ckpt_freeze *fz, unsigned int flags)
{
	int err = freeze_taken(fz);

	if (err)
		return err;
	if (fz->freezer->freezing(fz->home)) {
		fz->way = FREEZE_AS_IS;
		snprintf(fz->dir, sizeof(fz->dir), "%s", fz->home);
		err = fz->freezer->wait(fz->dir, FREEZE_SECONDS);
		return err ? freeze_failed(fz, err) : 0;
	}
	err = enter_own_group(fz, flags);
	if (err && fz->freezer->only_holds(fz->home, fz->pid)) {
		fz->way = FREEZE_DIRECT;
		snprintf(fz->dir, sizeof(fz->dir), "%s", fz->home);
		err = 0;
	}
	if (err)
		return no_right(fz, err);
	return freeze_now(fz);
}

/* What to thaw it with must not be missing in the end. */
static int spare_take(struct ckpt_freeze *fz)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fz->spare); i++) {
		fz->spare[i] = open("/", O_PATH | O_CLOEXEC);
		if (fz->spare[i] < 0)
			return ckpt_set_error(-errno,
					      "no descriptors to freeze it: %s",
					      strerror(errno));
	}
	return 0;
}

static void spare_give(struct ckpt_freeze *fz)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fz->spare); i++) {
		if (fz->spare[i] >= 0)
			close(fz->spare[i]);
		fz->spare[i] = -1;
	}
}

int ckpt_freeze(int dev, pid_t pid, unsigned int flags,
		struct ckpt_freeze **out)
{
	struct ckpt_freeze *fz = calloc(1, sizeof(*fz));
	char why[1024];
	int err;

	if (!fz)
		return ckpt_set_error(-ENOMEM, "out of memory");
	fz->dev = dev;
	fz->pid = pid;
	fz->lock = -1;
	memset(fz->spare, -1, sizeof(fz->spare));
	err = spare_take(fz);
	if (!err)
		err = freeze_find(fz);
	if (!err)
		err = freeze_choose(fz, flags);
	if (!err) {
		*out = fz;
		return 0;
	}
	snprintf(why, sizeof(why), "%s", ckpt_error());
	ckpt_thaw(fz);
	return ckpt_set_error(err, "%s", why);
}

static void freeze_free(struct ckpt_freeze *fz)
{
	spare_give(fz);
	if (fz->leased)
		ckpt_ioctl_lease(fz->dev, -1);
	if (fz->lock >= 0)
		close(fz->lock);
	free(fz);
}

int ckpt_freeze_keep(struct ckpt_freeze *fz, char *path, size_t size)
{
	int err = 0;

	snprintf(path, size, "%s/%s", fz->dir, fz->freezer->file);
	if (fz->leased) {
		fz->leased = false;
		err = ckpt_ioctl_lease(fz->dev, -1);
	}
	freeze_free(fz);
	return err;
}

/**
 * ckpt_freeze_let_die() - let a frozen process that was killed die
 * @fz: frozen process
 *
 * SIGKILL goes through the ice of cgroup v2, but not of v1.
 */
void ckpt_freeze_let_die(struct ckpt_freeze *fz)
{
	if (fz->freezer == &freezer1 && fz->way != FREEZE_AS_IS)
		ckpt_cgroup_write(fz->dir, fz->freezer->file,
				  fz->freezer->thaw);
}

/* A process that was killed needs a moment to leave. */
static int remove_group(const char *dir)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int tries;

	for (tries = 0; tries < 200; tries++) {
		if (!rmdir(dir) || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return -errno;
}

int ckpt_thaw(struct ckpt_freeze *fz)
{
	int err = 0, moved = 0;

	if (!fz)
		return 0;
	spare_give(fz);
	/* thawed first: to move it can take the kernel many milliseconds */
	if (fz->way != FREEZE_AS_IS)
		err = ckpt_cgroup_write(fz->dir, fz->freezer->file,
					fz->freezer->thaw);
	if (fz->way == FREEZE_OWN)
		moved = ckpt_cgroup_empty_into(fz->dir, fz->home);
	if (fz->way == FREEZE_OWN && !moved)
		err = 0; /* to leave the group thaws, too */
	if (err)
		err = ckpt_set_error(err,
				     "pid %d: cannot thaw it: echo %s > %s/%s",
				     fz->pid, fz->freezer->thaw, fz->dir,
				     fz->freezer->file);
	if (!err && fz->way == FREEZE_OWN && !moved)
		moved = remove_group(fz->dir);
	if (!err && moved)
		err = ckpt_set_error(moved,
				     "pid %d: it runs, but cannot go back to its cgroup %s: %s",
				     fz->pid, fz->home, strerror(-moved));
	freeze_free(fz);
	return err;
}
