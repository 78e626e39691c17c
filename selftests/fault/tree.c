// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restarts of the tree: its tasks and ghosts are made as restart(1) makes them.
 * The fault is armed when all of them wait in the kernel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hierarchy.h"
#include "fault.h"

static struct ckpt_head head;
static struct ckpt_hierarchy *plan;

static int plan_make(struct fault *f, int img)
{
	struct ckpt_image *reader = ckpt_image_open(img);
	int err = reader ? ckpt_head_read(reader, &head) : -ENOMEM;

	ckpt_image_close(reader);
	if (!err) {
		err = ckpt_hierarchy_plan(&head, &plan);
		if (err)
			ckpt_head_free(&head);
	}
	return err ? ct_say("the tree: %s", ckpt_error()) : 0;
}

static void plan_drop(void)
{
	ckpt_hierarchy_free(plan);
	plan = NULL;
	ckpt_head_free(&head);
	memset(&head, 0, sizeof(head));
}

/**
 * tree_size() - how many tasks and ghosts the good tree has
 * @f: tester
 * @tasks: how many of them are no ghosts
 *
 * Return: their number.
 */
int tree_size(struct fault *f, int *tasks)
{
	int img = open(f->grove.path, O_RDONLY | O_CLOEXEC), all = 0;

	if (!plan_make(f, img)) {
		*tasks = plan->nr;
		all = plan->nr + plan->nr_ghosts;
		plan_drop();
	}
	close(img);
	return all;
}

static pid_t real_pid(unsigned int i)
{
	return i < plan->nr ? plan->birth->real[i] :
			      plan->ghost_real[i - plan->nr];
}

/* It sleeps in the ioctl, with nothing more to do in it by itself. */
static bool has_joined(pid_t pid)
{
	char path[64], want[16], *text;
	bool yes;

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	snprintf(want, sizeof(want), "%d ", SYS_ioctl);
	text = ct_read_file(path);
	yes = text && !strncmp(text, want, strlen(want));
	free(text);
	return yes;
}

static int await_joined(void)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;
	unsigned int i;

	for (i = 0; i < plan->nr + plan->nr_ghosts; i++)
		while (!has_joined(real_pid(i))) {
			if (ct_now() > end)
				return ct_say("task %d does not join", i);
			sched_yield();
		}
	return 0;
}

static int tasks_make(int dev)
{
	pid_t pid;
	int err;

	plan->dev = dev;
	plan->arg = (struct ckpt_ioc_restart){
		.size = sizeof(plan->arg),
		.fd = -1,
		.logfd = CHECKPOINT_FD_NONE,
		.flags = RESTART_FRESH_PIDS,
	};
	pid = ckpt_birth_root(plan);
	err = pid < 0 ? pid : ckpt_birth_ghosts(plan);
	if (!err)
		err = ckpt_birth_wait(plan);
	return err ? ct_say("the tasks: %s", ckpt_error()) : await_joined();
}

/* One that is gone has been killed: for the fault, if the restart has failed. */
static void disarm(struct fault *f, int nth, int ret)
{
	char c;

	f->untouched = nth_disarm(nth);
	if (pread(nth, &c, 1, 0) != 1)
		f->untouched = !ret;
}

static int coordinate(struct fault *f, int dev, int img)
{
	struct ckpt_ioc_restart arg = {
		.size = sizeof(arg),
		.pid = real_pid(0),
		.fd = img,
		.logfd = f->logfd,
		.flags = RESTART_FRESH_PIDS | RESTART_NO_TIMENS,
		.workers = f->workers,
		.head = (uintptr_t)head.raw,
		.head_len = head.raw_len,
	};
	int nth = f->which < 0 ? f->nth : nth_open(real_pid(f->which)), ret;

	f->ct.s->data[SLOT_HOLD] = HOLD_AWAKE;
	nth_arm(nth, f->arm);
	ret = ioctl(dev, CKPT_IOC_RESTART, &arg);
	if (ret < 0)
		ret = -errno;
	if (f->arm)
		disarm(f, nth, ret);
	if (f->which >= 0)
		close(nth);
	return ret;
}

/**
 * tree_restart() - restart an image of the tree
 * @f: tester; no program is there; the fault @f->arm is armed in @f->which
 * @img: open image
 * @begun: whether the kernel has read of it
 *
 * Return: 0: the tree is there, for tree_end(); what the ioctl returned, a
 * negative errno: nothing is left of it; 1: it did not get that far.
 */
int tree_restart(struct fault *f, int img, bool *begun)
{
	int dev, ret = 1;

	if (plan_make(f, img))
		return 1;
	dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	if (!tasks_make(dev))
		ret = coordinate(f, dev, img);
	close(dev);
	*begun = lseek(img, 0, SEEK_CUR) != (off_t)head.raw_len;
	if (!ret) {
		ckpt_birth_ghosts_reap(plan);
		f->ct.pid = real_pid(0);
		f->ct.alive = true;
		return 0;
	}
	ckpt_birth_undo(plan);
	plan_drop();
	return ret;
}

/**
 * tree_end() - end a tree that was restarted
 * @f: tester
 *
 * Return: 0 or -1.
 */
int tree_end(struct fault *f)
{
	ckpt_birth_undo(plan);
	plan_drop();
	f->ct.alive = false;
	return program_end(f);
}
