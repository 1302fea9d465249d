#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A reencryption that was killed while it copied the last of the data, and the rotate that recovers
# it: killed as well, at every system call that changes anything (at some, where there are very many),
# and the store gone at every request.
set -u
cd "$(dirname "$0")/../.." || exit 1
SWEEP_STRIDE=${SWEEP_STRIDE-23}
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

# The header says that all data is being copied: the 4 MiB that there are.
is_copying() { header | jq -e 'any(.segments[]; .flags == ["in-reencryption"] and .size == "4194304")' >/dev/null; }

# One that is killed when half of it is copied.
kill_copying() {
    local number
    cp "$IMAGE" "$T_DIR/whole"
    for ((number = 1; number < 80; number++)); do
        cp "$T_DIR/whole" "$IMAGE"
        dcosd_control main restore/whole
        strace -qq -o /dev/null -e trace=write -e inject=write:signal=KILL:when=$number \
            pxenc rotate "$IMAGE" --reencrypt >/dev/null 2>&1
        is_copying && return
    done
    return 1
}

key_setup || exit 1
key_volume
dcosd_control main save/whole
check 'a reencryption is killed while it copies the last of the data' kill_copying
# shellcheck disable=SC2034  # for the sweep
SLOTS=1 NAMED='volumes/*/[123]' KNOWN=none
key_sweep 'a rotate that recovers it' rotated once_more pxenc rotate "$IMAGE" --reencrypt
t_done
