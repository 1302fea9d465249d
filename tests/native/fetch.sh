#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# pxenc-fetch against the stand-in server, over real TLS: how it is confined, what it makes of
# every way in which a store can fail, and how often it logs in.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; dcosd_stop first; dcosd_stop second; dcosd_stop foreign; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
PASSWORD=unmistakable-password
GRANTS=(--user "u:$PASSWORD" --grant 'u:dcos:secrets:default:/*:full'
    --grant 'u:dcos:secrets:list:default:/*:read')

setup() {
    local kind faults=()
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    for kind in drop truncate 401 403 404 500 503 403json 429 redirect=https://127.0.0.1:1/ garbage \
        empty wrongtype oversize; do
        faults+=(--fault "$kind@GET:*/always-${kind%%=*}" --secret "always-${kind%%=*}=x")
    done
    for kind in drop drop-after 401 500 503 429=1; do
        faults+=(--fault "$kind@GET:*/once-${kind%%=*}#1" --secret "once-${kind%%=*}=as it was")
    done
    dcosd_start main 127.0.0.1:0 "${GRANTS[@]}" "${faults[@]}" --secret a=one \
        --fault 'delay=5s@GET:*/delayed' --secret delayed=late \
        --fault 'delay=60s@GET:*/hangs' --secret hangs=x \
        --fault 'slow@GET:*/slow' --secret slow=x --fault 'endless@GET:*/endless' --secret endless=x \
        --fault 'drop-after@PUT:*/lost#1' --fault 'drop-after@DELETE:*/lost#1' \
        --fault 'drop-after@PUT:*/lost-always' --fault 'truncate@PUT:*/cut#1' \
        --fault 'drop-after@PATCH:*/a#1' --fault '500@PUT:*/late#1' \
        --fault '503@DELETE:*/paged#1' --fault '404@DELETE:*/paged' || return 1
    printf 'u\n' >"$T_DIR/username"
    printf '%s\n' "$PASSWORD" >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
    config "\"$DCOSD_URL_main\""
}

# config URLS [KEY VALUE]…, with $T_TIMEOUT seconds.
config() {
    local urls=$1
    shift
    write_config "$PXENC_CONFIG" cluster_url "$urls" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\"" "$@"
}

# last_fails NAME STATUS PATTERN COMMAND…: as fails_with, but notes may come before the last line.
last_fails() {
    local name=$1 wanted=$2 pattern=$3 got=0 err
    shift 3
    err=$("$@" 2>&1 >/dev/null) || got=$?
    if [ "$got" = "$wanted" ] && tail -n 1 <<<"$err" | grep -qE -- "$pattern"; then
        t_ok "$name"
    else
        t_not_ok "$name" "command: $*" "status $got (wanted $wanted):" "$err" "wanted: $pattern"
    fi
}

status_field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

fetch_of() { pgrep -P "$1" pxenc-fetch; }

confinement() {
    local pid fetch uid
    pxenc secrets get delayed >"$T_DIR/value" &
    pid=$!
    wait_for 20 fetch_of $pid
    fetch=$(fetch_of $pid)
    sleep 1
    uid=$(status_field "$fetch" Uid | cut -f 1)
    if [ "$(id -u)" = 0 ]; then
        check 'pxenc-fetch has a user of its own: neither root nor nobody' \
            test "$uid" != 0 -a "$uid" != 65534
        check_equal 'in all four user ids' "$(status_field "$fetch" Uid | tr '\t' '\n' | sort -u)" "$uid"
        check_equal 'no supplementary groups' "$(status_field "$fetch" Groups | tr -d ' ')" ''
        check_equal 'an empty bounding set' "$(status_field "$fetch" CapBnd)" 0000000000000000
        check_equal 'it is not dumpable: its /proc belongs to root' "$(stat -c %u "/proc/$fetch/environ")" 0
        check_not 'another process of the same user cannot read its environment' \
            setpriv --reuid "$uid" --regid "$uid" --clear-groups cat "/proc/$fetch/environ"
        check_equal 'descriptors: 0, 1, 2 and a socket' \
            "$(find "/proc/$fetch/fd" -mindepth 1 -printf '%f %l\n' | sort | sed 's/\[.*//; s/^[3-9]/N/' | tr '\n' ' ')" \
            '0 pipe: 1 pipe: 2 /dev/null N socket: '
    else
        t_skip 'pxenc-fetch has a user of its own' 'only where root starts it'
        check_not 'it is not dumpable: its owner cannot read its environment' cat "/proc/$fetch/environ"
    fi
    check_equal 'no effective capability' "$(status_field "$fetch" CapEff)" 0000000000000000
    check_equal 'no permitted capability' "$(status_field "$fetch" CapPrm)" 0000000000000000
    check_equal 'none to be had by exec' "$(status_field "$fetch" NoNewPrivs)" 1
    check_equal 'a seccomp filter' "$(status_field "$fetch" Seccomp)" 2
    if grep -q __asan_init "$(command -v pxenc)"; then
        t_skip 'locked memory' "AddressSanitizer's mlock locks nothing"
    else
        check_not 'locked memory' grep -qE 'VmLck:[[:space:]]+0 kB' "/proc/$fetch/status"
    fi
    check_equal 'one thread' "$(status_field "$fetch" Threads)" 1
    check_match 'no core file' "$(cat "/proc/$fetch/limits")" 'Max core file size +0 +0'
    check_match 'no file can grow' "$(cat "/proc/$fetch/limits")" 'Max file size +0 +0'
    check_equal 'a session of its own' "$(ps -o sid= -p "$fetch" | tr -d ' ')" "$fetch"
    wait $pid
    check_equal 'and it did fetch the value' "$(cat "$T_DIR/value")" late
}

# One deadline for all: a pxenc-fetch that hangs does not outlive it, and neither does its parent.
deadline() {
    local pid fetch start=$SECONDS
    T_TIMEOUT=3 config "\"$DCOSD_URL_main\""
    last_fails 'a store that hangs: status 6, naming what was going on' 6 'hangs|127.0.0.1' pxenc secrets get hangs
    check 'by the deadline' test $((SECONDS - start)) -le 8
    last_fails 'a store that drips: status 6' 6 '127.0.0.1' pxenc secrets get slow
    last_fails 'an answer without an end: status 6' 6 '127.0.0.1' pxenc secrets get endless
    T_TIMEOUT=30 config "\"$DCOSD_URL_main\""
    pxenc secrets get hangs 2>/dev/null &
    pid=$!
    wait_for 20 fetch_of $pid
    fetch=$(fetch_of $pid)
    kill -KILL $pid
    wait $pid 2>/dev/null
    check 'pxenc killed: pxenc-fetch dies with it' wait_for 20 is_dead "$fetch"
    config "\"$DCOSD_URL_main\""
}

# The frames of a get, as the parent reads and writes them.
frames() {
    local trace=$T_DIR/trace
    if [ "$(id -u)" != 0 ] || grep -q __asan_init "$(command -v pxenc)"; then
        t_skip 'frames on the pipe' 'only root can trace pxenc, and AddressSanitizer cannot be traced'
        return
    fi
    rm -rf "$RUN_DIR"
    strace -x -s 64 -e trace=read,write,socket,connect,bind -o "$trace" pxenc secrets get a >/dev/null
    check_equal 'the parent opens no socket' "$(grep -cE '^(socket|connect|bind)' "$trace")" 0
    # Type 1 SESSION, 2 REQUEST, 3 CREDENTIALS; 17 WANT_LOGIN, 18 TOKEN, 19 ANSWER.
    check_equal 'it writes and reads frames in the one order: credentials only when they are wanted' \
        "$(sed -nE 's/^(read|write)\([0-9]+, "\\x70\\x78\\x46\\x31\\x([0-9a-f]{2}).*/\1 \2/p' "$trace" |
            grep -v 'read 10' | sed -n '1,6p' | tr '\n' ' ')" \
        'write 01 write 02 read 11 write 03 read 12 write 20 '
    pxenc secrets get a >/dev/null
    strace -x -s 64 -e trace=read,write -o "$trace" pxenc secrets get a >/dev/null
    check_equal 'with an ACS token in the cache no credentials are written' \
        "$(grep -cE '^write\([0-9]+, "\\x70\\x78\\x46\\x31\\x03' "$trace")" 0
}

faults() {
    local kind
    T_TIMEOUT=2 config "\"$DCOSD_URL_main\""
    for kind in 500 503 drop; do
        last_fails "$kind again and again: status 6, with the cause" 6 "127.0.0.1" pxenc secrets get "always-$kind"
    done
    last_fails '429 again and again: status 6' 6 '429' pxenc secrets get always-429
    check_match 'a run that waits says so once' "$(pxenc secrets get always-503 2>&1 | grep -c 'waiting for the store')" '^1$'
    config "\"$DCOSD_URL_main\""
    fails_with '401 again and again: status 7' 7 '401' pxenc secrets get always-401
    fails_with '403: status 8, with the grant to give' 8 "users grant u 'dcos:secrets:default:/always-403' read" pxenc secrets get always-403
    fails_with '403 in JSON: status 8' 8 'grant' pxenc secrets get always-403json
    fails_with '404: status 9' 9 'nowhere' pxenc secrets get nowhere
    fails_with '404 in HTML, which is not the store: status 10' 10 'always-404.*cluster_url' pxenc secrets get always-404
    fails_with 'a truncated answer: status 10' 10 'truncated' pxenc secrets get always-truncate
    fails_with 'a redirect: status 10' 10 'redirect refused' pxenc secrets get always-redirect
    fails_with 'no JSON: status 10' 10 'malformed' pxenc secrets get always-garbage
    fails_with 'an empty answer: status 10' 10 'cannot be trusted' pxenc secrets get always-empty
    fails_with 'a value that is no string: status 10' 10 'malformed' pxenc secrets get always-wrongtype
    fails_with 'an answer of 16 MiB: status 10' 10 'too large' pxenc secrets get always-oversize
    for kind in drop drop-after 401 500 503 429; do
        check_equal "$kind once: the value comes all the same" "$(pxenc secrets get "once-$kind" 2>/dev/null)" 'as it was'
    done
}

# Answers that got lost: what the store holds decides.
lost() {
    check 'a create whose answer got lost is a success' bash -c 'printf v | pxenc secrets create lost --value-file - 2>&1'
    check_equal 'and the value is there' "$(pxenc secrets get lost)" v
    fails_with 'another create of it: status 14' 14 'lost' pxenc secrets create lost --generate
    check 'an update whose answer got lost is a success' bash -c 'printf two | pxenc secrets update a --force --value-file - 2>&1'
    check_equal 'and the new value is there' "$(pxenc secrets get a)" two
    check 'a delete whose answer got lost is a success' pxenc secrets delete lost --force
    fails_with 'and the secret is gone: status 9' 9 'lost' pxenc secrets get lost
    printf v | pxenc secrets create paged --value-file -
    last_fails 'a page that is not found, after a failure, deletes nothing: status 10' 10 'not the store' \
        pxenc secrets delete paged --force
    check_equal 'and the secret is there' "$(pxenc secrets get paged)" v
    fails_with 'another delete: status 9' 9 'lost' pxenc secrets delete lost --force
    check 'a create that failed once with 500 is tried again' bash -c 'printf v | pxenc secrets create late --value-file - 2>&1'
    check 'a create whose answer is cut off is settled' bash -c 'printf v | pxenc secrets create cut --value-file - 2>&1'
    T_TIMEOUT=3 config "\"$DCOSD_URL_main\""
    last_fails 'a create of which every answer gets lost: status 6, and that it may have worked' \
        6 "whether 'lost-always' was created is not known" pxenc secrets create lost-always --generate
    config "\"$DCOSD_URL_main\""
}

now_ms() { date +%s%3N; }

# A balancer that has no server answers TLS with plain HTTP.
no_tls() {
    # shellcheck disable=SC2016  # for perl
    perl -MIO::Socket::INET -e '$| = 1; my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1");
        print $s->sockport, "\n"; while (my $c = $s->accept) { sysread $c, my $hello, 1;
        print $c "HTTP/1.0 503 Service Unavailable\r\n\r\n"; close $c }' >"$T_DIR/no-tls" &
    NO_TLS_PID=$!
    wait_for 10 test -s "$T_DIR/no-tls"
    NO_TLS_PORT=$(cat "$T_DIR/no-tls")
}

failover() {
    local start
    rm -rf "$RUN_DIR"
    dcosd_start first 127.0.0.1:0 "${GRANTS[@]}" --secret a=from-first --fault '503@GET:*/sealed' --secret sealed=no
    dcosd_start second 127.0.0.2:0 "${GRANTS[@]}" --secret a=from-second --secret sealed=open
    config "[\"https://127.0.0.1:1\", \"$DCOSD_URL_second\"]"
    start=$(now_ms)
    check_equal 'the first address is dead: the second serves' "$(pxenc secrets get a 2>&1)" from-second
    check "at once ($(($(now_ms) - start)) ms)" test $(($(now_ms) - start)) -lt 2000
    config "[\"$DCOSD_URL_first\", \"$DCOSD_URL_second\"]"
    check_equal 'the first URL is asked first' "$(pxenc secrets get a)" from-first
    check_equal 'a master that is sealed: the next one serves' "$(pxenc secrets get sealed 2>&1)" open
    no_tls
    config "[\"https://127.0.0.1:$NO_TLS_PORT\", \"$DCOSD_URL_second\"]"
    check_equal 'a balancer without TLS: the next one serves' "$(pxenc secrets get a 2>&1)" from-second
    T_TIMEOUT=3 config "\"https://127.0.0.1:$NO_TLS_PORT\""
    last_fails 'it alone: status 6, and why' 6 'TLS handshake with 127.0.0.1:.*version' pxenc secrets get a
    kill "$NO_TLS_PID"
    config "[\"$DCOSD_URL_first\", \"$DCOSD_URL_second\"]"
    kill -STOP "$DCOSD_PID_first"
    start=$(now_ms)
    check_equal 'a master that hangs in TLS: the next one serves' "$(pxenc secrets get a 2>&1)" from-second
    check "after the connect timeout, paid once ($(($(now_ms) - start)) ms)" \
        test $(($(now_ms) - start)) -ge 1900 -a $(($(now_ms) - start)) -lt 3500
    kill -CONT "$DCOSD_PID_first"
    dcosd_stop first
    dcosd_stop second
    config "\"$DCOSD_URL_main\""
}

# One name with two addresses, as master.mesos has one for each master; and an NSS module that is
# loaded at its first use, after the filters.
addresses() {
    local start
    if ! unshare -m true 2>/dev/null; then
        t_skip 'one name with several addresses' 'no mount namespace to be had'
        return
    fi
    dcosd_start first 127.0.0.1:0 "${GRANTS[@]}" --secret a=from-first
    dcosd_start second "127.0.0.2:${DCOSD_URL_first##*:}" "${GRANTS[@]}" --secret a=from-second
    printf '127.0.0.1 localhost\n127.0.0.1 master.mesos\n127.0.0.2 master.mesos\n' >"$T_DIR/hosts"
    printf 'hosts: hesiod files\n' >"$T_DIR/nsswitch"
    config "\"https://master.mesos:${DCOSD_URL_first##*:}\""
    check_match 'a name with two addresses' "$(with_names pxenc secrets get a 2>&1)" '^from-(first|second)$'
    kill -STOP "$DCOSD_PID_first"
    rm -rf "$RUN_DIR"
    start=$(now_ms)
    check_equal 'the first address hangs: the second serves' "$(with_names pxenc secrets get a 2>&1)" from-second
    check 'its connect timeout is paid once, by login and get together' test $(($(now_ms) - start)) -lt 3500
    kill -CONT "$DCOSD_PID_first"
    dcosd_stop first
    check_equal 'the first address is dead: the second serves' "$(with_names pxenc secrets get a 2>&1)" from-second
    T_TIMEOUT=2 config '"https://no.such.name.invalid"'
    last_fails 'a name that nobody knows: status 6' 6 'resolve no.such.name.invalid' with_names pxenc secrets get a
    dcosd_stop second
    config "\"$DCOSD_URL_main\""
}

# with_names COMMAND…: where /etc/hosts and /etc/nsswitch.conf are the test's own.
with_names() {
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/nsswitch" /etc/nsswitch.conf &&
        exec "$@"' "$T_DIR" "$@"
}

# A machine that boots: resolv.conf and hosts come, as new files, while pxenc-fetch already runs in
# a sandbox that was set up without them.
late_names() {
    if ! unshare -m true 2>/dev/null; then
        t_skip 'a resolver config that comes late' 'no mount namespace to be had'
        return
    fi
    dcosd_start first 127.0.0.1:0 "${GRANTS[@]}" --secret a=at-last
    T_TIMEOUT=60 config "\"https://master.mesos:${DCOSD_URL_first##*:}\""
    mkdir -p "$T_DIR/etc"
    cp -a /etc/. "$T_DIR/etc" 2>/dev/null
    rm -f "$T_DIR"/etc/{resolv.conf,hosts}
    printf 'hosts: files\n' >"$T_DIR/etc/nsswitch.conf"
    rm -f "$T_DIR/late.err"
    (wait_for 20 grep -q 'waiting for the store' "$T_DIR/late.err" && cp "$T_DIR/hosts" "$T_DIR/etc/hosts.new" && mv "$T_DIR/etc/hosts.new" "$T_DIR/etc/hosts") &
    # shellcheck disable=SC2016
    check_equal 'names that come while it waits are seen' \
        "$(unshare -m bash -c 'mount --bind "$0/etc" /etc && exec pxenc secrets get a' "$T_DIR" 2>"$T_DIR/late.err")" at-last
    check_equal 'the wait is told once' "$(grep -c 'waiting for the store: resolve master.mesos' "$T_DIR/late.err")" 1
    dcosd_stop first
    config "\"$DCOSD_URL_main\""
}

# A store that comes up while we wait, as after a power cut.
late_store() {
    local port=$((20000 + RANDOM % 10000)) pid
    T_TIMEOUT=60 config "\"https://127.0.0.1:$port\""
    pxenc secrets get a >"$T_DIR/late" 2>"$T_DIR/late.err" &
    pid=$!
    wait_for 20 grep -q 'waiting for the store' "$T_DIR/late.err"
    dcosd_start first "127.0.0.1:$port" "${GRANTS[@]}" --secret a=late
    wait $pid
    check_equal 'a store that comes up during the wait' "$(cat "$T_DIR/late")" late
    check_equal 'was waited for with one word' "$(wc -l <"$T_DIR/late.err")" 1
    check_match 'that names the cause' "$(cat "$T_DIR/late.err")" "warning: waiting for the store: connect to 127.0.0.1:$port: Connection refused"
    dcosd_stop first
    config "\"$DCOSD_URL_main\""
}

tls() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 9 \
        -keyout "$T_DIR/other.key" -out "$T_DIR/other.crt" 2>/dev/null
    printf 'no certificate\n' >"$T_DIR/empty.crt"
    dcosd_start foreign 127.0.0.3:0 "${GRANTS[@]}"
    trusting "$T_DIR/other.crt" "$DCOSD_URL_main"
    fails_with 'a certificate of another CA: status 10' 10 'certificate' pxenc secrets get a
    trusting '' "$DCOSD_URL_main"
    fails_with "a certificate that the system's CAs do not know: status 10" 10 'certificate' pxenc secrets get a
    trusting "$T_DIR/empty.crt" "$DCOSD_URL_main"
    fails_with 'a CA file without a certificate: status 1' 1 'ca_cert_file' pxenc secrets get a
    trusting "$T_DIR/certs/ca.crt" "$DCOSD_URL_foreign"
    fails_with 'a certificate for another host: status 10' 10 'certificate' pxenc secrets get a
    check_equal 'no server that is not trusted saw a request' "$(cat "$T_DIR/foreign.log" 2>/dev/null)" ''
    dcosd_stop foreign
    config "\"$DCOSD_URL_main\""
}

# trusting CA URL: a config with that CA, or the system's.
trusting() {
    local ca=()
    [ -z "$1" ] || ca=(ca_cert_file "\"$1\"")
    write_config "$PXENC_CONFIG" cluster_url "\"$2\"" username_file "\"$T_DIR/username\"" \
        password_file "\"$T_DIR/password\"" "${ca[@]}"
}

logins() {
    local before i
    rm -rf "$RUN_DIR"
    before=$(requests main /auth/login)
    for i in 1 2 3; do pxenc secrets get a >/dev/null; done
    check_equal 'three runs, one login' "$(requests main /auth/login)" $((before + 1))
    rm -rf "$RUN_DIR"
    before=$(requests main /auth/login)
    local pids=()
    for i in 1 2 3 4; do
        pxenc secrets get a >"$T_DIR/par.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    check_equal 'four runs at once, one login' "$(requests main /auth/login)" $((before + 1))
    check_equal 'and four values' "$(cat "$T_DIR"/par.*)" twotwotwotwo
    rm -rf "$RUN_DIR"
    printf 'wrong\n' >"$T_DIR/password"
    before=$(requests main /auth/login)
    fails_with 'a wrong password: status 7' 7 "'u'.*password_file" pxenc secrets get a
    fails_with 'again: status 7, and when it will be asked again' 7 'not asked again for [0-9]+ s' pxenc secrets get a
    check_equal 'two runs with a wrong password, one login' "$(requests main /auth/login)" $((before + 1))
    check 'a login by hand works all the same' bash -c 'printf %s "$0" | pxenc secrets dcos login --username u --password-stdin' "$PASSWORD"
    check 'and is enough' pxenc secrets get a
    check 'logout' pxenc secrets dcos logout
    printf '%s\n' "$PASSWORD" >"$T_DIR/password"
    check 'a mended password file takes effect at once' pxenc secrets get a
    check_equal 'files on tmpfs are for their owner alone' "$(find "$RUN_DIR" -perm /077 | wc -l)" 0
}

# An ACS token that the server does not take any more: one login, and the session's end is noticed.
stale() {
    local before
    rm -rf "$RUN_DIR"
    printf %s "$PASSWORD" | pxenc secrets dcos login --username u --password-stdin
    dcosd_start first 127.0.0.1:0 "${GRANTS[@]}" --secret a=restarted
    config "\"$DCOSD_URL_first\""
    pxenc secrets get a >/dev/null
    # A server that was set up anew has another signing key.
    dcosd_stop first
    dcosd_start first "${DCOSD_URL_first#https://}" "${GRANTS[@]}" --secret a=restarted
    before=$(requests first /auth/login)
    check_equal 'a rejected ACS token is replaced' "$(pxenc secrets get a)" restarted
    check_equal 'by one login' "$(requests first /auth/login)" $((before + 1))
    dcosd_stop first
    config "\"$DCOSD_URL_main\""
}

# A refusal to log in is no verdict on a secret: never status 8, nor the advice to grant it.
refused_logins() {
    local kind want out
    for kind in 403:10 403json:7; do
        dcosd_start first 127.0.0.1:0 "${GRANTS[@]}" --secret a=one --fault "${kind%:*}@POST:/acs/*"
        config "\"$DCOSD_URL_first\""
        rm -rf "$RUN_DIR"
        want=${kind#*:}
        fails_with "a login that gets ${kind%:*}: status $want" "$want" 403 pxenc secrets get a
        rm -rf "$RUN_DIR"
        out=$(pxenc secrets get a 2>&1)
        check_not "${kind%:*} to the login: no advice to grant" grep -q 'grant it' <<<"$out"
        dcosd_stop first
    done
    config "\"$DCOSD_URL_main\""
}

stages() {
    local out
    rm -rf "$RUN_DIR"
    out=$(pxenc secrets get -v a 2>&1 >/dev/null)
    check_match 'with -v: the time of the look-up' "$out" 'resolve 127.0.0.1: [0-9.]+ ms'
    check_match 'of TCP and TLS' "$out" 'connect and TLS 127.0.0.1: [0-9.]+ ms'
    check_match 'of the login' "$out" 'login: [0-9.]+ ms'
    check_match 'of the get' "$out" 'get: [0-9.]+ ms'
}

setup || exit 1
confinement
frames
deadline
faults
lost
failover
addresses
late_names
late_store
tls
logins
stale
refused_logins
stages
t_done
