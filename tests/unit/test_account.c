/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pxenc/account.h"
#include "pxenc/frame.h"
#include "pxenc/libcrypto.h"

static struct fault no_mmap, no_bio, no_context, no_signature;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
BIO *__real_BIO_new_mem_buf(const void *data, int len);
BIO *__wrap_BIO_new_mem_buf(const void *data, int len);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
int __real_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
			  const unsigned char *text, size_t text_len);
int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
			  const unsigned char *text, size_t text_len);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

BIO *__wrap_BIO_new_mem_buf(const void *data, int len)
{
	return fault_hits(&no_bio) ? NULL : __real_BIO_new_mem_buf(data, len);
}

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
	return fault_hits(&no_context) ? NULL : __real_EVP_MD_CTX_new();
}

int __wrap_EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *len,
			  const unsigned char *text, size_t text_len)
{
	if (fault_hits(&no_signature))
		return 0;
	return __real_EVP_DigestSign(context, signature, len, text, text_len);
}

static struct px_secret *secret(const char *text)
{
	struct px_secret *made = NULL;

	assert_int_equal(px_secret_from(text, strlen(text), &made), 0);
	return made;
}

static void check_secret(const struct px_secret *found, const char *text)
{
	assert_int_equal(px_secret_len(found), strlen(text));
	assert_memory_equal(px_secret_bytes(found), text, strlen(text));
}

/* The text of an account. */

static enum px_status parse(const char *text, struct px_account *ret_account)
{
	px_auto(secret) struct px_secret *json = secret(text);

	return px_account_parse(json, "the file 'f'", ret_account);
}

/* As the DC/OS CLI writes it. */
static const char cli[] =
	"{\"login_endpoint\":\"https://leader.mesos/acs/api/v1/auth/login\",\"private_key\":"
	"\"-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----\\n\",\"scheme\":\"RS256\","
	"\"uid\":\"volumes\"}\n";

TEST(the_secret_of_the_cli_is_read_as_it_is)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	assert_ok(parse(cli, &account));
	assert_string_equal(account.uid, "volumes");
	check_secret(account.private_key,
		     "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n");
	assert_null(account.password);
}

TEST(members_that_it_may_have_besides_are_ignored)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	assert_ok(parse(" {\"a\":[1,{\"uid\":\"no\"},null],\"uid\":\"u\",\"scheme\":\"RS256\","
			"\"private_key\":\"k\",\"password\":\"p\",\"b\":true} \r\n\t ",
			&account));
	assert_string_equal(account.uid, "u");
	check_secret(account.private_key, "k");
	assert_null(account.password);
}

TEST(a_user_has_a_password_there)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	assert_ok(parse("{\"uid\":\"u\",\"password\":\"p\\u00e9\\\"\"}", &account));
	check_secret(account.password, "p\u00e9\"");
	assert_null(account.private_key);
}

TEST(a_password_may_look_like_an_escaped_nul)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	struct px_account none;

	assert_ok(parse("{\"uid\":\"u\",\"password\":\"a\\\\u0000b\"}", &account));
	check_secret(account.password, "a\\u0000b");
	assert_fails(PX_USAGE, parse("{\"uid\":\"u\",\"password\":\"a\\\\\\u0000b\"}", &none),
		     "the file 'f'");
}

TEST(another_scheme_is_refused)
{
	struct px_account account;

	assert_fails(PX_USAGE,
		     parse("{\"uid\":\"u\",\"private_key\":\"k\",\"scheme\":\"HS256\"}", &account),
		     "the file 'f'", "RS256");
	assert_fails(PX_USAGE, parse("{\"uid\":\"u\",\"private_key\":\"k\"}", &account), "scheme");
	assert_fails(PX_USAGE,
		     parse("{\"uid\":\"u\",\"private_key\":\"k\",\"scheme\":3}", &account),
		     "scheme");
}

TEST(what_is_missing_is_named)
{
	struct px_account account;

	assert_fails(PX_USAGE, parse("{\"password\":\"p\"}", &account), "the file 'f'", "\"uid\"");
	assert_fails(PX_USAGE, parse("{\"uid\":7,\"password\":\"p\"}", &account), "\"uid\"");
	assert_fails(PX_USAGE, parse("{\"uid\":\"\",\"password\":\"p\"}", &account), "empty");
	assert_fails(PX_USAGE, parse("{\"uid\":\"a\\nb\",\"password\":\"p\"}", &account),
		     "control character");
	assert_fails(PX_USAGE, parse("{\"uid\":\"u\"}", &account), "\"private_key\"");
	assert_fails(PX_USAGE, parse("{\"uid\":\"u\",\"password\":\"\"}", &account),
		     "\"private_key\"");
}

TEST(what_is_no_object_is_refused)
{
	static const char *const bad[] = {
		"",
		"PEM",
		"[\"uid\"]",
		"\"uid\"",
		"{\"uid\":\"u\",}",
		"{\"uid\":\"u\"",
		"{,",
		"{}{}",
		"null",
		"{\"uid\"",
		"{\"uid\":\"a\\u0000b\"}",
		" \n",
		"{\"a\":1} x",
	};
	struct px_account account;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(PX_USAGE, parse(bad[i], &account), "the file 'f'", "no JSON object");
}

TEST(a_text_that_is_made_to_take_memory_is_refused)
{
	char text[PX_ACCOUNT_MAX] = "{\"a\":[0";
	struct px_account account;
	size_t len = strlen(text);

	while (len < sizeof(text) - 4) {
		text[len++] = ',';
		text[len++] = '0';
	}
	memcpy(text + len, "]}", 3);
	assert_fails(PX_USAGE, parse(text, &account), "no JSON object");
}

TEST(a_password_longer_than_a_frame_takes_is_refused)
{
	char text[PX_PASSWORD_MAX + 64];
	struct px_account account;

	snprintf(text, sizeof(text), "{\"uid\":\"u\",\"password\":\"%0*d\"}", PX_PASSWORD_MAX + 1,
		 7);
	assert_fails(PX_USAGE, parse(text, &account), "4096");
}

static void check_round_trip(struct px_account *account)
{
	px_auto(account) struct px_account again = { .uid = NULL };
	px_auto(secret) struct px_secret *json = NULL;

	assert_int_equal(px_account_format(account, &json), 0);
	assert_ok(px_account_parse(json, "it", &again));
	assert_string_equal(again.uid, account->uid);
	assert_int_equal(!again.password, !account->password);
	assert_int_equal(!again.private_key, !account->private_key);
	assert_true(account->password ? px_secret_equal(again.password, account->password)
				      : px_secret_equal(again.private_key, account->private_key));
	px_account_clear(account);
}

TEST(what_is_written_is_read_again)
{
	struct px_account user = { .uid = strdup("u\"\\"), .password = secret("p\"\\\x01\u00e9") };
	struct px_account service = { .uid = strdup("s"), .private_key = secret("a\nb\n") };

	check_round_trip(&user);
	check_round_trip(&service);
}

/* The file. */

TEST(a_service_account_is_read_from_a_file_of_its_owner_alone)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	struct px_account none;

	assert_ok(px_account_read_service(temp_text("good", cli, 0600), "what", &account));
	assert_string_equal(account.uid, "volumes");
	assert_fails(PX_USAGE, px_account_read_service(temp_text("open", cli, 0644), "what", &none),
		     "what", "chmod");
	assert_fails(PX_USAGE, px_account_read_service(temp_path("missing"), "what", &none), "what",
		     "missing");
	assert_fails(PX_USAGE, px_account_read_service(temp_text("bad", "x", 0600), "what", &none),
		     "what '", "bad'", "no JSON object");
}

TEST(a_user_is_no_service_account)
{
	struct px_account account;

	assert_fails(PX_USAGE,
		     px_account_read_service(
			     temp_text("user", "{\"uid\":\"u\",\"password\":\"p\"}", 0600), "what",
			     &account),
		     "no service account");
}

/* The login token. */

static EVP_PKEY *key; /* one for all tests */

static struct px_secret *pem_of(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
	struct px_secret *pem = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, cipher, (const unsigned char *)"pass",
						  4, NULL, NULL),
			 1);
	len = BIO_get_mem_data(bio, &text);
	assert_int_equal(px_secret_from(text, (size_t)len, &pem), 0);
	OPENSSL_cleanse(text, (size_t)len);
	BIO_free(bio);
	return pem;
}

static struct px_account account_with(const char *uid, struct px_secret *pem)
{
	return (struct px_account){ .uid = strdup(uid), .private_key = pem };
}

/* base64url by the book: every character is six bits. */
static size_t decode(const char *text, size_t len, uint8_t *data)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned int bits = 0, held = 0;
	size_t used = 0;

	for (; len; text++, len--) {
		const char *digit = strchr(digits, *text);

		assert_non_null(digit);
		bits = bits << 6 | (unsigned int)(digit - digits);
		held += 6;
		if (held >= 8)
			data[used++] = (uint8_t)(bits >> (held -= 8));
	}
	return used;
}

/* What the public key makes of a signature is the digest, as RFC 8017 wraps it: not by the
 * function that made it. */
static void check_signature(const char *text, size_t len, const uint8_t *signature, size_t size)
{
	static const uint8_t wrapping[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
					    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
					    0x01, 0x05, 0x00, 0x04, 0x20 };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	uint8_t wanted[sizeof(wrapping) + 32], recovered[256];
	size_t recovered_len = sizeof(recovered);

	memcpy(wanted, wrapping, sizeof(wrapping));
	assert_int_equal(EVP_Digest(text, len, wanted + sizeof(wrapping), NULL, EVP_sha256(), NULL),
			 1);
	assert_int_equal(EVP_PKEY_verify_recover_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
	assert_int_equal(
		EVP_PKEY_verify_recover(context, recovered, &recovered_len, signature, size), 1);
	assert_int_equal(recovered_len, sizeof(wanted));
	assert_memory_equal(recovered, wanted, sizeof(wanted));
	EVP_PKEY_CTX_free(context);
}

static void check_part(const char *text, size_t len, const char *wanted)
{
	uint8_t data[512];

	assert_int_equal(decode(text, len, data), strlen(wanted));
	assert_memory_equal(data, wanted, strlen(wanted));
}

static void check_token(const struct px_secret *token, const char *claims)
{
	char text[8192], *first, *second;
	uint8_t signature[256];

	snprintf(text, sizeof(text), "%.*s", (int)px_secret_len(token),
		 (const char *)px_secret_bytes(token));
	first = strchr(text, '.');
	second = strchr(first + 1, '.');
	check_part(text, (size_t)(first - text), "{\"typ\":\"JWT\",\"alg\":\"RS256\"}");
	check_part(first + 1, (size_t)(second - first - 1), claims);
	assert_int_equal(decode(second + 1, strlen(second + 1), signature), sizeof(signature));
	check_signature(text, (size_t)(second - text), signature, sizeof(signature));
}

TEST(a_login_token_says_who_and_until_when_and_is_signed)
{
	px_auto(account) struct px_account account = account_with("volumes", pem_of(key, NULL));
	px_auto(secret) struct px_secret *token = NULL;

	assert_int_equal(px_account_sign(&account, 1700000000, &token), 0);
	check_token(token, "{\"uid\":\"volumes\",\"exp\":1700000060}");
}

TEST(the_older_form_of_pem_is_taken_too)
{
	px_auto(account) struct px_account account = { .uid = strdup("u") };
	px_auto(secret) struct px_secret *token = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL),
			 1);
	len = BIO_get_mem_data(bio, &text);
	assert_memory_equal(text, "-----BEGIN RSA", 14);
	assert_int_equal(px_secret_from(text, (size_t)len, &account.private_key), 0);
	BIO_free(bio);
	assert_int_equal(px_account_sign(&account, 0, &token), 0);
	check_token(token, "{\"uid\":\"u\",\"exp\":60}");
}

TEST(a_name_cannot_say_more_than_a_name)
{
	px_auto(account) struct px_account account =
		account_with("u\",\"exp\":9,\"x\":\"\\", pem_of(key, NULL));
	px_auto(secret) struct px_secret *token = NULL;

	assert_int_equal(px_account_sign(&account, 0, &token), 0);
	check_token(token, "{\"uid\":\"u\\\",\\\"exp\\\":9,\\\"x\\\":\\\"\\\\\",\"exp\":60}");
}

TEST(a_name_of_the_greatest_length_fits)
{
	char uid[PX_UID_MAX + 1], claims[2 * PX_UID_MAX + 32];
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(secret) struct px_secret *token = NULL;

	memset(uid, 'u', PX_UID_MAX);
	uid[PX_UID_MAX] = '\0';
	account = account_with(uid, pem_of(key, NULL));
	assert_int_equal(px_account_sign(&account, 0, &token), 0);
	snprintf(claims, sizeof(claims), "{\"uid\":\"%s\",\"exp\":60}", uid);
	check_token(token, claims);
}

static void check_no_key(struct px_secret *pem)
{
	px_auto(account) struct px_account account = account_with("u", pem);
	struct px_secret *token;

	assert_int_equal(px_account_sign(&account, 0, &token), -EINVAL);
}

TEST(what_is_no_rsa_key_in_pem_does_not_sign)
{
	EVP_PKEY *curve = EVP_EC_gen("P-256");

	check_no_key(secret("garbage"));
	check_no_key(secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
	check_no_key(pem_of(curve, NULL));
	EVP_PKEY_free(curve);
}

TEST(a_key_that_wants_a_passphrase_is_refused_without_a_question)
{
	check_no_key(pem_of(key, EVP_aes_128_cbc()));
}

TEST(libcrypto_may_fail_at_any_point)
{
	px_auto(account) struct px_account account = account_with("u", pem_of(key, NULL));
	struct px_secret *token = NULL;

	no_bio = (struct fault){ .times = 1 };
	assert_int_equal(px_account_sign(&account, 0, &token), -ENOMEM);
	no_context = (struct fault){ .times = 1 };
	assert_int_equal(px_account_sign(&account, 0, &token), -EIO);
	no_signature = (struct fault){ .times = 1 };
	assert_int_equal(px_account_sign(&account, 0, &token), -EIO);
	assert_null(token);
}

/* AddressSanitizer has a heap of its own, and keeps there what was freed. */
#ifdef __SANITIZE_ADDRESS__
#define NEEDS_GLIBC_HEAP() skip()
#else
#define NEEDS_GLIBC_HEAP()                                                                         \
	do {                                                                                       \
	} while (0)
#endif

/* How often these bytes are found on the heap. */
static unsigned int on_the_heap(const uint8_t *bytes, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	unsigned int count = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		const uint8_t *at, *stop;

		if (!strstr(line, "[heap]") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		at = (const uint8_t *)start;
		stop = (const uint8_t *)end;
		while ((at = memmem(at, (size_t)(stop - at), bytes, len))) {
			count++;
			at++;
		}
	}
	fclose(maps);
	return count;
}

/* 32 bytes from the middle of a private number of the key, in both orders. */
static void middle_of(EVP_PKEY *pkey, const char *name, uint8_t big[32], uint8_t little[32])
{
	BIGNUM *number = NULL;
	uint8_t bytes[256];
	int i, len;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
	len = BN_bn2bin(number, bytes);
	BN_clear_free(number);
	memcpy(big, bytes + len / 2, 32);
	for (i = 0; i < 32; i++)
		little[i] = big[31 - i];
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

/* The key is made in a secret's pages, so that this process's heap never had it but for signing. */
TEST(nothing_of_the_key_is_left_on_the_heap)
{
	static const char *const names[] = { OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1,
					     OSSL_PKEY_PARAM_RSA_FACTOR2 };
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(secret) struct px_secret *token = NULL;
	uint8_t big[3][32], little[3][32];
	unsigned int left[3];
	const uint8_t *pem;
	EVP_PKEY *own;
	size_t i;

	NEEDS_GLIBC_HEAP();
	own = EVP_RSA_gen(2048);
	for (i = 0; i < 3; i++)
		middle_of(own, names[i], big[i], little[i]);
	account = account_with("u", pem_of(own, NULL));
	assert_true(on_the_heap(little[1], 32) > 0);
	EVP_PKEY_free(own);
	/* Making a key may leave some of it behind, now and then; signing may not add to that. */
	for (i = 0; i < 3; i++)
		left[i] = on_the_heap(big[i], 32) + on_the_heap(little[i], 32);
	assert_int_equal(px_account_sign(&account, 0, &token), 0);
	pem = px_secret_bytes(account.private_key);
	for (i = 0; i < 3; i++)
		assert_true(on_the_heap(big[i], 32) + on_the_heap(little[i], 32) <= left[i]);
	for (i = 28; i + 65 < px_secret_len(account.private_key); i += 65)
		assert_int_equal(on_the_heap(pem + i, 32), 0);
}

/* Nor does the text that it lies in leave any of it there. */
TEST(nothing_of_the_text_is_left_on_the_heap)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(secret) struct px_secret *json = NULL;
	uint8_t *text;
	size_t at;

	NEEDS_GLIBC_HEAP();
	/* Not a literal: that would be in this program's own data. */
	assert_int_equal(px_secret_new(256, &json), 0);
	text = px_secret_data(json);
	at = (size_t)sprintf((char *)text, "{\"uid\":\"u\",\"password\":\"");
	memset(text + at, 'q', 64);
	memcpy(text + at + 64, "\"}", 2);
	px_secret_set_len(json, at + 66);
	assert_ok(px_account_parse(json, "it", &account));
	assert_int_equal(px_secret_len(account.password), 64);
	assert_int_equal(on_the_heap(px_secret_bytes(account.password), 64), 0);
}

/* Memory. */

static int whole_life(void *arg)
{
	px_auto(account) struct px_account account = { .uid = NULL };

	return (int)px_account_read_service(arg, "what", &account);
}

TEST(every_allocation_may_fail)
{
	each_allocation_may_fail(whole_life, (void *)(uintptr_t)temp_text("good", cli, 0600),
				 PX_NOMEM);
}

TEST(locked_memory_may_run_out_at_any_point)
{
	const char *file = temp_text("good", cli, 0600);
	unsigned int n;

	for (n = 0; n < 3; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(whole_life((void *)(uintptr_t)file), PX_NOMEM);
	}
	no_mmap.times = 0;
	assert_int_equal(whole_life((void *)(uintptr_t)file), 0);
}

static int sign_life(void *arg)
{
	px_auto(secret) struct px_secret *token = NULL;

	return px_account_sign(arg, 0, &token);
}

TEST(a_token_needs_memory)
{
	px_auto(account) struct px_account account = account_with("u", pem_of(key, NULL));

	each_allocation_may_fail(sign_life, &account, -ENOMEM);
}

TEST(a_token_needs_locked_memory)
{
	px_auto(account) struct px_account account = account_with("u", pem_of(key, NULL));
	struct px_secret *token;
	unsigned int n;

	for (n = 0; n < 2; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		assert_int_equal(px_account_sign(&account, 0, &token), -ENOMEM);
	}
	no_mmap.times = 0;
}

TEST(clearing_nothing_is_fine)
{
	struct px_account account = { .uid = NULL };

	px_account_clear(&account);
}

#define in_dir(test) cmocka_unit_test_setup_teardown(test, temp_dir_make, temp_dir_remove)

static int make_key(void **state)
{
	(void)state;
	key = EVP_RSA_gen(2048);
	return key ? 0 : -1;
}

static int free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_of_the_cli_is_read_as_it_is),
		cmocka_unit_test(members_that_it_may_have_besides_are_ignored),
		cmocka_unit_test(a_user_has_a_password_there),
		cmocka_unit_test(a_password_may_look_like_an_escaped_nul),
		cmocka_unit_test(another_scheme_is_refused),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(a_text_that_is_made_to_take_memory_is_refused),
		cmocka_unit_test(a_password_longer_than_a_frame_takes_is_refused),
		cmocka_unit_test(what_is_written_is_read_again),
		in_dir(a_service_account_is_read_from_a_file_of_its_owner_alone),
		in_dir(a_user_is_no_service_account),
		cmocka_unit_test(a_login_token_says_who_and_until_when_and_is_signed),
		cmocka_unit_test(the_older_form_of_pem_is_taken_too),
		cmocka_unit_test(a_name_cannot_say_more_than_a_name),
		cmocka_unit_test(a_name_of_the_greatest_length_fits),
		cmocka_unit_test(what_is_no_rsa_key_in_pem_does_not_sign),
		cmocka_unit_test(a_key_that_wants_a_passphrase_is_refused_without_a_question),
		cmocka_unit_test(libcrypto_may_fail_at_any_point),
		cmocka_unit_test(nothing_of_the_key_is_left_on_the_heap),
		cmocka_unit_test(nothing_of_the_text_is_left_on_the_heap),
		in_dir(every_allocation_may_fail),
		in_dir(locked_memory_may_run_out_at_any_point),
		cmocka_unit_test(a_token_needs_memory),
		cmocka_unit_test(a_token_needs_locked_memory),
		cmocka_unit_test(clearing_nothing_is_fine),
	};

	if (!px_libcrypto_wipe_freed())
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, make_key, free_key);
}
