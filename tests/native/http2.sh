#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# HTTP/2, spoken with a real nginx that stands before the stand-in, and what its connections cost.
# Whatever has no such proxy before it is HTTP/1.1: the stand-in knows nothing else.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../lib.sh
. tests/lib.sh
PATH=$PATH:/usr/sbin # where Debian's nginx is
if ! command -v nginx >/dev/null; then
    t_skip 'HTTP/2' 'there is no nginx'
    exit 0
fi
T_DIR=$(mktemp -d)
NGINX='' S3D=''
trap 'nginx_stop; s3d_stop; dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    head -c 900000 /dev/urandom >"$T_DIR/large"
    printf 'u\n' >"$T_DIR/username"
    printf 'pw\n' >"$T_DIR/password"
    chmod 600 "$T_DIR/username" "$T_DIR/password"
    dcosd_start main 127.0.0.1:0 --user u:pw --grant 'u:dcos:secrets:default:/*:full' \
        --grant 'u:dcos:secrets:list:default:/:read' --secret a=one --secret b=two --secret half=whole \
        --fault 'truncate@GET:*/half' --secret sealed=open --fault '503@GET:*/sealed#2'
}

# An endpoint of S3, without TLS.
s3d_start() {
    printf 'secret-key\n' >"$T_DIR/secret-key"
    chmod 600 "$T_DIR/secret-key"
    pxenc-s3d --listen 127.0.0.1:0 --log "$T_DIR/s3d.log" --bucket backups --user GOODKEY:secret-key >"$T_DIR/s3d.out" &
    S3D=$!
    wait_for 20 grep -q '^listening on' "$T_DIR/s3d.out" || return 1
    S3D_URL=$(sed -n 's/^listening on //p' "$T_DIR/s3d.out")
}

s3d_stop() { [ -z "$S3D" ] || { kill "$S3D" && wait "$S3D"; } 2>/dev/null; }

free_port() {
    # shellcheck disable=SC2016
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# nginx_start LISTEN_OPTION [DIRECTIVE…]: at NGINX_URL, with a new log: a line for each request, of
# its connection's number, the protocol, method and path, and the status.
nginx_start() {
    local port
    port=$(free_port)
    NGINX_URL=https://127.0.0.1:$port
    rm -rf "$T_DIR/nginx"
    mkdir "$T_DIR/nginx"
    cat >"$T_DIR/nginx/conf" <<END
daemon off;
master_process off;
pid $T_DIR/nginx/pid;
error_log $T_DIR/nginx/error.log;
events {}
http {
    log_format each '\$connection \$server_protocol \$request_method \$uri \$status';
    access_log $T_DIR/nginx/access.log each;
    client_body_temp_path $T_DIR/nginx/body;
    proxy_temp_path $T_DIR/nginx/proxy;
    fastcgi_temp_path $T_DIR/nginx/fastcgi;
    uwsgi_temp_path $T_DIR/nginx/uwsgi;
    scgi_temp_path $T_DIR/nginx/scgi;
    client_max_body_size 2m;
    server {
        listen 127.0.0.1:$port ssl $1;
        ssl_certificate $T_DIR/certs/server.crt;
        ssl_certificate_key $T_DIR/certs/server.key;
        ${2-}
        location = /ready { access_log off; return 204; }
        location ~ /dropped { return 444; }
        location = / { proxy_set_header Host \$http_host; proxy_pass $S3D_URL; }
        location / { proxy_pass $DCOSD_URL_main; }
    }
}
END
    nginx -c "$T_DIR/nginx/conf" -e "$T_DIR/nginx/error.log" 2>"$T_DIR/nginx/err" &
    NGINX=$!
    wait_for 10 nginx_ready || cat "$T_DIR/nginx/err" >&2
    rm -rf "$RUN_DIR"
    config
}

config() {
    write_config "$PXENC_CONFIG" cluster_url "\"$NGINX_URL\"" ca_cert_file "\"$T_DIR/certs/ca.crt\"" \
        username_file "\"$T_DIR/username\"" password_file "\"$T_DIR/password\""
}

nginx_ready() { curl -sf --cacert "$T_DIR/certs/ca.crt" -o /dev/null "$NGINX_URL/ready"; }

nginx_stop() {
    [ -z "$NGINX" ] || { kill "$NGINX" && wait "$NGINX"; } 2>/dev/null
    NGINX=
}

# What nginx has logged since the last time. It does one thing after another: what it answers now
# comes after the last line of a run.
log() { nginx_ready && cat "$T_DIR/nginx/access.log" && : >"$T_DIR/nginx/access.log"; }

protocols() { cut -d ' ' -f 2 <<<"$1" | sort -u; }

connections() { cut -d ' ' -f 1 <<<"$1" | sort -u | wc -l; }

spoken() {
    local seen
    nginx_start http2
    check_equal 'a secret comes' "$(pxenc secrets get a 2>&1)" one
    seen=$(log)
    check_equal 'by HTTP/2' "$(protocols "$seen")" HTTP/2.0
    check_equal 'login and get are two requests' "$(cut -d ' ' -f 3 <<<"$seen" | xargs)" 'POST GET'
    check_equal 'on one connection' "$(connections "$seen")" 1
    check 'a value of nearly a megabyte goes out' pxenc secrets create large --value-file "$T_DIR/large"
    check 'and comes back' bash -c 'pxenc secrets get large | cmp - "$0"' "$T_DIR/large"
    check_match 'a list' "$(pxenc secrets list 2>&1)" '^large$'
    check 'a delete' pxenc secrets delete large --force
    check_equal 'all of it by HTTP/2' "$(protocols "$(log)")" HTTP/2.0
    truncate -s 32M "$T_DIR/image"
    check 'a volume is made' pxenc format "$T_DIR/image" --generate
    seen=$(log)
    check_equal 'with a connection for the create, and one for all else' "$(connections "$seen")" 2
    check 'and opens' pxenc open --test "$T_DIR/image"
    check_equal 'by HTTP/2' "$(protocols "$(log)")" HTTP/2.0
}

many() {
    local seen most i
    for i in 1 2 3 4; do
        truncate -s 20M "$T_DIR/volume$i"
        pxenc format "$T_DIR/volume$i" --generate >/dev/null
    done
    log >/dev/null
    SECONDS=0
    check 'many volumes open' pxenc open --all --test "$T_DIR"/volume[1-4]
    most=$((1 + SECONDS))
    seen=$(log)
    check_equal 'their secrets come' "$(grep -c ' GET ' <<<"$seen")" 4
    check 'over one connection, or one more for each second that an answer takes' test "$(connections "$seen")" -le $most
}

# The signature is over the name of the host, which HTTP/2 sends in another way.
signed() {
    check 'an endpoint of S3 that speaks HTTP/2 takes a signed request' env AWS_CA_BUNDLE="$T_DIR/certs/ca.crt" \
        pxenc credentials create --provider s3 --s3-access-key GOODKEY --s3-secret-key-file "$T_DIR/secret-key" \
        --s3-endpoint "${NGINX_URL#https://}" s3
    check_match 'by HTTP/2' "$(log)" ' HTTP/2.0 GET / 200'
}

# The same statuses as by HTTP/1.1.
failures() {
    fails_with 'a secret that is missing: status 9' 9 404 pxenc secrets get missing
    check_equal 'a 503 is asked again' "$(pxenc secrets get sealed 2>/dev/null)" open
    fails_with 'an answer that breaks off is not trusted: status 10' 10 'truncated' pxenc secrets get half
    : >"$T_DIR/nginx/access.log"
    T_TIMEOUT=2 config
    pxenc secrets get dropped >/dev/null 2>"$T_DIR/err"
    check_equal 'a stream that ends without an answer: status 6' $? 6
    check_match 'saying so' "$(tail -n 1 "$T_DIR/err")" 'dropped the connection'
    check 'after it was asked again' test "$(grep -c ' GET .*/dropped ' "$T_DIR/nginx/access.log")" -ge 2
}

# As proxies do before they are restarted: GOAWAY after each answer.
goes_away() {
    local seen
    nginx_stop
    nginx_start http2 'keepalive_requests 1;'
    check_equal 'where the proxy ends each connection, another is made' "$(pxenc secrets get a 2>&1)" one
    seen=$(log)
    check_equal 'for each request' "$(connections "$seen"),$(wc -l <<<"$seen")" 2,2
}

older() {
    local seen
    nginx_stop
    nginx_start ''
    check_equal 'a proxy that knows no HTTP/2 is spoken to by HTTP/1.1' "$(pxenc secrets get a 2>&1)" one
    seen=$(log)
    check_equal 'by nothing else' "$(protocols "$seen")" HTTP/1.1
    check_equal 'on one connection, too' "$(connections "$seen")" 1
}

setup && s3d_start || exit 1
spoken
many
signed
failures
goes_away
older
t_done
