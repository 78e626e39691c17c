/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of processes, and the tree below one. */
#ifndef _LIBCKPT_DESCENDANTS_H
#define _LIBCKPT_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct ckpt_pids - a set of pids, in the order that they were added
 * @pid: pids
 * @nr: how many
 * @room: of @pid
 * @slot: hash table of indexes into @pid, plus 1
 * @slots: of @slot, a power of two
 */
struct ckpt_pids {
	pid_t *pid;
	size_t nr, room;
	unsigned int *slot;
	size_t slots;
};

int ckpt_pids_add(struct ckpt_pids *set, pid_t pid);
bool ckpt_pids_have(const struct ckpt_pids *set, pid_t pid);
void ckpt_pids_clear(struct ckpt_pids *set);
void ckpt_pids_free(struct ckpt_pids *set);

int ckpt_descendants(pid_t root, struct ckpt_pids *out);
int ckpt_threads(pid_t pid, struct ckpt_pids *out);
int ckpt_group_processes(const char *dir, int below, struct ckpt_pids *out);

#endif /* _LIBCKPT_DESCENDANTS_H */
