/* SPDX-License-Identifier: GPL-2.0-only */
/* The workload of the stress loops: what busy.c and grove.c share. */
#ifndef _BUSY_H
#define _BUSY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define WRONG 3 /* exit status */
#define MEMBERS 3 /* processes of a tree, beside its root */

#define CHECK(cond)                                                   \
	do {                                                          \
		if (!(cond)) {                                        \
			fprintf(stderr, "busy: turn %llu: %s (%m)\n", \
				(unsigned long long)count, #cond);    \
			exit(WRONG);                                  \
		}                                                     \
	} while (0)

/* In the file "members", which all of them map. */
struct member {
	volatile pid_t pid;
	volatile uint64_t beats; /* of the process */
	volatile uint64_t thread_beats;
};

extern uint64_t count; /* turns so far */

/* busy.c: chance, of the calling process */
void busy_seed(void);
/* one turn of what it does, ballast included */
void busy_turn(void);
/* Another thread than the first one is in its way. */
extern int busy_alone;

/* grove.c: what a member needs to be one again behind an execve() */
struct place {
	int member; /* which one, or -1: none */
	int in, out; /* pipes to the root */
};

extern struct place place;

void grove_member(void); /* does not return */
void grove_plant(void);
/* A turn of the root; true: all have gone on since the last time. */
int grove_turn(void);
/* There is a file "end". */
void grove_end(void);

#endif /* _BUSY_H */
