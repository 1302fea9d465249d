/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *px_place_fetch(void)
{
	return PXENC_FETCH;
}

const char *px_place_run(void)
{
	static char own[256];
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return "/run/pxenc";
	if (!runtime || runtime[0] != '/' ||
	    snprintf(own, sizeof(own), "%s/pxenc", runtime) >= (int)sizeof(own))
		return NULL;
	return own;
}

const char *px_place_credstore(void)
{
	return "/etc/credstore";
}

const char *px_place_credstore_encrypted(void)
{
	return "/etc/credstore.encrypted";
}

const char *px_place_kernel(void)
{
	return "";
}

const char *px_place_systemd_creds(void)
{
	return "/usr/bin/systemd-creds";
}
