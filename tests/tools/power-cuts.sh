# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
#
# Power cuts, with the kernel's dm-log-writes and tests/tools/replay-log.c. To be sourced behind
# tests/lib.sh, inside scripts/vm with two disks of one size, by a test that starts the stand-in
# "main" with --hook "$CUT_HOOK" and calls:
#
#   power_cut NAME COMMAND… -- CHECK…
#
# COMMAND works on /dev/mapper/cut, which holds what lies on $CUT_BASE, and leaves nothing open
# there. Then, for every flush, FUA and mark in the log, and half way between two of them (in the
# midst of a write), the disk as it was up to there is $CUT_DISK, the store has the secrets that it
# had then, and "CHECK… cut" is run (for the last one "CHECK… last"). It may write to the disk and
# to the store: the next cut does not see it. It fails by its status, and what it prints is shown.
#
# A store's secrets change while the disk is written, so the stand-in's hook puts a mark into the
# log before each change, and keeps the secrets as they are before it.

CUT_BASE=/dev/vdb     # what the command starts from, and writes to
CUT_REPLAY=/dev/vdc   # where the log is played back
CUT_LOG=/dev/ram0     # the log of the writes
CUT_SCRATCH=/dev/ram1 # takes what a check writes
# shellcheck disable=SC2034  # for the checks
CUT_DISK=/dev/mapper/cut-look
CUT_HOOK=$T_DIR/cut-hook

# A command may write the whole disk, and more; both lie in memory and take what they are given.
modprobe -a dm-log-writes dm-snapshot
modprobe brd rd_nr=2 rd_size=262144
# On what turns, libcryptsetup wipes a keyslot forty times over.
for disk in "$CUT_BASE" "$CUT_REPLAY"; do echo 0 >"/sys/block/${disk##*/}/queue/rotational"; done

# Outside of power_cut there is no log, and the hook does nothing. It leaves $T_DIR/cut-missed if
# it could not do its work.
cat >"$CUT_HOOK" <<HOOK
#!/bin/bash
[ -e $T_DIR/cutting ] || exit 0
n=\$(cat $T_DIR/cutting)
curl -sSf --cacert $T_DIR/certs/ca.crt --data '' https://127.0.0.1/stand-in/save/cut\$n &&
    dmsetup message cut 0 mark "store:\$((n + 1)):\$1:\$2" || touch $T_DIR/cut-missed
echo \$((n + 1)) >$T_DIR/cutting
HOOK
chmod 755 "$CUT_HOOK"

# The kernel closes a log with a mark, unless it ran out of space for it.
cut_is_whole() { replay-log list "$CUT_LOG" | tail -n 1 | grep ' mark dm-log-writes-end$'; }

# Runs the command over the log. Leaves the log, the disk before it, and each state of the store
# under cutN: after N changes. $CUT_REPLAY is empty by then, as it would be a clone of the volume.
cut_record() {
    local size status
    dd if="$CUT_BASE" of="$T_DIR/cut-base" bs=1M status=none && blkdiscard -z "$CUT_REPLAY" &&
        dd if=/dev/zero of="$CUT_LOG" bs=4k count=1 conv=fsync status=none || return # no older log
    size=$(blockdev --getsz "$CUT_BASE")
    dmsetup create cut --table "0 $size log-writes $CUT_BASE $CUT_LOG" || return
    echo 0 >"$T_DIR/cutting"
    "$@"
    status=$?
    dcosd_control main "save/cut$(cat "$T_DIR/cutting")"
    rm "$T_DIR/cutting"
    udevadm settle
    dmsetup remove --retry cut && [ $status = 0 ] && [ ! -e "$T_DIR/cut-missed" ] && cut_is_whole
}

# How many changes the store had seen when the disk had its first N entries. At the mark of one, it
# may have acted on it or not: both numbers.
cut_changes() {
    replay-log list "$CUT_LOG" | awk -v n="$1" '
        $1 <= n && / mark store:/ { seen++; at = $1 }
        END { if (at == n) print seen - 1; print seen + 0 }'
}

# cut_look CHANGES CHECK…: on a snapshot, which goes with whatever the check wrote.
cut_look() {
    local changes=$1 size status
    shift
    size=$(blockdev --getsz "$CUT_REPLAY")
    dcosd_control main "restore/cut$changes" &&
        dmsetup create cut-look --table "0 $size snapshot $CUT_REPLAY $CUT_SCRATCH N 16" || return
    "$@"
    status=$?
    udevadm settle
    dmsetup remove --retry cut-look && return $status
}

# Where the power fails: where something was sure; and half way between, with some writes done, one
# torn ("12.5": the first half of the 13th), and others not.
cut_points() {
    replay-log cuts "$CUT_LOG" |
        awk '{ half = int((before + $1) / 2); if (half > before) print half - 1 ".5"; print; before = $1 }'
}

# Plays the log back from cut to cut: cut_all CHECK…. Sets points; prints what failed.
cut_all() {
    local cut from=0 changes stage=cut last
    dd if="$T_DIR/cut-base" of="$CUT_REPLAY" bs=1M conv=fsync status=none || return
    last=$(cut_points | tail -n 1)
    for cut in $(cut_points); do
        replay-log replay "$CUT_LOG" "$CUT_REPLAY" "$from" "$cut" || return
        from=${cut%.5}
        [ "$cut" != "$last" ] || stage=last
        for changes in $(cut_changes "$cut"); do
            points=$((points + 1))
            cut_look "$changes" "$@" $stage >"$T_DIR/cut-said" 2>&1 && continue
            echo "after $cut entries ($(replay-log list "$CUT_LOG" | awk -v n="$cut" '$1 >= n { print; exit }')), the store changed $changes times:"
            cat "$T_DIR/cut-said"
        done
    done
}

power_cut() {
    local name=$1 command=() points=0
    shift
    while [ "$1" != -- ]; do command+=("$1") && shift; done
    shift
    if ! cut_record "${command[@]}" >"$T_DIR/cut-said" 2>&1; then
        t_not_ok "$name: it runs on a disk whose writes are logged" "$(cat "$T_DIR/cut-said")"
        return
    fi
    cut_all "$@" >"$T_DIR/cut-failures" 2>&1
    check_equal "$name: the power fails at each of $points points" "$(cat "$T_DIR/cut-failures")" ''
    check "$name: there was something to cut" test "$points" -gt 2
    # The store goes on with what it had in the end.
    dcosd_control main "restore/cut$(cut_changes "$(cut_points | tail -n 1)" | tail -n 1)"
}
