#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# rotate --reencrypt, killed at system calls that change anything (where there are many: at
# some), and the store gone at every request; and the rotate that undoes one which was killed before
# it wrote anything.
set -u
cd "$(dirname "$0")/../.." || exit 1
SWEEP_STRIDE=${SWEEP_STRIDE-11}
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

digest() { header | jq -r '.digests[].digest'; }

# Done is done: under another volume key, whoever says so.
reencrypted() {
    rotated "$1" || return
    [ "$1" = killed ] || [ "$(digest)" != "$BEFORE" ] || { echo 'the volume key is the old one'; return 1; }
}

is_announced() { [ "$(header | jq -c '[.tokens[].keyslots, .config.requirements]')" = '[["0","1"],null]' ]; }

# Leaves a volume with a keyslot for its new volume key, and nothing under that yet.
announce() {
    local n
    sweep_save "$IMAGE"
    for ((n = 60; n > 1; n--)); do
        sweep_restore || return
        sweep_trace pxenc -e trace=write -e "inject=write:signal=KILL:when=$n" -- pxenc rotate "$IMAGE" --reencrypt
        ! is_announced || return 0
    done
    return 1
}

key_setup || exit 1
key_volume
SLOTS=1 NAMED='volumes/*/[123]' KNOWN=none
BEFORE=$(digest)
key_sweep 'rotate --reencrypt' reencrypted once_more pxenc rotate "$IMAGE" --reencrypt
check 'a reencryption can be killed before it writes anything' announce
key_sweep 'the rotate that undoes it' rotated once_more pxenc rotate "$IMAGE"
t_done
