#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# restart --verify: programs of all sorts come back as they were, in all that an
# image holds; a difference is found; nothing is left behind.
#
# Each program is checkpointed at a random moment and stays frozen: the image is
# verified under any pid, and, once the program is gone, under its own.
#
# Environment: SEED (default: from the clock; printed), ROUNDS (1) of each.

states=$(realpath "$(dirname "$0")")/states
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
ROUNDS=${ROUNDS:-1}

# One line each; a program that does not say so itself is ready at once.
programs=(
	"xz -T1 -9 -c input"
	"python3 -u compute.py"
	"perl obedient.pl"
	"awk -f compute.awk"
	"sqlite3 -vfs unix-none db <build.sql"
	"bc -lq pi.bc"
	"states sleep"
	"states poll"
	"states pause"
	"states spin"
	"states signals"
)

make_input() {
	awk 'BEGIN { srand(7); for (i = 0; i < 400000; i++)
		print int(rand() * 1e9), "line", i }' >input
	cat >compute.py <<-'EOF'
		import hashlib, itertools
		digest, kept = b"", {}
		for i in itertools.count():
		    digest = hashlib.sha256(digest + b"%d" % i).digest()
		    kept[i % 5000] = digest.hex()
	EOF
	cat >compute.awk <<-'EOF'
		BEGIN { for (;;) { x = (x * 31 + i++) % 1000003; sum[x % 9973] += x } }
	EOF
	echo 'scale=5000; a(1)*4' >pi.bc
	cat >build.sql <<-'EOF'
		pragma temp_store = memory;
		create table t(id integer primary key, a integer, b text);
		with recursive n(i) as (select 1 union all select i + 1 from n)
		insert into t select i, (i * 7919) % 10007, hex(i * i) from n;
	EOF
}

# begin COMMAND...: its pid is then in $program
begin() {
	local in=/dev/null args=("$@") last=${*: -1}

	rm -rf work # files of the test itself would change a directory that is open
	mkdir work
	cp input ./*.py ./*.pl ./*.awk ./*.bc ./*.sql work
	cd work || return 1
	if [[ $last = '<'* ]]; then
		in=${last#<}
		unset 'args[-1]'
	fi
	if [ "$1" = states ]; then
		args[0]=$states
	fi
	"${args[@]}" <"$in" >../out 2>../err &
	program=$!
	disown "$program"
	cd ..
	if [ "$1" = states ]; then
		within 20 test -e work/ready || return 1
	fi
	sleep "0.$((RANDOM % 9 + 1))"
}

# end_program: frozen or not
end_program() {
	kill -KILL "$program"
	within 10 gone "$program"
	program=''
}

# nothing_left: no group of the tools, no process where the programs were
nothing_left() {
	[ -z "$(find /sys/fs/cgroup -type d -name 'ckpt*')" ] &&
		[ -z "$(find /proc -maxdepth 2 -name cwd -lname "$dir/work*" 2>/dev/null)" ]
}

# same [OPTIONS]: no difference, and nothing said
same() {
	restart --verify "$@" -i image >differences 2>message &&
		[ ! -s differences ] && [ ! -s message ]
}

# round COMMAND...
round() {
	begin "$@" || return 1
	checkpoint --frozen -o image "$program" 2>message || return 1
	same --no-pids || return 1
	end_program
	same && nothing_left
}

rounds() {
	local i

	for ((i = 0; i < ROUNDS; i++)); do
		if ! round "$@"; then
			[ -z "$program" ] || end_program
			return 1
		fi
	done
}

# ---- what must be found ----

# changed NAME PATTERN COMMAND: between checkpoint and restart
changed() {
	local name=$1 pattern=$2 status

	begin states pause && checkpoint --kill -o image "$program" 2>message
	within 10 gone "$program"
	program=''
	eval "$3"
	restart --verify -i image >differences 2>message
	status=$?
	[ $status = 1 ] && grep -qE "$pattern" differences && nothing_left &&
		grep -q '^restart: --verify: [0-9]* difference' message
	result $? "$name" differences
}

# refused NAME STATUS WORDS COMMAND...
refused() {
	local name=$1 want=$2 words=$3 status

	shift 3
	"$@" >differences 2>message </dev/null
	status=$?
	[ $status = "$want" ] && [ ! -s differences ] &&
		[ "$(grep -c . message)" = 1 ] && grep -q -- "$words" message
	result $? "$name"
}

echo 'TAP version 13'
[ -e /dev/ckpt ] || {
	echo '1..0 # SKIP no /dev/ckpt'
	exit 4
}
make_input
echo "# SEED=$SEED"
for line in "${programs[@]}"; do
	read -ra words <<<"$line"
	rounds "${words[@]}"
	result $? "comes back: $line" differences err
done
changed 'a file that has grown' '^FILE .*/data: size: 10 became 13' 'echo xx >>work/data'
changed 'a file that was touched' '^FILE .*/data: mtime_sec: ' 'touch -d 2001-01-01 work/data'
refused 'an image from a pipe' 1 'must be in a file' sh -c 'cat image | restart --verify'
refused 'with --frozen' 2 excludes restart --verify --frozen -i image
refused 'with --files=truncate' 2 excludes restart --verify --files=truncate -i image
refused 'with --self' 2 excludes restart --verify --self -i image
refused 'an image cut short' 1 truncated \
	sh -c 'head -c 70000 image >short; restart --verify -i short'
echo "1..$nr"
exit "$failed"
