/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "pxenc/dcos.h"

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

char *px_url_escape(const char *path)
{
	char *escaped = malloc(3 * strlen(path) + 1);
	char *out = escaped;

	if (!escaped)
		return NULL;
	for (; *path; path++)
		if (is_unreserved(*path) || *path == '/')
			*out++ = *path;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*path);
	*out = '\0';
	return escaped;
}
