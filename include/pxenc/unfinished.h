/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_UNFINISHED_H
#define PXENC_UNFINISHED_H

#include <stdbool.h>

#include "pxenc/secret.h"
#include "pxenc/status.h"

/*
 * The mark of a format that has begun and has not ended: a text in the first sector of the device,
 * for people who look there, too. It has the uuid of the volume that was to be, so that a key made
 * for it is not left in the store for ever; and for a generated key the proof that whoever wrote
 * the mark knew it. Without that, whoever can write to the disk could name another volume's key,
 * and have it deleted.
 */
#define PX_UNFINISHED_SIZE 512

struct px_unfinished {
	char uuid[37];	/* "" when the mark is damaged */
	char proof[44]; /* "": no key was made for it */
};

/* The whole sector. proof may be "". */
void px_unfinished_format(const struct px_unfinished *unfinished,
			  unsigned char ret_sector[PX_UNFINISHED_SIZE]);

/* Whether a first sector is a mark. */
bool px_unfinished_parse(const unsigned char sector[PX_UNFINISHED_SIZE],
			 struct px_unfinished *ret_unfinished);

/* Whether a device is marked. PX_NO_VOLUME, PX_KERNEL: it cannot be read. */
enum px_status px_unfinished_look(const char *device, bool *ret_marked,
				  struct px_unfinished *ret_unfinished) PX_MUST_CHECK;

/* The line that tells of it. PX_NO_VOLUME. */
enum px_status px_unfinished_refuse(const char *device);

#endif
