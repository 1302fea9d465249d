/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <string.h>

#include "json.h"
#include "pxenc/dcos.h"

#define PAYLOAD_MAX 8192

static int base64url_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Without padding, as in a JWT. The length, or -1. */
static long decode(const char *text, size_t len, char *data)
{
	unsigned int bits = 0, held = 0;
	long used = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		int digit = base64url_digit(text[i]);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (unsigned int)digit;
		held += 6;
		if (held >= 8) {
			held -= 8;
			data[used++] = (char)(bits >> held);
		}
	}
	return used;
}

/* Nothing is verified: the server alone judges its token. We only want to know when to stop
 * showing it. */
int64_t px_jwt_expiry(const char *jwt, size_t len)
{
	const char *first = memchr(jwt, '.', len);
	const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - jwt)) : NULL;
	char payload[PAYLOAD_MAX];
	int64_t expiry = 0;
	long used;

	if (!second || (size_t)(second - first) > PAYLOAD_MAX)
		return 0;
	used = decode(first + 1, (size_t)(second - first - 1), payload);
	if (used > 0)
		expiry = px_json_expiry(payload, (size_t)used);
	explicit_bzero(payload, sizeof(payload));
	return expiry;
}
