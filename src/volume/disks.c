/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/block.h"
#include "pxenc/strv.h"
#include "sysfs.h"

/* An attribute; "" when it cannot be read. */
static void read_attribute(int at, const char *name, char *text, size_t size)
{
	if (px_sysfs_line(at, name, text, size) < 0)
		*text = '\0';
}

/* RAM disks, floppies and optical drives. */
static bool is_unfit(const char *name)
{
	static const char *const kinds[] = { "ram", "zram", "fd", "sr" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(name, kinds[i], len) == 0 && name[len] >= '0' && name[len] <= '9')
			return true;
	}
	return false;
}

static bool is_empty(int disk)
{
	char size[32];

	read_attribute(disk, "size", size, sizeof(size));
	return size[0] == '\0' || size[0] == '0';
}

/* Whether something else than a LUKS mapping lies on it. */
static bool is_part_of_another(int disk)
{
	static const char luks[] = "CRYPT-LUKS";
	px_auto(dir) DIR *holders = px_sysfs_open(disk, "holders");
	const struct dirent *entry;

	while (holders && (entry = readdir(holders))) {
		char name[NAME_MAX + 9], uuid[sizeof(luks)];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/dm/uuid", entry->d_name);
		read_attribute(dirfd(holders), name, uuid, sizeof(uuid));
		if (strcmp(uuid, luks) != 0)
			return true;
	}
	return false;
}

static bool may_carry(int root, const char *name)
{
	px_auto(fd) int disk = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return disk >= 0 && !is_unfit(name) && !is_empty(disk) && !is_part_of_another(disk);
}

static int add(const char *name, char ***devices)
{
	px_auto(free) char *path = px_block_path(name);

	if (!path)
		return -ENOMEM;
	px_sysfs_to_dev(path);
	return px_strv_add(devices, path);
}

static int collect(DIR *root, char ***devices)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(root)))
		if (entry->d_name[0] != '.' && may_carry(dirfd(root), entry->d_name))
			r = add(entry->d_name, devices);
	return r;
}

int px_disks_list(const char *root, char ***ret_devices)
{
	px_auto(dir) DIR *dir = px_sysfs_open(AT_FDCWD, root);
	char **devices = calloc(1, sizeof(*devices));
	int r = -ENOMEM;

	if (devices)
		r = dir ? collect(dir, &devices) : -errno;
	if (r < 0) {
		px_strv_free(&devices);
		return r;
	}
	px_strv_sort(devices);
	*ret_devices = devices;
	return 0;
}
