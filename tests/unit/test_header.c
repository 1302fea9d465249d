/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "luks_samples.h"
#include "pxenc/header.h"

void *__wrap_malloc(size_t size);

/* Checks the sample header with one part of it replaced. */
static enum px_status check(const char *from, const char *to, struct px_header **ret_header)
{
	enum px_status status;
	char *json = sample_json(from, to);

	assert_non_null(json);
	log_forget();
	status = px_header_check(json, strlen(json), SAMPLE_SIZE, "/dev/sdb", ret_header);
	free(json);
	return status;
}

struct forgery {
	const char *from, *to, *complaint;
};

static void assert_refused(const struct forgery *forgeries, size_t count)
{
	struct px_header *header = NULL;

	for (size_t i = 0; i < count; i++) {
		enum px_status status = check(forgeries[i].from, forgeries[i].to, &header);

		if (status != PX_BAD_HEADER)
			fprintf(stderr, "%s -> %s\n", forgeries[i].from, forgeries[i].to);
		assert_int_equal(status, PX_BAD_HEADER);
		assert_logged(forgeries[i].complaint);
		assert_logged("/dev/sdb: ");
		assert_null(header);
	}
}

#define ASSERT_REFUSED(forgeries)                                                                  \
	assert_refused(forgeries, sizeof(forgeries) / sizeof(*(forgeries)))

static void assert_taken(const struct forgery *variants, size_t count)
{
	struct px_header *header = NULL;

	for (size_t i = 0; i < count; i++) {
		enum px_status status = check(variants[i].from, variants[i].to, &header);

		if (status != PX_OK)
			fprintf(stderr, "%s: %s\n", variants[i].to, log_line(0));
		assert_int_equal(status, PX_OK);
		assert_silent();
		px_header_free(&header);
	}
}

#define ASSERT_TAKEN(variants) assert_taken(variants, sizeof(variants) / sizeof(*(variants)))

TEST(our_own_header_is_read)
{
	struct px_header *header = NULL;

	assert_int_equal(check(NULL, NULL, &header), PX_OK);
	assert_string_equal(header->cipher, "aes-xts-plain64");
	assert_int_equal(header->data_offset, 16777216);
	assert_int_equal(header->sector_size, 4096);
	assert_int_equal(header->token_id, 0);
	assert_string_equal(header->token->secret, "volumes/" SAMPLE_UUID "/1");
	px_header_free(&header);
	assert_null(header);
	px_header_free(&header);
	px_header_free(NULL);
}

TEST(a_volume_without_our_token_has_none)
{
	struct px_header *header = NULL;

	assert_int_equal(check(SAMPLE_TOKEN,
			       "'4':{'type':'systemd-tpm2','keyslots':[],'deep':"
			       "[[{'x':1.5e300}]]}",
			       &header),
			 PX_OK);
	assert_null(header->token);
	assert_int_equal(header->token_id, -1);
	px_header_free(&header);
}

#define SEGMENT_CIPHER "'encryption':'aes-xts-plain64','sector_size':4096"
#define KEYSLOT_KEY "'type':'luks2','key_size':64"
#define AREA_CIPHER "'encryption':'aes-xts-plain64','key_size':64}"
#define KDF                                                                                        \
	"{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':'"                              \
	"dRL7VhdViS2ZEqoh0w3zQK5ZApVnwYU7IWFwn8YorVw='}"
#define KDF_SALT "'salt':'dRL7VhdViS2ZEqoh0w3zQK5ZApVnwYU7IWFwn8YorVw='"
#define ARGON(type, time, memory, cpus)                                                            \
	"{'type':'" type "','time':" time ",'memory':" memory ",'cpus':" cpus "," KDF_SALT "}"
#define CONFIG "'config':{'json_size':'12288','keyslots_size':'16744448'}"
#define CONFIG_WITH(more) "'config':{'json_size':'12288','keyslots_size':'16744448'," more "}"
#define DIGEST_KDF                                                                                 \
	"'hash':'sha512','iterations':1000,'salt':'ZAh15R/2CRtS67KtlMNxSpU+3QduLpxz0y3M4uss+gI='"

TEST(what_cryptsetup_writes_is_taken)
{
	static const struct forgery variants[] = {
		{ SAMPLE_KEYSLOT_0, SAMPLE_KEYSLOT_0, NULL },
		{ SEGMENT_CIPHER, "'encryption':'serpent-xts-plain64','sector_size':512", NULL },
		{ SEGMENT_CIPHER, "'encryption':'twofish-xts-plain64','sector_size':1024", NULL },
		{ SEGMENT_CIPHER, "'encryption':'aes-xts-plain64','sector_size':2048", NULL },
		{ KDF, ARGON("argon2id", "4", "1048576", "4"), NULL },
		{ KDF, ARGON("argon2i", "1000", "65536", "1"), NULL },
		{ KDF, ARGON("argon2id", "16", "4194304", "16"), NULL },
		{ "'af':{'type':'luks1','stripes':4000,'hash':'sha512'}",
		  "'af':{'type':'luks1','stripes':4000,'hash':'sha1'}", NULL },
		{ KEYSLOT_KEY, KEYSLOT_KEY ",'priority':2", NULL },
		{ KEYSLOT_KEY, KEYSLOT_KEY ",'priority':0", NULL },
		{ CONFIG, CONFIG_WITH("'flags':[]"), NULL },
		{ CONFIG,
		  CONFIG_WITH("'flags':['allow-discards','same-cpu-crypt',"
			      "'submit-from-crypt-cpus','no-read-workqueue',"
			      "'no-write-workqueue']"),
		  NULL },
		{ CONFIG, CONFIG_WITH("'requirements':{}"), NULL },
		{ CONFIG, CONFIG_WITH("'requirements':{'mandatory':[]}"), NULL },
		{ "'offset':'16777216'", "'offset':'16781312'", NULL },
		/* A digest that LUKS1 began is the shorter one, and reencryption counts on. */
		{ "'digests':{'0'", "'digests':{'1'", NULL },
		{ "'digest':'iJulfzZVVF9PPV2XsqpBqzeFCsRsJ/wz7JyKP4g678A='",
		  "'digest':'AAAAAAAAAAAAAAAAAAAAAAAAAAA='", NULL },
	};

	ASSERT_TAKEN(variants);
}

/* Two keyslots of one volume. */
TEST(a_second_keyslot_is_taken_if_the_digest_lists_it)
{
	struct px_header *header = NULL;
	char *json = sample_json("'keyslots':['0'],'segments'", "'keyslots':['0','1'],'segments'");
	char *both = calloc(1, strlen(json) + 1000);
	const char *at = strstr(json, "},\"tokens\"");

	memcpy(both, json, (size_t)(at - json));
	strcat(both, "," SAMPLE_KEYSLOT_1);
	for (char *c = both; *c; c++)
		if (*c == '\'')
			*c = '"';
	strcat(both, at);
	log_forget();
	assert_int_equal(px_header_check(both, strlen(both), SAMPLE_SIZE, "/dev/sdb", &header),
			 PX_OK);
	px_header_free(&header);
	free(both);
	free(json);
}

TEST(a_cipher_that_is_not_ours_is_refused)
{
	static const struct forgery forgeries[] = {
		{ SEGMENT_CIPHER, "'encryption':'cipher_null-ecb','sector_size':4096",
		  "\"cipher_null-ecb\" is not one of ours" },
		{ SEGMENT_CIPHER, "'encryption':'aes-ecb','sector_size':4096", "\"aes-ecb\"" },
		{ SEGMENT_CIPHER, "'encryption':'capi:xts(aes)-plain64','sector_size':4096",
		  "capi:" },
		{ SEGMENT_CIPHER, "'encryption':'aes-xts-plain','sector_size':4096",
		  "aes-xts-plain" },
		{ SEGMENT_CIPHER, "'encryption':'aes-xts-plain64 ','sector_size':4096", "cipher" },
		{ SEGMENT_CIPHER, "'encryption':'','sector_size':4096", "cipher" },
		/* One of ours, but with a key of another size. */
		{ SEGMENT_CIPHER, "'encryption':'aes-cbc-essiv:sha256','sector_size':4096",
		  "keyslot 0: its key does not fit the cipher" },
		{ AREA_CIPHER, "'encryption':'cipher_null-ecb','key_size':64}", "of its area" },
		{ AREA_CIPHER, "'encryption':'aes-xts-plain64','key_size':16}", "of its area" },
		{ AREA_CIPHER, "'encryption':'aes-xts-plain64','key_size':65}", "of its area" },
		{ KEYSLOT_KEY, "'type':'luks2','key_size':48", "its key does not fit" },
		{ KEYSLOT_KEY, "'type':'luks2','key_size':6400", "its key does not fit" },
	};

	ASSERT_REFUSED(forgeries);
	assert_true(px_cipher_allowed("aes-xts-plain64", 256));
	assert_true(px_cipher_allowed("aes-cbc-essiv:sha256", 128));
	assert_true(px_cipher_allowed("xchacha12,aes-adiantum-plain64", 256));
	assert_true(px_cipher_allowed("xchacha20,aes-adiantum-plain64", 256));
	assert_false(px_cipher_allowed("xchacha20,aes-adiantum-plain64", 512));
	assert_false(px_cipher_allowed("aes-xts-plain64", 128));
	assert_false(px_cipher_allowed("cipher_null", 0));
}

#define SEGMENT                                                                                    \
	"'0':{'type':'crypt','offset':'16777216','size':'dynamic','iv_tweak':'0'," SEGMENT_CIPHER  \
	"}"

TEST(a_segment_that_is_not_the_whole_device_is_refused)
{
	static const struct forgery forgeries[] = {
		{ "'type':'crypt'", "'type':'linear'", "type" },
		{ "'size':'dynamic'", "'size':'8388608'", "size" },
		{ "'iv_tweak':'0'", "'iv_tweak':'8'", "iv_tweak" },
		{ "'offset':'16777216'", "'offset':'0'", "within the header" },
		{ "'offset':'16777216'", "'offset':'16773120'", "within the header" },
		{ "'offset':'16777216'", "'offset':'16777728'", "not sane" },
		{ "'offset':'16777216'", "'offset':'1073745920'", "not sane" },
		{ "'offset':'16777216'", "'offset':'33554432'", "beyond the device" },
		{ "'offset':'16777216'", "'offset':'18446744073709551616'", "not sane" },
		{ "'offset':'16777216'", "'offset':'-4096'", "not sane" },
		{ "'offset':'16777216'", "'offset':'016777216'", "not sane" },
		{ "'offset':'16777216'", "'offset':''", "not sane" },
		{ "'offset':'16777216'", "'offset':16777216", "\"offset\" has the wrong type" },
		{ "'sector_size':4096", "'sector_size':8192", "sector size" },
		{ "'sector_size':4096", "'sector_size':256", "sector size" },
		{ "'sector_size':4096", "'sector_size':1536", "sector size" },
		{ "'sector_size':4096", "'sector_size':512.5", "sector size" },
		{ "'sector_size':4096", "'sector_size':4096,'flags':['backup-final']",
		  "\"flags\" is unknown" },
		{ "'sector_size':4096", "'sector_size':4096,'integrity':{'type':'hmac(sha256)'}",
		  "\"integrity\" is unknown" },
		{ "'sector_size':4096", "'sector_size':4096,'x':0", "\"x\" is unknown" },
		{ "'size':'dynamic',", "", "\"size\" is missing" },
		{ "'segments':{" SEGMENT "}", "'segments':{}", "one segment" },
		{ "'segments':{'0'", "'segments':{'1'", "one segment" },
		{ "'segments':{" SEGMENT "}", "'segments':{" SEGMENT ",'1':{}}", "one segment" },
		{ "'segments':{" SEGMENT "}", "'segments':{'0':[]}", "not a JSON object" },
		{ "'segments':{" SEGMENT "}",
		  "'segments':["
		  "]",
		  "\"segments\" has the wrong" },
	};

	ASSERT_REFUSED(forgeries);
}

TEST(a_keyslot_that_we_would_not_write_is_refused)
{
	static const struct forgery forgeries[] = {
		{ KEYSLOT_KEY, "'type':'reencrypt','key_size':64", "type is not luks2" },
		{ KEYSLOT_KEY, KEYSLOT_KEY ",'mode':'encrypt'", "\"mode\" is unknown" },
		{ KEYSLOT_KEY, KEYSLOT_KEY ",'priority':3", "priority" },
		{ KEYSLOT_KEY, KEYSLOT_KEY ",'priority':'1'", "\"priority\" has the wrong type" },
		{ "'stripes':4000", "'stripes':1", "anti-forensic" },
		{ "'stripes':4000,'hash':'sha512'", "'stripes':4000,'hash':'md5'",
		  "anti-forensic" },
		{ "'type':'luks1'", "'type':'luks9'", "anti-forensic" },
		{ "'stripes':4000,", "", "\"stripes\" is missing" },
		{ "'type':'raw'", "'type':'datashift'", "not raw" },
		{ "'type':'raw',", "'type':'raw','shift_size':'1',", "\"shift_size\" is unknown" },
		{ "'offset':'32768'", "'offset':'4096'", "outside of the keyslots" },
		{ "'offset':'32768'", "'offset':'16777216'", "outside of the keyslots" },
		{ "'offset':'32768'", "'offset':'18446744073709551000'", "outside" },
		{ "'offset':'32768'", "'offset':'x'", "outside" },
		{ "'size':'258048'", "'size':'4096'", "too small" },
		{ "'size':'258048'", "'size':''", "outside" },
		{ "'keyslots':{'0'", "'keyslots':{'32'", "numbered \"32\"" },
		{ "'keyslots':{'0'", "'keyslots':{'a'", "numbered \"a\"" },
		{ "'keyslots':{'0'", "'keyslots':{'001'", "numbered" },
		{ "'keyslots':{" SAMPLE_KEYSLOT_0, "'keyslots':{'0':1", "not a JSON object" },
		{ SAMPLE_KEYSLOT_0, SAMPLE_KEYSLOT_0 "," SAMPLE_KEYSLOT_1,
		  "does not list the keyslots" },
		{ SAMPLE_KEYSLOT_0,
		  SAMPLE_KEYSLOT_0 ",'1':{'type':'luks2','key_size':32,"
				   "'af':{'type':'luks1','stripes':4000,'hash':'sha512'},"
				   "'area':{'type':'raw','offset':'290816','size':'258048',"
				   "'encryption':'aes-xts-plain64','key_size':64},'kdf':" KDF "}",
		  "another size than the others" },
		{ SAMPLE_KEYSLOT_0,
		  SAMPLE_KEYSLOT_0 ",'1':{'type':'luks2','key_size':64,"
				   "'af':{'type':'luks1','stripes':4000,'hash':'sha512'},"
				   "'area':{'type':'raw','offset':'286720','size':'258048',"
				   "'encryption':'aes-xts-plain64','key_size':64},'kdf':" KDF "}",
		  "overlaps" },
	};

	ASSERT_REFUSED(forgeries);
}

TEST(a_pbkdf_that_costs_too_much_is_refused)
{
	static const struct forgery forgeries[] = {
		{ KDF, "{}", "kdf is not" },
		{ KDF, "{'type':'scrypt'}", "kdf is not" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':999," KDF_SALT "}",
		  "iterations" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':100000001," KDF_SALT "}",
		  "iterations" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1e99," KDF_SALT "}",
		  "iterations" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':'1000'," KDF_SALT "}",
		  "\"iterations\" has the wrong type" },
		{ KDF, "{'type':'pbkdf2','hash':'ripemd160','iterations':1000," KDF_SALT "}",
		  "\"ripemd160\"" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000}",
		  "\"salt\" is missing" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':''}", "salt" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':'AAAA'}",
		  "salt" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':'A=AA'}",
		  "salt" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':'AAA'}", "salt" },
		{ KDF, "{'type':'pbkdf2','hash':'sha512','iterations':1000,'salt':'A==='}",
		  "salt" },
		{ KDF, ARGON("argon2d", "4", "1048576", "4"), "kdf is not" },
		{ KDF, ARGON("argon2id", "1001", "65536", "1"), "costs too much" },
		{ KDF, ARGON("argon2id", "17", "4194304", "4"), "costs too much" },
		{ KDF, ARGON("argon2id", "4", "4194305", "4"), "costs too much" },
		{ KDF, ARGON("argon2id", "4", "1048576", "17"), "costs too much" },
		{ KDF, ARGON("argon2id", "0", "1048576", "4"), "costs too much" },
		{ KDF, "{'type':'argon2id','time':4,'memory':65536," KDF_SALT "}",
		  "\"cpus\" is missing" },
		{ KDF, "{'type':'argon2id','time':4,'memory':65536,'cpus':4,'salt':'AAAA'}",
		  "salt" },
		{ DIGEST_KDF,
		  "'hash':'sha512','iterations':4294967295,'salt':"
		  "'ZAh15R/2CRtS67KtlMNxSpU+3QduLpxz0y3M4uss+gI='",
		  "the digest: its iterations" },
	};

	ASSERT_REFUSED(forgeries);
	assert_true(px_pbkdf2_allowed("sha1", 1000));
	assert_true(px_pbkdf2_allowed("sha256", 100000000));
	assert_false(px_pbkdf2_allowed("sha1", 999));
	assert_false(px_pbkdf2_allowed("sha256", UINT32_MAX));
	assert_false(px_pbkdf2_allowed("whirlpool", 1000));
}

#define DIGEST                                                                                     \
	"'0':{'type':'pbkdf2','keyslots':['0'],'segments':['0']," DIGEST_KDF                       \
	",'digest':'iJulfzZVVF9PPV2XsqpBqzeFCsRsJ/wz7JyKP4g678A='}"

TEST(anything_but_one_digest_of_all_is_refused)
{
	static const struct forgery forgeries[] = {
		{ DIGEST, "", "one digest" },
		{ DIGEST, DIGEST ",'1':{}", "is missing" },
		{ "'digests':{'0'", "'digests':{'x'", "numbered \"x\"" },
		{ DIGEST, "'0':'x'", "not a JSON object" },
		{ "'0':{'type':'pbkdf2'", "'0':{'type':'sha256'", "type is not pbkdf2" },
		{ "'segments':['0']", "'segments':[]", "one digest" },
		{ "'segments':['0']", "'segments':['0','1']", "segment 0" },
		{ "'segments':['0']", "'segments':[0]", "segment 0" },
		{ "'keyslots':['0'],'segments'", "'keyslots':[],'segments'", "does not list" },
		{ "'keyslots':['0'],'segments'", "'keyslots':['0','0'],'segments'",
		  "does not list" },
		{ "'keyslots':['0'],'segments'", "'keyslots':['0','1'],'segments'",
		  "does not list" },
		{ "'digest':'iJulfzZVVF9PPV2XsqpBqzeFCsRsJ/wz7JyKP4g678A='", "'digest':'AAAA'",
		  "too short" },
		{ "'segments':['0']", "'segments':['0'],'x':1", "\"x\" is unknown" },
	};

	ASSERT_REFUSED(forgeries);
}

TEST(an_unknown_flag_requirement_or_size_is_refused)
{
	static const struct forgery forgeries[] = {
		{ CONFIG, CONFIG_WITH("'flags':['integrity-no-journal']"),
		  "flag \"integrity-no-journal\"" },
		{ CONFIG, CONFIG_WITH("'flags':[1]"), "not a string" },
		{ CONFIG, CONFIG_WITH("'flags':'allow-discards'"), "\"flags\" has the wrong" },
		{ CONFIG, CONFIG_WITH("'requirements':{'mandatory':['online-reencrypt-v2']}"),
		  "reencryption is to end in" },
		{ CONFIG, CONFIG_WITH("'requirements':{'mandatory':['online-reencrypt']}"),
		  "requirement \"online-reencrypt\"" },
		{ CONFIG,
		  CONFIG_WITH("'requirements':{'mandatory':['online-reencrypt-v2','more']}"),
		  "requirement \"online-reencrypt-v2\"" },
		{ CONFIG, CONFIG_WITH("'requirements':{'mandatory':[7]}"), "requirement \"\"" },
		{ CONFIG, CONFIG_WITH("'requirements':{'optional':[]}"),
		  "\"optional\" is unknown" },
		{ CONFIG, CONFIG_WITH("'secret':'x'"), "\"secret\" is unknown" },
		{ "'json_size':'12288'", "'json_size':'12289'", "JSON area" },
		{ "'json_size':'12288'", "'json_size':'8388608'", "malformed" },
		{ "'json_size':'12288'", "'json_size':'4096'", "JSON area" },
		{ "'json_size':'12288'", "'json_size':'18446744073709551615'", "malformed" },
		{ "'keyslots_size':'16744448'", "'keyslots_size':'134221824'", "keyslots of" },
		{ "'keyslots_size':'16744448'", "'keyslots_size':'16744449'", "keyslots of" },
		{ "'keyslots_size':'16744448'", "'keyslots_size':'1e3'", "malformed" },
		{ "," CONFIG, "", "\"config\" is missing" },
		{ CONFIG, CONFIG ",'future':{}", "\"future\" is unknown" },
	};

	ASSERT_REFUSED(forgeries);
}

TEST(a_wrong_token_of_ours_is_refused)
{
	static const struct forgery forgeries[] = {
		{ "'version':1", "'version':2", "newer pxenc" },
		{ "'volumes/" SAMPLE_UUID "/1'", "'credentials/a'", "cannot be the path of a key" },
		{ "'keyslots':['0'],'version'", "'keyslots':['5'],'version'",
		  "keyslot 5, which is not there" },
		{ SAMPLE_TOKEN, SAMPLE_TOKEN ",'1':{'type':'pxenc'}", "two LUKS2 tokens" },
		{ "'tokens':{'0'", "'tokens':{'x'", "token \"x\" is malformed" },
		{ SAMPLE_TOKEN, "'0':{'keyslots':[]}", "token \"0\" is malformed" },
		{ SAMPLE_TOKEN, "'0':'pxenc'", "token \"0\" is malformed" },
	};

	ASSERT_REFUSED(forgeries);
}

TEST(text_that_parsers_read_differently_is_refused)
{
	static const struct forgery forgeries[] = {
		{ "'iv_tweak':'0'", "'iv_tweak':'0','iv_tweak':'8'", "JSON is malformed" },
		{ "'iv_tweak':'0'", "'iv_tweak':'0\\u0000'", "JSON is malformed" },
		{ CONFIG, CONFIG "}", "JSON is malformed" },
		{ CONFIG, "'config':", "JSON is malformed" },
	};
	struct px_header *header = NULL;
	char deep[400];

	ASSERT_REFUSED(forgeries);
	log_forget();
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_int_equal(px_header_check(deep, 200, SAMPLE_SIZE, "/dev/sdb", &header),
			 PX_BAD_HEADER);
	assert_int_equal(px_header_check("{}\0", 3, SAMPLE_SIZE, "/dev/sdb", &header),
			 PX_BAD_HEADER);
	assert_int_equal(px_header_check("", 0, SAMPLE_SIZE, "/dev/sdb", &header), PX_BAD_HEADER);
	assert_int_equal(px_header_check("[]", 2, SAMPLE_SIZE, "/dev/sdb", &header), PX_BAD_HEADER);
	assert_int_equal(log_count(), 4);
}

TEST(a_header_longer_than_luks2_has_is_refused)
{
	size_t len = ((size_t)4 << 20) + 1;
	char *text = malloc(len);
	struct px_header *header = NULL;

	memset(text, ' ', len);
	log_forget();
	assert_int_equal(px_header_check(text, len, SAMPLE_SIZE, "/dev/sdb", &header),
			 PX_BAD_HEADER);
	assert_logged("malformed");
	free(text);
}

static int check_sample(void *json)
{
	struct px_header *header = NULL;
	enum px_status status;

	status = px_header_check(json, strlen(json), SAMPLE_SIZE, "/dev/sdb", &header);
	px_header_free(&header);
	return (int)status;
}

TEST(running_out_of_memory_is_said)
{
	char *json = sample_json(NULL, NULL);

	each_allocation_may_fail(check_sample, json, PX_NOMEM);
	free(json);
}

/* cJSON does not tell lack of memory from a text that is no JSON. */
TEST(cjson_running_out_of_memory_is_no_success)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	char *json = sample_json(NULL, NULL);
	unsigned int n = 0;
	int status;

	cJSON_InitHooks(&hooks);
	do {
		log_forget();
		allocation_fails(++n);
		status = check_sample(json);
		allocation_fails(0);
		assert_true(status == PX_OK || status == PX_NOMEM || status == PX_BAD_HEADER);
		assert_int_equal(log_count(), status == PX_OK ? 0 : 1);
	} while (status != PX_OK);
	cJSON_InitHooks(NULL);
	assert_true(n > 100);
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_header_is_read),
		cmocka_unit_test(a_volume_without_our_token_has_none),
		cmocka_unit_test(what_cryptsetup_writes_is_taken),
		cmocka_unit_test(a_second_keyslot_is_taken_if_the_digest_lists_it),
		cmocka_unit_test(a_cipher_that_is_not_ours_is_refused),
		cmocka_unit_test(a_segment_that_is_not_the_whole_device_is_refused),
		cmocka_unit_test(a_keyslot_that_we_would_not_write_is_refused),
		cmocka_unit_test(a_pbkdf_that_costs_too_much_is_refused),
		cmocka_unit_test(anything_but_one_digest_of_all_is_refused),
		cmocka_unit_test(an_unknown_flag_requirement_or_size_is_refused),
		cmocka_unit_test(a_wrong_token_of_ours_is_refused),
		cmocka_unit_test(text_that_parsers_read_differently_is_refused),
		cmocka_unit_test(a_header_longer_than_luks2_has_is_refused),
		cmocka_unit_test(running_out_of_memory_is_said),
		cmocka_unit_test(cjson_running_out_of_memory_is_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
