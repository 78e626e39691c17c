// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers of a task: general ones, segment bases, and all components of the
 * extended state (x87, SSE, AVX, AVX-512, PKRU...).
 *
 * The extended state is kept component by component, since their places
 * differ between processors.  The formats are those of XSAVE (Intel SDM
 * volume 1, chapter 13).
 *
 * Refused: 32-bit tasks, tasks in the middle of a call that the freezer does
 * not end (vfork), hardware breakpoints, port permissions, TLS segments,
 * AMX permission, shadow stacks.
 *
 * A task that the freezer took out of a call shows it in ax (-ERESTART*); the
 * kernel's own signal path starts the call again, here as after a restart.
 * Calls which end with -EINTR whenever a task is frozen are started again by
 * us, from a list.
 */
#include <linux/cpufeature.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/regset.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/task_work.h>
#include <linux/utsname.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/sched.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xstate.h>
#include <asm/prctl.h>
#include <asm/vdso.h>
#include "../../ckpt.h"
#include "../../compat/cpu.h"
#include "../../ksym.h"
#include "../../open_call.h"

#define LEGACY_SIZE 512
#define HEADER_SIZE 64
#define XCOMP_MAX 63
/* The flags that user space may choose, as for ptrace(). */
#define USER_FLAGS                                                       \
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
	 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF | \
	 X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_NT | X86_EFLAGS_ID)

/* Registers that are saved and set as they are, by their names in pt_regs. */
/* clang-format off */
#define GENERAL_REGS(R) \
	R(r15) R(r14) R(r13) R(r12) R(bp) R(bx) R(r11) R(r10) R(r9) \
	R(r8) R(ax) R(cx) R(dx) R(si) R(di) R(orig_ax) R(ip) R(sp)
/* clang-format on */

/* Calls that a freeze cuts short with -EINTR though no signal is there. */
static const int cut_calls[] = {
	__NR_epoll_wait,      __NR_epoll_pwait,	  __NR_epoll_pwait2,
	__NR_rt_sigtimedwait, __NR_semop,	  __NR_semtimedop,
	__NR_io_getevents,    __NR_io_pgetevents,
};

static void xcomp_place(unsigned int nr, u32 *offset, u32 *size)
{
	u32 ecx, edx;

	cpuid_count(0xd, nr, size, offset, &ecx, &edx);
}

/* ---- checkpoint ---- */

/* What no image can hold; NULL: nothing. */
static const char *odd_state(struct task_struct *t)
{
	struct thread_struct *thread = &t->thread;
	int i;

	if (thread->io_bitmap || thread->iopl_emul)
		return "access to I/O ports";
	for (i = 0; i < HBP_NUM; i++)
		if (thread->ptrace_bps[i])
			return "a hardware breakpoint";
	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++)
		if (thread->tls_array[i].p)
			return "a TLS segment (set_thread_area)";
	if (t->group_leader->thread.fpu.perm.__state_perm & XFEATURE_MASK_XTILE)
		return "permission to use AMX";
	return ckpt_shadow_stack(t) ? "a shadow stack" : NULL;
}

static int collect_thread(struct ckpt_ctx *ctx, struct task_struct *t)
{
	const char *odd = odd_state(t);

	if (!cpu_feature_enabled(X86_FEATURE_XSAVE))
		return ckpt_refuse(ctx, "task", "%s",
				   "a processor without XSAVE");
	return odd ? ckpt_refuse(ctx, "task", "%s", odd) : 0;
}

static void segments(struct task_struct *t, struct ckpt_hdr_cpu *h)
{
	u16 sel;

	if (t != current) {
		h->ds = t->thread.ds;
		h->es = t->thread.es;
		h->fs = t->thread.fsindex;
		h->gs = t->thread.gsindex;
		return;
	}
	savesegment(ds, sel);
	h->ds = sel;
	savesegment(es, sel);
	h->es = sel;
	savesegment(fs, sel);
	h->fs = sel;
	savesegment(gs, sel);
	h->gs = sel;
}

static bool segment_ok(u32 sel)
{
	return !sel || sel == __USER_DS;
}

/**
 * ckpt_cpu_collect() - refuse a task whose registers the image cannot hold
 * @ctx: checkpoint
 * @t: frozen task, or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cpu_collect(struct ckpt_ctx *ctx, struct task_struct *t)
{
	struct pt_regs *regs = task_pt_regs(t);
	struct ckpt_hdr_cpu h;
	unsigned long ax;

	if (regs->cs != __USER_CS || regs->ss != __USER_DS ||
	    test_tsk_thread_flag(t, TIF_ADDR32))
		return ckpt_refuse(ctx, "task", "%s",
				   "a 32-bit or x32 program");
	if (t != current && ckpt_call_is_vfork(t))
		return ckpt_fail(ctx, -EAGAIN, "task",
				 "it waits for its child of vfork() to execute a program or exit: try again");
	if (t != current && !ckpt_call_result(t, &ax))
		return ckpt_refuse(ctx, "task",
				   "system call %ld, which the freezer did not end (vfork, or a sleep that cgroup v1 has frozen: use cgroup v2),",
				   (long)regs->orig_ax);
	segments(t, &h);
	if (!segment_ok(h.ds) || !segment_ok(h.es) || h.fs || h.gs)
		return ckpt_refuse(ctx, "task", "%s", "an own segment");
	return collect_thread(ctx, t);
}

static int regs_save(struct ckpt_ctx *ctx, struct task_struct *t)
{
	const struct pt_regs *regs = task_pt_regs(t);
	struct ckpt_hdr_cpu *h;
	unsigned long ax;

	h = ckpt_out_rec(ctx, CKPT_HDR_CPU, sizeof(*h));
	if (IS_ERR(h))
		return PTR_ERR(h);
#define R(reg) h->reg = regs->reg;
	GENERAL_REGS(R)
#undef R
	if (t != current) {
		ckpt_call_result(t, &ax);
		h->ax = ax;
	}
	h->cs = regs->cs;
	h->flags = regs->flags;
	h->ss = regs->ss;
	segments(t, h);
	h->fs_base = K(x86_fsbase_read_task)(t);
	h->gs_base = K(x86_gsbase_read_task)(t);
	if (t == current) { /* its call returns 0 after the restart */
		h->fs_base = x86_fsbase_read_cpu();
		rdmsrl(MSR_KERNEL_GS_BASE, h->gs_base);
		h->ax = 0;
		h->orig_ax = -1;
	}
	return 0;
}

static size_t xcomp_put(u8 *to, unsigned int nr, const u8 *from, u32 size)
{
	struct ckpt_xcomp c = { .nr = nr, .size = ALIGN(size, 8) };

	if (to) {
		memcpy(to, &c, sizeof(c));
		memcpy(to + sizeof(c), from, size);
	}
	return sizeof(c) + c.size;
}

/* Lay out the components of @buf in @to (NULL: only count); returns bytes. */
static size_t xstate_split(const u8 *buf, size_t len, u64 bv, u8 *to, u32 *nr)
{
	size_t used = xcomp_put(to, 0, buf, LEGACY_SIZE);
	unsigned int i;
	u32 offset, size;

	*nr = 1;
	for (i = 2; i < XCOMP_MAX; i++) {
		if (!(bv & BIT_ULL(i)))
			continue;
		xcomp_place(i, &offset, &size);
		if (!size || offset + size > len)
			continue;
		used += xcomp_put(to ? to + used : NULL, i, buf + offset, size);
		(*nr)++;
	}
	return used;
}

static int xstate_save(struct ckpt_ctx *ctx, struct task_struct *t)
{
	size_t len = t->thread.fpu.fpstate->user_size, used;
	struct ckpt_hdr_xstate *h;
	struct membuf to;
	int err = 0;
	u64 bv;
	u32 nr;
	u8 *buf;

	buf = kvzalloc(max_t(size_t, len, LEGACY_SIZE + HEADER_SIZE),
		       GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ckpt_fail(ctx, -ENOMEM, "task",
				 "out of memory for its registers");
	to.p = buf;
	to.left = len;
	/* which is only written when the task leaves its CPU */
	if (t == current && cpu_feature_enabled(X86_FEATURE_OSPKE))
		t->thread.pkru = rdpkru();
	K(xstateregs_get)(t, NULL, to);
	memset(buf + 464, 0, 48); /* the kernel's own note of what is there */
	bv = *(u64 *)(buf + LEGACY_SIZE);
	used = xstate_split(buf, len, bv, NULL, &nr);
	h = ckpt_out_rec(ctx, CKPT_HDR_XSTATE, sizeof(*h) + used);
	if (IS_ERR(h)) {
		err = PTR_ERR(h);
		goto out;
	}
	h->xfeatures = bv;
	xstate_split(buf, len, bv, h->data, &h->nr);
out:
	kvfree(buf);
	return err;
}

/**
 * ckpt_cpu_save() - write the CPU and XSTATE records
 * @ctx: checkpoint
 * @t: frozen task, or current
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cpu_save(struct ckpt_ctx *ctx, struct task_struct *t)
{
	int err = regs_save(ctx, t);

	return err ?: xstate_save(ctx, t);
}

/**
 * ckpt_arch_header() - describe this processor and kernel
 * @h: record, zeroed
 */
void ckpt_arch_header(struct ckpt_hdr_header_arch *h)
{
	const struct cpuinfo_x86 *c = &boot_cpu_data;
	u32 eax, ebx, ecx, edx;

	strscpy(h->vendor, c->x86_vendor_id, sizeof(h->vendor));
	h->family = c->x86;
	h->model = c->x86_model;
	h->xfeatures = current->thread.fpu.fpstate->user_xfeatures;
	cpuid(1, &eax, &ebx, &ecx, &edx);
	h->cpuid[CKPT_CPUID_1_ECX] = ecx;
	h->cpuid[CKPT_CPUID_1_EDX] = edx;
	cpuid_count(7, 0, &eax, &ebx, &ecx, &edx);
	h->cpuid[CKPT_CPUID_7_EBX] = ebx;
	h->cpuid[CKPT_CPUID_7_ECX] = ecx;
	h->cpuid[CKPT_CPUID_7_EDX] = edx;
	cpuid(0x80000001, &eax, &ebx, &ecx, &edx);
	h->cpuid[CKPT_CPUID_80000001_ECX] = ecx;
	h->cpuid[CKPT_CPUID_80000001_EDX] = edx;
	cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx);
	h->cpuid[CKPT_CPUID_D1_EAX] = eax;
	h->vdso_size = KDATA(vdso_image_64)->size;
	h->vdso_hash = xxh64(KDATA(vdso_image_64)->data, h->vdso_size, 0);
}

/* ---- restart ---- */

/* Instructions that user space may have found out about by CPUID. */
static const struct {
	int word;
	u32 mask;
	int leaf; /* the kernel's word of the same bits */
} user_features[] = {
	{ CKPT_CPUID_1_ECX, 0x7ed83203, CPUID_1_ECX }, /* SSE3..RDRAND */
	/* FSGSBASE..AVX512VL, not ERMS */
	{ CKPT_CPUID_7_EBX, 0xfdbf0929, CPUID_7_0_EBX },
	/* AVX512_VBMI..MOVDIR64B */
	{ CKPT_CPUID_7_ECX, 0x18405f52, CPUID_7_ECX },
	/* LZCNT..TBM */
	{ CKPT_CPUID_80000001_ECX, 0x00210960, CPUID_8000_0001_ECX },
};

/* Names of features, as /proc/cpuinfo has them. */
static void feature_names(int leaf, u32 bits, char *buf, size_t size)
{
	size_t used = 0;
	int bit;

	for (bit = 0; bit < 32 && used < size; bit++) {
		const char *name = KDATA(x86_cap_flags)[leaf * 32 + bit];

		if (!(bits & BIT(bit)))
			continue;
		if (used)
			used += scnprintf(buf + used, size - used, ", ");
		if (name)
			used += scnprintf(buf + used, size - used, "%s", name);
		else
			used += scnprintf(buf + used, size - used,
					  "bit %d of word %d", bit, leaf);
	}
}

/**
 * ckpt_arch_check() - whether a program of that machine can go on here
 * @ctx: restart
 * @header: the image's header
 * @h: the image's description of its processor and kernel
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_arch_check(struct ckpt_ctx *ctx, const struct ckpt_hdr_header *header,
		    const struct ckpt_hdr_header_arch *h)
{
	struct ckpt_hdr_header_arch here = {};
	char names[160];
	u32 missing;
	int i;

	ckpt_arch_header(&here);
	if (here.vdso_size != h->vdso_size || here.vdso_hash != h->vdso_hash)
		return ckpt_fail(ctx, -EOPNOTSUPP, "image",
				 "its vdso is not this kernel's: it was made on Linux %.64s, this is %.64s; restart it there",
				 header->release, utsname()->release);
	for (i = 0; i < ARRAY_SIZE(user_features); i++) {
		missing = h->cpuid[user_features[i].word] &
			  ~here.cpuid[user_features[i].word] &
			  user_features[i].mask;
		if (!missing)
			continue;
		feature_names(user_features[i].leaf, missing, names,
			      sizeof(names));
		return ckpt_fail(ctx, -EOPNOTSUPP, "image",
				 "this processor lacks features that the program may use: %s",
				 names);
	}
	return 0;
}

static int check_regs(struct ckpt_ctx *ctx, const struct ckpt_hdr_cpu *h)
{
	if (h->cs != __USER_CS || h->ss != __USER_DS || !segment_ok(h->ds) ||
	    !segment_ok(h->es) || h->fs || h->gs)
		return ckpt_fail(ctx, -EINVAL, "registers", "a bad selector");
	if (h->ip >= TASK_SIZE_MAX || h->sp >= TASK_SIZE_MAX ||
	    h->fs_base >= TASK_SIZE_MAX || h->gs_base >= TASK_SIZE_MAX)
		return ckpt_fail(ctx, -EINVAL, "registers",
				 "an address outside user space");
	return 0;
}

static bool initial_pkru(unsigned int nr, const u8 *data)
{
	return nr == XFEATURE_PKRU && !memchr_inv(data, 0, 4);
}

/* Every component must exist here with the same size. */
static int check_xstate(struct ckpt_ctx *ctx, const struct ckpt_hdr_xstate *h)
{
	u64 have = current->thread.fpu.fpstate->user_xfeatures;
	const u8 *p = h->data;
	u32 i, mxcsr, offset, size;

	for (i = 0; i < h->nr; i++) {
		const struct ckpt_xcomp *c = (const struct ckpt_xcomp *)p;

		p += sizeof(*c) + c->size;
		if (!c->nr)
			continue;
		if (c->nr >= XCOMP_MAX || !(have & BIT_ULL(c->nr))) {
			if (initial_pkru(c->nr, (const u8 *)(c + 1)))
				continue;
			return ckpt_fail(ctx, -EOPNOTSUPP, "registers",
					 "this processor lacks the program's extended state %u",
					 c->nr);
		}
		xcomp_place(c->nr, &offset, &size);
		if (ALIGN(size, 8) != c->size)
			return ckpt_fail(ctx, -EOPNOTSUPP, "registers",
					 "extended state %u has another size here",
					 c->nr);
	}
	memcpy(&mxcsr, h->data + sizeof(struct ckpt_xcomp) + 24, sizeof(mxcsr));
	if (mxcsr & ~*KDATA(mxcsr_feature_mask))
		return ckpt_fail(ctx, -EINVAL, "registers", "a bad MXCSR");
	return 0;
}

/**
 * ckpt_cpu_check_restarter() - refuse a restarter whose state would stay with
 * the program
 * @ctx: restart
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cpu_check_restarter(struct ckpt_ctx *ctx)
{
	const char *odd = odd_state(current);

	if (!odd)
		return 0;
	return ckpt_fail(ctx, -EBUSY, "caller",
			 "the program could not be rid of what it has: %s",
			 odd);
}

/**
 * ckpt_cpu_check() - check a task's registers before anything is changed
 * @ctx: restart
 * @img: image of the task
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cpu_check(struct ckpt_ctx *ctx, const struct ckpt_task_image *img)
{
	int err = check_regs(ctx, &img->cpu);

	if (!err && !cpu_feature_enabled(X86_FEATURE_XSAVE))
		err = ckpt_refuse(ctx, "registers", "%s",
				  "a processor without XSAVE");
	return err ?: check_xstate(ctx, img->xstate);
}

/* The standard format again, for this processor. */
static u8 *xstate_join(const struct ckpt_hdr_xstate *h, size_t len)
{
	u64 have = current->thread.fpu.fpstate->user_xfeatures;
	u64 bv = h->xfeatures & have;
	const u8 *p = h->data;
	u32 i, offset, size;
	u8 *buf;

	buf = kvzalloc(max_t(size_t, len, LEGACY_SIZE + HEADER_SIZE),
		       GFP_KERNEL);
	if (!buf)
		return NULL;
	for (i = 0; i < h->nr; i++) {
		const struct ckpt_xcomp *c = (const struct ckpt_xcomp *)p;

		p += sizeof(*c) + c->size;
		if (!c->nr) {
			memcpy(buf, c + 1, LEGACY_SIZE);
			memset(buf + 464, 0, 48);
			continue;
		}
		if (!(have & BIT_ULL(c->nr)))
			continue;
		xcomp_place(c->nr, &offset, &size);
		if (offset + size <= len)
			memcpy(buf + offset, c + 1, size);
	}
	*(u64 *)(buf + LEGACY_SIZE) = bv;
	return buf;
}

static int xstate_commit(struct ckpt_ctx *ctx, const struct ckpt_hdr_xstate *h)
{
	struct fpu *fpu = &current->thread.fpu;
	u8 *buf = xstate_join(h, fpu->fpstate->user_size);
	u32 pkru = 0;
	int err;

	if (!buf)
		return ckpt_fail(ctx, -ENOMEM, "registers", "out of memory");
	fpregs_lock();
	set_thread_flag(TIF_NEED_FPU_LOAD); /* what is in memory counts */
	fpu->last_cpu = -1;
	fpregs_unlock();
	err = K(copy_uabi_from_kernel_to_xstate)(fpu->fpstate, buf, &pkru);
	/* thread.pkru is only written when the task leaves its CPU */
	if (!err && cpu_feature_enabled(X86_FEATURE_OSPKE))
		wrpkru(pkru);
	kvfree(buf);
	if (err)
		return ckpt_fail(ctx, err, "registers",
				 "the extended state is not valid");
	return 0;
}

static bool call_was_cut(const struct pt_regs *regs)
{
	int i;

	if ((long)regs->ax != -EINTR)
		return false;
	for (i = 0; i < ARRAY_SIZE(cut_calls); i++)
		if (regs->orig_ax == cut_calls[i])
			return true;
	return false;
}

static void regs_commit(const struct ckpt_hdr_cpu *h)
{
	struct pt_regs *regs = current_pt_regs();

#define R(reg) regs->reg = h->reg;
	GENERAL_REGS(R)
#undef R
	regs->cs = __USER_CS;
	regs->ss = __USER_DS;
	regs->flags = (regs->flags & ~USER_FLAGS) | (h->flags & USER_FLAGS);
	/* the exit path knows whether there is a signal with a handler */
	if (call_was_cut(regs))
		regs->ax = -ERESTARTNOHAND;
}

struct ax_work {
	struct callback_head work;
	struct file *dev_file;
	unsigned long ax;
};

static void ax_put(struct callback_head *head)
{
	struct ax_work *work = container_of(head, struct ax_work, work);
	struct file *dev_file = work->dev_file;

	current_pt_regs()->ax = work->ax;
	kfree(work);
	/* Put by a task work of its own: until then this code stays loaded. */
	fput(dev_file);
}

/*
 * What an ioctl returns is cut to 32 bits on its way to ax (and -515 is
 * replaced), so that ax is put right by the first task work behind it, which
 * runs before the signal path looks at ax.
 */
static int ax_commit(struct ckpt_ctx *ctx)
{
	struct ax_work *work = kmalloc(sizeof(*work), GFP_KERNEL);
	int err;

	if (!work)
		return ckpt_fail(ctx, -ENOMEM, "registers", "no memory");
	work->ax = current_pt_regs()->ax;
	work->dev_file = get_file(ctx->dev_file);
	init_task_work(&work->work, ax_put);
	err = task_work_add(current, &work->work, TWA_RESUME);
	if (!err)
		return 0;
	fput(work->dev_file);
	kfree(work);
	return ckpt_fail(ctx, err, "registers", "the task is exiting");
}

/**
 * ckpt_cpu_commit() - give current the registers of the image
 * @ctx: restart, last step but for the signal mask
 * @img: image of the task
 * @ret: what the system call must return, so that ax is right
 *
 * Return: 0, or a negative errno that has been reported.
 */
int ckpt_cpu_commit(struct ckpt_ctx *ctx, const struct ckpt_task_image *img,
		    long *ret)
{
	const struct ckpt_hdr_cpu *h = &img->cpu;
	int err;

	err = xstate_commit(ctx, img->xstate);
	if (err)
		return err;
	loadsegment(ds, h->ds);
	loadsegment(es, h->es);
	err = K(do_arch_prctl_64)(current, ARCH_SET_FS, h->fs_base);
	if (!err)
		err = K(do_arch_prctl_64)(current, ARCH_SET_GS, h->gs_base);
	if (err)
		return ckpt_fail(ctx, err, "registers", "a bad segment base");
	regs_commit(h);
	/* the exit path starts interrupted calls again, as after a freeze */
	set_thread_flag(TIF_SIGPENDING);
	*ret = current_pt_regs()->ax;
	return ax_commit(ctx);
}
