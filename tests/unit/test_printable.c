/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "pxenc/printable.h"

static void check(const char *text, const char *shown)
{
	char copy[64];

	strcpy(copy, text);
	px_make_printable(copy);
	assert_string_equal(copy, shown);
	assert_int_equal(px_is_printable(text), strcmp(text, shown) == 0);
}

TEST(text_in_any_script_stays_as_it_is)
{
	check("", "");
	check("volumes/a-b_c~1", "volumes/a-b_c~1");
	check("sch\xc3\xb6n \xe6\xb0\xb4 \xf0\x9f\x94\x91",
	      "sch\xc3\xb6n \xe6\xb0\xb4 \xf0\x9f\x94\x91");
}

TEST(what_drives_a_terminal_is_replaced)
{
	check("a\x1b[2Jb", "a?[2Jb");
	check("a\nb\tc\x7f", "a?b?c?");
	check("csi in utf-8: \xc2\x9b", "csi in utf-8: ??");
	check("turned: \xe2\x80\xae.", "turned: ???.");
	check("isolated: \xe2\x81\xa6.", "isolated: ???.");
	check("a new line: \xe2\x80\xa8.", "a new line: ???.");
}

TEST(bytes_that_are_no_utf8_are_replaced)
{
	check("lone: \x9b", "lone: ?");
	check("cut: \xe2\x82", "cut: ??");
	check("overlong: \xc0\xaf \xe0\x80\xaf", "overlong: ?? ???");
	check("surrogate: \xed\xa0\x80", "surrogate: ???");
	check("beyond: \xf5\x80\x80\x80 \xf4\x90\x80\x80", "beyond: ???? ????");
}

TEST(the_width_counts_characters)
{
	assert_int_equal(px_printable_width(""), 0);
	assert_int_equal(px_printable_width("sch\xc3\xb6n"), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_in_any_script_stays_as_it_is),
		cmocka_unit_test(what_drives_a_terminal_is_replaced),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(the_width_counts_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
