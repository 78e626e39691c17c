// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers of the ioctls that are not the tools: a child that never joins its
 * restart, a log that is a pipe which nobody reads, where a write waits; one of
 * 32 bits; restarters with state that would stay with the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sched.h>
#include <asm/ldt.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define ABSENT 99 /* this kernel has no such thing */
#define SEM_KEY 0x636b7074
#define JOIN_SECONDS 10 /* as Documentation/ioctl.md has it */

CT_FIXTURE(caller)

static int sleeps(struct ct_shared *s, void *arg)
{
	(void)arg;
	ct_step(s, 1);
	return 0;
}

static pid_t child_that_pauses(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

/* A session of one's own, a restart of @child. */
static int coordinate(const char *img, pid_t child)
{
	struct ckpt_ioc_restart arg = {
		.pid = child,
		.fd = open(img, O_RDONLY | O_CLOEXEC),
		.logfd = CHECKPOINT_FD_NONE,
		.flags = RESTART_FRESH_PIDS | RESTART_NO_TIMENS,
	};
	int dev = ckpt_open();
	int err = dev < 0 ? dev : ckpt_ioctl_restart(dev, &arg);

	close(dev);
	close(arg.fd);
	return err;
}

/* True when @pid, a child, was killed by @sig within @ms. */
static bool dies_within(pid_t pid, int sig, int ms)
{
	int64_t end = ct_now() + ms * CT_MS;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (ct_now() > end)
			return false;
		ct_sleep_ms(5);
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static bool no_child_within(int64_t ms)
{
	int64_t end = ct_now() + ms * CT_MS;

	while (waitpid(-1, NULL, WNOHANG) != -1) {
		if (ct_now() > end)
			return false;
		ct_sleep_ms(5);
	}
	return true;
}

TEST_F_TIMEOUT(caller, child_never_joins, 120)
{
	int64_t before;
	pid_t child;

	ASSERT_EQ(0, ct_start(&self->ct, sleeps, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, CT_KILL));
	child = child_that_pauses();
	before = ct_now();
	EXPECT_EQ(-ETIMEDOUT, coordinate(self->ct.img, child));
	EXPECT_LE((JOIN_SECONDS - 1) * CT_SEC, ct_now() - before);
	EXPECT_GT((JOIN_SECONDS + 10) * CT_SEC, ct_now() - before);
	EXPECT_TRUE(dies_within(child, SIGKILL, 5000));
}

/* ... and whoever waits for it is killed before: so is the child. */
TEST_F_TIMEOUT(caller, is_killed_while_it_waits_for_its_child, 120)
{
	volatile pid_t *child;
	pid_t pid;

	child = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)child);
	ASSERT_EQ(0, ct_start(&self->ct, sleeps, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, CT_KILL));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid = fork();
	if (!pid) {
		*child = child_that_pauses();
		_exit(-coordinate(self->ct.img, *child));
	}
	ct_sleep_ms(1500);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_TRUE(dies_within(pid, SIGKILL, 1000));
	EXPECT_TRUE(dies_within(*child, SIGKILL, 1000));
}

/* A pipe with no room; nobody reads its other end. */
static int full_pipe(int ends[2])
{
	static const char some[4096];

	if (pipe2(ends, O_CLOEXEC) || fcntl(ends[1], F_SETFL, O_NONBLOCK))
		return -1;
	while (write(ends[1], some, sizeof(some)) > 0)
		;
	while (write(ends[1], some, 1) > 0)
		;
	return fcntl(ends[1], F_SETFL, 0);
}

/* Refused, which the log is told: it is not frozen. */
static int refused_checkpoint(int dev, int log, pid_t pid)
{
	struct ckpt_ioc_checkpoint arg = {
		.pid = pid,
		.fd = memfd_create("image", MFD_CLOEXEC),
		.logfd = log,
		.flags = CHECKPOINT_SUBTREE,
	};

	return ckpt_ioctl_checkpoint(dev, &arg);
}

static int refused_self_restart(int dev, int log, pid_t pid)
{
	struct ckpt_ioc_restart arg = {
		.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC),
		.logfd = log,
		.flags = RESTART_TASKSELF,
	};

	(void)pid;
	return ckpt_ioctl_restart(dev, &arg);
}

static int refused_restart(int dev, int log, pid_t pid)
{
	struct ckpt_ioc_restart arg = {
		.pid = child_that_pauses(),
		.fd = open("/dev/zero", O_RDONLY | O_CLOEXEC),
		.logfd = log,
	};

	(void)pid;
	return ckpt_ioctl_restart(dev, &arg);
}

static void waits_for_its_log(struct __test_metadata *_metadata,
			      int (*call)(int dev, int log, pid_t pid), int sig)
{
	pid_t target = child_that_pauses(), pid;
	int ends[2];

	ASSERT_EQ(0, full_pipe(ends));
	pid = fork();
	if (!pid) {
		signal(sig, SIG_DFL);
		_exit(-call(ckpt_open(), ends[1], target));
	}
	ct_sleep_ms(1000);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, sig);
	EXPECT_TRUE(dies_within(pid, sig, 1000));
	close(ends[0]);
	close(ends[1]);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
}

TEST_F_TIMEOUT(caller, ends_though_nobody_reads_the_log, 120)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	waits_for_its_log(_metadata, refused_checkpoint, SIGKILL);
	waits_for_its_log(_metadata, refused_checkpoint, SIGTERM);
	waits_for_its_log(_metadata, refused_self_restart, SIGKILL);
	waits_for_its_log(_metadata, refused_self_restart, SIGTERM);
	waits_for_its_log(_metadata, refused_restart, SIGKILL);
	waits_for_its_log(_metadata, refused_restart, SIGTERM);
	/* the children of the restarts go with them */
	EXPECT_TRUE(no_child_within(1000));
}

static long call_of_32_bits(long nr, long a, long b, long c)
{
	asm volatile("int $0x80"
		     : "+a"(nr)
		     : "b"(a), "c"(b), "d"(c)
		     : "r8", "r9", "r10", "r11", "memory");
	return (int)nr;
}

static void *low_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

/* ---- state that would stay with the program ---- */

static int without_clock(void)
{
	return prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
}

static int with_mce_policy(void)
{
	return prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
}

static int as_io_flusher(void)
{
	return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

static int with_dispatch(void)
{
	static char selector; /* SYSCALL_DISPATCH_FILTER_ALLOW */

	return prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0,
		     &selector);
}

static int with_undo(void)
{
	struct sembuf op = { .sem_op = 1, .sem_flg = SEM_UNDO };
	int id = semget(SEM_KEY, 1, IPC_CREAT | 0600);

	return id < 0 ? id : semop(id, &op, 1);
}

static int with_ports(void)
{
	if (!ioperm(0x80, 1, 1))
		return 0;
	return errno == ENOSYS ? ABSENT : -1;
}

static int with_segment(void)
{
	struct user_desc *d = low_memory();

	if (d == MAP_FAILED)
		return -1;
	*d = (struct user_desc){
		.entry_number = -1,
		.limit = 0xfffff,
		.seg_32bit = 1,
		.limit_in_pages = 1,
	};
	return call_of_32_bits(243, (long)d, 0, 0); /* set_thread_area() */
}

static int sharing_io(void)
{
	pid_t pid;

	/* best effort, 4: so it has a context to share */
	if (syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4))
		return -1;
	pid = syscall(SYS_clone, CLONE_IO, 0, 0, 0, 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid < 0 ? -1 : 0;
}

static int traced(void)
{
	return ptrace(PTRACE_TRACEME, 0, 0, 0) ? -1 : 0;
}

static int tracing(void)
{
	pid_t pid = child_that_pauses();

	return ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL) ? -1 : 0;
}

/* A debugger that has gone has left it. */
static int with_breakpoint(void)
{
	pid_t us = getpid(), pid = fork();
	int status = -1, err;

	if (pid) {
		prctl(PR_SET_PTRACER, pid);
		return waitpid(pid, &status, 0) == pid ? status : -1;
	}
	ct_sleep_ms(100);
	if (ptrace(PTRACE_ATTACH, us, 0, 0) || waitpid(us, NULL, __WALL) < 0)
		_exit(1);
	err = ptrace(PTRACE_POKEUSER, us, offsetof(struct user, u_debugreg[0]),
		     &status);
	err = err   ?:
		      ptrace(PTRACE_POKEUSER, us,
			     offsetof(struct user, u_debugreg[7]), 1);
	_exit(err || ptrace(PTRACE_DETACH, us, 0, 0));
}

static int with_mdwe(void)
{
	if (!prctl(65, 1, 0, 0, 0)) /* PR_SET_MDWE, of 6.3 */
		return 0;
	return errno == EINVAL ? ABSENT : -1;
}

static int with_executable_data(void)
{
	return personality(READ_IMPLIES_EXEC) < 0 ? -1 : 0;
}

static int with_namespace_aside(void)
{
	return unshare(CLONE_NEWPID);
}

static int with_keyring(void)
{
	/* KEYCTL_GET_KEYRING_ID of the process */
	return syscall(SYS_keyctl, 0, -2, 1) < 0 ? -1 : 0;
}

/* What the restart says in its log; @set's failure is no result. */
static int restart_with(const char *img, int (*set)(void), char *text,
			size_t size)
{
	struct ckpt_ioc_restart arg = {
		.fd = open(img, O_RDONLY | O_CLOEXEC),
		.logfd = memfd_create("log", 0),
		.flags = RESTART_TASKSELF | RESTART_FRESH_PIDS |
			 RESTART_NO_TIMENS,
	};
	int status = -1;
	pid_t pid = fork();
	ssize_t n;

	if (!pid) {
		int dev = ckpt_open(), ret = set();

		if (ret)
			_exit(ret == ABSENT ? ABSENT : 1);
		_exit(-ckpt_ioctl_restart(dev, &arg));
	}
	waitpid(pid, &status, 0);
	n = pread(arg.logfd, text, size - 1, 0);
	text[n > 0 ? n : 0] = 0;
	close(arg.fd);
	close(arg.logfd);
	return status;
}

static const struct {
	int (*set)(void);
	const char *word;
} states[] = {
	{ without_clock, "PR_SET_TSC" },
	{ with_mce_policy, "PR_MCE_KILL" },
	{ as_io_flusher, "PR_SET_IO_FLUSHER" },
	{ with_dispatch, "syscall user dispatch" },
	{ with_undo, "semaphore undo" },
	{ with_ports, "I/O ports" },
	{ with_segment, "TLS segment" },
	{ sharing_io, "CLONE_IO" },
	{ traced, "a traced task" },
	{ tracing, "traces another" },
	{ with_breakpoint, "a hardware breakpoint" },
	{ with_executable_data, "READ_IMPLIES_EXEC" },
	{ with_namespace_aside, "a namespace aside" },
	{ with_keyring, "it has keys of its own" },
};

TEST_F_TIMEOUT(caller, has_what_would_stay, 120)
{
	char text[1024];
	int status;
	size_t i;

	ASSERT_EQ(0, ct_start(&self->ct, sleeps, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, CT_KILL));
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		status = restart_with(self->ct.img, states[i].set, text,
				      sizeof(text));
		/* the debug kernel has no ports */
		if (states[i].set == with_ports && status == ABSENT << 8)
			continue;
		EXPECT_EQ(EBUSY << 8, status)
		TH_LOG("%s: %s", states[i].word, text);
		EXPECT_NE(NULL, strstr(text, states[i].word))
		TH_LOG("not %s: %s", states[i].word, text);
	}
	EXPECT_EQ(0, semctl(semget(SEM_KEY, 1, 0), 0, IPC_RMID));
}

TEST_F(caller, denies_what_the_program_may_do)
{
	char text[1024];
	int status;

	ASSERT_EQ(0, ct_start(&self->ct, sleeps, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, CT_KILL));
	status = restart_with(self->ct.img, with_mdwe, text, sizeof(text));
	if (status == ABSENT << 8)
		SKIP(return, "no PR_SET_MDWE");
	EXPECT_EQ(EBUSY << 8, status);
	EXPECT_NE(NULL, strstr(text, "PR_SET_MDWE"));
}

/* ---- 32 bits ---- */

/*
 * An ioctl by the entry that 32-bit programs use: @arg must lie in the lowest
 * 4 GiB.  Returns what the kernel does: a negative errno, or the result.
 */
static long ioctl_of_32_bits(int dev, unsigned int cmd, const void *arg)
{
	long ret = 54; /* __NR_ioctl there */

	asm volatile("int $0x80"
		     : "+a"(ret)
		     : "b"((long)dev), "c"((long)cmd), "d"(arg)
		     : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

union argument {
	struct ckpt_ioc_checkpoint checkpoint;
	struct ckpt_ioc_progress progress;
};

TEST_F_TIMEOUT(caller, of_32_bits_is_served_as_others_are, 120)
{
	union argument *low;
	struct ckpt_freeze *fz = NULL;
	struct stat st;
	int dev = ckpt_open();

	low = low_memory();
	ASSERT_NE(MAP_FAILED, (void *)low);
	ASSERT_LE(0, dev);
	ASSERT_EQ(-EBADF, ioctl_of_32_bits(-1, CKPT_IOC_PROGRESS, low));
	low->progress.size = sizeof(low->progress);
	EXPECT_EQ(-ENOTTY, ioctl_of_32_bits(dev, _IO(CKPT_IOC_MAGIC, 99), low));
	/* a size that is none */
	low->progress.size = 4;
	EXPECT_EQ(-EINVAL, ioctl_of_32_bits(dev, CKPT_IOC_PROGRESS, low));

	ASSERT_EQ(0, ct_start(&self->ct, sleeps, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	memset(low, 0, sizeof(*low));
	low->checkpoint = (struct ckpt_ioc_checkpoint){
		.size = sizeof(low->checkpoint),
		.pid = self->ct.pid,
		.fd = open(self->ct.img, O_WRONLY | O_CREAT | O_TRUNC, 0600),
		.logfd = CHECKPOINT_FD_NONE,
		.flags = CHECKPOINT_SUBTREE,
	};
	ASSERT_EQ(0, ckpt_freeze(dev, self->ct.pid, 0, &fz));
	EXPECT_LT(0, ioctl_of_32_bits(dev, CKPT_IOC_CHECKPOINT, low));
	EXPECT_EQ(0, ckpt_thaw(fz));
	EXPECT_EQ(0, fstat(low->checkpoint.fd, &st));
	EXPECT_LT(4096, st.st_size);
	EXPECT_EQ((uint64_t)st.st_size, low->checkpoint.bytes);
	close(low->checkpoint.fd);

	memset(low, 0, sizeof(*low));
	low->progress.size = sizeof(low->progress);
	EXPECT_EQ(0, ioctl_of_32_bits(dev, CKPT_IOC_PROGRESS, low));
	EXPECT_EQ((unsigned int)CKPT_PROGRESS_IDLE, low->progress.phase);
	EXPECT_EQ((uint64_t)st.st_size, low->progress.done);
	close(dev);

	ct_kill(&self->ct);
	EXPECT_EQ(0, ct_restart(&self->ct));
	ct_go(&self->ct, 1);
	EXPECT_EQ(0, ct_join(&self->ct));
}

TEST_HARNESS_MAIN
