#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Many volumes at once, on this machine: open --all --test of a thousand, and many opens that begin
# together, against the stand-in server. Wants pxenc, pxenc-dcosd and the tools in PATH.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; dcosd_stop slow; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
MANY=1000 STORM=200
FETCH=$(realpath "$(dirname "$(command -v pxenc)")/..")/pxenc-fetch

# Volumes of three kinds: many, each with a secret of its own; few, whose secrets a store can be
# made to hold back; and some that share one secret.
setup() {
    local kind secret secrets=()
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    mkdir "$T_DIR/many" "$T_DIR/few" "$T_DIR/shared"
    luks2-many "$T_DIR/many" $MANY $MANY >"$T_DIR/many.secrets" &&
        luks2-many "$T_DIR/few" 8 8 >"$T_DIR/few.secrets" &&
        luks2-many "$T_DIR/shared" $MANY 1 >"$T_DIR/shared.secrets" || return 1
    for kind in many few shared; do
        while read -r secret; do secrets+=(--secret "$kind/$secret"); done <"$T_DIR/$kind.secrets"
    done
    secrets+=(--secret shared/pxenc/cluster=many/0)
    dcosd_start main 127.0.0.1:0 --user 'u:p' --grant 'u:dcos:secrets:default:/*:full' \
        "${secrets[@]}" || return 1
    dcosd_start slow 127.0.0.1:0 --user 'u:p' --grant 'u:dcos:secrets:default:/*:full' \
        --fault 'delay=30s@GET:*/few/many/[0-2]' --fault '403@GET:*/few/many/3' \
        --fault 'delay=3s@POST:*/login' "${secrets[@]}" || return 1
    printf 'u\n' >"$T_DIR/username"
    printf 'p\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password" "$T_DIR/certs/ca.crt"
}

# config SERVER BASE: and nobody is logged in.
config() {
    local url="DCOSD_URL_$1"
    rm -rf "$RUN_DIR"
    : >"$T_DIR/$1.log"
    write_config "$PXENC_CONFIG" cluster_url "\"${!url}\"" base_path "\"$2\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" username_file "\"$T_DIR/username\"" \
        password_file "\"$T_DIR/password\""
}

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Processes of pxenc that work on this script's volumes, and any pxenc-fetch of this build.
processes() { pgrep -f "^pxenc open .*$T_DIR|^$FETCH\$" | wc -l; }

# A process and all that it has started, and so on, one a line.
family() {
    local pids=$1
    while [ -n "$pids" ]; do
        echo "$pids"
        pids=$(pgrep -P "$(paste -sd, <<<"$pids")")
    done
}

# Megabytes of a process and its family: what is shared counts for each in proportion (PSS).
pss_of() {
    local pid sum=0 kb
    for pid in $(family "$1"); do
        kb=$(sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup" 2>/dev/null)
        sum=$((sum + ${kb:-0}))
    done
    echo $((sum / 1024))
}

# Sets PEAK, MOST processes, and FDS of the command itself, by looking now and then.
with_peak() {
    local pid now
    "$@" &
    pid=$!
    PEAK=0 MOST=0 FDS=0
    while kill -0 $pid 2>/dev/null; do
        now=$(pss_of $pid)
        [ "$now" -le "$PEAK" ] || PEAK=$now
        now=$(processes)
        [ "$now" -le "$MOST" ] || MOST=$now
        now=$(find "/proc/$pid/fd" -type l 2>/dev/null | wc -l)
        [ "$now" -le "$FDS" ] || FDS=$now
        sleep 0.3
    done
    wait $pid
}

a_thousand() {
    local start took
    config main many
    start=$(now_ms)
    with_peak pxenc open --all --test "$T_DIR"/many/*.img >"$T_DIR/out" 2>"$T_DIR/err"
    check_equal "$MANY volumes, $MANY secrets: all are proven, status 0" $? 0
    took=$(($(now_ms) - start))
    check_equal 'in a pipe that is one line' "$(cat "$T_DIR/out" "$T_DIR/err" | head -n 3)" \
        "$MANY of $MANY volumes proven"
    check_equal 'with one login' "$(requests main /auth/login)" 1
    check_equal 'and as many GETs as there are secrets' "$(requests main '^GET')" $MANY
    check_equal 'one for each path' "$(grep '^GET' "$T_DIR/main.log" | sort -u | wc -l)" $MANY
    check_equal 'no process is left over' "$(processes)" 0
    check "there were never more than 30 at once: $MOST" test "$MOST" -gt 2 -a "$MOST" -le 30
    check "nor more than 100 descriptors in the one that starts them: $FDS" test "$FDS" -gt 5 -a "$FDS" -le 100
    check "peak memory of all processes together: $PEAK MiB, below 64" test "$PEAK" -gt 0 -a "$PEAK" -lt 64
    echo "figure: $MANY volumes, $MANY secrets: $took ms, $((took * 1000 / MANY)) µs a volume," \
        "peak memory of all processes together $PEAK MiB (PSS)"
}

one_secret() {
    config main shared
    check_match 'on a terminal it shows how far it is' \
        "$(script -qec "pxenc open --all --test $T_DIR/shared/*.img" /dev/null </dev/null | tr '\r' '\n')" \
        "[1-9][0-9]* of $MANY "
    config main shared
    check "$MANY volumes that share a secret" pxenc open --all --test "$T_DIR"/shared/*.img
    check_equal 'it is fetched once' "$(requests main '^GET')" 1
    config main shared
    check 'the cluster key for volumes without a secret of their own: the same' \
        pxenc open --all --test "$T_DIR"/shared/{0..49}.img -o cluster_key
    check_equal 'one GET for the setting, one for the secret' \
        "$(grep '^GET' "$T_DIR/main.log" | sed 's/.*default//' | tr '\n' ' ')" \
        '/shared/pxenc/cluster 200 /shared/many/0 200 '
    check_equal 'the same volume twice, by two names, is opened twice' \
        "$(ln -s 0.img "$T_DIR/shared/link" && pxenc open --all --test "$T_DIR"/shared/{0.img,link})" \
        '2 of 2 volumes proven'
}

# One by one, what each volume's own failure looks like, beside volumes that open.
failures() {
    local out
    config main few
    printf 'pxenc1:%086d' 0 | pxenc secrets update many/1 --force --value-file -
    pxenc secrets delete many/2 --force
    luks2-edit "$T_DIR/few/3.img" '"many/3"' '"many/4"'
    head -c 1M /dev/zero >"$T_DIR/few/zero"
    out=$(pxenc open --all --test "$T_DIR"/few/{0,1,2,3,4}.img "$T_DIR"/few/{zero,nothing} 2>"$T_DIR/err")
    check_equal 'some volumes fail: status 20' $? 20
    check_equal 'the total says how many' "$out" '2 of 7 volumes proven, 5 failed'
    check_equal 'and there is one line for each that failed' "$(wc -l <"$T_DIR/err")" 5
    check_match 'a wrong key: its status is 2' "$(cat "$T_DIR/err")" 'few/1.img.*\(status 2\)'
    check_match 'a missing secret: its status is 9, and the secret is named' "$(cat "$T_DIR/err")" \
        "few/2.img: .*few/many/2.*\(status 9\)"
    check_match 'a header whose secret was exchanged: its status is 2' "$(cat "$T_DIR/err")" \
        'few/3.img.*\(status 2\)'
    check_match 'no LUKS volume: status 4' "$(cat "$T_DIR/err")" 'few/zero.*\(status 4\)'
    check_match 'no such file: status 4' "$(cat "$T_DIR/err")" 'few/nothing.*\(status 4\)'
    out=$(pxenc open --all --test --json "$T_DIR"/few/{0,2}.img 2>"$T_DIR/err")
    check_equal 'with --json the status is the same' $? 20
    check_equal 'each volume has its own' "$(jq -c 'map([.status, .state, .secret])' <<<"$out")" \
        '[[0,"proven","many/0"],[9,"failed","many/2"]]'
    check_match 'and its message' "$(jq -r '.[1].message' <<<"$out")" "no secret 'few/many/2'"
    check_equal 'and nothing is on standard error' "$(cat "$T_DIR/err")" ''
    check_equal 'all fail: status 20 as well' \
        "$(pxenc open --all --test "$T_DIR"/few/{1,2}.img >/dev/null 2>&1 || echo $?)" 20
    check_match 'a plain file cannot be mapped: status 4, as with open' \
        "$(pxenc open --all "$T_DIR/few/0.img" 2>&1)" 'losetup.*\(status 4\)'
    fails_with 'one name for many: status 1' 1 'name=' pxenc open --all -o name=x "$T_DIR/few/0.img"
    check_match '--json is for --all' "$(pxenc open --json "$T_DIR/few/0.img" 2>&1)" 'usage: pxenc open'
    config main few
    printf 'wrong\n' >"$T_DIR/password"
    check_equal 'a refused login is everyone'"'"'s: status 7 for each' \
        "$(pxenc open --all --test --json "$T_DIR"/many/{1..50}.img | jq -c 'map(.status) | unique')" '[7]'
    check_equal 'and one request' "$(wc -l <"$T_DIR/main.log")" 1
    printf 'p\n' >"$T_DIR/password"
    T_TIMEOUT=2 config main few
    sed -i 's#https://127.0.0.1:[0-9]*#https://127.0.0.1:9#' "$PXENC_CONFIG"
    out=$(now_ms)
    check_equal 'a store that is away: status 6 for each' \
        "$(pxenc open --all --test --json "$T_DIR"/many/{1..50}.img 2>"$T_DIR/err" | jq -c 'map(.status) | unique')" '[6]'
    check "by the deadline, once" test $(($(now_ms) - out)) -lt 6000
    check_match 'what is waited for is said once' "$(grep -c 'waiting for the store' "$T_DIR/err")" '^1$'
}

# Three secrets that the store holds back for 30 seconds, and one that it refuses.
slow_secrets() {
    local start took
    config slow few
    start=$(now_ms)
    pxenc open --all --test --json "$T_DIR"/few/{0,1,2,3,5,6,7}.img >"$T_DIR/out" 2>"$T_DIR/err"
    took=$(($(now_ms) - start))
    check_equal 'three slow secrets and a forbidden one fail, the others do not' \
        "$(jq -c 'map(.status)' "$T_DIR/out")" '[6,6,6,8,0,0,0]'
    check_equal 'with one login' "$(requests slow /auth/login)" 1
    check 'what a slow secret holds back waits a second for each, not for its deadline' \
        jq -e '.[4:] | all(.milliseconds < 9000)' "$T_DIR/out"
    check 'the slow ones end by the deadline' test $took -lt 20000
    check_equal 'no process is left over' "$(processes)" 0
}

# storm WANTED-STATUS: many commands at once, each for itself.
storm() {
    local i pids=()
    FAILED=0
    for ((i = 0; i < STORM; i++)); do
        pxenc open --test "$T_DIR/many/$i.img" 2>>"$T_DIR/err" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
        [ $? = "$1" ] || FAILED=$((FAILED + 1))
    done
}

storms() {
    local start logins
    # Who cannot get the processor is to wait for it.
    T_TIMEOUT=300 config slow many
    start=$(now_ms)
    storm 0
    check_equal "$STORM opens at once, while the login takes 3 seconds: no failure" $FAILED 0
    echo "figure: $STORM opens at once: $(($(now_ms) - start)) ms, of which the login is 3000"
    check_equal 'one login' "$(requests slow /auth/login)" 1
    check_equal 'as many GETs as volumes' "$(requests slow '^GET .*/many/many/')" $STORM
    check_equal 'no process is left over' "$(processes)" 0
    T_TIMEOUT=300 config slow many
    printf 'wrong\n' >"$T_DIR/password"
    start=$(now_ms)
    storm 7
    logins=$(requests slow /auth/login)
    check_equal "$STORM opens at once with a wrong password: each has status 7" $FAILED 0
    check 'one login reached the server, or one in 30 seconds' \
        test "$logins" -ge 1 -a "$logins" -le $((1 + ($(now_ms) - start) / 30000))
    # Answers that were held back for 30 s, for those who asked before, may be logged by now.
    check_equal 'and nothing else' "$(grep -vc '/few/many/' "$T_DIR/slow.log")" "$logins"
    check_equal 'no process is left over' "$(processes)" 0
    printf 'p\n' >"$T_DIR/password"
}

setup || exit 1
a_thousand
one_secret
slow_secrets
failures
storms
t_done
