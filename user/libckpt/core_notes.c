// SPDX-License-Identifier: GPL-2.0-only
/*
 * The notes of a core: tasks, their registers, what is mapped where.  Contents
 * and order are those of the kernel's own cores (fs/binfmt_elf.c), since that
 * is what debuggers know.
 */
#include <signal.h>
#include <string.h>
#include "core.h"

/* Byte offset of a component in the standard format; 0: not for a core. */
static const __u16 xcomp_offset[] = {
	[2] = 576, /* AVX */
	[3] = 960, /* MPX, two components */
	[4] = 1024, [5] = 1088, /* AVX-512, three */
	[6] = 1152, [7] = 1664, [9] = 2688, /* PKRU */
};

#define XSTATE_SW_MASK 464 /* which components are there at all */
#define XSTATE_BV 512 /* which are not in their initial state */
#define XSTATE_LEGACY 512
#define XSTATE_MIN 576

/*
 * Debuggers tell the layout by mask and length together: that of the first
 * processors with each component.
 */
static __u32 xstate_len(__u64 mask)
{
	if (mask & 0x200)
		return 2696;
	if (mask & 0xe0)
		return 2688;
	if (mask & 0x18)
		return 1088;
	return mask & 4 ? 832 : XSTATE_MIN;
}

/**
 * ckpt_core_thread_xstate() - take a task's extended registers
 * @t: thread
 * @r: record
 * @available: components that its processor had
 *
 * Those that this knows no place for are left out.
 */
void ckpt_core_thread_xstate(struct core_thread *t,
			     const struct ckpt_hdr_xstate *r, __u64 available)
{
	__u64 mask = ((available | r->xfeatures) & CORE_XSTATE_MASK) | 3;
	__u64 bv = r->xfeatures & mask;
	const struct ckpt_xcomp *c;
	const __u8 *p = r->data;
	__u32 i, at;

	t->xstate_len = xstate_len(mask);
	for (i = 0; i < r->nr; i++, p += sizeof(*c) + c->size) {
		c = (const void *)p;
		at = c->nr < ARRAY_SIZE(xcomp_offset) ? xcomp_offset[c->nr] : 0;
		if ((!c->nr || at) && at + c->size <= t->xstate_len)
			memcpy(t->xstate + at, c + 1, c->size);
	}
	memcpy(t->xstate + XSTATE_SW_MASK, &mask, sizeof(mask));
	memcpy(t->xstate + XSTATE_BV, &bv, sizeof(bv));
}

/**
 * ckpt_core_thread_cpu() - take a task's general registers
 * @t: thread
 * @r: record
 */
void ckpt_core_thread_cpu(struct core_thread *t, const struct ckpt_hdr_cpu *r)
{
	const struct user_regs_struct regs = {
		.r15 = r->r15,
		.r14 = r->r14,
		.r13 = r->r13,
		.r12 = r->r12,
		.rbp = r->bp,
		.rbx = r->bx,
		.r11 = r->r11,
		.r10 = r->r10,
		.r9 = r->r9,
		.r8 = r->r8,
		.rax = r->ax,
		.rcx = r->cx,
		.rdx = r->dx,
		.rsi = r->si,
		.rdi = r->di,
		.orig_rax = r->orig_ax,
		.rip = r->ip,
		.cs = r->cs,
		.eflags = r->flags,
		.rsp = r->sp,
		.ss = r->ss,
		.fs_base = r->fs_base,
		.gs_base = r->gs_base,
		.ds = r->ds,
		.es = r->es,
		.fs = r->fs,
		.gs = r->gs,
	};

	_Static_assert(sizeof(regs) == sizeof(t->status.pr_reg), "regs");
	memcpy(t->status.pr_reg, &regs, sizeof(regs));
}

static struct timeval timeval_of(__u64 ns)
{
	return (struct timeval){ .tv_sec = ns / 1000000000,
				 .tv_usec = ns / 1000 % 1000000 };
}

/**
 * ckpt_core_thread_task() - take what a task is
 * @t: thread
 * @task: its record
 * @tree: its record in the head
 * @cred: its credentials, or NULL
 */
void ckpt_core_thread_task(struct core_thread *t,
			   const struct ckpt_hdr_task *task,
			   const struct ckpt_hdr_tree_task *tree,
			   const struct core_obj *cred)
{
	struct elf_prstatus *s = &t->status;
	struct elf_prpsinfo *p = &t->info;

	s->pr_sighold = task->blocked;
	s->pr_pid = task->pid;
	s->pr_ppid = tree->ppid;
	s->pr_pgrp = tree->pgid;
	s->pr_sid = tree->sid;
	s->pr_utime = timeval_of(task->rusage.utime);
	s->pr_stime = timeval_of(task->rusage.stime);
	s->pr_fpvalid = 1;
	p->pr_sname = 'R';
	p->pr_nice = task->nice;
	p->pr_uid = cred ? cred->uid : 0;
	p->pr_gid = cred ? cred->gid : 0;
	p->pr_pid = tree->tgid;
	p->pr_ppid = tree->ppid;
	p->pr_pgrp = tree->pgid;
	p->pr_sid = tree->sid;
	memcpy(p->pr_fname, task->comm, sizeof(p->pr_fname));
}

static void pad(FILE *to, size_t len)
{
	for (; len & 3; len++)
		putc(0, to);
}

static void write_padded(FILE *to, const void *data, size_t len)
{
	fwrite(data, 1, len, to);
	pad(to, len);
}

static void note_head(FILE *to, const char *name, __u32 type, size_t len)
{
	const Elf64_Nhdr head = {
		.n_namesz = strlen(name) + 1,
		.n_descsz = len,
		.n_type = type,
	};

	fwrite(&head, sizeof(head), 1, to);
	write_padded(to, name, head.n_namesz);
}

static void note(FILE *to, const char *name, __u32 type, const void *desc,
		 size_t len)
{
	note_head(to, name, type, len);
	write_padded(to, desc, len);
}

/* As ps(1) has them: the arguments with blanks between them. */
static void note_info(FILE *to, const struct core *core)
{
	struct elf_prpsinfo info = core->threads->info;
	size_t len = core->arg_end - core->arg_start, i;

	if (len > sizeof(info.pr_psargs) - 1)
		len = sizeof(info.pr_psargs) - 1;
	for (i = 0; i < len; i++)
		info.pr_psargs[i] = core->args[i] ?: ' ';
	while (len && info.pr_psargs[len - 1] == ' ')
		info.pr_psargs[--len] = 0;
	note(to, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

static int note_files(FILE *to, const struct core *core)
{
	__u64 words[2] = { core->nr_mappings, CKPT_PAGE_SIZE };
	const struct core_mapping *m = core->mapping;
	size_t len = sizeof(words), i;

	for (i = 0; i < core->nr_mappings; i++)
		len += 3 * sizeof(__u64) + strlen(m[i].file->path) + 1;
	if (len > INT32_MAX)
		return -E2BIG;
	note_head(to, "CORE", NT_FILE, len);
	fwrite(words, sizeof(words), 1, to);
	for (i = 0; i < core->nr_mappings; i++)
		fwrite(&m[i], 3 * sizeof(__u64), 1, to);
	for (i = 0; i < core->nr_mappings; i++)
		fwrite(m[i].file->path, 1, strlen(m[i].file->path) + 1, to);
	pad(to, len);
	return 0;
}

static void note_registers(FILE *to, const struct core_thread *t)
{
	note(to, "CORE", NT_FPREGSET, t->xstate, XSTATE_LEGACY);
	note(to, "LINUX", NT_X86_XSTATE, t->xstate, t->xstate_len);
}

/**
 * ckpt_core_notes() - write the notes of a core
 * @to: stream, which keeps errors
 * @core: with one thread at least
 *
 * Return: 0 or a negative errno.
 */
int ckpt_core_notes(FILE *to, const struct core *core)
{
	const struct core_thread *t = core->threads;
	static const siginfo_t no_signal;
	int err;

	note(to, "CORE", NT_PRSTATUS, &t->status, sizeof(t->status));
	note_info(to, core);
	note(to, "CORE", NT_SIGINFO, &no_signal, sizeof(no_signal));
	note(to, "CORE", NT_AUXV, core->auxv,
	     core->nr_auxv * sizeof(core->auxv[0]));
	err = note_files(to, core);
	if (err)
		return err;
	note_registers(to, t);
	while ((t = t->next)) {
		note(to, "CORE", NT_PRSTATUS, &t->status, sizeof(t->status));
		note_registers(to, t);
	}
	return 0;
}
