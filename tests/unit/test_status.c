/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include "pxenc/status.h"

TEST(success_is_mounts_success)
{
	assert_int_equal(px_status_to_mount(PX_OK), 0);
}

TEST(a_wrong_invocation_is_mounts_1)
{
	assert_int_equal(px_status_to_mount(PX_USAGE), 1);
}

TEST(no_memory_is_mounts_system_error)
{
	assert_int_equal(px_status_to_mount(PX_NOMEM), 2);
}

TEST(every_other_failure_is_mounts_32)
{
	int status;

	for (status = PX_BAD_KEY; status <= PX_SOME_FAILED; status++)
		if (status != PX_NOMEM)
			assert_int_equal(px_status_to_mount((enum px_status)status), 32);
	assert_int_equal(px_status_to_mount((enum px_status) - 1), 32);
	assert_int_equal(px_status_to_mount((enum px_status)255), 32);
}

/* Scripts depend on these numbers. */
TEST(the_exit_statuses_are_those_of_the_design)
{
	assert_int_equal(PX_USAGE, 1);
	assert_int_equal(PX_BAD_KEY, 2);
	assert_int_equal(PX_NOMEM, 3);
	assert_int_equal(PX_NO_VOLUME, 4);
	assert_int_equal(PX_BUSY, 5);
	assert_int_equal(PX_UNREACHABLE, 6);
	assert_int_equal(PX_UNAUTHENTICATED, 7);
	assert_int_equal(PX_FORBIDDEN, 8);
	assert_int_equal(PX_NO_SECRET, 9);
	assert_int_equal(PX_UNTRUSTED, 10);
	assert_int_equal(PX_BAD_HEADER, 11);
	assert_int_equal(PX_KERNEL, 12);
	assert_int_equal(PX_MOUNT, 13);
	assert_int_equal(PX_EXISTS, 14);
	assert_int_equal(PX_DECLINED, 15);
	assert_int_equal(PX_SOME_FAILED, 20);
	assert_int_equal(PX_CANNOT_RUN, 126);
	assert_int_equal(PX_NO_COMMAND, 127);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_is_mounts_success),
		cmocka_unit_test(a_wrong_invocation_is_mounts_1),
		cmocka_unit_test(no_memory_is_mounts_system_error),
		cmocka_unit_test(every_other_failure_is_mounts_32),
		cmocka_unit_test(the_exit_statuses_are_those_of_the_design),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
