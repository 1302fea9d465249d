/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_PLUGIN_H
#define PXENC_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#include <libcryptsetup.h>

#include "pxenc/cleanup.h"
#include "pxenc/secret.h"

/*
 * libcryptsetup-token-pxenc.so runs in other people's processes, root's among them: cryptsetup,
 * systemd-cryptsetup, udisks. It knows nothing of stores or keys; it asks pxenc, which does, and
 * keeps the answer in locked memory until libcryptsetup has used it.
 *
 * What libcryptsetup calls, as its <libcryptsetup.h> has them. -EINVAL, -EPERM and what is
 * positive it takes for -ENOENT.
 */

/* The key of the volume whose header cd has loaded. -ENOENT: pxenc has none to give, -EAGAIN: the
 * store did not answer, -ENOMEM; the cause has been said. Only -ENOMEM keeps libcryptsetup from
 * trying further LUKS2 tokens; after all of them its callers ask for a passphrase. */
int cryptsetup_token_open(struct crypt_device *cd, int token, char **buffer, size_t *buffer_len,
			  void *usrptr);
void cryptsetup_token_buffer_free(void *buffer, size_t buffer_len);

/* -EINVAL, with a word about it, for what is no LUKS2 token of ours at first sight. Who may read
 * which secret by it is for pxenc to judge, in cryptsetup_token_open. */
int cryptsetup_token_validate(struct crypt_device *cd, const char *json);

/* The lines of a LUKS2 token in luksDump. */
void cryptsetup_token_dump(struct crypt_device *cd, const char *json);

const char *cryptsetup_token_version(void);

/* Asks pxenc, and passes on what it says. Errors as of cryptsetup_token_open. */
int px_plugin_ask(struct crypt_device *cd, struct px_secret **ret_key) PX_MUST_CHECK;

/* Says one line about what went wrong, by way of libcryptsetup's log. Bytes that could drive a
 * terminal are shown as '?'. */
void px_plugin_say(struct crypt_device *cd, const char *fmt, ...) PX_PRINTF(2, 3);

/* A member's value, within the text of its object: a string without its quotes, and with its
 * escapes as they are. */
struct px_member {
	const char *text;
	int len; /* as printf's %.*s takes it */
	bool is_string;
};

/* The first member of that name in a JSON object, not in what is nested in it. libcryptsetup has
 * parsed the text; of what is malformed no byte beyond its end is read. */
bool px_plugin_member(const char *json, const char *name, struct px_member *ret_member);

#endif
