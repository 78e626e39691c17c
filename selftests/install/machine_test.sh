#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: selftests/install/machine_test.sh
#
# In the machine on which `make install` was run, after its first boot: what the
# system does with what was installed (depmod's data, udev, sysctl.d,
# modules-load.d, man, bash completion), the examples of the documents, and a
# kernel that refuses the module.  systemd is not process 1 here; the programs
# that it starts are started as it does.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd /root || exit 1
mount -t securityfs securityfs /sys/kernel/security

test_boot() {
	fails 'load the module: modprobe ckpt' 'without the module the tools say what to do' \
		checkpoint -o /tmp/img $$
	try 'udevd starts' /lib/systemd/systemd-udevd --daemon
	try 'modules-load.d loads it at boot' /lib/systemd/systemd-modules-load
	udevadm settle
	[ -c /dev/ckpt ]
	ok $? '/dev/ckpt is there'
	[ "$(stat -c %a /dev/ckpt)" = 666 ]
	ok $? 'a user may open it'
	# The module asks for the same mode.
	udevadm test /sys/class/misc/ckpt >"$log" 2>&1
	grep -q '/60-ckpt.rules:.* MODE 0666' "$log"
	ok $? 'udev has its mode from the rule'
	sysctl -q -w kernel.ckpt_unpriv_allowed=0
	try 'systemd-sysctl' /lib/systemd/systemd-sysctl
	[ "$(sysctl -n kernel.ckpt_unpriv_allowed)" = 1 ]
	ok $? 'kernel.ckpt_unpriv_allowed is set at boot'
	try 'rmmod ckpt' rmmod ckpt
	[ ! -e /dev/ckpt ]
	ok $? '/dev/ckpt is gone'
	try 'modprobe ckpt' modprobe ckpt
	udevadm settle
	[ "$(stat -c %a /dev/ckpt)" = 666 ]
	ok $? 'a user may open it again'
}

test_man() {
	local page

	for page in checkpoint restart ckptinfo ckpt_self; do
		MANWIDTH=80 man --warnings "$page" >text 2>"$log"
		ok $? "man $page"
		[ ! -s "$log" ]
		ok $? "man $page: no warnings"
		col -b <text | tee "$log" | grep -q '^SEE ALSO' &&
			grep -qE "^ +$page(,.*)? - " "$log"
		ok $? "man $page: from NAME to SEE ALSO"
	done
}

# offered LINE: what bash offers at the end of it, words split as readline does.
offered() {
	local rest=${1//=/ = } entry

	read -ra COMP_WORDS <<<"$rest"
	case $1 in *[\ =]) COMP_WORDS+=('') ;; esac
	COMP_LINE=$1 COMP_POINT=${#1} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	entry=$(complete -p "${COMP_WORDS[0]}" 2>/dev/null) || {
		_completion_loader "${COMP_WORDS[0]}"
		entry=$(complete -p "${COMP_WORDS[0]}")
	}
	entry=${entry#*-F }
	COMPREPLY=()
	"${entry%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
		"${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
	printf '%s\n' "${COMPREPLY[@]}"
}

# offers LINE WORD...
offers() {
	local line=$1 words word

	words=$(offered "$line")
	for word in "${@:2}"; do
		echo "$words" >"$log"
		grep -qxF -e "$word" "$log"
		ok $? "completion: ${line}[TAB] offers $word"
	done
}

# The long options that a manual page has, with = where an argument follows.
options_of() {
	awk '/^\.TP/ { getline; print }' "/repo/user/man/$1.1" |
		sed -n 's/\\-/-/g;s/\\f.//g;/^\.B[RI]* -/p' |
		grep -oE -e '--[a-z][a-z-]*=?' | sort -u
}

test_completion() {
	local tool

	set +u
	# shellcheck source=/dev/null
	. /usr/share/bash-completion/bash_completion
	for tool in checkpoint restart ckptinfo; do
		# shellcheck disable=SC2046 # words
		offers "$tool --" $(options_of $tool)
	done
	mkdir -p some/where
	: >some.img
	sleep 100 &
	offers 'checkpoint ' $!
	kill $!
	offers 'checkpoint -o ' some.img
	offers 'checkpoint --output=' some.img
	offers 'restart -i ' some.img
	offers 'restart --files=' truncate
	offers 'restart --files=k' keep
	offers 'restart --root=' some
	! offered 'restart --root=' | grep -q some.img
	ok $? 'completion: restart --root= takes directories'
	offers 'ckptinfo ' some.img
	offers 'ckptinfo --core=' some.img
	set -u
}

test_examples() {
	local line

	# Process 1 stays a shell, which reaps the orphans.
	# shellcheck disable=SC2016 # the inner shell's
	unshare --pid --fork --mount-proc bash -c '"$@"; exit' bash \
		"$here/examples" /usr/local/share/man/man1/{checkpoint,restart,ckptinfo}.1 \
		/usr/local/share/man/man3/ckpt_self.3 \
		/repo/README.md /repo/Documentation/usage.md >examples.tap 2>"$log"
	[ "$(grep -cE '^(not )?ok ' examples.tap)" = "$(sed -n 's/^1\.\.//p' examples.tap)" ]
	ok $? 'the examples are run'
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			[ "${line%%ok *}" = '' ]
			ok $? "${line#* - }"
			;;
		'#'*) echo "$line" ;;
		esac
	done <examples.tap
}

# The module is not signed: what Secure Boot would say of it.
test_refused() {
	local text='the kernel takes signed modules only (Secure Boot)'

	echo integrity >/sys/kernel/security/lockdown
	sleep 100 &
	try 'lockdown is no trouble for a module that is loaded' \
		checkpoint --kill -o /tmp/img $!
	rmmod ckpt
	fails 'Operation not permitted' 'a kernel in lockdown refuses the module' \
		modprobe ckpt
	fails "$text" 'the tools tell why, in lockdown' checkpoint -o /tmp/img $$
	echo 1 >/sys/module/module/parameters/sig_enforce
	umount /sys/kernel/security
	fails 'Key was rejected by service' 'sig_enforce refuses the module' \
		modprobe ckpt
	fails "$text" 'the tools tell why, with sig_enforce' restart -i /dev/null
	# shellcheck disable=SC2016 # the inner shell's
	fails "$text" 'as a user, too' \
		setpriv --reuid 1000 --clear-groups \
		bash -c 'sleep 9 & checkpoint -o /tmp/img2 $!; kill $!; false'
}

test_boot
test_man
test_completion
test_examples
test_refused
finish
