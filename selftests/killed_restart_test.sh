#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Restarts that are killed in the middle leave nothing behind; the module is
# loaded and unloaded again and again.
#
# Environment: SEED (default: from the clock; printed) chooses the moments.

SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
echo "# SEED=$SEED"
set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# ---- restarts that are killed ----

# A shell's background command ignores SIGINT until `env` has said otherwise and
# become the tool, which may be over by now.
# shellcheck disable=SC2317 # called by within
is_restart() {
	[ ! -e "/proc/$tool" ] || [ "$(cat "/proc/$tool/comm" 2>/dev/null)" = restart ]
}

# The image comes slowly, so that the signal finds the restart in the middle.
start perl "$dir/obedient.pl"
cut
rm -f beat
pid=$(cat pid) bad='' late=0
size=$(stat -c %s image)
signals=(KILL TERM INT)
for ((i = 0; i < 24; i++)); do
	options=()
	((i % 4)) || options=(--frozen)
	rm -f pipe
	mkfifo pipe
	{ head -c $((RANDOM * 32768 % size)) image; exec sleep 30; } >pipe 2>/dev/null &
	feeder=$!
	env --default-signal=INT,TERM restart "${options[@]}" <pipe >/dev/null 2>message &
	tool=$!
	within 5 is_restart
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill -"${signals[i % 3]}" "$tool"
	before=$SECONDS
	wait "$tool" 2>/dev/null && bad+=" $i:status"
	[ $((SECONDS - before)) -lt 5 ] || bad+=" $i:late"
	tool=''
	kill -KILL "$feeder"
	wait "$feeder" 2>/dev/null
	within 5 gone "$pid" || bad+=" $i:alive"
	[ ! -e beat ] || bad+=" $i:ran"
done
echo "# bad:$bad"
[ -z "$bad" ]
result $? killed_restarts_leave_no_process
# and whole images, where the moment decides whether it was too late
for ((i = 0; i < 12; i++)); do
	rm -f beat
	env --default-signal=INT,TERM restart -W <image >/dev/null 2>message &
	tool=$!
	within 5 is_restart
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill -"${signals[i % 3]}" "$tool" 2>/dev/null
	wait "$tool" 2>/dev/null
	tool=''
	within 1 gone "$pid" && continue
	late=$((late + 1))
	within 5 test -e beat || bad+=" $i:stuck"
	kill -KILL "$pid"
	within 5 gone "$pid" || bad+=" $i:immortal"
done
echo "# late: $late; bad:$bad"
[ -z "$bad" ]
result $? a_killed_restart_leaves_all_or_nothing
restart -i none 2>/dev/null
tell_end '_exit(3)'
restart -i image 2>message # clears up what was left behind
[ $? = 3 ] && ! find /sys/fs/cgroup -name 'ckpt*' | grep .
result $? no_group_is_left
rmmod ckpt 2>message
result $? the_module_unloads

# ---- the module ----
bad=''
for ((i = 0; i < 10; i++)); do
	modprobe ckpt 2>message || bad+=" $i:load"
	start perl "$dir/obedient.pl"
	cut || bad+=" $i:checkpoint"
	tell_end '_exit(3)'
	restart -i image 2>message
	[ $? = 3 ] || bad+=" $i:restart"
	rmmod ckpt 2>message || bad+=" $i:unload"
done
modprobe ckpt
echo "# bad:$bad"
[ -z "$bad" ]
result $? loaded_and_unloaded_ten_times

echo "1..$nr"
exit "$failed"
