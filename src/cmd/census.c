/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "census.h"

#include <string.h>

#include "pxenc/block.h"
#include "pxenc/log.h"
#include "pxenc/strv.h"

static enum px_status see(const char *name, struct px_seen *seen)
{
	px_auto(free) char *device = px_block_path(name);

	seen->name = strdup(name);
	if (!seen->name || !device)
		return px_nomem();
	seen->r = px_peek(device, &seen->peek);
	return PX_OK;
}

enum px_status px_census_take(struct px_census *ret_census)
{
	px_auto(census) struct px_census census = { 0 };
	px_auto(strv) char **names = NULL;
	enum px_status st = PX_OK;
	int r = px_block_list(&names);
	size_t count;

	if (r < 0)
		return px_fail(PX_KERNEL, "cannot look for devices in /sys: %s", strerror(-r));
	count = px_strv_len(names);
	census.seen = calloc(count + 1, sizeof(*census.seen));
	if (!census.seen)
		return px_nomem();
	for (; !st && census.count < count; census.count++)
		st = see(names[census.count], &census.seen[census.count]);
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
