/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/block.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/strv.h"
#include "sysfs.h"

#define SYS_CLASS_BLOCK "/sys/class/block"

static const char *sys_class_block = SYS_CLASS_BLOCK;

void px_block_set_root(const char *root)
{
	sys_class_block = root ? root : SYS_CLASS_BLOCK;
}

/* Whether an attribute is there and is not 0. */
static bool is_set(int at, const char *name, const char *attribute)
{
	char path[512], first = '0';
	px_auto(fd) int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", name, attribute);
	fd = openat(at, path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &first, 1) == 1 && first != '0';
}

static int add(char ***names, const char *entry)
{
	px_auto(free) char *name = strdup(entry);

	if (!name)
		return -ENOMEM;
	px_sysfs_to_dev(name);
	return px_strv_add(names, name);
}

static int list(DIR *dir, char ***names)
{
	const struct dirent *entry;
	int r = 0;

	for (errno = 0; r == 0 && (entry = readdir(dir)); errno = 0)
		if (entry->d_name[0] != '.' && is_set(dirfd(dir), entry->d_name, "size") &&
		    !is_set(dirfd(dir), entry->d_name, "dm/suspended"))
			r = add(names, entry->d_name);
	return r < 0 ? r : -errno;
}

int px_block_list(char ***ret_names)
{
	px_auto(strv) char **names = NULL;
	DIR *dir = opendir(sys_class_block);
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	r = list(dir, &names);
	closedir(dir);
	if (r < 0)
		return r;
	if (names)
		px_strv_sort(names);
	*ret_names = px_steal(&names);
	return 0;
}
