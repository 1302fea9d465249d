/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/helpers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "pxenc/block.h"
#include "pxenc/dm.h"
#include "pxenc/lock.h"
#include "pxenc/log.h"

/* One lies on the other, so the upper ones go first. */
#define FLOORS 3

/* How many are left; -errno. */
static int clear_once(dev_t device, bool temporary)
{
	struct px_mapping *list = NULL;
	size_t count = 0, i;
	int r, left = 0;

	r = px_mapping_helpers(device, &list, &count);
	if (r < 0)
		return r;
	for (i = 0; i < count && r == 0; i++) {
		if (temporary && !px_mapping_is_temporary(&list[i]))
			continue;
		r = px_dm_remove(list[i].name);
		if (r == -EBUSY) {
			left++;
			r = 0;
		}
		if (r == -ENOENT)
			r = 0;
	}
	px_mapping_list_free(&list, count);
	return r < 0 ? r : left;
}

int px_helpers_clear(dev_t device)
{
	int floor, left = 1;

	for (floor = 0; floor < FLOORS && left > 0; floor++)
		left = clear_once(device, false);
	return left > 0 ? -EBUSY : left;
}

int px_helpers_clear_temporary(dev_t device)
{
	int left = clear_once(device, true);

	return left > 0 ? -EBUSY : left;
}

int px_helpers_count(dev_t device)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r = px_mapping_helpers(device, &list, &count);

	px_mapping_list_free(&list, count);
	return r < 0 ? r : (int)count;
}

int px_helpers_clear_left(dev_t device, const char *name)
{
	px_auto(free) char *path = NULL;
	px_auto(fd) int lock = -1;
	int r = px_helpers_count(device);

	if (r <= 0)
		return r;
	path = px_block_path(name);
	if (!path)
		return -ENOMEM;
	r = px_lock_try(path, &lock);
	if (r == -EBUSY)
		return 0;
	return r < 0 ? r : px_helpers_clear(device);
}

static bool any_suspended(dev_t device)
{
	struct px_mapping *list = NULL;
	bool suspended = false;
	size_t count = 0;

	if (px_mapping_helpers(device, &list, &count) == 0)
		for (size_t i = 0; i < count; i++)
			suspended = suspended || list[i].suspended;
	px_mapping_list_free(&list, count);
	return suspended;
}

/* Whoever is at work on it suspends them, too, each for a moment. */
bool px_helpers_are_stuck(const struct px_mapping *mapping)
{
	px_auto(free) char *path = NULL;

	if (!mapping->helped || !mapping->slave_name || !any_suspended(mapping->slave))
		return false;
	path = px_block_path(mapping->slave_name);
	return path && !px_lock_is_held(path);
}

static int release_suspended(dev_t device)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r = px_mapping_helpers(device, &list, &count);

	for (size_t i = 0; i < count && r == 0; i++) {
		if (list[i].suspended)
			r = px_dm_release(list[i].name);
		if (r == -ENOENT)
			r = 0;
	}
	px_mapping_list_free(&list, count);
	return r;
}

int px_helpers_release(const struct px_mapping *mapping)
{
	int r = mapping->helped && mapping->slave ? release_suspended(mapping->slave) : 0;

	return r < 0 ? r : px_dm_release(mapping->name);
}

/* Nobody is at work on it; what is left below its mapping is of one who was killed. */
static enum px_status check_mapped(const char *path, dev_t device, const char *mapped)
{
	int r = px_helpers_count(device);

	if (r < 0)
		return px_block_failed(r);
	if (r == 0)
		return PX_OK;
	return px_fail(PX_BUSY,
		       "the reencryption of %s was killed while %s was in use, and a part of it is "
		       "out of reach until it goes on: pxenc rotate %s",
		       path, mapped, path);
}

enum px_status px_helpers_settle_unmapped(const char *path, dev_t device)
{
	int r = px_helpers_clear(device);

	if (r == -EBUSY)
		return px_fail(PX_BUSY,
			       "what a killed reencryption of %s left behind is in use: see "
			       "dmsetup ls --tree",
			       path);
	return r < 0 ? px_fail(PX_KERNEL,
			       "what a killed reencryption of %s left behind cannot be "
			       "removed: %s",
			       path, strerror(-r))
		     : PX_OK;
}

enum px_status px_helpers_settle(const char *path, dev_t device, const char *mapped, int *ret_lock)
{
	px_auto(fd) int lock = -1;
	enum px_status st;
	int r = px_lock_try(path, &lock);

	*ret_lock = -1;
	if (r == -EBUSY && mapped)
		return PX_OK;
	if (r == -EBUSY)
		return px_fail(PX_BUSY,
			       "%s is being written anew under another volume key, and not open: "
			       "wait until that is done",
			       path);
	if (r < 0)
		return px_fail(PX_KERNEL,
			       "%s was being written anew under another volume key when that was "
			       "interrupted, and cannot be written now: %s",
			       path, strerror(-r));
	st = mapped ? check_mapped(path, device, mapped) : px_helpers_settle_unmapped(path, device);
	if (st || mapped)
		return st;
	*ret_lock = lock;
	lock = -1;
	return PX_OK;
}
