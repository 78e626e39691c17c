#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tools with the init of a pid namespace: their options, who may, what is
# left when a restart fails or is killed.

here=$(dirname "$(realpath "$0")")
# shellcheck source=selftests/tools_lib.sh
. "$here/tools_lib.sh"

cat >inside.py <<'PY'
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(6))
child = os.fork()
if not child:
    # its own session, whose leader dies
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        time.sleep(0.02)
os.waitpid(child, 0)
kept = open("kept")
os.rename("make", "ready") if os.path.exists("make") else None
while not os.path.exists("go"):
    time.sleep(0.02)
os._exit(4 if os.getpid() == 1 and not os.kill(3, 0) else 9)
PY

# insiders: all living processes of the program
insiders() {
	local p

	for p in $(pgrep -f 'python3 inside.py'); do
		gone "$p" || echo "$p"
	done
}

# shellcheck disable=SC2317 # called by within
nobody() {
	[ -z "$(insiders)" ]
}

# shellcheck disable=SC2317 # called by within
two() {
	[ "$(insiders | wc -l)" = 2 ]
}

# shellcheck disable=SC2317 # called by trap
container_clean_up() {
	local p

	for p in $(insiders); do
		kill -KILL "$p" 2>/dev/null
	done
	clean_up
}
trap container_clean_up EXIT

# init_below PARENT: the process that it has made
init_below() {
	local child

	read -r child _ <"/proc/$1/task/$1/children"
	echo "$child"
}

# begin: $program is what made the namespace, $init its init
begin() {
	rm -f ready go
	touch kept make
	# what is open is its own
	unshare --pid --fork setsid sh -c \
		'exec python3 inside.py </dev/null >/dev/null 2>&1' \
		</dev/null >/dev/null 2>&1 &
	program=$!
	within 60 test -e ready || return 1
	init=$(init_below "$program")
}

# thaw FILE: as the message in it says
thaw() {
	sed -n 's/.*to thaw it: //p' "$1" | sh
}

# ---- checkpoint ----

begin
checkpoint -c -o image "$init" 2>message
result $? 'a container is checkpointed'
ckptinfo image | grep -qE '^ +1 +0 +1 +1 +python3' &&
	ckptinfo image | grep -qE '^ +3 +1 +2 +2 '
result $? 'ckptinfo shows the numbers that it sees'
child=$(init_below "$init")
checkpoint -c "$child" >part 2>message
[ $? = 1 ] && grep -q 'not the init of a container' message
result $? 'a process that is no init is no container'
# shellcheck disable=SC2016 # the inner shell's
nsenter -t "$init" -p setsid sh -c 'mount -t proc proc /proc &&
	checkpoint -c 1 >part 2>message; umount /proc' 2>/dev/null
grep -qE 'not the init of a container|init of a namespace' message
result $? 'an init is not checkpointed from inside'
nsenter -t "$init" -p sleep 1000 &
stray=$!
within 10 grep -q . "/proc/$stray/task/$stray/children"
checkpoint -c "$init" >part 2>message
[ $? = 1 ] && grep -q 'its pid namespace has 3 users, only 2' message
result $? 'who was put into it is no part of it'
kill -KILL "$(init_below $stray)"
wait $stray 2>/dev/null
checkpoint --frozen -o image "$init" 2>message &&
	grep -q 1 "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$init/cgroup")/cgroup.freeze" &&
	thaw message
result $? '--frozen leaves it frozen'
checkpoint -c --kill -o image "$init" 2>message && within 10 nobody
result $? '--kill kills all of it'
wait "$program"
program=''

# ---- restart ----

touch go
restart --show-status -i image 2>message
[ $? = 4 ] && has message 'restart: exited with status 4' && nobody
result $? 'restart ends with the status of the init, and so does all of it'
restart --no-pids -i image 2>message
[ $? = 4 ]
result $? 'with --no-pids it has its numbers, too'
rm go
restart -W -i image 2>message && restart -W -i image 2>message &&
	[ "$(insiders | wc -l)" = 4 ]
result $? 'two of them live side by side'
touch go
within 20 nobody
result $? '--no-wait: they end by themselves'
rm go
restart --inspect -W -i image 2>message && [ "$(insiders | wc -l)" = 2 ]
result $? '--inspect'
touch go
within 20 nobody
restart --verify -i image >differences 2>message && nobody
result $? '--verify finds no difference, and leaves nothing' differences
rm go
restart --frozen -W -i image 2>message && [ "$(insiders | wc -l)" = 2 ]
result $? '--frozen'
touch go
sleep 0.3
[ "$(insiders | wc -l)" = 2 ] && thaw message && within 20 nobody
result $? 'frozen it stays where it is, until it is thawed'
rm go
restart -i image 2>message &
tool=$!
within 20 two
sleep 0.5
kill -TERM $tool
wait $tool
[ $? = 6 ] && within 10 nobody
result $? 'signals of the tool are passed on'
tool=''

# ---- what goes wrong ----

chmod 644 image kept
setpriv --reuid 1000 --regid 1000 --clear-groups restart -i image 2>message
[ $? = 1 ] && grep -q 'takes CAP_SYS_ADMIN' message
result $? 'without rights it is told which'
setpriv --bounding-set -sys_admin --inh-caps -sys_admin restart -i image \
	2>message
[ $? = 1 ] && grep -q 'takes CAP_SYS_ADMIN' message && nobody
result $? 'the right to choose pids is not enough'
rm kept
restart -i image 2>message
[ $? = 1 ] && grep -q kept message && within 10 nobody
result $? 'a restart that fails leaves nothing'
touch kept
status=0
for ms in 5 20 40 60 80 100 150 200; do
	restart -i image 2>message &
	tool=$!
	sleep "$(printf '0.%03d' $ms)"
	kill -KILL $tool
	wait $tool 2>/dev/null
	# one that runs lives on without its tool
	sleep 1
	nobody || {
		touch go
		within 10 nobody || status=1
		rm -f go
	}
done
tool=''
result $status 'a killed restart leaves all of it, or nothing'

echo "1..$nr"
exit $failed
