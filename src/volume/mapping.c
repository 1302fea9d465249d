/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/mapping.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pxenc/cleanup.h"
#include "sysfs.h"

#define SYS_BLOCK "/sys/block"

static const char *sys_block = SYS_BLOCK;

void px_mapping_set_root(const char *root)
{
	sys_block = root ? root : SYS_BLOCK;
}

static int read_text(int at, const char *attribute, char **ret_text)
{
	/* A mapping's name and uuid have at most 128 bytes. */
	char line[256];
	int r = px_sysfs_line(at, attribute, line, sizeof(line));

	if (r < 0)
		return r;
	*ret_text = strdup(line);
	return *ret_text ? 0 : -ENOMEM;
}

static int read_flag(int at, const char *attribute, bool *ret_flag)
{
	char line[16];
	int r = px_sysfs_line(at, attribute, line, sizeof(line));

	if (r == 0)
		*ret_flag = strcmp(line, "0") != 0;
	return r;
}

static int read_devno(int at, const char *attribute, dev_t *ret_devno)
{
	unsigned int major_no, minor_no;
	char line[32];
	int r = px_sysfs_line(at, attribute, line, sizeof(line));

	if (r < 0)
		return r;
	if (sscanf(line, "%u:%u", &major_no, &minor_no) != 2)
		return -EINVAL;
	*ret_devno = makedev(major_no, minor_no);
	return 0;
}

static struct dirent *next_entry(DIR *dir)
{
	struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && entry->d_name[0] == '.');
	return entry;
}

/* Mappings that libcryptsetup puts below a volume's while its data is written anew. */
static bool is_helper(const char *dm_uuid)
{
	return strncmp(dm_uuid, "CRYPT-SUBDEV-", 13) == 0;
}

bool px_mapping_is_temporary(const struct px_mapping *mapping)
{
	return strncmp(mapping->dm_uuid, "CRYPT-TEMP-", 11) == 0;
}

/* The one device below a mapping, as far as it is known; none of ours has two. */
struct below {
	char *name;
	dev_t devno; /* 0: it was pulled out */
	bool several;
	bool empty;  /* nothing lies below, not even a helper */
	bool helped; /* a helper does */
};

/*
 * The device number of a slave. The entry of a disk that was pulled out stays as long as the
 * mapping does, but leads nowhere; one that went meanwhile is no entry any more (-ENOENT).
 */
static int read_slave_devno(int slaves, const char *name, dev_t *ret_devno)
{
	char attribute[NAME_MAX + 8];
	struct stat st;
	int r;

	snprintf(attribute, sizeof(attribute), "%s/dev", name);
	r = read_devno(slaves, attribute, ret_devno);
	if (r == -ENOENT && fstatat(slaves, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret_devno = 0;
	else if (r < 0)
		return r;
	return 0;
}

static int add_below(int slaves, const char *name, struct below *below)
{
	dev_t devno = 0;
	int r = read_slave_devno(slaves, name, &devno);

	if (r < 0)
		return r;
	if (below->name) {
		below->several = below->several || devno != below->devno ||
				 (devno == 0 && strcmp(name, below->name) != 0);
		return 0;
	}
	below->devno = devno;
	below->name = strdup(name);
	return below->name ? 0 : -ENOMEM;
}

static bool entry_is_helper(int slaves, const char *name)
{
	char attribute[NAME_MAX + 16], uuid[256];

	snprintf(attribute, sizeof(attribute), "%s/dm/uuid", name);
	return px_sysfs_line(slaves, attribute, uuid, sizeof(uuid)) == 0 && is_helper(uuid);
}

/* Volume, overlay, hotzone, device: there are no more floors. */
#define FLOORS 4

static int look_below(int at, int floor, struct below *below)
{
	px_auto(dir) DIR *slaves = px_sysfs_open(at, "slaves");
	struct dirent *entry;
	int r = slaves ? 0 : -errno;

	while (r == 0 && (entry = next_entry(slaves))) {
		px_auto(fd) int helper = -1;

		below->empty = false;
		if (floor < FLOORS && entry_is_helper(dirfd(slaves), entry->d_name)) {
			below->helped = true;
			helper = openat(dirfd(slaves), entry->d_name,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			r = helper < 0 ? -errno : look_below(helper, floor + 1, below);
		} else {
			r = add_below(dirfd(slaves), entry->d_name, below);
		}
	}
	return r;
}

/*
 * Whether a LUKS mapping has lost its device: it was pulled out; or the table was taken from the
 * mapping, which waits for its last user. One that is just being made has no device either, but no
 * size yet.
 */
static int look_whether_gone(int at, const struct below *below, struct px_mapping *mapping)
{
	bool has_size = false;
	int r = 0;

	if (mapping->slave != 0 || !px_mapping_is_luks(mapping))
		return 0;
	if (below->empty)
		r = read_flag(at, "size", &has_size);
	mapping->gone = mapping->slave_name || has_size;
	return r;
}

/* What a mapping with a single device below it has there; with more, it is none of ours. */
static int read_slave(int at, struct px_mapping *mapping)
{
	struct below below = { .empty = true };
	int r = look_below(at, 1, &below);

	if (r < 0 || below.several) {
		free(below.name);
		return r;
	}
	if (below.name)
		px_sysfs_to_dev(below.name);
	mapping->slave_name = below.name;
	mapping->slave = below.devno;
	mapping->helped = below.helped;
	return look_whether_gone(at, &below, mapping);
}

static int read_attributes(int at, struct px_mapping *mapping)
{
	int r = read_text(at, "dm/name", &mapping->name);

	if (r == 0)
		r = read_text(at, "dm/uuid", &mapping->dm_uuid);
	if (r == 0)
		r = read_flag(at, "dm/suspended", &mapping->suspended);
	if (r == 0)
		r = read_flag(at, "ro", &mapping->readonly);
	if (r == 0)
		r = read_devno(at, "dev", &mapping->devno);
	if (r == 0)
		r = read_slave(at, mapping);
	return r;
}

/*
 * One mapping by its directory ("dm-3"). Any error but -ENOMEM means that it is gone, or (-ENOENT)
 * that it does not have the name, which is looked at first: with many mappings, reading all of
 * each for every volume adds up. name NULL: any.
 */
static int read_mapping(int block, const char *dm, const char *name, struct px_mapping *ret_mapping)
{
	struct px_mapping mapping = { .name = NULL };
	px_auto(fd) int fd = openat(block, dm, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char line[256];
	int r = fd >= 0 ? 0 : -errno;

	if (r == 0 && name)
		r = px_sysfs_line(fd, "dm/name", line, sizeof(line));
	if (r == 0 && name && strcmp(line, name) != 0)
		r = -ENOENT;
	if (r == 0)
		r = read_attributes(fd, &mapping);
	if (r < 0) {
		px_mapping_clear(&mapping);
		return r;
	}
	*ret_mapping = mapping;
	return 0;
}

/* The next mapping that is still there when it is read, and has the name: 1, 0 at the end, -errno.
 */
static int next_mapping(DIR *block, const char *name, struct px_mapping *ret_mapping)
{
	for (;;) {
		struct dirent *entry;
		int r;

		errno = 0;
		entry = readdir(block);
		if (!entry)
			return -errno;
		if (strncmp(entry->d_name, "dm-", 3) != 0)
			continue;
		r = read_mapping(dirfd(block), entry->d_name, name, ret_mapping);
		if (r == 0 || r == -ENOMEM)
			return r == 0 ? 1 : r;
	}
}

int px_mapping_by_name(const char *name, struct px_mapping *ret_mapping)
{
	px_auto(dir) DIR *block = px_sysfs_open(AT_FDCWD, sys_block);
	int r;

	if (!block)
		return -errno;
	r = next_mapping(block, name, ret_mapping);
	return r == 1 ? 0 : r < 0 ? r : -ENOENT;
}

static bool has_slave(const struct px_mapping *mapping, const void *slave)
{
	return px_mapping_is_luks(mapping) && mapping->slave == *(const dev_t *)slave;
}

static int find(bool (*match)(const struct px_mapping *, const void *), const void *what,
		struct px_mapping *ret_mapping)
{
	px_auto(dir) DIR *block = px_sysfs_open(AT_FDCWD, sys_block);
	struct px_mapping mapping;
	int r;

	if (!block)
		return -errno;
	while ((r = next_mapping(block, NULL, &mapping)) == 1) {
		if (match(&mapping, what)) {
			*ret_mapping = mapping;
			return 0;
		}
		px_mapping_clear(&mapping);
	}
	return r < 0 ? r : -ENOENT;
}

static bool lost_slave(const struct px_mapping *mapping, const void *slave_name)
{
	return px_mapping_is_luks(mapping) && mapping->gone && mapping->slave_name &&
	       strcmp(mapping->slave_name, slave_name) == 0;
}

int px_mapping_by_lost_slave(const char *slave_name, struct px_mapping *ret_mapping)
{
	return find(lost_slave, slave_name, ret_mapping);
}

int px_mapping_by_slave(dev_t slave, struct px_mapping *ret_mapping)
{
	/* 0 stands for a mapping that has no slave, or several. */
	return slave != 0 ? find(has_slave, &slave, ret_mapping) : -ENOENT;
}

struct list {
	struct px_mapping *mappings;
	size_t count;
};

/* Takes the mapping over, or clears it on failure. */
static int append(struct list *list, struct px_mapping *mapping)
{
	struct px_mapping *larger =
		reallocarray(list->mappings, list->count + 1, sizeof(*list->mappings));

	if (!larger) {
		px_mapping_clear(mapping);
		return -ENOMEM;
	}
	list->mappings = larger;
	list->mappings[list->count++] = *mapping;
	return 0;
}

static int collect(bool (*match)(const struct px_mapping *, const void *), const void *what,
		   struct list *list)
{
	px_auto(dir) DIR *block = px_sysfs_open(AT_FDCWD, sys_block);
	struct px_mapping mapping;
	int r;

	if (!block)
		return errno == ENOENT ? 0 : -errno;
	while ((r = next_mapping(block, NULL, &mapping)) == 1) {
		if (!match(&mapping, what)) {
			px_mapping_clear(&mapping);
			continue;
		}
		r = append(list, &mapping);
		if (r < 0)
			break;
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct px_mapping *)a)->name, ((const struct px_mapping *)b)->name);
}

static int list_all(bool (*match)(const struct px_mapping *, const void *), const void *what,
		    struct px_mapping **ret_list, size_t *ret_count)
{
	struct list list = { .mappings = NULL };
	int r = collect(match, what, &list);

	if (r < 0) {
		px_mapping_list_free(&list.mappings, list.count);
		return r;
	}
	if (list.count > 1)
		qsort(list.mappings, list.count, sizeof(*list.mappings), by_name);
	*ret_list = list.mappings;
	*ret_count = list.count;
	return 0;
}

static bool is_luks(const struct px_mapping *mapping, const void *unused)
{
	(void)unused;
	return px_mapping_is_luks(mapping);
}

int px_mapping_list(struct px_mapping **ret_list, size_t *ret_count)
{
	return list_all(is_luks, NULL, ret_list, ret_count);
}

static bool helps(const struct px_mapping *mapping, const void *slave)
{
	return (is_helper(mapping->dm_uuid) || px_mapping_is_temporary(mapping)) &&
	       mapping->slave == *(const dev_t *)slave;
}

int px_mapping_helpers(dev_t slave, struct px_mapping **ret_list, size_t *ret_count)
{
	return list_all(helps, &slave, ret_list, ret_count);
}

bool px_mapping_is_luks(const struct px_mapping *mapping)
{
	const char *uuid = mapping->dm_uuid;

	return strncmp(uuid, "CRYPT-LUKS1-", 12) == 0 || strncmp(uuid, "CRYPT-LUKS2-", 12) == 0;
}

bool px_mapping_has_uuid(const struct px_mapping *mapping, const char *uuid)
{
	const char *has = mapping->dm_uuid + strlen("CRYPT-LUKSx-");

	if (!px_mapping_is_luks(mapping))
		return false;
	for (; *uuid; uuid++)
		if (*uuid != '-' && *has++ != *uuid)
			return false;
	return *has == '-';
}

void px_mapping_clear(struct px_mapping *mapping)
{
	free(mapping->name);
	free(mapping->dm_uuid);
	free(mapping->slave_name);
	*mapping = (struct px_mapping){ .name = NULL };
}

void px_mapping_list_free(struct px_mapping **list, size_t count)
{
	if (!list || !*list)
		return;
	for (size_t i = 0; i < count; i++)
		px_mapping_clear(&(*list)[i]);
	free(*list);
	*list = NULL;
}
