/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "dm-private.h"
#include "pxenc/dm.h"

#define MODULE "/dm-crypt.ko"

/* Whether a line of a modules.dep or modules.builtin is of the module itself, and not of one that
 * needs it: "kernel/drivers/md/dm-crypt.ko.xz: kernel/…". */
static bool is_module(const char *line)
{
	const char *place = strstr(line, MODULE);

	return place && place < line + strcspn(line, ":");
}

static bool names_module(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (!file)
		return false;
	while (!found && getline(&line, &size, file) >= 0)
		found = is_module(line);
	free(line);
	fclose(file);
	return found;
}

/* Built into the kernel, or a module that is loaded when a mapping needs it. */
static bool is_installed(const char *root)
{
	static const char *const lists[] = { "builtin", "dep" };
	struct utsname names;
	char path[PATH_MAX];

	if (uname(&names) < 0)
		return false;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		snprintf(path, sizeof(path), "%s/lib/modules/%s/modules.%s", root, names.release,
			 lists[i]);
		if (names_module(path))
			return true;
	}
	return false;
}

static bool is_loaded(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/module/dm_crypt", root);
	return access(path, F_OK) == 0;
}

/* The targets follow one another; the last has no next. */
static int look_for(struct dm_task *task, const char *name)
{
	struct dm_versions *target = dm_task_get_versions(task);

	while (target) {
		if (strcmp(target->name, name) == 0)
			return 0;
		if (!target->next)
			break;
		target = (struct dm_versions *)(void *)((char *)target + target->next);
	}
	return -ENOENT;
}

static int list_targets(const char *name, void *arg)
{
	struct dm_task *task = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	int r;

	(void)arg;
	if (!task)
		return -ENOMEM;
	r = px_dm_run(task);
	if (r == 0)
		r = look_for(task, name);
	dm_task_destroy(task);
	return r;
}

bool px_dm_has_crypt(const char *root)
{
	if (is_loaded(root) || is_installed(root))
		return true;
	/* A kernel that was built without a list of what is in it. */
	return !*root && px_dm_quietly(list_targets, "crypt", NULL) == 0;
}
