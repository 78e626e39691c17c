// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making the tasks of a restart, seen from the coordinator: the root and the
 * ghosts are its children; the root makes the rest, and the coordinator waits
 * until all are there or one could not be made.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "hierarchy.h"

#define LOOK_MS 100
#define STALL_MS 10000 /* nothing more was made for so long */
#define GONE_MS 5000 /* killed tasks of others are waited for */
#define REAPED_MS 2000 /* so long may their pids be taken by them */

/* Signals are blocked in whatever is made, see newborn.c. */
static void block_signals(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, old);
}

/*
 * Who has been killed keeps its number until its parent has waited for it: a
 * restart right behind `checkpoint --kill` may come before that.
 */
static void await_reaped(pid_t pid, long until)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000000 };

	while (!(kill(pid, 0) && errno == ESRCH) &&
	       ckpt_process_state(pid) == 'Z' && ckpt_now_ms() < until &&
	       !ckpt_stop_requested())
		nanosleep(&pause, NULL);
}

static void await_pids(const struct ckpt_hierarchy *h)
{
	long until = ckpt_now_ms() + REAPED_MS;
	__u32 i;

	for (i = 0; i < h->nr; i++)
		await_reaped(h->node[i].task->pid, until);
	for (i = 0; i < h->nr_ghosts; i++)
		await_reaped(h->ghost[i], until);
}

/* In its cgroup if it may be; left frozen it must be in one of ours. */
static pid_t spawn_root(struct ckpt_hierarchy *h, pid_t want)
{
	struct ckpt_node *root = &h->node[0];
	int sig = root->task->exit_signal;
	__u64 flags = h->pid_ns ? CLONE_NEWPID : 0;
	pid_t pid = ckpt_spawn(flags, want, sig, root->cgroup_fd);

	if (pid >= 0 || pid == -EEXIST || root->cgroup_fd < 0 ||
	    h->place[root->place].group)
		return pid;
	h->place[root->place].err = pid;
	return ckpt_spawn(flags, want, sig, -1);
}

/**
 * ckpt_birth_root() - make the root, which begins to make the others
 * @h: plan, with its places and all that tasks need
 *
 * The init of a new pid namespace gets pid 1 by that; its parent has no number
 * there, so that the kernel must tell it if that dies too early.
 *
 * Return: its pid, or a negative errno (without text; -EPERM: the caller may
 * not choose pids, or make a pid namespace).
 */
pid_t ckpt_birth_root(struct ckpt_hierarchy *h)
{
	bool fresh = h->arg.flags & RESTART_FRESH_PIDS || h->pid_ns;
	sigset_t old;
	pid_t pid;

	if (!fresh)
		await_pids(h);
	fflush(NULL);
	h->node[0].maker = h->pid_ns ? 0 : getpid();
	if (h->nr == 1)
		h->birth->event = CKPT_BIRTH_DONE;
	block_signals(&old);
	pid = spawn_root(h, fresh ? 0 : h->node[0].task->pid);
	if (!pid)
		ckpt_newborn_root(h);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid > 0)
		h->birth->real[0] = pid;
	return pid;
}

static int spawn_ghosts(struct ckpt_hierarchy *h)
{
	bool fresh = h->arg.flags & RESTART_FRESH_PIDS;
	pid_t pid = 0, maker = h->pid_ns ? 0 : getpid();
	sigset_t old;
	__u32 i;

	block_signals(&old);
	for (i = 0; i < h->nr_ghosts && pid >= 0; i++) {
		pid = ckpt_spawn(0, fresh ? 0 : h->ghost[i], 0, -1);
		if (!pid)
			ckpt_newborn_ghost(h, h->ghost[i], maker);
		if (pid > 0)
			h->ghost_real[i] = pid;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? ckpt_birth_error(h->ghost[i - 1], pid) : 0;
}

/* Children to come are made in the pid namespace of @pid. */
static int enter_pid_ns(pid_t pid)
{
	int fd = ckpt_pidfd_open(pid), err = 0;

	if (fd < 0)
		return fd;
	if (syscall(SYS_setns, fd, CLONE_NEWPID))
		err = -errno;
	close(fd);
	return err;
}

/**
 * ckpt_birth_ghosts() - make the ghosts
 * @h: plan, whose root exists
 *
 * They are the coordinator's children wherever they are: an init would have to
 * wait for them.
 *
 * Return: 0 or a negative errno.
 */
int ckpt_birth_ghosts(struct ckpt_hierarchy *h)
{
	int err, left;

	if (!h->pid_ns || !h->nr_ghosts)
		return spawn_ghosts(h);
	err = enter_pid_ns(h->birth->real[0]);
	if (err)
		return ckpt_set_error(err,
				      "the pid namespace cannot be entered: %s",
				      strerror(-err));
	err = spawn_ghosts(h);
	left = enter_pid_ns(getpid()); /* else it could make no thread */
	if (!left || err)
		return err;
	return ckpt_set_error(left, "the pid namespace cannot be left: %s",
			      strerror(-left));
}

/* ---- errors ---- */

/**
 * ckpt_birth_error() - say why a task could not be made
 * @pid: its pid in the image
 * @err: negative errno of clone3
 *
 * Return: @err.
 */
int ckpt_birth_error(pid_t pid, int err)
{
	if (err == -EEXIST)
		return ckpt_set_error(err,
				      "pid %d is taken: use --no-pids, or end the process that has it",
				      pid);
	if (err == -EINVAL && pid > 1)
		return ckpt_set_error(err,
				      "pid %d is beyond kernel.pid_max here: raise that, or use --no-pids",
				      pid);
	if (err == -EAGAIN)
		return ckpt_set_error(err,
				      "cannot make process %d: too many processes: see ulimit -u, kernel.threads-max, pids.max of the cgroup",
				      pid);
	return ckpt_set_error(err, "cannot make process %d: %s", pid,
			      strerror(-err));
}

/**
 * ckpt_root_error() - say why a root directory could not be entered
 * @root: its path
 * @err: negative errno
 *
 * Return: @err.
 */
int ckpt_root_error(const char *root, int err)
{
	return ckpt_set_error(err, "--root %s: %s", root,
			      err == -EPERM ? "that takes CAP_SYS_CHROOT" :
					      strerror(-err));
}

/**
 * ckpt_birth_failed() - whether a task has failed by itself
 * @h: plan
 * @last: what is later than that is not asked for
 *
 * Return: 0, or its negative errno.
 */
int ckpt_birth_failed(const struct ckpt_hierarchy *h, enum ckpt_stage last)
{
	const struct ckpt_birth *b = h->birth;

	if (__atomic_load_n(&b->event, __ATOMIC_SEQ_CST) != CKPT_BIRTH_FAILED ||
	    b->stage > (int)last)
		return 0;
	switch (b->stage) {
	case CKPT_STAGE_MAKE:
		return ckpt_birth_error(b->pid, b->err);
	case CKPT_STAGE_ROOT_DIR:
		return ckpt_root_error(h->root, b->err);
	default:
		return ckpt_set_error(b->err ?: -EIO,
				      "process %d cannot join the restart: %s",
				      b->pid,
				      b->err ? strerror(-b->err) :
					       "refused by the kernel");
	}
}

/* ---- waiting ---- */

static bool has_died(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, pid, &info,
		      WEXITED | WNOHANG | WNOWAIT | __WALL) ||
	       info.si_pid;
}

/* Return: 0: go on. */
static int look_around(struct ckpt_hierarchy *h, __u32 *made, long *since)
{
	__u32 now = __atomic_load_n(&h->birth->made, __ATOMIC_SEQ_CST);

	if (ckpt_stop_requested())
		return ckpt_set_error(-EINTR, "interrupted");
	if (now != *made) {
		*made = now;
		*since = ckpt_now_ms();
	}
	if (has_died(h->birth->real[0]) && !h->birth->event)
		return ckpt_set_error(-ECHILD,
				      "process %d died before the others were made",
				      h->node[0].task->pid);
	if (ckpt_now_ms() - *since > STALL_MS)
		return ckpt_set_error(-ETIMEDOUT,
				      "%u of %u tasks are there, and there come no more: has one been killed?",
				      now + 1, h->nr);
	return 0;
}

/**
 * ckpt_birth_wait() - wait until all tasks are there
 * @h: plan, whose root exists
 *
 * Return: 0; -EINTR: a signal has asked to stop; or another negative errno.
 */
int ckpt_birth_wait(struct ckpt_hierarchy *h)
{
	const struct timespec look = { .tv_nsec = LOOK_MS * 1000000L };
	long since = ckpt_now_ms();
	__u32 made = 0;
	int err = 0;

	while (!err && !__atomic_load_n(&h->birth->event, __ATOMIC_SEQ_CST)) {
		syscall(SYS_futex, &h->birth->event, FUTEX_WAIT, 0, &look);
		err = look_around(h, &made, &since);
	}
	return err ?: ckpt_birth_failed(h, CKPT_STAGE_JOIN);
}

/* ---- the end ---- */

static void reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
}

/**
 * ckpt_birth_ghosts_reap() - the kernel has let the ghosts go
 * @h: plan
 */
void ckpt_birth_ghosts_reap(struct ckpt_hierarchy *h)
{
	__u32 i;

	for (i = 0; i < h->nr_ghosts; i++) {
		if (h->ghost_real[i] > 0)
			reap(h->ghost_real[i]);
		h->ghost_real[i] = 0;
	}
}

static bool is_ours(pid_t pid)
{
	siginfo_t info;

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
}

/*
 * It is ours to reap, or somebody else's who has become its parent.  One that is
 * ours is killed once more: it may have been the program already.
 */
static void see_gone(pid_t pid, long until)
{
	int fd;

	if (is_ours(pid)) {
		kill(pid, SIGKILL);
		reap(pid);
		return;
	}
	fd = ckpt_pidfd_open(pid);
	if (fd < 0)
		return;
	if (until > ckpt_now_ms())
		ckpt_pidfd_wait(fd, until - ckpt_now_ms());
	close(fd);
}

/**
 * ckpt_birth_undo() - kill all tasks and ghosts, and see them gone
 * @h: plan
 *
 * Orphans come to us for the time being: a task dies with its parent, parents
 * stand before their children, so that each is ours when its turn comes.  Those
 * that the kernel has killed already may belong to another parent.  An init is
 * gone when all of its pid namespace is, ghosts included.
 */
void ckpt_birth_undo(struct ckpt_hierarchy *h)
{
	long until = ckpt_now_ms() + GONE_MS;
	int reaper = 0;
	pid_t pid;
	__u32 i;

	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (h->birth->real[0] > 0)
		kill(h->birth->real[0], SIGKILL);
	for (i = 0; i < h->nr_ghosts; i++)
		if (h->ghost_real[i] > 0)
			kill(h->ghost_real[i], SIGKILL);
	ckpt_birth_ghosts_reap(h);
	for (i = 0; i < (h->pid_ns ? 1 : h->nr); i++) {
		pid = __atomic_exchange_n(&h->birth->real[i], 0,
					  __ATOMIC_SEQ_CST);
		if (pid > 0 && h->node[i].leader == i)
			see_gone(pid, until);
	}
	prctl(PR_SET_CHILD_SUBREAPER, reaper);
}
