#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Places for image and log that will not do; programs whose files are on an
# overlay or below another mount.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# alive: the program beats, and sits in no group of ours
alive() {
	rm -f beat
	within 5 test -e beat && ! grep -q ckpt "/proc/$program/cgroup"
}

# refused NAME WORDS COMMAND...: one line with WORDS, status 1 or 2, and the
# program runs on
refused() {
	local name=$1 words=$2 status

	shift 2
	timeout 20 "$@" >/dev/null 2>message
	status=$?
	{ [ $status = 1 ] || [ $status = 2 ]; } && [ "$(grep -cv '^restart: see' message)" = 1 ] &&
		grep -qF -- "$words" message && alive
	result $? "$name"
}

# with_terminal COMMAND...: TERMINAL in it becomes the name of one
cat >with_terminal.py <<'PY'
import os, pty, subprocess, sys
master, side = pty.openpty()
name = os.ttyname(side)
sys.exit(subprocess.call([name if word == "TERMINAL" else word for word in sys.argv[1:]]))
PY
with_terminal=(python3 with_terminal.py)

start perl "$dir/obedient.pl"
result $? a_program_to_checkpoint
mkdir mnt-ro mnt-small
mount -t tmpfs -o ro none mnt-ro
mount -t tmpfs -o size=64k none mnt-small
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'

# ---- the image ----
refused image_in_no_directory 'none/image: cannot create: No such file' \
	checkpoint -o none/image "$program"
refused image_onto_a_directory "$dir: cannot open: Is a directory" checkpoint -o "$dir" "$program"
refused image_read_only 'mnt-ro/image: cannot create: Read-only' checkpoint -o mnt-ro/image "$program"
refused image_no_space 'no space left' checkpoint -o mnt-small/image "$program"
[ -z "$(ls mnt-small)" ]
result $? nothing_is_left_of_it
refused image_onto_a_socket 'socket: cannot open: it is a socket' checkpoint -o socket "$program"
refused image_onto_memory '/dev/mem: it is a device' checkpoint -o /dev/mem "$program"
refused image_onto_a_disk 'it is a block device' checkpoint -o /dev/vda "$program"
refused image_onto_a_terminal 'it is a terminal' "${with_terminal[@]}" \
	checkpoint -o TERMINAL "$program"
refused redirected_to_a_terminal 'no image on a terminal' "${with_terminal[@]}" \
	sh -c "checkpoint $program >\$1" sh TERMINAL
refused redirected_to_memory 'cannot be written' sh -c "checkpoint $program >/dev/mem"
checkpoint -o /dev/null "$program" 2>message && alive
result $? image_to_nowhere

# ---- the log ----
refused log_in_no_directory 'none/log: cannot open the log: No such file' \
	checkpoint -l none/log "$program"
refused log_onto_a_directory 'cannot open the log: Is a directory' checkpoint -l "$dir" "$program"
refused log_read_only 'cannot open the log: Read-only' checkpoint -l mnt-ro/log "$program"
refused log_onto_a_socket 'cannot open the log: it is a socket' checkpoint -l socket "$program"
refused log_onto_memory '/dev/mem: it is a device, a log' checkpoint -l /dev/mem "$program"
refused log_onto_a_terminal 'it is a terminal, a log' "${with_terminal[@]}" \
	checkpoint -l TERMINAL "$program"

# ---- what restart is given ----
refused restart_without_an_image 'none: No such file' restart -i none
refused restart_of_a_directory 'it is a directory' restart -i "$dir"
refused restart_of_a_redirected_directory 'it is a directory' sh -c "restart <'$dir'"
refused restart_of_a_socket 'it is a socket' restart -i socket
refused restart_of_memory 'not a checkpoint image' restart -i /dev/mem
refused restart_of_a_terminal 'a terminal has no image' "${with_terminal[@]}" restart -i TERMINAL
checkpoint -o good "$program" 2>message
refused restart_log_onto_a_directory 'cannot open the log: Is a directory' restart -i good -l "$dir"
kill -KILL "$program"
within 5 gone "$program"

# ---- overlay, and mounted over ----
mkdir -p mnt-over lower/work upper work
cp "$(command -v perl)" lower/perl
printf 'abcdefgh' >lower/work/data
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none mnt-over
result $? an_overlay
cat >editor.pl <<'PL'
use POSIX qw(_exit);
sub put {
	open(my $file, ">>", $_[0]) or die "$_[0]: $!";
	print $file $_[1];
}
my $dir = shift;
chdir("mnt-over/work") or die;
open(my $below, "<", "data") or die; # it stays in the lower layer
sysread($below, my $before, 4);
open(my $above, "+>", "new") or die;
syswrite($above, "0123");
put("$dir/pid", $$);
put("$dir/ready", "");
select(undef, undef, undef, 0.05) until -e "$dir/end";
sysread($below, my $after, 4);
syswrite($above, "$before$after");
_exit(3);
PL
start mnt-over/perl editor.pl "$dir" && cut
result $? checkpoint_of_files_on_an_overlay out
touch end
restart -i image 2>message
[ $? = 3 ] && [ "$(cat upper/work/new)" = 0123abcdefgh ]
result $? files_on_an_overlay_come_back upper/work/new

start mnt-over/perl editor.pl "$dir"
mount -t tmpfs none mnt-over/work
checkpoint "$program" >image 2>message
[ $? = 1 ] && grep -q 'mnt-over/work/data.*(mounted over?)' message &&
	[ "$(wc -l <message)" = 1 ] && ! gone "$program"
result $? files_that_are_mounted_over_are_refused
umount mnt-over/work
touch end
within 5 gone "$program"

echo "1..$nr"
exit "$failed"
