#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Real programs of many processes and threads, which know nothing of
# checkpoints: each is run once without, and once checkpointed and killed at
# random moments and restarted.  What comes out must be the same bit for bit.
#
# Environment: SEED (default: from the clock; printed) chooses the moments,
# TREE_CUTS (2) how often a run is cut, JOBS (all) names the programs, "many" is the
# last test, IMAGES (12) how many checkpoints in a row that makes,
# CT_SKIP_CHECKPOINT: the programs run through.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
SEED=${SEED:-$(date +%s)}
RANDOM=$((SEED % 32768))
TREE_CUTS=${TREE_CUTS:-2}
IMAGES=${IMAGES:-12}
here=$(cd "$(dirname "$0")" && pwd)
crowd=$here/progs/crowd
[ -x "$crowd" ] || crowd=$here/crowd

# A name, and a command that works in a directory of its own.
jobs=(
	"make make -s -j4 -f ../build.mk"
	"bash bash ../pipelines.bash"
	"python3 python3 -u ../forks.py"
	"xz xz -T4 -4 --block-size=256KiB -c ../big"
	"sort sort --parallel=4 -S 22M -T . ../numbers ../numbers"
	"pthreads $crowd 5000"
)

dir=$(mktemp -d /tmp/ckpt-trees.XXXXXX) || exit 1
root=''
# shellcheck disable=SC2317 # called by trap
clean_up() {
	kill_tree
	rm -rf "$dir"
}
trap clean_up EXIT

say() {
	echo "# $*"
}

# family PID: it and all below it
family() {
	local pid

	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046 # words
		family $(cat "/proc/$pid/task"/*/children 2>/dev/null)
	done
}

kill_tree() {
	local pids

	[ -n "$root" ] || return 0
	mapfile -t pids < <(family "$root")
	kill -KILL "${pids[@]}" 2>/dev/null
	root=''
}

# ---- the programs ----

make_input() {
	local i

	awk 'BEGIN { srand(7); for (i = 0; i < 40000; i++)
		print int(rand() * 1e9), "line", i, rand() < 0.5 ? "even" : "odd" }' >big
	# sort has threads for 131,072 lines and more, and files for the rest
	seq 3000001 7 5100000 | rev >numbers
	mkdir project
	for ((i = 0; i < 8; i++)); do
		cat >"project/part$i.c" <<-EOF
			int printf(const char *format, ...);
			static int step$i(int x) { return x * $((i * 7 + 3)) % 10007 + $i; }
			int part$i(int x)
			{
				int i;

				for (i = 0; i < 100; i++)
					x = step$i(x);
				printf("part $i: %d\n", x);
				return x;
			}
		EOF
	done
	{
		for ((i = 0; i < 8; i++)); do echo "int part$i(int x);"; done
		echo 'int main(void) { int x = 1;'
		for ((i = 0; i < 8; i++)); do echo "x = part$i(x);"; done
		echo 'return 0; }'
	} >project/main.c
	cat >build.mk <<-'EOF'
		.RECIPEPREFIX = >
		parts := $(patsubst ../project/%.c,%.o,$(wildcard ../project/*.c))
		all: program
		> ./program >>result
		program: $(parts)
		> gcc -o $@ $(sort $(parts))
		%.o: ../project/%.c
		> gcc -O1 -c -o $@ $<
		> echo $@ >>made
	EOF
	cat >pipelines.bash <<-'EOF'
		trapped=0 ended=0
		trap 'trapped=$((trapped + 1))' USR1
		trap 'echo "the end: $trapped traps, $ended jobs"' EXIT
		# a trap ends wait with a status above 128
		join() {
			status=200
			while [ $status -gt 128 ]; do
				wait "$1"
				status=$?
			done
			ended=$((ended + 1))
		}
		for i in {1..7}; do
			seq 1 $((i * 200)) | awk '{ s += $1 * $1 } END { print s }' | rev | rev
			(seq "$i" 40 | sort -rn | head -n 2 | tr '\n' ' ' >"job$i"; exit "$i") &
			first=$!
			(kill -USR1 $$; read -r x < <(echo "$i"); echo "$x" >"sub$i"; wait) &
			join $!
			join $first
			echo "status $status"
			cat "job$i" "sub$i"
			while read -r a b; do echo "$b $a"; done <<<"$i $((i * i))"
			coproc sed -u s/a/b/g
			pid=$COPROC_PID
			echo "banana $i" >&"${COPROC[1]}"
			read -r line <&"${COPROC[0]}"
			echo "$line"
			eval "exec ${COPROC[1]}>&-"
			wait $pid
		done
	EOF
	cat >forks.py <<-'EOF'
		import hashlib, os, queue, threading
		def digest(seed, rounds):
		    d = b"%d" % seed
		    for _ in range(rounds):
		        d = hashlib.sha256(d).digest()
		    return d.hex()
		def child(nr, get, put):
		    work, done = queue.Queue(3), {}
		    lock = threading.Lock()
		    def worker():
		        while (n := work.get()) is not None:
		            d = digest(n, 2500)
		            with lock:
		                done[n] = d
		    threads = [threading.Thread(target=worker) for _ in range(3)]
		    for t in threads:
		        t.start()
		    for line in os.fdopen(get):
		        work.put(int(line))
		    for _ in threads:
		        work.put(None)
		    for t in threads:
		        t.join()
		    with os.fdopen(put, "w") as out:
		        for n in sorted(done):
		            out.write(f"{nr} {n} {done[n]}\n")
		children = []
		for nr in range(3):
		    r1, w1 = os.pipe()
		    r2, w2 = os.pipe()
		    pid = os.fork()
		    if not pid:
		        os.close(w1)
		        os.close(r2)
		        for _, w, r in children:
		            os.close(w)
		            os.close(r)
		        child(nr, r1, w2)
		        os._exit(10 + nr)
		    os.close(r1)
		    os.close(w2)
		    children.append((pid, w1, r2))
		for n in range(180):
		    os.write(children[n % 3][1], b"%d\n" % n)
		for _, w, _ in children:
		    os.close(w)
		for pid, _, r in children:
		    print(os.fdopen(r).read(), end="")
		    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	EOF
}

# start NAME COMMAND...: in a new directory of that name; sets $root
start() {
	rm -rf "${dir:?}/$1"
	mkdir "$dir/$1"
	cd "$dir/$1" || exit 1
	shift
	"$@" </dev/null >out 2>err &
	root=$!
	cd "$dir" || exit 1
}

# ---- cut ----

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# as sleep(1), which takes long to start on a busy machine
mkfifo "$dir/.nap"
nap() {
	read -rt "$1" <>"$dir/.nap"
}

# found_where IMAGE: of how many threads it has system calls that they were in,
# and of how many their own code: what is in orig_ax, -1 outside of a call.
found_where() {
	local at nr

	while read -r at; do
		nr=$(od -An -t d8 -j $((at + 136)) -N 8 "$1")
		if ((nr < 0)); then
			in_code=$((in_code + 1))
		else
			in_calls=$((in_calls + 1))
		fi
	done < <(ckptinfo -v "$1" | awk '$3 == "CPU" { print $1 }')
}

# Its pids are free again.
all_gone() {
	local pid i

	for ((i = 0; i < 400; i++)); do
		for pid; do
			[ ! -e "/proc/$pid" ] || {
				nap 0.02
				continue 2
			}
		done
		return 0
	done
	say "task $pid is still there"
	return 1
}

# ended PID: gone, or a zombie
ended() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[ "${stat:0:1}" = Z ]
}

# It has threads or children.
at_work() {
	local tasks children=''

	tasks=("/proc/$root/task"/*)
	[ ${#tasks[@]} -gt 1 ] && return 0
	read -rd '' children 2>/dev/null <"/proc/$root/task/$root/children"
	[ -n "$children" ]
}

# Refused: one of the tree has a file of /proc open, for a moment when it starts:
# awk its maps, sed (by libselinux) the kinds of file systems.  Who meets it tries
# again.
reads_proc() {
	grep -qE '/proc/([0-9]+/maps|filesystems) on a file system of type proc is not supported' log
}

# cut_at MS: checkpoint and kill after so many milliseconds, or as soon after as
# it has more than one task; 2: it has ended
cut_at() {
	local pids seconds tries=0

	printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
	nap "$seconds"
	until at_work; do
		! ended "$root" || return 2
	done
	while mapfile -t pids < <(family "$root") && ! checkpoint -o img --kill "$root" 2>log; do
		ended "$root" && return 2
		if ! reads_proc || ((tries++ == 20)); then
			say "checkpoint of ${#pids[@]} processes: $(cat log)"
			return 1
		fi
		nap 0.05
	done
	wait "${restarter:-$root}" 2>/dev/null
	found_where img
	all_gone "${pids[@]}"
}

# The tree is there again, and no longer the restart tool.
wait_for_restart() {
	local i name

	for ((i = 0; i < 2000; i++)); do
		name=restart
		{ read -r name <"/proc/$root/comm"; } 2>/dev/null
		[ "$name" = restart ] || return 0
		! ended "$1" || break
		nap 0.005
	done
	wait "$1" && return 2 # it was as good as done
	say "restart: it ended with $?: $(cat log)"
	return 1
}

# run_cut TIME NAME COMMAND...: a run of about TIME ms, cut TREE_CUTS times
run_cut() {
	local time=$1 cut ms restarter=''

	shift
	start "$@"
	for ((cut = 0; cut < TREE_CUTS; cut++)); do
		ms=$((time * (10 + RANDOM % 61) / 100 / TREE_CUTS))
		moments+=" $ms"
		cut_at "$ms" || return
		restart -i img 2>log &
		restarter=$!
		wait_for_restart "$restarter" || return
	done
	wait "$restarter" || {
		say "it ended with $?: $(cat log "$1/err")"
		return 1
	}
	root=''
}

# What a job has left behind: all files, and what is in them.  What make has
# made comes in any order.
outcome() {
	(
		cd "$1" || exit
		[ ! -e made ] || sort -o made made
		for file in *; do
			echo "$file: $(cksum <"$file")"
		done
	)
}

# test_job NAME COMMAND...
test_job() {
	local begin time rc moments

	begin=$(now_ms)
	start "$@"
	wait "$root" || {
		say "without a checkpoint it ends with $?: $(cat "$1/err")"
		return 1
	}
	root=''
	time=$(($(now_ms) - begin))
	outcome "$1" >want
	[ -s "$1/out" ] || [ -s "$1/result" ] || return 1
	in_calls=0 in_code=0
	[ -z "${CT_SKIP_CHECKPOINT-}" ] || TREE_CUTS=0
	for _ in {1..5}; do
		moments=
		if [ "$TREE_CUTS" = 0 ]; then
			start "$@"
			wait "$root"
		else
			run_cut $time "$@"
		fi
		rc=$?
		say "$1: $time ms, cut after$moments ms, in $in_calls calls, $in_code not in one"
		[ $rc = 2 ] || break
		time=$((time / 2))
	done
	[ $rc = 0 ] || return 1
	outcome "$1" >have
	diff want have | sed 's/^/# /'
	cmp -s want have
}

# A running crowd; none of the checkpoints disturbs it, each of the images
# comes to life, works on, and finds its results right.
test_many_in_a_row() {
	local i pids

	start many nice "$crowd" stop # else it delays us
	for ((i = 1; i <= IMAGES; i++)); do
		nap "0.0$((RANDOM % 90 + 10))"
		checkpoint -o "img.$i" "$root" 2>log || {
			say "checkpoint $i: $(cat log)"
			return 1
		}
	done
	mapfile -t pids < <(family "$root")
	touch many/stop
	wait "$root" || {
		say "it was disturbed: $(cat many/err)"
		return 1
	}
	cp many/out want
	all_gone "${pids[@]}"
	for ((i = 1; i <= IMAGES; i++)); do
		restart -i "img.$i" 2>log || {
			say "restart $i: $(cat log many/err)"
			return 1
		}
		grep -q 'process 2: ' many/out || return 1
		rm "img.$i"
	done
	root=''
}

echo 'TAP version 13'
[ -e /dev/ckpt ] || [ -n "${CT_SKIP_CHECKPOINT-}" ] || {
	echo '1..0 # SKIP no /dev/ckpt'
	exit 4
}
cd "$dir" || exit 1
make_input
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
	fi
	kill_tree
}

for job in "${jobs[@]}"; do
	read -ra words <<<"$job"
	[[ " ${JOBS-${words[0]}} " == *" ${words[0]} "* ]] || continue
	test_job "${words[@]}"
	report $? "${words[0]}"
done
if [ -z "${CT_SKIP_CHECKPOINT-}" ] && [[ " ${JOBS-many} " == *' many '* ]]; then
	test_many_in_a_row
	report $? "many_checkpoints_in_a_row"
fi
echo "1..$number"
exit $failed
