#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A reencryption was killed, and while open recovers it somebody goes on with it by cryptsetup: the one
# keeps out of the other's way, and no byte of the data is lost. On a plain file, by what open does
# before it maps a device.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
OTHER='' MINE=''
trap 'kill -KILL $OTHER $MINE 2>/dev/null; dcosd_stop main; rm -rf "$T_DIR"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image
RESUME=(cryptsetup reencrypt --resume-only --force-offline-reencrypt -q --key-file "$T_DIR/key"
    --hotzone-size 4M "$IMAGE")

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    printf p | pxenc secrets dcos login --username u --password-stdin
    truncate -s 80M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null || return 1
    UUID=$(cryptsetup luksUUID "$IMAGE")
    pxenc secrets get "volumes/$UUID/1" >"$T_DIR/key"
    chmod 600 "$T_DIR/key"
    dd if=/dev/urandom of="$IMAGE" bs=1M seek=16 count=64 conv=notrunc status=none
}

header() { cryptsetup luksDump --disable-locks --dump-json-metadata "$IMAGE"; }
is_begun() { header | jq -e '(.config.requirements.mandatory == ["online-reencrypt-v2"]) and
    (any(.segments[]; .flags == ["in-reencryption"]) | not)' >/dev/null; }
is_copying() { header | jq -e 'any(.segments[]; .flags == ["in-reencryption"])' >/dev/null; }
is_done() { [ "$(header | jq -c .config.requirements)" = null ]; }
first_part() { head -c 16M "$IMAGE" | sha256sum; }
data() { tail -c +$((16 * 1048576 + 1)) "$IMAGE" | sha256sum; }
# It may have been in the last part.
resume() {
    is_done || timeout 60 "${RESUME[@]}"
}
repair_and_resume() { timeout 60 cryptsetup repair -q --key-file "$T_DIR/key" "$IMAGE" && resume; }
recover() { luks2-recover "$IMAGE" "$T_DIR/key"; }

# A rotate that is killed before it copies anything.
begin() {
    local n
    cp "$IMAGE" "$T_DIR/whole"
    for ((n = 1; n < 120; n++)); do
        cp "$T_DIR/whole" "$IMAGE"
        (strace -qq -o /dev/null -e trace=write -e inject=write:signal=KILL:when=$n \
            pxenc rotate "$IMAGE" --reencrypt; true) >/dev/null 2>&1
        is_begun && cp "$IMAGE" "$T_DIR/begun" && resume && return
    done
    return 1
}

end_other() {
    kill -KILL "$OTHER"
    wait "$OTHER"
    OTHER=
} 2>/dev/null
is_held() { grep -q '^State:.*stop' "/proc/$OTHER/status"; }

# Somebody goes on with it, and is stopped in the midst of a part.
stop_copying() {
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        cp "$T_DIR/begun" "$IMAGE"
        "${RESUME[@]}" >/dev/null 2>&1 &
        OTHER=$!
        wait_for 10 is_copying
        kill -STOP "$OTHER" && wait_for 10 is_held && is_copying && return
        end_other
    done
    return 1
}

another_at_it() {
    local before status
    stop_copying || t_not_ok 'another program is in the midst of it'
    before=$(first_part)
    recover >"$T_DIR/out" 2>&1
    status=$?
    check_equal 'what open does meanwhile: status 5' $status 5
    check_match 'and why' "$(cat "$T_DIR/out")" 'written anew .* by another program'
    check_equal 'the header is as it was' "$(first_part)" "$before"
    kill -CONT "$OTHER"
    wait "$OTHER"
    OTHER=
    check 'the other ends well' is_done
    check_equal 'and the data is right' "$(data)" "$WANTED"
}

# luks2-recover stops at each fsync of the image. Those of libcryptsetup, under its locks, are not meant.
may_lock() { flock -n -x "$1" true; }
is_stopped() {
    local lock
    MINE=$(pgrep -P "$1" -x luks2-recover) && grep -q '^State:.*stop' "/proc/$MINE/status" || return 1
    for lock in "$IMAGE" /run/cryptsetup/*"$UUID"*; do
        [ ! -e "$lock" ] || may_lock "$lock" || {
            kill -CONT "$MINE"
            return 1
        }
    done
}
go_on() { while kill -CONT "$MINE" 2>/dev/null; do sleep 0.1; done; }

# Its own recovery is in memory still, and somebody else's on the disk.
another_was_faster() {
    local status tracer
    stop_copying
    end_other
    check 'it was killed' is_copying
    strace -f -qq -o "$T_DIR/trace" -P "$IMAGE" -e trace=fsync -e inject=fsync:signal=STOP \
        luks2-recover "$IMAGE" "$T_DIR/key" >"$T_DIR/out" 2>&1 &
    tracer=$!
    wait_for 30 is_stopped $tracer || t_not_ok 'open is in the midst of its recovery'
    check 'another program recovers it, and goes on to the end' repair_and_resume
    go_on &
    wait $tracer
    status=$?
    check_equal 'open ends with status 5' $status 5
    check 'the header stays that of what is done' is_done
    check_equal 'and the data is right' "$(data)" "$WANTED"
}

alone() {
    stop_copying
    end_other
    check 'a recovery beside nobody' recover
    check 'and the rest' resume
    check_equal 'give the data of a run that was never killed' "$(data)" "$WANTED"
}

setup || exit 1
check 'a rotate --reencrypt is killed at its beginning' begin
WANTED=$(data)
another_at_it
another_was_faster
alone
t_done
