/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* Request targets: percent-decoding, done exactly once, and query parameters. */
#ifndef DCOSD_URI_H
#define DCOSD_URI_H

#include <stdbool.h>

/* The decoded text, to be freed; NULL where an escape is malformed or stands for NUL. */
char *dcosd_uri_decode(const char *encoded);

/* Whether QUERY (may be NULL) holds PARAMETER, such as "list=true". */
bool dcosd_uri_query_has(const char *query, const char *parameter);

#endif
