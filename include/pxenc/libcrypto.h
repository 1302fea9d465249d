/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_LIBCRYPTO_H
#define PXENC_LIBCRYPTO_H

#include <stdbool.h>

#include "pxenc/cleanup.h"

/*
 * From now on libcrypto wipes all memory that it frees: its decoders of private keys leave copies
 * of them behind. To be called before it is used; false: it has been.
 */
bool px_libcrypto_wipe_freed(void) PX_MUST_CHECK;

#endif
