/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_HELPERS_H
#define PXENC_HELPERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"
#include "pxenc/mapping.h"
#include "pxenc/status.h"

/*
 * The mappings below a volume's, by which libcryptsetup writes its data anew while it is in use
 * (px_mapping_helpers). A process that was killed leaves them, and the part of the disk that it
 * was copying stays suspended, since only the header tells which half has which key. Once the
 * volume is closed they can be cleared; while it is in use, see revive.h.
 */

/* How many there are; -errno of sysfs. */
int px_helpers_count(dev_t device) PX_MUST_CHECK;

/* Removes those that nobody uses. -EBUSY: some are left. Other -errno: sysfs or device-mapper. */
int px_helpers_clear(dev_t device) PX_MUST_CHECK;

/* Those alone that are temporary, which nothing lies on. The same errors. */
int px_helpers_clear_temporary(dev_t device) PX_MUST_CHECK;

/* As px_helpers_clear, for a device of that name in /dev, unless another pxenc is at work on it:
 * then they are not left behind, but in use. A device without any is not opened. */
int px_helpers_clear_left(dev_t device, const char *name) PX_MUST_CHECK;

/* Whether a process that was killed left some suspended below this volume's mapping: what is asked
 * of them waits for ever. Without helpers it asks nobody. */
bool px_helpers_are_stuck(const struct px_mapping *mapping);

/* Releases a volume's mapping (px_dm_release); first those below it that are suspended, since what
 * waits there would be waited for. Errors of sysfs, and of px_dm_release. */
int px_helpers_release(const struct px_mapping *mapping) PX_MUST_CHECK;

/*
 * For a volume whose header says that its volume key is being changed, before it is used. mapped:
 * its mapping's name, or NULL. If another pxenc is at work on it, a mapped one is fine and one
 * that is not has to wait: PX_BUSY. If none is, what one left behind is cleared; PX_BUSY says that
 * it takes a rotate. *ret_lock (or -1) keeps others away from one that is not mapped.
 */
enum px_status px_helpers_settle(const char *path, dev_t device, const char *mapped, int *ret_lock)
	PX_MUST_CHECK;

/* The same for one that is not mapped, and whose lock the caller has. */
enum px_status px_helpers_settle_unmapped(const char *path, dev_t device) PX_MUST_CHECK;

#endif
