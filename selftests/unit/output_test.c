// SPDX-License-Identifier: GPL-2.0-only
/* Files of libckpt: images that appear whole or not at all, logs, errors. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib.h"
#include "tap.h"

/* Files in the current directory. */
static int count_files(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(d);
	return n;
}

static int holds(const char *path, const char *want)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n == (ssize_t)strlen(want) && !strcmp(text, want);
}

/* Whether a call has failed with @err, and a text that has @why in it. */
static int said(int ret, int err, const char *why)
{
	return ret == err && strstr(ckpt_error(), why);
}

static int first_error_is(const struct ckpt_log *log, size_t room,
			  const char *want)
{
	char line[64] = "";

	return ckpt_log_error(log, line, room) && !strcmp(line, want);
}

static int is_fifo(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISFIFO(st.st_mode);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	tap_ok(write(fd, text, strlen(text)) > 0, "wrote %s", path);
	close(fd);
}

static void test_commit(void)
{
	struct ckpt_output out;
	struct stat st;

	put("img", "old");
	tap_ok(!ckpt_output_open(&out, "img", -1), "opens a place");
	tap_ok(write(out.fd, "new", 3) == 3 && holds("img", "old"),
	       "the old image stands while the new one is written");
	tap_ok(!ckpt_output_commit(&out, true) && holds("img", "new"),
	       "then the new one does");
	tap_ok(count_files() == 1, "and nothing else");
	stat("img", &st);
	tap_ok((st.st_mode & 0777) == 0600, "which its owner alone may read");
}

/* What has our temporary name stays, whosever it is. */
static void test_names(void)
{
	struct ckpt_output out;
	char name[64];

	snprintf(name, sizeof(name), ".img.%d.ckpt-tmp", getpid());
	put(name, "another's");
	tap_ok(!ckpt_output_open(&out, "img", -1), "a name is in use");
	tap_ok(!ckpt_output_commit(&out, true), "which is no hindrance");
	tap_ok(holds(name, "another's") && count_files() == 2,
	       "and stays what it is");
	unlink(name);
	put("img", "new");
}

/* In a child without rights: root may read everything. */
static int fill_dropbox(void)
{
	struct ckpt_output out;
	int err;

	if (!getuid() && (setgid(65534) || setuid(65534)))
		return 1;
	prctl(PR_SET_DUMPABLE, 1);
	if (mkdir("box/drop", 0300))
		return 2;
	err = ckpt_output_open(&out, "box/drop/img", -1);
	err = err ?: ckpt_output_commit(&out, true);
	if (err)
		tap_note("%s", ckpt_error());
	if (err || access("box/drop/img", F_OK))
		return 3;
	err = unlink("box/drop/img") || rmdir("box/drop");
	return err ? 4 : 0;
}

static void test_dropbox(void)
{
	int status = -1;
	pid_t child;

	chmod(".", 0711);
	mkdir("box", 0777);
	chmod("box", 0777);
	fflush(stdout);
	child = fork();
	if (!child)
		_exit(fill_dropbox());
	waitpid(child, &status, 0);
	tap_ok(!status, "a directory may be for writing only (%#x)", status);
	rmdir("box");
}

static void test_abort(void)
{
	struct ckpt_output out;

	tap_ok(!ckpt_output_open(&out, "./img", -1) && count_files() == 1,
	       "what is not complete has no name");
	ckpt_output_abort(&out);
	tap_ok(count_files() == 1 && holds("img", "new"),
	       "leaves no trace when given up");
	ckpt_output_abort(&out);
	tap_ok(count_files() == 1, "which can be said twice");
}

/* The target of a link is replaced, not the link. */
static void test_link(void)
{
	struct ckpt_output out;
	struct stat st;

	put("target", "old");
	symlink("target", "link");
	tap_ok(!ckpt_output_open(&out, "link", -1), "opens a link");
	tap_ok(write(out.fd, "new", 3) == 3 && holds("target", "old"),
	       "writes beside its target");
	tap_ok(!ckpt_output_commit(&out, true) && holds("target", "new"),
	       "whose place it takes");
	tap_ok(!lstat("link", &st) && S_ISLNK(st.st_mode), "not the link's");
	unlink("target");
	tap_ok(ckpt_output_open(&out, "link", -1) == -ENOENT,
	       "refuses a link that leads nowhere");
	ckpt_output_abort(&out);
	unlink("link");
}

static void test_fifo(void)
{
	struct ckpt_output out;
	int fd;

	mkfifo("fifo", 0600);
	fd = open("fifo", O_RDWR);
	tap_ok(!ckpt_output_open(&out, "fifo", -1), "opens a fifo");
	tap_ok(!ckpt_output_commit(&out, true) && is_fifo("fifo"),
	       "which is a fifo afterwards");
	close(fd);
	unlink("fifo");
}

static void test_refused(void)
{
	struct ckpt_output out;
	int fd = open("/dev/null", O_RDONLY);

	tap_ok(ckpt_output_open(&out, NULL, fd) == -EBADF,
	       "refuses a descriptor for reading only");
	close(fd);
	tap_ok(ckpt_output_open(&out, NULL, fd) == -EBADF,
	       "refuses one that is closed");
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	tap_ok(ckpt_output_open(&out, NULL, fd) == -ENOTTY,
	       "refuses a terminal");
	close(fd);
	tap_ok(ckpt_output_open(&out, "no/such/dir", -1) == -ENOENT,
	       "refuses where there is no directory");
	ckpt_output_abort(&out);
}

static void test_log(void)
{
	const char *text =
		"a remark\n/tmp/errno 5) is a name\nnote: and (errno 7)\n"
		"fd 3: no (pid 1, x, errno 95)\nmore\n";
	struct ckpt_log log;
	char line[64];

	ckpt_log_open(&log, NULL);
	tap_ok(!ckpt_log_error(&log, line, sizeof(line)), "an empty log");
	tap_ok(write(log.fd, text, strlen(text)) > 0, "a log in memory");
	tap_ok(first_error_is(&log, 64, "fd 3: no (pid 1, x, errno 95)"),
	       "gives its first error");
	ckpt_log_close(&log);

	put("log", "image: from before (errno 5)\n");
	tap_ok(!ckpt_log_open(&log, "log"), "a log that has lines");
	tap_ok(!ckpt_log_error(&log, line, sizeof(line)),
	       "does not give those as ours");
	tap_ok(write(log.fd, "image: ours (errno 6)\n", 22) == 22, "our line");
	tap_ok(first_error_is(&log, 12, "image: ours"),
	       "gives ours, as far as there is room");
	ckpt_log_close(&log);
	unlink("log");
	tap_ok(ckpt_log_open(&log, "/no/such/log") == -ENOENT,
	       "a log that can't be");
}

static void test_error(void)
{
	char *big = malloc(5000);

	tap_ok(said(ckpt_set_error(-EIO, "a\033[31mb\nc"), -EIO, "a?[31mb?c"),
	       "control characters do not reach the terminal");
	memset(big, 'x', 5000);
	big[4999] = 0;
	ckpt_set_error(-EIO, "%s", big);
	tap_ok(strlen(ckpt_error()) < 2000, "long texts are cut");
	free(big);
}

static int puts_as(const char *text, const char *want)
{
	char got[128] = "";
	FILE *to = fmemopen(got, sizeof(got), "w");

	ckpt_put(to, "%s is a name\n", text);
	fclose(to);
	return !strcmp(got, want);
}

static int word_is(const char *name, size_t size, const char *want)
{
	char word[64];

	return !strcmp(ckpt_shell_word(name, word, size), want);
}

static void test_put(void)
{
	tap_ok(puts_as("a\033]0;b\nc", "a?]0;b?c is a name\n"),
	       "nor do those of a name, but for the end of the line");
	tap_ok(puts_as("\302\233m \303\244", "\302?m \303\244 is a name\n"),
	       "nor those beyond ASCII, but letters do");
	tap_ok(word_is("/a/b-1.c", 64, "/a/b-1.c"), "a plain word");
	tap_ok(word_is("/a b;c", 64, "'/a b;c'"), "a word in quotes");
	tap_ok(word_is("it's", 64, "'it'\\''s'"), "a quote in it");
	tap_ok(word_is("", 64, "''"), "no word");
	tap_ok(word_is("a b c d e f g", 10, "'a b'"), "a word that is cut off");
}

static void test_process(void)
{
	pid_t child;
	int status;

	tap_ok(ckpt_process_check(0) == -EINVAL, "0 is no pid");
	tap_ok(ckpt_process_check(-5) == -EINVAL, "-5 is no pid");
	tap_ok(ckpt_process_check(4194303) == -ESRCH, "a pid that is free");
	tap_ok(said(ckpt_process_check(getpid()), -EINVAL, "itself"),
	       "the caller itself");
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	tap_ok(!ckpt_process_check(child), "a child");
	kill(child, SIGKILL);
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
	tap_ok(said(ckpt_process_check(child), -ESRCH, "has exited"),
	       "a child that has ended");
	waitpid(child, &status, 0);
}

static void test_device(void)
{
	struct ckpt_ioc_checkpoint arg = { .pid = 0 };

	if (access("/dev/ckpt", F_OK)) {
		tap_ok(said(ckpt_open(), -ENOENT, "modprobe ckpt"),
		       "no module: says to load it");
		tap_ok(ckpt_self(1, 0) == -1 && errno == ENOENT,
		       "ckpt_self() sets errno");
	}
	tap_ok(ckpt_ioctl_checkpoint(0, &arg) < 0 && arg.size == sizeof(arg),
	       "an ioctl of something else fails");
}

int main(void)
{
	test_commit();
	test_names();
	test_dropbox();
	test_abort();
	test_link();
	test_fifo();
	test_refused();
	test_log();
	test_error();
	test_put();
	test_process();
	test_device();
	return tap_end();
}
