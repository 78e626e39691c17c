// SPDX-License-Identifier: GPL-2.0-only
/* The text of the last failure, one for each thread. */
#include <stdio.h>
#include <string.h>
#include "lib.h"

static __thread char error_text[1024] = "no error";

/**
 * ckpt_set_error() - report a failure where it is detected
 * @err: negative errno
 * @fmt: one line: what went wrong, and what to do
 *
 * Control characters become question marks: the text may quote an image.
 *
 * Return: @err.
 */
int ckpt_set_error(int err, const char *fmt, ...)
{
	va_list args;
	char *p;

	va_start(args, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, args);
	va_end(args);
	for (p = error_text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
		/* U+0080 to U+009F, as UTF-8 */
		if (p > error_text && (unsigned char)p[-1] == 0xc2 &&
		    (unsigned char)*p < 0xa0)
			*p = '?';
	}
	return err;
}

const char *ckpt_error(void)
{
	return error_text;
}
