/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/places.h"

#include <stdlib.h>

#include "pxenc/block.h"

/*
 * For the copy of pxenc that the tests run from the build folder, never installed: the
 * pxenc-fetch beside it, or a program in its place that starts it, and folders of each test's own:
 * for ACS tokens, and for logins that are kept, with a systemd-creds that has its host key there.
 * And a folder in the place of /sys/class/block, so that image files in /dev/shm pass for its
 * devices.
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

/* Where a test has no use for one: a place that is never there. */
static const char *from_environment(const char *variable)
{
	const char *place = getenv(variable);

	return place ? place : "/nonexistent/pxenc";
}

const char *px_place_credstore(void)
{
	return from_environment("PXENC_TEST_CREDSTORE");
}

const char *px_place_credstore_encrypted(void)
{
	return from_environment("PXENC_TEST_CREDSTORE_ENCRYPTED");
}

const char *px_place_kernel(void)
{
	return from_environment("PXENC_TEST_KERNEL");
}

const char *px_place_systemd_creds(void)
{
	return from_environment("PXENC_TEST_SYSTEMD_CREDS");
}

__attribute__((constructor)) static void set_block_root(void)
{
	px_block_set_root(getenv("PXENC_TEST_BLOCK"));
}
