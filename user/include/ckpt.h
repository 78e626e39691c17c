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
 * ckpt_ioctl_restart() - CKPT_IOC_RESTART
 * @dev: session
 * @arg: argument; @arg->size is filled in here
 *
 * Return: 0 or a negative errno.
 */
int ckpt_ioctl_restart(int dev, struct ckpt_ioc_restart *arg);

/**
 * ckpt_ioctl_lease() - CKPT_IOC_LEASE
 * @dev: session
 * @freeze_fd: a freezer file of a group, open for writing; -1 gives the lease back
 *
 * Return: 0 or a negative errno.
 */
int ckpt_ioctl_lease(int dev, int freeze_fd);

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
 * @data: bytes; not verified yet, the record's checksum comes behind them
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

/* ---- freezing -------------------------------------------------------------- */

struct ckpt_freeze;

#define CKPT_FREEZE_KEEP (1U << 0) /* to be left frozen in the end */

/**
 * ckpt_freeze() - freeze a process
 * @dev: session that takes the lease; -1: none
 * @pid: process
 * @flags: CKPT_FREEZE_*
 * @out: what ckpt_thaw() needs
 *
 * Moves the process into a group of its own below its cgroup and freezes that;
 * one that is frozen already is taken as it is.  Waits 10 seconds at most.
 * On failure everything has been put back.
 *
 * Return: 0 or a negative errno (-EINTR: ckpt_stop_requested()).
 */
int ckpt_freeze(int dev, pid_t pid, unsigned int flags,
		struct ckpt_freeze **out);

/**
 * ckpt_freeze_keep() - leave the process frozen
 * @fz: frozen process; freed
 * @path: filled with the path of the file that thaws it
 * @size: of @path, in bytes
 *
 * Return: 0 or a negative errno; the process stays frozen.
 */
int ckpt_freeze_keep(struct ckpt_freeze *fz, char *path, size_t size);

/**
 * ckpt_thaw() - thaw a process and put everything back
 * @fz: frozen process, freed; or NULL
 *
 * One that had been frozen before stays so.
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
 * struct ckpt_checkpoint_opts - what checkpoint(1) is asked for
 * @pid: process
 * @out: path of the image, written beside it and renamed; NULL: @out_fd
 * @out_fd: open for writing
 * @log: path of a log, or NULL
 * @container: @pid is the init of a container, checkpoint all of it
 * @kill: kill the process once the image is safe
 * @frozen: leave it frozen
 * @notes: stream for what the user must know, or NULL
 * @verbose: stream for remarks, or NULL
 * @progress: stream for bytes, rate and time left, once a second has passed:
 *	one line that is rewritten on a terminal, else a line each second; or NULL
 */
struct ckpt_checkpoint_opts {
	pid_t pid;
	const char *out;
	int out_fd;
	const char *log;
	int container;
	int kill;
	int frozen;
	FILE *notes;
	FILE *verbose;
	FILE *progress;
};

/**
 * ckpt_checkpoint() - checkpoint another process
 * @opts: what to do
 *
 * Freezes, writes the image, thaws (or kills).  On failure the process runs on
 * and no file is left behind.
 *
 * Return: the positive id, or a negative errno.
 */
int ckpt_checkpoint(const struct ckpt_checkpoint_opts *opts);

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
 * @notes: stream for warnings and notes, or NULL
 * @verbose: stream for remarks, or NULL
 * @progress: stream for bytes, rate and time left, or NULL; not used with
 *	CKPT_RESTART_IN_PLACE
 */
struct ckpt_restart_opts {
	int fd;
	const char *log;
	const char *root;
	unsigned int flags;
	__u64 kernel_flags;
	__u32 nr_inherit;
	const struct ckpt_inherit *inherit;
	FILE *notes;
	FILE *verbose;
	FILE *progress;
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
 * is in CKPT_VARYING, in ckpt_image.h.
 *
 * Return: how many differences there are, 0 if none; or a negative errno.
 */
long ckpt_verify(const struct ckpt_restart_opts *opts, FILE *to);

#ifdef __cplusplus
}
#endif

#endif /* _LIBCKPT_H */
