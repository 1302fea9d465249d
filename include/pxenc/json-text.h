/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_JSON_TEXT_H
#define PXENC_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/secret.h"

/*
 * JSON that bears a secret, written straight into a secret's pages. A text goes into JSON if it
 * is UTF-8 without NUL.
 */
bool px_json_is_text(const void *data, size_t len);

/* {"name": "text", …} of count pairs. -E2BIG: longer than PX_SECRET_MAX. */
struct px_json_pair {
	const char *name;
	const void *text;
	size_t len;
};
int px_json_object(const struct px_json_pair *pairs, size_t count, struct px_secret **ret_json)
	PX_MUST_CHECK;

#endif
