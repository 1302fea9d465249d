/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "header-finish.h"

#include <errno.h>
#include <string.h>

#include "json.h"

static bool lists(const cJSON *list, const char *number)
{
	const cJSON *item = NULL;

	cJSON_ArrayForEach (item, list) {
		const char *text = cJSON_GetStringValue(item);

		if (text && strcmp(text, number) == 0)
			return true;
	}
	return false;
}

static const char *flag_of(const cJSON *segment)
{
	const char *flag =
		cJSON_GetStringValue(cJSON_GetArrayItem(px_json_get(segment, "flags"), 0));

	return flag ? flag : "";
}

/* The segment that is to stay, when the only others are those that say what was and will be. */
static cJSON *find_final(const cJSON *segments)
{
	cJSON *segment = NULL, *final = NULL;

	cJSON_ArrayForEach (segment, segments) {
		const char *flag = flag_of(segment);

		if (strcmp(flag, "backup-final") == 0)
			final = segment;
		else if (strcmp(flag, "backup-previous") != 0 &&
			 (*flag || strcmp(segment->string, "0") != 0))
			return NULL;
	}
	return final;
}

/* The digest of segment 0, if that is what the reencryption was to end in. */
static cJSON *find_digest(const cJSON *header, const cJSON *final)
{
	const cJSON *digests = px_json_get(header, "digests");
	cJSON *digest = NULL;

	cJSON_ArrayForEach (digest, digests) {
		const cJSON *segments = px_json_get(digest, "segments");

		if (lists(segments, "0") && lists(segments, final->string))
			return digest;
	}
	return NULL;
}

static bool is_done(const cJSON *header, const cJSON *final)
{
	const char *size =
		px_json_string(px_json_get(px_json_get(header, "segments"), "0"), "size");

	return size && strcmp(size, "dynamic") == 0 && find_digest(header, final);
}

/* Leaves the members of an object whose names a list has. */
static void keep_listed(cJSON *object, const cJSON *names)
{
	cJSON *member, *next;

	for (member = object ? object->child : NULL; member; member = next) {
		next = member->next;
		if (!lists(names, member->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
	}
}

/* Of each LUKS2 token's keyslots, leaves those that are kept. */
static void trim_tokens(const cJSON *tokens, const cJSON *kept)
{
	cJSON *token = NULL, *item, *next;

	cJSON_ArrayForEach (token, tokens) {
		cJSON *keyslots = px_json_get(token, "keyslots");

		for (item = keyslots ? keyslots->child : NULL; item; item = next) {
			next = item->next;
			if (!cJSON_IsString(item) || !lists(kept, item->valuestring))
				cJSON_Delete(cJSON_DetachItemViaPointer(keyslots, item));
		}
	}
}

/* Names with one element each, for keep_listed; NULL: out of memory. */
static cJSON *list_of(const char *name)
{
	return cJSON_CreateStringArray(&name, 1);
}

static int finish(cJSON *header, cJSON *digest)
{
	px_auto(json) cJSON *zero = list_of("0");
	px_auto(json) cJSON *own = list_of(digest->string);
	cJSON *segments = zero ? cJSON_Duplicate(zero, 1) : NULL;

	if (!zero || !own || !segments ||
	    !cJSON_ReplaceItemInObjectCaseSensitive(digest, "segments", segments))
		return -ENOMEM;
	keep_listed(px_json_get(header, "keyslots"), px_json_get(digest, "keyslots"));
	trim_tokens(px_json_get(header, "tokens"), px_json_get(digest, "keyslots"));
	keep_listed(px_json_get(header, "segments"), zero);
	keep_listed(px_json_get(header, "digests"), own);
	cJSON_DeleteItemFromObjectCaseSensitive(px_json_get(header, "config"), "requirements");
	return 0;
}

int px_header_finish(const char *json, size_t len, char **ret_json)
{
	px_auto(json) cJSON *header = NULL;
	const cJSON *final;
	char *text;
	int r = px_json_parse(json, len, &header);

	if (r < 0)
		return r;
	final = find_final(px_json_get(header, "segments"));
	if (!final || !is_done(header, final))
		return -ENOENT;
	r = finish(header, find_digest(header, final));
	if (r < 0)
		return r;
	text = cJSON_PrintUnformatted(header);
	if (!text)
		return -ENOMEM;
	*ret_json = text;
	return 0;
}
