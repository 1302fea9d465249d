/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* JSON Web Tokens of type RS256, the only type that DC/OS issues or takes (RFC 7519). */
#ifndef DCOSD_JWT_H
#define DCOSD_JWT_H

#include <stdint.h>

#include "rsa.h"

/* A token for UID that ends at EXPIRY (seconds since 1970), to be freed; NULL on failure. */
char *dcosd_jwt_issue(struct dcosd_key *key, const char *uid, int64_t expiry);

/*
 * The uid claim of a token that KEY signed with RS256 and that has not expired, to be freed; NULL
 * for any other token. One without the claim exp does not expire.
 */
char *dcosd_jwt_verify(struct dcosd_key *key, const char *token);

#endif
