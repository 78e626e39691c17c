// SPDX-License-Identifier: GPL-2.0-only
/* The clock that figures go by. */
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
