#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# secrets create and update, killed at every system call that changes anything and at every
# request: the secret has its old value or its new one, and the same command completes.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=../tools/kill-sweep.sh
. tests/tools/kill-sweep.sh

setup() {
    sweep_setup --secret changed=before || return 1
    printf after >"$T_DIR/value"
    # shellcheck disable=SC2119  # no files
    sweep_save
}

# value_is PATH STAGE VALUE BEFORE: BEFORE will do until it is finished; nothing else ever does.
value_is() {
    local value status
    value=$(pxenc secrets get "$1")
    status=$?
    echo "the value is '$value' (status $status)"
    [ "$value" = "$3" ] || { [ "$2" = killed ] && [ "$value" = "$4" ] && [[ $status = [09] ]]; }
}

created_check() { value_is new "$1" after ''; }
create() { pxenc secrets create new --value-file "$T_DIR/value"; }
# It is there, by us, or it is created now.
created_finish() { create || [ $? = 14 ]; }

updated_check() { value_is changed "$1" after before; }
updated_finish() { pxenc secrets update changed --force --value-file "$T_DIR/value"; }

unchanged_check() { value_is changed killed before before; }

setup || exit 1
check_match 'a sweep sees what a command has changed' \
    "$(sweep_store it unchanged_check true -- env PXENC_CONFIG="$T_DIR/hasty.json" pxenc secrets update changed --force --value-file "$T_DIR/value")" \
    '^not ok - it: the store gone'
check_match 'and what was not counted' \
    "$(sweep_call it true true pxenc write 3 -- pxenc secrets update changed --force --value-file "$T_DIR/value")" \
    'reached 5 points, counted 3'
sweep 'secrets create' created_check created_finish -- pxenc secrets create new --value-file "$T_DIR/value"
sweep_store 'secrets create' created_check created_finish -- env PXENC_CONFIG="$T_DIR/hasty.json" pxenc secrets create new --value-file "$T_DIR/value"
sweep_figure 'secrets create'
SWEEP_POINTS=0
sweep 'secrets update' updated_check updated_finish -- pxenc secrets update changed --force --value-file "$T_DIR/value"
sweep_store 'secrets update' updated_check updated_finish -- env PXENC_CONFIG="$T_DIR/hasty.json" pxenc secrets update changed --force --value-file "$T_DIR/value"
sweep_figure 'secrets update'
t_done
