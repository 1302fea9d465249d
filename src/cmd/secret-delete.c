/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>

#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/session.h"

static enum px_status confirm(const char *path, bool force)
{
	px_auto(free) char *question = NULL;

	if (force)
		return PX_OK;
	if (asprintf(&question,
		     "this deletes '%s'; a volume that is locked with it is lost without "
		     "a recovery key",
		     path) < 0)
		return px_nomem();
	return px_confirm(question);
}

enum px_status px_cmd_secret_delete(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "force", no_argument, NULL, 'F' },
					       { NULL, 0, NULL, 0 } };
	px_auto(session) struct px_session session = { 0 };
	px_auto(free) char *full = NULL;
	enum px_status st;
	bool force = false;
	int c;

	while ((c = px_next_option("secrets delete", argc, argv, "", longs)) != -1) {
		if (c != 'F')
			return PX_USAGE;
		force = true;
	}
	if (argc - optind != 1)
		return px_usage("secrets delete");
	/* Before the store's clock runs: people take their time. */
	st = confirm(argv[optind], force);
	if (!st)
		st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, argv[optind], &full);
	return st ? st : px_store_delete(session.store, full);
}
