/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include <errno.h>

#include "luks-private.h"
#include "pxenc/log.h"

#define SECTOR 512

static enum px_status measure(struct px_luks *luks, const char *name,
			      struct crypt_active_device *ret_active)
{
	int r;

	px_luks_listen();
	r = crypt_get_active_device(luks->cd, name, ret_active);
	return r < 0 ? px_luks_failed(name, "its size cannot be found out", r) : PX_OK;
}

/*
 * The kernel is given a new table, and where the volume key lies in its keyring rather than in the
 * table, the key has to be in there once more: a test with this flag leaves it there, until our
 * process ends.
 */
static int give_key(struct px_luks *luks, const struct px_secret *key, int slot)
{
	px_luks_listen();
	return crypt_activate_by_passphrase(luks->cd, NULL, slot, px_luks_key_text(key),
					    px_secret_len(key), CRYPT_ACTIVATE_KEYRING_KEY);
}

static int resize(struct px_luks *luks, const char *name)
{
	px_luks_listen();
	return crypt_resize(luks->cd, name, 0);
}

enum px_status px_luks_resize(struct px_luks *luks, const char *name, const struct px_secret *key,
			      bool named_slot, uint64_t *ret_before, uint64_t *ret_now)
{
	struct crypt_active_device before = { .flags = 0 }, now = { .flags = 0 };
	int slot = CRYPT_ANY_SLOT, r = 0;
	enum px_status status = px_luks_find_slot(luks, named_slot, &slot);

	if (status == PX_OK)
		status = measure(luks, name, &before);
	if (status != PX_OK)
		return status;
	if (before.flags & CRYPT_ACTIVATE_KEYRING_KEY)
		r = give_key(luks, key, slot);
	if (r == -EPERM || r == -ENOENT)
		return px_luks_bad_key(luks, slot);
	if (r >= 0)
		r = resize(luks, name);
	if (r < 0)
		return px_luks_failed(name, "cannot be resized", r);
	status = measure(luks, name, &now);
	if (status != PX_OK)
		return status;
	*ret_before = before.size * SECTOR;
	*ret_now = now.size * SECTOR;
	return PX_OK;
}
