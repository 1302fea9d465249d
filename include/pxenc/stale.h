/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STALE_H
#define PXENC_STALE_H

#include "pxenc/cleanup.h"
#include "pxenc/mapping.h"
#include "pxenc/status.h"

/*
 * Mappings whose device was pulled out (px_mapping.gone). What is mounted from them is lost, and
 * until they go, the volume cannot be attached again under its name.
 */

/* Releases one (px_dm_release): it goes now, or with its last user. PX_KERNEL. */
enum px_status px_stale_release(const struct px_mapping *mapping) PX_MUST_CHECK;

/* The same, and waits some seconds for its users, as systemd unmounts what has lost its device.
 * PX_BUSY: they stay. */
enum px_status px_stale_remove(const struct px_mapping *mapping) PX_MUST_CHECK;

#endif
