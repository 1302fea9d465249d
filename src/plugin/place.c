/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/places.h"

const char *px_place_pxenc(void)
{
	return PXENC;
}
