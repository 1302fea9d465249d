/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_JSON_H
#define PXENC_VOLUME_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "pxenc/cleanup.h"

/*
 * JSON that lies on a disk, read strictly: what cJSON and libcryptsetup's json-c could take for
 * two different things (members that occur twice, NULs within strings) is refused.
 */

/* The longest JSON area that LUKS2 has. */
#define PX_JSON_MAX ((size_t)4 << 20)

/* The parsed text, with the members of every object sorted by name. -ENOMEM; -EINVAL, which may
 * also be cJSON's lack of memory: it does not tell. */
int px_json_parse(const char *text, size_t len, cJSON **ret_json) PX_MUST_CHECK;

enum px_json_type {
	PX_JSON_STRING,
	PX_JSON_NUMBER,
	PX_JSON_BOOL,
	PX_JSON_ARRAY,
	PX_JSON_OBJECT,
};

struct px_json_member {
	const char *name;
	enum px_json_type type;
	bool optional;
};

/*
 * Whether an object has these members, of these types, and no others: NULL, or what is wrong
 * ("is missing") with the member that *ret_name points to.
 */
const char *px_json_fault(const cJSON *object, const struct px_json_member *members, size_t count,
			  const char **ret_name);

/* A member by its exact name; NULL: there is none, or object is not an object. */
cJSON *px_json_get(const cJSON *object, const char *name);

/* A member's string, NULL when it is not a string. */
const char *px_json_string(const cJSON *object, const char *name);

/* A number that LUKS2 writes as a decimal string. -EINVAL. */
int px_json_u64(const cJSON *object, const char *name, uint64_t *ret_value) PX_MUST_CHECK;

/* An integer between min and max. -EINVAL: not a whole number; -ERANGE. */
int px_json_u32(const cJSON *object, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_value) PX_MUST_CHECK;

/* The number of a keyslot, LUKS2 token, segment or digest as it names an object's member or
 * stands in a list: "0" to "31"; -1: it is none. */
int px_json_index(const char *text);

static inline void px_json_cleanup(cJSON **json)
{
	cJSON_Delete(*json);
}

#endif
