/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_BACKUP_H
#define PXENC_VOLUME_BACKUP_H

#include "pxenc/backup.h"

/*
 * The making of a backup; for those who take one. The bytes with generation, names and JSON in
 * their places, and room for the areas and the HMAC. -E2BIG, -ENOMEM.
 */
int px_backup_build(const struct px_backup *parts, uint8_t **ret_bytes, size_t *ret_len)
	PX_MUST_CHECK;

/* The HMAC, once all else is there. -errno. */
int px_backup_sign(uint8_t *bytes, size_t len, const struct px_secret *volume_key) PX_MUST_CHECK;

#endif
