#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# What is asked again and what is not, what a dead or sealed master costs, and what a run says while
# it waits. fetch.sh has what a single failure looks like.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
HOLE='' FAR='' LATE=()
trap 'fill_hole; bring_near; end_late; dcosd_stop main; dcosd_stop first; dcosd_stop second; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
ACCOUNT=(--user u:pw --grant 'u:dcos:secrets:default:/*:full')

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    printf 'u\n' >"$T_DIR/username"
    printf 'pw\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
    dcosd_start main 127.0.0.1:0 "${ACCOUNT[@]}" --secret a=one --secret forbidden=x --secret wrong=no-key \
        --fault 403@GET:*/forbidden --fault 401@GET:*/unknown --secret unknown=x \
        --fault '429=2@GET:*/busy#1' --secret busy=free --fault '503@GET:*/sealed#3' --secret sealed=open \
        --fault '503@POST:*/login#1' --fault '429=1@POST:*/login#1'
}

# config URLS: nobody is logged in.
config() {
    rm -rf "$RUN_DIR"
    write_config "$PXENC_CONFIG" cluster_url "$1" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
}

now_ms() { date +%s%3N; }

# took NAME LEAST MOST: the milliseconds since $START, of which a busy machine has its share.
took() {
    local ms=$(($(now_ms) - START)) share=$EPOCHREALTIME
    for _ in {1..10}; do pxenc --version >/dev/null; done
    share=$(((${EPOCHREALTIME/./} - ${share/./}) / 1000))
    check "$1 ($ms ms)" test $ms -ge "$2" -a $ms -le $(($3 + 3 * share))
}

# dig_hole ADDRESS PORT: an address that answers no SYN, since its queue of connections is full. It
# listens on HOLE_PORT.
dig_hole() {
    # shellcheck disable=SC2016
    perl -MSocket -MFcntl -e '
        my ($address, $port) = @ARGV;
        socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "$!";
        bind($listener, pack_sockaddr_in($port, inet_aton($address))) or die "$!";
        listen($listener, 0) or die "$!";
        ($port) = unpack_sockaddr_in(getsockname($listener));
        my @full = map {
            socket(my $client, PF_INET, SOCK_STREAM, 0) or die "$!";
            fcntl($client, F_SETFL, O_NONBLOCK);
            connect($client, pack_sockaddr_in($port, inet_aton($address)));
            $client;
        } 1 .. 4;
        $| = 1;
        print "$port\n";
        sleep 600' "$1" "$2" >"$T_DIR/hole" &
    HOLE=$!
    wait_for 10 test -s "$T_DIR/hole"
    HOLE_PORT=$(cat "$T_DIR/hole")
}

fill_hole() {
    [ -z "$HOLE" ] || { kill "$HOLE" && wait "$HOLE"; } 2>/dev/null
    HOLE=
    rm -f "$T_DIR/hole"
}

# go_far NAME MS: a way to that server on which every byte takes so long, at FAR_PORT.
go_far() {
    local url=DCOSD_URL_$1
    perl tests/tools/far.pl "${!url##*:}" "$2" >"$T_DIR/far" &
    FAR=$!
    wait_for 10 test -s "$T_DIR/far"
    FAR_PORT=$(cat "$T_DIR/far")
}

bring_near() {
    [ -z "$FAR" ] || { kill "$FAR" && wait "$FAR"; } 2>/dev/null
    FAR=
    rm -f "$T_DIR/far"
}

# A service account whose store is sealed for longer than a login token is good. It takes its time
# beside the others, with a folder for ACS tokens and a config of its own.
begin_late() {
    openssl genrsa -out "$T_DIR/svc.key" 2048 2>/dev/null
    openssl rsa -in "$T_DIR/svc.key" -pubout -out "$T_DIR/svc.pub" 2>/dev/null
    jq -Rs '{uid: "svc", private_key: ., scheme: "RS256"}' "$T_DIR/svc.key" >"$T_DIR/service.json"
    chmod 600 "$T_DIR/service.json"
    dcosd_start late 127.0.0.1:0 --service-account "svc:$T_DIR/svc.pub" \
        --grant 'svc:dcos:secrets:default:/*:full' --secret a=late --fault '503@POST:*/login'
    T_TIMEOUT=120 write_config "$T_DIR/late.json" cluster_url "\"$DCOSD_URL_late\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" service_account_file "\"$T_DIR/service.json\""
    PXENC_CONFIG=$T_DIR/late.json PXENC_TEST_RUN_DIR=$T_DIR/late-run \
        pxenc secrets get a >"$T_DIR/late" 2>"$T_DIR/late.said" &
    LATE=($!)
    { sleep 64 && dcosd_control late faults; } &
    LATE+=($!)
}

check_late() {
    wait "${LATE[0]}"
    check_equal 'a service account whose store is sealed for more than a minute: status 0' $? 0
    check_equal 'its login works once the store does' "$(cat "$T_DIR/late")" late
    check_equal 'at once' "$(requests late '/auth/login (200|401)'),$(requests late '/auth/login 200')" 1,1
    check_equal 'and of all that time there is one word' \
        "$(wc -l <"$T_DIR/late.said"),$(grep -c 'waiting for the store: .* answers 503' "$T_DIR/late.said")" 1,1
    end_late
}

end_late() {
    [ ${#LATE[@]} = 0 ] || { kill "${LATE[@]}" 2>/dev/null; dcosd_stop late; }
    LATE=()
}

# What cannot get better by waiting ends at once, and is asked once.
at_once() {
    local before
    T_TIMEOUT=30 config "\"$DCOSD_URL_main\""
    START=$(now_ms)
    check_equal 'a login that gets 503 and 429 is tried again' "$(pxenc secrets get a 2>/dev/null)" one
    check_equal 'until it works' "$(requests main '/auth/login (503|429|200)')" 3
    START=$(now_ms)
    fails_with '403: status 8' 8 403 pxenc secrets get forbidden
    fails_with '404: status 9' 9 404 pxenc secrets get missing
    took 'at once' 0 1500
    check_equal 'each was asked once' "$(requests main 'GET .*/(forbidden|missing) ')" 2
    before=$(requests main '/auth/login')
    START=$(now_ms)
    fails_with '401: status 7' 7 401 pxenc secrets get unknown
    took 'at once' 0 1500
    check_equal 'after one login' "$(requests main '/auth/login')" $((before + 1))
    check_equal 'and one more question' "$(requests main 'GET .*/unknown 401')" 2
    truncate -s 32M "$T_DIR/image"
    pxenc format "$T_DIR/image" --generate >/dev/null
    START=$(now_ms)
    fails_with 'a wrong key: status 2' 2 'opens no keyslot' pxenc open --test "$T_DIR/image" -o secret=wrong
    took 'at once' 0 1500
    check_equal 'asked once' "$(requests main 'GET .*/wrong ')" 1
}

again() {
    local pid
    dcosd_start first 127.0.0.1:0 --user u:pw --fault '500@POST:*/login'
    T_TIMEOUT=4 config "\"$DCOSD_URL_first\""
    pxenc secrets get a >/dev/null 2>"$T_DIR/err"
    check_equal '500 again and again: status 6' $? 6
    check_match 'and what was asked is said' "$(tail -n 1 "$T_DIR/err")" 'answers 500, while logging in \(tried'
    dcosd_stop first
    T_TIMEOUT=30 config "\"$DCOSD_URL_main\""
    START=$(now_ms)
    check_equal '429 with Retry-After: 2 is tried again' "$(pxenc secrets get busy 2>"$T_DIR/err")" free
    took 'no sooner than it says' 2000 3900
    check_equal 'what it waits for is said once' "$(grep -c 'waiting for the store: .* answers 429' "$T_DIR/err")" 1
    check_equal '503 three times' "$(pxenc secrets get sealed 2>"$T_DIR/err")" open
    check_equal 'is one word about it' "$(wc -l <"$T_DIR/err"),$(grep -c 'waiting for the store: .* answers 503' "$T_DIR/err")" 1,1
    kill -STOP "$DCOSD_PID_main"
    START=$(now_ms)
    pxenc secrets get a >"$T_DIR/value" 2>"$T_DIR/err" &
    pid=$!
    sleep 4.5
    kill -CONT "$DCOSD_PID_main"
    wait $pid
    check_equal 'a lone master that hangs in TLS is tried again' "$(cat "$T_DIR/value")" one
    took 'as soon as it is back' 4500 9000
    check_equal 'and the run said so once' "$(grep -c 'waiting for the store: TLS handshake with .* timed out after 2' "$T_DIR/err")" 1
}

# A dead address costs its 2 s, once in a run: login and get are two questions.
dead_url() {
    dig_hole 127.0.0.5 0
    config "[\"https://127.0.0.5:$HOLE_PORT\", \"$DCOSD_URL_main\"]"
    START=$(now_ms)
    check_equal 'a URL that answers no SYN: the next one serves, without a word' "$(pxenc secrets get a 2>&1)" one
    took 'after 2 s, paid once' 1900 3900
    START=$(now_ms)
    check_match 'with -v it is named' "$(pxenc secrets get -v a 2>&1)" 'connect and TLS 127.0.0.1'
    took 'the next run pays them again' 1900 3900
    T_TIMEOUT=5 config "\"https://127.0.0.5:$HOLE_PORT\""
    START=$(now_ms)
    pxenc secrets get a >/dev/null 2>"$T_DIR/err"
    check_equal 'nothing but it: status 6' $? 6
    took 'by the deadline' 3000 5500
    check_equal 'the wait is told once' "$(grep -c "waiting for the store: connect to 127.0.0.5:$HOLE_PORT: timed out after 2" "$T_DIR/err")" 1
    check_match 'and the end says what was tried' "$(tail -n 1 "$T_DIR/err")" "cannot be reached: .*127.0.0.5.*tried"
    fill_hole
    config "\"$DCOSD_URL_main\""
}

# A server from which a connection takes more than 2 s, as by satellite.
far_away() {
    go_far main 1100
    T_TIMEOUT=30 config "\"https://127.0.0.1:$FAR_PORT\""
    START=$(now_ms)
    check_equal 'a server that is far away is given more time, and answers' "$(pxenc secrets get a 2>"$T_DIR/err")" one
    took 'after 2 s that were too few' 8600 15000
    check_equal 'of which the run said one word' \
        "$(wc -l <"$T_DIR/err"),$(grep -c 'waiting for the store: TLS handshake with .* timed out after 2' "$T_DIR/err")" 1,1
    printf new | pxenc secrets create far --value-file - 2>"$T_DIR/err"
    check_equal 'a create, which wants a new connection for each question, works as well' $? 0
    T_TIMEOUT=30 config "[\"https://127.0.0.1:$FAR_PORT\", \"$DCOSD_URL_main\"]"
    START=$(now_ms)
    check_equal 'where another is near, that one serves, without a word' "$(pxenc secrets get far 2>&1)" new
    took 'after the 2 s, paid once' 1900 3900
    bring_near
    config "\"$DCOSD_URL_main\""
}

# with_names COMMAND…: where /etc/hosts and /etc/nsswitch.conf are the test's own.
with_names() {
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/nsswitch" /etc/nsswitch.conf &&
        exec "$@"' "$T_DIR" "$@"
}

# Behind one name, as master.mesos is: a master that is dead, one that is sealed, and one that works.
one_name() {
    local port
    if ! unshare -m true 2>/dev/null; then
        t_skip 'masters behind one name' 'no mount namespace to be had'
        return
    fi
    dcosd_start first 127.0.0.2:0 "${ACCOUNT[@]}" --secret a=no --fault '503@GET:*' --fault '503@POST:*'
    port=${DCOSD_URL_first##*:}
    dcosd_start second "127.0.0.3:$port" "${ACCOUNT[@]}" --secret a=from-third
    dig_hole 127.0.0.1 "$port"
    printf '127.0.0.%s master.mesos\n' 1 2 3 >"$T_DIR/hosts"
    printf 'hosts: files\n' >"$T_DIR/nsswitch"
    config "\"https://master.mesos:$port\""
    START=$(now_ms)
    check_equal 'behind one name, one is dead and one sealed: the third serves, without a word' \
        "$(with_names pxenc secrets get a 2>&1)" from-third
    took 'after the 2 s of the dead one, paid once' 1900 3900
    check_equal 'the sealed one was asked once' "$(requests first ' 503')" 1
    rm -rf "$RUN_DIR"
    START=$(now_ms)
    with_names pxenc format "$T_DIR/image" --force --generate >/dev/null 2>&1
    check_equal 'a run with many questions' $? 0
    took 'pays them once, too' 1900 5000
    check_equal 'and asks the one that answered from then on' "$(requests first ' 503')" 2
    fill_hole
    dcosd_stop first
    dcosd_stop second
}

# Only one of those that ask at once tries to log in. The others have to say as much.
side_by_side() {
    local i pids=()
    dig_hole 127.0.0.5 0
    T_TIMEOUT=6 config "\"https://127.0.0.5:$HOLE_PORT\""
    for i in 1 2 3; do
        pxenc secrets get a >/dev/null 2>"$T_DIR/err$i" &
        pids+=($!)
    done
    for i in 1 2 3; do
        wait "${pids[i - 1]}"
        check_equal "one of three that ask at once: status 6 ($i)" $? 6
        check_equal 'it says once that it waits' "$(grep -c "warning: waiting for the store: .*127.0.0.5" "$T_DIR/err$i")" 1
        check_match 'and in the end, whom for, and what to do' "$(tail -n 1 "$T_DIR/err$i")" \
            'the store cannot be reached: .*https://127.0.0.5.*: check cluster_url and the network'
    done
    check_equal 'two of them waited for the login of the third' \
        "$(cat "$T_DIR"/err[123] | grep -c 'waiting for the store: another pxenc is logging in')" 2
    fill_hole
}

setup || exit 1
begin_late
at_once
again
side_by_side
dead_url
far_away
one_name
check_late
t_done
