#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# cryptsetup itself with our plugin, on plain files: the plugin of the build folder lies over
# libcryptsetup's own folder, in a mount namespace of the test's own.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image GENUINE=$T_DIR/genuine
PLUGIN=$(dirname "$(command -v pxenc)")/libcryptsetup-token-pxenc.so
PLUGINS=$(cryptsetup --help | sed -n 's/^LUKS2 external token plugin path: \(.*\)\.$/\1/p')
RECOVERY=a-second-passphrase

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    printf p | pxenc secrets dcos login --username u --password-stdin || return 1
    # The plugin gives pxenc no environment; the tests' copy of pxenc needs one.
    export PXENC_TEST_PXENC=$T_DIR/pxenc
    printf '#!/bin/sh\nPXENC_CONFIG=%q PXENC_TEST_RUN_DIR=%q exec %q "$@"\n' \
        "$PXENC_CONFIG" "$RUN_DIR" "$(command -v pxenc)" >"$PXENC_TEST_PXENC"
    chmod 755 "$PXENC_TEST_PXENC"
    mkdir "$T_DIR/plugins"
    cp "$PLUGIN" "$T_DIR/plugins"

    truncate -s 32M "$GENUINE"
    pxenc format "$GENUINE" --generate >/dev/null || return 1
    SECRET=$(luks2-edit --dump "$GENUINE" | jq -r '.tokens["0"].secret')
    pxenc secrets get "$SECRET" >"$T_DIR/key"
    printf %s "$RECOVERY" | cryptsetup luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --key-file "$T_DIR/key" "$GENUINE" - || return 1
    cp "$GENUINE" "$IMAGE"
}

# with_plugin COMMAND…: who is not root is root for the mount alone.
with_plugin() {
    local mounter=() runner=()
    ((EUID == 0)) || {
        mounter=(--map-root-user)
        runner=(unshare --map-user="$(id -u)" --map-group="$(id -g)")
    }
    # shellcheck disable=SC2016  # for the shell inside
    unshare "${mounter[@]}" --mount sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' _ \
        "$T_DIR/plugins" "$PLUGINS" "${runner[@]}" "$@"
}

# by_token [OPTION…]: cryptsetup tries the image with the LUKS2 token alone.
by_token() { with_plugin cryptsetup open --test-passphrase --token-only "$@" "$IMAGE"; }

# token_key UUID HEADER: as the plugin asks.
token_key() {
    pxenc token-key "$IMAGE" "$1" <"$2" | cat
    return "${PIPESTATUS[0]}"
}

opens() {
    check 'cryptsetup opens the volume, and nobody types a passphrase' by_token
    check_equal 'saying nothing' "$(by_token 2>&1)" ''
    check_match 'by the keyslot that the LUKS2 token names' "$(by_token -v 2>&1)" 'Key slot 0 unlocked'
    check 'with --token-type, too' by_token --token-type pxenc
    check 'in a process that has its children reaped' bash -c "trap '' CHLD; $(declare -f with_plugin by_token)
        T_DIR=$T_DIR PLUGINS=$PLUGINS IMAGE=$IMAGE; by_token"
    check_match 'the environment of cryptsetup has no say' \
        "$(PXENC_CONFIG=/nonexistent DCOS_SECRETS_BASE_PATH=x by_token -v 2>&1)" 'Key slot 0 unlocked'
    check_equal 'a key opens another keyslot with its help' "$(with_plugin cryptsetup luksAddKey -q \
        --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --token-id 0 --new-keyfile /dev/stdin "$IMAGE" \
        <<<third 2>&1)" ''
}

dumps() {
    local dump
    dump=$(with_plugin cryptsetup luksDump "$IMAGE")
    check_match 'luksDump: the secret' "$dump" "^	Secret:     $SECRET\$"
    check_match 'luksDump: the store' "$dump" '^	Store:      default$'
    check_match 'luksDump: whether boot may open it' "$dump" '^	Auto-open:  no$'
    check_match 'luksDump: whether it is sealed' "$dump" '^	Sealed:     yes$'
    printf '{"type":"pxenc","keyslots":["0"]}' >"$T_DIR/token"
    fails_with 'a LUKS2 token that cannot be ours is not imported' 1 'names a secret' \
        with_plugin sh -c "cryptsetup token import --json-file $T_DIR/token --token-id 3 $GENUINE 2>&1 |
            grep -v '^Failed to import' >&2; exit 1"
}

wrong_keys() {
    printf 'something else' | pxenc secrets update "$SECRET" --force --value-file -
    check_equal 'a passphrase that does not fit: cryptsetup tries it, and says so by its status' \
        "$(by_token 2>&1; echo $?)" 2
    printf %s "$RECOVERY" | pxenc secrets update "$SECRET" --force --value-file -
    check_equal 'nor is one tried on other keyslots than that of the LUKS2 token' \
        "$(by_token 2>&1; echo $?)" 2
    pxenc secrets update "$SECRET" --force --generate
    fails_with 'a generated key that does not fit: no usable token, and why' 1 \
        "pxenc: .*does not open keyslot 0.*see if the secret '$SECRET' was changed" by_token
    check 'and cryptsetup goes on to ask for a passphrase' \
        bash -c "$(declare -f with_plugin); T_DIR=$T_DIR PLUGINS=$PLUGINS; printf %s $RECOVERY |
            with_plugin cryptsetup open --test-passphrase $IMAGE"
    pxenc secrets delete "$SECRET" --force
    fails_with 'a missing secret: no usable token, and why' 1 'pxenc: .*has no secret' by_token
    pxenc secrets create "$SECRET" --value-file "$T_DIR/key"
    check 'with the secret as it was it opens again' by_token
}

# refused NAME PATTERN OLD NEW: a header with that text replaced.
refused() {
    cp "$GENUINE" "$IMAGE"
    luks2-edit "$IMAGE" "$3" "$4" >/dev/null || t_not_ok "$1" "cannot forge the header: $3"
    fails_with "$1 is refused" 1 "pxenc: .*$2" by_token
}

tampered() {
    local cipher='"encryption":"%s","sector_size"'
    # shellcheck disable=SC2059  # the format is ours
    refused 'a null cipher' cipher_null "$(printf "$cipher" aes-xts-plain64)" "$(printf "$cipher" cipher_null-ecb)"
    # shellcheck disable=SC2059
    refused "a cipher that is not this volume's" 'seal is broken' "$(printf "$cipher" aes-xts-plain64)" \
        "$(printf "$cipher" serpent-xts-plain64)"
    refused 'an added flag' 'seal is broken' '"config":{' '"config":{"flags":["allow-discards"],'
    refused 'another secret' 'LUKS2 token names' "\"secret\":\"$SECRET\"" '"secret":"../x"'
    refused 'a token of a newer pxenc' 'newer pxenc' '"version":1,"secret_type"' '"version":2,"secret_type"'
    cp "$GENUINE" "$IMAGE"
}

# Where a person's passphrase is the key there is no seal, but the allowlist holds.
passphrase() {
    printf 'correct horse' | pxenc secrets create mine --value-file -
    truncate -s 32M "$T_DIR/human"
    pxenc format "$T_DIR/human" --secret mine >/dev/null
    check 'a volume with a passphrase opens as well' \
        with_plugin cryptsetup open --test-passphrase --token-only "$T_DIR/human"
    luks2-edit "$T_DIR/human" '"encryption":"aes-xts-plain64","sector_size"' '"encryption":"aes-ecb","sector_size"'
    fails_with 'but not with a cipher that is not one of ours' 1 'pxenc: .*aes-ecb' \
        with_plugin cryptsetup open --test-passphrase --token-only "$T_DIR/human"
}

# What reaches pxenc besides through the plugin.
verb() {
    local uuid
    uuid=$(cryptsetup luksUUID "$IMAGE")
    cryptsetup luksDump --dump-json-metadata "$IMAGE" >"$T_DIR/json"
    check_equal 'token-key prints the key, and nothing else' "$(token_key "$uuid" "$T_DIR/json" | sha256sum)" \
        "$(sha256sum <"$T_DIR/key")"
    fails_with 'not into a file' 1 'into a pipe alone' \
        bash -c 'pxenc token-key "$1" "$2" <"$3" >"$4" || { s=$?; cat "$4"; exit $s; }' _ \
        "$IMAGE" "$uuid" "$T_DIR/json" "$T_DIR/out"
    check_equal 'where it leaves nothing' "$(cat "$T_DIR/out")" ''
    check_match 'not to a terminal' "$(script -qec "pxenc token-key $IMAGE $uuid <$T_DIR/json" /dev/null)" \
        'into a pipe alone'
    fails_with 'another uuid is another header' 11 'not the one that was loaded' \
        token_key 0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35 "$T_DIR/json"
    sed 's/"auto":false/"auto":true/' "$T_DIR/json" >"$T_DIR/other"
    fails_with 'a header that is not the one on the device' 11 'not the one that was loaded' \
        token_key "$uuid" "$T_DIR/other"
    fails_with 'no header at all' 11 'not the one that was loaded' token_key "$uuid" /dev/null
    fails_with 'a header without an end' 1 'standard input: ' token_key "$uuid" /dev/zero
    truncate -s 32M "$T_DIR/foreign"
    cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$T_DIR/foreign" "$T_DIR/key"
    fails_with 'a volume that has no LUKS2 token of ours' 11 'no LUKS2 token' \
        bash -c 'pxenc token-key "$1" x </dev/null | cat; exit "${PIPESTATUS[0]}"' _ "$T_DIR/foreign"
    fails_with 'without arguments' 1 'usage: pxenc token-key' pxenc token-key
}

no_store() {
    dcosd_stop main
    T_TIMEOUT=2 write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    local since=$SECONDS out
    out=$(by_token 2>&1)
    check_equal 'without the store: no usable token' $? 1
    check_match 'with the cause' "$out" 'pxenc: the store (cannot be reached|did not answer)'
    check 'after the timeout of the config' test $((SECONDS - since)) -le 6
    check_match 'then cryptsetup asks for a passphrase' \
        "$(printf %s "$RECOVERY" | with_plugin cryptsetup open -v --test-passphrase "$IMAGE" 2>&1)" 'Key slot 1 unlocked'
    check_equal 'at once, and without a word of ours, if it is told to leave plugins out' \
        "$(printf %s "$RECOVERY" | with_plugin cryptsetup open --disable-external-tokens --test-passphrase "$IMAGE" 2>&1)" ''
}

setup || exit 1
verb
if with_plugin true 2>/dev/null; then
    opens
    dumps
    wrong_keys
    tampered
    passphrase
    no_store
else
    t_skip 'cryptsetup with the plugin' "no mount namespace is to be had here, or no folder '$PLUGINS'"
fi
t_done
