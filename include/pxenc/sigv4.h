/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_SIGV4_H
#define PXENC_SIGV4_H

#include <time.h>

#include "pxenc/cleanup.h"

/*
 * AWS Signature Version 4, as the S3 documentation has it ("Authenticating Requests: Using the
 * Authorization Header"), for a request without a body. It does no I/O, and the time is the
 * caller's.
 */
struct px_sigv4 {
	const char *method; /* "GET" */
	const char *host;   /* as the Host header has it */
	const char *path;   /* escaped */
	const char *query;  /* escaped, in the order of its names, each with its "="; or "" */
	const char *region;
	const char *access_key;
	const char *secret_key; /* the caller's px_secret */
	time_t when;
};

/* The headers that are signed beside Host: X-Amz-Content-Sha256, that of no body, and X-Amz-Date.
 */
#define PX_SIGV4_NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PX_SIGV4_DATE_SIZE sizeof("20130524T000000Z")

/* The value of X-Amz-Date and that of Authorization. -ENOMEM, or -EIO when libcrypto fails. */
int px_sigv4_sign(const struct px_sigv4 *request, char ret_date[PX_SIGV4_DATE_SIZE],
		  char **ret_authorization) PX_MUST_CHECK;

#endif
