#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Limits that are reached: one line that says which, a status that is not zero,
# the program that was being saved runs on, the image is still good, and nothing
# is left of a restart.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
as_tester=(setpriv --reuid=tester --regid=tester --clear-groups)
group=/sys/fs/cgroup/ckpt-limits
echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p "$group" || exit 1

# runs_on: the program beats, in no group of ours, and there is no image
runs_on() {
	rm -f beat
	within 5 test -e beat && ! grep -q ckpt\\. "/proc/$program/cgroup" && [ ! -e image ]
}

# one_line STATUS WORDS: of what the tool has said
one_line() {
	[ "$1" = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -qE -- "$2" message
}

# refused NAME WORDS COMMAND...: a checkpoint
refused() {
	local name=$1 words=$2

	shift 2
	rm -f image
	timeout 20 "$@" 2>message
	one_line $? "$words" && runs_on
	result $? "$name"
}

# not_restarted NAME WORDS COMMAND...: notes may stand above the one line
not_restarted() {
	local name=$1 words=$2 status

	shift 2
	rm -f beat
	timeout 30 "$@" 2>messages
	status=$?
	grep -v '^no right to choose\|^no time namespace\|^it was in the cgroup' messages >message
	one_line $status "$words" && within 5 gone "$pid" && [ ! -e beat ]
	result $? "$name" messages
}

# comes_back NAME COMMAND...: the image is as good as it was
comes_back() {
	local name=$1

	shift
	tell_end '_exit(3)'
	timeout 30 "$@" 2>message
	[ $? = 3 ]
	result $? "$name"
	rm -f end
}

# in_group COMMAND...: in the group whose limits we set
cat >in_group <<SH
#!/bin/sh
echo \$\$ >"$group/cgroup.procs" && exec "\$@"
SH
chmod 755 in_group

# ---- saving ----
export BALLAST=3000000
start perl "$dir/obedient.pl"
result $? a_program_to_checkpoint
mkdir mnt-small mnt-ro
mount -t tmpfs -o size=1m none mnt-small
refused no_space_in_the_middle_of_pages 'no space left after [0-9]+ bytes' checkpoint -o mnt-small/image "$program"
[ -z "$(ls -A mnt-small)" ]
result $? nothing_is_left_of_it
refused file_size_limit_in_the_middle_of_pages 'image: .*after [0-9]+ bytes.*errno 27' \
	prlimit --fsize=1000000 checkpoint -o image "$program"
prlimit --fsize=1000000 checkpoint "$program" >redirected 2>message
one_line $? 'errno 27' && runs_on && ! ckptinfo --check redirected 2>/dev/null
result $? file_size_limit_of_a_redirected_image

# every number of descriptors until there are enough
bad='' tried=0
for ((n = 3; n < 40; n++)); do
	rm -f image
	prlimit --nofile=$n:$n checkpoint -o image "$program" 2>message
	status=$?
	[ $status = 0 ] && break
	tried=$((tried + 1))
	one_line $status 'Too many open files|shared libraries' || bad+=" $n"
	rm -f image
	runs_on || bad+=" $n:stopped"
done
echo "# $tried numbers of descriptors were too few; bad:$bad"
[ -z "$bad" ] && [ $tried -gt 2 ] && ckptinfo --check image
result $? too_few_descriptors_to_save
rm -f image

# A quota of 1 MiB on a file system of its own.
cat >quota.py <<'PY'
import ctypes, pwd, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
block = struct.pack("=8QI4x", 1024, 1024, 0, 0, 0, 0, 0, 0, 1)
uid = pwd.getpwnam("tester").pw_uid
sys.exit(libc.quotactl(0x800008 << 8, sys.argv[1].encode(), uid, block) != 0)
PY
truncate -s 16M disk
modprobe -q loop
# The debug kernel refuses to mount a device that `mount -o loop` has open.
loop=''
mke2fs -q -t ext4 -O quota -E quotatype=usrquota disk 2>message &&
	loop=$(losetup --show -f disk 2>>message) &&
	mount -o usrquota "$loop" mnt-ro 2>>message &&
	python3 quota.py "$loop" 2>>message
result $? a_quota
chmod 777 mnt-ro
kill -KILL "$program"
within 5 gone "$program"
start "${as_tester[@]}" perl "$dir/obedient.pl"
mkdir "$group/own"
echo "$program" >"$group/own/cgroup.procs"
chown -R tester "$group/own"
rm -f image
"${as_tester[@]}" checkpoint -o mnt-ro/image "$program" 2>message
one_line $? 'no space left after [0-9]+ bytes.*errno 122' && runs_on
result $? no_quota_left
kill -KILL "$program"
within 5 gone "$program"
rmdir "$group/own"
umount mnt-ro
[ -z "$loop" ] || losetup -d "$loop"
rm -f disk

# The kernel's memory does not grow with the program's; the image goes to a
# pipe, whose pages are somebody else's.
echo 24M >"$group/memory.max"
BALLAST=100000000 start perl "$dir/obedient.pl"
./in_group checkpoint "$program" 2>message | cat >big
[ "${PIPESTATUS[0]}" = 0 ] && ckptinfo --check big && [ "$(stat -c %s big)" -gt 100000000 ]
result $? a_large_program_is_saved_in_little_memory
echo "# at the most $(($(cat "$group/memory.peak" 2>/dev/null || echo 0) / 1024)) KiB"
kill -KILL "$program"
within 5 gone "$program"
pid=$program

# ---- bringing back ----
# The program is too large for the group: an end by its OOM killer, or an error.
sleep 1000 &
bystander=$!
# shellcheck disable=SC2024 # the shell's file
./in_group restart --no-cgroup -i big >/dev/null 2>message
status=$?
[ $status != 0 ] && within 10 gone "$pid" && kill -0 $bystander &&
	grep -q '^oom_kill [1-9]' "$group/memory.events" && [ -z "$(cat "$group/cgroup.procs")" ]
result $? too_large_for_its_group
echo "# status $status: $(head -n 1 message)"
kill $bystander
echo max >"$group/memory.max"
comes_back and_comes_back_without_the_limit restart -i big
rm -f big

# Only the program is in the group: the tool lives, and tells.
BALLAST=60000000 start ./in_group perl "$dir/obedient.pl"
pid=$program
cut
echo 24M >"$group/memory.max"
not_restarted killed_because_memory_is_short '^restart: task: it was killed, out of memory.*errno 12' \
	restart -i image
echo max >"$group/memory.max"
comes_back and_comes_back_with_memory restart -i image

# A program with some of everything that is limited.
cat >greedy.py <<'PY'
import ctypes, mmap, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)
files = [os.open("/dev/null", os.O_RDONLY) for _ in range(60)]
area = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
assert not libc.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(area))), 1 << 20)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
for _ in range(20):
    os.kill(os.getpid(), signal.SIGRTMIN)
data = bytearray(b"x" * (40 << 20))
with open("pid", "w") as file: file.write(str(os.getpid()))
open("ready", "w").close()
while not os.path.exists("end"):
    if not os.path.exists("beat"): os.mknod("beat")
    time.sleep(0.05)
count = 0
while signal.sigtimedwait([signal.SIGRTMIN], 0): count += 1
os._exit(3 if count == 20 and data[-1] == 120 else 4)
PY
start "${as_tester[@]}" python3 greedy.py
pid=$program
cut
result $? a_program_with_some_of_everything
chmod 777 .
for limit in nofile=20 sigpending=5 memlock=4096 as=30000000 data=20000000 stack=160000 nproc=1; do
	name=${limit%=*} value=${limit#*=}
	case $name in
	nofile) words="above the caller's limit of $value descriptors" ;;
	nproc) words='too many processes: see ulimit -u' ;;
	*) words="RLIMIT_${name^^}: hard limit [0-9]+ above the caller's $value " ;;
	esac
	not_restarted "restart_with_too_little_$name" "$words" \
		"${as_tester[@]}" prlimit --"$name=$value:$value" restart -i image
	echo "# $(cat messages)"
done
bad='' tried=0
for ((n = 3; n < 40; n++)); do
	rm -f beat
	timeout 20 prlimit --nofile=$n:4096 restart --no-cgroup -W -i image 2>message
	status=$?
	[ $status = 0 ] && break
	tried=$((tried + 1))
	one_line $status 'Too many open files|shared libraries|descriptor' || bad+=" $n:$(head -n 1 message)"
	within 5 gone "$pid" && [ ! -e beat ] || bad+=" $n:left"
done
echo "# $tried numbers of descriptors were too few; bad:$bad"
[ -z "$bad" ] && [ $tried -gt 2 ]
result $? too_few_descriptors_to_restart
kill -KILL "$pid" 2>/dev/null
within 5 gone "$pid"
echo 1 >"$group/pids.max"
not_restarted no_process_left_in_its_group 'too many processes' ./in_group restart --no-cgroup -i image
echo max >"$group/pids.max"
comes_back and_comes_back_in_the_end restart -i image

# A file that is open for writing, where nothing can be written any more.
mount -t tmpfs none mnt-ro
cat >writer.pl <<'PL'
open(my $keep, ">", "mnt-ro/file") or die;
$keep->autoflush(1);
print $keep "abc\n";
do "./obedient.pl";
PL
start perl writer.pl
pid=$program
cut
mount -o remount,ro mnt-ro
not_restarted read_only_file_system 'mnt-ro/file.*Read-only|mnt-ro/file.*errno 30' restart -i image
mount -o remount,rw mnt-ro
comes_back and_comes_back_when_it_is_writable restart -i image

restart -i none 2>/dev/null
! find /sys/fs/cgroup -name 'ckpt.*' -o -name 'ckpt-frozen*' | grep .
result $? no_group_is_left
rmdir "$group"
result $? nor_a_process_in_one

echo "1..$nr"
exit "$failed"
