/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/status.h"

enum { MOUNT_USAGE = 1, MOUNT_SYSTEM = 2, MOUNT_FAILURE = 32 };

int px_status_to_mount(enum px_status status)
{
	switch (status) {
	case PX_OK:
		return 0;
	case PX_USAGE:
		return MOUNT_USAGE;
	case PX_NOMEM:
		return MOUNT_SYSTEM;
	default:
		return MOUNT_FAILURE;
	}
}
