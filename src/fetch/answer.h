/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_ANSWER_H
#define PXENC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "pxenc/http.h"

/* What DC/OS answers, read before it is believed. */

#define PX_JSON_TYPE "application/json"

/* The body; "" when there is none. */
const char *px_answer_text(const struct px_http_answer *answer);
size_t px_answer_len(const struct px_http_answer *answer);

/* By the media type without its parameters. */
bool px_answer_has_type(const struct px_http_answer *answer, const char *type);

/* Whether it is a refusal that the API did not write: Admin Router's, or some proxy's. */
bool px_answer_is_foreign(const struct px_http_answer *answer);

/* What a parser's -errno means for its caller; -ENOENT: the answer is of the wrong type. what was
 * asked: "the login", "reading 'pwx/secrets/a'". */
enum px_status px_answer_not_parsed(int r, const char *what, struct px_cause *cause) PX_MUST_CHECK;

/* The failure of a code that no operation expects. */
enum px_status px_answer_unexpected(const struct px_http_answer *answer, const char *what,
				    struct px_cause *cause) PX_MUST_CHECK;

#endif
