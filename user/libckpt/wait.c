// SPDX-License-Identifier: GPL-2.0-only
/* Standing in for a program: passing signals on, taking over its end. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib.h"

static volatile sig_atomic_t wait_child;

/* What the terminal sends to the whole group, the program has got already. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	pid_t child = wait_child;
	int saved = errno;

	(void)context;
	if (child > 0 &&
	    !(info->si_code == SI_KERNEL && getpgid(child) == getpgrp()))
		kill(child, sig);
	errno = saved;
}

/**
 * ckpt_wait_pass_on() - pass signals on to a child from now on
 * @pid: child
 */
void ckpt_wait_pass_on(pid_t pid)
{
	static const int signals[] = { SIGTERM, SIGINT,	 SIGHUP,  SIGQUIT,
				       SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH };
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_RESTART };
	size_t i;

	wait_child = pid;
	sa.sa_sigaction = pass_on;
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	if (ckpt_stop_requested()) /* it came when the operation was over */
		kill(pid, ckpt_stop_requested());
}

/**
 * ckpt_wait_passing() - wait for a child, pass signals on to it meanwhile
 * @pid: child
 * @status: its wait status
 *
 * Reaps other children, too: the caller may be the init of a pid namespace.
 *
 * Return: 0 or a negative errno.
 */
int ckpt_wait_passing(pid_t pid, int *status)
{
	pid_t got;

	if (wait_child != pid)
		ckpt_wait_pass_on(pid);
	do {
		got = waitpid(-1, status, __WALL | WUNTRACED);
		if (got == pid && WIFSTOPPED(*status))
			ckpt_terminal_stopped(pid, WSTOPSIG(*status));
	} while ((got == pid && WIFSTOPPED(*status)) ||
		 (got != pid && (got > 0 || errno == EINTR)));
	wait_child = 0;
	ckpt_terminal_return();
	if (got == pid)
		return 0;
	return ckpt_set_error(-errno, "cannot wait for pid %d: %s", pid,
			      strerror(errno));
}
