/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tasks of a restart, before they are the program.
 *
 * The coordinator makes the root, and ghosts; every task makes its own children
 * and a leader the other threads of its process, so that parents are right
 * without further ado.  Then each calls CKPT_IOC_RESTART, where the kernel makes
 * of it what the image says.
 */
#ifndef _LIBCKPT_HIERARCHY_H
#define _LIBCKPT_HIERARCHY_H

#include "lib.h"

/* What a task was about when it failed. */
enum ckpt_stage {
	CKPT_STAGE_ROOT_DIR, /* entering --root */
	CKPT_STAGE_MAKE, /* being made: clone3 */
	CKPT_STAGE_JOIN, /* CKPT_IOC_RESTART */
};

/**
 * struct ckpt_birth - what coordinator and tasks tell each other, shared memory
 * @event: futex: 0, then CKPT_BIRTH_DONE or CKPT_BIRTH_FAILED
 * @made: tasks that are there, without the root
 * @failing: set by the first that fails, for which the next three are
 * @err: negative errno
 * @pid: task that failed, as in the image
 * @stage: enum ckpt_stage
 * @real: the pid that each task has where its maker is, or 0: not made yet;
 *	behind them, for each place, the negative errno of the first task that could not get there
 */
struct ckpt_birth {
	__u32 event;
	__u32 made;
	__u32 failing;
	__s32 err;
	__s32 pid;
	__s32 stage;
	__s32 real[];
};

#define CKPT_BIRTH_DONE 1
#define CKPT_BIRTH_FAILED 2

/* A task.  Other tasks are named by their index; 0 is the root, or none. */
struct ckpt_node {
	const struct ckpt_hdr_tree_task *task;
	__u32 child, last_child; /* those that it makes, in their order */
	__u32 next; /* sibling, or next thread of the process */
	__u32 thread, last_thread; /* of a leader */
	__u32 leader;
	__u32 place; /* index of its cgroup */
	__s32 cgroup_fd; /* to be made in that, or -1: where its maker is */
	__s32 maker; /* process that makes it, as getpid(2) says */
};

/* A cgroup that tasks go to; the first one is the caller's own. */
struct ckpt_place {
	const char *path; /* in the image */
	char *dir; /* NULL: it could not be found */
	int fd; /* of dir or, to be left frozen, of a group below it; or -1 */
	int err; /* why there is no fd, without text */
	char *group; /* to be left frozen, or NULL */
	int lock; /* of group, or -1 */
	int kill_fd; /* of group: leased, or -1 */
};

struct ckpt_hierarchy {
	__u32 nr;
	bool pid_ns; /* the root is the init of a new pid namespace */
	struct ckpt_node *node;
	struct ckpt_birth *birth;
	size_t birth_size;
	char *stacks;
	__u32 nr_places;
	struct ckpt_place *place;
	__u32 nr_ghosts;
	pid_t *ghost; /* pids that only have to be taken */
	pid_t *ghost_real;
	/* what the tasks need; set before the first one is made */
	int dev; /* -1: they only wait to be killed */
	int root_fd; /* directory that becomes the root, or -1 */
	const char *root; /* its path, for messages; the caller's */
	struct ckpt_ioc_restart arg;
};

#define CKPT_STACK_SIZE 8192

/* hierarchy.c: what is to be made */
int ckpt_hierarchy_plan(const struct ckpt_head *head,
			struct ckpt_hierarchy **out);
void ckpt_hierarchy_free(struct ckpt_hierarchy *h);

/* places.c: cgroups */
int ckpt_places_find(struct ckpt_hierarchy *h, bool own, bool frozen,
		     pid_t name);
int ckpt_places_lease(struct ckpt_hierarchy *h, int dev);
int ckpt_places_keep(struct ckpt_hierarchy *h, int dev);
int ckpt_places_freeze(struct ckpt_hierarchy *h, int seconds);
void ckpt_places_drop(struct ckpt_hierarchy *h);
void ckpt_places_note(const struct ckpt_hierarchy *h, FILE *to);

/* birth.c: making it, by the coordinator */
pid_t ckpt_birth_root(struct ckpt_hierarchy *h);
int ckpt_birth_ghosts(struct ckpt_hierarchy *h);
int ckpt_birth_wait(struct ckpt_hierarchy *h);
int ckpt_root_error(const char *root, int err);
int ckpt_birth_failed(const struct ckpt_hierarchy *h, enum ckpt_stage last);
int ckpt_birth_error(pid_t pid, int err);
void ckpt_birth_ghosts_reap(struct ckpt_hierarchy *h);
void ckpt_birth_undo(struct ckpt_hierarchy *h);

/* newborn.c: what runs in the tasks */
void __attribute__((noreturn)) ckpt_newborn_root(struct ckpt_hierarchy *h);
void __attribute__((noreturn))
ckpt_newborn_ghost(const struct ckpt_hierarchy *h, pid_t pid, pid_t maker);

#endif /* _LIBCKPT_HIERARCHY_H */
