// SPDX-License-Identifier: GPL-2.0-only
/*
 * What belongs to a task alone: name, scheduling, ids, limits, flags; and the
 * kinds of task that are refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ioprio.h>
#include <linux/membarrier.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(task)

static int name_is_kept(struct ct_shared *s, void *arg)
{
	char name[17] = "", *comm;

	CT_EQ(s, 0, prctl(PR_SET_NAME, "an odd (name)"));
	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_NAME, name));
	CT_EQ(s, 0, strcmp(name, "an odd (name)"));
	comm = ct_read_file("/proc/self/comm");
	CT_EQ(s, 0, strcmp(comm, "an odd (name)\n"));
	return 0;
}

CT_ROUND_TRIP(task, name_is_kept)

/* ---- scheduling -------------------------------------------------- */

static int nice_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, setpriority(PRIO_PROCESS, 0, 7));
	ct_step(s, 1);
	CT_EQ(s, 7, getpriority(PRIO_PROCESS, 0));
	return 0;
}

CT_ROUND_TRIP(task, nice_is_kept)

static int negative_nice_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, setpriority(PRIO_PROCESS, 0, -11));
	ct_step(s, 1);
	errno = 0;
	CT_EQ(s, -11, getpriority(PRIO_PROCESS, 0));
	return 0;
}

CT_ROUND_TRIP(task, negative_nice_is_kept)

static int keeps_policy(struct ct_shared *s, void *arg)
{
	int *want = arg;
	struct sched_param param = { .sched_priority = want[1] };

	CT_EQ(s, 0, sched_setscheduler(0, want[0], &param));
	ct_step(s, 1);
	CT_EQ(s, want[0], sched_getscheduler(0));
	CT_EQ(s, 0, sched_getparam(0, &param));
	CT_EQ(s, want[1], param.sched_priority);
	return 0;
}

static int round_trip_with(struct ct *ct, int policy, int priority)
{
	int want[2] = { policy, priority };

	return ct_round_trip(ct, keeps_policy, want);
}

TEST_F(task, normal_policy_that_children_lose)
{
	ASSERT_EQ(0, round_trip_with(&self->ct,
				     SCHED_OTHER | SCHED_RESET_ON_FORK, 0));
}

TEST_F(task, batch_policy_is_kept)
{
	ASSERT_EQ(0, round_trip_with(&self->ct, SCHED_BATCH, 0));
}

TEST_F(task, idle_policy_is_kept)
{
	ASSERT_EQ(0, round_trip_with(&self->ct, SCHED_IDLE, 0));
}

TEST_F(task, fifo_policy_is_kept)
{
	ASSERT_EQ(0, round_trip_with(&self->ct, SCHED_FIFO, 10));
}

TEST_F(task, round_robin_policy_that_children_lose)
{
	ASSERT_EQ(0, round_trip_with(&self->ct, SCHED_RR | SCHED_RESET_ON_FORK,
				     5));
}

/* The last of the CPUs that it may use. */
static int affinity_is_kept(struct ct_shared *s, void *arg)
{
	cpu_set_t all, last, now;
	int cpu;

	CT_EQ(s, 0, sched_getaffinity(0, sizeof(all), &all));
	for (cpu = CPU_SETSIZE - 1; !CPU_ISSET(cpu, &all); cpu--)
		;
	CPU_ZERO(&last);
	CPU_SET(cpu, &last);
	CT_EQ(s, 0, sched_setaffinity(0, sizeof(last), &last));
	ct_step(s, 1);
	CT_EQ(s, 0, sched_getaffinity(0, sizeof(now), &now));
	CT_CHECK(s, CPU_EQUAL(&last, &now));
	CT_EQ(s, cpu, sched_getcpu());
	CT_EQ(s, 0, sched_setaffinity(0, sizeof(all), &all));
	return 0;
}

CT_ROUND_TRIP(task, affinity_is_kept)

static int io_priority_is_kept(struct ct_shared *s, void *arg)
{
	int prio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 3);

	CT_EQ(s, 0, syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, prio));
	ct_step(s, 1);
	CT_EQ(s, prio, syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
	return 0;
}

CT_ROUND_TRIP(task, io_priority_is_kept)

static int timer_slack_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_TIMERSLACK, 123456));
	ct_step(s, 1);
	CT_EQ(s, 123456, prctl(PR_GET_TIMERSLACK));
	/* The default, which zero asks for, is what it was, too. */
	CT_EQ(s, 0, prctl(PR_SET_TIMERSLACK, 0));
	CT_EQ(s, 50000, prctl(PR_GET_TIMERSLACK));
	return 0;
}

CT_ROUND_TRIP(task, timer_slack_is_kept)

/* ---- marks ------------------------------------------------------- */

static int oom_score_is_kept(struct ct_shared *s, void *arg)
{
	char *text;

	CT_EQ(s, 0, ct_write_file("/proc/self/oom_score_adj", "321"));
	ct_step(s, 1);
	text = ct_read_file("/proc/self/oom_score_adj");
	CT_EQ(s, 321, atoi(text));
	return 0;
}

CT_ROUND_TRIP(task, oom_score_is_kept)

static int personality_is_kept(struct ct_shared *s, void *arg)
{
	int want = ADDR_NO_RANDOMIZE | SHORT_INODE | STICKY_TIMEOUTS;

	CT_CHECK(s, personality(want) != -1);
	ct_step(s, 1);
	CT_EQ(s, want, personality(0xffffffff));
	return 0;
}

CT_ROUND_TRIP(task, personality_is_kept)

static int no_new_privs_is_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ct_step(s, 1);
	CT_EQ(s, 1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

CT_ROUND_TRIP(task, no_new_privs_is_kept)

static int marks_stay_off(struct ct_shared *s, void *arg)
{
	int reaper = -1, sig = -1;

	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CT_EQ(s, 0, prctl(PR_GET_CHILD_SUBREAPER, &reaper));
	CT_EQ(s, 0, reaper);
	CT_EQ(s, 0, prctl(PR_GET_PDEATHSIG, &sig));
	CT_EQ(s, 0, sig);
	CT_EQ(s, 0, personality(0xffffffff));
	CT_EQ(s, SCHED_OTHER, sched_getscheduler(0));
	return 0;
}

CT_ROUND_TRIP(task, marks_stay_off)

static int parent_death_signal_is_kept(struct ct_shared *s, void *arg)
{
	int sig = 0;

	CT_EQ(s, 0, prctl(PR_SET_PDEATHSIG, SIGUSR2));
	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_PDEATHSIG, &sig));
	CT_EQ(s, SIGUSR2, sig);
	return 0;
}

CT_ROUND_TRIP(task, parent_death_signal_is_kept)

static int subreaper_is_kept(struct ct_shared *s, void *arg)
{
	int reaper = 0;

	CT_EQ(s, 0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_CHILD_SUBREAPER, &reaper));
	CT_EQ(s, 1, reaper);
	return 0;
}

CT_ROUND_TRIP(task, subreaper_is_kept)

static int limits_are_kept(struct ct_shared *s, void *arg)
{
	struct rlimit before[RLIM_NLIMITS], now;
	int i;

	for (i = 0; i < RLIM_NLIMITS; i++) {
		CT_EQ(s, 0, getrlimit(i, &before[i]));
		switch (i) {
		case RLIMIT_CORE:
		case RLIMIT_NOFILE:
		case RLIMIT_MSGQUEUE:
		case RLIMIT_CPU:
		case RLIMIT_FSIZE:
			before[i] = (struct rlimit){ 1000 + i, 2000 + i };
			CT_EQ(s, 0, setrlimit(i, &before[i]));
		}
	}
	ct_step(s, 1);
	for (i = 0; i < RLIM_NLIMITS; i++) {
		CT_EQ(s, 0, getrlimit(i, &now));
		CT_EQ(s, before[i].rlim_cur, now.rlim_cur);
		CT_EQ(s, before[i].rlim_max, now.rlim_max);
	}
	return 0;
}

CT_ROUND_TRIP(task, limits_are_kept)

/* ---- where it is ------------------------------------------------- */

static int directory_and_umask_are_kept(struct ct_shared *s, void *arg)
{
	char want[PATH_MAX], now[PATH_MAX];

	CT_EQ(s, 0, chdir(arg));
	CT_EQ(s, 0, mkdir("below", 0755));
	CT_EQ(s, 0, chdir("below"));
	CT_CHECK(s, getcwd(want, sizeof(want)));
	umask(027);
	ct_step(s, 1);
	CT_CHECK(s, getcwd(now, sizeof(now)));
	CT_EQ(s, 0, strcmp(want, now));
	CT_EQ(s, 027, umask(0));
	CT_EQ(s, 0, access("../shared", R_OK));
	return 0;
}

TEST_F(task, directory_and_umask_are_kept)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, directory_and_umask_are_kept,
				   self->ct.dir));
}

static int root_is_kept(struct ct_shared *s, void *arg)
{
	char now[PATH_MAX];

	CT_EQ(s, 0, chroot(arg));
	CT_EQ(s, 0, chdir("/"));
	CT_EQ(s, 0, access("/shared", R_OK));
	ct_step(s, 1);
	CT_EQ(s, 0, access("/shared", R_OK));
	CT_EQ(s, -1, access("/proc/self", F_OK));
	CT_CHECK(s, getcwd(now, sizeof(now)));
	CT_EQ(s, 0, strcmp(now, "/"));
	CT_EQ(s, 0, access("../../shared", R_OK));
	return 0;
}

TEST_F(task, root_is_kept)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, root_is_kept, self->ct.dir));
}

TEST_F(task, missing_directory_is_refused_by_name)
{
	struct ct *ct = &self->ct;
	char below[PATH_MAX];

	ASSERT_EQ(0, ct_start(ct, directory_and_umask_are_kept, ct->dir));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	snprintf(below, sizeof(below), "%s/below", ct->dir);
	ASSERT_EQ(0, rmdir(below));
	ASSERT_EQ(1, ct_tool(ct, "restart", "-i", ct->img, NULL));
	ASSERT_NE(NULL, strstr(ct->err, below))
	{
		TH_LOG("it says: %s", ct->err);
	}
}

/* ---- what is not seen at once ------------------------------------- */

static int dies_with_a_core(struct ct_shared *s)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		abort();
	CT_EQ(s, pid, waitpid(pid, &status, 0));
	CT_CHECK(s, WIFSIGNALED(status) && WCOREDUMP(status));
	return 0;
}

static int cores_are_dumped(struct ct_shared *s, void *arg)
{
	struct rlimit lim = { RLIM_INFINITY, RLIM_INFINITY };

	CT_EQ(s, 0, chdir(arg));
	CT_EQ(s, 0, setrlimit(RLIMIT_CORE, &lim));
	CT_DO(dies_with_a_core(s));
	ct_step(s, 1);
	return dies_with_a_core(s);
}

TEST_F(task, cores_are_dumped)
{
	ASSERT_EQ(0, ct_round_trip(&self->ct, cores_are_dumped, self->ct.dir));
}

/* A parent may move a child to another group until that executes a program. */
static int who_has_executed_a_program(struct ct_shared *s, void *arg)
{
	pid_t plain = fork(), other;

	if (!plain)
		for (;;)
			pause();
	other = fork();
	if (!other) {
		execlp("sleep", "sleep", "600", NULL);
		_exit(1);
	}
	while (!setpgid(other, getpgrp()))
		sched_yield();
	CT_EQ(s, EACCES, errno);
	ct_step(s, 1);
	CT_EQ(s, -1, setpgid(other, other));
	CT_EQ(s, EACCES, errno);
	CT_EQ(s, 0, setpgid(plain, plain));
	kill(plain, SIGKILL);
	kill(other, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

CT_ROUND_TRIP(task, who_has_executed_a_program)

static int any_cpu(struct ct_shared *s, void *arg)
{
	cpu_set_t before, after;

	CT_EQ(s, 0, sched_getaffinity(0, sizeof(before), &before));
	ct_step(s, 1);
	CT_EQ(s, 0, sched_getaffinity(0, sizeof(after), &after));
	CT_CHECK(s, CPU_EQUAL(&before, &after));
	return 0;
}

/* On one CPU this shows nothing. */
TEST_F(task, affinity_of_the_restarter_is_its_own)
{
	struct ct *ct = &self->ct;
	cpu_set_t all, first;
	int cpu = 0;

	ASSERT_EQ(0, ct_start(ct, any_cpu, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&first);
	CPU_SET(cpu, &first);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(first), &first));
	EXPECT_EQ(0, ct_restart_from(ct, ct->img, NULL));
	EXPECT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	ct_go(ct, 1);
	EXPECT_EQ(0, ct_join(ct));
}

/* ---- ids --------------------------------------------------------- */

static int pid_is_kept(struct ct_shared *s, void *arg)
{
	pid_t pid = getpid(), tid = gettid(), parent = getppid();

	ct_step(s, 1);
	CT_EQ(s, pid, getpid());
	CT_EQ(s, tid, gettid());
	CT_CHECK(s, parent != getppid());
	CT_EQ(s, s->data[0], getppid());
	return 0;
}

TEST_F(task, pid_is_kept)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, pid_is_kept, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct->s->data[0] = ct->tool;
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_join(ct));
}

static int session_leader_stays_one(struct ct_shared *s, void *arg)
{
	CT_EQ(s, getpid(), setsid());
	ct_step(s, 1);
	CT_EQ(s, getpid(), getsid(0));
	CT_EQ(s, getpid(), getpgrp());
	return 0;
}

CT_ROUND_TRIP(task, session_leader_stays_one)

static int group_leader_stays_one(struct ct_shared *s, void *arg)
{
	pid_t sid = getsid(0);

	CT_EQ(s, 0, setpgid(0, 0));
	ct_step(s, 1);
	CT_EQ(s, getpid(), getpgrp());
	CT_EQ(s, sid, getsid(0));
	return 0;
}

CT_ROUND_TRIP(task, group_leader_stays_one)

/* A busy pid is an error, and nobody is harmed. */
TEST_F(task, busy_pid_is_refused)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, nice_is_kept, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, 0));
	ASSERT_EQ(1, ct_tool(ct, "restart", "-i", ct->img, NULL));
	ASSERT_NE(0, strlen(ct->err));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

static int exits_with_37(struct ct_shared *s, void *arg)
{
	ct_step(s, 1);
	return 37;
}

TEST_F(task, exit_status_is_the_programs)
{
	ASSERT_EQ(37, ct_round_trip(&self->ct, exits_with_37, NULL));
}

/* ---- addresses that the kernel keeps ----------------------------- */

#define RSEQ_LEN 32

/* The kernel tells of a registered area that it is registered. */
static int register_rseq_again(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	return syscall(SYS_rseq, area, RSEQ_LEN, 0, RSEQ_SIG) ? errno : 0;
}

static int rseq_stays_registered(struct ct_shared *s, void *arg)
{
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() +
				     __rseq_offset);

	CT_CHECK(s, __rseq_size);
	CT_EQ(s, EBUSY, register_rseq_again());
	ct_step(s, 1);
	CT_EQ(s, EBUSY, register_rseq_again());
	CT_EQ(s, sched_getcpu(), area->cpu_id);
	CT_EQ(s, 0,
	      syscall(SYS_rseq, area, RSEQ_LEN, RSEQ_FLAG_UNREGISTER,
		      RSEQ_SIG));
	return 0;
}

CT_ROUND_TRIP(task, rseq_stays_registered)

static int robust_list_is_kept(struct ct_shared *s, void *arg)
{
	void *head = NULL, *now = NULL;
	size_t len;

	CT_EQ(s, 0, syscall(SYS_get_robust_list, 0, &head, &len));
	CT_CHECK(s, head);
	ct_step(s, 1);
	CT_EQ(s, 0, syscall(SYS_get_robust_list, 0, &now, &len));
	CT_CHECK(s, head == now);
	return 0;
}

CT_ROUND_TRIP(task, robust_list_is_kept)

static int clear_child_tid_is_kept(struct ct_shared *s, void *arg)
{
	static int here;
	int *now = NULL;

	CT_EQ(s, gettid(), syscall(SYS_set_tid_address, &here));
	ct_step(s, 1);
	CT_EQ(s, 0, prctl(PR_GET_TID_ADDRESS, &now, 0, 0, 0));
	CT_CHECK(s, now == &here);
	return 0;
}

CT_ROUND_TRIP(task, clear_child_tid_is_kept)

/* What an expedited barrier needs; it fails with EPERM without. */
static int membarrier_registrations_are_kept(struct ct_shared *s, void *arg)
{
	static const int cmds[][2] = {
		{ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
		  MEMBARRIER_CMD_PRIVATE_EXPEDITED },
		{ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
		  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE },
	};
	int i;

	for (i = 0; i < 2; i++) {
		CT_EQ(s, -1, syscall(SYS_membarrier, cmds[i][1], 0, 0));
		CT_EQ(s, 0, syscall(SYS_membarrier, cmds[i][0], 0, 0));
	}
	CT_EQ(s, 0,
	      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
		      0, 0));
	ct_step(s, 1);
	for (i = 0; i < 2; i++)
		CT_EQ(s, 0, syscall(SYS_membarrier, cmds[i][1], 0, 0));
	/* that of restartable sequences was not asked for */
	CT_EQ(s, -1,
	      syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0,
		      0));
	return 0;
}

CT_ROUND_TRIP(task, membarrier_registrations_are_kept)

/* ---- what is refused --------------------------------------------- */

static int has_no_tsc(struct ct_shared *s, void *arg)
{
	s->ready = 1;
	CT_EQ(s, 0, prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	/* No clocks: the vdso reads the counter. */
	while (s->go < 1)
		sched_yield();
	CT_EQ(s, 0, prctl(PR_SET_TSC, PR_TSC_ENABLE));
	return 0;
}

TEST_F(task, disabled_tsc_is_refused)
{
	ASSERT_EQ(0, ct_start(&self->ct, has_no_tsc, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ct_sleep_ms(50);
	ASSERT_EQ(0, ct_refused(&self->ct, "PR_SET_TSC|not supported"));
}

static int has_machine_check_policy(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0,
	      prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	ct_step(s, 1);
	return 0;
}

TEST_F(task, machine_check_policy_is_refused)
{
	ASSERT_EQ(0, ct_refuses(&self->ct, has_machine_check_policy, NULL,
				"PR_MCE_KILL|not supported"));
}

static int is_traced(struct ct_shared *s, void *arg)
{
	ct_step(s, 1);
	return 0;
}

TEST_F(task, traced_task_is_refused)
{
	struct ct *ct = &self->ct;
	char pid[16];

	ASSERT_EQ(0, ct_start(ct, is_traced, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, ct->pid, NULL, NULL));
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	ASSERT_EQ(1, ct_tool(ct, "checkpoint", "-o", ct->img, pid, NULL));
	ASSERT_NE(NULL, strstr(ct->err, "traced"))
	{
		TH_LOG("it says: %s", ct->err);
	}
}

TEST_HARNESS_MAIN
