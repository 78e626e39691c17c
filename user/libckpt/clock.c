// SPDX-License-Identifier: GPL-2.0-only
/* The clock that figures and time-outs go by. */
#include <time.h>
#include "lib.h"

/**
 * ckpt_now_ns() - CLOCK_MONOTONIC
 *
 * Return: nanoseconds.
 */
unsigned long long ckpt_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/**
 * ckpt_now_ms() - CLOCK_MONOTONIC, for time-outs
 *
 * Return: milliseconds.
 */
long ckpt_now_ms(void)
{
	return ckpt_now_ns() / 1000000;
}

/**
 * ckpt_lap_ns() - measure one step after the other
 * @last: when the last one ended; then, now
 *
 * Return: nanoseconds between them.
 */
unsigned long long ckpt_lap_ns(unsigned long long *last)
{
	unsigned long long now = ckpt_now_ns(), took = now - *last;

	*last = now;
	return took;
}
