#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A program that is restarted as a job of an interactive shell has the terminal,
# stops, goes on, and gives it back as any other job does.

# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# ---- a terminal, at which we sit ----
mkfifo keys
# a background command of this shell would ignore SIGINT
env --default-signal=INT,QUIT script -qfc 'exec bash --norc --noprofile -i' /dev/null <>keys >screen 2>&1 &
tool=$!
exec 9>keys
typed=0

# screen_from OFFSET: what has appeared behind it
screen_from() {
	tail -c "+$(($1 + 1))" screen | tr -d '\r'
}

# shellcheck disable=SC2317 # called by within
shown() {
	screen_from "$typed" | grep -q -- "$1"
}

# say TEXT: type it, as it is for printf
say() {
	typed=$(stat -c %s screen)
	# shellcheck disable=SC2059 # as it is
	printf "$1" >&9
}

# expect PATTERN: it appears behind what was typed last
expect() {
	within 20 shown "$1" && return
	{
		echo "$1 was to appear in:"
		screen_from "$typed"
	} >message
	return 1
}

# state PID LETTER
# shellcheck disable=SC2317 # called by within
state() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	[ "${stat:0:1}" = "$2" ]
}

# Reads lines from its terminal; what appears is not what is typed.
cat >answer.pl <<'PL'
$| = 1;
print "pid=$$\n";
print uc while <STDIN>;
exit 7;
PL

say 'PS1="> "; echo "sh""ell"\n'
expect '^shell' || exit 1
say 'perl answer.pl\n'
expect '^pid='
pid=$(screen_from "$typed" | sed -n 's/^pid=\([0-9]*\)$/\1/p')
say 'one\n'
expect '^ONE$' && checkpoint --kill -o image "$pid" 2>message &&
	ckptinfo --json image | grep -q '"foreground": *true'
result $? the_group_that_has_the_terminal_is_known

restart='restart --inherit-fd 0 --inherit-fd 1 --inherit-fd 2 -i image'
say "$restart\\n"
say 'two\n'
expect '^TWO$'
result $? reads_what_is_typed
say '\032'
expect 'Stopped' && state "$pid" T
result $? stops_for_the_shell
say 'echo "sh""ell"\n'
expect '^shell$'
result $? the_shell_goes_on
say 'fg\n'
expect '^restart' && say 'three\n' && expect '^THREE$'
result $? comes_back_to_the_foreground
say '\032'
expect 'Stopped' && say 'bg\n' && expect '^\[1\].*restart.*&' &&
	say 'echo "sh""ell"\n' && expect '^shell$' && within 10 state "$pid" T &&
	say 'jobs\n' && expect 'Stopped.*restart'
result $? stops_when_it_reads_in_the_background
say 'fg\n'
expect '^restart' && say 'four\n' && expect '^FOUR$' && say '\004' &&
	say 'echo status=$?\n' && expect '^status=7$'
result $? ends_at_the_terminal

say "$restart\\n"
expect restart && within 20 state "$pid" S && say 'five\n' && expect '^FIVE$' && say '\003' &&
	say 'echo status=$?\n' && expect '^status=130$' && within 5 gone "$pid"
result $? is_interrupted

# in the background from the beginning
say "$restart &\\n"
within 20 state "$pid" T && say '\n' && say 'jobs\n' && expect 'Stopped.*restart' &&
	say 'fg\n' && expect '^restart' && say 'six\n' && expect '^SIX$' && say '\004'
result $? is_begun_in_the_background

# A script has no job control: whoever comes next in it has the terminal back.
say "bash -c '$restart; read -r x; echo \"read: \$x\"'\\n"
within 20 state "$pid" S && say 'seven\n' && expect '^SEVEN$' && say '\004' &&
	within 5 gone "$pid" && say 'eight\n' && expect '^read: eight$'
result $? a_script_has_the_terminal_back
say "sleep 100 & bash -c 'restart --files=fail -i /dev/null; read -r x; echo \"read: \$x\"'\\n"
expect 'restart: ' && say 'nine\n' && expect '^read: nine$'
result $? one_that_fails_leaves_the_terminal_alone
say 'kill %%1; exit\n'
within 10 gone "$tool" || echo '# the shell lives'

echo "1..$nr"
exit "$failed"
