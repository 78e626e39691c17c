// SPDX-License-Identifier: GPL-2.0-only
/* The images to begin with: of each program of the table. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ckpt.h>
#include "hostile.h"

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void prepare_child(const char *dir)
{
	int null = open("/dev/null", O_RDWR), fd;

	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	close_range(HOSTILE_FDS, ~0U, 0);
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
	pid = syscall(SYS_clone, SIGCHLD | hostile_clone_flags(n), 0, 0, 0, 0);
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
					     .compress = n %
							 CKPT_COMPRESS_KINDS,
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
void hostile_make_images(const char *dir)
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
