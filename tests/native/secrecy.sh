#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Where no secret may be seen: arguments, environments, messages, files, cores. And who talks to
# the network. A password, a key, and the ACS token are looked for in all that a run leaves behind.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
PASSWORD=unmistakable-password KEY=unmistakable-passphrase
IMAGE=$T_DIR/image

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user "u:$PASSWORD" --grant 'u:dcos:secrets:default:/*:full' \
        --fault 'delay=6s@GET:*/slow' --fault 'delay=2s@PATCH:*/slow' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    truncate -s 32M "$IMAGE"
}

# traced NAME COMMAND…: every call of every process goes into $T_DIR/trace/NAME.PID, whole
# strings, environments too.
traced() {
    local name=$1
    shift
    mkdir -p "$T_DIR/trace"
    strace -ff -y -v -s 100000 -o "$T_DIR/trace/$name" "$@" >"$T_DIR/out/$name" 2>"$T_DIR/err/$name"
}

# A whole life, with -v: login, create, format, open.
life() {
    mkdir -p "$T_DIR/out" "$T_DIR/err"
    printf %s "$PASSWORD" >"$T_DIR/stdin"
    traced login pxenc secrets dcos login -v --username u --password-stdin <"$T_DIR/stdin"
    printf %s "$KEY" >"$T_DIR/stdin"
    traced create pxenc secrets create -v key --value-file - <"$T_DIR/stdin"
    rm "$T_DIR/stdin"
    traced format pxenc format -v "$IMAGE" --secret key
    traced open pxenc open -v --test "$IMAGE"
    traced wrong pxenc open -v --test "$IMAGE" -o secret=nowhere
    traced status pxenc status "$IMAGE"
    traced generated pxenc secrets create -v generated --generate
    TOKEN=$(grep -aohE 'eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+' -r "$RUN_DIR" | head -n 1)
    GENERATED=$(pxenc secrets get generated)
    check 'the whole life went well' test -n "$TOKEN" -a -n "$GENERATED" -a \
        "$(cat "$T_DIR"/err/{login,create,format,open} | grep -c 'cannot')" = 0
}

secret_in() { grep -rlaF -e "$PASSWORD" -e "$KEY" -e "$TOKEN" -e "$GENERATED" "$@"; }

secret_lines() { grep -aF -e "$PASSWORD" -e "$KEY" -e "$TOKEN" -e "$GENERATED"; }

nothing_seen() {
    grep -rh 'execve(' "$T_DIR/trace" >"$T_DIR/execs"
    check 'there is a trace to look into' test -s "$T_DIR/execs"
    check_match 'pxenc-fetch was run' "$(cat "$T_DIR/execs")" 'pxenc-fetch'
    check_not 'no secret in any argument or environment' secret_in "$T_DIR/execs"
    check_equal 'a child sees PATH and LANG alone' \
        "$(grep pxenc-fetch "$T_DIR/execs" | grep -o '\["PATH=[^]]*\]' | sort -u | sed 's/"PATH=[^"]*"/P/; s/"LANG=[^"]*"/L/')" '[P, L]'
    check_not 'no secret in any output or message, with -v' secret_in "$T_DIR/out" "$T_DIR/err"
    check_not 'no secret in the server'"'"'s log' secret_in "$T_DIR/main.log"
    check_not 'no secret in any file but the ACS token cache' \
        bash -c 'find "$1" -type f ! -path "*/trace/*" ! -path "*/run/*" -print0 | xargs -0 grep -laF -e "$2" -e "$3" -e "$4" -e "$5"' \
        _ "$T_DIR" "$PASSWORD" "$KEY" "$TOKEN" "$GENERATED"
    check_not 'no password and no key in the cache' grep -raF -e "$PASSWORD" -e "$KEY" "$RUN_DIR"
    check 'the password goes over a pipe' \
        bash -c 'grep -rhE "^write\([0-9]+<pipe:.*$1" "$0" | grep -q .' "$T_DIR/trace" "$PASSWORD"
    check_equal 'a secret is written to a pipe or to the ACS token cache, nowhere else' \
        "$(grep -rhE '^(p?write|writev|send(to|msg))' "$T_DIR/trace" | secret_lines | grep -vcE "^[a-z]+\\([0-9]+<(pipe:|$RUN_DIR/)")" 0
}

# The trace of a process, by the program that it ran last.
traces_of() { grep -lE "execve\(\"[^\"]*/$1\"" "$T_DIR"/trace/"$2".*; }

# A TLS record's head at the beginning of a traced read: handshake or data, by TLS 1.x. In the midst of
# one, random bytes would look like it now and then.
TLS_RECORD='^(read|recvfrom|recvmsg)\([0-9]+<[^>]*>, [^"]*"\\(26|27)\\3\\[13][^0-9]'

network() {
    local parent fetch
    check 'the open was traced with both processes' test "$(find "$T_DIR/trace" -name 'open.*' | wc -l)" -ge 2
    fetch=$(traces_of pxenc-fetch open)
    check 'there are traces to look into' test -s "$fetch"
    parent=$(traces_of pxenc open | grep -vxF "$fetch")
    check_equal 'the process with privileges opens no socket' "$(grep -cE '^(socket|connect|bind)\(' "$parent")" 0
    check_match 'pxenc-fetch does' "$(cat "$fetch")" '^connect\('
    check 'TLS records are seen where they are read' grep -qE "$TLS_RECORD" "$fetch"
    check_not 'the TLS session never reaches the parent' grep -qE "$TLS_RECORD" "$parent"
    check_match 'pxenc forbids its core, and being looked into' "$(cat "$parent")" \
        'prctl\(PR_SET_DUMPABLE, SUID_DUMP_DISABLE\) += 0'
    check_match 'its limit, too' "$(cat "$parent")" \
        '(setrlimit|prlimit64)\(.*RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}'
    check_equal 'pxenc links no network library' "$(ldd "$(command -v pxenc)" | grep -cE 'libcurl|libnghttp|libssl|libssh|libldap|librtmp')" 0
}

# While it waits for a slow answer, what others can see of it.
waiting() {
    local pid fetch
    printf x | pxenc secrets create slow --value-file -
    DCOS_SECRETS_USERNAME=u DCOS_SECRETS_PASSWORD=$PASSWORD pxenc secrets get slow >/dev/null &
    pid=$!
    wait_for 20 pgrep -P $pid pxenc-fetch
    fetch=$(pgrep -P $pid pxenc-fetch)
    sleep 1
    check_not 'no secret in the arguments of a running command' grep -aF "$PASSWORD" /proc/$pid/cmdline "/proc/$fetch/cmdline"
    check_equal 'pxenc is not dumpable: its /proc belongs to root' "$(stat -c %u /proc/$pid/environ)" 0
    kill -ABRT $pid
    wait $pid 2>/dev/null
    check_equal 'it leaves no core' "$(find . "$T_DIR" -maxdepth 1 -name 'core*' -type f | wc -l)" 0
    check 'pxenc-fetch does not outlive it' wait_for 20 is_dead "$fetch"
}

arguments() {
    local pid
    pxenc secrets create slow2 --value="$KEY" 2>"$T_DIR/err/value"
    check_match '--value= warns and names the better way' "$(cat "$T_DIR/err/value")" 'value-file -'
    pxenc secrets update slow --force --value="$KEY" 2>/dev/null &
    pid=$!
    wait_for 20 pgrep -P $pid pxenc-fetch
    check_match 'a command with --value= is running' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" 'update slow --force --value='
    check_not '--value= is gone from the argument list' grep -aF "$KEY" "/proc/$pid/cmdline"
    wait $pid
    check_match '--password warns and names the better way' \
        "$(pxenc secrets dcos login --username u --password "$PASSWORD" 2>&1)" 'password-stdin'
}

ulimit -c unlimited
setup || exit 1
if [ "$(id -u)" = 0 ]; then
    life
    nothing_seen
    network
else
    t_skip 'what a whole life leaves behind' 'only root may trace programs that are not dumpable'
    mkdir -p "$T_DIR/err"
    printf %s "$PASSWORD" | pxenc secrets dcos login --username u --password-stdin
fi
waiting
arguments
t_done
