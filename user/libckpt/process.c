// SPDX-License-Identifier: GPL-2.0-only
/* Which processes can be checkpointed at all, and pidfds. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib.h"

#define PF_EXITING 0x00000004U
#define PF_KTHREAD 0x00200000U

/**
 * ckpt_pidfd_open() - pidfd_open(2)
 * @pid: process
 *
 * Return: a descriptor, close-on-exec, or a negative errno.
 */
int ckpt_pidfd_open(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/**
 * ckpt_pidfd_kill() - pidfd_send_signal(2)
 * @pidfd: process
 * @sig: signal; 0: only whether it is there
 *
 * Return: 0 or a negative errno.
 */
int ckpt_pidfd_kill(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) ? -errno : 0;
}

/**
 * ckpt_pidfd_wait() - wait until a process has ended (reaped or not)
 * @pidfd: process
 * @timeout_ms: at most so long
 *
 * Return: 1 ended, 0 not yet, or a negative errno.
 */
int ckpt_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	return n < 0 ? -errno : n;
}

/* What is needed of /proc/PID/stat. */
struct stat_line {
	char state;
	unsigned int flags;
	unsigned long long start;
};

/* The name may hold anything. */
static int read_stat(pid_t pid, struct stat_line *stat)
{
	char path[64], text[1024], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = 0;
	p = strrchr(text, ')');
	if (!p ||
	    sscanf(p + 1,
		   " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &stat->state, &stat->flags, &stat->start) != 3)
		return -EIO;
	return 0;
}

/**
 * ckpt_process_state() - state of a thread
 * @tid: thread
 *
 * Return: the letter that ps shows, or a negative errno (without text).
 */
int ckpt_process_state(pid_t tid)
{
	struct stat_line stat;
	int err = read_stat(tid, &stat);

	return err ? err : stat.state;
}

/**
 * ckpt_process_exits() - whether a thread is on its way out, or has gone
 * @tid: thread
 *
 * Return: true if so.
 */
bool ckpt_process_exits(pid_t tid)
{
	struct stat_line stat;

	return read_stat(tid, &stat) || stat.flags & PF_EXITING;
}

/**
 * ckpt_process_start() - when a process was started
 * @pid: process
 * @ticks: clock ticks after the boot of the machine
 *
 * Return: 0 or a negative errno.
 */
int ckpt_process_start(pid_t pid, unsigned long long *ticks)
{
	struct stat_line stat;
	int err = read_stat(pid, &stat);

	if (err)
		return ckpt_set_error(err, "pid %d: %s", pid, strerror(-err));
	*ticks = stat.start;
	return 0;
}

/* A number in /proc/PID/status. */
static int read_status(pid_t pid, const char *key, long *value)
{
	char path[64], line[256];
	int found = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		*value = atol(line + strlen(key));
		found = 0;
	}
	fclose(f);
	return found;
}

/* In this scope of Yama nobody may, and it stays so until the next boot. */
static bool yama_forbids_all(void)
{
	int fd = open("/proc/sys/kernel/yama/ptrace_scope",
		      O_RDONLY | O_CLOEXEC);
	char scope = 0;

	if (fd < 0)
		return false;
	if (read(fd, &scope, 1) != 1)
		scope = 0;
	close(fd);
	return scope == '3';
}

/*
 * What the kernel will ask (ptrace access with the caller's own ids) can be
 * asked without freezing anything: opening mem takes the same.
 */
static int check_access(pid_t pid)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	err = -errno;
	if (err == -EACCES && yama_forbids_all())
		return ckpt_set_error(-EPERM,
				      "pid %d: not permitted: kernel.yama.ptrace_scope is 3, which lets nobody until the next boot: a program may only save itself",
				      pid);
	if (err == -EACCES || err == -EPERM)
		return ckpt_set_error(-EPERM,
				      "pid %d: not permitted: it is not yours to trace (another user's, or kernel.yama.ptrace_scope): run as root",
				      pid);
	return ckpt_set_error(err, "pid %d: %s", pid,
			      err == -ENOENT ? "no such process" :
					       strerror(-err));
}

/**
 * ckpt_process_check() - whether a process can be checkpointed from outside
 * @pid: process
 *
 * Only what would be confusing or harmful to find out later: the kernel has
 * the last word.
 *
 * Return: 0 or a negative errno.
 */
int ckpt_process_check(pid_t pid)
{
	struct stat_line stat = { 0 };
	long tgid = pid, threads = 1;
	int err;

	if (pid <= 0)
		return ckpt_set_error(-EINVAL, "pid %d: not a pid", pid);
	err = read_stat(pid, &stat);
	if (err == -ENOENT || err == -ESRCH)
		return ckpt_set_error(-ESRCH, "pid %d: no such process", pid);
	if (err)
		return ckpt_set_error(err, "pid %d: %s", pid, strerror(-err));
	if (stat.flags & PF_KTHREAD)
		return ckpt_set_error(-EINVAL, "pid %d: a kernel thread", pid);
	/* its leader may have exited before the others */
	if (stat.state == 'Z')
		read_status(pid, "Threads:", &threads);
	if ((stat.state == 'Z' && threads < 2) || stat.state == 'X')
		return ckpt_set_error(-ESRCH, "pid %d: it has exited", pid);
	if (!read_status(pid, "Tgid:", &tgid) && tgid != pid)
		return ckpt_set_error(-EINVAL,
				      "pid %d: a thread: give its process, %ld",
				      pid, tgid);
	if (pid == getpid())
		return ckpt_set_error(-EINVAL,
				      "pid %d: that is checkpoint itself", pid);
	/* one without a leader has no memory by this name: the kernel asks */
	return stat.state == 'Z' ? 0 : check_access(pid);
}
