/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_CARRIED_H
#define PXENC_CMD_CARRIED_H

#include "pxenc/cleanup.h"
#include "pxenc/config.h"
#include "pxenc/mapping.h"
#include "pxenc/status.h"

/*
 * PX_BUSY if a mapping carries what the machine or pxenc itself cannot do without; config (NULL:
 * none) names files that pxenc needs to reach the store. undone: "suspended", for the message.
 * PX_KERNEL: that cannot be found out. PX_NOMEM.
 */
enum px_status px_refuse_carrier(const struct px_mapping *mapping, const struct px_config *config,
				 const char *undone) PX_MUST_CHECK;

#endif
