/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_S3_H
#define PXENC_S3_H

#include "pxenc/route.h"

/*
 * The part of S3 that pxenc-fetch speaks: one GET that pxenc has signed, and what its answer says
 * of the keys.
 */

/*
 * PX_OK: the keys are good, and may list what was asked for. PX_UNAUTHENTICATED: they are refused.
 * PX_FORBIDDEN: they are known, but may not. PX_NO_SECRET: there is no such bucket. PX_UNTRUSTED:
 * any other answer. Else px_route_ask's.
 */
enum px_status px_s3_ask(struct px_route *route, const char *target, char *const *headers,
			 struct px_cause *cause) PX_MUST_CHECK;

#define PX_S3_CODE_MAX 48

/* The word in <Code>…</Code> of an error's body; "" where there is none of letters and digits. */
void px_s3_error_code(const char *body, size_t len, char ret_code[PX_S3_CODE_MAX]);

#endif
