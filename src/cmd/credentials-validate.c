/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "credentials.h"
#include "pxenc/cmd.h"

static enum px_status validate(const char *name)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(secret) struct px_secret *members = NULL;
	enum px_status st;
	bool tried = false;

	st = px_session_open(&session);
	if (!st)
		st = px_credentials_load(&session, name, &members);
	if (!st)
		st = px_credentials_prove(&session, members, PX_UNTRUSTED, &tried);
	if (!st)
		printf("%s: %s\n", name,
		       tried ? "the endpoint accepts them"
			     : "complete; the provider was not asked");
	return st;
}

enum px_status px_cmd_credentials_validate(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	enum px_status st;

	if (px_next_option("credentials validate", argc, argv, "", longs) != -1)
		return PX_USAGE;
	if (argc - optind != 1)
		return px_usage("credentials validate");
	st = px_credentials_check_name(argv[optind]);
	return st ? st : validate(argv[optind]);
}
