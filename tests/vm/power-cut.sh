#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Power cuts. A command runs on a disk whose writes the kernel's dm-log-writes logs; then the log is
# played back to every point at which the disk was sure of something (each flush, FUA and mark), and
# each of these disks is looked at. Runs inside scripts/vm, with four disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
# shellcheck source=../tools/power-cuts.sh
. "$here/power-cuts.sh"
export PATH=$PATH:/usr/sbin:/sbin

UUID='[0-9a-f-]{36}'

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"'
    dcosd_start main 127.0.0.1:443 --user u:pw --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets:read' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets/*:read' --hook "$CUT_HOOK" || return 1
    printf pw | pxenc secrets dcos login --username u --password-stdin
}

secret_of() { pxenc status "$1" --json | jq -r '.[0].secret'; }

# A key that neither was there at the start nor is named by the device.
unnamed_key() { pxenc secrets list volumes | grep -vxF -e "${KEYS:-none}" -e "${1#volumes/}"; }

# opens, unfinished or none, and in named what the device names.
look_at_disk() {
    local said status
    said=$(pxenc open --test "$CUT_DISK" 2>&1)
    status=$?
    echo "the device says: $said"
    named=none
    if [ $status = 0 ]; then
        state=opens named=$(secret_of "$CUT_DISK")
    elif [[ $said = *'a format of it was interrupted'* ]]; then
        state=unfinished named=$(head -c 512 "$CUT_DISK" | sed -nE "s#^uuid=($UUID)\$#volumes/\1/1#p")
    elif [[ $said = *'not a LUKS volume'* ]]; then
        state=none
    else
        state=broken
    fi
}

# The device holds what it held, or the new volume, or says that its format was interrupted; the
# store has no key that nothing names; and the same command completes.
formatted_check() {
    local state named
    look_at_disk
    case $state in
    opens) ;;
    unfinished) [ "$1" != last ] || return ;;
    none) [ "$1" != last ] && [ "$OLD" = none ] || return ;;
    *) return 1 ;;
    esac
    ! unnamed_key "$named" || return
    [ "$state" = opens ] && [ "$named" != "$OLD" ] && return
    [ "$1" != last ] || return
    pxenc format "${AGAIN[@]}" "$CUT_DISK" && pxenc open --test "$CUT_DISK" &&
        ! unnamed_key "$(secret_of "$CUT_DISK")"
}

setup || exit 1
OLD=none KEYS='' AGAIN=(--generate)
power_cut 'format of a blank disk' pxenc format --generate /dev/mapper/cut -- formatted_check

OLD=$(secret_of "$CUT_BASE") KEYS=$(pxenc secrets list volumes) AGAIN=(--force --generate)
check_match 'there is an old volume' "$OLD" "^volumes/$UUID/1\$"
power_cut 'format --force over a volume' pxenc format --force --generate /dev/mapper/cut -- formatted_check
t_done
