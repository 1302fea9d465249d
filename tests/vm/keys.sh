#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Keys that change under a volume in use, on real dm-crypt. Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

A=/dev/vdb

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    echo u >/etc/pxenc/username
    echo pw >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
    dcosd_start main 127.0.0.1:443 --user u:pw --grant 'u:dcos:secrets:default:/pwx/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx:read' --grant 'u:dcos:secrets:list:default:/pwx/*:read'
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }
mapping_gone() { wait_for 5 no_mappings; }
mapping_of() { basename "$(findmnt -n -o SOURCE "$1")"; }
sums() { (cd "$1" && sha256sum -- * | sha256sum); }
volume_key() { cryptsetup luksDump --dump-json-metadata $A | jq -c '[.digests[].digest]'; }

# A filesystem with files whose checksums are known.
fill() {
    local i
    for i in 1 2 3 4; do dd if=/dev/urandom of="/mnt/a/file$i" bs=1M count=4 status=none; done
    sync -f /mnt/a
}

# load SECONDS: direct writes that are read back and compared, until then, or a failure.
load() {
    fio --name=load --directory=/mnt/a --size=24M --rw=randwrite --bs=64k --direct=1 --ioengine=psync \
        --verify=crc32c --verify_backlog=32 --verify_fatal=1 --time_based --runtime="$1" \
        --output-format=json >"$T_DIR/fio.json" 2>"$T_DIR/fio.err"
}
load_is_clean() {
    [ "$(jq '[.jobs[0].error, .jobs[0].total_err] | add' "$T_DIR/fio.json")" = 0 ] &&
        [ "$(jq '.jobs[0].write.io_bytes' "$T_DIR/fio.json")" -gt 0 ] && ! grep -qi verify "$T_DIR/fio.err"
}

# A volume that was made elsewhere and is in use is taken over, and its key changes under load.
in_use() {
    local before device
    printf 'by hand' | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $A -
    printf 'by hand' | cryptsetup open $A data --key-file -
    mkfs.ext4 -q /dev/mapper/data
    mount /dev/mapper/data /mnt/a
    fill
    before=$(sums /mnt/a)
    check 'enroll of a mounted volume' bash -c 'printf "by hand" | pxenc enroll $0 --key-file -' $A
    load 12 &
    for _ in 1 2 3; do check 'rotate of a mounted volume under load' pxenc rotate $A; done
    wait $!
    check 'no I/O error and no verify error' load_is_clean
    rm -f /mnt/a/load*
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    cryptsetup close data
    check 'it mounts with what the store holds' mount -t pxenc $A /mnt/a
    check_equal 'and its files are as they were' "$(sums /mnt/a)" "$before"

    device=$(mapping_of /mnt/a)
    before=$(volume_key)
    load 20 &
    check 'rotate --reencrypt of a mounted volume under load, foreign keyslots agreed to' \
        pxenc rotate --reencrypt --force $A
    wait $!
    check 'no I/O error and no verify error' load_is_clean
    rm -f /mnt/a/load*
    check_not 'the volume key is another one' test "$before" = "$(volume_key)"
    check_equal 'the mapping is the same, with nothing below it but the disk' \
        "$(dmsetup ls --target crypt | cut -f 1)" "$device"
    umount /mnt/a
    check 'and goes with the last unmount' mapping_gone
    check 'the volume mounts' mount -t pxenc $A /mnt/a
    check 'and unmounts' umount /mnt/a
    mapping_gone
}

# Starts a reencryption of the mounted volume, and kills it while it copies.
kill_reencryption() {
    pxenc rotate --reencrypt --force $A >"$T_DIR/out" 2>&1 &
    wait_for 20 bash -c 'dmsetup ls | grep -q hotzone'
    sleep 0.3
    oom_score=$(cat /proc/$!/oom_score_adj)
    kill -KILL $!
    wait $! 2>/dev/null
}
in_progress() { cryptsetup luksDump $A | grep -q online-reencrypt; }

# What the filesystem has to write may lie where nobody can write now: then unmounting hangs, and
# what the message says helps.
let_go() {
    local device
    device=$(mapping_of /mnt/a)
    if timeout 20 umount /mnt/a; then
        echo '# umount went through'
    else
        echo '# umount hangs: close --force'
        pxenc close --force "$device" || return
        wait_for 20 bash -c '! mountpoint -q /mnt/a || umount /mnt/a' || return
    fi
    wait_for 5 bash -c '! dmsetup ls | grep -q ^pxenc'
}

# Every free block of the filesystem is written to, wherever the part out of reach may lie.
write_everywhere() { timeout -s KILL 30 dd if=/dev/zero of=/mnt/a/all bs=1M status=none 2>/dev/null; }

killed() {
    local before device
    wipefs -aq $A
    pxenc format $A --generate --fstype ext4 --force >/dev/null
    mount -t pxenc $A /mnt/a
    fill
    before=$(sums /mnt/a)
    kill_reencryption
    check 'a reencryption is killed half way' in_progress
    check_equal 'by nobody but us: not by a kernel that is short of memory' "$oom_score" -1000
    fails_with 'open says that the volume has to be closed first' 5 'unmount it' pxenc open $A
    fails_with 'and so does rotate' 5 'unmount it' pxenc rotate $A
    check 'it can be unmounted, by force if it has to be' let_go
    check 'and then mounts again: what was left below is cleared' mount -t pxenc $A /mnt/a
    check 'half of it under the one volume key, half under the other' in_progress
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    check 'rotate goes on with it while it is mounted' pxenc rotate $A
    check_not 'until it is done' in_progress
    check_equal 'its files are still as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    mapping_gone

    mount -t pxenc $A /mnt/a
    device=$(mapping_of /mnt/a)
    kill_reencryption
    check 'it is killed once more' in_progress
    write_everywhere &
    sleep 5
    check_not 'unmounting hangs while the filesystem has to write where nobody can' timeout 20 umount /mnt/a
    check 'close --force releases it' pxenc close --force "$device"
    wait $!
    check 'so it is unmounted' wait_for 20 bash -c '! mountpoint -q /mnt/a || umount /mnt/a'
    check 'and nothing is left' mapping_gone
    check 'it mounts again' mount -t pxenc $A /mnt/a
    rm -f /mnt/a/all
    check_equal 'the files that were there are as they were' "$(sums /mnt/a)" "$before"
    check 'rotate ends it' pxenc rotate $A
    umount /mnt/a
    mapping_gone

    pxenc open $A held
    kill_reencryption
    check 'close clears the mappings that a killed one left' pxenc close held
    check 'all of them' no_mappings
    check 'rotate goes on with it while it is closed' pxenc rotate $A
    check 'the volume mounts' mount -t pxenc $A /mnt/a
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    mapping_gone
}

# Ctrl-C pauses, and the end of the terminal does not matter.
stopped() {
    local st
    pxenc rotate --reencrypt $A >"$T_DIR/out" 2>"$T_DIR/err" &
    wait_for 20 in_progress
    kill -HUP $!
    sleep 0.5
    check 'a reencryption runs on when its terminal goes' kill -0 $!
    kill -INT $!
    wait $!
    st=$?
    check_equal 'SIGINT stops it: status 15' $st 15
    check_match 'and says so' "$(cat "$T_DIR/err")" 'rotate goes on with it'
    check 'the volume opens in between' pxenc open --test $A
    check 'and rotate ends it' pxenc rotate $A
    check_not 'in the end nothing is under way' in_progress
}

setup || exit 1
in_use
killed
stopped
dcosd_stop main
t_done
