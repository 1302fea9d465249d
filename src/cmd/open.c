/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "pxenc/cmd.h"
#include "pxenc/dm.h"
#include "pxenc/log.h"
#include "pxenc/session.h"
#include "pxenc/unlock.h"

struct arguments {
	struct px_options options;
	bool test;
	bool service; /* content with a mapping that closes by itself */
	const char *device;
};

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "options", required_argument, NULL, 'o' },
					       { "service", no_argument, NULL, 's' },
					       { "test", no_argument, NULL, 't' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option("open", argc, argv, "o:", longs)) != -1) {
		if (c == 't') {
			args->test = true;
		} else if (c == 's') {
			args->service = args->options.takes_turns = true;
		} else if (c == 'o') {
			st = px_options_parse(&args->options, optarg);
			if (st)
				return st;
		} else {
			return PX_USAGE;
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return px_usage("open");
	args->device = argv[optind];
	return argc - optind == 2 ? px_options_set_name(&args->options, argv[optind + 1]) : PX_OK;
}

/* Whether a mapping is marked for removal: then it would not stay open, as open promises. */
static bool goes_by_itself(const char *name)
{
	px_auto(dm_crypt) struct px_dm_crypt crypt = { 0 };

	return px_dm_crypt(name, &crypt) == 0 && crypt.deferred;
}

static enum px_status open_volume(const struct arguments *args)
{
	px_auto(unlocked) struct px_unlocked unlocked = { 0 };
	px_auto(config) struct px_config *config = NULL;
	enum px_status st;

	st = px_session_config(&config);
	if (!st)
		st = px_unlock(args->device, config, &args->options, args->test, &unlocked);
	if (st)
		return st;
	if (args->test)
		px_note("%s: the key opens the volume", args->device);
	else if (!unlocked.created && !args->service && goes_by_itself(unlocked.name))
		return px_fail(PX_BUSY,
			       "%s is open by a mount, as %s, and closes with its last "
			       "unmount: unmount it first",
			       args->device, unlocked.name);
	else if (!unlocked.created)
		px_note("%s was open already, as %s", args->device, unlocked.name);
	return PX_OK;
}

enum px_status px_cmd_open(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = open_volume(&args);
	px_options_clear(&args.options);
	return st;
}
