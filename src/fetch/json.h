/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_FETCH_JSON_H
#define PXENC_FETCH_JSON_H

#include <stddef.h>
#include <stdint.h>

/* The "exp" member of a JWT's payload, for jwt.c: json.c alone knows cJSON. 0: none that is sane.
 */
int64_t px_json_expiry(const char *json, size_t len);

#endif
