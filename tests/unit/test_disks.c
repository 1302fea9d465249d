/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/disks.h"
#include "pxenc/strv.h"

static struct fault no_opendir;
static const char *root;

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);

DIR *__wrap_fdopendir(int fd)
{
	return fault_hits(&no_opendir) ? NULL : __real_fdopendir(fd);
}

static void make_dir(const char *disk, const char *rest)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", disk, rest);
	assert_int_equal(mkdir(temp_path(path), 0755), 0);
}

static void attribute(const char *disk, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", disk, name);
	temp_file(path, text, strlen(text), 0644);
}

static void add_disk(const char *disk, const char *size)
{
	make_dir(disk, "");
	make_dir(disk, "/holders");
	attribute(disk, "size", size);
}

/* dm_uuid NULL: a holder that is no mapping, as of a RAID. */
static void add_holder(const char *disk, const char *holder, const char *dm_uuid)
{
	char path[128];

	snprintf(path, sizeof(path), "/holders/%s", holder);
	make_dir(disk, path);
	if (!dm_uuid)
		return;
	snprintf(path, sizeof(path), "/holders/%s/dm", holder);
	make_dir(disk, path);
	snprintf(path, sizeof(path), "holders/%s/dm/uuid", holder);
	attribute(disk, path, dm_uuid);
}

static int prepare(void **state)
{
	no_opendir = (struct fault){ 0 };
	if (temp_dir_make(state) < 0)
		return -1;
	root = *state;
	add_disk("sda", "2048\n");
	return 0;
}

static void assert_found(const char *wanted)
{
	char **devices = NULL, *all;

	assert_int_equal(px_disks_list(root, &devices), 0);
	all = px_strv_join(devices, " ");
	assert_string_equal(all, wanted);
	free(all);
	px_strv_free(&devices);
}

TEST(disks_and_partitions_are_found_and_sorted)
{
	add_disk("sda2", "1024\n");
	add_disk("dm-3", "1024\n");
	add_disk("nvme0n1", "99\n");
	add_disk("cciss!c0d0", "99\n");
	assert_found("/dev/cciss/c0d0 /dev/dm-3 /dev/nvme0n1 /dev/sda /dev/sda2");
}

TEST(what_is_empty_or_in_memory_or_can_be_taken_out_is_left_out)
{
	add_disk("loop0", "0\n");
	add_disk("ram0", "8192\n");
	add_disk("zram1", "8192\n");
	add_disk("sr0", "8192\n");
	add_disk("fd0", "8\n");
	make_dir("without-a-size", "");
	attribute(".", "a-file", "");
	assert_found("/dev/sda");
	/* Names that only begin like those. */
	add_disk("sram", "8\n");
	add_disk("fdisk", "8\n");
	assert_found("/dev/fdisk /dev/sda /dev/sram");
}

TEST(the_disks_of_a_raid_and_the_paths_of_a_multipath_device_are_left_out)
{
	add_disk("sdb", "8\n");
	add_holder("sdb", "md0", NULL);
	add_disk("sdc", "8\n");
	add_holder("sdc", "dm-0", "mpath-3600\n");
	assert_found("/dev/sda");
}

TEST(a_volume_that_is_open_is_found)
{
	add_holder("sda", "dm-1", "CRYPT-LUKS2-0f3c-pxenc-x\n");
	assert_found("/dev/sda");
	add_holder("sda", "dm-2", "LVM-x\n");
	assert_found("");
}

TEST(a_disk_that_cannot_be_looked_at_is_an_error_or_none)
{
	char **devices = NULL;

	assert_int_equal(px_disks_list("/nonexistent", &devices), -ENOENT);
	no_opendir = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_disks_list(root, &devices), -EMFILE);
	assert_null(devices);
	/* Gone between two looks. */
	no_opendir = (struct fault){ .skip = 1, .times = 1, .error = ENOENT };
	assert_found("/dev/sda");
}

static int list_and_free(void *unused)
{
	char **devices = NULL;
	int r = px_disks_list(root, &devices);

	(void)unused;
	px_strv_free(&devices);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	each_allocation_may_fail(list_and_free, NULL, -ENOMEM);
}

int main(void)
{
#define DISKS_TEST(name) cmocka_unit_test_setup_teardown(name, prepare, temp_dir_remove)
	const struct CMUnitTest tests[] = {
		DISKS_TEST(disks_and_partitions_are_found_and_sorted),
		DISKS_TEST(what_is_empty_or_in_memory_or_can_be_taken_out_is_left_out),
		DISKS_TEST(the_disks_of_a_raid_and_the_paths_of_a_multipath_device_are_left_out),
		DISKS_TEST(a_volume_that_is_open_is_found),
		DISKS_TEST(a_disk_that_cannot_be_looked_at_is_an_error_or_none),
		DISKS_TEST(running_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
