// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that is checkpointed: it makes a load, says that it is ready and
 * waits.
 *
 * usage: load KIND N DIR
 *
 *	memory	N MiB of anonymous memory that cannot be compressed
 *	pages	the same, with no huge pages
 *	much	the same as memory, of which DIR/data has nothing
 *	records	N MiB of anonymous memory, of each 64 bytes 16 of which are random
 *	areas	N areas of one page, neighbours with other rights
 *	files	N open files
 *	processes	N processes in all, with a little memory of their own
 *	threads	N threads in all
 *	small	nothing
 *	worker	N MiB of memory that it writes to without a pause; how many MiB it
 *		has worked on stands in DIR/count
 *
 * DIR/data gets the bytes of the memory, DIR/ready then appears.  SIGUSR1
 * begins to watch the clock once in a millisecond, SIGUSR2 writes the longest
 * gap that was seen, in ns, to DIR/gap.  SIGRTMIN has it fork(), and writes how
 * long that took there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WATCH_NS 1000000L
#define OWN_BYTES 65536 /* of each of many processes */
#define STACK_BYTES 65536 /* of each of many threads */

static const char *dir;

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int open_in_dir(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		die(path);
	return fd;
}

/* xorshift64*: nothing that could be compressed, no page of zeros */
static void fill(uint64_t *word, size_t bytes)
{
	uint64_t x = 88172645463325252ULL;
	size_t i;

	for (i = 0; i < bytes / sizeof(*word); i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		word[i] = x * 2685821657736338717ULL;
	}
}

static void write_data(const char *bytes, size_t len)
{
	int fd = open_in_dir("data");
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, bytes + done, len - done);
		if (n <= 0)
			die("data");
		done += n;
	}
	close(fd);
}

/* What many programs have: records, of which a part is alike. */
static void even_out(uint64_t *word, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		if (i % 8 > 1)
			word[i] = i % 8;
}

static char *make_memory(size_t bytes, size_t area, bool huge)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	if (p == MAP_FAILED)
		die("mmap");
	if (!huge && madvise(p, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise");
	for (at = area; area && at < bytes; at += 2 * area)
		if (mprotect(p + at, area, PROT_READ | PROT_WRITE | PROT_EXEC))
			die("mprotect");
	fill((uint64_t *)p, bytes);
	return p;
}

static void make_files(unsigned int n)
{
	struct rlimit limit;
	char name[32];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (n--) {
		snprintf(name, sizeof(name), "file-%u", n);
		if (write(open_in_dir(name), name, sizeof(name)) < 0)
			die(name);
	}
}

/* They end with the first one. */
static void make_processes(unsigned int n)
{
	char *p = mmap(NULL, OWN_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (p == MAP_FAILED)
		die("mmap");
	while (--n) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fill((uint64_t *)p, OWN_BYTES);
		for (;;)
			pause();
	}
}

static void *wait_forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void make_threads(unsigned int n)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (--n) {
		errno = pthread_create(&thread, &attr, wait_forever, NULL);
		if (errno)
			die("pthread_create");
	}
}

static void work_forever(size_t bytes)
{
	size_t words = (1 << 20) / sizeof(uint64_t), at = 0, i;
	uint64_t *word = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_in_dir("count");
	uint64_t count = 0;
	char text[32];

	if (word == MAP_FAILED)
		die("mmap");
	fill(word, bytes);
	for (;;) {
		for (i = 0; i < words; i++)
			word[at + i] = word[at + i] * 6364136223846793005ULL +
				       i;
		at = (at + words) % (bytes / sizeof(uint64_t));
		count++;
		snprintf(text, sizeof(text), "%020llu\n",
			 (unsigned long long)count);
		if (pwrite(fd, text, strlen(text), 0) < 0)
			die("count");
		if (count == bytes >> 20)
			close(open_in_dir("ready"));
	}
}

static void make_load(const char *kind, size_t n)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (!strcmp(kind, "memory"))
		write_data(make_memory(n << 20, 0, true), n << 20);
	else if (!strcmp(kind, "pages"))
		write_data(make_memory(n << 20, 0, false), n << 20);
	else if (!strcmp(kind, "much"))
		make_memory(n << 20, 0, true);
	else if (!strcmp(kind, "records"))
		even_out((uint64_t *)make_memory(n << 20, 0, true), n << 20);
	else if (!strcmp(kind, "areas"))
		write_data(make_memory(n * page, page, true), n * page);
	else if (!strcmp(kind, "files"))
		make_files(n);
	else if (!strcmp(kind, "processes"))
		make_processes(n);
	else if (!strcmp(kind, "threads"))
		make_threads(n);
	else if (!strcmp(kind, "worker"))
		work_forever(n << 20);
}

/* What others have of copy-on-write. */
static uint64_t fork_time(void)
{
	uint64_t start = now(), took;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	took = now() - start;
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
	return took;
}

static void write_gap(uint64_t ns)
{
	char text[32];
	int fd = open_in_dir("gap.new");
	char from[4096], to[4096];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)ns);
	if (write(fd, text, strlen(text)) < 0)
		die("gap");
	close(fd);
	snprintf(from, sizeof(from), "%s/gap.new", dir);
	snprintf(to, sizeof(to), "%s/gap", dir);
	rename(from, to);
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = WATCH_NS };
	uint64_t last = 0, seen, gap = 0;
	sigset_t set;
	int sig;

	if (argc != 4) {
		fprintf(stderr, "usage: load KIND N DIR\n");
		return 2;
	}
	dir = argv[3];
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	make_load(argv[1], strtoul(argv[2], NULL, 0));
	close(open_in_dir("ready"));
	for (;;) {
		sig = sigtimedwait(&set, NULL, last ? &pause : NULL);
		if (sig == SIGUSR1) {
			gap = 0;
			last = now();
			continue;
		}
		if (sig == SIGUSR2) {
			write_gap(gap);
			last = 0;
			continue;
		}
		if (sig == SIGRTMIN)
			write_gap(fork_time());
		if (!last)
			continue;
		seen = now();
		if (seen - last > gap + WATCH_NS)
			gap = seen - last - WATCH_NS;
		last = seen;
	}
}
