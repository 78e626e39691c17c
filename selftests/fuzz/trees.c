// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of several tasks whose images are changed: threads, children of every
 * kind, dead and stopped ones, what they share, the init of a pid namespace.
 * They are small: each restart makes all their tasks.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "hostile.h"

#define STACK 65536
#define PAGE 4096UL

static int ready_fd = -1;
static volatile int *there; /* shared: how many have come to rest */

static void need(bool good)
{
	if (!good)
		_exit(1);
}

void hostile_tree_begin(int ready)
{
	ready_fd = ready;
	there = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(there != MAP_FAILED);
}

static void __attribute__((noreturn)) rest(void)
{
	__atomic_add_fetch(there, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
}

static void await(int nr)
{
	while (*there < nr)
		usleep(1000);
}

/* As fork(), with flags: 0 in the child. */
static pid_t split(unsigned long flags)
{
	pid_t pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

	need(pid >= 0);
	if (!pid && !(flags & CLONE_FILES))
		close(ready_fd);
	return pid;
}

/* ---- threads ---- */

static void *thread_sleeps(void *arg)
{
	struct timespec left = { .tv_sec = 100000 };
	sigset_t set;

	(void)arg;
	prctl(PR_SET_NAME, "sleeps");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_kill(pthread_self(), SIGRTMIN + 3);
	__atomic_add_fetch(there, 1, __ATOMIC_SEQ_CST);
	nanosleep(&left, &left);
	return NULL;
}

static void *thread_holds(void *arg)
{
	static pthread_mutex_t robust;
	pthread_mutexattr_t attr;
	stack_t stack = { .ss_size = STACK, .ss_sp = malloc(STACK) };

	(void)arg;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	need(!sigaltstack(&stack, NULL));
	setpriority(PRIO_PROCESS, syscall(SYS_gettid), 4);
	prctl(PR_SET_TIMERSLACK, 77777);
	rest();
}

static void *thread_has_timer(void *arg)
{
	struct itimerspec in = { .it_value.tv_sec = 3000 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = SIGRTMIN + 1 };
	timer_t t;

	(void)arg;
	ev._sigev_un._tid = syscall(SYS_gettid);
	need(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	timer_settime(t, 0, &in, NULL);
	need(!timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &t));
	rest();
}

void hostile_threads(void)
{
	pthread_t t;

	need(!pthread_create(&t, NULL, thread_sleeps, NULL));
	need(!pthread_create(&t, NULL, thread_holds, NULL));
	need(!pthread_create(&t, NULL, thread_has_timer, NULL));
	await(3);
}

/* The leader exits, its thread and a child of that do not. */
static void *thread_alone(void *arg)
{
	(void)arg;
	if (!split(SIGCHLD))
		rest();
	rest();
}

void hostile_leaderless(void)
{
	pthread_t t;

	need(!pthread_create(&t, NULL, thread_alone, NULL));
	await(2);
}

void hostile_wait_exited(void)
{
	syscall(SYS_exit, 5);
}

/* ---- a family ---- */

/* Leads a group, and a session, of which only a child is left. */
static void leave_orphan(bool session)
{
	pid_t pid = split(SIGCHLD);

	if (pid) {
		need(waitpid(pid, NULL, 0) == pid);
		return;
	}
	need(session ? setsid() > 0 : !setpgid(0, 0));
	if (!split(SIGCHLD))
		rest();
	_exit(0);
}

void hostile_family(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	leave_orphan(false);
	leave_orphan(true);
	if (!split(SIGCHLD)) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		if (!split(SIGUSR1))
			rest();
		if (!split(CLONE_PARENT | SIGCHLD))
			rest();
		rest();
	}
	if (!split(0)) { /* its end is told to nobody */
		setsid();
		rest();
	}
	await(6);
}

/* ---- the dead and the stopped ---- */

static void await_state(pid_t pid, int what)
{
	siginfo_t info = { 0 };

	need(!waitid(P_PID, pid, &info, what | WNOWAIT | __WALL));
}

static pid_t stopped_child(void)
{
	pid_t pid = split(SIGCHLD);

	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	await_state(pid, WSTOPPED);
	return pid;
}

static void has_handler(int sig)
{
	(void)sig;
}

void hostile_zombies(void)
{
	pid_t pid;

	signal(SIGUSR1, has_handler);
	signal(SIGCHLD, has_handler);
	pid = split(SIGCHLD);
	if (!pid)
		_exit(3);
	await_state(pid, WEXITED);
	pid = split(SIGUSR1);
	if (!pid)
		raise(SIGKILL);
	await_state(pid, WEXITED);
	stopped_child();
	waitpid(stopped_child(), NULL, WUNTRACED); /* it has been told */
	pid = stopped_child();
	waitpid(pid, NULL, WUNTRACED);
	kill(pid, SIGCONT);
	await_state(pid, WCONTINUED);
}

/* ---- what is shared ---- */

static int with_own_stack(void *arg)
{
	(void)arg;
	rest();
}

static void share_memory(unsigned long flags)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(stack != MAP_FAILED &&
	     clone(with_own_stack, stack + STACK, flags | SIGCHLD, NULL) > 0);
}

static void shared_files(void)
{
	struct f_owner_ex owner = { .type = F_OWNER_PID };
	int a[2], b[2], fd, none;
	char *p;

	need(!pipe(a) && !pipe2(b, O_DIRECT | O_NONBLOCK));
	need(write(a[1], "half a line", 11) == 11 &&
	     write(b[1], "one", 3) == 3 && write(b[1], "two", 3) == 3);
	fd = eventfd(7, EFD_SEMAPHORE | EFD_NONBLOCK);
	owner.pid = getpid();
	fcntl(a[0], F_SETOWN_EX, &owner);
	fcntl(a[0], F_SETSIG, SIGRTMIN + 2);
	need(fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	fd = memfd_create("area", MFD_ALLOW_SEALING);
	need(fd >= 0 && !ftruncate(fd, 3 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	need(p != MAP_FAILED);
	p[PAGE] = 5;
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
	none = mkfifo("fifo", 0600);
	need(!none || errno == EEXIST);
	fd = open("fifo", O_RDWR);
	need(fd >= 0 && write(fd, "first", 5) == 5);
	fd = open("shared", O_RDWR | O_CREAT | O_APPEND, 0600);
	need(fd >= 0 && write(fd, "text", 4) == 4);
}

void hostile_sharing(void)
{
	shared_files();
	share_memory(CLONE_VM);
	share_memory(CLONE_VM | CLONE_SIGHAND);
	if (!split(CLONE_FILES | CLONE_FS | SIGCHLD))
		rest();
	syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6);
	if (!split(CLONE_IO | SIGCHLD)) {
		close(3);
		rest();
	}
	await(4);
}

/* ---- an init ---- */

void hostile_init(void)
{
	need(getpid() == 1);
	if (!split(SIGCHLD)) {
		setsid();
		if (!split(SIGCHLD))
			rest();
		rest();
	}
	leave_orphan(false);
	if (!split(SIGCHLD))
		_exit(9);
	await(3);
}
