#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The freezer of cgroup v1: used where there is no cgroup v2, taken as it is
# where it has frozen a program already; calls that it stops in the middle.

set -u
# In a mount namespace, so that cgroup v2 can go.
[ "${1-}" = inside ] || exec unshare -m "$0" inside
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
mkdir mnt-freezer
mount -t cgroup -o freezer none mnt-freezer || exit 1
groups=$dir/mnt-freezer

# in_group PID GROUP: its freezer group
in_group() {
	grep -qE "^[0-9]+:([^:]*,)?freezer(,[^:]*)?:$2\$" "/proc/$1/cgroup"
}

frozen() {
	[ "$(cat "$groups/$1/freezer.state")" = FROZEN ]
}

# runs_on: the program beats, in the group where it was, and no other is left
runs_on() {
	rm -f beat
	within 5 test -e beat && in_group "$program" / &&
		! find "$groups" -name 'ckpt*' | grep -q .
}

start perl "$dir/obedient.pl"
checkpoint --frozen -o image "$program" 2>message
file=$(sed -n 's/.*echo 0 > //p' message)
[ -n "$file" ] && [ "${file##*/}" = cgroup.freeze ]
result $? version_2_goes_first
echo 0 >"$file"
kill -KILL "$program"
umount -l /sys/fs/cgroup

# ---- a group of its own ----
start perl "$dir/obedient.pl"
checkpoint -o image "$program" 2>message && ckptinfo --check image >/dev/null && runs_on
result $? frozen_and_put_back
cut
result $? killed_in_the_end
tell_end '_exit(3)'
restart -i image 2>message
[ $? = 3 ]
result $? comes_back
start perl "$dir/obedient.pl"
mkdir "$groups/home" "$groups/it's home"
echo "$program" >"$groups/it's home/cgroup.procs"
checkpoint --frozen -o image "$program" 2>message && in_group "$program" "/it's home/ckpt-frozen.$program" &&
	frozen "it's home/ckpt-frozen.$program"
result $? left_frozen
eval "$(sed -n 's/.*to thaw it: //p' message)"
rm -f beat
within 5 test -e beat
result $? thawed_as_told
echo "$program" >"$groups/cgroup.procs"
rmdir "$groups/it's home/ckpt-frozen.$program" "$groups/it's home"

# ---- frozen already ----
echo "$program" >"$groups/home/cgroup.procs"
echo FROZEN >"$groups/home/freezer.state"
within 5 frozen home
checkpoint -o image "$program" 2>message && ckptinfo --check image >/dev/null && frozen home && in_group "$program" /home
result $? taken_as_it_is
echo THAWED >"$groups/home/freezer.state"
echo "$program" >"$groups/cgroup.procs"

# ---- a tool that is killed ----
mkfifo pipe
(exec 8<>pipe; exec sleep 60) 2>/dev/null & # takes nothing of what is written
reader=$!
checkpoint --stop-copy "$program" >pipe 2>message &
tool=$!
within 5 in_group "$program" "/ckpt.$tool" && within 5 frozen "ckpt.$tool"
result $? frozen_while_it_writes
sleep 0.5
kill -KILL "$tool"
wait "$tool" 2>/dev/null
tool=''
rm -f beat
within 5 test -e beat
result $? a_killed_tool_thaws
kill -KILL "$reader"
checkpoint -o image "$program" 2>message && runs_on
result $? the_next_run_clears_up
kill -KILL "$program"

# ---- calls that are frozen in the middle ----

# goes_on NAME SIGNAL: a python3 program on stdin waits; after its restart and
# the signal (none: 0) it ends with status 3
goes_on() {
	local name=$1 signal=$2 bad=0

	{ cat <<-'PY'; cat; } >waits.py
		import os, select, signal, sys, threading, time
		signal.signal(signal.SIGUSR2, lambda *_: os._exit(3))
		open("pid", "w").write(str(os.getpid()))
		open("ready", "w").close()
	PY
	start python3 waits.py
	sleep 0.5
	pid=$program
	cut || bad=1
	restart -i image 2>message &
	tool=$!
	within 10 grep -qs python3 "/proc/$pid/comm" || bad=1
	sleep 0.3
	[ "$signal" = 0 ] || kill -"$signal" "$pid"
	wait "$tool"
	[ $? = 3 ] || bad=1
	tool=''
	result $bad "$name" out
}

goes_on pause USR2 <<<'signal.pause()'
goes_on poll USR2 <<<'select.poll().poll()'
goes_on futex_wait USR2 <<<'lock = threading.Lock(); lock.acquire(); lock.acquire()'
goes_on sleep_until_a_time 0 <<<'time.sleep(6); os._exit(3)'
goes_on sigtimedwait USR1 <<'PY'
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGHUP])
assert signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == {signal.SIGUSR1, signal.SIGHUP}
os._exit(3)
PY

# The time that a relative sleep has left is told nowhere.
# shellcheck disable=SC2217 # a terminal would be refused
sleep 1000 </dev/null >/dev/null 2>&1 &
program=$!
sleep 0.3
checkpoint -o image "$program" 2>message
[ $? = 1 ] && grep -q 'system call 230.*cgroup v1.*use cgroup v2.*not supported' message &&
	[ "$(wc -l <message)" = 1 ] && in_group "$program" / && ! gone "$program"
result $? a_relative_sleep_is_refused
kill -KILL "$program"
program=''
cd /
rmdir "$groups/home"
umount "$groups"

echo "1..$nr"
exit "$failed"
