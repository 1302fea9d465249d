/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/printable.h"

#include <string.h>

/* The bytes that the UTF-8 character at p takes; 0: these bytes are none. */
static size_t character_length(const unsigned char *p)
{
	size_t i, len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (*p > 0xf4)
		return 0;
	for (i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90))
		return 0; /* overlong */
	if ((*p == 0xed && p[1] >= 0xa0) || (*p == 0xf4 && p[1] >= 0x90))
		return 0; /* a surrogate; beyond Unicode */
	return len;
}

/* Control characters could drive a terminal or forge a line of the journal: C0, C1, the line
 * separators, and those that turn the direction of what follows. */
static bool is_control(const unsigned char *p)
{
	if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
		return true;
	return *p == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
			      (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

/* The bytes of the printable character at p; 0: it is none. */
static size_t printable_length(const unsigned char *p)
{
	size_t len = character_length(p);

	return len && !is_control(p) ? len : 0;
}

bool px_is_printable(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p && printable_length(p))
		p += printable_length(p);
	return !*p;
}

void px_make_printable(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p) {
		size_t len = character_length(p);

		if (!printable_length(p)) {
			len = len ? len : 1;
			memset(p, '?', len);
		}
		p += len;
	}
}

size_t px_printable_width(const char *text)
{
	size_t width = 0;

	/* Bytes that continue a character do not count. */
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}
