#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Forged headers, each with its checksums made right: refused before anything is fetched where the
# allowlist can tell, and before activation where the seal tells.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT

t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json
GENUINE=$T_DIR/genuine IMAGE=$T_DIR/image

setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' || return 1
    write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    printf p | pxenc secrets dcos login --username u --password-stdin
    truncate -s 32M "$GENUINE"
    pxenc format "$GENUINE" --generate >/dev/null
    check 'the genuine volume opens' pxenc open --test "$GENUINE"
}

# forge NAME [OLD NEW]…: a copy of the genuine image with those texts of the JSON replaced.
forge() {
    cp "$GENUINE" "$IMAGE"
    luks2-edit "$IMAGE" "$@" >/dev/null
}

# refused_by WHO NAME PATTERN [OLD NEW]…: status 11; the allowlist fetches nothing, the seal does.
refused_by() {
    local who=$1 name=$2 pattern=$3 before
    shift 3
    forge "$@" || {
        t_not_ok "$name" "the header could not be forged: $*"
        return
    }
    check "$name: cryptsetup itself takes the header" cryptsetup isLuks --type luks2 "$IMAGE"
    before=$(requests main 'GET /secrets')
    fails_with "$name: status 11" 11 "$pattern" pxenc open --test "$IMAGE"
    if [ "$who" = allowlist ]; then
        check_equal "$name: nothing was fetched" "$(requests main 'GET /secrets')" "$before"
    else
        check_equal "$name: seen under the key, before it is used" "$(requests main 'GET /secrets')" $((before + 1))
    fi
}

# The segment's encryption is the one that a sector_size follows; the keyslots' is not.
segment() { printf '"encryption":"%s","sector_size"' "$1"; }

setup || exit 1
A=aes-xts-plain64
refused_by allowlist 'cipher_null' 'cipher_null' "$(segment $A)" "$(segment cipher_null-ecb)"
refused_by allowlist 'aes-ecb' 'aes-ecb' "$(segment $A)" "$(segment aes-ecb)"
refused_by allowlist 'capi:' 'capi' "$(segment $A)" "$(segment 'capi:xts(aes)-plain64')"
refused_by seal 'a cipher that is ours, but not this volume'"'"'s' 'seal' "$(segment $A)" "$(segment serpent-xts-plain64)"
refused_by seal 'a shifted segment' 'seal' '"offset":"16777216"' '"offset":"16781312"'
refused_by seal 'another sector size' 'seal' '"sector_size":4096' '"sector_size":512'
refused_by allowlist 'a shifted IV' 'iv_tweak' '"iv_tweak":"0"' '"iv_tweak":"8"'
refused_by seal 'an added flag that is known' 'seal' '"config":{' '"config":{"flags":["allow-discards"],'
refused_by allowlist 'an added flag that is not' 'flag' '"config":{' '"config":{"flags":["no-such-flag"],'
refused_by allowlist 'a requirement' 'requirement' '"config":{' '"config":{"requirements":{"mandatory":["no-such-requirement"]},'
refused_by seal 'auto set' 'seal' '"auto":false' '"auto":true'
path=$(luks2-edit --dump "$GENUINE" | jq -r '.tokens["0"].secret')
for bad in ../x pxenc/cluster credentials/x /x a/../b 'a%2fb' volumes/x/header; do
    refused_by allowlist "a LUKS2 token that names '$bad'" 'LUKS2 token' "\"$path\"" "\"$bad\""
done
printf x | pxenc secrets create elsewhere --value-file -
seal=$(luks2-edit --dump "$GENUINE" | jq -r '.tokens["0"].seal')
other=A
[ "${seal:0:1}" != A ] || other=B
refused_by seal 'a missing seal' 'seal' ",\"seal\":\"$seal\"" ''
refused_by seal 'another seal' 'seal' "\"seal\":\"$seal\"" "\"seal\":\"$other${seal:1}\""
refused_by allowlist 'a seal that is none' 'LUKS2 token' "\"seal\":\"$seal\"" '"seal":"A"'
t_done
