#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# What another device of this machine needs stays in the store: a clone has the same uuid, and its
# LUKS2 token names the same secret. Image files in /dev/shm pass for the machine's devices.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../lib.sh
. tests/lib.sh
T_DIR=$(mktemp -d /dev/shm/pxenc-clones-XXXXXX) || exit 1
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json PXENC_TEST_BLOCK=$T_DIR/block
A=$T_DIR/a B=$T_DIR/b

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' \
        --grant 'u:dcos:secrets:list:default:/*:read' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    printf p | pxenc secrets dcos login --username u --password-stdin
}

# attach FILE…, as sysfs lists it: '!' stands for '/'. detach likewise.
node() {
    local name=${1#/dev/}
    echo "$PXENC_TEST_BLOCK/${name//\//!}"
}
attach() {
    local file
    for file; do mkdir -p "$(node "$file")" && echo 1 >"$(node "$file")/size"; done
}
detach() {
    local file
    for file; do rm -r "$(node "$file")"; done
}

# A volume with a key of its own in A, its uuid in UUID, and a clone of it in B.
make_clones() {
    rm -f "$A" "$B"
    truncate -s 20M "$A"
    pxenc format "$A" --generate >/dev/null || return 1
    UUID=$(cryptsetup luksUUID "$A")
    cp --sparse=always "$A" "$B"
}
stored() { pxenc secrets list "volumes/$UUID" | tr '\n' ' '; }
token() { cryptsetup luksDump --dump-json-metadata "$1" | jq -c '.tokens[] | select(.type == "pxenc")'; }

rotated() {
    make_clones
    check_match 'rotate of a volume keeps the old key that a clone on this machine has, and names the clone' \
        "$(pxenc rotate "$A" 2>&1)" "volumes/$UUID/1' stays: it is the key of $B, too"
    check 'the clone opens' pxenc open --test "$B"
    check 'so does the volume' pxenc open --test "$A"
    check_equal 'with both keys in the store' "$(stored)" '1 2 '
    check_equal 'the change is over' "$(token "$A" | jq -c '[has("next"), has("old")]')" '[false,false]'
    check_equal 'and its old keyslot is gone' \
        "$(cryptsetup luksDump --dump-json-metadata "$A" | jq '.keyslots | length')" 1
    check 'rotate of the clone' pxenc rotate "$B"
    check_equal 'then deletes the old key, which nothing has any more' "$(stored)" '2 3 '
    check 'and both open' pxenc open --all --test "$A" "$B"

    make_clones
    luks2-edit "$B" '"version":1' '"version":2' >/dev/null
    check_match 'a clone whose header is refused may need it, too' "$(pxenc rotate "$A" 2>&1)" \
        "volumes/$UUID/1' stays: .*$B \\(whose header cannot be read, or is refused, so nobody knows\\)"

    make_clones
    mkdir "$(node "$B")/dm"
    echo 1 >"$(node "$B")/dm/suspended"
    echo LVM-1 >"$(node "$B")/dm/uuid"
    check_match 'so may one on a logical volume that is suspended' "$(pxenc rotate "$A" 2>&1)" \
        "volumes/$UUID/1' stays: .*$B \\(which is suspended, so nobody knows\\)"
    rm -r "$(node "$B")/dm"
    check 'it opens' pxenc open --test "$B"

    make_clones
    rm "$B"
    detach "$B"
    check 'rotate of a volume without a clone' pxenc rotate "$A"
    check_equal 'deletes its old key' "$(stored)" '2 '
    attach "$B"
}

# The run that finishes a change asks as well.
interrupted() {
    make_clones
    dcosd_control main faults '403json@DELETE:*#*' >/dev/null
    detach "$B"
    pxenc rotate "$A" >/dev/null 2>&1
    attach "$B"
    dcosd_control main faults >/dev/null
    check_match 'a rotate was interrupted before it deleted the old key' "$(token "$A")" '"old":\{'
    check_match 'the next one, once the clone is there, keeps that key' "$(pxenc rotate "$A" 2>&1)" \
        "volumes/$UUID/1' stays: it is the key of $B"
    check 'and the clone opens' pxenc open --test "$B"

    # A multipath device and its paths are one disk: all of them show the same header.
    make_clones
    rm "$B"
    ln "$A" "$B"
    check 'rotate of a disk that is there by two paths' pxenc rotate "$A"
    check_equal 'deletes the old key' "$(stored)" '2 '
    check 'and the volume opens by both' pxenc open --all --test "$A" "$B"
}

# A machine with many: each device is looked at once for all, and what was seen is looked at again.
all() {
    local more=() file out i
    make_clones
    for i in 1 2 3; do
        file=$T_DIR/more$i
        more+=("$file")
        truncate -s 20M "$file"
        pxenc format "$file" --generate >/dev/null
    done
    attach "${more[@]}"
    out=$(pxenc rotate --all "$A" "${more[@]}" 2>&1)
    check_match 'rotate --all keeps the old key that a clone has' "$out" "volumes/$UUID/1' stays: it is the key of $B, too"
    check_equal 'and no other' "$(grep -c stays <<<"$out")" 1
    check_equal 'so each of the others has one key' \
        "$(for file in "${more[@]}"; do pxenc secrets list "volumes/$(cryptsetup luksUUID "$file")"; done | xargs)" '2 2 2'
    check 'and all open' pxenc open --all --test "$A" "$B" "${more[@]}"

    make_clones
    out=$(pxenc rotate --all "$A" "$B" 2>&1)
    check_match 'rotate --all of a volume and its clone: the first leaves the old key to the second' "$out" "it is the key of $B, too"
    check_equal 'the second deletes it' "$(stored)" '2 3 '
    check 'and both open' pxenc open --all --test "$A" "$B"
    check_equal 'a device is looked at once, however many volumes there are' \
        "$(strace -qq -f -e trace=openat -o "$T_DIR/trace" pxenc rotate --all "${more[@]}" >/dev/null 2>&1
            grep -c "\"$B\"" "$T_DIR/trace")" \
        "$(strace -qq -f -e trace=openat -o "$T_DIR/trace" pxenc rotate --all "${more[0]}" >/dev/null 2>&1
            grep -c "\"$B\"" "$T_DIR/trace")"
    detach "${more[@]}"
}

# The mark of an unfinished format proves which key it made, not that nothing came of it.
replayed_mark() {
    local mark
    rm -f "$A" "$B"
    truncate -s 20M "$A" "$B"
    strace -qq -s 300 -e trace=pwrite64 -o "$T_DIR/trace" pxenc format "$A" --generate >/dev/null
    UUID=$(cryptsetup luksUUID "$A")
    mark=$(sed -n 's/.*"\(pxenc: a format.*proof=[A-Za-z0-9_-]*\\n\).*/\1/p' "$T_DIR/trace")
    printf %b "$mark" | dd of="$B" conv=notrunc status=none
    check_match 'the mark of a format that was completed lies on another disk' "$(pxenc status "$B" 2>&1)" interrupted
    check_match 'format of that keeps the key, and names the volume that has it' "$(pxenc format "$B" --generate 2>&1)" \
        "volumes/$UUID/1' stays: it is the key of $A, too"
    check 'which opens' pxenc open --test "$A"
    check 'and formats the disk' pxenc open --test "$B"

    truncate -s 0 "$B" && truncate -s 20M "$B"
    printf %b "$mark" | dd of="$B" conv=notrunc status=none
    rm "$A"
    detach "$A"
    check 'format of a disk with the mark, where no volume has the key' pxenc format "$B" --generate
    check_equal 'deletes it' "$(stored)" ''
    attach "$A"
}

erased() {
    make_clones
    check_match 'erase keeps the key that a clone has' "$(pxenc erase "$A" --force 2>&1)" \
        "volumes/$UUID/1' stays: it is the key of $B, too"
    check 'which opens' pxenc open --test "$B"
    check 'erase of the clone' pxenc erase "$B" --force
    check_equal 'deletes it' "$(stored)" ''

    sed -i 's/^{/{ "header_backup": true, /' "$PXENC_CONFIG"
    make_clones
    pxenc rotate "$A" >/dev/null 2>&1
    check_match 'erase of a clone keeps the header backup of the other' "$(pxenc erase "$B" --force 2>&1)" \
        "left in the store: volumes/$UUID/2, volumes/$UUID/header"
    check_equal 'its own key goes' "$(stored)" '2 header header-b-1 '
    printf 'by hand' | pxenc secrets create human --value-file -
    rm -f "$A" "$B"
    truncate -s 20M "$A"
    pxenc format "$A" --secret human >/dev/null
    UUID=$(cryptsetup luksUUID "$A")
    cp --sparse=always "$A" "$B"
    check_match 'also where the key is not its own' "$(pxenc erase "$B" --force 2>&1)" \
        "the header backup of volume $UUID stays: its uuid may be that of $A, too"
    dd if=/dev/zero of="$A" bs=1M count=16 conv=notrunc status=none
    check 'the other is restored from it' pxenc header restore "$A" --uuid "$UUID" --force
    check 'erase of the last one' pxenc erase "$A" --force
    check_equal 'deletes it' "$(stored)" ''
    sed -i 's/"header_backup": true, //' "$PXENC_CONFIG"
}

# A file that is attached to a loop device: who uses that device does not show on the file.
attached() {
    local loop=$PXENC_TEST_BLOCK/loop3/loop command
    make_clones
    mkdir -p "$loop"
    echo "$A" >"$loop/backing_file"
    for command in 'rotate --reencrypt' 'erase --force' 'format --force --generate'; do
        # shellcheck disable=SC2086
        fails_with "$command of a file that is attached: status 5" 5 "attached as /dev/loop3" \
            pxenc ${command%% *} "$A" ${command#* }
    done
    check 'it opens as ever' pxenc open --test "$A"
    rm -r "${loop%/loop}"
}

setup || exit 1
attach "$A" "$B"
rotated
interrupted
all
replayed_mark
erased
attached
t_done
