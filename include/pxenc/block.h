/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_BLOCK_H
#define PXENC_BLOCK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/cleanup.h"
#include "pxenc/log.h"

/* For tests: another directory in place of /sys/class/block; NULL restores it. */
void px_block_set_root(const char *root);

/*
 * The block devices of this machine that may be looked at, by their names below /dev, sorted;
 * NULL: none. Not those without a medium, nor suspended mappings, which would make us wait: these
 * are listed apart, but those of dm-crypt, which lie upon a device that is looked at. It asks sysfs
 * alone, so that no device can hang it. -ENOMEM, or sysfs's error.
 */
int px_block_list(char ***ret_names, char ***ret_suspended) PX_MUST_CHECK;

/* "/dev/loop0", to be freed, where a plain file is attached; NULL: nowhere, as far as sysfs knows.
 */
struct stat;
char *px_block_loop_of(const struct stat *file);

/* Says why sysfs could not be looked at; r is an -errno of those who do. PX_KERNEL, PX_NOMEM. */
static inline enum px_status px_block_failed(int r)
{
	return r == -ENOMEM ? px_nomem()
			    : px_fail(PX_KERNEL, "cannot look for block devices in /sys: %s",
				      strerror(-r));
}

/* "/dev/NAME", to be freed, for a name below /dev. NULL: no memory. */
static inline char *px_block_path(const char *name)
{
	char *path;

	return asprintf(&path, "/dev/%s", name) < 0 ? NULL : path;
}

#endif
