// SPDX-License-Identifier: GPL-2.0-only
/* The tester's hands: programs, images, the log, the state of the machine. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "fault.h"

#define GROUP "/sys/fs/cgroup/ckpt-fault"
#define REFCNT "/sys/module/ckpt/refcnt"

static struct {
	long refs;
	int fds;
} world;

/* ---- waiting --------------------------------------------------------------- */

static bool has_ended(pid_t pid)
{
	siginfo_t si = { .si_pid = 0 };

	return waitid(P_PID, pid, &si, WEXITED | WNOHANG | WNOWAIT) ||
	       si.si_pid == pid;
}

static void program_says(struct fault *f)
{
	if (f->ct.s->failed)
		ct_say("the program says: %.500s", f->ct.s->text);
}

/**
 * wait_slot() - wait until the program has written a value, or died
 * @f: tester
 * @where: slot
 * @value: at least that
 *
 * Return: 0, 1 when the program has ended, -1 when nothing happens.
 */
int wait_slot(struct fault *f, enum slot where, int64_t value)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;

	while (f->ct.s->data[where] < value) {
		if (has_ended(f->ct.pid))
			return 1;
		if (ct_now() > end) {
			program_says(f);
			return ct_say("slot %d stays at %lld, not %lld", where,
				      (long long)f->ct.s->data[where],
				      (long long)value);
		}
		sched_yield();
	}
	return 0;
}

/**
 * child_ends() - reap a child
 * @pid: child
 *
 * Return: its wait status, or -1: it lives on.
 */
int child_ends(pid_t pid)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;
	int status;

	while (ct_now() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		sched_yield();
	}
	return ct_say("child %d lives on", pid);
}

/* ---- programs -------------------------------------------------------------- */

/**
 * program_runs() - the program makes at least one full check of itself
 * @f: tester
 * @who: which one must be running
 *
 * Return: 0 or -1.
 */
int program_runs(struct fault *f, enum who who)
{
	struct ct_shared *s = f->ct.s;
	int err;

	s->data[SLOT_WHO] = WHO_NONE;
	s->data[SLOT_HOLD] = HOLD_NOT;
	err = wait_slot(f, SLOT_COUNT, s->data[SLOT_COUNT] + 2);
	if (err > 0 || s->failed) {
		program_says(f);
		return ct_say("the program has ended or failed");
	}
	if (!err && s->data[SLOT_WHO] != who)
		return ct_say("program %d runs, not %d", (int)s->data[SLOT_WHO],
			      who);
	return err;
}

/**
 * program_end() - end the program, if there is one, and all that belongs to it
 * @f: tester
 *
 * What is left of a tree comes to us, and is dying.
 *
 * Return: 0 or -1.
 */
int program_end(struct fault *f)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;
	int i;

	ct_kill(&f->ct);
	for (i = 0; i < NR_KIN_PIDS; i++)
		f->ct.s->data[SLOT_KIN_PIDS + i] = 0;
	while (waitpid(-1, NULL, __WALL | WNOHANG) >= 0) {
		if (ct_now() > end)
			return ct_say("a child lives on");
		sched_yield();
	}
	return 0;
}

/**
 * program_start() - start a program and see it run
 * @f: tester
 * @who: which one
 *
 * Return: 0 or -1.
 */
int program_start(struct fault *f, enum who who)
{
	static const char *const name[] = {
		[WHO_TARGET] = "target", [WHO_SMALL] = "little",
		[WHO_LARGE] = "much",	 [WHO_SELF] = "self",
		[WHO_ODD] = "odd",	 [WHO_GROVE] = "grove",
	};
	char link[128];

	if (program_end(f))
		return -1;
	snprintf(f->program.dir, sizeof(f->program.dir), "%s/%s", f->ct.dir,
		 name[who]);
	f->program.who = who;
	mkdir(f->program.dir, 0700);
	snprintf(link, sizeof(link), "%s/image", f->program.dir);
	if (symlink(f->single.path, link) && errno != EEXIST)
		return ct_say("%s: %m", link);
	if (ct_start(&f->ct, fault_program, &f->program) || ct_reach(&f->ct, 1))
		return -1;
	return program_runs(f, who);
}

static bool group_frozen(void)
{
	char *text = ct_read_file(GROUP "/cgroup.events");
	bool yes = text && strstr(text, "frozen 1");

	free(text);
	return yes;
}

static int await_frozen(bool want)
{
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;

	while (group_frozen() != want) {
		if (ct_now() > end)
			return ct_say("the group does not %s",
				      want ? "freeze" : "thaw");
		sched_yield();
	}
	return 0;
}

/**
 * program_freeze() - freeze the program in a group of its own
 * @f: tester
 *
 * Between two turns, mostly asleep: all that it has is there, and behind a
 * restart it makes no call that matters until program_runs().
 *
 * Return: 0 or -1.
 */
int program_freeze(struct fault *f)
{
	volatile int64_t *data = f->ct.s->data;
	char pid[16];
	int i;

	data[SLOT_HOLD] = HOLD_ASLEEP;
	data[SLOT_HELD] = 0;
	for (i = 0; i < NR_KIN; i++)
		data[SLOT_KIN_HELD + i] = !data[SLOT_KIN_PIDS];
	if (wait_slot(f, SLOT_HELD, 1))
		return ct_say("the program is gone");
	for (i = 0; i < NR_KIN; i++)
		if (wait_slot(f, SLOT_KIN_HELD + i, 1))
			return ct_say("a task of the tree is gone");
	snprintf(pid, sizeof(pid), "%d", f->ct.pid);
	if (ct_write_file(GROUP "/cgroup.procs", pid))
		return -1;
	for (i = 0; i < NR_KIN_PIDS; i++) {
		snprintf(pid, sizeof(pid), "%d", (int)data[SLOT_KIN_PIDS + i]);
		if (*pid != '0' && ct_write_file(GROUP "/cgroup.procs", pid))
			return -1;
	}
	if (ct_write_file(GROUP "/cgroup.freeze", "1"))
		return -1;
	return await_frozen(true);
}

/**
 * program_thaw() - let it go on
 * @f: tester
 *
 * Return: 0 or -1.
 */
int program_thaw(struct fault *f)
{
	if (ct_write_file(GROUP "/cgroup.freeze", "0"))
		return -1;
	return await_frozen(false);
}

/* ---- the log ------------------------------------------------------------------ */

static void log_first_line(struct fault *f)
{
	f->text[strcspn(f->text, "\n")] = 0;
}

/**
 * log_drain() - take what is in the log's pipe: its first line
 * @f: tester
 */
void log_drain(struct fault *f)
{
	ssize_t n = read(f->log, f->text, sizeof(f->text) - 1);

	f->text[n > 0 ? n : 0] = 0;
	log_first_line(f);
}

/**
 * log_drain_file() - the same of a file
 * @f: tester
 * @path: file
 */
void log_drain_file(struct fault *f, const char *path)
{
	char *text = ct_read_file(path);

	snprintf(f->text, sizeof(f->text), "%s", text ? text : "");
	free(text);
	log_first_line(f);
}

/* ---- images -------------------------------------------------------------------- */

/**
 * image_scan() - read an image to its end
 * @path: image
 * @img: filled in
 *
 * Return: 0, or the negative errno of what is wrong with it; -ENODATA: it ends
 * with an error record.
 */
int image_scan(const char *path, struct image *img)
{
	const struct ckpt_hdr *rec = NULL;
	struct ckpt_image *reader;
	int fd, ret;

	memset(img, 0, sizeof(*img));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	reader = ckpt_image_open(fd);
	while ((ret = ckpt_image_next(reader, &rec)) > 0 && img->nr < REC_MAX) {
		img->type[img->nr] = rec->type;
		img->len[img->nr] = rec->len;
		img->offset[img->nr] = ckpt_image_offset(reader);
		img->size = img->offset[img->nr] + rec->len;
		if (rec->type == CKPT_HDR_TREE_TASK) {
			img->head = img->size;
			if (!img->root)
				img->root =
					((const struct ckpt_hdr_tree_task *)rec)
						->pid;
		}
		img->nr++;
		if (rec->type == CKPT_HDR_ERR)
			ret = -ENODATA;
		if (ret < 0)
			break;
	}
	if (!ret)
		ret = ckpt_image_finish(reader);
	ckpt_image_close(reader);
	close(fd);
	return ret;
}

/* Runs of pages come and go with the stack; all other records must be there. */
static unsigned int next_record(const struct image *img, unsigned int i)
{
	while (i < img->nr && img->type[i] == CKPT_HDR_PGARR)
		i++;
	return i;
}

static void show_difference(const char *good, const char *path)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "for i in %s %s; do { ckptinfo $i; ckptinfo -v $i | awk '{ print $2, $3 }'; } >$i.text; done; diff %s.text %s.text | sed 's/^/# /' | head -n 60",
		 good, path, good, path);
	if (system(command))
		ct_say("no ckptinfo");
}

/**
 * image_same() - an image is whole, and has all records of a good one
 * @ref: records of the good one
 * @good: path of it
 * @path: image
 *
 * Return: 0 or -1.
 */
int image_same(const struct image *ref, const char *good, const char *path)
{
	static struct image img;
	int err = image_scan(path, &img);
	unsigned int i, k;

	if (err)
		return ct_say("%s is not a whole image: %s", path,
			      ckpt_error());
	for (i = k = 0;; i++, k++) {
		i = next_record(ref, i);
		k = next_record(&img, k);
		if (i == ref->nr || k == img.nr)
			break;
		if (ref->type[i] == img.type[k] && ref->len[i] == img.len[k])
			continue;
		show_difference(good, path);
		return ct_say("record %u is %s of %u bytes, not %s of %u", k,
			      ckpt_rec_name(img.type[k]), img.len[k],
			      ckpt_rec_name(ref->type[i]), ref->len[i]);
	}
	if (i != ref->nr || k != img.nr)
		return ct_say("%u records, not %u", img.nr, ref->nr);
	return 0;
}

/* ---- the machine ------------------------------------------------------------- */

static long number(const char *path)
{
	char *text = ct_read_file(path);
	long n = text ? atol(text) : -1;

	free(text);
	return n;
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/**
 * world_same() - nothing is left of the last operation
 * @f: tester; at most its program is there
 *
 * No child but the program, no descriptor, no session, no frozen group.
 *
 * Return: 0 or -1.
 */
int world_same(struct fault *f)
{
	siginfo_t si = { .si_pid = 0 };
	int64_t end = ct_now() + PATIENCE_MS * CT_MS;

	if (!waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) &&
	    (si.si_pid || !f->ct.alive))
		return ct_say("child %d is left", si.si_pid);
	if (open_fds() != world.fds)
		return ct_say("%d descriptors, not %d", open_fds(), world.fds);
	if (group_frozen())
		return ct_say("the group is left frozen");
	/* the last reference may be put a moment after the call */
	while (number(REFCNT) != world.refs) {
		if (ct_now() > end)
			return ct_say("%ld sessions, not %ld", number(REFCNT),
				      world.refs);
		sched_yield();
	}
	return 0;
}

/* ---- operations -------------------------------------------------------------- */

/**
 * checkpoint_now() - checkpoint the frozen program
 * @f: tester; the fault @f->arm is armed for the call, or both of @f->snapshot
 * @img: where to
 * @logfd: for messages
 * @bytes: of the image
 *
 * Return: as the ioctl, or a negative errno.
 */
int checkpoint_now(struct fault *f, int img, int logfd, __u64 *bytes)
{
	struct ckpt_ioc_checkpoint arg = {
		.size = sizeof(arg),
		.pid = f->ct.pid,
		.fd = img,
		.logfd = logfd,
		.flags = CHECKPOINT_SUBTREE | CHECKPOINT_SYNC_FILES |
			 (f->snapshot ? CHECKPOINT_SNAPSHOT : 0),
		.workers = f->workers,
	};
	struct ckpt_ioc_stream stream = {
		.size = sizeof(stream),
		.fd = img,
		.logfd = logfd,
	};
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	int ret;

	nth_arm(f->nth, f->arm);
	ret = ioctl(dev, CKPT_IOC_CHECKPOINT, &arg);
	*bytes = arg.bytes;
	if (ret >= 0 && f->snapshot) {
		ret = ioctl(dev, CKPT_IOC_STREAM, &stream);
		*bytes = stream.bytes;
	}
	if (ret < 0)
		ret = -errno;
	if (f->arm)
		f->untouched = nth_disarm(f->nth);
	close(dev);
	return ret;
}

static void __attribute__((noreturn)) join(struct fault *f, int dev)
{
	struct ckpt_ioc_restart arg = {
		.size = sizeof(arg),
		.flags = RESTART_FRESH_PIDS | RESTART_NO_TIMENS,
		.fd = -1,
		.logfd = CHECKPOINT_FD_NONE,
		.task = f->now->img.root,
	};

	while (!f->ct.s->data[SLOT_ARM])
		sched_yield();
	ioctl(dev, CKPT_IOC_RESTART, &arg);
	_exit(127);
}

/**
 * restart_now() - restart an image as its coordinator
 * @f: tester; no program is there; the fault @f->arm is armed for the call, here
 *	or in the child (@f->arm_child)
 * @img: open image
 * @logfd: for messages
 * @head: so many bytes of it are handed over, the rest is left to the kernel
 * @child: the child, not reaped
 *
 * What comes back makes no call but sched_yield() until program_runs().
 *
 * Return: as the ioctl, or a negative errno.
 */
int restart_now(struct fault *f, int img, int logfd, __u64 head, pid_t *child)
{
	static char bytes[1 << 16];
	struct ckpt_ioc_restart arg = {
		.size = sizeof(arg),
		.fd = img,
		.logfd = logfd,
		.flags = RESTART_FRESH_PIDS | RESTART_NO_TIMENS,
		.workers = f->workers,
		.head = (uintptr_t)bytes,
		.head_len = head,
	};
	int dev, nth, ret;

	if (head &&
	    (head > sizeof(bytes) || read(img, bytes, head) != (ssize_t)head))
		return ct_say("cannot read the head");
	dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	f->ct.s->data[SLOT_ARM] = 0;
	f->ct.s->data[SLOT_HOLD] = HOLD_AWAKE;
	*child = fork();
	if (!*child)
		join(f, dev);
	arg.pid = *child;
	nth = f->arm_child ? nth_open(*child) : f->nth;
	if (f->arm_child)
		nth_arm(nth, f->arm);
	f->ct.s->data[SLOT_ARM] = 1;
	if (!f->arm_child)
		nth_arm(nth, f->arm);
	ret = ioctl(dev, CKPT_IOC_RESTART, &arg);
	if (ret < 0)
		ret = -errno;
	if (f->arm)
		f->untouched = nth_disarm(nth);
	if (f->arm_child)
		close(nth);
	close(dev);
	return ret;
}

/* ---- all of it --------------------------------------------------------------- */

static int make_good(struct fault *f, struct sample *good, enum who who)
{
	__u64 bytes;
	int fd, ret;

	good->who = who;
	if (program_start(f, who) || program_freeze(f))
		return -1;
	fd = open(good->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ret = checkpoint_now(f, fd, f->logfd, &bytes);
	close(fd);
	log_drain(f);
	if (program_thaw(f))
		return -1;
	if (ret < 0)
		return ct_say("no good image to begin with: %s (%s)", f->text,
			      strerror(-ret));
	if (image_scan(good->path, &good->img))
		return ct_say("the good image is bad: %s", ckpt_error());
	return 0;
}

/**
 * fault_begin() - prepare a tester
 * @f: tester, with step and phase
 *
 * Return: 0 or -1.
 */
int fault_begin(struct fault *f)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	f->workers = 1;
	if (mkdir(GROUP, 0700) && errno != EEXIST)
		return ct_say(GROUP ": %m");
	if (ct_setup(&f->ct))
		return -1;
	snprintf(f->img, sizeof(f->img), "%s/img", f->ct.dir);
	snprintf(f->single.path, sizeof(f->single.path), "%s/good", f->ct.dir);
	snprintf(f->little.path, sizeof(f->little.path), "%s/few", f->ct.dir);
	snprintf(f->much.path, sizeof(f->much.path), "%s/plenty", f->ct.dir);
	snprintf(f->grove.path, sizeof(f->grove.path), "%s/tree", f->ct.dir);
	f->now = &f->single;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return ct_say("pipe: %m");
	f->log = fds[0];
	f->logfd = fds[1];
	f->nth = nth_open(0);
	world.refs = number(REFCNT);
	world.fds = open_fds();
	if (make_good(f, &f->grove, WHO_GROVE))
		return -1;
	if (make_good(f, &f->little, WHO_SMALL))
		return -1;
	if (make_good(f, &f->much, WHO_LARGE))
		return -1;
	return make_good(f, &f->single, WHO_TARGET);
}

/**
 * fault_end() - leave nothing behind
 * @f: tester
 */
void fault_end(struct fault *f)
{
	ct_write_file(GROUP "/cgroup.freeze", "0");
	ct_end(&f->ct);
	rmdir(GROUP);
}
