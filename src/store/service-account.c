/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "pxenc/account.h"
#include "pxenc/json-text.h"

#define TOKEN_MAX 8192
#define SIGNATURE_MAX 2048 /* of RSA with 16384 bits */

/* Without it, libcrypto would ask on the terminal. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int load_key(const struct px_secret *pem, EVP_PKEY **ret_key)
{
	BIO *bio = BIO_new_mem_buf(px_secret_bytes(pem), (int)px_secret_len(pem));
	EVP_PKEY *key;

	if (!bio)
		return -ENOMEM;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (!key || !EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_size(key) > SIGNATURE_MAX) {
		EVP_PKEY_free(key);
		return -EINVAL;
	}
	*ret_key = key;
	return 0;
}

/* base64url without padding, from the base64 that libcrypto makes, which ends with a NUL. */
static int append_encoded(struct px_secret *token, const void *data, size_t len)
{
	size_t used = px_secret_len(token), need = (len + 2) / 3 * 4 + 1;
	uint8_t *text = px_secret_data(token) + used;

	if (need > px_secret_capacity(token) - used)
		return -EIO;
	EVP_EncodeBlock(text, data, (int)len);
	for (; *text && *text != '='; text++)
		if (*text == '+')
			*text = '-';
		else if (*text == '/')
			*text = '_';
	px_secret_set_len(token, (size_t)(text - px_secret_data(token)));
	return 0;
}

/* {"uid":"…","exp":N} */
static int append_claims(struct px_secret *token, const char *uid, int64_t expiry)
{
	const struct px_json_pair pair = { "uid", uid, strlen(uid) };
	px_auto(secret) struct px_secret *object = NULL;
	px_auto(free) char *claims = NULL;
	int r;

	r = px_json_object(&pair, 1, &object);
	if (r < 0)
		return r;
	if (asprintf(&claims, "%.*s,\"exp\":%" PRId64 "}", (int)px_secret_len(object) - 1,
		     (const char *)px_secret_bytes(object), expiry) < 0) {
		claims = NULL;
		return -ENOMEM;
	}
	return append_encoded(token, claims, strlen(claims));
}

static int append_signature(struct px_secret *token, EVP_PKEY *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	bool fine;
	int r;

	fine = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
	       EVP_DigestSign(context, signature, &len, px_secret_bytes(token),
			      px_secret_len(token)) == 1;
	EVP_MD_CTX_free(context);
	if (!fine)
		return -EIO;
	r = px_secret_append(token, ".", 1);
	return r < 0 ? r : append_encoded(token, signature, len);
}

static int make_token(const char *uid, int64_t expiry, EVP_PKEY *key, struct px_secret **ret_token)
{
	static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"RS256\"}";
	px_auto(secret) struct px_secret *token = NULL;
	int r;

	r = px_secret_new(TOKEN_MAX, &token);
	if (r == 0)
		r = append_encoded(token, header, strlen(header));
	if (r == 0)
		r = px_secret_append(token, ".", 1);
	if (r == 0)
		r = append_claims(token, uid, expiry);
	if (r == 0)
		r = append_signature(token, key);
	if (r < 0)
		return r;
	*ret_token = px_steal(&token);
	return 0;
}

/* What libcrypto made of the PEM text is wiped when it is freed: px_libcrypto_wipe_freed. */
int px_account_sign(const struct px_account *account, int64_t now, struct px_secret **ret_token)
{
	EVP_PKEY *key = NULL;
	int r;

	r = load_key(account->private_key, &key);
	if (r == 0)
		r = make_token(account->uid, now + PX_SERVICE_LIFETIME, key, ret_token);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}
