/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "pxenc/dcos.h"
#include "pxenc/members.h"
#include "pxenc/path.h"

/* Year 9999: no token lives longer, and a double holds it exactly. */
#define EXPIRY_MAX 253402300799.0

static bool out_of_memory;

static void *note_failure(size_t size)
{
	void *memory = malloc(size);

	out_of_memory = out_of_memory || !memory;
	return memory;
}

/* What cJSON frees were secrets, or pieces of them. */
static void wipe_and_free(void *memory)
{
	if (memory)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}

static void json_cleanup(cJSON **json)
{
	cJSON_Delete(*json);
}

#define auto_json px_cleanup(json_cleanup) cJSON

/* cJSON ends a string at the first NUL, raw or escaped, and keeps quiet about the rest. */
static bool has_nul(const char *json, size_t len)
{
	size_t i;

	if (memchr(json, '\0', len))
		return true;
	for (i = 0; i + 1 < len; i++) {
		if (json[i] != '\\')
			continue;
		i++;
		if (len - i >= 5 && memcmp(json + i, "u0000", 5) == 0)
			return true;
	}
	return false;
}

static size_t without_trailing_space(const char *text, size_t len)
{
	while (len && memchr(" \t\r\n", text[len - 1], 4))
		len--;
	return len;
}

/*
 * The whole text as one JSON object, or -EBADMSG. It must end with its brace before cJSON sees
 * it: cJSON up to 1.7.18 reads a byte too far in a text that ends with a comma.
 */
static int parse_any(const char *text, size_t len, cJSON **ret_json)
{
	cJSON_Hooks hooks = { .malloc_fn = note_failure, .free_fn = wipe_and_free };
	const char *end = text;
	cJSON *json;

	len = without_trailing_space(text, len);
	if (!len || text[len - 1] != '}')
		return -EBADMSG;
	out_of_memory = false;
	cJSON_InitHooks(&hooks);
	json = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (json && end == text + len && cJSON_IsObject(json)) {
		*ret_json = json;
		return 0;
	}
	cJSON_Delete(json);
	return out_of_memory ? -ENOMEM : -EBADMSG;
}

static int parse(const char *text, size_t len, cJSON **ret_json)
{
	return has_nul(text, len) ? -EBADMSG : parse_any(text, len, ret_json);
}

/* The string member of an object, or NULL. */
static const char *string_member(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static int take_member(const char *text, size_t len, const char *name, struct px_secret **ret_value)
{
	auto_json *json = NULL;
	const char *value;
	int r;

	r = parse(text, len, &json);
	if (r < 0)
		return r;
	value = string_member(json, name);
	if (!value)
		return -EBADMSG;
	return px_secret_from(value, strlen(value), ret_value);
}

int px_dcos_parse_value(const char *json, size_t len, struct px_secret **ret_value)
{
	return take_member(json, len, "value", ret_value);
}

/* It goes into a header of ours: no white space and no line end may be in it. */
static bool is_token(const struct px_secret *acs)
{
	const uint8_t *bytes = px_secret_bytes(acs);
	size_t i;

	for (i = 0; i < px_secret_len(acs); i++)
		if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
			return false;
	return i > 0 && i <= PX_ACS_MAX;
}

int px_dcos_parse_login(const char *json, size_t len, struct px_secret **ret_acs)
{
	px_auto(secret) struct px_secret *acs = NULL;
	int r;

	r = take_member(json, len, "token", &acs);
	if (r < 0)
		return r;
	if (!is_token(acs))
		return -EBADMSG;
	*ret_acs = px_steal(&acs);
	return 0;
}

/* A path that somebody else's tool made may have what ours never has; only what could drive a
 * terminal or end a line is refused. */
static bool is_listed_path(const char *path)
{
	const char *p;

	for (p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return p > path && p - path <= PX_PATH_MAX;
}

static int append_paths(const cJSON *array, struct px_secret *list)
{
	const cJSON *entry;

	cJSON_ArrayForEach (entry, array) {
		const char *path = cJSON_GetStringValue(entry);
		int r;

		if (!path || !is_listed_path(path))
			return -EBADMSG;
		r = px_secret_append(list, path, strlen(path) + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int px_dcos_parse_list(const char *json, size_t len, struct px_secret **ret_list)
{
	px_auto(secret) struct px_secret *list = NULL;
	auto_json *answer = NULL;
	const cJSON *array;
	int r;

	r = parse(json, len, &answer);
	if (r < 0)
		return r;
	array = cJSON_GetObjectItemCaseSensitive(answer, "array");
	if (!cJSON_IsArray(array))
		return -EBADMSG;
	/* A path loses two quotes and a comma or bracket, and gets a NUL: the list is shorter. */
	r = px_secret_new(len, &list);
	if (r == 0)
		r = append_paths(array, list);
	if (r < 0)
		return r;
	*ret_list = px_steal(&list);
	return 0;
}

int px_dcos_parse_portworx(const char *value, size_t len, const char *path,
			   struct px_secret **ret_member)
{
	const char *slash = strrchr(path, '/');
	auto_json *json = NULL;
	const char *member;
	int r;

	if (!len || value[0] != '{')
		return -ENOENT;
	r = parse_any(value, len, &json);
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	member = string_member(json, path);
	if (!member)
		member = string_member(json, slash ? slash + 1 : path);
	if (!member)
		return -ENOENT;
	if (has_nul(value, len))
		return -EBADMSG;
	return px_secret_from(member, strlen(member), ret_member);
}

static int add_members(const cJSON *object, struct px_secret *members)
{
	const cJSON *entry;

	cJSON_ArrayForEach (entry, object) {
		const char *value = cJSON_GetStringValue(entry);
		int r = value ? px_members_add(members, entry->string, value) : -EBADMSG;

		if (r < 0)
			return r == -ENOSPC ? -E2BIG : r;
	}
	return px_members_check(members);
}

int px_json_members(const char *json, size_t len, struct px_secret **ret_members)
{
	px_auto(secret) struct px_secret *members = NULL;
	auto_json *object = NULL;
	int r;

	r = parse(json, len, &object);
	if (r < 0)
		return r;
	/* A member loses four quotes and a colon, and gets two NULs: the members are shorter. */
	r = px_secret_new(len < PX_MEMBERS_MAX ? len : PX_MEMBERS_MAX, &members);
	if (r == 0)
		r = add_members(object, members);
	if (r < 0)
		return r;
	*ret_members = px_steal(&members);
	return 0;
}

bool px_dcos_error_says(const char *body, size_t len, const char *text)
{
	auto_json *json = NULL;
	const char *description;

	if (parse(body, len, &json) < 0)
		return false;
	description = string_member(json, "description");
	return description && strcasestr(description, text);
}

bool px_dcos_is_error(const char *body, size_t len)
{
	auto_json *json = NULL;

	return parse(body, len, &json) == 0 && string_member(json, "title") &&
	       string_member(json, "description");
}

int64_t px_json_expiry(const char *json, size_t len)
{
	auto_json *claims = NULL;
	double expiry;

	if (parse(json, len, &claims) < 0)
		return 0;
	expiry = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(claims, "exp"));
	/* Not a number compares false. */
	return expiry >= 1 && expiry <= EXPIRY_MAX ? (int64_t)expiry : 0;
}
