#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A thousand cycles on real dm-crypt, half of them open and close, half mount and umount, and nothing
# of them stays. Runs inside scripts/vm with a disk.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
A=/dev/vdb TIMES=500

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    dcosd_start main 127.0.0.1:443 --user u:p --grant 'u:dcos:secrets:default:/*:full' || return 1
    printf u >"$T_DIR/username"
    printf p >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password" "$T_DIR/certs/ca.crt"
    install -d /etc/pxenc
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" username_file "\"$T_DIR/username\"" \
        password_file "\"$T_DIR/password\""
    pxenc format $A --generate --fstype ext4 >/dev/null || return 1
    mount -t pxenc $A /mnt && umount /mnt
}

# Those of all processes but udev's, whose workers come and go.
descriptors() {
    local comm
    for comm in /proc/[0-9]*/comm; do
        [[ $(cat "$comm" 2>/dev/null) == *udev* ]] || ls "${comm%comm}fd" 2>/dev/null
    done
}

# What must not grow, one figure a line.
residue() {
    udevadm settle
    echo "descriptors $(descriptors | wc -l)"
    echo "keys $(grep -c . /proc/keys)"
    echo "mappings $(find /sys/block -name 'dm-*' | wc -l)"
    echo "loops $(find /sys/block -name 'loop*' | wc -l)"
    echo "files $(find /run/pxenc /run/cryptsetup /dev/shm /tmp -type f 2>/dev/null | wc -l)"
    echo "processes $(pgrep -x -c 'pxenc(-fetch)?')"
    echo "semaphores $(($(wc -l </proc/sysvipc/sem) - 1))"
}

slab_kb() { sed -n 's/^SUnreclaim: *\([0-9]*\) kB/\1/p' /proc/meminfo; }

open_and_close() { pxenc open $A && pxenc close $A; }
mount_and_umount() { mount -t pxenc $A /mnt && umount /mnt; }

# again NAME COMMAND: TIMES over.
again() {
    local i before slab start=$SECONDS
    before=$(residue)
    slab=$(slab_kb)
    for ((i = 0; i < TIMES; i++)); do
        "$2" || break
        [ $((i % 100)) != 99 ] || echo "# $1: $((i + 1)) times, $((SECONDS - start)) s, kernel memory $(($(slab_kb) - slab)) kB"
    done
    check_equal "$1, $TIMES times" $i $TIMES
    check_equal 'nothing has grown: descriptors, keys, mappings, loop devices, files, processes' "$(residue)" "$before"
    slab=$(($(slab_kb) - slab))
    check "nor the kernel's memory: $slab kB, below 2048" test $slab -lt 2048
    echo "figure: $1 (emulated): $(((SECONDS - start) * 1000 / TIMES)) ms"
}

setup || exit 1
again 'open and close' open_and_close
again 'mount and umount' mount_and_umount
dcosd_stop main
t_done
