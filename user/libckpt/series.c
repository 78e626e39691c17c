// SPDX-License-Identifier: GPL-2.0-only
/*
 * A checkpoint in each interval, into a directory.
 *
 * An image is named PID-PROGRAM-NUMBER.img.  PROGRAM tells the process from
 * others that have its pid at other times; it comes from when the process was
 * started, and in which life of the machine.  NUMBER counts on from what is
 * there: no clock has to go right for the names to sort.
 *
 * Whatever is killed when, "latest" leads to a complete image: it is replaced
 * when the new image has its name, and only then old ones go.  What a killed
 * tool has left under other names goes at the next start.
 *
 * The directory is locked, so that nobody else's image loses its name or its
 * unfinished file to us.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "lib.h"

#define LATEST "latest"
#define NAME_SIZE 64
#define LEFT_OVER \
	"^\\.(latest|[0-9]+-[0-9a-f]{8}-[0-9]{10}\\.img)(\\.[0-9]+){1,2}\\.ckpt-tmp$"

struct series {
	const struct ckpt_series_opts *opts;
	const char *path; /* of the directory */
	int dir; /* open and locked */
	int pidfd;
	char prefix[NAME_SIZE / 2]; /* of the names of our images */
	unsigned long long number; /* of the last image */
	unsigned long long images; /* made by us */
};

static int series_failed(const struct series *s, const char *name,
			 const char *what)
{
	int err = errno;

	return ckpt_set_error(-err, "%s%s%s: %s: %s", s->path, *name ? "/" : "",
			      name, what, strerror(err));
}

/* ---- names ---- */

/* FNV-1a */
static unsigned int hash(unsigned int h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619U;
	return h;
}

static int name_series(struct series *s)
{
	pid_t pid = s->opts->checkpoint->pid;
	unsigned long long start;
	char text[64] = "";
	unsigned int h;
	FILE *boot;
	int err;

	err = ckpt_process_start(pid, &start);
	if (err)
		return err;
	boot = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (boot) {
		if (!fgets(text, sizeof(text), boot))
			text[0] = 0;
		fclose(boot);
	}
	h = hash(2166136261U, text);
	snprintf(text, sizeof(text), "%llu", start);
	snprintf(s->prefix, sizeof(s->prefix), "%d-%08x-", pid, hash(h, text));
	return 0;
}

static void image_name(const struct series *s, unsigned long long number,
		       char *name)
{
	snprintf(name, NAME_SIZE, "%s%010llu.img", s->prefix, number);
}

/* Return: the number of one of our images, 0: it is none. */
static unsigned long long image_number(const struct series *s, const char *name)
{
	unsigned long long number;
	char again[NAME_SIZE];

	if (strncmp(name, s->prefix, strlen(s->prefix)))
		return 0;
	number = strtoull(name + strlen(s->prefix), NULL, 10);
	image_name(s, number, again);
	return strcmp(name, again) ? 0 : number;
}

/* ---- the directory ---- */

/* Call @fn for each name; it returns 0 or a negative errno, which ends it. */
static int each_name(struct series *s,
		     int (*fn)(struct series *s, const char *name, void *arg),
		     void *arg)
{
	int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir) {
		err = series_failed(s, "", "cannot be read");
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(dir)))
		err = fn(s, entry->d_name, arg);
	if (!err && errno)
		err = series_failed(s, "", "cannot be read");
	closedir(dir);
	return err;
}

static int remove_name(struct series *s, const char *name)
{
	if (!unlinkat(s->dir, name, 0) || errno == ENOENT)
		return 0;
	return series_failed(s, name, "cannot be removed");
}

static int look_at_name(struct series *s, const char *name, void *arg)
{
	unsigned long long number = image_number(s, name);

	if (number > s->number)
		s->number = number;
	return regexec(arg, name, 0, NULL, 0) ? 0 : remove_name(s, name);
}

/* The number of the last image, and no more of what others have left over. */
static int look_around(struct series *s)
{
	regex_t left_over;
	int err;

	if (regcomp(&left_over, LEFT_OVER, REG_EXTENDED | REG_NOSUB))
		return ckpt_set_error(-ENOMEM, "out of memory");
	err = each_name(s, look_at_name, &left_over);
	regfree(&left_over);
	return err;
}

static int check_latest(const struct series *s)
{
	struct stat st;

	if (fstatat(s->dir, LATEST, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ?
			       0 :
			       series_failed(s, LATEST, "cannot be looked at");
	if (S_ISLNK(st.st_mode))
		return 0;
	return ckpt_set_error(-EEXIST,
			      "%s/" LATEST
			      ": it is no symbolic link, and would be replaced: move it away",
			      s->path);
}

static int open_dir(struct series *s)
{
	if (mkdir(s->path, 0700) && errno != EEXIST)
		return series_failed(s, "", "cannot be made");
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return series_failed(s, "", "cannot be opened");
	if (!flock(s->dir, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return ckpt_set_error(-EBUSY,
				      "%s: another series of checkpoints goes there: take another directory",
				      s->path);
	return series_failed(s, "", "cannot be locked");
}

/* ---- an image ---- */

static int link_latest(struct series *s, const char *image)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "." LATEST ".%d.ckpt-tmp", getpid());
	if (unlinkat(s->dir, name, 0) && errno != ENOENT)
		return series_failed(s, name, "cannot be removed");
	if (symlinkat(image, s->dir, name))
		return series_failed(s, LATEST, "cannot be made");
	if (renameat(s->dir, name, s->dir, LATEST)) {
		int err = series_failed(s, LATEST, "cannot be replaced");

		unlinkat(s->dir, name, 0);
		return err;
	}
	if (fsync(s->dir) && errno != EINVAL)
		return series_failed(s, "", "cannot be written to disk");
	return 0;
}

static int remove_old(struct series *s, const char *name, void *arg)
{
	unsigned long long number = image_number(s, name);

	(void)arg;
	if (!number || s->number - number < s->opts->keep)
		return 0;
	return remove_name(s, name);
}

static int image_done(struct series *s, const char *name,
		      const struct ckpt_stats *stats)
{
	const struct ckpt_series_opts *opts = s->opts;
	int err;

	s->number++;
	s->images++;
	err = link_latest(s, name);
	if (!err)
		err = each_name(s, remove_old, NULL);
	if (err)
		return err;
	if (opts->checkpoint->verbose)
		fprintf(opts->checkpoint->verbose, "checkpoint %d: %s/%s\n",
			stats->id, s->path, name);
	err = opts->done ? opts->done(opts->arg, name, stats) : 0;
	return err ? ckpt_set_error(err, "%s/%s: %s", s->path, name,
				    strerror(-err)) :
		     0;
}

/* Return: 0, or the negative errno of a checkpoint that failed. */
static int take(struct series *s, struct ckpt_stats *stats, char *name)
{
	struct ckpt_checkpoint_opts opts = *s->opts->checkpoint;
	char path[PATH_MAX];
	int id;

	image_name(s, s->number + 1, name);
	if (snprintf(path, sizeof(path), "%s/%s", s->path, name) >=
	    (int)sizeof(path))
		return ckpt_set_error(-ENAMETOOLONG, "%s: %s", s->path,
				      strerror(ENAMETOOLONG));
	opts.out = path;
	opts.stats = stats;
	id = ckpt_checkpoint_held(&opts, s->pidfd);
	return id < 0 ? id : 0;
}

/*
 * What the next interval may bring: an unlucky moment, no memory to spare, a
 * signal that has stopped us for a while.
 */
static bool may_pass(int err)
{
	return err == -EAGAIN || err == -EBUSY || err == -ENOMEM ||
	       err == -ESRCH || err == -ETIMEDOUT || err == -EINTR;
}

/* ---- the series ---- */

static bool is_over(const struct series *s)
{
	return ckpt_stop_requested() || ckpt_pidfd_wait(s->pidfd, 0) > 0;
}

static void wait_until(const struct series *s, unsigned long long ns)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };
	unsigned long long now;
	struct timespec left;

	while (!ckpt_stop_requested() && (now = ckpt_now_ns()) < ns) {
		left.tv_sec = (ns - now) / 1000000000;
		left.tv_nsec = (ns - now) % 1000000000;
		if (ppoll(&p, 1, &left, NULL) > 0)
			return;
	}
}

/* Return: 0: it is over; or a negative errno. */
static int run(struct series *s)
{
	unsigned long long start = ckpt_now_ns(), turn = 0, next, missed = 0;
	FILE *notes = s->opts->checkpoint->notes;
	struct ckpt_stats stats;
	char name[NAME_SIZE];
	int err;

	for (;;) {
		err = take(s, &stats, name);
		/* it ended meanwhile; or before there was an image at all */
		if (err && (s->images || ckpt_stop_requested()) && is_over(s))
			return 0;
		if (err && (!s->images || !may_pass(err)))
			return err;
		if (err) {
			missed++;
			if (notes)
				fprintf(notes,
					"checkpoint: no image this time: %s\n",
					ckpt_error());
		} else {
			stats.missed = missed;
			missed = 0;
			err = image_done(s, name, &stats);
			if (err)
				return err;
		}
		next = (ckpt_now_ns() - start) / s->opts->interval_ns + 1;
		missed += next - turn - 1;
		turn = next;
		wait_until(s, start + turn * s->opts->interval_ns);
		if (is_over(s))
			return 0;
	}
}

static int begin(struct series *s)
{
	pid_t pid = s->opts->checkpoint->pid;
	int err;

	err = ckpt_process_check(pid);
	if (err)
		return err;
	s->pidfd = ckpt_pidfd_open(pid);
	if (s->pidfd < 0)
		return ckpt_set_error(s->pidfd, "pid %d: %s", pid,
				      strerror(-s->pidfd));
	err = name_series(s);
	if (!err)
		err = open_dir(s);
	if (!err)
		err = check_latest(s);
	return err ?: look_around(s);
}

static void tell_end(const struct series *s)
{
	FILE *to = s->opts->checkpoint->verbose;

	if (!to)
		return;
	if (ckpt_stop_requested())
		fprintf(to, "ended by a signal after %llu images\n", s->images);
	else
		fprintf(to, "pid %d has ended, after %llu images\n",
			s->opts->checkpoint->pid, s->images);
}

int ckpt_series(const struct ckpt_series_opts *opts)
{
	struct series s = {
		.opts = opts,
		.path = opts->checkpoint->out,
		.dir = -1,
		.pidfd = -1,
	};
	int err;

	err = begin(&s);
	if (!err)
		err = run(&s);
	if (!err)
		tell_end(&s);
	if (s.dir >= 0)
		close(s.dir);
	if (s.pidfd >= 0)
		close(s.pidfd);
	return err;
}
