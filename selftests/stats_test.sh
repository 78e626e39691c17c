#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# checkpoint --stats: one JSON object, whose figures are those of the image.

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
checkpoint --progress -o image "$program" 2>message && [ ! -s message ]
result $? 'but what is over within a second says nothing'

checkpoint --stats=stats --kill -o image "$program" 2>message &&
	figures stats 'stop_ns is None' 'thaw_ns is None' 'snapshot_ns == 0'
result $? '--kill: it was not stopped for a while' stats
within 10 gone "$program"
program=''
echo "1..$nr"
exit "$failed"
