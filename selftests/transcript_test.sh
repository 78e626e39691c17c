#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The session of Linux-CR's usage text, "Self" checkpoint: self_checkpoint
# counts in /tmp/cr-self.out and saves itself at 2; its file is copied and
# edited, and self_restart goes on in it.

set -u
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
PATH=${CKPT_SAMPLES:-/usr/local/lib/ckpt}:$PATH
dir=$(mktemp -d /tmp/ckpt-transcript.XXXXXX) || exit 1
out=/tmp/cr-self.out
checkpointed='' restarted=''
# shellcheck disable=SC2317 # called by trap
clean_up() {
	[ -z "$checkpointed" ] || kill -KILL "$checkpointed" 2>/dev/null
	[ -z "$restarted" ] || kill -KILL "$restarted" 2>/dev/null
	rm -rf "$dir" "$out" "$out.orig"
}
trap clean_up EXIT
cd "$dir" || exit 1
nr=0 failed=0

result() {
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr $2"
	else
		failed=1
		echo "not ok $nr $2"
		sed 's/^/# /' "$out"
	fi
}

# wait_line LINE: until the file has it, for 20 seconds
wait_line() {
	local i

	for ((i = 0; i < 200; i++)); do
		grep -qx "$1" "$out" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

# The file must begin with these lines.
begins_with() {
	[ "$(head -n "$(wc -l <<<"$1")" "$out")" = "$1" ]
}

self_checkpoint >self.image &
checkpointed=$!
wait_line 'count 4'
result $? 'self_checkpoint counts on after its checkpoint'
begins_with 'hello, world!
count 0
count 1
count 2
checkpoint ret: 1
count 3' || grep -q 'checkpoint ret: [1-9]' "$out"
result $? 'the call returned a positive number'
mv $out $out.orig
cp $out.orig $out
kill "$checkpointed"
wait "$checkpointed" 2>/dev/null
checkpointed=
ckptinfo self.image >info && grep -q '(self)' info
result $? 'the image is that of a self checkpoint'

sed -i 's/count/xxxxx/g' $out
self_restart <self.image &
restarted=$!
wait_line 'count 4'
result $? 'self_restart goes on'
begins_with 'hello, world!
xxxxx 0
xxxxx 1
xxxxx 2
checkpoint ret: 0
count 3'
result $? 'the call returned 0, in the edited file, where it was'
[ "$(cat "/proc/$restarted/comm")" = self_checkpoint ]
result $? 'self_restart has the name of self_checkpoint'

echo "1..$nr"
exit "$failed"
