/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_CMD_CENSUS_H
#define PXENC_CMD_CENSUS_H

#include "pxenc/cleanup.h"
#include "pxenc/peek.h"
#include "pxenc/status.h"

/*
 * What every device of this machine was seen to be, for a command that asks about many secrets: a
 * thousand volumes are not to look at a thousand devices each, nor to wait a thousand times for a
 * disk that is dead.
 */
struct px_census {
	struct px_seen *seen;
	size_t count;
};

struct px_seen {
	char *name; /* below /dev */
	int r;	    /* px_peek's; -EBUSY: it was suspended */
	struct px_peek peek;
};

enum px_status px_census_take(struct px_census *ret_census) PX_MUST_CHECK;

/* NULL: it was not there then. */
const struct px_seen *px_census_find(const struct px_census *census, const char *name);

void px_census_cleanup(struct px_census *census);

#endif
