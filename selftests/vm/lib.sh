# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of the virtual machine share: where things are, and how to
# say what is going on, and how to cache what took long to make.  Sourced by
# prepare, run and kernel-release, and by ../install.

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
	6.1-rt | 6.1-cloud) echo "linux-image-${1#6.1-}-amd64" ;;
	6.12) echo linux-image-6.12-amd64 ;;
	*) die "no kernel '$1': 6.1, 6.12, 6.1-rt, 6.1-cloud, debug and kcsan are known" ;;
	esac
}

# "RELEASE VERSION" of the kernel of a series that the archive offers.  Asking
# apt takes half a second: the answer is kept until apt's lists change.  When
# apt knows none, the last answer holds.
kernel_known() {
	local meta package version answer=$cache/series-$1

	meta=$(kernel_meta "$1") || exit
	if [ ! -e "$answer" ] || [ /var/lib/apt/lists -nt "$answer" ]; then
		package=$(apt-cache depends "$meta" 2>/dev/null |
			sed -n 's/^  Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
		version=$(apt-cache show "${package:-$meta}" 2>/dev/null |
			sed -n 's/^Version: //p' | head -n 1)
		if [ -n "$package" ] && [ -n "$version" ]; then
			mkdir -p "$cache"
			echo "${package#linux-image-} $version" >"$answer.$$"
			mv "$answer.$$" "$answer"
		fi
	fi
	cat "$answer" 2>/dev/null
}

# The version of the package that the kernels of our own are built from.
debug_source() {
	# shellcheck disable=SC2016 # dpkg-query's own ${} syntax
	dpkg-query -W -f '${Version}\n' linux-source-6.12 2>/dev/null ||
		die 'no linux-source-6.12: see packaging/deps'
}

recipe_of() {
	sha256sum | cut -c1-16
}

# fresh NAME RECIPE: true when artifact NAME was made by RECIPE.
fresh() {
	[ -e "$cache/$1" ] && [ "$(cat "$cache/$1.recipe" 2>/dev/null)" = "$2" ]
}

# The host's own Debian sources, so that its mirror and suites are used.
debian_sources() {
	# shellcheck disable=SC2016 # apt's own $() syntax
	apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' |
		grep -E ' bookworm(-updates|-security)? main$' | sort -u
}
