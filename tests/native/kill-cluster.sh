#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# Four volumes move from one cluster key to another, and the store goes at every request: at every
# stage all of them open, the old key stays, and the same command ends it.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

VOLUMES=("$T_DIR"/volume{1..4})

moved() {
    pxenc open --all --test "${VOLUMES[@]}" && pxenc secrets get cluster >/dev/null || return
    [ "$1" = killed ] || [ "$(for volume in "${VOLUMES[@]}"; do pxenc status "$volume" --json; done |
        jq -r '.[0].secret' | sort -u)" = cluster2 ]
}

key_setup || exit 1
pxenc secrets create cluster2 --generate
pxenc secrets set-cluster-key --secret cluster
for volume in "${VOLUMES[@]}"; do
    truncate -s 20M "$volume"
    pxenc format "$volume" --cluster-key >/dev/null
done
pxenc secrets set-cluster-key --secret cluster2
# Each volume waits for a store that is gone.
sed -i 's/"timeout": 2/"timeout": 1/' "$T_DIR/hasty.json"
AGAIN=(pxenc rotate --all --cluster-key "${VOLUMES[@]}")
sweep_save "${VOLUMES[@]}"
sweep_store 'rotate --all --cluster-key of four volumes' moved once_more -- \
    env PXENC_CONFIG="$T_DIR/hasty.json" "${AGAIN[@]}"
sweep_figure 'rotate --all --cluster-key'
t_done
