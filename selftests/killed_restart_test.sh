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
	feed $((RANDOM * 32768 % size))
	env --default-signal=INT,TERM restart "${options[@]}" <pipe >/dev/null 2>message &
	tool=$!
	within 5 is_restart
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill -"${signals[i % 3]}" "$tool"
	before=$SECONDS
	wait "$tool" 2>/dev/null && bad+=" $i:status"
	[ $((SECONDS - before)) -lt 5 ] || bad+=" $i:late"
	tool=''
	feed_no_more
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
	within 3 gone "$pid" && continue
	late=$((late + 1))
	within 5 test -e beat || bad+=" $i:stuck"
	kill -KILL "$pid"
	within 5 gone "$pid" || bad+=" $i:immortal"
done
echo "# late: $late; bad:$bad"
[ -z "$bad" ]
result $? a_killed_restart_leaves_all_or_nothing

# ---- frozen, and not done yet ----
# shellcheck disable=SC2317 # called by within
frozen() {
	local group

	group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup" 2>/dev/null)
	[[ $group = */ckpt-frozen.$pid ]] &&
		grep -qs 'frozen 1' "/sys/fs/cgroup$group/cgroup.events"
}

# The message that a frozen program is left cannot be written.
# shellcheck disable=SC2317 # called by killed_frozen
as_it_says_so() {
	within 20 frozen || bad+=" $i:running"
}

# Any moment of the $took microseconds of a verification; a tool that is stopped
# stays in it.
# shellcheck disable=SC2317 # called by killed_frozen
in_the_middle() {
	local usec=$((took * (RANDOM % 100) / 100))

	sleep "$((usec / 1000000)).$(printf %06d $((usec % 1000000)))"
	kill -STOP "$tool" 2>/dev/null
}

# killed_frozen ROUNDS MOMENT MESSAGES OPTION: restarts are killed at a moment,
# until three were while the program was frozen; their messages go to a file.
killed_frozen() {
	local i bad='' killed=0 seen

	for ((i = 0; killed < 3 && i < $1; i++)); do
		restart "$4" -i image >/dev/null 2>"$3" &
		tool=$!
		"$2"
		frozen && seen=1 || seen=0
		kill -KILL "$tool" 2>/dev/null
		wait "$tool" 2>/dev/null
		case $? in
		137) killed=$((killed + seen)) ;;
		0) ;;
		*) bad+=" $i:status" ;;
		esac
		tool=''
		within 5 gone "$pid" || bad+=" $i:alive"
		[ ! -e beat ] || bad+=" $i:ran"
		[ -z "$bad" ] || kill -KILL "$pid" 2>/dev/null
	done
	echo "# bad:$bad, killed $killed in $i rounds"
	[ -z "$bad" ] && [ $killed = 3 ]
}

BALLAST=60000000 start perl "$dir/obedient.pl"
cut
rm -f beat
pid=$(cat pid)
took=${EPOCHREALTIME/./}
restart --verify -i image >/dev/null 2>message
took=$((${EPOCHREALTIME/./} - took))
echo "# a verification takes $took us"
killed_frozen 60 in_the_middle message --verify
result $? a_killed_verify_leaves_no_frozen_program
# It cannot say how to thaw the program: its standard error is a pipe that is
# full.
mkfifo errors
(exec 8<>errors; head -c 65536 /dev/zero >&8; exec sleep 600) 2>/dev/null &
reader=$!
sleep 0.3
killed_frozen 3 as_it_says_so errors --frozen
result $? nor_does_a_killed_restart_that_was_to_leave_it
kill -KILL "$reader"
restart --frozen -W -i image 2>message
kill -0 "$pid" && frozen && sleep 0.3 && frozen && [ ! -e beat ]
result $? one_that_is_done_does
kill -KILL "$pid"
within 5 gone "$pid" || echo '# it lives'

start perl "$dir/obedient.pl"
cut
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
