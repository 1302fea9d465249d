#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Under a real systemd and udev, in scripts/vm --systemd, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
A=/dev/vdb
SLOW='delay=8s@GET:*/slow'

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a /mnt/b
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"'
    grep -q master.mesos /etc/hosts || echo '127.0.0.1 master.mesos' >>/etc/hosts
    userdel pxenc 2>/dev/null
    systemd-sysusers
    dcosd_start main 127.0.0.1:443 --user 'u:pw' --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --fault "$SLOW"
}

setup || exit 1
check 'the package brings the system user pxenc' getent passwd pxenc
check 'secrets dcos login' bash -c 'printf pw | pxenc secrets dcos login --username u --password-stdin'
check 'format' pxenc format $A --generate --fstype ext4
cat >/etc/fstab <<END
$A /mnt/a pxenc _netdev,nofail,x-systemd.mount-timeout=90s 0 0
END
systemctl daemon-reload
check 'a mount unit from fstab mounts the volume' systemctl start mnt-a.mount
check_equal 'with the filesystem inside' "$(findmnt -n -o FSTYPE /mnt/a)" ext4
check_match 'ordered after the network, as _netdev asks' "$(systemctl show -p After mnt-a.mount)" network-online.target
check 'a second mount elsewhere works' mount -t pxenc $A /mnt/b
check 'stopping the unit leaves the second mount' bash -c 'systemctl stop mnt-a.mount && mountpoint -q /mnt/b'
check 'umount of the second' umount /mnt/b
check 'and then the mapping is gone' wait_for 60 no_mappings
check 'mount -a' mount -a
check 'mount -a again' mount -a
umount /mnt/a
check 'the mapping is gone again' wait_for 60 no_mappings

# The store is away: at a boot somebody may stand before the console.
console_keep "$T_DIR/console"
check_equal 'the console is kept' $? 0
dcosd_control main faults 'drop@*:*#*+0'
systemctl start --no-block mnt-a.mount
check 'a mount unit that waits says so on the console' \
    wait_for 60 grep -q 'mount.pxenc: warning: waiting for the store' "$T_DIR/console"
mount -t pxenc $A /mnt/b 2>"$T_DIR/by-hand" &
by_hand=$!
check 'a mount by hand says so where it was typed' wait_for 60 grep -q 'waiting for the store' "$T_DIR/by-hand"
dcosd_control main faults "$SLOW"
check 'the store is back: both mount' wait_for 60 bash -c 'mountpoint -q /mnt/a && mountpoint -q /mnt/b'
wait $by_hand
check_equal 'the console was told once, by the unit' "$(grep -c 'waiting for' "$T_DIR/console")" 1
check_equal 'and the journal once' "$(journalctl -u mnt-a.mount | grep -c 'waiting for')" 1
kill "$CONSOLE_PID"
umount /mnt/a /mnt/b
check 'and the mapping goes with them' wait_for 60 no_mappings

# slow_fetch: the pid of a pxenc-fetch that waits for an answer, in fetch.
slow_fetch() {
    pxenc secrets get slow >/dev/null &
    waiting=$!
    wait_for 60 is_confined
}
is_confined() { fetch=$(pgrep -x pxenc-fetch) && grep -qE '^Seccomp:[[:space:]]*2' "/proc/$fetch/status"; }

printf x | pxenc secrets create slow --value-file -
slow_fetch
check_equal 'pxenc-fetch runs as the user pxenc' "$(awk '/^Uid/{print $2}' "/proc/$fetch/status")" "$(id -u pxenc)"
check_equal 'and its environment belongs to root' "$(stat -c %U "/proc/$fetch/environ")" root
wait $waiting

# The guard as a service, with the rights that its unit leaves it: a secret is deleted, and put back.
secret=volumes/$(cryptsetup luksUUID $A)/1
suspended() { grep -q "$1" /sys/block/dm-*/dm/suspended; }
# It suspends nothing that it has not seen granted.
granted() { requests main "^GET /secrets/.*/$secret 200\$"; }
granted_again() { [ "$(granted)" -gt "$asked" ]; }
guard_said() { journalctl -q -u pxenc-guard | grep -qE -- "$1"; }
check_equal 'pxenc-guard is there, and off' "$(systemctl is-enabled pxenc-guard)" disabled
install -d /etc/systemd/system/pxenc-guard.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/pxenc guard --interval 2\n' >/etc/systemd/system/pxenc-guard.service.d/often.conf
systemctl daemon-reload
mount /mnt/a
pxenc secrets get "$secret" >"$T_DIR/key"
asked=$(granted)
systemctl start pxenc-guard
check 'started, it says so in the journal' wait_for 60 guard_said 'every 2 s'
check 'and asks for the secret' wait_for 60 granted_again
pxenc secrets delete "$secret" --force
check 'it suspends the volume whose secret is deleted' wait_for 90 suspended 1
check 'and says so' wait_for 60 guard_said 'is suspended: the store has its secret .* no more'
pxenc secrets create "$secret" --value-file "$T_DIR/key"
check 'it resumes it when the secret is back' wait_for 90 suspended 0
check 'and says so, too' wait_for 60 guard_said 'is resumed'
systemctl stop pxenc-guard
check 'its stop leaves the volume as it is' mountpoint -q /mnt/a
umount /mnt/a
check 'which goes with its unmount, the guard having been there' wait_for 60 no_mappings

userdel pxenc
slow_fetch
uid=$(awk '/^Uid/{print $2}' "/proc/$fetch/status")
check 'without that user, under an unallocated uid' test "$uid" -ge 61184 -a "$uid" -le 65519
check_not 'which no passwd entry has' getent passwd "$uid"
wait $waiting
dcosd_stop main
t_done
