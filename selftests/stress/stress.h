/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stress loops: a workload is checkpointed again and again, while something
 * happens to it, to its group or to the tool.
 *
 * A workload is a command (see busy.c for what it must do).  A round begins
 * with a running target in the group HOME, runs one tool or two, and ends with
 * a verdict: each tool has made a valid image or said in one line why not, and
 * the target runs on, unless it is dead by its own cause.
 */
#ifndef _STRESS_H
#define _STRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUPS "/sys/fs/cgroup"
#define HOME CGROUPS "/stress.home"
#define OTHER CGROUPS "/stress.other"
#define MS 1000000LL
#define SEC 1000000000LL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- world.c: time, files, processes ---- */

/**
 * struct tool - one run of a tool
 * @pid: its pid, 0 when it has been waited for
 * @msg: file that has its stderr
 * @name: of the tool
 * @began: when
 * @took: how long, ns
 * @status: exit status, or 128 + signal
 */
struct tool {
	pid_t pid;
	const char *msg, *name;
	int64_t began, took;
	int status;
};

/**
 * struct target - the workload
 * @argv: its command
 * @pid: its pid
 * @alive: it is our child and has not been waited for
 * @status: as it ended: exit status, or 128 + signal
 */
struct target {
	const char *const *argv;
	pid_t pid;
	bool alive;
	int status;
};

extern int64_t tool_limit; /* ns: no tool takes longer to end, once it is to */

int64_t now(void);
/* The time in @seconds where @tool_limit is a minute, in more where it is more. */
int64_t in_seconds(unsigned int seconds);
void pause_us(unsigned int us);
unsigned int below(unsigned int n);
bool read_text(const char *path, char *buf, size_t size);
int write_text(const char *path, const char *text);
__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
/* Notes a failure, once for each round. */
__attribute__((format(printf, 1, 2))) void wrong(const char *fmt, ...);
/* Takes what wrong() has noted, or returns NULL. */
const char *wrong_taken(void);

void tool_start(struct tool *t, const char *msg, const char *const argv[]);
/* Waits; one that does not end within @tool_limit from now is killed, and noted. */
void tool_wait(struct tool *t);
bool tool_ended(struct tool *t);
/* Its only line; NULL (and noted) unless it has said one and ended with 1. */
const char *tool_error(const struct tool *t);
/* Runs it quietly. */
int run(const char *const argv[]);

void target_start(struct target *t);
void target_kill(struct target *t);
/* A process of a tree, not its root; 0: it is none, or has none yet. */
pid_t target_member(unsigned int nr);
/* Looks whether it has ended. */
bool target_gone(struct target *t);
/* Waits until the workload has gone on, until in_seconds(@seconds). */
bool beats(unsigned int seconds);
/* Group of a tool, below HOME; true once the target is frozen in it. */
bool tool_has_frozen(pid_t tool);
void tool_group(pid_t tool, char *buf, size_t size);
/* Notes that it has not, after it has said where all processes are. */
void stuck(const char *who);
/* What is left that should not be, or NULL. */
const char *leftovers(void);

/* ---- growth.c: what must not grow ---- */

/* Slabs, too, which takes a while: each cache is made to shrink. */
extern bool thorough;

void growth_begin(void);
/* Notes what has grown with @rounds. */
void growth_end(const char *what, unsigned int rounds);

/* ---- scenes.c ---- */

struct round {
	struct target target;
	struct tool tool, second;
	unsigned int nr;
	bool tree; /* the workload is one */
	int64_t usual; /* ns that the tool takes when nothing happens */
	unsigned int images, errors, restarts, died;
};

/**
 * struct scene - something that happens
 * @name: its name
 * @mode: workload of busy
 * @disturb: the tool is at work: do it
 * @mend: the tool has ended: undo it
 * @second: command of a second tool, started together with the first
 * @alone: does all of a round itself
 * @may_die: the target may be dead afterwards
 * @sure: nothing prevents images
 * @unloads: nobody else holds the module meanwhile
 * @may_refuse: its images need not be restartable
 * @tree: only a tree has it
 */
struct scene {
	const char *name;
	const char *mode;
	void (*disturb)(struct round *r);
	void (*mend)(struct round *r);
	void (*alone)(struct round *r);
	bool may_die, may_refuse, sure, unloads, tree;
};

extern const struct scene scenes[];
extern const unsigned int nr_scenes;
extern unsigned int stop_seconds; /* how long a tool is stopped */

/* The kinds of verdict on a checkpoint whose image would be @image. */
void verdict(struct round *r, struct tool *t, const char *image);
/* A sampled restart of an image; the target is gone afterwards. */
void try_restart(struct round *r, const struct scene *s, const char *image);
void count_error(const char *line);
void tell_errors(void);

/* ---- cycles.c ---- */

/* @nr checkpoints with --kill and restarts of the same program. */
void cycles(const char *const argv[], unsigned int nr);

#endif /* _STRESS_H */
