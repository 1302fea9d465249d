/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_BLOCK_H
#define PXENC_BLOCK_H

#include <stdio.h>

#include "pxenc/cleanup.h"

/* For tests: another directory in place of /sys/class/block; NULL restores it. */
void px_block_set_root(const char *root);

/*
 * The block devices of this machine that may be looked at, by their names below /dev, sorted;
 * NULL: none. Not those without a medium, nor suspended mappings, which would make us wait. It asks
 * sysfs alone, so that no device can hang it. -ENOMEM, or sysfs's error.
 */
int px_block_list(char ***ret_names) PX_MUST_CHECK;

/* "/dev/NAME", to be freed, for a name below /dev. NULL: no memory. */
static inline char *px_block_path(const char *name)
{
	char *path;

	return asprintf(&path, "/dev/%s", name) < 0 ? NULL : path;
}

#endif
