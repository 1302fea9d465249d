#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# The commands against the stand-in server, over real TLS, on this machine: volumes are plain files
# and are opened with --test. Wants pxenc and pxenc-dcosd of the build in PATH.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; dcosd_stop other; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
IMAGE=$T_DIR/image
UUID=0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35
PASSWORD='correct horse'
# A key that opens in milliseconds, since it says of itself that it is random. A passphrase of a
# person costs seconds, by design: one volume here has one.
TEXT_KEY=pxenc1:$(head -c 64 /dev/urandom | base64 -w 0 | tr +/ -_ | tr -d =)

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user "portworx:$PASSWORD" --user 'nobody:pw' \
        --grant 'portworx:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'portworx:dcos:secrets:list:default:/pwx/secrets:read' --grant 'portworx:dcos:secrets:list:default:/pwx/secrets/*:read' \
        --secret pwx/secrets/px_secret_key='from portworx' \
        --secret pwx/secrets/map="{\"pwx/secrets/map\": \"$TEXT_KEY\", \"other\": \"no\"}" \
        --secret pwx/secrets/short="{\"short\": \"$TEXT_KEY\"}" \
        --secret pwx/secrets/object='{"unrelated": "kept whole"}' \
        --secret pwx/secrets/first="$TEXT_KEY" \
        --secret elsewhere/key=x || return 1
    printf 'portworx\n' >"$T_DIR/username"
    printf '%s\n' "$PASSWORD" >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password" "$T_DIR/certs/ca.crt"
    default_config
}

# The config that the other tests bend: default_config [KEY VALUE]…
default_config() {
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\"" base_path '"pwx/secrets"' \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\"" "$@"
}

# cryptsetup opens the image with this text typed in.
types_key() { printf %s "$1" | cryptsetup open --test-passphrase --key-file - "$IMAGE"; }

new_image() { rm -f "$IMAGE" && truncate -s 32M "$IMAGE"; }

# Without a newline behind it. What the terminal is like afterwards, the shell says.
interrupted() {
    local pid status
    mkfifo "$T_DIR/keyboard"
    script -qefc 'trap : INT; env --default-signal=INT pxenc secrets create typed
        echo "status $?, $(stty -a | grep -o -- "-\?echo ")"' \
        /dev/null <"$T_DIR/keyboard" >"$T_DIR/terminal" &
    pid=$!
    exec 9>"$T_DIR/keyboard"
    wait_for 10 grep -q 'value: ' "$T_DIR/terminal" && sleep 0.3 && printf '\003' >&9
    wait_for 20 grep -q 'status' "$T_DIR/terminal"
    status=$?
    exec 9>&-
    wait $pid
    rm "$T_DIR/keyboard"
    return $status
}

secrets() {
    check 'secrets create from a file descriptor' bash -c 'printf %s one | pxenc secrets create a --value-file -'
    check 'Ctrl-C at a prompt ends the command at once' interrupted
    check_match 'and the terminal echoes again' "$(cat "$T_DIR/terminal")" '^status 130, echo'
    check 'on a terminal a value is asked for twice' \
        types 'pxenc secrets create typed' 'value: ' 'by hand' 'value again: ' 'by hand'
    check_not 'and not shown' grep -aF 'by hand' "$T_DIR/terminal"
    check_equal 'it is what was typed' "$(pxenc secrets get typed)" 'by hand'
    check_not 'mistyped, it changes nothing' \
        types 'pxenc secrets update typed' 'value: ' 'by hand' 'value again: ' 'by hnad'
    check 'and says why' grep -q 'do not match' "$T_DIR/terminal"
    check_equal 'the value is the old one' "$(pxenc secrets get typed)" 'by hand'
    pxenc secrets delete typed
    check_equal 'secrets get prints the value and no more' "$(pxenc secrets get a)" one
    check_equal 'a path below the base path means the same secret' "$(pxenc secrets get pwx/secrets/a)" one
    check_equal 'one leading slash is stripped' "$(pxenc secrets get /pwx/secrets/a)" one
    fails_with 'create does not overwrite: status 14' 14 'pwx/secrets/a' pxenc secrets create a --generate
    check 'update of what locks no volume asks nobody' bash -c 'printf %s two | pxenc secrets update a --value-file -'
    check_equal 'the new value is there' "$(pxenc secrets get a)" two
    fails_with 'update of what is not there: status 9' 9 'nothere' pxenc secrets update nothere --force --generate
    head -c 3000 /dev/urandom >"$T_DIR/binary"
    check 'a binary value goes in' pxenc secrets create blob --value-file "$T_DIR/binary"
    check 'and comes out the same' bash -c 'pxenc secrets get blob | cmp - "$0"' "$T_DIR/binary"
    check_equal 'secrets list is recursive, relative and sorted' "$(pxenc secrets list | tr '\n' ' ')" 'a blob first map object px_secret_key short '
    check_equal 'of the base path itself as well' "$(pxenc secrets list pwx/secrets | wc -l),$(pxenc secrets list /pwx/secrets/ | wc -l)" \
        "$(pxenc secrets list | wc -l),$(pxenc secrets list | wc -l)"
    check_equal 'secrets list --json' "$(pxenc secrets list --json | jq -c .)" '["a","blob","first","map","object","px_secret_key","short"]'
    check 'delete of what locks no volume asks nobody' pxenc secrets delete blob
    pxenc secrets create "volumes/$UUID/1" --generate
    fails_with 'update of a volume'"'"'s own key asks, and wants --force where nobody can answer: status 15' 15 'not on this machine.*--force' pxenc secrets update "volumes/$UUID/1" --generate
    fails_with 'so does delete, by its full path as well' 15 'not on this machine.*--force' pxenc secrets delete "/pwx/secrets/volumes/$UUID/1"
    check 'secrets update --force' pxenc secrets update "volumes/$UUID/1" --generate --force
    check 'secrets delete --force' pxenc secrets delete "volumes/$UUID/1" --force
    fails_with 'a deleted secret is gone: status 9' 9 'blob' pxenc secrets get blob
    sed 's#pwx/secrets#/#' "$PXENC_CONFIG" >"$T_DIR/top.json"
    chmod 600 "$T_DIR/top.json"
    fails_with 'forbidden: status 8, with the grant to give' 8 'org users grant' \
        env PXENC_CONFIG="$T_DIR/top.json" pxenc secrets get elsewhere/key
}

paths() {
    local bad
    for bad in '' / a//b a/./b a/../b 'a%2fb' a/ 'a b' 'a?b' 'a#b' $'a\nb'; do
        fails_with "the path '${bad//$'\n'/\\n}' is a usage error" 1 'path' pxenc secrets get "$bad"
    done
    check_equal 'a bad path reaches no server' "$(requests main '\.\.|%25|//b')" 0
}

config_errors() {
    default_config cluster_ur1 '"x"'
    fails_with 'an unknown key in the config: status 1, key and file named' 1 "cluster_ur1.*" pxenc secrets get a
    default_config store 3
    fails_with 'a wrong type in the config: status 1' 1 '"store"' pxenc secrets get a
    write_config "$PXENC_CONFIG" cluster_url '"http://127.0.0.1:1"'
    fails_with 'plain http is refused: status 1' 1 'https://' pxenc secrets get a
    default_config
    chmod 666 "$PXENC_CONFIG"
    fails_with 'a config that others may write is refused: status 1' 1 'chmod' pxenc secrets get a
    default_config
    chmod 644 "$T_DIR/password"
    rm -rf "$RUN_DIR"
    fails_with 'a password file that others may read is refused: status 1' 1 'chmod' pxenc secrets get a
    chmod 600 "$T_DIR/password"
    default_config
    mv "$T_DIR/certs/ca.crt" "$T_DIR/certs/gone"
    fails_with 'a missing CA file: status 1, the file named' 1 'ca.crt' pxenc secrets get a
    mv "$T_DIR/certs/gone" "$T_DIR/certs/ca.crt"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 9 \
        -keyout "$T_DIR/other.key" -out "$T_DIR/other.crt" 2>/dev/null
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/other.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    fails_with 'a server that the CA did not sign for: status 10' 10 'certificate' pxenc secrets get a
    T_TIMEOUT=2 write_config "$PXENC_CONFIG" cluster_url '"https://127.0.0.1:9"' ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    local start=$SECONDS
    pxenc secrets get a >/dev/null 2>"$T_DIR/err"
    check_equal 'an unreachable server: status 6' $? 6
    check_match 'with the address and the cause' "$(tail -n 1 "$T_DIR/err")" '127.0.0.1.*refused'
    check "and by the deadline" test $((SECONDS - start)) -le 8
    default_config
}

logins() {
    local before
    rm -rf "$RUN_DIR"
    before=$(requests main '/auth/login')
    pxenc secrets get a >/dev/null
    pxenc secrets get a >/dev/null
    check_equal 'the ACS token is cached: two commands, one login' "$(requests main '/auth/login')" $((before + 1))
    check_equal 'in a file that only its owner can read' "$(find "$RUN_DIR" -type f -perm /077 | wc -l)" 0
    printf 'wrong\n' >"$T_DIR/password"
    rm -rf "$RUN_DIR"
    before=$(requests main '/auth/login')
    fails_with 'a rejected login: status 7' 7 'portworx' pxenc secrets get a
    fails_with 'and again' 7 'portworx' pxenc secrets get a
    check_equal 'is remembered: the server is asked once' "$(requests main '/auth/login')" $((before + 1))
    printf '%s\n' "$PASSWORD" >"$T_DIR/password"
    check 'until the password file is mended' pxenc secrets get a
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" base_path '"wrong/base"'
    rm -rf "$RUN_DIR"
    fails_with 'without any login: status 7, and what to type' 7 'pxenc secrets dcos login' pxenc secrets get a
    check 'secrets dcos login' bash -c 'printf %s "$0" | pxenc secrets dcos login --username portworx --password-stdin --base-path pwx/secrets' "$PASSWORD"
    check 'then commands work, under the base path of the login' pxenc secrets get a
    check 'login without --base-path' bash -c 'printf %s "$0" | pxenc secrets dcos login --username portworx --password-stdin' "$PASSWORD"
    fails_with 'then the base path is that of the config' 8 'wrong/base/a' pxenc secrets get a
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" base_path '"pwx/secrets"'
    check 'also when the config changes' pxenc secrets get a
    check 'secrets dcos logout' pxenc secrets dcos logout
    fails_with 'after it nobody is logged in: status 7' 7 'pxenc secrets dcos login' pxenc secrets get a
    fails_with 'a rejected login by hand: status 7' 7 'portworx' bash -c 'echo nonsense | pxenc secrets dcos login --username portworx --password-stdin'
    default_config
}

# A server is never shown the ACS token of another: the identity has the URL in it.
changed_url() {
    dcosd_start other 127.0.0.1:0 --user 'somebody:else'
    pxenc secrets get a >/dev/null
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_other\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    fails_with 'another cluster_url: a login there, status 7' 7 'portworx' pxenc secrets get a
    check_equal 'the first request that it sees is a login: no ACS token was shown to it' \
        "$(head -n 1 "$T_DIR/other.log")" 'POST /acs/api/v1/auth/login 401'
    check_equal 'and there is no other' "$(wc -l <"$T_DIR/other.log")" 1
    dcosd_stop other
    default_config
}

volumes() {
    local path
    new_image
    check_match 'format without a key named or set makes one, and says which' "$(pxenc format "$IMAGE")" \
        'pwx/secrets/volumes/[0-9a-f-]{36}/1 \(generated\)'
    check 'open --test proves it, without device-mapper' pxenc open --test "$IMAGE"
    path=$(pxenc status "$IMAGE" --json | jq -r '.[0].secret')
    check_match 'the key is text that says it is random' "$(pxenc secrets get "$path")" '^pxenc1:[A-Za-z0-9_-]{86}$'
    check 'cryptsetup opens the volume with that text' \
        bash -c 'pxenc secrets get "$0" | cryptsetup open --test-passphrase --key-file - "$1"' "$path" "$IMAGE"
    check_match 'its keyslot is PBKDF2 with 1000 iterations' "$(cryptsetup luksDump "$IMAGE")" 'Iterations: +1000'
    pxenc secrets delete "$path" --force
    fails_with 'its secret deleted: status 9' 9 "$path" pxenc open --test "$IMAGE"

    new_image
    check 'format --secret with the full path' pxenc format "$IMAGE" --secret pwx/secrets/px_secret_key
    check_match 'a passphrase of a person gets argon2id' "$(cryptsetup luksDump "$IMAGE")" 'PBKDF: +argon2id'
    check_equal 'the LUKS2 token holds the relative path' "$(luks2-edit --dump "$IMAGE" | jq -r '.tokens["0"].secret')" px_secret_key
    check 'open --test' pxenc open --test "$IMAGE"
    check 'the path relative to the base reads the same' pxenc open --test "$IMAGE" -o secret=px_secret_key
    check 'and so does the full one' pxenc open --test "$IMAGE" -o secret=pwx/secrets/px_secret_key
    fails_with 'another secret: status 2' 2 'opens no keyslot' pxenc open --test "$IMAGE" -o secret=a

    new_image
    pxenc format "$IMAGE" --secret map >/dev/null
    check 'a JSON value with a member of the full path is that member' types_key "$TEXT_KEY"
    new_image
    pxenc format "$IMAGE" --secret short >/dev/null
    check 'or of the last component' types_key "$TEXT_KEY"
    check 'the same for open' pxenc open --test "$IMAGE" -o secret=map
    check 'the bare value is the same key' pxenc open --test "$IMAGE" -o secret=first
    check_equal 'any other JSON object is a value like another' "$(pxenc secrets get object)" '{"unrelated": "kept whole"}'
}

cluster_key() {
    new_image
    fails_with 'format --cluster-key with none set: status 9' 9 'set-cluster-key' pxenc format "$IMAGE" --cluster-key
    fails_with 'set-cluster-key of a secret that is missing: status 9, nothing set' 9 'nowhere' pxenc secrets set-cluster-key --secret nowhere
    check 'set-cluster-key reads the secret and writes the setting' pxenc secrets set-cluster-key --secret pwx/secrets/first
    check_equal 'it holds the relative path' "$(pxenc secrets get pxenc/cluster)" first
    check_match 'format takes the cluster key' "$(pxenc format "$IMAGE")" 'first \(by the cluster setting\)'
    check 'run again with the same secret it changes nothing' pxenc secrets set-cluster-key --secret first
    pxenc secrets create second --generate
    check 'the cluster key can be changed' pxenc secrets set-cluster-key --secret second
    check 'a volume keeps the secret that it was made with' pxenc open --test "$IMAGE"
    fails_with 'delete of the cluster key asks: status 15' 15 'cluster-wide key' pxenc secrets delete second
    fails_with 'so does delete of the setting' 15 'names the cluster-wide key' pxenc secrets delete pxenc/cluster
    fails_with 'unless told to take the cluster key: status 2' 2 'opens no keyslot' pxenc open --test "$IMAGE" -o cluster_key
    sed -i 's/"dcos": {/"cluster_secret_key": "first", "dcos": {/; s/"secret_type"/"secret_type"/' "$PXENC_CONFIG"
    new_image
    check_match 'the setting outranks the config file' "$(pxenc format "$IMAGE")" 'second \(by the cluster setting\)'
    pxenc secrets delete pxenc/cluster --force
    new_image
    check_match 'without a setting the config names it' "$(pxenc format "$IMAGE")" 'first \(by cluster_secret_key in the config\)'
    printf '../../etc/passwd' | pxenc secrets create pxenc/cluster --value-file -
    new_image
    fails_with 'a setting that is no path: status 10' 10 'set-cluster-key' pxenc format "$IMAGE"
    pxenc secrets delete pxenc/cluster --force
    default_config
}

# What a hostile or broken store, a rival, or a slip could cost at format.
format_keeps_its_word() {
    local before
    new_image
    before=$(sha256sum "$IMAGE")
    dcosd_start liar 127.0.0.1:0 --user "portworx:$PASSWORD" --grant 'portworx:dcos:secrets:default:/*:full' \
        --fault 'empty@PUT:*volumes*'
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_liar\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    pxenc format "$IMAGE" --generate >/dev/null 2>&1
    check_not 'a store that takes a key and keeps nothing: format fails' test $? = 0
    check_equal 'and the device is as it was' "$(sha256sum "$IMAGE")" "$before"
    dcosd_stop liar
    default_config
    fails_with 'format --fstype without its mkfs: status 1, before anything is lost' 1 'mkfs.nosuch' \
        pxenc format "$IMAGE" --force --fstype nosuch
    check_equal 'the device is as it was' "$(sha256sum "$IMAGE")" "$before"
    truncate -s +100 "$IMAGE"
    fails_with 'a size that is no multiple of 512: status 1' 1 '512' pxenc format "$IMAGE" --generate
    new_image
    pxenc format "$IMAGE" --generate >"$T_DIR/one" 2>&1 &
    pxenc format "$IMAGE" --generate >"$T_DIR/two" 2>&1
    wait $!
    check 'of two formats at once only one writes, and its volume opens' pxenc open --test "$IMAGE"
    check_match 'the other is told' "$(cat "$T_DIR/one" "$T_DIR/two")" 'another pxenc|crypto_LUKS'
    pxenc secrets create --generate two-keys
    check_match 'open of a name that is device-mapper'"'"'s own is refused' "$(pxenc open "$IMAGE" control 2>&1)" 'cannot be'
    check_not 'output that cannot be written is a failure' bash -c 'pxenc secrets list >/dev/full'
}

# format_refused NAME STATUS PATTERN OPTION…: of what there is in IMAGE, which stays as it is.
format_refused() {
    local name=$1 status=$2 pattern=$3 before
    shift 3
    before=$(sha256sum "$IMAGE")
    fails_with "$name: status $status" "$status" "$pattern" pxenc format "$IMAGE" "$@"
    check_equal "$name: the device is as it was" "$(sha256sum "$IMAGE")" "$before"
}

format_refusals() {
    local value said
    new_image
    format_refused 'format with a missing secret' 9 'nowhere' --secret nowhere
    for value in 'newline\n' 'nul\0byte' "$(head -c 600 /dev/zero | tr '\0' x)"; do
        printf %b "$value" | pxenc secrets create unfit --value-file -
        format_refused "format with a value that cannot be typed (${value:0:8})" 1 'unfit' --secret unfit
        pxenc secrets delete unfit --force
    done
    format_refused 'format --secret credentials/x' 1 'cannot be a key' --secret credentials/x
    format_refused 'format --secret of a path that is none' 1 'no path of a secret' --secret ../x
    format_refused 'format with a cipher that is not ours, and which are' 1 'cipher.*aes-xts-plain64, ' --cipher aes-ecb
    format_refused 'format with two keys named' 1 'one of' --secret a --generate
    format_refused 'format with a sector size that there is not' 1 'sector-size' --sector-size 1000
    format_refused 'format with a label that is too long' 1 'label' --label "$(printf 'l%.0s' {1..48})"
    format_refused 'format --fstype that is no name' 1 'fstype' --fstype ../sh
    format_refused 'format --cluster-key with none set' 9 'set-cluster-key' --cluster-key
    printf '\0\0\0\0\203\0\0\0\1\0\0\0\377\0\0\0' | dd of="$IMAGE" bs=1 seek=446 conv=notrunc status=none
    printf '\125\252' | dd of="$IMAGE" bs=1 seek=510 conv=notrunc status=none
    format_refused 'format over a partition table' 15 'dos' --secret first
    new_image
    /sbin/mkfs.ext4 -qF "$IMAGE"
    format_refused 'format over a filesystem' 15 'ext4' --secret first
    new_image
    truncate -s 1M "$IMAGE"
    format_refused 'format of a device that is too small' 1 'small' --secret first
    new_image
    check_equal 'and no generated key is left in the store' "$(pxenc secrets list volumes | wc -l)" "$LEFT"
    pxenc format "$IMAGE" --secret first >/dev/null
    format_refused 'format over a volume' 15 'crypto_LUKS'
    check 'format --force does it' pxenc format "$IMAGE" --force --secret first
    said=$(pxenc format "$IMAGE" --force --generate)
    check_match 'of a file it says how to go on' "$said" "no filesystem yet.*losetup --find --show $IMAGE"
    check_match 'the key that was the old volume'"'"'s alone is left in the store, and named' \
        "$(pxenc format "$IMAGE" --force --secret first)" \
        "secrets delete volumes/$(grep -oE 'volume [0-9a-f-]{36}' <<<"$said" | cut -c8-)/1"
    PXENC_TEST_KERNEL=$T_DIR format_refused 'format --fstype on a kernel without dm-crypt' 12 'modprobe dm-crypt' \
        --force --fstype ext4
    fails_with 'no such device: status 4' 4 'No such file' pxenc open --test "$T_DIR/nothing"
    head -c 1M /dev/urandom >"$T_DIR/random"
    fails_with 'not a LUKS volume: status 4' 4 'not a LUKS volume' pxenc open --test "$T_DIR/random"
    fails_with 'a plain file cannot be mapped: status 4, with what to type' 4 'losetup' pxenc open "$IMAGE"
}

usage() {
    fails_with 'an unknown command: status 1' 1 'no such command' pxenc frobnicate
    pxenc format >/dev/null 2>&1
    check_equal 'a missing argument: status 1' $? 1
    check_match '--help lists the commands' "$(pxenc --help)" 'secrets set-cluster-key'
    check_match 'a command has its own help' "$(pxenc format --help)" 'usage: pxenc format DEVICE'
    check_match 'and so has a group' "$(pxenc secrets dcos --help)" '^usage: pxenc secrets dcos login'
    pxenc secrets >/dev/null 2>&1
    check_equal 'a group alone: status 1' $? 1
    check_match '--version' "$(pxenc --version)" '^pxenc [0-9]'
}

# What takes an open volume says so when there is none, and touches nothing.
open_volumes_only() {
    local command
    for command in suspend resume resize close 'close --force'; do
        # shellcheck disable=SC2086 # two words
        fails_with "$command of a name that is not open: status 4" 4 'no-such-name is not open' pxenc $command no-such-name
        # shellcheck disable=SC2086
        fails_with "$command of a plain file: status 4" 4 'not a block device.*losetup' pxenc $command "$IMAGE"
    done
    pxenc close --force --deferred a 2>/dev/null
    check_equal 'close by force is not deferred: status 1' $? 1
    pxenc close --stuck --deferred 2>/dev/null
    check_equal 'and neither is the release of all that is stuck: status 1' $? 1
    fails_with 'guard without an interval: status 1' 1 'from 1 to' pxenc guard --interval 0
    fails_with 'guard with one that is none: status 1' 1 'from 1 to' pxenc guard --interval soon
}

setup || exit 1
secrets
paths
config_errors
logins
changed_url
LEFT=$(pxenc secrets list volumes | wc -l)
volumes
LEFT=$(pxenc secrets list volumes | wc -l)
cluster_key
format_keeps_its_word
LEFT=$(pxenc secrets list volumes | wc -l)
format_refusals
open_volumes_only
usage
t_done
