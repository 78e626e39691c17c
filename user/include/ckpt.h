/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libckpt: checkpoint and restart of running programs.
 *
 * Unless said otherwise a function returns 0 (or a positive result) on success
 * and a negative errno on failure; ckpt_error() then tells in one line what
 * went wrong and what to do.  Descriptors that are handed in stay the
 * caller's; nothing is printed.
 */
#ifndef _LIBCKPT_H
#define _LIBCKPT_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <linux/ckpt.h>
#include <linux/ckpt_image.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * ckpt_error() - text of the last failure in this thread
 *
 * Return: one line without a newline, never NULL; valid until the next call
 * into the library by this thread.
 */
const char *ckpt_error(void);

/* ---- a program that checkpoints itself ------------------------------------ */

/**
 * ckpt_self() - checkpoint the calling process
 * @fd: open for writing; the image goes there
 * @flags: CHECKPOINT_*; CHECKPOINT_SUBTREE is added
 *
 * Opens and closes /dev/ckpt by itself.
 *
 * Return: the positive id of the checkpoint; 0 when the call returns through
 * a restart from that image; -1 with errno set on failure.
 */
int ckpt_self(int fd, unsigned long flags);

/**
 * ckpt_self_begin() - checkpoint the calling process, which goes on meanwhile
 * @fd: open for writing; the image goes there, and is synced if it is a file
 * @flags: CHECKPOINT_*; CHECKPOINT_SUBTREE and CHECKPOINT_SNAPSHOT are added
 * @done: set, unless 0 or -1 is returned, to a descriptor for ckpt_self_end():
 *	poll() finds it readable when the image is out, or has failed; close-on-exec
 *
 * Returns when a copy-on-write snapshot of the process is taken, in about the
 * time of a fork().  A helper, which is a child that wait() does not see, writes
 * it; it goes on should the process end.  There is one at a time.  Until
 * ckpt_self_end() the process must not close @done otherwise.
 *
 * Return: the positive id of the checkpoint; 0 when the call returns through
 * a restart from that image; -1 with errno set on failure; EBUSY: the last one
 * was not ended by ckpt_self_end().
 */
int ckpt_self_begin(int fd, unsigned long flags, int *done);

/**
 * ckpt_self_end() - wait until the image of ckpt_self_begin() is safe
 * @done: descriptor; closed
 *
 * Return: 0; -1 with errno set: there is no image, for the reason that errno
 * tells; EINTR of a signal is not returned.
 */
int ckpt_self_end(int done);

/* ---- the device ------------------------------------------------------------ */

/**
 * ckpt_open() - begin a session with the kernel
 *
 * Return: a descriptor of /dev/ckpt, close-on-exec, to be closed by the
 * caller, or a negative errno.
 */
int ckpt_open(void);

/**
 * ckpt_ioctl_checkpoint() - CKPT_IOC_CHECKPOINT
 * @dev: session
 * @arg: argument; @arg->size is filled in here
 *
 * Return: the positive id, 0 after a restart, or a negative errno.
 */
int ckpt_ioctl_checkpoint(int dev, struct ckpt_ioc_checkpoint *arg);

/**
 * ckpt_ioctl_stream() - CKPT_IOC_STREAM: write the snapshot that was taken
 * @dev: session that has called ckpt_ioctl_checkpoint() with CHECKPOINT_SNAPSHOT
 * @arg: argument; @arg->size is filled in here
 *
 * Return: the positive id, or a negative errno.
 */
int ckpt_ioctl_stream(int dev, struct ckpt_ioc_stream *arg);

/**
 * ckpt_ioctl_restart() - CKPT_IOC_RESTART
 * @dev: session
 * @arg: argument; @arg->size is filled in here, what comes out by the kernel
 *
 * Return: 0 or a negative errno.
 */
int ckpt_ioctl_restart(int dev, struct ckpt_ioc_restart *arg);

/**
 * ckpt_ioctl_lease() - CKPT_IOC_LEASE: what to write when the session ends
 * @dev: session
 * @fd: cgroup.freeze or freezer.state of a group, which is then thawed, or
 *	cgroup.kill, whose tasks die; open for writing; -1 gives all leases back
 *
 * Return: 0 or a negative errno.
 */
int ckpt_ioctl_lease(int dev, int fd);

/**
 * ckpt_ioctl_lease_return() - CKPT_IOC_LEASE: give one lease back
 * @dev: session
 * @fd: the same file, open for writing
 *
 * Return: 0 or a negative errno; -ENOENT if it was not leased.
 */
int ckpt_ioctl_lease_return(int dev, int fd);

/**
 * ckpt_ioctl_progress() - CKPT_IOC_PROGRESS
 * @dev: session
 * @arg: filled in
 *
 * Return: 0 or a negative errno.
 */
int ckpt_ioctl_progress(int dev, struct ckpt_ioc_progress *arg);

/* ---- the log --------------------------------------------------------------- */

/**
 * struct ckpt_log - where the kernel's messages go
 * @fd: descriptor to hand to the kernel
 * @start: offset of this operation's first message
 */
struct ckpt_log {
	int fd;
	off_t start;
};

/**
 * ckpt_log_open() - open a log
 * @log: filled in
 * @path: file to append to, or NULL: memory
 *
 * Return: 0 or a negative errno.
 */
int ckpt_log_open(struct ckpt_log *log, const char *path);

/**
 * ckpt_log_error() - first error that the kernel has written to a log
 * @log: log
 * @buf: filled with the line, without a newline
 * @size: of @buf, in bytes
 *
 * Return: 1 if there is one, else 0.
 */
int ckpt_log_error(const struct ckpt_log *log, char *buf, size_t size);

/**
 * ckpt_log_close() - close a log
 * @log: log
 */
void ckpt_log_close(struct ckpt_log *log);

/* ---- reading images -------------------------------------------------------- */

struct ckpt_image;

/**
 * typedef ckpt_read_fn - source of bytes
 * @arg: as given
 * @buf: where to
 * @len: how many at most
 *
 * Return: as read(2), with a negative errno instead of -1.
 */
typedef ssize_t (*ckpt_read_fn)(void *arg, void *buf, size_t len);

/**
 * typedef ckpt_pages_fn - receives contents of pages
 * @arg: as given
 * @addr: address of the first byte
 * @data: bytes, unpacked; not verified yet, the record's checksum comes behind
 *	them
 * @len: how many, a multiple of the page size
 *
 * Return: 0, or a negative errno that ends the reading.
 */
typedef int (*ckpt_pages_fn)(void *arg, __u64 addr, const void *data,
			     size_t len);

/**
 * ckpt_image_open() - begin to read an image from a descriptor
 * @fd: open for reading; borrowed; never read beyond what was asked for
 *
 * Return: a reader for ckpt_image_close(), or NULL (out of memory).
 */
struct ckpt_image *ckpt_image_open(int fd);

/**
 * ckpt_image_open_fn() - begin to read an image from anywhere
 * @read: source
 * @arg: its argument
 *
 * Return: as ckpt_image_open().
 */
struct ckpt_image *ckpt_image_open_fn(ckpt_read_fn read, void *arg);

/**
 * ckpt_image_close() - end reading
 * @img: reader or NULL
 */
void ckpt_image_close(struct ckpt_image *img);

/**
 * ckpt_image_set_pages() - have the contents of pages handed out
 * @img: reader
 * @pages: called within ckpt_image_next(), in pieces
 * @arg: its argument
 */
void ckpt_image_set_pages(struct ckpt_image *img, ckpt_pages_fn pages,
			  void *arg);

/**
 * ckpt_image_next() - read and verify the next record
 * @img: reader
 * @rec: the record, of a PGARR without its pages; valid until the next call
 *
 * Checks checksum, every field, the order of records and, with the trailer,
 * their number and digest.  An error record is a record like others.
 *
 * Return: 1; 0 behind the trailer or an error record; -EINVAL: truncated or
 * not valid; -EBADMSG: damaged; or another negative errno.
 */
int ckpt_image_next(struct ckpt_image *img, const struct ckpt_hdr **rec);

/**
 * ckpt_image_finish() - whether the stream is over with the image
 * @img: reader, behind the last record
 *
 * Return: 0, or -EINVAL if there are more bytes.
 */
int ckpt_image_finish(struct ckpt_image *img);

/**
 * ckpt_image_inspect() - verify an image to its end
 * @fd: regular file, open for reading; the image begins at its position, which
 *	stays
 *
 * Return: 0; -ENODATA if the image is that of a checkpoint that failed (the
 * text is its error); -ESPIPE: not a file; or as ckpt_image_next().
 */
int ckpt_image_inspect(int fd);

/**
 * ckpt_image_offset() - where the current record begins
 * @img: reader
 *
 * Return: offset in bytes from the beginning of the image.
 */
__u64 ckpt_image_offset(const struct ckpt_image *img);

/**
 * struct ckpt_head - the head of an image
 * @header: its header; this and the others point into @raw
 * @container: its container section
 * @nr_tasks: entries of @task
 * @task: tasks, in the order of the image
 * @raw: the bytes that were read, for the kernel
 * @raw_len: how many
 */
struct ckpt_head {
	const struct ckpt_hdr_header *header;
	const struct ckpt_hdr_container *container;
	__u32 nr_tasks;
	const struct ckpt_hdr_tree_task **task;
	void *raw;
	size_t raw_len;
};

/**
 * ckpt_head_read() - read the head of an image, and not a byte more
 * @img: reader, at the beginning
 * @head: filled in, to be freed with ckpt_head_free() on success
 *
 * Return: 0; -ENODATA if the image is that of a checkpoint that failed (the
 * text is its error); or as ckpt_image_next().
 */
int ckpt_head_read(struct ckpt_image *img, struct ckpt_head *head);

/**
 * ckpt_head_free() - free a head
 * @head: head, or zeros
 */
void ckpt_head_free(struct ckpt_head *head);

/**
 * ckpt_err_text() - text of an error record
 * @err: record that ckpt_image_next() gave
 * @len: its length in bytes
 *
 * Return: the text, not terminated; control characters are as they are.
 */
const char *ckpt_err_text(const struct ckpt_hdr_err *err, size_t *len);

/**
 * ckpt_rec_name() - name of a record type
 * @type: CKPT_HDR_*
 *
 * Return: "VMA" for CKPT_HDR_VMA; "?" for a type that does not exist.
 */
const char *ckpt_rec_name(__s32 type);

/**
 * ckpt_compress_name() - name of a compression of pages
 * @compress: CKPT_COMPRESS_*
 *
 * Return: "lz4" for CKPT_COMPRESS_LZ4, "none"; "?" for what does not exist.
 */
const char *ckpt_compress_name(__u32 compress);

/**
 * ckpt_compress_number() - the compression of a name
 * @name: as ckpt_compress_name() gives it
 *
 * Return: CKPT_COMPRESS_*, or -EINVAL.
 */
int ckpt_compress_number(const char *name);

/* ---- cores ----------------------------------------------------------------- */

/**
 * ckpt_core_write() - make an ELF core of an image, for a debugger
 * @fd: open for reading; the image comes from there
 * @path: regular file, which appears once the image has been verified to its
 *	end; with several processes each has its own, @path and its pid
 * @notes: stream for what the user must know, or NULL
 *
 * Return: 0 or a negative errno; -ENODATA if the image is that of a checkpoint
 * that failed.
 */
int ckpt_core_write(int fd, const char *path, FILE *notes);

/**
 * ckpt_core_write_one() - make an ELF core of one process of an image
 * @fd: open for reading; the image comes from there
 * @path: regular file, as above; its name is as it is
 * @pid: the process, in the image; 0: all
 * @notes: stream for what the user must know, or NULL
 *
 * Processes that share their memory are threads of one core.
 *
 * Return: 0 or a negative errno; -ESRCH: there is no such process.
 */
int ckpt_core_write_one(int fd, const char *path, pid_t pid, FILE *notes);

/* ---- freezing -------------------------------------------------------------- */

struct ckpt_freeze;

#define CKPT_FREEZE_KEEP (1U << 0) /* to be left frozen in the end */

/**
 * ckpt_freeze() - freeze a process and all below it
 * @dev: session that takes the lease; -1: none
 * @pid: process
 * @flags: CKPT_FREEZE_*
 * @out: what ckpt_thaw() needs
 *
 * Moves the processes into groups made for them below their cgroups and freezes
 * those; a cgroup that holds nothing else, or that is frozen already, is taken
 * as it is.  Waits 10 seconds at most for each.  On success every task of the
 * tree is frozen; on failure everything has been put back.
 *
 * Return: 0 or a negative errno (-EINTR: ckpt_stop_requested()).
 */
int ckpt_freeze(int dev, pid_t pid, unsigned int flags,
		struct ckpt_freeze **out);

/**
 * ckpt_freeze_keep() - leave the processes frozen
 * @fz: frozen processes; freed
 * @path: filled with the paths of the files that thaw them, as words for a shell
 * @size: of @path, in bytes
 *
 * Return: 0 or a negative errno; the processes stay frozen.
 */
int ckpt_freeze_keep(struct ckpt_freeze *fz, char *path, size_t size);

/**
 * ckpt_thaw() - thaw processes and put everything back
 * @fz: frozen processes, freed; or NULL
 *
 * Those that had been frozen before stay so.
 *
 * Return: 0 or a negative errno.
 */
int ckpt_thaw(struct ckpt_freeze *fz);

/**
 * ckpt_sweep() - put back what killed tools have left behind
 *
 * Moves processes out of stale groups of tools that have died, and removes
 * the groups, everywhere in the cgroup hierarchy where the caller may.
 */
void ckpt_sweep(void);

/* ---- signals to the tool --------------------------------------------------- */

/**
 * ckpt_stop_catch() - let SIGINT, SIGTERM, SIGHUP and SIGQUIT end an operation
 *
 * Instead of the process: calls into the library then fail with -EINTR and
 * clean up after themselves.  SIGPIPE is ignored.
 */
void ckpt_stop_catch(void);

/**
 * ckpt_stop_requested() - the signal that has come
 *
 * Return: its number, or 0.
 */
int ckpt_stop_requested(void);

/* ---- whole operations ------------------------------------------------------ */

/**
 * struct ckpt_stats - figures of a checkpoint; times in nanoseconds
 * @id: of the checkpoint
 * @missed: of a series: intervals before it that have no image
 * @tries: how often the processes were frozen, until they could be saved; what
 *	follows is of the last time
 * @stopped: @stop_ns and @thaw_ns are known: they run again
 * @total_ns: all of it
 * @stop_ns: from when the first of them was told to freeze until the last one
 *	was told to run
 * @freeze_ns: finding them, moving them to groups that can be frozen (they run
 *	meanwhile), and freezing them
 * @collect_ns: the kernel's look at them
 * @save_ns: making records of their state
 * @snapshot_ns: the copy-on-write snapshot of their memory; 0: there is none
 * @thaw_ns: letting them run, then moving them back
 * @sync_ns: syncing their files, while they ran
 * @stream_ns: writing the image
 * @commit_ns: making it safe and visible
 * @bytes: length of the image
 * @pages: pages whose contents are in it
 * @zero_pages: pages of zeros, which are not
 * @shared_pages: those of @pages that are of shared memory
 */
struct ckpt_stats {
	int id;
	unsigned long long missed;
	int tries;
	int stopped;
	unsigned long long total_ns;
	unsigned long long stop_ns;
	unsigned long long freeze_ns;
	unsigned long long collect_ns;
	unsigned long long save_ns;
	unsigned long long snapshot_ns;
	unsigned long long thaw_ns;
	unsigned long long sync_ns;
	unsigned long long stream_ns;
	unsigned long long commit_ns;
	unsigned long long bytes;
	unsigned long long pages;
	unsigned long long zero_pages;
	unsigned long long shared_pages;
};

/**
 * struct ckpt_checkpoint_opts - what checkpoint(1) is asked for
 * @pid: process
 * @out: path of the image, written beside it and renamed; NULL: @out_fd
 * @out_fd: open for writing
 * @log: path of a log, or NULL
 * @container: @pid is the init of a pid namespace: refuse what it shares with
 *	processes outside
 * @kill: kill the process once the image is safe
 * @frozen: leave it frozen
 * @stop_copy: hold the process still until its memory is written; it is so, too,
 *	with @kill and @frozen.  Otherwise it runs on as soon as a copy-on-write
 *	snapshot of its memory is taken
 * @max_extra: give the snapshot up when it takes more memory than this, in bytes;
 *	0: only when memory runs short
 * @compress: CKPT_COMPRESS_*: how the kernel packs the contents of memory
 * @workers: CPUs for the contents of memory, at most CKPT_WORKERS_MAX; 0: the
 *	kernel's choice, of those that the caller may run on
 * @notes: stream for what the user must know, or NULL
 * @verbose: stream for remarks, or NULL
 * @progress: stream for bytes, rate and time left, once a second has passed:
 *	one line that is rewritten on a terminal, else a line each second; or NULL
 * @stats: filled in on success, or NULL
 */
struct ckpt_checkpoint_opts {
	pid_t pid;
	const char *out;
	int out_fd;
	const char *log;
	int container;
	int kill;
	int frozen;
	int stop_copy;
	unsigned long long max_extra;
	__u32 compress;
	__u32 workers;
	FILE *notes;
	FILE *verbose;
	FILE *progress;
	struct ckpt_stats *stats;
};

/**
 * ckpt_checkpoint() - checkpoint another process
 * @opts: what to do
 *
 * Freezes, takes a snapshot, thaws, writes the image; or freezes, writes the
 * image, thaws (or kills).  On failure the process runs on and no file is left
 * behind.
 *
 * Return: the positive id, or a negative errno.
 */
int ckpt_checkpoint(const struct ckpt_checkpoint_opts *opts);

/**
 * struct ckpt_series_opts - a series of checkpoints
 * @checkpoint: how each is made; @out is a directory, made if it is not there;
 *	not with @kill or @frozen; @stats is not used
 * @interval_ns: from the beginning of one to that of the next, in nanoseconds
 * @keep: how many of the last images stay, at least 1
 * @done: called for each image, with the name that it has in the directory; or
 *	NULL; a negative errno ends the series
 * @arg: its argument
 */
struct ckpt_series_opts {
	const struct ckpt_checkpoint_opts *checkpoint;
	unsigned long long interval_ns;
	unsigned int keep;
	int (*done)(void *arg, const char *image,
		    const struct ckpt_stats *stats);
	void *arg;
};

/**
 * ckpt_series() - checkpoint a process in each interval, until it ends
 * @opts: what to do
 *
 * Images are named PID-PROGRAM-NUMBER.img; a symbolic link "latest" leads to the
 * last one that is complete, at any moment.  An interval in which the one before
 * is still being written is left out.  The first checkpoint that fails ends the
 * series if it is the first of all, or if to try again would not help; others
 * are told to @notes.
 *
 * Return: 0 when the process has ended or a signal came (ckpt_stop_catch());
 * or a negative errno.
 */
int ckpt_series(const struct ckpt_series_opts *opts);

/**
 * struct ckpt_restart_stats - figures of a restart; times in nanoseconds
 * @pid: as ckpt_restart() returns it
 * @tasks: processes and threads that were made, those that are dead again, too
 * @total_ns: all of it, until the program ran, or was frozen
 * @head_ns: reading the head of the image, and planning the tasks
 * @make_ns: making them
 * @restore_ns: reading the image, and the memory of the tasks
 * @commit_ns: making them what it says, until they ran
 * @freeze_ns: freezing them, with CKPT_RESTART_LEAVE_FROZEN
 * @bytes: of the image, its head included
 * @pages: pages whose contents were in it
 */
struct ckpt_restart_stats {
	pid_t pid;
	unsigned int tasks;
	unsigned long long total_ns;
	unsigned long long head_ns;
	unsigned long long make_ns;
	unsigned long long restore_ns;
	unsigned long long commit_ns;
	unsigned long long freeze_ns;
	unsigned long long bytes;
	unsigned long long pages;
};

#define CKPT_RESTART_PIDS_FRESH (1U << 0) /* any pid will do */
#define CKPT_RESTART_NO_WAIT (1U << 1) /* don't wait for the program */
#define CKPT_RESTART_IN_PLACE (1U << 2) /* become the program */
#define CKPT_RESTART_LEAVE_FROZEN (1U << 3)
#define CKPT_RESTART_NO_CGROUP (1U << 4) /* leave it in the caller's cgroup */
#define CKPT_RESTART_VERIFY (1U << 5) /* for ckpt_verify(), which sets it */

/**
 * struct ckpt_restart_opts - what restart(1) is asked for
 * @fd: open for reading; the image comes from there
 * @log: path of a log, or NULL
 * @root: directory that becomes the program's root: all paths of the image
 *	are looked up below it; or NULL
 * @flags: CKPT_RESTART_*, above
 * @kernel_flags: RESTART_FILES_*
 * @nr_inherit: entries of @inherit
 * @inherit: descriptors to hand over
 * @workers: as in struct ckpt_checkpoint_opts
 * @notes: stream for warnings and notes, or NULL
 * @verbose: stream for remarks, or NULL
 * @progress: stream for bytes, rate and time left, or NULL; not used with
 *	CKPT_RESTART_IN_PLACE
 * @running: called once the program runs (or is frozen), before it is waited
 *	for; or NULL; not used with CKPT_RESTART_IN_PLACE
 * @arg: its argument
 */
struct ckpt_restart_opts {
	int fd;
	const char *log;
	const char *root;
	unsigned int flags;
	__u64 kernel_flags;
	__u32 nr_inherit;
	const struct ckpt_inherit *inherit;
	__u32 workers;
	FILE *notes;
	FILE *verbose;
	FILE *progress;
	void (*running)(void *arg, const struct ckpt_restart_stats *stats);
	void *arg;
};

/**
 * ckpt_restart() - bring a program back
 * @opts: what to do
 * @status: its wait status, unless CKPT_RESTART_NO_WAIT
 *
 * With CKPT_RESTART_IN_PLACE it returns only on failure.  Without
 * CKPT_RESTART_NO_WAIT it passes signals on to the program until that ends.
 *
 * Return: the program's pid, or a negative errno; then no task is left.
 */
int ckpt_restart(const struct ckpt_restart_opts *opts, int *status);

/**
 * ckpt_verify() - see whether a restart would bring everything back
 * @opts: what to do; @opts->fd is a regular file
 * @to: stream for the differences, one line each
 *
 * Restarts the program frozen, checkpoints it again, compares the two images
 * record by record, and kills the program, which never runs.  What may differ
 * is in CKPT_VARYING, in common/ckpt_varying.h of the sources.
 *
 * Return: how many differences there are, 0 if none; or a negative errno.
 */
long ckpt_verify(const struct ckpt_restart_opts *opts, FILE *to);

#ifdef __cplusplus
}
#endif

#endif /* _LIBCKPT_H */
