# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
# How scripts/demo, scripts/test and scripts/vm build: out of tree, from the checkout they lie in.

px_top() { cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd; }

# px_configure DIR [ARG…]: once for each folder, and again when the arguments or configure change.
px_configure() {
    local top dir=$1
    shift
    top=$(px_top)
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ] ||
        [ "$top/Makefile.am" -nt "$top/Makefile.in" ]; then
        (cd "$top" && autoreconf --install --force) || return 1
    fi
    mkdir -p "$dir"
    [ "$dir/Makefile" -nt "$top/configure" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$*" ] &&
        return 0
    (cd "$dir" && "$top/configure" --quiet --prefix=/usr --sysconfdir=/etc --libexecdir=/usr/libexec \
        "$@") || return 1
    echo "$*" >"$dir/.configured"
}

# px_make DIR: all, and then what the tests need. Not in one make: automake's "all" is a make of its
# own, and the two would trip over each other's files.
px_make() {
    make -s -j"$(nproc)" -C "$1" all && make -s -j"$(nproc)" -C "$1" check-programs
}

# px_build DIR: what is installed, and the programs that tests and the demo use.
px_build() {
    echo "# building in $1"
    px_configure "$1" && px_make "$1"
}
