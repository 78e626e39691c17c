#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A program comes back into the cgroup that it was in, and into the caller's
# when that is not to be had.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$(mktemp -d /tmp/ckpt-cgroup.XXXXXX) || exit 1
group=/sys/fs/cgroup/ckpt-test-jobs
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
nr=0 failed=0 pid=''

# shellcheck disable=SC2317 # called by trap
clean_up() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	sleep 0.2
	find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
cd "$dir" || exit 1

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		failed=1
		echo "not ok $nr $2"
		sed 's/^/# /' err
	fi
}

cgroup_of() {
	sed -n 's/^0:://p' "/proc/$pid/cgroup"
}

# restarts CGROUP NAME OPTION...: the program is in CGROUP then
restarts() {
	local want=$1 name=$2

	shift 2
	restart -W "$@" <img 2>err && [ "$(cgroup_of)" = "$want" ]
	result $? "$name"
	kill -KILL "$pid"
	while [ -d "/proc/$pid" ]; do sleep 0.05; done
}

mkdir -p "$group/one" || exit 1
: >err
# shellcheck disable=SC2016 # $1, $$ are the inner shell's
setsid sh -c 'echo $$ >"$1/cgroup.procs"; exec sleep 1000' sh "$group/one" \
	</dev/null >/dev/null 2>&1 &
pid=$!
for ((i = 0; i < 100; i++)); do
	[ "$(cgroup_of)" = /ckpt-test-jobs/one ] &&
		[ "$(cat "/proc/$pid/comm")" = sleep ] && break
	sleep 0.05
done
checkpoint --kill "$pid" >img 2>err
result $? 'a program in a cgroup of its own is checkpointed'
wait "$pid" 2>/dev/null

restarts /ckpt-test-jobs/one 'it comes back there'
restarts "$own" 'it stays in mine with --no-cgroup' --no-cgroup
rmdir "$group/one"
restarts "$own" 'it stays in mine when its own is gone'
grep -q 'it was in the cgroup /ckpt-test-jobs/one' err
result $? 'and that is said'
mkdir "$group/one"
restart -W --frozen <img 2>err && [ "$(cgroup_of)" = "/ckpt-test-jobs/one/ckpt-frozen.$pid" ]
result $? 'left frozen, it is in a group below its own'
checkpoint "$pid" >img2 2>err
result $? 'and can be checkpointed there'
kill -KILL "$pid"
while [ -d "/proc/$pid" ]; do sleep 0.05; done
mv img2 img
restarts /ckpt-test-jobs/one 'it comes back into its own, not into the freezer'"'"'s'
pid=
echo "1..$nr"
exit "$failed"
