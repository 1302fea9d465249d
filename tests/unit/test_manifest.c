/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "cmd/manifest.h"

static const struct px_manifest sample = {
	.uuid = "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35",
	.generation = 7,
	.set = 'b',
	.parts = 2,
	.len = PX_PART_MAX + 1,
	.device_size = UINT64_C(1) << 44,
	.time = 1795623488,
	.from = "node7:/dev/sdb",
	.label = "",
};

/* The sample's text with one line replaced by another (or several, or none). */
static char *text_with(const char *name, const char *line)
{
	char *text = px_manifest_format(&sample), *at, *end, *changed;

	assert_non_null(text);
	at = strstr(text, name);
	assert_non_null(at);
	end = strchr(at, '\n');
	assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, line, end + 1) > 0);
	free(text);
	return changed;
}

TEST(a_manifest_comes_back_as_it_was)
{
	char *text = px_manifest_format(&sample), *again;
	struct px_manifest parsed;

	assert_non_null(text);
	assert_true(strlen(text) <= PX_MANIFEST_MAX);
	assert_int_equal(px_manifest_parse(text, strlen(text), &parsed), 0);
	assert_int_equal(parsed.generation, 7);
	assert_int_equal(parsed.set, 'b');
	assert_int_equal(parsed.parts, 2);
	assert_int_equal(parsed.device_size, UINT64_C(1) << 44);
	assert_string_equal(parsed.from, "node7:/dev/sdb");
	again = px_manifest_format(&parsed);
	assert_string_equal(again, text);
	free(again);
	free(text);
}

TEST(a_backup_that_was_withdrawn_has_no_parts)
{
	struct px_manifest none = sample, parsed;
	char *text;

	none.parts = 0;
	none.len = 0;
	text = px_manifest_format(&none);
	assert_non_null(text);
	assert_int_equal(px_manifest_parse(text, strlen(text), &parsed), 0);
	assert_int_equal(parsed.parts, 0);
	free(text);
}

TEST(what_is_not_one_is_refused)
{
	static const char *const lines[][2] = {
		{ "pxenc header", "pxenc header backup 2\n" },
		{ "uuid ", "" },
		{ "uuid ", "uuid 0123456789012345678901234567890123456789\n" },
		{ "generation ", "generation -1\n" },
		{ "generation ", "generation \n" },
		{ "generation ", "generation 99999999999999999999\n" },
		{ "generation ", "generations 7\n" },
		{ "parts ", "parts c 2\n" },
		{ "parts ", "parts b2\n" },
		{ "parts ", "parts b 0\n" },
		{ "parts ", "parts b 17\n" },
		{ "parts ", "parts b 1\n" },
		{ "parts ", "parts b 3\n" },
		{ "bytes ", "bytes 655360\n" },
		{ "bytes ", "bytes 10485761\n" },
		{ "bytes ", "bytes 0x10\n" },
		{ "device ", "device 1 \n" },
		{ "time ", "" },
		{ "from ", "from a\033[2Jb\n" },
		{ "label ", "label" },
		{ "label ", "label 012345678901234567890123456789012345678901234567\n" },
		{ "label ", "label \nmore\n" },
	};
	struct px_manifest parsed;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *text = text_with(lines[i][0], lines[i][1]);

		assert_int_equal(px_manifest_parse(text, strlen(text), &parsed), -EBADMSG);
		free(text);
	}
	assert_int_equal(px_manifest_parse("", 0, &parsed), -EBADMSG);
}

TEST(nuls_and_length_without_end_are_refused)
{
	char *text = px_manifest_format(&sample), *longer = calloc(1, PX_MANIFEST_MAX + 2);
	struct px_manifest parsed;

	assert_int_equal(px_manifest_parse(text, strlen(text) + 1, &parsed), -EBADMSG);
	memset(longer, 'x', PX_MANIFEST_MAX + 1);
	assert_int_equal(px_manifest_parse(longer, PX_MANIFEST_MAX + 1, &parsed), -EBADMSG);
	free(text);
	free(longer);
}

TEST(a_manifest_runs_out_of_memory_without_a_trace)
{
	allocation_fails(1);
	assert_null(px_manifest_format(&sample));
	allocation_fails(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_comes_back_as_it_was),
		cmocka_unit_test(a_backup_that_was_withdrawn_has_no_parts),
		cmocka_unit_test(what_is_not_one_is_refused),
		cmocka_unit_test(nuls_and_length_without_end_are_refused),
		cmocka_unit_test(a_manifest_runs_out_of_memory_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
