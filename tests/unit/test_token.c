/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "pxenc/log.h"

#include "pxenc/token.h"

#define SEAL "xuhvIVfrMdNd2HOYwG5CDqAWl4f9ME_rlK0cNj-faZM"

#define GOOD                                                                                       \
	"{\"type\":\"pxenc\",\"keyslots\":[\"3\"],\"version\":1,\"secret_type\":\"dcos\","         \
	"\"store\":\"default\",\"secret\":\"volumes/u/1\",\"auto\":true}"

void *__wrap_malloc(size_t size);

static enum px_status parse(const char *json, struct px_token **ret_token)
{
	log_forget();
	return px_token_parse(json, strlen(json), "/dev/sdb", ret_token);
}

TEST(a_good_token_is_read)
{
	struct px_token *token = NULL;

	assert_int_equal(parse(GOOD, &token), PX_OK);
	assert_int_equal(token->keyslot, 3);
	assert_string_equal(token->store, "default");
	assert_string_equal(token->secret, "volumes/u/1");
	assert_true(token->auto_open);
	assert_null(token->seal);
	assert_silent();
	px_token_free(&token);
	assert_null(token);
}

TEST(what_is_written_is_read_back)
{
	char store[] = "st-1", secret[] = "cluster-wide key's.name", seal[] = SEAL;
	struct px_token token = { .keyslot = 31, .store = store, .secret = secret, .seal = seal };
	struct px_token *back = NULL;
	char *json;

	memmove(secret, "cluster-wide", 13);
	json = px_token_format(&token);
	assert_string_equal(json, "{\"type\":\"pxenc\",\"keyslots\":[\"31\"],\"version\":1,"
				  "\"secret_type\":\"dcos\",\"store\":\"st-1\","
				  "\"secret\":\"cluster-wide\",\"auto\":false,"
				  "\"seal\":\"" SEAL "\"}");
	assert_int_equal(parse(json, &back), PX_OK);
	assert_int_equal(back->keyslot, 31);
	assert_false(back->auto_open);
	assert_string_equal(back->seal, SEAL);
	px_token_free(&back);
	free(json);
}

TEST(a_change_under_way_is_read_and_written)
{
	static const char json[] = "{\"type\":\"pxenc\",\"keyslots\":[\"0\"],\"version\":1,"
				   "\"secret_type\":\"dcos\",\"store\":\"default\","
				   "\"secret\":\"a\",\"auto\":false,"
				   "\"old\":{\"slot\":5,\"secret\":\"b/"
				   "c\",\"keep\":true,\"salt\":\"AAAA\",\"proof\":\"BBBB\"}}";
	struct px_token *token = NULL, *copy;
	char *text;

	assert_int_equal(parse(json, &token), PX_OK);
	assert_null(token->next.secret);
	assert_int_equal(token->old.keyslot, 5);
	assert_string_equal(token->old.secret, "b/c");
	assert_true(token->old.keep);
	assert_string_equal(token->old.salt, "AAAA");
	assert_string_equal(token->old.proof, "BBBB");
	copy = px_token_copy(token);
	text = px_token_format(copy);
	assert_string_equal(text, json);
	free(text);
	px_token_free(&copy);
	px_token_free(&token);
}

TEST(a_newer_version_asks_for_a_newer_pxenc)
{
	struct px_token *token = NULL;

	assert_int_equal(parse("{\"type\":\"pxenc\",\"version\":2,\"shape\":\"unknown\"}", &token),
			 PX_BAD_HEADER);
	assert_logged("newer pxenc");
	assert_null(token);
}

#define TYPE "\"type\":\"pxenc\""
#define SLOT "\"keyslots\":[\"0\"]"
#define V1 "\"version\":1"
#define DCOS "\"secret_type\":\"dcos\""
#define STORE "\"store\":\"default\""
#define SECRET "\"secret\":\"a/b\""
#define AUTO "\"auto\":true"
#define OTHER(slot, secret) "{\"slot\":" #slot ",\"secret\":\"" secret "\",\"keep\":false}"
#define NEXT(slot, secret) "\"next\":" OTHER(slot, secret)
#define OLD(slot, secret) "\"old\":" OTHER(slot, secret)
#define C ","

TEST(anything_else_is_refused)
{
	static const struct {
		const char *json, *complaint;
	} cases[] = {
		{ "", "JSON" },
		{ "{", "JSON" },
		{ "[]", "type" },
		{ "{}", "type" },
		{ "{\"type\":7}", "type" },
		{ "{\"type\":\"luks2-keyring\"}", "type" },
		{ "{\"TYPE\":\"pxenc\"}", "type" },
		{ GOOD " ,", "JSON" },
		{ "{" TYPE C TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO "}", "JSON" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C "\"secret\":\"a\\u0000b\"" C AUTO "}",
		  "JSON" },
		{ "{" TYPE C SLOT C DCOS C STORE C SECRET C AUTO "}", "version" },
		{ "{" TYPE C SLOT C "\"version\":\"1\"" C DCOS C STORE C SECRET C AUTO "}",
		  "version" },
		{ "{" TYPE C SLOT C "\"version\":1.5" C DCOS C STORE C SECRET C AUTO "}",
		  "version" },
		{ "{" TYPE C SLOT C "\"version\":-1" C DCOS C STORE C SECRET C AUTO "}",
		  "version" },
		{ "{" TYPE C SLOT C "\"version\":0" C DCOS C STORE C SECRET C AUTO "}",
		  "version is 0" },
		{ "{" TYPE C V1 C DCOS C STORE C SECRET C AUTO "}", "\"keyslots\" is missing" },
		{ "{" TYPE C SLOT C V1 C STORE C SECRET C AUTO "}", "\"secret_type\" is missing" },
		{ "{" TYPE C SLOT C V1 C DCOS C SECRET C AUTO "}", "\"store\" is missing" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C AUTO "}", "\"secret\" is missing" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET "}", "\"auto\" is missing" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C "\"auto\":1}",
		  "\"auto\" has the wrong type" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"url\":\"x\"}",
		  "\"url\" is unknown" },
		{ "{" TYPE C SLOT C V1 C "\"secret_type\":\"vault\"" C STORE C SECRET C AUTO "}",
		  "secret_type" },
		{ "{" TYPE C SLOT C V1 C DCOS C "\"store\":\"\"" C SECRET C AUTO "}", "store" },
		{ "{" TYPE C SLOT C V1 C DCOS C "\"store\":\"a/../b\"" C SECRET C AUTO "}",
		  "store" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C NEXT(0, "a/b") "}",
		  "not another one" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C OLD(3, "a/b") "}",
		  "secret of a change is not another one" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C NEXT(32, "a/b") "}",
		  "not another one" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C NEXT(1, "../b") "}",
		  "\"../b\"" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C OLD(1, "pxenc/x") "}",
		  "\"pxenc/x\"" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"next\":{\"slot\":1}}",
		  "\"secret\" is missing" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"old\":{\"x\":1}}",
		  "unknown" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"old\":7}",
		  "\"old\" has the wrong type" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C NEXT(1, "a/c")
			  C OLD(2, "a/d") "}",
		  "two changes" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C "\"secret\":\"../x\"" C AUTO "}",
		  "\"../x\"" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C "\"secret\":\"pxenc/cluster\"" C AUTO "}",
		  "\"pxenc/cluster\"" },
		{ "{" TYPE C "\"keyslots\":[]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C "\"keyslots\":[\"0\",\"1\"]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C "\"keyslots\":[0]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C "\"keyslots\":[\"32\"]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C "\"keyslots\":[\"00\"]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C "\"keyslots\":[\"1x\"]" C V1 C DCOS C STORE C SECRET C AUTO "}",
		  "one keyslot" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"seal\":\"abc\"}",
		  "seal" },
		{ "{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C
		  "\"seal\":\"+uhvIVfrMdNd2HOYwG5CDqAWl4f9ME_rlK0cNj-faZM\"}",
		  "seal" },
	};
	struct px_token *token = NULL;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].json, &token), PX_BAD_HEADER);
		assert_logged(cases[i].complaint);
		assert_null(token);
	}
}

static int parse_and_format(void *unused)
{
	struct px_token *token = NULL;
	enum px_status status;
	char *json;

	(void)unused;
	status = parse("{" TYPE C SLOT C V1 C DCOS C STORE C SECRET C AUTO C "\"seal\":\"" SEAL
		       "\"}",
		       &token);
	if (status != PX_OK)
		return (int)status;
	json = px_token_format(token);
	status = json ? PX_OK : px_nomem();
	free(json);
	px_token_free(&token);
	return (int)status;
}

TEST(running_out_of_memory_is_said)
{
	each_allocation_may_fail(parse_and_format, NULL, PX_NOMEM);
}

/* cJSON does not tell lack of memory from a text that is no JSON. */
TEST(cjson_running_out_of_memory_is_no_success)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	unsigned int n = 0;
	int status;

	cJSON_InitHooks(&hooks);
	do {
		allocation_fails(++n);
		status = parse_and_format(NULL);
		allocation_fails(0);
		assert_true(status == PX_OK || status == PX_NOMEM || status == PX_BAD_HEADER);
	} while (status != PX_OK);
	cJSON_InitHooks(NULL);
	assert_true(n > 50);
}

TEST(nothing_is_freed_twice)
{
	struct px_token *token = NULL;

	px_token_free(NULL);
	px_token_free(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_is_read),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_change_under_way_is_read_and_written),
		cmocka_unit_test(a_newer_version_asks_for_a_newer_pxenc),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(running_out_of_memory_is_said),
		cmocka_unit_test(cjson_running_out_of_memory_is_no_success),
		cmocka_unit_test(nothing_is_freed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
