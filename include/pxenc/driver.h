/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DRIVER_H
#define PXENC_DRIVER_H

#include <stddef.h>

#include "pxenc/cleanup.h"

/*
 * The kernel's driver for a dm-crypt cipher: the one of highest priority that /proc/crypto lists
 * for "xts(aes)" and the like, which is the one that the kernel takes when a mapping is made.
 */

/* Looks into the text of /proc/crypto. cipher: "aes-xts-plain64". -ENOENT: none is listed yet. */
int px_driver_find(const char *crypto, size_t len, const char *cipher, char **ret_driver)
	PX_MUST_CHECK;

/* The same for this machine. -errno. */
int px_driver_of(const char *cipher, char **ret_driver) PX_MUST_CHECK;

#endif
