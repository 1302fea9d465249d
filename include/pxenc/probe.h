/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PROBE_H
#define PXENC_PROBE_H

#include <stdbool.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * What lies on a device, by libblkid. *ret_what is a few words for a message ("ext4 filesystem
 * labelled backup", "gpt partition table", "crypto_LUKS"), NULL when nothing is recognised.
 * PX_NO_VOLUME: the device cannot be opened. PX_KERNEL: it cannot be read, or two signatures
 * contradict each other.
 */
enum px_status px_probe_contents(const char *device, char **ret_what) PX_MUST_CHECK;

/* The type of the filesystem on a device ("ext4"). PX_MOUNT: there is none, or it is ambiguous. */
enum px_status px_probe_filesystem(const char *device, char **ret_type) PX_MUST_CHECK;

#endif
