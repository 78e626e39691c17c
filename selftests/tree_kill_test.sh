#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool, or a task of the tree, is killed at random moments and at every
# stage of checkpoint and restart: the tree runs on, or all of it is there, or
# none of it; no process, no cgroup and no file is left behind, nothing hangs.
#
# Environment: SEED (default: from the clock; printed) chooses the moments,
# KILLS (6) how many of each kind, CT_SKIP_CHECKPOINT: only the tree itself.

SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
KILLS=${KILLS:-6}
echo "# SEED=$SEED"
crowd=$(cd "$(dirname "$0")" && pwd)/crowd
[ -x "$crowd" ] || crowd=${crowd%/*}/progs/crowd
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

[ -e /dev/ckpt ] || [ -n "${CT_SKIP_CHECKPOINT-}" ] || {
	echo '1..0 # SKIP no /dev/ckpt'
	exit 4
}

# ---- the tree ----

# family PID: it and all below it
# shellcheck disable=SC2317 # called by within
family() {
	local pid

	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046 # words
		family $(cat "/proc/$pid/task"/*/children 2>/dev/null)
	done
}

# start_crowd: three processes that work until there is a file "stop"; sets
# $program and $pids
start_crowd() {
	rm -f stop out err
	# who is not nice delays us; what runs in the background ignores SIGINT
	nice env --default-signal=INT,QUIT "$crowd" stop </dev/null >out 2>err &
	program=$!
	within 10 three_of_them
}

# shellcheck disable=SC2317 # called by within
three_of_them() {
	mapfile -t pids < <(family "$program")
	[ ${#pids[@]} = 3 ]
}

# What it has used of the CPU, in ticks.
used() {
	local fields

	read -ra fields 2>/dev/null <"/proc/$program/stat" || fields=(0)
	echo $((fields[13] + fields[14]))
}

# shellcheck disable=SC2317 # called by within
has_used_more() {
	[ "$(used)" -gt "$1" ]
}

# It is not frozen, and works.
works() {
	within 10 has_used_more "$(used)"
}

# It finds its own results right.
ends_well() {
	touch stop
	within 30 gone "$program" || return 1
	grep -q '^process 2: ' out && [ ! -s err ]
}

# shellcheck disable=SC2317 # called by within
all_gone() {
	local pid

	for pid in "${pids[@]}"; do
		gone "$pid" || return 1
	done
}

some_left() {
	local pid

	for pid in "${pids[@]}"; do
		gone "$pid" || return 0
	done
	return 1
}

# Whoever was killed by SIGKILL could not clear up: the next one does.
no_group() {
	restart -i /dev/null 2>/dev/null
	! find /sys/fs/cgroup -name 'ckpt*' | grep .
}

no_file() {
	! find . -name 'image*' ! -name image ! -name image.good | grep .
}

signals=(KILL TERM INT)

# It is the tool; before that, in the background, it ignores SIGINT.
tool_runs() {
	local i name=''

	for ((i = 0; i < 2000; i++)); do
		read -r name <"/proc/$tool/comm"
		[ "$name" != checkpoint ] && [ "$name" != restart ] || return 0
		nap 0.005
	done
	return 1
}

# end_tool SIGNAL: it is killed, and ends soon
end_tool() {
	local status=0

	kill -"$1" "$tool" 2>/dev/null
	within 20 gone "$tool" || status=1
	kill -KILL "$tool" 2>/dev/null
	wait "$tool" 2>/dev/null
	tool=''
	return $status
}

# ---- the checkpoint ----

kill_checkpoint_at_random() {
	local i bad='' late=0

	for ((i = 0; i < KILLS; i++)); do
		rm -f image
		env --default-signal=INT,TERM checkpoint -o image "$program" 2>message &
		tool=$!
		tool_runs
		pause "$checkpoint_ms"
		end_tool "${signals[i % 3]}" || bad+=" $i:late"
		works || bad+=" $i:still"
		[ ! -e image ] || late=$((late + 1))
	done
	echo "# whole images: $late; bad:$bad"
	[ -z "$bad" ] && no_group && no_file
}

# The reader takes a part of the image and then nothing more.
kill_checkpoint_at_stages() {
	local i bad='' size reader

	size=$(stat -c %s image.good)
	for ((i = 0; i < KILLS; i++)); do
		rm -f pipe
		mkfifo pipe
		{ head -c $((size * i / KILLS)) >/dev/null; exec sleep 60; } <pipe &
		reader=$!
		env --default-signal=INT,TERM checkpoint "$program" >pipe 2>message &
		tool=$!
		tool_runs
		pause 900
		end_tool "${signals[i % 3]}" || bad+=" $i:late"
		works || bad+=" $i:still"
		kill -KILL "$reader"
		wait "$reader" 2>/dev/null
	done
	echo "# bad:$bad"
	[ -z "$bad" ] && no_group
}

# killed_task ROUND CODE: one of the three was killed, and the tool has ended
# with CODE: it says so, or has been quicker; adds to $bad
killed_task() {
	case $2 in
	0) [ -s image ] || bad+=" $1:image" ;;
	1) failures=$((failures + 1)) && [ "$(wc -l <message)" = 1 ] || bad+=" $1:mute" ;;
	*) bad+=" $1:$2" ;;
	esac
	# who lost its neighbour fails and ends
	within 20 all_gone || bad+=" $1:alive"
	kill -KILL "${pids[@]}" 2>/dev/null
	wait "$program" 2>/dev/null
}

kill_task_of_a_checkpoint() {
	local i bad='' failures=0 victim code

	for ((i = 0; i < KILLS; i++)); do
		start_crowd || bad+=" $i:start"
		rm -f image
		victim=${pids[RANDOM % 3]}
		checkpoint -o image "$program" 2>message &
		tool=$!
		pause "$checkpoint_ms"
		kill -KILL "$victim"
		wait "$tool"
		code=$?
		tool=''
		[ $code = 0 ] || [ ! -e image ] || bad+=" $i:half"
		killed_task "$i" $code
	done 2>noise
	echo "# $failures of $KILLS checkpoints failed; bad:$bad"
	[ -z "$bad" ] && no_group && no_file
}

# kill_task_at_stages_of_a_checkpoint CODE OPTION...: the reader takes a part of
# the image; then one of the three is killed.  The rest is more than a pipe holds:
# it can no longer be right, unless it comes from a snapshot.
kill_task_at_stages_of_a_checkpoint() {
	local i bad='' failures=0 size part reader code want=$1

	shift

	size=$(($(stat -c %s image.good) - 2 * 65536))
	for ((i = 0; i < KILLS; i++)); do
		start_crowd || bad+=" $i:start"
		rm -f pipe taken rest
		mkfifo pipe
		part=$((size * i / KILLS + 1))
		{
			head -c $part
			touch taken
			within 60 test -e rest
			cat
		} <pipe >image &
		reader=$!
		checkpoint "$@" "$program" >pipe 2>message &
		tool=$!
		within 60 test -e taken
		kill -KILL "${pids[i % 3]}"
		touch rest
		wait "$tool"
		code=$?
		tool=''
		wait "$reader"
		[ $code = "$want" ] || bad+=" $i:$code"
		[ $code = 1 ] || ckptinfo --check image >/dev/null || bad+=" $i:broken"
		killed_task "$i" $code
	done 2>noise
	echo "# $failures of $KILLS checkpoints failed; bad:$bad"
	[ -z "$bad" ] && no_group
}

# ---- the restart ----

# all_or_none ROUND: adds to $bad and $late
all_or_none() {
	local i

	# what was killed may take a moment
	for ((i = 0; i < 40; i++)); do
		some_left || return 0
		nap 0.05
	done
	late=$((late + 1))
	for i in "${pids[@]}"; do
		gone "$i" && bad+=" $1:half"
	done
	program=${pids[0]}
	works || bad+=" $1:still"
	ends_well || bad+=" $1:wrong"
	kill -KILL "${pids[@]}" 2>/dev/null
	within 10 all_gone || bad+=" $1:immortal"
}

# shellcheck disable=SC2317 # called by timed
restart_and_kill() {
	restart -W -i image.good 2>message
	kill -KILL "${pids[@]}"
	within 10 all_gone
}

kill_restart_at_random() {
	local i bad='' late=0 options

	for ((i = 0; i < 2 * KILLS; i++)); do
		rm -f stop out err
		touch out err
		options=()
		((i % 4)) || options=(-W)
		env --default-signal=INT,TERM restart "${options[@]}" -i image.good 2>message &
		tool=$!
		tool_runs
		pause "$restart_ms"
		end_tool "${signals[i % 3]}" || bad+=" $i:late"
		all_or_none "$i"
	done
	echo "# came to life all the same: $late; bad:$bad"
	[ -z "$bad" ] && no_group
}

kill_restart_at_stages() {
	local i bad='' late=0 size feeder

	size=$(stat -c %s image.good)
	for ((i = 0; i < KILLS; i++)); do
		rm -f pipe stop out err
		touch out err
		mkfifo pipe
		{ head -c $((size * i / KILLS + 1)) image.good; exec sleep 60; } >pipe &
		feeder=$!
		env --default-signal=INT,TERM restart <pipe >/dev/null 2>message &
		tool=$!
		tool_runs
		pause 900
		end_tool "${signals[i % 3]}" || bad+=" $i:late"
		kill -KILL "$feeder"
		wait "$feeder" 2>/dev/null
		within 10 all_gone || bad+=" $i:alive"
	done
	echo "# bad:$bad"
	[ -z "$bad" ] && no_group
}

# The stream stalls; a task of the tree that is being built is killed.
kill_task_of_a_restart() {
	local i bad='' hit=0 size part feeder victim code

	size=$(stat -c %s image.good)
	for ((i = 0; i < KILLS; i++)); do
		rm -f pipe stop out err rest
		touch out err
		mkfifo pipe
		part=$((size * i / KILLS + 1))
		{
			head -c $part image.good
			within 60 test -e rest
			tail -c +$((part + 1)) image.good
		} >pipe 2>/dev/null &
		feeder=$!
		timeout 120 restart <pipe >/dev/null 2>message &
		tool=$!
		victim=${good_pids[i % 3]}
		# too early there is no such task yet, and all goes well
		if within 1 test -e "/proc/$victim"; then
			pause 300
			kill -KILL "$victim"
			hit=$((hit + 1))
		else
			victim=''
		fi
		touch stop rest
		wait "$tool"
		code=$?
		tool=''
		wait "$feeder"
		[ $code != 124 ] || bad+=" $i:hung"
		if [ -z "$victim" ]; then
			[ $code = 0 ] || bad+=" $i:$code"
		elif [ $code = 0 ]; then
			bad+=" $i:ran"
		elif [ $code = 1 ] && [ ! -s message ]; then
			bad+=" $i:mute"
		fi
		within 20 all_gone || bad+=" $i:alive"
	done
	echo "# killed in $hit of $KILLS restarts; bad:$bad"
	[ -z "$bad" ] && [ $hit -gt 0 ] && no_group
}

if [ -n "${CT_SKIP_CHECKPOINT-}" ]; then
	start_crowd && works && ends_well
	result $? the_tree_works
	program=''
	echo "1..$nr"
	exit "$failed"
fi

start_crowd
timed checkpoint -o image.good "$program" 2>message
result $? a_whole_image
checkpoint_ms=$ms
good_pids=("${pids[@]}")
kill_checkpoint_at_random
result $? killed_checkpoints_disturb_nothing
kill_checkpoint_at_stages
result $? killed_at_each_stage_of_a_checkpoint
ends_well
result $? the_tree_has_not_noticed out err
kill_task_of_a_checkpoint
result $? killed_task_of_a_checkpoint
kill_task_at_stages_of_a_checkpoint 1 --stop-copy
result $? killed_task_at_each_stage_of_a_checkpoint
kill_task_at_stages_of_a_checkpoint 0
result $? killed_task_at_each_stage_of_a_snapshot
pids=("${good_pids[@]}")
timed restart_and_kill
restart_ms=$ms
kill_restart_at_random
result $? killed_restarts_leave_all_or_nothing
kill_restart_at_stages
result $? killed_at_each_stage_of_a_restart
kill_task_of_a_restart
result $? killed_task_of_a_restart
rm -f stop out err
touch out err
timeout 60 restart -W -i image.good 2>message
program=${good_pids[0]}
works && ends_well
result $? the_image_is_still_good out err
program=''
rmmod ckpt 2>message && modprobe ckpt 2>message
result $? the_module_unloads

echo "1..$nr"
exit "$failed"
