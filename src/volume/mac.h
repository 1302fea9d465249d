/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_MAC_H
#define PXENC_VOLUME_MAC_H

#include <stddef.h>

#include "pxenc/secret.h"

#define PX_MAC_LEN 32

/*
 * HMAC-SHA256 of data, its key HKDF-SHA256(key, salt, info): the volume's uuid as the salt, and in
 * info what the HMAC is for, so that none can be taken for another. -ENOMEM, -EIO.
 */
int px_mac(const struct px_secret *key, const char *salt, const char *info, const void *data,
	   size_t len, unsigned char ret_mac[PX_MAC_LEN]) PX_MUST_CHECK;

#endif
