// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that the tree shares with a task outside: one test for each kind.
 * With --container they are refused, with object, task and users; without it
 * the log tells them.  What is shared inside only is no leak.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

#define FD 10 /* of what is shared, where it has one */
#define IOPRIO_BEST_EFFORT_4 (2 << 13 | 4)

/*
 * A kind of sharing: the program makes the object (@make) and then, by clone()
 * with @flags, the init of a pid namespace, which is what is checkpointed; each
 * of them may let go of a part of it (@init, @parent).
 */
FIXTURE(leak)
{
	struct ct ct;
	char pid[16]; /* of the init */
};

FIXTURE_VARIANT(leak)
{
	unsigned long flags;
	void (*make)(void);
	void (*init)(void);
	void (*parent)(pid_t child);
	const char *what;
	const char *users, *inside;
	bool stays_outside; /* a subtree's pipe is not its own then */
};

/* Both run in one memory with CLONE_VM. */
static struct {
	struct ct_shared *s;
	unsigned long flags;
	void (*init)(void);
} how;

/* Standard ones of its own. */
static void open_own(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		close(fd);
	for (fd = 0; fd < 3; fd++)
		open("/dev/null", O_RDWR);
}

static int init_main(void *arg)
{
	if (!(how.flags & CLONE_FILES))
		open_own();
	if (how.init)
		how.init();
	tasks_stay(how.s, 1);
	_exit(0);
}

/*
 * The init must end well.  It waits until the others of its namespace are
 * reaped, too; who shares its signal handlers cannot reap it, as it ignores
 * SIGCHLD in the end.
 */
static int reap_all(struct ct_shared *s, pid_t init, bool may)
{
	int status, code = may ? -1 : 0;
	pid_t got;

	while ((got = waitpid(-1, &status, __WALL)) > 0)
		if (got == init)
			code = status;
	CT_EQ(s, 0, code);
	return 0;
}

static int shares(struct ct_shared *s, void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	const FIXTURE_VARIANT(leak) *kind = arg;
	pid_t child;

	how.s = s;
	how.flags = kind->flags;
	how.init = kind->init;
	if (kind->make)
		kind->make();
	child = clone(init_main, stack + sizeof(stack),
		      kind->flags | CLONE_NEWPID | SIGCHLD, NULL);
	CT_CHECK(s, child > 0);
	CT_DO(tasks_wait(s, 1));
	if (kind->parent)
		kind->parent(child);
	s->data[1] = child;
	ct_step(s, 1);
	return reap_all(s, child, !(kind->flags & CLONE_SIGHAND));
}

FIXTURE_SETUP(leak)
{
	CT_SETUP(&self->ct);
	ASSERT_EQ(0, chdir(self->ct.dir));
	ASSERT_EQ(0, ct_start(&self->ct, shares, (void *)variant));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	snprintf(self->pid, sizeof(self->pid), "%d", (int)self->ct.s->data[1]);
}

FIXTURE_TEARDOWN(leak)
{
	ct_end(&self->ct);
}

/* ---- the kinds --------------------------------------------------- */

static void close_all(void)
{
	close_range(3, ~0U, 0);
}

static void put(int fd)
{
	dup2(fd, FD);
	if (fd != FD)
		close(fd);
}

static void make_file(void)
{
	put(open("a file", O_RDWR | O_CREAT, 0600));
}

static void make_eventfd(void)
{
	put(eventfd(3, 0));
}

static void make_memfd(void)
{
	put(memfd_create("shared", 0));
	if (ftruncate(FD, 4096))
		_exit(1);
}

static void open_again(void)
{
	put(open("/proc/self/fd/10", O_RDWR));
}

static void make_pipe(void)
{
	int fds[2];

	if (pipe(fds))
		_exit(1);
	dup2(fds[0], FD);
	dup2(fds[1], FD + 1);
	close(fds[0]);
	close(fds[1]);
}

static void close_read_end(pid_t child)
{
	close(FD);
}

static void close_write_end(void)
{
	close(FD + 1);
}

static void make_fifo(void)
{
	if (mkfifo("a fifo", 0600))
		_exit(1);
}

static void open_fifo(void)
{
	put(open("a fifo", O_RDWR));
}

static void open_fifo_too(pid_t child)
{
	open_fifo();
}

static void make_memory(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*p = 1;
}

static void make_io_context(void)
{
	syscall(SYS_ioprio_set, 1, 0, IOPRIO_BEST_EFFORT_4);
}

/* Somebody who is put into the pid namespace, and dies with it. */
static void join_namespace(pid_t child)
{
	int fd = syscall(SYS_pidfd_open, child, 0);

	if (fd < 0 || setns(fd, CLONE_NEWPID))
		_exit(1);
	close(fd);
	if (!fork())
		for (;;)
			pause();
}

#define A_LEAK_OF(name, ...)            \
	FIXTURE_VARIANT_ADD(leak, name) \
	{                               \
		__VA_ARGS__             \
	}

A_LEAK_OF(file_table, .flags = CLONE_FILES, .what = "a file table",
	  .users = "2", .inside = "1");
A_LEAK_OF(directories, .flags = CLONE_FS, .init = close_all,
	  .what = "a working directory (CLONE_FS)", .users = "2",
	  .inside = "1");
A_LEAK_OF(memory, .flags = CLONE_VM, .init = close_all,
	  .what = "memory (CLONE_VM)", .users = "2", .inside = "1");
A_LEAK_OF(signal_handlers, .flags = CLONE_VM | CLONE_SIGHAND, .init = close_all,
	  .what = "signal handlers (CLONE_SIGHAND)", .users = "2",
	  .inside = "1");
A_LEAK_OF(io_context, .flags = CLONE_IO, .make = make_io_context,
	  .init = close_all, .what = "an I/O context (CLONE_IO)", .users = "2",
	  .inside = "1");
A_LEAK_OF(open_file, .make = make_file, .what = "fd 10 (", .users = "2",
	  .inside = "1");
A_LEAK_OF(eventfd, .make = make_eventfd, .what = "fd 10 (anon_inode:[eventfd])",
	  .users = "2", .inside = "1");
A_LEAK_OF(memfd, .make = make_memfd, .what = "fd 10 (/memfd:shared",
	  .users = "2", .inside = "1");
A_LEAK_OF(memfd_opened_again, .make = make_memfd, .init = open_again,
	  .what = "shared memory (/memfd:shared)", .users = "2", .inside = "1");
A_LEAK_OF(shared_memory, .make = make_memory, .init = close_all,
	  .what = "mapped memory (/dev/zero", .users = "2", .inside = "1");
A_LEAK_OF(pipe, .make = make_pipe, .what = "fd 10 (pipe:[", .users = "4",
	  .inside = "2", .stays_outside = true);
A_LEAK_OF(half_a_pipe, .make = make_pipe, .init = close_write_end,
	  .parent = close_read_end, .what = "fd 10 (pipe:[", .users = "2",
	  .inside = "1", .stays_outside = true);
A_LEAK_OF(fifo, .make = make_fifo, .init = open_fifo, .parent = open_fifo_too,
	  .what = "fd 10 (pipe:[", .users = "2", .inside = "1",
	  .stays_outside = true);
A_LEAK_OF(pid_namespace, .init = close_all, .parent = join_namespace,
	  .what = "its pid namespace", .users = "2", .inside = "1");

/* ---- the tests --------------------------------------------------- */

TEST_F(leak, refused_in_a_container)
{
	struct ct *ct = &self->ct;
	char users[64], task[32];

	snprintf(users, sizeof(users), "has %s users, only %s of them",
		 variant->users, variant->inside);
	snprintf(task, sizeof(task), "(pid %s,", self->pid);
	if (!getenv("CT_SKIP_CHECKPOINT")) {
		ASSERT_EQ(1, ct_tool(ct, "checkpoint", "-c", "-o", ct->img,
				     self->pid, NULL));
		EXPECT_NE(NULL, strstr(ct->err, variant->what))
		{
			ct_say("%s", ct->err);
		}
		EXPECT_NE(NULL, strstr(ct->err, users))
		{
			ct_say("%s", ct->err);
		}
		EXPECT_NE(NULL, strstr(ct->err, task))
		{
			ct_say("%s", ct->err);
		}
	}
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, ct_finish(ct));
}

TEST_F(leak, told_of_a_subtree)
{
	struct ct *ct = &self->ct;
	char log[PATH_MAX], users[64], *text;

	snprintf(log, sizeof(log), "%s/log", ct->dir);
	if (!variant->stays_outside && !getenv("CT_SKIP_CHECKPOINT")) {
		snprintf(users, sizeof(users), "(%s users, %s inside)",
			 variant->users, variant->inside);
		ASSERT_EQ(0, ct_tool(ct, "checkpoint", "-l", log, "-o", ct->img,
				     self->pid, NULL))
		{
			ct_say("%s", ct->err);
		}
		text = ct_read_file(log);
		ASSERT_NE(NULL, text);
		EXPECT_NE(NULL, strstr(text, variant->what))
		{
			ct_say("%s", text);
		}
		EXPECT_NE(NULL, strstr(text, users))
		{
			ct_say("%s", text);
		}
		free(text);
	}
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, ct_finish(ct));
}

/* ---- no leak ----------------------------------------------------- */

CT_FIXTURE(no_leak)

static int sharer(struct ct_shared *s, void *arg)
{
	tasks_stay(s, 1);
	return 0;
}

/* All of it, by two processes that share and one that has copies. */
static int shares_inside(struct ct_shared *s, void *arg)
{
	pid_t child;

	open_own();
	make_file();
	dup2(FD, FD + 10);
	make_pipe(); /* takes FD */
	make_memory();
	make_io_context();
	dup2(memfd_create("mine", 0), FD + 20);
	dup2(eventfd(1, 0), FD + 21);
	child = tasks_clone(CLONE_FILES | CLONE_FS | CLONE_IO | SIGCHLD);
	if (!child)
		_exit(sharer(s, NULL));
	tasks_fork(s, sharer, NULL);
	CT_DO(tasks_wait(s, 2));
	ct_step(s, 1);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}

TEST_F(no_leak, of_what_is_shared_inside)
{
	struct ct *ct = &self->ct;
	int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	char pid[16];

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	ASSERT_EQ(0, ct_start(ct, shares_inside, NULL));
	ASSERT_EQ(0, setns(own, CLONE_NEWPID));
	ASSERT_EQ(0, ct_reach(ct, 1));
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	if (!getenv("CT_SKIP_CHECKPOINT")) {
		ASSERT_EQ(0, ct_tool(ct, "checkpoint", "-c", "--kill", "-o",
				     ct->img, pid, NULL))
		{
			ct_say("%s", ct->err);
		}
		ct_kill(ct);
	}
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, ct_join(ct));
}

TEST_HARNESS_MAIN
