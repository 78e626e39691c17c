// SPDX-License-Identifier: GPL-2.0-only
/* The stress loops: time, files, tools and the target. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "busy.h"
#include "stress.h"

int64_t tool_limit = 60 * SEC;

int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

int64_t in_seconds(unsigned int seconds)
{
	return now() + seconds * (tool_limit / 60);
}

void pause_us(unsigned int us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000L };

	nanosleep(&ts, NULL);
}

unsigned int below(unsigned int n)
{
	return n ? random() % n : 0;
}

bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	while (fd >= 0 && len < size - 1 &&
	       (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = '\0';
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n >= 0;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

void say(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static char noted[1024];

void wrong(const char *fmt, ...)
{
	va_list args;

	if (noted[0])
		return;
	va_start(args, fmt);
	vsnprintf(noted, sizeof(noted), fmt, args);
	va_end(args);
}

const char *wrong_taken(void)
{
	static char taken[sizeof(noted)];

	if (!noted[0])
		return NULL;
	memcpy(taken, noted, sizeof(taken));
	noted[0] = '\0';
	return taken;
}

/* ---- tools ---- */

/* In a child: nothing of ours is left open. */
static void become(const char *const argv[], const char *out, const char *err)
{
	int null = open("/dev/null", O_RDWR);
	int o = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600) : null;
	int e = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	dup2(null, 0);
	dup2(o, 1);
	dup2(e, 2);
	closefrom(3);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

void tool_start(struct tool *t, const char *msg, const char *const argv[])
{
	t->msg = msg;
	t->name = argv[0];
	t->began = now();
	unlink(msg);
	t->pid = fork();
	if (!t->pid)
		become(argv, NULL, msg);
}

static void tool_reaped(struct tool *t, int status)
{
	t->took = now() - t->began;
	t->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
					  WEXITSTATUS(status);
	t->pid = 0;
}

bool tool_ended(struct tool *t)
{
	int status;

	if (t->pid && waitpid(t->pid, &status, WNOHANG) == t->pid)
		tool_reaped(t, status);
	return !t->pid;
}

void tool_wait(struct tool *t)
{
	struct pollfd p = { .events = POLLIN };
	char buf[512], path[64];
	int status;

	if (!t->pid)
		return;
	p.fd = syscall(SYS_pidfd_open, t->pid, 0);
	if (poll(&p, 1, tool_limit / MS) != 1) {
		snprintf(path, sizeof(path), "/proc/%d/stack", t->pid);
		if (read_text(path, buf, sizeof(buf)))
			say("stack of the tool: %s", buf);
		read_text(t->msg, buf, sizeof(buf));
		wrong("a tool (%s) did not end within %lld s: %s", t->name,
		      (long long)(tool_limit / SEC), buf);
		kill(t->pid, SIGKILL);
	}
	close(p.fd);
	waitpid(t->pid, &status, 0);
	tool_reaped(t, status);
}

const char *tool_error(const struct tool *t)
{
	static char line[1024];
	char *end;

	if (!read_text(t->msg, line, sizeof(line)))
		line[0] = '\0';
	end = strchr(line, '\n');
	if (t->status == 1 && end && !end[1]) {
		*end = '\0';
		return line;
	}
	wrong("status %d and \"%s\": not one line", t->status, line);
	return NULL;
}

/* State, place and kernel stack of one task, on one line. */
static void say_task(const char *pid, const char *tid)
{
	char path[600], stat[256], stack[1024], *c;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/stat", pid, tid);
	if (!read_text(path, stat, sizeof(stat)))
		return;
	c = strrchr(stat, ')');
	if (c && c[1] && c[2])
		c[3] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/task/%s/stack", pid, tid);
	read_text(path, stack, sizeof(stack));
	for (c = stack; *c; c++)
		if (*c == '\n')
			*c = ' ';
	say("  %s: %s", stat, stack);
}

void stuck(const char *who)
{
	char path[300], text[512];
	struct dirent *process, *task;
	DIR *proc = opendir("/proc"), *tasks;

	read_text("message", text, sizeof(text));
	say("%s does not go on; the tool says '%s'; there are", who, text);
	while (proc && (process = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/exe", process->d_name);
		if (atoi(process->d_name) <= 1 ||
		    readlink(path, text, sizeof(text)) < 0)
			continue; /* a kernel thread */
		snprintf(path, sizeof(path), "/proc/%s/task", process->d_name);
		tasks = opendir(path);
		while (tasks && (task = readdir(tasks)))
			if (task->d_name[0] != '.')
				say_task(process->d_name, task->d_name);
		if (tasks)
			closedir(tasks);
	}
	if (proc)
		closedir(proc);
	wrong("%s does not go on", who);
}

int run(const char *const argv[])
{
	struct tool t = { 0 };

	tool_start(&t, "quiet.msg", argv);
	tool_wait(&t);
	return t.status;
}

/* ---- the target ---- */

void target_start(struct target *t)
{
	char text[16];

	unlink("end");
	unlink("beat");
	unlink("members");
	t->pid = fork();
	if (!t->pid) {
		snprintf(text, sizeof(text), "%d", getpid());
		if (write_text(HOME "/cgroup.procs", text))
			_exit(126);
		become(t->argv, "out", "out.err");
	}
	t->alive = true;
	t->status = -1;
}

pid_t target_member(unsigned int nr)
{
	struct member m[MEMBERS] = { 0 };
	int fd = open("members", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, m, sizeof(m));

	if (fd >= 0)
		close(fd);
	return n == sizeof(m) ? m[nr % MEMBERS].pid : 0;
}

bool target_gone(struct target *t)
{
	int status;

	if (!t->alive || waitpid(t->pid, &status, WNOHANG) != t->pid ||
	    !(WIFEXITED(status) || WIFSIGNALED(status)))
		return !t->alive;
	t->alive = false;
	t->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
					  WEXITSTATUS(status);
	return true;
}

void target_kill(struct target *t)
{
	int64_t limit = in_seconds(10);

	if (!t->alive)
		return;
	kill(t->pid, SIGKILL);
	while (!target_gone(t)) {
		if (now() > limit) {
			wrong("SIGKILL does not end the target");
			return;
		}
		pause_us(1000);
	}
}

bool beats(unsigned int seconds)
{
	int64_t limit = in_seconds(seconds);
	char before[64], after[64];

	if (!read_text("beat", before, sizeof(before)))
		before[0] = '\0';
	do {
		pause_us(2000);
		if (read_text("beat", after, sizeof(after)) && after[0] &&
		    strcmp(before, after))
			return true;
	} while (now() < limit);
	return false;
}

void tool_group(pid_t tool, char *buf, size_t size)
{
	snprintf(buf, size, HOME "/ckpt.%d", tool);
}

bool tool_has_frozen(pid_t tool)
{
	char path[300], text[128];

	tool_group(tool, path, sizeof(path));
	strcat(path, "/cgroup.events");
	return read_text(path, text, sizeof(text)) && strstr(text, "frozen 1");
}

/* ---- what is left ---- */

static char left[512];

static int look(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	if (type == FTW_D && !strncmp(path + ftw->base, "ckpt", 4))
		snprintf(left, sizeof(left), "the group %s", path);
	return 0;
}

/* Processes other than the kernel's; no name of the tools among them. */
static void look_at_processes(void)
{
	static const char *const names[] = { "checkpoint", "restart" };
	char path[300], comm[64];
	struct dirent *d;
	DIR *dir = opendir("/proc");
	size_t i;

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		if (!read_text(path, comm, sizeof(comm)))
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(comm, names[i]))
				snprintf(left, sizeof(left), "process %s, %s",
					 d->d_name, comm);
	}
	if (dir)
		closedir(dir);
}

/* Which they are, and where. */
static void look_at_group(const char *pids)
{
	char path[64], stat[128] = "", stack[300] = "";
	int pid = atoi(pids);

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_text(path, stat, sizeof(stat));
	stat[strcspn(stat, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	read_text(path, stack, sizeof(stack));
	snprintf(left, sizeof(left), "in the group: %s; %s", stat, stack);
}

const char *leftovers(void)
{
	char text[32];

	left[0] = '\0';
	nftw(CGROUPS, look, 16, FTW_PHYS);
	if (!left[0] && read_text(HOME "/cgroup.procs", text, sizeof(text)) &&
	    text[0])
		look_at_group(text);
	if (!left[0])
		look_at_processes();
	return left[0] ? left : NULL;
}
