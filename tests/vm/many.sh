#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Many volumes on real dm-crypt: open --all, and one of them dead. Runs inside scripts/vm, with the
# disk of many-disk.sh.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

DISK=/dev/vdb
HALF=100 # volumes: there are two sets of them, one that dies, and one for the clones
LATE=$((HALF - HALF / 10)) DEAD=$((2 * HALF)) OWN=$((2 * HALF + 1))

partition() { echo "$DISK$(($1 + 1))"; }

# Every so many MiB a partition, all at once.
partitions() {
    local i
    {
        printf 'label: gpt\ntable-length: %d\n' $((OWN < 128 ? 128 : OWN + 1))
        for ((i = 0; i <= OWN; i++)); do echo "start=$((i * 20 + 1))MiB, size=20MiB"; done
    } | sfdisk --quiet --no-tell-kernel --wipe-partitions never "$DISK" >/dev/null && blockdev --rereadpt "$DISK" && udevadm settle
}

setup() {
    local secret secrets=() i
    bash "$here/certs.sh" "$T_DIR/certs"
    while read -r secret; do secrets+=(--secret "base/$secret"); done <"$here/secrets"
    dcosd_start main 127.0.0.1:443 --user 'u:p' --grant 'u:dcos:secrets:default:/*:full' \
        --secret base/person=typed "${secrets[@]}" || return 1
    printf 'u\n' >"$T_DIR/username"
    printf 'p\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password" "$T_DIR/certs/ca.crt"
    install -d /etc/pxenc
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' base_path '"base"' \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" username_file "\"$T_DIR/username\"" \
        password_file "\"$T_DIR/password\""
    partitions || return 1
    for ((i = 0; i < HALF; i++)); do
        FIRST[i]=$(partition $i)
        SECOND[i]=$(partition $((HALF + i)))
    done
}

mappings() { compgen -G '/dev/mapper/pxenc-*' | wc -l; }

# When the last of the others was open, in milliseconds.
last_of() { jq "[$2] | map(.milliseconds) | max | floor" "$1"; }

# goes_on FILE: in the ten seconds before the dead one was given up, the others opened as they did
# after that: at half that pace at least, since the last of them are looked at meanwhile. Both are of
# one run, on a machine that is as slow in the one as in the other.
goes_on() {
    local given_up from during after last
    read -r given_up from during after last < <(jq -r ".[$LATE].milliseconds as \$up |
        del(.[$LATE]) | map(.milliseconds) | ([min, \$up - 10000] | max) as \$from |
        [\$up, \$from, (map(select(. >= \$from and . < \$up)) | length), (map(select(. >= \$up)) | length), max] |
        map(floor) | @tsv" "$1")
    echo "figure: beside a dead disk, $during of $HALF opened from $from to $given_up ms," \
        "when it was given up, and $after until $last ms"
    check 'while it was waited for, they opened as afterwards' \
        test "$during" -gt 0 -a $((2 * during * (last - given_up))) -ge $((after * (given_up - from)))
}

halves() {
    local alone beside
    pxenc open --all --json "${FIRST[@]}" >"$T_DIR/first"
    check_equal "$HALF volumes are mapped: status 0" $? 0
    check_equal 'all of them' "$(mappings)" $HALF
    check_equal 'with one login' "$(requests main /auth/login)" 1
    check_equal 'and as many GETs as secrets' "$(requests main '^GET')" $HALF
    # The dead disk: what is asked of it waits for ever.
    dmsetup create dead --table "0 $(blockdev --getsz "$(partition $DEAD)") linear $(partition $DEAD) 0"
    udevadm settle
    dmsetup suspend --noflush dead
    pxenc open --all --json "${SECOND[@]:0:LATE}" /dev/mapper/dead "${SECOND[@]:LATE}" >"$T_DIR/second"
    check_equal "$HALF others beside a dead disk: status 20" $? 20
    check_equal 'the dead one has status 12' "$(jq -c ".[$LATE] | [.status, .device]" "$T_DIR/second")" \
        '[12,"/dev/mapper/dead"]'
    check_equal 'all others are mapped' "$(mappings)" $((2 * HALF))
    check_equal 'still with one login' "$(requests main /auth/login)" 1
    check_equal 'and a GET for each secret' "$(requests main '^GET')" $((2 * HALF))
    alone=$(last_of "$T_DIR/first" '.[]')
    beside=$(last_of "$T_DIR/second" "del(.[$LATE])[]")
    echo "figure: $HALF mapped volumes (emulated): $alone ms, $((alone / HALF)) ms each;" \
        "$HALF more beside a dead disk: $beside ms"
    check 'and have not waited for it' test "$beside" -lt $((alone + alone / 2 + 3000))
    goes_on "$T_DIR/second"
}

# Those of this machine: all are open already, but for the dead one and the one for the clones.
search() {
    local before out
    before=$(requests main '^GET')
    out=$(pxenc open --all 2>&1)
    check_match 'without a device: all of this machine that boot may open' "$out" \
        "^$((2 * HALF + 1)) of $((2 * HALF + 2)) volumes open, 1 failed"
    check_equal 'no secret is fetched for what is open' "$(requests main '^GET')" $((before + 1))
    check_match 'the dead one is named' "$out" '^pxenc: /dev/dm-[0-9]+: it does not answer.*\(status 12\)'
}

# A copy has the same uuid, and wants the same name.
clones() {
    local own clone
    own=$(partition $OWN)
    pxenc close "$own"
    dd if="$own" of="$T_DIR/clone" bs=1M count=1 status=none
    truncate -s 20M "$T_DIR/clone"
    modprobe loop
    clone=$(losetup --find --show "$T_DIR/clone")
    check_equal 'two with one uuid: the first in the list is open, the other has status 5' \
        "$(pxenc open --all --json "$own" "$clone" 2>&1 | jq -c 'map(.status)')" '[0,5]'
    pxenc close "$own"
    check_equal 'whichever that is' \
        "$(pxenc open --all --json "$clone" "$own" 2>&1 | jq -c 'map(.status)')" '[0,5]'
    pxenc close "$clone"
    check 'with --test both are proven' pxenc open --all --test "$own" "$clone"
    losetup --detach "$clone"
}

available_mib() { awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }

# How many compute a costly key just now: nothing else of pxenc's is as big.
costly_now() { ps -C pxenc -o rss= | awk '$1 > 128 * 1024 { n++ } END { print n + 0 }'; }

# at_a_time NAME COUNT: three such volumes are proven, and so many of them at once, at most.
at_a_time() {
    local most=0 now opening
    pxenc open --all --test -o secret=person "${COSTLY[@]}" >"$T_DIR/costly" 2>&1 &
    opening=$!
    while kill -0 $opening 2>/dev/null; do
        now=$(costly_now)
        [ "$now" -le "$most" ] || most=$now
        sleep 0.2
    done
    wait $opening
    check_equal "$1: all are proven" "$? $(tail -n 1 "$T_DIR/costly")" '0 3 of 3 volumes proven'
    check_equal "$1: this many at once" "$most" "$2"
}

# Keys for people cost memory on purpose: here 256 MiB each.
by_memory() {
    local i
    for i in 1 2 3; do
        COSTLY+=("$T_DIR/costly$i")
        truncate -s 20M "$T_DIR/costly$i"
        printf typed | cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-memory $((256 * 1024)) \
            --pbkdf-parallel 1 --pbkdf-force-iterations 4 "$T_DIR/costly$i" - || return
    done
    at_a_time 'memory enough: as many as processors' 2
    # Of what is left, an eighth is for others.
    mkdir "$T_DIR/ballast"
    mount -t tmpfs -o size=100% ballast "$T_DIR/ballast"
    dd if=/dev/zero of="$T_DIR/ballast/file" bs=1M count=$(($(available_mib) - 450)) status=none
    at_a_time 'memory for one' 1
    check 'and the machine has not run out of it' bash -c '! dmesg | grep -i "out of memory"'
    umount "$T_DIR/ballast"
}

setup || exit 1
halves
search
clones
dmsetup resume dead
by_memory
t_done
