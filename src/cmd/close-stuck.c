/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "close-stuck.h"

#include <stdio.h>
#include <string.h>

#include "pxenc/log.h"
#include "pxenc/mapping.h"
#include "pxenc/peek.h"
#include "pxenc/stale.h"

/* By its name, as we gave it, or by the LUKS2 token on the device below, which is not suspended. */
static bool is_ours(const struct px_mapping *mapping)
{
	px_auto(free) char *device = NULL;
	struct px_peek peek;

	if (strncmp(mapping->name, "pxenc-", strlen("pxenc-")) == 0)
		return true;
	if (mapping->gone || !mapping->slave_name)
		return false;
	if (asprintf(&device, "/dev/%s", mapping->slave_name) < 0) {
		device = NULL;
		return false;
	}
	return px_peek(device, &peek) == 0 && *peek.secret != '\0';
}

static enum px_status release_all(const struct px_mapping *list, size_t count)
{
	enum px_status st, worst = PX_OK;
	size_t i;

	for (i = 0; i < count; i++) {
		if ((!list[i].suspended && !list[i].gone) || !is_ours(&list[i]))
			continue;
		px_warn("%s %s: it is released, and what was not written is lost", list[i].name,
			list[i].gone ? "has lost its device" : "is suspended");
		st = px_stale_release(&list[i]);
		if (st)
			worst = st;
	}
	return worst;
}

enum px_status px_close_stuck(void)
{
	struct px_mapping *list = NULL;
	enum px_status st;
	size_t count = 0;
	int r;

	r = px_mapping_list(&list, &count);
	if (r < 0)
		return px_fail(PX_KERNEL, "cannot look for mappings in /sys: %s", strerror(-r));
	st = release_all(list, count);
	px_mapping_list_free(&list, count);
	return st;
}
