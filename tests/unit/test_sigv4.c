/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "pxenc/cloud.h"
#include "pxenc/members.h"
#include "pxenc/sigv4.h"
#include "pxenc/strv.h"

static struct fault no_mmap, no_hmac, no_digest;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
unsigned char *__real_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned int *out_len);
unsigned char *__wrap_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned int *out_len);
int __real_EVP_Digest(const void *data, size_t len, unsigned char *out, unsigned int *out_len,
		      const EVP_MD *md, ENGINE *engine);
int __wrap_EVP_Digest(const void *data, size_t len, unsigned char *out, unsigned int *out_len,
		      const EVP_MD *md, ENGINE *engine);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

unsigned char *__wrap_HMAC(const EVP_MD *md, const void *key, int key_len,
			   const unsigned char *data, size_t len, unsigned char *out,
			   unsigned int *out_len)
{
	if (fault_hits(&no_hmac))
		return NULL;
	return __real_HMAC(md, key, key_len, data, len, out, out_len);
}

int __wrap_EVP_Digest(const void *data, size_t len, unsigned char *out, unsigned int *out_len,
		      const EVP_MD *md, ENGINE *engine)
{
	if (fault_hits(&no_digest))
		return 0;
	return __real_EVP_Digest(data, len, out, out_len, md, engine);
}

/* The examples of the S3 documentation, "Signature Calculations for the Authorization Header". */
static struct px_sigv4 example(const char *query)
{
	return (struct px_sigv4){
		.method = "GET",
		.host = "examplebucket.s3.amazonaws.com",
		.path = "/",
		.query = query,
		.region = "us-east-1",
		.access_key = "AKIAIOSFODNN7EXAMPLE",
		.secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		.when = 1369353600, /* 2013-05-24, midnight */
	};
}

static void check_example(const char *query, const char *signature)
{
	const struct px_sigv4 request = example(query);
	px_auto(free) char *authorization = NULL, *wanted = NULL;
	char date[PX_SIGV4_DATE_SIZE];

	assert_int_equal(px_sigv4_sign(&request, date, &authorization), 0);
	assert_string_equal(date, "20130524T000000Z");
	assert_true(asprintf(&wanted,
			     "AWS4-HMAC-SHA256 "
			     "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
			     "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=%s",
			     signature) > 0);
	assert_string_equal(authorization, wanted);
}

TEST(the_documented_examples_have_the_documented_signatures)
{
	check_example("lifecycle=",
		      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	check_example("max-keys=2&prefix=J",
		      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(no_body_has_the_hash_of_nothing)
{
	unsigned char hash[32];
	char text[65];
	size_t i;

	assert_int_equal(EVP_Digest("", 0, hash, NULL, EVP_sha256(), NULL), 1);
	for (i = 0; i < sizeof(hash); i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(PX_SIGV4_NO_BODY, text);
}

TEST(a_time_beyond_four_digits_of_years_cannot_be_said)
{
	struct px_sigv4 request = example("");
	char date[PX_SIGV4_DATE_SIZE];
	char *authorization = NULL;

	request.when = 253402300800; /* the year 10000 */
	assert_int_equal(px_sigv4_sign(&request, date, &authorization), -EIO);
	request.when = INT64_MAX;
	assert_int_equal(px_sigv4_sign(&request, date, &authorization), -EIO);
}

TEST(a_signature_needs_libcrypto)
{
	const struct px_sigv4 request = example("");
	char date[PX_SIGV4_DATE_SIZE];
	char *authorization = NULL;
	unsigned int n;

	for (n = 0; n < 5; n++) {
		no_hmac = (struct fault){ .skip = n, .times = 1, .error = EIO };
		assert_int_equal(px_sigv4_sign(&request, date, &authorization), -EIO);
	}
	no_digest = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(px_sigv4_sign(&request, date, &authorization), -EIO);
}

/* Requests. */

static struct px_secret *members_of(const char *const *pairs)
{
	struct px_secret *members = NULL;

	assert_int_equal(px_secret_new(PX_MEMBERS_MAX, &members), 0);
	assert_int_equal(px_members_add(members, "provider", "s3"), 0);
	assert_int_equal(px_members_add(members, "s3-access-key", "AKIAIOSFODNN7EXAMPLE"), 0);
	assert_int_equal(px_members_add(members, "s3-secret-key",
					"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
			 0);
	for (; *pairs; pairs += 2)
		assert_int_equal(px_members_add(members, pairs[0], pairs[1]), 0);
	return members;
}

#define MEMBERS(...) members_of((const char *const[]){ __VA_ARGS__, NULL })

static void check_request(struct px_secret *members, const char *url, const char *target,
			  const char *host)
{
	px_auto(s3_request) struct px_s3_request request = { .url = NULL };
	px_auto(free) char *line = NULL;

	assert_int_equal(px_s3_request(members, 1369353600, &request), 0);
	assert_string_equal(request.url, url);
	assert_string_equal(request.target, target);
	assert_int_equal(px_strv_len(request.headers), 4);
	assert_true(asprintf(&line, "Host: %s", host) > 0);
	assert_string_equal(request.headers[0], line);
	assert_string_equal(request.headers[1], "X-Amz-Content-Sha256: " PX_SIGV4_NO_BODY);
	assert_string_equal(request.headers[2], "X-Amz-Date: 20130524T000000Z");
	assert_ptr_equal(strstr(request.headers[3], "Authorization: AWS4-HMAC-SHA256 "),
			 request.headers[3]);
	px_secret_free(&members);
}

TEST(without_an_endpoint_it_is_aws_in_its_region)
{
	check_request(MEMBERS(NULL), "https://s3.us-east-1.amazonaws.com", "/",
		      "s3.us-east-1.amazonaws.com");
	check_request(MEMBERS("s3-region", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com", "/",
		      "s3.eu-west-1.amazonaws.com");
}

TEST(an_endpoint_is_taken_with_or_without_its_scheme)
{
	check_request(MEMBERS("s3-endpoint", "minio:9000"), "https://minio:9000", "/",
		      "minio:9000");
	check_request(MEMBERS("s3-endpoint", "https://minio:9000/"), "https://minio:9000", "/",
		      "minio:9000");
	check_request(MEMBERS("s3-endpoint", "[fd00::1]:9000"), "https://[fd00::1]:9000", "/",
		      "[fd00::1]:9000");
}

TEST(a_port_that_is_the_schemes_own_is_not_in_the_host)
{
	check_request(MEMBERS("s3-endpoint", "minio:443"), "https://minio", "/", "minio");
	check_request(MEMBERS("s3-endpoint", "minio:80"), "https://minio:80", "/", "minio:80");
	check_request(MEMBERS("s3-endpoint", "minio:80", "s3-disable-ssl", "true"), "http://minio",
		      "/", "minio");
}

TEST(a_bucket_is_in_the_path_or_before_the_host)
{
	check_request(MEMBERS("s3-endpoint", "minio", "bucket", "b.1"), "https://minio",
		      "/b.1/?list-type=2&max-keys=1", "minio");
	check_request(
		MEMBERS("s3-endpoint", "minio:9000", "bucket", "b-1", "disable-path-style", "true"),
		"https://b-1.minio:9000", "/?list-type=2&max-keys=1", "b-1.minio:9000");
	check_request(MEMBERS("disable-path-style", "true"), "https://s3.us-east-1.amazonaws.com",
		      "/", "s3.us-east-1.amazonaws.com");
}

/* What is signed is what is asked for. */
TEST(the_signature_is_that_of_host_path_query_and_region)
{
	px_auto(secret) struct px_secret *members =
		MEMBERS("s3-endpoint", "minio:9000", "bucket", "backups", "s3-region", "eu-west-1");
	px_auto(s3_request) struct px_s3_request request = { .url = NULL };
	struct px_sigv4 what = example("list-type=2&max-keys=1");
	px_auto(free) char *authorization = NULL;
	char date[PX_SIGV4_DATE_SIZE];

	what.host = "minio:9000";
	what.path = "/backups/";
	what.region = "eu-west-1";
	assert_int_equal(px_sigv4_sign(&what, date, &authorization), 0);
	assert_int_equal(px_s3_request(members, what.when, &request), 0);
	assert_string_equal(strchr(request.headers[3], ' ') + 1, authorization);
}

static int make_request(void *arg)
{
	px_auto(s3_request) struct px_s3_request request = { .url = NULL };

	return px_s3_request(arg, 1369353600, &request);
}

TEST(a_request_needs_memory)
{
	px_auto(secret) struct px_secret *plain = MEMBERS(NULL);
	px_auto(secret) struct px_secret *full =
		MEMBERS("s3-endpoint", "minio", "bucket", "backups", "disable-path-style", "true");
	unsigned int n;

	each_allocation_may_fail(make_request, plain, -ENOMEM);
	each_allocation_may_fail(make_request, full, -ENOMEM);
	for (n = 0;; n++) {
		no_mmap = (struct fault){ .skip = n, .times = 1, .error = ENOMEM };
		if (make_request(plain) == 0)
			break;
	}
	no_mmap.times = 0;
	assert_int_equal(n, 6);
	no_hmac = (struct fault){ .times = 1, .error = EIO };
	assert_int_equal(make_request(plain), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documented_examples_have_the_documented_signatures),
		cmocka_unit_test(no_body_has_the_hash_of_nothing),
		cmocka_unit_test(a_time_beyond_four_digits_of_years_cannot_be_said),
		cmocka_unit_test(a_signature_needs_libcrypto),
		cmocka_unit_test(without_an_endpoint_it_is_aws_in_its_region),
		cmocka_unit_test(an_endpoint_is_taken_with_or_without_its_scheme),
		cmocka_unit_test(a_port_that_is_the_schemes_own_is_not_in_the_host),
		cmocka_unit_test(a_bucket_is_in_the_path_or_before_the_host),
		cmocka_unit_test(the_signature_is_that_of_host_path_query_and_region),
		cmocka_unit_test(a_request_needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
