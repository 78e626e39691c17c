#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every kind of state that is not supported is refused by name, before any of
# the program's state is written: the image is a header and an error record.
# The program runs on to its end.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$(mktemp -d /tmp/ckpt-refused.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
passed=0 failed=0 nr=0

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $nr $2"
	else
		failed=$((failed + 1))
		echo "not ok $nr $2"
	fi
}

# Each program makes some state, says that it is ready, waits for "go", and
# checks that it still runs.
cat >frame.py <<'PY'
import ctypes, mmap, os, signal, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def sys_call(nr, *args):
    ret = libc.syscall(nr, *args)
    if ret < 0:
        raise OSError(ctypes.get_errno(), "system call %d" % nr)
    return ret

exec(open(sys.argv[1]).read())
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
os.rename("ready", "ended")
os._exit(7)
PY

# refused NAME WORDS <program: what it does, and what the message must say
refused() {
	local status=0 i

	rm -f ready go ended image message
	cat >state.py
	python3 frame.py state.py </dev/null >out 2>&1 &
	pid=$!
	for ((i = 0; i < 500; i++)); do
		[ -e ready ] && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.02
	done
	if [ ! -e ready ]; then
		wait "$pid"
		sed 's/^/# /' out
		if grep -q SKIP out; then
			nr=$((nr + 1))
			echo "ok $nr $1 # SKIP not on this machine"
		else
			result 1 "$1: the program itself fails"
		fi
		return
	fi
	checkpoint "$pid" >image 2>message && status=1
	grep -qF -- "$2" message || status=1
	[ "$(wc -l <message)" = 1 ] || status=1
	ckptinfo -e image >text 2>/dev/null
	grep -qF -- "$2" text || status=1
	[ "$(ckptinfo -v image 2>/dev/null | awk '{print $3}' | tr '\n' ' ')" = "HEADER ERR " ] ||
		status=1
	touch go
	wait "$pid"
	[ $? = 7 ] && [ -e ended ] || status=1
	[ "$status" = 0 ] || sed 's/^/# /' message text
	result "$status" "$1"
}

refused socket 'a socket (family 2, type 1)' <<'PY'
s = socket.socket()
PY
refused unix_socketpair 'a socket (family 1' <<'PY'
s = socket.socketpair()
PY
refused epoll 'eventpoll' <<'PY'
sys_call(291, 0)
PY
refused signalfd 'signalfd' <<'PY'
mask = ctypes.c_ulong(1 << 9)
sys_call(289, -1, ctypes.byref(mask), 8, 0)
PY
refused timerfd 'timerfd' <<'PY'
sys_call(283, 1, 0)
PY
refused inotify 'inotify' <<'PY'
sys_call(294, 0)
PY
refused pidfd 'pidfd' <<'PY'
sys_call(434, os.getpid(), 0)
PY
refused userfaultfd 'userfaultfd' <<'PY'
sys_call(323, 0)
PY
refused unlinked_file 'unlinked' <<'PY'
f = open("gone", "w")
os.unlink("gone")
PY
refused path_only 'O_PATH' <<'PY'
f = os.open("/etc", os.O_PATH)
PY
refused flock 'a flock() lock' <<'PY'
import fcntl
f = open("locked", "w")
fcntl.flock(f, fcntl.LOCK_EX)
PY
refused posix_lock 'a POSIX record lock' <<'PY'
import fcntl
f = open("locked", "w")
fcntl.lockf(f, fcntl.LOCK_EX)
PY
refused lease 'a lease' <<'PY'
import fcntl
open("leased", "w").close()
f = open("leased")
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_RDLCK)
PY
refused proc_file 'file system of type proc' <<'PY'
f = open("/proc/self/status")
PY
refused tun_like_device 'character device' <<'PY'
f = open("/dev/kmsg")
PY
refused sysv_shared_memory 'SysV shared memory' <<'PY'
i = sys_call(29, 0, 4096, 0o1600)
libc.shmat.restype = ctypes.c_void_p
libc.shmat(i, None, 0)
libc.shmctl(i, 0, None)
PY
refused ldt 'an LDT' <<'PY'
desc = struct.pack("IIII", 0, 0x1000, 0xfffff, 0x51)
sys_call(154, 1, desc, len(desc))
PY
refused written_vdso 'a written vdso' <<'PY'
line = [l for l in open("/proc/self/maps") if l.endswith("[vdso]\n")][0]
start, end = (int(x, 16) for x in line.split()[0].split("-"))
sys_call(10, ctypes.c_ulong(start), ctypes.c_ulong(end - start), 7)
ctypes.memmove(end - 1, b"x", 1) # behind all that is used of it
PY
refused numa_policy 'a NUMA policy' <<'PY'
area = mmap.mmap(-1, 1 << 20)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
nodes = ctypes.c_ulong(1)
try:
    sys_call(237, ctypes.c_ulong(start), ctypes.c_ulong(1 << 20), 2,
             ctypes.byref(nodes), 64, 0)
except OSError:
    if ctypes.get_errno() == 38:
        sys.exit("SKIP: no mbind()")
    raise
PY
refused sealed_area 'a sealed area' <<'PY'
area = mmap.mmap(-1, 1 << 20)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
try:
    sys_call(462, ctypes.c_ulong(start), ctypes.c_ulong(1 << 20), 0)
except OSError:
    if ctypes.get_errno() == 38:
        sys.exit("SKIP: no mseal()")
    raise
PY
pages=$(cat /proc/sys/vm/nr_hugepages)
echo $((pages + 2)) >/proc/sys/vm/nr_hugepages
refused hugetlb 'a hugetlb mapping' <<'PY'
area = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
area[0] = 1
PY
echo "$pages" >/proc/sys/vm/nr_hugepages
refused io_ports 'I/O ports' <<'PY'
sys_call(173, 0x80, 1, 1)
PY
refused network_namespace 'network' <<'PY'
if libc.unshare(0x40000000):
    raise OSError(ctypes.get_errno(), "unshare")
PY
refused hostname_namespace 'a UTS namespace' <<'PY'
if libc.unshare(0x04000000):
    raise OSError(ctypes.get_errno(), "unshare")
PY
refused deadline_policy 'scheduling policy (deadline' <<'PY'
attr = struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 10**7, 10**9, 10**9)
sys_call(314, 0, attr, 0)
PY
refused deleted_directory 'directory' <<'PY'
here = os.getcwd()
os.mkdir("deleted")
os.chdir("deleted")
os.rmdir("../deleted")
_exists, _rename = os.path.exists, os.rename
os.path.exists = lambda p: _exists(here + "/" + p)
os.rename = lambda a, b: _rename(here + "/" + a, here + "/" + b)
_open = open
open = lambda p, m="r": _open(here + "/" + p, m)
PY

echo "1..$nr"
echo "# $passed passed, $failed failed"
[ "$failed" = 0 ]
