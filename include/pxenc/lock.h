/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_LOCK_H
#define PXENC_LOCK_H

#include <stdbool.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * One pxenc at a time changes a device. *ret_path is the device without links (one that moves
 * while the store is asked must not move us), *ret_fd keeps the lock as long as it is open; the
 * caller owns both. PX_NO_VOLUME: neither a block device nor a file, or it cannot be opened;
 * PX_BUSY: another pxenc is changing it, or it is a file that is attached to a loop device.
 */
enum px_status px_lock_device(const char *device, char **ret_path, int *ret_fd) PX_MUST_CHECK;

/* The same, silently, for a path without links. -EBUSY: another pxenc is changing it; -errno. */
int px_lock_try(const char *path, int *ret_fd) PX_MUST_CHECK;

/* Whether another pxenc is changing it. Takes no lock, and does not open it for writing, of which
 * udev would take notice. */
bool px_lock_is_held(const char *path);

/*
 * From now until fd is closed, udevd does not look at the block device (systemd's "Locking block
 * device access"), and so does not have a volume opened that is half made. Not for long work: all
 * that waits for udev waits for us. Nothing is done to a plain file, on which libcryptsetup has a
 * lock of this kind. -EBUSY: another program has it; -errno.
 */
int px_lock_out_udev(int fd) PX_MUST_CHECK;

/*
 * Claims a block device: as long as *ret_claim is open, nobody can mount or map it, or swap on it.
 * A file is nobody's: 0, and *ret_claim is as it was. fd: the device's. -EBUSY: somebody has it so;
 * other -errno.
 */
int px_device_claim(const char *path, int fd, int *ret_claim) PX_MUST_CHECK;

/* Whether it could be claimed now. PX_BUSY; PX_NO_VOLUME: it cannot be opened. */
enum px_status px_device_check_unused(const char *path, int fd) PX_MUST_CHECK;

#endif
