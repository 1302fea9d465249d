/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MAPPER "/dev/mapper/"

int px_find_mapping(const char *what, struct px_mapping *ret_mapping)
{
	struct stat st;
	int r;

	if (!strchr(what, '/'))
		return px_mapping_by_name(what, ret_mapping);
	if (strncmp(what, MAPPER, strlen(MAPPER)) == 0) {
		r = px_mapping_by_name(what + strlen(MAPPER), ret_mapping);
		if (r != 0 || px_mapping_is_luks(ret_mapping))
			return r;
		px_mapping_clear(ret_mapping);
	}
	if (stat(what, &st) < 0)
		return -errno;
	return S_ISBLK(st.st_mode) ? px_mapping_by_slave(st.st_rdev, ret_mapping) : -ENOTBLK;
}
