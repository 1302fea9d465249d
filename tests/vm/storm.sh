#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A thousand volumes appear at once, under a real udev and systemd: each has its own service. Runs
# inside scripts/vm --systemd, with the disks of many-disk.sh, 250 volumes on each.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
DISKS=(/dev/vd[b-z]) SHARE=250
VOLUMES=$((SHARE * ${#DISKS[@]})) REFUSED=60
export T_TIMEOUT=$((300 * ${#DISKS[@]})) # who asks the store has a fraction of an emulated processor
T_PAUSE=5                                # to ask systemd about hundreds of units keeps it busy
# shellcheck source=../lib.sh
. "$here/lib.sh"

setup() {
    local secret secrets=()
    bash "$here/certs.sh" "$T_DIR/certs"
    while read -r secret; do secrets+=(--secret "base/$secret"); done <"$here/secrets"
    grep -q master.mesos /etc/hosts || echo '127.0.0.1 master.mesos' >>/etc/hosts
    dcosd_start main 127.0.0.1:443 --user u:p --grant 'u:dcos:secrets:default:/*:full' "${secrets[@]}" || return 1
    install -d /etc/pxenc
    echo u >/etc/pxenc/username
    echo p >/etc/pxenc/password
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' base_path '"base"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
}

# Every 20 MiB a partition, all at once: udev reads the new tables when sfdisk closes the disks.
appear() {
    local i disk pids=()
    {
        printf 'label: gpt\ntable-length: %d\n' $((SHARE + 1))
        for ((i = 0; i < SHARE; i++)); do echo "start=$((i * 20 + 1))MiB, size=20MiB"; done
    } >"$T_DIR/table"
    for disk in "${DISKS[@]}"; do
        sfdisk --quiet --no-tell-kernel --wipe-partitions never "$disk" <"$T_DIR/table" >/dev/null &
        pids+=($!)
    done
    wait "${pids[@]}"
    # Where udev had the disk open itself just then, it has not looked.
    for disk in "${DISKS[@]}"; do
        wait_for 60 test -b "${disk}1" || blockdev --rereadpt "$disk"
    done
}

count() { systemctl list-units --plain --no-legend --state="$1" 'pxenc@*' | wc -l; }
mappings() { compgen -G '/dev/mapper/pxenc-*' | wc -l; }
all_active() { [ "$(count active)" = $VOLUMES ]; }
# restarts [UNIT]…: how often each was.
restarts() { systemctl show -P NRestarts "${@:-pxenc@*}" | grep .; }
logins() { requests main /auth/login; }
# At one moment: between two looks, those that both see.
asking() { { pgrep -x pxenc-fetch; pgrep -x pxenc-fetch; } | sort | uniq -d | wc -l; }

tried_again() { ! restarts "$@" | grep -qx '[01]'; }

# What those said that failed.
failures() { journalctl --no-pager -b -o cat -u 'pxenc@*' -g '^pxenc: ' | sed '/warning: /d; s/^/# /'; }

opened() {
    local most=0 now start=$SECONDS
    appear
    until [ "$(mappings)" = $VOLUMES ] || [ $SECONDS -gt $((start + 3000 * ${#DISKS[@]})) ]; do
        now=$(asking)
        [ "$now" -le "$most" ] || most=$now
        sleep 0.5
    done
    echo "figure: $VOLUMES volumes, each with a uevent and a service (emulated): $((SECONDS - start)) s, $most ask at a time"
    check "$VOLUMES uevents: each has its service, and each is active" wait_for 60 all_active
    check_equal 'and its mapping' "$(mappings)" $VOLUMES
    check_equal 'none has failed' "$(count failed)" 0
    check_equal 'none was tried again' "$(restarts | sort -u)" 0
    failures
    check_equal 'one login' "$(logins)" 1
    check_equal 'and a GET each' "$(requests main '^GET')" $VOLUMES
    check "at most eight ask at a time: $most" test "$most" -ge 1 -a "$most" -le 8
    check_not 'no process is left' pgrep -x 'pxenc|pxenc-fetch'
}

# With a wrong password they are tried again and again: by the units, not by the store.
refused() {
    local before units=() start=$SECONDS count watching i
    for ((i = 1; i <= REFUSED; i++)); do
        pxenc close "${DISKS[0]}$i"
        units+=("pxenc@dev-vdb$i.service")
    done
    systemctl stop "${units[@]}"
    check_equal 'some are closed again' "$(mappings)" $((VOLUMES - REFUSED))
    echo wrong >/etc/pxenc/password
    rm -rf /run/pxenc
    before=$(logins) start=$SECONDS
    watch_requests main /auth/login >"$T_DIR/times" &
    watching=$!
    systemctl start --no-block "${units[@]}"
    check 'with a wrong password each is tried more than once' wait_for 600 tried_again "${units[@]}"
    count=$(($(logins) - before))
    kill $watching
    echo "figure: $REFUSED services with a wrong password: $count logins in $((SECONDS - start)) s"
    check 'of which at most one in 30 seconds reaches the server' test $count -ge 1 -a $count -le $((1 + (SECONDS - start) / 30))
    check_equal 'and no two of them within 30 seconds' "$(closer_than 28 "$T_DIR/times")" ''
    echo p >/etc/pxenc/password
    check 'with the right one all open by themselves' wait_for 600 all_active
}

setup || exit 1
opened
refused
dcosd_stop main
t_done
