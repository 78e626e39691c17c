#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tools where no module is: what they refuse by themselves, with one line
# and the right status, and what ckptinfo says of an image.

bin=${CKPT_BUILD:-$(dirname "$0")/../../build}/bin
unit=${CKPT_BUILD:-$(dirname "$0")/../../build}/unit
number=0 failed=0
export LC_ALL=C TZ=UTC

ok() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
		sed 's/^/# /' err
	fi
}

# refuses STATUS TEXT NAME COMMAND...: one line on stderr, nothing on stdout.
refuses() {
	local status=$1 text=$2 name=$3 got bad=0

	shift 3
	"$@" >out 2>err
	got=$?
	[ $got = "$status" ] || bad=1
	[ "$(wc -l <err)" = 1 ] || bad=1
	[ ! -s out ] || bad=1
	grep -qF -e "$text" err || bad=1
	[ $bad = 0 ] || echo "# status $got" >>err
	ok $bad "$name"
}

# The tool reads what it is given; a pipe gives what a file does.
shows() {
	local text=$1 name=$2

	shift 2
	"$@" >out 2>err && grep -qF -e "$text" out
	ok $? "$name"
}

checkpoint() {
	"$bin/checkpoint" "$@"
}

restart() {
	"$bin/restart" "$@"
}

ckptinfo() {
	"$bin/ckptinfo" "$@"
}

sleep 60 &
job=$!
trap 'kill $job' EXIT
"$unit/image_test" write good.img || exit 1
head -c 9000 good.img >short.img
{ head -c 700 good.img && printf x && tail -c +702 good.img; } >bad.img
{ cat good.img && echo; } >long.img
head -c 100000 /dev/zero >zero.img
: >empty.img

for tool in checkpoint restart ckptinfo; do
	shows usage "$tool --help" $tool --help
	shows '(ckpt)' "$tool --version" $tool --version
	for option in --nonsense --v -Z -vZ --verbose=x --version=x; do
		refuses 2 "; see $tool --help" "$tool: $option" \
			$tool $option good.img
	done
done
for option in --input -i --log --inherit-fd --root --files -vi; do
	refuses 2 "$option needs a value" "restart: $option without a value" \
		restart $option
done
for option in --output -o --log; do
	refuses 2 "$option needs a value" "checkpoint: $option without a value" \
		checkpoint $option
done
refuses 2 '--core needs a value' 'ckptinfo: --core without a value' ckptinfo --core
refuses 2 '-Z: no such option' 'an unknown option among others' restart -vZW
refuses 2 '--kill=x: it takes no value' 'a value that is not wanted' \
	checkpoint --kill=x $job
refuses 2 'one image at a time' 'ckptinfo: two images' ckptinfo good.img good.img
refuses 1 'standard output: No space left' 'ckptinfo: a full disk' \
	sh -c "'$bin/ckptinfo' -v good.img >/dev/full"
refuses 2 'see restart --help' 'restart: a word' restart word
refuses 2 'see restart --help' 'restart: no image' \
	sh -c "'$bin/restart' <&-"
refuses 2 'takes keep, truncate or fail' 'restart: --files=x' \
	restart --files=x -i good.img
refuses 2 'exclude' 'restart: --self and --frozen' \
	restart --self --frozen -i good.img
refuses 2 'exclude' 'restart: --verify and --self' \
	restart --self --verify -i good.img
refuses 2 'a restart that waits' 'restart: --copy-status and --no-wait' \
	restart -W --copy-status -i good.img
for option in --self --verify; do
	refuses 2 '--stats excludes' "restart: --stats and $option" \
		restart --stats $option -i good.img
done
for option in --stats --stats=figures; do
	refuses 2 'see restart --help' "restart: $option takes no word behind it" \
		restart $option figures -i good.img
done
refuses 1 'cannot open' 'restart: --stats where nothing can be' \
	restart --stats=/nonexistent/figures -i good.img
refuses 1 'cannot open' 'checkpoint: --stats where nothing can be' \
	checkpoint --stats=/nonexistent/figures -o new.img $job

refuses 2 'see checkpoint --help' 'checkpoint: no pid' checkpoint
refuses 2 'see checkpoint --help' 'checkpoint: two pids' checkpoint $job $job
refuses 2 'not a pid' 'checkpoint: a word' checkpoint job
refuses 2 'not a pid' 'checkpoint: 0' checkpoint 0
refuses 2 'not a pid' 'checkpoint: too large' checkpoint 99999999999
refuses 2 'exclude' 'checkpoint: --kill and --frozen' \
	checkpoint --kill --frozen $job
refuses 1 'no such process' 'checkpoint: no such process' checkpoint 4194303
refuses 1 'that is checkpoint itself' 'checkpoint: itself' \
	sh -c "exec '$bin/checkpoint' \$\$"
refuses 1 'standard output is closed' 'checkpoint: closed output' \
	sh -c "'$bin/checkpoint' $job >&-"
refuses 1 'open for reading only' 'checkpoint: output for reading only' \
	sh -c "'$bin/checkpoint' $job 1</dev/null"
refuses 1 'cannot create' 'checkpoint: -o where nothing can be' \
	checkpoint -o /nonexistent/img $job
refuses 2 'no image on a terminal' 'checkpoint: a terminal' \
	sh -c "script -qec \"'$bin/checkpoint' $job 2>err2\" /dev/null >/dev/null
	cat err2 >&2; exit 2"

if [ ! -e /dev/ckpt ]; then
	refuses 1 'modprobe ckpt' 'checkpoint: no module' checkpoint $job
	refuses 1 'modprobe ckpt' 'restart: no module' restart -i good.img
	refuses 1 'modprobe ckpt' 'checkpoint -o: no module' \
		checkpoint -o new.img $job
	[ -z "$(find . -name '*new.img*')" ]
	ok $? 'checkpoint -o leaves no file behind'
fi
refuses 1 'No such file' 'restart: no such image' restart -i /nonexistent
refuses 2 'takes FD' 'restart: --inherit-fd without a number' \
	restart --inherit-fd=x -i good.img
refuses 2 'is not open' 'restart: --inherit-fd of what is not open' \
	restart --inherit-fd=3=77 -i good.img

shows '1234       1    1234    1000  job' 'ckptinfo: the tasks' \
	ckptinfo good.img
shows '/tmp/out' 'ckptinfo: the files' ckptinfo good.img
shows '7 pages stored (28 KiB), 6 of zeros' 'ckptinfo: the memory' \
	ckptinfo good.img
shows 'zstd: 4 of those pages in 0 KiB, ratio' 'ckptinfo: the compression' \
	ckptinfo good.img
shows '59 records, 21104 bytes' 'ckptinfo: the totals' ckptinfo good.img
shows 'TRAILER' 'ckptinfo -v: every record' ckptinfo -v good.img
shows 'job' 'ckptinfo reads a pipe' sh -c "cat good.img | '$bin/ckptinfo' -p"
shows 'no error' 'ckptinfo -e: no error' ckptinfo -e good.img
ckptinfo --json good.img 2>err | python3 -c '
import json, sys
info = json.load(sys.stdin)
task = info["tasks"][0]
sys.exit(not (task["comm"] == "job" and task["cgroup"] == "/jobs/one" and len(info["fds"]) == 5))'
ok $? 'ckptinfo --json is JSON'
ckptinfo --json good.img 2>err | python3 -m json.tool >out 2>>err
ok $? 'ckptinfo --json: python3 -m json.tool agrees'
ckptinfo -v good.img 2>err | awk -v size="$(stat -c %s good.img)" '
	$1 != at { print "gap at", at; bad = 1 }
	{ at += $2 }
	END { exit bad || at != size || NR != 59 }' >out
ok $? 'ckptinfo -v: offsets and lengths add up to the file'
for option in '' -v -e -p --json --check; do
	ckptinfo $option good.img >out 2>err &&
		tail -c +1 good.img | ckptinfo $option 2>>err | cmp - out >>err
	ok $? "ckptinfo $option: a pipe gives what a file does"
done
"$unit/image_test" write-failed failed.img || exit 1
shows 'file 3 is of no known kind' 'ckptinfo -e: the error' \
	sh -c "'$bin/ckptinfo' -e failed.img; [ \$? = 1 ]"
[ "$(cat out)" = 'file 3 is of no known kind' ]
ok $? 'ckptinfo -e: nothing else'
refuses 1 'the checkpoint had failed: file 3' 'ckptinfo --check: a failed one' \
	ckptinfo --check failed.img
size=$(stat -c %s good.img)
: >err
for ((cut = 1, bad = 0; cut < size; cut += 97)); do
	head -c $cut good.img >cut.img
	ckptinfo --check cut.img >out 2>message
	[ $? = 1 ] && [ ! -s out ] && [ "$(wc -l <message)" = 1 ] &&
		grep -q "truncated: it ends at byte $cut\$" message && continue
	bad=1
	cat message >>err
done
ok $bad 'ckptinfo --check: cut short anywhere'
rm -f cut.img message
ckptinfo --core new.core good.img >out 2>err && [ ! -s out ] &&
	readelf -h -l -n new.core >out 2>>err && grep -q NT_PRSTATUS out
ok $? 'ckptinfo --core: readelf reads it'
rm -f new.core
refuses 1 'truncated' 'ckptinfo --core: truncated' \
	ckptinfo --core new.core short.img
refuses 1 'its checkpoint had failed: file 3' 'ckptinfo --core: of a failed one' \
	ckptinfo --core new.core failed.img
refuses 1 'No such file' 'ckptinfo --core: nowhere' \
	ckptinfo --core /nonexistent/core good.img
refuses 1 'regular file' 'ckptinfo --core: a device' \
	ckptinfo --core /dev/null good.img
[ -z "$(find . -name '*new.core*')" ]
ok $? 'ckptinfo --core leaves no file behind'
ckptinfo --check good.img >out 2>err && [ ! -s out ] && [ ! -s err ]
ok $? 'ckptinfo --check: silent if good'
refuses 1 'truncated: it ends at byte 9000' 'ckptinfo --check: truncated' \
	ckptinfo --check short.img
refuses 1 'damaged: wrong checksum' 'ckptinfo --check: damaged' \
	ckptinfo --check bad.img
refuses 1 'more bytes behind its end' 'ckptinfo --check: more than an image' \
	ckptinfo --check long.img
refuses 1 'not a checkpoint image' 'ckptinfo: zeros' ckptinfo zero.img
refuses 1 'empty' 'ckptinfo: an empty file' ckptinfo empty.img
refuses 1 'No such file' 'ckptinfo: no such file' ckptinfo /nonexistent

echo "1..$number"
[ $failed = 0 ]
