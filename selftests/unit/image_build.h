/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images made in memory: a good one with every type of record, to be spoilt in
 * one place and sealed again with the right checksums; and a reader that tells
 * what it thinks of one.
 */
#ifndef _UNIT_IMAGE_BUILD_H
#define _UNIT_IMAGE_BUILD_H

#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>
#include <ckpt.h>
#include "ckpt_check.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#ifndef IB_BYTES /* a reader of real images needs more */
#define IB_BYTES (2U << 20)
#define IB_RECORDS 128
#endif

struct ib {
	__u8 *buf;
	size_t len;
	int nr;
	size_t off[IB_RECORDS]; /* of each record */
};

/* Objrefs of the good image. */
enum {
	REF_NSPROXY = 1,
	REF_NS, /* and the seven behind it */
	REF_CRED = REF_NS + 8,
	REF_DEV,
	REF_REG,
	REF_PIPE,
	REF_READER,
	REF_WRITER,
	REF_DIR,
	REF_EXTERNAL,
	REF_FILES,
	REF_FS,
	REF_SIGHAND,
	REF_SIGNAL,
	REF_MM,
	REF_SHMEM,
	REF_MEMFD,
	REF_EVENTFD,
	REF_COUNTER,
	REF_FIFO,
};

#define IB_PID 1234
#define IB_CGROUP "/jobs/one"
#define IB_CODE 0x400000ULL
#define IB_HEAP 0x10000000ULL
#define IB_PACKED 0x20000000ULL
#define IB_STACK 0x7ffffff00000ULL

static inline void *ib_at(const struct ib *ib, int n)
{
	return ib->buf + ib->off[n];
}

static inline void *ib_add(struct ib *ib, int type, size_t len)
{
	struct ckpt_hdr *h = (void *)(ib->buf + ib->len);

	len = (len + 7) & ~7UL;
	memset(h, 0, len);
	h->type = type;
	h->len = len;
	ib->off[ib->nr++] = ib->len;
	ib->len += len;
	return h;
}

/* The @nth (from 0) record of a type. */
static inline int ib_index(const struct ib *ib, int type, int nth)
{
	int n;

	for (n = 0; n < ib->nr; n++)
		if (((struct ckpt_hdr *)ib_at(ib, n))->type == type && !nth--)
			return n;
	abort();
}

static inline void *ib_find(const struct ib *ib, int type, int nth)
{
	return ib_at(ib, ib_index(ib, type, nth));
}

static inline __u64 ib_digest(__u64 digest, __u64 csum)
{
	return XXH64(&csum, sizeof(csum), digest);
}

/*
 * Of @len bytes: structure and ranges, then pages, each of which is hashed, or
 * packed ones, which are not.
 */
static inline __u64 ib_csum_pgarr(const struct ckpt_rec_front *f, size_t len)
{
	size_t pages = (len - sizeof(struct ckpt_hdr_pgarr)) / CKPT_PAGE_SIZE;
	size_t head = len - pages * CKPT_PAGE_SIZE - sizeof(*f), i;
	const __u8 *from = (const __u8 *)f + len - pages * CKPT_PAGE_SIZE;
	__u64 *to, csum;
	__u8 *buf;

	if (((const struct ckpt_hdr_pgarr *)f)->compress)
		return XXH64(f + 1, len - sizeof(*f), ckpt_hdr_seed(&f->h));
	buf = malloc(head + pages * sizeof(*to));
	memcpy(buf, f + 1, head);
	to = (void *)(buf + head);
	for (i = 0; i < pages; i++, from += CKPT_PAGE_SIZE)
		to[i] = XXH64(from, CKPT_PAGE_SIZE, 0);
	csum = XXH64(buf, head + pages * sizeof(*to), ckpt_hdr_seed(&f->h));
	free(buf);
	return csum;
}

/* Right checksums, and a right trailer if there is one. */
static inline void ib_seal(struct ib *ib)
{
	struct ckpt_hdr_trailer *t;
	struct ckpt_rec_front *f;
	__u64 digest = 0;
	size_t len;
	int n;

	for (n = 0; n < ib->nr; n++) {
		f = ib_at(ib, n);
		len = (n + 1 < ib->nr ? ib->off[n + 1] : ib->len) - ib->off[n];
		if (f->h.type == CKPT_HDR_TRAILER) {
			t = (void *)f;
			t->nr_records = n;
			t->digest = digest;
		}
		f->csum = f->h.type == CKPT_HDR_PGARR ?
				  ib_csum_pgarr(f, len) :
				  XXH64(f + 1, len - sizeof(*f),
					ckpt_hdr_seed(&f->h));
		digest = ib_digest(digest, f->csum);
	}
}

/* Make record @n @grow bytes longer (or shorter), zeros at its end. */
static inline void ib_resize(struct ib *ib, int n, int grow)
{
	struct ckpt_hdr *h = ib_at(ib, n);
	size_t end = n + 1 < ib->nr ? ib->off[n + 1] : ib->len;

	memmove(ib->buf + end + grow, ib->buf + end, ib->len - end);
	if (grow > 0)
		memset(ib->buf + end, 0, grow);
	h->len += grow;
	ib->len += grow;
	while (++n < ib->nr)
		ib->off[n] += grow;
}

static inline void ib_remove(struct ib *ib, int n)
{
	size_t end = n + 1 < ib->nr ? ib->off[n + 1] : ib->len;
	size_t len = end - ib->off[n];

	memmove(ib->buf + ib->off[n], ib->buf + end, ib->len - end);
	ib->len -= len;
	ib->nr--;
	for (; n < ib->nr; n++)
		ib->off[n] = ib->off[n + 1] - len;
}

/* Exchange records @n and @n + 1. */
static inline void ib_swap(struct ib *ib, int n)
{
	size_t end = n + 2 < ib->nr ? ib->off[n + 2] : ib->len;
	size_t a = ib->off[n + 1] - ib->off[n], b = end - ib->off[n + 1];
	__u8 *copy = malloc(a);

	memcpy(copy, ib_at(ib, n), a);
	memmove(ib_at(ib, n), ib_at(ib, n + 1), b);
	memcpy(ib->buf + ib->off[n] + b, copy, a);
	ib->off[n + 1] = ib->off[n] + b;
	free(copy);
}

/* A string into a field that is zero. */
static inline void ib_text(char *to, const char *text)
{
	memcpy(to, text, strlen(text));
}

/* ---- the good image, by families ---- */

static inline void ib_add_head(struct ib *ib)
{
	struct ckpt_hdr_header *h = ib_add(ib, CKPT_HDR_HEADER, sizeof(*h));
	struct ckpt_hdr_header_arch *a;
	struct ckpt_hdr_container *c;

	h->magic = CKPT_MAGIC_HEADER;
	h->rev = CKPT_REVISION;
	h->arch = CKPT_ARCH_X86_64;
	h->flags = CHECKPOINT_SUBTREE;
	h->ckptid = 7;
	h->page_size = CKPT_PAGE_SIZE;
	h->time_real = 1700000000000000000ULL;
	h->time_mono = 5000000000ULL;
	h->time_boot = 6000000000ULL;
	ib_text(h->sysname, "Linux");
	ib_text(h->nodename, "host");
	ib_text(h->release, "6.1.0");
	ib_text(h->version, "#1");
	ib_text(h->machine, "x86_64");
	ib_text(h->domainname, "(none)");
	a = ib_add(ib, CKPT_HDR_HEADER_ARCH, sizeof(*a));
	ib_text(a->vendor, "GenuineIntel");
	a->family = 6;
	a->xfeatures = 7;
	a->vdso_size = 8192;
	c = ib_add(ib, CKPT_HDR_CONTAINER, sizeof(*c) + 11);
	c->subtree = 1;
	c->lsm_len = 11;
	ib_text(c->lsm, "capability");
}

static inline void ib_add_tree(struct ib *ib)
{
	struct ckpt_hdr_tree *tree = ib_add(ib, CKPT_HDR_TREE, sizeof(*tree));
	struct ckpt_hdr_tree_task *t;

	tree->nr_tasks = 1;
	t = ib_add(ib, CKPT_HDR_TREE_TASK,
		   sizeof(*t) + sizeof(t->pids[0]) + sizeof(IB_CGROUP));
	t->pid = IB_PID;
	t->tgid = IB_PID;
	t->ppid = 1;
	t->pgid = IB_PID;
	t->sid = 1000;
	t->exit_signal = 17;
	t->flags = CKPT_TREE_SID_OUTSIDE;
	t->mm_objref = REF_MM;
	t->files_objref = REF_FILES;
	t->fs_objref = REF_FS;
	t->sighand_objref = REF_SIGHAND;
	t->signal_objref = REF_SIGNAL;
	t->nsproxy_objref = REF_NSPROXY;
	t->cred_objref = REF_CRED;
	t->time_mono = 5000000000ULL;
	t->time_boot = 6000000000ULL;
	ib_text(t->comm, "job");
	t->nr_levels = 1;
	t->pids[0] = IB_PID;
	t->cgroup_len = sizeof(IB_CGROUP);
	memcpy(&t->pids[1], IB_CGROUP, sizeof(IB_CGROUP));
}

static inline void ib_add_cred(struct ib *ib)
{
	struct ckpt_hdr_nsproxy *p = ib_add(ib, CKPT_HDR_NSPROXY, sizeof(*p));
	struct ckpt_hdr_cred *c;
	struct ckpt_hdr_ns *ns;
	int i;

	p->objref = REF_NSPROXY;
	p->nr_ns = CKPT_NS_KINDS - 1;
	for (i = 1; i < CKPT_NS_KINDS; i++) {
		p->ns_objref[i] = REF_NS + i - 1;
		ns = ib_add(ib, CKPT_HDR_NS, sizeof(*ns));
		ns->objref = REF_NS + i - 1;
		ns->kind = i;
		ns->inum = 4026531835U + i;
		ns->callers = 1;
	}
	c = ib_add(ib, CKPT_HDR_CRED, sizeof(*c) + 3 * sizeof(c->groups[0]));
	c->objref = REF_CRED;
	c->uid = 1000;
	c->gid = 1000;
	c->nr_groups = 3;
	c->groups[2] = 4;
	c->cap_permitted = 3;
	c->cap_effective = 1;
	c->cap_inheritable = 2;
	c->cap_ambient = 2;
	c->cap_bset = (1ULL << 41) - 1;
}

static inline struct ckpt_hdr_file *
ib_add_file(struct ib *ib, int objref, int kind, __u32 mode, const char *path)
{
	struct ckpt_hdr_file *f;

	f = ib_add(ib, CKPT_HDR_FILE, sizeof(*f) + strlen(path) + 1);
	f->objref = objref;
	f->kind = kind;
	f->f_flags = 02;
	f->f_mode = CKPT_FMODE_READ | CKPT_FMODE_WRITE;
	f->i_mode = mode | 0644;
	f->mtime_sec = 1700000000;
	f->dev = 0x801;
	f->ino = 4711;
	f->owner_type = -1;
	f->path_len = strlen(path) + 1;
	ib_text(f->path, path);
	return f;
}

static inline void ib_add_pipe(struct ib *ib)
{
	struct ckpt_hdr_pipe *p = ib_add(ib, CKPT_HDR_PIPE, sizeof(*p));
	struct ckpt_hdr_pipe_buf *b;
	struct ckpt_hdr_file *f;

	p->objref = REF_PIPE;
	p->capacity = 65536;
	p->nr_bufs = 2;
	b = ib_add(ib, CKPT_HDR_PIPE_BUF, sizeof(*b) + 5);
	b->len = 5;
	memcpy(b->data, "hello", 5);
	b = ib_add(ib, CKPT_HDR_PIPE_BUF, sizeof(*b) + 3);
	b->len = 3;
	b->flags = CKPT_PIPE_BUF_PACKET;
	memcpy(b->data, "abc", 3);
	f = ib_add_file(ib, REF_READER, CKPT_FILE_PIPE, 0010000, "pipe:[9]");
	f->obj_objref = REF_PIPE;
	f = ib_add_file(ib, REF_WRITER, CKPT_FILE_PIPE, 0010000, "pipe:[9]");
	f->obj_objref = REF_PIPE;
}

/* Two pages and a bit, of which the third one has contents. */
static inline void ib_add_shmem(struct ib *ib)
{
	struct ckpt_hdr_shmem *s;
	struct ckpt_hdr_pgarr *p;
	struct ckpt_hdr_file *f;

	s = ib_add(ib, CKPT_HDR_SHMEM, sizeof(*s) + 5);
	s->objref = REF_SHMEM;
	s->kind = CKPT_SHMEM_MEMFD;
	s->size = 2 * CKPT_PAGE_SIZE + 100;
	s->flags = CKPT_SHMEM_NORESERVE;
	s->seals = 6; /* F_SEAL_SHRINK | F_SEAL_GROW */
	s->i_mode = 0100777;
	s->uid = 1000;
	s->gid = 1000;
	s->name_len = 5;
	ib_text(s->name, "name");
	p = ib_add(ib, CKPT_HDR_PGARR,
		   sizeof(*p) + sizeof(p->range[0]) + CKPT_PAGE_SIZE);
	p->mm_objref = REF_SHMEM;
	p->nr_ranges = 1;
	p->nr_pages = 1;
	p->range[0].start = 2 * CKPT_PAGE_SIZE;
	p->range[0].nr_pages = 1;
	memset(&p->range[1], 0x77, CKPT_PAGE_SIZE);
	f = ib_add_file(ib, REF_MEMFD, CKPT_FILE_SHMEM, 0100000,
			"/memfd:name (deleted)");
	f->f_mode |= CKPT_FMODE_MADE;
	f->obj_objref = REF_SHMEM;
	f->size = 2 * CKPT_PAGE_SIZE + 100;
}

static inline void ib_add_eventfd(struct ib *ib)
{
	struct ckpt_hdr_eventfd *e = ib_add(ib, CKPT_HDR_EVENTFD, sizeof(*e));
	struct ckpt_hdr_file *f;

	e->objref = REF_EVENTFD;
	e->flags = CKPT_EVENTFD_SEMAPHORE;
	e->count = 3;
	f = ib_add_file(ib, REF_COUNTER, CKPT_FILE_EVENTFD, 0,
			"anon_inode:[eventfd]");
	f->obj_objref = REF_EVENTFD;
}

/* A reader of a FIFO; what is in it is the pipe's. */
static inline void ib_add_fifo(struct ib *ib)
{
	struct ckpt_hdr_file *f;

	f = ib_add_file(ib, REF_FIFO, CKPT_FILE_FIFO, 0010000, "/tmp/fifo");
	f->f_flags = 0;
	f->f_mode = CKPT_FMODE_READ | CKPT_FMODE_ALONE;
	f->obj_objref = REF_PIPE;
}

static inline void ib_add_files(struct ib *ib)
{
	static const int refs[] = { REF_DEV, REF_REG, REF_READER, REF_WRITER,
				    REF_REG };
	struct ckpt_hdr_files *files;
	struct ckpt_hdr_file *f;
	struct ckpt_hdr_fd *fd;
	struct ckpt_hdr_fs *fs;
	size_t i;

	f = ib_add_file(ib, REF_DEV, CKPT_FILE_DEV, 0020000, "/dev/null");
	f->rdev = 0x103;
	f = ib_add_file(ib, REF_REG, CKPT_FILE_REG, 0100000, "/tmp/out");
	f->size = 100;
	f->pos = 100;
	f->owner_type = 1;
	f->owner_pid = IB_PID;
	f->owner_sig = 29;
	ib_add_pipe(ib);
	ib_add_file(ib, REF_DIR, CKPT_FILE_DIR, 0040000, "/tmp");
	ib_add_file(ib, REF_EXTERNAL, CKPT_FILE_EXTERNAL, 0010000, "pipe:[8]");
	files = ib_add(ib, CKPT_HDR_FILES, sizeof(*files));
	files->objref = REF_FILES;
	files->nr_fds = ARRAY_SIZE(refs);
	for (i = 0; i < files->nr_fds; i++) {
		fd = ib_add(ib, CKPT_HDR_FD, sizeof(*fd));
		fd->fd = 2 * i;
		fd->file_objref = refs[i];
		fd->flags = i & CKPT_FD_CLOEXEC;
	}
	fs = ib_add(ib, CKPT_HDR_FS, sizeof(*fs) + 2 + 5);
	fs->objref = REF_FS;
	fs->umask = 022;
	fs->root_len = 2;
	fs->pwd_len = 5;
	memcpy(fs->paths, "/\0/tmp", 7);
}

static inline void ib_add_siginfo(struct ib *ib, int signo)
{
	struct ckpt_hdr_siginfo *s = ib_add(ib, CKPT_HDR_SIGINFO, sizeof(*s));

	s->signo = signo;
	s->has_info = 1;
	s->info[0] = signo;
}

static inline void ib_add_signals(struct ib *ib)
{
	struct ckpt_hdr_sighand *h = ib_add(ib, CKPT_HDR_SIGHAND, sizeof(*h));
	struct ckpt_hdr_signal *s;
	struct ckpt_hdr_timer *t;
	int i;

	h->objref = REF_SIGHAND;
	h->action[1].handler = IB_CODE + 0x100;
	h->action[1].flags = 0x14000004;
	s = ib_add(ib, CKPT_HDR_SIGNAL, sizeof(*s));
	s->objref = REF_SIGNAL;
	s->oom_score_adj = 100;
	s->next_timer_id = 1;
	s->nr_siginfo = 2;
	s->nr_timers = 1;
	for (i = 0; i < CKPT_NLIMITS; i++) {
		s->rlim[i].cur = 1024;
		s->rlim[i].max = ~0ULL;
	}
	s->itimer[0].value = 1000000000;
	ib_add_siginfo(ib, 10);
	ib_add_siginfo(ib, 34);
	t = ib_add(ib, CKPT_HDR_TIMER, sizeof(*t));
	t->clockid = 1;
	t->signo = 14;
	t->value = 500000000;
	t->interval = 1000000000;
}

static inline struct ckpt_hdr_vma *ib_add_vma(struct ib *ib, __u64 start,
					      __u64 pages, int kind)
{
	struct ckpt_hdr_vma *v = ib_add(ib, CKPT_HDR_VMA, sizeof(*v));

	v->start = start;
	v->end = start + pages * CKPT_PAGE_SIZE;
	v->kind = kind;
	v->prot = 3;
	return v;
}

/* A zero range, then one of a page of 0x5a. */
static inline void ib_add_pages(struct ib *ib, __u64 start)
{
	struct ckpt_hdr_pgarr *p;

	p = ib_add(ib, CKPT_HDR_PGARR,
		   sizeof(*p) + 2 * sizeof(p->range[0]) + CKPT_PAGE_SIZE);
	p->mm_objref = REF_MM;
	p->nr_ranges = 2;
	p->nr_pages = 1;
	p->range[0].start = start;
	p->range[0].nr_pages = 3;
	p->range[0].flags = CKPT_PAGES_ZERO;
	p->range[1].start = start + 3 * CKPT_PAGE_SIZE;
	p->range[1].nr_pages = 1;
	memset(&p->range[2], 0x5a, CKPT_PAGE_SIZE);
}

/* Two pages of the same text, which can be packed. */
static inline void ib_text_pages(__u8 *pages)
{
	int i;

	for (i = 0; i < 2 * CKPT_PAGE_SIZE; i++)
		pages[i] = "to be, or not to be: "[i % 21];
}

static inline void *ib_packed(struct ckpt_hdr_pgarr *p)
{
	return &p->range[p->nr_ranges];
}

static inline void ib_add_packed(struct ib *ib, __u64 start, __u32 compress)
{
	__u8 pages[2 * CKPT_PAGE_SIZE], packed[CKPT_PAGE_SIZE];
	struct ckpt_hdr_pgarr *p;
	int len;

	ib_text_pages(pages);
	len = compress == CKPT_COMPRESS_LZ4 ?
		      LZ4_compress_default((char *)pages, (char *)packed,
					   sizeof(pages), sizeof(packed)) :
		      (int)ZSTD_compress(packed, sizeof(packed), pages,
					 sizeof(pages), 1);
	p = ib_add(ib, CKPT_HDR_PGARR, sizeof(*p) + sizeof(p->range[0]) + len);
	p->mm_objref = REF_MM;
	p->nr_ranges = 1;
	p->nr_pages = 2;
	p->compress = compress;
	p->packed_len = len;
	p->range[0].start = start;
	p->range[0].nr_pages = 2;
	memcpy(ib_packed(p), packed, len);
}

/* The runs of a good image, in its order. */
enum {
	NTH_RUN_HEAP,
	NTH_RUN_HEAP_END,
	NTH_RUN_LZ4,
	NTH_RUN_ZSTD,
	NTH_RUN_SHMEM,
};

static inline void ib_add_memory(struct ib *ib)
{
	struct ckpt_hdr_mm *m;
	struct ckpt_hdr_vma *v;

	m = ib_add(ib, CKPT_HDR_MM, sizeof(*m) + 4 * sizeof(m->auxv[0]));
	m->objref = REF_MM;
	m->flags = 1 | CKPT_MM_TOPDOWN;
	m->nr_vmas = 4;
	m->exe_objref = REF_REG;
	m->start_code = IB_CODE;
	m->end_code = IB_CODE + 0x1000;
	m->start_brk = IB_HEAP;
	m->brk = IB_HEAP + 0x8000;
	m->start_stack = IB_STACK + 0x1000;
	m->pkeys = 1 | 1 << 3 | 1 << 15;
	m->exec_pkey = 15;
	m->nr_auxv = 4;
	m->auxv[0] = 6;
	m->auxv[1] = 4096;
	v = ib_add_vma(ib, IB_CODE, 2, CKPT_VMA_FILE);
	v->file_objref = REF_REG;
	v = ib_add_vma(ib, IB_HEAP, 8, CKPT_VMA_ANON);
	ib_text(v->name, "heap");
	ib_add_pages(ib, IB_HEAP);
	ib_add_pages(ib, IB_HEAP + 4 * CKPT_PAGE_SIZE);
	ib_add_vma(ib, IB_PACKED, 4, CKPT_VMA_ANON);
	ib_add_packed(ib, IB_PACKED, CKPT_COMPRESS_LZ4);
	ib_add_packed(ib, IB_PACKED + 2 * CKPT_PAGE_SIZE, CKPT_COMPRESS_ZSTD);
	v = ib_add_vma(ib, IB_STACK, 4, CKPT_VMA_ANON);
	v->flags = CKPT_VMA_GROWSDOWN;
}

static inline void ib_add_xstate(struct ib *ib)
{
	struct ckpt_hdr_xstate *x;
	struct ckpt_xcomp *c;

	x = ib_add(ib, CKPT_HDR_XSTATE,
		   sizeof(*x) + 2 * sizeof(*c) + 512 + 256);
	x->xfeatures = 7;
	x->nr = 2;
	c = (void *)x->data;
	c->size = 512;
	c = (void *)(x->data + sizeof(*c) + 512);
	c->nr = 2;
	c->size = 256;
}

/* A filter that allows everything. */
static inline void ib_add_seccomp(struct ib *ib, __u32 flags)
{
	struct ckpt_hdr_seccomp *s;

	s = ib_add(ib, CKPT_HDR_SECCOMP, sizeof(*s) + sizeof(s->insn[0]));
	s->flags = flags;
	s->nr_insns = 1;
	s->insn[0].code = 6; /* BPF_RET | BPF_K */
	s->insn[0].k = 0x7fff0000; /* SECCOMP_RET_ALLOW */
}

static inline void ib_add_task(struct ib *ib)
{
	struct ckpt_hdr_task *t;
	struct ckpt_hdr_cpu *c;

	t = ib_add(ib, CKPT_HDR_TASK, sizeof(*t) + sizeof(t->cpus[0]));
	t->pid = IB_PID;
	t->flags = CKPT_TASK_AFFINITY;
	t->nsproxy_objref = REF_NSPROXY;
	t->cred_objref = REF_CRED;
	t->files_objref = REF_FILES;
	t->fs_objref = REF_FS;
	t->sighand_objref = REF_SIGHAND;
	t->signal_objref = REF_SIGNAL;
	t->mm_objref = REF_MM;
	ib_text(t->comm, "job");
	t->exit_signal = 17;
	t->rseq = IB_HEAP + 32;
	t->rseq_len = 32;
	t->sas_ss_flags = 2;
	t->nr_siginfo = 1;
	t->nr_cpus = 2;
	t->seccomp = CKPT_SECCOMP_FILTER;
	t->nr_seccomp = 2;
	t->cpus[0] = 1;
	c = ib_add(ib, CKPT_HDR_CPU, sizeof(*c));
	c->ip = IB_CODE;
	c->sp = IB_STACK + 0x800;
	c->cs = 0x33;
	c->ss = 0x2b;
	c->flags = 0x202;
	ib_add_xstate(ib);
	ib_add(ib, CKPT_HDR_RESTART_BLOCK,
	       sizeof(struct ckpt_hdr_restart_block));
	ib_add_siginfo(ib, 12);
	ib_add_seccomp(ib, 0);
	ib_add_seccomp(ib, CKPT_SECCOMP_LOG);
}

static inline void ib_add_trailer(struct ib *ib)
{
	struct ckpt_hdr_trailer *t;

	t = ib_add(ib, CKPT_HDR_TRAILER, sizeof(*t));
	t->magic = CKPT_MAGIC_TRAILER;
}

static inline struct ckpt_hdr_err *ib_add_err(struct ib *ib, const char *text)
{
	size_t n = strlen(text), len = (sizeof(struct ckpt_hdr_err) + n + 8);
	struct ckpt_hdr_err *e;

	len &= ~7UL;
	e = ib_add(ib, CKPT_HDR_ERR, len);
	memcpy((char *)e + len - n, text, n);
	return e;
}

static inline void ib_init(struct ib *ib)
{
	memset(ib, 0, sizeof(*ib));
	ib->buf = malloc(IB_BYTES);
}

static inline void ib_good(struct ib *ib)
{
	ib_init(ib);
	ib_add_head(ib);
	ib_add_tree(ib);
	ib_add_cred(ib);
	ib_add_files(ib);
	ib_add_signals(ib);
	ib_add_memory(ib);
	ib_add_shmem(ib);
	ib_add_eventfd(ib);
	ib_add_fifo(ib);
	ib_add_task(ib);
	ib_add_trailer(ib);
	ib_seal(ib);
}

static inline void ib_free(struct ib *ib)
{
	free(ib->buf);
}

/* ---- reading ---- */

struct ib_reader {
	const __u8 *buf;
	size_t len, pos;
	size_t chunk; /* most bytes that one read gives; 0: all */
};

static inline ssize_t ib_read(void *arg, void *buf, size_t len)
{
	struct ib_reader *r = arg;

	if (len > r->len - r->pos)
		len = r->len - r->pos;
	if (r->chunk && len > r->chunk)
		len = r->chunk;
	memcpy(buf, r->buf + r->pos, len);
	r->pos += len;
	return len;
}

/*
 * Read an image to its end.
 * Return: 0, or the reader's negative errno; ckpt_error() has the text.
 */
static inline int ib_parse_reader(struct ib_reader *r, int *records)
{
	struct ckpt_image *img = ckpt_image_open_fn(ib_read, r);
	const struct ckpt_hdr *rec;
	int ret;

	*records = 0;
	while ((ret = ckpt_image_next(img, &rec)) > 0)
		++*records;
	ckpt_image_close(img);
	return ret;
}

static inline int ib_parse(const void *buf, size_t len)
{
	struct ib_reader r = { .buf = buf, .len = len };
	int records;

	return ib_parse_reader(&r, &records);
}

#endif /* _UNIT_IMAGE_BUILD_H */
