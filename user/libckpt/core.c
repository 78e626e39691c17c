// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ELF core of an image, for a debugger: one file for each address space.
 *
 * The image comes as a stream and is read once: contents go to their places in
 * the file as they come by, and what is known only later goes behind them:
 *
 *	ELF header | contents | program headers | notes
 *
 * A segment is a prefix with contents and a rest without.  The rest of an
 * anonymous area is zero, that of a mapped file is in the file, as in the
 * kernel's own cores; so is what they have of a file: the pages that differ
 * from it, and the first one if it is an ELF header, for the build id.  The
 * vdso's text is no part of an image; ours is taken if it is the same.  As in
 * the kernel's cores MADV_DONTDUMP is obeyed.
 */
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "core.h"

#define HOLE_MAX (1U << 20) /* of zeros in the contents, at most */

/* A reading of an image. */
struct cores {
	const char *path;
	pid_t only; /* process that is asked for, or 0: all */
	FILE *notes;
	struct core *first, **last;
	struct core *mm; /* the current one; NULL: it is not asked for */
	struct ckpt_hdr_vma vma; /* the current one */
	bool in_vma; /* there is one */
	bool in_shmem; /* what pages come belong to no area */
	size_t vma_seg; /* its first segment */
	struct core_thread *thread; /* the current one, or NULL */
	void *objs; /* tree of struct core_obj */
	struct ckpt_hdr_tree_task *task;
	__u32 nr_tasks;
	__u64 xfeatures, vdso_size, vdso_hash;
};

static int no_memory(void)
{
	return ckpt_set_error(-ENOMEM, "out of memory");
}

/* Room for one more: the sizes are powers of two. */
static void *grown(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return reallocarray(array, nr ? 2 * nr : 1, size);
}

/* ---- objects that are named later ---- */

static int obj_compare(const void *a, const void *b)
{
	const struct core_obj *x = a, *y = b;

	return (x->objref > y->objref) - (x->objref < y->objref);
}

static struct core_obj *obj_find(struct cores *cs, __s32 objref)
{
	const struct core_obj key = { .objref = objref };
	struct core_obj **found = tfind(&key, &cs->objs, obj_compare);

	return found ? *found : NULL;
}

static int obj_add(struct cores *cs, __s32 objref, const char *path,
		   struct core_obj **out)
{
	struct core_obj *o, **found;
	size_t len;

	len = strlen(path) + 1;
	o = calloc(1, sizeof(*o) + len);
	if (!o)
		return no_memory();
	o->objref = objref;
	memcpy(o->path, path, len);
	found = tsearch(o, &cs->objs, obj_compare);
	if (!found || *found != o)
		free(o);
	if (!found)
		return no_memory();
	*out = *found;
	return 0;
}

static int add_file(struct cores *cs, const struct ckpt_hdr_file *f)
{
	struct core_obj *o;
	int err = obj_add(cs, f->objref, f->path, &o);

	if (err)
		return err;
	o->size = f->size;
	o->mtime_sec = f->mtime_sec;
	o->mtime_nsec = f->mtime_nsec;
	return 0;
}

static int add_cred(struct cores *cs, const struct ckpt_hdr_cred *c)
{
	struct core_obj *o;
	int err = obj_add(cs, c->objref, "", &o);

	if (err)
		return err;
	o->uid = c->uid;
	o->gid = c->gid;
	return 0;
}

static int add_tree_task(struct cores *cs, const struct ckpt_hdr_tree_task *t)
{
	void *task = grown(cs->task, cs->nr_tasks, sizeof(*t));

	if (!task)
		return no_memory();
	cs->task = task;
	cs->task[cs->nr_tasks++] = *t;
	return 0;
}

/* ---- segments ---- */

static int core_failed(const struct core *core, int err)
{
	return ckpt_set_error(err, "%s: cannot write the core: %s", core->path,
			      strerror(-err));
}

static int core_put(struct core *core, const void *data, size_t len,
		    __u64 offset)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = pwrite(core->out.fd, p, len, offset);
		if (n < 0 && errno == EINTR && !ckpt_stop_requested())
			continue;
		if (n < 0)
			return core_failed(core, -errno);
		p += n;
		offset += n;
		len -= n;
	}
	return 0;
}

static int seg_add(struct core *core, const struct ckpt_hdr_vma *v, __u64 addr)
{
	Elf64_Phdr *seg = grown(core->seg, core->nr_segs, sizeof(*seg));

	if (!seg)
		return no_memory();
	core->seg = seg;
	core->seg[core->nr_segs++] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = (v->prot & PROT_READ ? PF_R : 0) |
			   (v->prot & PROT_WRITE ? PF_W : 0) |
			   (v->prot & PROT_EXEC ? PF_X : 0),
		.p_offset = core->end,
		.p_vaddr = addr,
		.p_align = CKPT_PAGE_SIZE,
	};
	return 0;
}

/*
 * Find a place for contents: behind those before, or, in anonymous memory, a
 * little farther.
 */
static int seg_place(struct core *core, const struct ckpt_hdr_vma *v,
		     __u64 addr, __u64 len)
{
	Elf64_Phdr *s = &core->seg[core->nr_segs - 1];
	__u64 end = s->p_vaddr + s->p_filesz, hole = addr - end;
	int err;

	if (addr < end || hole > (v->kind == CKPT_VMA_ANON ? HOLE_MAX : 0)) {
		err = seg_add(core, v, addr);
		if (err)
			return err;
		s = &core->seg[core->nr_segs - 1];
		hole = 0;
	}
	s->p_filesz += hole + len;
	core->end += hole + len;
	return 0;
}

static int seg_write(struct core *core, const struct ckpt_hdr_vma *v,
		     __u64 addr, const void *data, size_t len)
{
	int err = seg_place(core, v, addr, len);

	return err ?: core_put(core, data, len, core->end - len);
}

static int seg_compare(const void *a, const void *b)
{
	const Elf64_Phdr *x = a, *y = b;

	if (x->p_vaddr != y->p_vaddr)
		return x->p_vaddr > y->p_vaddr ? 1 : -1;
	return (x->p_filesz > y->p_filesz) - (x->p_filesz < y->p_filesz);
}

/* The segments of an area, whose contents have come, get the rest of it. */
static void segs_finish(struct cores *cs)
{
	Elf64_Phdr *s = cs->mm->seg + cs->vma_seg, *to = s;
	size_t nr = cs->mm->nr_segs - cs->vma_seg, i;

	qsort(s, nr, sizeof(*s), seg_compare);
	for (i = 0; i < nr; i++) {
		s[i].p_memsz = (i + 1 < nr ? s[i + 1].p_vaddr : cs->vma.end) -
			       s[i].p_vaddr;
		if (s[i].p_memsz)
			*to++ = s[i];
	}
	cs->mm->nr_segs = to - cs->mm->seg;
}

/* ---- what is not in the image ---- */

static bool is_same(const struct stat *st, const struct core_obj *file)
{
	return S_ISREG(st->st_mode) && (__u64)st->st_size == file->size &&
	       st->st_mtim.tv_sec == file->mtime_sec &&
	       st->st_mtim.tv_nsec == file->mtime_nsec;
}

/* Return: 1 if the file is there as it was, and its first page is read. */
static int read_first_page(const struct core_obj *file, void *page)
{
	struct stat st;
	int fd, ok;

	/* before the open(), which has effects on what is no file */
	if (stat(file->path, &st) || !is_same(&st, file))
		return 0;
	fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ok = !fstat(fd, &st) && is_same(&st, file) &&
	     pread(fd, page, CKPT_PAGE_SIZE, 0) > 0;
	close(fd);
	return ok;
}

static int vma_add_elf_header(struct cores *cs)
{
	const Elf64_Phdr *s = cs->mm->seg + cs->vma_seg;
	struct core_obj *file = obj_find(cs, cs->vma.file_objref);
	char page[CKPT_PAGE_SIZE] = "";
	size_t i;

	if (cs->vma.pgoff || !file)
		return 0;
	for (i = cs->vma_seg; i < cs->mm->nr_segs; i++, s++)
		if (s->p_vaddr == cs->vma.start && s->p_filesz)
			return 0;
	if (!read_first_page(file, page)) {
		if (cs->vma.kind == CKPT_VMA_FILE)
			file->changed = true;
		return 0;
	}
	if (memcmp(page, ELFMAG, SELFMAG))
		return 0;
	return seg_write(cs->mm, &cs->vma, cs->vma.start, page, sizeof(page));
}

static int vma_add_vdso(struct cores *cs)
{
	__u64 size = cs->vdso_size;
	int fd, err = 0;
	void *text;

	if (!size || size % CKPT_PAGE_SIZE || size > CKPT_REC_MAX ||
	    size > cs->vma.end - cs->vma.start)
		return 0;
	text = malloc(size);
	if (!text)
		return no_memory();
	fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 &&
	    pread(fd, text, size, getauxval(AT_SYSINFO_EHDR)) ==
		    (ssize_t)size &&
	    XXH64(text, size, 0) == cs->vdso_hash)
		err = seg_write(cs->mm, &cs->vma, cs->vma.start, text, size);
	if (fd >= 0)
		close(fd);
	free(text);
	return err;
}

/* ---- areas and their pages ---- */

static int vma_end(struct cores *cs)
{
	int err = 0;

	if (!cs->in_vma)
		return 0;
	if (cs->vma.kind == CKPT_VMA_VDSO)
		err = vma_add_vdso(cs);
	else if (cs->vma.file_objref && !(cs->vma.flags & CKPT_VMA_DONTDUMP))
		err = vma_add_elf_header(cs);
	if (err)
		return err;
	segs_finish(cs);
	cs->in_vma = false;
	return 0;
}

static int add_mapping(struct cores *cs, const struct ckpt_hdr_vma *v)
{
	struct core_obj *file = obj_find(cs, v->file_objref);
	struct core *core = cs->mm;
	struct core_mapping *m;

	if (!file)
		return 0;
	m = grown(core->mapping, core->nr_mappings, sizeof(*m));
	if (!m)
		return no_memory();
	core->mapping = m;
	m[core->nr_mappings++] = (struct core_mapping){
		.start = v->start,
		.end = v->end,
		.pgoff = v->pgoff,
		.file = file,
	};
	return 0;
}

static int add_vma(struct cores *cs, const struct ckpt_hdr_vma *v)
{
	int err = vma_end(cs);

	if (err)
		return err;
	cs->vma = *v;
	cs->in_vma = true;
	cs->vma_seg = cs->mm->nr_segs;
	err = seg_add(cs->mm, v, v->start);
	return err ?: add_mapping(cs, v);
}

static void keep_args(struct core *core, __u64 addr, const void *data,
		      size_t len)
{
	__u64 from = core->arg_start, to = core->arg_end;

	if (to - from > sizeof(core->args))
		to = from + sizeof(core->args);
	if (from < addr)
		from = addr;
	if (to > addr + len)
		to = addr + len;
	if (from < to)
		memcpy(core->args + (from - core->arg_start),
		       (const char *)data + (from - addr), to - from);
}

static int add_pages(void *arg, __u64 addr, const void *data, size_t len)
{
	struct cores *cs = arg;

	if (cs->in_shmem || !cs->mm)
		return 0;
	keep_args(cs->mm, addr, data, len);
	if (cs->vma.flags & CKPT_VMA_DONTDUMP)
		return 0;
	return seg_write(cs->mm, &cs->vma, addr, data, len);
}

/* Zeros are where nothing was written, unless a file would fill the place. */
static int add_zeros(struct cores *cs, const struct ckpt_hdr_pgarr *p)
{
	const struct ckpt_page_range *g = p->range;
	__u32 i;
	int err;

	if (cs->in_shmem || cs->vma.kind == CKPT_VMA_ANON ||
	    cs->vma.flags & CKPT_VMA_DONTDUMP)
		return 0;
	for (i = 0; i < p->nr_ranges; i++, g++) {
		if (!(g->flags & CKPT_PAGES_ZERO))
			continue;
		err = seg_place(cs->mm, &cs->vma, g->start,
				(__u64)g->nr_pages * CKPT_PAGE_SIZE);
		if (err)
			return err;
	}
	return 0;
}

/* ---- address spaces and tasks ---- */

/* One file needs no pid in its name. */
static int core_path(struct cores *cs, struct core *core)
{
	__s32 other = core->mm_objref;
	__u32 i;

	for (i = 0; i < cs->nr_tasks; i++) {
		if (cs->task[i].mm_objref != core->mm_objref) {
			other = cs->task[i].mm_objref ?: other;
		} else if (!core->pid) {
			core->pid = cs->task[i].tgid;
			memcpy(core->comm, cs->task[i].comm, 16);
		}
	}
	if (other == core->mm_objref || cs->only)
		core->path = strdup(cs->path);
	else if (asprintf(&core->path, "%s.%d", cs->path, core->pid) < 0)
		core->path = NULL;
	return core->path ? 0 : no_memory();
}

/* Other than an image a core cannot go to a pipe. */
static int core_open(struct core *core)
{
	struct stat st;

	if (!stat(core->path, &st) && !S_ISREG(st.st_mode))
		return ckpt_set_error(-ESPIPE,
				      "%s: a core goes into a regular file, since it is not written in order",
				      core->path);
	return ckpt_output_open(&core->out, core->path, -1);
}

static bool is_wanted(const struct cores *cs, __s32 mm_objref)
{
	__u32 i;

	for (i = 0; cs->only && i < cs->nr_tasks; i++)
		if (cs->task[i].tgid == cs->only &&
		    cs->task[i].mm_objref == mm_objref)
			return true;
	return !cs->only;
}

static int add_mm(struct cores *cs, const struct ckpt_hdr_mm *m)
{
	struct core *core;
	int err;

	cs->mm = NULL;
	if (!is_wanted(cs, m->objref))
		return 0;
	core = calloc(1, sizeof(*core));
	if (!core)
		return no_memory();
	*cs->last = core;
	cs->last = &core->next;
	cs->mm = core;
	core->out.fd = -1;
	core->last_thread = &core->threads;
	core->mm_objref = m->objref;
	core->end = CKPT_PAGE_SIZE; /* behind the ELF header */
	if (m->arg_start < m->arg_end) {
		core->arg_start = m->arg_start;
		core->arg_end = m->arg_end;
	}
	core->nr_auxv = m->nr_auxv;
	memcpy(core->auxv, m->auxv, m->nr_auxv * sizeof(m->auxv[0]));
	err = core_path(cs, core);
	return err ?: core_open(core);
}

static int add_task(struct cores *cs, const struct ckpt_hdr_task *task)
{
	static const struct ckpt_hdr_tree_task nobody;
	const struct ckpt_hdr_tree_task *tree = &nobody;
	struct core *core;
	__u32 i;

	cs->thread = NULL;
	for (core = cs->first; core; core = core->next)
		if (core->mm_objref == task->mm_objref)
			break;
	if (!core)
		return 0;
	for (i = 0; i < cs->nr_tasks; i++)
		if (cs->task[i].pid == task->pid)
			tree = &cs->task[i];
	cs->thread = aligned_alloc(64, (sizeof(*cs->thread) + 63) & ~63UL);
	if (!cs->thread)
		return no_memory();
	memset(cs->thread, 0, sizeof(*cs->thread));
	*core->last_thread = cs->thread;
	core->last_thread = &cs->thread->next;
	ckpt_core_thread_task(cs->thread, task, tree,
			      obj_find(cs, task->cred_objref));
	return 0;
}

static int add_err(const struct ckpt_hdr_err *e)
{
	size_t len;
	const char *text = ckpt_err_text(e, &len);

	return ckpt_set_error(-ENODATA,
			      "image: its checkpoint had failed: %.*s",
			      (int)len, text);
}

static int add_record(struct cores *cs, const struct ckpt_hdr *rec)
{
	const struct ckpt_hdr_header_arch *arch;
	const void *r = rec;
	int err = 0;

	if (rec->type != CKPT_HDR_VMA && rec->type != CKPT_HDR_PGARR)
		err = vma_end(cs);
	if (err)
		return err;
	if (rec->type != CKPT_HDR_PGARR)
		cs->in_shmem = rec->type == CKPT_HDR_SHMEM;
	switch (rec->type) {
	case CKPT_HDR_HEADER_ARCH:
		arch = r;
		cs->xfeatures = arch->xfeatures;
		cs->vdso_size = arch->vdso_size;
		cs->vdso_hash = arch->vdso_hash;
		return 0;
	case CKPT_HDR_TREE_TASK:
		return add_tree_task(cs, r);
	case CKPT_HDR_FILE:
		return add_file(cs, r);
	case CKPT_HDR_CRED:
		return add_cred(cs, r);
	case CKPT_HDR_MM:
		return add_mm(cs, r);
	case CKPT_HDR_VMA:
		return cs->mm ? add_vma(cs, r) : 0;
	case CKPT_HDR_PGARR:
		return cs->mm ? add_zeros(cs, r) : 0;
	case CKPT_HDR_TASK:
		return add_task(cs, r);
	case CKPT_HDR_CPU:
		if (cs->thread)
			ckpt_core_thread_cpu(cs->thread, r);
		return 0;
	case CKPT_HDR_XSTATE:
		if (cs->thread)
			ckpt_core_thread_xstate(cs->thread, r, cs->xfeatures);
		return 0;
	case CKPT_HDR_ERR:
		return add_err(r);
	default:
		return 0;
	}
}

/* ---- the end of a file ---- */

static int write_elf_header(struct core *core, __u64 shoff)
{
	const Elf64_Ehdr e = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = core->end,
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = shoff ? PN_XNUM : core->nr_segs + 1,
		.e_shoff = shoff,
		.e_shentsize = shoff ? sizeof(Elf64_Shdr) : 0,
		.e_shnum = shoff ? 1 : 0,
	};

	return core_put(core, &e, sizeof(e), 0);
}

/* More than fit into the ELF header are counted by a section header. */
static int write_tail(struct core *core, FILE *to, __u64 *shoff)
{
	const Elf64_Shdr many = { .sh_info = core->nr_segs + 1 };
	__u64 phoff = core->end;
	Elf64_Phdr note = { .p_type = PT_NOTE, .p_align = 4 };
	int err;

	note.p_offset = phoff + (core->nr_segs + 1) * sizeof(note);
	fseeko(to, note.p_offset, SEEK_SET);
	err = ckpt_core_notes(to, core);
	if (err)
		return err;
	note.p_filesz = ftello(to) - note.p_offset;
	if (core->nr_segs + 1 >= PN_XNUM) {
		*shoff = (note.p_offset + note.p_filesz + 7) & ~7UL;
		fseeko(to, *shoff, SEEK_SET);
		fwrite(&many, sizeof(many), 1, to);
	}
	fseeko(to, phoff, SEEK_SET);
	fwrite(&note, sizeof(note), 1, to);
	fwrite(core->seg, sizeof(*core->seg), core->nr_segs, to);
	return 0;
}

/* Of a core that is there. */
static void core_tell(struct cores *cs, struct core *core)
{
	struct core_obj *file;
	size_t i;

	if (cs->first->next)
		ckpt_put(cs->notes, "%s: pid %d, %.16s\n", core->path,
			 core->pid, core->comm);
	for (i = 0; i < core->nr_mappings; i++) {
		file = core->mapping[i].file;
		if (file->changed)
			ckpt_put(cs->notes,
				 "note: %s is not the file that it was: the core does without it\n",
				 file->path);
		file->changed = false;
	}
}

static int core_finish(struct cores *cs, struct core *core)
{
	__u64 shoff = 0;
	FILE *to;
	int fd, err;

	if (!core->threads)
		return ckpt_set_error(-EINVAL,
				      "image: memory that belongs to no task");
	fd = fcntl(core->out.fd, F_DUPFD_CLOEXEC, 3);
	to = fd < 0 ? NULL : fdopen(fd, "w");
	if (!to)
		return core_failed(core, -errno);
	err = write_tail(core, to, &shoff);
	if (!err && (fflush(to) || ferror(to)))
		err = -errno ?: -EIO;
	fclose(to);
	if (err)
		return core_failed(core, err);
	err = write_elf_header(core, shoff);
	if (err)
		return err;
	err = ckpt_output_commit(&core->out, true);
	if (err)
		return core_failed(core, err);
	if (cs->notes)
		core_tell(cs, core);
	return 0;
}

static int cores_read(struct cores *cs, struct ckpt_image *img)
{
	const struct ckpt_hdr *rec;
	struct core *core;
	int ret;

	ckpt_image_set_pages(img, add_pages, cs);
	while ((ret = ckpt_image_next(img, &rec)) > 0) {
		ret = add_record(cs, rec);
		if (ret)
			return ret;
		if (ckpt_stop_requested())
			return ckpt_set_error(-EINTR, "interrupted");
	}
	if (!ret && !cs->first)
		return ckpt_set_error(-ESRCH,
				      "image: no process %d with memory in it",
				      cs->only);
	for (core = cs->first; !ret && core; core = core->next)
		ret = core_finish(cs, core);
	return ret;
}

static void cores_free(struct cores *cs)
{
	struct core_thread *thread;
	struct core *core;

	while ((core = cs->first)) {
		cs->first = core->next;
		while ((thread = core->threads)) {
			core->threads = thread->next;
			free(thread);
		}
		ckpt_output_abort(&core->out);
		free(core->mapping);
		free(core->seg);
		free(core->path);
		free(core);
	}
	tdestroy(cs->objs, free);
	free(cs->task);
}

int ckpt_core_write_one(int fd, const char *path, pid_t pid, FILE *notes)
{
	struct cores cs = { .path = path, .only = pid, .notes = notes };
	struct ckpt_image *img = ckpt_image_open(fd);
	int err;

	if (!img)
		return -ENOMEM;
	cs.last = &cs.first;
	err = cores_read(&cs, img);
	cores_free(&cs);
	ckpt_image_close(img);
	return err;
}

int ckpt_core_write(int fd, const char *path, FILE *notes)
{
	return ckpt_core_write_one(fd, path, 0, notes);
}
