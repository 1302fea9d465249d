/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_CLOSE_FORCE_H
#define PXENC_CMD_CLOSE_FORCE_H

#include "pxenc/cleanup.h"
#include "pxenc/mapping.h"
#include "pxenc/status.h"

/*
 * Closes a mapping that may be suspended or have lost its disk (px_dm_release), and says what that
 * costs where it is in use. It is done within about two seconds, or fails: PX_BUSY, PX_KERNEL.
 */
enum px_status px_close_force(const struct px_mapping *mapping) PX_MUST_CHECK;

#endif
