# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In the virtual machine: what the kernel's kmemleak finds.  Sourced.

kmemleak=/sys/kernel/debug/kmemleak

# It is in this kernel, and on.
watches_for_leaks() {
	[ -e $kmemleak ] && ! grep -qw kmemleak=off /proc/cmdline
}

# Print what has been lost since the last time, at most sixty lines of it; 1:
# nothing.  What was allocated in the last five seconds does not count for a leak
# yet, and a checksum that has changed since the last scan excuses.  Without
# memory kmemleak gives up, and then takes no commands: that is told as well.  The
# file has no size, whatever it holds.
leaks() {
	local found

	watches_for_leaks || return 1
	sleep 6
	if echo scan >$kmemleak && echo scan >$kmemleak; then
		found=$(head -n 60 $kmemleak)
		echo clear >$kmemleak
	else
		found='kmemleak does not work any more'
	fi
	[ -n "$found" ] && echo "$found"
}

# The kernel's own module that leaks on purpose is found: what does not find it
# would never find anything.  The console is not to hear of it.
sees_a_leak() {
	watches_for_leaks || return 0
	modprobe kmemleak-test || return
	dmesg -n 4
	leaks | grep -q kmemleak_test
	set -- $?
	dmesg -n 7
	return "$1"
}
