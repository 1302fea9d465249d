/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include "pxenc/options.h"

/* What a list leaves for the filesystem. */
static void check_filesystem(const char *list, const char *wanted)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, list));
	if (wanted)
		assert_string_equal(options.filesystem, wanted);
	else
		assert_null(options.filesystem);
}

static void check_refused(const char *list, const char *word)
{
	px_auto(options) struct px_options options = { 0 };

	assert_fails(PX_USAGE, px_options_parse(&options, list), word);
}

TEST(an_empty_list_says_nothing)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, ""));
	assert_null(options.secret);
	assert_null(options.name);
	assert_null(options.fstype);
	assert_null(options.filesystem);
	assert_false(options.cluster_key || options.fsck || options.discard || options.readonly ||
		     options.has_timeout);
}

TEST(our_own_options_are_taken_and_not_passed_on)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "secret=a/b,name=vol,fstype=xfs,fsck,timeout=5"));
	assert_string_equal(options.secret, "a/b");
	assert_string_equal(options.name, "vol");
	assert_string_equal(options.fstype, "xfs");
	assert_true(options.fsck);
	assert_true(options.has_timeout);
	assert_int_equal(options.timeout, 5);
	assert_null(options.filesystem);
}

TEST(cluster_key_is_a_flag)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "cluster_key"));
	assert_true(options.cluster_key);
	assert_null(options.filesystem);
}

TEST(a_named_secret_and_the_cluster_key_exclude_each_other)
{
	px_auto(options) struct px_options options = { 0 };

	check_refused("secret=a,cluster_key", "exclude");
	check_refused("cluster_key,secret=a", "exclude");
	assert_ok(px_options_parse(&options, "secret=a"));
	assert_fails(PX_USAGE, px_options_parse(&options, "cluster_key"), "exclude");
}

TEST(an_option_without_its_value_is_refused)
{
	check_refused("secret=", "secret=");
	check_refused("ro,name=,rw", "name=");
	check_refused("fstype=", "fstype=");
	check_refused("timeout=", "timeout=");
}

TEST(later_options_win)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "secret=a,name=b,timeout=1,ro,discard"));
	assert_ok(px_options_parse(&options, "secret=c,name=d,timeout=2,rw,nodiscard"));
	assert_string_equal(options.secret, "c");
	assert_string_equal(options.name, "d");
	assert_int_equal(options.timeout, 2);
	assert_false(options.readonly);
	assert_false(options.discard);
}

TEST(what_is_not_ours_is_for_the_filesystem_in_its_order)
{
	check_filesystem("noatime,data=ordered,commit=30,barrier=0",
			 "noatime,data=ordered,commit=30,barrier=0");
}

TEST(ro_and_discard_are_for_the_mapping_and_the_filesystem)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "ro,discard"));
	assert_true(options.readonly);
	assert_true(options.discard);
	assert_string_equal(options.filesystem, "ro,discard");
}

TEST(what_is_for_mount_systemd_and_udisks_is_dropped)
{
	check_filesystem("nofail,auto,noauto,user,nouser,users,nousers,owner,noowner,group,"
			 "nogroup,defaults,user=me,helper=x,uhelper=udisks2,comment=hi",
			 NULL);
	check_filesystem("x-systemd.device-timeout=0,x-systemd.requires=\"a,b\",X-mount.mkdir,"
			 "x-gvfs-name=a%20b",
			 NULL);
}

TEST(names_that_only_begin_like_a_dropped_option_are_kept)
{
	check_filesystem("autodefrag,user_xattr,grpid,group_id=5,users2,nofailover",
			 "autodefrag,user_xattr,grpid,group_id=5,users2,nofailover");
}

TEST(netdev_goes_to_libmount_so_that_systemd_finds_it_in_utab)
{
	check_filesystem("_netdev,noatime", "_netdev,noatime");
}

TEST(names_that_only_begin_like_one_of_ours_are_the_filesystems)
{
	check_filesystem("secretive,fscks,names=x,discard=async,cluster_key=1,timeouts=3,SECRET=a",
			 "secretive,fscks,names=x,discard=async,cluster_key=1,timeouts=3,SECRET=a");
	check_filesystem("secret,name,fstype,timeout", "secret,name,fstype,timeout");
}

TEST(empty_options_between_commas_are_nothing)
{
	check_filesystem(",,,", NULL);
	check_filesystem(",ro,,noatime,", "ro,noatime");
}

TEST(a_comma_in_quotes_does_not_end_an_option)
{
	check_filesystem("context=\"system_u:object_r:t:s0:c1,c2\",ro",
			 "context=\"system_u:object_r:t:s0:c1,c2\",ro");
	check_filesystem("a=\"x,secret=y\",b", "a=\"x,secret=y\",b");
	check_filesystem("a=\"\",b", "a=\"\",b");
}

TEST(an_open_quote_takes_the_rest)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "a=\"x,secret=y,name=z"));
	assert_null(options.secret);
	assert_string_equal(options.filesystem, "a=\"x,secret=y,name=z");
}

TEST(a_value_may_have_equal_signs_and_any_bytes)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "secret=a=b=c,x=\x1b[2J"));
	assert_string_equal(options.secret, "a=b=c");
	assert_string_equal(options.filesystem, "x=\x1b[2J");
}

TEST(an_option_of_a_megabyte_is_kept_whole)
{
	px_auto(options) struct px_options options = { 0 };
	px_auto(free) char *list = malloc((1 << 20) + 1);

	assert_non_null(list);
	memset(list, 'x', 1 << 20);
	memcpy(list, "secret=", 7);
	list[1 << 20] = '\0';
	assert_ok(px_options_parse(&options, list));
	assert_int_equal(strlen(options.secret), (1 << 20) - 7);
}

TEST(a_name_that_could_leave_dev_mapper_or_confuse_udev_is_refused)
{
	static const char *const bad[] = { "name=a/b",	    "name=..",	   "name=.a",  "name=a b",
					   "name=\xff\xfe", "name=a\\x2f", "name=a\nb" };
	px_auto(options) struct px_options options = { 0 };
	char longest[5 + PX_NAME_MAX + 2] = "name=";
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_fails(PX_USAGE, px_options_parse(&options, bad[i]), "mapping's name");
	memset(longest + 5, 'n', PX_NAME_MAX + 1);
	assert_fails(PX_USAGE, px_options_parse(&options, longest), "mapping's name");
	longest[5 + PX_NAME_MAX] = '\0';
	assert_ok(px_options_parse(&options, longest));
	assert_int_equal(strlen(options.name), PX_NAME_MAX);
}

TEST(a_filesystem_type_that_is_a_path_or_ourselves_is_refused)
{
	static const char *const bad[] = { "fstype=../ext4", "fstype=.ext4", "fstype=a b",
					   "fstype=pxenc", "fstype=pxenc.ext4" };
	px_auto(options) struct px_options options = { 0 };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_fails(PX_USAGE, px_options_parse(&options, bad[i]), "type of a filesystem");
	assert_ok(px_options_parse(&options, "fstype=fuse.sshfs"));
}

TEST(every_form_of_discard_reaches_mapping_and_filesystem)
{
	px_auto(options) struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "discard=async"));
	assert_true(options.discard);
	assert_string_equal(options.filesystem, "discard=async");
}

TEST(a_timeout_of_0_is_for_ever_and_a_day_is_the_most)
{
	unsigned int seconds = 1;

	assert_ok(px_parse_seconds("0", "timeout=", 0, &seconds));
	assert_int_equal(seconds, 0);
	assert_ok(px_parse_seconds("86400", "timeout=", 0, &seconds));
	assert_int_equal(seconds, 86400);
	assert_ok(px_parse_seconds("0000000000000000000000000075", "timeout=", 0, &seconds));
	assert_int_equal(seconds, 75);
}

TEST(a_timeout_that_is_no_number_of_seconds_is_refused)
{
	static const char *const texts[] = { "",    "-1",   "+1",  " 1",  "1 ",	      "1s",
					     "1.5", "0x10", "1e3", "inf", "\xd9\xa3", NULL };
	unsigned int seconds = 7;
	size_t i;

	for (i = 0; texts[i]; i++)
		assert_fails(PX_USAGE, px_parse_seconds(texts[i], "--timeout", 0, &seconds),
			     "--timeout", "86400");
	assert_int_equal(seconds, 7);
}

TEST(where_nothing_is_for_ever_0_seconds_are_refused_in_the_same_words)
{
	unsigned int seconds = 7;

	assert_fails(PX_USAGE, px_parse_seconds("0", "--interval", 1, &seconds), "from 1 to 86400",
		     "'0'");
	assert_fails(PX_USAGE, px_parse_seconds("x", "--interval", 1, &seconds), "from 1 to 86400",
		     "'x'");
	assert_int_equal(seconds, 7);
	assert_ok(px_parse_seconds("1", "--interval", 1, &seconds));
	assert_int_equal(seconds, 1);
}

TEST(a_timeout_that_overflows_is_refused)
{
	static const char *const texts[] = { "86401",
					     "4294967296",
					     "4294967371",
					     "18446744073709551616",
					     "99999999999999999999999",
					     NULL };
	unsigned int seconds = 7;
	size_t i;

	for (i = 0; texts[i]; i++)
		assert_fails(PX_USAGE, px_parse_seconds(texts[i], "timeout=", 0, &seconds),
			     texts[i]);
	assert_int_equal(seconds, 7);
	check_refused("timeout=4294967296", "4294967296");
}

TEST(clearing_forgets_everything)
{
	struct px_options options = { 0 };

	assert_ok(px_options_parse(&options, "secret=a,ro,noatime"));
	px_options_clear(&options);
	assert_null(options.secret);
	assert_null(options.filesystem);
	assert_false(options.readonly);
	px_options_clear(&options);
}

static int parse_all(void *arg)
{
	px_auto(options) struct px_options options = { 0 };

	(void)arg;
	return (int)px_options_parse(&options, "secret=a,secret=b,name=c,fstype=d,ro,noatime");
}

TEST(no_memory_is_said_once)
{
	each_allocation_may_fail(parse_all, NULL, PX_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_says_nothing),
		cmocka_unit_test(our_own_options_are_taken_and_not_passed_on),
		cmocka_unit_test(cluster_key_is_a_flag),
		cmocka_unit_test(a_named_secret_and_the_cluster_key_exclude_each_other),
		cmocka_unit_test(an_option_without_its_value_is_refused),
		cmocka_unit_test(later_options_win),
		cmocka_unit_test(what_is_not_ours_is_for_the_filesystem_in_its_order),
		cmocka_unit_test(ro_and_discard_are_for_the_mapping_and_the_filesystem),
		cmocka_unit_test(what_is_for_mount_systemd_and_udisks_is_dropped),
		cmocka_unit_test(names_that_only_begin_like_a_dropped_option_are_kept),
		cmocka_unit_test(netdev_goes_to_libmount_so_that_systemd_finds_it_in_utab),
		cmocka_unit_test(names_that_only_begin_like_one_of_ours_are_the_filesystems),
		cmocka_unit_test(empty_options_between_commas_are_nothing),
		cmocka_unit_test(a_comma_in_quotes_does_not_end_an_option),
		cmocka_unit_test(an_open_quote_takes_the_rest),
		cmocka_unit_test(a_value_may_have_equal_signs_and_any_bytes),
		cmocka_unit_test(an_option_of_a_megabyte_is_kept_whole),
		cmocka_unit_test(a_name_that_could_leave_dev_mapper_or_confuse_udev_is_refused),
		cmocka_unit_test(a_filesystem_type_that_is_a_path_or_ourselves_is_refused),
		cmocka_unit_test(every_form_of_discard_reaches_mapping_and_filesystem),
		cmocka_unit_test(a_timeout_of_0_is_for_ever_and_a_day_is_the_most),
		cmocka_unit_test(a_timeout_that_is_no_number_of_seconds_is_refused),
		cmocka_unit_test(where_nothing_is_for_ever_0_seconds_are_refused_in_the_same_words),
		cmocka_unit_test(a_timeout_that_overflows_is_refused),
		cmocka_unit_test(clearing_forgets_everything),
		cmocka_unit_test(no_memory_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
