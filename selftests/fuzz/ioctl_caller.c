// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of every ioctl of /dev/ckpt.
 *
 * usage: ioctl_caller [-s SEED] [-t SECONDS] [-d DIR]
 *
 * Started as root, to open what only root can (/dev/mem, a group's freezer
 * file, the images in DIR); all calls are made by the tester.  Callers, each a
 * process with some threads and a few sessions that they share, make calls
 * whose arguments are right here and wrong there: the table of ioctls and of
 * their fields is made from ckpt.h.  A victim in a frozen group of its own, a
 * process with a thread and a child, is there to be checkpointed; in one session
 * of each caller two tasks join, as whoever they say.  A caller lives for two
 * seconds at most; one that cannot be killed within 20 is a hang, and fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <ckpt.h>
#include "hostile.h"
#include "mutate.h"

#define FDS_MAX 64
#define SESSIONS 4
#define THREADS 3
#define ERRNOS 134
#define PAGE 4096UL
#define GROUP "/sys/fs/cgroup/ckpt-fuzz"

enum arg_kind {
	FZ_PLAIN,
	FZ_REF,
	FZ_COUNT,
	FZ_LEN,
	FZ_PID,
	FZ_ID,
	FZ_FD,
	FZ_FLAGS,
	FZ_POINTER,
	FZ_TEXT,
};

struct ioctl_row {
	const char *name;
	unsigned int cmd;
	__u32 size;
};

static const struct ioctl_row ioctls[] = {
#define FZ_IOCTL(command, st) { #command, command, sizeof(struct st) },
#define FZ_ARG(command, st, member, what)
#include "fuzz_ioctls.h"
#undef FZ_IOCTL
#undef FZ_ARG
};

struct arg_row {
	unsigned int cmd;
	__u32 off, width;
	enum arg_kind kind;
};

static const struct arg_row args[] = {
#define FZ_IOCTL(command, st)
#define FZ_ARG(command, st, member, what)       \
	{ command, offsetof(struct st, member), \
	  sizeof(((struct st *)NULL)->member), FZ_##what },
#include "fuzz_ioctls.h"
#undef FZ_IOCTL
#undef FZ_ARG
};

#define NR_IOCTLS (sizeof(ioctls) / sizeof(ioctls[0]))
#define NR_ARGS (sizeof(args) / sizeof(args[0]))

/* How often a call has come back, and how. */
struct tally {
	volatile __u64 calls[NR_IOCTLS], good[NR_IOCTLS], other;
	volatile __u64 failed[NR_IOCTLS][ERRNOS];
};

static struct tally *tally;
static int fds[FDS_MAX], nr_fds, first_image;
static struct {
	int fd;
	__s32 root; /* pid */
} images[HOSTILE_IMAGES_MAX];
static int nr_images;
static int session_image[SESSIONS]; /* of which its sibling is the root */
static int sessions[SESSIONS];
static pid_t victim;
static volatile pid_t sibling[SESSIONS]; /* each waits in its session */
static char *page; /* one that may be written, before one that is not there */
static char *readonly;
static __u64 seed;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "ioctl_caller: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- descriptors of every kind ---- */

static void pool(int fd)
{
	if (fd >= 0 && nr_fds < FDS_MAX)
		fds[nr_fds++] = fd;
}

static void pool_paths(void)
{
	static const struct {
		const char *path;
		int flags;
	} files[] = {
		{ "/dev/null", O_RDWR },
		{ "/dev/null", O_WRONLY },
		{ "/dev/zero", O_RDWR },
		{ "/dev/full", O_RDWR },
		{ "/dev/urandom", O_RDONLY },
		{ "/dev/mem", O_RDWR },
		{ "/dev/kmsg", O_RDONLY | O_NONBLOCK },
		{ "/dev/port", O_RDWR },
		{ CKPT_DEVICE, O_RDWR },
		{ "/tmp", O_RDONLY | O_DIRECTORY },
		{ "/", O_PATH },
		{ "/tmp", O_TMPFILE | O_RDWR },
		{ "/tmp", O_TMPFILE | O_WRONLY | O_APPEND },
		{ "/proc/self/mem", O_RDWR },
		{ "/proc/self/status", O_RDONLY },
		{ "/proc/kallsyms", O_RDONLY },
		{ "/sys/kernel/notes", O_RDONLY },
		{ GROUP "/cgroup.freeze", O_RDWR },
		{ GROUP "/cgroup.freeze", O_RDONLY },
		{ GROUP "/cgroup.procs", O_RDWR },
		{ GROUP "/cgroup.events", O_RDONLY },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		pool(open(files[i].path, files[i].flags | O_CLOEXEC, 0600));
}

/* Sockets with a peer that never reads, pipes with and without one. */
static void pool_ends(void)
{
	char junk[65536] = "";
	int ends[2];

	if (!pipe2(ends, O_CLOEXEC)) {
		pool(ends[0]);
		pool(ends[1]);
	}
	if (!pipe2(ends, O_CLOEXEC)) {
		if (write(ends[1], junk, sizeof(junk)) < 0)
			die("pipe");
		pool(ends[1]); /* full */
	}
	if (!pipe2(ends, O_CLOEXEC)) {
		pool(ends[0]);
		close(ends[1]);
	}
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
		pool(ends[0]);
		pool(ends[1]);
	}
	if (!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
		pool(ends[0]);
	pool(socket(AF_INET, SOCK_DGRAM, 0));
	pool(socket(AF_INET, SOCK_STREAM, 0));
	pool(eventfd(0, 0));
	pool(epoll_create1(0));
	pool(inotify_init1(0));
	pool(timerfd_create(CLOCK_MONOTONIC, 0));
	pool(syscall(SYS_pidfd_open, getpid(), 0));
}

/* A task can be restarted alone if it knows who it is. */
static void note_image(int fd, const char *buf, size_t len)
{
	const struct ckpt_hdr_tree_task *t;
	const struct ckpt_hdr *h;
	size_t off;

	for (off = 0; off + sizeof(*t) < len; off += h->len) {
		h = (const void *)(buf + off);
		t = (const void *)h;
		if (h->type != CKPT_HDR_TREE_TASK)
			continue;
		images[nr_images].fd = fd;
		images[nr_images++].root = t->pid;
		return;
	}
}

/* The images, as they are and on the way. */
static void pool_images(const char *dir)
{
	char path[300], *buf = malloc(FZ_BYTES_MAX);
	ssize_t len;
	int n, fd, to;

	first_image = nr_fds;
	for (n = 0; buf && hostile_program(n); n++) {
		snprintf(path, sizeof(path), "%s/%s.img", dir,
			 hostile_program(n));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		len = read(fd, buf, FZ_BYTES_MAX);
		lseek(fd, 0, SEEK_SET);
		pool(fd);
		note_image(fd, buf, len);
		to = memfd_create("image", MFD_CLOEXEC);
		if (n < 2 && write(to, buf, len) == len && !lseek(to, 0, 0))
			pool(to);
	}
	free(buf);
	fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW);
	pool(fd);
}

/* ---- arguments ---- */

static __u64 some_fd(struct fz_rng *rng)
{
	if (fz_one_in(rng, 8))
		return (int)fz_below(rng, 80) - 4;
	if (fz_one_in(rng, 8))
		return sessions[fz_below(rng, SESSIONS)];
	return fds[fz_below(rng, nr_fds)];
}

static __u64 some_pid(struct fz_rng *rng)
{
	switch (fz_below(rng, 10)) {
	case 0 ... 2:
		return victim;
	case 3 ... 4:
		return sibling[fz_below(rng, SESSIONS)];
	case 5 ... 6:
		return 0;
	case 7:
		return getpid();
	case 8:
		return getppid();
	default:
		return fz_below(rng, 70) - 4;
	}
}

/* Good, at the edge, read-only, not there, the kernel's. */
static __u64 some_pointer(struct fz_rng *rng)
{
	switch (fz_below(rng, 8)) {
	case 0 ... 2:
		return (uintptr_t)page + fz_below(rng, 8) * 8;
	case 3:
		return (uintptr_t)page + PAGE - fz_below(rng, 128);
	case 4:
		return (uintptr_t)readonly;
	case 5:
		return (uintptr_t)page + PAGE;
	case 6:
		return 0xffff888000000000ULL + fz_rand(rng) % PAGE;
	default:
		return fz_rand(rng) >> fz_below(rng, 64);
	}
}

static __u64 some_flags(struct fz_rng *rng)
{
	__u64 flags = 0;

	while (!fz_one_in(rng, 2))
		flags |= 1ULL << fz_below(rng, fz_one_in(rng, 16) ? 64 : 8);
	return flags;
}

static __u64 some_value(struct fz_rng *rng, enum arg_kind kind)
{
	if (fz_one_in(rng, 16))
		return fz_rand(rng) >> fz_below(rng, 64);
	switch (kind) {
	case FZ_FD:
		return some_fd(rng);
	case FZ_PID:
		return some_pid(rng);
	case FZ_FLAGS:
		return some_flags(rng);
	case FZ_POINTER:
		return fz_one_in(rng, 3) ? 0 : some_pointer(rng);
	case FZ_LEN:
	case FZ_COUNT:
		return fz_one_in(rng, 3) ?
			       0 :
			       fz_below(rng, 1U << fz_below(rng, 26));
	default:
		return fz_one_in(rng, 8) ? some_pointer(rng) : 0;
	}
}

static __u32 some_size(struct fz_rng *rng, __u32 size)
{
	switch (fz_below(rng, 16)) {
	case 0:
		return fz_below(rng, 2 * PAGE);
	case 1:
		return size + 8;
	case 2:
		return size - 8;
	case 3:
		return fz_rand(rng);
	default:
		return size;
	}
}

/* Where the argument lies; its bytes are at @from. */
static void *some_place(struct fz_rng *rng, const void *from, size_t len)
{
	char *to = page;

	switch (fz_below(rng, 24)) {
	case 0:
		to = page + PAGE - len; /* just fits */
		break;
	case 1:
		to = page + PAGE - fz_below(rng, len + 1);
		len = page + PAGE - to; /* the rest is not there */
		break;
	case 2:
		return readonly;
	case 3:
		return (void *)(uintptr_t)some_pointer(rng);
	case 4:
		to = page + 1 + fz_below(rng, 64);
		break;
	case 5 ... 10:
		to = page + 8 * fz_below(rng, 64);
		break;
	}
	memcpy(to, from, len);
	return to;
}

/* What would be right, but for what other calls have done meanwhile. */
static __u64 right_value(struct fz_rng *rng, enum arg_kind kind, bool first,
			 int session)
{
	switch (kind) {
	case FZ_FD:
		if (!first)
			return -1;
		switch (fz_below(rng, 4)) {
		case 0:
			return fds[fz_below(rng, nr_fds)];
		case 1:
			return fds[first_image +
				   fz_below(rng, nr_fds - first_image)];
		}
		return images[session_image[session]].fd;
	case FZ_PID:
		return fz_one_in(rng, 2) ? victim :
		       fz_one_in(rng, 3) ? 0 :
					   sibling[session];
	case FZ_FLAGS: /* a subtree, or a snapshot of it; or fresh pids */
		return fz_one_in(rng, 2) ? (fz_one_in(rng, 2) ? 1 : 9) : 0xe0;
	default:
		return 0;
	}
}

static void make_arg(struct fz_rng *rng, const struct ioctl_row *row,
		     int session, __u8 *arg)
{
	bool nearly = !fz_one_in(rng, 3), quite = fz_one_in(rng, 2);
	bool first = true;
	const struct arg_row *a;
	__u32 size;
	__u64 v;

	for (a = args; a < args + NR_ARGS; a++) {
		if (a->cmd != row->cmd)
			continue;
		v = nearly && (quite || !fz_one_in(rng, 10)) ?
			    right_value(rng, a->kind, first, session) :
			    some_value(rng, a->kind);
		first &= a->kind != FZ_FD;
		memcpy(arg + a->off, &v, a->width);
	}
	size = nearly && (quite || !fz_one_in(rng, 10)) ?
		       row->size :
		       some_size(rng, row->size);
	memcpy(arg, &size, sizeof(size)); /* they all begin with it */
}

/* ---- callers ---- */

static void on_signal(int sig)
{
	(void)sig;
}

/* Another one that joins, as a task of a tree or as a ghost. */
static void start_second(struct ckpt_ioc_restart *arg)
{
	struct fz_rng rng = { .state = seed + getpid() };

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	arg->task = fz_one_in(&rng, 3) ? (int)fz_rand(&rng) :
					 arg->task + (int)fz_below(&rng, 5);
	if (fz_one_in(&rng, 2))
		arg->flags = RESTART_GHOST;
}

/* A child that joins the session, so that a coordinator may find it. */
static void start_sibling(int n)
{
	struct ckpt_ioc_restart arg = { .size = sizeof(arg) };
	static int next;
	pid_t pid;

	session_image[n] = next++ % nr_images;
	arg.task = images[session_image[n]].root;
	pid = fork();
	if (pid) {
		sibling[n] = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (n == SESSIONS - 1)
		start_second(&arg);
	arg.fd = -1;
	arg.logfd = -1;
	for (;;) {
		if (ioctl(sessions[n], CKPT_IOC_RESTART, &arg))
			usleep(1000);
	}
}

/* One that has been restarted, or killed for it, makes room for another. */
static void renew_sibling(int n, bool even_if_alive)
{
	pid_t pid = sibling[n];

	if (pid <= 0)
		return; /* none could be made */
	if (even_if_alive)
		kill(pid, SIGKILL);
	if (waitpid(pid, NULL, even_if_alive ? 0 : WNOHANG) == pid)
		start_sibling(n);
}

static void renew_session(int n)
{
	int fd = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, sessions[n]);
		close(fd);
		renew_sibling(n, true);
	}
}

static void one_call(struct fz_rng *rng)
{
	const struct ioctl_row *row = &ioctls[fz_below(rng, NR_IOCTLS)];
	int n = fz_below(rng, SESSIONS), ret, err, i;
	unsigned int cmd = row->cmd;
	__u8 arg[512] = "";

	make_arg(rng, row, n, arg);
	if (fz_one_in(rng, 24))
		cmd ^= 1U << fz_below(rng, 32);
	for (i = fz_one_in(rng, 8) ? nr_fds : first_image; i < nr_fds; i++)
		lseek(fds[i], 0, SEEK_SET);
	ret = ioctl(fz_one_in(rng, 32) ? (int)some_fd(rng) : sessions[n], cmd,
		    some_place(rng, arg, row->size + 16));
	err = errno;
	if (cmd != row->cmd) {
		tally->other++;
		return;
	}
	if (row->cmd == CKPT_IOC_RESTART) /* another program, or killed */
		renew_sibling(n, !ret);
	tally->calls[row - ioctls]++;
	tally->good[row - ioctls] += ret >= 0;
	if (ret < 0 && err < ERRNOS)
		tally->failed[row - ioctls][err]++;
}

static void *call_on(void *arg)
{
	struct fz_rng rng = { .state = seed + (uintptr_t)arg };
	int i;

	for (i = 0; i < 2000; i++) {
		one_call(&rng);
		if (fz_one_in(&rng, 40))
			renew_session(fz_below(&rng, SESSIONS));
		if (fz_one_in(&rng, 30))
			lseek(fds[fz_below(&rng, nr_fds)], 0, SEEK_SET);
		if (fz_one_in(&rng, 60))
			kill(getpid(), SIGUSR1);
	}
	return NULL;
}

/* Every second caller has but one thread: it may restart itself. */
static void __attribute__((noreturn)) caller_main(__u64 nr)
{
	struct itimerval often = { { 0, 50000 }, { 0, 50000 } };
	struct rlimit no_cores = { 0, 0 };
	pthread_t threads[THREADS];
	uintptr_t i;

	seed += nr * 1000;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_cores);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, on_signal);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal },
		  NULL);
	for (i = 0; i < SESSIONS; i++)
		sessions[i] = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	for (i = 0; i < 3; i++) /* no log on the tester's output */
		dup2(fds[0], i);
	for (i = 0; i < SESSIONS; i++)
		start_sibling(i);
	setitimer(ITIMER_REAL, &often, NULL); /* ends what blocks */
	for (i = 0; nr % 2 && i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, call_on, (void *)i))
			die("thread");
	call_on((void *)(uintptr_t)THREADS);
	_exit(0);
}

/* ---- around them ---- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void __attribute__((noreturn)) idle(void)
{
	for (;;)
		pause();
}

static void *idle_thread(void *arg)
{
	(void)arg;
	idle();
}

/* In its group, before it has anybody else. */
static pid_t start_victim(void)
{
	pid_t pid = fork();
	pthread_t thread;
	char text[32];
	int fd, null;

	if (pid)
		return pid;
	snprintf(text, sizeof(text), "%d", getpid());
	put(GROUP "/cgroup.procs", text);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0U, 0);
	null = open("/dev/null", O_RDWR);
	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (hostile_drop() || prctl(PR_SET_DUMPABLE, 1) ||
	    pthread_create(&thread, NULL, idle_thread, NULL))
		_exit(1);
	if (!fork())
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	idle();
}

/* Returns 0, or -1: it is still there. */
static int end_of(pid_t pid)
{
	int tries;

	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	for (tries = 0; tries < 2000; tries++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		usleep(10000);
	}
	return -1;
}

static int run_callers(int seconds)
{
	time_t end = time(NULL) + seconds;
	__u64 nr;
	pid_t pid;
	int ticks;

	for (nr = 0; time(NULL) < end; nr++) {
		pid = fork();
		if (!pid) {
			setpgid(0, 0);
			if (hostile_drop() || prctl(PR_SET_DUMPABLE, 1))
				die("tester");
			caller_main(nr);
		}
		setpgid(pid, pid);
		for (ticks = 0; ticks < 200; ticks++) {
			put(GROUP "/cgroup.freeze", "1"); /* leases end */
			usleep(10000);
			if (waitpid(pid, NULL, WNOHANG | WNOWAIT) == pid)
				break;
		}
		if (end_of(pid)) {
			printf("# caller %llu of seed %llu cannot be killed\n",
			       (unsigned long long)nr,
			       (unsigned long long)seed);
			return 1;
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	printf("# %llu callers\n", (unsigned long long)nr);
	return 0;
}

/* Every ioctl must have been called, and some time with success. */
static int report(void)
{
	int bad = 0, err;
	size_t i;

	for (i = 0; i < NR_IOCTLS; i++) {
		printf("# %s: %llu calls, %llu good\n", ioctls[i].name,
		       (unsigned long long)tally->calls[i],
		       (unsigned long long)tally->good[i]);
		for (err = 0; err < ERRNOS; err++)
			if (tally->failed[i][err])
				printf("#   %s: %llu\n", strerrorname_np(err),
				       (unsigned long long)
					       tally->failed[i][err]);
		bad |= !tally->calls[i] ||
		       (!tally->good[i] && tally->calls[i] > 20000);
	}
	printf("# other commands: %llu\n", (unsigned long long)tally->other);
	return bad;
}

static void set_up(const char *dir)
{
	mkdir(GROUP, 0755);
	if (chown(GROUP "/cgroup.freeze", HOSTILE_UID, HOSTILE_UID))
		die(GROUP);
	victim = start_victim();
	pool_paths();
	pool_ends();
	pool_images(dir);
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + PAGE, PAGE);
	readonly = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || readonly == MAP_FAILED || tally == MAP_FAILED)
		die("memory");
}

int main(int argc, char **argv)
{
	const char *dir = "/tmp/hostile";
	int option, seconds = 20, bad;

	while ((option = getopt(argc, argv, "s:t:d:")) != -1) {
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 't')
			seconds = atoi(optarg);
		else if (option == 'd')
			dir = optarg;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	set_up(dir);
	bad = run_callers(seconds);
	bad |= report();
	put(GROUP "/cgroup.freeze", "0");
	bad |= end_of(victim);
	while (rmdir(GROUP) && errno == EBUSY)
		usleep(10000);
	return bad;
}
