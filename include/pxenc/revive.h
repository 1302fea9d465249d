/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_REVIVE_H
#define PXENC_REVIVE_H

#include <sys/types.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * A reencryption of a volume in use was killed, and the part that was being copied waits for it.
 * libcryptsetup has no way back but to unmount the volume, and unmounting may have to write just
 * there. Here that part is copied to its end, under another name of the device, and the volume's
 * mapping gets the table that the header now stands for: its users go on, and so can the
 * reencryption.
 *
 * path: the device, whose lock the caller has, with helpers (px_helpers_count); mapped: its
 * mapping's name. Afterwards the header is another one. A failure leaves the part waiting as it
 * was, and the same call goes on. PX_BUSY: what is below the mapping is not libcryptsetup's.
 * PX_BAD_HEADER, PX_BAD_KEY, PX_KERNEL, PX_NOMEM.
 */
enum px_status px_revive(const char *path, dev_t device, const char *mapped,
			 const struct px_secret *key) PX_MUST_CHECK;

#endif
