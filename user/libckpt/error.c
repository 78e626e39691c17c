// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of the last failure, one for each thread, and other text for people:
 * it may quote an image, or names that anybody gives, and goes to a terminal.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib.h"

static __thread char error_text[1024] = "no error";

/* Control characters become question marks. */
static void make_plain(char *text)
{
	char *p;

	for (p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
		/* U+0080 to U+009F, as UTF-8 */
		if (p > text && (unsigned char)p[-1] == 0xc2 &&
		    (unsigned char)*p < 0xa0)
			*p = '?';
	}
}

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

	va_start(args, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, args);
	va_end(args);
	make_plain(error_text);
	return err;
}

/**
 * ckpt_put() - print text of which anybody may have written a part
 * @to: stream
 * @fmt: what; control characters become question marks, but for the end of the
 *	line as its last one
 */
void ckpt_put(FILE *to, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	make_plain(text);
	if (len && fmt[strlen(fmt) - 1] == '\n')
		text[len - 1] = '\n';
	fputs(text, to);
	free(text);
}

/**
 * ckpt_shell_word() - a name as a shell takes it
 * @name: name
 * @word: filled: the name, in quotes where it needs them
 * @size: of @word; what is longer is cut off
 *
 * Return: @word.
 */
const char *ckpt_shell_word(const char *name, char *word, size_t size)
{
	const char *p = name;
	size_t n = 0;

	while (isalnum((unsigned char)*p) || (*p && strchr("/._-:@+,", *p)))
		p++;
	if (!*p && p > name) {
		snprintf(word, size, "%s", name);
		return word;
	}
	n += snprintf(word, size, "'");
	for (p = name; *p && n + 6 < size; p++)
		n += snprintf(word + n, size - n, *p == '\'' ? "'\\''" : "%c",
			      *p);
	snprintf(word + n, size - n, "'");
	return word;
}

const char *ckpt_error(void)
{
	return error_text;
}
