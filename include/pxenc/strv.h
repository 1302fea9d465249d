/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_STRV_H
#define PXENC_STRV_H

#include <stddef.h>

#include "pxenc/cleanup.h"

/* NULL-terminated lists of owned strings. A NULL list is an empty one. */
size_t px_strv_len(char *const *strv);

/* Appends a copy of text. -ENOMEM leaves the list as it was. */
int px_strv_add(char ***strv, const char *text) PX_MUST_CHECK;

/* All in one text, with separator between them; allocated, "" for an empty list. NULL: ENOMEM. */
char *px_strv_join(char *const *strv, const char *separator) PX_MUST_CHECK;

/* Sorts by byte values. */
void px_strv_sort(char **strv);

/* Frees all and sets *strv to NULL. */
void px_strv_free(char ***strv);

static inline void px_strv_cleanup(char ***strv)
{
	px_strv_free(strv);
}

#endif
