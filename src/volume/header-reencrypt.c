/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "header-private.h"

/*
 * While the volume key is changed, libcryptsetup moves the border between the segment that has the
 * new key and the one that has the old, so no seal can hold them; its own digest, under both
 * volume keys, holds the two that say what was and what will be. Here all of them have to be
 * alike, with the cipher, sector size and start that the seal knows, and to lie one behind the
 * other from that start on.
 */

/* What is written, what is being written, what is not yet, and the two for good. */
#define SEGMENTS_MAX 6

static const struct px_json_member segment_members[] = {
	{ "type", PX_JSON_STRING, false },	 { "offset", PX_JSON_STRING, false },
	{ "size", PX_JSON_STRING, false },	 { "iv_tweak", PX_JSON_STRING, false },
	{ "encryption", PX_JSON_STRING, false }, { "sector_size", PX_JSON_NUMBER, false },
	{ "flags", PX_JSON_ARRAY, true },
};

static const struct px_json_member keyslot_members[] = {
	{ "type", PX_JSON_STRING, false }, { "key_size", PX_JSON_NUMBER, false },
	{ "mode", PX_JSON_STRING, false }, { "direction", PX_JSON_STRING, false },
	{ "area", PX_JSON_OBJECT, false }, { "priority", PX_JSON_NUMBER, true },
};

static const struct px_json_member area_members[] = {
	{ "type", PX_JSON_STRING, false },	  { "offset", PX_JSON_STRING, false },
	{ "size", PX_JSON_STRING, false },	  { "hash", PX_JSON_STRING, false },
	{ "sector_size", PX_JSON_NUMBER, false },
};

/* The flag of a segment that has one; "" for one that has none. NULL: it is none of ours. */
static const char *flag_of(const cJSON *segment)
{
	static const char *const known[] = { "in-reencryption", "backup-previous", "backup-final" };
	const cJSON *flags = px_json_get(segment, "flags");
	const char *flag;

	if (!flags || cJSON_GetArraySize(flags) == 0)
		return "";
	flag = cJSON_GetStringValue(flags->child);
	if (cJSON_GetArraySize(flags) != 1 || !flag || !px_is_one_of(flag, known, PX_COUNT(known)))
		return NULL;
	return flag;
}

/* What the segments of one header are together. */
struct layout {
	const cJSON *final, *previous;
	uint64_t start; /* of the data; bytes */
	uint64_t at;	/* where the next segment has to begin */
	bool ended;	/* one reached to the end of the device */
};

static bool is_alike(const cJSON *segment, const cJSON *final)
{
	return strcmp(px_json_string(segment, "encryption"), px_json_string(final, "encryption")) ==
		       0 &&
	       px_json_get(segment, "sector_size")->valuedouble ==
		       px_json_get(final, "sector_size")->valuedouble;
}

static bool is_whole(const cJSON *segment, uint64_t start)
{
	uint64_t offset = 0;

	return px_json_u64(segment, "offset", &offset) == 0 && offset == start &&
	       strcmp(px_json_string(segment, "size"), "dynamic") == 0 &&
	       strcmp(px_json_string(segment, "iv_tweak"), "0") == 0;
}

/* Behind the one before it, and its sectors counted from the start of the data. */
static bool is_next(const cJSON *segment, struct layout *layout)
{
	uint64_t offset = 0, tweak = 0, size = 0;

	if (layout->ended || px_json_u64(segment, "offset", &offset) < 0 || offset != layout->at ||
	    px_json_u64(segment, "iv_tweak", &tweak) < 0 || tweak != (offset - layout->start) / 512)
		return false;
	layout->ended = strcmp(px_json_string(segment, "size"), "dynamic") == 0;
	if (layout->ended)
		return true;
	return px_json_u64(segment, "size", &size) == 0 && size != 0 && size % 512 == 0 &&
	       !__builtin_add_overflow(layout->at, size, &layout->at);
}

/* Of the two that say what was and what will be, there is one each. */
static bool take_backup(const cJSON *segment, const char *flag, struct layout *layout)
{
	const cJSON **place =
		strcmp(flag, "backup-final") == 0 ? &layout->final : &layout->previous;

	if (*place)
		return false;
	*place = segment;
	return true;
}

static enum px_status check_shapes(const struct px_check *check, const cJSON *segments,
				   struct layout *layout)
{
	const cJSON *segment = NULL;

	cJSON_ArrayForEach (segment, segments) {
		enum px_status status = px_check_shape(check, segment, "a segment", segment_members,
						       PX_COUNT(segment_members));
		const char *flag;

		if (status != PX_OK)
			return status;
		flag = flag_of(segment);
		if (!flag || strcmp(px_json_string(segment, "type"), "crypt") != 0 ||
		    (strncmp(flag, "backup-", 7) == 0 && !take_backup(segment, flag, layout)))
			return PX_REFUSE(check, "segment %s is not one of a reencryption",
					 segment->string);
	}
	return PX_OK;
}

static enum px_status check_places(const struct px_check *check, const cJSON *segments,
				   struct layout *layout)
{
	const cJSON *segment = NULL;

	cJSON_ArrayForEach (segment, segments) {
		bool backup = segment == layout->final || segment == layout->previous;

		if (!is_alike(segment, layout->final) ||
		    !(backup ? is_whole(segment, layout->start) : is_next(segment, layout)))
			return PX_REFUSE(check, "segment %s is not like the others",
					 segment->string);
	}
	/* In use, the last has the size of the mapping: the device may have grown since. */
	if (!layout->ended && layout->at > check->device_size)
		return PX_REFUSE(check, "its segments reach beyond the end of the device");
	return PX_OK;
}

enum px_status px_check_reencrypt_segments(struct px_check *check, const cJSON *segments)
{
	struct layout layout = { .final = NULL };
	enum px_status status;

	if (cJSON_GetArraySize(segments) > SEGMENTS_MAX)
		return PX_REFUSE(check, "it has too many segments");
	status = check_shapes(check, segments, &layout);
	if (status != PX_OK)
		return status;
	if (!layout.final || !layout.previous)
		return PX_REFUSE(check, "it does not say what its reencryption is to end in");
	status = px_check_segment_values(check, layout.final, "the final segment");
	if (status != PX_OK)
		return status;
	layout.start = layout.at = check->header->data_offset;
	return check_places(check, segments, &layout);
}

enum px_status px_check_reencrypt_keyslot(struct px_check *check, const cJSON *keyslot,
					  const char *what)
{
	const cJSON *area = px_json_get(keyslot, "area");
	enum px_status status =
		px_check_shape(check, keyslot, what, keyslot_members, PX_COUNT(keyslot_members));

	if (status == PX_OK)
		status = px_check_shape(check, area, what, area_members, PX_COUNT(area_members));
	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(keyslot, "mode"), "reencrypt") != 0 ||
	    strcmp(px_json_string(keyslot, "direction"), "forward") != 0 ||
	    strcmp(px_json_string(area, "type"), "checksum") != 0 ||
	    !px_hash_allowed(px_json_string(area, "hash")))
		return PX_REFUSE(check, "%s: its reencryption is not one of ours", what);
	return px_check_area(check, area, 4096, what);
}
