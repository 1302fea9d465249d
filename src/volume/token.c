/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pxenc/log.h"
#include "pxenc/path.h"

/* The one kind of store there is. */
#define SECRET_TYPE "dcos"

/* An HMAC-SHA256 in base64url without padding. */
#define SEAL_LEN 43

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const struct px_json_member token_members[] = {
	{ "type", PX_JSON_STRING, false },    { "keyslots", PX_JSON_ARRAY, false },
	{ "version", PX_JSON_NUMBER, false }, { "secret_type", PX_JSON_STRING, false },
	{ "store", PX_JSON_STRING, false },   { "secret", PX_JSON_STRING, false },
	{ "auto", PX_JSON_BOOL, false },      { "seal", PX_JSON_STRING, true },
};

static enum px_status broken(const char *device, const char *what)
{
	return px_fail(PX_BAD_HEADER,
		       "%s: its LUKS2 token of type " PX_TOKEN_TYPE " is refused: %s", device,
		       what);
}

static enum px_status check_version(const cJSON *json, const char *device)
{
	uint32_t version = 0;

	if (px_json_u32(json, "version", 0, UINT32_MAX, &version) < 0)
		return broken(device, "it has no version");
	if (version > PX_TOKEN_VERSION)
		return px_fail(PX_BAD_HEADER,
			       "%s: its LUKS2 token has version %u, so a newer pxenc wrote it: "
			       "update pxenc on this machine",
			       device, version);
	if (version < PX_TOKEN_VERSION)
		return broken(device, "its version is 0");
	return PX_OK;
}

static enum px_status check_members(const cJSON *json, const char *device)
{
	const char *name = NULL;
	const char *fault = px_json_fault(json, token_members,
					  sizeof(token_members) / sizeof(token_members[0]), &name);

	if (!fault)
		return PX_OK;
	return px_fail(PX_BAD_HEADER,
		       "%s: its LUKS2 token of type " PX_TOKEN_TYPE
		       " is refused: the member \"%s\" %s",
		       device, name, fault);
}

static bool is_base64url(const char *text)
{
	return text[0] != '\0' && text[strspn(text, BASE64URL)] == '\0';
}

bool px_token_store_allowed(const char *store)
{
	/* Which happen to be the characters of base64url. */
	return is_base64url(store);
}

static enum px_status check_values(const cJSON *json, const char *device)
{
	const char *secret = px_json_string(json, "secret");
	const char *seal = px_json_string(json, "seal");

	if (strcmp(px_json_string(json, "secret_type"), SECRET_TYPE) != 0)
		return broken(device, "its secret_type is not " SECRET_TYPE);
	if (!px_token_store_allowed(px_json_string(json, "store")))
		return broken(device, "its store has no proper name");
	if (!px_path_may_be_key(secret))
		return px_fail(
			PX_BAD_HEADER,
			"%s: its LUKS2 token names \"%s\", which cannot be the path of a key",
			device, secret);
	if (seal && (strlen(seal) != SEAL_LEN || !is_base64url(seal)))
		return broken(device, "its seal is malformed");
	return PX_OK;
}

/* The one keyslot that the token is for, -1 when there is none or more than one. */
static int only_keyslot(const cJSON *json)
{
	const cJSON *keyslots = px_json_get(json, "keyslots");

	if (cJSON_GetArraySize(keyslots) != 1)
		return -1;
	return px_json_index(cJSON_GetStringValue(keyslots->child));
}

static enum px_status check(const cJSON *json, const char *device)
{
	const char *type = px_json_string(json, "type");
	enum px_status status;

	if (!type || strcmp(type, PX_TOKEN_TYPE) != 0)
		return broken(device, "it has another type");
	/* First, since a newer version may have members that this one does not know. */
	status = check_version(json, device);
	if (status == PX_OK)
		status = check_members(json, device);
	if (status == PX_OK)
		status = check_values(json, device);
	if (status == PX_OK && only_keyslot(json) < 0)
		status = broken(device, "it does not name exactly one keyslot");
	return status;
}

static int dup_string(const cJSON *json, const char *name, char **ret_text)
{
	const char *text = px_json_string(json, name);

	if (!text)
		return 0;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -1;
}

enum px_status px_token_parse(const char *text, size_t len, const char *device,
			      struct px_token **ret_token)
{
	px_auto(json) cJSON *json = NULL;
	px_auto(token) struct px_token *token = NULL;
	enum px_status status;
	int r;

	r = px_json_parse(text, len, &json);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return broken(device, "it is not well-formed JSON");
	status = check(json, device);
	if (status != PX_OK)
		return status;

	token = calloc(1, sizeof(*token));
	if (!token)
		return px_nomem();
	token->keyslot = only_keyslot(json);
	token->auto_open = cJSON_IsTrue(px_json_get(json, "auto")) != 0;
	if (dup_string(json, "store", &token->store) < 0 ||
	    dup_string(json, "secret", &token->secret) < 0 ||
	    dup_string(json, "seal", &token->seal) < 0)
		return px_nomem();
	*ret_token = px_steal(&token);
	return PX_OK;
}

static bool add_keyslot(cJSON *json, int keyslot)
{
	char number[16];
	cJSON *keyslots = cJSON_AddArrayToObject(json, "keyslots");
	cJSON *item;

	snprintf(number, sizeof(number), "%d", keyslot);
	item = cJSON_CreateString(number);
	if (!keyslots || !cJSON_AddItemToArray(keyslots, item)) {
		cJSON_Delete(item);
		return false;
	}
	return true;
}

char *px_token_format(const struct px_token *token)
{
	px_auto(json) cJSON *json = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(json, "type", PX_TOKEN_TYPE) ||
	    !add_keyslot(json, token->keyslot) ||
	    !cJSON_AddNumberToObject(json, "version", PX_TOKEN_VERSION) ||
	    !cJSON_AddStringToObject(json, "secret_type", SECRET_TYPE) ||
	    !cJSON_AddStringToObject(json, "store", token->store) ||
	    !cJSON_AddStringToObject(json, "secret", token->secret) ||
	    !cJSON_AddBoolToObject(json, "auto", token->auto_open))
		return NULL;
	if (token->seal && !cJSON_AddStringToObject(json, "seal", token->seal))
		return NULL;
	return cJSON_PrintUnformatted(json);
}

void px_token_free(struct px_token **token)
{
	if (!token || !*token)
		return;
	free((*token)->store);
	free((*token)->secret);
	free((*token)->seal);
	free(*token);
	*token = NULL;
}
