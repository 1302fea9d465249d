/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "luks_samples.h"
#include "pxenc/probe-header.h"
#include "pxenc/sha256.h"

#define SIZE PX_PROBE_SIZE_MIN
#define JSON "{\"tokens\":{}}"

static struct {
	const char *magic;
	uint16_t version;
	uint64_t size, offset;
	const char *algorithm, *json;
} like;

static uint8_t *copy;

static void put_u64(size_t at, uint64_t value)
{
	value = htobe64(value);
	memcpy(copy + at, &value, sizeof(value));
}

static void checksum(size_t size)
{
	memset(copy + LUKS2_AT_SUM, 0, LUKS2_SUM_SIZE);
	assert_int_equal(EVP_Digest(copy, size, copy + LUKS2_AT_SUM, NULL, EVP_sha256(), NULL), 1);
}

/* A copy of a header, as `like` says. */
static void make(void)
{
	memset(copy, 0, PX_PROBE_SIZE_MAX);
	memcpy(copy, like.magic, 6);
	copy[6] = (uint8_t)(like.version >> 8);
	copy[7] = (uint8_t)like.version;
	put_u64(LUKS2_AT_SIZE, like.size);
	put_u64(256, like.offset);
	strcpy((char *)copy + 72, like.algorithm);
	strcpy((char *)copy + PX_PROBE_BINARY_SIZE, like.json);
	checksum(like.size <= PX_PROBE_SIZE_MAX ? like.size : SIZE);
}

static int prepare(void **state)
{
	(void)state;
	copy = malloc(PX_PROBE_SIZE_MAX);
	like.magic = "LUKS\xba\xbe";
	like.version = 2;
	like.size = SIZE;
	like.offset = 0;
	like.algorithm = "sha256";
	like.json = JSON;
	return copy ? 0 : -1;
}

static int clean_up(void **state)
{
	(void)state;
	free(copy);
	return 0;
}

static int size_at(uint64_t offset)
{
	size_t size = 0;
	int r;

	make();
	r = px_probe_header_size(copy, offset, &size);
	assert_int_equal(size, r == 0 ? like.size : 0);
	return r;
}

TEST(the_checksums_of_fips_180_4_are_right)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static const uint8_t of_nothing[] = { 0xe3, 0xb0, 0xc4, 0x42 },
			     of_abc[] = { 0xba, 0x78, 0x16, 0xbf },
			     of_two[] = { 0x24, 0x8d, 0x6a, 0x61 };
	uint8_t sum[PX_SHA256_SIZE];

	px_sha256("", 0, sum);
	assert_memory_equal(sum, of_nothing, 4);
	px_sha256("abc", 3, sum);
	assert_memory_equal(sum, of_abc, 4);
	px_sha256(two_blocks, strlen(two_blocks), sum);
	assert_memory_equal(sum, of_two, 4);
}

TEST(they_are_libcryptos_at_every_length)
{
	uint8_t data[300], sum[PX_SHA256_SIZE], wanted[PX_SHA256_SIZE];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(data); len++) {
		px_sha256(data, len, sum);
		assert_int_equal(EVP_Digest(data, len, wanted, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(sum, wanted, sizeof(sum));
	}
}

TEST(both_copies_are_known_by_their_place)
{
	assert_int_equal(size_at(0), 0);
	assert_int_equal(size_at(SIZE), -EINVAL);
	like.magic = "SKUL\xba\xbe";
	assert_int_equal(size_at(0), -EINVAL);
	like.offset = SIZE;
	assert_int_equal(size_at(SIZE), 0);
	/* The second lies where the first ends. */
	like.size = 2 * SIZE;
	assert_int_equal(size_at(SIZE), -EINVAL);
	like.offset = 2 * SIZE;
	assert_int_equal(size_at(2 * SIZE), 0);
}

TEST(sizes_are_those_of_the_specification)
{
	static const uint64_t bad[] = { 0,	  4096,	       8192,	   16385,
					3 * SIZE, 8 * 1048576, UINT64_MAX, (uint64_t)1 << 63 };

	for (like.size = SIZE; like.size <= PX_PROBE_SIZE_MAX; like.size *= 2)
		assert_int_equal(size_at(0), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		like.size = bad[i];
		assert_int_equal(size_at(0), -EINVAL);
	}
}

TEST(other_versions_are_not_ours)
{
	like.version = 1;
	assert_int_equal(size_at(0), -EINVAL);
	like.version = 0x0102;
	assert_int_equal(size_at(0), -EINVAL);
}

static void assert_torn(size_t size)
{
	const char *json = NULL;
	size_t len = 7;

	assert_int_equal(px_probe_header_json(copy, size, &json, &len), -EBADMSG);
	assert_null(json);
	assert_int_equal(len, 7);
}

TEST(the_json_of_a_whole_copy_is_found)
{
	const char *json = NULL;
	size_t len = 0;

	for (like.size = SIZE; like.size <= PX_PROBE_SIZE_MAX; like.size *= 4) {
		make();
		assert_int_equal(px_probe_header_json(copy, like.size, &json, &len), 0);
		assert_int_equal(len, strlen(JSON));
		assert_memory_equal(json, JSON, len);
	}
}

TEST(a_torn_copy_is_found_out_wherever_it_is_torn)
{
	static const size_t places[] = { 6, 100, LUKS2_AT_SUM, 4095, 4100, SIZE - 1 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		make();
		copy[places[i]] ^= 1;
		assert_torn(SIZE);
	}
}

TEST(a_json_without_an_end_is_refused)
{
	make();
	memset(copy + PX_PROBE_BINARY_SIZE, 'x', SIZE - PX_PROBE_BINARY_SIZE);
	checksum(SIZE);
	assert_torn(SIZE);
	like.json = "";
	make();
	assert_torn(SIZE);
}

TEST(a_checksum_that_is_not_sha256_is_refused)
{
	like.algorithm = "sha512";
	make();
	assert_torn(SIZE);
	like.algorithm = "sha256x";
	make();
	assert_torn(SIZE);
}

int main(void)
{
#define LUKS2_TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checksums_of_fips_180_4_are_right),
		cmocka_unit_test(they_are_libcryptos_at_every_length),
		LUKS2_TEST(both_copies_are_known_by_their_place),
		LUKS2_TEST(sizes_are_those_of_the_specification),
		LUKS2_TEST(other_versions_are_not_ours),
		LUKS2_TEST(the_json_of_a_whole_copy_is_found),
		LUKS2_TEST(a_torn_copy_is_found_out_wherever_it_is_torn),
		LUKS2_TEST(a_json_without_an_end_is_refused),
		LUKS2_TEST(a_checksum_that_is_not_sha256_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
