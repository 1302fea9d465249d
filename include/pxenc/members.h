/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_MEMBERS_H
#define PXENC_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/secret.h"

/*
 * A JSON object of texts, as the two programs pass it on: in a secret, NAME NUL VALUE NUL and so
 * on. pxenc-fetch takes the JSON apart, so that pxenc, which has privileges, parses none.
 */

/* The most that an object may take, and so few members that looking for one again and again costs
 * nothing. Cloud credentials come so, of which Google's key is the longest, with some 2 KB. */
#define PX_MEMBERS_MAX 16384

/* What a member takes. */
size_t px_members_size(const char *name, const char *value);

/* -ENOSPC, and nothing is changed, when it does not fit. */
int px_members_add(struct px_secret *members, const char *name, const char *value) PX_MUST_CHECK;

/* 0, or -EBADMSG: these bytes are no members, or one has no name, or two have the same. */
int px_members_check(const struct px_secret *members) PX_MUST_CHECK;

/* The following take what px_members_check has passed. */

/* The member at *pos, which moves on to the next; false after the last. */
bool px_members_next(const struct px_secret *members, size_t *pos, const char **ret_name,
		     const char **ret_value);

/* NULL: there is none of that name. */
const char *px_members_get(const struct px_secret *members, const char *name);

#endif
