/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/mark.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../volume/json.h"
#include "pxenc/log.h"
#include "pxenc/token.h"

/* The LUKS2 token of ours; *ret_token is NULL when there is none. */
static enum px_status find_token(const cJSON *tokens, const char *device, const cJSON **ret_token)
{
	const cJSON *token = NULL, *found = NULL;

	cJSON_ArrayForEach (token, tokens) {
		const char *type = px_json_string(token, "type");

		if (!type || strcmp(type, PX_TOKEN_TYPE) != 0)
			continue;
		if (found)
			return px_fail(PX_BAD_HEADER,
				       "%s: it has two LUKS2 tokens of type " PX_TOKEN_TYPE,
				       device);
		found = token;
	}
	*ret_token = found;
	return PX_OK;
}

enum px_status px_mark_read(const char *text, size_t len, const char *device, bool *ret_auto)
{
	px_auto(json) cJSON *json = NULL;
	px_auto(token) struct px_token *token = NULL;
	px_auto(free) char *token_text = NULL;
	const cJSON *found = NULL;
	enum px_status st;
	int r;

	r = px_json_parse(text, len, &json);
	if (r == -ENOMEM)
		return px_nomem();
	if (r < 0)
		return px_fail(PX_BAD_HEADER, "%s: its LUKS2 JSON is malformed", device);
	st = find_token(px_json_get(json, "tokens"), device, &found);
	if (st)
		return st;
	if (!found)
		return PX_NO_VOLUME;
	token_text = cJSON_PrintUnformatted(found);
	if (!token_text)
		return px_nomem();
	st = px_token_parse(token_text, strlen(token_text), device, &token);
	if (!st)
		*ret_auto = token->auto_open;
	return st;
}

/* One byte of a path as it stands in a unit's name. */
static int escape(char c, bool first, char *to, size_t size)
{
	if (c == '/')
		return snprintf(to, size, "-");
	if (isalnum((unsigned char)c) || c == ':' || c == '_' || (c == '.' && !first))
		return snprintf(to, size, "%c", c);
	return snprintf(to, size, "\\x%02x", (unsigned char)c);
}

int px_mark_unit(const char *device, char *ret_unit, size_t size)
{
	static const char head[] = "pxenc@", tail[] = ".service";
	size_t used = sizeof(head) - 1;

	if (device[0] != '/' || device[1] == '\0')
		return -EINVAL;
	if (size < sizeof(head) + sizeof(tail))
		return -ENAMETOOLONG;
	memcpy(ret_unit, head, used);
	for (const char *c = device + 1; *c; c++) {
		used += (size_t)escape(*c, c == device + 1, ret_unit + used, size - used);
		if (used + sizeof(tail) > size)
			return -ENAMETOOLONG;
	}
	memcpy(ret_unit + used, tail, sizeof(tail));
	return 0;
}
