// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may checkpoint whom: what ptrace refuses, a checkpoint refuses.
 *
 * The kernel is asked without the tool, and of a process that is not frozen:
 * who has the right is told EBUSY (not frozen), who has not EPERM, before the
 * kernel looks at anything else.  Each refusal has the same attempt beside it
 * with the one thing changed that makes it right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <linux/landlock.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ckpt.h>
#include "kselftest_harness.h"
#include "ckpt_test.h"
#include "apparmor_profile.h"

#define USER 1000
#define OTHER 1001
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"
#define SYSCTL "/proc/sys/kernel/ckpt_unpriv_allowed"

#define MAY (-EBUSY) /* it is only not frozen */
#define MAY_NOT (-EPERM)

static int become(int id)
{
	return setgroups(0, NULL) || setresgid(id, id, id) ||
	       setresuid(id, id, id);
}

/* ---- who is to be checkpointed ------------------------------------- */

static int ordinary(void)
{
	/* who changes his ids is undumpable, until he executes something */
	return become(USER) || prctl(PR_SET_DUMPABLE, 1);
}

static int other_users(void)
{
	return become(OTHER) || prctl(PR_SET_DUMPABLE, 1);
}

static int undumpable(void)
{
	return become(USER) || prctl(PR_SET_DUMPABLE, 0);
}

static int roots(void)
{
	return 0;
}

/* Real id the user's, the others root's, as of a set-user-ID program. */
static int setuid_root(void)
{
	return setresuid(USER, 0, 0) || prctl(PR_SET_DUMPABLE, 1);
}

static int other_group(void)
{
	return setgroups(0, NULL) || setresgid(USER, OTHER, OTHER) ||
	       setresuid(USER, USER, USER) || prctl(PR_SET_DUMPABLE, 1);
}

static int with_capability(void)
{
	cap_t set = cap_from_text("cap_net_raw=p");

	return prctl(PR_SET_KEEPCAPS, 1) || become(USER) || cap_set_proc(set) ||
	       prctl(PR_SET_DUMPABLE, 1);
}

static int no_new_privs(void)
{
	return become(USER) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_DUMPABLE, 1);
}

static int in_user_namespace(void)
{
	return become(USER) || prctl(PR_SET_DUMPABLE, 1) ||
	       unshare(CLONE_NEWUSER) || prctl(PR_SET_DUMPABLE, 1);
}

/* ---- who does it --------------------------------------------------- */

static int user(void)
{
	return become(USER);
}

static int user_with_ptrace(void)
{
	cap_t set = cap_from_text("cap_sys_ptrace=ep");

	return prctl(PR_SET_KEEPCAPS, 1) || become(USER) || cap_set_proc(set);
}

/* Root there, with every capability there. */
static int user_in_namespace(void)
{
	return become(USER) || prctl(PR_SET_DUMPABLE, 1) ||
	       unshare(CLONE_NEWUSER);
}

static int restrict_self(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK,
	};
	int fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	return fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       syscall(SYS_landlock_restrict_self, fd, 0);
}

static int user_under_landlock(void)
{
	return become(USER) || restrict_self();
}

static int user_with_no_new_privs(void)
{
	return become(USER) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The profile lets it open nothing: what it opens before. */
static int device = -1;

static int user_under_apparmor(void)
{
	device = ckpt_open();
	return become(USER) || ap_enter();
}

static int ordinary_under_apparmor(void)
{
	return ordinary() || ap_enter();
}

/* ---- the attempt --------------------------------------------------- */

FIXTURE(ptrace)
{
	pid_t target;
	char text[512]; /* the kernel's message */
	char yama;
	off_t written;
};

static char read_char(const char *path)
{
	char *text = ct_read_file(path), c = text ? *text : 0;

	free(text);
	return c;
}

FIXTURE_SETUP(ptrace)
{
	if (!ct_have_ckpt())
		SKIP(return, "no /dev/ckpt");
	self->target = 0;
	self->yama = read_char(YAMA);
}

static void yama_set(char scope)
{
	ct_write_file(YAMA, (char[]){ scope, '\n', 0 });
}

static void end(FIXTURE_DATA(ptrace) * self)
{
	if (!self->target)
		return;
	kill(self->target, SIGKILL);
	waitpid(self->target, NULL, 0);
	self->target = 0;
}

FIXTURE_TEARDOWN(ptrace)
{
	end(self);
}

/* A process that has become @what and does nothing. */
static pid_t start(int (*what)(void))
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		c = what() ? '-' : '+';
		if (write(ready[1], &c, 1) != 1 || c != '+')
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1 || c != '+')
		c = 0;
	close(ready[0]);
	return c ? pid : -1;
}

static int ask(pid_t pid, int image, int log)
{
	struct ckpt_ioc_checkpoint arg = {
		.pid = pid,
		.fd = image,
		.logfd = log,
		.flags = CHECKPOINT_SUBTREE,
	};
	int dev = device >= 0 ? device : ckpt_open();

	return dev < 0 ? dev : ckpt_ioctl_checkpoint(dev, &arg);
}

/* What the kernel says to the process that is @who; 1: it could not become it. */
static int ask_as(FIXTURE_DATA(ptrace) * self, int (*who)(void))
{
	int log = memfd_create("log", 0), image = memfd_create("image", 0);
	int status = 0;
	ssize_t n;
	pid_t pid = fork();

	if (!pid)
		_exit(who() ? 200 : -ask(self->target, image, log));
	waitpid(pid, &status, 0);
	n = pread(log, self->text, sizeof(self->text) - 1, 0);
	self->text[n > 0 ? n : 0] = 0;
	self->written = lseek(image, 0, SEEK_END);
	close(log);
	close(image);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 200)
		return 1;
	return -WEXITSTATUS(status);
}

static bool lives(pid_t pid)
{
	char name[64], *text;
	bool yes;

	snprintf(name, sizeof(name), "/proc/%d/status", pid);
	text = ct_read_file(name);
	yes = text && (strstr(text, "State:\tS") || strstr(text, "State:\tR"));
	free(text);
	return yes;
}

/*
 * ASK() - @who asks for @what, and is told @want; the message of a refusal
 * names the process and nothing of it, the image has no state, it lives on.
 */
#define ASK(what, who, want)                                                  \
	do {                                                                  \
		int ret_;                                                     \
		self->target = start(what);                                   \
		ASSERT_LT(0, self->target);                                   \
		ret_ = ask_as(self, who);                                     \
		EXPECT_EQ(want, ret_)                                         \
		{                                                             \
			TH_LOG("%s by %s: %s", #what, #who, self->text);      \
		}                                                             \
		EXPECT_TRUE(lives(self->target));                             \
		if ((want) == MAY_NOT) {                                      \
			EXPECT_NE(NULL, strstr(self->text, "is not yours to " \
							   "checkpoint"));    \
			EXPECT_EQ(NULL, strstr(self->text, "pid "));          \
		} else {                                                      \
			EXPECT_NE(NULL, strstr(self->text, "not frozen"));    \
		}                                                             \
		EXPECT_GT(4096, self->written);                               \
		end(self);                                                    \
	} while (0)

TEST_F(ptrace, ones_own_process)
{
	ASK(ordinary, user, MAY);
	ASK(no_new_privs, user, MAY);
	ASK(ordinary, user_with_no_new_privs, MAY);
}

TEST_F(ptrace, another_users_process)
{
	ASK(other_users, user, MAY_NOT);
	ASK(roots, user, MAY_NOT);
	ASK(other_users, user_with_ptrace, MAY);
	ASK(other_users, roots, MAY);
}

TEST_F(ptrace, setuid_process)
{
	ASK(setuid_root, user, MAY_NOT);
	ASK(setuid_root, roots, MAY);
}

TEST_F(ptrace, process_of_another_group)
{
	ASK(other_group, user, MAY_NOT);
	ASK(other_group, user_with_ptrace, MAY);
}

TEST_F(ptrace, process_with_more_capabilities)
{
	ASK(with_capability, user, MAY_NOT);
	ASK(with_capability, roots, MAY);
}

TEST_F(ptrace, undumpable_process)
{
	ASK(undumpable, user, MAY_NOT);
	ASK(undumpable, user_with_ptrace, MAY);
}

TEST_F(ptrace, from_within_a_user_namespace)
{
	ASK(ordinary, user_in_namespace, MAY_NOT);
	ASK(roots, user_in_namespace, MAY_NOT);
	ASK(ordinary, user, MAY);
}

/* Its owner may; the namespace is refused later, before anything is saved. */
TEST_F(ptrace, into_a_user_namespace)
{
	ASK(in_user_namespace, user, MAY);
	ASK(in_user_namespace, user_in_namespace, MAY_NOT);
}

TEST_F(ptrace, security_module_landlock)
{
	ASK(ordinary, user_under_landlock, MAY_NOT);
	ASK(ordinary, user_with_no_new_privs, MAY);
}

static int any_tracer(void)
{
	return ordinary() || prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
}

/* What the user is told of his own child. */
static int ask_of_child(int image, int log)
{
	pid_t child;
	int ret;

	if (ordinary())
		return 200;
	child = fork();
	if (!child)
		for (;;)
			pause();
	ret = ask(child, image, log);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return -ret;
}

static int user_of_his_child(void)
{
	int log = memfd_create("log", 0), image = memfd_create("image", 0);
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(ask_of_child(image, log));
	waitpid(pid, &status, 0);
	close(log);
	close(image);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 1;
}

/*
 * The target is the caller's sibling, unless said otherwise.  Scope 3 is tried
 * by across/run, since it stays until the next boot.
 */
TEST_F(ptrace, security_module_yama)
{
	if (!self->yama)
		SKIP(return, "no Yama");
	yama_set('0');
	ASK(ordinary, user, MAY);
	EXPECT_EQ(MAY, user_of_his_child());
	yama_set('1');
	EXPECT_EQ(MAY, user_of_his_child());
	ASK(ordinary, user, MAY_NOT);
	ASK(any_tracer, user, MAY);
	ASK(ordinary, user_with_ptrace, MAY);
	yama_set('2');
	EXPECT_EQ(MAY_NOT, user_of_his_child());
	ASK(any_tracer, user, MAY_NOT);
	ASK(ordinary, user_with_ptrace, MAY);
	yama_set(self->yama);
	ASK(ordinary, user, MAY);
}

/*
 * Between those of one profile it has no objection.  Another's profile does not
 * stop who is not confined from tracing, but an image could not keep it.
 */
TEST_F(ptrace, security_module_apparmor)
{
	char line[128];

	if (!ap_enabled())
		SKIP(return, "no AppArmor");
	ASSERT_EQ(0, ap_load());
	ASK(ordinary, user, MAY);
	ASK(ordinary, user_under_apparmor, MAY_NOT);
	ASK(ordinary_under_apparmor, user_under_apparmor, MAY);
	ASK(ordinary_under_apparmor, user, MAY);

	self->target = start(ordinary_under_apparmor);
	ASSERT_LT(0, self->target);
	snprintf(line, sizeof(line),
		 "checkpoint %d 2>&1 >/dev/null | grep -q 'a security label other than'",
		 self->target);
	EXPECT_EQ(0, system(line));
	EXPECT_TRUE(lives(self->target));
	end(self);
}

/* A program becomes set-user-ID root and sleeps; it is not to be read. */
TEST_F(ptrace, program_with_the_setuid_bit)
{
	char dir[] = "/var/tmp/ckpt-suid-XXXXXX", line[256];
	char *argv[3] = { line, (char *)"1000", NULL };

	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, chmod(dir, 0755));
	snprintf(line, sizeof(line),
		 "cp $(command -v sleep) %s/sleep && chmod 4755 %s/sleep", dir,
		 dir);
	ASSERT_EQ(0, system(line));
	snprintf(line, sizeof(line), "%s/sleep", dir);
	self->target = fork();
	if (!self->target) {
		if (!user())
			execv(line, argv);
		_exit(127);
	}
	ct_sleep_ms(300);
	EXPECT_EQ(MAY_NOT, ask_as(self, user));
	EXPECT_TRUE(lives(self->target));
	EXPECT_EQ(MAY, ask_as(self, roots))
	{
		TH_LOG("%s", self->text);
	}
	end(self);
	snprintf(line, sizeof(line), "rm -rf %s", dir);
	ASSERT_EQ(0, system(line));
}

TEST_F(ptrace, sysctl_for_administrators_only)
{
	ASSERT_EQ(0, ct_write_file(SYSCTL, "0\n"));
	self->target = start(ordinary);
	EXPECT_EQ(-EPERM, ask_as(self, user));
	EXPECT_STREQ("", self->text);
	EXPECT_EQ(-EPERM, ask_as(self, user_in_namespace));
	EXPECT_EQ(-EPERM, ask_as(self, user_with_ptrace));
	EXPECT_EQ(MAY, ask_as(self, roots));
	ASSERT_EQ(0, ct_write_file(SYSCTL, "1\n"));
	EXPECT_EQ(MAY, ask_as(self, user));
}

TEST_HARNESS_MAIN
