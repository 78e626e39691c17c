// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks of a restart are made without a kernel module: they wait instead of
 * joining, and what is in /proc must be what the image says.  Trees that cannot
 * be are refused, and nothing is left of one that could not be made.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "hierarchy.h"
#include "tap.h"

#define MAX_TASKS 1000
/*
 * Pids that are free in a namespace of our own; others for each tree, as the
 * kernel may keep a pid for a moment when its task is gone.
 */
#define BASE (5000 + 1500 * (trees % 16))
static int trees;

struct fake {
	struct ckpt_head head;
	struct ckpt_hdr_container container;
	struct ckpt_hdr_tree_task *task;
	struct ckpt_hierarchy *h;
	pid_t root;
};

static void fake_begin(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->task = calloc(MAX_TASKS, sizeof(*f->task));
	f->head.task = calloc(MAX_TASKS, sizeof(*f->head.task));
	f->head.container = &f->container;
}

static struct ckpt_hdr_tree_task *fake_add(struct fake *f, int pid, int tgid,
					   int ppid, int parent_tid)
{
	struct ckpt_hdr_tree_task *t = &f->task[f->head.nr_tasks];

	f->head.task[f->head.nr_tasks++] = t;
	t->pid = pid;
	t->tgid = tgid;
	t->ppid = ppid;
	t->parent_tid = parent_tid;
	t->exit_signal = pid == tgid ? SIGCHLD : -1;
	t->flags = CKPT_TREE_PGID_OUTSIDE | CKPT_TREE_SID_OUTSIDE;
	return t;
}

static struct ckpt_hdr_tree_task *fake_process(struct fake *f, int pid,
					       int ppid)
{
	return fake_add(f, pid, pid, ppid, ppid);
}

static char *group_path[3]; /* what the kernel calls cgroups of ours */
static bool frozen_groups;

static int fake_make(struct fake *f, __u64 flags)
{
	int err = ckpt_hierarchy_plan(&f->head, &f->h);

	if (err)
		return err;
	f->h->dev = -1;
	f->h->arg.flags = flags;
	err = ckpt_places_find(f->h, !group_path[0], frozen_groups, BASE);
	if (err)
		return err;
	f->root = ckpt_birth_root(f->h);
	if (f->root < 0)
		return f->root;
	err = ckpt_birth_ghosts(f->h);
	return err ?: ckpt_birth_wait(f->h);
}

static void fake_end(struct fake *f)
{
	if (f->h && f->root > 0) {
		ckpt_birth_undo(f->h);
		trees++;
	}
	ckpt_hierarchy_free(f->h);
	free(f->task);
	free(f->head.task);
}

/* ---- what is there ---- */

/* A number in /proc/PID/task/TID/status, or -1. */
static long status_of(pid_t pid, const char *key)
{
	char path[64], line[256];
	long found = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			found = atol(line + strlen(key));
	if (f)
		fclose(f);
	return found;
}

static int exit_signal_of(pid_t pid)
{
	char path[64], text[1024] = "", *p;
	int i, fd_signal = -2;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -2;
	if (fread(text, 1, sizeof(text) - 1, f) > 0) {
		p = strrchr(text, ')');
		for (i = 0; p && i < 36; i++) /* field 38 of proc(5) */
			p = strchr(p + 1, ' ');
		if (p)
			fd_signal = atoi(p);
	}
	fclose(f);
	return fd_signal;
}

/* Whether a thread is in /proc/PARENT/task/TID/children. */
static int is_child_of(pid_t pid, pid_t tgid, pid_t tid)
{
	char path[64];
	int found = 0, one;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", tgid, tid);
	f = fopen(path, "re");
	while (f && !found && fscanf(f, "%d", &one) == 1)
		found = one == pid;
	if (f)
		fclose(f);
	return found;
}

static int real_of(const struct fake *f, pid_t pid)
{
	__u32 i;

	for (i = 0; i < f->h->nr; i++)
		if (f->h->node[i].task->pid == pid)
			return f->h->birth->real[i];
	return -1;
}

/* How many tasks are not as the image says; the first one is told. */
static int check_all(const struct fake *f)
{
	const struct ckpt_hdr_tree_task *t;
	int bad = 0, good, thread;
	pid_t pid;
	__u32 i;

	for (i = 0; i < f->h->nr; i++) {
		t = f->head.task[i];
		thread = t->pid != t->tgid;
		pid = f->h->birth->real[i];
		good = status_of(pid, "Tgid:") == real_of(f, t->tgid);
		if (!thread && i)
			good &= status_of(pid, "PPid:") ==
					real_of(f, t->ppid) &&
				is_child_of(pid, real_of(f, t->ppid),
					    real_of(f, t->parent_tid)) &&
				exit_signal_of(pid) == t->exit_signal;
		if (!(f->h->arg.flags & RESTART_FRESH_PIDS))
			good &= pid == t->pid;
		if (!good && !bad++)
			tap_note("task %d, really %d: tgid %ld ppid %ld exit signal %d",
				 t->pid, pid, status_of(pid, "Tgid:"),
				 status_of(pid, "PPid:"), exit_signal_of(pid));
	}
	return bad;
}

/* ---- cgroups ---- */

static char group[3][4096]; /* directories; the last one is not there */

/* Groups of our own, if we may. */
static int groups_make(void)
{
	char own[2048], dir[2048];
	int i;

	if (ckpt_cgroup_path(getpid(), own, sizeof(own)) ||
	    ckpt_cgroup_of(0, dir, sizeof(dir)))
		return -1;
	for (i = 0; i < 3; i++) {
		snprintf(group[i], sizeof(group[i]), "%s/unit-places.%d.%d",
			 dir, getppid(), i);
		if (asprintf(&group_path[i], "%s%s",
			     strcmp(own, "/") ? own : "",
			     strrchr(group[i], '/')) < 0 ||
		    (i < 2 && mkdir(group[i], 0755)))
			return -1;
	}
	return 0;
}

static void groups_remove(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		rmdir(group[i]);
		free(group_path[i]);
	}
}

/* The same task with a path at its end. */
static void fake_group(struct fake *f, int i, const char *path)
{
	struct ckpt_hdr_tree_task *t;
	size_t len = strlen(path) + 1;

	t = calloc(1, sizeof(*t) + sizeof(t->pids[0]) + len);
	*t = *f->head.task[i];
	t->nr_levels = 1;
	t->pids[0] = t->pid;
	t->cgroup_len = len;
	memcpy(&t->pids[1], path, len);
	f->head.task[i] = t;
}

static int in_group(pid_t pid, const char *dir)
{
	char its[4096];

	return !ckpt_cgroup_of(pid, its, sizeof(its)) && !strcmp(its, dir);
}

/* How many of the tasks there still are. */
static int nr_left(const pid_t *pids, int nr)
{
	int i, left = 0;

	for (i = 0; i < nr; i++)
		left += pids[i] > 0 && !kill(pids[i], 0);
	return left;
}

/* ---- trees ---- */

static void small_tree(struct fake *f)
{
	struct ckpt_hdr_tree_task *t;

	fake_process(f, BASE, 1);
	fake_add(f, BASE + 1, BASE, 1, 1); /* a thread of the root */
	fake_process(f, BASE + 2, BASE)->exit_signal = 0;
	fake_add(f, BASE + 3, BASE + 3, BASE, BASE + 1); /* that one's child */
	fake_add(f, BASE + 4, BASE + 3, BASE, BASE + 1);
	t = fake_add(f, BASE + 5, BASE + 5, BASE + 3, BASE + 4);
	t->exit_signal = SIGUSR1;
	t->exit_state = 1;
	t = fake_process(f, BASE + 6, BASE + 2);
	t->flags = 0;
	t->pgid = BASE + 10; /* dead leaders */
	t->sid = BASE + 11;
	t = fake_process(f, BASE + 7, BASE);
	t->flags = CKPT_TREE_SID_OUTSIDE;
	t->pgid = BASE + 10;
	t->sid = 12345;
}

static void test_small(__u64 flags, const char *what)
{
	pid_t pids[8], ghosts[2] = { 0 };
	struct fake f;
	int err, ok, i;

	fake_begin(&f);
	small_tree(&f);
	err = fake_make(&f, flags);
	tap_ok(!err, "%s: a tree is made", what);
	if (err) {
		tap_note("%s", ckpt_error());
		fake_end(&f);
		return;
	}
	tap_ok(!check_all(&f), "%s: it is what the image says", what);
	for (i = 0; i < 8; i++)
		pids[i] = f.h->birth->real[i];
	ok = f.h->nr_ghosts == 2 && f.h->ghost[0] == BASE + 10 &&
	     f.h->ghost[1] == BASE + 11;
	tap_ok(ok, "%s: dead leaders have ghosts", what);
	for (i = 0; i < (int)f.h->nr_ghosts && i < 2; i++)
		ghosts[i] = f.h->ghost_real[i];
	ok = status_of(ghosts[0], "PPid:") == getpid() &&
	     (flags || ghosts[1] == BASE + 11);
	tap_ok(ok, "%s: which are children of the coordinator", what);
	fake_end(&f);
	tap_ok(!nr_left(pids, 8) && !nr_left(ghosts, 2),
	       "%s: nothing is left of it", what);
}

/* A wide tree, a deep one, one of threads. */
static void test_many(const char *what, int nr, int deep, int threads)
{
	struct timespec a, b;
	struct fake f;
	int i, err, left = 0;
	pid_t *pids = calloc(nr, sizeof(*pids));

	fake_begin(&f);
	fake_process(&f, BASE, 1);
	for (i = 1; i < nr; i++)
		if (threads)
			fake_add(&f, BASE + i, BASE, 1, 1);
		else
			fake_process(&f, BASE + i, deep ? BASE + i - 1 : BASE);
	clock_gettime(CLOCK_MONOTONIC, &a);
	err = fake_make(&f, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	tap_ok(!err, "%s: made", what);
	tap_note("%d tasks in %ld us", nr,
		 (b.tv_sec - a.tv_sec) * 1000000 +
			 (b.tv_nsec - a.tv_nsec) / 1000);
	if (err) {
		tap_note("%s", ckpt_error());
	} else {
		tap_ok(!check_all(&f), "%s: as the image says", what);
		memcpy(pids, f.h->birth->real, nr * sizeof(*pids));
		left = nr_left(pids, nr);
		tap_ok(left == nr, "%s: all alive", what);
	}
	fake_end(&f);
	tap_ok(!nr_left(pids, nr), "%s: nothing is left of it", what);
	free(pids);
}

static void test_taken(void)
{
	pid_t pids[100], taken = fork();
	char told[32];
	struct fake f;
	int i, err;

	if (!taken) {
		pause();
		_exit(0);
	}

	fake_begin(&f);
	fake_process(&f, BASE, 1);
	for (i = 1; i < 100; i++)
		fake_process(&f, BASE + i, BASE + (i - 1) / 3);
	f.task[90].pid = taken; /* a leaf */
	f.task[90].tgid = taken;
	err = fake_make(&f, 0);
	snprintf(told, sizeof(told), "pid %d is taken", taken);
	tap_ok(err == -EEXIST && strstr(ckpt_error(), told),
	       "a pid that is taken is told: %s", ckpt_error());
	for (i = 0; i < 100; i++)
		pids[i] = i == 90 ? 0 : BASE + i;
	fake_end(&f);
	tap_ok(!nr_left(pids, 100), "nothing is left of the others");
	kill(taken, SIGKILL);
	waitpid(taken, NULL, 0);
}

/* Whoever of a waiting tree dies: those below go, too. */
static void test_cascade(void)
{
	struct fake f;
	pid_t below;
	int i;

	fake_begin(&f);
	fake_process(&f, BASE, 1);
	for (i = 1; i < 50; i++)
		fake_process(&f, BASE + i, BASE + i - 1);
	if (fake_make(&f, 0)) {
		tap_ok(0, "a chain is made: %s", ckpt_error());
		fake_end(&f);
		return;
	}
	below = f.h->birth->real[49];
	kill(f.h->birth->real[10], SIGKILL);
	/* we are the init that those without parents come to */
	for (i = 0; i < 500 && status_of(below, "PPid:") > 0; i++) {
		usleep(10000);
		waitpid(below, NULL, WNOHANG);
	}
	tap_ok(status_of(below, "PPid:") <= 0,
	       "what is below a killed task dies with it");
	tap_ok(status_of(f.h->birth->real[9], "PPid:") > 0,
	       "what is above does not");
	fake_end(&f);
}

/* Root, child and grandchild in groups, one of which is gone. */
static void test_places(bool frozen)
{
	const char *what = frozen ? "left frozen" : "cgroups";
	char want[2][4200], *notes = NULL;
	struct fake f;
	size_t len;
	FILE *to;
	int err, ok, i;

	fake_begin(&f);
	fake_process(&f, BASE, 1);
	fake_add(&f, BASE + 1, BASE, 1, 1);
	fake_add(&f, BASE + 2, BASE + 2, BASE, BASE + 1);
	fake_process(&f, BASE + 3, BASE + 2);
	fake_process(&f, BASE + 4, BASE + 2);
	fake_group(&f, 0, group_path[0]);
	fake_group(&f, 2, group_path[1]);
	fake_group(&f, 3, group_path[0]);
	fake_group(&f, 4, group_path[2]);
	for (i = 0; i < 2; i++)
		snprintf(want[i], sizeof(want[i]),
			 frozen ? "%s/ckpt-frozen.%d" : "%s", group[i], BASE);
	frozen_groups = frozen;
	err = fake_make(&f, 0);
	frozen_groups = 0;
	tap_ok(!err && !check_all(&f), "%s: a tree is made", what);
	if (err)
		tap_note("%s", ckpt_error());
	tap_ok(!err && in_group(BASE, want[0]), "%s: the root", what);
	tap_ok(!err && in_group(BASE + 2, want[1]), "%s: its child", what);
	tap_ok(!err && in_group(BASE + 3, want[0]), "%s: that one's", what);
	tap_ok(!err && in_group(BASE + 4, want[1]),
	       "%s: who has none stays with its parent", what);
	to = open_memstream(&notes, &len);
	if (!err)
		ckpt_places_note(f.h, to);
	fclose(to);
	ok = strstr(notes, group_path[2]) &&
	     strchr(notes, '\n') == strrchr(notes, '\n');
	tap_ok(ok, "%s: which is noted in one line", what);
	free(notes);
	if (!err && frozen) {
		ok = !ckpt_places_freeze(f.h, 5) &&
		     ckpt_cgroup_frozen(want[0]) == 1 &&
		     ckpt_cgroup_frozen(want[1]) == 1;
		tap_ok(ok, "%s: they are frozen", what);
	}
	for (i = 0; i < 5; i++)
		if (i != 1)
			free((void *)f.head.task[i]);
	fake_end(&f);
	tap_ok(access(want[0], F_OK) == (frozen ? -1 : 0),
	       "%s: no group is left", what);
}

/* ---- trees that cannot be ---- */

static void refuse(const char *what, void (*spoil)(struct fake *f))
{
	struct fake f;
	int err;

	fake_begin(&f);
	small_tree(&f);
	spoil(&f);
	err = ckpt_hierarchy_plan(&f.head, &f.h);
	tap_ok(err == -EINVAL && !f.h && strstr(ckpt_error(), what),
	       "refused: %s", what);
	if (err != -EINVAL)
		tap_note("error %d: %s", err, ckpt_error());
	fake_end(&f);
}

static void spoil_root(struct fake *f)
{
	f->task[0].tgid = BASE + 3;
}

static void spoil_init(struct fake *f)
{
	f->container.pid_ns = 1;
}

static void spoil_init_group(struct fake *f)
{
	struct ckpt_hdr_tree_task *t = &f->task[0];

	f->container.pid_ns = 1;
	t->pid = 1;
	t->tgid = 1;
	t->pgid = 7;
	t->sid = 1;
	t->flags = 0;
}

static void spoil_twice(struct fake *f)
{
	f->task[6].pid = BASE + 1;
	f->task[6].tgid = BASE + 1;
}

static void spoil_order(struct fake *f)
{
	f->task[2].parent_tid = BASE + 6; /* a loop */
	f->task[2].ppid = BASE + 6;
}

static void spoil_self(struct fake *f)
{
	f->task[2].parent_tid = BASE + 2;
	f->task[2].ppid = BASE + 2;
}

static void spoil_leader(struct fake *f)
{
	f->task[4].tgid = BASE + 6;
}

static void spoil_parent(struct fake *f)
{
	f->task[3].ppid = BASE + 2;
}

static void spoil_zombie(struct fake *f)
{
	f->task[6].parent_tid = BASE + 5;
	f->task[6].ppid = BASE + 5;
}

static void spoil_dead_thread(struct fake *f)
{
	f->task[4].exit_state = 1;
}

static void spoil_thread_parent(struct fake *f)
{
	f->task[4].parent_tid = BASE;
}

static void spoil_signal(struct fake *f)
{
	f->task[6].exit_signal = -1;
}

/* ---- a pid namespace of our own ---- */

static int namespace_enter(void)
{
	if (geteuid() ? ckpt_userns_enter() : unshare(CLONE_NEWPID))
		return -1;
	return unshare(CLONE_NEWNS);
}

static int namespace_proc(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	       mount("proc", "/proc", "proc", 0, NULL);
}

static int run_tests(void)
{
	if (namespace_proc()) {
		printf("1..0 # SKIP cannot mount /proc\n");
		return 4;
	}
	test_small(0, "old pids");
	test_small(RESTART_FRESH_PIDS, "fresh pids");
	test_many("400 processes", 400, 0, 0);
	test_many("a chain of 1000", 1000, 1, 0);
	test_many("1000 threads", 1000, 0, 1);
	test_taken();
	test_cascade();
	if (!groups_make()) {
		test_places(false);
		test_places(true);
	}
	groups_remove();
	refuse("the first one is not a process", spoil_root);
	refuse("it is the init of a pid namespace", spoil_init);
	refuse("an init in another's group", spoil_init_group);
	refuse("it is there twice", spoil_twice);
	refuse("its parent is not there before it", spoil_order);
	refuse("its parent is not there before it", spoil_self);
	refuse("its process is not there before it", spoil_leader);
	refuse("its parent is of another process", spoil_parent);
	refuse("its parent is a zombie", spoil_zombie);
	refuse("a thread cannot be a zombie", spoil_dead_thread);
	refuse("a thread has the parent of its process", spoil_thread_parent);
	refuse("a process without an exit signal", spoil_signal);
	return tap_end();
}

int main(void)
{
	int status;
	pid_t pid;

	if (namespace_enter()) {
		printf("1..0 # SKIP no pid namespace\n");
		return 4;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		status = run_tests();
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		status = 1 << 8;
	fflush(stdout);
	_exit(WEXITSTATUS(
		status)); /* no leak checker: where would it fork to? */
}
