#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernel threads for the contents of memory: as many as asked for and CPUs there
# are, none where one is enough, and none left when the tool is killed.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

cat >holder.py <<'PY'
import hashlib, os, time
memory = os.urandom(48 << 20) + b"records of a kind " * (1 << 20)
was = hashlib.md5(memory).hexdigest()
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.05)
now = hashlib.md5(memory).hexdigest()
open("result", "w").write("same" if now == was else "differs")
PY

hold() {
	rm -f ready go result
	python3 holder.py </dev/null >/dev/null 2>&1 &
	program=$!
	within 120 test -e ready
}

# is_same PID: it ends, and has found its memory as it was
is_same() {
	touch go
	within 120 test -e result && [ "$(cat result)" = same ]
}

# shellcheck disable=SC2317 # called by within
workers() {
	grep -lx ckpt_worker /proc/[0-9]*/comm 2>/dev/null | wc -l
}

# shellcheck disable=SC2317 # the same
none_left() {
	[ "$(workers)" = 0 ]
}

# shellcheck disable=SC2317 # the same
has_workers() {
	[ "$(workers)" = "$1" ]
}

cpus=$(nproc)
expected=$((cpus < 8 ? cpus - 1 : 7))
mkfifo stream back

# A reader that takes so much: the writer stands in the middle.
hold
for compress in none lz4; do
	for options in '' '--workers 1' '--stop-copy --workers 2'; do
		want=$expected
		case $options in
		*1) want=0 ;;
		*2) want=$((cpus > 1)) ;;
		esac
		exec 8<>stream
		# shellcheck disable=SC2086 # words
		checkpoint --no-progress -z $compress $options $program >stream 2>message &
		tool=$!
		timeout 100 head -c 20000000 <&8 >/dev/null
		within 60 has_workers $want
		result $? "-z $compress $options: $want kernel threads"
		kill -KILL $tool
		wait $tool 2>/dev/null
		tool=''
		within 60 none_left
		result $? "-z $compress $options: killed, it leaves none"
		exec 8>&-
	done
done
is_same
result $? 'the program is what it was'
wait "$program"

# A restart whose image stalls in the middle.
hold
checkpoint --kill -z lz4 "$program" >image 2>message
result $? 'checkpoint'
wait "$program" 2>/dev/null
for options in '--workers 1' ''; do
	exec 8<>back
	head -c $(($(stat -c %s image) * 2 / 3)) image >back &
	feeder=$!
	# shellcheck disable=SC2086 # words
	restart --no-progress $options <back >/dev/null 2>message 8>&- &
	tool=$!
	within 60 eval "! kill -0 $feeder 2>/dev/null"
	want=$expected
	[ -z "$options" ] || want=0
	within 60 has_workers $want
	result $? "restart $options: $want kernel threads"
	kill -KILL $tool
	wait $tool 2>/dev/null
	tool=''
	within 60 none_left
	result $? "restart $options: killed, it leaves none"
	exec 8>&-
done
restart <image >/dev/null 2>message &
tool=$!
is_same
result $? 'restarted it finds its memory'
wait $tool
tool='' program=''

# An image on a disk, which stops to answer in the middle: there the workers make
# the pages and read them, too.
cat >disk.py <<'PY'
import fcntl, os, socket, struct, sys, threading, time
image = open(sys.argv[1], "rb").read()
image += bytes(-len(image) % 4096)
ours, theirs = socket.socketpair()
disk = os.open("/dev/nbd0", os.O_RDWR)
for request, arg in ((0xab01, 4096), (0xab07, len(image) // 4096), (0xab00, theirs.fileno())):
    fcntl.ioctl(disk, request, arg)
threading.Thread(target=fcntl.ioctl, args=(disk, 0xab03), daemon=True).start()
open("disk", "w").close()
while True:
    magic, kind, handle, start, length = struct.unpack(">II8sQI", ours.recv(28, socket.MSG_WAITALL))
    while start + length > len(image) * 2 // 3 and os.path.exists("stall"):
        open("stalled", "w").close()
        time.sleep(0.02)
    ours.sendall(struct.pack(">II8s", 0x67446698, 0, handle) + image[start:start + length])
PY

# shellcheck disable=SC2317 # called by within
all_wait() {
	local pid

	for pid in $(pgrep -x ckpt_worker) $tool; do
		[[ $(sed 's/.*) //' "/proc/$pid/stat") = D* ]] || return 1
	done
}

# made_pages: each of the workers that are there (the 10th field: minor faults)
made_pages() {
	local pid

	for pid in $(pgrep -x ckpt_worker); do
		awk '$10 < 1 { exit 1 }' "/proc/$pid/stat" || return 1
	done
}

# in_io_group COMMAND...: what it reads is counted
group=/sys/fs/cgroup/ckpt-workers
in_io_group() {
	echo +io >/sys/fs/cgroup/cgroup.subtree_control && mkdir $group &&
		echo "$BASHPID" >$group/cgroup.procs && exec "$@"
}

# all_read_in_group: as much as the image has; the group goes
all_read_in_group() {
	sed 's/.*rbytes=\([0-9]*\).*/\1/' $group/io.stat |
		awk -v size="$(stat -c %s image)" '{ sum += $1 } END { exit sum < size * 0.95 }'
	local status=$?

	echo -io >/sys/fs/cgroup/cgroup.subtree_control
	rmdir $group || return
	return $status
}

if ! modprobe -q nbd nbds_max=1; then
	for compress in none lz4; do
		nr=$((nr + 1))
		echo "ok $nr a disk that stalls, -z $compress # SKIP no nbd in this kernel"
	done
else
	for compress in none lz4; do
		hold
		checkpoint --kill -z $compress "$program" >image 2>message
		wait "$program" 2>/dev/null
		rm -f disk stalled
		: >stall
		python3 disk.py image &
		disk=$!
		within 20 test -e disk
		restart --no-progress </dev/nbd0 >/dev/null 2>message &
		tool=$!
		bad=''
		within 60 test -e stalled && has_workers $expected && within 60 all_wait ||
			bad+=' running'
		made_pages || bad+=' no-pages'
		kill -KILL $tool
		within 5 none_left || bad+=' workers'
		within 5 gone $tool || bad+=' tool'
		wait $tool 2>/dev/null
		rm stall
		sleep 0.2
		blockdev --flushbufs /dev/nbd0
		in_io_group restart --no-cgroup </dev/nbd0 >/dev/null 2>message &
		tool=$!
		is_same || bad+=' differs'
		wait $tool
		tool='' program=''
		all_read_in_group || bad+=' io'
		kill -KILL $disk
		wait $disk 2>/dev/null
		echo "# bad:$bad"
		[ -z "$bad" ]
		result $? "a disk that stalls, -z $compress: killed at once; the workers had made pages"
	done
fi

for number in 0 65 x -1 ''; do
	checkpoint --workers "$number" $$ >image 2>message
	[ $? = 2 ] && [ "$(wc -l <message)" = 1 ]
	result $? "--workers '$number' is refused"
done
echo "1..$nr"
exit $failed
