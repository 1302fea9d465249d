/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "header-private.h"

static const struct px_json_member top_members[] = {
	{ "keyslots", PX_JSON_OBJECT, false }, { "tokens", PX_JSON_OBJECT, false },
	{ "segments", PX_JSON_OBJECT, false }, { "digests", PX_JSON_OBJECT, false },
	{ "config", PX_JSON_OBJECT, false },
};

static const struct px_json_member segment_members[] = {
	{ "type", PX_JSON_STRING, false },	 { "offset", PX_JSON_STRING, false },
	{ "size", PX_JSON_STRING, false },	 { "iv_tweak", PX_JSON_STRING, false },
	{ "encryption", PX_JSON_STRING, false }, { "sector_size", PX_JSON_NUMBER, false },
};

bool px_is_one_of(const char *text, const char *const list[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

enum px_status px_check_shape(const struct px_check *check, const cJSON *object, const char *what,
			      const struct px_json_member *members, size_t count)
{
	const char *name = NULL;
	const char *fault;

	if (!cJSON_IsObject(object))
		return PX_REFUSE(check, "%s is not a JSON object", what);
	fault = px_json_fault(object, members, count, &name);
	if (fault)
		return PX_REFUSE(check, "%s: the member \"%s\" %s", what, name, fault);
	return PX_OK;
}

static enum px_status check_offset(struct px_check *check, const cJSON *segment, const char *what)
{
	uint64_t offset = 0;

	if (px_json_u64(segment, "offset", &offset) < 0 || offset % 4096 != 0 ||
	    offset > PX_DATA_OFFSET_MAX)
		return PX_REFUSE(check, "%s: its offset \"%s\" is not sane", what,
				 px_json_string(segment, "offset"));
	if (offset < check->keyslots_area.end)
		return PX_REFUSE(check, "%s: its offset %" PRIu64 " lies within the header", what,
				 offset);
	if (offset >= check->device_size)
		return PX_REFUSE(check, "%s: its offset %" PRIu64 " lies beyond the device", what,
				 offset);
	check->header->data_offset = offset;
	return PX_OK;
}

static enum px_status check_sector_size(struct px_check *check, const cJSON *segment,
					const char *what)
{
	uint32_t size = 0;

	if (px_json_u32(segment, "sector_size", 512, 4096, &size) < 0 || (size & (size - 1)) != 0)
		return PX_REFUSE(check, "%s: its sector size is not 512, 1024, 2048 or 4096", what);
	check->header->sector_size = size;
	return PX_OK;
}

enum px_status px_check_segment_values(struct px_check *check, const cJSON *segment,
				       const char *what)
{
	const char *cipher = px_json_string(segment, "encryption");
	enum px_status status;

	/* A shorter segment would hide the rest of the device, which the filesystem may use. */
	if (strcmp(px_json_string(segment, "size"), "dynamic") != 0)
		return PX_REFUSE(check, "%s: its size is not the whole device", what);
	if (strcmp(px_json_string(segment, "iv_tweak"), "0") != 0)
		return PX_REFUSE(check, "%s: its iv_tweak is not 0", what);
	if (!px_cipher_known(cipher))
		return PX_REFUSE(check, "%s: the cipher \"%s\" is not one of ours", what, cipher);
	check->header->cipher = strdup(cipher);
	if (!check->header->cipher)
		return px_nomem();
	status = check_sector_size(check, segment, what);
	return status == PX_OK ? check_offset(check, segment, what) : status;
}

static enum px_status check_segments(struct px_check *check, const cJSON *segments)
{
	static const char what[] = "segment 0";
	const cJSON *segment = px_json_get(segments, "0");
	enum px_status status;

	if (check->header->reencrypting)
		return px_check_reencrypt_segments(check, segments);
	if (!segment || cJSON_GetArraySize(segments) != 1)
		return PX_REFUSE(check, "it does not have one segment, number 0");
	status = px_check_shape(check, segment, what, segment_members, PX_COUNT(segment_members));
	if (status != PX_OK)
		return status;
	if (strcmp(px_json_string(segment, "type"), "crypt") != 0)
		return PX_REFUSE(check, "%s: its type is not crypt", what);
	return px_check_segment_values(check, segment, what);
}

static enum px_status check_named(const struct px_check *check, int keyslot)
{
	if ((check->keyslots & (UINT32_C(1) << keyslot)) != 0)
		return PX_OK;
	return PX_REFUSE(check, "its LUKS2 token names keyslot %d, which is not there", keyslot);
}

static enum px_status take_token(const struct px_check *check, const cJSON *token, int number)
{
	struct px_header *header = check->header;
	px_auto(free) char *text = cJSON_PrintUnformatted(token);
	enum px_status status;

	if (!text)
		return px_nomem();
	if (header->token)
		return PX_REFUSE(check, "it has two LUKS2 tokens of type " PX_TOKEN_TYPE);
	status = px_token_parse(text, strlen(text), check->device, &header->token);
	if (status != PX_OK)
		return status;
	header->token_id = number;
	status = check_named(check, header->token->keyslot);
	return status == PX_OK && header->token->both ? check_named(check, header->token->second)
						      : status;
}

/* Other people's LUKS2 tokens are none of our business. */
static enum px_status check_tokens(const struct px_check *check, const cJSON *tokens)
{
	const cJSON *token = NULL;
	enum px_status status = PX_OK;

	cJSON_ArrayForEach (token, tokens) {
		const char *type = px_json_string(token, "type");
		int number = px_json_index(token->string);

		if (number < 0 || !type)
			return PX_REFUSE(check, "the LUKS2 token \"%s\" is malformed",
					 token->string);
		if (strcmp(type, PX_TOKEN_TYPE) == 0)
			status = take_token(check, token, number);
		if (status != PX_OK)
			return status;
	}
	return PX_OK;
}

/* In the order in which one part needs the other. */
static enum px_status check_all(struct px_check *check, const cJSON *json)
{
	enum px_status status =
		px_check_shape(check, json, "the JSON", top_members, PX_COUNT(top_members));

	if (status == PX_OK)
		status = px_check_config(check, px_json_get(json, "config"));
	if (status == PX_OK)
		status = check_segments(check, px_json_get(json, "segments"));
	if (status == PX_OK)
		status = px_check_keyslots(check, px_json_get(json, "keyslots"));
	if (status == PX_OK)
		status = px_check_digests(check, px_json_get(json, "digests"));
	if (status == PX_OK)
		status = check_tokens(check, px_json_get(json, "tokens"));
	if (status == PX_OK && check->header->reencrypting &&
	    !(check->header->token && check->header->token->reencrypt))
		status = PX_REFUSE(check, "a reencryption is under way that is not pxenc's: finish "
					  "it with cryptsetup reencrypt --resume-only");
	return status;
}

enum px_status px_header_check(const char *text, size_t len, uint64_t device_size,
			       const char *device, struct px_header **ret_header)
{
	px_auto(json) cJSON *json = NULL;
	px_auto(header) struct px_header *header = calloc(1, sizeof(*header));
	struct px_check check = { .device = device, .device_size = device_size, .header = header };
	enum px_status status;
	int r;

	if (!header)
		return px_nomem();
	header->token_id = -1;
	r = px_json_parse(text, len, &json);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return PX_REFUSE(&check, "its JSON is malformed");
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
