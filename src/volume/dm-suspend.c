/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>

#include "dm-private.h"
#include "pxenc/dm.h"

static int change_state(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_name(task, name) ? px_dm_run(task) : -EINVAL;
	dm_task_destroy(task);
	return r;
}

/* A message to the crypt target, which takes it only while it is suspended. */
static int wipe_key(const char *name)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_TARGET_MSG);
	int r = -EINVAL;

	if (!task)
		return -ENOMEM;
	if (dm_task_set_name(task, name) && dm_task_set_sector(task, 0) &&
	    dm_task_set_message(task, "key wipe"))
		r = px_dm_run(task);
	dm_task_destroy(task);
	return r;
}

static int suspend(const char *name, void *unused)
{
	int r = change_state(DM_DEVICE_SUSPEND, name), resumed = 0;

	(void)unused;
	if (r < 0)
		return r;
	r = wipe_key(name);
	if (r < 0)
		resumed = change_state(DM_DEVICE_RESUME, name);
	(void)resumed; /* the first failure is the one to tell */
	return r;
}

int px_dm_suspend(const char *name)
{
	return px_dm_quietly(suspend, name, NULL);
}
