#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# erase, killed at system calls that change anything, and the store gone at its requests: run
# again, it ends, and no secret of the volume is left in the store that was not named.
set -u
cd "$(dirname "$0")/../.." || exit 1
SWEEP_STRIDE=${SWEEP_STRIDE-23}
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

is_wiped() { [ "$(head -c 1M "$IMAGE" | tr -d '\0' | wc -c)" = 0 ]; }

# A volume with little room for keyslots, which are written in a few steps.
small_volume() {
    rm -f "$IMAGE"
    truncate -s 8M "$IMAGE"
    cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 16k \
        --luks2-keyslots-size 1008k --offset 2080 "$IMAGE" "$T_DIR/passphrase" 2>/dev/null
    pxenc enroll "$IMAGE" --key-file "$T_DIR/passphrase" >/dev/null
}

# What is left in the store is KNOWN, and one of the runs has said so.
erased() {
    local key
    [ "$1" = finished ] || return 0
    is_wiped || { echo 'the header is not wiped' && return 1; }
    for key in $(own_keys); do
        echo "left: $key"
        [[ $key =~ ^[^/]*/($KNOWN)$ ]] && grep -q "volumes/$key" "$SWEEP_DIR/out" "$SWEEP_ERR" "$T_DIR/again" || return 1
    done
}
# Once more, unless nothing is left of the volume.
erase_again() {
    : >"$T_DIR/again"
    is_wiped || "${AGAIN[@]}" >"$T_DIR/again" 2>&1
}

# A volume in whose header there is a rotation: killed at the first write at which the LUKS2 token
# and the keyslots are like this. rotating TOKEN-MEMBER KEYSLOTS
rotating() {
    local n
    for n in {1..40}; do
        small_volume
        (strace -qq -o /dev/null -e trace=write -e "inject=write:signal=KILL:when=$n" \
            pxenc rotate "$IMAGE"; true) >/dev/null 2>&1
        [ "$(slots)" = "$2" ] && [ "$(own_keys | wc -l)" = 2 ] && token | jq -e "has(\"$1\")" >/dev/null && return
        own_keys | while read -r key; do pxenc secrets delete "volumes/$key" --force; done
    done
    return 1
}

erase_sweep() { key_sweep "$1" erased erase_again pxenc erase "$IMAGE" --force; }

key_setup || exit 1
# It makes some sixty requests. How far it is hardly matters while it deletes what is not there.
sed -i 's/"timeout": 2/"timeout": 1/' "$T_DIR/hasty.json"
small_volume
pxenc rotate "$IMAGE" --keep-old >/dev/null
pxenc header backup "$IMAGE" >/dev/null
KNOWN=1
erase_sweep 'erase'
KNOWN=none
own_keys | while read -r key; do pxenc secrets delete "volumes/$key" --force; done
check 'a rotation was killed before its commit, its new keyslot made' rotating next '0 1 2'
erase_sweep 'erase in the midst of a rotation'
t_done
