#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# One volume, end to end, on real dm-crypt. Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

A=/dev/vdb B=/dev/vdc
USER_PASSWORD='correct horse'
CLUSTER_VALUE='a passphrase for the cluster'
VOLUME_VALUE='one for this volume'

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    printf '%s\n' portworx >/etc/pxenc/username
    printf '%s\n' "$USER_PASSWORD" >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
    dcosd_start main 127.0.0.1:443 --user "portworx:$USER_PASSWORD" \
        --grant 'portworx:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'portworx:dcos:secrets:list:default:/pwx/secrets:read' --grant 'portworx:dcos:secrets:list:default:/pwx/secrets/*:read'
    mkdir -p /mnt/a /mnt/b
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }
mapping_gone() { wait_for 60 no_mappings; }
mounted_fs() { findmnt -n -o FSTYPE "$1"; }
wipe() { wipefs -aq "$1"; dd if=/dev/zero of="$1" bs=1M count=20 conv=notrunc status=none; }

# Format, mount, write, unmount, mount: the same bytes.
round_trip() {
    local fstype=$1 sum
    wipe $A
    check "$fstype: format makes the volume and its filesystem" pxenc format $A --generate --fstype "$fstype"
    check "$fstype: mount -t pxenc" mount -t pxenc $A /mnt/a
    check_equal "$fstype: the filesystem inside is mounted" "$(mounted_fs /mnt/a)" "$fstype"
    dd if=/dev/urandom of=/mnt/a/file bs=64k count=16 status=none
    sum=$(sha256sum </mnt/a/file)
    check "$fstype: umount" umount /mnt/a
    check "$fstype: the mapping is gone after umount" mapping_gone
    check "$fstype: mount again" mount -t pxenc $A /mnt/a
    check "$fstype: it is mounted" mountpoint -q /mnt/a
    check_equal "$fstype: the same bytes are there" "$(sha256sum </mnt/a/file)" "$sum"
    umount /mnt/a
    mapping_gone
}

cipher_in_kernel() {
    local name table
    pxenc open $A crypt
    table=$(dmsetup table crypt)
    check_match 'dmsetup table: aes-xts-plain64 with a 64-byte key in the kernel keyring' "$table" \
        '^0 [0-9]+ crypt aes-xts-plain64 :64:logon:cryptsetup:'
    check_match '4096-byte sectors where the device allows' "$table" 'sector_size:4096'
    name=$(pxenc status crypt --json | jq -r '.[0].driver')
    check_equal 'status names the driver that serves the mapping: aesni' "$name" xts-aes-aesni
    check_match '/proc/crypto says the same, in use' \
        "$(awk '/^driver/{d=$3} /^refcnt/{if (d=="xts-aes-aesni") print $3}' /proc/crypto)" '^([2-9]|[0-9]{2,})$'
    check_equal 'status --json: the key lies in the keyring' \
        "$(pxenc status crypt --json | jq -r '.[0].key_in_keyring')" true
    pxenc close crypt
    check 'close removes the mapping' mapping_gone
}

last_unmount() {
    exec 7>&-
    mount -t pxenc $A /mnt/a
    exec 7</mnt/a/file
    umount -l /mnt/a
    check_not 'after umount -l the mapping stays while a file is open' no_mappings
    exec 7<&-
    check 'after umount -l the mapping goes when the last user leaves' mapping_gone

    mount -t pxenc $A /mnt/a
    check 'a second mount of the same volume elsewhere works' mount -t pxenc $A /mnt/b
    umount /mnt/a
    fails_with 'open of what goes with its last unmount is refused' 5 'last unmount' pxenc open $A
    check 'the second mount outlives the first' cat /mnt/b/file
    umount /mnt/b
    check 'and the mapping goes with the last of them' mapping_gone

    pxenc open $A stay
    mount -t pxenc $A /mnt/a
    umount /mnt/a
    sleep 1
    check 'a volume opened by pxenc open stays open after its mount is gone' test -e /dev/mapper/stay
    check 'and is opened only once' mount -t pxenc $A /mnt/a
    fails_with 'remount is not pretended' 1 'mount -i -o remount' mount -o remount,ro -t pxenc $A /mnt/a
    fails_with 'close of a mounted volume: busy' 5 'stay' pxenc close stay
    umount /mnt/a
    pxenc close $A
    check 'close takes a device as well' mapping_gone
    fails_with 'close of what is not open' 4 'not open' pxenc close stay
}

# Mounts and unmounts the volume at a folder, again and again; what fails is said.
churn() {
    local i
    for i in 1 2 3 4 5 6 7 8; do
        mount -t pxenc $A "$1" || echo "mount $i failed"
        umount "$1"
    done
}

# Whoever mounts while somebody else is the last to unmount finds a mapping that is about to go.
two_at_once() {
    churn /mnt/a >"$T_DIR/churn.a" 2>&1 &
    churn /mnt/b >"$T_DIR/churn.b" 2>&1
    wait $!
    check_equal 'mounts and unmounts of one volume by two at once: none fails' \
        "$(grep -v 'warning: waiting for the store' "$T_DIR/churn.a" "$T_DIR/churn.b")" ''
    check 'and the mapping is gone in the end' mapping_gone
}

fstab() {
    echo "$A /mnt/a pxenc _netdev,nofail,x-systemd.mount-timeout=90s 0 0" >/etc/fstab
    check 'mount -a mounts the fstab line' mount -a
    check 'mount -a twice is harmless' mount -a
    check_equal 'and mounts it once' "$(findmnt -n -o TARGET /mnt/a | wc -l)" 1
    check_match 'systemd finds _netdev beside the mount' "$(cat /run/mount/utab)" '^SRC=/dev/mapper/.* OPTS=.*_netdev'
    umount /mnt/a
    for _ in 1 2 3; do mount /mnt/a && umount /mnt/a; done
    check 'and what is kept there does not grow from mount to mount' test "$(wc -l </run/mount/utab)" -le 1
    rm /etc/fstab
    mapping_gone
}

options() {
    check 'ro mounts read-only' mount -t pxenc -o ro $A /mnt/a
    check_not 'ro: nothing can be written' touch /mnt/a/x
    check_equal 'ro: the mapping is read-only too' "$(blockdev --getro "$(findmnt -n -o SOURCE /mnt/a)")" 1
    umount /mnt/a
    mapping_gone

    mount -t pxenc -o discard $A /mnt/a
    check_match 'discard: the mapping passes discards on' \
        "$(dmsetup table "$(basename "$(findmnt -n -o SOURCE /mnt/a)")")" allow_discards
    check_match 'discard: the filesystem discards' "$(findmnt -n -o OPTIONS /mnt/a)" discard
    umount /mnt/a
    mapping_gone

    fails_with 'fstype= is believed' 32 'vfat' mount -t pxenc -o fstype=vfat $A /mnt/a
    check 'a failed mount leaves no mapping' mapping_gone
    fails_with 'and so is -t pxenc.vfat' 32 'vfat' mount -t pxenc.vfat $A /mnt/a
    check 'which leaves none either' mapping_gone
    check '-t pxenc.ext4 says what is inside' mount -t pxenc.ext4 $A /mnt/a
    umount /mnt/a
    mapping_gone

    check '-o fsck checks and mounts' mount -t pxenc -o fsck $A /mnt/a
    umount /mnt/a
    mapping_gone
    check '-f unlocks and mounts nothing' mount -f -t pxenc $A /mnt/a
    check '-f leaves no mapping' no_mappings
    check_not '-f leaves no mount' mountpoint -q /mnt/a

    unshare -m sleep 600 &
    local ns=$!
    wait_for 60 grep -qx sleep "/proc/$ns/comm"
    check '-N mounts in another mount namespace' mount -N "$ns" -t pxenc $A /mnt/a
    check_not '-N leaves our own namespace alone' mountpoint -q /mnt/a
    check '-N: the mount is there' nsenter -t "$ns" -m mountpoint -q /mnt/a
    kill "$ns"
    wait "$ns" 2>/dev/null
    check '-N: the mapping goes when the namespace goes' mapping_gone
}

# A stand-in for the filesystem's own fsck, which says that it left errors.
fsck_is_asked() {
    printf '#!/bin/sh\necho "$@" >/run/fsck-args\nexit 4\n' >/root/fsck
    chmod 755 /root/fsck
    mount --bind /root/fsck /sbin/fsck.ext4
    check 'without -o fsck it is not called' \
        bash -c 'mount -t pxenc "$0" /mnt/a && umount /mnt/a && ! test -e /run/fsck-args' $A
    mapping_gone
    fails_with '-o fsck: errors that are left stop the mount' 32 'left errors' mount -t pxenc -o fsck $A /mnt/a
    check_match '-o fsck: it is called for the mapping' "$(cat /run/fsck-args)" '^-a /dev/mapper/pxenc-'
    check '-o fsck: no mapping is left' mapping_gone
    umount /sbin/fsck.ext4
}

# The helper's own flags, as it is called by hand.
flags() {
    check 'mount.pxenc -r' /usr/sbin/mount.pxenc $A /mnt/a -r
    check_match '-r mounts read-only' "$(findmnt -n -o OPTIONS /mnt/a)" '^ro'
    umount /mnt/a
    mapping_gone
    check 'mount.pxenc -w -n' /usr/sbin/mount.pxenc $A /mnt/a -w -n -o _netdev
    check_match '-w mounts for writing' "$(findmnt -n -o OPTIONS /mnt/a)" '^rw'
    check_not '-n leaves no line in utab' grep -q 'TARGET=/mnt/a ' /run/mount/utab
    umount /mnt/a
    mapping_gone
    check_match '-v tells the stages' "$(/usr/sbin/mount.pxenc -v $A /mnt/a 2>&1)" 'stage mount: '
    check_equal 'doctor finds nothing wrong with a mounted volume' "$(pxenc doctor $A | grep -c ^failed)" 0
    check_match 'doctor says that it is open' "$(pxenc doctor $A)" '^ok +mapping: it is open, as pxenc-'
    check_match 'and that the kernel has dm-crypt' "$(pxenc doctor)" '^ok +kernel:'
    check_match 'the table shows the volume with its driver' "$(pxenc status)" 'pxenc-.*xts-aes-aesni.*/mnt/a'
    umount /mnt/a
    mapping_gone
    pxenc open $A held
    exec 7</dev/mapper/held
    check 'close --deferred of what is held' pxenc close --deferred held
    check 'leaves it until then' test -e /sys/block/dm-0
    exec 7<&-
    check 'and not longer' mapping_gone
}

# The sectors written and discarded since the machine started: hashing a disk takes far longer here.
written() { sync && awk '{ print $7, $14 }' "/sys/block/${1#/dev/}/stat"; }

# harmless NAME STATUS PATTERN [OPTION…]: open fails so, maps nothing, and changes nothing.
harmless() {
    local name=$1 before
    before=$(written $A)
    fails_with "$1" "$2" "$3" pxenc open $A "${@:4}"
    check "$name: no mapping" no_mappings
    check_equal "$name: the device is unchanged" "$(written $A)" "$before"
}

harmless_failures() {
    local config=/etc/pxenc/config.json before
    before=$(written $A)
    dd if=$A of=$A bs=512 count=1 conv=notrunc status=none
    check 'a write to the device is noticed, be it of what is there already' [ "$(written $A)" != "$before" ]
    cp $config /root/config
    mv /etc/pxenc/dcos-ca.crt /root/ca
    harmless 'a missing CA: status 1' 1 'dcos-ca.crt'
    mv /root/ca /etc/pxenc/dcos-ca.crt
    sed -i 's/"store"/"st0re"/; s/"base_path"/"basepath"/' $config
    harmless 'an unknown key in the config: status 1' 1 'basepath'
    cp /root/config $config
    sed -i 's#"pwx/secrets"#"elsewhere"#' $config
    harmless 'a forbidden path: status 8' 8 'org users grant'
    cp /root/config $config
    echo wrong >/etc/pxenc/password
    rm -rf /run/pxenc
    harmless 'a rejected login: status 7' 7 'portworx'
    printf '%s\n' "$USER_PASSWORD" >/etc/pxenc/password
    fails_with 'a device that is no LUKS volume: status 4' 4 'not a LUKS volume' pxenc open $B
    dd if=$A of=/root/genuine bs=1M count=16 status=none
    luks2-edit $A '"offset":"16777216"' '"offset":"16781312"' >/dev/null
    harmless 'a header that was changed: status 11, before activation' 11 'seal'
    fails_with 'a header that was changed is not mounted' 32 'seal' mount -t pxenc $A /mnt/a
    check 'nor mapped' no_mappings
    dd if=/root/genuine of=$A bs=1M conv=notrunc,fsync status=none
    check 'and the genuine header opens again' pxenc open --test $A
}

clone() {
    dd if=$A of=$B bs=1M status=none
    mount -t pxenc $A /mnt/a
    fails_with 'a clone of an open volume is refused, with a word about name=' 5 'name=' pxenc open $B
    fails_with 'its unit is told by a status of its own, and does not try again' 16 'name=' pxenc open --service $B
    fails_with 'mount says the same' 32 'name=' mount -t pxenc $B /mnt/b
    check 'the clone mounts with name=' mount -t pxenc -o name=clone $B /mnt/b
    check_equal 'and it is the clone that is mounted' "$(ls /sys/block/"$(basename "$(readlink -f /dev/mapper/clone)")"/slaves)" vdc
    umount /mnt/a /mnt/b
    mapping_gone
    pxenc open $A one
    fails_with 'a device mapped under another name is refused' 5 'as one' pxenc open $A two
    check 'and opening it again by the same name is a success' pxenc open $A one
    pxenc close one
    wipe $B
}

# Keys as the DC/OS page on secrets has them, and volumes that cryptsetup made or opens.
keys() {
    printf %s "$VOLUME_VALUE" | pxenc secrets create volume-key --value-file -
    printf %s "$CLUSTER_VALUE" | pxenc secrets create pwx/secrets/cluster-wide-secret-key --value-file -
    wipe $A
    check 'format --secret takes the volume'"'"'s own key' pxenc format $A --secret volume-key --fstype ext4
    check 'it mounts without being told the key' mount -t pxenc $A /mnt/a
    umount /mnt/a
    mapping_gone
    check 'cryptsetup luksOpen opens it with the value typed in' \
        bash -c 'printf %s "$1" | cryptsetup luksOpen --disable-external-tokens --key-file - "$2" bare' _ "$VOLUME_VALUE" $A
    cryptsetup close bare
    check 'set-cluster-key, once' pxenc secrets set-cluster-key --secret pwx/secrets/cluster-wide-secret-key
    check_equal 'the setting is kept in the store' "$(pxenc secrets get pxenc/cluster)" cluster-wide-secret-key
    wipe $B
    check_match 'format takes the cluster key when one is set' "$(pxenc format $B --fstype xfs)" cluster-wide
    check 'it mounts' mount -t pxenc $B /mnt/b
    umount /mnt/b
    mapping_gone
    wipe $B

    printf %s "$VOLUME_VALUE" | cryptsetup -q luksFormat --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $B -
    printf %s "$VOLUME_VALUE" | cryptsetup open $B made --key-file -
    mkfs.ext4 -q /dev/mapper/made
    cryptsetup close made
    check 'a LUKS2 volume of cryptsetup mounts with -o secret=' mount -t pxenc -o secret=volume-key $B /mnt/b
    umount /mnt/b
    mapping_gone
    wipe $B
    printf %s "$VOLUME_VALUE" | cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 $B -
    printf %s "$VOLUME_VALUE" | cryptsetup open $B made --key-file -
    mkfs.ext4 -q /dev/mapper/made
    cryptsetup close made
    check 'a LUKS1 volume mounts with -o secret=' mount -t pxenc -o secret=volume-key $B /mnt/b
    umount /mnt/b
    mapping_gone
}

generated_key_is_a_passphrase() {
    local path
    wipe $B
    check 'format --generate, where there is a cluster key' pxenc format $B --generate
    path=$(pxenc status $B --json | jq -r '.[0].secret')
    check_match 'a generated key lies at volumes/UUID/1' "$path" '^volumes/[0-9a-f-]{36}/1$'
    check 'and its text opens the volume in cryptsetup' \
        bash -c 'pxenc secrets get "$1" | cryptsetup open --disable-external-tokens --key-file - "$2" bare && cryptsetup close bare' _ "$path" $B
}

failures() {
    local before
    printf %s wrong | pxenc secrets create wrong --value-file -
    before=$(written $A)
    fails_with 'mount with a wrong key says so' 32 'opens no keyslot' mount -t pxenc -o secret=wrong $A /mnt/a
    fails_with 'open with a wrong key: status 2' 2 'opens no keyslot' pxenc open $A -o secret=wrong
    fails_with 'open with a missing secret: status 9' 9 'nowhere' pxenc open $A -o secret=nowhere
    check 'no mapping is left behind' no_mappings
    check_equal 'the device is unchanged' "$(written $A)" "$before"
    fails_with 'format refuses a device with a volume on it' 15 'crypto_LUKS' pxenc format $A
    check_equal 'and leaves it unchanged' "$(written $A)" "$before"
    mkfs.ext4 -qF $B
    fails_with 'format refuses a device with a filesystem' 15 'ext4' pxenc format $B
    wipe $B
    echo 'label: gpt' | sfdisk -q $B
    fails_with 'format refuses a device with a partition table' 15 'gpt' pxenc format $B
    wipe $B
    mount -t pxenc $A /mnt/a
    fails_with 'format refuses a device in use' 5 'in use' pxenc format --force $A
    umount /mnt/a
    mapping_gone
}

# The store is needed to open, never to go on: a mounted volume does not care, nor does umount.
store_gone() {
    mount -t pxenc $A /mnt/a
    dcosd_stop main
    check 'without the store a mounted volume goes on' touch /mnt/a/still
    check 'without the store umount works' umount /mnt/a
    mapping_gone
    pxenc open $A -o timeout=15 2>/tmp/err
    check_equal 'without the store open ends by the deadline: status 6' $? 6
    check_match 'with one word while it waits' "$(head -n 1 /tmp/err)" 'waiting for the store'
    check_match 'and one at the end that names what was tried' "$(tail -n +2 /tmp/err)" '^pxenc: .*https://master.mesos'
    check 'and leaves no mapping' no_mappings
}

setup || exit 1
round_trip ext4
cipher_in_kernel
last_unmount
two_at_once
fstab
options
flags
fsck_is_asked
harmless_failures
clone
round_trip xfs
keys
generated_key_is_a_passphrase
failures
store_gone
t_done
