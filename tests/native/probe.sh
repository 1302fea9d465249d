#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# pxenc-probe, which udev asks: what it says of a volume, what it makes of broken headers, and how
# long it takes.
set -u
cd "$(dirname "$0")/../.." || exit 1
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'rm -rf "$T_DIR"' EXIT
IMAGE=$T_DIR/image
# scripts/test puts build/tests first.
PROBE=$(dirname "$(dirname "$(command -v luks2-edit)")")/pxenc-probe

# volume [ARGUMENT…]: a LUKS2 volume of cryptsetup's, in IMAGE.
volume() {
    rm -f "$IMAGE"
    truncate -s 32M "$IMAGE"
    echo key | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$@" "$IMAGE" -
}

# mark AUTO: our LUKS2 token in it.
mark() {
    printf '{"type":"pxenc","keyslots":["0"],"version":1,"secret_type":"dcos","store":"default",%s}' \
        "\"secret\":\"a/b\",\"auto\":$1" | cryptsetup token import --token-id 0 "$IMAGE"
}

# probe: what it prints, and its status.
probe() {
    "$PROBE" "$IMAGE" 2>/dev/null
    echo "status $?"
}

# tear COPY: one byte of that copy of the header (0 or 1) is another.
tear() {
    printf x | dd of="$IMAGE" bs=1 seek=$(($1 * 16384 + 5000)) conv=notrunc status=none
}

UNIT=pxenc@${IMAGE#/}.service UNIT=${UNIT//\//-}
volume
check_equal 'a volume that is not ours: nothing is said' "$(probe)" 'status 4'
mark true
check_equal 'a volume with the mark, and its unit' "$(probe)" "PXENC_AUTO=1
PXENC_UNIT=$UNIT
status 0"
check_equal 'the unit is named as systemd would' "$UNIT" "pxenc@$(systemd-escape --path "$IMAGE").service"
before=$(sha256sum "$IMAGE")
tear 0
check_equal 'the first copy of the header torn: the second tells' "$(probe)" "PXENC_AUTO=1
PXENC_UNIT=$UNIT
status 0"
tear 1
check_equal 'both torn: nothing is known' "$(probe)" 'status 4'
volume && mark false
check_equal 'a volume of ours without the mark' "$(probe)" "PXENC_AUTO=0
PXENC_UNIT=$UNIT
status 0"
volume --luks2-metadata-size 4m --luks2-keyslots-size 8m && mark true
check_match 'the largest header there is' "$(probe)" '^PXENC_AUTO=1'
dd if=/dev/urandom of="$IMAGE" bs=4096 count=1 conv=notrunc status=none
check_match 'its first sector overwritten: the second copy is found' "$(probe)" '^PXENC_AUTO=1'
volume && mark true && luks2-edit "$IMAGE" '"auto":true' '"auto":1'
fails_with 'a LUKS2 token that is refused is said, with status 11' 11 'auto' "$PROBE" "$IMAGE"
volume --type luks1
check_equal 'LUKS1 has no mark' "$(probe)" 'status 4'
truncate -s 100 "$IMAGE"
check_equal 'what ends within the header' "$(probe)" 'status 4'
fails_with 'no device' 4 'cannot be opened' "$PROBE" "$T_DIR/none"
fails_with 'no argument' 1 usage "$PROBE"

volume && mark true
before=$(sha256sum "$IMAGE")
strace -e trace=%network,open,openat -o "$T_DIR/trace" "$PROBE" "$IMAGE" >/dev/null
check_equal 'it opens the volume for reading and nothing else, and no socket' \
    "$(grep -vE '/lib/[^"]*\.so|ld\.so\.(cache|preload)|^\+\+\+' "$T_DIR/trace")" \
    "openat(AT_FDCWD, \"$IMAGE\", O_RDONLY|O_NONBLOCK|O_CLOEXEC) = 3"
check_equal 'it changes nothing' "$(sha256sum "$IMAGE")" "$before"
strace -P "$IMAGE" -e trace=read,pread64,readv,preadv,mmap -o "$T_DIR/trace" "$PROBE" "$IMAGE" >/dev/null
check 'it reads no more than the two copies of the header, of 16 KiB' \
    test "$(awk '/= [0-9]+$/ { sum += $NF } END { print sum + 0 }' "$T_DIR/trace")" -le 32768

# microseconds COMMAND…
microseconds() {
    local start=${EPOCHREALTIME/./}
    "$@" >/dev/null
    echo $((${EPOCHREALTIME/./} - start))
}

# In turns with a program that does nothing, since others may use this machine.
for ((i = 0; i < 300; i++)); do
    microseconds "$PROBE" "$IMAGE" >>"$T_DIR/times"
    microseconds /bin/true >>"$T_DIR/nothing"
done
mapfile -t times < <(sort -n "$T_DIR/times")
mapfile -t nothing < <(sort -n "$T_DIR/nothing")
median=${times[150]} least=${nothing[150]}
echo "figure: pxenc-probe, 300 runs, bash's fork included: median $median us, 99 % below ${times[297]} us;" \
    "a program that does nothing: median $least us"
check 'it takes less than 3 ms, in the median of 300 runs, or twice what it takes to do nothing' \
    test "$median" -lt 3000 -o "$median" -lt $((2 * least))
t_done
