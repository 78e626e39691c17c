// SPDX-License-Identifier: GPL-2.0-only
/* --stats: figures of an operation, for programs, as a line of JSON. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <json-c/json.h>
#include <ckpt.h>
#include "tool.h"

static void put(struct json_object *o, const char *key, int64_t n)
{
	json_object_object_add(o, key, json_object_new_int64(n));
}

/* What is not known is null. */
static void put_known(struct json_object *o, const char *key, bool known,
		      int64_t n)
{
	json_object_object_add(o, key, known ? json_object_new_int64(n) : NULL);
}

static void put_rate(struct json_object *o, unsigned long long bytes,
		     unsigned long long ns)
{
	put(o, "bytes_per_second", ns ? bytes * (1e9 / ns) : 0);
}

/* Takes @o.  Return: 0 or -EIO. */
static int write_line(FILE *to, struct json_object *o)
{
	const char *line =
		json_object_to_json_string_ext(o,
					       JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE);
	int err = line && fprintf(to, "%s\n", line) > 0 ? 0 : -EIO;

	if (fflush(to) || ferror(to))
		err = -EIO;
	json_object_put(o);
	return err;
}

FILE *tool_stats_open(const char *tool, const char *path)
{
	FILE *to;
	int fd;

	if (!path)
		return stderr;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
		  0666);
	to = fd < 0 ? NULL : fdopen(fd, "a");
	if (!to)
		fprintf(stderr, "%s: %s: cannot open: %s\n", tool, path,
			strerror(errno));
	return to;
}

int tool_stats_checkpoint(FILE *to, const char *image,
			  const struct ckpt_stats *s)
{
	struct json_object *o = json_object_new_object();

	put(o, "id", s->id);
	if (image) {
		json_object_object_add(o, "image",
				       json_object_new_string(image));
		put(o, "missed", s->missed);
	}
	put(o, "tries", s->tries);
	put(o, "total_ns", s->total_ns);
	put_known(o, "stop_ns", s->stopped, s->stop_ns);
	put(o, "freeze_ns", s->freeze_ns);
	put(o, "collect_ns", s->collect_ns);
	put(o, "save_ns", s->save_ns);
	put(o, "snapshot_ns", s->snapshot_ns);
	put_known(o, "thaw_ns", s->stopped, s->thaw_ns);
	put(o, "sync_ns", s->sync_ns);
	put(o, "stream_ns", s->stream_ns);
	put(o, "commit_ns", s->commit_ns);
	put(o, "bytes", s->bytes);
	put(o, "pages", s->pages);
	put(o, "zero_pages", s->zero_pages);
	put(o, "shared_pages", s->shared_pages);
	put_rate(o, s->bytes, s->stream_ns + s->commit_ns);
	return write_line(to, o);
}

int tool_stats_restart(FILE *to, const struct ckpt_restart_stats *s)
{
	struct json_object *o = json_object_new_object();

	put(o, "pid", s->pid);
	put(o, "tasks", s->tasks);
	put(o, "total_ns", s->total_ns);
	put(o, "head_ns", s->head_ns);
	put(o, "make_ns", s->make_ns);
	put(o, "restore_ns", s->restore_ns);
	put(o, "commit_ns", s->commit_ns);
	put(o, "freeze_ns", s->freeze_ns);
	put(o, "bytes", s->bytes);
	put(o, "pages", s->pages);
	put_rate(o, s->bytes, s->restore_ns + s->commit_ns);
	return write_line(to, o);
}
