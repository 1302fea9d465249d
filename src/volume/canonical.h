/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_CANONICAL_H
#define PXENC_VOLUME_CANONICAL_H

#include <stddef.h>

#include "pxenc/cleanup.h"

/*
 * The seal that a LUKS2 header bears in our LUKS2 token; px_seal_text's companion, in the file
 * that knows JSON. -ENOENT: it bears none. -EINVAL, -ENOMEM.
 */
int px_seal_stored(const char *json, size_t len, char **ret_seal) PX_MUST_CHECK;

/*
 * A LUKS2 header's JSON as it will be when this LUKS2 token lies in it under this number, for
 * px_seal_make: the seal is there before the token is written. -EINVAL, -ENOMEM.
 */
int px_seal_put_token(const char *json, size_t len, int number, const char *token, char **ret_json)
	PX_MUST_CHECK;

#endif
