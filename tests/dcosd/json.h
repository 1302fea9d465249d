/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
/* What the API modules need beyond cJSON itself. */
#ifndef DCOSD_JSON_H
#define DCOSD_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

/*
 * Parses exactly LEN bytes, which a NUL must follow. NULL if that is not JSON, or if a string in it
 * holds an escaped NUL: cJSON would cut the string there and say nothing.
 */
cJSON *dcosd_json_parse(const char *text, size_t len);

/* The member's text, owned by OBJECT; NULL if it is missing or no string. */
const char *dcosd_json_string(const cJSON *object, const char *name);

/* TEXT as a JSON string with its quotes, to be freed. */
char *dcosd_json_quote(const char *text);

/* Prints on one line and deletes OBJECT; to be freed. */
char *dcosd_json_compact(cJSON *object);
/* Prints over several lines with a newline at the end, as the IAM does, and deletes OBJECT. */
char *dcosd_json_pretty(cJSON *object);

void dcosd_json_cleanup(cJSON **object);
#define DCOSD_CLEANUP_JSON __attribute__((cleanup(dcosd_json_cleanup)))

#endif
