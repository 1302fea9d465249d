#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A volume is opened a thousand times, and nothing of it stays. tests/vm/cycles.sh does it with real
# mappings and mounts.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image TIMES=1000
FETCH=$(realpath "$(dirname "$(command -v pxenc)")/..")/pxenc-fetch

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' || return 1
    printf u >"$T_DIR/username"
    (umask 077 && printf p >"$T_DIR/password")
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    truncate -s 32M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null || return 1
}

# What must not grow, one figure a line. Others may use this machine: only what could be ours.
residue() {
    echo "files $(find "$RUN_DIR" "$T_DIR" -type f | wc -l)"
    echo "bytes in $(find "$RUN_DIR" -type f -printf '%f %s\n' | sort | xargs)"
    echo "processes $(pgrep -c -f "^pxenc .*$T_DIR|^$FETCH\$")"
    echo "zombies $(pgrep -c --runstates Z -P $$)"
    echo "descriptors of the store $(find "/proc/$DCOSD_PID_main/fd" -type l -not -lname 'socket:*' | wc -l)"
    echo "keys $(grep -c 'cryptsetup\|pxenc' /proc/keys)"
    echo "loops $(grep -lF "$T_DIR" /sys/block/loop*/loop/backing_file 2>/dev/null | wc -l)"
    echo "mappings $(grep -lE '^CRYPT-|^temporary-cryptsetup' /sys/block/dm-*/dm/{uuid,name} 2>/dev/null | wc -l)"
    echo "semaphores $(($(wc -l </proc/sysvipc/sem) - 1))"
    echo "shared memory $(find /dev/shm -maxdepth 1 -newer "$PXENC_CONFIG" -name '*pxenc*' | wc -l)"
}

setup || exit 1
pxenc open --test "$IMAGE" 2>/dev/null # logs in
before=$(residue)
asked=$(requests main '^GET .*volumes.* 200$')
start=$EPOCHREALTIME
check "a volume is opened $TIMES times, four at a time" \
    bash -c 'seq "$1" | xargs -P 4 -I {} pxenc open --test "$2" 2>/dev/null' _ $TIMES "$IMAGE"
check_equal 'each of them asks for the secret' $(($(requests main '^GET .*volumes.* 200$') - asked)) $TIMES
echo "figure: an open with --test: $(((${EPOCHREALTIME/./} - ${start/./}) / TIMES)) us"
check_equal 'with one login' "$(requests main /auth/login)" 1
settled() { [ "$(residue)" = "$before" ]; }
wait_for 20 settled
check_equal 'nothing has grown: files, processes, keys, loop devices, mappings, semaphores' "$(residue)" "$before"
t_done
