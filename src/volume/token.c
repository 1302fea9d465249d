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

/* LUKS2 numbers its keyslots from 0 on. */
#define KEYSLOT_MAX 31

/* An HMAC-SHA256 in base64url without padding. */
#define SEAL_LEN 43

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const struct px_json_member token_members[] = {
	{ "type", PX_JSON_STRING, false },     { "keyslots", PX_JSON_ARRAY, false },
	{ "version", PX_JSON_NUMBER, false },  { "secret_type", PX_JSON_STRING, false },
	{ "store", PX_JSON_STRING, false },    { "secret", PX_JSON_STRING, false },
	{ "auto", PX_JSON_BOOL, false },       { "seal", PX_JSON_STRING, true },
	{ "next", PX_JSON_OBJECT, true },      { "old", PX_JSON_OBJECT, true },
	{ "reencrypt", PX_JSON_NUMBER, true },
};

static const struct px_json_member other_members[] = {
	{ "slot", PX_JSON_NUMBER, false }, { "secret", PX_JSON_STRING, false },
	{ "keep", PX_JSON_BOOL, false },   { "salt", PX_JSON_STRING, true },
	{ "proof", PX_JSON_STRING, true },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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

static enum px_status check_members(const cJSON *json, const struct px_json_member *members,
				    size_t count, const char *device)
{
	const char *name = NULL;
	const char *fault = px_json_fault(json, members, count, &name);

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

static enum px_status check_secret(const cJSON *json, const char *device)
{
	const char *secret = px_json_string(json, "secret");

	if (px_path_may_be_key(secret))
		return PX_OK;
	return px_fail(PX_BAD_HEADER,
		       "%s: its LUKS2 token names \"%s\", which cannot be the path of a key",
		       device, secret);
}

static enum px_status check_values(const cJSON *json, const char *device)
{
	const char *seal = px_json_string(json, "seal");

	if (strcmp(px_json_string(json, "secret_type"), SECRET_TYPE) != 0)
		return broken(device, "its secret_type is not " SECRET_TYPE);
	if (!px_path_may_be_store(px_json_string(json, "store")))
		return broken(device, "its store has no proper name");
	if (seal && (strlen(seal) != SEAL_LEN || !is_base64url(seal)))
		return broken(device, "its seal is malformed");
	return check_secret(json, device);
}

static bool is_reencrypting(const cJSON *json)
{
	return px_json_get(json, "reencrypt") != NULL;
}

/* The nth keyslot that the token is for; -1: there is none. */
static int nth_keyslot(const cJSON *json, int n)
{
	const cJSON *item = cJSON_GetArrayItem(px_json_get(json, "keyslots"), n);

	return item ? px_json_index(cJSON_GetStringValue(item)) : -1;
}

static enum px_status check_keyslots(const cJSON *json, const char *device)
{
	int count = cJSON_GetArraySize(px_json_get(json, "keyslots"));
	uint32_t second = 0;

	if (nth_keyslot(json, 0) < 0 || count > 1 + is_reencrypting(json))
		return broken(device, "it does not name exactly one keyslot");
	if (!is_reencrypting(json))
		return PX_OK;
	if (px_json_u32(json, "reencrypt", 0, KEYSLOT_MAX, &second) < 0 ||
	    (count == 2 &&
	     (nth_keyslot(json, 0) == (int)second || nth_keyslot(json, 1) != (int)second)))
		return broken(device, "the keyslot of the new volume key is not the second");
	return PX_OK;
}

/* The key of a change that is under way: the token's next or old member, if it has it. */
static enum px_status check_other(const cJSON *json, const char *name, const char *device)
{
	const cJSON *other = px_json_get(json, name);
	uint32_t slot = 0;
	enum px_status status;

	if (!other)
		return PX_OK;
	status = check_members(other, other_members, COUNT(other_members), device);
	if (status == PX_OK && (px_json_u32(other, "slot", 0, KEYSLOT_MAX, &slot) < 0 ||
				(int)slot == nth_keyslot(json, 0)))
		status = broken(device, "the keyslot of a change is not another one");
	if (status == PX_OK &&
	    strcmp(px_json_string(other, "secret"), px_json_string(json, "secret")) == 0)
		status = broken(device, "the secret of a change is not another one");
	return status == PX_OK ? check_secret(other, device) : status;
}

static enum px_status check_change(const cJSON *json, const char *device)
{
	enum px_status status;

	if ((px_json_get(json, "next") != NULL) + (px_json_get(json, "old") != NULL) +
		    is_reencrypting(json) >
	    1)
		return broken(device, "it has two changes under way");
	status = check_other(json, "next", device);
	return status == PX_OK ? check_other(json, "old", device) : status;
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
		status = check_members(json, token_members, COUNT(token_members), device);
	if (status == PX_OK)
		status = check_values(json, device);
	if (status == PX_OK)
		status = check_keyslots(json, device);
	return status == PX_OK ? check_change(json, device) : status;
}

static int dup_string(const cJSON *json, const char *name, char **ret_text)
{
	const char *text = px_json_string(json, name);

	if (!text)
		return 0;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -1;
}

static int read_other(const cJSON *json, const char *name, struct px_token_other *other)
{
	const cJSON *member = px_json_get(json, name);
	uint32_t slot = 0;

	if (!member)
		return 0;
	if (px_json_u32(member, "slot", 0, KEYSLOT_MAX, &slot) < 0)
		return -1;
	other->keyslot = (int)slot;
	other->keep = cJSON_IsTrue(px_json_get(member, "keep")) != 0;
	if (dup_string(member, "secret", &other->secret) < 0)
		return -1;
	if (dup_string(member, "salt", &other->salt) < 0)
		return -1;
	return dup_string(member, "proof", &other->proof);
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
	token->keyslot = nth_keyslot(json, 0);
	token->reencrypt = is_reencrypting(json);
	if (token->reencrypt) {
		token->second = px_json_get(json, "reencrypt")->valueint;
		token->both = nth_keyslot(json, 1) >= 0;
	}
	token->auto_open = cJSON_IsTrue(px_json_get(json, "auto")) != 0;
	if (dup_string(json, "store", &token->store) < 0 ||
	    dup_string(json, "secret", &token->secret) < 0 ||
	    dup_string(json, "seal", &token->seal) < 0 ||
	    read_other(json, "next", &token->next) < 0 || read_other(json, "old", &token->old) < 0)
		return px_nomem();
	*ret_token = px_steal(&token);
	return PX_OK;
}

static bool add_keyslot(cJSON *keyslots, int keyslot)
{
	char number[16];
	cJSON *item;

	snprintf(number, sizeof(number), "%d", keyslot);
	item = cJSON_CreateString(number);
	if (!keyslots || !cJSON_AddItemToArray(keyslots, item)) {
		cJSON_Delete(item);
		return false;
	}
	return true;
}

static bool add_keyslots(cJSON *json, const struct px_token *token)
{
	cJSON *keyslots = cJSON_AddArrayToObject(json, "keyslots");

	return add_keyslot(keyslots, token->keyslot) &&
	       (!token->both || add_keyslot(keyslots, token->second));
}

/* True also when there is none to add. */
static bool add_other(cJSON *json, const char *name, const struct px_token_other *other)
{
	cJSON *member;

	if (!other->secret)
		return true;
	member = cJSON_AddObjectToObject(json, name);
	return member && cJSON_AddNumberToObject(member, "slot", other->keyslot) &&
	       cJSON_AddStringToObject(member, "secret", other->secret) &&
	       cJSON_AddBoolToObject(member, "keep", other->keep) &&
	       (!other->salt || cJSON_AddStringToObject(member, "salt", other->salt)) &&
	       (!other->proof || cJSON_AddStringToObject(member, "proof", other->proof));
}

char *px_token_format(const struct px_token *token)
{
	px_auto(json) cJSON *json = cJSON_CreateObject();

	if (!cJSON_AddStringToObject(json, "type", PX_TOKEN_TYPE) || !add_keyslots(json, token) ||
	    !cJSON_AddNumberToObject(json, "version", PX_TOKEN_VERSION) ||
	    !cJSON_AddStringToObject(json, "secret_type", SECRET_TYPE) ||
	    !cJSON_AddStringToObject(json, "store", token->store) ||
	    !cJSON_AddStringToObject(json, "secret", token->secret) ||
	    !cJSON_AddBoolToObject(json, "auto", token->auto_open))
		return NULL;
	if (token->seal && !cJSON_AddStringToObject(json, "seal", token->seal))
		return NULL;
	if (!add_other(json, "next", &token->next) || !add_other(json, "old", &token->old) ||
	    (token->reencrypt && !cJSON_AddNumberToObject(json, "reencrypt", token->second)))
		return NULL;
	return cJSON_PrintUnformatted(json);
}

void px_token_clear_other(struct px_token_other *other)
{
	free(other->secret);
	free(other->salt);
	free(other->proof);
	*other = (struct px_token_other){ .secret = NULL };
}

int px_token_set_other(struct px_token_other *other, const struct px_token_other *value)
{
	struct px_token_other copy = { .keyslot = value->keyslot, .keep = value->keep };

	copy.secret = value->secret ? strdup(value->secret) : NULL;
	copy.salt = value->salt ? strdup(value->salt) : NULL;
	copy.proof = value->proof ? strdup(value->proof) : NULL;
	if ((value->secret && !copy.secret) || (value->salt && !copy.salt) ||
	    (value->proof && !copy.proof)) {
		px_token_clear_other(&copy);
		return -ENOMEM;
	}
	px_token_clear_other(other);
	*other = copy;
	return 0;
}

struct px_token *px_token_copy(const struct px_token *token)
{
	px_auto(token) struct px_token *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->keyslot = token->keyslot;
	copy->second = token->second;
	copy->both = token->both;
	copy->reencrypt = token->reencrypt;
	copy->auto_open = token->auto_open;
	copy->store = strdup(token->store);
	copy->secret = strdup(token->secret);
	if (!copy->store || !copy->secret || px_token_set_other(&copy->next, &token->next) < 0 ||
	    px_token_set_other(&copy->old, &token->old) < 0)
		return NULL;
	return px_steal(&copy);
}

void px_token_free(struct px_token **token)
{
	if (!token || !*token)
		return;
	free((*token)->store);
	free((*token)->secret);
	free((*token)->seal);
	px_token_clear_other(&(*token)->next);
	px_token_clear_other(&(*token)->old);
	free(*token);
	*token = NULL;
}
