/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PROBE_HEADER_H
#define PXENC_PROBE_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "pxenc/cleanup.h"

/*
 * A LUKS2 header as it lies on the disk, hostile until proven otherwise: just enough for
 * pxenc-probe, which has no time for libcryptsetup. There are two copies, one behind the other,
 * and each is a binary part and a JSON text, under one checksum. "LUKS2 On-Disk Format
 * Specification", 1.1.
 */
#define PX_PROBE_BINARY_SIZE ((size_t)4096)
#define PX_PROBE_SIZE_MIN ((size_t)16 << 10) /* of one copy; sizes are powers of 2 */
#define PX_PROBE_SIZE_MAX ((size_t)4 << 20)

/* The size of the copy at this offset of the device, as its binary part (PX_PROBE_BINARY_SIZE
 * bytes) says. -EINVAL: no copy of a LUKS2 header begins there. */
int px_probe_header_size(const uint8_t *binary, uint64_t offset, size_t *ret_size) PX_MUST_CHECK;

/* Proves the checksum of a whole copy of px_probe_header_size bytes, for which the copy is written
 * to, and finds the JSON in it. -EBADMSG: it is torn. */
int px_probe_header_json(uint8_t *copy, size_t size, const char **ret_json, size_t *ret_len)
	PX_MUST_CHECK;

#endif
