/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "pxenc/path.h"

#define BASE "pwx/secrets"

/* A path of just len bytes, in components of 9. */
static char *path_of(size_t len)
{
	char *path = malloc(len + 1);
	size_t i;

	assert_non_null(path);
	for (i = 0; i < len; i++)
		path[i] = i % 10 == 9 && i != len - 1 ? '/' : 'a';
	path[len] = '\0';
	return path;
}

static void check_refused(const char *const paths[], const char *word)
{
	for (; *paths; paths++) {
		const char *fault = px_path_fault(*paths);
		char *ret = NULL;

		if (!fault || !strstr(fault, word))
			fail_msg("'%s': %s", *paths, fault ? fault : "no fault found");
		assert_int_equal(px_path_check(*paths), -EINVAL);
		assert_int_equal(px_path_full(BASE, *paths, &ret), -EINVAL);
		assert_int_equal(px_path_relative(BASE, *paths, &ret), -EINVAL);
		assert_int_equal(px_path_join(BASE, *paths, &ret), -EINVAL);
		assert_null(ret);
		assert_false(px_path_may_be_key(*paths));
	}
}

#define assert_refused(word, ...) check_refused((const char *const[]){ __VA_ARGS__, NULL }, word)

static void check_full(const char *base, const char *path, const char *wanted)
{
	px_auto(free) char *full = NULL;

	assert_int_equal(px_path_full(base, path, &full), 0);
	assert_string_equal(full, wanted);
}

static void check_relative(const char *base, const char *path, const char *wanted)
{
	px_auto(free) char *relative = NULL;

	assert_int_equal(px_path_relative(base, path, &relative), 0);
	assert_string_equal(relative, wanted);
}

TEST(ordinary_paths_are_well_formed)
{
	static const char *const paths[] = { "a",	 "a/b/c", "/a",	    "volumes/0f3c-1/1",
					     "...",	 "a/...", ".a/..b", "a.b/-_~:@,;+=!$&'()*",
					     "\xc3\xa4", "~",	  NULL };
	size_t i;

	for (i = 0; paths[i]; i++) {
		assert_null(px_path_fault(paths[i]));
		assert_int_equal(px_path_check(paths[i]), 0);
	}
}

TEST(an_empty_path_is_refused)
{
	assert_refused("empty", "", "/");
}

TEST(an_empty_component_is_refused)
{
	assert_refused("empty component", "//", "//a", "a//b", "a/", "/a/", "a/b//");
}

TEST(a_path_with_a_dot_component_is_refused)
{
	assert_refused("'.'", ".", "/.", "./a", "a/./b", "a/.");
}

TEST(a_path_with_a_dotdot_component_is_refused)
{
	assert_refused("'..'", "..", "/..", "../a", "a/../b", "a/..", BASE "/../../etc");
}

TEST(a_percent_sign_is_refused_so_no_server_can_decode_it)
{
	assert_refused("%", "%", "a%2fb", "%2e%2e/a", "a/%2e", "a%", "100%25");
}

TEST(what_a_url_would_end_at_is_refused)
{
	assert_refused("?", "a?store=other", "?");
	assert_refused("#", "a#b", "#");
	assert_refused("\\", "a\\b", "..\\a");
}

TEST(white_space_and_control_characters_are_refused)
{
	assert_refused("space", "a b", " a", "a ", "a\tb", "a\nb", "a\r", "a\x01", "a\x7f",
		       "a\x1b[2J");
}

TEST(the_longest_path_has_1024_bytes)
{
	px_auto(free) char *fits = path_of(PX_PATH_MAX), *too_long = path_of(PX_PATH_MAX + 1);
	px_auto(free) char *huge = path_of(1 << 20);

	assert_int_equal(px_path_check(fits), 0);
	assert_refused("1024", too_long, huge);
}

TEST(one_leading_slash_does_not_count)
{
	px_auto(free) char *path = path_of(PX_PATH_MAX + 1);

	path[0] = '/';
	assert_int_equal(px_path_check(path), 0);
}

TEST(a_path_below_the_base_is_taken_as_it_is)
{
	check_full(BASE, BASE "/key", BASE "/key");
	check_full(BASE, "/" BASE "/a/b", BASE "/a/b");
	check_relative(BASE, BASE "/key", "key");
	check_relative(BASE, "/" BASE "/a/b", "a/b");
}

TEST(any_other_path_is_relative_to_the_base)
{
	check_full(BASE, "key", BASE "/key");
	check_full(BASE, "/key", BASE "/key");
	check_full(BASE, "pwx/key", BASE "/pwx/key");
	check_relative(BASE, "/key", "key");
}

TEST(the_base_itself_and_names_that_only_begin_like_it_are_relative)
{
	check_full(BASE, BASE, BASE "/" BASE);
	check_full(BASE, BASE "2/key", BASE "/" BASE "2/key");
	check_full(BASE, BASE "-old", BASE "/" BASE "-old");
}

TEST(the_base_is_stripped_once)
{
	check_full(BASE, BASE "/" BASE "/key", BASE "/" BASE "/key");
	check_relative(BASE, BASE "/" BASE "/key", BASE "/key");
}

TEST(without_a_base_paths_are_those_of_the_top_level)
{
	check_full("", "/a/b", "a/b");
	check_full("", "a", "a");
	check_relative("", "/a/b", "a/b");
}

TEST(joining_never_reinterprets)
{
	px_auto(free) char *full = NULL;

	assert_int_equal(px_path_join(BASE, BASE "/key", &full), 0);
	assert_string_equal(full, BASE "/" BASE "/key");
}

TEST(the_full_path_has_at_most_1024_bytes_base_included)
{
	size_t room = PX_PATH_MAX - strlen(BASE "/");
	px_auto(free) char *fits = path_of(room), *too_long = path_of(room + 1);
	px_auto(free) char *full = NULL;
	char *none = NULL;

	assert_int_equal(px_path_full(BASE, fits, &full), 0);
	assert_int_equal(strlen(full), PX_PATH_MAX);
	assert_int_equal(px_path_full(BASE, too_long, &none), -EINVAL);
	assert_null(none);
}

TEST(ordinary_paths_may_be_keys)
{
	assert_true(px_path_may_be_key("cluster-wide-secret-key"));
	assert_true(px_path_may_be_key("volumes/0f3c/1"));
	assert_true(px_path_may_be_key("volumes/header"));
	assert_true(px_path_may_be_key("other/uuid/header"));
	assert_true(px_path_may_be_key("pxenc2/key"));
	assert_true(px_path_may_be_key("my/pxenc/key"));
	assert_true(px_path_may_be_key("credentials2"));
}

TEST(pxencs_own_things_may_not_be_keys)
{
	assert_false(px_path_may_be_key("pxenc/cluster"));
	assert_false(px_path_may_be_key("pxenc/x"));
	assert_false(px_path_may_be_key("credentials/s3"));
}

TEST(a_header_backup_may_not_be_a_key)
{
	assert_false(px_path_may_be_key("volumes/0f3c/header"));
	assert_false(px_path_may_be_key("volumes/0f3c/header/1"));
	assert_false(px_path_may_be_key("volumes/0f3c/header-2024"));
}

TEST(a_key_named_in_a_header_has_no_leading_slash)
{
	assert_false(px_path_may_be_key("/key"));
	assert_false(px_path_may_be_key("/pxenc/cluster"));
}

static int join_full(void *arg)
{
	px_auto(free) char *full = NULL;

	(void)arg;
	return px_path_full(BASE, "key", &full);
}

TEST(no_memory_is_told_from_a_malformed_path)
{
	each_allocation_may_fail(join_full, NULL, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_paths_are_well_formed),
		cmocka_unit_test(an_empty_path_is_refused),
		cmocka_unit_test(an_empty_component_is_refused),
		cmocka_unit_test(a_path_with_a_dot_component_is_refused),
		cmocka_unit_test(a_path_with_a_dotdot_component_is_refused),
		cmocka_unit_test(a_percent_sign_is_refused_so_no_server_can_decode_it),
		cmocka_unit_test(what_a_url_would_end_at_is_refused),
		cmocka_unit_test(white_space_and_control_characters_are_refused),
		cmocka_unit_test(the_longest_path_has_1024_bytes),
		cmocka_unit_test(one_leading_slash_does_not_count),
		cmocka_unit_test(a_path_below_the_base_is_taken_as_it_is),
		cmocka_unit_test(any_other_path_is_relative_to_the_base),
		cmocka_unit_test(the_base_itself_and_names_that_only_begin_like_it_are_relative),
		cmocka_unit_test(the_base_is_stripped_once),
		cmocka_unit_test(without_a_base_paths_are_those_of_the_top_level),
		cmocka_unit_test(joining_never_reinterprets),
		cmocka_unit_test(the_full_path_has_at_most_1024_bytes_base_included),
		cmocka_unit_test(ordinary_paths_may_be_keys),
		cmocka_unit_test(pxencs_own_things_may_not_be_keys),
		cmocka_unit_test(a_header_backup_may_not_be_a_key),
		cmocka_unit_test(a_key_named_in_a_header_has_no_leading_slash),
		cmocka_unit_test(no_memory_is_told_from_a_malformed_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
