/* SPDX-License-Identifier: GPL-2.0-only */
/* What core.c and core_notes.c know of each other. */
#ifndef _LIBCKPT_CORE_H
#define _LIBCKPT_CORE_H

#include <elf.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include "lib.h"

/* Components of the extended state that a core has, and how long they are. */
#define CORE_XSTATE_MAX 2696
#define CORE_XSTATE_MASK 0x2ffULL

/* A FILE or CRED of the image. */
struct core_obj {
	__s32 objref;
	__u32 uid, gid;
	__u64 size;
	__s64 mtime_sec;
	__u32 mtime_nsec;
	bool changed; /* another file, or none, is there by now */
	char path[];
};

struct core_mapping {
	__u64 start, end, pgoff;
	struct core_obj *file;
};

struct core_thread {
	struct core_thread *next;
	struct elf_prstatus status;
	struct elf_prpsinfo info; /* of the first thread alone it matters */
	__u32 xstate_len;
	__u8 xstate[CORE_XSTATE_MAX] __attribute__((aligned(64)));
};

/* One address space, and the tasks that live in it. */
struct core {
	struct core *next;
	__s32 mm_objref;
	pid_t pid;
	char comm[16];
	char *path;
	struct ckpt_output out;
	__u64 end; /* of the contents in the file */
	Elf64_Phdr *seg;
	size_t nr_segs;
	struct core_mapping *mapping;
	size_t nr_mappings;
	struct core_thread *threads, **last_thread;
	__u64 arg_start, arg_end;
	char args[ELF_PRARGSZ];
	__u32 nr_auxv;
	__u64 auxv[CKPT_AUXV_MAX];
};

void ckpt_core_thread_task(struct core_thread *t,
			   const struct ckpt_hdr_task *task,
			   const struct ckpt_hdr_tree_task *tree,
			   const struct core_obj *cred);
void ckpt_core_thread_cpu(struct core_thread *t, const struct ckpt_hdr_cpu *r);
void ckpt_core_thread_xstate(struct core_thread *t,
			     const struct ckpt_hdr_xstate *r, __u64 available);
int ckpt_core_notes(FILE *to, const struct core *core);

#endif /* _LIBCKPT_CORE_H */
