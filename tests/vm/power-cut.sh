#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Power cuts. A command runs on a disk whose writes the kernel's dm-log-writes logs; then the log is
# played back to every point at which the disk was sure of something (each flush, FUA and mark), and
# each of these disks is looked at. Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
# shellcheck source=../tools/power-cuts.sh
. "$here/power-cuts.sh"
export PATH=$PATH:/usr/sbin:/sbin

UUID='[0-9a-f-]{36}'

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"'
    dcosd_start main 127.0.0.1:443 --user u:pw --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets:read' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets/*:read' --hook "$CUT_HOOK" || return 1
    printf pw | pxenc secrets dcos login --username u --password-stdin
}

secret_of() { pxenc status "$1" --json | jq -r '.[0].secret'; }

# unnamed_key NAMED [KEPT]: a key that neither was there at the start nor is named by the device.
unnamed_key() { pxenc secrets list volumes | grep -vxF -e "${KEYS:-none}" -e "${1#volumes/}" -e "${2:-none}"; }

# opens, unfinished or none, and in named what the device names.
look_at_disk() {
    local said status
    said=$(pxenc open --test "$CUT_DISK" 2>&1)
    status=$?
    echo "the device says: $said"
    named=none
    if [ $status = 0 ]; then
        state=opens named=$(secret_of "$CUT_DISK")
    elif [[ $said = *'a format of it was interrupted'* ]]; then
        state=unfinished named=$(head -c 512 "$CUT_DISK" | sed -nE "s#^uuid=($UUID)\$#volumes/\1/1#p")
    elif [[ $said = *'not a LUKS volume'* ]]; then
        state=none
    else
        state=broken
    fi
}

# The device holds what it held, or the new volume, or says that its format was interrupted; the
# store has no key that nothing names; and the same command completes. To that the disk on which the
# format did end looks like a clone, which may need the key: it stays, and is named.
formatted_check() {
    local state named said kept
    look_at_disk
    case $state in
    opens) ;;
    unfinished) [ "$1" != last ] || return ;;
    none) [ "$1" != last ] && [ "$OLD" = none ] || return ;;
    *) return 1 ;;
    esac
    ! unnamed_key "$named" || return
    [ "$state" = opens ] && [ "$named" != "$OLD" ] && return
    [ "$1" != last ] || return
    said=$(pxenc format "${AGAIN[@]}" "$CUT_DISK" 2>&1) || { echo "$said" && return 1; }
    kept=$(sed -n "s#.*volumes/\([^']*\)' stays: it is the key of $CUT_BASE, too\$#\1#p" <<<"$said")
    pxenc open --test "$CUT_DISK" && ! unnamed_key "$(secret_of "$CUT_DISK")" "$kept"
}

# The disk's volume, by the key of the store, or else (an enroll that is not done) by its own.
open_cut() {
    pxenc open "$CUT_DISK" look ||
        { [ -n "$OWN_PASSPHRASE" ] && printf %s "$OWN_PASSPHRASE" | cryptsetup open --key-file - "$CUT_DISK" look; }
}

# The volume opens, its files are what they were, and the same command ends what was begun.
key_check() {
    local sums st
    open_cut || return
    mount -r -o noload /dev/mapper/look /mnt/cut && sums=$(cd /mnt/cut && sha256sum -- file* | sha256sum)
    umount /mnt/cut
    udevadm settle
    pxenc close look || return
    [ "$sums" = "$SUMS" ] || { echo "other files: $sums"; return 1; }
    if [ "$1" = last ]; then
        pxenc open --test "$CUT_DISK"
        return
    fi
    "${AGAIN[@]}" "$CUT_DISK"
    st=$?
    # enroll is done already: that is fine.
    { [ $st = 0 ] || [ $st = 14 ]; } && pxenc open --test "$CUT_DISK"
}

fill_volume() {
    local i
    mkfs.ext4 -q -O ^has_journal /dev/mapper/fill
    mount /dev/mapper/fill /mnt/cut
    for i in 1 2 3; do dd if=/dev/urandom of="/mnt/cut/file$i" bs=1M count=3 status=none; done
    SUMS=$(cd /mnt/cut && sha256sum -- file* | sha256sum)
    umount /mnt/cut
    udevadm settle
}

key_cuts() {
    mkdir -p /mnt/cut
    wipefs -aq "$CUT_BASE"
    OWN_PASSPHRASE='by hand'
    printf %s "$OWN_PASSPHRASE" >"$T_DIR/passphrase"
    cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$CUT_BASE" "$T_DIR/passphrase"
    cryptsetup open --key-file "$T_DIR/passphrase" "$CUT_BASE" fill
    fill_volume
    cryptsetup close fill
    AGAIN=(pxenc enroll --key-file "$T_DIR/passphrase")
    power_cut enroll "${AGAIN[@]}" /dev/mapper/cut -- key_check

    wipefs -aq "$CUT_BASE"
    OWN_PASSPHRASE=''
    pxenc format "$CUT_BASE" --generate --force >/dev/null
    pxenc open "$CUT_BASE" fill
    fill_volume
    pxenc close fill
    AGAIN=(pxenc rotate)
    power_cut rotate pxenc rotate /dev/mapper/cut -- key_check
    power_cut 'rotate --reencrypt' pxenc rotate --reencrypt /dev/mapper/cut -- key_check
}

setup || exit 1
key_cuts
OLD=none KEYS=$(pxenc secrets list volumes) AGAIN=(--generate)
wipefs -aq "$CUT_BASE"
dd if=/dev/zero of="$CUT_BASE" bs=1M count=17 status=none
power_cut 'format of a blank disk' pxenc format --generate /dev/mapper/cut -- formatted_check

OLD=$(secret_of "$CUT_BASE") KEYS=$(pxenc secrets list volumes) AGAIN=(--force --generate)
check_match 'there is an old volume' "$OLD" "^volumes/$UUID/1\$"
power_cut 'format --force over a volume' pxenc format --force --generate /dev/mapper/cut -- formatted_check
t_done
