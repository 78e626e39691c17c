// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that is checkpointed: it makes a load, says that it is ready and
 * waits.
 *
 * usage: load KIND N DIR
 *
 *	memory	N MiB of anonymous memory that cannot be compressed
 *	areas	N areas of one page, neighbours with other rights
 *	files	N open files
 *	small	nothing
 *
 * DIR/data gets the bytes of the memory, DIR/ready then appears.  SIGUSR1
 * begins to watch the clock once in a millisecond, SIGUSR2 writes the longest
 * gap that was seen, in ns, to DIR/gap.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WATCH_NS 1000000L

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

static void make_memory(size_t bytes, size_t area)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	if (p == MAP_FAILED)
		die("mmap");
	for (at = area; area && at < bytes; at += 2 * area)
		if (mprotect(p + at, area, PROT_READ | PROT_WRITE | PROT_EXEC))
			die("mprotect");
	fill((uint64_t *)p, bytes);
	write_data(p, bytes);
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

static void make_load(const char *kind, size_t n)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (!strcmp(kind, "memory"))
		make_memory(n << 20, 0);
	else if (!strcmp(kind, "areas"))
		make_memory(n * page, page);
	else if (!strcmp(kind, "files"))
		make_files(n);
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

	if (argc != 4) {
		fprintf(stderr, "usage: load KIND N DIR\n");
		return 2;
	}
	dir = argv[3];
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	make_load(argv[1], strtoul(argv[2], NULL, 0));
	close(open_in_dir("ready"));
	for (;;) {
		switch (sigtimedwait(&set, NULL, last ? &pause : NULL)) {
		case SIGUSR1:
			gap = 0;
			last = now();
			continue;
		case SIGUSR2:
			write_gap(gap);
			last = 0;
			continue;
		}
		if (!last)
			continue;
		seen = now();
		if (seen - last > gap + WATCH_NS)
			gap = seen - last - WATCH_NS;
		last = seen;
	}
}
