// SPDX-License-Identifier: GPL-2.0-only
/* Figures of a checkpoint, for programs. */
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

static void put(FILE *to, const char *key, unsigned long long n)
{
	fprintf(to, ", \"%s\": %llu", key, n);
}

/* What is not known of processes that do not run on is null. */
static void put_known(FILE *to, const char *key, const struct ckpt_stats *s,
		      unsigned long long n)
{
	if (s->stopped)
		put(to, key, n);
	else
		fprintf(to, ", \"%s\": null", key);
}

/* From the first byte to the safe image. */
static unsigned long long rate(const struct ckpt_stats *s)
{
	unsigned long long ns = s->stream_ns + s->commit_ns;

	return ns ? s->bytes * (1e9 / ns) : 0;
}

int ckpt_stats_write(FILE *to, const char *image, const struct ckpt_stats *s)
{
	fprintf(to, "{\"id\": %d", s->id);
	if (image) {
		fprintf(to, ", \"image\": \"%s\"", image);
		put(to, "missed", s->missed);
	}
	put(to, "tries", s->tries);
	put(to, "total_ns", s->total_ns);
	put_known(to, "stop_ns", s, s->stop_ns);
	put(to, "freeze_ns", s->freeze_ns);
	put(to, "collect_ns", s->collect_ns);
	put(to, "save_ns", s->save_ns);
	put(to, "snapshot_ns", s->snapshot_ns);
	put_known(to, "thaw_ns", s, s->thaw_ns);
	put(to, "sync_ns", s->sync_ns);
	put(to, "stream_ns", s->stream_ns);
	put(to, "commit_ns", s->commit_ns);
	put(to, "bytes", s->bytes);
	put(to, "pages", s->pages);
	put(to, "zero_pages", s->zero_pages);
	put(to, "shared_pages", s->shared_pages);
	put(to, "bytes_per_second", rate(s));
	fputs("}\n", to);
	if (fflush(to) || ferror(to))
		return ckpt_set_error(-EIO, "the figures cannot be written");
	return 0;
}
