/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_DISKS_H
#define PXENC_DISKS_H

#include "pxenc/cleanup.h"

#define PX_DISKS_ROOT "/sys/class/block"

/*
 * The paths below /dev of all block devices, partitions included, that may carry a volume, sorted;
 * NULL-terminated, freed with px_strv_free. Left out is what is empty, lies in memory or on a
 * medium that can be taken out, and what something else than a LUKS mapping has for its own: the
 * disks of a RAID and the paths of a multipath device have the header of the whole. It comes from
 * sysfs, and no device is opened. root: PX_DISKS_ROOT, or a test's. -errno.
 */
int px_disks_list(const char *root, char ***ret_devices) PX_MUST_CHECK;

#endif
