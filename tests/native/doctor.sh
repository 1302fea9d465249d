#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# pxenc doctor: what it says of each link of the chain when that is broken, on plain files, against
# the stand-in server. It changes nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; dcosd_stop other; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json PXENC_TEST_KERNEL=$T_DIR/kernel
export PXENC_TEST_CREDSTORE=$T_DIR/credstore PXENC_TEST_CREDSTORE_ENCRYPTED=$T_DIR/credstore.encrypted
export PXENC_TEST_SYSTEMD_CREDS=$T_DIR/systemd-creds
IMAGE=$T_DIR/image GENUINE=$T_DIR/genuine

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --user nobody:p --grant 'u:dcos:secrets:default:/pwx/*:full' || return 1
    dcosd_start other 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/pwx/*:full' || return 1
    mkdir -p "$PXENC_TEST_KERNEL/sys/module/dm_crypt"
    account u p
    config
    truncate -s 32M "$GENUINE"
    pxenc secrets create cluster-key --generate
    pxenc secrets set-cluster-key --secret cluster-key >/dev/null
    pxenc format "$GENUINE" --generate >/dev/null
    pxenc header backup "$GENUINE" >/dev/null
    UUID=$(cryptsetup luksUUID "$GENUINE")
}

# account USER PASSWORD: who the config's files name.
account() {
    printf '%s\n' "$1" >"$T_DIR/username"
    printf '%s\n' "$2" >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
}

# config [KEY VALUE]…: of the server main; nobody is logged in, and no refusal remembered.
config() {
    rm -rf "$RUN_DIR"
    write_config "$PXENC_CONFIG" base_path '"pwx"' username_file "\"$T_DIR/username\"" \
        password_file "\"$T_DIR/password\"" "$@"
    grep -q cluster_url "$PXENC_CONFIG" || sed -i "s#\"dcos\": {#&\"cluster_url\": \"$DCOSD_URL_main\", #" "$PXENC_CONFIG"
    grep -q ca_cert_file "$PXENC_CONFIG" || sed -i "s#\"dcos\": {#&\"ca_cert_file\": \"$T_DIR/certs/ca.crt\", #" "$PXENC_CONFIG"
}

# bare_config: the same, where the config names nobody.
bare_config() {
    rm -rf "$RUN_DIR"
    write_config "$PXENC_CONFIG" base_path '"pwx"' cluster_url "\"$DCOSD_URL_main\"" \
        ca_cert_file "\"$T_DIR/certs/ca.crt\""
}

image() {
    cp "$GENUINE" "$IMAGE"
    SUM=$(sha256sum <"$IMAGE")
}

# doctor [ARGUMENT…]: its lines in OUT, its status in STATUS.
doctor() {
    OUT=$(pxenc doctor "$@" 2>"$T_DIR/err")
    STATUS=$?
}

# says NAME STATUS PATTERN: of the last doctor; a line fits the pattern.
says() {
    check_equal "$1: status $2" "$STATUS" "$2"
    check_match "$1: the line says so" "$OUT" "$3"
}

states() { cut -d: -f1 <<<"$OUT" | sed 's/  */ /' | tr '\n' ','; }
unchanged() { check_equal "$1: the device is as it was" "$(sha256sum <"$IMAGE")" "$SUM"; }

healthy() {
    local before changes
    image
    changes=$(requests main '^(PUT|PATCH|DELETE)')
    before=$(find "$T_DIR" ! -path "$RUN_DIR*" | sort)
    doctor "$IMAGE"
    check_equal 'a healthy chain: status 0' "$STATUS" 0
    check_equal 'each link in the order of the chain, all ok' "$(states)" \
        'ok config,ok kernel,ok CA,ok credentials,ok store,ok login,ok base path,ok cluster-wide key,ok header,ok LUKS2 token,ok secret,ok seal,ok keyslot,ok header backup,'
    check_equal 'nothing on standard error' "$(cat "$T_DIR/err")" ''
    unchanged 'a healthy chain'
    check_equal 'no file is made' "$(find "$T_DIR" ! -path "$RUN_DIR*" ! -name err | sort)" \
        "$(grep -v /err$ <<<"$before")"
    check_equal 'nothing is changed in the store' "$(requests main '^(PUT|PATCH|DELETE)')" "$changes"
    doctor
    check_equal 'without a device: the store alone' "$STATUS,$(states)" \
        '0,ok config,ok kernel,ok CA,ok credentials,ok store,ok login,ok base path,ok cluster-wide key,'
    check_equal 'with --json: one object for each line' \
        "$(pxenc doctor --json | jq -c '[(map(.state) | unique), (.[0] | keys)]')" \
        '[["ok"],["check","message","state","status"]]'
    fails_with 'two devices: how it is used' 1 'usage: pxenc doctor' pxenc doctor a b
}

config_and_machine() {
    PXENC_CONFIG=$T_DIR/none doctor
    says 'no config' 1 "^failed +config: .*'$T_DIR/none'"
    echo '{"secret": {"secret_kind": "dcos"}}' >"$T_DIR/unknown.json"
    PXENC_CONFIG=$T_DIR/unknown.json doctor
    says 'a config with an unknown key' 1 '^failed +config: .*"secret_kind"'
    config
    chmod 666 "$PXENC_CONFIG"
    doctor
    says 'a config that others may write' 1 '^failed +config: .*chmod go-w'
    config
    chmod 644 "$T_DIR/password"
    doctor
    says 'a password that others may read' 1 '^failed +credentials: .*chmod go-rwx'
    chmod 600 "$T_DIR/password"
    PXENC_TEST_KERNEL=$T_DIR/nothing doctor
    says 'a kernel without dm-crypt' 12 '^failed +kernel: .*modprobe dm-crypt'
    config ca_cert_file "\"$T_DIR/nothing\""
    doctor
    says 'no CA file' 1 "^failed +CA: .*'$T_DIR/nothing'"
}

store() {
    local url
    account u wrong
    config
    doctor "$GENUINE"
    says 'a wrong password' 7 '^failed +login: .*mend username_file or password_file'
    check_match 'a wrong password: the store itself answers' "$OUT" '^ok +store: https://'
    check_match 'a wrong password: the header is looked at all the same' "$OUT" '^ok +header: LUKS2'
    account nobody p
    config
    doctor
    says 'no rights' 8 '^failed +base path: .*dcos security org users grant nobody'
    account u p
    url=$DCOSD_URL_main
    T_TIMEOUT=2 config cluster_url '"https://127.0.0.1:9"'
    doctor
    says 'a store that is down' 6 '^failed +store: .*check cluster_url'
    T_TIMEOUT=2 config cluster_url "[\"https://127.0.0.1:9\", \"$url\"]"
    doctor
    says 'one of two URLs that is down is a warning' 0 '^warning +store: another URL is used: .*127.0.0.1:9'
    bash tests/dcosd/certs.sh "$T_DIR/others"
    config ca_cert_file "\"$T_DIR/others/ca.crt\""
    doctor
    says 'a CA that did not sign' 10 '^failed +store: .*certificate'
    config cluster_url "\"$DCOSD_URL_other\""
    doctor
    says 'no cluster-wide key is no failure' 0 '^ok +cluster-wide key: none is set'
    config
    pxenc secrets get cluster-key >"$T_DIR/key"
    pxenc secrets delete cluster-key --force
    doctor
    says 'a cluster-wide key whose secret is gone' 9 "^failed +cluster-wide key: .*no secret 'pwx/cluster-key'"
    pxenc secrets create cluster-key --value-file "$T_DIR/key"
}

logins() {
    bare_config
    doctor
    says 'nobody is logged in' 7 '^failed +credentials: .*pxenc secrets dcos login'
    check_match 'nobody is logged in: the store itself answers' "$OUT" '^ok +store: https://'
    check_match 'nobody is logged in: that is what is wrong with the login' "$OUT" '^failed +login: the store wants a login'
    printf p | pxenc secrets dcos login --username u --password-stdin
    doctor
    says 'a login by hand has an end, which is a warning' 0 '^warning +credentials: none that outlast the session: .*--persist'
    check_match 'a login by hand: whose, and until when' "$OUT" \
        "^ok +session: logged in by hand as 'u', until 20[0-9-]+ [0-9:]+ "
    bare_config
    DCOS_SECRETS_USERNAME=u DCOS_SECRETS_PASSWORD=p doctor
    says 'who the environment names' 0 "^ok +credentials: 'u', from the environment"
    bare_config
    DCOS_SECRETS_USERNAME=u doctor
    says 'a user without a password' 1 '^failed +credentials: .*DCOS_SECRETS_PASSWORD'
    bare_config
    chmod 755 "$T_DIR" && mkdir -m 755 "$RUN_DIR" && chmod 777 "$RUN_DIR"
    DCOS_SECRETS_USERNAME=u DCOS_SECRETS_PASSWORD=p doctor
    says 'a folder for ACS tokens that is not ours alone is a warning' 0 '^warning +session: ACS tokens are not kept'
}

# A login that is kept, by the real systemd-creds with a host key of this test's own.
kept_login() {
    cat >"$PXENC_TEST_SYSTEMD_CREDS" <<END
#!/bin/sh
SYSTEMD_CREDENTIAL_SECRET=$T_DIR/host.key exec /usr/bin/systemd-creds "\$@"
END
    chmod 700 "$PXENC_TEST_SYSTEMD_CREDS"
    bare_config
    printf p | pxenc secrets dcos login --username u --password-stdin --persist >/dev/null 2>&1 || {
        t_skip 'a login that is kept' 'systemd-creds cannot encrypt here'
        return
    }
    bare_config
    doctor
    if systemd-creds has-tpm2 --quiet; then
        says 'a login under a TPM2 is good' 0 "^ok +credentials: 'u', kept in"
    else
        says 'a login under the host key alone is a warning' 0 \
            "^warning +credentials: 'u', .*the host key, .*protects backups, not a stolen machine"
    fi
    mkdir "$T_DIR/handed"
    printf '{"uid": "u", "password": "p"}' >"$T_DIR/handed/pxenc.login"
    chmod 600 "$T_DIR/handed/pxenc.login"
    CREDENTIALS_DIRECTORY=$T_DIR/handed doctor
    says 'a login that systemd hands over' 0 "^ok +credentials: 'u', from systemd: $T_DIR/handed"
    : >"$T_DIR/host.key"
    bare_config
    doctor
    says 'a login that cannot be decrypted' 7 '^failed +credentials: .*cannot be decrypted'
    rm -r "$PXENC_TEST_CREDSTORE_ENCRYPTED"
}

volume() {
    local key=volumes/$UUID/1
    config
    pxenc secrets get "$key" >"$T_DIR/key"
    pxenc secrets delete "$key" --force
    image
    doctor "$IMAGE"
    says 'a missing secret' 9 "^failed +secret: .*no secret 'pwx/$key'"
    unchanged 'a missing secret'
    printf 'pxenc1:%086d' 0 | pxenc secrets create "$key" --value-file -
    doctor "$IMAGE"
    says 'a wrong key' 2 '^failed +keyslot: .*the key does not open keyslot 0'
    unchanged 'a wrong key'
    pxenc secrets update "$key" --force --value-file "$T_DIR/key"
    luks2-edit "$IMAGE" '"sector_size":4096' '"sector_size":512' >/dev/null
    SUM=$(sha256sum <"$IMAGE")
    doctor "$IMAGE"
    says 'an edited header' 11 '^failed +seal: .*pxenc header seal shows what was changed'
    check_match 'an edited header: the key is right' "$OUT" '^ok +keyslot'
    unchanged 'an edited header'
    image
    luks2-edit "$IMAGE" '"aes-xts-plain64","sector_size"' '"cipher_null-ecb","sector_size"' >/dev/null
    doctor "$IMAGE"
    says 'a hostile header' 11 '^failed +header: .*cipher_null'
    image
    dd if=/dev/zero of="$IMAGE" bs=1M count=16 conv=notrunc status=none
    SUM=$(sha256sum <"$IMAGE")
    doctor "$IMAGE"
    says 'zeros over the header' 4 '^failed +header: .*pxenc header restore'
    unchanged 'zeros over the header'
    doctor "$T_DIR/nothing"
    says 'no such device' 4 "^failed +header: $T_DIR/nothing: cannot be opened"
}

backup() {
    local key=volumes/$UUID
    config
    image
    cryptsetup config --label other "$IMAGE"
    SUM=$(sha256sum <"$IMAGE")
    doctor "$IMAGE"
    says 'a header backup that is older than the header is a warning' 0 \
        "^warning +header backup: it is older .*pxenc header backup $IMAGE"
    pxenc secrets get "$key/header-a-1" >"$T_DIR/part"
    pxenc secrets delete "$key/header-a-1" --force
    doctor "$IMAGE"
    says 'a header backup that is not whole is a warning' 0 '^warning +header backup: it is not whole'
    pxenc secrets create "$key/header-a-1" --value-file "$T_DIR/part"
    pxenc secrets get "$key/header" >"$T_DIR/manifest"
    pxenc secrets delete "$key/header" --force
    doctor "$IMAGE"
    says 'no header backup is a warning' 0 \
        "^warning +header backup: there is none: pxenc header backup $IMAGE takes one; \"header_backup\": true"
    unchanged 'no header backup'
    pxenc secrets create "$key/header" --value-file "$T_DIR/manifest"
}

rotation() {
    config
    image
    dcosd_control main faults '403@DELETE:*/volumes/*'
    pxenc rotate "$IMAGE" --generate >/dev/null 2>&1
    dcosd_control main faults
    SUM=$(sha256sum <"$IMAGE")
    doctor "$IMAGE"
    says 'an interrupted rotation is a warning' 0 "^warning +rotation: .*interrupted: pxenc rotate $IMAGE finishes it"
    unchanged 'an interrupted rotation'
    pxenc rotate "$IMAGE" >/dev/null
    doctor "$IMAGE"
    check_equal 'a rotation that is done is not spoken of' "$STATUS,$(grep -c rotation: <<<"$OUT")" 0,0
    image
}

# Volumes that others made, with keys of people.
others() {
    truncate -s 32M "$T_DIR/luks2" "$T_DIR/luks1"
    printf passphrase | tee "$T_DIR/passphrase" | pxenc secrets create plain --value-file -
    cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$T_DIR/luks2" "$T_DIR/passphrase"
    cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 "$T_DIR/luks1" "$T_DIR/passphrase"
    pxenc secrets set-cluster-key --secret plain >/dev/null
    doctor "$T_DIR/luks1"
    says 'a LUKS1 volume opens with the cluster-wide key' 0 '^warning +LUKS2 token: LUKS1 has none'
    check_match 'a LUKS1 volume opens with the cluster-wide key: it is tried' "$OUT" '^ok +keyslot'
    doctor "$T_DIR/luks2"
    says 'a volume that cryptsetup made: enroll is named' 0 "^warning +LUKS2 token: .*pxenc enroll $T_DIR/luks2"
    check_match 'a key of people makes no seal' "$OUT" '^ok +seal: none'
    pxenc secrets set-cluster-key --secret cluster-key >/dev/null
    doctor "$T_DIR/luks2"
    says 'a cluster-wide key that is not its own' 2 '^failed +keyslot: the key opens no keyslot'
}

# A store that ends while a key is created leaves the mark.
unfinished() {
    printf 'pxenc: a format of this device was interrupted. Run pxenc format again.\nuuid=%s\nproof=\n' "$UUID" |
        dd of="$IMAGE" conv=notrunc status=none
    SUM=$(sha256sum <"$IMAGE")
    doctor "$IMAGE"
    says 'an unfinished format' 4 '^failed +header: .*a format of it was interrupted: run pxenc format again'
    fails_with 'which is not erased for what was there before' 4 'run pxenc format again' pxenc erase "$IMAGE" --force
    unchanged 'an unfinished format'
}

setup || exit 1
healthy
config_and_machine
store
logins
kept_login
volume
backup
others
rotation
unfinished
t_done
