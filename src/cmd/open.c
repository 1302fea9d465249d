/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "open-all.h"
#include "pxenc/dm.h"
#include "pxenc/log.h"
#include "pxenc/session.h"
#include "pxenc/unlock.h"

struct arguments {
	struct px_options options;
	bool test, all, json;
	char **devices; /* NULL-terminated; one, unless all */
};

/* What is left after the options: a device and a name, or devices. */
static enum px_status take_operands(int argc, char **argv, struct arguments *args)
{
	args->devices = argv;
	if (args->all && args->options.name)
		return px_fail(PX_USAGE, "one name= cannot be that of many: leave it out, or open "
					 "the volume without --all");
	if (args->all && args->options.service)
		return px_usage("open");
	if (args->all)
		return PX_OK;
	if (argc < 1 || argc > 2 || args->json)
		return px_usage("open");
	return argc == 2 ? px_options_set_name(&args->options, argv[1]) : PX_OK;
}

static enum px_status parse(int argc, char **argv, struct arguments *args)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "all", no_argument, NULL, 'a' },
					       { "json", no_argument, NULL, 'j' },
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
			args->options.service = true;
		} else if (c == 'a') {
			args->all = true;
		} else if (c == 'j') {
			args->json = true;
		} else if (c == 'o') {
			st = px_options_parse(&args->options, optarg);
			if (st)
				return st;
		} else {
			return PX_USAGE;
		}
	}
	return take_operands(argc - optind, argv + optind, args);
}

enum px_status px_open_check_stays(const char *device, const char *name)
{
	px_auto(dm_crypt) struct px_dm_crypt crypt = { 0 };

	if (px_dm_crypt(name, &crypt) < 0 || !crypt.deferred)
		return PX_OK;
	return px_fail(PX_BUSY,
		       "%s is open by a mount, as %s, and closes with its last "
		       "unmount: unmount it first",
		       device, name);
}

static enum px_status open_volume(const struct arguments *args)
{
	px_auto(unlocked) struct px_unlocked unlocked = { 0 };
	px_auto(config) struct px_config *config = NULL;
	const char *device = args->devices[0];
	enum px_status st = PX_OK;

	/* By the time that it is a unit's turn, the config may be another. */
	if (!args->options.service)
		st = px_session_config(&config);
	if (!st)
		st = px_unlock(device, config, &args->options, args->test, &unlocked);
	if (st)
		return st;
	if (args->test)
		px_note("%s: the key opens the volume", device);
	if (args->test || unlocked.created)
		return PX_OK;
	px_note("%s was open already, as %s", device, unlocked.name);
	/* The unit is content with a mapping that closes by itself. */
	return args->options.service ? PX_OK : px_open_check_stays(device, unlocked.name);
}

enum px_status px_cmd_open(int argc, char **argv)
{
	struct arguments args = { 0 };
	enum px_status st;

	st = parse(argc, argv, &args);
	if (!st)
		st = args.all ? px_open_all(args.devices, &args.options, args.test, args.json)
			      : open_volume(&args);
	px_options_clear(&args.options);
	return st;
}
