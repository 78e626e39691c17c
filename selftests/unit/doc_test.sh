#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Documentation/image-format.md says what ckpt_image.h says; and doc-fields,
# which finds that, would find the contrary.

here=$(cd "$(dirname "$0")" && pwd)
top=${CKPT_TOP:-$here/../..}
header=$top/include/uapi/linux/ckpt_image.h
document=$top/Documentation/image-format.md
number=0 failed=0

ok() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
		sed 's/^/# /' out
	fi
}

# finds TEXT SED-SCRIPT: a document spoilt so is found out.
finds() {
	sed "$2" "$document" >spoilt.md
	! cmp -s spoilt.md "$document" &&
		! "$here/doc-fields" "$header" spoilt.md >out && grep -qF -e "$1" out
	ok $? "finds: $1"
}

"$here/doc-fields" "$header" "$document" >out
ok $? 'image-format.md and ckpt_image.h agree'
# shellcheck disable=SC2016 # backquotes of the document, in all that follow
{
	finds 'VMA (30): no row for member pgoff' '/^| `pgoff` /d'
	finds 'VMA (30): no member offset' 's/^| `pgoff` /| `offset` /'
	finds 'VMA (30): no row for member prot (__u32)' \
		'/^### VMA /,/^### PGARR /s/^\(| `prot` | `__u\)32/\164/'
	finds 'no heading for TRAILER (63)' 's/^### TRAILER (63)/### TRAILER (64)/'
	finds 'heading for what the header lacks: TRAILER (64)' \
		's/^### TRAILER (63)/### TRAILER (64)/'
	finds 'constant not named: CKPT_MM_MDWE' 's/CKPT_MM_MDWE/CKPT_MM_NONE/'
	finds 'rows in another order' '/^| `subtree` /{h;d};/^| `lsm_len` /G'
}

echo "1..$number"
[ $failed = 0 ]
