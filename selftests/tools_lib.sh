# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of the tools share: a directory of their own, results, and
# programs that say when they are ready.  Sourced; ends in that directory.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$(mktemp -d /tmp/ckpt-tools.XXXXXX) || exit 1
chmod 777 "$dir"
cd "$dir" || exit 1
program='' tool='' nr=0 failed=0
# shellcheck disable=SC2317 # called by trap
clean_up() {
	local pid

	for pid in $program $tool; do
		kill -KILL "$pid" 2>/dev/null
	done
	cd /
	umount -R "$dir"/*/dev/null "$dir"/mnt* 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT

# result STATUS NAME [FILE]...: on failure the files are shown
result() {
	local status=$1 name=$2

	shift 2
	nr=$((nr + 1))
	if [ "$status" = 0 ]; then
		echo "ok $nr $name"
	else
		# shellcheck disable=SC2034 # the test exits with it
		failed=1
		echo "not ok $nr $name"
		tail -v -n 20 message "$@" 2>/dev/null | sed 's/^/# /'
	fi
}

# nap SECONDS: as sleep(1), which takes long to start on a busy machine
mkfifo "$dir/.nap"
nap() {
	read -rt "$1" <>"$dir/.nap"
}

# pause MS: at random, up to so many
pause() {
	local ms=$((RANDOM % $1 + 1)) seconds

	printf -v seconds '%d.%03d' $((ms / 1000)) $((ms % 1000))
	nap "$seconds"
}

# timed COMMAND...: sets $ms to what it takes
timed() {
	local begin=${EPOCHREALTIME/./} status

	"$@"
	status=$?
	ms=$(((${EPOCHREALTIME/./} - begin) / 1000 + 1))
	return $status
}

# within SECONDS COMMAND...: until it succeeds
within() {
	local i tries=$(($1 * 20))

	shift
	for ((i = 0; i < tries; i++)); do
		"$@" && return 0
		nap 0.05
	done
	return 1
}

# feed BYTES: so much of the image comes through the FIFO "pipe", and then nothing
feed() {
	rm -f pipe
	mkfifo -m 666 pipe
	{ head -c "$1" image; exec sleep 600; } >pipe 2>/dev/null &
	feeder=$!
}

feed_no_more() {
	kill -KILL "$feeder"
	wait "$feeder" 2>/dev/null
}

# has FILE LINE
# shellcheck disable=SC2317 # called by within
has() {
	grep -qx -- "$2" "$1" 2>/dev/null
}

# shellcheck disable=SC2317 # called by within
gone() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[ "${stat:0:1}" = Z ]
}

# start COMMAND...: run a program until it is ready and has told its pid, which
# is then in $program
start() {
	rm -f ready pid beat end got
	: >out
	chmod 666 out # another user's program opens it again
	("$@" </dev/null >/dev/null 2>out &)
	within 20 test -e ready || return 1
	program=$(cat pid)
}

# cut: checkpoint it and kill it
cut() {
	checkpoint --kill -o image "$program" 2>message || return 1
	within 10 gone "$program"
	chmod 644 image
	program=''
}

# A program that beats and writes down its signals until it is told how to end.
# It beats without opening a file, which an image would want back.
cat >obedient.pl <<'PL'
use POSIX qw(_exit mkfifo);
sub put {
	open(my $file, ">>", $_[0]) or die "$_[0]: $!";
	print $file $_[1];
}
for my $name (qw(TERM USR1 INT)) {
	$SIG{$name} = sub { put("got", "SIG$_[0]\n") };
}
my $ballast = "x" x ($ENV{BALLAST} // 0);
put("pid", $$);
put("ready", "");
until (-e "end") {
	mkfifo("beat", 0600);
	select(undef, undef, undef, 0.05);
}
do "./end";
_exit(99);
PL

# tell_end CODE: what the program is to do, all of it at once
tell_end() {
	echo "$1" >end.new
	mv end.new end
}
