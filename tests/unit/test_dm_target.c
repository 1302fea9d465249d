/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pxenc/dm.h"

static void make_dir(const char *name)
{
	assert_int_equal(mkdir(temp_path(name), 0755), 0);
}

/* A file of the running kernel's modules, below the test's root. */
static void write_list(const char *list, const char *text)
{
	struct utsname names;
	char name[256];

	assert_int_equal(uname(&names), 0);
	make_dir("lib");
	make_dir("lib/modules");
	snprintf(name, sizeof(name), "lib/modules/%s", names.release);
	make_dir(name);
	snprintf(name, sizeof(name), "lib/modules/%s/%s", names.release, list);
	temp_file(name, text, strlen(text), 0644);
}

static bool has_crypt(void)
{
	return px_dm_has_crypt(temp_path("."));
}

TEST(a_kernel_without_modules_has_none)
{
	assert_false(has_crypt());
}

TEST(a_module_that_is_loaded_is_found)
{
	make_dir("sys");
	make_dir("sys/module");
	make_dir("sys/module/dm_crypt");
	assert_true(has_crypt());
}

TEST(a_module_that_can_be_loaded_is_found)
{
	write_list("modules.dep",
		   "kernel/drivers/md/dm-mod.ko:\n"
		   "kernel/drivers/md/dm-crypt.ko.xz: kernel/drivers/md/dm-mod.ko\n");
	assert_true(has_crypt());
}

TEST(what_is_built_in_is_found)
{
	write_list("modules.builtin", "kernel/drivers/md/dm-crypt.ko");
	assert_true(has_crypt());
}

TEST(a_module_that_needs_it_is_another)
{
	write_list("modules.dep", "kernel/x.ko: kernel/drivers/md/dm-crypt.ko\n");
	assert_false(has_crypt());
}

/* Whatever this machine has, nothing breaks. */
TEST(this_machine_can_be_asked)
{
	(void)px_dm_has_crypt("");
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(a_kernel_without_modules_has_none),
		in_dir(a_module_that_is_loaded_is_found),
		in_dir(a_module_that_can_be_loaded_is_found),
		in_dir(what_is_built_in_is_found),
		in_dir(a_module_that_needs_it_is_another),
		in_dir(this_machine_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
