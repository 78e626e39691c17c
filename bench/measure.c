// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long something takes, in ns on standard output.
 *
 * usage: measure run IN OUT LOG COMMAND...
 *
 *	COMMAND from its start to its end, with IN, OUT and LOG for its
 *	standard descriptors; our status is its status.
 *
 * usage: measure read FILE
 *
 *	Reading FILE into fresh memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
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

static int measure_run(char **argv)
{
	posix_spawn_file_actions_t actions;
	uint64_t start;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, open_for(argv[0], O_RDONLY),
					 0);
	posix_spawn_file_actions_adddup2(&actions,
					 open_for(argv[1],
						  O_WRONLY | O_CREAT | O_TRUNC),
					 1);
	posix_spawn_file_actions_adddup2(&actions,
					 open_for(argv[2],
						  O_WRONLY | O_CREAT | O_TRUNC),
					 2);
	start = now();
	errno = posix_spawnp(&pid, argv[3], &actions, NULL, argv + 3, environ);
	if (errno)
		die(argv[3]);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	print_since(start);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static int measure_read(const char *path)
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
	while (done < size) {
		n = read(fd, p + done, size - done);
		if (n <= 0)
			die(path);
		done += n;
	}
	print_since(start);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 5 && !strcmp(argv[1], "run"))
		return measure_run(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "read"))
		return measure_read(argv[2]);
	fprintf(stderr,
		"usage: measure run IN OUT LOG COMMAND... | read FILE\n");
	return 2;
}
