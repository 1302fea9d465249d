/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pxenc/driver.h"

/* One algorithm as /proc/crypto lists it. */
#define ALGORITHM(name, driver, priority, type)                                                    \
	"name         : " name "\ndriver       : " driver "\nmodule       : kernel\n"              \
	"priority     : " priority "\nrefcnt       : 1\nselftest     : passed\n"                   \
	"internal     : no\ntype         : " type "\nblocksize    : 16\n\n"

static const char crypto[] = ALGORITHM(
	"essiv(cbc(aes),sha256)", "essiv-cbc-aes-aesni-sha256-ni", "400",
	"skcipher") ALGORITHM("xts(aes)", "xts(ecb(aes-generic))", "100", "skcipher")
	ALGORITHM("__xts(aes)", "__xts-aes-aesni", "401", "skcipher") ALGORITHM(
		"xts(aes)", "xts-aes-aesni", "401",
		"skcipher") ALGORITHM("xts(aes)", "xts-aes-not-a-cipher", "900", "aead")
		ALGORITHM("xts(aes)", "xts(aes-lib)", "200", "skcipher") ALGORITHM(
			"cbc(aes)", "cbc(ecb(aes-fixed-time))", "101", "lskcipher")
			ALGORITHM("xts(twofish)", "xts-twofish-avx", "bad", "skcipher")
				ALGORITHM("adiantum(xchacha12,aes)",
					  "adiantum(xchacha12-simd,aes-aesni,nhpoly1305-avx2)",
					  "500", "skcipher");

static void assert_driver(const char *cipher, const char *driver)
{
	char *found = NULL;

	assert_int_equal(px_driver_find(crypto, sizeof(crypto) - 1, cipher, &found), 0);
	assert_string_equal(found, driver);
	free(found);
}

static int find(const char *text, const char *cipher)
{
	char *found = NULL;
	int r = px_driver_find(text, strlen(text), cipher, &found);

	assert_true((found != NULL) == (r == 0));
	free(found);
	return r;
}

TEST(the_driver_of_highest_priority_is_found)
{
	assert_driver("aes-xts-plain64", "xts-aes-aesni");
	assert_driver("aes-xts-plain", "xts-aes-aesni");
	assert_driver("xchacha12,aes-adiantum-plain64",
		      "adiantum(xchacha12-simd,aes-aesni,nhpoly1305-avx2)");
	assert_driver("twofish-xts-plain64", "xts-twofish-avx");
}

TEST(essiv_is_a_cipher_of_its_own_where_the_kernel_has_it)
{
	assert_driver("aes-cbc-essiv:sha256", "essiv-cbc-aes-aesni-sha256-ni");
	assert_driver("aes-cbc-essiv:sha512", "cbc(ecb(aes-fixed-time))");
}

TEST(a_cipher_that_no_driver_is_listed_for_is_no_entry)
{
	assert_int_equal(find(crypto, "serpent-xts-plain64"), -ENOENT);
	assert_int_equal(find(crypto, "xchacha20,aes-adiantum-plain64"), -ENOENT);
	assert_int_equal(find("", "aes-xts-plain64"), -ENOENT);
	assert_int_equal(find("name : xts(aes)\n", "aes-xts-plain64"), -ENOENT);
	assert_int_equal(find("name : xts(aes)\ntype : skcipher\n", "aes-xts-plain64"), -ENOENT);
}

TEST(the_text_may_be_cut_short_anywhere)
{
	char *text;

	for (size_t len = 0; len < sizeof(crypto); len++) {
		char *found = NULL;

		text = malloc(len + 1); /* of its own, so that a sanitizer sees its end */
		memcpy(text, crypto, len);
		(void)!px_driver_find(text, len, "aes-xts-plain64", &found);
		free(found);
		free(text);
	}
	assert_int_equal(find("name : xts(aes)\ndriver : d\ntype : skcipher", "aes-xts-plain64"),
			 0);
	assert_int_equal(find("\n\n\nno colon\n\n:\n\nname : xts(aes)\ndriver : d\n"
			      "type : skcipher\n",
			      "aes-xts-plain64"),
			 0);
}

TEST(what_is_no_cipher_is_invalid)
{
	assert_int_equal(find(crypto, ""), -EINVAL);
	assert_int_equal(find(crypto, "aes"), -EINVAL);
	assert_int_equal(find(crypto, "aes-"), -EINVAL);
	assert_int_equal(find(crypto, "-xts-plain64"), -EINVAL);
	assert_int_equal(find(crypto, "x-essiv:sha256"), -EINVAL);
}

static struct fault no_open, no_read;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);

static const char *proc_crypto;

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, "/proc/crypto") == 0 && proc_crypto)
		path = proc_crypto;
	return fault_hits(&no_open) ? -1 : __real_open(path, flags);
}

/* In small pieces, as /proc gives them. */
ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return fault_hits(&no_read) ? -1 : __real_read(fd, data, len < 100 ? len : 100);
}

TEST(this_machines_drivers_are_looked_up)
{
	char *driver = NULL;

	proc_crypto = temp_file("crypto", crypto, sizeof(crypto) - 1, 0644);
	assert_int_equal(px_driver_of("aes-xts-plain64", &driver), 0);
	assert_string_equal(driver, "xts-aes-aesni");
	free(driver);
	driver = NULL;
	no_open = (struct fault){ .times = 1, .error = ENOENT };
	assert_int_equal(px_driver_of("aes-xts-plain64", &driver), -ENOENT);
	no_read = (struct fault){ .skip = 1, .times = 1, .error = EIO };
	assert_int_equal(px_driver_of("aes-xts-plain64", &driver), -EIO);
	assert_null(driver);
}

static int look_up(void *unused)
{
	char *driver = NULL;
	int r = px_driver_of("aes-cbc-essiv:sha512", &driver);

	(void)unused;
	free(driver);
	return r;
}

TEST(running_out_of_memory_is_said)
{
	proc_crypto = temp_file("crypto", crypto, sizeof(crypto) - 1, 0644);
	each_allocation_may_fail(look_up, NULL, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_driver_of_highest_priority_is_found),
		cmocka_unit_test(essiv_is_a_cipher_of_its_own_where_the_kernel_has_it),
		cmocka_unit_test(a_cipher_that_no_driver_is_listed_for_is_no_entry),
		cmocka_unit_test(the_text_may_be_cut_short_anywhere),
		cmocka_unit_test(what_is_no_cipher_is_invalid),
		cmocka_unit_test_setup_teardown(this_machines_drivers_are_looked_up, temp_dir_make,
						temp_dir_remove),
		cmocka_unit_test_setup_teardown(running_out_of_memory_is_said, temp_dir_make,
						temp_dir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
