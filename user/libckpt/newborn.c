// SPDX-License-Identifier: GPL-2.0-only
/*
 * What runs in the tasks of a restart until the kernel makes the program of
 * them.
 *
 * The root is a fork of the coordinator, into the new time namespace if there
 * is one.  All others share the root's memory (CLONE_VM) and run on small
 * stacks of their own: page tables are copied once, not for every process, which
 * is most of what a fork costs.  The kernel gives each its own memory later.
 *
 * Sharing it is safe because none of them does much: system calls without the
 * C library (errno, locks and all that goes by the thread's descriptor are the
 * root's), and all signals blocked since before the root was made, so that no
 * handler runs on the small stacks.  The coordinator's memory is not shared,
 * but for struct ckpt_birth.
 *
 * A task dies with its parent: each asks for that and then looks whether the
 * parent is still there.  So whatever goes wrong, to kill the root is enough.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "hierarchy.h"

/* No stack but our own is known to the sanitizers. */
#if __has_attribute(no_stack_protector)
#define NO_GUARD __attribute__((no_stack_protector))
#else
#define NO_GUARD
#endif
#define RAW NO_GUARD __attribute__((no_sanitize("address", "undefined")))

#define THREAD_FLAGS                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SYSVSEM)

RAW static long raw_call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The stack's own: a call from the middle of nowhere, which never returns. */
RAW static long raw_clone(const struct clone_args *args,
			  void (*run)(struct ckpt_hierarchy *, unsigned long),
			  struct ckpt_hierarchy *h, unsigned long i)
{
	register void *r8 __asm__("r8") = run;
	register void *r9 __asm__("r9") = h;
	register unsigned long r10 __asm__("r10") = i;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "mov %%r10, %%rsi\n\t"
			 "call *%%r8\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"((long)SYS_clone3), "D"(args), "S"(sizeof(*args)),
			   "r"(r8), "r"(r9), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

RAW static void __attribute__((noreturn)) raw_exit(void)
{
	for (;;)
		raw_call(SYS_exit_group, 127, 0, 0, 0);
}

/* ---- telling the coordinator ---- */

RAW static void tell(struct ckpt_birth *b, __u32 event)
{
	__atomic_store_n(&b->event, event, __ATOMIC_SEQ_CST);
	raw_call(SYS_futex, (long)&b->event, FUTEX_WAKE, 1, 0);
}

RAW static void __attribute__((noreturn))
fail(const struct ckpt_hierarchy *h, pid_t pid, enum ckpt_stage stage, int err)
{
	struct ckpt_birth *b = h->birth;

	if (!__atomic_exchange_n(&b->failing, 1, __ATOMIC_SEQ_CST)) {
		b->err = err;
		b->pid = pid;
		b->stage = stage;
		tell(b, CKPT_BIRTH_FAILED);
	}
	raw_exit();
}

/* ---- making others ---- */

RAW static void live(struct ckpt_hierarchy *h, unsigned long i);

RAW static long clone_into(struct ckpt_hierarchy *h, struct clone_args *args,
			   __u32 i)
{
	struct ckpt_node *n = &h->node[i];
	__s32 *place_err = h->birth->real + h->nr;
	long ret;

	args->flags |= CLONE_INTO_CGROUP;
	args->cgroup = n->cgroup_fd;
	ret = raw_clone(args, live, h, i);
	if (ret >= 0 || ret == -EEXIST)
		return ret;
	place_err[n->place] = ret;
	args->flags &= ~CLONE_INTO_CGROUP;
	args->cgroup = 0;
	return raw_clone(args, live, h, i);
}

RAW static void make(struct ckpt_hierarchy *h, __u32 i)
{
	struct ckpt_node *n = &h->node[i];
	bool thread = n->leader != i;
	pid_t want = n->task->pid;
	struct clone_args args = {
		.flags = (thread ? THREAD_FLAGS : CLONE_VM) |
			 CLONE_PARENT_SETTID,
		.exit_signal = thread ? 0 : n->task->exit_signal,
		.parent_tid = (uintptr_t)&h->birth->real[i],
		.stack = (uintptr_t)h->stacks + (size_t)i * CKPT_STACK_SIZE,
		.stack_size = CKPT_STACK_SIZE,
		.set_tid = (uintptr_t)&want,
		.set_tid_size = 1,
	};
	long ret;

	if (h->arg.flags & RESTART_FRESH_PIDS) {
		args.set_tid = 0;
		args.set_tid_size = 0;
	}
	n->maker = raw_call(SYS_getpid, 0, 0, 0, 0);
	ret = n->cgroup_fd < 0 ? raw_clone(&args, live, h, i) :
				 clone_into(h, &args, i);
	if (ret < 0)
		fail(h, want, CKPT_STAGE_MAKE, ret);
	if (__atomic_add_fetch(&h->birth->made, 1, __ATOMIC_SEQ_CST) + 1 ==
		    h->nr &&
	    !h->birth->failing)
		tell(h->birth, CKPT_BIRTH_DONE);
}

/* ---- the tasks ---- */

RAW static void die_with(pid_t maker)
{
	raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
	if (raw_call(SYS_getppid, 0, 0, 0, 0) != maker)
		raw_exit();
}

/*
 * It comes back with 0 in a ghost, and in a leader that is to exit before the
 * other threads of its process.
 */
RAW static void __attribute__((noreturn))
join(const struct ckpt_hierarchy *h, pid_t pid, __u64 flags, long code)
{
	struct ckpt_ioc_restart arg = h->arg;
	long ret;

	arg.task = pid;
	arg.flags |= flags;
	while (h->dev < 0) /* a unit test's, without a kernel */
		raw_call(SYS_pause, 0, 0, 0, 0);
	ret = raw_call(SYS_ioctl, h->dev, CKPT_IOC_RESTART, (long)&arg, 0);
	if (!ret) /* this thread only: the others may go on */
		raw_call(SYS_exit, code, 0, 0, 0);
	fail(h, pid, CKPT_STAGE_JOIN, ret);
}

/* The whole life of a task, on its own stack. */
RAW static void live(struct ckpt_hierarchy *h, unsigned long i)
{
	struct ckpt_node *n = &h->node[i];
	__u32 other;

	if (n->leader == i) {
		die_with(n->maker);
		for (other = n->thread; other; other = h->node[other].next)
			make(h, other);
	}
	for (other = n->child; other; other = h->node[other].next)
		make(h, other);
	join(h, n->task->pid, 0, n->task->exit_code >> 8 & 0xff);
}

RAW static void enter_root(const struct ckpt_hierarchy *h)
{
	long err;

	if (h->root_fd < 0)
		return;
	err = raw_call(SYS_fchdir, h->root_fd, 0, 0, 0);
	if (!err)
		err = raw_call(SYS_chroot, (long)".", 0, 0, 0);
	if (err)
		fail(h, h->node[0].task->pid, CKPT_STAGE_ROOT_DIR, err);
}

/* A zombie whose parent ignores SIGCHLD would not stay.  All others inherit it. */
RAW static void keep_zombies(void)
{
	__u64 by_default[4] = {}; /* struct sigaction, as the kernel has it */

	raw_call(SYS_rt_sigaction, SIGCHLD, (long)by_default, 0, 8);
}

/**
 * ckpt_newborn_root() - the life of the root, which has just been made
 * @h: plan
 */
RAW void ckpt_newborn_root(struct ckpt_hierarchy *h)
{
	die_with(h->node[0].maker);
	keep_zombies();
	enter_root(h); /* all others inherit it */
	live(h, 0);
	raw_exit();
}

/**
 * ckpt_newborn_ghost() - the life of a ghost, which has just been made
 * @h: plan
 * @pid: its pid in the image
 * @maker: the coordinator
 */
RAW void ckpt_newborn_ghost(const struct ckpt_hierarchy *h, pid_t pid,
			    pid_t maker)
{
	die_with(maker);
	join(h, pid, RESTART_GHOST, 0);
}
