/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <stdio.h>
#include <string.h>

#include "luks-private.h"
#include "pxenc/log.h"

/* LUKS1 has no JSON and no LUKS2 token; what it does have gets the same rules. */

#define KEYSLOTS 8
/* Where the header has the iterations of its digest, for which libcryptsetup has no function. */
#define DIGEST_ITERATIONS_AT 164

static bool keyslots_allowed(struct crypt_device *cd)
{
	for (int slot = 0; slot < KEYSLOTS; slot++) {
		struct crypt_pbkdf_type pbkdf = { .hash = NULL };

		if (crypt_keyslot_status(cd, slot) < CRYPT_SLOT_ACTIVE)
			continue;
		if (crypt_keyslot_get_pbkdf(cd, slot, &pbkdf) < 0 ||
		    !px_pbkdf2_allowed(pbkdf.hash, pbkdf.iterations))
			return false;
	}
	return true;
}

static bool digest_allowed(const struct px_luks_start *start)
{
	const unsigned char *at = start->bytes + DIGEST_ITERATIONS_AT;

	return px_pbkdf2_allowed("sha1", (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
						 (uint32_t)at[2] << 8 | at[3]);
}

/* LUKS1's older default: its sector numbers have 32 bits, which is good for 2 TiB. */
static bool cipher_allowed(const char *cipher, unsigned int key_bits)
{
	if (strcmp(cipher, "aes-xts-plain") == 0)
		cipher = "aes-xts-plain64";
	return px_cipher_allowed(cipher, key_bits);
}

static enum px_status describe(struct px_luks *luks)
{
	struct px_header *header = calloc(1, sizeof(*header));

	luks->header = header;
	if (!header)
		return px_nomem();
	header->token_id = -1;
	header->sector_size = 512;
	header->data_offset = crypt_get_data_offset(luks->cd) * 512;
	if (asprintf(&header->cipher, "%s-%s", crypt_get_cipher(luks->cd),
		     crypt_get_cipher_mode(luks->cd)) < 0) {
		header->cipher = NULL;
		return px_nomem();
	}
	return PX_OK;
}

enum px_status px_luks1_check(struct px_luks *luks, const struct px_luks_start *start)
{
	const char *fault = NULL;
	enum px_status status = describe(luks);

	if (status != PX_OK)
		return status;
	if (!cipher_allowed(luks->header->cipher, px_luks_key_bits(luks)))
		fault = "its cipher is not one of ours";
	else if (luks->header->data_offset == 0 || luks->header->data_offset > PX_DATA_OFFSET_MAX ||
		 luks->header->data_offset >= luks->device_size)
		fault = "the offset of its data is not sane";
	else if (!keyslots_allowed(luks->cd) || !digest_allowed(start))
		fault = "the hash or the iterations of its PBKDF2 are not sane";
	if (fault)
		return px_fail(PX_BAD_HEADER, "%s: the LUKS1 header is refused: %s", luks->device,
			       fault);
	return PX_OK;
}
