# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
#
# Sweeps of commands that change keys, on a volume in the file $IMAGE, against the stand-in "main".
# To be sourced in the source tree's top folder, as kill-sweep.sh, which it brings along. Whatever
# the point: the volume opens with what the store holds (or, before an enroll is done, as it did
# before it), and the same command ends clean.

# shellcheck source=kill-sweep.sh
. tests/tools/kill-sweep.sh
export PATH=$PATH:/usr/sbin:/sbin
IMAGE=$T_DIR/image

key_setup() {
    sweep_setup --grant 'u:dcos:secrets:list:default:/*:read' || return 1
    pxenc secrets create cluster --generate
    printf 'by hand' >"$T_DIR/passphrase"
}

header() { cryptsetup luksDump --dump-json-metadata "$IMAGE"; }
token() { header | jq -c '.tokens[] | select(.type == "pxenc")'; }
slots() { header | jq -r '.keyslots | keys | join(" ")'; }
own_keys() { pxenc secrets list volumes; }
by_hand() { cryptsetup open --test-passphrase --key-file "$T_DIR/passphrase" "$IMAGE"; }

# It opens, and once it is finished nothing is under way and nothing left over: as many keyslots as
# there are to be, and of its own keys in the store those alone that are known.
# shellcheck disable=SC2053  # NAMED is a pattern
rotated() {
    local seen keys named slots changes
    pxenc open --test "$IMAGE" || return 1
    [ "$1" = finished ] || return 0
    seen=$(header) || return
    keys=$(own_keys)
    echo "header: $seen; keys: $keys"
    # One jq: it takes longer to start than pxenc does.
    read -r named slots changes < <(jq -r '(.tokens[] | select(.type == "pxenc")) as $token |
        "\($token.secret) \(.keyslots | length) \($token | has("next") or has("old") or has("reencrypt"))"' <<<"$seen")
    [ "$changes" = false ] && [ "$slots" = "$SLOTS" ] && [[ $named = $NAMED ]] &&
        ! grep . <<<"$keys" | grep -vxF "${named#volumes/}" | grep -qvxE "$KNOWN"
}
# The same command.
once_more() { "${AGAIN[@]}"; }

# A key that an interrupted enroll put into the store, and that no keyslot has, may be that of a
# clone, so it stays: the next enroll names it.
enrolled() {
    local KNOWN=none SLOTS=2 NAMED='volumes/*/[12]'
    by_hand || return 1
    if [ -z "$(token)" ]; then
        [ "$1" = killed ]
        return
    fi
    ! grep -q 'opens no keyslot.*delete it' "$T_DIR/again" || KNOWN='.*/1'
    rotated "$1"
}
# Once more, unless it is done: then it says so.
enroll_again() {
    : >"$T_DIR/again"
    [ -n "$(token)" ] || "${AGAIN[@]}" 2>"$T_DIR/again"
}

# key_sweep NAME CHECK FINISH COMMAND…
key_sweep() {
    local name=$1 check=$2 finish=$3
    shift 3
    AGAIN=("$@")
    sweep_save "$IMAGE"
    sweep "$name" "$check" "$finish" -- "$@"
    sweep_store "$name" "$check" "$finish" -- env PXENC_CONFIG="$T_DIR/hasty.json" "$@"
    sweep_figure "$name"
    sweep_restore
}

# A volume with a generated key of its own.
key_volume() {
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null
}
