#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# The part of scripts/demo that runs in the VM, as root, on /dev/vdb. It stops at the first step
# that does not do what it says.
set -euo pipefail
T_DIR=$(mktemp -d)
# shellcheck source=../../tests/lib.sh
. /root/lib.sh

bold=$'\e[1m' plain=$'\e[0m'
[ -n "${NO_COLOR-}" ] && bold='' plain=''

step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# Prints a command as one would type it, and runs it.
run() {
    printf '  # %s\n' "$*"
    "$@" 2>&1 | sed 's/^/    /'
}

IAM=https://master.mesos/acs/api/v1

# What `dcos security org users grant USER RID ACTION` sends; a RID's slashes are escaped twice.
grant() {
    local token rid=${2//\//%252F}
    token=$(curl -sS --fail --cacert /etc/pxenc/dcos-ca.crt -H 'Content-Type: application/json' \
        -d '{"uid": "admin", "password": "admin"}' "$IAM/auth/login" | jq -r .token)
    curl -sS -o /dev/null --cacert /etc/pxenc/dcos-ca.crt -X PUT -H "Authorization: token=$token" \
        -H 'Content-Type: application/json' -d '{"description": "pxenc"}' "$IAM/acls/$rid"
    curl -sS --fail --cacert /etc/pxenc/dcos-ca.crt -X PUT -H "Authorization: token=$token" \
        "$IAM/acls/$rid/users/$1/$3"
}

step 'The scene: a DC/OS cluster (the stand-in server, over TLS) and a user without any right'
bash /root/certs.sh "$T_DIR/certs"
install -d /etc/pxenc /data
cp "$T_DIR/certs/ca.crt" /etc/pxenc/dcos-ca.crt
dcosd_start main 127.0.0.1:443 --user admin:admin --grant 'admin:dcos:superuser:full' \
    --user 'volumes:correct horse'
write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
    ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"'
run jq . /etc/pxenc/config.json

step '1. Grant the user the secrets under the base path'
echo '  # dcos security org users grant volumes dcos:secrets:default:/pwx/secrets/* full'
grant volumes 'dcos:secrets:default:/pwx/secrets/*' full

step '2. Log this node in'
printf '  # pxenc secrets dcos login --username volumes --password-stdin\n'
printf 'correct horse' | pxenc secrets dcos login --username volumes --password-stdin

step '3. Create the cluster-wide secret, and set it, once for the cluster'
run pxenc secrets create pwx/secrets/cluster-wide-secret-key --generate
run pxenc secrets set-cluster-key --secret pwx/secrets/cluster-wide-secret-key

step '4. Make an encrypted volume'
run pxenc format /dev/vdb --fstype ext4

step '5. Mount it: the key is fetched, the volume unlocked, the filesystem inside mounted'
run mount -v -t pxenc /dev/vdb /data
run findmnt -o TARGET,SOURCE,FSTYPE /data
run dmsetup table "$(basename "$(findmnt -n -o SOURCE /data)")"
run pxenc status

step '6. Write a file, and unmount: the mapping goes with the last unmount'
printf '  # echo "the quick brown fox" >/data/file; umount /data\n'
echo 'the quick brown fox' >/data/file
umount /data
wait_for 5 bash -c '! ls /sys/block | grep -q ^dm-'
run pxenc status

step '7. The disk holds no trace of the text'
sync
printf '  # grep -ac "quick brown" /dev/vdb\n'
found=$(grep -ac 'quick brown' /dev/vdb || true)
echo "    $found"
if [ "$found" != 0 ]; then
    echo '    the text lies on the disk in the clear' >&2
    exit 1
fi

step '8. Mount again: the file is still there. The stages, in milliseconds:'
run /usr/sbin/mount.pxenc -v /dev/vdb /data
run cat /data/file
umount /data

step 'Done. What the server saw:'
sed 's/^/    /' "$T_DIR/main.log"
dcosd_stop main
printf '\nAll steps worked.\n'
