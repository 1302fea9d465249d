/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/stale.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"

#define PATIENCE_SECONDS 10

enum px_status px_stale_release(const struct px_mapping *mapping)
{
	int r = px_helpers_release(mapping);

	if (r == 0 || r == -ENOENT)
		return PX_OK;
	if (r == -ENOMEM)
		return px_nomem();
	return px_fail(PX_KERNEL, "the mapping %s cannot be released: %s", mapping->name,
		       strerror(-r));
}

/* Whether this very mapping is still there: its number is its own as long as it exists. */
static bool is_there(const struct px_mapping *mapping)
{
	px_auto(mapping) struct px_mapping now = { 0 };

	return px_mapping_by_name(mapping->name, &now) == 0 && now.devno == mapping->devno &&
	       now.gone;
}

enum px_status px_stale_remove(const struct px_mapping *mapping)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	int64_t deadline = px_deadline_in(PATIENCE_SECONDS);
	enum px_status st = px_stale_release(mapping);

	if (st)
		return st;
	while (is_there(mapping)) {
		if (px_deadline_left(deadline) == 0)
			return px_fail(PX_BUSY,
				       "%s was pulled out while it was in use, and what used it is "
				       "still there: unmount it (findmnt /dev/mapper/%s), or end "
				       "the processes that keep it (fuser -vm /dev/mapper/%s)",
				       mapping->slave_name ? mapping->slave_name : mapping->name,
				       mapping->name, mapping->name);
		nanosleep(&moment, NULL);
	}
	return PX_OK;
}
