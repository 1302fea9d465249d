/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_HEADER_LIST_H
#define PXENC_CMD_HEADER_LIST_H

#include <stdint.h>

#include "pxenc/session.h"

/* The header backups that a device could have had, to standard output, those of devices of its size
 * first. Never PX_OK: somebody has to choose. */
enum px_status px_header_list(struct px_session *session, const char *device, uint64_t size)
	PX_MUST_CHECK;

#endif
