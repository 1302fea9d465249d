/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "pxenc/clock.h"
#include "pxenc/dcos.h"
#include "pxenc/members.h"
#include "pxenc/s3.h"
#include "pxenc/store.h"

static struct fault no_mmap;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

/* The parsers. */

typedef int (*parser)(const char *json, size_t len, struct px_secret **ret_secret);

/* The result of a parser, which must be these bytes when it is a success. The text is copied to
 * the end of its own memory, so that AddressSanitizer sees a byte read too far. */
static int parse(parser parse_it, const char *json, size_t len, const char *wanted, size_t size)
{
	px_auto(free) char *copy = malloc(len ? len : 1);
	px_auto(secret) struct px_secret *got = NULL;
	int r;

	memcpy(copy, json, len);
	r = parse_it(copy, len, &got);
	if (r < 0) {
		assert_null(got);
		return r;
	}
	assert_int_equal(px_secret_len(got), size);
	assert_memory_equal(px_secret_bytes(got), wanted, size);
	return r;
}

#define PARSE(parser, json, wanted)                                                                \
	parse(parser, json, sizeof(json) - 1, wanted, sizeof(wanted) - 1)
#define REFUSED(parser, json) assert_int_equal(PARSE(parser, json, ""), -EBADMSG)

TEST(a_value_is_the_string_of_that_name)
{
	assert_int_equal(PARSE(px_dcos_parse_value, "{\"value\":\"abc\"}", "abc"), 0);
	assert_int_equal(PARSE(px_dcos_parse_value, " {\"x\":[1],\"value\":\"\"}\r\n", ""), 0);
	assert_int_equal(PARSE(px_dcos_parse_value,
			       "{\"value\":\"\\u00e9\\\"\\\\u0000\\n\\ud83d\\ude00\"}",
			       "\xc3\xa9\"\\u0000\n\xf0\x9f\x98\x80"),
			 0);
}

TEST(a_value_that_is_not_a_json_object_with_one_is_refused)
{
	REFUSED(px_dcos_parse_value, "");
	REFUSED(px_dcos_parse_value, "  ");
	REFUSED(px_dcos_parse_value, "{}");
	REFUSED(px_dcos_parse_value, "{\"value\":42}");
	REFUSED(px_dcos_parse_value, "{\"value\":null}");
	REFUSED(px_dcos_parse_value, "{\"Value\":\"abc\"}");
	REFUSED(px_dcos_parse_value, "{\"value\":{\"value\":\"abc\"}}");
	REFUSED(px_dcos_parse_value, "[\"value\",\"abc\"]");
	REFUSED(px_dcos_parse_value, "\"value\"");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\"");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc}");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\",");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\"} {}");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\"}}");
	REFUSED(px_dcos_parse_value, "<html>}");
}

TEST(a_value_with_a_nul_is_refused_and_not_cut_short)
{
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\\u0000def\"}");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\\\\\\u0000def\"}");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\0def\"}");
	REFUSED(px_dcos_parse_value, "{\"value\":\"abc\"}\0");
	assert_int_equal(PARSE(px_dcos_parse_value, "{\"value\":\"\\\\u0000\"}", "\\u0000"), 0);
}

TEST(a_json_that_nests_without_an_end_is_refused)
{
	char deep[4000];

	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	deep[sizeof(deep) - 1] = '}';
	assert_int_equal(parse(px_dcos_parse_value, deep, sizeof(deep), "", 0), -EBADMSG);
}

TEST(a_login_gives_a_token_that_fits_a_header)
{
	assert_int_equal(PARSE(px_dcos_parse_login, "{\"token\":\"a.b-c_d\"}\n", "a.b-c_d"), 0);
	REFUSED(px_dcos_parse_login, "{\"token\":\"\"}");
	REFUSED(px_dcos_parse_login, "{\"token\":\"a b\"}");
	REFUSED(px_dcos_parse_login, "{\"token\":\"a\\r\\nX-Evil: 1\"}");
	REFUSED(px_dcos_parse_login, "{\"token\":\"\\u00e9\"}");
	REFUSED(px_dcos_parse_login, "{\"token\":\"\\u007f\"}");
	REFUSED(px_dcos_parse_login, "{\"value\":\"abc\"}");
}

TEST(a_token_longer_than_the_longest_is_refused)
{
	char json[PX_ACS_MAX + 32];
	int len;

	memset(json, 't', sizeof(json));
	memcpy(json, "{\"token\":\"", 10);
	len = 10 + PX_ACS_MAX;
	memcpy(json + len, "\"}", 2);
	assert_int_equal(parse(px_dcos_parse_login, json, (size_t)len + 2, json + 10, PX_ACS_MAX),
			 0);
	memcpy(json + len, "t\"}", 3);
	assert_int_equal(parse(px_dcos_parse_login, json, (size_t)len + 3, "", 0), -EBADMSG);
}

TEST(a_list_is_an_array_of_paths)
{
	assert_int_equal(PARSE(px_dcos_parse_list, "{\"array\":[]}", ""), 0);
	assert_int_equal(PARSE(px_dcos_parse_list, "{\"array\":[\"b\",\"a/c\",\"with space\"]}",
			       "b\0a/c\0with space\0"),
			 0);
	REFUSED(px_dcos_parse_list, "{\"array\":[\"a\",1]}");
	REFUSED(px_dcos_parse_list, "{\"array\":[\"\"]}");
	REFUSED(px_dcos_parse_list, "{\"array\":[\"a\\n\"]}");
	REFUSED(px_dcos_parse_list, "{\"array\":{\"a\":\"b\"}}");
	REFUSED(px_dcos_parse_list, "{\"value\":\"a\"}");
	REFUSED(px_dcos_parse_list, "[\"a\"]");
	REFUSED(px_dcos_parse_list, "{\"array\":[\"a\\u0000\"]}");
}

TEST(a_list_with_a_path_longer_than_any_is_refused)
{
	char json[1100];

	memset(json, 'p', sizeof(json));
	memcpy(json, "{\"array\":[\"", 11);
	memcpy(json + 11 + 1024, "\"]}", 3);
	assert_int_equal(px_dcos_parse_list(json, 11 + 1024 + 3, &(struct px_secret *){ NULL }), 0);
	memcpy(json + 11 + 1024, "p\"]}", 4);
	assert_int_equal(px_dcos_parse_list(json, 11 + 1025 + 3, &(struct px_secret *){ NULL }),
			 -EBADMSG);
}

static int portworx(const char *value, size_t len, const char *wanted)
{
	px_auto(secret) struct px_secret *member = NULL;
	int r = px_dcos_parse_portworx(value, len, "pwx/secrets/key", &member);

	if (r == 0) {
		assert_int_equal(px_secret_len(member), strlen(wanted));
		assert_memory_equal(px_secret_bytes(member), wanted, strlen(wanted));
	}
	return r;
}

#define PORTWORX(value, wanted) portworx(value, sizeof(value) - 1, wanted)

TEST(an_object_of_texts_is_taken_apart)
{
	assert_int_equal(PARSE(px_json_members, "{}", ""), 0);
	assert_int_equal(PARSE(px_json_members, "{\"a\": \"1\", \"b\": \"\", \"c\": \"\\n\"}\n",
			       "a\0001\0b\0\0c\0\n\0"),
			 0);
}

TEST(an_object_of_anything_else_is_refused)
{
	REFUSED(px_json_members, "");
	REFUSED(px_json_members, "[\"a\"]");
	REFUSED(px_json_members, "{\"a\": 1}");
	REFUSED(px_json_members, "{\"a\": true}");
	REFUSED(px_json_members, "{\"a\": null}");
	REFUSED(px_json_members, "{\"a\": {}}");
	REFUSED(px_json_members, "{\"a\": \"x\\u0000y\"}");
	REFUSED(px_json_members, "{\"a\\u0000b\": \"x\"}");
	REFUSED(px_json_members, "{\"\": \"x\"}");
	REFUSED(px_json_members, "{\"a\": \"x\", \"a\": \"y\"}");
	REFUSED(px_json_members, "{\"a\": \"x\"");
}

TEST(an_object_that_is_larger_than_any_is_refused)
{
	px_auto(secret) struct px_secret *members = NULL;
	char json[PX_MEMBERS_MAX + 16];
	size_t len = 6 + PX_MEMBERS_MAX - 3; /* a name of one byte, and two NULs */

	memset(json, 'x', sizeof(json));
	memcpy(json, "{\"a\":\"", 6);
	memcpy(json + len, "\"}", 2);
	assert_int_equal(px_json_members(json, len + 2, &members), 0);
	assert_int_equal(px_secret_len(members), PX_MEMBERS_MAX);
	px_secret_free(&members);
	memcpy(json + len, "x\"}", 3);
	assert_int_equal(px_json_members(json, len + 3, &members), -E2BIG);
	assert_null(members);
}

TEST(a_value_that_portworx_wrote_has_the_passphrase_in_a_member)
{
	assert_int_equal(PORTWORX("{\"pwx/secrets/key\":\"a\"}", "a"), 0);
	assert_int_equal(PORTWORX("{\"key\":\"b\"}", "b"), 0);
	assert_int_equal(PORTWORX("{\"key\":\"b\",\"pwx/secrets/key\":\"a\"}", "a"), 0);
}

TEST(any_other_value_stands_as_it_is)
{
	assert_int_equal(PORTWORX("", ""), -ENOENT);
	assert_int_equal(PORTWORX("plain", ""), -ENOENT);
	assert_int_equal(PORTWORX("{", ""), -ENOENT);
	assert_int_equal(PORTWORX("{}", ""), -ENOENT);
	assert_int_equal(PORTWORX("{\"other\":\"a\"}", ""), -ENOENT);
	assert_int_equal(PORTWORX("{\"key\":42}", ""), -ENOENT);
	assert_int_equal(PORTWORX("{\"key\":\"a\"} trailing", ""), -ENOENT);
	assert_int_equal(PORTWORX(" {\"key\":\"a\"}", ""), -ENOENT);
	assert_int_equal(PORTWORX("[\"key\"]", ""), -ENOENT);
}

TEST(a_portworx_value_with_a_nul_is_refused)
{
	assert_int_equal(PORTWORX("{\"key\":\"a\\u0000b\"}", ""), -EBADMSG);
	assert_int_equal(PORTWORX("{\"key\":\"a\", \"x\":\"\\u0000\"}", ""), -EBADMSG);
}

TEST(a_path_of_one_component_is_its_own_last)
{
	px_auto(secret) struct px_secret *member = NULL;

	assert_int_equal(px_dcos_parse_portworx("{\"key\":\"a\"}", 11, "key", &member), 0);
}

static bool says(const char *body, const char *text)
{
	return px_dcos_error_says(body, strlen(body), text);
}

TEST(an_error_may_say_what_it_is_about)
{
	assert_true(
		says("{\"title\":\"x\",\"description\":\"Store not found.\"}", "store not found"));
	assert_false(says("{\"description\":\"other\"}", "store not found"));
	assert_false(says("{\"title\":\"store not found\"}", "store not found"));
	assert_false(says("<html>store not found</html>", "store not found"));
	assert_false(says("", "store not found"));
}

static int64_t expiry(const char *jwt)
{
	return px_jwt_expiry(jwt, strlen(jwt));
}

static void check_code(const char *body, const char *wanted)
{
	size_t len = strlen(body);
	px_auto(free) char *copy = malloc(len ? len : 1);
	char code[PX_S3_CODE_MAX];

	/* Without its NUL, so that AddressSanitizer sees a byte read too far. */
	memcpy(copy, body, len);
	px_s3_error_code(copy, len, code);
	assert_string_equal(code, wanted);
}

TEST(an_error_of_s3_has_a_code)
{
	check_code("<?xml?>\n<Error><Code>AccessDenied</Code><Message>x</Message></Error>",
		   "AccessDenied");
	check_code("<Code>A1</Code><Code>B</Code>", "A1");
	check_code("", "");
	check_code("<html>403</html>", "");
	check_code("<Code></Code>", "");
	check_code("<Code>", "");
	check_code("<Code>Access", "");
	check_code("<Code>Access</Code", "");
	check_code("<Code>Access Denied</Code>", "");
	check_code("<Code>\033[2J</Code>", "");
	check_code("<Code>aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaa</Code>",
		   "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaa");
	check_code("<Code>aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaa</Code>", "");
}

TEST(a_token_may_say_when_it_expires)
{
	/* {"uid":"bob","exp":1700000000} */
	assert_int_equal(expiry("h.eyJ1aWQiOiJib2IiLCJleHAiOjE3MDAwMDAwMDB9.s"), 1700000000);
	/* {"a":"???>>>~~~","exp":5}: both characters that base64url has of its own */
	assert_int_equal(expiry("h.eyJhIjoiPz8_Pj4-fn5-IiwiZXhwIjo1fQ.s"), 5);
}

TEST(a_token_that_does_not_say_so_sanely_has_no_expiry)
{
	static char longest[9000];

	assert_int_equal(expiry(""), 0);
	assert_int_equal(expiry("opaque"), 0);
	assert_int_equal(expiry("one.dot"), 0);
	assert_int_equal(expiry(".."), 0);
	assert_int_equal(expiry("h.!!!!.s"), 0);
	assert_int_equal(expiry("h.e30.s"), 0);		       /* {} */
	assert_int_equal(expiry("h.eyJleHAiOi0xfQ.s"), 0);     /* {"exp":-1} */
	assert_int_equal(expiry("h.eyJleHAiOjFlMzAwfQ.s"), 0); /* {"exp":1e300} */
	assert_int_equal(expiry("h.eyJleHAiOiI1In0.s"), 0);    /* {"exp":"5"} */
	memset(longest, 'A', sizeof(longest) - 1);
	longest[1] = longest[sizeof(longest) - 3] = '.';
	assert_int_equal(expiry(longest), 0);
}

/* The writers. */

TEST(text_is_utf8_without_nul)
{
	assert_true(px_json_is_text("", 0));
	assert_true(px_json_is_text("plain\n\x7f", 7));
	assert_true(px_json_is_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9));
	assert_true(px_json_is_text("\xf4\x8f\xbf\xbf", 4));
	assert_false(px_json_is_text("a\0b", 3));
	assert_false(px_json_is_text("\xff", 1));
	assert_false(px_json_is_text("\x80", 1));
	assert_false(px_json_is_text("\xc3", 1));
	assert_false(px_json_is_text("\xc3z", 2));
	assert_false(px_json_is_text("\xc0\x80", 2));	      /* longer than needed */
	assert_false(px_json_is_text("\xe0\x80\x80", 3));     /* the same */
	assert_false(px_json_is_text("\xed\xa0\x80", 3));     /* half of a surrogate pair */
	assert_false(px_json_is_text("\xf4\x90\x80\x80", 4)); /* past the last */
}

static int object_of(const void *text, size_t len, struct px_secret **ret_json)
{
	const struct px_json_pair pair = { "value", text, len };

	return px_json_object(&pair, 1, ret_json);
}

TEST(what_goes_into_json_comes_out_again)
{
	px_auto(secret) struct px_secret *json = NULL;
	char text[128];
	int i;

	for (i = 0; i < 127; i++)
		text[i] = (char)(i + 1);
	text[127] = '"';
	assert_int_equal(object_of(text, sizeof(text), &json), 0);
	assert_int_equal(px_secret_len(json), px_secret_capacity(json) - 1);
	assert_int_equal(parse(px_dcos_parse_value, (const char *)px_secret_bytes(json),
			       px_secret_len(json), text, sizeof(text)),
			 0);
}

TEST(an_object_has_its_pairs_in_order)
{
	const struct px_json_pair pairs[] = { { "uid", "b\"b", 3 }, { "password", "\\", 1 } };
	static const char wanted[] = "{\"uid\":\"b\\\"b\",\"password\":\"\\\\\"}";
	px_auto(secret) struct px_secret *json = NULL;

	assert_int_equal(px_json_object(pairs, 2, &json), 0);
	assert_int_equal(px_secret_len(json), strlen(wanted));
	assert_memory_equal(px_secret_bytes(json), wanted, strlen(wanted));
}

TEST(an_object_that_is_too_large_is_refused)
{
	px_auto(free) char *text = malloc(PX_SECRET_MAX / 6 + 1);
	px_auto(secret) struct px_secret *json = NULL;

	memset(text, '\x01', PX_SECRET_MAX / 6 + 1);
	assert_int_equal(object_of(text, PX_SECRET_MAX / 6 + 1, &json), -E2BIG);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(object_of("x", 1, &json), -ENOMEM);
}

TEST(a_path_is_escaped_for_a_url)
{
	px_auto(free) char *escaped = px_url_escape("pwx/a-b._~/c d?e#f%\xc3\xa9&");

	assert_string_equal(escaped, "pwx/a-b._~/c%20d%3Fe%23f%25%C3%A9%26");
	allocation_fails(1);
	assert_null(px_url_escape("x"));
	allocation_fails(0);
}

/* The API, against a route with a script. */

struct step {
	const char *method, *target;
	const char *acs;  /* NULL: none is sent */
	const char *body; /* NULL: any */
	enum px_status status;
	unsigned int code;
	const char *type, *answer;
	bool lost;
};

static const struct step *script;
static char told_headers[128];	/* of the last request, each with a '|' */
static int64_t told_good_until; /* and its own */
static bool stale;
static unsigned int expirations; /* of questions that fail */

bool __wrap_px_route_is_stale(const struct px_route *route);
bool __wrap_px_route_has_expired(const struct px_route *route);
#define JSON "application/json"
#define HTML "text/html"

enum px_status __wrap_px_route_ask(struct px_route *route, const struct px_http_request *request,
				   struct px_http_answer *ret_answer, bool *ret_lost,
				   struct px_cause *cause);

bool __wrap_px_route_is_stale(const struct px_route *route)
{
	(void)route;
	return stale;
}

bool __wrap_px_route_has_expired(const struct px_route *route)
{
	(void)route;
	return expirations && expirations--;
}

static void check_secret(const struct px_secret *secret, const char *wanted)
{
	if (!wanted) {
		assert_null(secret);
		return;
	}
	assert_non_null(secret);
	assert_int_equal(px_secret_len(secret), strlen(wanted));
	assert_memory_equal(px_secret_bytes(secret), wanted, strlen(wanted));
}

enum px_status __wrap_px_route_ask(struct px_route *route, const struct px_http_request *request,
				   struct px_http_answer *ret_answer, bool *ret_lost,
				   struct px_cause *cause)
{
	const struct step *step = script;
	char *const *line;

	(void)route;
	assert_non_null(step->method);
	script++;
	assert_string_equal(request->method, step->method);
	assert_string_equal(request->target, step->target);
	told_good_until = request->good_until;
	told_headers[0] = '\0';
	for (line = request->headers; line && *line; line++)
		snprintf(told_headers + strlen(told_headers),
			 sizeof(told_headers) - strlen(told_headers), "%s|", *line);
	check_secret(request->acs, step->acs);
	if (step->body)
		check_secret(request->body, step->body);
	*ret_lost = step->lost;
	*ret_answer = (struct px_http_answer){ .code = step->code, .total_us = 1500 };
	snprintf(ret_answer->content_type, sizeof(ret_answer->content_type), "%s",
		 step->type ? step->type : JSON);
	if (step->answer && *step->answer &&
	    px_secret_from(step->answer, strlen(step->answer), &ret_answer->body) < 0)
		return px_cause_nomem(cause);
	if (step->status)
		px_cause_set(cause, step->status, "what the route says");
	return step->status;
}

#define LOGIN "POST", "/acs/api/v1/auth/login", NULL
#define BOBS_LOGIN LOGIN, "{\"uid\":\"bob\",\"password\":\"sesame\"}"
#define A "/secrets/v1/secret/default/pwx/a"
#define TOKEN PX_OK, 200, JSON, "{\"token\":\"new\"}", false
#define END                                                                                        \
	{                                                                                          \
		NULL, NULL, NULL, NULL, PX_OK, 0, NULL, NULL, false                                \
	}

/* The keeper: what it hands over, and what it was given. */
static struct {
	const char *acs[8]; /* then the password */
	bool signs;	    /* "a.b.1", "a.b.2" and so on in its place */
	enum px_status refuses;
	unsigned int refuses_from; /* PX_UNREACHABLE, the wish of that number */
	enum px_status cannot_keep;
	const char *uid, *password;
	unsigned int wanted, kept;
	char token[32];
} keeper;

static enum px_status sign(struct px_credentials *ret_credentials, struct px_cause *cause)
{
	char token[16];

	snprintf(token, sizeof(token), "a.b.%u", keeper.wanted);
	ret_credentials->uid = strdup("svc");
	if (!ret_credentials->uid ||
	    px_secret_from(token, strlen(token), &ret_credentials->service) < 0)
		return px_cause_nomem(cause);
	return PX_OK;
}

static enum px_status want_login(void *arg, struct px_credentials *ret_credentials,
				 struct px_cause *cause)
{
	const char *acs = keeper.acs[keeper.wanted++];

	(void)arg;
	if (keeper.refuses)
		return px_cause_set(cause, keeper.refuses, "the keeper refuses");
	if (acs) {
		if (px_secret_from(acs, strlen(acs), &ret_credentials->acs) < 0)
			return px_cause_nomem(cause);
		return PX_OK;
	}
	if (keeper.refuses_from && keeper.wanted >= keeper.refuses_from)
		return px_cause_set(cause, PX_UNREACHABLE, "the keeper refuses");
	if (keeper.signs)
		return sign(ret_credentials, cause);
	ret_credentials->uid = strdup(keeper.uid);
	if (!ret_credentials->uid || px_secret_from(keeper.password, strlen(keeper.password),
						    &ret_credentials->password) < 0)
		return px_cause_nomem(cause);
	return PX_OK;
}

static enum px_status keep(void *arg, const struct px_secret *acs, int64_t when,
			   struct px_cause *cause)
{
	(void)arg;
	assert_int_equal(when, 0);
	keeper.kept++;
	snprintf(keeper.token, sizeof(keeper.token), "%.*s", (int)px_secret_len(acs),
		 (const char *)px_secret_bytes(acs));
	if (keeper.cannot_keep)
		return px_cause_set(cause, keeper.cannot_keep, "the keeper is gone");
	return PX_OK;
}

static const struct px_keeper the_keeper = { want_login, keep, NULL };

static void hear_nothing(void *arg, enum px_note_kind kind, const char *text)
{
	(void)arg;
	assert_int_equal(kind, PX_NOTE_DONE);
	assert_non_null(strstr(text, ": 1.5 ms"));
}

static const struct px_listener the_listener = { hear_nothing, NULL };

static struct px_cause cause;

/* With a cached ACS token "old", or none. */
static struct px_dcos *new_dcos(bool with_token)
{
	struct px_secret *acs = NULL;
	struct px_dcos *dcos = NULL;

	memset(&keeper, 0, sizeof(keeper));
	memset(&cause, 0, sizeof(cause));
	keeper.uid = "bob";
	keeper.password = "sesame";
	if (with_token)
		assert_int_equal(px_secret_from("old", 3, &acs), 0);
	assert_int_equal(
		px_dcos_new(NULL, "default", acs, &the_keeper, &the_listener, &dcos, &cause),
		PX_OK);
	return dcos;
}

/* The status of a get of pwx/a; the value that it must have had, or NULL. */
static enum px_status get_from(struct px_dcos *dcos, unsigned int how, const char *wanted)
{
	px_auto(secret) struct px_secret *value = NULL;
	enum px_status st = px_dcos_get(dcos, "pwx/a", how, &value, &cause);

	check_secret(value, st ? NULL : wanted);
	return st;
}

static void at_the_end(void)
{
	assert_null(script->method);
}

/* The status of a get with one answer. */
static enum px_status get_answered(unsigned int code, const char *type, const char *answer,
				   const char *wanted)
{
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	const struct step steps[] = { { "GET", A, "old", NULL, PX_OK, code, type, answer, false },
				      END };
	enum px_status st;

	script = steps;
	st = get_from(dcos, PX_GET_RAW, wanted);
	at_the_end();
	return st;
}

#define assert_cause(wanted, call, words)                                                          \
	do {                                                                                       \
		assert_int_equal(call, wanted);                                                    \
		assert_int_equal(cause.status, wanted);                                            \
		if (!strstr(cause.text, words))                                                    \
			fail_msg("'%s' is not in: %s", words, cause.text);                         \
	} while (0)

TEST(a_get_reads_json_or_bytes)
{
	assert_int_equal(get_answered(200, JSON, "{\"value\":\"v\"}", "v"), PX_OK);
	assert_int_equal(
		get_answered(200, "Application/JSON; charset=utf-8", "{\"value\":\"v\"}", "v"),
		PX_OK);
	assert_int_equal(get_answered(200, "application/octet-stream", "{raw", "{raw"), PX_OK);
	assert_int_equal(get_answered(200, "application/octet-stream", "", ""), PX_OK);
}

TEST(an_answer_that_is_not_a_secret_is_not_trusted)
{
	assert_cause(PX_UNTRUSTED, get_answered(200, "text/html", "<html>", NULL), "wrong type");
	assert_cause(PX_UNTRUSTED, get_answered(200, "", "{\"value\":\"v\"}", NULL), "wrong type");
	assert_cause(PX_UNTRUSTED, get_answered(200, "application/jsonx", "{}", NULL),
		     "wrong type");
	assert_cause(PX_UNTRUSTED, get_answered(200, JSON, "{}", NULL),
		     "the store's answer to reading 'pwx/a' cannot be trusted: it is malformed");
	assert_cause(PX_UNTRUSTED, get_answered(200, JSON, NULL, NULL), "malformed");
}

TEST(each_code_has_its_status)
{
	assert_cause(PX_FORBIDDEN, get_answered(403, NULL, "<html>", NULL),
		     "refuses access to 'pwx/a' (403)");
	assert_cause(PX_NO_SECRET, get_answered(404, NULL, "{}", NULL),
		     "the store has no secret 'pwx/a' (404)");
	assert_cause(PX_NO_SECRET, get_answered(404, "text/plain", "none", NULL), "no secret");
	assert_cause(PX_USAGE,
		     get_answered(404, JSON, "{\"description\":\"store not found\"}", NULL),
		     "DC/OS has no store 'default'");
	assert_cause(PX_EXISTS, get_answered(409, NULL, NULL, NULL), "'pwx/a' exists already");
	assert_cause(PX_USAGE, get_answered(413, NULL, NULL, NULL), "too large for the store");
	assert_cause(PX_UNTRUSTED, get_answered(301, NULL, NULL, NULL), "redirect refused");
	assert_cause(PX_UNTRUSTED, get_answered(302, NULL, NULL, NULL), "302");
	assert_cause(PX_UNTRUSTED, get_answered(400, NULL, NULL, NULL), "400, unexpectedly");
	assert_cause(PX_UNTRUSTED, get_answered(204, NULL, NULL, NULL), "204, unexpectedly");
}

TEST(a_page_that_is_not_found_says_nothing_of_a_secret)
{
	const struct step deleted[] = {
		{ "DELETE", A, "old", NULL, PX_OK, 404, HTML, "<html>", true }, END
	};
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	assert_cause(PX_UNTRUSTED, get_answered(404, HTML, "<html>", NULL),
		     "the answer to reading 'pwx/a' is a page that is not found (404), and not the "
		     "store's");
	assert_cause(PX_UNTRUSTED, get_answered(404, "text/html; charset=utf-8", "", NULL), "404");
	script = deleted;
	assert_cause(PX_UNTRUSTED, px_dcos_delete(dcos, "pwx/a", &cause), "not the store's");
	at_the_end();
}

static enum px_status verdict(unsigned int code, const char *type, const char *body)
{
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	const struct step steps[] = { { "GET", A, "old", NULL, PX_OK, code, type, body, false },
				      END };

	script = steps;
	return get_from(dcos, PX_GET_VERDICT, code == 200 ? "v" : NULL);
}

TEST(only_the_apis_own_refusals_are_a_verdict)
{
	static const char own[] = "{\"title\":\"Forbidden\",\"description\":\"no\"}";

	assert_int_equal(verdict(200, JSON, "{\"value\":\"v\"}"), PX_OK);
	assert_cause(PX_FORBIDDEN, verdict(403, JSON, own), "refuses access to 'pwx/a' (403)");
	assert_cause(PX_NO_SECRET, verdict(404, "application/json; charset=utf-8", own), "404");
	assert_cause(PX_UNTRUSTED, verdict(403, "text/html", "<html>"),
		     "reading 'pwx/a' is a 403 that is not the store's own");
	assert_cause(PX_UNTRUSTED, verdict(404, "text/html", own), "404 that is not");
	assert_cause(PX_UNTRUSTED, verdict(403, NULL, NULL), "403 that is not");
	assert_cause(PX_UNTRUSTED, verdict(403, JSON, "{\"message\":\"Forbidden\"}"), "not");
	assert_cause(PX_UNTRUSTED, verdict(403, JSON, "{\"title\":\"Forbidden\"}"), "not");
	assert_cause(PX_UNTRUSTED, verdict(404, JSON, "{\"description\":\"gone\"}"), "not");
	assert_cause(PX_UNTRUSTED, verdict(404, JSON, "<html>"), "not");
}

TEST(what_the_route_says_is_passed_on)
{
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	const struct step steps[] = {
		{ "GET", A, "old", NULL, PX_UNREACHABLE, 0, NULL, NULL, false }, END
	};

	script = steps;
	assert_cause(PX_UNREACHABLE, get_from(dcos, PX_GET_RAW, NULL), "what the route says");
}

TEST(the_passphrase_of_a_portworx_value_is_picked_when_asked_for)
{
	static const char written[] = "{\"value\":\"{\\\"pwx/a\\\":\\\"inside\\\"}\"}";
	const struct step steps[] = { { "GET", A, "old", NULL, PX_OK, 200, JSON, written, false },
				      { "GET", A, "old", NULL, PX_OK, 200, JSON, written, false },
				      { "GET", A, "old", NULL, PX_OK, 200, JSON,
					"{\"value\":\"plain\"}", false },
				      { "GET", A, "old", NULL, PX_OK, 200,
					"application/octet-stream", "{\"a\":\"x\\u0000\"}", false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	script = steps;
	assert_int_equal(get_from(dcos, PX_GET_PASSPHRASE, "inside"), PX_OK);
	assert_int_equal(get_from(dcos, PX_GET_RAW, "{\"pwx/a\":\"inside\"}"), PX_OK);
	assert_int_equal(get_from(dcos, PX_GET_PASSPHRASE | PX_GET_MAYBE, "plain"), PX_OK);
	assert_cause(PX_UNTRUSTED, get_from(dcos, PX_GET_PASSPHRASE, NULL), "pwx/a");
	at_the_end();
}

TEST(without_a_token_it_logs_in_first)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	assert_int_equal(get_from(dcos, PX_GET_RAW, "v"), PX_OK);
	assert_string_equal(keeper.token, "new");
	at_the_end();
}

TEST(a_rejected_token_is_replaced_by_one_login)
{
	const struct step steps[] = { { "GET", A, "old", NULL, PX_OK, 401, NULL, "<html>", false },
				      { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	script = steps;
	assert_int_equal(get_from(dcos, PX_GET_RAW, "v"), PX_OK);
	assert_int_equal(keeper.kept, 1);
	at_the_end();
}

TEST(a_token_of_another_process_takes_the_place_of_a_login)
{
	const struct step steps[] = { { "GET", A, "old", NULL, PX_OK, 401, NULL, NULL, false },
				      { "GET", A, "newer", NULL, PX_OK, 401, NULL, NULL, false },
				      { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	script = steps;
	keeper.acs[0] = "newer";
	assert_int_equal(get_from(dcos, PX_GET_RAW, "v"), PX_OK);
	assert_int_equal(keeper.wanted, 2);
	at_the_end();
}

TEST(a_token_that_is_rejected_although_it_is_new_ends_it)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 401, NULL, NULL, false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	assert_cause(PX_UNAUTHENTICATED, get_from(dcos, PX_GET_RAW, NULL), "that it just gave");
	at_the_end();
}

TEST(tokens_of_other_processes_are_not_tried_for_ever)
{
	const struct step steps[] = { { "GET", A, "1", NULL, PX_OK, 401, NULL, NULL, false },
				      { "GET", A, "2", NULL, PX_OK, 401, NULL, NULL, false },
				      { "GET", A, "3", NULL, PX_OK, 401, NULL, NULL, false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.acs[0] = "1";
	keeper.acs[1] = "2";
	keeper.acs[2] = "3";
	assert_cause(PX_UNAUTHENTICATED, get_from(dcos, PX_GET_RAW, NULL), "401");
	at_the_end();
}

/* The status of a get without a token, when the login is answered so. */
static enum px_status login_answered(unsigned int code, const char *type, const char *answer)
{
	const struct step steps[] = { { BOBS_LOGIN, PX_OK, code, type, answer, false }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);
	enum px_status st;

	script = steps;
	st = get_from(dcos, PX_GET_RAW, NULL);
	at_the_end();
	return st;
}

TEST(a_login_that_fails_has_its_own_words)
{
	assert_cause(PX_UNAUTHENTICATED, login_answered(401, JSON, "{\"title\":\"x\"}"),
		     "the store refuses the login of 'bob' (401)");
	assert_cause(PX_UNAUTHENTICATED,
		     login_answered(403, JSON, "{\"title\":\"Forbidden\",\"description\":\"no\"}"),
		     "does not let 'bob' log in (403)");
	assert_cause(PX_UNTRUSTED, login_answered(400, JSON, "{}"), "the login is 400");
	assert_cause(PX_UNTRUSTED, login_answered(307, NULL, NULL), "redirect refused");
	assert_cause(PX_UNTRUSTED, login_answered(200, "text/html", "<html>"), "wrong type");
	assert_cause(PX_UNTRUSTED, login_answered(200, JSON, "{}"), "malformed");
}

TEST(a_foreign_refusal_of_the_login_is_no_verdict_on_credentials_or_secret)
{
	assert_cause(PX_UNTRUSTED, login_answered(403, NULL, NULL),
		     "the login is a 403 that is not the store's own");
	assert_cause(PX_UNTRUSTED, login_answered(403, "text/html", "<html>"), "not the store's");
	assert_cause(PX_UNTRUSTED, login_answered(404, "text/html", "<html>"), "a 404 that is not");
}

TEST(credentials_that_cannot_be_had_end_it)
{
	const struct step steps[] = { END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.refuses = PX_KERNEL;
	assert_cause(PX_KERNEL, get_from(dcos, PX_GET_RAW, NULL), "the keeper refuses");
}

TEST(a_token_that_cannot_be_handed_back_ends_it)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.cannot_keep = PX_KERNEL;
	assert_cause(PX_KERNEL, get_from(dcos, PX_GET_RAW, NULL), "the keeper is gone");
}

TEST(a_login_that_cannot_be_sent_is_the_routes_failure)
{
	const struct step steps[] = { { BOBS_LOGIN, PX_UNTRUSTED, 0, NULL, NULL, false }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	assert_cause(PX_UNTRUSTED, get_from(dcos, PX_GET_RAW, NULL), "what the route says");
}

#define SIGNED_LOGIN(n) LOGIN, "{\"uid\":\"svc\",\"token\":\"a.b." n "\"}"
#define UNREACHABLE PX_UNREACHABLE, 0, NULL, NULL, false

TEST(what_a_service_account_signed_expires_and_is_signed_anew_as_often_as_it_takes)
{
	const struct step steps[] = { { SIGNED_LOGIN("1"), UNREACHABLE },
				      { SIGNED_LOGIN("2"), UNREACHABLE },
				      { SIGNED_LOGIN("3"), UNREACHABLE },
				      { SIGNED_LOGIN("4"), UNREACHABLE },
				      { SIGNED_LOGIN("5"), TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.signs = true;
	expirations = 4;
	assert_int_equal(get_from(dcos, PX_GET_RAW, "v"), PX_OK);
	assert_int_equal(keeper.wanted, 5);
	assert_int_equal(keeper.kept, 1);
	at_the_end();
}

TEST(it_is_used_for_half_of_its_lifetime)
{
	const struct step steps[] = { { SIGNED_LOGIN("1"), UNREACHABLE }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);
	int64_t before = px_now_ms();

	script = steps;
	keeper.signs = true;
	assert_cause(PX_UNREACHABLE, get_from(dcos, PX_GET_RAW, NULL), "what the route says");
	assert_in_range(told_good_until, before + 30000, px_now_ms() + 30000);
}

TEST(a_password_does_not_expire)
{
	const struct step steps[] = { { BOBS_LOGIN, UNREACHABLE }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	assert_cause(PX_UNREACHABLE, get_from(dcos, PX_GET_RAW, NULL), "what the route says");
	assert_int_equal(told_good_until, 0);
}

TEST(what_expired_and_is_not_signed_anew_ends_it)
{
	const struct step steps[] = { { SIGNED_LOGIN("1"), UNREACHABLE }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.signs = true;
	keeper.refuses_from = 2;
	expirations = 2;
	assert_cause(PX_UNREACHABLE, get_from(dcos, PX_GET_RAW, NULL), "the keeper refuses");
	assert_int_equal(keeper.wanted, 2);
	expirations = 0;
	at_the_end();
}

TEST(a_password_that_is_no_text_cannot_be_sent)
{
	const struct step steps[] = { END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(false);

	script = steps;
	keeper.password = "\xff";
	assert_cause(PX_USAGE, get_from(dcos, PX_GET_RAW, NULL), "UTF-8");
}

TEST(a_login_by_hand_logs_in_whatever_token_there_is)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN }, END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	script = steps;
	assert_int_equal(px_dcos_login(dcos, &cause), PX_OK);
	assert_string_equal(keeper.token, "new");
	at_the_end();
}

/* Writing. */

static enum px_status create_with(const struct step *steps, const char *value, size_t len)
{
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	px_auto(secret) struct px_secret *secret = NULL;
	enum px_status st;

	script = steps;
	assert_int_equal(px_secret_from(value, len, &secret), 0);
	st = px_dcos_create(dcos, "pwx/a", secret, &cause);
	at_the_end();
	return st;
}

#define PUT(status, code, lost)                                                                    \
	{                                                                                          \
		"PUT", A, "old", NULL, status, code, NULL, NULL, lost                              \
	}
#define GET_V(value)                                                                               \
	{                                                                                          \
		"GET", A, "old", NULL, PX_OK, 200, JSON, "{\"value\":\"" value "\"}", false        \
	}
#define GET_CODE(code)                                                                             \
	{                                                                                          \
		"GET", A, "old", NULL, PX_OK, code, NULL, NULL, false                              \
	}

TEST(a_text_is_created_as_json_and_bytes_as_they_are)
{
	const struct step text[] = {
		{ "PUT", A, "old", "{\"value\":\"v\\u000a\"}", PX_OK, 201, NULL, NULL, false }, END
	};
	const struct step bytes[] = {
		{ "PUT", A, "old", "\xff\x01", PX_OK, 201, NULL, NULL, false }, END
	};

	assert_int_equal(create_with(text, "v\n", 2), PX_OK);
	assert_int_equal(create_with(bytes, "\xff\x01", 2), PX_OK);
}

TEST(a_secret_that_exists_is_not_created)
{
	const struct step steps[] = { PUT(PX_OK, 409, false), END };

	assert_cause(PX_EXISTS, create_with(steps, "v", 1), "exists already");
}

TEST(a_create_whose_answer_got_lost_is_settled_by_what_is_there)
{
	const struct step ours[] = { PUT(PX_OK, 409, true), GET_V("v"), END };
	const struct step cut_off[] = { PUT(PX_UNTRUSTED, 201, true), GET_V("v"), END };
	const struct step theirs[] = { PUT(PX_OK, 409, true), GET_V("other"), END };
	const struct step not_there[] = { PUT(PX_UNTRUSTED, 201, true), GET_CODE(404), END };

	assert_int_equal(create_with(ours, "v", 1), PX_OK);
	assert_int_equal(create_with(cut_off, "v", 1), PX_OK);
	assert_cause(PX_EXISTS, create_with(theirs, "v", 1), "exists already");
	assert_cause(PX_UNTRUSTED, create_with(not_there, "v", 1), "what the route says");
}

TEST(a_create_that_cannot_be_settled_says_so)
{
	const struct step no_time[] = { PUT(PX_UNREACHABLE, 0, true), END };
	const struct step may_not_read[] = { PUT(PX_OK, 409, true), GET_CODE(403), END };
	const struct step gone_again[] = { PUT(PX_OK, 409, true), GET_CODE(404), END };
	const struct step page[] = { PUT(PX_OK, 403, true),
				     { "GET", A, "old", NULL, PX_OK, 404, HTML, NULL, false },
				     END };

	assert_cause(PX_UNREACHABLE, create_with(no_time, "v", 1),
		     "whether 'pwx/a' was created is not known: what the route says");
	assert_cause(PX_UNREACHABLE, create_with(may_not_read, "v", 1),
		     "not known: the store "
		     "refuses access");
	assert_cause(PX_UNREACHABLE, create_with(gone_again, "v", 1), "not known");
	assert_cause(PX_UNREACHABLE, create_with(page, "v", 1), "not known");
}

TEST(a_create_that_was_never_sent_was_not_created)
{
	const struct step steps[] = { PUT(PX_UNREACHABLE, 0, false), END };

	assert_cause(PX_UNREACHABLE, create_with(steps, "v", 1), "what the route says");
}

TEST(a_loss_before_a_login_is_not_forgotten)
{
	const struct step steps[] = { PUT(PX_OK, 401, true),
				      { BOBS_LOGIN, TOKEN },
				      { "PUT", A, "new", NULL, PX_OK, 409, NULL, NULL, false },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };

	assert_int_equal(create_with(steps, "v", 1), PX_OK);
}

TEST(a_value_too_large_for_json_is_a_usage_error)
{
	const struct step steps[] = { END };
	px_auto(free) char *value = malloc(PX_SECRET_MAX / 6 + 1);

	memset(value, '\x01', PX_SECRET_MAX / 6 + 1);
	assert_cause(PX_USAGE, create_with(steps, value, PX_SECRET_MAX / 6 + 1), "too large");
}

TEST(an_update_replaces_and_may_be_lost_and_repeated)
{
	const struct step steps[] = {
		{ "PATCH", A, "old", "{\"value\":\"v\"}", PX_OK, 204, NULL, NULL, true },
		{ "PATCH", A, "old", "{\"value\":\"v\"}", PX_OK, 404, NULL, NULL, false },
		END
	};
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	px_auto(secret) struct px_secret *value = NULL;

	script = steps;
	assert_int_equal(px_secret_from("v", 1, &value), 0);
	assert_int_equal(px_dcos_update(dcos, "pwx/a", value, &cause), PX_OK);
	assert_cause(PX_NO_SECRET, px_dcos_update(dcos, "pwx/a", value, &cause), "no secret");
	at_the_end();
}

TEST(a_delete_that_finds_nothing_after_a_loss_was_ours)
{
	const struct step steps[] = { { "DELETE", A, "old", NULL, PX_OK, 204, NULL, NULL, false },
				      { "DELETE", A, "old", NULL, PX_OK, 404, NULL, NULL, true },
				      { "DELETE", A, "old", NULL, PX_OK, 404, NULL, NULL, false },
				      { "DELETE", A, "old", NULL, PX_UNREACHABLE, 0, NULL, NULL,
					true },
				      END };
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);

	script = steps;
	assert_int_equal(px_dcos_delete(dcos, "pwx/a", &cause), PX_OK);
	assert_int_equal(px_dcos_delete(dcos, "pwx/a", &cause), PX_OK);
	assert_cause(PX_NO_SECRET, px_dcos_delete(dcos, "pwx/a", &cause), "no secret");
	assert_cause(PX_UNREACHABLE, px_dcos_delete(dcos, "pwx/a", &cause), "route");
	at_the_end();
}

TEST(a_list_is_asked_for_below_a_path_or_at_the_top)
{
	const struct step steps[] = {
		{ "GET", A "?list=true", "old", NULL, PX_OK, 200, JSON, "{\"array\":[\"x\"]}",
		  false },
		{ "GET", "/secrets/v1/secret/default/?list=true", "old", NULL, PX_OK, 200, JSON,
		  "{\"array\":[]}", false },
		{ "GET", A "?list=true", "old", NULL, PX_OK, 403, NULL, NULL, false },
		{ "GET", A "?list=true", "old", NULL, PX_OK, 200, JSON, "[]", false },
		{ "GET", A "?list=true", "old", NULL, PX_OK, 200, "text/html", "[]", false },
		{ "GET", A "?list=true", "old", NULL, PX_UNREACHABLE, 0, NULL, NULL, false },
		END
	};
	px_auto(dcos) struct px_dcos *dcos = new_dcos(true);
	px_auto(secret) struct px_secret *list = NULL, *top = NULL;

	script = steps;
	assert_int_equal(px_dcos_list(dcos, "pwx/a", &list, &cause), PX_OK);
	assert_int_equal(px_secret_len(list), 2);
	assert_int_equal(px_dcos_list(dcos, "", &top, &cause), PX_OK);
	assert_int_equal(px_secret_len(top), 0);
	assert_cause(PX_FORBIDDEN, px_dcos_list(dcos, "pwx/a", &list, &cause), "(403)");
	assert_cause(PX_UNTRUSTED, px_dcos_list(dcos, "pwx/a", &list, &cause), "malformed");
	assert_cause(PX_UNTRUSTED, px_dcos_list(dcos, "pwx/a", &list, &cause), "wrong type");
	assert_cause(PX_UNREACHABLE, px_dcos_list(dcos, "pwx/a", &list, &cause), "route");
	at_the_end();
}

/* A login, a get, a create, a list; each thing that allocates. */
static int dcos_life(void *arg)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"{\\\"a\\\":\\\"b\\\"}\"}", false },
				      { "PUT", A, "new", NULL, PX_OK, 201, NULL, NULL, false },
				      { "GET", A "?list=true", "new", NULL, PX_OK, 200, JSON,
					"{\"array\":[\"x\"]}", false },
				      { "DELETE", A, "new", NULL, PX_OK, 204, NULL, NULL, false },
				      END };
	px_auto(secret) struct px_secret *value = NULL, *list = NULL;
	px_auto(dcos) struct px_dcos *dcos = NULL;
	enum px_status st;

	(void)arg;
	memset(&keeper, 0, sizeof(keeper));
	keeper.uid = "bob";
	keeper.password = "sesame";
	script = steps;
	st = px_dcos_new(NULL, "default", NULL, &the_keeper, &the_listener, &dcos, &cause);
	if (!st)
		st = px_dcos_get(dcos, "pwx/a", PX_GET_PASSPHRASE, &value, &cause);
	if (!st)
		st = px_dcos_create(dcos, "pwx/a", value, &cause);
	if (!st)
		st = px_dcos_list(dcos, "pwx/a", &list, &cause);
	if (!st)
		st = px_dcos_delete(dcos, "pwx/a", &cause);
	return st == PX_NOMEM ? -ENOMEM : (int)st;
}

TEST(locked_memory_may_run_out_anywhere)
{
	unsigned int n;
	int r;

	for (n = 0;; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		r = dcos_life(NULL);
		if (no_mmap.times)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	no_mmap.times = 0;
	assert_int_equal(r, 0);
	assert_true(n > 8);
}

TEST(memory_may_run_out_anywhere)
{
	each_allocation_may_fail(dcos_life, NULL, -ENOMEM);
	px_dcos_free(NULL);
}

/* The serve loop: frames are laid into a pipe beforehand, and what it says is read afterwards. */

static struct itimerval alarm_set;
static int requests[2], answers[2];
static uint32_t next_seq;

int __wrap_setitimer(int which, const struct itimerval *wanted, struct itimerval *old);

int __wrap_setitimer(int which, const struct itimerval *wanted, struct itimerval *old)
{
	(void)old;
	assert_int_equal(which, ITIMER_REAL);
	alarm_set = *wanted;
	return 0;
}

static int pipes_make(void **state)
{
	(void)state;
	next_seq = 0;
	stale = false;
	memset(&alarm_set, 0, sizeof(alarm_set));
	if (pipe2(requests, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
		return -1;
	return fcntl(answers[1], F_SETPIPE_SZ, 1 << 20) < 0 ? -1 : 0;
}

static int pipes_end(void **state)
{
	(void)state;
	px_fd_cleanup(&requests[0]);
	px_fd_cleanup(&requests[1]);
	px_fd_cleanup(&answers[0]);
	px_fd_cleanup(&answers[1]);
	return 0;
}

static struct px_frame make_frame(enum px_frame_type type, uint32_t seq)
{
	struct px_frame frame;

	assert_int_equal(px_frame_new(type, seq, 32768, &frame), 0);
	return frame;
}

static void add_text(struct px_frame *frame, enum px_field_tag tag, const char *text)
{
	assert_int_equal(px_frame_add_text(frame, tag, text), 0);
}

static void add_number(struct px_frame *frame, enum px_field_tag tag, uint64_t number)
{
	assert_int_equal(px_frame_add_number(frame, tag, number), 0);
}

static void lay(struct px_frame *frame)
{
	assert_int_equal(px_frame_write(requests[1], frame, PX_FOREVER), 0);
	px_frame_clear(frame);
}

static struct px_frame session_frame(void)
{
	struct px_frame frame = make_frame(PX_FRAME_SESSION, 0);

	add_text(&frame, PX_FIELD_URL, "https://a");
	add_text(&frame, PX_FIELD_STORE, "default");
	return frame;
}

static void lay_session(const char *acs)
{
	struct px_frame frame = session_frame();

	if (acs)
		add_text(&frame, PX_FIELD_ACS, acs);
	add_number(&frame, PX_FIELD_TIMEOUT, 61000);
	lay(&frame);
}

static struct px_frame request_frame(uint64_t op, const char *path)
{
	struct px_frame frame = make_frame(PX_FRAME_REQUEST, ++next_seq);

	add_number(&frame, PX_FIELD_OP, op);
	add_text(&frame, PX_FIELD_PATH, path);
	return frame;
}

static void lay_request(uint64_t op, const char *path, const char *value)
{
	struct px_frame frame = request_frame(op, path);

	if (value)
		add_text(&frame, PX_FIELD_VALUE, value);
	lay(&frame);
}

static void lay_password(void)
{
	struct px_frame frame = make_frame(PX_FRAME_CREDENTIALS, next_seq);

	add_text(&frame, PX_FIELD_UID, "bob");
	add_text(&frame, PX_FIELD_PASSWORD, "sesame");
	lay(&frame);
}

static int serve(const struct step *steps)
{
	int r;

	script = steps;
	px_fd_cleanup(&requests[1]);
	requests[1] = -1;
	r = px_fetch_serve(requests[0], answers[1], false);
	at_the_end();
	px_fd_cleanup(&answers[1]);
	answers[1] = -1;
	return r;
}

/* The next frame that is not a note. */
static struct px_frame heard(enum px_frame_type type)
{
	struct px_frame frame = { .payload = NULL };

	do {
		px_frame_clear(&frame);
		assert_int_equal(px_frame_read(answers[0], PX_FOREVER, &frame), 0);
	} while (frame.type == PX_FRAME_NOTE);
	assert_int_equal(frame.type, type);
	return frame;
}

static void heard_answer(uint32_t seq, uint64_t status, enum px_field_tag tag, const char *content)
{
	px_auto(frame) struct px_frame frame = heard(PX_FRAME_ANSWER);
	px_auto(secret) struct px_secret *field = NULL;
	uint64_t got;

	assert_int_equal(frame.seq, seq);
	assert_int_equal(px_frame_get_number(&frame, PX_FIELD_STATUS, &got), 0);
	assert_int_equal(got, status);
	assert_int_equal(px_frame_get_secret(&frame, tag, 4096, &field), 0);
	if (tag == PX_FIELD_TEXT && *content) {
		px_auto(free) char *text = NULL;

		assert_int_equal(px_frame_get_text(&frame, tag, PX_TEXT_MAX, &text), 0);
		if (!strstr(text, content))
			fail_msg("'%s' is not in: %s", content, text);
		return;
	}
	assert_int_equal(px_secret_len(field), strlen(content));
	assert_memory_equal(px_secret_bytes(field), content, strlen(content));
}

static void heard_nothing_more(void)
{
	struct px_frame frame;

	assert_int_equal(px_frame_read(answers[0], PX_FOREVER, &frame), -ENODATA);
}

TEST(requests_are_answered_in_turn_until_the_pipe_ends)
{
	const struct step steps[] = {
		{ "GET", A, "old", NULL, PX_OK, 200, JSON, "{\"value\":\"v\"}", false },
		{ "PUT", A, "old", "{\"value\":\"x\"}", PX_OK, 201, NULL, NULL, false },
		{ "PATCH", A, "old", "{\"value\":\"y\"}", PX_OK, 204, NULL, NULL, false },
		{ "DELETE", A, "old", NULL, PX_OK, 404, NULL, NULL, false },
		{ "GET", A "?list=true", "old", NULL, PX_OK, 200, JSON, "{\"array\":[]}", false },
		END
	};

	lay_session("old");
	lay_request(PX_OP_GET, "pwx/a", NULL);
	lay_request(PX_OP_CREATE, "pwx/a", "x");
	lay_request(PX_OP_UPDATE, "pwx/a", "y");
	lay_request(PX_OP_DELETE, "pwx/a", NULL);
	lay_request(PX_OP_LIST, "pwx/a", NULL);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_answer(1, PX_OK, PX_FIELD_VALUE, "v");
	heard_answer(2, PX_OK, PX_FIELD_TEXT, "");
	heard_answer(3, PX_OK, PX_FIELD_TEXT, "");
	heard_answer(4, PX_NO_SECRET, PX_FIELD_TEXT, "no secret");
	heard_answer(5, PX_OK, PX_FIELD_LIST, "");
	heard_nothing_more();
}

TEST(an_alarm_is_set_a_little_after_the_deadline)
{
	const struct step steps[] = { END };

	lay_session(NULL);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	assert_int_equal(alarm_set.it_value.tv_sec, 61);
	assert_int_equal(alarm_set.it_value.tv_usec, 200000);
}

TEST(without_a_deadline_there_is_no_alarm)
{
	struct px_frame frame = session_frame();
	const struct step steps[] = { END };

	lay(&frame);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	assert_int_equal(alarm_set.it_value.tv_sec, 0);
}

TEST(a_login_asks_for_the_password_and_gives_the_token_back)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	px_auto(frame) struct px_frame want = { .payload = NULL }, token = { .payload = NULL };
	px_auto(secret) struct px_secret *acs = NULL;

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	lay_password();
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	want = heard(PX_FRAME_WANT_LOGIN);
	assert_int_equal(want.seq, 1);
	token = heard(PX_FRAME_TOKEN);
	assert_int_equal(px_frame_get_secret(&token, PX_FIELD_ACS, 99, &acs), 0);
	check_secret(acs, "new");
	heard_answer(1, PX_OK, PX_FIELD_VALUE, "v");
}

TEST(a_service_account_logs_in_with_the_token_that_pxenc_signed)
{
	const struct step steps[] = { { LOGIN, "{\"uid\":\"svc\",\"token\":\"a.b.c\"}", TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	struct px_frame frame;

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	frame = make_frame(PX_FRAME_CREDENTIALS, 1);
	add_text(&frame, PX_FIELD_UID, "svc");
	add_text(&frame, PX_FIELD_SERVICE, "a.b.c");
	lay(&frame);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	frame = heard(PX_FRAME_WANT_LOGIN);
	px_frame_clear(&frame);
	frame = heard(PX_FRAME_TOKEN);
	px_frame_clear(&frame);
	heard_answer(1, PX_OK, PX_FIELD_VALUE, "v");
}

TEST(a_token_may_come_in_the_place_of_the_password)
{
	const struct step steps[] = {
		{ "GET", A, "shown", NULL, PX_OK, 200, JSON, "{\"value\":\"v\"}", false }, END
	};
	struct px_frame frame;

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	frame = make_frame(PX_FRAME_CREDENTIALS, 1);
	add_text(&frame, PX_FIELD_ACS, "shown");
	lay(&frame);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	frame = heard(PX_FRAME_WANT_LOGIN);
	px_frame_clear(&frame);
	heard_answer(1, PX_OK, PX_FIELD_VALUE, "v");
}

TEST(a_login_by_hand_is_a_request)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN }, END };
	struct px_frame frame;

	lay_session("old");
	lay_request(PX_OP_LOGIN, "", NULL);
	lay_password();
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	frame = heard(PX_FRAME_WANT_LOGIN);
	px_frame_clear(&frame);
	frame = heard(PX_FRAME_TOKEN);
	px_frame_clear(&frame);
	heard_answer(1, PX_OK, PX_FIELD_TEXT, "");
}

TEST(a_stale_sandbox_is_answered_with_again)
{
	const struct step steps[] = {
		{ "GET", A, "old", NULL, PX_UNREACHABLE, 0, NULL, NULL, false }, END
	};
	px_auto(frame) struct px_frame again = { .payload = NULL };

	stale = true;
	lay_session("old");
	lay_request(PX_OP_GET, "pwx/a", NULL);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	again = heard(PX_FRAME_AGAIN);
	assert_int_equal(again.seq, 1);
	heard_nothing_more();
}

/* Serves one frame in the place of the session. */
static void serve_session(struct px_frame *frame, uint64_t status, const char *text)
{
	const struct step steps[] = { END };

	lay(frame);
	assert_int_equal(serve(steps), EXIT_FAILURE);
	heard_answer(0, status, PX_FIELD_TEXT, text);
	heard_nothing_more();
	pipes_end(NULL);
	assert_int_equal(pipes_make(NULL), 0);
}

TEST(a_session_that_is_malformed_is_refused)
{
	struct px_frame frame = make_frame(PX_FRAME_REQUEST, 0);

	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = make_frame(PX_FRAME_SESSION, 0);
	add_text(&frame, PX_FIELD_STORE, "default");
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = make_frame(PX_FRAME_SESSION, 0);
	add_text(&frame, PX_FIELD_URL, "https://a");
	add_text(&frame, PX_FIELD_STORE, "default");
	add_text(&frame, PX_FIELD_STORE, "default");
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = make_frame(PX_FRAME_SESSION, 0);
	add_text(&frame, PX_FIELD_STORE, "default");
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = make_frame(PX_FRAME_SESSION, 0);
	add_text(&frame, PX_FIELD_URL, "https://a\n");
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = session_frame();
	add_text(&frame, PX_FIELD_TIMEOUT, "short");
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = session_frame();
	add_number(&frame, PX_FIELD_TIMEOUT, UINT64_MAX);
	serve_session(&frame, PX_KERNEL, "does not understand");
	frame = make_frame(PX_FRAME_SESSION, 0);
	add_text(&frame, PX_FIELD_URL, "http://a");
	add_text(&frame, PX_FIELD_STORE, "default");
	serve_session(&frame, PX_USAGE, "http://a");
}

/* Serves a session and this frame. */
static void serve_request(struct px_frame *frame)
{
	const struct step steps[] = { END };
	uint32_t seq = frame->seq;

	lay_session("old");
	lay(frame);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_answer(seq, PX_KERNEL, PX_FIELD_TEXT, "does not understand");
	pipes_end(NULL);
	assert_int_equal(pipes_make(NULL), 0);
}

TEST(a_request_that_is_malformed_is_refused)
{
	struct px_frame frame = make_frame(PX_FRAME_SESSION, 1);

	serve_request(&frame);
	frame = make_frame(PX_FRAME_REQUEST, 1);
	serve_request(&frame);
	frame = make_frame(PX_FRAME_REQUEST, 1);
	add_number(&frame, PX_FIELD_OP, PX_OP_GET);
	serve_request(&frame);
	frame = request_frame(0, "a");
	serve_request(&frame);
	frame = request_frame(PX_OP_LAST + 1, "a");
	serve_request(&frame);
	frame = request_frame(PX_OP_PARSE, "a");
	serve_request(&frame);
	frame = request_frame(PX_OP_S3, "/");
	serve_request(&frame);
	frame = request_frame(PX_OP_GET, "a");
	add_text(&frame, PX_FIELD_LINE, "X: y\r");
	serve_request(&frame);
	frame = request_frame(PX_OP_CREATE, "a");
	serve_request(&frame);
	frame = request_frame(PX_OP_GET, "a");
	add_text(&frame, PX_FIELD_VALUE, "v");
	serve_request(&frame);
	frame = request_frame(PX_OP_GET, "a");
	add_text(&frame, PX_FIELD_HOW, "v");
	serve_request(&frame);
}

/* Serves a get without a token, whose WANT_LOGIN is answered with this frame. */
static void serve_credentials(struct px_frame *frame)
{
	const struct step steps[] = { END };
	struct px_frame want;

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	lay(frame);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	want = heard(PX_FRAME_WANT_LOGIN);
	px_frame_clear(&want);
	heard_answer(1, PX_KERNEL, PX_FIELD_TEXT, "does not understand");
	pipes_end(NULL);
	assert_int_equal(pipes_make(NULL), 0);
}

TEST(an_object_is_taken_apart_without_asking_anybody)
{
	const struct step steps[] = { END };
	px_auto(frame) struct px_frame answer = { .payload = NULL };
	px_auto(secret) struct px_secret *members = NULL, *none = NULL;

	lay_session(NULL);
	lay_request(PX_OP_PARSE, "", "{\"a\":\"b\"}");
	lay_request(PX_OP_PARSE, "", "not JSON");
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	answer = heard(PX_FRAME_ANSWER);
	assert_int_equal(px_frame_get_secret(&answer, PX_FIELD_VALUE, 64, &members), 0);
	assert_int_equal(px_secret_len(members), 4);
	assert_memory_equal(px_secret_bytes(members), "a\0b", 4);
	px_frame_clear(&answer);
	answer = heard(PX_FRAME_ANSWER);
	assert_int_equal(px_frame_get_secret(&answer, PX_FIELD_VALUE, 64, &none), -ENOENT);
	heard_nothing_more();
}

TEST(an_object_that_is_too_large_is_named)
{
	const struct step steps[] = { END };
	char json[PX_MEMBERS_MAX + 9];

	memset(json, 'x', sizeof(json));
	memcpy(json, "{\"a\":\"", 6);
	memcpy(json + sizeof(json) - 3, "\"}", 3);
	lay_session(NULL);
	lay_request(PX_OP_PARSE, "pwx/c", json);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_answer(1, PX_UNTRUSTED, PX_FIELD_TEXT, "'pwx/c' is too large");
}

/* A stranger: an endpoint of S3. */

static void lay_stranger(const char *url)
{
	struct px_frame frame = make_frame(PX_FRAME_SESSION, 0);

	add_text(&frame, PX_FIELD_URL, url);
	add_number(&frame, PX_FIELD_TIMEOUT, 61000);
	lay(&frame);
}

static void lay_s3(void)
{
	struct px_frame frame = request_frame(PX_OP_S3, "/?x=y");

	add_text(&frame, PX_FIELD_LINE, "Host: m");
	add_text(&frame, PX_FIELD_LINE, "Authorization: sig");
	lay(&frame);
}

#define S3_ANSWERS(code, body)                                                                     \
	{                                                                                          \
		"GET", "/?x=y", NULL, NULL, PX_OK, code, "application/xml", body, false            \
	}

/* What the answer of an endpoint comes to. */
static void check_s3(unsigned int code, const char *body, uint64_t status, const char *text)
{
	const struct step steps[] = { S3_ANSWERS(code, body), END };

	lay_stranger("http://minio:9000");
	lay_s3();
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_answer(1, status, PX_FIELD_TEXT, text);
	heard_nothing_more();
	pipes_end(NULL);
	assert_int_equal(pipes_make(NULL), 0);
}

#define CODE(word) "<Error><Code>" word "</Code></Error>"

TEST(an_endpoint_accepts_keys_or_says_what_is_wrong_with_them)
{
	check_s3(200, "<ListAllMyBucketsResult/>", PX_OK, "");
	check_s3(403, CODE("SignatureDoesNotMatch"), PX_UNAUTHENTICATED,
		 "refuses the keys (403 SignatureDoesNotMatch)");
	check_s3(403, CODE("InvalidAccessKeyId"), PX_UNAUTHENTICATED, "InvalidAccessKeyId");
	check_s3(400, CODE("ExpiredToken"), PX_UNAUTHENTICATED, "ExpiredToken");
	check_s3(403, CODE("RequestTimeTooSkewed"), PX_UNAUTHENTICATED, "clock");
	check_s3(401, NULL, PX_UNAUTHENTICATED, "refuses the keys (401)");
	check_s3(403, CODE("AccessDenied"), PX_FORBIDDEN, "403 AccessDenied");
	check_s3(403, "<html>", PX_FORBIDDEN, "(403)");
	check_s3(404, CODE("NoSuchBucket"), PX_NO_SECRET, "no such bucket");
	check_s3(404, "<html>", PX_UNTRUSTED, "answer is 404: check its address");
	check_s3(301, CODE("PermanentRedirect"), PX_UNTRUSTED, "301 PermanentRedirect");
	check_s3(400, CODE("AuthorizationHeaderMalformed"), PX_UNTRUSTED, "region");
	check_s3(204, NULL, PX_UNTRUSTED, "204");
}

TEST(an_endpoint_that_cannot_be_reached_is_the_routes_failure)
{
	const struct step steps[] = {
		{ "GET", "/?x=y", NULL, NULL, PX_UNREACHABLE, 0, NULL, NULL, false }, END
	};

	lay_stranger("https://minio");
	lay_s3();
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_answer(1, PX_UNREACHABLE, PX_FIELD_TEXT, "what the route says");
}

TEST(of_a_stranger_nothing_is_asked_that_is_the_stores)
{
	const struct step steps[] = { END };
	uint64_t op;

	for (op = PX_OP_GET; op < PX_OP_S3; op++) {
		bool takes = op == PX_OP_CREATE || op == PX_OP_UPDATE || op == PX_OP_PARSE;

		lay_stranger("https://minio");
		lay_request(op, "a", takes ? "{}" : NULL);
		assert_int_equal(serve(steps), EXIT_SUCCESS);
		heard_answer(1, PX_KERNEL, PX_FIELD_TEXT, "does not understand");
		pipes_end(NULL);
		assert_int_equal(pipes_make(NULL), 0);
	}
}

TEST(the_header_lines_of_a_request_are_passed_on)
{
	const struct step steps[] = { S3_ANSWERS(200, ""), END };

	lay_stranger("https://minio");
	lay_s3();
	assert_int_equal(serve(steps), EXIT_SUCCESS);
	assert_string_equal(told_headers, "Host: m|Authorization: sig|");
}

static int parse_members(void *arg)
{
	static const char json[] = "{\"a\":\"b\"}";
	px_auto(secret) struct px_secret *members = NULL;

	(void)arg;
	return px_json_members(json, sizeof(json) - 1, &members);
}

TEST(an_object_needs_memory)
{
	each_allocation_may_fail(parse_members, NULL, -ENOMEM);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(parse_members(NULL), -ENOMEM);
}

TEST(credentials_that_are_malformed_are_refused)
{
	struct px_frame frame = make_frame(PX_FRAME_REQUEST, 1);

	serve_credentials(&frame);
	frame = make_frame(PX_FRAME_CREDENTIALS, 2);
	serve_credentials(&frame);
	frame = make_frame(PX_FRAME_CREDENTIALS, 1);
	serve_credentials(&frame);
	frame = make_frame(PX_FRAME_CREDENTIALS, 1);
	add_text(&frame, PX_FIELD_UID, "bob");
	serve_credentials(&frame);
}

TEST(an_end_in_the_place_of_credentials_ends_it)
{
	const struct step steps[] = { END };

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	assert_int_equal(serve(steps), EXIT_SUCCESS);
}

TEST(bytes_that_are_no_frame_end_it)
{
	const struct step steps[] = { END };

	assert_int_equal(write(requests[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(serve(steps), EXIT_FAILURE);
	heard_nothing_more();
}

TEST(bytes_that_are_no_request_end_it)
{
	const struct step steps[] = { END };

	lay_session("old");
	assert_int_equal(write(requests[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
	assert_int_equal(serve(steps), EXIT_FAILURE);
}

TEST(an_end_before_the_session_is_fine)
{
	const struct step steps[] = { END };

	assert_int_equal(serve(steps), EXIT_SUCCESS);
	heard_nothing_more();
}

TEST(memory_that_is_not_locked_is_told)
{
	px_auto(frame) struct px_frame frame = { .payload = NULL };
	px_auto(free) char *text = NULL;

	close(requests[1]);
	requests[1] = -1;
	assert_int_equal(px_fetch_serve(requests[0], answers[1], true), EXIT_SUCCESS);
	assert_int_equal(px_frame_read(answers[0], PX_FOREVER, &frame), 0);
	assert_int_equal(frame.type, PX_FRAME_NOTE);
	assert_int_equal(px_frame_get_text(&frame, PX_FIELD_TEXT, PX_TEXT_MAX, &text), 0);
	assert_non_null(strstr(text, "RLIMIT_MEMLOCK"));
}

TEST(a_program_that_cannot_confine_itself_says_which_step_failed)
{
	assert_int_equal(px_fetch_refuse(answers[1], "set up Landlock", EPERM), 0);
	heard_answer(0, PX_KERNEL, PX_FIELD_TEXT, "it cannot set up Landlock: Operation not perm");
}

TEST(a_parent_that_is_gone_ends_it)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN }, END };

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	lay_password();
	close(answers[0]);
	answers[0] = -1;
	script = steps;
	px_fd_cleanup(&requests[1]);
	requests[1] = -1;
	assert_int_equal(px_fetch_serve(requests[0], answers[1], false), EXIT_FAILURE);
}

static int serve_life(void *arg)
{
	const struct step steps[] = { { BOBS_LOGIN, TOKEN },
				      { "GET", A, "new", NULL, PX_OK, 200, JSON,
					"{\"value\":\"v\"}", false },
				      END };
	int r;

	(void)arg;
	script = steps;
	lseek(requests[0], 0, SEEK_SET);
	r = px_fetch_serve(requests[0], answers[1], false);
	return r == EXIT_SUCCESS && !script->method ? 0 : -ENOMEM;
}

/* The frames lie in a file, so that they can be read again and again; what is said is not. */
static void lay_life_into_a_file(void)
{
	char bytes[4096];
	ssize_t len;

	lay_session(NULL);
	lay_request(PX_OP_GET, "pwx/a", NULL);
	lay_password();
	len = read(requests[0], bytes, sizeof(bytes));
	pipes_end(NULL);
	requests[0] = memfd_create("frames", MFD_CLOEXEC);
	assert_int_equal(write(requests[0], bytes, (size_t)len), len);
	requests[1] = answers[0] = -1;
	answers[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

TEST(a_conversation_needs_memory)
{
	unsigned int n;

	lay_life_into_a_file();
	/* What fails is answered, so that the loop may well end as usual. */
	for (n = 1; n < 60; n++) {
		allocation_fails(n);
		assert_in_range(-serve_life(NULL), 0, ENOMEM);
	}
	allocation_fails(0);
	assert_int_equal(serve_life(NULL), 0);
	for (n = 0;; n++) {
		int r;

		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		r = serve_life(NULL);
		if (no_mmap.times)
			break;
		/* A note that is lost is no failure. */
		assert_true(r == -ENOMEM || r == 0);
	}
	no_mmap.times = 0;
	assert_true(n > 10);
}

#define with_pipes(test) cmocka_unit_test_setup_teardown(test, pipes_make, pipes_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_the_string_of_that_name),
		cmocka_unit_test(a_value_that_is_not_a_json_object_with_one_is_refused),
		cmocka_unit_test(a_value_with_a_nul_is_refused_and_not_cut_short),
		cmocka_unit_test(a_json_that_nests_without_an_end_is_refused),
		cmocka_unit_test(a_login_gives_a_token_that_fits_a_header),
		cmocka_unit_test(a_token_longer_than_the_longest_is_refused),
		cmocka_unit_test(a_list_is_an_array_of_paths),
		cmocka_unit_test(a_list_with_a_path_longer_than_any_is_refused),
		cmocka_unit_test(an_object_of_texts_is_taken_apart),
		cmocka_unit_test(an_object_of_anything_else_is_refused),
		cmocka_unit_test(an_object_that_is_larger_than_any_is_refused),
		cmocka_unit_test(a_value_that_portworx_wrote_has_the_passphrase_in_a_member),
		cmocka_unit_test(any_other_value_stands_as_it_is),
		cmocka_unit_test(a_portworx_value_with_a_nul_is_refused),
		cmocka_unit_test(a_path_of_one_component_is_its_own_last),
		cmocka_unit_test(an_error_may_say_what_it_is_about),
		cmocka_unit_test(an_error_of_s3_has_a_code),
		cmocka_unit_test(a_token_may_say_when_it_expires),
		cmocka_unit_test(a_token_that_does_not_say_so_sanely_has_no_expiry),
		cmocka_unit_test(text_is_utf8_without_nul),
		cmocka_unit_test(what_goes_into_json_comes_out_again),
		cmocka_unit_test(an_object_has_its_pairs_in_order),
		cmocka_unit_test(an_object_that_is_too_large_is_refused),
		cmocka_unit_test(a_path_is_escaped_for_a_url),
		cmocka_unit_test(a_get_reads_json_or_bytes),
		cmocka_unit_test(an_answer_that_is_not_a_secret_is_not_trusted),
		cmocka_unit_test(each_code_has_its_status),
		cmocka_unit_test(a_page_that_is_not_found_says_nothing_of_a_secret),
		cmocka_unit_test(only_the_apis_own_refusals_are_a_verdict),
		cmocka_unit_test(what_the_route_says_is_passed_on),
		cmocka_unit_test(the_passphrase_of_a_portworx_value_is_picked_when_asked_for),
		cmocka_unit_test(without_a_token_it_logs_in_first),
		cmocka_unit_test(a_rejected_token_is_replaced_by_one_login),
		cmocka_unit_test(a_token_of_another_process_takes_the_place_of_a_login),
		cmocka_unit_test(a_token_that_is_rejected_although_it_is_new_ends_it),
		cmocka_unit_test(tokens_of_other_processes_are_not_tried_for_ever),
		cmocka_unit_test(a_login_that_fails_has_its_own_words),
		cmocka_unit_test(
			a_foreign_refusal_of_the_login_is_no_verdict_on_credentials_or_secret),
		cmocka_unit_test(credentials_that_cannot_be_had_end_it),
		cmocka_unit_test(a_token_that_cannot_be_handed_back_ends_it),
		cmocka_unit_test(a_login_that_cannot_be_sent_is_the_routes_failure),
		cmocka_unit_test(
			what_a_service_account_signed_expires_and_is_signed_anew_as_often_as_it_takes),
		cmocka_unit_test(it_is_used_for_half_of_its_lifetime),
		cmocka_unit_test(a_password_does_not_expire),
		cmocka_unit_test(what_expired_and_is_not_signed_anew_ends_it),
		cmocka_unit_test(a_password_that_is_no_text_cannot_be_sent),
		cmocka_unit_test(a_login_by_hand_logs_in_whatever_token_there_is),
		cmocka_unit_test(a_text_is_created_as_json_and_bytes_as_they_are),
		cmocka_unit_test(a_secret_that_exists_is_not_created),
		cmocka_unit_test(a_create_whose_answer_got_lost_is_settled_by_what_is_there),
		cmocka_unit_test(a_create_that_cannot_be_settled_says_so),
		cmocka_unit_test(a_create_that_was_never_sent_was_not_created),
		cmocka_unit_test(a_loss_before_a_login_is_not_forgotten),
		cmocka_unit_test(a_value_too_large_for_json_is_a_usage_error),
		cmocka_unit_test(an_update_replaces_and_may_be_lost_and_repeated),
		cmocka_unit_test(a_delete_that_finds_nothing_after_a_loss_was_ours),
		cmocka_unit_test(a_list_is_asked_for_below_a_path_or_at_the_top),
		cmocka_unit_test(locked_memory_may_run_out_anywhere),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(an_object_needs_memory),
		with_pipes(requests_are_answered_in_turn_until_the_pipe_ends),
		with_pipes(an_alarm_is_set_a_little_after_the_deadline),
		with_pipes(without_a_deadline_there_is_no_alarm),
		with_pipes(a_login_asks_for_the_password_and_gives_the_token_back),
		with_pipes(a_service_account_logs_in_with_the_token_that_pxenc_signed),
		with_pipes(a_token_may_come_in_the_place_of_the_password),
		with_pipes(a_login_by_hand_is_a_request),
		with_pipes(a_stale_sandbox_is_answered_with_again),
		with_pipes(a_session_that_is_malformed_is_refused),
		with_pipes(a_request_that_is_malformed_is_refused),
		with_pipes(an_object_is_taken_apart_without_asking_anybody),
		with_pipes(an_object_that_is_too_large_is_named),
		with_pipes(an_endpoint_accepts_keys_or_says_what_is_wrong_with_them),
		with_pipes(an_endpoint_that_cannot_be_reached_is_the_routes_failure),
		with_pipes(of_a_stranger_nothing_is_asked_that_is_the_stores),
		with_pipes(the_header_lines_of_a_request_are_passed_on),
		with_pipes(credentials_that_are_malformed_are_refused),
		with_pipes(an_end_in_the_place_of_credentials_ends_it),
		with_pipes(bytes_that_are_no_frame_end_it),
		with_pipes(bytes_that_are_no_request_end_it),
		with_pipes(an_end_before_the_session_is_fine),
		with_pipes(memory_that_is_not_locked_is_told),
		with_pipes(a_program_that_cannot_confine_itself_says_which_step_failed),
		with_pipes(a_parent_that_is_gone_ends_it),
		with_pipes(a_conversation_needs_memory),
	};

	/* As pxenc-fetch does. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
