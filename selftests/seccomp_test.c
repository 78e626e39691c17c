// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp: filters come back, all of them and in their order, and those that
 * threads share as shared ones; strict mode comes back; what cannot is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(seccomp)

#define NR_OFFSET offsetof(struct seccomp_data, nr)

/* System call @nr gives @action, all others are allowed. */
static int install(int nr, unsigned int action, unsigned int flags)
{
	struct sock_filter insn[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = insn };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

static long status_field(const char *name)
{
	char *text = ct_read_file("/proc/self/status");
	char *line = text ? strstr(text, name) : NULL;
	long n = line ? atol(line + strlen(name)) : -1;

	free(text);
	return n;
}

static int filters_come_back(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	/* of two that answer alike the newer one counts */
	CT_EQ(s, 0, install(SYS_getuid, SECCOMP_RET_ERRNO | 11, 0));
	CT_EQ(s, 0,
	      install(SYS_getgid, SECCOMP_RET_ERRNO | 12,
		      SECCOMP_FILTER_FLAG_LOG));
	CT_EQ(s, 0, install(SYS_getuid, SECCOMP_RET_ERRNO | 13, 0));
	CT_EQ(s, 3, status_field("Seccomp_filters:"));
	ct_step(s, 1);
	CT_EQ(s, 2, status_field("Seccomp:"));
	CT_EQ(s, 3, status_field("Seccomp_filters:"));
	CT_EQ(s, 1, status_field("NoNewPrivs:"));
	CT_EQ(s, -1, syscall(SYS_getuid));
	CT_EQ(s, 13, errno);
	CT_EQ(s, -1, syscall(SYS_getgid));
	CT_EQ(s, 12, errno);
	CT_CHECK(s, syscall(SYS_getpid) > 0);
	/* and further ones can be added */
	CT_EQ(s, 0, install(SYS_getpid, SECCOMP_RET_ERRNO | 14, 0));
	CT_EQ(s, -1, syscall(SYS_getpid));
	CT_EQ(s, 14, errno);
	return 0;
}

CT_ROUND_TRIP(seccomp, filters_come_back)

/* root needs no no_new_privs, and gets none */
static int filter_of_root_comes_back(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, install(SYS_getuid, SECCOMP_RET_ERRNO | 11, 0));
	ct_step(s, 1);
	CT_EQ(s, 0, status_field("NoNewPrivs:"));
	CT_EQ(s, -1, syscall(SYS_getuid));
	CT_EQ(s, 11, errno);
	return 0;
}

CT_ROUND_TRIP(seccomp, filter_of_root_comes_back)

/* As long as a program may be. */
static int long_filter_comes_back(struct ct_shared *s, void *arg)
{
	static struct sock_filter insn[BPF_MAXINSNS];
	struct sock_fprog prog = { .len = BPF_MAXINSNS, .filter = insn };
	int i, nr = BPF_MAXINSNS;

	insn[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       NR_OFFSET);
	for (i = 1; i + 3 < nr; i++)
		insn[i] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD |
							       BPF_K,
						       0);
	insn[nr - 3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    SYS_getuid, 0, 1);
	insn[nr - 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						    SECCOMP_RET_ERRNO | 11);
	insn[nr - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						    SECCOMP_RET_ALLOW);
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CT_EQ(s, 0, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
	CT_EQ(s, -1, syscall(SYS_getuid));
	ct_step(s, 1);
	CT_EQ(s, -1, syscall(SYS_getuid));
	CT_EQ(s, 11, errno);
	CT_CHECK(s, syscall(SYS_getgid) >= 0);
	return 0;
}

CT_ROUND_TRIP(seccomp, long_filter_comes_back)

/* A filter that kills still kills. */
static int killing_filter_kills(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CT_EQ(s, 0, install(SYS_getuid, SECCOMP_RET_KILL_PROCESS, 0));
	ct_step(s, 1);
	syscall(SYS_getuid);
	return 0;
}

TEST_F(seccomp, killing_filter_kills)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, killing_filter_kills, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(128 + SIGSYS, ct_join(ct));
}

/* Strict mode: read, write and exit alone; the tester watches the steps. */
static int strict_mode_comes_back(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	ct_spin(s, 1);
	syscall(SYS_exit, 0);
	return 1;
}

CT_ROUND_TRIP(seccomp, strict_mode_comes_back)

static int strict_mode_still_kills(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	ct_spin(s, 1);
	syscall(SYS_getuid);
	return 0;
}

TEST_F(seccomp, strict_mode_still_kills)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, strict_mode_still_kills, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(128 + SIGKILL, ct_join(ct));
}

/* ---- threads ------------------------------------------------------ */

#define THREADS 4
#define OWN 3 /* the thread that has a filter besides */
#define SYNCED 0 /* slots of the data */

static struct ct_shared *shared;
static int no_new_privs; /* of all threads; else thread OWN alone has it */

static int thread_has(struct ct_shared *s, int own)
{
	CT_EQ(s, own || no_new_privs, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	CT_EQ(s, -1, syscall(SYS_getuid));
	CT_EQ(s, 11, errno);
	CT_EQ(s, -1, syscall(SYS_getgid));
	CT_EQ(s, 12, errno);
	if (!own) {
		CT_CHECK(s, syscall(SYS_getppid) > 0);
		return 0;
	}
	CT_EQ(s, -1, syscall(SYS_getppid));
	CT_EQ(s, 13, errno);
	return 0;
}

/* Thread OWN gives all threads its filters and one more. */
static int thread_goes_on(struct ct_shared *s, int own)
{
	CT_DO(thread_has(s, own));
	tasks_here(s);
	CT_DO(tasks_wait(s, 2 * THREADS + 1));
	if (own) {
		CT_EQ(s, 0,
		      install(SYS_getpgrp, SECCOMP_RET_ERRNO | 14,
			      SECCOMP_FILTER_FLAG_TSYNC));
		s->data[SYNCED] = 1;
	}
	CT_DO(tasks_slot(s, SYNCED, 1));
	CT_EQ(s, -1, syscall(SYS_getpgrp));
	CT_EQ(s, 14, errno);
	return thread_has(s, 1);
}

static void *filtered_thread(void *arg)
{
	struct ct_shared *s = shared;
	int own = (long)arg == OWN;

	if (own && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    install(SYS_getppid, SECCOMP_RET_ERRNO | 13, 0)))
		ct_fail(s, __FILE__, __LINE__, "seccomp (%m)");
	tasks_stay(s, 1);
	thread_goes_on(s, own);
	return NULL;
}

static int filtered_threads(struct ct_shared *s)
{
	pthread_t thread[THREADS];
	long i;

	shared = s;
	CT_EQ(s, 0, install(SYS_getuid, SECCOMP_RET_ERRNO | 11, 0));
	CT_EQ(s, 0,
	      install(SYS_getgid, SECCOMP_RET_ERRNO | 12,
		      SECCOMP_FILTER_FLAG_LOG));
	for (i = 0; i < THREADS; i++)
		CT_EQ(s, 0,
		      pthread_create(&thread[i], NULL, filtered_thread,
				     (void *)i));
	CT_DO(tasks_wait(s, THREADS));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 2, status_field("Seccomp_filters:"));
	CT_DO(thread_goes_on(s, 0));
	for (i = 0; i < THREADS; i++)
		CT_EQ(s, 0, pthread_join(thread[i], NULL));
	CT_EQ(s, 4, status_field("Seccomp_filters:"));
	return 0;
}

/* By root, who needs no no_new_privs; one thread has it all the same. */
static int threads_share_filters(struct ct_shared *s, void *arg)
{
	return filtered_threads(s);
}

CT_ROUND_TRIP(seccomp, threads_share_filters)

static int threads_without_new_privs_share_filters(struct ct_shared *s,
						   void *arg)
{
	no_new_privs = 1;
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return filtered_threads(s);
}

CT_ROUND_TRIP(seccomp, threads_without_new_privs_share_filters)

/* A user's own: the restart needs no_new_privs before the filters. */
static int threads_of_a_user(struct ct_shared *s, void *arg)
{
	no_new_privs = 1;
	CT_EQ(s, 0, setgroups(0, NULL));
	CT_EQ(s, 0, setresgid(1000, 1000, 1000));
	CT_EQ(s, 0, setresuid(1000, 1000, 1000));
	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	return filtered_threads(s);
}

TEST_F(seccomp, threads_of_a_user_share_filters)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, threads_of_a_user, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, chmod(ct->img, 0644));
	ASSERT_EQ(0, chmod(ct->out, 0666));
	ct->s->restarted++;
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_tool(ct, "setpriv", "--reuid=1000", "--regid=1000",
			     "--clear-groups", "restart", "--no-pids",
			     "--no-cgroup", "-i", ct->img, NULL))
	{
		TH_LOG("%s %s", ct->err, ct->s->text);
	}
}

static int has_listener(struct ct_shared *s, void *arg)
{
	int fd;

	CT_EQ(s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	fd = install(SYS_getuid, SECCOMP_RET_USER_NOTIF,
		     SECCOMP_FILTER_FLAG_NEW_LISTENER);
	CT_CHECK(s, fd >= 0);
	ct_step(s, 1);
	return 0;
}

TEST_F(seccomp, listener_is_refused)
{
	ASSERT_EQ(0,
		  ct_refuses(&self->ct, has_listener, NULL,
			     "seccomp filter with a listener|not supported"));
}

TEST_HARNESS_MAIN
