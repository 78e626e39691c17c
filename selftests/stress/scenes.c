// SPDX-License-Identifier: GPL-2.0-only
/* The stress loops: what happens in the middle of a checkpoint. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "stress.h"

unsigned int stop_seconds = 2;

/* ---- what the tools say ---- */

#define KINDS 64

static struct {
	char text[256];
	unsigned int nr;
} kinds[KINDS];

/* Counted by text, numbers left out. */
void count_error(const char *line)
{
	char text[256];
	size_t n = 0;
	int i;

	for (; *line && n < sizeof(text) - 1; line++) {
		if (*line < '0' || *line > '9')
			text[n++] = *line;
		else if (!n || text[n - 1] != 'N')
			text[n++] = 'N';
	}
	text[n] = '\0';
	for (i = 0; i < KINDS && kinds[i].nr; i++)
		if (!strcmp(kinds[i].text, text))
			break;
	if (i == KINDS)
		return;
	memcpy(kinds[i].text, text, n + 1);
	kinds[i].nr++;
}

void tell_errors(void)
{
	int i;

	for (i = 0; i < KINDS && kinds[i].nr; i++)
		say("    %u times: %s", kinds[i].nr, kinds[i].text);
	memset(kinds, 0, sizeof(kinds));
}

void verdict(struct round *r, struct tool *t, const char *image)
{
	const char *const check[] = { "ckptinfo", "--check", image, NULL };
	const char *line;

	if (!t->status) {
		r->images++;
		if (r->nr % 4 == 0 && run(check))
			wrong("ckptinfo --check %s fails", image);
		return;
	}
	line = tool_error(t);
	if (!line)
		return;
	r->errors++;
	count_error(line);
	if (!access(image, F_OK))
		wrong("\"%s\", but there is an image", line);
}

/*
 * The program goes on, verifies itself, and ends with 0.  One that may end by
 * itself need not be seen going on.
 */
void try_restart(struct round *r, const struct scene *s, const char *image)
{
	const char *const restart[] = { "restart", "-i", image, NULL };
	const char *line;

	target_kill(&r->target);
	unlink("end");
	tool_start(&r->tool, "message", restart);
	if (!beats(10) && !tool_ended(&r->tool))
		stuck("a restarted program");
	close(open("end", O_WRONLY | O_CREAT, 0600));
	tool_wait(&r->tool);
	r->restarts++;
	if (!r->tool.status)
		return;
	if (!s->may_refuse) {
		char text[256];

		read_text("message", text, sizeof(text));
		wrong("a restart ends with %d: %s", r->tool.status, text);
		return;
	}
	line = tool_error(&r->tool);
	if (line)
		count_error(line);
}

/* ---- what happens ---- */

static void kill_it(struct round *r)
{
	target_kill(&r->target);
}

/* The root makes another one. */
static void kill_member(struct round *r)
{
	pid_t pid = target_member(r->nr);

	if (pid > 0)
		kill(pid, SIGKILL);
}

/* Out of the group that is frozen, or to be. */
static void move_member(struct round *r)
{
	pid_t pid = target_member(r->nr);
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	if (pid > 0)
		write_text(OTHER "/cgroup.procs", text);
}

static void move_member_home(struct round *r)
{
	char pids[4096], *pid, *save;

	(void)r;
	if (!read_text(OTHER "/cgroup.procs", pids, sizeof(pids)))
		return;
	for (pid = strtok_r(pids, "\n", &save); pid;
	     pid = strtok_r(NULL, "\n", &save))
		write_text(HOME "/cgroup.procs", pid);
}

/* Its group has no memory left: all processes that can be killed are frozen. */
static void oom_kill_it(struct round *r)
{
	(void)r;
	write_text(HOME "/memory.oom.group", "1");
	write_text(HOME "/memory.max", "64K");
}

static void oom_over(struct round *r)
{
	int64_t limit = in_seconds(10);

	write_text(HOME "/memory.max", "max");
	write_text(HOME "/memory.oom.group", "0");
	while (!target_gone(&r->target) && now() < limit)
		pause_us(1000);
	if (r->target.alive)
		wrong("the OOM killer has not ended the target");
	else if (r->target.status != 128 + SIGKILL)
		wrong("status %d after the OOM killer", r->target.status);
}

static void thaw_it(struct round *r)
{
	char path[300];

	tool_group(r->tool.pid, path, sizeof(path));
	strcat(path, "/cgroup.freeze");
	write_text(path, "0");
}

/* It leaves, and its group goes, or both groups, or just the tool's. */
static void move_it(struct round *r)
{
	char pid[16], path[300];

	snprintf(pid, sizeof(pid), "%d", r->target.pid);
	write_text(OTHER "/cgroup.procs", pid);
	tool_group(r->tool.pid, path, sizeof(path));
	if (r->nr % 3)
		rmdir(path);
	if (r->nr % 3 == 1)
		rmdir(HOME);
}

static void move_it_home(struct round *r)
{
	char pid[16];

	if (mkdir(HOME, 0755) && errno != EEXIST)
		wrong("cannot make %s again", HOME);
	snprintf(pid, sizeof(pid), "%d", r->target.pid);
	write_text(HOME "/cgroup.procs", pid);
}

static void trace_it(struct round *r)
{
	int64_t limit = in_seconds(5);
	pid_t pid = r->target.pid;
	int status = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0))
		return;
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	while (waitpid(pid, &status, WNOHANG | __WALL) != pid && now() < limit)
		pause_us(500);
	if (!WIFSTOPPED(status))
		wrong("a traced target does not stop");
	pause_us(below(5000));
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void rename_files(struct round *r)
{
	char name[32], to[32];
	int i;

	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "data.%d", i);
		snprintf(to, sizeof(to), "data.%d", (i + 1) % 4);
		if (r->nr % 2)
			renameat2(AT_FDCWD, name, AT_FDCWD, to,
				  RENAME_EXCHANGE);
		else if (!access(name, F_OK) && truncate(name, below(4096)))
			wrong("cannot cut %s", name);
	}
}

static void checkpoint_too(struct round *r)
{
	char pid[16];
	const char *const argv[] = { "checkpoint", "-o", "second", pid, NULL };

	snprintf(pid, sizeof(pid), "%d", r->target.pid);
	tool_start(&r->second, "second.msg", argv);
}

static void checkpoint_the_tool(struct round *r)
{
	char pid[16];
	const char *const argv[] = { "checkpoint", "-o", "second", pid, NULL };

	snprintf(pid, sizeof(pid), "%d", r->tool.pid);
	tool_start(&r->second, "second.msg", argv);
}

static void second_over(struct round *r)
{
	tool_wait(&r->second);
	verdict(r, &r->second, "second");
	unlink("second");
}

/* Stopped, its target stays as it is: it is frozen, or it goes on. */
static void stop_the_tool(struct round *r)
{
	bool frozen, kill_tool = r->nr % 2;
	char path[64], stat[256];

	kill(r->tool.pid, SIGSTOP);
	do {
		snprintf(path, sizeof(path), "/proc/%d/stat", r->tool.pid);
		if (!read_text(path, stat, sizeof(stat)))
			return;
	} while (!strstr(stat, ") T") && !strstr(stat, ") Z"));
	pause_us((in_seconds(1) - now()) /
		 5000); /* what it had begun is over */
	frozen = tool_has_frozen(r->tool.pid);
	pause_us(stop_seconds * 1000000);
	if (frozen != tool_has_frozen(r->tool.pid))
		wrong("a stopped tool %s its target",
		      frozen ? "thaws" : "freezes");
	if (frozen && beats(1))
		wrong("the target of a stopped tool goes on");
	kill(r->tool.pid, kill_tool ? SIGKILL : SIGCONT);
	r->tool.began = now(); /* its time limit begins here */
	if (!kill_tool || strstr(stat, ") Z"))
		return;
	tool_wait(&r->tool);
	if (!beats(10))
		wrong("a killed tool leaves its target frozen");
}

/* A signal ends a tool within a second, or three times what it takes. */
static void signal_tool(struct round *r)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP,
				       SIGQUIT };
	int64_t limit = 3 * r->usual > SEC ? 3 * r->usual : SEC;
	int sig = signals[r->nr % ARRAY_SIZE(signals)];
	int64_t sent = now();

	kill(r->tool.pid, sig);
	tool_wait(&r->tool);
	if (now() - sent > limit)
		wrong("signal %d ends a tool after %lld ms", sig,
		      (long long)((now() - sent) / MS));
	if (r->tool.status == 128 + sig)
		r->tool.status = 128 + SIGKILL; /* it has not begun */
}

static void unload(struct round *r)
{
	const char *const load[] = { "modprobe", "ckpt", NULL };
	int i;

	(void)r;
	for (i = 0; i < 10; i++) {
		if (!syscall(SYS_delete_module, "ckpt", O_NONBLOCK)) {
			pause_us(below(20000));
			if (run(load))
				wrong("the module does not load again");
			return;
		}
		if (errno != EWOULDBLOCK && errno != EBUSY)
			wrong("rmmod: %s", strerror(errno));
		pause_us(below(3000));
	}
}

/* ---- rounds of their own ---- */

/* An image of the target, which is gone afterwards. */
static bool cut(struct round *r)
{
	char pid[16];
	const char *const argv[] = { "checkpoint", "--kill", "-o",
				     "image",	   pid,	     NULL };

	if (r->target.alive || !r->target.pid || access("image", F_OK)) {
		if (!r->target.alive)
			target_start(&r->target);
		if (!beats(20))
			wrong("the target does not begin");
		snprintf(pid, sizeof(pid), "%d", r->target.pid);
		if (run(argv)) {
			wrong("a checkpoint fails");
			return false;
		}
	}
	target_kill(&r->target);
	return true;
}

/* Restarts of one image at once: one gets the pid, or all go with new ones. */
static void restart_twice(struct round *r)
{
	bool fresh = r->nr % 2;
	const char *const argv[] = { "restart", "-i", "image",
				     fresh ? "--no-pids" : NULL, NULL };
	struct tool *tools[] = { &r->tool, &r->second };
	unsigned int i, good = 0;

	if (!cut(r))
		return;
	unlink("end");
	tool_start(&r->tool, "message", argv);
	pause_us(below(20000));
	tool_start(&r->second, "second.msg", argv);
	if (!beats(20))
		wrong("no restarted program goes on");
	pause_us(100000);
	close(open("end", O_WRONLY | O_CREAT, 0600));
	for (i = 0; i < 2; i++) {
		tool_wait(tools[i]);
		if (!tools[i]->status)
			good++;
		else if (tool_error(tools[i]))
			count_error(tool_error(tools[i]));
	}
	r->restarts += good;
	r->errors += 2 - good;
	if (good != (fresh ? 2 : 1))
		wrong("%u of two restarts have succeeded", good);
}

/* All of the program is there afterwards, or nothing. */
static void signal_the_restart(struct round *r)
{
	const char *const argv[] = { "restart", "-i", "image", NULL };
	int64_t limit;

	if (!cut(r))
		return;
	unlink("end");
	tool_start(&r->tool, "message", argv);
	pause_us(below(r->usual / 1000 + 1));
	signal_tool(r);
	limit = in_seconds(1);
	while (!kill(r->target.pid, 0) && now() < limit)
		pause_us(1000);
	if (kill(r->target.pid, 0))
		return;
	r->restarts++;
	if (!beats(15))
		wrong("half a restart is left");
	kill(r->target.pid, SIGKILL);
	limit = in_seconds(10);
	while (!kill(r->target.pid, 0) && now() < limit)
		pause_us(1000);
}

/* Checkpoint of a tool that is restarting a program, or waits for it. */
static void checkpoint_the_restart(struct round *r)
{
	const char *const argv[] = { "restart", "-i", "image", NULL };

	if (!cut(r))
		return;
	unlink("end");
	tool_start(&r->tool, "message", argv);
	pause_us(below(r->usual / 1000 + 1));
	checkpoint_the_tool(r);
	tool_wait(&r->second);
	verdict(r, &r->second, "second");
	if (!beats(20))
		stuck("the restarted program");
	close(open("end", O_WRONLY | O_CREAT, 0600));
	tool_wait(&r->tool);
	if (r->tool.status)
		wrong("the restart ends with %d", r->tool.status);
	r->restarts++;
}

const struct scene scenes[] = {
	{ .name = "nothing happens", .mode = "plain", .sure = true },
	{ .name = "it exits", .mode = "exits", .may_die = true },
	{ .name = "it executes itself", .mode = "execs", .sure = true },
	{ .name = "it forks", .mode = "forks" },
	{ .name = "it maps, remaps and protects", .mode = "maps", .sure = true },
	{ .name = "it is killed",
	  .mode = "maps",
	  .disturb = kill_it,
	  .may_die = true },
	{ .name = "it is killed for want of memory",
	  .mode = "plain",
	  .disturb = oom_kill_it,
	  .mend = oom_over,
	  .may_die = true },
	{ .name = "one of it is killed",
	  .mode = "maps",
	  .disturb = kill_member,
	  .tree = true },
	{ .name = "one of it is moved",
	  .mode = "forks",
	  .disturb = move_member,
	  .mend = move_member_home,
	  .tree = true },
	{ .name = "it is thawed", .mode = "plain", .disturb = thaw_it },
	{ .name = "it is moved and its group removed",
	  .mode = "plain",
	  .disturb = move_it,
	  .mend = move_it_home },
	{ .name = "it is traced", .mode = "plain", .disturb = trace_it },
	{ .name = "its files are renamed and cut",
	  .mode = "files",
	  .disturb = rename_files,
	  .may_refuse = true },
	{ .name = "it is checkpointed twice at once",
	  .mode = "plain",
	  .disturb = checkpoint_too,
	  .mend = second_over },
	{ .name = "it checkpoints itself", .mode = "saves", .sure = true },
	{ .name = "the tool is checkpointed",
	  .mode = "plain",
	  .disturb = checkpoint_the_tool,
	  .mend = second_over },
	{ .name = "the restart tool is checkpointed",
	  .mode = "plain",
	  .alone = checkpoint_the_restart },
	{ .name = "an image is restarted twice at once",
	  .mode = "plain",
	  .alone = restart_twice },
	{ .name = "the tool is stopped",
	  .mode = "plain",
	  .disturb = stop_the_tool },
	{ .name = "the tool is told to end",
	  .mode = "plain",
	  .disturb = signal_tool },
	{ .name = "the restart tool is told to end",
	  .mode = "plain",
	  .alone = signal_the_restart },
	{ .name = "the module is unloaded", .mode = "plain", .disturb = unload },
};

const unsigned int nr_scenes = ARRAY_SIZE(scenes);
