#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# many-disk.sh DIR VOLUMES [DISKS]: DIR/disk1 and so on, with equal shares of the volumes, one at each
# 20 MiB from the first MiB on, and the lines PATH=VALUE of their secrets in DIR/secrets. Made outside
# of the VM, where it takes seconds. Wants luks2-many in PATH.
set -eu
dir=$1 volumes=$2 share=$(($2 / ${3:-1}))
mkdir -p "$dir/images"
luks2-many "$dir/images" "$volumes" "$volumes" >"$dir/secrets"
rm -f "$dir"/disk*
for ((i = 0; i < volumes; i++)); do
    disk=$dir/disk$((i / share + 1))
    dd if="$dir/images/$i.img" of="$disk" bs=1M count=1 seek=$((i % share * 20 + 1)) \
        conv=notrunc status=none
    rm "$dir/images/$i.img"
done
truncate -s $((share * 20 + 2))M "$dir"/disk*
