/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "census.h"

#include <errno.h>
#include <string.h>

#include "pxenc/block.h"
#include "pxenc/log.h"
#include "pxenc/strv.h"

static enum px_status see(const char *name, bool suspended, struct px_seen *seen)
{
	px_auto(free) char *device = px_block_path(name);

	seen->name = strdup(name);
	if (!seen->name || !device)
		return px_nomem();
	seen->r = suspended ? -EBUSY : px_peek(device, &seen->peek);
	return PX_OK;
}

static enum px_status see_all(char *const *names, bool suspended, struct px_census *census)
{
	enum px_status st = PX_OK;

	for (; !st && names && *names; names++)
		st = see(*names, suspended, &census->seen[census->count++]);
	return st;
}

enum px_status px_census_take(struct px_census *ret_census)
{
	px_auto(census) struct px_census census = { 0 };
	px_auto(strv) char **names = NULL, **suspended = NULL;
	int r = px_block_list(&names, &suspended);
	enum px_status st;

	if (r < 0)
		return px_block_failed(r);
	census.seen = calloc(px_strv_len(names) + px_strv_len(suspended) + 1, sizeof(*census.seen));
	if (!census.seen)
		return px_nomem();
	st = see_all(names, false, &census);
	if (!st)
		st = see_all(suspended, true, &census);
	if (st)
		return st;
	*ret_census = census;
	census = (struct px_census){ 0 };
	return PX_OK;
}

const struct px_seen *px_census_find(const struct px_census *census, const char *name)
{
	for (size_t i = 0; i < census->count; i++)
		if (strcmp(census->seen[i].name, name) == 0)
			return &census->seen[i];
	return NULL;
}

void px_census_cleanup(struct px_census *census)
{
	for (size_t i = 0; i < census->count; i++)
		free(census->seen[i].name);
	free(census->seen);
}
