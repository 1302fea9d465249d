/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TOKEN_H
#define PXENC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/status.h"

/*
 * Our LUKS2 token: which secret opens the volume. It never holds an address, a user or a key.
 *
 *   {"type":"pxenc","keyslots":["0"],"version":1,"secret_type":"dcos","store":"default",
 *    "secret":"volumes/UUID/1","auto":true,"seal":"…"}
 */
#define PX_TOKEN_TYPE "pxenc"
#define PX_TOKEN_VERSION 1

struct px_token {
	int keyslot;	/* the keyslot that the secret opens */
	char *store;	/* "default" */
	char *secret;	/* relative to the base path, px_path_may_be_key */
	bool auto_open; /* boot may open the volume */
	char *seal;	/* base64url of the HMAC, see seal.h; NULL: none */
};

/*
 * Parses the JSON of one LUKS2 token, hostile until proven otherwise: PX_BAD_HEADER for a wrong
 * type, version, store type, path or member. device is for the message.
 */
enum px_status px_token_parse(const char *json, size_t len, const char *device,
			      struct px_token **ret_token);

/* Whether a store may have this name: letters, digits, '-' and '_', and not nothing. */
bool px_token_store_allowed(const char *store);

/* The JSON of a token, allocated; NULL: out of memory. */
char *px_token_format(const struct px_token *token);

void px_token_free(struct px_token **token);

static inline void px_token_cleanup(struct px_token **token)
{
	px_token_free(token);
}

#endif
