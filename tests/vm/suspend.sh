#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Volumes whose key leaves the kernel and comes back, or that are closed by force, on real dm-crypt.
# Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

A=/dev/vdb B=/dev/vdc

serve() {
    dcosd_start main 127.0.0.1:443 --user 'u:pw' --user 'root:root' \
        --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'root:dcos:superuser:full' "$@"
}

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a /mnt/b
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    printf 'u\n' >/etc/pxenc/username
    printf 'pw\n' >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
    serve
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }
mapping_gone() { wait_for 5 no_mappings; }
state() { pxenc status "$1" --json 2>/dev/null | jq -r '.[0].state'; }
is_suspended() { [ "$(state "$1")" = suspended ]; }
is_open() { [ "$(state "$1")" = open ]; }
key_of() { dmsetup table --showkeys "$1" | cut -d' ' -f5; }
# Milliseconds that a command takes.
milliseconds() {
    local start
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - start) / 1000000))
}
# Reads the disk, not the page cache, in the background: $! is the reader.
read_direct() { dd if="$1" of=/dev/null bs=4096 count=1 iflag=direct status=none; }
# Still there, and not for want of being looked at.
still_waits() { sleep 1 && kill -0 "$1" 2>/dev/null; }

# A mapping with a filesystem, and a file in it whose bytes are on the disk.
prepare() {
    pxenc format $A --generate --fstype ext4 >/dev/null && pxenc open $A vol && mount /dev/mapper/vol /mnt/a &&
        dd if=/dev/urandom of=/mnt/a/file bs=64k count=16 conv=fsync status=none
    SUM=$(sha256sum </mnt/a/file)
    UUID=$(cryptsetup luksUUID $A)
}

keyless() {
    local key reader
    prepare
    check_match 'an open volume has its key in the kernel keyring, and the table names it' "$(key_of vol)" '^:64:logon:cryptsetup:'
    key=$(key_of vol)
    check 'suspend' pxenc suspend vol
    check_equal 'status shows it' "$(state vol)" suspended
    check_equal "the table's key is gone: zeros of its length" "$(key_of vol)" "$(printf '0%.0s' {1..128})"
    check_equal "no keyring of the kernel has the volume's key" "$(grep -c "${key##*:}" /proc/keys)" 0
    check_equal 'suspending it again is no error' "$(pxenc suspend $A; echo $?)" 0
    check_equal 'what is in the page cache stays readable' "$(sha256sum </mnt/a/file)" "$SUM"
    read_direct /mnt/a/file &
    reader=$!
    check 'O_DIRECT reads wait' still_waits $reader
    fails_with 'open and mount of a suspended volume say how to go on' 5 'pxenc resume vol' pxenc open $A
    fails_with 'close says so too' 5 'pxenc resume vol' pxenc close vol
    fails_with 'resize as well' 5 'pxenc resume vol' pxenc resize vol
    check 'status does not hang' timeout 10 pxenc status
    fails_with 'resume with another secret: the key opens no keyslot' 2 'keyslot' pxenc resume vol -o secret=other
    check 'and it stays suspended' is_suspended vol
    check 'resume' pxenc resume vol
    check 'the reader gets its bytes' wait $reader
    check_equal 'status shows it open' "$(state vol)" open
    check_match 'with its key in the keyring' "$(key_of vol)" '^:64:logon:cryptsetup:'
    check_equal 'the bytes are the same from the disk' "$(dd if=/mnt/a/file bs=64k iflag=direct status=none | sha256sum)" "$SUM"
    check_equal 'resuming it again is no error' "$(pxenc resume $A; echo $?)" 0
}

# A header that was changed while the volume was suspended is refused, as at open.
tampered() {
    pxenc suspend vol
    dd if=$A of="$T_DIR/header" bs=1M count=16 status=none
    luks2-edit $A '"offset":"16777216"' '"offset":"16781312"' >/dev/null
    fails_with 'resume refuses a header that was changed meanwhile' 11 'seal' pxenc resume vol
    check 'and leaves the volume suspended' is_suspended vol
    dd if="$T_DIR/header" of=$A bs=1M conv=notrunc status=none
    check 'with its own header it is resumed' pxenc resume vol
}

by_force() {
    local took
    pxenc suspend vol
    read_direct /mnt/a/file 2>/dev/null &
    took=$(milliseconds pxenc close --force vol)
    echo "figure: close --force of a suspended, mounted volume: $took ms"
    check 'close --force of a suspended and mounted volume: within 2 s' test "$took" -lt 2000
    wait $!
    check_not 'what waited for it has got an error' test $? = 0
    check 'it can be unmounted' umount /mnt/a
    check 'and then the mapping is gone' mapping_gone
    check_not 'and so is its node' test -e /dev/mapper/vol
    check 'the volume opens and mounts again' mount -t pxenc $A /mnt/a
    check_equal 'with its file as it was synced' "$(sha256sum </mnt/a/file)" "$SUM"
    umount /mnt/a
    mapping_gone
    check 'and its filesystem in order' bash -c "pxenc open $A vol && e2fsck -fn /dev/mapper/vol"
    pxenc suspend vol
    check_equal 'a suspended volume that nobody uses closes by force without a word' "$(pxenc close --force vol 2>&1)" ''
    check 'at once' no_mappings
}

setup || exit 1
printf 'some other passphrase' | pxenc secrets create other --value-file -
keyless
tampered
by_force
t_done
