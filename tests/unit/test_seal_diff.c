/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "luks_samples.h"
#include "pxenc/seal-diff.h"
#include "pxenc/seal.h"
#include "pxenc/strv.h"

/* The sealed text of the sample with one part of it replaced. */
static char *sealed(const char *from, const char *to)
{
	char *json = sample_json(from, to), *text = NULL;

	assert_non_null(json);
	assert_int_equal(px_seal_text(json, strlen(json), SAMPLE_UUID, &text), 0);
	free(json);
	return text;
}

/* What is said of a sample with one part replaced: a line each; defaults: with nothing before. */
static char *words(const char *from, const char *to, bool defaults)
{
	char *was = sealed(NULL, NULL), *is = sealed(from, to), *joined;
	char **list = NULL;

	assert_int_equal(defaults ? px_seal_unusual(is, &list) : px_seal_diff(was, is, &list), 0);
	joined = px_strv_join(list, "\n");
	assert_non_null(joined);
	px_strv_free(&list);
	free(was);
	free(is);
	return joined;
}

static void assert_words(const char *from, const char *to, bool defaults, const char *wanted)
{
	char *got = words(from, to, defaults);

	assert_string_equal(got, wanted);
	free(got);
}

TEST(a_header_that_is_the_same_has_no_differences)
{
	assert_words(NULL, NULL, false, "");
}

TEST(each_change_is_said_in_words)
{
	static const char *const changes[][3] = {
		{ "'json_size'", "'flags':['no-read-workqueue','allow-discards'],'json_size'",
		  "flag no-read-workqueue added\nflag allow-discards added" },
		{ "'aes-xts-plain64','sector_size'", "'serpent-xts-plain64','sector_size'",
		  "cipher of segment 0 changed from aes-xts-plain64 to serpent-xts-plain64" },
		{ "'16777216'", "'16781312'",
		  "offset of segment 0 changed from 16777216 to 16781312" },
		{ "'sector_size':4096", "'sector_size':512",
		  "sector_size of segment 0 changed from 4096 to 512" },
		{ "'segments':['0'],'hash':'sha512','iterations':1000",
		  "'segments':['0'],'hash':'sha512','iterations':2000",
		  "iterations of digest 0 changed from 1000 to 2000" },
		{ "'kdf':{'type':'pbkdf2','hash':'sha512'",
		  "'kdf':{'type':'pbkdf2','hash':'sha256'",
		  "kdf hash of the keyslot changed from sha512 to sha256" },
		{ "'encryption':'aes-xts-plain64','key_size'",
		  "'encryption':'twofish-xts-plain64','key_size'",
		  "area cipher of the keyslot changed from aes-xts-plain64 to "
		  "twofish-xts-plain64" },
		{ "'key_size':64,'af'", "'key_size':64,'priority':2,'af'",
		  "priority of the keyslot added (2)" },
		{ "'auto':true", "'auto':false", "LUKS2 token: auto changed from true to false" },
		{ "/1'", "/7'",
		  "LUKS2 token: secret changed from volumes/" SAMPLE_UUID
		  "/1 to volumes/" SAMPLE_UUID "/7" },
		{ "'store':'default',", "", "LUKS2 token: store removed (default)" },
		{ "'16744448'", "'16740352'",
		  "keyslots_size of config changed from 16744448 to 16740352" },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_words(changes[i][0], changes[i][1], false, changes[i][2]);
}

TEST(a_flag_that_is_gone_is_said)
{
	char *was = sealed("'json_size'", "'flags':['allow-discards'],'json_size'");
	char *is = sealed(NULL, NULL), **list = NULL;

	assert_int_equal(px_seal_diff(was, is, &list), 0);
	assert_int_equal(px_strv_len(list), 1);
	assert_string_equal(list[0], "flag allow-discards removed");
	px_strv_free(&list);
	free(was);
	free(is);
}

TEST(a_value_that_tells_nothing_is_left_out_and_none_drives_a_terminal)
{
	char big[200];

	snprintf(big, sizeof(big), "'store':'%0150d'", 0);
	assert_words("'store':'default'", big, false, "LUKS2 token: store changed");
	assert_words("'store':'default'", "'store':'a\\u001b[2Jb'", false,
		     "LUKS2 token: store changed from default to a?[2Jb");
}

TEST(without_a_header_before_what_is_unusual_is_said)
{
	assert_words(NULL, NULL, true, "LUKS2 token: auto is true, by default it is false");
	assert_words("'auto':true", "'auto':false", true, "");
	assert_words("'aes-xts-plain64','sector_size'", "'serpent-xts-plain64','sector_size'", true,
		     "cipher of segment 0 is serpent-xts-plain64, by default it is "
		     "aes-xts-plain64\nLUKS2 token: auto is true, by default it is false");
	assert_words("'json_size'", "'flags':['allow-discards'],'json_size'", true,
		     "flag allow-discards is set\n"
		     "LUKS2 token: auto is true, by default it is false");
	assert_words("'key_size':64,'af'", "'key_size':64,'priority':2,'af'", true,
		     "priority of the keyslot is 2\n"
		     "LUKS2 token: auto is true, by default it is false");
	assert_words("'auto':true,", "", true, "LUKS2 token: auto is not there");
}

TEST(what_is_no_sealed_text_is_refused)
{
	char **list = NULL;

	assert_int_equal(px_seal_diff("{", "{}", &list), -EINVAL);
	assert_int_equal(px_seal_diff("{}", "{", &list), -EINVAL);
	assert_int_equal(px_seal_diff("[]", "{}", &list), -EINVAL);
	assert_int_equal(px_seal_unusual("{", &list), -EINVAL);
	/* Deeper than any header, and a text at the top. */
	assert_int_equal(px_seal_diff("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
				      "\"a\":1}}}}}}}}}",
				      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
				      "\"a\":2}}}}}}}}}",
				      &list),
			 -EINVAL);
	assert_null(list);
}

static int attempt(void *arg)
{
	char **texts = arg, **list = NULL;
	int r = px_seal_diff(texts[0], texts[1], &list);

	px_strv_free(&list);
	if (r == 0)
		r = px_seal_unusual(texts[1], &list);
	px_strv_free(&list);
	return r;
}

TEST(finding_words_runs_out_of_memory_without_a_trace)
{
	char *texts[] = { sealed(NULL, NULL), sealed("'auto':true", "'auto':1") };

	each_allocation_may_fail(attempt, texts, -ENOMEM);
	free(texts[0]);
	free(texts[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_is_the_same_has_no_differences),
		cmocka_unit_test(each_change_is_said_in_words),
		cmocka_unit_test(a_flag_that_is_gone_is_said),
		cmocka_unit_test(a_value_that_tells_nothing_is_left_out_and_none_drives_a_terminal),
		cmocka_unit_test(without_a_header_before_what_is_unusual_is_said),
		cmocka_unit_test(what_is_no_sealed_text_is_refused),
		cmocka_unit_test(finding_words_runs_out_of_memory_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
