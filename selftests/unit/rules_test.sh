#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every message of the validation in common/ must stand in fields_test.c: no
# rule without a test.

top=${CKPT_TOP:-$(dirname "$0")/../..}
missing=0 total=0

while read -r message; do
	total=$((total + 1))
	grep -qF "\"$message\"" "$top/selftests/unit/fields_test.c" && continue
	echo "# no test for: $message"
	missing=$((missing + 1))
done < <(grep -hoE '"[a-z_]+: [^"]+"' "$top"/common/*.c | tr -d '"' | sort -u)

result='ok'
[ $missing = 0 ] && [ $total -gt 100 ] || result='not ok'
echo "$result 1 - all $total rules have a test"
echo 1..1
[ "$result" = ok ]
