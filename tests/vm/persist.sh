#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A login that survives a real restart, in scripts/vm --systemd with one disk: before the restart it
# is kept, and after it a volume in fstab is mounted though nobody logs in.
set -u
here=$(dirname "$0")
T_DIR=/root/persist
mkdir -p "$T_DIR"
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
DISK=/dev/vdb
LOGIN=/etc/credstore.encrypted/pxenc.login
# Backwards, so that this file is none that has it in the clear.
PASSWORD=$(rev <<<drowssap-elbakatsimnu)
# A key that says of itself that it is random, so that it opens in milliseconds.
KEY=pxenc1:$(printf 'A%.0s' {1..86})

start_main() {
    rm -f "$T_DIR/main.log"
    dcosd_start main 127.0.0.1:443 --user "u:$PASSWORD" --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --secret "pwx/secrets/key=$KEY"
}

login() { printf %s "$PASSWORD" | pxenc secrets dcos login --username u --password-stdin --base-path pwx/secrets "$@"; }

# Nobody is logged in any more, as after a restart.
without_session() { rm -f /run/pxenc/*; }

# Which files have it. grep's status would not tell: a file that goes while it reads makes it 2.
in_the_clear() { grep -rlaF "$PASSWORD" /etc /var /root /tmp 2>/dev/null; }

before_the_restart() {
    local out
    # Made before this machine was up: after a restart its clock may be behind by seconds.
    install -d "$T_DIR/certs"
    cp "$here"/{ca,server}.{crt,key} "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' ca_cert_file '"/etc/pxenc/dcos-ca.crt"'
    start_main
    check_not 'this machine has no host key yet' test -e /var/lib/systemd/credential.secret
    out=$(login --persist 2>&1)
    check_equal 'login --persist' $? 0
    check_match 'it says where the login is kept' "$out" "kept in '/etc/credstore.encrypted'"
    check_match 'and, without a TPM2, what that protects' "$out" 'this protects backups, not a stolen machine'
    check_equal 'the file is for root alone' "$(stat -c '%a %U' "$LOGIN")" '600 root'
    check_equal 'in a folder for root alone' "$(stat -c '%a %U' "${LOGIN%/*}")" '700 root'
    echo "$PASSWORD" >/tmp/clear
    check_equal 'a file that has the password in the clear is found' "$(in_the_clear)" /tmp/clear
    rm /tmp/clear
    check_equal 'there is no other' "$(in_the_clear)" ''
    check 'a volume' pxenc format $DISK --secret key --fstype ext4
    echo "$DISK /mnt/a pxenc _netdev,nofail 0 0" >>/etc/fstab
    [ "$T_FAILED" = 0 ] || exit 1
    systemctl reboot
    sleep infinity
}

after_the_restart() {
    check_not 'after the restart nobody is logged in' compgen -G '/run/pxenc/*.acs'
    start_main
    check 'the volume in fstab is mounted, though nobody logs in' wait_for 60 mountpoint -q /mnt/a
    check 'pxenc open works, too, under the base path of the login' pxenc open $DISK --test
    check_equal 'by one login' "$(requests main '/auth/login')" 1
    umount /mnt/a
    without_session
    check 'mount, by hand' mount /mnt/a
    umount /mnt/a
    without_session
    echo "crypt $DISK none luks,_netdev,noauto" >/etc/crypttab
    systemctl daemon-reload
    check 'a line of crypttab, too' systemctl start systemd-cryptsetup@crypt
    check 'opens the volume' test -b /dev/mapper/crypt
    systemctl stop systemd-cryptsetup@crypt
    without_session
    check_equal 'a unit is handed the login by systemd, and needs no systemd-creds' \
        "$(systemd-run --quiet --pipe --wait -p "LoadCredentialEncrypted=pxenc.login:$LOGIN" \
            -p LoadCredential=pxenc.base_path:/etc/credstore/pxenc.base_path \
            -p InaccessiblePaths=/usr/bin/systemd-creds pxenc secrets get key 2>&1)" "$KEY"
}

asks_for_login() { journalctl -b -u pxenc@dev-vdb.service | grep -q 'pxenc secrets dcos login'; }

another_host_key() {
    rm -f /var/lib/systemd/credential.secret
    systemd-creds setup 2>/dev/null
    without_session
    fails_with 'with another host key: status 7, with what to do' 7 "$LOGIN.*cannot be decrypted: .*host key.*login --persist" \
        pxenc secrets get key
    check_match 'mount says the same' "$(mount /mnt/a 2>&1)" "$LOGIN.*cannot be decrypted: .*host key.*login --persist"
    check 'login --persist' login --persist
    without_session
    check 'mends it' pxenc open $DISK --test
    check_match 'logout forgets it' "$(pxenc secrets dcos logout)" 'restarts is forgotten'
    check_not 'no file is left' compgen -G '/etc/credstore*/pxenc.*'
    fails_with 'and nobody is logged in: status 7' 7 'pxenc secrets dcos login' pxenc open $DISK --test
    systemctl start --no-block pxenc@dev-vdb.service
    check 'a unit says what is missing' wait_for 60 asks_for_login
    check 'somebody logs in' login --persist
    check 'then it opens by itself: nothing is to be restarted' wait_for 120 systemctl -q is-active pxenc@dev-vdb.service
    systemctl stop pxenc@dev-vdb.service
}

[ "$PXENC_VM_BOOT" != 1 ] || before_the_restart
after_the_restart
another_host_key
dcosd_stop main
t_done
