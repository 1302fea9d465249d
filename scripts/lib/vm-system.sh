# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash disable=SC2154
#
# What VMs boot from, and how fast: the cached system and the accelerator.
# To be sourced; uses $here and $run of scripts/vm. The cache only saves time:
# whatever is missing in it is made again.

cache=${PXENC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pxenc}

# Prints the folder with kernel, initrd and root, made if it is not there.
# Its name tells everything it is made from, but for the packages' versions.
system_make() {
    local key folder
    key=$({ cat "$here/lib/vm-image.sh"; . /etc/os-release && echo "$VERSION_CODENAME"; } |
        sha256sum | head -c 12)
    folder=$cache/vm-$key
    mkdir -p "$cache"
    if [[ ! -e $folder ]]; then
        (
            flock 9
            [[ ! -e $folder ]] || exit 0
            system_build "$folder"
        ) 9>"$cache/vm.lock" || return
    fi
    touch "$folder"
    echo "$folder"
}

system_build() {
    local folder=$1 new
    echo "scripts/vm: making the system that VMs boot from (once, about a minute)" >&2
    find "$cache" -maxdepth 1 -name 'vm-new.*' -exec rm -rf {} +
    find "$cache" -maxdepth 1 -name 'vm-*' -type d -mtime +2 -exec rm -rf {} +
    new=$(mktemp -d "$cache/vm-new.XXXXXX")
    if ! bash "$here/lib/vm-image.sh" "$new" >"$cache/vm-image.log" 2>&1; then
        tail -n 20 "$cache/vm-image.log" >&2
        rm -rf "$new"
        echo "scripts/vm: making it failed; all it said is in $cache/vm-image.log" >&2
        return 1
    fi
    chmod 755 "$new"
    mv "$new" "$folder"
}

# Prints kvm if this machine can run a guest on it, else tcg. /dev/kvm may be
# there and run none, so a guest has to say so; the answer holds until reboot.
system_accelerator() {
    local boot verdict
    [[ -r /dev/kvm && -w /dev/kvm ]] || { echo tcg; return; }
    boot=$(</proc/sys/kernel/random/boot_id)
    if [[ -e $cache/kvm-$boot ]]; then
        cat "$cache/kvm-$boot"
        return
    fi
    verdict=tcg
    system_probe kvm && verdict=kvm
    rm -f "$cache"/kvm-*
    echo "$verdict" >"$cache/kvm-new.$$"
    mv "$cache/kvm-new.$$" "$cache/kvm-$boot"
    echo "$verdict"
}

# True if a guest boots under the accelerator named within a few seconds.
system_probe() {
    local tree=$run/probe.d
    mkdir "$tree"
    cat >"$tree/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
echo pxenc-vm: alive >/dev/ttyS0
/bin/busybox poweroff -f
END
    chmod 755 "$tree/init"
    { cat "$system/initrd"; cd "$tree" && echo init | cpio --quiet -o -H newc; } >"$run/probe"
    timeout -k 1 8 qemu-system-x86_64 -accel "$1" -cpu max -m 512 -nodefaults -no-user-config \
        -display none -no-reboot -kernel "$system/vmlinuz" -initrd "$run/probe" \
        -append 'console=ttyS0 panic=-1' -serial file:"$run/probe.log" </dev/null >/dev/null 2>&1 || true
    grep -q 'pxenc-vm: alive' "$run/probe.log"
}
