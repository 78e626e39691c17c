#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Real programs that know nothing of checkpoints: each is run once without, and
# once checkpointed and killed at a random moment, restarted, and so again.
# What it writes must be the same bit for bit.
#
# Environment: SEED (default: from the clock; printed) chooses the moments,
# CUTS (2) how often a run is cut.

set -u
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
CUTS=${CUTS:-2}

# One line each: a name, and a command that writes to stdout or to "db".
jobs=(
	"xz xz -T1 -6 -c input"
	"gzip gzip -9 -c big"
	"bzip2 bzip2 -9 -c big"
	"python3 python3 -u compute.py"
	"perl perl compute.pl"
	"awk awk -f compute.awk"
	"sort sort --parallel=1 -S 64M big"
	"bc bc -lq pi.bc"
	"sqlite3 sqlite3 -vfs unix-none db <build.sql"
)

# What the runner has open is none of our programs' business.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-

dir=$(mktemp -d /tmp/ckpt-programs.XXXXXX) || exit 1
pid=

# shellcheck disable=SC2317 # called by trap
clean_up() {
	if [ -n "$pid" ]; then
		kill -KILL "$pid" 2>/dev/null
	fi
	rm -rf "$dir"
}
trap clean_up EXIT

say() {
	echo "# $*"
}

make_input() {
	awk 'BEGIN { srand(7); for (i = 0; i < 60000; i++)
		print int(rand() * 1e9), "line", i, rand() < 0.5 ? "even" : "odd" }' >input
	cat input input input input >big
	cat >compute.py <<-'EOF'
		import hashlib
		digest = b""
		for i in range(40):
		    for j in range(4000):
		        digest = hashlib.sha256(digest + b"%d" % j).digest()
		    print(i, digest.hex())
	EOF
	cat >compute.pl <<-'EOF'
		my %seen;
		my $x = 1;
		for my $i (1 .. 1000000) {
			$x = ($x * 1103515245 + 12345) % 2147483648;
			$seen{$x % 1000} += $i;
			print "$i $x $seen{$x % 1000}\n" unless $i % 20000;
		}
	EOF
	cat >compute.awk <<-'EOF'
		BEGIN {
			for (i = 0; i < 1600000; i++) {
				x = (x * 31 + i) % 1000003
				sum[x % 97] += x
				if (i % 50000 == 0)
					print i, x, sum[x % 97]
			}
		}
	EOF
	echo 'scale=900; for (i = 0; i < 2; i++) a(1)*4; halt' >pi.bc
	# Its temporary files would be unlinked ones, which are refused for now.
	cat >build.sql <<-'EOF'
		pragma temp_store = memory;
		create table t(id integer primary key, a integer, b text);
		begin;
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
		insert into t select i, (i * 7919) % 10007, hex(i * i) from n;
		commit;
		create index t_a on t(a, b);
		update t set a = a + 1 where id % 3 = 0;
		select count(*), sum(a), max(b) from t;
		select a, group_concat(b) from t where a < 20 group by a;
	EOF
}

# start COMMAND...: in the background, stdin and stdout to files; sets $pid.
start() {
	local in=/dev/null args=("$@") last

	rm -f db db-journal
	last=${args[-1]}
	if [[ $last = '<'* ]]; then
		in=${last#<}
		unset 'args[-1]'
	fi
	"${args[@]}" <"$in" >out 2>err &
	pid=$!
}

# What a run has left behind.
result() {
	cat out
	if [ -e db ]; then
		sqlite3 -vfs unix-none db .dump
	fi
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# cut MS: checkpoint, kill, restart, after so many milliseconds.
cut_at() {
	sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
	kill -0 "$pid" 2>/dev/null || return 2
	checkpoint -o img --kill "$pid" 2>log || {
		# It may have come to its end in between.
		grep -q 'no such process\|exiting' log && return 2
		say "checkpoint: $(cat log)"
		return 1
	}
}

# run_cut TIME COMMAND...: a run of about TIME ms, cut CUTS times.
run_cut() {
	local time=$1 cut ms restarter=

	shift
	start "$@"
	for ((cut = 0; cut < CUTS; cut++)); do
		ms=$((time * (10 + RANDOM % 61) / 100 / CUTS))
		moments+=" $ms"
		cut_at $ms || return
		wait ${restarter:-$pid} 2>/dev/null
		restart -i img 2>log &
		restarter=$!
		wait_for_restart $restarter || return
	done
	wait $restarter || {
		say "it ended with $?: $(cat log err)"
		return 1
	}
	pid=
}

# The program's pid is there again, and no longer the restart tool's child.
wait_for_restart() {
	local i exe

	for ((i = 0; i < 200; i++)); do
		exe=$(readlink "/proc/$pid/exe") && [ "${exe##*/}" != restart ] &&
			return 0
		kill -0 "$1" 2>/dev/null || break
		sleep 0.02
	done
	wait "$1" && return 2 # it was as good as done
	say "restart: it ended with $?: $(cat log err)"
	return 1
}

# test_job COMMAND...
test_job() {
	local begin time rc moments

	begin=$(now_ms)
	start "$@"
	wait "$pid" || {
		say "without a checkpoint it ends with $?: $(cat err)"
		return 1
	}
	pid=
	time=$(($(now_ms) - begin))
	result >want
	for _ in {1..7}; do
		moments=
		run_cut $time "$@"
		rc=$?
		say "$time ms, cut after$moments ms"
		[ $rc = 2 ] || break
		time=$((time / 2))
	done
	[ $rc = 0 ] || return 1
	result >have
	cmp want have
}

# Ten images of one run (at least three, where a checkpoint takes long), none of
# which disturbs it, and each of which is good.
test_ten_in_a_row() {
	local i nr=0

	start python3 -u compute.py
	for i in {1..10}; do
		sleep "0.$((RANDOM % 3))"
		checkpoint -o "img.$i" "$pid" 2>log || {
			[ "$nr" -ge 3 ] && grep -q 'no such process\|exit' log && break
			say "checkpoint $i: $(cat log)"
			return 1
		}
		nr=$i
	done
	wait "$pid" || return 1
	cmp out want.python3 || return 1
	for ((i = 1; i <= nr; i++)); do
		restart -i "img.$i" 2>log || {
			say "restart $i: $(cat log)"
			return 1
		}
		cmp out want.python3 || return 1
	done
	pid=
}

echo 'TAP version 13'
[ -e /dev/ckpt ] || {
	echo '1..0 # SKIP no /dev/ckpt'
	exit 4
}
cd "$dir" || exit 1
make_input
echo "1..$((${#jobs[@]} + 1))"
say "SEED=$SEED"
number=0
failed=0
report() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
		[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
		pid=
	fi
}

for job in "${jobs[@]}"; do
	read -ra words <<<"$job"
	test_job "${words[@]:1}"
	report $? "${words[0]}"
	[ "${words[0]}" != python3 ] || cp want want.python3
done
test_ten_in_a_row
report $? ten_checkpoints_in_a_row
exit $failed
