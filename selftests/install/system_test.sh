#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: selftests/install/system_test.sh RELEASE...
#
# `make install` and `make uninstall`, on a machine that may be spoilt.  Leaves
# it with all of it installed: the module for the first kernel as usage.md says,
# for the others by DKMS.

set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/install/lib.sh

release=$1
others=("${@:2}")
dest=/tmp/dest

# block FILE: the shell commands that a document shows for the installation.
block() {
	awk '/make install/ { found = 1 } /^(```|$)/ { if (found) exit; text = ""; next }
		{ text = text $0 "\n" } END { printf "%s", text }' "$1" |
		sed 's/^\t//; s/[[:space:]]*#.*//'
}

expected_files() {
	local name

	for name in checkpoint restart ckptinfo; do
		echo "$dest/usr/local/bin/$name"
		echo "$dest/usr/local/share/man/man1/$name.1"
		echo "$dest/usr/local/share/bash-completion/completions/$name"
	done
	cat <<-LIST
		$dest/usr/local/share/man/man3/ckpt_self.3
		$dest/usr/local/lib/libckpt.a
		$dest/usr/local/lib/libckpt.so
		$dest/usr/local/lib/libckpt.so.0
		$dest/usr/local/lib/pkgconfig/ckpt.pc
		$dest/usr/local/lib/ckpt/self_checkpoint
		$dest/usr/local/lib/ckpt/self_restart
		$dest/usr/local/include/ckpt.h
		$dest/usr/local/include/linux/ckpt.h
		$dest/usr/local/include/linux/ckpt_image.h
		$dest/usr/local/include/linux/ckpt_image_files.h
		$dest/usr/local/include/linux/ckpt_image_memory.h
		$dest/usr/local/include/linux/ckpt_image_signals.h
		$dest/usr/local/include/linux/ckpt_image_task.h
		$dest/usr/lib/udev/rules.d/60-ckpt.rules
		$dest/usr/lib/modules-load.d/ckpt.conf
		$dest/usr/lib/sysctl.d/60-ckpt.conf
		$dest/usr/src/ckpt-$version/dkms.conf
		$dest/usr/src/ckpt-$version/Kbuild
		$dest/lib/modules/$release/updates/ckpt.ko
	LIST
}

test_destdir() {
	try 'make install DESTDIR=' make install DESTDIR=$dest KVER="$release"
	files_in $dest | grep -v '/src/ckpt-.*/.*/' >/tmp/have
	expected_files | sort >/tmp/want
	diff <(grep -vFx -f <(echo "$dest/usr/src/ckpt-$version/.") /tmp/have) /tmp/want >"$log"
	ok $? 'it installs these files and no others'
	[ -z "$(find $dest ! -type l ! -perm -444)" ]
	ok $? 'everybody may read them'
	! grep -rE '@(VERSION|PREFIX)@' $dest >"$log"
	ok $? 'nothing was left to be filled in'
	try 'make uninstall DESTDIR=' make uninstall DESTDIR=$dest KVER="$release"
	files_in $dest >"$log"
	[ ! -s "$log" ]
	ok $? 'no file is left'
}

# Another prefix, that the compiler knows only from pkg-config.
test_pkg_config() {
	local prefix=/opt/ckpt sample=user/samples/self_checkpoint.c

	export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
	try 'make install PREFIX= NO_MODULE=1' make install PREFIX=$prefix NO_MODULE=1
	[ "$(pkg-config --modversion ckpt)" = "$version" ]
	ok $? 'pkg-config --modversion'
	fails 'ckpt.h' 'without pkg-config the sample does not compile' \
		cc -o /tmp/sample $sample -lckpt
	# shellcheck disable=SC2046 # words
	try 'the sample compiles with the shared library' \
		cc -o /tmp/shared $sample $(pkg-config --cflags --libs ckpt)
	objdump -p /tmp/shared >"$log"
	grep -q 'NEEDED *libckpt.so.0' "$log"
	ok $? 'it needs libckpt.so.0'
	LD_LIBRARY_PATH=$prefix/lib ldd /tmp/shared >"$log"
	grep -q "libckpt.so.0 => $prefix/lib/libckpt.so.0" "$log"
	ok $? 'and finds it'
	# shellcheck disable=SC2046 # words
	try 'the sample compiles with the static library' \
		cc -static -o /tmp/static $sample $(pkg-config --static --cflags --libs ckpt)
	! objdump -p /tmp/static | grep NEEDED >"$log"
	ok $? 'it needs nothing'
	try 'make uninstall PREFIX=' make uninstall PREFIX=$prefix
	files_in $prefix >"$log"
	[ ! -s "$log" ]
	ok $? 'no file is left below the prefix'
	try 'make uninstall PREFIX= of nothing' make uninstall PREFIX=$prefix
	unset PKG_CONFIG_PATH
}

test_version() {
	local tool

	for tool in checkpoint restart ckptinfo; do
		[ "$("$tool" --version | grep -oE '[0-9.]+$')" = "$version" ]
		ok $? "$tool --version"
	done
	[ "$(pkg-config --modversion ckpt)" = "$version" ]
	ok $? 'pkg-config --modversion, without a path'
	[ "$(modinfo -k "$release" -F version ckpt)" = "$version" ]
	ok $? 'modinfo says the version'
	grep -hE '^\.TH ' /usr/local/share/man/man?/{checkpoint,restart,ckptinfo,ckpt_self}.? >"$log"
	[ "$(grep -cF "\"ckpt $version\"" "$log")" = 4 ]
	ok $? 'the manual pages say the version'
}

# README names the packages and the commands.
test_readme() {
	local package packages

	block README.md >/tmp/readme
	packages=$(sed -e ':a;/\\$/{N;s/\\\n//;ba}' /tmp/readme |
		sed -n 's/^apt-get install //p')
	for package in $packages; do
		try "README: $package is a package here" dpkg -s "$package"
	done
	grep -vE 'apt-get|linux-headers|modprobe' /tmp/readme >/tmp/commands
	try 'README: make, make install' bash -ec "KVER=$1; export KVER; . /tmp/commands"
	grep -q '^make install' /tmp/commands
	ok $? 'README has a make install'
	diff /tmp/readme <(block Documentation/installing.md) >"$log"
	ok $? 'Documentation/installing.md has the same commands'
}

# With the module of `make install`; mokutil needs the firmware.
test_signing() {
	awk '/^\topenssl req/ { found = 1 } found && !/^\t/ { exit } found' \
		Documentation/installing.md >/tmp/commands
	try 'Documentation/installing.md: how to sign' bash -ec "cd /tmp
		uname() { echo $1; }
		mokutil() { :; }
		. /tmp/commands"
	[ "$(modinfo -k "$1" -F signer ckpt)" = ckpt ]
	ok $? 'the module is signed by that key'
}

test_usage() {
	block Documentation/usage.md | grep -v modprobe >/tmp/commands
	cat /tmp/commands >"$log"
	grep -q '^make && sudo make install' "$log"
	ok $? 'Documentation/usage.md has a make install'
	echo 'Defaults env_keep += "KVER"' >/etc/sudoers.d/kver
	try 'Documentation/usage.md: make && sudo make install' \
		bash -ec "KVER=$1; export KVER; . /tmp/commands"
	rm /etc/sudoers.d/kver
}

files_in /usr /etc /opt /var/lib/dkms >/var/tmp/before
test_destdir
test_pkg_config
test_readme "$release"
try 'make uninstall' make uninstall KVER="$release"
diff /var/tmp/before <(files_in /usr /etc /opt /var/lib/dkms) >"$log"
ok $? 'the system is what it was before'
test_usage "$release"
modprobe -S "$release" --show-depends ckpt >"$log" 2>&1 &&
	grep -q "/updates/ckpt.ko" "$log"
ok $? 'depmod has put the module among those of the kernel'
test_version
test_signing "$release"
test_dkms "${others[@]}"
finish
