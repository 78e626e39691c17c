// SPDX-License-Identifier: GPL-2.0-only
/* Cores of images: their contents, and that nothing is left of a bad one. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>
#include "image_build.h"
#include "tap.h"

#define CORE "unit.core"

static char notes[4096]; /* what the library said */
static pid_t only; /* process that is asked for, or 0 */

/* Write the core of what is in memory. */
static int core_of(const void *buf, size_t len)
{
	int fd = memfd_create("image", 0), ret;
	FILE *to = fmemopen(notes, sizeof(notes), "w");

	if (fd < 0 || !to || write(fd, buf, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	memset(notes, 0, sizeof(notes));
	ret = ckpt_core_write_one(fd, CORE, only, to);
	fclose(to);
	close(fd);
	return ret;
}

static int is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

/* A core in memory; it ends the program if it is none. */
struct core_file {
	__u8 *at;
	size_t len;
	const Elf64_Ehdr *e;
	const Elf64_Phdr *seg; /* the first one is the notes */
};

static struct core_file core_map(const char *path)
{
	struct core_file c = { 0 };
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		abort();
	c.len = st.st_size;
	c.at = mmap(NULL, c.len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	c.e = (void *)c.at;
	c.seg = (void *)(c.at + c.e->e_phoff);
	if (c.e->e_phoff + c.e->e_phnum * sizeof(*c.seg) > c.len)
		abort();
	return c;
}

/* The @nth note of a type, copied (it is 4-byte aligned); its length, or 0. */
static size_t core_note(const struct core_file *c, __u32 type, int nth,
			void *to, size_t size)
{
	const __u8 *p = c->at + c->seg->p_offset, *end = p + c->seg->p_filesz;
	const Elf64_Nhdr *n;
	const void *desc;

	for (; p < end; p = desc + ((n->n_descsz + 3) & ~3)) {
		n = (const void *)p;
		desc = p + sizeof(*n) + ((n->n_namesz + 3) & ~3);
		if (n->n_type != type || nth--)
			continue;
		memcpy(to, desc, n->n_descsz < size ? n->n_descsz : size);
		return n->n_descsz;
	}
	return 0;
}

/* The segment that begins at an address, or NULL. */
static const Elf64_Phdr *core_seg(const struct core_file *c, __u64 addr)
{
	int i;

	for (i = 1; i < c->e->e_phnum; i++)
		if (c->seg[i].p_vaddr == addr)
			return &c->seg[i];
	return NULL;
}

static int all_are(const __u8 *p, size_t len, __u8 value)
{
	while (len--)
		if (*p++ != value)
			return 0;
	return 1;
}

static void test_memory(const struct core_file *c)
{
	const Elf64_Phdr *s;
	__u8 text[2 * CKPT_PAGE_SIZE];
	const __u8 *p;
	int good;

	good = c->e->e_type == ET_CORE && c->e->e_phnum == 5;
	tap_ok(good, "a core of the notes and four areas");
	s = core_seg(c, IB_CODE);
	good = s && !s->p_filesz && s->p_memsz == 2 * CKPT_PAGE_SIZE;
	tap_ok(good, "a mapped file stays in the file");
	s = core_seg(c, IB_HEAP);
	p = s ? c->at + s->p_offset : NULL;
	good = s && s->p_filesz == 8 * CKPT_PAGE_SIZE &&
	       s->p_memsz == s->p_filesz && s->p_flags == (PF_R | PF_W) &&
	       !(s->p_offset % CKPT_PAGE_SIZE);
	tap_ok(good, "an anonymous area is there");
	good = p && all_are(p, 3 * CKPT_PAGE_SIZE, 0) &&
	       all_are(p + 3 * CKPT_PAGE_SIZE, CKPT_PAGE_SIZE, 0x5a) &&
	       all_are(p + 4 * CKPT_PAGE_SIZE, 3 * CKPT_PAGE_SIZE, 0) &&
	       all_are(p + 7 * CKPT_PAGE_SIZE, CKPT_PAGE_SIZE, 0x5a);
	tap_ok(good, "its contents are at their places, zeros between them");
	s = core_seg(c, IB_PACKED);
	ib_text_pages(text);
	good = s && s->p_filesz == 2 * sizeof(text) &&
	       !memcmp(c->at + s->p_offset, text, sizeof(text)) &&
	       !memcmp(c->at + s->p_offset + sizeof(text), text, sizeof(text));
	tap_ok(good, "packed contents are unpacked");
	s = core_seg(c, IB_STACK);
	good = s && !s->p_filesz && s->p_memsz == 4 * CKPT_PAGE_SIZE;
	tap_ok(good, "an area without contents takes no room");
}

static void test_notes(const struct core_file *c)
{
	__u64 words[16] = { 0 }, auxv[4] = { 0 }, mask;
	struct elf_prpsinfo p = { 0 };
	struct elf_prstatus s = { 0 };
	struct user_regs_struct r;
	__u8 x[832] = { 0 };
	int good;

	good = core_note(c, NT_PRSTATUS, 0, &s, sizeof(s)) == sizeof(s) &&
	       core_note(c, NT_PRPSINFO, 0, &p, sizeof(p)) == sizeof(p) &&
	       core_note(c, NT_SIGINFO, 0, x, 0) == 128 &&
	       core_note(c, NT_FPREGSET, 0, x, 0) == 512 &&
	       core_note(c, NT_X86_XSTATE, 0, x, sizeof(x)) == sizeof(x) &&
	       core_note(c, NT_AUXV, 0, auxv, sizeof(auxv)) == sizeof(auxv) &&
	       core_note(c, NT_FILE, 0, words, sizeof(words));
	tap_ok(good, "all notes, of the right lengths");
	memcpy(&r, s.pr_reg, sizeof(r));
	good = s.pr_pid == IB_PID && s.pr_ppid == 1 && s.pr_sid == 1000 &&
	       r.rip == IB_CODE && r.rsp == IB_STACK + 0x800 && r.cs == 0x33 &&
	       r.ss == 0x2b && r.eflags == 0x202;
	tap_ok(good, "the task and its registers");
	good = !strcmp(p.pr_fname, "job") && p.pr_uid == 1000 &&
	       p.pr_gid == 1000;
	tap_ok(good, "its name and owner");
	memcpy(&mask, x + 464, sizeof(mask));
	good = mask == 7 && x[512] == 7;
	tap_ok(good, "its extended state");
	good = auxv[0] == 6 && auxv[1] == 4096;
	tap_ok(good, "the auxiliary vector");
	good = words[0] == 1 && words[1] == 4096 && words[2] == IB_CODE &&
	       words[3] == IB_CODE + 0x2000 && !words[4] &&
	       !strcmp((const char *)&words[5], "/tmp/out");
	tap_ok(good, "the mapped file");
	tap_ok(!core_note(c, NT_PRSTATUS, 1, NULL, 0), "no other task");
}

static void test_good(void)
{
	struct core_file c;
	struct stat st;
	struct ib ib;
	int good;

	ib_good(&ib);
	good = !core_of(ib.buf, ib.len) && !stat(CORE, &st) &&
	       (st.st_mode & 07777) == 0600;
	tap_ok(good, "the core is there, for its owner alone");
	tap_ok(!!strstr(notes, "note: /tmp/out is not the file that it was"),
	       "a file that is gone is named");
	c = core_map(CORE);
	test_memory(&c);
	test_notes(&c);
	munmap(c.at, c.len);
	unlink(CORE);
	ib_free(&ib);
}

static void test_zeros_over_file(void)
{
	struct ckpt_hdr_vma *v;
	const Elf64_Phdr *s;
	struct core_file c;
	struct ib ib;
	int good;

	ib_good(&ib);
	v = ib_find(&ib, CKPT_HDR_VMA, 1);
	v->kind = CKPT_VMA_FILE;
	v->file_objref = REF_REG;
	memset(v->name, 0, sizeof(v->name));
	ib_seal(&ib);
	tap_ok(!core_of(ib.buf, ib.len),
	       "a core with pages of zeros in a file");
	c = core_map(CORE);
	s = core_seg(&c, IB_HEAP);
	good = s && s->p_filesz == 3 * CKPT_PAGE_SIZE &&
	       all_are(c.at + s->p_offset, s->p_filesz, 0);
	tap_ok(good, "zeros hide what the file has");
	s = core_seg(&c, IB_HEAP + 3 * CKPT_PAGE_SIZE);
	good = s && s->p_filesz == CKPT_PAGE_SIZE &&
	       all_are(c.at + s->p_offset, s->p_filesz, 0x5a);
	tap_ok(good, "and so do contents");
	munmap(c.at, c.len);
	unlink(CORE);
	ib_free(&ib);
}

static void test_dontdump(void)
{
	struct ckpt_hdr_vma *v;
	const Elf64_Phdr *s;
	struct core_file c;
	struct ib ib;
	int good;

	ib_good(&ib);
	v = ib_find(&ib, CKPT_HDR_VMA, 1);
	v->flags |= CKPT_VMA_DONTDUMP;
	ib_seal(&ib);
	tap_ok(!core_of(ib.buf, ib.len), "a core with an area left out");
	c = core_map(CORE);
	s = core_seg(&c, IB_HEAP);
	good = s && !s->p_filesz && s->p_memsz == 8 * CKPT_PAGE_SIZE;
	tap_ok(good, "its contents are not there");
	munmap(c.at, c.len);
	unlink(CORE);
	ib_free(&ib);
}

static struct ckpt_hdr_tree_task *add_tree_task(struct ib *ib, int pid)
{
	const struct ckpt_hdr_tree_task *first;
	struct ckpt_hdr_tree_task *t;
	int len;

	first = ib_find(ib, CKPT_HDR_TREE_TASK, 0);
	len = first->h.len;
	t = ib_add(ib, CKPT_HDR_TREE_TASK, len);
	memcpy(t, first, len);
	t->pid = pid;
	t->pids[0] = pid;
	return t;
}

/* A process with a second thread, and another process. */
static void build_three(struct ib *ib)
{
	struct ckpt_hdr_tree_task *t;
	struct ckpt_hdr_pgarr *p;
	struct ckpt_hdr_task *k;
	struct ckpt_hdr_mm *m;
	int i;

	ib_init(ib);
	ib_add_head(ib);
	ib_add_tree(ib);
	((struct ckpt_hdr_tree *)ib_find(ib, CKPT_HDR_TREE, 0))->nr_tasks = 3;
	t = add_tree_task(ib, IB_PID + 1);
	t->exit_signal = -1;
	t = add_tree_task(ib, IB_PID + 2);
	t->tgid = IB_PID + 2;
	t->mm_objref = REF_MM + 1;
	ib_add_cred(ib);
	ib_add_files(ib);
	ib_add_signals(ib);
	ib_add_memory(ib);
	ib_add_memory(ib);
	m = ib_find(ib, CKPT_HDR_MM, 1);
	m->objref = REF_MM + 1;
	for (i = NTH_RUN_SHMEM; i < 2 * NTH_RUN_SHMEM; i++) {
		p = ib_find(ib, CKPT_HDR_PGARR, i);
		p->mm_objref = REF_MM + 1;
	}
	for (i = 0; i < 3; i++) {
		ib_add_task(ib);
		k = ib_find(ib, CKPT_HDR_TASK, i);
		k->pid = IB_PID + i;
	}
	k->mm_objref = REF_MM + 1;
	ib_add_trailer(ib);
	ib_seal(ib);
}

static void test_processes(void)
{
	struct elf_prstatus one = { 0 }, two = { 0 };
	struct core_file c;
	struct ib ib;
	int good;

	build_three(&ib);
	tap_ok(!core_of(ib.buf, ib.len) && !is_there(CORE),
	       "an image of two processes");
	good = strstr(notes, CORE ".1234: pid 1234, job") &&
	       strstr(notes, CORE ".1236: pid 1236, job");
	tap_ok(good, "the files are listed");
	c = core_map(CORE ".1234");
	core_note(&c, NT_PRSTATUS, 0, &one, sizeof(one));
	core_note(&c, NT_PRSTATUS, 1, &two, sizeof(two));
	tap_ok(one.pr_pid == IB_PID && two.pr_pid == IB_PID + 1,
	       "the first has its two threads");
	test_memory(&c);
	munmap(c.at, c.len);
	c = core_map(CORE ".1236");
	core_note(&c, NT_PRSTATUS, 0, &one, sizeof(one));
	good = one.pr_pid == IB_PID + 2 &&
	       !core_note(&c, NT_PRSTATUS, 1, &two, 0);
	tap_ok(good, "the second has its one");
	test_memory(&c);
	munmap(c.at, c.len);
	unlink(CORE ".1234");
	unlink(CORE ".1236");
	only = IB_PID + 2;
	good = !core_of(ib.buf, ib.len) && is_there(CORE) &&
	       !is_there(CORE ".1234") && !is_there(CORE ".1236");
	tap_ok(good, "the one that is asked for alone");
	c = core_map(CORE);
	core_note(&c, NT_PRSTATUS, 0, &one, sizeof(one));
	tap_ok(one.pr_pid == IB_PID + 2, "and it is that one");
	test_memory(&c);
	munmap(c.at, c.len);
	unlink(CORE);
	only = IB_PID + 1;
	good = core_of(ib.buf, ib.len) == -ESRCH && !is_there(CORE);
	tap_ok(good, "a thread is no process");
	only = 0;
	good = core_of(ib.buf, ib.len - 1) == -EINVAL &&
	       !is_there(CORE ".1234");
	tap_ok(good, "neither is there if the image is cut short");
	ib_free(&ib);
}

static void test_bad(void)
{
	size_t at, bad = 0;
	struct ib ib;
	int good;

	ib_good(&ib);
	for (at = 0; at < ib.len; at += at % 512 < 64 ? 1 : 13)
		if (core_of(ib.buf, at) >= 0 || is_there(CORE) || *notes)
			bad++;
	tap_ok(!bad, "nothing is left of an image that is cut short anywhere");
	for (at = 0, bad = 0; at < ib.len; at += at % 512 < 64 ? 1 : 13) {
		ib.buf[at] ^= 4;
		if (core_of(ib.buf, ib.len) >= 0 || is_there(CORE) || *notes)
			bad++;
		ib.buf[at] ^= 4;
	}
	tap_ok(!bad, "nor of one that is damaged anywhere");
	ib_free(&ib);
	ib_init(&ib);
	ib_add_head(&ib);
	ib_add_err(&ib, "out of luck");
	ib_seal(&ib);
	good = core_of(ib.buf, ib.len) == -ENODATA && !is_there(CORE) &&
	       strstr(ckpt_error(), "had failed: out of luck");
	tap_ok(good, "nor of a checkpoint that failed");
	ib_free(&ib);
}

int main(void)
{
	test_good();
	test_zeros_over_file();
	test_dontdump();
	test_processes();
	test_bad();
	return tap_end();
}
