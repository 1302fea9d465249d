/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/sigv4.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/secret.h"

#define HASH_LEN 32
#define SIGNED_HEADERS "host;x-amz-content-sha256;x-amz-date"

struct hex {
	char text[2 * HASH_LEN + 1];
};

static void to_hex(const uint8_t bytes[HASH_LEN], struct hex *hex)
{
	size_t i;

	for (i = 0; i < HASH_LEN; i++)
		snprintf(hex->text + 2 * i, 3, "%02x", bytes[i]);
}

/* The key becomes the HMAC of the text under it. */
static int derive(struct px_secret **key, const char *text)
{
	px_auto(secret) struct px_secret *derived = NULL;
	int r;

	r = px_secret_new(HASH_LEN, &derived);
	if (r < 0)
		return r;
	if (!HMAC(EVP_sha256(), px_secret_bytes(*key), (int)px_secret_len(*key),
		  (const unsigned char *)text, strlen(text), px_secret_data(derived), NULL))
		return -EIO;
	px_secret_set_len(derived, HASH_LEN);
	px_secret_free(key);
	*key = px_steal(&derived);
	return 0;
}

/* "AWS4" and the secret key: what the signing key begins with. */
static int first_key(const char *secret_key, struct px_secret **ret_key)
{
	static const char prefix[] = "AWS4";
	px_auto(secret) struct px_secret *key = NULL;
	int r;

	r = px_secret_new(strlen(prefix) + strlen(secret_key), &key);
	if (r == 0)
		r = px_secret_append(key, prefix, strlen(prefix));
	if (r == 0)
		r = px_secret_append(key, secret_key, strlen(secret_key));
	if (r == 0)
		*ret_key = px_steal(&key);
	return r;
}

/* The signing key is bound to day, region and service; what it makes of the text is no secret. */
static int sign(const struct px_sigv4 *request, const char *day, const char *text, struct hex *hex)
{
	const char *const steps[] = { day, request->region, "s3", "aws4_request", text };
	px_auto(secret) struct px_secret *key = NULL;
	size_t i;
	int r;

	r = first_key(request->secret_key, &key);
	for (i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = derive(&key, steps[i]);
	if (r == 0)
		to_hex(px_secret_bytes(key), hex);
	return r;
}

static int hash_request(const struct px_sigv4 *request, const char *date, struct hex *hex)
{
	px_auto(free) char *text = NULL;
	uint8_t hash[HASH_LEN];

	if (asprintf(&text,
		     "%s\n%s\n%s\n"
		     "host:%s\nx-amz-content-sha256:" PX_SIGV4_NO_BODY
		     "\nx-amz-date:%s\n\n" SIGNED_HEADERS "\n" PX_SIGV4_NO_BODY,
		     request->method, request->path, request->query, request->host, date) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	to_hex(hash, hex);
	return 0;
}

static int sign_request(const struct px_sigv4 *request, const char *date, const char *day,
			const char *scope, struct hex *signature)
{
	px_auto(free) char *text = NULL;
	struct hex hash;
	int r;

	r = hash_request(request, date, &hash);
	if (r < 0)
		return r;
	if (asprintf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash.text) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return sign(request, day, text, signature);
}

int px_sigv4_sign(const struct px_sigv4 *request, char ret_date[PX_SIGV4_DATE_SIZE],
		  char **ret_authorization)
{
	px_auto(free) char *scope = NULL;
	char date[PX_SIGV4_DATE_SIZE], day[9];
	char *authorization;
	struct hex signature;
	struct tm utc;
	int r;

	if (!gmtime_r(&request->when, &utc) ||
	    strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc) != sizeof(date) - 1)
		return -EIO;
	memcpy(day, date, 8);
	day[8] = '\0';
	if (asprintf(&scope, "%s/%s/s3/aws4_request", day, request->region) < 0) {
		scope = NULL;
		return -ENOMEM;
	}
	r = sign_request(request, date, day, scope, &signature);
	if (r < 0)
		return r;
	if (asprintf(&authorization,
		     "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=" SIGNED_HEADERS
		     ", Signature=%s",
		     request->access_key, scope, signature.text) < 0)
		return -ENOMEM;
	memcpy(ret_date, date, sizeof(date));
	*ret_authorization = authorization;
	return 0;
}
