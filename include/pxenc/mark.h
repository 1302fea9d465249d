/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_MARK_H
#define PXENC_MARK_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/* What pxenc-probe tells udev. Nothing here does I/O. */

/*
 * Whether the volume with this LUKS2 JSON is to open by itself, as its LUKS2 token of type pxenc
 * says. PX_NO_VOLUME, silently: it has none. PX_BAD_HEADER: it has two, or a broken one.
 */
enum px_status px_mark_read(const char *json, size_t len, const char *device, bool *ret_auto)
	PX_MUST_CHECK;

/*
 * The unit that opens the device: "pxenc@dev-sdb.service" for /dev/sdb, named as systemd-escape
 * --path would. device: an absolute path without "." or "..". -EINVAL; -ENAMETOOLONG.
 */
int px_mark_unit(const char *device, char *ret_unit, size_t size) PX_MUST_CHECK;

#endif
