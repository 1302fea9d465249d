# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
# What every shell test shares: each check prints one TAP line and is named for the behaviour.

T_FAILED=0

t_ok() { echo "ok - $1"; }

t_not_ok() {
    echo "not ok - $1"
    shift
    printf '%s\n' "$@" | sed 's/^/#   /'
    T_FAILED=$((T_FAILED + 1))
}

# t_skip NAME WHY: said aloud and counted.
t_skip() { echo "ok - $1 # SKIP $2"; }

# check NAME COMMAND…: the command succeeds.
check() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then t_ok "$name"; else t_not_ok "$name" "status $?: $*" "$out"; fi
}

# check_not NAME COMMAND…: the command fails.
check_not() {
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then t_not_ok "$name" "did not fail: $*" "$out"; else t_ok "$name"; fi
}

# check_equal NAME GOT WANTED
check_equal() {
    if [ "$2" = "$3" ]; then t_ok "$1"; else t_not_ok "$1" "got:    $2" "wanted: $3"; fi
}

# check_match NAME TEXT PATTERN: an extended regular expression.
check_match() {
    if grep -qE -- "$3" <<<"$2"; then t_ok "$1"; else t_not_ok "$1" "got: $2" "wanted: $3"; fi
}

# What a command says on standard error, but for the word that it waits, where the machine is so slow
# (T_SLOW) that even a connection to itself may take longer than 2 s.
t_errors() {
    if [ "${T_SLOW-}" ]; then grep -v 'warning: waiting for the store: .* timed out after'; else cat; fi
}

# fails_with NAME STATUS PATTERN COMMAND…: that exit status, and just one line on standard error,
# which says what the pattern wants.
fails_with() {
    local name=$1 wanted=$2 pattern=$3 got=0 err lines
    shift 3
    err=$("$@" 2>&1 >/dev/null) || got=$?
    err=$(t_errors <<<"$err")
    lines=$(grep -c . <<<"$err")
    if [ "$got" = "$wanted" ] && [ "$lines" = 1 ] && grep -qE -- "$pattern" <<<"$err"; then
        t_ok "$name"
    else
        t_not_ok "$name" "command: $*" "status $got (wanted $wanted), $lines line(s):" "$err" \
            "wanted: $pattern"
    fi
}

# wait_for SECONDS COMMAND…: until it succeeds; it is tried again after T_PAUSE seconds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep "${T_PAUSE:-0.1}"
    done
}

# is_dead PID: gone, or waiting for an init that is slow to reap.
is_dead() { ! grep -qE '^State:[[:space:]]+[^ZX]' "/proc/$1/status" 2>/dev/null; }

# console_keep FILE: what is written to the machine's console goes there (TIOCCONS, so for root in a
# VM), until $CONSOLE_PID is ended. Not by check, which would wait for it.
console_keep() {
    # shellcheck disable=SC2016  # for perl
    script -qfec 'perl -e "ioctl(STDOUT, 0x541D, 0) or die; sleep"' "$1" </dev/null >/dev/null 2>&1 &
    # shellcheck disable=SC2034  # for the caller
    CONSOLE_PID=$!
    wait_for 20 bash -c 'echo is kept >/dev/console; grep "is kept" "$1"' _ "$1"
}

# An empty folder for ACS tokens, RUN_DIR, that the build folder's pxenc takes.
t_own_run_dir() {
    RUN_DIR=$T_DIR/run
    export PXENC_TEST_RUN_DIR=$RUN_DIR
}

# The stand-in server. dcosd_start NAME LISTEN [OPTION…] sets DCOSD_PID_NAME and DCOSD_URL_NAME;
# its log is $T_DIR/NAME.log. The certificates lie in $T_DIR/certs.
dcosd_start() {
    local name=$1 listen=$2
    shift 2
    rm -f "$T_DIR/$name.out" # of a server that had the name before
    pxenc-dcosd --listen "$listen" --cert "$T_DIR/certs/server.crt" --key "$T_DIR/certs/server.key" \
        --log "$T_DIR/$name.log" "$@" >"$T_DIR/$name.out" 2>"$T_DIR/$name.err" &
    printf -v "DCOSD_PID_$name" %s $!
    wait_for 60 grep -q '^listening on' "$T_DIR/$name.out" || { # an emulated machine that boots takes long
        echo "the stand-in $name does not listen: $(cat "$T_DIR/$name.err")" >&2
        return 1
    }
    printf -v "DCOSD_URL_$name" %s "$(sed -n 's/^listening on //p' "$T_DIR/$name.out")"
}

dcosd_stop() {
    local pid="DCOSD_PID_$1"
    kill "${!pid}" 2>/dev/null && wait "${!pid}" 2>/dev/null
    return 0
}

# dcosd_control NAME ACTION [BODY]: save/X or restore/X its secrets, or put other faults in place.
dcosd_control() {
    local url="DCOSD_URL_$1"
    curl -sSf --max-time 20 --cacert "$T_DIR/certs/ca.crt" --data-binary "${3-}" "${!url}/stand-in/$2"
}

# requests NAME PATTERN: how many lines of the server's log match.
requests() { grep -cE -- "$2" "$T_DIR/$1.log" || true; }

# watch_requests NAME PATTERN: prints the second in which each further one comes, until it is killed.
watch_requests() {
    local seen count
    seen=$(requests "$1" "$2")
    while :; do
        count=$(requests "$1" "$2")
        for (( ; seen < count; seen++)); do echo $SECONDS; done
        sleep 0.5
    done
}

# closer_than SECONDS FILE: neighbours among those times that are.
closer_than() { awk -v least="$1" 'NR > 1 && $1 - last < least { print last, $1 } { last = $1 }' "$2"; }

# types COMMAND [PROMPT TEXT]…: the command on a terminal of its own, where each text is typed once its
# prompt is there. What the terminal shows is in $T_DIR/terminal.
types() {
    local command=$1 status pid
    shift
    mkfifo "$T_DIR/keyboard"
    script -qefc "$command" /dev/null <"$T_DIR/keyboard" >"$T_DIR/terminal" &
    pid=$!
    exec 9>"$T_DIR/keyboard"
    while [ $# -gt 0 ]; do
        wait_for 10 grep -q "$1" "$T_DIR/terminal"
        sleep 0.3
        printf '%s\n' "$2" >&9
        shift 2
    done
    wait $pid
    status=$?
    exec 9>&-
    rm "$T_DIR/keyboard"
    return $status
}

# write_config FILE [KEY VALUE]…: a config whose "dcos" object has these members (JSON values).
write_config() {
    local file=$1 members=
    shift
    while [ $# -gt 0 ]; do
        members+="${members:+, }\"$1\": $2"
        shift 2
    done
    printf '{"secret": {"secret_type": "dcos", "dcos": {%s}}, "timeout": %s}\n' "$members" \
        "${T_TIMEOUT:-10}" >"$file"
    chmod 600 "$file"
}

t_done() { [ "$T_FAILED" = 0 ]; }
