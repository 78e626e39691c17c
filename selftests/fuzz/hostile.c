// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile images through real restarts by an unprivileged user.
 *
 * usage: hostile [-s SEED] [-n COUNT] [-t SECONDS] [-d DIR] [-i INDEX [-w FILE]]
 *
 * Started as root.  A pid namespace of its own keeps what comes to life away
 * from the rest.  Root there makes an image of each program of programs.c (or
 * takes those in DIR) and watches; a worker, which is the tester, restarts
 * changed copies, one for each index, until COUNT of them (3000) have got past
 * the head, or SECONDS are over.  What comes to life must have no more rights than its restarter,
 * and is killed.
 *
 * The worker makes no progress for HOSTILE_LIMIT seconds (60): that is a hang.
 * It prints seed and index; -s SEED -i INDEX -d DIR does the same once more and
 * tells what came of it, -w writes the image to a file.  HOSTILE_LAST names a
 * file that always holds the index at work, should the machine not survive it.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <ckpt.h>
#include "hostile.h"
#include "mutate.h"

#define BATCH 512 /* attempts of one worker */
#define ERRNOS 256

/* What worker and watcher tell each other. */
struct shared {
	volatile __u64 index; /* being tried, or the next */
	volatile __u64 tried, deep, alive, died_late, self;
	volatile __u64 result[ERRNOS]; /* by errno */
	volatile __u64 by_image[HOSTILE_IMAGES_MAX]; /* alive ones */
	char gained[256]; /* a right that was gained */
};

struct options {
	__u64 seed, count, only;
	double seconds;
	bool one;
	const char *dir, *write_to;
};

struct worker {
	const struct options *opts;
	struct shared *sh;
	struct fz_image *orig[HOSTILE_IMAGES_MAX], *img;
	int nr_orig;
	int image_fd, null_fd, log_fd, last_fd;
	struct hostile_rights base;
	double began;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- the images to begin with ---- */

static void prepare_child(const char *dir)
{
	int null = open("/dev/null", O_RDWR), fd;

	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (hostile_drop() || chdir(dir))
		_exit(1);
	prctl(PR_SET_DUMPABLE, 1);
}

static pid_t start_program(int n, const char *work)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (!pid) {
		close(ready[0]);
		prepare_child(work);
		hostile_become(n, ready[1]);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		die("a program did not start");
	close(ready[0]);
	return pid;
}

static void make_image(int n, pid_t pid, const char *path)
{
	struct ckpt_checkpoint_opts opts = { .pid = pid,
					     .out = path,
					     .kill = 1 };
	int ret = ckpt_checkpoint(&opts);

	if (ret < 0)
		fprintf(stderr, "hostile: %s: %s\n", hostile_program(n),
			ckpt_error());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (ret < 0)
		exit(1);
}

/* All are started first: our memory, which they begin with, is small yet. */
static void make_images(const char *dir)
{
	pid_t pid[HOSTILE_IMAGES_MAX] = { 0 };
	char work[256], path[300];
	int n;

	if (mkdir(dir, 0755) && errno != EEXIST)
		die(dir);
	snprintf(work, sizeof(work), "%s/work", dir);
	if (!mkdir(work, 0755) && chown(work, HOSTILE_UID, HOSTILE_UID))
		die(work);
	for (n = 0; hostile_program(n); n++) {
		snprintf(path, sizeof(path), "%s/%s.img", dir,
			 hostile_program(n));
		if (access(path, R_OK))
			pid[n] = start_program(n, work);
	}
	usleep(300000); /* until they wait */
	for (n = 0; hostile_program(n); n++) {
		snprintf(path, sizeof(path), "%s/%s.img", dir,
			 hostile_program(n));
		if (pid[n])
			make_image(n, pid[n], path);
	}
}

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
		printf("# %s: %d records, %zu bytes\n", hostile_program(n),
		       w->orig[n]->nr, w->orig[n]->len);
	}
	w->nr_orig = n;
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

/* Whether the kernel will get past the head: it is as it was. */
static bool head_intact(const struct fz_image *img, const struct fz_image *orig)
{
	int n;

	for (n = 0; n < orig->nr && is_head(orig, n); n++)
		if (n >= img->nr || img->rec[n].len != orig->rec[n].len ||
		    memcmp(fz_at(img, n), fz_at(orig, n), orig->rec[n].len))
			return false;
	return true;
}

/*
 * Mostly changed so that the common validation takes it: what that refuses is
 * the fuzzer's work on the host.
 */
static int build_image(struct worker *w, struct fz_rng *rng)
{
	int from = fz_below(rng, w->nr_orig), tries, n;
	bool anything = fz_one_in(rng, 5);

	for (tries = 0; tries < 12; tries++) {
		fz_copy(w->img, w->orig[from]);
		n = fz_one_in(rng, 2) ? 1 : 1 + fz_below(rng, 5);
		while (n--)
			fz_mutate(w->img, w->orig[fz_below(rng, w->nr_orig)],
				  rng);
		if (anything && fz_one_in(rng, 2))
			break;
		fz_repair(w->img);
		if (anything || !fz_refusal(w->img))
			break;
	}
	if (!fz_one_in(rng, 100))
		fz_seal(w->img);
	if (fz_one_in(rng, 100))
		w->img->buf[fz_below(rng, w->img->len)] ^= 1;
	return from;
}

static void write_image(struct worker *w)
{
	if (ftruncate(w->image_fd, 0) ||
	    pwrite(w->image_fd, w->img->buf, w->img->len, 0) !=
		    (ssize_t)w->img->len ||
	    lseek(w->image_fd, 0, SEEK_SET))
		die("cannot write the image");
}

static __u64 some_flags(struct fz_rng *rng)
{
	static const __u64 files[] = { 0, RESTART_FILES_TRUNCATE,
				       RESTART_FILES_FAIL };
	__u64 flags = files[fz_below(rng, 3)];

	if (!fz_one_in(rng, 32))
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

/* The tool's way: a child joins, we coordinate.  Returns 0 or an errno. */
static int restart_child(struct worker *w, struct fz_rng *rng, pid_t *pid)
{
	struct ckpt_inherit inherit[2] = {
		{ .image_fd = fz_below(rng, 8), .fd = w->null_fd },
		{ .image_fd = fz_below(rng, 8), .fd = w->null_fd },
	};
	struct child c = {
		.arg = { .size = sizeof(c.arg), .fd = -1, .logfd = -1 },
		.dev = open_dev(),
		.report = -1,
	};
	struct ckpt_ioc_restart arg = { .size = sizeof(arg) };
	int err;

	*pid = start_child(&c, rng);
	arg.pid = *pid;
	arg.fd = w->image_fd;
	arg.logfd = w->opts->one ? 2 : fz_one_in(rng, 2) ? w->log_fd : -1;
	arg.flags = some_flags(rng);
	if (fz_one_in(rng, 2))
		arg.flags |= RESTART_FROZEN; /* does not run a single step */
	if (fz_one_in(rng, 4)) {
		arg.inherit = (__u64)(unsigned long)inherit;
		arg.nr_inherit = 1 + fz_below(rng, 2);
	}
	err = ioctl(c.dev, CKPT_IOC_RESTART, &arg) ? errno : 0;
	close(c.dev);
	return err;
}

/* In place.  The pipe is closed with the old program's files. */
static int restart_self(struct worker *w, struct fz_rng *rng, pid_t *pid)
{
	struct child c = {
		.arg = { .size = sizeof(c.arg),
			 .fd = w->image_fd,
			 .logfd = w->opts->one ? 2 : w->log_fd },
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

	printf("index %llu, of %s, head %s, validation: %s; %s\n",
	       (unsigned long long)w->sh->index, hostile_program(from),
	       head_intact(w->img, w->orig[from]) ? "intact" : "changed",
	       why ? why : "good", err ? strerror(err) : "alive");
}

static void attempt(struct worker *w)
{
	struct fz_rng rng = { .state = w->opts->seed * 0x9e3779b97f4a7c15ULL +
				       w->sh->index };
	struct shared *sh = w->sh;
	int from, err, status;
	bool self, intact;
	pid_t pid;

	fz_rand(&rng);
	from = build_image(w, &rng);
	intact = head_intact(w->img, w->orig[from]);
	write_image(w);
	self = fz_one_in(&rng, 4);
	err = self ? restart_self(w, &rng, &pid) : restart_child(w, &rng, &pid);
	if (!err) {
		usleep(fz_below(&rng, 2000));
		if (waitpid(pid, &status, WNOHANG) == pid) {
			sh->died_late++;
			pid = 0;
		} else {
			check_rights(w, pid);
			sh->alive++;
			sh->by_image[from]++;
		}
	}
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	if (w->opts->one)
		tell(w, from, err);
	sh->tried++;
	sh->deep += intact;
	sh->self += self;
	sh->result[err < ERRNOS ? err : ERRNOS - 1]++;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Enough has been done, or gone wrong. */
static bool is_over(const struct worker *w)
{
	return w->sh->deep >= w->opts->count || w->sh->gained[0] ||
	       (w->opts->seconds && now() - w->began > w->opts->seconds);
}

static void __attribute__((noreturn)) work(struct worker *w)
{
	char text[32];
	__u64 end;

	/* every fourth worker has promised to gain no privileges */
	if (w->sh->index / BATCH % 4 == 3)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	w->image_fd = memfd_create("image", MFD_CLOEXEC);
	w->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	w->log_fd = memfd_create("log", MFD_CLOEXEC);
	if (w->image_fd < 0 || w->null_fd < 0 || hostile_drop() ||
	    prctl(PR_SET_DUMPABLE, 1) || hostile_rights_get(getpid(), &w->base))
		die("the worker cannot begin");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
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

/* Returns 0, or -1: the worker @pid is stuck. */
static int watch(const struct shared *sh, pid_t pid, int limit)
{
	struct timespec second = { .tv_sec = 1 };
	__u64 last = sh->index;
	sigset_t child;
	int idle = 0, got;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		do {
			got = waitpid(-1, NULL, WNOHANG);
			if (got == pid)
				return 0;
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
		printf("# of %s came to life: %llu\n", hostile_program(i),
		       (unsigned long long)sh->by_image[i]);
	printf("# %llu workers, %llu strays, %.0f seconds, %.1f a second\n",
	       (unsigned long long)workers, (unsigned long long)strays, seconds,
	       sh->tried / seconds);
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
	summary(sh, workers, strays, now() - w->began);
	if (sh->gained[0])
		printf("# privilege: -s %llu: %s\n",
		       (unsigned long long)opts->seed, sh->gained);
	return bad || sh->gained[0] ? 1 : 0;
}

/* The first process of the namespace. */
static int init_main(const struct options *opts)
{
	const char *limit = getenv("HOSTILE_LIMIT"),
		   *last = getenv("HOSTILE_LAST");
	struct worker w = { .opts = opts, .last_fd = -1 };
	struct fz_rng rng;
	sigset_t child;
	FILE *out;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		die("/proc");
	make_images(opts->dir); /* first: what they hold is ours, too */
	w.sh = mmap(NULL, sizeof(*w.sh), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.sh == MAP_FAILED)
		die("memory");
	load_images(&w);
	w.sh->index = opts->only;
	if (last)
		w.last_fd = open(last, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (opts->write_to) {
		rng.state = opts->seed * 0x9e3779b97f4a7c15ULL + opts->only;
		fz_rand(&rng);
		build_image(&w, &rng);
		out = fopen(opts->write_to, "w");
		if (!out || fwrite(w.img->buf, w.img->len, 1, out) != 1 ||
		    fclose(out))
			die(opts->write_to);
	}
	return run_workers(&w, limit ? atoi(limit) : 60);
}

int main(int argc, char **argv)
{
	struct options opts = { .seed = 1,
				.count = 3000,
				.dir = "/tmp/hostile" };
	int option, status;
	pid_t pid;

	while ((option = getopt(argc, argv, "s:n:t:d:i:w:")) != -1) {
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
		else if (option == 'w')
			opts.write_to = optarg;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (unshare(CLONE_NEWPID | CLONE_NEWNS))
		die("unshare");
	pid = fork();
	if (!pid)
		exit(init_main(&opts));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
