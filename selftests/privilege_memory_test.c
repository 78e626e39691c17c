// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images that ask for what their restarter could not give himself: files,
 * mappings, an executable, an address space that reaches beyond user space,
 * registers.
 */
#define _GNU_SOURCE
#include "privilege_image.h"
#include <asm/processor-flags.h>

#define LOW 0x1000ULL /* below vm.mmap_min_addr */
#define VSYSCALL 0xffffffffff600000ULL

/* ---- files --------------------------------------------------------- */

/* Another file of a name as long. */
static void other_path(struct ib *ib, const char *from, const char *to)
{
	struct ckpt_hdr_file *f = ie_file(ib, from);

	memcpy(f->path + f->path_len - 1 - strlen(from), to, strlen(from));
}

static void edit_secret(struct ib *ib)
{
	other_path(ib, "/public", "/secret");
}

static void edit_for_writing(struct ib *ib)
{
	struct ckpt_hdr_file *f = ie_file(ib, "/public");

	f->f_flags = (f->f_flags & ~O_ACCMODE) | O_RDWR;
	f->f_mode = CKPT_FMODE_READ | CKPT_FMODE_WRITE;
}

static void edit_modes_differ(struct ib *ib)
{
	ie_file(ib, "/only")->f_mode = CKPT_FMODE_READ | CKPT_FMODE_WRITE;
}

static void edit_truncating(struct ib *ib)
{
	ie_file(ib, "/open")->f_flags |= O_TRUNC | O_CREAT;
}

static void edit_other_device(struct ib *ib)
{
	other_path(ib, "/dev/null", "/dev/kmsg");
}

static void edit_memory_device(struct ib *ib)
{
	struct ckpt_hdr_file *f = ie_file(ib, "/dev/null");

	memcpy(f->path, "/dev/mem", sizeof("/dev/mem"));
	f->path_len = sizeof("/dev/mem");
	f->rdev = 0x101;
}

static void edit_directory_as_file(struct ib *ib)
{
	other_path(ib, "/public", "/inside");
}

static void edit_closed_directory(struct ib *ib)
{
	struct ckpt_hdr_fs *fs = IE_REC(ib, fs, 0);
	char *pwd = fs->paths + fs->root_len;

	memcpy(pwd + fs->pwd_len - sizeof("closed"), "closed", 6);
}

static void edit_root(struct ib *ib)
{
	int n = ib_index(ib, CKPT_HDR_FS, 0);
	struct ckpt_hdr_fs *fs = IE_REC(ib, fs, 0);

	ib_resize(ib, n, sizeof(*fs) + 8 - fs->h.len);
	fs = ib_at(ib, n);
	fs->root_len = sizeof("/tmp");
	fs->pwd_len = sizeof("/");
	memset(fs->paths, 0, 8);
	memcpy(fs->paths, "/tmp\0/", fs->root_len + fs->pwd_len);
}

static const struct pv_row file_rows[] = {
	{ "file_of_anothers", edit_secret, "cannot be opened for reading",
	  EACCES, PV_ROOT_MAY },
	{ "file_to_read_only_for_writing", edit_for_writing,
	  "cannot be opened for writing", EACCES, PV_ROOT_MAY },
	{ "file_mode_beyond_its_flags", edit_modes_differ,
	  "do not fit access mode", EINVAL, PV_ROOT_TOO },
	{ "file_to_truncate_at_open", edit_truncating, NULL, 0, PV_ROOT_MAY },
	{ "another_device", edit_other_device, "is another device", ENODEV,
	  PV_ROOT_TOO },
	{ "device_of_memory", edit_memory_device, "is another device", ENODEV,
	  PV_ROOT_TOO },
	{ "directory_as_a_file", edit_directory_as_file, "is a directory now",
	  EINVAL, PV_ROOT_TOO },
	{ "working_directory_of_anothers", edit_closed_directory,
	  "the caller may not enter", EACCES, PV_ROOT_MAY },
	{ "another_root_directory", edit_root, "CAP_SYS_CHROOT", EPERM,
	  PV_ROOT_MAY },
};

/* ---- mappings ------------------------------------------------------ */

/* An area more, before the first one that is not below @start. */
static struct ckpt_hdr_vma *insert_area(struct ib *ib, __u64 start, __u64 end)
{
	struct ckpt_hdr_vma *v;
	int n = ib_index(ib, CKPT_HDR_VMA, 0), i = 0;

	IE_REC(ib, mm, 0)->nr_vmas++;
	while (i + 1 < (int)IE_REC(ib, mm, 0)->nr_vmas) {
		n = ib_index(ib, CKPT_HDR_VMA, i++);
		v = ib_at(ib, n);
		if (v->start >= start)
			break;
	}
	v = ie_insert(ib, n, CKPT_HDR_VMA, sizeof(*v));
	v->start = start;
	v->end = end;
	v->kind = CKPT_VMA_ANON;
	v->prot = PROT_READ | PROT_WRITE;
	return v;
}

static struct ckpt_hdr_vma *last_area(struct ib *ib)
{
	return IE_REC(ib, vma, IE_REC(ib, mm, 0)->nr_vmas - 1);
}

static void edit_low(struct ib *ib)
{
	insert_area(ib, LOW, LOW + 4096);
}

static void edit_lowest(struct ib *ib)
{
	insert_area(ib, 0, 4096)->flags = CKPT_VMA_GROWSDOWN;
}

static void edit_in_the_kernel(struct ib *ib)
{
	last_area(ib)->start = PV_DEEP;
	last_area(ib)->end = PV_DEEP + 4096;
}

static void edit_vsyscall(struct ib *ib)
{
	last_area(ib)->start = VSYSCALL;
	last_area(ib)->end = VSYSCALL + 4096;
}

static void edit_beyond(struct ib *ib)
{
	last_area(ib)->end = PV_HOLE;
}

static void edit_overlap(struct ib *ib)
{
	struct ckpt_hdr_vma *v = ie_area_at(ib, PV_LOCKED);

	insert_area(ib, PV_LOCKED, v->end);
}

static void edit_other_vdso(struct ib *ib)
{
	IE_REC(ib, mm, 0)->vdso -= 4096;
}

static void edit_data_of_vdso(struct ib *ib)
{
	insert_area(ib, PV_LOCKED - 0x10000, PV_LOCKED - 0xf000)->kind =
		CKPT_VMA_VVAR;
}

static void edit_area_flag(struct ib *ib)
{
	ie_area_at(ib, PV_LOCKED)->flags |= CKPT_VMA_FLAGS + 1;
}

static void edit_area_flags(struct ib *ib)
{
	ie_area_at(ib, PV_LOCKED)->flags |= 1U << 31;
}

static void edit_area_kind(struct ib *ib)
{
	ie_area_at(ib, PV_LOCKED)->kind = CKPT_VMA_KINDS;
}

static void edit_write_shared(struct ib *ib)
{
	struct ckpt_hdr_vma *v = ie_area_of(ib, "/only");

	v->prot |= PROT_WRITE;
	v->flags |= CKPT_VMA_MAYWRITE;
}

static void edit_may_write_shared(struct ib *ib)
{
	ie_area_of(ib, "/only")->flags |= CKPT_VMA_MAYWRITE;
}

/* Contents that the image would write into the file itself. */
static void edit_pages_of_a_file(struct ib *ib)
{
	struct ckpt_hdr_vma *v = ie_area_at(ib, PV_LOCKED);

	v->kind = CKPT_VMA_SHARED_FILE;
	v->flags = 0;
	v->file_objref = ie_file(ib, "/only")->objref;
	v->prot = PROT_READ;
}

/* Contents of one area that go into another one. */
static void edit_pages_elsewhere(struct ib *ib)
{
	const struct ckpt_hdr_vma *v = ie_area_of(ib, "/only");
	struct ckpt_hdr_pgarr *p;
	int i = 0;

	do {
		p = IE_REC(ib, pgarr, i++);
	} while (p->range[0].start != PV_LOCKED);
	p->range[0].start = v->start;
}

static void edit_executable(struct ib *ib)
{
	ie_area_of(ib, "/mnt/tool")->prot |= PROT_EXEC;
}

/* Its mappings are of huge pages, which no checkpoint takes. */
static void edit_hugetlbfs(struct ib *ib)
{
	other_path(ib, "/only", "/h/fi");
}

static void limit_locked(struct ib *ib)
{
	struct ckpt_hdr_signal *s = IE_REC(ib, signal, 0);

	s->rlim[RLIMIT_MEMLOCK].cur = 4096;
	s->rlim[RLIMIT_MEMLOCK].max = 4096;
}

static void edit_lock_future(struct ib *ib)
{
	struct ckpt_hdr_signal *s = IE_REC(ib, signal, 0);

	s->rlim[RLIMIT_MEMLOCK].cur = 0;
	s->rlim[RLIMIT_MEMLOCK].max = 0;
	IE_REC(ib, mm, 0)->flags |= CKPT_MM_LOCK_FUTURE;
}

static void may_lock_a_page(void)
{
	struct rlimit rlim = { 4096, 4096 };

	setrlimit(RLIMIT_MEMLOCK, &rlim);
}

static void may_lock_nothing(void)
{
	struct rlimit rlim = { 0, 0 };

	setrlimit(RLIMIT_MEMLOCK, &rlim);
}

/* mprotect() has refused to make it writable. */
static bool cannot_write_the_file(const struct ct_shared *s)
{
	return !s->data[PV_WROTE];
}

static const struct pv_row area_rows[] = {
	{ "area_below_mmap_min_addr", edit_low, "cannot map memory", EPERM,
	  PV_ROOT_MAY },
	{ "area_at_zero", edit_lowest, "cannot map memory", EPERM },
	{ "area_in_a_user_namespace", edit_low, "cannot map memory", EPERM,
	  PV_NAMESPACE },
	{ "area_in_the_kernel", edit_in_the_kernel, "beyond user space", EINVAL,
	  PV_ROOT_TOO },
	{ "area_at_vsyscall", edit_vsyscall, "beyond user space", EINVAL,
	  PV_ROOT_TOO },
	{ "area_beyond_task_size", edit_beyond, "beyond user space", EINVAL,
	  PV_ROOT_TOO },
	{ "areas_that_overlap", edit_overlap, "areas overlap", EINVAL,
	  PV_ROOT_TOO },
	{ "vdso_elsewhere", edit_other_vdso, "the vdso", EINVAL, PV_ROOT_TOO },
	{ "vdso_data_elsewhere", edit_data_of_vdso, "the vdso", EINVAL,
	  PV_ROOT_TOO },
	{ "area_with_the_next_flag", edit_area_flag, "vma: unknown flags",
	  EINVAL, PV_ROOT_TOO },
	{ "area_with_the_last_flag", edit_area_flags, "vma: unknown flags",
	  EINVAL, PV_ROOT_TOO },
	{ "area_of_no_kind", edit_area_kind, "vma: unknown kind", EINVAL,
	  PV_ROOT_TOO },
	{ "shared_writing_to_a_file_opened_to_read", edit_write_shared,
	  "cannot map the file", EACCES, PV_ROOT_TOO },
	{ "right_to_write_to_a_file_opened_to_read", edit_may_write_shared,
	  NULL, 0, PV_ROOT_MAY, NULL, cannot_write_the_file },
	{ "contents_of_a_shared_file", edit_pages_of_a_file,
	  "pages for a shared file", EINVAL, PV_ROOT_TOO },
	{ "contents_of_another_area", edit_pages_elsewhere, "pgarr:", EINVAL,
	  PV_ROOT_TOO },
	{ "executable_from_a_noexec_mount", edit_executable,
	  "cannot map the file", EPERM, PV_ROOT_TOO },
	{ "mapping_of_a_hugetlbfs_file", edit_hugetlbfs, "a hugetlb mapping",
	  EOPNOTSUPP, PV_ROOT_TOO },
	{ "locked_memory_beyond_the_limit", limit_locked,
	  "cannot lock it in memory (RLIMIT_MEMLOCK)", ENOMEM, PV_ROOT_MAY,
	  may_lock_a_page },
	{ "locked_memory_in_future", edit_lock_future, "mlockall(MCL_FUTURE)",
	  EPERM, PV_ROOT_MAY, may_lock_nothing },
};

/* ---- the executable, the address space as a whole ------------------ */

static void edit_exe_setuid(struct ib *ib)
{
	IE_REC(ib, mm, 0)->exe_objref = ie_file(ib, "/suid")->objref;
}

static void edit_exe_plain(struct ib *ib)
{
	IE_REC(ib, mm, 0)->exe_objref = ie_file(ib, "/only")->objref;
}

static void edit_exe_noexec(struct ib *ib)
{
	IE_REC(ib, mm, 0)->exe_objref = ie_file(ib, "/mnt/tool")->objref;
}

static void edit_exe_device(struct ib *ib)
{
	IE_REC(ib, mm, 0)->exe_objref = ie_file(ib, "/dev/null")->objref;
}

PV_EDIT(dumpable, mm, 0, r->flags = (r->flags & ~CKPT_MM_DUMPABLE_MASK) | 2)
PV_EDIT(brk_kernel, mm, 0, r->brk = PV_DEEP)
PV_EDIT(brk_below, mm, 0, r->brk = r->start_brk - 4096)
PV_EDIT(brk_low, mm, 0, r->start_brk = LOW; r->brk = LOW)
PV_EDIT(stack, mm, 0, r->start_stack = PV_DEEP)
PV_EDIT(arguments, mm, 0, r->arg_end = PV_DEEP)
PV_EDIT(arguments_back, mm, 0, r->arg_start = r->arg_end + 1)
PV_EDIT(environment, mm, 0, r->env_start = PV_DEEP; r->env_end = PV_DEEP + 99)
PV_EDIT(code, mm, 0, r->end_code = PV_DEEP)
PV_EDIT(data, mm, 0, r->end_data = PV_DEEP)
PV_EDIT(mmap_base, mm, 0, r->mmap_base = PV_DEEP)
PV_EDIT(mmap_base_low, mm, 0, r->mmap_base = LOW)
PV_EDIT(vdso, mm, 0, r->vdso = PV_DEEP)

static bool is_no_root(const struct ct_shared *s)
{
	return s->data[PV_EUID] == PV_USER && !s->data[PV_EFFECTIVE];
}

static bool brk_stays(const struct ct_shared *s)
{
	return s->data[PV_BRK] == LOW;
}

static const struct pv_row space_rows[] = {
	{ "exe_link_to_a_setuid_program", edit_exe_setuid, NULL, 0, PV_ROOT_MAY,
	  NULL, is_no_root },
	{ "exe_link_to_a_file_without_x", edit_exe_plain, "you may not execute",
	  EACCES, PV_ROOT_TOO },
	{ "exe_link_to_a_noexec_mount", edit_exe_noexec, "you may not execute",
	  EACCES, PV_ROOT_TOO },
	{ "exe_link_to_a_device", edit_exe_device, "you may not execute",
	  EACCES, PV_ROOT_TOO },
	{ "core_dumps_that_root_writes", edit_dumpable, "dumpable 2", EPERM,
	  PV_ROOT_MAY },
	{ "brk_in_the_kernel", edit_brk_kernel, "bad brk", EINVAL,
	  PV_ROOT_TOO },
	{ "brk_below_its_start", edit_brk_below, "bad brk", EINVAL,
	  PV_ROOT_TOO },
	{ "brk_below_mmap_min_addr", edit_brk_low, NULL, 0, 0, NULL,
	  brk_stays },
	{ "stack_in_the_kernel", edit_stack, "address beyond user space",
	  EINVAL, PV_ROOT_TOO },
	{ "arguments_in_the_kernel", edit_arguments, "bad range of arguments",
	  EINVAL, PV_ROOT_TOO },
	{ "arguments_back_to_front", edit_arguments_back,
	  "bad range of arguments", EINVAL, PV_ROOT_TOO },
	{ "environment_in_the_kernel", edit_environment,
	  "bad range of arguments", EINVAL, PV_ROOT_TOO },
	{ "code_in_the_kernel", edit_code, "bad range of code", EINVAL,
	  PV_ROOT_TOO },
	{ "data_in_the_kernel", edit_data, "bad range of code", EINVAL,
	  PV_ROOT_TOO },
	{ "mmap_base_in_the_kernel", edit_mmap_base,
	  "address beyond user space", EINVAL, PV_ROOT_TOO },
	{ "mmap_base_below_mmap_min_addr", edit_mmap_base_low, NULL },
	{ "vdso_in_the_kernel", edit_vdso, "bad address of the vdso", EINVAL,
	  PV_ROOT_TOO },
};

/* ---- registers ----------------------------------------------------- */

#define MXCSR_OFFSET (sizeof(struct ckpt_xcomp) + 24)
#define FLAGS_KERNEL \
	(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP)

/* The last component of the extended state, if not the legacy one. */
static struct ckpt_xcomp *last_component(struct ckpt_hdr_xstate *r)
{
	struct ckpt_xcomp *c = (void *)r->data;
	__u32 i;

	for (i = 1; i < r->nr; i++)
		c = (void *)((char *)(c + 1) + c->size);
	return c;
}

/* A component more, of 64 bytes. */
static void add_component(struct ib *ib, int nr)
{
	int n = ib_index(ib, CKPT_HDR_XSTATE, 0);
	struct ckpt_hdr_xstate *r = ib_at(ib, n);
	struct ckpt_xcomp *c;

	ib_resize(ib, n, sizeof(*c) + 64);
	r = ib_at(ib, n);
	c = last_component(r);
	c = (void *)((char *)(c + 1) + c->size);
	c->nr = nr;
	c->size = 64;
	memset(c + 1, 0xff, 64);
	r->nr++;
	r->xfeatures |= 1ULL << nr;
}

static void edit_pasid(struct ib *ib)
{
	add_component(ib, 10);
}

static void edit_shadow_stack(struct ib *ib)
{
	add_component(ib, 12);
}

static void edit_last_component(struct ib *ib)
{
	add_component(ib, 62);
}

PV_EDIT(cs_kernel, cpu, 0, r->cs = 0x10)
PV_EDIT(cs_32, cpu, 0, r->cs = 0x23)
PV_EDIT(cs_ring, cpu, 0, r->cs = 0x30)
PV_EDIT(ss_kernel, cpu, 0, r->ss = 0x18)
PV_EDIT(ds, cpu, 0, r->ds = 0x18)
PV_EDIT(es, cpu, 0, r->es = 0x07)
PV_EDIT(fs, cpu, 0, r->fs = 0x63)
PV_EDIT(gs, cpu, 0, r->gs = 0x33)
PV_EDIT(selector, cpu, 0, r->cs = 0x10033)
PV_EDIT(ip_kernel, cpu, 0, r->ip = 0xffffffff81000000ULL)
PV_EDIT(ip_hole, cpu, 0, r->ip = 1ULL << 56)
PV_EDIT(sp_kernel, cpu, 0, r->sp = PV_DEEP)
PV_EDIT(fs_base, cpu, 0, r->fs_base = PV_DEEP)
PV_EDIT(fs_base_hole, cpu, 0, r->fs_base = PV_HOLE)
PV_EDIT(gs_base, cpu, 0, r->gs_base = PV_DEEP)
PV_EDIT(gs_base_hole, cpu, 0, r->gs_base = PV_HOLE)
PV_EDIT(flags, cpu, 0, r->flags = (r->flags | FLAGS_KERNEL) & ~X86_EFLAGS_IF)
PV_EDIT(all_flags, cpu, 0, r->flags = ~0ULL)
PV_EDIT(nested, cpu, 0, r->flags |= X86_EFLAGS_NT)
PV_EDIT(step, cpu, 0, r->flags |= X86_EFLAGS_TF)
PV_EDIT(mxcsr, xstate, 0, memset(r->data + MXCSR_OFFSET, 0xff, 4))
PV_EDIT(compaction, xstate, 0, r->xfeatures |= 1ULL << 63)
PV_EDIT(state_missing, xstate, 0, r->xfeatures |= 1ULL << 11)

static bool flags_are_users(const struct ct_shared *s)
{
	return !(s->data[PV_FLAGS] & FLAGS_KERNEL) &&
	       s->data[PV_FLAGS] & X86_EFLAGS_IF;
}

#define SELECTOR_ROW(name, reg)                                         \
	{                                                               \
		"selector_" name, edit_##reg, "a bad selector", EINVAL, \
			PV_ROOT_TOO                                     \
	}
#define BASE_ROW(name, reg)                                                 \
	{                                                                   \
		name, edit_##reg, "segment base beyond user space", EINVAL, \
			PV_ROOT_TOO                                         \
	}
static const struct pv_row cpu_rows[] = {
	SELECTOR_ROW("cs_of_the_kernel", cs_kernel),
	SELECTOR_ROW("cs_of_32_bit", cs_32),
	SELECTOR_ROW("cs_of_ring_0", cs_ring),
	SELECTOR_ROW("ss_of_the_kernel", ss_kernel),
	SELECTOR_ROW("ds", ds),
	SELECTOR_ROW("es", es),
	SELECTOR_ROW("fs", fs),
	SELECTOR_ROW("gs", gs),
	{ "selector_of_17_bits", edit_selector, "selector out of range", EINVAL,
	  PV_ROOT_TOO },
	{ "ip_in_the_kernel", edit_ip_kernel, "an address outside user space",
	  EINVAL, PV_ROOT_TOO },
	{ "ip_that_is_not_canonical", edit_ip_hole,
	  "an address outside user space", EINVAL, PV_ROOT_TOO },
	{ "sp_in_the_kernel", edit_sp_kernel, "an address outside user space",
	  EINVAL, PV_ROOT_TOO },
	BASE_ROW("fs_base_in_the_kernel", fs_base),
	BASE_ROW("fs_base_that_is_not_canonical", fs_base_hole),
	BASE_ROW("gs_base_in_the_kernel", gs_base),
	BASE_ROW("gs_base_that_is_not_canonical", gs_base_hole),
	{ "flags_of_the_kernel", edit_flags, NULL, 0, PV_ROOT_MAY, NULL,
	  flags_are_users },
	{ "all_flags", edit_all_flags, NULL, 0, PV_ANY_END },
	{ "flag_of_a_nested_task", edit_nested, NULL },
	{ "flag_of_single_steps", edit_step, NULL, 0, PV_ANY_END },
	{ "mxcsr_with_reserved_bits", edit_mxcsr, "a bad MXCSR", EINVAL,
	  PV_ROOT_TOO },
	{ "xstate_in_compacted_format", edit_compaction,
	  "xstate: a component is missing", EINVAL, PV_ROOT_TOO },
	{ "xstate_bit_without_its_state", edit_state_missing,
	  "xstate: a component is missing", EINVAL, PV_ROOT_TOO },
	{ "xstate_of_the_supervisor_pasid", edit_pasid,
	  "lacks the program's extended state 10", EOPNOTSUPP, PV_ROOT_TOO },
	{ "xstate_of_the_supervisor_shadow_stack", edit_shadow_stack,
	  "lacks the program's extended state 12", EOPNOTSUPP, PV_ROOT_TOO },
	{ "xstate_of_the_last_component", edit_last_component,
	  "lacks the program's extended state 62", EOPNOTSUPP, PV_ROOT_TOO },
};

int main(void)
{
	const struct pv_table tables[] = { PV_TABLE(file_rows),
					   PV_TABLE(area_rows),
					   PV_TABLE(space_rows),
					   PV_TABLE(cpu_rows) };

	return pv_main(tables, ARRAY_SIZE(tables));
}
