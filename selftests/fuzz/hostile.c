// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile images through real restarts by an unprivileged user.
 *
 * usage: hostile [-v] [-s SEED] [-n COUNT] [-t SECONDS] [-d DIR]
 *	[-i INDEX [-w FILE]]
 *
 * Started as root.  A pid namespace of its own keeps what comes to life away
 * from the rest.  Root there makes an image of each program of programs.c (or
 * takes those in DIR) and watches; a worker, which is the tester, restarts
 * changed copies, one for each index, until COUNT of them (3000) have got past
 * the head, or SECONDS are over.  What comes to life must have no more rights than
 * its restarter, and no tree that cannot be; it is killed.
 *
 * The worker makes no progress for HOSTILE_LIMIT seconds (60): that is a hang.
 * It prints seed and index; -s SEED -i INDEX -d DIR does the same once more and
 * tells what came of it, -w writes the image to a file; -v tells that of each.
 * HOSTILE_LAST names a file that always holds the index at work, should the
 * machine not survive it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <ckpt.h>
#include "hostile.h"
#include "mutate.h"

#define BATCH 64 /* attempts of one worker */
#define ERRNOS 256
#define LONG_S 5 /* seconds: a restart that takes so long is told of */
#define CHANGES_MAX 64 /* kinds of changes to a tree */
#define NAMESPACED 4 /* each how many-th worker may choose pids */
/* Each how many-th image is of a tree, and each how many-th has lies about one. */
#define TREES 8
#define PROMISED 16 /* and has promised to gain no privileges */

/* What worker and watcher tell each other. */
struct shared {
	volatile __u64 index; /* being tried, or the next */
	volatile __u64 tried, deep, alive, died_late, self;
	volatile __u64 stopped; /* workers, by their child's exit signal */
	volatile __u64 result[ERRNOS]; /* by errno */
	volatile __u64 by_image[HOSTILE_IMAGES_MAX]; /* alive ones */
	volatile double time_by_image[HOSTILE_IMAGES_MAX]; /* seconds, of all */
	volatile __u64 by_type[CKPT_HDR_MAX]; /* records past the head */
	volatile __u64 by_change[CHANGES_MAX][ERRNOS]; /* [0]: alive */
	char gained[256]; /* a right that was gained, or what else must not be */
};

struct options {
	__u64 seed, count, only;
	double seconds;
	bool one, tell;
	const char *dir, *write_to;
};

struct worker {
	const struct options *opts;
	struct shared *sh;
	struct fz_image *orig[HOSTILE_IMAGES_MAX], *img;
	int nr_orig, change;
	bool fatal; /* the change must not come to life */
	int image_fd, null_fd, log_fd, last_fd;
	FILE *copy; /* of the image, or NULL */
	struct hostile_rights base;
	double began;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- the images to begin with ---- */

static struct fz_image *load_image(const char *path)
{
	struct fz_image *img = fz_alloc();
	char *buf = malloc(FZ_BYTES_MAX);
	FILE *f = fopen(path, "r");
	size_t len;

	if (!f || !buf || !img)
		die(path);
	len = fread(buf, 1, FZ_BYTES_MAX, f);
	fclose(f);
	fz_load(img, buf, len);
	free(buf);
	return img;
}

static void count_records(const struct fz_image *img, volatile __u64 *by_type)
{
	__s32 type;
	int n;

	for (n = 0; n < img->nr; n++) {
		type = ((const struct ckpt_hdr *)fz_at(img, n))->type;
		if (type > 0 && type < CKPT_HDR_MAX)
			by_type[type]++;
	}
}

/* Between them they have records of every type, but of failures. */
static void check_types(const struct worker *w)
{
	__u64 by_type[CKPT_HDR_MAX] = { [CKPT_HDR_ERR] = 1 };
	__s32 type;
	int n;

	for (n = 0; n < w->nr_orig; n++)
		count_records(w->orig[n], by_type);
	for (type = 1; type < CKPT_HDR_MAX; type++) {
		if (by_type[type] || *ckpt_rec_name(type) == '?')
			continue;
		fprintf(stderr, "hostile: no program has a %s record\n",
			ckpt_rec_name(type));
		exit(1);
	}
}

static void load_images(struct worker *w)
{
	const char *why;
	char path[300];
	int n;

	for (n = 0; hostile_program(n); n++) {
		snprintf(path, sizeof(path), "%s/%s.img", w->opts->dir,
			 hostile_program(n));
		w->orig[n] = load_image(path);
		why = fz_refusal(w->orig[n]);
		if (why) {
			fprintf(stderr, "hostile: %s: %s\n", path, why);
			exit(1);
		}
		printf("# %s: %d tasks, %d records, %zu bytes\n",
		       hostile_program(n), fz_tree_rows(w->orig[n]),
		       w->orig[n]->nr, w->orig[n]->len);
	}
	w->nr_orig = n;
	check_types(w);
	w->img = fz_alloc();
	if (!w->img)
		die("memory");
}

/* ---- one changed image ---- */

static bool is_head(const struct fz_image *img, int n)
{
	return ((const struct ckpt_hdr *)fz_at(img, n))->type <=
	       CKPT_HDR_TREE_TASK;
}

static size_t head_len(const struct fz_image *img)
{
	size_t len = 0;
	int n;

	for (n = 0; n < img->nr && is_head(img, n); n++)
		len += img->rec[n].len;
	return len;
}

/* The kernel reads no more than it looks at. */
static bool past_head(const struct worker *w)
{
	return lseek(w->image_fd, 0, SEEK_CUR) > (off_t)head_len(w->img);
}

/* The first ones are as they were, and so is their restart. */
static bool is_original(const struct worker *w)
{
	return w->sh->index < (__u64)w->nr_orig;
}

/* Who may not choose pids mostly leaves out those that take it. */
static int pick_program(const struct worker *w, struct fz_rng *rng, bool tree)
{
	int from, tries = 0;

	do {
		from = fz_below(rng, w->nr_orig);
	} while ((fz_tree_rows(w->orig[from]) > 1) != tree ||
		 (getpid() != 1 && hostile_clone_flags(from) && tries++ < 3));
	return from;
}

/*
 * Mostly changed so that the common validation takes it: what that refuses is
 * the fuzzer's work on the host.
 */
static int build_image(struct worker *w, struct fz_rng *rng)
{
	int from, tries, n;
	bool anything = fz_one_in(rng, 5), tree = fz_one_in(rng, TREES);

	w->change = -1;
	w->fatal = false;
	if (is_original(w)) {
		fz_copy(w->img, w->orig[w->sh->index]);
		return w->sh->index;
	}
	from = pick_program(w, rng, tree || fz_one_in(rng, TREES));
	for (tries = 0; tries < 12; tries++) {
		fz_copy(w->img, w->orig[from]);
		n = fz_one_in(rng, 2) ? 1 : 1 + fz_below(rng, 5);
		if (tree && fz_one_in(rng, 2))
			n = 0; /* what is told of the tasks is all that changes */
		while (n--)
			fz_mutate(w->img, w->orig[fz_below(rng, w->nr_orig)],
				  rng);
		if (anything && fz_one_in(rng, 2))
			break;
		fz_repair(w->img);
		if (anything || !fz_refusal(w->img))
			break;
	}
	if (tree) {
		/* else it may be what takes another one back */
		w->fatal = fz_tree_same(w->img, w->orig[from]);
		w->change = fz_tree_mutate(w->img, rng);
		w->fatal &= w->change >= 0 && fz_tree_fatal(w->change);
	}
	if (tree || !fz_one_in(rng, 100))
		fz_seal(w->img);
	if (fz_one_in(rng, 100))
		w->img->buf[fz_below(rng, w->img->len)] ^= 1;
	return from;
}

static void write_image(struct worker *w)
{
	if (ftruncate(w->image_fd, w->img->len) || /* keeps its pages */
	    pwrite(w->image_fd, w->img->buf, w->img->len, 0) !=
		    (ssize_t)w->img->len ||
	    lseek(w->image_fd, 0, SEEK_SET))
		die("cannot write the image");
	if (w->copy && (fwrite(w->img->buf, w->img->len, 1, w->copy) != 1 ||
			fflush(w->copy)))
		die("cannot write a copy of the image");
}

static __u64 some_flags(struct fz_rng *rng)
{
	static const __u64 files[] = { 0, RESTART_FILES_TRUNCATE,
				       RESTART_FILES_FAIL };
	__u64 flags = files[fz_below(rng, 3)];

	/* where pids can be chosen they may be the right ones */
	if (getpid() == 1 ? fz_one_in(rng, 2) : !fz_one_in(rng, 32))
		flags |= RESTART_FRESH_PIDS;
	if (!fz_one_in(rng, 4))
		flags |= RESTART_NO_TIMENS;
	if (!fz_one_in(rng, 3))
		flags |= RESTART_FORCE_FILES;
	return flags;
}

/* ---- one restart ---- */

static void check_rights(struct worker *w, pid_t pid)
{
	struct hostile_rights now;
	const char *gained;

	if (hostile_rights_get(pid, &now))
		return; /* has ended meanwhile */
	gained = hostile_rights_gained(&w->base, &now);
	if (gained && !w->sh->gained[0])
		snprintf(w->sh->gained, sizeof(w->sh->gained),
			 "index %llu has gained %s",
			 (unsigned long long)w->sh->index, gained);
}

static int open_dev(void)
{
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);

	if (dev < 0)
		die(CKPT_DEVICE);
	return dev;
}

/* What the child that is to be restarted is told. */
struct child {
	struct ckpt_ioc_restart arg;
	int dev, report;
};

static int child_main(void *arg)
{
	struct child *c = arg;
	int err;

	setpgid(0, 0);
	ioctl(c->dev, CKPT_IOC_RESTART, &c->arg);
	err = errno;
	if (c->report >= 0 && write(c->report, &err, sizeof(err)) < 0)
		_exit(1);
	_exit(127);
}

/* Mostly without a copy of our memory, which the restart does away with. */
static pid_t start_child(struct child *c, struct fz_rng *rng)
{
	static char stack[16384] __attribute__((aligned(16)));
	pid_t pid;

	if (fz_one_in(rng, 8)) {
		pid = fork();
		if (!pid)
			child_main(c);
	} else {
		pid = clone(child_main, stack + sizeof(stack),
			    CLONE_VM | SIGCHLD, c);
	}
	if (pid < 0)
		die("no child");
	return pid;
}

/* Returns 0 or an errno. */
static int coordinate(struct worker *w, struct fz_rng *rng, int dev, pid_t pid)
{
	struct ckpt_inherit inherit[2] = {
		{ .image_fd = fz_below(rng, 8), .fd = w->null_fd },
		{ .image_fd = fz_below(rng, 8), .fd = w->null_fd },
	};
	struct ckpt_ioc_restart arg = { .size = sizeof(arg), .pid = pid };
	bool logged = fz_one_in(rng, 2);

	arg.fd = w->image_fd;
	arg.logfd = w->opts->tell ? 2 : logged ? w->log_fd : -1;
	arg.flags = some_flags(rng);
	if (fz_one_in(rng, 2))
		arg.flags |= RESTART_FROZEN; /* does not run a single step */
	if (fz_one_in(rng, 4)) {
		arg.inherit = (__u64)(unsigned long)inherit;
		arg.nr_inherit = 1 + fz_below(rng, 2);
	}
	return ioctl(dev, CKPT_IOC_RESTART, &arg) ? errno : 0;
}

/* As whom a task joins that is alone. */
static __s32 root_pid(const struct fz_image *img)
{
	const struct ckpt_hdr_tree_task *t;
	int n = 0;

	while (n < img->nr - 1 &&
	       ((const struct ckpt_hdr *)fz_at(img, n))->type !=
		       CKPT_HDR_TREE_TASK)
		n++;
	t = fz_at(img, n);
	return img->rec[n].len < sizeof(*t) ? 0 : t->pid;
}

/* What a restart has made. */
struct made {
	pid_t pid; /* the root, or 0 */
	struct relatives *all; /* NULL: there is no other */
};

/* The tool's way: tasks join, we coordinate.  Returns 0 or an errno. */
static int restart_joined(struct worker *w, struct fz_rng *rng, int from,
			  struct made *m)
{
	struct child c = {
		.arg = { .size = sizeof(c.arg),
			 .fd = -1,
			 .logfd = -1,
			 .task = fz_one_in(rng, 32) ? 0 : root_pid(w->img) },
		.dev = open_dev(),
		.report = -1,
	};
	int err = 0;

	if (fz_tree_rows(w->orig[from]) > 1 || fz_one_in(rng, 16) ||
	    hostile_has_relatives(w->img)) {
		m->all = hostile_relatives_make(w->img, w->orig[from], rng,
						c.dev, &err);
		m->pid = m->all ? hostile_relative(m->all, 0) : 0;
	} else {
		m->pid = start_child(&c, rng);
	}
	if (m->pid)
		err = coordinate(w, rng, c.dev, m->pid);
	close(c.dev);
	return err;
}

static void end_made(struct made *m)
{
	if (m->all) {
		hostile_relatives_end(m->all);
	} else if (m->pid) {
		kill(m->pid, SIGKILL);
		waitpid(m->pid, NULL, 0);
	}
}

/* In place.  The pipe is closed with the old program's files. */
static int restart_self(struct worker *w, struct fz_rng *rng, pid_t *pid)
{
	struct child c = {
		.arg = { .size = sizeof(c.arg),
			 .fd = w->image_fd,
			 .logfd = w->opts->tell ? 2 : w->log_fd },
		.dev = open_dev(),
	};
	int ends[2], err = 0;

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	c.report = ends[1];
	c.arg.flags = some_flags(rng) | RESTART_TASKSELF;
	*pid = start_child(&c, rng);
	close(ends[1]);
	close(c.dev);
	if (read(ends[0], &err, sizeof(err)) != sizeof(err))
		err = 0; /* it is another program, or dead */
	close(ends[0]);
	return err;
}

static void tell(const struct worker *w, int from, int err)
{
	const char *why = fz_refusal(w->img);

	printf("# index %llu, of %s, with %s, head of %zu bytes, %ld read, validation: %s; %s\n",
	       (unsigned long long)w->sh->index, hostile_program(from),
	       w->change < 0 ? "its own tasks" : fz_tree_name(w->change),
	       head_len(w->img), (long)lseek(w->image_fd, 0, SEEK_CUR),
	       why ? why : "good", err ? strerror(err) : "alive");
}

/* It lives, or has lived for a moment. */
static void look_at(struct worker *w, const struct made *m, int from)
{
	siginfo_t info = { 0 };
	pid_t pid;
	int n;

	if (!waitid(P_PID, m->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	    info.si_pid) {
		w->sh->died_late++;
		return;
	}
	check_rights(w, m->pid);
	for (n = 1; m->all && (pid = hostile_relative(m->all, n)); n++)
		check_rights(w, pid);
	w->sh->alive++;
	w->sh->by_image[from]++;
	if (w->fatal)
		snprintf(w->sh->gained, sizeof(w->sh->gained),
			 "index %llu lives, with %s",
			 (unsigned long long)w->sh->index,
			 fz_tree_name(w->change));
}

static void count(struct worker *w, int err)
{
	struct shared *sh = w->sh;

	if (err >= ERRNOS)
		err = ERRNOS - 1;
	sh->tried++;
	sh->result[err]++;
	if (w->change >= 0)
		sh->by_change[w->change][err]++;
	if (!past_head(w))
		return;
	sh->deep++;
	count_records(w->img, sh->by_type);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void attempt(struct worker *w)
{
	struct fz_rng rng = { .state = w->opts->seed * 0x9e3779b97f4a7c15ULL +
				       w->sh->index,
			      .plain = is_original(w) };
	struct made m = { 0 };
	double began = now();
	int from, err;
	bool self;

	fz_rand(&rng);
	from = build_image(w, &rng);
	write_image(w);
	/* a tree is refused there */
	self = fz_one_in(&rng, fz_tree_rows(w->img) > 1 ? 64 : 4);
	err = self ? restart_self(w, &rng, &m.pid) :
		     restart_joined(w, &rng, from, &m);
	if (!err) {
		usleep(fz_below(&rng, 2000));
		look_at(w, &m, from);
	}
	count(w, err);
	end_made(&m);
	w->sh->time_by_image[from] += now() - began;
	if (w->opts->tell || now() - began > LONG_S)
		tell(w, from, err);
	w->sh->self += self;
}

/* Enough has been done, or gone wrong. */
static bool is_over(const struct worker *w)
{
	return w->sh->deep >= w->opts->count || w->sh->gained[0] ||
	       (w->opts->seconds && now() - w->began > w->opts->seconds);
}

/* Whole pages of it are left out of the copies that children have. */
static void keep_to_us(void *start, size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t first = ((size_t)start + page - 1) & -page;
	size_t end = ((size_t)start + len) & -page;

	if (end > first && madvise((void *)first, end - first, MADV_DONTFORK))
		die("madvise");
}

/* They are large, and a tree has many children. */
static void keep_images_to_us(const struct worker *w)
{
	int n;

	for (n = 0; n <= w->nr_orig; n++) {
		struct fz_image *img = n < w->nr_orig ? w->orig[n] : w->img;

		keep_to_us(img, sizeof(*img));
		keep_to_us(img->buf, FZ_BYTES_MAX);
	}
}

static void __attribute__((noreturn)) work(struct worker *w)
{
	char text[32];
	__u64 end;

	if (w->sh->index / BATCH % PROMISED == PROMISED - 1)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	close_range(HOSTILE_FDS, ~0U, 0);
	w->image_fd = memfd_create("image", MFD_CLOEXEC);
	w->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	w->log_fd = memfd_create("log", MFD_CLOEXEC);
	if (w->image_fd < 0 || w->null_fd < 0 || hostile_drop() ||
	    prctl(PR_SET_DUMPABLE, 1) ||
	    (w->sh->index / BATCH % NAMESPACED == 1 &&
	     hostile_own_namespace()) ||
	    hostile_rights_get(getpid(), &w->base))
		die("the worker cannot begin");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	keep_images_to_us(w);
	end = (w->sh->index / BATCH + 1) * BATCH;
	do {
		if (w->last_fd >= 0) {
			snprintf(text, sizeof(text), "%-20llu\n",
				 (unsigned long long)w->sh->index);
			if (pwrite(w->last_fd, text, strlen(text), 0) < 0)
				die("HOSTILE_LAST");
		}
		attempt(w);
		w->sh->index++;
	} while (w->sh->index < end && !w->opts->one && !is_over(w));
	_exit(0);
}

/* ---- the watcher ---- */

static void dump_file(const char *pid, const char *name)
{
	char path[300], buf[2048];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = 0;
		printf("# %s %s: %s\n", pid, name, buf);
	}
	close(fd);
}

/* Processes of this namespace but the first; with @show, where they are. */
static int others(bool show)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int nr = 0;

	while (proc && (e = readdir(proc))) {
		if (atoi(e->d_name) <= 1)
			continue;
		nr++;
		if (!show)
			continue;
		dump_file(e->d_name, "stat");
		dump_file(e->d_name, "stack");
	}
	if (proc)
		closedir(proc);
	return nr;
}

/* What the dead worker's children have left.  Returns 0, or -1: it stays. */
static int kill_strays(__u64 *strays)
{
	int tries;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	*strays += others(false);
	for (tries = 0; tries < 100 && others(false); tries++) {
		kill(-1, SIGKILL);
		usleep(tries * 1000);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return others(false) ? -1 : 0;
}

/*
 * Returns 0, or -1: the worker @pid is stuck.  A child may choose the signal
 * that tells its parent of its end: one that stops the worker is no hang.
 */
static int watch(struct shared *sh, pid_t pid, int limit)
{
	struct timespec second = { .tv_sec = 1 };
	__u64 last = sh->index;
	sigset_t child;
	int idle = 0, got, status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		do {
			got = waitpid(-1, &status, WNOHANG | WUNTRACED);
			if (got == pid && !WIFSTOPPED(status))
				return 0;
			if (got == pid && !kill(pid, SIGCONT))
				sh->stopped++;
		} while (got > 0);
		if (sigtimedwait(&child, NULL, &second) < 0)
			idle++;
		if (sh->index != last)
			idle = 0;
		last = sh->index;
		if (idle > limit)
			return -1;
	}
}

/* What came of each kind of change to a tree, and what the images consisted of. */
static void histograms(const struct shared *sh)
{
	__u64 nr;
	int n, i;

	for (n = 0; fz_tree_name(n); n++) {
		for (nr = 0, i = 0; i < ERRNOS; i++)
			nr += sh->by_change[n][i];
		printf("# %s: %llu tried, %llu alive", fz_tree_name(n),
		       (unsigned long long)nr,
		       (unsigned long long)sh->by_change[n][0]);
		for (i = 1; i < ERRNOS; i++)
			if (sh->by_change[n][i])
				printf(", %llu %s",
				       (unsigned long long)sh->by_change[n][i],
				       strerrorname_np(i) ?: "?");
		printf("\n");
	}
	for (i = 1; i < CKPT_HDR_MAX; i++)
		if (*ckpt_rec_name(i) != '?')
			printf("# records past the head, %s: %llu\n",
			       ckpt_rec_name(i),
			       (unsigned long long)sh->by_type[i]);
}

static void summary(const struct shared *sh, __u64 workers, __u64 strays,
		    double seconds)
{
	int i;

	printf("# tried %llu, past the head %llu, in place %llu, alive %llu, killed late %llu\n",
	       (unsigned long long)sh->tried, (unsigned long long)sh->deep,
	       (unsigned long long)sh->self, (unsigned long long)sh->alive,
	       (unsigned long long)sh->died_late);
	for (i = 1; i < ERRNOS; i++)
		if (sh->result[i])
			printf("# refused with %s: %llu\n",
			       strerrorname_np(i) ?: "?",
			       (unsigned long long)sh->result[i]);
	for (i = 0; hostile_program(i); i++)
		printf("# of %s came to life: %llu (all of it: %.1f seconds)\n",
		       hostile_program(i), (unsigned long long)sh->by_image[i],
		       sh->time_by_image[i]);
	printf("# %llu workers, %llu stops, %llu strays, %.0f seconds, %.1f a second\n",
	       (unsigned long long)workers, (unsigned long long)sh->stopped,
	       (unsigned long long)strays, seconds, sh->tried / seconds);
}

/* Workers, one after the other.  Returns the exit status. */
static int run_workers(struct worker *w, int limit)
{
	const struct options *opts = w->opts;
	struct shared *sh = w->sh;
	__u64 workers = 0, strays = 0;
	int bad = 0;
	pid_t pid;

	w->began = now();
	while (!bad && !is_over(w)) {
		__u64 before = sh->index;

		fflush(NULL);
		pid = fork();
		if (!pid)
			work(w);
		workers++;
		bad = watch(sh, pid, limit);
		if (bad) {
			printf("# a hang: -s %llu -i %llu\n",
			       (unsigned long long)opts->seed,
			       (unsigned long long)sh->index);
			others(true);
			break;
		}
		bad = kill_strays(&strays);
		if (bad) {
			printf("# cannot be killed, near -s %llu -i %llu:\n",
			       (unsigned long long)opts->seed,
			       (unsigned long long)sh->index);
			others(true);
		}
		if (opts->one)
			break;
		if (sh->index % BATCH || sh->index == before)
			sh->index++; /* one that took its worker along */
	}
	histograms(sh);
	summary(sh, workers, strays, now() - w->began);
	if (sh->gained[0])
		printf("# privilege: -s %llu: %s\n",
		       (unsigned long long)opts->seed, sh->gained);
	return bad || sh->gained[0] ? 1 : 0;
}

/* The first process of the namespace.  Returns the exit status. */
static int init_main(const struct options *opts)
{
	const char *limit = getenv("HOSTILE_LIMIT"),
		   *last = getenv("HOSTILE_LAST");
	struct worker w = { .opts = opts, .last_fd = -1 };
	sigset_t child;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		die("/proc");
	hostile_make_images(opts->dir); /* first: what they hold is ours, too */
	w.sh = mmap(NULL, sizeof(*w.sh), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.sh == MAP_FAILED)
		die("memory");
	load_images(&w);
	w.sh->index = opts->only;
	if (last)
		w.last_fd = open(last, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (opts->write_to) {
		w.copy = fopen(opts->write_to, "we");
		if (!w.copy)
			die(opts->write_to);
	}
	return run_workers(&w, limit ? atoi(limit) : 60);
}

/*
 * The exit status of the namespace's first process, which writes it to @from: what
 * cannot be killed does not let it end.
 */
static int verdict(int from, pid_t pid)
{
	char status = 1;
	int tries;

	if (read(from, &status, 1) != 1)
		status = 1;
	for (tries = 0; tries < 100; tries++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return status;
		usleep(100000);
	}
	printf("# its namespace does not end\n");
	return 1;
}

int main(int argc, char **argv)
{
	struct options opts = { .seed = 1,
				.count = 3000,
				.dir = "/tmp/hostile" };
	int option, ends[2], verdict_fd;
	char status;
	pid_t pid;

	while ((option = getopt(argc, argv, "s:n:t:d:i:w:v")) != -1) {
		if (option == 's')
			opts.seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			opts.count = strtoull(optarg, NULL, 0);
		else if (option == 't')
			opts.seconds = atof(optarg);
		else if (option == 'd')
			opts.dir = optarg;
		else if (option == 'i')
			opts.one = true, opts.only = strtoull(optarg, NULL, 0);
		else if (option == 'v')
			opts.tell = true;
		else if (option == 'w')
			opts.write_to = optarg;
		else
			return 2;
	}
	opts.tell |= opts.one;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) || pipe2(ends, O_CLOEXEC))
		die("unshare");
	verdict_fd = fcntl(ends[1], F_DUPFD_CLOEXEC, HOSTILE_FDS);
	close(ends[1]);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		status = init_main(&opts);
		fflush(NULL);
		exit(write(verdict_fd, &status, 1) != 1);
	}
	if (pid < 0 || verdict_fd < 0)
		die("fork");
	close(verdict_fd);
	return verdict(ends[0], pid);
}
