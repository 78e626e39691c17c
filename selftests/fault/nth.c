// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user space fails in turn, in each
 * kind of operation and for each task that takes part: fail-nth counts them
 * for one task, from just before its ioctl to just behind it.  What a task defers
 * (closing files, the last step of a restart) it does itself on its way out of
 * the call, before the fault is disarmed.  The allocations of the kernel thread
 * that takes a snapshot are counted apart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "fault.h"

#define NTH_NEVER 100000000 /* more than any operation has */
#define TREE_TASKS_MAX 32 /* of the tree, with ghosts and coordinator */
#define UNNAMED_MAX 12 /* what an operation allocates before it can speak */
#define FREEZE "/sys/fs/cgroup/ckpt-fault/cgroup.freeze"

/* ---- what an error must be like ------------------------------------------ */

/*
 * An operation has failed.  It says why, with the errno that it returns, unless
 * it had not @begun to touch the image: what is needed to speak failed.
 */
static int refused(struct fault *f, int err, bool begun)
{
	char want[32];

	f->tally.refused++;
	if (f->untouched)
		return ct_say("it failed without a fault: %s (%s)",
			      strerror(-err), f->text);
	snprintf(want, sizeof(want), "errno %d)", -err);
	if (strstr(f->text, want))
		return 0;
	if (*f->text)
		return ct_say("it says '%s' but returns %d", f->text, err);
	f->tally.unnamed++;
	if (begun || f->tally.unnamed > UNNAMED_MAX)
		return ct_say("it returns %d and does not say why", err);
	if (err != -ENOMEM && err != -EFAULT)
		return ct_say("an allocation failed, it returns %d", err);
	return 0;
}

/* An image of @size bytes of a checkpoint that returned @ret. */
static int judge_image(struct fault *f, int ret, const struct image *ref,
		       const char *good, const char *path)
{
	static struct image img;
	struct stat status;
	int scan;

	if (ret > 0) {
		f->tally.harmless += !f->untouched;
		return image_same(ref, good, path);
	}
	if (!ret)
		return ct_say("the checkpoint returned 0");
	if (stat(path, &status))
		return ct_say("%s: %m", path);
	scan = image_scan(path, &img);
	/* all is done, but the result could not be handed out */
	if (ret == -EFAULT && !*f->text && !scan) {
		f->tally.refused++;
		return 0;
	}
	if (!scan)
		return ct_say("it returns %d and wrote a whole image", ret);
	return refused(f, ret, status.st_size);
}

/* ---- the operations ------------------------------------------------------ */

static int try_open(struct fault *f)
{
	int fd;

	nth_arm(f->nth, f->arm);
	fd = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	else
		close(fd);
	if (f->arm)
		f->untouched = nth_disarm(f->nth);
	*f->text = 0;
	if (fd < 0)
		return refused(f, fd, false);
	f->tally.harmless += !f->untouched;
	return 0;
}

/* An ioctl that has no image; the program runs on. */
static int try_small(struct fault *f, unsigned long cmd, void *arg, int dev)
{
	int ret;

	nth_arm(f->nth, f->arm);
	ret = ioctl(dev, cmd, arg);
	if (ret < 0)
		ret = -errno;
	if (f->arm)
		f->untouched = nth_disarm(f->nth);
	*f->text = 0;
	if (ret)
		return refused(f, ret, false);
	f->tally.harmless += !f->untouched;
	return 0;
}

static int try_progress(struct fault *f)
{
	struct ckpt_ioc_progress arg = { .size = sizeof(arg) };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	int err = try_small(f, CKPT_IOC_PROGRESS, &arg, dev);

	close(dev);
	return err;
}

static int try_lease(struct fault *f)
{
	int fd = open(FREEZE, O_WRONLY | O_CLOEXEC);
	struct ckpt_ioc_lease arg = { .size = sizeof(arg), .fd = fd };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	int err = try_small(f, CKPT_IOC_LEASE, &arg, dev);

	close(fd);
	close(dev);
	return err;
}

/* The session ends and thaws the program: whatever fails, it must run on. */
static int try_release(struct fault *f)
{
	int fd = open(FREEZE, O_WRONLY | O_CLOEXEC);
	struct ckpt_ioc_lease arg = { .size = sizeof(arg), .fd = fd };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);

	if (ioctl(dev, CKPT_IOC_LEASE, &arg))
		return ct_say("lease: %m");
	close(fd);
	if (program_freeze(f))
		return -1;
	nth_arm(f->nth, f->arm);
	close(dev);
	if (f->arm)
		f->untouched = nth_disarm(f->nth);
	f->tally.harmless += !f->untouched;
	return program_runs(f, WHO_TARGET);
}

static int checkpoint_once(struct fault *f, int *ret)
{
	__u64 bytes;
	int fd;

	if (program_freeze(f))
		return -1;
	fd = open(f->img, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	*ret = checkpoint_now(f, fd, f->logfd, &bytes);
	close(fd);
	log_drain(f);
	return program_thaw(f);
}

static int try_checkpoint(struct fault *f)
{
	int ret;

	if (checkpoint_once(f, &ret) ||
	    judge_image(f, ret, &f->now->img, f->now->path, f->img))
		return -1;
	return program_runs(f, f->program.who);
}

/* Two failures at once: of the text only what could be written is there. */
static int try_refused(struct fault *f)
{
	static struct image img;
	int ret;

	if (checkpoint_once(f, &ret))
		return -1;
	if (ret >= 0 || (f->untouched && ret != -EOPNOTSUPP))
		return ct_say("the checkpoint of a socket gave %d", ret);
	if (f->untouched && !strstr(f->text, "socket"))
		return ct_say("it says '%s'", f->text);
	if (!image_scan(f->img, &img))
		return ct_say("it wrote a whole image");
	f->tally.refused += !f->untouched;
	return program_runs(f, WHO_ODD);
}

static int restart_once(struct fault *f, const char *path, __u64 head)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret, status;
	bool begun;
	pid_t pid;

	ret = restart_now(f, fd, f->logfd, head, &pid);
	begun = lseek(fd, 0, SEEK_CUR) != (off_t)head;
	close(fd);
	log_drain(f);
	if (ret) {
		/* it may wait for another coordinator as long as we let it */
		if (!begun)
			kill(pid, SIGKILL);
		status = child_ends(pid);
		if (status == -1)
			return -1;
		return refused(f, ret, begun);
	}
	f->ct.pid = pid;
	f->ct.alive = true;
	f->tally.harmless += !f->untouched;
	if (program_runs(f, f->now->who))
		return -1;
	ct_kill(&f->ct);
	return 0;
}

static int try_coordinator(struct fault *f)
{
	f->arm_child = false;
	return restart_once(f, f->now->path, f->now->img.head);
}

static int try_joined(struct fault *f)
{
	int err;

	f->arm_child = true;
	err = restart_once(f, f->now->path, f->now->img.head);
	f->arm_child = false;
	return err;
}

/* What was armed is the coordinator's fault, or one task's. */
static int try_tree(struct fault *f)
{
	int fd = open(f->now->path, O_RDONLY | O_CLOEXEC), ret;
	bool begun;

	ret = tree_restart(f, fd, &begun);
	close(fd);
	log_drain(f);
	if (ret > 0) /* it has not come to the restart */
		return -1;
	if (ret)
		return refused(f, ret, begun);
	f->tally.harmless += !f->untouched;
	ret = program_runs(f, WHO_GROVE);
	return tree_end(f) ?: ret;
}

/* Ends when the program is through with its command, one way or another. */
static int self_command(struct fault *f, enum command cmd)
{
	volatile int64_t *data = f->ct.s->data;
	int nth, err;

	data[SLOT_READY] = 0;
	data[SLOT_ARM] = 0;
	data[SLOT_DONE] = 0;
	data[SLOT_HOLD] = HOLD_NOT;
	data[SLOT_CMD] = cmd;
	if (wait_slot(f, SLOT_READY, 1))
		return ct_say("the program does not take its command");
	data[SLOT_WHO] = WHO_NONE;
	data[SLOT_HOLD] = HOLD_AWAKE;
	nth = nth_open(f->ct.pid);
	nth_arm(nth, f->arm);
	data[SLOT_ARM] = 1;
	err = wait_slot(f, SLOT_DONE, 1);
	if (f->arm)
		f->untouched = nth_disarm(nth);
	if (nth >= 0)
		close(nth);
	data[SLOT_CMD] = CMD_NONE;
	return err;
}

static void self_path(struct fault *f, char *path, size_t size,
		      const char *name)
{
	snprintf(path, size, "%s/%s", f->program.dir, name);
}

static int self_errno(struct fault *f)
{
	int64_t ret = f->ct.s->data[SLOT_RET];

	return ret < 0 ? -f->ct.s->data[SLOT_ERRNO] : ret;
}

static int try_self_checkpoint(struct fault *f)
{
	static struct image ref;
	char path[128], good[128];

	if (self_command(f, CMD_CHECKPOINT))
		return ct_say("the program has died of its own checkpoint");
	self_path(f, path, sizeof(path), "log");
	log_drain_file(f, path);
	self_path(f, path, sizeof(path), "saved");
	self_path(f, good, sizeof(good), "first");
	if (ref.nr) {
		if (judge_image(f, self_errno(f), &ref, good, path))
			return -1;
	} else if (image_scan(path, &ref) || rename(path, good)) {
		return ct_say("not an image: %s, %s", ckpt_error(), f->text);
	}
	return program_runs(f, WHO_SELF);
}

/* Past the point of no return it is killed, and its log says why. */
static int self_killed(struct fault *f)
{
	int status = child_ends(f->ct.pid);

	f->ct.alive = false;
	f->tally.killed++;
	if (status == -1 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return ct_say("it ended with status %#x; it says '%s'", status,
			      f->text);
	if (f->untouched || !*f->text)
		return ct_say("it was killed, and nothing says why");
	return 0;
}

static int try_self_restart(struct fault *f)
{
	char path[128];
	int err;

	if (!f->ct.alive && program_start(f, WHO_SELF))
		return -1;
	err = self_command(f, CMD_RESTART);
	self_path(f, path, sizeof(path), "log");
	log_drain_file(f, path);
	if (err < 0)
		return -1;
	if (err)
		return self_killed(f);
	if (f->ct.s->data[SLOT_WHO] != WHO_TARGET) {
		if (refused(f, self_errno(f), false))
			return -1;
		return program_runs(f, WHO_SELF);
	}
	f->tally.harmless += !f->untouched;
	if (program_runs(f, WHO_TARGET))
		return -1;
	ct_kill(&f->ct);
	return 0;
}

/* ---- all of them --------------------------------------------------------- */

static const struct operation {
	const char *name;
	enum who who; /* program that it needs at the beginning */
	int (*attempt)(struct fault *f);
	bool small; /* few and quick: always all of them */
	bool tree; /* of the tree's image */
	bool snapshot; /* checkpoints are in two calls */
	const char *fault, *thread; /* see thread_faults() */
	unsigned int grain; /* least step of these */
	bool helped; /* with one helper: its share is never quite the same */
} operations[] = {
	{ "open and release", WHO_NONE, try_open, true },
	{ "progress", WHO_NONE, try_progress, true },
	{ "lease", WHO_TARGET, try_lease, true },
	{ "release of a lease", WHO_TARGET, try_release, true },
	{ "checkpoint", WHO_TARGET, try_checkpoint },
	{ "checkpoint of a tree", WHO_GROVE, try_checkpoint, .tree = true },
	{ "snapshot", WHO_TARGET, try_checkpoint, .snapshot = true },
	{ "snapshot of little", WHO_SMALL, try_checkpoint, .snapshot = true },
	{ "snapshot of a tree", WHO_GROVE, try_checkpoint, .tree = true,
	  .snapshot = true },
	{ "snapshot, its thread's objects", WHO_TARGET, try_checkpoint,
	  .snapshot = true, .fault = "failslab", .thread = "worker_main",
	  .grain = 256 },
	{ "snapshot, its thread's pages", WHO_TARGET, try_checkpoint,
	  .snapshot = true, .fault = "fail_page_alloc",
	  .thread = "worker_main" },
	{ "snapshot of a tree, its thread's objects", WHO_GROVE, try_checkpoint,
	  .tree = true, .snapshot = true, .fault = "failslab",
	  .thread = "worker_main", .grain = 256 },
	{ "checkpoint that is refused", WHO_ODD, try_refused },
	{ "self checkpoint", WHO_SELF, try_self_checkpoint },
	{ "restart, coordinator", WHO_NONE, try_coordinator },
	/* those of a checkpoint allocate nothing */
	{ "restart, its helper's objects", WHO_NONE, try_coordinator,
	  .fault = "failslab", .thread = "helper_main", .grain = 8,
	  .helped = true },
	{ "restart, its helper's pages", WHO_NONE, try_coordinator,
	  .fault = "fail_page_alloc", .thread = "helper_main", .helped = true },
	{ "restart, task", WHO_NONE, try_joined },
	{ "self restart", WHO_NONE, try_self_restart },
};

/* One after the other, and then those of the tasks of a tree. */
struct
try {
	struct operation op;
	char name[96];
	int which;
};

static int unarmed(struct fault *f, const struct operation *op)
{
	f->arm = 0;
	f->untouched = true;
	return op->attempt(f);
}

/* With little time: of what is tried at all, so many faults. */
#define FEWEST 5

/* So that all of its faults are within reach of the time that is left. */
static unsigned int step_in_time(struct fault *f, const struct operation *op,
				 unsigned int least, int64_t end)
{
	int64_t began = ct_now(), most;
	unsigned int nr;

	f->arm = NTH_NEVER;
	if (op->attempt(f))
		return 0;
	if (!nth_left) /* who has ended cannot tell how many: few */
		return 1;
	nr = NTH_NEVER - nth_left;
	most = (end - ct_now()) / (ct_now() - began + 1);
	if (most < FEWEST)
		most = FEWEST;
	if (least > nr / FEWEST + 1)
		least = nr / FEWEST + 1;
	return nr / most >= least ? nr / most + 1 : least;
}

static int armed_series(struct fault *f, const struct operation *op,
			int64_t end)
{
	unsigned int least = (op->small ? 1 : f->step) * (op->grain ?: 1);
	unsigned int nth = op->small ? 1 : f->phase;
	unsigned int step = least, missed = 0;
	bool whole = end || (nth == 1 && f->last == UINT_MAX);

	if (end && !op->small) {
		step = step_in_time(f, op, least, end);
		if (!step)
			return ct_say("%s: without a fault", op->name);
		if (nth_left)
			ct_say("%s: each %u. of %u", op->name, step,
			       NTH_NEVER - nth_left);
		nth = 1 + f->seed % step;
	}
	for (; nth <= f->last; nth += step) {
		if (end && ct_now() > end && f->tally.injected >= FEWEST) {
			ct_say("out of time before fault %u", nth);
			return 0;
		}
		f->arm = nth;
		f->untouched = false;
		if (op->attempt(f) || world_same(f))
			return ct_say("%s: fault %u", op->name, nth);
		missed = f->untouched ? missed + 1 : 0;
		if (missed > (op->helped ? 3 : 0))
			break;
		f->tally.injected += !f->untouched;
	}
	/* a ghost that ends without an allocation has none */
	if (whole && !f->tally.injected && !strstr(op->name, "ghost"))
		return ct_say("%s: no fault was injected", op->name);
	return 0;
}

static int series(struct fault *f, const struct operation *op, int64_t end)
{
	int err;

	if (op->helped && sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return ct_say("a helper takes a second CPU");
	if (program_end(f))
		return -1;
	if (op->who != WHO_NONE && program_start(f, op->who))
		return -1;
	memset(&f->tally, 0, sizeof(f->tally));
	err = unarmed(f, op);
	if (!err && f->nth < 0)
		return unarmed(f, op);
	if (err)
		return err;
	if (f->leaks)
		err = leaks_begin(f);
	if (!err && op->fault)
		err = thread_faults(op->fault, op->thread);
	if (!err)
		err = armed_series(f, op, end);
	if (op->fault && thread_faults(NULL, NULL))
		err = -1;
	f->arm = 0;
	if (!err) { /* and it works as ever */
		struct tally tally = f->tally;

		err = unarmed(f, op);
		f->tally = tally;
	}
	if (!err && f->leaks)
		err = leaks_check(f);
	return err;
}

static void try_one(struct fault *f, const struct try *t, int64_t end)
{
	char name[128];
	int err;

	snprintf(name, sizeof(name), "%s: no allocation, no user copy",
		 t->op.name);
	if (!strstr(name, f->only))
		return;
	f->which = t->which;
	f->snapshot = t->op.snapshot;
	f->workers = t->op.helped ? 2 : 1;
	f->now = t->op.tree		? &f->grove :
		 t->op.helped		? &f->much :
		 t->op.who == WHO_SMALL ? &f->little :
					  &f->single;
	err = series(f, &t->op, end);
	if (err || f->nth >= 0)
		result(f, name, err);
	else
		result_skip(name, "this kernel has no fail-nth");
}

/* Of a restart of the tree: the coordinator, each task, each ghost. */
static int tree_tries(struct fault *f, struct try *t)
{
	int tasks, all = tree_size(f, &tasks), which;

	for (which = -1; which < all; which++, t++) {
		t->op = (struct operation){ t->name, WHO_NONE, try_tree,
					    .tree = true };
		t->which = which;
		if (which < 0)
			snprintf(t->name, sizeof(t->name),
				 "restart of a tree, coordinator");
		else
			snprintf(t->name, sizeof(t->name),
				 "restart of a tree, %s %d",
				 which < tasks ? "task" : "ghost",
				 which < tasks ? which : which - tasks);
	}
	return all + 1;
}

/**
 * nth_series() - the faults of all operations, a result for each
 * @f: tester
 *
 * With little time each has its share, and the seed says which is the first; those
 * for which no time is left are told, and have no result.
 */
void nth_series(struct fault *f)
{
	static struct try tries[ARRAY_SIZE(operations) + TREE_TASKS_MAX];
	unsigned int i, nr = ARRAY_SIZE(operations), first;
	int64_t end = 0;

	for (i = 0; i < nr; i++)
		tries[i].op = operations[i];
	nr += tree_tries(f, &tries[nr]);
	first = f->until ? f->seed % nr : 0;
	for (i = 0; i < nr; i++) {
		if (f->until && ct_now() > f->until) {
			ct_say("no time is left for %s",
			       tries[(first + i) % nr].op.name);
			continue;
		}
		if (f->until)
			end = ct_now() + (f->until - ct_now()) / (nr - i);
		try_one(f, &tries[(first + i) % nr], end);
	}
}
