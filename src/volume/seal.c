/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/seal.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "canonical.h"
#include "mac.h"

/*
 * What the seal cannot see: an older header of the same volume, with the seal that it had, put
 * back (its secret must still be in the store for that to open); the data itself, which has no
 * authentication below it; keyslots and LUKS2 tokens of others, which pxenc never uses; and the
 * label in the binary header, which nothing trusts.
 */

/* base64 of PX_MAC_LEN bytes with its padding and NUL. */
#define MAC_TEXT_LEN 45

static const char seal_info[] = "pxenc seal v1";
static const char proof_info[] = "pxenc format v1";
static const char mark_info[] = "pxenc rotate v1";

/* base64url without padding, from the base64 that libcrypto makes. */
static char *encode(const unsigned char mac[PX_MAC_LEN])
{
	unsigned char text[MAC_TEXT_LEN];

	EVP_EncodeBlock(text, mac, PX_MAC_LEN);
	for (unsigned char *c = text; *c != '\0'; c++) {
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
		else if (*c == '=')
			*c = '\0';
	}
	return strdup((const char *)text);
}

/* The HMAC of a text, base64url. */
static int authenticate_under(const struct px_secret *key, const char *uuid, const char *info,
			      const char *text, char **ret_mac)
{
	unsigned char mac[PX_MAC_LEN];
	char *encoded;
	int r = px_mac(key, uuid, info, text, strlen(text), mac);

	if (r < 0)
		return r;
	encoded = encode(mac);
	if (!encoded)
		return -ENOMEM;
	*ret_mac = encoded;
	return 0;
}

int px_seal_make(const char *json, size_t len, const char *uuid, const struct px_secret *key,
		 char **ret_seal)
{
	px_auto(free) char *text = NULL;
	int r = px_seal_text(json, len, uuid, &text);

	return r < 0 ? r : authenticate_under(key, uuid, seal_info, text, ret_seal);
}

static bool equal(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}

int px_seal_verify(const char *json, size_t len, const char *uuid, const struct px_secret *key)
{
	px_auto(free) char *stored = NULL;
	px_auto(free) char *expected = NULL;
	int r = px_seal_stored(json, len, &stored);

	if (r == 0)
		r = px_seal_make(json, len, uuid, key, &expected);
	if (r < 0)
		return r;
	return equal(stored, expected) ? 0 : -EBADMSG;
}

int px_seal_prove(const char *uuid, const struct px_secret *key, char **ret_proof)
{
	return authenticate_under(key, uuid, proof_info, uuid, ret_proof);
}

int px_seal_check_proof(const char *proof, const char *uuid, const struct px_secret *key)
{
	px_auto(free) char *expected = NULL;
	int r = px_seal_prove(uuid, key, &expected);

	if (r < 0)
		return r;
	return equal(proof, expected) ? 0 : -EBADMSG;
}

int px_seal_mark(const char *uuid, const char *secret, const struct px_secret *key, char **ret_mark)
{
	return authenticate_under(key, uuid, mark_info, secret, ret_mark);
}

int px_seal_check_mark(const char *mark, const char *uuid, const char *secret,
		       const struct px_secret *key)
{
	px_auto(free) char *expected = NULL;
	int r = px_seal_mark(uuid, secret, key, &expected);

	if (r < 0)
		return r;
	return equal(mark, expected) ? 0 : -EBADMSG;
}
