// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user checkpoints a program of his that executes a set-user-ID program at a
 * random moment: before, while or after the kernel looks whether he may, and
 * thawed and frozen again in the middle of the checkpoint if need be.
 *
 * The cgroup of the program is his own, and he does all of it.  What the kernel
 * has written is searched for the secret that the set-user-ID program has in
 * its memory and registers, also when it has failed, and for credentials that
 * are not his.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/ckpt.h>
#include <linux/ckpt_image.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define USER 1000
#define GROUPS "/sys/fs/cgroup/ckpt-exec-test"
#define GROUP GROUPS "/program"
#define SECONDS 12 /* of random rounds */

/* What the user's process tells the test. */
struct tally {
	unsigned int rounds, roots, calls, images, refused, disturbed, leaks;
	int trouble; /* line where something of ours has failed */
	int err; /* the kernel's unexpected errno */
	char text[512]; /* and what it has said */
};

/* In microseconds after the checkpoint's begin. */
struct race {
	pid_t pid;
	unsigned int exec_us; /* thawed, and told to execute it */
	unsigned int freeze_us; /* later: frozen again */
	volatile bool over;
};

struct user {
	struct tally *t;
	char dir[64], binary[80], setuid[80], secret_path[80];
	uint64_t secret;
	int dev, image, log;
	unsigned int usual_us; /* that a checkpoint takes */
};

#define TROUBLE(u)                          \
	do {                                \
		(u)->t->trouble = __LINE__; \
		return -1;                  \
	} while (0)

static void pause_us(unsigned int us)
{
	struct timespec ts = { .tv_sec = us / 1000000,
			       .tv_nsec = us % 1000000 * 1000L };

	nanosleep(&ts, NULL);
}

static bool wait_frozen(void)
{
	int64_t limit = ct_now() + CT_TIMEOUT_MS * CT_MS;
	bool frozen = false;

	while (!frozen && ct_now() < limit) {
		char *events = ct_read_file(GROUP "/cgroup.events");

		frozen = events && strstr(events, "frozen 1");
		free(events);
		if (!frozen)
			ct_sleep_ms(1);
	}
	return frozen;
}

/* ---- the program ------------------------------------------------------- */

static pid_t start(struct user *u)
{
	int ready[2];
	char text[32];
	pid_t pid;

	if (ct_write_file(GROUP "/cgroup.freeze", "0") || pipe(ready))
		TROUBLE(u);
	pid = fork();
	if (!pid) {
		dup2(ready[1], 3);
		close_range(4, ~0U, 0);
		execl(u->binary, "privileged", "wait", u->setuid,
		      u->secret_path, NULL);
		_exit(127);
	}
	close(ready[1]);
	/* ends when it has closed the other end */
	if (pid < 0 || read(ready[0], text, 1))
		TROUBLE(u);
	close(ready[0]);
	snprintf(text, sizeof(text), "%d", pid);
	if (ct_write_file(GROUP "/cgroup.procs", text))
		TROUBLE(u);
	return pid;
}

static void *race(void *arg)
{
	struct race *r = arg;

	pause_us(r->exec_us);
	kill(r->pid, SIGUSR1);
	ct_write_file(GROUP "/cgroup.freeze", "0");
	pause_us(r->freeze_us);
	ct_write_file(GROUP "/cgroup.freeze", "1");
	r->over = true;
	return NULL;
}

/* ---- what has been written --------------------------------------------- */

static bool is_users(const struct ckpt_hdr_cred *c)
{
	return c->uid == USER && c->euid == USER && c->suid == USER &&
	       c->fsuid == USER && !c->cap_permitted && !c->cap_effective;
}

static bool leaks(struct user *u, const char *buf, size_t len)
{
	const struct ckpt_hdr *h;
	size_t pos;

	if (memmem(buf, len, &u->secret, sizeof(u->secret)))
		return true;
	for (pos = 0; pos + sizeof(*h) <= len; pos += h->len) {
		h = (const void *)(buf + pos);
		if (h->len < (int)sizeof(*h) || (size_t)h->len > len - pos)
			break;
		if (h->type == CKPT_HDR_CRED && !is_users((const void *)h))
			return true;
	}
	return false;
}

static int search(struct user *u)
{
	off_t len = lseek(u->image, 0, SEEK_END);
	char *buf;

	if (len <= 0)
		return 0;
	buf = mmap(NULL, len, PROT_READ, MAP_SHARED, u->image, 0);
	if (buf == MAP_FAILED)
		TROUBLE(u);
	u->t->leaks += leaks(u, buf, len);
	munmap(buf, len);
	return 0;
}

/* ---- the rounds -------------------------------------------------------- */

/* errno of one checkpoint, or -1 for our own trouble. */
static int checkpoint(struct user *u, pid_t pid)
{
	struct ckpt_ioc_checkpoint arg = { .size = sizeof(arg),
					   .pid = pid,
					   .fd = u->image,
					   .logfd = u->log,
					   .flags = CHECKPOINT_SUBTREE };
	struct tally *t = u->t;
	ssize_t n;
	int err;

	if (ftruncate(u->image, 0) || ftruncate(u->log, 0) ||
	    lseek(u->image, 0, SEEK_SET) || lseek(u->log, 0, SEEK_SET))
		TROUBLE(u);
	err = ioctl(u->dev, CKPT_IOC_CHECKPOINT, &arg) > 0 ? 0 : errno;
	t->calls++;
	t->images += !err;
	t->refused += err == EPERM;
	/* EOPNOTSUPP: found within execve(), where nothing frozen can be */
	t->disturbed += err == EBUSY || err == EOPNOTSUPP;
	if (err && err != EPERM && err != EBUSY && err != EOPNOTSUPP) {
		n = pread(u->log, t->text, sizeof(t->text) - 1, 0);
		t->text[n > 0 ? n : 0] = 0;
		t->err = err;
		return -1;
	}
	return search(u) ? -1 : err;
}

/* Whether the program has become root's. */
static bool is_roots(pid_t pid)
{
	char name[32], *text, *line;
	int uid = 0, euid = 0;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	text = ct_read_file(name);
	line = text ? strstr(text, "Uid:") : NULL;
	if (line)
		sscanf(line, "Uid: %d %d", &uid, &euid);
	free(text);
	return !euid;
}

/* Frozen for good: may it be checkpointed, or not? */
static int settled(struct user *u, pid_t pid)
{
	bool roots;
	int err;

	if (!wait_frozen())
		TROUBLE(u);
	roots = is_roots(pid);
	u->t->roots += roots;
	err = checkpoint(u, pid);
	if (err >= 0 && err != (roots ? EPERM : 0))
		TROUBLE(u);
	return err < 0 ? -1 : 0;
}

static int round_of(struct user *u, struct race *r, bool frozen_first)
{
	pthread_t thread;
	int err;

	r->pid = start(u);
	if (r->pid < 0)
		return -1;
	if (frozen_first &&
	    (ct_write_file(GROUP "/cgroup.freeze", "1") || !wait_frozen()))
		TROUBLE(u);
	r->over = false;
	if (pthread_create(&thread, NULL, race, r))
		TROUBLE(u);
	do
		err = checkpoint(u, r->pid);
	while (err >= 0 && !r->over);
	pthread_join(thread, NULL);
	if (err >= 0)
		err = settled(u, r->pid);
	if (kill(r->pid, SIGKILL) || waitpid(r->pid, NULL, 0) != r->pid)
		TROUBLE(u);
	u->t->rounds++;
	return err;
}

/* Both ends of the race, and how long a checkpoint takes. */
static int first_rounds(struct user *u)
{
	struct race r = { .exec_us = 0, .freeze_us = 100000 };
	int64_t before;
	int err;

	r.pid = start(u);
	if (r.pid < 0 || ct_write_file(GROUP "/cgroup.freeze", "1") ||
	    !wait_frozen())
		TROUBLE(u);
	before = ct_now();
	err = checkpoint(u, r.pid);
	u->usual_us = 1 + (ct_now() - before) / 1000;
	kill(r.pid, SIGKILL);
	waitpid(r.pid, NULL, 0);
	return err ? -1 : round_of(u, &r, true);
}

static int rounds(struct user *u)
{
	int64_t end = ct_now() + SECONDS * CT_SEC;
	int err = first_rounds(u);

	while (!err && ct_now() < end) {
		struct race r = {
			.exec_us = rand() % (u->usual_us * 3 / 2),
			.freeze_us = rand() % (u->usual_us + 20000),
		};

		err = round_of(u, &r, rand() % 2);
	}
	return err;
}

/* The user's process, in a group of his own groups. */
static int user_main(struct user *u)
{
	if (ct_write_file(GROUPS "/cgroup.procs", "0") || setgroups(0, NULL) ||
	    setresgid(USER, USER, USER) || setresuid(USER, USER, USER) ||
	    mkdir(GROUP, 0755))
		TROUBLE(u);
	u->dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	u->image = memfd_create("image", MFD_CLOEXEC);
	u->log = memfd_create("log", MFD_CLOEXEC);
	if (u->dev < 0 || u->image < 0 || u->log < 0 ||
	    access(u->secret_path, F_OK) || !access(u->secret_path, R_OK))
		TROUBLE(u);
	return rounds(u);
}

/* ---- the test ---------------------------------------------------------- */

FIXTURE(exec)
{
	struct user user;
};

/* The program with and without the bit, and a file that only root can read. */
static int make_files(struct user *u)
{
	char self[PATH_MAX] = "", line[3 * PATH_MAX];
	int fd;

	snprintf(u->dir, sizeof(u->dir), "/var/tmp/ckpt-exec-XXXXXX");
	if (!mkdtemp(u->dir) || chmod(u->dir, 0755) ||
	    readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	snprintf(u->binary, sizeof(u->binary), "%s/plain", u->dir);
	snprintf(u->setuid, sizeof(u->setuid), "%s/setuid", u->dir);
	snprintf(u->secret_path, sizeof(u->secret_path), "%s/secret", u->dir);
	snprintf(line, sizeof(line),
		 "cp %s/privileged %s && cp %s %s && chmod 4755 %s",
		 dirname(self), u->binary, u->binary, u->setuid, u->setuid);
	if (system(line))
		return -1;
	fd = open("/dev/urandom", O_RDONLY);
	if (read(fd, &u->secret, sizeof(u->secret)) != sizeof(u->secret))
		return -1;
	close(fd);
	fd = open(u->secret_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (write(fd, &u->secret, sizeof(u->secret)) != sizeof(u->secret))
		return -1;
	return close(fd);
}

FIXTURE_SETUP(exec)
{
	if (!ct_have_ckpt())
		SKIP(return, "no /dev/ckpt");
	self->user.t = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->user.t);
	ASSERT_EQ(0, make_files(&self->user));
	ASSERT_TRUE(!mkdir(GROUPS, 0755) || errno == EEXIST);
	ASSERT_EQ(0, chown(GROUPS, USER, USER));
	ASSERT_EQ(0, chown(GROUPS "/cgroup.procs", USER, USER));
}

FIXTURE_TEARDOWN(exec)
{
	char line[128];
	int i;

	ct_write_file(GROUPS "/cgroup.kill", "1");
	for (i = 0;
	     i < 100 && (rmdir(GROUP) || rmdir(GROUPS)) && errno == EBUSY; i++)
		ct_sleep_ms(10);
	snprintf(line, sizeof(line), "rm -rf %s", self->user.dir);
	EXPECT_EQ(0, system(line));
}

TEST_F_TIMEOUT(exec, of_a_setuid_program_at_random_moments, 600)
{
	const struct tally *t = self->user.t;
	const char *chosen = getenv("SEED");
	unsigned int seed = chosen ? atoi(chosen) : time(NULL);
	int status;
	pid_t pid;

	TH_LOG("SEED=%u", seed);
	srand(seed);
	pid = fork();
	if (!pid)
		_exit(user_main(&self->user) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	TH_LOG("%u rounds, root's in %u; %u checkpoints: %u images, %u refused, %u disturbed",
	       t->rounds, t->roots, t->calls, t->images, t->refused,
	       t->disturbed);
	EXPECT_EQ(0, t->leaks);
	EXPECT_EQ(0, status)
	{
		TH_LOG("line %d; errno %d: %s", t->trouble, t->err, t->text);
	}
	/* both ends of the race have been seen */
	EXPECT_LT(t->roots, t->rounds);
	EXPECT_LT(0, t->roots);
	EXPECT_LT(0, t->images);
	EXPECT_LT(0, t->refused);
	EXPECT_LT(0, t->disturbed);
}

TEST_HARNESS_MAIN
