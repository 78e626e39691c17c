// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks that an image is restarted into, made as restart(1) makes them: by
 * the head of the changed image, as far as that is possible, or by that of the
 * image that it was.  They are in one another's way: a thread of ours kills one of
 * them at some moment, or ends a wait for tasks that will never come.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "hierarchy.h"
#include "hostile.h"
#include "mutate.h"

#define NEVER_US 30000 /* for tasks that will not come */

struct relatives {
	struct ckpt_head head;
	struct ckpt_hierarchy *h;
	bool ours; /* they are in our pid namespace */
};

/* ---- what is to be made ---- */

struct source {
	const struct fz_image *img;
	size_t pos;
};

static ssize_t read_source(void *arg, void *buf, size_t len)
{
	struct source *s = arg;

	if (len > s->img->len - s->pos)
		len = s->img->len - s->pos;
	memcpy(buf, s->img->buf + s->pos, len);
	s->pos += len;
	return len;
}

static struct relatives *plan(const struct fz_image *img)
{
	struct source source = { .img = img };
	struct ckpt_image *reader = ckpt_image_open_fn(read_source, &source);
	struct relatives *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (r && reader)
		err = ckpt_head_read(reader, &r->head);
	if (!err) {
		err = ckpt_hierarchy_plan(&r->head, &r->h);
		if (err)
			ckpt_head_free(&r->head);
	}
	ckpt_image_close(reader);
	if (!err)
		return r;
	free(r);
	return NULL;
}

bool hostile_has_relatives(const struct fz_image *img)
{
	struct relatives *r = plan(img);
	bool yes = r && (r->h->nr > 1 || r->h->nr_ghosts);

	hostile_relatives_free(r);
	return yes;
}

/* ---- trouble ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static pid_t victim; /* to be killed, or 0 */
static unsigned int when_us;

static void *killer(void *arg)
{
	struct timespec ts;
	pid_t pid;

	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		while (!victim)
			pthread_cond_wait(&news, &lock);
		pid = victim;
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += when_us * 1000L;
		ts.tv_sec += ts.tv_nsec / 1000000000;
		ts.tv_nsec %= 1000000000;
		while (victim == pid &&
		       pthread_cond_timedwait(&news, &lock, &ts) != ETIMEDOUT)
			;
		if (victim == pid)
			kill(pid, SIGKILL);
		victim = 0;
	}
	return NULL;
}

static void kill_in(pid_t pid, unsigned int us)
{
	static pthread_t thread;
	static pid_t owner;

	if (owner != getpid() && !pthread_create(&thread, NULL, killer, NULL))
		owner = getpid();
	pthread_mutex_lock(&lock);
	victim = pid;
	when_us = us;
	pthread_cond_signal(&news);
	pthread_mutex_unlock(&lock);
}

static void kill_no_more(void)
{
	pthread_mutex_lock(&lock);
	victim = 0;
	pthread_cond_signal(&news);
	pthread_mutex_unlock(&lock);
}

/*
 * The kernel waits as long as the image names more tasks, or others, than there
 * are: the root is killed then.  Now and then it is any of them anyway.
 */
static void make_trouble(const struct relatives *r, struct fz_rng *rng,
			 const struct fz_image *img)
{
	const struct ckpt_hierarchy *h = r->h;
	struct relatives *told = plan(img);
	bool differ = !told || told->h->nr != h->nr ||
		      told->h->nr_ghosts != h->nr_ghosts;
	pid_t pid = r->ours ? h->birth->real[fz_below(rng, h->nr)] : 0;
	__u32 us = fz_below(rng, 20000);

	hostile_relatives_free(told);
	if (differ)
		kill_in(h->birth->real[0], NEVER_US);
	else if (fz_one_in(rng, 12) && pid > 0)
		kill_in(pid, us);
}

/* ---- the tasks ---- */

struct relatives *hostile_relatives_make(const struct fz_image *img,
					 const struct fz_image *orig,
					 struct fz_rng *rng, int dev, int *err)
{
	bool any = fz_one_in(rng, 8);
	bool fresh = getpid() != 1 || fz_one_in(rng, 2);
	struct relatives *r = any ? NULL : plan(img);
	pid_t pid;

	if (!r)
		r = plan(orig);
	*err = ENOMEM;
	if (!r)
		return NULL;
	r->ours = !r->h->pid_ns;
	r->h->dev = dev;
	r->h->arg = (struct ckpt_ioc_restart){
		.size = sizeof(r->h->arg),
		.fd = -1,
		.logfd = -1,
		.flags = fresh ? RESTART_FRESH_PIDS : 0,
	};
	pid = ckpt_birth_root(r->h);
	*err = pid < 0 ? -pid : 0;
	if (!*err)
		*err = -ckpt_birth_ghosts(r->h);
	if (!*err)
		*err = -ckpt_birth_wait(r->h);
	if (*err && pid > 0)
		ckpt_birth_undo(r->h);
	if (!*err) {
		make_trouble(r, rng, img);
		return r;
	}
	hostile_relatives_free(r);
	return NULL;
}

pid_t hostile_relative(const struct relatives *r, int n)
{
	if (n >= (int)r->h->nr || (n && !r->ours))
		return 0;
	return r->h->birth->real[n];
}

void hostile_relatives_end(struct relatives *r)
{
	kill_no_more();
	ckpt_birth_undo(r->h);
	hostile_relatives_free(r);
}

void hostile_relatives_free(struct relatives *r)
{
	if (!r)
		return;
	ckpt_hierarchy_free(r->h);
	ckpt_head_free(&r->head);
	free(r);
}

/* ---- rights over pids ---- */

static int put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool bad = !f || fputs(text, f) < 0;

	if (f)
		bad |= fclose(f) != 0;
	return bad ? -1 : 0;
}

int hostile_own_namespace(void)
{
	char text[64];
	pid_t pid;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) ||
	    put("/proc/self/setgroups", "deny"))
		return -1;
	snprintf(text, sizeof(text), "%d %d 1\n", HOSTILE_UID, HOSTILE_UID);
	if (put("/proc/self/uid_map", text) || put("/proc/self/gid_map", text))
		return -1;
	pid = fork();
	if (pid) {
		waitpid(pid, NULL, 0);
		_exit(pid < 0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return mount("proc", "/proc", "proc", 0, NULL);
}
