// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of records of signals: handlers, limits, pending ones, timers.
 * Numbers that a C library could name otherwise are x86-64 Linux's own.
 */
#include "ckpt_field.h"

#define SIG_KILL 9
#define SIG_STOP 19
#define SA_FLAGS_KNOWN 0xdc000807ULL /* what sigaction(2) lets through */
#define CLOCK_HIGHEST 11 /* CLOCK_TAI; per-task CPU clocks are negative */

static const char *check_sighand(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_sighand *r = (const void *)h;
	int i;

	if (r->objref < 1)
		return "sighand: objref not positive";
	if (r->pad)
		return "sighand: padding not zero";
	for (i = 0; i < CKPT_NSIG; i++)
		if (r->action[i].flags & ~SA_FLAGS_KNOWN)
			return "sighand: unknown flags";
	if (r->action[SIG_KILL - 1].handler || r->action[SIG_STOP - 1].handler)
		return "sighand: SIGKILL or SIGSTOP handled";
	return NULL;
}

static const char *check_signal(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_signal *r = (const void *)h;
	int i;

	if (r->objref < 1)
		return "signal: objref not positive";
	if (r->flags & ~CKPT_SIGNAL_FLAGS || r->flags == CKPT_SIGNAL_FLAGS)
		return "signal: unknown flags";
	if (r->pad)
		return "signal: padding not zero";
	if (r->stop_signal < 0 || r->stop_signal > CKPT_NSIG ||
	    !r->stop_signal != !(r->flags & CKPT_SIGNAL_STOPPED))
		return "signal: bad stop signal";
	if (r->stop_untold && r->stop_untold != r->stop_signal)
		return "signal: told of another stop signal";
	if (r->oom_score_adj < -1000 || r->oom_score_adj > 1000)
		return "signal: oom_score_adj out of range";
	if (r->child_subreaper > 1)
		return "signal: child_subreaper neither 0 nor 1";
	if (r->next_timer_id < 0)
		return "signal: next timer id negative";
	if (r->nr_siginfo > CKPT_SIGINFOS_MAX)
		return "signal: too many pending signals";
	if (r->nr_timers > CKPT_TIMERS_MAX)
		return "signal: too many timers";
	for (i = 0; i < CKPT_NLIMITS; i++)
		if (r->rlim[i].cur > r->rlim[i].max)
			return "signal: soft limit above the hard one";
	for (i = 0; i < CKPT_NITIMERS; i++)
		if (r->itimer[i].value > CKPT_TIME_MAX ||
		    r->itimer[i].interval > CKPT_TIME_MAX)
			return "signal: interval timer out of range";
	if (!ckpt_rusage_ok(&r->exited))
		return "signal: CPU time out of range";
	return NULL;
}

/* The first field of a siginfo_t, whatever the alignment of info[]. */
static __u32 info_signo(const __u8 *info)
{
	return info[0] | info[1] << 8 | info[2] << 16 | (__u32)info[3] << 24;
}

static const char *check_siginfo(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_siginfo *r = (const void *)h;

	if (r->signo < 1 || r->signo > CKPT_NSIG)
		return "siginfo: no such signal";
	if (r->signo == SIG_KILL || r->signo == SIG_STOP)
		return "siginfo: SIGKILL or SIGSTOP pending";
	if (r->has_info > 1)
		return "siginfo: has_info neither 0 nor 1";
	if (r->has_info && info_signo(r->info) != (__u32)r->signo)
		return "siginfo: of another signal";
	if (!r->has_info && !ckpt_all_zero(r->info, sizeof(r->info)))
		return "siginfo: unused info not zero";
	return NULL;
}

/* SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID */
static int notify_known(__s32 notify)
{
	return notify == 0 || notify == 1 || notify == 2 || notify == 4;
}

static const char *check_timer(const struct ckpt_hdr *h)
{
	const struct ckpt_hdr_timer *r = (const void *)h;

	if (r->id < 0)
		return "timer: negative id";
	if (r->clockid > CLOCK_HIGHEST)
		return "timer: unknown clock";
	if (!notify_known(r->notify))
		return "timer: unknown notification";
	if (r->notify != 1 && (r->signo < 1 || r->signo > CKPT_NSIG))
		return "timer: no such signal";
	if (r->target_tid < 0 || (r->notify == 4 && !r->target_tid))
		return "timer: bad target";
	if (r->clock_tid < 0 || (r->clock_tid && r->clockid >= 0))
		return "timer: bad thread of its clock";
	if (r->pad)
		return "timer: padding not zero";
	if (r->flags & ~CKPT_TIMER_ABS)
		return "timer: unknown flags";
	if (r->value < 0 || r->interval < 0)
		return "timer: negative time";
	if (r->overrun < 0 || r->overrun > 0x7fffffff)
		return "timer: overrun out of range";
	return NULL;
}

/**
 * ckpt_check_signals() - check SIGHAND, SIGNAL, SIGINFO, TIMER
 * @h: record; its length is plausible
 *
 * Return: NULL, or what is wrong.
 */
const char *ckpt_check_signals(const struct ckpt_hdr *h)
{
	switch (h->type) {
	case CKPT_HDR_SIGHAND:
		return check_sighand(h);
	case CKPT_HDR_SIGNAL:
		return check_signal(h);
	case CKPT_HDR_SIGINFO:
		return check_siginfo(h);
	default:
		return check_timer(h);
	}
}
