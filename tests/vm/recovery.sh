#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A lost header, an erased volume and a secret in use, with real disks, mappings and mounts. Runs
# inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

A=/dev/vdb B=/dev/vdc

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    printf 'u\n' >/etc/pxenc/username
    printf 'p\n' >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
    sed -i 's/"timeout"/"header_backup": true, "timeout"/' /etc/pxenc/config.json
    dcosd_start main 127.0.0.1:443 --user u:p --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets/*:read'
    mkdir -p /mnt/a
    pxenc format $A --generate --fstype ext4 >/dev/null
    UUID=$(cryptsetup luksUUID $A)
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }
mapping_gone() { wait_for 60 no_mappings; }
sums() { (cd /mnt/a && sha256sum file.*); }

header_lost() {
    local before
    mount -t pxenc $A /mnt/a
    for i in 1 2 3; do dd if=/dev/urandom of=/mnt/a/file.$i bs=64k count=16 status=none; done
    before=$(sums)
    umount /mnt/a
    mapping_gone
    dd if=/dev/zero of=$A bs=1M count=16 conv=fsync status=none
    fails_with 'a header of zeros does not mount' 32 'not a LUKS volume' mount -t pxenc $A /mnt/a
    check 'header restore writes it anew' pxenc header restore $A --uuid "$UUID" --force
    check 'it mounts' mount -t pxenc $A /mnt/a
    check_equal 'and its files are what they were' "$(sums)" "$before"
    dd if=/dev/zero of=$A bs=1M count=16 conv=fsync status=none
    check 'the header of a mounted volume can be restored as well' pxenc header restore $A --uuid "$UUID" --force
    umount /mnt/a
    mapping_gone
    check 'so that it mounts again' mount -t pxenc $A /mnt/a
    check_equal 'with the same files' "$(sums)" "$before"
    umount /mnt/a
    mapping_gone
    mkfs.ext4 -qF $B
    mount $B /mnt/a
    fails_with 'nothing is restored over a mounted filesystem: status 5' 5 'in use' pxenc header restore $B --uuid "$UUID" --force
    check 'which goes on' touch /mnt/a/still
    umount /mnt/a
    wipefs -aq $B
}

in_use() {
    local path=volumes/$UUID/1
    mount -t pxenc $A /mnt/a
    fails_with 'delete of the secret of a mounted volume: status 15, with device and mount' 15 \
        "$A \(mounted at /mnt/a\).*--force" pxenc secrets delete "$path"
    fails_with 'by its full path as well' 15 "$A \(mounted at /mnt/a\)" pxenc secrets delete "pwx/secrets/$path"
    umount /mnt/a
    mapping_gone
    fails_with 'and of one that is not open: status 15, with the device' 15 "the key of $A on this machine" \
        pxenc secrets update "$path" --generate
    check 'the volume still opens' pxenc open $A held
    fails_with 'an open one is named with its mapping' 15 "$A \(open as held\)" pxenc secrets delete "$path"
    dd if=$A of=/root/header bs=1M count=16 status=none
    dd if=/dev/zero of=$A bs=1M count=16 conv=fsync status=none
    fails_with 'one whose header is gone too' 15 "$A \(open as held\)" pxenc secrets delete "$path"
    dd if=/root/header of=$A bs=1M conv=fsync status=none
    pxenc close held
    pxenc secrets create shared --generate
    pxenc secrets create unused --generate
    pxenc format $B --secret shared >/dev/null
    fails_with 'a secret of the user'"'"'s that locks a volume' 15 "the key of $B on this machine" pxenc secrets delete shared
    check 'one that locks none is deleted' pxenc secrets delete unused
    check 'with --force any is' pxenc secrets delete shared --force
}

is_asked() { grep -q 'type yes' "$T_DIR/screen"; }

cloned() {
    dd if=$A of=$B bs=1M conv=fsync status=none
    mkfifo "$T_DIR/keyboard"
    script -qfec "pxenc erase $B" "$T_DIR/screen" <"$T_DIR/keyboard" >/dev/null &
    exec 9>"$T_DIR/keyboard"
    check 'erase asks' wait_for 60 is_asked
    check_not 'meanwhile nobody opens the volume' pxenc open $B meanwhile
    echo no >&9
    exec 9>&-
    wait $!
    check_match 'erase of a clone keeps the secret that another disk names' "$(pxenc erase $B --force 2>&1)" \
        "volumes/$UUID/1' stays: it is the key of $A, too"
    check_match 'and the backup that it needs' "$(pxenc secrets list "volumes/$UUID" | tr '\n' ' ')" '^1 header header-[ab]-1 $'
    check 'which opens' pxenc open --test $A
}

erased() {
    mount -t pxenc $A /mnt/a
    fails_with 'erase of a mounted volume: status 5' 5 'in use' pxenc erase $A --force
    umount /mnt/a
    mapping_gone
    check 'erase' pxenc erase $A --force
    check_equal 'leaves nothing of the header' "$(head -c 16M $A | tr -d '\0' | wc -c)" 0
    check_equal 'nothing in the store' "$(pxenc secrets list "volumes/$UUID")" ''
    check_not 'and nothing that blkid knows' blkid -p $A
}

setup || exit 1
header_lost
in_use
cloned
erased
t_done
