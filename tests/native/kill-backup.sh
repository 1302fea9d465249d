#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# rotate of a volume whose header is backed up, killed at system calls that change anything (where
# there are many: at some), and the store gone at every request: the volume opens, and so
# does what its backup restores.
set -u
cd "$(dirname "$0")/../.." || exit 1
SWEEP_STRIDE=${SWEEP_STRIDE-17}
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

restores() {
    local status
    rotated "$1" || return
    cp "$IMAGE" "$T_DIR/now"
    dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none
    pxenc header restore "$IMAGE" --uuid "$UUID" --force && pxenc open --test "$IMAGE"
    status=$?
    cp "$T_DIR/now" "$IMAGE"
    return $status
}

key_setup || exit 1
sed -i 's/"timeout"/"header_backup": true, "timeout"/' "$PXENC_CONFIG" "$T_DIR/hasty.json"
key_volume
UUID=$(cryptsetup luksUUID "$IMAGE")
# shellcheck disable=SC2034  # for the sweep
SLOTS=1 NAMED='volumes/*/[123]' KNOWN='[^/]*/header(-[ab]-1)?'
key_sweep 'rotate with header_backup' restores once_more pxenc rotate "$IMAGE"
t_done
