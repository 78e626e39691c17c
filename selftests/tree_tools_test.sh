#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tools with trees of processes: cgroups, frozen ones, kills, pids that are
# taken, tools that are killed; that the trees come back as they were is tested
# elsewhere (tree_test, threads_test).
#
# Environment: SEED (default: from the clock; printed) chooses the moments.

here=$(dirname "$(realpath "$0")")
# shellcheck source=selftests/tools_lib.sh
. "$here/tools_lib.sh"

SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
echo "# SEED=$SEED"
family=$here/family
[ -x "$family" ] || family=$here/progs/family
groups=/sys/fs/cgroup/ckpt-test-trees

# shellcheck disable=SC2317 # called by trap
tree_clean_up() {
	end_family
	find "$groups" -depth -type d -exec rmdir {} + 2>/dev/null
	clean_up
}
trap tree_clean_up EXIT

# members: all living processes of the family
members() {
	local p

	for p in $(pgrep -x family); do
		gone "$p" || echo "$p"
	done
}

end_family() {
	local p

	for p in $(members); do
		kill -KILL "$p" 2>/dev/null
	done
	within 10 nobody
	[ -z "$program" ] || wait "$program" 2>/dev/null
	program=''
}

nobody() {
	[ -z "$(members)" ]
}

# begin CHILDREN THREADS: in a cgroup of its own, with a stranger in it
begin() {
	rm -f ready pid
	mkdir -p "$groups/home"
	# shellcheck disable=SC2016 # $1, $$ are the inner shell's
	sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$groups/home" \
		"$family" "$@" </dev/null >/dev/null 2>out &
	within 60 test -e ready || return 1
	program=$(cat pid)
}

stranger_begin() {
	sleep 1000 >/dev/null 2>&1 &
	stranger=$!
	echo $stranger >"$groups/home/cgroup.procs"
}

stranger_end() {
	kill "$stranger"
	wait "$stranger" 2>/dev/null
}

# home COUNT GROUP: so many of the family are there
home() {
	local p n=0 lines

	for p in $(members); do
		mapfile -t lines <"/proc/$p/cgroup"
		[[ " ${lines[*]} " != *" 0::/ckpt-test-trees/$2 "* ]] || n=$((n + 1))
	done
	[ "$n" = "$1" ]
}

no_groups() {
	[ -z "$(find /sys/fs/cgroup -name 'ckpt.*' -o -name 'ckpt-frozen.*')" ]
}

# The tool, or its helper, is in wait4(), with so many of the family: they run.
# shellcheck disable=SC2317 # called by within
runs() {
	local p nr there=0

	[ "$(members | wc -l)" = "$1" ] || return 1
	for p in "$tool" $(cat "/proc/$tool/task/$tool/children"); do
		read -r nr _ <"/proc/$p/syscall" && [ "$nr" = 61 ] && there=1
	done 2>/dev/null
	[ "$there" = 1 ]
}

# answers COUNT: the root finds its family, with status 5
answers() {
	restart --show-status -i image 2>message &
	tool=$!
	within 60 runs "$1"
	within 60 ends
}

# shellcheck disable=SC2317 # called by within
ends() {
	local status

	gone "$tool" || kill -TERM "$program" 2>/dev/null
	nap 0.3
	gone "$tool" || return 1
	wait "$tool"
	status=$?
	tool=''
	[ "$status" = 5 ] && has message 'restart: exited with status 5'
}

# ---- there and back ----

begin 22 3
stranger_begin
checkpoint -o image "$program" 2>message && home 26 home && no_groups
result $? 'a checkpoint leaves everybody where he was'
checkpoint --kill -o image "$program" 2>message && within 10 nobody &&
	! gone "$stranger" && home 0 home && no_groups
result $? '--kill kills the tree, and not who is beside it'
answers 26
result $? 'it comes back, finds its family and ends as before' out
nobody && no_groups
result $? 'nothing is left'
restart --inspect -W -i image 2>message && home 26 home
result $? 'everybody is in his cgroup again'
end_family
stranger_end

# ---- several cgroups ----

begin 22 3
mkdir -p "$groups/other/deep"
read -r -a there <<<"$(members | tail -n 9 | tr '\n' ' ')"
for p in "${there[@]}"; do
	echo "$p" >"$groups/other/deep/cgroup.procs"
done
checkpoint -o image "$program" 2>message && home 17 home &&
	home 9 other/deep && no_groups
result $? 'a tree in two cgroups: everybody is back'
checkpoint --frozen -o image "$program" 2>message
result $? 'left frozen'
command=$(sed -n 's/.*to thaw it: //p' message)
[ "$(grep -c 'frozen 1' "$groups"/*/cgroup.events \
	"$groups"/*/*/cgroup.events "$groups"/*/*/*/cgroup.events 2>/dev/null |
	grep -c ':1$')" = 2 ]
result $? 'both cgroups are frozen'
eval "$command" >/dev/null && kill -TERM "$program" && within 10 nobody
result $? 'what it says thaws them'
program=''
restart -W -i image 2>message && home 17 home && home 9 other/deep
result $? 'a restart puts them where they were'
end_family
restart -W --frozen -i image 2>message
result $? 'a restart leaves them frozen'
command=$(sed -n 's/.*to thaw it: //p' message)
program=$(cat pid)
kill -TERM "$program"
sleep 0.3
! gone "$program" && eval "$command" >/dev/null && within 10 nobody
result $? 'until they are thawed'
program=''
find "$groups/other/deep" -depth -type d -exec rmdir {} + # and what was frozen
restart -W -i image 2>message && home 26 home &&
	grep -q 'other/deep and cannot go back there' message &&
	[ "$(wc -l <message)" = 1 ]
result $? 'one line for a cgroup that is gone'
end_family
restart -W --no-cgroup -i image 2>message && home 0 home && [ ! -s message ]
result $? '--no-cgroup'
end_family

# ---- pids ----

restart -W --no-pids -i image 2>message && [ "$(members | wc -l)" = 26 ]
result $? '--no-pids'
end_family
leaf=$(ckptinfo --json image | python3 -c '
import json, sys
print(max(t["pid"] for t in json.load(sys.stdin)["tasks"]))')
echo $((leaf - 1)) >/proc/sys/kernel/ns_last_pid
sleep 1000 >/dev/null 2>&1 &
taken=$!
! restart -W -i image 2>message && [ "$taken" = "$leaf" ] &&
	has message "restart: pid $leaf is taken: use --no-pids, or end the process that has it"
result $? 'a pid that is taken, deep in the tree, is told'
nobody && no_groups
result $? 'and nothing is left of the others'
kill $taken
wait $taken 2>/dev/null
restart --verify -i image >differences 2>message
result $? '--verify finds no difference' differences
nobody && no_groups
result $? 'and leaves nothing'

# ---- who may not choose pids ----

# In the background: the process is that of the command.
as_tester() {
	exec setpriv --reuid=1000 --regid=1000 --clear-groups "$@"
}

rm -f ready pid
: >out
chmod 666 out
as_tester "$family" 12 2 </dev/null >/dev/null 2>out &
within 60 test -e ready
program=$(cat pid)
checkpoint --kill -o image "$program" 2>message && within 10 nobody
result $? 'the tree of a user' out
program=''
chmod 644 image
as_tester restart --show-status -i image 2>message </dev/null >/dev/null &
tool=$!
within 60 runs 15
sleep 0.5
kill -TERM "$tool"
wait "$tool"
[ $? = 5 ] && has message 'restart: exited with status 5'
result $? 'comes back in a namespace of its own, and is told a signal' out
tool=''
within 10 nobody
result $? 'nothing is left of it'

# ---- killed tools ----

# shellcheck disable=SC2317 # called by within
calm() {
	no_groups && ! grep -q 'frozen 1' "$groups"/*/cgroup.events
}

# shellcheck disable=SC2317 # called by timed
there_and_gone() {
	restart -W -i image 2>message
	end_family
}
timed there_and_gone
left=0
for ((i = 0; i < 10; i++)); do
	restart -W -i image >/dev/null 2>&1 &
	tool=$!
	pause $ms
	kill -KILL "$tool"
	wait "$tool" 2>/dev/null
	tool=''
	nap 0.3
	# all of it or nothing
	n=$(members | wc -l)
	[ "$n" = 0 ] || [ "$n" = 15 ] || within 10 nobody || left=$((left + 1))
	end_family
done
[ $left = 0 ]
result $? 'a restart that is killed leaves no half tree'

begin 22 3
timed checkpoint -o other "$program" 2>message
for ((i = 0; i < 10; i++)); do
	checkpoint -o other "$program" >/dev/null 2>&1 &
	tool=$!
	pause $ms
	kill -KILL "$tool"
	wait "$tool" 2>/dev/null
	tool=''
done
checkpoint -o image "$program" 2>message && within 5 calm && home 26 home
result $? 'a checkpoint that is killed leaves a tree that runs'
kill -TERM "$program"
within 10 nobody
result $? 'all of it'
program=''

# ---- many ----

begin 400 0 && checkpoint --kill -o image "$program" 2>message &&
	within 20 nobody && answers 441
result $? '400 processes, and 41 more' out
end_family
begin 0 500 && checkpoint --kill -o image "$program" 2>message &&
	within 20 nobody && answers 1
result $? '500 threads' out
end_family

echo "1..$nr"
exit $failed
