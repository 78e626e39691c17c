/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of fields that may differ between an image and the next one, made
 * of the program that was restarted from it and has not run since:
 * X(structure of ckpt_image.h, field, how).  `restart --verify` holds all others
 * to be wrong when they differ.  Objrefs, which are the fields whose names end
 * in "objref", may be other numbers, but lead to the same objects.
 *
 *	ANY	of the machine, of the call, or of the restarter
 *	RISES	a clock, or what has been used: never less than before
 *	START	the same; with other pids or without a time namespace the start
 *		is that of the restart
 *	COUNT	how many records follow, which are compared themselves
 *	LEFT	ns that are left, with the interval in `interval` beside it:
 *		less by the time between the two, or it has expired meanwhile
 *	DEADLINE	ns on the clock whose time is `now`, as LEFT
 *	PID	of the same task; or of one that is not in the image
 *	LEVELS	pids of a task and, behind them, the path of its cgroup
 *	TIMENS	the namespace is one for the time: the restarter makes it
 *	PIPE	the file is a pipe: its name on the machine
 *	NODE	the file is neither regular nor a directory
 *	ANON	the area is anonymous: an offset without a meaning
 *	CALL	the same, or the call that the freezer had interrupted has been
 *		wound back to begin again
 *	PAGES	which pages: their contents are compared one by one
 */
#ifndef _CKPT_VARYING_H
#define _CKPT_VARYING_H

#define CKPT_VARYING(X)                              \
	X(ckpt_hdr_header, flags, ANY)               \
	X(ckpt_hdr_header, ckptid, ANY)              \
	X(ckpt_hdr_header, time_real, ANY)           \
	X(ckpt_hdr_header, time_mono, ANY)           \
	X(ckpt_hdr_header, time_boot, ANY)           \
	X(ckpt_hdr_header, self, ANY)                \
	X(ckpt_hdr_header, owner_uid, ANY)           \
	X(ckpt_hdr_header, owner_gid, ANY)           \
	X(ckpt_hdr_header, nodename, ANY)            \
	X(ckpt_hdr_header, release, ANY)             \
	X(ckpt_hdr_header, version, ANY)             \
	X(ckpt_hdr_header, domainname, ANY)          \
	X(ckpt_hdr_header_arch, vendor, ANY)         \
	X(ckpt_hdr_header_arch, family, ANY)         \
	X(ckpt_hdr_header_arch, model, ANY)          \
	X(ckpt_hdr_header_arch, xfeatures, ANY)      \
	X(ckpt_hdr_header_arch, cpuid, ANY)          \
	X(ckpt_hdr_container, lsm_len, ANY)          \
	X(ckpt_hdr_container, lsm, ANY)              \
	X(ckpt_hdr_tree_task, pid, PID)              \
	X(ckpt_hdr_tree_task, tgid, PID)             \
	X(ckpt_hdr_tree_task, ppid, PID)             \
	X(ckpt_hdr_tree_task, parent_tid, PID)       \
	X(ckpt_hdr_tree_task, pgid, PID)             \
	X(ckpt_hdr_tree_task, sid, PID)              \
	X(ckpt_hdr_tree_task, time_mono, RISES)      \
	X(ckpt_hdr_tree_task, time_boot, RISES)      \
	X(ckpt_hdr_tree_task, cgroup_len, ANY)       \
	X(ckpt_hdr_tree_task, pids, LEVELS)          \
	X(ckpt_hdr_ns, inum, ANY)                    \
	X(ckpt_hdr_ns, callers, TIMENS)              \
	X(ckpt_hdr_file, size, PIPE)                 \
	X(ckpt_hdr_file, mtime_sec, NODE)            \
	X(ckpt_hdr_file, mtime_nsec, NODE)           \
	X(ckpt_hdr_file, ino, NODE)                  \
	X(ckpt_hdr_file, dev, NODE)                  \
	X(ckpt_hdr_file, owner_pid, PID)             \
	X(ckpt_hdr_file, path_len, PIPE)             \
	X(ckpt_hdr_file, path, PIPE)                 \
	X(ckpt_hdr_signal, nr_siginfo, COUNT)        \
	X(ckpt_hdr_signal, maxrss, RISES)            \
	X(ckpt_rusage, seen_utime, RISES)            \
	X(ckpt_rusage, seen_stime, RISES)            \
	X(ckpt_itimer, value, LEFT)                  \
	X(ckpt_hdr_timer, target_tid, PID)           \
	X(ckpt_hdr_timer, clock_tid, PID)            \
	X(ckpt_hdr_timer, value, LEFT)               \
	X(ckpt_hdr_mm, nr_vmas, COUNT)               \
	X(ckpt_hdr_mm, hiwater_rss, RISES)           \
	X(ckpt_hdr_mm, hiwater_vm, RISES)            \
	X(ckpt_hdr_vma, pgoff, ANON)                 \
	X(ckpt_hdr_pgarr, nr_ranges, PAGES)          \
	X(ckpt_hdr_pgarr, nr_pages, PAGES)           \
	X(ckpt_hdr_pgarr, compress, PAGES)           \
	X(ckpt_hdr_pgarr, packed_len, PAGES)         \
	X(ckpt_hdr_pgarr, range, PAGES)              \
	X(ckpt_hdr_task, pid, PID)                   \
	X(ckpt_hdr_task, io_with, PID)               \
	X(ckpt_hdr_task, nr_siginfo, COUNT)          \
	X(ckpt_hdr_task, start_mono, START)          \
	X(ckpt_hdr_task, start_boot, START)          \
	X(ckpt_hdr_task, rusage, RISES)              \
	X(ckpt_hdr_cpu, ax, CALL)                    \
	X(ckpt_hdr_cpu, orig_ax, CALL)               \
	X(ckpt_hdr_cpu, ip, CALL)                    \
	X(ckpt_hdr_restart_block, expires, DEADLINE) \
	X(ckpt_hdr_restart_block, now, ANY)          \
	X(ckpt_hdr_trailer, nr_records, COUNT)       \
	X(ckpt_hdr_trailer, digest, ANY)

#endif /* _CKPT_VARYING_H */
