/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of hostile.c know of each other. */
#ifndef _FUZZ_HOSTILE_H
#define _FUZZ_HOSTILE_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#define HOSTILE_UID 1000 /* the machine's `tester` */
#define HOSTILE_IMAGES_MAX 32

/* programs.c: names of the programs whose images are changed; NULL ends. */
const char *hostile_program(int n);
/* The calling process becomes the program; writes a byte to @ready first. */
void __attribute__((noreturn)) hostile_become(int n, int ready);
/* For a caller that has been given all rights: become the tester. */
int hostile_drop(void);

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
