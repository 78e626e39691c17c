// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an image says of what tasks share: a lie is found before a task is past
 * the point of no return.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include "image_edit.h"
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "tasks_test.h"

CT_FIXTURE(image)

/* Rows of the tree. */
enum { ROOT, ITS_THREAD, CHILD, CHILDS_THREAD };

static int filter_getuid(void)
{
	struct sock_filter insn[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 11),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = insn };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

static void *stays(void *s)
{
	tasks_stay(s, 1);
	return NULL;
}

static int has_a_thread(struct ct_shared *s, void *arg)
{
	pthread_t thread;

	CT_EQ(s, 0, pthread_create(&thread, NULL, stays, s));
	tasks_stay(s, 1);
	return pthread_join(thread, NULL);
}

/* Two processes of two threads each; those of the root share a filter. */
static int two_of_two(struct ct_shared *s, void *arg)
{
	pid_t child = tasks_fork(s, has_a_thread, NULL);
	pthread_t thread;

	CT_EQ(s, 0, filter_getuid());
	CT_EQ(s, 0, pthread_create(&thread, NULL, stays, s));
	CT_DO(tasks_wait(s, 3));
	ct_step(s, 1);
	CT_EQ(s, 0, pthread_join(thread, NULL));
	return tasks_reap(s, child);
}

static int killed_tasks(void)
{
	FILE *f = popen("dmesg | grep -c 'past the point of no return'", "r");
	int nr = -1;

	if (!f || fscanf(f, "%d", &nr) != 1)
		nr = -1;
	if (f)
		pclose(f);
	return nr;
}

/* A restart of the changed image fails with these words, and kills nobody. */
static int refused(struct ct *ct, void (*lie)(struct ib *ib), const char *words)
{
	int before = killed_tasks(), ret = -1;
	char path[PATH_MAX + 8];
	struct ib ib;

	snprintf(path, sizeof(path), "%s.lie", ct->img);
	if (before < 0 || ie_load(&ib, ct->img))
		return ct_say("the image cannot be read");
	lie(&ib);
	if (ie_store(&ib, path))
		ct_say("the image cannot be written");
	else if (ct_tool(ct, "restart", "-i", path, NULL) != 1)
		ct_say("restart did not fail");
	else if (!strstr(ct->err, words))
		ct_say("restart says: %s", ct->err);
	else if (killed_tasks() != before)
		ct_say("tasks were past the point of no return");
	else
		ret = 0;
	/* their pids are for the next one; they are ours when their parents die */
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	ib_free(&ib);
	return ret;
}

static void handlers_of_both(struct ib *ib)
{
	__s32 ref = IE_REC(ib, tree_task, ROOT)->sighand_objref;

	IE_REC(ib, tree_task, CHILD)->sighand_objref = ref;
	IE_REC(ib, tree_task, CHILDS_THREAD)->sighand_objref = ref;
}

static void io_with_a_later_one(struct ib *ib)
{
	IE_REC(ib, task, CHILD)->io_with =
		IE_REC(ib, tree_task, CHILDS_THREAD)->pid;
}

static void io_with_who_has_anothers(struct ib *ib)
{
	IE_REC(ib, task, CHILD)->io_with = IE_REC(ib, tree_task, ROOT)->pid;
	IE_REC(ib, task, CHILDS_THREAD)->io_with =
		IE_REC(ib, tree_task, CHILD)->pid;
}

static void other_filter(struct ib *ib)
{
	IE_REC(ib, seccomp, 1)->insn[2].k++;
}

static void filter_of_one(struct ib *ib)
{
	IE_REC(ib, seccomp, 1)->flags &= ~CKPT_SECCOMP_SHARED;
}

TEST_F(image, lies_of_what_tasks_share)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, two_of_two, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ct_go(ct, 1);
	ASSERT_EQ(0, refused(ct, handlers_of_both,
			     "two processes of several threads"));
	ASSERT_EQ(0, refused(ct, io_with_a_later_one, "I/O context"));
	ASSERT_EQ(0, refused(ct, io_with_who_has_anothers, "I/O context"));
	ASSERT_EQ(0, refused(ct, other_filter, "shared seccomp filter 0"));
	ASSERT_EQ(0, refused(ct, filter_of_one, "shared seccomp filter 0"));
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
}

/*
 * Who was in the foreground is each one's own: of a group one may have given up the
 * terminal, and the shell may take it away while the rows are made.
 */
TEST_F(image, foreground_is_not_the_groups)
{
	struct ct *ct = &self->ct;
	struct ib ib;

	if (getenv("CT_SKIP_CHECKPOINT"))
		SKIP(return, "nothing without a checkpoint");
	ASSERT_EQ(0, ct_start(ct, two_of_two, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, ie_load(&ib, ct->img));
	IE_REC(&ib, tree_task, CHILD)->flags ^= CKPT_TREE_FOREGROUND;
	IE_REC(&ib, tree_task, ITS_THREAD)->flags ^= CKPT_TREE_FOREGROUND;
	ASSERT_EQ(0, ie_store(&ib, ct->img));
	ib_free(&ib);
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_restart(ct));
	EXPECT_EQ(0, ct_join(ct));
}

TEST_HARNESS_MAIN
