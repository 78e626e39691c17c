#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the virtual machine, started by init.c once the payload disk has been
# unpacked: puts in place what a Debian system does after `make install` (the
# library cache, the module, the mode of /dev/ckpt, the sysctls) unless the root
# file system is that of `run -r`, mounts debugfs and the disk of `run -d`, and
# becomes COMMAND.

setup_failed() {
	echo "ckpt-vm: $*" >&2
	exit 97
}

# modprobe finds ckpt by this rule, since depmod over 9p would take half a
# minute.  It also does what packaging/60-ckpt.rules does under udev.
load_module() {
	local ko dep deps udev='{ [ ! -e /dev/ckpt ] || chmod 0666 /dev/ckpt; }'

	ko=/lib/modules/$(uname -r)/updates/ckpt.ko
	[ -e "$ko" ] || setup_failed "$ko is not in the payload"
	for dep in $(modinfo -F depends "$ko" | tr , ' '); do
		deps+="modprobe $dep && "
	done
	{
		echo "install ckpt ${deps-}insmod $ko \$CMDLINE_OPTS && $udev"
		echo 'remove ckpt rmmod ckpt'
	} >/etc/modprobe.d/ckpt.conf
	[ -z "$CKPT_NO_MODULE" ] || return 0
	modprobe ckpt || setup_failed 'the module does not load (see the console log)'
	find /etc/sysctl.d /usr/lib/sysctl.d -name '*ckpt*' \
		-exec sysctl -q -p {} + 2>/dev/null
}

# For selftests/coverage: the module's counters are written down at the end, when
# it is unloaded, and behind each test program (kselftest-run).
keep_counters() {
	local bin=/usr/local/sbin

	cat >$bin/ckpt-covered <<-END
		#!/bin/sh
		[ ! -e $covered ] || echo "\$(mktemp /host-out/covered.XXXXXX)" >$covered
	END
	cat >$bin/rmmod <<-END
		#!/bin/sh
		ckpt-covered
		exec /sbin/rmmod "\$@"
	END
	chmod 755 $bin/ckpt-covered $bin/rmmod
}

# KCSAN looks for races from here on; at the end the console is told how often it did.
watch_for_races() {
	local kcsan=/sys/kernel/debug/kcsan status

	echo on >$kcsan || setup_failed 'KCSAN is not there'
	sh -c "$(cat /ckpt-vm/command)"
	status=$?
	sed 's/^/kcsan, at the end: /' $kcsan >/dev/kmsg
	exit $status
}

mount_disk() {
	[ -b /dev/vdc ] || return 0
	blkid /dev/vdc >/dev/null ||
		mke2fs -q -t ext4 -L ckpt-disk /dev/vdc || setup_failed 'mke2fs failed'
	mount -o noatime /dev/vdc /disk || setup_failed 'cannot mount /disk'
}

# shellcheck source=/dev/null
. /ckpt-vm/env
[ -n "$CKPT_AS_IS" ] || ldconfig
mount -t debugfs debugfs /sys/kernel/debug || setup_failed 'no debugfs'
mount -t tracefs tracefs /sys/kernel/tracing || setup_failed 'no tracefs'
mount_disk
if [ -n "$CKPT_AS_IS" ]; then
	:
elif [ -z "$CKPT_NO_MODULE" ] || [ -e "/lib/modules/$(uname -r)/updates/ckpt.ko" ]; then
	load_module
fi
cd /root || exit 97
covered=/sys/module/ckpt/parameters/gcov
if [ -n "$CKPT_GCOV" ] && [ -e $covered ]; then
	keep_counters
	sh -c "$(cat /ckpt-vm/command)"
	status=$?
	ckpt-covered
	exit $status
fi
[ ! -e /sys/kernel/debug/kcsan ] || watch_for_races
exec sh -c "$(cat /ckpt-vm/command)"
