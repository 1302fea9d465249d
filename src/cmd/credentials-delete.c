/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "credentials.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"

static enum px_status confirm(const char *name)
{
	px_auto(free) char *question = NULL;

	if (asprintf(&question, "this deletes the credentials '%s' for good", name) < 0) {
		question = NULL;
		return px_nomem();
	}
	return px_confirm(question);
}

static enum px_status delete_from_store(const char *name)
{
	px_auto(session) struct px_session session = { 0 };
	px_auto(free) char *full = NULL;
	enum px_status st;

	st = px_session_open(&session);
	if (!st)
		st = px_credentials_path(&session, name, &full);
	return st ? st : px_store_delete(session.store, full);
}

enum px_status px_cmd_credentials_delete(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	bool force = false;
	int c;

	while ((c = px_next_option("credentials delete", argc, argv, "", longs)) != -1) {
		if (c != 'F')
			return PX_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return px_usage("credentials delete");
	st = px_credentials_check_name(argv[optind]);
	/* Before the store's clock runs: people take their time. */
	if (!st && !force)
		st = confirm(argv[optind]);
	return st ? st : delete_from_store(argv[optind]);
}
