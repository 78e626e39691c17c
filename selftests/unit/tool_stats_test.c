// SPDX-License-Identifier: GPL-2.0-only
/* The figures that --stats writes: one line of JSON for each operation. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <json-c/json.h>
#include <ckpt.h>
#include "../../user/tool.h"
#include "tap.h"

static char text[4096];

/* What was written, which must be one line; for json_object_put(). */
static struct json_object *line_of(FILE *to)
{
	long len = ftell(to);
	int good;

	rewind(to);
	text[fread(text, 1, sizeof(text) - 1, to)] = 0;
	good = len > 0 && strchr(text, '\n') == text + len - 1;
	tap_ok(good, "it is a line");
	fclose(to);
	return json_tokener_parse(text);
}

static int is_num(struct json_object *o, const char *key, int64_t want)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) &&
	       json_object_is_type(v, json_type_int) &&
	       json_object_get_int64(v) == want;
}

static int is_null(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && !v;
}

static struct json_object *checkpoint_line(const char *image,
					   const struct ckpt_stats *stats)
{
	FILE *to = tmpfile();
	int err = tool_stats_checkpoint(to, image, stats);

	tap_ok(!err, "figures are written");
	return line_of(to);
}

static void test_checkpoint(void)
{
	struct ckpt_stats stats = {
		.id = 7,
		.missed = 3,
		.tries = 2,
		.stopped = 1,
		.total_ns = LLONG_MAX,
		.stop_ns = 11,
		.thaw_ns = 12,
		.stream_ns = 1500000000,
		.commit_ns = 500000000,
		.bytes = 5000,
		.shared_pages = 13,
	};
	struct json_object *o = checkpoint_line(NULL, &stats), *v;
	int good;

	good = is_num(o, "id", 7) && is_num(o, "tries", 2) &&
	       is_num(o, "total_ns", LLONG_MAX) &&
	       is_num(o, "shared_pages", 13) && is_num(o, "pages", 0);
	tap_ok(good, "the numbers of a checkpoint are those that were given");
	good = is_num(o, "stop_ns", 11) && is_num(o, "thaw_ns", 12);
	tap_ok(good, "the stop is told when it is over");
	tap_ok(is_num(o, "bytes_per_second", 2500),
	       "the rate counts until the image is safe");
	good = !json_object_object_get_ex(o, "image", &v) &&
	       !json_object_object_get_ex(o, "missed", &v);
	tap_ok(good, "a single image has no name");
	json_object_put(o);

	stats.stopped = 0;
	stats.stream_ns = 0;
	stats.commit_ns = 0;
	o = checkpoint_line("a\"b/c.img", &stats);
	good = is_null(o, "stop_ns") && is_null(o, "thaw_ns");
	tap_ok(good, "what is not known is null");
	tap_ok(is_num(o, "bytes_per_second", 0), "no time, no rate");
	good = json_object_object_get_ex(o, "image", &v) &&
	       !strcmp(json_object_get_string(v), "a\"b/c.img") &&
	       is_num(o, "missed", 3);
	tap_ok(good, "an image of a series has a name, whatever is in it");
	json_object_put(o);
}

static void test_restart(void)
{
	struct ckpt_restart_stats stats = {
		.pid = 4711,
		.tasks = 5,
		.total_ns = 9000000000,
		.head_ns = 1,
		.make_ns = 2,
		.restore_ns = 1500000000,
		.commit_ns = 500000000,
		.freeze_ns = 3,
		.bytes = 7000,
		.pages = 6,
	};
	FILE *to = tmpfile();
	int good, err = tool_stats_restart(to, &stats);
	struct json_object *o = line_of(to);

	good = !err && is_num(o, "pid", 4711) && is_num(o, "tasks", 5) &&
	       is_num(o, "bytes", 7000) && is_num(o, "pages", 6);
	tap_ok(good, "the numbers of a restart are those that were given");
	good = is_num(o, "total_ns", 9000000000) && is_num(o, "head_ns", 1) &&
	       is_num(o, "make_ns", 2) && is_num(o, "restore_ns", 1500000000) &&
	       is_num(o, "commit_ns", 500000000) && is_num(o, "freeze_ns", 3);
	tap_ok(good, "so are its times");
	tap_ok(is_num(o, "bytes_per_second", 3500),
	       "its rate counts until the program runs");
	json_object_put(o);
}

static void test_failures(void)
{
	struct ckpt_stats stats = { .id = 1 };
	FILE *full = tool_stats_open("test", "/dev/full");
	int good;

	good = full && tool_stats_checkpoint(full, NULL, &stats) == -EIO;
	tap_ok(good, "what cannot be written is an error");
	if (full)
		fclose(full);
	tap_ok(tool_stats_open("test", NULL) == stderr,
	       "without a file it is standard error");
}

static void test_append(void)
{
	struct ckpt_stats stats = { .id = 1 };
	FILE *to;
	int i, lines = 0;

	for (i = 0; i < 2; i++) {
		to = tool_stats_open("test", "figures");
		if (to) {
			tool_stats_checkpoint(to, NULL, &stats);
			fclose(to);
		}
	}
	to = fopen("figures", "r");
	while (to && fgets(text, sizeof(text), to))
		lines++;
	if (to)
		fclose(to);
	tap_ok(lines == 2, "a file is appended to");
}

int main(void)
{
	test_checkpoint();
	test_restart();
	test_failures();
	test_append();
	return tap_end();
}
