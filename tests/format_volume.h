/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TESTS_FORMAT_VOLUME_H
#define PXENC_TESTS_FORMAT_VOLUME_H

#include "pxenc/image.h"

/* A whole format, and the volume as it then lies on the device, loaded under locks. */
static inline enum px_status format_volume(const char *device, const struct px_luks_params *params,
					   const struct px_secret *key, struct px_luks **ret_luks)
{
	px_auto(image) struct px_image *image = NULL;
	enum px_status status = px_image_build(device, params, key, &image);

	if (status == PX_OK)
		status = px_image_mark(image);
	if (status == PX_OK)
		status = px_image_commit(image);
	return status == PX_OK ? px_luks_load_to_change(device, ret_luks) : status;
}

#endif
