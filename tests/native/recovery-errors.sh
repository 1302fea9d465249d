#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# What erase, rotate and header backup make of a store that fails half way, or that holds something
# else than what pxenc put there; and of a device that somebody else has. Volumes are plain files.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
LOOP=
trap 'umount -q "$T_DIR/mnt"; [ -z "$LOOP" ] || losetup --detach "$LOOP"; dcosd_stop main; rm -rf "$T_DIR"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image
LOST='the store (cannot be reached|did not answer in time)' # as the deadline finds it

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' \
        --grant 'u:dcos:secrets:list:default:/*:read' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    sed -i 's/"timeout"/"header_backup": true, "timeout"/' "$PXENC_CONFIG"
    sed 's/"timeout": 10/"timeout": 6/' "$PXENC_CONFIG" >"$T_DIR/hasty.json" && chmod 600 "$T_DIR/hasty.json"
    printf p | pxenc secrets dcos login --username u --password-stdin
}

# A volume in IMAGE, its uuid in UUID.
make_volume() {
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null || return 1
    UUID=$(cryptsetup luksUUID "$IMAGE")
}
stored() { pxenc secrets list "volumes/$UUID" | tr '\n' ' '; }
put() { pxenc secrets update "volumes/$UUID/$1" --value-file "$2" --force; }
token() { cryptsetup luksDump --dump-json-metadata "$IMAGE" | jq -c '.tokens[] | select(.type == "pxenc")'; }
slots() { cryptsetup luksDump --dump-json-metadata "$IMAGE" | jq -r '.keyslots | keys | join(" ")'; }
faults() { dcosd_control main faults "${1-}" >/dev/null; }
# A store that does not answer is not waited for; what it answers needs no haste.
with_faults() {
    local status config=$PXENC_CONFIG
    [[ $1 != drop* ]] || config=$T_DIR/hasty.json
    faults "$1"
    shift
    PXENC_CONFIG=$config "$@"
    status=$?
    faults
    return $status
}

# erase_ends NAME STATUS PATTERN FAULTS: erase, with these faults. Then once more, without.
erase_ends() {
    local name=$1 status=$2 pattern=$3 got
    with_faults "$4" pxenc erase "$IMAGE" --force >"$T_DIR/out" 2>&1
    got=$?
    check_equal "$name: status $status" $got "$status"
    check_match 'and why' "$(cat "$T_DIR/out")" "$pattern"
    check_match 'the keyslots are gone, and it says so' "$(cat "$T_DIR/out")" 'keyslots of .* are destroyed.*run erase again'
    check_equal 'erase run again' "$(pxenc erase "$IMAGE" --force 2>&1)" "$IMAGE: volume $UUID is erased"
    check_equal 'leaves nothing in the store' "$(stored)" ''
}

erase_and_the_store() {
    make_volume
    erase_ends 'erase where the present key cannot be read' 6 "$LOST" "drop@GET:*/1#*"
    make_volume
    erase_ends 'erase where the manifest cannot be read' 6 "$LOST" "drop@GET:*/header#*"
    make_volume
    erase_ends 'where the answer to that is garbage' 10 'header' "garbage@GET:*/header#*"
    make_volume
    erase_ends 'where a part of the backup cannot be read' 6 "$LOST" "drop@GET:*/header-a-1#*"
    make_volume
    erase_ends 'where the backup cannot be deleted' 8 'refuses' "403json@DELETE:*/header#*"
    make_volume
    erase_ends 'where a part cannot be deleted' 8 'refuses' "403json@DELETE:*/header-a-1#*"
    make_volume
    erase_ends 'where the present key cannot be deleted' 8 'refuses' "403json@DELETE:*/1#*"
    make_volume
    erase_ends 'where it cannot be looked what is left' 6 "$LOST" "drop@GET:*/16#*"
}

# What is not whole proves nothing: it is left and named, and the key goes.
erase_and_backups() {
    local manifest=$T_DIR/manifest what
    for what in 'a manifest of nonsense' 'a manifest of another volume' 'a backup that lacks a part' \
        'a part of another length' 'a backup of nonsense'; do
        make_volume
        pxenc secrets get "volumes/$UUID/header" >"$manifest"
        case $what in
        'a manifest of nonsense') printf x >"$manifest" && put header "$manifest" ;;
        'a manifest of another'*)
            sed -i 's/^uuid ......../uuid 00000000/' "$manifest" && put header "$manifest" ;;
        *lacks*) pxenc secrets delete "volumes/$UUID/header-a-1" --force ;;
        *length) printf x >"$T_DIR/part" && put header-a-1 "$T_DIR/part" ;;
        *) head -c "$(sed -n 's/^bytes //p' "$manifest")" /dev/zero >"$T_DIR/part" && put header-a-1 "$T_DIR/part" ;;
        esac
        check_match "$what: erase leaves and names it" "$(pxenc erase "$IMAGE" --force 2>/dev/null)" \
            "left in the store: volumes/$UUID/header"
        check_match 'and deletes the key' "$(stored)" '^header (header-a-1 )?$'
    done
    make_volume
    pxenc secrets get "volumes/$UUID/header" | sed 's/^parts a 1/parts a 0/; s/^bytes .*/bytes 0/' >"$manifest"
    put header "$manifest"
    check 'a backup that was withdrawn' pxenc erase "$IMAGE" --force
    check_equal 'goes with the volume, as the seal vouches for it' "$(stored)" ''
    make_volume
    pxenc secrets create "volumes/$UUID/40" --generate
    pxenc rotate "$IMAGE" --secret "volumes/$UUID/40" --keep-old >/dev/null
    pxenc secrets create "volumes/$UUID/39" --generate
    check_match 'keys are looked for up to the number of the present one' "$(pxenc erase "$IMAGE" --force)" \
        "left in the store: volumes/$UUID/1, volumes/$UUID/39;"
}

# rotation MEMBER SLOTS: a rotate is killed with the LUKS2 token and the keyslots like this.
rotation() {
    local n
    for n in {1..60}; do
        make_volume
        (strace -qq -o /dev/null -e trace=write,pwrite64 -e "inject=write,pwrite64:signal=KILL:when=$n" \
            pxenc rotate "$IMAGE"; true) >/dev/null 2>&1
        [ "$(slots)" = "$2" ] && token | jq -e "has(\"$1\")" >/dev/null && [[ $(stored) = '1 2 '* ]] && return
    done
    return 1
}

# Once the keyslots are gone, the marks in the sealed LUKS2 token prove the other key.
erase_and_rotations() {
    rotation next '0 1' || t_not_ok 'a rotation was killed before its commit'
    erase_ends 'erase in a rotation whose new key cannot be read' 6 "$LOST" "drop@GET:*/2#*"
    rotation next '0 1'
    erase_ends 'whose new key cannot be deleted' 8 'refuses' "403json@DELETE:*/2#*"
    rotation old '0 1' || t_not_ok 'a rotation was killed after its commit'
    erase_ends 'whose old key cannot be read' 6 "$LOST" "drop@GET:*/1#*"
    make_volume
    with_faults '403json@DELETE:*/1#*' pxenc rotate "$IMAGE" >/dev/null 2>&1
    check_equal 'a rotation was interrupted with its old keyslot destroyed, and the old key there' \
        "$(slots) $(stored)" '1 1 2 header header-b-1 '
    check 'erase' pxenc erase "$IMAGE" --force
    check_equal 'deletes the old key as well' "$(stored)" ''
    # A new key that no keyslot has may be that of the volume of which this one is a snapshot.
    rotation next 0 || t_not_ok 'a rotation was killed before its keyslot was made'
    check_match 'a new key that opens no keyslot is left and named' "$(pxenc erase "$IMAGE" --force)" \
        "left in the store: volumes/$UUID/2;"
    check_equal 'and the present one is deleted' "$(stored)" '2 '
}

# The header is what counts: its backup that cannot be written is a failure, and is said.
backups_and_the_store() {
    make_volume
    with_faults 'drop@PUT:*/header-b-1#*' pxenc rotate "$IMAGE" --keep-old >"$T_DIR/out" 2>&1
    check_equal 'rotate whose backup cannot be written: status 6' $? 6
    check_match 'says that the header is, and what to do' "$(cat "$T_DIR/out")" 'header is written, its backup.*pxenc header backup'
    check 'the volume opens' pxenc open --test "$IMAGE"
    check_match 'with its new key' "$(token)" "volumes/$UUID/2"
    dd if="$IMAGE" of="$T_DIR/header" bs=1M count=16 status=none
    dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none
    check 'the older backup is whole still' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    dd if="$T_DIR/header" of="$IMAGE" bs=1M conv=notrunc status=none

    pxenc header backup "$IMAGE" >/dev/null
    with_faults 'garbage@GET:*/header-b-1#*' pxenc rotate "$IMAGE" --keep-old >"$T_DIR/out" 2>&1
    check_equal 'rotate where the old backup cannot be trusted: status 10' $? 10
    check_match 'does not replace it' "$(stored)" 'header header-b-1 $'
    head -c 100 /dev/zero >"$T_DIR/part"
    put header-b-1 "$T_DIR/part"
    check 'one that is not whole restores nothing' pxenc rotate "$IMAGE" --keep-old
    check_match 'so it is replaced' "$(stored)" 'header header-a-1 $'
    check 'by one that does' pxenc header restore "$IMAGE" --force
    printf nonsense >"$T_DIR/part"
    put header "$T_DIR/part"
    fails_with 'header backup over something that is no manifest: status 11, and what to do' 11 'delete it' \
        pxenc header backup "$IMAGE"
}

# Somebody thinks about a question, and meanwhile another restores.
is_asked() { grep -q 'type yes' "$T_DIR/screen"; }
restore_claims() {
    make_volume
    dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none
    mkfifo "$T_DIR/keyboard"
    script -qfec "pxenc header restore $IMAGE --uuid $UUID" "$T_DIR/screen" <"$T_DIR/keyboard" >/dev/null &
    exec 9>"$T_DIR/keyboard"
    check 'header restore asks' wait_for 20 is_asked
    fails_with 'meanwhile nobody else restores: status 5' 5 'being changed by another pxenc' \
        pxenc header restore "$IMAGE" --uuid "$UUID" --force
    fails_with 'nor formats' 5 'being changed by another pxenc' pxenc format "$IMAGE" --force --generate
    echo yes >&9
    exec 9>&-
    wait $!
    check 'what was asked is done' pxenc open --test "$IMAGE"

    LOOP=$(losetup --find --show "$IMAGE" 2>/dev/null)
    if [ -z "$LOOP" ]; then
        t_skip 'header restore of a block device that is in use' 'no loop device to be had'
        return
    fi
    mkfs.ext4 -qF "$LOOP"
    mkdir "$T_DIR/mnt"
    mount "$LOOP" "$T_DIR/mnt"
    fails_with 'nothing is restored over a mounted filesystem: status 5' 5 'in use by something else' \
        pxenc header restore "$LOOP" --uuid "$UUID" --force
    check 'which goes on' touch "$T_DIR/mnt/still"
    umount "$T_DIR/mnt"
    check 'once that is over it restores' pxenc header restore "$LOOP" --uuid "$UUID" --force
    losetup --detach "$LOOP"
    LOOP=
}

setup || exit 1
erase_and_the_store
erase_and_backups
erase_and_rotations
backups_and_the_store
restore_claims
t_done
