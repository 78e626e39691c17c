// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every rule of ckpt_check_rec() and ckpt_seq_next(): an image that is good
 * but for one field, checksums and digest right, is refused with that rule's
 * message.  rules_test.sh sees to it that no rule is forgotten.
 */
#include <errno.h>
#include "image_build.h"
#include "tap.h"

static void check_refused(struct ib *ib, const char *why, const char *change)
{
	int ret;

	ib_seal(ib);
	ret = ib_parse(ib->buf, ib->len);
	tap_ok(ret == -EINVAL && strstr(ckpt_error(), why), "%s", why);
	if (ret != -EINVAL || !strstr(ckpt_error(), why))
		tap_note("%s: %d %s", change, ret, ret ? ckpt_error() : "");
}

static void check_taken(struct ib *ib, const char *change)
{
	int ret;

	ib_seal(ib);
	ret = ib_parse(ib->buf, ib->len);
	tap_ok(!ret, "takes %s", change);
	if (ret)
		tap_note("%d %s", ret, ckpt_error());
}

/*
 * BAD(): the @nth record of a type, called r, changed; the message expected.
 * FINE(): changed in a way that is allowed, at the edge of a rule.
 */
#define WITH(type, nth, change, ...)                     \
	do {                                             \
		struct ib ib;                            \
		struct ckpt_hdr_##type *r;               \
		int at;                                  \
		ib_good(&ib);                            \
		at = ib_index(&ib, type_of_##type, nth); \
		r = ib_at(&ib, at);                      \
		change;                                  \
		__VA_ARGS__;                             \
		ib_free(&ib);                            \
		(void)at;                                \
		(void)r;                                 \
	} while (0)
#define BAD(type, nth, why, change) \
	WITH(type, nth, change, check_refused(&ib, why, #change))
#define FINE(type, nth, change) \
	WITH(type, nth, change, check_taken(&ib, #type ": " #change))

enum {
	type_of_header = CKPT_HDR_HEADER,
	type_of_header_arch = CKPT_HDR_HEADER_ARCH,
	type_of_container = CKPT_HDR_CONTAINER,
	type_of_tree = CKPT_HDR_TREE,
	type_of_tree_task = CKPT_HDR_TREE_TASK,
	type_of_nsproxy = CKPT_HDR_NSPROXY,
	type_of_ns = CKPT_HDR_NS,
	type_of_cred = CKPT_HDR_CRED,
	type_of_pipe = CKPT_HDR_PIPE,
	type_of_pipe_buf = CKPT_HDR_PIPE_BUF,
	type_of_file = CKPT_HDR_FILE,
	type_of_files = CKPT_HDR_FILES,
	type_of_fd = CKPT_HDR_FD,
	type_of_fs = CKPT_HDR_FS,
	type_of_sighand = CKPT_HDR_SIGHAND,
	type_of_signal = CKPT_HDR_SIGNAL,
	type_of_siginfo = CKPT_HDR_SIGINFO,
	type_of_timer = CKPT_HDR_TIMER,
	type_of_mm = CKPT_HDR_MM,
	type_of_vma = CKPT_HDR_VMA,
	type_of_pgarr = CKPT_HDR_PGARR,
	type_of_shmem = CKPT_HDR_SHMEM,
	type_of_eventfd = CKPT_HDR_EVENTFD,
	type_of_task = CKPT_HDR_TASK,
	type_of_cpu = CKPT_HDR_CPU,
	type_of_xstate = CKPT_HDR_XSTATE,
	type_of_restart_block = CKPT_HDR_RESTART_BLOCK,
	type_of_seccomp = CKPT_HDR_SECCOMP,
	type_of_trailer = CKPT_HDR_TRAILER,
};

#define ENDLESS 0x8000000000000000ULL /* ns, more than ktime_t holds */
#define CPU_ENDLESS ((1ULL << 62) + 1) /* ns of CPU time, too many */
#define BEYOND 0x800000000000ULL /* not an address of user space */

/* The good image's n-th FILE record. */
enum { NTH_DEV, NTH_REG, NTH_READER, NTH_WRITER, NTH_DIR, NTH_EXTERNAL };
enum { NTH_MEMFD = NTH_EXTERNAL + 1, NTH_EVENTFD, NTH_FIFO };

static void record_rules(void)
{
	BAD(tree, 0, "record: unknown type", r->h.type = 15);
	BAD(tree, 0, "record: unknown type", r->h.type = 64);
	BAD(tree, 0, "record: unknown type", r->h.type = 0);
	BAD(tree, 0, "record: unknown type", r->h.type = -1);
	BAD(tree, 0, "record: length not a multiple of 8", r->h.len += 4);
	BAD(tree, 0, "record: length not a multiple of 8", r->h.len = -8);
	BAD(tree, 0, "record: shorter than its structure",
	    ib_resize(&ib, at, -8));
	BAD(tree, 0, "record: longer than its type allows",
	    ib_resize(&ib, at, 8));
	BAD(pipe_buf, 0, "record: longer than its type allows",
	    ib_resize(&ib, at, 4096));
}

static void head_rules(void)
{
	BAD(header, 0, "header: unknown flags", r->flags |= 1 << 20);
	BAD(header, 0, "header: checkpoint id not positive", r->ckptid = 0);
	BAD(header, 0, "header: wrong page size", r->page_size = 16384);
	BAD(header, 0, "header: time out of range", r->time_real = ENDLESS);
	BAD(header, 0, "header: time out of range", r->time_mono = ENDLESS);
	BAD(header, 0, "header: time out of range", r->time_boot = ENDLESS);
	BAD(header, 0, "header: self neither 0 nor 1", r->self = 2);
	BAD(header, 0, "header: padding not zero", r->pad = 1);
	BAD(header, 0, "header: padding not zero", r->pad2[1] = 1);
	BAD(header, 0, "header: format revision not known", r->rev = 0);
	BAD(header, 0, "header: image of another architecture", r->arch = 3);
	BAD(header, 0, "header: name of the system not terminated",
	    memset(r->sysname, 'x', CKPT_UTS_LEN));
	BAD(header, 0, "header: name of the system not terminated",
	    memset(r->domainname, 'x', CKPT_UTS_LEN));
	BAD(header_arch, 0, "header_arch: vendor not padded with zeros",
	    r->vendor[15] = 'x');
	BAD(header_arch, 0, "header_arch: absurd size of the vdso",
	    r->vdso_size = 1ULL << 40);
	BAD(container, 0, "container: subtree neither 0 nor 1", r->subtree = 2);
	BAD(container, 0, "container: pid_ns does not fit", r->pid_ns = 2);
	BAD(container, 0, "container: pid_ns does not fit", r->subtree = 0);
	FINE(container, 0, r->pid_ns = 1);
	FINE(container, 0, (r->pid_ns = 1, r->subtree = 0));
	BAD(container, 0, "container: bad last pid", r->last_pid = 1);
	BAD(container, 0, "container: bad last pid",
	    (r->pid_ns = 1, r->last_pid = -1));
	BAD(container, 0, "container: bad last pid",
	    (r->pid_ns = 1, r->last_pid = CKPT_PID_MAX + 1));
	FINE(container, 0, (r->pid_ns = 1, r->last_pid = CKPT_PID_MAX));
	BAD(container, 0, "container: bad length of lsm", r->lsm_len = 0);
	BAD(container, 0, "container: bad length of lsm", r->lsm_len = -1);
	BAD(container, 0, "container: length does not match", r->lsm_len = 3);
	BAD(container, 0, "container: length does not match",
	    r->lsm[r->lsm_len] = 'x');
	BAD(container, 0, "container: lsm not terminated at its end",
	    r->lsm[3] = 0);
	BAD(container, 0, "container: lsm not terminated at its end",
	    r->lsm[r->lsm_len - 1] = 'x');
}

static void tree_rules(void)
{
	BAD(tree, 0, "tree: bad number of tasks", r->nr_tasks = 0);
	BAD(tree, 0, "tree: bad number of tasks",
	    r->nr_tasks = CKPT_TASKS_MAX + 1);
	BAD(tree, 0, "tree: padding not zero", r->pad = 1);
	BAD(tree_task, 0, "tree_task: pid not positive", r->pid = 0);
	BAD(tree_task, 0, "tree_task: pid not positive", r->tgid = -1);
	BAD(tree_task, 0, "tree_task: negative id", r->ppid = -1);
	BAD(tree_task, 0, "tree_task: negative id", r->pgid = -1);
	BAD(tree_task, 0, "tree_task: negative id", r->sid = -1);
	BAD(tree_task, 0, "tree_task: bad exit signal", r->exit_signal = 65);
	BAD(tree_task, 0, "tree_task: bad exit signal", r->exit_signal = -2);
	BAD(tree_task, 0, "tree_task: process without an exit signal",
	    r->exit_signal = -1);
	BAD(tree_task, 0, "tree_task: thread with an exit signal", r->tgid = 5);
	BAD(tree_task, 0, "tree_task: bad number of pid levels",
	    r->nr_levels = 0);
	BAD(tree_task, 0, "tree_task: bad number of pid levels",
	    r->nr_levels = -1);
	BAD(tree_task, 0, "tree_task: length does not match", r->nr_levels = 3);
	BAD(tree_task, 0, "tree_task: pid of a level not positive",
	    (r->nr_levels = 2, r->cgroup_len -= 4, r->pids[1] = 0));
	BAD(tree_task, 0, "tree_task: first level's pid differs", r->pids[0]++);
	BAD(tree_task, 0, "tree_task: negative id", r->parent_tid = -1);
	BAD(tree_task, 0, "tree_task: padding not zero", r->pad = 1);
	BAD(tree_task, 0, "tree_task: a zombie with more than it has",
	    r->exit_state = 1);
	BAD(tree_task, 0, "tree_task: a thread that is a zombie",
	    (r->exit_state = 1, r->tgid = 5, r->exit_signal = -1));
	BAD(tree_task, 0, "tree_task: unknown exit state", r->exit_state = 32);
	BAD(tree_task, 0, "tree_task: bad exit code", r->exit_code = 0x10000);
	BAD(tree_task, 0, "tree_task: unknown flags", r->flags = 8);
	BAD(tree_task, 0, "tree_task: objref not positive", r->mm_objref = 0);
	BAD(tree_task, 0, "tree_task: objref not positive",
	    r->cred_objref = -1);
	BAD(tree_task, 0, "tree_task: time out of range",
	    r->time_mono = ENDLESS);
	BAD(tree_task, 0, "tree_task: comm not terminated",
	    memset(r->comm, 'x', sizeof(r->comm)));
	BAD(tree_task, 0, "tree_task: bad length of its cgroup's path",
	    r->cgroup_len = 0);
	BAD(tree_task, 0, "tree_task: bad length of its cgroup's path",
	    r->cgroup_len = -1);
	BAD(tree_task, 0, "tree_task: length does not match",
	    r->cgroup_len += 8);
	BAD(tree_task, 0, "tree_task: cgroup's path not terminated at its end",
	    ((char *)&r->pids[1])[2] = 0);
	BAD(tree_task, 0, "tree_task: cgroup's path not absolute",
	    ((char *)&r->pids[1])[0] = 'x');
	BAD(tree_task, 0, "tree_task: cgroup's path leads up",
	    memcpy((char *)&r->pids[1] + 6, "/..", 3));
	BAD(tree_task, 0, "tree_task: cgroup's path leads up",
	    memcpy(&r->pids[1], "/../", 4));
	FINE(tree_task, 0, memcpy(&r->pids[1], "/..a", 4));
	FINE(tree_task, 0, r->ppid = 0);
}

static void object_rules(void)
{
	BAD(nsproxy, 0, "nsproxy: objref not positive", r->objref = 0);
	BAD(nsproxy, 0, "nsproxy: unused slot not zero", r->ns_objref[0] = 1);
	BAD(nsproxy, 0, "nsproxy: a namespace is missing", r->ns_objref[8] = 0);
	BAD(nsproxy, 0, "nsproxy: too many namespaces", r->nr_ns = 9);
	BAD(nsproxy, 0, "nsproxy: padding not zero", r->pad = 1);
	BAD(ns, 7, "ns: objref not positive", r->objref = -1);
	BAD(ns, 0, "ns: unknown kind", r->kind = 0);
	BAD(ns, 0, "ns: unknown kind", r->kind = CKPT_NS_KINDS);
	BAD(ns, 0, "ns: no inode number", r->inum = 0);
	BAD(ns, 0, "ns: callers neither 0 nor 1", r->callers = 2);
	BAD(cred, 0, "cred: objref not positive", r->objref = 0);
	BAD(cred, 0, "cred: invalid id", r->fsuid = -1);
	BAD(cred, 0, "cred: invalid id", r->sgid = -1);
	BAD(cred, 0, "cred: unknown securebits", r->securebits = 1 << 8);
	BAD(cred, 0, "cred: padding not zero", r->pad = 1);
	BAD(cred, 0, "cred: too many groups", r->nr_groups = -1);
	BAD(cred, 0, "cred: length does not match", r->nr_groups = 5);
	BAD(cred, 0, "cred: length does not match", r->groups[3] = 1);
	BAD(cred, 0, "cred: invalid group", r->groups[1] = -1);
	BAD(cred, 0, "cred: unknown capabilities", r->cap_bset |= 1ULL << 41);
	BAD(cred, 0, "cred: effective capabilities beyond the permitted",
	    r->cap_effective |= 8);
	BAD(cred, 0, "cred: ambient capabilities beyond the others",
	    r->cap_ambient |= 1);
}

static void pipe_rules(void)
{
	BAD(pipe, 0, "pipe: objref not positive", r->objref = 0);
	BAD(pipe, 0, "pipe: bad capacity", r->capacity = 0);
	BAD(pipe, 0, "pipe: bad capacity", r->capacity = 4097);
	BAD(pipe, 0, "pipe: bad capacity", r->capacity = 0x80001000);
	BAD(pipe, 0, "pipe: more buffers than it can hold", r->nr_bufs = 17);
	BAD(pipe, 0, "pipe: more buffers than it can hold", r->capacity = 4096);
	BAD(pipe, 0, "pipe: padding not zero", r->pad = 1);
	BAD(pipe_buf, 0, "pipe_buf: bad length of its data", r->len = 0);
	BAD(pipe_buf, 0, "pipe_buf: bad length of its data", r->len = -1);
	BAD(pipe_buf, 0, "pipe_buf: unknown flags", r->flags = 2);
	BAD(pipe_buf, 0, "pipe_buf: length does not match", r->len = 9);
	BAD(pipe_buf, 0, "pipe_buf: length does not match", r->data[5] = 1);
	FINE(pipe_buf, 0, r->len = 8);
}

static void file_rules(void)
{
	BAD(file, NTH_REG, "file: objref not positive", r->objref = 0);
	BAD(file, NTH_REG, "file: unknown kind", r->kind = 0);
	BAD(file, NTH_REG, "file: unknown kind", r->kind = CKPT_FILE_KINDS);
	BAD(file, NTH_REG, "file: unknown open flags", r->f_flags = 1U << 31);
	BAD(file, NTH_REG, "file: unknown open mode", r->f_mode = 16);
	BAD(file, NTH_REG, "file: open mode does not go with its kind",
	    r->f_mode |= CKPT_FMODE_MADE);
	BAD(file, NTH_MEMFD, "file: open mode does not go with its kind",
	    r->f_mode &= ~CKPT_FMODE_WRITE);
	BAD(file, NTH_MEMFD, "file: bad objref of its object",
	    r->obj_objref = 0);
	BAD(file, NTH_REG, "file: bad objref of its object", r->obj_objref = 1);
	BAD(file, NTH_READER, "file: bad objref of its object",
	    r->obj_objref = 0);
	BAD(file, NTH_REG, "file: mode does not go with its kind",
	    r->i_mode = 0040755);
	BAD(file, NTH_DIR, "file: mode does not go with its kind",
	    r->i_mode = 0100644);
	BAD(file, NTH_DEV, "file: mode does not go with its kind",
	    r->i_mode = 0060644);
	BAD(file, NTH_WRITER, "file: mode does not go with its kind",
	    r->i_mode = 0140777);
	BAD(file, NTH_EXTERNAL, "file: mode does not go with its kind",
	    r->i_mode = 0x10000);
	BAD(file, NTH_REG, "file: size or position out of range", r->pos = -1);
	BAD(file, NTH_REG, "file: size or position out of range", r->size = -1);
	BAD(file, NTH_REG, "file: bad time", r->mtime_nsec = 1000000000);
	BAD(file, NTH_DEV, "file: device without a number", r->rdev = 0);
	BAD(file, NTH_REG, "file: bad device number", r->dev = 1ULL << 32);
	BAD(file, NTH_REG, "file: unknown type of owner", r->owner_type = 3);
	BAD(file, NTH_REG, "file: unknown type of owner", r->owner_type = -2);
	BAD(file, NTH_REG, "file: bad owner", r->owner_pid = -5);
	BAD(file, NTH_REG, "file: bad owner", r->owner_type = -1);
	BAD(file, NTH_REG, "file: bad owner signal", r->owner_sig = 65);
	BAD(file, NTH_REG, "file: bad length of its path", r->path_len = 0);
	BAD(file, NTH_REG, "file: bad length of its path", r->path_len = 4097);
	BAD(file, NTH_REG, "file: length does not match", r->path_len = 2);
	BAD(file, NTH_REG, "file: length does not match", r->path_len = 4000);
	BAD(file, NTH_REG, "file: path not terminated at its end",
	    r->path[2] = 0);
	BAD(file, NTH_REG, "file: path not absolute", r->path[0] = 'x');
	BAD(file, NTH_DEV, "file: path not absolute", r->path[0] = 'x');
	BAD(file, NTH_DIR, "file: path not absolute", r->path[0] = 'x');
	FINE(file, NTH_EXTERNAL, r->path[0] = 'x');
	FINE(file, NTH_REG, r->mtime_sec = -1);
}

static void table_rules(void)
{
	BAD(files, 0, "files: objref not positive", r->objref = 0);
	BAD(files, 0, "files: too many descriptors", r->nr_fds = -1);
	BAD(fd, 0, "fd: negative", r->fd = -1);
	BAD(fd, 0, "fd: objref not positive", r->file_objref = 0);
	BAD(fd, 0, "fd: unknown flags", r->flags = 2);
	BAD(fd, 0, "fd: padding not zero", r->pad = 1);
	BAD(fd, 1, "fd: descriptors do not rise", r->fd = 0);
	BAD(fs, 0, "fs: objref not positive", r->objref = 0);
	BAD(fs, 0, "fs: bad umask", r->umask = 01000);
	BAD(fs, 0, "fs: bad length of a path", r->root_len = 1);
	BAD(fs, 0, "fs: bad length of a path", r->pwd_len = -1);
	BAD(fs, 0, "fs: length does not match", r->pwd_len = 7);
	BAD(fs, 0, "fs: length does not match", r->paths[7] = 'x');
	BAD(fs, 0, "fs: path not terminated at its end", r->paths[4] = 0);
	BAD(fs, 0, "fs: path not terminated at its end", r->paths[1] = 'x');
	BAD(fs, 0, "fs: path not absolute", r->paths[0] = 'x');
	BAD(fs, 0, "fs: path not absolute", r->paths[2] = 'x');
}

static void signal_rules(void)
{
	BAD(sighand, 0, "sighand: objref not positive", r->objref = 0);
	BAD(sighand, 0, "sighand: padding not zero", r->pad = 1);
	BAD(sighand, 0, "sighand: unknown flags",
	    r->action[63].flags = 0x00800000);
	BAD(sighand, 0, "sighand: SIGKILL or SIGSTOP handled",
	    r->action[8].handler = 1);
	BAD(sighand, 0, "sighand: SIGKILL or SIGSTOP handled",
	    r->action[18].handler = 1);
	BAD(signal, 0, "signal: objref not positive", r->objref = 0);
	BAD(signal, 0, "signal: unknown flags", r->flags = 4);
	BAD(signal, 0, "signal: unknown flags", r->flags = 3);
	BAD(signal, 0, "signal: padding not zero", r->pad = 1);
	BAD(signal, 0, "signal: bad stop signal", r->flags = 1);
	BAD(signal, 0, "signal: bad stop signal", r->stop_signal = 19);
	BAD(signal, 0, "signal: told of another stop signal",
	    (r->flags = 1, r->stop_signal = 19, r->stop_untold = 20));
	BAD(signal, 0, "signal: oom_score_adj out of range",
	    r->oom_score_adj = 1001);
	BAD(signal, 0, "signal: oom_score_adj out of range",
	    r->oom_score_adj = -1001);
	BAD(signal, 0, "signal: child_subreaper neither 0 nor 1",
	    r->child_subreaper = 2);
	BAD(signal, 0, "signal: next timer id negative", r->next_timer_id = -1);
	BAD(signal, 0, "signal: too many pending signals", r->nr_siginfo = -1);
	BAD(signal, 0, "signal: too many timers", r->nr_timers = -1);
	BAD(signal, 0, "signal: CPU time out of range",
	    r->exited.utime = CPU_ENDLESS);
	FINE(signal, 0, r->exited.utime = CPU_ENDLESS - 1);
	FINE(signal, 0, r->children.utime = ENDLESS);
	BAD(signal, 0, "signal: soft limit above the hard one",
	    r->rlim[15].max = 1);
	BAD(signal, 0, "signal: interval timer out of range",
	    r->itimer[2].value = ENDLESS);
	BAD(signal, 0, "signal: interval timer out of range",
	    r->itimer[1].interval = ENDLESS);
	BAD(siginfo, 0, "siginfo: no such signal", r->signo = 0);
	BAD(siginfo, 1, "siginfo: no such signal", r->signo = 65);
	BAD(siginfo, 0, "siginfo: SIGKILL or SIGSTOP pending", r->signo = 9);
	BAD(siginfo, 2, "siginfo: SIGKILL or SIGSTOP pending", r->signo = 19);
	BAD(siginfo, 0, "siginfo: has_info neither 0 nor 1", r->has_info = 2);
	BAD(siginfo, 0, "siginfo: of another signal", r->info[0] = 11);
	BAD(siginfo, 0, "siginfo: unused info not zero", r->has_info = 0);
	FINE(siginfo, 0, (r->has_info = 0, r->info[0] = 0));
}

static void timer_rules(void)
{
	BAD(timer, 0, "timer: negative id", r->id = -1);
	BAD(timer, 0, "timer: unknown clock", r->clockid = 12);
	BAD(timer, 0, "timer: unknown notification", r->notify = 3);
	BAD(timer, 0, "timer: unknown notification", r->notify = -1);
	BAD(timer, 0, "timer: no such signal", r->signo = 0);
	BAD(timer, 0, "timer: no such signal", r->signo = 65);
	BAD(timer, 0, "timer: bad target", r->target_tid = -1);
	BAD(timer, 0, "timer: bad target", r->notify = 4);
	BAD(timer, 0, "timer: unknown flags", r->flags = 2);
	BAD(timer, 0, "timer: padding not zero", r->pad = 1);
	BAD(timer, 0, "timer: bad thread of its clock", r->clock_tid = -1);
	BAD(timer, 0, "timer: negative time", r->value = -1);
	BAD(timer, 0, "timer: negative time", r->interval = -1);
	BAD(timer, 0, "timer: overrun out of range", r->overrun = -1);
	BAD(timer, 0, "timer: overrun out of range", r->overrun = 1LL << 31);
	FINE(timer, 0, (r->notify = 1, r->signo = 0));
	FINE(timer, 0, r->clockid = -6);
}

static void mm_rules(void)
{
	BAD(mm, 0, "mm: objref not positive", r->objref = 0);
	BAD(mm, 0, "mm: unknown flags", r->flags = 1 << 11);
	BAD(mm, 0, "mm: dumpable out of range", r->flags = 3);
	BAD(mm, 0, "mm: bad number of areas", r->nr_vmas = 0);
	BAD(mm, 0, "mm: bad number of areas", r->nr_vmas = -1);
	BAD(mm, 0, "mm: negative objref of the exe link", r->exe_objref = -1);
	BAD(mm, 0, "mm: unknown bits in dump_filter", r->dump_filter = 512);
	BAD(mm, 0, "mm: too many auxv words", r->nr_auxv = 65);
	BAD(mm, 0, "mm: length does not match", r->nr_auxv = 3);
	BAD(mm, 0, "mm: bad map of protection keys", r->pkeys &= ~1);
	BAD(mm, 0, "mm: bad map of protection keys", r->pkeys |= 1 << 16);
	BAD(mm, 0, "mm: bad protection key of executable areas",
	    r->exec_pkey = 14);
	BAD(mm, 0, "mm: bad protection key of executable areas",
	    r->exec_pkey = 0);
	BAD(mm, 0, "mm: bad protection key of executable areas",
	    r->exec_pkey = 16);
	BAD(mm, 0, "mm: bad protection key of executable areas",
	    r->exec_pkey = -2);
	FINE(mm, 0, (r->pkeys = 1, r->exec_pkey = -1));
	BAD(mm, 0, "mm: bad range of code or data", r->end_code = 1);
	BAD(mm, 0, "mm: bad range of code or data", r->end_data = BEYOND);
	BAD(mm, 0, "mm: bad brk", r->brk = r->start_brk - 1);
	BAD(mm, 0, "mm: bad brk", r->brk = BEYOND);
	BAD(mm, 0, "mm: bad range of arguments or environment",
	    r->arg_end = BEYOND);
	BAD(mm, 0, "mm: bad range of arguments or environment",
	    r->env_start = 1);
	BAD(mm, 0, "mm: address beyond user space", r->start_stack = BEYOND);
	BAD(mm, 0, "mm: address beyond user space", r->mmap_base = BEYOND);
	BAD(mm, 0, "mm: address beyond user space",
	    r->mmap_legacy_base = BEYOND);
	BAD(mm, 0, "mm: base of mappings not page aligned", r->mmap_base++);
	BAD(mm, 0, "mm: base of mappings not page aligned",
	    r->mmap_legacy_base++);
	BAD(mm, 0, "mm: bad address of the vdso", r->vdso = 1);
	BAD(mm, 0, "mm: bad address of the vdso", r->vdso = BEYOND);
	FINE(mm, 0, r->env_end = CKPT_ADDR_END);
}

static void vma_rules(void)
{
	BAD(vma, 1, "vma: address not page aligned", r->start++);
	BAD(vma, 1, "vma: address not page aligned", r->end--);
	BAD(vma, 1, "vma: end not above start", r->end = r->start);
	BAD(vma, 3, "vma: beyond user space", r->end = BEYOND);
	BAD(vma, 1, "vma: unknown kind", r->kind = 0);
	BAD(vma, 1, "vma: unknown kind", r->kind = CKPT_VMA_KINDS);
	BAD(vma, 1, "vma: bad objref of a file", r->file_objref = 1);
	BAD(vma, 0, "vma: bad objref of a file", r->file_objref = 0);
	BAD(vma, 0, "vma: page offset out of range", r->pgoff = 1ULL << 52);
	BAD(vma, 1, "vma: protection key out of range", r->pkey = 16);
	BAD(vma, 1, "vma: padding not zero", r->pad = 1);
	FINE(vma, 1, r->pkey = 3);
	BAD(vma, 1, "vma: name not padded with zeros", r->name[79] = 'x');
	BAD(vma, 0, "vma: name of an area that is not anonymous",
	    r->name[0] = 'x');
	BAD(vma, 1, "vma: unknown protection", r->prot = 8);
	BAD(vma, 1, "vma: unknown flags", r->flags = 1 << 13);
	BAD(vma, 1, "vma: flags contradict each other",
	    r->flags = CKPT_VMA_HUGEPAGE | CKPT_VMA_NOHUGEPAGE);
	BAD(vma, 1, "vma: flags contradict each other",
	    r->flags = CKPT_VMA_SEQ_READ | CKPT_VMA_RAND_READ);
	BAD(vma, 1, "vma: areas overlap or do not rise",
	    r->start = IB_CODE + CKPT_PAGE_SIZE);
	FINE(vma, 1, r->start = IB_CODE + 2 * CKPT_PAGE_SIZE);
	FINE(vma, 3, r->end = CKPT_ADDR_END);
}

static void shmem_rules(void)
{
	BAD(shmem, 0, "shmem: objref not positive", r->objref = 0);
	BAD(shmem, 0, "shmem: unknown kind", r->kind = 0);
	BAD(shmem, 0, "shmem: unknown kind", r->kind = CKPT_SHMEM_KINDS);
	BAD(shmem, 0, "shmem: size out of range", r->size = BEYOND);
	BAD(shmem, 0, "shmem: unknown flags", r->flags |= 2);
	BAD(shmem, 0, "shmem: unknown seals", r->seals = 64);
	BAD(shmem, 0, "shmem: not the mode of a regular file",
	    r->i_mode |= 0200000);
	BAD(shmem, 0, "shmem: bad length of its name", r->name_len = 0);
	BAD(shmem, 0, "shmem: bad length of its name", r->name_len = 251);
	BAD(shmem, 0, "shmem: length does not match", r->name_len = 3);
	BAD(shmem, 0, "shmem: name not terminated at its end", r->name[1] = 0);
	BAD(shmem, 0, "shmem: a memfd reserves nothing", r->flags = 0);
	BAD(shmem, 0, "shmem: seals or a name of anonymous memory",
	    (r->kind = CKPT_SHMEM_ANON, r->seals = 1));
	BAD(shmem, 0, "pgarr: beyond its area", r->size = 2 * CKPT_PAGE_SIZE);
	BAD(shmem, 0, "pgarr: of another address space", ib_remove(&ib, at));
	FINE(shmem, 0, (r->size = CKPT_ADDR_END, r->seals = 0x3f));
}

static void eventfd_rules(void)
{
	BAD(eventfd, 0, "eventfd: objref not positive", r->objref = 0);
	BAD(eventfd, 0, "eventfd: unknown flags", r->flags = 2);
	FINE(eventfd, 0, r->count = -1);
	BAD(file, NTH_EVENTFD, "file: bad objref of its object",
	    r->obj_objref = 0);
	FINE(file, NTH_EVENTFD, r->i_mode = 0100600);
}

static void fifo_rules(void)
{
	BAD(file, NTH_FIFO, "file: path not absolute", r->path[0] = 'x');
	BAD(file, NTH_FIFO, "file: mode does not go with its kind",
	    r->i_mode = 0100644);
	BAD(file, NTH_FIFO, "file: open mode does not go with its kind",
	    r->f_mode |= CKPT_FMODE_WRITE);
	BAD(file, NTH_READER, "file: open mode does not go with its kind",
	    r->f_mode = CKPT_FMODE_READ | CKPT_FMODE_ALONE);
	FINE(file, NTH_FIFO, r->f_mode = CKPT_FMODE_WRITE);
}

static void pgarr_rules(void)
{
	BAD(pgarr, 0, "pgarr: bad number of ranges", r->nr_ranges = 0);
	BAD(pgarr, 0, "pgarr: bad number of ranges", r->nr_ranges = 513);
	BAD(pgarr, 0, "pgarr: too many pages", r->nr_pages = -1);
	BAD(pgarr, 0, "pgarr: padding not zero", r->pad = 1);
	BAD(pgarr, 0, "pgarr: no address space", r->mm_objref = 0);
	BAD(pgarr, 0, "pgarr: length does not match its counts",
	    r->nr_ranges = 3);
	BAD(pgarr, 0, "pgarr: length does not match its counts",
	    r->nr_pages = 2);
	BAD(pgarr, 0, "pgarr: unknown compression",
	    r->compress = CKPT_COMPRESS_KINDS);
	BAD(pgarr, 0, "pgarr: bad length of packed contents",
	    r->packed_len = 8);
	BAD(pgarr, 0, "pgarr: bad length of packed contents",
	    r->compress = CKPT_COMPRESS_LZ4);
	BAD(pgarr, NTH_RUN_LZ4, "pgarr: bad length of packed contents",
	    r->packed_len = 0);
	BAD(pgarr, NTH_RUN_LZ4, "pgarr: bad length of packed contents",
	    r->packed_len = 2 * CKPT_PAGE_SIZE);
	BAD(pgarr, NTH_RUN_LZ4, "pgarr: bad length of packed contents",
	    r->compress = CKPT_COMPRESS_NONE);
	BAD(pgarr, NTH_RUN_LZ4, "pgarr: length does not match its counts",
	    r->packed_len += 8);
	BAD(pgarr, 0, "pgarr: address not page aligned", r->range[1].start++);
	BAD(pgarr, 0, "pgarr: unknown flags", r->range[0].flags |= 4);
	BAD(pgarr, 0, "pgarr: empty range", r->range[0].nr_pages = 0);
	BAD(pgarr, 0, "pgarr: ranges overlap or do not rise",
	    r->range[0].nr_pages = 4);
	BAD(pgarr, 0, "pgarr: range beyond user space",
	    r->range[1].start = BEYOND);
	BAD(pgarr, 0, "pgarr: range beyond user space",
	    (r->range[1].start = 0x7fffffffe000ULL, r->range[1].nr_pages = 9));
	BAD(pgarr, 0, "pgarr: pages do not match its ranges",
	    r->range[0].flags = 0);
	BAD(pgarr, 0, "pgarr: of another address space", r->mm_objref++);
	BAD(pgarr, 0, "pgarr: not above the pages before",
	    r->range[0].start -= CKPT_PAGE_SIZE);
	BAD(pgarr, 1, "pgarr: not above the pages before",
	    r->range[0].start -= CKPT_PAGE_SIZE);
	BAD(pgarr, 1, "pgarr: beyond its area",
	    r->range[1].start += CKPT_PAGE_SIZE);
	FINE(pgarr, 0, r->range[0].flags |= CKPT_PAGES_HUGE);
	BAD(pgarr, NTH_RUN_SHMEM, "pgarr: flags in shared memory",
	    r->range[0].flags = CKPT_PAGES_HUGE);
	BAD(pgarr, NTH_RUN_SHMEM, "pgarr: of another address space",
	    r->mm_objref = REF_MM);
	BAD(pgarr, NTH_RUN_SHMEM, "pgarr: beyond its area",
	    r->range[0].start += CKPT_PAGE_SIZE);
	FINE(pgarr, NTH_RUN_SHMEM, r->range[0].start = 0);
}

/* One ns, with the threads that have exited. */
static void too_much(struct ib *ib, struct ckpt_hdr_task *t)
{
	struct ckpt_hdr_signal *s = ib_find(ib, CKPT_HDR_SIGNAL, 0);

	s->exited.utime = CPU_ENDLESS - 1;
	s->exited.stime = CPU_ENDLESS - 1;
	t->rusage.stime = 1;
}

static void task_rules(void)
{
	BAD(task, 0, "task: pid not positive", r->pid = 0);
	BAD(task, 0, "task: unknown flags", r->flags = 64);
	BAD(task, 0, "task: a zombie with more than it has", r->flags = 16);
	BAD(task, 0, "task: objref not positive", r->mm_objref = 0);
	BAD(task, 0, "task: objref not positive", r->nsproxy_objref = 0);
	BAD(task, 0, "task: comm not terminated",
	    memset(r->comm, 'x', sizeof(r->comm)));
	BAD(task, 0, "task: bad sharer of its I/O context", r->io_with = -1);
	BAD(task, 0, "task: CPU time out of range",
	    r->rusage.utime = CPU_ENDLESS);
	BAD(task, 0, "task: CPU time out of range",
	    r->rusage.stime = CPU_ENDLESS);
	BAD(task, 0, "task: CPU time out of range",
	    r->rusage.runtime = CPU_ENDLESS);
	BAD(task, 0, "task: CPU time out of range",
	    r->rusage.seen_utime = CPU_ENDLESS);
	BAD(task, 0, "task: CPU time out of range",
	    r->rusage.seen_stime = CPU_ENDLESS);
	BAD(task, 0, "task: too much CPU time in all", too_much(&ib, r));
	FINE(task, 0,
	     (r->rusage.utime = CPU_ENDLESS - 1,
	      r->rusage.stime = CPU_ENDLESS - 1));
	FINE(task, 0, r->rusage.utime = CPU_ENDLESS - 1);
	BAD(task, 0, "task: unknown mode of seccomp", r->seccomp = 3);
	BAD(task, 0, "task: too many seccomp filters", r->nr_seccomp = -1);
	BAD(task, 0, "task: seccomp filters do not go with its mode",
	    r->seccomp = CKPT_SECCOMP_STRICT);
	BAD(task, 0, "task: seccomp filters do not go with its mode",
	    r->nr_seccomp = 0);
	BAD(task, 0, "task: bad rseq area", r->rseq += 8);
	BAD(task, 0, "task: bad rseq area", r->rseq = BEYOND);
	BAD(task, 0, "task: bad rseq area", r->rseq_len = 31);
	BAD(task, 0, "task: bad rseq area", r->rseq_len = -1);
	BAD(task, 0, "task: unknown scheduling policy", r->policy = 4);
	BAD(task, 0, "task: unknown scheduling policy", r->policy = 7);
	BAD(task, 0, "task: unknown scheduling policy", r->policy = -1);
	BAD(task, 0, "task: nice out of range", r->nice = -21);
	BAD(task, 0, "task: nice out of range", r->nice = 20);
	BAD(task, 0, "task: bad real-time priority", r->rt_priority = 1);
	BAD(task, 0, "task: bad real-time priority", r->policy = 1);
	BAD(task, 0, "task: unknown class of I/O priority", r->ioprio = 0x8000);
	BAD(task, 0, "task: bad parent-death signal", r->pdeath_signal = 65);
	BAD(task, 0, "task: bad parent-death signal", r->pdeath_signal = -1);
	BAD(task, 0, "task: bad exit signal", r->exit_signal = 65);
	BAD(task, 0, "task: SIGKILL or SIGSTOP blocked", r->blocked = 1 << 8);
	BAD(task, 0, "task: SIGKILL or SIGSTOP blocked",
	    r->saved_sigmask = 1 << 18);
	BAD(task, 0, "task: unknown flags of its signal stack",
	    r->sas_ss_flags = 4);
	BAD(task, 0, "task: too many pending signals", r->nr_siginfo = -1);
	BAD(task, 0, "task: too many CPUs", r->nr_cpus = -1);
	BAD(task, 0, "task: length does not match", r->nr_cpus = 65);
	BAD(task, 0, "task: CPU beyond the last", r->cpus[0] = 4);
	BAD(task, 0, "task: no CPU allowed", r->cpus[0] = 0);
	FINE(task, 0, (r->policy = 1, r->rt_priority = 99));
	FINE(task, 0, (r->flags = 0, r->cpus[0] = 0));
	FINE(task, 0, r->nr_cpus = 64);
}

static void cpu_rules(void)
{
	BAD(cpu, 0, "cpu: selector out of range", r->cs = 0x10033);
	BAD(cpu, 0, "cpu: selector out of range", r->fs = 0x10000);
	BAD(cpu, 0, "cpu: segment base beyond user space", r->fs_base = BEYOND);
	BAD(cpu, 0, "cpu: segment base beyond user space", r->gs_base = -1);
	BAD(seccomp, 0, "seccomp: unknown flags", r->flags = 4);
	BAD(seccomp, 0, "seccomp: bad number of instructions", r->nr_insns = 0);
	BAD(seccomp, 0, "seccomp: bad number of instructions",
	    r->nr_insns = -1);
	BAD(seccomp, 0, "seccomp: length does not match", r->nr_insns = 2);
	BAD(seccomp, 1, "order: unexpected type of record", ib_remove(&ib, at));
	BAD(restart_block, 0, "restart_block: unknown kind",
	    r->kind = CKPT_RESTART_KINDS);
	BAD(restart_block, 0, "restart_block: unknown clock", r->clockid = 12);
	BAD(restart_block, 0, "restart_block: time out of range",
	    r->expires = ENDLESS);
	BAD(restart_block, 0, "restart_block: time out of range",
	    r->now = ENDLESS);
	BAD(restart_block, 0, "restart_block: has_timeout neither 0 nor 1",
	    r->has_timeout = 2);
	BAD(restart_block, 0, "restart_block: unknown type of result",
	    r->type = 3);
	BAD(restart_block, 0, "restart_block: too many descriptors",
	    r->nfds = -1);
	BAD(restart_block, 0, "restart_block: unknown flags", r->flags = 8);
}

/* The second component of the good image. */
static struct ckpt_xcomp *second(struct ckpt_hdr_xstate *r)
{
	return (void *)(r->data + sizeof(struct ckpt_xcomp) + 512);
}

static struct ckpt_xcomp *first(struct ckpt_hdr_xstate *r)
{
	return (void *)r->data;
}

static void xstate_rules(void)
{
	BAD(xstate, 0, "xstate: padding not zero", r->pad = 1);
	BAD(xstate, 0, "xstate: bad number of components", r->nr = 0);
	BAD(xstate, 0, "xstate: bad number of components", r->nr = 65);
	BAD(xstate, 0, "xstate: component beyond the record", r->nr = 3);
	BAD(xstate, 0, "xstate: component beyond the record",
	    second(r)->size = 264);
	BAD(xstate, 0, "xstate: component beyond the record",
	    second(r)->size = -8);
	BAD(xstate, 0, "xstate: legacy area is missing", first(r)->nr = 2);
	BAD(xstate, 0, "xstate: components do not rise", second(r)->nr = 0);
	BAD(xstate, 0, "xstate: components do not rise", second(r)->nr = 1);
	BAD(xstate, 0, "xstate: components do not rise", second(r)->nr = 63);
	BAD(xstate, 0, "xstate: bad size of a component", first(r)->size = 504);
	BAD(xstate, 0, "xstate: bad size of a component", second(r)->size = 9);
	BAD(xstate, 0, "xstate: bad size of a component", second(r)->size = 0);
	BAD(xstate, 0, "xstate: component without its bit", r->xfeatures = 3);
	BAD(xstate, 0, "xstate: length does not match", second(r)->size = 248);
	BAD(xstate, 0, "xstate: a component is missing", r->xfeatures = 15);
	FINE(xstate, 0, r->xfeatures = 4);
}

/* A second task in the tree, for which there is no state. */
static void add_tree_task(struct ib *ib, struct ckpt_hdr_tree *tree)
{
	struct ckpt_hdr_tree_task *t;
	int n = ib_index(ib, CKPT_HDR_TREE_TASK, 0);
	int last = ib->nr;

	tree->nr_tasks = 2;
	t = ib_find(ib, CKPT_HDR_TREE_TASK, 0);
	memcpy(ib_add(ib, CKPT_HDR_TREE_TASK, t->h.len), t, t->h.len);
	while (last > n + 1)
		ib_swap(ib, --last);
}

/* Objects, areas and tasks in places where the grammar has none. */
static void order_rules(void)
{
	BAD(header_arch, 0, "order: unexpected type of record",
	    ib_remove(&ib, at));
	BAD(vma, 0, "order: unexpected type of record", ib_remove(&ib, at + 7));
	BAD(mm, 0, "order: record where an object or a task belongs",
	    ib_remove(&ib, at));
	BAD(pgarr, 0, "order: pages before the first area",
	    (ib_swap(&ib, at - 1), ib_swap(&ib, at - 2), ib_swap(&ib, at - 2),
	     ib_swap(&ib, at - 2)));
	BAD(tree, 0, "order: trailer before the last task",
	    add_tree_task(&ib, r));
	BAD(trailer, 0, "order: record behind the last task",
	    (ib.len = ib.off[--ib.nr],
	     ib_add_file(&ib, 99, CKPT_FILE_REG, 0100000, "/x")));
	BAD(trailer, 0, "order: record behind the last task",
	    (ib.len = ib.off[--ib.nr], ib_add_task(&ib)));
	BAD(trailer, 0, "trailer: wrong magic", r->magic = CKPT_MAGIC_HEADER);
}

/* ib_seal() makes these right: they are set behind its back. */
static void trailer_rules(void)
{
	struct ckpt_hdr_trailer *t;
	struct ib ib;
	int good;

	ib_good(&ib);
	t = ib_at(&ib, ib.nr - 1);
	t->nr_records++;
	t->csum = XXH64(&t->magic, sizeof(*t) - 16, ckpt_hdr_seed(&t->h));
	good = ib_parse(ib.buf, ib.len) == -EINVAL &&
	       strstr(ckpt_error(), "trailer: wrong number of records");
	tap_ok(good, "trailer: wrong number of records");
	t->nr_records--;
	t->digest++;
	t->csum = XXH64(&t->magic, sizeof(*t) - 16, ckpt_hdr_seed(&t->h));
	tap_ok(ib_parse(ib.buf, ib.len) == -EBADMSG, "trailer: a wrong digest");
	ib_free(&ib);
}

/* Straight to the checker: a reader does not get so far. */
static void direct_rules(void)
{
	struct ckpt_hdr_header *h;
	struct ckpt_seq seq;
	struct ib ib;
	const char *why;
	int i;

	ib_good(&ib);
	h = ib_at(&ib, 0);
	ckpt_seq_init(&seq);
	for (i = 0; i < ib.nr; i++)
		ckpt_seq_next(&seq, ib_at(&ib, i));
	why = ckpt_seq_next(&seq, ib_at(&ib, 0));
	tap_ok(why && !strcmp(why, "order: record behind the end"),
	       "order: record behind the end");
	h->magic++;
	why = ckpt_check_rec(&h->h);
	tap_ok(why && !strcmp(why, "header: wrong magic, not an image"),
	       "header: wrong magic, not an image");
	h->magic--;
	h->rev = CKPT_REVISION + 1;
	why = ckpt_check_rec(&h->h);
	tap_ok(why && !strcmp(why, "header: newer format revision"),
	       "header: newer format revision");
	ib_free(&ib);

	ckpt_seq_init(&seq);
	ib_good(&ib);
	for (i = 0; i < ib_index(&ib, CKPT_HDR_SIGNAL, 0); i++)
		ckpt_seq_next(&seq, ib_at(&ib, i));
	seq.cpu.ran = CKPT_CPU_SUM_MAX - 1;
	((struct ckpt_hdr_signal *)ib_at(&ib, i))->exited.runtime = 2;
	why = ckpt_seq_next(&seq, ib_at(&ib, i));
	tap_ok(why && !strcmp(why, "signal: too much CPU time in all"),
	       "signal: too much CPU time in all");
	ib_free(&ib);

	ckpt_seq_init(&seq);
	ib_good(&ib);
	for (i = 0; i < ib_index(&ib, CKPT_HDR_CRED, 0); i++)
		ckpt_seq_next(&seq, ib_at(&ib, i));
	for (i = 0, why = NULL; !why && i <= (int)CKPT_OBJS_MAX; i++)
		why = ckpt_seq_next(&seq, ib_find(&ib, CKPT_HDR_CRED, 0));
	tap_ok(why && !strcmp(why, "order: too many shared objects"),
	       "order: too many shared objects");
	ib_free(&ib);
}

static void check_err(const char *text, size_t len, const char *want)
{
	union {
		struct ckpt_hdr_err e;
		char bytes[64];
	} u = { 0 };
	const char *why;

	u.e.h.type = CKPT_HDR_ERR;
	u.e.h.len = sizeof(u.e) + len;
	memcpy(u.e.text, text, len);
	why = ckpt_check_rec(&u.e.h);
	tap_ok(want ? why && !strcmp(why, want) : !why, "%s",
	       want ? want : "err: takes a good one");
}

static void err_rules(void)
{
	check_err("\0\0\0abcde", 8, NULL);
	check_err("abcdefgh", 8, "err: does not begin with a null character");
	check_err("", 0, "err: does not begin with a null character");
	check_err("\0\0\0\0\0\0\0\0", 8, "err: no text");
	check_err("\0abc\0def", 8, "err: null character within its text");
	check_err("\0abcdef\0", 8, "err: null character within its text");
}

static void name_rules(void)
{
	static const int none[] = { -1, 0, 15, CKPT_HDR_MAX };
	size_t i;

	tap_ok(!strcmp(ckpt_rec_name(CKPT_HDR_VMA), "VMA"), "name of a record");
	for (i = 0; i < ARRAY_SIZE(none); i++)
		tap_ok(!strcmp(ckpt_rec_name(none[i]), "?"), "no name for %d",
		       none[i]);
}

int main(void)
{
	record_rules();
	head_rules();
	tree_rules();
	object_rules();
	pipe_rules();
	file_rules();
	table_rules();
	signal_rules();
	timer_rules();
	mm_rules();
	vma_rules();
	pgarr_rules();
	shmem_rules();
	eventfd_rules();
	fifo_rules();
	task_rules();
	cpu_rules();
	xstate_rules();
	order_rules();
	trailer_rules();
	direct_rules();
	err_rules();
	name_rules();
	return tap_end();
}
