#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# With -o, what the program has written to its files is on the disk when its image
# is; without, only what it has written to mappings.  The disk is a file: a copy of
# it is what a power cut at that moment would leave.  It fails when the file system
# that holds it is full.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

device=''
# Nothing goes to the disk by itself.
writeback=$(sysctl -n vm.dirty_writeback_centisecs)
sysctl -qw vm.dirty_writeback_centisecs=0
# shellcheck disable=SC2317 # called by trap
sync_clean_up() {
	sysctl -qw vm.dirty_writeback_centisecs="$writeback"
	kill -KILL "$program" 2>/dev/null && within 5 gone "$program"
	umount "$dir/seen" "$dir/files" 2>/dev/null
	losetup -d "$device" 2>/dev/null
	umount "$dir/holder" 2>/dev/null
	clean_up
}
trap sync_clean_up EXIT

mkdir files seen holder
mount -t tmpfs -o size=24M tmpfs holder || exit 1
disk=holder/disk
truncate -s 64M $disk
modprobe -q loop
mke2fs -q -t ext4 -b 4096 -O ^has_journal $disk
# not by mount -o loop, which has it open for writing: not every kernel allows that
device=$(losetup --show -f $disk) && mount "$device" files || exit 1

# One file grows, of the other, which is mapped, a page in the middle changes.
cat >writer.py <<'PY'
import mmap, os, time
grown = open("files/grown", "wb", buffering=0)
with open("files/mapped", "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
turn = 0
with open("pid", "w") as file: file.write(str(os.getpid()))
while not os.path.exists("end"):
    if os.path.exists("write"):
        turn += 1
        grown.write(b"%04d" % turn * 5120) # whole blocks
        mapped[8192:8196] = b"%04d" % turn
        os.rename("write", "written")
    if os.path.exists("fsync"):
        os.unlink("fsync")
        try:
            os.fsync(grown.fileno())
            told = "nothing"
        except OSError as e:
            told = os.strerror(e.errno)
        with open("told", "w") as file: file.write(told)
    if not os.path.exists("ready"):
        os.mknod("ready")
    time.sleep(0.02)
PY

# writes: once more; $turn is what
turn=0
writes() {
	turn=$((turn + 1))
	rm -f written
	touch write
	within 20 test -e written
}

# on_disk: how much of this turn would be there after a power cut: 0, 1 or 2 files
on_disk() {
	local text copy found=0

	printf -v text '%04d' "$turn"
	cp --sparse=always $disk copy
	copy=$(losetup --show -rf copy) && mount -o ro "$copy" seen || return
	[ "$(stat -c %s seen/grown 2>/dev/null)" = $((turn * 20480)) ] &&
		[ "$(tail -c 20480 seen/grown | grep -o "$text" | wc -l)" = 5120 ] &&
		found=$((found + 1))
	[ "$(dd if=seen/mapped bs=4 skip=2048 count=1 status=none | tr -d "\0")" = "$text" ] &&
		found=$((found + 1))
	umount seen
	losetup -d "$copy"
	echo $found
}

# synced NAME FILES COMMAND...: COMMAND checkpoints; so many files are there then
synced() {
	local name=$1 files=$2 before after

	shift 2
	writes
	before=$(on_disk)
	"$@" 2>message && after=$(on_disk)
	echo "# before: $before, after: ${after-}"
	[ "$before" = 0 ] && [ "${after-}" = "$files" ]
	result $? "$name"
}

# shellcheck disable=SC2317 # called by synced
to_stdout() {
	checkpoint "$program" >image
}

head -c 65536 /dev/zero >files/mapped
sync
start python3 writer.py
synced with_o 2 checkpoint -o image "$program"
synced with_o_while_it_is_stopped 2 checkpoint --stop-copy -o image "$program"
synced with_o_of_a_frozen_one 2 checkpoint --frozen -o image "$program"
sed -n 's/.*to thaw it: //p' message | sh
# What is written to mappings always is.
synced only_mappings_without 1 to_stdout

# Who watches a file is told that it is opened, but not by a checkpoint.
cat >watcher.py <<'PY'
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init1(os.O_NONBLOCK)
if fd < 0 or libc.inotify_add_watch(fd, b"files/grown", 0x20) < 0: # IN_OPEN
    raise OSError(ctypes.get_errno(), "inotify")
os.mknod("watches")
while not os.path.exists("enough"):
    time.sleep(0.02)
try:
    print(len(os.read(fd, 4096)) // 16) # sizeof(struct inotify_event)
except BlockingIOError:
    print(0)
PY

# told_of COMMAND...: how many times somebody opens the file while it runs
told_of() {
	local watcher

	rm -f watches enough
	python3 watcher.py >heard &
	watcher=$!
	within 20 test -e watches && "$@" >/dev/null && touch enough && wait $watcher && cat heard
}

writes
[ "$(told_of cat files/grown)" = 1 ] && # it can tell
	[ "$(told_of checkpoint -o image "$program")" = 0 ] && writes &&
	[ "$(told_of checkpoint --stop-copy -o image "$program")" = 0 ]
result $? those_who_watch_a_file_are_not_told

# ---- a disk that fails ----
# fails WHAT IMAGE: that is all it says; the image that was there stays, and
# nothing else is left
fails() {
	local what=$1 image=$2

	checkpoint -o "$image" "$program" 2>message
	[ $? = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -qE "$what" message &&
		cmp "$image" before && [ "$(ls -A "$(dirname "$image")")" = image ]
}

mkdir files/images images
checkpoint -o files/images/image "$program" && cp files/images/image images &&
	cp files/images/image before || exit 1
sync
# A loop device says nothing of what is written in part: whole blocks it cannot.
dd if=/dev/zero of=holder/rest bs=64K status=none 2>/dev/null # until it is full
writes
fails 'files/grown cannot be written to disk \(errno (5|28)\)' images/image && writes
result $? a_disk_that_does_not_take_its_files
# The error is the program's to hear of, whoever has met it first.
rm -f told
writes
checkpoint --stop-copy -o images/image "$program" 2>message || {
	rm holder/rest
	touch fsync
}
within 10 test -s told
grep -q 'files/grown cannot be written' message && grep -qE 'Input/output error|No space' told
result $? the_program_hears_of_it_too told
# So it is if the disk has failed before, and somebody else was told.
rm -f told
dd if=/dev/zero of=holder/rest bs=64K status=none 2>/dev/null
writes
python3 -c 'import os; os.fsync(os.open("files/grown", os.O_WRONLY))' 2>other
rm holder/rest
checkpoint --stop-copy -o images/image "$program" 2>message
[ $? = 1 ] && grep -q 'files/grown cannot be written' message && grep -q OSError other &&
	touch fsync && within 10 test -s told && grep -qE 'Input/output error|No space' told &&
	checkpoint --stop-copy -o later "$program" 2>message && rm later
result $? an_error_that_others_were_told_of message other
dd if=/dev/zero of=holder/rest bs=64K status=none 2>/dev/null
writes
kill -KILL "$program"
within 5 gone "$program"
# shellcheck disable=SC2217 # a terminal would be refused
sleep 600 </dev/null >/dev/null 2>&1 &
program=$!
within 5 grep -q sleep "/proc/$program/comm"
fails 'files/images/image: cannot save the image: (Input/output error|No space left on device)' files/images/image &&
	checkpoint -o images/image "$program" 2>message
result $? a_disk_that_does_not_take_the_image

echo "1..$nr"
exit "$failed"
