// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told while the kernel works: bytes, rate, time left.
 *
 * The operation is one ioctl, so that a thread asks how far it has come.  Time
 * counts from when the kernel has begun.
 *
 * A checkpoint is interrupted by a signal, which must come to the thread that
 * is in the ioctl.  A restart waits for its task and is ended by killing that:
 * there the signals are for the thread beside it.
 *
 * Where nobody reads, lines are left out: a program may be frozen meanwhile.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define LOOK_MS 200
#define FIRST_SECONDS 1 /* nobody waits for less */
#define LINE_SECONDS 1
#define TEXT_MAX 160
#define STUCK_NS 200000000 /* a line is written in less */

struct ckpt_progress {
	FILE *to;
	const char *name;
	int dev;
	__u64 total; /* or 0: the kernel may know */
	bool terminal;
	size_t shown; /* columns in use on the terminal */
	double start; /* when the operation began, in seconds; or 0 */
	double last; /* when a line was shown */
	int stop; /* eventfd */
	bool signals; /* they are for the thread, not for the caller */
	sigset_t mask; /* the caller's own */
	pthread_t thread;
};

int ckpt_ioctl_progress(int dev, struct ckpt_ioc_progress *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	if (!ioctl(dev, CKPT_IOC_PROGRESS, arg))
		return 0;
	return ckpt_set_error(-errno, "progress: %s", strerror(errno));
}

static double seconds_now(void)
{
	return ckpt_now_ns() / 1e9;
}

static const char *bytes_text(double n, char *buf, size_t size)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	n /= 1024;
	while (n >= 1000 && i + 1 < ARRAY_SIZE(units)) {
		n /= 1024;
		i++;
	}
	snprintf(buf, size, "%.1f %s", n, units[i]);
	return buf;
}

static int line_make(const struct ckpt_progress *p,
		     const struct ckpt_ioc_progress *at, char *line,
		     size_t size)
{
	__u64 total = p->total ?: at->expected;
	double rate = at->done / (seconds_now() - p->start);
	char done[32], all[32], speed[32];
	long left;
	int n;

	bytes_text(at->done, done, sizeof(done));
	bytes_text(rate, speed, sizeof(speed));
	if (total <= at->done || rate < 1)
		return snprintf(line, size, "%s: %s, %s/s", p->name, done,
				speed);
	left = (total - at->done) / rate;
	n = snprintf(line, size, "%s: %s of %s (%d %%), %s/s, ", p->name, done,
		     bytes_text(total, all, sizeof(all)),
		     (int)(100.0 * at->done / total), speed);
	if (left >= 3600)
		n += snprintf(line + n, size - n, "%ld:%02ld:%02ld left",
			      left / 3600, left / 60 % 60, left % 60);
	else
		n += snprintf(line + n, size - n, "%ld:%02ld left", left / 60,
			      left % 60);
	return n;
}

/* A line that the terminal would fold could not be rewritten. */
static size_t columns(FILE *to)
{
	struct winsize ws;

	if (ioctl(fileno(to), TIOCGWINSZ, &ws) || ws.ws_col < 2)
		return 79;
	return ws.ws_col - 1;
}

/* Not by way of the stream, whose lock a thread that is cancelled would keep. */
static void line_write(FILE *to, const char *text, size_t len)
{
	struct pollfd out = { .fd = fileno(to), .events = POLLOUT };

	if (poll(&out, 1, 0) > 0 && write(out.fd, text, len) < 0)
		return; /* as good as nobody */
}

static void line_show(struct ckpt_progress *p,
		      const struct ckpt_ioc_progress *at)
{
	size_t max = p->terminal ? columns(p->to) : TEXT_MAX, len;
	char line[TEXT_MAX], text[TEXT_MAX + 16];
	int n;

	len = line_make(p, at, line, sizeof(line));
	if (len > max)
		len = max;
	n = snprintf(text, sizeof(text), "%s%-*.*s%s", p->terminal ? "\r" : "",
		     (int)(p->shown < max ? p->shown : max), (int)len, line,
		     p->terminal ? "" : "\n");
	line_write(p->to, text, n);
	if (p->terminal)
		p->shown = len;
}

static void line_erase(struct ckpt_progress *p)
{
	char text[TEXT_MAX + 16];

	if (p->shown)
		line_write(p->to, text,
			   snprintf(text, sizeof(text), "\r%*s\r",
				    (int)p->shown, ""));
}

static void look(struct ckpt_progress *p, const struct ckpt_ioc_progress *at)
{
	double now = seconds_now();

	if (at->phase == CKPT_PROGRESS_IDLE)
		return;
	if (!p->start)
		p->start = now;
	if (now - p->start < FIRST_SECONDS ||
	    (!p->terminal && now - p->last < LINE_SECONDS))
		return;
	line_show(p, at);
	p->last = now;
}

static void *progress_main(void *arg)
{
	struct ckpt_progress *p = arg;
	struct pollfd stop = { .fd = p->stop, .events = POLLIN };
	struct ckpt_ioc_progress at;

	while (poll(&stop, 1, p->to ? LOOK_MS : -1) <= 0)
		if (p->to && !ckpt_ioctl_progress(p->dev, &at))
			look(p, &at);
	line_erase(p);
	return NULL;
}

static int thread_start(struct ckpt_progress *p)
{
	sigset_t stops = ckpt_stop_signals(), others;
	int err;

	sigfillset(&others);
	if (p->signals)
		for (int sig = 1; sig < NSIG; sig++)
			if (sigismember(&stops, sig) == 1)
				sigdelset(&others, sig);
	pthread_sigmask(SIG_SETMASK, &others, &p->mask);
	err = pthread_create(&p->thread, NULL, progress_main, p);
	pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	if (!err && p->signals)
		pthread_sigmask(SIG_BLOCK, &stops, NULL);
	return -err;
}

/**
 * ckpt_progress_start() - tell from now on how far an operation has come
 * @to: stream; NULL: nothing is told
 * @name: what each line begins with
 * @dev: session of the operation, which may begin later
 * @total: bytes that it will be; 0: not known
 * @signals: the caller gets no stop signal until ckpt_progress_stop(): their
 *	handlers run beside it
 *
 * What cannot be told is no reason to fail.
 *
 * Return: for ckpt_progress_stop(); may be NULL.
 */
struct ckpt_progress *ckpt_progress_start(FILE *to, const char *name, int dev,
					  __u64 total, bool signals)
{
	struct ckpt_progress *p;

	if (!to && !signals)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->to = to;
	p->name = name;
	p->dev = dev;
	p->total = total;
	p->signals = signals;
	p->terminal = to && isatty(fileno(to));
	p->stop = eventfd(0, EFD_CLOEXEC);
	if (p->stop >= 0 && !thread_start(p))
		return p;
	if (p->stop >= 0)
		close(p->stop);
	free(p);
	return NULL;
}

/**
 * ckpt_progress_stop() - the operation is over; a line on a terminal is erased
 * @p: what ckpt_progress_start() gave; freed
 *
 * Return: whether there was something to tell.
 */
bool ckpt_progress_stop(struct ckpt_progress *p)
{
	struct timespec until;
	bool told;

	if (!p)
		return false;
	eventfd_write(p->stop, 1);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += STUCK_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_timedjoin_np(p->thread, NULL, &until)) {
		pthread_cancel(p->thread); /* it is in write() */
		pthread_join(p->thread, NULL);
	}
	if (p->signals)
		pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	close(p->stop);
	told = p->last > 0;
	free(p);
	return told;
}

/**
 * ckpt_progress_sum() - tell what it came to, in a last line
 * @to: stream
 * @name: what the line begins with
 * @stats: figures
 */
void ckpt_progress_sum(FILE *to, const char *name,
		       const struct ckpt_stats *stats)
{
	double seconds = stats->total_ns / 1e9;
	char bytes[32], speed[32], stopped[64] = "", text[TEXT_MAX];
	int n;

	bytes_text(stats->bytes, bytes, sizeof(bytes));
	bytes_text(stats->bytes / seconds, speed, sizeof(speed));
	if (stats->stopped)
		snprintf(stopped, sizeof(stopped), ", stopped for %.1f ms",
			 stats->stop_ns / 1e6);
	n = snprintf(text, sizeof(text), "%s: %s in %.1f s, %s/s%s\n", name,
		     bytes, seconds, speed, stopped);
	line_write(to, text, n);
}
