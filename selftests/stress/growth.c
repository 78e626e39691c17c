// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must not grow: objects of each slab cache, memory, open files,
 * processes, groups, mounts.
 *
 * One object left behind by every second round is found once there have been
 * enough rounds to tell it from the noise (SLACK).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "stress.h"

#define CACHES 512
#define SLACK 150 /* objects of a cache that come and go by themselves */
#define MEM_SLACK_KB 8192

struct cache {
	char name[64];
	long active;
	long noise; /* a slab that a CPU has counts as full */
};

struct figures {
	struct cache cache[CACHES];
	int caches;
	long available, unreclaimable, vmalloc; /* KiB */
	long files, processes, groups, mounts;
};

bool thorough;
static struct figures before;

/* "Name: 123" in a file. */
static long number_in(const char *path, const char *name)
{
	char line[256];
	long n = -1;
	FILE *f = fopen(path, "re");

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			n = atol(line + strlen(name));
	if (f)
		fclose(f);
	return n;
}

static long lines_of(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* KiB in the lists of free pages that each CPU has; MemAvailable is without. */
static long free_on_cpus(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	long pages, sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &pages) == 1)
			sum += pages;
	if (f)
		fclose(f);
	return sum * (sysconf(_SC_PAGESIZE) / 1024);
}

/*
 * KiB of KASAN's shadow of areas that vfree() has freed, such as stacks, at the
 * most: it goes with the areas' addresses, 32 MiB of which (times the bits of the
 * number of CPUs) are given back at once (mm/vmalloc.c, lazy_max_pages()).
 */
static long shadow_for_later(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	long page = sysconf(_SC_PAGESIZE), size, sum = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "unpurged") &&
		    sscanf(line, "%*s %ld", &size) == 1)
			sum += (size + 8 * page - 1) / (8 * page);
	if (f)
		fclose(f);
	return sum * (page / 1024);
}

static bool has_kasan(void)
{
	static int known = -1;
	char line[256];
	FILE *f;

	if (known >= 0)
		return known;
	known = 0;
	f = fopen("/proc/kallsyms", "re");
	while (f && !known && fgets(line, sizeof(line), f))
		known = !!strstr(line, " kasan_save_stack");
	if (f)
		fclose(f);
	return known;
}

/* Everything that is only kept for later goes. */
static void settle(void)
{
	char path[512];
	struct dirent *d;
	DIR *dir;
	int i;

	sync();
	sleep(1);
	write_text("/proc/sys/vm/drop_caches", "3");
	dir = thorough ? opendir("/sys/kernel/slab") : NULL;
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 d->d_name);
		if (d->d_name[0] != '.' && d->d_type != DT_LNK)
			write_text(path, "1");
	}
	if (dir)
		closedir(dir);
	/* what has been looked at goes at the second time */
	for (i = 0; i < 3; i++)
		write_text("/proc/sys/vm/drop_caches", "3");
	sleep(1);
}

static void take_caches(struct figures *f)
{
	char line[512];
	FILE *file = fopen("/proc/slabinfo", "re");

	f->caches = 0;
	while (file && f->caches < CACHES && fgets(line, sizeof(line), file)) {
		struct cache *c = &f->cache[f->caches];

		if (line[0] == '#' ||
		    sscanf(line, "%63s %ld %*d %*d %ld", c->name, &c->active,
			   &c->noise) != 3)
			continue;
		c->noise *= 2 * sysconf(_SC_NPROCESSORS_ONLN) + 1;
		f->caches++;
	}
	if (file)
		fclose(file);
}

static long nr_processes(void)
{
	struct dirent *d;
	DIR *dir = opendir("/proc");
	char path[300], stat[512], *at;
	long nr = 0, flags;

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		if (!read_text(path, stat, sizeof(stat)))
			continue;
		at = strrchr(stat, ')');
		/* not the kernel's own */
		if (at &&
		    sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %ld", &flags) ==
			    1 &&
		    !(flags & 0x00200000))
			nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

static void take(struct figures *f)
{
	unlink("image"); /* they are in memory, too */
	unlink("second");
	settle();
	take_caches(f);
	f->available = number_in("/proc/meminfo", "MemAvailable:") +
		       free_on_cpus();
	if (has_kasan())
		f->available += shadow_for_later();
	f->unreclaimable = number_in("/proc/meminfo", "SUnreclaim:");
	f->vmalloc = number_in("/proc/meminfo", "VmallocUsed:");
	f->files = number_in("/proc/sys/fs/file-nr", "");
	f->processes = nr_processes();
	f->groups = number_in(CGROUPS "/cgroup.stat", "nr_descendants");
	f->mounts = lines_of("/proc/self/mountinfo");
}

void growth_begin(void)
{
	take(&before);
}

static const struct cache *cache_of(const struct figures *f, const char *name)
{
	int i;

	for (i = 0; i < f->caches; i++)
		if (!strcmp(f->cache[i].name, name))
			return &f->cache[i];
	return NULL;
}

/*
 * The kernel gives areas back by the thousand; VmallocUsed tells a leak.
 * kmemleak has an object for each of all others, which are counted themselves.
 */
static bool lazy(const char *name)
{
	return !strcmp(name, "vmap_area") || !strncmp(name, "kmemleak_", 9);
}

static void compare_caches(const struct figures *after, const char *what,
			   unsigned int rounds)
{
	long grown, limit;
	int i;

	for (i = 0; i < after->caches; i++) {
		const struct cache *a = &after->cache[i];
		const struct cache *b = cache_of(&before, a->name);

		limit = rounds / 2 > SLACK ? rounds / 2 : SLACK;
		if (limit < a->noise)
			limit = a->noise;
		grown = b ? a->active - b->active : a->active;
		if (grown > limit && !lazy(a->name))
			wrong("%s: %ld objects more of %s after %u rounds",
			      what, grown, a->name, rounds);
	}
}

static void compare(const char *what, const char *name, long was, long is,
		    long slack)
{
	if (is > was + slack)
		wrong("%s: %s: %ld, before %ld", what, name, is, was);
}

void growth_end(const char *what, unsigned int rounds)
{
	static struct figures f;

	take(&f);
	if (thorough) {
		compare_caches(&f, what, rounds);
		compare(what, "memory used (KiB)", -before.available,
			-f.available, MEM_SLACK_KB + rounds);
		compare(what, "unreclaimable slabs (KiB)", before.unreclaimable,
			f.unreclaimable, MEM_SLACK_KB / 2 + rounds / 4);
	}
	compare(what, "vmalloc (KiB)", before.vmalloc, f.vmalloc, 512);
	/* the kernel counts files by CPU, in batches */
	compare(what, "open files", before.files, f.files, 64);
	compare(what, "processes", before.processes, f.processes, 0);
	compare(what, "groups", before.groups, f.groups, 0);
	compare(what, "mounts", before.mounts, f.mounts, 0);
	say("%s: %u rounds: available %+ld KiB, slabs that stay %+ld KiB", what,
	    rounds, f.available - before.available,
	    f.unreclaimable - before.unreclaimable);
	say("    files %+ld, processes %+ld, groups %+ld, mounts %+ld",
	    f.files - before.files, f.processes - before.processes,
	    f.groups - before.groups, f.mounts - before.mounts);
}
