// SPDX-License-Identifier: GPL-2.0-only
/* Signals that ask the tool to stop: noted, and acted on where it is safe. */
#include <signal.h>
#include <string.h>
#include "lib.h"

static volatile sig_atomic_t stop_signal;

static void note_signal(int sig)
{
	stop_signal = sig;
}

void ckpt_stop_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = note_signal;
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

int ckpt_stop_requested(void)
{
	return stop_signal;
}
