/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#ifndef PXENC_HEADER_H
#define PXENC_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pxenc/status.h"
#include "pxenc/token.h"

/*
 * The allowlist for LUKS headers. LUKS2's JSON is checksummed, not authenticated: whoever can
 * write to the disk can ask for cipher_null and still have the right key open it. So nothing is
 * taken that we would not have written, or cryptsetup with plain options.
 */

/* Bytes; enough for the largest header and any alignment. Beyond it, somebody hides something. */
#define PX_DATA_OFFSET_MAX ((uint64_t)1 << 30)

/* An area of the device, in bytes from its start. */
struct px_area {
	uint64_t start, end;
};

#define PX_KEYSLOTS_MAX 32

/* What a LUKS2 header says, after the allowlist let it through. */
struct px_header {
	char *cipher;		  /* "aes-xts-plain64" */
	uint64_t data_offset;	  /* bytes */
	unsigned int sector_size; /* bytes */
	size_t copy_size;	  /* bytes of each of its two copies; the keyslots follow */
	struct px_area areas[PX_KEYSLOTS_MAX]; /* of the keyslots, in the order of their names */
	size_t area_count;
	struct px_token *token; /* ours; NULL: the volume has none */
	int token_id;		/* LUKS2 token number, -1 with no token */
	bool reencrypting;	/* its data is being written anew, under another volume key */
};

/*
 * Checks a LUKS2 header's JSON (as crypt_dump_json gives it): one segment, type crypt, dynamic
 * size, sane offset, cipher one of ours for segment and keyslots, known PBKDFs of bounded cost,
 * one digest for it, known flags, at most one token of ours, and that one parses. No requirement
 * but that of a reencryption which our token says is under way; then there are segments of both
 * volume keys, alike in all else.
 * device_size in bytes bounds the offsets. PX_BAD_HEADER names what was refused.
 */
enum px_status px_header_check(const char *json, size_t len, uint64_t device_size,
			       const char *device, struct px_header **ret_header) PX_MUST_CHECK;

/* Whether a cipher specification ("aes-xts-plain64") is one of ours; key_bits is the volume
 * key's. Used for LUKS1 and for --cipher too. */
bool px_cipher_allowed(const char *cipher, unsigned int key_bits);

/* The ciphers that may be, for a person to choose from: "a, b, c". The caller frees; NULL: no
 * memory. */
char *px_cipher_names(void);

/* Whether a PBKDF2 has one of our hashes and a bounded cost: the rule for LUKS1 as well. */
bool px_pbkdf2_allowed(const char *hash, uint32_t iterations);

void px_header_free(struct px_header **header);

static inline void px_header_cleanup(struct px_header **header)
{
	px_header_free(header);
}

#endif
