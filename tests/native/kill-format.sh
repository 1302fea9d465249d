#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# format, killed at every system call that changes anything, and the store gone at every request.
# Whatever the point: the device holds what it held, or the new volume, or says that a format was
# interrupted; the same command completes; and the store has no key but those that a volume or an
# interrupted format on the device names. --force over a volume is swept whole; where nothing or a
# secret of somebody's own is at stake, one call in seven where there are many.
set -u
cd "$(dirname "$0")/../.." || exit 1
SOME=${SWEEP_STRIDE-7}
# shellcheck source=../tools/kill-sweep.sh
. tests/tools/kill-sweep.sh

IMAGE=$T_DIR/image
UUID='[0-9a-f-]{36}'

setup() {
    sweep_setup --grant 'u:dcos:secrets:list:default:/*:read' || return 1
    pxenc secrets create mine --generate
}

# What the device names: the secret of its volume, or what an interrupted format would have made.
named_by_device() {
    case $1 in
    opens) pxenc status "$IMAGE" --json | jq -r '.[0].secret' ;;
    unfinished) head -c 512 "$IMAGE" | sed -nE "s#^uuid=($UUID)\$#volumes/\\1/1#p" ;;
    esac
}

# opens, unfinished, or untouched: the bytes are those of the start.
state_of_device() {
    local said status
    said=$(pxenc open --test "$IMAGE" 2>&1)
    status=$?
    if cmp -s "$IMAGE" "$SWEEP_DIR/saved0"; then
        echo untouched
    elif [ $status = 0 ]; then
        echo opens
    elif [ $status = 4 ] && [[ $said = *"a format of it was interrupted: run pxenc format again" ]] &&
        [[ $(pxenc status "$IMAGE" 2>&1) = *interrupted* ]]; then
        echo unfinished
    else
        echo "neither old, new nor unfinished: $said"
    fi
}

device_is_sound() {
    local state named keys
    state=$(state_of_device)
    echo "device: $state"
    case $1.$state in
    *.opens | killed.unfinished | killed.untouched) ;;
    *) return 1 ;;
    esac
    named=$(named_by_device "$state")
    keys=$(pxenc secrets list volumes) || return 1
    echo "it names: ${named:-nothing}; the store has: ${keys//$'\n'/ }"
    # The key of the volume that was there stays: a clone of the disk may need it.
    [ -z "$OLD" ] || grep -qxF "${OLD#volumes/}" <<<"$keys" || return 1
    ! grep -vxF -e "${OLD#volumes/}" -e "${named#volumes/}" <<<"$keys" | grep -q .
}

# The same command again, unless there is nothing left to do.
finish() { [ "$(state_of_device)" = opens ] || "${AGAIN[@]}"; }

# format_sweep NAME COMMAND…
format_sweep() {
    local name=$1
    shift
    AGAIN=("$@")
    sweep_save "$IMAGE"
    sweep "$name" device_is_sound finish -- "$@"
    sweep_store "$name" device_is_sound finish -- env PXENC_CONFIG="$T_DIR/hasty.json" "$@"
    sweep_figure "$name"
    sweep_restore
}

# A mark that somebody else has written must not cost another volume its key.
foreign_mark() {
    truncate -s 0 "$IMAGE" && truncate -s 20M "$IMAGE"
    printf 'pxenc: a format of this device was interrupted. Run pxenc format again.\nuuid=%s\nproof=%s\n' \
        "$(cut -d/ -f2 <<<"$OLD")" "$(printf 'A%.0s' {1..43})" | dd of="$IMAGE" conv=notrunc status=none
    check_match 'a mark that names the key of another volume: format says that it leaves it alone' \
        "$(pxenc format "$IMAGE" --generate 2>&1)" "key at '$OLD'.*left alone"
    check 'and does' pxenc secrets get "$OLD"
    check 'and formats' pxenc open --test "$IMAGE"
}

setup || exit 1
truncate -s 20M "$IMAGE"
OLD=
SWEEP_STRIDE=$SOME format_sweep 'format of a blank device' pxenc format "$IMAGE" --generate
pxenc format "$IMAGE" --generate >/dev/null
OLD=$(named_by_device opens)
check_match 'there is an old volume' "$OLD" "^volumes/$UUID/1\$"
format_sweep 'format --force over a volume' pxenc format "$IMAGE" --force --generate
SWEEP_STRIDE=$SOME format_sweep 'format --force --secret over a volume' pxenc format "$IMAGE" --force --secret mine
foreign_mark
t_done
