/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_TOKEN_H
#define PXENC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/cleanup.h"
#include "pxenc/status.h"

/*
 * Our LUKS2 token: which secret opens the volume. It never holds an address, a user or a key.
 *
 *   {"type":"pxenc","keyslots":["0"],"version":1,"secret_type":"dcos","store":"default",
 *    "secret":"volumes/UUID/1","auto":true,"seal":"…"}
 *
 * While the key is changed it has one member more, and never both: "next" until the new key is
 * the volume's, "old" from then on until the old one is gone.
 *
 *    "next":{"slot":1,"secret":"volumes/UUID/2","keep":false,"proof":"…"}
 *    "old":{"slot":0,"secret":"volumes/UUID/1","keep":false,"salt":"…",
 *           "proof":"…"}
 *
 * While the volume key is changed, "reencrypt" is the number of the keyslot that the new one has,
 * or is to get. While both volume keys have one, the token names both, the new one's as the second;
 * the same secret opens them. Once it names the new one's alone, the volume key is changed.
 */
#define PX_TOKEN_TYPE "pxenc"
#define PX_TOKEN_VERSION 1

/* The other key of a change that is under way. */
struct px_token_other {
	int keyslot;  /* not the token's own; it may not be there (any more) */
	char *secret; /* NULL: there is no change under way */
	bool keep;    /* the old key's secret is to stay in the store */
	char *salt;   /* of an old one: that of its keyslot, by which it is known; NULL: none */
	char *proof;  /* of a generated key: px_seal_mark, by which it is known; NULL: none */
};

struct px_token {
	int keyslot;	/* the keyslot that the secret opens */
	bool reencrypt; /* the volume key is being changed */
	int second;	/* then: the keyslot that the new volume key has, or is to get */
	bool both;	/* then: the token names it beside the other */
	char *store;	/* "default" */
	char *secret;	/* relative to the base path, px_path_may_be_key */
	bool auto_open; /* boot may open the volume */
	char *seal;	/* base64url of the HMAC, see seal.h; NULL: none */
	struct px_token_other next, old;
};

/*
 * Parses the JSON of one LUKS2 token, hostile until proven otherwise: PX_BAD_HEADER for a wrong
 * type, version, store type, path or member. device is for the message.
 */
enum px_status px_token_parse(const char *json, size_t len, const char *device,
			      struct px_token **ret_token) PX_MUST_CHECK;

/* The JSON of a token, allocated; NULL: out of memory. */
char *px_token_format(const struct px_token *token);

/* A copy, without the seal. NULL: out of memory. */
struct px_token *px_token_copy(const struct px_token *token);

/* Puts a copy of one in the place of another. -ENOMEM leaves it as it was. */
int px_token_set_other(struct px_token_other *other, const struct px_token_other *value)
	PX_MUST_CHECK;

/* There is no change under way (any more). */
void px_token_clear_other(struct px_token_other *other);

void px_token_free(struct px_token **token);

static inline void px_token_cleanup(struct px_token **token)
{
	px_token_free(token);
}

#endif
