// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: stress [options] [COMMAND...]
 *
 *	-t SECONDS	for each scene (10)
 *	-r ROUNDS	at the most in each scene (no limit)
 *	-c CYCLES	of checkpoint and restart in place (20)
 *	-s SECONDS	that a tool is stopped (2)
 *	-l SECONDS	that a tool may take (60); a beat may take as much longer
 *	-n NAME		only scenes whose name has NAME in it, or the cycles: a
 *			tree's begin with "a tree: "
 *	-p NUMBER	of scenes that the seed chooses (0: all)
 *	-S SEED		of the moments (from the clock; printed)
 *
 * Each scene is played with a single process, and with a tree.  COMMAND is the
 * workload of all scenes, in place of `busy`, which is looked for in PATH.  Runs
 * as root in an empty directory.  Prints TAP.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/ckpt.h>
#include "stress.h"

static unsigned int scene_seconds = 10, max_rounds, nr_cycles = 20, picks;
static const char *only;
static const char *const *command;
#define LONG 20 /* seconds from which each scene is measured by itself */

static unsigned int nr_rounds;
static unsigned int nr_tests, nr_failed;

/* ---- rmmod, all the while ---- */

static volatile bool unloading = true;
static pthread_mutex_t holding = PTHREAD_MUTEX_INITIALIZER;
static int held = -1; /* the device; protected by holding */
static volatile unsigned int busy_answers, other_answers;

static void *unloader(void *arg)
{
	(void)arg;
	while (unloading) {
		pthread_mutex_lock(&holding);
		if (held >= 0) {
			if (syscall(SYS_delete_module, "ckpt", O_NONBLOCK) &&
			    errno == EWOULDBLOCK)
				busy_answers++;
			else
				other_answers++;
		}
		pthread_mutex_unlock(&holding);
		pause_us(20000);
	}
	return NULL;
}

static void module_hold(void)
{
	pthread_mutex_lock(&holding);
	held = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	if (held < 0)
		wrong("%s: %s", CKPT_DEVICE, strerror(errno));
	pthread_mutex_unlock(&holding);
}

static void module_let_go(void)
{
	pthread_mutex_lock(&holding);
	if (held >= 0)
		close(held);
	held = -1;
	pthread_mutex_unlock(&holding);
}

/* ---- rounds ---- */

static void result(const char *name)
{
	const char *why = wrong_taken();

	nr_tests++;
	if (why) {
		say("%s", why);
		nr_failed++;
	}
	printf("%s %u %s\n", why ? "not ok" : "ok", nr_tests, name);
	fflush(stdout);
}

static void checkpoint_start(struct round *r)
{
	char pid[16];
	const char *const argv[] = { "checkpoint", "-o", "image", pid, NULL };

	snprintf(pid, sizeof(pid), "%d", r->target.pid);
	unlink("image");
	tool_start(&r->tool, "message", argv);
}

/* In every other round the target is frozen by then. */
static void await_moment(struct round *r)
{
	if (r->nr % 2)
		while (!tool_has_frozen(r->tool.pid) && !tool_ended(&r->tool))
			pause_us(200);
	pause_us(below(r->usual / 1000 / (1 + r->nr % 2)));
}

/* The target is there, and it runs; or it is dead, and may be. */
static void check_target(struct round *r, const struct scene *s)
{
	bool gone = target_gone(&r->target);

	if (!gone && beats(15))
		return;
	gone = target_gone(&r->target);
	if (!gone) {
		wrong("the target does not run on");
	} else if (!s->may_die) {
		char text[256];

		read_text("out.err", text, sizeof(text));
		wrong("the target has ended with %d: %s", r->target.status,
		      text);
	} else if (r->target.status && r->target.status != 128 + 9) {
		wrong("the target has ended with %d", r->target.status);
	} else {
		r->died++;
	}
}

static void one_round(struct round *r, const struct scene *s)
{
	bool disturbed = false;

	if (!r->target.alive)
		target_start(&r->target);
	if (!beats(15) && !s->may_die)
		wrong("the target does not begin");
	checkpoint_start(r);
	if (s->disturb) {
		await_moment(r);
		disturbed = r->tool.pid;
		if (disturbed)
			s->disturb(r);
	}
	tool_wait(&r->tool);
	if (s->mend && disturbed)
		s->mend(r);
	if (r->tool.status != 128 + 9) /* killed by the scene */
		verdict(r, &r->tool, "image");
	check_target(r, s);
	if (r->nr % 6 == 1 && !access("image", F_OK))
		try_restart(r, s, "image");
}

static int64_t usual[2]; /* ns; of a tree the second */

/* How long a checkpoint takes that is left alone; measured once. */
static int64_t usual_time(struct round *r)
{
	int64_t sum = 0;
	int i;

	if (usual[r->tree])
		return usual[r->tree];

	target_start(&r->target);
	for (i = 0; i < 3 && beats(15); i++) {
		checkpoint_start(r);
		tool_wait(&r->tool);
		sum += r->tool.took;
		if (target_gone(&r->target))
			target_start(&r->target);
	}
	usual[r->tree] = sum / 3;
	return usual[r->tree];
}

/* The next tool clears up what a killed one has left. */
static void clear_up(struct round *r)
{
	char pid[16];
	const char *const argv[] = { "checkpoint", "-o", "image", pid, NULL };
	const char *what;
	int64_t limit = in_seconds(20);

	if (!r->target.alive)
		target_start(&r->target);
	beats(15);
	snprintf(pid, sizeof(pid), "%d", r->target.pid);
	run(argv);
	target_kill(&r->target);
	do {
		what = leftovers();
		if (!what)
			return;
		pause_us(20000);
	} while (now() < limit);
	wrong("left behind: %s", what);
}

static void play(const struct scene *s, bool tree)
{
	/* with enough to write that something can happen meanwhile */
	char life[16], name[128];
	const char *const busy[] = { "busy",
				     "-l",
				     life,
				     "-m",
				     s->disturb ? "8192" : "1024",
				     s->mode,
				     tree ? "-t" : NULL,
				     NULL };
	struct round r = { .target.argv = command ?: busy, .tree = tree };
	int64_t end;

	snprintf(name, sizeof(name), "%s%s", tree ? "a tree: " : "", s->name);
	snprintf(life, sizeof(life), "%lld",
		 usual[tree] ? (long long)(3 * usual[tree] / MS) : 300);
	if (!s->unloads)
		module_hold();
	r.usual = usual_time(&r);
	if (scene_seconds >= LONG)
		growth_begin();
	end = now() + scene_seconds * SEC;
	do {
		if (s->alone)
			s->alone(&r);
		else
			one_round(&r, s);
		r.nr++;
	} while ((now() < end || r.nr < 2) &&
		 (!max_rounds || r.nr < max_rounds));
	clear_up(&r);
	if (scene_seconds >= LONG)
		growth_end(name, r.nr);
	nr_rounds += r.nr;
	module_let_go();
	if (s->sure && !r.images)
		wrong("there was no image at all");
	say("%s: %u rounds: %u images, %u errors, %u restarts, %u times dead",
	    name, r.nr, r.images, r.errors, r.restarts, r.died);
	tell_errors();
	result(name);
}

/* Of @left scenes *@wanted are still to be picked. */
static bool picked(unsigned int left, unsigned int *wanted)
{
	if (!picks)
		return true;
	if (below(left) >= *wanted)
		return false;
	--*wanted;
	return true;
}

static bool chosen(const char *what, bool tree)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", tree ? "a tree: " : "", what);
	return !only || strstr(name, only);
}

/* A workload that we are given is whatever it is. */
static bool fits(const struct scene *s, bool tree)
{
	return tree ? !command : command || !s->tree;
}

static void play_scenes(void)
{
	unsigned int i, tree, left = 0, wanted = picks;

	for (i = 0; i < 2 * nr_scenes; i++)
		left += fits(&scenes[i / 2], i % 2);
	for (i = 0; i < 2 * nr_scenes; i++) {
		tree = i % 2;
		if (fits(&scenes[i / 2], tree) && picked(left--, &wanted) &&
		    chosen(scenes[i / 2].name, tree))
			play(&scenes[i / 2], tree);
	}
}

#define CYCLES "cycles of checkpoint and restart in place"

static void play_cycles(bool tree)
{
	const char *const busy[] = { "busy", "maps", tree ? "-t" : NULL, NULL };

	if (!chosen(CYCLES, tree))
		return;
	cycles(command ?: busy, nr_cycles);
	result(tree ? "a tree: " CYCLES : CYCLES);
}

/* Where only a few scenes are played, one of the two workloads has to do. */
static void play_both_cycles(void)
{
	bool one = picks && !command, tree = one && below(2);

	if (!nr_cycles)
		return;
	if (!one || !tree)
		play_cycles(false);
	if (!command && (!one || tree))
		play_cycles(true);
}

static void play_all(void)
{
	pthread_t thread;

	thorough = scene_seconds >= LONG || nr_cycles >= 100;
	if (pthread_create(&thread, NULL, unloader, NULL))
		exit(1);
	if (scene_seconds < LONG)
		growth_begin();
	play_scenes();
	if (scene_seconds < LONG)
		growth_end("all scenes", nr_rounds);
	result("nothing grows");
	unloading = false;
	pthread_join(thread, NULL);
	say("rmmod while the module is in use: %u times busy, %u times not",
	    busy_answers, other_answers);
	if (other_answers || (!only && !picks && !busy_answers))
		wrong("rmmod of a module in use");
	result("rmmod says busy all the while");
	play_both_cycles();
}

static unsigned int parse(int argc, char **argv)
{
	unsigned int seed = time(NULL);
	int c;

	while ((c = getopt(argc, argv, "+t:r:c:s:l:n:p:S:")) != -1) {
		unsigned int value = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 't':
			scene_seconds = value;
			break;
		case 'r':
			max_rounds = value;
			break;
		case 'c':
			nr_cycles = value;
			break;
		case 's':
			stop_seconds = value;
			break;
		case 'l':
			tool_limit = value * SEC;
			break;
		case 'n':
			only = optarg;
			break;
		case 'p':
			picks = value;
			break;
		case 'S':
			seed = value;
			break;
		default:
			exit(2);
		}
	}
	if (argv[optind])
		command = (const char *const *)argv + optind;
	return seed;
}

int main(int argc, char **argv)
{
	unsigned int seed = parse(argc, argv);

	srandom(seed);
	if ((mkdir(HOME, 0755) && errno != EEXIST) ||
	    (mkdir(OTHER, 0755) && errno != EEXIST)) {
		perror(HOME);
		return 1;
	}
	puts("TAP version 13");
	say("SEED=%u", seed);
	play_all();
	rmdir(HOME);
	rmdir(OTHER);
	printf("1..%u\n", nr_tests);
	return nr_failed ? 1 : 0;
}
