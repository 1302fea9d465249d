/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_SYSFS_H
#define PXENC_VOLUME_SYSFS_H

#include <dirent.h>
#include <stddef.h>

#include "pxenc/cleanup.h"

/* What all who look into sysfs share. */

static inline void px_dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* A directory by its path, relative to `at`. NULL with errno. */
DIR *px_sysfs_open(int at, const char *name);

/* An attribute's one line, without its newline. 0 or -errno. */
int px_sysfs_line(int at, const char *attribute, char *line, size_t size) PX_MUST_CHECK;

/* The name below /dev of what sysfs calls so: there "cciss/c0d0" is "cciss!c0d0". */
void px_sysfs_to_dev(char *name);

#endif
