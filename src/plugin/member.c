/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <limits.h>
#include <string.h>

#include "plugin.h"

/*
 * Enough of JSON to show a LUKS2 token: a plugin that brought a JSON library along would bring it
 * into every program that opens a volume.
 */

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* From a string's first quote to behind its last. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

/* To the comma or bracket behind a value, whatever is nested in it. */
static const char *skip_value(const char *p)
{
	int depth = 0;

	while (*p && (depth || !strchr(",}]", *p))) {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	}
	return p;
}

static struct px_member make_member(const char *start, const char *end)
{
	struct px_member member = { .text = start };

	while (end > start && strchr(" \t\r\n", end[-1]))
		end--;
	if (end - start >= 2 && *start == '"' && end[-1] == '"') {
		member.is_string = true;
		member.text++;
		end--;
	}
	member.len = end - member.text < INT_MAX ? (int)(end - member.text) : INT_MAX;
	return member;
}

bool px_plugin_member(const char *json, const char *name, struct px_member *ret_member)
{
	const char *p = skip_blanks(json);
	size_t len = strlen(name);

	if (*p != '{')
		return false;
	for (p = skip_blanks(p + 1); *p == '"'; p = skip_blanks(p + 1)) {
		const char *key = p + 1, *value;
		bool found;

		p = skip_string(p);
		found = (size_t)(p - key) == len + 1 && memcmp(key, name, len) == 0;
		p = skip_blanks(p);
		if (*p != ':')
			return false;
		value = skip_blanks(p + 1);
		p = skip_value(value);
		if (found) {
			*ret_member = make_member(value, p);
			return true;
		}
		if (*p != ',')
			return false;
	}
	return false;
}
