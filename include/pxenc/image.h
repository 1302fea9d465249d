/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_IMAGE_H
#define PXENC_IMAGE_H

#include <stdbool.h>

#include "pxenc/luks.h"
#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * A new volume on its way to a device. Its header is built in memory, whole, so that whatever can
 * be refused is refused before the device is touched. Then the device's first sector is marked:
 * what lies on it is now neither the old nor the new volume, and says so, by a text that names the
 * new one. Everything else is written behind that mark, but for what a LUKS2 header is recognised
 * by. Then the first sector of the header takes the place of the mark: one sector, which a disk
 * writes or does not write. The second copy of the header becomes whole after it.
 */
struct px_image;

/*
 * A LUKS2 volume whose keyslot 0 opens with key: header, keyslot, LUKS2 token, and the seal for a
 * generated key. The device is looked at, not written. PX_USAGE: the parameters; PX_NO_VOLUME,
 * PX_KERNEL, PX_NOMEM.
 */
enum px_status px_image_build(const char *device, const struct px_luks_params *params,
			      const struct px_secret *key, struct px_image **ret_image)
	PX_MUST_CHECK;

/* Marks the device, for good when it returns PX_OK. PX_BUSY: somebody uses it; PX_KERNEL: it
 * cannot be written, and is as it was as far as that can be had. */
enum px_status px_image_mark(struct px_image *image) PX_MUST_CHECK;

/* Before px_image_commit: the first sector becomes what it was. PX_KERNEL. */
enum px_status px_image_unmark(struct px_image *image) PX_MUST_CHECK;

/* Writes the volume to the marked device, with which all that was on it is lost. PX_KERNEL: the
 * mark is still there. */
enum px_status px_image_commit(struct px_image *image) PX_MUST_CHECK;

void px_image_free(struct px_image **image);

static inline void px_image_cleanup(struct px_image **image)
{
	px_image_free(image);
}

#endif
