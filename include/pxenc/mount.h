/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_MOUNT_H
#define PXENC_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* One mount as libmount does it. */
struct px_mount {
	const char *source; /* /dev/mapper/NAME */
	const char *target;
	const char *fstype;
	const char *options;   /* for the filesystem, or NULL */
	const char *target_ns; /* -N: a pid or a namespace file, or NULL */
	bool fake;	       /* -f: everything but the system call */
	bool no_mtab;	       /* -n */
	bool sloppy;	       /* -s */
};

/* PX_MOUNT with libmount's own words when it fails. */
enum px_status px_mount(const struct px_mount *mount) PX_MUST_CHECK;

/*
 * Where a mapping is mounted in our own mount namespace: its targets, NULL-terminated
 * (px_strv_free); none is NULL. It is known by its number; for btrfs, which shows another one
 * than its device's, by its path. -ENOMEM.
 */
int px_mount_targets(const char *source, dev_t device, char ***ret_targets);

/*
 * The block device below the mount of our own namespace in which a path (absolute, without links)
 * lies: what the mount shows as its number, and for btrfs the device that it names. -ENOMEM;
 * -ENOENT: it lies in no mount.
 */
int px_mount_device(const char *path, dev_t *ret_device) PX_MUST_CHECK;

/* Whether the mapping is mounted at target (resolved). */
bool px_mounted_at(const char *source, dev_t device, const char *target);

#endif
