/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <unistd.h>

#include "pxenc/lock.h"

TEST(a_device_that_is_locked_is_seen_so_and_stays_locked)
{
	const char *path = temp_text("device", "x", 0600);
	int first = -1, second = -1;

	assert_false(px_lock_is_held(path));
	assert_int_equal(px_lock_try(path, &first), 0);
	assert_true(px_lock_is_held(path));
	assert_int_equal(px_lock_try(path, &second), -EBUSY);
	close(first);
	assert_false(px_lock_is_held(path));
	assert_int_equal(px_lock_try(path, &second), 0);
	close(second);
}

TEST(a_device_that_cannot_be_opened_is_not_locked)
{
	assert_false(px_lock_is_held(temp_path("nothing")));
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_dir(a_device_that_is_locked_is_seen_so_and_stays_locked),
		in_dir(a_device_that_cannot_be_opened_is_not_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
