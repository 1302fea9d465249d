#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# A machine that really reboots, in scripts/vm --systemd with seven disks and a spare one: volumes in
# fstab, in crypttab, and opened by udev alone; a store that is there, comes late, or never comes;
# disks that are plugged in and pulled out; and how long shutdown takes with what is left of them.
set -u
here=$(dirname "$0")
T_DIR=/root/boot
export T_TIMEOUT=75 T_SLOW=1
# shellcheck source=../lib.sh
. "$here/lib.sh"
A=/dev/vdb B=/dev/vdc AUTO=/dev/vdd CRYPT=/dev/vde MISSING=/dev/vdf SUSPENDED=/dev/vdg HOT=/dev/sda
NOTES=/dev/vdh # outlives the file systems
GRANTS=('u:dcos:secrets:default:/pwx/secrets/*:full' 'u:dcos:secrets:list:default:/pwx/secrets:read')
PLUGIN=(/usr/lib/*/cryptsetup/libcryptsetup-token-pxenc.so)

# journal [OPTION…]: this boot's words.
journal() { journalctl --no-pager -b -o cat "$@"; }

# said PATTERN [OPTION…]: whether the journal has it.
said() { journal "${@:2}" | grep -qE -- "$1"; }

# in_order NAME PATTERN…: the journal has a line for each pattern, each below the one before.
in_order() {
    local name=$1 pattern text
    shift
    text=$(journal)
    for pattern; do
        if ! grep -qE -- "$pattern" <<<"$text"; then
            t_not_ok "$name" "not in the journal, or too early: $pattern"
            return
        fi
        text=$(sed -E "0,\\#$pattern#d" <<<"$text")
    done
    t_ok "$name"
}

# since_start UNIT: seconds from the kernel's start until the unit was active, for the last time.
since_start() {
    local us
    us=$(systemctl show -P ActiveEnterTimestampMonotonic "$1")
    echo $((us / 1000000))
}

# failed_at UNIT, seconds_tried UNIT: when it failed, and after how long.
failed_at() {
    local us
    us=$(systemctl show -P InactiveEnterTimestampMonotonic "$1")
    echo $((us / 1000000))
}
seconds_tried() {
    local us
    us=$(systemctl show -P InactiveExitTimestampMonotonic "$1")
    echo $(($(failed_at "$1") - us / 1000000))
}

uuid_of() { cryptsetup luksUUID "$1"; }
mapping_of() { echo "pxenc-$(uuid_of "$1")"; }
is_open() { [ -b "/dev/mapper/$(mapping_of "$1")" ]; }
unit_of() { systemd-escape --template=pxenc@.service --path "$1"; }
is_active() { systemctl is-active --quiet "$1"; }
no_mapping() { ! [ -e "/sys/block/$1" ]; }

# By the kernel's clock, since that of an emulated machine may jump at a reboot: when we asked for
# the shutdown, and, from the last thing that systemd runs before the kernel restarts, when it was
# through. No sync of everything: a suspended volume would hold it.
reboot_now() {
    install -d /usr/lib/systemd/system-shutdown
    cat >/usr/lib/systemd/system-shutdown/note <<END
#!/bin/bash
printf '%s\\n' "\$(<$T_DIR/down)" "\$(</proc/uptime)" | dd of=$NOTES bs=512 conv=sync oflag=direct status=none
END
    chmod 755 /usr/lib/systemd/system-shutdown/note
    cat /proc/uptime >"$T_DIR/down"
    sync -f "$T_DIR/down"
    systemctl reboot
    sleep 300
    exit 1
}

# check_shutdown NAME: how long the machine took to go down the last time.
check_shutdown() {
    local down up tenths
    { read -r down _; read -r up _; } < <(head -c 512 $NOTES | tr -d '\0')
    tenths=$(awk -v up="$up" -v down="$down" 'BEGIN { printf "%d", (up - down) * 10 }')
    dd if=/dev/zero of=$NOTES bs=512 count=1 oflag=direct status=none
    echo "figure: shutdown $1: $((tenths / 10)).$((tenths % 10)) s"
    check "shutdown $1 takes less than 10 seconds" test "$tenths" -gt 0 -a "$tenths" -lt 100
}

# The stand-in as a service. It has all in memory, so its secrets stand in the unit.
# serve [LINE…]: more lines for [Service].
serve() {
    local path
    {
        printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'After=local-fs.target' 'Before=network-online.target' \
            '[Service]' 'Type=exec' "$@"
        printf 'ExecStart=/usr/local/bin/pxenc-dcosd --listen 127.0.0.1:443 --log %s/dcosd.log --cert %s --key %s' \
            "$T_DIR" "$T_DIR/certs/server.crt" "$T_DIR/certs/server.key"
        printf ' --user u:pw --grant %s --grant %s' "${GRANTS[@]}"
        while read -r path; do
            printf ' --secret %s=%s' "pwx/secrets/$path" "$(<"$T_DIR/secrets/${path//\//_}")"
        done <"$T_DIR/paths"
        printf '\n[Install]\nWantedBy=multi-user.target\n'
    } >/etc/systemd/system/dcosd.service
    systemctl daemon-reload
    systemctl --quiet enable dcosd.service
}

# What the store holds, for serve.
keep_secrets() {
    local path
    mkdir -p "$T_DIR/secrets"
    pxenc secrets list >"$T_DIR/paths"
    while read -r path; do
        pxenc secrets get "$path" >"$T_DIR/secrets/${path//\//_}"
    done <"$T_DIR/paths"
}

configure() {
    write_config /etc/pxenc/config.json cluster_url '"https://master.mesos"' \
        ca_cert_file '"/etc/pxenc/dcos-ca.crt"' base_path '"pwx/secrets"' \
        username_file '"/etc/pxenc/username"' password_file '"/etc/pxenc/password"'
}

make_volumes() {
    local disk hot
    vm-disk plug 1
    wait_for 120 test -b $HOT
    for disk in $A $B $CRYPT $MISSING; do
        check "format $disk" pxenc format "$disk" --generate --fstype ext4
    done
    for disk in $AUTO $SUSPENDED $HOT; do
        check "format --auto $disk" pxenc format "$disk" --generate --auto --fstype ext4
    done
    keep_secrets
    pxenc secrets delete --force "volumes/$(uuid_of $MISSING)/1"
    sed -i "/$(uuid_of $MISSING)/d" "$T_DIR/paths"

    hot=/dev/mapper/$(mapping_of $HOT)
    cat >/etc/fstab <<END
$A /mnt/a pxenc _netdev 0 0
$B /mnt/b pxenc _netdev,nofail 0 0
$MISSING /mnt/missing pxenc _netdev,nofail 0 0
/dev/mapper/$(mapping_of $SUSPENDED) /mnt/suspended ext4 _netdev,nofail 0 0
$hot /mnt/hot ext4 _netdev,nofail,x-systemd.wanted-by=$(systemd-escape --path --suffix=device "$hot") 0 0
END
    [ ! -e "${PLUGIN[0]}" ] || {
        echo "crypt $CRYPT none luks,_netdev" >/etc/crypttab
        systemctl --quiet enable remote-cryptsetup.target
    }
}

# /dev/dm-N is dev-dm\x2dN to systemd. The first sectors of the disk are for notes.
open_on_dm() {
    dmsetup create linear --table "0 126976 linear $NOTES 2048" &&
        pxenc format /dev/mapper/linear --generate --auto --fstype ext4 &&
        wait_for 180 is_open /dev/mapper/linear &&
        [ "$(blkid -p -o value -s TYPE "/dev/mapper/$(mapping_of /dev/mapper/linear)")" = ext4 ]
}

# closed_by DEVICE: somebody closes it who could write to it, and udev has looked at it since.
closed_by() {
    exec 8<>"$1"
    exec 8<&-
    sleep 1
    udevadm settle
}

# LVM marks its snapshots so. udev opens nothing that is open, but its database tells what it found.
not_asked_about() {
    local device
    device=$(realpath /dev/mapper/linear)
    mkdir -p /run/udev/rules.d
    echo 'ENV{DM_NAME}=="linear", ENV{DM_UDEV_LOW_PRIORITY_FLAG}="1"' >/run/udev/rules.d/80-low.rules
    udevadm control --reload
    udevadm info -q property "$device" | grep -q PXENC_AUTO=1 && udevadm trigger --settle "$device" &&
        ! udevadm info -q property "$device" | grep PXENC_AUTO
}

check_by_hand() {
    local unit
    unit=$(unit_of $AUTO)
    check_equal 'isolate leaves its unit alone' "$(systemctl show -P IgnoreOnIsolate "$unit")" yes
    systemctl stop "$unit"
    systemctl --quiet mask --runtime "$unit"
    closed_by $AUTO
    check_not 'stopped and masked, it stays closed, whatever udev sees' is_open $AUTO
    systemctl --quiet unmask --runtime "$unit"
    closed_by $AUTO
    check 'unmasked, it opens when somebody has closed its device' wait_for 180 is_open $AUTO
}

first_boot() {
    mkdir -p $T_DIR
    # Made before this machine was up: after a restart its clock may be behind by seconds.
    install -d $T_DIR/certs
    cp "$here"/{ca,server}.{crt,key} $T_DIR/certs
    install -d /etc/pxenc /mnt/{a,b,missing,suspended,hot}
    cp $T_DIR/certs/ca.crt /etc/pxenc/dcos-ca.crt
    echo u >/etc/pxenc/username
    (umask 077 && echo pw >/etc/pxenc/password)
    configure
    dcosd_start main 127.0.0.1:443 --user u:pw --grant "${GRANTS[0]}" --grant "${GRANTS[1]}"
    make_volumes
    check 'a volume with the mark is open as soon as it is made' wait_for 180 is_open $AUTO
    check 'and one on a device whose name systemd escapes, where udev is not held back, with its filesystem' open_on_dm
    check 'a device that LVM calls a snapshot is not asked about its mark' not_asked_about
    check_by_hand
    serve
    # The rest of the machine is to see a disk that is there from the start.
    systemctl stop "$(unit_of $HOT)"
    vm-disk unplug 1
    reboot_now
}

check_all_there() {
    local unit
    check 'fstab: a volume is mounted' mountpoint -q /mnt/a
    check 'fstab: one with nofail too' wait_for 180 mountpoint -q /mnt/b
    check 'udev alone: a volume with the mark is open' wait_for 180 is_open $AUTO
    unit=$(unit_of $AUTO)
    check 'its unit is active' wait_for 60 is_active "$unit"
    check 'a filesystem of fstab in such a volume is mounted' wait_for 180 mountpoint -q /mnt/suspended
    if [ -e "${PLUGIN[0]}" ]; then
        check 'crypttab: the plugin opened the volume' wait_for 180 test -b /dev/mapper/crypt
        in_order 'the journal shows crypttab in order' 'Starting systemd-cryptsetup@crypt.service' \
            'Finished systemd-cryptsetup@crypt.service' 'Reached target remote-cryptsetup.target'
    else
        t_skip 'crypttab: the plugin opened the volume' 'there is no plugin in this build'
    fi
}

second_boot() {
    local boot unit before
    unit=$(unit_of $AUTO)
    check_shutdown 'with nothing in its way'
    boot=$(since_start multi-user.target)
    echo "figure: boot with the store there: multi-user.target after $boot s"
    check_all_there
    in_order 'the journal shows fstab in order' 'Reached target network-online.target' 'Mounting mnt-a.mount' \
        'Mounted mnt-a.mount' 'Reached target remote-fs.target' 'Reached target multi-user.target'
    in_order 'the journal shows the unit in order' 'Reached target network-online.target' \
        "Starting ${unit//\\/.*}" "Finished ${unit//\\/.*}"
    check 'the volume whose secret is missing is not mounted' \
        wait_for 180 bash -c 'systemctl is-failed -q mnt-missing.mount && ! mountpoint -q /mnt/missing'
    check 'and its error says so' said 'mount.pxenc: .*secrets list shows' -u mnt-missing.mount
    before=$(systemctl show -P Before mnt-missing.mount)
    check_match 'only the end waits for it' "$before" 'umount\.target'
    check_not 'and nothing that the boot needs' grep -qE '(remote-fs|multi-user|sysinit|basic)\.target' <<<"$before"
    check 'and it failed long before its timeout' test "$(seconds_tried mnt-missing.mount)" -lt 40

    # In use until the shutdown.
    echo words | tee /mnt/a/file >/mnt/b/file
    check_hot_plug
    check_link
    check_stubborn_user
    # What is left for the shutdown: a mounted volume whose disk is gone, and one that is suspended,
    # with a process that waits for it.
    check 'a volume is suspended' cryptsetup luksSuspend "$(mapping_of $SUSPENDED)"
    dd if=/dev/zero of=/mnt/suspended/file bs=4k count=1 oflag=direct status=none &
    # The store comes back 20 s after the first has asked for it.
    serve "ExecStartPre=/bin/sh -c 'until journalctl -b | grep -q \"waiting for the store\"; do sleep 1; done; sleep 20'" \
        TimeoutStartSec=300
    sed -i 's/^Before=network-online.target$//' /etc/systemd/system/dcosd.service
    reboot_now
}

check_hot_plug() {
    local hot
    vm-disk plug 1
    check 'a disk that is plugged in is opened and mounted without a command' wait_for 180 mountpoint -q /mnt/hot
    hot=$(mapping_of $HOT)
    echo words >/mnt/hot/file
    sync -f /mnt/hot/file
    vm-disk unplug 1
    check 'pulled out while it is mounted: unmounted' wait_for 120 bash -c '! mountpoint -q /mnt/hot'
    check 'and its mapping is gone' wait_for 120 bash -c "! dmsetup info $hot"
    vm-disk plug 1
    check 'plugged in again: mounted again' wait_for 180 mountpoint -q /mnt/hot
    check_equal 'with the same file' "$(cat /mnt/hot/file)" words
    check_equal 'and nothing is left of the first time' "$(dmsetup info --noheadings -c -o name | grep -c .)" \
        "$(pxenc status --json | jq length)"
}

# A unit may have been started by the name of a link, which goes with the disk.
check_link() {
    local hot unit
    hot=$(mapping_of $HOT)
    unit=$(unit_of "/dev/disk/by-uuid/$(uuid_of $HOT)")
    systemctl stop mnt-hot.mount "$(unit_of $HOT)"
    systemctl --quiet mask --runtime "$(unit_of $HOT)"
    check 'closed by hand, for a unit that is named by a link' wait_for 60 bash -c "! dmsetup info $hot"
    check 'which opens it' systemctl start "$unit"
    wait_for 180 mountpoint -q /mnt/hot
    vm-disk unplug 1
    check 'its disk is pulled out: unmounted' wait_for 120 bash -c '! mountpoint -q /mnt/hot'
    check 'and its mapping is gone, too' wait_for 120 bash -c "! dmsetup info $hot"
    check 'and no other' is_open $AUTO
    systemctl --quiet unmask --runtime "$(unit_of $HOT)"
    vm-disk plug 1
    check 'plugged in again: mounted again, by the unit that is named by the disk' wait_for 180 mountpoint -q /mnt/hot
}

# Somebody has a file open on the volume that is pulled out: it cannot be unmounted.
check_stubborn_user() {
    local hot old
    hot=$(mapping_of $HOT)
    exec 9</mnt/hot/file
    vm-disk unplug 1
    check 'pulled out while a file is open: the mapping stays, and status says what it is' \
        wait_for 120 bash -c "pxenc status $hot --json | jq -e '.[0].state == \"gone\"'"
    old=$(grep -lx -- "$hot" /sys/block/dm-*/dm/name)
    vm-disk plug 1
    check 'plugged in again: it is said why it does not open' wait_for 180 said 'pulled out while it was in use'
    check_equal 'the old mapping is there, with no disk below any more' \
        "$(cat "$old"; ls "${old%/dm/name}/slaves")" "$hot"
    exec 9<&-
    umount /mnt/hot
    check 'unmounted at last: the volume opens, and is mounted, by itself' wait_for 180 \
        bash -c "mountpoint -q /mnt/hot && cat /mnt/hot/file"
    exec 9</mnt/hot/file
    vm-disk unplug 1
    check 'it is pulled out once more' wait_for 120 bash -c "pxenc status $hot --json | jq -e '.[0].state == \"gone\"'"
}

# was_unmounted DEVICE NAME: before its mapping went at the last shutdown, so that ext4 has nothing to
# recover.
was_unmounted() {
    local dm
    dm=$(basename "$(readlink -f "/dev/mapper/$(mapping_of "$1")")")
    check "$2: the kernel mounted it" said "EXT4-fs \($dm\): mounted filesystem" -k
    check_not "$2: and had nothing to recover" said "EXT4-fs \($dm\): recovery" -k
}

third_boot() {
    check_shutdown 'with a volume whose disk is gone and one that is suspended'
    echo "figure: boot with the store 20 s late: multi-user.target after $(since_start multi-user.target) s"
    check_all_there
    check 'what is waited for was said' said 'mount.pxenc: warning: waiting for the store: .*(127.0.0.1:443|master.mesos)' -u mnt-a.mount
    check_equal 'by each, once' "$(journal -u mnt-a.mount | grep -c 'waiting for the store')" 1
    check 'by the units too' said 'pxenc: warning: waiting for the store' -u 'pxenc@*'
    was_unmounted $A 'a volume of fstab was unmounted before it closed'
    was_unmounted $B 'so was one with nofail'

    systemctl --quiet disable dcosd.service
    # What is needed may hold up a boot without a store: this time nothing is.
    sed -i '/mnt\/a/d' /etc/fstab
    [ ! -e /etc/crypttab ] || sed -i 's/_netdev$/_netdev,nofail/' /etc/crypttab
    reboot_now
}

# The store never comes. Nothing that is not needed holds up the boot.
fourth_boot() {
    local unit logins
    unit=$(unit_of $AUTO)
    check_shutdown 'after a boot with a late store'
    echo "figure: boot without a store: multi-user.target after $(since_start multi-user.target) s"
    wait_for 180 systemctl is-failed -q mnt-b.mount
    check_match 'a mount gives up in its own words' "$(journal -u mnt-b.mount)" \
        'mount.pxenc: .*master.mesos.*: check cluster_url.* the network'
    check_not 'and was not killed' said '(timed out|Killing|code=killed)' -u mnt-b.mount
    check 'the boot was through before that' test "$(since_start multi-user.target)" -lt "$(failed_at mnt-b.mount)"
    check 'so does the unit' wait_for 180 said 'pxenc: .*master.mesos.*: check cluster_url.* the network' -u "$unit"
    check 'which tries again' wait_for 180 said 'Scheduled restart job' -u "$unit"
    logins=$(requests dcosd 'POST /acs/api/v1/auth/login 200')
    systemctl start --no-block dcosd.service
    check 'the store is there after all: the volume opens by itself' wait_for 180 is_open $AUTO
    check_equal 'and the password was sent once' $(($(requests dcosd 'POST /acs/api/v1/auth/login 200') - logins)) 1
}

case $PXENC_VM_BOOT in
1) first_boot ;;
2) second_boot ;;
3) third_boot ;;
4) fourth_boot ;;
esac
t_done
