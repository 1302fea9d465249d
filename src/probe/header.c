/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/probe-header.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "pxenc/sha256.h"

/* Where the binary part has what. Numbers are big-endian. */
#define AT_MAGIC 0
#define AT_VERSION 6
#define AT_SIZE 8
#define AT_CHECKSUM_ALGORITHM 72
#define AT_OFFSET 256
#define AT_CHECKSUM 448

#define MAGIC_SIZE 6
#define CHECKSUM_SIZE 64

/* libcryptsetup writes no other. A header that has one is left to it. */
#define ALGORITHM "sha256"

static uint64_t read_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static bool has_magic(const uint8_t *binary, uint64_t offset)
{
	const char *magic = offset == 0 ? "LUKS\xba\xbe" : "SKUL\xba\xbe";

	return memcmp(binary + AT_MAGIC, magic, MAGIC_SIZE) == 0 && binary[AT_VERSION] == 0 &&
	       binary[AT_VERSION + 1] == 2;
}

int px_probe_header_size(const uint8_t *binary, uint64_t offset, size_t *ret_size)
{
	uint64_t size = read_u64(binary + AT_SIZE);

	if (!has_magic(binary, offset) || read_u64(binary + AT_OFFSET) != offset)
		return -EINVAL;
	if (size < PX_PROBE_SIZE_MIN || size > PX_PROBE_SIZE_MAX || (size & (size - 1)) != 0)
		return -EINVAL;
	/* The second copy lies behind the first, and is as large. */
	if (offset != 0 && offset != size)
		return -EINVAL;
	*ret_size = (size_t)size;
	return 0;
}

/* The checksum is that of the copy with zeros in its own place. */
static bool is_whole(uint8_t *copy, size_t size)
{
	uint8_t sum[PX_SHA256_SIZE], stored[PX_SHA256_SIZE];

	if (memcmp(copy + AT_CHECKSUM_ALGORITHM, ALGORITHM, sizeof(ALGORITHM)) != 0)
		return false;
	memcpy(stored, copy + AT_CHECKSUM, sizeof(stored));
	memset(copy + AT_CHECKSUM, 0, CHECKSUM_SIZE);
	px_sha256(copy, size, sum);
	return memcmp(sum, stored, sizeof(sum)) == 0;
}

int px_probe_header_json(uint8_t *copy, size_t size, const char **ret_json, size_t *ret_len)
{
	const char *json = (const char *)copy + PX_PROBE_BINARY_SIZE;
	size_t room = size - PX_PROBE_BINARY_SIZE;
	size_t len = strnlen(json, room);

	if (len == 0 || len == room || !is_whole(copy, size))
		return -EBADMSG;
	*ret_json = json;
	*ret_len = len;
	return 0;
}
