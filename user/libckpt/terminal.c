// SPDX-License-Identifier: GPL-2.0-only
/*
 * Standing in for a program at the terminal: job control of a shell knows our
 * process group, the program is in its own.
 *
 * Whenever our group is in the foreground, the program's group gets that place;
 * it comes back to us when the program stops or ends.  When the terminal has
 * stopped the program we stop, too, so that the shell learns of it, and go on
 * with it when the shell lets us.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "lib.h"

static int tty = -1;
static bool lent;

/* As a group in the background: the terminal would stop us for it. */
static void give_to(pid_t group)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &old);
	tcsetpgrp(tty, group);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/**
 * ckpt_terminal_open() - begin to stand in for a program
 *
 * Return: whether our group is in the foreground of our terminal and may lend
 * that place.
 */
bool ckpt_terminal_open(void)
{
	if (tty < 0)
		tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

/**
 * ckpt_terminal_lent() - the program's group may have been put into our place
 */
void ckpt_terminal_lent(void)
{
	lent = tty >= 0 && tcgetpgrp(tty) != getpgrp();
}

/* What the terminal's users type, or a group in the background does. */
static bool is_job_control(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/**
 * ckpt_terminal_stopped() - the program has stopped
 * @pid: its root, our child
 * @sig: signal that stopped it
 *
 * Returns when the program goes on, if it was for the terminal that it stopped.
 */
void ckpt_terminal_stopped(pid_t pid, int sig)
{
	const struct timespec now = { 0 };
	pid_t group = getpgid(pid);
	sigset_t cont, old;

	if (tty < 0 || group < 0 || group == getpgrp() || !is_job_control(sig))
		return;
	ckpt_terminal_return();
	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	sigprocmask(SIG_BLOCK, &cont, &old);
	kill(0, SIGTSTP); /* who is in our group has not been told */
	/* else we were not stopped: nobody could let us go on */
	if (sigtimedwait(&cont, NULL, &now) == SIGCONT) {
		lent = tcgetpgrp(tty) == getpgrp();
		if (lent)
			give_to(group);
		kill(-group, SIGCONT);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/**
 * ckpt_terminal_return() - take our place back, if it was lent
 */
void ckpt_terminal_return(void)
{
	if (lent)
		give_to(getpgrp());
	lent = false;
}
