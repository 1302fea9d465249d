/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/kdf.h>

#include "luks_samples.h"
#include "pxenc/key.h"
#include "pxenc/seal.h"

/* HKDF-SHA256 and HMAC-SHA256 over the canonical text, by Python's hmac and hashlib. */
#define KEY_A                                                                                      \
	"pxenc1:"                                                                                  \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SEAL_A "Fw2VHN3XiyE6rkniha3touqIUoRAauY1KiCfDcABVXA"

#define CANONICAL                                                                                  \
	"{'config':{'json_size':'12288','keyslots_size':'16744448'},"                              \
	"'digests':{'0':{'digest':'iJulfzZVVF9PPV2XsqpBqzeFCsRsJ/wz7JyKP4g678A=',"                 \
	"'hash':'sha512','iterations':1000,"                                                       \
	"'salt':'ZAh15R/2CRtS67KtlMNxSpU+3QduLpxz0y3M4uss+gI=','segments':['0'],"                  \
	"'type':'pbkdf2'}},"                                                                       \
	"'keyslot':{'af':{'hash':'sha512','stripes':4000,'type':'luks1'},"                         \
	"'area':{'encryption':'aes-xts-plain64','key_size':64,'offset':'32768',"                   \
	"'size':'258048','type':'raw'},'kdf':{'hash':'sha512','iterations':1000,"                  \
	"'salt':'dRL7VhdViS2ZEqoh0w3zQK5ZApVnwYU7IWFwn8YorVw=','type':'pbkdf2'},"                  \
	"'key_size':64,'type':'luks2'},"                                                           \
	"'segments':{'0':{'encryption':'aes-xts-plain64','iv_tweak':'0',"                          \
	"'offset':'16777216','sector_size':4096,'size':'dynamic','type':'crypt'}},"                \
	"'token':{'auto':true,'keyslots':['0'],'secret':'volumes/" SAMPLE_UUID "/1',"              \
	"'secret_type':'dcos','store':'default','type':'pxenc','version':1},"                      \
	"'uuid':'" SAMPLE_UUID "'}"

void *__wrap_malloc(size_t size);
EVP_KDF *__real_EVP_KDF_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties);
EVP_KDF *__wrap_EVP_KDF_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties);
int __real_EVP_KDF_derive(EVP_KDF_CTX *kdf, unsigned char *key, size_t len,
			  const OSSL_PARAM params[]);
int __wrap_EVP_KDF_derive(EVP_KDF_CTX *kdf, unsigned char *key, size_t len,
			  const OSSL_PARAM params[]);
EVP_MAC *__real_EVP_MAC_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties);
EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties);
int __real_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
			const OSSL_PARAM params[]);
int __wrap_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
			const OSSL_PARAM params[]);
int __real_px_secret_new(size_t capacity, struct px_secret **ret_secret);
int __wrap_px_secret_new(size_t capacity, struct px_secret **ret_secret);

/* The call that is to fail next. */
static const char *failing;

static bool fails(const char *call)
{
	return failing && strcmp(failing, call) == 0;
}

EVP_KDF *__wrap_EVP_KDF_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties)
{
	return fails("EVP_KDF_fetch") ? NULL : __real_EVP_KDF_fetch(context, name, properties);
}

int __wrap_EVP_KDF_derive(EVP_KDF_CTX *kdf, unsigned char *key, size_t len,
			  const OSSL_PARAM params[])
{
	return fails("EVP_KDF_derive") ? 0 : __real_EVP_KDF_derive(kdf, key, len, params);
}

EVP_MAC *__wrap_EVP_MAC_fetch(OSSL_LIB_CTX *context, const char *name, const char *properties)
{
	return fails("EVP_MAC_fetch") ? NULL : __real_EVP_MAC_fetch(context, name, properties);
}

int __wrap_EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t len,
			const OSSL_PARAM params[])
{
	return fails("EVP_MAC_init") ? 0 : __real_EVP_MAC_init(mac, key, len, params);
}

int __wrap_px_secret_new(size_t capacity, struct px_secret **ret_secret)
{
	return fails("px_secret_new") ? -ENOMEM : __real_px_secret_new(capacity, ret_secret);
}

static struct px_secret *new_key(const char *text)
{
	struct px_secret *key = NULL;

	assert_int_equal(px_secret_from(text, strlen(text), &key), 0);
	return key;
}

/* The sample with another seal. */
static char *sealed_json(const char *seal)
{
	return sample_json("xuhvIVfrMdNd2HOYwG5CDqAWl4f9ME_rlK0cNj-faZM", seal);
}

static char *text_of(const char *from, const char *to)
{
	char *json = sample_json(from, to), *text = NULL;

	assert_non_null(json);
	assert_int_equal(px_seal_text(json, strlen(json), SAMPLE_UUID, &text), 0);
	free(json);
	return text;
}

TEST(the_sealed_text_is_canonical)
{
	char *text = text_of(NULL, NULL);
	char expected[] = CANONICAL;

	for (char *c = expected; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_string_equal(text, expected);
	free(text);
}

TEST(the_seal_is_hmac_under_hkdf)
{
	struct px_secret *key = new_key(KEY_A);
	char *json = sealed_json(SEAL_A), *seal = NULL;

	assert_int_equal(px_seal_make(json, strlen(json), SAMPLE_UUID, key, &seal), 0);
	assert_string_equal(seal, SEAL_A);
	log_forget();
	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), PX_OK);
	assert_silent();
	free(seal);
	free(json);
	px_secret_free(&key);
}

#define CONFIG "'config':{'json_size':'12288','keyslots_size':'16744448'"

/* What whoever can write to the disk might want to change. */
TEST(every_change_that_matters_changes_the_text)
{
	static const char *const changes[][2] = {
		{ "'offset':'16777216'", "'offset':'16781312'" },
		{ "'size':'dynamic'", "'size':'4096'" },
		{ "'iv_tweak':'0'", "'iv_tweak':'8'" },
		{ "'encryption':'aes-xts-plain64','sector_size'",
		  "'encryption':'serpent-xts-plain64','sector_size'" },
		{ "'sector_size':4096", "'sector_size':512" },
		{ "'sector_size':4096", "'sector_size':4096,'integrity':{}" },
		{ "'segments':{'0':{'type':'crypt'", "'segments':{'1':{},'0':{'type':'crypt'" },
		{ "'digest':'iJ", "'digest':'iK" },
		{ "'salt':'ZA", "'salt':'ZB" },
		{ "'iterations':1000,'salt':'ZA", "'iterations':1001,'salt':'ZA" },
		{ "'segments':['0']", "'segments':['0','1']" },
		{ "'digests':{", "'digests':{'1':{}," },
		{ CONFIG, CONFIG ",'flags':['allow-discards']" },
		{ CONFIG, CONFIG ",'flags':['no-read-workqueue']" },
		{ CONFIG, CONFIG ",'requirements':{'mandatory':['x']}" },
		{ "'json_size':'12288'", "'json_size':'28672'" },
		{ "'keyslots_size':'16744448'", "'keyslots_size':'258048'" },
		{ "'area':{'type':'raw','offset':'32768'",
		  "'area':{'type':'raw','offset':'36864'" },
		{ "'encryption':'aes-xts-plain64','key_size':64",
		  "'encryption':'cipher_null-ecb','key_size':64" },
		{ "'stripes':4000", "'stripes':1" },
		{ "'iterations':1000,'salt':'dR", "'iterations':9000,'salt':'dR" },
		{ "'salt':'dR", "'salt':'dS" },
		{ "'type':'luks2','key_size':64", "'type':'luks2','key_size':64,'priority':0" },
		{ "'auto':true", "'auto':false" },
		{ "/1','auto'", "/2','auto'" },
		{ "'store':'default'", "'store':'other'" },
		{ "'version':1", "'version':2" },
		{ "'auto':true", "'auto':true,'next':1" },
		{ "'keyslots':['0'],'version'", "'keyslots':['0','1'],'version'" },
	};
	char *genuine = text_of(NULL, NULL);

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *forged = text_of(changes[i][0], changes[i][1]);

		assert_string_not_equal(forged, genuine);
		free(forged);
	}
	free(genuine);
}

TEST(what_does_not_concern_us_may_change)
{
	static const char *const changes[][2] = {
		{ SAMPLE_KEYSLOT_0, SAMPLE_KEYSLOT_0 "," SAMPLE_KEYSLOT_1 },
		{ "'keyslots':['0'],'segments'", "'keyslots':['0','1'],'segments'" },
		{ SAMPLE_TOKEN, SAMPLE_TOKEN ",'1':{'type':'systemd-tpm2','keyslots':['1']}" },
		{ "'seal':'xuh", "'seal':'yuh" },
		/* Another spelling of the same. */
		{ "'sector_size':4096", "'sector_size' : 4096.0" },
		{ "'auto':true,", " 'auto' : true , " },
		{ "'type':'crypt','offset':'16777216'",
		  "'offset':'16777216','type':'\\u0063rypt'" },
	};
	char *genuine = text_of(NULL, NULL);

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *text = text_of(changes[i][0], changes[i][1]);

		assert_string_equal(text, genuine);
		free(text);
	}
	free(genuine);
}

TEST(the_number_of_our_token_does_not_matter)
{
	char *genuine = text_of(NULL, NULL);
	char *moved = text_of("'tokens':{'0'", "'tokens':{'1':{'type':'x'},'7'");

	assert_string_equal(moved, genuine);
	free(genuine);
	free(moved);
}

TEST(the_uuid_is_sealed)
{
	struct px_secret *key = new_key(KEY_A);
	char *json = sealed_json(SEAL_A);

	assert_int_equal(
		px_seal_verify(json, strlen(json), "0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e36", key),
		-EBADMSG);
	free(json);
	px_secret_free(&key);
}

TEST(a_wrong_seal_or_key_is_told)
{
	struct px_secret *key = new_key(KEY_A), *other = NULL;
	char *json = sealed_json("Gw2VHN3XiyE6rkniha3touqIUoRAauY1KiCfDcABVXA");

	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -EBADMSG);
	free(json);

	json = sealed_json("Fw2V");
	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -EBADMSG);
	free(json);

	assert_int_equal(px_key_generate(&other), 0);
	json = sealed_json(SEAL_A);
	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, other), -EBADMSG);
	free(json);
	px_secret_free(&other);
	px_secret_free(&key);
}

TEST(a_missing_seal_is_told)
{
	static const char *const changes[][2] = {
		{ ",'seal':'xuhvIVfrMdNd2HOYwG5CDqAWl4f9ME_rlK0cNj-faZM'", "" },
		{ SAMPLE_TOKEN, "" },
	};
	struct px_secret *key = new_key(KEY_A);

	for (size_t i = 0; i < 2; i++) {
		char *json = sample_json(changes[i][0], changes[i][1]);

		assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -ENOENT);
		free(json);
	}
	px_secret_free(&key);
}

TEST(a_key_is_known_again_by_its_mark_and_path)
{
	struct px_secret *key = NULL, *other = NULL;
	char *mark = NULL;

	assert_int_equal(px_key_generate(&key), 0);
	assert_int_equal(px_key_generate(&other), 0);
	assert_int_equal(px_seal_mark(SAMPLE_UUID, "a/1", key, &mark), 0);
	assert_int_equal(px_seal_check_mark(mark, SAMPLE_UUID, "a/1", key), 0);
	assert_int_equal(px_seal_check_mark(mark, SAMPLE_UUID, "a/2", key), -EBADMSG);
	assert_int_equal(px_seal_check_mark(mark, SAMPLE_UUID, "a/1", other), -EBADMSG);
	assert_int_equal(px_seal_check_proof(mark, SAMPLE_UUID, key), -EBADMSG);
	failing = "EVP_MAC_init";
	assert_int_equal(px_seal_check_mark(mark, SAMPLE_UUID, "a/1", key), -EIO);
	failing = NULL;
	free(mark);
	px_secret_free(&key);
	px_secret_free(&other);
}

TEST(what_cannot_be_sealed_is_invalid)
{
	static const char *const changes[][2] = {
		{ SAMPLE_TOKEN, "" },
		{ "'keyslots':['0'],'version'", "'keyslots':[],'version'" },
		{ "'keyslots':['0'],'version'", "'keyslots':['1'],'version'" },
		{ "'keyslots':['0'],'version'", "'version'" },
		{ "'segments':{'0'", "'fragments':{'0'" },
		{ "'digests':{'0'", "'digest':{'0'" },
		{ "'config':", "'conf':" },
		{ "'keyslots':{'0'", "'keyslot':{'0'" },
		{ "'sector_size':4096", "'sector_size':4096.5" },
		{ "'sector_size':4096", "'sector_size':1e15" },
		{ "'sector_size':4096", "'sector_size':-1e300" },
		{ "'config'", "config" },
	};
	char *text = NULL;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *json = sample_json(changes[i][0], changes[i][1]);

		assert_int_equal(px_seal_text(json, strlen(json), SAMPLE_UUID, &text), -EINVAL);
		assert_null(text);
		free(json);
	}
	assert_int_equal(px_seal_text("[]", 2, SAMPLE_UUID, &text), -EINVAL);
	assert_int_equal(px_seal_text("{\"tokens\":{\"0\":1}}", 18, SAMPLE_UUID, &text), -EINVAL);
	assert_int_equal(px_seal_text("{\"digests\":{\"0\":1},\"tokens\":{\"0\":{\"type\":"
				      "\"pxenc\"}}}",
				      55, SAMPLE_UUID, &text),
			 -EINVAL);
}

TEST(a_header_that_cannot_be_sealed_passes_no_seal)
{
	struct px_secret *key = new_key(KEY_A);
	char *json = sample_json("'sector_size':4096", "'sector_size':0.5");

	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -EINVAL);
	assert_int_equal(px_seal_verify("{", 1, SAMPLE_UUID, key), -EINVAL);
	free(json);
	px_secret_free(&key);
}

TEST(a_failing_libcrypto_never_passes_a_seal)
{
	static const char *const calls[] = {
		"EVP_KDF_fetch",
		"EVP_KDF_derive",
		"EVP_MAC_fetch",
		"EVP_MAC_init",
	};
	struct px_secret *key = new_key(KEY_A);
	char *json = sealed_json(SEAL_A), *seal = NULL;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		failing = calls[i];
		assert_int_equal(px_seal_make(json, strlen(json), SAMPLE_UUID, key, &seal), -EIO);
		assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -EIO);
		failing = NULL;
		assert_null(seal);
	}
	failing = "px_secret_new";
	assert_int_equal(px_seal_verify(json, strlen(json), SAMPLE_UUID, key), -ENOMEM);
	failing = NULL;
	free(json);
	px_secret_free(&key);
}

struct work {
	struct px_secret *key;
	char *json;
};

static int make(void *arg)
{
	struct work *work = arg;
	char *seal = NULL;
	int r;

	r = px_seal_make(work->json, strlen(work->json), SAMPLE_UUID, work->key, &seal);
	free(seal);
	return r;
}

static int verify(void *arg)
{
	struct work *work = arg;

	return px_seal_verify(work->json, strlen(work->json), SAMPLE_UUID, work->key);
}

TEST(running_out_of_memory_is_said)
{
	struct work work = { .key = new_key(KEY_A), .json = sealed_json(SEAL_A) };

	each_allocation_may_fail(make, &work, -ENOMEM);
	each_allocation_may_fail(verify, &work, -ENOMEM);
	free(work.json);
	px_secret_free(&work.key);
}

/* cJSON does not tell lack of memory from a text that is no JSON. */
TEST(cjson_running_out_of_memory_never_passes_a_seal)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	struct work work = { .key = new_key(KEY_A), .json = sealed_json(SEAL_A) };
	unsigned int n = 0;
	int status;

	cJSON_InitHooks(&hooks);
	do {
		allocation_fails(++n);
		status = verify(&work);
		allocation_fails(0);
		assert_true(status == 0 || status == -ENOMEM || status == -EINVAL);
	} while (status != 0);
	cJSON_InitHooks(NULL);
	assert_true(n > 100);
	free(work.json);
	px_secret_free(&work.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sealed_text_is_canonical),
		cmocka_unit_test(the_seal_is_hmac_under_hkdf),
		cmocka_unit_test(every_change_that_matters_changes_the_text),
		cmocka_unit_test(what_does_not_concern_us_may_change),
		cmocka_unit_test(the_number_of_our_token_does_not_matter),
		cmocka_unit_test(the_uuid_is_sealed),
		cmocka_unit_test(a_wrong_seal_or_key_is_told),
		cmocka_unit_test(a_missing_seal_is_told),
		cmocka_unit_test(a_key_is_known_again_by_its_mark_and_path),
		cmocka_unit_test(what_cannot_be_sealed_is_invalid),
		cmocka_unit_test(a_header_that_cannot_be_sealed_passes_no_seal),
		cmocka_unit_test(a_failing_libcrypto_never_passes_a_seal),
		cmocka_unit_test(running_out_of_memory_is_said),
		cmocka_unit_test(cjson_running_out_of_memory_never_passes_a_seal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
