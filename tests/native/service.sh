#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Many volumes that open at once, each as pxenc@.service does: how many ask the store at a time, and
# how often they log in.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json T_TIMEOUT=60
IMAGE=$T_DIR/image MANY=40

configure() {
    (umask 077 && printf %s "$1" >"$T_DIR/password")
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
}

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' \
        --fault 'delay=300ms@GET:/secrets/*' || return 1
    printf u >"$T_DIR/username"
    configure p
    truncate -s 32M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null || return 1
    rm -rf "$RUN_DIR"
}

# How many pxenc-fetch of these processes run at one moment: between two looks, those that both see.
fetchers() {
    local parents
    parents=$(IFS=, && echo "$*")
    # One after the other: process substitutions would look at the same time.
    { pgrep -x pxenc-fetch -P "$parents"; pgrep -x pxenc-fetch -P "$parents"; } | sort | uniq -d | wc -l
}

# open_all: as many at once; sets pids, most (that asked at a time) and statuses.
open_all() {
    local i now
    pids=() most=0 statuses=
    for ((i = 0; i < MANY; i++)); do
        pxenc open --test --service "$IMAGE" 2>>"$T_DIR/said" &
        pids+=($!)
    done
    while kill -0 "${pids[@]}" 2>/dev/null; do
        now=$(fetchers "${pids[@]}")
        [ "$now" -le "$most" ] || most=$now
        sleep 0.02
    done
    for i in "${pids[@]}"; do
        wait "$i"
        statuses+="$? "
    done
    statuses=$(tr ' ' '\n' <<<"$statuses" | grep . | sort | uniq -c | xargs)
}

setup || exit 1
before=$(requests main 'POST /acs/api/v1/auth/login')
open_all
check_equal "$MANY at once: all open" "$statuses" "$MANY 0"
check_equal 'with one login' $(($(requests main 'POST /acs/api/v1/auth/login') - before)) 1
check 'at most eight ask the store at a time, and more than one does' test "$most" -le 8 -a "$most" -gt 1
check_equal 'nothing is left running' "$(fetchers "${pids[@]}")" 0

configure wrong
rm -rf "$RUN_DIR"
before=$(requests main 'POST /acs/api/v1/auth/login')
SECONDS=0
open_all
check_equal 'with a wrong password none opens, each with status 7' "$statuses" "$MANY 7"
check 'and at most one login in 30 seconds reaches the server' \
    test $(($(requests main 'POST /acs/api/v1/auth/login') - before)) -le $((1 + SECONDS / 30))
t_done
