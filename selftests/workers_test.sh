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

for number in 0 65 x -1 ''; do
	checkpoint --workers "$number" $$ >image 2>message
	[ $? = 2 ] && [ "$(wc -l <message)" = 1 ]
	result $? "--workers '$number' is refused"
done
echo "1..$nr"
exit $failed
