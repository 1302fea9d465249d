/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_RECOVERY_H
#define PXENC_RECOVERY_H

#include "pxenc/luks.h"

/*
 * Adds a keyslot for a recovery key to a volume that key opens at slot, and shows the recovery key
 * on standard output, once: it is stored nowhere. PX_USAGE: no keyslot is free. PX_KERNEL.
 */
enum px_status px_recovery_add(struct px_luks *luks, int slot, const struct px_secret *key)
	PX_MUST_CHECK;

#endif
