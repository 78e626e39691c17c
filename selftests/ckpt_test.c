// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests share; ckpt_test.h says how it is used.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include "ckpt_test.h"

#define TOOL_ARGS_MAX 32

int64_t ct_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * CT_SEC + ts.tv_nsec;
}

void ct_sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * CT_MS };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

int ct_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("# ", stdout);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	va_end(ap);
	return -1;
}

char *ct_read_file(const char *path)
{
	size_t size = 0, len = 0;
	char *buf = NULL, *more;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	do {
		if (len + 1 >= size) {
			size = size ? 2 * size : 4096;
			more = realloc(buf, size);
			if (!more)
				abort();
			buf = more;
		}
		n = read(fd, buf + len, size - len - 1);
		if (n > 0)
			len += n;
	} while (n > 0);
	close(fd);
	buf[len] = 0;
	return buf;
}

int ct_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t len = strlen(text);

	if (fd < 0)
		return ct_say("%s: %m", path);
	if (write(fd, text, len) != len) {
		close(fd);
		return ct_say("%s: %m", path);
	}
	return close(fd);
}

#define SWAP \
	"ckpt-swap" /* tmpfs, where a test's directory may be, takes none */

int ct_swap_on(void)
{
	if (system("head -c 16M /dev/zero >" SWAP " && chmod 600 " SWAP
		   " && mkswap -q " SWAP))
		return ct_say("no swap file");
	return swapon(SWAP, 0) ? ct_say("swapon: %m") : 0;
}

int ct_swap_off(void)
{
	if (swapoff(SWAP))
		return ct_say("swapoff: %m");
	return unlink(SWAP) ? ct_say("unlink: %m") : 0;
}

/* With CT_SKIP_CHECKPOINT in the environment. */
static bool skips(void)
{
	return getenv("CT_SKIP_CHECKPOINT");
}

bool ct_have_ckpt(void)
{
	return skips() || access("/dev/ckpt", F_OK) == 0;
}

int ct_setup(struct ct *ct)
{
	char name[PATH_MAX];
	int fd;

	memset(ct, 0, sizeof(*ct));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(ct->dir, sizeof(ct->dir), "/tmp/ckpt-test-XXXXXX");
	if (!mkdtemp(ct->dir))
		return ct_say("mkdtemp: %m");
	chmod(ct->dir, 0777);
	snprintf(ct->img, sizeof(ct->img), "%s/img", ct->dir);
	snprintf(ct->out, sizeof(ct->out), "%s/out", ct->dir);
	snprintf(name, sizeof(name), "%s/shared", ct->dir);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) || ftruncate(fd, sizeof(*ct->s)))
		return ct_say("%s: %m", name);
	ct->s = mmap(NULL, sizeof(*ct->s), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	close(fd);
	if (ct->s == MAP_FAILED)
		return ct_say("mmap: %m");
	return 0;
}

/*
 * The harness shares anonymous memory with its children: a checkpoint refuses
 * it, and the program does not need it.
 */
static void unmap_shared_anonymous(void)
{
	char *maps = ct_read_file("/proc/self/maps");
	char *line, *next;
	unsigned long start, end;

	for (line = maps; line && *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			break;
		*next++ = 0;
		if (strstr(line, "/dev/zero (deleted)") &&
		    sscanf(line, "%lx-%lx", &start, &end) == 2)
			munmap((void *)start, end - start);
	}
	free(maps);
}

static void redirect(const char *in, const char *out, const char *err)
{
	int fd = open(in, O_RDONLY);

	dup2(fd, 0);
	fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0666);
	dup2(fd, 1);
	if (strcmp(out, err))
		fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	dup2(fd, 2);
	close_range(3, ~0U, 0);
}

static void reset_signals(void)
{
	sigset_t none;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int fork_program(struct ct *ct)
{
	fflush(stdout);
	memset(ct->s, 0, sizeof(*ct->s));
	ct->pid = fork();
	if (ct->pid < 0)
		return ct_say("fork: %m");
	if (ct->pid) {
		ct->alive = true;
		return 1;
	}
	redirect("/dev/null", ct->out, ct->out);
	fchmod(STDOUT_FILENO, 0666); /* it may go on as another user */
	reset_signals();
	return 0;
}

int ct_start(struct ct *ct, ct_fn fn, void *arg)
{
	struct ct_shared *s = ct->s;
	int ret = fork_program(ct);

	if (ret)
		return ret < 0 ? ret : 0;
	unmap_shared_anonymous();
	_exit(fn(s, arg));
}

int ct_start_command(struct ct *ct, char *const argv[])
{
	int ret = fork_program(ct);

	if (ret)
		return ret < 0 ? ret : 0;
	execvp(argv[0], argv);
	_exit(127);
}

/*
 * Reaps @pid within the time limit: its wait status, or -1 when it has not
 * ended by then.
 */
static int reap(pid_t pid, int timeout_ms)
{
	int64_t end = ct_now() + timeout_ms * CT_MS;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return -1;
		if (ct_now() > end)
			return -1;
		ct_sleep_ms(5);
	}
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The program's own words, after something went wrong. */
static void show_failure(struct ct *ct)
{
	char *out;

	if (ct->s->failed)
		ct_say("the program says: %.511s", ct->s->text);
	out = ct_read_file(ct->out);
	if (out && *out)
		ct_say("its output: %.2000s", out);
	free(out);
}

/* ---- the tasks of its tree --------------------------------------- */

#define FAMILY_MAX 4096

/* Adds the children of all threads of @pid, and theirs, to @list. */
static int add_family(pid_t pid, pid_t *list, int nr)
{
	char name[64], *text, *at, *end;
	struct dirent *task;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/task", pid);
	dir = opendir(name);
	while (dir && (task = readdir(dir))) {
		snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pid,
			 atoi(task->d_name));
		text = atoi(task->d_name) ? ct_read_file(name) : NULL;
		for (at = text; at && nr < FAMILY_MAX; at = end) {
			pid_t child = strtol(at, &end, 10);

			if (end == at)
				break;
			list[nr] = child;
			nr = add_family(child, list, nr + 1);
		}
		free(text);
	}
	if (dir)
		closedir(dir);
	return nr;
}

/* Waits until those of @list are gone; orphans have become our children. */
static int bury(const pid_t *list, int nr)
{
	int64_t end = ct_now() + CT_TIMEOUT_MS * CT_MS;
	int i;

	for (i = 0; i < nr; i++)
		while (!kill(list[i], 0)) {
			waitpid(list[i], NULL, WNOHANG | __WALL);
			if (ct_now() > end)
				return ct_say("task %d is still there",
					      list[i]);
			ct_sleep_ms(1);
		}
	return 0;
}

/* Kills what has become, or is below, our child. */
static void kill_family(void)
{
	static pid_t list[FAMILY_MAX];
	int i, nr, tries;

	for (tries = 0; tries < 100; tries++) {
		nr = add_family(getpid(), list, 0);
		if (!nr)
			return;
		for (i = 0; i < nr; i++)
			kill(list[i], SIGKILL);
		for (i = 0; i < nr; i++)
			waitpid(list[i], NULL, WNOHANG | __WALL);
		ct_sleep_ms(5);
	}
	ct_say("task %d cannot be killed", list[0]);
}

/* True when the program, or the restart that waits for it, has ended. */
static bool has_ended(struct ct *ct)
{
	siginfo_t si = { .si_pid = 0 };
	pid_t pid = ct->tool ? ct->tool : ct->pid;

	return waitid(P_PID, pid, &si, WEXITED | WNOHANG | WNOWAIT) ||
	       si.si_pid == pid;
}

int ct_reach(struct ct *ct, int step)
{
	int64_t end = ct_now() + CT_TIMEOUT_MS * CT_MS;

	while (ct->s->ready < step) {
		if (has_ended(ct)) {
			show_failure(ct);
			return ct_say("it ended before step %d", step);
		}
		if (ct_now() > end)
			return ct_say("it did not get to step %d", step);
		ct_sleep_ms(2);
	}
	return 0;
}

int ct_in_syscall(struct ct *ct, long nr)
{
	int64_t end = ct_now() + CT_TIMEOUT_MS * CT_MS;
	char name[64], *text;
	bool there;

	snprintf(name, sizeof(name), "/proc/%d/syscall", ct->pid);
	do {
		text = ct_read_file(name);
		there = text && strncmp(text, "running", 7) &&
			strtol(text, NULL, 10) == nr;
		free(text);
		if (there)
			return 0;
		if (has_ended(ct)) {
			show_failure(ct);
			return ct_say("it ended before system call %ld", nr);
		}
		ct_sleep_ms(2);
	} while (ct_now() < end);
	return ct_say("it did not get into system call %ld", nr);
}

void ct_go(struct ct *ct, int step)
{
	ct->s->go = step;
}

/* ---- the tools --------------------------------------------------- */

static pid_t start_tool(struct ct *ct, const char *out, char **argv)
{
	char err[PATH_MAX];
	pid_t pid;

	snprintf(err, sizeof(err), "%s/err", ct->dir);
	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	redirect("/dev/null", out, err);
	reset_signals();
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %m\n", argv[0]);
	_exit(127);
}

static void collect_err(struct ct *ct)
{
	char name[PATH_MAX], *text;

	snprintf(name, sizeof(name), "%s/err", ct->dir);
	text = ct_read_file(name);
	snprintf(ct->err, sizeof(ct->err), "%s", text ? text : "");
	free(text);
}

static int join_tool(struct ct *ct, pid_t pid, const char *name)
{
	int status = reap(pid, CT_TIMEOUT_MS);

	if (status == -1) {
		kill(pid, SIGKILL);
		reap(pid, CT_TIMEOUT_MS);
		collect_err(ct);
		return ct_say("%s did not end; it says: %s", name, ct->err);
	}
	collect_err(ct);
	return code_of(status);
}

static void take_args(char **argv, int nr, va_list ap)
{
	do {
		argv[nr] = va_arg(ap, char *);
	} while (argv[nr] && ++nr < TOOL_ARGS_MAX - 1);
	argv[nr] = NULL;
}

int ct_tool(struct ct *ct, const char *tool, ...)
{
	char *argv[TOOL_ARGS_MAX] = { (char *)tool };
	va_list ap;
	pid_t pid;

	va_start(ap, tool);
	take_args(argv, 1, ap);
	va_end(ap);
	pid = start_tool(ct, "/dev/null", argv);
	if (pid < 0)
		return ct_say("fork: %m");
	return join_tool(ct, pid, tool);
}

static int end_of_killed(struct ct *ct)
{
	int status;

	if (!ct->alive) { /* the restart tool is its parent */
		status = join_tool(ct, ct->tool, "restart");
		ct->tool = 0;
		return status == -1 ? -1 : 0;
	}
	status = reap(ct->pid, CT_TIMEOUT_MS);
	if (status == -1)
		return ct_say("checkpoint --kill left it alive");
	ct->alive = false;
	if (code_of(status) != 128 + SIGKILL)
		return ct_say("it ended with %d, not by SIGKILL",
			      code_of(status));
	return 0;
}

int ct_checkpoint_to(struct ct *ct, const char *img, int flags)
{
	const char *pack = getenv("CT_COMPRESS") ?: "none";
	static pid_t family[FAMILY_MAX];
	int ret, nr;
	char pid[16];

	if (skips())
		return 0;
	nr = add_family(ct->pid, family, 0);
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	if (flags & CT_KILL)
		ret = ct_tool(ct, "checkpoint", "-z", pack, "-o", img, "--kill",
			      pid, NULL);
	else
		ret = ct_tool(ct, "checkpoint", "-z", pack, "-o", img, pid,
			      NULL);
	if (ret) {
		ct_say("checkpoint: status %d: %s", ret, ct->err);
		return ret;
	}
	if (!(flags & CT_KILL))
		return 0;
	ret = end_of_killed(ct) ?: bury(family, nr);
	/* those that were born since: the number of a leader is theirs, too */
	while (!ret && waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	return ret;
}

int ct_checkpoint(struct ct *ct, int flags)
{
	return ct_checkpoint_to(ct, ct->img, flags);
}

int ct_restart_from(struct ct *ct, const char *img, ...)
{
	char *argv[TOOL_ARGS_MAX] = { "restart", "-i", (char *)img };
	va_list ap;

	va_start(ap, img);
	take_args(argv, 3, ap);
	va_end(ap);
	ct->s->restarted++;
	if (skips())
		return 0;
	ct->tool = start_tool(ct, "/dev/null", argv);
	return ct->tool < 0 ? ct_say("fork: %m") : 0;
}

int ct_finish(struct ct *ct)
{
	int status = reap(ct->pid, CT_TIMEOUT_MS);

	if (status == -1) {
		show_failure(ct);
		return ct_say("the program did not end");
	}
	ct->alive = false;
	if (code_of(status)) {
		ct_say("the program ended with %d", code_of(status));
		show_failure(ct);
	}
	return code_of(status);
}

int ct_join(struct ct *ct)
{
	int ret;

	if (skips())
		return ct_finish(ct);
	ret = join_tool(ct, ct->tool, "restart");
	if (ret != -1)
		ct->tool = 0;
	if (ret) {
		ct_say("restart: status %d: %s", ret, ct->err);
		show_failure(ct);
	}
	return ret;
}

void ct_kill(struct ct *ct)
{
	if (!ct->alive)
		return;
	kill(ct->pid, SIGKILL);
	reap(ct->pid, CT_TIMEOUT_MS);
	ct->alive = false;
	if (!ct->tool)
		kill_family();
}

void ct_end(struct ct *ct)
{
	char command[128];

	ct_kill(ct);
	if (ct->tool > 0) {
		kill(ct->pid, SIGKILL);
		kill(ct->tool, SIGKILL);
		reap(ct->tool, CT_TIMEOUT_MS);
		ct->tool = 0;
	}
	kill_family();
	if (ct->s)
		munmap(ct->s, sizeof(*ct->s));
	snprintf(command, sizeof(command), "rm -rf %s", ct->dir);
	if (ct->dir[0] && system(command))
		ct_say("%s failed", command);
}

/* With CT_VERIFY in the environment: does everything come back? */
static int try_verify(struct ct *ct)
{
	char name[PATH_MAX],
		*argv[] = { "restart", "--verify", "-i", ct->img, NULL };
	char *out;
	int ret;

	if (!getenv("CT_VERIFY") || skips())
		return 0;
	snprintf(name, sizeof(name), "%s/differences", ct->dir);
	unlink(name);
	ret = join_tool(ct, start_tool(ct, name, argv), "restart --verify");
	if (!ret)
		return 0;
	out = ct_read_file(name);
	ct_say("restart --verify: status %d: %s%s", ret, ct->err, out ?: "");
	free(out);
	return -1;
}

static int restart_and_end(struct ct *ct)
{
	if (ct_checkpoint(ct, CT_KILL) || try_verify(ct) || ct_restart(ct))
		return -1;
	ct_go(ct, INT_MAX);
	return ct_join(ct);
}

int ct_round_trip(struct ct *ct, ct_fn fn, void *arg)
{
	if (ct_start(ct, fn, arg) || ct_reach(ct, 1))
		return -1;
	return restart_and_end(ct);
}

int ct_round_trip_in(struct ct *ct, ct_fn fn, void *arg, long nr)
{
	if (ct_start(ct, fn, arg) || ct_reach(ct, 1) || ct_in_syscall(ct, nr))
		return -1;
	return restart_and_end(ct);
}

int ct_refused(struct ct *ct, const char *words)
{
	char pid[16], copy[512], *word, *save;
	int ret;

	if (skips()) {
		ct_go(ct, INT_MAX);
		return ct_finish(ct);
	}
	snprintf(pid, sizeof(pid), "%d", ct->pid);
	ret = ct_tool(ct, "checkpoint", "-o", ct->img, pid, NULL);
	if (!ret)
		return ct_say("checkpoint succeeded; wanted: %s", words);
	if (ret != 1)
		return ct_say("checkpoint: status %d: %s", ret, ct->err);
	snprintf(copy, sizeof(copy), "%s", words);
	for (word = strtok_r(copy, "|", &save); word;
	     word = strtok_r(NULL, "|", &save))
		if (!strstr(ct->err, word))
			return ct_say("no '%s' in: %s", word, ct->err);
	ct_go(ct, INT_MAX);
	return ct_finish(ct);
}

int ct_refuses(struct ct *ct, ct_fn fn, void *arg, const char *words)
{
	if (ct_start(ct, fn, arg) || ct_reach(ct, 1))
		return -1;
	return ct_refused(ct, words);
}

/* ---- in the program ---------------------------------------------- */

void ct_step(struct ct_shared *s, int n)
{
	s->ready = n;
	while (s->go < n)
		ct_sleep_ms(1);
}

void ct_spin(struct ct_shared *s, int n)
{
	s->ready = n;
	while (s->go < n)
		__builtin_ia32_pause();
}

int ct_fail(struct ct_shared *s, const char *file, int line, const char *fmt,
	    ...)
{
	va_list ap;
	int err = errno, n;

	if (s->failed)
		return 1;
	n = snprintf(s->text, sizeof(s->text), "%s:%d: ", file, line);
	va_start(ap, fmt);
	errno = err;
	vsnprintf(s->text + n, sizeof(s->text) - n, fmt, ap);
	va_end(ap);
	s->failed = 1;
	return 1;
}
