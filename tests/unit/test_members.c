/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "pxenc/members.h"

static struct px_secret *from(const char *bytes, size_t len)
{
	struct px_secret *members = NULL;

	assert_int_equal(px_secret_from(bytes, len, &members), 0);
	return members;
}

static int check(const char *bytes, size_t len)
{
	px_auto(secret) struct px_secret *members = from(bytes, len);

	return px_members_check(members);
}

#define CHECK(text) check(text, sizeof(text) - 1)

TEST(what_was_added_is_found)
{
	px_auto(secret) struct px_secret *members = NULL;

	assert_int_equal(px_secret_new(64, &members), 0);
	assert_null(px_members_get(members, "a"));
	assert_int_equal(px_members_add(members, "a", "one"), 0);
	assert_int_equal(px_members_add(members, "empty", ""), 0);
	assert_int_equal(px_members_add(members, "b", "a"), 0);
	assert_int_equal(px_members_check(members), 0);
	assert_string_equal(px_members_get(members, "a"), "one");
	assert_string_equal(px_members_get(members, "empty"), "");
	assert_string_equal(px_members_get(members, "b"), "a");
	assert_null(px_members_get(members, "one"));
	assert_null(px_members_get(members, ""));
}

TEST(members_come_in_their_order)
{
	px_auto(secret) struct px_secret *members = from("a\0one\0b\0\0", 9);
	const char *name, *value;
	size_t pos = 0;

	assert_true(px_members_next(members, &pos, &name, &value));
	assert_string_equal(name, "a");
	assert_string_equal(value, "one");
	assert_true(px_members_next(members, &pos, &name, &value));
	assert_string_equal(name, "b");
	assert_string_equal(value, "");
	assert_false(px_members_next(members, &pos, &name, &value));
}

TEST(what_does_not_fit_changes_nothing)
{
	px_auto(secret) struct px_secret *members = NULL;

	assert_int_equal(px_secret_new(8, &members), 0);
	assert_int_equal(px_members_add(members, "a", "123456"), -ENOSPC);
	assert_int_equal(px_secret_len(members), 0);
	assert_int_equal(px_members_add(members, "a", "12345"), 0);
	assert_int_equal(px_members_add(members, "", ""), -ENOSPC);
	assert_int_equal(px_members_size("a", "12345"), 8);
}

TEST(bytes_that_are_no_pairs_of_texts_are_refused)
{
	assert_int_equal(CHECK(""), 0);
	assert_int_equal(CHECK("a\0b\0"), 0);
	assert_int_equal(CHECK("a\0b"), -EBADMSG);
	assert_int_equal(CHECK("a"), -EBADMSG);
	assert_int_equal(CHECK("a\0"), -EBADMSG);
	assert_int_equal(CHECK("a\0b\0c\0"), -EBADMSG);
	assert_int_equal(CHECK("a\0b\0c"), -EBADMSG);
	assert_int_equal(CHECK("a\0b\0c\0d"), -EBADMSG);
}

TEST(a_member_without_a_name_or_with_that_of_another_is_refused)
{
	assert_int_equal(CHECK("\0b\0"), -EBADMSG);
	assert_int_equal(CHECK("a\0b\0a\0b\0"), -EBADMSG);
	assert_int_equal(CHECK("a\0\0a\0c\0"), -EBADMSG);
	assert_int_equal(CHECK("a\0b\0b\0a\0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found),
		cmocka_unit_test(members_come_in_their_order),
		cmocka_unit_test(what_does_not_fit_changes_nothing),
		cmocka_unit_test(bytes_that_are_no_pairs_of_texts_are_refused),
		cmocka_unit_test(a_member_without_a_name_or_with_that_of_another_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
