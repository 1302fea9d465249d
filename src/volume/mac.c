/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "mac.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static char sha256[] = "SHA256";

static int run_hkdf(EVP_KDF_CTX *hkdf, const struct px_secret *key, const char *salt,
		    const char *info, struct px_secret *derived)
{
	/* The parameters are only read, whatever their type says. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, sizeof(sha256) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)px_secret_bytes(key),
					px_secret_len(key)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, strlen(salt)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
		OSSL_PARAM_END,
	};

	if (EVP_KDF_derive(hkdf, px_secret_data(derived), PX_MAC_LEN, params) <= 0)
		return -EIO;
	px_secret_set_len(derived, PX_MAC_LEN);
	return 0;
}

/* The key of the HMAC. */
static int derive(const struct px_secret *key, const char *salt, const char *info,
		  struct px_secret **ret_derived)
{
	px_auto(secret) struct px_secret *derived = NULL;
	EVP_KDF *kdf = NULL;
	EVP_KDF_CTX *hkdf = NULL;
	int r = px_secret_new(PX_MAC_LEN, &derived);

	if (r < 0)
		return r;
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	hkdf = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	r = hkdf ? run_hkdf(hkdf, key, salt, info, derived) : -EIO;
	EVP_KDF_CTX_free(hkdf);
	EVP_KDF_free(kdf);
	if (r == 0)
		*ret_derived = px_steal(&derived);
	return r;
}

static int run_hmac(EVP_MAC_CTX *hmac, const struct px_secret *key, const void *data, size_t len,
		    unsigned char ret_mac[PX_MAC_LEN])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, sizeof(sha256) - 1),
		OSSL_PARAM_END,
	};
	size_t mac_len = 0;

	if (EVP_MAC_init(hmac, px_secret_bytes(key), px_secret_len(key), params) <= 0 ||
	    EVP_MAC_update(hmac, data, len) <= 0 ||
	    EVP_MAC_final(hmac, ret_mac, &mac_len, PX_MAC_LEN) <= 0 || mac_len != PX_MAC_LEN)
		return -EIO;
	return 0;
}

static int authenticate(const struct px_secret *key, const void *data, size_t len,
			unsigned char ret_mac[PX_MAC_LEN])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	int r = hmac ? run_hmac(hmac, key, data, len, ret_mac) : -EIO;

	EVP_MAC_CTX_free(hmac);
	EVP_MAC_free(mac);
	return r;
}

int px_mac(const struct px_secret *key, const char *salt, const char *info, const void *data,
	   size_t len, unsigned char ret_mac[PX_MAC_LEN])
{
	px_auto(secret) struct px_secret *derived = NULL;
	int r = derive(key, salt, info, &derived);

	return r < 0 ? r : authenticate(derived, data, len, ret_mac);
}
