/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "header-private.h"

#define AF_STRIPES 4000

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

static enum px_status check_af(const struct px_check *check, const cJSON *af, const char *what)
{
	uint32_t stripes = 0;
	enum px_status status = px_check_shape(check, af, what, af_members, PX_COUNT(af_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(af, "type"), "luks1") != 0 ||
	    px_json_u32(af, "stripes", AF_STRIPES, AF_STRIPES, &stripes) < 0 ||
	    !px_hash_allowed(px_json_string(af, "hash")))
		return PX_REFUSE(check, "%s: its anti-forensic splitter is not one of ours", what);
	return PX_OK;
}

static bool overlaps(const struct px_check *check, const struct px_area *area)
{
	for (size_t i = 0; i < check->header->area_count; i++)
		if (area->start < check->header->areas[i].end &&
		    check->header->areas[i].start < area->end)
			return true;
	return false;
}

enum px_status px_check_area(struct px_check *check, const cJSON *json, uint64_t size_min,
			     const char *what)
{
	struct px_area area = { 0, 0 };
	uint64_t size = 0;

	if (px_json_u64(json, "offset", &area.start) < 0 || px_json_u64(json, "size", &size) < 0 ||
	    __builtin_add_overflow(area.start, size, &area.end) ||
	    area.start < check->keyslots_area.start || area.end > check->keyslots_area.end)
		return PX_REFUSE(check, "%s: its area lies outside of the keyslots", what);
	if (size < size_min)
		return PX_REFUSE(check, "%s: its area is too small", what);
	if (overlaps(check, &area))
		return PX_REFUSE(check, "%s: its area overlaps another one", what);
	check->header->areas[check->header->area_count++] = area;
	return PX_OK;
}

/* Where a keyslot lies; key_size is the volume key's. */
static enum px_status check_area(struct px_check *check, const cJSON *area, uint32_t key_size,
				 const char *what)
{
	uint32_t area_key_size = 0;
	enum px_status status =
		px_check_shape(check, area, what, area_members, PX_COUNT(area_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(area, "type"), "raw") != 0)
		return PX_REFUSE(check, "%s: its area is not raw", what);
	if (px_json_u32(area, "key_size", 0, 64, &area_key_size) < 0 ||
	    !px_cipher_allowed(px_json_string(area, "encryption"), area_key_size * 8))
		return PX_REFUSE(check, "%s: the cipher \"%s\" of its area is not one of ours",
				 what, px_json_string(area, "encryption"));
	return px_check_area(check, area, (uint64_t)key_size * AF_STRIPES, what);
}

static enum px_status check_keyslot(struct px_check *check, const cJSON *keyslot, const char *what)
{
	uint32_t key_size = 0, priority = 0;
	enum px_status status =
		px_check_shape(check, keyslot, what, keyslot_members, PX_COUNT(keyslot_members));

	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(keyslot, "type"), "luks2") != 0)
		return PX_REFUSE(check, "%s: its type is not luks2", what);
	if (px_json_u32(keyslot, "key_size", 0, 64, &key_size) < 0 ||
	    !px_cipher_allowed(check->header->cipher, key_size * 8))
		return PX_REFUSE(check, "%s: its key does not fit the cipher", what);
	if (px_json_get(keyslot, "priority") &&
	    px_json_u32(keyslot, "priority", 0, 2, &priority) < 0)
		return PX_REFUSE(check, "%s: its priority is not 0, 1 or 2", what);
	status = check_af(check, px_json_get(keyslot, "af"), what);
	if (status == PX_OK)
		status = check_area(check, px_json_get(keyslot, "area"), key_size, what);
	if (status == PX_OK)
		status = px_check_kdf(check, px_json_get(keyslot, "kdf"), what);
	return status;
}

static bool is_reencrypt(const struct px_check *check, const cJSON *keyslot)
{
	const char *type = px_json_string(keyslot, "type");

	return check->header->reencrypting && type && strcmp(type, "reencrypt") == 0;
}

/* 0: it holds no volume key. */
static uint32_t key_size_of(const struct px_check *check, const cJSON *keyslot)
{
	uint32_t size = 0;

	if (is_reencrypt(check, keyslot))
		return 0;
	return px_json_u32(keyslot, "key_size", 0, 64, &size) == 0 ? size : 0;
}

enum px_status px_check_keyslots(struct px_check *check, const cJSON *keyslots)
{
	const cJSON *keyslot = NULL;
	uint32_t key_size = 0;
	enum px_status status;
	char what[32];

	cJSON_ArrayForEach (keyslot, keyslots) {
		int number = px_json_index(keyslot->string);

		if (number < 0)
			return PX_REFUSE(check, "a keyslot is numbered \"%s\"", keyslot->string);
		snprintf(what, sizeof(what), "keyslot %d", number);
		status = is_reencrypt(check, keyslot)
				 ? px_check_reencrypt_keyslot(check, keyslot, what)
				 : check_keyslot(check, keyslot, what);
		if (status != PX_OK)
			return status;
		if (key_size == 0)
			key_size = key_size_of(check, keyslot);
		if (key_size_of(check, keyslot) != 0 && key_size_of(check, keyslot) != key_size)
			return PX_REFUSE(check, "%s: its key has another size than the others",
					 what);
		check->keyslots |= UINT32_C(1) << number;
	}
	return PX_OK;
}
