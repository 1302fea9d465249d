/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "dm-private.h"
#include "pxenc/apart.h"
#include "pxenc/dm-stack.h"
#include "pxenc/dm.h"

#define PATIENCE_MS 2000

/*
 * One task for the mapping. No task here gets a cookie, so that libdevmapper makes and removes the
 * nodes by itself and nobody waits for udev.
 */
static int with_task(int type, const char *name,
		     int (*run)(struct dm_task *task, uint64_t *sectors), uint64_t *sectors)
{
	struct dm_task *task = dm_task_create(type);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_name(task, name) ? run(task, sectors) : -EINVAL;
	dm_task_destroy(task);
	return r;
}

/*
 * The status holds no key, unlike the table. *sectors stays 0 where a process was killed between
 * making the mapping and giving it its table.
 */
static int measure(struct dm_task *task, uint64_t *sectors)
{
	uint64_t start = 0, length = 0;
	char *type = NULL, *params = NULL;
	struct dm_info info;
	void *next = NULL;
	int r = dm_task_no_flush(task) ? px_dm_run(task) : -EINVAL;

	if (r < 0)
		return r;
	if (!dm_task_get_info(task, &info))
		return -EIO;
	if (!info.exists)
		return -ENOENT;
	do {
		next = dm_get_next_target(task, next, &start, &length, &type, &params);
		if (type)
			*sectors = start + length;
	} while (next);
	return 0;
}

static int load_errors(struct dm_task *task, uint64_t *sectors)
{
	return dm_task_add_target(task, 0, *sectors, "error", "") ? px_dm_run(task) : -ENOMEM;
}

static int swap_tables(struct dm_task *task, uint64_t *unused)
{
	(void)unused;
	return dm_task_no_flush(task) && dm_task_skip_lockfs(task) ? px_dm_run(task) : -EINVAL;
}

static int remove_mapping(struct dm_task *task, uint64_t *unused)
{
	(void)unused;
	return dm_task_deferred_remove(task) ? px_dm_run(task) : -EINVAL;
}

static int release(const char *name, void *unused)
{
	uint64_t sectors = 0;
	int r;

	(void)unused;
	r = with_task(DM_DEVICE_STATUS, name, measure, &sectors);
	if (r == 0 && sectors > 0)
		r = with_task(DM_DEVICE_RELOAD, name, load_errors, &sectors);
	if (r == 0 && sectors > 0)
		r = with_task(DM_DEVICE_RESUME, name, swap_tables, NULL);
	if (r == 0)
		r = with_task(DM_DEVICE_REMOVE, name, remove_mapping, NULL);
	/* A child ends without the destructors that would do it. */
	dm_task_update_nodes();
	return r;
}

static int release_quietly(const void *name)
{
	return px_dm_quietly(release, name, NULL);
}

/* The table that never came to be used: the next one to resume the mapping must not get it. */
static int forget_quietly(const void *name)
{
	return px_dm_forget(name);
}

int px_dm_release(const char *name)
{
	int r = px_apart(release_quietly, name, PATIENCE_MS), cleared = 0;

	if (r < 0)
		cleared = px_apart(forget_quietly, name, PATIENCE_MS);
	(void)cleared; /* the first failure is the one to tell */
	return r;
}

static int remove_unused(struct dm_task *task, uint64_t *unused)
{
	(void)unused;
	return px_dm_run(task);
}

static int remove_now(const char *name, void *unused)
{
	int r = with_task(DM_DEVICE_REMOVE, name, remove_unused, NULL);

	(void)unused;
	dm_task_update_nodes();
	return r;
}

int px_dm_remove(const char *name)
{
	return px_dm_quietly(remove_now, name, NULL);
}
