/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/key.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "pxenc/log.h"

#define RANDOM_BYTES 64

#define RECOVERY_GROUPS 8
#define RECOVERY_GROUP 6 /* characters */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Base32 without what is mistaken for another: no l, o, 0 and 1. */
static const char recovery[] = "abcdefghijkmnpqrstuvwxyz23456789";

/* Straight into the key's own pages. 512 bits are 85 characters of 6 bits and one of 2. */
static void encode(const uint8_t *random, uint8_t *text)
{
	unsigned int bits = 0, held = 0;
	size_t i;

	for (i = 0; i < RANDOM_BYTES; i++) {
		bits = bits << 8 | random[i];
		for (held += 8; held >= 6; held -= 6)
			*text++ = (uint8_t)base64url[bits >> (held - 6) & 0x3f];
	}
	*text = (uint8_t)base64url[bits << (6 - held) & 0x3f];
}

static int get_random(uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = getrandom(data, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int px_key_generate(struct px_secret **ret_key)
{
	px_auto(secret) struct px_secret *random = NULL, *key = NULL;
	size_t prefix = strlen(PX_KEY_PREFIX);
	int r;

	r = px_secret_new(RANDOM_BYTES, &random);
	if (r < 0)
		return r;
	r = px_secret_new(PX_KEY_GENERATED_LEN, &key);
	if (r < 0)
		return r;
	r = get_random(px_secret_data(random), RANDOM_BYTES);
	if (r < 0)
		return r;
	memcpy(px_secret_data(key), PX_KEY_PREFIX, prefix);
	encode(px_secret_data(random), px_secret_data(key) + prefix);
	px_secret_set_len(key, PX_KEY_GENERATED_LEN);
	*ret_key = px_steal(&key);
	return 0;
}

bool px_key_is_generated(const struct px_secret *key)
{
	const uint8_t *text = px_secret_bytes(key);
	size_t i, prefix = strlen(PX_KEY_PREFIX);

	if (px_secret_len(key) != PX_KEY_GENERATED_LEN || memcmp(text, PX_KEY_PREFIX, prefix) != 0)
		return false;
	for (i = prefix; i < PX_KEY_GENERATED_LEN; i++)
		if (!text[i] || !strchr(base64url, text[i]))
			return false;
	return true;
}

int px_key_generate_recovery(struct px_secret **ret_key)
{
	px_auto(secret) struct px_secret *random = NULL, *key = NULL;
	size_t i, count = RECOVERY_GROUPS * RECOVERY_GROUP;
	uint8_t *to;
	int r;

	r = px_secret_new(count, &random);
	if (r == 0)
		r = px_secret_new(PX_KEY_RECOVERY_LEN, &key);
	if (r == 0)
		r = get_random(px_secret_data(random), count);
	if (r < 0)
		return r;
	to = mempcpy(px_secret_data(key), PX_KEY_RECOVERY_PREFIX, strlen(PX_KEY_RECOVERY_PREFIX));
	for (i = 0; i < count; i++) {
		if (i % RECOVERY_GROUP == 0)
			*to++ = '-';
		*to++ = (uint8_t)recovery[px_secret_data(random)[i] & 0x1f];
	}
	px_secret_set_len(key, PX_KEY_RECOVERY_LEN);
	*ret_key = px_steal(&key);
	return 0;
}

static bool is_recovery(const struct px_secret *key)
{
	const uint8_t *text = px_secret_bytes(key);
	size_t i, prefix = strlen(PX_KEY_RECOVERY_PREFIX);

	if (px_secret_len(key) != PX_KEY_RECOVERY_LEN ||
	    memcmp(text, PX_KEY_RECOVERY_PREFIX, prefix) != 0)
		return false;
	for (i = prefix; i < PX_KEY_RECOVERY_LEN; i++)
		if ((i - prefix) % (RECOVERY_GROUP + 1) == 0
			    ? text[i] != '-'
			    : !text[i] || !strchr(recovery, text[i]))
			return false;
	return true;
}

bool px_key_is_random(const struct px_secret *key)
{
	return px_key_is_generated(key) || is_recovery(key);
}

enum px_status px_key_check(const struct px_secret *key, const char *path)
{
	if (px_secret_len(key) == 0)
		return px_fail(PX_USAGE, "the secret '%s' is empty: it cannot be a key", path);
	return PX_OK;
}

enum px_status px_key_check_new(const struct px_secret *key, const char *path)
{
	const uint8_t *text = px_secret_bytes(key);
	size_t len = px_secret_len(key);
	enum px_status st;

	st = px_key_check(key, path);
	if (st)
		return st;
	if (text[len - 1] == '\n')
		return px_fail(
			PX_USAGE,
			"the secret '%s' ends in a newline, which cryptsetup would not type: "
			"store it again without one",
			path);
	if (memchr(text, '\0', len))
		return px_fail(PX_USAGE,
			       "the secret '%s' holds a NUL byte: a key must be text that can be "
			       "typed",
			       path);
	if (len > PX_KEY_MAX)
		return px_fail(PX_USAGE,
			       "the secret '%s' has %zu bytes: a key has at most %d, as cryptsetup "
			       "takes no more from a terminal",
			       path, len, PX_KEY_MAX);
	return PX_OK;
}
