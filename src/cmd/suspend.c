/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "suspend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "again.h"
#include "carried.h"
#include "pxenc/block.h"
#include "pxenc/cmd.h"
#include "pxenc/config.h"
#include "pxenc/dm.h"
#include "pxenc/find.h"
#include "pxenc/log.h"
#include "pxenc/peek.h"
#include "pxenc/signals.h"

static enum px_status refuse_carrier(const struct px_mapping *mapping)
{
	px_auto(config) struct px_config *config = NULL;
	enum px_status st = px_config_load(&config);

	return st ? st : px_refuse_carrier(mapping, config, "suspended");
}

/* dmsetup suspend, or a table that is being changed, leaves the key where it is. */
static enum px_status check_suspended(const char *name, const struct px_dm_crypt *crypt)
{
	if (crypt->has_key)
		return px_fail(PX_BUSY,
			       "%s is suspended, but not by pxenc, and its key is still in the "
			       "kernel: dmsetup resume %s, then suspend it again",
			       name, name);
	px_note("%s was suspended already", name);
	return PX_OK;
}

static enum px_status look_at_table(const char *name, struct px_dm_crypt *ret_crypt)
{
	int r = px_dm_crypt(name, ret_crypt);

	if (r == -ENOMEM)
		return px_nomem();
	if (r == -EINVAL)
		return px_fail(
			PX_BUSY,
			"%s cannot be suspended: its table is none with one key: is it being "
			"reencrypted? Let that end first",
			name);
	return r < 0 ? px_fail(PX_KERNEL, "cannot find out whether %s has its key: %s", name,
			       strerror(-r))
		     : PX_OK;
}

/*
 * Resume would not know the secret of a volume that is not ours. A header that cannot be read
 * protects no key: it may be restored before the volume is resumed.
 */
static enum px_status check_ours(const struct px_mapping *mapping)
{
	px_auto(free) char *device = NULL;
	struct px_peek peek;

	if (!mapping->slave_name)
		return PX_OK;
	device = px_block_path(mapping->slave_name);
	if (!device)
		return px_nomem();
	if (px_peek(device, &peek) < 0) {
		px_warn("the header on %s cannot be read, or is refused: %s will not resume before "
			"it is in order",
			device, mapping->name);
		return PX_OK;
	}
	if (*peek.secret)
		return PX_OK;
	return px_fail(PX_NO_VOLUME,
		       "%s has no LUKS2 token of pxenc's, so that resume would not know its "
		       "secret: it is not suspended; cryptsetup luksSuspend can do it",
		       device);
}

static enum px_status take_key(const char *name)
{
	int r;

	/* A signal must not fall between the waiting and the wiping. */
	px_signals_hold();
	r = px_dm_suspend(name);
	if (r == -ENOMEM)
		return px_nomem();
	return r < 0 ? px_fail(PX_KERNEL, "%s cannot be suspended: %s", name, strerror(-r)) : PX_OK;
}

enum px_status px_suspend(const char *what)
{
	px_auto(mapping) struct px_mapping mapping = { .name = NULL };
	px_auto(dm_crypt) struct px_dm_crypt crypt = { .cipher = NULL };
	enum px_status st;

	st = px_find_volume(what, &mapping);
	if (!st)
		st = look_at_table(mapping.name, &crypt);
	if (!st && mapping.suspended)
		return check_suspended(mapping.name, &crypt);
	if (!st)
		st = refuse_carrier(&mapping);
	if (!st)
		st = check_ours(&mapping);
	return st ? st : take_key(mapping.name);
}

enum px_status px_resume(const char *what, const struct px_options *options)
{
	px_auto(again) struct px_again again = { .luks = NULL };
	enum px_status st;

	st = px_find_volume(what, &again.mapping);
	if (!st && !again.mapping.suspended) {
		px_note("%s was not suspended", again.mapping.name);
		return PX_OK;
	}
	if (!st)
		st = px_again_fetch(&again, options);
	if (st)
		return st;
	px_signals_hold();
	return px_luks_resume(again.luks, again.mapping.name, again.key, again.choice.named_slot);
}

enum px_status px_cmd_suspend(int argc, char **argv)
{
	static const struct option longs[] = { PX_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };

	if (px_next_option("suspend", argc, argv, "", longs) != -1)
		return PX_USAGE;
	if (argc - optind != 1)
		return px_usage("suspend");
	return px_suspend(argv[optind]);
}

enum px_status px_cmd_resume(int argc, char **argv)
{
	px_auto(options) struct px_options options = { 0 };
	const char *what = NULL;
	enum px_status st;

	st = px_again_parse("resume", argc, argv, &options, &what);
	return st ? st : px_resume(what, &options);
}
