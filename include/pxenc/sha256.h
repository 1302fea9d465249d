/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SHA256_H
#define PXENC_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define PX_SHA256_SIZE 32

/*
 * SHA-256 of FIPS 180-4, for the checksum of a LUKS2 header in pxenc-probe alone. It says that a
 * header was written to its end, and guards no secret. libcrypto would do it as well, but takes
 * more time to start than the whole of pxenc-probe has (docs/design.md).
 */
void px_sha256(const void *data, size_t len, uint8_t ret_sum[PX_SHA256_SIZE]);

#endif
