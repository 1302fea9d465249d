/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/account.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/file.h"
#include "pxenc/frame.h"
#include "pxenc/json-text.h"
#include "pxenc/log.h"

#define SCHEME "RS256"

/* Enough for a text of PX_ACCOUNT_MAX that is mostly strings. */
#define ARENA_SIZE ((size_t)8 * PX_ACCOUNT_MAX)

/* cJSON copies strings. Here its memory is a secret's, which is wiped and goes as a whole; its
 * hooks have no argument to say which. */
static struct px_secret *arena;

static void *take(size_t size)
{
	size_t align = _Alignof(cJSON);
	size_t at = (px_secret_len(arena) + align - 1) / align * align;

	if (size > px_secret_capacity(arena) || at > px_secret_capacity(arena) - size)
		return NULL;
	px_secret_set_len(arena, at + size);
	return px_secret_data(arena) + at;
}

static void leave(void *memory)
{
	(void)memory;
}

void px_account_clear(struct px_account *account)
{
	free(account->uid);
	px_secret_free(&account->password);
	px_secret_free(&account->private_key);
	account->uid = NULL;
}

enum px_status px_account_check_uid(const char *uid, const char *where)
{
	const char *p;

	for (p = uid; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return px_fail(PX_USAGE, "the user name in %s has a control character",
				       where);
	if (p == uid || p - uid > PX_UID_MAX)
		return px_fail(PX_USAGE, "the user name in %s is empty or longer than %d bytes",
			       where, PX_UID_MAX);
	return PX_OK;
}

/* cJSON ends a string at a NUL, raw or escaped, and keeps quiet about the rest. */
static bool has_nul(const char *text, size_t len)
{
	size_t i;

	if (memchr(text, '\0', len))
		return true;
	for (i = 0; i + 1 < len; i++) {
		if (text[i] != '\\')
			continue;
		/* What this escapes begins no escape: a backslash above all. */
		i++;
		if (len - i >= 5 && memcmp(text + i, "u0000", 5) == 0)
			return true;
	}
	return false;
}

/* The whole text as one object, in the arena; NULL: it is none. It must end with its brace before
 * cJSON sees it: cJSON up to 1.7.18 reads a byte too far in a text that ends with a comma. */
static const cJSON *parse_object(const struct px_secret *text)
{
	const char *json = (const char *)px_secret_bytes(text);
	size_t len = px_secret_len(text);
	const char *end = json;
	const cJSON *object;

	while (len && memchr(" \t\r\n", json[len - 1], 4))
		len--;
	if (!len || json[len - 1] != '}' || has_nul(json, len))
		return NULL;
	object = cJSON_ParseWithLengthOpts(json, len, &end, 0);
	return cJSON_IsObject(object) && end == json + len ? object : NULL;
}

static const char *member(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* A string member that is not empty, into pages of its own; none is fine. */
static enum px_status take_secret(const cJSON *object, const char *name,
				  struct px_secret **ret_secret)
{
	const char *text = member(object, name);

	if (!text || !*text)
		return PX_OK;
	return px_secret_from(text, strlen(text), ret_secret) < 0 ? px_nomem() : PX_OK;
}

static enum px_status take_uid(const cJSON *object, const char *where, char **ret_uid)
{
	const char *uid = member(object, "uid");
	enum px_status st;

	if (!uid)
		return px_fail(PX_USAGE, "%s has no \"uid\"", where);
	st = px_account_check_uid(uid, where);
	if (st)
		return st;
	*ret_uid = strdup(uid);
	return *ret_uid ? PX_OK : px_nomem();
}

static enum px_status take_proof(const cJSON *object, const char *where, struct px_account *account)
{
	const char *scheme = member(object, "scheme");
	enum px_status st;

	st = take_secret(object, "private_key", &account->private_key);
	if (st)
		return st;
	if (account->private_key && (!scheme || strcmp(scheme, SCHEME) != 0))
		return px_fail(PX_USAGE,
			       "%s has another \"scheme\" than \"" SCHEME
			       "\", the only one that pxenc signs with",
			       where);
	if (account->private_key)
		return PX_OK;
	st = take_secret(object, "password", &account->password);
	if (st)
		return st;
	if (!account->password)
		return px_fail(PX_USAGE, "%s has no \"private_key\"", where);
	if (px_secret_len(account->password) > PX_PASSWORD_MAX)
		return px_fail(PX_USAGE, "the password in %s is longer than %d bytes", where,
			       PX_PASSWORD_MAX);
	return PX_OK;
}

static enum px_status read_members(const cJSON *object, const char *where,
				   struct px_account *ret_account)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	enum px_status st;

	if (!object)
		return px_fail(PX_USAGE,
			       "%s is no JSON object as the DC/OS CLI writes it "
			       "(dcos security secrets create-sa-secret)",
			       where);
	st = take_uid(object, where, &account.uid);
	if (!st)
		st = take_proof(object, where, &account);
	if (st)
		return st;
	*ret_account = account;
	account = (struct px_account){ .uid = NULL };
	return PX_OK;
}

enum px_status px_account_parse(const struct px_secret *json, const char *where,
				struct px_account *ret_account)
{
	cJSON_Hooks hooks = { .malloc_fn = take, .free_fn = leave };
	enum px_status st;

	if (px_secret_new(ARENA_SIZE, &arena) < 0)
		return px_nomem();
	cJSON_InitHooks(&hooks);
	st = read_members(parse_object(json), where, ret_account);
	cJSON_InitHooks(NULL);
	px_secret_free(&arena);
	return st;
}

int px_account_format(const struct px_account *account, struct px_secret **ret_json)
{
	const struct px_secret *key = account->private_key;
	const struct px_secret *proof = key ? key : account->password;
	const struct px_json_pair pairs[] = {
		{ "uid", account->uid, strlen(account->uid) },
		{ key ? "private_key" : "password", px_secret_bytes(proof), px_secret_len(proof) },
		{ "scheme", SCHEME, strlen(SCHEME) },
	};

	return px_json_object(pairs, key ? 3 : 2, ret_json);
}

enum px_status px_account_read_service(const char *file, const char *what,
				       struct px_account *ret_account)
{
	px_auto(account) struct px_account account = { .uid = NULL };
	px_auto(secret) struct px_secret *json = NULL;
	px_auto(free) char *where = NULL;
	enum px_status st;

	if (asprintf(&where, "%s '%s'", what, file) < 0) {
		where = NULL;
		return px_nomem();
	}
	st = px_file_read_secret(file, what, PX_ACCOUNT_MAX, &json);
	if (!st)
		st = px_account_parse(json, where, &account);
	if (st)
		return st;
	if (!account.private_key)
		return px_fail(PX_USAGE, "%s has no \"private_key\": it is no service account",
			       where);
	*ret_account = account;
	account = (struct px_account){ .uid = NULL };
	return PX_OK;
}
