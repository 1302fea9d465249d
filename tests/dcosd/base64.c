/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *dcosd_base64url_encode(const void *data, size_t len)
{
	const uint8_t *from = data;
	char *text = dcosd_alloc(len * 4 / 3 + 4);
	char *to = text;
	unsigned int bits = 0;
	unsigned int pending = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | from[i]) & 0xffff;
		for (pending += 8; pending >= 6; pending -= 6)
			*to++ = alphabet[bits >> (pending - 6) & 63];
	}
	if (pending)
		*to = alphabet[bits << (6 - pending) & 63];
	return text;
}

char *dcosd_base64url_decode(const char *text, size_t len, size_t *ret_len)
{
	char *data = dcosd_alloc(len + 1);
	size_t used = 0;
	unsigned int bits = 0;
	unsigned int pending = 0;

	for (size_t i = 0; i < len; i++) {
		const char *at = memchr(alphabet, text[i], sizeof(alphabet) - 1);

		if (!at) {
			free(data);
			return NULL;
		}
		bits = (bits << 6 | (unsigned int)(at - alphabet)) & 0xffff;
		pending += 6;
		if (pending >= 8) {
			pending -= 8;
			data[used++] = (char)(bits >> pending & 0xff);
		}
	}
	*ret_len = used;
	return data;
}
