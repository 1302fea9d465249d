/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "luks_samples.h"
#include "pxenc/mark.h"

void *__wrap_malloc(size_t size);

/* With a part of the sample header replaced. */
static enum px_status read_mark(const char *from, const char *to, bool *ret_auto)
{
	char *json = sample_json(from, to);
	enum px_status st;

	assert_non_null(json);
	log_forget();
	st = px_mark_read(json, strlen(json), "/dev/sdb", ret_auto);
	free(json);
	return st;
}

TEST(the_mark_is_the_luks2_tokens)
{
	bool automatic = false;

	assert_int_equal(read_mark(NULL, NULL, &automatic), PX_OK);
	assert_true(automatic);
	assert_int_equal(read_mark("'auto':true", "'auto':false", &automatic), PX_OK);
	assert_false(automatic);
	assert_silent();
}

TEST(a_volume_without_our_luks2_token_is_none_of_ours)
{
	bool automatic = true;

	assert_int_equal(read_mark(SAMPLE_TOKEN, "", &automatic), PX_NO_VOLUME);
	assert_int_equal(read_mark("'type':'pxenc'", "'type':'luks2-keyring'", &automatic),
			 PX_NO_VOLUME);
	assert_int_equal(read_mark("'type':'pxenc'", "'type':7", &automatic), PX_NO_VOLUME);
	assert_silent();
	assert_true(automatic);
}

TEST(a_luks2_token_of_others_beside_ours_does_no_harm)
{
	bool automatic = false;

	assert_int_equal(read_mark(SAMPLE_TOKEN, "'3':{'type':'clevis'}," SAMPLE_TOKEN, &automatic),
			 PX_OK);
	assert_true(automatic);
}

TEST(a_mark_that_cannot_be_trusted_is_refused)
{
	bool automatic = false;

	assert_fails(PX_BAD_HEADER,
		     read_mark(SAMPLE_TOKEN, SAMPLE_TOKEN ",'1':{'type':'pxenc'}", &automatic),
		     "two LUKS2 tokens");
	assert_fails(PX_BAD_HEADER, read_mark("'auto':true", "'auto':1", &automatic), "\"auto\"");
	assert_fails(PX_BAD_HEADER,
		     read_mark("'secret':'volumes", "'secret':'../volumes", &automatic),
		     "path of a key");
	assert_fails(PX_BAD_HEADER, px_mark_read("{", 1, "/dev/sdb", &automatic), "malformed");
	assert_fails(PX_BAD_HEADER, px_mark_read("", 0, "/dev/sdb", &automatic), "malformed");
	assert_false(automatic);
}

static int attempt(void *unused)
{
	bool automatic;

	(void)unused;
	return (int)read_mark(NULL, NULL, &automatic);
}

TEST(running_out_of_memory_is_said)
{
	char *json = sample_json(NULL, NULL);
	bool automatic;

	assert_int_equal(attempt(NULL), PX_OK);
	for (unsigned int n = 1; n <= 6; n++) {
		log_forget();
		allocation_fails(n);
		if (px_mark_read(json, strlen(json), "/dev/sdb", &automatic) == PX_NOMEM)
			assert_logged("out of memory");
		allocation_fails(0);
	}
	free(json);
}

/* cJSON does not tell lack of memory from a text that is no JSON. */
TEST(cjson_running_out_of_memory_is_no_success)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	char *json = sample_json(NULL, NULL);
	enum px_status st;
	unsigned int n = 0;
	bool automatic;

	cJSON_InitHooks(&hooks);
	do {
		allocation_fails(++n);
		st = px_mark_read(json, strlen(json), "/dev/sdb", &automatic);
		allocation_fails(0);
		assert_true(st == PX_OK || st == PX_NOMEM || st == PX_BAD_HEADER);
	} while (st != PX_OK);
	cJSON_InitHooks(NULL);
	assert_true(n > 50);
	free(json);
}

static void assert_unit(const char *device, const char *wanted)
{
	char unit[256];

	assert_int_equal(px_mark_unit(device, unit, sizeof(unit)), 0);
	assert_string_equal(unit, wanted);
}

TEST(the_unit_is_named_as_systemd_escape_would)
{
	assert_unit("/dev/sdb", "pxenc@dev-sdb.service");
	assert_unit("/dev/nvme0n1p2", "pxenc@dev-nvme0n1p2.service");
	assert_unit("/dev/dm-3", "pxenc@dev-dm\\x2d3.service");
	assert_unit("/dev/cciss/c0d0", "pxenc@dev-cciss-c0d0.service");
	assert_unit("/.hidden/a.b:c_d", "pxenc@\\x2ehidden-a.b:c_d.service");
	assert_unit("/dev/a \"b\xc3\xa9", "pxenc@dev-a\\x20\\x22b\\xc3\\xa9.service");
}

TEST(what_can_name_no_unit_is_refused)
{
	char unit[64], device[80];

	assert_int_equal(px_mark_unit("sdb", unit, sizeof(unit)), -EINVAL);
	assert_int_equal(px_mark_unit("", unit, sizeof(unit)), -EINVAL);
	assert_int_equal(px_mark_unit("/", unit, sizeof(unit)), -EINVAL);
	assert_int_equal(px_mark_unit("/dev/sdb", unit, 10), -ENAMETOOLONG);
	/* Up to the last byte, and one more. */
	memset(device, 'x', sizeof(device));
	device[0] = '/';
	device[64 - strlen("pxenc@.service")] = '\0';
	assert_int_equal(px_mark_unit(device, unit, sizeof(unit)), 0);
	assert_int_equal(strlen(unit), 63);
	strcat(device, "x");
	assert_int_equal(px_mark_unit(device, unit, sizeof(unit)), -ENAMETOOLONG);
	memset(device, '-', 30);
	device[0] = '/';
	assert_int_equal(px_mark_unit(device, unit, sizeof(unit)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mark_is_the_luks2_tokens),
		cmocka_unit_test(a_volume_without_our_luks2_token_is_none_of_ours),
		cmocka_unit_test(a_luks2_token_of_others_beside_ours_does_no_harm),
		cmocka_unit_test(a_mark_that_cannot_be_trusted_is_refused),
		cmocka_unit_test(running_out_of_memory_is_said),
		cmocka_unit_test(cjson_running_out_of_memory_is_no_success),
		cmocka_unit_test(the_unit_is_named_as_systemd_escape_would),
		cmocka_unit_test(what_can_name_no_unit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
