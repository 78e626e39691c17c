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

/* Of /proc/PID/stat: state and flags.  The name may hold anything. */
static int read_stat(pid_t pid, char *state, unsigned int *flags)
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
	    sscanf(p + 1, " %c %*d %*d %*d %*d %*d %u", state, flags) != 2)
		return -EIO;
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

/*
 * What the kernel will ask (ptrace access with the caller's own ids) can be
 * asked without freezing anything: opening mem takes the same.
 */
static int check_access(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == EACCES || errno == EPERM)
		return ckpt_set_error(-EPERM,
				      "pid %d: not permitted: it is not yours to trace (another user's, or kernel.yama.ptrace_scope): run as root",
				      pid);
	return ckpt_set_error(-errno, "pid %d: %s", pid,
			      errno == ENOENT ? "no such process" :
						strerror(errno));
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
	unsigned int flags = 0;
	long tgid = pid;
	char state = 0;
	int err;

	if (pid <= 0)
		return ckpt_set_error(-EINVAL, "pid %d: not a pid", pid);
	err = read_stat(pid, &state, &flags);
	if (err == -ENOENT || err == -ESRCH)
		return ckpt_set_error(-ESRCH, "pid %d: no such process", pid);
	if (err)
		return ckpt_set_error(err, "pid %d: %s (is /proc mounted?)",
				      pid, strerror(-err));
	if (flags & PF_KTHREAD)
		return ckpt_set_error(-EINVAL, "pid %d: a kernel thread", pid);
	if (state == 'Z' || state == 'X')
		return ckpt_set_error(-ESRCH, "pid %d: it has exited", pid);
	if (!read_status(pid, "Tgid:", &tgid) && tgid != pid)
		return ckpt_set_error(-EINVAL,
				      "pid %d: a thread: give its process, %ld",
				      pid, tgid);
	if (pid == getpid())
		return ckpt_set_error(-EINVAL,
				      "pid %d: that is checkpoint itself", pid);
	return check_access(pid);
}
