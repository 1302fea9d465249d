/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "json.h"

#include <errno.h>
#include <string.h>

/* LUKS2's own objects are four levels deep; LUKS2 tokens of others may be deeper. */
#define DEPTH_MAX 32

static int by_name(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static void relink(cJSON *object, cJSON **members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		members[i]->next = i + 1 < count ? members[i + 1] : NULL;
		/* cJSON's first member points back to its last one. */
		members[i]->prev = members[i > 0 ? i - 1 : count - 1];
	}
	object->child = members[0];
}

/* Sorts an object's members. -EINVAL when two have the same name. */
static int sort_members(cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object);
	px_auto(free) cJSON **members = NULL;
	cJSON *member = NULL;
	size_t i = 0;

	if (count < 2)
		return 0;
	members = calloc(count, sizeof(*members));
	if (!members)
		return -ENOMEM;
	cJSON_ArrayForEach (member, object)
		members[i++] = member;
	qsort(members, count, sizeof(*members), by_name);
	for (i = 1; i < count; i++)
		if (by_name(&members[i - 1], &members[i]) == 0)
			return -EINVAL;
	relink(object, members, count);
	return 0;
}

static int sort_tree(cJSON *node, int depth)
{
	cJSON *child = NULL;
	int r = 0;

	if (depth > DEPTH_MAX)
		return -EINVAL;
	if (cJSON_IsObject(node))
		r = sort_members(node);
	if (r < 0)
		return r;
	cJSON_ArrayForEach (child, node) {
		r = sort_tree(child, depth + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

int px_json_parse(const char *text, size_t len, cJSON **ret_json)
{
	px_auto(free) char *copy = NULL;
	px_auto(json) cJSON *json = NULL;
	int r;

	if (!text || len == 0 || len > PX_JSON_MAX)
		return -EINVAL;
	/* json-c keeps a NUL inside a string, and its users then see the string end there. */
	if (memchr(text, '\0', len) || memmem(text, len, "\\u0000", 6))
		return -EINVAL;

	/* With its NUL: cJSON 1.7.15 reads one byte beyond a text that ends too early. */
	copy = strndup(text, len);
	if (!copy)
		return -ENOMEM;
	json = cJSON_ParseWithOpts(copy, NULL, 1);
	if (!json)
		return -EINVAL;
	r = sort_tree(json, 0);
	if (r < 0)
		return r;
	*ret_json = px_steal(&json);
	return 0;
}

static bool has_type(const cJSON *item, enum px_json_type type)
{
	switch (type) {
	case PX_JSON_STRING:
		return cJSON_IsString(item) != 0;
	case PX_JSON_NUMBER:
		return cJSON_IsNumber(item) != 0;
	case PX_JSON_BOOL:
		return cJSON_IsBool(item) != 0;
	case PX_JSON_ARRAY:
		return cJSON_IsArray(item) != 0;
	case PX_JSON_OBJECT:
		return cJSON_IsObject(item) != 0;
	}
	return false;
}

static const struct px_json_member *find_member(const struct px_json_member *members, size_t count,
						const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

const char *px_json_fault(const cJSON *object, const struct px_json_member *members, size_t count,
			  const char **ret_name)
{
	const cJSON *item = NULL;

	cJSON_ArrayForEach (item, object) {
		*ret_name = item->string;
		if (!find_member(members, count, item->string))
			return "is unknown";
	}
	for (size_t i = 0; i < count; i++) {
		*ret_name = members[i].name;
		item = px_json_get(object, members[i].name);
		if (!item && !members[i].optional)
			return "is missing";
		if (item && !has_type(item, members[i].type))
			return "has the wrong type";
	}
	return NULL;
}

cJSON *px_json_get(const cJSON *object, const char *name)
{
	if (!cJSON_IsObject(object))
		return NULL;
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *px_json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(px_json_get(object, name));
}

int px_json_u64(const cJSON *object, const char *name, uint64_t *ret_value)
{
	const char *text = px_json_string(object, name);
	uint64_t value = 0;

	/* Twenty digits hold 2^64; no other spelling of a number than LUKS2's own is taken. */
	if (!text || text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

int px_json_u32(const cJSON *object, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_value)
{
	const cJSON *item = px_json_get(object, name);
	double value;

	if (!cJSON_IsNumber(item))
		return -EINVAL;
	value = item->valuedouble;
	if (!(value >= (double)min && value <= (double)max))
		return -ERANGE;
	if (value != (double)(uint32_t)value)
		return -EINVAL;
	*ret_value = (uint32_t)value;
	return 0;
}

int px_json_index(const char *text)
{
	int value = 0;

	if (!text || text[0] == '\0' || strlen(text) > 2 || (text[0] == '0' && text[1]))
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value < 32 ? value : -1;
}
