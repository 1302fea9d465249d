/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VITAL_H
#define PXENC_VITAL_H

#include <sys/types.h>

#include "pxenc/cleanup.h"

/*
 * What the machine would stop without, if it lies on a device or on anything stacked upon it: one
 * of the paths (NULL-terminated; those that are not there do not count), as it is without links,
 * or "the swap FILE". *ret_what is allocated; NULL: nothing. Mounts are those of our own namespace.
 * 0 or -errno.
 */
int px_vital_on(dev_t device, const char *const paths[], char **ret_what) PX_MUST_CHECK;

/* For tests: another file in place of /proc/swaps; NULL restores it. */
void px_vital_set_swaps(const char *file);

#endif
