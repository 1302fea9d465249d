#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# Shows that scripts/vm keeps its word: output, exit status, files, disks, time
# limits, reboots, and that dm-crypt in the VM is the kernel's own. It brings a
# small build of its own, so it needs none of pxenc's.
#
# Usage: tests/vm/selfcheck.sh [plain|systemd]...   (both, if none is named)

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
vm=$top/scripts/vm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# A check: its name, and a command that shows it.
check() {
    local name=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        echo "ok - $name"
        passed=$((passed + 1))
    else
        echo "not ok - $name"
        sed 's/^/      /' "$work/check.log"
        # The VM itself failed: its console tells.
        [[ ${status-} != 12[45] ]] || sed 's/^/      /' "$work/err"
        failed=$((failed + 1))
    fi
}

equal() {
    [[ $1 == "$2" ]] || { printf 'got:  %s\nwant: %s\n' "$1" "$2"; return 1; }
}

# Runs scripts/vm; leaves its words in $work/out and $work/err, its status in $status.
run() {
    status=0
    "$vm" "$@" >"$work/out" 2>"$work/err" || status=$?
}

# Counts the lines "ok NAME" and "FAIL NAME ..." of a guest script.
count_guest() {
    local word name rest
    while read -r word name rest; do
        case $word in
        ok) check "$1: $name" true ;;
        FAIL) check "$1: $name" equal "$rest" '' ;;
        esac
    done <"$work/out"
    check "$1: the guest's script ran to its end" equal "$(tail -n 1 "$work/out")" end
}

no_trace_of_runs() {
    local left=("$PXENC_BUILD"/vm/run.*)
    [[ ! -e ${left[0]} ]] || { echo "left: ${left[*]}"; return 1; }
    # QEMU works in the run's folder.
    ! find /proc/[0-9]*/cwd -maxdepth 0 -lname "$work/*" 2>/dev/null | grep .
}

make_build() {
    export PXENC_BUILD=$work/build
    mkdir -p "$PXENC_BUILD/tests"
    cat >"$PXENC_BUILD/Makefile" <<'END'
install:
	install -D -m 755 program $(DESTDIR)/usr/sbin/pxenc
	install -d $(DESTDIR)/sbin
	ln -s ../usr/sbin/pxenc $(DESTDIR)/sbin/mount.pxenc
END
    # shellcheck disable=SC2016  # for the guest
    printf '#!/bin/sh\necho "called as ${0##*/}"\n' >"$PXENC_BUILD/program"
    chmod 755 "$PXENC_BUILD/program"
    cp "$PXENC_BUILD/program" "$PXENC_BUILD/tests/pxenc-dcosd"
    cat >"$work/guest.sh" <<'END'
# Runs in the VM.
say() { # NAME COMMAND...
    name=$1
    shift
    if result=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "FAIL $name" $result
    fi
}
contains() { case $1 in *"$2"*) ;; *) echo "no '$2' in: $1"; false ;; esac; }
there() { for _ in $(seq 100); do [ -e "$1" ] && return 0; sleep 0.1; done; echo "there is no $1"; false; }
gone() { for _ in $(seq 600); do [ -e "$1" ] || return 0; sleep 0.1; done; echo "$1 is still there"; false; }

say is-root [ "$(id -u)" = 0 ]
if [ "$1" = systemd ]; then
    say everything-runs systemctl is-system-running --wait
    say systemd-is-process-1 [ "$(ps -p 1 -o comm=)" = systemd ]
fi
say has-the-build [ "$(pxenc)" = "called as pxenc" ]
say has-the-mount-helper [ "$(/sbin/mount.pxenc)" = "called as mount.pxenc" ]
say has-the-test-programs [ "$(pxenc-dcosd)" = "called as pxenc-dcosd" ]
say has-the-user-pxenc id pxenc
say knows-master.mesos getent hosts master.mesos
say loopback-answers sh -c 'ip address show lo | grep 127.0.0.1'
say has-three-disks-of-48M [ "$(lsblk -bdno NAME,SIZE /dev/vdb /dev/vdc /dev/vdd | tr -s ' \n' ' ')" = "vdb 50331648 vdc 50331648 vdd 50331648 " ]
say has-no-fourth-disk [ ! -e /dev/vde ]
say udev-runs udevadm settle
say udev-names-disks [ -e /dev/disk/by-id/virtio-disk1 ]

echo key >/root/key
say luksFormat cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/vdb /root/key
say luksOpen cryptsetup open --key-file /root/key /dev/vdb crypt
say mkfs /sbin/mkfs.ext4 -q /dev/mapper/crypt
mkdir -p /mnt/a /mnt/b
say mounts mount /dev/mapper/crypt /mnt/a
echo "plain words" >/mnt/a/file
sync
say the-key-is-in-the-keyring contains "$(dmsetup table crypt)" ":64:logon:"
say the-driver-is-aesni grep -q "xts.*aesni" /proc/crypto
say the-disk-holds-no-plain-words sh -c '! grep -c "plain words" /dev/vdb'
say removal-is-deferred cryptsetup close --deferred crypt
say a-second-mount-works-under-udev mount /dev/mapper/crypt /mnt/b
umount /mnt/a
say reads-back-through-the-second [ "$(cat /mnt/b/file)" = "plain words" ]
umount /mnt/b
say the-mapping-is-gone-after-the-last-unmount gone /dev/mapper/crypt
spare=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_spare1
say has-no-spare-disk [ ! -e $spare ]
say a-spare-disk-is-plugged-in sh -c 'vm-disk plug 1'
say as-a-disk-of-udev there $spare
echo kept >$spare
sync
say it-is-pulled-out sh -c 'vm-disk unplug 1'
say and-is-gone gone $spare
say plugged-in-again sh -c 'vm-disk plug 1'
say it-is-there-again there $spare
say with-what-was-on-it grep -q kept $spare
say a-spare-disk-that-is-not-there-is-an-error sh -c '! vm-disk plug 2'
for target in flakey delay snapshot log-writes; do
    say has-dm-$target modprobe dm-$target
done
echo end
END
}

check_usage() {
    local words
    for words in '' '--' '--disks' '--disks x -- true' '--disk-size 1T -- true' '--timeout 0 -- true' '--spare 9 -- true' \
        '--copy /nonexistent -- true' '--what -- true' 'true'; do
        # shellcheck disable=SC2086  # words, on purpose
        run $words
        check "usage: 'vm $words' is refused with 2" equal "$status$(head -c 11 "$work/err")" '2scripts/vm:'
    done
    run --help
    check 'usage: --help prints it and exits with 0' equal "$status$(head -c 6 "$work/out")" 0Usage:
}

# What both the guest and this machine run: its arguments, and every byte.
# shellcheck disable=SC2016  # for perl
say_all='print map { "<$_>" } @ARGV; print map { chr } 0..255 for 1..400; print STDERR "err\n"; exit 7'
# shellcheck disable=SC2016  # for perl
say_both='$| = 1; for (1..200) { print "$_ out\n"; warn "$_ err\n" } sleep 4; print "last\n"'

check_output() {
    local arguments=('two words' '' $'new\nline' "it's") first='' last='' line
    run -- perl -e "$say_all" -- "${arguments[@]}"
    check 'output: the exit status passes through' equal "$status" 7
    check 'output: arguments and bytes arrive as they are, and nothing else' \
        equal "$(sha256sum <"$work/out")" "$(perl -e "$say_all" -- "${arguments[@]}" 2>/dev/null | sha256sum)"
    check 'output: stderr passes through, and nothing else' equal "$(cat "$work/err")" err

    while IFS= read -r line; do
        [[ $first ]] || first=$EPOCHSECONDS
        last=$EPOCHSECONDS
        echo "$line"
    done < <("$vm" -- perl -e "$say_both" 2>&1) >"$work/both"
    check 'output: it comes as it is produced' test "$((last - first))" -ge 2
    check 'output: one file for both keeps their order' equal "$(sha256sum <"$work/both")" \
        "$({ perl -e 'for (1..200) { print "$_ out\n$_ err\n" }' && echo last; } | sha256sum)"

    run -- sh -c 'sleep 1000 & kill -9 $$'
    check 'output: a signal gives 128 and its number, and what is left behind ends' equal "$status" 137
    run -- /nonexistent
    check 'output: a command that is not there gives 127' equal "$status" 127
    check 'output: kernel messages are in the console log' test -s "$PXENC_BUILD/vm/console.log"
}

check_ends() {
    local pid code=0
    run --timeout 40 -- sh -c 'echo begun; sleep 1000'
    check 'ends: the time limit gives 124' equal "$status" 124
    check 'ends: output before the limit is there' equal "$(cat "$work/out")" begun
    check 'ends: the limit is told' grep -q 'after 40 seconds' "$work/err"

    run -- sh -c 'echo c >/proc/sysrq-trigger'
    check 'ends: a panic gives 125' equal "$status" 125
    check 'ends: a panic is shown' grep -q 'Kernel panic' "$work/err"

    run -- sh -c 'poweroff -f'
    check 'ends: a VM that powers off before COMMAND ends gives 125' equal "$status" 125

    PXENC_VM_QEMU_ARGS='-device nonexistent' run -- true
    check 'ends: QEMU that does not start gives 125' equal "$status" 125

    "$vm" -- sleep 1000 >"$work/out" 2>&1 &
    pid=$!
    sleep 4
    kill -TERM "$pid"
    wait "$pid" || code=$?
    check 'ends: SIGTERM gives 143' equal "$code" 143
    check 'ends: no run leaves a trace' no_trace_of_runs
}

check_side_by_side() {
    local one two
    "$vm" -- sh -c 'echo 1 >/dev/vdb; sleep 3; head -c 1 /dev/vdb' >"$work/one" &
    one=$!
    "$vm" -- sh -c 'echo 2 >/dev/vdb; sleep 3; head -c 1 /dev/vdb' >"$work/two" &
    two=$!
    wait "$one" "$two"
    check 'side by side: two runs have disks of their own' equal "$(cat "$work/one" "$work/two")" 12
}

check_variant() {
    local name=$1 reboot=$2
    shift 2
    run "$@" --disks 3 --disk-size 48M --spare 1 --copy "$work/guest.sh" --copy "$PXENC_BUILD/program" \
        -- bash -c "[[ -x program ]] && bash guest.sh $name"
    check "$name: copied files lie in /root and keep their mode" equal "$status" 0
    count_guest "$name"

    # shellcheck disable=SC2016  # for the guest
    run "$@" -- sh -c "echo boot \$PXENC_VM_BOOT; cat /root/kept /dev/vdb 2>/dev/null | tr -d '\\0'
        [ \$PXENC_VM_BOOT = 2 ] && exit 3
        echo root >/root/kept; echo disk >/dev/vdb; sync; $reboot; sleep 1000"
    check "$name: COMMAND runs again after a reboot, on the same root and disks" \
        equal "$(paste -sd ' ' "$work/out") $status" 'boot 1 boot 2 root disk 3'
}

make_build
(($#)) || set -- plain systemd
for part; do
    case $part in
    plain)
        check_usage
        check_variant plain 'echo b >/proc/sysrq-trigger'
        check_output
        check_ends
        check_side_by_side
        ;;
    systemd)
        check_variant systemd 'systemctl reboot' --systemd
        ;;
    *) echo "$0: plain or systemd, not $part" >&2; exit 2 ;;
    esac
done
echo "$passed passed, $failed failed"
((failed == 0))
