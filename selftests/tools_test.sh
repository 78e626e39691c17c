#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The options of checkpoint and restart, as a user sees them: exit status and
# signals, progress, another root directory, files that have changed.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# ---- signals and status ----

# The status of a command as wait() has it: below 0 killed by that signal.
cat >status.pl <<'PL'
system(@ARGV);
print $? & 128 ? "core" : $? & 127 ? -($? & 127) : $? >> 8;
PL

# passes_on NAME [PREFIX...]: restart, send it signals, end with status 3
passes_on() {
	local name=$1 bad=0 signal

	shift
	rm -f got end beat
	"$@" restart -i image 2>message &
	tool=$!
	within 20 test -e beat
	for signal in TERM USR1 INT; do
		kill -"$signal" "$tool"
		within 5 has got "SIG$signal" || bad=1
	done
	[ "$(wc -l <got)" = 3 ] || bad=1
	tell_end '_exit(3)'
	wait "$tool"
	[ $? = 3 ] || bad=1
	tool=''
	result $bad "$name" got
}

# ends NAME STATUS CODE [PREFIX...] : [options]: how restart ends when the
# program does CODE
ends() {
	local name=$1 want=$2 prefix=() got

	tell_end "$3"
	shift 3
	while [ "$1" != : ]; do
		prefix+=("$1")
		shift
	done
	shift
	got=$("${prefix[@]}" perl "$dir/status.pl" restart -i image "$@" 2>message)
	[ "$got" = "$want" ]
	result $? "$name ($got)"
}

# killed_by SIGNAL: code of a program that kills itself, without a core
killed_by() {
	echo "\$SIG{$1} = 'DEFAULT'; kill('$1', \$\$); sleep(9)"
}

as_tester=(setpriv --reuid=tester --regid=tester --clear-groups)

ulimit -c 0 # the program's
start perl "$dir/obedient.pl" && cut
result $? a_program_to_restart out
ulimit -c unlimited
passes_on signals_are_passed_on
ends status_0 0 '_exit(0)' :
ends status_3 3 '_exit(3)' : --copy-status
ends killed_is_128_and_the_signal 143 "$(killed_by TERM)" :
ends killed_by_sigkill 137 "$(killed_by KILL)" :
ends copy_status_sigterm -15 "$(killed_by TERM)" : --copy-status
ends copy_status_sigkill -9 "$(killed_by KILL)" : --copy-status
ends copy_status_sigusr1 -10 "$(killed_by USR1)" : --copy-status
ends copy_status_without_a_core -11 "$(killed_by SEGV)" : --copy-status
! ls core* >/dev/null 2>&1
result $? no_core_file
restart --copy-status -W -i image >message 2>&1
[ $? = 2 ]
result $? copy_status_needs_a_wait

# Without the right to choose a pid, in a user and pid namespace.
rm -f image
start "${as_tester[@]}" perl "$dir/obedient.pl" && cut
result $? a_program_of_another_user out
passes_on helper_passes_signals_on "${as_tester[@]}"
grep -q 'pid namespace of its own' message
result $? helper_is_announced
rm -f end beat
mkfifo held
timeout 30 cat held >/dev/null &
reader=$!
"${as_tester[@]}" restart -W -i image 7>held 2>message
wait $reader && within 5 test -e beat
result $? the_helper_keeps_no_descriptor
tell_end '_exit(0)'
ends helper_status_0 0 '_exit(0)' "${as_tester[@]}" :
ends helper_status_3 3 '_exit(3)' "${as_tester[@]}" : --copy-status
ends helper_killed_is_128_and_the_signal 143 "$(killed_by TERM)" "${as_tester[@]}" :
ends helper_copy_status_sigkill -9 "$(killed_by KILL)" "${as_tester[@]}" : --copy-status
ends helper_copy_status_sigterm -15 "$(killed_by TERM)" "${as_tester[@]}" : --copy-status

cat >family.pl <<'PL'
use POSIX qw(_exit mkfifo);
sub put {
	open(my $file, ">", $_[0]) or die "$_[0]: $!";
	print $file $_[1];
}
sub stay {
	select(undef, undef, undef, 0.05) until -e $_[0];
}
if (!fork) {
	until (-e "end") {
		mkfifo("beat", 0600);
		select(undef, undef, undef, 0.05);
	}
	put("child", "");
	_exit(0);
}
put("pid", $$);
put("ready", "");
stay("leave");
put("left", "");
_exit(0);
PL
rm -f leave left child
# waited for, or not, or by a restart that is killed
for how in '' -W KILL; do
	start "${as_tester[@]}" perl "$dir/family.pl" && cut
	rm -f beat
	option=${how#KILL}
	"${as_tester[@]}" restart ${option:+"$option"} -i image 2>message &
	tool=$!
	within 20 test -e beat
	[ "$how" != KILL ] || kill -KILL $tool
	: >leave
	within 10 test -e left && wait $tool
	rm -f beat
	within 10 test -e beat
	result $? "helper_stays_for_what_its_root_leaves $how"
	: >end
	within 10 test -e child
	result $? "and_ends_with_it $how"
	rm -f leave left child end
done

# ---- progress ----

# A pipe that holds still for two seconds makes any operation last.
slow_cat() {
	head -c 100000
	sleep 2.5
	cat
}

# The tool on a terminal: what it writes there, as lines of the screen.
cat >terminal.py <<'PY'
import os, pty, subprocess, sys
terminal, side = pty.openpty()
child = subprocess.Popen(["sh", "-c", sys.argv[1]], stderr=side)
os.close(side)
text = b""
while True:
    try:
        text += os.read(terminal, 4096)
    except OSError:
        break
child.wait()
shown = ""
for line in text.decode().split("\n")[-1].split("\r"):
    shown = line + shown[len(line):]
print("returns", text.count(b"\r"), "lines", text.count(b"\n"))
print("left", repr(shown.rstrip()))
print(text.decode())
PY

sum_line='checkpoint: [0-9.]+ [KMG]iB in [0-9.]+ s, [0-9.]+ [KMG]iB/s, stopped for [0-9.]+ ms'
progress_line='(checkpoint|restart): [0-9.]+ [KMG]iB( of [0-9.]+ [KMG]iB \([0-9]+ %\))?, [0-9.]+ [KMG]iB/s(, [0-9:]+ left)?'

start "${as_tester[@]}" perl "$dir/obedient.pl"
checkpoint --progress "$program" 2>message | slow_cat >image
ckptinfo --check image >/dev/null && [ "$(wc -l <message)" -ge 3 ] &&
	! grep -qvxE "$progress_line|$sum_line" message
result $? checkpoint_progress_is_a_line_a_second
grep -qE 'of .* %.* left' message
result $? the_kernel_knows_about_how_much_it_will_be
checkpoint "$program" 2>message | slow_cat >image
[ ! -s message ]
result $? none_without_a_terminal
checkpoint --progress "$program" 2>message >image
[ ! -s message ]
result $? none_within_a_second
python3 terminal.py "checkpoint $program | { head -c 100000; sleep 2.5; cat; } >image" >message
grep -qE "^returns [1-9][0-9]* lines 1" message && grep -qx "left ''" message &&
	grep -qE "$progress_line" message && grep -qE "$sum_line" message
result $? on_a_terminal_one_line_is_rewritten_and_erased_before_the_sum
python3 terminal.py "checkpoint --no-progress $program | { head -c 100000; sleep 2.5; cat; } >image" >message
grep -qx 'returns 0 lines 0' message
result $? no_progress_on_a_terminal
cut && tell_end '_exit(3)'
slow_cat <image | restart --progress 2>message
[ $? = 3 ] && [ "$(wc -l <message)" -ge 2 ] && ! grep -qvxE "$progress_line" message
result $? restart_progress_is_a_line_a_second
slow_cat <image | restart 2>message
[ $? = 3 ] && [ ! -s message ]
result $? restart_shows_none_without_a_terminal
python3 terminal.py "{ head -c 100000; sleep 2.5; cat; } <image | restart" >message
grep -qE "^returns [1-9][0-9]* lines 0" message && grep -qx "left ''" message &&
	grep -qE "$progress_line" message
result $? restart_progress_is_one_line_of_a_terminal
slow_cat <image | "${as_tester[@]}" restart --progress 2>message
grep -qxE "$progress_line" message
result $? the_helper_shows_progress
# of a file the size is known; with a twentieth of a CPU it takes a while
BALLAST=50000000 start perl "$dir/obedient.pl"
cut && tell_end '_exit(3)'
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/slow
echo '5000 100000' >/sys/fs/cgroup/slow/cpu.max
sh -c 'echo $$ >/sys/fs/cgroup/slow/cgroup.procs; exec restart --no-cgroup --progress -i image' 2>message
grep -qE 'restart: .* of .* \([0-9]+ %\), .* left' message
result $? restart_knows_the_size_of_a_file
rmdir /sys/fs/cgroup/slow

# ---- pids that the dead still have ----

# usage: late.pl PROGRAM SECONDS: runs it; when it is dead and there is a file
# "dead", it is waited for after so many seconds.
cat >late.pl <<'PL'
my ($program, $seconds) = @ARGV;
my $pid = fork() // die;
exec("perl", $program) if !$pid;
select(undef, undef, undef, 0.02) until -e "dead";
select(undef, undef, undef, $seconds);
waitpid($pid, 0);
PL

start perl late.pl "$dir/obedient.pl" 0.7
pid=$program
checkpoint --kill -o image "$program" 2>message && within 5 gone "$pid" && [ -e "/proc/$pid" ]
result $? a_killed_program_is_not_waited_for
tell_end '_exit(3)'
: >dead
restart -i image 2>message
[ $? = 3 ]
result $? restart_waits_for_its_pid
rm dead
start perl late.pl "$dir/obedient.pl" 60
pid=$program
checkpoint --kill -o image "$program" && within 5 gone "$pid"
restart -i image 2>message
[ $? = 1 ] && [ "$(cat message)" = \
	"restart: pid $pid is taken: use --no-pids, or end the process that has it" ]
result $? but_not_for_long
pkill -KILL -f "late.pl $dir/obedient.pl"
program=''

# ---- another root, changed files ----

cat >reader.pl <<'PL'
use POSIX qw(_exit);
sub put {
	open(my $file, ">>", $_[0]) or die "$_[0]: $!";
	print $file $_[1];
}
open(my $data, "<", "data") or die;
sysread($data, my $before, 4);
put("pid", $$);
put("ready", "");
select(undef, undef, undef, 0.05) until -e "end";
sysread($data, my $after, 4);
put("result", "$before$after\n");
_exit(3);
PL

# read_data: a program that has read half of its file, and its image
read_data() {
	rm -rf myperl data result
	cp -p "$(command -v perl)" myperl
	printf 12345678 >data
	start "${as_tester[@]}" ./myperl "$dir/reader.pl" || return 1
	sed -n 's,^.* /,/,p' "/proc/$program/maps" | sort -u >mapped
	pid=$program
	cut
}

# refuses WORDS [options]: restart fails and names them
refuses() {
	local words=$1 word

	shift
	restart -i image "$@" >message 2>&1 && return 1
	for word in $words; do
		grep -qF -- "$word" message || return 1
	done
	[ "$(wc -l <message)" = 1 ]
}

read_data
result $? a_program_with_files out
mkdir root
xargs cp -p --parents -t root <mapped 2>/dev/null # heap and the like
cp -p --parents "$dir/data" "$dir/out" root
mkdir root/dev
touch root/dev/null
mount --bind /dev/null root/dev/null
find root -type d -exec chmod 777 {} + # cp takes the modes from elsewhere
rm myperl
printf abcdefgh >data
touch end

refuses "$dir/myperl gone"
result $? without_its_files_it_is_refused
refuses '--root CAP_SYS_CHROOT' --root "$dir/none"
[ $? = 1 ] && grep -q 'No such file' message
result $? no_such_root
setpriv --bounding-set=-sys_chroot restart --root root -i image >message 2>&1
[ $? = 1 ] && grep -q 'restart: --root root: that takes CAP_SYS_CHROOT' message &&
	[ "$(wc -l <message)" = 1 ] && [ ! -e "/proc/$pid" ]
result $? a_root_takes_cap_sys_chroot message
restart -W --root root -i image 2>message
[ "$(readlink "/proc/$pid/root")" = "$dir/root" ] &&
	[ "$(readlink "/proc/$pid/exe")" = "$dir/root$dir/myperl" ] &&
	[ "$(readlink "/proc/$pid/cwd")" = "$dir/root$dir" ]
result $? root_exe_and_cwd_are_below_it
program=$pid
cut
result $? a_checkpoint_below_another_root
touch "root$dir/end"
restart -i image 2>message
[ $? = 3 ] && has "root$dir/result" 12345678 && [ ! -e result ]
result $? goes_on_below_it_again "root$dir/result"

read_data
cp -p "$dir/myperl" "root$dir/myperl"
rm -f myperl "root$dir/result"
"${as_tester[@]}" restart --root root -i image 2>message
[ $? = 3 ] && has "root$dir/result" 12345678
result $? another_root_in_the_helpers_namespace "root$dir/result"

read_data
touch -d 2001-01-01 myperl
touch end
refuses "$dir/myperl changed --force-files"
result $? a_changed_executable_is_refused
restart --force-files -i image 2>message
[ $? = 3 ] && has message "$dir/myperl has changed since the checkpoint: taken as it is (--force-files)" &&
	has result 12345678
result $? a_changed_executable_is_forced result
touch -d @"$(stat -c %.Y "$(command -v perl)")" myperl
printf 12 >data
refuses "$dir/data shorter --force-files"
result $? a_shorter_file_is_refused
restart --force-files -i image 2>message
[ $? = 3 ] && has message "$dir/data is shorter than at the checkpoint: taken as it is (--force-files)" &&
	[ "$(wc -l <message)" = 1 ] && has result 1234
result $? a_shorter_file_is_forced result
rm data
mkdir data
refuses "$dir/data directory" --force-files
result $? a_type_is_not_forced

echo "1..$nr"
exit "$failed"
