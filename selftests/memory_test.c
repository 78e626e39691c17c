// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: what lies in an address space, how it is mapped, and how it goes on
 * growing after the restart.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#ifndef __aligned
#define __aligned(n) __attribute__((aligned(n)))
#endif

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define MB (1UL << 20)
#define TEXT_MAX (1UL << 20)

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

CT_FIXTURE(memory)

/* Every 8 bytes differ, and depend on their place. */
static void fill(void *at, size_t len, uint64_t seed)
{
	uint64_t *p = at;
	size_t i;

	for (i = 0; i < len / 8; i++)
		p[i] = (i + 1 + seed) * 0x9e3779b97f4a7c15ULL;
}

/* Real-time kernels have none. */
static bool have_huge_pages(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

/* madvise(); where there are no huge pages it makes an area of its own at least */
static int advise(void *p, size_t len, int advice)
{
	bool huge = advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;

	if (huge && !have_huge_pages())
		advice = MADV_SEQUENTIAL;
	return madvise(p, len, advice);
}

static bool filled(const void *at, size_t len, uint64_t seed)
{
	const uint64_t *p = at;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (p[i] != (i + 1 + seed) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

static bool is_zero(const void *at, size_t len)
{
	const uint64_t *p = at;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (p[i])
			return false;
	return true;
}

static void *map_anon(size_t len, int flags)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* A file into @text, without malloc(): it must not change what is compared. */
static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	return len;
}

/* "Name: 12 kB" of /proc/self/status, in kB; -1 when it is not there. */
static long status_kb(const char *name)
{
	static char text[16384];
	char *at;

	if (read_text("/proc/self/status", text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, name);
	return at ? strtol(at + strlen(name) + 1, NULL, 10) : -1;
}

/* A value of the smaps entry that begins at @addr, in kB. */
static long smaps_kb(const void *addr, const char *name)
{
	static char text[TEXT_MAX];
	char start[32], *at;

	if (read_text("/proc/self/smaps", text, sizeof(text)) < 0)
		return -1;
	snprintf(start, sizeof(start), "%lx-", (unsigned long)addr);
	at = strstr(text, start);
	at = at ? strstr(at, name) : NULL;
	return at ? strtol(at + strlen(name) + 1, NULL, 10) : -1;
}

/* What maps or smaps says of an area. */
struct area {
	unsigned long start, end, off;
	char perms[8];
	char rest[512];
};

static void drop_flag(char *line, const char *flag)
{
	char *at = strstr(line, flag);

	if (at)
		memmove(at, at + strlen(flag), strlen(at + strlen(flag)) + 1);
}

/* Reads the next area of @text; false at its end. */
static bool next_area(char **text, struct area *a)
{
	char *line;
	int n;

	line = strsep(text, "\n");
	if (!line || sscanf(line, "%lx-%lx %4s %lx %n", &a->start, &a->end,
			    a->perms, &a->off, &n) != 4)
		return false;
	snprintf(a->rest, sizeof(a->rest), "%.300s", line + n);
	while (*text && **text >= 'A' && **text <= 'Z') {
		line = strsep(text, "\n");
		if (strncmp(line, "VmFlags:", 8))
			continue;
		drop_flag(line, " sd");
		if (a->perms[1] != 'w')
			drop_flag(line, " ac");
		strncat(a->rest, line, 200);
	}
	return true;
}

static bool one_area(const struct area *a, const struct area *b)
{
	bool anon = !strncmp(a->rest, "00:00 0", 7);

	return a->end == b->start && !strcmp(a->perms, b->perms) &&
	       !strcmp(a->rest, b->rest) &&
	       (anon || a->off + (a->end - a->start) == b->off);
}

/*
 * The areas of maps or smaps, one a line, with what says how they are mapped;
 * returns their number.  Neighbours that differ in nothing count as one: an
 * area that the loader has made read-only is accounted for still, which keeps
 * the kernel from joining it with the next one; after a restart they are one.
 * Left out are that accounting and soft-dirty marks.
 */
static int read_areas(const char *path, char *out)
{
	static char buf[2 * TEXT_MAX];
	char *text = buf;
	struct area a, b;
	int nr = 0;
	bool more;

	if (read_text(path, buf, sizeof(buf)) <= 0 || !next_area(&text, &a))
		return -1;
	do {
		more = next_area(&text, &b);
		if (more && one_area(&a, &b)) {
			a.end = b.end;
			continue;
		}
		out += sprintf(out, "%lx-%lx %s %lx %s\n", a.start, a.end,
			       a.perms, a.off, a.rest);
		a = b;
		nr++;
	} while (more);
	return nr;
}

static int same_text(struct ct_shared *s, const char *before, const char *after)
{
	const char *a = before, *b = after;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (!*a && !*b)
		return 0;
	while (a > before && a[-1] != '\n') {
		a--;
		b--;
	}
	return ct_fail(s, __FILE__, __LINE__, "was '%.*s', is '%.*s'",
		       (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

/* ---- contents ---------------------------------------------------- */

enum { A_FILLED, A_ZEROED, A_UNTOUCHED, A_KINDS };

static int anonymous_pages(struct ct_shared *s, void *arg)
{
	const size_t nr = 1500;
	char *p = map_anon(nr * PAGE, 0);
	size_t i;

	CT_CHECK(s, p != MAP_FAILED);
	CT_EQ(s, 0, advise(p, nr * PAGE, MADV_NOHUGEPAGE));
	for (i = 0; i < nr; i++)
		if (i % A_KINDS == A_FILLED)
			fill(p + i * PAGE, PAGE, i);
		else if (i % A_KINDS == A_ZEROED)
			memset(p + i * PAGE, 0, PAGE);
	CT_EQ(s, nr / 3 * 2 * 4, smaps_kb(p, "Rss:"));
	ct_step(s, 1);
	/* Zero pages take no place afterwards. */
	CT_EQ(s, nr / 3 * 4, smaps_kb(p, "Rss:"));
	for (i = 0; i < nr; i++)
		if (i % A_KINDS == A_FILLED)
			CT_CHECK(s, filled(p + i * PAGE, PAGE, i));
		else
			CT_CHECK(s, is_zero(p + i * PAGE, PAGE));
	return 0;
}

CT_ROUND_TRIP(memory, anonymous_pages)

static int sixty_four_megabytes(struct ct_shared *s, void *arg)
{
	char *p = map_anon(64 * MB, 0);

	CT_CHECK(s, p != MAP_FAILED);
	fill(p, 64 * MB, 1);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, 64 * MB, 1));
	fill(p, 64 * MB, 2);
	CT_CHECK(s, filled(p, 64 * MB, 2));
	return 0;
}

CT_ROUND_TRIP(memory, sixty_four_megabytes)

static char of_the_parent[16 * PAGE] __aligned(4096);

/* Pages that are still shared with the parent, copy-on-write. */
static int pages_shared_with_the_parent(struct ct_shared *s, void *arg)
{
	ct_step(s, 1);
	CT_CHECK(s, filled(of_the_parent, sizeof(of_the_parent), 11));
	return 0;
}

TEST_F(memory, pages_shared_with_the_parent)
{
	fill(of_the_parent, sizeof(of_the_parent), 11);
	ASSERT_EQ(0,
		  ct_round_trip(&self->ct, pages_shared_with_the_parent, NULL));
	ASSERT_TRUE(filled(of_the_parent, sizeof(of_the_parent), 11));
}

static int heap_grows_on(struct ct_shared *s, void *arg)
{
	char *old = sbrk(256 * PAGE), *end, *more, *chunk;

	CT_CHECK(s, old != (void *)-1);
	fill(old, 256 * PAGE, 3);
	end = sbrk(0);
	chunk = malloc(100000);
	fill(chunk, 100000, 4);
	ct_step(s, 1);
	CT_CHECK(s, filled(old, 256 * PAGE, 3));
	CT_CHECK(s, filled(chunk, 100000, 4));
	free(chunk);
	more = sbrk(0);
	CT_CHECK(s, more >= end);
	CT_CHECK(s, sbrk(64 * PAGE) == more);
	CT_CHECK(s, is_zero(more, 64 * PAGE));
	fill(more, 64 * PAGE, 5);
	CT_EQ(s, 0, brk(old));
	CT_CHECK(s, sbrk(0) == old);
	return 0;
}

CT_ROUND_TRIP(memory, heap_grows_on)

/* Uses the stack downwards, @depth times 64 kB. */
static int use_stack(struct ct_shared *s, int depth)
{
	char frame[65536] __aligned(8);

	fill(frame, sizeof(frame), depth);
	if (depth)
		CT_DO(use_stack(s, depth - 1));
	else
		ct_step(s, s->ready + 1);
	CT_CHECK(s, filled(frame, sizeof(frame), depth));
	return 0;
}

/* A deep stack is kept; a deeper one is possible then. */
static int stack_grows_down(struct ct_shared *s, void *arg)
{
	CT_DO(use_stack(s, 8));
	CT_EQ(s, 1, s->restarted);
	return use_stack(s, 64);
}

CT_ROUND_TRIP(memory, stack_grows_down)

static int growsdown_area_grows(struct ct_shared *s, void *arg)
{
	char *low = map_anon(4 * MB, 0), *top;

	CT_CHECK(s, low != MAP_FAILED);
	CT_EQ(s, 0, munmap(low, 4 * MB));
	top = mmap(low + 3 * MB, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN |
			   MAP_FIXED_NOREPLACE,
		   -1, 0);
	CT_CHECK(s, top == low + 3 * MB);
	fill(top, 2 * PAGE, 6);
	ct_step(s, 1);
	CT_CHECK(s, filled(top, 2 * PAGE, 6));
	fill(top - PAGE, PAGE, 7);
	fill(top - 2 * PAGE, PAGE, 8);
	CT_CHECK(s, filled(top, 2 * PAGE, 6));
	return 0;
}

CT_ROUND_TRIP(memory, growsdown_area_grows)

static int terabyte_with_few_pages(struct ct_shared *s, void *arg)
{
	const unsigned long size = 1UL << 40, step = 3UL << 36;
	char *p = map_anon(size, MAP_NORESERVE);
	unsigned long at;

	CT_CHECK(s, p != MAP_FAILED);
	CT_EQ(s, 0, advise(p, size, MADV_NOHUGEPAGE));
	for (at = 0; at < size; at += step)
		fill(p + at, PAGE, at);
	ct_step(s, 1);
	CT_CHECK(s, status_kb("VmRSS:") < 64 * 1024);
	for (at = 0; at < size; at += step) {
		CT_CHECK(s, filled(p + at, PAGE, at));
		CT_CHECK(s, is_zero(p + at + PAGE, PAGE));
	}
	return 0;
}

CT_ROUND_TRIP(memory, terabyte_with_few_pages)

static int two_thousand_areas(struct ct_shared *s, void *arg)
{
	const size_t nr = 2000;
	char *p = map_anon(nr * PAGE, 0);
	static char before[TEXT_MAX], after[TEXT_MAX];
	size_t i;

	CT_CHECK(s, p != MAP_FAILED);
	fill(p, nr * PAGE, 9);
	for (i = 0; i < nr; i += 2)
		CT_EQ(s, 0, mprotect(p + i * PAGE, PAGE, PROT_READ));
	CT_CHECK(s, read_areas("/proc/self/maps", before) > (int)nr);
	ct_step(s, 1);
	CT_CHECK(s, read_areas("/proc/self/maps", after) > (int)nr);
	CT_DO(same_text(s, before, after));
	CT_CHECK(s, filled(p, nr * PAGE, 9));
	return 0;
}

CT_ROUND_TRIP(memory, two_thousand_areas)

/* ---- protection -------------------------------------------------- */

static sigjmp_buf after_fault;

static void on_fault(int sig)
{
	siglongjmp(after_fault, 1);
}

static bool faults(volatile char *at, bool write)
{
	struct sigaction sa = { .sa_handler = on_fault };

	sigaction(SIGSEGV, &sa, NULL);
	if (sigsetjmp(after_fault, 1))
		return true;
	if (write)
		*at = 1;
	else
		(void)*at;
	return false;
}

/* guard | hidden contents | guard | read only | read, write */
static int protections(struct ct_shared *s, void *arg)
{
	char *p = map_anon(5 * PAGE, 0);

	CT_CHECK(s, p != MAP_FAILED);
	fill(p + PAGE, PAGE, 1);
	fill(p + 3 * PAGE, 2 * PAGE, 2);
	CT_EQ(s, 0, mprotect(p, 3 * PAGE, PROT_NONE));
	CT_EQ(s, 0, mprotect(p + 3 * PAGE, PAGE, PROT_READ));
	ct_step(s, 1);
	CT_CHECK(s, faults(p, false));
	CT_CHECK(s, faults(p + PAGE, false));
	CT_CHECK(s, faults(p + 2 * PAGE, false));
	CT_CHECK(s, faults(p + 3 * PAGE, true));
	CT_CHECK(s, !faults(p + 4 * PAGE, false));
	CT_CHECK(s, filled(p + 3 * PAGE, 2 * PAGE, 2));
	CT_CHECK(s, !faults(p + 4 * PAGE, true));
	CT_EQ(s, 0, mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE));
	CT_CHECK(s, is_zero(p, PAGE));
	CT_CHECK(s, filled(p + PAGE, PAGE, 1));
	CT_CHECK(s, is_zero(p + 2 * PAGE, PAGE));
	return 0;
}

CT_ROUND_TRIP(memory, protections)

/* Code that the program has made itself. */
static int generated_code(struct ct_shared *s, void *arg)
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	char *p = map_anon(PAGE, 0);
	int (*fn)(void) = (int (*)(void))p;

	CT_CHECK(s, p != MAP_FAILED);
	memcpy(p, code, sizeof(code));
	CT_EQ(s, 0, mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	CT_EQ(s, 42, fn());
	ct_step(s, 1);
	CT_EQ(s, 42, fn());
	CT_CHECK(s, faults(p, true));
	return 0;
}

CT_ROUND_TRIP(memory, generated_code)

/* ---- files ------------------------------------------------------- */

#define FILE_PAGES 16

/* A file of the test, filled with seed 20. */
static int make_file(struct ct_shared *s, const char *path)
{
	char page[FILE_PAGES * PAGE] __aligned(8);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CT_CHECK(s, fd >= 0);
	fill(page, sizeof(page), 20);
	CT_EQ(s, sizeof(page), write(fd, page, sizeof(page)));
	s->data[0] = fd;
	return 0;
}

static const char *file_of(struct ct *ct)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/file", ct->dir);
	return path;
}

/* Page 3 is changed, page 7 zeroed, the others are the file's. */
static int private_file_mapping(struct ct_shared *s, void *arg)
{
	static char want[FILE_PAGES * PAGE];
	char *p, byte = 0x77;
	int fd;

	CT_DO(make_file(s, arg));
	fd = s->data[0];
	p = mmap(NULL, sizeof(want), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		 0);
	CT_CHECK(s, p != MAP_FAILED);
	fill(p + 3 * PAGE, PAGE, 21);
	memset(p + 7 * PAGE, 0, PAGE);
	ct_step(s, 1);
	fill(want, sizeof(want), 20);
	CT_EQ(s, 8, smaps_kb(p, "Anonymous:"));
	CT_EQ(s, 1, pwrite(fd, &byte, 1, 9 * PAGE));
	want[9 * PAGE] = byte;
	fill(want + 3 * PAGE, PAGE, 21);
	memset(want + 7 * PAGE, 0, PAGE);
	CT_EQ(s, 0, memcmp(want, p, sizeof(want)));
	/* The file itself has nothing of it. */
	fill(want, sizeof(want), 20);
	CT_EQ(s, PAGE, pread(fd, p, PAGE, 3 * PAGE));
	CT_EQ(s, 0, memcmp(want + 3 * PAGE, p, PAGE));
	return 0;
}

TEST_F(memory, private_file_mapping)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, private_file_mapping,
				   (void *)file_of(&self->ct)));
}

static int shared_file_mapping(struct ct_shared *s, void *arg)
{
	static char have[FILE_PAGES * PAGE];
	char *p, *part;
	int fd;

	CT_DO(make_file(s, arg));
	fd = s->data[0];
	p = mmap(NULL, sizeof(have), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 5 * PAGE);
	CT_CHECK(s, p != MAP_FAILED && part != MAP_FAILED);
	CT_EQ(s, 0, close(fd));
	fill(p + 3 * PAGE, PAGE, 22);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, 3 * PAGE, 20));
	CT_CHECK(s, filled(p + 3 * PAGE, PAGE, 22));
	fill(p + 5 * PAGE, PAGE, 23);
	CT_CHECK(s, filled(part, PAGE, 23));
	CT_CHECK(s, faults(part, true));
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	CT_EQ(s, sizeof(have), read(fd, have, sizeof(have)));
	CT_EQ(s, 0, memcmp(have, p, sizeof(have)));
	return 0;
}

TEST_F(memory, shared_file_mapping)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, shared_file_mapping,
				   (void *)file_of(&self->ct)));
}

/* A read-only descriptor's shared mapping can't be made writable. */
static int shared_read_only_mapping(struct ct_shared *s, void *arg)
{
	char *p;
	int fd;

	CT_DO(make_file(s, arg));
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CT_CHECK(s, p != MAP_FAILED);
	close(fd);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, PAGE, 20));
	CT_EQ(s, -1, mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CT_EQ(s, EACCES, errno);
	return 0;
}

TEST_F(memory, shared_read_only_mapping)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, shared_read_only_mapping,
				   (void *)file_of(&self->ct)));
}

static int maps_a_file(struct ct_shared *s, void *arg)
{
	char *p;

	CT_DO(make_file(s, arg));
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, s->data[0], 0);
	CT_CHECK(s, p != MAP_FAILED);
	close(s->data[0]);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, PAGE, 20));
	return 0;
}

/* What was mapped is another file by now: nothing to go on with. */
TEST_F(memory, changed_mapped_file_is_refused)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, maps_a_file, (void *)file_of(ct)));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ct_sleep_ms(20);
	ASSERT_EQ(0, ct_write_file(file_of(ct), "shorter"));
	ASSERT_EQ(1, ct_tool(ct, "restart", "-i", ct->img, NULL));
	ASSERT_NE(NULL, strstr(ct->err, file_of(ct)));
	ASSERT_EQ(0, unlink(file_of(ct)));
	ASSERT_EQ(1, ct_tool(ct, "restart", "-i", ct->img, NULL));
	ASSERT_NE(NULL, strstr(ct->err, file_of(ct)));
}

static int maps_an_unlinked_file(struct ct_shared *s, void *arg)
{
	char *p;

	CT_DO(make_file(s, arg));
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, s->data[0], 0);
	CT_CHECK(s, p != MAP_FAILED);
	close(s->data[0]);
	CT_EQ(s, 0, unlink(arg));
	ct_step(s, 1);
	CT_CHECK(s, filled(p, PAGE, 20));
	return 0;
}

TEST_F(memory, unlinked_mapped_file_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, maps_an_unlinked_file,
				(void *)file_of(&self->ct), "/file"));
}

/* ---- flags ------------------------------------------------------- */

static int same_areas(struct ct_shared *s)
{
	static char before[TEXT_MAX], after[TEXT_MAX];

	CT_CHECK(s, read_areas("/proc/self/smaps", before) > 10);
	CT_CHECK(s, strstr(before, "VmFlags:"));
	ct_step(s, 1);
	CT_CHECK(s, read_areas("/proc/self/smaps", after) > 10);
	return same_text(s, before, after);
}

static int flags_of_areas(struct ct_shared *s, void *arg)
{
	static const int advice[] = {
		MADV_SEQUENTIAL, MADV_RANDOM,	 MADV_DONTFORK,
		MADV_WIPEONFORK, MADV_DONTDUMP,	 MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_MERGEABLE,
	};
	char *p;
	size_t i;

	for (i = 0; i < sizeof(advice) / sizeof(advice[0]); i++) {
		p = map_anon(3 * PAGE, i & 1 ? MAP_NORESERVE : 0);
		CT_CHECK(s, p != MAP_FAILED);
		CT_EQ(s, 0, advise(p + PAGE, PAGE, advice[i]));
		p[PAGE] = i + 1;
	}
	CT_CHECK(s, map_anon(PAGE, MAP_STACK) != MAP_FAILED);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, PAGE, "a name");
	return same_areas(s);
}

CT_ROUND_TRIP(memory, flags_of_areas)

/* Nothing but the program as the loader made it: all areas, and their order. */
static int maps_are_the_same(struct ct_shared *s, void *arg)
{
	static char before[TEXT_MAX], after[TEXT_MAX];

	CT_CHECK(s, read_areas("/proc/self/maps", before) > 10);
	ct_step(s, 1);
	CT_CHECK(s, read_areas("/proc/self/maps", after) > 10);
	CT_CHECK(s, strstr(before, "[vdso]"));
	CT_CHECK(s, strstr(before, "[stack]"));
	CT_CHECK(s, strstr(before, "[heap]"));
	return same_text(s, before, after);
}

CT_ROUND_TRIP(memory, maps_are_the_same)

static int locked_areas(struct ct_shared *s, void *arg)
{
	char *p = map_anon(64 * PAGE, 0), *q = map_anon(64 * PAGE, 0);
	long locked;

	CT_CHECK(s, p != MAP_FAILED && q != MAP_FAILED);
	CT_EQ(s, 0, mlock(p + PAGE, 16 * PAGE));
	CT_EQ(s, 0, mlock2(q + PAGE, 8 * PAGE, MLOCK_ONFAULT));
	locked = status_kb("VmLck:");
	CT_EQ(s, 24 * 4, locked);
	CT_DO(same_areas(s));
	CT_EQ(s, locked, status_kb("VmLck:"));
	CT_EQ(s, 0, munlockall());
	CT_EQ(s, 0, status_kb("VmLck:"));
	return 0;
}

CT_ROUND_TRIP(memory, locked_areas)

static int future_areas_are_locked(struct ct_shared *s, void *arg)
{
	long locked;

	CT_EQ(s, 0, mlockall(MCL_FUTURE));
	ct_step(s, 1);
	locked = status_kb("VmLck:");
	CT_CHECK(s, map_anon(32 * PAGE, 0) != MAP_FAILED);
	CT_EQ(s, locked + 32 * 4, status_kb("VmLck:"));
	return 0;
}

CT_ROUND_TRIP(memory, future_areas_are_locked)

/* With areas that have no pages to lock: mlockall() does not mind. */
static int all_is_locked(struct ct_shared *s, void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	char *guard, *beyond;
	long locked;

	CT_EQ(s, 0, mlockall(MCL_CURRENT | MCL_FUTURE));
	guard = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	beyond = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, size & -PAGE);
	CT_CHECK(s, guard != MAP_FAILED && beyond != MAP_FAILED);
	CT_EQ(s, 0, close(fd));
	locked = status_kb("VmLck:");
	CT_DO(same_areas(s));
	CT_EQ(s, locked, status_kb("VmLck:"));
	CT_EQ(s, 0, mprotect(guard, 4 * PAGE, PROT_READ | PROT_WRITE));
	guard[PAGE] = 1;
	CT_EQ(s, 0, munlockall());
	CT_EQ(s, 0, status_kb("VmLck:"));
	return 0;
}

CT_ROUND_TRIP(memory, all_is_locked)

/* ---- huge pages -------------------------------------------------- */

static char *map_aligned(size_t len)
{
	char *p = map_anon(len + HUGE, 0);

	if (p == MAP_FAILED)
		return NULL;
	return (char *)(((unsigned long)p + HUGE - 1) & ~(HUGE - 1));
}

static int huge_pages_come_back(struct ct_shared *s, void *arg)
{
	const long huge_kb = have_huge_pages() ? 3 * HUGE / 1024 : 0;
	char *p = map_aligned(4 * HUGE);

	CT_CHECK(s, p);
	CT_EQ(s, 0, advise(p, 4 * HUGE, MADV_HUGEPAGE));
	fill(p, 3 * HUGE, 30);
	CT_EQ(s, huge_kb, smaps_kb(p, "AnonHugePages:"));
	ct_step(s, 1);
	CT_EQ(s, huge_kb, smaps_kb(p, "AnonHugePages:"));
	CT_CHECK(s, filled(p, 3 * HUGE, 30));
	CT_CHECK(s, is_zero(p + 3 * HUGE, HUGE));
	return 0;
}

CT_ROUND_TRIP(memory, huge_pages_come_back)

/* The checkpoint itself does not split them. */
TEST_F(memory, huge_pages_are_not_split)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, huge_pages_come_back, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

/* Single pages of an area that may have huge ones don't become huge. */
static int sparse_area_does_not_inflate(struct ct_shared *s, void *arg)
{
	char *p = map_aligned(8 * HUGE);
	int i;

	CT_CHECK(s, p);
	CT_EQ(s, 0, advise(p, 8 * HUGE, MADV_NOHUGEPAGE));
	for (i = 0; i < 8; i++)
		fill(p + i * HUGE + 5 * PAGE, PAGE, i);
	CT_EQ(s, 0, advise(p, 8 * HUGE, MADV_HUGEPAGE));
	CT_EQ(s, 8 * 4, smaps_kb(p, "Rss:"));
	ct_step(s, 1);
	CT_EQ(s, 8 * 4, smaps_kb(p, "Rss:"));
	CT_EQ(s, 0, smaps_kb(p, "AnonHugePages:"));
	for (i = 0; i < 8; i++)
		CT_CHECK(s, filled(p + i * HUGE + 5 * PAGE, PAGE, i));
	return 0;
}

CT_ROUND_TRIP(memory, sparse_area_does_not_inflate)

/* ---- the whole address space ------------------------------------- */

static int vdso_calls_work(struct ct_shared *s, void *arg)
{
	struct timespec a, b, c;
	char *vdso = (char *)getauxval(AT_SYSINFO_EHDR);
	unsigned int cpu = 999;

	CT_CHECK(s, vdso);
	ct_step(s, 1);
	CT_EQ(s, 0, memcmp(vdso, "\177ELF", 4));
	CT_EQ(s, 0, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &a));
	CT_EQ(s, 0, clock_gettime(CLOCK_MONOTONIC, &b));
	CT_EQ(s, 0, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &c));
	CT_IN(s, a.tv_sec * CT_SEC + a.tv_nsec, c.tv_sec * CT_SEC + c.tv_nsec,
	      b.tv_sec * CT_SEC + b.tv_nsec);
	CT_EQ(s, 0, syscall(SYS_clock_gettime, CLOCK_REALTIME, &a));
	CT_EQ(s, 0, clock_gettime(CLOCK_REALTIME, &b));
	CT_EQ(s, 0, syscall(SYS_clock_gettime, CLOCK_REALTIME, &c));
	CT_IN(s, a.tv_sec * CT_SEC + a.tv_nsec, c.tv_sec * CT_SEC + c.tv_nsec,
	      b.tv_sec * CT_SEC + b.tv_nsec);
	CT_EQ(s, 0, getcpu(&cpu, NULL));
	CT_CHECK(s, cpu < 64);
	return 0;
}

CT_ROUND_TRIP(memory, vdso_calls_work)

static int proc_files_are_the_same(struct ct_shared *s, void *arg)
{
	static const char *const names[] = {
		"/proc/self/auxv",
		"/proc/self/cmdline",
		"/proc/self/environ",
		"/proc/self/coredump_filter",
	};
	enum { NR = sizeof(names) / sizeof(names[0]) };
	static char before[NR][16384], after[16384];
	static char exe[PATH_MAX], exe_now[PATH_MAX];
	int len[NR], i;

	CT_EQ(s, 0, ct_write_file("/proc/self/coredump_filter", "0x7a\n"));
	for (i = 0; i < NR; i++) {
		len[i] = read_text(names[i], before[i], sizeof(before[i]));
		CT_CHECK(s, len[i] > 0);
	}
	CT_CHECK(s, readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	ct_step(s, 1);
	for (i = 0; i < NR; i++) {
		CT_EQ(s, len[i], read_text(names[i], after, sizeof(after)));
		CT_EQ(s, 0, memcmp(before[i], after, len[i]));
	}
	CT_CHECK(s, readlink("/proc/self/exe", exe_now, PATH_MAX - 1) > 0);
	CT_EQ(s, 0, strcmp(exe, exe_now));
	return 0;
}

CT_ROUND_TRIP(memory, proc_files_are_the_same)

/* A hole is found at the same place as without a restart. */
static int mmap_layout_goes_on(struct ct_shared *s, void *arg)
{
	char *p = map_anon(37 * PAGE, 0);

	CT_CHECK(s, p != MAP_FAILED);
	CT_EQ(s, 0, munmap(p, 37 * PAGE));
	ct_step(s, 1);
	CT_EQ(s, (long)p, (long)map_anon(37 * PAGE, 0));
	return 0;
}

CT_ROUND_TRIP(memory, mmap_layout_goes_on)

static int dumpable_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_DUMPABLE, 0));
	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_DUMPABLE));
	return 0;
}

CT_ROUND_TRIP(memory, dumpable_is_kept)

static int dumpable_stays_on(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 1, prctl(PR_GET_DUMPABLE));
	ct_step(s, 1);
	CT_EQ(s, 1, prctl(PR_GET_DUMPABLE));
	return 0;
}

CT_ROUND_TRIP(memory, dumpable_stays_on)

static int thp_disable_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	ct_step(s, 1);
	CT_EQ(s, 1, prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	return 0;
}

CT_ROUND_TRIP(memory, thp_disable_is_kept)

/* Pages that were swapped out are in the image, too. */
static int swapped_pages(struct ct_shared *s, void *arg)
{
	char *p = map_anon(4 * MB, 0);

	CT_CHECK(s, p != MAP_FAILED);
	fill(p, 4 * MB, 40);
	CT_EQ(s, 0, madvise(p, 4 * MB, MADV_PAGEOUT));
	CT_CHECK(s, smaps_kb(p, "Swap:") > 1024);
	ct_step(s, 1);
	CT_CHECK(s, filled(p, 4 * MB, 40));
	return 0;
}

TEST_F(memory, swapped_pages)
{
	int ret;

	ASSERT_EQ(0, ct_swap_on());
	ret = ct_round_trip(&self->ct, swapped_pages, NULL);
	ASSERT_EQ(0, ct_swap_off());
	ASSERT_EQ(0, ret);
}

/* ---- what is refused --------------------------------------------- */

static int local_descriptor_table(struct ct_shared *s, void *arg)
{
	struct {
		unsigned int entry, base, limit, flags;
	} d = { 0, 0, 0xfffff, 0x51 };

	CT_EQ(s, 0, syscall(SYS_modify_ldt, 1, &d, sizeof(d)));
	ct_step(s, 1);
	return 0;
}

TEST_F(memory, local_descriptor_table_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, local_descriptor_table, NULL,
				"LDT|not supported"));
}

TEST_HARNESS_MAIN
