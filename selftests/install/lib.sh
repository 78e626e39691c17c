# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# TAP for the tests of the installation; sourced by them.

# shellcheck disable=SC2034 # used by those who source this
version=$(sed -n 's/^#define CKPT_VERSION "\(.*\)"/\1/p' \
	"$(dirname "${BASH_SOURCE[0]}")/../../include/uapi/linux/ckpt.h")
number=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# ok STATUS NAME: one result; on failure what is in $log explains it.
ok() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		failed=$((failed + 1))
		echo "not ok $number - $2"
		tail -n 30 "$log" | sed 's/^/# /'
	fi
	: >"$log"
}

# try NAME COMMAND...: good when the command is.
try() {
	local name=$1

	shift
	"$@" >"$log" 2>&1
	ok $? "$name"
}

# fails TEXT NAME COMMAND...: good when it fails, saying TEXT.
fails() {
	local text=$1 name=$2 status=0

	shift 2
	if "$@" >"$log" 2>&1 || ! grep -qF -e "$text" "$log"; then
		status=1
	fi
	ok $status "$name"
}

# files_in DIRECTORY...: but for caches that are made of others, and dkms's key.
files_in() {
	find "$@" -xdev ! -type d ! -name 'ld.so.cache' ! -name 'modules.*.bin' \
		! -path '/var/lib/dkms/mok.*' 2>/dev/null | sort
}

# test_dkms RELEASE...: `make dkms` with Debian's dkms.
test_dkms() {
	local release module=ckpt/$version

	for release; do
		try "make dkms KVER=$release" make dkms KVER="$release"
		dkms status >"$log" 2>&1
		grep -qxF "$module, $release, x86_64: installed" "$log"
		ok $? "dkms status says installed for $release"
		modprobe -S "$release" --show-depends ckpt >"$log" 2>&1 &&
			grep -q '/updates/dkms/ckpt\.ko' "$log" &&
			[ "$(grep -cE '(^|/)ckpt\.ko[^ ]*:' "/lib/modules/$release/modules.dep")" = 1 ]
		ok $? "depmod has found that module for $release, and no other"
		modinfo -k "$release" -F signer ckpt >"$log" 2>&1
		grep -q . "$log"
		ok $? "dkms has signed it"
	done
}

finish() {
	echo "1..$number"
	[ "$failed" = 0 ]
	exit
}
