#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Snapshots where memory is short: one line that says so, no image, and a program
# that runs on unharmed, at the limit of its cgroup too.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
group=/sys/fs/cgroup/ckpt-snapshot
echo '+memory' >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p "$group" || exit 1

cat >writer.py <<'PY'
import os, sys, time
size = int(sys.argv[1]) << 20
memory = bytearray(size)
number = 0
while True:
    number += 1
    for at in range(0, size, 4096):
        memory[at] = number & 255
    for at in range(0, size, 4096):
        if memory[at] != number & 255:
            open("wrong", "w")
    open("beat.new", "w").close()
    os.rename("beat.new", "beat")
    if not os.path.exists("run"):
        time.sleep(0.05)
PY

# start MB LIMIT: a program that writes to that much memory in a cgroup
start() {
	rm -f beat wrong
	echo "$2" >"$group/memory.max"
	# shellcheck disable=SC2016 # the inner shell's
	sh -c 'echo $$ >"$1/cgroup.procs"; exec python3 writer.py "$2"' - "$group" "$1" \
		</dev/null >/dev/null 2>&1 &
	program=$!
	within 60 test -e beat
}

stop() {
	kill -KILL "$program"
	wait "$program" 2>/dev/null
	program=''
	rm -f image
}

# unharmed: it beats, has seen nothing wrong, and nobody was killed
unharmed() {
	rm -f beat
	within 60 test -e beat && [ ! -e wrong ] && [ ! -e image ] &&
		grep -q '^oom_kill 0$' "$group/memory.events" &&
		! grep -qx ckpt_snapshot /proc/[0-9]*/comm
}

one_line() {
	[ "$1" = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -qE -- "$2" message
}

# passes: the program has written to all of its memory, however slow it is
passes() {
	local i

	for i in 1 2 3; do
		rm -f beat
		within 60 test -e beat
	done
}

start 40 52M
timeout 60 checkpoint -o image "$program" 2>message
one_line $? 'left to the program.*memory.max.*--stop-copy' && unharmed
result $? 'too little is left in the cgroup: refused'

timeout 60 checkpoint --stop-copy -o image "$program" 2>message && [ -s image ] &&
	[ ! -s message ] && rm image && unharmed
result $? 'with --stop-copy there is an image'
stop

# The reader takes nothing until the program has reached what is left.
start 48 96M
touch run
mkfifo slow
{ passes; cat; } <slow >/dev/null &
timeout 120 checkpoint --no-progress "$program" >slow 2>message
one_line $? 'given up: memory ran short.*runs on' && unharmed
result $? 'given up at the limit of the cgroup' "$group/memory.events"
rm -f run
stop

start 48 400M
touch run
{ passes; cat; } <slow >/dev/null &
timeout 120 checkpoint --no-progress --max-extra 8M "$program" >slow 2>message
one_line $? 'given up: it took more than 8192 KiB \(--max-extra\)' && unharmed
result $? 'given up beyond --max-extra'
rm -f run

timeout 120 checkpoint -o image "$program" 2>message && [ -s image ] && [ ! -s message ] &&
	rm image && unharmed
result $? 'an image where there is room'

# Each copy takes a process for a moment: so many more than there are.
before=$(cat /proc/sys/kernel/threads-max)
bad='' refused=0
for more in 0 1 2 3 4 5; do
	# shellcheck disable=SC2016 # the inner shell's
	timeout 60 sh -c 'read -r _ _ _ all _ </proc/loadavg
		echo $((${all#*/} + $1)) >/proc/sys/kernel/threads-max
		exec checkpoint -o image "$2"' - $more "$program" 2>message
	status=$?
	echo "$before" >/proc/sys/kernel/threads-max
	if [ $status = 0 ]; then
		ckptinfo --check image >/dev/null || bad+=" $more:image"
		rm -f image
	else
		one_line $status . || bad+=" $more:$status:$(cat message)"
		! grep -q 'copy of the program.s memory' message || refused=$((refused + 1))
	fi
	unharmed || bad+=" $more:harmed"
done
echo "# $refused times no process for a copy; bad:$bad"
[ -z "$bad" ] && [ $refused -gt 0 ]
result $? 'no process is to be had for a copy'
stop

# Small processes are copied at once, without such a child.
cat >many.pl <<'PL'
sub put { open(my $file, ">", $_[0]) }
sub pages { open(my $file, "<", "/proc/self/statm"); return (split " ", <$file>)[1] }
my $own = "x" x 20000; # 0.5 MiB with perl itself
for (2 .. $ARGV[0]) {
	next if fork;
	for (my $at = 0;; $at = ($at + 4096) % 20000) {
		substr($own, $at, 1, chr(65 + $at % 26));
		select(undef, undef, undef, 0.5);
	}
}
my ($few, $much, @more) = (pages(), 1000000); # no constant: perl would make it at once
for (;;) {
	put("beat");
	if (-e "grow" && !-e "grown") {
		push(@more, "y" x $much . @more);
		put("grown") if pages() > $few + 60 * 256;
	}
	select(undef, undef, undef, 0.02);
}
PL

# start_many NR: so many small processes; the group has no limit
start_many() {
	rm -f beat grow grown
	echo max >"$group/memory.max"
	# shellcheck disable=SC2016 # the inner shell's
	sh -c 'echo $$ >"$1/cgroup.procs"; exec perl many.pl "$2"' - "$group" "$1" \
		</dev/null >/dev/null 2>&1 &
	program=$!
	within 60 test -e beat
}

stop_many() {
	echo 1 >"$group/cgroup.kill"
	wait "$program" 2>/dev/null
	program=''
	rm -f image
}

# without_processes [OPTION]...: checkpoint where none is to be had
without_processes() {
	local status

	# shellcheck disable=SC2016 # the inner shell's
	timeout 60 sh -c 'read -r _ _ _ all _ </proc/loadavg
		echo ${all#*/} >/proc/sys/kernel/threads-max
		exec checkpoint -o image "$@"' - "$@" "$program" 2>message
	status=$?
	echo "$before" >/proc/sys/kernel/threads-max
	return $status
}

# more_than MIB: the group has taken since $now was looked at
# shellcheck disable=SC2317 # called by within
more_than() {
	[ $(($(cat "$group/memory.current") - now)) -gt $(($1 << 20)) ]
}

# shellcheck disable=SC2317 # called by within
less_than() {
	! more_than "$1"
}

start_many 1
within 10 without_processes && ckptinfo --check image >/dev/null
result $? 'a small process is copied at once'
rm -f image
without_processes --max-extra 100M
one_line $? 'copy of the program.s memory' && unharmed
result $? 'not with --max-extra'
stop_many

# Of 70 MiB that are left 30 go into copies, and then 60 are wanted.
start_many 60
nap 1
now=$(cat "$group/memory.current")
echo $((now + (70 << 20))) >"$group/memory.max"
{ within 60 test -e grown; cat; } <slow >/dev/null &
timeout 120 checkpoint --no-progress "$program" >slow 2>message &
tool=$!
within 30 more_than 20
result $? 'the copies are charged to the group'
nap 0.3
touch grow
within 30 test -e grown
wait "$tool"
one_line $? 'given up: memory ran short.*runs on' && [ -e grown ] && unharmed
result $? 'copies of small processes are given up, too' "$group/memory.events"
tool=''

# What a session holds is freed with it, with nothing written.
now=$(cat "$group/memory.current")
echo max >"$group/memory.max"
{ exec sleep 600; } <slow &
reader=$!
checkpoint --no-progress "$program" >slow 2>message &
tool=$!
within 30 more_than 20
held=$?
kill -KILL "$tool"
wait "$tool" 2>/dev/null
[ $held = 0 ] && within 30 less_than 4 && unharmed
result $? 'a killed tool frees the copies' "$group/memory.current"
kill "$reader"
tool=''
stop_many

rmdir "$group"
for arguments in '--max-extra 0' '--max-extra 1X' '--max-extra -1' '--max-extra 1 --kill' \
	'--max-extra 1 --stop-copy' '--max-extra 99999999999999999999' '--max-extra 99999999999G'; do
	# shellcheck disable=SC2086 # several
	checkpoint $arguments -o image $$ 2>message
	[ $? = 2 ]
	result $? "wrong usage: $arguments"
done
echo "1..$nr"
exit "$failed"
