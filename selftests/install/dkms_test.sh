#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: selftests/install/dkms_test.sh RELEASE
#
# After system_test.sh, which has left the module of `make install` for this
# kernel: DKMS takes over; then all is removed, and nothing is left.

set -u
cd "$(dirname "$0")/../.." || exit 1
. selftests/install/lib.sh

[ -e "/lib/modules/$1/updates/ckpt.ko" ]
ok $? 'the module of make install is there'
fails 'no DESTDIR' 'make dkms knows no DESTDIR' make dkms DESTDIR=/tmp/dest
test_dkms "$1"
fails "'make dkms-remove' first" 'make install leaves the module to dkms' \
	make install KVER="$1"
try 'make dkms-remove' make dkms-remove
dkms status >"$log" 2>&1
[ ! -s "$log" ]
ok $? 'dkms knows it no more'
! grep -H 'ckpt' /lib/modules/*/modules.dep >"$log"
ok $? 'nor does depmod, for any kernel'
try 'make uninstall' make uninstall
diff /var/tmp/before <(files_in /usr /etc /opt /var/lib/dkms) >"$log"
ok $? 'the system is what it was before'
finish
