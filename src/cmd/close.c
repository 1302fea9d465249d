/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/find.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/mapping.h"

static enum px_status close_mapping(const char *what, bool deferred)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	enum px_status st;
	int r;

	r = px_find_mapping(what, &mapping);
	if (r == -ENOENT)
		return px_fail(PX_NO_VOLUME, "%s is not open: there is no mapping of it", what);
	if (r < 0)
		return px_fail(PX_NO_VOLUME, "cannot look at %s: %s", what, strerror(-r));
	if (!px_mapping_is_luks(&mapping))
		return px_fail(PX_NO_VOLUME, "the mapping %s is not a LUKS volume", mapping.name);
	st = px_luks_deactivate(mapping.name, deferred);
	/* What a killed reencryption left below it is in nobody's way, but the next open's. */
	if (!st && !deferred && px_helpers_clear(mapping.slave) < 0)
		px_warn("%s: a mapping below it is left: see dmsetup ls --tree", what);
	return st;
}

enum px_status px_cmd_close(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "deferred", no_argument, NULL, 'd' },
					       { NULL, 0, NULL, 0 } };
	bool deferred = false;
	int c;

	while ((c = px_next_option("close", argc, argv, "", longs)) != -1) {
		if (c != 'd')
			return PX_USAGE;
		deferred = true;
	}
	if (argc - optind != 1)
		return px_usage("close");
	return close_mapping(argv[optind], deferred);
}
