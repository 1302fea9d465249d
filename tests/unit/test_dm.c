/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libdevmapper.h>

#include "pxenc/dm.h"

#define KEYRING ":64:logon:cryptsetup:0f3c8e1a-5b7d-4c2e-9a61-d2f4b8c07e35-d0"
#define HEX_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* What the kernel answers, in place of one. */
static struct {
	int access_error;
	bool no_task, bad_name, no_secure, bad_run, no_info;
	int error;
	int exists;
	const char *type, *params;
	bool more;
} kernel;

/* libdevmapper's own log function at the moment; its header does not show it. */
extern dm_log_with_errno_fn dm_log_with_errno;

static int said;

int __wrap_access(const char *path, int mode);
struct dm_task *__wrap_dm_task_create(int type);
int __wrap_dm_task_set_name(struct dm_task *task, const char *name);
int __wrap_dm_task_secure_data(struct dm_task *task);
int __wrap_dm_task_run(struct dm_task *task);
int __wrap_dm_task_get_errno(struct dm_task *task);
int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info);
void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params);
void __wrap_dm_task_destroy(struct dm_task *task);

static struct dm_task *const the_task = (struct dm_task *)&kernel;

int __wrap_access(const char *path, int mode)
{
	assert_string_equal(path, "/dev/mapper/control");
	assert_int_equal(mode, R_OK | W_OK);
	errno = kernel.access_error;
	return kernel.access_error ? -1 : 0;
}

struct dm_task *__wrap_dm_task_create(int type)
{
	assert_int_equal(type, DM_DEVICE_TABLE);
	return kernel.no_task ? NULL : the_task;
}

int __wrap_dm_task_set_name(struct dm_task *task, const char *name)
{
	assert_ptr_equal(task, the_task);
	assert_string_equal(name, "pxenc-x");
	return !kernel.bad_name;
}

/* Without it, libdevmapper would leave a key of the table in freed memory. */
static bool secure;

int __wrap_dm_task_secure_data(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	secure = true;
	return !kernel.no_secure;
}

int __wrap_dm_task_run(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	assert_true(secure);
	if (kernel.bad_run) /* libdevmapper says so to whoever listens */
		dm_log_with_errno(3, "file", 1, kernel.error, "%s failed", "ioctl");
	return !kernel.bad_run;
}

int __wrap_dm_task_get_errno(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	return kernel.error;
}

int __wrap_dm_task_get_info(struct dm_task *task, struct dm_info *info)
{
	assert_ptr_equal(task, the_task);
	memset(info, 0, sizeof(*info));
	info->exists = kernel.exists;
	info->deferred_remove = 1;
	return !kernel.no_info;
}

void *__wrap_dm_get_next_target(struct dm_task *task, void *next, uint64_t *start, uint64_t *length,
				char **type, char **params)
{
	static char type_text[32], params_text[512];

	assert_ptr_equal(task, the_task);
	assert_null(next);
	*start = 0;
	*length = 32768;
	*type = kernel.type ? strcpy(type_text, kernel.type) : NULL;
	*params = kernel.params ? strcpy(params_text, kernel.params) : NULL;
	return kernel.more ? &kernel : NULL;
}

void __wrap_dm_task_destroy(struct dm_task *task)
{
	assert_ptr_equal(task, the_task);
	secure = false;
}

static int prepare(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.exists = 1;
	kernel.type = "crypt";
	kernel.params = "aes-xts-plain64 " KEYRING " 0 8:16 32768 1 allow_discards";
	said = 0;
	return 0;
}

static void assert_parsed(const char *params, const char *cipher, unsigned int key_bits,
			  bool keyring, unsigned int sector_size, bool discard)
{
	struct px_dm_crypt crypt;

	assert_int_equal(px_dm_crypt_parse(params, &crypt), 0);
	assert_string_equal(crypt.cipher, cipher);
	assert_int_equal(crypt.key_bits, key_bits);
	assert_int_equal(crypt.keyring, keyring);
	assert_int_equal(crypt.sector_size, sector_size);
	assert_int_equal(crypt.discard, discard);
	px_dm_crypt_clear(&crypt);
	assert_null(crypt.cipher);
}

TEST(a_table_line_is_understood)
{
	assert_parsed("aes-xts-plain64 " KEYRING " 0 8:16 32768 2 allow_discards sector_size:4096",
		      "aes-xts-plain64", 512, true, 4096, true);
	assert_parsed("aes-xts-plain64 " KEYRING " 0 8:16 32768", "aes-xts-plain64", 512, true, 512,
		      false);
	assert_parsed("aes-cbc-essiv:sha256 " HEX_KEY " 0 8:16 4096", "aes-cbc-essiv:sha256", 256,
		      false, 512, false);
	assert_parsed("xchacha12,aes-adiantum-plain64 :32:user:x 0 253:0 32768 "
		      "3 no_read_workqueue no_write_workqueue same_cpu_crypt",
		      "xchacha12,aes-adiantum-plain64", 256, true, 512, false);
	assert_parsed("cipher_null-ecb - 0 8:16 32768 0", "cipher_null-ecb", 0, false, 512, false);
	assert_parsed("aes-xts-plain64 " KEYRING " 0 8:16 32768 1 sector_size:x", "aes-xts-plain64",
		      512, true, 512, false);
}

static bool has_key(const char *key)
{
	struct px_dm_crypt crypt;
	char params[256];
	bool has;

	snprintf(params, sizeof(params), "aes-xts-plain64 %s 0 8:16 32768", key);
	assert_int_equal(px_dm_crypt_parse(params, &crypt), 0);
	has = crypt.has_key;
	px_dm_crypt_clear(&crypt);
	return has;
}

TEST(a_key_that_was_wiped_is_none)
{
	assert_true(has_key(KEYRING));
	assert_true(has_key(HEX_KEY));
	assert_true(has_key("00000000000000000000000000000001"));
	assert_false(has_key("00000000000000000000000000000000"));
	assert_false(has_key("-"));
}

TEST(a_malformed_table_line_is_invalid)
{
	static const char *const lines[] = {
		"",
		"aes-xts-plain64",
		"aes-xts-plain64 " HEX_KEY,
		"aes-xts-plain64 " HEX_KEY " 0",
		"aes-xts-plain64 " HEX_KEY " 0 8:16",
		"aes-xts-plain64 nothex 0 8:16 32768",
		"aes-xts-plain64 :x:logon:y 0 8:16 32768",
		"aes-xts-plain64 :0:logon:y 0 8:16 32768",
		"aes-xts-plain64 :9999:logon:y 0 8:16 32768",
	};
	struct px_dm_crypt crypt = { .key_bits = 7 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(px_dm_crypt_parse(lines[i], &crypt), -EINVAL);
	assert_int_equal(crypt.key_bits, 7);
}

TEST(a_mapping_is_described)
{
	struct px_dm_crypt crypt;

	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), 0);
	assert_string_equal(crypt.cipher, "aes-xts-plain64");
	assert_int_equal(crypt.key_bits, 512);
	assert_true(crypt.keyring);
	assert_true(crypt.discard);
	assert_true(crypt.deferred);
	px_dm_crypt_clear(&crypt);
}

TEST(a_mapping_that_is_not_there_is_no_entry)
{
	struct px_dm_crypt crypt;

	kernel.exists = 0;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -ENOENT);
	kernel.bad_run = true;
	kernel.error = ENXIO;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -ENOENT);
}

TEST(a_mapping_that_is_not_one_crypt_target_is_invalid)
{
	struct px_dm_crypt crypt;

	kernel.type = "linear";
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	kernel.type = NULL;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	kernel.type = "crypt";
	kernel.more = true;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	kernel.more = false;
	kernel.params = NULL;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	kernel.params = "garbage";
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
}

static void hear(int level, const char *file, int line, int dm_errno, const char *format, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)dm_errno;
	(void)format;
	said++;
}

TEST(failures_are_errno_and_silent)
{
	struct px_dm_crypt crypt;

	kernel.bad_run = true;
	kernel.error = EPERM;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EPERM);
	kernel.error = 0;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EIO);
	/* Whoever listens to libdevmapper goes on doing so. */
	dm_log_with_errno_init(hear);
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EIO);
	assert_int_equal(said, 1);
	dm_log_with_errno_init(NULL);

	prepare(NULL);
	kernel.no_task = true;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -ENOMEM);
	prepare(NULL);
	kernel.bad_name = true;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	prepare(NULL);
	kernel.no_secure = true;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EINVAL);
	prepare(NULL);
	kernel.no_info = true;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EIO);
}

TEST(without_rights_or_device_mapper_nothing_is_tried)
{
	struct px_dm_crypt crypt;

	kernel.access_error = EACCES;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -EACCES);
	kernel.access_error = ENOENT;
	assert_int_equal(px_dm_crypt("pxenc-x", &crypt), -ENOENT);
}

static int describe(void *unused)
{
	struct px_dm_crypt crypt = { .cipher = NULL };
	int r;

	(void)unused;
	r = px_dm_crypt("pxenc-x", &crypt);
	px_dm_crypt_clear(&crypt);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	each_allocation_may_fail(describe, NULL, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_line_is_understood),
		cmocka_unit_test(a_key_that_was_wiped_is_none),
		cmocka_unit_test(a_malformed_table_line_is_invalid),
		cmocka_unit_test_setup(a_mapping_is_described, prepare),
		cmocka_unit_test_setup(a_mapping_that_is_not_there_is_no_entry, prepare),
		cmocka_unit_test_setup(a_mapping_that_is_not_one_crypt_target_is_invalid, prepare),
		cmocka_unit_test_setup(failures_are_errno_and_silent, prepare),
		cmocka_unit_test_setup(without_rights_or_device_mapper_nothing_is_tried, prepare),
		cmocka_unit_test_setup(running_out_of_memory_is_said, prepare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
