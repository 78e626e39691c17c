#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# checkpoint --stats, restart --stats: one JSON object, whose figures are those of
# the image, and of what took how long.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# Shared memory of 100 pages with contents, 50 of zeros and a hole.
cat >sharer.py <<'PY'
import mmap, os, time
shared = mmap.mmap(-1, 400 * 4096)
for page in range(100):
    shared[page * 4096] = page + 1
for page in range(100, 150):
    shared[page * 4096] = 0
zeros = mmap.mmap(-1, 300 * 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(300):
    zeros[page * 4096] = 0
with open("pid", "w") as file:
    file.write(str(os.getpid()))
open("ready", "w").close()
while not os.path.exists("end"):
    time.sleep(0.02)
PY

# A line of figures, and what must be true of it.
cat >look.py <<'PY'
import json, os, subprocess, sys
line, image, conditions = open(sys.argv[1]).readlines()[-1], sys.argv[2], sys.argv[3:]
of = json.loads(line)
names = {"id", "tries", "total_ns", "stop_ns", "freeze_ns", "collect_ns", "save_ns", "snapshot_ns",
         "thaw_ns", "sync_ns", "stream_ns", "commit_ns", "bytes", "pages", "zero_pages",
         "shared_pages", "bytes_per_second"}
assert names <= set(of), names - set(of)
of["size"] = os.path.getsize(image)
info = json.loads(subprocess.check_output(["ckptinfo", "--json", image]))
of["stored"] = info["pages"]
for condition in conditions:
    assert eval(condition, {}, of), f"{condition}: {line}"
PY

# figures FILE CONDITION...
figures() {
	local file=$1

	shift
	python3 look.py "$file" image 'bytes == size' 'pages == stored' 'tries >= 1' \
		'0 < freeze_ns < total_ns' '0 < collect_ns' '0 < save_ns' '0 < stream_ns' \
		'0 < commit_ns' 'bytes_per_second > 0' 'id > 0' "$@" >>message 2>&1
}

steps='collect_ns + save_ns + snapshot_ns'
start python3 sharer.py
checkpoint --stats -o image "$program" 2>message && cp message line && [ "$(wc -l <line)" = 1 ] &&
	figures line '0 < snapshot_ns' "$steps < stop_ns" "freeze_ns + $steps + thaw_ns <= total_ns" \
		'stop_ns + sync_ns + stream_ns + commit_ns <= total_ns'
result $? 'on standard error' line
figures line 'shared_pages == 100' 'zero_pages >= 350' 'pages > 100'
result $? 'shared pages are told' line
checkpoint --stats -v -o image "$program" 2>said && grep '^{' said >line &&
	python3 - said line <<'PY' 2>message
import json, re, sys
text, of = open(sys.argv[1]).read(), json.load(open(sys.argv[2]))
told = re.search(r"checkpoint (\d+): (\d+) bytes, (\d+) pages stored, (\d+) pages of zeros", text)
assert [int(n) for n in told.groups()] == [of["id"], of["bytes"], of["pages"], of["zero_pages"]]
stop = re.search(r"stopped for ([0-9.]+) ms", text)[1]
assert stop == f"{of['stop_ns'] / 1e6:.1f}", stop
PY
result $? '-v tells the same' said
checkpoint --stats=stats --stop-copy -o image "$program" 2>message &&
	figures stats 'snapshot_ns == 0' "$steps + stream_ns < stop_ns" \
		'shared_pages == 100' 'stop_ns + commit_ns <= total_ns'
result $? '--stop-copy: to write belongs to the stop' stats
checkpoint --stats=stats "$program" 2>message >image && [ "$(wc -l <stats)" = 2 ] &&
	[ ! -s message ] && figures stats 'sync_ns >= 0'
result $? 'appended to a file' stats

# The reader holds still: that is no stop.
checkpoint --stats=stats "$program" 2>message | { head -c 100000; sleep 1; cat; } >image
figures stats 'stream_ns > 900000000' 'total_ns > stream_ns' 'stop_ns < total_ns - 900000000'
result $? 'a slow reader: in the stream, not in the stop' stats
{ checkpoint --stats=stats --stop-copy "$program" 2>message; } |
	{ head -c 100000; sleep 1; cat; } >image
figures stats 'stop_ns > 900000000'
result $? 'a slow reader of --stop-copy is one' stats

: >stats
checkpoint --stats=stats -o image 1 2>message
[ $? = 1 ] && [ ! -s stats ]
result $? 'none of a failed checkpoint' stats
rm -f image
checkpoint --stats=/nonexistent/stats -o image "$program" 2>message
[ $? = 1 ] && [ ! -e image ] && [ "$(wc -l <message)" = 1 ] && grep -q 'cannot open' message
result $? 'a place that cannot be: nothing is begun'
checkpoint --stats=/dev/full -o image "$program" 2>message
[ $? = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -q 'figures cannot be written' message
result $? 'figures that cannot be written'

sum='checkpoint: [0-9.]+ [KMG]iB in [0-9.]+ s, [0-9.]+ [KMG]iB/s, stopped for [0-9.]+ ms'
checkpoint --progress "$program" 2>message | { head -c 100000; sleep 2.5; cat; } >image
tail -n 1 message | grep -qxE "$sum"
result $? 'progress ends with the stop time'
checkpoint --stats=quick --progress -o image "$program" 2>message &&
	{ [ ! -s message ] || figures quick 'total_ns >= 10**9'; }
result $? 'but what is over within a second says nothing'

checkpoint --stats=stats --kill -o image "$program" 2>message &&
	figures stats 'stop_ns is None' 'thaw_ns is None' 'snapshot_ns == 0'
result $? '--kill: it was not stopped for a while' stats
within 10 gone "$program"
program=''

# ---- a restart ----

cat >look_back.py <<'PY'
import json, os, subprocess, sys
line, image, conditions = open(sys.argv[1]).readlines()[-1], sys.argv[2], sys.argv[3:]
of = json.loads(line)
names = {"pid", "tasks", "total_ns", "head_ns", "make_ns", "restore_ns", "commit_ns", "freeze_ns",
         "bytes", "pages", "bytes_per_second"}
assert names == set(of), names ^ set(of)
of["size"] = os.path.getsize(image)
info = json.loads(subprocess.check_output(["ckptinfo", "--json", image]))
of["stored"], of["told"] = info["pages"], len(info["tasks"])
for condition in conditions:
    assert eval(condition, {}, of), f"{condition}: {line}"
PY

# back FILE CONDITION...
back() {
	local file=$1

	shift
	python3 look_back.py "$file" image 'bytes == size' 'pages == stored' 'tasks == told' \
		'0 < head_ns' '0 < make_ns' '0 < restore_ns' '0 < commit_ns' \
		'head_ns + make_ns + restore_ns + commit_ns + freeze_ns <= total_ns' \
		'bytes_per_second > 0' "$@" >>message 2>&1
}

# The program that restart -W has left: killed.
# shellcheck disable=SC2317 # the trap kills it when the test ends before
kill_program() {
	kill -KILL "$program" && within 10 gone "$program"
	program=''
}

pid=$(cat pid)
restart -W --stats -i image 2>message && program=$pid && cp message line &&
	[ "$(wc -l <line)" = 1 ] && back line "pid == $pid" 'tasks == 1' 'freeze_ns == 0'
result $? 'restart: on standard error' line
kill_program
restart -W --stats=back --no-pids <image 2>message && [ ! -s message ] &&
	program=$(python3 -c 'import json; print(json.load(open("back"))["pid"])') &&
	back back 'pages > 100' && grep -q python3 "/proc/$program/cmdline"
result $? 'restart: appended to a file; the pid is the one that it got' back
kill_program
restart -W --stats=back --frozen -i image 2>message && program=$pid && [ "$(wc -l <back)" = 2 ] &&
	back back 'freeze_ns > 0'
result $? 'restart --frozen: freezing is told' back
kill_program

# The head comes late, or what is behind it does: two different things.
{ head -c 10; sleep 1; cat; } <image | restart -W --stats=back 2>message && program=$pid
back back 'head_ns > 900000000' 'restore_ns < total_ns - 900000000'
result $? 'restart: a reader that waits for the head' back
kill_program
{ head -c 100000; sleep 1; cat; } <image | restart -W --stats=back 2>message && program=$pid
back back 'restore_ns > 900000000' 'bytes_per_second < size / 0.9' \
	'commit_ns < total_ns - 900000000'
result $? 'restart: a reader that waits for the pages' back
kill_program

# It is told before the end of the program, which is waited for.
lines=$(wc -l <back)
restart --stats=back -i image 2>message &
tool=$!
# shellcheck disable=SC2317 # called by within
told_again() {
	[ "$(wc -l <back)" -gt "$lines" ]
}
within 20 told_again && kill -0 "$tool" && back back 'restore_ns < total_ns'
result $? 'restart: told while the program runs' back
: >end
wait "$tool"
result $? 'restart: the status is that of the program'
tool=''
rm -f end

# Without the right to choose pids a helper coordinates.
cat >threads.py <<'PY'
import os, threading, time
def idle():
    while not os.path.exists("end"):
        time.sleep(0.02)
for n in range(3):
    threading.Thread(target=idle).start()
if not os.fork():
    idle()
    os._exit(0)
with open("pid", "w") as file:
    file.write(str(os.getpid()))
open("ready", "w").close()
idle()
os.wait()
PY
as_tester=(setpriv --reuid=tester --regid=tester --clear-groups)
start "${as_tester[@]}" python3 "$dir/threads.py"
cut
: >back
chmod 666 back
"${as_tester[@]}" restart --stats=back -i image 2>message &
tool=$!
lines=0
within 20 told_again && back back 'tasks == 5' "pid != $(cat pid)"
result $? 'restart: a tree, by a helper: its threads and processes' back
: >end
wait "$tool"
tool=''
rm -f end

: >back
head -c 5000 image | restart -W --stats=back 2>message
[ $? = 1 ] && [ ! -s back ] && [ "$(wc -l <message)" = 1 ]
result $? 'restart: none of a failed one'
: >end
restart --stats=/dev/full -i image 2>message &&
	grep -q 'figures cannot be written' message
result $? 'restart: figures that cannot be written are told, no more'
echo "1..$nr"
exit "$failed"
