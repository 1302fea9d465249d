/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/log.h"

#define DEV "/dev/"
#define MAPPER DEV "mapper/"

/* A disk that was pulled out has no node any more, only the name that the kernel gave it. */
static int find_lost(const char *device, struct px_mapping *ret_mapping)
{
	if (strncmp(device, DEV, strlen(DEV)) != 0)
		return -ENOENT;
	return px_mapping_by_lost_slave(device + strlen(DEV), ret_mapping);
}

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
	if (stat(what, &st) < 0) {
		r = -errno;
		return r == -ENOENT && find_lost(what, ret_mapping) == 0 ? 0 : r;
	}
	return S_ISBLK(st.st_mode) ? px_mapping_by_slave(st.st_rdev, ret_mapping) : -ENOTBLK;
}

bool px_find_is_lost_link(const char *what)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };

	return strncmp(what, DEV, strlen(DEV)) == 0 && strncmp(what, MAPPER, strlen(MAPPER)) != 0 &&
	       access(what, F_OK) < 0 && px_find_mapping(what, &mapping) == -ENOENT;
}

enum px_status px_find_volume(const char *what, struct px_mapping *ret_mapping)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	int r = px_find_mapping(what, &mapping);

	if (r == -ENOENT)
		return px_fail(PX_NO_VOLUME, "%s is not open: there is no mapping of it", what);
	if (r == -ENOMEM)
		return px_nomem();
	if (r == -ENOTBLK)
		return px_fail(
			PX_NO_VOLUME,
			"%s is not a block device: name the mapping, or the loop device that "
			"it is attached to (losetup --associated %s)",
			what, what);
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "cannot look at %s: %s", what, strerror(-r));
	if (!px_mapping_is_luks(&mapping))
		return px_fail(PX_NO_VOLUME, "the mapping %s is not a LUKS volume", mapping.name);
	*ret_mapping = mapping;
	mapping = (struct px_mapping){ .name = NULL };
	return PX_OK;
}
