/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "pxenc/strv.h"

TEST(a_null_list_is_an_empty_one)
{
	px_auto(strv) char **strv = NULL;

	assert_int_equal(px_strv_len(NULL), 0);
	px_strv_sort(NULL);
	px_strv_free(NULL);
	px_strv_free(&strv);
	assert_null(strv);
}

TEST(texts_are_added_at_the_end_as_copies)
{
	px_auto(strv) char **strv = NULL;
	char text[] = "first";

	assert_int_equal(px_strv_add(&strv, text), 0);
	text[0] = 'F';
	assert_int_equal(px_strv_add(&strv, ""), 0);
	assert_int_equal(px_strv_add(&strv, "third"), 0);
	assert_int_equal(px_strv_len(strv), 3);
	assert_string_equal(strv[0], "first");
	assert_string_equal(strv[1], "");
	assert_string_equal(strv[2], "third");
	assert_null(strv[3]);
}

TEST(sorting_goes_by_byte_values_and_keeps_doubles)
{
	static const char *const unsorted[] = { "b", "\xc3\xa4", "a/b", "B", "a", "", "a" };
	static const char *const sorted[] = { "", "B", "a", "a", "a/b", "b", "\xc3\xa4" };
	px_auto(strv) char **strv = NULL;
	size_t i;

	for (i = 0; i < 7; i++)
		assert_int_equal(px_strv_add(&strv, unsorted[i]), 0);
	px_strv_sort(strv);
	for (i = 0; i < 7; i++)
		assert_string_equal(strv[i], sorted[i]);
	assert_int_equal(px_strv_len(strv), 7);
}

TEST(no_memory_leaves_the_list_as_it_was)
{
	px_auto(strv) char **strv = NULL;
	unsigned int nth;

	assert_int_equal(px_strv_add(&strv, "kept"), 0);
	for (nth = 1; nth <= 2; nth++) {
		allocation_fails(nth);
		assert_int_equal(px_strv_add(&strv, "lost"), -ENOMEM);
		assert_int_equal(px_strv_len(strv), 1);
		assert_string_equal(strv[0], "kept");
	}
	allocation_fails(0);
}

TEST(no_memory_for_the_first_text_leaves_no_list)
{
	char **strv = NULL;

	allocation_fails(2);
	assert_int_equal(px_strv_add(&strv, "lost"), -ENOMEM);
	allocation_fails(0);
	assert_null(strv);
}

static void check_join(char **strv, const char *wanted)
{
	px_auto(free) char *joined = px_strv_join(strv, ", ");

	assert_non_null(joined);
	assert_string_equal(joined, wanted);
}

TEST(joining_puts_the_separator_between_and_nowhere_else)
{
	px_auto(strv) char **strv = NULL;

	check_join(NULL, "");
	assert_int_equal(px_strv_add(&strv, "/a"), 0);
	check_join(strv, "/a");
	assert_int_equal(px_strv_add(&strv, "/b"), 0);
	check_join(strv, "/a, /b");
	allocation_fails(1);
	assert_null(px_strv_join(strv, ", "));
	allocation_fails(0);
}

TEST(freeing_forgets_the_list)
{
	char **strv = NULL;

	assert_int_equal(px_strv_add(&strv, "text"), 0);
	px_strv_free(&strv);
	assert_null(strv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_null_list_is_an_empty_one),
		cmocka_unit_test(texts_are_added_at_the_end_as_copies),
		cmocka_unit_test(sorting_goes_by_byte_values_and_keeps_doubles),
		cmocka_unit_test(no_memory_leaves_the_list_as_it_was),
		cmocka_unit_test(no_memory_for_the_first_text_leaves_no_list),
		cmocka_unit_test(joining_puts_the_separator_between_and_nowhere_else),
		cmocka_unit_test(freeing_forgets_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
