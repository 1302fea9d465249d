/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pxenc/block.h"
#include "pxenc/strv.h"

static struct fault no_opendir, no_readdir;

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);

DIR *__wrap_opendir(const char *path)
{
	return fault_hits(&no_opendir) ? NULL : __real_opendir(path);
}

struct dirent *__wrap_readdir(DIR *dir)
{
	return fault_hits(&no_readdir) ? NULL : __real_readdir(dir);
}

static void attribute(const char *name, const char *dir, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", name, dir);
	mkdir(temp_path(path), 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", name, dir, file);
	temp_file(path, text, strlen(text), 0644);
}

static void add(const char *name, const char *size, const char *suspended)
{
	char path[128];

	assert_int_equal(mkdir(temp_path(name), 0755), 0);
	snprintf(path, sizeof(path), "%s/size", name);
	temp_file(path, size, strlen(size), 0644);
	if (suspended)
		attribute(name, "dm", "suspended", suspended);
}

static int setup(void **state)
{
	if (temp_dir_make(state) < 0)
		return -1;
	px_block_set_root(*state);
	return 0;
}

static int teardown(void **state)
{
	px_block_set_root(NULL);
	return temp_dir_remove(state);
}

TEST(devices_are_listed_by_their_names_below_dev)
{
	char **names = NULL, **suspended = NULL;

	add("vdb", "65536\n", NULL);
	add("sda", "1\n", NULL);
	add("cciss!c0d0", "2048\n", NULL);
	add("dm-0", "65536\n", "0\n");
	assert_int_equal(px_block_list(&names, &suspended), 0);
	assert_int_equal(px_strv_len(names), 4);
	assert_string_equal(names[0], "cciss/c0d0");
	assert_string_equal(names[1], "dm-0");
	assert_string_equal(names[2], "sda");
	assert_string_equal(names[3], "vdb");
	px_strv_free(&names);
	px_strv_free(&suspended);
}

TEST(what_is_empty_or_suspended_is_left_alone)
{
	char **names = NULL, **suspended = NULL;

	add("loop0", "0\n", NULL);
	add("dm-0", "65536\n", "1\n");
	attribute("dm-0", "dm", "uuid", "CRYPT-LUKS2-0123-data\n");
	assert_int_equal(mkdir(temp_path("odd"), 0755), 0);
	assert_int_equal(px_block_list(&names, &suspended), 0);
	assert_null(names);
	assert_null(suspended);
}

TEST(a_suspended_logical_volume_which_may_hold_a_volume_is_listed_apart)
{
	char **names = NULL, **suspended = NULL;

	add("vdb", "65536\n", NULL);
	add("dm-1", "65536\n", "1\n");
	attribute("dm-1", "dm", "uuid", "LVM-0123\n");
	add("dm-0", "65536\n", "1\n");
	assert_int_equal(px_block_list(&names, &suspended), 0);
	assert_int_equal(px_strv_len(names), 1);
	assert_int_equal(px_strv_len(suspended), 2);
	assert_string_equal(suspended[0], "dm-0");
	assert_string_equal(suspended[1], "dm-1");
	px_strv_free(&names);
	px_strv_free(&suspended);
}

TEST(a_file_that_is_attached_leads_to_its_loop_device)
{
	px_auto(free) char *loop = NULL;
	struct stat st;

	temp_file("image", "x", 1, 0600);
	temp_file("other", "x", 1, 0600);
	add("vdb", "65536\n", NULL);
	add("loop3", "1\n", NULL);
	attribute("loop3", "loop", "backing_file", temp_path("image"));
	assert_int_equal(stat(temp_path("image"), &st), 0);
	loop = px_block_loop_of(&st);
	assert_string_equal(loop, "/dev/loop3");
	assert_int_equal(stat(temp_path("other"), &st), 0);
	assert_null(px_block_loop_of(&st));
}

TEST(a_machine_without_block_devices_has_none)
{
	char **names = NULL, **suspended = NULL;

	px_block_set_root("/nowhere");
	assert_int_equal(px_block_list(&names, &suspended), 0);
	assert_null(names);
}

TEST(what_sysfs_cannot_tell_is_an_error)
{
	char **names = NULL, **suspended = NULL;

	no_opendir = (struct fault){ .times = 1, .error = EMFILE };
	assert_int_equal(px_block_list(&names, &suspended), -EMFILE);
	no_readdir = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_block_list(&names, &suspended), -EIO);
	assert_null(names);
}

static int attempt_list(void *arg)
{
	char **names = NULL, **suspended = NULL;
	int r = px_block_list(&names, &suspended);

	(void)arg;
	px_strv_free(&names);
	px_strv_free(&suspended);
	return r;
}

TEST(a_list_runs_out_of_memory_without_a_trace)
{
	add("vdb", "65536\n", NULL);
	add("vdc", "65536\n", "1\n");
	each_allocation_may_fail(attempt_list, NULL, -ENOMEM);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(devices_are_listed_by_their_names_below_dev),
		CASE(what_is_empty_or_suspended_is_left_alone),
		CASE(a_suspended_logical_volume_which_may_hold_a_volume_is_listed_apart),
		CASE(a_file_that_is_attached_leads_to_its_loop_device),
		CASE(a_machine_without_block_devices_has_none),
		CASE(what_sysfs_cannot_tell_is_an_error),
		CASE(a_list_runs_out_of_memory_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
