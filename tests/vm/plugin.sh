#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# cryptsetup and systemd-cryptsetup with our plugin, as it is installed, on real devices. In
# scripts/vm --systemd, with one disk.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
A=/dev/vdb
UNIT=systemd-cryptsetup@volume.service
# Not "volume": systemd takes a mapping of that name for its unit's.
MAPPING=by-hand
SECOND=a-second-passphrase

config() {
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
}

store_start() {
    dcosd_start main 127.0.0.1:443 --user u:pw --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' "$@"
}

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    # Nobody is logged in at boot.
    printf u >/etc/pxenc/username
    printf pw >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    config
    grep -q master.mesos /etc/hosts || echo '127.0.0.1 master.mesos' >>/etc/hosts
    store_start || return 1
    pxenc format $A --generate --fstype ext4 || return 1
    SECRET=$(luks2-edit --dump $A | jq -r '.tokens["0"].secret')
    pxenc secrets get "$SECRET" >"$T_DIR/key"
    printf %s "$SECOND" | cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --key-file "$T_DIR/key" $A - || return 1
    printf 'volume %s none luks,_netdev,nofail\n' $A >/etc/crypttab
    systemctl daemon-reload
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }

nothing_left() { no_mappings && ! pgrep -x 'pxenc|pxenc-fetch|cryptsetup'; }

# What the unit said since it was last started.
said() { journalctl -q -o cat _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID $UNIT)"; }

# refused NAME STATUS PATTERN: by the LUKS2 token alone, and nothing is mapped.
refused() {
    fails_with "$1" "$2" "$3" cryptsetup open --token-only $A $MAPPING
    check "$1: no mapping, no process" nothing_left
}

plain_cryptsetup() {
    check 'cryptsetup open, and nobody types a passphrase' cryptsetup open $A $MAPPING </dev/null
    check 'the filesystem inside is mounted' mount /dev/mapper/$MAPPING /mnt/a
    check_equal 'it is the one that was made' "$(findmnt -n -o FSTYPE /mnt/a)" ext4
    check 'no process is left' bash -c '! pgrep -x "pxenc|pxenc-fetch"'
    umount /mnt/a
    check 'cryptsetup close' cryptsetup close $MAPPING
    check_match 'luksDump shows the LUKS2 token readably' "$(cryptsetup luksDump $A)" "^	Secret:     $SECRET\$"
}

by_crypttab() {
    check 'a line of crypttab without a key file opens the volume' systemctl start $UNIT
    check 'as what it says' test -b /dev/mapper/volume
    check_equal 'and nobody is asked' "$(compgen -G '/run/systemd/ask-password/ask.*')" ''
    systemctl stop $UNIT
    check 'stopping the unit closes it' wait_for 60 no_mappings
}

# On systemd 252 a _netdev line does not wait for the network to be there.
late_store() {
    dcosd_stop main
    T_TIMEOUT=300 config
    console_keep "$T_DIR/console"
    check_equal 'the console is kept' $? 0
    systemctl start --no-block $UNIT
    wait_for 60 grep -q 'waiting for the store' "$T_DIR/console"
    check 'without the store the unit waits' test "$(systemctl show -P ActiveState $UNIT)" = activating
    store_start --secret "pwx/secrets/$SECRET=$(cat "$T_DIR/key")"
    check 'and opens the volume as soon as the store answers' wait_for 60 systemctl is-active $UNIT
    check 'with a mapping' test -b /dev/mapper/volume
    check_match 'having said what it waits for' "$(said)" 'pxenc: warning: waiting for the store'
    check_equal 'on the console too, once' \
        "$(grep -c 'pxenc: warning: waiting for the store' "$T_DIR/console")" 1
    kill "$CONSOLE_PID"
    systemctl stop $UNIT
    wait_for 60 no_mappings
    config
}

# answered: somebody is asked, and types the second passphrase.
answered() {
    wait_for 60 compgen -G '/run/systemd/ask-password/ask.*' || return
    printf %s "$SECOND" | /lib/systemd/systemd-reply-password 1 \
        "$(sed -n 's/^Socket=//p' /run/systemd/ask-password/ask.*)"
}

# asks NAME PATTERN: cryptsetup and systemd-cryptsetup ask, and open with what is typed.
asks() {
    check "$1: cryptsetup asks for a passphrase" \
        bash -c 'printf %s "$2" | cryptsetup open "$1" "$3"' _ $A "$SECOND" $MAPPING
    cryptsetup close $MAPPING
    keyctl clear @u # systemd keeps what was typed for a while
    systemctl start --no-block $UNIT
    check "$1: systemd-cryptsetup asks for one" answered
    check "$1: which opens the volume" wait_for 60 systemctl is-active $UNIT
    check_match "$1: the journal has the cause" "$(said)" "$2"
    systemctl stop $UNIT
    wait_for 60 no_mappings
}

# typed_in: on a terminal, once cryptsetup asks.
typed_in() {
    mkfifo "$T_DIR/keyboard"
    script -qfec "cryptsetup open $A $MAPPING" "$T_DIR/screen" <"$T_DIR/keyboard" >/dev/null &
    exec 7>"$T_DIR/keyboard"
    wait_for 30 grep -q 'Enter passphrase for /dev/vdb' "$T_DIR/screen" || return
    sleep 1
    printf '%s\n' "$SECOND" >&7
    wait_for 30 test -b /dev/mapper/$MAPPING
    exec 7>&-
    wait $!
}

wrong_secrets() {
    pxenc secrets delete "$SECRET" --force
    refused 'a missing secret' 1 'pxenc: .*has no secret'
    asks 'a missing secret' 'pxenc: .*has no secret'
    pxenc secrets create "$SECRET" --generate
    refused 'another generated key' 1 "pxenc: .*does not open keyslot 0.*see if the secret 'pwx/secrets/$SECRET' was changed"
    asks 'another generated key' 'pxenc: .*does not open keyslot 0'
    printf 'no such passphrase' | pxenc secrets update "$SECRET" --force --value-file -
    check_equal "another passphrase: cryptsetup's own status" \
        "$(cryptsetup open --token-only $A $MAPPING 2>&1; echo $?)" 2
    check 'and on a terminal it asks' typed_in
    cryptsetup close $MAPPING
    keyctl clear @u
    systemctl start --no-block $UNIT
    check 'as systemd-cryptsetup does' answered
    check 'which then opens the volume' wait_for 60 systemctl is-active $UNIT
    systemctl stop $UNIT
    wait_for 60 no_mappings
    pxenc secrets update "$SECRET" --force --value-file "$T_DIR/key"
}

tampered() {
    dd if=$A of="$T_DIR/genuine" bs=1M count=1 status=none
    luks2-edit $A '"config":{' '"config":{"flags":["allow-discards"],'
    refused 'a flag that was added to the header' 1 'pxenc: .*seal is broken'
    asks 'a flag that was added to the header' 'seal is broken'
    dd if="$T_DIR/genuine" of=$A bs=1M conv=notrunc,fsync status=none
    luks2-edit $A '"encryption":"aes-xts-plain64","sector_size"' '"encryption":"cipher_null-ecb","sector_size"'
    refused 'a null cipher' 1 'pxenc: .*cipher_null'
    dd if="$T_DIR/genuine" of=$A bs=1M conv=notrunc,fsync status=none
    check 'the genuine header opens again' cryptsetup open --test-passphrase --token-only $A
}

# cryptsetup is killed, or the store never answers.
ends() {
    local since
    dcosd_stop main
    cryptsetup open --token-only $A $MAPPING 2>/dev/null &
    wait_for 60 pgrep -x pxenc-fetch
    { kill -KILL $! && wait $!; } 2>/dev/null
    check 'cryptsetup that is killed takes pxenc and pxenc-fetch along' wait_for 60 nothing_left
    T_TIMEOUT=4 config
    since=$SECONDS
    check_equal "without the store: cryptsetup's own status" "$(cryptsetup open --token-only $A $MAPPING 2>/dev/null; echo $?)" 1
    check 'after the timeout of the config' test $((SECONDS - since)) -ge 3 -a $((SECONDS - since)) -le 20
    check 'and nothing is left of it' wait_for 60 nothing_left
    mv /usr/sbin/pxenc /usr/sbin/pxenc.away
    fails_with 'without pxenc the plugin says so' 1 "cannot run '/usr/sbin/pxenc'" cryptsetup open --token-only $A $MAPPING
    mv /usr/sbin/pxenc.away /usr/sbin/pxenc
    check 'no zombie is about' wait_for 60 bash -c '! pgrep --runstates Z'
}

setup || exit 1
plain_cryptsetup
by_crypttab
late_store
wrong_secrets
tampered
ends
t_done
