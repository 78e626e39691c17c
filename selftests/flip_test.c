// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image with one flipped bit is refused before the program runs a single
 * instruction: the program does nothing but count in a shared mapping of a
 * file, so that the first instructions that it would run can be seen there.
 * (That every bit is found is shown by unit/flip_test.c, on the host.)
 *
 * Each part of a record of each type is hit at least once.  Environment: SEED
 * (default: from the clock; printed), FLIPS (how many, 110).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define BEAT(s) ((s)->data[0])

/* Parts of a record. */
enum part { FRONT, CSUM, BODY, TAIL, END, PAGES, PARTS };

static const char *const part_name[PARTS] = { "front",	   "checksum",
					      "structure", "variable data",
					      "end",	   "pages" };

struct place {
	off_t at;
	size_t len;
};

/* Places of one kind: a part of all records of one type. */
struct places {
	const char *record;
	enum part part;
	int nr, room;
	struct place *place;
};

static struct places places[CKPT_HDR_MAX][PARTS];

static const size_t fixed_size[CKPT_HDR_MAX] = {
#define CKPT_X(name, num, st, tail) [num] = sizeof(struct st),
	CKPT_RECORDS(CKPT_X)
#undef CKPT_X
};

/* ---- the program ---- */

static int pending_signals(struct ct_shared *s)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN };
	struct itimerspec far = { .it_value.tv_sec = 100000 };
	sigset_t all;
	timer_t timer;

	sigfillset(&all);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, &all, NULL));
	CT_EQ(s, 0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	CT_EQ(s, 0, timer_settime(timer, 0, &far, NULL));
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 0, kill(getpid(), SIGUSR2));
	return 0;
}

static int allow_all(struct ct_shared *s)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &insn };

	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CT_EQ(s, 0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	return 0;
}

/* A record of each type that there is, then counting, without a system call. */
static int beating(struct ct_shared *s, void *arg)
{
	static char memory[40 * 4096];
	int fds[2];

	memset(memory, 0x5a, sizeof(memory));
	CT_CHECK(s, eventfd(3, 0) >= 0);
	CT_EQ(s, 5, write(memfd_create("flip", 0), "hello", 5));
	CT_EQ(s, 0, pipe(fds));
	CT_EQ(s, 5, write(fds[1], "hello", 5));
	CT_DO(pending_signals(s));
	CT_DO(allow_all(s));
	s->ready = 1;
	while (s->go < 1)
		BEAT(s)++;
	return 0;
}

/* ---- where to flip ---- */

static void add_place(int type, enum part part, off_t at, long len)
{
	struct places *p = &places[type][part];

	if (len <= 0)
		return;
	p->record = ckpt_rec_name(type);
	p->part = part;
	if (p->nr == p->room) {
		p->room = 2 * p->room + 4;
		p->place = realloc(p->place, p->room * sizeof(*p->place));
		if (!p->place)
			abort();
	}
	p->place[p->nr++] = (struct place){ at, len };
}

static void add_record(const struct ckpt_hdr *rec, off_t at)
{
	size_t pages = 0, fixed = fixed_size[rec->type];
	const struct ckpt_hdr_pgarr *pgarr = (const void *)rec;

	if (rec->type == CKPT_HDR_PGARR)
		pages = pgarr->compress ?
				(pgarr->packed_len + 7UL) & ~7UL :
				(size_t)pgarr->nr_pages * CKPT_PAGE_SIZE;
	add_place(rec->type, FRONT, at, sizeof(*rec));
	add_place(rec->type, CSUM, at + sizeof(*rec), 8);
	add_place(rec->type, BODY, at + 16, fixed - 16);
	add_place(rec->type, TAIL, at + fixed, rec->len - fixed - pages);
	add_place(rec->type, END, at + rec->len - pages - 8, 8);
	add_place(rec->type, PAGES, at + rec->len - pages, pages);
}

/* Return: 0, or -1 if the image is not whole or lacks a type of record. */
static int find_places(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret, type, missing = 0;
	struct ckpt_image *img = ckpt_image_open(fd);
	const struct ckpt_hdr *rec;

	while ((ret = ckpt_image_next(img, &rec)) > 0)
		add_record(rec, ckpt_image_offset(img));
	if (ret)
		ct_say("%s", ckpt_error());
	ckpt_image_close(img);
	close(fd);
	for (type = 0; type < CKPT_HDR_MAX; type++) {
		if (!fixed_size[type] || type == CKPT_HDR_ERR ||
		    places[type][FRONT].nr)
			continue;
		ct_say("no %s in the image: teach beating() to have one",
		       ckpt_rec_name(type));
		missing++;
	}
	return ret || missing ? -1 : 0;
}

/* ---- flips ---- */

static int flip(const char *path, off_t at, int bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), err;
	unsigned char c;

	err = pread(fd, &c, 1, at) != 1;
	c ^= 1 << bit;
	err = err || pwrite(fd, &c, 1, at) != 1;
	close(fd);
	return err ? ct_say("%s: %m", path) : 0;
}

/* The restart must fail, the program must not have begun, nothing is left. */
static int refused(struct ct *ct)
{
	int status;

	BEAT(ct->s) = 0;
	status = ct_tool(ct, "restart", "-i", ct->img, NULL);
	if (BEAT(ct->s))
		return ct_say("the program has run");
	if (status != 1)
		return ct_say("restart: status %d: %s", status, ct->err);
	if (strncmp(ct->err, "restart: ", 9) || !strchr(ct->err, '\n') ||
	    strchr(ct->err, '\n')[1])
		return ct_say("not one line: %s", ct->err);
	if (!kill(ct->pid, 0) || errno != ESRCH)
		return ct_say("process %d is still there", ct->pid);
	if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD)
		return ct_say("a child is left");
	return BEAT(ct->s) ? ct_say("the program has run") : 0;
}

static int flip_in(struct ct *ct, const struct places *p)
{
	const struct place *place = &p->place[rand() % p->nr];
	off_t at = place->at + rand() % place->len;
	int bit = rand() % 8, ret;

	if (flip(ct->img, at, bit))
		return -1;
	ret = refused(ct);
	if (ret)
		ct_say("bit %d of byte %lld flipped: %s, %s", bit,
		       (long long)at, p->record, part_name[p->part]);
	return flip(ct->img, at, bit) ?: ret;
}

static int number_of(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? atoi(text) : otherwise;
}

CT_FIXTURE(flip)

TEST_F_TIMEOUT(flip, of_one_bit_is_refused_before_the_program_runs, 900)
{
	int seed = number_of("SEED", time(NULL)), flips, i, done = 0;
	struct ct *ct = &self->ct;
	struct places *p = &places[0][0];
	int all = CKPT_HDR_MAX * PARTS;

	flips = number_of("FLIPS", 110);
	srand(seed);
	ASSERT_EQ(0, ct_start(ct, beating, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, find_places(ct->img));
	for (i = 0; i < all; i++)
		if (p[i].nr && ++done)
			ASSERT_EQ(0, flip_in(ct, &p[i]))
	TH_LOG("SEED=%d", seed);
	while (done < flips) {
		i = rand() % all;
		if (p[i].nr && ++done)
			ASSERT_EQ(0, flip_in(ct, &p[i]))
		TH_LOG("SEED=%d", seed);
	}
	ct_say("SEED=%d, %d flips", seed, done);

	/* as it was, it runs, and that is seen */
	BEAT(ct->s) = 0;
	ASSERT_EQ(0, ct_restart(ct));
	for (i = 0; i < 2000 && !BEAT(ct->s); i++)
		ct_sleep_ms(5);
	ASSERT_NE(0, BEAT(ct->s));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_join(ct));
}

TEST_HARNESS_MAIN
