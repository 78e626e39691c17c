// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where faults are armed.  Those of a task are counted by the kernel, by its
 * fail-nth.  Kernel threads begin and end within an operation: their allocations
 * are known by a function on the stack, and counted by what has been allocated
 * before (Documentation/fault-injection of the kernel: require-start, space).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fault.h"

#define DEBUGFS "/sys/kernel/debug"

unsigned int nth_left;

/* ---- of kernel threads ---- */

static const char *thread_fault; /* failslab, fail_page_alloc; NULL: of tasks */

static int put(const char *name, const char *fmt, unsigned long value)
{
	char path[128], text[32];
	int len = snprintf(text, sizeof(text), fmt, value), fd, ret;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", thread_fault, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = fd < 0 ? -1 : write(fd, text, len);
	if (fd >= 0)
		close(fd);
	return ret == len ? 0 : ct_say("%s: %m", path);
}

static long get(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", thread_fault, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		ct_say("%s: %m", path);
	if (fd >= 0)
		close(fd);
	return atol(text);
}

/* Where a function of the module begins, and the one behind it. */
static int find_function(const char *function, unsigned long *start,
			 unsigned long *end)
{
	char line[512], name[256];
	unsigned long at;
	int pass;
	FILE *f;

	*start = 0;
	*end = ULONG_MAX;
	for (pass = 0; pass < 2; pass++) {
		f = fopen("/proc/kallsyms", "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (!strstr(line, "[ckpt]") ||
			    sscanf(line, "%lx %*c %255s", &at, name) != 2)
				continue;
			if (!pass && !strcmp(name, function))
				*start = at;
			if (pass && at > *start && at < *end)
				*end = at;
		}
		if (f)
			fclose(f);
	}
	return *start && *end != ULONG_MAX ?
		       0 :
		       ct_say("the module has no function %s", function);
}

/**
 * thread_faults() - the next faults are a kernel thread's, not a task's
 * @fault: failslab or fail_page_alloc; NULL: a task's again
 * @function: of the module, which the thread is in all the while
 *
 * Return: 0 or -1.
 */
int thread_faults(const char *fault, const char *function)
{
	unsigned long start = 0, end = ULONG_MAX;

	if (fault && find_function(function, &start, &end))
		return -1;
	if (fault)
		thread_fault = fault;
	if (thread_fault && (put("require-start", "0x%lx", start) ||
			     put("require-end", "0x%lx", end)))
		return -1;
	thread_fault = fault;
	return 0;
}

static int thread_arm(unsigned int behind)
{
	if (put("space", "%lu", behind) || put("times", "%lu", 1))
		return -1;
	return put("probability", "%lu", 100);
}

static bool thread_disarm(void)
{
	put("probability", "%lu", 0);
	nth_left = get("space");
	return get("times");
}

/* ---- of tasks ---- */

/**
 * nth_open() - where a task's fault is armed
 * @pid: task, or 0: the caller
 *
 * Return: descriptor, or -1: this kernel injects none.
 */
int nth_open(pid_t pid)
{
	char path[64] = "/proc/self/fail-nth";

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

/**
 * nth_arm() - have an allocation or user copy of a task, or what thread_faults()
 * has chosen, fail
 * @fd: nth_open()
 * @nth: which one from now on; of a kernel thread, behind so many bytes or pages;
 *	0: none
 *
 * Return: 0 or -1.
 */
int nth_arm(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (!nth)
		return 0;
	if (thread_fault)
		return thread_arm(nth);
	return pwrite(fd, text, len, 0) == len ? 0 : ct_say("fail-nth: %m");
}

/**
 * nth_disarm() - whether the fault has happened
 * @fd: nth_open(), armed
 *
 * A read of oneself may be what fails, and then nothing else has.
 *
 * Return: true if it has not.
 */
bool nth_disarm(int fd)
{
	char text[16] = "";
	bool untouched = true;

	if (thread_fault)
		return thread_disarm();
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		untouched = atoi(text) > 0;
	nth_left = atoi(text);
	while (pwrite(fd, "0", 1, 0) < 0 && errno == EFAULT)
		;
	return untouched;
}
