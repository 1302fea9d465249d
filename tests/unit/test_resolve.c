/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "pxenc/path.h"
#include "pxenc/resolve.h"

#define BASE "pwx/secrets"

/* The store: one answer to the one question that resolve.c may ask. */
static struct {
	enum px_status status;
	const char *value;
	size_t len;
	unsigned int asked;
} setting;

enum px_status px_store_get(struct px_store *store, const char *path, unsigned int how,
			    struct px_secret **ret_value)
{
	(void)store;
	setting.asked++;
	assert_string_equal(path, BASE "/" PX_CLUSTER_SETTING);
	assert_int_equal(how, PX_GET_RAW | PX_GET_MAYBE);
	if (setting.status)
		return setting.status;
	return px_secret_from(setting.value, setting.len, ret_value) < 0 ? PX_NOMEM : PX_OK;
}

static char base[PX_PATH_MAX + 1], store_name[] = "default", token_store[] = "default";
static char token_secret[PX_PATH_MAX + 1];
static struct px_config config = { .base_path = base, .store = store_name };
static struct px_token token = { .store = token_store, .secret = token_secret };
static struct px_options options;
static struct px_choice choice;

static int begin(void **state)
{
	(void)state;
	memset(&setting, 0, sizeof(setting));
	setting.status = PX_NO_SECRET;
	strcpy(base, BASE);
	strcpy(token_store, "default");
	strcpy(token_secret, "volumes/u/1");
	config.cluster_secret_key = NULL;
	options = (struct px_options){ 0 };
	log_forget();
	return 0;
}

static int end(void **state)
{
	(void)state;
	px_choice_clear(&choice);
	assert_null(choice.path);
	return 0;
}

static void set_setting(const char *value)
{
	setting.status = PX_OK;
	setting.value = value;
	setting.len = strlen(value);
}

static void name_secret(const char *path)
{
	options.secret = (char *)(uintptr_t)path;
}

static void name_in_config(const char *path)
{
	config.cluster_secret_key = (char *)(uintptr_t)path;
}

static enum px_status resolve(const struct px_token *volume)
{
	px_choice_clear(&choice);
	return px_resolve(&config, NULL, &options, volume, &choice);
}

static void check_chosen(const char *relative, const char *because, bool named_slot)
{
	char path[2 * PX_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", BASE, relative);
	assert_string_equal(choice.path, path);
	assert_string_equal(choice.relative, relative);
	assert_non_null(strstr(choice.because, because));
	assert_int_equal(choice.named_slot, named_slot);
}

static void check_none_chosen(void)
{
	assert_null(choice.path);
	assert_null(choice.relative);
	assert_false(choice.named_slot);
}

TEST(an_option_goes_before_everything_and_asks_nobody)
{
	name_secret("mine");
	set_setting("cluster");
	name_in_config("config");
	assert_ok(resolve(&token));
	check_chosen("mine", "as told", false);
	assert_int_equal(setting.asked, 0);
}

TEST(the_luks2_token_goes_before_the_cluster_key_and_asks_nobody)
{
	set_setting("cluster");
	name_in_config("config");
	assert_ok(resolve(&token));
	check_chosen("volumes/u/1", "LUKS2 token", true);
	assert_int_equal(setting.asked, 0);
}

TEST(the_cluster_setting_goes_before_the_config)
{
	set_setting("cluster");
	name_in_config("config");
	assert_ok(resolve(NULL));
	check_chosen("cluster", "cluster setting", false);
}

TEST(the_config_is_the_last_to_be_asked)
{
	name_in_config("config");
	assert_ok(resolve(NULL));
	check_chosen("config", "config", false);
	assert_int_equal(setting.asked, 1);
}

TEST(when_nothing_names_a_secret_it_is_said_what_to_do)
{
	assert_fails(PX_USAGE, resolve(NULL), "secret=PATH", "set-cluster-key");
	check_none_chosen();
}

TEST(the_option_cluster_key_goes_before_the_luks2_token)
{
	options.cluster_key = true;
	set_setting("cluster");
	assert_ok(resolve(&token));
	check_chosen("cluster", "cluster setting", false);
}

TEST(the_option_cluster_key_does_not_fall_back_to_the_luks2_token)
{
	options.cluster_key = true;
	assert_fails(PX_USAGE, resolve(&token), "no secret is named");
	check_none_chosen();
}

TEST(an_option_that_names_the_tokens_own_secret_means_its_keyslot)
{
	name_secret("/volumes/u/1");
	assert_ok(resolve(&token));
	check_chosen("volumes/u/1", "as told", true);
	name_secret(BASE "/volumes/u/1");
	assert_ok(resolve(&token));
	check_chosen("volumes/u/1", "as told", true);
	name_secret("volumes/u/2");
	assert_ok(resolve(&token));
	check_chosen("volumes/u/2", "as told", false);
}

TEST(an_option_below_the_base_path_is_taken_as_it_is)
{
	name_secret("/" BASE "/mine");
	assert_ok(resolve(NULL));
	check_chosen("mine", "as told", false);
}

TEST(an_option_that_is_no_path_is_refused)
{
	static const char *const paths[] = { "",     "/",    "a//b", "../a", "a/./b",
					     "a%2e", "a\nb", "a/",   "a?b",  NULL };
	size_t i;

	for (i = 0; paths[i]; i++) {
		name_secret(paths[i]);
		assert_fails(PX_USAGE, resolve(&token), "no path of a secret");
		check_none_chosen();
	}
}

TEST(pxencs_own_things_cannot_be_told_as_a_key)
{
	static const char *const paths[] = { "pxenc/cluster", "/" BASE "/pxenc/x", "credentials/s3",
					     "volumes/u/header/1", NULL };
	size_t i;

	for (i = 0; paths[i]; i++) {
		name_secret(paths[i]);
		assert_fails(PX_USAGE, resolve(&token), paths[i], "cannot be a key");
		check_none_chosen();
	}
}

/* Else the owner of a disk could have "BASE/x" read as another secret than its seal says. */
TEST(a_tokens_path_is_never_reinterpreted_even_when_it_begins_with_the_base_path)
{
	strcpy(token_secret, BASE "/key");
	assert_ok(resolve(&token));
	check_chosen(BASE "/key", "LUKS2 token", true);
}

TEST(a_setting_is_never_reinterpreted_either)
{
	set_setting(BASE "/key");
	assert_ok(resolve(NULL));
	check_chosen(BASE "/key", "cluster setting", false);
}

TEST(a_token_of_another_store_is_refused)
{
	strcpy(token_store, "other");
	assert_fails(PX_USAGE, resolve(&token), "'other'", "'default'");
	check_none_chosen();
}

TEST(an_option_opens_a_volume_of_another_store_too)
{
	strcpy(token_store, "other");
	name_secret("mine");
	assert_ok(resolve(&token));
	check_chosen("mine", "as told", false);
}

TEST(only_a_404_on_the_setting_falls_through_to_the_config)
{
	static const enum px_status stops[] = { PX_FORBIDDEN, PX_UNREACHABLE, PX_UNAUTHENTICATED,
						PX_UNTRUSTED, PX_USAGE,	      PX_NOMEM };
	size_t i;

	name_in_config("config");
	for (i = 0; i < 6; i++) {
		setting.status = stops[i];
		log_forget();
		assert_int_equal(resolve(NULL), stops[i]);
		assert_silent(); /* the store has said it */
		check_none_chosen();
	}
	setting.status = PX_NO_SECRET;
	assert_ok(resolve(NULL));
}

TEST(a_setting_may_end_in_one_newline)
{
	set_setting("cluster\n");
	assert_ok(resolve(NULL));
	check_chosen("cluster", "cluster setting", false);
}

static void check_distrusted(const char *value, size_t len)
{
	set_setting("");
	setting.value = value;
	setting.len = len;
	name_in_config("config");
	assert_fails(PX_UNTRUSTED, resolve(NULL), BASE "/pxenc/cluster", "set-cluster-key");
	check_none_chosen();
}

TEST(a_setting_that_is_malformed_is_not_trusted)
{
	static const char *const values[] = { "",
					      "\n",
					      "a\n\n",
					      "/a",
					      "a//b",
					      "../a",
					      "a/%2e%2e/b",
					      "a b",
					      "{\"a\":1}\n\n",
					      "a\r\n",
					      "a?b",
					      "a/",
					      "pxenc/cluster",
					      "credentials/s3",
					      "volumes/u/header",
					      NULL };
	size_t i;

	for (i = 0; values[i]; i++)
		check_distrusted(values[i], strlen(values[i]));
	check_distrusted("a\0b", 3);
	check_distrusted("a\0\n", 3);
	check_distrusted("\0", 1);
}

TEST(a_setting_of_a_megabyte_is_not_trusted_nor_shown)
{
	px_auto(free) char *value = malloc(1 << 20);

	assert_non_null(value);
	memset(value, 'x', 1 << 20);
	check_distrusted(value, 1 << 20);
	assert_null(strstr(log_line(0), "xxx"));
}

TEST(a_setting_that_does_not_fit_below_the_base_path_is_refused)
{
	char value[PX_PATH_MAX + 1];

	memset(value, 'x', PX_PATH_MAX);
	value[PX_PATH_MAX] = '\0';
	set_setting(value);
	assert_fails(PX_USAGE, resolve(NULL), "too long");
	check_none_chosen();
}

TEST(a_base_path_that_leaves_no_room_is_said_so)
{
	memset(base, 'b', PX_PATH_MAX - 3);
	base[PX_PATH_MAX - 3] = '\0';
	assert_fails(PX_USAGE, resolve(NULL), "base path", "too long");
	assert_fails(PX_USAGE, resolve(&token), "base path", "too long a path");
	name_secret("mine");
	assert_fails(PX_USAGE, resolve(NULL), "base path", "too long");
	check_none_chosen();
}

TEST(a_path_in_the_config_is_what_a_person_wrote)
{
	name_in_config("/" BASE "/config");
	assert_ok(resolve(NULL));
	check_chosen("config", "cluster_secret_key in the config", false);
	name_in_config("pxenc/cluster");
	assert_fails(PX_USAGE, resolve(NULL), "cannot be a key");
}

TEST(without_any_cluster_key_px_resolve_cluster_is_silent)
{
	log_forget();
	assert_int_equal(px_resolve_cluster(&config, NULL, &choice), PX_NO_SECRET);
	assert_silent();
	check_none_chosen();
}

static int attempt(void *arg)
{
	enum px_status st = resolve(arg);

	if (st)
		check_none_chosen();
	return (int)st;
}

TEST(no_memory_is_said_once_and_chooses_nothing)
{
	each_allocation_may_fail(attempt, &token, PX_NOMEM);
	name_secret("mine");
	each_allocation_may_fail(attempt, &token, PX_NOMEM);
	name_secret(NULL);
	name_in_config("config");
	each_allocation_may_fail(attempt, NULL, PX_NOMEM);
	set_setting("cluster");
	each_allocation_may_fail(attempt, NULL, PX_NOMEM);
}

#define resolve_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		resolve_test(an_option_goes_before_everything_and_asks_nobody),
		resolve_test(the_luks2_token_goes_before_the_cluster_key_and_asks_nobody),
		resolve_test(the_cluster_setting_goes_before_the_config),
		resolve_test(the_config_is_the_last_to_be_asked),
		resolve_test(when_nothing_names_a_secret_it_is_said_what_to_do),
		resolve_test(the_option_cluster_key_goes_before_the_luks2_token),
		resolve_test(the_option_cluster_key_does_not_fall_back_to_the_luks2_token),
		resolve_test(an_option_that_names_the_tokens_own_secret_means_its_keyslot),
		resolve_test(an_option_below_the_base_path_is_taken_as_it_is),
		resolve_test(an_option_that_is_no_path_is_refused),
		resolve_test(pxencs_own_things_cannot_be_told_as_a_key),
		resolve_test(
			a_tokens_path_is_never_reinterpreted_even_when_it_begins_with_the_base_path),
		resolve_test(a_setting_is_never_reinterpreted_either),
		resolve_test(a_token_of_another_store_is_refused),
		resolve_test(an_option_opens_a_volume_of_another_store_too),
		resolve_test(only_a_404_on_the_setting_falls_through_to_the_config),
		resolve_test(a_setting_may_end_in_one_newline),
		resolve_test(a_setting_that_is_malformed_is_not_trusted),
		resolve_test(a_setting_of_a_megabyte_is_not_trusted_nor_shown),
		resolve_test(a_setting_that_does_not_fit_below_the_base_path_is_refused),
		resolve_test(a_base_path_that_leaves_no_room_is_said_so),
		resolve_test(a_path_in_the_config_is_what_a_person_wrote),
		resolve_test(without_any_cluster_key_px_resolve_cluster_is_silent),
		resolve_test(no_memory_is_said_once_and_chooses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
