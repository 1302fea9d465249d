/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pxenc/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* LUKS2's binary header before the JSON, and the bounds of both together. */
#define HDR_BIN_SIZE 4096
#define HDR_SIZE_MIN ((uint64_t)16 << 10)
#define HDR_SIZE_MAX ((uint64_t)4 << 20)
#define KEYSLOTS_SIZE_MAX ((uint64_t)128 << 20)

/* Enough for the largest header and any alignment; beyond it, somebody hides something. */
#define DATA_OFFSET_MAX ((uint64_t)1 << 30)

#define AF_STRIPES 4000
#define SALT_LEN 32
/* LUKS1's digest, which a converted volume keeps, is the shortest. */
#define DIGEST_LEN_MIN 20

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

static const struct cipher {
	const char *name;
	unsigned int key_bits[2];
} ciphers[] = {
	{ "aes-xts-plain64", { 512, 256 } },
	{ "serpent-xts-plain64", { 512, 256 } },
	{ "twofish-xts-plain64", { 512, 256 } },
	/* LUKS1's first default; malleable, but volumes made with it exist. */
	{ "aes-cbc-essiv:sha256", { 256, 128 } },
	/* For machines without AES instructions. */
	{ "xchacha12,aes-adiantum-plain64", { 256, 256 } },
	{ "xchacha20,aes-adiantum-plain64", { 256, 256 } },
};

static const struct px_json_member top_members[] = {
	{ "keyslots", PX_JSON_OBJECT, false }, { "tokens", PX_JSON_OBJECT, false },
	{ "segments", PX_JSON_OBJECT, false }, { "digests", PX_JSON_OBJECT, false },
	{ "config", PX_JSON_OBJECT, false },
};

static const struct px_json_member config_members[] = {
	{ "json_size", PX_JSON_STRING, false },
	{ "keyslots_size", PX_JSON_STRING, false },
	{ "flags", PX_JSON_ARRAY, true },
	{ "requirements", PX_JSON_OBJECT, true },
};

static const struct px_json_member requirements_members[] = {
	{ "mandatory", PX_JSON_ARRAY, true },
};

static const struct px_json_member segment_members[] = {
	{ "type", PX_JSON_STRING, false },	 { "offset", PX_JSON_STRING, false },
	{ "size", PX_JSON_STRING, false },	 { "iv_tweak", PX_JSON_STRING, false },
	{ "encryption", PX_JSON_STRING, false }, { "sector_size", PX_JSON_NUMBER, false },
};

static const struct px_json_member keyslot_members[] = {
	{ "type", PX_JSON_STRING, false }, { "key_size", PX_JSON_NUMBER, false },
	{ "af", PX_JSON_OBJECT, false },   { "area", PX_JSON_OBJECT, false },
	{ "kdf", PX_JSON_OBJECT, false },  { "priority", PX_JSON_NUMBER, true },
};

static const struct px_json_member af_members[] = {
	{ "type", PX_JSON_STRING, false },
	{ "stripes", PX_JSON_NUMBER, false },
	{ "hash", PX_JSON_STRING, false },
};

static const struct px_json_member area_members[] = {
	{ "type", PX_JSON_STRING, false },     { "offset", PX_JSON_STRING, false },
	{ "size", PX_JSON_STRING, false },     { "encryption", PX_JSON_STRING, false },
	{ "key_size", PX_JSON_NUMBER, false },
};

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

static const struct px_json_member digest_members[] = {
	{ "type", PX_JSON_STRING, false },	 { "keyslots", PX_JSON_ARRAY, false },
	{ "segments", PX_JSON_ARRAY, false },	 { "hash", PX_JSON_STRING, false },
	{ "iterations", PX_JSON_NUMBER, false }, { "salt", PX_JSON_STRING, false },
	{ "digest", PX_JSON_STRING, false },
};

/* An area of the device, in bytes from its start. */
struct area {
	uint64_t start, end;
};

/* What is known of the header while its parts are checked one after another. */
struct check {
	const char *device;
	uint64_t device_size;
	struct area keyslots_area;
	struct area areas[32]; /* of the keyslots so far */
	size_t area_count;
	uint32_t keyslots; /* a bit for each that exists */
	struct px_header *header;
};

#define REFUSE(check, fmt, ...)                                                                    \
	px_fail(PX_BAD_HEADER, "%s: the header is refused: " fmt, (check)->device, ##__VA_ARGS__)

static const struct cipher *find_cipher(const char *name)
{
	for (size_t i = 0; i < COUNT(ciphers); i++)
		if (strcmp(ciphers[i].name, name) == 0)
			return &ciphers[i];
	return NULL;
}

bool px_cipher_allowed(const char *cipher, unsigned int key_bits)
{
	const struct cipher *known = find_cipher(cipher);

	return known && (known->key_bits[0] == key_bits || known->key_bits[1] == key_bits);
}

static bool is_one_of(const char *text, const char *const list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static bool hash_allowed(const char *hash)
{
	/* SHA-1 is no weakness in PBKDF2 or the anti-forensic splitter; LUKS1 began with it. */
	static const char *const hashes[] = { "sha256", "sha512", "sha1" };

	return is_one_of(hash, hashes, COUNT(hashes));
}

bool px_pbkdf2_allowed(const char *hash, uint32_t iterations)
{
	return hash_allowed(hash) && iterations >= PBKDF2_MIN && iterations <= PBKDF2_MAX;
}

/* The number of bytes that a base64 text holds; 0 when it is none. */
static size_t base64_len(const char *text)
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

static enum px_status check_shape(const struct check *check, const cJSON *object, const char *what,
				  const struct px_json_member *members, size_t count)
{
	const char *name = NULL;
	const char *fault;

	if (!cJSON_IsObject(object))
		return REFUSE(check, "%s is not a JSON object", what);
	fault = px_json_fault(object, members, count, &name);
	if (fault)
		return REFUSE(check, "%s: the member \"%s\" %s", what, name, fault);
	return PX_OK;
}

static enum px_status check_flags(const struct check *check, const cJSON *flags)
{
	static const char *const known[] = {
		"allow-discards",    "same-cpu-crypt",	   "submit-from-crypt-cpus",
		"no-read-workqueue", "no-write-workqueue",
	};
	const cJSON *flag = NULL;

	cJSON_ArrayForEach (flag, flags) {
		if (!cJSON_IsString(flag))
			return REFUSE(check, "config: a flag is not a string");
		if (!is_one_of(flag->valuestring, known, COUNT(known)))
			return REFUSE(check, "config: the flag \"%s\" is not one of ours",
				      flag->valuestring);
	}
	return PX_OK;
}

static enum px_status check_requirements(const struct check *check, const cJSON *requirements)
{
	const cJSON *mandatory;
	enum px_status status;

	if (!requirements)
		return PX_OK;
	status = check_shape(check, requirements, "config: requirements", requirements_members,
			     COUNT(requirements_members));
	if (status != PX_OK)
		return status;
	mandatory = px_json_get(requirements, "mandatory");
	if (cJSON_GetArraySize(mandatory) != 0)
		return REFUSE(check,
			      "config: the requirement \"%s\" is not one of ours; a reencryption "
			      "that was interrupted is finished with cryptsetup reencrypt "
			      "--resume-only",
			      cJSON_IsString(mandatory->child) ? mandatory->child->valuestring
							       : "");
	return PX_OK;
}

/* Where the keyslots lie: after both copies of the header. */
static enum px_status check_config(struct check *check, const cJSON *config)
{
	uint64_t json_size = 0, keyslots_size = 0, hdr_size;
	enum px_status status =
		check_shape(check, config, "config", config_members, COUNT(config_members));

	if (status != PX_OK)
		return status;
	if (px_json_u64(config, "json_size", &json_size) < 0 || json_size > HDR_SIZE_MAX ||
	    px_json_u64(config, "keyslots_size", &keyslots_size) < 0)
		return REFUSE(check, "config: a size is malformed");
	hdr_size = json_size + HDR_BIN_SIZE;
	if (hdr_size < HDR_SIZE_MIN || hdr_size > HDR_SIZE_MAX || (hdr_size & (hdr_size - 1)) != 0)
		return REFUSE(check, "config: a JSON area of %" PRIu64 " bytes", json_size);
	if (keyslots_size > KEYSLOTS_SIZE_MAX || keyslots_size % 4096 != 0)
		return REFUSE(check, "config: keyslots of %" PRIu64 " bytes", keyslots_size);
	check->keyslots_area = (struct area){ 2 * hdr_size, 2 * hdr_size + keyslots_size };

	status = check_flags(check, px_json_get(config, "flags"));
	if (status == PX_OK)
		status = check_requirements(check, px_json_get(config, "requirements"));
	return status;
}

static enum px_status check_offset(struct check *check, const cJSON *segment)
{
	uint64_t offset = 0;

	if (px_json_u64(segment, "offset", &offset) < 0 || offset % 4096 != 0 ||
	    offset > DATA_OFFSET_MAX)
		return REFUSE(check, "segment 0: its offset \"%s\" is not sane",
			      px_json_string(segment, "offset"));
	if (offset < check->keyslots_area.end)
		return REFUSE(check, "segment 0: its offset %" PRIu64 " lies within the header",
			      offset);
	if (offset >= check->device_size)
		return REFUSE(check, "segment 0: its offset %" PRIu64 " lies beyond the device",
			      offset);
	check->header->data_offset = offset;
	return PX_OK;
}

static enum px_status check_sector_size(struct check *check, const cJSON *segment)
{
	uint32_t size = 0;

	if (px_json_u32(segment, "sector_size", 512, 4096, &size) < 0 || (size & (size - 1)) != 0)
		return REFUSE(check, "segment 0: its sector size is not 512, 1024, 2048 or 4096");
	check->header->sector_size = size;
	return PX_OK;
}

static enum px_status check_segment(struct check *check, const cJSON *segment)
{
	const char *cipher;
	enum px_status status =
		check_shape(check, segment, "segment 0", segment_members, COUNT(segment_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(segment, "type"), "crypt") != 0)
		return REFUSE(check, "segment 0: its type is not crypt");
	/* A shorter segment would hide the rest of the device, which the filesystem may use. */
	if (strcmp(px_json_string(segment, "size"), "dynamic") != 0)
		return REFUSE(check, "segment 0: its size is not the whole device");
	if (strcmp(px_json_string(segment, "iv_tweak"), "0") != 0)
		return REFUSE(check, "segment 0: its iv_tweak is not 0");
	cipher = px_json_string(segment, "encryption");
	if (!find_cipher(cipher))
		return REFUSE(check, "segment 0: the cipher \"%s\" is not one of ours", cipher);
	check->header->cipher = strdup(cipher);
	if (!check->header->cipher)
		return px_nomem();
	status = check_sector_size(check, segment);
	return status == PX_OK ? check_offset(check, segment) : status;
}

static enum px_status check_segments(struct check *check, const cJSON *segments)
{
	const cJSON *segment = px_json_get(segments, "0");

	if (!segment || cJSON_GetArraySize(segments) != 1)
		return REFUSE(check, "it does not have one segment, number 0");
	return check_segment(check, segment);
}

static enum px_status check_salt(const struct check *check, const cJSON *object, const char *what)
{
	if (base64_len(px_json_string(object, "salt")) != SALT_LEN)
		return REFUSE(check, "%s: its salt is not %d bytes", what, SALT_LEN);
	return PX_OK;
}

/* The hash, iterations and salt of a pbkdf2, whose members are known to be there. */
static enum px_status check_pbkdf2(const struct check *check, const cJSON *object, const char *what)
{
	uint32_t iterations = 0;

	if (!hash_allowed(px_json_string(object, "hash")))
		return REFUSE(check, "%s: the hash \"%s\" is not one of ours", what,
			      px_json_string(object, "hash"));
	if (px_json_u32(object, "iterations", PBKDF2_MIN, PBKDF2_MAX, &iterations) < 0)
		return REFUSE(check, "%s: its iterations are not between %d and %d", what,
			      PBKDF2_MIN, PBKDF2_MAX);
	return check_salt(check, object, what);
}

static enum px_status check_argon2(const struct check *check, const cJSON *kdf, const char *what)
{
	uint32_t passes = 0, kib = 0, cpus = 0;
	enum px_status status =
		check_shape(check, kdf, what, argon2_members, COUNT(argon2_members));

	if (status != PX_OK)
		return status;
	if (px_json_u32(kdf, "time", 1, ARGON2_PASSES_MAX, &passes) < 0 ||
	    px_json_u32(kdf, "memory", 8, ARGON2_KIB_MAX, &kib) < 0 ||
	    px_json_u32(kdf, "cpus", 1, ARGON2_CPUS_MAX, &cpus) < 0 ||
	    (uint64_t)passes * kib > ARGON2_WORK_KIB_MAX)
		return REFUSE(check, "%s: its argon2 costs too much", what);
	return check_salt(check, kdf, what);
}

static enum px_status check_kdf(const struct check *check, const cJSON *kdf, const char *what)
{
	static const char *const argon2[] = { "argon2id", "argon2i" };
	const char *type = px_json_string(kdf, "type");
	enum px_status status;

	if (type && is_one_of(type, argon2, COUNT(argon2)))
		return check_argon2(check, kdf, what);
	if (!type || strcmp(type, "pbkdf2") != 0)
		return REFUSE(check, "%s: its kdf is not pbkdf2, argon2i or argon2id", what);
	status = check_shape(check, kdf, what, pbkdf2_members, COUNT(pbkdf2_members));
	return status == PX_OK ? check_pbkdf2(check, kdf, what) : status;
}

static enum px_status check_af(const struct check *check, const cJSON *af, const char *what)
{
	uint32_t stripes = 0;
	enum px_status status = check_shape(check, af, what, af_members, COUNT(af_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(af, "type"), "luks1") != 0 ||
	    px_json_u32(af, "stripes", AF_STRIPES, AF_STRIPES, &stripes) < 0 ||
	    !hash_allowed(px_json_string(af, "hash")))
		return REFUSE(check, "%s: its anti-forensic splitter is not one of ours", what);
	return PX_OK;
}

static bool overlaps(const struct check *check, const struct area *area)
{
	for (size_t i = 0; i < check->area_count; i++)
		if (area->start < check->areas[i].end && check->areas[i].start < area->end)
			return true;
	return false;
}

/* Where a keyslot lies; key_size is the volume key's. */
static enum px_status check_place(struct check *check, const cJSON *json, uint32_t key_size,
				  const char *what)
{
	struct area area = { 0, 0 };
	uint64_t size = 0;

	if (px_json_u64(json, "offset", &area.start) < 0 || px_json_u64(json, "size", &size) < 0 ||
	    __builtin_add_overflow(area.start, size, &area.end) ||
	    area.start < check->keyslots_area.start || area.end > check->keyslots_area.end)
		return REFUSE(check, "%s: its area lies outside of the keyslots", what);
	if (size < (uint64_t)key_size * AF_STRIPES)
		return REFUSE(check, "%s: its area is too small", what);
	if (overlaps(check, &area))
		return REFUSE(check, "%s: its area overlaps another one", what);
	check->areas[check->area_count++] = area;
	return PX_OK;
}

static enum px_status check_area(struct check *check, const cJSON *area, uint32_t key_size,
				 const char *what)
{
	uint32_t area_key_size = 0;
	enum px_status status = check_shape(check, area, what, area_members, COUNT(area_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(area, "type"), "raw") != 0)
		return REFUSE(check, "%s: its area is not raw", what);
	if (px_json_u32(area, "key_size", 0, 64, &area_key_size) < 0 ||
	    !px_cipher_allowed(px_json_string(area, "encryption"), area_key_size * 8))
		return REFUSE(check, "%s: the cipher \"%s\" of its area is not one of ours", what,
			      px_json_string(area, "encryption"));
	return check_place(check, area, key_size, what);
}

static enum px_status check_keyslot(struct check *check, const cJSON *keyslot, const char *what)
{
	uint32_t key_size = 0, priority = 0;
	enum px_status status =
		check_shape(check, keyslot, what, keyslot_members, COUNT(keyslot_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(keyslot, "type"), "luks2") != 0)
		return REFUSE(check, "%s: its type is not luks2", what);
	if (px_json_u32(keyslot, "key_size", 0, 64, &key_size) < 0 ||
	    !px_cipher_allowed(check->header->cipher, key_size * 8))
		return REFUSE(check, "%s: its key does not fit the cipher", what);
	if (px_json_get(keyslot, "priority") &&
	    px_json_u32(keyslot, "priority", 0, 2, &priority) < 0)
		return REFUSE(check, "%s: its priority is not 0, 1 or 2", what);
	status = check_af(check, px_json_get(keyslot, "af"), what);
	if (status == PX_OK)
		status = check_area(check, px_json_get(keyslot, "area"), key_size, what);
	if (status == PX_OK)
		status = check_kdf(check, px_json_get(keyslot, "kdf"), what);
	return status;
}

static uint32_t key_size_of(const cJSON *keyslot)
{
	uint32_t size = 0;

	return px_json_u32(keyslot, "key_size", 0, 64, &size) == 0 ? size : 0;
}

static enum px_status check_keyslots(struct check *check, const cJSON *keyslots)
{
	const cJSON *keyslot = NULL;
	enum px_status status;
	char what[32];

	cJSON_ArrayForEach (keyslot, keyslots) {
		int number = px_json_index(keyslot->string);

		if (number < 0)
			return REFUSE(check, "a keyslot is numbered \"%s\"", keyslot->string);
		snprintf(what, sizeof(what), "keyslot %d", number);
		status = check_keyslot(check, keyslot, what);
		if (status != PX_OK)
			return status;
		if (key_size_of(keyslot) != key_size_of(keyslots->child))
			return REFUSE(check, "%s: its key has another size than the others", what);
		check->keyslots |= UINT32_C(1) << number;
	}
	return PX_OK;
}

/* The set of numbers in a list such as ["0","1"]. False when it is anything else. */
static bool read_numbers(const cJSON *list, uint32_t *ret_set)
{
	const cJSON *item = NULL;
	uint32_t set = 0;

	cJSON_ArrayForEach (item, list) {
		int number = px_json_index(cJSON_GetStringValue(item));

		if (number < 0 || (set & (UINT32_C(1) << number)) != 0)
			return false;
		set |= UINT32_C(1) << number;
	}
	*ret_set = set;
	return true;
}

static enum px_status check_digest(const struct check *check, const cJSON *digest)
{
	static const char what[] = "the digest";
	uint32_t set = 0;
	enum px_status status =
		check_shape(check, digest, what, digest_members, COUNT(digest_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(digest, "type"), "pbkdf2") != 0)
		return REFUSE(check, "%s: its type is not pbkdf2", what);
	if (!read_numbers(px_json_get(digest, "segments"), &set) || set != 1)
		return REFUSE(check, "%s is not that of segment 0", what);
	if (!read_numbers(px_json_get(digest, "keyslots"), &set) || set != check->keyslots)
		return REFUSE(check, "%s does not list the keyslots there are", what);
	if (base64_len(px_json_string(digest, "digest")) < DIGEST_LEN_MIN)
		return REFUSE(check, "%s is malformed or too short", what);
	return check_pbkdf2(check, digest, what);
}

static enum px_status check_digests(const struct check *check, const cJSON *digests)
{
	if (cJSON_GetArraySize(digests) != 1 || px_json_index(digests->child->string) < 0)
		return REFUSE(check, "it does not have one digest");
	return check_digest(check, digests->child);
}

static enum px_status take_token(const struct check *check, const cJSON *token, int number)
{
	struct px_header *header = check->header;
	px_auto(free) char *text = cJSON_PrintUnformatted(token);
	enum px_status status;

	if (!text)
		return px_nomem();
	if (header->token)
		return REFUSE(check, "it has two LUKS2 tokens of type " PX_TOKEN_TYPE);
	status = px_token_parse(text, strlen(text), check->device, &header->token);
	if (status != PX_OK)
		return status;
	header->token_id = number;
	if ((check->keyslots & (UINT32_C(1) << header->token->keyslot)) == 0)
		return REFUSE(check, "its LUKS2 token names keyslot %d, which is not there",
			      header->token->keyslot);
	return PX_OK;
}

/* Other people's LUKS2 tokens are none of our business. */
static enum px_status check_tokens(const struct check *check, const cJSON *tokens)
{
	const cJSON *token = NULL;
	enum px_status status = PX_OK;

	cJSON_ArrayForEach (token, tokens) {
		const char *type = px_json_string(token, "type");
		int number = px_json_index(token->string);

		if (number < 0 || !type)
			return REFUSE(check, "the LUKS2 token \"%s\" is malformed", token->string);
		if (strcmp(type, PX_TOKEN_TYPE) == 0)
			status = take_token(check, token, number);
		if (status != PX_OK)
			return status;
	}
	return PX_OK;
}

/* In the order in which one part needs the other. */
static enum px_status check_all(struct check *check, const cJSON *json)
{
	enum px_status status =
		check_shape(check, json, "the JSON", top_members, COUNT(top_members));

	if (status == PX_OK)
		status = check_config(check, px_json_get(json, "config"));
	if (status == PX_OK)
		status = check_segments(check, px_json_get(json, "segments"));
	if (status == PX_OK)
		status = check_keyslots(check, px_json_get(json, "keyslots"));
	if (status == PX_OK)
		status = check_digests(check, px_json_get(json, "digests"));
	if (status == PX_OK)
		status = check_tokens(check, px_json_get(json, "tokens"));
	return status;
}

enum px_status px_header_check(const char *text, size_t len, uint64_t device_size,
			       const char *device, struct px_header **ret_header)
{
	px_auto(json) cJSON *json = NULL;
	px_auto(header) struct px_header *header = calloc(1, sizeof(*header));
	struct check check = { .device = device, .device_size = device_size, .header = header };
	enum px_status status;
	int r;

	if (!header)
		return px_nomem();
	header->token_id = -1;
	r = px_json_parse(text, len, &json);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return REFUSE(&check, "its JSON is malformed");
	status = check_all(&check, json);
	if (status != PX_OK)
		return status;
	*ret_header = px_steal(&header);
	return PX_OK;
}

void px_header_free(struct px_header **header)
{
	if (!header || !*header)
		return;
	free((*header)->cipher);
	px_token_free(&(*header)->token);
	free(*header);
	*header = NULL;
}
