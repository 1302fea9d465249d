/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/places.h"

#include <stdlib.h>

/* For the copy of the plugin that the tests load from the build folder, never installed: the
 * program that each test names, which must give pxenc the environment that the plugin takes. */
const char *px_place_pxenc(void)
{
	const char *program = getenv("PXENC_TEST_PXENC");

	return program ? program : "/nonexistent";
}
