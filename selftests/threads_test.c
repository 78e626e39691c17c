// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads: what each of them has for itself, and how they begin and end.
 *
 * A property is a function that gives a thread a state which follows from its
 * number, and one that looks whether it is still there.  Five workers and the
 * leader have it at a time; the workers wait in user code, in nanosleep() and
 * in futex().
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
#include <time.h>
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(threads)

#define WORKERS 5

struct worker {
	struct ct_shared *s;
	const struct property *p;
	pthread_t thread;
	int nr;
	pid_t tid;
	void *place; /* where the property keeps something */
	long value;
};

struct property {
	int (*set)(struct worker *w);
	int (*check)(struct worker *w);
};

static volatile int released;

static void release(void)
{
	released = 1;
	syscall(SYS_futex, &released, FUTEX_WAKE_PRIVATE, INT_MAX);
}

static void stay(const struct worker *w)
{
	while (!released) {
		if (w->nr % 3 == 0)
			tasks_pause(w->s);
		else if (w->nr % 3 == 1)
			syscall(SYS_futex, &released, FUTEX_WAIT_PRIVATE, 0,
				NULL);
		else
			__builtin_ia32_pause();
	}
}

static int work(struct worker *w)
{
	w->tid = gettid();
	CT_DO(w->p->set(w));
	tasks_here(w->s);
	stay(w);
	CT_EQ(w->s, w->tid, gettid());
	return w->p->check(w);
}

static void *run_worker(void *arg)
{
	return (void *)(long)work(arg);
}

/* The leader is worker 0. */
static int all_keep(struct ct_shared *s, void *arg)
{
	static struct worker w[WORKERS + 1];
	void *result;
	int i;

	for (i = 0; i <= WORKERS; i++) {
		w[i].s = s;
		w[i].p = arg;
		w[i].nr = i;
		if (i)
			CT_EQ(s, 0,
			      pthread_create(&w[i].thread, NULL, run_worker,
					     &w[i]));
	}
	w[0].tid = gettid();
	w[0].thread = pthread_self();
	CT_DO(tasks_wait(s, WORKERS));
	CT_DO(w[0].p->set(&w[0]));
	ct_step(s, 1);
	CT_EQ(s, 1, s->restarted);
	release();
	CT_DO(w[0].p->check(&w[0]));
	for (i = 1; i <= WORKERS; i++) {
		CT_EQ(s, 0, pthread_join(w[i].thread, &result));
		CT_EQ(s, 0, (long)result);
	}
	return 0;
}

static int keeps(struct ct *ct, int (*set)(struct worker *w),
		 int (*check)(struct worker *w))
{
	struct property p = { set, check };

	return ct_round_trip(ct, all_keep, &p);
}

#define KEEPS(name)                                                       \
	TEST_F(threads, name)                                             \
	{                                                                 \
		ASSERT_EQ(0, keeps(&self->ct, set_##name, check_##name)); \
	}

/* ---- who they are ------------------------------------------------ */

static int set_ids(struct worker *w)
{
	w->value = getpid();
	return 0;
}

static int check_ids(struct worker *w)
{
	char name[64], value[64];

	CT_EQ(w->s, w->value, getpid());
	CT_EQ(w->s, w->tid, syscall(SYS_gettid));
	CT_EQ(w->s, w->nr == 0, w->tid == getpid());
	snprintf(name, sizeof(name), "/proc/%ld/task/%d", w->value, w->tid);
	CT_CHECK(w->s, !access(name, F_OK));
	tasks_field(w->value, w->tid, "\nTgid:", value);
	CT_EQ(w->s, w->value, atoi(value));
	if (w->nr == 0) {
		tasks_field(w->value, w->tid, "\nThreads:", value);
		CT_IN(w->s, 1, WORKERS + 1, atoi(value));
	}
	return 0;
}

KEEPS(ids)

static __thread long in_tls[4];

static int set_tls(struct worker *w)
{
	unsigned long base;

	CT_EQ(w->s, 0, syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	in_tls[1] = 1000 + w->nr;
	in_tls[2] = base;
	errno = w->nr;
	w->place = in_tls;
	return 0;
}

static int check_tls(struct worker *w)
{
	int saved = errno;
	unsigned long base;

	CT_CHECK(w->s, w->place == in_tls);
	CT_EQ(w->s, 1000 + w->nr, in_tls[1]);
	if (w->nr % 3 == 2) /* others have called something since */
		CT_EQ(w->s, w->nr, saved);
	CT_CHECK(w->s, pthread_equal(w->thread, pthread_self()));
	CT_EQ(w->s, 0, syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	CT_EQ(w->s, base, in_tls[2]);
	CT_EQ(w->s, (long)pthread_self(), base);
	return 0;
}

KEEPS(tls)

static int set_names(struct worker *w)
{
	char name[16];

	snprintf(name, sizeof(name), "worker (%d)", w->nr);
	return prctl(PR_SET_NAME, name);
}

static int check_names(struct worker *w)
{
	char want[16], name[16];

	snprintf(want, sizeof(want), "worker (%d)", w->nr);
	CT_EQ(w->s, 0, prctl(PR_GET_NAME, name));
	CT_EQ(w->s, 0, strcmp(want, name));
	return 0;
}

KEEPS(names)

/* ---- registers --------------------------------------------------- */

/*
 * Each spins with values of its own in registers that no compiler would leave
 * alone for so long.
 */
static int spin_with_registers(struct worker *w)
{
	uint64_t in[4], out[8];
	double x = 1.0 / (3 + w->nr), y = 0;
	int i;

	for (i = 0; i < 4; i++)
		in[i] = 0x9e3779b97f4a7c15ULL * (4 * w->nr + i + 1);
	asm volatile("mov 0(%[in]), %%rbx\n"
		     "mov 8(%[in]), %%r12\n"
		     "mov 16(%[in]), %%r13\n"
		     "mov 24(%[in]), %%r15\n"
		     "movsd %[x], %%xmm7\n"
		     "movups (%[in]), %%xmm11\n"
		     "lock; incq %[count]\n"
		     "1: pause\n"
		     "cmpl $0, %[flag]\n"
		     "je 1b\n"
		     "mov %%rbx, 0(%[out])\n"
		     "mov %%r12, 8(%[out])\n"
		     "mov %%r13, 16(%[out])\n"
		     "mov %%r15, 24(%[out])\n"
		     "movups %%xmm11, 32(%[out])\n"
		     "movsd %%xmm7, %[y]\n"
		     : [y] "=m"(y), [count] "+m"(w->s->data[TASKS_COUNT])
		     : [in] "r"(in), [out] "r"(out), [x] "m"(x),
		       [flag] "m"(released)
		     : "rbx", "r12", "r13", "r15", "xmm7", "xmm11", "cc",
		       "memory");
	for (i = 0; i < 4; i++)
		CT_EQ(w->s, in[i], out[i]);
	CT_EQ(w->s, in[0], out[4]);
	CT_EQ(w->s, in[1], out[5]);
	CT_CHECK(w->s, x == y);
	return 0;
}

static void *run_spinner(void *arg)
{
	return (void *)(long)spin_with_registers(arg);
}

static int registers(struct ct_shared *s, void *arg)
{
	static struct worker w[WORKERS + 1];
	void *result;
	int i;

	for (i = 1; i <= WORKERS; i++) {
		w[i].s = s;
		w[i].nr = i;
		CT_EQ(s, 0,
		      pthread_create(&w[i].thread, NULL, run_spinner, &w[i]));
	}
	CT_DO(tasks_wait(s, WORKERS));
	ct_spin(s, 1);
	CT_EQ(s, 1, s->restarted);
	release();
	for (i = 1; i <= WORKERS; i++) {
		CT_EQ(s, 0, pthread_join(w[i].thread, &result));
		CT_EQ(s, 0, (long)result);
	}
	return 0;
}

CT_ROUND_TRIP(threads, registers)

/* ---- signals ----------------------------------------------------- */

static sigset_t mask_of(int nr)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + nr);
	if (nr & 1)
		sigaddset(&set, SIGTERM);
	return set;
}

static int set_signal_masks(struct worker *w)
{
	sigset_t set = mask_of(w->nr);

	return pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static int check_signal_masks(struct worker *w)
{
	sigset_t want = mask_of(w->nr), now;
	int sig;

	CT_EQ(w->s, 0, pthread_sigmask(SIG_SETMASK, NULL, &now));
	for (sig = 1; sig < 65; sig++)
		CT_EQ(w->s, sigismember(&want, sig), sigismember(&now, sig));
	return 0;
}

KEEPS(signal_masks)

/* One for each thread, and two of another kind for the odd ones. */
static int set_private_pending_signals(struct worker *w)
{
	union sigval value = { .sival_int = 100 + w->nr };
	sigset_t all;

	sigfillset(&all);
	CT_EQ(w->s, 0, pthread_sigmask(SIG_SETMASK, &all, NULL));
	CT_EQ(w->s, 0, pthread_sigqueue(pthread_self(), SIGUSR1, value));
	if (w->nr & 1) {
		value.sival_int += 100;
		CT_EQ(w->s, 0,
		      pthread_sigqueue(pthread_self(), SIGRTMIN, value));
		value.sival_int += 100;
		CT_EQ(w->s, 0,
		      pthread_sigqueue(pthread_self(), SIGRTMIN, value));
	}
	if (w->nr == 0) /* that one is for whoever takes it */
		CT_EQ(w->s, 0, kill(getpid(), SIGUSR2));
	return 0;
}

static int take_private(struct worker *w, int sig, int value)
{
	static const struct timespec now;
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (!value) {
		CT_EQ(w->s, -1, sigtimedwait(&set, &si, &now));
		CT_EQ(w->s, EAGAIN, errno);
		return 0;
	}
	CT_EQ(w->s, sig, sigtimedwait(&set, &si, &now));
	CT_EQ(w->s, SI_QUEUE, si.si_code);
	CT_EQ(w->s, value, si.si_value.sival_int);
	return 0;
}

static int check_private_pending_signals(struct worker *w)
{
	char shared[64];
	int odd = w->nr & 1;

	tasks_field(getpid(), w->tid, "\nShdPnd:", shared);
	CT_EQ(w->s, 1 << (SIGUSR2 - 1), strtoull(shared, NULL, 16));
	CT_DO(take_private(w, SIGUSR1, 100 + w->nr));
	CT_DO(take_private(w, SIGUSR1, 0));
	CT_DO(take_private(w, SIGRTMIN, odd ? 200 + w->nr : 0));
	CT_DO(take_private(w, SIGRTMIN, odd ? 300 + w->nr : 0));
	return 0;
}

KEEPS(private_pending_signals)

#define STACK_SIZE 65536

static __thread volatile bool was_on_stack;
static __thread char *my_stack;

static void look_at_stack(int sig)
{
	char here;

	was_on_stack = &here > my_stack && &here < my_stack + STACK_SIZE;
}

static int set_alternate_stacks(struct worker *w)
{
	struct sigaction sa = { .sa_handler = look_at_stack,
				.sa_flags = SA_ONSTACK };
	stack_t ss = { .ss_size = STACK_SIZE };

	CT_EQ(w->s, 0, sigaction(SIGUSR1, &sa, NULL));
	w->place = malloc(STACK_SIZE);
	my_stack = w->place;
	ss.ss_sp = w->place;
	if (w->nr == 3)
		ss.ss_flags = SS_DISABLE;
	CT_EQ(w->s, 0, sigaltstack(&ss, NULL));
	return 0;
}

static int check_alternate_stacks(struct worker *w)
{
	stack_t now;

	CT_EQ(w->s, 0, sigaltstack(NULL, &now));
	CT_EQ(w->s, w->nr == 3 ? SS_DISABLE : 0, now.ss_flags);
	if (w->nr != 3)
		CT_CHECK(w->s, now.ss_sp == w->place);
	CT_EQ(w->s, 0, pthread_kill(pthread_self(), SIGUSR1));
	CT_EQ(w->s, w->nr != 3, was_on_stack);
	return 0;
}

KEEPS(alternate_stacks)

/* ---- scheduling -------------------------------------------------- */

static const int policies[] = { SCHED_OTHER, SCHED_BATCH, SCHED_FIFO,
				SCHED_IDLE,  SCHED_RR,	  SCHED_OTHER };

static int set_scheduling(struct worker *w)
{
	int policy = policies[w->nr];
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;
	struct sched_param param = { .sched_priority = rt ? 1 + w->nr : 0 };
	int prio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, w->nr);
	cpu_set_t set;

	if (w->nr % 3 == 2) /* one that spins must not have all of the CPU */
		policy = SCHED_BATCH, param.sched_priority = 0;
	CT_EQ(w->s, 0, setpriority(PRIO_PROCESS, w->tid, w->nr - 2));
	CT_EQ(w->s, 0, sched_setscheduler(w->tid, policy, &param));
	CT_EQ(w->s, 0, prctl(PR_SET_TIMERSLACK, 60000 + w->nr));
	CT_EQ(w->s, 0,
	      syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, w->tid, prio));
	CT_EQ(w->s, 0, sched_getaffinity(w->tid, sizeof(set), &set));
	if (w->nr & 1 && CPU_ISSET(1, &set)) {
		CPU_ZERO(&set);
		CPU_SET(1, &set);
		CT_EQ(w->s, 0, sched_setaffinity(w->tid, sizeof(set), &set));
	}
	w->value = CPU_COUNT(&set);
	w->place = (void *)(long)policy;
	return 0;
}

static int check_scheduling(struct worker *w)
{
	int policy = (long)w->place;
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;
	struct sched_param param;
	cpu_set_t set;

	errno = 0;
	CT_EQ(w->s, w->nr - 2, getpriority(PRIO_PROCESS, w->tid));
	CT_EQ(w->s, policy, sched_getscheduler(w->tid));
	CT_EQ(w->s, 0, sched_getparam(w->tid, &param));
	CT_EQ(w->s, rt ? 1 + w->nr : 0, param.sched_priority);
	if (!rt) /* some kernels know no slack then */
		CT_EQ(w->s, 60000 + w->nr, prctl(PR_GET_TIMERSLACK));
	CT_EQ(w->s, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, w->nr),
	      syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, w->tid));
	CT_EQ(w->s, 0, sched_getaffinity(w->tid, sizeof(set), &set));
	CT_EQ(w->s, w->value, CPU_COUNT(&set));
	if (w->nr & 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
		CT_CHECK(w->s, CPU_ISSET(1, &set));
	return 0;
}

KEEPS(scheduling)

/* ---- rights ------------------------------------------------------ */

static int get_caps(struct worker *w, struct __user_cap_data_struct *data)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};

	CT_EQ(w->s, 0, syscall(SYS_capget, &head, data));
	return 0;
}

/* glibc's own setresuid() would do it to all threads. */
static int set_rights(struct worker *w)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];
	gid_t groups[8];
	int i;

	for (i = 0; i < 8; i++)
		groups[i] = 5000 + 10 * w->nr + i;
	CT_EQ(w->s, 0, syscall(SYS_setgroups, w->nr, groups));
	CT_EQ(w->s, 0, syscall(SYS_setresgid, 2000 + w->nr, -1, 3000 + w->nr));
	CT_EQ(w->s, 0, syscall(SYS_setresuid, 1000 + w->nr, -1, -1));
	CT_DO(get_caps(w, data));
	w->value = data[0].effective & ~(1U << (CAP_NET_ADMIN + w->nr));
	data[0].effective = w->value;
	CT_EQ(w->s, 0, syscall(SYS_capset, &head, data));
	if (w->nr & 1)
		CT_EQ(w->s, 0,
		      prctl(PR_SET_SECUREBITS, 1 << (w->nr & 3 ? 4 : 2)));
	return 0;
}

static int check_rights(struct worker *w)
{
	struct __user_cap_data_struct data[2];
	gid_t groups[16], r, e, saved;
	int i;

	CT_EQ(w->s, w->nr, syscall(SYS_getgroups, 16, groups));
	for (i = 0; i < w->nr; i++)
		CT_EQ(w->s, 5000 + 10 * w->nr + i, groups[i]);
	CT_EQ(w->s, 0, syscall(SYS_getresgid, &r, &e, &saved));
	CT_EQ(w->s, 2000 + w->nr, r);
	CT_EQ(w->s, 0, e);
	CT_EQ(w->s, 3000 + w->nr, saved);
	CT_EQ(w->s, 0, syscall(SYS_getresuid, &r, &e, &saved));
	CT_EQ(w->s, 1000 + w->nr, r);
	CT_EQ(w->s, 0, e);
	CT_DO(get_caps(w, data));
	CT_EQ(w->s, w->value, (long)data[0].effective);
	CT_EQ(w->s, w->nr & 1 ? 1 << (w->nr & 3 ? 4 : 2) : 0,
	      prctl(PR_GET_SECUREBITS));
	return 0;
}

KEEPS(rights)

/* getppid() is forbidden to threads 1 and 4, each by a number of its own. */
static int set_seccomp_filters(struct worker *w)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (40 + w->nr)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	if (w->nr % 3 != 1)
		return 0;
	CT_EQ(w->s, 0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CT_EQ(w->s, 0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	return 0;
}

static int check_seccomp_filters(struct worker *w)
{
	bool filtered = w->nr % 3 == 1;

	CT_EQ(w->s, filtered, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	errno = 0;
	CT_EQ(w->s, filtered, syscall(SYS_getppid) == -1);
	CT_EQ(w->s, filtered ? 40 + w->nr : 0, errno);
	return 0;
}

KEEPS(seccomp_filters)

/* ---- clocks and timers ------------------------------------------- */

static int64_t thread_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * CT_SEC + ts.tv_nsec;
}

static void burn(int64_t ns)
{
	int64_t end = thread_time() + ns;

	while (thread_time() < end)
		;
}

/*
 * Each has used 40 ms more than the one before; none has less or far more
 * later, but for those that spin.
 */
static int set_cpu_clocks(struct worker *w)
{
	burn((1 + 40 * w->nr) * CT_MS);
	w->value = thread_time();
	return 0;
}

static int check_cpu_clocks(struct worker *w)
{
	int64_t most = w->nr % 3 == 2 ? 100 * CT_SEC : CT_SEC;

	CT_IN(w->s, w->value, w->value + most, thread_time());
	return 0;
}

KEEPS(cpu_clocks)

/* The timer of each thread's own clock goes off in that thread, and then. */
static int set_cpu_timers(struct worker *w)
{
	struct itimerspec its = { .it_value.tv_sec = 1 };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = SIGRTMIN + 1 };
	timer_t timer;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	ev.sigev_value.sival_int = 70 + w->nr;
	ev._sigev_un._tid = w->tid;
	CT_EQ(w->s, 0, timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &timer));
	if (w->nr % 3 == 2) /* it spins until it is released */
		its.it_value.tv_sec = 1000;
	CT_EQ(w->s, 0, timer_settime(timer, 0, &its, NULL));
	w->place = timer;
	return 0;
}

static int check_cpu_timers(struct worker *w)
{
	struct itimerspec its;
	sigset_t set;
	siginfo_t si;
	static const struct timespec now;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	CT_EQ(w->s, -1, sigtimedwait(&set, &si, &now));
	CT_EQ(w->s, 0, timer_gettime(w->place, &its));
	if (w->nr % 3 == 2) {
		CT_IN(w->s, 700, 999, its.it_value.tv_sec);
		return 0;
	}
	CT_EQ(w->s, 0, its.it_value.tv_sec);
	CT_IN(w->s, 500 * CT_MS, CT_SEC, its.it_value.tv_nsec);
	its.it_value.tv_nsec = 10 * CT_MS;
	CT_EQ(w->s, 0, timer_settime(w->place, 0, &its, NULL));
	burn(30 * CT_MS);
	CT_EQ(w->s, SIGRTMIN + 1, sigwaitinfo(&set, &si));
	CT_EQ(w->s, SI_TIMER, si.si_code);
	CT_EQ(w->s, 70 + w->nr, si.si_value.sival_int);
	return 0;
}

KEEPS(cpu_timers)

/* A timer that signals one thread; it goes off some time after the restart. */
static int set_timers_for_a_thread(struct worker *w)
{
	struct itimerspec its = { .it_value.tv_nsec = 700 * CT_MS };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = SIGRTMIN + 2 };
	timer_t timer;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	ev.sigev_value.sival_int = 70 + w->nr;
	ev._sigev_un._tid = w->tid;
	CT_EQ(w->s, 0, timer_create(CLOCK_MONOTONIC, &ev, &timer));
	CT_EQ(w->s, 0, timer_settime(timer, 0, &its, NULL));
	return 0;
}

static int check_timers_for_a_thread(struct worker *w)
{
	sigset_t set;
	siginfo_t si;
	static const struct timespec limit = { 20 }, none;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	CT_EQ(w->s, SIGRTMIN + 2, sigtimedwait(&set, &si, &limit));
	CT_EQ(w->s, 70 + w->nr, si.si_value.sival_int);
	CT_EQ(w->s, -1, sigtimedwait(&set, &si, &none));
	return 0;
}

KEEPS(timers_for_a_thread)

/* ---- what the kernel knows of user memory ------------------------ */

#define RSEQ_SIGNATURE 0x53053053
#define RSEQ_LENGTH 32

/* Only what is registered can be taken back. */
static int rseq_of(struct worker *w, int flags)
{
	void *area = (char *)__builtin_thread_pointer() + __rseq_offset;

	CT_CHECK(w->s, __rseq_size > 0);
	CT_EQ(w->s, 0,
	      syscall(SYS_rseq, area, RSEQ_LENGTH, flags, RSEQ_SIGNATURE));
	return 0;
}

static int set_rseq_areas(struct worker *w)
{
	return w->nr == 4 ? rseq_of(w, RSEQ_FLAG_UNREGISTER) : 0;
}

static int check_rseq_areas(struct worker *w)
{
	if (w->nr != 4)
		CT_DO(rseq_of(w, RSEQ_FLAG_UNREGISTER));
	return rseq_of(w, 0);
}

KEEPS(rseq_areas)

static int get_robust(struct worker *w, void **head)
{
	size_t len;

	CT_EQ(w->s, 0, syscall(SYS_get_robust_list, 0, head, &len));
	return 0;
}

static int set_robust_lists(struct worker *w)
{
	return get_robust(w, &w->place);
}

static int check_robust_lists(struct worker *w)
{
	void *now;

	CT_DO(get_robust(w, &now));
	CT_CHECK(w->s, now);
	CT_CHECK(w->s, now == w->place);
	return 0;
}

KEEPS(robust_lists)

TEST_HARNESS_MAIN
