#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Headers that are lost, broken or changed, and volumes that are to go for good: header backup,
# restore and seal, and erase, on plain files, against the stand-in server.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image GENUINE=$T_DIR/genuine

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/pwx/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx/*:read' || return 1
    config ''
    printf p | pxenc secrets dcos login --username u --password-stdin
}

# config MEMBERS: the config with these members beside "secret".
config() {
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" base_path '"pwx"'
    sed -i "s/\"timeout\"/$1\"timeout\"/" "$PXENC_CONFIG"
}

# make_volume [OPTION…]: a volume in IMAGE, a copy in GENUINE, its uuid in UUID.
make_volume() {
    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    pxenc format "$IMAGE" "$@" >/dev/null
    dd if=/dev/urandom of="$IMAGE" bs=1M seek=16 count=16 conv=notrunc status=none
    UUID=$(cryptsetup luksUUID "$IMAGE")
    cp "$IMAGE" "$GENUINE"
}

zero() { dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none; }
data() { tail -c +16777217 "$1" | sha256sum; }
json() { luks2-edit --dump "$1"; }
stored() { pxenc secrets list "volumes/$UUID" | tr '\n' ' '; }
# The bits of one byte, so that it is never what it was.
flip() {
    printf '%b' "\\x$(printf %02x $((0xff ^ $(od -An -tu1 -j "$2" -N 1 "$1"))))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# put PATH FILE: the secret holds that file's bytes.
put() { pxenc secrets update "volumes/$UUID/$1" --force --value-file "$2"; }

# lost_and_found: the header is zeros, then what it was.
lost_and_found() {
    make_volume --generate --label data
    check_equal 'format with header_backup: key, manifest and backup' "$(stored)" '1 header header-a-1 '
    check_match 'the manifest is for people' "$(pxenc secrets get "volumes/$UUID/header")" '^label data$'
    zero
    fails_with 'open of a lost header: status 4' 4 'not a LUKS volume' pxenc open --test "$IMAGE"
    fails_with 'restore of what tells no uuid: status 1, --uuid' 1 '--uuid' pxenc header restore "$IMAGE"
    check_match 'and the backups that there are, with size, device and label' \
        "$(pxenc header restore "$IMAGE" 2>/dev/null)" "^$UUID  33554432 bytes  20.* of .*:$IMAGE  data\$"
    fails_with 'restore asks: status 15, with volume, label and generation' 15 "volume $UUID.*'data', generation 4.*--force" \
        pxenc header restore "$IMAGE" --uuid "$UUID"
    check_equal 'until then nothing is written' "$(head -c 16M "$IMAGE" | tr -d '\0' | wc -c)" 0
    check 'restore --force' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check 'the volume opens' pxenc open --test "$IMAGE"
    check_equal 'its JSON is what it was' "$(json "$IMAGE")" "$(json "$GENUINE")"
    check_equal 'so are its label, uuid and generation' "$(cryptsetup luksDump "$IMAGE" | head -8)" "$(cryptsetup luksDump "$GENUINE" | head -8)"
    check_equal 'and its data' "$(data "$IMAGE")" "$(data "$GENUINE")"
    dd if=/dev/zero of="$IMAGE" bs=4096 count=1 conv=notrunc status=none
    check 'its second copy is whole as well' cryptsetup luksUUID "$IMAGE"
}

broken_headers() {
    cp "$GENUINE" "$IMAGE"
    flip "$IMAGE" 5000
    flip "$IMAGE" $((16384 + 5000))
    fails_with 'open of a broken header: status 11, and what to do' 11 'pxenc header restore' pxenc open --test "$IMAGE"
    check 'restore knows the volume by what is left of it' pxenc header restore "$IMAGE" --force
    check 'and it opens' pxenc open --test "$IMAGE"
    dd if=/dev/zero of="$IMAGE" bs=4096 count=4 conv=notrunc status=none
    flip "$IMAGE" $((16384 + 5000))
    check 'the second copy tells which volume, too' pxenc header restore "$IMAGE" --force
    dd if=/dev/zero of="$IMAGE" bs=4096 seek=8 count=64 conv=notrunc status=none
    fails_with 'a keyslot that was overwritten: status 2' 2 'keyslot 0' pxenc open --test "$IMAGE"
    check 'is restored under a header that is whole' pxenc header restore "$IMAGE" --force
    check 'and opens' pxenc open --test "$IMAGE"
    fails_with 'restore of what is no uuid: status 1' 1 'no.*uuid|not a uuid' pxenc header restore "$IMAGE" --uuid x
    zero
    fails_with 'of a volume without a backup: status 9' 9 'no header backup' \
        pxenc header restore "$IMAGE" --uuid 00000000-0000-4000-8000-000000000000 --force
}

# refused NAME STATUS PATTERN: restore fails so, and writes nothing.
refused() {
    local before
    before=$(sha256sum <"$IMAGE")
    fails_with "$1: status $2" "$2" "$3" pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check_equal "$1: nothing is written" "$(sha256sum <"$IMAGE")" "$before"
}

# Each is put in the place of the genuine backup, which comes back afterwards.
hostile_backups() {
    local planted=$T_DIR/planted part=$T_DIR/part manifest=$T_DIR/manifest at other
    pxenc secrets get "volumes/$UUID/header" >"$manifest"
    pxenc secrets get "volumes/$UUID/header-a-1" >"$part"
    zero

    at=$(grep -aobF '"auto":false' "$part" | cut -d: -f1)
    cp "$part" "$planted"
    printf '"auto":true ' | dd of="$planted" bs=1 seek="$at" conv=notrunc status=none
    put header-a-1 "$planted"
    refused 'an edited backup' 11 'seal'
    cp "$part" "$planted"
    printf 'x' | dd of="$planted" bs=1 seek=64 conv=notrunc status=none
    put header-a-1 "$planted"
    refused 'a backup with another label, which no seal holds' 11 'HMAC'
    cp "$part" "$planted"
    flip "$planted" $(($(stat -c %s "$planted") - 1))
    put header-a-1 "$planted"
    refused 'a backup with another HMAC' 11 'HMAC'
    cp "$part" "$planted"
    flip "$planted" 9000
    put header-a-1 "$planted"
    refused 'a backup whose keyslot was edited' 2 'does not open keyslot'
    sed 's/"encryption":"aes-xts-plain64","sector_size"/"encryption":"cipher_null-ecb","sector_size"/' "$part" >"$planted"
    put header-a-1 "$planted"
    refused 'a backup with cipher_null' 11 'cipher_null'
    sed 's/"auto":false/"auto":true/' "$part" >"$planted"
    put header-a-1 "$planted"
    sed "s/^bytes .*/bytes $(stat -c %s "$planted")/" "$manifest" >"$T_DIR/m"
    put header "$T_DIR/m"
    refused 'a backup of another length' 11 'malformed'
    head -c 100000 "$part" >"$planted"
    put header-a-1 "$planted"
    put header "$manifest"
    refused 'a part that is cut off' 11 'length'
    head -c "$(stat -c %s "$part")" /dev/urandom >"$planted"
    put header-a-1 "$planted"
    refused 'a backup of nonsense' 11 'malformed'
    put header-a-1 "$part"

    sed 's/^generation .*/generation 9/' "$manifest" >"$T_DIR/m"
    put header "$T_DIR/m"
    refused 'a backup that is older than its manifest says' 11 'generation 4.*of 9'
    printf 'nonsense' >"$T_DIR/m"
    put header "$T_DIR/m"
    refused 'a manifest of nonsense' 11 'manifest'
    sed 's/^parts a 1/parts a 4000000000/' "$manifest" >"$T_DIR/m"
    put header "$T_DIR/m"
    refused 'a manifest with parts without end' 11 'manifest'
    put header "$manifest"
    pxenc secrets delete "volumes/$UUID/header-a-1" --force
    refused 'a backup without its part' 9 'header-a-1'
    pxenc secrets create "volumes/$UUID/header-a-1" --value-file "$part"

    # Another volume's backup, which is whole, with its own key.
    other=$UUID
    make_volume --generate
    pxenc secrets get "volumes/$UUID/header" >"$T_DIR/m"
    pxenc secrets get "volumes/$UUID/header-a-1" >"$planted"
    fails_with 'a backup is not written over another volume: status 11' 11 'bears the header of volume' \
        pxenc header restore "$IMAGE" --uuid "$other" --force
    UUID=$other
    zero
    put header "$T_DIR/m"
    refused 'a foreign backup' 11 "another volume"
    sed "s/^uuid .*/uuid $UUID/" "$T_DIR/m" >"$T_DIR/m2"
    put header "$T_DIR/m2"
    put header-a-1 "$planted"
    refused 'a foreign backup with a manifest to match' 11 'another volume'
    printf %s "$UUID" | dd of="$planted" bs=1 seek=24 conv=notrunc status=none
    put header-a-1 "$planted"
    refused 'a foreign backup under this uuid' 11 'seal'
    put header "$manifest"
    put header-a-1 "$part"
    check 'and the genuine one is restored' pxenc header restore "$IMAGE" --uuid "$UUID" --force
}

generations() {
    local part=$T_DIR/old-part manifest=$T_DIR/old-manifest
    make_volume --generate
    pxenc secrets get "volumes/$UUID/header" >"$manifest"
    pxenc secrets get "volumes/$UUID/header-a-1" >"$part"
    check 'rotate' pxenc rotate "$IMAGE" --keep-old
    check_equal 'replaces the backup, in the other set of names' "$(stored)" '1 2 header header-b-1 '
    cp "$IMAGE" "$T_DIR/rotated"
    zero
    check 'which restores' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check_equal 'the header that there was' "$(json "$IMAGE")" "$(json "$T_DIR/rotated")"

    pxenc secrets create "volumes/$UUID/header-a-1" --value-file "$part"
    put header "$manifest"
    refused 'a backup that is older than the header' 11 'older \(generation 4\)'
    luks2-edit "$IMAGE" '"config":{' '"config":{"flags":["allow-discards"],' >/dev/null
    check_match 'a header that is not sound counts for nothing' \
        "$(pxenc header restore "$IMAGE" --force 2>&1)" 'not sound'
    check 'the older key is there, so it opens' pxenc open --test "$IMAGE"
    check_match 'a newer backup than the header is said, and replaced' \
        "$(put header <(sed 's/^generation .*/generation 99/' "$manifest"); pxenc header backup "$IMAGE" 2>&1)" \
        'was newer \(generation 99\)'
    check 'and a clean one is there' pxenc header restore "$IMAGE" --force

    check 'rotate, which deletes the older key' pxenc rotate "$IMAGE"
    zero
    put header "$manifest"
    put header-a-1 "$part" || pxenc secrets create "volumes/$UUID/header-a-1" --value-file "$part"
    refused 'an older backup where the header is lost: its key is gone' 9 "volumes/$UUID/1'"
}

# Five keyslots are more than two secrets hold.
parts() {
    local key=$T_DIR/key i
    make_volume --generate
    pxenc secrets get "volumes/$UUID/1" >"$key"
    for i in 1 2 3 4 5; do
        printf 'passphrase %s' $i | cryptsetup luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
            --key-file "$key" "$IMAGE" -
    done
    cp "$IMAGE" "$GENUINE"
    check 'header backup by hand, of a volume with six keyslots' pxenc header backup "$IMAGE"
    check_equal 'it lies in three parts' "$(stored)" '1 header header-b-1 header-b-2 header-b-3 '
    zero
    check 'restore puts them together' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check 'the volume opens' pxenc open --test "$IMAGE"
    check 'other keyslots are there as well' \
        bash -c 'printf "passphrase 5" | cryptsetup open --test-passphrase --key-file - "$0"' "$IMAGE"
    check_equal 'and its JSON is what it was' "$(json "$IMAGE")" "$(json "$GENUINE")"
    for i in 1 2 3 4; do
        printf 'passphrase %s' $i | cryptsetup luksRemoveKey "$IMAGE" -
    done
    check 'a smaller backup leaves no part behind' pxenc header backup "$IMAGE"
    check_equal 'of the larger one' "$(stored)" '1 header header-a-1 '
}

# Human passphrases have no seal; the HMAC is all that holds the header of the backup.
passphrases() {
    local part=$T_DIR/part at
    printf 'correct horse' | pxenc secrets create human --value-file -
    make_volume --secret human
    zero
    check 'a volume with a passphrase of a person is restored' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    zero
    pxenc secrets get "volumes/$UUID/header-a-1" >"$part"
    at=$(grep -aobF '"auto":false' "$part" | cut -d: -f1)
    printf '"auto":true ' | dd of="$part" bs=1 seek="$at" conv=notrunc status=none
    put header-a-1 "$part"
    refused 'an edited backup of it' 11 'HMAC'
}

by_hand() {
    config ''
    make_volume --generate
    check_equal 'without header_backup, format leaves none' "$(stored)" '1 '
    check 'header backup makes one' pxenc header backup "$IMAGE"
    check 'from then on each rotate replaces it' pxenc rotate "$IMAGE"
    check_match 'beside the new key' "$(stored)" '^2 header header-[ab]-1 $'
    zero
    check 'and it restores, with the new key' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    fails_with 'header backup of what is no volume: status 4' 4 'not a LUKS volume' pxenc header backup "$IMAGE"
    printf x | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$IMAGE" -
    fails_with 'of a volume that is not pxenc'"'"'s: status 4' 4 'not a volume of pxenc' pxenc header backup "$IMAGE"
    check 'enroll takes it over' bash -c 'printf x | pxenc enroll --generate --key-file - "$0"' "$IMAGE"
    config '"header_backup": true, '
    check 'and with header_backup' pxenc rotate "$IMAGE"
    UUID=$(cryptsetup luksUUID "$IMAGE")
    check_match 'the next change makes a backup' "$(stored)" '^2 header header-[ab]-1 $'
}

seal() {
    make_volume --generate
    check_match 'header seal of a header that is right changes nothing' "$(pxenc header seal "$IMAGE")" 'nothing to do'
    luks2-edit "$IMAGE" '"config":{' '"config":{"flags":["no-read-workqueue"],' '"auto":false' '"auto":true' \
        '"encryption":"aes-xts-plain64","sector_size"' '"encryption":"serpent-xts-plain64","sector_size"' >/dev/null
    fails_with 'a changed header: status 11, and what to do' 11 'pxenc header seal' pxenc open --test "$IMAGE"
    fails_with 'header seal asks: status 15' 15 'accepts it as it is now.*--force' pxenc header seal "$IMAGE"
    SHOWN=$(pxenc header seal "$IMAGE" 2>/dev/null)
    check_match 'and shows an added flag' "$SHOWN" '^  flag no-read-workqueue added$'
    check_match 'a changed cipher' "$SHOWN" '^  cipher of segment 0 changed from aes-xts-plain64 to serpent-xts-plain64$'
    check_match 'a changed LUKS2 token' "$SHOWN" '^  LUKS2 token: auto changed from false to true$'
    check_equal 'and no more' "$(grep -c '^  ' <<<"$SHOWN")" 3
    fails_with 'it is not sealed by that' 11 'seal' pxenc open --test "$IMAGE"
    check 'header seal --force' pxenc header seal "$IMAGE" --force
    check 'accepts it' pxenc open --test "$IMAGE"
    pxenc secrets delete "volumes/$UUID/header" --force
    luks2-edit "$IMAGE" '"no-read-workqueue"' '"no-write-workqueue"' >/dev/null
    SHOWN=$(pxenc header seal "$IMAGE" --force)
    check_match 'without a backup it shows what is not the default' "$SHOWN" '^  flag no-write-workqueue is set$'
    check_match 'with the default' "$SHOWN" 'cipher of segment 0 is serpent-xts-plain64, by default it is aes-xts-plain64$'
    cp "$GENUINE" "$IMAGE"
    luks2-edit "$IMAGE" '"encryption":"aes-xts-plain64","sector_size"' '"encryption":"cipher_null-ecb","sector_size"' >/dev/null
    fails_with 'what the allowlist refuses is never sealed: status 11' 11 'cipher_null' pxenc header seal "$IMAGE" --force
    cp "$GENUINE" "$IMAGE"
    pxenc secrets create foreign --generate
    luks2-edit "$IMAGE" "\"volumes/$UUID/1\"" '"foreign"' >/dev/null
    fails_with 'nor a header whose LUKS2 token names another key: status 2' 2 'does not open keyslot' pxenc header seal "$IMAGE" --force
    make_volume --secret human
    fails_with 'nor one whose key makes no seal: status 1' 1 'not a generated one' pxenc header seal "$IMAGE"
}

reencryption() {
    make_volume --generate
    pxenc secrets get "volumes/$UUID/header" | sed 's/^parts a 1/parts a 0/; s/^bytes .*/bytes 0/' >"$T_DIR/m"
    check 'rotate --reencrypt' pxenc rotate "$IMAGE" --reencrypt
    check_match 'has a new backup in the end' "$(stored)" '^2 header header-[ab]-1 $'
    cp "$IMAGE" "$GENUINE"
    zero
    check 'which restores the header with the new volume key' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check_equal 'as it was' "$(json "$IMAGE")" "$(json "$GENUINE")"
    put header "$T_DIR/m"
    zero
    fails_with 'a header that is lost in the middle has none: status 9' 9 'volume key was being changed' \
        pxenc header restore "$IMAGE" --uuid "$UUID" --force
    cp "$GENUINE" "$IMAGE"
    check 'until one is taken again' pxenc header backup "$IMAGE"
    check_match 'with its parts' "$(stored)" '^2 header header-[ab]-1 '
}

# calls NAME COMMAND…: how often the command makes that system call.
calls() {
    local call=$1
    shift
    strace -qq -o "$T_DIR/trace" -e "trace=$call" "$@" >/dev/null
    grep -c "^$call(" "$T_DIR/trace"
}

# killed NAME N COMMAND…: it is killed at the Nth such call.
killed() {
    local call=$1 n=$2
    shift 2
    # In a subshell, so that bash's word of the kill goes nowhere.
    (
        strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" "$@"
        exit $?
    ) >/dev/null 2>&1
    [ $? = 137 ]
}

# Wherever a rotate is killed, the volume opens, and so does what its backup restores.
rotate_killed() {
    local call n count step reached=0 all=0 bad=''
    for call in write fsync; do
        make_volume --generate
        count=$(calls $call pxenc rotate "$IMAGE")
        step=$((count / ${T_POINTS:-6} + 1))
        for n in $(seq 1 $step "$count"); do
            make_volume --generate
            all=$((all + 1))
            killed $call "$n" pxenc rotate "$IMAGE" && reached=$((reached + 1))
            pxenc open --test "$IMAGE" || bad+=" $call:$n:open"
            zero
            pxenc header restore "$IMAGE" --uuid "$UUID" --force >/dev/null && pxenc open --test "$IMAGE" || bad+=" $call:$n:restored"
            pxenc rotate "$IMAGE" >/dev/null && pxenc open --test "$IMAGE" || bad+=" $call:$n:rotate"
            zero
            pxenc header restore "$IMAGE" --uuid "$UUID" --force >/dev/null && pxenc open --test "$IMAGE" || bad+=" $call:$n:again"
        done
    done
    echo "figure rotate killed at $reached points, its backup restored after each"
    check_equal 'rotate killed here and there: every point was reached' "$reached" "$all"
    check_equal 'the volume opens, and so does what the backup restores' "$bad" ''
}

# wiped NAME: nothing is left of the header or the keyslots.
wiped() { check_equal "$1" "$(head -c 16M "$IMAGE" | tr -d '\0' | wc -c)" 0; }

erase() {
    local before
    make_volume --generate
    pxenc rotate "$IMAGE" --keep-old >/dev/null
    before=$(sha256sum <"$IMAGE")
    fails_with 'erase asks: status 15, with the volume' 15 "volume $UUID.*lost for good.*--force" pxenc erase "$IMAGE"
    check_equal 'until then nothing is changed' "$(sha256sum <"$IMAGE")" "$before"
    check_match 'erase --force names the old key, which snapshots may need' "$(pxenc erase "$IMAGE" --force)" \
        "left in the store: volumes/$UUID/1; delete"
    check_equal 'which is left, but neither present key nor backup' "$(stored)" '1 '
    wiped 'nor header, nor keyslot'
    check_equal 'the data is as it was, and dead' "$(data "$IMAGE")" "$(data "$GENUINE")"
    fails_with 'erased again: status 4' 4 'not a volume of pxenc' pxenc erase "$IMAGE" --force

    make_volume --secret human
    check_match 'a secret of the user'"'"'s stays' "$(pxenc erase "$IMAGE" --force)" "'human' stays"
    check 'as it was' pxenc secrets get human
    check_equal 'the backup is gone' "$(stored)" ''
    wiped 'and the header'

    make_volume --generate
    flip "$IMAGE" 5000
    flip "$IMAGE" $((16384 + 5000))
    fails_with 'a broken header is wiped; secrets that it cannot prove to be its own are named: status 11' 11 \
        "volumes/$UUID/" pxenc erase "$IMAGE" --force
    wiped 'and nothing is left of it'
    check_equal 'the secrets are' "$(stored)" '1 header header-a-1 '

    # An attacker gives a disk that is to be erased the uuid of another.
    make_volume --generate
    pxenc secrets get "volumes/$UUID/1" >"$T_DIR/victim"
    local victim=$UUID
    make_volume --generate
    luks2-edit "$IMAGE" "\"volumes/$UUID/1\"" "\"volumes/$victim/1\"" >/dev/null
    for at in 168 $((16384 + 168)); do
        printf %s "$victim" | dd of="$IMAGE" bs=1 seek=$at conv=notrunc status=none
    done
    luks2-edit "$IMAGE" '"auto":false' '"auto":true' >/dev/null
    UUID=$victim
    fails_with 'a forged uuid deletes nobody'"'"'s key: status 11' 11 'nothing proved' pxenc erase "$IMAGE" --force
    check 'the other volume'"'"'s key is there' bash -c 'pxenc secrets get "volumes/$1/1" | cmp - "$2"' _ "$victim" "$T_DIR/victim"

    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    printf x | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$IMAGE" -
    before=$(sha256sum <"$IMAGE")
    fails_with 'a volume that is not pxenc'"'"'s is left alone: status 4' 4 'cryptsetup erase' pxenc erase "$IMAGE" --force
    check_equal 'as it was' "$(sha256sum <"$IMAGE")" "$before"
}

# become UUID: a header of a volume that is not sealed says that it is another.
become() { cryptsetup -q luksUUID --uuid "$1" "$IMAGE" >/dev/null; }

# A uuid proves nothing, and keys of one uuid may be those of several volumes.
erase_others() {
    local victim clone=$T_DIR/clone
    make_volume --generate
    victim=$UUID
    cp "$IMAGE" "$T_DIR/victim"
    make_volume --secret human
    become "$victim"
    check_match 'a passphrase proves no uuid: what is left is named' "$(pxenc erase "$IMAGE" --force)" \
        "left in the store: volumes/$victim/1, volumes/$victim/header, volumes/$victim/header-a-1; delete"
    check 'and the volume whose uuid it is opens' pxenc open --test "$T_DIR/victim"
    UUID=$victim
    check_equal 'with its key and its backup' "$(stored)" '1 header header-a-1 '

    make_volume --generate
    cp "$IMAGE" "$clone"
    pxenc rotate "$clone" --keep-old >/dev/null
    check_match 'erase of a clone that was rotated names the key of the other' \
        "$(pxenc erase "$clone" --force)" "left in the store: volumes/$UUID/1; delete"
    check 'which opens' pxenc open --test "$IMAGE"
    check_equal 'with its key' "$(stored)" '1 '

    make_volume --generate
    cp "$IMAGE" "$clone"
    pxenc rotate "$clone" --reencrypt --keep-old >/dev/null 2>&1
    check_match 'the backup is that of the clone, which has another volume key: it is named' \
        "$(pxenc erase "$IMAGE" --force)" "left in the store: volumes/$UUID/2, volumes/$UUID/header, volumes/$UUID/header-[ab]-1; delete"
    check 'and the clone opens' pxenc open --test "$clone"

    # The uuid is another's, and somebody sealed that.
    make_volume --generate
    victim=$UUID
    cp "$IMAGE" "$T_DIR/victim"
    printf x >"$T_DIR/x" && chmod 600 "$T_DIR/x"
    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    cryptsetup -q luksFormat --uuid "$victim" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$IMAGE" "$T_DIR/x"
    pxenc enroll "$IMAGE" --key-file "$T_DIR/x" --generate >/dev/null 2>&1
    check_match 'erase of what was enrolled under that uuid deletes its own key alone' \
        "$(pxenc erase "$IMAGE" --force)" "left in the store: volumes/$victim/1"
    check 'and the other volume opens' pxenc open --test "$T_DIR/victim"
}

# Each time that a pipe is made, once it cannot be: no failure may pass for a header that is not sound.
not_without_a_look() {
    local before count i passed=0
    before=$(sha256sum <"$IMAGE")
    strace -f -qq -o "$T_DIR/trace" -e trace=pipe2 \
        pxenc header restore "$IMAGE" --uuid "$UUID" --force 2>/dev/null
    count=$(grep -c pipe2 "$T_DIR/trace")
    for ((i = 1; i <= count; i++)); do
        strace -f -qq -o /dev/null -e trace=pipe2 -e inject=pipe2:error=EMFILE:when=$i \
            pxenc header restore "$IMAGE" --uuid "$UUID" --force 2>/dev/null && passed=$i
    done
    check "none of the $count pipes can be left out on the way to that" test "$count" -gt 2 -a $passed = 0
    check_equal 'and nothing is written without them' "$(sha256sum <"$IMAGE")" "$before"
}

# A reencryption that cannot begin takes nothing with it.
no_room() {
    make_volume --generate
    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    printf x | cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 16k \
        --luks2-keyslots-size 512k --offset 32768 "$IMAGE" - 2>/dev/null
    UUID=$(cryptsetup luksUUID "$IMAGE")
    printf x | pxenc enroll "$IMAGE" --key-file - --generate >/dev/null
    check_match 'a volume whose header has no room has a backup' "$(pxenc secrets get "volumes/$UUID/header")" '^parts [ab] 1$'
    fails_with 'rotate --reencrypt of it: status 12' 12 'space' pxenc rotate --reencrypt --force "$IMAGE"
    check_match 'leaves the backup' "$(pxenc secrets get "volumes/$UUID/header")" '^parts [ab] 1$'
    zero
    check 'from which the header is restored' pxenc header restore "$IMAGE" --uuid "$UUID" --force
    check 'and the volume opens' pxenc open --test "$IMAGE"
}

# A clone has the same uuid, so its backup lies where that of the other is.
clones() {
    local clone=$T_DIR/clone backup
    make_volume --generate
    cp "$IMAGE" "$clone"
    check_match 'reencryption of a clone takes the backup, which was made with the same volume key' \
        "$(pxenc rotate "$clone" --reencrypt --keep-old 2>&1; stored)" '1 2 header header-[ab]-1 $'
    refused 'the clone'"'"'s backup over a sound header with another volume key' 11 'another volume key.*clone'
    not_without_a_look
    check 'the volume opens' pxenc open --test "$IMAGE"
    backup=$(pxenc secrets get "volumes/$UUID/header")
    fails_with 'header backup does not replace that of a clone: status 11' 11 'clone with the same uuid.*secrets delete' \
        pxenc header backup "$IMAGE"
    check_match 'rotate warns, and leaves it' "$(pxenc rotate "$IMAGE" --keep-old 2>&1)" 'clone with the same uuid'
    check_match 'reencryption as well' "$(pxenc rotate "$IMAGE" --reencrypt --keep-old 2>&1)" 'clone with the same uuid'
    check_equal 'it is what it was' "$(pxenc secrets get "volumes/$UUID/header")" "$backup"
    check 'the volume opens' pxenc open --test "$IMAGE"
    dd if=/dev/zero of="$clone" bs=1M count=1 conv=notrunc status=none
    check 'and the clone is restored from it' pxenc header restore "$clone" --uuid "$UUID" --force
    pxenc secrets delete "volumes/$UUID/header" --force
    check 'once it is deleted, the volume has its own' pxenc header backup "$IMAGE"
}

# The seal of a header whose uuid was edited to another's.
edited_uuid() {
    local victim
    make_volume --generate
    victim=$UUID
    make_volume --generate
    become "$victim"
    fails_with 'header seal of an edited uuid: status 11, and how to put it back' 11 \
        "uuid is $victim.*made for another.*luksUUID --uuid $UUID" pxenc header seal "$IMAGE" --force
    become "$UUID"
    check 'put back, its seal is right' pxenc open --test "$IMAGE"
    luks2-edit "$IMAGE" '"auto":false' '"auto":true' >/dev/null
    check_match 'header seal tells the uuid' "$(pxenc header seal "$IMAGE" --force)" "its uuid is $UUID"
}

# A rotation that is not done: its other key goes if it opens the keyslot that the seal vouches for.
erase_rotating() {
    local call=write n count done='' bad=''
    make_volume --generate
    count=$(calls $call pxenc rotate "$IMAGE")
    for n in $(seq 1 "$count"); do
        make_volume --generate
        killed $call "$n" pxenc rotate "$IMAGE"
        luks2-edit --dump "$IMAGE" | grep -q '"old":{' || continue
        pxenc secrets get "volumes/$UUID/1" >/dev/null 2>&1 || continue
        done+=x
        pxenc erase "$IMAGE" --force >/dev/null 2>&1 || bad+=" $n"
        [ -z "$(stored)" ] || bad+=" $n:$(stored)"
        [ ${#done} -lt 3 ] || break
    done
    check_match 'a rotation was killed with both keys in the store' "$done" x
    check_equal 'erase then deletes both keys' "$bad" ''
}

# Killed at each sync, and at some of its requests: the next erase ends it.
erase_killed() {
    local call n count step reached=0 all=0 bad=''
    for call in write fsync; do
        make_volume --generate
        count=$(calls $call pxenc erase "$IMAGE" --force)
        step=$((count / 6 + 1))
        for n in $(seq 1 $step "$count"); do
            make_volume --generate
            all=$((all + 1))
            killed $call "$n" pxenc erase "$IMAGE" --force && reached=$((reached + 1))
            pxenc erase "$IMAGE" --force >/dev/null 2>&1
            case $? in 0 | 4) ;; *) bad+=" $call:$n" ;; esac
            [ -z "$(stored)" ] && [ "$(head -c 16M "$IMAGE" | tr -d '\0' | wc -c)" = 0 ] || bad+=" $call:$n"
        done
    done
    echo "figure erase killed at $reached points"
    check_equal 'erase killed here and there: every point was reached' "$reached" "$all"
    check_equal 'the next erase leaves neither header nor secret' "$bad" ''
}

# The store fails half way: what is done stays done, and erase goes on from there.
erase_interrupted() {
    make_volume --generate
    dcosd_stop main
    T_TIMEOUT=1 config '"header_backup": true, '
    pxenc erase "$IMAGE" --force 2>"$T_DIR/err"
    check_equal 'erase without the store: status 6' $? 6
    check_match 'with the keyslots gone' "$(cat "$T_DIR/err")" 'keyslots of .* are destroyed.*run erase again'
    check_equal 'which is so' "$(head -c 290816 "$IMAGE" | tail -c +32769 | cmp - <(head -c 290816 "$GENUINE" | tail -c +32769) >/dev/null; echo $?)" 1
    check_match 'the header still tells which volume it was' "$(cryptsetup luksUUID "$IMAGE")" "$UUID"
}

setup || exit 1
config '"header_backup": true, '
lost_and_found
broken_headers
hostile_backups
generations
parts
passphrases
by_hand
reencryption
rotate_killed
seal
no_room
clones
edited_uuid
erase
erase_others
erase_rotating
erase_killed
erase_interrupted
t_done
