// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pid namespace and all that is in it, with its init as the root.  The
 * programs see numbers of that namespace only; /proc shows those of the
 * tester's, so that they leave it alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ckpt.h>
#include "image_edit.h"
#undef ARRAY_SIZE
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(container)

#define SLOT_LIFE 1 /* counted up by who is alive */
#define SLOT_PID 2 /* what one of them wants to tell */

/* Runs @fn as the init of a new pid namespace, up to its first step. */
static int start_inside(struct ct *ct, ct_fn fn)
{
	int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), ret;

	if (own < 0 || unshare(CLONE_NEWPID))
		return ct_say("no pid namespace: %m");
	ret = ct_start(ct, fn, NULL);
	if (setns(own, CLONE_NEWPID))
		return ct_say("setns: %m");
	close(own);
	return ret ?: ct_reach(ct, 1);
}

/* Restarts it and waits for its end. */
static int come_back(struct ct *ct)
{
	if (ct_checkpoint(ct, CT_KILL) || ct_restart(ct))
		return -1;
	ct_go(ct, INT_MAX);
	return ct_join(ct);
}

#define INSIDE(fn)                                         \
	TEST_F(container, fn)                              \
	{                                                  \
		ASSERT_EQ(0, start_inside(&self->ct, fn)); \
		ASSERT_EQ(0, come_back(&self->ct));        \
	}

/* ---- who is who -------------------------------------------------- */

static void *thread_stays(void *arg)
{
	struct ct_shared *s = arg;
	pid_t tid = gettid();

	tasks_stay(s, 1);
	return (void *)(long)(tid == gettid() && tid != 1 && getpid() == 1);
}

static int leads_group(struct ct_shared *s, void *arg)
{
	setpgid(0, 0);
	return tasks_stay_same(s, NULL);
}

static int leads_session(struct ct_shared *s, void *arg)
{
	pid_t child[2];

	setsid();
	child[0] = tasks_fork(s, tasks_stay_same, NULL);
	child[1] = tasks_fork(s, leads_group, NULL);
	tasks_note_ids();
	tasks_stay(s, 1);
	CT_DO(tasks_check_ids(s));
	CT_EQ(s, child[1], getpgid(child[1]));
	CT_DO(tasks_reap(s, child[0]));
	return tasks_reap(s, child[1]);
}

static int numbers_are_kept(struct ct_shared *s, void *arg)
{
	pthread_t thread;
	void *same = NULL;
	pid_t child;

	CT_EQ(s, 1, getpid());
	tasks_note_ids();
	CT_EQ(s, 0, tasks_was.ppid);
	CT_EQ(s, 0, tasks_was.sid); /* the tester's, which has no number here */
	child = tasks_fork(s, leads_session, NULL);
	CT_EQ(s, 0, pthread_create(&thread, NULL, thread_stays, s));
	CT_DO(tasks_wait(s, 4));
	ct_step(s, 1);
	CT_DO(tasks_check_ids(s));
	CT_DO(tasks_reap(s, child));
	CT_EQ(s, 0, pthread_join(thread, &same));
	CT_CHECK(s, same);
	return 0;
}

INSIDE(numbers_are_kept)

/* A namespace below one, seen from above. */
static int two_levels(struct ct_shared *s, void *arg)
{
	pid_t inner;

	CT_CHECK(s, !unshare(CLONE_NEWPID));
	inner = tasks_fork(s, numbers_are_kept, NULL);
	waitpid(inner, NULL, 0); /* it is killed */
	return 0;
}

/* The first child of a process, as the tester sees it. */
static pid_t child_of(pid_t pid)
{
	char name[64], *text;
	pid_t child;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pid, pid);
	text = ct_read_file(name);
	child = text ? atoi(text) : 0;
	free(text);
	return child;
}

TEST_F(container, two_levels_below)
{
	struct ct *ct = &self->ct;
	char pid[16];

	ASSERT_EQ(0, start_inside(ct, two_levels));
	snprintf(pid, sizeof(pid), "%d", child_of(ct->pid));
	ASSERT_EQ(0, ct_tool(ct, "checkpoint", "--kill", "-o", ct->img, pid,
			     NULL));
	ASSERT_EQ(0, ct_finish(ct));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, ct_join(ct));
}

static int dies(struct ct_shared *s, void *arg)
{
	return 0;
}

/* Not those that were just somebody's. */
static int next_numbers(struct ct_shared *s, void *arg)
{
	pid_t last = 0, child;
	int i;

	for (i = 0; i < 20; i++) {
		last = tasks_fork(s, dies, NULL);
		CT_DO(tasks_reap(s, last));
	}
	CT_CHECK(s, last > 20);
	ct_step(s, 1);
	child = tasks_fork(s, dies, NULL);
	CT_IN(s, last + 1, last + 20, child);
	return tasks_reap(s, child);
}

INSIDE(next_numbers)

/* ---- what the init has adopted ----------------------------------- */

static int orphan(struct ct_shared *s, void *arg)
{
	while (getppid() != 1)
		ct_sleep_ms(1);
	tasks_note_ids();
	CT_CHECK(s, tasks_was.sid > 1 && tasks_was.sid != tasks_was.pid);
	tasks_stay(s, 1);
	CT_DO(tasks_check_ids(s));
	CT_EQ(s, -1, kill(tasks_was.sid, 0)); /* its leader is still dead */
	CT_EQ(s, ESRCH, errno);
	CT_EQ(s, 0, kill(-tasks_was.pgid, 0)); /* and its group lives */
	return 0;
}

static int ends(struct ct_shared *s, void *arg)
{
	setsid();
	s->data[SLOT_PID] = tasks_fork(s, orphan, NULL);
	return 0;
}

static int orphan_of_a_dead_session(struct ct_shared *s, void *arg)
{
	CT_DO(tasks_reap(s, tasks_fork(s, ends, NULL)));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	return tasks_reap(s, s->data[SLOT_PID]);
}

INSIDE(orphan_of_a_dead_session)

static int dies_with_77(struct ct_shared *s, void *arg)
{
	return 77;
}

static int zombie_of_the_init(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, dies_with_77, NULL);
	siginfo_t info = { 0 };
	int status;

	CT_EQ(s, 0, waitid(P_PID, child, &info, WEXITED | WNOWAIT));
	ct_step(s, 1);
	CT_EQ(s, child, waitpid(-1, &status, 0));
	CT_EQ(s, 77 << 8, status);
	CT_EQ(s, -1, waitpid(-1, &status, 0));
	return 0;
}

INSIDE(zombie_of_the_init)

/* ---- signals ----------------------------------------------------- */

/* From inside, and none of them blocked. */
static int attack_init(struct ct_shared *s)
{
	CT_EQ(s, 0, kill(1, SIGKILL));
	CT_EQ(s, 0, kill(1, SIGSTOP));
	CT_EQ(s, 0, kill(1, SIGTERM));
	return 0;
}

static int attacks_init(struct ct_shared *s, void *arg)
{
	CT_DO(attack_init(s));
	tasks_stay(s, 1);
	return attack_init(s);
}

static int only_outsiders_kill_the_init(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, attacks_init, NULL);

	CT_DO(attack_init(s));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_DO(attack_init(s));
	CT_DO(tasks_reap(s, child));
	s->data[SLOT_LIFE] = 1;
	for (;;)
		pause();
}

/* The root's number as the tester sees it: the restart tool's child. */
static pid_t restarted_pid(struct ct *ct)
{
	return child_of(ct->tool);
}

TEST_F(container, only_outsiders_kill_the_init)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, start_inside(ct, only_outsiders_kill_the_init));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, tasks_slot(ct->s, SLOT_LIFE, 1));
	ct->pid = restarted_pid(ct);
	ASSERT_EQ(0, kill(ct->pid, SIGKILL));
	ASSERT_EQ(128 + SIGKILL, ct_join(ct));
}

static int tells_by_signal(struct ct_shared *s, void *arg)
{
	union sigval value = { .sival_int = 5 };

	CT_EQ(s, 0, sigqueue(1, SIGUSR1, value));
	return tasks_stay_same(s, NULL);
}

/* Senders by the receiver's numbers: a child, and somebody outside: 0. */
static int senders_are_kept(struct ct_shared *s, void *arg)
{
	siginfo_t info;
	sigset_t set;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child = tasks_fork(s, tells_by_signal, NULL);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, SIGUSR1, sigwaitinfo(&set, &info));
	CT_EQ(s, child, info.si_pid);
	CT_EQ(s, 5, info.si_value.sival_int);
	CT_EQ(s, SIGUSR2, sigwaitinfo(&set, &info));
	CT_EQ(s, 0, info.si_pid);
	return tasks_reap(s, child);
}

TEST_F(container, senders_are_kept)
{
	ASSERT_EQ(0, start_inside(&self->ct, senders_are_kept));
	ASSERT_EQ(0, kill(self->ct.pid, SIGUSR2));
	ASSERT_EQ(0, come_back(&self->ct));
}

static int asks_to_go_on(struct ct_shared *s, void *arg)
{
	tasks_note_ids();
	s->data[SLOT_LIFE] = 1;
	ct_step(s, 1);
	CT_DO(tasks_check_ids(s));
	return attack_init(s);
}

TEST_F(container, init_stopped_from_outside)
{
	struct ct *ct = &self->ct;
	siginfo_t info;
	int i;

	ASSERT_EQ(0, start_inside(ct, asks_to_go_on));
	ASSERT_EQ(0, kill(ct->pid, SIGSTOP));
	ASSERT_EQ(0, waitid(P_PID, ct->pid, &info, WSTOPPED | WNOWAIT));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, INT_MAX);
	for (i = 0; i < TASKS_TRIES; i++) {
		ct->pid = restarted_pid(ct);
		if (ct->pid && tasks_state(ct->pid, ct->pid) == 'T')
			break;
		ct_sleep_ms(2);
	}
	ASSERT_EQ('T', tasks_state(ct->pid, ct->pid));
	ASSERT_EQ(0, kill(ct->pid, SIGCONT));
	ASSERT_EQ(0, ct_join(ct));
}

static int lives_on(struct ct_shared *s, void *arg)
{
	tasks_here(s);
	while (!s->failed) {
		s->data[SLOT_LIFE]++;
		ct_sleep_ms(1);
	}
	return 0;
}

static int all_end_with_the_init(struct ct_shared *s, void *arg)
{
	int64_t was_at;

	tasks_fork(s, lives_on, NULL);
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	was_at = s->data[SLOT_LIFE];
	CT_DO(tasks_slot(s, SLOT_LIFE, was_at + 3));
	return 42;
}

TEST_F(container, all_end_with_the_init)
{
	struct ct *ct = &self->ct;
	int64_t was_at;

	ASSERT_EQ(0, start_inside(ct, all_end_with_the_init));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, INT_MAX);
	ASSERT_EQ(42, ct_join(ct));
	was_at = ct->s->data[SLOT_LIFE];
	ct_sleep_ms(50);
	ASSERT_EQ(was_at, ct->s->data[SLOT_LIFE]);
}

/* ---- numbers that the kernel and memory have --------------------- */

static int descriptor_owners(struct ct_shared *s, void *arg)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() }, child_owner;
	int p[2][2];
	pid_t child;

	CT_EQ(s, 0, pipe(p[0]));
	CT_EQ(s, 0, pipe(p[1]));
	child = tasks_fork(s, tasks_stay_same, NULL);
	CT_EQ(s, 0, fcntl(p[0][0], F_SETOWN, child));
	CT_EQ(s, 0, fcntl(p[1][0], F_SETOWN_EX, &owner));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, child, fcntl(p[0][0], F_GETOWN));
	CT_EQ(s, 0, fcntl(p[1][0], F_GETOWN_EX, &child_owner));
	CT_EQ(s, F_OWNER_TID, child_owner.type);
	CT_EQ(s, 1, child_owner.pid);
	return tasks_reap(s, child);
}

INSIDE(descriptor_owners)

static void *timed_thread(void *arg)
{
	struct ct_shared *s = arg;
	struct itimerspec soon = { .it_value.tv_nsec = 300 * CT_MS };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGRTMIN };
	struct timespec limit = { .tv_sec = 30 };
	clockid_t clock;
	timer_t timer, burnt;
	sigset_t set;

	event._sigev_un._tid = gettid();
	pthread_getcpuclockid(pthread_self(), &clock);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_create(clock, NULL, &burnt) ||
	    timer_settime(timer, 0, &soon, NULL))
		return "timers";
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	tasks_stay(s, 1);
	if (timer_gettime(burnt, &soon))
		return "the timer of a CPU clock";
	return sigtimedwait(&set, NULL, &limit) == SIGRTMIN ? NULL : "signal";
}

static int timers_of_threads(struct ct_shared *s, void *arg)
{
	const char *wrong = NULL;
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CT_EQ(s, 0, pthread_create(&thread, NULL, timed_thread, s));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, 0, pthread_join(thread, (void **)&wrong));
	return wrong ? ct_fail(s, __FILE__, __LINE__, "%s", wrong) : 0;
}

INSIDE(timers_of_threads)

/* The mutexes' words hold the owner's number. */
static struct locks {
	pthread_mutex_t robust, pi;
} locks;

static atomic_bool seen_held;

static void *holds(void *arg)
{
	pthread_mutex_lock(&locks.robust);
	pthread_mutex_lock(&locks.pi);
	tasks_stay(arg, 1);
	while (!seen_held)
		ct_sleep_ms(1);
	ct_sleep_ms(50); /* so that the other one waits */
	pthread_mutex_unlock(&locks.pi);
	return NULL; /* with the robust one */
}

static int mutexes_held(struct ct_shared *s, void *arg)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&locks.robust, &attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&locks.pi, &attr);
	CT_EQ(s, 0, pthread_create(&thread, NULL, holds, s));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	CT_EQ(s, EBUSY, pthread_mutex_trylock(&locks.pi));
	seen_held = true;
	CT_EQ(s, 0, pthread_mutex_lock(&locks.pi));
	CT_EQ(s, EOWNERDEAD, pthread_mutex_lock(&locks.robust));
	return 0;
}

INSIDE(mutexes_held)

/* ---- refused ----------------------------------------------------- */

static int has_another(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_clone(CLONE_NEWPID | SIGCHLD);

	if (!child)
		_exit(tasks_stay_same(s, NULL));
	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	return tasks_reap(s, child);
}

TEST_F(container, refuses_a_nested_one)
{
	ASSERT_EQ(0, start_inside(&self->ct, has_another));
	ASSERT_EQ(0,
		  ct_refused(&self->ct, "a pid namespace below|not supported"));
}

static int sets_aside(struct ct_shared *s, void *arg)
{
	CT_CHECK(s, !unshare(CLONE_NEWPID));
	ct_step(s, 1);
	return 0;
}

TEST_F(container, refuses_one_set_aside)
{
	ASSERT_EQ(0, ct_start(&self->ct, sets_aside, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_refused(&self->ct, "set aside for children"));
}

static int below_the_init(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, tasks_stay_same, NULL);

	CT_DO(tasks_wait(s, 1));
	ct_step(s, 1);
	return tasks_reap(s, child);
}

TEST_F(container, refuses_a_part_of_one)
{
	struct ct *ct = &self->ct;
	char pid[16];

	ASSERT_EQ(0, start_inside(ct, below_the_init));
	snprintf(pid, sizeof(pid), "%d", child_of(ct->pid));
	ASSERT_EQ(1, ct_tool(ct, "checkpoint", "-o", ct->img, pid, NULL));
	ASSERT_NE(NULL, strstr(ct->err, "a pid namespace without its init"));
	ct_go(ct, INT_MAX);
	ASSERT_EQ(0, ct_finish(ct));
}

/* Whose group has a number of the namespace keeps it; it is ended in its own again. */
static int joins_a_child(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, leads_group, NULL);

	CT_DO(tasks_wait(s, 1));
	CT_CHECK(s, !setpgid(0, child));
	ct_step(s, 1);
	CT_CHECK(s, !setpgid(0, 0));
	return tasks_reap(s, child);
}

TEST_F(container, refuses_an_init_that_cannot_end)
{
	ASSERT_EQ(0, start_inside(&self->ct, joins_a_child));
	ASSERT_EQ(0, ct_refused(&self->ct,
				"in the group of another process there"));
}

/* ---- images and tools that lie ----------------------------------- */

static int alone(struct ct_shared *s, void *arg)
{
	ct_step(s, 1);
	return 0;
}

/* What the kernel says to a restart whose root is made by clone() with @flags. */
static int restart_by_hand(struct ct *ct, unsigned long flags, char text[512])
{
	struct ckpt_ioc_restart arg = {
		.size = sizeof(arg),
		.fd = open(ct->img, O_RDONLY | O_CLOEXEC),
		.logfd = memfd_create("log", MFD_CLOEXEC),
		.flags = RESTART_FRESH_PIDS | RESTART_NO_TIMENS,
		.task = ct->pid,
	};
	int dev = ckpt_open(), err;
	ssize_t n;

	arg.pid = tasks_clone(flags | SIGCHLD);
	if (!arg.pid) {
		ioctl(dev, CKPT_IOC_RESTART, &arg);
		_exit(1);
	}
	arg.task = 0;
	err = ioctl(dev, CKPT_IOC_RESTART, &arg) ? -errno : 0;
	waitpid(arg.pid, NULL, 0);
	n = pread(arg.logfd, text, 511, 0);
	text[n > 0 ? n : 0] = 0;
	close(dev);
	close(arg.fd);
	close(arg.logfd);
	return err;
}

TEST_F(container, no_namespace_without_its_making)
{
	struct ct *ct = &self->ct;
	char text[512];

	ASSERT_EQ(0, start_inside(ct, alone));
	if (getenv("CT_SKIP_CHECKPOINT")) {
		ct_go(ct, 1);
		ASSERT_EQ(0, ct_finish(ct));
		return;
	}
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ct->pid = 1;
	ASSERT_EQ(-EINVAL, restart_by_hand(ct, 0, text));
	EXPECT_NE(NULL, strstr(text, "not the init of a new pid namespace"))
	{
		ct_say("%s", text);
	}
}

TEST_F(container, none_where_none_was)
{
	struct ct *ct = &self->ct;
	char text[512];

	ASSERT_EQ(0, ct_start(ct, alone, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	if (getenv("CT_SKIP_CHECKPOINT")) {
		ct_go(ct, 1);
		ASSERT_EQ(0, ct_finish(ct));
		return;
	}
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(-EINVAL, restart_by_hand(ct, CLONE_NEWPID, text));
	EXPECT_NE(NULL, strstr(text, "is in another pid namespace"))
	{
		ct_say("%s", text);
	}
}

static void no_container(struct ib *ib)
{
	IE_REC(ib, container, 0)->pid_ns = 0;
	IE_REC(ib, container, 0)->last_pid = 0;
}

static void a_container(struct ib *ib)
{
	IE_REC(ib, container, 0)->pid_ns = 1;
}

static void another_init(struct ib *ib)
{
	IE_REC(ib, tree_task, 0)->pid = 7;
	IE_REC(ib, tree_task, 0)->tgid = 7;
	IE_REC(ib, tree_task, 0)->pids[0] = 7;
	IE_REC(ib, task, 0)->pid = 7;
}

static void init_in_a_group(struct ib *ib)
{
	IE_REC(ib, tree_task, 0)->pgid = 7;
	IE_REC(ib, tree_task, 0)->flags &= ~CKPT_TREE_PGID_OUTSIDE;
}

/* A restart of the image changed by @lie must end with @words. */
static int caught(struct ct *ct, void (*lie)(struct ib *ib), const char *option,
		  const char *words)
{
	char img[PATH_MAX + 8];
	struct ib ib;
	int ret;

	snprintf(img, sizeof(img), "%s.lie", ct->img);
	if (ie_load(&ib, ct->img))
		return ct_say("no image");
	lie(&ib);
	ret = ie_store(&ib, img);
	ib_free(&ib);
	if (!ret)
		ret = ct_tool(ct, "restart", "-i", img, option, NULL);
	if (ret == 1 && strstr(ct->err, words))
		return 0;
	return ct_say("status %d: %s", ret, ct->err);
}

TEST_F(container, lies_are_caught)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, start_inside(ct, alone));
	if (getenv("CT_SKIP_CHECKPOINT")) {
		ct_go(ct, 1);
		ASSERT_EQ(0, ct_finish(ct));
		return;
	}
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	EXPECT_EQ(0, caught(ct, no_container, "--no-pids",
			    "it is not clear whose pid namespace it is"));
	EXPECT_EQ(0, caught(ct, another_init, NULL,
			    "it is the init of a pid namespace"));
	EXPECT_EQ(0, caught(ct, init_in_a_group, NULL,
			    "an init in another's group"));
	ASSERT_EQ(0, ct_start(ct, alone, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	EXPECT_EQ(0, caught(ct, a_container, NULL,
			    "it is the init of a pid namespace"));
}

TEST_HARNESS_MAIN
