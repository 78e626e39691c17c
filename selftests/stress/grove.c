// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workload as a tree: a root, and members, each with a thread.  The root
 * sends each a number through a pipe, and gets it back through another; it makes
 * a new member of one that has ended by itself, or was killed.  It goes on when
 * all of them have gone on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "busy.h"

struct place place = { .member = -1 };

/* The root's side of a member. */
struct branch {
	pid_t pid;
	int to, from;
	uint64_t sent;
	bool waits; /* for it to come back */
	uint64_t beats, thread_beats; /* when all had gone on */
};

static struct branch branches[MEMBERS];
static struct member *members;

static void members_map(void)
{
	int fd = open("members", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && !ftruncate(fd, MEMBERS * sizeof(*members)));
	members = mmap(NULL, MEMBERS * sizeof(*members), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);
	CHECK(members != MAP_FAILED);
	close(fd);
}

/* ---- a member ---- */

static void *thread_main(void *arg)
{
	volatile uint64_t own = 0;

	(void)arg;
	while (access("end", F_OK)) {
		own++;
		members[place.member].thread_beats++;
		usleep(500);
		CHECK(own);
	}
	return NULL;
}

static void give_back(void)
{
	uint64_t number;
	ssize_t n = read(place.in, &number, sizeof(number));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	CHECK(n == sizeof(number));
	do
		n = write(place.out, &number, sizeof(number));
	while (n < 0 && errno == EINTR);
	CHECK(n == sizeof(number));
}

void grove_member(void)
{
	pthread_t thread;

	busy_seed();
	if (!members)
		members_map();
	if (!busy_alone)
		CHECK(!pthread_create(&thread, NULL, thread_main, NULL));
	while (access("end", F_OK)) {
		members[place.member].beats++;
		members[place.member].thread_beats += busy_alone;
		give_back();
		busy_turn();
	}
	exit(0);
}

/* ---- the root ---- */

static void branch_grow(int i)
{
	struct branch *b = &branches[i];
	int to[2], from[2];
	pid_t root = getpid();

	CHECK(!pipe2(to, O_NONBLOCK) && !pipe2(from, O_NONBLOCK));
	b->pid = fork();
	CHECK(b->pid >= 0);
	if (!b->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != root)
			_exit(0);
		close(to[1]);
		close(from[0]);
		place = (struct place){ i, to[0], from[1] };
		grove_member();
	}
	close(to[0]);
	close(from[1]);
	b->to = to[1];
	b->from = from[0];
	b->waits = false;
	members[i].pid = b->pid;
}

static void branch_cut(struct branch *b)
{
	close(b->to);
	close(b->from);
	b->pid = 0;
}

/* What was sent comes back, once, or the member has ended. */
static void branch_turn(struct branch *b)
{
	uint64_t number;
	ssize_t n;

	if (!b->waits) {
		b->sent++;
		n = write(b->to, &b->sent, sizeof(b->sent));
		CHECK(n == sizeof(b->sent) || (n < 0 && errno == EPIPE));
		b->waits = true;
		return;
	}
	n = read(b->from, &number, sizeof(number));
	if (!n || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	CHECK(n == sizeof(number) && number == b->sent);
	b->waits = false;
}

static void reap(bool again)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, again ? WNOHANG : 0)) > 0) {
		CHECK(!status || status == SIGKILL);
		for (i = 0; i < MEMBERS; i++) {
			if (branches[i].pid != pid)
				continue;
			branch_cut(&branches[i]);
			if (again)
				branch_grow(i);
		}
	}
}

void grove_plant(void)
{
	int i;

	signal(SIGPIPE, SIG_IGN);
	members_map();
	for (i = 0; i < MEMBERS; i++)
		branch_grow(i);
}

int grove_turn(void)
{
	struct branch *b;
	bool all = true;
	int i;

	reap(true);
	for (i = 0; i < MEMBERS; i++) {
		b = &branches[i];
		branch_turn(b);
		all &= members[i].beats != b->beats &&
		       members[i].thread_beats != b->thread_beats;
	}
	for (i = 0; all && i < MEMBERS; i++) {
		branches[i].beats = members[i].beats;
		branches[i].thread_beats = members[i].thread_beats;
	}
	usleep(200);
	return all;
}

void grove_end(void)
{
	reap(false);
}
