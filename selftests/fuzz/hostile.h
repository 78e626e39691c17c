/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of hostile.c know of each other. */
#ifndef _FUZZ_HOSTILE_H
#define _FUZZ_HOSTILE_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#define HOSTILE_FDS \
	100 /* from that on descriptors are the first process' own */
#define HOSTILE_UID 1000 /* the machine's `tester` */
#define HOSTILE_IMAGES_MAX 32

/* programs.c: the table of programs; names of the programs whose images are changed; NULL ends. */
const char *hostile_program(int n);
/* The calling process becomes the program; writes a byte to @ready first. */
void __attribute__((noreturn)) hostile_become(int n, int ready);
/* What it is made with: CLONE_NEWPID, for the init of a pid namespace. */
unsigned long hostile_clone_flags(int n);
/* For a caller that has been given all rights: become the tester. */
int hostile_drop(void);

/* trees.c: programs of several tasks, for the table */
void hostile_tree_begin(int ready);
void hostile_threads(void);
void hostile_leaderless(void);
void hostile_wait_exited(void);
void hostile_family(void);
void hostile_zombies(void);
void hostile_sharing(void);
void hostile_init(void);

/* images.c: DIR/NAME.img of each program that has none yet, or an end */
void hostile_make_images(const char *dir);

/* relatives.c: the tasks of a restart */
struct fz_image;
struct fz_rng;
struct relatives;

/* Whether it takes more than one. */
bool hostile_has_relatives(const struct fz_image *img);
/*
 * Make those that @img (else @orig, what it was) tells of; they join @dev.  They
 * are ended by hostile_relatives_end().  NULL: *@err has the errno.
 */
struct relatives *hostile_relatives_make(const struct fz_image *img,
					 const struct fz_image *orig,
					 struct fz_rng *rng, int dev, int *err);
/* The @n-th, the root first; 0: there are no more. */
pid_t hostile_relative(const struct relatives *r, int n);
void hostile_relatives_end(struct relatives *r);
void hostile_relatives_free(struct relatives *r);
/* In a child, the init of namespaces in which it may choose pids: 0, or -1. */
int hostile_own_namespace(void);

/* rights.c: what a process may do, to be compared */
struct hostile_rights {
	unsigned int uid[4], gid[4];
	char groups[256];
	unsigned long long cap[5]; /* as /proc/PID/status orders them */
	int no_new_privs, seccomp;
	struct rlimit limit[RLIM_NLIMITS];
	int nice, policy, oom_score_adj;
};

/* 0, or -1: the process is gone. */
int hostile_rights_get(pid_t pid, struct hostile_rights *r);
/* NULL, or what @now has that @base has not. */
const char *hostile_rights_gained(const struct hostile_rights *base,
				  const struct hostile_rights *now);

#endif /* _FUZZ_HOSTILE_H */
