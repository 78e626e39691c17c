// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: actions, masks, the alternate stack, what is pending and in which
 * order, and programs that are stopped in a handler.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(signal)

#define ORDER_MAX 64

/*
 * What the handler has seen, in order.  Volatile, since glibc says of raise()
 * and friends that they call nothing of ours (leaf).
 */
static volatile struct {
	int nr;
	int sig[ORDER_MAX];
	int code[ORDER_MAX];
	int value[ORDER_MAX];
	pid_t pid[ORDER_MAX];
} seen;

static void note(int sig, siginfo_t *si, void *context)
{
	int i = seen.nr;

	if (i >= ORDER_MAX)
		return;
	seen.sig[i] = sig;
	seen.code[i] = si->si_code;
	seen.value[i] = si->si_value.sival_int;
	seen.pid[i] = si->si_pid;
	seen.nr++;
}

static int handle(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = note,
				.sa_flags = SA_SIGINFO | flags };

	return sigaction(sig, &sa, NULL);
}

static sigset_t only(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static int block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	return sigprocmask(SIG_SETMASK, &all, NULL);
}

static int unblock_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- actions and masks ------------------------------------------- */

/* As the kernel has it, glibc's own additions included. */
struct kernel_action {
	unsigned long handler, flags, restorer, mask;
};

static int actions_are_kept(struct ct_shared *s, void *arg)
{
	static const int flags[] = { 0,		  SA_RESTART,	SA_NODEFER,
				     SA_ONSTACK,  SA_RESETHAND, SA_NOCLDSTOP,
				     SA_NOCLDWAIT };
	struct kernel_action before[65], now;
	struct sigaction sa = { .sa_sigaction = note };
	int sig;

	for (sig = 1; sig < 65; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33)
			continue;
		sa.sa_flags = SA_SIGINFO | flags[sig % 7];
		sa.sa_mask = only(sig % 31 + 1);
		if (sig % 5 == 0)
			signal(sig, SIG_IGN);
		else if (sig % 5 != 1)
			CT_EQ(s, 0, sigaction(sig, &sa, NULL));
	}
	for (sig = 1; sig < 65; sig++)
		CT_EQ(s, 0,
		      syscall(SYS_rt_sigaction, sig, NULL, &before[sig], 8));
	CT_EQ(s, (long)SIG_IGN, before[10].handler);
	CT_EQ(s, (long)note, before[12].handler);
	ct_step(s, 1);
	for (sig = 1; sig < 65; sig++) {
		CT_EQ(s, 0, syscall(SYS_rt_sigaction, sig, NULL, &now, 8));
		CT_EQ(s, before[sig].handler, now.handler);
		CT_EQ(s, before[sig].flags, now.flags);
		CT_EQ(s, before[sig].restorer, now.restorer);
		CT_EQ(s, before[sig].mask, now.mask);
	}
	return 0;
}

CT_ROUND_TRIP(signal, actions_are_kept)

/* A handler works after the restart: its address, its stack, its return. */
static int handler_works(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, handle(SIGUSR1, SA_RESTART));
	ct_spin(s, 1);
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 1, seen.nr);
	CT_EQ(s, SIGUSR1, seen.sig[0]);
	CT_EQ(s, getpid(), seen.pid[0]);
	return 0;
}

CT_ROUND_TRIP(signal, handler_works)

static int ignored_stays_ignored(struct ct_shared *s, void *arg)
{
	signal(SIGUSR1, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	ct_step(s, 1);
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 0, raise(SIGTERM));
	return 0;
}

CT_ROUND_TRIP(signal, ignored_stays_ignored)

/* SA_RESETHAND: the second one kills. */
static int default_action_kills(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, handle(SIGUSR1, SA_RESETHAND));
	ct_step(s, 1);
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 1, seen.nr);
	raise(SIGUSR1);
	return 0;
}

TEST_F(signal, default_action_kills)
{
	ASSERT_EQ(128 + SIGUSR1,
		  ct_round_trip(&self->ct, default_action_kills, NULL));
}

static int mask_is_kept(struct ct_shared *s, void *arg)
{
	sigset_t set, now;
	int sig;

	sigemptyset(&set);
	for (sig = 1; sig < 65; sig += 3)
		if (sig != 32 && sig != 33 && sig != SIGSTOP)
			sigaddset(&set, sig);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, &set, NULL));
	ct_step(s, 1);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &now));
	for (sig = 1; sig < 65; sig++)
		CT_EQ(s, sigismember(&set, sig), sigismember(&now, sig));
	return 0;
}

CT_ROUND_TRIP(signal, mask_is_kept)

/* ---- the alternate stack ----------------------------------------- */

static char alternate[65536];
static volatile bool was_on_it;
static struct ct_shared *shared;

static void step_in_handler(int sig)
{
	char here;

	was_on_it = &here > alternate && &here < alternate + sizeof(alternate);
	ct_spin(shared, 1);
	was_on_it &= &here > alternate && &here < alternate + sizeof(alternate);
	seen.nr++;
}

static int use_alternate(struct ct_shared *s)
{
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction sa = { .sa_handler = step_in_handler,
				.sa_flags = SA_ONSTACK };

	shared = s;
	CT_EQ(s, 0, sigaltstack(&ss, NULL));
	CT_EQ(s, 0, sigaction(SIGUSR1, &sa, NULL));
	return 0;
}

static int alternate_stack_is_kept(struct ct_shared *s, void *arg)
{
	stack_t now;

	CT_DO(use_alternate(s));
	ct_step(s, 1);
	CT_EQ(s, 0, sigaltstack(NULL, &now));
	CT_CHECK(s, now.ss_sp == alternate);
	CT_EQ(s, sizeof(alternate), now.ss_size);
	CT_EQ(s, 0, now.ss_flags);
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 1, seen.nr);
	CT_CHECK(s, was_on_it);
	return 0;
}

CT_ROUND_TRIP(signal, alternate_stack_is_kept)

/* Stopped in a handler, on the alternate stack: it returns from it. */
static int stopped_on_the_alternate_stack(struct ct_shared *s, void *arg)
{
	stack_t now;

	CT_DO(use_alternate(s));
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 1, seen.nr);
	CT_EQ(s, 1, s->restarted);
	CT_CHECK(s, was_on_it);
	CT_EQ(s, 0, sigaltstack(NULL, &now));
	CT_EQ(s, 0, now.ss_flags);
	CT_CHECK(s, now.ss_sp == alternate);
	return 0;
}

CT_ROUND_TRIP(signal, stopped_on_the_alternate_stack)

static void nested(int sig)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	seen.code[seen.nr] = sigismember(&mask, SIGUSR1) |
			     sigismember(&mask, SIGUSR2) << 1;
	seen.sig[seen.nr++] = sig;
	if (sig == SIGUSR1)
		raise(SIGUSR2);
	else
		ct_step(shared, 1);
	seen.sig[seen.nr++] = -sig;
}

/* Two handlers deep; on the way back each mask is right. */
static int stopped_in_nested_handlers(struct ct_shared *s, void *arg)
{
	static const int order[] = { SIGUSR1, SIGUSR2, -SIGUSR2, -SIGUSR1 };
	struct sigaction sa = { .sa_handler = nested };
	sigset_t mask;
	int i;

	shared = s;
	CT_EQ(s, 0, sigaction(SIGUSR1, &sa, NULL));
	CT_EQ(s, 0, sigaction(SIGUSR2, &sa, NULL));
	CT_EQ(s, 0, raise(SIGUSR1));
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 4, seen.nr);
	for (i = 0; i < 4; i++)
		CT_EQ(s, order[i], seen.sig[i]);
	CT_EQ(s, 1, seen.code[0]);
	CT_EQ(s, 3, seen.code[1]);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &mask));
	CT_CHECK(s,
		 !sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
	return 0;
}

CT_ROUND_TRIP(signal, stopped_in_nested_handlers)

/* ---- pending signals --------------------------------------------- */

/* To the process: queued real-time signals keep order and values. */
static int queued_signals_keep_order(struct ct_shared *s, void *arg)
{
	union sigval value;
	int i;

	CT_EQ(s, 0, block_all());
	CT_EQ(s, 0, handle(SIGRTMIN, 0));
	CT_EQ(s, 0, handle(SIGRTMIN + 5, 0));
	for (i = 0; i < 20; i++) {
		value.sival_int = 100 + i;
		CT_EQ(s, 0,
		      sigqueue(getpid(), i & 1 ? SIGRTMIN : SIGRTMIN + 5,
			       value));
	}
	ct_step(s, 1);
	CT_EQ(s, 0, seen.nr);
	/* The lower number first, and each in the order of sending. */
	for (i = 0; i < 20; i++) {
		siginfo_t si;
		sigset_t set = only(i < 10 ? SIGRTMIN : SIGRTMIN + 5);

		CT_EQ(s, i < 10 ? SIGRTMIN : SIGRTMIN + 5,
		      sigwaitinfo(&set, &si));
		CT_EQ(s, i < 10 ? 101 + 2 * i : 100 + 2 * (i - 10),
		      si.si_value.sival_int);
		CT_EQ(s, SI_QUEUE, si.si_code);
		CT_EQ(s, getpid(), si.si_pid);
		CT_EQ(s, getuid(), si.si_uid);
	}
	CT_EQ(s, 0, unblock_all());
	CT_EQ(s, 0, seen.nr);
	return 0;
}

CT_ROUND_TRIP(signal, queued_signals_keep_order)

/* To the thread and to the process: each stays where it was sent. */
static int private_and_shared_pending(struct ct_shared *s, void *arg)
{
	static const struct timespec now;
	char *status, *at;
	siginfo_t si;
	sigset_t set;

	CT_EQ(s, 0, block_all());
	CT_EQ(s, 0, syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	CT_EQ(s, 0, kill(getpid(), SIGUSR2));
	CT_EQ(s, 0, kill(getpid(), SIGUSR2));
	ct_step(s, 1);
	status = ct_read_file("/proc/self/status");
	at = strstr(status, "SigPnd:");
	CT_CHECK(s, at);
	CT_EQ(s, 1 << (SIGUSR1 - 1), strtoull(at + 7, NULL, 16));
	at = strstr(status, "ShdPnd:");
	CT_CHECK(s, at);
	CT_EQ(s, 1 << (SIGUSR2 - 1), strtoull(at + 7, NULL, 16));
	set = only(SIGUSR1);
	/* glibc's own would turn SI_TKILL into SI_USER */
	CT_EQ(s, SIGUSR1, syscall(SYS_rt_sigtimedwait, &set, &si, &now, 8));
	CT_EQ(s, SI_TKILL, si.si_code);
	set = only(SIGUSR2);
	CT_EQ(s, SIGUSR2, sigtimedwait(&set, &si, &now));
	CT_EQ(s, SI_USER, si.si_code);
	CT_EQ(s, getpid(), si.si_pid);
	/* A plain signal is pending once. */
	CT_EQ(s, -1, sigtimedwait(&set, &si, &now));
	CT_EQ(s, EAGAIN, errno);
	return 0;
}

CT_ROUND_TRIP(signal, private_and_shared_pending)

/* Opened after the restart, it comes to the handler, with all that it tells. */
static int pending_signal_is_delivered(struct ct_shared *s, void *arg)
{
	union sigval value = { .sival_int = 4711 };

	CT_EQ(s, 0, handle(SIGRTMIN + 2, 0));
	CT_EQ(s, 0, block_all());
	CT_EQ(s, 0, sigqueue(getpid(), SIGRTMIN + 2, value));
	ct_step(s, 1);
	CT_EQ(s, 0, seen.nr);
	CT_EQ(s, 0, unblock_all());
	CT_EQ(s, 1, seen.nr);
	CT_EQ(s, SIGRTMIN + 2, seen.sig[0]);
	CT_EQ(s, 4711, seen.value[0]);
	CT_EQ(s, SI_QUEUE, seen.code[0]);
	return 0;
}

CT_ROUND_TRIP(signal, pending_signal_is_delivered)

/* What only the kernel may say stays as the kernel said it. */
static int kernel_siginfo_is_kept(struct ct_shared *s, void *arg)
{
	sigset_t set = only(SIGPIPE);
	siginfo_t si;
	int fds[2];

	CT_EQ(s, 0, block_all());
	CT_EQ(s, 0, pipe(fds));
	close(fds[0]);
	CT_EQ(s, -1, write(fds[1], "x", 1));
	CT_EQ(s, EPIPE, errno);
	alarm(1);
	do {
		ct_sleep_ms(5);
		CT_EQ(s, 0, sigpending(&set));
	} while (!sigismember(&set, SIGALRM));
	ct_step(s, 1);
	set = only(SIGALRM);
	CT_EQ(s, SIGALRM, sigwaitinfo(&set, &si));
	CT_EQ(s, SI_KERNEL, si.si_code);
	set = only(SIGPIPE);
	CT_EQ(s, SIGPIPE, sigwaitinfo(&set, &si));
	return 0;
}

CT_ROUND_TRIP(signal, kernel_siginfo_is_kept)

/* Where no more may be queued, the kernel keeps nothing but the number. */
static int pending_without_siginfo(struct ct_shared *s, void *arg)
{
	static const struct timespec now;
	union sigval value = { .sival_int = 4711 };
	struct rlimit limit;
	siginfo_t si;
	sigset_t set;

	CT_EQ(s, 0, block_all());
	CT_EQ(s, 0, getrlimit(RLIMIT_SIGPENDING, &limit));
	limit.rlim_cur = 0;
	CT_EQ(s, 0, setrlimit(RLIMIT_SIGPENDING, &limit));
	CT_EQ(s, 0, syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	CT_EQ(s, 0, sigqueue(getpid(), SIGUSR2, value));
	ct_step(s, 1);
	set = only(SIGUSR1);
	CT_EQ(s, SIGUSR1, syscall(SYS_rt_sigtimedwait, &set, &si, &now, 8));
	CT_EQ(s, SI_USER, si.si_code);
	CT_EQ(s, 0, si.si_pid);
	set = only(SIGUSR2);
	CT_EQ(s, SIGUSR2, sigtimedwait(&set, &si, &now));
	CT_EQ(s, SI_USER, si.si_code);
	CT_EQ(s, 0, si.si_value.sival_int);
	return 0;
}

CT_ROUND_TRIP(signal, pending_without_siginfo)

/* Sent while it does not run, between freeze and restart: to nobody. */
static int pending_open_signal(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, handle(SIGUSR1, 0));
	ct_step(s, 1);
	CT_EQ(s, 0, seen.nr);
	ct_step(s, 2);
	CT_EQ(s, 1, seen.nr);
	return 0;
}

TEST_F(signal, comes_to_the_restarted_program)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, pending_open_signal, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_reach(ct, 2));
	ASSERT_EQ(0, kill(ct->pid, SIGUSR1));
	ct_sleep_ms(20);
	ct_go(ct, 2);
	ASSERT_EQ(0, ct_join(ct));
}

/* ---- temporary masks --------------------------------------------- */

/* ppoll() opens the signal for its own time only. */
static int temporary_mask_goes_on(struct ct_shared *s, void *arg)
{
	sigset_t none, now, usr1 = only(SIGUSR1);

	sigemptyset(&none);
	CT_EQ(s, 0, handle(SIGUSR1, SA_RESTART));
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, &usr1, NULL));
	s->ready = 1;
	CT_EQ(s, -1, ppoll(NULL, 0, NULL, &none));
	CT_EQ(s, EINTR, errno);
	CT_EQ(s, 1, seen.nr);
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &now));
	CT_CHECK(s, sigismember(&now, SIGUSR1));
	return 0;
}

TEST_F(signal, temporary_mask_goes_on)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, temporary_mask_goes_on, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_in_syscall(ct, SYS_ppoll));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_in_syscall(ct, SYS_ppoll));
	ASSERT_EQ(0, kill(ct->pid, SIGUSR1));
	ASSERT_EQ(0, ct_join(ct));
}

/* A jump out of a handler, with the mask that was saved before. */
static sigjmp_buf back;

static void jump(int sig)
{
	ct_spin(shared, 1);
	siglongjmp(back, 5);
}

static int jumps_out_of_a_handler(struct ct_shared *s, void *arg)
{
	struct sigaction sa = { .sa_handler = jump };
	sigset_t now;

	shared = s;
	CT_EQ(s, 0, sigaction(SIGUSR1, &sa, NULL));
	if (!sigsetjmp(back, 1)) {
		raise(SIGUSR1);
		CT_CHECK(s, !"reached");
	}
	CT_EQ(s, 1, s->restarted);
	CT_EQ(s, 0, sigprocmask(SIG_SETMASK, NULL, &now));
	CT_CHECK(s, !sigismember(&now, SIGUSR1));
	return 0;
}

CT_ROUND_TRIP(signal, jumps_out_of_a_handler)

TEST_HARNESS_MAIN
