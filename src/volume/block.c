/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/block.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

static int line_of(int at, const char *name, const char *attribute, char *line, size_t size)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", name, attribute);
	return px_sysfs_line(at, path, line, size);
}

/* What lies in an open volume, whose own device is looked at. */
static bool is_dm_crypt(int at, const char *name)
{
	char uuid[256];

	return line_of(at, name, "dm/uuid", uuid, sizeof(uuid)) == 0 &&
	       strncmp(uuid, "CRYPT-", strlen("CRYPT-")) == 0;
}

static int list(DIR *dir, char ***names, char ***suspended)
{
	const struct dirent *entry;
	int r = 0;

	for (errno = 0; r == 0 && (entry = readdir(dir)); errno = 0) {
		if (entry->d_name[0] == '.' || !is_set(dirfd(dir), entry->d_name, "size"))
			continue;
		if (!is_set(dirfd(dir), entry->d_name, "dm/suspended"))
			r = add(names, entry->d_name);
		else if (!is_dm_crypt(dirfd(dir), entry->d_name))
			r = add(suspended, entry->d_name);
	}
	return r < 0 ? r : -errno;
}

int px_block_list(char ***ret_names, char ***ret_suspended)
{
	px_auto(strv) char **names = NULL, **suspended = NULL;
	DIR *dir = opendir(sys_class_block);
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	r = list(dir, &names, &suspended);
	closedir(dir);
	if (r < 0)
		return r;
	if (names)
		px_strv_sort(names);
	if (suspended)
		px_strv_sort(suspended);
	*ret_names = px_steal(&names);
	*ret_suspended = px_steal(&suspended);
	return 0;
}

static bool is_backed_by(int at, const char *name, const struct stat *file)
{
	char path[PATH_MAX];
	struct stat st;

	return line_of(at, name, "loop/backing_file", path, sizeof(path)) == 0 &&
	       stat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

char *px_block_loop_of(const struct stat *file)
{
	px_auto(dir) DIR *dir = opendir(sys_class_block);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_backed_by(dirfd(dir), entry->d_name, file))
			return px_block_path(entry->d_name);
	return NULL;
}
