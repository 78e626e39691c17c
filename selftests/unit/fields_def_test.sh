#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# user/libckpt/fields.def is what fields.awk makes of ckpt_image.h: a new member
# of a record is known to `restart --verify`.

top=${CKPT_TOP:-$(dirname "$0")/../..}
header=$top/include/uapi/linux/ckpt_image.h
made=$(awk -f "$top/user/libckpt/fields.awk" "$header")

result='ok'
if ! diff <(echo "$made") "$top/user/libckpt/fields.def" | sed 's/^/# /' |
	(! grep .); then
	result='not ok'
	echo '# awk -f user/libckpt/fields.awk include/uapi/linux/ckpt_image.h >user/libckpt/fields.def'
fi
echo "$result 1 - fields.def is made of ckpt_image.h"
echo 1..1
[ "$result" = ok ]
