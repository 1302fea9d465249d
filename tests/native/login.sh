#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Who logs in, and with what: service accounts, of which the private key stays where it is, and
# logins that are kept for restarts by the real systemd-creds, with a host key of this test's own.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; dcosd_stop other; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
export PXENC_TEST_CREDSTORE=$T_DIR/credstore PXENC_TEST_CREDSTORE_ENCRYPTED=$T_DIR/credstore.encrypted
export PXENC_TEST_SYSTEMD_CREDS=$T_DIR/systemd-creds
ENCRYPTED=$PXENC_TEST_CREDSTORE_ENCRYPTED/pxenc.login
PASSWORD=unmistakable-password
SERVICE=$T_DIR/service.json

new_key() { openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null; }

# service_json KEY [JQ]: what the DC/OS CLI writes for the service account svc, perhaps changed.
service_json() {
    rm -f "$SERVICE"
    (umask 077 && jq -c --rawfile key "$1" -n '{login_endpoint: "https://leader.mesos/acs/api/v1/auth/login",
        private_key: $key, scheme: "RS256", uid: "svc"} | '"${2:-.}" >"$SERVICE")
}

start_main() {
    dcosd_start main "$1" --service-account "svc:$T_DIR/svc.pub" --user "u:${2:-$PASSWORD}" --user 'nobody:pw' \
        --grant 'svc:dcos:secrets:default:/*:full' --grant 'u:dcos:secrets:default:/*:full' \
        --secret a=one --secret pwx/secrets/b=two
}

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    new_key "$T_DIR/svc.key" && new_key "$T_DIR/other.key" &&
        openssl pkey -in "$T_DIR/svc.key" -pubout -out "$T_DIR/svc.pub" || return 1
    service_json "$T_DIR/svc.key"
    start_main 127.0.0.1:0
    cat >"$PXENC_TEST_SYSTEMD_CREDS" <<END
#!/bin/sh
echo "\$1" >>$T_DIR/creds.log
SYSTEMD_CREDENTIAL_SECRET=$T_DIR/host.key exec /usr/bin/systemd-creds "\$@"
END
    chmod 700 "$PXENC_TEST_SYSTEMD_CREDS"
}

# config [KEY VALUE]…: of the server main; and nobody is logged in.
config() {
    rm -rf "$RUN_DIR"
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" "$@"
}

service_config() { config service_account_file "\"$SERVICE\"" "$@"; }

logins() { requests main 'POST /acs/api/v1/auth/login'; }

by_config() {
    local before
    service_config
    before=$(logins)
    check_equal "a service account by the config" "$(pxenc secrets get a 2>&1)" one
    check_equal 'again' "$(pxenc secrets get a 2>&1)" one
    check_equal 'is one login' "$(logins)" $((before + 1))
    # A server that was set up anew takes none of the ACS tokens that it gave.
    dcosd_stop main
    start_main "${DCOSD_URL_main#https://}"
    before=$(logins)
    check_equal 'an ACS token that is refused is replaced' "$(pxenc secrets get a 2>&1)" one
    check_equal 'by one login, with a newly signed token' "$(logins)" $((before + 1))
}

unfit_files() {
    service_config
    chmod 644 "$SERVICE"
    fails_with 'a service account that others can read: status 1' 1 'service_account_file.*chmod' pxenc secrets get a
    service_json "$T_DIR/svc.key" '.scheme = "HS256"'
    fails_with 'with another scheme: status 1' 1 "service_account_file '$SERVICE'.*RS256" pxenc secrets get a
    service_json "$T_DIR/svc.key" 'del(.private_key)'
    fails_with 'without a key: status 1' 1 'private_key' pxenc secrets get a
    service_json "$T_DIR/svc.pub"
    fails_with 'with what is no private key: status 1' 1 "private key of 'svc'" pxenc secrets get a
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T_DIR/ec.key" 2>/dev/null
    service_json "$T_DIR/ec.key"
    fails_with 'with a key that is not of RSA: status 1' 1 'no RSA key' pxenc secrets get a
    openssl pkey -in "$T_DIR/svc.key" -aes256 -passout pass:x -out "$T_DIR/locked.key"
    service_json "$T_DIR/locked.key"
    fails_with 'with a key that wants a passphrase: status 1, and no question' 1 'passphrase' pxenc secrets get a </dev/null
    cp "$T_DIR/svc.key" "$SERVICE"
    fails_with 'the key alone is not what the CLI writes: status 1' 1 'create-sa-secret' pxenc secrets get a
    service_json "$T_DIR/svc.key" '.extra = {"deep": [1, null]}'
    check_equal 'a member that is not known is no matter' "$(pxenc secrets get a 2>&1)" one
    service_config username_file '"/u"'
    fails_with 'a service account and a user: status 1' 1 'username_file' pxenc secrets get a
    service_json "$T_DIR/svc.key"
}

# The file names an address. Nothing goes there.
endpoint() {
    local other
    dcosd_start other 127.0.0.1:0 --service-account "svc:$T_DIR/svc.pub"
    other=$DCOSD_URL_other
    service_json "$T_DIR/svc.key" ".login_endpoint = \"$other/acs/api/v1/auth/login\""
    service_config
    check_equal 'the login goes to cluster_url' "$(pxenc secrets get a 2>&1)" one
    check_equal 'the endpoint that the file names sees nothing' "$(cat "$T_DIR/other.log")" ''
    dcosd_stop other
    service_json "$T_DIR/svc.key"
}

refused() {
    local before
    service_json "$T_DIR/other.key"
    service_config
    before=$(logins)
    fails_with 'the key of another account: status 7, with what to mend' 7 "'svc' \(401\): mend service_account_file.*public key.*clock" pxenc secrets get a
    fails_with 'again: status 7, and when it will be asked again' 7 "'svc'.*not asked again for [0-9]+ s" pxenc secrets get a
    check_equal 'two runs, one login' "$(logins)" $((before + 1))
    service_json "$T_DIR/svc.key"
    check_equal 'a mended file takes effect at once' "$(pxenc secrets get a 2>&1)" one
    dcosd_start other 127.0.0.1:0 --service-account "svc:$T_DIR/svc.pub" --clock-ahead 3600
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_other\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        service_account_file "\"$SERVICE\""
    fails_with 'a clock that is an hour behind: status 7, naming it' 7 "this machine's clock" pxenc secrets get a
    dcosd_stop other
}

# hand_over UNIT USER PASSWORD: as LoadCredential=pxenc.login does; HANDED is the unit's folder.
hand_over() {
    HANDED=$T_DIR/handed/$1
    rm -rf "$HANDED"
    mkdir -p "$HANDED"
    (umask 377 && jq -nc --arg u "$2" --arg p "$3" '{uid: $u, password: $p}' >"$HANDED/pxenc.login")
}

# in_unit COMMAND…: as the unit that was handed something last.
in_unit() { CREDENTIALS_DIRECTORY=$HANDED "$@"; }

# Each unit has a file of its own, and a new one at each start.
refused_when_handed_over() {
    local before unit
    config
    before=$(logins)
    hand_over one u wrong
    fails_with 'a login that is handed over and refused: status 7' 7 "'u' \(401\)" in_unit pxenc secrets get a
    for unit in one two three; do
        hand_over $unit u wrong
        fails_with "unit $unit, with the same: status 7, and when it will be asked again" 7 \
            "'u'.*not asked again for [0-9]+ s" in_unit pxenc secrets get a
    done
    check_equal 'four runs, one login' "$(logins)" $((before + 1))
    hand_over four nobody pw
    fails_with 'that is nothing to another user: status 8 for him' 8 'users grant nobody' in_unit pxenc secrets get a
    hand_over two u "$PASSWORD"
    check_equal 'a corrected password takes effect at once' "$(in_unit pxenc secrets get a 2>&1)" one
    hand_over three u "$PASSWORD"
    check_equal 'in another unit as well' "$(in_unit pxenc secrets get a 2>&1)" one
    check_equal 'by the same login' "$(logins)" $((before + 3))
    hand_over one u wrong
    fails_with 'a unit with the wrong one is shown no ACS token of theirs' 7 'not asked again' in_unit pxenc secrets get a
    check_not 'nothing of it is written down' grep -raF wrong "$RUN_DIR"
}

by_hand() {
    config
    check 'login --service-account' pxenc secrets dcos login --service-account "$SERVICE"
    check_equal 'then commands work' "$(pxenc secrets get a 2>&1)" one
    check 'logout' pxenc secrets dcos logout
    fails_with 'after it nobody is logged in: status 7' 7 'pxenc secrets dcos login' pxenc secrets get a
    service_json "$T_DIR/other.key"
    fails_with 'login --service-account with a wrong key: status 7' 7 "public key.*this machine's clock" \
        pxenc secrets dcos login --service-account "$SERVICE"
    service_json "$T_DIR/svc.key"
    check 'and at once with the right one' pxenc secrets dcos login --service-account "$SERVICE"
    fails_with '--service-account with --username: status 1' 1 'leave out --username' \
        pxenc secrets dcos login --service-account "$SERVICE" --username u
    fails_with '--service-account with --password-stdin: status 1' 1 'leave out .*--password-stdin' \
        pxenc secrets dcos login --service-account "$SERVICE" --password-stdin
    check_equal 'two passwords: status 1' \
        "$(pxenc secrets dcos login --username u --password p --password-stdin 2>&1 | tail -n 1; echo "${PIPESTATUS[0]}")" \
        $'pxenc: give one of --password and --password-stdin\n1'
    fails_with 'nobody who logs in: status 1' 1 'who logs in' pxenc secrets dcos login
    chmod 640 "$SERVICE"
    fails_with 'a file that others can read: status 1' 1 'chmod' pxenc secrets dcos login --service-account "$SERVICE"
    chmod 600 "$SERVICE"
    pxenc secrets dcos logout
}

# The trace of a process, by the program that it ran last.
traces_of() { grep -lE "execve\(\"[^\"]*/$1\"" "$T_DIR"/trace/*; }

# Lines of the PEM text, which are what a copy of it would hold.
key_lines() { grep -v -e '-----' "$T_DIR/svc.key" | cut -c 1-40; }

key_stays() {
    local parent fetch
    if [ "$(id -u)" != 0 ] || grep -q __asan_init "$(command -v pxenc)"; then
        t_skip 'where the private key goes' 'only root can trace pxenc, and AddressSanitizer cannot be traced'
        return
    fi
    service_config
    mkdir "$T_DIR/trace"
    strace -ff -y -v -s 100000 -o "$T_DIR/trace/get" pxenc secrets get -v a >"$T_DIR/trace.out" 2>"$T_DIR/trace.err"
    fetch=$(traces_of pxenc-fetch)
    parent=$(traces_of pxenc | grep -vxF "$fetch")
    check 'there are two traces to look into' test -s "$fetch" -a -s "$parent"
    key_lines >"$T_DIR/lines"
    check 'the parent reads the key' bash -c 'grep -E "^read" "$0" | grep -qF -f "$1"' "$parent" "$T_DIR/lines"
    check_equal 'it opens the file once to know who logs in, and once to sign' "$(grep -c "^openat.*$SERVICE" "$parent")" 2
    check_not 'the parent writes it nowhere' bash -c 'grep -E "^(p?write|writev|send(to|msg))" "$0" | grep -F -e "PRIVATE KEY" -f "$1"' "$parent" "$T_DIR/lines"
    check 'what it writes is a signed token' grep -qE '^write\([0-9]+<pipe:.*eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{342}' "$parent"
    check_not 'pxenc-fetch never sees the key' grep -F -e 'PRIVATE KEY' -f "$T_DIR/lines" "$fetch"
    check_not 'it is in no argument and no environment' bash -c 'grep -h "execve(" "$2"/* | grep -F -f "$1"' _ "$T_DIR/lines" "$T_DIR/trace"
    check_not 'it is in no message, no log and no cache' grep -rF -f "$T_DIR/lines" "$T_DIR/trace.out" "$T_DIR/trace.err" "$T_DIR/main.log" "$RUN_DIR"
    rm -r "$T_DIR/trace"
}

login_u() { printf %s "$PASSWORD" | pxenc secrets dcos login --username u --password-stdin "$@"; }

# As a restart leaves it: what is on tmpfs is gone.
restart() { rm -rf "$RUN_DIR"; }

can_persist() { printf x | "$PXENC_TEST_SYSTEMD_CREDS" encrypt --name=x --with-key=host - - >/dev/null 2>&1; }

kept() {
    local out before i pids=()
    config
    out=$(login_u --base-path pwx/secrets --persist 2>&1)
    check_match 'login --persist says where the login is kept' "$out" "kept in '$PXENC_TEST_CREDSTORE_ENCRYPTED'"
    if ! "$PXENC_TEST_SYSTEMD_CREDS" has-tpm2 --quiet; then
        check_match 'and what that protects' "$out" 'host key lies on the same disk: this protects backups, not a stolen machine'
    fi
    check_equal 'in files for their owner alone' "$(find "$T_DIR"/credstore* -perm /077 | wc -l)" 0
    check_equal 'nothing else is left there' "$(find "$T_DIR"/credstore* -type f | wc -l)" 2
    check_not 'without the password in the clear' grep -raF "$PASSWORD" "$PXENC_TEST_CREDSTORE" "$PXENC_TEST_CREDSTORE_ENCRYPTED"
    check_not 'nor in base64' grep -raF "$(printf %s "$PASSWORD" | base64 | cut -c 1-20)" "$PXENC_TEST_CREDSTORE_ENCRYPTED"
    restart
    before=$(logins)
    check_equal 'after a restart nobody logs in, and commands work under its base path' "$(pxenc secrets get b 2>&1)" two
    check_equal 'again' "$(pxenc secrets get b 2>&1)" two
    check_equal 'with one login' "$(logins)" $((before + 1))
    restart
    : >"$T_DIR/creds.log"
    for i in 1 2 3 4; do
        pxenc secrets get b >"$T_DIR/par.$i" &
        pids+=($!)
    done
    wait "${pids[@]}"
    check_equal 'four runs at once get their values' "$(cat "$T_DIR"/par.*)" twotwotwotwo
    check_equal 'by one login' "$(logins)" $((before + 2))
    check_equal 'and one decryption' "$(cat "$T_DIR/creds.log")" decrypt
    check_equal 'it comes before the environment' \
        "$(restart && DCOS_SECRETS_USERNAME=nobody DCOS_SECRETS_PASSWORD=pw pxenc secrets get b 2>&1)" two
    mv "$T_DIR/host.key" "$T_DIR/host.key.old"
    restart
    fails_with 'without the host key: status 7, with what to do' 7 "$ENCRYPTED.*cannot be decrypted.*host key.*login --persist" pxenc secrets get b
    can_persist
    fails_with 'with another host key: the same' 7 'cannot be decrypted.*login --persist' pxenc secrets get b
    check 'login --persist mends it' login_u --persist --base-path pwx/secrets
    restart
    check_equal 'for good' "$(pxenc secrets get b 2>&1)" two
}

# Where the password goes when it is kept, and when it is used again.
password_stays() {
    if [ "$(id -u)" != 0 ] || grep -q __asan_init "$(command -v pxenc)"; then
        t_skip 'where a kept password goes' 'only root can trace pxenc, and AddressSanitizer cannot be traced'
        return
    fi
    mkdir "$T_DIR/trace"
    printf %s "$PASSWORD" >"$T_DIR/stdin"
    strace -ff -y -v -s 100000 -o "$T_DIR/trace/login" pxenc secrets dcos login --username u --password-stdin \
        --persist --base-path pwx/secrets <"$T_DIR/stdin" >"$T_DIR/trace.out" 2>"$T_DIR/trace.err"
    rm "$T_DIR/stdin"
    restart
    strace -ff -y -v -s 100000 -o "$T_DIR/trace/get" pxenc secrets get -v b >>"$T_DIR/trace.out" 2>>"$T_DIR/trace.err"
    check 'systemd-creds is handed the password over a pipe' \
        bash -c 'grep -hE "^write\([0-9]+<pipe:.*password.{5}$1" "$0"/login.* | grep -q .' "$T_DIR/trace" "$PASSWORD"
    check 'and hands it back over one' \
        bash -c 'grep -hE "^write\(1<pipe:.*$1" "$0"/get.* | grep -q .' "$T_DIR/trace" "$PASSWORD"
    check_not 'nothing writes it into a file' \
        bash -c 'grep -hE "^(p?write|writev)" "$0"/* | grep -F "$1" | grep -vE "^[a-z]+\([0-9]+<(pipe|socket):"' "$T_DIR/trace" "$PASSWORD"
    check_not 'it is in no argument and no environment' bash -c 'grep -h "execve(" "$0"/* | grep -F "$1"' "$T_DIR/trace" "$PASSWORD"
    check_not 'it is in no message' grep -F "$PASSWORD" "$T_DIR/trace.out" "$T_DIR/trace.err"
    rm -r "$T_DIR/trace"
}

# As LoadCredentialEncrypted=pxenc.login would do for a unit.
handed_over() {
    HANDED=$T_DIR/handed/kept
    mkdir -p "$HANDED"
    "$PXENC_TEST_SYSTEMD_CREDS" decrypt --name=pxenc.login "$ENCRYPTED" "$HANDED/pxenc.login" 2>/dev/null
    chmod 400 "$HANDED/pxenc.login"
    restart
    check_equal 'a login that systemd hands over is used, and needs no decrypting' \
        "$(in_unit env PXENC_TEST_SYSTEMD_CREDS=/nowhere pxenc secrets get pwx/secrets/b 2>&1)" two
}

precedence() {
    printf 'nobody\n' >"$T_DIR/username"
    printf 'pw\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
    config username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    fails_with 'the config comes before a kept login: status 8 for its user' 8 'users grant nobody' pxenc secrets get b
    fails_with 'login --persist where the config names credentials: status 1' 1 'config.*without --persist' login_u --persist
    service_config
    fails_with 'the same for a service account' 1 'config.*without --persist' login_u --persist
    config
}

refused_when_kept() {
    local before
    dcosd_stop main
    start_main "${DCOSD_URL_main#https://}" changed
    restart
    before=$(logins)
    fails_with 'a kept login that is refused: status 7' 7 "'u' \(401\): log in again: pxenc secrets dcos login --persist" pxenc secrets get b
    fails_with 'again: status 7, and when it will be asked again' 7 'not asked again for [0-9]+ s.*--persist' pxenc secrets get b
    check_equal 'two runs, one login' "$(logins)" $((before + 1))
    PASSWORD=changed
    check 'login --persist with the new password' login_u --persist
    restart
    check_equal 'takes effect at once' "$(pxenc secrets get a 2>&1)" one
    check_not 'and leaves no base path of the login before' test -e "$PXENC_TEST_CREDSTORE/pxenc.base_path"
}

forgotten() {
    check_match 'logout forgets the kept login, and says so' "$(pxenc secrets dcos logout 2>&1)" 'restarts is forgotten'
    check_equal 'nothing of it is left' "$(find "$T_DIR"/credstore* -type f | wc -l)" 0
    fails_with 'and nobody is logged in: status 7' 7 'pxenc secrets dcos login' pxenc secrets get a
    check_equal 'another logout has nothing to say' "$(pxenc secrets dcos logout 2>&1)" ''
    fails_with 'a wrong password is not kept: status 7' 7 'password' \
        bash -c 'echo wrong | pxenc secrets dcos login --username u --password-stdin --persist'
    check_not 'no file is made' test -e "$ENCRYPTED"
}

locked_out() {
    local start=$SECONDS pid
    T_TIMEOUT=3 config
    flock "$PXENC_TEST_CREDSTORE_ENCRYPTED" sleep 60 &
    pid=$!
    wait_for 20 bash -c '! flock -n "$0" true' "$PXENC_TEST_CREDSTORE_ENCRYPTED"
    fails_with 'a credential store that somebody has locked: status 5, naming it and how to find him' 5 \
        "not kept: .*login --persist.*'$PXENC_TEST_CREDSTORE_ENCRYPTED': lslocks" login_u --persist
    check 'by the deadline' test $((SECONDS - start)) -le 6
    check_match 'lslocks shows him' "$(lslocks --noheadings -o PID,PATH -p $pid)" "^ *$pid .*/credstore.encrypted"
    pkill -P $pid sleep
    wait $pid
    check 'let go, it takes a login' login_u --persist
    config
}

kept_service() {
    check 'login --service-account --persist' pxenc secrets dcos login --service-account "$SERVICE" --persist
    mv "$SERVICE" "$SERVICE.moved"
    restart
    check_equal 'after a restart it signs by itself' "$(pxenc secrets get a 2>&1)" one
    mv "$SERVICE.moved" "$SERVICE"
    "$PXENC_TEST_SYSTEMD_CREDS" encrypt --name=pxenc.login "$SERVICE" "$ENCRYPTED" 2>/dev/null
    restart
    check_equal "the CLI's secret, encrypted by hand, does the same" "$(pxenc secrets get a 2>&1)" one
    check 'logout' pxenc secrets dcos logout
    PXENC_TEST_CREDSTORE_ENCRYPTED=/proc/nowhere
    fails_with 'a login that cannot be kept: an error, and what works' 12 'worked but is not kept' login_u --persist
    check_equal 'until the restart' "$(pxenc secrets get a 2>&1)" one
}

setup || exit 1
by_config
unfit_files
endpoint
refused
refused_when_handed_over
by_hand
key_stays
if can_persist; then
    kept
    password_stays
    handed_over
    precedence
    refused_when_kept
    locked_out
    forgotten
    kept_service
else
    t_skip 'logins that are kept for restarts' 'systemd-creds cannot encrypt here'
fi
t_done
