/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STORE_ACS_PRIVATE_H
#define PXENC_STORE_ACS_PRIVATE_H

#include "pxenc/acs.h"
#include "pxenc/frame.h"

#define PX_ACS_DIGEST 32 /* bytes of a SHA-256 */

/* acs-cache.c, acs.c and acs-refusal.c share it; nobody else looks inside. */
struct px_acs_cache {
	int dir;
	int lock; /* -1: it is not held */
	uint8_t cluster[PX_ACS_DIGEST];
};

/* The name of a file: 64 hex digits and an ending of at most 8. */
struct px_acs_name {
	char text[2 * PX_ACS_DIGEST + 9];
};

/* Where something of an owner is kept. -ENOMEM. */
int px_acs_name(const struct px_acs_cache *cache, const char *owner, const char *ending,
		struct px_acs_name *name) PX_MUST_CHECK;

/* One frame of that type, from a file that is ours alone. -EBADMSG, -EPERM: it is not. */
int px_acs_read(const struct px_acs_cache *cache, const char *name, enum px_frame_type type,
		struct px_frame *ret_frame) PX_MUST_CHECK;

int px_acs_write(const struct px_acs_cache *cache, const char *name, const struct px_frame *frame)
	PX_MUST_CHECK;

/* -ENOENT: there was none. */
int px_acs_remove(const struct px_acs_cache *cache, const char *owner, const char *ending);

#endif
