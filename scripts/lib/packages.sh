# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
#
# Which Debian packages the scripts need, and how they come onto the machine.
# To be sourced:
#
#     packages_need "${packages_build[@]}"
#
# What is installed already costs one dpkg-query.

# Debian's PATH for users leaves out where mkfs, cryptsetup and chroot lie.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# To configure and compile everything, the tests' own programs included.
# shellcheck disable=SC2034
packages_build=(
    autoconf automake make gcc libc6-dev pkg-config
    libcryptsetup-dev libdevmapper-dev libcurl4-openssl-dev libcjson-dev
    libblkid-dev libmount-dev libssl-dev libseccomp-dev libmicrohttpd-dev
    libcmocka-dev openssl
)

# To run the tests and the linters on this machine.
# shellcheck disable=SC2034
packages_test=(
    cryptsetup-bin e2fsprogs xfsprogs openssl strace jq curl mandoc shellcheck
    procps ca-certificates xz-utils clang-format binutils
)

# To make and run the VM. What is inside the VM is listed in vm-image.sh.
# shellcheck disable=SC2034
packages_vm=(
    qemu-system-x86 mmdebstrap debian-archive-keyring busybox-static cpio uidmap
    e2fsprogs util-linux
)


# Installs those of the packages named that are missing. One line says which;
# apt's own words appear only when it fails.
packages_need() {
    local missing
    missing=$(packages_missing "$@")
    [[ $missing ]] || return 0

    # One apt at a time: scripts may run side by side.
    local cache=${PXENC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pxenc}
    mkdir -p "$cache" || return
    (
        flock 9
        missing=$(packages_missing "$@")
        [[ $missing ]] || exit 0
        # shellcheck disable=SC2086  # package names have no blanks
        packages_install $missing
    ) 9>"$cache/packages.lock"
}

# Prints the folder of the cache in which a package lies unpacked. It is not installed: what it would
# run as a service must not run on this machine.
packages_unpacked() {
    local cache=${PXENC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pxenc}
    local dir=$cache/unpacked/$1
    mkdir -p "$cache/unpacked" || return
    (
        flock 9
        [[ ! -d $dir ]] || exit 0
        packages_lists "$1" && rm -rf "$dir.new" && mkdir "$dir.new" || exit
        # The sandbox user of apt may not write here, and need not.
        (cd "$dir.new" && apt-get -q -o APT::Sandbox::User=root download "$1" >/dev/null) || exit
        dpkg-deb -x "$dir.new"/*.deb "$dir.new" && mv "$dir.new" "$dir"
    ) 9>"$cache/packages.lock" && echo "$dir"
}

# Prints the packages named that are not installed.
packages_missing() {
    local installed name
    # Names that dpkg does not know make it fail; the others are printed anyway.
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for name; do
        grep -qxF "installed $name" <<<"$installed" || echo "$name"
    done
}

packages_install() {
    echo "installing Debian packages: $*" >&2
    packages_lists "$@" || return

    # The lists may be older than the archive: once more with new ones.
    packages_apt install -y --no-install-recommends "$@" ||
        { packages_apt update && packages_apt install -y --no-install-recommends "$@"; } ||
        {
            echo "error: apt-get could not install: $*" >&2
            echo "Let root run: apt-get install --no-install-recommends $*" >&2
            return 1
        }
}

# Sees to it that apt knows the packages named, fetching its lists if it must.
packages_lists() {
    packages_known "$@" >/dev/null && return
    packages_apt update || true
    local unknown
    unknown=$(packages_known "$@") && return
    echo "error: this machine's apt sources do not have: $unknown" >&2
    return 1
}

# Prints the packages named that apt has no candidate for; true if none.
packages_known() {
    local name candidate unknown=()
    for name; do
        candidate=$(LC_ALL=C apt-cache policy "$name" | sed -n 's/^ *Candidate: //p')
        [[ $candidate && $candidate != '(none)' ]] || unknown+=("$name")
    done
    [[ ${#unknown[@]} -eq 0 ]] || { echo "${unknown[@]}"; return 1; }
}

# apt-get as root, silent unless it fails.
packages_apt() {
    local sudo=() log
    if ((EUID != 0)); then
        command -v sudo >/dev/null || {
            echo "error: only root can run apt-get $1, and there is no sudo here" >&2
            return 1
        }
        sudo=(sudo)
    fi
    log=$("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@" 2>&1 </dev/null) || {
        tail -n 20 <<<"$log" >&2
        return 1
    }
}
