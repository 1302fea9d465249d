/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_FORMAT_DEVICE_H
#define PXENC_CMD_FORMAT_DEVICE_H

#include <stdbool.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* The device that is to be formatted, kept for this process from the first look to the last write.
 */
struct px_target {
	char *path;  /* without links: one that moves while the store is asked must not move us */
	int lock;    /* a descriptor with a lock on the whole device, -1: none */
	bool agreed; /* the user said yes to the loss of what is on it */
};

#define PX_TARGET_NONE ((struct px_target){ .path = NULL, .lock = -1 })

/* The statuses of px_lock_device. */
enum px_status px_target_take(const char *device, struct px_target *ret_target) PX_MUST_CHECK;

/* Still unused, and nothing recognised on it, or the user said yes, or force. Asked before the
 * store is, and (with ask false) once more before the first write. */
enum px_status px_target_check(struct px_target *target, bool force, bool ask) PX_MUST_CHECK;

/* From before the first write: udev looks at it when it is done. PX_BUSY, PX_KERNEL. */
enum px_status px_target_seize(const struct px_target *target) PX_MUST_CHECK;

void px_target_release(struct px_target *target);

static inline void px_target_cleanup(struct px_target *target)
{
	px_target_release(target);
}

#endif
