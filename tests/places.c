/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/places.h"

#include <stdlib.h>

/*
 * For the copy of pxenc that the tests run from the build folder, never installed: the
 * pxenc-fetch beside it, or a program in its place that starts it, and a folder for ACS tokens of
 * each test's own.
 */
const char *px_place_fetch(void)
{
	const char *fetch = getenv("PXENC_TEST_FETCH");

	return fetch ? fetch : BUILD "/pxenc-fetch";
}

const char *px_place_run(void)
{
	return getenv("PXENC_TEST_RUN_DIR");
}
