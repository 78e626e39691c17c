// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operation must not leave behind: unreferenced memory (kmemleak), and
 * more objects in the slab caches than there were.
 *
 * Freed objects stay in KASAN's quarantine; shrinking a cache gets them out.  A
 * CPU's own slabs count as full, unless slab debugging is on: a look can only
 * show too many, and the least of several is near the truth.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "fault.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define SLABS "/sys/kernel/slab"
/* kmemleak tells of nothing younger than 5 s; kfree_rcu() collects for as long */
#define AGE_MS 6000
#define CACHES_MAX 512
#define LOOKS 10
#define LOOK_MS 20

struct cache {
	char name[64];
	long active;
	long slack;
};

static struct cache before[CACHES_MAX];
static int nr_before;

/*
 * Objects that an operation makes and drops, or takes references to, and how
 * many of them others may have made meanwhile.
 */
static const struct {
	const char *pattern;
	long slack;
} watched[] = {
	{ "mm_struct", 3 },
	{ "task_struct", 3 },
	{ "signal_cache", 3 },
	{ "sighand_cache", 3 },
	{ "files_cache", 3 },
	{ "fs_cache", 3 },
	{ "pid", 8 },
	{ "cred_jar", 8 },
	{ "filp", 8 },
	{ "vm_area_struct", 32 },
	{ "maple_node", 32 },
	{ "anon_vma*", 32 },
	{ "nsproxy", 3 },
	{ "time_namespace", 3 },
	{ "posix_timers_cache", 3 },
	{ "sigqueue", 8 },
	{ "fsnotify_mark", 8 },
	{ "names_cache", 3 },
	{ "kmalloc-*", 64 },
};

static long slack_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watched); i++)
		if (!fnmatch(watched[i].pattern, name, 0))
			return watched[i].slack;
	return -1;
}

static void shrink_all(void)
{
	DIR *dir = opendir(SLABS);
	struct dirent *entry;
	char path[512];
	int fd;

	while (dir && (entry = readdir(dir))) {
		if (slack_of(entry->d_name) < 0)
			continue;
		snprintf(path, sizeof(path), SLABS "/%s/shrink", entry->d_name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, "1", 1) < 0)
			ct_say("%s: %m", path);
		close(fd);
	}
	if (dir)
		closedir(dir);
}

static int slabs_look(struct cache *cache)
{
	char *text, *line, *save;
	int nr = 0;

	shrink_all();
	text = ct_read_file("/proc/slabinfo");
	for (line = strtok_r(text, "\n", &save); line && nr < CACHES_MAX;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%63s %ld", cache[nr].name,
			   &cache[nr].active) != 2)
			continue;
		cache[nr].slack = slack_of(cache[nr].name);
		nr += cache[nr].slack >= 0;
	}
	free(text);
	return nr;
}

static int slabs_read(struct cache *cache)
{
	static struct cache one[CACHES_MAX];
	int nr, i, look;

	ct_sleep_ms(AGE_MS);
	nr = slabs_look(cache);
	for (look = 1; look < LOOKS; look++) {
		ct_sleep_ms(LOOK_MS);
		if (slabs_look(one) != nr)
			return -1;
		for (i = 0; i < nr; i++)
			if (one[i].active < cache[i].active)
				cache[i].active = one[i].active;
	}
	return nr;
}

static const struct cache *cache_before(const char *name)
{
	int i;

	for (i = 0; i < nr_before; i++)
		if (!strcmp(before[i].name, name))
			return &before[i];
	return NULL;
}

static int slabs_check(void)
{
	static struct cache now[CACHES_MAX];
	int i, nr = slabs_read(now), bad = 0;
	const struct cache *old;

	if (nr <= 0 || nr != nr_before)
		return ct_say("/proc/slabinfo has %d of our caches, not %d", nr,
			      nr_before);
	for (i = 0; i < nr; i++) {
		old = cache_before(now[i].name);
		if (old && now[i].active <= old->active + old->slack)
			continue;
		ct_say("%s: %ld objects, %ld before", now[i].name,
		       now[i].active, old ? old->active : 0);
		bad = -1;
	}
	return bad;
}

static int kmemleak(const char *command)
{
	int fd = open(KMEMLEAK, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(command), n;

	if (fd < 0)
		return -1;
	n = write(fd, command, len); /* EPERM: it has given up */
	close(fd);
	return n == len ? 0 : -1;
}

/**
 * leaks_begin() - what there is now is not ours
 * @f: tester; its program stays as it is until leaks_check()
 *
 * Return: 0.
 */
int leaks_begin(struct fault *f)
{
	kmemleak("clear");
	nr_before = slabs_read(before);
	return 0;
}

/**
 * leaks_check() - nothing has come to stay since leaks_begin()
 * @f: tester
 *
 * Return: 0 or -1.
 */
int leaks_check(struct fault *f)
{
	char *text;
	int bad = slabs_check();

	/* twice: what a register or a stack still showed the first time */
	if (kmemleak("scan") || kmemleak("scan"))
		return f->nth < 0 ? bad : ct_say(KMEMLEAK ": %m");
	text = ct_read_file(KMEMLEAK);
	if (text && *text)
		bad = ct_say("kmemleak: %.3000s", text);
	free(text);
	return bad;
}
