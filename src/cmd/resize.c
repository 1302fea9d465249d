/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <inttypes.h>
#include <stdio.h>

#include "again.h"
#include "pxenc/cmd.h"
#include "pxenc/find.h"
#include "pxenc/log.h"
#include "pxenc/signals.h"

static void say(const char *name, uint64_t before, uint64_t now)
{
	if (now == before)
		printf("%s: %" PRIu64 " bytes, as before\n", name, now);
	else
		printf("%s: %" PRIu64 " bytes (before: %" PRIu64 ")\n", name, now, before);
}

static enum px_status resize(const char *what, const struct px_options *options)
{
	px_auto(again) struct px_again again = { .luks = NULL };
	uint64_t before = 0, now = 0;
	enum px_status st;

	st = px_find_volume(what, &again.mapping);
	if (!st && again.mapping.suspended)
		return px_fail(PX_BUSY, "%s is suspended: pxenc resume %s first",
			       again.mapping.name, again.mapping.name);
	if (!st)
		st = px_again_fetch(&again, options);
	if (st)
		return st;
	/* Between the old table and the new one, I/O waits. */
	px_signals_hold();
	st = px_luks_resize(again.luks, again.mapping.name, again.key, again.choice.named_slot,
			    &before, &now);
	if (!st)
		say(again.mapping.name, before, now);
	return st;
}

enum px_status px_cmd_resize(int argc, char **argv)
{
	px_auto(options) struct px_options options = { 0 };
	const char *what = NULL;
	enum px_status st;

	st = px_again_parse("resize", argc, argv, &options, &what);
	return st ? st : resize(what, &options);
}
