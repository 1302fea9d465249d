/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/cmd.h"
#include "pxenc/session.h"
#include "secret-use.h"

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
	/* Its store's clock ends there: people take their time. */
	st = force ? PX_OK : px_secret_confirm("this deletes", argv[optind]);
	if (!st)
		st = px_session_open(&session);
	if (!st)
		st = px_session_path(&session, argv[optind], &full);
	return st ? st : px_store_delete(session.store, full);
}
