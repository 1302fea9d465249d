/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "uri.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the escape "%XY" stands for; -1 if there is none. */
static int escaped_byte(const char *escape)
{
	int high = hex_digit(escape[1]);
	int low = high < 0 ? -1 : hex_digit(escape[2]);

	return low < 0 ? -1 : high * 16 + low;
}

char *dcosd_uri_decode(const char *encoded)
{
	char *decoded = dcosd_alloc(strlen(encoded) + 1);
	char *to = decoded;

	while (*encoded) {
		int byte;

		if (*encoded != '%') {
			*to++ = *encoded++;
			continue;
		}
		byte = escaped_byte(encoded);
		if (byte <= 0) {
			free(decoded);
			return NULL;
		}
		*to++ = (char)byte;
		encoded += 3;
	}
	return decoded;
}

bool dcosd_uri_query_has(const char *query, const char *parameter)
{
	size_t len = strlen(parameter);

	while (query) {
		if (!strncmp(query, parameter, len) && (!query[len] || query[len] == '&'))
			return true;
		query = strchr(query, '&');
		if (query)
			query++;
	}
	return false;
}
