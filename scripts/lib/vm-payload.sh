# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash disable=SC2154
#
# What one run brings into its VM: this build, the copied files, the command.
# To be sourced; uses $here (scripts), $build, $system and $run of scripts/vm.

# Programs of the tests, relative to the build folder; absent ones are skipped.
: "${PXENC_VM_PROGRAMS:=tests/pxenc-dcosd tests/luks2-edit tests/luks2-many tests/replay-log}"

# Makes $run/initrd: the cached one, and this run's payload behind it.
# Arguments: name of the merged flag (or nothing), files to copy, --, COMMAND.
payload_make() {
    local merged=$1 guest=$here/lib/vm-guest tree=$run/initrd.d copies=()
    local payload=$tree/payload
    shift
    while [[ $1 != -- ]]; do
        copies+=("$1")
        shift
    done
    shift

    mkdir -p "$payload/usr/lib/pxenc-vm" "$payload/etc/systemd/system/emergency.service.d"
    mkdir -m 700 "$payload/root"
    payload_build "$payload"
    payload_libraries "$payload"

    install -m 755 "$guest/initramfs" "$tree/init"
    install -m 755 -t "$payload/usr/lib/pxenc-vm" "$guest/init" "$guest/run"
    install -m 644 -t "$payload/usr/lib/pxenc-vm" "$guest/mounts"
    install -D -m 755 -t "$payload/usr/local/bin" "$guest/vm-disk"
    install -m 644 "$guest/pxenc-vm.service" "$payload/etc/systemd/system/"
    install -m 644 "$guest/emergency.conf" "$payload/etc/systemd/system/emergency.service.d/"
    mkdir "$payload/etc/systemd/system/multi-user.target.wants"
    ln -s ../pxenc-vm.service "$payload/etc/systemd/system/multi-user.target.wants/"
    printf '%s\0' "$@" >"$payload/usr/lib/pxenc-vm/command"
    [[ ! $merged ]] || touch "$payload/usr/lib/pxenc-vm/merged"
    ((${#copies[@]} == 0)) || cp -RL --preserve=mode,timestamps -t "$payload/root" -- "${copies[@]}"

    cp "$system/initrd" "$run/initrd"
    (cd "$tree" && find . -mindepth 1 -print0 | cpio --quiet -0 -o -H newc -R 0:0) >>"$run/initrd"
    rm -rf "$tree"
}

# What `make install` installs, and the programs of the tests in /usr/local/bin.
payload_build() {
    local payload=$1 program
    # Runs side by side must not compile the same files at once.
    flock "$build/Makefile" make -C "$build" install DESTDIR="$payload" >"$run/install.log" 2>&1 || {
        tail -n 20 "$run/install.log" >&2
        give_up "make install failed in $build"
    }
    for program in $PXENC_VM_PROGRAMS; do
        # Libtool may leave a script in place of a program that is not installed.
        [[ ! -x $build/${program%/*}/.libs/${program##*/} ]] || program=${program%/*}/.libs/${program##*/}
        [[ ! -x $build/$program ]] || install -D -m 755 -t "$payload/usr/local/bin" "$build/$program"
    done
    payload_merge_usr "$payload"
}

# The VM's root has /bin, /sbin and /lib as links into /usr: a folder of that
# name must not come in their way.
payload_merge_usr() {
    local payload=$1 name
    for name in bin sbin lib lib64; do
        [[ -d $payload/$name ]] || continue
        mkdir -p "$payload/usr/$name"
        cp -a "$payload/$name/." "$payload/usr/$name/"
        rm -r "${payload:?}/$name"
    done
}

# Libraries that the programs want and the VM's root has not (a sanitizer's).
payload_libraries() {
    local payload=$1 name path
    find "$payload" -type f \( -perm -100 -o -name '*.so*' \) -print0 |
        xargs -0 -r ldd 2>/dev/null |
        sed -n 's/^\t\(.*\) => \(\/.*\) (0x.*/\1 \2/p' | sort -u >"$run/libraries" || true
    while read -r name path; do
        grep -qxF "$name" "$system/libraries" ||
            install -D -m 644 -T "$path" "$payload/usr/lib/x86_64-linux-gnu/$name"
    done <"$run/libraries"
}
