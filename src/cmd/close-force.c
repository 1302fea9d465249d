/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "close-force.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pxenc/clock.h"
#include "pxenc/helpers.h"
#include "pxenc/log.h"
#include "pxenc/mount.h"
#include "pxenc/strv.h"

#define PATIENCE_MS 1000 /* for udev and the like, which look at it, to let go */

static enum px_status failed(const struct px_mapping *mapping, int r)
{
	if (r == -ENOMEM)
		return px_nomem();
	if (r == -ETIMEDOUT)
		return px_fail(PX_BUSY,
			       "%s cannot be released: its disk neither ends nor fails what it "
			       "was asked for: pull the disk out, or wait",
			       mapping->name);
	return px_fail(PX_KERNEL, "%s cannot be released: %s", mapping->name, strerror(-r));
}

/* Whether this very mapping is still there; its number is its own as long as it exists. */
static bool is_there(const struct px_mapping *mapping)
{
	px_auto(mapping) struct px_mapping now = { .name = NULL };

	return px_mapping_by_name(mapping->name, &now) == 0 && now.devno == mapping->devno;
}

static bool goes_soon(const struct px_mapping *mapping)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	int64_t deadline = px_now_ms() + PATIENCE_MS;

	while (is_there(mapping)) {
		if (px_deadline_left(deadline) == 0)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

/* Joined for a person; NULL: it is mounted nowhere. PX_NOMEM. */
static enum px_status find_mounts(const struct px_mapping *mapping, char **ret_mounts)
{
	px_auto(free) char *source = NULL;
	px_auto(strv) char **targets = NULL;

	if (asprintf(&source, "/dev/mapper/%s", mapping->name) < 0) {
		source = NULL;
		return px_nomem();
	}
	if (px_mount_targets(source, mapping->devno, &targets) < 0)
		return px_nomem();
	if (!targets)
		return PX_OK;
	*ret_mounts = px_strv_join(targets, ", ");
	return *ret_mounts ? PX_OK : px_nomem();
}

/* --force is the consent; what it costs is said all the same. */
enum px_status px_close_force(const struct px_mapping *mapping)
{
	px_auto(free) char *mounts = NULL;
	enum px_status st;
	int r;

	st = find_mounts(mapping, &mounts);
	if (st)
		return st;
	r = px_helpers_release(mapping);
	if (r < 0 && r != -ENOENT)
		return failed(mapping, r);
	if (mounts)
		px_warn("%s was mounted on %s: what was not written to its disk is lost; unmount "
			"it, and the mapping goes",
			mapping->name, mounts);
	else if (!goes_soon(mapping))
		px_warn("%s is in use: what was not written to its disk is lost; it goes when its "
			"last user is gone",
			mapping->name);
	return PX_OK;
}
