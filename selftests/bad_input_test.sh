#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad images, bad process ids, bad places for an image, missing rights: one line
# that says what is wrong, a status that is not zero, nothing left behind, and
# the program that was to be checkpointed runs on.
#
# Environment: SEED (default: from the clock; printed) chooses what is damaged.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
dir=$(mktemp -d /tmp/ckpt-bad.XXXXXX) || exit 1
chmod 755 "$dir"
cd "$dir" || exit 1
target=''
# shellcheck disable=SC2317 # called by trap
clean_up() {
	[ -z "$target" ] || kill -KILL "$target" 2>/dev/null
	umount "$dir/small" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
nr=0 failed=0

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		failed=1
		echo "not ok $nr $2"
		sed 's/^/# /' message 2>/dev/null
	fi
}

# good_words WORDS: message is one line with them
good_words() {
	[ "$(wc -l <message)" = 1 ] && grep -qiE -- "$1" message
}

# image_refused NAME WORDS: what restart says of the image "bad"
image_refused() {
	timeout 20 restart --no-pids <bad >/dev/null 2>message
	[ $? = 1 ] && good_words "$2"
	result $? "$1"
}

# alive: the target runs, is not frozen, and no group of ours is left
alive() {
	local state

	state=$(awk '/^State/ {print $2}' "/proc/$target/status" 2>/dev/null)
	case $state in R | S | D) ;; *) return 1 ;; esac
	! grep -q ckpt "/proc/$target/cgroup" &&
		! find /sys/fs/cgroup -maxdepth 2 -name 'ckpt.*' | grep -q .
}

# pid_refused NAME WORDS PID [options]
pid_refused() {
	local name=$1 words=$2

	shift 2
	checkpoint "$@" >/dev/null 2>message
	[ $? = 1 ] && good_words "$words" && alive
	result $? "$name"
}

echo "# SEED=$SEED"
# shellcheck disable=SC2217 # its terminal would not come back
sleep 1000 </dev/null >/dev/null 2>&1 &
target=$!
sleep 0.3
checkpoint "$target" >good 2>message
result $? a_good_image_to_begin_with
size=$(stat -c %s good)

# ---- images ----
: >bad
image_refused empty 'truncated|ends|empty'
head -c 5000000 /dev/zero >bad
image_refused zeros 'not a|valid'
head -c 100000 /dev/urandom >bad
image_refused noise 'not a|valid'
cp /etc/passwd bad
image_refused text_file 'not a|valid'

boundaries=$(ckptinfo -v good | awk '{print $1}')
bad=0 tried=0
for offset in $boundaries $((size - 1)) $((size - 40)) 7 15 17; do
	[ "$offset" -gt 0 ] 2>/dev/null || continue
	head -c "$offset" good >bad
	tried=$((tried + 1))
	timeout 20 restart --no-pids <bad >/dev/null 2>message
	[ $? = 1 ] && good_words 'truncated|ends' || bad=$offset
done
echo "# truncated at $tried places"
[ "$bad" = 0 ] && [ "$tried" -gt 20 ]
result $? truncated_at_every_record

bad=''
for ((i = 0; i < 40; i++)); do
	offset=$(((RANDOM * 32768 + RANDOM) % size))
	bit=$((RANDOM % 8))
	python3 - $offset $bit <<-'PY'
		import sys
		data = bytearray(open("good", "rb").read())
		data[int(sys.argv[1])] ^= 1 << int(sys.argv[2])
		open("bad", "wb").write(data)
	PY
	timeout 20 restart --no-pids <bad >/dev/null 2>message
	[ $? = 1 ] && [ "$(wc -l <message)" = 1 ] || bad+=" $offset.$bit"
	ckptinfo --check bad >/dev/null 2>&1 && bad+=" check:$offset.$bit"
done
echo "# not found:$bad"
[ -z "$bad" ]
result $? flipped_bits

cat good good >bad
timeout 60 restart --no-pids <bad >/dev/null 2>message &
tool=$!
for ((i = 0; i < 1000; i++)); do
	pgrep -x sleep | grep -vx "$target" >back && break
	sleep 0.02
done
xargs kill <back
wait "$tool"
[ $? = 143 ] && [ "$(wc -l <back)" = 1 ] && [ ! -s message ]
result $? bytes_behind_the_image_are_left_alone
(while :; do cat good 2>/dev/null || exit; done) 2>/dev/null |
	head -c 1000 >bad
image_refused short_stream 'truncated|ends'
timeout 20 restart --no-pids </dev/zero >/dev/null 2>message
[ $? = 1 ] && good_words 'not a|valid'
result $? endless_zeros
timeout 20 restart --no-pids <"$dir" >/dev/null 2>message
[ $? = 1 ] && [ "$(wc -l <message)" = 1 ]
result $? directory_as_image
timeout 20 restart <good >/dev/null 2>message
[ $? = 1 ] && good_words 'taken.*no-pids'
result $? taken_pid

# ---- processes ----
pid_refused no_such_process 'no such process' 4194000
pid_refused kernel_thread 'kernel thread' 2
pid_refused process_one 'this tool is below it' 1
checkpoint abc >/dev/null 2>message
[ $? = 2 ]
result $? no_number
# shellcheck disable=SC2016 # for the shell that becomes checkpoint
sh -c 'exec checkpoint $$' >image 2>message
[ $? = 1 ] && good_words 'itself'
result $? the_tool_itself

# ---- places ----
mkdir small
mount -t tmpfs -o size=64k none small
pid_refused full_disk 'space' -o small/image "$target"
[ -z "$(ls small)" ]
result $? full_disk_has_no_half_image
checkpoint "$target" >small/image 2>message
[ $? = 1 ] && good_words 'space' && alive
result $? full_disk_by_redirection
pid_refused missing_directory 'no such file' -o none/image "$target"
{ checkpoint "$target" 2>message; echo $? >status; } | true
sleep 0.2
[ "$(cat status)" = 1 ] && good_words 'pipe' && alive
result $? closed_pipe
checkpoint "$target" 2>message 1</dev/null
[ $? = 1 ] && good_words 'reading only|written' && alive
result $? read_only_descriptor
checkpoint "$target" 2>message 1>/dev/ckpt
[ $? = 1 ] && [ "$(wc -l <message)" = 1 ] && alive
result $? the_device_as_image

# ---- rights ----
su -s /bin/sh tester -c "checkpoint $target" >/dev/null 2>message
[ $? = 1 ] && good_words 'not permitted|not yours' && alive
result $? not_ours
echo 0 >/proc/sys/kernel/ckpt_unpriv_allowed
su -s /bin/sh tester -c 'restart --no-pids' <good >/dev/null 2>messages
status=$?
tail -n 1 messages >message # above it a note on clocks
[ $status = 1 ] && good_words 'permi'
result $? unprivileged_switched_off
echo 1 >/proc/sys/kernel/ckpt_unpriv_allowed

# ---- the tool is killed ----
python3 -c '
import time
memory = bytearray(range(256)) * 400000
open("ready", "w").close()
while True:
    time.sleep(0.01)
' </dev/null >/dev/null 2>&1 &
big=$!
for ((i = 0; i < 300; i++)); do
	[ -e ready ] && break
	sleep 0.05
done
rm -f image
bad=0
for signal in KILL TERM INT KILL KILL HUP KILL TERM; do
	checkpoint -o image "$big" 2>message &
	tool=$!
	sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
	kill -"$signal" "$tool" 2>/dev/null
	wait "$tool" 2>/dev/null
	for ((i = 0; i < 50; i++)); do
		state=$(awk '/^State/ {print $2}' "/proc/$big/status")
		group=$(sed -n 's/^0:://p' "/proc/$big/cgroup")
		grep -q 'frozen 1' "/sys/fs/cgroup$group/cgroup.events" 2>/dev/null || break
		sleep 0.1
	done
	[ "$i" -lt 50 ] && [ -n "$state" ] || bad=1
	[ ! -e image ] || ckptinfo --check image || bad=1
done
[ "$bad" = 0 ]
result $? a_killed_tool_leaves_the_program_running
checkpoint "$target" >/dev/null 2>message && alive &&
	! grep -q ckpt "/proc/$big/cgroup"
result $? the_next_run_clears_up
kill -KILL "$big"
wait "$big" 2>/dev/null

# ---- the module ----
checkpoint --frozen "$target" >image 2>message
result $? left_frozen
rmmod ckpt 2>message
result $? unloads_with_a_frozen_program
checkpoint "$target" >image 2>message
[ $? = 1 ] && good_words 'modprobe ckpt'
result $? module_not_loaded
modprobe ckpt 2>message || insmod "$(find /lib/modules/"$(uname -r)" -name ckpt.ko)"
chmod 666 /dev/ckpt
group=$(sed -n 's/^0:://p' "/proc/$target/cgroup")
echo 0 >"/sys/fs/cgroup$group/cgroup.freeze"
(exec 9<>/dev/ckpt; rmmod ckpt 2>message)
[ $? = 1 ]
result $? does_not_unload_in_use

kill -0 "$target"
result $? the_program_has_survived_it_all
echo "1..$nr"
exit "$failed"
