/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_VOLUME_HEADER_PRIVATE_H
#define PXENC_VOLUME_HEADER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "pxenc/header.h"
#include "pxenc/log.h"

/* What the parts of the allowlist share. Nobody else includes this. */

#define PX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What is known of the header while its parts are checked one after another. */
struct px_check {
	const char *device;
	uint64_t device_size;
	struct px_area keyslots_area;
	uint32_t keyslots; /* a bit for each that exists */
	struct px_header *header;
};

#define PX_REFUSE(check, fmt, ...)                                                                 \
	px_fail(PX_BAD_HEADER, "%s: the header is refused: " fmt, (check)->device, ##__VA_ARGS__)

/* header.c: whether an object has these members and no others; what names it in the refusal. */
enum px_status px_check_shape(const struct px_check *check, const cJSON *object, const char *what,
			      const struct px_json_member *members, size_t count) PX_MUST_CHECK;
bool px_is_one_of(const char *text, const char *const list[], size_t count);

/* header.c: one segment's cipher, sector size and offset, which become the header's. */
enum px_status px_check_segment_values(struct px_check *check, const cJSON *segment,
				       const char *what) PX_MUST_CHECK;

/* header-digests.c: the volume key's digest, and those of unbound keyslots. */
enum px_status px_check_digests(const struct px_check *check, const cJSON *digests) PX_MUST_CHECK;

/* header-reencrypt.c: what a header has while its volume key is changed: the segments, and the
 * keyslot that holds no key but the state. */
enum px_status px_check_reencrypt_segments(struct px_check *check, const cJSON *segments)
	PX_MUST_CHECK;
enum px_status px_check_reencrypt_keyslot(struct px_check *check, const cJSON *keyslot,
					  const char *what) PX_MUST_CHECK;

/* header-keyslots.c: an area among the keyslots, which overlaps no other. */
enum px_status px_check_area(struct px_check *check, const cJSON *area, uint64_t size_min,
			     const char *what) PX_MUST_CHECK;

/* header-config.c: flags and requirements; the sizes, which give the keyslots' area. */
enum px_status px_check_config(struct px_check *check, const cJSON *config) PX_MUST_CHECK;

/* header-keyslots.c: all of them, once the segment's cipher is known. */
enum px_status px_check_keyslots(struct px_check *check, const cJSON *keyslots) PX_MUST_CHECK;

/* header-cipher.c: whether the cipher is one of ours with any key. */
bool px_cipher_known(const char *cipher);

/* header-pbkdf.c: a keyslot's kdf; the hash, iterations and salt of a pbkdf2, whose members are
 * known to be there; a hash alone; the bytes that a base64 text holds, 0 when it is none. */
enum px_status px_check_kdf(const struct px_check *check, const cJSON *kdf, const char *what)
	PX_MUST_CHECK;
enum px_status px_check_pbkdf2(const struct px_check *check, const cJSON *object, const char *what)
	PX_MUST_CHECK;
bool px_hash_allowed(const char *hash);
size_t px_base64_len(const char *text);

#endif
