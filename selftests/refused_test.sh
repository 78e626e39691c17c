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

# As sys_call(), for what a machine may not have.
def sys_call_if(missing, *args):
    try:
        return sys_call(*args)
    except OSError:
        if ctypes.get_errno() in missing:
            sys.exit("SKIP: no such system call")
        raise

exec(open(sys.argv[1]).read())
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
os.rename("ready", "ended")
os._exit(7)
PY

# refused NAME WORDS [BEFORE AFTER] <program: what it does, and what the message must
# say; what is to be done to it before the checkpoint, and undone after that
refused() {
	local status=0 i

	rm -f ready go ended image message
	cat >state.py
	python3 frame.py state.py </dev/null >out 2>&1 &
	pid=$!
	for ((i = 0; i < 3000; i++)); do
		[ -e ready ] && break
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.02
	done
	if [ ! -e ready ]; then
		kill "$pid" 2>/dev/null
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
	${3-:} || status=1
	checkpoint "$pid" >image 2>message && status=1
	${4-:} || status=1
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
refused session_with_a_lease 'a session with leases' <<'PY'
import fcntl, struct
group = "/sys/fs/cgroup/ckpt-refused.%d" % os.getpid()
os.mkdir(group)
f = open("/dev/ckpt", "r+b", buffering=0)
kill = os.open(group + "/cgroup.kill", os.O_WRONLY)
fcntl.ioctl(f, 1 << 30 | 16 << 16 | 0xb7 << 8 | 3, struct.pack("IiQ", 16, kill, 0))
os.close(kill)
os.rmdir(group)
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
# Without its data the vdso must not be called any more: no clock is read, as the
# locks of file objects do.
refused moved_vdso_data 'a special mapping, moved' <<'PY'
line = [l for l in open("/proc/self/maps") if l.endswith("[vvar]\n")][0]
start, end = (int(x, 16) for x in line.split()[0].split("-"))
class Made:
    def __init__(self, path, mode):
        self.close = lambda: os.close(os.open(path, os.O_CREAT))
open, time.sleep = Made, lambda s: libc.usleep(20000)
sys_call(25, ctypes.c_ulong(start), ctypes.c_ulong(end - start),
         ctypes.c_ulong(end - start), 3, ctypes.c_ulong(0x10000000))
PY

# A probe in a library that nothing else uses.
tracing=/sys/kernel/tracing
mountpoint -q $tracing || mount -t tracefs none $tracing
probe() {
	echo "p:ckpt_test $dir/probed.so:0x$(cat place)" >>$tracing/uprobe_events &&
		echo 1 >$tracing/events/uprobes/ckpt_test/enable
}
probe_no_more() {
	echo 0 >$tracing/events/uprobes/ckpt_test/enable
	echo -:ckpt_test >>$tracing/uprobe_events
}
refused uprobe 'a uprobe' probe probe_no_more <<'PY'
import shutil
if not os.path.exists("/sys/kernel/tracing/uprobe_events"):
    sys.exit("SKIP: no uprobes")
path = [l.split()[-1] for l in open("/proc/self/maps") if "/libm.so" in l or "/libm-" in l][0]
shutil.copy(path, "probed.so")
lib = ctypes.CDLL(os.getcwd() + "/probed.so")
at = ctypes.cast(lib.fabs, ctypes.c_void_p).value
for l in open("/proc/self/maps"):
    start, end = (int(x, 16) for x in l.split()[0].split("-"))
    if start <= at < end:
        open("place", "w").write("%x" % (at - start + int(l.split()[2], 16)))
PY
refused merged_memory 'merging of all pages' <<'PY'
if libc.prctl(67, 1, 0, 0, 0):
    sys.exit("SKIP: no PR_SET_MEMORY_MERGE")
PY

# What cannot be handled while it is frozen stays pending.
group=/sys/fs/cgroup/ckpt-refused
stop_frozen() {
	mkdir $group && echo "$pid" >$group/cgroup.procs && echo 1 >$group/cgroup.freeze || return
	until grep -q 'frozen 1' $group/cgroup.events; do
		sleep 0.02
	done
	kill -STOP "$pid"
}
go_on() {
	kill -CONT "$pid"
	echo 0 >$group/cgroup.freeze
	echo "$pid" >/sys/fs/cgroup/cgroup.procs
	rmdir $group
}
refused pending_stop 'a pending SIGSTOP' stop_frozen go_on <<'PY'
PY
refused many_signals 'more than 65536 pending signals' <<'PY'
import resource
resource.setrlimit(resource.RLIMIT_SIGPENDING, (70000, 70000))
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
for i in range(65537):
    if libc.sigqueue(os.getpid(), 40, None):
        raise OSError(ctypes.get_errno(), "sigqueue")
PY
refused clock_of_another "sleeping on another process' CPU clock" <<'PY'
import threading
clock = ctypes.c_int()
libc.clock_getcpuclockid(1, ctypes.byref(clock))
threading.Thread(target=libc.clock_nanosleep, daemon=True,
                 args=(clock, 0, (ctypes.c_long * 2)(1000, 0), None)).start()
time.sleep(0.5)
PY
refused numa_policy 'a NUMA policy' <<'PY'
area = mmap.mmap(-1, 1 << 20)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
nodes = ctypes.c_ulong(1)
sys_call_if([38], 237, ctypes.c_ulong(start), ctypes.c_ulong(1 << 20), 2,
            ctypes.byref(nodes), 64, 0)
PY
refused sealed_area 'a sealed area' <<'PY'
area = mmap.mmap(-1, 1 << 20)
start = ctypes.addressof(ctypes.c_char.from_buffer(area))
sys_call_if([38], 462, ctypes.c_ulong(start), ctypes.c_ulong(1 << 20), 0)
PY
pages=$(cat /proc/sys/vm/nr_hugepages)
echo $((pages + 2)) >/proc/sys/vm/nr_hugepages
refused hugetlb 'a hugetlb mapping' <<'PY'
area = mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
area[0] = 1
PY
echo "$pages" >/proc/sys/vm/nr_hugepages
refused io_ports 'I/O ports' <<'PY'
sys_call_if([38], 173, 0x80, 1, 1)
PY
refused landlock 'a Landlock domain' <<'PY'
rules = sys_call_if([38, 95], 444, struct.pack("Q", 8), 8, 0) # to read directories
if libc.prctl(38, 1, 0, 0, 0):
    raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
sys_call(446, rules, 0)
os.close(rules)
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
refused memory_policy 'a NUMA memory policy' <<'PY'
sys_call_if([38], 238, 2, ctypes.byref(ctypes.c_ulong(1)), 64)
PY
refused io_uring 'io_uring' <<'PY'
sys_call(425, 8, (ctypes.c_char * 120)())
PY
refused io_uring_unmapped_and_closed 'io_uring' <<'PY'
ring = sys_call(425, 8, (ctypes.c_char * 120)())
copy = os.dup(ring)
# registered to itself: it holds on to the ring
sys_call(427, ring, 20, struct.pack("IIQ", 0xffffffff, 0, ring), 1)
PY
refused semaphore_undo 'a System V semaphore undo list' <<'PY'
sem = sys_call(64, 0, 1, 0o600)
sys_call(65, sem, struct.pack("Hhh", 0, 1, 0x1000), 1)
# removed in the end, with the operation
import atexit
_exit, os._exit = os._exit, lambda n: (sys_call(66, sem, 0, 0), _exit(n))
PY
refused secret_memory 'secretmem' <<'PY'
secret = sys_call_if([38], 447, 0)
PY
refused mapped_secret_memory 'secretmem' <<'PY'
secret = sys_call_if([38], 447, 0)
os.ftruncate(secret, 4096)
area = mmap.mmap(secret, 4096)
os.close(secret)
PY
refused keyring_of_the_process 'a keyring of the thread or process' <<'PY'
sys_call(250, 0, -2, 1)
PY
refused keyring_of_the_session "a session keyring other than the checkpointer's" <<'PY'
sys_call(250, 1, 0)
PY
refused user_dispatch 'syscall user dispatch' <<'PY'
selector = ctypes.c_char(0)
sys_call(157, 59, 1, 0, 0, ctypes.byref(selector))
PY
refused io_flusher 'the I/O flusher state' <<'PY'
sys_call(157, 57, 1, 0, 0, 0)
PY
refused machine_check_policy 'a machine-check policy' <<'PY'
sys_call(157, 33, 1, 1, 0, 0)
PY
refused speculation 'a speculation control' <<'PY'
sys_call_if([1, 6, 19], 157, 53, 0, 4, 0, 0)
PY
refused tracer 'a task that traces another one' <<'PY'
# not of its tree: a child's child, which has lost that
there, here = os.pipe()
child = os.fork()
if not child:
    if os.fork():
        os._exit(0)
    os.write(here, b"%d" % os.getpid())
    while True:
        signal.pause()
os.waitpid(child, 0)
sys_call(101, 0x4206, int(os.read(there, 20)), 0, 0x100000)
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
