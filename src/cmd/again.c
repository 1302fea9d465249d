/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "again.h"

#include "pxenc/block.h"
#include "pxenc/clock.h"
#include "pxenc/cmd.h"
#include "pxenc/log.h"
#include "pxenc/session.h"
#include "pxenc/unlock.h"

/* The device below, and the header that it has now. */
static enum px_status load(struct px_again *again)
{
	const struct px_mapping *mapping = &again->mapping;
	px_auto(free) char *device = NULL;
	enum px_status st;

	if (!mapping->slave_name)
		return px_fail(PX_NO_VOLUME,
			       "the device of %s is gone: pxenc close --force %s, then attach it "
			       "and open the volume again",
			       mapping->name, mapping->name);
	device = px_block_path(mapping->slave_name);
	if (!device)
		return px_nomem();
	st = px_luks_load(device, &again->luks);
	if (st || px_mapping_has_uuid(mapping, px_luks_uuid(again->luks)))
		return st;
	return px_fail(PX_BAD_HEADER,
		       "%s has the header of another volume than the one that is open as %s: "
		       "restore its own",
		       device, mapping->name);
}

static enum px_status fetch(struct px_again *again, const struct px_options *options)
{
	px_auto(config) struct px_config *config = NULL;
	px_auto(store) struct px_store *store = NULL;
	unsigned int timeout;
	enum px_status st;

	st = px_session_config(&config);
	if (st)
		return st;
	timeout = options->has_timeout ? options->timeout : config->timeout;
	st = px_store_new(config, px_deadline_in(timeout), &store);
	if (!st)
		st = px_unlock_key(again->luks, config, store, options, &again->choice,
				   &again->key);
	return st;
}

enum px_status px_again_fetch(struct px_again *again, const struct px_options *options)
{
	enum px_status st = load(again);

	if (!st)
		st = fetch(again, options);
	if (!st)
		st = px_luks_verify_seal(again->luks, again->key, again->choice.named_slot);
	return st;
}

void px_again_clear(struct px_again *again)
{
	px_secret_free(&again->key);
	px_choice_clear(&again->choice);
	px_luks_free(&again->luks);
	px_mapping_clear(&again->mapping);
}

enum px_status px_again_parse(const char *words, int argc, char **argv, struct px_options *options,
			      const char **ret_what)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS,
					       { "options", required_argument, NULL, 'o' },
					       { NULL, 0, NULL, 0 } };
	enum px_status st;
	int c;

	while ((c = px_next_option(words, argc, argv, "o:", longs)) != -1) {
		st = c == 'o' ? px_options_parse(options, optarg) : PX_USAGE;
		if (st)
			return st;
	}
	if (argc - optind != 1)
		return px_usage(words);
	*ret_what = argv[optind];
	return PX_OK;
}
