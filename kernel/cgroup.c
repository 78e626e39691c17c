// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cgroup (version 2) that a task is in, for the tools to put it there
 * again.  The kernel moves nothing itself: who may move what is written in the
 * hierarchy's files, for user space to use.
 *
 * A task that the tools have frozen sits in a group of theirs, "ckpt.PID" or
 * "ckpt-frozen.PID", below its own: that one counts.
 */
#include <linux/cgroup.h>
#include <linux/ctype.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "ckpt.h"

static struct cgroup *cgroup_get_of(struct task_struct *t)
{
	struct cgroup *cgrp;

	rcu_read_lock();
	do
		cgrp = task_css_set(t)->dfl_cgrp;
	while (!cgroup_tryget(cgrp));
	rcu_read_unlock();
	return cgrp;
}

/* A pid, and nothing else, behind @prefix. */
static bool is_group(const char *name, const char *prefix)
{
	size_t n = str_has_prefix(name, prefix);
	unsigned int pid;

	return n && isdigit(name[n]) && !kstrtouint(name + n, 10, &pid);
}

/* Leave the tools' own group out. */
static void strip_freezer(char *path)
{
	char *name = strrchr(path, '/');

	if (name &&
	    (is_group(name, "/ckpt.") || is_group(name, "/ckpt-frozen.")))
		name[name == path] = 0;
}

/**
 * ckpt_cgroup_path() - path of a task's cgroup as the caller sees it
 * @ctx: checkpoint
 * @t: task
 *
 * Return: path for kfree(), "" if it cannot be told; or an ERR_PTR() of an
 * error that has been reported.
 */
char *ckpt_cgroup_path(struct ckpt_ctx *ctx, struct task_struct *t)
{
	char *path = kzalloc(CKPT_PATH_MAX, GFP_KERNEL_ACCOUNT);
	struct cgroup *cgrp;
	int n;

	if (!path)
		return ERR_PTR(
			ckpt_fail(ctx, -ENOMEM, "task", "out of memory"));
	cgrp = cgroup_get_of(t);
	n = cgroup_path_ns(cgrp, path, CKPT_PATH_MAX,
			   current->nsproxy->cgroup_ns);
	cgroup_put(cgrp);
	/* beside or above the caller's own root: "/../..." */
	if (n <= 0 || n >= CKPT_PATH_MAX || strstarts(path, "/.."))
		path[0] = 0;
	strip_freezer(path);
	return path;
}
