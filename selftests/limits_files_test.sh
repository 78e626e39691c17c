#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# No open file is left in the whole system (fs.file-max) for a user without
# CAP_SYS_ADMIN: at each file that a checkpoint or a restart opens, and in the
# middle of one.  One line says so, the program that was being saved runs on,
# nothing is left of a restart.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
as_tester=(setpriv --reuid=tester --regid=tester --clear-groups)
group=/sys/fs/cgroup/ckpt-files
settler=()
many=$(cat /proc/sys/fs/file-max)
words='Too many open files in system|errno 23'
mkdir -p "$group" || exit 1
chown tester "$group" "$group/cgroup.procs"
trap 'leave_enough; kill "${settler[@]}"; clean_up; rmdir "$group"' EXIT

# The kernel counts open files exactly only when a sum has reached the limit that
# lacks what each CPU has counted for itself, up to 32 up or down.  This opens
# files until its CPU has just added what it counted, and closes 16 of them.
cat >settle.pl <<'PL'
sub used {
	open(my $nr, "<", "/proc/sys/fs/file-nr") or die;
	return (split(" ", <$nr>))[0];
}
my $asked;
$SIG{USR1} = sub { $asked = 1 };
while (1) {
	my ($before, @files);
	do {
		$before = used() if @files == 16;
		open(my $file, "<", "/dev/null") or die;
		push(@files, $file);
	} while (@files <= 16 || (used() <= $before && @files < 300));
	splice(@files, -16);
	$asked = 0;
	open(my $settled, ">", "settled.$ARGV[0]") or die;
	close($settled);
	select(undef, undef, undef, 0.05) until $asked;
}
PL
taskset -p 1 $$ >/dev/null
cpus=$(nproc --all)

# leave_files N: so many more can be opened, give or take a few.  The sum is 16
# too large for each CPU then: the exact one decides.
leave_files() {
	local cpu used limit

	for ((cpu = 0; cpu < cpus; cpu++)); do
		rm -f settled.$cpu
		if [ -z "${settler[cpu]-}" ]; then
			taskset -c $cpu perl settle.pl $cpu &
			settler[cpu]=$!
		else
			kill -USR1 "${settler[cpu]}"
		fi
		within 20 test -e settled.$cpu
	done
	read -r used _ </proc/sys/fs/file-nr
	limit=$((used - 16 * cpus + $1))
	echo $((limit > 0 ? limit : 0)) >/proc/sys/fs/file-max
}

leave_enough() {
	echo "$many" >/proc/sys/fs/file-max
}

# What beats without opening a file: it makes a directory.
cat >sparing.pl <<'PL'
use POSIX qw(_exit);
open(my $file, "<", "sparing.pl") or die;
opendir(my $dir, ".") or die;
pipe(my $from, my $to) or die;
syswrite($to, "abc") == 3 or die;
my $ballast = "x" x 3000000;
for my $name ("pid", "ready") {
	open(my $file, ">", $name) or die;
	print $file $$;
}
until (-e "end") {
	mkdir("beat");
	select(undef, undef, undef, 0.05);
}
_exit(sysread($from, my $text, 9) == 3 && length($ballast) == 3000000 ? 3 : 4);
PL

begin() {
	start "${as_tester[@]}" perl "$dir/sparing.pl" || return 1
	echo "$program" >"$group/cgroup.procs"
}

# shellcheck disable=SC2317 # called by each_number
# runs_on: the program beats, in its group, and there is no image
runs_on() {
	rmdir beat 2>/dev/null
	within 5 test -d beat && [ ! -e image.saved ] &&
		grep -qx '0::/ckpt-files' "/proc/$program/cgroup" && [ "$(ls -d "$group"/*/ 2>/dev/null)" = '' ]
}

# shellcheck disable=SC2317 # called by each_number
# nothing_left: no process of the user's
nothing_left() {
	within 5 nobody && ! rmdir beat 2>/dev/null
}

# shellcheck disable=SC2317 # called by within
nobody() {
	! pgrep -u tester >/dev/null
}

# bad_words TOOL STATUS: what it says, or else the loader or shell, is not right
bad_words() {
	if grep -q "^$1: " message; then
		cat message >>said
		[ "$2" != 1 ] || [ "$(wc -l <message)" != 1 ] || ! grep -qE "$words" message
	else # it could not even be loaded
		! grep -qE 'shared librar|failed to execute|Too many open files' message
	fi
}

# each_number TOOL COMMAND...: with ever more files until there are enough; before
# that the tool says what is missing and `afterwards` holds.  The loader needs some:
# by tens, until something else is said, then by $fine.
each_number() {
	local enough=0 bad='' n=-10 step=10 now last='' status tool=$1

	shift
	: >said
	while [ $n -lt 160 ] && [ $enough -lt 2 ]; do
		leave_files $n
		timeout 60 "${as_tester[@]}" "$@" 2>messages
		status=$?
		leave_enough
		sed '/^no right to choose/d; /^no time namespace/d; /^it was in the cgroup/d' messages >message
		now=$(sed 's/pid [0-9]*//' message)
		if [ $status = "$success" ]; then
			enough=$((enough + 1))
			rm -rf image.saved beat
		else
			enough=0
			! bad_words "$tool" $status || bad+=" $n:$(head -n 1 message)"
			"$afterwards" || bad+=" $n:left"
		fi
		if [ $step = 10 ] && [ $n != -10 ] && [ "$now" != "$last" ]; then
			step=$fine n=$((n - 10)) enough=0
		fi
		last=$now
		n=$((n + step))
	done
	sed 's/pid [0-9]*/pid N/; s/offset [0-9]*/offset N/' said | sort | uniq -c | sed 's/^/#/'
	echo "# $n are enough${bad:+; bad:$bad}"
	# the loader fails at some of the numbers
	[ -z "$bad" ] && [ -s said ] && [ $enough = 2 ]
}

begin
result $? a_program_to_checkpoint
afterwards=runs_on success=0 fine=1
each_number checkpoint checkpoint -o image.saved "$program"
result $? at_each_file_that_a_checkpoint_opens

# None is left once it is frozen: its image goes into a pipe that is full.
rm -f image image.saved
mkfifo fifo
chmod 666 fifo
# shellcheck disable=SC2317 # called by within
frozen() {
	grep -qs 'frozen 1' "$group"/*/cgroup.events
}
in_the_middle() {
	"${as_tester[@]}" checkpoint --stop-copy "$program" >fifo 2>message &
	tool=$!
	exec 7<fifo
	within 20 frozen
	result $? "$1_is_frozen"
	echo 0 >/proc/sys/fs/file-max
}
in_the_middle it
cat <&7 >/dev/null
exec 7<&-
wait "$tool"
status=$?
tool=''
rmdir beat 2>/dev/null
within 5 test -d beat
result $? runs_on_though_no_file_is_left_to_thaw_it
leave_enough
[ $status = 0 ] || { [ "$(wc -l <message)" = 1 ] && grep -qE "$words" message; }
result $? and_the_tool_says_what_it_could_not_do
in_the_middle again_it
kill -TERM "$tool"
exec 7<&-
wait "$tool"
tool=''
rmdir beat 2>/dev/null
within 5 test -d beat
result $? interrupted_it_runs_on
leave_enough

# What is left of that is the next one's to tidy up.
"${as_tester[@]}" checkpoint --kill -o image "$program" 2>message
result $? saved_in_the_end
within 5 gone "$program"
program=''
[ "$(ls -d "$group"/*/ 2>/dev/null)" = '' ]
result $? no_group_is_left
rmdir beat 2>/dev/null

# ---- bringing back ----
afterwards=nothing_left success=3 fine=4
touch end
for options in '' --no-pids; do
	# shellcheck disable=SC2086 # none or one
	each_number restart restart $options -i image
	result $? "at_each_file_that_a_restart${options:+_with_}${options#--}_opens"
done
rm -f end

# None is left behind the first half of the image.
mkfifo feed
chmod 666 feed
"${as_tester[@]}" restart --no-pids -i feed 2>messages &
tool=$!
exec 7>feed
size=$(stat -c %s image)
head -c $((size / 2)) image >&7
echo 0 >/proc/sys/fs/file-max
tail -c +$((size / 2 + 1)) image >&7
exec 7>&-
wait "$tool"
status=$?
tool=''
leave_enough
grep -v '^no time namespace\|^it was in the cgroup' messages >message
[ $status = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -qE "$words" message && nothing_left
result $? in_the_middle_of_a_restart
touch end
"${as_tester[@]}" restart -i image 2>message
[ $? = 3 ]
result $? comes_back_in_the_end

echo "1..$nr"
exit "$failed"
