/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "header-private.h"

#define SALT_LEN 32

/*
 * A PBKDF is work that whoever wrote the header makes us do before we know whether to trust it.
 * The bounds are about half a minute on a machine of the 2020s; cryptsetup's defaults aim at two
 * seconds. Argon2's work is passes times memory; its memory is bounded for the machine's sake,
 * at LUKS2's own limit.
 */
#define PBKDF2_MIN 1000
#define PBKDF2_MAX 100000000
#define ARGON2_PASSES_MAX 1000
#define ARGON2_KIB_MAX ((uint32_t)4 << 20)
#define ARGON2_WORK_KIB_MAX ((uint64_t)64 << 20)
#define ARGON2_CPUS_MAX 16

static const struct px_json_member pbkdf2_members[] = {
	{ "type", PX_JSON_STRING, false },
	{ "hash", PX_JSON_STRING, false },
	{ "iterations", PX_JSON_NUMBER, false },
	{ "salt", PX_JSON_STRING, false },
};

static const struct px_json_member argon2_members[] = {
	{ "type", PX_JSON_STRING, false },   { "time", PX_JSON_NUMBER, false },
	{ "memory", PX_JSON_NUMBER, false }, { "cpus", PX_JSON_NUMBER, false },
	{ "salt", PX_JSON_STRING, false },
};

bool px_hash_allowed(const char *hash)
{
	/* SHA-1 is no weakness in PBKDF2 or the anti-forensic splitter; LUKS1 began with it. */
	static const char *const hashes[] = { "sha256", "sha512", "sha1" };

	return px_is_one_of(hash, hashes, PX_COUNT(hashes));
}

bool px_pbkdf2_allowed(const char *hash, uint32_t iterations)
{
	return px_hash_allowed(hash) && iterations >= PBKDF2_MIN && iterations <= PBKDF2_MAX;
}

size_t px_base64_len(const char *text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text);
	size_t data = strspn(text, alphabet);
	size_t padding = len - data;

	if (len % 4 != 0 || padding > 2 || strspn(text + data, "=") != padding)
		return 0;
	return len / 4 * 3 - padding;
}

static enum px_status check_salt(const struct px_check *check, const cJSON *object,
				 const char *what)
{
	if (px_base64_len(px_json_string(object, "salt")) != SALT_LEN)
		return PX_REFUSE(check, "%s: its salt is not %d bytes", what, SALT_LEN);
	return PX_OK;
}

enum px_status px_check_pbkdf2(const struct px_check *check, const cJSON *object, const char *what)
{
	uint32_t iterations = 0;

	if (!px_hash_allowed(px_json_string(object, "hash")))
		return PX_REFUSE(check, "%s: the hash \"%s\" is not one of ours", what,
				 px_json_string(object, "hash"));
	if (px_json_u32(object, "iterations", PBKDF2_MIN, PBKDF2_MAX, &iterations) < 0)
		return PX_REFUSE(check, "%s: its iterations are not between %d and %d", what,
				 PBKDF2_MIN, PBKDF2_MAX);
	return check_salt(check, object, what);
}

static enum px_status check_argon2(const struct px_check *check, const cJSON *kdf, const char *what)
{
	uint32_t passes = 0, kib = 0, cpus = 0;
	enum px_status status =
		px_check_shape(check, kdf, what, argon2_members, PX_COUNT(argon2_members));

	if (status != PX_OK)
		return status;
	if (px_json_u32(kdf, "time", 1, ARGON2_PASSES_MAX, &passes) < 0 ||
	    px_json_u32(kdf, "memory", 8, ARGON2_KIB_MAX, &kib) < 0 ||
	    px_json_u32(kdf, "cpus", 1, ARGON2_CPUS_MAX, &cpus) < 0 ||
	    (uint64_t)passes * kib > ARGON2_WORK_KIB_MAX)
		return PX_REFUSE(check, "%s: its argon2 costs too much", what);
	return check_salt(check, kdf, what);
}

enum px_status px_check_kdf(const struct px_check *check, const cJSON *kdf, const char *what)
{
	static const char *const argon2[] = { "argon2id", "argon2i" };
	const char *type = px_json_string(kdf, "type");
	enum px_status status;

	if (type && px_is_one_of(type, argon2, PX_COUNT(argon2)))
		return check_argon2(check, kdf, what);
	if (!type || strcmp(type, "pbkdf2") != 0)
		return PX_REFUSE(check, "%s: its kdf is not pbkdf2, argon2i or argon2id", what);
	status = px_check_shape(check, kdf, what, pbkdf2_members, PX_COUNT(pbkdf2_members));
	return status == PX_OK ? px_check_pbkdf2(check, kdf, what) : status;
}
