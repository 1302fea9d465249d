#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# The life of a key: a volume is taken over, and its key changes, against the stand-in server.
# Volumes are plain files. Wants pxenc, pxenc-dcosd and luks2-edit of the build in PATH.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image
# It says of itself that it is random, so it opens in milliseconds.
random_key() { echo "pxenc1:$(head -c 64 /dev/urandom | base64 -w 0 | tr +/ -_ | tr -d =)"; }

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user 'u:pw' \
        --grant 'u:dcos:secrets:default:/pwx/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx:read' --grant 'u:dcos:secrets:list:default:/pwx/*:read' \
        --secret pwx/cluster-1="$(random_key)" --secret pwx/cluster-2="$(random_key)" \
        --secret pwx/passphrase='a passphrase' --secret pwx/newline=$'x\n' || return 1
    echo u >"$T_DIR/username"
    echo pw >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password" "$T_DIR/certs/ca.crt"
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" base_path '"pwx"' \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    sed 's/"timeout": 10/"timeout": 2/' "$PXENC_CONFIG" >"$T_DIR/hasty.json" && chmod 600 "$T_DIR/hasty.json"
}

# LUKS2 (or luks1) by cryptsetup, with cheap keyslots: the passphrase "by hand" in keyslot 0.
luks_image() {
    local options=(--type "${2:-luks2}" --pbkdf-force-iterations 1000)
    [ "${2:-luks2}" = luks1 ] || options+=(--pbkdf pbkdf2)
    rm -f "$1"
    truncate -s 20M "$1"
    printf 'by hand' | cryptsetup -q luksFormat "${options[@]}" "$1" -
}
uuid_of() { cryptsetup luksUUID "$1"; }
secret_of() { pxenc status "$1" --json | jq -r '.[0].secret'; }
header() { cryptsetup luksDump --dump-json-metadata "$1"; }
token() { header "$1" | jq -c '.tokens[] | select(.type == "pxenc")'; }
slots() { header "$1" | jq -r '.keyslots | keys | join(" ")'; }
there() { pxenc secrets list | grep -cxF "$1"; }
by_hand() { printf 'by hand' | cryptsetup open --test-passphrase --key-file - "$1"; }

enroll() {
    local before uuid
    luks_image "$IMAGE"
    uuid=$(uuid_of "$IMAGE")
    before=$(sha256sum <"$IMAGE")
    fails_with 'enroll with a wrong passphrase: status 2' 2 'opens no keyslot' \
        pxenc enroll "$IMAGE" --key-file /dev/null
    check_equal 'and the volume is unchanged' "$(sha256sum <"$IMAGE")" "$before"
    check_equal 'and no key lies in the store' "$(there "volumes/$uuid/1")" 0
    fails_with 'enroll with a secret that cannot be typed: status 1' 1 'newline' \
        pxenc enroll "$IMAGE" --secret newline --key-file <(printf 'by hand')
    fails_with 'enroll with a secret that is not there: status 9' 9 'nowhere' \
        pxenc enroll "$IMAGE" --secret nowhere --key-file <(printf 'by hand')
    check_equal 'and the volume is unchanged still' "$(sha256sum <"$IMAGE")" "$before"

    check 'enroll takes the passphrase from standard input' \
        bash -c 'printf "by hand" | pxenc enroll "$1" --key-file -' _ "$IMAGE"
    check_equal 'its key lies at volumes/UUID/1' "$(secret_of "$IMAGE")" "volumes/$uuid/1"
    check 'it opens with what the store holds' pxenc open --test "$IMAGE"
    check 'its own passphrase still opens it' by_hand "$IMAGE"
    check_equal 'the new keyslot is a cheap one' \
        "$(header "$IMAGE" | jq -c '.keyslots["1"].kdf | [.type, .iterations]')" '["pbkdf2",1000]'
    check_match 'the header is sealed' "$(token "$IMAGE")" '"seal":"[A-Za-z0-9_-]{43}"'
    check_match 'the subsystem label says whose it is' "$(cryptsetup luksDump "$IMAGE")" 'Subsystem:.*pxenc'
    fails_with 'what is enrolled is not enrolled again: status 14' 14 'pxenc rotate' \
        pxenc enroll "$IMAGE" --key-file <(printf 'by hand')

    luks_image "$IMAGE"
    check 'on a terminal it asks for the passphrase' types "pxenc enroll $IMAGE" 'present passphrase' 'by hand'
    check_not 'and does not show it' grep -aF 'by hand' "$T_DIR/terminal"
    check 'the volume opens with what the store holds' pxenc open --test "$IMAGE"

    luks_image "$IMAGE"
    check 'enroll with the present passphrase in the store' \
        pxenc enroll "$IMAGE" --secret cluster-1 --present-secret passphrase-by-hand
    check 'and a secret of ours' pxenc open --test "$IMAGE"
    check_equal 'which the LUKS2 token names' "$(secret_of "$IMAGE")" cluster-1

    luks_image "$IMAGE" luks1
    fails_with 'rotate of LUKS1 says what to do: status 1' 1 'convert' pxenc rotate "$IMAGE" --generate
    before=$(sha256sum <"$IMAGE")
    fails_with 'enroll of LUKS1 says how to mount it: status 1' 1 'secret=PATH' \
        pxenc enroll "$IMAGE" --key-file <(printf 'by hand')
    check_equal 'and changes nothing' "$(sha256sum <"$IMAGE")" "$before"
    fails_with 'enroll without a passphrase to be had: status 1' 1 'present passphrase' \
        pxenc enroll "$T_DIR/fresh" </dev/null
}

# The state that a SIGKILL leaves between the keyslot and the LUKS2 token.
enroll_interrupted() {
    local uuid key
    luks_image "$IMAGE"
    uuid=$(uuid_of "$IMAGE")
    key=$(random_key)
    printf %s "$key" | pxenc secrets create "volumes/$uuid/1" --value-file -
    cryptsetup -q luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file <(printf 'by hand') \
        "$IMAGE" <(printf %s "$key")
    check_match 'an enroll that was interrupted is gone on with' \
        "$(pxenc enroll "$IMAGE" --key-file <(printf 'by hand'))" 'interrupted.* in keyslot 1'
    check 'and the volume opens' pxenc open --test "$IMAGE"
    check_equal 'with no keyslot more' "$(slots "$IMAGE")" '0 1'
}

# The key at volumes/UUID/1 may be that of a clone, which has the same uuid.
enroll_beside_a_clone() {
    local uuid key
    luks_image "$IMAGE"
    uuid=$(uuid_of "$IMAGE")
    pxenc secrets create "volumes/$uuid/1" --generate
    key=$(pxenc secrets get "volumes/$uuid/1")
    check_match 'enroll names a key of this uuid that opens nothing, as it may be a clone'"'"'s' \
        "$(pxenc enroll "$IMAGE" --key-file <(printf 'by hand') 2>&1)" \
        "'pwx/volumes/$uuid/1' opens no keyslot of $IMAGE.*may be a clone's: look before you delete it"
    check_equal 'and leaves it as it was' "$(pxenc secrets get "volumes/$uuid/1")" "$key"
    check_equal 'its own comes after it' "$(secret_of "$IMAGE")" "volumes/$uuid/2"
    check 'and opens the volume' pxenc open --test "$IMAGE"
}

recovery() {
    local out key
    luks_image "$IMAGE"
    out=$(pxenc enroll "$IMAGE" --key-file <(printf 'by hand') --recovery-key)
    key=$(tail -n 1 <<<"$out")
    check_match 'the recovery key is shown' "$key" '^recover(-[a-km-np-z2-9]{6}){8}$'
    check 'and opens the volume in cryptsetup' \
        bash -c 'printf %s "$1" | cryptsetup open --test-passphrase --key-file - "$2"' _ "$key" "$IMAGE"
    check_equal 'no secret in the store has it' \
        "$(pxenc secrets list | while read -r path; do pxenc secrets get "$path"; echo; done | grep -cF "$key")" 0
    check 'its keyslot costs little, since it is random' \
        bash -c '[ "$(cryptsetup luksDump --dump-json-metadata "$1" | jq ".keyslots[\"2\"].kdf.iterations")" = 1000 ]' _ "$IMAGE"
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    out=$(pxenc format "$IMAGE" --generate --recovery-key)
    key=$(tail -n 1 <<<"$out")
    check 'format makes one as well' \
        bash -c 'printf %s "$1" | cryptsetup open --test-passphrase --key-file - "$2"' _ "$key" "$IMAGE"
    check 'and the volume opens without it' pxenc open --test "$IMAGE"
    check_equal 'a recovery key that cannot be shown is no keyslot' \
        "$(rm -f "$IMAGE"; truncate -s 20M "$IMAGE"; pxenc format "$IMAGE" --generate --recovery-key \
            >/dev/full 2>&1; slots "$IMAGE")" 0
}

# By what pxenc(8) says of lost keys.
lost() {
    local uuid
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate --recovery-key | tail -n 1 | tr -d '\n' >"$T_DIR/recovery"
    uuid=$(uuid_of "$IMAGE")
    pxenc secrets get "volumes/$uuid/1" |
        cryptsetup luksAddKey --key-file - "$IMAGE" <(printf another) 2>/dev/null
    check 'another recovery key is made by cryptsetup' \
        bash -c 'printf another | cryptsetup open --test-passphrase --key-file - "$1"' _ "$IMAGE"
    check 'and the volume opens without it' pxenc open --test "$IMAGE"
    pxenc secrets delete "volumes/$uuid/1" --force
    fails_with 'the secret is lost, the recovery key is there: status 14, and where it says what to do' 14 'LOST KEYS' \
        pxenc enroll "$IMAGE" --key-file "$T_DIR/recovery"
    cryptsetup token remove --token-id 0 "$IMAGE"
    echo >>"$T_DIR/recovery"
    fails_with 'a newline after the recovery key is said' 2 'newline' \
        pxenc enroll "$IMAGE" --key-file "$T_DIR/recovery" --generate
    truncate -s -1 "$T_DIR/recovery"
    check 'the volume is adopted anew' pxenc enroll "$IMAGE" --key-file "$T_DIR/recovery" --generate
    check 'and opens' pxenc open --test "$IMAGE"
}

rotate() {
    local uuid before old
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate --recovery-key >"$T_DIR/out"
    uuid=$(uuid_of "$IMAGE")
    old=$(pxenc secrets get "volumes/$uuid/1")
    check_match 'rotate gives a volume another key of its own' "$(pxenc rotate "$IMAGE")" "key volumes/$uuid/2"
    check 'it opens' pxenc open --test "$IMAGE"
    check_equal 'the LUKS2 token names it' "$(secret_of "$IMAGE")" "volumes/$uuid/2"
    check_equal 'the old secret is gone' "$(there "volumes/$uuid/1")" 0
    check_not 'the old key opens nothing' \
        bash -c 'printf %s "$1" | cryptsetup open --test-passphrase --key-file - "$2"' _ "$old" "$IMAGE"
    check 'the recovery key is as it was' \
        bash -c 'tail -n 1 "$1" | tr -d "\n" | cryptsetup open --test-passphrase --key-file - "$2"' _ "$T_DIR/out" "$IMAGE"
    check_equal 'the change is over' "$(token "$IMAGE" | jq -c 'has("next"), has("old")' | tr '\n' ' ')" 'false false '

    cp "$IMAGE" "$T_DIR/snapshot"
    check 'rotate --keep-old' pxenc rotate "$IMAGE" --keep-old
    check 'a snapshot of before opens after it' pxenc open --test "$T_DIR/snapshot"
    check 'and so does the volume' pxenc open --test "$IMAGE"

    check 'rotate to the cluster key' bash -c 'pxenc secrets set-cluster-key --secret cluster-1 && pxenc rotate "$1" --cluster-key' _ "$IMAGE"
    check_equal 'it has it' "$(secret_of "$IMAGE")" cluster-1
    check_match 'once more is no change' "$(pxenc rotate "$IMAGE" --cluster-key)" 'as before'
    fails_with 'a key that others may use is followed by what is said: status 1' 1 'say what is to follow' pxenc rotate "$IMAGE"
    check 'rotate to a secret' pxenc rotate "$IMAGE" --secret cluster-2
    check_equal 'the cluster key stays in the store' "$(there cluster-1)" 1
    check 'it opens with the secret' pxenc open --test "$IMAGE"

    before=$(sha256sum <"$IMAGE")
    fails_with 'rotate to a secret that is not there: status 9' 9 'nowhere' pxenc rotate "$IMAGE" --secret nowhere
    fails_with 'rotate of what is not there: status 4' 4 'no such device' pxenc rotate "$T_DIR/nothing"
    check_equal 'and the volume is unchanged' "$(sha256sum <"$IMAGE")" "$before"
    luks_image "$T_DIR/foreign"
    fails_with 'rotate of a volume that is not ours: status 4' 4 'pxenc enroll' pxenc rotate "$T_DIR/foreign"
    luks2-edit "$IMAGE" '"json_size":"12288"' '"flags":["allow-discards"],"json_size":"12288"' >/dev/null
    fails_with 'rotate of a header that was changed: status 11' 11 'seal' pxenc rotate "$IMAGE" --generate
}

reencrypt() {
    local before uuid
    rm -f "$IMAGE"
    truncate -s 40M "$IMAGE"
    pxenc format "$IMAGE" --generate --recovery-key >/dev/null
    uuid=$(uuid_of "$IMAGE")
    dd if=/dev/urandom of="$IMAGE" bs=1M seek=16 conv=notrunc status=none count=24
    before=$(sha256sum <"$IMAGE")
    fails_with 'a reencryption would destroy a recovery key: status 15' 15 'not without --force' \
        pxenc rotate "$IMAGE" --reencrypt
    check_equal 'and changes nothing' "$(sha256sum <"$IMAGE")" "$before"
    before=$(dd if="$IMAGE" bs=1M skip=16 status=none | sha256sum)
    check_match 'rotate --reencrypt --force' "$(pxenc rotate "$IMAGE" --reencrypt --force)" "key volumes/$uuid/2"
    check_not 'the data is written anew' test "$before" = "$(dd if="$IMAGE" bs=1M skip=16 status=none | sha256sum)"
    check 'the volume opens' pxenc open --test "$IMAGE"
    check_equal 'with one keyslot' "$(slots "$IMAGE" | wc -w)" 1
    check_equal 'and nothing under way' "$(token "$IMAGE" | jq -c '[has("reencrypt"), has("old"), has("next")]')" '[false,false,false]'
    check_equal 'the old key is gone' "$(there "volumes/$uuid/1")" 0
}

# Four volumes move to a new cluster key, and the store goes away in the middle.
move_all() {
    local i images=() status opened=0
    pxenc secrets set-cluster-key --secret cluster-1
    for i in 1 2 3 4; do
        images+=("$T_DIR/shared$i")
        truncate -s 20M "$T_DIR/shared$i"
        pxenc format "$T_DIR/shared$i" --cluster-key >/dev/null
    done
    check 'a new cluster key strands no volume' \
        bash -c 'pxenc secrets set-cluster-key --secret cluster-2 && pxenc open --all --test "$@"' _ "${images[@]}"
    dcosd_control main faults 'drop@*:*#*+12'
    PXENC_CONFIG=$T_DIR/hasty.json pxenc rotate --all --cluster-key "${images[@]}" >"$T_DIR/out" 2>"$T_DIR/err"
    status=$?
    dcosd_control main faults
    check_equal 'rotate --all, interrupted by the store: status 20' $status 20
    check_match 'it says how many failed' "$(tail -n 1 "$T_DIR/err")" '[1-3] of 4 volumes failed'
    for i in "${images[@]}"; do pxenc open --test "$i" && opened=$((opened + 1)); done
    check_equal 'every volume opens' $opened 4
    check 'rotate --all once more' pxenc rotate --all --cluster-key "${images[@]}"
    check_equal 'all have the new key' "$(for i in "${images[@]}"; do secret_of "$i"; done | sort -u)" cluster-2
    check 'all open' pxenc open --all --test "${images[@]}"
    check_equal 'the old cluster key is still there: others may use it' "$(there cluster-1)" 1
    fails_with 'rotate --all of what is not there: status 20' 20 '1 of 1|no such device' \
        bash -c 'pxenc rotate --all --generate "$1" 2>&1 >/dev/null | tail -n 1 >&2; exit "${PIPESTATUS[0]}"' _ "$T_DIR/nothing"
}

# What a store that dies in the middle leaves: the volume opens with the old key, and the next
# rotate ends what was begun.
rotate_interrupted() {
    local uuid
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null
    uuid=$(uuid_of "$IMAGE")
    dcosd_stop main
    pxenc rotate "$IMAGE" 2>"$T_DIR/err" >"$T_DIR/out"
    check_equal 'rotate without the store: status 6' $? 6
    check_equal 'and nothing is begun' "$(token "$IMAGE" | jq -c 'has("next")')" false
}

# What lies below volumes/UUID goes with that volume, so it locks no other.
anothers_key() {
    local owner own before
    rm -f "$T_DIR/owner" "$IMAGE"
    truncate -s 20M "$T_DIR/owner" "$IMAGE"
    pxenc format "$T_DIR/owner" --generate >/dev/null
    owner=$(uuid_of "$T_DIR/owner")
    before=$(sha256sum <"$IMAGE")
    fails_with 'format with another volume'"'"'s own key: status 1, with the volume and what to do' 1 \
        "belongs to volume $owner alone.*secrets create" pxenc format "$IMAGE" --secret "volumes/$owner/1"
    fails_with 'by its full path as well' 1 "belongs to volume $owner" pxenc format "$IMAGE" --secret "/pwx/volumes/$owner/1"
    fails_with 'whatever lies there' 1 "belongs to volume $owner" pxenc format "$IMAGE" --secret "volumes/$owner/a/key"
    check_equal 'and the device is as it was' "$(sha256sum <"$IMAGE")" "$before"
    fails_with 'it is not made the cluster-wide key: status 1' 1 "belongs to volume $owner" \
        pxenc secrets set-cluster-key --secret "volumes/$owner/1"
    sed "s|\"dcos\":|\"cluster_secret_key\": \"volumes/$owner/1\", &|" "$PXENC_CONFIG" >"$T_DIR/shared.json"
    chmod 600 "$T_DIR/shared.json"
    pxenc secrets delete pxenc/cluster --force 2>/dev/null
    fails_with 'nor does format take it from the config' 1 "belongs to volume $owner" \
        env PXENC_CONFIG="$T_DIR/shared.json" pxenc format "$IMAGE" --cluster-key
    luks_image "$IMAGE"
    before=$(sha256sum <"$IMAGE")
    fails_with 'nor enroll: status 1' 1 "belongs to volume $owner" \
        pxenc enroll "$IMAGE" --secret "volumes/$owner/1" --key-file <(printf 'by hand')
    check_equal 'and the volume is as it was' "$(sha256sum <"$IMAGE")" "$before"
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null
    before=$(sha256sum <"$IMAGE")
    fails_with 'nor rotate: status 1' 1 "belongs to volume $owner" pxenc rotate "$IMAGE" --secret "volumes/$owner/1"
    check_equal 'and this volume is as it was' "$(sha256sum <"$IMAGE")" "$before"
    own=volumes/$(uuid_of "$IMAGE")/7
    pxenc secrets create "$own" --generate
    check 'one at a path of its own is taken' pxenc rotate "$IMAGE" --secret "$own"
    pxenc secrets create volumes/shared/1 --generate
    check 'so is one in a folder that is no volume'"'"'s' pxenc rotate "$IMAGE" --secret volumes/shared/1
}

# after_interruption COMMAND…: a rotation of a new volume, to be finished by what follows: its old key
# cannot be deleted.
after_interruption() {
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null
    UUID=$(uuid_of "$IMAGE")
    dcosd_control main faults '403@DELETE:*#*'
    "$@" >/dev/null 2>&1
    dcosd_control main faults
    check_equal "$*: the change is not over" "$(token "$IMAGE" | jq 'has("old")')" true
}

# What is said to whoever finishes it must be enough, and do no more than was asked.
finish_interrupted() {
    after_interruption pxenc rotate "$IMAGE"
    cp "$IMAGE" "$T_DIR/snapshot"
    check_match 'rotate --keep-old finishes a rotation that was interrupted' \
        "$(pxenc rotate "$IMAGE" --keep-old)" 'begun by a rotate that was interrupted'
    check_equal 'and keeps the old key' "$(there "volumes/$UUID/1")" 1
    check_equal 'the change is over' "$(token "$IMAGE" | jq 'has("old")')" false

    pxenc secrets set-cluster-key --secret cluster-1
    after_interruption pxenc rotate "$IMAGE" --cluster-key
    check_match 'plain rotate finishes one to a key that others may use' \
        "$(pxenc rotate "$IMAGE")" 'key cluster-1 \(begun by a rotate that was interrupted\)'
    check_equal 'deletes the old key' "$(there "volumes/$UUID/1")" 0
    check_equal 'and leaves the volume with that one' "$(secret_of "$IMAGE")" cluster-1
    fails_with 'then there is nothing to finish: status 1' 1 'say what is to follow' pxenc rotate "$IMAGE"
    gets=$(requests main 'GET.*cluster-1')
    check 'rotate from a shared key' pxenc rotate "$IMAGE" --generate
    check_equal 'asks for it once: it stays, whatever the store would say later' \
        "$(($(requests main 'GET.*cluster-1') - gets))" 1
    pxenc secrets delete pxenc/cluster --force
}

# The data is written anew, and then the store is gone.
reencrypted_alone() {
    rm -f "$IMAGE"
    truncate -s 20M "$IMAGE"
    pxenc format "$IMAGE" --generate >/dev/null
    dcosd_control main faults 'drop@GET:*/volumes/*/1#*+1'
    PXENC_CONFIG="$T_DIR/hasty.json" pxenc rotate "$IMAGE" --reencrypt >"$T_DIR/out" 2>"$T_DIR/err"
    check_equal 'after a reencryption the store is gone: status 6' $? 6
    check_match 'and it is said how far it came' "$(cat "$T_DIR/err")" \
        'has the new volume key.*pxenc rotate .*without --reencrypt'
    dcosd_control main faults
    check_match 'rotate then changes the key' "$(pxenc rotate "$IMAGE")" "key volumes/$(uuid_of "$IMAGE")/2"
    check 'and it opens' pxenc open --test "$IMAGE"
}

setup || exit 1
printf 'by hand' | pxenc secrets create passphrase-by-hand --value-file -
luks_image "$T_DIR/fresh"
enroll
enroll_interrupted
enroll_beside_a_clone
recovery
lost
rotate
reencrypt
finish_interrupted
reencrypted_alone
anothers_key
move_all
T_TIMEOUT=2
rotate_interrupted
t_done
