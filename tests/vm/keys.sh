#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Keys that change under a volume in use, on real dm-crypt. Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
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
mapping_gone() { wait_for 60 no_mappings; }
mapping_of() { basename "$(findmnt -n -o SOURCE "$1")"; }
sums() { (cd "$1" && sha256sum -- file* | sha256sum); }
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
    jq '.jobs[0].write.io_bytes, .jobs[0].read.io_bytes' "$T_DIR/fio.json" | paste -sd ' ' >>"$T_DIR/moved"
    [ "$(jq '[.jobs[0].error, .jobs[0].total_err] | add' "$T_DIR/fio.json")" = 0 ] && ! grep -qi verify "$T_DIR/fio.err"
}

# loads_until FILE: again and again, until there is the file.
loads_until() {
    until [ -e "$1" ]; do load 10 && load_is_clean || return; done
}
# load_begin: in the background, until load_end. It is writing then.
load_begin() {
    rm -f "$T_DIR/enough" "$T_DIR/moved" /mnt/a/load*
    loads_until "$T_DIR/enough" &
    loads=$!
    wait_for 60 test -s /mnt/a/load.0.0
}
load_goes_on() { kill -0 $loads; }
# What went wrong is in $T_DIR/load; something must have been written, and read back.
load_end() {
    touch "$T_DIR/enough"
    if wait $loads && awk '{ w += $1; r += $2 } END { exit !(w && r) }' "$T_DIR/moved"; then
        : >"$T_DIR/load"
    else
        cat "$T_DIR/moved" "$T_DIR/fio.err" "$T_DIR/fio.json" >"$T_DIR/load"
    fi
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
    load_begin
    for _ in 1 2 3; do check 'rotate of a mounted volume under load' pxenc rotate $A; done
    check 'which goes on to the end' load_goes_on
    load_end
    check_equal 'no I/O error and no verify error' "$(cat "$T_DIR/load")" ''
    rm -f /mnt/a/load*
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    cryptsetup close data
    check 'it mounts with what the store holds' mount -t pxenc $A /mnt/a
    check_equal 'and its files are as they were' "$(sums /mnt/a)" "$before"

    device=$(mapping_of /mnt/a)
    before=$(volume_key)
    load_begin
    check 'rotate --reencrypt of a mounted volume under load, foreign keyslots agreed to' \
        pxenc rotate --reencrypt --force $A
    check 'which goes on to the end, too' load_goes_on
    load_end
    check_equal 'no I/O error and no verify error, either' "$(cat "$T_DIR/load")" ''
    rm -f /mnt/a/load*
    check_not 'the volume key is another one' test "$before" = "$(volume_key)"
    check_equal 'the mapping is the same, with nothing below it but the disk' \
        "$(dmsetup ls --target crypt | cut -f 1)" "$device"
    umount /mnt/a
    check 'and goes with the last unmount' mapping_gone
    check 'the volume mounts' mount -t pxenc $A /mnt/a
    check 'and unmounts' umount /mnt/a
    mapping_gone
    before=$(volume_key)
    check_match 'rotate --all reencrypts nothing that is not open here: another machine may have it' \
        "$(pxenc rotate --all --reencrypt $A 2>&1)" 'is not open on this machine'
    check_equal 'and has not begun with it' "$(volume_key) $(cryptsetup luksDump $A | grep -c online-reencrypt)" "$before 0"
    held_otherwise
}

# By a multipath map, an array, or whatever else claims a disk.
held_otherwise() {
    local before held
    before=$(sha256sum <$A)
    perl -MFcntl -e 'sysopen(my $disk, $ARGV[0], O_RDONLY | O_EXCL) or die; sleep' $A &
    held=$!
    sleep 2
    fails_with 'rotate --reencrypt of a disk that something else has: status 5' 5 "is in use: see lsblk" \
        pxenc rotate --reencrypt $A
    kill $held && wait $held
    check_equal 'and its header is what it was' "$(sha256sum <$A)" "$before"
}

# Starts a reencryption of the mounted volume, and kills it while it copies.
kill_reencryption() {
    pxenc rotate --reencrypt $A >"$T_DIR/out" 2>&1 &
    wait_for 20 bash -c 'dmsetup ls | grep -q hotzone'
    sleep 0.3
    oom_score=$(cat /proc/$!/oom_score_adj)
    kill -KILL $!
    wait $! 2>/dev/null
}
in_progress() { cryptsetup luksDump $A | grep -q online-reencrypt; }

# Every free block of the filesystem is written to, wherever the part out of reach may lie.
write_everywhere() {
    dd if=/dev/zero of=/mnt/a/all bs=1M status=none 2>/dev/null
    sync -f /mnt/a
    rm /mnt/a/all
    sync -f /mnt/a
}
only_the_disk() { [ "$(find /sys/block -maxdepth 1 -name 'dm-*' | wc -l)" = 1 ] && ! compgen -G '/sys/block/dm-*/slaves/dm-*' >/dev/null; }

killed() {
    local before
    wipefs -aq $A
    pxenc format $A --generate --fstype ext4 --force >/dev/null
    mount -t pxenc $A /mnt/a
    fill
    before=$(sums /mnt/a)
    kill_reencryption
    check 'a reencryption is killed half way' in_progress
    check_equal 'by nobody but us: not by a kernel that is short of memory' "$oom_score" -1000
    fails_with 'open says that rotate has to go on with it' 5 "pxenc rotate $A" pxenc open $A
    write_everywhere &
    sleep 2
    check 'rotate goes on with it while it is mounted and written to' pxenc rotate $A
    check_not 'until it is done' in_progress
    wait $!
    check_equal 'what waited meanwhile went on' $? 0
    check 'the mapping lies on nothing but the disk' only_the_disk
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    mapping_gone
    check 'the filesystem is in order' check_filesystem

    mount -t pxenc $A /mnt/a
    device=$(mapping_of /mnt/a)
    kill_reencryption
    write_everywhere &
    sleep 5
    check 'close --force releases one that nobody goes on with' pxenc close --force "$device"
    wait $!
    check 'so it can be unmounted' wait_for 20 bash -c '! mountpoint -q /mnt/a || umount /mnt/a'
    wait_for 60 bash -c "! [ -e /dev/mapper/$device ]"
    check 'it mounts again: half of it under the one volume key, half under the other' mount -t pxenc $A /mnt/a
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

# What libcrypto has no cipher for, libcryptsetup reads and writes by mappings of its own.
temporary() { dmsetup ls | grep -q '^temporary-cryptsetup'; }
killed_serpent() {
    wipefs -aq $A
    pxenc format $A --generate --cipher serpent-xts-plain64 --force >/dev/null
    pxenc rotate --reencrypt $A >"$T_DIR/out" 2>&1 &
    wait_for 60 temporary
    sleep 0.3
    { kill -KILL $! && wait $!; } 2>/dev/null
    check 'a reencryption with serpent is killed, and leaves mappings' temporary
    check 'rotate goes on with it' pxenc rotate $A
    check 'and leaves none' no_mappings
    check_not 'it is done' in_progress
    check 'the volume opens' pxenc open --test $A
}

check_filesystem() {
    local st
    pxenc open $A look && e2fsck -fn /dev/mapper/look
    st=$?
    pxenc close look
    return $st
}

# By strace: killed at the NUMBERth call of CALL, while the filesystem is in use and verified.
kill_at() {
    strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" \
        pxenc rotate --reencrypt $A >"$T_DIR/out" 2>"$T_DIR/err"
    local st=$?
    [ $st = 0 ] || [ $st = 137 ] || echo "# $1 $2: status $st: $(tail -n 1 "$T_DIR/err")"
    return $st
}

# A reencryption goes through all of these again and again: it suspends, resumes and swaps mappings,
# writes and syncs. So does the one that goes on with it. Each run is killed elsewhere: early ones
# before I/O goes on, so that late ones come in between.
KILLS='ioctl 2 fsync 5 ioctl 5 pwrite64 5 ioctl 8 fsync 4 ioctl 11 ioctl 35 ioctl 14 pwrite64 3 ioctl 17
ioctl 32 fdatasync 1 ioctl 20 ioctl 29 fsync 3 ioctl 23 fdatasync 2 fsync 2 ioctl 26 pwrite64 1 fsync 1'

killed_in_use() {
    local call number points=0 before
    check 'the filesystem is mounted' mount -t pxenc $A /mnt/a
    before=$(sums /mnt/a)
    load_begin
    while read -r call number; do
        kill_at "$call" "$number" || points=$((points + 1))
    done < <(xargs -n 2 <<<"$KILLS")
    echo "figure: a reencryption in use was killed at $points calls"
    check 'rotate ends what was killed again and again' pxenc rotate --reencrypt $A
    check_not 'nothing is under way' in_progress
    check_equal 'no keyslot is left over' "$(cryptsetup luksDump --dump-json-metadata $A | jq '.keyslots | length')" 1
    load_end
    check_equal 'no I/O error and no verify error, in any load' "$(cat "$T_DIR/load")" ''
    check 'the mapping lies on nothing but the disk' only_the_disk
    rm -f /mnt/a/load*
    check_equal 'its files are as they were' "$(sums /mnt/a)" "$before"
    umount /mnt/a
    mapping_gone
    check 'the filesystem is in order' check_filesystem
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

# The terminal itself, and what reads from it.
hung_up() {
    local terminal run
    mkfifo "$T_DIR/keyboard"
    script -qfec "exec pxenc rotate --reencrypt $A" "$T_DIR/screen" <"$T_DIR/keyboard" >/dev/null &
    terminal=$!
    exec 8>"$T_DIR/keyboard"
    check 'on a terminal it shows how far it is' wait_for 60 grep -aqE '[0-9.]+ % of [0-9]+ MiB' "$T_DIR/screen"
    run=$(pgrep -xf "pxenc rotate --reencrypt $A")
    { kill -KILL $terminal && wait $terminal; } 2>/dev/null
    exec 8>&-
    sleep 1
    check 'the terminal is gone, and it runs on' kill -0 "$run"
    wait_for 300 bash -c "! kill -0 $run"
    check_not 'to its end' in_progress
    check 'and the volume opens' pxenc open --test $A
}

setup || exit 1
in_use
killed
killed_in_use
killed_serpent
stopped
hung_up
check_match 'rotate --all finds what there is' "$(pxenc rotate --all)" "^$A: volume"
dcosd_stop main
t_done
