# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of the virtual machine share: where things are, and how to
# say what is going on.  Sourced by prepare, run and kernel-release.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # used by those who source this
vm=$repo/selftests/vm
# shellcheck disable=SC2034
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ckpt

say() {
	printf 'vm: %s\n' "$*" >&2
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 96
}

# The Debian package that always depends on the newest kernel of a series.
kernel_meta() {
	case $1 in
	6.1) echo linux-image-amd64 ;;
	6.12) echo linux-image-6.12-amd64 ;;
	*) die "no kernel '$1': 6.1 and 6.12 are known" ;;
	esac
}

# The release (uname -r) of the kernel of a series that the archive offers; the
# newest in the cache when apt knows none.
kernel_release() {
	local meta package

	meta=$(kernel_meta "$1") || exit
	package=$(apt-cache depends "$meta" 2>/dev/null |
		sed -n 's/^  Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
	if [ -z "$package" ]; then
		package=$(find "$cache" -maxdepth 1 -name "kernel-$1.[0-9]*" \
			-printf '%f\n' 2>/dev/null | sort -V | tail -n 1)
		package=${package/#kernel-/linux-image-}
	fi
	[ -n "$package" ] || return 1
	echo "${package#linux-image-}"
}
