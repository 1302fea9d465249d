#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# rotate --reencrypt, killed at every system call that changes anything, and the store gone at every
# request.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/key-sweep.sh
. tests/tools/key-sweep.sh

key_setup || exit 1
key_volume
SLOTS=1 NAMED='volumes/*/[123]' KNOWN=none
key_sweep 'rotate --reencrypt' rotated rotate_again pxenc rotate "$IMAGE" --reencrypt
t_done
