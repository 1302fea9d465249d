/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SEAL_DIFF_H
#define PXENC_SEAL_DIFF_H

#include "pxenc/cleanup.h"

/*
 * What was changed in a header, in words for a person, one change each ("flag no-read-workqueue
 * added"). The texts are px_seal_text's. *ret_words is NULL when there is nothing to say;
 * px_strv_free frees it. -EINVAL: no such text; -ENOMEM.
 */

/* From one header to the other. */
int px_seal_diff(const char *was, const char *is, char ***ret_words) PX_MUST_CHECK;

/* Where the header before is not known: what pxenc does not write by default. */
int px_seal_unusual(const char *is, char ***ret_words) PX_MUST_CHECK;

#endif
