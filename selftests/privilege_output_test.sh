#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where images and logs go: who may read an image, links and FIFOs that others
# put in the way, places that are no file.  What is refused leaves everything as
# it was, and the program that was to be checkpointed runs on.
#
# Environment: RACES (default 6), the checkpoints of each race.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
races=${RACES:-6}

# runs: the program beats
runs() {
	rm -f beat
	within 5 test -e beat
}

as_user() {
	setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all "$@"
}

# refused NAME WORDS COMMAND...
refused() {
	local name=$1 words=$2 status

	shift 2
	timeout 20 "$@" >/dev/null 2>message
	status=$?
	[ $status = 1 ] && grep -qF -- "$words" message && runs
	result $? "$name"
}

start perl "$dir/obedient.pl"
result $? a_program_to_checkpoint
mkdir mnt-sticky
mount -t tmpfs -o mode=1777 none mnt-sticky # no journal to wait for
echo precious >precious
chmod 600 precious
untouched() {
	[ "$(cat precious)" = precious ] && [ "$(stat -c %a%u precious)" = 6000 ]
}

# ---- who may read an image ----
bad=''
for mask in 000 002 022 027 077; do
	rm -f image
	(umask $mask && checkpoint -o image "$program" 2>message) || bad+=" $mask:failed"
	[ "$(stat -c %a image)" = 600 ] || bad+=" $mask:$(stat -c %a image)"
done
echo "# not 0600:$bad"
[ -z "$bad" ]
result $? image_is_0600_with_any_umask
echo old >image
chmod 644 image
ln image old_name
exec 8<image # somebody has the old file open
checkpoint -o image "$program" 2>message
[ "$(stat -c %a image)" = 600 ] && [ "$(cat <&8)" = old ] && [ "$(cat old_name)" = old ]
result $? image_onto_a_file_of_0644_is_a_new_one
exec 8<&-
! as_user cat image >/dev/null 2>&1 && ! as_user restart -i image 2>message &&
	grep -q 'ermission denied' message
result $? kept_image_is_not_readable_by_others
as_user ckptinfo --core core image >/dev/null 2>&1
[ ! -s core ]
result $? nor_is_a_core_made_of_it
rm -f old_name core

# The file that is being written, by way of the tool that writes it: stopped in
# the middle by a pipe that nobody empties, with the file it has open beside it.
mkfifo pipe
checkpoint -o pipe "$program" 2>message &
tool=$!
exec 7<>pipe
within 10 grep -q '^flags.*01' /proc/$tool/fdinfo/1
found=$(as_user sh -c "ls -l /proc/$tool/fd 2>/dev/null | wc -l; cat /proc/$tool/fd/* 2>/dev/null | wc -c; head -c 64 /proc/$tool/mem 2>/dev/null | wc -c")
[ "$(echo "$found" | awk '$1 > 1' | wc -l)" = 0 ] &&
	[ "$(find "/proc/$tool/fd/" | wc -l)" -gt 3 ]
result $? image_is_not_readable_through_the_tool
kill -KILL $tool
wait $tool 2>/dev/null
tool=''
exec 7<&-
runs
result $? program_runs_on_behind_a_full_pipe

# ---- what others put in the way ----
as_user ln -s "$dir/precious" mnt-sticky/link
refused link_of_another_in_a_sticky_directory 'cannot follow the link: Permission denied' \
	checkpoint -o mnt-sticky/link "$program"
untouched
result $? its_target_is_untouched
ln -s ../image mnt-sticky/own
rm -f image
echo own >image
checkpoint -o mnt-sticky/own "$program" 2>message && [ -L mnt-sticky/own ] && ckptinfo --check image
result $? ones_own_link_is_followed message
as_user sh -c "mkfifo mnt-sticky/fifo; chmod 666 mnt-sticky/fifo"
as_user timeout 10 cat mnt-sticky/fifo >caught &
reader=$!
sleep 0.3
refused fifo_of_another 'it is a FIFO of another user' checkpoint -o mnt-sticky/fifo "$program"
kill $reader 2>/dev/null
wait $reader 2>/dev/null
[ ! -s caught ]
result $? its_reader_gets_nothing
mkfifo -m 666 mnt-sticky/mine
timeout 20 cat mnt-sticky/mine >caught &
reader=$!
checkpoint -o mnt-sticky/mine "$program" 2>message
wait $reader
ckptinfo --check caught
result $? ones_own_fifo_is_written
checkpoint -o /dev/stdout "$program" 2>message | cat >caught
ckptinfo --check caught
result $? standard_output_by_name
as_user sh -c "rm -rf mnt-sticky/fifo mnt-sticky/link; echo planted >mnt-sticky/planted; chmod 666 mnt-sticky/planted"
checkpoint -o mnt-sticky/planted "$program" 2>message
[ "$(stat -c %a%u mnt-sticky/planted)" = 6000 ] && ckptinfo --check mnt-sticky/planted
result $? file_of_another_is_replaced_not_written

# ---- races ----
# Somebody exchanges what is at the place for a link, a FIFO and a file, as fast
# as he can, and reads whatever is there.
cat >swap.pl <<'PL'
use POSIX qw(mkfifo);
my ($dir, $target) = @ARGV;
chdir($dir) or die;
until (-e "../end_race") {
	symlink($target, "link.$$");
	rename("link.$$", "race");
	open(my $file, ">", "file.$$") and print $file "planted\n";
	rename("file.$$", "race");
	mkfifo("fifo.$$", 0666);
	rename("fifo.$$", "race");
}
PL
cat >read.pl <<'PL'
use Fcntl;
my ($place, $caught) = @ARGV;
until (-e "end_race") {
	select(undef, undef, undef, 0.002);
	sysopen(my $file, $place, O_RDONLY | O_NONBLOCK) or next;
	for (1 .. 50) {
		my $n = sysread($file, my $text, 65536) or next;
		next unless $text =~ /CKPTIMG1/;
		open(my $out, ">", $caught) and print $out "image";
	}
}
PL
# raced NAME COMMAND...: run it again and again beside them
raced() {
	local name=$1 tries=0 pids=''

	shift
	rm -f end_race mnt-sticky/race mnt-sticky/*.[0-9]* mnt-sticky/caught
	as_user nice -n 5 perl swap.pl mnt-sticky "$dir/precious" 2>/dev/null &
	pids+=" $!"
	as_user nice -n 5 perl read.pl mnt-sticky/race mnt-sticky/caught 2>/dev/null &
	pids+=" $!"
	while [ $tries -lt "$races" ]; do
		timeout 20 "$@" >/dev/null 2>message
		[ $? != 124 ] || break
		tries=$((tries + 1))
		rm -f mnt-sticky/race
	done
	touch end_race
	for pid in $pids; do
		wait "$pid"
	done
	echo "# $name: $tries tries, last: $(tail -n 1 message)"
	[ $tries = "$races" ] && untouched && [ ! -e mnt-sticky/caught ] && runs
	result $? "$name"
}
raced image_is_raced checkpoint -o mnt-sticky/race "$program"
raced log_is_raced checkpoint -l mnt-sticky/race -o image "$program"

# ---- somebody who never reads ----
cat >silent.py <<'PY'
import os, signal, socket, subprocess, sys, time
here, there = socket.socketpair()
tool = subprocess.Popen(sys.argv[2:], stdout=there)
time.sleep(2)
assert tool.poll() is None, "it did not wait for the reader"
before = time.time()
tool.send_signal(int(sys.argv[1]))
tool.wait(20)
took = time.time() - before
print("# it ended after %.2f s" % took)
sys.exit(took > 3)
PY
for signal in 9 15 2; do
	python3 silent.py $signal checkpoint "$program" 2>message && runs
	result $? "socket_that_is_never_read_ended_by_$signal"
done
checkpoint -o image "$program" 2>message && ckptinfo --check image
result $? checkpoint_after_all_that

echo "1..$nr"
exit "$failed"
