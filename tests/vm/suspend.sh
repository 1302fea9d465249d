#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Volumes whose key leaves the kernel and comes back, or that are closed by force, on real dm-crypt.
# Runs inside scripts/vm, with two disks.
set -u
here=$(dirname "$0")
T_DIR=$(mktemp -d)
export T_TIMEOUT=75 T_SLOW=1 # the emulated machine may be slow
# shellcheck source=../lib.sh
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin

A=/dev/vdb B=/dev/vdc

serve() {
    dcosd_start main 127.0.0.1:443 --user 'u:pw' --user 'root:root' \
        --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'root:dcos:superuser:full' "$@" ||
        wait_for 60 grep -q '^listening on' "$T_DIR/main.out"
}

setup() {
    bash "$here/certs.sh" "$T_DIR/certs"
    install -d /etc/pxenc /mnt/a /mnt/b
    cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
    printf 'u\n' >/etc/pxenc/username
    printf 'pw\n' >/etc/pxenc/password
    chmod 600 /etc/pxenc/*
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
    serve
}

no_mappings() { ! compgen -G '/sys/block/dm-*' >/dev/null; }
mapping_gone() { wait_for 60 no_mappings; }
state() { pxenc status "$1" --json 2>/dev/null | jq -r '.[0].state'; }
# As the kernel has it, without a program of ours.
flag_of() {
    local name
    name=$(grep -lx "$1" /sys/block/dm-*/dm/name) && cat "${name%name}suspended"
}
is_suspended() { [ "$(flag_of "$1")" = 1 ]; }
is_open() { [ "$(flag_of "$1")" = 0 ]; }
key_of() { dmsetup table --showkeys "$1" | cut -d' ' -f5; }
# Milliseconds that a command takes.
milliseconds() {
    local start
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    echo $((($(date +%s%N) - start) / 1000000))
}
# Two seconds, and what a loaded machine adds to them: it may take that long to start us.
in_two_seconds() { [ "$1" -lt $((2000 + 10 * $(milliseconds pxenc --version))) ]; }
# Reads the disk, not the page cache, in the background: $! is the reader.
read_direct() { dd if="$1" of=/dev/null bs=4096 count=1 iflag=direct status=none; }
is_being_read() { grep -q '[1-9]' "/sys/block/$(basename "$(realpath "/dev/mapper/$1")")/inflight"; }
# Still there, and not for want of being looked at.
still_waits() { sleep 1 && kill -0 "$1" 2>/dev/null; }

# A mapping with a filesystem, and a file in it whose bytes are on the disk.
prepare() {
    pxenc format $A --generate --fstype ext4 --force >/dev/null && pxenc open $A vol && mount /dev/mapper/vol /mnt/a &&
        dd if=/dev/urandom of=/mnt/a/file bs=64k count=16 conv=fsync status=none
    SUM=$(sha256sum </mnt/a/file)
    UUID=$(cryptsetup luksUUID $A)
}

keyless() {
    local key seen reader cached sync
    prepare
    check_match 'an open volume has its key in the kernel keyring, and the table names it' "$(key_of vol)" '^:64:logon:cryptsetup:'
    key=$(key_of vol)
    seen=$(keyctl add user "control:${key##*:}" x @u)
    check_equal 'a key of that name would be seen' "$(grep -c "${key##*:}" /proc/keys)" 1
    keyctl unlink "$seen" @u
    wait_for 60 bash -c "! grep -q 'control:' /proc/keys"
    check 'suspend' pxenc suspend vol
    check_equal 'status shows it' "$(state vol)" suspended
    check_equal "the table's key is gone: zeros of its length" "$(key_of vol)" "$(printf '0%.0s' {1..128})"
    check_equal "no keyring of the kernel has the volume's key" "$(grep -c "${key##*:}" /proc/keys)" 0
    check_equal 'suspending it again is no error' "$(pxenc suspend $A; echo $?)" 0
    check_equal 'what is in the page cache stays readable' "$(sha256sum </mnt/a/file)" "$SUM"
    read_direct /mnt/a/file &
    reader=$!
    check 'O_DIRECT reads wait' still_waits $reader
    check 'the cache can be dropped' timeout 20 sh -c 'echo 3 >/proc/sys/vm/drop_caches'
    cat /mnt/a/file >/dev/null &
    cached=$!
    check 'then what was in it waits as well' still_waits $cached
    sync &
    sync=$!
    check 'and so does sync, for the whole machine' still_waits $sync
    fails_with 'open and mount of a suspended volume say how to go on' 5 'pxenc resume vol' pxenc open $A
    fails_with 'close says so too' 5 'pxenc resume vol' pxenc close vol
    fails_with 'resize as well' 5 'pxenc resume vol' pxenc resize vol
    check_match 'doctor as well, and it looks at all the rest' "$(timeout 60 pxenc doctor $A; echo "status $?")" \
        '^failed +mapping: vol is suspended: pxenc resume vol'
    check_equal 'nothing else is wrong' "$(timeout 60 pxenc doctor $A --json | jq -c 'map(select(.state == "failed") | [.check, .status])')" \
        '[["mapping",5]]'
    check 'status does not hang' timeout 10 pxenc status
    fails_with 'resume with another secret: the key opens no keyslot' 2 'keyslot' pxenc resume vol -o secret=other
    check 'and it stays suspended' is_suspended vol
    check 'resume' pxenc resume vol
    wait $reader
    check_equal 'the reader gets its bytes' $? 0
    wait $cached && wait $sync
    check_equal 'and all others go on' $? 0
    check_equal 'status shows it open' "$(state vol)" open
    check_match 'with its key in the keyring' "$(key_of vol)" '^:64:logon:cryptsetup:'
    check_equal 'the bytes are the same from the disk' "$(dd if=/mnt/a/file bs=64k iflag=direct status=none | sha256sum)" "$SUM"
    check_equal 'resuming it again is no error' "$(pxenc resume $A; echo $?)" 0
}

# A header that was changed while the volume was suspended is refused, as at open.
tampered() {
    pxenc suspend vol
    dd if=$A of="$T_DIR/header" bs=1M count=16 status=none
    luks2-edit $A '"offset":"16777216"' '"offset":"16781312"' >/dev/null
    fails_with 'resume refuses a header that was changed meanwhile' 11 'seal' pxenc resume vol
    check 'and leaves the volume suspended' is_suspended vol
    dd if="$T_DIR/header" of=$A bs=1M conv=notrunc status=none
    check 'with its own header it is resumed' pxenc resume vol
}

by_force() {
    local took
    pxenc suspend vol
    read_direct /mnt/a/file 2>/dev/null &
    took=$(milliseconds pxenc close --force vol)
    echo "figure: close --force of a suspended, mounted volume: $took ms"
    check 'close --force of a suspended and mounted volume: within 2 s' in_two_seconds "$took"
    wait $!
    check_not 'what waited for it has got an error' test $? = 0
    check 'it can be unmounted' umount /mnt/a
    check 'and then the mapping is gone' mapping_gone
    check_not 'and so is its node' test -e /dev/mapper/vol
    check 'the volume opens and mounts again' mount -t pxenc $A /mnt/a
    check_equal 'with its file as it was synced' "$(sha256sum </mnt/a/file)" "$SUM"
    umount /mnt/a
    mapping_gone
    check 'and its filesystem in order' bash -c "pxenc open $A vol && e2fsck -fn /dev/mapper/vol"
    pxenc suspend vol
    # Unless udev, which looks at it, is slow to let go.
    check_equal 'a suspended volume that nobody uses closes by force without a word' \
        "$(pxenc close --force vol 2>&1 | grep -v 'it goes when its last user')" ''
    check 'and soon' wait_for 10 no_mappings
    pxenc open $A vol && pxenc suspend vol
    check 'and closes with --deferred, as at the stop of its unit' timeout 10 pxenc close --deferred vol
    check 'and soon, too' wait_for 10 no_mappings
}

# What carries the machine is not suspended, whatever lies between.
refusals() {
    pxenc open $A vol
    mount /dev/mapper/vol /mnt/a
    mkdir -p /mnt/a/var
    fails_with 'suspend refuses what carries /var' 5 'vol carries /var,' \
        unshare -m sh -c 'mount --bind /mnt/a/var /var && exec pxenc suspend vol'
    fails_with 'and so does close --force' 5 'vol carries /var,.* not closed by force' \
        unshare -m sh -c 'mount --bind /mnt/a/var /var && exec pxenc close --force vol'
    fails_with 'what carries the journal' 5 'carries /var/log/journal,' \
        unshare -m sh -c 'mkdir -p /var/log/journal && mount --bind /mnt/a/var /var/log/journal && exec pxenc suspend vol'
    fails_with 'what carries its own configuration' 5 'carries /etc/pxenc/config.json,' \
        unshare -m sh -c 'cp -r /etc/pxenc /mnt/a && mount --bind /mnt/a/pxenc /etc/pxenc && exec pxenc suspend vol'
    fails_with 'and its own program' 5 'carries /mnt/a/pxenc-copy,' \
        sh -c 'cp /usr/sbin/pxenc /mnt/a/pxenc-copy && exec /mnt/a/pxenc-copy suspend vol'
    rm -rf /mnt/a/pxenc /mnt/a/pxenc-copy
    dd if=/dev/zero of=/mnt/a/swap bs=1M count=4 status=none
    chmod 600 /mnt/a/swap
    mkswap /mnt/a/swap >/dev/null && swapon /mnt/a/swap
    fails_with 'a swap file' 5 'carries the swap /mnt/a/swap,' pxenc suspend vol
    swapoff /mnt/a/swap && rm /mnt/a/swap
    umount /mnt/a
    dmsetup create upon --table "0 65536 linear /dev/mapper/vol 131072"
    mkfs.ext4 -q /dev/mapper/upon
    mount /dev/mapper/upon /mnt/b
    fails_with 'a device upon it that carries /var' 5 'carries /var,' \
        unshare -m sh -c 'mount --bind /mnt/b /var && exec pxenc suspend vol'
    umount /mnt/b
    mkswap /dev/mapper/upon >/dev/null && swapon /dev/mapper/upon
    fails_with 'a device upon it that is a swap' 5 'carries the swap /dev/' pxenc suspend vol
    swapoff /dev/mapper/upon
    dmsetup remove --retry upon
    check 'none of these was suspended, or closed' is_open vol
    printf passphrase | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 $B -
    printf passphrase | cryptsetup open $B foreign --key-file -
    fails_with "suspend refuses a volume without pxenc's LUKS2 token" 4 "no LUKS2 token of pxenc's" pxenc suspend foreign
    check 'which stays as it was' is_open foreign
    cryptsetup close foreign
    dmsetup suspend vol
    fails_with 'what dmsetup suspended still has its key, which is said' 5 'still in the' pxenc suspend vol
    dmsetup resume vol
    pxenc close vol
    mapping_gone
}

size_of() { blockdev --getsize64 "/dev/mapper/$1"; }

resizing() {
    dmsetup create disk --table "0 163840 linear $B 0"
    pxenc format /dev/mapper/disk --generate --fstype ext4 --force >/dev/null
    pxenc open /dev/mapper/disk grows
    mount /dev/mapper/grows /mnt/b
    dd if=/dev/urandom of=/mnt/b/file bs=64k count=16 conv=fsync status=none
    local sum now
    sum=$(sha256sum </mnt/b/file)
    check_equal 'resize of what has not changed says so' "$(pxenc resize grows)" "grows: $((163840 * 512 - 16777216)) bytes, as before"
    dmsetup suspend disk && dmsetup reload disk --table "0 229376 linear $B 0" && dmsetup resume disk
    now=$((229376 * 512 - 16777216))
    check_equal 'resize takes in what the device has grown by, mounted' "$(pxenc resize /dev/mapper/disk)" \
        "grows: $now bytes (before: $((163840 * 512 - 16777216)))"
    check_equal 'the kernel says the same' "$(size_of grows)" $now
    check 'the filesystem grows into it' resize2fs /dev/mapper/grows
    check_equal 'its file is as it was' "$(dd if=/mnt/b/file bs=64k iflag=direct status=none | sha256sum)" "$sum"
    check_match 'the key is in the keyring as before' "$(key_of grows)" '^:64:logon:cryptsetup:'
    umount /mnt/b
    dmsetup suspend disk && dmsetup reload disk --table "0 163840 linear $B 0" && dmsetup resume disk
    check_match 'a device that has shrunk takes the volume with it' "$(pxenc resize grows)" "^grows: $((163840 * 512 - 16777216)) bytes"
    fails_with 'resize with another secret changes nothing' 2 keyslot pxenc resize grows -o secret=other
    fails_with 'resize of what is not open' 4 'not open' pxenc resize $A
    pxenc close grows
    dmsetup remove --retry disk
    mapping_gone
}

# A disk that answers nothing more, neither good nor bad: the mapping cannot be had back from it.
stuck_disk() {
    local took reader
    dmsetup create disk --table "0 229376 linear $B 0"
    pxenc open /dev/mapper/disk stuck
    dmsetup suspend --nolockfs --noflush disk
    read_direct /dev/mapper/stuck 2>/dev/null &
    reader=$!
    check 'a disk that does not answer is being read' wait_for 60 is_being_read stuck
    took=$(milliseconds pxenc close --force stuck)
    echo "figure: close --force gives up on a disk that does not answer: $took ms"
    check 'close --force does not hang with a disk that does' in_two_seconds $((took - 2500))
    fails_with 'and says why' 5 'neither ends nor fails' pxenc close --force stuck
    dmsetup resume disk
    wait $reader
    check_equal 'once the disk answers, what waited goes on' $? 0
    check_match 'with its own table' "$(dmsetup table stuck)" crypt
    check_equal 'and no other is waiting' "$(dmsetup info -c --noheadings -o tables_loaded stuck)" Live
    check 'then it closes' pxenc close --force stuck
    check 'and is gone' wait_for 60 test ! -e /sys/block/dm-1
    # An error in place of the disk: what it does when it is pulled out.
    pxenc open /dev/mapper/disk dead
    mount /dev/mapper/dead /mnt/b
    echo x >/mnt/b/dirty
    dmsetup suspend --nolockfs --noflush disk
    dmsetup reload disk --table '0 229376 error' && dmsetup resume disk
    took=$(milliseconds pxenc close --force dead)
    echo "figure: close --force of a mounted volume whose disk has died: $took ms"
    check 'close --force of a mounted volume whose disk has died: within 2 s' in_two_seconds "$took"
    check 'it can be unmounted' umount /mnt/b
    check 'and is gone' wait_for 60 test ! -e /sys/block/dm-1
    dmsetup remove --retry disk
    mapping_gone
}

# Two suspended volumes, and one whose header cannot be looked at: what a shutdown does with them.
all_stuck() {
    local took mapping status
    dmsetup create disk1 --table "0 114688 linear $B 0"
    dmsetup create disk2 --table "0 114688 linear $B 114688"
    pxenc format /dev/mapper/disk1 --generate --force >/dev/null
    pxenc format /dev/mapper/disk2 --generate --force >/dev/null
    mapping=pxenc-$(cryptsetup luksUUID /dev/mapper/disk2)
    pxenc open /dev/mapper/disk1 named && pxenc open /dev/mapper/disk2 && pxenc open $A vol
    pxenc suspend named && pxenc suspend "$mapping"
    fails_with 'close --stuck asks, since unwritten data is lost' 15 'not without --force' pxenc close --stuck
    check 'and leaves them suspended' is_suspended "$mapping"
    dmsetup suspend --nolockfs --noflush disk1
    pxenc close --stuck --force 2>"$T_DIR/stuck" &
    check 'with --force one is released while the disk of another does not answer' \
        wait_for 60 test ! -e "/dev/mapper/$mapping"
    took=$(date +%s%N)
    wait $!
    status=$?
    took=$((($(date +%s%N) - took) / 1000000))
    check_equal 'and it ends' $status 0
    echo "figure: close --stuck ends $took ms later, for a disk that does not answer"
    check_match 'which is said' "$(cat "$T_DIR/stuck")" "$mapping is suspended: it is released"
    check 'what is neither suspended nor lost stays open' is_open vol
    dmsetup resume disk1
    check 'the other, once its disk answers' pxenc close --stuck --force
    check_equal 'with nothing suspended left, it has nothing to ask' "$(pxenc close --stuck 2>&1; echo $?)" 0
    pxenc close vol
    dmsetup remove --retry disk1
    dmsetup remove --retry disk2
    mapping_gone
}

# The grant of the user u, by the superuser: grant PUT|DELETE.
grant() {
    local url=https://master.mesos/acs/api/v1 token
    token=$(curl -s --cacert /etc/pxenc/dcos-ca.crt -H 'Content-Type: application/json' \
        -d '{"uid":"root","password":"root"}' $url/auth/login | jq -r .token)
    curl -s -o /dev/null -w '%{http_code}' --cacert /etc/pxenc/dcos-ca.crt -X "$1" -H "Authorization: token=$token" \
        "$url/acls/dcos:secrets:default:%252Fpwx%252Fsecrets%252F*/users/u/full"
}

# The server again, with the volume's key and what else it is to do.
serve_again() {
    dcosd_stop main
    serve --secret "pwx/secrets/volumes/$UUID/1=$KEY" "$@"
}

INTERVAL=2
# Three rounds of questions, and what follows from the last.
three_rounds() {
    wait_for 60 more_than $(($(requests main '^GET') + 2))
    sleep $((INTERVAL + 1))
}
more_than() { [ "$(requests main '^GET')" -gt "$1" ]; }
said() { grep -cE -- "$1" "$T_DIR/guard.err"; }
# patience SECONDS: how long a question waits for the store.
patience() { sed -i "s/\"timeout\": [0-9]*/\"timeout\": $1/" /etc/pxenc/config.json; }
said_more() { [ "$(said "$1")" -gt "$2" ]; }

# For a base path that is wrong, the store refuses every secret.
misled() {
    local guard
    (umask 077 && sed 's,pwx/secrets,elsewhere,' /etc/pxenc/config.json >"$T_DIR/wrong.json")
    PXENC_CONFIG=$T_DIR/wrong.json pxenc guard --interval $INTERVAL 2>"$T_DIR/guard.err" &
    guard=$!
    three_rounds
    check 'a guard that has seen no secret granted suspends nothing' is_open vol
    check_equal 'and says so, once' "$(said 'vol is not suspended, though the store refuses .*base_path')" 1
    kill $guard
    wait $guard 2>/dev/null
}

# one_waits GUARD: of its processes, but for those that ask the store.
one_waits() { [ "$(pgrep -c -x pxenc -P "$1")" -le 1 ]; }

# A disk that answers nothing, and then a header that somebody has broken.
guard_unread() {
    local guard secret
    dmsetup create disk --table "0 114688 linear $B 0"
    pxenc format /dev/mapper/disk --generate --force >/dev/null
    secret=volumes/$(cryptsetup luksUUID /dev/mapper/disk)/1
    pxenc secrets get "$secret" >"$T_DIR/secret"
    pxenc open /dev/mapper/disk unread
    pxenc guard --interval $INTERVAL 2>"$T_DIR/guard.err" &
    guard=$!
    wait_for 60 said "every $INTERVAL s"
    three_rounds

    dmsetup suspend --nolockfs --noflush disk
    check 'a header that cannot be read for three rounds is said' wait_for 60 said 'the header of unread cannot be read'
    sleep $((INTERVAL * 5))
    check_equal 'once' "$(said 'the header of unread')" 1
    check 'no more than one process waits for a disk that does not answer' wait_for 60 one_waits $guard
    dmsetup resume disk
    three_rounds
    check 'nobody waits any more, once it does' wait_for 30 bash -c "! pgrep -x pxenc -P $guard -r D,Z"
    check 'and the volume was open all the time' is_open unread

    dd if=/dev/mapper/disk of="$T_DIR/header" bs=1M count=1 iflag=direct status=none
    dd if=/dev/zero of=/dev/mapper/disk bs=1M count=1 oflag=direct status=none
    pxenc secrets delete --force "$secret"
    check 'a header that is broken does not protect the key' wait_for 60 is_suspended unread
    check 'which is said' wait_for 60 said 'unread is suspended: the store has its secret .* no more .404.'
    dd if="$T_DIR/header" of=/dev/mapper/disk bs=1M oflag=direct status=none
    pxenc secrets create "$secret" --value-file "$T_DIR/secret"
    check 'with its header and its secret it is resumed' wait_for 60 is_open unread
    kill $guard
    wait $guard 2>/dev/null
    sed 's/^/# /' "$T_DIR/guard.err"
    pxenc close unread
    dmsetup remove --retry disk
    mapping_gone
}

guard() {
    local took start guard round again refused unjudged
    prepare
    KEY=$(pxenc secrets get "volumes/$UUID/1")
    misled
    round=$(milliseconds pxenc open --test $A)
    pxenc guard --interval $INTERVAL 2>"$T_DIR/guard.err" &
    guard=$!
    check 'guard says that it watches' wait_for 60 said "every $INTERVAL s"
    three_rounds
    check 'a volume whose secret is granted stays open' is_open vol

    refused=$(requests main '^GET /secrets/.* 403$')
    start=$(date +%s%N)
    check_equal 'the grant is revoked' "$(grant DELETE)" 204
    check 'then the volume is suspended' wait_for 60 is_suspended vol
    took=$((($(date +%s%N) - start) / 1000000))
    # A third question may have gone out while a busy machine was at it.
    check 'not before the second refusal' test "$(requests main '^GET /secrets/.* 403$')" -ge $((refused + 2))
    echo "figure: guard, at an interval of $INTERVAL s, suspends $took ms after the grant was revoked"
    wait_for 60 said 'vol is suspended'
    check_equal 'which is one line in the journal' "$(sed 1d "$T_DIR/guard.err" | grep -c .)" 1
    check_match 'that names the volume, the cause and the secret' "$(cat "$T_DIR/guard.err")" "vol is suspended: .*'pwx/secrets/volumes/$UUID/1' \\(403\\)"
    check_match 'its key is gone' "$(key_of vol)" '^0+$'
    grant PUT >/dev/null
    check 'access is back: it is resumed' wait_for 60 is_open vol
    check_equal 'with the bytes that were there' "$(dd if=/mnt/a/file bs=64k iflag=direct status=none | sha256sum)" "$SUM"
    wait_for 60 said 'vol is resumed'
    again=$(milliseconds pxenc open --test $A)
    [ "$again" -le "$round" ] || round=$again
    echo "figure: where a question and an unlocking take $round ms"
    check 'it was suspended within two intervals, and what its own work takes' test "$took" -le $((INTERVAL * 2000 + 3 * round))

    serve_again --fault '403@GET:*/volumes/*'
    three_rounds
    check "a proxy's HTML 403 suspends nothing" is_open vol
    check 'and is said' wait_for 60 said "403 that is not the store's own"
    serve_again --fault '404@GET:*/volumes/*'
    three_rounds
    check 'nor does its HTML 404' is_open vol
    serve_again
    check 'verdicts are back' wait_for 60 said 'gives verdicts again'
    # A question waits for a store for so long. One may be under way that waits longer.
    patience 3
    serve_again --fault '503@GET:*/volumes/*'
    check 'a 503 is no verdict' wait_for 120 said_more 'gives no verdict' 1
    sleep $((2 * (INTERVAL + 3)))
    check 'nor does it suspend anything in two rounds more' is_open vol
    patience 75
    serve_again
    check 'verdicts are back again' wait_for 60 said_more 'gives verdicts again' 1
    unjudged=$(said 'gives no verdict')
    patience 3
    dcosd_stop main
    check 'a server that is gone gives no verdict' wait_for 120 said_more 'gives no verdict' "$unjudged"
    sleep $((2 * (INTERVAL + 3)))
    check 'nor does it suspend anything in two rounds more, either' is_open vol
    patience 75
    serve_again
    check 'verdicts are back after that, too' wait_for 60 said_more 'gives verdicts again' 2

    pxenc suspend vol
    three_rounds
    check 'what somebody else has suspended is left as it is' is_suspended vol
    pxenc resume vol
    dcosd_stop main
    serve
    check 'a secret that is deleted: suspended' wait_for 60 is_suspended vol
    check 'as the journal says' wait_for 60 said 'vol is suspended: the store has its secret .* no more .404.'
    serve_again
    check 'created again: resumed' wait_for 60 is_open vol
    printf 'wrong\n' >/etc/pxenc/password
    rm -rf /run/pxenc
    sleep $((INTERVAL * 3))
    check 'a login that is rejected suspends nothing' is_open vol
    kill $guard
    wait $guard 2>/dev/null
    check 'all this is a few lines in the journal, not one in each round' test "$(said .)" -le 18
    sed 's/^/# /' "$T_DIR/guard.err"
    umount /mnt/a
    pxenc close vol
    mapping_gone
}

setup || exit 1
printf 'some other passphrase' | pxenc secrets create other --value-file -
keyless
tampered
by_force
refusals
resizing
stuck_disk
all_stuck
guard_unread
guard
t_done
