/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection: what its files share.
 *
 * A tester drives programs that are rich in state (program.c) through the
 * operations of the module, and makes something fail in each of them.  In the
 * tester a function returns 0, or -1 after it has printed what is wrong.
 */
#ifndef _CKPT_FAULT_H
#define _CKPT_FAULT_H

#include <ckpt.h>
#include "ckpt_test.h"

#define PATIENCE_MS 60000 /* for anything that must come, on a slow machine */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define REC_MAX 4096 /* records of an image that are looked at */
#define LOG_MAX 8192

/* Slots of ct_shared's data. */
enum slot {
	SLOT_COUNT, /* program: turns of its loop, each a full check of itself */
	SLOT_WHO, /* program: which one it is, said in each turn */
	SLOT_HOLD, /* tester: HOLD_* */
	SLOT_HELD, /* program: it is between two turns */
	SLOT_CMD, /* tester: what to do to oneself */
	SLOT_READY, /* program: everything is open for it */
	SLOT_ARM, /* tester: do it */
	SLOT_DONE, /* program: done */
	SLOT_RET, /* program: what the ioctl returned */
	SLOT_ERRNO,
	SLOT_KIN_BEATS = 16, /* tree: turns of those that run */
	SLOT_KIN_HELD = 20, /* they are between two turns */
	SLOT_KIN_PIDS = 24, /* and the other processes */
};

#define NR_KIN_PIDS 3

/* Those of the tree that run beside its root. */
enum kin { KIN_THREAD, KIN_CHILD, KIN_SHARER, NR_KIN };

/* Stay between two turns, making system calls that no fault can disturb. */
enum hold { HOLD_NOT, HOLD_AWAKE, HOLD_ASLEEP };

enum command { CMD_NONE, CMD_CHECKPOINT, CMD_RESTART };

/* Which program is running; told by the image's own memory. */
enum who {
	WHO_NONE,
	WHO_TARGET, /* has seccomp filters, which a self checkpoint refuses */
	WHO_SMALL, /* the same with little memory: a snapshot copies it at once */
	WHO_LARGE, /* the same with so much of it that kernel threads help */
	WHO_SELF, /* does CMD_* */
	WHO_ODD, /* has a descriptor that no checkpoint takes */
	WHO_GROVE, /* is a tree */
};

/**
 * struct program - what a program is to be
 * @who: which one it is
 * @dir: directory for its files; "saved" is what CMD_CHECKPOINT writes, "image"
 *	what CMD_RESTART reads, "log" what the module says of either
 */
struct program {
	enum who who;
	char dir[96];
};

#define FD_FAR 300

/* program.c */
int fault_program(struct ct_shared *s, void *arg);
/* grove.c: what else belongs to WHO_GROVE */
int grove_make(struct ct_shared *s);
int grove_check(struct ct_shared *s);

/**
 * struct image - where the records of a good image lie
 * @size: of it, in bytes
 * @head: bytes up to the end of its last task of the tree
 * @root: pid of its first task
 * @nr: records
 * @type: of each
 * @len: of each
 * @offset: of each
 */
struct image {
	__u64 size;
	__u64 head;
	pid_t root;
	unsigned int nr;
	__s32 type[REC_MAX];
	__u32 len[REC_MAX];
	__u64 offset[REC_MAX];
};

/**
 * struct sample - a good image
 * @path: of it
 * @who: of what
 * @img: its records
 */
struct sample {
	char path[96];
	enum who who;
	struct image img;
};

/**
 * struct tally - what became of the faults of one operation
 * @injected: faults
 * @refused: the operation returned an error
 * @unnamed: of these: it said nothing, since it had not begun
 * @harmless: it succeeded, whole
 * @killed: a task that could not go back was killed
 */
struct tally {
	unsigned int injected, refused, unnamed, harmless, killed;
};

/**
 * struct fault - the tester
 * @ct: the program under test
 * @program: what it is
 * @img: path of the image that attempts write
 * @single: a good image of WHO_TARGET
 * @little: one of WHO_SMALL
 * @much: one of WHO_LARGE
 * @grove: one of WHO_GROVE
 * @now: that of what is being tried
 * @log: read end of the log's pipe
 * @logfd: the other end
 * @text: what came out of it
 * @nth: /proc/self/fail-nth, or -1
 * @arm: number of the fault of the next operation, or 0
 * @arm_child: it is the joined child's, not the coordinator's
 * @untouched: the last one has not happened
 * @step: each how many-th fault is injected
 * @phase: the first one, below @step
 * @last: the last one
 * @seed: chooses
 * @until: ct_now() at which all that is not done is left out, or 0
 * @which: task of a tree whose fault is armed, by its index, ghosts last; -1: the
 *	coordinator
 * @snapshot: a checkpoint is CHECKPOINT_SNAPSHOT and CKPT_IOC_STREAM
 * @workers: of the operation: 1, or with a helper 2
 * @leaks: look for leaks after each operation, not just in the end
 * @only: do what has this in its name
 * @began: time of the last result
 * @tally: of the operation at hand
 */
struct fault {
	struct ct ct;
	struct program program;
	char img[96];
	struct sample single, little, much, grove;
	struct sample *now;
	int log, logfd;
	char text[LOG_MAX];
	int nth;
	unsigned int arm;
	bool arm_child, untouched;
	unsigned int step, phase, last;
	unsigned int seed;
	int64_t until;
	int which;
	bool snapshot;
	unsigned int workers;
	bool leaks;
	const char *only;
	int64_t began;
	struct tally tally;
};

/* tester.c: programs, images, the log, the state of the machine */
int fault_begin(struct fault *f);
void fault_end(struct fault *f);
int program_start(struct fault *f, enum who who);
int program_end(struct fault *f);
int program_runs(struct fault *f, enum who who);
int program_freeze(struct fault *f);
int program_thaw(struct fault *f);
int wait_slot(struct fault *f, enum slot where, int64_t value);
int child_ends(pid_t pid);
void log_drain(struct fault *f);
void log_drain_file(struct fault *f, const char *path);
int image_scan(const char *path, struct image *img);
int image_same(const struct image *ref, const char *good, const char *path);
int world_same(struct fault *f);
int checkpoint_now(struct fault *f, int img, int logfd, __u64 *bytes);
int restart_now(struct fault *f, int img, int logfd, __u64 head, pid_t *child);

/* arm.c: where faults are armed */
int thread_faults(const char *fault, const char *function);
int nth_open(pid_t pid);
int nth_arm(int fd, unsigned int nth);
bool nth_disarm(int fd);
/* What the last nth_disarm() found to be left of the number. */
extern unsigned int nth_left;

/* tree.c: restarts of WHO_GROVE */
int tree_size(struct fault *f, int *tasks);
int tree_restart(struct fault *f, int img, bool *begun);
int tree_end(struct fault *f);

/* nth.c: allocations and user copies fail */
void nth_series(struct fault *f);
/* stream.c: reads and writes of the image fail */
void stream_series(struct fault *f);
/* leaks.c: kmemleak and slab counts */
int leaks_begin(struct fault *f);
int leaks_check(struct fault *f);

/* main.c: the verdict of one series, as TAP */
void result(struct fault *f, const char *name, int err);
void result_skip(const char *name, const char *why);

#endif /* _CKPT_FAULT_H */
