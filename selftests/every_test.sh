#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# checkpoint --every: images in each interval, each of them complete and of one
# program, and "latest" leads to one at any moment.

set -u
# shellcheck source=selftests/tools_lib.sh
. "$(dirname "$0")/tools_lib.sh"

# Adds to its memory, page by page, and looks whether all of it is the same turn
# or the one before.  It says which turn it is in, and does what it is told.
cat >adder.py <<'PY'
import os, sys, time
size = int(sys.argv[1]) << 20
memory = bytearray(size)
def put(name, text):
    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)
def mark(name): # with no file open, which an image would want back
    if not os.path.exists(name):
        os.mknod(name)
put("pid", str(os.getpid()))
turn = 0
while not os.path.exists("end"):
    while os.path.exists("idle"):
        mark("idling")
        time.sleep(0.02)
    turn += 1
    for at in range(0, size, 4096):
        if memory[at] != (turn - 1) & 255:
            put("wrong", str(turn))
        memory[at] = turn & 255
    mark("turn")
    if turn == 1:
        put("ready", "")
    time.sleep(0.02 * (not os.path.exists("run")))
put("last", f"{turn}\n")
sys.exit(7)
PY

# begin MB: the program
begin() {
	rm -f wrong turn last run idle idling
	start python3 adder.py "$1"
}

finish() {
	: >end
	within 20 gone "$program"
	program=''
}

# every [options]: the tool, in the background
every() {
	env --default-signal=INT checkpoint --every "$@" "$program" 2>message &
	tool=$!
}

images() {
	find "$1" -name '*.img' | sort
}

count() {
	images "$1" | wc -l
}

# shellcheck disable=SC2317 # called by within
has_images() {
	[ "$(count "$1")" -ge "$2" ]
}

# shellcheck disable=SC2317 # called by within
made() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# ended STATUS: the tool has
ended() {
	local status=$1

	within 60 gone "$tool" || kill -KILL "$tool"
	wait "$tool"
	[ $? = "$status" ] || return 1
	tool=''
}

# restarts IMAGE: and goes on from there to its end
restarts() {
	rm -f wrong last
	: >end
	restart -i "$1" >>message 2>&1
	[ $? = 7 ] && [ -s last ] && [ ! -e wrong ]
}

# names DIR: what is there must be images of one series, "latest", nothing else
names() {
	[ -z "$(find "$1" -mindepth 1 ! -name latest ! -name "$2-????????-??????????.img")" ] &&
		[ "$(images "$1" | sed 's/-[0-9]*\.img$//' | uniq | wc -l)" = 1 ] &&
		[ "$(readlink "$1/latest")" = "$(basename "$(images "$1" | tail -n 1)")" ]
}

# ---- a series ----

begin 4
pid=$program
every 200ms --keep-last 3 --stats=stats -o series
within 60 made stats 6 && kill -TERM "$tool" && ended 0
result $? 'sigterm ends it with 0'
[ "$(stat -c %a series)" = 700 ] && [ ! -s message ] && [ "$(count series)" = 3 ] &&
	names series "$pid"
result $? 'the last three images are there, and nothing else'
last=$(images series | tail -n 1)
number=${last##*-} number=$((10#${number%.img}))
[ "$number" -ge 6 ] && [ "$(wc -l <stats)" = "$number" ] && [ ! -e wrong ] &&
	python3 - "$number" "$(basename "$last")" stats <<'PY' 2>message
import json, sys
lines = [json.loads(line) for line in open(sys.argv[3])]
assert lines[-1]["image"] == sys.argv[2], lines[-1]
assert len({line["image"] for line in lines}) == int(sys.argv[1])
assert all(line["missed"] >= 0 and line["stop_ns"] > 0 and line["snapshot_ns"] > 0 for line in lines)
PY
result $? 'a line of figures for each' stats
rm -f turn
within 10 test -e turn && finish
result $? 'the program has run on, and nothing of it was wrong'
ok=0
for image in $(images series); do
	restarts "$image" || ok=1
done
[ $ok = 0 ] && restarts series/latest
result $? 'each image can be restarted'

# ---- names and the end of the program ----

begin 1
every 100ms --keep-last 2 -v -o series
within 60 grep -qF "series/$program-" message && pid=$program && sleep 0.5 && finish && ended 0
result $? 'it ends with 0 when the program has ended'
grep -qxE "pid $pid has ended, after [0-9]+ images" message && [ "$(count series)" = 5 ] &&
	[ "$(find series -name "$pid-*.img" | wc -l)" = 2 ]
result $? 'it says so with -v, and images of another program are left alone'
find series -name "$pid-*.img" | sort | tail -n 1 | xargs basename >want
readlink series/latest | cmp -s - want
result $? 'latest leads to the new program'

# continued: the tool anew, for the same program, in the directory "again"
begin 1
every 100ms --keep-last 2 -o again
within 60 has_images again 2 && kill -INT "$tool" && ended 0
result $? 'sigint ends it with 0'
first=$(images again | tail -n 1)
touch again/other.img "again/$program-12345678-0000000001.img" again/.hidden \
	"again/x$(basename "$first")" "$(images again | tail -n 1)x"
every 100ms --keep-last 4 -o again
within 60 test -e "$(printf '%s%010d.img' "${first%??????????.img}" \
	$((10#$(basename "${first##*-}" .img) + 6)))"
kill -TERM "$tool"
ended 0
[ "$(find again -mindepth 1 | wc -l)" = 10 ] && [ ! -e "$first" ] &&
	[ -e again/other.img ] && [ -e "again/$program-12345678-0000000001.img" ]
result $? 'a new tool counts on; what is not of the series stays' <(find again)

every 10h -o again
within 20 has_images again 7
checkpoint --every 1 -o again "$program" 2>message
[ $? = 1 ] && [ "$(wc -l <message)" = 1 ] && grep -q 'another series' message
result $? 'one series at a time goes to a directory'
kill -TERM "$tool"
ended 0

# Slower than the interval: left out, not made up for.
: >stats
mkdir slow
every 50ms --stats=stats --stop-copy -o slow
within 60 made stats 1
kill -STOP "$tool"
sleep 1.1
kill -CONT "$tool"
within 60 made stats 5
kill -TERM "$tool"
ended 0 && python3 - stats 2>>message <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert max(line["missed"] for line in lines) >= 15, lines
assert all(line["snapshot_ns"] == 0 for line in lines)
PY
result $? 'intervals that have passed are left out' stats
finish

# ---- the other CPUs are the program's ----

# has_threads STATS LINES: kernel threads are seen before it has so many
has_threads() {
	local end=$((SECONDS + 120))

	while [ $SECONDS -lt $end ] && ! made "$1" "$2"; do
		[ -z "$(pgrep -x ckpt_worker)" ] || return 0
	done
	return 1
}

begin 64
every 100ms --stats=alone.stats -o alone
! has_threads alone.stats 5 && made alone.stats 3
ok=$?
kill -TERM "$tool"
ended 0 || ok=1
if [ "$(nproc)" -gt 1 ]; then
	every 100ms --workers=2 --stats=helped.stats -o helped
	has_threads helped.stats 40 || ok=1
	kill -TERM "$tool"
	ended 0 || ok=1
fi
result $ok 'it works on one CPU, or on as many as it is told'
finish
rm -rf alone helped

# ---- latest, at any moment; a tool that is killed ----

# A reader that never sees anything but a complete image, one after the other.
cat >reader.py <<'PY'
import os, subprocess, sys, time
seen, end = set(), time.monotonic() + 60
while len(seen) < 8 and time.monotonic() < end:
    image = os.open("race/latest", os.O_RDONLY)
    seen.add(os.fstat(image).st_ino)
    done = subprocess.run(["ckptinfo", "--check", "/dev/stdin"], stdin=image, capture_output=True)
    os.close(image)
    if done.returncode:
        sys.exit(f"not complete: {done.stderr}")
print(len(seen))
PY
begin 8
every 20ms --keep-last 1 -o race
within 60 test -e race/latest
python3 reader.py >seen 2>wrong-image && [ "$(cat seen)" = 8 ]
result $? 'latest leads to a complete image at any moment' seen wrong-image
kill -KILL "$tool"
wait "$tool" 2>/dev/null
touch "race/.latest.1.ckpt-tmp" "race/.$program-12345678-0000000009.img.77.ckpt-tmp" \
	"race/.$program-12345678-0000000009.img.77.1.ckpt-tmp" race/.other.77.ckpt-tmp
bad=0
for ((i = 0; i < 12; i++)); do
	every 20ms --keep-last 2 -o race
	pause 700
	kill -KILL "$tool"
	wait "$tool" 2>/dev/null
	while read -r image; do
		ckptinfo --check "$image" 2>message || bad=1
	done < <(images race; echo race/latest)
done
tool=''
[ $bad = 0 ]
result $? 'a killed tool leaves no half image'
every 20ms --keep-last 2 -o race
within 60 has_images race 2
kill -TERM "$tool"
ended 0 && rm race/.other.77.ckpt-tmp && [ "$(count race)" = 2 ] && names race "$program"
result $? 'what killed tools have left is gone' <(find race)
sleep 0.2
rm -f turn
within 10 test -e turn && [ ! -e wrong ] && ! grep -qx ckpt_snapshot /proc/[0-9]*/comm
result $? 'the program runs on, no snapshot is left'

# Neither descriptors nor memory pile up in the tool: the least that it has, of
# many looks, as it has more in the middle of a checkpoint.
# shellcheck disable=SC2317 # called by least
descriptors() {
	find "/proc/$tool/fd" | wc -l
}
# shellcheck disable=SC2317 # called by least
memory() {
	awk '/^VmRSS/ { print $2 }' "/proc/$tool/status"
}
least() {
	local look

	for ((look = 0; look < 40; look++)); do
		"$1"
		sleep 0.05
	done | sort -n | head -n 1
}
every 20ms --keep-last 1 -o race
sleep 1
files=$(least descriptors) rss=$(least memory)
sleep 2
more=$(least descriptors) now=$(least memory)
[ "$more" -le $((files + 2)) ] && [ "$now" -le $((rss + 200)) ]
result $? 'the tool does not grow' <(echo "$files $more $rss $now")
kill -TERM "$tool"
ended 0

# ---- failures ----

: >stats
# Sometimes more is written than may be: the others are there.
touch run idle
within 20 test -e idling
every 100ms --max-extra 2M --stats=stats -o extra
within 60 made stats 2
rm idle
within 60 made message 2
rm -f run idling
: >idle
within 20 test -e idling
lines=$(wc -l <stats)
within 60 made stats $((lines + 3))
kill -TERM "$tool"
rm idle
ended 0 && [ -s message ] && ! grep -qvE '^checkpoint: no image this time: .*given up' message &&
	[ "$(count extra)" = 5 ] && restarts_later=$(images extra | tail -n 1)
result $? 'memory that runs short passes' stats

mkdir small
mount -t tmpfs -o size=30M tmpfs small
every 50ms --keep-last 2 -o small/images
ended 1
result $? 'a full file system ends it'
[ "$(wc -l <message)" = 1 ] && grep -q 'no space left' message &&
	[ "$(find small/images -mindepth 1 | wc -l)" -le 3 ] && ckptinfo --check small/images/latest
result $? 'with one line; the last image stands, nothing else is left' <(find small -ls)
rm -rf small/images
dd if=/dev/zero of=small/fill bs=1M count=24 2>/dev/null
checkpoint --every 1 -o small/images "$program" 2>message
[ $? = 1 ] && [ -z "$(find small/images -mindepth 1)" ]
result $? 'if the first does not fit, there is none'
umount small
finish
restarts "$restarts_later"
result $? 'an image from between those that failed'

# fails STATUS TEXT ARGUMENTS
fails() {
	local want=$1 text=$2

	shift 2
	checkpoint "$@" 2>message >out2
	[ $? = "$want" ] && [ "$(wc -l <message)" = 1 ] && grep -qF -- "$text" message
	result $? "refused: ${*/$program/PID}"
}

begin 1
for interval in 0 -1 1x '' 1.5s 10d 99999999999999999999 9999999999999h ms ' 1'; do
	fails 2 'not an interval' --every "$interval" -o series "$program"
done
for keep in 0 -1 x '' 99999999999; do
	fails 2 'not a number of images' --every 1s --keep-last "$keep" -o series "$program"
done
fails 2 'needs a directory' --every 1s "$program"
fails 2 '--keep-last is for --every' --keep-last 2 -o image "$program"
fails 2 'not with --kill' --every 1s --kill -o series "$program"
fails 2 'not with --kill or --frozen' --every 1s --frozen -o series "$program"
fails 1 'no such process' --every 1s -o none 99999999
[ ! -e none ]
result $? 'no directory is made for it'
: >file
fails 1 'file: cannot be opened' --every 1s -o file "$program"
fails 1 'cannot be made' --every 1s -o no/where "$program"
mkdir taken
: >taken/latest
fails 1 'no symbolic link' --every 1s -o taken "$program"

# Refused by name: there is no use in trying again.
(exec python3 -c "
import socket, time
s = socket.socket()
open('socket', 'w').close()
time.sleep(600)" </dev/null >/dev/null 2>&1) &
other=$!
within 20 test -e socket
fails 1 'socket' --every 1s -o refused "$other"
[ -z "$(find refused -mindepth 1)" ]
result $? 'a refused program leaves no image'
{ kill -KILL "$other" && wait "$other"; } 2>/dev/null
finish
echo "1..$nr"
exit "$failed"
