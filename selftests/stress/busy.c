// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: busy [-t] [-m KIB] [-n COUNT] [-l MS] plain|exits|execs|forks|maps|files|saves
 *
 * A workload for the stress loops: it is never idle, and verifies itself at
 * every turn.  What any workload does: it changes the file "beat" while it goes
 * on, and ends with status 0 when there is a file "end", with another one, and
 * a line on stderr, when something is not what it was.
 *
 * With -t it is a tree, whose members do what is asked for: see grove.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/ckpt.h>
#include "busy.h"

#define PAGE 4096UL
#define SLOTS 24
#define SLOT_PAGES 8
#define FILES 4
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

uint64_t count;
int busy_alone;
static uint64_t *ballast;
static size_t ballast_words;
static size_t ballast_kib = 1024;
static unsigned int random_state;
static unsigned int life_ms = 300; /* exits: how long at the most */

void busy_seed(void)
{
	random_state = getpid() + count;
}

static unsigned int choose(unsigned int below)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % below;
}

/* ---- memory that must keep its contents ---- */

static void ballast_fill(void)
{
	size_t i;

	ballast_words = ballast_kib * 1024 / sizeof(*ballast);
	ballast = mmap(NULL, ballast_kib * 1024, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ballast != MAP_FAILED);
	for (i = 0; i < ballast_words; i++)
		ballast[i] = count + i;
}

/* A few pages of it each turn: checked, and moved on by one. */
static void ballast_turn(void)
{
	static uint64_t base;
	static size_t pos;
	size_t end;

	if (!base && !pos)
		base = ballast[0];
	end = pos + 4096;
	if (end > ballast_words)
		end = ballast_words;
	for (; pos < end; pos++) {
		CHECK(ballast[pos] == base + pos);
		ballast[pos]++;
	}
	if (pos == ballast_words) {
		pos = 0;
		base++;
	}
}

/* ---- what it does ---- */

static void turn_plain(char **argv)
{
	(void)argv;
}

static void turn_exits(char **argv)
{
	static int64_t end;
	struct timespec ts;
	int64_t now;

	(void)argv;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
	if (!end)
		end = now + choose(life_ms);
	if (now >= end)
		exit(0);
}

/* The count goes on, and so does all that follows from it. */
static void turn_execs(char **argv)
{
	char text[32], kib[32], where[64];

	if (!choose(2))
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)count);
	snprintf(kib, sizeof(kib), "%zu", ballast_kib);
	snprintf(where, sizeof(where), "%d,%d,%d", place.member, place.in,
		 place.out);
	execl("/proc/self/exe", argv[0], "-m", kib, "-n", text, "-p", where,
	      "execs", NULL);
	CHECK(!"execl");
}

static void turn_forks(char **argv)
{
	int status, i, nr = 1 + choose(3);
	uint64_t first = ballast[0];
	pid_t pid[4];

	(void)argv;
	for (i = 0; i < nr; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i])
			continue;
		ballast[0]++; /* of its own */
		_exit(ballast[0] == first + 1 ? 0 : WRONG);
	}
	for (i = 0; i < nr; i++) {
		while (waitpid(pid[i], &status, 0) < 0)
			CHECK(errno == EINTR);
		CHECK(!status);
	}
	CHECK(ballast[0] == first);
}

struct slot {
	uint8_t *at; /* NULL: not mapped */
	size_t pages;
	int prot;
	uint8_t mark;
};

static struct slot slots[SLOTS];

static void slot_map(struct slot *s)
{
	s->pages = 1 + choose(SLOT_PAGES);
	s->prot = PROT_READ | PROT_WRITE;
	s->mark = choose(256);
	s->at = mmap(NULL, s->pages * PAGE, s->prot,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s->at != MAP_FAILED);
	memset(s->at, s->mark, s->pages * PAGE);
}

static void slot_check(const struct slot *s)
{
	size_t i;

	if (s->prot == PROT_NONE)
		return;
	for (i = 0; i < s->pages * PAGE; i += 512)
		CHECK(s->at[i] == s->mark);
}

static void slot_remap(struct slot *s)
{
	size_t pages = 1 + choose(SLOT_PAGES);
	size_t old = s->pages;
	uint8_t *at = mremap(s->at, old * PAGE, pages * PAGE, MREMAP_MAYMOVE);

	CHECK(at != MAP_FAILED);
	s->at = at;
	s->pages = pages;
	if (pages > old && s->prot & PROT_WRITE) {
		memset(at + old * PAGE, s->mark, (pages - old) * PAGE);
	} else if (pages > old) { /* what is new is zero */
		CHECK(!munmap(at + old * PAGE, (pages - old) * PAGE));
		s->pages = old;
	}
}

static void slot_protect(struct slot *s)
{
	static const int prots[] = { PROT_NONE, PROT_READ,
				     PROT_READ | PROT_WRITE };

	s->prot = prots[choose(3)];
	CHECK(!mprotect(s->at, s->pages * PAGE, s->prot));
}

static void turn_maps(char **argv)
{
	struct slot *s;
	int i;

	(void)argv;
	for (i = 0; i < 64; i++) {
		s = &slots[choose(SLOTS)];
		if (!s->at) {
			slot_map(s);
			continue;
		}
		slot_check(s);
		switch (choose(3)) {
		case 0:
			CHECK(!munmap(s->at, s->pages * PAGE));
			s->at = NULL;
			break;
		case 1:
			slot_remap(s);
			break;
		default:
			slot_protect(s);
		}
	}
}

/*
 * Others rename and cut them, so that only the calls are checked.  None is
 * unlinked while it is open: that would be refused.
 */
static void turn_files(char **argv)
{
	static int fd[FILES];
	char name[32], to[32];
	int i = choose(FILES);

	(void)argv;
	snprintf(name, sizeof(name), "data.%d", i);
	if (!fd[i]) {
		fd[i] = open(name, O_RDWR | O_CREAT, 0644);
		CHECK(fd[i] > 0);
	}
	CHECK(pwrite(fd[i], &count, sizeof(count), choose(64) * 512) > 0);
	if (choose(4))
		return;
	if (choose(2)) {
		CHECK(!ftruncate(fd[i], choose(32768)));
	} else if (choose(2)) {
		close(fd[i]);
		fd[i] = 0;
	} else {
		snprintf(to, sizeof(to), "old.%d", i);
		CHECK(!rename(name, to) || errno == ENOENT);
		close(fd[i]);
		fd[i] = 0;
	}
}

/* It checkpoints itself; after a restart it comes back from here, too. */
static void turn_saves(char **argv)
{
	struct ckpt_ioc_checkpoint arg = { .size = sizeof(arg),
					   .logfd = CHECKPOINT_FD_NONE,
					   .flags = CHECKPOINT_SUBTREE };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC), ret;

	(void)argv;
	if (dev < 0) /* the module is away for a moment */
		return;
	arg.fd = open("saved", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(arg.fd >= 0);
	ret = ioctl(dev, CKPT_IOC_CHECKPOINT, &arg);
	/* it has its own image and the device open: refused by name, or not */
	CHECK(ret >= 0 || errno == EOPNOTSUPP || errno == EINTR);
	close(arg.fd);
	close(dev);
}

static const struct mode {
	const char *name;
	void (*turn)(char **argv);
} modes[] = {
	{ "plain", turn_plain }, { "exits", turn_exits },
	{ "execs", turn_execs }, { "forks", turn_forks },
	{ "maps", turn_maps },	 { "files", turn_files },
	{ "saves", turn_saves },
};

static void (*turn_of(const char *name))(char **)
{
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(name, modes[i].name))
			return modes[i].turn;
	fputs("busy: which workload?\n", stderr);
	exit(2);
}

static void beat(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%llu\n",
			 (unsigned long long)count);

	CHECK(pwrite(fd, text, n, 0) == n);
}

static void (*turn)(char **argv);
static char **arguments;

void busy_turn(void)
{
	count++;
	ballast_turn();
	turn(arguments);
}

/* In a tree it is the members who have turns. */
static void run(bool tree)
{
	int fd = open("beat", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd >= 0);
	if (tree)
		grove_plant();
	while (access("end", F_OK)) {
		if (!tree) {
			busy_turn();
			beat(fd);
		} else if (grove_turn()) {
			count++;
			ballast_turn();
			beat(fd);
		}
	}
	if (tree)
		grove_end();
}

int main(int argc, char **argv)
{
	bool tree = false;
	int c;

	while ((c = getopt(argc, argv, "m:n:l:p:t")) != -1) {
		if (c == 'm')
			ballast_kib = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			count = strtoull(optarg, NULL, 10);
		else if (c == 'l')
			life_ms = strtoul(optarg, NULL, 10);
		else if (c == 't')
			tree = true;
		else if (c != 'p' || sscanf(optarg, "%d,%d,%d", &place.member,
					    &place.in, &place.out) != 3)
			return 2;
	}
	arguments = argv;
	turn = turn_of(argv[optind]);
	/* no process of several threads does this */
	busy_alone = turn == turn_saves;
	busy_seed();
	if (tree) /* all have as much together as one has otherwise */
		ballast_kib /= MEMBERS + 1;
	ballast_fill();
	if (place.member >= 0)
		grove_member();
	run(tree);
	return 0;
}
