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
IMAGE=$T_DIR/image SOME=40 MANY=1000 REFUSED=200
FETCH=$(realpath "$(dirname "$(command -v pxenc)")/..")/pxenc-fetch

# configure PASSWORD [KEY VALUE]…
configure() {
    (umask 077 && printf %s "$1" >"$T_DIR/password")
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\"" "${@:2}"
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

# What runs of this build and this test, whosever child it is by now.
processes() { pgrep -c -f "^pxenc open .*$T_DIR|^$FETCH\$"; }

# open_all NUMBER: as many at once; sets pids, most (that asked at a time), seen (that ran at a time)
# and statuses.
open_all() {
    local i now start=$EPOCHREALTIME
    pids=() most=0 seen=0 statuses=
    for ((i = 0; i < $1; i++)); do
        pxenc open --test --service "$IMAGE" 2>>"$T_DIR/said" &
        pids+=($!)
    done
    while kill -0 "${pids[@]}" 2>/dev/null; do
        now=$(fetchers "${pids[@]}")
        [ "$now" -le "$most" ] || most=$now
        now=$(processes)
        [ "$now" -le "$seen" ] || seen=$now
        sleep 0.02
    done
    for i in "${pids[@]}"; do
        wait "$i"
        statuses+="$? "
    done
    statuses=$(tr ' ' '\n' <<<"$statuses" | grep . | sort | uniq -c | xargs)
    echo "figure: $1 at once: $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) ms, $seen processes at a time," \
        "of which $most ask the store"
}

# While the first eight wait for the store, with a base path that is wrong, it is put right.
mended() {
    local i statuses=
    dcosd_control main faults '503@GET:/secrets/*' >/dev/null
    configure p base_path '"elsewhere"'
    pids=()
    for ((i = 0; i < 12; i++)); do
        pxenc open --test --service "$IMAGE" 2>>"$T_DIR/said" &
        pids+=($!)
    done
    check 'eight wait for the store' wait_for 60 eight_ask
    configure p
    dcosd_control main faults >/dev/null
    for i in "${pids[@]}"; do
        wait "$i"
        statuses+="$? "
    done
    check_equal 'whoever still waits for his turn has the config as it was mended since' \
        "$(tr ' ' '\n' <<<"$statuses" | grep . | sort | uniq -c | xargs)" '4 0 8 9'
}
eight_ask() { [ "$(fetchers "${pids[@]}")" = 8 ]; }

LOGIN='POST /acs/api/v1/auth/login'
logins() { requests main "$LOGIN"; }
gets() { requests main '^GET .* 200$'; }

# opens NUMBER: as many at once, while nobody is logged in.
opens() {
    local logged_in got
    rm -rf "$RUN_DIR"
    logged_in=$(logins) got=$(gets)
    open_all "$1"
    check_equal "$1 at once: all open" "$statuses" "$1 0"
    check_equal 'with one login' $(($(logins) - logged_in)) 1
    check_equal 'and one GET each' $(($(gets) - got)) "$1"
    check 'at most eight ask the store at a time' test "$most" -le 8
    check_equal 'nothing is left running' "$(processes)" 0
}

# refused NUMBER: as many at once, with a wrong password.
refused() {
    local before count watching
    configure wrong
    rm -rf "$RUN_DIR"
    before=$(logins)
    SECONDS=0
    watch_requests main "$LOGIN" >"$T_DIR/times" &
    watching=$!
    open_all "$1"
    kill $watching
    check_equal "$1 with a wrong password: none opens, each with status 7" "$statuses" "$1 7"
    count=$(($(logins) - before))
    check 'and one login reaches the server, or one in 30 seconds' \
        test $count -ge 1 -a $count -le $((1 + SECONDS / 30))
    check_equal 'no two of them within 30 seconds' "$(closer_than 29 "$T_DIR/times")" ''
    check_equal 'nothing is left running, either' "$(processes)" 0
}

setup || exit 1
opens $SOME
check 'and more than one does' test "$most" -gt 1
mended
dcosd_control main faults ''
opens $MANY
check 'while hundreds wait' test "$seen" -gt $((MANY / 4))
refused $REFUSED
t_done
