#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Cloud credentials and auth tokens in the store, against the stand-ins for DC/OS and for S3, which
# verifies signatures on its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; s3d_stop tls; s3d_stop plain; s3d_stop late; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
SECRET=unmistakable/secret+key/EXAMPLE0123456789
PASSPHRASE=unmistakable-encryption-passphrase
AZURE_KEY=$(head -c 64 /dev/urandom | base64 -w 0)

# s3d_start NAME [OPTION…]: sets S3D_PID_NAME and S3D_HOST_NAME (host and port).
s3d_start() {
    local name=$1
    shift
    pxenc-s3d --listen 127.0.0.1:0 --log "$T_DIR/$name.log" --bucket backups --user "GOODKEY:$SECRET" \
        --user "POORKEY:$SECRET" --deny POORKEY "$@" >"$T_DIR/$name.out" &
    printf -v "S3D_PID_$name" %s $!
    wait_for 20 grep -q '^listening on' "$T_DIR/$name.out" || return 1
    printf -v "S3D_HOST_$name" %s "$(sed -n 's#^listening on https*://##p' "$T_DIR/$name.out")"
}

s3d_stop() {
    local pid="S3D_PID_$1"
    [ -z "${!pid-}" ] || { kill "${!pid}" 2>/dev/null && wait "${!pid}" 2>/dev/null; }
    return 0
}

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user 'u:dcos-password' --user 'poor:dcos-password' \
        --grant 'u:dcos:secrets:default:/pwx/secrets/*:full' \
        --grant 'u:dcos:secrets:list:default:/pwx/secrets/*:read' \
        --secret pwx/secrets/credentials/broken='no JSON' \
        --secret pwx/secrets/credentials/number='{"provider": "s3", "s3-access-key": 3}' \
        --secret pwx/secrets/credentials/newer='{"provider": "s3", "use-iam": "true", "s3-new": "x"}' || return 1
    s3d_start tls --cert "$T_DIR/certs/server.crt" --key "$T_DIR/certs/server.key" || return 1
    s3d_start plain || return 1
    printf 'u\n' >"$T_DIR/username"
    printf 'dcos-password\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
    printf '%s\n' "$SECRET" >"$T_DIR/secret-key"
    printf '%s\n' "$PASSPHRASE" >"$T_DIR/passphrase"
    printf '%s\n' "$AZURE_KEY" >"$T_DIR/azure-key"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null |
        jq -Rs '{type: "service_account", project_id: "my-project", private_key_id: "1", private_key: .,
            client_email: "a@my-project.iam.gserviceaccount.com", client_id: "1",
            token_uri: "https://oauth2.googleapis.com/token"}' >"$T_DIR/google.json"
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        base_path '"pwx/secrets"' username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
    export AWS_CA_BUNDLE=$T_DIR/certs/ca.crt
}

# s3 NAME [OPTION…]: credentials of the endpoint with TLS.
s3() {
    local name=$1
    shift
    pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" \
        --s3-endpoint "$S3D_HOST_tls" "$name" "$@"
}

# seen WHERE PATTERN: how many lines of an S3 stand-in's log match.
seen() { grep -cE -- "$2" "$T_DIR/$1.log"; }

create() {
    local before
    check_equal 'create says it as pxctl does, with the name for the UUID' "$(s3 minio --bucket backups --s3-region us-east-1)" \
        'Credentials created successfully, NAME:minio'
    check_equal 'the endpoint saw one list of the bucket, rightly signed' "$(cat "$T_DIR/tls.log")" \
        "GET /backups/?list-type=2&max-keys=1 200 - host=$S3D_HOST_tls"
    check_equal 'one JSON object lies at credentials/NAME' "$(pxenc secrets get credentials/minio | jq -c .)" \
        "{\"provider\":\"s3\",\"s3-access-key\":\"GOODKEY\",\"s3-secret-key\":\"$SECRET\",\"s3-region\":\"us-east-1\",\"s3-endpoint\":\"$S3D_HOST_tls\",\"bucket\":\"backups\"}"
    fails_with 'create does not overwrite: status 14' 14 'credentials/minio' s3 minio
    check_equal 'and what was there is there' "$(pxenc secrets get credentials/minio | jq -r .bucket)" backups
    check 'a secret key from standard input' \
        bash -c 'printf %s "$0" | pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key-file - --s3-endpoint "$1" stdin' \
        "$SECRET" "$S3D_HOST_tls"
    check_match 'without a bucket all buckets are listed' "$(tail -n 1 "$T_DIR/tls.log")" '^GET / 200'
    check 'azure' pxenc credentials create --provider azure --azure-account-name storageaccount \
        --azure-account-key-file "$T_DIR/azure-key" --encryption-passphrase-file "$T_DIR/passphrase" az
    check 'google' pxenc credentials create --provider google --google-project-id my-project \
        --google-json-key-file "$T_DIR/google.json" goo
    before=$(wc -l <"$T_DIR/tls.log")
    check 'a role of the machine in the place of keys' pxenc credentials create --provider s3 --use-iam \
        --s3-region eu-west-1 --s3-endpoint "$S3D_HOST_tls" role
    check_equal 'is not tried' "$(wc -l <"$T_DIR/tls.log")" "$before"
}

# nothing_at NAME: the store has no such credentials.
nothing_at() { ! pxenc secrets get "credentials/$1" 2>/dev/null; }

refused() {
    printf wrong >"$T_DIR/wrong"
    fails_with 'a wrong secret key: status 7, in the words of the endpoint' 7 'SignatureDoesNotMatch' pxenc credentials create \
        --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/wrong" --s3-endpoint "$S3D_HOST_tls" bad
    fails_with 'an unknown access key: status 7' 7 'InvalidAccessKeyId' pxenc credentials create \
        --provider s3 --s3-access-key NOKEY --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint "$S3D_HOST_tls" bad
    fails_with 'keys that may not list: status 8' 8 'AccessDenied' pxenc credentials create \
        --provider s3 --s3-access-key POORKEY --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint "$S3D_HOST_tls" bad
    fails_with 'a bucket that is not there: status 9' 9 'NoSuchBucket' s3 bad --bucket elsewhere
    fails_with 'another region: status 10, and what to check' 10 'AuthorizationHeaderMalformed.*region' s3 bad --s3-region eu-west-1
    s3d_start late --cert "$T_DIR/certs/server.crt" --key "$T_DIR/certs/server.key" --skew 3600
    fails_with 'a clock that is wrong: status 7, and that it is the clock' 7 'RequestTimeTooSkewed.*clock' pxenc credentials create \
        --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint "$S3D_HOST_late" bad
    s3d_stop late
    AWS_CA_BUNDLE='' fails_with 'a certificate that the system does not know: status 10, and how to make it known' \
        10 'AWS_CA_BUNDLE' s3 bad
    sed 's#"timeout": 10#"timeout": 5#' "$PXENC_CONFIG" >"$T_DIR/short.json"
    chmod 600 "$T_DIR/short.json"
    PXENC_CONFIG=$T_DIR/short.json pxenc credentials create --provider s3 --s3-access-key GOODKEY \
        --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint 127.0.0.1:9 bad 2>"$T_DIR/err"
    check_equal 'an endpoint that is not there: status 6' $? 6
    check_match 'in whose name' "$(tail -n 1 "$T_DIR/err")" 'the endpoint cannot be reached: .*127.0.0.1:9'
    fails_with 'a DC/OS server is no S3 endpoint: status 10' 10 'answer is 40' pxenc credentials create --provider s3 \
        --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint "${DCOSD_URL_main#https://}" bad
    check 'what is refused is not stored' nothing_at bad
}

plain() {
    fails_with 'http wants to be said: status 1' 1 's3-disable-ssl' pxenc credentials create --provider s3 \
        --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" --s3-endpoint "http://$S3D_HOST_plain" bad
    pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" \
        --s3-endpoint "$S3D_HOST_plain" --s3-disable-ssl plain 2>"$T_DIR/err" >/dev/null
    check_equal 'with --s3-disable-ssl the endpoint is spoken to without TLS' "$?,$(seen plain '^GET / 200')" '0,1'
    check_match 'which is warned about' "$(cat "$T_DIR/err")" 'warning: s3-disable-ssl'
    check_match 'and again by validate' "$(pxenc credentials validate plain 2>&1 >/dev/null)" 'warning: s3-disable-ssl'
    pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" \
        --s3-endpoint "$S3D_HOST_tls" --s3-disable-ssl bad >/dev/null 2>&1
    check_not 'nothing is said in plain to a server with TLS' test $? = 0
}

shapes() {
    local name
    fails_with 'no provider: status 1' 1 'provider' pxenc credentials create --use-iam bad
    fails_with 'an unknown provider: status 1' 1 's3, azure or google' pxenc credentials create --provider gcs bad
    fails_with 'keys and a role: status 1' 1 'exclude' pxenc credentials create --provider s3 --use-iam --s3-access-key a \
        --s3-secret-key-file "$T_DIR/secret-key" bad
    fails_with 'nobody to ask for a key that is missing: status 1' 1 's3-secret-key' pxenc credentials create \
        --provider s3 --s3-access-key a bad </dev/null
    fails_with 'an option of another provider: status 1' 1 'bucket|s3-region is not for' pxenc credentials create --provider azure \
        --azure-account-name storageaccount --azure-account-key-file "$T_DIR/azure-key" --s3-region x bad
    cut -c 1-80 "$T_DIR/azure-key" >"$T_DIR/short"
    fails_with 'a key of azure that is cut short: status 1' 1 '88 characters' pxenc credentials create --provider azure \
        --azure-account-name storageaccount --azure-account-key-file "$T_DIR/short" bad
    jq 'del(.private_key)' "$T_DIR/google.json" >"$T_DIR/keyless.json"
    fails_with 'a key of google without its private key: status 1' 1 'private_key' pxenc credentials create --provider google \
        --google-project-id my-project --google-json-key-file "$T_DIR/keyless.json" bad
    head -c 300 "$T_DIR/google.json" >"$T_DIR/cut.json"
    fails_with 'a key of google that is cut short: status 1' 1 'no JSON object' pxenc credentials create --provider google \
        --google-project-id my-project --google-json-key-file "$T_DIR/cut.json" bad
    fails_with 'a file that is not there: status 1' 1 'nowhere' pxenc credentials create --provider s3 --s3-access-key a \
        --s3-secret-key-file "$T_DIR/nowhere" bad
    for name in a/b /a .. '' 'a b' 'a%2fb'; do
        fails_with "the name '$name' is a usage error" 1 'name' pxenc credentials validate "$name"
    done
    check 'nothing of this was stored' nothing_at bad
}

list() {
    local out err
    for err in broken number newer; do pxenc credentials delete $err --force; done
    out=$(pxenc credentials list 2>"$T_DIR/err")
    check_equal 'list: a line for each, and a heading' "$(awk '{print $1}' <<<"$out" | tr '\n' ' ')" \
        'NAME az goo minio plain role stdin '
    check_match 'with what is not secret' "$out" "minio +s3 +GOODKEY +us-east-1 +$S3D_HOST_tls +backups +no"
    check_match 'and whether there is a passphrase' "$out" 'az +azure +storageaccount +- +- +- +yes'
    check_equal 'list --json' "$(pxenc credentials list --json | jq -c '.[] | select(.name == "role")')" \
        "{\"name\":\"role\",\"provider\":\"s3\",\"s3-region\":\"eu-west-1\",\"s3-endpoint\":\"$S3D_HOST_tls\",\"use-iam\":true,\"encrypted\":false}"
    check_equal 'shows no secret field' "$(pxenc credentials list --json | jq -c '[.[] | keys[]] | unique | map(select(test("secret|account-key|json-key|passphrase")))')" '[]'
    check_not 'and no secret value' grep -aF -e "$SECRET" -e "$PASSPHRASE" -e "$AZURE_KEY" -e 'PRIVATE KEY' \
        <(pxenc credentials list 2>&1) <(pxenc credentials list --json 2>&1) <(pxenc credentials list -v 2>&1)
}

# Before list: what others left at credentials/.
foreign() {
    local out
    fails_with 'what is no JSON is no credentials: status 10' 10 'credentials/broken.*no JSON' pxenc credentials validate broken
    fails_with 'nor is what has a number: status 10' 10 'credentials/number' pxenc credentials validate number
    printf '{"provider":"s3","bucket":"%020000d"}' 0 | pxenc secrets create credentials/huge --value-file -
    fails_with 'nor is what is larger than any: status 10' 10 'credentials/huge.* is too large.*16384 bytes' \
        pxenc credentials validate huge
    pxenc secrets delete credentials/huge --force
    fails_with 'a member that is not known: status 10' 10 's3-new is not known' pxenc credentials exec newer -- true
    out=$(pxenc credentials list 2>/dev/null)
    check_equal 'what cannot be read does not hide the rest, and is a failure' "$?,$(grep -c '^minio' <<<"$out")" '10,1'
}

validate() {
    check_equal 'validate' "$(pxenc credentials validate minio)" 'minio: the endpoint accepts them'
    check_equal 'validate says where nobody was asked' "$(pxenc credentials validate az)" 'az: complete; the provider was not asked'
    check 'validate google' pxenc credentials validate goo
    fails_with 'validate of what is not there: status 9' 9 'credentials/nowhere.*credentials list' pxenc credentials validate nowhere
    printf '%s' '{"provider":"s3","s3-access-key":"GOODKEY","s3-secret-key":"other","s3-endpoint":"'"$S3D_HOST_tls"'"}' |
        pxenc secrets create credentials/rotated --value-file -
    fails_with 'keys that are good no more: status 7' 7 'SignatureDoesNotMatch' pxenc credentials validate rotated
    pxenc credentials delete rotated --force
    printf '%s' '{"provider":"google","google-project-id":"my-project","google-json-key":"{\"type\":\"user\"}"}' |
        pxenc secrets create credentials/nokey --value-file -
    fails_with 'a key of google that is none: status 10' 10 'private_key' pxenc credentials validate nokey
    pxenc credentials delete nokey --force
}

delete() {
    fails_with 'delete asks, and wants --force where nobody can answer: status 15' 15 'force' pxenc credentials delete stdin
    check 'delete --force' pxenc credentials delete stdin --force
    fails_with 'they are gone: status 9' 9 'credentials/stdin' pxenc credentials validate stdin
    fails_with 'delete of what is not there: status 9' 9 'credentials/stdin' pxenc credentials delete stdin --force
}

# variables NAME: what the command has more than we have.
variables() { pxenc credentials exec "$1" -- env | grep -vxFf <(env) | grep -v '^_=' | sort; }

environments() {
    check_equal 'exec: the variables of s3' "$(variables minio | tr '\n' ' ')" \
        "AWS_ACCESS_KEY_ID=GOODKEY AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL=https://$S3D_HOST_tls AWS_REGION=us-east-1 AWS_SECRET_ACCESS_KEY=$SECRET PXENC_BUCKET=backups "
    check_equal 'without TLS' "$(variables plain | grep ENDPOINT)" "AWS_ENDPOINT_URL=http://$S3D_HOST_plain"
    check_equal 'a role has no keys' "$(variables role | grep -c KEY)" 0
    check_equal 'of azure' "$(variables az | tr '\n' ' ')" \
        "AZURE_STORAGE_ACCOUNT=storageaccount AZURE_STORAGE_KEY=$AZURE_KEY PXENC_ENCRYPTION_PASSPHRASE=$PASSPHRASE "
    check_equal 'of google' "$(variables goo | grep -c '^GOOGLE_CLOUD_PROJECT=my-project$')" 1
    # shellcheck disable=SC2016
    check_equal "its key is a file that the command reads" \
        "$(pxenc credentials exec goo -- bash -c 'cat "$GOOGLE_APPLICATION_CREDENTIALS"' | jq -S .)" "$(jq -S . "$T_DIR/google.json")"
    # shellcheck disable=SC2016
    check_equal 'and what the command starts, even without its descriptors' \
        "$(pxenc credentials exec goo -- bash -c 'bash -c "exec 3>&- 4>&- 5>&-; cat $GOOGLE_APPLICATION_CREDENTIALS"; true' | jq -S .)" "$(jq -S . "$T_DIR/google.json")"
    # shellcheck disable=SC2016
    check_equal 'nobody writes to it' "$(pxenc credentials exec goo -- bash -c 'echo x | dd of="$GOOGLE_APPLICATION_CREDENTIALS" conv=notrunc 2>/dev/null || echo refused')" refused
    check_equal 'what belongs to other keys is not inherited' \
        "$(AWS_SESSION_TOKEN=old AWS_PROFILE=old AWS_ENDPOINT_URL_S3=old AWS_ACCESS_KEY_ID=old pxenc credentials exec minio -- env | grep -c old)" 0
    check_equal 'everything else is' "$(OTHER=here pxenc credentials exec minio -- env | grep -c '^OTHER=here$')" 1
}

descriptors() { find "/proc/$1/fd" -mindepth 1 -printf '%f\n' | sort -n | tr '\n' ' '; }

ignored() { sed -n 's/^Sig\(Blk\|Ign\|Cgt\)://p' "/proc/$1/status"; }

execution() {
    local pid plain
    # shellcheck disable=SC2016
    check_equal 'arguments are passed on as they are' "$(pxenc credentials exec minio -- printf '<%s>' -v 'a b' --force '$HOME')" '<-v><a b><--force><$HOME>'
    pxenc credentials exec minio -- sh -c 'exit 42'
    check_equal 'the exit status is the command'"'"'s' $? 42
    fails_with 'a command that is not there: status 127' 127 'no-such-command' pxenc credentials exec minio -- no-such-command
    fails_with 'one that cannot be run: status 126' 126 'Permission denied' pxenc credentials exec minio -- "$T_DIR/google.json"
    fails_with 'without the two dashes: status 1' 1 'usage: pxenc credentials exec' pxenc credentials exec minio true
    fails_with 'without credentials nothing is run: status 9' 9 'credentials/nowhere' pxenc credentials exec nowhere -- touch "$T_DIR/ran"
    check_not 'nothing' test -e "$T_DIR/ran"
    pxenc credentials exec minio -- sleep 60 &
    pid=$!
    wait_for 20 grep -qx sleep "/proc/$pid/comm"
    check_equal 'the command takes the place of pxenc: one process, without children' \
        "$(cat "/proc/$pid/comm"),$(pgrep -cP $pid)" 'sleep,0'
    check_not 'no argument shows a secret' grep -aF "$SECRET" "/proc/$pid/cmdline"
    sleep 60 &
    plain=$!
    wait_for 20 grep -qx sleep "/proc/$plain/comm"
    check_equal 'it has no descriptor of ours' "$(descriptors $pid)" "$(descriptors $plain)"
    check_equal 'and the signal actions that it would have without us' "$(ignored $pid)" "$(ignored $plain)"
    kill $plain
    kill -TERM $pid
    wait $pid
    check_equal 'a signal reaches it, and shows as with any other' $? 143
    check_equal 'other processes have nothing of it' "$(env | grep -c "$SECRET")" 0
    check_equal 'no file is left behind' "$(grep -rlaF -e "$SECRET" -e 'a@my-project.iam' "$RUN_DIR" /dev/shm /run/pxenc 2>/dev/null | grep -c .)" 0
}

# What a process list would show, while the endpoint makes it wait.
secrecy() {
    local pid err
    err=$(pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key "$SECRET" --s3-endpoint "$S3D_HOST_tls" flag 2>&1 >/dev/null)
    check_match '--s3-secret-key warns and names the better way' "$err" '--s3-secret-key-file -'
    check_not 'without saying it' grep -F "$SECRET" <<<"$err"
    check_match '--azure-account-key as well' "$(pxenc credentials create --provider azure --azure-account-name storageaccount --azure-account-key "$AZURE_KEY" azflag 2>&1)" \
        '--azure-account-key-file -'
    pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key="$SECRET" \
        --encryption-passphrase "$PASSPHRASE" --s3-endpoint 127.0.0.1:9 waiting 2>/dev/null &
    pid=$!
    wait_for 20 pgrep -P $pid pxenc-fetch
    check_match 'a command with secrets in its options is running' "$(tr '\0' ' ' <"/proc/$pid/cmdline")" '--s3-secret-key='
    check_not 'they are gone from its arguments' grep -aF -e "$SECRET" -e "$PASSPHRASE" "/proc/$pid/cmdline"
    kill $pid
    wait $pid 2>/dev/null
    if [ "$(id -u)" != 0 ] || grep -q __asan_init "$(command -v pxenc)"; then
        t_skip 'what the endpoint'"'"'s pxenc-fetch is handed' 'only root can trace pxenc, and AddressSanitizer cannot be traced'
        return
    fi
    strace -ff -s 100000 -e trace=execve,read,socket -o "$T_DIR/trace" pxenc credentials validate minio >/dev/null
    # shellcheck disable=SC2046
    check_equal 'one pxenc-fetch asks the store, another the endpoint' "$(grep -l 'execve("[^"]*/pxenc-fetch"' "$T_DIR"/trace.* | wc -l)" 2
    grep -l 'x-amz\|X-Amz' "$T_DIR"/trace.* | xargs grep -l 'execve("[^"]*/pxenc-fetch"' >"$T_DIR/stranger"
    check_equal 'that of the endpoint gets a signed request' "$(wc -l <"$T_DIR/stranger")" 1
    # shellcheck disable=SC2046
    check_not 'and neither the secret key nor anything of DC/OS' grep -aE "$SECRET|dcos-password|eyJ[A-Za-z0-9_-]+\." $(cat "$T_DIR/stranger")
}

terminal() {
    check 'a secret key that is not given is asked for' \
        types "pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-endpoint $S3D_HOST_tls typed" \
        's3-secret-key: ' "$SECRET"
    check_not 'and not shown' grep -aF "$SECRET" "$T_DIR/terminal"
    check_equal 'it is the one that was typed' "$(pxenc credentials validate typed)" 'typed: the endpoint accepts them'
    check_not 'delete asks, and takes no for an answer' types 'pxenc credentials delete typed' 'type yes' no
    check 'nothing was deleted' pxenc credentials validate typed
    check 'and takes yes' types 'pxenc credentials delete typed' 'type yes' yes
    check 'they are gone' nothing_at typed
}

# An auth token is a secret like others.
auth_tokens() {
    local token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.unmistakable-signature
    printf %s "$token" >"$T_DIR/user1.jwt"
    check 'an auth token comes from a file' pxenc secrets create user1-token --value-file "$T_DIR/user1.jwt"
    check 'or from standard input' bash -c 'pxenc secrets create user2-token --value-file - <"$0"' "$T_DIR/user1.jwt"
    check_equal 'and is handed out as it is, under a name with a hyphen' "$(pxenc secrets get user1-token)" "$token"
    check 'to standard output, byte for byte' bash -c 'pxenc secrets get user2-token | cmp - "$0"' "$T_DIR/user1.jwt"
    check 'a new one takes its place' bash -c 'printf new | pxenc secrets update user1-token --force --value-file -'
    check_equal 'at once' "$(pxenc secrets get user1-token)" new
}

volumes() {
    truncate -s 32M "$T_DIR/image"
    fails_with 'credentials lock no volume: status 1' 1 'credentials' pxenc format "$T_DIR/image" --secret credentials/minio
}

setup || exit 1
create
refused
plain
shapes
foreign
validate
environments
execution
secrecy
pxenc credentials delete flag --force
pxenc credentials delete azflag --force
terminal
list
delete
auth_tokens
volumes
t_done
