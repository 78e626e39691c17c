// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long something takes, in ns on standard output.
 *
 * usage: measure run IN OUT LOG COMMAND...
 *
 *	COMMAND from its start to its end, with IN, OUT and LOG for its
 *	standard descriptors; our status is its status.
 *
 * usage: measure read|read-small FILE
 *
 *	Reading FILE into fresh memory; without huge pages.
 *
 * usage: measure memory IN OUT LOG COMMAND...
 *
 *	By how many KiB the kernel's memory grew at most while COMMAND ran: two
 *	numbers, slabs, vmalloc areas and stacks, and page tables.
 *
 * usage: measure touch MIB
 *
 *	Nothing; but the host has that much memory ready for us afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(125);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void print_since(uint64_t start)
{
	printf("%llu\n", (unsigned long long)(now() - start));
}

static int open_for(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	return fd;
}

static pid_t start_command(char **argv)
{
	posix_spawn_file_actions_t actions;
	int in = open_for(argv[0], O_RDONLY);
	int out = open_for(argv[1], O_WRONLY | O_CREAT | O_TRUNC);
	int log = open_for(argv[2], O_WRONLY | O_CREAT | O_TRUNC);
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, log, 2);
	errno = posix_spawnp(&pid, argv[3], &actions, NULL, argv + 3, environ);
	if (errno)
		die(argv[3]);
	return pid;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int measure_run(char **argv)
{
	uint64_t start = now();
	int status;

	if (waitpid(start_command(argv), &status, 0) < 0)
		die("waitpid");
	print_since(start);
	return exit_status(status);
}

/* In KiB, of /proc/meminfo. */
struct usage {
	long kernel;
	long tables;
};

static struct usage usage_now(int fd)
{
	static const char *const kernel[] = {
		"\nSlab:", "\nKernelStack:", "\nVmallocUsed:", "\nPercpu:", NULL
	};
	const char *const *name;
	struct usage usage = { 0 };
	char text[8192], *at;
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		die("/proc/meminfo");
	text[n] = 0;
	for (name = kernel; *name; name++) {
		at = strstr(text, *name);
		if (at)
			usage.kernel += atol(at + strlen(*name));
	}
	at = strstr(text, "\nPageTables:");
	if (at)
		usage.tables = atol(at + strlen("\nPageTables:"));
	return usage;
}

/* We preempt the command, each millisecond, wherever the kernel lets us. */
static int measure_memory(char **argv)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct sched_param param = { .sched_priority = 1 };
	int fd = open_for("/proc/meminfo", O_RDONLY), status;
	struct usage first, seen, most;
	pid_t pid, ended;

	first = usage_now(fd);
	most = first;
	pid = start_command(argv);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("sched_setscheduler");
	while (!(ended = waitpid(pid, &status, WNOHANG))) {
		seen = usage_now(fd);
		if (seen.kernel > most.kernel)
			most.kernel = seen.kernel;
		if (seen.tables > most.tables)
			most.tables = seen.tables;
		nanosleep(&pause, NULL);
	}
	if (ended < 0)
		die("waitpid");
	printf("%ld %ld\n", most.kernel - first.kernel,
	       most.tables - first.tables);
	return exit_status(status);
}

static int measure_read(const char *path, bool small_pages)
{
	int fd = open_for(path, O_RDONLY);
	size_t done = 0, size;
	struct stat st;
	uint64_t start;
	ssize_t n;
	char *p;

	if (fstat(fd, &st))
		die(path);
	size = st.st_size;
	start = now();
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	if (small_pages && madvise(p, size, MADV_NOHUGEPAGE))
		die("madvise");
	while (done < size) {
		n = read(fd, p + done, size - done);
		if (n <= 0)
			die(path);
		done += n;
	}
	print_since(start);
	return 0;
}

static int touch(size_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE), at;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	for (at = 0; at < bytes; at += page)
		p[at] = 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 5 && !strcmp(argv[1], "run"))
		return measure_run(argv + 2);
	if (argc > 5 && !strcmp(argv[1], "memory"))
		return measure_memory(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return measure_read(argv[2], false);
	if (argc == 3 && !strcmp(argv[1], "read-small"))
		return measure_read(argv[2], true);
	if (argc == 3 && !strcmp(argv[1], "touch"))
		return touch(strtoul(argv[2], NULL, 0) << 20);
	fprintf(stderr,
		"usage: measure run|memory IN OUT LOG COMMAND... | read|read-small FILE | touch MIB\n");
	return 2;
}
