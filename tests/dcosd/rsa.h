/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* RSA keys: the only part of the stand-in that knows libcrypto. */
#ifndef DCOSD_RSA_H
#define DCOSD_RSA_H

#include <stdbool.h>
#include <stddef.h>

struct dcosd_key;

/* A new 2048-bit key pair; NULL if libcrypto cannot make one. */
struct dcosd_key *dcosd_key_generate(void);
/* The RSA public key in a PEM file; NULL if there is none. */
struct dcosd_key *dcosd_key_load_public(const char *file);
void dcosd_key_free(struct dcosd_key *key);

/* RS256 (RFC 7518, section 3.3). The signature is to be freed; NULL on failure. */
unsigned char *dcosd_key_sign(struct dcosd_key *key, const void *data, size_t len, size_t *ret_len);
bool dcosd_key_verify(struct dcosd_key *key, const void *data, size_t len, const void *signature,
		      size_t signature_len);

/* The public numbers in base64url, as a JWK holds them (RFC 7518, section 6.3.1); to be freed. */
char *dcosd_key_modulus(const struct dcosd_key *key);
char *dcosd_key_exponent(const struct dcosd_key *key);

#endif
