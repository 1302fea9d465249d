/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool escapes_nul(const char *text)
{
	while ((text = strchr(text, '\\')) && text[1]) {
		if (!strncmp(text + 1, "u0000", 5))
			return true;
		text += 2;
	}
	return false;
}

cJSON *dcosd_json_parse(const char *text, size_t len)
{
	if (strlen(text) != len || escapes_nul(text))
		return NULL;
	return cJSON_ParseWithOpts(text, NULL, true);
}

const char *dcosd_json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* Takes what cJSON printed over to the heap whose exhaustion ends the program. */
static char *take(char *printed, const char *ending, cJSON *object)
{
	char *text = dcosd_format("%s%s", printed ? printed : "null", ending);

	cJSON_free(printed);
	cJSON_Delete(object);
	return text;
}

char *dcosd_json_quote(const char *text)
{
	return dcosd_json_compact(cJSON_CreateString(text));
}

char *dcosd_json_compact(cJSON *object)
{
	return take(cJSON_PrintUnformatted(object), "", object);
}

char *dcosd_json_pretty(cJSON *object)
{
	return take(cJSON_Print(object), "\n", object);
}

void dcosd_json_cleanup(cJSON **object)
{
	cJSON_Delete(*object);
}
