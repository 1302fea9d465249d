/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/json-text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The length of the UTF-8 character at p, which has left bytes to the end; 0: it is none. */
static size_t utf8_character(const uint8_t *p, size_t left)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least; /* below it, a shorter form exists */
	} forms[] = {
		{ 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};
	uint32_t code;
	size_t len, i;

	for (len = 0; len < 4 && (p[0] & forms[len].mask) != forms[len].lead; len++)
		;
	if (len == 4 || len >= left)
		return 0;
	code = p[0] & (uint8_t)~forms[len].mask;
	for (i = 1; i <= len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < forms[len].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return len + 1;
}

bool px_json_is_text(const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t step;

	for (; len; p += step, len -= step) {
		step = *p ? utf8_character(p, len) : 0;
		if (!step)
			return false;
	}
	return true;
}

/* One byte of a text as JSON has it; the number of bytes written to out. */
static int escape_byte(uint8_t byte, char out[7])
{
	if (byte == '"' || byte == '\\')
		return snprintf(out, 7, "\\%c", byte);
	if (byte < 0x20)
		return snprintf(out, 7, "\\u%04x", byte);
	out[0] = (char)byte;
	return 1;
}

static size_t escaped_len(const uint8_t *text, size_t len)
{
	size_t total = 0;
	char out[7];

	for (; len; text++, len--)
		total += (size_t)escape_byte(*text, out);
	return total;
}

static size_t object_len(const struct px_json_pair *pairs, size_t count)
{
	size_t i, total = strlen("{}");

	for (i = 0; i < count; i++)
		total += strlen("\"\":\"\",") + strlen(pairs[i].name) +
			 escaped_len(pairs[i].text, pairs[i].len);
	return total;
}

static int append_escaped(struct px_secret *json, const uint8_t *text, size_t len)
{
	char out[7];
	int r = 0;

	for (; len && r == 0; text++, len--)
		r = px_secret_append(json, out, (size_t)escape_byte(*text, out));
	explicit_bzero(out, sizeof(out));
	return r;
}

static int append_word(struct px_secret *json, const char *word)
{
	return px_secret_append(json, word, strlen(word));
}

static int append_pair(struct px_secret *json, const struct px_json_pair *pair)
{
	int r;

	r = append_word(json, "\"");
	if (r == 0)
		r = append_word(json, pair->name);
	if (r == 0)
		r = append_word(json, "\":\"");
	if (r == 0)
		r = append_escaped(json, pair->text, pair->len);
	return r < 0 ? r : append_word(json, "\"");
}

/* By hand, into a secret: cJSON would leave copies of the password on its way. */
int px_json_object(const struct px_json_pair *pairs, size_t count, struct px_secret **ret_json)
{
	px_auto(secret) struct px_secret *json = NULL;
	size_t i, total = object_len(pairs, count);
	int r;

	if (total > PX_SECRET_MAX)
		return -E2BIG;
	r = px_secret_new(total, &json);
	if (r == 0)
		r = append_word(json, "{");
	for (i = 0; r == 0 && i < count; i++) {
		if (i)
			r = append_word(json, ",");
		if (r == 0)
			r = append_pair(json, &pairs[i]);
	}
	if (r == 0)
		r = append_word(json, "}");
	if (r < 0)
		return r;
	*ret_json = px_steal(&json);
	return 0;
}
