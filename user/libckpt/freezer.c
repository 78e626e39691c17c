// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freezing a tree of processes and putting everything back.
 *
 * Its processes may be in several cgroups; each of these is frozen in one of
 * three ways, by what the caller may do and who else is there:
 *	own	a group made for them below it; they are moved in
 *	direct	the cgroup as it is, if it and what is below holds nothing else
 *	as is	somebody has frozen it already
 * by the freezer of cgroup v2, or where there is none by that of v1.
 *
 * The tree forks, exits and gets other parents meanwhile.  Children are born
 * into their parent's group, so that the tree is looked through until nobody is
 * found outside; then the groups are frozen and it is looked through again,
 * which is exact now.  Whoever has left the tree meanwhile goes back.
 *
 * The lease is taken before a group is frozen: from then on the kernel thaws it
 * should this process die.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "descendants.h"
#include "lib.h"

#define FREEZE_SECONDS 10
#define LOOKS_MAX 1000 /* at a tree that grows faster than we look */
#define LEVELS_MAX 32 /* of groups below one */
#define DYING_TIMES 30 /* as long as others may one take that is dying */

/* The two freezers. */
struct freezer {
	const char *file, *freeze, *thaw; /* what is written where */
	int (*path)(pid_t pid, char *path, size_t size); /* of its group */
	int (*dir)(pid_t pid, char *dir, size_t size);
	bool (*freezing)(const char *dir);
	int (*wait)(const char *dir, int seconds);
};

static const struct freezer freezer2 = {
	.file = "cgroup.freeze",
	.freeze = "1",
	.thaw = "0",
	.path = ckpt_cgroup_path,
	.dir = ckpt_cgroup_of,
	.freezing = ckpt_cgroup_freezing,
	.wait = ckpt_cgroup_wait_frozen,
};

static const struct freezer freezer1 = {
	.file = "freezer.state",
	.freeze = "FROZEN",
	.thaw = "THAWED",
	.path = ckpt_freezer1_of,
	.dir = ckpt_freezer1_of,
	.freezing = ckpt_freezer1_freezing,
	.wait = ckpt_freezer1_wait,
};

enum freeze_way { FREEZE_AS_IS, FREEZE_DIRECT, FREEZE_OWN };

/* A cgroup with processes of the tree. */
struct ice {
	enum freeze_way way;
	bool frozen; /* by us */
	int err; /* of its thaw */
	int leased; /* its freezer file, which the session holds, or -1 */
	int lock;
	char *dir; /* group that is frozen */
	char *home; /* group that the processes came from */
	char *path; /* what the kernel calls dir */
	char *home_path;
};

struct ckpt_freeze {
	const struct freezer *freezer;
	unsigned int flags; /* CKPT_FREEZE_* */
	unsigned long long since; /* the first one was told to freeze, in ns */
	unsigned long long frozen; /* all were, in clock ticks after the boot */
	int dev;
	pid_t pid;
	int spare[2]; /* descriptors that are there when it is thawed */
	struct ice *ice;
	size_t nr_ice;
	struct ckpt_pids tree; /* as it was last seen */
	struct ckpt_pids placed; /* known to be in one of the groups */
};

/* ---- errors ---- */

static int out_of_memory(void)
{
	return ckpt_set_error(-ENOMEM, "out of memory");
}

static int freeze_failed(struct ckpt_freeze *fz, const struct ice *ice, int err)
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
				      fz->pid, ice->dir, strerror(-err));
	}
}

static int no_right(pid_t pid, const char *home, int err)
{
	if (err == -EOPNOTSUPP)
		return ckpt_set_error(err,
				      "pid %d: its cgroup %s is a threaded one: move it to a domain group first",
				      pid, home);
	if (err == -ESRCH)
		return ckpt_set_error(err, "pid %d: no such process", pid);
	if (err != -EACCES && err != -EPERM && err != -EROFS)
		return ckpt_set_error(err,
				      "pid %d: no group of its own below %s: %s",
				      pid, home, strerror(-err));
	return ckpt_set_error(err,
			      "pid %d: you may not move it within its cgroup %s: run as root, or start it by: systemd-run --user --scope COMMAND",
			      pid, home);
}

/* ---- freezing a group ---- */

static int freeze_lease(struct ckpt_freeze *fz, struct ice *ice)
{
	int fd, err;

	if (fz->dev < 0)
		return 0;
	fd = ckpt_cgroup_open(ice->dir, fz->freezer->file, O_WRONLY);
	if (fd < 0)
		return ckpt_set_error(fd, "%s/%s: %s", ice->dir,
				      fz->freezer->file, strerror(-fd));
	err = ckpt_ioctl_lease(fz->dev, fd);
	if (err)
		close(fd);
	else
		ice->leased = fd;
	return err;
}

/* The session may hold more than these. */
static int lease_return(struct ckpt_freeze *fz)
{
	struct ice *ice;
	int err = 0, one;

	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++) {
		if (ice->leased < 0)
			continue;
		one = ckpt_ioctl_lease_return(fz->dev, ice->leased);
		err = err ?: one;
		close(ice->leased);
		ice->leased = -1;
	}
	return err;
}

/* It is thawed by what is open: the system may have no file left for more. */
static int ice_write(const struct ckpt_freeze *fz, const struct ice *ice,
		     const char *text)
{
	if (ice->leased < 0)
		return ckpt_cgroup_write(ice->dir, fz->freezer->file, text);
	return write(ice->leased, text, strlen(text)) < 0 ? -errno : 0;
}

/* All of them, which takes effect in parallel, then wait. */
static int freeze_now(struct ckpt_freeze *fz)
{
	struct ice *ice, *end = fz->ice + fz->nr_ice;
	int err;

	for (ice = fz->ice; ice < end; ice++) {
		if (ice->way == FREEZE_AS_IS || ice->frozen)
			continue;
		err = freeze_lease(fz, ice);
		if (err)
			return err;
		ice->frozen = true;
		if (!fz->since)
			fz->since = ckpt_now_ns();
		err = ckpt_cgroup_write(ice->dir, fz->freezer->file,
					fz->freezer->freeze);
		if (err)
			return freeze_failed(fz, ice, err);
	}
	for (ice = fz->ice; ice < end; ice++) {
		err = fz->freezer->wait(ice->dir, FREEZE_SECONDS);
		if (err)
			return freeze_failed(fz, ice, err);
	}
	return 0;
}

/* ---- finding a group ---- */

/* The group that it is in may be that of a tool at work, which will go. */
static int freeze_taken(struct ckpt_freeze *fz, const char *home)
{
	int lock = ckpt_cgroup_stale(home);

	if (lock >= 0)
		close(lock);
	if (lock != -EWOULDBLOCK)
		return 0;
	return ckpt_set_error(-EBUSY,
			      "pid %d: another checkpoint of it is going on",
			      fz->pid);
}

static struct ice *ice_add(struct ckpt_freeze *fz, const char *home,
			   const char *home_path)
{
	struct ice *more, *ice;

	more = reallocarray(fz->ice, fz->nr_ice + 1, sizeof(*more));
	if (!more)
		return NULL;
	fz->ice = more;
	ice = &more[fz->nr_ice++];
	*ice = (struct ice){
		.lock = -1,
		.leased = -1,
		.dir = strdup(home),
		.home = strdup(home),
		.path = strdup(home_path),
		.home_path = strdup(home_path),
	};
	return ice->dir && ice->home && ice->path && ice->home_path ? ice :
								      NULL;
}

static void ice_free(struct ice *ice)
{
	if (ice->lock >= 0)
		close(ice->lock);
	free(ice->dir);
	free(ice->home);
	free(ice->path);
	free(ice->home_path);
}

/* A group of its own; the errno is not reported yet. */
static int ice_own(struct ckpt_freeze *fz, struct ice *ice)
{
	char name[32], dir[PATH_MAX], *path;
	int err;

	if (fz->flags & CKPT_FREEZE_KEEP)
		snprintf(name, sizeof(name), "ckpt-frozen.%d", fz->pid);
	else
		snprintf(name, sizeof(name), "ckpt.%d", getpid());
	err = ckpt_cgroup_make(ice->home, name, dir, sizeof(dir), &ice->lock);
	if (err)
		return err;
	if (asprintf(&path, "%s/%s",
		     strcmp(ice->home_path, "/") ? ice->home_path : "",
		     name) < 0)
		path = NULL;
	free(ice->dir);
	free(ice->path);
	ice->dir = strdup(dir);
	ice->path = path;
	ice->way = FREEZE_OWN;
	return ice->dir && path ? 0 : -ENOMEM;
}

static void ice_not_own(struct ice *ice)
{
	rmdir(ice->dir);
	close(ice->lock);
	ice->lock = -1;
	ice->way = FREEZE_DIRECT;
	snprintf(ice->dir, strlen(ice->dir) + 1, "%s", ice->home);
	snprintf(ice->path, strlen(ice->path) + 1, "%s", ice->home_path);
}

/* Whether freezing a cgroup freezes processes of the tree and nothing else. */
static bool holds_only_tree(const struct ckpt_freeze *fz, const char *dir)
{
	struct ckpt_pids there = { 0 };
	bool only;
	size_t i;

	only = !ckpt_cgroup_freezable(dir, fz->freezer->file) &&
	       !ckpt_group_processes(dir, LEVELS_MAX, &there) && there.nr;
	for (i = 0; only && i < there.nr; i++)
		only = ckpt_pids_have(&fz->tree, there.pid[i]);
	ckpt_pids_free(&there);
	return only;
}

/* How the cgroup of a process, and of that thread of it, is to be frozen. */
static int ice_find(struct ckpt_freeze *fz, pid_t pid, pid_t thread,
		    const char *path)
{
	char home[PATH_MAX];
	struct ice *ice;
	int err;

	err = fz->freezer->dir(thread, home, sizeof(home));
	if (!err)
		err = freeze_taken(fz, home);
	if (err)
		return err;
	ice = ice_add(fz, home, path);
	if (!ice)
		return out_of_memory();
	ice->way = FREEZE_AS_IS;
	if (fz->freezer->freezing(home))
		return 0;
	ice->way = FREEZE_DIRECT;
	if (fz->tree.nr > 1 && holds_only_tree(fz, home)) {
		ckpt_group_processes(home, LEVELS_MAX, &fz->placed);
		return 0;
	}
	err = ice_own(fz, ice);
	if (!err)
		err = ckpt_cgroup_move(ice->dir, pid);
	if (!err || err == -ENOMEM)
		return err ? out_of_memory() : 0;
	if (ice->way == FREEZE_OWN)
		ice_not_own(ice);
	if (err != -ENFILE && err != -EMFILE && holds_only_tree(fz, home))
		return 0;
	/* if it has gone only this is forgotten, and the others are frozen */
	ice_free(ice);
	fz->nr_ice--;
	return no_right(pid, home, err);
}

/* ---- putting processes into groups ---- */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

static bool lives(pid_t tid)
{
	int state = ckpt_process_state(tid);

	return state > 0 && state != 'Z' && state != 'X';
}

/* A thread that can say where the process is: a leader may be dead; 0: all are. */
static pid_t living_thread(pid_t pid)
{
	struct ckpt_pids threads = { 0 };
	pid_t found = 0;
	size_t i;

	if (lives(pid))
		return pid;
	ckpt_threads(pid, &threads);
	for (i = 0; i < threads.nr && !found; i++)
		if (lives(threads.pid[i]))
			found = threads.pid[i];
	ckpt_pids_free(&threads);
	return found;
}

/* Return: 1 it has been put into a group; 0 it is in one, or dead. */
static int place_one(struct ckpt_freeze *fz, pid_t pid)
{
	pid_t thread = living_thread(pid);
	char path[PATH_MAX];
	struct ice *ice;
	int err;

	if (!thread)
		return 0;
	err = fz->freezer->path(thread, path, sizeof(path));
	if (err == -ENOENT || err == -ESRCH)
		return ckpt_process_state(thread) > 0 ? err : 0;
	if (err)
		return err;
	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++)
		if (is_below(path, ice->path))
			return 0;
	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++) {
		if (ice->way != FREEZE_OWN || strcmp(path, ice->home_path))
			continue;
		err = ckpt_cgroup_move(ice->dir, pid);
		if (err == -ESRCH)
			return 0;
		return err ? no_right(pid, ice->home, err) : 1;
	}
	err = ice_find(fz, pid, thread, path);
	if (err && !living_thread(pid)) /* it has gone meanwhile */
		return 0;
	return err ?: 1;
}

/* Return: how many were not in a group before, or a negative errno. */
static int place_all(struct ckpt_freeze *fz)
{
	int ret, new = 0;
	size_t i;

	ret = ckpt_descendants(fz->pid, &fz->tree);
	if (ret)
		return ret;
	if (ckpt_pids_have(&fz->tree, getpid()))
		return ckpt_set_error(-EINVAL,
				      "pid %d: this tool is below it: start the tool from elsewhere, or by setsid --fork",
				      fz->pid);
	for (i = 0; i < fz->tree.nr; i++) {
		if (ckpt_pids_have(&fz->placed, fz->tree.pid[i]))
			continue;
		ret = place_one(fz, fz->tree.pid[i]);
		if (ret < 0)
			return ret;
		new += ret;
		ret = ckpt_pids_add(&fz->placed, fz->tree.pid[i]);
		if (ret < 0)
			return ret;
	}
	return new;
}

/* What the groups really hold. */
static int look_into_groups(struct ckpt_freeze *fz)
{
	struct ice *ice;
	int err = 0;

	ckpt_pids_clear(&fz->placed);
	for (ice = fz->ice; ice < fz->ice + fz->nr_ice && !err; ice++)
		err = ckpt_group_processes(ice->dir, LEVELS_MAX, &fz->placed);
	return err ? ckpt_set_error(err, "pid %d: its cgroup: %s", fz->pid,
				    strerror(-err)) :
		     0;
}

/* Those who have found other parents meanwhile. */
static void let_strangers_go(struct ckpt_freeze *fz)
{
	struct ckpt_pids there = { 0 };
	struct ice *ice;
	size_t i;

	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++) {
		if (ice->way != FREEZE_OWN)
			continue;
		ckpt_pids_clear(&there);
		ckpt_group_processes(ice->dir, 0, &there);
		for (i = 0; i < there.nr; i++)
			if (there.pid[i] && /* 0 would be this tool */
			    !ckpt_pids_have(&fz->tree, there.pid[i]))
				ckpt_cgroup_move(ice->home, there.pid[i]);
	}
	ckpt_pids_free(&there);
}

static int too_lively(struct ckpt_freeze *fz)
{
	return ckpt_set_error(-EAGAIN,
			      "pid %d: its tree changes faster than it can be frozen: try again",
			      fz->pid);
}

static int freeze_tree(struct ckpt_freeze *fz)
{
	int looks = 0, ret;

	do { /* until nobody is found outside */
		ret = place_all(fz);
		if (ckpt_stop_requested())
			ret = ckpt_set_error(-EINTR, "interrupted");
	} while (ret > 0 && ++looks < LOOKS_MAX);
	while (ret >= 0 && looks < LOOKS_MAX) {
		ret = freeze_now(fz);
		if (!ret)
			ret = look_into_groups(fz);
		if (!ret)
			ret = place_all(fz);
		if (ret <= 0)
			break;
		looks++;
	}
	if (!ret)
		let_strangers_go(fz);
	return ret > 0 ? too_lively(fz) : ret;
}

/* ---- beginning ---- */

/*
 * Which freezer: that of version 1 if it has frozen the process already, or if
 * there is no other.
 */
static int freeze_find(struct ckpt_freeze *fz)
{
	char home[PATH_MAX], root[PATH_MAX];
	int err;

	fz->freezer = &freezer1;
	err = ckpt_freezer1_of(fz->pid, home, sizeof(home));
	if (!err && (ckpt_freezer1_freezing(home) ||
		     ckpt_cgroup_root(root, sizeof(root))))
		return 0;
	fz->freezer = &freezer2;
	return ckpt_cgroup_of(fz->pid, home, sizeof(home));
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

/* As the start of a process is told. */
static unsigned long long ticks_after_boot(void)
{
	unsigned long long hz = sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * hz + now.tv_nsec * hz / 1000000000;
}

int ckpt_freeze(int dev, pid_t pid, unsigned int flags,
		struct ckpt_freeze **out)
{
	struct ckpt_freeze *fz = calloc(1, sizeof(*fz));
	char why[1024];
	int err;

	if (!fz)
		return out_of_memory();
	fz->dev = dev;
	fz->pid = pid;
	fz->flags = flags;
	memset(fz->spare, -1, sizeof(fz->spare));
	err = spare_take(fz);
	if (!err)
		err = freeze_find(fz);
	if (!err)
		err = freeze_tree(fz);
	if (!err) {
		fz->frozen = ticks_after_boot();
		*out = fz;
		return 0;
	}
	snprintf(why, sizeof(why), "%s", ckpt_error());
	ckpt_thaw(fz);
	return ckpt_set_error(err, "%s", why);
}

/* ---- ending ---- */

static void freeze_free(struct ckpt_freeze *fz)
{
	struct ice *ice;

	spare_give(fz);
	lease_return(fz);
	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++)
		ice_free(ice);
	free(fz->ice);
	ckpt_pids_free(&fz->tree);
	ckpt_pids_free(&fz->placed);
	free(fz);
}

int ckpt_freeze_keep(struct ckpt_freeze *fz, char *path, size_t size)
{
	char file[PATH_MAX + 32], word[2 * PATH_MAX];
	size_t i, n = 0;
	int err;

	for (i = 0; i < fz->nr_ice && n < size; i++) {
		snprintf(file, sizeof(file), "%s/%s", fz->ice[i].dir,
			 fz->freezer->file);
		n += snprintf(path + n, size - n, "%s%s", i ? " " : "",
			      ckpt_shell_word(file, word, sizeof(word)));
	}
	err = lease_return(fz);
	freeze_free(fz);
	return err;
}

/* SIGKILL goes through the ice of cgroup v2, but not of v1. */
static void let_die(struct ckpt_freeze *fz)
{
	struct ice *ice;

	for (ice = fz->ice; ice < fz->ice + fz->nr_ice; ice++)
		if (fz->freezer == &freezer1 && ice->way != FREEZE_AS_IS)
			ckpt_cgroup_write(ice->dir, fz->freezer->file,
					  fz->freezer->thaw);
}

/*
 * Whether the process that has this number now is one of the tree: nobody else
 * is in the ice, and who was frozen is not younger than that.
 *
 * Return: 1; -ESRCH: it has ended; -EXDEV: somebody has moved it out of the ice;
 * or another negative errno.
 */
static int is_member(const struct ckpt_freeze *fz, pid_t pid)
{
	pid_t thread = living_thread(pid);
	unsigned long long start;
	char path[PATH_MAX];
	size_t i;
	int err;

	if (!thread)
		return -ESRCH;
	err = fz->freezer->path(thread, path, sizeof(path));
	if (err)
		return living_thread(pid) == thread ? err : -ESRCH;
	for (i = 0; i < fz->nr_ice; i++)
		if (is_below(path, fz->ice[i].path))
			return 1;
	if (ckpt_process_start(pid, &start) || start > fz->frozen)
		return -ESRCH;
	/* version 1 has it in no group while it exits */
	return ckpt_process_exits(thread) ? 1 : -EXDEV;
}

/*
 * A member of the tree, by a descriptor; also one that has left the ice if it
 * was @killed.
 *
 * Return: the descriptor, or a negative errno as of is_member().
 */
static int member_open(const struct ckpt_freeze *fz, pid_t pid, bool killed)
{
	int fd = ckpt_pidfd_open(pid), ret;

	/* EINVAL: it is gone, but a group or session still goes by its pid */
	if (fd < 0)
		return fd == -EINVAL ? -ESRCH : fd;
	ret = is_member(fz, pid);
	if (ret > 0 || (ret == -EXDEV && killed))
		return fd;
	close(fd);
	return ret;
}

static int kill_one(const struct ckpt_freeze *fz, pid_t pid)
{
	int fd = member_open(fz, pid, false), err = fd;

	if (fd >= 0) {
		err = ckpt_pidfd_kill(fd, SIGKILL);
		close(fd);
	}
	if (!err || err == -ESRCH)
		return 0;
	if (err == -EXDEV)
		return ckpt_set_error(err,
				      "pid %d: the image is whole, but it was not killed: somebody has moved it out of its cgroup",
				      pid);
	return ckpt_set_error(err, "pid %d: cannot kill it: %s", pid,
			      strerror(-err));
}

static bool is_dying(pid_t pid)
{
	pid_t thread = living_thread(pid);

	return !thread || ckpt_process_exits(thread);
}

/* One that gives much memory back takes its time, which is not limited so much. */
static int await_end(int fd, pid_t pid, int timeout_ms)
{
	long start = ckpt_now_ms(), past;
	int ended;

	do {
		ended = ckpt_pidfd_wait(fd, 100);
		past = ckpt_now_ms() - start;
		if (ended == -EINTR && !ckpt_stop_requested())
			ended = 0;
	} while (!ended &&
		 (past < timeout_ms ||
		  (past < DYING_TIMES * timeout_ms && is_dying(pid))));
	return ended;
}

static int await_one(const struct ckpt_freeze *fz, pid_t pid, int timeout_ms)
{
	int fd = member_open(fz, pid, true);
	int ended = fd == -ESRCH ? 1 : fd;

	if (fd >= 0) {
		ended = await_end(fd, pid, timeout_ms);
		close(fd);
	}
	if (ended > 0)
		return 0;
	if (!ended)
		return ckpt_set_error(-ETIMEDOUT,
				      "pid %d: the image is whole, it was killed, but it has not ended: it waits in the kernel (state D in ps?), or somebody else has frozen it",
				      pid);
	return ckpt_set_error(ended,
			      "pid %d: the image is whole, it was killed, but is not seen to end: %s",
			      pid, strerror(-ended));
}

/**
 * ckpt_freeze_kill() - kill a frozen tree
 * @fz: frozen tree
 * @timeout_ms: how long to wait until a process is gone; longer if it is seen to
 *	be on its way
 *
 * Those that were frozen, whoever their parents are by now, and nobody else: one
 * that somebody has moved out of the ice is not killed, which is an error.
 *
 * Return: 0 or a negative errno; -ETIMEDOUT: one has not ended.
 */
int ckpt_freeze_kill(struct ckpt_freeze *fz, int timeout_ms)
{
	int one, err = 0;
	size_t i;

	for (i = 0; i < fz->tree.nr; i++) {
		one = kill_one(fz, fz->tree.pid[i]);
		err = err ?: one;
	}
	let_die(fz);
	for (i = 0; i < fz->tree.nr && !err; i++)
		err = await_one(fz, fz->tree.pid[i], timeout_ms);
	return err;
}

/* A process that was killed needs a moment to leave. */
static int remove_own(const struct ice *ice)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int tries, err;

	for (tries = 0; tries < 200; tries++) {
		err = ckpt_cgroup_empty_into(ice->dir, ice->home);
		if (err && err != -EBUSY)
			return err == -ENOENT ? 0 : err;
		if (!rmdir(ice->dir) || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	return -errno;
}

/* Return: 0 or a negative errno. */
static int ice_thaw(struct ckpt_freeze *fz, struct ice *ice)
{
	char file[PATH_MAX + 32], word[2 * PATH_MAX];
	int moved = 0, err = ice->err;

	if (ice->way == FREEZE_OWN)
		moved = ckpt_cgroup_empty_into(ice->dir, ice->home);
	if (ice->way == FREEZE_OWN && !moved)
		err = 0; /* to leave the group thaws, too */
	if (err) {
		snprintf(file, sizeof(file), "%s/%s", ice->dir,
			 fz->freezer->file);
		return ckpt_set_error(err,
				      "pid %d: cannot thaw it: echo %s > %s",
				      fz->pid, fz->freezer->thaw,
				      ckpt_shell_word(file, word,
						      sizeof(word)));
	}
	if (ice->way == FREEZE_OWN && !moved)
		moved = remove_own(ice);
	if (!moved)
		return 0;
	return ckpt_set_error(moved,
			      "pid %d: it runs, but cannot go back to its cgroup %s: %s",
			      fz->pid, ice->home, strerror(-moved));
}

/**
 * ckpt_freeze_end() - ckpt_thaw(), and how long it was frozen
 * @fz: frozen tree; freed
 * @stop_ns: nanoseconds from when the first process was told to freeze until
 *	the last one was told to run
 *
 * Return: 0 or a negative errno.
 */
int ckpt_freeze_end(struct ckpt_freeze *fz, unsigned long long *stop_ns)
{
	struct ice *ice, *end;
	int err = 0, one;

	*stop_ns = 0;
	if (!fz)
		return 0;
	spare_give(fz);
	end = fz->ice + fz->nr_ice;
	/* thawed first: to move it can take the kernel many milliseconds */
	for (ice = fz->ice; ice < end; ice++)
		if (ice->frozen)
			ice->err = ice_write(fz, ice, fz->freezer->thaw);
	if (fz->since)
		*stop_ns = ckpt_now_ns() - fz->since;
	for (ice = fz->ice; ice < end; ice++) {
		one = ice_thaw(fz, ice);
		err = err ?: one;
	}
	freeze_free(fz);
	return err;
}

int ckpt_thaw(struct ckpt_freeze *fz)
{
	unsigned long long stop_ns;

	return ckpt_freeze_end(fz, &stop_ns);
}
