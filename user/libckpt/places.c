// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cgroups that the tasks of a restart go to.
 *
 * Each process is made in its own one (CLONE_INTO_CGROUP), before it has memory,
 * which is then counted there.  What cannot be found, or not be entered, is
 * noted, and the process stays with its parent, the root with the caller.  Tasks
 * that are to be left frozen go to a group made for them below each cgroup.
 */
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hierarchy.h"

struct known {
	const char *path;
	__u32 place;
};

static int compare_known(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->path,
		      ((const struct known *)b)->path);
}

static int place_add(struct ckpt_hierarchy *h, const char *path)
{
	struct ckpt_place *more;

	more = reallocarray(h->place, h->nr_places + 1, sizeof(*more));
	if (!more)
		return ckpt_set_error(-ENOMEM, "out of memory");
	h->place = more;
	h->place[h->nr_places++] = (struct ckpt_place){
		.path = path,
		.fd = -1,
		.lock = -1,
		.kill_fd = -1,
	};
	return 0;
}

static int node_place(struct ckpt_hierarchy *h, struct ckpt_node *n,
		      void **seen)
{
	const struct ckpt_hdr_tree_task *t = n->task;
	struct known key = { (const char *)&t->pids[t->nr_levels], 0 };
	struct known **found, *new;
	int err;

	if (t->cgroup_len <= 1)
		return 0;
	found = tfind(&key, seen, compare_known);
	if (found) {
		n->place = (*found)->place;
		return 0;
	}
	new = malloc(sizeof(*new));
	err = new ? place_add(h, key.path) : -ENOMEM;
	if (err) {
		free(new);
		return ckpt_set_error(err, "out of memory");
	}
	*new = (struct known){ key.path, h->nr_places - 1 };
	n->place = new->place;
	if (tsearch(new, seen, compare_known))
		return 0;
	free(new);
	return ckpt_set_error(-ENOMEM, "out of memory");
}

/* One that is frozen would keep a task from ever joining. */
static void place_open(struct ckpt_place *p, const char *dir)
{
	p->dir = strdup(dir);
	p->fd = p->dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (p->fd < 0)
		p->err = -errno;
	else if (ckpt_cgroup_freezing(dir))
		p->err = -EBUSY;
	if (!p->err || p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
}

/* Below it, the group that is left frozen in the end. */
static int place_group(struct ckpt_place *p, pid_t pid)
{
	char name[32], group[PATH_MAX];
	int err;

	snprintf(name, sizeof(name), "ckpt-frozen.%d", pid);
	err = ckpt_cgroup_make(p->dir, name, group, sizeof(group), &p->lock);
	if (err)
		return ckpt_set_error(err, "--frozen: no cgroup below %s: %s",
				      p->dir, strerror(-err));
	close(p->fd);
	p->fd = p->lock;
	p->group = strdup(group);
	if (p->group)
		return 0;
	rmdir(group);
	return ckpt_set_error(-ENOMEM, "out of memory");
}

/* The caller's own, then those of the image. */
static int open_all(struct ckpt_hierarchy *h)
{
	char dir[PATH_MAX];
	int own, err;
	__u32 i;

	own = ckpt_cgroup_of(0, dir, sizeof(dir));
	if (!own)
		place_open(&h->place[0], dir);
	else
		h->place[0].err = own;
	for (i = 1; i < h->nr_places; i++) {
		err = ckpt_cgroup_dir(h->place[i].path, dir, sizeof(dir));
		if (err)
			h->place[i].err = err;
		else
			place_open(&h->place[i], dir);
	}
	return own;
}

/* The caller's own is its own by whatever name.  Return: whether all is. */
static bool same_as_own(struct ckpt_hierarchy *h)
{
	char own[PATH_MAX];
	bool all = true;
	__u32 i;

	if (ckpt_cgroup_path(getpid(), own, sizeof(own)))
		return false;
	for (i = 0; i < h->nr; i++) {
		if (h->node[i].place &&
		    !strcmp(h->place[h->node[i].place].path, own))
			h->node[i].place = 0;
		all &= !h->node[i].place;
	}
	return all;
}

/* Whose place cannot be had stays with its maker. */
static void settle(struct ckpt_hierarchy *h)
{
	struct ckpt_node *n = &h->node[0], *c;
	__u32 i, child;

	if (h->place[n->place].err)
		n->place = 0;
	for (i = 0; i < h->nr; i++) {
		n = &h->node[i];
		n->place = h->node[n->leader].place;
		for (child = n->child; child; child = c->next) {
			c = &h->node[child];
			if (h->place[c->place].err)
				c->place = n->place;
		}
	}
}

/* Groups to be left frozen, where there will be somebody. */
static int make_groups(struct ckpt_hierarchy *h, pid_t name)
{
	struct ckpt_place *p;
	int err = 0;
	__u32 i;

	for (i = 0; i < h->nr && !err; i++) {
		p = &h->place[h->node[i].place];
		if (p->err)
			err = ckpt_set_error(p->err, "--frozen: its cgroup: %s",
					     strerror(-p->err));
		else if (!p->group)
			err = place_group(p, name);
	}
	return err;
}

/* Where its maker is nothing has to be said. */
static void assign(struct ckpt_hierarchy *h)
{
	struct ckpt_node *n = &h->node[0], *c;
	__u32 i, child;

	if (n->place || h->place[0].group)
		n->cgroup_fd = h->place[n->place].fd;
	for (i = 0; i < h->nr; i++) {
		n = &h->node[i];
		for (child = n->child; child; child = c->next) {
			c = &h->node[child];
			if (c->place != n->place)
				c->cgroup_fd = h->place[c->place].fd;
		}
	}
}

/**
 * ckpt_places_find() - find the cgroups for all tasks
 * @h: plan
 * @own: all go to the caller's, whatever the image says
 * @frozen: they are to be left frozen
 * @name: pid that the groups that are left frozen are called by
 *
 * Return: 0 or a negative errno.
 */
int ckpt_places_find(struct ckpt_hierarchy *h, bool own, bool frozen,
		     pid_t name)
{
	void *seen = NULL;
	int err = place_add(h, NULL);
	__u32 i;

	for (i = 0; i < h->nr && !err && !own; i++)
		if (h->node[i].leader == i)
			err = node_place(h, &h->node[i], &seen);
	tdestroy(seen, free);
	if (err || (h->nr_places == 1 && !frozen))
		return err;
	if (same_as_own(h) && !frozen)
		return 0;
	err = open_all(h);
	if (err && frozen)
		return err;
	settle(h);
	err = frozen ? make_groups(h, name) : 0;
	if (!err)
		assign(h);
	return err;
}

/**
 * ckpt_places_lease() - have the kernel kill those who are left frozen
 * @h: plan
 * @dev: session: when it ends what is in the groups dies
 *
 * Return: 0 or a negative errno.
 */
int ckpt_places_lease(struct ckpt_hierarchy *h, int dev)
{
	struct ckpt_place *p;
	int err = 0;

	for (p = h->place; p < h->place + h->nr_places && !err; p++) {
		if (!p->group)
			continue;
		p->kill_fd = ckpt_cgroup_open(p->group, "cgroup.kill",
					      O_WRONLY);
		if (p->kill_fd < 0)
			return ckpt_set_error(p->kill_fd,
					      "--frozen: %s/cgroup.kill: %s",
					      p->group, strerror(-p->kill_fd));
		err = ckpt_ioctl_lease(dev, p->kill_fd);
	}
	return err;
}

/**
 * ckpt_places_keep() - they are to stay when the session ends
 * @h: plan, with leases
 * @dev: session
 *
 * Return: 0 or a negative errno.
 */
int ckpt_places_keep(struct ckpt_hierarchy *h, int dev)
{
	struct ckpt_place *p;
	int err = 0;

	for (p = h->place; p < h->place + h->nr_places && !err; p++)
		if (p->kill_fd >= 0)
			err = ckpt_ioctl_lease_return(dev, p->kill_fd);
	return err;
}

/**
 * ckpt_places_freeze() - freeze the groups that were made for it
 * @h: plan, whose tasks wait for it
 * @seconds: how long it may take
 *
 * Return: 0 or a negative errno.
 */
int ckpt_places_freeze(struct ckpt_hierarchy *h, int seconds)
{
	const char *group = NULL;
	int err = 0;
	__u32 i;

	for (i = 0; i < h->nr_places && !err; i++)
		if (h->place[i].group) {
			group = h->place[i].group;
			err = ckpt_cgroup_write(group, "cgroup.freeze", "1");
		}
	for (i = 0; i < h->nr_places && !err; i++)
		if (h->place[i].group) {
			group = h->place[i].group;
			err = ckpt_cgroup_wait_frozen(group, seconds);
		}
	if (err)
		return ckpt_set_error(err, "--frozen: cannot freeze %s: %s",
				      group, strerror(-err));
	return 0;
}

/**
 * ckpt_places_drop() - let go of all cgroups
 * @h: plan
 *
 * Groups that were made go, too, unless tasks are in them.
 */
void ckpt_places_drop(struct ckpt_hierarchy *h)
{
	struct ckpt_place *p;
	__u32 i;

	for (i = 0; i < h->nr_places; i++) {
		p = &h->place[i];
		if (p->group)
			rmdir(p->group);
		if (p->fd >= 0)
			close(p->fd);
		if (p->kill_fd >= 0)
			close(p->kill_fd);
		free(p->group);
		free(p->dir);
	}
	free(h->place);
	h->place = NULL;
	h->nr_places = 0;
}

/**
 * ckpt_places_note() - tell who is not in the cgroup that it was in
 * @h: plan, whose tasks exist
 * @to: stream, or NULL
 */
void ckpt_places_note(const struct ckpt_hierarchy *h, FILE *to)
{
	const __s32 *place_err = h->birth->real + h->nr;
	const char *why;
	__u32 i;
	int err;

	for (i = 1; to && i < h->nr_places; i++) {
		err = h->place[i].err ?: place_err[i];
		if (!err)
			continue;
		why = err == -EBUSY ? "it is frozen, or has groups of its own" :
				      strerror(-err);
		if (h->nr > 1)
			ckpt_put(to,
				 "processes were in the cgroup %s and cannot go back there (%s): each is in its parent's, or in yours; --no-cgroup to leave it so\n",
				 h->place[i].path, why);
		else
			ckpt_put(to,
				 "it was in the cgroup %s and cannot go back there (%s): it is in yours; --no-cgroup to leave it so\n",
				 h->place[i].path, why);
	}
}
