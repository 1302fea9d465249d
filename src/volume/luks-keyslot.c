/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "luks-private.h"
#include "pxenc/key.h"
#include "pxenc/log.h"

/* Keyslots that are added to a volume, proved and destroyed, each by its number. */

#define KEYSLOT_CIPHER "aes-xts-plain64"
#define KEYSLOT_KEY_SIZE 64

#define KEYSLOTS_MAX 32

/*
 * A key that says that it is random needs no costly PBKDF, neither in the keyslot nor, when set
 * before crypt_format, in the volume key's digest. For others cryptsetup finds the cost right
 * here. Its defaults are asked for by type: a context that is not formatted yet takes LUKS1's.
 */
int px_luks_set_pbkdf(struct px_luks *luks, const struct px_secret *key)
{
	static const struct crypt_pbkdf_type cheap = {
		.type = CRYPT_KDF_PBKDF2,
		.hash = "sha512",
		.iterations = 1000,
		.flags = CRYPT_PBKDF_NO_BENCHMARK,
	};

	return crypt_set_pbkdf_type(
		luks->cd, px_key_is_random(key) ? &cheap : crypt_get_pbkdf_default(CRYPT_LUKS2));
}

int px_luks_write_keyslot(struct px_luks *luks, int slot, const struct px_secret *volume_key,
			  const struct px_secret *key)
{
	/* Without, libcryptsetup takes the cipher of the segment. */
	int r = crypt_keyslot_set_encryption(luks->cd, KEYSLOT_CIPHER, KEYSLOT_KEY_SIZE);

	if (r == 0)
		r = crypt_keyslot_add_by_volume_key(
			luks->cd, slot, volume_key ? px_luks_key_text(volume_key) : NULL,
			volume_key ? px_secret_len(volume_key) : 0, px_luks_key_text(key),
			px_secret_len(key));
	return r < 0 ? r : 0;
}

int px_luks_write_unbound(struct px_luks *luks, int slot, const struct px_secret *key)
{
	int r = crypt_keyslot_set_encryption(luks->cd, KEYSLOT_CIPHER, KEYSLOT_KEY_SIZE);

	if (r == 0)
		r = crypt_keyslot_add_by_key(luks->cd, slot, NULL, px_luks_key_bits(luks) / 8,
					     px_luks_key_text(key), px_secret_len(key),
					     CRYPT_VOLUME_KEY_NO_SEGMENT);
	return r < 0 ? r : 0;
}

bool px_luks_has_slot(const struct px_luks *luks, int slot)
{
	return crypt_keyslot_status(luks->cd, slot) >= CRYPT_SLOT_ACTIVE;
}

unsigned int px_luks_count_slots(const struct px_luks *luks)
{
	unsigned int count = 0;

	for (int slot = 0; slot < KEYSLOTS_MAX; slot++)
		count += px_luks_has_slot(luks, slot);
	return count;
}

int px_luks_free_slot(const struct px_luks *luks)
{
	for (int slot = 0; slot < KEYSLOTS_MAX; slot++)
		if (crypt_keyslot_status(luks->cd, slot) == CRYPT_SLOT_INACTIVE)
			return slot;
	return -1;
}

enum px_status px_luks_need_slot(const struct px_luks *luks, const char *device, int *ret_slot)
{
	*ret_slot = px_luks_free_slot(luks);
	if (*ret_slot >= 0)
		return PX_OK;
	return px_fail(PX_USAGE, "%s has no free keyslot: remove one with cryptsetup luksKillSlot",
		       device);
}

int px_luks_slot_salt(struct px_luks *luks, int slot, char **ret_salt)
{
	px_auto(json) cJSON *header = NULL;
	const char *json = NULL, *salt;
	char number[16], *copy;
	int r = crypt_dump_json(luks->cd, &json, 0);

	if (r == 0)
		r = px_json_parse(json, strlen(json), &header);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "%d", slot);
	salt = px_json_string(
		px_json_get(px_json_get(px_json_get(header, "keyslots"), number), "kdf"), "salt");
	if (!salt)
		return -ENOENT;
	copy = strdup(salt);
	if (!copy)
		return -ENOMEM;
	*ret_salt = copy;
	return 0;
}

bool px_luks_is_volume_key(struct px_luks *luks, const struct px_secret *volume_key)
{
	px_luks_listen();
	return crypt_volume_key_verify(luks->cd, (const char *)px_secret_bytes(volume_key),
				       px_secret_len(volume_key)) >= 0;
}

bool px_luks_is_unbound(const struct px_luks *luks, int slot)
{
	return crypt_keyslot_status(luks->cd, slot) == CRYPT_SLOT_UNBOUND;
}

int px_luks_open_slot(struct px_luks *luks, int slot, const struct px_secret *key,
		      struct px_secret **ret_volume_key)
{
	px_auto(secret) struct px_secret *volume_key = NULL;
	size_t size = px_luks_key_bits(luks) / 8;
	int r;

	if (slot >= 0 && !px_luks_has_slot(luks, slot))
		return -EPERM;
	r = px_secret_new(size, &volume_key);
	if (r < 0)
		return r;
	px_luks_listen();
	r = crypt_volume_key_get(luks->cd, slot < 0 ? CRYPT_ANY_SLOT : slot,
				 (char *)px_secret_data(volume_key), &size, px_luks_key_text(key),
				 px_secret_len(key));
	if (r < 0)
		return r == -ENOENT ? -EPERM : r;
	px_secret_set_len(volume_key, size);
	*ret_volume_key = px_steal(&volume_key);
	return r;
}

enum px_status px_luks_add_slot(struct px_luks *luks, int slot, const struct px_secret *volume_key,
				const struct px_secret *key)
{
	int r;

	px_luks_listen();
	r = px_luks_set_pbkdf(luks, key);
	if (r == 0)
		r = px_luks_write_keyslot(luks, slot, volume_key, key);
	if (r < 0)
		return px_luks_failed(luks->device, "the new keyslot cannot be written", r);
	return px_luks_refresh(luks);
}

enum px_status px_luks_destroy_slot(struct px_luks *luks, int slot)
{
	int r;

	px_luks_listen();
	r = crypt_keyslot_destroy(luks->cd, slot);
	if (r < 0)
		return px_luks_failed(luks->device, "a keyslot cannot be destroyed", r);
	return px_luks_refresh(luks);
}
