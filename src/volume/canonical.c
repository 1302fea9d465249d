/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "canonical.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pxenc/seal.h"
#include "pxenc/token.h"

/* Below this, every cJSON prints a whole number digit by digit. */
#define WHOLE_MAX 1e15

/* Our LUKS2 token, NULL when there is none; of several, px_header_check refuses the header. */
static cJSON *find_token(const cJSON *header)
{
	cJSON *token = NULL;

	cJSON_ArrayForEach (token, px_json_get(header, "tokens")) {
		const char *type = px_json_string(token, "type");

		if (type && strcmp(type, PX_TOKEN_TYPE) == 0)
			return token;
	}
	return NULL;
}

/* The name of the token's first keyslot; a second one is refused by px_token_parse. */
static const char *keyslot_name(const cJSON *token)
{
	return cJSON_GetStringValue(cJSON_GetArrayItem(px_json_get(token, "keyslots"), 0));
}

/* Moves a part of the header into the sealed object. */
static int move(cJSON *sealed, const char *as, cJSON *from, const char *name)
{
	cJSON *part = NULL;

	if (cJSON_IsObject(from) && name)
		part = cJSON_DetachItemFromObjectCaseSensitive(from, name);
	if (!part)
		return -EINVAL;
	if (!cJSON_AddItemToObject(sealed, as, part)) {
		cJSON_Delete(part);
		return -ENOMEM;
	}
	return 0;
}

/* Adding a keyslot takes the volume key, so the list of them need not be sealed; nor the digest of
 * a keyslot that opens no segment. */
static void drop_keyslots(cJSON *header)
{
	cJSON *digests = px_json_get(header, "digests"), *digest, *next;

	for (digest = cJSON_IsObject(digests) ? digests->child : NULL; digest; digest = next) {
		const cJSON *segments = px_json_get(digest, "segments");

		next = digest->next;
		if (cJSON_IsArray(segments) && cJSON_GetArraySize(segments) == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(digests, digest));
		else if (cJSON_IsObject(digest))
			cJSON_DeleteItemFromObjectCaseSensitive(digest, "keyslots");
	}
}

/* The segment that a reencryption ends in, or the only one. */
static cJSON *final_segment(const cJSON *header)
{
	const cJSON *segments = px_json_get(header, "segments");
	cJSON *segment = NULL;

	cJSON_ArrayForEach (segment, segments) {
		const cJSON *flags = px_json_get(segment, "flags");
		const char *flag = cJSON_GetStringValue(cJSON_GetArrayItem(flags, 0));

		if (flag && strcmp(flag, "backup-final") == 0)
			return segment;
	}
	return px_json_get(segments, "0");
}

/*
 * While the volume key is changed, libcryptsetup changes segments, keyslots and digests by itself,
 * before and after the time in which it says so in the requirements. What stays is sealed: how the
 * data lies on the disk and is enciphered, the flags, and which secret it is.
 */
static int collect_constant(cJSON *header, cJSON *token, cJSON *sealed)
{
	cJSON *config = px_json_get(header, "config"), *segment = final_segment(header);
	int r;

	if (!cJSON_IsObject(config) || !cJSON_IsObject(segment))
		return -EINVAL;
	cJSON_DeleteItemFromObjectCaseSensitive(config, "requirements");
	cJSON_DeleteItemFromObjectCaseSensitive(token, "keyslots");
	cJSON_DeleteItemFromObjectCaseSensitive(segment, "flags");
	r = move(sealed, "config", header, "config");
	return r == 0 ? move(sealed, "segment", px_json_get(header, "segments"), segment->string)
		      : r;
}

/* All that is sealed but the LUKS2 token and the uuid. */
static int collect_all(cJSON *header, const cJSON *token, cJSON *sealed)
{
	int r;

	drop_keyslots(header);
	r = move(sealed, "config", header, "config");
	if (r == 0)
		r = move(sealed, "digests", header, "digests");
	if (r == 0)
		r = move(sealed, "keyslot", px_json_get(header, "keyslots"), keyslot_name(token));
	return r == 0 ? move(sealed, "segments", header, "segments") : r;
}

/* The parts in the order of their names. Takes them out of header. */
static int collect(cJSON *header, const char *uuid, cJSON *sealed)
{
	cJSON *token = find_token(header);
	int r;

	if (!token)
		return -EINVAL;
	cJSON_DeleteItemFromObjectCaseSensitive(token, "seal");
	r = px_json_get(token, "reencrypt") ? collect_constant(header, token, sealed)
					    : collect_all(header, token, sealed);
	if (r == 0)
		r = move(sealed, "token", px_json_get(header, "tokens"), token->string);
	if (r == 0 && !cJSON_AddStringToObject(sealed, "uuid", uuid))
		r = -ENOMEM;
	return r;
}

/* Numbers that two programs could print in two ways are not sealed. */
static int check_numbers(const cJSON *node)
{
	const cJSON *child = NULL;

	if (cJSON_IsNumber(node)) {
		double value = node->valuedouble;

		if (!(value > -WHOLE_MAX && value < WHOLE_MAX) || value != (double)(int64_t)value)
			return -EINVAL;
	}
	cJSON_ArrayForEach (child, node) {
		if (check_numbers(child) < 0)
			return -EINVAL;
	}
	return 0;
}

int px_seal_text(const char *json, size_t len, const char *uuid, char **ret_text)
{
	px_auto(json) cJSON *header = NULL;
	px_auto(json) cJSON *sealed = NULL;
	int r = px_json_parse(json, len, &header);
	char *text;

	if (r < 0)
		return r;
	sealed = cJSON_CreateObject();
	if (!sealed)
		return -ENOMEM;
	r = collect(header, uuid, sealed);
	if (r == 0)
		r = check_numbers(sealed);
	if (r < 0)
		return r;
	text = cJSON_PrintUnformatted(sealed);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}

int px_seal_stored(const char *json, size_t len, char **ret_seal)
{
	px_auto(json) cJSON *header = NULL;
	int r = px_json_parse(json, len, &header);
	const char *seal;
	char *copy;

	if (r < 0)
		return r;
	seal = px_json_string(find_token(header), "seal");
	if (!seal)
		return -ENOENT;
	copy = strdup(seal);
	if (!copy)
		return -ENOMEM;
	*ret_seal = copy;
	return 0;
}

/* Puts a part under a name, in the place of what is there. */
static int put(cJSON *object, const char *name, cJSON *part)
{
	if (!cJSON_IsObject(object))
		return -EINVAL;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return cJSON_AddItemToObject(object, name, part) ? 0 : -ENOMEM;
}

int px_seal_put_token(const char *json, size_t len, int number, const char *token, char **ret_json)
{
	px_auto(json) cJSON *header = NULL;
	px_auto(json) cJSON *part = NULL;
	char name[16], *text;
	int r = px_json_parse(json, len, &header);

	if (r == 0)
		r = px_json_parse(token, strlen(token), &part);
	snprintf(name, sizeof(name), "%d", number);
	if (r == 0)
		r = put(px_json_get(header, "tokens"), name, part);
	if (r < 0)
		return r;
	part = NULL;
	text = cJSON_PrintUnformatted(header);
	if (!text)
		return -ENOMEM;
	*ret_json = text;
	return 0;
}
