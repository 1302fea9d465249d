#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# rotate, killed at every system call that changes anything, and the store gone at every request.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

key_setup || exit 1
key_volume
# A run that was killed when its work was done is followed by another rotation.
SLOTS=1 NAMED='volumes/*/[123]' KNOWN=none
key_sweep rotate rotated once_more pxenc rotate "$IMAGE"
# The run that finishes it is not told to keep the old key; the one that was interrupted was, and
# said so in the LUKS2 token once it had begun. If its key never came into the store there is
# nothing to finish, and a rotation of its own follows.
KNOWN='.*/[12]'
finish_plainly() { pxenc rotate "$IMAGE"; }
kept() {
    if [ "$1" = killed ]; then
        intended=false
        ! own_keys | grep -qx '.*/2' || intended=$(token | jq '.next.keep // .old.keep // false')
    fi
    rotated "$1" && { [ "$1" = killed ] || [ "$intended" = false ] || own_keys | grep -qx '.*/1'; }
}
sweep_save "$IMAGE"
sweep_store 'rotate --keep-old' kept finish_plainly -- \
    env PXENC_CONFIG="$T_DIR/hasty.json" pxenc rotate "$IMAGE" --keep-old
t_done
