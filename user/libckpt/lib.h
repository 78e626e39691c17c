/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of libckpt know of each other. */
#ifndef _LIBCKPT_LIB_H
#define _LIBCKPT_LIB_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <ckpt.h>
#include "ckpt_check.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* error.c */
int ckpt_set_error(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ckpt_put(FILE *to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *ckpt_shell_word(const char *name, char *word, size_t size);

/* cgroup.c: files and groups of the cgroup v2 hierarchy */
int ckpt_cgroup_of(pid_t pid, char *dir, size_t size);
int ckpt_cgroup_path(pid_t pid, char *path, size_t size);
int ckpt_cgroup_dir(const char *path, char *dir, size_t size);
int ckpt_cgroup_root(char *dir, size_t size);
int ckpt_cgroup_read(const char *dir, const char *file, char *buf, size_t size);
int ckpt_cgroup_write(const char *dir, const char *file, const char *text);
int ckpt_cgroup_open(const char *dir, const char *file, int flags);
int ckpt_cgroup_make(const char *parent, const char *name, char *dir,
		     size_t size, int *lock);
int ckpt_cgroup_move(const char *dir, pid_t pid);
int ckpt_cgroup_empty_into(const char *dir, const char *parent);
int ckpt_cgroup_wait_frozen(const char *dir, int seconds);
int ckpt_cgroup_frozen(const char *dir);
bool ckpt_cgroup_freezing(const char *dir);
int ckpt_cgroup_freezable(const char *dir, const char *file);
int ckpt_cgroup_stale(const char *dir);
void ckpt_cgroup_dissolve(const char *dir);

/* log.c */
void ckpt_log_notes(const struct ckpt_log *log, FILE *to);

/* freezer1.c: the same for the freezer of cgroup v1 */
int ckpt_freezer1_root(char *dir, size_t size);
int ckpt_freezer1_of(pid_t pid, char *dir, size_t size);
bool ckpt_freezer1_freezing(const char *dir);
int ckpt_freezer1_wait(const char *dir, int seconds);

/* freezer.c */
int ckpt_freeze_kill(struct ckpt_freeze *fz, int timeout_ms);
int ckpt_freeze_end(struct ckpt_freeze *fz, unsigned long long *stop_ns);

/* restart.c: a session that kills the program, left frozen, when it ends */
int ckpt_restart_leased(const struct ckpt_restart_opts *opts, int *dev);

/* checkpoint.c */
int ckpt_checkpoint_held(const struct ckpt_checkpoint_opts *opts, int pidfd);

/* output.c: an image file that appears whole or not at all */
struct ckpt_output {
	int fd;
	bool own_fd;
	char *path; /* NULL: fd was given */
	char *tmp; /* name until it is complete; NULL: written in place */
	bool named; /* tmp exists */
};

const char *ckpt_unfit(int fd);
int ckpt_output_open(struct ckpt_output *out, const char *path, int fd);
int ckpt_output_commit(struct ckpt_output *out, bool sync);
void ckpt_output_abort(struct ckpt_output *out);

/* progress.c: what is told while the kernel works */
struct ckpt_progress;
struct ckpt_progress *ckpt_progress_start(FILE *to, const char *name, int dev,
					  __u64 total, bool signals);
bool ckpt_progress_stop(struct ckpt_progress *p);
void ckpt_progress_sum(FILE *to, const char *name,
		       const struct ckpt_stats *stats);

/* clock.c */
unsigned long long ckpt_now_ns(void);
long ckpt_now_ms(void);
unsigned long long ckpt_lap_ns(unsigned long long *last);

/* process.c */
int ckpt_process_check(pid_t pid);
int ckpt_process_state(pid_t tid);
int ckpt_process_start(pid_t pid, unsigned long long *ticks);
int ckpt_pidfd_open(pid_t pid);
int ckpt_pidfd_kill(int pidfd, int sig);
bool ckpt_process_exits(pid_t tid);
int ckpt_pidfd_wait(int pidfd, int timeout_ms);

/* stop.c */
sigset_t ckpt_stop_signals(void);
void ckpt_stop_kills(pid_t pid);

/* terminal.c: job control of a shell, for a program that we stand in for */
bool ckpt_terminal_open(void);
void ckpt_terminal_lent(void);
void ckpt_terminal_stopped(pid_t pid, int sig);
void ckpt_terminal_return(void);

/* spawn.c: namespaces and tasks for a restart */
int ckpt_timens_enter(const struct ckpt_hdr_tree_task *t);
void ckpt_timens_leave(void);
int ckpt_userns_enter(void);
pid_t ckpt_spawn(__u64 flags, pid_t want, int exit_signal, int cgroup_fd);

/* unpack.c: 0, or -EINVAL: it is not @len bytes, packed as @compress says */
int ckpt_unpack(__u32 compress, const void *from, size_t size, void *to,
		size_t len);

/* wait.c */
void ckpt_wait_pass_on(pid_t pid);
int ckpt_wait_passing(pid_t pid, int *status);

#endif /* _LIBCKPT_LIB_H */
