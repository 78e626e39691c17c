#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A peer that stalls: a reader or writer of the image that does nothing, a log
# that nobody reads, a task that does not come.  A signal ends the tool within a
# second wherever it waits; a program that was being saved runs on, one that was
# being restored is gone.
#
# Environment: SEED (default: from the clock; printed) chooses the places.

SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
echo "# SEED=$SEED"
set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
signals=(KILL TERM INT HUP)
# A second, or more where the kernel checks its every step.
limit_ms=1000
! grep -qw kasan_save_stack /proc/kallsyms || limit_ms=5000
worst=0

ms() {
	local us=${EPOCHREALTIME/./}

	echo "${us%???}"
}

# ends SIGNAL: the tool gets it, and ends by it or with status 1, in time
ends() {
	local before took status

	before=$(ms)
	kill -"$1" "$tool"
	wait "$tool" 2>/dev/null
	status=$?
	took=$(($(ms) - before))
	tool=''
	[ $took -le $worst ] || worst=$took
	[ $took -le $limit_ms ] || { echo "# $1: $took ms"; return 1; }
	[ $status = 137 ] || [ $status = 1 ] || { echo "# $1: status $status"; return 1; }
}

# A shell's background command ignores SIGINT until `env` has said otherwise.
# shellcheck disable=SC2317 # called by within
works() {
	[ "$(cat "/proc/$tool/comm" 2>/dev/null)" = "$1" ]
}

# shellcheck disable=SC2317 # called by within
frozen() {
	local group

	group=$(sed -n 's/^0:://p' "/proc/$program/cgroup") &&
		grep -qs 'frozen 1' "/sys/fs/cgroup$group/cgroup.events"
}

# stalls HOW: the tool waits for who does not read, and the program does so, or
# runs on; 0xb705 is CKPT_IOC_STREAM
# shellcheck disable=SC2317 # called by within
stalls() {
	case $1 in
	--stop-copy) frozen ;;
	*) grep -qs '^16 .* 0xc[0-9a-f]*b705 ' "/proc/$tool/syscall" ;;
	esac
}

# runs_on: the program beats
runs_on() {
	rm -f beat
	within 5 test -e beat
}

# ---- a checkpoint that nobody reads ----
export BALLAST=3000000
start perl "$dir/obedient.pl"
cat >stalled.py <<'PY'
import os, socket, subprocess, sys, time
ours, theirs = socket.socketpair()
pid = os.fork()
if not pid:
    os.dup2(theirs.fileno(), 1)
    os.execvp(sys.argv[1], sys.argv[1:])
print(pid, file=open("tool", "w"), flush=True)
_, status = os.waitpid(pid, 0)
sys.exit(137 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
PY
mkfifo pipe
(exec 8<>pipe; exec sleep 600) 2>/dev/null &
reader=$!
# stalled_pipe HOW...: a checkpoint with these options
stalled_pipe() {
	local bad=''

	for signal in "${signals[@]}"; do
		env --default-signal=INT,TERM,HUP checkpoint "$@" "$program" >pipe 2>message &
		tool=$!
		within 3 stalls "${1-}" || bad+=" $signal:running"
		[ $# != 0 ] || runs_on || bad+=" $signal:held"
		sleep "0.$((RANDOM % 4))"
		ends "$signal" || bad+=" $signal"
		runs_on || bad+=" $signal:frozen"
		[ "$signal" = KILL ] || grep -q 'interrupted' message || bad+=" $signal:message"
	done
	echo "# bad:$bad"
	[ -z "$bad" ]
}

stalled_socket() {
	local bad=''

	for signal in "${signals[@]}"; do
		rm -f tool
		python3 stalled.py env --default-signal=INT,TERM,HUP checkpoint "$@" "$program" 2>message &
		wrapper=$!
		within 10 test -s tool && tool=$(cat tool) && within 3 stalls "${1-}" || bad+=" $signal:running"
		sleep 0.2
		before=$(ms)
		kill -"$signal" "$tool"
		wait $wrapper
		[ $(($(ms) - before)) -le $limit_ms ] || bad+=" $signal:late"
		runs_on || bad+=" $signal:frozen"
	done
	tool=''
	echo "# bad:$bad"
	[ -z "$bad" ]
}

stalled_pipe --stop-copy
result $? a_pipe_that_nobody_reads
stalled_pipe
result $? a_pipe_that_nobody_reads_while_it_runs
stalled_socket --stop-copy
result $? a_socket_that_nobody_reads
stalled_socket
result $? a_socket_that_nobody_reads_while_it_runs

# While the first one is at work a second one says so.
env --default-signal=INT,TERM checkpoint --stop-copy "$program" >pipe 2>/dev/null &
tool=$!
within 3 frozen
checkpoint "$program" >image 2>message
[ $? = 1 ] && grep -q 'another checkpoint of it is going on' message && [ "$(wc -l <message)" = 1 ]
result $? two_checkpoints_at_once
ends TERM && runs_on
result $? the_first_of_them_goes_on

# A log, or a terminal, that takes no more: the checkpoint does not wait for it.
mkfifo log
(exec 8<>log; head -c 65536 /dev/zero >&8; exec sleep 600) 2>/dev/null &
log_reader=$!
sleep 0.3
timeout 20 checkpoint -l log "$program" >image 2>message && ckptinfo --check image >/dev/null && runs_on
result $? a_log_that_nobody_reads
{ timeout 20 checkpoint --progress -o image "$program" 2>log; echo $? >status; } &
within 20 test -s status
[ "$(cat status 2>/dev/null)" = 0 ] && runs_on
result $? messages_that_nobody_reads status
# With the program frozen, and for so long that there is something to tell.
rm -f status
mkfifo slow
(sleep 3; exec cat) <slow >image &
{ timeout 20 checkpoint --progress --stop-copy "$program" >slow 2>log; echo $? >status; } &
within 20 test -s status
[ "$(cat status 2>/dev/null)" = 0 ] && ckptinfo --check image >/dev/null && runs_on
result $? progress_that_nobody_reads status
kill -KILL "$log_reader" "$reader"

# ---- a restart that nobody feeds ----
cut
rm -f beat
pid=$(cat pid)
size=$(stat -c %s image)
mapfile -t places < <(ckptinfo -v image | awk '$1 ~ /^[0-9]+$/ { print $1 }' | shuf -n 12 --random-source=<(yes "$SEED"))
places+=(0 1 100 $((size - 1)) $((size - 4096)) $((size / 2)))
bad='' i=0
for place in "${places[@]}"; do
	signal=${signals[i++ % 4]}
	feed "$place"
	env --default-signal=INT,TERM,HUP restart <pipe >/dev/null 2>message &
	tool=$!
	within 10 works restart
	sleep "0.$((RANDOM % 3 + 1))"
	ends "$signal" || bad+=" $signal:$place"
	within 5 gone "$pid" || bad+=" $signal:$place:alive"
	[ ! -e beat ] || bad+=" $place:ran"
	feed_no_more
done
echo "# ${#places[@]} places; bad:$bad"
[ -z "$bad" ]
result $? a_pipe_that_nobody_feeds

# The task that is being restored is stopped: that ends it all.
bad=''
for ((i = 0; i < 3; i++)); do
	feed $((size / 2))
	restart <pipe >/dev/null 2>message &
	tool=$!
	within 10 test -e "/proc/$pid" && sleep "0.$((RANDOM % 4 + 2))"
	kill -STOP "$pid" || bad+=" stop"
	within 6 gone "$tool" || bad+=" waits"
	wait "$tool" 2>/dev/null
	[ $? = 1 ] && grep -q 'interrupted' message && [ "$(wc -l <message)" = 1 ] || bad+=" message"
	within 5 gone "$pid" || bad+=" alive"
	feed_no_more
done
tool=''
echo "# bad:$bad"
[ -z "$bad" ]
result $? a_task_that_is_stopped

# It is killed: that is said.
feed $((size / 2))
restart <pipe >/dev/null 2>message &
tool=$!
within 10 test -e "/proc/$pid" && sleep 0.3
kill -KILL "$pid"
wait "$tool" 2>/dev/null
[ $? = 1 ] && grep -q '^restart: task: it was killed (' message && [ "$(wc -l <message)" = 1 ]
result $? a_task_that_is_killed
tool=''
feed_no_more

# In a namespace of its own a helper is at work.
as_tester=(setpriv --reuid=tester --regid=tester --clear-groups)
chmod 666 message
bad=''
start "${as_tester[@]}" perl "$dir/obedient.pl" && cut
rm -f beat
for signal in "${signals[@]}"; do
	feed $((size / 2))
	env --default-signal=INT,TERM,HUP "${as_tester[@]}" restart <pipe >/dev/null 2>message &
	tool=$!
	within 10 works restart
	sleep 0.5
	ends "$signal" || bad+=" $signal"
	[ "$signal" = KILL ] || grep -q 'restart: interrupted' message || bad+=" $signal:message"
	sleep 0.2
	! pgrep -lu tester 'restart|perl' || bad+=" $signal:left"
	feed_no_more
done
echo "# bad:$bad"
[ -z "$bad" ]
result $? a_helper_that_nobody_feeds

restart -i none 2>/dev/null
checkpoint $$ >/dev/null 2>&1 # clears up
! find /sys/fs/cgroup -name 'ckpt*' | grep .
result $? no_group_is_left
within 5 rmmod ckpt 2>message && modprobe ckpt
result $? the_module_unloads
echo "# the slowest end took $worst ms"

echo "1..$nr"
exit "$failed"
