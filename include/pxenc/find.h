/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_FIND_H
#define PXENC_FIND_H

#include <stdbool.h>

#include "pxenc/cleanup.h"
#include "pxenc/mapping.h"

/*
 * The mapping that a person means by NAME, /dev/mapper/NAME or the DEVICE below. What lies in
 * /dev/mapper and is no LUKS mapping (LVM) is a device like another. -ENOENT: it is not open;
 * -ENOTBLK: it is not a block device; stat's errors.
 */
int px_find_mapping(const char *what, struct px_mapping *ret_mapping) PX_MUST_CHECK;

/* The same for a command that needs one which is LUKS: PX_NO_VOLUME has said why there is none. */
enum px_status px_find_volume(const char *what, struct px_mapping *ret_mapping) PX_MUST_CHECK;

/* Whether it is a path below /dev that is gone and that was not the kernel's name of a disk below a
 * mapping: if it was anything, it was a link to such a disk. */
bool px_find_is_lost_link(const char *what);

#endif
