// SPDX-License-Identifier: GPL-2.0-only
/* Namespaces and tasks for a restart. */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define NS_PER_SEC 1000000000LL

static int write_file(const char *path, const char *text)
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

/* ---- time ---- */

/* Offset to the host's clock that the caller's own time namespace has, ns. */
static int64_t own_offset(clockid_t clock)
{
	long long id, sec, nsec;
	int64_t found = 0;
	char name[32];
	FILE *f;

	f = fopen("/proc/self/timens_offsets", "re");
	if (!f)
		return 0;
	while (fscanf(f, "%31s %lld %lld", name, &sec, &nsec) == 3) {
		id = !strcmp(name, "monotonic") ? CLOCK_MONOTONIC :
						  CLOCK_BOOTTIME;
		if (id == clock)
			found = sec * NS_PER_SEC + nsec;
	}
	fclose(f);
	return found;
}

/* The offset that makes a clock go on at @saved, for timens_offsets. */
static int offset_line(clockid_t clock, __u64 saved, char *buf, size_t size)
{
	struct timespec now;
	int64_t off, sec;

	clock_gettime(clock, &now);
	off = own_offset(clock) + (int64_t)saved -
	      (now.tv_sec * NS_PER_SEC + now.tv_nsec);
	sec = off / NS_PER_SEC;
	off %= NS_PER_SEC;
	if (off < 0) { /* the kernel wants 0 <= nsec */
		off += NS_PER_SEC;
		sec--;
	}
	return snprintf(buf, size, "%d %lld %lld\n", clock, (long long)sec,
			(long long)off);
}

/**
 * ckpt_timens_enter() - a time namespace for the children to come
 * @t: task, whose CLOCK_MONOTONIC and CLOCK_BOOTTIME go on in it
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_timens_enter(const struct ckpt_hdr_tree_task *t)
{
	char text[160];
	int n;

	n = offset_line(CLOCK_MONOTONIC, t->time_mono, text, sizeof(text));
	offset_line(CLOCK_BOOTTIME, t->time_boot, text + n, sizeof(text) - n);
	if (syscall(SYS_unshare, CLONE_NEWTIME))
		return -errno;
	return write_file("/proc/self/timens_offsets", text);
}

/**
 * ckpt_timens_leave() - children to come share the caller's time again
 *
 * Linux 6.1 makes no threads for a caller whose children would not.  Does
 * nothing where ckpt_timens_enter() has failed, for the same reasons.
 */
void ckpt_timens_leave(void)
{
	int fd = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	syscall(SYS_setns, fd, CLONE_NEWTIME);
	close(fd);
}

/* ---- users and pids ---- */

static int write_map(const char *path, unsigned int id)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1\n", id, id);
	return write_file(path, text);
}

/**
 * ckpt_userns_enter() - a user namespace, and a pid namespace for children
 *
 * The caller keeps its own user and group, and is root over the pids.
 *
 * Return: 0 or a negative errno (without text).
 */
int ckpt_userns_enter(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	int err;

	if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWPID))
		return -errno;
	err = write_file("/proc/self/setgroups", "deny");
	if (!err)
		err = write_map("/proc/self/uid_map", uid);
	if (!err)
		err = write_map("/proc/self/gid_map", gid);
	return err;
}

/**
 * ckpt_spawn() - fork, with a chosen pid
 * @flags: CLONE_NEWPID: as the init of a new pid namespace; or 0
 * @want: pid, or 0: any
 * @exit_signal: signal that the parent gets when the child ends, or 0
 * @cgroup_fd: directory of the cgroup that it is made in; -1: the caller's
 *
 * Return: 0 in the child; its pid; or a negative errno (without text).
 */
pid_t ckpt_spawn(__u64 flags, pid_t want, int exit_signal, int cgroup_fd)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = exit_signal,
		.set_tid = (uintptr_t)&want,
		.set_tid_size = 1,
	};
	long pid;

	if (!want) {
		args.set_tid = 0;
		args.set_tid_size = 0;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? -errno : pid;
}
