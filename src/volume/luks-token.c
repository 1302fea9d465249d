/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <string.h>

#include "canonical.h"
#include "luks-private.h"
#include "pxenc/key.h"
#include "pxenc/log.h"
#include "pxenc/seal.h"

/* Our LUKS2 token, written with its seal in one write: the header is never without. */

/* The number that libcryptsetup gives a new LUKS2 token: the lowest that is free. */
static int free_number(const struct px_luks *luks)
{
	const char *type;

	for (int number = 0; number < crypt_token_max(CRYPT_LUKS2); number++)
		if (crypt_token_status(luks->cd, number, &type) == CRYPT_TOKEN_INACTIVE)
			return number;
	return -ENOSPC;
}

/* The seal of the header as it will be when this LUKS2 token lies in it. */
static int make_seal(struct px_luks *luks, int number, const char *token,
		     const struct px_secret *key, char **ret_seal)
{
	px_auto(free) char *future = NULL;
	const char *json = NULL;
	int r = crypt_dump_json(luks->cd, &json, 0);

	if (r == 0)
		r = px_seal_put_token(json, strlen(json), number, token, &future);
	if (r == 0)
		r = px_seal_make(future, strlen(future), px_luks_uuid(luks), key, ret_seal);
	return r;
}

/* The JSON of a token with the seal that key gives it, or none. */
static int seal_token(struct px_luks *luks, int number, const struct px_token *token,
		      const struct px_secret *key, char **ret_json)
{
	px_auto(free) char *seal = NULL;
	struct px_token sealed = *token;
	char *json;
	int r;

	sealed.seal = NULL;
	if (px_key_is_generated(key)) {
		px_auto(free) char *bare = px_token_format(&sealed);

		r = bare ? make_seal(luks, number, bare, key, &seal) : -ENOMEM;
		if (r < 0)
			return r;
		sealed.seal = seal;
	}
	json = px_token_format(&sealed);
	if (!json)
		return -ENOMEM;
	*ret_json = json;
	return 0;
}

enum px_status px_luks_set_token(struct px_luks *luks, const struct px_token *token,
				 const struct px_secret *key)
{
	px_auto(free) char *json = NULL;
	int number = luks->header && luks->header->token_id >= 0 ? luks->header->token_id
								 : free_number(luks);
	int r;

	px_luks_listen();
	r = number < 0 ? number : seal_token(luks, number, token, key, &json);
	if (r < 0)
		return px_luks_failed(luks->device, "the header cannot be sealed", r);
	r = crypt_token_json_set(luks->cd, number, json);
	if (r < 0)
		return px_luks_failed(luks->device, "the LUKS2 token cannot be written", r);
	return px_luks_refresh(luks);
}

static bool is_ours(const struct px_luks *luks, int number)
{
	const char *type = NULL;

	crypt_token_status(luks->cd, number, &type);
	return type && strcmp(type, PX_TOKEN_TYPE) == 0;
}

enum px_status px_luks_drop_token(struct px_luks *luks)
{
	int r = 0;

	px_luks_listen();
	for (int number = 0; r >= 0 && number < crypt_token_max(CRYPT_LUKS2); number++)
		if (is_ours(luks, number))
			r = crypt_token_json_set(luks->cd, number, NULL);
	return r < 0 ? px_luks_failed(luks->device, "the LUKS2 token cannot be removed", r) : PX_OK;
}

enum px_status px_luks_sealed(struct px_luks *luks, char **ret_text)
{
	const char *json = NULL;
	enum px_status status = px_luks_json(luks, &json);
	int r;

	if (status != PX_OK)
		return status;
	r = px_seal_text(json, strlen(json), px_luks_uuid(luks), ret_text);
	if (r == -ENOMEM)
		return px_nomem();
	return r < 0 ? px_fail(PX_BAD_HEADER, "%s: its header has nothing that could be sealed",
			       luks->device)
		     : PX_OK;
}

enum px_status px_luks_set_subsystem(struct px_luks *luks)
{
	const char *own = crypt_get_label(luks->cd);
	/* libcryptsetup copies it to where it lies. */
	px_auto(free) char *label = strdup(own ? own : "");
	int r;

	if (!label)
		return px_nomem();
	px_luks_listen();
	r = crypt_set_label(luks->cd, label, PX_SUBSYSTEM);
	return r < 0 ? px_luks_failed(luks->device, "the subsystem label cannot be written", r)
		     : PX_OK;
}
