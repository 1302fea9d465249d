/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/seal.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "canonical.h"

/*
 * What the seal cannot see: an older header of the same volume, with the seal that it had, put
 * back (its secret must still be in the store for that to open); the data itself, which has no
 * authentication below it; keyslots and LUKS2 tokens of others, which pxenc never uses; and the
 * label in the binary header, which nothing trusts.
 */

#define MAC_LEN 32
/* base64 of MAC_LEN bytes with its padding and NUL. */
#define MAC_TEXT_LEN 45

static const char seal_info[] = "pxenc seal v1";
static const char proof_info[] = "pxenc format v1";
static char sha256[] = "SHA256";

static int run_hkdf(EVP_KDF_CTX *hkdf, const struct px_secret *key, const char *uuid,
		    const char *info, struct px_secret *derived)
{
	/* The parameters are only read, whatever their type says. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, sizeof(sha256) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)px_secret_bytes(key),
					px_secret_len(key)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)uuid, strlen(uuid)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
		OSSL_PARAM_END,
	};

	if (EVP_KDF_derive(hkdf, px_secret_data(derived), MAC_LEN, params) <= 0)
		return -EIO;
	px_secret_set_len(derived, MAC_LEN);
	return 0;
}

/* The key of the HMAC. */
static int derive(const struct px_secret *key, const char *uuid, const char *info,
		  struct px_secret **ret_derived)
{
	px_auto(secret) struct px_secret *derived = NULL;
	EVP_KDF *kdf = NULL;
	EVP_KDF_CTX *hkdf = NULL;
	int r = px_secret_new(MAC_LEN, &derived);

	if (r < 0)
		return r;
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	hkdf = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	r = hkdf ? run_hkdf(hkdf, key, uuid, info, derived) : -EIO;
	EVP_KDF_CTX_free(hkdf);
	EVP_KDF_free(kdf);
	if (r == 0)
		*ret_derived = px_steal(&derived);
	return r;
}

static int run_hmac(EVP_MAC_CTX *hmac, const struct px_secret *key, const char *text,
		    unsigned char ret_mac[MAC_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, sizeof(sha256) - 1),
		OSSL_PARAM_END,
	};
	size_t len = 0;

	if (EVP_MAC_init(hmac, px_secret_bytes(key), px_secret_len(key), params) <= 0 ||
	    EVP_MAC_update(hmac, (const unsigned char *)text, strlen(text)) <= 0 ||
	    EVP_MAC_final(hmac, ret_mac, &len, MAC_LEN) <= 0 || len != MAC_LEN)
		return -EIO;
	return 0;
}

static int authenticate(const struct px_secret *key, const char *text,
			unsigned char ret_mac[MAC_LEN])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	int r = hmac ? run_hmac(hmac, key, text, ret_mac) : -EIO;

	EVP_MAC_CTX_free(hmac);
	EVP_MAC_free(mac);
	return r;
}

/* base64url without padding, from the base64 that libcrypto makes. */
static char *encode(const unsigned char mac[MAC_LEN])
{
	unsigned char text[MAC_TEXT_LEN];

	EVP_EncodeBlock(text, mac, MAC_LEN);
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
	px_auto(secret) struct px_secret *derived = NULL;
	unsigned char mac[MAC_LEN];
	char *encoded;
	int r = derive(key, uuid, info, &derived);

	if (r == 0)
		r = authenticate(derived, text, mac);
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
