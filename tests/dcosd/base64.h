/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* base64url without padding (RFC 7515, section 2), as JWT and JWK use it. */
#ifndef DCOSD_BASE64_H
#define DCOSD_BASE64_H

#include <stddef.h>

/* To be freed. */
char *dcosd_base64url_encode(const void *data, size_t len);

/* The bytes with a NUL behind them, to be freed; NULL if a character is foreign to base64url. */
char *dcosd_base64url_decode(const char *text, size_t len, size_t *ret_len);

#endif
