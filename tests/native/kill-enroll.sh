#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# enroll, and rotate to a secret of somebody's own, killed at every system call that changes
# anything, and the store gone at every request.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

key_setup || exit 1
truncate -s 20M "$IMAGE"
cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$IMAGE" "$T_DIR/passphrase"
key_sweep enroll enrolled enroll_again pxenc enroll "$IMAGE" --key-file "$T_DIR/passphrase"
key_volume
SLOTS=1 NAMED=cluster KNOWN=none
key_sweep 'rotate --secret' rotated once_more pxenc rotate "$IMAGE" --secret cluster
t_done
