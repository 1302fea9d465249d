/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <limits.h>

#include "pxenc/clock.h"

TEST(the_clock_never_goes_back)
{
	int64_t before = px_now_us(), after;
	int i;

	for (i = 0; i < 1000; i++) {
		after = px_now_us();
		assert_true(after >= before);
		before = after;
	}
}

TEST(milliseconds_are_the_microseconds_of_the_same_clock)
{
	int64_t us = px_now_us(), ms = px_now_ms(), after = px_now_us();

	assert_true(us / 1000 <= ms && ms <= after / 1000);
}

TEST(a_deadline_of_0_seconds_never_comes)
{
	assert_true(px_deadline_in(0) == PX_FOREVER);
	assert_int_equal(px_deadline_left(PX_FOREVER), -1);
}

TEST(a_deadline_lies_as_many_seconds_ahead_as_it_says)
{
	int left = px_deadline_left(px_deadline_in(3600));

	assert_in_range(left, 3590000, 3600000);
}

TEST(a_deadline_that_is_past_has_0_left_and_never_poll2s_forever)
{
	assert_int_equal(px_deadline_left(0), 0);
	assert_int_equal(px_deadline_left(-1), 0);
	assert_int_equal(px_deadline_left(px_now_ms()), 0);
	assert_int_equal(px_deadline_left(px_now_ms() - 86400000), 0);
}

TEST(the_farthest_deadline_fits_into_polls_int)
{
	int64_t far = px_deadline_in(UINT_MAX);

	assert_true(far > px_now_ms() && far != PX_FOREVER);
	assert_int_equal(px_deadline_left(far), INT_MAX);
	assert_int_equal(px_deadline_left(PX_FOREVER - 1), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_never_goes_back),
		cmocka_unit_test(milliseconds_are_the_microseconds_of_the_same_clock),
		cmocka_unit_test(a_deadline_of_0_seconds_never_comes),
		cmocka_unit_test(a_deadline_lies_as_many_seconds_ahead_as_it_says),
		cmocka_unit_test(a_deadline_that_is_past_has_0_left_and_never_poll2s_forever),
		cmocka_unit_test(the_farthest_deadline_fits_into_polls_int),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
