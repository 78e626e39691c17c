// SPDX-License-Identifier: GPL-2.0-only
/* Whether a process has more rights than another. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hostile.h"

static int read_proc(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = 0;
	return 0;
}

/* What stands behind "@name:" at the beginning of a line. */
static const char *line_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, len) && text[len] == ':')
			return text + len + 1;
	}
	return "";
}

static void four_ids(const char *line, unsigned int id[4])
{
	if (sscanf(line, "%u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
		memset(id, 0, 4 * sizeof(id[0])); /* root's: counts as more */
}

enum { INHERITABLE, PERMITTED, EFFECTIVE, BOUNDING, AMBIENT, CAPS };

int hostile_rights_get(pid_t pid, struct hostile_rights *r)
{
	static const char *const caps[CAPS] = { "CapInh", "CapPrm", "CapEff",
						"CapBnd", "CapAmb" };
	char text[4096];
	size_t i;

	memset(r, 0, sizeof(*r));
	if (read_proc(pid, "status", text, sizeof(text)))
		return -1;
	four_ids(line_of(text, "Uid"), r->uid);
	four_ids(line_of(text, "Gid"), r->gid);
	snprintf(r->groups, sizeof(r->groups), "%.*s",
		 (int)strcspn(line_of(text, "Groups"), "\n"),
		 line_of(text, "Groups"));
	for (i = 0; i < CAPS; i++)
		r->cap[i] = strtoull(line_of(text, caps[i]), NULL, 16);
	r->no_new_privs = atoi(line_of(text, "NoNewPrivs"));
	r->seccomp = atoi(line_of(text, "Seccomp"));
	for (i = 0; i < RLIM_NLIMITS; i++)
		if (prlimit(pid, i, NULL, &r->limit[i]))
			return -1;
	r->nice = getpriority(PRIO_PROCESS, pid);
	r->policy = sched_getscheduler(pid) & ~SCHED_RESET_ON_FORK;
	if (read_proc(pid, "oom_score_adj", text, sizeof(text)))
		return -1;
	r->oom_score_adj = atoi(text);
	return 0;
}

/* Who is permitted a capability may add it to the other sets, but the bounding one. */
static bool capability_gained(const struct hostile_rights *base,
			      const struct hostile_rights *now)
{
	unsigned long long may;
	int i;

	for (i = 0; i < CAPS; i++) {
		may = base->cap[i];
		if (i != BOUNDING)
			may |= base->cap[PERMITTED];
		if (now->cap[i] & ~may)
			return true;
	}
	return false;
}

static bool priority_gained(const struct hostile_rights *base,
			    const struct hostile_rights *now)
{
	return now->nice < base->nice || now->policy == SCHED_FIFO ||
	       now->policy == SCHED_RR;
}

const char *hostile_rights_gained(const struct hostile_rights *base,
				  const struct hostile_rights *now)
{
	size_t i;

	if (memcmp(base->uid, now->uid, sizeof(now->uid)))
		return "another user";
	if (memcmp(base->gid, now->gid, sizeof(now->gid)))
		return "another group";
	if (strcmp(base->groups, now->groups))
		return "other supplementary groups";
	if (capability_gained(base, now))
		return "a capability";
	if (now->no_new_privs < base->no_new_privs)
		return "no_new_privs dropped";
	if (now->seccomp < base->seccomp)
		return "seccomp loosened";
	for (i = 0; i < RLIM_NLIMITS; i++)
		if (now->limit[i].rlim_max > base->limit[i].rlim_max)
			return "a hard limit raised";
	if (priority_gained(base, now))
		return "a better priority";
	if (now->oom_score_adj < base->oom_score_adj)
		return "a better oom_score_adj";
	return NULL;
}
