// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a restart, whatever its image announces: every word of every
 * type of record is made huge, the checksums right, and the restart done in a
 * group with a little memory.  None must want more than that: no allocation
 * fails, nobody is killed for want of memory.
 *
 * Environment: LIMITS_IMAGES, how many (default 200), SEED which.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/ckpt.h>
#include "image_edit.h"
#include "kselftest_harness.h"
#include "ckpt_test.h"

#define GROUP "/sys/fs/cgroup/ckpt-limits-image"
#define LIMIT "16M" /* and the program of the image needs two */
#define TOO_LITTLE "200K"
#define PROGRAM_MS 200 /* one that has been restarted may run so long */
#define ENOUGH_S 100 /* for a slow kernel, instead of all images */
#define REFUSED_MS 20000 /* one that cannot be ends before */

static int waits(struct ct_shared *s, void *arg)
{
	(void)arg;
	ct_step(s, 1);
	return 0;
}

static long group_event(const char *name)
{
	char *text = ct_read_file(GROUP "/memory.events"), *at;
	long n;

	at = text ? strstr(text, name) : NULL;
	n = at ? atol(at + strlen(name)) : -1;
	free(text);
	return n;
}

static int image_of(struct ib *ib)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	ib_seal(ib);
	while (fd >= 0 && done < ib->len && n > 0) {
		n = write(fd, ib->buf + done, ib->len - done);
		done += n > 0 ? n : 0;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void __attribute__((noreturn)) become(int image)
{
	struct ckpt_ioc_restart arg = { .size = sizeof(arg),
					.fd = image,
					.logfd = CHECKPOINT_FD_NONE,
					.flags = RESTART_TASKSELF |
						 RESTART_FRESH_PIDS |
						 RESTART_NO_TIMENS };
	int dev = open(CKPT_DEVICE, O_RDWR | O_CLOEXEC);
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (dev < 0 || ct_write_file(GROUP "/cgroup.procs", pid))
		_exit(255);
	ioctl(dev, CKPT_IOC_RESTART, &arg);
	_exit(errno < 255 ? errno : 254);
}

/*
 * The errno of a restart in the group; 0: it goes, or takes longer than @most
 * milliseconds, -1: it was killed.
 */
static int restart_in_group(struct ib *ib, int most)
{
	int fd = image_of(ib), status = 0, ms;
	pid_t pid = fork();

	if (!pid)
		become(fd);
	close(fd);
	for (ms = 0; waitpid(pid, &status, WNOHANG) != pid; ms += 2) {
		if (ms >= most) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 0;
		}
		ct_sleep_ms(2);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

FIXTURE(announced)
{
	struct ct ct;
	struct ib ib;
};

FIXTURE_SETUP(announced)
{
	CT_SETUP(&self->ct);
	ct_write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	/* programs with other registers come to a bad end */
	ct_write_file("/proc/sys/debug/exception-trace", "0");
	ASSERT_TRUE(!mkdir(GROUP, 0755) || errno == EEXIST);
	ASSERT_EQ(0, ct_write_file(GROUP "/memory.max", LIMIT));
	ASSERT_EQ(0, ct_start(&self->ct, waits, NULL));
	ASSERT_EQ(0, ct_reach(&self->ct, 1));
	ASSERT_EQ(0, ct_checkpoint(&self->ct, CT_KILL));
	ASSERT_EQ(0, ie_load(&self->ib, self->ct.img));
}

FIXTURE_TEARDOWN(announced)
{
	ct_write_file("/proc/sys/debug/exception-trace", "1");
	ib_free(&self->ib);
	ct_end(&self->ct);
	rmdir(GROUP);
}

TEST_F_TIMEOUT(announced, the_group_has_a_limit, 60)
{
	EXPECT_EQ(0, restart_in_group(&self->ib, PROGRAM_MS));
	EXPECT_EQ(0, group_event("oom_kill "));
	ASSERT_EQ(0, ct_write_file(GROUP "/memory.max", TOO_LITTLE));
	EXPECT_NE(0, restart_in_group(&self->ib, REFUSED_MS));
	EXPECT_LT(0, group_event("oom_kill ") + group_event("max "));
}

/* Any record but the trailer, which ib_seal() writes anew. */
static int choose_record(struct ib *ib)
{
	struct ckpt_hdr *h;
	int types[CKPT_HDR_MAX] = { 0 }, nr = 0, n, want;

	for (n = 0; n < ib->nr - 1; n++) {
		h = ib_at(ib, n);
		if (!types[h->type]++)
			nr++;
	}
	want = rand() % nr;
	for (n = 0; n < CKPT_HDR_MAX; n++)
		if (types[n] && !want--)
			break;
	return ib_index(ib, n, rand() % types[n]);
}

/* A word of it, behind the checksum; of a PGARR only what is no page. */
static size_t choose_word(struct ib *ib, int n)
{
	struct ckpt_hdr *h = ib_at(ib, n);
	size_t first = sizeof(struct ckpt_rec_front), len = h->len;

	if (h->type == CKPT_HDR_PGARR)
		len = sizeof(struct ckpt_hdr_pgarr) + 16;
	return first + rand() % ((len - first) / 4) * 4;
}

TEST_F_TIMEOUT(announced, huge_things_take_little_memory, 170)
{
	static const __u32 huge[] = { 0x7fffffff, 0xffffffff, 0x100000,
				      0x10000000, 0xfffff };
	const char *text = getenv("LIMITS_IMAGES"), *seed = getenv("SEED");
	int images = text ? atoi(text) : 200, i, refused = 0, err;
	int64_t end = ct_now() + ENOUGH_S * 1000LL * CT_MS;
	long kills = 0;
	unsigned int start = seed ? atoi(seed) : time(NULL);

	srand(start);
	for (i = 0; i < images && (text || ct_now() < end); i++) {
		int n = choose_record(&self->ib);
		size_t off = choose_word(&self->ib, n);
		__u32 *word = (__u32 *)((__u8 *)ib_at(&self->ib, n) + off);
		__u32 saved = *word;

		*word = huge[rand() % ARRAY_SIZE(huge)];
		err = restart_in_group(&self->ib, PROGRAM_MS);
		kills = group_event("oom_kill ") - kills;
		EXPECT_TRUE(err != ENOMEM && !kills)
		TH_LOG("SEED=%u record %d type %d offset %zu: %#x for %#x: errno %d, %ld killed",
		       start, n, ((struct ckpt_hdr *)ib_at(&self->ib, n))->type,
		       off, *word, saved, err, kills);
		kills = group_event("oom_kill ");
		refused += !!err;
		*word = saved;
	}
	text = ct_read_file(GROUP "/memory.peak"); /* since 5.19 */
	TH_LOG("%d of %d refused, at the most %ld KiB", refused, i,
	       text ? atol(text) / 1024 : -1);
	EXPECT_LT(i / 4, refused);
	EXPECT_LE(20, i);
}

TEST_HARNESS_MAIN
