/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "header-private.h"

/* LUKS1's digest, which a converted volume keeps, is the shortest. */
#define DIGEST_LEN_MIN 20

static const struct px_json_member digest_members[] = {
	{ "type", PX_JSON_STRING, false },	 { "keyslots", PX_JSON_ARRAY, false },
	{ "segments", PX_JSON_ARRAY, false },	 { "hash", PX_JSON_STRING, false },
	{ "iterations", PX_JSON_NUMBER, false }, { "salt", PX_JSON_STRING, false },
	{ "digest", PX_JSON_STRING, false },
};

/* What all digests together are for. */
struct sum {
	uint32_t keyslots;
	int volume_keys; /* digests that are a segment's */
};

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

/* While the volume key is changed there are more segments; else there is number 0. A digest of no
 * segment is that of an unbound keyslot, which opens nothing. */
static bool add_segments(const struct px_check *check, const cJSON *digest, struct sum *sum)
{
	uint32_t segments = 0;

	if (!read_numbers(px_json_get(digest, "segments"), &segments) ||
	    (segments > 1 && !check->header->reencrypting))
		return false;
	sum->volume_keys += segments != 0;
	return true;
}

static enum px_status check_digest(const struct px_check *check, const cJSON *digest,
				   struct sum *sum)
{
	static const char what[] = "the digest";
	uint32_t keyslots = 0;
	enum px_status status =
		px_check_shape(check, digest, what, digest_members, PX_COUNT(digest_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(digest, "type"), "pbkdf2") != 0)
		return PX_REFUSE(check, "%s: its type is not pbkdf2", what);
	if (!add_segments(check, digest, sum))
		return PX_REFUSE(check, "%s is not that of segment 0", what);
	if (!read_numbers(px_json_get(digest, "keyslots"), &keyslots) ||
	    (keyslots & sum->keyslots) != 0)
		return PX_REFUSE(check, "%s does not list the keyslots there are", what);
	sum->keyslots |= keyslots;
	if (px_base64_len(px_json_string(digest, "digest")) < DIGEST_LEN_MIN)
		return PX_REFUSE(check, "%s is malformed or too short", what);
	return px_check_pbkdf2(check, digest, what);
}

enum px_status px_check_digests(const struct px_check *check, const cJSON *digests)
{
	struct sum sum = { .keyslots = 0 };
	const cJSON *digest = NULL;
	enum px_status status;

	cJSON_ArrayForEach (digest, digests) {
		if (px_json_index(digest->string) < 0)
			return PX_REFUSE(check, "a digest is numbered \"%s\"", digest->string);
		status = check_digest(check, digest, &sum);
		if (status != PX_OK)
			return status;
	}
	if (sum.volume_keys < 1 || sum.volume_keys > (check->header->reencrypting ? 2 : 1))
		return PX_REFUSE(check, "it does not have one digest for its volume key");
	if (sum.keyslots != check->keyslots)
		return PX_REFUSE(check, "the digest does not list the keyslots there are");
	return PX_OK;
}
