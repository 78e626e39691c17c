#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Trees that cannot be saved as they are: refused by name, with the task that it
# is about, before any of their state is written; they run on to their end.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$(mktemp -d /tmp/ckpt-tree-refused.XXXXXX) || exit 1
chmod 777 "$dir"
cd "$dir" || exit 1
group=/sys/fs/cgroup/ckpt-tree-refused
pid='' failed=0 nr=0

# enter_group PID...
enter_group() {
	[ -z "${CT_SKIP_CHECKPOINT-}" ] || return 0
	mkdir -p "$group/in"
	for task; do
		echo "$task" >"$group/in/cgroup.procs"
	done
}

# When its tasks have ended.
leave_group() {
	[ ! -d "$group" ] || rmdir "$group/in" "$group"
}

# shellcheck disable=SC2317 # called by trap
clean_up() {
	if [ -n "$pid" ]; then
		touch go
		wait "$pid"
	fi
	cd /
	leave_group
	rm -rf "$dir"
}
trap clean_up EXIT

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		failed=1
		echo "not ok $nr $2"
		sed "s/^/# /" message out 2>/dev/null
	fi
}

# Each program makes a tree, says in "who" which task it is about, waits for
# "go", and checks that all of it still runs.
cat >frame.py <<'PY'
import ctypes, fcntl, os, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
CLONE_VM, CLONE_NEWUTS = 0x100, 0x4000000
children = []

def who(pid):
    with open("who", "w") as file:
        file.write("%d" % pid)

def until_go():
    while not os.path.exists("go"):
        time.sleep(0.02)

def child(work):
    """A child that does some work and stays, and dies if that fails."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            work()
            os.write(w, b"x")
            os.close(w)
            os.close(r)
            until_go()
            os._exit(0)
        finally:
            os._exit(1)
    if not os.read(r, 1):
        raise Exception("the child has failed")
    os.close(r)
    os.close(w)
    children.append(pid)
    return pid

exec(open(sys.argv[1]).read())
open("ready", "w").close()
until_go()
for pid in children:
    if os.waitpid(pid, 0)[1]:
        sys.exit("a child has died")
os.rename("ready", "ended")
os._exit(7)
PY

# begin <program: until it is ready; sets $pid and $who
begin() {
	local i

	rm -f ready go ended image message who
	cat >state.py
	python3 frame.py state.py </dev/null >out 2>&1 &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ -e ready ] && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.02
	done
	who=$(cat who 2>/dev/null || echo "$pid")
	[ -e ready ]
}

# family PID: it and all below it
family() {
	local pid

	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046 # words
		family $(cat "/proc/$pid/task"/*/children 2>/dev/null)
	done
}

# It has run on to its end.
finish() {
	touch go
	wait "$pid"
	set -- $?
	pid=''
	[ "$1" = 7 ] && [ -e ended ]
}

# says WORDS...: each of them is in the message, which has one line and names
# the task
says() {
	local words

	for words; do
		grep -qF -- "$words" message || return 1
	done
	[ "$(wc -l <message)" = 1 ] && grep -qw -- "$who" message
}

# Nothing of the state has been written.
empty_image() {
	[ "$(ckptinfo -v image 2>/dev/null | awk '{print $3}' | tr '\n' ' ')" = "HEADER ERR " ]
}

# refused NAME WORDS... <program
refused() {
	local name=$1 status=0

	shift
	begin || {
		result 1 "$name: the program itself fails"
		return
	}
	if [ -z "${CT_SKIP_CHECKPOINT-}" ]; then
		timeout 30 checkpoint "$pid" >image 2>message && status=1
		says "$@" && empty_image || status=1
	fi
	finish || status=1
	result $status "$name"
}

[ -e /dev/ckpt ] || [ -n "${CT_SKIP_CHECKPOINT-}" ] || {
	echo '1..0 # SKIP no /dev/ckpt'
	exit 4
}

# ---- the state of one task of the tree ----
refused traced_by_its_parent 'traced' <<'PY'
pid = child(lambda: libc.ptrace(0, 0, 0, 0))
who(pid)
PY
refused traced_grandchild 'traced' <<'PY'
def seize_me():
    # PTRACE_SEIZE does not stop it
    pid = child(lambda: None)
    if libc.ptrace(0x4206, pid, 0, 0):
        raise Exception("ptrace")
    who(pid)
child(seize_me)
PY
refused traced_and_stopped 'traced' <<'PY'
def seize_me():
    pid = child(lambda: None)
    # PTRACE_SEIZE, PTRACE_INTERRUPT
    if libc.ptrace(0x4206, pid, 0, 0) or libc.ptrace(0x4207, pid, 0, 0):
        raise Exception("ptrace")
    os.waitpid(pid, 0)
    who(pid)
child(seize_me)
PY
refused socket_of_a_child 'a socket (family 1' <<'PY'
who(child(lambda: globals().update(kept=socket.socketpair())))
PY
refused namespace_of_a_child 'namespace' <<'PY'
def leave():
    if libc.unshare(CLONE_NEWUTS):
        raise Exception("unshare")
who(child(leave))
PY
refused child_in_vfork 'vfork' <<'PY'
# The parent is a thread, as its thread stands still.
def vfork():
    libc.vfork.restype = ctypes.c_int
    mine = ctypes.create_string_buffer(65536)
    top = ctypes.cast(ctypes.addressof(mine) + 65536 - 16, ctypes.c_void_p)
    entry = ctypes.cast(libc.pause, ctypes.c_void_p)
    return libc.clone(entry, top, CLONE_VM | 0x4000 | signal.SIGCHLD, None)
thread = threading.Thread(target=vfork, daemon=True)
thread.start()
path = "/proc/self/task/%d/children" % thread.native_id
while not open(path).read():
    time.sleep(0.01)
pid = int(open(path).read())
who(thread.native_id)
threading.Thread(target=lambda: (until_go(), os.kill(pid, 9)), daemon=True).start()
PY

# ---- not the caller's, or the caller itself ----
begin <<'PY'
who(child(lambda: None))
os.setgroups([])
os.setresgid(1000, 1000, 1000)
os.setresuid(1000, 1000, 1000)
libc.prctl(4, 1, 0, 0, 0)
PY
status=0
enter_group "$pid" "$who"
if [ -z "${CT_SKIP_CHECKPOINT-}" ]; then
	chown -R 1000 "$group/in"
	timeout 30 setpriv --reuid 1000 --regid 1000 --clear-groups \
		checkpoint "$pid" >image 2>message && status=1
	says 'not' || status=1
	grep -qE 'not yours|not permitted' message || status=1
fi
finish || status=1
leave_group
result $status child_of_another_user

if [ -z "${CT_SKIP_CHECKPOINT-}" ]; then
	# shellcheck disable=SC2016 # the inner shell's
	timeout 30 bash -c 'checkpoint $$ >image 2>message; echo $? >status; exit 9'
	[ $? = 9 ] && [ "$(cat status)" = 1 ] && [ "$(wc -l <message)" = 1 ]
	result $? the_tool_is_in_the_tree
fi

# ---- half frozen ----
# The ioctl itself, on a tree of which one process is not frozen.
cat >raw.py <<'PY'
import fcntl, os, struct, sys
dev = os.open("/dev/ckpt", os.O_RDWR)
out = os.open("image", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
arg = struct.pack("IiiiQQQQQ", 56, int(sys.argv[1]), out, 2, 1, 0, 0, 0, 0)
try:
    fcntl.ioctl(dev, 0xc038b701, arg)
except OSError as err:
    sys.exit(err.errno)
PY
half_frozen() {
	local status=0 i

	begin || status=1
	# shellcheck disable=SC2046 # words
	enter_group $(family "$pid" | grep -vx "$who")
	if [ -z "${CT_SKIP_CHECKPOINT-}" ]; then
		echo 1 >"$group/in/cgroup.freeze"
		for ((i = 0; i < 200; i++)); do
			grep -q 'frozen 1' "$group/in/cgroup.events" && break
			sleep 0.02
		done
		timeout 30 python3 raw.py "$pid" 2>message
		[ $? = 16 ] && grep -qF 'not frozen' message &&
			grep -qw "$who" message && empty_image || status=1
		echo 0 >"$group/in/cgroup.freeze"
	fi
	finish || status=1
	leave_group
	result $status "$1"
}
half_frozen half_frozen <<'PY'
who(child(lambda: None))
PY
half_frozen half_frozen_far_below <<'PY'
child(lambda: child(lambda: child(lambda: who(child(lambda: None)))))
PY

# ---- trees that change ----
# Children come and go all the time: an image that is whole, or a clear word.
begin <<'PY'
def breeds():
    def again():
        while not os.path.exists("go"):
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
    threading.Thread(target=again, daemon=True).start()
for _ in range(3):
    child(breeds)
PY
status=0 whole=0
if [ -z "${CT_SKIP_CHECKPOINT-}" ]; then
	for ((i = 0; i < 15; i++)); do
		if timeout 30 checkpoint -o image "$pid" 2>message; then
			ckptinfo image | grep -q complete || status=1
			whole=$((whole + 1))
		elif [ $? != 1 ] || [ "$(wc -l <message)" != 1 ]; then
			status=1
		fi
	done
	echo "# $whole of 15 images"
	[ $whole -gt 0 ] || status=1
fi
finish || status=1
result $status children_come_and_go

echo "1..$nr"
exit $failed
