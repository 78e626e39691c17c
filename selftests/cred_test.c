// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials: they come back as they were, and nobody gets what he could not
 * give himself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"

CT_FIXTURE(cred)

#define USER 1000
#define OTHER 1001

static int user_ids_are_kept(struct ct_shared *s, void *arg)
{
	uid_t r, e, sv;

	CT_EQ(s, 0, setresuid(1001, 1002, 1003));
	ct_step(s, 1);
	CT_EQ(s, 0, getresuid(&r, &e, &sv));
	CT_EQ(s, 1001, r);
	CT_EQ(s, 1002, e);
	CT_EQ(s, 1003, sv);
	CT_EQ(s, 1002, setfsuid(-1));
	CT_EQ(s, -1, setuid(0));
	CT_EQ(s, EPERM, errno);
	return 0;
}

CT_ROUND_TRIP(cred, user_ids_are_kept)

static int group_ids_are_kept(struct ct_shared *s, void *arg)
{
	gid_t r, e, sv;

	CT_EQ(s, 0, setresgid(2001, 2002, 2003));
	ct_step(s, 1);
	CT_EQ(s, 0, getresgid(&r, &e, &sv));
	CT_EQ(s, 2001, r);
	CT_EQ(s, 2002, e);
	CT_EQ(s, 2003, sv);
	CT_EQ(s, 2002, setfsgid(-1));
	return 0;
}

CT_ROUND_TRIP(cred, group_ids_are_kept)

static int file_system_ids_are_kept(struct ct_shared *s, void *arg)
{
	CT_EQ(s, 0, setfsgid(3002));
	CT_EQ(s, 0, setfsuid(3001));
	ct_step(s, 1);
	CT_EQ(s, 3001, setfsuid(-1));
	CT_EQ(s, 3002, setfsgid(-1));
	CT_EQ(s, 0, geteuid());
	CT_EQ(s, 0, getegid());
	return 0;
}

CT_ROUND_TRIP(cred, file_system_ids_are_kept)

static int groups_are_kept(struct ct_shared *s, void *arg)
{
	static const gid_t want[] = { 5, 6, 1234, 1000000 };
	gid_t now[16];
	int i;

	CT_EQ(s, 0, setgroups(4, want));
	ct_step(s, 1);
	CT_EQ(s, 4, getgroups(16, now));
	for (i = 0; i < 4; i++)
		CT_EQ(s, want[i], now[i]);
	return 0;
}

CT_ROUND_TRIP(cred, groups_are_kept)

static int no_groups_stay_none(struct ct_shared *s, void *arg)
{
	gid_t now[16];

	CT_EQ(s, 0, setgroups(0, NULL));
	ct_step(s, 1);
	CT_EQ(s, 0, getgroups(16, now));
	return 0;
}

CT_ROUND_TRIP(cred, no_groups_stay_none)

static uint64_t bounding_set(void)
{
	uint64_t set = 0;
	int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_READ, cap) == 1)
			set |= 1ULL << cap;
	return set;
}

static uint64_t ambient_set(void)
{
	uint64_t set = 0;
	int cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) ==
		    1)
			set |= 1ULL << cap;
	return set;
}

/* Five sets, all of them different. */
static int capabilities_are_kept(struct ct_shared *s, void *arg)
{
	static const char want[] =
		"cap_chown,cap_kill,cap_net_raw=p cap_chown+i cap_kill+ie";
	cap_t set = cap_from_text(want), now;
	uint64_t bounding;

	CT_EQ(s, 0, prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
	CT_EQ(s, 0, cap_set_proc(set));
	CT_EQ(s, 0,
	      prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	bounding = bounding_set();
	CT_CHECK(s, bounding && !(bounding & 1ULL << CAP_SYS_TIME));
	ct_step(s, 1);
	now = cap_get_proc();
	CT_EQ(s, 0, cap_compare(set, now));
	CT_EQ(s, bounding, bounding_set());
	CT_EQ(s, 1ULL << CAP_KILL, ambient_set());
	return 0;
}

CT_ROUND_TRIP(cred, capabilities_are_kept)

static int secure_bits_are_kept(struct ct_shared *s, void *arg)
{
	int want = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
		   SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE;

	CT_EQ(s, 0, prctl(PR_SET_SECUREBITS, want));
	ct_step(s, 1);
	CT_EQ(s, want, prctl(PR_GET_SECUREBITS));
	return 0;
}

CT_ROUND_TRIP(cred, secure_bits_are_kept)

#define KEEPS_NOTHING (SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED)

/* It has left user 0 and kept what it could do. */
static int keeps_capabilities(struct ct_shared *s, void *arg)
{
	cap_t set = cap_get_proc();

	CT_EQ(s, 0, prctl(PR_SET_KEEPCAPS, 1));
	CT_EQ(s, 0, setresuid(USER, USER, USER));
	CT_EQ(s, 0, prctl(PR_SET_KEEPCAPS, 0));
	CT_EQ(s, 0, cap_set_proc(set));
	CT_EQ(s, 0, prctl(PR_SET_SECUREBITS, KEEPS_NOTHING));
	ct_step(s, 1);
	CT_EQ(s, USER, getuid());
	CT_EQ(s, KEEPS_NOTHING, prctl(PR_GET_SECUREBITS));
	CT_EQ(s, 0, cap_compare(set, cap_get_proc()));
	return 0;
}

CT_ROUND_TRIP(cred, keeps_capabilities)

TEST_F(cred, keeps_capabilities_where_that_is_forbidden)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, keeps_capabilities, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	EXPECT_EQ(1, ct_tool(ct, "setpriv", "--securebits",
			     "+keep_caps_locked,+no_setuid_fixup_locked",
			     "restart", "-i", ct->img, NULL));
	EXPECT_NE(NULL, strstr(ct->err, "capabilities are lost with user 0"));
	ct_go(ct, 1);
	EXPECT_EQ(0, ct_restart(ct));
	EXPECT_EQ(0, ct_join(ct));
}

/* ---- a user without privileges ----------------------------------- */

static int become(struct ct_shared *s, uid_t id)
{
	CT_EQ(s, 0, setgroups(0, NULL));
	CT_EQ(s, 0, setresgid(id, id, id));
	CT_EQ(s, 0, setresuid(id, id, id));
	return 0;
}

#define FIRST_LIFE 21
#define SECOND_LIFE 43

/* Saves itself; both lives end with a status of their own. */
static int checkpoints_itself(struct ct_shared *s, void *arg)
{
	int fd, ret;

	CT_DO(become(s, USER));
	fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CT_CHECK(s, fd >= 0);
	ret = ckpt_self(fd, 0);
	CT_CHECK(s, ret >= 0);
	CT_EQ(s, USER, getuid());
	CT_EQ(s, USER, getegid());
	return ret ? FIRST_LIFE : SECOND_LIFE;
}

/* As that user, with nothing special. */
#define AS(ct, id, ...)                                        \
	ct_tool(ct, "setpriv", "--reuid=" #id, "--regid=" #id, \
		"--clear-groups", "--inh-caps=-all", ##__VA_ARGS__, NULL)

TEST_F(cred, user_restarts_his_own_program)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, checkpoints_itself, ct->img));
	ASSERT_EQ(FIRST_LIFE, ct_finish(ct));
	ASSERT_EQ(SECOND_LIFE, AS(ct, 1000, "restart", "--self", "-i", ct->img))
	{
		TH_LOG("it says: %s %s", ct->err, ct->s->text);
	}
}

/* Another user may read the image, but not become its owner. */
TEST_F(cred, other_user_is_refused)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, checkpoints_itself, ct->img));
	ASSERT_EQ(FIRST_LIFE, ct_finish(ct));
	ASSERT_EQ(0, chmod(ct->img, 0666));
	ASSERT_EQ(1, AS(ct, 1001, "restart", "--self", "-i", ct->img));
	ASSERT_NE(NULL, strstr(ct->err, "user id"))
	{
		TH_LOG("it says: %s", ct->err);
	}
}

static int stays_root(struct ct_shared *s, void *arg)
{
	ct_step(s, 1);
	s->data[0] = getuid() + 1;
	return 0;
}

TEST_F(cred, roots_image_gives_no_root)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, stays_root, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, chmod(ct->img, 0644));
	ct_go(ct, 1);
	ASSERT_EQ(1, AS(ct, 1000, "restart", "--self", "-i", ct->img));
	ASSERT_NE(NULL, strstr(ct->err, "user id"))
	{
		TH_LOG("it says: %s", ct->err);
	}
	ASSERT_EQ(0, ct->s->data[0]);
	/* The same image is good for root. */
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
	ASSERT_EQ(1, ct->s->data[0]);
}

/* The same user, but with one capability more than he has. */
static int keeps_a_capability(struct ct_shared *s, void *arg)
{
	cap_t net = cap_from_text("cap_net_raw=ep"), now;

	CT_EQ(s, 0, prctl(PR_SET_KEEPCAPS, 1));
	CT_DO(become(s, USER));
	CT_EQ(s, 0, cap_set_proc(net));
	CT_EQ(s, 0, prctl(PR_SET_KEEPCAPS, 0));
	ct_step(s, 1);
	now = cap_get_proc();
	CT_EQ(s, 0, cap_compare(net, now));
	return 0;
}

TEST_F(cred, image_gives_no_capability)
{
	struct ct *ct = &self->ct;

	ASSERT_EQ(0, ct_start(ct, keeps_a_capability, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	ASSERT_EQ(0, ct_checkpoint(ct, CT_KILL));
	ASSERT_EQ(0, chmod(ct->img, 0644));
	ct_go(ct, 1);
	ASSERT_EQ(1, AS(ct, 1000, "restart", "--self", "-i", ct->img));
	ASSERT_NE(NULL, strstr(ct->err, "capabilit"))
	{
		TH_LOG("it says: %s", ct->err);
	}
	ASSERT_EQ(0, ct_restart(ct));
	ASSERT_EQ(0, ct_join(ct));
}

/* An external checkpoint needs ptrace access. */
TEST_F(cred, other_users_program_is_not_saved)
{
	struct ct *ct = &self->ct;
	char pid[16];

	ASSERT_EQ(0, ct_start(ct, stays_root, NULL));
	ASSERT_EQ(0, ct_reach(ct, 1));
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	ASSERT_EQ(1, AS(ct, 1000, "checkpoint", "-o", "/dev/null", pid));
	ASSERT_NE(0, strlen(ct->err));
	ct_go(ct, 1);
	ASSERT_EQ(0, ct_finish(ct));
}

#define SYSCTL "/proc/sys/kernel/ckpt_unpriv_allowed"

static int checkpoint_is_forbidden(struct ct_shared *s, void *arg)
{
	int fd;

	CT_DO(become(s, USER));
	fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CT_CHECK(s, fd >= 0);
	CT_EQ(s, -1, ckpt_self(fd, 0));
	CT_EQ(s, EPERM, errno);
	return 0;
}

TEST_F(cred, sysctl_forbids_users)
{
	struct ct *ct = &self->ct;
	int ret = -1;

	ASSERT_EQ(0, ct_write_file(SYSCTL, "0\n"));
	if (!ct_start(ct, checkpoint_is_forbidden, ct->img))
		ret = ct_finish(ct);
	ASSERT_EQ(0, ct_write_file(SYSCTL, "1\n"));
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, unlink(ct->img));
	ASSERT_EQ(0, ct_start(ct, checkpoints_itself, ct->img));
	ASSERT_EQ(FIRST_LIFE, ct_finish(ct));
}

TEST_HARNESS_MAIN
