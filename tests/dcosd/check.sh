#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# check.sh BINARY: whether pxenc-dcosd behaves as the real services are known to, seen through curl.
set -u

DCOSD=$(readlink -f "${1:?usage: check.sh BINARY}")
HERE=$(dirname "$(readlink -f "$0")")
T=$(mktemp -d)
PASSED=0
FAILED=0
SERVER=

clean_up()
{
	[ -z "$SERVER" ] || { kill -KILL "$SERVER"; wait "$SERVER"; } 2>/dev/null
	rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# --- counting ---------------------------------------------------------------------------------

# ok NAME COMMAND...: passes if the command does.
ok()
{
	local name=$1
	shift
	if "$@"; then
		PASSED=$((PASSED + 1))
		echo "ok - $name"
	else
		FAILED=$((FAILED + 1))
		echo "not ok - $name"
		printf '#   %s\n' "$*" "status: $STATUS" "body: $(head -c 300 "$T/body" | tr -d '\0')"
	fi
}

not() { ! "$@"; }
is() { [ "$1" = "$2" ]; }
between() { [ "$1" -le "$2" ] && [ "$2" -le "$3" ]; }
matches() { [[ $1 =~ ^$2$ ]]; }

# --- requests ---------------------------------------------------------------------------------

# request METHOD PATH [CURL OPTION...]: leaves STATUS, CURL, $T/body and $T/headers.
STATUS=
CURL=
request()
{
	local method=$1 path=$2
	shift 2
	: >"$T/body"
	STATUS=$(curl -sS -g --path-as-is --max-time 15 --cacert "$T/ca.crt" -X "$method" \
		-D "$T/headers" -o "$T/body" -w '%{http_code}' "$@" "$URL$path" 2>"$T/error")
	CURL=$?
}

as() { printf 'Authorization: token=%s' "$1"; }
call() { local token=$1; shift; request "$@" -H "$(as "$token")"; }

# What the last request was answered with.
expect() { ok "$2" is "$STATUS" "$1"; }
# answered STATUS COMMAND...: with this status, and so that the command is content.
answered() { is "$STATUS" "$1" && "${@:2}"; }
not_answered() { is "$STATUS" 000 && [[ $CURL = 52 || $CURL = 56 ]]; }
body_is() { [ "$(cat "$T/body"; echo .)" = "$1." ]; }
body_has() { grep -qF -- "$1" "$T/body"; }
header_has() { tr -d '\r' <"$T/headers" | grep -qixF -- "$1"; }
header_starts() { tr -d '\r' <"$T/headers" | grep -qi -- "^$1"; }
is_html() { header_starts 'Content-Type: text/html' && grep -qi '<html>' "$T/body"; }
# is_json_error [TEXT]: of the Secrets service, saying TEXT.
is_json_error()
{
	header_starts 'Content-Type: application/json' && body_has "${1-}" &&
		grep -q '^{"title":"[^"]*","description":"[^"]*"}$' "$T/body"
}

# login DATA [CURL OPTION...]: the options may bring another Content-Type.
login()
{
	local data=$1
	shift
	[[ $* = *Content-Type* ]] || set -- -H 'Content-Type: application/json' "$@"
	request POST /acs/api/v1/auth/login -d "$data" "$@"
}
token_in_body() { sed -n 's/^  "token": "\(.*\)"$/\1/p' "$T/body"; }
token_of() { login "{\"uid\":\"$1\",\"password\":\"$2\"}"; token_in_body; }

# --- tokens -----------------------------------------------------------------------------------

b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
unb64() { local s; s=$(tr -- '-_' '+/'); while [ $((${#s} % 4)) -ne 0 ]; do s+='='; done
	openssl base64 -d -A <<<"$s"; }
rs256() { openssl dgst -sha256 -sign "$1" -binary; }
hs256() { openssl dgst -sha256 -mac HMAC -macopt "key:$(cat "$1")" -binary; }
none() { :; }

# jwt HEADER CLAIMS SIGNER KEY
jwt()
{
	local part
	part=$(printf %s "$1" | b64).$(printf %s "$2" | b64)
	printf '%s.%s' "$part" "$(printf %s "$part" | "$3" "$4" | b64)"
}
RS='{"alg":"RS256","typ":"JWT"}'
NOW=$(date +%s)

# --- the server -------------------------------------------------------------------------------

start()
{
	: >"$T/out"
	: >"$T/log"
	"$DCOSD" --cert "$T/server.crt" --key "$T/server.key" --ca "$T/ca.crt" --log "$T/log" \
		"$@" >"$T/out" 2>"$T/err" &
	SERVER=$!
	for _ in $(seq 1200); do
		grep -q . "$T/out" && break
		kill -0 "$SERVER" 2>/dev/null || break
		sleep 0.05
	done
	URL=$(sed -n 's/^listening on //p' "$T/out")
	[ -n "$URL" ] || { echo "not ok - start $*"; cat "$T/err"; exit 1; }
}

stop()
{
	kill -"${1:-TERM}" "$SERVER"
	wait "$SERVER"
	ok "it ends with status 0 on SIG${1:-TERM}" is $? 0
	ok "it has said nothing on stderr" not grep . "$T/err"
	SERVER=
}

# refused NAME MESSAGE OPTION...: exits 1 and says MESSAGE.
refused()
{
	local name=$1 message=$2
	shift 2
	timeout 60 "$DCOSD" "$@" >"$T/body" 2>&1
	STATUS=$?
	ok "refuses $name" answered 1 body_has "$message"
}

"$HERE/certs.sh" "$T" || exit 1
for name in service stranger; do
	openssl genrsa -out "$T/$name.key" 2048 2>/dev/null
	openssl pkey -in "$T/$name.key" -pubout -out "$T/$name.pub"
done
head -c 1000 /dev/urandom >"$T/binary"
printf '\0\001' >"$T/two"
TLS=(--cert "$T/server.crt" --key "$T/server.key")

# --- the command line -------------------------------------------------------------------------

"$DCOSD" --help >"$T/body"
ok "--help says that it is a stand-in" body_has "not a secret store"
ok "--help explains faults" body_has "KIND[=ARG]@METHOD:PATHGLOB"
refused "to start without options" "are needed"
refused "an unknown option" "--help" --nonsense
refused "a stray argument" "not an option" stray
refused "an address that is not loopback" "stand-in" "${TLS[@]}" --listen 0.0.0.0:0
refused "an IPv6 address that is not loopback" "loopback" "${TLS[@]}" --listen '[::]:0'
refused "an address without a port" "ADDRESS:PORT" "${TLS[@]}" --listen 127.0.0.1
refused "a port beyond 65535" "ADDRESS:PORT" "${TLS[@]}" --listen 127.0.0.1:65536
refused "a missing certificate file" "No such file" --listen 127.0.0.1:0 --cert /nonexistent
refused "a file that is no certificate" "cannot start TLS" --listen 127.0.0.1:0 \
	--cert "$T/binary" --key "$T/server.key"
refused "a user without a password" "UID:PASSWORD" "${TLS[@]}" --user alice
refused "a user twice" "exists already" "${TLS[@]}" --user a:b --user a:c
refused "a service account without a key" "no RSA public key" "${TLS[@]}" --service-account "s:$T/binary"
refused "a grant of an unknown action" "an action is" "${TLS[@]}" --grant a:dcos:superuser:fulll
refused "a grant without a resource" "UID:RID:ACTION" "${TLS[@]}" --grant a:full
refused "a grant to nobody" "no such account" "${TLS[@]}" --listen 127.0.0.1:0 --grant a:r:full
refused "a secret twice" "exists already" "${TLS[@]}" --secret a=1 --secret /a=2
refused "a token lifetime that is no number" "seconds" "${TLS[@]}" --token-lifetime soon
for spec in nonsense 500 "500@GET" "500@GET:" "nope@GET:/" "delay@GET:/" "delay=3@GET:/" \
	"delay=xs@GET:/" "401=1@GET:/" "redirect@GET:/" "500@GET:/#x" "500@GET:/#1+" \
	"429=x@GET:/" "500@get:/"; do
	refused "the fault $spec" "see --help" "${TLS[@]}" --fault "$spec"
done

addresses=(127.0.0.2)
grep -qs '^0*1 ' /proc/net/if_inet6 && addresses+=('[::1]')
for address in "${addresses[@]}"; do
	start --listen "$address:0"
	request GET /ca/dcos-ca.crt
	ok "it listens on $address" is "$STATUS $URL" "200 https://$address:${URL##*:}"
	stop INT
done

# --- login ------------------------------------------------------------------------------------

R=dcos:secrets:default:
start --listen 127.0.0.1:0 --user admin:secret --user alice:pass:word --user bob:b --user eve:e \
	--user lister:l --user folder:f --service-account "svc:$T/service.pub" \
	--grant admin:dcos:superuser:full --grant "alice:$R/pwx/secrets/*:full" \
	--grant alice:dcos:secrets:list:default:/pwx/secrets:read \
	--grant "bob:$R/pwx/secrets/one:read" --grant "bob:$R/new:create" \
	--grant "folder:$R/pwx/secrets/sub/:full" --grant "folder:$R/pwx/sec*:full" \
	--grant "lister:dcos:secrets:list:default:/pwx/*:read" \
	--grant "svc:$R/*:full" --grant svc:dcos:secrets:list:default:/:read \
	--secret pwx/secrets/one=first --secret 'key1=va"l\ue=ü' --secret folder/key2=2 \
	--secret folder/key3=3 --secret folder/sub=s --secret /folder/sub/key4=4 \
	--secret-file "bin=$T/binary"
ok "it prints one line when it is ready" is "$(cat "$T/out")" "listening on $URL"
ok "port 0 became a port" matches "$URL" 'https://127\.0\.0\.1:[1-9][0-9]*'

login '{"uid":"alice","password":"pass:word"}'
ALICE=$(token_in_body)
expect 200 "login with a password"
ok "the answer is pretty-printed with a newline" body_is $'{\n  "token": "'"$ALICE"$'"\n}\n'
ok "login sets the cookie" header_starts "Set-Cookie: dcos-acs-auth-cookie=$ALICE; HttpOnly"
ok "the IAM closes the connection" header_has 'Connection: close'
IFS=. read -r head claims signature <<<"$ALICE"
ok "the ACS token is of type RS256 without kid" \
	is "$(unb64 <<<"$head")" '{"typ":"JWT","alg":"RS256"}'
exp=$(unb64 <<<"$claims" | sed -n 's/^{"uid":"alice","exp":\([0-9]*\)}$/\1/p')
ok "the ACS token lasts five days" between $((NOW + 432000)) "${exp:-0}" $((NOW + 432300))

request GET /acs/api/v1/auth/jwks
expect 200 "JWKS needs no token"
n=$(sed -n 's/.*"n":.*"\([^"]*\)".*/\1/p' "$T/body")
{
	printf 'asn1=SEQUENCE:spki\n[spki]\na=SEQUENCE:alg\nk=BITWRAP,SEQUENCE:rsa\n[alg]\n'
	printf 'o=OID:rsaEncryption\np=NULL\n[rsa]\nn=INTEGER:0x%s\ne=INTEGER:0x010001\n' \
		"$(unb64 <<<"$n" | od -An -tx1 | tr -d ' \n')"
} >"$T/asn1"
openssl asn1parse -genconf "$T/asn1" -noout -out "$T/jwks.der" >/dev/null 2>&1
unb64 <<<"$signature" >"$T/signature"
openssl pkey -pubin -inform DER -in "$T/jwks.der" -out "$T/jwks.pem"
printf %s "$head.$claims" >"$T/signed"
ok "the JWKS key verifies the ACS token" is "$(openssl dgst -sha256 -verify "$T/jwks.pem" \
	-signature "$T/signature" "$T/signed")" "Verified OK"

WRONG='{"title": "401 Unauthorized", "description": "Invalid credentials.", "code": "ERR_INVALID_CREDENTIALS"}'
expect_wrong()
{
	ok "$1: 401" answered 401 body_is "$WRONG"
}
login '{"uid":"alice","password":"pass:wor"}'
expect_wrong "a wrong password"
ok "a wrong password: WWW-Authenticate" header_has 'WWW-Authenticate: acsjwt'
ok "a wrong password: vary" header_has 'vary: Accept'
ok "a wrong password: JSON" header_has 'Content-Type: application/json'
login '{"uid":"nobody","password":"x"}'
expect_wrong "an unknown uid"
login '{"uid":"svc","password":"x"}'
expect_wrong "a password for a service account"
login '{"uid":"nobody","token":"x"}'
expect_wrong "a service login token for an unknown uid"

service_login() { login "{\"uid\":\"svc\",\"token\":\"$(jwt "$@")\"}"; }
service_login "$RS" "{\"uid\":\"svc\",\"exp\":$((NOW + 60))}" rs256 "$T/service.key"
expect 200 "login with a service login token"
SVC=$(token_in_body)
service_login "$RS" '{"uid":"svc"}' rs256 "$T/service.key"
expect 200 "a service login token without exp is accepted"
service_login "$RS" "{\"uid\":\"svc\",\"exp\":$((NOW - 1))}" rs256 "$T/service.key"
expect_wrong "an expired service login token"
service_login "$RS" "{\"uid\":\"svc\",\"exp\":\"$((NOW + 60))\"}" rs256 "$T/service.key"
expect_wrong "a service login token whose exp is no number"
service_login "$RS" "{\"uid\":\"svc\",\"exp\":$((NOW + 60))}" rs256 "$T/stranger.key"
expect_wrong "a service login token of another key"
service_login "$RS" "{\"uid\":\"admin\",\"exp\":$((NOW + 60))}" rs256 "$T/service.key"
expect_wrong "a service login token for another uid"
service_login "$RS" "{\"exp\":$((NOW + 60))}" rs256 "$T/service.key"
expect_wrong "a service login token without uid"
service_login '{"alg":"none"}' "{\"uid\":\"svc\",\"exp\":$((NOW + 60))}" none -
expect_wrong "a service login token with alg none"
service_login '{"alg":"none"}' "{\"uid\":\"svc\",\"exp\":$((NOW + 60))}" rs256 "$T/service.key"
expect_wrong "a good signature under alg none"
service_login '{"alg":"HS256"}' "{\"uid\":\"svc\",\"exp\":$((NOW + 60))}" hs256 "$T/service.pub"
expect_wrong "HS256 with the public key as its secret"
for garbage in x . .. a.b.c "$(jwt "$RS" '[]' rs256 "$T/service.key")" \
	"$(jwt "$RS" nonsense rs256 "$T/service.key")"; do
	login "{\"uid\":\"svc\",\"token\":\"$garbage\"}"
	expect_wrong "the service login token ${garbage:0:10}"
done
login '{"uid":"alice","token":"x"}'
ok "a service login token for a regular user: 500 HTML" answered 500 is_html

# shellcheck disable=SC2016 # the backticks are part of the text
BOTH='{"title": "400 Bad Request", "description": "Exactly one of `token` and `password` must be provided in the request body"}'
login '{"uid":"alice"}'
ok "neither password nor token: 400" answered 400 body_is "$BOTH"
login '{"uid":"alice","password":"x","token":"y"}'
ok "both password and token: 400" answered 400 body_is "$BOTH"
login '{"password":"x"}'
# shellcheck disable=SC2016 # as above
ok "no uid: 400" answered 400 body_is \
	'{"title": "400 Bad Request", "description": "`uid` missing in the request body"}'
login '{"uid":"","password":"x"}'
expect 400 "an empty uid: 400"
for bad in '{"uid":' '[]' '{"uid":"alice","password":"x"} y' '{"uid":"alice\u0000","password":"x"}'; do
	login "$bad"
	ok "the body $bad: 400" answered 400 body_has "Cannot decode JSON body"
done
login '{"uid":"alice","password":"pass:word"}' -H 'Content-Type: application/json; charset=utf-8'
expect 200 "a Content-Type with a parameter"
login '{}' -H 'Content-Type: application/jsonp'
expect 415 "a Content-Type that only starts like JSON: 415"
login '{}' -H 'Content-Type: text/plain'
ok "another Content-Type: 415" answered 415 body_has '"Unsupported media type"'
request POST /acs/api/v1/auth/login -d 'uid=alice&password=x'
expect 400 "a form: 400"
login '{"uid":"alice","password":"pass:word"}' -H 'Transfer-Encoding: chunked'
expect 400 "a chunked body: 400"
login '{"uid":"alice","password":"pass:word"}' -H 'Accept: text/html'
ok "Accept without JSON: 406, no body" answered 406 body_is ""
login '{"uid":"alice","password":"pass:word"}' -H 'Accept: text/html, application/*;q=0.5'
expect 200 "Accept with a wildcard for JSON"

# --- Admin Router -----------------------------------------------------------------------------

ADMIN=$(token_of admin secret)
BOB=$(token_of bob b)
EVE=$(token_of eve e)
LISTER=$(token_of lister l)
FOLDER=$(token_of folder f)
S=/secrets/v1/secret/default
ONE=$S/pwx/secrets/one

request GET $ONE
ok "no ACS token: 401 HTML" answered 401 is_html
ok "no ACS token: WWW-Authenticate" header_has 'WWW-Authenticate: acsjwt'
request GET $ONE -H "Authorization: token=$ALICE"
expect 200 "Authorization: token="
request GET $ONE -H "Authorization: Bearer $ALICE"
expect 200 "Authorization: Bearer"
request GET $ONE -H "Cookie: a=b; dcos-acs-auth-cookie=$ALICE; c=d"
expect 200 "the auth cookie"
request GET $ONE -H "Authorization: $ALICE"
expect 401 "an Authorization header without a scheme: 401"
for forged in "$head.$claims." "$head.$claims.$(b64 </dev/null)AAAA" "$(jwt '{"alg":"none"}' \
	'{"uid":"alice","exp":9999999999}' none -)" "$(jwt '{"alg":"HS256"}' \
	'{"uid":"alice","exp":9999999999}' hs256 "$T/service.pub")" "$(jwt "$RS" \
	'{"uid":"alice","exp":9999999999}' rs256 "$T/stranger.key")" x ""; do
	call "$forged" GET $ONE
	ok "a forged ACS token (${forged: -12}): 401 HTML" answered 401 is_html
done
request GET /ca/dcos-ca.crt
ok "the CA certificate needs no token" cmp -s "$T/body" "$T/ca.crt"
for path in / /nowhere /secrets /secrets/v1/nowhere /acs/api/v1/nowhere; do
	call "$ADMIN" GET $path
	ok "the unknown path $path: 404 HTML" answered 404 is_html
done

# --- secrets ----------------------------------------------------------------------------------

JSON='Content-Type: application/json'
OCTETS='Content-Type: application/octet-stream'
call "$ALICE" GET $ONE
ok "read a secret" body_is '{"value":"first"}'
ok "the Secrets service keeps the connection" not header_has 'Connection: close'
curl -sS --cacert "$T/ca.crt" -H "$(as "$ALICE")" -o /dev/null -o /dev/null -w '%{num_connects}' \
	"$URL$ONE" "$URL$ONE" >"$T/body"
ok "two requests share one connection" body_is 10
call "$ADMIN" GET $S/key1
ok "a value is escaped as JSON wants it" body_is '{"value":"va\"l\\ue=ü"}'
call "$ADMIN" PUT $S/new/key -H "$JSON" -d '{"value":"v1","author":"x","path":"y","description":"z"}'
ok "create: 201, no body" answered 201 body_is ""
call "$ADMIN" GET $S/new/key
ok "only the value is kept" body_is '{"value":"v1"}'
call "$ADMIN" PUT $S/new/key -H "$JSON" -d '{"value":"v2"}'
ok "create what exists: 409" answered 409 is_json_error "already exists"
call "$ADMIN" PATCH $S/new/key -H "$JSON" -d '{"value":"v3"}'
expect 204 "update: 204"
call "$ADMIN" GET $S/new/key
ok "the update is there" body_is '{"value":"v3"}'
call "$ADMIN" PATCH $S/new/none -H "$JSON" -d '{"value":"v"}'
ok "update what is missing: 404" answered 404 is_json_error "does not exist"
call "$ADMIN" DELETE $S/new/key
expect 204 "delete: 204"
call "$ADMIN" DELETE $S/new/key
ok "delete what is missing: 404" answered 404 body_has "does not exist"
call "$ADMIN" GET $S/new/key
ok "read what is missing: 404" answered 404 is_json_error "does not exist"
call "$ADMIN" GET $S/folder
expect 404 "read a folder: 404"
call "$ADMIN" GET $S/
expect 404 "read the root: 404"
call "$ADMIN" GET $S/folder/sub
ok "a secret and a folder share a path" body_is '{"value":"s"}'
call "$ADMIN" POST $S/key1 -H "$JSON" -d '{"value":"v"}'
expect 405 "POST: 405"
call "$ADMIN" GET /secrets/v1/secret/other/key1
ok "another store: 404" answered 404 is_json_error "store not found"
call "$ADMIN" GET /secrets/v1/secret/defaul/key1
expect 404 "a store whose name is cut off: 404"

for bad in '' '{}' '{"value":42}' '{"value":null}' '"v"' '{"value":"v"' '{"value":"a\u0000b"}'; do
	call "$ADMIN" PUT $S/bad -H "$JSON" -d "$bad"
	ok "create from '$bad': 400" answered 400 is_json_error
done
for path in /a//b //a /a/ /; do
	call "$ADMIN" PUT "$S$path" -H "$JSON" -d '{"value":"v"}'
	expect 400 "create at '$path': 400"
done
call "$ADMIN" PUT $S/a%2Fb%20c%2525 -H "$JSON" -d '{"value":"v"}'
expect 201 "create at an encoded path"
call "$ADMIN" GET "$S/a?list=true"
ok "the path was decoded once" body_is '{"array":["b c%25"]}'
for path in /a%00b /a%0 /a%zz /a%; do
	call "$ADMIN" GET "$S$path"
	expect 400 "the escape in '$path': 400"
done

# --- binary secrets and sizes -----------------------------------------------------------------

call "$ADMIN" GET $S/bin
ok "a binary secret comes as octets" cmp -s "$T/body" "$T/binary"
ok "it comes with its type" header_has "$OCTETS"
call "$ADMIN" GET $S/bin -H 'Accept: application/json'
expect 406 "a binary secret for who accepts JSON only: 406"
call "$ADMIN" GET $S/bin -H 'Accept: application/json, application/octet-stream'
expect 200 "a binary secret for who accepts both"
call "$ADMIN" PUT $S/two -H "$OCTETS" --data-binary "@$T/two"
expect 201 "create a binary secret"
call "$ADMIN" GET $S/two
ok "its NUL came through" cmp -s "$T/body" "$T/two"
call "$ADMIN" PATCH $S/two -H "$JSON" -d '{"value":"text"}'
call "$ADMIN" GET $S/two
ok "an update can make it a text" body_is '{"value":"text"}'
call "$ADMIN" PATCH $S/two -H "$OCTETS" -H 'Transfer-Encoding: chunked' --data-binary "@$T/binary"
expect 204 "the Secrets service takes a chunked body"

LIMIT=$(((1 << 20) - (1 << 10)))
{ printf '{"value":"'; head -c $LIMIT /dev/zero | tr '\0' x; printf '"}'; } >"$T/full"
{ printf '{"value":"'; head -c $LIMIT /dev/zero | tr '\0' x; printf 'x"}'; } >"$T/over"
head -c $((LIMIT + 1)) /dev/zero >"$T/zeros"
head -c $((9 << 20)) /dev/zero >"$T/huge"
call "$ADMIN" PUT $S/full -H "$JSON" --data-binary "@$T/full"
expect 201 "a value of 1 MiB - 1 KiB: 201"
call "$ADMIN" GET $S/full
ok "it comes back whole" cmp -s "$T/body" "$T/full"
call "$ADMIN" PUT $S/over -H "$JSON" --data-binary "@$T/over"
ok "one byte more: 413" answered 413 is_json_error
call "$ADMIN" PUT $S/over -H "$OCTETS" --data-binary "@$T/zeros"
expect 413 "one binary byte more: 413"
call "$ADMIN" PUT $S/over -H "$OCTETS" --data-binary "@$T/huge"
expect 413 "far more: 413"
call "$ADMIN" DELETE $S/full

# --- lists ------------------------------------------------------------------------------------

call "$ADMIN" GET "$S/folder?list=true"
ok "a list is recursive and relative" body_is '{"array":["key2","key3","sub","sub/key4"]}'
call "$ADMIN" GET "$S/folder/?list=true"
ok "a trailing slash does not matter" body_is '{"array":["key2","key3","sub","sub/key4"]}'
call "$ADMIN" GET "$S/folder?x=y&list=true"
ok "list=true among other parameters" body_has '"sub/key4"'
ROOT='{"array":["a/b c%25","bin","folder/key2","folder/key3","folder/sub","folder/sub/key4","key1","pwx/secrets/one","two"]}'
call "$ADMIN" GET "$S/?list=true"
ok "the root" body_is "$ROOT"
call "$ADMIN" GET "$S?list=true"
ok "the root without a slash" body_is "$ROOT"
for path in /folder/key2 /fol /nothing /folder/su; do
	call "$ADMIN" GET "$S$path?list=true"
	ok "the list of $path is empty" answered 200 body_is '{"array":[]}'
done
call "$ADMIN" GET "$S/key1?list=false"
ok "list=false reads" body_has '"value"'

call "$EVE" GET /secrets/v1/seal-status/default
ok "seal status" body_is '{"sealed":false,"threshold":1,"shares":1,"progress":0}'
call "$EVE" GET /secrets/v1/seal-status/other
expect 404 "seal status of another store: 404"
call "$EVE" GET /secrets/v1/ping
ok "ping" body_is pong

# --- permissions ------------------------------------------------------------------------------

denied()
{
	call "$@"
	ok "denied: $NAME" answered 403 is_json_error '"title":"Forbidden"'
}
allowed()
{
	call "$@"
	ok "allowed: $NAME" matches "$STATUS" '2..'
}
V=(-H "$JSON" -d '{"value":"v"}')
NAME="no grant"; denied "$EVE" GET $ONE
NAME="403 wins over 404"; denied "$EVE" GET $S/nowhere
NAME="read by read"; allowed "$BOB" GET $ONE
NAME="update by read"; denied "$BOB" PATCH $ONE "${V[@]}"
NAME="delete by read"; denied "$BOB" DELETE $ONE
NAME="create by create"; allowed "$BOB" PUT $S/new "${V[@]}"
NAME="read by create"; denied "$BOB" GET $S/new
NAME="create below an exact grant"; denied "$BOB" PUT $S/new/x "${V[@]}"
NAME="a wildcard, create"; allowed "$ALICE" PUT $S/pwx/secrets/x "${V[@]}"
NAME="a wildcard, two levels down"; allowed "$ALICE" PUT $S/pwx/secrets/x/y "${V[@]}"
NAME="a wildcard, update"; allowed "$ALICE" PATCH $S/pwx/secrets/x "${V[@]}"
NAME="a wildcard, delete"; allowed "$ALICE" DELETE $S/pwx/secrets/x
NAME="a wildcard, the folder itself"; denied "$ALICE" PUT $S/pwx/secrets "${V[@]}"
NAME="a wildcard, the folder with a slash"; denied "$ALICE" GET $S/pwx/secrets/
NAME="a wildcard, a sibling"; denied "$ALICE" PUT $S/pwx/secretsX/a "${V[@]}"
NAME="a wildcard, an encoded slash stays inside"; allowed "$ALICE" GET $S/pwx/secrets%2Fone
NAME="a wildcard, the parent"; denied "$ALICE" GET $S/pwx/other
NAME="list by a grant for the folder"; allowed "$ALICE" GET "$S/pwx/secrets?list=true"
NAME="list of another folder"; denied "$ALICE" GET "$S/pwx?list=true"
NAME="list by a grant to read"; denied "$BOB" GET "$S/pwx/secrets/one?list=true"
NAME="list by a wildcard"; allowed "$LISTER" GET "$S/pwx/secrets?list=true"
NAME="list of the wildcard's own folder"; denied "$LISTER" GET "$S/pwx?list=true"
NAME="read by a grant to list"; denied "$LISTER" GET $ONE
NAME="an asterisk that no slash precedes is no wildcard"; denied "$FOLDER" GET $ONE
NAME="a trailing slash is no wildcard"; denied "$FOLDER" GET $S/pwx/secrets/sub/a
NAME="everything by a wildcard at the root"; allowed "$SVC" GET $ONE
NAME="list of the root"; allowed "$SVC" GET "$S/?list=true"
NAME="a superuser"; allowed "$ADMIN" GET $ONE

# --- the ACL API ------------------------------------------------------------------------------

A=/acs/api/v1/acls
RID="$A/dcos:secrets:default:%252Fnew%252F*"
DESCRIPTION=(-H "$JSON" -d '{"description":"a test"}')
call "$ALICE" GET "$RID"
ok "who is no superuser gets Admin Router's 403" answered 403 is_html
request PUT "$RID" "${DESCRIPTION[@]}"
expect 401 "nor does one without a token"
call "$ADMIN" GET "$RID"
ok "an ACL that is not there: 400" answered 400 body_has ERR_UNKNOWN_RESOURCE_ID
call "$ADMIN" PUT "$RID"
expect 400 "creating an ACL needs a description"
call "$ADMIN" PUT "$RID" "${DESCRIPTION[@]}"
expect 201 "create an ACL: 201"
call "$ADMIN" PUT "$RID" "${DESCRIPTION[@]}"
expect 409 "create it again: 409"
call "$ADMIN" GET "$RID"
ok "read the ACL: rid" body_has '"dcos:secrets:default:/new/*"'
ok "read the ACL: description" body_has '"a test"'
ok "read the ACL: url" body_has "\"$RID\""
call "$EVE" PUT $S/new/e "${V[@]}"
expect 403 "before the grant: 403"
call "$ADMIN" PUT "$RID/users/eve/create"
expect 204 "grant: 204"
call "$ADMIN" PUT "$RID/users/eve/create"
expect 409 "grant again: 409"
call "$EVE" PUT $S/new/e "${V[@]}"
expect 201 "after the grant: 201"
call "$EVE" GET $S/new/e
expect 403 "another action is still denied"
call "$ADMIN" PUT "$RID/users/eve/full"
call "$EVE" GET $S/new/e
expect 200 "full holds every action"
call "$ADMIN" GET "$RID/permissions"
ok "the permissions: user" body_has '"/acs/api/v1/users/eve"'
ok "the permissions: action" body_has "\"$RID/users/eve/full\""
ok "the permissions: groups" body_has '"groups"'
call "$ADMIN" GET "$RID/users/eve"
ok "the actions of a user" answered 200 body_has '"full"'
call "$ADMIN" GET "$RID/users/eve/full"
ok "a permission that is held" body_has '"allowed":	true'
call "$ADMIN" GET "$RID/users/eve/read"
ok "a permission that is not held" body_has '"allowed":	false'
call "$ADMIN" DELETE "$RID/users/eve/full"
expect 204 "revoke: 204"
call "$ADMIN" DELETE "$RID/users/eve/full"
ok "revoke again: 400" answered 400 body_has ERR_ACTION_NOT_YET_STORED
call "$EVE" GET $S/new/e
expect 403 "after the revocation: 403"
call "$ADMIN" DELETE "$RID/users/eve"
expect 204 "revoke every action of a user: 204"
call "$ADMIN" DELETE "$RID/users/eve"
ok "again: 400" answered 400 body_has ERR_USER_NOT_IN_ACL
call "$ADMIN" PUT "$RID/users/nobody/full"
ok "grant to an unknown user: 400" answered 400 body_has ERR_UNKNOWN_USER_ID
call "$ADMIN" PUT "$RID/users/eve/everything"
expect 400 "grant an unknown action: 400"
call "$ADMIN" PUT $A/no:such:rid/users/eve/full
ok "grant on an unknown resource: 400" answered 400 body_has ERR_UNKNOWN_RESOURCE_ID
call "$ADMIN" PUT "$RID/users/eve/full"
call "$ADMIN" DELETE "$RID"
expect 204 "delete an ACL: 204"
call "$EVE" GET $S/new/e
expect 403 "its permissions went with it"
call "$ADMIN" DELETE "$RID"
expect 400 "delete it again: 400"
call "$ADMIN" PATCH "$RID"
expect 405 "PATCH: 405"
for path in "$A/a/b" "$A/a/b/c" "$A/a/users/b/c/d" "$A/a%2Fb" "$A/"; do
	call "$ADMIN" GET "$path"
	expect 404 "the path $path: 404"
done
call "$ADMIN" GET /acs/api/v1/users/svc
ok "a service account" answered 200 body_has '"is_service":	true'
call "$ADMIN" GET /acs/api/v1/users/eve
ok "a regular user" body_has '"is_service":	false'
call "$ADMIN" GET /acs/api/v1/users/nobody
ok "an unknown user: 400" answered 400 body_has ERR_UNKNOWN_USER_ID

# --- the log ----------------------------------------------------------------------------------

call "$ADMIN" GET "$S/log%20me?list=true"
ok "the log shows the target as received" grep -qxF "GET $S/log%20me?list=true 200" "$T/log"
ok "the log shows errors" grep -qxF "POST /acs/api/v1/auth/login 401" "$T/log"
ok "each line is METHOD PATH STATUS" not grep -qvE '^[A-Z]+ /[^ ]* [0-9]{3}$' "$T/log"
ok "no token and no value is in the log" not grep -qE "eyJ|pass:word|first" "$T/log"
before=$(wc -l <"$T/log")
for i in 1 2 3 4 5 6 7 8; do
	curl -sS --cacert "$T/ca.crt" -H "$(as "$ADMIN")" -o /dev/null "$URL$ONE?[1-25]" &
	clients[i]=$!
done
wait "${clients[@]}"
ok "200 concurrent requests make 200 lines" is $(($(wc -l <"$T/log") - before)) 200
stop

# --- an expired token -------------------------------------------------------------------------

start --listen 127.0.0.1:0 --user a:a --grant a:dcos:superuser:full --secret k=v --token-lifetime 6
TOKEN=$(token_of a a)
call "$TOKEN" GET $S/k
expect 200 "a fresh ACS token"
sleep 6.1
call "$TOKEN" GET $S/k
ok "an expired ACS token: 401 HTML" answered 401 is_html
stop

start --listen 127.0.0.1:0 --service-account "svc:$T/service.pub" --clock-ahead 3600
service_login "$RS" "{\"uid\":\"svc\",\"exp\":$(($(date +%s) + 60))}" rs256 "$T/service.key"
expect_wrong "with a clock that is ahead, a service login token that is good elsewhere"
service_login "$RS" "{\"uid\":\"svc\",\"exp\":$(($(date +%s) + 3660))}" rs256 "$T/service.key"
expect 200 "and one that is good there"
stop

printf '#!/bin/sh\necho "$@" >>%s\n' "$T/hooked" >"$T/hook"
chmod 755 "$T/hook"

# --- faults -----------------------------------------------------------------------------------

start --listen 127.0.0.1:0 --user a:a --grant a:dcos:superuser:full --secret k=0123456789 \
	--secret-file "two=$T/two" \
	--fault "delay=700ms@GET:*/delay" --fault "drop@PUT:*/drop" \
	--fault "drop-after@PUT:*/dropped" --fault "drop@GET:*/drop#0" \
	--fault "401@*:*/401" --fault "403@*:*/403" --fault "403json@*:*/json" \
	--fault "404@*:*/404" --fault "429@*:*/429" --fault "429=17@*:*/slow429" \
	--fault "500@*:*/500" --fault "503@*:*/503" \
	--fault "redirect=https://u@h:1/x?a=b@*:*/moved" --fault "truncate@GET:*/k?truncate" \
	--fault "truncate@PUT:*/truncated" --fault "garbage@*:*/garbage" \
	--fault "empty@*:*/empty" --fault "oversize@*:*/oversize" --fault "endless@*:*/endless" \
	--fault "wrongtype@*:*/wrongtype" --fault "slow@GET:*/two" \
	--fault "500@GET:*?count#2" --fault "503@GET:*?count#1+1" --fault "404@GET:*?skip#*+1" \
	--fault "429@POST:*/acs/*#1+1" --fault "delay=1m@GET:*/minute" --hook "$T/hook"
TOKEN=$(token_of a a)

timed()
{
	local from
	from=$(date +%s%N)
	"$@"
	MILLISECONDS=$((($(date +%s%N) - from) / 1000000))
}
fault() { call "$TOKEN" GET "$S/$1"; }

timed fault delay
ok "delay: it answers" answered 404 is_json_error "does not exist"
ok "delay: it has waited" between 700 $MILLISECONDS 3000
call "$TOKEN" PUT $S/drop "${V[@]}"
ok "drop: no answer" not_answered
ok "drop: logged as 000" grep -qxF "PUT $S/drop 000" "$T/log"
fault drop
expect 404 "drop: before acting; a count of 0 hits nothing"
call "$TOKEN" PUT $S/dropped "${V[@]}"
ok "drop-after: no answer" not_answered
fault dropped
ok "drop-after: it was done" body_is '{"value":"v"}'
fault 401
ok "401: HTML" answered 401 is_html
ok "401: WWW-Authenticate" header_has "WWW-Authenticate: acsjwt"
for code in 403 404 500 503; do
	fault $code
	ok "$code: HTML" answered $code is_html
done
fault json
ok "403json: JSON" answered 403 is_json_error
fault 429
ok "429: Retry-After is 1" answered 429 header_has "Retry-After: 1"
fault slow429
ok "429=17" answered 429 header_has "Retry-After: 17"
fault moved
ok "redirect" answered 301 header_has "Location: https://u@h:1/x?a=b"
fault "k?truncate"
ok "truncate: the connection ends too early" is $CURL 18
ok "truncate: all of it was promised" header_has "Content-Length: 22"
ok "truncate: half of it came" body_is '{"value":"0'
call "$TOKEN" PUT $S/truncated "${V[@]}"
ok "truncate: without a body there is no answer" not_answered
fault truncated
expect 200 "truncate: it was done"
fault garbage
ok "garbage: claims to be JSON" answered 200 header_has "$JSON"
ok "garbage: is none" not body_has '"value"'
fault empty
ok "empty" answered 200 body_is ""
fault wrongtype
ok "wrongtype" body_is '{"value": 42}'
fault oversize
ok "oversize: a value of 16 MiB" answered 200 is "$(wc -c <"$T/body")" $(((16 << 20) + 12))
timed fault two
ok "slow: it comes whole" cmp -s "$T/body" "$T/two"
ok "slow: two bytes take two seconds" between 2000 $MILLISECONDS 4000
for _ in 1 2 3 4; do
	fault "k?count"
	echo "$STATUS"
done >"$T/codes"
ok "counts and skips; the first match with a count left wins" \
	is "$(tr '\n' ' ' <"$T/codes")" "500 500 200 503 "
fault "k?skip"
expect 200 "#*+1: the first is skipped"
fault "k?skip"
fault "k?skip"
expect 404 "#*+1: all others are hit"
login '{"uid":"a","password":"a"}'
expect 429 "login can be hit, too"

cpu() { awk '{ print $14 + $15 }' "/proc/$SERVER/stat"; }
curl -sS --cacert "$T/ca.crt" --max-time 5 -o "$T/endless" "$URL$S/endless" 2>"$T/error" &
endless=$!
for _ in {1..100}; do [ -s "$T/endless" ] || sleep 0.1; done
before=$(cpu)
fault k
ok "endless holds up nobody else" answered 200 kill -0 $endless
sleep 1
ok "endless does not burn the processor" between 0 $(($(cpu) - before)) 30
wait $endless
ok "endless: never ends" is $? 28
ok "endless: keeps sending" between 10000 "$(wc -c <"$T/endless")" 250000

# --- control ----------------------------------------------------------------------------------

control() { request POST "/stand-in/$1" --data-binary "${2-}"; }
control faults $'403@GET:*/k\n500@*:*#*+1'
expect 204 "control: other faults"
fault k
expect 403 "control: they hit"
fault "k?x"
expect 200 "control: those before are gone; from the Nth request of any kind on, the first is spared"
call "$TOKEN" PUT $S/any "${V[@]}"
expect 500 "control: and the others are hit"
LINES_BEFORE=$(wc -l <"$T/log")
control faults 'nonsense'
expect 400 "control: what is no fault is refused"
call "$TOKEN" PUT $S/any "${V[@]}"
expect 500 "control: and changes nothing"
control faults
expect 204 "control: no faults"
control save/a
call "$TOKEN" PUT $S/later "${V[@]}"
call "$TOKEN" DELETE $S/k
control restore/a
expect 204 "control: restore"
control restore/b
expect 400 "control: what was not saved cannot be restored"
call "$TOKEN" GET $S/later
expect 404 "control: what came after save is gone"
call "$TOKEN" GET $S/k
expect 200 "control: what went after save is there"
ok "control: the log has none of it" is "$(wc -l <"$T/log")" $((LINES_BEFORE + 5))
request GET /stand-in/save/a
expect 404 "control: only by POST"
ok "the hook runs before a change" is "$(tail -n 2 "$T/hooked")" "PUT $S/later"$'\n'"DELETE $S/k"
ok "and for nothing else" not grep -qE "GET|$S/any" "$T/hooked"
control faults "delay=1m@GET:*/minute"

curl -sS --cacert "$T/ca.crt" -o /dev/null "$URL$S/minute" 2>"$T/error" &
minute=$!
sleep 0.3
timed stop
ok "a delay does not hold up the end" between 0 $MILLISECONDS 3000
wait $minute

echo "$PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
