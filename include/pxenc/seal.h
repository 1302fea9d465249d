/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SEAL_H
#define PXENC_SEAL_H

#include <stddef.h>

#include "pxenc/secret.h"

/*
 * The seal: an HMAC-SHA256 in our LUKS2 token over everything in the header whose change would
 * alter what is read, written or trusted. Its key is HKDF-SHA256(secret, salt = uuid,
 * info = "pxenc seal v1"). Only generated keys seal: under a human passphrase it would be a
 * cheaper way to guess the passphrase than the keyslot's argon2id.
 *
 * Sealed: the uuid; the segment; the digest (its list of keyslots apart); the config (flags,
 * requirements and sizes); our keyslot; our LUKS2 token but for the seal itself. Other keyslots
 * are not: we never open them, and adding one takes the volume key.
 */

/* The canonical text that is sealed (sorted keys, no white space). -EINVAL, -ENOMEM. */
int px_seal_text(const char *json, size_t len, const char *uuid, char **ret_text) PX_MUST_CHECK;

/* The seal, base64url without padding. -errno. */
int px_seal_make(const char *json, size_t len, const char *uuid, const struct px_secret *key,
		 char **ret_seal) PX_MUST_CHECK;

/* 0: the header's seal is right under key. -ENOENT: it has none; -EBADMSG: it has another; other
 * -errno: it could not be checked. */
int px_seal_verify(const char *json, size_t len, const char *uuid, const struct px_secret *key)
	PX_MUST_CHECK;

/*
 * The proof that whoever wrote a uuid down knew the generated key that was made for it: an HMAC
 * of the uuid under HKDF-SHA256(secret, salt = uuid, info = "pxenc format v1"), base64url. -errno.
 */
int px_seal_prove(const char *uuid, const struct px_secret *key, char **ret_proof) PX_MUST_CHECK;

/* 0: it is; -EBADMSG: it is not; other -errno: it could not be checked. */
int px_seal_check_proof(const char *proof, const char *uuid, const struct px_secret *key)
	PX_MUST_CHECK;

/*
 * By which a key is known again that a rotation puts at a path, or takes from one: an HMAC under
 * the key, over the path (relative). Of generated keys only, for the reason above. -errno;
 * px_seal_check_mark: -EBADMSG, it is another key.
 */
int px_seal_mark(const char *uuid, const char *secret, const struct px_secret *key, char **ret_mark)
	PX_MUST_CHECK;
int px_seal_check_mark(const char *mark, const char *uuid, const char *secret,
		       const struct px_secret *key) PX_MUST_CHECK;

#endif
