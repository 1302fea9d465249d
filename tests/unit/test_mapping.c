/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pxenc/mapping.h"

#define UUID_1 "CRYPT-LUKS2-0f3c8e1a5b7d4c2e9a61d2f4b8c07e35-pxenc-one"
#define UUID_2 "CRYPT-LUKS1-1f3c8e1a5b7d4c2e9a61d2f4b8c07e35-data"

static struct fault no_opendir, no_read, no_readdir;
static const char *vanishing; /* a slave, as soon as its name was read */

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);

DIR *__wrap_fdopendir(int fd)
{
	return fault_hits(&no_opendir) ? NULL : __real_fdopendir(fd);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len);
}

struct dirent *__wrap_readdir(DIR *dir)
{
	struct dirent *entry;

	if (fault_hits(&no_readdir))
		return NULL;
	entry = __real_readdir(dir);
	if (entry && vanishing && strcmp(entry->d_name, strrchr(vanishing, '/') + 1) == 0) {
		assert_int_equal(rmdir(temp_path(vanishing)), 0);
		vanishing = NULL;
	}
	return entry;
}

static void make_dir(const char *name)
{
	assert_int_equal(mkdir(temp_path(name), 0755), 0);
}

static void attribute(const char *dm, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dm, name);
	temp_file(path, text, strlen(text), 0644);
}

/* As the kernel has it: attributes with a newline, slaves as directories of their own. */
static void add_mapping(const char *dm, const char *name, const char *uuid, const char *dev)
{
	char path[128];

	make_dir(dm);
	snprintf(path, sizeof(path), "%s/dm", dm);
	make_dir(path);
	snprintf(path, sizeof(path), "%s/slaves", dm);
	make_dir(path);
	attribute(dm, "dm/name", name);
	attribute(dm, "dm/uuid", uuid);
	attribute(dm, "dm/suspended", "0\n");
	attribute(dm, "ro", "0\n");
	attribute(dm, "dev", dev);
	attribute(dm, "size", "98304\n");
}

static void add_slave(const char *dm, const char *slave, const char *dev)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/slaves/%s", dm, slave);
	make_dir(path);
	snprintf(path, sizeof(path), "slaves/%s/dev", slave);
	attribute(dm, path, dev);
}

/* Two LUKS mappings, an LVM volume, and devices that are no mappings. */
static int prepare(void **state)
{
	no_opendir = no_read = no_readdir = (struct fault){ 0 };
	vanishing = NULL;
	if (temp_dir_make(state) < 0)
		return -1;
	px_mapping_set_root(*state);
	make_dir("sda");
	make_dir("loop0");
	add_mapping("dm-0", "pxenc-one\n", UUID_1 "\n", "253:0\n");
	add_slave("dm-0", "sdb", "8:16\n");
	add_mapping("dm-1", "data\n", UUID_2 "\n", "253:1\n");
	add_slave("dm-1", "sdc1", "8:33\n");
	attribute("dm-1", "dm/suspended", "1\n");
	attribute("dm-1", "ro", "1\n");
	add_mapping("dm-2", "vg-root\n", "LVM-abc\n", "253:2\n");
	add_slave("dm-2", "sdb", "8:16\n");
	add_mapping("dm-3", "no-uuid\n", "\n", "253:3\n");
	return 0;
}

static int clean_up(void **state)
{
	px_mapping_set_root(NULL);
	return temp_dir_remove(state);
}

TEST(luks_mappings_are_listed_by_name)
{
	struct px_mapping *list = NULL;
	size_t count = 0;

	assert_int_equal(px_mapping_list(&list, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].name, "data");
	assert_string_equal(list[0].dm_uuid, UUID_2);
	assert_int_equal(list[0].devno, makedev(253, 1));
	assert_int_equal(list[0].slave, makedev(8, 33));
	assert_string_equal(list[0].slave_name, "sdc1");
	assert_true(list[0].suspended);
	assert_true(list[0].readonly);
	assert_string_equal(list[1].name, "pxenc-one");
	assert_false(list[1].suspended);
	assert_false(list[1].readonly);
	px_mapping_list_free(&list, count);
	assert_null(list);
	px_mapping_list_free(&list, 0);
	px_mapping_list_free(NULL, 0);
}

TEST(a_machine_without_mappings_has_an_empty_list)
{
	struct px_mapping *list = NULL, mapping;
	size_t count = 7;

	px_mapping_set_root("/nonexistent");
	assert_int_equal(px_mapping_list(&list, &count), 0);
	assert_int_equal(count, 0);
	assert_null(list);
	assert_int_equal(px_mapping_by_name("data", &mapping), -ENOENT);
}

TEST(a_mapping_is_found_by_name_luks_or_not)
{
	struct px_mapping mapping;

	assert_int_equal(px_mapping_by_name("pxenc-one", &mapping), 0);
	assert_true(px_mapping_is_luks(&mapping));
	assert_false(mapping.helped);
	px_mapping_clear(&mapping);
	assert_null(mapping.name);
	assert_int_equal(px_mapping_by_name("data", &mapping), 0);
	assert_true(px_mapping_is_luks(&mapping));
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_name("vg-root", &mapping), 0);
	assert_false(px_mapping_is_luks(&mapping));
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_name("no-uuid", &mapping), 0);
	assert_false(px_mapping_is_luks(&mapping));
	assert_int_equal(mapping.slave, 0);
	assert_null(mapping.slave_name);
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_name("pxenc", &mapping), -ENOENT);
	assert_int_equal(px_mapping_by_name("", &mapping), -ENOENT);
}

TEST(a_luks_mapping_is_found_by_the_device_below)
{
	struct px_mapping mapping;

	assert_int_equal(px_mapping_by_slave(makedev(8, 16), &mapping), 0);
	assert_string_equal(mapping.name, "pxenc-one");
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_slave(makedev(8, 32), &mapping), -ENOENT);
	/* 0 is what mappings without a slave have. */
	assert_int_equal(px_mapping_by_slave(0, &mapping), -ENOENT);
}

/* "etherd!e1.0" in sysfs, since a name has no slash there. */
TEST(the_device_below_has_its_name_below_dev)
{
	struct px_mapping mapping;

	add_mapping("dm-4", "aoe\n", UUID_1 "\n", "253:4\n");
	add_slave("dm-4", "etherd!e1.0", "152:272\n");
	assert_int_equal(px_mapping_by_name("aoe", &mapping), 0);
	assert_string_equal(mapping.slave_name, "etherd/e1.0");
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_slave(makedev(152, 272), &mapping), 0);
	px_mapping_clear(&mapping);

	assert_int_equal(unlink(temp_path("dm-4/slaves/etherd!e1.0/dev")), 0);
	assert_int_equal(px_mapping_by_lost_slave("etherd/e1.0", &mapping), 0);
	assert_string_equal(mapping.name, "aoe");
	assert_string_equal(mapping.slave_name, "etherd/e1.0");
	px_mapping_clear(&mapping);
}

TEST(a_mapping_with_two_slaves_has_none)
{
	struct px_mapping mapping;

	add_slave("dm-0", "sdz", "65:144\n");
	assert_int_equal(px_mapping_by_name("pxenc-one", &mapping), 0);
	assert_int_equal(mapping.slave, 0);
	assert_null(mapping.slave_name);
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_slave(makedev(8, 16), &mapping), -ENOENT);
}

/* Another process may remove a mapping at any point of our reading it. */
TEST(a_mapping_that_vanishes_is_passed_over)
{
	static const char *const gone[] = {
		"dm-0/dev", "dm-0/ro", "dm-0/dm/suspended", "dm-0/dm/uuid", "dm-0/dm/name",
	};
	struct px_mapping *list = NULL, mapping;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		assert_int_equal(unlink(temp_path(gone[i])), 0);
		assert_int_equal(px_mapping_list(&list, &count), 0);
		assert_int_equal(count, 1);
		assert_string_equal(list[0].name, "data");
		px_mapping_list_free(&list, count);
		assert_int_equal(px_mapping_by_name("pxenc-one", &mapping), -ENOENT);
	}
}

TEST(a_slave_that_vanishes_is_a_vanished_mapping)
{
	struct px_mapping mapping;

	assert_int_equal(unlink(temp_path("dm-0/slaves/sdb/dev")), 0);
	vanishing = "dm-0/slaves/sdb";
	assert_int_equal(px_mapping_by_slave(makedev(8, 16), &mapping), -ENOENT);
	assert_null(vanishing);
	assert_int_equal(rmdir(temp_path("dm-3/slaves")), 0);
	assert_int_equal(px_mapping_by_name("no-uuid", &mapping), -ENOENT);
	attribute("dm-1", "dev", "no number\n");
	assert_int_equal(px_mapping_by_name("data", &mapping), -ENOENT);
}

/* The kernel leaves its entry, which leads nowhere, as long as there is the mapping. */
TEST(a_device_that_was_pulled_out_is_gone_and_the_mapping_still_there)
{
	struct px_mapping mapping;

	assert_int_equal(px_mapping_by_name("pxenc-one", &mapping), 0);
	assert_false(mapping.gone);
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_lost_slave("sdb", &mapping), -ENOENT);

	assert_int_equal(unlink(temp_path("dm-0/slaves/sdb/dev")), 0);
	assert_int_equal(rmdir(temp_path("dm-0/slaves/sdb")), 0);
	assert_int_equal(symlink("../nowhere", temp_path("dm-0/slaves/sdb")), 0);
	assert_int_equal(px_mapping_by_name("pxenc-one", &mapping), 0);
	assert_true(mapping.gone);
	assert_int_equal(mapping.slave, 0);
	assert_string_equal(mapping.slave_name, "sdb");
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_lost_slave("sdb", &mapping), 0);
	assert_string_equal(mapping.name, "pxenc-one");
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_lost_slave("sdc1", &mapping), -ENOENT);
	assert_int_equal(px_mapping_by_slave(makedev(8, 16), &mapping), -ENOENT);
}

TEST(only_luks_mappings_are_told_to_be_gone)
{
	struct px_mapping mapping;

	assert_int_equal(unlink(temp_path("dm-2/slaves/sdb/dev")), 0);
	assert_int_equal(px_mapping_by_name("vg-root", &mapping), 0);
	assert_false(mapping.gone);
	px_mapping_clear(&mapping);
	assert_int_equal(px_mapping_by_lost_slave("sdb", &mapping), -ENOENT);
}

/* Released, it waits for its last user; but one that is just being made has no slave either. */
TEST(a_mapping_whose_table_was_taken_from_it_is_gone)
{
	struct px_mapping mapping;

	add_mapping("dm-4", "wiped\n", UUID_1 "\n", "253:4\n");
	assert_int_equal(px_mapping_by_name("wiped", &mapping), 0);
	assert_true(mapping.gone);
	assert_null(mapping.slave_name);
	px_mapping_clear(&mapping);
	assert_int_equal(unlink(temp_path("dm-4/size")), 0);
	attribute("dm-4", "size", "0\n");
	assert_int_equal(px_mapping_by_name("wiped", &mapping), 0);
	assert_false(mapping.gone);
	px_mapping_clear(&mapping);
}

/* While its data is written anew, a helper lies between a mapping and its device. */
TEST(a_mapping_above_a_helper_without_a_device_is_not_told_to_be_gone)
{
	struct px_mapping mapping;

	add_mapping("dm-4", "moving\n", UUID_1 "\n", "253:4\n");
	add_slave("dm-4", "dm-5", "253:5\n");
	make_dir("dm-4/slaves/dm-5/dm");
	make_dir("dm-4/slaves/dm-5/slaves");
	attribute("dm-4", "slaves/dm-5/dm/uuid", "CRYPT-SUBDEV-moving-hotzone\n");
	assert_int_equal(px_mapping_by_name("moving", &mapping), 0);
	assert_true(mapping.helped);
	assert_false(mapping.gone);
	assert_null(mapping.slave_name);
	px_mapping_clear(&mapping);
}

/* By which libcryptsetup reads and writes what libcrypto has no cipher for. */
TEST(a_temporary_mapping_of_a_device_is_one_of_its_helpers_and_no_volume)
{
	struct px_mapping *list = NULL, mapping;
	size_t count = 0;

	add_mapping("dm-4", "temporary-cryptsetup-7-0\n", "CRYPT-TEMP-temporary-cryptsetup-7-0\n",
		    "253:4\n");
	add_slave("dm-4", "sdz", "8:240\n");
	assert_int_equal(px_mapping_helpers(makedev(8, 240), &list, &count), 0);
	assert_int_equal(count, 1);
	assert_true(px_mapping_is_temporary(&list[0]));
	px_mapping_list_free(&list, count);
	assert_int_equal(px_mapping_by_slave(makedev(8, 240), &mapping), -ENOENT);
}

TEST(failures_to_read_are_told_from_none)
{
	struct px_mapping *list = NULL, mapping;
	size_t count = 0;

	no_opendir = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_mapping_list(&list, &count), -EMFILE);
	no_opendir = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_mapping_by_name("data", &mapping), -EMFILE);
	no_readdir = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_mapping_by_name("data", &mapping), -EIO);
	assert_null(list);
	/* As dm_attr_show does for a mapping that is going away. */
	no_read = (struct fault){ .times = 1000, .error = EINVAL };
	assert_int_equal(px_mapping_list(&list, &count), 0);
	assert_int_equal(count, 0);
}

static int list_and_free(void *unused)
{
	struct px_mapping *list = NULL;
	size_t count = 0;
	int r;

	(void)unused;
	r = px_mapping_list(&list, &count);
	if (r == 0)
		assert_int_equal(count, 2);
	px_mapping_list_free(&list, count);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	each_allocation_may_fail(list_and_free, NULL, -ENOMEM);
}

TEST(a_mapping_is_of_the_header_whose_uuid_it_has)
{
	static char luks2[] = UUID_1, luks1[] = UUID_2,
		    lvm[] = "LVM-0f3c8e1a5b7d4c2e9a61d2f4b8c07e35-x";
	static char without_name[] = "CRYPT-LUKS2-0f3c8e1a5b7d4c2e9a61d2f4b8c07e35";
	struct px_mapping mapping = { .dm_uuid = luks2 };

	assert_true(px_mapping_has_uuid(&mapping, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"));
	assert_false(px_mapping_has_uuid(&mapping, "1f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"));
	assert_false(px_mapping_has_uuid(&mapping, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e3"));
	assert_false(px_mapping_has_uuid(&mapping, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e351"));
	assert_false(px_mapping_has_uuid(&mapping, ""));
	mapping.dm_uuid = luks1;
	assert_true(px_mapping_has_uuid(&mapping, "1f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"));
	mapping.dm_uuid = lvm;
	assert_false(px_mapping_has_uuid(&mapping, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"));
	mapping.dm_uuid = without_name;
	assert_false(px_mapping_has_uuid(&mapping, "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35"));
}

int main(void)
{
#define MAPPING_TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)
	const struct CMUnitTest tests[] = {
		MAPPING_TEST(luks_mappings_are_listed_by_name),
		MAPPING_TEST(a_machine_without_mappings_has_an_empty_list),
		MAPPING_TEST(a_mapping_is_found_by_name_luks_or_not),
		MAPPING_TEST(a_luks_mapping_is_found_by_the_device_below),
		MAPPING_TEST(the_device_below_has_its_name_below_dev),
		MAPPING_TEST(a_mapping_with_two_slaves_has_none),
		MAPPING_TEST(a_mapping_that_vanishes_is_passed_over),
		MAPPING_TEST(a_slave_that_vanishes_is_a_vanished_mapping),
		MAPPING_TEST(a_device_that_was_pulled_out_is_gone_and_the_mapping_still_there),
		MAPPING_TEST(only_luks_mappings_are_told_to_be_gone),
		MAPPING_TEST(a_mapping_whose_table_was_taken_from_it_is_gone),
		MAPPING_TEST(a_mapping_above_a_helper_without_a_device_is_not_told_to_be_gone),
		MAPPING_TEST(a_temporary_mapping_of_a_device_is_one_of_its_helpers_and_no_volume),
		MAPPING_TEST(failures_to_read_are_told_from_none),
		MAPPING_TEST(a_mapping_is_of_the_header_whose_uuid_it_has),
		MAPPING_TEST(running_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
