#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# Usage: vm-image.sh DIR
#
# Makes what every VM boots from, as files in DIR:
#
#   vmlinuz      Debian's kernel for virtual machines; never installed here
#   initrd       busybox and the modules that lead to disks and ports (cpio)
#   root.img     a Debian root: systemd, udev, the tools that tests use, and
#                the kernel's modules
#   libraries    the names of the shared libraries in root.img
#
# Both variants of scripts/vm boot this root, with another init. It knows
# nothing of pxenc: a run brings its own payload. Packages come from the apt
# sources of this machine, in its own release, so that programs compiled here
# find the same libraries there.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib/packages.sh
. "$here/packages.sh"

kernel_package=linux-image-cloud-amd64

root_packages=(
    # the system
    systemd-sysv udev dbus kmod util-linux mount procps iproute2 ca-certificates
    # storage
    dmsetup cryptsetup-bin e2fsprogs xfsprogs btrfs-progs fdisk fio
    # what tests look with
    strace jq curl openssl keyutils
    # what pxenc and its test programs are linked with
    libcryptsetup12 libdevmapper1.02.1 libcurl4 libcjson1 libblkid1 libmount1
    libssl3 libseccomp2 libmicrohttpd12
)

# In the order that their dependencies ask for.
boot_modules=(
    misc/pvpanic/pvpanic misc/pvpanic/pvpanic-pci
    virtio/virtio_ring virtio/virtio virtio/virtio_pci_legacy_dev
    virtio/virtio_pci_modern_dev virtio/virtio_pci block/virtio_blk
    char/virtio_console
)

# What no VM of ours has or does, a third of the modules' size.
unused_modules=(
    drivers/{gpu,hv,infiniband,nvme,nvdimm,net/ethernet,net/wireless,scsi/mpt3sas,usb,video,xen,target}
    net/{bluetooth,ceph,openvswitch,sctp,tipc,wireless,rxrpc,smc,batman-adv}
    fs/{afs,ceph,cifs,gfs2,ksmbd,lockd,nfs,nfsd,ocfs2,orangefs} sound
)

main() {
    local dir=$1 work
    cd "$dir"
    work=$(mktemp -d "$PWD/work.XXXXXX")
    # shellcheck disable=SC2064  # now, not then
    trap "as_root rm -rf '$work'" EXIT

    fetch_kernel "$work/kernel"
    cp "$work"/kernel/boot/vmlinuz-* vmlinuz
    make_initrd "$work/kernel" "$work/initrd"
    fetch_root | as_root bash -euo pipefail -c "$(declare -f unpack_root); unpack_root \"\$@\"" - \
        "$work/root" "$work/kernel" "${unused_modules[*]}"
    (cd "$work/root/usr/lib" && find . -name '*.so*' -printf '%f\n' | sort -u) >libraries
    as_root mke2fs -q -t ext4 -J size=16 -L pxenc-vm -d "$work/root" root.img 2G
}

# Root, or the owner of a user namespace of ours: files need their real owners.
as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        unshare --map-root-user --map-auto -- "$@"
    fi
}

fetch_kernel() {
    local dir=$1 package
    packages_lists "$kernel_package"
    package=$(apt-cache depends "$kernel_package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [[ $package ]] || {
        echo "error: $kernel_package names no kernel" >&2
        return 1
    }
    mkdir "$dir"
    # The sandbox user of apt may not write here, and need not.
    (cd "$dir" && apt-get -q -o APT::Sandbox::User=root download "$package")
    dpkg-deb -x "$dir"/*.deb "$dir"
}

make_initrd() {
    local kernel=$1 dir=$2 modules=("$1"/lib/modules/*) i
    mkdir -p "$dir"/{bin,dev,modules,payload,proc,sysroot}
    cp "$(command -v busybox)" "$dir/bin/busybox"
    for i in "${!boot_modules[@]}"; do
        cp "${modules[0]}/kernel/drivers/${boot_modules[i]}.ko" \
            "$dir/modules/$(printf %02d "$i")-${boot_modules[i]##*/}.ko"
    done
    (cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) >initrd
}

# A Debian root as a tar on stdout.
fetch_root() {
    local suite sources options=()
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:?}")
    # shellcheck disable=SC2016  # the dollars are apt's
    sources=$(apt-get indextargets --format '$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' "Architecture: $(dpkg --print-architecture)" |
        sed -n 's/^Debian|//p' | sort -u)
    [[ $sources ]] || {
        echo "error: apt on this machine has no Debian source" >&2
        return 1
    }
    # How this machine reaches its sources (a proxy, an archive of old packages).
    apt-config dump --format '%F "%v";%n' |
        grep -E '^Acquire::(https?|ForceIPv[46]|Retries|Check-Valid-Until|Check-Date)\b' \
            >"$work/apt.conf" || true
    [[ ! -s $work/apt.conf ]] || options+=(--aptopt="$work/apt.conf")
    [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
        options+=(--keyring=/usr/share/keyrings/debian-archive-keyring.gpg)

    mmdebstrap --variant=essential --format=tar \
        --include="$(IFS=,; echo "${root_packages[*]}")" \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "${options[@]}" "$suite" - - <<<"$sources"
}

# Unpacks the tar on stdin and makes it the root of a VM.
unpack_root() {
    local root=$1 kernel=$2 unused=$3 version module
    mkdir "$root"
    tar -C "$root" -x --exclude='./dev/*'
    rm -rf "$root"/etc/apt "$root"/usr/lib/udev/hwdb.{d,bin}

    cp -a "$kernel"/lib/modules "$root/usr/lib/"
    version=$(ls "$root/usr/lib/modules")
    for module in $unused; do
        rm -rf "$root/usr/lib/modules/$version/kernel/$module"
    done
    chroot "$root" /sbin/depmod "$version"

    chroot "$root" /sbin/useradd --system --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin pxenc
    # logind starts when it is asked for (by systemctl reboot): seconds saved.
    rm "$root/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service"
    ln -sf multi-user.target "$root/usr/lib/systemd/system/default.target"
    echo pxenc-vm >"$root/etc/hostname"
    echo pxenc-vm | sha256sum | head -c 32 >"$root/etc/machine-id"
    printf '%s\n' '127.0.0.1 localhost pxenc-vm master.mesos' '::1 localhost' >"$root/etc/hosts"
    echo '# device directory type options dump pass' >"$root/etc/fstab"
}

main "$@"
