/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pxenc/find.h"

#define LINK "/dev/disk/by-id/pxenc-no-such-link"
#define LOST "pxenc-no-such-disk"

static void attribute(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "dm-0/%s", name);
	temp_file(path, text, strlen(text), 0644);
}

/* One volume, whose disk was pulled out. */
static int prepare(void **state)
{
	static const char *const dirs[] = { "dm-0", "dm-0/dm", "dm-0/slaves" };

	if (temp_dir_make(state) < 0)
		return -1;
	px_mapping_set_root(*state);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		assert_int_equal(mkdir(temp_path(dirs[i]), 0755), 0);
	attribute("dm/name", "pxenc-one\n");
	attribute("dm/uuid", "CRYPT-LUKS2-0f3c8e1a5b7d4c2e9a61d2f4b8c07e35-pxenc-one\n");
	attribute("dm/suspended", "0\n");
	attribute("ro", "0\n");
	attribute("dev", "253:0\n");
	attribute("size", "98304\n");
	return symlink("../nowhere", temp_path("dm-0/slaves/" LOST));
}

static int clean_up(void **state)
{
	px_mapping_set_root(NULL);
	return temp_dir_remove(state);
}

TEST(a_disk_that_was_pulled_out_is_found_by_the_kernels_name)
{
	px_auto(mapping) struct px_mapping mapping = { 0 };

	assert_int_equal(px_find_mapping("/dev/" LOST, &mapping), 0);
	assert_string_equal(mapping.name, "pxenc-one");
}

TEST(a_link_that_went_with_its_disk_is_none_that_leads_nowhere_else)
{
	assert_true(px_find_is_lost_link(LINK));
	assert_false(px_find_is_lost_link("/dev/" LOST));
	assert_false(px_find_is_lost_link("/dev/null"));
	assert_false(px_find_is_lost_link("/dev/mapper/pxenc-no-such-mapping"));
	assert_false(px_find_is_lost_link("/nowhere"));
	assert_false(px_find_is_lost_link("pxenc-one"));
}

#define FIND_TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIND_TEST(a_disk_that_was_pulled_out_is_found_by_the_kernels_name),
		FIND_TEST(a_link_that_went_with_its_disk_is_none_that_leads_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
