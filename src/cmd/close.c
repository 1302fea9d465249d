/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "carried.h"
#include "close-force.h"
#include "close-stuck.h"
#include "pxenc/cmd.h"
#include "pxenc/find.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"
#include "pxenc/luks.h"
#include "pxenc/stale.h"

struct arguments {
	bool deferred, force, stuck;
	const char *what; /* NULL with stuck, which force goes with */
};

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "deferred", no_argument, NULL, 'd' },
					       { "force", no_argument, NULL, 'f' },
					       { "stuck", no_argument, NULL, 's' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = px_next_option("close", argc, argv, "", longs)) != -1) {
		if (c == 'd')
			args->deferred = true;
		else if (c == 'f')
			args->force = true;
		else if (c == 's')
			args->stuck = true;
		else
			return PX_USAGE;
	}
	if (argc - optind != (args->stuck ? 0 : 1) ||
	    args->deferred + (args->force || args->stuck) > 1)
		return px_usage("close");
	args->what = argv[optind];
	return PX_OK;
}

/* A link went with its disk, and nobody knows any more which that was. */
static enum px_status close_lost(const char *link, size_t *ret_count)
{
	*ret_count = 0;
	return px_find_is_lost_link(link) ? px_close_lost(ret_count) : PX_OK;
}

static enum px_status close_mapping(const struct arguments *args)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };
	enum px_status st = PX_OK;
	size_t lost = 0;

	if (args->deferred)
		st = close_lost(args->what, &lost);
	if (st || lost > 0)
		return st;
	st = px_find_volume(args->what, &mapping);
	if (st)
		return st;
	/* What has lost its device already carries nothing any more. No config is needed here: that
	 * it is broken must not stand in the way. */
	if (args->force && !mapping.gone)
		st = px_refuse_carrier(&mapping, NULL, "closed by force");
	if (st)
		return st;
	if (args->force)
		return px_close_force(&mapping);
	if (mapping.gone)
		return px_stale_release(&mapping);
	if (mapping.suspended && !args->deferred)
		return px_fail(PX_BUSY,
			       "%s is suspended: pxenc resume %s first, or close it with --force",
			       mapping.name, mapping.name);
	st = px_luks_deactivate(mapping.name, args->deferred);
	/* What a killed reencryption left below it is in nobody's way, but the next open's. */
	if (!st && !args->deferred && mapping.slave_name &&
	    px_helpers_clear_left(mapping.slave, mapping.slave_name) < 0)
		px_warn("%s: a mapping below it is left: see dmsetup ls --tree", args->what);
	return st;
}

enum px_status px_cmd_close(int argc, char **argv)
{
	struct arguments args = { .what = NULL };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (st)
		return st;
	return args.stuck ? px_close_stuck(args.force) : close_mapping(&args);
}
