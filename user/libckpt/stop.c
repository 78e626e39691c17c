// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that end an operation, not the process: what was frozen must be
 * thawed first.
 */
#include <signal.h>
#include <unistd.h>
#include "lib.h"

#define AGAIN_US 100000

static const int stops[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t stop_victim;

/*
 * A signal that comes just before a system call would not interrupt it: the
 * alarm repeats the interruption until the operation is over.
 */
static void on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	if (stop_signal) {
		if (stop_victim > 0)
			kill(stop_victim, SIGKILL);
		ualarm(AGAIN_US, 0);
	}
	errno = saved;
}

static void on_stop(int sig)
{
	stop_signal = sig;
	on_alarm(sig);
}

void ckpt_stop_catch(void)
{
	struct sigaction sa = { .sa_handler = on_stop };
	struct sigaction old;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stops); i++) {
		sigaction(stops[i], NULL, &old);
		if (old.sa_handler != SIG_IGN) /* nohup stays nohup */
			sigaction(stops[i], &sa, NULL);
	}
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
}

int ckpt_stop_requested(void)
{
	return stop_signal;
}

/**
 * ckpt_stop_signals() - the signals that ckpt_stop_catch() is about
 *
 * Return: the set, with the alarm that repeats them.
 */
sigset_t ckpt_stop_signals(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	for (i = 0; i < ARRAY_SIZE(stops); i++)
		sigaddset(&set, stops[i]);
	return set;
}

/**
 * ckpt_stop_kills() - have a stop kill a child, too
 * @pid: child that is being restarted: the kernel waits for it, and gives up
 *	when it dies; 0: none
 */
void ckpt_stop_kills(pid_t pid)
{
	stop_victim = pid;
	if (pid && stop_signal)
		kill(pid, SIGKILL);
}
