#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Files and pipes of a program that checks them itself after the restart, and
# what a restart says of files that have changed meanwhile.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$(mktemp -d /tmp/ckpt-files.XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
nr=0 failed=0

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		failed=1
		echo "not ok $nr $2"
		sed 's/^/# /' out message 2>/dev/null
	fi
}

cat >frame.py <<'PY'
import os, sys, time
before, after = open(sys.argv[1]).read().split("#####\n")
exec(before)
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.02)
exec(after)
os._exit(7)
PY

# start <program: what it does before, #####, and what must hold after
start() {
	local i

	rm -f ready go image message out
	cat >state.py
	python3 frame.py state.py </dev/null >out 2>&1 &
	pid=$!
	for ((i = 0; i < 500; i++)); do
		[ -e ready ] && return
		sleep 0.02
	done
}

# cut: checkpoint and kill the program
cut() {
	checkpoint --kill "$pid" >image 2>message
	wait "$pid" 2>/dev/null
	touch go
}

# comes_back NAME [options of restart] <program
comes_back() {
	local name=$1

	shift
	start
	cut
	restart "$@" <image 2>>message
	result "$(($? != 7))" "$name"
}

# restart_refused NAME WORDS [options]: after cut
restart_refused() {
	local name=$1 words=$2 status=0

	shift 2
	restart "$@" <image 2>message && status=1
	grep -qF -- "$words" message || status=1
	[ -e "/proc/$pid" ] && status=1
	result "$status" "$name"
}

comes_back offsets_and_flags <<'PY'
a = os.open("a", os.O_RDWR | os.O_CREAT, 0o600)
os.write(a, b"0123456789")
os.lseek(a, 4, 0)
b = os.open("a", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
os.set_inheritable(a, True)
#####
import fcntl
assert os.lseek(a, 0, 1) == 4 and os.read(a, 2) == b"45"
assert fcntl.fcntl(b, fcntl.F_GETFL) & os.O_APPEND
assert fcntl.fcntl(b, fcntl.F_GETFD) == 1 and fcntl.fcntl(a, fcntl.F_GETFD) == 0
os.write(b, b"end")
assert open("a").read() == "0123456789end"
PY
comes_back one_open_file_behind_two_descriptors <<'PY'
a = os.open("a", os.O_RDWR | os.O_CREAT, 0o600)
b = os.dup(a)
c = os.open("a", os.O_RDWR)
#####
os.write(a, b"abc")
assert os.lseek(b, 0, 1) == 3 and os.lseek(c, 0, 1) == 0
PY
comes_back high_descriptor_and_low_limit <<'PY'
import resource
a = os.open("/dev/zero", os.O_RDONLY)
os.dup2(a, 900)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 1000))
#####
assert os.read(900, 3) == b"\0\0\0"
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (100, 1000)
PY
comes_back devices <<'PY'
fds = [os.open("/dev/" + n, os.O_RDWR) for n in ("null", "zero", "full")]
r = os.open("/dev/urandom", os.O_RDONLY)
#####
assert os.read(fds[0], 1) == b"" and os.read(fds[1], 2) == b"\0\0"
try:
    os.write(fds[2], b"x")
    raise SystemExit(1)
except OSError as e:
    assert e.errno == 28
assert len(os.read(r, 16)) == 16
PY
comes_back directory_position <<'PY'
import ctypes
libc = ctypes.CDLL(None)
libc.fdopendir.restype = libc.readdir.restype = ctypes.c_void_p
os.mkdir("d")
for i in range(50):
    open("d/%d" % i, "w").close()
d = os.open("d", os.O_RDONLY | os.O_DIRECTORY)
buf = ctypes.create_string_buffer(400)
seen = libc.syscall(217, d, buf, 400)
names = lambda n: {buf.raw[p + 19:].split(b"\0")[0] for p in walk(n)}
def walk(n):
    p = 0
    while p < n:
        yield p
        p += int.from_bytes(buf.raw[p + 16:p + 18], "little")
first = names(seen)
#####
rest = set()
while (n := libc.syscall(217, d, buf, 400)) > 0:
    rest |= names(n)
assert not first & rest and len(first | rest) == 52
PY
rm -rf d
comes_back pipe_contents_and_capacity <<'PY'
import fcntl
r, w = os.pipe()
fcntl.fcntl(w, 1031, 1 << 18)
os.write(w, b"x" * 100000 + b"tail")
os.set_blocking(r, False)
#####
assert fcntl.fcntl(r, 1032) == 1 << 18
data = b""
while len(data) < 100004:
    data += os.read(r, 70000)
assert data == b"x" * 100000 + b"tail"
try:
    os.read(r, 1)
    raise SystemExit(1)
except BlockingIOError:
    pass
os.write(w, b"more")
assert os.read(r, 9) == b"more"
PY
comes_back pipe_packets_and_half_open <<'PY'
r, w = os.pipe2(os.O_DIRECT)
os.write(w, b"one")
os.write(w, b"three")
r2, w2 = os.pipe()
os.write(w2, b"last words")
os.close(w2)
r3, w3 = os.pipe()
os.close(r3)
#####
assert os.read(r, 100) == b"one" and os.read(r, 100) == b"three"
assert os.read(r2, 100) == b"last words" and os.read(r2, 1) == b""
try:
    os.write(w3, b"x")
    raise SystemExit(1)
except BrokenPipeError:
    pass
PY
mkdir -p below
comes_back directory_and_umask <<'PY'
top = os.getcwd()
os.chdir("below")
os.umask(0o27)
_exists, _open = os.path.exists, open
os.path.exists = lambda p: _exists(top + "/" + p)
open = lambda p, m="r": _open(top + "/" + p, m)
#####
assert os.getcwd() == top + "/below" and os.umask(0) == 0o27
PY

# a pipe that leads outside has to be given
rm -f ready go
cat >state.py <<'PY'
#####
os.write(1, b"said\n")
PY
{ python3 frame.py state.py </dev/null 2>out & echo $! >pid; wait; } | cat >heard &
for ((i = 0; i < 500; i++)); do
	[ -e ready ] && break
	sleep 0.02
done
pid=$(cat pid)
checkpoint --kill "$pid" >image 2>message
touch go
sleep 0.3
restart_refused outer_pipe_must_be_given 'inherit-fd'
restart --inherit-fd 1 <image >heard 2>message
[ $? = 7 ] && [ "$(cat heard)" = said ]
result $? outer_pipe_is_given

grows() {
	rm -f grown
	start <<'PY'
g = os.open("grown", os.O_RDWR | os.O_CREAT, 0o600)
os.write(g, b"12345")
#####
os.write(g, b"6")
PY
	cut
	printf abc >>grown
}
grows
restart <image 2>message && false
[ "$(cat grown)" = 123456bc ]
result $? grown_file_is_kept
grows
restart --files=truncate <image 2>message
[ "$(cat grown)" = 123456 ]
result $? grown_file_is_cut
grows
restart_refused grown_file_fails "$dir/grown" --files=fail
printf 123 >grown
restart_refused shorter_file_is_refused "$dir/grown"
rm grown
restart_refused missing_file_is_refused "$dir/grown"
mkdir grown
restart_refused other_type_is_refused "$dir/grown"
rmdir grown

cp "$(command -v sleep)" sleeper
./sleeper 60 </dev/null >out 2>&1 &
pid=$!
sleep 0.3
cut
touch -d '2001-01-01' sleeper
restart_refused changed_executable_is_refused "$dir/sleeper"

echo "1..$nr"
exit "$failed"
