/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "pxenc/cloud.h"
#include "pxenc/members.h"

static struct fault no_mmap;

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (fault_hits(&no_mmap))
		return MAP_FAILED;
	return __real_mmap(address, size, protection, flags, fd, offset);
}

#define TEN "0123456789"
#define AZURE_KEY TEN TEN TEN TEN TEN TEN TEN TEN "abc+/Z=="
#define PEM "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"

static struct px_secret *members_of(const char *const *pairs)
{
	struct px_secret *members = NULL;

	assert_int_equal(px_secret_new(PX_MEMBERS_MAX, &members), 0);
	for (; *pairs; pairs += 2)
		assert_int_equal(px_members_add(members, pairs[0], pairs[1]), 0);
	return members;
}

#define MEMBERS(...) members_of((const char *const[]){ __VA_ARGS__, NULL })
#define S3(...) MEMBERS("provider", "s3", "s3-access-key", "AK", "s3-secret-key", "sk", __VA_ARGS__)
#define AZURE(...)                                                                                 \
	MEMBERS("provider", "azure", "azure-account-name", "acc", "azure-account-key", AZURE_KEY,  \
		__VA_ARGS__)
#define GOOGLE(...)                                                                                \
	MEMBERS("provider", "google", "google-project-id", "project", "google-json-key", "{}",     \
		__VA_ARGS__)

/* NULL: they are fit; else the words are in what is said of them. */
static void check(struct px_secret *members, const char *words)
{
	char fault[PX_CLOUD_FAULT_SIZE] = "";
	int r = px_cloud_check(members, fault);

	px_secret_free(&members);
	if (r == 0)
		assert_null(words);
	else
		assert_int_equal(r, -EINVAL);
	if (r == 0)
		return;
	if (!words || !strstr(fault, words))
		fail_msg("'%s' is not in: %s", words ? words : "(nothing)", fault);
}

TEST(complete_credentials_of_each_provider_are_fit)
{
	check(S3(NULL), NULL);
	check(AZURE(NULL), NULL);
	check(GOOGLE(NULL), NULL);
	check(MEMBERS("provider", "s3", "use-iam", "true"), NULL);
	check(S3("s3-region", "us-east-1", "s3-endpoint", "minio:9000", "s3-disable-ssl", "true",
		 "s3-storage-class", "STANDARD_IA", "disable-path-style", "true", "bucket", "b.1-x",
		 "encryption-passphrase", "gr\xc3\xbc\xc3\x9f dich"),
	      NULL);
}

TEST(what_is_missing_is_named)
{
	check(MEMBERS(NULL), "provider has to be s3, azure or google");
	check(MEMBERS("provider", "gcs"), "provider has to be s3, azure or google");
	check(MEMBERS("provider", "s3"), "s3 wants s3-access-key and s3-secret-key, or use-iam");
	check(MEMBERS("provider", "s3", "s3-access-key", "a"), "s3-secret-key");
	check(MEMBERS("provider", "s3", "s3-secret-key", "a"), "s3-access-key");
	check(MEMBERS("provider", "azure", "azure-account-name", "acc"),
	      "azure wants azure-account-name and azure-account-key");
	check(MEMBERS("provider", "azure", "azure-account-key", AZURE_KEY), "azure-account-name");
	check(MEMBERS("provider", "google", "google-json-key", "{}"),
	      "google wants google-project-id and google-json-key");
	check(MEMBERS("provider", "google", "google-project-id", "project"), "google-json-key");
}

TEST(what_contradicts_is_refused)
{
	check(S3("use-iam", "true"), "exclude each other");
	check(MEMBERS("provider", "s3", "s3-access-key", "a", "use-iam", "true"), "exclude");
	check(S3("s3-endpoint", "http://minio"), "takes s3-disable-ssl");
	check(S3("s3-endpoint", "https://minio", "s3-disable-ssl", "true"), "says https");
	check(S3("s3-endpoint", "http://minio", "s3-disable-ssl", "true"), NULL);
	check(S3("s3-endpoint", "https://minio"), NULL);
}

TEST(a_member_of_another_provider_or_of_another_version_is_refused)
{
	check(AZURE("s3-region", "x"), "s3-region is not for this provider");
	check(S3("azure-account-name", "acc"), "azure-account-name is not for this provider");
	check(GOOGLE("use-iam", "true"), "use-iam is not for this provider");
	check(S3("s3-new-thing", "x"), "s3-new-thing is not known here");
	check(S3("S3-REGION", "x"), "S3-REGION is not known here");
}

TEST(values_have_their_form)
{
	static const struct {
		const char *name;
		const char *value;
	} bad[] = {
		{ "s3-region", "" },
		{ "s3-region", "us/east" },
		{ "s3-region", "a\nb" },
		{ "s3-disable-ssl", "false" },
		{ "disable-path-style", "1" },
		{ "s3-storage-class", "a b" },
		{ "bucket", "ab" },
		{ "bucket", "a/b/c" },
		{ "bucket", "a..b" },
		{ "bucket", ".abc" },
		{ "bucket", "a%20b" },
		{ "encryption-passphrase", "" },
		{ "encryption-passphrase", "a\nb" },
		{ "encryption-passphrase", "\xff" },
		{ "s3-endpoint", "" },
		{ "s3-endpoint", "ftp://minio" },
		{ "s3-endpoint", "minio:" },
		{ "s3-endpoint", "minio:0" },
		{ "s3-endpoint", "minio:65536" },
		{ "s3-endpoint", "minio:999999" },
		{ "s3-endpoint", "minio:9000/path" },
		{ "s3-endpoint", "user@minio" },
		{ "s3-endpoint", "minio?x" },
		{ "s3-endpoint", "minio\r\nX: y" },
		{ "s3-endpoint", "[fd00::1" },
		{ "s3-endpoint", "[]" },
		{ "s3-endpoint", "-minio" },
		{ "s3-endpoint", "https://" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(S3(bad[i].name, bad[i].value), bad[i].name);
	check(S3("s3-endpoint", "[fd00::1]:9000/"), NULL);
	check(S3("s3-endpoint", "minio.example.com:65535"), NULL);
}

TEST(keys_and_accounts_have_their_form_and_are_not_quoted)
{
	check(MEMBERS("provider", "s3", "s3-access-key", "A/B", "s3-secret-key", "x"),
	      "s3-access-key has to be letters");
	check(MEMBERS("provider", "s3", "s3-access-key", "A\r\nX: y", "s3-secret-key", "x"),
	      "s3-access-key");
	check(MEMBERS("provider", "s3", "s3-access-key", "A", "s3-secret-key", "a b"),
	      "s3-secret-key has to be visible");
	check(MEMBERS("provider", "s3", "s3-access-key", "A", "s3-secret-key", ""),
	      "s3-secret-key has to be visible");
	check(MEMBERS("provider", "azure", "azure-account-name", "Acc", "azure-account-key",
		      AZURE_KEY),
	      "azure-account-name has to be 3 to 24 small");
	check(MEMBERS("provider", "azure", "azure-account-name", "acc", "azure-account-key",
		      TEN "=="),
	      "azure-account-key has to be 88 characters");
	check(MEMBERS("provider", "azure", "azure-account-name", "acc", "azure-account-key",
		      AZURE_KEY "="),
	      "azure-account-key");
	check(MEMBERS("provider", "google", "google-project-id", "my project", "google-json-key",
		      "{}"),
	      "google-project-id has to be");
	check(MEMBERS("provider", "google", "google-project-id", "project", "google-json-key",
		      "[]"),
	      "google-json-key has to be");
	check(MEMBERS("provider", "google", "google-project-id", "project", "google-json-key",
		      "{\"\xff\"}"),
	      "google-json-key has to be");
}

static void check_google(struct px_secret *key, const char *words)
{
	char fault[PX_CLOUD_FAULT_SIZE] = "";
	int r = px_cloud_check_google(key, fault);

	px_secret_free(&key);
	assert_int_equal(r, words ? -EINVAL : 0);
	if (words && !strstr(fault, words))
		fail_msg("'%s' is not in: %s", words, fault);
}

TEST(a_key_of_google_is_a_service_accounts)
{
	check_google(MEMBERS("type", "service_account", "private_key", PEM, "client_email", "a@b",
			     "token_uri", "https://t"),
		     NULL);
	check_google(MEMBERS("type", "service_account", "client_email", "a@b", "token_uri", "t"),
		     "no member private_key");
	check_google(MEMBERS("type", "service_account", "private_key", PEM, "token_uri", "t"),
		     "no member client_email");
	check_google(MEMBERS("type", "service_account", "private_key", PEM, "client_email", "a"),
		     "no member token_uri");
	check_google(MEMBERS("private_key", PEM), "no member type");
	check_google(MEMBERS("type", "authorized_user", "private_key", PEM, "client_email", "a",
			     "token_uri", "t"),
		     "not a service account's");
	check_google(MEMBERS("type", "service_account", "private_key",
			     "-----BEGIN PRIVATE KEY-----\nMII", "client_email", "a", "token_uri",
			     "t"),
		     "cut off");
	check_google(MEMBERS("type", "service_account", "private_key", "MII", "client_email", "a",
			     "token_uri", "t"),
		     "no PEM");
}

TEST(fields_know_what_they_are)
{
	enum px_cloud_field field;
	size_t secrets = 0, flags = 0;

	for (field = 0; field < PX_CLOUD_FIELDS; field++) {
		assert_true(strlen(px_cloud_name(field)) > 0);
		secrets += px_cloud_is_secret(field);
		flags += px_cloud_is_flag(field);
	}
	assert_int_equal(secrets, 4);
	assert_int_equal(flags, 3);
	assert_true(px_cloud_is_secret(PX_CLOUD_S3_SECRET_KEY));
	assert_true(px_cloud_is_secret(PX_CLOUD_AZURE_ACCOUNT_KEY));
	assert_true(px_cloud_is_secret(PX_CLOUD_GOOGLE_JSON_KEY));
	assert_true(px_cloud_is_secret(PX_CLOUD_ENCRYPTION_PASSPHRASE));
	assert_true(px_cloud_is_flag(PX_CLOUD_USE_IAM));
}

static void check_account(struct px_secret *members, const char *account)
{
	const char *got = px_cloud_account(members);

	if (account)
		assert_string_equal(got, account);
	else
		assert_null(got);
	px_secret_free(&members);
}

TEST(an_account_names_them)
{
	check_account(S3(NULL), "AK");
	check_account(AZURE(NULL), "acc");
	check_account(GOOGLE(NULL), "project");
	check_account(MEMBERS("provider", "s3", "use-iam", "true"), NULL);
}

TEST(the_object_has_its_members_in_one_order)
{
	px_auto(secret) struct px_secret *members =
		MEMBERS("bucket", "b-1", "s3-secret-key", "a\"b\\", "provider", "s3",
			"s3-access-key", "AK");
	px_auto(secret) struct px_secret *json = NULL;
	static const char wanted[] = "{\"provider\":\"s3\",\"s3-access-key\":\"AK\","
				     "\"s3-secret-key\":\"a\\\"b\\\\\",\"bucket\":\"b-1\"}";

	assert_int_equal(px_cloud_json(members, &json), 0);
	assert_int_equal(px_secret_len(json), strlen(wanted));
	assert_memory_equal(px_secret_bytes(json), wanted, strlen(wanted));
}

/* The environment. */

static void check_environment(struct px_secret *members, const char *key_file, const char *wanted,
			      size_t len)
{
	px_auto(secret) struct px_secret *variables = NULL;

	assert_int_equal(px_cloud_environment(members, key_file, &variables), 0);
	assert_int_equal(px_secret_len(variables), len);
	assert_memory_equal(px_secret_bytes(variables), wanted, len);
	px_secret_free(&members);
}

#define CHECK_ENVIRONMENT(members, key_file, wanted)                                               \
	check_environment(members, key_file, wanted, sizeof(wanted) - 1)

TEST(each_provider_has_its_variables)
{
	CHECK_ENVIRONMENT(S3(NULL), "", "AWS_ACCESS_KEY_ID=AK\0AWS_SECRET_ACCESS_KEY=sk\0");
	CHECK_ENVIRONMENT(S3("s3-region", "r", "s3-endpoint", "minio:9000", "bucket", "b-1",
			     "s3-storage-class", "C", "encryption-passphrase", "p"),
			  "",
			  "AWS_ACCESS_KEY_ID=AK\0AWS_SECRET_ACCESS_KEY=sk\0AWS_REGION=r\0"
			  "AWS_DEFAULT_REGION=r\0PXENC_BUCKET=b-1\0PXENC_S3_STORAGE_CLASS=C\0"
			  "PXENC_ENCRYPTION_PASSPHRASE=p\0AWS_ENDPOINT_URL=https://minio:9000\0");
	CHECK_ENVIRONMENT(MEMBERS("provider", "s3", "use-iam", "true", "s3-endpoint", "m",
				  "s3-disable-ssl", "true"),
			  "", "AWS_ENDPOINT_URL=http://m\0");
	CHECK_ENVIRONMENT(MEMBERS("provider", "s3", "use-iam", "true", "s3-endpoint", "https://m"),
			  "", "AWS_ENDPOINT_URL=https://m\0");
	CHECK_ENVIRONMENT(AZURE(NULL), "",
			  "AZURE_STORAGE_ACCOUNT=acc\0AZURE_STORAGE_KEY=" AZURE_KEY "\0");
	CHECK_ENVIRONMENT(GOOGLE(NULL), "/proc/1/fd/3",
			  "GOOGLE_CLOUD_PROJECT=project\0"
			  "GOOGLE_APPLICATION_CREDENTIALS=/proc/1/fd/3\0");
}

TEST(the_longest_values_fit)
{
	char region[65], key_file[64];
	px_auto(secret) struct px_secret *variables = NULL;
	px_auto(secret) struct px_secret *members = NULL;

	memset(region, 'r', sizeof(region) - 1);
	region[sizeof(region) - 1] = '\0';
	memset(key_file, 'k', sizeof(key_file) - 1);
	key_file[sizeof(key_file) - 1] = '\0';
	members = S3("s3-region", region, "s3-endpoint", region, "bucket", region,
		     "s3-storage-class", region, "encryption-passphrase", region);
	assert_int_equal(px_cloud_environment(members, key_file, &variables), 0);
}

TEST(what_belongs_to_other_keys_is_replaced)
{
	px_auto(secret) struct px_secret *s3 = S3(NULL), *azure = AZURE(NULL);

	assert_true(px_cloud_replaces(s3, "AWS_ACCESS_KEY_ID=x"));
	assert_true(px_cloud_replaces(s3, "AWS_SESSION_TOKEN=x"));
	assert_true(px_cloud_replaces(s3, "AWS_PROFILE="));
	assert_true(px_cloud_replaces(s3, "PXENC_BUCKET=x"));
	assert_false(px_cloud_replaces(s3, "AWS_CA_BUNDLE=x"));
	assert_false(px_cloud_replaces(s3, "AWS_PROFILES=x"));
	assert_false(px_cloud_replaces(s3, "AWS_PROFIL=x"));
	assert_false(px_cloud_replaces(s3, "PATH=x"));
	assert_false(px_cloud_replaces(s3, "AZURE_STORAGE_KEY=x"));
	assert_false(px_cloud_replaces(azure, "AWS_PROFILE=x"));
	assert_true(px_cloud_replaces(azure, "AZURE_STORAGE_SAS_TOKEN=x"));
}

TEST(environment_and_object_need_memory)
{
	px_auto(secret) struct px_secret *members = S3(NULL);
	struct px_secret *none = NULL;

	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_cloud_environment(members, "", &none), -ENOMEM);
	no_mmap = (struct fault){ .times = 1, .error = ENOMEM };
	assert_int_equal(px_cloud_json(members, &none), -ENOMEM);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete_credentials_of_each_provider_are_fit),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(what_contradicts_is_refused),
		cmocka_unit_test(a_member_of_another_provider_or_of_another_version_is_refused),
		cmocka_unit_test(values_have_their_form),
		cmocka_unit_test(keys_and_accounts_have_their_form_and_are_not_quoted),
		cmocka_unit_test(a_key_of_google_is_a_service_accounts),
		cmocka_unit_test(fields_know_what_they_are),
		cmocka_unit_test(an_account_names_them),
		cmocka_unit_test(the_object_has_its_members_in_one_order),
		cmocka_unit_test(each_provider_has_its_variables),
		cmocka_unit_test(the_longest_values_fit),
		cmocka_unit_test(what_belongs_to_other_keys_is_replaced),
		cmocka_unit_test(environment_and_object_need_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
