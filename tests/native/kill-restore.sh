#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# header restore, killed at every system call that changes anything, and the store gone at every
# request: the header is broken or restored, the same command ends it, and neither the data nor the
# backup has changed.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

data() { tail -c +16777217 "$IMAGE" | sha256sum; }
stored() { own_keys | while read -r key; do pxenc secrets get "volumes/$key" | sha256sum; done; }

restored() {
    pxenc open --test "$IMAGE" 2>"$T_DIR/said"
    case $1,$? in
    killed,0 | killed,4 | killed,11) ;;
    finished,0) [ "$(luks2-edit --dump "$IMAGE")" = "$JSON" ] || { echo 'another header' && return 1; } ;;
    *) cat "$T_DIR/said" && return 1 ;;
    esac
    [ "$(data)" = "$DATA" ] && [ "$(stored)" = "$STORED" ]
}

key_setup || exit 1
key_volume
dd if=/dev/urandom of="$IMAGE" bs=1M seek=16 count=4 conv=notrunc status=none
pxenc header backup "$IMAGE" >/dev/null
UUID=$(cryptsetup luksUUID "$IMAGE") JSON=$(luks2-edit --dump "$IMAGE") DATA=$(data) STORED=$(stored)
dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none
key_sweep 'header restore' restored once_more pxenc header restore "$IMAGE" --uuid "$UUID" --force
t_done
