/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ordinary program of an ordinary user, its image, and restarts of that
 * image after somebody has changed it.
 *
 * Each row of a test is one change: the user's restart must be refused, by name
 * and errno, without a process left and without a file changed; or it is taken,
 * and the program then has no right that the user had not.  The program itself
 * looks at what it has become.  Rows that are a matter of rights are restarted
 * by root as well, who may have them.
 */
#ifndef _PRIVILEGE_IMAGE_H
#define _PRIVILEGE_IMAGE_H

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <time.h>
#include "image_edit.h"
#include "ckpt_test.h"
#include "kselftest.h"

#define PV_USER 1000
#define PV_LOCKED 0x20000000UL /* where the program has locked memory */
#define PV_LOCKED_PAGES 4
#define PV_DEEP 0xffff888000000000ULL /* the kernel's */
#define PV_HOLE 0x0000800000000000ULL /* not an address at all */

/* What the program finds itself to be, in ct_shared.data. */
enum pv_fact {
	PV_RAN,
	PV_UID,
	PV_EUID,
	PV_EGID,
	PV_GROUPS,
	PV_EFFECTIVE,
	PV_PERMITTED,
	PV_BOUNDING,
	PV_SECUREBITS,
	PV_NICE,
	PV_POLICY,
	PV_OOM_SCORE_ADJ,
	PV_NO_NEW_PRIVS,
	PV_SECCOMP,
	PV_OWNER, /* of SIGIO: F_GETOWN */
	PV_PID,
	PV_FLAGS, /* EFLAGS */
	PV_BRK, /* after an attempt to move it */
	PV_SECRET, /* could open root's file */
	PV_WROTE, /* could make a mapping of /only writable */
	PV_LIMITS, /* hard ones, CKPT_NLIMITS of them */
};

#define PV_ROOT_MAY 1U /* root's restart is taken */
#define PV_ROOT_TOO 2U /* root is refused as well */
#define PV_NAMESPACE 4U /* in a user namespace, where it may choose pids */
#define PV_SELF 8U /* restart --self */
#define PV_ANY_END 16U /* it may end as it likes, by a signal of its own */

struct pv_row {
	const char *name;
	void (*edit)(struct ib *ib); /* NULL: the image as it was */
	const char *words; /* of the message, by '|'; NULL: it is taken */
	int err; /* errno in it */
	unsigned int flags;
	void (*caller)(void); /* what the restarter is, in its process */
	bool (*holds)(const struct ct_shared *s); /* where it is taken */
	int number; /* pv_number, for functions of several rows */
};

static int pv_number;

struct pv {
	struct ct ct;
	struct ib good;
	char changed[PATH_MAX]; /* the image to restart */
	__u64 files; /* pv_files_now() at the beginning */
};

/* ---- the program --------------------------------------------------- */

static inline long pv_capability(bool effective)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
						 0 };
	struct __user_cap_data_struct data[2] = {};

	syscall(SYS_capget, &head, data);
	if (effective)
		return data[0].effective | (long)data[1].effective << 32;
	return data[0].permitted | (long)data[1].permitted << 32;
}

static inline long pv_bounding(void)
{
	long set = 0;
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		set |= (long)prctl(PR_CAPBSET_READ, cap) << cap;
	return set;
}

static inline long pv_oom_score_adj(void)
{
	char *text = ct_read_file("/proc/self/oom_score_adj");
	long adj = text ? atol(text) : -1;

	free(text);
	return adj;
}

static void *pv_only; /* the program's shared mapping of "only" */

static inline void pv_look(struct ct_shared *s, int fd, const char *dir)
{
	char secret[PATH_MAX];
	struct rlimit rlim;
	int i;

	s->data[PV_UID] = getuid();
	s->data[PV_EUID] = geteuid();
	s->data[PV_EGID] = getegid();
	s->data[PV_GROUPS] = getgroups(0, NULL);
	s->data[PV_EFFECTIVE] = pv_capability(true);
	s->data[PV_PERMITTED] = pv_capability(false);
	s->data[PV_BOUNDING] = pv_bounding();
	s->data[PV_SECUREBITS] = prctl(PR_GET_SECUREBITS);
	s->data[PV_NICE] = getpriority(PRIO_PROCESS, 0);
	s->data[PV_POLICY] = sched_getscheduler(0);
	s->data[PV_OOM_SCORE_ADJ] = pv_oom_score_adj();
	s->data[PV_NO_NEW_PRIVS] = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	s->data[PV_SECCOMP] = prctl(PR_GET_SECCOMP);
	s->data[PV_OWNER] = fcntl(fd, F_GETOWN);
	s->data[PV_PID] = getpid();
	s->data[PV_BRK] = syscall(SYS_brk, 0x3000);
	for (i = 0; i < CKPT_NLIMITS; i++) {
		getrlimit(i, &rlim);
		s->data[PV_LIMITS + i] = rlim.rlim_max;
	}
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	s->data[PV_SECRET] = access(secret, R_OK) == 0 ||
			     open(secret, O_RDONLY) >= 0;
	s->data[PV_WROTE] = !mprotect(pv_only, 4096, PROT_READ | PROT_WRITE);
	s->data[PV_RAN] = 1;
}

static inline int pv_open(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, flags);
}

/* Files as the rows want them, opened and mapped; the first is returned. */
static inline int pv_files(struct ct_shared *s, const char *dir)
{
	static const char *const mapped[] = { "only", "suid", "mnt/tool" };
	int fd = pv_open(dir, "open", O_RDWR);
	unsigned int i;
	void *area;

	CT_CHECK(s, pv_open(dir, "public", O_RDONLY) >= 0);
	for (i = 0; i < ARRAY_SIZE(mapped); i++) {
		int one = pv_open(dir, mapped[i], O_RDONLY);

		CT_CHECK(s, one >= 0);
		area = mmap(NULL, 4096, PROT_READ, i ? MAP_PRIVATE : MAP_SHARED,
			    one, 0);
		CT_CHECK(s, area != MAP_FAILED);
		if (!i)
			pv_only = area;
	}
	CT_EQ(s, 0, fcntl(fd, F_SETOWN, getpid()));
	CT_EQ(s, 0, chdir(dir) || chdir("inside"));
	return fd < 0 ? -1 : -fd;
}

/* A timer, a signal that waits, locked memory. */
static inline int pv_state(struct ct_shared *s)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	const int prot = PROT_READ | PROT_WRITE;
	const size_t len = PV_LOCKED_PAGES * 4096;
	timer_t timer;
	sigset_t set;
	char *area;

	area = mmap((void *)PV_LOCKED, len, prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CT_CHECK(s, area == (void *)PV_LOCKED);
	memset(area, 1, len);
	CT_EQ(s, 0, mlock(area, len));
	CT_EQ(s, 0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CT_EQ(s, 0, sigprocmask(SIG_BLOCK, &set, NULL));
	CT_EQ(s, 0,
	      sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 7 }));
	return 0;
}

static inline int pv_program(struct ct_shared *s, void *arg)
{
	unsigned long flags;
	int fd;

	prctl(PR_SET_NAME, "pv-program");
	fd = -pv_files(s, arg);
	CT_CHECK(s, fd > 0);
	CT_DO(pv_state(s));
	CT_EQ(s, 0, setgroups(0, NULL));
	CT_EQ(s, 0, setresgid(PV_USER, PV_USER, PV_USER));
	CT_EQ(s, 0, setresuid(PV_USER, PV_USER, PV_USER));
	ct_spin(s, 1);
	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	s->data[PV_FLAGS] = flags;
	pv_look(s, fd, arg);
	return 0;
}

/* ---- the places -------------------------------------------------------- */

static inline int pv_place(const struct pv *pv, const char *name, mode_t mode,
			   const char *command)
{
	char line[3 * PATH_MAX];

	snprintf(line, sizeof(line), "%s %s/%s && chmod %o %s/%s", command,
		 pv->ct.dir, name, mode, pv->ct.dir, name);
	return system(line) ? ct_say("%s failed", line) : 0;
}

static inline int pv_places(const struct pv *pv)
{
	static const struct {
		const char *name;
		mode_t mode;
		const char *command;
	} places[] = {
		{ "open", 0666, "echo one >" },
		{ "only", 0444, "echo two >" },
		{ "public", 0644, "echo all >" },
		{ "secret", 0600, "echo you >" },
		{ "inside", 0755, "mkdir" },
		{ "closed", 0700, "mkdir" },
		{ "suid", 04755, "cp /bin/true" },
		{ "mnt", 0755, "mkdir" },
		{ "mnt", 0755, "mount -t tmpfs -o noexec none" },
		{ "mnt/tool", 0755, "cp /bin/true" },
		{ "h", 0755, "mkdir" },
		{ "h", 0755, "mount -t hugetlbfs none" },
		{ "h/fi", 0644, "truncate -s 2M" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		if (pv_place(pv, places[i].name, places[i].mode,
			     places[i].command))
			return -1;
	return 0;
}

static const char *const pv_names[] = { "open",	  "only", "public",
					"secret", "suid", "mnt/tool" };

/* A digest of contents and mode of all files. */
static inline __u64 pv_files_now(const struct pv *pv)
{
	char path[PATH_MAX], *text;
	struct stat st = {};
	unsigned int i;
	__u64 sum = 0;

	for (i = 0; i < ARRAY_SIZE(pv_names); i++) {
		snprintf(path, sizeof(path), "%s/%s", pv->ct.dir, pv_names[i]);
		text = ct_read_file(path);
		stat(path, &st);
		sum = XXH64(text ? text : path, text ? st.st_size : 1,
			    sum ^ st.st_mode ^ (__u64)st.st_uid << 32);
		free(text);
	}
	return sum;
}

static inline bool pv_untouched(const struct pv *pv)
{
	return pv_files_now(pv) == pv->files;
}

/* ---- restarts ------------------------------------------------------------ */

/* A process of the user is there: a dead one may take a moment to go. */
static inline bool pv_left(void)
{
	int64_t end = ct_now() + 3 * CT_SEC;
	struct dirent *e;
	struct stat st;
	bool some;
	DIR *proc;

	do {
		some = false;
		proc = opendir("/proc");
		while ((e = readdir(proc)))
			if (atoi(e->d_name) &&
			    !fstatat(dirfd(proc), e->d_name, &st, 0))
				some |= st.st_uid == PV_USER;
		closedir(proc);
		if (!some)
			return false;
		ct_sleep_ms(20);
	} while (ct_now() < end);
	return true;
}

static inline void pv_child(const struct pv *pv, const struct pv_row *row,
			    bool root)
{
	char *argv[6] = { "restart", "-i", (char *)pv->changed, NULL };
	char err[PATH_MAX];

	if (row->flags & PV_SELF)
		argv[3] = "--self";
	else if (root || !(row->flags & PV_NAMESPACE))
		argv[3] = "--no-pids";
	snprintf(err, sizeof(err), "%s/err", pv->ct.dir);
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(0, 1);
	dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0666), 2);
	close_range(3, ~0U, 0);
	if (row->caller && !root)
		row->caller();
	if (!root &&
	    (setgroups(0, NULL) || setresgid(PV_USER, PV_USER, PV_USER) ||
	     setresuid(PV_USER, PV_USER, PV_USER)))
		_exit(126);
	execvp(argv[0], argv);
	_exit(127);
}

static inline int pv_wait(pid_t pid)
{
	int64_t end = ct_now() + CT_TIMEOUT_MS * CT_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (ct_now() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		ct_sleep_ms(5);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One restart: what the tool returns, with ct.err and the program's facts. */
static inline int pv_restart(struct pv *pv, const struct pv_row *row, bool root)
{
	char path[PATH_MAX], *text;
	pid_t pid;
	int ret;

	memset((void *)pv->ct.s->data, 0, sizeof(pv->ct.s->data));
	pv->ct.s->go = INT_MAX;
	fflush(stdout);
	pid = fork();
	if (!pid)
		pv_child(pv, row, root);
	ret = pv_wait(pid);
	snprintf(path, sizeof(path), "%s/err", pv->ct.dir);
	text = ct_read_file(path);
	snprintf(pv->ct.err, sizeof(pv->ct.err), "%s", text ? text : "");
	free(text);
	return ret;
}

/* The user's own rights and no other. */
static inline bool pv_plain(const struct ct_shared *s, bool namespace)
{
	if (s->data[PV_SECRET] || s->data[PV_NICE] < 0 ||
	    s->data[PV_POLICY] != SCHED_OTHER || s->data[PV_OOM_SCORE_ADJ] < 0)
		return false;
	return namespace ||
	       (s->data[PV_UID] == PV_USER && s->data[PV_EUID] == PV_USER &&
		s->data[PV_EGID] == PV_USER && !s->data[PV_GROUPS] &&
		!s->data[PV_EFFECTIVE] && !s->data[PV_PERMITTED]);
}

static inline bool pv_says(const struct pv *pv, const struct pv_row *row)
{
	char copy[512], want[32], *word, *save;

	snprintf(copy, sizeof(copy), "%s", row->words);
	for (word = strtok_r(copy, "|", &save); word;
	     word = strtok_r(NULL, "|", &save))
		if (!strstr(pv->ct.err, word))
			return false;
	snprintf(want, sizeof(want), "errno %d)", row->err);
	return !row->err || strstr(pv->ct.err, want);
}

static inline bool pv_refused(struct pv *pv, const struct pv_row *row,
			      bool root)
{
	int ret = pv_restart(pv, row, root);

	if (ret == 1 && !pv->ct.s->data[PV_RAN] && pv_says(pv, row) &&
	    !pv_left() && pv_untouched(pv))
		return true;
	ct_say("%s: %s restart: %d, ran %d, left %d, untouched %d, wanted '%s' (%d), said: %s",
	       row->name, root ? "root's" : "the user's", ret,
	       (int)pv->ct.s->data[PV_RAN], pv_left(), pv_untouched(pv),
	       row->words, row->err, pv->ct.err);
	return false;
}

static inline bool pv_taken(struct pv *pv, const struct pv_row *row, bool root)
{
	const struct ct_shared *s = pv->ct.s;
	int ret = pv_restart(pv, row, root);

	if ((row->flags & PV_ANY_END) && ret != 1 && !s->data[PV_RAN] &&
	    pv_untouched(pv) && !pv_left())
		return true;
	if (!ret && s->data[PV_RAN] && (!row->holds || row->holds(s)) &&
	    (root || pv_plain(s, row->flags & PV_NAMESPACE)) &&
	    pv_untouched(pv) && !pv_left())
		return true;
	ct_say("%s: %s restart gave %d, ran %d, holds %d, plain %d, files untouched %d, said: %s",
	       row->name, root ? "root's" : "the user's", ret,
	       (int)s->data[PV_RAN], !row->holds || row->holds(s),
	       pv_plain(s, row->flags & PV_NAMESPACE), pv_untouched(pv),
	       pv->ct.err);
	return false;
}

static inline void pv_try(struct pv *pv, const struct pv_row *row)
{
	struct ib ib;
	bool ok;

	pv_number = row->number;
	ib_init(&ib);
	memcpy(ib.buf, pv->good.buf, pv->good.len);
	ib.len = pv->good.len;
	ok = !ie_index(&ib);
	if (ok && row->edit)
		row->edit(&ib);
	ok = ok && !ie_store(&ib, pv->changed);
	ib_free(&ib);
	if (ok)
		ok = row->words ? pv_refused(pv, row, false) :
				  pv_taken(pv, row, false);
	if (ok && row->flags & PV_ROOT_MAY)
		ok = pv_taken(pv, row, true);
	if (ok && row->flags & PV_ROOT_TOO)
		ok = pv_refused(pv, row, true);
	ksft_test_result(ok, "%s\n", row->name);
}

/* The image that all rows begin with. */
static inline int pv_begin(struct pv *pv)
{
	struct ct *ct = &pv->ct;

	if (ct_setup(ct) || pv_places(pv))
		return -1;
	pv->files = pv_files_now(pv);
	snprintf(pv->changed, sizeof(pv->changed), "%s/changed", ct->dir);
	if (ct_start(ct, pv_program, ct->dir) || ct_reach(ct, 1) ||
	    ct_checkpoint(ct, CT_KILL))
		return -1;
	return ie_load(&pv->good, ct->img);
}

static inline void pv_end(struct pv *pv)
{
	static const char *const mounts[] = { "mnt", "h" };
	char path[PATH_MAX];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(path, sizeof(path), "%s/%s", pv->ct.dir, mounts[i]);
		umount2(path, MNT_DETACH);
	}
	ct_end(&pv->ct);
	ib_free(&pv->good);
}

struct pv_table {
	const struct pv_row *rows;
	unsigned int nr;
};

#define PV_TABLE(array)                  \
	{                                \
		array, ARRAY_SIZE(array) \
	}

/* All rows, between the image as it was and the image as it was. */
static inline int pv_main(const struct pv_table *tables, unsigned int nr)
{
	const struct pv_row before = { .name = "the_image_as_it_was" };
	const struct pv_row after = { .name = "the_image_is_still_good" };
	struct pv pv = {};
	unsigned int i, n, plan = 2;

	ksft_print_header();
	if (!ct_have_ckpt())
		ksft_exit_skip("no /dev/ckpt\n");
	for (i = 0; i < nr; i++)
		plan += tables[i].nr;
	ksft_set_plan(plan);
	if (pv_begin(&pv)) {
		pv_end(&pv);
		ksft_exit_fail_msg("no image to begin with\n");
	}
	pv_try(&pv, &before);
	for (i = 0; i < nr; i++)
		for (n = 0; n < tables[i].nr; n++)
			pv_try(&pv, &tables[i].rows[n]);
	pv_try(&pv, &after);
	pv_end(&pv);
	ksft_finished();
}

/*
 * edit_@name(): changes the image @ib, in its @nth record @r of that structure.
 */
#define PV_EDIT(name, st, nth, change)                         \
	static void edit_##name(struct ib *ib)                 \
	{                                                      \
		struct ckpt_hdr_##st *r = IE_REC(ib, st, nth); \
		(void)r;                                       \
		change;                                        \
	}

#endif /* _PRIVILEGE_IMAGE_H */
