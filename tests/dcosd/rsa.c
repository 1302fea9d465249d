/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "rsa.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base64.h"
#include "util.h"

struct dcosd_key {
	EVP_PKEY *pkey;
};

static struct dcosd_key *wrap(EVP_PKEY *pkey)
{
	struct dcosd_key *key;

	if (!pkey || !EVP_PKEY_is_a(pkey, "RSA")) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key = dcosd_alloc(sizeof(*key));
	key->pkey = pkey;
	return key;
}

struct dcosd_key *dcosd_key_generate(void)
{
	return wrap(EVP_RSA_gen(2048));
}

struct dcosd_key *dcosd_key_load_public(const char *file)
{
	FILE *from = fopen(file, "re");
	EVP_PKEY *pkey;

	if (!from)
		return NULL;
	pkey = PEM_read_PUBKEY(from, NULL, NULL, NULL);
	fclose(from);
	return wrap(pkey);
}

void dcosd_key_free(struct dcosd_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

unsigned char *dcosd_key_sign(struct dcosd_key *key, const void *data, size_t len, size_t *ret_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t signature_len = (size_t)EVP_PKEY_get_size(key->pkey);
	unsigned char *signature = dcosd_alloc(signature_len);

	if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
	    EVP_DigestSign(context, signature, &signature_len, data, len) != 1) {
		free(signature);
		signature = NULL;
	} else {
		*ret_len = signature_len;
	}
	EVP_MD_CTX_free(context);
	return signature;
}

bool dcosd_key_verify(struct dcosd_key *key, const void *data, size_t len, const void *signature,
		      size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context &&
		    EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
		    EVP_DigestVerify(context, signature, signature_len, data, len) == 1;

	EVP_MD_CTX_free(context);
	return good;
}

static char *public_number(const struct dcosd_key *key, const char *name)
{
	DCOSD_CLEANUP_FREE unsigned char *bytes = NULL;
	BIGNUM *number = NULL;
	size_t len = 0;

	if (EVP_PKEY_get_bn_param(key->pkey, name, &number) == 1) {
		bytes = dcosd_alloc((size_t)BN_num_bytes(number));
		len = (size_t)BN_bn2bin(number, bytes);
		BN_free(number);
	}
	return dcosd_base64url_encode(bytes, len);
}

char *dcosd_key_modulus(const struct dcosd_key *key)
{
	return public_number(key, OSSL_PKEY_PARAM_RSA_N);
}

char *dcosd_key_exponent(const struct dcosd_key *key)
{
	return public_number(key, OSSL_PKEY_PARAM_RSA_E);
}
