/* SPDX-License-Identifier: GPL-2.0-only */
/* The Test Anything Protocol, for the unit tests. */
#ifndef _UNIT_TAP_H
#define _UNIT_TAP_H

#include <stdarg.h>
#include <stdio.h>

static int tap_number, tap_failed;

/* One result; the name says which property was tested. */
static inline void __attribute__((format(printf, 2, 3)))
tap_ok(int good, const char *fmt, ...)
{
	va_list args;

	if (!good)
		tap_failed++;
	printf("%sok %d - ", good ? "" : "not ", ++tap_number);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* What went wrong with the result before. */
static inline void __attribute__((format(printf, 1, 2)))
tap_note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* The plan, and the exit status of the program. */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_number);
	return tap_failed || !tap_number;
}

#endif /* _UNIT_TAP_H */
