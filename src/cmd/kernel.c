/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/cmd.h"
#include "pxenc/dm.h"
#include "pxenc/log.h"
#include "pxenc/places.h"

enum px_status px_check_kernel(void)
{
	if (px_dm_has_crypt(px_place_kernel()))
		return PX_OK;
	return px_fail(PX_KERNEL,
		       "this kernel has no dm-crypt, so no volume can be opened: install "
		       "all of its modules, then modprobe dm-crypt");
}
